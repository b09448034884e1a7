"""The parameters of reading: what a channel may ask for, and what the person is told of it later (R65)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from ledger.policy.care import Reader
from ledger.policy.dated import Dated
from ledger.policy.values import whole_number

PURPOSES: Final = "access.purposes."
WITHHELD: Final = "access.withheld_days"
# what is found in the read log (R65): more people than that in so many minutes, and looks of an institution
# that no settlement follows within so many days
MANY_PEOPLE: Final = "access.many_people"
MANY_MINUTES: Final = "access.many_people_minutes"
SETTLED_DAYS: Final = "access.settled_within_days"
# for how long it is known whose a closed account was
RETENTION: Final = "access.retention_years"
# Channels that name a purpose, and what for where an area says nothing. A system names none.
_UNSAID: Final[Mapping[str, tuple[str, ...]]] = {
    "window": ("own_request", "proxy_request", "complaint", "court_order", "estate"),
    "phone": ("own_request",),
    "online": ("own_request",),
    "kiosk": ("own_request",),
    "employer": ("own_request",),
    "institution": ("care",),
    "agency": ("court_order", "estate"),
    "audit": ("audit",),
}
DAYS_MAX: Final = 3_660
# Days until the person sees that such a look was taken. An estate's looks are shown once it is divided, and
# after this time where none is named.
_WITHHELD_UNSAID: Final[Mapping[str, int]] = {"court_order": 180, "estate": DAYS_MAX}
WITHHELD_UNSAID: Final = frozenset(_WITHHELD_UNSAID)
"""The purposes for which looks are withheld where an area says nothing."""
_PEOPLE_UNSAID, _MINUTES_UNSAID, _SETTLED_UNSAID = 50, 10, 30
MINUTES_MAX: Final = 1440
RETENTION_MAX: Final = 200

ACCESS_UNITS: dict[str, str] = {
    **{PURPOSES + channel: "purposes" for channel in _UNSAID},
    WITHHELD: "days_by_purpose",
    MANY_PEOPLE: "people",
    MANY_MINUTES: "minutes",
    SETTLED_DAYS: "days",
    RETENTION: "years",
}

_match_purpose = re.compile(r"[a-z][a-z0-9_]{0,39}").fullmatch
_match_withheld = re.compile(r"(?P<purpose>[a-z][a-z0-9_]{0,39}):(?P<days>[1-9][0-9]{0,3})").fullmatch


@dataclass(frozen=True, slots=True, eq=False)
class AccessPolicy:
    """What an area says of reading; where it says nothing, ask by day and get what is usual."""

    purposes: Mapping[str, Dated[tuple[str, ...]]]
    withheld: Dated[Mapping[str, int]]
    many_people: Dated[int]
    many_minutes: Dated[int]
    settled_days: Dated[int]
    retention: Dated[int]

    def purposes_on(self, channel: str, day: date) -> tuple[str, ...]:
        """The purposes for which a channel may look on a day; none for a channel that is not known."""
        said = self.purposes.get(channel)
        return said.on(day) if said is not None and said.holds_on(day) else _UNSAID.get(channel, ())

    def withheld_on(self, day: date) -> Mapping[str, int]:
        """By purpose, for how many days a look taken on that day is not shown to the person."""
        return self.withheld.on(day) if self.withheld.holds_on(day) else _WITHHELD_UNSAID

    def withheld_ever(self) -> frozenset[str]:
        """The purposes for which looks are withheld, or were at any time."""
        return frozenset(_WITHHELD_UNSAID).union(*(line.value for line in self.withheld.lines))

    def many_on(self, day: date) -> tuple[int, int]:
        """How many people one may look at, and in how many minutes, until it is found."""
        people, minutes = self.many_people, self.many_minutes
        return (
            people.on(day) if people.holds_on(day) else _PEOPLE_UNSAID,
            minutes.on(day) if minutes.holds_on(day) else _MINUTES_UNSAID,
        )

    def settled_within_on(self, day: date) -> int:
        """Within how many days a settlement follows an institution's look."""
        return self.settled_days.on(day) if self.settled_days.holds_on(day) else _SETTLED_UNSAID

    def retention_on(self, day: date) -> int | None:
        """For how many years after it was closed it is known whose an account was; None: for ever."""
        return self.retention.on(day) if self.retention.holds_on(day) else None


def read_access(optional: Reader) -> AccessPolicy:
    """What a file says of reading."""
    return AccessPolicy(
        {channel: optional(PURPOSES + channel, parse_purposes) for channel in _UNSAID},
        optional(WITHHELD, parse_withheld),
        optional(MANY_PEOPLE, whole_number(1, 9_999, "people")),
        optional(MANY_MINUTES, whole_number(1, MINUTES_MAX, "minutes")),
        optional(SETTLED_DAYS, whole_number(1, 366, "days")),
        optional(RETENTION, whole_number(1, RETENTION_MAX, "years")),
    )


def parse_purposes(value: str) -> tuple[str, ...]:
    """Words such as "own_request complaint"; "none" is none. ValueError for a word that is no word."""
    if value == "none":
        return ()
    words = tuple(value.split(" "))
    if not all(map(_match_purpose, words)) or len(set(words)) != len(words):
        raise ValueError('purposes are "none", or small words, each once, with a blank between, as "audit"')
    return words


def parse_withheld(value: str) -> Mapping[str, int]:
    """Days by purpose such as "court_order:180 estate:365"; "none" withholds nothing."""
    if value == "none":
        return {}
    found = [_match_withheld(part) for part in value.split(" ")]
    days = {one["purpose"]: int(one["days"]) for one in found if one is not None}
    if len(days) != len(found) or max(days.values(), default=0) > DAYS_MAX:
        raise ValueError(
            f'what is withheld is "none", or a purpose with its days up to {DAYS_MAX}, as "court_order:180"'
        )
    return days
