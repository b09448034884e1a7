"""What a resident's insurance costs, and whose age a subsidy goes by (R69). Pure."""

from datetime import date
from typing import Final, NamedTuple

from ledger.money import round_half_up
from ledger.months import months_after
from ledger.policy import RATE_SCALE, Policy


class ResidentPremium(NamedTuple):
    """A resident's premium of a year, in fen: the person's own part and what is paid for the person."""

    premium_fen: int
    own_fen: int
    subsidy_fen: int


_YEAR: Final = 12
_OF_AGE: Final = 18 * _YEAR
_ELDERLY: Final = 60 * _YEAR


def is_of_age_for(group: str | None, born_on: date, day: date) -> bool:
    """Whether somebody is of the age that a subsidy group asks for, on the first day of an enrolment (R69).

    A minor is under 18, the elderly are 60 and above; the other groups ask for none.
    """
    if group == "minor":
        return day < months_after(born_on, _OF_AGE)
    if group == "low_income_elderly":
        return day >= months_after(born_on, _ELDERLY)
    return True


def resident_premium(policy: Policy, day: date, group: str | None) -> ResidentPremium:
    """What a resident pays for a year, and what is paid for them, by the rules of `day` (rule R69).

    The subsidy is rounded, the own part is the rest. No group: no subsidy. A group that there is not is a
    ValueError; MissingParameter when the area has no figures for the day.
    """
    if group is not None and group not in policy.resident_subsidies:
        raise ValueError("no such subsidy group")
    premium_fen = policy.resident_premium.on(day)
    share = 0 if group is None else policy.resident_subsidies[group].on(day)
    subsidy_fen = round_half_up(premium_fen * share, RATE_SCALE)
    return ResidentPremium(premium_fen, premium_fen - subsidy_fen, subsidy_fen)
