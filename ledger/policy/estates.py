"""How long an estate waits, up to which amount one heir signs for all, and who gets what nobody inherits
(R54, R57)."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from ledger.bounds.bound import Edge
from ledger.policy.care import Reader
from ledger.policy.dated import Dated
from ledger.policy.values import parse_amount, whole_number

WAIT: Final = "estates.wait_months"
SMALL_UP_TO: Final = "estates.small_up_to"
UNCLAIMED_TO: Final = "estates.unclaimed_to"
ESTATES_UNITS: dict[str, str] = {WAIT: "months", SMALL_UP_TO: "yuan", UNCLAIMED_TO: "heir"}
_WAIT_MAX: Final = 12


class UnclaimedTo(StrEnum):
    """Who gets what nobody inherits (CC1160)."""

    STATE = "state"
    POOLED_FUND = "pooled_fund"


@dataclass(frozen=True, slots=True, eq=False)
class EstatesPolicy:
    """What an area says of estates, by the day of death but for `small_up_to_on`."""

    wait: Dated[int]
    small_up_to: Dated[int]
    unclaimed_to: Dated[UnclaimedTo]

    def divided_from(self, died_on: date) -> date | None:
        """The first day on which the estate of that death is divided; None where the area does not wait."""
        months = self.wait.on(died_on) if self.wait.holds_on(died_on) else 0
        return Edge("death", months=months).day({"death": died_on}) if months else None

    def small_up_to_on(self, day: date) -> int | None:
        """Up to how many fen one heir signs for all; None where the area does not know that."""
        return self.small_up_to.on(day) if self.small_up_to.holds_on(day) else None

    def unclaimed_to_on(self, died_on: date) -> UnclaimedTo:
        """Who gets what nobody inherits: the State, where the area says nothing."""
        return self.unclaimed_to.on(died_on) if self.unclaimed_to.holds_on(died_on) else UnclaimedTo.STATE


def read_estates(optional: Reader) -> EstatesPolicy:
    """What a file says of estates."""
    return EstatesPolicy(
        optional(WAIT, whole_number(0, _WAIT_MAX, "months")),
        optional(SMALL_UP_TO, parse_amount),
        optional(UNCLAIMED_TO, _parse_unclaimed),
    )


def _parse_unclaimed(value: str) -> UnclaimedTo:
    if value not in set(UnclaimedTo):
        raise ValueError('what nobody inherits goes to "state" or to "pooled_fund"')
    return UnclaimedTo(value)
