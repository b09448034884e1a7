"""Where a webhook may be sent to: an address that was thought about, and that nobody can read along. Pure.

Addresses in private networks are taken: this is a back office, and those who are told are its own systems.
Only an administrator can name one, and what is answered is shown to nobody.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult

from ledger.addresses import WrongUrl, read_address

URL_MAX: Final = 1_000
_PORTS: Final = {"https": 443, "http": 80}


def read_url(text: str) -> SplitResult:
    """An address in its parts, of which one receiver has one spelling: `geturl()` of it. Raises WrongUrl.

    `https`, or `http` on this very machine to try things; in ASCII, with a host, without credentials and
    without a fragment. Scheme and host are written small, a usual port not at all, no path as `/`.
    """
    if not 0 < len(text) <= URL_MAX:
        raise WrongUrl(f"1 to {URL_MAX} visible characters of ASCII")
    parts = read_address(text)
    if "#" in text:
        raise WrongUrl("no fragment")
    host = parts.hostname or ""
    written = f"[{ip_address(host).compressed}]" if ":" in host else host
    shown = "" if parts.port in {None, _PORTS[parts.scheme]} else f":{parts.port}"
    parts = parts._replace(netloc=written + shown, path=parts.path or "/")
    if len(parts.geturl()) > URL_MAX:
        raise WrongUrl(f"1 to {URL_MAX} visible characters of ASCII")
    return parts
