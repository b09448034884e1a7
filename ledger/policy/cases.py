"""How long an answer may take to questions, complaints, objections and reports about units (R64, art. 4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from ledger.policy.care import Reader
from ledger.policy.dated import Dated
from ledger.policy.values import whole_number

DAYS_MAX: Final = 250
# Working days where an area says nothing, by kind of case.
_UNSAID: Final[Mapping[str, int]] = {
    "question": 5,
    "complaint": 15,
    "objection": 20,
    "unit_supervision": 20,
}


def days_name(kind: str) -> str:
    """The parameter of a kind of case."""
    return f"cases.{kind}_days"


CASES_UNITS: dict[str, str] = {days_name(kind): "working_days" for kind in _UNSAID}


@dataclass(frozen=True, slots=True, eq=False)
class CasesPolicy:
    """What an area says of cases; where it says nothing, ask by day and get what is usual."""

    days: Mapping[str, Dated[int]]

    def days_on(self, kind: str, day: date) -> int:
        """Within how many working days a case is answered that was opened on that day. KeyError: no kind."""
        said = self.days[kind]
        return said.on(day) if said.holds_on(day) else _UNSAID[kind]


def read_cases(optional: Reader) -> CasesPolicy:
    """What a file says of cases."""
    parse = whole_number(1, DAYS_MAX, "days")
    return CasesPolicy({kind: optional(days_name(kind), parse) for kind in _UNSAID})
