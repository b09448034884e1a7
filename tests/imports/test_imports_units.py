"""Files about employers: who they are, whom they enrol, their lists, and what they paid."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from ledger import tables
from ledger.imports import ControlTotals, Importer, Summary
from ledger.refusals import RefusalCode, Refused
from ledger.verify import verify
from tests.support.people import Someone, SomeoneFactory, World
from tests.support.units import Unit, credit_code

Run = Callable[..., Summary]


@pytest.fixture
def world(fresh_engine: Engine) -> World:
    return World(fresh_engine)


@pytest.fixture
def run(world: World, tmp_path: Path) -> Run:
    """Import a file of these lines; `preview` only checks it."""

    def importing(
        *lines: str, name: str = "file.csv", preview: bool = False, **how: ControlTotals
    ) -> Summary:
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        with world.engine.connect() as connection:
            importer = Importer(connection, world.keyring, world.policies, lambda: (world.now, world.today))
            act = importer.preview if preview else importer.run
            return act(tmp_path / name, **how)

    return importing


def rejected(summary: Summary) -> dict[int, str]:
    """Line number and code of what was rejected."""
    if summary.rejected_file is None:
        return {}
    rows = summary.rejected_file.read_text(encoding="utf-8").splitlines()[1:]
    return {int(row.split(",")[0]): row.split(",")[1] for row in rows}


def count(world: World, table: object) -> int:
    with world.engine.connect() as connection, connection.begin():
        return connection.scalar(select(func.count()).select_from(table)) or 0  # type: ignore[arg-type]  # any table


def people(unit: Unit, number: int) -> list[tuple[Someone, int]]:
    return [(person, unit.hire(person)) for person in (SomeoneFactory() for _ in range(number))]


LISTS = "employer,period,id_number,wage"
RECEIPTS = "employer,source_ref,period,received_on,amount"


def test_employers_are_registered_once(world: World, run: Run) -> None:
    first, second = credit_code(), credit_code()
    lines = ("credit_code,name,area,staff", f"{first},甲公司,990100,40", f"{second},乙公司,990100,40")
    assert run(*lines).posted == 2
    again = run(*lines)
    assert (again.posted, again.already, again.refused) == (0, 2, 0)
    wrong = run(
        "credit_code,name,area",
        f"{first},另一公司,990100",
        # another check character than its own, whichever that is
        f"{first[:-1]}{'1' if first[-1] == '0' else '0'},甲公司,990100",
        f"{credit_code()},丙公司,123456",
        f"{credit_code()},,990100",
    )
    assert set(rejected(wrong).values()) == {
        "employer_differs",
        "credit_code_invalid",
        "area_unknown",
        "shape_invalid",
    }
    assert count(world, tables.employer) == 2, "what was refused is not written down"


def test_a_list_of_many_employers_is_assessed_and_confirmed(world: World, run: Run) -> None:
    units = [Unit(world), Unit(world)]
    lines = [LISTS]
    for unit in units:
        for person, _account in people(unit, 3):
            lines += [f"{unit.credit_code},2026-03,{person.id_number},8000.00"]
    summary = run(*lines)
    assert (summary.posted, summary.refused, summary.amount_fen) == (6, 0, 6 * 800_000)
    assert summary.agrees
    assert units[0].pay(3 * 76_000, date(2026, 4, 10), 202603)["to_accounts"] == 3 * 16_000
    again = run(*lines)
    assert (again.posted, again.already) == (0, 6)
    assert count(world, tables.assessment) == 6


def test_a_bad_line_has_a_code_and_the_good_ones_are_not_lost(world: World, run: Run) -> None:
    unit = Unit(world)
    (one, _), (two, account) = people(unit, 2)
    stranger = SomeoneFactory()
    summary = run(
        LISTS,
        f"{unit.credit_code},2026-03,{one.id_number},8000.00",
        f"{unit.credit_code},2026-03,{one.id_number},9000.00",
        f"{unit.credit_code},2026-03,{stranger.id_number},8000.00",
        f"{unit.credit_code},2026-03,{two.id_number},八千",
        f"{unit.credit_code},2026-03,{two.id_number[:-1]}?,8000.00",
        f"{unit.credit_code},2026-03,{two.id_number},'8000.00",
        f"{unit.credit_code},2026-03,{two.id_number},8000。00",
        f"{unit.credit_code},2027-03,{two.id_number},8000.00",
        f"{unit.credit_code},March,{two.id_number},8000.00",
        f"{credit_code()},2026-03,{two.id_number},8000.00",
        f"{unit.credit_code},2026-04,{two.id_number},=1+1",
        f"{unit.credit_code},2026-04,{two.id_number},8000.00",
    )
    assert rejected(summary) == {
        3: "duplicate_line",
        4: "account_not_found",
        5: "wage_invalid",
        6: "id_format",
        7: "leading_apostrophe",
        8: "full_width_digits",
        9: "period_invalid",
        10: "period_invalid",
        11: "employer_not_found",
        12: "formula_in_cell",
    }
    assert (summary.posted, summary.lines) == (2, 12)
    assert summary.agrees
    assert unit.pay(2 * 76_000, date(2026, 4, 10))["to_accounts"] == 2 * 16_000
    assert unit.balance(account) == 16_000


def test_a_corrected_or_reordered_file_assesses_nobody_twice(world: World, run: Run) -> None:
    unit = Unit(world)
    (one, _), (two, _), (three, _) = people(unit, 3)
    rows = [f"{unit.credit_code},2026-03,{person.id_number},8000.00" for person in (one, two)]
    assert run(LISTS, *rows, name="a.csv").posted == 2
    turned = run(LISTS, *reversed(rows), name="b.csv")
    assert (turned.posted, turned.already, turned.ok) == (0, 2, True)
    more = run(LISTS, *rows, f"{unit.credit_code},2026-03,{three.id_number},8000.00", name="c.csv")
    assert (more.posted, more.already, more.ok) == (1, 2, True)
    corrected = run(LISTS, *(row.replace("8000.00", "8000.01") for row in rows), name="d.csv")
    assert rejected(corrected) == {2: "duplicate_period", 3: "duplicate_period"}
    assert count(world, tables.assessment) == 3


def test_a_preview_writes_nothing(world: World, run: Run) -> None:
    unit = Unit(world)
    ((one, _),) = people(unit, 1)
    before = count(world, tables.entry)
    code = credit_code()
    shown = run(
        LISTS,
        f"{unit.credit_code},2026-03,{one.id_number},8000.00",
        f"{unit.credit_code},2026-03,{SomeoneFactory().id_number},8000.00",
        preview=True,
    )
    assert (shown.posted, shown.refused) == (1, 1)
    assert run("credit_code,name,area", f"{code},甲公司,990100", preview=True).posted == 1
    assert count(world, tables.entry) == before
    assert count(world, tables.employer) == 1


def test_totals_that_do_not_match_refuse_the_file(world: World, run: Run) -> None:
    unit = Unit(world)
    ((one, _),) = people(unit, 1)
    line = f"{unit.credit_code},2026-03,{one.id_number},8000.00"
    with pytest.raises(Refused) as refusal:
        run(LISTS, line, totals=ControlTotals(lines=2, amount_fen=800_000))
    assert refusal.value.code is RefusalCode.TOTALS_DIFFER
    assert count(world, tables.assessment) == 0
    assert run(LISTS, line, totals=ControlTotals(lines=1, amount_fen=800_000)).posted == 1


def test_receipts_pay_what_is_owed(world: World, run: Run) -> None:
    unit = Unit(world)
    ((_, account),) = people(unit, 1)
    unit.declare(202603, {account: 800_000})
    lines = (
        RECEIPTS,
        f"{unit.credit_code},SK-1,2026-03,2026-04-10,380.00",
        f"{unit.credit_code},SK-2,,2026-04-12,380.00",
        f"{unit.credit_code},SK-2,2026-03,2026-04-12,380.00",
        f"{unit.credit_code},SK-3,2026-13,2026-04-12,380.00",
        f"{unit.credit_code},SK-4,2026-03,2026-04-12,0.00",
        f"{credit_code()},SK-5,2026-03,2026-04-12,380.00",
    )
    summary = run(*lines)
    assert rejected(summary) == {
        4: "duplicate_source_ref",
        5: "period_invalid",
        6: "amount_invalid",
        7: "employer_not_found",
    }
    assert (summary.posted, summary.posted_fen) == (2, 76_000)
    assert summary.agrees
    assert unit.balance(account) == 16_000
    assert run(*lines).already == 2
    assert unit.balance(account) == 16_000


def test_enrolments_come_as_a_file(world: World, run: Run) -> None:
    unit = Unit(world)
    (one, account), (two, _) = people(unit, 2)
    lines = (
        "account,member_class,employer,from,to",
        f"{one.id_number},active,{unit.credit_code},2026-01-01,",
        f"{one.id_number},retired,,2026-09-01,",
        f"{two.id_number},active,{unit.credit_code},2026-04-01,2026-08-31",
        f"{two.id_number},hero,,2026-04-01,",
        f"{two.id_number},resident,,2026-04-01,",
        f"{two.id_number},active,{credit_code()},2026-04-01,",
        f"{two.id_number},active,,2026-04-31,",
        f"{SomeoneFactory().id_number},active,,2026-04-01,",
    )
    summary = run(*lines)
    assert rejected(summary) == {
        5: "shape_invalid",
        6: "scheme_no_account",
        7: "employer_not_found",
        8: "shape_invalid",
        9: "account_not_found",
    }
    assert run(*lines).already == 3
    listed = run(
        LISTS,
        f"{unit.credit_code},2026-03,{two.id_number},8000.00",
        f"{unit.credit_code},2026-09,{one.id_number},8000.00",
        f"{unit.credit_code},2026-10,{two.id_number},8000.00",
        f"{unit.credit_code},2026-08,{one.id_number},8000.00",
    )
    assert rejected(listed) == {
        2: "period_before_enrolment",
        3: "retiree_pays_no_premium",
        4: "not_enrolled",
    }
    assert unit.balance(account) == 0
    assert verify(world.engine).clean
