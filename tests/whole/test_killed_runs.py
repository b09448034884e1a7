"""Long runs that are killed at ten points of chance, and started again: the books of runs left alone.

A run goes on in a process of its own, forked from this one, that kills itself (SIGKILL) before a statement or
a commit which chance has chosen. Then the next one goes on, and at last one that nobody kills. A copy of the
same database, on which the run was never disturbed, must have the same chains to the byte, but for the times.
"""

from __future__ import annotations

import itertools
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from datetime import date, datetime
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, event, select

from ledger import tables
from ledger.accounts import year_end
from ledger.accounts.contributing import Contribute
from ledger.accounts.spending import Spend
from ledger.accounts.year_end import YEAR_END
from ledger.care import annual_settlements
from ledger.care.annual_settlements import ANNUAL_SETTLEMENT
from ledger.chart.members import MemberClass
from ledger.clock import day_of
from ledger.contributions import retirees
from ledger.contributions.retirees import RETIREE_CREDITS, CreditRetiree
from ledger.corrections import plan
from ledger.corrections.asked import Correction, CorrectionKind, RightWage
from ledger.corrections.performing import perform
from ledger.corrections.plan import Planner
from ledger.database.engines import connect
from ledger.people.enrolments import Enrol
from ledger.people.persons import number_opener
from ledger.policy import Policy, load_policy
from ledger.posting.in_force import put_in_force
from ledger.verify import verify
from tests.support.chance import SEED
from tests.support.clinic import Clinic
from tests.support.office import clone, drop, timeless
from tests.support.people import AREA, KEYRING, SomeoneFactory, World, noon, packaged_policies
from tests.support.units import Unit

pytestmark = [pytest.mark.slow, pytest.mark.random]

KILLS = 10
PEOPLE = 24
OPENED, NOW = date(2025, 1, 1), noon(date(2026, 3, 2))
MONTHS = (202511, 202512, 202601)
CREDIT = 'name = "retirees.monthly_credit"\nunit = "yuan_per_month"\nvalue = "110.00"'
AVERAGE = 'name = "contributions.average_wage"\nunit = "yuan_per_month"\nvalue = "8120.00"'


def other_figures() -> str:
    """The example area with an average wage that was published wrongly: its floor is a little too high."""
    text = packaged_policies()[AREA].text
    assert AVERAGE in text
    assert CREDIT in text
    text = text.replace(CREDIT, CREDIT.replace("110.00", "112.50"))
    return text.replace(AVERAGE, AVERAGE.replace("8120.00", "8125.00"))


def _clock() -> tuple[datetime, date]:
    return NOW, day_of(NOW)


def close_year(engine: Engine) -> None:
    with engine.connect() as connection:
        YEAR_END.run(connection, 2025, AREA, _clock, packaged_policies())


def settle_year(engine: Engine) -> None:
    with engine.connect() as connection:
        ANNUAL_SETTLEMENT.run(connection, 2025, AREA, _clock, packaged_policies())


def credit_retirees(engine: Engine) -> None:
    with engine.connect() as connection:
        RETIREE_CREDITS.run(connection, 202602, AREA, _clock, packaged_policies())


def correct(engine: Engine) -> None:
    """What was assessed by the wrong average wage, by the right one: a little less each month."""
    about = asked(CorrectionKind.PARAMETER, parameter="contributions.average_wage")
    _perform(engine, about, packaged_policies()[AREA])


def correct_upwards(engine: Engine) -> None:
    """The same by one that is higher: more is owed, and nobody was late with it."""
    text = packaged_policies()[AREA].text.replace(AVERAGE, AVERAGE.replace("8120.00", "8456.00"))
    policy = load_policy(text, f"{AREA}.toml")
    with engine.connect() as connection:
        put_in_force(connection, AREA, policy, NOW)
    _perform(engine, asked(CorrectionKind.PARAMETER, parameter="contributions.average_wage"), policy)


def correct_a_list(engine: Engine) -> None:
    """What one employer should have said of everybody, some more and some less."""
    assessed = tables.assessment.c
    query = select(assessed.book_id, assessed.account_id).order_by(assessed.book_id, assessed.account_id)
    with engine.connect() as connection:
        people = connection.execute(query.distinct()).all()
    employer_id = people[0].book_id
    staff = [one.account_id for one in people if one.book_id == employer_id]
    wages = tuple(
        RightWage(number, account_id, 500_000 + 100_000 * (number % 7))
        for number, account_id in enumerate(staff, start=1)
    )
    _perform(engine, asked(CorrectionKind.LIST, employer_id=employer_id, wages=wages))


def correct_credits(engine: Engine) -> None:
    """What retirees got by the wrong figure, by the right one."""
    _perform(engine, asked(CorrectionKind.PARAMETER, parameter="retirees.monthly_credit"))


def asked(kind: CorrectionKind, **more: Any) -> Correction:
    return Correction(
        kind=kind,
        area=AREA,
        first=date(2025, 10, 1),
        last=date(2026, 1, 31),
        reason="published anew",
        **more,
    )


def _perform(engine: Engine, about: Correction, policy: Policy | None = None) -> None:
    policy = policy or packaged_policies()[AREA]
    with engine.connect() as connection:
        planner = Planner(
            connection=connection,
            correction=about,
            policy=policy,
            this_month=202603,
            reveal=number_opener(KEYRING),
            caller="corrections",
            actor="chief",
        )
        perform(planner, about.name(policy), _clock, packaged_policies() | {AREA: policy})


RUNS: dict[str, Callable[[Engine], None]] = {
    "year end": close_year,
    "annual settlement": settle_year,
    "retiree credits": credit_retirees,
    "mass correction": correct,
    "mass correction upwards": correct_upwards,
    "mass correction of a list": correct_a_list,
    "mass correction of credits": correct_credits,
}


@pytest.fixture(scope="module")
def template(new_database: Any) -> str:
    """People with money, bills of last year, months that were assessed by wrong figures, and retirees."""
    url = new_database(True)
    engine = connect(url)
    world = World(engine, now=NOW)
    dice = Random(SEED)
    # by the wrong figures until now
    wrong = load_policy(other_figures(), f"{AREA}.toml")
    right = world.policies
    world.policies = {**right, AREA: wrong}
    clinic = Clinic(world)
    hospitals = [clinic.institution(level) for level in (1, 3)]
    units = [Unit(world) for _ in range(2)]
    books = []
    for number in range(PEOPLE):
        someone = SomeoneFactory()
        opening = (dice.randrange(50_000), dice.randrange(200_000))
        book = world.open(someone, opened_on=OPENED, opening=opening, today=OPENED)
        books.append(book)
        for unit in units:
            unit.know(book, someone)
        if number % 4 == 3:
            world.one(Enrol(book, MemberClass.RETIRED, None, date(2025, 6, 1), None))
            for period in MONTHS:
                world.one(CreditRetiree(book, period))
            continue
        for _ in range(3):
            day = date(2025, dice.randrange(2, 13), dice.randrange(1, 28))
            world.one(Contribute(book, dice.randrange(9_000), 202501, day, world.ref("c")))
            world.one(Spend(book, dice.randrange(9_000), day, "H0001", world.ref("s"), True))
        for _ in range(2):
            day = date(2025, dice.randrange(2, 13), dice.randrange(1, 28))
            bill = clinic.bill([("A", f"{dice.randrange(100, 40_000)}.00")], day=day, bill_no=None)
            world.post(clinic.command(dice.choice(hospitals), book, bill))
    employees = [book for number, book in enumerate(books) if number % 4 != 3]
    for unit, staff in zip(units, (employees[::2], employees[1::2]), strict=True):
        for period in MONTHS:
            # below the floor, so that the wrong figure matters: little each month, and more in all
            unit.declare(period, {book: dice.choice((300_000, 350_000, 900_000)) for book in staff})
            unit.pay(10**7, date(2026, 2, 20), period)
    world.policies = right
    with engine.connect() as connection:
        put_in_force(connection, AREA, right[AREA], NOW)
    engine.dispose()
    return url


@pytest.fixture
def copy(template: str) -> Iterator[Callable[[str], str]]:
    made: list[str] = []

    def make(name: str) -> str:
        made.append(clone(template, name))
        return made[-1]

    yield make
    for url in made:
        drop(url)


@pytest.fixture(autouse=True)
def in_small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (year_end, annual_settlements, retirees):
        monkeypatch.setattr(module, "CHUNK", 4)
    for name in ("LINES_A_COMMAND", "ACCOUNTS_A_STEP"):
        monkeypatch.setattr(plan, name, 4)


def left_alone(url: str, run: Callable[[Engine], None]) -> int:
    """Let a run come to its end; how many statements and commits it made."""
    engine = connect(url)
    steps = itertools.count()
    _listen(engine, lambda: next(steps))
    try:
        run(engine)
    finally:
        engine.dispose()
    return next(steps)


def _listen(engine: Engine, step: Callable[[], object]) -> None:
    def told(*_what: object) -> None:
        step()

    for name in ("before_cursor_execute", "commit"):
        event.listen(engine, name, told)


def killed(url: str, run: Callable[[Engine], None], at: int) -> bool:
    """Let a run go on in a process that kills itself before that step; whether it came to it."""
    pid = os.fork()
    if pid == 0:
        try:
            engine = connect(url)
            steps = itertools.count(1)
            _listen(engine, lambda: next(steps) == at and os.kill(os.getpid(), signal.SIGKILL))
            run(engine)
        except BaseException:  # noqa: BLE001  the process ends here, whatever it was
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _pid, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "a run that went on failed"
    return False


@pytest.mark.parametrize("name", RUNS)
def test_a_run_killed_at_ten_points_of_chance_leaves_the_books_of_one_left_alone(
    name: str, copy: Callable[[str], str]
) -> None:
    run, dice = RUNS[name], Random(f"{SEED} {name}")
    quiet, disturbed = copy("quiet"), copy("disturbed")
    before = timeless(quiet)
    steps = left_alone(quiet, run)
    expected = timeless(quiet)
    assert expected != before, "the run does something"
    points = [dice.randrange(1, max(steps // 4, 3)) for _ in range(KILLS)]
    # some come late, as far as what is left takes
    points[dice.randrange(KILLS)] = max(steps // 2, 2)
    deaths = [killed(disturbed, run, at) for at in points]
    assert sum(deaths) >= KILLS // 2, f"of {steps} steps, killed at {points}: {deaths}"
    left_alone(disturbed, run)
    found = timeless(disturbed)
    wrong = {book: len(chain) - len(found[book]) for book, chain in expected.items() if chain != found[book]}
    assert not wrong, f"killed at {points} of {steps} (LEDGER_TEST_SEED={SEED})"
    for url in (quiet, disturbed):
        engine = connect(url)
        try:
            assert [str(one) for one in verify(engine).findings] == []
        finally:
            engine.dispose()
    assert _batches(disturbed) == _batches(quiet)


def _batches(url: str) -> list[tuple[Any, ...]]:
    """What the batches say: how much was done and moved, and how it ended."""
    engine, table = connect(url), tables.batch.c
    try:
        with engine.connect() as connection:
            rows = connection.execute(select(table.batch_id, table.state, table.done, table.amount_fen))
            return sorted(tuple(row) for row in rows)
    finally:
        engine.dispose()
