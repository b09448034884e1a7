"""Odd files that clerks send, by the command line and over HTTP: read, or refused with a clear word."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from openpyxl import Workbook
from sqlalchemy import Engine

from ledger.people.id_numbers import check_digit
from tests.support.api_client import open_account, running
from tests.support.employer_client import ref
from tests.support.file_doors import FileDoors, Refusal, Told, xlsx_of

HEADING = "证件号码,单据号,费款所属期,到账日期,金额"


@pytest.fixture(scope="module")
def doors(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileDoors]:
    folder = tmp_path_factory.mktemp("odd")
    with running(engine, folder) as client, pytest.MonkeyPatch.context() as patch:
        yield FileDoors(client, engine.url.render_as_string(hide_password=False), folder, patch)


class Line:
    """A good line of somebody with an account, by its fields."""

    def __init__(self, number: str) -> None:
        self.number = number

    def row(self, **other: object) -> list[Any]:
        fields: dict[str, object] = {
            "account": self.number, "source_ref": ref(), "period": "2026-03", "effective_on": "2026-04-15",
            "amount": "160.00",
        }  # fmt: skip
        return list((fields | other).values())

    def text(self, separator: str = ",", **other: object) -> str:
        return separator.join(str(cell) for cell in self.row(**other))


def csv_lines(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def sheet(*rows: Sequence[object], change: Callable[[Workbook], None] | None = None) -> bytes:
    book, out = Workbook(), io.BytesIO()
    for row in rows:
        book.worksheets[0].append(list(row))
    if change is not None:
        change(book)
    book.save(out)
    return out.getvalue()


def formatted(code: str, place: str) -> Callable[[Workbook], None]:
    def change(book: Workbook) -> None:
        book.worksheets[0][place].number_format = code

    return change


def _merged_title(book: Workbook) -> None:
    book.worksheets[0].merge_cells("A1:E1")


def _empty_sheet_first(book: Workbook) -> None:
    book.create_sheet("Sheet0", 0)


def _formula_without_value(content: bytes) -> bytes:
    """As a program writes one that never counted it."""
    out = io.BytesIO()
    with ZipFile(io.BytesIO(content)) as old, ZipFile(out, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("sheet1.xml"):
                data = data.replace(b"<v></v>", b"").replace(b"<v />", b"").replace(b"<v/>", b"")
                assert b"<f>" in data
            new.writestr(name, data)
    return out.getvalue()


class Odd(NamedTuple):
    """A file and what becomes of it: lines posted, lines refused as (line, code, column)."""

    make: Callable[[Line], bytes]
    posted: int
    refused: tuple[tuple[int, str, str | None], ...] = ()


HEADINGS = HEADING.split(",")
MIDNIGHT = datetime(2026, 4, 15)  # noqa: DTZ001  a cell has no zone
READ: dict[str, Odd] = {
    "a merged title above": Odd(
        lambda one: sheet(["2026年3月划入明细"], HEADINGS, one.row(), change=_merged_title), 1
    ),
    "an empty sheet first": Odd(lambda one: sheet(HEADINGS, one.row(), change=_empty_sheet_first), 1),
    "two lines of headings, one in English": Odd(
        lambda one: csv_lines("account,source_ref,period,effective_on,amount", HEADING, one.text()), 1
    ),
    "headings in groups": Odd(lambda one: csv_lines("个人,,缴费信息,,", HEADING, one.text()), 1),
    "a unit without parentheses": Odd(
        lambda one: csv_lines(HEADING.replace("金额", "金额/元"), one.text()), 1
    ),
    "a title that says yuan": Odd(
        lambda one: csv_lines("划入表,,,,单位：元", HEADING, one.text()), 1
    ),
    "subtotals in the middle": Odd(
        lambda one: csv_lines(HEADING, one.text(), "小计,,,,160.00", one.text(), "本页小计,,,,320.00"), 2
    ),
    "signatures below, each in one cell": Odd(
        lambda one: csv_lines(
            HEADING,
            one.text(),
            "合计,,,,160.00",
            "制表人：张三,,审核人：李四,,",
            "填表日期：2026年4月15日,,,,",
        ),
        1,
    ),
    "signatures below in cells of their own": Odd(
        lambda one: sheet(
            HEADINGS,
            one.row(),
            ["制表人", "张三", None, "审核人", "李四"],
            [None, None, "单位负责人（签字）：", None, None],
        ),
        1,
    ),
    "a note below": Odd(lambda one: csv_lines(HEADING, one.text(), "注：本表一式两份,,,,"), 1),
    "the mark of UTF-8 in the middle": Odd(
        lambda one: csv_lines(HEADING, one.text(), f"\ufeff{HEADING}", one.text()), 2
    ),
    "the end mark of an old program": Odd(lambda one: csv_lines(HEADING, one.text()) + b"\x1a", 1),
    "blanks before numbers stored as text": Odd(
        lambda one: sheet(HEADINGS, one.row(account=f"  {one.number}\u3000", amount="\xa0160.00 ")), 1
    ),
    "a heading of two lines in its cell": Odd(
        lambda one: sheet(["证件\n号码", "单据号\n（必填）", *HEADINGS[2:]], one.row()), 1
    ),
    "date cells with midnight": Odd(
        lambda one: sheet(HEADINGS, one.row(effective_on=MIDNIGHT, period=date(2026, 3, 1))), 1
    ),
    # -- lines that are refused, and told by their column
    "days as the numbers that a spreadsheet counts": Odd(
        lambda one: sheet(HEADINGS, one.row(effective_on=46127), one.row(period=46082)), 0,
        ((2, "shape_invalid", "effective_on"), (3, "shape_invalid", "period")),
    ),
    "times of the day": Odd(
        lambda one: csv_lines(
            HEADING, *(one.text(effective_on=f"2026-04-15 {time}") for time in ("09:30:00", "00:00:00"))
        ),
        0,
        ((2, "shape_invalid", "effective_on"), (3, "shape_invalid", "effective_on")),
    ),
    "numbers that lost their digits": Odd(
        lambda one: csv_lines(
            HEADING, one.text(account="1.19999E+17"), one.text(account=_rounded(one.number)),
            one.text(account=f"{one.number[:17]}0.0"), one.text(account="119999198503140015.00"),
        ),
        0,
        tuple((line, "number_in_cell", "account") for line in (2, 3, 4, 5)),
    ),
    "numbers that lost their digits in a sheet": Odd(
        lambda one: sheet(
            HEADINGS, one.row(account=int(one.number[:17] + "0")), one.row(account=1.19999198503e17),
            one.row(account=_rounded(one.number)), change=formatted("0.00E+00", "A2"),
        ),
        0,
        tuple((line, "number_in_cell", "account") for line in (2, 3, 4)),
    ),
    "tabs that keep numbers texts": Odd(
        lambda one: csv_lines(HEADING, f"\t{one.text()}", one.text(), one.text(source_ref="a\tb")), 2,
        ((4, "shape_invalid", "source_ref"),),
    ),
    "a line parted by tabs among others": Odd(
        lambda one: csv_lines(HEADING, one.text("\t"), one.text()), 1, ((2, "shape_invalid", None),)
    ),
    "a tab inside what is passed over": Odd(
        lambda one: csv_lines(f"{HEADING},备注", f"{one.text()},a\tb", f"{one.text()},\tb"), 1,
        ((2, "shape_invalid", None),),
    ),
    "apostrophes": Odd(
        lambda one: csv_lines(HEADING, one.text(account=f"'{one.number}"), one.text(amount="'160.00")), 1,
        ((3, "leading_apostrophe", "amount"),),
    ),
    "amounts with brackets, units and signs": Odd(
        lambda one: csv_lines(HEADING, *(one.text(amount=text) for text in NO_AMOUNTS)), 0,
        tuple((line, "amount_invalid", "amount") for line in range(2, 2 + 7)),
    ),
    "per cent": Odd(
        lambda one: sheet(
            HEADINGS, one.row(amount=0.5), one.row(amount=160), one.row(amount="50%"), change=_in_per_cent
        ),
        0,
        tuple((line, "amount_invalid", "amount") for line in (2, 3, 4)),
    ),
    "a formula, counted or not": Odd(
        lambda one: _formula_without_value(
            sheet(HEADINGS, one.row(amount="=80+80"), one.row(account=f'="{one.number}"'), one.row())
        ),
        1,
        ((2, "formula_in_cell", "amount"), (3, "formula_in_cell", "account")),
    ),
    "a line break within quotes": Odd(
        lambda one: csv_lines(HEADING, one.text(source_ref='"a\nb"'), one.text()), 1,
        ((2, "shape_invalid", None), (3, "shape_invalid", None)),
    ),
    "a comma of Chinese at the end": Odd(
        lambda one: csv_lines(HEADING, one.text(amount="160.00、"), one.text(effective_on="2026-04-15、")), 0,
        ((2, "amount_invalid", "amount"), (3, "shape_invalid", "effective_on")),
    ),
    "commas of Chinese in one line": Odd(
        lambda one: csv_lines(HEADING, one.text("，"), one.text()), 1, ((2, "shape_invalid", None),)
    ),
    "a remark before somebody": Odd(
        lambda one: csv_lines(
            f"备注,{HEADING}",
            f"备注：补缴,张三{one.text()[18:]}",
            f"日期：四月,{one.text(account=one.number[:14])}",
            f"注：退回,{one.text()}",
        ),
        1,
        ((2, "account_not_found", "account"), (3, "account_not_found", "account")),
    ),
    "a signature that names somebody": Odd(
        lambda one: csv_lines(HEADING, f"制表人：{one.number},,,,", one.text()), 1,
        ((2, "shape_invalid", "account"),),
    ),
    "somebody without a number": Odd(
        lambda one: csv_lines(HEADING, one.text(account=""), one.text(account="张三")), 0,
        ((2, "account_not_found", "account"), (3, "account_not_found", "account")),
    ),
}  # fmt: skip
NO_AMOUNTS = ("(160.00)", "（160.00）", "-160.00", "160元", "160.00 元", "￥160元整", "壹佰陆拾元")


def _rounded(number: str) -> str:
    """As a spreadsheet writes an ID number back, with a check character that is not right."""
    for digit in "0123456789":
        rounded = f"{number[:14]}{digit}000"
        if check_digit(rounded[:17]) != "0":
            return rounded
    raise AssertionError("one in eleven is right by chance")


def _in_per_cent(book: Workbook) -> None:
    for place, code in (("E2", "0%"), ("E3", "0.00%"), ("E4", "General")):
        book.worksheets[0][place].number_format = code


def _many_columns(one: Line) -> bytes:
    return xlsx_of([[*HEADINGS, *(f"列{n}" for n in range(60))], [*one.row(), *range(60)]])


REFUSED: dict[str, tuple[Callable[[Line], bytes], str]] = {
    "amounts in ten thousands": (lambda one: csv_lines(f"{HEADING}（万元）", one.text()), "万元"),
    "amounts in fen": (lambda one: sheet([*HEADINGS[:4], "金额(分)"], one.row()), "write them in yuan"),
    "a unit at the end of the heading": (lambda one: csv_lines(f"{HEADING}万元", one.text()), "万元"),
    "a title that names another unit": (
        lambda one: csv_lines("划入明细表,,,,单位：万元", HEADING, one.text()), "line 1 says",
    ),
    "columns parted by commas of Chinese": (
        lambda one: csv_lines(HEADING.replace(",", "，"), one.text("，")), "parted by ，",
    ),
    "columns parted by bars": (
        lambda one: csv_lines(HEADING.replace(",", "|"), one.text("|")), "parted by |",
    ),
    "a heading twice": (
        lambda one: csv_lines(f"{HEADING},金额", one.text() + ",160.00"), "stands there twice",
    ),
    "sixty-five columns": (_many_columns, "more than 64 columns"),
    "an old workbook under a new name": (
        lambda _one: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "old XLS workbook, or one locked",
    ),
    "a heading in a merged cell": (
        lambda one: sheet(
            HEADINGS, one.row(), change=lambda book: book.worksheets[0].merge_cells("A1:A2")
        ),
        "merged",
    ),
    "a heading with a line break within quotes": (
        lambda one: csv_lines(HEADING.replace("金额", '"金额\n元"'), one.text()), "quotes",
    ),
}  # fmt: skip

DOORS = ("command line CSV", "upload CSV")


def through(doors: FileDoors, door: str, make: Callable[[Line], bytes]) -> tuple[Told, Line]:
    one = Line(str(open_account(doors.client)["number"]))
    return doors.send_bytes(door, "contributions", make(one)), one


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", READ)
def test_what_is_odd_is_read_or_told_by_line_and_column(doors: FileDoors, door: str, name: str) -> None:
    odd = READ[name]
    told, one = through(doors, door, odd.make)
    assert (told.code, told.posted, told.already) == (None, odd.posted, 0), told
    assert told.refused == tuple(Refusal(*line) for line in odd.refused)
    assert one.number not in told.said, "what stood there goes into the file and nowhere else"


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_called_what_it_is(doors: FileDoors, door: str, name: str) -> None:
    make, word = REFUSED[name]
    told, one = through(doors, door, make)
    assert (told.code, told.posted) == ("file_invalid", 0)
    assert word in told.problem
    assert one.number not in told.said


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "heading",
    [
        "119999198503140015",
        "1199 9919 8503 1400 15",
        "\uff11\uff11\uff19\uff19\uff19\uff19\uff11\uff19\uff18\uff15",
        "١١٩٩٩٩١٩٨٥",
        "❶❶❾❾❾❾❶❾❽❺",
    ],
    ids=ascii,
)
def test_a_heading_that_may_be_a_number_is_told_by_its_column_alone(
    doors: FileDoors, door: str, heading: str
) -> None:
    told, _one = through(doors, door, lambda one: csv_lines(f"{HEADING},{heading}", f"{one.text()},1"))
    assert told.code == "file_invalid"
    assert "column 6 of line 1 is not known" in told.problem
    assert heading not in told.said
    # a word with a few digits says what it is
    told, _one = through(doors, door, lambda one: csv_lines(f"{HEADING},2026年", f"{one.text()},1"))
    assert "column 6 (2026年) of line 1" in told.problem
