"""ID numbers, account numbers and credit codes as a spreadsheet or a habit leaves them, by every door."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Engine

from ledger.imports import KINDS
from ledger.imports.cells import Cell, CellKind, cell_text
from ledger.imports.columns import EMPLOYERS_LIST, LIST, NUMBERED, Holds
from ledger.imports.examples import example
from ledger.imports.spellings import amount_text, number_text
from ledger.refusals import RefusalCode
from ledger.verify import verify
from tests.support.api_client import open_account, running
from tests.support.file_doors import OF_IMPORTS, FileDoors, before_the_examples, xlsx_of

# how a text is read asks no database anything
pytestmark = pytest.mark.sqlite

ID: Final = "119999198503140015"
# what keeps a number a text, what copying leaves, and what a keyboard adds
AROUND: Final = (
    "\t{}", "{}\t", "'{}", "\u2019{}", "\u2018{}\u2019", "\uff07{}", "`{}", "'{}'", "\u200b{}", "{}\u200b",
    "\ufeff{}", " {} ", "\u3000{}\xa0", "-{}", "{}-", "\u2014{}\u2013", "\uff0d{}", "\xad{}",
    "'\t {} \u200d-", "\u201c{}\u201d",
)  # fmt: skip
# of these a person may read two numbers, or none
NOT_ONE: Final = ("{}/{}", "{},", "({})", "{}.0", "+{}", "#{}", "'", "-", "\t", "\u200b", '="{}"')


@pytest.mark.parametrize("around", AROUND)
def test_what_stands_around_a_number_goes(around: str) -> None:
    for number in (ID, ID[:-1] + "x", "91999999000000001K", "A000000000013X", ID[:6] + ID[8:-1]):
        assert number_text(around.format(number)) == number
        split = f"{number[:6]}\u200b{number[6:]}"
        assert number_text(around.format(split)) == number
        wide = "".join(chr(ord(one) + 0xFEE0) for one in number)
        assert number_text(around.format(wide)) == number


@pytest.mark.parametrize(
    "text", [*(one.format(ID, ID) for one in NOT_ONE), f"{ID[:6]}-{ID[6:]}", f"{ID[:6]} {ID[6:]}"]
)
def test_what_is_not_one_number_stays_as_it_is(text: str) -> None:
    assert number_text(text) == text.strip()


def respelled(kind: str, around: str) -> list[list[str]]:
    """The example of a kind with each of its numbers written so."""
    of_list = kind == LIST
    names, line = example("declarations" if of_list else kind)
    fields = dict(zip(names, line, strict=True))
    columns = (EMPLOYERS_LIST if of_list else KINDS[kind]).by_name
    fields = {name: text for name, text in fields.items() if name in columns}
    cells = [
        around.format(text) if columns[name].holds in NUMBERED and text else text
        for name, text in fields.items()
    ]
    return [list(fields), cells]


def content(door: str, rows: list[list[str]]) -> bytes:
    """A file of these cells as they are: what goes out of the ledger as CSV escapes some of them."""
    if door.endswith("XLSX"):
        return xlsx_of(rows)
    return "".join(f"{','.join(cells)}\n" for cells in rows).encode()


def test_each_kind_takes_a_number_as_it_was_typed_by_each_door(
    fresh_engine: Engine, fresh_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first spelling is posted, and every other one is the same line."""
    with running(fresh_engine, tmp_path) as client:
        doors = FileDoors(client, fresh_url, tmp_path, monkeypatch)
        before_the_examples(client)
        for kind in EXAMPLE_ORDER:
            its_doors = OF_LISTS if kind == LIST else OF_IMPORTS
            for place, around in enumerate(AROUND):
                door = its_doors[(place + place // len(its_doors)) % len(its_doors)]
                rows = respelled(kind, around)
                if kind == LIST:
                    told = doors.declared(door, "91999999000000001K", "2026-04", rows)
                else:
                    told = doors.send_bytes(door, kind, content(door, rows))
                new = int(place == 0)
                assert (told.posted + told.waiting, *told[1:4]) == (new, 1 - new, (), None), (
                    kind, ascii(around), door, told,
                )  # fmt: skip
                doors.approve_all()
    assert verify(fresh_engine).clean


EXAMPLE_ORDER: Final = (
    "accounts", "employers", "enrolments", "declarations", LIST, "receipts", "contributions", "spendings",
    "names", "numbers", "deaths", "transfers", "remittances", "acknowledgements", "rejections",
    "announcements", "arrivals",
)  # fmt: skip
OF_LISTS: Final = ("declare CSV", "declare XLSX", "declarations CSV", "declarations XLSX")


def test_every_kind_is_tried() -> None:
    assert set(EXAMPLE_ORDER) == {*KINDS, LIST}


@pytest.fixture
def doors(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileDoors:
    with running(engine, tmp_path) as client:
        yield FileDoors(client, engine.url.render_as_string(hide_password=False), tmp_path, monkeypatch)


HEADINGS: Final = ["account", "source_ref", "period", "effective_on", "amount"]


@pytest.mark.parametrize("door", OF_IMPORTS)
def test_an_account_number_is_read_so_and_what_is_wrong_is_told_by_its_column(
    doors: FileDoors, door: str
) -> None:
    opened = open_account(doors.client)
    number, account = str(opened["number"]), str(opened["account_no"])
    rest = ["2026-03", "2026-04-15", "160.00"]
    told = doors.send_bytes(door, "contributions", content(door, [
        HEADINGS,
        [f"\t{account}", "one", *rest],
        [f"'{account}\u200b", "two", *rest],
        [f"\t{number[:17]}", "three", *rest],
        [f"'{number[:-1]}{(int(number[-1], 36) + 1) % 10}", "four", *rest],
        [f"{number[:8]}\t{number[8:]}", "five", *rest],
        [number, "\tsix", "2026-03", "\t2026-04-15", "\t160.00"],
        [number, "se\tven", *rest],
    ]))  # fmt: skip
    assert (told.posted, told.already) == (3, 0)
    assert [(line.line, line.column) for line in told.refused] == [
        (4, "account"), (5, "account"), (6, "account"), (8, "source_ref"),
    ]  # fmt: skip
    assert number not in told.said


@pytest.mark.parametrize(
    ("text", "holds", "read"),
    [
        # a spreadsheet keeps fifteen digits: so many are all that was typed
        ("123456789012345", Holds.TEXT, "123456789012345"),
        ("123456789012345", Holds.KEY, "123456789012345"),
        ("1234567890123456", Holds.TEXT, RefusalCode.NUMBER_IN_CELL),
        ("119999850314001", Holds.ID_NUMBER, RefusalCode.NUMBER_IN_CELL),
        ("119999850314001", Holds.ACCOUNT, RefusalCode.NUMBER_IN_CELL),
    ],
)
def test_a_number_cell_is_read_as_far_as_a_spreadsheet_keeps_it(
    text: str, holds: Holds, read: str | RefusalCode
) -> None:
    assert cell_text(Cell(CellKind.NUMBER, text), holds) == read


@pytest.mark.parametrize(
    "text", ["1234,567.00", "1234,567", "0,160.00", "01,160", "1,160,00", "1,1600", ",160"]
)
def test_an_amount_whose_groups_are_not_of_three_is_none(text: str) -> None:
    assert amount_text(text) is None
    assert amount_text("12,345,678.5") == "12345678.50"
