"""The kinds of file as data: their columns, what each holds, and by which headings clerks call it.

A heading is compared in its folded form (`fold_heading`): without blanks, signs, units in parentheses and
capitals. A new word for a column is one word here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from ledger.imports.spellings import plain

LIST: Final = "list"
"""An employer's list of one month. Employer and month are said beside it, so it is no kind of import."""
KEY_COLUMN: Final = "idempotency_key"


class Holds(Enum):
    """What a column holds, and what is expected where something else stands."""

    ACCOUNT = "an account number or an ID number of 18 characters stored as text"
    ID_NUMBER = "an ID number of 18 characters stored as text"
    CREDIT_CODE = "a credit code of 18 characters stored as text"
    NAME = "a name"
    TEXT = "1 to 64 characters that can be printed"
    INSTITUTION = "the code of a designated institution"
    DAY = "a day such as 2026-04-08 or 2026/4/8"
    MONTH = "a month such as 2026-04"
    AMOUNT = "an amount in yuan such as 160.00"
    AREA = "six digits such as 990100"
    SEX = "1 or 2 (男 or 女)"
    FLAG = "true or false (是 or 否)"
    NUMBER_REASON = "reissued or corrected or upgraded (换发 更正 升位)"
    CLASS = "active or retired or flexible or unemployed (在职 退休 灵活就业 失业)"
    KEY = "1 to 255 visible ASCII characters"
    ANYTHING = "anything: it is not looked at"


NUMBERED: Final = frozenset({Holds.ACCOUNT, Holds.ID_NUMBER, Holds.CREDIT_CODE})
"""What is a number of somebody, however it was typed."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name in the project, what it holds, and its other headings with | between them."""

    name: str
    holds: Holds
    headings: str = ""
    required: bool = True
    # whether its fields may be left empty
    may_be_empty: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(filter(None, self.headings.split("|")))


@dataclass(frozen=True, slots=True)
class FileKind:
    """One kind of file. `who` is the column without which a line is about nobody."""

    name: str
    columns: tuple[Column, ...]
    who: str
    # the columns whose sum is what a line names
    amounts: tuple[str, ...] = ()
    # whether its lines move what they name, and do not only tell of it
    moves: bool = True
    # of two kinds that a heading fits, the one that says more
    says_more_than: frozenset[str] = frozenset()
    by_name: dict[str, Column] = field(init=False, repr=False, compare=False)
    by_heading: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_heading: dict[str, str] = {}
        for column in self.columns:
            for word in (column.name, *column.words):
                folded = fold_heading(word)
                if by_heading.setdefault(folded, column.name) != column.name:
                    raise ValueError(f"{self.name}: {word} is the heading of two columns")
        object.__setattr__(self, "by_name", {column.name: column for column in self.columns})
        object.__setattr__(self, "by_heading", by_heading)

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.required)

    @property
    def optional(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if not column.required)


_UNIT = re.compile(r"[(\[【].*?[)\]】]")
# blanks, signs, and what nobody sees, such as the mark of UTF-8 where two files were joined
_NO_LETTER = re.compile("[\\s_\\-*:：.、/#'\"\u00ad\u200b-\u200f\u2060\ufeff]+")


def fold_heading(heading: str) -> str:
    """The form in which headings are compared: "* 工资（元）" is 工资, "ID Number" is idnumber."""
    folded = plain(heading).casefold()
    word = _NO_LETTER.sub("", _UNIT.sub("", folded)) or _NO_LETTER.sub("", folded)
    # a unit without parentheses, as in 金额/元
    return word.removesuffix("元") or word


_ID: Final = (
    "证件号码|证件号|身份证|身份证号|身份证号码|身份证件号码|居民身份证号|居民身份证号码|公民身份号码"
    "|社会保障号|社会保障号码|id|id no|id card|id card number|identity number"
)
_CODE: Final = "统一社会信用代码|社会信用代码|信用代码|单位信用代码"
_EMPLOYER: Final = f"{_CODE}|单位|单位代码|用人单位|参保单位|credit_code|employer code"
_MONTH: Final = "费款所属期|所属期|所属月份|缴费月份|月份|费款所属月份|month"
_AREA: Final = "统筹区|统筹区代码|统筹区编码|医保区划|行政区划|area code"
_DOCUMENT: Final = (
    "单据号|单据编号|来源单据号|凭证号|凭证编号|流水号|交易流水号|票据号"
    "|source reference|document|document no|reference"
)
_INSTITUTION: Final = (
    "医疗机构|定点机构|机构|机构编码|机构代码|医药机构|定点医药机构"
    "|医疗机构编码|定点医药机构编码|institution code"
)
_ACCOUNT: Final = Column(
    "account",
    Holds.ACCOUNT,
    "个人账户|个人账号|账户|账户号|账户号码|个人账户号|医保账号|account no|account number|id_number|" + _ID,
)
# of a file that has both
_FORMER_ID: Final = "原证件号码|变更前证件号码|原身份证号|原号码|个人账户|former id number|old_id_number"
_NEW_ID: Final = "新证件号码|变更后证件号码|新身份证号|现证件号码|new_id_number"
_ID_NUMBER: Final = Column("id_number", Holds.ID_NUMBER, _ID)
_SOURCE_REF: Final = Column("source_ref", Holds.TEXT, _DOCUMENT)
_PROOF: Final = "文号|文书号|文书|证明材料|依据文件|申请文号|document|document no"
_REMITTANCE: Final = "划转单据号|转出单据号|汇款单据号|汇款凭证号"
_SHEET: Final = "信息表编号|信息表|转移信息表编号|转移信息表|联系函编号|sheet no"
_WAGE: Final = Column(
    "wage",
    Holds.AMOUNT,
    "工资|月工资|缴费工资|申报工资|应发工资|应发工资合计|缴费基数|月缴费工资|月缴费基数"
    "|monthly wage|gross wage|salary",
)


def _optional(name: str, holds: Holds, headings: str) -> Column:
    return Column(name, holds, headings, required=False, may_be_empty=True)


_KEY: Final = _optional(KEY_COLUMN, Holds.KEY, "幂等键")

KINDS: Final = {
    kind.name: kind
    for kind in (
        FileKind(
            "accounts",
            (
                _ID_NUMBER,
                Column("name", Holds.NAME, "姓名|参保人姓名|full name"),
                Column("area", Holds.AREA, _AREA),
                Column("opened_on", Holds.DAY, "开户日期|建账日期|开户日|建户日期|opening date"),
                _optional("sex", Holds.SEX, "性别|gender"),
                _optional("birth_date", Holds.DAY, "出生日期|出生年月日|生日|date of birth"),
                _optional("opening_current_year", Holds.AMOUNT, "期初当年余额|当年余额|期初当年账户余额"),
                _optional("opening_carried_over", Holds.AMOUNT, "期初历年余额|历年余额|期初历年账户余额"),
                _optional("opening_source_ref", Holds.TEXT, "期初单据号|期初凭证号"),
                _KEY,
            ),
            who="id_number",
            amounts=("opening_current_year", "opening_carried_over"),
        ),
        FileKind(
            "contributions",
            (
                _ACCOUNT,
                _SOURCE_REF,
                Column("period", Holds.MONTH, _MONTH),
                Column("effective_on", Holds.DAY, "到账日期|入账日期|记账日期|起息日|value date"),
                Column("amount", Holds.AMOUNT, "金额|划入金额|入账金额|缴费金额"),
                _KEY,
            ),
            who="account",
            amounts=("amount",),
        ),
        FileKind(
            "spendings",
            (
                _ACCOUNT,
                _SOURCE_REF,
                Column("institution", Holds.INSTITUTION, _INSTITUTION),
                Column("effective_on", Holds.DAY, "消费日期|支付日期|就诊日期|交易日期|value date"),
                Column("amount", Holds.AMOUNT, "金额|消费金额|支付金额|账户支付|个人账户支付"),
                _optional("take_available", Holds.FLAG, "余额不足时用尽|用尽余额"),
                _KEY,
            ),
            who="account",
            amounts=("amount",),
        ),
        FileKind(
            "employers",
            (
                Column("credit_code", Holds.CREDIT_CODE, f"{_CODE}|employer|employer code"),
                Column("name", Holds.NAME, "单位名称|用人单位名称|名称|employer name"),
                Column("area", Holds.AREA, _AREA),
                _optional("staff", Holds.ANYTHING, "职工人数|在职人数|人数|参保人数"),
                _KEY,
            ),
            who="credit_code",
        ),
        FileKind(
            "enrolments",
            (
                _ACCOUNT,
                Column("member_class", Holds.CLASS, "人员类别|参保身份|参保类别|member type"),
                Column("employer", Holds.CREDIT_CODE, _EMPLOYER, may_be_empty=True),
                Column("from", Holds.DAY, "参保日期|开始日期|起始日期|生效日期|start|start date"),
                Column(
                    "to", Holds.DAY, "终止日期|结束日期|截止日期|停保日期|end|end date", may_be_empty=True
                ),
                _KEY,
            ),
            who="account",
        ),
        FileKind(
            "declarations",
            (
                Column("employer", Holds.CREDIT_CODE, _EMPLOYER),
                Column("period", Holds.MONTH, _MONTH),
                _ID_NUMBER,
                _WAGE,
            ),
            who="id_number",
            amounts=("wage",),
            says_more_than=frozenset({"accounts", "contributions"}),
        ),
        FileKind(
            "receipts",
            (
                Column("employer", Holds.CREDIT_CODE, _EMPLOYER),
                _SOURCE_REF,
                Column("period", Holds.MONTH, _MONTH, may_be_empty=True),
                Column("received_on", Holds.DAY, "到账日期|收款日期|入账日期|received"),
                Column("amount", Holds.AMOUNT, "金额|到账金额|收款金额|缴费金额|实收金额"),
                _KEY,
            ),
            who="employer",
            amounts=("amount",),
            says_more_than=frozenset({"contributions"}),
        ),
        FileKind(
            "names",
            (
                _ID_NUMBER,
                Column("old_name", Holds.NAME, "原姓名|变更前姓名|曾用名|former name"),
                Column("name", Holds.NAME, "新姓名|变更后姓名|现姓名|姓名|new_name|full name"),
                Column("from", Holds.DAY, "变更日期|生效日期|启用日期|start|start date"),
                Column("document", Holds.TEXT, _PROOF),
                _KEY,
            ),
            who="id_number",
        ),
        FileKind(
            "numbers",
            (
                # that of before; which number 证件号码 alone means is said by the other column
                Column(
                    "account",
                    Holds.ACCOUNT,
                    "原证件号码|变更前证件号码|原身份证号|原号码|个人账户|old_id_number",
                ),
                Column("name", Holds.NAME, "姓名|参保人姓名|full name"),
                Column(
                    "id_number", Holds.ID_NUMBER, f"新证件号码|变更后证件号码|新身份证号|new_id_number|{_ID}"
                ),
                Column("from", Holds.DAY, "变更日期|生效日期|启用日期|start|start date"),
                Column("reason", Holds.NUMBER_REASON, "变更原因|原因|事由"),
                Column("document", Holds.TEXT, _PROOF),
                _KEY,
            ),
            who="account",
        ),
        FileKind(
            "deaths",
            (
                _ID_NUMBER,
                _optional("name", Holds.NAME, "姓名|死者姓名|参保人姓名|full name"),
                Column("died_on", Holds.DAY, "死亡日期|去世日期|死亡时间|date of death|day of death"),
                Column("evidence", Holds.TEXT, "死亡证明|死亡证据|证明类型|死亡证明编号"),
                _optional("document", Holds.TEXT, _PROOF),
                _KEY,
            ),
            who="id_number",
        ),
        FileKind(
            "transfers",
            (
                _ACCOUNT,
                Column("other_agency", Holds.TEXT, "转入地经办机构|对方经办机构|转入地机构|转入地"),
                Column("insured_from", Holds.DAY, "转入地参保日期|对方参保日期|新参保日期|insured since"),
                Column("document", Holds.TEXT, _PROOF),
                _KEY,
            ),
            who="account",
        ),
        FileKind(
            "remittances",
            (
                _ACCOUNT,
                Column("paid_on", Holds.DAY, "划转日期|转出日期|汇款日期|付款日期|sent on"),
                _SOURCE_REF,
                _KEY,
            ),
            who="account",
        ),
        FileKind(
            "acknowledgements",
            (
                _ACCOUNT,
                Column("remittance", Holds.TEXT, _REMITTANCE),
                _KEY,
            ),
            who="account",
        ),
        FileKind(
            "rejections",
            (
                _ACCOUNT,
                Column("remittance", Holds.TEXT, _REMITTANCE),
                Column("reason", Holds.TEXT, "退回原因|拒收原因|原因|事由"),
                _KEY,
            ),
            who="account",
            says_more_than=frozenset({"acknowledgements"}),
        ),
        FileKind(
            "announcements",
            (
                _ACCOUNT,
                Column("other_agency", Holds.TEXT, "转出地经办机构|对方经办机构|转出地机构|转出地"),
                Column("current_year", Holds.AMOUNT, "当年余额|当年账户余额|当年"),
                Column("carried_over", Holds.AMOUNT, "历年余额|历年账户余额|历年|上年结转"),
                Column("interest", Holds.AMOUNT, "利息|利息金额"),
                Column("amount", Holds.AMOUNT, "转移金额|合计金额|金额|转入金额"),
                Column("document", Holds.TEXT, _SHEET),
                _KEY,
            ),
            who="account",
            amounts=("amount",),
            moves=False,
        ),
        FileKind(
            "arrivals",
            (
                _ACCOUNT,
                Column("sheet", Holds.TEXT, _SHEET),
                Column("received_on", Holds.DAY, "到账日期|收款日期|入账日期|received"),
                Column("amount", Holds.AMOUNT, "到账金额|金额|转入金额"),
                _SOURCE_REF,
                _KEY,
            ),
            who="account",
            amounts=("amount",),
        ),
    )
}

EMPLOYERS_LIST: Final = FileKind(LIST, (_ID_NUMBER, _WAGE), who="id_number", amounts=("wage",))


def chinese_heading(kind: str, name: str) -> str:
    """What a column of a kind is called in Chinese; the name itself where that is not known."""
    column = KINDS[kind].by_name.get(name) if kind in KINDS else None
    return column.words[0] if column is not None and column.words else name
