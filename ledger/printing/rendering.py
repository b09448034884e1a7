"""A sheet in one of its forms, as bytes: the same sheet, form and maker give the same bytes for ever."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ledger.printing.sheet import Form, PrintedSheet

LINES_MAX: Final = 20_000
"""How many lines the tables of a sheet may have together when it is drawn; signed JSON has no bound."""

_CSV: Final = "csv-2"
_JSON: Final = "json-1"


class TooLong(ValueError):
    """The sheet has more lines than are drawn: it wants a shorter period."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The bytes of a document, their media type, and how many pages they have when printed (1 for data)."""

    content: bytes
    media_type: str
    pages: int


def lines_of(sheet: PrintedSheet) -> int:
    """How many lines the tables of a sheet have together."""
    return sum(len(table.lines) for table in sheet.tables)


def made_by(form: Form) -> str:
    """What makes this form: versions of form, libraries and font. Other text, other bytes."""
    if form is Form.PDF:
        from ledger.printing.pdf import pdf_made_by

        return pdf_made_by()
    if form is Form.HTML:
        from ledger.printing.html_view import html_made_by

        return html_made_by()
    if form is Form.XLSX:
        from ledger.printing.xlsx_file import xlsx_made_by

        return xlsx_made_by()
    return _CSV if form is Form.CSV else _JSON


def rendered(sheet: PrintedSheet, form: Form, signed: bytes) -> Rendered:
    """The sheet in a form; `signed` is its data as a flattened JWS, which a PDF carries inside.

    TooLong past LINES_MAX lines. A form loads what draws it when it is first asked for.
    """
    if form is Form.JSON:
        return Rendered(signed, "application/json", 1)
    if lines_of(sheet) > LINES_MAX:
        raise TooLong(f"{lines_of(sheet)} lines, and {LINES_MAX} are drawn")
    if form is Form.PDF:
        from ledger.printing.pdf import pdf_of

        content, pages = pdf_of(sheet, signed)
        return Rendered(content, "application/pdf", pages)
    if form is Form.HTML:
        from ledger.printing.html_view import html_of

        return Rendered(html_of(sheet), "text/html; charset=utf-8", 1)
    if form is Form.XLSX:
        from ledger.printing.xlsx_file import xlsx_of

        media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        return Rendered(xlsx_of(sheet), media_type, 1)
    from ledger.printing.csv_file import csv_of

    return Rendered(csv_of(sheet), "text/csv; charset=utf-8", 1)
