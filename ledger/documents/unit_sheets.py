"""What an employer paid, and whom it has registered: never a balance, a spending or a benefit (R62). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger.chart.documents import DocumentKind
from ledger.documents.asked import Span
from ledger.documents.facts import Issue, StaffLine, Unit, UnitMonth
from ledger.documents.layout import sheet, span_head, table, unit_head
from ledger.documents.wording import CLASSES, UNIT_PAYMENT_LIST
from ledger.printing.sheet import Cell, CellHolds, Fact, PrintedSheet, Sum

H = CellHolds
_MONTHS: Final = (
    ("period", "费款所属期", H.MONTH),
    ("base", "缴费基数合计", H.MONEY),
    ("assessed", "应缴金额", H.MONEY),
    ("employee_part", "个人缴费", H.MONEY),
    ("employer_part", "单位缴费", H.MONEY),
    ("waiting", "待核定", H.MONEY),
    ("owed", "欠缴金额", H.MONEY),
    ("late_fee", "滞纳金", H.MONEY),
    ("paid_on", "到账日期", H.DAY),
    ("remark", "备注", H.TEXT),
)
_STAFF: Final = (
    ("place", "序号", H.COUNT),
    ("name", "姓名", H.TEXT),
    ("id_number", "证件号码", H.TEXT),
    ("member_class", "人员类别", H.TEXT),
    ("from", "参保起始日", H.DAY),
    ("to", "参保终止日", H.DAY),
    ("wage", "申报工资", H.MONEY),
)


def unit_payment_list(whose: Unit, issue: Issue, span: Span, months: Sequence[UnitMonth]) -> PrintedSheet:
    """Each month of an employer with base and both parts as they were paid; totals of both parts."""
    lines: list[tuple[Cell, ...]] = [
        (
            one.period,
            one.base_fen,
            one.assessed_fen,
            one.own_fen,
            one.unit_fen,
            one.waiting_fen,
            one.owed_fen,
            one.late_fee_fen,
            one.paid_on,
            "估算" if one.estimated else None,
        )
        for one in months
    ]
    own, unit = sum(one.own_fen for one in months), sum(one.unit_fen for one in months)
    totals: tuple[Cell, ...] = (
        None,
        None,
        sum(one.assessed_fen for one in months),
        own,
        unit,
        sum(one.waiting_fen for one in months),
        sum(one.owed_fen for one in months),
        sum(one.late_fee_fen for one in months),
        None,
        None,
    )
    return sheet(
        DocumentKind.PAYMENT_LIST,
        issue,
        whose.area,
        (*unit_head(whose), *span_head(span)),
        (table("months", "缴费明细", _MONTHS, lines, totals),),
        (
            Sum("employee_part", "个人缴费合计", own),
            Sum("employer_part", "单位缴费合计", unit),
            Sum("paid", "缴费总计", own + unit, certified=True),
        ),
        title=UNIT_PAYMENT_LIST,
    )


def staff_list(whose: Unit, issue: Issue, span: Span, people: Sequence[StaffLine]) -> PrintedSheet:
    """Whom an employer had registered in a period, each once."""
    lines: list[tuple[Cell, ...]] = [
        (
            place,
            one.name,
            one.id_number,
            CLASSES[one.member_class],
            one.first,
            one.last,
            one.wage_fen,
        )
        for place, one in enumerate(people, start=1)
    ]
    return sheet(
        DocumentKind.STAFF_LIST,
        issue,
        whose.area,
        (*unit_head(whose), *span_head(span), Fact("people", "参保人数", len(people), H.COUNT)),
        (table("staff", "参保人员", _STAFF, lines),),
    )
