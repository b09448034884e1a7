"""Rows as an older version could have written them, which the bounds of days and months refuse today."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from ledger.bounds.bound import Bound


@contextmanager
def as_before_the_bounds() -> Iterator[None]:
    """Let every day and month be taken, in this process."""
    with (
        patch.object(Bound, "admit", lambda _self, *_day, **_known: None),
        patch.object(Bound, "admit_month", lambda _self, period, *_today, **_known: period),
    ):
        yield
