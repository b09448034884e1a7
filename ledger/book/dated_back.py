"""Which pockets a debit takes from: today's when it is valued today, else those of its value date (K5, K6).

A debit dated back finds the pockets as they stood at the end of its value date, by the policy's order. What
was in a pocket on that day may have been spent since; from the day on which it was, the other pocket bears
the debit in its place. So on every later day the two pockets stand as they would have stood had the debit
been known when its day came, no pocket is below zero on a day on which the other has something, unless it was
so without the debit, and their sum is never touched.

Pure arithmetic on integers, in fen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

# what each value date changed: (current_year, both pockets); carry_over entries left out
Days = Mapping[date, tuple[int, int]]


class PocketMove(NamedTuple):
    """Money that goes from carried_over to current_year on a day; the other way when `fen` is below zero.

    `turns` says that it is part of a turn of the year: that which the debit leaves less to carry over.
    """

    day: date
    fen: int
    turns: bool = False


class DebitSplit(NamedTuple):
    """What a debit takes from each pocket, and the moves between the pockets that it makes on later days."""

    from_current: int
    from_carried: int
    moves: list[PocketMove]


def split(amount: int, current_year: int, carried_over: int, current_year_first: bool) -> tuple[int, int]:
    """How an amount falls on the pockets (K6): (from current_year, from carried_over).

    What neither pocket has falls on the one that comes last.
    """
    if current_year_first:
        first = min(amount, max(current_year, 0))
        return first, amount - first
    second = min(amount, max(carried_over, 0))
    return amount - second, second


def take(
    days: Days,
    open_year: int,
    current_year: int,
    carried_over: int,
    day: date,
    amount: int,
    *,
    current_year_first: bool,
) -> DebitSplit:
    """What a debit of `amount` (at most the balance) valued on `day` takes from the pockets.

    Parameters
    ----------
    days
        What each value date changed, at least from 1 January of the year of `day` on.
    open_year, current_year, carried_over
        The book's row: its pockets are those at the end of the last value date, in `open_year`.

    The moves are in the order of their days. Written from the last to the first, and then the debit, they
    bring neither pocket of the row below zero: what is moved is never more than the debit.
    """
    year = day.year
    current, carried = _stood(days, open_year, current_year, carried_over, day)
    from_current = min(amount, max(current, 0))
    from_carried = min(amount, max(carried, 0))
    if current_year_first:
        from_carried = min(from_carried, amount - from_current)
    else:
        from_current = min(from_current, amount - from_carried)
    # what the day never had comes out of what the year has at its end: of the year under way, today's pockets
    rest = amount - from_current - from_carried
    if rest:
        ends = current_year, carried_over
        if year < open_year:
            ends = _stood(days, open_year, current_year, carried_over, date(year, 12, 31))
        more = split(rest, ends[0] - from_current, ends[1] - from_carried, current_year_first)
        from_current, from_carried = from_current + more[0], from_carried + more[1]

    moves: list[PocketMove] = []
    on_current, on_carried = from_current, from_carried
    current, carried = current - from_current, carried - from_carried
    for later in _later(days, day, open_year):
        if later.year > year:
            # the turn of the year: what is left of either pocket is carried over, and so is the burden
            year = later.year
            if on_current:
                moves.append(PocketMove(later, on_current, turns=True))
            carried, current = current + carried, 0
            on_current, on_carried = 0, amount
            if year == open_year:
                # all but nothing: a debit of a version before this one may have taken from a later year
                begun = current_year - sum(change for one, (change, _) in days.items() if one.year == year)
                current, carried = current + begun, carried - begun
        change, total = days.get(later, (0, 0))
        current, carried = current + change, carried + total - change
        fen = 0
        if current < 0 < carried:
            fen = min(-current, carried, on_current)
        elif carried < 0 < current:
            fen = -min(-carried, current, on_carried)
        if fen:
            moves.append(PocketMove(later, fen))
            on_current, on_carried = on_current - fen, on_carried + fen
            current, carried = current + fen, carried - fen
    return DebitSplit(from_current, from_carried, moves)


def _later(days: Days, day: date, open_year: int) -> Iterable[date]:
    """The days after a day on which something may change: those with a change, and the turns of the years."""
    turns = {date(year, 1, 1) for year in range(day.year + 1, open_year + 1)}
    return sorted(turns.union(one for one in days if one > day))


def _stood(days: Days, open_year: int, current_year: int, carried_over: int, day: date) -> tuple[int, int]:
    """The pockets at the end of a day: (current_year, carried_over)."""
    total = current_year + carried_over - sum(total for one, (_, total) in days.items() if one > day)
    if day.year == open_year:
        # back from the row
        since = sum(change for one, (change, _) in days.items() if one > day)
        return current_year - since, total - (current_year - since)
    stood = sum(change for one, (change, _) in days.items() if one.year == day.year and one <= day)
    return stood, total - stood
