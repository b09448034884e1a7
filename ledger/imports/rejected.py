"""The files beside a file: of the rejected lines number, code and reason of each, and the field that has to
be corrected; of those that wait for a second person the approval.

It goes back to whoever sent the lines, so what stood in that field may stand in it; the rest of the line
never.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, ClassVar

from ledger.csv_out import csv_line
from ledger.imports.reasons import reason
from ledger.imports.summary import Rejected, WaitingLine

HEADER = "line,code,reason,column,value,expected"


class ImportProblem(Exception):
    """An import cannot begin or cannot go on. What is posted stays; started again, it goes on."""


class NoFile(ImportProblem):
    """What was named is no file that can be read, or no directory that can be written to."""


# what comes of the name alone: it will be the same until another is given, or the file is put there
_OF_THE_NAME = frozenset(
    {errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.EACCES, errno.ENAMETOOLONG, errno.ELOOP}
)


def unusable(path: Path, error: OSError) -> ImportProblem:
    """What the system says of a file or directory, in one line."""
    kind = NoFile if error.errno in _OF_THE_NAME else ImportProblem
    return kind(f"{path}: {error.strerror}")


class ListOfLines:
    """Written beside its final name and moved there in one step, so that it is never half a list.

    The draft is locked while the import runs: a second import of the same file at the same time is refused.
    """

    header: ClassVar[str]

    def __init__(self, path: Path) -> None:
        """Open the list of an import. Raises ImportProblem when it cannot be written, or is being written."""
        self.path = path
        self._draft = path.with_name(f".{path.name}.draft")
        try:
            self._file = self._open()
            self._file.truncate(0)
            self._file.write(f"{self.header}\n")
        except OSError as error:
            raise unusable(self.path.parent, error) from None
        self.count = 0

    def _open(self) -> IO[str]:
        while True:
            file = self._draft.open("a", encoding="utf-8")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._draft.stat().st_ino == os.fstat(file.fileno()).st_ino:
                    return file
            except BlockingIOError:
                file.close()
                raise ImportProblem("another import of this file is running") from None
            except FileNotFoundError:
                pass
            # the other import ended between our two steps, and took its draft away
            file.close()

    def write(self, cells: Sequence[object]) -> None:
        self._file.write(csv_line(cells))
        self.count += 1

    def keep(self) -> Path | None:
        """End the list: move it to its name, or away with it when nothing stands in it."""
        try:
            if self.count:
                self._file.flush()
                os.fsync(self._file.fileno())
                self._draft.replace(self.path)
                return self.path
            self._draft.unlink()
            # an older list would speak of lines that are posted by now
            self.path.unlink(missing_ok=True)
            return None
        except OSError as error:
            raise ImportProblem(f"{self.path}: {error.strerror}") from None
        finally:
            self._file.close()

    def drop(self) -> None:
        """Leave without a list: the import did not come to its end."""
        if not self._file.closed:
            self._draft.unlink(missing_ok=True)
            self._file.close()


class RejectedLines(ListOfLines):
    """The lines that were not taken, and why."""

    header = HEADER

    def add(self, refused: Iterable[Rejected]) -> None:
        """Append lines; in order of number within one call."""
        for one in sorted(refused):
            self.write((one.line, one.code, reason(one.code), one.column, one.value, one.expected))


class WaitingLines(ListOfLines):
    """The lines that wait for a second person, each with its approval."""

    header = "line,approval"

    def add(self, waiting: Iterable[WaitingLine]) -> None:
        """Append lines; in order of number within one call."""
        for one in sorted(waiting):
            self.write(one)
