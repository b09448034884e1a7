"""How wide the columns of a table are on paper, and whether the paper lies on its side. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ledger.printing.fonts import EM, visible, width_of
from ledger.printing.sheet import CellHolds, Table
from ledger.printing.words import told, told_total, totals_of

PADDING: Final = 3.0
"""Between a cell's text and its edges, in points."""

# What a column has beyond its widest text. Bold figures are exactly as wide as they are taken to be: a width
# that is rounded down by a hundredth of a point would break them.
_SLACK: Final = 0.06

# a column of text keeps at least this, where it has as much to show
_TEXT_LEAST: Final = 8 * EM
# codes of this width stay whole
_WORD_MOST: Final = 12 * EM
_find_words = re.compile("[!-~]+").findall
_TITLE_LEAST: Final = 4 * EM
_TEXT_LAST: Final = 3 * EM


@dataclass(frozen=True, slots=True)
class TableTexts:
    """A table as texts that can be printed, and how wide the widest of each column is."""

    titles: tuple[str, ...]
    lines: list[tuple[str, ...]]
    totals: tuple[str, ...] | None
    holds: tuple[CellHolds, ...]
    widest: tuple[int, ...]
    # and how wide its widest word of Latin letters and digits, such as a code
    words: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """The widths of a table's columns in points and the size of its text."""

    widths: tuple[float, ...]
    size: float

    def room(self, column: int) -> int:
        """What a line of a cell may be wide, in thousandths of its size."""
        return max(EM, int((self.widths[column] - 2 * PADDING - _SLACK / 2) / self.size * EM))


def told_table(table: Table) -> TableTexts:
    """The texts of a table. ValueError for a line that has another number of cells than the table columns."""
    holds = tuple(column.holds for column in table.columns)
    lines = [
        tuple(visible(told(cell, held)) for cell, held in zip(line, holds, strict=True))
        for line in table.lines
    ]
    totals = totals_of(table)
    told_totals = (
        None
        if totals is None
        else tuple(visible(told_total(cell, held)) for cell, held in zip(totals, holds, strict=True))
    )
    rows = [*lines, told_totals] if told_totals is not None else lines
    widest = tuple(max(map(width_of, texts), default=0) for texts in zip(*rows, strict=True)) or (0,) * len(
        holds
    )
    words = tuple(
        _widest_word(line[place] for line in lines) if held is CellHolds.TEXT else 0
        for place, held in enumerate(holds)
    )
    return TableTexts(
        tuple(visible(column.title) for column in table.columns), lines, told_totals, holds, widest, words
    )


def _widest_word(texts: Iterable[str]) -> int:
    """The widest word of Latin letters and digits, up to the length of a code."""
    found = {word for text in texts for word in _find_words(text)}
    return min(max(map(width_of, found), default=0), _WORD_MOST)


def fitted(table: TableTexts, room: float, size: float, *, last: bool = False) -> Columns | None:
    """The columns in a room of so many points, or None where it is too narrow at this size.

    Numbers, days and months are never broken, texts are; `last` takes what room there is, and breaks figures
    where they alone are wider than it.
    """
    titles = [width_of(title) for title in table.titles]
    whole = int((room - (2 * PADDING + _SLACK) * len(titles)) / size * EM)
    natural = [max(pair) for pair in zip(table.widest, titles, strict=True)]
    if sum(natural) > whole:
        # headings are broken before texts are
        natural = [
            max(wide, min(title, _TITLE_LEAST)) for wide, title in zip(table.widest, titles, strict=True)
        ]
    least = [
        min(wide, _TEXT_LAST if last else max(_TEXT_LEAST, word)) if held is CellHolds.TEXT else wide
        for wide, word, held in zip(natural, table.words, table.holds, strict=True)
    ]
    if sum(least) > whole:
        if not last:
            return None
        least = [whole // len(natural)] * len(natural)
    taken = _shared(natural, least, whole)
    return Columns(
        tuple(math.floor((wide * size / EM + 2 * PADDING + _SLACK) * 100) / 100 for wide in taken), size
    )


def _shared(natural: Sequence[int], least: Sequence[int], whole: int) -> list[float]:
    """Widths that come to `whole`: none below its least, none above its natural one but all."""
    if sum(natural) <= whole:
        spare = whole - sum(natural)
        return [wide + spare * wide / (sum(natural) or 1) for wide in natural]
    taken: list[float] = list(least)
    open_ones = [place for place, wide in enumerate(natural) if wide > taken[place]]
    rest = whole - sum(taken)
    while open_ones and rest > 1:
        share = rest / len(open_ones)
        for place in open_ones:
            more = min(share, natural[place] - taken[place])
            taken[place] += more
            rest -= more
        open_ones = [place for place in open_ones if natural[place] - taken[place] > 1]
    return taken
