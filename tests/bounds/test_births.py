"""What lies before a person's birth, as each of the numbers that a person may have says it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.spending import Spend
from ledger.care.settlements import Settle
from ledger.care.visits import RegisterVisit
from ledger.chart.care import CareType
from ledger.chart.members import MemberClass
from ledger.database.engines import glancing
from ledger.imports import Importer
from ledger.people import births
from ledger.people.enrolments import Enrol
from ledger.people.id_numbers import parse_id_number
from ledger.people.persons import number_digest
from ledger.posting import Posted, decide_at_a_look
from ledger.posting.way_in import post
from ledger.refusals import Refused
from tests.support.clinic import Clinic
from tests.support.office import CONTRIBUTIONS, NOW, Office
from tests.support.people import Someone, World, id_number
from tests.support.second_numbers import add_alias
from tests.support.units import Unit

A_DAY = timedelta(days=1)
# permits and foreigners' cards say the birth in the same place
NUMBERS = {
    "mainland": ("319999199012310026", date(1990, 12, 31)),
    "of fifteen digits": ("119999540701003", date(1954, 7, 1)),
    "hong kong": ("810000198805010028", date(1988, 5, 1)),
    "macau": ("820000197709160015", date(1977, 9, 16)),
    "taiwan": ("830000199207050044", date(1992, 7, 5)),
    "foreigner": ("911840198002290010", date(1980, 2, 29)),
}


def refused(world: World, command: Any) -> tuple[str, str] | None:
    """Code and field of a refusal; None when it is taken."""
    (outcome,) = world.post(command)
    if isinstance(outcome, Posted):
        return None
    assert isinstance(outcome, Refused), outcome
    return outcome.code.value, outcome.at


@pytest.mark.parametrize("kind", NUMBERS)
def test_nobody_dies_before_birth_whatever_the_number(fresh_engine: Engine, kind: str) -> None:
    number, born = NUMBERS[kind]
    world = World(fresh_engine)
    account = world.open(Someone(number, "张三"))
    assert refused(world, ReportDeath(account, born - A_DAY, "x")) == ("period_invalid", "died_on")
    assert refused(world, ReportDeath(account, born, "x")) is None


def test_a_number_that_was_corrected_does_not_make_its_holder_younger(fresh_engine: Engine) -> None:
    """Of two numbers of one person the earlier birth counts: the doubt is the person's (R4)."""
    world = World(fresh_engine)
    first, second = id_number(1, born=date(1999, 5, 6)), id_number(2, born=date(1989, 5, 6))
    account = world.open(Someone(first, "张三"))
    told = {"known_as": first, "also": second, "now": NOW, "today": world.today}
    assert refused(world, ReportDeath(account, date(1995, 1, 1), "x")) == ("period_invalid", "died_on")
    with world.engine.connect() as connection:
        add_alias(connection, world.keyring, **told)
    assert refused(world, ReportDeath(account, date(1989, 5, 5), "x")) == ("period_invalid", "died_on")
    assert refused(world, ReportDeath(account, date(1995, 1, 1), "x")) is None


def test_in_one_batch_each_is_judged_by_its_own_birth(fresh_engine: Engine) -> None:
    world = World(fresh_engine)
    born = [date(1960 + place, 1, 1) for place in range(6)]
    accounts = [world.open(Someone(id_number(place, born=day), "张三")) for place, day in enumerate(born)]
    outcomes = world.post(
        *(Enrol(account, MemberClass.ACTIVE, None, date(1990, 6, 1), None) for account in accounts),
        *(ReportDeath(account, date(1963, 1, 1), "x") for account in accounts),
    )
    assert [isinstance(one, Posted) for one in outcomes] == [True] * 6 + [True] * 4 + [False] * 2


def test_only_what_lies_before_the_account_asks_for_the_number(
    fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(fresh_engine)
    account = world.open(Someone(id_number(3, born=date(2001, 5, 6)), "张三"), opened_on=date(2020, 1, 1))

    def never(*_arguments: object) -> Any:
        raise AssertionError("nobody has to know when this person was born")

    monkeypatch.setattr(births._SEALED, "run", never)
    day = date(2020, 1, 1)
    assert refused(world, Enrol(account, MemberClass.ACTIVE, None, day, None)) is None
    assert refused(world, Contribute(account, 100, 202001, day, "c-1")) is None
    assert refused(world, RegisterVisit(account, None, "H0001", CareType.INPATIENT, day)) is None
    with pytest.raises(AssertionError, match="nobody has to know"):
        world.post(ReportDeath(account, day - A_DAY, "x"))


def test_who_cannot_open_numbers_posts_nothing_before_the_account(fresh_engine: Engine) -> None:
    """It is a bug of the door, and never taken for a day that nothing is known against."""
    world = World(fresh_engine)
    account = world.open()
    command = ReportDeath(account, date(2019, 1, 1), "x", "test", "tester")
    with (
        world.engine.connect() as connection,
        pytest.raises(AssertionError, match="how ID numbers are opened"),
    ):
        post(connection, [command], world.now, world.today, world.policies)


@pytest.mark.postgres
def test_a_quote_goes_by_one_look_unless_the_care_is_older_than_the_account(fresh_engine: Engine) -> None:
    world = World(fresh_engine)
    clinic = Clinic(world)
    someone = Someone(id_number(4, born=date(2001, 5, 6)), "张三")
    world.open(someone, opened_on=date(2020, 1, 1), opening=(100_000, 0))
    hospital = clinic.institution()
    digest = number_digest(parse_id_number(someone.id_number, world.today), world.keyring)
    for day, at_a_look in ((date(2020, 1, 1), True), (date(2019, 12, 31), False)):
        bill = clinic.bill([("A", "10.00")], day=day)
        command = Settle(digest, None, hospital, clinic.parties[hospital], "q-1", bill, quoting=True)
        command.caller, command.actor = "test", "tester"
        with glancing(world.engine) as connection:
            seen = decide_at_a_look(connection, command, world.now, world.today, world.policies)
        assert (seen is not None) == at_a_look


@pytest.mark.postgres
def test_processes_that_post_load_the_keys_themselves(
    fresh_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ledger import imports
    from ledger.clock import now_and_today
    from ledger.vault import Keyring

    monkeypatch.setattr(imports, "PROCESSES_FROM_BYTES", 0)
    office = Office(fresh_engine, tmp_path)
    office.world.keyring = Keyring.create(tmp_path / "keys")
    someone = Someone(id_number(5, born=date(2001, 5, 6)), "张三")
    office.world.open(someone, opened_on=date(2020, 1, 1))
    months = ("2001-04", "2001-05", "2020-01")
    lines = [f"{someone.id_number},c-{month},{month},2026-04-15,1.00" for month in months]
    with office.world.engine.connect() as connection:
        importer = Importer(
            connection,
            office.world.keyring,
            office.world.policies,
            now_and_today,
            processes=2,
            keys=tmp_path / "keys",
        )
        summary = importer.run(office.file(CONTRIBUTIONS, lines))
    assert (summary.posted, office.rejected(summary)) == (2, [(2, "period_invalid")])


def test_a_list_is_judged_again_when_it_is_confirmed(fresh_engine: Engine) -> None:
    """A list that was handed in before the rule, for somebody who was not born."""
    world = World(fresh_engine)
    unit = Unit(world)
    young = unit.hire(Someone(id_number(6, born=date(2001, 5, 6)), "张三"))
    old = unit.hire(Someone(id_number(7, born=date(1960, 5, 6)), "李四"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ledger.contributions.declarations.check_alive", lambda *_: None)
        handed_in = unit.preview(200104, {young: 800_000, old: 800_000})
    confirmed = unit.confirm(handed_in)
    assert '"refused":{"1":"period_invalid"}' in (confirmed.receipt.detail or "").replace(" ", "")


def test_a_batch_keeps_its_order_though_a_birth_is_asked_for(fresh_engine: Engine) -> None:
    """Opened, credited for a month of long ago and spent in one batch: each finds what came before it."""
    world = World(fresh_engine)
    opening = world.opening(Someone(id_number(8, born=date(2001, 5, 6)), "张三"), opened_on=date(2026, 1, 5))
    number = opening.persons[0].digest
    outcomes = world.post(
        opening,
        Contribute(number, 100, 200104, date(2026, 1, 20), "c-1"),
        Contribute(number, 100, 202510, date(2026, 1, 20), "c-2"),
        Spend(number, 100, date(2026, 2, 1), "H0001", "s-1"),
        ReportDeath(number, date(2001, 5, 5), "x"),
        ReportDeath(number, date(2001, 5, 6), "x"),
    )
    told = [getattr(one, "code", "posted") for one in outcomes]
    assert told == ["posted", "period_invalid", "posted", "posted", "period_invalid", "posted"]
