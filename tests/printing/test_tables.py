"""Lists as CSV, as a workbook and as a page of HTML: what other programs find in them."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import subprocess
import zipfile
from dataclasses import replace
from datetime import date, datetime
from html.parser import HTMLParser
from pathlib import Path

import openpyxl
import pypdfium2
import pytest
import zxingcpp

from ledger.money import format_yuan
from ledger.printing.html_view import policy_of
from ledger.printing.rendering import rendered
from ledger.printing.sheet import CellHolds, Form, PrintedColumn, PrintedSheet, Sum, Table
from ledger.printing.words import told
from tests.printing import drafted
from tests.printing.programs import program
from tests.printing.sheets import CODE, RARE, SIGNED, entries, payments, sheet

pytestmark = pytest.mark.sqlite

FORMULAS = (
    '=HYPERLINK("http://x")',
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "＝1+1",
    "\t=1",
    " =1+1",
    "=cmd|' /C calc'!A0",
)
CODES = ("119999198503140015", "007", "1-2", "3/4", "1E5", "12:30", "-5", "H990001")


def hostile() -> PrintedSheet:
    """Texts that a spreadsheet would run or rewrite, next to a sum and a day."""
    columns = (
        PrintedColumn("text", "文本", CellHolds.TEXT),
        PrintedColumn("money", "金额", CellHolds.MONEY),
        PrintedColumn("day", "日期", CellHolds.DAY),
        PrintedColumn("month", "月份", CellHolds.MONTH),
        PrintedColumn("count", "月数", CellHolds.COUNT),
    )
    lines = tuple(
        (text, place * 1001 - 5, date(2026, 2, 28), 202512, place)
        for place, text in enumerate((*FORMULAS, *CODES, RARE, '逗号,引号"换行', "<b>&amp;</b>"))
    )
    return sheet(
        (Table("t", "表/[1]", columns, lines, (None, sum(line[1] for line in lines), None, None, None)),),
        name=RARE,
        sums=(Sum("closing", "期末余额", 1_234_567, certified=True),),
    )


def made(one: PrintedSheet, form: Form) -> bytes:
    return rendered(one, form, SIGNED).content


def converted(content: bytes, name: str, folder: Path, *options: str) -> list[list[str]]:
    """What LibreOffice shows of a file, cell by cell."""
    office = program("soffice", "libreoffice-calc")
    file = folder / name
    file.write_bytes(content)
    home = f"-env:UserInstallation=file://{folder / 'profile'}"
    subprocess.run(
        [office, home, "--headless", *options,
         "--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true",
         "--outdir", folder / "out", file],
        check=True, capture_output=True, timeout=180,
    )  # fmt: skip
    [found] = (folder / "out").glob("*.csv")
    return list(csv.reader(io.StringIO(found.read_text(encoding="utf-8"))))


@pytest.mark.slow
def test_a_spreadsheet_program_shows_the_csv_as_the_sheet_says(tmp_path: Path) -> None:
    one = hostile()
    rows = converted(made(one, Form.CSV), "list.csv", tmp_path, "--infilter=CSV:44,34,76,1,,2052,false,true")
    [begin] = [place for place, row in enumerate(rows) if row[:2] == ["文本", "金额"]]
    assert ["姓名", RARE] in [row[:2] for row in rows]
    for row, line in zip(rows[begin + 1 :], one.tables[0].lines, strict=False):
        text = row[0].strip("\t ").removeprefix("'").strip("\t ")
        assert text == str(line[0]).strip("\t ")
        assert float(row[1]) == int(line[1]) / 100
    assert rows[begin + 1 + len(one.tables[0].lines)][:2] == [
        "合计",
        format_yuan(one.tables[0].totals[1]),  # type: ignore[index, arg-type]  # made above, as fen
    ]


@pytest.mark.slow
def test_a_spreadsheet_program_shows_the_workbook_as_the_sheet_says(tmp_path: Path) -> None:
    one = hostile()
    rows = converted(made(one, Form.XLSX), "list.xlsx", tmp_path)
    table = one.tables[0]
    assert rows[0] == [column.title for column in table.columns]
    for row, line in zip(rows[1:], table.lines, strict=False):
        assert row == [told(cell, column.holds) for cell, column in zip(line, table.columns, strict=True)]
    assert rows[len(table.lines) + 1][:2] == ["合计", told(table.totals[1], CellHolds.MONEY)]  # type: ignore[index]  # made above


def test_csv_begins_with_its_mark_and_runs_nothing() -> None:
    content = made(hostile(), Form.CSV)
    assert content.startswith(b"\xef\xbb\xbf")
    assert b"\r\n" in content
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    for row in rows:
        for cell in row:
            assert re.match(r"-[0-9]+\.[0-9]{2}|[^=+\-@\t＝]|$", cell.lstrip(" ")), cell
    cells = [cell for row in rows for cell in row]
    # a code stays a text: nothing takes it for a number or a day
    assert "119999198503140015\t" in cells
    assert "007\t" in cells
    assert "人民币壹万贰仟叁佰肆拾伍元陆角柒分" in cells


def test_the_workbook_has_numbers_and_days_and_no_formula() -> None:
    one = hostile()
    book = openpyxl.load_workbook(io.BytesIO(made(one, Form.XLSX)))
    page = book.worksheets[0]
    assert page.freeze_panes == "A2"
    lines = one.tables[0].lines
    for row, line in zip(page.iter_rows(min_row=2, max_row=len(lines) + 1), lines, strict=True):
        assert [cell.data_type for cell in row] == ["s", "n", "d", "d", "n"]
        assert row[0].value == line[0]
        assert round(row[1].value * 100) == line[1]
        assert row[1].number_format == "0.00"
        assert row[2].value == datetime(2026, 2, 28)  # noqa: DTZ001  as the library reads a day
        assert row[3].number_format == "yyyy-mm"
    about = {row[0].value: row[1].value for row in book["单据信息"].iter_rows(max_col=2)}
    assert about["姓名"] == RARE
    assert about["核验码"] == CODE
    assert about["期末余额"] == 12345.67


def test_sums_beyond_what_a_spreadsheet_counts_keep_their_fen() -> None:
    one = sheet(
        (Table("t", "表", (PrintedColumn("m", "额", CellHolds.MONEY),), ((10**16 + 1,), (10**14 - 1,))),)
    )
    page = openpyxl.load_workbook(io.BytesIO(made(one, Form.XLSX))).worksheets[0]
    assert page["A2"].value == "100000000000000.01"
    assert f"{page['A3'].value:.2f}" == "999999999999.99"


def test_worksheets_of_one_name_are_told_apart() -> None:
    one = sheet((entries(1), replace(entries(2), title="收支明细"), replace(entries(1), title="单据信息")))
    names = openpyxl.load_workbook(io.BytesIO(made(one, Form.XLSX))).sheetnames
    assert names == ["收支明细", "收支明细 2", "单据信息 2", "单据信息"]


def test_the_workbook_is_packed_without_compression_or_time() -> None:
    with zipfile.ZipFile(io.BytesIO(made(hostile(), Form.XLSX))) as packed:
        for part in packed.infolist():
            assert part.compress_type == zipfile.ZIP_STORED
            assert part.date_time == (1980, 1, 1, 0, 0, 0)


@pytest.mark.parametrize("form", [Form.CSV, Form.XLSX, Form.HTML])
def test_the_same_sheet_gives_the_same_bytes(form: Form) -> None:
    assert made(hostile(), form) == made(hostile(), form)


class Reader(HTMLParser):
    """Elements and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.rows: list[list[str]] = []
        self.style = ""
        self.unbroken = 0
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag == "span":
            # what stays in one line goes on in its cell
            self.unbroken += 1
            return
        self._in = tag
        if tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self._in == "style":
            self.style += data
        elif self._in in {"td", "th"}:
            self.rows[-1][-1] += data

    def handle_endtag(self, tag: str) -> None:
        self._in = self._in if tag == "span" else ""


def test_the_page_has_every_cell_and_nothing_from_outside() -> None:
    one = hostile()
    text = made(one, Form.HTML).decode()
    page = Reader(text)
    table = one.tables[0]
    wanted = [
        [told(cell, column.holds) for cell, column in zip(line, table.columns, strict=True)]
        for line in table.lines
    ]
    assert page.rows[1 : len(wanted) + 1] == wanted
    assert not page.tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base", "b"}
    loads = [
        value for name, value in page.attributes if name in {"src", "href", "style"} or name.startswith("on")
    ]
    assert loads == []
    assert "url(" not in page.style
    assert "@import" not in page.style
    # the policy lets in this style and no other
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    policy = policy_of(made(one, Form.HTML))
    assert f"style-src 'sha256-{digest}'" in policy
    assert ("content", policy) in page.attributes
    assert "default-src 'none'" in policy
    assert "size:A4" in page.style


def test_the_page_shows_marks_that_turn_the_direction() -> None:
    text = made(sheet(name="张\u202e三\u2066"), Form.HTML).decode()
    assert "张[U+202E]三[U+2066]" in text
    assert "\u202e" not in text


def test_markup_in_every_place_of_the_page_is_text() -> None:
    evil = "<script>alert(1)</script>\"'>"
    one = sheet((replace(payments(1), title=evil),), name=evil, words=(evil,), notes=(evil,), agency=evil)
    one = replace(one, title=evil, serial=evil, verification_code=evil)
    assert "script" not in Reader(made(one, Form.HTML).decode()).tags


def test_the_square_code_of_the_page_is_that_of_the_document() -> None:
    text = made(sheet((payments(1),)), Form.HTML).decode()
    [path] = re.findall(r'fill="#000" d="([^"]*)"', text)
    size = int(re.findall(r'viewBox="0 0 (\d+) ', text)[0])
    from PIL import Image

    picture = Image.new("L", (size * 8, size * 8), 255)
    for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", path):
        picture.paste(0, (int(x) * 8, int(y) * 8, int(x) * 8 + 8, int(y) * 8 + 8))
    [found] = zxingcpp.read_barcodes(picture)
    assert found.text.endswith(CODE)


def test_a_wide_list_lies_on_its_side_in_every_form_that_is_printed() -> None:
    for one, sideways in ((drafted.moves(20), True), (sheet((payments(3),)), False)):
        style = Reader(made(one, Form.HTML).decode()).style
        assert ("size:A4 landscape" in style) is sideways
        box = pypdfium2.PdfDocument(made(one, Form.PDF))[0].get_size()
        assert (box[0] > box[1]) is sideways


def test_codes_and_figures_of_the_page_are_not_broken() -> None:
    text = made(sheet((entries(40),), words=("支出-12.50元",)), Form.HTML).decode()
    for code in ("P483920174650", "2025-01-01", "1234.56", CODE, "H990001", "B0000001", "-12.50"):
        assert f'<span class="k">{code}</span>' in text, code
    # what is longer than any code may break, or the page would be wider than the paper
    assert f'<span class="k">{"X" * 40}</span>' not in made(sheet(name="X" * 40), Form.HTML).decode()


def test_each_foot_of_the_printed_page_says_serial_and_code() -> None:
    evil = "'}</style><script>\\"
    for one in (sheet((payments(1),)), replace(sheet(), serial=evil, verification_code=evil)):
        text = made(one, Form.HTML).decode()
        style = Reader(text).style
        for corner, said in (("left", one.serial), ("right", one.verification_code)):
            content = style.partition(f"@bottom-{corner}{{content:'")[2].partition("'")[0]
            shown = re.sub(r"\\([0-9a-f]{6})", lambda code: chr(int(code[1], 16)), content)
            assert shown.endswith(said)
        assert "script" not in Reader(text).tags


def test_the_worksheet_about_the_document_is_printed_one_page_wide() -> None:
    long = "说明" * 120
    one = sheet((entries(2),), sums=(Sum("closing", "期末余额", 1, certified=True),), notes=("短", long))
    book = openpyxl.load_workbook(io.BytesIO(made(one, Form.XLSX)))
    for page in book.worksheets:
        assert page.page_setup.paperSize == 9
        assert page.sheet_properties.pageSetUpPr.fitToPage
        assert page.page_setup.fitToHeight == 0
        assert page.oddFooter.left.text == one.serial
        assert page.oddFooter.right.text == one.verification_code
        for row in page.iter_rows(min_row=2):
            assert len({cell.alignment.vertical for cell in row if cell.value is not None}) <= 1
    about = book["单据信息"]
    [found] = [cell for row in about.iter_rows() for cell in row if cell.value == long]
    assert found.alignment.wrap_text
    # in lines of 41 characters
    assert about.row_dimensions[found.row].height == 15 * 6
    [address] = [row for row in about.iter_rows() if row[1].value == one.check_address]
    assert about.row_dimensions[address[0].row].height == 15 * 2
