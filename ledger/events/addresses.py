"""Where a webhook may be sent to: an address that was thought about, and that nobody can read along. Pure.

Addresses in private networks are taken: this is a back office, and those who are told are its own systems.
Only an administrator can name one, and what is answered is shown to nobody.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

URL_MAX: Final = 1_000
_match_visible = re.compile(rf"[!-~]{{1,{URL_MAX}}}").fullmatch
HOST_MAX: Final = 253
_match_place = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:]+))(?::[0-9]*)?").fullmatch
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# a last label that is a number makes an address of it, in one of many spellings
_match_host = re.compile(rf"(?:{_LABEL}\.)*(?!(?:[0-9]+|0x[0-9a-f]*)$){_LABEL}").fullmatch
_PORTS: Final = {"https": 443, "http": 80}


class WrongUrl(ValueError):
    """An address that nothing is sent to. The message says what is wanted, and not what was given."""


def read_url(text: str) -> SplitResult:
    """An address in its parts, of which one receiver has one spelling: `geturl()` of it. Raises WrongUrl.

    `https`, or `http` on this very machine to try things; in ASCII, with a host, without credentials and
    without a fragment. Scheme and host are written small, a usual port not at all, no path as `/`.
    """
    if _match_visible(text) is None or "\\" in text:
        raise WrongUrl(f"1 to {URL_MAX} visible characters of ASCII")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise WrongUrl("a URL such as https://receiver.example/events") from None
    if parts.scheme not in {"https", "http"} or not host or port == 0:
        raise WrongUrl("a URL such as https://receiver.example/events")
    if "@" in parts.netloc:
        raise WrongUrl("no name and no password in it: whoever receives it checks the signature")
    if "#" in text:
        raise WrongUrl("no fragment")
    written = _written(parts.netloc, host)
    if written is None:
        raise WrongUrl("a URL with the name or the address of a host")
    if parts.scheme == "http" and not is_loopback(host):
        raise WrongUrl("https; http only on this machine itself")
    shown = "" if port in {None, _PORTS[parts.scheme]} else f":{port}"
    parts = parts._replace(netloc=written + shown, path=parts.path or "/")
    if len(parts.geturl()) > URL_MAX:
        raise WrongUrl(f"1 to {URL_MAX} visible characters of ASCII")
    return parts


def _written(netloc: str, host: str) -> str | None:
    """A host as it is written; None for what is none."""
    place = _match_place(netloc)
    if place is None:
        return None
    if place["six"] is not None:
        return f"[{ip_address(host).compressed}]" if _is_address(host) and ":" in host else None
    named = len(host) <= HOST_MAX and _match_host(host) is not None
    return host if named or _is_address(host) else None


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
