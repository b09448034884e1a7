"""What an account pays at most on a day, and at one institution on a day (R20)."""

from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple

from ledger.policy.care import Reader
from ledger.policy.dated import Dated
from ledger.policy.values import parse_limit

CAP_DAY: Final = "spending.cap_account_day"
CAP_INSTITUTION_DAY: Final = "spending.cap_account_institution_day"
CAPS_UNITS: dict[str, str] = {CAP_DAY: "yuan", CAP_INSTITUTION_DAY: "yuan"}


class SpendingCaps(NamedTuple):
    """The caps of a day, in fen; None is no cap. By name, in the order in which they are held."""

    account_day: int | None
    account_institution_day: int | None


@dataclass(frozen=True, slots=True, eq=False)
class CapsPolicy:
    """What an area says of caps. One that says nothing has none."""

    account_day: Dated[int]
    institution_day: Dated[int]

    # whether there is none on any day, as in most areas
    are_silent: bool = field(init=False)

    def __post_init__(self) -> None:
        is_silent = not self.account_day.lines and not self.institution_day.lines
        object.__setattr__(self, "are_silent", is_silent)

    def on(self, day: date) -> SpendingCaps | None:
        """The caps of a day; None where there are none."""
        if self.are_silent:
            return None
        of_account, of_institution = self.account_day, self.institution_day
        caps = SpendingCaps(
            of_account.on(day) if of_account.holds_on(day) else None,
            of_institution.on(day) if of_institution.holds_on(day) else None,
        )
        return None if caps == (None, None) else caps


def read_caps(optional: Reader) -> CapsPolicy:
    """What a file says of caps."""
    return CapsPolicy(optional(CAP_DAY, parse_limit), optional(CAP_INSTITUTION_DAY, parse_limit))
