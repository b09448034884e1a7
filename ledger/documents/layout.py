"""What all documents have: their head, their notes, and how a cell is put. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger.chart.documents import DocumentKind
from ledger.clock import AREA_ZONE
from ledger.documents.asked import Span
from ledger.documents.facts import Insured, Issue, Unit
from ledger.documents.wording import (
    HOW_TO_CHECK,
    ITS_FORCE,
    LEGAL_BASIS,
    STATUSES,
    TITLES,
    WHOM_TO_ASK,
)
from ledger.printing.sheet import Cell, CellHolds, Fact, PrintedColumn, PrintedSheet, Sum, Table

_SEXES: Final = {1: "男", 2: "女"}
Titled = tuple[str, str, CellHolds]
"""A column by its key, its title, and what it holds."""


def person_head(whose: Insured) -> tuple[Fact, ...]:
    """Who it is about."""
    return (
        Fact("name", "姓名", whose.name),
        Fact("sex", "性别", _SEXES.get(whose.sex or 0)),
        Fact("id_number", "证件号码", whose.id_number),
        Fact("account_no", "账户编号", whose.account_no),
        Fact("status", "参保状态", STATUSES[whose.status]),
        Fact("unit", "现单位", whose.unit),
        Fact("area", "参保地", whose.area),
    )


def unit_head(whose: Unit) -> tuple[Fact, ...]:
    """Which employer it is about."""
    return (
        Fact("unit", "单位名称", whose.name),
        Fact("credit_code", "统一社会信用代码", whose.credit_code),
        Fact("area", "参保地", whose.area),
    )


def span_head(span: Span) -> tuple[Fact, ...]:
    """From when to when."""
    return (
        Fact("from", "起始日期", span.first, CellHolds.DAY),
        Fact("to", "截止日期", span.last, CellHolds.DAY),
    )


def table(
    key: str,
    title: str,
    columns: Sequence[Titled],
    lines: Sequence[Sequence[Cell]],
    totals: Sequence[Cell] | None = None,
) -> Table:
    """A table, each line of it as wide as its columns."""
    wide = len(columns)
    if any(len(line) != wide for line in (*lines, *(() if totals is None else (totals,)))):
        raise AssertionError("a line is as wide as its table")
    return Table(
        key,
        title,
        tuple(PrintedColumn(*one) for one in columns),
        tuple(tuple(line) for line in lines),
        None if totals is None else tuple(totals),
    )


def sheet(
    kind: DocumentKind,
    issue: Issue,
    area: str,
    head: Sequence[Fact],
    tables: Sequence[Table],
    sums: Sequence[Sum] = (),
    words: Sequence[str] = (),
    *,
    title: str | None = None,
) -> PrintedSheet:
    """A document of a kind, with how it is checked, whom to ask, and on what law it stands (R70)."""
    return PrintedSheet(
        kind=kind.word,
        title=TITLES[kind] if title is None else title,
        serial=issue.serial,
        verification_code=issue.verification_code,
        check_address=issue.check_address,
        issued_at=issue.issued_at.astimezone(AREA_ZONE).isoformat(timespec="seconds"),
        agency=f"{area}医疗保障经办机构",
        # a label with nothing behind it says nothing
        head=tuple(fact for fact in head if fact.value not in {None, ""}),
        tables=tuple(tables),
        sums=tuple(sums),
        words=tuple(words),
        notes=(f"法律依据：{LEGAL_BASIS[kind]}。", WHOM_TO_ASK, ITS_FORCE, HOW_TO_CHECK),
    )
