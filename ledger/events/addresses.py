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
_match_host = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?").fullmatch


class WrongUrl(ValueError):
    """An address that nothing is sent to. The message says what is wanted, and not what was given."""


def read_url(text: str) -> SplitResult:
    """An address in its parts. Raises WrongUrl.

    `https`, or `http` on this very machine to try things; in ASCII, with a host, without credentials and
    without a fragment.
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
    if not _is_address(host) and _match_host(host) is None:
        raise WrongUrl("a URL with the name or the address of a host")
    if parts.scheme == "http" and not is_loopback(host):
        raise WrongUrl("https; http only on this machine itself")
    return parts


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
