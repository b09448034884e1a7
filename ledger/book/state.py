"""One book in memory, and the only arithmetic that changes it. Pure: no clock, no database.

A decision works on a copy of the book and adds entries to it; posting writes what was added, or throws
the copy away when the decision refuses.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from ledger.book.beside import KeyT, RowKind, State, StateKind, ValueT
from ledger.book.chain import TransferLine
from ledger.book.dated_back import PocketMove, Undone, split, take
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.numbers import entry_name
from ledger.bounds.table import VALUED_ON
from ledger.chart.kinds import MOVES, Kind
from ledger.chart.matrix import STAGE_STATUS, Status
from ledger.chart.sides import Side

_CY, _CO = int(Side.CURRENT_YEAR), int(Side.CARRIED_OVER)


class BookBroken(Exception):
    """A decision tried to bring a book into a state that must not be. Always a bug of the decision."""


class OpenHold:
    """A hold that nothing has closed yet."""

    __slots__ = ("amount_fen", "detail", "expires_at", "seq")

    def __init__(self, seq: int, amount_fen: int, expires_at: datetime, detail: str | None) -> None:
        self.seq = seq
        self.amount_fen = amount_fen
        self.expires_at = expires_at
        self.detail = detail


class OpenFreeze:
    """A freeze that was not ended, with its first and last day (None: until it is ended), and its detail."""

    __slots__ = ("detail", "first", "last", "seq")

    def __init__(self, seq: int, first: date, last: date | None, detail: str | None) -> None:
        self.seq = seq
        self.first = first
        self.last = last
        self.detail = detail


class Book:
    """The state of one book: the row of table `book`, and what posting read beside it."""

    __slots__ = (
        "area",
        "book_id",
        "carried_over",
        "current_year",
        "days",
        "died_on",
        "drafts",
        "freezes",
        "fresh",
        "head",
        "held",
        "holds",
        "interest_year",
        "last_seq",
        "open_freezes",
        "open_year",
        "opened_on",
        "person_id",
        "recorded_at",
        "reserved",
        "stage",
        "states",
    )

    def __init__(
        self,
        book_id: int,
        current_year: int,
        carried_over: int,
        held: int,
        reserved: int,
        person_id: int | None,
        last_seq: int,
        area: int,
        opened_on: date,
        died_on: date | None,
        open_year: int,
        interest_year: int,
        open_freezes: int,
        stage: int,
        head: bytes,
        recorded_at: datetime | None = None,
    ) -> None:
        self.book_id = book_id
        self.current_year = current_year
        self.carried_over = carried_over
        self.held = held
        self.reserved = reserved
        self.person_id = person_id
        self.last_seq = last_seq
        self.area = area
        self.opened_on = opened_on
        self.died_on = died_on
        self.open_year = open_year
        self.interest_year = interest_year
        self.open_freezes = open_freezes
        self.stage = stage
        self.head = head
        # when its last entry was recorded, or the earliest instant of the next one
        self.recorded_at = recorded_at
        self.holds: dict[int, OpenHold] = {}
        self.freezes: dict[int, OpenFreeze] = {}
        # What each value date changed: (current_year, both pockets), carry_over entries left out. It is read
        # for a debit that is dated back, at least from the year of that debit on; None when it was not.
        self.days: dict[date, tuple[int, int]] | None = None if last_seq else {}
        # what stands beside the book, by kind; read when a command needs it
        self.states: dict[StateKind[Any, Any], State[Any, Any]] = {}
        # opened by the batch that is under way: nothing can stand beside it yet
        self.fresh = last_seq == 0
        self.drafts: list[Draft] = []

    def copy(self) -> Book:
        """A working copy; throwing it away undoes everything that was added to it."""
        other = Book(
            self.book_id,
            self.current_year,
            self.carried_over,
            self.held,
            self.reserved,
            self.person_id,
            self.last_seq,
            self.area,
            self.opened_on,
            self.died_on,
            self.open_year,
            self.interest_year,
            self.open_freezes,
            self.stage,
            self.head,
            self.recorded_at,
        )
        if self.holds:
            other.holds = dict(self.holds)
        if self.freezes:
            other.freezes = dict(self.freezes)
        other.days = None if self.days is None else dict(self.days)
        if self.drafts:
            other.drafts = list(self.drafts)
        if self.states:
            other.states = {kind: state.copy() for kind, state in self.states.items()}
        other.fresh = self.fresh
        return other

    def of(self, kind: StateKind[KeyT, ValueT]) -> State[KeyT, ValueT]:
        """What stands beside the book of one kind; the command under decision has asked for it."""
        state = self.states.get(kind)
        if state is None:
            if not self.fresh:
                raise AssertionError(f"nobody asked for the {kind.table} of this book")
            state = self.states[kind] = State()
        return state

    def put(self, kind: StateKind[KeyT, ValueT]) -> State[KeyT, ValueT]:
        """The same while it is being read: there is nothing yet, and it was looked for."""
        state = self.states.get(kind)
        if state is None:
            state = self.states[kind] = State()
        return state

    @property
    def available(self) -> int:
        """What may be spent: balance less holds and quotas, in fen."""
        return self.current_year + self.carried_over - self.held - self.reserved

    def statuses(self, today: date) -> tuple[Status, ...]:
        """Every status that applies on a day, in the order they judge: life stage, then freezes."""
        stage = STAGE_STATUS[self.stage]
        if self.open_freezes and any(
            freeze.first <= today and (freeze.last is None or today <= freeze.last)
            for freeze in self.freezes.values()
        ):
            return (stage, Status.FROZEN)
        return (stage,)

    def status(self, today: date) -> Status:
        """The one status that callers see."""
        statuses = self.statuses(today)
        return statuses[-1] if statuses[0] is Status.ACTIVE else statuses[0]

    def not_before(self, instant: datetime) -> None:
        """The next entries are recorded no earlier than that."""
        if self.recorded_at is None or self.recorded_at < instant:
            self.recorded_at = instant

    # -- adding entries ------------------------------------------------------------------------------

    def add(self, draft: Draft) -> Draft:
        """Append an entry: apply its transfers, give it its number. Raises BookBroken on a bug."""
        allowed = MOVES.get(draft.kind, frozenset())
        before = self.current_year, self.carried_over
        for source, target, fen, _party in draft.transfers:
            if fen <= 0 or (source, target) not in allowed:
                raise BookBroken(f"kind {draft.kind.word} does not move {source} to {target}")
            if source == _CY:
                self.current_year -= fen
            elif source == _CO:
                self.carried_over -= fen
            if target == _CY:
                self.current_year += fen
            elif target == _CO:
                self.carried_over += fen
        if self.days is not None and draft.transfers and draft.kind is not Kind.CARRY_OVER:
            change, total = self.days.get(draft.effective_on, (0, 0))
            change += self.current_year - before[0]
            total += self.current_year + self.carried_over - sum(before)
            self.days[draft.effective_on] = change, total
        if draft.held_change is not None:
            self.held += draft.held_change
        if draft.reserved_change is not None:
            self.reserved += draft.reserved_change
        if self.current_year < 0 or self.carried_over < 0 or self.held < 0 or self.reserved < 0:
            raise BookBroken("a pocket, what is held or what is reserved would be below zero")
        for row in draft.beside:
            apply = RowKind.of(row).apply
            if apply is not None:
                apply(self, row)
        self.last_seq += 1
        draft.seq = self.last_seq
        draft.current_year_after = self.current_year
        draft.carried_over_after = self.carried_over
        self.drafts.append(draft)
        return draft

    def expire_holds(self, now: datetime, today: date) -> None:
        """Write the expiry of every hold whose time is over."""
        for hold in [hold for hold in self.holds.values() if hold.expires_at <= now]:
            del self.holds[hold.seq]
            self.roll_to(today.year)
            self.add(Draft(Kind.EXPIRY, today, held_change=-hold.amount_fen, target_seq=hold.seq))

    def roll_to(self, year: int) -> None:
        """Carry over at every 1 January up to `year` (R49): what current_year holds moves to carried_over."""
        while self.open_year < year:
            self.open_year += 1
            if self.current_year:
                self.add(
                    Draft(Kind.CARRY_OVER, date(self.open_year, 1, 1), ((_CY, _CO, self.current_year, None),))
                )

    def value_date(self, day: date, today: date) -> tuple[date, date | None]:
        """The value date of a fact of `day`, and the old date it keeps when it came too late.

        A fact of a year whose interest is posted gets today's value date. Raises Refused(period_invalid)
        for a day before the opening or after today.
        """
        if day > today or day < self.opened_on:
            VALUED_ON.admit(day, today, "effective_on", opening=self.opened_on)
        if day.year <= self.interest_year:
            return today, None if day == today else day
        return day, None

    def open_day(self, day: date, today: date) -> tuple[date, date | None]:
        """The value date of what should never have been, or never have gone: as near to its day as may be.

        Its own day, or, of a year whose interest is posted, the first day of the year that is not. The old
        date is kept then.
        """
        if day.year > self.interest_year:
            return day, None
        return max(min(date(self.interest_year + 1, 1, 1), today), self.opened_on), day

    def late_year(self, effective_on: date) -> int | None:
        """The already carried year in which a value date lies, else None."""
        return effective_on.year if effective_on.year < self.open_year else None

    # -- money in and out, with the rule for late facts ------------------------------------------------

    def credit(self, draft: Draft, amount_fen: int, source: Side, party: int | None) -> Draft:
        """Credit the current_year pocket as of the draft's value date.

        In a year already carried the credit acts on that year's pocket, and the difference is carried over.
        """
        late = self.late_year(draft.effective_on)
        if late is None:
            self.roll_to(draft.effective_on.year)
        draft.transfers = ((int(source), _CY, amount_fen, party),)
        self.add(draft)
        if late is not None:
            self.add(Draft(Kind.CARRY_OVER, date(late + 1, 1, 1), ((_CY, _CO, amount_fen, None),)))
        return draft

    def debit(
        self,
        draft: Draft,
        amount_fen: int,
        target: Side,
        party: int | None,
        *,
        current_year_first: bool,
        also: tuple[TransferLine, ...] = (),
    ) -> Draft:
        """Take `amount_fen` (at most the balance) out of the pockets, in the policy's order (K6).

        `also` are the entry's transfers beside those from the pockets.

        One that is dated back takes from the pockets as they stood on its value date. What it moves between
        the pockets on later days is written before it, from the last day to the first, so that no pocket is
        below zero at any step (`dated_back`).
        """
        late = self.late_year(draft.effective_on)
        if late is None:
            self.roll_to(draft.effective_on.year)
        if late is None and self.days is None:
            from_current, from_carried = split(
                amount_fen, self.current_year, self.carried_over, current_year_first
            )
        else:
            from_current, from_carried, moves = take(
                self.days or {},
                self.open_year,
                self.current_year,
                self.carried_over,
                draft.effective_on,
                amount_fen,
                current_year_first=current_year_first,
            )
            # every move names the debit that it is for
            name = entry_name(self.book_id, self.last_seq + len(moves) + 1) if moves else ""
            self._move(reversed(moves), debit=name)
        pockets = ((_CY, from_current), (_CO, from_carried))
        draft.transfers = (*((side, int(target), fen, party) for side, fen in pockets if fen), *also)
        return self.add(draft)

    def restore(
        self,
        draft: Draft,
        parts: tuple[int, int],
        source: Side,
        party: int | None,
        *,
        same_year: bool,
        also: tuple[TransferLine, ...] = (),
    ) -> Draft:
        """Put money back: `parts` are the fen for current_year and for carried_over.

        After a year end (not `same_year`) all of it goes into carried_over. `also` are the entry's transfers
        beside those into the pockets.
        """
        to_current, to_carried = parts if same_year else (0, sum(parts))
        late = self.late_year(draft.effective_on)
        if late is None:
            self.roll_to(draft.effective_on.year)
        pockets = ((_CY, to_current), (_CO, to_carried))
        draft.transfers = (*((int(source), side, fen, party) for side, fen in pockets if fen), *also)
        self.add(draft)
        if late is not None and to_current:
            self.add(Draft(Kind.CARRY_OVER, date(late + 1, 1, 1), ((_CY, _CO, to_current, None),)))
        return draft

    def give_back(
        self,
        draft: Draft,
        undone: Undone,
        source: Side,
        party: int | None,
        *,
        also: tuple[TransferLine, ...] = (),
    ) -> Draft:
        """Put a debit back that is undone, and after it what it moves between the pockets on later days.

        `also` are the entry's transfers beside those into the pockets.
        """
        pockets = ((_CY, undone.to_current), (_CO, undone.to_carried))
        draft.transfers = (*((int(source), side, fen, party) for side, fen in pockets if fen), *also)
        self.add(draft)
        self._move(undone.moves, reversal=entry_name(self.book_id, draft.seq))
        return draft

    def _move(self, moves: Iterable[PocketMove], **whose: str) -> None:
        for day, fen, turns in moves:
            move = (_CO, _CY, fen, None) if fen > 0 else (_CY, _CO, -fen, None)
            if turns:
                self.add(Draft(Kind.CARRY_OVER, day, (move,)))
            else:
                self.add(Draft(Kind.RECLASSIFICATION, day, (move,), detail=pack(**whose)))
