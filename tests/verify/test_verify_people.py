"""The check of the whole finds what was changed about people: facts, numbers in force, merges."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine, text

from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.spending import Spend
from ledger.care.entry_reversals import ReverseEntry
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.chart.person_facts import NumberReason, PersonFact
from ledger.contributions.retirees import CreditRetiree
from ledger.estates.merging import MergeAccounts
from ledger.owed.demands import DemandBack, PayInstalment
from ledger.people.enrolments import Enrol
from ledger.people.persons import name_digest, new_name, seal_fact, stake_by_number
from ledger.people.renaming import ChangeName
from ledger.people.renumbering import ChangeNumber
from ledger.verify import verify
from ledger.verify.people import facts_are_what_they_are_compared_by
from tests.support.approvals import asks_nobody
from tests.support.people import KEYRING, SomeoneFactory, World
from tests.support.separations import separation
from tests.support.stories import Heir, estate
from tests.verify.tampering import TOLD, chain_anew, found, run, tampering

SINCE = date(2026, 3, 1)


@pytest.fixture(scope="module")
def books(engine: Engine) -> tuple[int, int]:
    """An account with a new name and number, and one that another went into."""
    world = asks_nobody(World(engine))
    holder = SomeoneFactory(name="张三")
    book = world.open(holder, opened_on=date(2020, 1, 1))
    world.one(ChangeName(book, new_name("李四", KEYRING), SINCE, "d"))
    # the first of them stays the holder's alone, the second is shared
    for since in (date(2026, 2, 1), SINCE):
        stake, parsed = stake_by_number(SomeoneFactory().id_number, holder.name, KEYRING, world.today)
        sealed = seal_fact(PersonFact.NUMBER, parsed.number, stake.digest, KEYRING).sealed
        world.one(ChangeNumber(book, (stake,), sealed, since, "d", NumberReason.CORRECTED))
    younger = world.open(SomeoneFactory(name="张三"), opened_on=date(2021, 1, 1))
    world.one(Contribute(younger, 500, 202603, world.today, "c"))
    world.one(MergeAccounts(younger, book, "d"))
    world.one(separation(world, younger, SomeoneFactory(name="王五"), shared=stake.digest))
    assert verify(engine, keyring=KEYRING).findings == []
    return book, younger


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE person_fact SET valid_from = '2026-04-01' WHERE book_id = :book AND what = 1", "rows_wrong"),
        ("DELETE FROM person_fact WHERE book_id = :book AND what = 1", "rows_wrong"),
        ("UPDATE identity SET role = 3 - role WHERE person_id = (SELECT person_id FROM book"
         " WHERE book_id = :book) AND role = 1", "number_wrong"),
        ("DELETE FROM identity WHERE role = 1 AND person_id = (SELECT person_id FROM book"
         " WHERE book_id = :book)", "number_wrong"),
        ("UPDATE identity SET person_id = 7 WHERE person_id = (SELECT person_id FROM book"
         " WHERE book_id = :book) AND digest IN (SELECT digest FROM person_fact WHERE what = 2)"
         " AND digest NOT IN (SELECT digest FROM shared_number)", "number_wrong"),
        ("UPDATE shared_number SET person_id = person_id + 1 WHERE book_id = :book", "rows_wrong"),
        ("DELETE FROM shared_number WHERE book_id = :book", "rows_wrong"),
        ("UPDATE identity SET person_id = 7 WHERE digest = (SELECT digest FROM shared_number"
         " WHERE book_id = :book)", "number_wrong"),
        ("DELETE FROM identity WHERE person_id = (SELECT other_person_id FROM shared_number"
         " WHERE book_id = :book)", "number_wrong"),
        ("UPDATE account_merge SET into_id = into_id + 1 WHERE book_id = :younger", "rows_wrong"),
        ("UPDATE identity SET person_id = (SELECT person_id FROM book WHERE book_id = :younger)"
         " WHERE role = 2 AND person_id = (SELECT person_id FROM book WHERE book_id = :book)", "merge_wrong"),
        ("UPDATE entry SET detail = '{}' WHERE book_id = :younger AND kind = 19", "merge_wrong"),
        ("UPDATE entry SET source_ref = 'x' WHERE book_id = :book AND kind = 19", "merge_wrong"),
        ("UPDATE transfer SET amount_fen = 400 WHERE book_id = :book AND from_side = 18", "merge_wrong"),
    ],
)  # fmt: skip
def test_what_was_changed_is_found(engine: Engine, books: tuple[int, int], statement: str, code: str) -> None:
    with tampering(engine) as connection:
        named = {"book": books[0], "younger": books[1]}
        connection.execute(
            text(statement), {name: book for name, book in named.items() if f":{name}" in statement}
        )
        assert code in {finding.code for finding in found(connection)}


def test_a_merge_is_made_once_and_leaves_nothing(engine: Engine, books: tuple[int, int]) -> None:
    merge = "WHERE book_id = :younger AND kind = 19"
    told = "an account goes into another once, while its holder lives; what comes later names it"
    with tampering(engine) as connection:
        run(connection, f"UPDATE entry SET target_seq = 2 {merge}", younger=books[1])
        chain_anew(connection, books[1])
        assert told in {finding.what for finding in found(connection)}
    with tampering(engine) as connection:
        run(
            connection,
            "UPDATE transfer SET amount_fen = 400 WHERE book_id = :younger AND to_side = 18",
            f"UPDATE entry SET current_year_after = 100 {merge}",
            younger=books[1],
        )
        chain_anew(connection, books[1])
        told = "an account that goes into another leaves nothing behind"
        assert told in {finding.what for finding in found(connection)}


def test_a_fact_is_what_it_is_compared_by(engine: Engine, books: tuple[int, int]) -> None:
    def wrong(sealed: bytes) -> set[str]:
        with tampering(engine) as connection:
            change = text("UPDATE person_fact SET sealed = :sealed WHERE what = 1")
            connection.execute(change, {"sealed": sealed})
            findings = list(facts_are_what_they_are_compared_by(connection, KEYRING, *books[:1] * 2))
            TOLD.update(one.what for one in findings)
            return {one.code for one in findings}

    assert wrong(b"x") == {"fact_does_not_open"}
    other = seal_fact(PersonFact.NAME, "王五", name_digest("李四", KEYRING), KEYRING)
    assert wrong(other.sealed) == {"fact_wrong"}


@pytest.fixture(scope="module")
def called_back(engine: Engine, books: tuple[int, int]) -> tuple[int, int]:
    """The same of somebody whose death was reported after it, for a month before a retiree's credit."""
    world = asks_nobody(World(engine))
    older, younger = (
        world.open(SomeoneFactory(name="张三"), opened_on=day, today=day)
        for day in (date(2025, 1, 1), date(2025, 2, 1))
    )
    world.one(Enrol(younger, MemberClass.RETIRED, None, date(2026, 1, 1), None))
    world.one(CreditRetiree(younger, 202609))
    world.one(MergeAccounts(younger, older, "d"))
    world.one(ReportDeath(older, date(2026, 8, 3), "certificate"))
    assert verify(engine, keyring=KEYRING).findings == []
    return older, younger


ARRIVED = "what was called back left no account, or arrived in none"
NOT_MINE = "it was called back for an account that did not go into this one"


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE entry SET source_ref = 'x' WHERE book_id = :younger AND kind = 28", ARRIVED),
        ("UPDATE entry SET detail = '{}' WHERE book_id = :older AND kind = 28", NOT_MINE),
        ("UPDATE account_merge SET into_id = into_id + 1 WHERE book_id = :younger", NOT_MINE),
        ("UPDATE transfer SET amount_fen = 1 WHERE book_id = :older AND seq = (SELECT seq FROM entry"
         " WHERE book_id = :older AND kind = 28)", "not all that was called back arrived"),
        ("UPDATE entry SET target_seq = (SELECT seq FROM entry WHERE book_id = :younger AND kind = 28)"
         " WHERE book_id = :younger AND kind = 36", "it comes again on one side alone"),
        ("UPDATE entry SET period = 202608 WHERE book_id = :younger AND kind = 36",
         "a credit goes back that was not for a month after death"),
        (f"UPDATE entry SET kind = {int(Kind.REVERSAL)} WHERE book_id = :younger AND kind = 36",
         "it was called back for another reason than a death"),
    ],
)  # fmt: skip
def test_what_is_called_back_is_found(
    engine: Engine, called_back: tuple[int, int], statement: str, what: str
) -> None:
    with tampering(engine) as connection:
        run(connection, statement, **named(statement, called_back))
        assert what in {finding.what for finding in found(connection)}


def named(statement: str, books: tuple[int, int]) -> dict[str, int]:
    return {
        name: book for name, book in zip(("older", "younger"), books, strict=True) if f":{name}" in statement
    }


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE entry SET source_ref = NULL WHERE book_id = :younger AND kind = 28",
         "money is called back for an account that is closed, out of one that is not"),
        ("UPDATE entry SET carried_over_after = 1 WHERE book_id = :younger AND kind = 36",
         "what was called back stays in an account that went into another"),
    ],
)  # fmt: skip
def test_what_is_called_back_leaves_at_once(
    engine: Engine, called_back: tuple[int, int], statement: str, what: str
) -> None:
    with tampering(engine) as connection:
        run(connection, statement, **named(statement, called_back))
        if "carried_over_after" in statement:
            run(
                connection,
                "UPDATE transfer SET amount_fen = amount_fen - 1 WHERE book_id = :younger"
                " AND seq = (SELECT seq FROM entry WHERE book_id = :younger AND kind = 36)",
                younger=called_back[1],
            )
        chain_anew(connection, called_back[1])
        assert what in {finding.what for finding in found(connection)}


@pytest.fixture(scope="module")
def taken_over(engine: Engine, books: tuple[int, int]) -> tuple[int, int]:
    """The same of somebody whose estate took over what was owed again of the one that went into theirs."""
    world = asks_nobody(World(engine))
    older, younger = (
        world.open(SomeoneFactory(name="张三"), opened_on=day, today=day, opening=(0, 9_000))
        for day in (date(2025, 1, 1), date(2025, 2, 1))
    )
    spent = world.one(Spend(older, 700, world.today, "H0001", "s"))
    demand = world.one(DemandBack(younger, 500, "too much", "d"))
    paid = world.one(PayInstalment(younger, demand.seq, 500, world.today, "i"))
    world.one(MergeAccounts(younger, older, "d"))
    world.one(ReverseEntry(younger, paid.seq, "bounced"))
    world.one(ReportDeath(older, world.today, "certificate"))
    world.one(estate(world, older, [Heir("child", "王五")], world.today))
    # later money, so that something stands behind the estate
    world.one(ReverseEntry(older, spent.seq, "another's"))
    assert verify(engine, keyring=KEYRING).findings == []
    return older, younger


NOT_BOTH = "what an estate took over of another account does not stand in both books"
LAST = "book_id = :younger AND seq = (SELECT MAX(seq) FROM entry WHERE book_id = :younger)"


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        (f"UPDATE entry SET detail = replace(detail, '500', '501') WHERE {LAST}", NOT_BOTH),
        (f"UPDATE entry SET detail = replace(detail, '\"estate\":', '\"estates\":') WHERE {LAST}", NOT_BOTH),
        (f"UPDATE entry SET detail = replace(detail, '\"demand\"', '\"case\"') WHERE {LAST}", NOT_BOTH),
        ("UPDATE entry SET detail = replace(detail, '\"by\":', '\"at\":')"
         " WHERE book_id = :older AND kind = 14", NOT_BOTH),
        ("UPDATE entry SET target_seq = (SELECT MIN(seq) FROM entry WHERE book_id = :older AND kind = 14)"
         f" WHERE book_id = :older AND kind = {int(Kind.REVERSAL)}",
         "what an estate took over of another account does not stand as long as it"),
    ],
)  # fmt: skip
def test_what_an_estate_took_over_is_found(
    engine: Engine, taken_over: tuple[int, int], statement: str, what: str
) -> None:
    with tampering(engine) as connection:
        run(connection, statement, **named(statement, taken_over))
        assert what in {finding.what for finding in found(connection)}
