"""A cable to a server that can be cut without a word: what goes in goes nowhere, and nobody is told."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

CHUNK = 1 << 16


class Cable:
    """Listens on a port of this machine, and hands on to the Unix socket of a server."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._is_cut = False
        # those that were cut stay so: their packets are gone
        self._ends: list[_Pair] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Swallow everything from now on, also of whoever connects anew."""
        self._is_cut = True
        for pair in self._ends:
            pair.is_cut = True

    def mend(self) -> None:
        """Let whoever connects from now on through. What was cut stays cut."""
        self._is_cut = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._listening.close()
        for pair in self._ends:
            pair.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            pair = _Pair(near, far, self._is_cut)
            self._ends.append(pair)
            try:
                far.connect(str(self._server))
            except OSError:
                pair.close()
                continue
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=pair.pump, args=(source, target), daemon=True).start()


class _Pair:
    """Both ends of one connection."""

    def __init__(self, near: socket.socket, far: socket.socket, is_cut: bool) -> None:
        self._near, self._far = near, far
        self.is_cut = is_cut

    def pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(CHUNK):
                if not self.is_cut:
                    target.sendall(content)
        # an end that hangs up is not heard at the other one either
        if not self.is_cut:
            self.close()

    def close(self) -> None:
        for end in (self._near, self._far):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
