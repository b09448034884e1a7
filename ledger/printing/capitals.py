"""Amounts in capital Chinese numerals, as they are written where a sum is certified. Pure.

The rules are those of 《支付结算办法》, annex 1: 零 once for any run of noughts between two
numerals; after 元 or 角 整, after 分 nothing; 零 between 元 and 分 where there are no 角.
"""

from __future__ import annotations

from typing import Final

from ledger.money import format_yuan

_DIGITS: Final = "零壹贰叁肆伍陆柒捌玖"
_PLACES: Final = ("", "拾", "佰", "仟")
# by 10,000; 亿 of 亿 would not be read by anybody
_GROUPS: Final = ("", "万", "亿", "万亿")
CAPITALS_MAX: Final = 10**18 - 1
"""The largest amount that can be written, in fen."""


def capitals(fen: int) -> str:
    """An amount in fen: 1234567 is "壹万贰仟叁佰肆拾伍元陆角柒分", 0 is "零元整", -5 is "负伍分".

    ValueError beyond CAPITALS_MAX on either side.
    """
    if abs(fen) > CAPITALS_MAX:
        raise ValueError("an amount that has no name")
    whole, _, rest = format_yuan(abs(fen)).partition(".")
    yuan, (jiao, single) = int(whole), map(int, rest)
    written = f"{_whole(yuan)}元" if yuan or not fen else ""
    if jiao:
        # annex 1, 二(三): where the last place of the yuan is 0 the 角 follow a 零
        written += f"{_DIGITS[0] if yuan and yuan % 10 == 0 else ''}{_DIGITS[jiao]}角"
    elif single and yuan:
        written += "零"
    written += f"{_DIGITS[single]}分" if single else "整"
    return f"负{written}" if fen < 0 else written


def _whole(number: int) -> str:
    """A whole number of at most sixteen digits."""
    if number == 0:
        return _DIGITS[0]
    written, gap = "", False
    for group in range(len(_GROUPS) - 1, -1, -1):
        part = number // 10_000**group % 10_000
        if part == 0:
            gap = gap or bool(written)
            continue
        if written and (gap or part < 1000):
            written += _DIGITS[0]
        written += _below_ten_thousand(part) + _group_word(number, group)
        gap = False
    return written


def _group_word(number: int, group: int) -> str:
    """What stands after a group: 万亿 is written 万 where the hundred millions themselves follow."""
    if group == 3 and number // 10_000**2 % 10_000:
        return "万"
    return _GROUPS[group]


def _below_ten_thousand(part: int) -> str:
    written, gap = "", False
    for place in range(3, -1, -1):
        digit = part // 10**place % 10
        if digit == 0:
            gap = gap or bool(written)
            continue
        written += (_DIGITS[0] if gap else "") + _DIGITS[digit] + _PLACES[place]
        gap = False
    return written
