"""How printed documents look: figures in one line, one page for what is short, nothing alone on the last."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

import pypdfium2
import pytest

from ledger.printing.pages import Laid, laid_out
from ledger.printing.paper import SIDE
from ledger.printing.rendering import rendered
from ledger.printing.sheet import Cell, CellHolds, Form, PrintedColumn, PrintedSheet, Table
from ledger.printing.words import NOTHING, SCAN, SEAL, told_total
from tests.printing import drafted
from tests.printing.sheets import CODE, SIGNED, entries, sheet

pytestmark = pytest.mark.sqlite

_Box = tuple[float, float, float, float]


def pages_of(one: PrintedSheet) -> list[pypdfium2.PdfPage]:
    return list(pypdfium2.PdfDocument(rendered(one, Form.PDF, SIGNED).content))


def boxes(page: pypdfium2.PdfPage, text: str) -> list[list[_Box]]:
    """Wherever a text stands on a page: its characters as left, top, right, bottom, from top left."""
    height = page.get_height()
    held = page.get_textpage()
    found = []
    searched = held.search(text, match_case=True)
    while (place := searched.get_next()) is not None:
        first, count = place
        around = [held.get_charbox(first + number, loose=True) for number in range(count)]
        found.append([(left, height - top, right, height - low) for left, low, right, top in around])
    return found


def figures(*, count: int, totals: Sequence[int], places: int = 1) -> Table:
    """A table whose totals have as many digits as the widest figure of their columns."""
    titles = tuple(PrintedColumn(f"c{place}", f"列{place}", CellHolds.MONEY) for place in range(len(totals)))
    text = tuple(PrintedColumn(f"t{place}", "名称", CellHolds.TEXT) for place in range(places))
    lines: list[tuple[Cell, ...]] = [
        (*("某某单位" * 12,) * places, *(total - number for total in totals)) for number in range(count)
    ]
    return Table("t", "表", (*text, *titles), tuple(lines), ("合计", *(None,) * (places - 1), *totals))


WIDE = (1_124_407, 440_921, 683_486, 99_999_999, 8_888_888, -1_234_567, 10_001, 5_555_555_555)


@pytest.mark.parametrize("many", range(1, 12))
def test_a_total_as_wide_as_its_column_stands_in_the_line_of_its_row(many: int) -> None:
    """Bold is wider than what is not: a column is as wide as the weight in which its widest cell is drawn."""
    totals = (WIDE * 2)[:many]
    one = sheet((figures(count=3, totals=totals),))
    [page] = pages_of(one)
    [[(_left, top, _right, bottom), *_rest]] = boxes(page, "合计")
    for total in set(totals):
        for found in boxes(page, told_total(total, CellHolds.MONEY)):
            high = {round(char[3]) for char in found}
            assert max(high) - min(high) <= 1, total
        assert any(
            abs(found[0][3] - bottom) < 2 or abs(found[0][1] - top) < 2
            for found in boxes(page, told_total(total, CellHolds.MONEY))
        ), total


DRAFTED = {
    "year": drafted.year(),
    "a full year": drafted.year(5, 6),
    "an empty year": drafted.year(0, 0, paid=0),
    "bill": drafted.bill(1),
    "bill of nine": drafted.bill(9),
    "two entries": drafted.moves(2),
    "no entries": drafted.moves(0),
    "25 months": drafted.paid(25),
    **{f"{count} months": drafted.paid(count) for count in (1, 30, 33, 36, 40, 47, 90)},
    **{f"{count} entries": drafted.moves(count) for count in (9, 15, 16, 17, 18, 20, 45, 200)},
    "wide figures": replace(drafted.paid(2), tables=(figures(count=30, totals=WIDE[:5], places=2),)),
}


@pytest.mark.parametrize("one", DRAFTED.values(), ids=DRAFTED)
def test_every_text_of_a_row_stands_between_the_rules_of_the_row(one: PrintedSheet) -> None:
    """As drawn: what wraps in the drawing would stand below, or run through, the border of its row."""
    laid = laid_out(one)
    for page, drawn in zip(laid.pages, pages_of(one), strict=True):
        across = sorted({y for x, y, to, end in page.rules if y == end and x == SIDE and to > x})
        for y, number, size, _bold, cells in page.runs:
            low = min(rule for rule in across if rule > y)
            columns = laid.tables[number]
            for text, (x, wide, _align) in zip(cells, columns, strict=True):
                if not re.fullmatch(r"-?[0-9.\-]+|合计", text):
                    continue
                here = [
                    found
                    for found in boxes(drawn, text)
                    if x - 1 <= found[0][0] <= x + wide and y - 1 <= found[0][1] <= y + 2 * size
                ]
                assert here, text
                assert all(char[3] <= low + 1 for char in here[0]), text
                assert here[0][-1][2] <= x + wide, text


@pytest.mark.parametrize(
    "name", ["year", "a full year", "an empty year", "bill", "two entries", "no entries", "25 months"]
)
def test_what_is_short_is_one_page(name: str) -> None:
    assert len(laid_out(DRAFTED[name]).pages) == 1


def runs_of_last(laid: Laid) -> list[tuple[int, bool]]:
    """The rows of the last page that are no headings: of which table, and whether it is the totals."""
    # headings are the bold runs before the first that is not
    found, begun = [], False
    for _y, number, _size, bold, _cells in sorted(laid.pages[-1].runs):
        begun = begun or not bold
        if begun:
            found.append((number, bold))
    return found


@pytest.mark.parametrize("one", DRAFTED.values(), ids=DRAFTED)
def test_the_last_page_has_lines_of_the_table_with_the_totals_and_the_seal(one: PrintedSheet) -> None:
    laid = laid_out(one)
    said = [text for page in laid.pages for *_place, text in page.texts]
    assert said.count(SEAL) == 1
    assert [page.seal is not None for page in laid.pages] == [False] * (len(laid.pages) - 1) + [True]
    if len(laid.pages) > 1:
        lines = [bold for _number, bold in runs_of_last(laid) if not bold]
        assert len(lines) >= 3
        last = [text for *_place, text in laid.pages[-1].texts]
        assert any("大写" in text for text in last)
        assert any(text.startswith("说明") for text in last)


@pytest.mark.parametrize("drawn", [drafted.paid, drafted.moves, drafted.bill])
def test_no_length_of_a_list_leaves_its_end_alone(drawn: Callable[[int], PrintedSheet]) -> None:
    for count in range(3, 110):
        laid = laid_out(drawn(count))
        if len(laid.pages) > 1:
            assert len([bold for _number, bold in runs_of_last(laid) if not bold]) >= 3, count
        last = laid.pages[-1]
        assert last.seal is not None
        # above the rule of the foot
        assert last.seal[1] + last.seal[3] <= laid.height - 50, count


def test_a_year_is_one_page_whatever_kinds_of_entries_it_has() -> None:
    for credits_, debits, paid in product((0, 3, 5), (0, 3, 6), (0, 1, 12, 13)):
        assert len(laid_out(drafted.year(credits_, debits, paid=paid)).pages) == 1


@pytest.mark.parametrize("count", [*range(10, 60), 333, 334, 335])
def test_totals_never_stand_alone_below_headings(count: int) -> None:
    laid = laid_out(sheet((entries(count), entries(4))))
    for page in laid.pages:
        runs = sorted(page.runs)
        for place, (_y, number, _size, bold, cells) in enumerate(runs):
            if "合计" in cells:
                before = [run for run in runs[:place] if run[1] == number and not run[3]]
                assert bold
                assert before, count


def test_the_seal_stands_beside_the_notes_and_touches_nothing() -> None:
    for one in DRAFTED.values():
        page = laid_out(one).pages[-1]
        assert page.seal is not None
        x, y, wide, high = page.seal
        for left, top, width, align, size, _bold, _grey, text in page.texts:
            if align == "l" and top < y + high and top + size > y:
                assert left + width <= x, text
        assert x + wide <= laid_out(one).width - SIDE + 0.1


@pytest.mark.parametrize("one", [drafted.moves(0), drafted.year(0, 0, paid=0)], ids=["list", "year"])
def test_an_empty_table_says_so_across_the_whole_row(one: PrintedSheet) -> None:
    laid = laid_out(one)
    [page] = laid.pages
    empty = [text for text in page.texts if text[-1] == NOTHING]
    assert len(empty) == len([table for table in one.tables if not table.lines])
    for x, y, wide, align, size, *_rest in empty:
        assert align == "c"
        for left, top, right, bottom in page.rules:
            crosses = left == right and x < left - 1 and left + 1 < x + wide
            assert not (crosses and top < y + size and bottom > y)


@pytest.mark.parametrize("address", ["", f"/v1/checks/{CODE}"])
def test_without_an_address_nothing_of_the_form_says_to_scan(address: str) -> None:
    """An installation that has no public address knows the path alone."""
    one = sheet((entries(2),), check_address=address, notes=("请向经办机构查询。",))
    [page] = laid_out(one).pages
    said = "".join(text for *_place, text in page.texts)
    assert page.qr is None
    assert "扫" not in said
    assert "网址" not in said
    for form in (Form.HTML, Form.XLSX, Form.CSV):
        content = rendered(one, form, SIGNED).content.decode(errors="ignore")
        assert "扫" not in content
        assert "网址" not in content
        assert "/v1/checks" not in content
    assert "<svg" not in rendered(one, Form.HTML, SIGNED).content.decode()
    assert SCAN in "".join(text for *_place, text in laid_out(sheet((entries(2),))).pages[0].texts)


def test_no_figure_is_broken_however_many_columns_there_are() -> None:
    one = sheet((figures(count=2, totals=(10**14,) * 18),))
    laid = laid_out(one)
    cells = [cell for page in laid.pages for run in page.runs for cell in run[4]]
    assert cells.count("1000000000000.00") == 36
