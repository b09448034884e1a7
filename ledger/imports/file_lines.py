"""One line of a file below its heading, whatever the file is, and which lines are none of the list's."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, Protocol

from ledger.imports.columns import fold_heading
from ledger.imports.headings import Layout
from ledger.imports.set_aside import TOTALS
from ledger.imports.spellings import plain
from ledger.refusals import RefusalCode, Refused

_SIGNS: Final = "制表|填表|填报|编制|审核|复核|审批|批准|经办|(?:单位|部门|财务|人事|劳资)?(?:负责人|主管)"
_signature = re.compile(
    rf"(?:{_SIGNS})(?:人|员|单位|部门|日期|时间)?(?: *\((?:签字|签名|签章|盖章|公章)\))?(?: *:.*)?"
    r"|(?:日期|注|备注|说明|填表说明|填报说明|打印日期|打印时间|联系电话|单位 *\(?(?:盖章|公章)\)?) *:.*"
    r"|(?:prepared|checked|reviewed|approved) by(?: *:.*)?|(?:signature|date|notes?) *:.*"
).fullmatch
_is_numbered = re.compile(r"[0-9]{15}|[0-9A-HJ-NP-Y]{18}").search


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
    # that do not show what is in them
    hidden_cells: str

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


def _is_signed(fields: Sequence[str], who: str) -> bool:
    """Whether a line is one of those below a list (制表人：…, 审核：…), and about nobody.

    `who` is what stands where a line says whom it is about.
    """
    first = next(filter(None, (plain(field) for field in fields)), "")
    return (
        _signature(first.casefold()) is not None
        and (not who.strip() or _signature(plain(who).casefold()) is not None)
        and not any(map(_is_numbered, fields))
    )


def is_aside(layout: Layout, line: FileLine) -> bool:
    """Whether a line that cannot be taken is none of the list's.

    It is blank, its totals, the heading again, or says below it who made the list and who looked at it.
    """
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
    place = layout.places[layout.names.index(layout.kind.who)]
    if _is_signed(line.fields, line.fields[place] if place < len(line.fields) else ""):
        return True
    who = named.get(layout.kind.who, "")
    return (not who or who in TOTALS) and any(text in TOTALS for text in folded)


def has_lines(opened: FileRead) -> bool:
    """Whether a file has a line of the list at all."""
    return not all(is_aside(opened.layout, line) for line in opened.lines())
