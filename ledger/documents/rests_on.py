"""The entries and months that a document rests on, so that what corrects one of them is found. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple


class RestsOn(NamedTuple):
    """What was printed, by the numbers of entries in the book, and how far books went by then."""

    # entries of the book, as stretches without a gap
    entries: tuple[tuple[int, int], ...] = ()
    last_seq: int = 0
    # months YYYYMM, from and to
    months: tuple[int, int] | None = None
    # of a person's months: the books of the employers, each with its last entry
    employers: tuple[tuple[int, int], ...] = ()
    # the year of an annual settlement
    year: int | None = None
    # whose data an employer's list shows, by account
    people: tuple[int, ...] = ()

    def has(self, seq: int) -> bool:
        """Whether an entry of that number was printed."""
        return any(first <= seq <= last for first, last in self.entries)

    def has_month(self, period: int | None) -> bool:
        """Whether a month was printed."""
        return self.months is not None and period is not None and self.months[0] <= period <= self.months[1]

    def as_json(self) -> str:
        """In the form in which it is kept."""
        return json.dumps(
            {name: value for name, value in self._asdict().items() if value}, separators=(",", ":")
        )


def stretches(seqs: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Numbers as stretches without a gap: 1, 2, 3, 7 are (1, 3), (7, 7)."""
    ordered = sorted(set(seqs))
    if not ordered:
        return ()
    gaps = [(one, other) for one, other in pairwise(ordered) if other != one + 1]
    starts = [ordered[0], *(other for _one, other in gaps)]
    ends = [*(one for one, _other in gaps), ordered[-1]]
    return tuple(zip(starts, ends, strict=True))


def read_rests_on(text: str) -> RestsOn:
    """What `as_json` wrote."""
    told: dict[str, Any] = json.loads(text)
    months = told.get("months")
    return RestsOn(
        tuple((first, last) for first, last in told.get("entries", ())),
        told.get("last_seq", 0),
        None if months is None else (months[0], months[1]),
        tuple((book, seq) for book, seq in told.get("employers", ())),
        told.get("year"),
        tuple(told.get("people", ())),
    )
