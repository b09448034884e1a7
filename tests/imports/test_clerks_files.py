"""Files as clerks and spreadsheets really make them: read where there is one reading, else refused."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from sqlalchemy import Engine

from ledger.imports import ControlTotals, ImportProblem
from ledger.refusals import Refused
from tests.support.office import ACCOUNTS, CONTRIBUTIONS, Office, contribution, counts
from tests.support.people import SomeoneFactory

# how a text is read asks no database anything
pytestmark = pytest.mark.sqlite

FEN = 16_000
CHINESE = "身份证号,单据号,费款所属期,到账日期,金额"


@pytest.fixture
def office(engine: Engine, tmp_path: Path) -> Office:
    return Office(engine, tmp_path)


def workbook(*sheets: Sequence[Sequence[object]]) -> Workbook:
    book = Workbook()
    book.remove(book.worksheets[0])
    for rows in sheets:
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(row)
    return book


def saved(office: Office, book: Workbook) -> Path:
    out = io.BytesIO()
    book.save(out)
    return office.raw(out.getvalue())


def problem(office: Office, path: Path, **more: Any) -> tuple[str, str]:
    with pytest.raises(Refused) as caught:
        office.run(path, **more)
    return caught.value.code.value, str(caught.value.facts["problem"])


# -- 26: what stands behind and below the list ---------------------------------------------------------------


@pytest.mark.parametrize(
    "tail", [",,,,", ",,,,\n,,,,\n", ";;;;", " , ,,\u3000,", "\n\n,,,,", "\t", ",,,,,,,,,,,,"]
)
def test_lines_of_separators_at_the_end_are_no_lines(office: Office, tail: str) -> None:
    account = office.account()
    file = office.raw(f"{CONTRIBUTIONS}\n{contribution(account, 'c1')}\n{tail}\n".encode())
    with office.world.engine.connect() as connection:
        summary = office.importer(connection).run(file, totals=ControlTotals(1, FEN))
    assert counts(summary) == (1, 1, 0, 0)


def test_empty_columns_behind_the_list_are_no_columns(office: Office) -> None:
    account = office.account()
    lines = [
        f"{contribution(account, 'c1')},,",
        contribution(account, "c2"),
        f"{contribution(account, 'c3')},,,,",
    ]
    assert counts(office.run(office.file(f"{CONTRIBUTIONS},,", lines))) == (3, 3, 0, 0)
    # something in a column without a heading belongs to no column
    summary = office.run(office.file(f"{CONTRIBUTIONS},,", [f"{contribution(account, 'c4')},,x"]))
    assert office.rejected(summary) == [(2, "shape_invalid")]


@pytest.mark.parametrize(
    "total",
    ["合计,,,,320.00", "总计,,,,320.00", ",合计,,,320.00", "小计：,,,,320.00", "合 计,2,,,320.00",
     "Total,,,,320.00", "GRAND TOTAL,,,,320.00", ",,,合计（元）,320.00", "合计,,,,"],
)  # fmt: skip
def test_a_line_of_totals_is_no_line(office: Office, total: str) -> None:
    account = office.account()
    lines = [contribution(account, "c1"), total, contribution(account, "c2"), total]
    with office.world.engine.connect() as connection:
        summary = office.importer(connection).run(
            office.file(CONTRIBUTIONS, lines), totals=ControlTotals(2, 2 * FEN)
        )
    assert counts(summary) == (2, 2, 0, 0)
    assert office.balance(account) == 2 * FEN


def test_a_line_about_somebody_is_none_of_totals(office: Office) -> None:
    account = office.account()
    lines = [f"{account},合计,2026-03,2026-04-15,160.00", f"{account[:-1]},合计,2026-03,2026-04-15,160.00"]
    summary = office.run(office.file(CONTRIBUTIONS, lines))
    assert (counts(summary), office.rejected(summary)) == ((2, 1, 0, 1), [(3, "account_not_found")])


# -- 27: encodings, line ends, separators --------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["陈堃喆", "李珺", "王喆", "赵堃", "𬭚娃", "王𬭚", "欧阳𡈼", "朱镕基", "阿依古丽·买买提"]
)
@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-8-sig", "utf-16", "utf-16-be-bom"])
def test_names_of_rare_characters_are_read_in_every_encoding(
    office: Office, name: str, encoding: str
) -> None:
    person = SomeoneFactory()
    text = f"{ACCOUNTS}\n{person.id_number},{name},990100,2024-01-01\n"
    content = b"\xfe\xff" + text.encode("utf-16-be") if "be" in encoding else text.encode(encoding)
    assert counts(office.run(office.raw(content))) == (1, 1, 0, 0)
    command = office.world.opening(person, name=name, opened_on=date(2024, 1, 1))
    assert not office.world.posted(command).created, "the same name came in"


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-16", "utf-16-le-bom"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_every_line_end_and_separator_in_every_encoding(
    office: Office, encoding: str, end: str, separator: str
) -> None:
    account = office.account()
    rows = [
        CHINESE,
        *(contribution(account, f"单{n}") for n in range(3)),
        "bad",
        contribution(account, "单9"),
    ]
    text = "".join(row.replace(",", separator) + end for row in rows)
    content = b"\xff\xfe" + text.encode("utf-16-le") if "le" in encoding else text.encode(encoding)
    summary = office.run(office.raw(content))
    assert (counts(summary), office.rejected(summary)) == ((5, 4, 0, 1), [(5, "shape_invalid")])


def test_the_separator_that_a_file_names_is_obeyed(office: Office) -> None:
    account = office.account()
    rows = [line.replace(",", ";") for line in (CONTRIBUTIONS, contribution(account, "a,b"))]
    rows[1] = rows[1].replace("a;b", "a,b")
    assert counts(office.run(office.raw("\n".join(("sep=;", *rows, "")).encode()))) == (1, 1, 0, 0)
    rows = [line.replace(",", "|") for line in (CONTRIBUTIONS, contribution(account, "c2"))]
    assert counts(office.run(office.raw("\r\n".join(("\ufeffsep=|", *rows, "")).encode()))) == (1, 1, 0, 0)
    # it is obeyed: what it does not part is one column
    assert (
        problem(office, office.file("sep=;", [CONTRIBUTIONS, contribution(account, "c3")]))[0]
        == "file_invalid"
    )
    assert "sep=" in problem(office, office.file("sep=ab", [CONTRIBUTIONS]))[1]


def test_lines_of_sixteen_bits_are_bounded_and_taken_up_again(office: Office) -> None:
    account = office.account()
    rows = [
        CONTRIBUTIONS,
        contribution(account, "c1"),
        "x" * 500_000,
        "y\u0a0az",
        contribution(account, "c2"),
    ]
    summary = office.run(office.raw("\r\n".join((*rows, "")).encode("utf-16")))
    assert counts(summary) == (4, 2, 0, 2)
    assert office.rejected(summary) == [(3, "shape_invalid"), (4, "shape_invalid")]


# -- 29: headings --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "heading",
    [
        CHINESE,
        "Account,Source_Ref,PERIOD,Effective_On,Amount",
        "证件号码,凭证号,所属期,入账日期,金额(元)",
        " 身份证号码 ,单据编号,月份,记账日期,缴费金额（元）",
        "*个人账户,*流水号,*费款所属期,*到账日期,*金额",
        "ID Number,Document No.,Month,Value Date,amount (yuan)",
        "身 份 证 号,单 据 号,所 属 期,到 账 日 期,金 额",
    ],
)
def test_headings_in_the_words_of_clerks(office: Office, heading: str) -> None:
    account = office.account()
    assert counts(office.run(office.file(heading, [contribution(account, "c1")]))) == (1, 1, 0, 0)


def test_titles_and_blank_lines_above_the_heading_are_passed_over(office: Office) -> None:
    account = office.account()
    rows = ["", "2026年3月个人账户划入明细表,,,,", ",,,,", "单位：某某公司,,制表日期：2026-04-15,,", CHINESE]
    file = office.file(rows[0], [*rows[1:], contribution(account, "c1"), "bad"])
    summary = office.run(file)
    assert (counts(summary), office.rejected(summary)) == ((2, 1, 0, 1), [(7, "shape_invalid")])


def test_a_line_of_the_list_above_the_heading_is_not_lost_silently(office: Office) -> None:
    account = office.account()
    code, said = problem(
        office, office.file(contribution(account, "c0"), [CONTRIBUTIONS, contribution(account, "c1")])
    )
    assert (code, "line 1 stands above the heading (line 2)" in said, account in said) == (
        "file_invalid",
        True,
        False,
    )


def test_columns_that_clerks_keep_for_themselves_are_passed_over_and_named(office: Office) -> None:
    account = office.account()
    file = office.file(
        f"序号,姓名,{CHINESE},证件类型,部门,备注",
        [f'{n},张三,{contribution(account, f"c{n}")},居民身份证,内科,"a,b"' for n in range(3)],
    )
    summary = office.run(file)
    assert counts(summary) == (3, 3, 0, 0)
    assert summary.passed_over == ("序号", "姓名", "证件类型", "部门", "备注")
    assert summary.as_json()["passed_over"] == ["序号", "姓名", "证件类型", "部门", "备注"]


def test_any_other_column_refuses_the_file_by_name(office: Office) -> None:
    account = office.account()
    line = f"{contribution(account, 'c1')},x"
    code, said = problem(office, office.file(f"{CHINESE},颜色", [line]))
    assert (code, "column 6 (颜色) of line 1" in said) == ("file_invalid", True)
    # what may be somebody's number is named by its place
    said = problem(office, office.file(f"{CHINESE},张三119999198503140015", [line]))[1]
    assert "column 6 of line 1" in said
    assert "1199" not in said


def test_a_heading_twice_or_for_two_kinds_is_not_guessed(office: Office) -> None:
    assert (
        "stands there twice (line 1: columns 5 and 6)"
        in problem(office, office.file(f"{CHINESE},缴费金额", []))[1]
    )
    assert problem(office, office.file(f"{CHINESE},银行账号", []))[0] == "cash_forbidden"


def test_the_heading_again_in_the_middle_is_no_line(office: Office) -> None:
    account = office.account()
    lines = [contribution(account, "c1"), CHINESE, contribution(account, "c2")]
    assert counts(office.run(office.file(CHINESE, lines))) == (2, 2, 0, 0)


# -- 30: spellings -------------------------------------------------------------------------------------------

AMOUNTS = {
    "160": 16000, "160.0": 16000, "3.5": 350, '"1,160.00"': 116000, "¥160": 16000, "￥160.5": 16050,
    "１６０．００": 16000, '"1,160"': 116000, '"¥1,234,567.89"': 123456789, " 160.00 ": 16000,
    "\u3000160": 16000,
    "0.01": 1, "0.1": 10, '"１，１６０"': 116000,
}  # fmt: skip
NO_AMOUNTS = ("12.345", "1e3", "1E3", '"160,00"', '"1,16"', '"11,60.00"', "160元", "-160", "+160",
              "(160)", "160.", ".5", "1 160", "0160", "٣", "①", "²", "$160", "160%", "")  # fmt: skip
DAYS = {
    "2026/4/8": date(2026, 4, 8), "2026-4-8": date(2026, 4, 8), "2026/04/08": date(2026, 4, 8),
    "2026-04-08": date(2026, 4, 8), "2026年4月8日": date(2026, 4, 8), "２０２６/４/８": date(2026, 4, 8),
    "2026年04月08日": date(2026, 4, 8), " 2026/4/8 ": date(2026, 4, 8),
}  # fmt: skip
NO_DAYS = ("26-4-10", "03/04/2026", "4/8/2026", "2026/4-8", "2026/13/1", "2026/2/30", "8-Apr-26", "46120",
           "2026年4月", "2026/4/8 0:00", "20260408", "2026.4.8", "今天", "")  # fmt: skip
MONTHS = ("2026-03", "2026-3", "2026/3", "2026/03", "2026年3月", "2026年03月", "２０２６-０３", "2026/3/1")
NO_MONTHS = ("26-3", "3/2026", "Mar-26", "202603", "2026/3/15", "2026-13", "2026", "3月", "")


def test_amounts_as_spreadsheets_write_them(office: Office) -> None:
    account = office.account()
    lines = [contribution(account, f"c{n}", text) for n, text in enumerate(AMOUNTS)]
    summary = office.run(office.file(CONTRIBUTIONS, lines))
    # the largest is read like the others, and waits for a second person
    assert (counts(summary), summary.waiting) == ((len(lines), len(lines) - 1, 0, 0), 1)
    assert summary.posted_fen + summary.waiting_fen == sum(AMOUNTS.values())


def test_amounts_with_two_readings_or_none_are_refused_and_told(office: Office) -> None:
    account = office.account()
    summary = office.run(
        office.file(
            CONTRIBUTIONS, [contribution(account, f"c{n}", text) for n, text in enumerate(NO_AMOUNTS)]
        )
    )
    assert {code for _, code in office.rejected(summary)} == {"amount_invalid"}
    told = office.rejected_lines(summary)[0]
    assert (told["line"], told["column"], told["value"]) == ("2", "amount", "12.345")
    assert told["expected"] == "an amount in yuan such as 160.00"
    assert office.balance(account) == 0


def test_days_as_spreadsheets_write_them(office: Office) -> None:
    account = office.account()
    lines = [f"{account},c{n},2026-03,{text},160.00" for n, text in enumerate(DAYS)]
    assert counts(office.run(office.file(CONTRIBUTIONS, lines))) == (len(lines), len(lines), 0, 0)
    # the same facts in the plain spelling are there already
    plain = [f"{account},c{n},2026-03,{day},160.00" for n, day in enumerate(DAYS.values())]
    assert counts(office.run(office.file(CONTRIBUTIONS, plain))) == (len(lines), 0, len(lines), 0)


def test_days_with_two_readings_or_none_are_refused_and_told(office: Office) -> None:
    account = office.account()
    lines = [f"{account},c{n},2026-03,{text},160.00" for n, text in enumerate(NO_DAYS)]
    summary = office.run(office.file(CONTRIBUTIONS, lines))
    assert [code for _, code in office.rejected(summary)] == ["shape_invalid"] * len(NO_DAYS)
    assert [one["value"] for one in office.rejected_lines(summary)] == list(NO_DAYS)
    assert {one["column"] for one in office.rejected_lines(summary)} == {"effective_on"}


def test_months_as_spreadsheets_write_them(office: Office) -> None:
    account = office.account()
    lines = [f"{account},c{n},{text},2026-04-15,160.00" for n, text in enumerate(MONTHS)]
    assert counts(office.run(office.file(CONTRIBUTIONS, lines))) == (len(lines), len(lines), 0, 0)
    lines = [f"{account},d{n},{text},2026-04-15,160.00" for n, text in enumerate(NO_MONTHS)]
    summary = office.run(office.file(CONTRIBUTIONS, lines))
    assert [code for _, code in office.rejected(summary)] == ["period_invalid"] * len(NO_MONTHS)
    assert [one["value"] for one in office.rejected_lines(summary)] == list(NO_MONTHS)


def test_a_sheet_says_what_a_csv_says(office: Office) -> None:
    """Cells as a spreadsheet keeps them: dates, numbers, a month as its first day, booleans."""
    account = office.account()
    rows: list[Sequence[object]] = [
        CHINESE.split(","),
        (account, "c1", "2026-03", "2026-04-15", "160.00"),
        (account, 100235, date(2026, 3, 1), date(2026, 4, 15), 160),
        (account, "c3", "2026年3月", datetime(2026, 4, 15), 160.5),  # noqa: DTZ001  a sheet knows no zone
        (account, "c4", "2026/3", "2026/4/15", "¥1,160"),
        (int(account[:17] + "0"), "c5", "2026-03", "2026-04-15", 160),
        (account, "c6", date(2026, 3, 2), "2026-04-15", 160),
        (account, "c7", "2026-03", datetime(2026, 4, 15, 12), 160),  # noqa: DTZ001  a cell has no zone
        (account, "c8", "2026-03", "2026-04-15", "=160"),
        (account, "c9", "2026-03", "2026-04-15", date(2026, 4, 15)),
        (account, "c10", "2026-03", 46127, 160),
        ("合计", None, None, None, "=SUM(E2:E9)"),
    ]  # fmt: skip
    summary = office.run(saved(office, workbook(rows)))
    assert (counts(summary), summary.posted_fen) == ((10, 4, 0, 6), 3 * 16000 + 50 + 116000 - 16000 + 16000)
    assert office.rejected(summary) == [
        (6, "number_in_cell"), (7, "period_invalid"), (8, "shape_invalid"), (9, "formula_in_cell"),
        (10, "date_in_cell"), (11, "shape_invalid"),
    ]  # fmt: skip
    again = office.run(office.file(CONTRIBUTIONS, [f"{account},100235,2026-03,2026-04-15,160.00"]))
    assert counts(again) == (1, 0, 1, 0), "the same line, from a sheet and from a CSV"


def test_days_count_from_1904_where_the_workbook_says_so(office: Office) -> None:
    account = office.account()
    book = workbook([CHINESE.split(","), (account, "c1", "2026-03", date(2026, 4, 15), 160)])
    book.epoch = datetime(1904, 1, 1)  # noqa: DTZ001  as openpyxl names it
    assert counts(office.run(saved(office, book))) == (1, 1, 0, 0)
    again = office.run(office.file(CONTRIBUTIONS, [contribution(account, "c1")]))
    assert counts(again) == (1, 0, 1, 0)


# -- 28: what is hidden --------------------------------------------------------------------------------------


def _hide_row(book: Workbook) -> None:
    book.worksheets[0].row_dimensions[3].hidden = True


def _filter_rows(book: Workbook) -> None:
    sheet = book.worksheets[0]
    sheet.auto_filter.ref = "A1:E5"
    for row in (3, 4):
        sheet.row_dimensions[row].hidden = True


def _hide_column(book: Workbook) -> None:
    book.worksheets[0].column_dimensions["B"].hidden = True


def _show_nothing(book: Workbook) -> None:
    for place in ("E3", "E4", "A5"):
        book.worksheets[0][place].number_format = ";;;"


@pytest.mark.parametrize(
    ("hide", "rows", "columns", "cells"),
    [
        (_hide_row, "3", "", ""),
        (_filter_rows, "3-4", "", ""),
        (_hide_column, "", "B", ""),
        (_show_nothing, "", "", "A5, E3-E4"),
    ],
)
def test_what_is_hidden_is_refused_by_name_and_counted_when_asked(
    office: Office, hide: Callable[[Workbook], None], rows: str, columns: str, cells: str
) -> None:
    account = office.account()
    lines = [contribution(account, f"c{n}").split(",") for n in range(4)]
    book = workbook([CHINESE.split(","), *lines])
    hide(book)
    path = saved(office, book)
    for preview in (False, True):
        with office.world.engine.connect() as connection:
            importer = office.importer(connection)
            act = importer.preview if preview else importer.run
            with pytest.raises(Refused) as caught:
                act(path)
        assert caught.value.code.value == "hidden_rows"
        facts = caught.value.facts
        assert (facts["rows"], facts["columns"], facts["cells"]) == (rows, columns, cells)
        assert (rows or columns or cells) in str(caught.value.facts["problem"])
    summary = office.run(path, include_hidden=True)
    assert counts(summary) == (4, 4, 0, 0)
    assert (summary.hidden_rows, summary.hidden_columns, summary.hidden_cells) == (rows, columns, cells)
    assert office.balance(account) == 4 * FEN


def test_blank_rows_and_columns_may_be_hidden(office: Office) -> None:
    account = office.account()
    book = workbook([["一月划入表"], CHINESE.split(","), contribution(account, "c1").split(",")])
    sheet = book.worksheets[0]
    sheet.row_dimensions[9].hidden = True
    sheet.row_dimensions[1].hidden = True
    sheet.column_dimensions["K"].hidden = True
    assert counts(office.run(saved(office, book))) == (1, 1, 0, 0)


# -- what is no list -----------------------------------------------------------------------------------------

NO_LISTS = {
    b"%PDF-1.7\n": "PDF",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100): "XLS",
    b"PK\x03\x04" + bytes(30): "XLSX",
    b"\x1f\x8b\x08": "compressed",
    b"Rar!\x1a": "compressed",
    b"<html><body><table>": "web page",
    b"\xef\xbb\xbf <!DOCTYPE html>": "web page",
    b'<?xml version="1.0"?><Workbook>': "web page or XML",
    b"\x89PNG\r\n": "picture",
    b"": "empty",
    b"\n\n ,,, \n": "header",
}


@pytest.mark.parametrize("content", NO_LISTS, ids=range(len(NO_LISTS)))
def test_what_is_no_list_is_called_what_it_is(office: Office, content: bytes) -> None:
    code, said = problem(office, office.raw(content))
    assert (code, NO_LISTS[content] in said) == ("file_invalid", True), said


def test_a_list_may_stand_on_another_sheet(office: Office) -> None:
    account = office.account()
    book = workbook(
        [("填报说明",), ("请用文本格式",)], [CHINESE.split(","), contribution(account, "c1").split(",")]
    )
    assert counts(office.run(saved(office, book))) == (1, 1, 0, 0)
    assert not list(office.folder.glob("*.rejected.csv"))
    with pytest.raises(ImportProblem):
        office.run(office.folder / "none.xlsx")
