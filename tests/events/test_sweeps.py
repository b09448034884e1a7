"""What a day brings: months that units did not pay, looks that are withheld no longer. Each is told once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from ledger import tables
from ledger.access.reads import LoggedRead
from ledger.accounts.closure import ReportDeath
from ledger.book.numbers import entry_name
from ledger.chart.channels import AccessChannel, FieldGroup
from ledger.chart.events import EventKind
from ledger.chart.matrix import Stage
from ledger.database.lookups import insert_or_leave
from ledger.events import unpaid
from ledger.events.feed import tell_once
from ledger.events.unpaid import tell_unpaid
from ledger.inquiry import withheld
from ledger.inquiry.withheld import tell_withheld_no_longer
from ledger.people.id_numbers import parse_id_number
from ledger.people.persons import number_digest
from ledger.policy.dated import Dated, DatedLine
from tests.support.feed import everything, taken_in
from tests.support.people import Someone, SomeoneFactory, World
from tests.support.units import Unit

# when March is due
DUE = date(2026, 4, 15)
HEAD = b"h" * 32


@pytest.fixture
def world(fresh_engine: Engine) -> World:
    return World(fresh_engine)


def told(world: World, kind: EventKind) -> list[int]:
    """The books that were told of something, in order."""
    return [one.book_id for one in everything(world.engine) if one.kind is kind]


def sweep_unpaid(world: World, on: date) -> int:
    with world.engine.connect() as connection:
        return tell_unpaid(connection, on, world.policies, world.now)


# -- units that did not pay ----------------------------------------------------------------------------------


def test_a_month_that_is_not_paid_is_told_to_the_unit_and_to_its_staff(world: World) -> None:
    unit, other = Unit(world), Unit(world)
    staff = [unit.hire() for _ in range(3)]
    unit.declare(202603, dict.fromkeys(staff, 800_000))
    owner = other.hire()
    other.declare(202603, {owner: 800_000})
    other.pay(76_000, DUE, 202603)
    # on its due day nothing is late
    assert sweep_unpaid(world, DUE) == 0
    assert sweep_unpaid(world, DUE + timedelta(1)) == 4
    assert told(world, EventKind.UNIT_DID_NOT_PAY) == [unit.book, *sorted(staff)]
    # once, on whatever day it is asked for again
    for day in (DUE + timedelta(1), DUE + timedelta(200)):
        assert sweep_unpaid(world, day) == 0
    # what is paid after all is told by the contributions, and another month is another event
    unit.pay(228_000, DUE + timedelta(2), 202603)
    unit.declare(202604, {staff[0]: 800_000})
    assert sweep_unpaid(world, date(2026, 7, 1)) == 2
    assert told(world, EventKind.UNIT_DID_NOT_PAY)[4:] == [unit.book, staff[0]]


def test_whose_month_is_paid_is_not_told(world: World) -> None:
    unit = Unit(world)
    paid, owed = unit.hire(), unit.hire()
    unit.declare(202603, {paid: 800_000, owed: 800_000})
    line = tables.assessment
    with world.engine.begin() as connection:
        connection.execute(
            line.update()
            .where(line.c.account_id == paid)
            .values(employee_paid=line.c.employee, employer_paid=line.c.employer)
        )
    assert sweep_unpaid(world, DUE + timedelta(1)) == 2
    assert told(world, EventKind.UNIT_DID_NOT_PAY) == [unit.book, owed]


def test_a_late_fee_alone_is_no_month_that_was_not_paid(world: World) -> None:
    unit = Unit(world)
    unit.declare(202603, {unit.hire(): 800_000})
    unit.pay(76_000, DUE + timedelta(30), 202603)
    assert sweep_unpaid(world, DUE + timedelta(40)) == 0


def test_a_month_that_was_estimated_is_told_to_the_unit_alone(world: World) -> None:
    unit = Unit(world)
    unit.declare(202603, {unit.hire(): 800_000})
    unit.pay(76_000, DUE, 202603)
    unit.estimate(202604)
    assert sweep_unpaid(world, date(2026, 7, 1)) == 1
    assert told(world, EventKind.UNIT_DID_NOT_PAY) == [unit.book]


def test_a_sweep_that_was_cut_off_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpaid, "CHUNK", 1)
    units = [Unit(world) for _ in range(3)]
    for unit in units:
        unit.declare(202603, {unit.hire(): 800_000})
    calls = iter([tell_once])

    def dies(*arguments: Any) -> int:
        return next(calls)(*arguments)

    with monkeypatch.context() as cut:
        cut.setattr(unpaid, "tell_once", dies)
        with pytest.raises(StopIteration):
            sweep_unpaid(world, DUE + timedelta(1))
    assert sweep_unpaid(world, DUE + timedelta(1)) == 4
    assert sorted(set(told(world, EventKind.UNIT_DID_NOT_PAY)) & {unit.book for unit in units}) == sorted(
        unit.book for unit in units
    )
    assert len(told(world, EventKind.UNIT_DID_NOT_PAY)) == 6


# -- looks that are withheld no longer -----------------------------------------------------------------------


# late in the evening of the day before, in UTC; of this day in the area
AT = datetime(2026, 1, 9, 16, 30, tzinfo=UTC)
LOOKED_ON = date(2026, 1, 10)


def look_at(
    world: World,
    book_id: int | None,
    purpose: str | None,
    *,
    ref: str | None = None,
    person: bytes | None = None,
    at: datetime = AT,
) -> None:
    """Write down a look, as the read log would."""
    with world.engine.begin() as connection:
        connection.execute(insert_or_leave(connection, tables.agent), {"agent_id": 99, "name": "looker"})
        chain = {"chain_id": 1, "day": LOOKED_ON, "opened_at": AT, "last_seq": 0, "head": HEAD, "seal": HEAD}
        connection.execute(insert_or_leave(connection, tables.read_log_chain), chain)
        seq = len(connection.execute(select(tables.read_log.c.seq)).all()) + 1
        row = LoggedRead(
            1, seq, at, 99, 99, "accounts:read", None, int(AccessChannel.WINDOW), purpose, ref, book_id,
            person, int(FieldGroup.BALANCE), 1, None,
        )  # fmt: skip
        connection.execute(tables.read_log.insert(), row._asdict() | {"head": HEAD})


def sweep_withheld(world: World, day: date) -> int:
    with world.engine.connect() as connection:
        return tell_withheld_no_longer(connection, day, world.policies, world.now)


@pytest.mark.parametrize(("later", "new"), [(0, 0), (179, 0), (180, 1), (181, 1)])
def test_the_day_on_which_it_is_told(world: World, later: int, new: int) -> None:
    account = world.open()
    for purpose in (None, "own_request", "complaint", "court_order"):
        look_at(world, account, purpose)
    day = LOOKED_ON + timedelta(later)
    assert sweep_withheld(world, day) == new
    assert sweep_withheld(world, day) == 0
    assert sweep_withheld(world, day + timedelta(400)) == 1 - new
    assert told(world, EventKind.ACCESS_WITHHELD_NO_LONGER) == [account]
    [event] = [one for one in everything(world.engine) if one.kind is EventKind.ACCESS_WITHHELD_NO_LONGER]
    assert (event.seq, event.at) == (None, world.now)


def test_an_estate_is_told_of_when_it_is_divided_or_its_days_are_over(world: World) -> None:
    account, other = world.open(), world.open()
    death = world.one(ReportDeath(account, date(2026, 1, 5), "x"))
    look_at(world, account, "estate", ref=entry_name(account, death.seq))
    look_at(world, other, "estate", ref="no entry at all")
    assert sweep_withheld(world, LOOKED_ON + timedelta(3_659)) == 0
    with world.engine.begin() as connection:
        book = tables.book
        closed = {"stage": int(Stage.CLOSED)}
        connection.execute(book.update().where(book.c.book_id == account).values(closed))
    assert sweep_withheld(world, LOOKED_ON + timedelta(10)) == 1
    assert sweep_withheld(world, LOOKED_ON + timedelta(3_660)) == 1
    assert told(world, EventKind.ACCESS_WITHHELD_NO_LONGER) == [account, other]


def test_somebody_known_by_number_is_told_at_the_account(world: World) -> None:
    someone = SomeoneFactory()
    look_at(world, None, "court_order", person=digest(world, someone))
    look_at(world, None, "court_order", person=digest(world, SomeoneFactory()))
    # of whom there is no account nobody can be told
    assert sweep_withheld(world, LOOKED_ON + timedelta(200)) == 0
    account = world.open(someone)
    assert sweep_withheld(world, LOOKED_ON + timedelta(201)) == 1
    assert told(world, EventKind.ACCESS_WITHHELD_NO_LONGER) == [account]


def digest(world: World, someone: Someone) -> bytes:
    return number_digest(parse_id_number(someone.id_number, world.today), world.keyring)


def test_what_was_never_withheld_is_not_told(world: World) -> None:
    """In an area that keeps estates back and no courts, a court's look was shown at once."""
    account = world.open()
    look_at(world, account, "court_order")
    held: Mapping[str, int] = {"estate": 5}
    line = DatedLine(date(2000, 1, 1), None, held, "days_by_purpose", "a test")
    areas = {
        area: replace(policy, access=replace(policy.access, withheld=Dated("access.withheld_days", (line,))))
        for area, policy in world.policies.items()
    }
    with world.engine.connect() as connection:
        later = LOOKED_ON + timedelta(400)
        assert tell_withheld_no_longer(connection, later, areas, world.now) == 0
        assert tell_withheld_no_longer(connection, later, world.policies, world.now) == 1


def test_a_look_after_the_day_is_not_known_yet(world: World) -> None:
    account = world.open()
    look_at(world, account, "court_order", at=AT + timedelta(days=300))
    assert sweep_withheld(world, LOOKED_ON + timedelta(299)) == 0


def test_many_looks_are_gone_through_in_order(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(withheld, "_AT_ONCE", 2)
    accounts = [world.open() for _ in range(5)]
    for place, account in enumerate(accounts):
        look_at(world, account, "court_order", at=AT + timedelta(seconds=place // 2))
    assert sweep_withheld(world, LOOKED_ON + timedelta(200)) == 5
    taken_in(world.engine)
    assert told(world, EventKind.ACCESS_WITHHELD_NO_LONGER) == accounts
