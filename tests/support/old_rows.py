"""Rows as an older version could have written them, which what came since refuses today."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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


@contextmanager
def as_before_numbers_were_refused() -> Iterator[None]:
    """Let ID numbers stand in texts, references and keys, in this process."""
    rooms = (
        "api.http.fields", "api.http.on_record", "api.http.shown", "ledger.posting.free_text",
        "ledger.imports.rows",
    )  # fmt: skip
    with ExitStack() as stack:
        for room in rooms:
            stack.enter_context(patch(f"{room}.holds_id_number", lambda _text: False))
        yield
