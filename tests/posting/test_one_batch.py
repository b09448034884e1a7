"""An account is opened and used by one batch: what stands beside it is nothing, and not something unread."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine

from ledger.accounts.mutual_aid import GiveQuota
from ledger.accounts.year_end import PostInterest
from ledger.book.numbers import has_account
from ledger.care.counters import SETTLEMENT_ROW
from ledger.people.residents import resident_ref
from ledger.posting import Command, Posted, Receipt
from tests.support.clinic import Clinic
from tests.support.people import SomeoneFactory, World


@pytest.fixture(scope="module")
def world(engine: Engine) -> World:
    return World(engine)


def at_once(world: World, *commands: Command) -> list[Receipt]:
    """Post all as one batch; every one must be taken."""
    outcomes = world.post(*commands)
    assert all(isinstance(outcome, Posted) for outcome in outcomes), outcomes
    return [outcome.receipt for outcome in outcomes if isinstance(outcome, Posted)]


def moves(receipts: list[Receipt]) -> list[tuple[int, tuple[tuple[int, int, int], ...]]]:
    return [(one.seq, tuple(move[:3] for move in one.transfers)) for one in receipts]


def test_a_bill_is_settled_for_an_account_of_the_same_batch(world: World) -> None:
    clinic = Clinic(world)
    code = clinic.institution()

    def commands() -> tuple[Command, Command, Command]:
        opening = world.opening(opening=(100_00, 0))
        one, other = (clinic.bill([("A", "500.00"), ("C", "20.00")]) for _ in range(2))
        return opening, clinic.command(code, opening.book, one), clinic.command(code, opening.book, other)

    together = at_once(world, *commands())
    apart = [receipt for command in commands() for receipt in at_once(world, command)]
    assert moves(together) == moves(apart)
    assert clinic.accumulator(together[0].book_id).version == 2
    assert clinic.accumulator(together[0].book_id) == clinic.accumulator(apart[0].book_id)


def test_a_visit_of_a_resident_of_the_same_batch(world: World) -> None:
    clinic = Clinic(world)
    code = clinic.institution()
    resident = clinic.enrolling()
    opened, settled = at_once(
        world, resident, clinic.command(code, resident.book, clinic.bill([("A", "50.00")]))
    )
    assert opened.book_id == settled.book_id
    assert not has_account(settled.book_id)


def test_the_interest_of_an_account_of_the_same_batch(world: World) -> None:
    def commands() -> tuple[Command, Command]:
        opening = world.opening(opened_on=date(2025, 2, 3), opening=(4_000_00, 90_000_00))
        return opening, PostInterest(opening.book, 2025)

    together = at_once(world, *commands())
    apart = [receipt for command in commands() for receipt in at_once(world, command)]
    assert moves(together) == moves(apart)
    assert together[1].amount_fen > 0


def test_a_quota_of_the_same_batch_pays(world: World) -> None:
    clinic = Clinic(world)
    code, someone = clinic.institution(), SomeoneFactory()
    patient, donor = world.open(someone), clinic.patient("300.00")
    digest = clinic.digest(someone)
    quota = GiveQuota(donor, digest, (digest, resident_ref(digest)), "child", 200_00, 1)
    given, settled = world.post(quota, clinic.command(code, patient, clinic.bill([("A", "120.00")])))
    assert isinstance(given, Posted)
    assert isinstance(settled, Posted)
    row = settled.row(SETTLEMENT_ROW)
    assert row is not None
    assert (row.mutual_pay, row.cash_pay) == (120_00, 0)
