"""Which pockets a debit takes from: today's when it is valued today, else those of its value date (K5, K6).

A debit dated back finds the pockets as they stood at the end of its value date, by the policy's order. What
was in a pocket on that day may have been spent since; from the day on which it was, the other pocket bears
the debit in its place. So on every later day the two pockets stand as they would have stood had the debit
been known when its day came, no pocket is below zero on a day on which the other has something, unless it was
so without the debit, and their sum is never touched.

A debit that is undone comes back to the pockets that bear it on the day of its reversal, and on later days
follows what bore it: the moves that it made are made back.

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


class Undone(NamedTuple):
    """What an undone debit gives each pocket, and the moves between the pockets that it makes later."""

    to_current: int
    to_carried: int
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


def undo(
    days: Days,
    open_year: int,
    current_year: int,
    carried_over: int,
    debit: tuple[date, int, int],
    moves: Iterable[PocketMove],
    day: date,
    *,
    used_since: bool,
) -> Undone:
    """What undoing a debit on a day gives the pockets then, and the moves that it makes on later days.

    Parameters
    ----------
    days, open_year, current_year, carried_over
        As for `take`, from 1 January of the year of `day` on.
    debit
        Its value date, and what it took from current_year and from carried_over.
    moves
        Those that it made between the pockets within years; the turns of the years follow from it.
    used_since
        Whether anything was posted after the debit. If not, every day from `day` on is as it was before it.
        If so, what one pocket lacks on a day that the debit's money would leave in the other is given to it
        first: nobody would have taken it there had the debit never been.

    Each pocket has on every day at least what it has now, for it gets a part of the amount. Written after
    what is given back, from the first day to the last, the moves bring no pocket of the row below zero.
    """
    amount = debit[1] + debit[2]
    bears = _borne(debit, moves)
    year, since = day.year, 0
    # what the other pocket was given because it lacked something, until the year turns
    lent = 0
    first, there = 0, None
    found: list[PocketMove] = []
    for one in [day, *sorted({*_later(days, day, open_year), *(on for on, _ in bears if on > day)})]:
        if one.year > year:
            year, lent = one.year, 0
            if there:
                found.append(PocketMove(one, -there, turns=True))
            there = 0
        while since + 1 < len(bears) and bears[since + 1][0] <= one:
            since += 1
        # after a turn of the year all of it is carried over
        on_current = bears[since][1] if bears[since][0].year == year else 0
        to_current = min(max(on_current + lent, 0), amount)
        if used_since:
            current, carried = _stood(days, open_year, current_year, carried_over, one)
            current, carried = current + to_current, carried + amount - to_current
            if current < 0 < carried:
                to_current += min(-current, carried, amount - to_current)
            elif carried < 0 < current:
                to_current -= min(-carried, current, to_current)
            lent = to_current - on_current
        if there is None:
            first = to_current
        elif to_current != there:
            found.append(PocketMove(one, to_current - there))
        there = to_current
    return Undone(first, amount - first, found)


def _borne(debit: tuple[date, int, int], moves: Iterable[PocketMove]) -> list[tuple[date, int]]:
    """What of a debit current_year bears from which day on; after a turn of the year it is nothing."""
    since, on_current, _on_carried = debit
    found = [(since, on_current)]
    for move in sorted(moves):
        if move.day.year > since.year:
            on_current = 0
        since, on_current = move.day, on_current - move.fen
        found.append((since, on_current))
    return found


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
