"""What a token that is bound to somebody is told of people beyond its reach: one thing, and it is on record.

An employer reaches its staff, and a person their own account; an institution reaches all who are insured, and
nobody of whom there is no account that is open. Of all others nothing is told, be they known or not: the
answer is the same, who was named is in the read log, and of more than so many a minute there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Final

from fastapi import Request

from api.http.errors import RETRY_AFTER, Declined
from api.http.problems import DoorCode
from api.http.shown import shown_by
from api.http.state import caller_of, state_of
from ledger import BookRef, RefusalCode, Refused
from ledger.access.read_log import ReadLogUnavailable
from ledger.contributions.beyond_staff import OwnList

# what is said of nobody's number too, so that the one is not told from the other
_OF_NOBODY: Final = frozenset({
    RefusalCode.ACCOUNT_NOT_FOUND, RefusalCode.ACCOUNT_CLOSED, RefusalCode.ID_NUMBER_SHARED,
})  # fmt: skip


@contextmanager
def told_alike(request: Request, person: BookRef, *, at: str, only_asks: bool) -> Iterator[None]:
    """What a bound caller does with one person, who may be nobody: that there is no account is said alike.

    `at` is the field that names the person. Raises Declined (429) for one stranger too many, and to who only
    asks then also of others: whoever is refused otherwise would be known by it. What is posted goes on.
    """
    caller, strangers = caller_of(request), state_of(request).strangers
    if not caller.is_bound:
        yield
        return
    if only_asks:
        strangers.check(caller)
    try:
        yield
    except Refused as refused:
        if refused.code not in _OF_NOBODY:
            strangers.check(caller)
            raise
        name_strangers(request, [person])
        raise Refused(RefusalCode.ACCOUNT_NOT_FOUND, at=at) from None


class Naming:
    """Takes count of the strangers in the lists that the employer of a call hands in by itself."""

    def __init__(self, request: Request) -> None:
        self._strangers, self._caller = state_of(request).strangers, caller_of(request)
        self._shown = shown_by(request)

    def of(self, *, only_asks: bool) -> OwnList:
        named = (one for one in self._strangers.named(self._caller) if isinstance(one, bytes))
        return OwnList(frozenset(named), self._strangers.most, only_asks)

    def name(self, strangers: frozenset[bytes]) -> None:
        """Count strangers, and record them in this thread. Raises Declined (429; 503 without a record)."""
        try:
            self._shown.tried_here(islice(strangers, self._strangers.most + 1))
        except ReadLogUnavailable as unavailable:
            raise Declined(DoorCode.READ_LOG_UNAVAILABLE, {"Retry-After": RETRY_AFTER}) from unavailable
        self._strangers.count(self._caller, strangers)


def own_lists(request: Request) -> Naming | None:
    """What counts for the lists of a call; None for one of the agency, which is told of everybody."""
    return None if caller_of(request).employer is None else Naming(request)


def name_strangers(request: Request, people: Iterable[BookRef]) -> None:
    """Count strangers whom a bound caller has named, and have them recorded. Raises Declined (429).

    Of a crowd no more are recorded than it takes to be refused.
    """
    strangers, asked = state_of(request).strangers, frozenset(people)
    shown_by(request).tried(islice(asked, strangers.most + 1))
    strangers.count(caller_of(request), asked)
