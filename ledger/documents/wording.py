"""What stands on documents in Chinese: titles, kinds of entries, words of care, and the law behind each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ledger.chart.care import CareType, Coverage
from ledger.chart.documents import DocumentKind
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Status
from ledger.chart.members import MemberClass

D = DocumentKind

TITLES: Final[Mapping[DocumentKind, str]] = {
    D.PAYMENT_LIST: "职工基本医疗保险缴费清单",
    D.ACCOUNT_LIST: "基本医疗保险个人账户收支明细",
    D.INSURED_PROOF: "基本医疗保险参保缴费证明",
    D.YEARLY_STATEMENT: "年度基本医疗保险个人账户对账单",
    D.SETTLEMENT_SHEET: "基本医疗保险医疗费用结算单",
    D.ANNUAL_SETTLEMENT: "年度职工基本医疗保险年度结算单",
    D.STAFF_LIST: "单位参保人员名单",
}
UNIT_PAYMENT_LIST: Final = "单位职工基本医疗保险缴费清单"

LEGAL_BASIS: Final[Mapping[DocumentKind, str]] = {
    D.PAYMENT_LIST: (
        "《中华人民共和国社会保险法》第四条、第六十条、第七十四条；《社会保险经办条例》第二十九条"
    ),
    D.ACCOUNT_LIST: (
        "《中华人民共和国社会保险法》第四条、第七十四条；《社会保险个人权益记录管理办法》第十五条"
    ),
    D.INSURED_PROOF: "《中华人民共和国社会保险法》第四条、第七十四条；《社会保险经办条例》第二十九条",
    D.YEARLY_STATEMENT: "《中华人民共和国社会保险法》第七十四条；《社会保险费征缴暂行条例》第十六条",
    D.SETTLEMENT_SHEET: (
        "《中华人民共和国社会保险法》第四条、第二十九条；《医疗保障基金使用监督管理条例》第十五条"
    ),
    D.ANNUAL_SETTLEMENT: "《中华人民共和国社会保险法》第四条、第二十九条、第七十四条",
    D.STAFF_LIST: (
        "《中华人民共和国社会保险法》第四条、第六十条、第七十四条；《社会保险经办条例》第二十九条"
    ),
}
"""On what each document stands (R70)."""

WHOM_TO_ASK: Final = "如对内容有疑问，请向出具本单的经办机构查询。"
ITS_FORCE: Final = "本单由系统出具，与经办窗口出具的具有同等效力。"
HOW_TO_CHECK: Final = "凭核验码可以核验本单真伪，以及出具后有无更正。"

WITHOUT_UNIT: Final = "划入（无单位明细）"
"""In the place of the unit, of a month that came without one and without both its parts."""

WHY_MONTHS_DIFFER: Final = (
    "收入和支出按到账日期计入年度，缴费明细按费款所属期计入年度；"
    "例如12月的费款次年1月到账，两处的月数和金额因此不同。"
)

KINDS: Final[Mapping[Kind, str]] = {
    Kind.OPENING: "开户转入",
    Kind.CONTRIBUTION: "缴费划入",
    Kind.SPENDING: "账户支付",
    Kind.CAPTURE: "预留支付",
    Kind.REVERSAL: "冲正",
    Kind.INTEREST: "利息",
    Kind.INTEREST_CORRECTION: "利息更正",
    Kind.CARRY_OVER: "结转",
    Kind.RECLASSIFICATION: "结转调整",
    Kind.ESTATE: "余额继承支付",
    Kind.INHERITANCE: "继承转入",
    Kind.PAYOUT_ORDER: "继承份额支付申请",
    Kind.PAYOUT_REVIEW: "继承份额支付复核",
    Kind.PAYOUT: "继承份额支付",
    Kind.PAYOUT_RETURN: "继承份额退汇",
    Kind.ESTATE_UNDO: "撤销继承支付",
    Kind.INHERITANCE_BACK: "退回继承款",
    Kind.MERGE: "账户合并",
    Kind.MERGE_BACK: "合并账户退回",
    Kind.RETIREE_CREDIT: "退休人员划入",
    Kind.REFUND_TO_PAYER: "退回缴费单位",
    Kind.CREDIT_BACK: "退回多划金额",
    Kind.CREDIT_SHORTFALL: "退票应收款",
    Kind.RETIREE_CORRECTION: "退休划入更正",
    Kind.SETTLEMENT: "医疗费结算",
    Kind.MUTUAL_AID: "家庭共济支付",
    Kind.AID_BACK: "家庭共济退回",
    Kind.SET_OFF: "抵扣",
    Kind.ANNUAL_SETTLEMENT: "年度结算",
    Kind.PREMIUM: "代缴居民医保费",
    Kind.TRANSFER_OUT: "转出",
    Kind.TRANSFER_IN: "转入",
    Kind.TRANSFER_REJECTION: "转出退回",
    Kind.EXIT: "一次性支付",
    Kind.FURTHER_INTEREST: "补计利息",
    Kind.INTEREST_BACK: "冲回利息",
}
"""The kinds of entries that move money of an account."""

CARE: Final[Mapping[CareType, str]] = {
    CareType.OUTPATIENT: "门诊",
    CareType.INPATIENT: "住院",
    CareType.PHARMACY: "药店购药",
    CareType.CHRONIC: "门诊慢特病",
}
COVERAGES: Final[Mapping[Coverage, str]] = {
    Coverage.COVERED: "享受统筹待遇",
    Coverage.PAUSED: "未参保或暂停参保",
    Coverage.WAITING: "等待期",
    Coverage.RESIDENT: "居民医保",
    Coverage.PHARMACY: "购药不纳入统筹",
}
ITEM_CLASSES: Final = {
    "A": "甲类",
    "B": "乙类",
    "C": "丙类",
}
"""The classes of the items of a bill (R40)."""

CLASSES: Final[Mapping[MemberClass, str]] = {
    MemberClass.ACTIVE: "在职",
    MemberClass.RETIRED: "退休",
    MemberClass.FLEXIBLE: "灵活就业",
    MemberClass.UNEMPLOYED: "领取失业金",
    MemberClass.RESIDENT: "居民",
}
STATUSES: Final[Mapping[Status, str]] = {
    Status.ACTIVE: "正常",
    Status.PAUSED: "暂停参保",
    Status.FROZEN: "冻结",
    Status.DECEASED: "已死亡",
    Status.TRANSFERRING: "转移中",
    Status.CLOSED: "已注销",
}
INSTITUTION_KINDS: Final = {
    "hospital": "医院",
    "clinic": "诊所",
    "pharmacy": "药店",
}
REASONS: Final = {
    "coverage": "参保状态",
    "member_class": "人员类别",
    "filing": "备案",
    "admission": "住院次数",
    "order": "就诊顺序",
}
