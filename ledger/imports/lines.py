"""The text of a file: which encoding it has, and its lines, one at a time in bounded memory.

A record is one line: no column has a place for a line end, and a quote that is never closed must not swallow
the rest of the file.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO, Final, NamedTuple

from ledger.refusals import RefusalCode, Refused

LINE_BYTES_MAX: Final = 64 * 1024
_BLOCK_BYTES: Final = 1024 * 1024
_BOM: Final = codecs.BOM_UTF8
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_NOT_ASCII = re.compile("[^\x00-\x7f]")

UTF_8: Final = "utf-8"
GBK: Final = "gbk"


class TextLine(NamedTuple):
    """One line of a file. `text` is None for no text: too long, control characters, cut bytes."""

    number: int
    text: str | None
    # whether a line end follows; only the last line may lack it
    terminated: bool
    # where the next line begins, in bytes
    end: int


@dataclass(frozen=True, slots=True)
class Survey:
    """What a first reading tells: the encoding, the digest of the content, its size in bytes."""

    encoding: str
    digest: str
    size: int


def file_invalid(problem: str) -> Refused:
    return Refused(RefusalCode.FILE_INVALID, problem=problem)


def survey(file: BinaryIO) -> Survey:
    """Read a file once. Refused (file_invalid) when it is empty, or neither UTF-8 nor GBK."""
    digest = sha256()
    size = 0
    strict = codecs.getincrementaldecoder(UTF_8)("strict")
    is_utf_8 = True
    while block := file.read(_BLOCK_BYTES):
        if size == 0 and block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise file_invalid("the file is UTF-16; save it as UTF-8")
        size += len(block)
        digest.update(block)
        if is_utf_8:
            try:
                # never told that it is the end: a character cut there is a cut line, not another encoding
                strict.decode(block)
            except UnicodeDecodeError:
                is_utf_8 = False
    if size == 0:
        raise file_invalid("the file is empty")
    if not is_utf_8:
        file.seek(0)
        _require_gbk(file)
    return Survey(UTF_8 if is_utf_8 else GBK, digest.hexdigest(), size)


def _require_gbk(file: BinaryIO) -> None:
    """Refuse what is not GBK, also what merely decodes as such: most Big5 and Shift-JIS text does."""
    strict = codecs.getincrementaldecoder(GBK)("strict")
    seen: Counter[str] = Counter()
    wrong = file_invalid("the file is neither UTF-8 nor GBK; save it as UTF-8")
    while block := file.read(_BLOCK_BYTES):
        try:
            seen.update(_NOT_ASCII.findall(strict.decode(block)))
        except UnicodeDecodeError:
            raise wrong from None
    characters = common = common_in_big5 = 0
    for character, times in seen.items():
        first, second = character.encode(GBK)
        if first in {0xA1, 0xA3}:
            continue  # a middle dot, a full-width form: in use everywhere
        characters += times
        # the characters of GB 2312, and those that Big5 has in this place for its common ones
        common += times * (0xB0 <= first <= 0xF7 and second >= 0xA1)
        common_in_big5 += times * (0xA4 <= first <= 0xC6 and (second <= 0x7E or second >= 0xA1))
    if 2 * common < characters or common < common_in_big5:
        raise wrong


def read_lines(file: BinaryIO, encoding: str, after: tuple[int, int] | None = None) -> Iterator[TextLine]:
    """The lines of a file; numbers as an editor shows them.

    From its beginning, or `after` a line: its number, and where the next one begins, in bytes.
    """
    if after is None:
        file.seek(0)
        number, end = 0, len(_BOM) if file.read(len(_BOM)) == _BOM else 0
    else:
        number, end = after
    file.seek(end)
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
                if _CONTROL.search(text) is not None:
                    text = None
        yield TextLine(number, text, whole.endswith(b"\n"), end)
