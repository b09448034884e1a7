"""What a bill came to and who paid it, and the annual settlement of a year. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from ledger.book.numbers import entry_name
from ledger.care.annual_reports import YearBill
from ledger.care.counters import Accumulator
from ledger.care.rows import BillLine, SettlementRow
from ledger.chart.documents import DocumentKind
from ledger.documents.facts import Insured, Issue, SheetOfBill, SheetOfYear
from ledger.documents.layout import person_head, sheet, table
from ledger.documents.wording import CARE, CLASSES, COVERAGES, ITEM_CLASSES, REASONS, TITLES
from ledger.policy import RATE_SCALE
from ledger.printing.sheet import Cell, CellHolds, Fact, PrintedSheet, Sum, Table

H = CellHolds
_ITEMS: Final = (
    ("item", "项目编码", H.TEXT),
    ("class", "类别", H.TEXT),
    ("amount", "金额", H.MONEY),
    ("over_limit", "超限价自费", H.MONEY),
    ("self_pay_ratio", "先行自付比例", H.TEXT),
)
_PARTS: Final = (("part", "项目", H.TEXT), ("amount", "金额", H.MONEY))
_WORKED_OUT: Final = {
    "total": "医疗费总额",
    "own_expense": "全自费",
    "over_limit": "超限价自费",
    "pre_self_pay": "先行自付",
    "in_scope": "符合政策范围金额",
    "excluded": "除外金额",
    "deductible": "实际支付起付线",
    "pooled_pay": "统筹基金支出",
    "large_pay": "大额基金支出",
    "top_up_pay": "年度补助",
    "account_pay": "个人账户支出",
    "mutual_pay": "家庭共济支付",
    "cash_pay": "现金支付",
    "hospital_share": "医院负担",
}
_BILLS: Final = (
    ("settlement", "结算单号", H.TEXT),
    ("care_date", "就诊日期", H.DAY),
    ("care", "医疗类别", H.TEXT),
    ("institution", "机构编码", H.TEXT),
    ("institution_name", "机构名称", H.TEXT),
    ("total", "医疗费总额", H.MONEY),
    ("in_scope", "符合政策范围金额", H.MONEY),
    ("fund_was", "原基金支付", H.MONEY),
    ("fund", "重新计算基金支付", H.MONEY),
    ("account", "个人账户支出", H.MONEY),
    ("mutual", "家庭共济支付", H.MONEY),
    ("cash", "现金支付", H.MONEY),
    ("reason", "变动原因", H.TEXT),
)
_YEAR: Final = (
    ("counter", "项目", H.TEXT),
    ("before", "本次结算前", H.MONEY),
    ("after", "本次结算后", H.MONEY),
)
_COUNTERS: Final = {
    "outpatient_deductible": "门诊起付线",
    "outpatient_pooled": "门诊统筹基金支出",
    "inpatient_deductible": "住院起付线",
    "inpatient_pooled": "住院统筹基金支出",
    "chronic_deductible": "慢特病起付线",
    "chronic_pooled": "慢特病统筹基金支出",
    "large": "大额基金支出",
    "top_up": "年度补助",
    "own_burden": "符合政策范围个人负担",
}
_PAID_OUT: Final = {
    "to_bank": "转入本人银行账户",
    "to_account": "退回个人账户",
    "to_relatives": "退回共济人",
    "to_heirs": "支付继承人",
    "forgiven": "冲减以前应退款",
    "claimed_back": "本次应由本人退回",
    "still_owed": "本年度累计应退未退",
}


def settlement_sheet(whose: Insured, issue: Issue, bill: SheetOfBill) -> PrintedSheet:
    """One bill: its items, what it came to, and who paid. Taken back, it says by what and when."""
    told, row = bill.told, bill.told.row
    words = []
    if row.reverses_seq is not None:
        words.append(f"本单为冲正单，冲正结算单{entry_name(told.book_id, row.reverses_seq)}。")
    if bill.reversed_by is not None and bill.reversed_on is not None:
        words.append(f"本结算单已于{bill.reversed_on.isoformat()}冲正（{bill.reversed_by}）。")
    return sheet(
        DocumentKind.SETTLEMENT_SHEET,
        issue,
        whose.area,
        (
            *person_head(whose),
            Fact("settlement", "结算单号", entry_name(told.book_id, told.seq)),
            Fact("bill_no", "票据号", row.bill_no),
            Fact("settled_on", "结算日期", told.value_date, H.DAY),
            Fact("care_date", "就诊日期", row.care_date, H.DAY),
            Fact("care", "医疗类别", CARE[row.care_type]),
            Fact("institution", "机构编码", told.institution),
            Fact("institution_name", "机构名称", bill.institution_name),
            Fact("member_class", "人员类别", CLASSES[row.member_class]),
            Fact("coverage", "待遇状态", COVERAGES[row.coverage]),
            Fact("ratio", "统筹支付比例", _percent(row.ratio)),
        ),
        (_items(row), _worked_out(row)),
        (
            Sum("total", "医疗费总额", row.total, certified=True),
            Sum("fund", "基金支付合计", row.fund_sum, certified=True),
            Sum("account", "个人账户支付", row.account_pay, certified=True),
            Sum("mutual", "家庭共济支付", row.mutual_pay),
            Sum("cash", "现金支付", row.cash_pay, certified=True),
            Sum("hospital", "医院负担", row.hospital_share),
        ),
        words,
    )


def bill_lines(row: SettlementRow) -> int:
    """How many lines a bill has."""
    return len(json.loads(row.lines or "[]"))


def _items(row: SettlementRow) -> Table:
    lines = [BillLine(*one) for one in json.loads(row.lines or "[]")]
    return table(
        "items",
        "费用明细",
        _ITEMS,
        [
            (
                one.item,
                ITEM_CLASSES.get(one.line_class, one.line_class),
                one.amount,
                one.over_limit,
                _percent(one.self_pay_ratio) if one.self_pay_ratio else None,
            )
            for one in lines
        ],
        ("合计", None, sum(one.amount for one in lines), sum(one.over_limit for one in lines), None),
    )


def _worked_out(row: SettlementRow) -> Table:
    lines = [(title, getattr(row, name)) for name, title in _WORKED_OUT.items()]
    return table("parts", "费用计算", _PARTS, lines)


def _percent(rate: int) -> str:
    """A rate per RATE_SCALE as people write it: 70%, 12.5%."""
    whole, rest = divmod(rate * 100, RATE_SCALE)
    decimals = f"{rest:0{len(str(RATE_SCALE)) - 1}d}".rstrip("0")
    return f"{whole}.{decimals}%" if decimals else f"{whole}%"


def annual_settlement(whose: Insured, issue: Issue, year: SheetOfYear) -> PrintedSheet:
    """The latest annual settlement of a year: each bill as it was and comes out, counters, what was paid."""
    told = year.told
    before, after = told.before, told.after
    pooled, large, top_up = (
        _pooled(after) - _pooled(before),
        after.large - before.large,
        after.top_up - before.top_up,
    )
    # a bill that was taken back since is settled anew by the next settlement of the year
    words = [
        f"其中结算单{one.name}已于{one.reversed_on.isoformat()}冲正（{one.reversed_by}）。"
        for one in year.reversed
    ]
    earlier = "、".join(f"{one.name}（{one.settled_on.isoformat()}）" for one in told.earlier)
    return sheet(
        DocumentKind.ANNUAL_SETTLEMENT,
        issue,
        whose.area,
        (
            *person_head(whose),
            Fact("settlement", "结算单号", told.receipt.name),
            Fact("settled_on", "结算日期", told.receipt.effective_on, H.DAY),
            Fact("bills", "就诊结算笔数", len(told.bills), H.COUNT),
        ),
        (_bills(told.bills), _counters(before, after), _paid_out(told)),
        (
            Sum("pooled", "统筹基金差额", pooled),
            Sum("large", "大额基金差额", large),
            Sum("top_up", "年度补助差额", top_up),
            Sum("difference", "差额合计", pooled + large + top_up, certified=True),
        ),
        [*([f"本单补充以下结算单：{earlier}。"] if earlier else []), *words],
        title=f"{told.year}{TITLES[DocumentKind.ANNUAL_SETTLEMENT]}",
    )


def _bills(bills: Sequence[YearBill]) -> Table:
    lines: list[tuple[Cell, ...]] = [
        (
            one.name,
            one.was.care_date,
            CARE[one.was.care_type],
            one.institution,
            one.institution_name,
            one.was.total,
            one.was.in_scope,
            one.was.fund_sum,
            one.now.fund_sum,
            one.was.account_pay,
            one.was.mutual_pay,
            one.was.cash_pay,
            "、".join(REASONS.get(reason, reason) for reason in one.reasons) or None,
        )
        for one in bills
    ]
    was = [one.was for one in bills]
    sums = (
        sum(row.total for row in was),
        sum(row.in_scope for row in was),
        sum(row.fund_sum for row in was),
        sum(one.now.fund_sum for one in bills),
        sum(row.account_pay for row in was),
        sum(row.mutual_pay for row in was),
        sum(row.cash_pay for row in was),
    )
    return table("bills", "全年就诊结算明细", _BILLS, lines, ("合计", *(None,) * 4, *sums, None))


def _counters(before: Accumulator, after: Accumulator) -> Table:
    lines = [(title, getattr(before, name), getattr(after, name)) for name, title in _COUNTERS.items()]
    return table("counters", "年度累计", _YEAR, lines)


def _paid_out(told: object) -> Table:
    lines = [(title, getattr(told, name)) for name, title in _PAID_OUT.items()]
    return table("payments", "差额与支付", _PARTS, lines)


def _pooled(counters: Accumulator) -> int:
    return counters.outpatient_pooled + counters.inpatient_pooled + counters.chronic_pooled
