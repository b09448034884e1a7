"""The statement of an annual settlement as JSON, and what the document publishes of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, Final, Literal

from pydantic import Field

from api.care.settlement_answers import CoverageWord, Reason
from api.http.answers import Answer, yuan
from api.http.fields import CareWord
from ledger import Policy
from ledger.book.numbers import account_no
from ledger.care.annual_reports import YearBill, YearStatement
from ledger.care.counters import Accumulator
from ledger.care.explaining import because
from ledger.care.rows import SettlementRow
from ledger.money import format_yuan, round_half_up
from ledger.people.persons import Known
from ledger.policy import RATE_SCALE, Dated

RATIO_DECIMALS: Final = 4
ReasonWord = Literal["coverage", "member_class", "level", "filing", "admission", "order"]
_PAYMENTS = (
    "to_bank", "to_account", "to_relatives", "to_heirs", "forgiven", "claimed_back", "still_owed",
)  # fmt: skip
# the amounts of a bill that are worked out anew, whose reasons are told
_EXPLAINED: Final = frozenset({"deductible", "ratio", "pooled_pay", "large_pay"})
_OF_THE_BILL: Final = (
    "total", "own_expense", "over_limit", "pre_self_pay", "in_scope", "excluded", "hospital_share",
    "account_pay", "mutual_pay", "cash_pay",
)  # fmt: skip
_COUNTERS: Final = tuple(name for name in Accumulator._fields if name not in {"version", "admissions"})


class BillSettled(Answer):
    """What the funds pay of a bill."""

    coverage: CoverageWord
    member_class: str
    filing: str
    admission: int = Field(description="Which one of the year; 0 for care that is none")
    deductible: str = yuan("Of `in_scope`: what of the deductible it uses")
    ratio: str = Field(description="After its points", examples=["0.8800"])
    pooled_pay: str = yuan("The pooled fund")
    large_pay: str = yuan("The large-amount fund")
    own_burden: str = yuan("Of `in_scope`: what is left to the person")


class BillOfYear(Answer):
    """A bill of the year. Its parts and payers are those of the day on which it was settled."""

    settlement: str = Field(examples=["P483920174650K-18"])
    care_date: date
    care_type: CareWord
    institution: str
    institution_name: str
    level: int
    total: str = yuan("All lines")
    own_expense: str = yuan("Class C")
    over_limit: str = yuan("Above the price limits")
    pre_self_pay: str = yuan("The person's own share of class B")
    in_scope: str = yuan("The rest: what the fund goes by")
    excluded: str = yuan("Of `in_scope`: what goes with a declared cause")
    hospital_share: str = yuan("What the institution bore itself")
    account_pay: str = yuan("What the own account paid")
    mutual_pay: str = yuan("What relatives' accounts paid")
    cash_pay: str = yuan("What the person paid otherwise")
    was: BillSettled
    now: BillSettled
    changed: list[ReasonWord] = Field(description="Why it comes out otherwise; `order` is that of the bills")
    explain: list[Reason] = Field(description="Of what it comes to now")


class StatementCounters(Answer):
    """What a year of care comes to."""

    admissions: int
    outpatient_deductible: str = yuan("Used of it")
    outpatient_pooled: str = yuan("The pooled fund, by the outpatient table")
    inpatient_deductible: str = yuan("Used of it, over all admissions")
    inpatient_pooled: str = yuan("The pooled fund, by the inpatient table")
    chronic_deductible: str = yuan("Used of it")
    chronic_pooled: str = yuan("The pooled fund, by the table of chronic care")
    large: str = yuan("The large-amount fund")
    top_up: str = yuan("The yearly top-up")
    own_burden: str = yuan("What was left to the person of what was in scope")


class YearDifference(Answer):
    """What the funds pay more than was settled before, or less."""

    pooled_pay: str = yuan("The pooled fund")
    large_pay: str = yuan("The large-amount fund")
    top_up_pay: str = yuan("The yearly top-up, out of the large-amount fund")
    total: str = yuan("All of them")


class YearPayments(Answer):
    """What became of the difference.

    `total` = to_bank + to_account + to_relatives + to_heirs + forgiven - claimed_back.
    """

    to_bank: str = yuan("Paid to the person's bank account: what had been cash")
    to_account: str = yuan("Put into the account: what the account had paid")
    to_relatives: str = yuan("Given back to relatives: what they had paid, into the quota while that stands")
    to_heirs: str = yuan("Of a closed account: to the heirs in the shares of the estate")
    forgiven: str = yuan("Of what earlier statements of the year claimed back: not owed any more")
    claimed_back: str = yuan("Owed by the person because of it")
    still_owed: str = yuan("Owed by the person after it, of this year's settlements")


class EarlierStatementItem(Answer):
    """A statement of the same year that this one supplements."""

    statement: str
    settled_on: date


class AnnualStatementAnswer(Answer):
    """The annual settlement of one person: all bills of the year in the order of care, and the difference."""

    statement: str = Field(description="The entry that it is", examples=["P483920174650K-31"])
    year: int = Field(examples=[2026])
    account: str = Field(examples=["P483920174650K"])
    name: str | None
    id_number: str | None
    area: str
    settled_on: date
    bills: list[BillOfYear]
    before: StatementCounters = Field(description="What was settled of the year before")
    after: StatementCounters
    difference: YearDifference
    payments: YearPayments
    explain: list[Reason] = Field(description="Of the yearly top-up")
    earlier: list[EarlierStatementItem]
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


# -- writing -------------------------------------------------------------------------------------------------


def ratio_text(parts: int) -> str:
    """A ratio with four decimals."""
    whole, rest = divmod(round_half_up(parts * 10**RATIO_DECIMALS, RATE_SCALE), 10**RATIO_DECIMALS)
    return f"{whole}.{rest:0{RATIO_DECIMALS}d}"


def statement_json(policy: Policy, found: YearStatement, person: Known | None) -> dict[str, Any]:
    """The statement, with the reasons by the policy that its entry names."""
    return {
        "statement": found.receipt.name,
        "year": found.year,
        "account": account_no(found.book_id),
        "name": None if person is None else person.masked_name,
        "id_number": None if person is None else person.masked_number,
        "area": f"{found.area:06d}",
        "settled_on": found.receipt.effective_on.isoformat(),
        "bills": [_bill(policy, bill) for bill in found.bills],
        "before": _counters(found.before),
        "after": _counters(found.after),
        "difference": _difference(found),
        "payments": {name: format_yuan(getattr(found, name)) for name in _PAYMENTS},
        "explain": list(_of_the_top_up(policy, date(found.year, 12, 31))),
        "earlier": [
            {"statement": one.name, "settled_on": one.settled_on.isoformat()} for one in found.earlier
        ],
    }


def _bill(policy: Policy, bill: YearBill) -> dict[str, Any]:
    was, now = bill.was, bill.now
    return {
        "settlement": bill.name,
        "care_date": was.care_date.isoformat(),
        "care_type": was.care_type.word,
        "institution": bill.institution,
        "institution_name": bill.institution_name,
        "level": now.level,
        **{name: format_yuan(getattr(was, name)) for name in _OF_THE_BILL},
        "was": _settled(was),
        "now": _settled(now),
        "changed": list(bill.reasons),
        "explain": [one._asdict() for one in because(policy, now) if one.amount in _EXPLAINED],
    }


def _settled(row: SettlementRow) -> dict[str, Any]:
    return {
        "coverage": row.coverage.word,
        "member_class": row.member_class.word,
        "filing": row.filing.word,
        "admission": row.admission,
        "deductible": format_yuan(row.deductible),
        "ratio": ratio_text(row.ratio),
        "pooled_pay": format_yuan(row.pooled_pay),
        "large_pay": format_yuan(row.large_pay),
        "own_burden": format_yuan(row.own_burden),
    }


def _counters(counters: Accumulator) -> dict[str, Any]:
    return {
        "admissions": counters.admissions,
        **{name: format_yuan(getattr(counters, name)) for name in _COUNTERS},
    }


def _difference(found: YearStatement) -> dict[str, str]:
    before, after = found.before, found.after
    pooled = _pooled(after) - _pooled(before)
    large, top_up = after.large - before.large, after.top_up - before.top_up
    return {
        "pooled_pay": format_yuan(pooled),
        "large_pay": format_yuan(large),
        "top_up_pay": format_yuan(top_up),
        "total": format_yuan(pooled + large + top_up),
    }


def _pooled(counters: Accumulator) -> int:
    return counters.outpatient_pooled + counters.inpatient_pooled + counters.chronic_pooled


def _of_the_top_up(policy: Policy, day: date) -> Iterable[dict[str, str | None]]:
    parameters: tuple[Dated[int], ...] = (policy.care.top_up_threshold, policy.care.top_up_ratio)
    for parameter in parameters:
        line = parameter.line_on(day)
        yield {
            "amount": "top_up_pay",
            "rule": "R42",
            "parameter": parameter.name,
            "value": line.written,
            "source": line.source,
        }
