"""A sheet as one page of HTML to look at and to print: nothing from outside, no script, all texts escaped."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator
from html import escape
from importlib.metadata import version
from typing import Final

from ledger.printing import words
from ledger.printing.pages import paper_of
from ledger.printing.qr import qr_svg
from ledger.printing.sheet import CellHolds, PrintedSheet, Table
from ledger.printing.words import told, told_fact, told_sum, told_total, totals_of
from ledger.unseen import IS_DIRECTION

_FORM: Final = 2
# a mark that turns the direction of writing is shown as its number: hidden, it would change what is read
_TURNS: Final = {
    code: f"[U+{code:04X}]"
    for first, last in (*IS_DIRECTION, (0x200E, 0x200F))
    for code in range(first, last + 1)
}
_SIDES: Final = {
    CellHolds.MONEY: "n",
    CellHolds.COUNT: "c",
    CellHolds.DAY: "c",
    CellHolds.MONTH: "c",
    CellHolds.TEXT: "t",
}
# codes, days and figures stay in one line; what is longer than any of them may break
_split_codes = re.compile(
    r"((?<![0-9A-Za-z./:_*+\-])[+\-]?[0-9A-Za-z][0-9A-Za-z./:_*\-]{2,31}(?![0-9A-Za-z./:_*\-]))"
).split
_LOOK: Final = (
    "body{font:10pt/1.5 'Noto Sans CJK SC','Noto Sans SC','Microsoft YaHei','PingFang SC',sans-serif;"
    "color:#000;background:#fff;margin:1em auto;overflow-wrap:anywhere}"
    "h1{font-size:18pt;text-align:center;margin:0}h2{font-size:11pt;margin:1em 0 .3em;break-after:avoid}"
    "header svg{float:right;width:25mm;height:25mm;margin-left:5mm}"
    "dl{display:grid;grid-template-columns:1fr 1fr;gap:0 1em;margin:.6em 0;clear:both}"
    "dl.about{display:block;clear:none;color:#444;font-size:9pt}dl div{display:flex}dt::after{content:'：'}"
    "dt{white-space:nowrap}dd{margin:0}table{border-collapse:collapse;width:100%;font-size:9pt}"
    "thead{display:table-header-group}tr{break-inside:avoid}th,td{border:1px solid #666;padding:.15em .4em}"
    "th,tfoot td{background:#eee}tfoot{display:table-row-group;break-before:avoid}"
    "tfoot tr{break-before:avoid}tfoot td{font-weight:bold}"
    ".n{text-align:right;white-space:nowrap}.c{text-align:center;white-space:nowrap}.t{text-align:left}"
    ".k{white-space:nowrap}.sums{font-weight:bold}.sums p,.said{margin:.2em 0}"
    ".end{display:flex;gap:5mm;justify-content:space-between;break-inside:avoid;break-before:avoid}"
    ".notes{font-size:8.5pt}.notes ol{padding-left:1.5em;margin:0}"
    ".seal{flex:none;width:45mm;height:26mm;margin-top:1em;border:1px dashed #888;text-align:center}"
    ".foot{clear:both;color:#444;font-size:8pt}"
)


def html_made_by() -> str:
    """Versions of the form and of what makes the square code."""
    return f"html-{_FORM}/{version('segno')}"


def html_of(sheet: PrintedSheet) -> bytes:
    """The page, in UTF-8."""
    return "".join(_parts(sheet)).encode()


def policy_of(page: bytes) -> str:
    """What a browser may load for a page that was made some day: its own style, and nothing else."""
    _before, _begin, rest = page.partition(b"<style>")
    return _policy(rest.partition(b"</style>")[0])


def _policy(style: bytes) -> str:
    digest = b64encode(hashlib.sha256(style).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _style(sheet: PrintedSheet) -> str:
    """How it looks; printed, its paper lies as that of the PDF does, and says at each foot what it is."""
    sideways, size = paper_of(sheet)
    serial, code = _quoted(f"单据编号 {sheet.serial}"), _quoted(f"核验码 {sheet.verification_code}")
    return (
        f"@page{{size:A4{' landscape' if sideways else ''};margin:15mm 15mm 18mm;font-size:8pt;"
        f"@bottom-left{{content:{serial}}}@bottom-right{{content:{code}}}"
        "@bottom-center{content:'第 ' counter(page) ' 页 共 ' counter(pages) ' 页'}}"
        f"{_LOOK}body{{max-width:{267 if sideways else 190}mm}}"
        f"@media print{{body{{margin:0;max-width:none}}table{{font-size:{size:g}pt}}}}"
    )


def _quoted(text: str) -> str:
    """A text as a string of a style: whatever is no letter or digit of Latin script as its number."""
    numbers = [
        one if one.isascii() and one.isalnum() else f"\\{ord(one):06x}" for one in text.translate(_TURNS)
    ]
    return f"'{''.join(numbers)}'"


def _parts(sheet: PrintedSheet) -> Iterator[str]:
    title, style = _shown(sheet.title), _style(sheet)
    address = words.address_of(sheet)
    yield '<!DOCTYPE html>\n<html lang="zh-CN" dir="ltr"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{escape(_policy(style.encode()))}">'
    yield f'<meta name="referrer" content="no-referrer"><title>{title}</title>'
    yield f"<style>{style}</style></head>\n<body>"
    yield f"<header>{qr_svg(address) if address else ''}<h1>{title}</h1>"
    yield _list(words.about(sheet), "about") + "</header>\n"
    yield _list(tuple((fact.title, told_fact(fact)) for fact in sheet.head), "head")
    for table in sheet.tables:
        yield from _table(table)
    if sheet.sums:
        yield (
            '<div class="sums">'
            + "".join(f"<p>{_unbroken(told_sum(one))}</p>" for one in sheet.sums)
            + "</div>\n"
        )
    yield "".join(f'<p class="said">{_unbroken(sentence)}</p>\n' for sentence in sheet.words)
    yield '<div class="end"><div class="notes">'
    if sheet.notes:
        notes = "".join(f"<li>{_unbroken(note)}</li>" for note in sheet.notes)
        yield f"<h2>{words.NOTES}</h2><ol>{notes}</ol>"
    day = words.told_issued_day(sheet)
    yield f'</div><div class="seal"><p>{words.SEAL}</p><p>{day}</p></div></div>\n'
    # where a browser leaves the foot of a page empty it stands at the end
    foot = f"单据编号 {sheet.serial}　核验码 {sheet.verification_code}"
    yield f'<p class="foot">{_unbroken(foot)}</p>\n</body></html>\n'


def _table(table: Table) -> Iterator[str]:
    sides = [_SIDES[column.holds] for column in table.columns]
    holds = [column.holds for column in table.columns]
    unit = f"（{words.UNIT}）" if CellHolds.MONEY in holds else ""
    yield f"<h2>{_shown(table.title)}{unit}</h2>\n<table><thead><tr>"
    yield "".join(f'<th scope="col">{_shown(column.title)}</th>' for column in table.columns)
    yield "</tr></thead>\n<tbody>"
    for line in table.lines:
        texts = [told(cell, held) for cell, held in zip(line, holds, strict=True)]
        yield _row(texts, sides)
    if not table.lines:
        yield f'<tr><td class="c" colspan="{len(sides)}">{words.NOTHING}</td></tr>'
    yield "</tbody>\n"
    totals = totals_of(table)
    if totals is not None:
        texts = [told_total(cell, held) for cell, held in zip(totals, holds, strict=True)]
        yield f"<tfoot>{_row(texts, sides)}</tfoot>"
    yield "</table>\n"


def _row(texts: list[str], sides: list[str]) -> str:
    cells = "".join(
        f'<td class="{side}">{_unbroken(text) if side == "t" else _shown(text)}</td>'
        for text, side in zip(texts, sides, strict=True)
    )
    return f"<tr>{cells}</tr>\n"


def _list(pairs: tuple[tuple[str, str], ...], name: str) -> str:
    items = "".join(f"<div><dt>{_shown(label)}</dt><dd>{_unbroken(text)}</dd></div>" for label, text in pairs)
    return f'<dl class="{name}">{items}</dl>\n'


def _shown(text: str) -> str:
    return escape(text.translate(_TURNS))


def _unbroken(text: str) -> str:
    """A text whose codes and figures stay in one line."""
    parts = _split_codes(text)
    return "".join(
        f'<span class="k">{_shown(part)}</span>' if place % 2 else _shown(part)
        for place, part in enumerate(parts)
    )
