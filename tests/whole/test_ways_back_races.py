"""Ways back at once with what would change them, on PostgreSQL: an allowed order, and no money lost."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine

from ledger.accounts.freezes import EndFreeze, Freeze
from ledger.accounts.interest_corrections import CorrectInterest
from ledger.accounts.spending import Spend
from ledger.book.detail import unpack
from ledger.care.entry_reversals import ReverseEntry
from ledger.contributions.payment_reversals import ReversePayment
from ledger.posting import Outcome, Posted
from ledger.refusals import RefusalCode, Refused
from tests.accounts.test_interest_corrections import posted_wrongly
from tests.support.people import World
from tests.support.units import Unit
from tests.whole.test_races import at_once

pytestmark = pytest.mark.postgres

R = RefusalCode
MARCH, WAGE, OWED, OWN = 202603, 800_000, 76_000, 16_000
DUE = date(2026, 4, 15)


@pytest.fixture
def world(sound_engine: Engine) -> World:
    return World(sound_engine)


def codes(outcomes: list[Outcome]) -> list[RefusalCode | None]:
    """None for what was posted, else why not."""
    found: list[RefusalCode | None] = []
    for one in outcomes:
        assert isinstance(one, Posted | Refused), one
        found.append(one.code if isinstance(one, Refused) else None)
    return found


def paid(unit: Unit, count: int) -> tuple[list[int], ReversePayment, ReversePayment]:
    people = [unit.hire() for _ in range(count)]
    unit.declare(MARCH, dict.fromkeys(people, WAGE))
    seq = unit.world.one(unit.payment(count * OWED, DUE, MARCH)).seq
    return people, ReversePayment(unit.book, seq, "bounced"), ReversePayment(unit.book, seq, "bounced")


def test_a_payment_bounces_while_its_money_is_spent(world: World) -> None:
    for _ in range(6):
        unit = Unit(world)
        people, reversal, _again = paid(unit, 8)
        spends = [[Spend(one, 10_000, world.today, "H0001", world.ref())] for one in people]
        [back], *rest = at_once(world, [[reversal], *spends])
        assert isinstance(back, Posted), back
        spent = [codes(outcomes)[0] for outcomes in rest]
        assert set(spent) <= {None, R.INSUFFICIENT_BALANCE}
        told = unpack(back.receipt.detail)
        assert told["receivable"] == 10_000 * spent.count(None)
        assert told["from_accounts"] == 8 * OWN - told["receivable"]
        assert [unit.balance(one) for one in people] == [0] * 8


def test_a_payment_bounces_once(world: World) -> None:
    for _ in range(6):
        unit = Unit(world)
        people, one, other = paid(unit, 3)
        found = [code for outcomes in at_once(world, [[one], [other]]) for code in codes(outcomes)]
        assert sorted(found, key=str) == sorted([None, R.ALREADY_REVERSED], key=str)
        assert [unit.balance(one) for one in people] == [0] * 3


def test_a_payment_bounces_while_its_month_is_adjusted(world: World) -> None:
    for _ in range(6):
        unit = Unit(world)
        people, reversal, _again = paid(unit, 3)
        first, second = at_once(world, [[reversal], [unit.adjustment(MARCH, {people[0]: 600_000})]])
        assert codes(second) == [None]
        # whichever came first
        left = [12_000, OWN, OWN] if codes(first) == [R.NOT_LAST] else [0, 0, 0]
        assert codes(first) in ([None], [R.NOT_LAST])
        assert [unit.balance(one) for one in people] == left
        assert unit.month(MARCH)["employee"] == 12_000 + 2 * OWN


def test_a_freeze_is_ended_and_taken_back_at_once(world: World) -> None:
    for _ in range(6):
        book = world.open()
        freeze = world.one(Freeze(book, "court", world.ref(), world.today, None))
        end, back = at_once(
            world, [[EndFreeze(book, freeze.seq, "over")], [ReverseEntry(book, freeze.seq, "wrong")]]
        )
        # what was ended is taken back with its end
        assert codes(back) == [None]
        assert codes(end) in ([None], [R.FREEZE_ENDED])


def test_interest_is_corrected_once(world: World) -> None:
    book = posted_wrongly(world, "0.0000", (2025,))
    calls = [[CorrectInterest(book, 2025, 2025, "rates", caller=f"c{number}")] for number in range(4)]
    found = [code for outcomes in at_once(world, calls) for code in codes(outcomes)]
    assert found.count(None) == 1
    assert found.count(R.NOTHING_TO_CORRECT) == 3
