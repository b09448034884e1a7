"""One message sent over HTTP: bounded in time, no redirect followed, of the answer only its head read.

Each step (looking up the host, connecting, shaking hands, saying, reading) gets what is left of the whole
time and no more, so no receiver can make a message last longer by doing a little now and then.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from typing import Any, Final
from urllib.parse import SplitResult

from ledger.addresses import WrongUrl
from ledger.events.addresses import read_url
from ledger.version import VERSION

STEP_SECONDS: Final = 10.0
"""How long looking up a host, connecting, and each wait for a byte, may take."""

WHOLE_SECONDS: Final = 20.0
"""How long a message may take altogether, also with a receiver that says a byte now and then."""

TAKEN: Final = range(200, 300)

_HEAD_MAX: Final = 65_536
_READ_BYTES: Final = 4_096
_find_end = re.compile(rb"\r?\n\r?\n").search
_match_status = re.compile(rb"HTTP/1\.[0-9] ([1-9][0-9][0-9])(?: [^\r\n]*)?\r?\n").match
_PORTS: Final = {"https": 443, "http": 80}
_SWITCHING: Final = 101
# family, type, protocol, and what connect() takes
_Target = tuple[Any, Any, int, Any]


class _CutOff(Exception):
    """What came is no whole answer."""


class _Time:
    """The time of one message."""

    def __init__(self) -> None:
        self._end = time.monotonic() + WHOLE_SECONDS

    def of_step(self) -> float:
        """The seconds that the next step may take. Raises TimeoutError when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(STEP_SECONDS, left)


def send(url: str, headers: Mapping[str, str], body: bytes) -> str:
    """Post a body; what came of it: the status, else `timeout`, `tls`, `unreachable` or `cut_off`.

    Of the answer nothing is kept. A proxy of the environment is not asked.
    """
    left = _Time()
    try:
        parts = read_url(url)
        with closing(_connected(parts, left)) as connection:
            _say(connection, _request(parts, headers, body), left)
            return _status(connection, left)
    except TimeoutError:
        return "timeout"
    except ssl.SSLError:
        return "tls"
    except (ConnectionRefusedError, socket.gaierror, WrongUrl):
        return "unreachable"
    except (OSError, _CutOff):
        return "cut_off"


def was_taken(result: str) -> bool:
    """Whether the receiver said that it has the message."""
    return result.isdigit() and int(result) in TAKEN


def _looked_up(host: str, port: int, left: _Time) -> list[_Target]:
    """Where a host is. The system's look-up cannot be given up, so it is left to a thread that may be."""
    found: list[_Target] = []
    faults: list[OSError] = []

    def look_up() -> None:
        try:
            for family, kind, protocol, _name, address in socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            ):
                found.append((family, kind, protocol, address))
        except OSError as fault:
            faults.append(fault)
        except UnicodeError:
            # a name that no host can have
            faults.append(socket.gaierror("no name"))

    thread = threading.Thread(target=look_up, name="webhook-host", daemon=True)
    thread.start()
    thread.join(left.of_step())
    if thread.is_alive():
        raise TimeoutError
    if faults:
        raise faults[0]
    return found


def _connected(parts: SplitResult, left: _Time) -> socket.socket:
    host = parts.hostname or ""
    fault: OSError = socket.gaierror("no address")
    for family, kind, protocol, address in _looked_up(host, parts.port or _PORTS[parts.scheme], left):
        plain = socket.socket(family, kind, protocol)
        try:
            plain.settimeout(left.of_step())
            plain.connect(address)
        except OSError as one:
            plain.close()
            fault = one
            continue
        return plain if parts.scheme == "http" else _shaken(plain, host, left)
    raise fault


def _shaken(plain: socket.socket, host: str, left: _Time) -> ssl.SSLSocket:
    """The same connection with TLS, of which the certificate was checked; closed where it comes to none."""
    with ExitStack() as held:
        held.callback(plain.close)
        context = ssl.create_default_context()
        tls = context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
        # the plain socket has handed its connection over
        held.callback(tls.close)
        # the whole handshake, however many bytes it comes in
        tls.settimeout(left.of_step())
        tls.do_handshake()
        held.pop_all()
    return tls


def _request(parts: SplitResult, headers: Mapping[str, str], body: bytes) -> bytes:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    said = {
        "Host": parts.netloc,
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "User-Agent": f"medical-account-ledger/{VERSION}",
        "Connection": "close",
        **headers,
    }
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in said.items()), "", ""]
    return "\r\n".join(lines).encode("ascii") + body


def _say(connection: socket.socket, said: bytes, left: _Time) -> None:
    rest = memoryview(said)
    while rest:
        connection.settimeout(left.of_step())
        rest = rest[connection.send(rest) :]


def _status(connection: socket.socket, left: _Time) -> str:
    """The status of an answer whose head came wholly: one that was cut off may have been another."""
    head = bytearray()
    while True:
        seen = 0
        while (end := _find_end(head, max(0, seen - 3))) is None:
            seen = len(head)
            if seen > _HEAD_MAX:
                raise _CutOff
            connection.settimeout(left.of_step())
            more = connection.recv(_READ_BYTES)
            if not more:
                raise _CutOff
            head += more
        status = _match_status(head)
        if status is None:
            raise _CutOff
        number = int(status[1])
        if number >= TAKEN.start or number == _SWITCHING:
            return str(number)
        # what is said on the way to the answer
        del head[: end.end()]
