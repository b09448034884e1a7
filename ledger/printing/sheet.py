"""What stands on a printed document, without how it looks: every form of it is made from one sheet.

Texts are Chinese, as they are printed. A sheet is made once, kept as facts, and read back equal: what a form
shows may depend on nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Form(StrEnum):
    """In which form a document is handed out."""

    PDF = "pdf"
    HTML = "html"
    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"


class CellHolds(StrEnum):
    """What the cells of a column hold: text as str, fen as int, a count as int, a date, a month as yyyymm."""

    TEXT = "text"
    MONEY = "money"
    COUNT = "count"
    DAY = "day"
    MONTH = "month"


Cell = str | int | date | None
"""One cell; None is empty."""


@dataclass(frozen=True, slots=True)
class PrintedColumn:
    """A column of a table: its key in the signed data, its printed title, and what it holds."""

    key: str
    title: str
    holds: CellHolds


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a sheet: its lines, and their totals in the same columns."""

    key: str
    title: str
    columns: tuple[PrintedColumn, ...]
    lines: tuple[tuple[Cell, ...], ...]
    totals: tuple[Cell, ...] | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled value of the head, such as the name or the period in words."""

    key: str
    title: str
    value: Cell
    holds: CellHolds = CellHolds.TEXT


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum that the document states, in fen; `certified` ones are printed in capital numerals as well."""

    key: str
    title: str
    fen: int
    certified: bool = False


@dataclass(frozen=True, slots=True)
class PrintedSheet:
    """A document, whole: what it is called and checked by, its head, tables, sums, sentences and notes."""

    kind: str
    title: str
    serial: str
    verification_code: str
    check_address: str
    issued_at: str
    agency: str
    head: tuple[Fact, ...]
    tables: tuple[Table, ...]
    sums: tuple[Sum, ...] = ()
    # sentences that readers look for, such as the last unbroken period, in words
    words: tuple[str, ...] = ()
    # whom to ask, on what law it stands, how to check it
    notes: tuple[str, ...] = ()
