"""How often one address may call a route that is open to all.

Each process counts what comes to it, so several together let through so many times as much at most. What is
remembered is bounded: of more addresses than that, those that were silent longest are forgotten.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Final

from fastapi import Request

from api.http.errors import Declined
from api.http.problems import DoorCode

SECONDS: Final = 60.0
ADDRESSES_MAX: Final = 5_000
# what one customer of a provider has of the new addresses
_OF_ONE_CUSTOMER: Final = 64


class PerAddress:
    """At most so many calls of one address in any minute. `clock` counts seconds. Of one thread alone."""

    def __init__(self, calls: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._calls = calls
        self._clock = clock
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def forget(self) -> None:
        """Begin anew."""
        self._seen.clear()

    def let_in(self, request: Request) -> None:
        """Count a call. Raises Declined (429), and then it is not counted."""
        self.count(address_of(request))

    def count(self, address: str) -> None:
        """The same of an address."""
        now = self._clock()
        calls = self._seen.get(address)
        if calls is None:
            calls = self._seen[address] = deque(maxlen=self._calls)
            if len(self._seen) > ADDRESSES_MAX:
                self._seen.popitem(last=False)
        self._seen.move_to_end(address)
        if len(calls) == self._calls and now - calls[0] < SECONDS:
            wait = math.ceil(SECONDS - (now - calls[0]))
            raise Declined(DoorCode.TOO_MANY_REQUESTS, {"Retry-After": str(max(wait, 1))})
        calls.append(now)


def address_of(request: Request) -> str:
    """From where a call comes: the connection's other end, or what a proxy on this machine says it was.

    Of an IPv6 address the network of its customer.
    """
    host = request.client.host if request.client is not None else ""
    found = _address(host)
    if found is not None and found.is_loopback:
        found = _address(_last_of(request.headers.getlist("x-forwarded-for"))) or found
    if found is None:
        return host
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, _OF_ONE_CUSTOMER), strict=False))
    return str(found)


def _last_of(lines: Sequence[str]) -> str:
    """The last entry of a list, which the proxy wrote: lines of one name are one list (RFC 9110 5.3).

    Entries of nothing are none (5.6.1).
    """
    entries = (entry.strip() for entry in ",".join(lines).split(","))
    return next((entry for entry in reversed(list(entries)) if entry), "")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
