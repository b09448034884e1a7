"""The parameters there are: what each is called, what it is counted in, and its field of Policy."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from ledger.months import first_day, next_period, period_of
from ledger.policy.access import ACCESS_UNITS, AccessPolicy
from ledger.policy.approvals import APPROVAL_UNITS, ApprovalsPolicy
from ledger.policy.calendar import CALENDAR_UNITS, WorkCalendar
from ledger.policy.care import CARE_UNITS, CHRONIC_UNITS, ON_FILE_UNITS, CarePolicy
from ledger.policy.cases import CASES_UNITS, CasesPolicy
from ledger.policy.dated import ONE_DAY, Dated, ParameterLine
from ledger.policy.estates import ESTATES_UNITS, EstatesPolicy
from ledger.policy.findings import FINDINGS_UNITS, FindingsPolicy
from ledger.policy.spending import CAPS_UNITS, CapsPolicy
from ledger.policy.transfers import TRANSFERS_UNITS, TransfersPolicy
from ledger.policy.values import DueShift, LateFeeCap, PartPayment, PocketOrder

# Whose resident premium somebody else pays in full or in part (rule R69).
SUBSIDY_GROUPS = ("minimum_living", "severely_disabled", "low_income_elderly", "minor")
SUBSIDY_SHARE = "residents.subsidy_share."

ESTIMATES_IN_A_ROW = "contributions.estimates_in_a_row"
# from which amount on a mass correction claims back what somebody got too much; unsaid: everything
TAKEN_BACK_FROM = "corrections.taken_back_from"
# where an area says nothing
_IN_A_ROW_UNSAID = 3

# What each parameter is counted in that every area has.
UNITS: dict[str, str] = {
    "interest.demand": "per_year",
    "interest.three_month": "per_year",
    "interest.day_basis": "days_per_year",
    "spending.pocket_order": "order",
    "holds.days_max": "days",
    "contributions.average_wage": "yuan_per_month",
    "contributions.floor_share": "of_average_wage",
    "contributions.cap_share": "of_average_wage",
    "contributions.employee_rate": "of_base",
    "contributions.employer_rate": "of_base",
    "contributions.flexible_rate": "of_base",
    "contributions.flexible_account_rate": "of_base",
    "contributions.due_day": "day_of_month",
    "contributions.due_shift": "shift",
    "contributions.part_payment": "way",
    "contributions.estimate_share": "of_last_month",
    "late_fee.daily_rate": "per_day",
    "late_fee.cap": "cap",
    "retirees.monthly_credit": "yuan_per_month",
    "unemployment.base_share": "of_average_wage",
    "unemployment.account_credit": "yes_or_no",
    "residents.premium": "yuan_per_year",
    **{SUBSIDY_SHARE + group: "of_premium" for group in SUBSIDY_GROUPS},
    "registration.days": "days",
    **CARE_UNITS,
}
# … and those that an area may leave out.
OPTIONAL_UNITS: dict[str, str] = {
    **CHRONIC_UNITS,
    **ON_FILE_UNITS,
    ESTIMATES_IN_A_ROW: "months",
    TAKEN_BACK_FROM: "yuan",
    **ACCESS_UNITS,
    **CALENDAR_UNITS,
    **CASES_UNITS,
    **APPROVAL_UNITS,
    **TRANSFERS_UNITS,
    **ESTATES_UNITS,
    **FINDINGS_UNITS,
    **CAPS_UNITS,
}
ALL_UNITS: dict[str, str] = UNITS | OPTIONAL_UNITS


# Compared by identity, so that a Policy is a cheap cache key: two loaded policies say the same when their
# `hash` is the same.
@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """The rules of one area, in one version. Rates and shares are integers in parts per RATE_SCALE.

    Interest rates are per year, the late fee rate is per day, all other rates are shares of the base.
    Amounts are in fen. `hash` (SHA-256 of the file's bytes, hex) is the version that every entry names;
    `text` is the file, so that a version once used can be stored and loaded again.
    """

    area: str
    name: str
    interest_demand: Dated[int]
    interest_three_month: Dated[int]
    day_basis: Dated[int]
    pocket_order: Dated[PocketOrder]
    caps: CapsPolicy
    hold_days_max: Dated[int]
    average_wage: Dated[int]
    base_floor: Dated[int]
    base_cap: Dated[int]
    employee_rate: Dated[int]
    employer_rate: Dated[int]
    flexible_rate: Dated[int]
    # a part of flexible_rate, not beside it
    flexible_account_rate: Dated[int]
    due_day: Dated[int]
    due_shift: Dated[DueShift]
    part_payment: Dated[PartPayment]
    estimate_share: Dated[int]
    # no line is three: ask `estimates_in_a_row_on`
    estimates_in_a_row: Dated[int]
    late_fee_rate: Dated[int]
    late_fee_cap: Dated[LateFeeCap]
    retiree_credit: Dated[int]
    unemployment_base: Dated[int]
    unemployment_account: Dated[bool]
    resident_premium: Dated[int]
    resident_subsidies: Mapping[str, Dated[int]]
    registration_days: Dated[int]
    # no line claims everything back
    corrections_taken_back_from: Dated[int]
    care: CarePolicy
    access: AccessPolicy
    findings: FindingsPolicy
    calendar: WorkCalendar
    cases: CasesPolicy
    approvals: ApprovalsPolicy
    transfers: TransfersPolicy
    estates: EstatesPolicy
    text: str
    hash: str
    parameters: tuple[ParameterLine, ...]

    def estimates_in_a_row_on(self, day: date) -> int:
        """How many months in a row are estimated by the month before, until the agency has to act (R10)."""
        said = self.estimates_in_a_row
        return said.on(day) if said.holds_on(day) else _IN_A_ROW_UNSAID


@lru_cache
def rates_since(policy: Policy) -> date:
    """The first day on which an account can earn interest: no account is opened before."""
    return max(
        parameter.since
        for parameter in (policy.interest_demand, policy.interest_three_month, policy.day_basis)
    )


@lru_cache
def figures_since(policy: Policy) -> date:
    """The first day of the first month for which premiums, estimates and late fees can be worked out."""
    since = max(
        parameter.since
        for parameter in (
            policy.average_wage,
            policy.base_floor,
            policy.base_cap,
            policy.employee_rate,
            policy.employer_rate,
            policy.due_day,
            policy.due_shift,
            policy.part_payment,
            policy.estimate_share,
            policy.late_fee_rate,
            policy.late_fee_cap,
        )
    )
    return since if since.day == 1 else first_day(next_period(period_of(since)))


class InForce(NamedTuple):
    """The lines that hold on a day, and the names of the parameters that have no value on it.

    An optional parameter without a value is not missing.
    """

    lines: list[ParameterLine]
    missing: list[str]


def in_force(policy: Policy, day: date) -> InForce:
    """What holds on `day`, in the order of ALL_UNITS.

    Each line has the last day it really holds as `valid_until`: the eve of the line after it, where the file
    says nothing. None is left for a last line that holds for good.
    """
    last_lines: dict[str, ParameterLine] = {}
    ends: dict[str, date | None] = {}
    for line in policy.parameters:
        if line.valid_from <= day:
            last_lines[line.name] = line
            ends[line.name] = line.valid_until
        elif line.name in last_lines and ends[line.name] is None:
            ends[line.name] = line.valid_from - ONE_DAY
    lines: list[ParameterLine] = []
    missing: list[str] = []
    for name in ALL_UNITS:
        end = ends.get(name)
        if name not in last_lines or (end is not None and end < day):
            if name in UNITS:
                missing.append(name)
        else:
            lines.append(replace(last_lines[name], valid_until=end))
    return InForce(lines, missing)
