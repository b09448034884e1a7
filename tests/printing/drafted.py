"""Documents as they are drafted for people: of a year, a bill, a list of entries, a list of months."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from ledger.book.numbers import account_no, entry_name
from ledger.care.reports import Settled
from ledger.care.rows import SettlementRow
from ledger.chart.care import CareTable, CareType, Channel, Coverage, Cut, Filing
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Status
from ledger.chart.members import MemberClass
from ledger.documents.account_sheets import account_list, yearly_statement
from ledger.documents.asked import Span
from ledger.documents.care_sheets import settlement_sheet
from ledger.documents.facts import (
    AccountLine,
    AccountMoves,
    Insured,
    Issue,
    PaidMonth,
    SheetOfBill,
    StatedYear,
)
from ledger.documents.payment_sheets import payment_list
from ledger.inquiry.statements import AccountYear, KindSum
from ledger.printing.sheet import PrintedSheet
from tests.printing.sheets import CHECKS, CODE

BOOK = 16_483_920_174_650
ISSUE = Issue("D2026112800000017K", CODE, CHECKS + CODE, datetime(2026, 11, 28, 2, 11, 12, tzinfo=UTC))
PERSON = Insured(
    account_no(BOOK),
    "张三",
    "119999********0015",
    1,
    Status.ACTIVE,
    "示例市",
    "示例市南山机械制造有限责任公司",
)
YEAR = Span(date(2026, 1, 1), date(2026, 12, 31))


def months(count: int, *, first: int = 202601, fen: int = 14666) -> tuple[PaidMonth, ...]:
    """So many months on end at one employer."""
    found, month = [], first
    for number in range(count):
        paid = date(month // 100, month % 100, 15)
        own, unit = fen + number % 3, fen * 3 + number % 7
        found.append(
            PaidMonth(
                month, Kind.CONTRIBUTION, "91990000MA0000001X", "示例市南山机械制造有限责任公司",
                fen * 50, own, unit, 0, paid, own,
            )
        )  # fmt: skip
        month = month + 1 if month % 100 < 12 else month + 89
    return tuple(found)


def year(credits_: int = 3, debits: int = 5, *, paid: int = 12) -> PrintedSheet:
    """The statement of a year with so many kinds of entries on each side and so many months."""
    came = (Kind.CONTRIBUTION, Kind.INTEREST, Kind.CARRY_OVER, Kind.REVERSAL, Kind.TRANSFER_IN)
    went = (Kind.SPENDING, Kind.SETTLEMENT, Kind.MUTUAL_AID, Kind.PREMIUM, Kind.CAPTURE, Kind.SET_OFF)
    told = AccountYear(
        YEAR.first,
        YEAR.last,
        681_234,
        tuple(KindSum(kind, 12, 123_456) for kind in came[:credits_]),
        tuple(KindSum(kind, 7, 34_567) for kind in went[:debits]),
    )
    return yearly_statement(PERSON, ISSUE, StatedYear(2026, told, months(paid)))


def bill(items: int) -> PrintedSheet:
    """A settled bill of so many items."""
    lines = ",".join(f'["X{number:05d}","A",120000,0,0]' for number in range(items))
    row = SettlementRow(
        Channel.NETWORK, CareTable(1), CareType.INPATIENT, date(2026, 3, 2), 7, date(2026, 3, 9), 3,
        MemberClass.ACTIVE, Coverage.COVERED, Filing.NONE, Cut.NONE, 1, True,
        120000 * items, 0, 0, 0, 120000 * items, 0, 80000, 85_000_000, 34000, 0, 0, 86000, 0, 0, 0, 86000,
        bill_no="MZ20260302-0001", lines=f"[{lines}]",
    )  # fmt: skip
    told = Settled(BOOK, 7, Kind.SETTLEMENT, date(2026, 3, 9), "H990001/m-1", 1, "H990001", None, row)
    return settlement_sheet(PERSON, ISSUE, SheetOfBill(told, "示例市第一人民医院", None, None))


def moves(count: int, *, fen: int = 14666) -> PrintedSheet:
    """A list of so many entries: months that came in, and care that was paid."""
    lines = []
    for number in range(count):
        day = date(2026, 1, 5) + timedelta(days=number * 2 % 300)
        name = entry_name(BOOK, number + 1)
        if number % 3 == 0:
            line = AccountLine(number, name, day, Kind.CONTRIBUTION, fen, 202601 + number % 12)
        else:
            place = ("H990001", "示例市第一人民医院") if number % 2 else ("Y990002", "示例市平安大药房")
            ref = f"{place[0]}/2026-{number:08d}"
            line = AccountLine(
                number, name, day, Kind.SPENDING, -4321, None, None, ref, CareType.OUTPATIENT, place
            )
        lines.append(line)
    return account_list(PERSON, ISSUE, AccountMoves(YEAR, 681_234, tuple(lines)))


def paid(count: int) -> PrintedSheet:
    """A list of so many months."""
    return payment_list(PERSON, ISSUE, Span(date(2024, 1, 1), YEAR.last), months(count, first=202401))
