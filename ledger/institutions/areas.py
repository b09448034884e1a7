"""Which areas of care there are: provinces and prefectures of the country (GB/T 2260), as data. Pure.

An institution may lie in an area whose accounts are not kept here, and whose policy is not known; that it
exists is. Counties come and go, so the last two digits are not looked at.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from ledger.refusals import RefusalCode, Refused


def _cities(text: str) -> frozenset[int]:
    """The numbers of "1-3 9" as 1, 2, 3, 9."""
    spans = [part.partition("-") for part in text.split()]
    return frozenset(
        number for first, _, last in spans for number in range(int(first), int(last or first) + 1)
    )


# of each province the prefectures; those that were merged since stay, since old contracts name them
_PREFECTURES: Final = {
    11: _cities("1-2"),
    12: _cities("1-2"),
    13: _cities("1-11 90"),
    14: _cities("1-11 22-24"),
    15: _cities("1-9 22 25 29"),
    21: _cities("1-14"),
    22: _cities("1-8 24"),
    23: _cities("1-12 27"),
    31: _cities("1-2"),
    32: _cities("1-13"),
    33: _cities("1-11"),
    34: _cities("1-18"),
    35: _cities("1-9"),
    36: _cities("1-11"),
    37: _cities("1-17"),
    41: _cities("1-17 90"),
    42: _cities("1-13 28 90"),
    43: _cities("1-13 31"),
    44: _cities("1-20 51-53"),
    45: _cities("1-14"),
    46: _cities("1-4 90"),
    50: _cities("1-2"),
    51: _cities("1-20 32-34"),
    52: _cities("1-6 22-24 26-27"),
    53: _cities("1-9 23-34"),
    54: _cities("1-6 21-26"),
    61: _cities("1-10"),
    62: _cities("1-12 29-30"),
    63: _cities("1-2 21-23 25-28"),
    64: _cities("1-5"),
    65: _cities("1-5 21-23 27-32 40 42-43 90"),
    71: _cities("0"),
    81: _cities("0"),
    82: _cities("0"),
}
# a province as a whole, and what it runs itself
_WHOLE: Final = frozenset({0, 99})
_EXAMPLES: Final = 99
_NOTHING: Final[frozenset[int]] = frozenset()


def check_area(area: int, here: Container[int], at: str = "area") -> None:
    """Raise Refused(area_unknown) for the code (six digits) of an area that there is not.

    `here` are the areas whose accounts are kept here. Province 99, which there is not, is that of examples.
    """
    code = f"{area:06d}"
    province, prefecture = int(code[:2]), int(code[2:4])
    known = _PREFECTURES.get(province, _NOTHING)
    if area in here or province == _EXAMPLES or prefecture in known or (known and prefecture in _WHOLE):
        return
    raise Refused(RefusalCode.AREA_UNKNOWN, at=at)
