"""What an area asks a second person for (R68), by verb, and how long that waits."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from ledger.policy.care import Reader
from ledger.policy.dated import Dated
from ledger.policy.values import parse_amount, whole_number

ASKABLE: Final = (
    "contribution",
    "death",
    "death_correction",
    "death_withdrawal",
    "demand",
    "estate",
    "estate_unclaimed",
    "estate_undo",
    "exit",
    "id_number",
    "merge",
    "name_change",
    "transfer_in",
    "transfer_out",
)
"""The verbs that an area may ask a second person for. What runs and payments of employers do has none."""

DAYS: Final = "approvals.days"
DAYS_MAX: Final = 366
# where an area says nothing
_DAYS_UNSAID: Final = 30
_FROM: Final = re.compile(r"from (?P<yuan>[0-9.]+)")


def approval_name(verb: str) -> str:
    """The parameter of a verb."""
    return f"approvals.{verb}"


APPROVAL_UNITS: dict[str, str] = {**{approval_name(verb): "approval" for verb in ASKABLE}, DAYS: "days"}


@dataclass(frozen=True, slots=True, eq=False)
class ApprovalsPolicy:
    """What an area says of two people. A verb of which it says nothing never asks for a second one."""

    verbs: Mapping[str, Dated[int | None]]
    days: Dated[int]

    def asking_on(self, day: date) -> Mapping[str, int]:
        """By verb, from how many fen a second person is asked for on a day: 0 is always. Never: not here."""
        return _asking(self, day)

    def days_on(self, day: date) -> int:
        """For how many days that waits which is asked for on a day."""
        return self.days.on(day) if self.days.holds_on(day) else _DAYS_UNSAID


@lru_cache(maxsize=256)
def _asking(policy: ApprovalsPolicy, day: date) -> Mapping[str, int]:
    said = {verb: line.on(day) for verb, line in policy.verbs.items() if line.holds_on(day)}
    return {verb: least for verb, least in said.items() if least is not None}


def read_approvals(optional: Reader) -> ApprovalsPolicy:
    """What a file says of two people."""
    return ApprovalsPolicy(
        {verb: optional(approval_name(verb), parse_approval) for verb in ASKABLE},
        optional(DAYS, whole_number(1, DAYS_MAX, "days")),
    )


def parse_approval(value: str) -> int | None:
    """From how many fen on: 0 for "always", None for "never". ValueError for anything else."""
    if value == "never":
        return None
    if value == "always":
        return 0
    match = _FROM.fullmatch(value)
    if match is None:
        raise ValueError(
            'a second person is asked for "always", "never", or "from" an amount, as "from 5000.00"'
        )
    fen = parse_amount(match["yuan"])
    if fen == 0:
        raise ValueError('from nothing on is "always"')
    return fen
