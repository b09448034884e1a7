"""The one font of printed documents: where it lies, which characters it has, how wide they are at most.

It is the package `manimgx-fonts-cjk` (Noto Sans CJK, variable), pinned: no font of the machine is looked at,
so that a document looks alike wherever it is made.
"""

from __future__ import annotations

import functools
import importlib.util
import mmap
import struct
import unicodedata
from pathlib import Path
from typing import Final

from ledger.unseen import IS_DIRECTION, UNSEEN

FONT_PACKAGE: Final = "manimgx-fonts-cjk"
FAMILY: Final = "Noto Sans CJK SC"
_MODULE: Final = "manimgx_fonts_cjk"
_FILE: Final = "NotoSansCJK-VF.otf.ttc"
# the face of simplified Chinese in the collection
_FACE: Final = 2
_NEVER_SEEN: Final = (*UNSEEN, *IS_DIRECTION)

EM: Final = 1000
"""The unit of widths: thousandths of the size."""

# The wider of regular and bold, as measured. What is not here is taken to be as wide as a Chinese character.
_ASCII_WIDTHS: Final = (
    # blank to slash
    227, 370, 574, 590, 590, 963, 740, 325, 378, 378, 507, 590, 325, 370, 325, 392,
    # digits to question mark
    590, 590, 590, 590, 590, 590, 590, 590, 590, 590, 325, 325, 590, 590, 590, 514,
    # at sign to O
    1007, 641, 681, 656, 714, 615, 585, 717, 757, 330, 568, 686, 578, 853, 749, 770,
    # P to low line
    667, 770, 682, 624, 625, 748, 619, 915, 627, 580, 613, 378, 392, 378, 590, 567,
    # grave to o
    626, 591, 644, 527, 644, 581, 372, 597, 640, 304, 306, 604, 315, 964, 641, 626,
    # p to tilde
    644, 644, 437, 495, 421, 637, 576, 863, 562, 574, 511, 378, 296, 378, 590,
)  # fmt: skip
# what is wider than a Chinese character
_WIDE: Final = {
    "\u0428": 1034, "\u0429": 1050, "\u042e": 1080, "\u2116": 1090, "\u2e3a": 1720, "\u2e3b": 2520,
    "\u302e": 1260, "\u302f": 1260, "\ufb03": 1040, "\ufb04": 1050,
}  # fmt: skip
_WIDTHS: Final = {chr(0x20 + place): width for place, width in enumerate(_ASCII_WIDTHS)} | _WIDE


def font_folder() -> Path:
    """The folder of the font. RuntimeError where the package is missing."""
    found = importlib.util.find_spec(_MODULE)
    if found is None or found.origin is None:
        raise RuntimeError(f"the package {FONT_PACKAGE} is not installed")
    return Path(found.origin).parent


def width_of(text: str) -> int:
    """How wide a text is at most, in thousandths of its size."""
    known = _WIDTHS.get
    return sum([known(character, EM) for character in text])


def visible(text: str) -> str:
    """The text as it can be printed: what the font does not have, or nobody sees, as its number, [U+202E]."""
    if text.isascii() and text.isprintable():
        return text
    drawn = drawable()
    if drawn.issuperset(text):
        return text
    return "".join(one if one in drawn else f"[U+{ord(one):04X}]" for one in text)


@functools.cache
def drawable() -> frozenset[str]:
    """Every character that the font draws, and the blanks that it leaves."""
    with (
        (font_folder() / _FILE).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as font,
    ):
        groups = _character_groups(font)
    has = {code for first, last in groups for code in range(first, last + 1)}
    for first, last in _NEVER_SEEN:
        has.difference_update(range(first, last + 1))
    return frozenset(one for one in map(chr, has) if unicodedata.category(one)[0] != "C")


def _character_groups(font: mmap.mmap) -> list[tuple[int, int]]:
    """The ranges of characters of the face, both ends included: table cmap, format 12 (OpenType)."""
    (face,) = struct.unpack_from(">I", font, 12 + 4 * _FACE)
    (tables,) = struct.unpack_from(">H", font, face + 4)
    for place in range(tables):
        tag, _sum, start, _length = struct.unpack_from(">4sIII", font, face + 12 + 16 * place)
        if tag == b"cmap":
            break
    else:
        raise RuntimeError("the font has no table of characters")
    (encodings,) = struct.unpack_from(">H", font, start + 2)
    for place in range(encodings):
        _platform, _encoding, offset = struct.unpack_from(">HHI", font, start + 4 + 8 * place)
        if struct.unpack_from(">H", font, start + offset) == (12,):
            break
    else:
        raise RuntimeError("the font has no table of all characters")
    (count,) = struct.unpack_from(">I", font, start + offset + 12)
    groups: list[tuple[int, int]] = []
    for place in range(count):
        first, last, _glyph = struct.unpack_from(">III", font, start + offset + 16 + 12 * place)
        groups.append((first, last))
    return groups
