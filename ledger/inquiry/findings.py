"""What auditors find in the read log (R65): looks that somebody should explain. Pure.

One pass over the looks in the order of time, and of each finding no more looks are kept than are shown: a day
of a hundred thousand looks is seconds, however they lie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from ledger.chart.channels import AccessChannel, FieldGroup
from ledger.inquiry.crowds import Within

# looks that one finding shows; it says how many there were
LOOKS_MAX: Final = 200
# looks of institutions that are held against the settlements at once
_HELD_MAX: Final = 20_000

# whose data: a book, or of a person who has none the digest of the ID number
Whose = int | bytes


class FindingKind(StrEnum):
    """What was found."""

    MANY_PEOPLE = "many_people"
    OWN_NUMBER = "own_number"
    RELATIVE = "relative"
    COLLEAGUE = "colleague"
    FLAGGED_ACCOUNT = "flagged_account"
    NO_SETTLEMENT = "no_settlement"


class LookedAt(NamedTuple):
    """One row of the read log, as far as it is judged or shown."""

    at: datetime
    actor: str
    channel: AccessChannel
    purpose: str | None
    ref: str | None
    # what lets them
    role: str
    # the code of the institution that the token was bound to
    institution: str | None
    # the token of a person looks at what is the person's own
    is_own: bool
    book_id: int | None
    person: bytes | None
    fields: FieldGroup

    @property
    def whose(self) -> Whose:
        if self.book_id is not None:
            return self.book_id
        if self.person is None:
            raise AssertionError("a look is about somebody")
        return self.person


class Circle(NamedTuple):
    """A registered member of staff: what is their own, and what is their relatives'."""

    own: Set[Whose]
    relatives: Set[Whose]


class LookOut(NamedTuple):
    """Whom to look out for."""

    circles: Mapping[str, Circle]
    staff: Set[Whose]
    # of those who act and are not registered: the books of people of that name
    namesakes: Mapping[str, Set[int]]
    flags: Mapping[int, Sequence[str]]


class Limits(NamedTuple):
    """What the policy says."""

    people: int
    minutes: int
    days: int


@dataclass(slots=True)
class AuditFinding:
    """One thing to explain, and its evidence: the first looks, and how many there are of how many people."""

    kind: FindingKind
    actor: str
    institution: str | None = None
    # how the one who acted was told: "number" as registered, or "name" alone
    told_by: str | None = None
    reasons: list[str] = field(default_factory=list)
    looks: list[LookedAt] = field(default_factory=list)
    looks_total: int = 0
    whose: set[Whose] = field(default_factory=set)
    last_at: datetime | None = None

    def add(self, look: LookedAt) -> None:
        self.looks_total += 1
        self.whose.add(look.whose)
        self.last_at = look.at
        if len(self.looks) < LOOKS_MAX:
            self.looks.append(look)

    @property
    def first_at(self) -> datetime:
        return self.looks[0].at

    @property
    def place(self) -> tuple[str, str, str, str]:
        """Where it stands in the list: by when it began."""
        return self.first_at.isoformat(), self.kind.value, self.actor, self.institution or ""


# which of some looks of institutions a settlement follows
Follows = Callable[[Sequence[LookedAt]], Iterable[bool]]


class Findings:
    """Gathers what is found in looks that are handed over in the order of time.

    Looks before `since` count for how many people there are in some minutes, and are found for nothing else.
    """

    def __init__(self, watched: LookOut, limits: Limits, since: datetime, follows: Follows) -> None:
        self._watched = watched
        self._limits = limits
        self._since = since
        self._follows = follows
        self._crowds: dict[str, _Crowd] = {}
        self._found: dict[tuple[FindingKind, str, str | None], AuditFinding] = {}
        self._held: list[LookedAt] = []

    def add(self, look: LookedAt) -> None:
        # a person's own data through the person's own token
        if look.is_own:
            return
        # who reads these findings sees many people, and every flagged account
        of_the_log = look.channel is AccessChannel.AUDIT and bool(look.fields & FieldGroup.READS)
        if not of_the_log:
            crowd = self._crowds.get(look.actor)
            if crowd is None:
                crowd = self._crowds[look.actor] = _Crowd(look.actor, self._limits)
            crowd.add(look)
        if look.at < self._since:
            return
        self._judge(look)
        if not of_the_log and look.book_id is not None and look.book_id in self._watched.flags:
            found = self._one(FindingKind.FLAGGED_ACCOUNT, look)
            found.reasons += [one for one in self._watched.flags[look.book_id] if one not in found.reasons]
        if look.institution is not None:
            self._held.append(look)
            if len(self._held) >= _HELD_MAX:
                self._hold_against()

    def _judge(self, look: LookedAt) -> None:
        """Whether somebody looks at what they should not for being who they are."""
        circle = self._watched.circles.get(look.actor)
        whose = look.whose
        if circle is None:
            if look.book_id in self._watched.namesakes.get(look.actor, ()):
                self._one(FindingKind.OWN_NUMBER, look).told_by = "name"
        elif whose in circle.own:
            self._one(FindingKind.OWN_NUMBER, look).told_by = "number"
        elif whose in circle.relatives:
            self._one(FindingKind.RELATIVE, look).told_by = "number"
        elif whose in self._watched.staff:
            self._one(FindingKind.COLLEAGUE, look).told_by = "number"

    def _one(self, kind: FindingKind, look: LookedAt, institution: str | None = None) -> AuditFinding:
        """The finding of a kind about whoever acted, with one look more."""
        key = kind, look.actor, institution
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = AuditFinding(kind, look.actor, institution)
        found.add(look)
        return found

    def _hold_against(self) -> None:
        for look, followed in zip(self._held, self._follows(self._held), strict=True):
            if not followed:
                self._one(FindingKind.NO_SETTLEMENT, look, look.institution)
        self._held.clear()

    def all(self) -> list[AuditFinding]:
        """Everything that was found, by when it began."""
        self._hold_against()
        crowds = (
            one
            for crowd in self._crowds.values()
            for one in crowd.all()
            if one.last_at is not None and one.last_at >= self._since
        )
        return sorted([*self._found.values(), *crowds], key=lambda one: one.place)


class _Crowd:
    """The people at whom one looks within some minutes; the looks of a time in which they were too many."""

    def __init__(self, actor: str, limits: Limits) -> None:
        self._actor = actor
        self._most = limits.people
        self._span = timedelta(minutes=limits.minutes)
        self._looks: Within[LookedAt] = Within()
        self._open: AuditFinding | None = None
        self._found: list[AuditFinding] = []

    def add(self, look: LookedAt) -> None:
        self._looks.add(look.at, look.whose, look, self._span)
        if self._looks.many <= self._most:
            self._open = None
        elif self._open is not None:
            self._open.add(look)
        else:
            self._open = AuditFinding(FindingKind.MANY_PEOPLE, self._actor)
            self._found.append(self._open)
            for one in self._looks:
                self._open.add(one)

    def all(self) -> Iterator[AuditFinding]:
        return iter(self._found)
