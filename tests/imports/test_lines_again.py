"""Lines that meet what stands in the book: spelled anew, after a reversal, with another last day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from ledger import tables
from ledger.accounts.contributing import Contribute
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.imports import Summary
from ledger.people.enrolments import Enrol
from ledger.verify import verify
from tests.support.office import ACCOUNTS, CONTRIBUTIONS, SPENDINGS, Office, counts
from tests.support.people import SomeoneFactory

ENROLMENTS = "account,member_class,employer,from,to"


@pytest.fixture
def office(engine: Engine, tmp_path: Path) -> Office:
    return Office(engine, tmp_path)


def entry_of(office: Office, account: int, kind: Kind) -> int:
    e = tables.entry.c
    with office.world.engine.connect() as connection, connection.begin():
        query = select(e.seq).where(e.book_id == account, e.kind == int(kind)).order_by(e.seq.desc())
        return connection.execute(query.limit(1)).scalar_one()


def previewed(office: Office, path: Path) -> Summary:
    with office.world.engine.connect() as connection:
        return office.importer(connection).preview(path)


def test_one_text_however_it_is_spelled_is_one_line(office: Office) -> None:
    person = SomeoneFactory()
    office.world.one(office.world.opening(person))
    one = f"{person.id_number},c 1,2026-03,2026-04-15,160.00"
    for text, told in ((one, (1, 1, 0, 0)), (one.replace("c 1", " ｃ\u3000１\u200b"), (1, 0, 1, 0))):
        assert counts(office.run(office.file(CONTRIBUTIONS, [text]))) == told
    spent = f"{person.id_number},s1,H0001,2026-05-01,1.00,false"
    for text, told in ((spent, (1, 1, 0, 0)), (spent.replace("H0001", "Ｈ０００１ "), (1, 0, 1, 0))):
        assert counts(office.run(office.file(SPENDINGS, [text]))) == told


def test_a_name_that_names_nobody_is_told_by_its_column(office: Office) -> None:
    wrong = office.run(office.file(ACCOUNTS, [
        f"{SomeoneFactory().id_number},张?,990100,2026-01-01",
        "12,张?,990100,2026-01-01",
        f"{SomeoneFactory().id_number},{'长' * 201},990100,2026-01-01",
    ]))  # fmt: skip
    assert [(line["code"], line["column"]) for line in office.rejected_lines(wrong)] == [
        ("name_invalid", "name"), ("name_invalid", "name"), ("shape_invalid", ""),
    ]  # fmt: skip


def test_a_line_whose_entry_was_reversed_is_there_until_it_has_a_key_of_its_own(office: Office) -> None:
    person = SomeoneFactory()
    account = office.world.one(office.world.opening(person)).book_id
    office.world.one(Contribute(account, 16_000, 202603, date(2026, 4, 15), "c1"))
    spent = f"{person.id_number},s1,H0001,2026-05-01,1.00,false"
    assert counts(office.run(office.file(SPENDINGS, [spent]))) == (1, 1, 0, 0)
    seq = entry_of(office, account, Kind.SPENDING)
    office.world.one(Reverse(account, seq, "by mistake"))
    assert counts(office.run(office.file(SPENDINGS, [spent]))) == (1, 0, 1, 0)
    keyed = office.file(f"{SPENDINGS},idempotency_key", [f"{spent},anew"])
    assert counts(office.run(keyed)) == (1, 1, 0, 0)
    assert entry_of(office, account, Kind.SPENDING) > seq
    # what stands now is refused under another amount, and there under its own, whatever its key
    other = office.file(SPENDINGS, [spent.replace("1.00", "2.00")])
    assert office.rejected(office.run(other)) == [(2, "duplicate_source_ref")]
    again = office.file(f"{SPENDINGS},idempotency_key", [f"{spent},once-more"])
    assert counts(office.run(again)) == (1, 0, 1, 0)
    assert verify(office.world.engine).clean


def test_of_two_entries_of_one_document_the_one_that_says_the_same_is_meant(office: Office) -> None:
    """A document that was reversed and sent with another amount has two entries."""
    person = SomeoneFactory()
    account = office.world.one(office.world.opening(person)).book_id
    day = date(2026, 4, 15)
    for fen, back in ((500, True), (700, True), (600, False)):
        office.world.one(Contribute(account, fen, 202603, day, "c1", "other", "", f"k{fen}"))
        if back:
            office.world.one(Reverse(account, entry_of(office, account, Kind.CONTRIBUTION), "by mistake"))
    line = f"{person.id_number},c1,2026-03,2026-04-15"
    assert counts(office.run(office.file(CONTRIBUTIONS, [f"{line},6.00"]))) == (1, 0, 1, 0)
    assert office.rejected(office.run(office.file(CONTRIBUTIONS, [f"{line},8.00"]))) == [
        (2, "duplicate_source_ref")
    ]


SENT: list[tuple[str, str, Kind]] = [
    (CONTRIBUTIONS, "{id},AP1,2026-05,2026-05-10,7.00", Kind.CONTRIBUTION),
    (SPENDINGS, "{id},AP1,H0001,2026-05-10,7.00,false", Kind.SPENDING),
]


@pytest.mark.parametrize("found_first", [True, False], ids=["found before", "never sent"])
@pytest.mark.parametrize(("heading", "line", "kind"), SENT, ids=["contributions", "spendings"])
def test_a_line_that_another_door_posted_is_there_also_once_that_was_reversed(
    office: Office, heading: str, line: str, kind: Kind, *, found_first: bool
) -> None:
    """However often a file is sent, what it says was there; only another content or a key is meant anew."""
    person, world = SomeoneFactory(), office.world
    account = world.one(world.opening(person, opening=(5_000, 0))).book_id
    day = date(2026, 5, 10)
    made = (
        Contribute(account, 700, 202605, day, "AP1", key=world.ref())
        if kind is Kind.CONTRIBUTION
        else Spend(account, 700, day, "H0001", "AP1", key=world.ref())
    )
    world.one(made)
    sent = line.format(id=person.id_number)
    file = office.file(heading, [sent])
    if found_first:
        assert [counts(office.run(file)) for _ in range(2)] == [(1, 0, 1, 0)] * 2
    for _ in range(2):
        world.one(Reverse(account, entry_of(office, account, kind), "by mistake"))
        before = office.entries(), office.balance(person.id_number)
        assert before[1] == 5_000
        again = [
            file,
            office.file(heading, [sent, sent.replace("AP1", " ＡP1\u200b")]),
            office.file(f"序号,{heading}", [f"1,{sent}"]),
        ]
        for one in again:
            for told in (previewed(office, one), office.run(one), office.run(one, caller="another")):
                assert (told.posted, told.refused, told.already) == (0, 0, told.lines)
        assert (office.entries(), office.balance(person.id_number)) == before
        # the document itself is free: other content is another line, and a key says that it is meant anew
        other = office.file(heading, [sent.replace("7.00", "9.00")])
        assert counts(previewed(office, other)) == (1, 1, 0, 0)
        keyed = office.file(f"{heading},idempotency_key", [f"{sent},anew-{before[0]}"])
        assert counts(office.run(keyed)) == (1, 1, 0, 0)
        assert counts(office.run(keyed)) == counts(office.run(file)) == (1, 0, 1, 0)
    assert verify(world.engine).clean


def test_a_line_that_was_reversed_and_corrected_is_there_in_both_its_forms(office: Office) -> None:
    person, world = SomeoneFactory(), office.world
    account = world.one(world.opening(person)).book_id
    line = f"{person.id_number},c1,2026-03,2026-04-15"
    files = [office.file(CONTRIBUTIONS, [f"{line},{amount}"]) for amount in ("7.00", "9.00", "8.00")]
    for file in files[:2]:
        assert counts(office.run(file, caller="one")) == (1, 1, 0, 0)
        world.one(Reverse(account, entry_of(office, account, Kind.CONTRIBUTION), "by mistake"))
    assert counts(office.run(files[2])) == (1, 1, 0, 0)
    # all three, of which one stands; the account takes no more money, and what was there was there
    both = office.file(CONTRIBUTIONS, [f"{line},{amount}" for amount in ("7.00", "8.00", "9.00")])
    assert counts(office.run(both)) == (3, 0, 3, 0)
    assert office.balance(person.id_number) == 800
    assert verify(world.engine).clean


def test_an_enrolment_is_found_by_its_command(office: Office) -> None:
    person = SomeoneFactory()
    account = office.world.one(office.world.opening(person)).book_id
    office.world.one(Enrol(account, MemberClass.FLEXIBLE, None, date(2026, 1, 1), None))
    line = f"{person.id_number},flexible,,2026-01-01,"
    assert counts(office.run(office.file(ENROLMENTS, [line, line]))) == (2, 0, 2, 0)
    ended = office.run(office.file(ENROLMENTS, [f"{line}2026-06-30"]))
    [told] = office.rejected_lines(ended)
    assert (told["code"], told["column"]) == ("enrolment_differs", "to")
