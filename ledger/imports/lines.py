"""The text of a file: its lines, one at a time in bounded memory, whatever its encoding and its line ends.

A record is one line: no column has a place for a line end, and a quote that is never closed must not swallow
the rest of the file.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from ledger.imports.encodings import GB18030, UTF_8, Survey

LINE_BYTES_MAX: Final = 64 * 1024
_BLOCK_BYTES: Final = 64 * 1024
# a tab may part fields; between other separators it is refused where it stands
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
# with which old programs end a file
_END_OF_FILE: Final = "\x1a"
_ENDS: Final = {False: re.compile("\r?\n"), True: re.compile("\r\n?|\n")}


class TextLine(NamedTuple):
    """One line of a file. `text` is None for no text: too long, control characters, cut bytes."""

    number: int
    text: str | None
    # whether a line end follows; only the last line may lack it
    terminated: bool
    # where the next line begins, in bytes
    end: int


def read_lines(file: BinaryIO, seen: Survey, after: tuple[int, int] | None = None) -> Iterator[TextLine]:
    """The lines of a file; numbers as an editor shows them.

    From its beginning, or `after` a line: its number, and where the next one begins, in bytes.
    """
    number, end = (0, seen.mark) if after is None else after
    file.seek(end)
    if seen.encoding in {UTF_8, GB18030} and not seen.cr_lines:
        return _by_bytes(file, seen.encoding, number, end)
    return _by_characters(file, seen.encoding, number, end, seen.cr_lines)


def _by_bytes(file: BinaryIO, encoding: str, number: int, end: int) -> Iterator[TextLine]:
    """Lines that end in LF or CRLF, of an encoding in which these bytes are nothing else."""
    while raw := file.readline(LINE_BYTES_MAX):
        number += 1
        end += len(raw)
        text: str | None = None
        whole = raw
        if len(raw) == LINE_BYTES_MAX and not raw.endswith(b"\n"):
            while whole and not whole.endswith(b"\n"):
                whole = file.readline(LINE_BYTES_MAX)
                end += len(whole)
        else:
            try:
                text = raw.decode(encoding)
            except UnicodeDecodeError:
                pass
            else:
                text = text.removesuffix("\n").removesuffix("\r")
                if not raw.endswith(b"\n"):
                    text = text.removesuffix(_END_OF_FILE)
                if _CONTROL.search(text) is not None:
                    text = None
        yield TextLine(number, text, whole.endswith(b"\n"), end)


def _by_characters(
    file: BinaryIO, encoding: str, number: int, end: int, cr_lines: bool
) -> Iterator[TextLine]:
    """Lines of UTF-16, and such as end in CR: found in the text, and measured by writing them again."""
    # half a pair of UTF-16 is read as such, so that it costs its own line and no other
    errors = "strict" if encoding == GB18030 else "surrogatepass" if encoding != UTF_8 else "surrogateescape"
    decoder = codecs.getincrementaldecoder(encoding)("replace" if encoding == GB18030 else errors)
    rest = ""
    too_long = 0

    def made(text: str, ending: str) -> TextLine:
        nonlocal number, end, too_long
        number += 1
        end += too_long + len((text + ending).encode(encoding, errors))
        good = not too_long and len(text) < LINE_BYTES_MAX
        too_long = 0
        return TextLine(number, _whole(text) if good else None, bool(ending), end)

    while True:
        block = file.read(_BLOCK_BYTES)
        rest += decoder.decode(block, not block) if _is_whole(block, encoding) else ""
        start = 0
        for found in _ENDS[cr_lines].finditer(rest):
            if block and found.end() == len(rest) and found[0] == "\r":
                break  # the LF of it may be about to come
            yield made(rest[start : found.start()], found[0])
            start = found.end()
        rest = rest[start:]
        if not block:
            break
        if len(rest) >= LINE_BYTES_MAX:
            kept = rest[-1:] if rest.endswith("\r") else ""
            cut = rest[: len(rest) - len(kept)]
            too_long += len(cut.encode(encoding, errors))
            rest = kept
    if rest or too_long:
        yield made(rest, "")


def _is_whole(block: bytes, encoding: str) -> bool:
    """Whether a decoder can be told that this is the end: a unit of UTF-16 that was cut has no character."""
    return bool(block) or encoding in {UTF_8, GB18030}


def _whole(text: str) -> str | None:
    """The text of a line, None for one with characters that are none."""
    if _CONTROL.search(text) is not None or any("\ud800" <= one <= "\udfff" for one in text):
        return None
    return text
