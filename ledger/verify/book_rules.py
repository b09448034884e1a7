"""What the row of a book must say once its entries were walked: one rule of `verify` each."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Row

from ledger.chart.matrix import Stage
from ledger.verify.walk import Walk

BookRule = Callable[[Walk, "Row[tuple[object, ...]]"], str | None]


def has_this_head(walk: Walk, row: Row[tuple[object, ...]]) -> str | None:
    if bytes(row.head) != walk.head:
        return f"its head is not the digest of its last entry, {walk.last_seq}"
    return None


def has_these_amounts(walk: Walk, row: Row[tuple[object, ...]]) -> str | None:
    return _differs(walk, row, ("current_year", "carried_over", "held", "reserved"))


def has_this_state(walk: Walk, row: Row[tuple[object, ...]]) -> str | None:
    if not walk.has_pockets and not walk.opened_on.year <= row.open_year <= walk.last_year:
        return (
            f"open_year is {row.open_year}, and its entries are of {walk.opened_on.year} to {walk.last_year}"
        )
    if row.recorded_at not in {None, walk.recorded_at}:
        return f"recorded_at is {row.recorded_at}, its last entry has {walk.recorded_at}"
    year = ("open_year",) if walk.has_pockets else ()
    return _differs(
        walk, row, ("area", "opened_on", "died_on", "stage", *year, "interest_year", "open_freezes")
    )


def _differs(walk: Walk, row: Row[tuple[object, ...]], names: tuple[str, ...]) -> str | None:
    for name in names:
        here, derived = getattr(row, name), getattr(walk, name)
        if here != derived:
            return f"{name} is {here}, its entries make it {derived}"
    return None


def is_empty_when_closed(walk: Walk, row: Row[tuple[object, ...]]) -> str | None:
    if walk.stage == Stage.CLOSED and any((row.current_year, row.carried_over, row.held, row.reserved)):
        return "a closed account is not empty"
    return None


BOOK_RULES: tuple[tuple[str, BookRule], ...] = (
    ("head_wrong", has_this_head),
    ("book_amount_wrong", has_these_amounts),
    ("book_state_wrong", has_this_state),
    ("closed_not_empty", is_empty_when_closed),
)
