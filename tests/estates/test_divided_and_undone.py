"""Estates of any family and amount: shares add up, and a division that is undone leaves no trace (R58)."""

from __future__ import annotations

from datetime import date
from random import Random

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import ReportDeath
from ledger.book.detail import unpack
from ledger.estates.claimants import NameClaimants
from ledger.estates.disputes import AgreeOnEstate, DisputeEstate
from ledger.estates.undoing import UndoEstate
from ledger.people.persons import stake_by_name
from ledger.verify import verify
from tests.support.approvals import asks_nobody
from tests.support.chance import seeded
from tests.support.people import Someone, SomeoneFactory, World
from tests.support.stories import Heir, claims, confirming, pockets, row, shared_out

POCKETS = ("current_year", "carried_over", "held", "reserved", "stage", "person_id", "open_freezes")


@pytest.mark.parametrize("turn", range(25))
def test_any_family(sound_engine: Engine, turn: int) -> None:
    random = Random(seeded(turn))
    world = asks_nobody(World(sound_engine))
    # of an old account the first division posts interest; that of the years that are over stays
    is_new = random.random() < 0.5
    since = world.today if is_new else date(2024, 3, 1)
    book = world.open(
        opened_on=since, opening=(random.choice([0, 1, 2, 777]), random.choice([1, 2, 99_999, 10**9]))
    )
    death = world.one(ReportDeath(book, world.today, "certificate"))
    relatives: list[tuple[str, Someone | str, str | None, int | None]] = []
    for place in range(random.randint(1, 6)):
        relation = random.choice(["spouse", "child", "parent"])
        if random.random() < 0.5:
            someone = SomeoneFactory()
            account = world.open(someone, opening=(0, random.randint(1, 500)))
            relatives.append((relation, someone, None, account))
        else:
            relatives.append((relation, f"亲属{place}", None, None))
    heirs = [Heir(relation, who) for relation, who, _share, _account in relatives]
    if random.random() < 0.5:
        # one of them gets a part by will as well
        relation, who, *_ = relatives[0]
        heirs.append(Heir(relation, who, f"{random.randint(1, 99)}/100"))
    books = [book, *(account for *_, account in relatives if account is not None)]

    def stands() -> list[dict[str, int]]:
        return [{name: getattr(row(sound_engine, one), name) for name in POCKETS} for one in books]

    before = stands()
    earned: list[int] = []
    for turned in range(3):
        estate = world.one(confirming(world, book, heirs, world.today))
        told = unpack(estate.detail)
        there = before[0]["current_year"] + before[0]["carried_over"] + told["interest"]
        assert sum(line["amount"] for line in told["heirs"]) == estate.amount_fen == there
        assert len(shared_out(estate)) == len(heirs)
        earned.append(told["interest"])
        undo = world.one(UndoEstate(book, death.seq, "in error", "paper"))
        assert (unpack(undo.detail)["receivable"], unpack(undo.detail)["amount"]) == (0, there)
        if turned or is_new:
            assert stands() == before
        before = stands()
    assert (earned == [0, 0, 0]) if is_new else (earned[0] >= earned[1] == earned[2])


def test_undone_in_the_next_year_and_with_heirs_who_have_died_since(sound_engine: Engine) -> None:
    """What comes back after a year end is carried over; of a closed account nothing comes back (K6, R58)."""
    world = asks_nobody(World(sound_engine))
    start, then = date(2026, 1, 1), date(2026, 3, 1)
    book, twin = (world.open(opened_on=start, opening=(10_000, 20_000), today=start) for _ in range(2))
    death, _ = (
        world.one(ReportDeath(one, date(2026, 2, 28), "certificate"), today=then) for one in (book, twin)
    )
    alive, dead, closed = SomeoneFactory(), SomeoneFactory(), SomeoneFactory()
    accounts = [
        world.open(one, opened_on=start, opening=(1, 0), today=start) for one in (alive, dead, closed)
    ]
    heirs = [Heir("child", one) for one in (alive, dead, closed)]
    estate = world.one(confirming(world, book, heirs, then), today=then)
    parts = [line["amount"] for line in unpack(estate.detail)["heirs"]]
    for account in accounts[1:]:
        world.one(ReportDeath(account, date(2026, 6, 1), "certificate"), today=date(2026, 6, 2))
    world.one(
        confirming(world, accounts[2], [Heir("spouse", "王五")], date(2026, 6, 2)), today=date(2026, 6, 2)
    )
    later = date(2027, 2, 1)
    undo = unpack(world.one(UndoEstate(book, death.seq, "in error", "paper"), today=later).detail)
    assert (undo["amount"], undo["receivable"]) == (estate.amount_fen, parts[2])
    assert pockets(sound_engine, book, later) == (0, 30_000)
    assert [row(sound_engine, one).carried_over for one in accounts] == [1, 1, 0]
    assert verify(sound_engine).findings == []
    again = world.one(confirming(world, book, heirs[:1], date(2027, 3, 1)), today=date(2027, 3, 1))
    # it earns to the day before the payout that stands, as if the other one had never been
    once = world.one(
        confirming(world, twin, [Heir("child", "王五")], date(2027, 3, 1)), today=date(2027, 3, 1)
    )
    assert unpack(again.detail)["interest"] == unpack(once.detail)["interest"] > 0
    assert again.amount_fen == once.amount_fen
    assert row(sound_engine, accounts[0]).carried_over == 1 + again.amount_fen


def test_named_in_january_and_paid_as_of_december(sound_engine: Engine) -> None:
    """To say who claims carries no year over, so that the estate is still paid on a day of the old one."""
    world = asks_nobody(World(sound_engine))
    start, then, now = date(2026, 1, 1), date(2026, 12, 20), date(2027, 1, 5)
    book = world.open(opened_on=start, opening=(10_000, 0), today=start)
    death = world.one(ReportDeath(book, date(2026, 12, 1), "certificate"), today=date(2026, 12, 2))
    named, stakes = claims(world, book, [Heir("spouse", "王五")])
    world.one(NameClaimants(book, tuple(named), tuple(stakes), then), today=now)
    by = stake_by_name("王五", f"{book}|1", world.keyring)
    world.one(DisputeEstate(book, death.seq, (by,), "letter"), today=now)
    shares = ((named[0].name_digest, "1"),)
    world.one(AgreeOnEstate(book, death.seq, shares, "agreement"), today=now)
    estate = world.one(confirming(world, book, [Heir("spouse", "王五")], then), today=now)
    assert (estate.effective_on, row(sound_engine, book).open_year) == (then, 2026)
