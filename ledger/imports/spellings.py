"""How clerks and spreadsheets write amounts, days and months, where there is only one way to read it. Pure.

What the API takes is stricter: here stands what is taken from files beside it, and nothing else. `26-4-10`,
`03/04/2026`, `12.345` and `1e3` have two readings, or none that is money, and are refused.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Final

from ledger.months import parse_period, period_of
from ledger.texts import read_text

# the full-width forms of ASCII, the ideographic and the unbroken blank, the full-width yen sign
_PLAIN: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {
    0x3000: " ",
    0xA0: " ",
    0xFFE5: "\xa5",
}
_match_amount = re.compile(
    r"\xa5? ?((?:0|[1-9][0-9]{0,2}(?:,[0-9]{3})+|[1-9][0-9]*))(?:\.([0-9]{1,2}))?", re.ASCII
).fullmatch
_match_day = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"|([0-9]{4})/([0-9]{1,2})/([0-9]{1,2})"
    r"|([0-9]{4})年([0-9]{1,2})月([0-9]{1,2})日"
).fullmatch
_match_month = re.compile(
    r"([0-9]{4})-([0-9]{1,2})|([0-9]{4})/([0-9]{1,2})|([0-9]{4})年([0-9]{1,2})月"
).fullmatch

# an ID number has 15 or 18 characters, a credit code 18, an account number 14
_match_number = re.compile(r"[0-9A-Za-z]{12,20}", re.ASCII).fullmatch
_NUMBER_TEXT_MAX: Final = 64
# further forms become these
_APOSTROPHES: Final = "'`\xb4\u2018\u2019\u201a\u201b"
_QUOTES: Final = '"\u201c\u201d\u201e'
_HYPHENS: Final = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_AROUND_NUMBERS: Final = " \t\xa0\u3000" + _APOSTROPHES + _QUOTES + _HYPHENS


def plain(text: str) -> str:
    """Without the blanks around it, and with full-width digits, letters and signs as the plain ones."""
    return (text if text.isascii() else text.translate(_PLAIN)).strip()


def number_text(text: str) -> str:
    """An ID number, an account number or a credit code without what habits leave around it.

    A tab or an apostrophe keeps it a text in a spreadsheet, copying leaves characters that nobody sees, and
    blanks, hyphens and quotes stand at its ends: it is one number all the same. A text that is no number then
    comes back as `plain` has it, to be refused for what it is.
    """
    if _match_number(text) is not None:
        return text
    kept = read_text(text.strip(_AROUND_NUMBERS), _NUMBER_TEXT_MAX)
    number = "" if kept is None else kept.strip(_AROUND_NUMBERS)
    return number if _match_number(number) is not None else plain(text)


def amount_text(text: str) -> str | None:
    """An amount as the API has it, such as "1160.00" for `1,160` or `¥1160.0`; None for one that is none."""
    found = _match_amount(plain(text))
    if found is None:
        return None
    return f"{found[1].replace(',', '')}.{found[2] or '':0<2}"


@lru_cache(maxsize=4096)
def day_of(text: str) -> date | None:
    """A day; None for a text that is none, or may be two."""
    found = _match_day(plain(text))
    if found is None:
        return None
    year, month, day = (int(group) for group in found.groups() if group is not None)
    try:
        return date(year, month, day)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def month_of(text: str) -> int | None:
    """A month as YYYYMM; also from its first day, as which a spreadsheet keeps it. None for another text."""
    found = _match_month(plain(text))
    if found is not None:
        year, month = (int(group) for group in found.groups() if group is not None)
        return parse_period(f"{year:04d}-{month:02d}")
    day = day_of(text)
    return None if day is None or day.day != 1 else period_of(day)


FLAGS: Final = {"": False, "true": True, "false": False, "是": True, "否": False, "yes": True, "no": False}
SEXES: Final = {"": None, "1": 1, "2": 2, "男": 1, "女": 2}
