"""Workbooks (XLSX): the rows of the sheets that a person sees, one at a time in bounded memory.

The cells are read here and not by openpyxl, which leaves out rows that stand behind a wrong dimension,
ends at the first cell that it cannot convert, takes a month typed in Chinese for a number, and writes the
content of cells into warnings. A cell that cannot be read must cost its own line and no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import lru_cache
from typing import BinaryIO, Final, NamedTuple

from ledger.imports.cells import FORMULA_CELL, OTHER_CELL, Cell, CellKind, percent_text
from ledger.imports.encodings import file_invalid
from ledger.imports.number_formats import Shows
from ledger.imports.spans import Spans, prolong
from ledger.imports.styles import PLAIN, Style, Styles
from ledger.imports.workbook import (
    PART_BYTES_MAX,
    SHEET_BYTES_MAX,
    STRINGS_BYTES_MAX,
    Package,
    PackagePart,
    damaged,
    sheet_tags,
    too_large,
)

ROWS_MAX: Final = 200_000
# a heading, and titles and blank lines above it
ROWS_ABOVE_MAX: Final = 1
COLUMNS_MAX: Final = 64
STRINGS_MAX: Final = 1_000_000
MERGES_MAX: Final = 200_000
# of one cell: no ID number and no wage is nearly as long
TEXT_MAX: Final = 256

# in points, and in characters: below it nothing of a cell can be seen
HEIGHT_SEEN: Final = Decimal(1)
WIDTH_SEEN: Final = Decimal("0.2")
_TEXT_KINDS: Final = frozenset({"s", "str", "inlineStr"})

_SHEET_ROWS: Final = 1_048_576
_COLUMN_SPANS_MAX: Final = 20_000
# of one column: no more of them are told
_SPANS_KEPT: Final = 1000
_TAGS: Final = sheet_tags("c", "col", "f", "mergeCell", "row", "rPh", "sheetFormatPr", "si", "t", "v")

_match_range = re.compile(r"([A-Z]{1,3})([0-9]{1,7})(?::([A-Z]{1,3})([0-9]{1,7}))?").fullmatch
_match_letters = re.compile(r"[A-Z]{1,3}").fullmatch
_match_number = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?").fullmatch
# how XLSX writes a character that XML has no place for
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


class Row(NamedTuple):
    """A row that is not blank: its number in the sheet, its cells by the number of their column."""

    number: int
    cells: dict[int, Cell]
    # by hand, by a filter, in a group that is folded up, or too small to be seen
    hidden: bool = False
    # columns whose cell does not show what is in it
    unseen: tuple[int, ...] = ()


class Sheet:
    """One sheet that is not hidden. It is read to the end when it is made, so that a damage is known.

    Refused (file_invalid) for what is damaged or too large.
    """

    def __init__(self, package: Package, place: str, strings: list[str | None], shown: list[Style]) -> None:
        self._package = package
        self._place = place
        self._strings = strings
        self._shown = shown
        cells = self._cells()
        self.count = 0
        hidden: list[tuple[int, int]] = []
        unseen: dict[int, list[tuple[int, int]]] = {}
        columns: set[int] = set()
        for row in self._read(cells, first=True):
            self.count += 1
            columns.update(row.cells)
            if row.hidden:
                prolong(hidden, row.number)
            for column in row.unseen:
                prolong(unseen.setdefault(column, []), row.number, _SPANS_KEPT)
            if self.count > ROWS_MAX + ROWS_ABOVE_MAX:
                raise file_invalid(f"the sheet has more than {ROWS_MAX} lines")
        self._merges = cells.merges
        self.hidden_rows = tuple(hidden)
        # by column, the rows whose cell does not show what is in it
        self.hidden_cells = dict(sorted(unseen.items()))
        self.hidden_columns = cells.concealed(sorted(columns))

    def rows(self) -> Iterator[Row]:
        """The rows that are not blank, in ascending order."""
        return self._read(self._cells())

    def merged_in(self, column: int) -> Spans:
        """The rows whose cell in a column is merged with others."""
        return Spans((top, bottom) for left, top, right, bottom in self._merges if left <= column <= right)

    def _cells(self) -> _Cells:
        return _Cells(self._strings, self._shown)

    def _read(self, cells: _Cells, *, first: bool = False) -> Iterator[Row]:
        for _ in self._package.blocks(self._place, SHEET_BYTES_MAX, cells, counted=first):
            yield from cells.rows
            cells.rows.clear()


class Workbook(NamedTuple):
    """The sheets of a workbook that can be seen, and how it counts days."""

    sheets: list[Sheet]
    since_1904: bool


def open_workbook(file: BinaryIO) -> Workbook:
    """Read a workbook once. Refused (file_invalid) for what is none, is locked, damaged or too large."""
    package = Package(file)
    places, strings, styles, since_1904 = package.places()
    texts, formats = _Strings(), Styles()
    if strings is not None:
        package.take(strings, STRINGS_BYTES_MAX, texts)
    if styles is not None:
        package.take(styles, PART_BYTES_MAX, formats)
    shown = formats.shown()
    return Workbook([Sheet(package, place, texts.texts, shown) for place in places], since_1904)


class _Text:
    """The text of one cell, put together from its pieces. One that is too long is none."""

    def __init__(self) -> None:
        self.taking = False
        self._pieces: list[str] = []
        self._length = 0

    def add(self, text: str) -> None:
        self._length += len(text)
        if self._length <= TEXT_MAX:
            self._pieces.append(text)

    def take_out(self) -> str | None:
        text = "".join(self._pieces) if self._length <= TEXT_MAX else None
        self._pieces.clear()
        self._length = 0
        if text is not None and "_x" in text:
            text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
        return text


class _Strings(PackagePart):
    """The texts that cells share; None for one that is too long."""

    def __init__(self) -> None:
        self.texts: list[str | None] = []
        self._text = _Text()
        # how a name is spoken, written above it
        self._is_reading_aid = False

    def start(self, tag: str, _attributes: dict[str, str]) -> None:
        match _TAGS.get(tag):
            case "rPh":
                self._is_reading_aid = True
            case "t":
                self._text.taking = not self._is_reading_aid

    def end(self, tag: str) -> None:
        match _TAGS.get(tag):
            case "rPh":
                self._is_reading_aid = False
            case "t":
                self._text.taking = False
            case "si":
                self.texts.append(self._text.take_out())
                if len(self.texts) > STRINGS_MAX:
                    raise too_large()

    def text(self, text: str) -> None:
        if self._text.taking:
            self._text.add(text)


class _Cells(PackagePart):
    """The rows of a sheet and its merged ranges. `rows` fills up; whoever reads takes them out."""

    def __init__(self, strings: list[str | None], shown: list[Style]) -> None:
        self.rows: list[Row] = []
        # left, top, right, bottom
        self.merges: list[tuple[int, int, int, int]] = []
        # first, last
        self._hidden_columns: list[tuple[int, int]] = []
        self._seen_columns: list[tuple[int, int]] = []
        # of what does not say its size
        self._hides_rows = self._hides_columns = False
        self._is_hidden = False
        self._unseen: list[int] = []
        self._strings = strings
        self._shown = shown
        self._row = self._column = 0
        self._cells: dict[int, Cell] = {}
        self._text = _Text()
        # of the cell that is being read; no kind: none is
        self._kind = self._style = ""
        self._has_formula = self._is_reading_aid = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        match _TAGS.get(tag):
            case "c":
                self._begin_cell(attributes)
            case "v":
                self._text.taking = self._kind not in {"", "inlineStr"}
            case "t":
                self._text.taking = self._kind == "inlineStr" and not self._is_reading_aid
            case "f":
                self._has_formula = True
            case "rPh":
                self._is_reading_aid = True
            case "row":
                self._begin_row(attributes)
            case "mergeCell":
                self._merge(attributes.get("ref", ""))
            case "col":
                self._column_span(attributes)
            case "sheetFormatPr":
                self._hides_columns = _is_small(attributes.get("defaultColWidth"), WIDTH_SEEN)
                self._hides_rows = _is_set(attributes, "zeroHeight") or (
                    _is_set(attributes, "customHeight")
                    and _is_small(attributes.get("defaultRowHeight"), HEIGHT_SEEN)
                )

    def end(self, tag: str) -> None:
        match _TAGS.get(tag):
            case "v" | "t":
                self._text.taking = False
            case "c":
                cell = self._cell()
                if cell is not None:
                    if self._column > COLUMNS_MAX:
                        raise file_invalid(f"the sheet has more than {COLUMNS_MAX} columns")
                    self._cells[self._column] = cell
                    style = self._style_of_cell()
                    if style.hides_text if self._kind in _TEXT_KINDS else style.hides_number:
                        self._unseen.append(self._column)
                self._kind = ""
            case "rPh":
                self._is_reading_aid = False
            case "row" if self._cells:
                self.rows.append(Row(self._row, self._cells, self._is_hidden, tuple(self._unseen)))
                self._cells, self._unseen = {}, []

    def text(self, text: str) -> None:
        if self._text.taking:
            self._text.add(text)

    def _begin_row(self, attributes: dict[str, str]) -> None:
        number = int(attributes.get("r", self._row + 1))
        # two rows of one number would be one line to a person
        if not self._row < number <= _SHEET_ROWS:
            raise damaged()
        self._row, self._column = number, 0
        self._is_hidden = _is_set(attributes, "hidden") or (
            _is_small(attributes["ht"], HEIGHT_SEEN)
            if "ht" in attributes
            else self._hides_rows and "hidden" not in attributes
        )

    def concealed(self, columns: Iterable[int]) -> tuple[int, ...]:
        """Which columns are hidden, or so narrow that nobody sees them; to ask at the end of the sheet."""
        hidden, seen = Spans(iter(self._hidden_columns)), Spans(iter(self._seen_columns))
        return tuple(one for one in columns if one in hidden or (self._hides_columns and one not in seen))

    def _column_span(self, attributes: dict[str, str]) -> None:
        span = int(attributes.get("min", "1")), int(attributes.get("max", "1"))
        if _is_set(attributes, "hidden") or _is_small(attributes.get("width"), WIDTH_SEEN):
            self._hidden_columns.append(span)
        elif "width" in attributes:
            self._seen_columns.append(span)
        if len(self._hidden_columns) + len(self._seen_columns) > _COLUMN_SPANS_MAX:
            raise too_large()

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        place = attributes.get("r")
        column = self._column + 1 if place is None else _column(place.rstrip("0123456789"))
        if column <= self._column:
            raise damaged()
        self._column = column
        self._kind = attributes.get("t", "n")
        self._style = attributes.get("s", "0")
        self._has_formula = False

    def _merge(self, text: str) -> None:
        place = _match_range(text)
        if place is None:
            raise damaged()
        left, top = _column(place[1]), int(place[2])
        right, bottom = (_column(place[3]), int(place[4])) if place[3] else (left, top)
        self.merges.append((left, top, right, bottom))
        if len(self.merges) > MERGES_MAX:
            raise too_large()

    def _cell(self) -> Cell | None:
        """The cell that ends here, None for a blank one."""
        text = self._text.take_out()
        if self._has_formula:
            return FORMULA_CELL
        if text is not None and self._kind == "s":
            text = self._shared(text)
        if text is None:
            return OTHER_CELL
        if not text or text.isspace():
            return None
        match self._kind:
            case "s" | "str" | "inlineStr":
                return Cell(CellKind.TEXT, text)
            case "n" if _match_number(text) is not None:
                return self._number(text)
            case "d":
                return Cell(CellKind.DATE, text)
            case "b" if text in {"0", "1"}:
                return Cell(CellKind.BOOLEAN, text)
        return OTHER_CELL

    def _shared(self, text: str) -> str | None:
        """The shared text of a number; empty where there is no number."""
        if not text:
            return ""
        place = int(text) if text.isascii() and text.isdigit() else len(self._strings)
        return self._strings[place] if place < len(self._strings) else None

    def _style_of_cell(self) -> Style:
        style = int(self._style) if self._style.isascii() and self._style.isdigit() else 0
        return self._shown[style] if style < len(self._shown) else PLAIN

    def _number(self, text: str) -> Cell:
        match self._style_of_cell().shows:
            case Shows.DAY:
                return Cell(CellKind.DATE, text)
            case Shows.PERCENT:
                # 0.5 that is shown as 50% is no amount of 0.50
                return Cell(CellKind.TEXT, percent_text(text))
        return Cell(CellKind.NUMBER, text)


def _is_set(attributes: dict[str, str], name: str) -> bool:
    return attributes.get(name, "0") in {"1", "true"}


@lru_cache(maxsize=1024)
def _is_small(size: str | None, seen: Decimal) -> bool:
    """Whether a row or column of this size is one that nobody sees; not where it says none."""
    return size is not None and _match_number(size) is not None and Decimal(size) < seen


@lru_cache(maxsize=1024)
def _column(letters: str) -> int:
    """The number of a column: A is 1, Z is 26, AA is 27. Refused (file_invalid) for what is none."""
    if _match_letters(letters) is None:
        raise damaged()
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number
