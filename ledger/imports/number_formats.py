"""Which number formats of a workbook show a number as a day or a time (ECMA-376, part 1, 18.8.30)."""

from __future__ import annotations

import re
from typing import Final

# Days and times among the number formats that have a number only. 27 to 36 and 50 to 58 are the Chinese ones.
DAY_FORMATS: Final = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})

# what stands in a code and is no format: a text in quotes, a colour, a condition or a language in brackets.
# Hours, minutes and seconds that go on counting stand in brackets too, and are a format.
_ASIDE = re.compile(r'".*?"|\[(?!hh?\]|mm?\]|ss?\])[^\]]*\]')
# not the one that an underscore or a backslash makes a mere letter
_DAY_LETTER = re.compile(r"(?<![_\\])[dhmsyDHMSY]")


def shows_day(code: str) -> bool:
    """Whether a format code, such as `yyyy-mm-dd`, is one for days or times; its first section decides."""
    positive, _, _ = code.partition(";")
    return _DAY_LETTER.search(_ASIDE.sub("", positive)) is not None
