"""Several processes behind one listening socket, looked after by the server's own supervisor.

The process that was started takes the address and loads no app. Each worker is a process that is started
anew (not forked): it opens the installation, logs and tunes itself as a single process does.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.importer import import_from_string
from uvicorn.supervisors import Multiprocess

from ledger.operations.installation import NotReady
from ledger.people.sealing import KeysDiffer
from ledger.policy import PolicyError
from ledger.settings import SettingsError
from ledger.vault import KeyringError

LOG = "api.http.logs:log_to_stderr"
# a worker that says nothing for as long is taken for dead; its imports count, before it can say anything
HEALTH_SECONDS = 30
# how long one that starts is waited for before others, and signals, are looked at
READY_SECONDS = 1
# how long a worker without a parent may take to answer what it has begun
ORPHAN_SECONDS = 20
# told in one line; of all else the log needs the place
EXPECTED = (NotReady, KeysDiffer, PolicyError, SettingsError, KeyringError, OSError, SystemExit)

_log = logging.getLogger(__name__)


def end_in_order(seconds: float, code: int) -> None:
    """End this worker: calls that it has begun are answered, for `seconds` at most. From any thread."""
    last = threading.Timer(seconds, os._exit, (code,))
    last.daemon = True
    last.start()
    os.kill(os.getpid(), signal.SIGTERM)


class WorkerConfig(uvicorn.Config):
    """The server's configuration as it is handed to each worker. The environment says the rest."""

    def __init__(self, app: str, **more: object) -> None:
        super().__init__(app, timeout_worker_healthcheck=HEALTH_SECONDS, **more)  # type: ignore[arg-type]  # as they came

    def configure_logging(self) -> None:
        """Called first of all, by the parent and by each worker."""
        import_from_string(LOG)(os.environ.get("LEDGER_LOG_LEVEL") or "info")
        # it tells of each of its parts when it is imported, which is later than this
        logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)

    def load(self) -> None:
        """Load the app, in a worker. One that cannot says why in one line and is not tried again."""
        threading.Thread(target=_end_with_parent, name="ledger-parent", daemon=True).start()
        try:
            super().load()
        except (Exception, SystemExit) as error:  # noqa: BLE001  whatever it is, it ends the process
            unforeseen = not isinstance(error, EXPECTED)
            _log.critical("a worker cannot start: %s", error, exc_info=unforeseen)
            sys.exit(STARTUP_FAILURE)


def _end_with_parent() -> None:
    """Nobody would look after this worker, and it would keep the port from whoever is started next."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        _log.critical("the parent process is gone: this worker ends")
        end_in_order(ORPHAN_SECONDS, os.EX_SOFTWARE)


class Supervisor(Multiprocess):
    """Starts the workers, replaces one that dies, starts them anew one after the other on SIGHUP.

    `announce` is called once all of them answer. One that cannot start ends all.
    """

    def __init__(
        self, config: uvicorn.Config, sockets: list[socket.socket], announce: Callable[[], None]
    ) -> None:
        super().__init__(config, sockets)
        self._announce = announce
        # since when a worker, by its process, has said nothing
        self._silent_since: dict[int | None, float] = {}
        self.is_announced = False
        self.is_broken = False

    def keep_subprocess_alive(self) -> None:
        if self.should_exit.is_set():
            return
        if self.is_announced:
            if self._one_is_gone():
                super().keep_subprocess_alive()
                # it ends all when a new worker could not start
                self.is_broken = self.should_exit.is_set()
        elif any(worker.exitcode is not None for worker in self.processes):
            self.is_broken = True
            self.should_exit.set()
        elif all(worker.is_ready(READY_SECONDS) for worker in self.processes):
            self.is_announced = True
            self._announce()

    def _one_is_gone(self) -> bool:
        """Whether a worker has ended; one that has said nothing for HEALTH_SECONDS is ended here.

        The server's own look waits all that time for an answer, also for that of a worker that ends without
        one because it cannot start, and hears no signal meanwhile.
        """
        now, silent = time.monotonic(), {}
        for worker in self.processes:
            if worker.exitcode is None and not worker.ping(READY_SECONDS):
                since = silent[worker.pid] = self._silent_since.get(worker.pid, now)
                if now - since >= HEALTH_SECONDS:
                    worker.kill()
                    worker.join()
        self._silent_since = silent
        return any(worker.exitcode is not None for worker in self.processes)

    def terminate_all(self) -> None:
        super().terminate_all()
        # nobody takes what would wait here from now on
        for taken in self.sockets:
            taken.close()

    def handle_ttin(self) -> None:
        """How many there are is a setting; a shell sends this to what it has in the background."""

    def handle_ttou(self) -> None:
        """The same."""
