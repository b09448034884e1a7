"""A month of innocent entries, and cases planted among them, as patterns see them.

month = Month(entries=100_000, seed=1)
month.moves        every entry in the order of time
month.approvals    what two people did
month.planted      what has to be found: by kind, an entry of each case

What is innocent is drawn without a look at the patterns: people buy at any hour, a till puts its slips right,
somebody is paid out who had a bill taken back that month, clerks make and reviewers take back.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, Final

from ledger.chart.kinds import Kind
from ledger.chart.parties import NUMBERS_PER_LETTER, Party
from ledger.inquiry.moved import ActedOn, Approved, Hand, MovedEntry, PatternKind

AREA: Final = 990100
# midnight of the area's 1 November, and how many days there are
BEGINS: Final = datetime(2026, 10, 31, 16, 0, tzinfo=UTC)
DAYS: Final = 30
_PERSON: Final = int(Party.PERSON) * NUMBERS_PER_LETTER
_EMPLOYER: Final = int(Party.EMPLOYER) * NUMBERS_PER_LETTER
_CLERKS: Final = [Hand(f"clerk-{number}", "window") for number in range(20)]
_REVIEWERS: Final = [Hand(f"reviewer-{number}", "window") for number in range(6)]
# an entry: its book and number
Place = tuple[int, int]


@dataclass
class Month:
    """`entries` innocent entries of a month, of a fifth as many accounts, and the planted cases."""

    entries: int
    seed: int
    # customers of the busiest pharmacy, of all entries
    busiest: float = 0.03
    moves: list[MovedEntry] = field(default_factory=list)
    approvals: list[Approved] = field(default_factory=list)
    planted: list[tuple[PatternKind, Place]] = field(default_factory=list)
    staff: dict[str, set[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        self._seqs = itertools.count(2)
        self._fresh = itertools.count(_PERSON + 10**9)
        self._pharmacies = [f"P{number:04d}" for number in range(max(4, self.entries // 1_250))]
        self._hospitals = [f"H{number:04d}" for number in range(max(2, self.entries // 10_000))]
        self._died = self._deaths()
        rest = self.entries
        for make in (self._paid_out, self._by_hand, self._debts, self._slips):
            rest -= make()
        for _ in range(rest):
            self._purchase(self._account(), self._when())
        self._two_people()
        self._plant()
        self.moves.sort(key=lambda one: (one.at, one.book_id, one.seq))

    # -- what is innocent ------------------------------------------------------------------------------------

    def _deaths(self) -> dict[int, date]:
        """Of one in a hundred accounts: nothing is bought after the day, though on it."""
        accounts = self._random.sample(range(self.entries // 5), self.entries // 500)
        return {_PERSON + one: self._day(self._random.randrange(5, DAYS)) for one in accounts}

    def _account(self) -> int:
        return _PERSON + self._random.randrange(self.entries // 5)

    @staticmethod
    def _day(number: int) -> date:
        return date(2026, 11, 1) + timedelta(days=number)

    def _when(self) -> datetime:
        """From eight to nine in the evening, most of all at eleven and at five."""
        draw = self._random
        hour = draw.choice((draw.uniform(8, 21), draw.gauss(11, 1), draw.gauss(17, 1.5)))
        return BEGINS + timedelta(days=draw.randrange(DAYS), hours=min(max(hour, 0), 23))

    def _amount(self) -> int:
        """Most are small; one in thirty is of some hundred yuan."""
        if self._random.random() < 1 / 30:
            return self._random.randrange(300_00, 900_00)
        return int(self._random.lognormvariate(8.2, 0.8)) + 1

    def _place(self) -> tuple[str, bool]:
        if self._random.random() < 0.2:
            return self._random.choice(self._hospitals), False
        if self._random.random() < self.busiest:
            return self._pharmacies[0], True
        return self._random.choice(self._pharmacies), True

    def _move(self, account: int, at: datetime, kind: Kind, by: Hand, **more: Any) -> MovedEntry:
        day = (at + timedelta(hours=8)).date()
        base = MovedEntry(
            at, AREA, account, account, next(self._seqs), kind, day, self._died.get(account), by, False,
            None, False, 0, 0, 0,
        )  # fmt: skip
        one = base._replace(**more)
        self.moves.append(one)
        return one

    def _purchase(self, account: int, at: datetime, **more: Any) -> MovedEntry:
        code, is_pharmacy = self._place()
        died = self._died.get(account)
        if died is not None and (at + timedelta(hours=8)).date() > died:
            # the living buy
            account += self.entries // 5
        kind = self._random.choice((Kind.SPENDING, Kind.SPENDING, Kind.SETTLEMENT))
        facts = {"out_fen": self._amount(), "institution": code, "is_pharmacy": is_pharmacy}
        by = Hand(f"till-{code}-{self._random.randrange(3)}", "pharmacies")
        return self._move(account, at, kind, by, **(facts | more))

    def _slips(self) -> int:
        """One in forty is taken back by the till, and most of these are sent again."""
        for _ in range(count := self.entries // 40):
            first = self._purchase(self._account(), self._when(), is_undone=True)
            later = first.at + timedelta(minutes=self._random.uniform(1, 600))
            acts_on = ActedOn(first.at, first.seq, first.kind, first.by)
            back = {"in_fen": first.out_fen, "institution": first.institution, "acts_on": acts_on}
            self._move(first.account, later, Kind.REVERSAL, first.by, **back)
        return 2 * count

    def _paid_out(self) -> int:
        """Exits, refunds to payers and orders of heirs, of anybody."""
        for _ in range(count := self.entries // 300):
            account, at, clerk = self._account(), self._when(), self._random.choice(_CLERKS)
            kind = self._random.choice((Kind.EXIT, Kind.REFUND_TO_PAYER, Kind.REFUND_TO_PAYER, Kind.PAYOUT))
            fen = self._amount() * 3
            if kind is Kind.PAYOUT:
                by = self._random.choice(_REVIEWERS)
                reviewed = ActedOn(at - timedelta(hours=5), next(self._seqs), Kind.PAYOUT_REVIEW, by)
                self._move(account, at, kind, clerk, paid_fen=fen, acts_on=reviewed)
            else:
                self._move(account, at, kind, clerk, out_fen=fen)
        return count

    def _by_hand(self) -> int:
        """Contributions by hand that a reviewer takes back."""
        for _ in range(count := self.entries // 400):
            at, clerk = self._when(), self._random.choice(_CLERKS)
            before = at - timedelta(days=self._random.uniform(0, 20))
            made = ActedOn(before, next(self._seqs), Kind.CONTRIBUTION, clerk)
            self._move(
                self._account(), at, Kind.REVERSAL, self._random.choice(_REVIEWERS),
                out_fen=self._amount(), acts_on=made,
            )  # fmt: skip
        return count

    def _debts(self) -> int:
        """Debts of employers that clerks change, and cases in which reviewers take steps."""
        for _ in range(count := self.entries // 200):
            employer = _EMPLOYER + self._random.randrange(200)
            kind = self._random.choice((Kind.ADJUSTMENT, Kind.CASE_STEP))
            hands = _CLERKS if kind is Kind.ADJUSTMENT else _REVIEWERS
            self._move(employer, self._when(), kind, self._random.choice(hands))
        return count

    def _two_people(self) -> None:
        """What clerks ask for and reviewers approve, after some minutes or days."""
        for _ in range(self.entries // 250):
            self._approved(timedelta(minutes=max(2, self._random.lognormvariate(4, 1.5))))

    def _approved(self, waited: timedelta) -> Place:
        asked, account, seq = self._random.choice(_CLERKS), self._account(), next(self._seqs)
        at = self._when()
        said_yes = self._random.choice(_REVIEWERS)
        kind, fen = Kind.CONTRIBUTION, self._amount() * 100
        self.approvals.append(Approved(at - waited, at, AREA, account, seq, kind, fen, asked, said_yes))
        return account, seq

    # -- what is planted -------------------------------------------------------------------------------------

    def _plant(self) -> None:
        for plant in (self._after_death, self._many, self._split, self._back_and_paid, self._one_hand):
            for place in plant():
                self.planted.append(place)

    def _after_death(self) -> Iterator[tuple[PatternKind, Place]]:
        for _ in range(20):
            account, at = next(self._fresh), self._when()
            day = (at + timedelta(hours=8)).date()
            self._died[account] = day - timedelta(days=self._random.randrange(1, 40))
            one = self._purchase_of(account, at)
            yield PatternKind.AFTER_DEATH, (account, one.seq)

    def _purchase_of(self, account: int, at: datetime, **more: Any) -> MovedEntry:
        """One that says where it is, also of the dead."""
        code = self._random.choice(self._pharmacies)
        facts = {"out_fen": self._amount(), "institution": code, "is_pharmacy": True}
        by = Hand(f"till-{code}", "pharmacies")
        return self._move(account, at, Kind.SPENDING, by, **(facts | more))

    def _many(self) -> Iterator[tuple[PatternKind, Place]]:
        for _ in range(12):
            begins, code = self._when(), self._random.choice(self._pharmacies)
            for _ in range(self._random.randrange(11, 25)):
                at = begins + timedelta(seconds=self._random.uniform(0, 300))
                one = self._purchase_of(next(self._fresh), at, institution=code)
            yield PatternKind.MANY_ACCOUNTS, (one.book_id, one.seq)

    def _split(self) -> Iterator[tuple[PatternKind, Place]]:
        for _ in range(15):
            account, code = next(self._fresh), self._random.choice(self._pharmacies)
            morning = BEGINS + timedelta(days=self._random.randrange(DAYS), hours=9)
            for _ in range(self._random.randrange(2, 5)):
                at = morning + timedelta(hours=self._random.uniform(0, 10))
                fen = self._random.randrange(400_00, 500_00)
                one = self._purchase_of(account, at, institution=code, out_fen=fen)
            yield PatternKind.SPLIT, (account, one.seq)

    def _back_and_paid(self) -> Iterator[tuple[PatternKind, Place]]:
        for _ in range(15):
            account, at = next(self._fresh), self._when()
            first = self._purchase_of(account, at, is_undone=True)
            acts_on = ActedOn(first.at, first.seq, first.kind, first.by)
            back = at + timedelta(hours=1)
            self._move(account, back, Kind.REVERSAL, first.by, in_fen=first.out_fen, acts_on=acts_on)
            # within the month that is asked for
            later = back + (BEGINS + timedelta(days=DAYS) - back) * self._random.random()
            kind = self._random.choice((Kind.EXIT, Kind.REFUND_TO_PAYER))
            one = self._move(account, later, kind, self._random.choice(_CLERKS), out_fen=first.out_fen)
            yield PatternKind.REVERSED_AND_PAID, (account, one.seq)

    def _one_hand(self) -> Iterator[tuple[PatternKind, Place]]:
        # one clerk has another name, as the register tells
        self.staff = {"clerk-1": {b"1" * 32}, "clerk-2": {b"2" * 32}, "Clerk-2b": {b"2" * 32}}
        found = []
        pairs = (
            (Kind.CONTRIBUTION, Kind.REVERSAL),
            (Kind.DEMAND, Kind.REVERSAL),
            (Kind.PAYOUT_REVIEW, Kind.PAYOUT),
        )
        for number, (made, acted) in enumerate(pairs * 4):
            at, hand, account = self._when(), _CLERKS[number], next(self._fresh)
            maker = Hand("Clerk-2b", "window") if hand.actor == "clerk-2" else hand
            acts_on = ActedOn(at - timedelta(days=number), next(self._seqs), made, maker)
            moves = {"paid_fen" if acted is Kind.PAYOUT else "out_fen": self._amount()}
            one = self._move(account, at, acted, hand, acts_on=acts_on, **moves)
            found.append((account, one.seq))
        for number in range(4):
            employer, at = _EMPLOYER + 900 + number, self._when()
            self._move(employer, at, Kind.ADJUSTMENT, _CLERKS[number])
            one = self._move(employer, at + timedelta(minutes=5), Kind.CASE_STEP, _CLERKS[number])
            found.append((employer, one.seq))
        found += [self._approved(timedelta(seconds=10 * number)) for number in range(1, 5)]
        yield from ((PatternKind.ONE_HAND, place) for place in found)
