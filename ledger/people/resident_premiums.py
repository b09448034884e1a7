"""What a resident's insurance costs (R10). Pure."""

from datetime import date
from typing import NamedTuple

from ledger.money import round_half_up
from ledger.policy import RATE_SCALE, Policy


class ResidentPremium(NamedTuple):
    """A resident's premium of a year, in fen: the person's own part and what is paid for the person."""

    premium_fen: int
    own_fen: int
    subsidy_fen: int


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
