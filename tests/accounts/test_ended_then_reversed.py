"""What was ended is reversed, in either order, and the books stay right (R31, R36)."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine

from ledger import reports
from ledger.accounts.closure import ReportDeath
from ledger.accounts.mistaken_deaths import WithdrawDeath
from ledger.accounts.mutual_aid import EndQuota
from ledger.care import reports as care
from ledger.care.entry_reversals import ReverseEntry
from ledger.posting import Receipt
from ledger.transfers.going_out import RejectTransfer, RequestTransfer
from ledger.verify import verify
from tests.support.approvals import asks_nobody
from tests.support.clinic import Clinic
from tests.support.people import SomeoneFactory, World, noon
from tests.support.stories import row

OPENED, TODAY = date(2026, 1, 1), date(2026, 11, 21)


@pytest.fixture
def world(sound_engine: Engine) -> World:
    return asks_nobody(World(sound_engine, now=noon(TODAY)))


def clean(world: World) -> None:
    assert [str(one) for one in verify(world.engine).findings] == []


def back(entry: Receipt) -> ReverseEntry:
    return ReverseEntry(entry.book_id, entry.seq, "entered wrongly")


def shown(world: World, quota: Receipt) -> tuple[str | None, int | None]:
    """What took it back, as the entry and as the list of quotas tell it."""
    with world.engine.connect() as connection:
        [listed] = care.quotas_given(connection, quota.book_id)
        return reports.entry(connection, quota.book_id, quota.seq).reversed_by, listed.reversed_by


def pair(world: World) -> tuple[int, int, Receipt]:
    """The accounts of a donor and of a relative, and the quota."""
    giver, relative = SomeoneFactory(), SomeoneFactory()
    donor, other = (
        world.open(one, opened_on=OPENED, opening=(10_000, 0), today=OPENED) for one in (giver, relative)
    )
    return donor, other, Clinic(world).give(donor, relative, "30.00")


@pytest.mark.parametrize("ended_by", ["clerk", "donor", "recipient", "transfer"])
def test_a_quota_that_ended_is_reversed_however_it_ended(world: World, ended_by: str) -> None:
    donor, other, quota = pair(world)
    request = None
    if ended_by == "clerk":
        world.one(EndQuota(donor, quota.seq))
    elif ended_by == "transfer":
        request = world.one(RequestTransfer(donor, "370100", TODAY, "sheet"))
    else:
        world.one(ReportDeath(donor if ended_by == "donor" else other, date(2026, 10, 1), "certificate"))
    assert row(world.engine, donor).reserved == 0
    clean(world)
    reversal = world.one(back(quota))
    assert reversal.reserved_change is None
    clean(world)
    assert world.refusal(back(quota)) == "already_reversed"
    # what ended it is undone, and the quota stays as if it had never been
    if request is not None:
        world.one(RejectTransfer(donor, request.seq, "came back"))
    elif ended_by != "clerk":
        world.one(WithdrawDeath(donor if ended_by == "donor" else other, "a namesake", "registry 7"))
    assert row(world.engine, donor).reserved == 0
    clean(world)


@pytest.mark.parametrize("dead", ["donor", "recipient"])
@pytest.mark.parametrize("then", ["reversed", "ended, reversed", "again"])
def test_a_quota_that_was_opened_again_is_ended_and_reversed(world: World, dead: str, then: str) -> None:
    donor, other, quota = pair(world)
    died = donor if dead == "donor" else other
    rounds = 2 if then == "again" else 1
    for _ in range(rounds):
        world.one(ReportDeath(died, date(2026, 10, 1), "certificate"))
        world.one(WithdrawDeath(died, "a namesake", "registry 7"))
    assert row(world.engine, donor).reserved == 3_000
    assert shown(world, quota) == (None, None), "it stands"
    clean(world)
    if then.startswith("ended"):
        world.one(EndQuota(donor, quota.seq))
        clean(world)
    reversal = world.one(back(quota))
    assert row(world.engine, donor).reserved == 0
    assert shown(world, quota) == (reversal.name, reversal.seq)
    clean(world)
    assert world.refusal(back(quota)) == "already_reversed"
    assert world.refusal(EndQuota(donor, quota.seq)) == "quota_ended"
