"""A database written by the last version is taken over: it migrates, verifies, answers as before and goes on.

`tests/fixtures/before/` keeps a small one of each kind and what was in it; its README.md tells how they came
about. They are never written anew by a later version: then they would prove nothing.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, make_url, select, text
from sqlalchemy.exc import DBAPIError

from ledger import (
    Capture,
    Command,
    Confirm,
    Contribute,
    Hold,
    Kind,
    Posted,
    ReceivePayment,
    ReportDeath,
    Reverse,
    Side,
    Spend,
    connect,
    persons,
    reports,
    tables,
)
from ledger.accounts.year_end import YEAR_END
from ledger.book.numbers import parse_entry_name
from ledger.care import case_reports
from ledger.care.manual_claims import DecideClaim
from ledger.care.third_party import RecordRecovery
from ledger.chart.parties import Party
from ledger.chart.registers import Register
from ledger.operations.installation import say_what_was_there
from ledger.people import compared_names, whose
from ledger.refusals import Refused
from ledger.verify import verify
from tests.check import migrate, models_equal_migrations
from tests.support.clinic import Clinic
from tests.support.office import CONTRIBUTIONS, Office, counts
from tests.support.people import AREA, KEYRING, Someone, World, id_number, noon
from tests.support.stories import Heir, estate

BEFORE = Path(__file__).resolve().parent.parent / "fixtures/before"
TOLD: dict[str, Any] = json.loads((BEFORE / "expected.json").read_text(encoding="utf-8"))
LAST_DAY = date.fromisoformat(TOLD["last_day"])
# when the later version takes over
TODAY = date(2027, 6, 10)
MARCH_15 = date(2027, 3, 15)
BORN = date(1985, 3, 14)
ZHANG, LI = Someone(id_number(1, born=BORN), "张三"), Someone(id_number(2, born=BORN), "李四")
# tables of which no row may ever change; a rebuilt table forgets its triggers
APPEND_ONLY = (
    "entry", "transfer", "policy", "levy_line", "assessment_line", "declared_line", "enrolment", "settlement",
    "filing", "manual_claim",
)  # fmt: skip


# -- the database of before --------------------------------------------------------------------------------


def restore(url: str) -> str:
    """Put the database of before where there is none yet, just as it was written."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        Path(str(parsed.database)).write_bytes(gzip.decompress((BEFORE / "ledger.sqlite.gz").read_bytes()))
        return url
    dump = gzip.decompress((BEFORE / "ledger.sql.gz").read_bytes())
    plain = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        connection.execute(dump, prepare=False)
    return url


def migrated(new_database: Callable[[bool], str]) -> Iterator[Engine]:
    url = restore(new_database(False))
    migrate(url)
    engine = connect(url)
    say_what_was_there(engine, KEYRING, lambda: (noon(TODAY), TODAY))
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def kept(new_database: Callable[[bool], str]) -> Iterator[Engine]:
    """The database of before, migrated; for tests that only read."""
    yield from migrated(new_database)


@pytest.fixture
def going_on(new_database: Callable[[bool], str]) -> Iterator[World]:
    """A world over a copy of its own, some weeks later."""
    for engine in migrated(new_database):
        yield World(engine, now=noon(TODAY))


def book_of(name: str) -> int:
    return int(TOLD["accounts"][name]["book"])


# what was there before there were books of registers
OF_PARTIES = f"book_id NOT BETWEEN {Party.REGISTER.first} AND {Party.REGISTER.last}"
# and before entries said whose ID numbers are
NOT_SAID_LATER = f"kind <> {int(Kind.IDENTITY)}"


# what `migrate` adds to none of these
WAS_THERE = {
    "book": OF_PARTIES,
    "entry": f"{OF_PARTIES} AND {NOT_SAID_LATER}",
    "agent": "name <> 'ledger'",
    "batch": f"kind NOT IN ('{compared_names.KIND}', '{whose.KIND}')",
}


def links(engine: Engine) -> dict[tuple[int, int], bytes]:
    """The digest of every entry of a party, in the order of the chains; not of those `migrate` put behind."""
    there = f"{OF_PARTIES} AND {NOT_SAID_LATER}"
    query = text(f"SELECT book_id, seq, digest FROM entry WHERE {there} ORDER BY book_id, seq")
    with engine.connect() as connection:
        return {(book, seq): bytes(digest) for book, seq, digest in connection.execute(query)}


# -- it is taken over as it is -----------------------------------------------------------------------------


def test_it_migrates_to_the_tables_of_today(empty_url: str) -> None:
    engine = connect(restore(empty_url))
    try:
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT version_num FROM alembic_version")) == TOLD["revision"]
        models_equal_migrations(empty_url)
        for table in APPEND_ONLY:
            with engine.connect() as connection:
                column = connection.execute(text(f"SELECT * FROM {table}")).keys()
                first = next(iter(column))
                with pytest.raises(DBAPIError, match="append-only"):
                    connection.execute(text(f"UPDATE {table} SET {first} = {first}"))
    finally:
        engine.dispose()


def test_every_digest_and_every_sum_is_found_right(kept: Engine) -> None:
    summary = verify(kept)
    assert [str(one) for one in summary.findings] == []
    with kept.connect() as connection:
        registered, said = (
            connection.scalar(text(f"SELECT count(*) FROM entry WHERE NOT ({these})"))
            for these in (OF_PARTIES, NOT_SAID_LATER)
        )
    assert registered > len(Register)
    assert said > 0
    assert (summary.books, summary.entries) == (
        len(TOLD["heads"]) + len(Register), sum(TOLD["kinds"].values()) + registered + said,
    )  # fmt: skip


def test_every_chain_ends_where_it_ended(kept: Engine) -> None:
    with kept.connect() as connection:
        newest = (
            f"SELECT book_id, max(seq) FROM entry WHERE {OF_PARTIES} AND {NOT_SAID_LATER} GROUP BY book_id"
        )
        rows = connection.execute(
            text(f"SELECT book_id, digest FROM entry WHERE (book_id, seq) IN ({newest})")
        )
        assert {str(book): bytes(head).hex() for book, head in rows} == TOLD["heads"]
    assert hashlib.sha256(b"".join(links(kept).values())).hexdigest() == TOLD["links"]


def test_nothing_is_lost_and_nothing_is_added(kept: Engine) -> None:
    with kept.connect() as connection:
        kinds = connection.execute(
            text(f"SELECT kind, COUNT(*) FROM entry WHERE {OF_PARTIES} AND {NOT_SAID_LATER} GROUP BY kind")
        )
        assert {Kind(kind).word: number for kind, number in kinds} == TOLD["kinds"]
        rows = {
            name: connection.scalar(text(f"SELECT COUNT(*) FROM {name} WHERE {WAS_THERE.get(name, 'TRUE')}"))
            for name in TOLD["rows"]
        }
        pockets = {
            name: int(connection.scalar(text(f"SELECT SUM({name}) FROM book"))) for name in TOLD["pockets"]
        }
    assert rows == TOLD["rows"]
    assert all(rows.values()), "of every table that there was, something is here"
    assert pockets == TOLD["pockets"]
    with reports.look(kept) as connection:
        sides = reports.trial_balance(connection).cumulative
    assert {one.side.name.lower(): [one.debit_fen, one.credit_fen] for one in sides} == TOLD["trial_balance"]


@pytest.mark.parametrize("name", TOLD["accounts"])
def test_an_account_reads_as_before(kept: Engine, name: str) -> None:
    told = TOLD["accounts"][name]
    book, when = told["book"], {"now": noon(LAST_DAY), "today": LAST_DAY}
    with reports.look(kept) as connection:
        now = reports.balance(connection, book, **when)
        then = reports.balance(connection, book, as_of=MARCH_15, **when)
        lines = reports.explain(connection, book, **when)
        entries = [
            entry for entry in reports.entries(connection, book, limit=1_000) if entry.kind != Kind.IDENTITY
        ]
        status = reports.account(connection, book, **when).status.value
        newest = reports.entry(connection, book, told["entries"])
    assert status == told["status"]
    assert [now.current_year, now.carried_over, now.held, now.reserved] == told["balance"]
    assert [then.current_year, then.carried_over, then.held, then.reserved] == told["on_15_march"]
    assert [entry.seq for entry in entries] == list(range(1, told["entries"] + 1))
    assert newest.digest == TOLD["heads"][str(book)]
    shown = [[line.kind.word, line.pocket.name.lower(), line.entries, line.amount_fen] for line in lines]
    assert shown == told["explained"]
    assert sum(line.amount_fen for line in lines) == now.balance


# -- it answers again --------------------------------------------------------------------------------------


def asked_before(world: World) -> dict[str, Command]:
    """The requests whose answers are in expected.json, by their keys."""
    zhang, entries, place = book_of("zhang"), TOLD["entries"], TOLD["institution"]
    day, reveal = date(2027, 3, 12), persons.number_opener(KEYRING)
    clinic = Clinic(world, numbers=False)
    clinic.parties[place["code"]] = place["book"]
    bill = clinic.bill([("A", "700.00"), ("B", "200.00"), ("C", "10.00")], day=date(2027, 3, 30))
    heirs = [
        Heir("spouse", LI),
        Heir("child", Someone(id_number(8, born=BORN), "钱小八")),
        Heir("child", "钱小九"),
    ]
    return {
        "open-1": world.opening(ZHANG, opened_on=date(2024, 1, 1), opening=(0, 500_000)),
        "contribution-1": Contribute(zhang, 16_000, 202703, date(2027, 3, 10), "before-c-1"),
        "spending-1": Spend(zhang, 4_560, day, "H0001", "before-s-1"),
        "reversal-1": Reverse(zhang, entries["wrong_spending"], "wrong patient"),
        "hold-1": Hold(zhang, 20_000, noon(day) + timedelta(days=20), "H0001", "before-h-1"),
        "capture-1": Capture(zhang, entries["hold"], 15_000, day, "before-cap-1"),
        "hold-open": Hold(zhang, 7_000, noon(date(2028, 1, 31)), "H0001", "before-h-4"),
        "payment-1": ReceivePayment(
            TOLD["employer"], 50_000, 202703, date(2027, 4, 2), "before-bank-1", reveal
        ),
        "estate-1": estate(world, book_of("dead"), heirs, LAST_DAY),
        # a bill is known by its message
        f"{place['code']}/before-kept": clinic.command(place["code"], zhang, bill, message_id="before-kept"),
    }


def test_a_request_of_before_gets_its_first_answer(going_on: World) -> None:
    requests = asked_before(going_on)
    assert {told["key"] for told in TOLD["receipts"]} == set(requests)
    was = links(going_on.engine)
    for told in TOLD["receipts"]:
        command = requests[told["key"]]
        command.caller, command.key = told["caller"], told["key"]
        posted = going_on.posted(command)
        assert (posted.receipt.name, posted.replayed) == (told["entry"], True)
    other = Contribute(book_of("zhang"), 16_001, 202703, date(2027, 3, 10), "before-c-1")
    other.caller, other.key = "before", "contribution-1"
    assert going_on.refusal(other) == "idempotency_key_reused"
    twice = Spend(book_of("zhang"), 4_560, date(2027, 3, 12), "H0001", "before-s-1")
    assert going_on.refusal(twice) == "duplicate_source_ref"
    assert links(going_on.engine) == was


def test_a_file_of_before_is_known_again(going_on: World, tmp_path: Path) -> None:
    office, was = Office(going_on.engine, tmp_path), links(going_on.engine)
    lines = [
        f"{id_number(number, born=BORN)},file-c-{place},2027-03,2027-04-15,{amount}.00"
        for place, (number, amount) in enumerate(((20, 160), (21, 170), (23, 180)), start=1)
    ]
    summary = office.run(office.file(CONTRIBUTIONS, lines))
    # its third line was nobody's
    assert counts(summary) == (3, 0, 2, 1)
    assert links(going_on.engine) == was


# -- it goes on --------------------------------------------------------------------------------------------


def from_pockets(posted: Posted) -> int:
    return sum(
        move[2] for move in posted.receipt.transfers if move[0] in (Side.CURRENT_YEAR, Side.CARRIED_OVER)
    )


def balance(world: World, book: int) -> reports.Balance:
    with reports.look(world.engine) as connection:
        return reports.balance(connection, book, now=world.now, today=world.today)


def test_an_account_goes_on(going_on: World) -> None:
    world, zhang = going_on, book_of("zhang")
    was, before = links(world.engine), balance(world, book_of("zhang"))
    assert before.held == 7_000
    world.one(Contribute(zhang, 16_000, 202706, TODAY, "after-c-1"))
    world.one(Spend(zhang, 10_000, TODAY, "H0001", "after-s-1"))
    back = world.one(Reverse(zhang, TOLD["entries"]["spending"], "wrong patient"))
    assert back.amount_fen == 4_560
    assert world.refusal(Reverse(zhang, TOLD["entries"]["wrong_spending"], "again")) == "already_reversed"
    world.one(Capture(zhang, TOLD["entries"]["open_hold"], 5_000, TODAY, "after-cap-1"))
    after = balance(world, zhang)
    assert (after.balance, after.held) == (before.balance + 16_000 - 10_000 + 4_560 - 5_000, 0)
    place = TOLD["institution"]
    clinic = Clinic(world, numbers=False)
    clinic.parties[place["code"]] = place["book"]
    settled = world.posted(clinic.command(place["code"], zhang, clinic.bill([("A", "700.00")], day=TODAY)))
    assert from_pockets(settled) > 0
    assert balance(world, zhang).balance == after.balance - from_pockets(settled)
    assert clinic.correct(place["code"], "before-kept").receipt.kind is Kind.REVERSAL
    _nothing_old_has_changed(world, was)


def test_a_bill_of_before_is_known_again(going_on: World) -> None:
    """By what is in it, which nothing was staked for then, and by its number, which is now that of a year."""
    world, place, zhang, day = going_on, TOLD["institution"], book_of("zhang"), date(2027, 3, 30)
    clinic = Clinic(world, numbers=False)
    clinic.parties[place["code"]] = place["book"]
    lines = [("A", "700.00"), ("B", "200.00"), ("C", "10.00")]
    assert clinic.refused(place["code"], zhang, lines, day=day) == "duplicate_bill"
    assert clinic.refused(place["code"], zhang, lines, day=day, bill_no="1") == "duplicate_bill"
    [(number, of_day)] = _numbers(world, "before-bill")
    for year, refused in ((of_day.year, True), (of_day.year - 1, False)):
        other = [("A", f"{year}.00")]
        command = clinic.command(
            place["code"], zhang, clinic.bill(other, day=of_day.replace(year=year), bill_no=number)
        )
        if refused:
            assert world.refusal(command) == "duplicate_bill"
        else:
            world.one(command)
    assert clinic.correct(place["code"], "before-kept").receipt.kind is Kind.REVERSAL
    clinic.settle(place["code"], zhang, lines, day=day)
    assert [str(one) for one in verify(world.engine).findings] == []


def _numbers(world: World, bill_no: str) -> list[tuple[str, date]]:
    settled = tables.settlement.c
    with world.engine.connect() as connection:
        rows = connection.execute(
            select(settled.bill_no, settled.care_date).where(settled.bill_no == bill_no)
        ).all()
    return [(number, day) for number, day in rows]


def test_an_employer_goes_on(going_on: World) -> None:
    world, unit, reveal = going_on, TOLD["employer"], persons.number_opener(KEYRING)
    was, before = links(world.engine), balance(world, book_of("zhang")).balance
    confirmed = world.posted(Confirm(unit, TOLD["entries"]["list"], reveal))
    assert confirmed.receipt.kind is Kind.ASSESSMENT
    paid = world.posted(ReceivePayment(unit, 1_000_000, None, TODAY, "after-bank-1", reveal))
    credited = sum(one.amount_fen for one in paid.others if one.book_id == book_of("zhang"))
    assert credited > 0
    assert balance(world, book_of("zhang")).balance == before + credited
    _nothing_old_has_changed(world, was)


def test_people_come_and_go(going_on: World) -> None:
    world, was = going_on, links(going_on.engine)
    again = world.posted(world.opening(ZHANG, opened_on=date(2024, 1, 1), opening=(0, 500_000)))
    assert (again.receipt.book_id, again.created) == (book_of("zhang"), False)
    new = world.open(Someone(id_number(30, born=BORN), "吴十"), opened_on=TODAY)
    assert str(new) not in TOLD["heads"]
    world.one(Contribute(new, 16_000, 202706, TODAY, "after-c-1"))
    world.one(ReportDeath(book_of("retired"), TODAY, "certificate"))
    gone = Contribute(book_of("retired"), 100, 202707, TODAY, "after-c-2")
    assert world.refusal(gone, today=date(2027, 7, 2)) == "period_after_end"
    inherited = balance(world, book_of("li")).balance
    dividing = estate(world, book_of("retired"), [Heir("spouse", LI)], TODAY)
    refused = world.post(dividing)[0]
    assert isinstance(refused, Refused)
    # what was open before it was asked for is found
    assert [one["what"] for one in refused.facts["items"]] == ["claim", "advance"]  # type: ignore[attr-defined]  # items are a list
    paper, case = (parse_entry_name(one["name"]) or (0, 0) for one in refused.facts["items"])  # type: ignore[attr-defined]  # items are a list
    with world.engine.connect() as connection, connection.begin():
        seen = case_reports.claim(connection, *paper)
    world.one(DecideClaim(*paper, seen.institution, seen.row, False, "estate"))
    world.one(RecordRecovery(*case, 10**8, TODAY, "bank", "after-r-1"))
    divided = world.posted(dividing)
    assert {one.kind for one in divided.others} >= {Kind.INHERITANCE, Kind.INTEREST}
    assert balance(world, book_of("li")).balance > inherited
    with world.engine.connect() as connection:
        batch = YEAR_END.run(connection, 2026, AREA, lambda: (world.now, world.today), world.policies)
    assert batch.state == "finished"
    _nothing_old_has_changed(world, was)


def _nothing_old_has_changed(world: World, was: dict[tuple[int, int], bytes]) -> None:
    """What was written since stands behind what was there, and all of it agrees."""
    assert [str(one) for one in verify(world.engine).findings] == []
    now = links(world.engine)
    assert len(now) > len(was)
    assert {place: now.get(place) for place in was} == was
