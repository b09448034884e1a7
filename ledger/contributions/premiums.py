"""What a month costs: the base, the premium and its two parts, by the rules of the month owed (R7, K9).

Pure: a policy, a period and a wage in, whole fen out. Each named amount is rounded half up once, and what is
left is a subtraction, so that the parts always add up to the whole (rule K2).
"""

from functools import lru_cache
from typing import Final, NamedTuple

from ledger.chart.members import MemberClass
from ledger.money import FEN_MAX, round_half_up
from ledger.months import first_day
from ledger.policy import RATE_SCALE, Policy
from ledger.refusals import RefusalCode, Refused

# A run asks for the same few months a million times.
_MONTHS_REMEMBERED: Final = 4096


class Premium(NamedTuple):
    """A person's premium of a month, in fen.

    `employee_fen` is what reaches the account and `employer_fen` the rest, for the pooled fund, whoever pays
    the two.
    """

    base_fen: int
    employee_fen: int
    employer_fen: int

    @property
    def total_fen(self) -> int:
        """What the payer owes."""
        return self.employee_fen + self.employer_fen


class _Rates(NamedTuple):
    """Two rates of the base. For a flexible worker the account's is a part of the total."""

    account: int
    other: int


def contribution_base(policy: Policy, period: int, wage_fen: int) -> int:
    """The wage, held between the floor and the cap of the month, in fen (rule R7).

    Each bound is the average wage times its share, rounded once. Refused with WAGE_INVALID unless
    0 < wage ≤ FEN_MAX; MissingParameter when the area has no figures for the month.
    """
    floor_fen, cap_fen = _bounds(policy, period)
    if not 0 < wage_fen <= FEN_MAX:
        raise Refused(RefusalCode.WAGE_INVALID)
    return min(max(wage_fen, floor_fen), cap_fen)


def premium(policy: Policy, period: int, wage_fen: int, member_class: MemberClass) -> Premium:
    """What is owed for a person's month, in fen, by the rules of the month (R7, R13, R14).

    Active: both parts of the base, each rounded. Flexible: the whole is rounded, then the account's part; the
    pooled fund gets the rest. Unemployed: as active, on the area's own share of the average wage instead of
    the wage; where the area credits nothing, the whole goes to the pooled fund.

    Refused: RETIREE_PAYS_NO_PREMIUM, SCHEME_NO_ACCOUNT for a resident, WAGE_INVALID as contribution_base.
    MissingParameter when the area has no figures for the month.
    """
    if member_class == MemberClass.RETIRED:
        raise Refused(RefusalCode.RETIREE_PAYS_NO_PREMIUM)
    if member_class == MemberClass.RESIDENT:
        raise Refused(RefusalCode.SCHEME_NO_ACCOUNT)
    flexible = member_class == MemberClass.FLEXIBLE
    rates = _rates(policy, period, flexible)
    if member_class == MemberClass.UNEMPLOYED:
        return _of_the_unemployed(policy, period, rates)
    base_fen = contribution_base(policy, period, wage_fen)
    account_fen = round_half_up(base_fen * rates.account, RATE_SCALE)
    other_fen = round_half_up(base_fen * rates.other, RATE_SCALE)
    return Premium(base_fen, account_fen, other_fen - account_fen if flexible else other_fen)


def _of_the_unemployed(policy: Policy, period: int, rates: _Rates) -> Premium:
    day = first_day(period)
    base_fen = round_half_up(policy.average_wage.on(day) * policy.unemployment_base.on(day), RATE_SCALE)
    employee_fen = round_half_up(base_fen * rates.account, RATE_SCALE)
    employer_fen = round_half_up(base_fen * rates.other, RATE_SCALE)
    if not policy.unemployment_account.on(day):
        employee_fen, employer_fen = 0, employee_fen + employer_fen
    return Premium(base_fen, employee_fen, employer_fen)


def estimate(policy: Policy, period: int, last_month_fen: int) -> int:
    """What is charged for a month that was not declared: a share of the month before, in fen (rule R10).

    It is charged to the employer as a whole, so it is rounded once and has no parts. The share is that of
    the month charged. A negative month is a bug of the caller: ValueError.
    """
    if last_month_fen < 0:
        raise ValueError("last month's amount must not be negative")
    return round_half_up(last_month_fen * policy.estimate_share.on(first_day(period)), RATE_SCALE)


@lru_cache(maxsize=_MONTHS_REMEMBERED)
def _bounds(policy: Policy, period: int) -> tuple[int, int]:
    """The least and the most base of a month, in fen."""
    day = first_day(period)
    average_fen = policy.average_wage.on(day)
    return (
        round_half_up(average_fen * policy.base_floor.on(day), RATE_SCALE),
        round_half_up(average_fen * policy.base_cap.on(day), RATE_SCALE),
    )


@lru_cache(maxsize=_MONTHS_REMEMBERED)
def _rates(policy: Policy, period: int, flexible: bool) -> _Rates:
    day = first_day(period)
    if flexible:
        return _Rates(policy.flexible_account_rate.on(day), policy.flexible_rate.on(day))
    return _Rates(policy.employee_rate.on(day), policy.employer_rate.on(day))
