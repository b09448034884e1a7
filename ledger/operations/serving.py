"""How the service is started, by import string: one process, or workers; settings reach it as environment."""

from __future__ import annotations

import logging
import multiprocessing
import os
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any, ClassVar

import uvicorn

from ledger.access.jwks import read_jwks
from ledger.access.revoked import read_revoked
from ledger.operations.installation import open_ledger
from ledger.operations.workers import Supervisor, WorkerConfig, end_in_order
from ledger.settings import Settings, tune_process

APP = "api.main:app"
# holds callers to what they may send before anybody knows who they are
CONNECTION = "api.http.connection:Connection"
GRACE_SECONDS = 20
BACKLOG = 2048
_ARGUMENTS: dict[str, Any] = {
    "http": CONNECTION,
    "loop": "uvloop",
    "ws": "none",
    # the app lets all lines be JSON, also the server's
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "proxy_headers": False,
    "backlog": BACKLOG,
    "timeout_graceful_shutdown": GRACE_SECONDS,
}

# how long callers have to be told, where nobody else ends the process
TELL_SECONDS = 1.0
# the exit code of a process that cannot go on, as sysexits.h has it for an internal fault
BROKEN = 70

_log = logging.getLogger(__name__)


class Taken(Exception):
    """The address cannot be listened on."""


class Broken(Exception):
    """The service ended because it could not go on. Whoever looks after it starts it again."""


def end_the_process() -> None:
    """A part without which nothing works is dead: end this process, in order where that goes, but surely.

    May be called from any thread. The exit code is not zero, so that a supervisor starts it again.
    """
    _log.critical("a writer has died: this process ends, so that it is started again")
    if multiprocessing.parent_process() is not None:
        end_in_order(GRACE_SECONDS + TELL_SECONDS, BROKEN)
        return
    seconds = TELL_SECONDS
    if _Server.running is not None:
        _Server.running.is_broken = _Server.running.should_exit = True
        seconds += GRACE_SECONDS
    last = threading.Timer(seconds, os._exit, (BROKEN,))
    last.daemon = True
    last.start()


def check(settings: Settings) -> None:
    """Raise what stands against serving: no keys or policies, none to verify tokens with, no database."""
    open_ledger(settings).engine.dispose()
    read_jwks(settings.jwks_file)
    read_revoked(settings.revoked_file, must_be_there=settings.revoked is not None)


def listen(settings: Settings) -> socket.socket:
    """Take the address before anything else is done. Raises Taken."""
    return _take(settings.host, settings.port, "--port or LEDGER_PORT names another port")


def _take(host: str, port: int, instead: str) -> socket.socket:
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with ExitStack() as on_failure:
            taken = on_failure.enter_context(socket.socket(family, kind, protocol))
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(address)
            # what comes before the service answers waits, and is not sent away
            taken.listen(BACKLOG)
            on_failure.pop_all()
            return taken
    except OSError as error:
        raise Taken(f"{host}:{port}: {error.strerror}; {instead}") from None


def address_of(taken: socket.socket) -> str:
    """Where calls to a socket go, as a URL."""
    host, port = taken.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def run(
    settings: Settings,
    taken: socket.socket,
    announce: Callable[[str], None],
    log_level: str,
    *,
    app: str = APP,
) -> bool:
    """Serve until a signal comes; False when the service could not start. Raises Broken and Taken.

    `announce` is told the address once calls are answered there. `log_level` is what is logged where no
    setting says so. `app` is what is served, by import string.
    """
    settings = replace(settings, log_level=settings.log_level or log_level)
    os.environ.update(settings.environment())
    for address in settings.metrics_sockets:
        # a worker waits for one that is free, so that one that never is would be told by nobody; and the
        # one process there is would end while it starts, with a fault and not with a line
        _take(*address, "LEDGER_METRICS_ADDRESS names another address").close()

    def told() -> None:
        announce(address_of(taken))

    if settings.workers > 1:
        return _run_workers(settings, taken, told, app)
    config = uvicorn.Config(app, **_ARGUMENTS)
    config.load()
    tune_process()
    server = _Server(config, told)
    with suppress(KeyboardInterrupt):
        server.run(sockets=[taken])
    if server.is_broken:
        raise Broken("a writer has died, see the log; start the service again")
    return server.started


def _run_workers(settings: Settings, taken: socket.socket, announce: Callable[[], None], app: str) -> bool:
    """The same by several processes, of which this is none."""
    supervisor = Supervisor(WorkerConfig(app, **_ARGUMENTS, workers=settings.workers), [taken], announce)
    if not settings.metrics_sockets:
        _log.warning("no /metrics: with several workers LEDGER_METRICS_ADDRESS has to say where")
    supervisor.run()
    if supervisor.is_broken and supervisor.is_announced:
        raise Broken("a worker could not be replaced, see the log; start the service again")
    return supervisor.is_announced


class _Server(uvicorn.Server):
    # the one of this process
    running: ClassVar[_Server | None] = None

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce
        self.is_broken = False
        type(self).running = self

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._announce()
