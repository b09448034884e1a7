"""The pages of a sheet: where every line, rule and field stands. Pure; in points from top left.

All is placed here, so that the number of pages is known before anything is drawn and a long list can be drawn
in parts. What draws it (`document.typ`) measures nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Final

from ledger.printing import words
from ledger.printing.columns import Columns, TableTexts, fitted, told_table
from ledger.printing.drawn_table import DrawnTable
from ledger.printing.ending import Ending
from ledger.printing.fonts import EM, visible, width_of
from ledger.printing.paper import A4, SIDE, SPACINGS, Flow, Page, Spacing
from ledger.printing.sheet import PrintedSheet

_QR: Final = 70.0
# sizes of a table's text, upright first: the first that is wide enough
_SIZES: Final = (
    *((False, 9.0), (False, 8.0)),
    *((True, size) for size in (9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0)),
)  # fmt: skip
_CLOSER_UP_TO: Final = 3
"""Longer documents are not laid out closer: it would save few of their pages, and take the time again."""
_SMALLER: Final = (8.0, 7.5, 7.0)
_SMALLER_FROM: Final = 2


@dataclass(frozen=True, slots=True)
class Laid:
    """A whole sheet on its pages: their size, the columns of its tables, the pages."""

    width: float
    height: float
    # for each table, x, width and align of its columns
    tables: list[list[tuple[float, float, str]]]
    pages: list[Page]


def laid_out(sheet: PrintedSheet) -> Laid:
    """Put a sheet on pages. TypeError and ValueError for a sheet that is not what it says it is.

    A short document stands closer where that saves a page, and has smaller tables where that makes it one.
    """
    told = [told_table(table) for table in sheet.tables]
    sideways, columns = _paper(told)
    best = _placed(sheet, told, columns, SPACINGS[0], sideways=sideways)
    for spacing in SPACINGS[1:]:
        if 1 < len(best.pages) <= _CLOSER_UP_TO:
            closer = _placed(sheet, told, columns, spacing, sideways=sideways)
            best = closer if len(closer.pages) < len(best.pages) else best
    if len(best.pages) == _SMALLER_FROM:
        for size, spacing in product(_SMALLER, SPACINGS[1:]):
            smaller = _columns(told, size, sideways=sideways)
            if smaller and size < columns[0].size:
                one = _placed(sheet, told, smaller, spacing, sideways=sideways)
                if len(one.pages) == 1:
                    best = one
                    break
    return Laid(best.width, best.height, best.tables, best.pages)


def paper_of(sheet: PrintedSheet) -> tuple[bool, float]:
    """Whether the paper of a sheet lies on its side, and the size of the text of its tables in points."""
    sideways, columns = _paper([told_table(table) for table in sheet.tables])
    return sideways, columns[0].size if columns else _SIZES[0][1]


def _placed(
    sheet: PrintedSheet, told: list[TableTexts], columns: list[Columns], spacing: Spacing, *, sideways: bool
) -> Flow:
    """All of a sheet on its pages, so close."""
    width, height = A4[::-1] if sideways else A4
    flow = Flow(width, height, visible(sheet.title), spacing)
    _head(flow, sheet, 3 if sideways else 2)
    ending = Ending(flow, sheet)
    for place, (table, texts, fit) in enumerate(zip(sheet.tables, told, columns, strict=True), 1):
        below = ending.height if place == len(told) else 0.0
        DrawnTable(flow, texts, fit).draw(visible(table.title), below)
    ending.draw(flow)
    _feet(flow, sheet)
    return flow


def _paper(told: list[TableTexts]) -> tuple[bool, list[Columns]]:
    """Whether the paper lies on its side, and the columns of every table at the one size that fits all."""
    for sideways, size in _SIZES:
        columns = _columns(told, size, sideways=sideways)
        if columns is not None:
            return sideways, columns
    sideways, size = _SIZES[-1]
    last = [fitted(table, A4[1] - 2 * SIDE, size, last=True) for table in told]
    return sideways, [one for one in last if one is not None]


def _columns(told: list[TableTexts], size: float, *, sideways: bool) -> list[Columns] | None:
    """The columns of every table at a size, or None where one is too wide."""
    columns = [fitted(table, A4[1 if sideways else 0] - 2 * SIDE, size) for table in told]
    return [one for one in columns if one is not None] if all(columns) else None


def _head(flow: Flow, sheet: PrintedSheet, columns: int) -> None:
    """Title, who issues it, how it is called and checked, and the facts of the head."""
    page, beside = flow.page, _QR + 12 if words.address_of(sheet) else 0.0
    if words.address_of(sheet):
        page.qr = (flow.width - SIDE - _QR, 38.0, _QR)
        page.texts.append((flow.width - SIDE - _QR, 38.0 + _QR + 2, _QR, "c", 7.5, False, True, words.SCAN))
    narrow = flow.room - 2 * beside
    for line in flow.lines(flow.title, 18.0, narrow):
        page.texts.append((SIDE + beside, flow.y, narrow, "c", 18.0, True, False, line))
        flow.y += 25
    flow.y += 3
    for label, value in words.about(sheet):
        for line in flow.lines(visible(f"{label}：{value}"), 8.5, flow.room - beside):
            flow.need(12.5)
            flow.page.texts.append((SIDE, flow.y, flow.room - beside, "l", 8.5, False, True, line))
            flow.y += 12.5
    if len(flow.pages) == 1:
        flow.y = max(flow.y, 38.0 + _QR + 14 if words.address_of(sheet) else 0.0)
    flow.page.rules.append((SIDE, flow.y + 2, flow.width - SIDE, flow.y + 2))
    flow.y += 9
    _facts(flow, sheet, columns)


def _facts(flow: Flow, sheet: PrintedSheet, columns: int) -> None:
    """The facts two or three in a line; what is too long for its part of it has a line of its own."""
    size, pitch, wide = 9.5, flow.spacing.fact, flow.room / columns
    column = 0
    for fact in sheet.head:
        text = visible(f"{fact.title}：{words.told_fact(fact)}")
        if width_of(text) * size / EM <= wide - 8:
            if column == 0:
                flow.need(pitch)
            flow.page.texts.append((SIDE + column * wide, flow.y, wide, "l", size, False, False, text))
            column = (column + 1) % columns
            flow.y += 0 if column else pitch
            continue
        if column:
            column, flow.y = 0, flow.y + pitch
        for line in flow.lines(text, size, flow.room):
            flow.need(pitch)
            flow.page.texts.append((SIDE, flow.y, flow.room, "l", size, False, False, line))
            flow.y += pitch
    flow.y += pitch if column else 0


def _feet(flow: Flow, sheet: PrintedSheet) -> None:
    """Below each page: which document, which of how many pages, and by what it is checked."""
    y, count = flow.height - 36.0, len(flow.pages)
    serial, code = visible(f"单据编号 {sheet.serial}"), visible(f"核验码 {sheet.verification_code}")
    for number, page in enumerate(flow.pages, 1):
        page.rules.append((SIDE, y - 6, flow.width - SIDE, y - 6))
        for align, text in (("l", serial), ("c", f"第 {number} 页 共 {count} 页"), ("r", code)):
            page.texts.append((SIDE, y, flow.room, align, 8.0, False, align != "c", text))
