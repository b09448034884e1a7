"""A sheet as CSV, as spreadsheets of this country open it rightly."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ledger.csv_out import BYTE_ORDER_MARK, csv_line
from ledger.printing import words
from ledger.printing.sheet import Cell, CellHolds, PrintedSheet
from ledger.printing.words import in_capitals, told, told_total, totals_of

# What spreadsheets take for a number, a date or a time. A code of eighteen digits would lose its last three,
# one that begins with a nought that nought; a tab behind it keeps it a text and is not seen.
_match_number_like = re.compile(r"[0-9.,:/%eE+\- ]*[0-9][0-9.,:/%eE+\- ]*").fullmatch


def csv_of(sheet: PrintedSheet) -> bytes:
    """The head, the tables one below the other, sums, sentences and notes; UTF-8 with its mark."""
    return (BYTE_ORDER_MARK + "".join(csv_line(cells, "\r\n") for cells in _lines(sheet))).encode()


def _lines(sheet: PrintedSheet) -> Iterator[tuple[str, ...]]:
    yield (sheet.title,)
    for label, value in words.about(sheet):
        yield label, _text(value)
    for fact in sheet.head:
        yield fact.title, _cell(fact.value, fact.holds)
    for table in sheet.tables:
        yield ()
        yield (table.title,)
        yield tuple(column.title for column in table.columns)
        holds = tuple(column.holds for column in table.columns)
        for line in table.lines:
            yield tuple(_cell(cell, held) for cell, held in zip(line, holds, strict=True))
        totals = totals_of(table)
        if totals is not None:
            yield tuple(told_total(cell, held) for cell, held in zip(totals, holds, strict=True))
    if sheet.sums:
        yield ()
    for one in sheet.sums:
        figures = told(one.fen, CellHolds.MONEY)
        yield (one.title, figures, in_capitals(one)) if one.certified else (one.title, figures)
    if sheet.words:
        yield ()
    yield from ((sentence,) for sentence in sheet.words)
    if sheet.notes:
        yield ()
        yield (words.NOTES,)
    yield from ((note,) for note in sheet.notes)


def _cell(cell: Cell, holds: CellHolds) -> str:
    text = told(cell, holds)
    return _text(text) if holds is CellHolds.TEXT else text


def _text(text: str) -> str:
    return f"{text}\t" if _match_number_like(text) else text
