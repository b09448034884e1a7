"""Employers' lists: every form of a bad line has its code, and the good lines around it are read."""

from __future__ import annotations

import io
import random
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from ledger.imports import sheets, workbook
from ledger.imports.lines import LINE_BYTES_MAX
from ledger.imports.lists import ListLine, read_list
from ledger.money import FEN_MAX, format_yuan
from ledger.refusals import RefusalCode, Refused
from tests.support.chance import seeded
from tests.support.people import id_number

Media = Literal["csv", "xlsx"]
ROOT = Path(__file__).resolve().parents[2]
ID = id_number(1)
GOOD = id_number(2)
HEADER = ("id_number", "wage")


def csv(*lines: str, encoding: str = "utf-8", end: str = "\n") -> bytes:
    return "".join(f"{line}{end}" for line in lines).encode(encoding)


def xlsx(
    rows: Iterable[Sequence[object]], merges: Iterable[str] = (), formats: dict[str, str] | None = None
) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    for place, code in (formats or {}).items():
        sheet[place].number_format = code
    for merge in merges:
        sheet.merge_cells(merge)
    return saved(book)


def saved(book: Workbook) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def altered(content: bytes, part: str, *changes: tuple[str, str]) -> bytes:
    """The same workbook, with some text of a part changed."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for entry in old.infolist():
            data = old.read(entry)
            if entry.filename == part:
                for before, after in changes:
                    assert before.encode() in data, f"{before} is not in {data!r}"
                    data = data.replace(before.encode(), after.encode())
            new.writestr(entry.filename, data)
    return out.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


def lines(content: bytes, media: Media) -> list[ListLine]:
    return list(read_list(io.BytesIO(content), media))


def codes(content: bytes, media: Media) -> list[str | None]:
    return [line.code and line.code.value for line in lines(content, media)]


def refused(content: bytes, media: Media) -> tuple[str, str]:
    """The refusal that comes on the call, before any line is asked for."""
    with pytest.raises(Refused) as caught:
        read_list(io.BytesIO(content), media)
    return caught.value.code.value, str(caught.value.facts["problem"])


# -- good lists ------------------------------------------------------------------------------------------

BOTH: tuple[Media, Media] = ("csv", "xlsx")


def content_of(rows: Sequence[Sequence[str]], media: Media) -> bytes:
    return csv(*(",".join(row) for row in rows)) if media == "csv" else xlsx(rows)


@pytest.mark.parametrize("media", BOTH)
@pytest.mark.parametrize("name", ["证件号码", "身份证号", "身份证号码", "公民身份号码", " id_number\u3000"])
@pytest.mark.parametrize("wage", ["工资", "月工资", "缴费工资", "申报工资", " wage "])
def test_columns_have_english_or_chinese_headings_in_any_order(media: Media, name: str, wage: str) -> None:
    rows = [(wage, "姓\u3000名", name), ("8000.00", "张三", ID), ("", "", ""), ("8000.5", "", f" {GOOD} ")]
    assert lines(content_of(rows, media), media) == [
        ListLine(2, ID, "8000.00", None),
        ListLine(4, GOOD, "8000.50", None),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_csv_comes_in_utf_8_with_or_without_bom_and_in_gbk(encoding: str, end: str) -> None:
    text = ("证件号码,姓名,工资", f"{ID},欧阳娜娜,8000", f'"{GOOD}","李娜","8000.10"')
    assert lines(csv(*text, encoding=encoding, end=end), "csv") == [
        ListLine(2, ID, "8000.00", None),
        ListLine(3, GOOD, "8000.10", None),
    ]


@pytest.mark.parametrize("media", BOTH)
def test_blank_lines_are_skipped_and_numbers_are_those_of_the_file(media: Media) -> None:
    rows = [(), (), HEADER, (), (ID, "1.00"), ("", " "), (), (GOOD, "2.00"), ("", "")]
    assert [line.line for line in lines(content_of(rows, media), media)] == [5, 8]


@pytest.mark.parametrize("media", BOTH)
def test_a_list_without_a_line_is_a_list(media: Media) -> None:
    assert lines(content_of([HEADER], media), media) == []


WAGES = {
    8000: "8000.00",
    8000.5: "8000.50",
    0.01: "0.01",
    1.1: "1.10",
    4503599627.35: "4503599627.35",
    10_000_000_000: "10000000000.00",
    "8000.00": "8000.00",
    "8000": "8000.00",
    " 8000.5 ": "8000.50",
}


@pytest.mark.parametrize("wage", WAGES, ids=repr)
def test_a_wage_in_a_sheet_is_what_was_typed(wage: object) -> None:
    assert lines(xlsx([HEADER, (ID, wage)]), "xlsx") == [ListLine(2, ID, WAGES[wage], None)]


@pytest.mark.parametrize(
    ("stored", "wage"),
    [("1.1000000000000001", "1.10"), ("8000.0", "8000.00"), ("8.0005E3", "8000.50"), ("8E3", "8000.00")],
)
def test_a_number_is_read_however_the_file_writes_it(stored: str, wage: str) -> None:
    content = altered(xlsx([HEADER, (ID, 77)]), SHEET, ("<v>77</v>", f"<v>{stored}</v>"))
    assert lines(content, "xlsx") == [ListLine(2, ID, wage, None)]


def test_a_wage_shown_as_money_is_a_number() -> None:
    formats = {
        "B2": "#,##0.00",
        "B3": '"¥"#,##0.00_);[Red]("¥"#,##0.00)',
        "B4": "[$￥-804]#,##0.00",
        "B5": "@",
    }
    content = xlsx([HEADER, *[(ID, 8000)] * 4], formats=formats)
    assert {line.wage for line in lines(content, "xlsx")} == {"8000.00"}


good_lists = st.lists(
    st.tuples(
        st.text("0123456789", min_size=17, max_size=17).map(lambda digits: f"{digits}X"),
        st.integers(1, FEN_MAX).map(format_yuan),
    ),
    max_size=20,
)


@given(good_lists, st.randoms(use_true_random=False))
def test_random_good_lists_are_read_as_written(people: list[tuple[str, str]], chance: random.Random) -> None:
    expected = [ListLine(place, *person, None) for place, person in enumerate(people, start=2)]
    end = chance.choice(["\n", "\r\n"])
    text = csv("id_number,wage", *(",".join(person) for person in people), end=end)
    assert lines(text, "csv") == expected
    if expected:
        assert lines(text.removesuffix(end.encode()), "csv") == expected
    # a wage is kept as a number or as a text; a double keeps all digits up to FEN_MAX
    rows = [(number, chance.choice([str, float])(wage)) for number, wage in people]
    assert lines(xlsx([HEADER, *rows]), "xlsx") == expected


# -- bad lines -------------------------------------------------------------------------------------------

# (ID number, wage): the code, and what is still read of the two
BAD_TEXTS: dict[tuple[str, str], tuple[str, str, str]] = {
    ("", "8000.00"): ("shape_invalid", "", "8000.00"),
    (ID, ""): ("shape_invalid", ID, ""),
    (ID, " "): ("shape_invalid", ID, ""),
    (f"{ID[:9]}\u2060\u202e{ID[9:]}", "8000.00"): ("shape_invalid", "", "8000.00"),
    (f"\u202d{ID}\u202c", "8000.00"): ("shape_invalid", "", "8000.00"),
    (ID, "80\x8500.00"): ("shape_invalid", ID, ""),
    ("", "八千"): ("shape_invalid", "", ""),
    ("", "=1+1"): ("shape_invalid", "", ""),
    ("=A1", "8000.00"): ("formula_in_cell", "", "8000.00"),
    (f'="{ID}"', "8000.00"): ("formula_in_cell", "", "8000.00"),
    (ID, "=8000"): ("formula_in_cell", ID, ""),
    (ID, "2026-03-01"): ("date_in_cell", ID, ""),
    (ID, "2026-03"): ("date_in_cell", ID, ""),
    (ID, "2026/3/1"): ("date_in_cell", ID, ""),
    (ID, "2026.3.1"): ("date_in_cell", ID, ""),
    (ID, "1/3/2026"): ("date_in_cell", ID, ""),
    (ID, "2026年3月"): ("date_in_cell", ID, ""),
    (ID, "2026年3月1日"): ("date_in_cell", ID, ""),
    (ID, "3月1日"): ("date_in_cell", ID, ""),
    (ID, "Mar-26"): ("date_in_cell", ID, ""),
    (ID, "2026-03-01 00:00:00"): ("date_in_cell", ID, ""),
    ("1.19999E+17", "8000.00"): ("number_in_cell", "", "8000.00"),
    ("119999198503140000.00", "8000.00"): ("number_in_cell", "", "8000.00"),
    ("'张三", "8000.00"): ("leading_apostrophe", "'张三", "8000.00"),
    (ID, "8000。00"): ("full_width_digits", ID, ""),
    (f"'{ID}*", "8000.00"): ("leading_apostrophe", f"'{ID}*", "8000.00"),
    (f"’{ID}*", "8000.00"): ("leading_apostrophe", f"’{ID}*", "8000.00"),
    (ID, "'8000.00"): ("leading_apostrophe", ID, ""),
    (f"'{ID}", "'8000.00"): ("leading_apostrophe", ID, ""),
    (f"'{ID}", "八千"): ("wage_invalid", ID, ""),
    (ID, "八千"): ("wage_invalid", ID, ""),
    (ID, "8千"): ("wage_invalid", ID, ""),
    (ID, "0"): ("wage_invalid", ID, ""),
    (ID, "0.00"): ("wage_invalid", ID, ""),
    (ID, "-8000.00"): ("wage_invalid", ID, ""),
    (ID, "+8000.00"): ("wage_invalid", ID, ""),
    (ID, "8 000.00"): ("wage_invalid", ID, ""),
    (ID, "8\xa0000.00"): ("wage_invalid", ID, ""),
    (ID, "$8000"): ("wage_invalid", ID, ""),
    (ID, "80，00.00"): ("wage_invalid", ID, ""),
    (ID, "8000元"): ("wage_invalid", ID, ""),
    (ID, "8000.005"): ("wage_invalid", ID, ""),
    (ID, "8000.000"): ("wage_invalid", ID, ""),
    (ID, "8000."): ("wage_invalid", ID, ""),
    (ID, ".50"): ("wage_invalid", ID, ""),
    (ID, "08000"): ("wage_invalid", ID, ""),
    (ID, "8E3"): ("wage_invalid", ID, ""),
    (ID, "NaN"): ("wage_invalid", ID, ""),
    (ID, "٨٠٠٠"): ("wage_invalid", ID, ""),
    (ID, "10000000000.01"): ("wage_invalid", ID, ""),
    (ID, "9" * 200): ("wage_invalid", ID, ""),
}


def as_texts(rows: Sequence[Sequence[str]]) -> bytes:
    """A workbook in which every cell is a text, also one that begins with an equals sign."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for number, row in enumerate(rows, start=1):
        for column, text in enumerate(row, start=1):
            cell = sheet.cell(number, column)
            cell.value = text
            cell.data_type = "s"
    return saved(book)


@pytest.mark.parametrize("media", BOTH)
def test_each_bad_text_has_its_code_and_its_neighbours_are_read(media: Media) -> None:
    rows: list[tuple[str, str]] = [HEADER]
    for bad in BAD_TEXTS:
        rows += [bad, (GOOD, "8000.00")]
    found = lines(content_of(rows, media) if media == "csv" else as_texts(rows), media)
    assert len(found) == 2 * len(BAD_TEXTS)
    for place, (bad, (code, number, wage)) in enumerate(BAD_TEXTS.items()):
        assert found[2 * place] == ListLine(2 * place + 2, number, wage, RefusalCode(code)), repr(bad)
        assert found[2 * place + 1] == ListLine(2 * place + 3, GOOD, "8000.00", None)


BAD_CSV_LINES = {
    ID: "shape_invalid",
    f"{ID};8000.00": "shape_invalid",
    f"{ID},8,000.00": "shape_invalid",
    f'{ID},"8000.00': "shape_invalid",
    f'{ID},"80"00.00': "shape_invalid",
    f"{ID},80\x0000.00": "shape_invalid",
    f"{ID[:9]}\t{ID[9:]},8000.00": "shape_invalid",
    f"{ID}\t8000.00": "shape_invalid",
    f'{ID},"8,00.00"': "wage_invalid",
    f'{ID},"8.000,00"': "wage_invalid",
    f"{ID},{'8' * LINE_BYTES_MAX}": "shape_invalid",
}


def test_csv_lines_that_are_no_two_fields() -> None:
    mixed = ["id_number,wage"]
    for line in BAD_CSV_LINES:
        mixed += [line, f"{GOOD},8000.00"]
    found = lines(csv(*mixed), "csv")
    assert [line.code for line in found[::2]] == list(BAD_CSV_LINES.values())
    assert {line[1:] for line in found[1::2]} == {(GOOD, "8000.00", None)}
    assert [line.line for line in found] == list(range(2, len(found) + 2))


@pytest.mark.parametrize("cut", range(1, len(f"{ID},8000.00\n") + 1))
def test_a_last_line_that_was_cut_is_not_taken(cut: int) -> None:
    content = csv("id_number,wage", f"{GOOD},8000.00", f"{ID},8000.00")[:-cut]
    first, *rest = lines(content, "csv")
    assert first == ListLine(2, GOOD, "8000.00", None)
    whole = f"{ID},8000.00\n"
    assert [line.code for line in rest] == ([None] if cut == 1 else ["shape_invalid"])[: len(whole) - cut]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"wage,id_number\n8000.00,{ID}", None),
        (f"wage,id_number\n8000.00,{ID[:17]}", "shape_invalid"),
        (f"wage,id_number\n8000.00,{ID[:15]}", "shape_invalid"),
        (f"id_number,wage\n{ID},8000", "shape_invalid"),
        (f"id_number,wage,name\n{ID},8000.00,张", "shape_invalid"),
        (f"id_number,wage,name\n{ID},8000.00,张\n", None),
    ],
    ids=["id_last", "id_cut", "id_cut_to_15", "no_decimals", "name_last", "name_last_whole"],
)
def test_a_last_line_without_an_end_must_show_that_it_is_whole(text: str, code: str | None) -> None:
    assert codes(text.encode(), "csv") == [code]


def test_a_csv_cut_within_a_character() -> None:
    content = csv("证件号码,姓名,工资", f"{GOOD},张三,8000.00", f"{ID},张三")[:-2]
    assert codes(content, "csv") == [None, "shape_invalid"]


# (ID number, wage) as a sheet keeps them
BAD_CELLS: dict[str, tuple[object, object, str]] = {
    "formula_wage": (ID, "=8000*1", "formula_in_cell"),
    "formula_id": ('="119999"&"X"', 8000, "formula_in_cell"),
    "date": (ID, date(2026, 3, 1), "date_in_cell"),
    "moment": (ID, datetime(2026, 3, 1, 12, 0), "date_in_cell"),  # noqa: DTZ001  a sheet knows no zone
    "date_id": (date(2026, 3, 1), 8000, "date_in_cell"),
    "number_id": (119999198503140000, 8000, "number_in_cell"),
    "float_id": (1.1999919850314e17, 8000, "number_in_cell"),
    "old_number_id": (119999850314001, 8000, "number_in_cell"),
    "number_id_and_bad_wage": (119999198503140000, -1, "number_in_cell"),
    "error": (ID, "#N/A", "shape_invalid"),
    "error_id": ("#REF!", 8000, "shape_invalid"),
    "boolean": (ID, True, "shape_invalid"),
    "empty_wage": (ID, None, "shape_invalid"),
    "empty_id": (None, 8000, "shape_invalid"),
    "line_end": (f"{ID[:6]}\n{ID[6:]}", 8000, "shape_invalid"),
    "long": ("1" * (sheets.TEXT_MAX + 1), 8000, "shape_invalid"),
    "zero": (ID, 0, "wage_invalid"),
    "negative": (ID, -8000, "wage_invalid"),
    "three_decimals": (ID, 8000.005, "wage_invalid"),
    "tiny": (ID, 0.00001, "wage_invalid"),
    "huge": (ID, 1e300, "wage_invalid"),
    "above_the_largest": (ID, 10_000_000_000.01, "wage_invalid"),
    "words": (ID, "八千", "wage_invalid"),
}


def test_each_bad_cell_has_its_code_and_its_neighbours_are_read() -> None:
    rows: list[Sequence[object]] = [HEADER]
    for number, wage, _ in BAD_CELLS.values():
        rows += [(number, wage), (GOOD, 8000)]
    found = lines(xlsx(rows), "xlsx")
    assert [line.code for line in found[::2]] == [code for *_, code in BAD_CELLS.values()]
    assert {line[1:] for line in found[1::2]} == {(GOOD, "8000.00", None)}


def test_a_formula_is_one_also_with_the_value_of_last_time() -> None:
    plain = xlsx([HEADER, (ID, "=A9"), (ID, "=A9"), (GOOD, 8000)])
    # openpyxl writes an empty value in one of these ways, by whether there is another library
    told = zipfile.ZipFile(io.BytesIO(plain)).read(SHEET)
    (empty,) = (one for one in ("<v />", "<v/>", "<v></v>") if f"<f>A9</f>{one}".encode() in told)
    content = altered(plain, SHEET, (f"<f>A9</f>{empty}", "<f>A9</f><v>8000</v>"))
    assert codes(content, "xlsx") == ["formula_in_cell", "formula_in_cell", None]


# cells that no openpyxl writes, and some programs do
STRANGE_CELLS = {
    "<v>8000</v>": None,
    '<f t="shared" si="0"/><v>8000</v>': "formula_in_cell",
    "<f/>": "formula_in_cell",
    "<v>NaN</v>": "shape_invalid",
    "<v>1_000</v>": "shape_invalid",
    "<v>１</v>": "shape_invalid",
    "<v></v>": "shape_invalid",
    "<v>" + "9" * 5000 + "</v>": "shape_invalid",
    "": "shape_invalid",
}
STRANGE_KINDS = {
    't="s"><v>99</v>': "shape_invalid",
    't="s"><v>-1</v>': "shape_invalid",
    't="s"><v>x</v>': "shape_invalid",
    't="b"><v>true</v>': "shape_invalid",
    't="x"><v>8000</v>': "shape_invalid",
    't="d"><v>2026-03-01</v>': "date_in_cell",
    't="str"><v>8000</v>': None,
    't="str"><v>8000_x000D__x000a_</v>': None,
    't="str"><v>80_x0007_00</v>': "shape_invalid",
    't="str"><v>80_xD800_00</v>': "shape_invalid",
    't="inlineStr"><is><r><t>80</t></r><r><t>00</t></r><rPh sb="0" eb="1"><t>x</t></rPh></is>': None,
    's="99"><v>8000</v>': None,
    's="x"><v>8000</v>': None,
}


@pytest.mark.parametrize("inside", [*(f">{text}" for text in STRANGE_CELLS), *STRANGE_KINDS])
def test_a_cell_that_cannot_be_read_costs_its_own_line_only(inside: str) -> None:
    content = altered(xlsx([HEADER, (GOOD, 1), (ID, 77), (GOOD, 2)]), SHEET, ('t="n"><v>77</v>', f"{inside}"))
    code = STRANGE_KINDS.get(inside, STRANGE_CELLS.get(inside[1:]))
    assert lines(content, "xlsx") == [
        ListLine(2, GOOD, "1.00", None),
        ListLine(3, ID, "" if code else "8000.00", RefusalCode(code) if code else None),
        ListLine(4, GOOD, "2.00", None),
    ]


@pytest.mark.parametrize("code", ["yyyy-mm-dd", 'yyyy"年"m"月"', "[$-804]yyyy/m/d", "h:mm", "m/d"])
def test_a_number_shown_as_a_date_is_a_date(code: str) -> None:
    content = xlsx(
        [HEADER, (ID, 46082), (119999198503140000, 1), (GOOD, 1)], formats={"B2": code, "A3": code}
    )
    assert codes(content, "xlsx") == ["date_in_cell", "date_in_cell", None]


@pytest.mark.parametrize("number", [14, 22, 27, 31, 36, 50, 57, 58])
def test_the_formats_for_dates_that_have_only_a_number_are_known(number: int) -> None:
    """A month typed in Chinese becomes 46082 with the format 57."""
    content = xlsx([HEADER, (ID, 46082), (GOOD, 1)], formats={"B2": "0.000"})
    content = altered(content, "xl/styles.xml", ('<xf numFmtId="164"', f'<xf numFmtId="{number}"'))
    assert codes(content, "xlsx") == ["date_in_cell", None]


def test_merged_cells() -> None:
    rows = [("id_number", "name", "wage"), *[(ID, "x", 8000)] * 9]
    content = xlsx(rows, ["A3:A5", "B2:B6", "C7:C8", "A10:C10", "E2:F9"])
    merged = "merged_cell"
    assert codes(content, "xlsx") == [None, merged, merged, merged, None, merged, merged, None, merged]
    # what is not merged is still read
    assert lines(content, "xlsx")[1] == ListLine(3, "", "8000.00", RefusalCode.MERGED_CELL)
    assert lines(content, "xlsx")[5] == ListLine(7, ID, "", RefusalCode.MERGED_CELL)


def test_merged_ranges_may_lie_within_each_other() -> None:
    spans = sheets.Spans(iter([(12, 12), (4, 5), (3, 9), (10, 10), (14, 20), (15, 22)]))
    inside = [number for number in range(30) if number in spans]
    assert inside == [*range(3, 11), 12, *range(14, 23)]


def test_a_merged_column_costs_no_memory() -> None:
    content = altered(xlsx([HEADER, (ID, 1)], ["B9:B10"]), SHEET, ('ref="B9:B10"', 'ref="A2:B1048576"'))
    assert codes(content, "xlsx") == ["merged_cell"]


def test_what_stands_beside_the_list_is_no_part_of_it() -> None:
    rows = [("id_number", None, "wage"), (ID, None, 1), (ID, "x", 1), (ID, None, 1, "x"), (GOOD, None, 1)]
    assert codes(xlsx(rows), "xlsx") == [None, "shape_invalid", "shape_invalid", None]
    text = ("id_number,,wage,", f"{ID},,1,", f"{ID},x,1,", f"{ID},,1,x", f"{GOOD}, ,1,")
    assert codes(csv(*text), "csv") == [None, "shape_invalid", "shape_invalid", None]


def sheets_of(*told: tuple[str, Sequence[Sequence[object]]]) -> bytes:
    """A workbook of sheets, each visible or hidden, with these rows."""
    book = Workbook()
    for place, (state, rows) in enumerate(told):
        sheet = book.create_sheet(f"s{place}")
        sheet.sheet_state = state
        for one in rows:
            sheet.append(one)
    book.remove(book.worksheets[0])
    book.active = next(place for place, (state, _rows) in enumerate(told) if state == "visible")
    return saved(book)


def test_the_one_sheet_with_a_list_is_read_wherever_it_stands() -> None:
    there = ("visible", [HEADER, (ID, 2)])
    for others in (
        [("hidden", [HEADER, (ID, 1)])],
        [("visible", [])],
        [("visible", [("填表说明",), ("证件号码填18位",)])],
        # the form that was not filled in
        [("visible", [HEADER])],
    ):
        assert lines(sheets_of(*others, there), "xlsx") == [ListLine(2, ID, "2.00", None)]
        assert lines(sheets_of(there, *others), "xlsx") == [ListLine(2, ID, "2.00", None)]


def test_two_sheets_with_a_list_are_one_too_many() -> None:
    content = sheets_of(("visible", [HEADER, (ID, 1)]), ("visible", []), ("visible", [HEADER, (GOOD, 2)]))
    assert refused(content, "xlsx") == (
        "file_invalid",
        "sheets 1 and 3 all hold a list: leave one of them in the workbook",
    )


DEFAULTS = 'defaultRowHeight="15"'


@pytest.mark.parametrize(
    ("change", "rows", "columns"),
    [
        (('<row r="2"', '<row r="2" ht="0" customHeight="1"'), "2", ""),
        (('<row r="3"', '<row r="3" hidden="true"'), "3", ""),
        (("<sheetData>", '<cols><col min="2" max="9" width="0"/></cols><sheetData>'), "", "B"),
        (("<sheetData>", '<cols><col min="1" max="1" hidden="1"/></cols><sheetData>'), "", "A"),
        (("<sheetData>", '<cols><col min="3" max="16384" hidden="1"/></cols><sheetData>'), "", ""),
        (('<row r="2"', '<row r="2" ht="0.1" customHeight="1"'), "2", ""),
        (('<row r="2"', '<row r="2" ht="0.99"'), "2", ""),
        (('<row r="2"', '<row r="2" ht="1e-3"'), "2", ""),
        (('<row r="2"', '<row r="2" ht="1"'), "", ""),
        (('<row r="2"', '<row r="2" ht="12.75"'), "", ""),
        (
            ("<sheetData>", '<cols><col min="2" max="2" width="0.1" customWidth="1"/></cols><sheetData>'),
            "",
            "B",
        ),
        (("<sheetData>", '<cols><col min="1" max="2" width="0.19"/></cols><sheetData>'), "", "A, B"),
        (("<sheetData>", '<cols><col min="1" max="2" width="0.2"/></cols><sheetData>'), "", ""),
        ((DEFAULTS, f'{DEFAULTS} zeroHeight="1"'), "1-3", ""),
        ((DEFAULTS, f'{DEFAULTS} zeroHeight="true"'), "1-3", ""),
        ((DEFAULTS, f'{DEFAULTS} zeroHeight="0"'), "", ""),
        ((DEFAULTS, 'defaultRowHeight="0" customHeight="1"'), "1-3", ""),
        ((DEFAULTS, 'defaultRowHeight="0.5" customHeight="true"'), "1-3", ""),
        ((DEFAULTS, 'defaultRowHeight="0"'), "", ""),
        ((DEFAULTS, f'{DEFAULTS} defaultColWidth="0"'), "", "A, B"),
        ((DEFAULTS, f'{DEFAULTS} defaultColWidth="0.1"'), "", "A, B"),
        ((DEFAULTS, f'{DEFAULTS} defaultColWidth="9.14"'), "", ""),
    ],
)
def test_what_nobody_sees_is_named_however_it_was_hidden(
    change: tuple[str, str], rows: str, columns: str
) -> None:
    content = altered(xlsx([HEADER, (ID, 1), (GOOD, 2)]), SHEET, change)
    if rows or columns:
        with pytest.raises(Refused) as caught:
            read_list(io.BytesIO(content), "xlsx")
        assert caught.value.code is RefusalCode.HIDDEN_ROWS
        assert (caught.value.facts["rows"], caught.value.facts["columns"]) == (rows, columns)
    assert len(list(read_list(io.BytesIO(content), "xlsx", include_hidden=True))) == 2


def test_what_says_its_size_is_seen_though_others_are_not() -> None:
    """As a form has it in which all rows and columns but its own are hidden."""
    content = altered(
        xlsx([HEADER, (ID, 1), (GOOD, 2), (id_number(3), 3)]),
        SHEET,
        (DEFAULTS, f'{DEFAULTS} zeroHeight="1" defaultColWidth="0"'),
        ('<row r="2"', '<row r="2" ht="15"'),
        ('<row r="3"', '<row r="3" hidden="0"'),
        ("<sheetData>", '<cols><col min="1" max="1" width="20"/><col min="2" max="3"/></cols><sheetData>'),
    )
    with pytest.raises(Refused) as caught:
        read_list(io.BytesIO(content), "xlsx")
    assert (caught.value.facts["rows"], caught.value.facts["columns"]) == ("1, 4", "B")


@pytest.mark.parametrize(
    ("formats", "cells"),
    [
        ({"B2": ";;;"}, "B2"),
        ({"B2": ";;;", "B3": ";;;", "A3": ";;;"}, "A3, B2-B3"),
        ({"B3": ";;"}, "B3"),
        ({"B3": ";"}, "B3"),
        ({"B3": '"";"";"";""'}, "B3"),
        ({"B3": "[White];[Red];;"}, "B3"),
        ({"B3": "_ ;_-"}, "B3"),
        ({"B3": '"paid"'}, "B3"),
        ({"A3": "0;0;0;"}, "A3"),
        ({"A3": '0;0;0;""'}, "A3"),
        ({"A3": ";;;@"}, ""),
        ({"A3": "@", "B3": "#,##0.00;-#,##0.00;;@"}, ""),
        ({"A3": "0", "B3": "0.00;;"}, ""),
        ({"B3": '_ * #,##0.00_ ;_ * -#,##0.00_ ;_ * "-"??_ ;_ @_ '}, ""),
        ({"B3": "General", "A3": "General"}, ""),
        ({"B1": ";;;", "A1": ";;;"}, ""),
    ],
)
def test_a_cell_that_shows_nothing_of_what_is_in_it_is_named(formats: dict[str, str], cells: str) -> None:
    content = xlsx([HEADER, (ID, 1), (GOOD, 2)], formats=formats)
    if cells:
        with pytest.raises(Refused) as caught:
            read_list(io.BytesIO(content), "xlsx")
        assert caught.value.code is RefusalCode.HIDDEN_ROWS
        assert caught.value.facts["cells"] == cells
        assert cells in str(caught.value.facts["problem"])
    found = list(read_list(io.BytesIO(content), "xlsx", include_hidden=True))
    assert [(line.id_number, line.wage, line.code) for line in found] == [
        (ID, "1.00", None), (GOOD, "2.00", None),
    ]  # fmt: skip


def test_rows_outside_the_dimension_that_a_sheet_claims_are_read() -> None:
    content = altered(xlsx([HEADER, (ID, 1), (GOOD, 2)]), SHEET, ('ref="A1:B3"', 'ref="A1:A1"'))
    assert codes(content, "xlsx") == [None, None]


def test_rows_and_cells_need_not_say_their_place() -> None:
    content = xlsx([HEADER, (ID, 1), (GOOD, 2)])
    places = [(f' r="{column}{row}"', "") for row in (1, 2, 3) for column in "AB"]
    content = altered(content, SHEET, *places, *[(f'<row r="{row}">', "<row>") for row in (1, 2, 3)])
    assert lines(content, "xlsx") == [ListLine(2, ID, "1.00", None), ListLine(3, GOOD, "2.00", None)]


# -- lists that cannot be read as a whole ----------------------------------------------------------------

HEADERS: dict[tuple[str, ...], str] = {
    ("id_number",): "file_invalid: column wage is missing",
    ("wage", "name"): "file_invalid: column id_number is missing",
    ("id_number", "wage", "colour"): "file_invalid: column 3 (colour) of line 1 is not known",
    ("2026年3月工资表",): "file_invalid: none of the first 2 lines is a heading",
    (ID, "张三"): "file_invalid: none of the first 2 lines is a heading",
    ("id_number", "wage", "wage"): "file_invalid: column wage stands there twice",
    ("id_number", "工资", "wage"): "file_invalid: column wage stands there twice",
    ("身份证号", "wage", "证件号码"): "file_invalid: column id_number stands there twice",
    ("id_number", "wage", "bank_card"): "cash_forbidden",
    ("id_number", "wage", "IBAN"): "cash_forbidden",
    ("证件号码", "工资", "银行卡号"): "cash_forbidden",
}


@pytest.mark.parametrize("media", BOTH)
@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
def test_the_header_is_checked_on_the_call(media: Media, header: tuple[str, ...]) -> None:
    code, problem = refused(content_of([header, (ID, "8000.00")], media), media)
    assert f"{code}: {problem}".startswith(HEADERS[header])
    assert ID[:6] not in problem, "what stands in place of a header may be a person"


NO_CSV = {
    "empty": (b"", "empty"),
    "blank": (b"\n \n,,\n", "no header"),
    "utf_16_le": (csv("id_number,wage", encoding="utf-16-le"), "control characters"),
    "big5": (csv("id_number,wage,name", f"{ID},1,陳小明", encoding="big5"), "neither UTF-8 nor GB18030"),
    "quotes": (b'"id_number,wage\n', "quotes"),
    "too_long": (b"id_number," + b" " * LINE_BYTES_MAX + b"wage\n", "too long"),
    "xlsx": (xlsx([HEADER]), "XLSX"),
}


@pytest.mark.parametrize("case", NO_CSV)
def test_what_is_no_csv_is_refused_on_the_call(case: str) -> None:
    content, problem = NO_CSV[case]
    code, said = refused(content, "csv")
    assert (code, problem in said) == ("file_invalid", True), said


ONE = xlsx([HEADER, (ID, 77), (GOOD, 78)])


def locked(content: bytes) -> bytes:
    """As a ZIP program says of a part that it is encrypted."""
    out = bytearray(content)
    place = out.index(b"PK\x01\x02")
    while place >= 0:
        out[place + 8] |= 1
        place = out.find(b"PK\x01\x02", place + 1)
    return bytes(out)


def entries(count: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for number in range(count):
            file.writestr(str(number), b"")
    return out.getvalue()


NO_XLSX = {
    "empty": (b"", "empty"),
    "csv": (b"id_number,wage\n", "not an XLSX"),
    "half": (ONE[: len(ONE) // 2], "not an XLSX"),
    "old_xls_or_password": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "password"),
    "locked_zip": (locked(ONE), "password"),
    "no_workbook": (entries(2), "not an XLSX"),
    "many_parts": (entries(workbook.PARTS_MAX + 1), "too large"),
    "blank": (xlsx([(), ("", " ")]), "sheet is empty"),
    "number_heading": (xlsx([("id_number", 8000)]), "column 2 is no text"),
    "formula_heading": (xlsx([("id_number", "=A1")]), "column 2 is no text"),
    "merged_heading": (xlsx([HEADER, (ID, 1)], ["A1:A2"]), "heading is merged"),
    "merged_wage_heading": (xlsx([("id_number", "wage"), (ID, 1)], ["B1:C1"]), "heading is merged"),
    "hidden": (altered(ONE, "xl/workbook.xml", ('state="visible"', 'state="hidden"')), "can be seen"),
    "cut_xml": (altered(ONE, SHEET, ("</worksheet>", "")), "damaged"),
    "rows_of_one_number": (altered(ONE, SHEET, ('<row r="3"', '<row r="2"')), "damaged"),
    "row_without_end": (altered(ONE, SHEET, ('<row r="3"', '<row r="99999999999"')), "damaged"),
    "row_no_number": (altered(ONE, SHEET, ('<row r="3"', '<row r="x"')), "damaged"),
    "cells_of_one_place": (altered(ONE, SHEET, ('r="B3"', 'r="A3"')), "damaged"),
    "cell_no_place": (altered(ONE, SHEET, ('r="B3"', 'r="3B"')), "damaged"),
    "far_column": (xlsx([HEADER, (ID, 1, *[None] * 62, "x")]), "64 columns"),
    "deep": (altered(ONE, SHEET, ("</worksheet>", "<a>" * 200 + "</a>" * 200 + "</worksheet>")), "damaged"),
    "long_tag": (altered(ONE, SHEET, ("</worksheet>", f"<!--{' ' * 2_000_000}--></worksheet>")), "damaged"),
    "many_names": (
        altered(ONE, SHEET, ("</worksheet>", "".join(f"<a{n}/>" for n in range(20_000)) + "</worksheet>")),
        "damaged",
    ),
}


@pytest.mark.parametrize("case", NO_XLSX)
def test_what_is_no_xlsx_is_refused_on_the_call(case: str) -> None:
    content, problem = NO_XLSX[case]
    code, said = refused(content, "xlsx")
    assert (code, problem in said) == ("file_invalid", True), said


@pytest.mark.parametrize(
    "part", ["_rels/.rels", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml", SHEET,
             "xl/sharedStrings.xml"],
)  # fmt: skip
def test_a_part_with_a_document_type_is_refused(part: str) -> None:
    shared = ONE if part != "xl/sharedStrings.xml" else plain([HEADING], ["<si><t>x</t></si>"])
    with zipfile.ZipFile(io.BytesIO(shared)) as file:
        root = file.read(part).decode().removeprefix("<?xml version='1.0' encoding='UTF-8'?>")[:10]
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    assert "document type" in refused(altered(shared, part, (root, bomb + root)), "xlsx")[1]


def plain(rows: Iterable[str], strings: Iterable[str] = (), after: str = "") -> bytes:
    """A workbook made by hand, for sizes that openpyxl takes its time to write."""
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    relations = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    parts = {
        "_rels/.rels": f'{relations}<Relationship Id="a" Type="{kind}/officeDocument" '
        'Target="/xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{space}" xmlns:r="{kind}"><sheets>'
        '<sheet name="x" sheetId="1" r:id="a"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'{relations}<Relationship Id="a" Type="{kind}/worksheet" '
        f'Target="worksheets/sheet1.xml"/><Relationship Id="b" Type="{kind}/sharedStrings" '
        'Target="sharedStrings.xml"/></Relationships>',
        "xl/sharedStrings.xml": f'<sst xmlns="{space}">{"".join(strings)}</sst>',
        SHEET: f'<worksheet xmlns="{space}"><sheetData>{"".join(rows)}</sheetData>{after}</worksheet>',
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name, text in parts.items():
            file.writestr(name, text)
    return out.getvalue()


HEADING = '<row><c t="str"><v>id_number</v></c><c t="str"><v>wage</v></c></row>'


def row(number: int, text: str = "1") -> str:
    return f'<row r="{number}"><c t="str"><v>{text}</v></c><c><v>1</v></c></row>'


def test_a_workbook_by_hand_is_one() -> None:
    assert lines(plain([HEADING, row(2, ID)]), "xlsx") == [ListLine(2, ID, "1.00", None)]


@pytest.mark.slow
@pytest.mark.parametrize("part", ["sheet", "strings"])
def test_a_zip_bomb_is_not_unpacked(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    blanks = " " * (workbook.STRINGS_BYTES_MAX if part == "strings" else workbook.SHEET_BYTES_MAX)
    content = plain([HEADING], [blanks]) if part == "strings" else plain([HEADING], after=blanks)
    assert len(content) < 2_000_000
    unpacked = 0
    read = zipfile.ZipExtFile.read

    def counting(member: zipfile.ZipExtFile, n: int | None = -1) -> bytes:
        nonlocal unpacked
        told = read(member, n)
        unpacked += len(told)
        return told

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counting)
    assert "too large" in refused(content, "xlsx")[1]
    assert 0 < unpacked < 100_000


def test_a_zip_that_lies_about_a_size_gives_no_more_than_it_said() -> None:
    content = bytearray(plain([HEADING], after=" " * 10_000_000))
    place = content.rindex(SHEET.encode()) - 46
    content[place + 24 : place + 28] = (1000).to_bytes(4, "little")
    assert "damaged" in refused(bytes(content), "xlsx")[1]


def test_the_caps_on_rows_texts_and_merged_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "ROWS_MAX", 10)
    blank = '<row r="{}"><c s="1"/><c t="str"><v> </v></c></row>'
    blanks = [blank.format(number) for number in range(12, 1000)]
    rows = [HEADING, *(row(number) for number in range(2, 12))]
    assert len(lines(plain([*rows, *blanks]), "xlsx")) == 10
    assert "more than 10 lines" in refused(plain([*rows, row(12)]), "xlsx")[1]
    monkeypatch.setattr(sheets, "STRINGS_MAX", 10)
    assert "too large" in refused(plain(rows, ["<si><t>x</t></si>"] * 11), "xlsx")[1]
    monkeypatch.setattr(sheets, "MERGES_MAX", 10)
    assert "too large" in refused(plain(rows, after='<mergeCell ref="A1:B2"/>' * 11), "xlsx")[1]


@pytest.mark.random
def test_a_damaged_workbook_is_refused_and_nothing_else() -> None:
    chance = random.Random(seeded(3))
    for _ in range(1500):
        content = bytearray(ONE)
        for _ in range(chance.choice([1, 2, 10])):
            content[chance.randrange(len(content))] = chance.randrange(256)
        try:
            lines(bytes(content), "xlsx")
        except Refused as refusal:
            assert refusal.code in {RefusalCode.FILE_INVALID, RefusalCode.CASH_FORBIDDEN}  # noqa: PT017  a good one passes too


MEASURE = """
import sys
from pathlib import Path
from ledger.imports.lists import read_list
with open(sys.argv[1], "rb") as file:
    lines = read_list(file, "xlsx")
    count = sum(line.code is None for line in lines)
# not ru_maxrss, which a new program inherits from the one that started it
status = Path("/proc/self/status").read_text()
print(count, status.partition("VmHWM:")[2].split()[0])
"""


@pytest.mark.slow
def test_a_hundred_thousand_rows_stay_in_bounds(tmp_path: Path) -> None:
    count = 100_000
    path = tmp_path / "list.xlsx"
    path.write_bytes(
        plain(
            ['<row r="1"><c t="str"><v>id_number</v></c><c t="str"><v>wage</v></c></row>']
            + [
                f'<row r="{n + 2}" spans="1:2"><c r="A{n + 2}" s="1" t="s"><v>{n}</v></c>'
                f'<c r="B{n + 2}" s="1"><v>8000.5</v></c></row>'
                for n in range(count)
            ],
            [f"<si><t>119999{n:012d}</t></si>" for n in range(count)],
            '<mergeCells><mergeCell ref="A2:B3"/></mergeCells>',
        )
    )
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, path], cwd=ROOT, capture_output=True, text=True, check=True
    )
    good, peak_kib = map(int, run.stdout.split())
    assert good == count - 2
    assert peak_kib < 150 * 1024


def test_nothing_of_a_list_is_said_in_warnings_or_logs(caplog: pytest.LogCaptureFixture, capfd: Any) -> None:
    content = xlsx([HEADER, (119999198503140000, 1)], formats={"A2": "yyyy-mm-dd"})
    lines(content, "xlsx")
    assert (caplog.records, capfd.readouterr()) == ([], ("", ""))
