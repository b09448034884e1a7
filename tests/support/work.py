"""How much is done, told without a clock: the same on every machine, busy or not."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Work:
    """How often Python has called something, a function of its own or one written in C."""

    calls: int = 0


@contextmanager
def counted() -> Iterator[Work]:
    """Count the calls of this thread in the block. It catches a change of kind, as from n to n squared."""
    work = Work()

    def count(_frame: FrameType, event: str, _what: object) -> None:
        if event in {"call", "c_call"}:
            work.calls += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield work
    finally:
        sys.setprofile(before)
