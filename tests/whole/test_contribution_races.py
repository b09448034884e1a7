"""Employers at once, on PostgreSQL: a list counts once, a payment is made once, and no fen is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import ReportDeath
from ledger.accounts.spending import Spend
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.contributions.declarations import Confirm, Declare
from ledger.contributions.employers import Employer, RegisterEmployer, enter
from ledger.database.engines import connect
from ledger.posting import Posted
from ledger.refusals import Refused
from tests.support.people import AREA, SomeoneFactory, World
from tests.support.stories import entries
from tests.support.units import Unit, credit_code
from tests.whole.test_races import at_once, run_all, words

pytestmark = pytest.mark.postgres

MARCH, IN_TIME = 202603, date(2026, 4, 10)
WAGE, OWED, ACCOUNT = 800_000, 76_000, 16_000


@pytest.fixture(scope="module")
def crowded(sound_engine: Engine) -> Iterator[Engine]:
    """Connections for sixteen at a time."""
    pooled = connect(sound_engine.url.render_as_string(hide_password=False), pool_size=20)
    yield pooled
    pooled.dispose()


@pytest.fixture
def world(crowded: Engine) -> World:
    return World(crowded)


@pytest.fixture
def unit(world: World) -> Unit:
    return Unit(world)


@pytest.mark.parametrize("early", [0, 30_000], ids=["before its money", "after its money"])
def test_a_list_confirmed_by_many_at_once_counts_once(world: World, unit: Unit, early: int) -> None:
    staff = {unit.hire(): WAGE for _ in range(5)}
    if early:
        unit.pay(early, IN_TIME, MARCH)
    declaration = unit.preview(MARCH, staff)
    calls = [[Confirm(unit.book, declaration.seq, unit.reveal, key=f"k-{n}")] for n in range(8)]
    outcomes = [answers[0] for answers in at_once(world, calls)]
    assert words(outcomes) == {"posted": 1, "already_confirmed": 7}
    assert unit.month(MARCH)["employee"] == 5 * ACCOUNT
    assert sum(unit.balance(person) for person in staff) == unit.left_on(Side.COLLECTION_CLEARING)


def test_two_lists_of_the_same_people_confirmed_at_once(world: World, unit: Unit) -> None:
    staff = {unit.hire(): WAGE for _ in range(5)}
    lists = [unit.preview(MARCH, staff) for _ in range(4)]
    outcomes = [one[0] for one in at_once(world, [[Confirm(unit.book, d.seq, unit.reveal)] for d in lists])]
    assert words(outcomes) == {"posted": 1, "already_confirmed": 3}
    assert unit.month(MARCH)["employee"] == 5 * ACCOUNT


@pytest.mark.parametrize(
    ("ref", "key", "told"),
    [
        ("bank", "key", {"posted": 1, "replayed": 15}),
        ("bank", "key-{n}", {"posted": 1, "duplicate_source_ref": 15}),
        ("bank-{n}", "key", {"posted": 1, "idempotency_key_reused": 15}),
        ("bank-{n}", "key-{n}", {"posted": 16}),
    ],
    ids=["one key", "one document", "one key for many documents", "sixteen payments"],
)
def test_a_payment_sent_by_sixteen_at_once(
    world: World, unit: Unit, ref: str, key: str, told: dict[str, int]
) -> None:
    person = unit.hire()
    unit.declare(MARCH, {person: WAGE})
    calls = [[unit.payment(10_000, IN_TIME, MARCH, ref.format(n=n), key.format(n=n))] for n in range(16)]
    outcomes = [answers[0] for answers in at_once(world, calls)]
    assert words(outcomes) == told
    paid = 10_000 * told["posted"]
    assert -unit.left_on(Side.BANK) == paid
    assert len(entries(world.engine, unit.book, Kind.PAYMENT)) == told["posted"]
    assert unit.surplus() == max(paid - OWED, 0)


def test_employers_that_pay_for_the_same_people_at_once(world: World) -> None:
    units = [Unit(world) for _ in range(6)]
    accounts = []
    for _ in range(12):
        person = SomeoneFactory()
        accounts.append(world.open(person))
        for unit in units:
            unit.know(accounts[-1], person)
    for place, unit in enumerate(units):
        # each list in another order
        staff = accounts[place:] + accounts[:place]
        unit.declare(MARCH, dict.fromkeys(staff, WAGE))
    calls: list[list[Any]] = [
        [unit.payment(12 * OWED // 3, IN_TIME, MARCH) for _ in range(3)] for unit in units
    ]
    outcomes = [outcome for answers in at_once(world, calls) for outcome in answers]
    assert words(outcomes) == {"posted": 18}
    assert [units[0].balance(account) for account in accounts] == [6 * ACCOUNT] * 12


def test_a_payment_and_a_spend_and_a_death_at_once(world: World, unit: Unit) -> None:
    """Whoever comes first: the account has what was paid and was not spent, and nothing after the end."""
    for _ in range(8):
        person, other = unit.hire(), unit.hire()
        period = MARCH
        fresh = Unit(world)
        for account in (person, other):
            fresh._digests[account] = unit._digests[account]
        fresh.declare(period, {person: WAGE, other: WAGE})
        calls: list[list[Any]] = [
            [fresh.payment(2 * OWED, IN_TIME, period)],
            [Spend(person, 10_000, IN_TIME, "H0001", world.ref("s"))],
            [ReportDeath(other, date(2026, 2, 1), "certificate")],
        ]
        paid, spent, died = (answers[0] for answers in at_once(world, calls))
        assert isinstance(paid, Posted)
        assert isinstance(died, Posted)
        taken = 10_000 if isinstance(spent, Posted) else 0
        assert taken or (isinstance(spent, Refused) and spent.code == "insufficient_balance")
        assert fresh.balance(person) == ACCOUNT - taken
        # the report of death was there before the payment, which is too much then, or came after it, and sent
        # back what had been paid
        assert (fresh.balance(other), fresh.surplus()) in [(0, OWED), (0, 0)]


def test_a_correction_and_a_spend_at_once(world: World) -> None:
    for _ in range(8):
        unit = Unit(world)
        person = unit.hire()
        unit.declare(MARCH, {person: WAGE})
        unit.pay(OWED, IN_TIME, MARCH)
        spend = Spend(person, 15_000, IN_TIME, "H0001", "s")
        corrected, spent = at_once(world, [[unit.adjustment(MARCH, {person: 0})], [spend]])
        assert isinstance(corrected[0], Posted)
        owed = -unit.left_on(Side.RECEIVABLE)
        if isinstance(spent[0], Posted):
            assert (owed, unit.balance(person)) == (15_000, 0)
        else:
            assert (words(spent), owed, unit.balance(person)) == ({"insufficient_balance": 1}, 0, 0)


def test_an_employer_registered_by_many_at_once_is_one(world: World) -> None:
    for _ in range(5):
        code = credit_code()
        start = threading.Barrier(8)
        found: list[Employer] = []
        outcomes: list[object] = []

        def register(code: str = code, start: threading.Barrier = start, found: list[Employer] = found,
                     outcomes: list[object] = outcomes) -> None:  # fmt: skip
            start.wait()
            with world.engine.connect() as connection:
                employer = enter(connection, code, "示例", AREA, world.now)
            found.append(employer)
            outcomes.extend(world.post(RegisterEmployer(employer.book_id, code, AREA)))

        run_all([threading.Thread(target=register) for _ in range(8)])
        assert len(set(found)) == 1
        assert words(outcomes) == {"posted": 1, "there already": 7}


def test_lists_of_one_employer_at_once(world: World, unit: Unit) -> None:
    """Handed in together, each is an entry of its own; one person is assessed by the first confirmed."""
    staff = [unit.hire() for _ in range(3)]
    lines = unit.lines(dict.fromkeys(staff, WAGE))
    calls = [[Declare(unit.book, MARCH, lines, key=f"k-{n}")] for n in range(10)]
    outcomes = [answers[0] for answers in at_once(world, [*calls, [replace(calls[0][0])]])]
    assert words(outcomes) == {"posted": 10, "replayed": 1}
    assert len({one.receipt.seq for one in outcomes if isinstance(one, Posted)}) == 10
