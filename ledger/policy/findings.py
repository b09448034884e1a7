"""What auditors are shown of the book (R65): from where on entries are many, quick or split."""

from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from ledger.policy.care import Reader
from ledger.policy.dated import Dated
from ledger.policy.values import parse_limit, parse_share, whole_number

ACCOUNTS: Final = "findings.many_accounts"
MINUTES: Final = "findings.many_accounts_minutes"
SPLIT_LIMIT: Final = "findings.split_limit"
SPLIT_SHARE: Final = "findings.split_share"
SPLIT_PAYMENTS: Final = "findings.split_payments"
EXIT_DAYS: Final = "findings.exit_days"
HAND_DAYS: Final = "findings.one_hand_days"
APPROVED_MINUTES: Final = "findings.approved_minutes"

FINDINGS_UNITS: dict[str, str] = {
    ACCOUNTS: "accounts",
    MINUTES: "minutes",
    SPLIT_LIMIT: "yuan",
    SPLIT_SHARE: "of_limit",
    SPLIT_PAYMENTS: "payments",
    EXIT_DAYS: "days",
    HAND_DAYS: "days",
    APPROVED_MINUTES: "minutes",
}
DAYS_MAX: Final = 366
_MINUTES_MAX: Final = 1_440


class FindingLimits(NamedTuple):
    """What holds on a day. `split_fen` is in fen, `split_least` too: what is just below it."""

    # more accounts than that at one pharmacy within so many minutes
    accounts: int
    minutes: int
    # payments from `split_least` on and below `split_fen`, so many of them in a day
    split_fen: int
    split_least: int
    split_payments: int
    # a payment out within so many days of a reversal
    exit_days: int
    # two acts of one hand within so many days; a yes within so many minutes
    hand_days: int
    approved_minutes: int


# what holds where an area says nothing
_UNSAID: Final[dict[str, int]] = {
    ACCOUNTS: 10,
    MINUTES: 5,
    SPLIT_LIMIT: 50_000,
    SPLIT_SHARE: parse_share("0.80"),
    SPLIT_PAYMENTS: 2,
    EXIT_DAYS: 30,
    HAND_DAYS: 30,
    APPROVED_MINUTES: 1,
}
_WHOLE: Final = parse_share("1")


@dataclass(frozen=True, slots=True, eq=False)
class FindingsPolicy:
    """What an area says of them; where it says nothing, ask by day and get what is usual."""

    said: dict[str, Dated[int]]

    def on(self, day: date) -> FindingLimits:
        """What holds on a day."""
        now = {
            name: said.on(day) if said.holds_on(day) else _UNSAID[name] for name, said in self.said.items()
        }
        limit = now[SPLIT_LIMIT]
        # rounded up: what is below the share is not just below the limit
        least = -(-limit * now[SPLIT_SHARE] // _WHOLE)
        return FindingLimits(
            now[ACCOUNTS],
            now[MINUTES],
            limit,
            least,
            now[SPLIT_PAYMENTS],
            now[EXIT_DAYS],
            now[HAND_DAYS],
            now[APPROVED_MINUTES],
        )


NOTHING_SAID: Final = FindingsPolicy({name: Dated(name, ()) for name in FINDINGS_UNITS})
"""An area that says nothing of them."""


def read_findings(optional: Reader) -> FindingsPolicy:
    """What a file says of them."""
    parsers = {
        ACCOUNTS: whole_number(1, 9_999, "accounts"),
        MINUTES: whole_number(1, _MINUTES_MAX, "minutes"),
        SPLIT_LIMIT: parse_limit,
        SPLIT_SHARE: parse_share,
        SPLIT_PAYMENTS: whole_number(2, 9_999, "payments"),
        EXIT_DAYS: whole_number(1, DAYS_MAX, "days"),
        HAND_DAYS: whole_number(1, DAYS_MAX, "days"),
        APPROVED_MINUTES: whole_number(1, _MINUTES_MAX, "minutes"),
    }
    return FindingsPolicy({name: optional(name, parse) for name, parse in parsers.items()})
