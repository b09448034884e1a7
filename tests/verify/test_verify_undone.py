"""What `verify` finds wrong with the interest of a year that goes on because a division was undone."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import ReportDeath
from ledger.accounts.interest_corrections import CorrectInterest
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.estates.undoing import UndoEstate
from ledger.verify import verify
from tests.accounts.test_interest_corrections import with_rate
from tests.support.approvals import asks_nobody
from tests.support.people import AREA, World
from tests.support.stories import Heir, confirming, entries
from tests.verify.tampering import chain_anew, found, rewritten, run, tampering

START, PAID = date(2025, 12, 1), date(2026, 4, 20)
AT = "WHERE book_id = :b AND seq = :s"


class Undone(NamedTuple):
    """The numbers of the entries in the account of somebody whose estate was divided and undone."""

    book: int
    interest: int
    # of the year before, and of the year that was cut short
    before: int
    correction: int
    undo: int
    correction_back: int
    interest_back: int


@pytest.fixture(scope="module")
def world(engine: Engine) -> World:
    return asks_nobody(World(engine))


@pytest.fixture(scope="module")
def undone(world: World) -> Undone:
    book = world.open(opened_on=START, opening=(0, 5_000_000), today=START)
    spent = world.one(Spend(book, 30_000, date(2026, 2, 1), "H0001", world.ref()), today=date(2026, 2, 1))
    death = world.one(ReportDeath(book, date(2026, 4, 2), "certificate"), today=date(2026, 4, 2))
    right = world.policies
    world.policies = {**right, AREA: with_rate("0.0011")}
    asks_nobody(world)
    world.one(confirming(world, book, [Heir("child", "王五")], PAID), today=PAID)
    world.policies = right
    world.one(CorrectInterest(book, 2025, 2026, "wrong rates"), today=PAID)
    world.one(Reverse(book, spent.seq, "never was"), today=date(2026, 6, 1))
    world.one(UndoEstate(book, death.seq, "in error", "paper"), today=date(2026, 9, 1))
    seqs = {kind: [one.seq for one in entries(world.engine, book, kind)] for kind in Kind}
    (_before, interest), (before, correction) = seqs[Kind.INTEREST], seqs[Kind.INTEREST_CORRECTION]
    _later, undo = seqs[Kind.ESTATE_UNDO]
    of_correction, of_interest = seqs[Kind.INTEREST_BACK]
    return Undone(book, interest, before, correction, undo, of_correction, of_interest)


def told(world: World, undone: Undone, seq: int, **values: Any) -> set[str]:
    """What is found once columns of an entry have other values."""
    with tampering(world.engine) as connection:
        for name, value in values.items():
            run(connection, f"UPDATE entry SET {name} = :v {AT}", b=undone.book, s=seq, v=value)
        chain_anew(connection, undone.book)
        return {one.what for one in found(connection)}


def rewriting(world: World, undone: Undone, seq: int, change: Any) -> set[str]:
    with tampering(world.engine) as connection:
        rewritten(connection, undone.book, seq, change)
        return {one.what for one in found(connection)}


def test_what_is_changed_below_is_clean(world: World, undone: Undone) -> None:
    assert [str(one) for one in verify(world.engine).findings] == []
    assert undone.correction_back < undone.interest_back


def test_it_takes_back_what_was_posted(world: World, undone: Undone) -> None:
    assert "it takes back no interest that was posted" in told(
        world, undone, undone.interest_back, target_seq=None
    )


def test_it_is_of_the_year_and_the_day(world: World, undone: Undone) -> None:
    what = f"it is of another year or day than entry {undone.interest}"
    assert what in told(world, undone, undone.interest_back, period=2025)
    assert what in told(world, undone, undone.interest_back, effective_on="2026-04-21")


def test_a_division_was_undone_with_it(world: World, undone: Undone) -> None:
    what = "no division was undone with it"
    assert what in told(world, undone, undone.undo, kind=int(Kind.ESTATE_DISPUTE))
    assert what in rewriting(world, undone, undone.undo, lambda facts: facts.update(later=True))


def test_it_is_of_the_year_that_was_posted_last(world: World, undone: Undone) -> None:
    with tampering(world.engine) as connection:
        run(connection, f"UPDATE entry SET period = 2025 {AT}", b=undone.book, s=undone.correction_back)
        rewritten(
            connection,
            undone.book,
            undone.correction_back,
            lambda facts: facts.update(corrected=undone.before),
        )
        assert "the interest of 2025 is not what was posted last" in {one.what for one in found(connection)}


def test_it_takes_back_all_of_it(world: World, undone: Undone) -> None:
    with tampering(world.engine) as connection:
        change = f"UPDATE transfer SET party_id = 1 {AT}"
        run(connection, change, b=undone.book, s=undone.interest_back)
        chain_anew(connection, undone.book)
        what = f"it does not take back what entry {undone.interest} posted"
        assert what in {one.what for one in found(connection)}


def test_it_takes_back_what_that_was_rounded_from(world: World, undone: Undone) -> None:
    def change(facts: dict[str, Any]) -> None:
        facts["carried_over_numerator"] = str(int(facts["carried_over_numerator"]) + 1)

    what = f"it does not take back what entry {undone.interest} was rounded from"
    assert rewriting(world, undone, undone.interest_back, change) == {what}


def test_a_correction_goes_back_once(world: World, undone: Undone) -> None:
    with tampering(world.engine) as connection:
        run(connection, f"UPDATE entry SET target_seq = NULL {AT}", b=undone.book, s=undone.interest_back)
        rewritten(
            connection,
            undone.book,
            undone.interest_back,
            lambda facts: facts.update(corrected=undone.correction),
        )
        what = f"entry {undone.correction} went back before"
        assert what in {one.what for one in found(connection)}
    [back] = [one for one in entries(world.engine, undone.book) if one.seq == undone.correction_back]
    assert unpack(back.detail)["corrected"] == undone.correction
