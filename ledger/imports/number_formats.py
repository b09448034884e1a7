"""Which number formats of a workbook show a number as something else (ECMA-376, part 1, 18.8.30)."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final


class Shows(Enum):
    """As what a number is shown: to a person it is that, whatever the file keeps."""

    NUMBER = auto()
    DAY = auto()
    PERCENT = auto()


# Days and times among the number formats that have a number only. 27 to 36 and 50 to 58 are the Chinese ones.
DAY_FORMATS: Final = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
PERCENT_FORMATS: Final = frozenset({9, 10})

# what stands in a code and is no format: a text in quotes, a colour, a condition or a language in brackets.
# Hours, minutes and seconds that go on counting stand in brackets too, and are a format.
_ASIDE = re.compile(r'".*?"|\[(?!hh?\]|mm?\]|ss?\])[^\]]*\]')
# numbers above, below and of zero come before it
_SECTION_OF_TEXT: Final = 3
# not the one that an underscore or a backslash makes a mere letter
_DAY_LETTER = re.compile(r"(?<![_\\])[dhmsyDHMSY]")


def shows_day(code: str) -> bool:
    """Whether a format code, such as `yyyy-mm-dd`, is one for days or times; its first section decides."""
    positive, _, _ = code.partition(";")
    return _DAY_LETTER.search(_ASIDE.sub("", positive)) is not None


def shows_percent(code: str) -> bool:
    """Whether a format code, such as `0.00%`, shows a hundred times what is stored."""
    positive, _, _ = code.partition(";")
    return "%" in _ASIDE.sub("", positive).replace("\\%", "").replace("_%", "")


# beside what is aside: what leaves as much room as a letter, fills a cell with one, or is a mere letter
_NOTHING_OF_IT = re.compile(r"[_*\\].|\s")


def hides_number(code: str) -> bool:
    """Whether a format code shows nothing of a number above zero, as `;;;` does; an empty one shows it."""
    positive, _, _ = _without_aside(code).partition(";")
    return bool(code) and not _NOTHING_OF_IT.sub("", positive)


def hides_text(code: str) -> bool:
    """Whether a format code shows nothing of a text: it has a fourth section, in which nothing stands."""
    sections = _without_aside(code).split(";")
    return len(sections) > _SECTION_OF_TEXT and not _NOTHING_OF_IT.sub("", sections[_SECTION_OF_TEXT])


def _without_aside(code: str) -> str:
    return _ASIDE.sub("", code)


def shown_as(code: str) -> Shows:
    """As what a format code shows a number."""
    if shows_day(code):
        return Shows.DAY
    return Shows.PERCENT if shows_percent(code) else Shows.NUMBER


def shown_by_number(number: int) -> Shows:
    """The same of a format that has a number only."""
    if number in DAY_FORMATS:
        return Shows.DAY
    return Shows.PERCENT if number in PERCENT_FORMATS else Shows.NUMBER
