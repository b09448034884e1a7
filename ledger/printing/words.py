"""How what a sheet holds is written, alike in every form that people read."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ledger.clock import AREA_ZONE
from ledger.money import format_yuan
from ledger.months import format_period
from ledger.printing.capitals import capitals
from ledger.printing.sheet import Cell, CellHolds, Fact, PrintedSheet, Sum, Table

NOTHING: Final = "（无记录）"
UNIT: Final = "单位：元"
NOTES: Final = "说明"
TOTAL: Final = "合计"
SCAN: Final = "扫码核验"
SEAL: Final = "经办机构（盖章）"
_MONEY_TITLE: Final = "元"


def told(cell: Cell, holds: CellHolds) -> str:
    """A cell as text: fen as yuan with two decimals, a month as 2025-07, nothing for None.

    TypeError for a cell that is not what its column holds.
    """
    if cell is None:
        return ""
    if holds is CellHolds.TEXT:
        if not isinstance(cell, str):
            raise TypeError(f"{holds} holds no {type(cell).__name__}")
        return cell
    if holds is CellHolds.DAY:
        if isinstance(cell, str | int | datetime):
            raise TypeError(f"{holds} holds no {type(cell).__name__}")
        return cell.isoformat()
    if not isinstance(cell, int) or isinstance(cell, bool):
        raise TypeError(f"{holds} holds no {type(cell).__name__}")
    if holds is CellHolds.MONEY:
        return format_yuan(cell)
    return format_period(cell) if holds is CellHolds.MONTH else str(cell)


def told_fact(fact: Fact) -> str:
    """The value of a fact of the head; a sum of money says its unit."""
    text = told(fact.value, fact.holds)
    return f"{text} {_MONEY_TITLE}" if text and fact.holds is CellHolds.MONEY else text


def told_sum(one: Sum) -> str:
    """A sum in figures and, where it is certified, in capital numerals."""
    figures = f"{one.title}：{format_yuan(one.fen)} {_MONEY_TITLE}"
    return f"{figures}（大写：{in_capitals(one)}）" if one.certified else figures


def in_capitals(one: Sum) -> str:
    """A sum in capital numerals with the name of the currency, which stands directly before them."""
    return f"人民币{capitals(one.fen)}"


def totals_of(table: Table) -> tuple[Cell, ...] | None:
    """The totals of a table; where no cell says what they are, the first one does if it is empty."""
    if table.totals is None or len(table.totals) != len(table.columns):
        return table.totals
    says = any(
        cell is not None and column.holds is CellHolds.TEXT
        for cell, column in zip(table.totals, table.columns, strict=True)
    )
    return table.totals if says or table.totals[0] is not None else (TOTAL, *table.totals[1:])


def told_total(cell: Cell, holds: CellHolds) -> str:
    """A cell of the totals: what says that it is one may stand in a column of days or months."""
    return cell if isinstance(cell, str) else told(cell, holds)


def issued(sheet: PrintedSheet) -> datetime:
    """When it was issued, by the clocks of the area. ValueError for what is no instant."""
    instant = datetime.fromisoformat(sheet.issued_at)
    return (instant.replace(tzinfo=AREA_ZONE) if instant.tzinfo is None else instant).astimezone(AREA_ZONE)


def told_issued(sheet: PrintedSheet) -> str:
    """When it was issued, as people write it."""
    return issued(sheet).strftime("%Y-%m-%d %H:%M:%S")


def told_issued_day(sheet: PrintedSheet) -> str:
    """The day on which it was issued, in words."""
    day = issued(sheet)
    return f"{day.year}年{day.month}月{day.day}日"


def address_of(sheet: PrintedSheet) -> str:
    """The address at which it is checked; nothing where only the path is known, which leads nowhere."""
    return sheet.check_address if sheet.check_address.startswith(("https://", "http://")) else ""


def about(sheet: PrintedSheet) -> tuple[tuple[str, str], ...]:
    """What every form says of the document itself: label and value."""
    return (
        ("单据编号", sheet.serial),
        ("核验码", sheet.verification_code),
        ("出具时间", told_issued(sheet)),
        ("经办机构", sheet.agency),
        *((("核验网址", address),) if (address := address_of(sheet)) else ()),
    )
