"""What a run that HTTP started has written: kept in one file a run, without ID numbers, and never large."""

from __future__ import annotations

import io
import os
import stat
from contextlib import suppress
from pathlib import Path

from ledger.people.id_numbers import mask_in_text

BYTES_MAX = 256 * 1024
# of a line that is told as the reason of a failure
LINE_TOLD_MAX = 300
LEFT_OUT = "… what came before is left out\n"


def open_output(data: Path, name: str) -> int:
    """The file of a run in the data directory, as a descriptor, with what earlier ones have written."""
    folder = data / "runs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(folder / f"{name}.log", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)


def last_line(data: Path, name: str) -> str:
    """The last line that a run has written, masked as it stands there; nothing when there is none."""
    try:
        text = (data / "runs" / f"{name}.log").read_text(encoding="utf-8", errors="replace")
    except OSError:
        # its output was not kept, which was said when it began
        return ""
    lines = text.split("\n")
    return next((line.strip()[:LINE_TOLD_MAX] for line in reversed(lines) if line.strip()), "")


class KeptOutput(io.TextIOBase):
    """A text stream into such a file. Lines go in whole and masked; of too many the newest stay."""

    def __init__(self, descriptor: int, bytes_max: int = BYTES_MAX) -> None:
        self._file = descriptor
        self._bytes_max = bytes_max
        self._line = ""
        # without a data directory it goes nowhere
        self._is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._line = f"{self._line}{text}".split("\n")
        for line in lines:
            self._keep(f"{line}\n")
        # a line without an end is not kept waiting for ever
        if len(self._line) > self._bytes_max:
            self._end_line()
        return len(text)

    def begin_anew(self) -> None:
        """Let go of what earlier runs have written."""
        if self._is_file:
            os.ftruncate(self._file, 0)

    def close(self) -> None:
        if not self.closed and self._line:
            self._end_line()
        super().close()

    def _end_line(self) -> None:
        line, self._line = self._line, ""
        self._keep(f"{line}\n")

    def _keep(self, line: str) -> None:
        """Keep a line; where there is no room for it, it is lost, and the run that told it goes on."""
        with suppress(OSError):
            self._write(line)

    def _write(self, line: str) -> None:
        kept = mask_in_text(line).encode(errors="backslashreplace")[-self._bytes_max // 2 :]
        if self._is_file and os.fstat(self._file).st_size + len(kept) > self._bytes_max:
            self._halve()
        os.write(self._file, kept)

    def _halve(self) -> None:
        """Keep the newer part, from the beginning of a line."""
        size = os.fstat(self._file).st_size
        newer = os.pread(self._file, self._bytes_max // 4, max(size - self._bytes_max // 4, 0))
        os.ftruncate(self._file, 0)
        os.write(self._file, LEFT_OUT.encode() + newer[newer.find(b"\n") + 1 :])
