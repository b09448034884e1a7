"""One line of a file below its heading, whatever the file is, and which lines are none of the list's."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from ledger.imports.columns import TOTALS, fold_heading
from ledger.imports.headings import Layout
from ledger.refusals import RefusalCode, Refused


class FileLine(NamedTuple):
    """One line below the heading.

    `row` has its fields by column, None when it is not whole; of a workbook those that cannot be read are
    empty there and have their code in `faults`. `fields` is all that stands in it, in the file's order.
    """

    number: int
    row: dict[str, str] | None
    fields: Sequence[str]
    # where the next one begins, in bytes or what stands for them
    end: int
    faults: dict[str, RefusalCode] | None = None


class FileRead(Protocol):
    """A file that was looked at and can be read as a whole."""

    layout: Layout
    digest: str
    # in bytes
    size: int
    hidden_rows: str
    hidden_columns: str

    def lines(self, after: tuple[int, int] | None = None) -> Iterator[FileLine]:
        """The lines below the heading; or `after` one, its number and its end."""


def split(text: str, separator: str = ",") -> list[str]:
    """The fields of a line. Raises Refused (shape_invalid) for quotes that do not fit."""
    if '"' not in text:
        return text.split(separator)
    try:
        return next(csv.reader([text], strict=True, delimiter=separator))
    except csv.Error:
        raise Refused(RefusalCode.SHAPE_INVALID) from None


def is_blank(fields: Sequence[str]) -> bool:
    return not any(field.strip() for field in fields)


def is_aside(layout: Layout, line: FileLine) -> bool:
    """Whether a line that cannot be taken is none of the list's: blank, its totals, or the heading again."""
    if is_blank(line.fields):
        return bool(line.fields)
    folded = [fold_heading(field) for field in line.fields]
    named = {
        name: folded[place]
        for name, place in zip(layout.names, layout.places, strict=True)
        if place < len(folded)
    }
    if named and all(layout.kind.by_heading.get(text) == name for name, text in named.items()):
        return True
    who = named.get(layout.kind.who, "")
    return (not who or who in TOTALS) and any(text in TOTALS for text in folded)
