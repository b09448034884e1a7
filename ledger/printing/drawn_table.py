"""The rows of a table on pages: headings on each, a frame around what stands there. Pure."""

from __future__ import annotations

from typing import Final

from ledger.printing import words
from ledger.printing.columns import Columns, TableTexts
from ledger.printing.paper import SIDE, Flow
from ledger.printing.sheet import CellHolds
from ledger.printing.wrapping import wrapped

LAST_LINES: Final = 3
"""So many of the last lines of a table go with its totals, and with what stands below the last table."""

_ALIGN: Final = {
    CellHolds.TEXT: "l", CellHolds.MONEY: "r", CellHolds.COUNT: "c", CellHolds.DAY: "c", CellHolds.MONTH: "c",
}  # fmt: skip
_Cells = list[tuple[str, ...]]


class DrawnTable:
    """A table while it is drawn: on each page a frame around what stands there."""

    def __init__(self, flow: Flow, told: TableTexts, fit: Columns) -> None:
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
        self.heading_height = self._height(self.headings)
        self.top = flow.y

    def draw(self, title: str, below: float) -> None:
        """The whole table. Its last lines stay with its totals and with what is `below` high under it."""
        flow, lines = self.flow, self.told.lines
        kept = self._kept(below)
        first = kept if len(lines) <= LAST_LINES else self._height(self._cells(lines[0]))
        above = flow.spacing.title + self.heading_height
        flow.y += flow.spacing.table
        # a title, its headings and one line stay together
        flow.need(above + (first if above + first <= flow.whole else self._high(1)))
        flow.page.texts.append((SIDE, flow.y, flow.room, "l", 10.5, True, False, title))
        if CellHolds.MONEY in self.told.holds:
            flow.page.texts.append((SIDE, flow.y + 2, flow.room, "r", 8.0, False, True, words.UNIT))
        flow.y = round(flow.y + flow.spacing.title, 2)
        self._begin()
        last = len(lines) - LAST_LINES
        for place, line in enumerate(lines):
            if place == last and place and not flow.has(kept):
                self._turn()
            self._row(line)
        if not lines:
            self._nothing()
        if self.told.totals is not None:
            self._row(self.told.totals, bold=True, fill=True)
        self._end()

    def _kept(self, below: float) -> float:
        """How high the last lines, the totals and what is below are; less where no page has all of that."""
        ends = self.told.lines[-LAST_LINES:]
        high = sum(self._height(self._cells(line)) for line in ends) if ends else self._high(1)
        if self.told.totals is not None:
            high += self._height(self._cells(self.told.totals))
        room = self.flow.whole - self.heading_height
        return next((one for one in (high + below, high) if one <= room), 0.0)

    def _high(self, lines: int) -> float:
        """How high a row of so many lines is."""
        return round(lines * self.pitch + self.flow.spacing.row, 2)

    def _height(self, cells: _Cells) -> float:
        return self._high(max(map(len, cells), default=1))

    def _begin(self) -> None:
        """The headings, at the top of what stands on this page."""
        self.top = self.flow.y
        self._rule()
        self._draw(self.headings, 0, max(map(len, self.headings), default=1), bold=True, fill=True)

    def _end(self) -> None:
        """The upright rules of what stands on this page."""
        for x in self.edges:
            self.flow.page.rules.append((x, self.top, x, self.flow.y))

    def _row(self, texts: tuple[str, ...], *, bold: bool = False, fill: bool = False) -> None:
        """One row; on a new page where it has no place, over several where it has none on any."""
        flow, cells = self.flow, self._cells(texts)
        lines = max(map(len, cells), default=1)
        if flow.has(self._high(lines)):
            self._draw(cells, 0, lines, bold=bold, fill=fill)
            return
        # what no page has whole begins here, unless nothing of it would stand here
        if self._high(lines) + self.heading_height <= flow.whole or not flow.has(self._high(LAST_LINES)):
            self._turn()
        begin = 0
        while begin < lines:
            can = max(1, int((flow.bottom - flow.y - flow.spacing.row) / self.pitch))
            self._draw(cells, begin, min(lines, begin + can), bold=bold, fill=fill)
            begin += can
            if begin < lines:
                self._turn()

    def _nothing(self) -> None:
        """The row of a table without lines, which no upright rule divides."""
        flow, top = self.flow, self.flow.y
        y = round(top + flow.spacing.row / 2 + self.fit.size * 0.15, 2)
        flow.page.texts.append((SIDE, y, self.right - SIDE, "c", self.fit.size, False, True, words.NOTHING))
        for edge in self.edges[1:-1]:
            flow.page.rules.append((edge, self.top, edge, top))
        flow.y = round(top + self._high(1), 2)
        for edge in (self.edges[0], self.edges[-1]):
            flow.page.rules.append((edge, self.top, edge, flow.y))
        self._rule()
        self.top = flow.y

    def _turn(self) -> None:
        self._end()
        self.flow.turn()
        self._begin()

    def _cells(self, texts: tuple[str, ...]) -> _Cells:
        return [wrapped(text, self.fit.room(column)) for column, text in enumerate(texts)]

    def _draw(self, cells: _Cells, begin: int, end: int, *, bold: bool, fill: bool) -> None:
        flow, high = self.flow, self._high(end - begin)
        if fill:
            flow.page.fills.append((SIDE, flow.y, round(self.right - SIDE, 2), high))
        y = flow.y + flow.spacing.row / 2 + self.fit.size * 0.15
        for line in range(begin, end):
            texts = tuple(cell[line] if line < len(cell) else "" for cell in cells)
            flow.page.runs.append((round(y, 2), self.number, self.fit.size, bold, texts))
            y += self.pitch
        flow.y = round(flow.y + high, 2)
        self._rule()

    def _rule(self) -> None:
        self.flow.page.rules.append((SIDE, self.flow.y, self.right, self.flow.y))
