"""A workbook: which of its sheets is the list, what of it is hidden, and the rows below the heading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import islice
from typing import BinaryIO, Final, NamedTuple

from ledger.imports.cells import CellKind, cell_text
from ledger.imports.encodings import blocks, file_invalid, require_text
from ledger.imports.file_lines import FileLine, is_aside
from ledger.imports.headings import NO_TEXT, Finder, Layout
from ledger.imports.sheets import Sheet, open_workbook
from ledger.imports.spans import Spans
from ledger.refusals import RefusalCode, Refused

_RANGES_TOLD: Final = 20


def refuse_no_workbook(file: BinaryIO) -> None:
    """Raise Refused (file_invalid) for what was sent as a workbook and is none."""
    start = next(blocks(file), b"")
    if not start:
        raise file_invalid("the file is empty")
    require_text(start)
    raise file_invalid("the file is not an XLSX workbook, but looks like text: send it as CSV")


class _Found(NamedTuple):
    """A sheet with a heading: its place among those that can be seen, what the heading says, and its row."""

    place: int
    sheet: Sheet
    layout: Layout
    below: int


class SheetFile:
    """The one sheet of a workbook that is a list."""

    def __init__(self, file: BinaryIO, expected: str | None) -> None:
        digest = sha256()
        self.size = 0
        for block in blocks(file):
            digest.update(block)
            self.size += len(block)
        self.digest = digest.hexdigest()
        book = open_workbook(file)
        self._since_1904 = book.since_1904
        self._sheet, self.layout, self._below = self._choose(book.sheets, expected)
        self.hidden_rows = _ranges(
            (max(first, self._below), last) for first, last in self._sheet.hidden_rows if last >= self._below
        )
        self.hidden_columns = _columns_told(self._sheet.hidden_columns)
        self.hidden_cells = _told(
            _span_told(max(first, self._below + 1), last, _letters(column))
            for column, spans in self._sheet.hidden_cells.items()
            for first, last in spans
            if last > self._below
        )
        self._merged: dict[str, Spans] = {}
        for name, place in zip(self.layout.names, self.layout.places, strict=True):
            spans = self._sheet.merged_in(place + 1)
            if spans:
                self._merged[name] = spans
            if self._below in spans:
                raise file_invalid("a heading is merged with other cells")

    def refuse_hidden(self) -> None:
        """Raise Refused (hidden_rows) when there is something in the list that its owner may not see."""
        if self.hidden_rows or self.hidden_columns or self.hidden_cells:
            told = [f"hidden or filtered rows {self.hidden_rows}"] * bool(self.hidden_rows)
            told += [f"hidden columns {self.hidden_columns}"] * bool(self.hidden_columns)
            told += [f"cells that do not show what is in them {self.hidden_cells}"] * bool(self.hidden_cells)
            raise Refused(
                RefusalCode.HIDDEN_ROWS,
                problem=f"the sheet has {' and '.join(told)}: show them, or take them out,"
                " or say that they count (include_hidden)",
                rows=self.hidden_rows,
                columns=self.hidden_columns,
                cells=self.hidden_cells,
            )

    def _choose(self, sheets: list[Sheet], expected: str | None) -> tuple[Sheet, Layout, int]:
        """The sheet with the list; of several that have its heading the one with lines below it."""
        found: list[_Found] = []
        problem: Refused | None = None
        for place, sheet in enumerate(sheets, start=1):
            try:
                there = _heading_of(sheet, Finder(expected))
            except Refused as refusal:
                if refusal.code is RefusalCode.CASH_FORBIDDEN:
                    raise
                problem = problem or refusal
                continue
            if there is not None:
                layout, below = there
                found.append(_Found(place, sheet, layout, below))
        if not found:
            raise problem or file_invalid("the sheet is empty: the file has no header")
        full = [one for one in found if next(self._lines_of(one), None) is not None]
        if len(full) > 1:
            places = " and ".join(str(one.place) for one in full)
            raise file_invalid(f"sheets {places} all hold a list: leave one of them in the workbook")
        chosen, *_others = full or found
        return chosen.sheet, chosen.layout, chosen.below

    def lines(self, after: tuple[int, int] | None = None) -> Iterator[FileLine]:
        behind = self._below if after is None else after[0]
        count = self._sheet.count or 1
        for place, line in enumerate(self._read(self._sheet, self.layout, behind)):
            # a sheet has no bytes to count: how far it is, in those of the file
            yield line._replace(end=min(self.size * (place + 1) // count, self.size))

    def _lines_of(self, one: _Found) -> Iterator[FileLine]:
        lines = self._read(one.sheet, one.layout, one.below)
        return (line for line in lines if not is_aside(one.layout, line))

    def _read(self, sheet: Sheet, layout: Layout, behind: int) -> Iterator[FileLine]:
        columns = layout.kind.by_name
        named = [
            (name, place + 1, columns[name].holds)
            for name, place in zip(layout.names, layout.places, strict=True)
        ]
        merged = getattr(self, "_merged", {})
        unnamed = {place + 1 for place in layout.unnamed}
        for row in sheet.rows():
            if row.number <= behind:
                continue
            cells = row.cells
            fields = [""] * max(*cells, layout.whole_width)
            for column, cell in cells.items():
                fields[column - 1] = cell.text
            if any(column > layout.width or column in unnamed for column in cells):
                yield FileLine(row.number, None, fields, 0)
                continue
            texts: dict[str, str] = {}
            faults: dict[str, RefusalCode] = {}
            for name, column, holds in named:
                text = cell_text(cells.get(column), holds, since_1904=self._since_1904)
                if name in merged and row.number in merged[name]:
                    text = RefusalCode.MERGED_CELL
                if isinstance(text, RefusalCode):
                    faults[name] = text
                    text = ""
                texts[name] = text
            yield FileLine(row.number, texts, fields, 0, faults or None)


def _heading_of(sheet: Sheet, finder: Finder) -> tuple[Layout, int] | None:
    """What the heading of a sheet says, and its row; None for a blank sheet. Refused where there is none."""
    seen_any = False
    for row in sheet.rows():
        headings = [""] * max(row.cells)
        for column, cell in row.cells.items():
            headings[column - 1] = cell.text if cell.kind is CellKind.TEXT else NO_TEXT
        seen_any = True
        found = finder.look(row.number, (headings,))
        if found is not None:
            return found[1], row.number
        if finder.gives_up:
            break
    if seen_any:
        raise finder.nothing()
    return None


def _ranges(spans: Iterator[tuple[int, int]]) -> str:
    """Rows as a person says them: 5-8, 12."""
    return _told(_span_told(first, last) for first, last in spans)


def _span_told(first: int, last: int, column: str = "") -> str:
    """Rows, or the cells of a column in them: 5-8, E5-E8, E12."""
    return f"{column}{first}" if first == last else f"{column}{first}-{column}{last}"


def _told(spans: Iterator[str]) -> str:
    """So many of them as a person reads."""
    told = list(islice(spans, _RANGES_TOLD + 1))
    return ", ".join(told[:_RANGES_TOLD]) + (", …" if len(told) > _RANGES_TOLD else "")


def _columns_told(columns: Sequence[int]) -> str:
    return ", ".join(_letters(column) for column in columns)


def _letters(column: int) -> str:
    """The name of a column: 1 is A, 27 is AA."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
