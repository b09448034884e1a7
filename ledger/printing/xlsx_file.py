"""A sheet as a workbook: a worksheet for each table, with real numbers and days, and one about the document.

The parts are stored as they are: compressed, their bytes would change with the library that compresses.
"""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.metadata import version
from typing import Final

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from ledger.money import format_yuan
from ledger.months import first_day
from ledger.printing import words
from ledger.printing.fonts import EM, width_of
from ledger.printing.sheet import Cell, CellHolds, PrintedSheet, Table
from ledger.printing.words import in_capitals, told, told_fact, totals_of

_FORM: Final = 2
_ABOUT: Final = "单据信息"
# columns of that worksheet, in digits, and the height of a line and the highest row in points
_ABOUT_WIDE: Final = (20, 42, 42)
_LINE: Final = 15
_ROW_MAX: Final = 405
_NAME_MAX: Final = 31
_CELL_MAX: Final = 32_767
_NOT_IN_NAMES: Final = str.maketrans(dict.fromkeys("[]:*?/\\'", " "))
_NUMBERS: Final = {
    CellHolds.MONEY: "0.00",
    CellHolds.COUNT: "0",
    CellHolds.DAY: "yyyy-mm-dd",
    CellHolds.MONTH: "yyyy-mm",
    CellHolds.TEXT: "@",
}
# numbers of a spreadsheet have fifteen digits; beyond, a sum stays a text and keeps them all
_EXACT_MAX: Final = 10**15 - 1
_FIXED: Final = (1980, 1, 1, 0, 0, 0)


def xlsx_made_by() -> str:
    """Versions of the form and of what writes it."""
    return f"xlsx-{_FORM}/{version('xlsxwriter')}"


def xlsx_of(sheet: PrintedSheet) -> bytes:
    """The workbook."""
    written = io.BytesIO()
    with xlsxwriter.Workbook(
        written,
        {
            "in_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        },
    ) as book:
        moment = words.issued(sheet).astimezone(UTC).replace(tzinfo=None)
        book.set_properties({"title": sheet.title, "author": sheet.agency, "created": moment})
        look = _Look(book)
        names = {_ABOUT}
        for table in sheet.tables:
            _table(book.add_worksheet(_named(table.title, names)), look, sheet, table)
        _about(book.add_worksheet(_ABOUT), look, sheet)
    return _stored(written)


class _Look:
    """The formats of cells, by what they hold and whether they are bold."""

    def __init__(self, book: Workbook) -> None:
        self.title = book.add_format({"bold": True, "font_size": 14})
        self.label = book.add_format({"bold": True, "valign": "top"})
        self.text = book.add_format({"text_wrap": True, "valign": "top", "num_format": "@"})
        self.heading = book.add_format(
            {"bold": True, "border": 1, "bg_color": "#EEEEEE", "align": "center", "valign": "vcenter"}
        )
        self._cells: dict[tuple[CellHolds, bool], Format] = {}
        for holds, number in _NUMBERS.items():
            for bold in (False, True):
                form = {"border": 1, "num_format": number, "bold": bold, "valign": "top"}
                if holds in {CellHolds.DAY, CellHolds.MONTH, CellHolds.COUNT}:
                    form["align"] = "center"
                self._cells[holds, bold] = book.add_format(form)

    def cell(self, holds: CellHolds, *, bold: bool = False) -> Format:
        return self._cells[holds, bold]


def _table(page: Worksheet, look: _Look, sheet: PrintedSheet, table: Table) -> None:
    """Headings that stay, the lines, the totals."""
    page.freeze_panes(1, 0)
    page.repeat_rows(0)
    page.set_landscape()
    _paper(page, sheet)
    wide = [width_of(column.title) for column in table.columns]
    for place, column in enumerate(table.columns):
        page.write_string(0, place, column.title, look.heading)
    row = 0
    for row, line in enumerate(table.lines, 1):
        for place, (cell, column) in enumerate(zip(line, table.columns, strict=True)):
            _write(page, row, place, cell, column.holds, look.cell(column.holds))
            wide[place] = max(wide[place], width_of(told(cell, column.holds)))
    totals = totals_of(table)
    if totals is not None:
        for place, (cell, column) in enumerate(zip(totals, table.columns, strict=True)):
            holds = CellHolds.TEXT if isinstance(cell, str) else column.holds
            _write(page, row + 1, place, cell, holds, look.cell(holds, bold=True))
            wide[place] = max(wide[place], width_of(told(cell, holds)))
    for place, width in enumerate(wide):
        page.set_column(place, place, min(60, round(width / EM * 2 + 2)))


def _about(page: Worksheet, look: _Look, sheet: PrintedSheet) -> None:
    """What the document says beside its tables."""
    _paper(page, sheet)
    for place, wide in enumerate(_ABOUT_WIDE):
        page.set_column(place, place, wide)
    page.write_string(0, 0, sheet.title, look.title)
    row = 1
    labelled = [*words.about(sheet), *((fact.title, told_fact(fact)) for fact in sheet.head)]
    for row, (label, text) in enumerate(labelled, 1):
        page.write_string(row, 0, label, look.label)
        page.write_string(row, 1, text[:_CELL_MAX], look.text)
        _high(page, row, text, _ABOUT_WIDE[1])
    for one in sheet.sums:
        row += 1
        page.write_string(row, 0, one.title, look.label)
        _write(page, row, 1, one.fen, CellHolds.MONEY, look.cell(CellHolds.MONEY))
        if one.certified:
            page.write_string(row, 2, in_capitals(one), look.text)
            _high(page, row, in_capitals(one), _ABOUT_WIDE[2])
    for place, text in enumerate((*sheet.words, *sheet.notes)):
        row += 1
        if place == len(sheet.words):
            page.write_string(row, 0, words.NOTES, look.label)
        # over both columns
        page.merge_range(row, 1, row, 2, text[:_CELL_MAX], look.text)
        _high(page, row, text, sum(_ABOUT_WIDE[1:]))


def _high(page: Worksheet, row: int, text: str, wide: int) -> None:
    """Make a row as high as the lines of a text in so many digits: not every program does it by itself."""
    lines = sum(-(-max(1, width_of(line)) // ((wide - 2) * EM // 2)) for line in text.split("\n"))
    page.set_row(row, min(_ROW_MAX, _LINE * lines))


def _paper(page: Worksheet, sheet: PrintedSheet) -> None:
    """A worksheet as it is printed: one page wide, and at its foot which document it is of."""
    page.set_paper(9)
    page.fit_to_pages(1, 0)
    page.set_footer(f"&L{_plain(sheet.serial)}&C第 &P 页 共 &N 页&R{_plain(sheet.verification_code)}")


def _write(page: Worksheet, row: int, place: int, cell: Cell, holds: CellHolds, form: Format) -> None:
    """One cell as what it is. Nothing is ever written as a formula."""
    text = told(cell, holds)
    if cell is None:
        page.write_blank(row, place, None, form)
    elif holds is CellHolds.TEXT or (isinstance(cell, int) and abs(cell) > _EXACT_MAX):
        page.write_string(row, place, text[:_CELL_MAX], form)
    elif isinstance(cell, date):
        page.write_datetime(row, place, datetime.combine(cell, time()), form)
    elif holds is CellHolds.MONTH and isinstance(cell, int):
        page.write_datetime(row, place, datetime.combine(first_day(cell), time()), form)
    elif holds is CellHolds.MONEY and isinstance(cell, int):
        page.write_number(row, place, Decimal(format_yuan(cell)), form)
    elif isinstance(cell, int):
        page.write_number(row, place, cell, form)


def _named(title: str, taken: set[str]) -> str:
    """A name that a worksheet may have and none has yet."""
    plain = title.translate(_NOT_IN_NAMES).strip()[: _NAME_MAX - 4] or "表"
    name, number = plain, 1
    while name in taken:
        number += 1
        name = f"{plain} {number}"
    taken.add(name)
    return name


def _plain(text: str) -> str:
    """A text in a footer, where & begins a command."""
    return text.replace("&", "&&")


def _stored(written: io.BytesIO) -> bytes:
    stored = io.BytesIO()
    with zipfile.ZipFile(written) as packed, zipfile.ZipFile(stored, "w", zipfile.ZIP_STORED) as plain:
        for name in packed.namelist():
            plain.writestr(zipfile.ZipInfo(name, _FIXED), packed.read(name))
    return stored.getvalue()
