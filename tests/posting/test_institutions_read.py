"""An institution is read with all that stands beside it, each thing once, by posting and by a quote."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, event

from ledger.book.numbers import party_of
from ledger.care.counters import SETTLEMENT_ROW
from ledger.chart.parties import Party
from ledger.institutions.changes import ChangeInstitution
from ledger.institutions.closing import EndInstitution
from ledger.institutions.registry import AddContract, Suspend
from ledger.posting import Desk, Posted
from ledger.posting.institutions import read_institutions
from ledger.refusals import Refused
from tests.posting.test_one_look import both, told
from tests.support.clinic import Clinic
from tests.support.people import AREA, SomeoneFactory, World

DAY = timedelta(days=1)


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


def read(world: World, *codes: str) -> Desk:
    desk = Desk(world.now, world.today, world.policies)
    with world.engine.connect() as connection:
        read_institutions(connection, set(codes), desk)
    return desk


def many_things(world: World, clinic: Clinic) -> str:
    """A hospital with three contracts, two suspensions and four changes."""
    code = clinic.institution(level=1, contract=None)
    book = clinic.parties[code]
    for year in (2024, 2025, 2026):
        last = None if year == 2026 else date(year, 12, 31)
        contract = AddContract(book, code, AREA, date(year, 1, 1), last, ("outpatient", "pharmacy"))
        world.one(contract)
    for month in (2, 4):
        world.one(Suspend(book, code, AREA, date(2026, month, 1), date(2026, month, 9), "inspection"))
    for month, level in ((3, 2), (6, 3), (7, 2)):
        world.one(ChangeInstitution(book, code, AREA, date(2026, month, 1), "doc", level=level))
    world.one(EndInstitution(book, code, AREA, world.today + DAY, "doc"))
    return code


def test_each_thing_is_there_once(world: World) -> None:
    clinic = Clinic(world)
    code, plain, bare = many_things(world, clinic), clinic.institution(), clinic.institution(contract=None)
    there = read(world, code, plain, bare, "nobody").institutions
    assert set(there) == {code, plain, bare}
    one = there[code]
    assert [first for first, _last, _services in sorted(one.contracts, key=lambda made: made[0])] == [
        date(2024, 1, 1), date(2025, 1, 1), date(2026, 1, 1),
    ]  # fmt: skip
    assert {last for _first, last, _services in one.contracts} == {
        date(2024, 12, 31), date(2025, 12, 31), None,
    }  # fmt: skip
    assert {services for _first, _last, services in one.contracts} == {frozenset({"outpatient", "pharmacy"})}
    assert sorted(one.suspensions) == [
        (date(2026, 2, 1), date(2026, 2, 9)), (date(2026, 4, 1), date(2026, 4, 9)),
    ]  # fmt: skip
    assert [(made.valid_from, made.level, made.ended) for made in one.changes] == [
        (date(2026, 3, 1), 2, None), (date(2026, 6, 1), 3, None), (date(2026, 7, 1), 2, None),
        (world.today + 2 * DAY, None, True),
    ]  # fmt: skip
    days = (date(2026, 2, 28), date(2026, 3, 1), date(2026, 6, 30), date(2026, 7, 1))
    assert [one.as_of(day).level for day in days] == [1, 2, 3, 2]
    assert party_of(one.party_id) is Party.INSTITUTION
    assert (there[plain].changes, there[plain].suspensions, len(there[plain].contracts)) == ((), (), 1)
    assert (there[bare].changes, there[bare].suspensions, there[bare].contracts) == ((), (), ())
    assert read(world).institutions == {}


@pytest.mark.postgres
def test_a_quote_knows_what_a_bill_knows(world: World) -> None:
    clinic, person = Clinic(world), SomeoneFactory()
    code = many_things(world, clinic)
    world.open(person)
    for day, level in ((date(2026, 1, 10), 1), (date(2026, 3, 10), 2), (date(2026, 6, 10), 3)):
        command = clinic.command(code, clinic.digest(person), clinic.bill([("A", "1000.00")], day=day))
        seen, rehearsed = both(world, command)
        assert told(seen) == told(rehearsed)
        assert isinstance(seen, Posted)
        [row] = SETTLEMENT_ROW.among(seen.beside)
        assert row.level == level
    for day in (date(2026, 2, 5), date(2026, 4, 9), date(2023, 12, 31)):
        command = clinic.command(code, clinic.digest(person), clinic.bill([("A", "1000.00")], day=day))
        seen, rehearsed = both(world, command)
        assert told(seen) == told(rehearsed)
        assert isinstance(seen, Refused)


def test_it_is_one_statement(world: World) -> None:
    clinic = Clinic(world)
    codes = [many_things(world, clinic), clinic.institution()]
    said: list[str] = []
    with world.engine.connect() as connection:
        event.listen(connection, "before_cursor_execute", lambda *seen: said.append(seen[2]))
        desk = Desk(world.now, world.today, world.policies)
        with connection.begin():
            read_institutions(connection, set(codes), desk)
    [statement] = [text for text in said if "institution" in text]
    # no leg for each of the things that few have
    assert "UNION" not in statement
    assert set(desk.institutions) == set(codes)
