"""Deaths of people who once had two accounts: what the younger one had counts as what the older one has (R2,
R15, R16, R53).
"""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Engine, select

from ledger import tables
from ledger.accounts.closure import CorrectDeath, ReportDeath
from ledger.accounts.death_reports import death
from ledger.accounts.debits_after import debits_of_the_dead
from ledger.accounts.mistaken_deaths import WithdrawDeath
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.book.detail import unpack
from ledger.book.numbers import entry_name
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.contributions.retirees import CreditRetiree
from ledger.estates.merging import MergeAccounts
from ledger.people.enrolments import Enrol
from ledger.posting import Receipt
from ledger.refusals import Refused
from ledger.reports import look
from tests.support.approvals import asks_nobody
from tests.support.people import SomeoneFactory, World, noon
from tests.support.stories import Heir, entries, estate, moves, row
from tests.support.units import Unit

OPENED = date(2026, 1, 1)
DIED = date(2026, 6, 20)
MERGED = date(2026, 10, 20)
TODAY = date(2026, 11, 21)
WAGE = 800_000
# of a month with that wage: the account's part, and both
PART, WHOLE = 16_000, 76_000
RETIRED = 11_000


class OneOfThree(NamedTuple):
    """The accounts of one person: the third went into the second, that into the first."""

    first: int
    second: int
    third: int


@pytest.fixture
def world(sound_engine: Engine) -> World:
    return asks_nobody(World(sound_engine, now=noon(TODAY)))


def report(world: World, book: int, on: date = DIED, **when: Any) -> Receipt:
    return world.one(ReportDeath(book, on, "certificate"), **when)


def withdraw(world: World, book: int, **when: Any) -> Receipt:
    return world.one(WithdrawDeath(book, "a namesake", "registry 7"), **when)


def correct(world: World, book: int, on: date, **when: Any) -> Receipt:
    return world.one(CorrectDeath(book, on, "judgment 8"), **when)


def standing(world: World, *books: int) -> list[dict[str, Any]]:
    """The rows of some books but for what every entry moves on."""
    left = {"last_seq", "head", "recorded_at"}
    rows = [row(world.engine, book)._asdict() for book in books]
    return [{name: found[name] for name in found if name not in left} for found in rows]


def months(world: World, *accounts: int) -> list[Any]:
    with world.engine.connect() as connection:
        table = tables.assessment
        query = select(table).where(table.c.account_id.in_(accounts))
        return sorted(tuple(one) for one in connection.execute(query))


def opened(world: World, name: str = "张三", **more: Any) -> int:
    return world.open(SomeoneFactory(name=name), opened_on=OPENED, today=OPENED, **more)


def merged(world: World, younger: int, older: int, on: date = MERGED) -> None:
    world.one(MergeAccounts(younger, older, "finding 118"), today=on)


def paid_for(world: World, unit: Unit, last: int = 9) -> int:
    """Somebody for whom an employer paid until a month of this year, each on the tenth of the next."""
    book = unit.hire(SomeoneFactory(name="张三"), opened_on=OPENED, today=OPENED)
    for month in range(3, last + 1):
        day = date(2026, month + 1, 10)
        unit.declare(202600 + month, {book: WAGE}, today=day)
        unit.pay(WHOLE, day, 202600 + month, today=day)
    return book


def credited(world: World, book: int, last: int = 9) -> int:
    """The same for a retiree, on the last day of each month."""
    world.one(Enrol(book, MemberClass.RETIRED, None, OPENED, None), today=OPENED)
    for month in range(3, last + 1):
        world.one(CreditRetiree(book, 202600 + month), today=date(2026, month, 28))
    return book


def interest(world: World, one: OneOfThree) -> int:
    """What the accounts had earned when they went into another, in fen."""
    posted = [(book, entry.seq) for book in one for entry in entries(world.engine, book, Kind.INTEREST)]
    return sum(fen for place in posted for *_sides, fen in moves(world.engine, *place))


def three(world: World, unit: Unit, last: int = 9) -> OneOfThree:
    """300.00 in the first account, retiree's credits in the second, an employer's months in the third."""
    first, second = opened(world, opening=(0, 30_000)), credited(world, opened(world), last)
    third = paid_for(world, unit, last)
    merged(world, third, second)
    merged(world, second, first)
    return OneOfThree(first, second, third)


def test_what_came_after_the_month_of_death_goes_back_from_all_of_them(world: World) -> None:
    unit = Unit(world)
    one, prompt = three(world, unit), three(world, unit, last=6)
    told = unpack(report(world, one.first).detail)
    assert told["back"] == [[202607, PART + RETIRED], [202608, PART + RETIRED], [202609, PART + RETIRED]]
    assert [one.employee_paid for one in (unit.of(one.third, 202600 + n) for n in range(3, 10))] == (
        [PART] * 4 + [0] * 3
    )
    assert [row(world.engine, book).current_year for book in one[1:]] == [0, 0]
    back = entries(world.engine, one.second, Kind.CREDIT_BACK)
    assert [entry.period for entry in back] == [202609, 202608, 202607]
    # but for the interest that the months had earned before the merger, it is as if they had never come
    report(world, prompt.first)
    left = [unit.balance(book.first) - interest(world, book) for book in (one, prompt)]
    assert left[0] == left[1]
    assert interest(world, one) > interest(world, prompt) > 0
    with look(world.engine) as connection:
        assert death(connection, one.first).still_owed == 0


def test_a_withdrawn_death_gives_everything_back(world: World) -> None:
    unit = Unit(world)
    one = three(world, unit)
    world.one(Spend(one.first, 40_000, date(2026, 11, 2), "H0001", "s"))
    before = standing(world, *one), months(world, *one)
    for on in (DIED, date(2026, 8, 2), DIED):
        report(world, one.first, on)
        assert standing(world, *one) != before[0]
        withdraw(world, one.first)
        assert (standing(world, *one), months(world, *one)) == before


def test_what_is_not_there_is_owed_and_set_off(world: World) -> None:
    unit = Unit(world)
    one = three(world, unit)
    there = unit.balance(one.first)
    spent = world.one(Spend(one.first, there - 20_000, DIED, "H0001", "s"), today=MERGED)
    before = standing(world, *one), months(world, *one)
    told = unpack(report(world, one.first).detail)
    whole = 3 * (PART + RETIRED)
    assert (told["returned"], told["receivable"]) == (20_000, whole - 20_000)
    with look(world.engine) as connection:
        assert death(connection, one.first).still_owed == whole - 20_000
    withdraw(world, one.first)
    assert (standing(world, *one), months(world, *one)) == before
    report(world, one.first)
    world.one(Reverse(one.first, spent.seq, "never was"))
    done = unpack(world.one(estate(world, one.first, [Heir("child", "王五")], TODAY)).detail)
    assert sum(line["amount"] for line in done["set_off"]) == whole - 20_000
    assert sum(line["owed"] for line in done["set_off"]) == whole - 20_000


def test_a_debit_after_death_of_the_younger_one_keeps_the_estate_open(world: World) -> None:
    first, second = opened(world), opened(world, opening=(0, 30_000))
    early = world.one(Spend(second, 700, date(2026, 6, 20), "H0001", "s-1"), today=DIED)
    late = world.one(Spend(second, 900, date(2026, 6, 21), "H0001", "s-2"), today=date(2026, 6, 21))
    merged(world, second, first)
    told = unpack(report(world, first).detail)
    assert told["debits"] == [[late.seq, 900, second]]
    name = entry_name(second, late.seq)
    with look(world.engine) as connection:
        [debit] = death(connection, first).debits
        assert (debit.entry, debit.fen, debit.institution) == (name, 900, "H0001")
        found = [one for one in debits_of_the_dead(connection, None, 1000) if one.account_id == first]
        assert [(one.died_on, one.debit.entry) for one in found] == [(DIED, name)]
        [after] = debits_of_the_dead(connection, (second, early.seq), 1)
        assert after.debit.entry == name
        assert not [
            one for one in debits_of_the_dead(connection, (second, late.seq), 9) if one.book_id == second
        ]
    divide = estate(world, first, [Heir("child", "王五")], TODAY)
    [refused] = world.post(divide)
    assert isinstance(refused, Refused)
    assert [(item["what"], item["name"]) for item in refused.facts["items"]] == [("debit_after_death", name)]
    world.one(Reverse(second, late.seq, "never was"))
    with look(world.engine) as connection:
        assert death(connection, first).debits == []
    world.one(estate(world, first, [Heir("child", "王五")], TODAY))


@pytest.mark.parametrize("spent", [0, 100_000])
def test_any_order_of_days_ends_where_the_right_day_would_have(world: World, spent: int) -> None:
    unit = Unit(world)
    ways = (
        (date(2026, 6, 20),),
        (date(2026, 8, 2), date(2026, 6, 20)),
        (date(2026, 4, 2), date(2026, 6, 20)),
        (date(2026, 10, 2), date(2026, 5, 1), date(2026, 7, 31), date(2026, 6, 20)),
    )
    found = []
    for days in ways:
        one = three(world, unit)
        if spent:
            world.one(Spend(one.first, spent, TODAY, "H0001", "s"))
        report(world, one.first, days[0])
        for day in days[1:]:
            correct(world, one.first, day)
        stands = standing(world, one.first)[0]
        with look(world.engine) as connection:
            owed = death(connection, one.first).still_owed
        rows = [tuple(month)[3:] for month in months(world, *one)]
        found.append((stands["current_year"], stands["carried_over"], rows, owed))
    assert all(one == found[0] for one in found[1:])


def test_in_a_later_year_it_goes_back_and_comes_again(world: World) -> None:
    unit = Unit(world)
    one = three(world, unit)
    later = date(2027, 2, 3)
    before = standing(world, *one), months(world, *one)
    told = unpack(report(world, one.first, today=later).detail)
    assert [period for period, _fen in told["back"]] == [202607, 202608, 202609]
    withdraw(world, one.first, today=date(2027, 3, 4))
    after = standing(world, *one)
    assert [sum(rows[name] for name in ("current_year", "carried_over")) for rows in after] == [
        sum(rows[name] for name in ("current_year", "carried_over")) for rows in before[0]
    ]
    assert months(world, *one) == before[1]


def test_nothing_is_owed_for_a_month_after_the_death_that_was_listed_for_the_younger_one(
    world: World,
) -> None:
    unit = Unit(world)
    first, second = opened(world), unit.hire(SomeoneFactory(name="张三"), opened_on=OPENED, today=OPENED)
    for month in (6, 8):
        unit.declare(202600 + month, {second: WAGE}, today=MERGED)
    merged(world, second, first)
    report(world, first)
    told = unit.pay(2 * WHOLE, TODAY, 202608)
    # what was paid for August goes to June, and the rest waits for the employer
    assert told["to_accounts"] == PART
    assert unit.balance(first) == PART
    assert [unit.of(second, 202600 + month).employee for month in (6, 8)] == [PART, 0]
