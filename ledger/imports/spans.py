"""Numbers of rows and columns, kept as spans."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator


class Spans:
    """A set of row numbers, kept as spans: a merged column costs no more than a merged pair."""

    def __init__(self, spans: Iterator[tuple[int, int]]) -> None:
        self._tops: list[int] = []
        self._bottoms: list[int] = []
        for top, bottom in sorted(spans):
            if self._tops and top <= self._bottoms[-1] + 1:
                self._bottoms[-1] = max(bottom, self._bottoms[-1])
            else:
                self._tops.append(top)
                self._bottoms.append(bottom)

    def __bool__(self) -> bool:
        return bool(self._tops)

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self._tops, number) - 1
        return place >= 0 and number <= self._bottoms[place]


def prolong(spans: list[tuple[int, int]], number: int, most: int | None = None) -> None:
    """Add a row to spans of rows, of which it is the last; no further span once there are the most."""
    if spans and spans[-1][1] == number - 1:
        spans[-1] = spans[-1][0], number
    elif most is None or len(spans) < most:
        spans.append((number, number))
