"""Saying once that the clock of this machine runs behind what was recorded already."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

_log = logging.getLogger(__name__)
# clocks of two machines are never quite alike
_TOLERATED = timedelta(seconds=1)


class _Behind:
    """Until when this process has said it: from then on the clock has caught up."""

    told_until: datetime | None = None


def tell_of_a_clock_behind(now: datetime, recorded_at: datetime) -> None:
    """Warn that books were written to later than `now`, the latest at `recorded_at`.

    Once until the clock has caught up. What is recorded meanwhile in such a book comes a microsecond after
    the entry before it, so that no book runs backwards.
    """
    if recorded_at - now <= _TOLERATED:
        return
    silent = _Behind.told_until is not None and now < _Behind.told_until
    if not silent or _Behind.told_until is None or recorded_at > _Behind.told_until:
        _Behind.told_until = recorded_at
    if not silent:
        _log.warning(
            "the clock is %d s behind what was recorded last: entries of such books follow the one before",
            (recorded_at - now).total_seconds(),
        )
