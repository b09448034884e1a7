"""Looks that a person was not shown and is shown from now on: the person is told that there is one (R65).

The event says that somebody looked, and not who, when or why: that stands in the access log, which is the
person's to read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection

from ledger.book.numbers import party_of
from ledger.chart.events import TOLD_OF, EventKind
from ledger.clock import day_of
from ledger.events.feed import News, tell_once
from ledger.inquiry.accesses import (
    Access,
    Place,
    accesses_for,
    death_of,
    divided_deaths,
    withholding,
)
from ledger.inquiry.holders import holder_of
from ledger.policy import Policy

_AT_ONCE: Final = 500


def tell_withheld_no_longer(
    connection: Connection, today: date, policies: Mapping[int, Policy], now: datetime
) -> int:
    """Tell of every look that was withheld and may be shown on a day; how many of these events are new.

    Each look once, however often this is asked for. In transactions of its own, some hundred looks each.
    """
    purposes = {word for policy in policies.values() for word in policy.access.withheld_ever()}
    told, after = 0, None
    while True:
        with connection.begin():
            looks = accesses_for(connection, purposes, after, _AT_ONCE)
            news = list(_news(connection, looks, today, policies, now))
        told += tell_once(connection, news)
        if len(looks) < _AT_ONCE:
            return told
        after = looks[-1].place


def _news(
    connection: Connection,
    looks: Sequence[Access],
    today: date,
    policies: Mapping[int, Policy],
    now: datetime,
) -> Iterator[News]:
    books = {one.book_id for one in looks if one.book_id is not None}
    rule = withholding(connection, books, policies, today)
    divided = divided_deaths(connection, looks)
    for look in looks:
        # a sweep of a day does not know of looks after it
        if day_of(look.place.at) > today or not rule.days(look):
            continue
        if rule.is_over(look, divided=death_of(look) in divided):
            book_id = _book_of(connection, look)
            if book_id is not None:
                yield News(EventKind.ACCESS_WITHHELD_NO_LONGER, _name(look.place), book_id, now)


def _book_of(connection: Connection, look: Access) -> int | None:
    """The book of whoever was looked at; of somebody known by number alone the one that counts, if any."""
    if look.book_id is not None:
        return look.book_id if party_of(look.book_id) in TOLD_OF else None
    if look.person is None:
        return None
    return next(iter(holder_of(connection, look.person).books), None)


def _name(place: Place) -> str:
    return f"{place.chain_id}-{place.seq}"
