"""What follows a transfer after the turn of a year: the year is carried over before the money goes on."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Engine

from ledger.chart.kinds import Kind
from ledger.transfers.going_out import RequestTransfer, SendTransfer
from ledger.transfers.supplements import ReleaseSuspended
from ledger.verify import verify
from tests.support.people import World
from tests.support.stories import entries, row
from tests.support.units import Unit

SENT, PAID, RELEASED = date(2026, 11, 20), date(2027, 1, 20), date(2028, 2, 10)


def test_a_month_that_waited_is_released_in_the_next_year(engine: Engine) -> None:
    world = World(engine)
    unit = Unit(world)
    book = unit.hire(opened_on=date(2026, 1, 1), opening=(0, 10_000))
    unit.declare(202610, {book: 800_000}, today=SENT)
    asked = world.one(RequestTransfer(book, "330100", SENT, "paper"), today=SENT)
    world.one(SendTransfer(book, asked.seq, SENT, world.ref("sent")), today=SENT)
    unit.pay(10**6, PAID, 202610, today=PAID)
    assert unit.of(book, 202610).suspended == 16_000
    world.one(ReleaseSuspended(unit.book, book, 202610, 16_000, world.ref("r")), today=RELEASED)
    # it came on the day of the payment, and goes on today
    assert [one.effective_on for one in entries(engine, book, Kind.CONTRIBUTION)] == [PAID]
    assert [one.effective_on for one in entries(engine, book, Kind.CARRY_OVER)] == [date(2028, 1, 1)]
    assert entries(engine, book, Kind.TRANSFER_OUT)[-1].effective_on == RELEASED
    stands = row(engine, book)
    assert (stands.current_year, stands.carried_over, stands.open_year) == (0, 0, 2028)
    assert [str(one) for one in verify(engine).findings] == []
