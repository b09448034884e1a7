"""An http or https address that was thought about: of a plain host, in visible ASCII. Pure.

Whoever takes one says besides what may stand behind the host.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

_match_visible = re.compile(r"[!-~]+").fullmatch
# nowhere in an address (RFC 3986 2): they would end it where it is quoted, or are read as others by some
_NEVER: Final = frozenset('"<>\\^`{|}')
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# the last label is no number: that would be an IPv4 address, and is none
_match_name = re.compile(rf"(?:{_LABEL}\.)*(?!(?:[0-9]+|0[xX][0-9A-Fa-f]*)$){_LABEL}").fullmatch
_match_place = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::[0-9]*)?").fullmatch
_match_path = re.compile(r"(?:/[A-Za-z0-9._~-]+)*/?").fullmatch
_NAME_MAX: Final = 253


class WrongUrl(ValueError):
    """No address that is taken. The message says what is wanted, and not what was given."""


def read_address(text: str) -> SplitResult:
    """An address in its parts: `https`, or `http` on this very machine to try things. Raises WrongUrl.

    The host is a name or an address, with a port or none, and without credentials.
    """
    if _match_visible(text) is None or not _NEVER.isdisjoint(text):
        raise WrongUrl("visible characters of ASCII, and none of those that no URL has")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise WrongUrl("a URL such as https://receiver.example/events") from None
    if parts.scheme not in {"https", "http"} or not host or port == 0:
        raise WrongUrl("a URL such as https://receiver.example/events")
    if "@" in parts.netloc:
        raise WrongUrl("no name and no password in it")
    place = _match_place(parts.netloc)
    if place is None or not _is_host(place["host"], host):
        raise WrongUrl("a URL with the name or the address of a host")
    if parts.scheme == "http" and not is_loopback(host):
        raise WrongUrl("https; http only on this machine itself")
    return parts


def is_plain_path(path: str) -> bool:
    """Whether a path has one reading alone: no escapes, no empty part, none that leads back."""
    return _match_path(path) is not None and not {".", ".."} & set(path.split("/"))


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _is_host(written: str, host: str) -> bool:
    if written.startswith("["):
        return ":" in host and _is_address(host)
    return _is_address(host) or (len(host) <= _NAME_MAX and _match_name(host) is not None)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
