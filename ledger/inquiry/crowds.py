"""How many different ones come within some time of each other. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator
from datetime import datetime, timedelta
from typing import Generic, TypeVar

OneT = TypeVar("OneT")


class Within(Generic[OneT]):
    """What came within some time of the last of it, in the order of time, and of how many that is."""

    def __init__(self) -> None:
        self._there: deque[tuple[datetime, Hashable, OneT]] = deque()
        self._whose: dict[Hashable, int] = {}

    def add(self, at: datetime, whose: Hashable, one: OneT, span: timedelta) -> None:
        """Let one more count, and let go what is longer ago than that; just so long ago is within it."""
        while self._there and at - self._there[0][0] > span:
            _at, gone, _one = self._there.popleft()
            self._whose[gone] -= 1
            if not self._whose[gone]:
                del self._whose[gone]
        self._there.append((at, whose, one))
        self._whose[whose] = self._whose.get(whose, 0) + 1

    @property
    def many(self) -> int:
        """How many different ones there are."""
        return len(self._whose)

    def __iter__(self) -> Iterator[OneT]:
        return (one for _at, _whose, one in self._there)
