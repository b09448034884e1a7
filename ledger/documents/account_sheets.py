"""What came into an account and what went out: entry by entry, and a year on one page. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ledger.chart.documents import DocumentKind
from ledger.chart.kinds import ONCE_A_YEAR, Kind
from ledger.clock import day_of
from ledger.documents.asked import Span
from ledger.documents.facts import AccountLine, AccountMoves, Insured, Issue, StatedYear
from ledger.documents.layout import person_head, sheet, span_head, table
from ledger.documents.payment_sheets import months_table, paid_count
from ledger.documents.wording import CARE, INSTITUTION_KINDS, KINDS, TITLES, WHY_MONTHS_DIFFER
from ledger.inquiry.statements import KindSum
from ledger.months import format_period_zh
from ledger.printing.sheet import Cell, CellHolds, PrintedSheet, Sum, Table

H = CellHolds
_LINES: Final = (
    ("day", "日期", H.DAY),
    ("entry", "记账编号", H.TEXT),
    ("kind", "类型", H.TEXT),
    ("income", "收入", H.MONEY),
    ("spending", "支出", H.MONEY),
    ("balance", "余额", H.MONEY),
    ("care", "医疗类别", H.TEXT),
    ("remark", "备注", H.TEXT),
    ("institution", "机构编码", H.TEXT),
    ("institution_name", "机构名称", H.TEXT),
)
_FOR_MONTHS: Final = frozenset({Kind.CONTRIBUTION, Kind.RETIREE_CREDIT})
_TAKEN_BACK: Final = frozenset({Kind.REFUND_TO_PAYER, Kind.REVERSAL})
_SUMS: Final = (("kind", "类型", H.TEXT), ("entries", "笔数", H.COUNT), ("amount", "金额", H.MONEY))


def account_list(whose: Insured, issue: Issue, moves: AccountMoves) -> PrintedSheet:
    """Every entry that moved money, by value date: opening + income - spending = closing."""
    lines: list[tuple[Cell, ...]] = []
    balance = moves.opening_fen
    for one in moves.lines:
        balance += one.fen
        code, name = one.institution or (None, None)
        lines.append(
            (
                one.day,
                one.name,
                KINDS[one.kind],
                one.fen if one.fen > 0 else None,
                -one.fen if one.fen < 0 else None,
                balance,
                None if one.care is None else CARE[one.care],
                "；".join(_remarks(one)) or None,
                code,
                name,
            )
        )
    income = sum(one.fen for one in moves.lines if one.fen > 0)
    spending = -sum(one.fen for one in moves.lines if one.fen < 0)
    totals = (None, None, "合计", income, spending, balance, None, None, None, None)
    return sheet(
        DocumentKind.ACCOUNT_LIST,
        issue,
        whose.area,
        (*person_head(whose), *span_head(moves.span)),
        (table("entries", "收支明细", _LINES, lines, totals),),
        (
            Sum("opening", "期初余额", moves.opening_fen),
            Sum("income", "收入合计", income),
            Sum("spending", "支出合计", spending),
            Sum("closing", "期末余额", balance, certified=True),
        ),
    )


def _remarks(one: AccountLine) -> Iterator[str]:
    """What a line says beside its amounts; a reversal stands at what it reverses, and says what that was."""
    if one.period is not None:
        yield f"{one.period}年度" if one.kind in ONCE_A_YEAR else f"费款所属期{format_period_zh(one.period)}"
    if one.fact_on is not None:
        yield f"业务发生日期{one.fact_on.isoformat()}"
    if one.institution_kind is not None:
        yield f"机构类别：{INSTITUTION_KINDS.get(one.institution_kind, one.institution_kind)}"
    if one.reverses is not None:
        yield f"冲正{one.reverses}"
    if one.reversed_by is not None and one.reversed_on is not None:
        yield f"已于{one.reversed_on.isoformat()}冲正（{one.reversed_by}）"
    if one.source_ref is not None:
        yield f"单据号{one.source_ref}"


def yearly_statement(whose: Insured, issue: Issue, stated: StatedYear) -> PrintedSheet:
    """The year on one page (R50): opening, each kind that came and went, interest, closing, months."""
    told = stated.told
    return sheet(
        DocumentKind.YEARLY_STATEMENT,
        issue,
        whose.area,
        (*person_head(whose), *span_head(Span(told.first, told.last))),
        (
            _by_kind("credits", "收入", told.credits, told.income_fen),
            _by_kind("debits", "支出", told.debits, told.spending_fen),
            months_table(stated.months),
        ),
        (
            Sum("opening", "年初余额", told.opening_fen),
            Sum("income", "本年收入", told.income_fen),
            # it is among the income
            Sum("interest", "其中利息", told.interest_fen),
            Sum("spending", "本年支出", told.spending_fen),
            Sum("closing", _closing_title(stated, issue), told.closing_fen, certified=True),
        ),
        (
            f"本年已缴费{paid_count(stated.months)}个月。",
            *_version(stated),
            *(() if _months_are_credits(stated) else (WHY_MONTHS_DIFFER,)),
        ),
        title=f"{stated.year}{TITLES[DocumentKind.YEARLY_STATEMENT]}",
    )


def _version(stated: StatedYear) -> Iterator[str]:
    """Which version of the statement it is, and what anybody may compare it by."""
    told = stated.told
    if told.version is None or stated.digest is None:
        return
    replaces = "" if told.replaces is None else f"，替代第{told.replaces}版"
    yield f"本对账单为第{told.version}版{replaces}，截至第{told.last_seq}笔记账。"
    yield f"对账单摘要（SHA-256）：{stated.digest}"


def _closing_title(stated: StatedYear, issue: Issue) -> str:
    """What is left is that of the year's end once the year is over, before that what there is by now."""
    return "年末余额" if day_of(issue.issued_at).year > stated.year else "截止日余额"


def _months_are_credits(stated: StatedYear) -> bool:
    """Whether what came for the months of the year is what came into the account in it.

    Months go by what they are for, income by its day: a December that is paid in January is of both years.
    """
    told = stated.told
    came = sum(one.fen for one in told.credits if one.kind in _FOR_MONTHS)
    back = sum(one.fen for one in told.debits if one.kind in _TAKEN_BACK)
    elsewhere = any(
        one.to_account_fen and one.paid_on is not None and one.paid_on.year != stated.year
        for one in stated.months
    )
    return not elsewhere and came - back == sum(one.to_account_fen for one in stated.months)


def _by_kind(key: str, title: str, sums: tuple[KindSum, ...], total: int) -> Table:
    lines = [(KINDS[one.kind], one.entries, one.fen) for one in sums]
    return table(key, title, _SUMS, lines, ("合计", sum(one.entries for one in sums), total))
