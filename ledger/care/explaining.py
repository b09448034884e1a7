"""Why each amount of a settled bill is what it is: the rule, and the policy's number that made it. Pure.

Nothing is worked out anew: a row says by which table and in which circumstances it was settled, and the lines
that the policy has for them on the day of care are looked up. A version that was stored before a parameter
was known has no value for it, and that is no error.
"""

from collections.abc import Callable, Iterator
from datetime import date
from functools import lru_cache
from typing import Any, Final, NamedTuple

from ledger.care.benefits import CARE_CLASS
from ledger.care.rows import SettlementRow
from ledger.chart.care import CareTable, CareType, Channel, Coverage, Cut, Filing
from ledger.chart.members import MemberClass
from ledger.policy import Dated, MissingParameter, Policy

# A day's bills are of few kinds, and few days are asked for at a time.
_KINDS_REMEMBERED: Final = 4096

# Why the pooled fund takes no part. Of a pharmacy purchase the policy says it.
_NOT_COVERED: Final = {Coverage.PAUSED: "R28", Coverage.RESIDENT: "R29", Coverage.WAITING: "R43"}


class Because(NamedTuple):
    """One reason of an amount. `value` is as the policy file has it, `source` where it comes from.

    Where the pooled fund takes no part, `value` is the word of the coverage and there is no parameter.
    """

    amount: str
    rule: str
    parameter: str | None = None
    value: str | None = None
    source: str | None = None


class _Kind(NamedTuple):
    """What of a row decides the reasons, beside the policy."""

    table: CareTable
    care_type: CareType
    day: date
    level: int
    member_class: MemberClass
    coverage: Coverage
    filing: Filing
    cut: Cut
    later_admission: bool
    use_account: bool
    has_cause: bool
    annual: bool


def because(policy: Policy, row: SettlementRow) -> list[Because]:
    """The reasons of every amount of a row, in the order of the amounts; each has at least one."""
    kind = _Kind(
        row.care_table,
        row.care_type,
        row.care_date,
        row.level,
        row.member_class,
        row.coverage,
        row.filing,
        row.cut,
        row.admission >= 2,
        row.use_account,
        row.cause_kind is not None,
        row.channel is Channel.ANNUAL,
    )
    return list(_reasons(policy, kind))


@lru_cache(maxsize=_KINDS_REMEMBERED)
def _reasons(policy: Policy, kind: _Kind) -> tuple[Because, ...]:
    """The reasons of all rows of a kind."""

    def named(amount: str, rule: str, parameter: Dated[Any]) -> Because:
        try:
            line = parameter.line_on(kind.day)
        except MissingParameter:
            return Because(amount, rule, parameter.name)
        return Because(amount, rule, parameter.name, line.written, line.source)

    own_expense = policy.care.account_own_expense
    reasons = [
        Because("total", "R26"),
        named("own_expense", "R27", own_expense),
        named("over_limit", "R27", own_expense),
        # its share stands on the line of the bill
        Because("pre_self_pay", "K3"),
        Because("in_scope", "R39"),
    ]
    if kind.has_cause:
        reasons.append(Because("excluded", "R44"))
    reasons += _of_the_funds(policy, kind, named)
    if kind.annual:
        reasons.append(named("top_up_pay", "R42", policy.care.top_up_threshold))
        reasons.append(named("top_up_pay", "R42", policy.care.top_up_ratio))
    if kind.use_account:
        reasons.append(Because("account_pay", "R20"))
        reasons.append(named("account_pay", "R27", own_expense))
        reasons.append(named("account_pay", "K6", policy.pocket_order))
    else:
        reasons.append(Because("account_pay", "R27"))
    reasons.append(Because("mutual_pay", "R37" if kind.use_account else "R27"))
    reasons.append(Because("cash_pay", "K3"))
    reasons.append(Because("hospital_share", "R26"))
    return tuple(reasons)


_Named = Callable[[str, str, Dated[Any]], Because]


def _of_the_funds(policy: Policy, kind: _Kind, named: _Named) -> Iterator[Because]:
    """The reasons of deductible, ratio, pooled_pay and large_pay."""
    care_class = CARE_CLASS.get(kind.member_class)
    if kind.table is CareTable.NONE or care_class is None:
        yield from _of_no_fund(policy, kind, named)
        return
    care = policy.care
    cell = care_class, kind.level
    if kind.table is CareTable.INPATIENT:
        table_ratio, cap = care.inpatient.ratio[cell], care.inpatient.cap[care_class]
        yield named("deductible", "R39", care.inpatient.deductible[cell])
        if kind.later_admission:
            yield named("deductible", "R39", care.inpatient.second_admission_factor)
    else:
        table = care.chronic if kind.table is CareTable.CHRONIC else care.outpatient
        table_ratio, cap = table.ratio[cell], table.cap[care_class]
        yield named("deductible", "R39", table.deductible[care_class])
    yield named("ratio", "R39", table_ratio)
    if kind.cut is Cut.OUT_OF_AREA:
        yield named("ratio", "R40", care.out_of_area_points[kind.filing.word])
    elif kind.cut is Cut.NO_REFERRAL:
        yield named("ratio", "R40", care.referral_points)
    yield named("pooled_pay", "R39", table_ratio)
    yield named("pooled_pay", "R39", cap)
    if kind.table is CareTable.INPATIENT:
        yield named("large_pay", "K10", care.large_ratio[kind.level])
        yield named("large_pay", "K10", care.large_cap)
    else:
        yield Because("large_pay", "K10")


def _of_no_fund(policy: Policy, kind: _Kind, named: _Named) -> Iterator[Because]:
    """The reasons why the funds pay nothing, or why a row of differences has no table."""
    rule = _NOT_COVERED.get(kind.coverage, "R42" if kind.annual else "R39")
    yield Because("deductible", rule)
    yield Because("ratio", rule)
    if kind.coverage in _NOT_COVERED:
        yield Because("pooled_pay", rule, value=kind.coverage.word)
    if kind.coverage is Coverage.WAITING:
        yield named("pooled_pay", rule, policy.care.waiting_gap_months)
        yield named("pooled_pay", rule, policy.care.waiting_months)
    elif kind.coverage not in _NOT_COVERED:
        if kind.care_type is CareType.PHARMACY:
            yield named("pooled_pay", rule, policy.care.pharmacy_pooled)
        else:
            yield Because("pooled_pay", rule)
    yield Because("large_pay", rule)
