"""What is measured while the service works: cheap to count, and read by whoever tells it.

Each histogram has one thread that observes. Any thread may read: what it sees is of about now.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of durations."""
COUNTS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
"""Upper bounds of how many are posted together."""


class Histogram:
    """How often a value fell between which bounds, and the sum of all values."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self.bounds = bounds
        # one more than there are bounds: what is above the highest
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        # a value that is a bound belongs below it
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value
