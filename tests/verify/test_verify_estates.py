"""What `verify` finds wrong with estates in full: who claimed, what was shared, and what was taken back."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import ReportDeath
from ledger.accounts.freezes import Freeze
from ledger.book.detail import unpack
from ledger.book.numbers import entry_name
from ledger.estates.claimants import ConfirmEstate, NameClaimants, NamedClaimant
from ledger.estates.undoing import UndoEstate
from ledger.people.persons import stake_by_name, stake_by_number
from ledger.shares import heir_rank
from ledger.verify import verify
from tests.support.approvals import asks_nobody
from tests.support.people import SomeoneFactory, World
from tests.verify.tampering import chain_anew, found, places, rewritten, run, tampering

TODAY = date(2026, 3, 1)
AT = "WHERE book_id = :b AND seq = :s"


class Family(NamedTuple):
    """A dead person and a child with an account, and the numbers of the entries."""

    dead: int
    child: int
    named: int
    confirmed: int
    estate: int
    undo: int
    back: int
    again: int


@pytest.fixture(scope="module")
def world(engine: Engine) -> World:
    return asks_nobody(World(engine))


@pytest.fixture(scope="module")
def family(world: World) -> Family:
    """Named, confirmed, taken back, confirmed again: a child with an account, and a spouse without one."""
    start = date(2026, 1, 1)
    dead = world.open(opened_on=start, opening=(10_000, 20_000), today=start)
    someone = SomeoneFactory()
    child = world.open(someone, opened_on=start, today=start)
    death = world.one(ReportDeath(dead, TODAY, "certificate"), today=TODAY)
    of_child, parsed = stake_by_number(someone.id_number, someone.name, world.keyring, TODAY)
    of_spouse = stake_by_name("王五", f"{dead}|1", world.keyring)
    claimants = (
        NamedClaimant(
            of_child.digest, of_child.name_digest, True, "child", "law",
            heir_rank("child", parsed.birth_date, parsed.number),
        ),
        NamedClaimant(
            of_spouse.digest, of_spouse.name_digest, False, "spouse", "law",
            heir_rank("spouse", None, None),
        ),
    )  # fmt: skip
    stakes = (of_child, of_spouse)
    named = world.one(NameClaimants(dead, claimants, stakes, TODAY), today=TODAY)
    estate = world.posted(ConfirmEstate(dead, claimants, stakes, TODAY), today=TODAY)
    undo = world.posted(UndoEstate(dead, death.seq, "in error", "paper"), today=TODAY)
    back = next(other for other in undo.others if other.book_id == child)
    again = world.one(ConfirmEstate(dead, claimants, stakes, TODAY), today=TODAY)
    confirmed = unpack(estate.receipt.detail)["claimants"]
    return Family(
        dead, child, named.seq, confirmed, estate.receipt.seq, undo.receipt.seq, back.seq, again.seq
    )


def test_what_is_changed_below_is_clean(world: World, family: Family) -> None:
    assert verify(world.engine).findings == []


def wrong(world: World, family: Family, seq: int, change: Any, *, book: int | None = None) -> set[str]:
    """What is found once the detail of an entry was changed."""
    with tampering(world.engine) as connection:
        rewritten(connection, book or family.dead, seq, change)
        return {one.what for one in found(connection) if one.code == "estate_wrong"}


def test_claimants_that_are_not_there(world: World, family: Family) -> None:
    assert wrong(world, family, family.estate, lambda told: told.update(claimants=1)) == {
        "the claimants that it names are not there"
    }


def test_claimants_that_cannot_share_it(world: World, family: Family) -> None:
    def change(told: dict[str, Any]) -> None:
        told["claimants"][0]["title"] = "will"

    assert wrong(world, family, family.confirmed, change) == {"its claimants cannot share it"}


def test_other_shares_than_the_claimants_have(world: World, family: Family) -> None:
    def change(told: dict[str, Any]) -> None:
        told["claimants"][0]["waived_on"] = "2026-03-01"

    name = entry_name(family.dead, family.confirmed)
    assert wrong(world, family, family.confirmed, change) == {
        f"its shares are not those of the claimants of {name}"
    }


def test_a_payment_while_it_was_disputed(world: World, family: Family) -> None:
    with tampering(world.engine) as connection:
        run(connection, f"UPDATE entry SET kind = 95 {AT}", b=family.dead, s=family.named)
        chain_anew(connection, family.dead)
        assert {one.what for one in found(connection)} == {"it was paid while it was disputed"}


def test_an_undoing_for_somebody_else(world: World, family: Family) -> None:
    with tampering(world.engine) as connection:
        run(
            connection,
            f"UPDATE transfer SET party_id = (SELECT min(t.party_id) FROM transfer t {AT}) {AT}",
            b=family.dead,
            s=family.undo,
        )
        chain_anew(connection, family.dead)
        assert ("estate_wrong", entry_name(family.dead, family.undo)) in places(connection)


def test_a_share_that_went_back_is_named_by_both(world: World, family: Family) -> None:
    def elsewhere(told: dict[str, Any]) -> None:
        told["back"][0]["entry"] = [family.child, 1]

    name = entry_name(family.dead, family.undo)
    assert wrong(world, family, family.undo, elsewhere) == {
        "a share that went back is not there",
        f"{name} names no such share",
    }

    def otherwise(told: dict[str, Any]) -> None:
        told["undo"] = [family.dead, family.undo - 1]

    back = entry_name(family.child, family.back)
    assert wrong(world, family, family.back, otherwise, book=family.child) == {
        "the undoing that it belongs to is not there",
        f"{back} is not the share that went back",
    }


def test_a_share_that_went_back_owes_what_is_told(world: World, family: Family) -> None:
    def change(told: dict[str, Any]) -> None:
        told["back"][0]["receivable"] = 1

    back = entry_name(family.child, family.back)
    assert wrong(world, family, family.undo, change) == {f"{back} owes another amount"}


def test_nobody_claims_what_is_of_the_living(world: World) -> None:
    alive = world.open()
    freeze = world.one(Freeze(alive, "court", "paper", world.today))
    with tampering(world.engine) as connection:
        run(connection, f"UPDATE entry SET kind = 95 {AT}", b=alive, s=freeze.seq)
        chain_anew(connection, alive)
        told = {one.what for one in found(connection)}
    assert "a estate_dispute in the account of somebody alive" in told


def test_what_was_not_divided_is_not_taken_back(world: World, family: Family) -> None:
    with tampering(world.engine) as connection:
        run(
            connection,
            f"UPDATE entry SET kind = 97 {AT}",
            b=family.dead,
            s=family.named,
        )
        chain_anew(connection, family.dead)
        told = {one.what for one in found(connection)}
    assert "an estate that was not divided is taken back" in told
