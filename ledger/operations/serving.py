"""How the service is started: one process, by import string; settings reach it as environment."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress

import uvicorn

from ledger.operations.installation import NotReady, open_ledger
from ledger.settings import Settings, tune_process

APP = "api.main:app"
# holds callers to what they may send before anybody knows who they are
CONNECTION = "api.http.connection:Connection"
GRACE_SECONDS = 20
BACKLOG = 2048


class Taken(Exception):
    """The address cannot be listened on."""


def check(settings: Settings) -> None:
    """Raise what stands against serving: keys or policies missing, a database that is not ready."""
    open_ledger(settings).engine.dispose()
    if not settings.jwks_file.is_file():
        raise NotReady(
            f"no {settings.jwks_file}: put the public keys of your identity provider there, as a JWKS"
        )


def listen(settings: Settings) -> socket.socket:
    """Take the address before anything else is done. Raises Taken."""
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
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
        raise Taken(f"{settings.host}:{settings.port}: {error.strerror}") from None


def run(settings: Settings, taken: socket.socket, announce: Callable[[str], None], log_level: str) -> bool:
    """Serve until a signal comes; False when the service could not start.

    `announce` is told the address once calls are answered there.
    """
    os.environ.update(settings.environment())
    config = uvicorn.Config(
        APP,
        http=CONNECTION,
        loop="uvloop",
        ws="none",
        log_level=log_level,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    config.load()
    tune_process()
    host, port = taken.getsockname()[:2]
    server = _Server(config, lambda: announce(f"http://{f'[{host}]' if ':' in host else host}:{port}"))
    with suppress(KeyboardInterrupt):
        server.run(sockets=[taken])
    return server.started


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._announce()
