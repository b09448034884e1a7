"""Now, and the area's day. Read at the doors and handed in; nothing below a door looks at a clock."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

AREA_ZONE = ZoneInfo("Asia/Shanghai")
Clock = Callable[[], tuple[datetime, date]]
"""Gives this instant, and the area's day."""


def day_of(instant: datetime) -> date:
    """The area's day on which an instant falls."""
    return instant.astimezone(AREA_ZONE).date()


def now_and_today() -> tuple[datetime, date]:
    """This instant, to the microsecond, and the area's day."""
    now = datetime.now(UTC)
    return now, day_of(now)
