"""A debit that is undone leaves every day as it was before it (R31, K5, K6), on a book in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.book.dated_back import PocketMove, Undone, undo
from ledger.book.draft import Draft
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from tests.book.test_dated_back import CO, CY, FIRST, Both, by_day, change

Days = list[tuple[int, int]]
Told = tuple[str, int, int, int]


def undone(both: Both, spent: Draft, day: date) -> None:
    """Take a debit back as of a day, as a reversal does it: knowing it and its moves alone."""
    book = both.book
    moves = []
    for draft in book.drafts[: spent.seq - 1][::-1]:
        if draft.kind is Kind.CARRY_OVER:
            continue
        if draft.kind is not Kind.RECLASSIFICATION:
            break
        [(source, _target, fen, _party)] = draft.transfers
        moves.append(PocketMove(draft.effective_on, fen if source == CO else -fen))
    used_since = book.last_seq != spent.seq
    book.roll_to(day.year)
    back = undo(
        book.days or {},
        book.open_year,
        book.current_year,
        book.carried_over,
        (spent.effective_on, -change(spent, CY), -change(spent, CO)),
        moves,
        day,
        used_since=used_since,
    )
    draft = Draft(Kind.REVERSAL, day, target_seq=spent.seq)
    book.give_back(draft, back, Side.INSTITUTION_PAYABLE, 1)


def pockets(both: Both) -> Days:
    return by_day(both.book.drafts, both.days())


def play(both: Both, told: Sequence[Told], current_year_first: bool, *, credits_back: bool = True) -> None:
    for what, when, back, fen in told:
        today = FIRST + timedelta(days=when)
        day = max(today - timedelta(days=back), FIRST)
        if what == "debit":
            both.book.debit(
                Draft(Kind.SPENDING, day),
                min(fen, both.book.available),
                Side.INSTITUTION_PAYABLE,
                1,
                current_year_first=current_year_first,
            )
        elif what == "current":
            both.into_current(day if credits_back else today, fen)
        else:
            both.into_carried(day if credits_back else today, fen)


def spending(both: Both, day: date, fen: int, current_year_first: bool) -> Draft:
    both.book.debit(
        Draft(Kind.SPENDING, day),
        min(fen, both.book.available),
        Side.INSTITUTION_PAYABLE,
        1,
        current_year_first=current_year_first,
    )
    return both.book.drafts[-1]


def alike(one: tuple[int, int]) -> bool:
    return one[0] * one[1] >= 0


told_actions = st.lists(
    st.tuples(
        st.sampled_from(["current", "carried", "debit", "debit"]),
        st.integers(0, 500),
        st.one_of(st.just(0), st.integers(0, 40), st.integers(0, 500)),
        st.integers(1, 60),
    ),
    min_size=1,
    max_size=10,
).map(lambda told: sorted(told, key=lambda one: one[1]))

ago = st.integers(0, 500)


@pytest.mark.slow
@given(told_actions, ago, ago, st.integers(1, 80), st.booleans(), st.booleans())
def test_what_is_undone_at_once_never_was(
    told: list[Told], back: int, later: int, fen: int, current_year_first: bool, credits_back: bool
) -> None:
    both = Both()
    play(both, told, current_year_first, credits_back=credits_back)
    today = FIRST + timedelta(days=told[-1][1])
    day = max(today - timedelta(days=back), FIRST)
    undone_on = min(day + timedelta(days=later), today)
    before, known = pockets(both), both.days()
    spent = spending(both, day, fen, current_year_first)
    with_it = pockets(both)
    undone(both, spent, undone_on)
    after = pockets(both)
    for one, was, between, now in zip(known, before, with_it, after, strict=False):
        assert now == (was if one >= undone_on else between)
    assert (both.book.current_year, both.book.carried_over) == after[-1]


@pytest.mark.slow
@given(told_actions, told_actions, ago, ago, st.integers(1, 80), st.booleans())
def test_what_was_posted_since_stays_and_nothing_is_below_zero(
    told: list[Told], since: list[Told], back: int, later: int, fen: int, current_year_first: bool
) -> None:
    both = Both()
    play(both, told, current_year_first, credits_back=False)
    start = told[-1][1]
    day = max(FIRST + timedelta(days=start - back), FIRST)
    spent = spending(both, day, fen, current_year_first)
    moved = [(what, start + when, ago, some) for what, when, ago, some in since]
    play(both, moved, current_year_first, credits_back=False)
    today = FIRST + timedelta(days=moved[-1][1])
    both.book.roll_to(today.year)
    stood = pockets(both)
    undone_on = min(day + timedelta(days=later), today)
    undone(both, spent, undone_on)
    amount = -change(spent, CY) - change(spent, CO)
    for one, was, now in zip(both.days(), stood, pockets(both), strict=True):
        assert sum(now) == sum(was) + (amount if one >= undone_on else 0)
        # no pocket has less than it had, and none lacks what the other one has
        assert min(now[0] - was[0], now[1] - was[1]) >= 0
        assert alike(now)
    assert (both.book.current_year, both.book.carried_over) == pockets(both)[-1]


def test_the_moves_of_a_debit_are_made_back() -> None:
    both = Both()
    both.into_carried(date(2025, 1, 1), 5_000)
    both.into_current(date(2025, 2, 1), 1_000)
    spending(both, date(2025, 3, 1), 1_000, True)
    spent = spending(both, date(2025, 2, 10), 1_000, True)
    undone(both, spent, date(2025, 2, 10))
    back, move = both.book.drafts[-2:]
    assert (back.kind, change(back, CY), change(back, CO)) == (Kind.REVERSAL, 1_000, 0)
    assert (move.kind, move.effective_on) == (Kind.RECLASSIFICATION, date(2025, 3, 1))
    assert move.transfers == ((CY, CO, 1_000, None),)
    assert (both.book.current_year, both.book.carried_over) == (0, 5_000)


def test_from_the_day_of_its_reversal_on_it_comes_back_to_what_bears_it() -> None:
    both = Both()
    both.into_carried(date(2025, 1, 1), 5_000)
    both.into_current(date(2025, 2, 1), 1_000)
    spending(both, date(2025, 3, 1), 1_000, True)
    spent = spending(both, date(2025, 2, 10), 1_000, True)
    undone(both, spent, date(2025, 4, 1))
    back = both.book.drafts[-1]
    assert (back.kind, change(back, CY), change(back, CO)) == (Kind.REVERSAL, 0, 1_000)


def test_what_another_debit_lacked_is_given_to_it() -> None:
    """500 were lacking in March until money came in June: what comes back is not left beside the lack."""
    both = Both()
    both.into_current(date(2025, 1, 1), 1_000)
    both.into_carried(date(2025, 1, 1), 1_000)
    both.into_current(date(2025, 6, 1), 1_000)
    spent = spending(both, date(2025, 2, 10), 1_000, False)
    spending(both, date(2025, 3, 1), 1_500, False)
    both.into_current(date(2026, 2, 1), 10)
    undone(both, spent, date(2025, 2, 10))
    stands = dict(zip(both.days(), pockets(both), strict=True))
    assert stands[date(2025, 2, 10)] == (1_000, 1_000)
    assert stands[date(2025, 3, 1)] == (0, 500)
    assert stands[date(2025, 6, 1)] == (1_000, 500)
    # and with the year it is carried over as all else
    assert stands[date(2026, 1, 1)] == (0, 1_500)
    assert stands[date(2026, 2, 1)] == (10, 1_500)


def test_nothing_is_undone_by_nothing() -> None:
    found = undo({}, 2025, 7, 5, (date(2025, 1, 5), 0, 0), (), date(2025, 2, 1), used_since=True)
    assert found == Undone(0, 0, [])
