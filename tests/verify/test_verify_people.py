"""The check of the whole finds what was changed about people: facts, numbers in force, merges."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine, text

from ledger.accounts.contributing import Contribute
from ledger.chart.person_facts import NumberReason, PersonFact
from ledger.estates.merging import MergeAccounts
from ledger.people.persons import name_digest, new_name, seal_fact, stake_by_number
from ledger.people.renaming import ChangeName
from ledger.people.renumbering import ChangeNumber
from ledger.verify import verify
from ledger.verify.people import facts_are_what_they_are_compared_by
from tests.support.approvals import asks_nobody
from tests.support.people import KEYRING, SomeoneFactory, World
from tests.verify.tampering import TOLD, chain_anew, found, run, tampering

SINCE = date(2026, 3, 1)


@pytest.fixture(scope="module")
def books(engine: Engine) -> tuple[int, int]:
    """An account with a new name and number, and one that another went into."""
    world = asks_nobody(World(engine))
    holder = SomeoneFactory(name="张三")
    book = world.open(holder, opened_on=date(2020, 1, 1))
    world.one(ChangeName(book, new_name("李四", KEYRING), SINCE, "d"))
    stake, parsed = stake_by_number(SomeoneFactory().id_number, holder.name, KEYRING, world.today)
    sealed = seal_fact(PersonFact.NUMBER, parsed.number, stake.digest, KEYRING).sealed
    world.one(ChangeNumber(book, (stake,), sealed, SINCE, "d", NumberReason.CORRECTED))
    younger = world.open(SomeoneFactory(name="张三"), opened_on=date(2021, 1, 1))
    world.one(Contribute(younger, 500, 202603, world.today, "c"))
    world.one(MergeAccounts(younger, book, "d"))
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
