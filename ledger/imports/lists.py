"""Lists that employers hand in: who earned what in a month, as CSV or XLSX, a line at a time.

A line is judged by its form alone. Whether the ID number is one, and whose, is for others to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Context, InvalidOperation
from typing import BinaryIO, Final, Literal, NamedTuple
from unicodedata import category

from ledger.imports.lines import TextLine, file_invalid, read_lines, survey
from ledger.imports.rows import split
from ledger.imports.sheets import Cell, CellKind, Row, Sheet, Spans
from ledger.money import parse_yuan
from ledger.refusals import PRECEDENCE, RefusalCode, Refused
from ledger.texts import asks_for_cash

ID_NUMBER: Final = "id_number"
WAGE: Final = "wage"
_NAME: Final = "name"
_HEADINGS: Final = {
    ID_NUMBER: ID_NUMBER,
    "证件号码": ID_NUMBER,
    "身份证号": ID_NUMBER,
    "身份证号码": ID_NUMBER,
    "公民身份号码": ID_NUMBER,
    WAGE: WAGE,
    "工资": WAGE,
    "月工资": WAGE,
    "缴费工资": WAGE,
    "申报工资": WAGE,
    _NAME: _NAME,
    "姓名": _NAME,
}
# beside the words of every door
_CASH_HEADINGS: Final = ("现金", "银行", "提现", "收款")

_APOSTROPHES: Final = ("'", "\u2019", "\u2018", "\uff07")
_FULL_WIDTH = re.compile("[\uff10-\uff19\uff38\uff58\uff0e\u3002\uff61]")
# what a spreadsheet makes of an ID number that it takes for a number
_match_rounded = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?[eE][+-]?[0-9]+|[0-9]+\.[0-9]*").fullmatch
_match_wage = re.compile(r"(0|[1-9][0-9]*)(?:\.([0-9]{1,2}))?").fullmatch
_MONTH: Final = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_match_day = re.compile(
    r"[0-9]{4}([-/])[0-9]{1,2}(?:\1[0-9]{1,2})?(?:[ T].*)?"  # 2026-03, 2026/3/1, 2026-03-01 00:00:00
    r"|[0-9]{4}\.[0-9]{1,2}\.[0-9]{1,2}"  # 2026.3.1; 2026.03 may be a wage
    r"|[0-9]{1,2}([-/.])[0-9]{1,2}\2(?:[0-9]{2}|[0-9]{4})"  # 1/3/2026
    r"|(?:[0-9]{2,4} *年)? *[0-9]{1,2} *月(?: *[0-9]{1,2} *[日号])?|[0-9]{2,4} *年"  # 2026年3月, 3月1日
    rf"|(?:[0-9]{{1,2}}[- ])?{_MONTH}(?:[- ][0-9]{{2,4}})?",  # 1-Mar, Mar-26
    re.IGNORECASE,
).fullmatch

# The last field of a last line without a line end: one that has been cut has not this form any more.
_SELF_ENDING: Final = {
    ID_NUMBER: re.compile(r"[0-9]{17}[0-9Xx]").fullmatch,
    WAGE: re.compile(r"[0-9]+\.[0-9]{2}").fullmatch,
}


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


class _Field(NamedTuple):
    """One of the two fields: what could be read, and why it cannot be taken."""

    text: str
    code: RefusalCode | None = None


class _Columns(NamedTuple):
    """The places of the columns, from 0. `unnamed` have no heading, and nothing may stand in them."""

    id_number: int
    wage: int
    unnamed: tuple[int, ...]
    width: int


def read_list(file: BinaryIO, media: Literal["csv", "xlsx"]) -> Iterator[ListLine]:
    """The lines of a list that are not blank, in ascending order, good and bad.

    Refused on the call itself with file_invalid for what cannot be read as a whole, and with cash_forbidden
    for a column that would lead money out. The file has to be seekable, and stay open while lines are read.
    """
    file.seek(0)
    return _csv(file) if media == "csv" else _xlsx(file)


# -- the heading -----------------------------------------------------------------------------------------


def _columns(headings: Sequence[str]) -> _Columns:
    """What the columns mean. One that is not known is named by its place: a person may stand there."""
    # 姓　名 is written with a blank to make it as wide as its neighbours
    names = ["".join(heading.split()) for heading in headings]
    if any(asks_for_cash(name) or any(word in name for word in _CASH_HEADINGS) for name in names):
        raise Refused(RefusalCode.CASH_FORBIDDEN, problem="a column would lead account money out as cash")
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        if not name:
            continue
        column = _HEADINGS.get(name)
        if column is None:
            raise file_invalid(f"column {place + 1} of the first line is not known in an employer's list")
        if column in places:
            raise file_invalid(f"column {column} stands there twice")
        places[column] = place
    for column in (ID_NUMBER, WAGE):
        if column not in places:
            raise file_invalid(f"column {column} is missing in an employer's list")
    unnamed = tuple(place for place, name in enumerate(names) if not name)
    return _Columns(places[ID_NUMBER], places[WAGE], unnamed, len(names))


# -- the two fields --------------------------------------------------------------------------------------


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


def _written(text: str) -> RefusalCode | None:
    """The same, for what stands below dates and numbers."""
    if _FULL_WIDTH.search(text) is not None:
        return RefusalCode.FULL_WIDTH_DIGITS
    if text.startswith(_APOSTROPHES):
        return RefusalCode.LEADING_APOSTROPHE
    return None


def _id_number(sent: str) -> _Field:
    text = sent.strip()
    code = _typed(text)
    if code is None and _match_rounded(text) is not None:
        code = RefusalCode.NUMBER_IN_CELL
    if code is not None:
        return _Field("", code)
    return _Field(text, _written(text))


def _wage(sent: str) -> _Field:
    text = sent.strip()
    code = _typed(text)
    if code is None and _match_day(text) is not None:
        code = RefusalCode.DATE_IN_CELL
    code = code or _written(text)
    return _amount(text) if code is None else _Field("", code)


def _amount(text: str) -> _Field:
    wrong = _Field("", RefusalCode.WAGE_INVALID)
    found = _match_wage(text)
    if found is None:
        return wrong
    wage = f"{found[1]}.{found[2] or '':0<2}"
    try:
        return _Field(wage) if parse_yuan(wage) > 0 else wrong
    except Refused:
        return wrong


def judged(number: int, id_number: str, wage: str) -> ListLine:
    """One line from the text of its two fields."""
    return _line(number, _id_number(id_number), _wage(wage))


def _line(number: int, id_number: _Field, wage: _Field) -> ListLine:
    codes = [field.code for field in (id_number, wage) if field.code is not None]
    return ListLine(number, id_number.text, wage.text, min(codes, key=PRECEDENCE.__getitem__, default=None))


def _unreadable(number: int) -> ListLine:
    return ListLine(number, "", "", RefusalCode.SHAPE_INVALID)


# -- CSV -------------------------------------------------------------------------------------------------


def _csv(file: BinaryIO) -> Iterator[ListLine]:
    if file.read(4) == b"PK\x03\x04":
        raise file_invalid("the file is an XLSX workbook, or another ZIP file, and no CSV")
    file.seek(0)
    encoding = survey(file).encoding
    file.seek(0)
    lines = read_lines(file, encoding)
    for line in lines:
        if line.text is None:
            raise file_invalid("the first line is not a header: it is too long, or holds control characters")
        try:
            headings = split(line.text)
        except Refused:
            raise file_invalid("the header's quotes do not fit") from None
        if not _is_blank(headings):
            return _csv_lines(lines, _columns(headings))
    raise file_invalid("the file has no header")


def _csv_lines(lines: Iterator[TextLine], columns: _Columns) -> Iterator[ListLine]:
    for line in lines:
        if line.text is None:
            yield _unreadable(line.number)
            continue
        try:
            fields = split(line.text)
        except Refused:
            yield _unreadable(line.number)
            continue
        if _is_blank(fields):
            continue
        if (
            len(fields) != columns.width
            or any(fields[place].strip() for place in columns.unnamed)
            or not (line.terminated or _is_whole(fields[-1].strip(), columns))
        ):
            yield _unreadable(line.number)
        else:
            yield judged(line.number, fields[columns.id_number], fields[columns.wage])


def _is_blank(fields: Sequence[str]) -> bool:
    return not any(field.strip() for field in fields)


def _is_whole(field: str, columns: _Columns) -> bool:
    """Whether the last field of a line without a line end can have lost nothing."""
    last = {columns.id_number: ID_NUMBER, columns.wage: WAGE}.get(columns.width - 1)
    return last is not None and _SELF_ENDING[last](field) is not None


# -- XLSX ------------------------------------------------------------------------------------------------


def _xlsx(file: BinaryIO) -> Iterator[ListLine]:
    sheet = Sheet(file)
    if sheet.first is None:
        raise file_invalid("the sheet is empty")
    number, cells = sheet.first
    headings = [""] * max(cells)
    for column, cell in cells.items():
        if cell.kind is not CellKind.TEXT:
            raise file_invalid(f"the heading of column {column} is no text")
        headings[column - 1] = cell.text
    columns = _columns(headings)
    id_numbers, wages = sheet.merged_in(columns.id_number + 1), sheet.merged_in(columns.wage + 1)
    if number in id_numbers or number in wages:
        raise file_invalid("a heading is merged with other cells")
    return (_row(row, columns, id_numbers, wages) for row in sheet.rows() if row.number != number)


def _row(row: Row, columns: _Columns, id_numbers: Spans, wages: Spans) -> ListLine:
    if any(column > columns.width or column - 1 in columns.unnamed for column in row.cells):
        return _unreadable(row.number)
    id_number = _id_cell(row.cells.get(columns.id_number + 1))
    if row.number in id_numbers:
        id_number = _Field("", RefusalCode.MERGED_CELL)
    wage = _wage_cell(row.cells.get(columns.wage + 1))
    if row.number in wages:
        wage = _Field("", RefusalCode.MERGED_CELL)
    return _line(row.number, id_number, wage)


_NO_TEXT: Final = {
    CellKind.FORMULA: _Field("", RefusalCode.FORMULA_IN_CELL),
    CellKind.DATE: _Field("", RefusalCode.DATE_IN_CELL),
    CellKind.OTHER: _Field("", RefusalCode.SHAPE_INVALID),
}
_EMPTY: Final = Cell(CellKind.TEXT, "")
_FIFTEEN_DIGITS: Final = Context(prec=15)


def _id_cell(cell: Cell | None) -> _Field:
    kind, text = cell or _EMPTY
    if kind is CellKind.NUMBER:
        return _Field("", RefusalCode.NUMBER_IN_CELL)
    return _NO_TEXT.get(kind) or _id_number(text)


def _wage_cell(cell: Cell | None) -> _Field:
    kind, text = cell or _EMPTY
    if kind is CellKind.NUMBER:
        return _amount(_typed_number(text))
    return _NO_TEXT.get(kind) or _wage(text)


def _typed_number(text: str) -> str:
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
