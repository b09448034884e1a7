"""Transfers at once with what they must not miss, on PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import ReportDeath
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.transfers.coming_in import AnnounceTransfer
from ledger.transfers.going_out import AcknowledgeTransfer, RejectTransfer, RequestTransfer, SendTransfer
from tests.estates.test_estate_races import code, each
from tests.support.clinic import Clinic
from tests.support.people import World
from tests.support.stories import entries

pytestmark = pytest.mark.postgres
ROUNDS = range(6)


@pytest.fixture
def clinic(sound_engine: Engine) -> Clinic:
    return Clinic(World(sound_engine))


def saver(clinic: Clinic) -> int:
    return clinic.world.open(opening=(20_000, 30_000))


def asking(clinic: Clinic, book: int) -> RequestTransfer:
    return RequestTransfer(book, "330100", clinic.world.today, "paper")


@pytest.mark.parametrize("_round", ROUNDS)
def test_a_request_a_spending_a_reversal_and_a_death(clinic: Clinic, _round: int) -> None:
    world, book = clinic.world, saver(clinic)
    spent = world.one(Spend(book, 100, world.today, "H0001", world.ref("s"))).seq
    found = each(
        clinic,
        asking(clinic, book),
        Spend(book, 400, world.today - timedelta(days=2), "H0001", world.ref("s")),
        Reverse(book, spent, "wrong"),
        ReportDeath(book, world.today - timedelta(days=1), "certificate"),
    )
    codes = [code(one) for one in found]
    assert codes[0] in {"posted", "account_deceased"}
    assert codes[1] in {"posted", "account_transferring"}
    assert codes[2:] == ["posted", "posted"]
    assert clinic.book(book).stage == Stage.DECEASED
    assert clinic.balance(book) == (49_600 if codes[1] == "posted" else 50_000)


@pytest.mark.parametrize("_round", ROUNDS)
def test_of_two_who_send_the_money_one_does(clinic: Clinic, _round: int) -> None:
    world, book = clinic.world, saver(clinic)
    asked = world.one(asking(clinic, book)).seq
    both = [SendTransfer(book, asked, world.today, world.ref("sent")) for _ in range(2)]
    assert sorted(map(code, each(clinic, *both))) == ["posted", "transfer_state"]
    assert len(entries(world.engine, book, Kind.TRANSFER_OUT)) == 1


@pytest.mark.parametrize("_round", ROUNDS)
def test_acknowledged_or_rejected_and_not_both(clinic: Clinic, _round: int) -> None:
    world, book = clinic.world, saver(clinic)
    asked = world.one(asking(clinic, book)).seq
    world.one(SendTransfer(book, asked, world.today, world.ref("sent")))
    found = each(clinic, AcknowledgeTransfer(book, asked), RejectTransfer(book, asked, "no"))
    assert sorted(map(code, found)) == ["posted", "transfer_state"]
    stage, balance = clinic.book(book).stage, clinic.balance(book)
    if code(found[0]) == "posted":
        assert (stage, balance) == (Stage.CLOSED, 0)
    else:
        assert stage == Stage.ACTIVE
        assert balance >= 50_000


@pytest.mark.parametrize("_round", ROUNDS)
def test_what_is_reversed_while_it_is_acknowledged_is_not_lost(clinic: Clinic, _round: int) -> None:
    world, book = clinic.world, saver(clinic)
    spent = world.one(Spend(book, 100, world.today, "H0001", world.ref("s"))).seq
    asked = world.one(asking(clinic, book)).seq
    world.one(SendTransfer(book, asked, world.today, world.ref("sent")))
    found = each(clinic, AcknowledgeTransfer(book, asked), Reverse(book, spent, "wrong"))
    assert [code(one) for one in found] == ["posted", "posted"]
    assert (clinic.book(book).stage, clinic.balance(book)) == (Stage.CLOSED, 0)
    waits = [one for one in entries(world.engine, book, Kind.TRANSFER_OUT) if "waits" in (one.detail or "")]
    assert len(waits) == 1


@pytest.mark.parametrize("_round", ROUNDS)
def test_one_that_comes_and_one_that_goes(clinic: Clinic, _round: int) -> None:
    """Whichever is first keeps the other away: what is announced is credited or rejected before."""
    world, book = clinic.world, saver(clinic)
    announced = AnnounceTransfer(book, "330100", "sheet", 100, 200, 0, 300)
    codes = [code(one) for one in each(clinic, announced, asking(clinic, book))]
    assert codes in (["posted", "open_items"], ["account_transferring", "posted"])
    assert clinic.book(book).stage == (Stage.ACTIVE if codes[0] == "posted" else Stage.TRANSFERRING)
    assert len(entries(world.engine, book, Kind.TRANSFER_REQUEST)) == 1
