"""What was paid for which month, and the proof of it: of a person. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger.chart.documents import DocumentKind
from ledger.chart.kinds import Kind
from ledger.documents.asked import Span
from ledger.documents.facts import Insured, Issue, PaidMonth
from ledger.documents.insured import last_unbroken, months_by_year
from ledger.documents.layout import person_head, sheet, span_head, table
from ledger.documents.wording import KINDS, WITHOUT_UNIT
from ledger.printing.sheet import Cell, CellHolds, Fact, PrintedSheet, Sum, Table

H = CellHolds
_MONTHS: Final = (
    ("period", "费款所属期", H.MONTH),
    ("employer", "统一社会信用代码", H.TEXT),
    ("employer_name", "缴费单位", H.TEXT),
    ("base", "缴费基数", H.MONEY),
    ("employee_part", "个人缴费", H.MONEY),
    ("employer_part", "单位缴费", H.MONEY),
    ("paid", "实缴合计", H.MONEY),
    ("owed", "欠缴金额", H.MONEY),
    ("paid_on", "到账日期", H.DAY),
    ("to_account", "划入个人账户", H.MONEY),
)
# three pairs beside each other, as such proofs have it
PAIRS: Final = 3


def paid_count(months: Sequence[PaidMonth]) -> int:
    """How many months were paid, each counted once."""
    return len({one.period for one in months if one.is_paid})


def months_table(months: Sequence[PaidMonth]) -> Table:
    """The months, one line each and employer, and the sums of both parts."""
    lines: list[tuple[Cell, ...]] = [
        (
            one.period,
            one.employer,
            _from_whom(one),
            one.base_fen,
            one.own_fen,
            None if one.is_without_unit else one.unit_fen,
            one.paid_fen,
            one.owed_fen,
            one.paid_on,
            one.to_account_fen,
        )
        for one in months
    ]
    own, unit = _both(months)
    owed, credited = sum(one.owed_fen for one in months), sum(one.to_account_fen for one in months)
    totals = (None, None, "合计", None, own, unit, own + unit, owed, None, credited)
    return table("months", "缴费明细", _MONTHS, lines, totals)


def _from_whom(one: PaidMonth) -> str | None:
    """Who paid: the employer by name, else what came instead of one."""
    if one.is_without_unit:
        return WITHOUT_UNIT
    return one.employer_name if one.kind is Kind.CONTRIBUTION else KINDS[one.kind]


def _both(months: Sequence[PaidMonth]) -> tuple[int, int]:
    return sum(one.own_fen for one in months), sum(one.unit_fen for one in months)


def payment_list(whose: Insured, issue: Issue, span: Span, months: Sequence[PaidMonth]) -> PrintedSheet:
    """Each month with employer, base, both parts and when it was paid; totals of both parts."""
    own, unit = _both(months)
    return sheet(
        DocumentKind.PAYMENT_LIST,
        issue,
        whose.area,
        (*person_head(whose), *span_head(span)),
        (months_table(months),),
        (
            Sum("employee_part", "个人缴费合计", own),
            Sum("employer_part", "单位缴费合计", unit),
            Sum("paid", "缴费总计", own + unit, certified=True),
        ),
        (f"本期间已缴费{paid_count(months)}个月。",),
    )


def insured_proof(whose: Insured, issue: Issue, span: Span, months: Sequence[PaidMonth]) -> PrintedSheet:
    """Years and months paid in three pairs of columns, and the last unbroken period in words."""
    paid = [one.period for one in months if one.is_paid]
    last = last_unbroken(one.period for one in months if one.is_insured)
    years = months_by_year(paid)
    count = paid_count(months)
    head = [
        *person_head(whose),
        *span_head(span),
        Fact("months_paid", "累计缴费月数", count, H.COUNT),
    ]
    if last is None:
        words = ["本期间没有参保缴费记录。"]
    else:
        head += [
            Fact("insured_from", "最近一次连续参保起始", last.first, H.MONTH),
            Fact("insured_to", "最近一次连续参保截止", last.last, H.MONTH),
        ]
        words = [f"最近一次连续参保期间：{last.words}。"]
    columns = [
        column
        for pair in range(1, PAIRS + 1)
        for column in ((f"year_{pair}", "年度", H.TEXT), (f"months_{pair}", "已缴费", H.TEXT))
    ]
    return sheet(
        DocumentKind.INSURED_PROOF,
        issue,
        whose.area,
        head,
        (table("years", "分年度缴费月数", columns, _in_pairs(years)),),
        words=(*words, f"累计已缴费{count}个月。"),
    )


def _in_pairs(years: Sequence[tuple[int, int]]) -> list[tuple[Cell, ...]]:
    """Years and their months, three pairs in a line."""
    lines: list[tuple[Cell, ...]] = []
    for start in range(0, len(years), PAIRS):
        cells: list[Cell] = []
        for year, months in years[start : start + PAIRS]:
            cells += [str(year), f"{months}（月）"]
        lines.append((*cells, *(None,) * (2 * PAIRS - len(cells))))
    return lines
