"""What `verify` says of two people when somebody with every right has been at them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Connection, Engine, select

from ledger import tables
from ledger.book.numbers import approval_name, entry_name
from tests.support.approvals import by_two, large
from tests.support.people import World
from tests.verify.tampering import chain_anew, let_pass, places, rewritten, run, tampering


class Two(NamedTuple):
    """A contribution that two people posted, and its approval."""

    world: World
    book: int
    seq: int
    clerk: int
    chief: int

    @property
    def entry(self) -> tuple[str, str]:
        return "not_approved", entry_name(self.book, self.seq)

    @property
    def approval(self) -> tuple[str, str]:
        return "approval_wrong", approval_name(self.book, 1)


@pytest.fixture
def two(fresh_engine: Engine) -> Two:
    world = World(fresh_engine)
    book = world.open(opened_on=world.today)
    receipt = by_two(world, large(world, book))
    with fresh_engine.begin() as connection:
        row = connection.execute(select(tables.approval)).one()
    assert (row.entry_seq, row.actor) == (receipt.seq, receipt.actor)
    return Two(world, book, receipt.seq, row.actor, row.decided_by)


def test_what_two_people_posted_is_whole(two: Two) -> None:
    with tampering(two.world.engine) as connection:
        assert places(connection) == set()


def _by_who_asked(connection: Connection, two: Two) -> None:
    let_pass(connection, "approval.ck_approval_not_by_who_asked")
    run(connection, "UPDATE approval SET decided_by = actor")
    rewritten(connection, two.book, two.seq, lambda facts: facts.update(approved_by=two.clerk))


def _nobody_is_named(connection: Connection, two: Two) -> None:
    rewritten(connection, two.book, two.seq, lambda facts: facts.pop("approved_by"))


def _somebody_else_is_named(connection: Connection, two: Two) -> None:
    run(connection, "UPDATE approval SET decided_by = :other", other=two.chief + 1)


def _no_approval(connection: Connection, two: Two) -> None:
    run(connection, "DELETE FROM approval")


def _waits_again(connection: Connection, two: Two) -> None:
    run(
        connection,
        "UPDATE approval SET state = 1, entry_seq = NULL, decided_at = NULL, decided_by = NULL,"
        " decided_through = NULL",
    )


def _another_entry(connection: Connection, two: Two) -> None:
    run(connection, "UPDATE approval SET entry_seq = 1")


def _no_entry(connection: Connection, two: Two) -> None:
    run(connection, "UPDATE approval SET entry_seq = 99")


def _another_key(connection: Connection, two: Two) -> None:
    run(connection, "UPDATE approval SET idempotency_key = 'other'")


Fault = Callable[[Connection, Two], None]
FAULTS: dict[str, tuple[Fault, Callable[[Two], set[Any]]]] = {
    "by who asked": (_by_who_asked, lambda two: {two.entry, two.approval}),
    "nobody is named": (_nobody_is_named, lambda two: {two.entry, two.approval}),
    "somebody else is named": (_somebody_else_is_named, lambda two: {two.approval}),
    "no approval": (_no_approval, lambda two: {two.entry}),
    "it waits again": (_waits_again, lambda two: {two.entry}),
    "another entry": (_another_entry, lambda two: {two.entry, two.approval}),
    "no entry": (_no_entry, lambda two: {two.entry, two.approval}),
    "another key": (_another_key, lambda two: {two.approval}),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_planted_fault_is_found(two: Two, what: str) -> None:
    fault, expected = FAULTS[what]
    with tampering(two.world.engine) as connection:
        fault(connection, two)
        assert places(connection) == expected(two)


def test_what_one_posted_alone_is_found(two: Two) -> None:
    """A large entry that no approval ever knew of, chained as a forger would."""
    world = two.world
    receipt = world.one(large(world, two.book, 100, key="small"))
    with tampering(world.engine) as connection:
        place = "WHERE book_id = :b AND seq = :s"
        more = 10_000_000
        run(
            connection,
            f"UPDATE transfer SET amount_fen = amount_fen + :f {place}",
            f"UPDATE entry SET current_year_after = current_year_after + :f {place}",
            "UPDATE book SET current_year = current_year + :f WHERE book_id = :b",
            b=two.book, s=receipt.seq, f=more,
        )  # fmt: skip
        chain_anew(connection, two.book)
        assert places(connection) == {("not_approved", receipt.name)}
