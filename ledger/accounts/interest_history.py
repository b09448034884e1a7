"""What moved in some accounts, in all their life or since a year: from it the interest of their posted years
is worked out anew.

What the report of a death took back of years that were posted before is judged on its own day, for it was
never the person's; what was given again after that was never gone. Every other fact that came late counts on
its value date alone (R32).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from sqlalchemy import Connection

from ledger import tables
from ledger.book.chain import TransferLine
from ledger.book.dated_back import take
from ledger.book.detail import unpack
from ledger.book.numbers import parse_entry_name
from ledger.chart.kinds import AGAIN, CORRECTED, Kind
from ledger.chart.sides import Side
from ledger.database.lookups import Lookup
from ledger.posting import Desk, Need, Receipt
from ledger.posting.book_reads import FROM_THE_START, LAST_BEFORE, recorded_from
from ledger.posting.needs import Asked, own_books

# what is posted of a year, at its end or where it was cut short, and what of that went back
OF_A_YEAR: Final = frozenset({int(Kind.INTEREST), int(Kind.FURTHER_INTEREST), int(Kind.INTEREST_BACK)})
# what interest that was judged anew says: the facts of a death made the difference
OF_DEATH: Final = "death"
# what goes back after a death, or for another reason, which it says
OF_SOME_REASON: Final = (Kind.REFUND_TO_PAYER, Kind.MERGE_BACK)
# whose detail is looked at
_TELLING = (Kind.RECLASSIFICATION, Kind.INTEREST_CORRECTION, Kind.REVERSAL, *OF_SOME_REASON)
_E = tables.entry.c
_STANDS_FOR_MORE = "(e.seq > 1 AND LAG(e.seq, 1) OVER w IS NULL)"
_MOVED = Lookup(
    "SELECT c.book_id, c.kind, c.period, c.effective_on, c.cy, c.co, c.seq, c.target_seq, c.fact_on, c.detail"
    " FROM (SELECT e.book_id, e.seq, e.target_seq, e.fact_on,"
    # the first of them stands for all before it, by the balances that it carries
    f" CASE WHEN {_STANDS_FOR_MORE} THEN {int(Kind.OPENING)}"
    # a correction that went back counts among the corrections, against it
    f" WHEN e.kind = {int(Kind.INTEREST_BACK)} AND e.detail LIKE '%\"{CORRECTED}\"_%'"
    f" THEN {int(Kind.INTEREST_CORRECTION)} ELSE e.kind END AS kind,"
    f" CASE WHEN e.kind IN ({', '.join(str(int(kind)) for kind in _TELLING)}) AND NOT {_STANDS_FOR_MORE}"
    " THEN e.detail END AS detail,"
    " e.period, e.effective_on, e.current_year_after - LAG(e.current_year_after, 1, 0) OVER w AS cy,"
    " e.carried_over_after - LAG(e.carried_over_after, 1, 0) OVER w AS co"
    f" FROM {{given}} JOIN entry e ON e.book_id = given.book_id AND e.seq >= {LAST_BEFORE}"
    " WINDOW w AS (PARTITION BY e.book_id ORDER BY e.seq)) c"
    f" WHERE c.cy <> 0 OR c.co <> 0 OR c.kind IN ({', '.join(map(str, sorted(OF_A_YEAR)))})"
    " ORDER BY c.book_id, c.seq",
    [
        _E.book_id, _E.kind, _E.period, _E.effective_on, _E.current_year_after, _E.carried_over_after,
        _E.seq, _E.target_seq, _E.fact_on, _E.detail,
    ],
    FROM_THE_START,
    book_id="big",
    recorded_from="date",
)  # fmt: skip


class Moved(NamedTuple):
    """What one entry changed, in fen. Of interest and its corrections `period` is the year."""

    kind: int
    period: int | None
    day: date
    current_year: int
    carried_over: int
    seq: int = 0
    target_seq: int | None = None
    # the day of a fact that came too late for its year
    fact_on: date | None = None
    detail: str | None = None

    @property
    def total(self) -> int:
        return self.current_year + self.carried_over

    @property
    def came_on(self) -> date:
        """The day on which it was, whether or not that year was posted when it came."""
        return self.fact_on or self.day

    @property
    def is_of_death(self) -> bool:
        """Whether it is a correction by which the facts of a death were judged."""
        return self.kind == Kind.INTEREST_CORRECTION and OF_DEATH in unpack(self.detail)


def moved_by(
    kind: int,
    period: int | None,
    day: date,
    transfers: Iterable[TransferLine],
    seq: int,
    target_seq: int | None,
    fact_on: date | None,
    detail: str | None,
) -> Moved:
    """The same of one entry, from what it moves."""
    current = carried = 0
    for source, target, fen, _party in transfers:
        current += fen * ((target == Side.CURRENT_YEAR) - (source == Side.CURRENT_YEAR))
        carried += fen * ((target == Side.CARRIED_OVER) - (source == Side.CARRIED_OVER))
    if kind == Kind.INTEREST_BACK and CORRECTED in unpack(detail):
        kind = Kind.INTEREST_CORRECTION
    return Moved(int(kind), period, day, current, carried, seq, target_seq, fact_on, detail)


# by book, in the order of its entries
History = dict[int, list[Moved]]


def read_history(connection: Connection, books: Iterable[int]) -> History:
    """All that ever moved in some accounts, inside the transaction that is given."""
    return _read_from(connection, dict.fromkeys(books, date.min))


def read_history_since(connection: Connection, years: Mapping[int, int]) -> History:
    """What the interest of a year, by account, and of those after it is worked out from: what moved since the
    year began, and as one what had moved before. All of it, where the facts of a death may reach further.
    """
    found = _read_from(connection, {book_id: date(year, 1, 1) for book_id, year in years.items()})
    of_deaths = [
        book_id
        for book_id, moved in found.items()
        if any(is_taken_for_death(one.kind, one.detail) or _is_given_again(one) for one in moved)
    ]
    return found | read_history(connection, of_deaths)


def _read_from(connection: Connection, since: Mapping[int, date]) -> History:
    found: History = {book_id: [] for book_id in since}
    asked = [(book_id, recorded_from(day)) for book_id, day in since.items()]
    for book_id, *values in _MOVED.run(connection, asked):
        found[book_id].append(Moved._make(values))
    return found


def _read(connection: Connection, asked: Asked, desk: Desk) -> History:
    years: dict[int, int] = {}
    for book_id, command in asked:
        # of what is judged by the facts of a death nobody knows how far back they reach
        year = getattr(command, "interest_from", date.min.year)
        years[book_id] = min(year, years.get(book_id, year))
    return read_history_since(connection, {book_id: years[book_id] for book_id in own_books(asked, desk)})


def _follow(found: History, _desk: Desk, receipt: Receipt, _beside: object) -> None:
    """Let it include an entry of this very batch."""
    if receipt.kind is Kind.OPENING:
        found.setdefault(receipt.book_id, [])
    if receipt.book_id not in found:
        return
    moved = moved_by(
        receipt.kind, receipt.period, receipt.effective_on, receipt.transfers, receipt.seq,
        receipt.target_seq, receipt.fact_on, receipt.detail,
    )  # fmt: skip
    if moved.current_year or moved.carried_over or receipt.kind in OF_A_YEAR:
        found[receipt.book_id].append(moved)


# of the accounts whose interest is worked out anew, all that ever moved
HISTORY: Need[History] = Need("all that moved", _read, follow=_follow)


class Judged(NamedTuple):
    """A history with the facts of deaths on their own days, and the first of those days that are others."""

    history: list[Moved]
    first: date | None


def judged(history: Sequence[Moved]) -> Judged:
    """Let what a death took back count on its own day, and what was given again since as never gone. Pure."""
    taken = {one.seq: one for one in history if is_taken_for_death(one.kind, one.detail)}
    if not taken:
        return Judged(list(history), None)
    again = {one.target_seq: one for one in history if _is_given_again(one) and one.target_seq in taken}
    # taken and given again, one of them on another day than its own
    never = {seq for seq, one in again.items() if one.fact_on is not None}
    late = {seq for seq, one in taken.items() if one.fact_on is not None and seq not in again}
    left_out = never | {again[seq].seq for seq in never}
    found: list[Moved] = []
    called_back: list[Moved] = []
    for one in history:
        if one.seq in left_out or (one.kind == Kind.RECLASSIFICATION and _whose(one) in left_out | late):
            continue
        if one.seq in late and one.kind == Kind.MERGE_BACK:
            called_back.append(one)
            continue
        if one.seq in late:
            # it had come into current_year
            found.append(one._replace(day=one.came_on, current_year=one.total, carried_over=0))
        else:
            found.append(one)
    for one in called_back:
        found += _taken_in_time(found, one)
    return Judged(found, min((taken[seq].came_on for seq in never | late if seq), default=None))


def is_taken_for_death(kind: int, detail: str | None) -> bool:
    """Whether an entry takes back what came for months after a death (R15)."""
    if kind in OF_SOME_REASON:
        return unpack(detail).get("reason") == "death"
    return kind == Kind.CREDIT_BACK


def _taken_in_time(history: Sequence[Moved], back: Moved) -> list[Moved]:
    """What was called back for an account that had gone into this one, as of the day on which it came.

    It came into either pocket, and is taken from them as a report in time would have (K6).
    """
    days: dict[date, tuple[int, int]] = {}
    for one in history:
        if one.kind != Kind.CARRY_OVER:
            current, total = days.get(one.day, (0, 0))
            days[one.day] = current + one.current_year, total + one.total
    # no year is under way: all of it is carried over in the end
    after, there = max(days, default=back.day).year + 1, sum(one.total for one in history)
    taken = take(days, after, 0, there, back.came_on, -back.total, current_year_first=True)
    own = back._replace(day=back.came_on, current_year=-taken.from_current, carried_over=-taken.from_carried)
    moves = [
        Moved(int(Kind.RECLASSIFICATION), None, move.day, move.fen, -move.fen)
        for move in taken.moves
        if not move.turns
    ]
    return [own, *moves]


def _is_given_again(one: Moved) -> bool:
    return one.kind == Kind.REVERSAL and AGAIN in unpack(one.detail)


def _whose(move: Moved) -> int | None:
    """The debit, or the reversal, for which something was moved between the pockets."""
    told = unpack(move.detail)
    place = parse_entry_name(told.get("debit") or told["reversal"])
    return None if place is None else place[1]
