"""The pages of a sheet: where every line, rule and field stands. Pure; in points from top left.

All is placed here, so that the number of pages is known before anything is drawn and a long list can be drawn
in parts. What draws it (`document.typ`) measures nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from ledger.printing import words
from ledger.printing.columns import Columns, TableTexts, fitted, told_table
from ledger.printing.fonts import EM, visible, width_of
from ledger.printing.sheet import CellHolds, PrintedSheet, Table
from ledger.printing.wrapping import wrapped

A4: Final = (595.28, 841.89)
SIDE: Final = 45.0
_TOP: Final = 44.0
_FOOT: Final = 52.0
_QR: Final = 70.0
_SEAL: Final = (150.0, 84.0)
# sizes of a table's text, upright first: the first that is wide enough
_SIZES: Final = ((False, 9.0), (False, 8.0), (True, 9.0), (True, 8.0), (True, 7.0), (True, 6.0), (True, 5.0))
_ALIGN: Final = {
    CellHolds.TEXT: "l", CellHolds.MONEY: "r", CellHolds.COUNT: "c", CellHolds.DAY: "c", CellHolds.MONTH: "c",
}  # fmt: skip


@dataclass(slots=True)
class Page:
    """What stands on one page, as the drawing takes it."""

    # x, y, width, align, size, bold, grey, text
    texts: list[tuple[float, float, float, str, float, bool, bool, str]] = field(default_factory=list)
    # y, table, size, bold, cells
    runs: list[tuple[float, int, float, bool, tuple[str, ...]]] = field(default_factory=list)
    # x, y, x, y
    rules: list[tuple[float, float, float, float]] = field(default_factory=list)
    # x, y, width, height
    fills: list[tuple[float, float, float, float]] = field(default_factory=list)
    qr: tuple[float, float, float] | None = None
    seal: tuple[float, float, float, float] | None = None

    def plain(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {
            "texts": self.texts,
            "runs": self.runs,
            "rules": self.rules,
            "fills": self.fills,
            "qr": self.qr,
            "seal": self.seal,
        }


@dataclass(frozen=True, slots=True)
class Laid:
    """A whole sheet on its pages: their size, the columns of its tables, the pages."""

    width: float
    height: float
    # for each table, x, width and align of its columns
    tables: list[list[tuple[float, float, str]]]
    pages: list[Page]


def laid_out(sheet: PrintedSheet) -> Laid:
    """Put a sheet on pages. TypeError and ValueError for a sheet that is not what it says it is."""
    told = [told_table(table) for table in sheet.tables]
    sideways, columns = _paper(told)
    width, height = A4[::-1] if sideways else A4
    flow = _Flow(width, height, visible(sheet.title))
    _head(flow, sheet)
    for table, texts, fit in zip(sheet.tables, told, columns, strict=True):
        _table(flow, table, texts, fit)
    _below(flow, sheet)
    _feet(flow, sheet)
    return Laid(width, height, flow.tables, flow.pages)


def _paper(told: list[TableTexts]) -> tuple[bool, list[Columns]]:
    """Whether the paper lies on its side, and the columns of every table at the one size that fits all."""
    for sideways, size in _SIZES:
        room = A4[1 if sideways else 0] - 2 * SIDE
        columns = [fitted(table, room, size) for table in told]
        if all(columns):
            return sideways, [one for one in columns if one is not None]
    sideways, size = _SIZES[-1]
    columns = [fitted(table, A4[1] - 2 * SIDE, size, last=True) for table in told]
    return sideways, [one for one in columns if one is not None]


class _Flow:
    """The page that is being filled, and how far down."""

    def __init__(self, width: float, height: float, title: str) -> None:
        self.width, self.height, self.title = width, height, title
        self.room = width - 2 * SIDE
        self.bottom = height - _FOOT
        self.pages = [Page()]
        self.tables: list[list[tuple[float, float, str]]] = []
        self.y = _TOP

    @property
    def page(self) -> Page:
        return self.pages[-1]

    def turn(self) -> None:
        """Go on at the top of a new page, which says of which document it is one."""
        self.pages.append(Page())
        self.page.texts.append((SIDE, 26.0, self.room, "l", 8.0, False, True, self.title))
        self.page.rules.append((SIDE, 38.0, self.width - SIDE, 38.0))
        self.y = _TOP + 2

    def need(self, height: float) -> None:
        """Turn the page where so much is not left on it."""
        if self.y + height > self.bottom and self.y > _TOP + 2:
            self.turn()

    def paragraph(
        self, text: str, size: float, *, bold: bool = False, grey: bool = False, indent: float = 0.0
    ) -> None:
        """A text over the whole width, in as many lines as it takes, over pages where it must."""
        pitch = size * 1.5
        for line in wrapped(visible(text), int((self.room - indent) / size * EM)):
            self.need(pitch)
            self.page.texts.append((SIDE + indent, self.y, self.room - indent, "l", size, bold, grey, line))
            self.y = round(self.y + pitch, 2)


def _head(flow: _Flow, sheet: PrintedSheet) -> None:
    """Title, who issues it, how it is called and checked, and the facts of the head."""
    page, beside = flow.page, _QR + 12 if sheet.check_address else 0.0
    if sheet.check_address:
        page.qr = (flow.width - SIDE - _QR, 38.0, _QR)
        page.texts.append((flow.width - SIDE - _QR, 38.0 + _QR + 2, _QR, "c", 7.5, False, True, words.SCAN))
    narrow = flow.room - 2 * beside
    for line in wrapped(flow.title, int(narrow / 18 * EM)):
        page.texts.append((SIDE + beside, flow.y, narrow, "c", 18.0, True, False, line))
        flow.y += 25
    flow.y += 3
    for label, value in words.about(sheet):
        for line in wrapped(visible(f"{label}：{value}"), int((flow.room - beside) / 8.5 * EM)):
            flow.need(12.5)
            flow.page.texts.append((SIDE, flow.y, flow.room - beside, "l", 8.5, False, True, line))
            flow.y += 12.5
    if len(flow.pages) == 1:
        flow.y = max(flow.y, 38.0 + _QR + 14 if sheet.check_address else 0.0)
    flow.page.rules.append((SIDE, flow.y + 2, flow.width - SIDE, flow.y + 2))
    flow.y += 9
    _facts(flow, sheet)


def _facts(flow: _Flow, sheet: PrintedSheet) -> None:
    """The facts two by two; what is too long for half a line has one of its own."""
    size, pitch, half = 9.5, 15.0, flow.room / 2
    column = 0
    for fact in sheet.head:
        text = visible(f"{fact.title}：{words.told_fact(fact)}")
        if width_of(text) * size / EM <= half - 8:
            if column == 0:
                flow.need(pitch)
            flow.page.texts.append((SIDE + column * half, flow.y, half, "l", size, False, False, text))
            column = 1 - column
            flow.y += 0 if column else pitch
            continue
        if column:
            column, flow.y = 0, flow.y + pitch
        for line in wrapped(text, int(flow.room / size * EM)):
            flow.need(pitch)
            flow.page.texts.append((SIDE, flow.y, flow.room, "l", size, False, False, line))
            flow.y += pitch
    flow.y += pitch if column else 0


def _table(flow: _Flow, table: Table, told: TableTexts, fit: Columns) -> None:
    """One table: its title, its headings on every page, its lines and their totals."""
    drawn = _Drawn(flow, told, fit)
    flow.y += 8
    # a title, its headings and one line stay together
    flow.need(16 + drawn.heading_height + drawn.height(1))
    flow.page.texts.append((SIDE, flow.y, flow.room, "l", 10.5, True, False, visible(table.title)))
    if CellHolds.MONEY in told.holds:
        flow.page.texts.append((SIDE, flow.y + 2, flow.room, "r", 8.0, False, True, words.UNIT))
    flow.y += 16
    drawn.begin()
    for line in told.lines:
        drawn.row(line)
    if not told.lines:
        drawn.nothing()
    if told.totals is not None:
        drawn.row(told.totals, bold=True, fill=True)
    drawn.end()


class _Drawn:
    """A table while it is drawn: on each page a frame around what stands there."""

    def __init__(self, flow: _Flow, told: TableTexts, fit: Columns) -> None:
        self.flow, self.told, self.fit = flow, told, fit
        self.pitch = round(fit.size * 1.3, 2)
        self.number = len(flow.tables)
        x, places = SIDE, []
        for width, holds in zip(fit.widths, told.holds, strict=True):
            places.append((round(x, 2), width, _ALIGN[holds]))
            x += width
        self.right = round(x, 2)
        self.edges = [place for place, _width, _align in places] + [self.right]
        flow.tables.append(places)
        self.headings = self._cells(told.titles)
        self.heading_height = self.height(max(map(len, self.headings), default=1))
        self.top = flow.y

    def height(self, lines: int) -> float:
        """How high a row of so many lines is."""
        return round(lines * self.pitch + 5.0, 2)

    def begin(self) -> None:
        """The headings, at the top of what stands on this page."""
        self.top = self.flow.y
        self._rule()
        self._draw(self.headings, 0, max(map(len, self.headings), default=1), bold=True, fill=True)

    def end(self) -> None:
        """The upright rules of what stands on this page."""
        for x in self.edges:
            self.flow.page.rules.append((x, self.top, x, self.flow.y))

    def row(self, texts: tuple[str, ...], *, bold: bool = False, fill: bool = False) -> None:
        """One row; on a new page where it has no place, over several where it has none on any."""
        flow, cells = self.flow, self._cells(texts)
        lines = max(map(len, cells), default=1)
        if flow.y + self.height(lines) <= flow.bottom:
            self._draw(cells, 0, lines, bold=bold, fill=fill)
            return
        self._turn()
        begin = 0
        while begin < lines:
            can = max(1, int((flow.bottom - flow.y - 5.0) / self.pitch))
            self._draw(cells, begin, min(lines, begin + can), bold=bold, fill=fill)
            begin += can
            if begin < lines:
                self._turn()

    def nothing(self) -> None:
        """The row of a table without lines."""
        flow = self.flow
        flow.page.texts.append(
            (SIDE, flow.y + 3, self.right - SIDE, "c", self.fit.size, False, True, words.NOTHING)
        )
        flow.y = round(flow.y + self.height(1), 2)
        self._rule()
        for edge in self.edges[1:-1]:
            flow.page.rules.append((edge, self.top, edge, flow.y - self.height(1)))
        self.edges = [self.edges[0], self.edges[-1]] if self.told.totals is None else self.edges

    def _turn(self) -> None:
        self.end()
        self.flow.turn()
        self.begin()

    def _cells(self, texts: tuple[str, ...]) -> list[tuple[str, ...]]:
        return [wrapped(text, self.fit.room(column)) for column, text in enumerate(texts)]

    def _draw(self, cells: list[tuple[str, ...]], begin: int, end: int, *, bold: bool, fill: bool) -> None:
        flow, high = self.flow, self.height(end - begin)
        if fill:
            flow.page.fills.append((SIDE, flow.y, round(self.right - SIDE, 2), high))
        y = flow.y + 2.5 + self.fit.size * 0.15
        for line in range(begin, end):
            texts = tuple(cell[line] if line < len(cell) else "" for cell in cells)
            flow.page.runs.append((round(y, 2), self.number, self.fit.size, bold, texts))
            y += self.pitch
        flow.y = round(flow.y + high, 2)
        self._rule()

    def _rule(self) -> None:
        self.flow.page.rules.append((SIDE, self.flow.y, self.right, self.flow.y))


def _below(flow: _Flow, sheet: PrintedSheet) -> None:
    """Sums, sentences, notes, and the place for the seal."""
    flow.y += 10
    for one in sheet.sums:
        flow.paragraph(words.told_sum(one), 10.0, bold=one.certified)
    if sheet.sums and sheet.words:
        flow.y += 4
    for sentence in sheet.words:
        flow.paragraph(sentence, 10.0)
    if sheet.notes:
        flow.y += 6
        flow.need(26)
        flow.paragraph(f"{words.NOTES}：", 8.5, bold=True)
        for number, note in enumerate(sheet.notes, 1):
            flow.paragraph(f"{number}. {note}", 8.5)
    flow.y += 8
    wide, high = _SEAL
    flow.need(high)
    x = flow.width - SIDE - wide
    flow.page.seal = (x, flow.y, wide, high)
    flow.page.texts.append((x, flow.y + 6, wide, "c", 8.0, False, True, words.SEAL))
    day = words.told_issued_day(sheet)
    flow.page.texts.append((x, flow.y + high - 16, wide, "c", 9.0, False, False, day))
    flow.y += high


def _feet(flow: _Flow, sheet: PrintedSheet) -> None:
    """Below each page: which document, which of how many pages, and by what it is checked."""
    y, count = flow.height - 36.0, len(flow.pages)
    serial, code = visible(f"单据编号 {sheet.serial}"), visible(f"核验码 {sheet.verification_code}")
    for number, page in enumerate(flow.pages, 1):
        page.rules.append((SIDE, y - 6, flow.width - SIDE, y - 6))
        for align, text in (("l", serial), ("c", f"第 {number} 页 共 {count} 页"), ("r", code)):
            page.texts.append((SIDE, y, flow.room, align, 8.0, False, align != "c", text))
