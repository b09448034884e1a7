"""What a cell of a workbook holds, and what it says in a column: the text that a CSV would have there."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Context, Decimal, InvalidOperation
from enum import Enum, auto
from typing import Final, NamedTuple

from ledger.imports.columns import Holds
from ledger.months import format_period, period_of
from ledger.refusals import RefusalCode


class CellKind(Enum):
    """What a cell holds."""

    TEXT = auto()
    NUMBER = auto()
    # a day, a month or a time: to the file it is a number, to a person it is none
    DATE = auto()
    BOOLEAN = auto()
    # also one whose value of last time is in the file
    FORMULA = auto()
    # an error (#N/A), or what cannot be read
    OTHER = auto()


class Cell(NamedTuple):
    """A cell that is not blank. `text` is as the file has it, empty where it cannot be read."""

    kind: CellKind
    text: str


FORMULA_CELL: Final = Cell(CellKind.FORMULA, "")
OTHER_CELL: Final = Cell(CellKind.OTHER, "")
_BLANK: Final = Cell(CellKind.TEXT, "")
_FIFTEEN_DIGITS: Final = Context(prec=15)
# where a spreadsheet begins to count days; it counts a 29 February 1900, so nothing before March 1900 is read
_EPOCHS: Final = {False: date(1899, 12, 30), True: date(1904, 1, 1)}
_FIRST_DAY: Final = date(1900, 3, 1)
_DAYS_MAX: Final = 2_958_465
_NUMBERS: Final = frozenset({Holds.AMOUNT, Holds.AREA, Holds.SEX, Holds.TEXT, Holds.ANYTHING})
_NAMES: Final = frozenset({Holds.INSTITUTION, Holds.KEY})


def cell_text(cell: Cell | None, holds: Holds, *, since_1904: bool = False) -> str | RefusalCode:
    """The text of a cell in a column that holds such things, or why it cannot be read there."""
    kind, text = cell or _BLANK
    if kind is CellKind.TEXT:
        return text
    if kind is CellKind.FORMULA:
        return RefusalCode.FORMULA_IN_CELL
    if kind is CellKind.NUMBER:
        return _number(text, holds)
    if kind is CellKind.DATE:
        return _date(text, holds, since_1904=since_1904)
    if kind is CellKind.BOOLEAN and holds is Holds.FLAG:
        return "true" if text == "1" else "false"
    return RefusalCode.SHAPE_INVALID


def _number(text: str, holds: Holds) -> str | RefusalCode:
    if holds in _NUMBERS or holds in _NAMES:
        typed = typed_number(text)
        if holds is Holds.AMOUNT:
            # what is no amount is told as it stands there
            return typed or text
        if typed.isdigit() and len(typed) <= _FIFTEEN_DIGITS.prec:
            return typed
    return RefusalCode.SHAPE_INVALID if holds in {Holds.DAY, Holds.MONTH} else RefusalCode.NUMBER_IN_CELL


def typed_number(text: str) -> str:
    """What was typed into a number cell; nothing for what is no amount of a sensible size.

    The file keeps 17 digits of a number, more than were typed: 1.1 stands there as 1.1000000000000001. A
    spreadsheet takes 15 digits, so those are what was typed. No binary number comes near it (K1).
    """
    try:
        number = _FIFTEEN_DIGITS.create_decimal(text)
    except InvalidOperation:
        return ""
    if not number.is_finite() or abs(number.adjusted()) > _FIFTEEN_DIGITS.prec:
        return ""
    return format(number.normalize(), "f")


def percent_text(text: str) -> str:
    """What a cell shows whose format shows a hundred times its number: 50% for 0.5."""
    typed = typed_number(text)
    return f"{typed_number(str(Decimal(typed) * 100))}%" if typed else f"{text}%"


def _date(text: str, holds: Holds, *, since_1904: bool) -> str | RefusalCode:
    if holds not in {Holds.DAY, Holds.MONTH}:
        return RefusalCode.DATE_IN_CELL
    day = _day(text, since_1904=since_1904)
    if day is None:
        return RefusalCode.SHAPE_INVALID
    if holds is Holds.DAY:
        return day.isoformat()
    # as which a spreadsheet keeps a month that was typed
    return format_period(period_of(day)) if day.day == 1 else RefusalCode.PERIOD_INVALID


def _day(text: str, *, since_1904: bool) -> date | None:
    """The day of a date cell: a whole number of days, or written out. None for a time, or what is none."""
    if "-" in text[1:]:
        written, _, time = text.partition("T")
        try:
            return date.fromisoformat(written) if not time.strip("0:.Z") else None
        except ValueError:
            return None
    days = typed_number(text)
    if not days.isdigit() or int(days) > _DAYS_MAX:
        return None
    day = _EPOCHS[since_1904] + timedelta(days=int(days))
    return day if day >= _FIRST_DAY else None
