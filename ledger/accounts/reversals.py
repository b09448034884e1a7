"""Reversing an entry (R31–R33): once, mirrored, back into the pockets it came from; after a year end, and for
a closed account, where the money belongs by then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

from sqlalchemy import Connection

from ledger import tables
from ledger.accounts.called_back import fen_there, take_out, that_has_it, ways_to_lock
from ledger.accounts.inheritance import ESTATE, hand_on
from ledger.book.chain import TransferLine
from ledger.book.dated_back import PocketMove, undo
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.bounds.table import REVERSED_ON
from ledger.chart.kinds import CREDIT, CREDITS, REVERSIBLE, Kind
from ledger.chart.matrix import Stage, Verb
from ledger.chart.sides import POCKETS, Side
from ledger.clock import day_of
from ledger.database.lookups import Lookup
from ledger.posting import TARGET, BookRef, Command, Desk, Need, Receipt, WiderLocks
from ledger.posting.needs import Asked
from ledger.posting.reads import read_given_again
from ledger.refusals import RefusalCode, Refused

_E, _T = tables.entry.c, tables.transfer.c
# what stands before a debit without anything between but moves and turns of years
_MOVES = Lookup(
    "SELECT e.book_id, e.effective_on, e.detail, t.from_side, t.amount_fen FROM {given}"
    " JOIN entry e ON e.book_id = given.book_id AND e.seq < given.seq AND e.seq > (SELECT MAX(x.seq)"
    " FROM entry x WHERE x.book_id = e.book_id AND x.seq < given.seq"
    f" AND x.kind NOT IN ({int(Kind.RECLASSIFICATION)}, {int(Kind.CARRY_OVER)}))"
    f" AND e.kind = {int(Kind.RECLASSIFICATION)}"
    " JOIN transfer t ON t.book_id = e.book_id AND t.seq = e.seq ORDER BY e.book_id, e.seq",
    [_E.book_id, _E.effective_on, _E.detail, _T.from_side, _T.amount_fen],
    book_id="big",
    seq="int",
)

# by the name of a debit, what it moved between the pockets on later days
Moved = dict[str, list[PocketMove]]


def _read_moved(connection: Connection, asked: Asked, desk: Desk) -> Moved:
    wanted: set[tuple[int, int]] = set()
    for book_id, command in asked:
        target = desk.targets.get((book_id, command.target_seq))
        # only a debit that came after its day has moved anything
        if (
            target is not None
            and target.kind in REVERSIBLE
            and target.effective_on < day_of(target.recorded_at)
        ):
            wanted.add((book_id, target.seq))
    return read_moves(connection, wanted)


def read_moves(connection: Connection, debits: Iterable[tuple[int, int]]) -> Moved:
    """What debits, by book and number, moved between the pockets on later days."""
    found: Moved = {}
    for _book, day, detail, source, fen in _MOVES.run(connection, sorted(debits)):
        _note(found, day, detail, source, fen)
    return found


def _note(found: Moved, day: date, detail: str | None, source: int, fen: int) -> None:
    name = unpack(detail).get("debit")
    if name is not None:
        move = PocketMove(day, fen if source == Side.CARRIED_OVER else -fen)
        found.setdefault(name, []).append(move)


def follow_moves(found: Moved, _desk: Desk, receipt: Receipt, _beside: object) -> None:
    if receipt.kind is Kind.RECLASSIFICATION:
        [(source, _target, fen, _party)] = receipt.transfers
        _note(found, receipt.effective_on, receipt.detail, source, fen)


# of the debits that commands act on
MOVED_FOR: Need[Moved] = Need("what debits moved between the pockets", _read_moved, follow=follow_moves)


def _read_again(connection: Connection, asked: Asked, desk: Desk) -> bool:
    places = sorted({(book_id, command.target_seq) for book_id, command in asked})
    read_given_again(connection, places, desk)
    return True


# of a credit that the report of a death took back: what gave it again, and what became of that
GIVEN_AGAIN: Need[bool] = Need("what gave a credit again", _read_again)


@dataclass(eq=False)
class Reverse(Command):
    """Reverse the entry `target_seq` of a book.

    A credit that a mistaken death took back and gave again is in force by what gave it: the reversal acts on
    that, and gives the money back as if it had never been away.
    """

    verb = Verb.REVERSAL
    refused_with: ClassVar[tuple[RefusalCode, ...]] = (
        RefusalCode.ENTRY_NOT_FOUND,
        # before the original's value date or after today
        RefusalCode.PERIOD_INVALID,
        RefusalCode.ALREADY_REVERSED,
        RefusalCode.NOT_REVERSIBLE,
        # a credit whose money is gone, of somebody who lives and is here
        RefusalCode.INSUFFICIENT_BALANCE,
    )
    needs = frozenset({TARGET, ESTATE, MOVED_FOR})
    debits = True

    book: BookRef
    target_seq: int
    reason: str
    effective_on: date | None = None
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.target_seq}|{self.effective_on or ''}|{self.reason}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        original = desk.target(self.target_seq)
        if original is None:
            raise Refused(RefusalCode.ENTRY_NOT_FOUND, at="target_seq")
        desk.allow(Verb.REVERSAL)
        day = self.effective_on or desk.today
        REVERSED_ON.admit(day, desk.today, "effective_on", original=original.effective_on)
        effective_on, fact_on = book.value_date(day, desk.today)
        if desk.acted_on(self.target_seq) is Kind.REVERSAL:
            raise Refused(RefusalCode.ALREADY_REVERSED)
        if original.kind not in REVERSIBLE or _from_an_employer(original):
            raise Refused(RefusalCode.NOT_REVERSIBLE)
        standing = self._standing(desk, original)
        named = {} if standing is original else {CREDIT: original.seq}
        draft = Draft(
            Kind.REVERSAL,
            effective_on,
            period=original.period,
            fact_on=fact_on,
            target_seq=standing.seq,
            detail=pack(reason=self.reason, **named),
            keyed=True,
        )
        same_year = effective_on.year == original.effective_on.year
        if original.kind in CREDITS:
            _take_back(desk, draft, original, same_year)
        else:
            moved = desk.of(MOVED_FOR).get(original.name, ())
            _give_back(book, draft, original, moved, apart=book.stage == Stage.CLOSED)
        if book.stage == Stage.CLOSED:
            hand_on(desk, book, draft)

    def _standing(self, desk: Desk, original: Receipt) -> Receipt:
        """The entry by which the original is in force: itself, or what gave it again after a death that was
        none. Raises Refused(already_reversed).
        """
        if desk.acted_on(original.seq) is not Kind.CREDIT_BACK:
            return original
        self._ask_for(desk, GIVEN_AGAIN)
        acted = desk.acted_in_turn(original.book_id, original.seq)
        if len(acted) % 2:
            # the report of a death has taken it back, or it was reversed since
            raise Refused(RefusalCode.ALREADY_REVERSED)
        return acted[-1]

    def _ask_for(self, desk: Desk, *needs: Need[Any]) -> None:
        """Be decided again with all of these, unless they were asked for."""
        if not self.needs.issuperset(needs):
            for need in needs:
                self.also_need(need)
            raise WiderLocks(sorted(ways_to_lock(desk, [desk.book.book_id])))


def _from_an_employer(original: Receipt) -> bool:
    """Whether an employer's payment brought it: then a correction of what was assessed takes it back."""
    return original.kind is Kind.CONTRIBUTION and any(party is not None for *_, party in original.transfers)


def _take_back(desk: Desk, draft: Draft, original: Receipt, same_year: bool) -> None:
    """A credit goes back where it came from: out of its pocket, which after a year end is carried_over.

    Of an account that went into another one it comes from there. What an account no longer has whose holder
    has died or left is a receivable: nobody puts money there any more (R16).
    """
    book: Book = desk.book
    [(source, _pocket, fen, party)] = original.transfers
    taken = min(fen, fen_there(desk, book))
    rest: tuple[TransferLine, ...] = ()
    if taken < fen:
        account = that_has_it(desk, book)
        if account is not None and account.stage == Stage.ACTIVE:
            raise Refused(RefusalCode.INSUFFICIENT_BALANCE)
        rest = ((int(Side.RECEIVABLE), source, fen - taken, book.book_id),)
        draft.detail = pack(**unpack(draft.detail), receivable=fen - taken)
    take_out(desk, book, draft, taken, Side(source), party, current_year_first=same_year, also=rest)


def _give_back(
    book: Book, draft: Draft, original: Receipt, moved: Sequence[PocketMove], *, apart: bool
) -> None:
    """A debit comes back from where it went to, an institution or the collector, and with it what it moved
    between the pockets on later days (`dated_back`).

    `apart` says that the account is closed: all of it is handed on at once.
    """
    current = sum(fen for source, _, fen, _ in original.transfers if source == Side.CURRENT_YEAR)
    carried = sum(fen for source, _, fen, _ in original.transfers if source == Side.CARRIED_OVER)
    went = [(target, party) for source, target, _, party in original.transfers if source in POCKETS]
    # what moved nothing, as when the account was empty and all of it was cash, comes back as nothing
    target, party = went[0] if went else (Side.INSTITUTION_PAYABLE, None)
    if apart:
        same_year = draft.effective_on.year == original.effective_on.year
        book.restore(draft, (current, carried), Side(target), party, same_year=same_year)
        return
    used_since = book.last_seq != original.seq
    if book.late_year(draft.effective_on) is None:
        book.roll_to(draft.effective_on.year)
    undone = undo(
        book.days or {},
        book.open_year,
        book.current_year,
        book.carried_over,
        (original.effective_on, current, carried),
        moved,
        draft.effective_on,
        used_since=used_since and book.days is not None,
    )
    book.give_back(draft, undone, Side(target), party)
