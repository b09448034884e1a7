"""Figures as they are read aloud in Chinese: amounts in yuan, jiao and fen, counts, months. Pure.

A voice reads "1234.56" digit by digit; 一千二百三十四元五角六分 is what people say.
"""

from __future__ import annotations

from typing import Final

from ledger.money import format_yuan
from ledger.months import first_day

_DIGITS: Final = "零一二三四五六七八九"
_UNITS: Final = ("", "十", "百", "千")
_GROUPS: Final = ("", "万", "亿", "万亿")
_WIDTH: Final = 4
NUMBER_MAX: Final = 10 ** (_WIDTH * len(_GROUPS)) - 1


def spoken_number(number: int) -> str:
    """A number from 0 to 9,999,999,999,999,999 in words: 10203 is 一万零二百零三."""
    if not 0 <= number <= NUMBER_MAX:
        raise ValueError("no number that anybody says")
    text = str(number)
    text = text.zfill(-(-len(text) // _WIDTH) * _WIDTH)
    groups = [text[start : start + _WIDTH] for start in range(0, len(text), _WIDTH)]
    said, gap = "", False
    for place, group in zip(reversed(range(len(groups))), groups, strict=True):
        for unit, digit in zip(reversed(_UNITS), group, strict=True):
            if digit == "0":
                gap = True
                continue
            # one zero for all that stand side by side, and none in front
            said += (_DIGITS[0] if gap and said else "") + _DIGITS[int(digit)] + unit
            gap = False
        if int(group):
            said += _GROUPS[place]
    # nobody says 一十 where it begins
    return said.removeprefix("一") if said.startswith("一十") else said or _DIGITS[0]


def spoken_yuan(fen: int) -> str:
    """An amount in fen in words: 123456 is 一千二百三十四元五角六分, 1005 is 十元零五分."""
    yuan, _, rest = format_yuan(abs(fen)).partition(".")
    jiao, cents = rest[:1], rest[1:]
    whole = int(yuan)
    said = f"{spoken_number(whole)}元" if whole else ""
    if jiao != "0":
        said += f"{_DIGITS[int(jiao)]}角"
    elif cents != "0" and said:
        said += _DIGITS[0]
    if cents != "0":
        said += f"{_DIGITS[int(cents)]}分"
    return ("负" if fen < 0 else "") + (said or "零元")


def spoken_months(count: int) -> str:
    """How many months: 两个月, 十二个月."""
    return f"{'两' if count == 2 else spoken_number(count)}个月"


def spoken_period(period: int) -> str:
    """A month given as YYYYMM, the year digit by digit: 二零二六年三月."""
    day = first_day(period)
    return f"{''.join(_DIGITS[int(digit)] for digit in f'{day.year:04d}')}年{spoken_number(day.month)}月"
