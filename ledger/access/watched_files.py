"""Files that others change while the service runs: read as a whole or not at all, and looked at again."""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

BYTES_MAX: Final = 1 << 20
# a file is looked at no oftener, however often somebody asks
LOOK_SECONDS: Final = 1.0

ContentT = TypeVar("ContentT")
_log = logging.getLogger(__name__)


class WatchedFile(Generic[ContentT]):
    """A file and what was in it when it was last whole. `clock` counts seconds.

    `read` makes something of it, and raises `unfit` for what is none; `what` is how the log calls it.
    """

    def __init__(
        self,
        path: Path,
        read: Callable[[Path], ContentT],
        unfit: type[Exception],
        what: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read it for the first time. Raises what `read` does."""
        self._path = path
        self._read = read
        self._unfit = unfit
        self._what = what
        self._clock = clock
        self._look_at = clock() + LOOK_SECONDS
        self._stamp = _stamp(path)
        self.content = read(path)

    def has_changed(self) -> bool:
        """Whether there is something else in it than at the last call. Asks the disk once a second at most.

        One that is gone, half written or unfit changes nothing: that is said in the log, once.
        """
        now = self._clock()
        if now < self._look_at:
            return False
        self._look_at = now + LOOK_SECONDS
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            # one that was there does not go away unsaid
            self.content = self._read(self._path) if stamp else self._gone()
        except self._unfit as unfit:
            _log.warning(
                "%s has changed and was not taken, what it held before counts on: %s", self._what, unfit
            )
            return False
        _log.info("%s has changed, and was taken", self._what)
        return True

    def _gone(self) -> ContentT:
        raise self._unfit(f"{self._path}: gone")


def read_small(path: Path) -> bytes:
    """The content of a file. Raises OSError, and ValueError for what is no file, or one too large."""
    # not blocking, and not for ever: the name may be that of a pipe or a device
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("not a file")
        content = file.read(BYTES_MAX + 1)
    if len(content) > BYTES_MAX:
        raise ValueError("too large")
    return content


def _stamp(path: Path) -> tuple[int, ...]:
    """What changes with the file: none of it when there is none."""
    try:
        told = path.stat()
    except OSError:
        return ()
    return told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns
