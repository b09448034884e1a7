"""Deaths that were reported late, withdrawn, or corrected to another day (R15, R16, R53)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, select

from ledger import tables
from ledger.accounts.closure import CorrectDeath, ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.mistaken_deaths import WithdrawDeath
from ledger.accounts.mutual_aid import EndQuota
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.accounts.year_end import PostInterest
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.chart.sides import Side
from ledger.contributions.retirees import CreditRetiree
from ledger.people.enrolments import Enrol
from ledger.posting import Posted, Receipt
from ledger.refusals import Refused
from tests.support.approvals import asks_nobody
from tests.support.chance import seeds
from tests.support.clinic import Clinic
from tests.support.people import SomeoneFactory, World, noon
from tests.support.stories import Heir, entries, estate, pockets, row
from tests.support.units import Unit

OPENED = date(2026, 1, 1)
DIED = date(2026, 6, 20)
TODAY = date(2026, 11, 21)
WAGE = 800_000
# of a month with that wage: the account's part, and both
PART, WHOLE = 16_000, 76_000


@pytest.fixture
def world(sound_engine: Engine) -> World:
    return asks_nobody(World(sound_engine, now=noon(TODAY)))


def report(world: World, book: int, on: date = DIED, **when: Any) -> Receipt:
    return world.one(ReportDeath(book, on, "certificate"), **when)


def withdraw(world: World, book: int, **when: Any) -> Receipt:
    return world.one(WithdrawDeath(book, "a namesake", "registry 7"), **when)


def correct(world: World, book: int, on: date, **when: Any) -> Receipt:
    return world.one(CorrectDeath(book, on, "judgment 8"), **when)


def standing(world: World, book: int) -> dict[str, Any]:
    """The row of a book but for what every entry moves on."""
    found = row(world.engine, book)._asdict()
    return {name: found[name] for name in found if name not in {"last_seq", "head", "recorded_at"}}


def months(world: World, account: int) -> list[Any]:
    with world.engine.connect() as connection:
        table = tables.assessment
        query = select(table).where(table.c.account_id == account).order_by(table.c.book_id, table.c.period)
        return [tuple(one) for one in connection.execute(query)]


def quotas(world: World, *books: int) -> list[Any]:
    with world.engine.connect() as connection:
        table = tables.quota
        query = select(table).where(table.c.book_id.in_(books)).order_by(table.c.book_id, table.c.seq)
        return [tuple(one) for one in connection.execute(query)]


def retiree(world: World, last: int = 9) -> int:
    book = world.open(opened_on=OPENED, today=OPENED)
    world.one(Enrol(book, MemberClass.RETIRED, None, OPENED, None), today=OPENED)
    for month in range(1, last + 1):
        world.one(CreditRetiree(book, 202600 + month))
    return book


def worker(unit: Unit, last: int = 9, **opening: Any) -> int:
    """Paid for by an employer until a month of this year, each month on the tenth of the next."""
    book = unit.hire(opened_on=OPENED, today=OPENED, **opening)
    for month in range(3, last + 1):
        day = date(2026, month + 1, 10)
        unit.declare(202600 + month, {book: WAGE}, today=day)
        unit.pay(WHOLE, day, 202600 + month, today=day)
    return book


# -- reported late -------------------------------------------------------------------------------------------


def test_what_an_employer_paid_after_the_month_of_death_goes_back_to_it_both_parts(world: World) -> None:
    unit = Unit(world)
    person, other = worker(unit), worker(unit)
    death = report(world, person)
    told = unpack(death.detail)
    assert told["back"] == [[202607, PART], [202608, PART], [202609, PART]]
    # March to June stay
    assert unit.balance(person) == 4 * PART
    assert unit.balance(other) == 7 * PART
    rows = {one.period: one for one in (unit.of(person, 202600 + month) for month in range(3, 10))}
    assert [rows[period].employee_paid for period in sorted(rows)] == [PART] * 4 + [0] * 3
    assert [rows[period].employer_paid for period in sorted(rows)] == [WHOLE - PART] * 4 + [0] * 3
    assert unit.left_on(Side.BANK) == -WHOLE * 11
    # as an adjustment to nothing of the same month would leave it
    unit.adjust(202609, {other: 0})
    ours, theirs = unit.of(person, 202609), unit.of(other, 202609)
    columns = ("base", "employee", "employer", "employee_paid", "employer_paid", "suspended", "paid_on")
    assert [getattr(ours, name) for name in columns] == [getattr(theirs, name) for name in columns]


def test_nobody_has_had_what_went_back_on_its_own_days(world: World) -> None:
    unit = Unit(world)
    late, prompt = worker(unit), worker(unit, last=6)
    for book in (late, prompt):
        report(world, book)
        world.one(estate(world, book, [Heir("child", "王五")], TODAY))
    found = [
        unpack(entries(world.engine, book, Kind.ESTATE)[0].detail)["heirs"][0]["amount"]
        for book in (late, prompt)
    ]
    assert found[0] == found[1] > 4 * PART


def test_what_was_spent_of_an_employers_months_is_owed_and_set_off(world: World) -> None:
    unit = Unit(world)
    person = worker(unit)
    spent = world.one(Spend(person, 6 * PART + 100, date(2026, 6, 20), "H0001", "s"))
    told = unpack(report(world, person).detail)
    assert (told["returned"], told["receivable"]) == (PART - 100, 2 * PART + 100)
    assert "debits" not in told, "on the day of death itself"
    assert (unit.balance(person), unit.of(person, 202607).suspended) == (0, -PART)
    world.one(Reverse(person, spent.seq, "never was"))
    divided = world.one(estate(world, person, [Heir("child", "王五")], TODAY))
    assert sum(line["amount"] for line in unpack(divided.detail)["set_off"]) == 2 * PART + 100


def test_the_month_that_went_with_other_days_and_refunds(world: World) -> None:
    """Paid in two parts, corrected downwards since: what went is what was there, by its days."""
    unit = Unit(world)
    person = unit.hire(opened_on=OPENED, today=OPENED)
    unit.declare(202607, {person: WAGE}, today=date(2026, 8, 5))
    unit.pay(30_000, date(2026, 8, 5), 202607, today=date(2026, 8, 5))
    unit.pay(46_000, date(2026, 8, 12), 202607, today=date(2026, 8, 12))
    unit.adjust(202607, {person: 700_000}, today=date(2026, 9, 1))
    before = standing(world, person), months(world, person)
    report(world, person)
    assert unit.balance(person) == 0
    withdraw(world, person)
    assert (standing(world, person), months(world, person)) == before


# -- withdrawn -----------------------------------------------------------------------------------------------


def test_a_withdrawn_death_leaves_all_as_it_was(world: World) -> None:
    clinic, unit = Clinic(world), Unit(world)
    someone, other = SomeoneFactory(), SomeoneFactory()
    person = worker(unit, someone=someone, opening=(0, 100_000))
    twin = worker(unit, opening=(0, 100_000))
    relative = world.open(other, opened_on=OPENED, opening=(50_000, 0), today=OPENED)
    clinic.give(person, other, "70.00")
    clinic.give(relative, someone, "30.00")
    for book in (person, twin):
        world.one(Spend(book, 100_000 + PART, date(2026, 10, 30), "H0001", "s"))
    books = (person, relative)
    before = [standing(world, book) for book in books], months(world, person), quotas(world, *books)
    employer = {side: unit.left_on(side) for side in Side}
    report(world, person)
    assert row(world.engine, relative).reserved == 0
    told = unpack(withdraw(world, person).detail)
    after = [standing(world, book) for book in books], months(world, person), quotas(world, *books)
    assert after == before
    assert {side: unit.left_on(side) for side in Side} == employer
    assert (len(told["reopened"]), told.get("not_reopened")) == (2, None)
    # both facts stay
    kinds = [one.kind for one in entries(world.engine, person)]
    assert kinds.count(Kind.DEATH) == kinds.count(Kind.DEATH_WITHDRAWAL) == 1
    # and the year's interest is what it would have been
    earned = [
        world.one(PostInterest(book, 2026), today=date(2027, 1, 5)).amount_fen for book in (person, twin)
    ]
    assert earned[0] == earned[1] > 0


def test_what_was_owed_of_it_is_owed_no_more(world: World) -> None:
    unit = Unit(world)
    person, old = worker(unit), retiree(world)
    for book, fen in ((person, 6 * PART), (old, 80_000)):
        world.one(Spend(book, fen, DIED, "H0001", "s"))
    before = [(standing(world, book), months(world, book)) for book in (person, old)]
    for book in (person, old):
        assert unpack(report(world, book).detail)["receivable"] > 0
        withdraw(world, book)
    assert [(standing(world, book), months(world, book)) for book in (person, old)] == before
    for book in (person, old):
        report(world, book, TODAY)
        done = unpack(world.one(estate(world, book, [Heir("child", "王五")], TODAY)).detail)
        assert "set_off" not in done


def test_who_lives_again_is_paid_for_again_and_may_die(world: World) -> None:
    """Each time the months go back anew, and come again."""
    unit = Unit(world)
    person, old = worker(unit), retiree(world)
    for book in (person, old):
        before = standing(world, book)
        went = []
        for on in (DIED, date(2026, 7, 3), DIED):
            went.append(unpack(report(world, book, on).detail)["back"])
            withdraw(world, book)
            assert standing(world, book) == before
        assert went[0] == went[2] == went[1][:0] + went[0]
        assert went[1] == went[0][1:]
    # months refused in between come when they are sent again
    unit.declare(202610, {person: WAGE})
    unit.pay(WHOLE, TODAY, 202610)
    assert unit.balance(person) == 8 * PART


def test_a_quota_opens_again_only_where_its_terms_hold(world: World) -> None:
    clinic = Clinic(world)
    people = [SomeoneFactory() for _ in range(5)]
    dead, heir, gone, poor, rich = (
        world.open(one, opened_on=OPENED, opening=(10_000, 0), today=OPENED) for one in people
    )
    own = [clinic.give(dead, people[1], "30.00").seq, clinic.give(dead, people[2], "20.00").seq]
    clinic.give(poor, people[0], "60.00")
    clinic.give(rich, people[0], "60.00")
    report(world, dead)
    report(world, gone)
    world.one(Spend(poor, 5_000, TODAY, "H0001", "s"))
    told = unpack(withdraw(world, dead).detail)
    assert sorted(told["not_reopened"]) == sorted(
        [[dead, own[1], "recipient_not_insured"], [poor, 2, "quota_too_high"]]
    )
    assert sorted(told["reopened"]) == sorted([[dead, own[0]], [rich, 2]])
    # what is open again ends as any, and with another death
    world.one(EndQuota(dead, own[0], "enough"))
    report(world, dead)
    assert [one[-1] for one in quotas(world, dead, poor, rich)] == [True] * 4
    assert row(world.engine, rich).reserved == row(world.engine, heir).reserved == 0
    withdraw(world, dead)
    assert row(world.engine, rich).reserved == 6_000, "opened a second time"
    assert row(world.engine, dead).reserved == 0, "ended by its donor"


def test_what_a_withdrawal_and_a_correction_are_refused_for(world: World) -> None:
    book = world.open(opened_on=OPENED, today=OPENED)
    for command in (WithdrawDeath(book, "x", "y"), CorrectDeath(book, DIED, "y")):
        assert world.refusal(command) == "account_not_deceased"
    report(world, book)
    for on in (DIED, TODAY + timedelta(days=1), date(1900, 1, 1)):
        assert world.refusal(CorrectDeath(book, on, "y")) == "period_invalid"
    assert world.refusal(ReportDeath(book, DIED - timedelta(days=1), "other")) == "account_deceased"
    withdraw(world, book)
    assert world.refusal(WithdrawDeath(book, "x", "y")) == "account_not_deceased"
    report(world, book)
    world.one(estate(world, book, [Heir("child", "王五")], TODAY))
    for command in (WithdrawDeath(book, "x", "y"), CorrectDeath(book, OPENED, "y")):
        assert world.refusal(command) == "account_closed"


def test_the_same_request_gets_the_first_answer(world: World) -> None:
    book = retiree(world)
    command = ReportDeath(book, DIED, "certificate", key="one")
    again = WithdrawDeath(book, "x", "y", key="two")
    first, back = world.posted(command), world.posted(again)
    for sent, was in ((command, first), (again, back)):
        outcome = world.posted(replace(sent))
        assert (outcome.replayed, outcome.receipt) == (True, was.receipt)
    assert world.refusal(WithdrawDeath(book, "other", "y", key="two")) == "idempotency_key_reused"


# -- another day ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spent", [0, 60_000])
@pytest.mark.parametrize("by", ["worker", "retiree"])
def test_any_order_of_days_ends_where_the_right_day_would_have(world: World, by: str, spent: int) -> None:
    unit = Unit(world)
    ways = (
        (date(2026, 6, 20),),
        (date(2026, 8, 2), date(2026, 6, 20)),
        (date(2026, 4, 2), date(2026, 6, 20)),
        (date(2026, 10, 2), date(2026, 5, 1), date(2026, 7, 31), date(2026, 6, 20)),
    )
    found = []
    for days in ways:
        book = worker(unit) if by == "worker" else retiree(world)
        if spent:
            world.one(Spend(book, spent, date(2026, 4, 1), "H0001", "s"))
        report(world, book, days[0])
        for day in days[1:]:
            correct(world, book, day)
        stands = standing(world, book)
        rows = [one[3:] if by == "worker" else one for one in months(world, book)]
        done = unpack(world.one(estate(world, book, [Heir("child", "王五")], TODAY)).detail)
        found.append((
            {name: stands[name] for name in ("current_year", "carried_over", "stage", "died_on")},
            rows, done["balance"], done["interest"],
            sorted(line["owed"] for line in done.get("set_off", ())),
        ))  # fmt: skip
    assert all(one == found[0] for one in found[1:])


def test_a_later_day_gives_again_and_flags_less(world: World) -> None:
    book = retiree(world)
    spent = world.one(Spend(book, 1_000, date(2026, 7, 10), "H0001", "s"))
    told = unpack(report(world, book).detail)
    assert (len(told["back"]), told["debits"]) == (3, [[spent.seq, 1_000]])
    told = unpack(correct(world, book, date(2026, 8, 1)).detail)
    assert (told["again"], told["still_owed"]) == ([[202607, 11_000], [202608, 11_000]], 0)
    assert ("back" in told, "debits" in told) == (False, False)
    told = unpack(correct(world, book, date(2026, 7, 1)).detail)
    assert (told["back"], told["debits"]) == ([[202608, 11_000]], [[spent.seq, 1_000]])
    withdraw(world, book)
    assert sum(pockets(world.engine, book, TODAY)) == 9 * 11_000 - 1_000


# -- at random -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", seeds(6))
def test_a_report_and_its_withdrawal_restore_everything(world: World, seed: int) -> None:
    random = Random(seed)
    unit, clinic = Unit(world), Clinic(world)
    someone, other = SomeoneFactory(), SomeoneFactory()
    opening = (random.randrange(60_000), random.randrange(60_000))
    books = [world.open(one, opened_on=OPENED, opening=opening, today=OPENED) for one in (someone, other)]
    person, relative = books
    unit.know(person, someone)
    for month in range(2, 10):
        day = date(2026, month + 1, random.randint(1, 28))
        if random.random() < 0.7:
            unit.declare(202600 + month, {person: random.randrange(500_000, 2_000_000)}, today=day)
            with_less = random.choice((1, 1, 2))
            owed = unit.of(person, 202600 + month)
            unit.pay((owed.employee + owed.employer) // with_less, day, 202600 + month, today=day)
        if random.random() < 0.5:
            amount = random.randrange(1, 30_000)
            world.one(Contribute(person, amount, 202600 + month, day, world.ref("c")), today=day)
        if random.random() < 0.6:
            on = day - timedelta(days=random.choice((0, 10, 40)))
            amount = random.randrange(1, 40_000)
            world.post(Spend(person, amount, max(on, OPENED), "H0001", world.ref("s")), today=day)
    if row(world.engine, person).current_year + row(world.engine, person).carried_over > 1_000:
        clinic.give(person, other, "5.00")
    clinic.give(relative, someone, "0.01")
    before = [standing(world, book) for book in books], months(world, person), quotas(world, *books)
    for _ in range(2):
        on = date(2026, random.randint(1, 10), random.randint(1, 28))
        report(world, person, on)
        for _ in range(random.randrange(3)):
            outcome = world.post(
                CorrectDeath(person, date(2026, random.randint(1, 10), random.randint(1, 28)), "doc")
            )[0]
            assert isinstance(outcome, Posted | Refused)
        withdraw(world, person)
        after = [standing(world, book) for book in books], months(world, person), quotas(world, *books)
        assert after == before
