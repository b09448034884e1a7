"""The key of an imported line is what it says: sorted or spelled anew, or imported before, it is the same."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from sqlalchemy import Engine, select

from ledger import tables
from ledger.accounts.contributing import Contribute
from ledger.accounts.spending import Spend
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.contributions.payments import ReceivePayment
from ledger.imports import KINDS, Importer, Summary
from ledger.imports.rows import content_key
from ledger.people.enrolments import Enrol
from ledger.people.persons import number_opener
from ledger.verify import verify
from tests.support.approvals import asks_nobody
from tests.support.chance import seeded
from tests.support.office import TODAY, contribution, counts
from tests.support.people import NOW, SomeoneFactory, World
from tests.support.units import Unit, credit_code

Run = Callable[..., Summary]
Lines = Sequence[str]


@pytest.fixture
def world(fresh_engine: Engine) -> World:
    return World(fresh_engine)


@pytest.fixture
def run(world: World, tmp_path: Path) -> Run:
    """Import lines below a heading, as a CSV or as a workbook."""
    number = 0

    def importing(heading: str, lines: Lines, *, xlsx: bool = False, **more: Any) -> Summary:
        nonlocal number
        number += 1
        path = tmp_path / f"{number}.{'xlsx' if xlsx else 'csv'}"
        if xlsx:
            book = Workbook()
            sheet = book.active
            assert sheet is not None
            for line in (heading, *lines):
                sheet.append(line.split(","))
            book.save(path)
        else:
            path.write_text("".join(f"{line}\n" for line in (heading, *lines)), encoding="utf-8")
        with world.engine.connect() as connection:
            importer = Importer(
                connection,
                world.keyring,
                world.policies,
                lambda: (NOW, TODAY),
                rejected_directory=tmp_path,
                **more,
            )
            return importer.run(path)

    return importing


def good_files(world: World) -> dict[str, tuple[str, list[str]]]:
    """Lines of every kind that are all taken, in the order in which they can be, below their heading."""
    unit, code = Unit(world), credit_code()
    people = [SomeoneFactory() for _ in range(6)]
    numbers = [person.id_number for person in people]
    # of whom no other file speaks
    gone = [SomeoneFactory() for _ in range(3)]
    leavers = [SomeoneFactory() for _ in range(6)]
    away, returned = leavers[:3], leavers[3:]
    return {
        "accounts": (
            "id_number,name,area,opened_on,opening_current_year,opening_carried_over,opening_source_ref",
            [
                f"{one.id_number},{one.name},990100,2026-01-01,10.00,100.00,OLD-1"
                for one in (*people, *gone, *leavers)
            ],
        ),
        "contributions": (
            "account,source_ref,period,effective_on,amount",
            [contribution(number, f"c{n}") for n in range(3) for number in numbers],
        ),
        "spendings": (
            "account,source_ref,institution,effective_on,amount",
            [f"{number},s{n},H0001,2026-05-01,1.00" for n in range(3) for number in numbers],
        ),
        "employers": (
            "credit_code,name,area",
            [f"{one},某单位{n},990100" for n, one in enumerate((code, credit_code(), credit_code()))],
        ),
        "enrolments": (
            "account,member_class,employer,from,to",
            [f"{number},active,{unit.credit_code},2026-01-01," for number in numbers],
        ),
        "declarations": (
            "employer,period,id_number,wage",
            [f"{unit.credit_code},2026-0{n},{one},8000.00" for n in (3, 4) for one in numbers],
        ),
        "receipts": (
            "employer,source_ref,period,received_on,amount",
            [f"{unit.credit_code},SK-{n},2026-03,2026-04-{n + 10},380.00" for n in range(4)],
        ),
        "names": (
            "id_number,old_name,name,from,document",
            [f"{one.id_number},{one.name},新名{n},2026-02-0{n + 1},REG-{n}" for n, one in enumerate(people)],
        ),
        "deaths": (
            "id_number,name,died_on,evidence",
            [f"{one.id_number},{one.name},2026-05-01,DC-{n}" for n, one in enumerate(gone)],
        ),
        "transfers": (
            "account,other_agency,insured_from,document",
            [f"{one.id_number},330100,2026-05-01,APP-{n}" for n, one in enumerate(leavers)],
        ),
        "remittances": (
            "account,paid_on,source_ref",
            [f"{one.id_number},2026-05-20,BANK-{n}" for n, one in enumerate(leavers)],
        ),
        "acknowledgements": (
            "account,remittance",
            [f"{one.id_number},BANK-{n}" for n, one in enumerate(away)],
        ),
        "rejections": (
            "account,remittance,reason",
            [f"{one.id_number},BANK-{n},unknown" for n, one in enumerate(returned, start=3)],
        ),
        "announcements": (
            "account,other_agency,current_year,carried_over,interest,amount,document",
            [f"{one.id_number},330100,1.00,2.00,0.5{n},3.5{n},SHEET-{n}" for n, one in enumerate(returned)],
        ),
        "arrivals": (
            "account,sheet,received_on,amount,source_ref",
            [f"{one.id_number},SHEET-{n},2026-06-01,3.5{n},IN-{n}" for n, one in enumerate(returned)],
        ),
        "numbers": (
            "account,name,id_number,from,reason,document",
            [
                f"{one.id_number},{one.name},{SomeoneFactory().id_number},2026-03-0{n + 1},corrected,REG-{n}"
                for n, one in enumerate(people)
            ],
        ),
    }  # fmt: skip


@pytest.mark.parametrize("xlsx", [False, True], ids=["csv", "xlsx"])
def test_a_file_of_any_kind_sorted_anew_or_with_more_columns_is_there_already(
    world: World, run: Run, *, xlsx: bool
) -> None:
    """31, for every kind: exit 0 and nothing posted, whichever door the first and the second came by."""
    files = good_files(asks_nobody(world))
    assert set(files) == set(KINDS)
    chance = random.Random(seeded(7))
    for kind, (heading, lines) in files.items():
        first = run(heading, lines, xlsx=xlsx)
        assert (first.kind, counts(first)) == (kind, (len(lines), len(lines), 0, 0)), kind
    before = entries(world)
    for kind, (heading, lines) in files.items():
        mixed = list(lines)
        chance.shuffle(mixed)
        again = run(heading, mixed, xlsx=not xlsx)
        assert (counts(again), again.ok) == ((len(lines), 0, len(lines), 0), True), kind
        more = run(f"序号,{heading},备注", [f"{n},{line},x" for n, line in enumerate(mixed)], xlsx=xlsx)
        assert (counts(more), more.ok) == ((len(lines), 0, len(lines), 0), True), kind
        # what was left out of a file of half the lines is there all the same
        assert counts(run(heading, mixed[::2])) == (len(mixed[::2]), 0, len(mixed[::2]), 0), kind
    assert entries(world) == before
    assert verify(world.engine).clean


def entries(world: World) -> list[tuple[int, str]]:
    """What was posted by a file: no declaration, which only shows what it would do."""
    e = tables.entry.c
    with world.engine.connect() as connection, connection.begin():
        rows = connection.execute(select(e.book_id, e.idempotency_key).where(e.kind != int(Kind.DECLARATION)))
        return sorted((book_id, key) for book_id, key in rows if key)


def old_key(kind: str, line: int, document: str) -> str:
    """The key that a line had before: its place, and five digits of its document's digest."""
    return f"{kind[0]}{line}/{sha256(document.encode()).hexdigest()[:5]}"


def test_lines_imported_under_the_old_keys_are_there_already(world: World, run: Run) -> None:
    unit = Unit(world)
    people = [SomeoneFactory() for _ in range(4)]
    accounts = [unit.hire(person) for person in people]
    day = date(2026, 4, 15)
    reveal = number_opener(world.keyring)

    def posted(command: Any, kind: str, line: int, document: str) -> None:
        command.caller, command.key = "import", old_key(kind, line, document)
        world.one(command)

    told = f"active|{unit.credit_code}|2026-01-01|"
    for line, account in enumerate(accounts, start=2):
        posted(Contribute(account, 16_000, 202603, day, "c1"), "contributions", line, "c1")
        posted(Spend(account, 100, day, "H0001", "s1"), "spendings", line, "s1")
        enrolled = Enrol(account, MemberClass.ACTIVE, unit.book, date(2026, 1, 1), None)
        posted(enrolled, "enrolments", line, told)
        payment = ReceivePayment(unit.book, 38_000, 202603, day, f"SK-{line}", reveal)
        posted(payment, "receipts", line, f"SK-{line}")
    before = entries(world)
    numbers = [person.id_number for person in reversed(people)]
    for heading, lines in (
        ("account,source_ref,period,effective_on,amount", [contribution(one, "c1") for one in numbers]),
        ("account,source_ref,institution,effective_on,amount",
         [f"{one},s1,H0001,2026-04-15,1.00" for one in numbers]),
        ("account,member_class,employer,from,to",
         [f"{one},active,{unit.credit_code},2026-01-01," for one in numbers]),
        ("employer,source_ref,period,received_on,amount",
         [f"{unit.credit_code},SK-{n},2026-03,2026-04-15,380.00" for n in (5, 4, 3, 2)]),
    ):  # fmt: skip
        summary = run(heading, lines)
        assert (counts(summary), summary.ok, summary.agrees) == ((4, 0, 4, 0), True, True), heading
    assert entries(world) == before
    # another amount is another fact, and is told
    wrong = run("account,source_ref,period,effective_on,amount", [contribution(numbers[0], "c1", "9.00")])
    assert counts(wrong) == (1, 0, 0, 1)
    assert wrong.rejected_file is not None
    assert "duplicate_source_ref" in wrong.rejected_file.read_text(encoding="utf-8")


def test_two_documents_of_one_person_never_share_a_key() -> None:
    """With five digits of a digest two of a thousand documents had one key more often than not."""
    keys = {
        content_key("contributions", f"ref-{n}", 202603, date(2026, 4, 15), 16_000) for n in range(200_000)
    }
    assert len(keys) == 200_000
    assert {len(key) for key in keys} == {13}
    assert content_key("contributions", "a", "bc") != content_key("contributions", "ab", "c")


def test_the_key_is_the_same_by_account_number_and_by_id_number(world: World, run: Run) -> None:
    person = SomeoneFactory()
    opened = world.one(world.opening(person))
    heading = "account,source_ref,period,effective_on,amount"
    assert run(heading, [contribution(opened.account_no, "c1")]).posted == 1
    again = run(heading, [contribution(person.id_number, "c1")])
    assert counts(again) == (1, 0, 1, 0)
