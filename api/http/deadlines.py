"""A deadline for every call: who asked is told in time that there is no answer, whatever is the matter.

One timer looks at all calls; one for each call would cost a posting more than its log line. The time in which
a body comes is the caller's and is not counted: its connection says how long that may take. A call whose
answer has begun is left alone: what it still reads is held by the limits of its connection.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import Final

from starlette.types import Scope

SWEEP_SECONDS: Final = 0.25
# what reads or posts very much at once has so many times the time
LONG_FACTOR: Final = 6

LONG: Final = frozenset({
    ("POST", "/v1/bulk"),
    ("POST", "/v1/employers/{employer}/declarations"),
    ("POST", "/v1/declarations/{declaration}/confirm"),
    ("POST", "/v1/employers/{employer}/adjustments"),
    ("POST", "/v1/employers/{employer}/estimates"),
    ("POST", "/v1/employers/{employer}/refunds"),
    ("POST", "/v1/receipts"),
    ("POST", "/v1/corrections"),
    ("POST", "/v1/payments/{payment}/reversal"),
    # these post little, behind lists of employers and days of institutions
    ("POST", "/v1/employers/{employer}/case-steps"),
    ("POST", "/v1/employers/{employer}/changes"),
    ("POST", "/v1/employers/{employer}/merger"),
    ("POST", "/v1/employers/{employer}/staff-moves"),
    ("POST", "/v1/employers/{employer}/closure"),
    ("POST", "/v1/employers/{employer}/reopening"),
    ("POST", "/v1/clearings/{clearing}/end"),
    ("POST", "/v1/clearings/{clearing}/payment"),
    ("POST", "/v1/institutions/{institution}/reconciliations"),
    ("POST", "/v1/institutions/{institution}/clearings"),
    ("GET", "/v1/institutions/{institution}/reconciliations"),
    ("GET", "/v1/institutions/{institution}/reconciliations/{day}/lines"),
    ("GET", "/v1/institutions/{institution}/clearings"),
    ("GET", "/v1/institutions/{institution}/statement"),
    ("GET", "/v1/employers/{employer}/arrears"),
    ("GET", "/v1/employers/{employer}/payments"),
    ("GET", "/v1/employers/{employer}/payments/{period}"),
    ("GET", "/v1/employers/{employer}/receipts"),
    ("GET", "/v1/employers/{employer}/case-steps"),
    ("GET", "/v1/declarations/{declaration}"),
    ("GET", "/v1/claims"),
    ("GET", "/v1/me/export"),
    # of many entries, a document takes seconds to draw
    ("POST", "/v1/accounts/{account}/documents"),
    ("POST", "/v1/employers/{employer}/documents"),
    ("POST", "/v1/me/documents"),
    ("GET", "/v1/documents/{document}"),
    ("GET", "/v1/employers/{employer}/documents/{document}"),
    ("GET", "/v1/me/documents/{document}"),
    ("GET", "/v1/agency-requests/{agency_request}/answer"),
    ("GET", "/v1/read-log"),
    ("GET", "/v1/read-log/findings"),
    ("GET", "/v1/reports/trial-balance"),
    ("GET", "/v1/reports/arrears"),
    ("GET", "/v1/reports/overdue-registrations"),
    ("GET", "/v1/reports/undeclared"),
    ("GET", "/v1/reports/debits-after-death"),
    ("GET", "/v1/reports/findings"),
    # a file is answered with 202 before its time is over, and goes on
    ("POST", "/v1/imports/accounts"),
    ("POST", "/v1/imports/contributions"),
    ("POST", "/v1/imports/spendings"),
    ("POST", "/v1/imports/employers"),
    ("POST", "/v1/imports/enrolments"),
    ("POST", "/v1/imports/declarations"),
    ("POST", "/v1/imports/receipts"),
    ("POST", "/v1/imports/names"),
    ("POST", "/v1/imports/deaths"),
    ("POST", "/v1/imports/transfers"),
    ("POST", "/v1/imports/remittances"),
    ("POST", "/v1/imports/acknowledgements"),
    ("POST", "/v1/imports/numbers"),
    ("POST", "/v1/imports/rejections"),
    ("POST", "/v1/imports/announcements"),
    ("POST", "/v1/imports/arrivals"),
    # these wait until the process of a run says that it is under way
    ("POST", "/v1/year-ends/{year}"),
    ("POST", "/v1/retiree-credits/{period}"),
    ("POST", "/v1/annual-settlements/{year}"),
    # seconds of work for the first who asks
    ("GET", "/openapi.json"),
})  # fmt: skip
"""Routes of which one call reads or posts very much at once, or waits for others that do."""


def await_body(scope: Scope) -> None:
    """From here on the caller is waited for, which is no time of ours."""
    scope["ledger.began"] = math.inf


def has_body(scope: Scope) -> None:
    """The body of a call is whole: its time begins."""
    scope["ledger.began"] = time.monotonic()


def is_long(scope: Scope) -> bool:
    """Whether a request may take long, by its route, which is known once its token is read, or by itself."""
    return (scope["method"], scope.get("ledger.template")) in LONG or "ledger.long" in scope


def takes_long(scope: Scope) -> None:
    """This request may take long, whatever its route."""
    scope["ledger.long"] = True


def seconds_left(scope: Scope, seconds: float) -> float:
    """How much of its time a long call has left, where others have so many seconds."""
    return float(scope["ledger.began"]) + seconds * LONG_FACTOR - time.monotonic()


def is_late(scope: Scope) -> bool:
    """Whether the time of a call is over: its task was cancelled because of that, once."""
    return bool(scope.get("ledger.late"))


class Deadlines:
    """The calls that are under way, and the timer that ends those which take longer than `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._under_way: dict[asyncio.Task[object], Scope] = {}
        # the loop whose timer goes on
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def under_way(self) -> int:
        """How many calls are being answered."""
        return len(self._under_way)

    def begin(self, scope: Scope) -> asyncio.Task[object]:
        """A call begins, in the task at work; `scope["ledger.began"]` says since when its time counts."""
        # asked for by its loop, the task at work costs a third
        task = None if self._loop is None else asyncio.current_task(self._loop)
        if task is None:
            task = self._begin_to_sweep()
        self._under_way[task] = scope
        return task

    def end(self, task: asyncio.Task[object]) -> None:
        self._under_way.pop(task, None)

    def _begin_to_sweep(self) -> asyncio.Task[object]:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  a call is answered in a task
        self._loop = task.get_loop()
        self._loop.call_later(SWEEP_SECONDS, self._sweep, self._loop)
        return task

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = time.monotonic()
        for task, scope in list(self._under_way.items()):
            seconds = self._seconds * LONG_FACTOR if is_long(scope) else self._seconds
            if now - scope["ledger.began"] > seconds and not scope.get("ledger.answering"):
                scope["ledger.late"] = True
                del self._under_way[task]
                task.cancel()
        if self._under_way:
            loop.call_later(SWEEP_SECONDS, self._sweep, loop)
        elif self._loop is loop:
            self._loop = None
