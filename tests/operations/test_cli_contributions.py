"""The operator's commands about contributions: a list from a file, and the runs over an area."""
# ruff: noqa: F811  the fixtures that stand in test_cli are arguments here

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import Engine

from ledger.chart.members import MemberClass
from ledger.clock import now_and_today
from ledger.months import first_day, format_period, period_of, previous_period
from ledger.vault import Keyring
from ledger.verify import verify
from tests.operations.test_cli import Answer, data, ready, run  # noqa: F401  fixtures
from tests.support.people import SomeoneFactory, World
from tests.support.units import Unit, credit_code

TODAY = now_and_today()[1]
THIS = period_of(TODAY)
LAST = previous_period(THIS)


@pytest.fixture
def world(ready: Engine, data: Path) -> World:
    world = World(ready, now=datetime.now(UTC))
    world.keyring = Keyring.load(data / "keys")
    return world


def test_a_list_is_shown_then_confirmed(run: Callable[..., Answer], world: World, tmp_path: Path) -> None:
    unit, person = Unit(world), SomeoneFactory()
    unit.hire(person)
    file = tmp_path / "list.csv"
    stranger = SomeoneFactory()
    file.write_text(
        f"身份证号,缴费工资\n{person.id_number},8000.00\n{stranger.id_number},8000.00\n", encoding="utf-8"
    )
    shown = run("declare", unit.credit_code, format_period(LAST), file, "--preview")
    assert (shown.code, shown.json["declaration"], shown.json["status"]) == (1, None, "preview")
    assert (shown.json["good"], shown.json["refused"]) == (1, 1)
    assert (shown.json["employee_total"], shown.json["employer_total"]) == ("160.00", "600.00")
    rejected = Path(shown.json["rejected_file"]).read_text(encoding="utf-8").splitlines()
    assert rejected[0] == "line,code,reason,column,value,expected"
    assert rejected[1].startswith("3,account_not_found,")
    assert person.id_number not in shown.out + shown.err

    done = run("declare", unit.credit_code, format_period(LAST), file, "--confirm")
    assert (done.json["status"], done.json["good"]) == ("confirmed", 1)
    again = run("declare", unit.credit_code, format_period(LAST), file, "--confirm")
    assert again.json == done.json, "the second run says what the first one did"
    assert unit.pay(76_000, TODAY, LAST)["to_accounts"] == 16_000


def test_a_workbook_is_taken(run: Callable[..., Answer], world: World, tmp_path: Path) -> None:
    unit, person = Unit(world), SomeoneFactory()
    unit.hire(person)
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["证件号码", "工资"])
    sheet.append([person.id_number, 8000])
    book.save(tmp_path / "list.xlsx")
    done = run("declare", unit.credit_code, format_period(LAST), tmp_path / "list.xlsx", "--confirm")
    assert (done.code, done.json["status"], done.json["employer_total"]) == (0, "confirmed", "600.00")


def test_what_cannot_be_declared_is_refused(run: Callable[..., Answer], world: World, tmp_path: Path) -> None:
    unit = Unit(world)
    file = tmp_path / "list.csv"
    file.write_text("id_number,wage\n", encoding="utf-8")
    assert run("declare", credit_code(), format_period(LAST), file).json["code"] == "employer_not_found"
    assert run("declare", unit.credit_code, "March", file).json["code"] == "period_invalid"
    assert (
        run("declare", unit.credit_code, format_period(LAST), tmp_path / "none.csv").json["code"] == "usage"
    )
    file.write_text("name,age\n", encoding="utf-8")
    assert run("declare", unit.credit_code, format_period(LAST), file).json["code"] == "file_invalid"


def test_who_has_not_declared_is_estimated_once(run: Callable[..., Answer], world: World) -> None:
    before = previous_period(LAST)
    silent, prompt, fresh = Unit(world), Unit(world), Unit(world)
    for unit in (silent, prompt):
        unit.declare(before, {unit.hire(): 800_000})
    prompt.declare(LAST, {prompt.hire(): 800_000})
    fresh.hire()
    first = run("estimates", format_period(LAST), "--area", "990100")
    assert (first.code, first.json["posted"], first.json["amount"]) == (0, 1, "836.00")
    again = run("estimates", format_period(LAST), "--area", "990100")
    assert (again.json["posted"], again.json["posted_in_all"]) == (0, 1)
    assert run("estimates", format_period(THIS), "--area", "990100").json["code"] == "period_invalid"
    assert run("estimates", format_period(LAST), "--area", "990199").json["code"] == "area_unknown"
    assert verify(world.engine).clean


def test_retirees_are_credited_once(run: Callable[..., Answer], world: World) -> None:
    unit = Unit(world)
    retired, active = unit.hire(), unit.hire()
    unit.enrol(retired, MemberClass.RETIRED, first_day(LAST), here=False)
    first = run("retiree-credits", format_period(LAST), "--area", "990100")
    assert (first.json["posted"], first.json["amount"]) == (1, "110.00")
    assert run("retiree-credits", format_period(LAST), "--area", "990100").json["posted"] == 0
    assert (unit.balance(retired), unit.balance(active)) == (11_000, 0)
