"""One message sent over HTTP: bounded in time, no redirect followed, of the answer only the status read."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import closing, suppress
from typing import Final

from ledger.events.addresses import read_url
from ledger.version import VERSION

STEP_SECONDS: Final = 10.0
"""How long connecting, and each wait for a byte, may take."""

WHOLE_SECONDS: Final = 20.0
"""How long a message may take altogether, also with a receiver that says a byte now and then."""

TAKEN: Final = range(200, 300)


def send(url: str, headers: Mapping[str, str], body: bytes) -> str:
    """Post a body; what came of it: the status, else `timeout`, `tls`, `unreachable` or `cut_off`.

    Of the answer nothing is kept. A proxy of the environment is not asked.
    """
    parts = read_url(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, parts.port, timeout=STEP_SECONDS, context=context)
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=STEP_SECONDS)
    over = threading.Event()
    watch = threading.Timer(WHOLE_SECONDS, _give_up, (connection, over))
    watch.daemon = True
    with closing(connection):
        watch.start()
        try:
            sent = {
                "Content-Type": "application/json",
                "User-Agent": f"medical-account-ledger/{VERSION}",
                "Connection": "close",
            }
            connection.request("POST", target, body, sent | dict(headers))
            return f"{connection.getresponse().status:03d}"
        except TimeoutError:
            return "timeout"
        except ssl.SSLError:
            return "timeout" if over.is_set() else "tls"
        except (ConnectionRefusedError, socket.gaierror):
            return "unreachable"
        except (OSError, http.client.HTTPException, ValueError):
            # `ValueError`: a socket that was given up
            return "timeout" if over.is_set() else "cut_off"
        finally:
            watch.cancel()


def was_taken(result: str) -> bool:
    """Whether the receiver said that it has the message."""
    return result.isdigit() and int(result) in TAKEN


def _give_up(connection: http.client.HTTPConnection, over: threading.Event) -> None:
    """Wake whoever waits for this connection."""
    over.set()
    if connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
