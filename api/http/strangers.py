"""How many people beyond its reach a caller may name whose token is bound to somebody.

A stranger counts once in any minute for each caller, which is the calling system and what its token is bound
to. Each process counts what comes to it, so several together let through so many times as much at most. What
is remembered is bounded: of more callers than that, those that were silent longest are forgotten, and of each
no more people are kept than it may name.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

from api.http.errors import Declined
from api.http.problems import DoorCode
from api.http.security import Caller
from ledger import BookRef

SECONDS: Final = 60.0
CALLERS_MAX: Final = 2_000
# by whom, the time at which each was named last, the one of longest ago first
Named = OrderedDict[BookRef, float]


class Strangers:
    """At most so many strangers of one caller in any minute. `clock` counts seconds. Of any thread."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self._clock = clock
        self._seen: OrderedDict[tuple[str, str, bytes], Named] = OrderedDict()
        self._lock = threading.Lock()

    def named(self, caller: Caller) -> frozenset[BookRef]:
        """Whom a caller has named within the last minute."""
        with self._lock:
            return frozenset(self._lately(caller))

    def check(self, caller: Caller) -> None:
        """Raise Declined (429) for a caller that may name nobody more.

        Until then it is told of nobody: a stranger who is refused is not to be told from somebody who is not.
        """
        with self._lock:
            named = self._lately(caller)
            if len(named) >= self.most:
                raise self._too_many(named)

    def count(self, caller: Caller, people: Iterable[BookRef]) -> None:
        """Count whom a caller has named. Raises Declined (429) for too many, and then none of them counts."""
        asked = frozenset(people)
        if not asked:
            return
        with self._lock:
            named = self._lately(caller)
            if len(named.keys() | asked) > self.most:
                raise self._too_many(named)
            now = self._clock()
            for one in asked:
                named[one] = now
                named.move_to_end(one)

    def _lately(self, caller: Caller) -> Named:
        """What is kept of a caller, without what is a minute old."""
        key = caller.caller, caller.bound_to or "", caller.person or b""
        named = self._seen.get(key)
        if named is None:
            named = self._seen[key] = OrderedDict()
            if len(self._seen) > CALLERS_MAX:
                self._seen.popitem(last=False)
        self._seen.move_to_end(key)
        since = self._clock() - SECONDS
        while named and next(iter(named.values())) <= since:
            named.popitem(last=False)
        return named

    def _too_many(self, named: Named) -> Declined:
        # of a list that alone is too long there is nobody to wait for
        oldest = next(iter(named.values()), self._clock())
        wait = math.ceil(SECONDS - (self._clock() - oldest))
        return Declined(DoorCode.TOO_MANY_REQUESTS, {"Retry-After": str(max(wait, 1))})
