"""Lists that employers hand in: who earned what in a month, as CSV or XLSX, a line at a time.

A line is judged by its form alone. Whether the ID number is one, and whose, is for others to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, Final, NamedTuple
from unicodedata import category

from ledger.imports.columns import LIST, Holds
from ledger.imports.encodings import file_invalid
from ledger.imports.faults import lost_digits, typing_fault
from ledger.imports.file_lines import FileLine, FileRead, is_aside
from ledger.imports.reader import Media, open_file
from ledger.imports.spellings import amount_text, number_text, plain
from ledger.money import parse_yuan
from ledger.refusals import PRECEDENCE, RefusalCode, Refused

# a full stop of Chinese where a point belongs
_FULL_WIDTH = re.compile("[\u3002\uff61]")
# what a spreadsheet makes of an ID number that it takes for a number
_match_number = re.compile(r"[0-9]+\.[0-9]*").fullmatch
_MONTH: Final = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_match_day = re.compile(
    r"[0-9]{4}([-/])[0-9]{1,2}(?:\1[0-9]{1,2})?(?:[ T].*)?"  # 2026-03, 2026/3/1, 2026-03-01 00:00:00
    r"|[0-9]{4}\.[0-9]{1,2}\.[0-9]{1,2}"  # 2026.3.1; 2026.03 may be a wage
    r"|[0-9]{1,2}([-/.])[0-9]{1,2}\2(?:[0-9]{2}|[0-9]{4})"  # 1/3/2026
    r"|(?:[0-9]{2,4} *年)? *[0-9]{1,2} *月(?: *[0-9]{1,2} *[日号])?|[0-9]{2,4} *年"  # 2026年3月, 3月1日
    rf"|(?:[0-9]{{1,2}}[- ])?{_MONTH}(?:[- ][0-9]{{2,4}})?",  # 1-Mar, Mar-26
    re.IGNORECASE,
).fullmatch


class ListLine(NamedTuple):
    """One line of a list that is not blank."""

    line: int
    """As the person sees it: the line of the CSV, the row of the sheet."""
    id_number: str
    """As sent, without the blanks around it; empty when it could not be read."""
    wage: str
    """Yuan with two decimals, such as "8000.00", more than zero; empty when it could not be read."""
    code: RefusalCode | None
    """Why the line cannot be taken, the first by precedence."""

    @property
    def form(self) -> RefusalCode | None:
        """The code, also of an ID number that a spreadsheet has rounded: it is no number of somebody else."""
        if self.code is None and lost_digits(self.id_number):
            return RefusalCode.NUMBER_IN_CELL
        return self.code


class _Field(NamedTuple):
    """One of the two fields: what could be read, and why it cannot be taken."""

    text: str
    code: RefusalCode | None = None


def require_nil_said(*, said: bool) -> None:
    """Raise Refused (file_invalid) for a list without a line, unless its control totals say that it has none.

    It would say that nobody was employed in the month, which must not come about by a file that was cut.
    """
    if not said:
        raise file_invalid(
            "the list has no line: if nobody was employed in the month hand it in as a nil list, by saying"
            " that it has none (lines=0 beside the file, or --lines 0)"
        )


def read_list(
    file: BinaryIO, media: Media | None = None, *, include_hidden: bool = False
) -> Iterator[ListLine]:
    """The lines of a list that are not blank, in ascending order, good and bad.

    Refused on the call itself as `open_file` does. The file has to be seekable, and stay open while lines are
    read.
    """
    return lines_of(open_file(file, LIST, media=media, include_hidden=include_hidden))


def lines_of(opened: FileRead) -> Iterator[ListLine]:
    """The lines of a list that was opened."""
    for line in opened.lines():
        judged = judge_line(line)
        if judged.code is None or not is_aside(opened.layout, line):
            yield judged


def judge_line(line: FileLine) -> ListLine:
    """One line with a person and a wage, by its form."""
    if line.row is None:
        return ListLine(line.number, "", "", RefusalCode.SHAPE_INVALID)
    faults: Mapping[str, RefusalCode] = line.faults or {}
    id_number = _judged(line.row["id_number"], faults.get("id_number"), _id_number)
    wage = _judged(line.row["wage"], faults.get("wage"), _wage)
    other = [code for name, code in faults.items() if name not in {"id_number", "wage"}]
    codes = [code for code in (id_number.code, wage.code, *other) if code is not None]
    code = min(codes, key=PRECEDENCE.__getitem__, default=None)
    return ListLine(line.number, id_number.text, wage.text, code)


def _judged(text: str, fault: RefusalCode | None, how: Callable[[str], _Field]) -> _Field:
    return how(text) if fault is None else _Field("", fault)


def _is_printable(text: str) -> bool:
    """False for what a person does not see but a comparison does: controls, marks of direction, halves."""
    return text.isprintable() or not any(
        category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in text
    )


def _typed(text: str) -> RefusalCode | None:
    """What is wrong with a text in either field, by precedence; dates and numbers come in between."""
    if not text or not _is_printable(text):
        return RefusalCode.SHAPE_INVALID
    if text.startswith("="):
        return RefusalCode.FORMULA_IN_CELL
    return None


def _id_number(sent: str) -> _Field:
    text = number_text(sent)
    code = _typed(text)
    if code is None and _match_number(text) is not None:
        code = RefusalCode.NUMBER_IN_CELL
    code = code or typing_fault(Holds.ID_NUMBER, text)
    if code is RefusalCode.LEADING_APOSTROPHE:
        return _Field(text, code)
    if code is not None:
        return _Field("", code)
    return _Field(text, RefusalCode.FULL_WIDTH_DIGITS if _FULL_WIDTH.search(text) else None)


def _wage(sent: str) -> _Field:
    text = plain(sent)
    code = _typed(text)
    if code is None and _match_day(text) is not None:
        code = RefusalCode.DATE_IN_CELL
    if code is None and _FULL_WIDTH.search(text) is not None:
        code = RefusalCode.FULL_WIDTH_DIGITS
    code = code or typing_fault(Holds.AMOUNT, text)
    if code is not None:
        return _Field("", code)
    wrong = _Field("", RefusalCode.WAGE_INVALID)
    wage = amount_text(text)
    try:
        return wrong if wage is None or parse_yuan(wage) == 0 else _Field(wage)
    except Refused:
        return wrong
