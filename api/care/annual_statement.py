"""The statement of an annual settlement as a page to print: A4, in Chinese, with no file beside it.

It says what was paid for which bill and by whom, and not what the person was treated for.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from html import escape
from typing import Any, Final

from ledger.money import format_yuan

_STYLE: Final = """
@page { size: A4 landscape; margin: 12mm; }
* { box-sizing: border-box; }
body { font: 9pt/1.4 "Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", SimSun, sans-serif;
  color: #000; background: #fff; max-width: 273mm; margin: 0 auto; padding: 4mm; }
h1 { font-size: 15pt; text-align: center; margin: 0 0 4mm; }
h2 { font-size: 10.5pt; margin: 5mm 0 1.5mm; break-after: avoid; }
table { border-collapse: collapse; width: 100%; }
th, td { border: 0.3pt solid #444; padding: 0.8mm 1.2mm; vertical-align: top; }
th { background: #eee; font-weight: 600; text-align: center; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
td.amount { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.day { white-space: nowrap; }
td.word { min-width: 11mm; }
td.changed { font-weight: 700; }
table.bills { font-size: 7.5pt; }
dl { display: grid; grid-template-columns: repeat(4, auto 1fr); gap: 0.5mm 3mm; margin: 0; }
dt { color: #444; }
dd { margin: 0; }
table.sums { width: auto; min-width: 50%; }
tfoot { display: table-row-group; font-weight: 600; }
p.note { color: #444; margin: 2mm 0 0; }
footer { display: flex; justify-content: space-between; margin-top: 10mm; }
@media print { body { padding: 0; max-width: none; } th { print-color-adjust: exact; } }
"""

# by which the policy of the page lets in this style alone
STYLE_DIGEST: Final = b64encode(sha256(_STYLE.encode()).digest()).decode()

_CARE: Final = {"outpatient": "门诊", "inpatient": "住院", "pharmacy": "购药", "chronic": "门诊慢特病"}
_CLASSES: Final = {
    "active": "在职", "retired": "退休", "flexible": "灵活就业", "unemployed": "领取失业金",
    "resident": "居民",
}  # fmt: skip
_COVERAGES: Final = {
    "covered": "享受统筹待遇", "paused": "未参保或暂停参保", "waiting": "等待期", "resident": "居民医保",
    "pharmacy": "购药不纳入统筹",
}  # fmt: skip
_FILINGS: Final = {"none": "—", "referred": "转诊", "emergency": "急诊", "long_term": "异地长期居住"}
_REASONS: Final = {
    "coverage": "参保状态", "member_class": "人员类别", "filing": "备案", "admission": "住院次数",
    "order": "就诊顺序",
}  # fmt: skip
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
_PAYMENTS: Final = {
    "to_bank": "转入本人银行账户(原现金支付部分)",
    "to_account": "退回个人账户(原个人账户支付部分)",
    "to_relatives": "退回共济人(原共济账户支付部分)",
    "to_heirs": "支付继承人(账户已注销)",
    "forgiven": "冲减以前应退款",
    "claimed_back": "本次应由本人退回",
    "still_owed": "本年度累计应退未退",
}
_PARTS: Final = ("total", "own_expense", "over_limit", "pre_self_pay", "in_scope", "excluded")
_WORKED_OUT: Final = ("pooled_pay", "large_pay")
_PAYERS: Final = ("account_pay", "mutual_pay", "cash_pay", "hospital_share")
_BILL_HEADINGS: Final = (
    "序号", "就诊日期", "医疗类别", "医药机构", "人员类别", "备案", "医疗费总额", "全自费", "超限价自费",
    "先行自付", "符合政策范围金额", "除外金额", "实际支付起付线", "统筹支付比例", "统筹基金支出",
    "大额基金支出", "个人账户支出", "共济支付", "现金", "医院负担", "变动原因",
)  # fmt: skip


def statement_html(told: Mapping[str, Any], area_name: str) -> str:
    """A page of what `statement_json` says."""
    title = f"{told['year']}年度职工基本医疗保险年度结算单"
    kind = "补充结算" if told["earlier"] else "年度结算"
    person = (
        ("姓名", told["name"]),
        ("证件号码", told["id_number"]),
        ("账户编号", told["account"]),
        ("参保地", f"{area_name}({told['area']})"),
        ("结算单号", told["statement"]),
        ("结算日期", told["settled_on"]),
        ("结算类型", kind),
        ("就诊结算笔数", str(len(told["bills"]))),
    )
    return "".join(
        (
            '<!DOCTYPE html><html lang="zh-CN"><head><meta charset="utf-8">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1><dl>",
            *(f"<dt>{escape(word)}</dt><dd>{escape(text or '—')}</dd>" for word, text in person),
            "</dl><h2>一、全年就诊结算明细(按就诊顺序)</h2>",
            _bills(told["bills"]),
            '<p class="note">重新计算后有变动的,先列原结算数,箭头后为重新计算数。'
            "个人账户、共济、现金为原结算时支付数。</p>",
            "<h2>二、年度累计</h2>",
            _counters(told),
            "<h2>三、差额与支付</h2>",
            _sums(told),
            _earlier(told["earlier"]),
            "<footer><span>经办机构(盖章):</span><span>经办人:</span><span>本人签字:</span></footer>",
            "</body></html>",
        )
    )


def _bills(bills: Iterable[Mapping[str, Any]]) -> str:
    bills = list(bills)
    if not bills:
        return _table(_BILL_HEADINGS, [f'<tr><td colspan="{len(_BILL_HEADINGS)}">无</td></tr>'], "bills")
    rows = [_bill(number, bill) for number, bill in enumerate(bills, start=1)]
    return _table(_BILL_HEADINGS, rows, "bills", foot=_totals(bills))


def _bill(number: int, bill: Mapping[str, Any]) -> str:
    was, now = bill["was"], bill["now"]

    def word(name: str, words: Mapping[str, str]) -> str:
        return _change(words.get(was[name], was[name]), words.get(now[name], now[name]), "word")

    def amount(name: str) -> str:
        return _change(was[name], now[name], "amount")

    ratio = _change(_percent(was["ratio"]), _percent(now["ratio"]), "amount")
    care = _CARE[bill["care_type"]]
    if now["admission"]:
        care = f"{care}(第{now['admission']}次)"
    reasons = "、".join(_REASONS[one] for one in bill["changed"])
    if now["coverage"] != "covered":
        reasons = ";".join(filter(None, (_COVERAGES[now["coverage"]], reasons)))
    return "".join(
        (
            "<tr>",
            _cell(str(number)),
            _cell(bill["care_date"], "day"),
            _cell(care, "word"),
            _cell(f"{bill['institution_name']}({bill['institution']},{bill['level']}级)"),
            word("member_class", _CLASSES),
            word("filing", _FILINGS),
            *(_cell(bill[name], "amount") for name in _PARTS),
            amount("deductible"),
            ratio,
            *(amount(name) for name in _WORKED_OUT),
            *(_cell(bill[name], "amount") for name in _PAYERS),
            _cell(reasons, "word"),
            "</tr>",
        )
    )


def _totals(bills: Sequence[Mapping[str, Any]]) -> str:
    """The sums of all bills; of what was worked out anew, both where they differ."""

    def total(name: str) -> str:
        return _cell(_sum(bill[name] for bill in bills), "amount")

    def worked_out(name: str) -> str:
        was, now = (_sum(bill[when][name] for bill in bills) for when in ("was", "now"))
        return _change(was, now, "amount")

    return "".join(
        (
            f'<tr><td colspan="6">合计({len(bills)}笔)</td>',
            *(total(name) for name in _PARTS),
            worked_out("deductible"),
            _cell("—", "amount"),
            *(worked_out(name) for name in _WORKED_OUT),
            *(total(name) for name in _PAYERS),
            "<td></td></tr>",
        )
    )


def _sum(amounts: Iterable[str]) -> str:
    """The sum of amounts in yuan, written as they are."""
    return format_yuan(sum(int(amount.replace(".", "")) for amount in amounts))


def _percent(share: str) -> str:
    """A share such as 0.7000 or 0.125 as people write it: 70%, 12.5%."""
    whole, _point, decimals = share.partition(".")
    decimals = decimals.ljust(2, "0")
    percent = (whole + decimals[:2]).lstrip("0") or "0"
    rest = decimals[2:].rstrip("0")
    return f"{percent}.{rest}%" if rest else f"{percent}%"


def _counters(told: Mapping[str, Any]) -> str:
    before, after = told["before"], told["after"]
    rows = [
        f"<tr>{_cell('住院次数')}{_cell(str(before['admissions']), 'amount')}"
        f"{_cell(str(after['admissions']), 'amount')}</tr>"
    ]
    rows += [
        f"<tr>{_cell(heading)}{_cell(before[name], 'amount')}{_cell(after[name], 'amount')}</tr>"
        for name, heading in _COUNTERS.items()
    ]
    return _table(("项目", "本次结算前", "本次结算后"), rows, "sums")


def _sums(told: Mapping[str, Any]) -> str:
    difference, payments = told["difference"], told["payments"]
    lines = [
        ("统筹基金差额", difference["pooled_pay"]),
        ("大额基金差额", difference["large_pay"]),
        ("年度补助差额", difference["top_up_pay"]),
        ("差额合计", difference["total"]),
        *((heading, payments[name]) for name, heading in _PAYMENTS.items()),
    ]
    threshold, ratio = told["explain"]
    above, share = threshold["value"], _percent(ratio["value"])
    top_up = f"年度补助:全年符合政策范围的个人负担超过{above}元的部分,补助{share}。"
    rows = [f"<tr>{_cell(heading)}{_cell(amount, 'amount')}</tr>" for heading, amount in lines]
    return f'{_table(("项目", "金额(元)"), rows, "sums")}<p class="note">{escape(top_up)}</p>'


def _earlier(earlier: Iterable[Mapping[str, str]]) -> str:
    names = "、".join(f"{one['statement']}({one['settled_on']})" for one in earlier)
    return f'<p class="note">本单补充以下结算单:{escape(names)}</p>' if names else ""


def _table(headings: Iterable[str], rows: Iterable[str], kind: str, foot: str = "") -> str:
    head = "".join(f"<th>{escape(one)}</th>" for one in headings)
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f'<table class="{kind}">{body}{f"<tfoot>{foot}</tfoot>" if foot else ""}</table>'


def _change(was: str, now: str, kind: str) -> str:
    if was == now:
        return _cell(now, kind)
    return f'<td class="{kind} changed">{escape(was)} →<br>{escape(now)}</td>'


def _cell(text: str, kind: str = "") -> str:
    return f'<td class="{kind}">{escape(text)}</td>' if kind else f"<td>{escape(text)}</td>"
