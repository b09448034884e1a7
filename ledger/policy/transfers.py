"""How long transfers may take, and in which cases somebody is paid out at once (R51, R52)."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from ledger.chart.transfers import EXIT_CASES
from ledger.policy.care import Reader
from ledger.policy.dated import Dated
from ledger.policy.values import whole_number

OUT_DAYS: Final = "transfers.out_days"
IN_DAYS: Final = "transfers.in_days"
CASES: Final = "exits.cases"
TRANSFERS_UNITS: dict[str, str] = {OUT_DAYS: "working_days", IN_DAYS: "working_days", CASES: "cases"}
_DAYS_MAX: Final = 250
# working days where an area says nothing
_OUT_UNSAID: Final = 10
_IN_UNSAID: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class TransfersPolicy:
    """What an area says of transfers and exits; where it says nothing, ask by day and get what is usual."""

    out_days: Dated[int]
    in_days: Dated[int]
    cases: Dated[tuple[str, ...]]

    def out_days_on(self, day: date) -> int:
        """Within how many working days the money goes out that was asked for on that day."""
        return self.out_days.on(day) if self.out_days.holds_on(day) else _OUT_UNSAID

    def in_days_on(self, day: date) -> int:
        """Within how many working days the money is credited that was announced on that day."""
        return self.in_days.on(day) if self.in_days.holds_on(day) else _IN_UNSAID

    def cases_on(self, day: date) -> tuple[str, ...]:
        """In which cases somebody is paid out on that day; none where the area names none."""
        return self.cases.on(day) if self.cases.holds_on(day) else ()


def parse_cases(value: str) -> tuple[str, ...]:
    """Cases with a blank between them; "none" is none. Raises ValueError."""
    if value == "none":
        return ()
    words = tuple(value.split(" "))
    for word in words:
        if word not in EXIT_CASES:
            raise ValueError(f"{word or 'a blank'} is none of {', '.join(EXIT_CASES)}")
    if len(set(words)) < len(words):
        raise ValueError("a case stands there twice")
    return words


def read_transfers(optional: Reader) -> TransfersPolicy:
    """What a file says of transfers and exits."""
    days = whole_number(1, _DAYS_MAX, "days")
    return TransfersPolicy(optional(OUT_DAYS, days), optional(IN_DAYS, days), optional(CASES, parse_cases))
