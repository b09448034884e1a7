"""Printed lists as PDF: what they say is the data, they keep their form, and they are the same for ever."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
import zxingcpp

from ledger.printing.rendering import LINES_MAX, TooLong, made_by, rendered
from ledger.printing.sheet import CellHolds, Form, PrintedColumn, PrintedSheet, Sum, Table
from ledger.printing.words import told
from tests.printing.sheets import CHECKS, CODE, RARE, SIGNED, entries, insured, payments, sheet

ROOT = Path(__file__).resolve().parents[2]
MARKUP = (
    '#import "x": *',
    "<b>粗</b>",
    "$x^2$",
    r"\u{202e}",
    "*粗* _斜_ `码`",
    "= 标题",
    "// 注",
    "a @b <c>",
)

pytestmark = pytest.mark.sqlite


def drawn(one: PrintedSheet, signed: bytes = SIGNED) -> bytes:
    return rendered(one, Form.PDF, signed).content


def texts(content: bytes) -> list[str]:
    """The text of each page, without blanks and line ends: where a line is broken says nothing."""
    document = pypdfium2.PdfDocument(content)
    return [re.sub(r"\s", "", page.get_textpage().get_text_range()) for page in document]


def blankless(text: str) -> str:
    return re.sub(r"\s", "", text)


def assert_tells(content: bytes, one: PrintedSheet) -> None:
    """Every cell of every table stands in the text, line after line."""
    whole = "".join(texts(content))
    place = 0
    for table in one.tables:
        for line in table.lines:
            said = [
                blankless(told(cell, column.holds)) for cell, column in zip(line, table.columns, strict=True)
            ]
            # between two lines stand at most a foot, a head and headings
            place = whole.find(said[0], place, place + 600)
            assert place >= 0, line
            near = whole[place : place + 400]
            # a text over several lines of a row stands between the lines of its neighbours
            assert all(cell in near or set(cell) <= set(near) for cell in said), line
            place += len(said[0])


def test_one_page_says_what_the_sheet_says() -> None:
    one = sheet(
        (payments(12),),
        name=f"阿依古丽·买买提{RARE}",
        sums=(Sum("closing", "期末余额", 1_234_567, certified=True),),
        words=("最近一次连续参保期间为2025年7月至2025年11月。",),
    )
    made = rendered(one, Form.PDF, SIGNED)
    assert (made.media_type, made.pages) == ("application/pdf", 1)
    assert_tells(made.content, one)
    [text] = texts(made.content)
    for said in (
        f"姓名：阿依古丽·买买提{RARE}",
        "12345.67元（大写：人民币壹万贰仟叁佰肆拾伍元陆角柒分）",
        "2025年7月至2025年11月",
        "第1页共1页",
        "单据编号D2026112800000017K",
        f"核验码{CODE}",
        "单位：元",
        "经办机构（盖章）",
        "2026年11月28日",
    ):
        assert said in text


def test_two_hundred_pages_say_what_the_sheet_says() -> None:
    one = sheet((entries(6200),))
    made = rendered(one, Form.PDF, SIGNED)
    pages = texts(made.content)
    assert len(pages) == made.pages >= 200
    assert_tells(made.content, one)
    for number, text in enumerate(pages, 1):
        assert f"第{number}页共{made.pages}页" in text
        # the headings again on every page that has lines; the last may have none
        assert "业务类型" in text or number == made.pages


@pytest.mark.parametrize("said", MARKUP)
def test_markup_is_printed_as_it_is_typed(said: str) -> None:
    one = replace(sheet((payments(1),), name=said, words=(said,)), title=said, agency=said)
    [text] = texts(drawn(one))
    assert text.count(blankless(said)) >= 3


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("张\u202e三", "张[U+202E]三"),
        ("张\u200b三", "张[U+200B]三"),
        ("\U0002a6a5", "[U+2A6A5]"),
        ("\U0001f600", "[U+1F600]"),
        ("م", "[U+0645]"),
        ("a\x07b", "a[U+0007]b"),
        ("张\U000e0100", "张[U+E0100]"),
    ],
)
def test_what_the_font_cannot_show_is_printed_as_its_number(typed: str, printed: str) -> None:
    assert f"姓名：{printed}" in texts(drawn(sheet((payments(1),), name=typed)))[0]


@pytest.mark.parametrize("character", RARE)
def test_a_rare_character_is_drawn(character: str) -> None:
    """It leaves ink where another stands, so the font has it and not a box for it."""
    pictures = {
        pypdfium2.PdfDocument(drawn(sheet(name=name)))[0].render(scale=2).to_pil().tobytes()
        for name in (character, "\U0002a6a5", "三")
    }
    assert len(pictures) == 3


def test_the_signed_data_comes_back_byte_for_byte() -> None:
    signed = '{"payload":"𬭚龑","signature":"…"}'.encode()
    for one in (sheet((payments(2),)), sheet((entries(600),))):
        with pikepdf.open(io.BytesIO(drawn(one, signed))) as document:
            assert list(document.attachments) == ["data.json"]
            assert document.attachments["data.json"].get_file().read_bytes() == signed
            assert document.attachments["data.json"].get_file().mime_type == "application/json"


def test_the_square_code_leads_to_the_check() -> None:
    picture = pypdfium2.PdfDocument(drawn(sheet((payments(1),))))[0].render(scale=3).to_pil()
    [found] = zxingcpp.read_barcodes(picture)
    assert found.text == CHECKS + CODE


def test_without_an_address_there_is_no_square_code() -> None:
    content = drawn(sheet((payments(1),), check_address=""))
    assert zxingcpp.read_barcodes(pypdfium2.PdfDocument(content)[0].render(scale=3).to_pil()) == []
    assert "核验网址：http" not in texts(content)[0]


LONG = "字" * 3000
WIDE = Table(
    "wide",
    "宽表",
    tuple(PrintedColumn(f"c{place}", f"第{place}列的标题", CellHolds.MONEY) for place in range(16)),
    (tuple(10**14 + place for place in range(16)),),
)


@pytest.mark.parametrize(
    "one",
    [
        sheet((entries(0),)),
        sheet((entries(1),)),
        sheet((entries(45),)),
        sheet((insured(26),)),
        sheet((WIDE,)),
        sheet((payments(3), entries(3), insured(4))),
        sheet((payments(1),), name="欧阳" * 100, words=(LONG,), notes=("说明" * 400,)),
        sheet(
            (
                Table(
                    "t",
                    "表",
                    (PrintedColumn("a", "备注", CellHolds.TEXT), PrintedColumn("b", "额", CellHolds.MONEY)),
                    ((LONG, 1),),
                ),
            )
        ),
        sheet((Table("t", "码", (PrintedColumn("a", "代码", CellHolds.TEXT),), (("X" * 500,),)),)),
        sheet(title="很长的标题" * 20),
    ],
    ids=["no lines", "one", "two pages", "proof", "wide", "three", "prose", "remark", "code", "title"],
)
def test_nothing_is_cut_or_written_over(one: PrintedSheet) -> None:
    """All text lies inside the margins, and no two characters of a page lie on each other."""
    document = pypdfium2.PdfDocument(drawn(one))
    for page in document:
        width, height = page.get_size()
        text, boxes = page.get_textpage(), []
        for place in range(text.count_chars()):
            character = text.get_text_range(place, 1)
            if not character.strip():
                continue
            left, bottom, right, top = text.get_charbox(place, loose=False)
            assert 30 < left <= right < width - 30, character
            assert 10 < bottom <= top < height - 10, character
            # a third off each side: what touches is well, what covers is not
            across, down = (right - left) / 3, (top - bottom) / 3
            boxes.append((left + across, bottom + down, right - across, top - down))
        boxes.sort()
        for place, (left, bottom, right, top) in enumerate(boxes):
            for other in boxes[place + 1 : place + 200]:
                if other[0] >= right:
                    break
                assert not (bottom < other[3] and other[1] < top and left < other[2]), "two on one spot"


def test_the_same_sheet_gives_the_same_bytes() -> None:
    one = sheet((entries(30),))
    drawn(sheet((payments(4),), name="别人"))
    assert drawn(one) == drawn(one)
    assert drawn(one) != drawn(sheet((entries(31),)))


@pytest.mark.slow
def test_another_process_zone_and_language_give_the_same_bytes() -> None:
    program = (
        "import hashlib; from tests.printing.sheets import *\n"
        "from ledger.printing.rendering import rendered; from ledger.printing.sheet import Form\n"
        "for count in (8, 700):\n"
        "    for form in Form:\n"
        "        made = rendered(sheet((entries(count),)), form, SIGNED).content\n"
        "        print(form, hashlib.sha256(made).hexdigest())\n"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "TZ": zone, "LC_ALL": language, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for zone, language, seed in (("UTC", "C", "1"), ("America/St_Johns", "zh_CN.UTF-8", "2"))
    }
    assert len(said) == 1
    here = hashlib.sha256(drawn(sheet((entries(8),)))).hexdigest()
    assert here in said.pop()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="tells its peak by /proc")
def test_ten_thousand_lines_fit_into_200_mb() -> None:
    program = (
        "import re; from pathlib import Path; from tests.printing.sheets import *\n"
        "from ledger.printing.rendering import rendered; from ledger.printing.sheet import Form\n"
        "made = rendered(sheet((entries(10_000),)), Form.PDF, SIGNED)\n"
        "peak = re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())\n"
        "print(made.pages, int(peak[1]) // 1024)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    pages, megabytes = map(int, said.split())
    assert pages > 200
    assert megabytes < 200


def test_a_list_past_the_bound_is_refused_before_anything_is_drawn() -> None:
    table = replace(payments(1), lines=payments(1).lines * (LINES_MAX + 1))
    for form in (Form.PDF, Form.HTML, Form.CSV, Form.XLSX):
        with pytest.raises(TooLong, match=str(LINES_MAX)):
            rendered(sheet((table,)), form, SIGNED)
    assert rendered(sheet((table,)), Form.JSON, SIGNED).content == SIGNED


def test_a_maker_says_every_version_that_makes_the_bytes() -> None:
    makers = {form: made_by(form) for form in Form}
    assert len(set(makers.values())) == len(Form)
    assert all(len(maker) <= 64 and maker.isascii() for maker in makers.values())
    assert len(makers[Form.PDF].split("/")) == 5


def test_a_cell_that_is_not_what_its_column_holds_is_refused() -> None:
    for cell, holds in (
        ("1.00", CellHolds.MONEY),
        (1, CellHolds.TEXT),
        (20250701, CellHolds.DAY),
        (True, CellHolds.COUNT),
    ):
        table = Table("t", "表", (PrintedColumn("a", "列", holds),), ((cell,),))
        for form in (Form.PDF, Form.HTML, Form.CSV, Form.XLSX):
            with pytest.raises(TypeError):
                rendered(sheet((table,)), form, SIGNED)


def test_every_character_of_a_name_is_in_the_text_as_typed() -> None:
    """What stands for another by looks (compatibility forms, radicals) is not swapped for it in the text."""
    name = "⼀一﨑崎瀞㐂"
    assert unicodedata.normalize("NFKC", name) != name
    assert f"姓名：{name}" in texts(drawn(sheet((payments(1),), name=name)))[0]
