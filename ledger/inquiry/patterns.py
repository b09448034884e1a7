"""What a fraud examiner looks for in the book: entries that somebody should explain (R65). Pure.

One pass over the entries in the order of time. Of each pattern no more is kept than what lies within its
days, and of each finding no more entries than are shown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Set
from datetime import date, datetime, timedelta
from typing import Final

from ledger.accounts.debits_after import DEBITS
from ledger.chart.kinds import Kind
from ledger.clock import day_of
from ledger.inquiry.crowds import Within
from ledger.inquiry.moved import Approved, BookFinding, Evidence, Hand, MovedEntry, PatternKind
from ledger.policy.findings import FindingLimits
from ledger.texts import actor_as_compared

# where a card is shown, and paid by
CARDS: Final = frozenset({Kind.SPENDING, Kind.CAPTURE, Kind.SETTLEMENT})
# what of an account leaves it as money in somebody's hands
PAID_OUT: Final = frozenset({Kind.EXIT, Kind.REFUND_TO_PAYER, Kind.PAYOUT})
# what somebody makes by hand, and another takes back; and the review of an order that another pays
MADE: Final = frozenset(
    {Kind.CONTRIBUTION, Kind.RETIREE_CREDIT, Kind.PAYMENT, Kind.INSTALMENT, Kind.DEMAND, Kind.PAYOUT_REVIEW}
)
# of an employer: its debt is changed, and something is done about it
_OF_DEBTS: Final = frozenset({Kind.ADJUSTMENT, Kind.CASE_STEP})

# what an area says on a day
LimitsOn = Callable[[int, date], FindingLimits]


class Hands:
    """Whose hand it is that acts by a name: by the name as it is compared, or by the register of staff."""

    def __init__(self, numbers: Mapping[str, Set[bytes]]) -> None:
        self._numbers: dict[str, set[bytes]] = {}
        for name, known in numbers.items():
            self._numbers.setdefault(actor_as_compared(name), set()).update(known)

    def are_one(self, one: str, other: str) -> bool:
        """Whether two names are one person's."""
        first, second = actor_as_compared(one), actor_as_compared(other)
        if first == second:
            return True
        return not self._numbers.get(first, set()).isdisjoint(self._numbers.get(second, ()))


class Patterns:
    """Gathers what is found in entries that are handed over in the order of time.

    Entries before `since` count for what follows them, and are found for nothing else.
    """

    def __init__(self, limits: LimitsOn, hands: Hands, since: datetime) -> None:
        self._since = since
        self._one_hand = _OneHand(limits, hands)
        self._each = (
            _AfterDeath(),
            _ManyAccounts(limits),
            _Split(limits),
            _ReversedAndPaid(limits),
            self._one_hand,
        )

    def add(self, one: MovedEntry) -> None:
        is_asked = one.at >= self._since
        for pattern in self._each:
            pattern.add(one, is_asked=is_asked)

    def approved(self, one: Approved) -> None:
        """What a second person said yes to, in whatever order."""
        if one.at >= self._since:
            self._one_hand.approved(one)

    def all(self) -> list[BookFinding]:
        """Everything that was found, by when it began."""
        found = (one for pattern in self._each for one in pattern.found if one.last_at >= self._since)
        return sorted(found, key=lambda one: one.place)


class _AfterDeath:
    """Money that an account paid on a day after its holder's death, however late that was reported.

    What was taken back since is none. One finding for each account.
    """

    def __init__(self) -> None:
        self._by_account: dict[int, BookFinding] = {}

    @property
    def found(self) -> Iterator[BookFinding]:
        return iter(self._by_account.values())

    def add(self, one: MovedEntry, *, is_asked: bool) -> None:
        if not is_asked or one.died_on is None or one.on_day <= one.died_on:
            return
        if one.kind in DEBITS and one.out_fen and not one.is_undone:
            found = self._by_account.setdefault(one.account, BookFinding(PatternKind.AFTER_DEATH))
            found.add(one.evidence, one.account)


class _ManyAccounts:
    """More cards at one pharmacy within some minutes than it takes, by whomever. A crowd that goes on is one
    finding.
    """

    def __init__(self, limits: LimitsOn) -> None:
        self._limits = limits
        self._near: dict[str, Within[MovedEntry]] = {}
        self._open: dict[str, BookFinding] = {}
        self.found: list[BookFinding] = []

    def add(self, one: MovedEntry, *, is_asked: bool) -> None:  # noqa: ARG002  a crowd over midnight is of both days
        code = one.institution
        if code is None or not one.is_pharmacy or one.kind not in CARDS or one.is_undone:
            return
        limits = self._limits(one.area, one.recorded_on)
        near = self._near.setdefault(code, Within())
        near.add(one.at, one.account, one, timedelta(minutes=limits.minutes))
        if near.many <= limits.accounts:
            self._open.pop(code, None)
            return
        found = self._open.get(code)
        if found is not None:
            found.add(one.evidence, one.account)
            return
        found = self._open[code] = BookFinding(PatternKind.MANY_ACCOUNTS, code)
        self.found.append(found)
        for each in near:
            found.add(each.evidence, each.account)


class _Split:
    """Payments of one account at one institution on one of the area's days, each just below a limit and
    together not below it. One finding for each account, institution and day.
    """

    def __init__(self, limits: LimitsOn) -> None:
        self._limits = limits
        self._day: date | None = None
        self._near: dict[tuple[int, str], list[MovedEntry]] = {}
        self._open: dict[tuple[int, str], BookFinding] = {}
        self.found: list[BookFinding] = []

    def add(self, one: MovedEntry, *, is_asked: bool) -> None:
        if not is_asked or one.institution is None or one.kind not in CARDS or one.is_undone:
            return
        day = one.recorded_on
        limits = self._limits(one.area, day)
        if not one.out_fen or not limits.split_least <= one.out_fen < limits.split_fen:
            return
        if day != self._day:
            self._day = day
            self._near.clear()
            self._open.clear()
        place = one.account, one.institution
        found = self._open.get(place)
        if found is not None:
            found.add(one.evidence, one.account)
            return
        near = self._near.setdefault(place, [])
        near.append(one)
        together = sum(each.out_fen for each in near)
        if len(near) >= limits.split_payments and together >= limits.split_fen:
            found = self._open[place] = BookFinding(PatternKind.SPLIT, one.institution)
            self.found.append(found)
            for each in self._near.pop(place):
                found.add(each.evidence, each.account)


class _ReversedAndPaid:
    """Money that a reversal gave back to an account, and within some days was paid out of it. One finding for
    each payment.
    """

    def __init__(self, limits: LimitsOn) -> None:
        self._limits = limits
        # all of them in the order of time, to let go by; and those of each account
        self._order: deque[MovedEntry] = deque()
        self._back: dict[int, deque[MovedEntry]] = {}
        self.found: list[BookFinding] = []

    def add(self, one: MovedEntry, *, is_asked: bool) -> None:
        if one.kind is Kind.REVERSAL and one.in_fen:
            self._let_go(one)
            self._order.append(one)
            self._back.setdefault(one.account, deque()).append(one)
        elif is_asked and one.kind in PAID_OUT and (one.out_fen or one.paid_fen) and not one.is_undone:
            near = [back for back in self._back.get(one.account, ()) if self._is_near(back, one)]
            if near:
                found = BookFinding(PatternKind.REVERSED_AND_PAID)
                self.found.append(found)
                for each in (*near, one):
                    found.add(each.evidence, each.account)

    def _is_near(self, back: MovedEntry, one: MovedEntry) -> bool:
        days = self._limits(back.area, one.recorded_on).exit_days
        return one.recorded_on - back.recorded_on <= timedelta(days=days)

    def _let_go(self, one: MovedEntry) -> None:
        while self._order and not self._is_near(self._order[0], one):
            gone = self._order.popleft()
            there = self._back[gone.account]
            there.popleft()
            if not there:
                del self._back[gone.account]


class _OneHand:
    """Two acts that want two people, by one: who made something took it back, who reviewed an order paid it,
    who changed an employer's debt acted on it; and who asked for something approved it.
    """

    def __init__(self, limits: LimitsOn, hands: Hands) -> None:
        self._limits = limits
        self._hands = hands
        self._of_debts: dict[int, deque[MovedEntry]] = {}
        self.found: list[BookFinding] = []

    def add(self, one: MovedEntry, *, is_asked: bool) -> None:
        if one.kind in _OF_DEBTS:
            self._debt(one, is_asked=is_asked)
        elif is_asked and one.acts_on is not None and one.kind in {Kind.REVERSAL, Kind.PAYOUT}:
            made = one.acts_on
            if made.kind in MADE and self._is_one(made.at, made.by, one):
                # all of it is taken back, or paid
                fen = one.evidence.fen
                before = Evidence(made.at, one.book_id, made.seq, made.kind, fen, made.by.actor)
                self._find(before, one)

    def _debt(self, one: MovedEntry, *, is_asked: bool) -> None:
        there = self._of_debts.setdefault(one.account, deque())
        while there and not self._is_near(there[0].at, one):
            there.popleft()
        if is_asked:
            others = (before for before in reversed(there) if before.kind is not one.kind)
            near = next((before for before in others if self._is_one(before.at, before.by, one)), None)
            if near is not None:
                self._find(near.evidence, one)
        there.append(one)

    def _is_near(self, at: datetime, one: MovedEntry) -> bool:
        days = self._limits(one.area, one.recorded_on).hand_days
        return one.recorded_on - day_of(at) <= timedelta(days=days)

    def _is_one(self, at: datetime, by: Hand, one: MovedEntry) -> bool:
        return self._is_near(at, one) and not by.is_nobody and self._hands.are_one(by.actor, one.by.actor)

    def _find(self, before: Evidence, one: MovedEntry) -> None:
        found = BookFinding(PatternKind.ONE_HAND, one.institution)
        self.found.append(found)
        found.add(before, one.account)
        found.add(one.evidence, one.account)

    def approved(self, one: Approved) -> None:
        asked, said_yes = one.asked_by, one.approved_by
        if asked.is_nobody:
            return
        minutes = self._limits(one.area, day_of(one.at)).approved_minutes
        names = (
            (asked.actor, said_yes.actor),
            (asked.actor, said_yes.caller),
            (asked.caller, said_yes.actor),
        )
        is_quick = one.at - one.asked_at <= timedelta(minutes=minutes)
        through_one = actor_as_compared(asked.caller) == actor_as_compared(said_yes.caller)
        if any(self._hands.are_one(*pair) for pair in names) or (is_quick and through_one):
            found = BookFinding(PatternKind.ONE_HAND, asked_at=one.asked_at, approved_by=said_yes.actor)
            self.found.append(found)
            found.add(Evidence(one.at, one.book_id, one.seq, one.kind, one.fen, asked.actor), one.book_id)
