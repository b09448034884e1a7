"""Debits dated back on a book in memory, against a slow ledger that looks at every day (K5, K6)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.book.chain import genesis
from ledger.book.dated_back import PocketMove, take
from ledger.book.draft import Draft
from ledger.book.state import Book, BookBroken
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from tests.support.reference_ledger import Account

FIRST = date(2024, 11, 20)
CY, CO = int(Side.CURRENT_YEAR), int(Side.CARRIED_OVER)


def opened(opened_on: date = FIRST) -> Book:
    """An empty account of a person."""
    number = 16_000_000_000_001
    return Book(
        number, 0, 0, 0, 0, 1, 0, 990100, opened_on, None, opened_on.year, opened_on.year - 1, 0, 1,
        genesis(number),
    )  # fmt: skip


class Both:
    """A book and the slow account, told the same; the book only by what it writes."""

    def __init__(self) -> None:
        self.book = opened()
        self.slow = Account(FIRST, FIRST.year, FIRST.year - 1)

    def into_current(self, day: date, fen: int) -> None:
        self.book.credit(Draft(Kind.CONTRIBUTION, day), fen, Side.COLLECTION_CLEARING, None)
        self.slow.put(day, fen, 0)

    def into_carried(self, day: date, fen: int) -> None:
        draft = Draft(Kind.REVERSAL, day, target_seq=1)
        self.book.restore(draft, (0, fen), Side.INSTITUTION_PAYABLE, None, same_year=True)
        self.slow.put(day, 0, fen)

    def debit(self, day: date, fen: int, current_year_first: bool) -> None:
        """As much of it as there is: what is available today is all that is ever asked."""
        fen = min(fen, self.book.available)
        before = len(self.book.drafts)
        self.book.debit(
            Draft(Kind.SPENDING, day), fen, Side.INSTITUTION_PAYABLE, 1, current_year_first=current_year_first
        )
        parts = self.slow.take(day, fen, current_first=current_year_first)
        spent = self.book.drafts[-1]
        assert spent.kind is Kind.SPENDING
        assert (-change(spent, CY), -change(spent, CO)) == parts
        # the moves between the pockets come before it, from the last day to the first
        moves = self.book.drafts[before:-1]
        days = [one.effective_on for one in moves if one.effective_on > day]
        assert days == sorted(days, reverse=True)

    def days(self) -> list[date]:
        last = date(self.book.open_year, 12, 31)
        return [FIRST + timedelta(days=n) for n in range((last - FIRST).days + 1)]


def change(draft: Draft, side: int) -> int:
    return sum(
        (fen if target == side else 0) - (fen if source == side else 0)
        for source, target, fen, _ in draft.transfers
    )


def by_day(drafts: Sequence[Draft], days: Sequence[date]) -> list[tuple[int, int]]:
    """The pockets at the end of each day, from what the entries say: by value date, each year by itself."""
    found = []
    current = carried = 0
    for day in days:
        if (day.month, day.day) == (1, 1):
            current, carried = 0, current + carried
        for draft in drafts:
            if draft.effective_on == day and draft.kind is not Kind.CARRY_OVER:
                current += change(draft, CY)
                carried += change(draft, CO)
        found.append((current, carried))
    return found


def alike(one: tuple[int, int]) -> bool:
    """Whether no pocket is below zero while the other has something."""
    return one[0] * one[1] >= 0


actions = st.lists(
    st.tuples(
        st.sampled_from(["current", "carried", "debit", "debit", "debit"]),
        st.integers(0, 500),
        # how far it is dated back
        st.one_of(st.just(0), st.integers(0, 40), st.integers(0, 500)),
        st.integers(1, 60),
    ),
    min_size=2,
    max_size=14,
)


@pytest.mark.slow
@given(actions, st.booleans(), st.booleans())
def test_a_debit_dated_back_is_as_a_slow_ledger_has_it(
    told: list[tuple[str, int, int, int]], current_year_first: bool, credits_back: bool
) -> None:
    both = Both()
    for what, when, back, fen in sorted(told, key=lambda one: one[1]):
        today = FIRST + timedelta(days=when)
        day = max(today - timedelta(days=back), FIRST)
        sums = {
            one: sum(stood)
            for one, stood in zip(both.days(), by_day(both.book.drafts, both.days()), strict=True)
        }
        if what == "debit":
            taken = min(fen, both.book.available)
            both.debit(day, fen, current_year_first)
            # from its day on both pockets together have less by what was taken, and nothing else changed
            for one, (current, carried) in zip(
                both.days(), by_day(both.book.drafts, both.days()), strict=True
            ):
                if one in sums:
                    assert current + carried == sums[one] - (taken if one >= day else 0)
        elif what == "current":
            both.into_current(day if credits_back else today, fen)
        else:
            both.into_carried(day if credits_back else today, fen)
        stands = by_day(both.book.drafts, both.days())
        assert stands == [both.slow.stood(one) for one in both.days()]
        assert (both.book.current_year, both.book.carried_over) == stands[-1]
        assert (both.book.current_year, both.book.carried_over) == (both.slow.current, both.slow.carried)
        if not credits_back:
            # only money that came in for a day on which too much was spent may stand beside a lack
            assert all(map(alike, stands))


def test_a_day_that_had_less_is_paid_by_what_came_later() -> None:
    both = Both()
    both.into_current(date(2025, 7, 4), 900)
    both.debit(date(2025, 3, 5), 600, True)
    assert both.slow.stood(date(2025, 3, 5)) == (-600, 0)
    assert [one.kind for one in both.book.drafts] == [Kind.CONTRIBUTION, Kind.SPENDING]
    assert (both.book.current_year, both.book.carried_over) == (300, 0)


def test_what_was_spent_since_is_borne_by_the_other_pocket_from_then_on() -> None:
    both = Both()
    both.into_carried(date(2025, 1, 1), 5_000)
    both.into_current(date(2025, 1, 2), 100)
    both.debit(date(2025, 4, 1), 100, True)
    both.into_current(date(2025, 7, 4), 900)
    both.debit(date(2025, 3, 5), 600, True)
    move, spent = both.book.drafts[-2:]
    assert (move.kind, move.effective_on, move.transfers) == (
        Kind.RECLASSIFICATION,
        date(2025, 4, 1),
        ((CO, CY, 100, None),),
    )
    assert (change(spent, CY), change(spent, CO)) == (-100, -500)
    assert (both.book.current_year, both.book.carried_over) == (900, 4_400)


def test_a_debit_of_a_year_before_goes_through_the_turns_of_the_years() -> None:
    both = Both()
    both.into_current(date(2024, 12, 1), 300)
    both.into_carried(date(2024, 12, 2), 50)
    both.debit(date(2025, 2, 1), 320, True)
    both.into_current(date(2026, 2, 1), 500)
    both.debit(date(2024, 12, 5), 200, True)
    stands = dict(zip(both.days(), by_day(both.book.drafts, both.days()), strict=True))
    assert stands[date(2024, 12, 5)] == (100, 50)
    # of the 350 that were carried over 320 were spent, and 200 are gone before that
    assert stands[date(2025, 1, 1)] == (0, 150)
    assert stands[date(2025, 2, 1)] == (0, -170)
    assert stands[date(2026, 1, 1)] == (0, -170)
    assert stands[date(2026, 2, 1)] == (330, 0)
    carried = [one for one in both.book.drafts if one.kind is Kind.CARRY_OVER]
    # back out of what 2024 left to 2025, on the day on which it was carried over
    assert carried[-1].effective_on == date(2025, 1, 1)
    assert carried[-1].transfers == ((CO, CY, 200, None),)
    assert (both.book.current_year, both.book.carried_over) == (330, 0)


def test_a_late_debit_moves_back_the_carry_over_of_the_day_that_ended_its_year() -> None:
    both = Both()
    both.into_current(date(2024, 12, 1), 300)
    both.into_current(date(2025, 1, 5), 40)
    both.debit(date(2024, 12, 5), 200, True)
    turns = [one.effective_on for one in both.book.drafts if one.kind is Kind.CARRY_OVER]
    assert turns == [date(2025, 1, 1), date(2025, 1, 1)]


@pytest.mark.parametrize("fen", [0, -1])
def test_a_move_of_nothing_is_no_move(fen: int) -> None:
    book = opened()
    moves = ((int(Side.COLLECTION_CLEARING), CY, fen, None),)
    with pytest.raises(BookBroken):
        book.add(Draft(Kind.CONTRIBUTION, FIRST, moves))


def test_a_move_that_a_kind_does_not_make_is_refused() -> None:
    book = opened()
    with pytest.raises(BookBroken):
        book.add(Draft(Kind.CONTRIBUTION, FIRST, ((int(Side.COLLECTION_CLEARING), CO, 5, None),)))


def test_a_debit_of_nothing_moves_nothing() -> None:
    both = Both()
    both.into_current(date(2025, 1, 5), 40)
    both.debit(date(2024, 12, 5), 0, True)
    assert both.book.drafts[-1].transfers == ()
    assert [one.kind for one in both.book.drafts] == [Kind.CONTRIBUTION, Kind.SPENDING]


def test_what_was_spent_bit_by_bit_is_borne_bit_by_bit() -> None:
    both = Both()
    both.into_carried(date(2025, 1, 1), 1_000)
    both.into_current(date(2025, 1, 2), 100)
    both.debit(date(2025, 4, 1), 30, True)
    both.debit(date(2025, 5, 1), 20, True)
    both.debit(date(2025, 3, 5), 100, True)
    moves = [(one.effective_on, one.transfers[0][2]) for one in both.book.drafts[-3:-1]]
    assert moves == [(date(2025, 5, 1), 20), (date(2025, 4, 1), 30)]
    stands = dict(zip(both.days(), by_day(both.book.drafts, both.days()), strict=True))
    assert [stands[date(2025, month, 1)] for month in (4, 5)] == [(0, 970), (0, 950)]


def agree(both: Both) -> None:
    """Book and slow ledger stand alike on every day."""
    assert by_day(both.book.drafts, both.days()) == [both.slow.stood(one) for one in both.days()]
    assert (both.book.current_year, both.book.carried_over) == (both.slow.current, both.slow.carried)


def test_what_the_day_itself_brought_counts_once() -> None:
    both = Both()
    both.into_carried(date(2025, 1, 1), 1_000)
    both.into_current(date(2025, 3, 5), 100)
    both.debit(date(2025, 4, 1), 100, True)
    both.debit(date(2025, 3, 5), 50, True)
    move, spent = both.book.drafts[-2:]
    assert (move.effective_on, move.transfers) == (date(2025, 4, 1), ((CO, CY, 50, None),))
    assert (change(spent, CY), change(spent, CO)) == (-50, 0)
    agree(both)


def test_of_a_year_before_what_the_day_itself_brought_is_there() -> None:
    both = Both()
    both.into_carried(date(2025, 1, 1), 1_000)
    both.into_current(date(2025, 3, 5), 100)
    both.into_current(date(2026, 2, 1), 1)
    both.debit(date(2025, 3, 5), 50, True)
    assert change(both.book.drafts[-1], CY) == -50
    agree(both)


@pytest.mark.parametrize("current_year_first", [True, False])
def test_no_more_is_moved_than_the_debit(current_year_first: bool) -> None:
    """A day lacks 600 in one pocket and has 500 in the other: a late debit of 10 moves no more than 10."""
    both = Both()
    short, other = both.into_current, both.into_carried
    if not current_year_first:
        short, other = other, short
    short(date(2025, 7, 4), 900)
    both.debit(date(2025, 2, 1), 600, current_year_first)
    other(date(2025, 3, 1), 500)
    both.debit(date(2025, 2, 2), 10, current_year_first)
    moves = [one for one in both.book.drafts if one.kind is Kind.RECLASSIFICATION]
    assert [sum(fen for _, _, fen, _ in one.transfers) for one in moves] == [10]
    agree(both)


def test_a_debit_that_took_from_a_later_year_is_left_as_it_is() -> None:
    """As versions before this one posted it: 40 of what came in 2026 went for a day of 2025."""
    days = {date(2026, 2, 1): (100, 100)}
    split = take(days, 2026, 60, 50, date(2025, 3, 5), 60, current_year_first=True)
    assert (split.from_current, split.from_carried) == (0, 60)
    assert split.moves == [PocketMove(date(2026, 2, 1), -10)]
