"""The form of an ID number: region, day of birth, check digit; and whether a text holds one. Pure.

What an ID number says of a person, and how it is refused and masked, stands in `people.id_numbers`.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from itertools import pairwise
from operator import mul
from typing import Final

from ledger.texts import MIDDLE_DOTS
from ledger.unseen import UNSEEN

_ID_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS: Final = "10X98765432"
LENGTH: Final = 18
OLD_LENGTH: Final = 15
"""Of the numbers that were given out until 1999: without a century, and without a check digit."""

_PROVINCES: Final = frozenset(
    str(code)
    for first, last in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65))
    for code in range(first, last + 1)
)
_CHINA: Final = "156"
# Old numbers have a two-digit year; these sequences were kept for people already a hundred years old.
_CENTENARIAN_SEQUENCES: Final = frozenset({"996", "997", "998", "999"})
CENTURIES: Final = frozenset({"18", "19", "20"})
"""In which somebody may be born who is written about."""


class IdKind(StrEnum):
    """Which document an ID number belongs to."""

    MAINLAND = "mainland"
    HONG_KONG = "hong_kong"
    MACAU = "macau"
    TAIWAN = "taiwan"
    FOREIGNER = "foreigner"


_PERMITS: Final = {
    "810000": IdKind.HONG_KONG,
    "820000": IdKind.MACAU,
    "830000": IdKind.TAIWAN,
}


def kind_of(number: str) -> IdKind | None:
    """The document that the first digits of a number name; None where they name none."""
    if number[:2] in _PROVINCES:
        return IdKind.MAINLAND
    if len(number) == OLD_LENGTH:
        return None
    if number[0] == "9":
        foreign = number[1:3] in _PROVINCES and number[3:6] not in ("000", _CHINA)
        return IdKind.FOREIGNER if foreign else None
    return _PERMITS.get(number[:6])


def lengthen(old: str) -> str:
    """The 18-character form of an old number of 15 digits: the century goes in, the check is added."""
    century = "18" if old[12:] in _CENTENARIAN_SEQUENCES else "19"
    body = old[:6] + century + old[6:]
    return body + check_digit(body)


def birth_date_in(number: str) -> date:
    """The birth date in an ID number of 18 characters. ValueError for one that does not exist."""
    return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))


def check_digit(body17: str) -> str:
    """The last character of an ID number from its first 17 digits (ISO 7064 MOD 11-2)."""
    if len(body17) != len(_ID_WEIGHTS):
        raise ValueError("the body of an ID number has 17 digits")
    total = sum(map(mul, map(int, body17), _ID_WEIGHTS))
    return _ID_CHECKS[total % 11]


# --- In a text ----------------------------------------------------------------------------------------

# every character of dashes there is (Pd), and what is typed for one: minus signs, a bullet, lines that are
# drawn, the mark of a long vowel
_HYPHENS: Final = (
    "\u02d7\u058a\u05be\u1400\u1806\u2010-\u2015\u2043\u207b\u208b\u2212\u2500\u2501\u2796\u2e17\u2e1a\u2e3a"
    "\u2e3b\u2e40\u2e5d\u301c\u3030\u30a0\u30fc\ufe31\ufe32\ufe58\ufe63\uff0d\uff70\U00010ead"
)
_SLASHES: Final = "/\\\\|\u2044\u2215\u2216\u29f8\u29f9\ufe68\uff0f\uff3c\uff5c"

PARTS: Final = f" \u00a0\u2000-\u200a\u202f\u3000{_HYPHENS}{MIDDLE_DOTS}\uff0e_\uff3f.-"
"""What stands between the digits of a number that is parted to be read, for a class of a pattern."""

APART: Final = f"[\\s{_SLASHES}{PARTS}]"
"""What may stand between the digits of one number at all, however much of it."""

# what has no shape of its own: formats, and marks that stand on or about another character
_UNSEEN: Final = frozenset({"Cf", "Mn", "Me", "Mc"})
# and all that other texts are kept without, so that a number cannot be hidden by it in a letter
_LEFT_OUT: Final = frozenset(chr(code) for first, last in UNSEEN for code in range(first, last + 1))

# what is typed for the X behind a number and is none: a times, a cross, letters of Greek and Cyrillic
_LIKE_X: Final = str.maketrans(dict.fromkeys("\u00d7\u03a7\u03c7\u0425\u0445\u2715\u2716\u2a2f", "X"))

CARD_GROUP: Final = 4
"""Digits of a bank card's number that are written together; nineteen end with fifteen in such groups."""

GROUPS_MAX: Final = 7
"""Nobody parts one number into more groups than these, unless all are as long as each other."""

_is_hyphen = re.compile(f"[{_HYPHENS}]").match
_is_dot = re.compile(f"[{MIDDLE_DOTS}]").match
_is_slash = re.compile(f"[{_SLASHES}]").match
# what a stretch looks like at the least: most texts have none, and are told so in a tenth of the time
_has_stretch = re.compile(f"[0-9][0-9Xx{APART[1:-1]}]{{{OLD_LENGTH - 1}}}").search
# and of most plain texts that is told by so many signs of one in a row, in half the time of the pattern
_is_of_one = re.compile(f"[0-9Xx{APART[1:-1]}]").fullmatch
_OF_ONE: Final = bytes(ord("0" if _is_of_one(chr(sign)) else "a") for sign in range(256))
_A_ROW: Final = b"0" * OLD_LENGTH
# fifteen digits and more, the last may be an X, whatever parts them: what has fewer is looked at no further
_each_stretch = re.compile(f"[0-9](?:{APART}*[0-9Xx]){{{OLD_LENGTH - 1},}}").finditer
_each_group = re.compile(r"[0-9]+[Xx]?(?![0-9Xx])|[0-9Xx]+").finditer
_is_group = re.compile(r"[0-9]+[Xx]?|[Xx]").fullmatch
_words_begin = re.compile(r"\A([0-9]+[Xx])[Xx]+\Z")
# the letters right before digits: those of a word such as "ID"
_word_before = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]*\Z").search


def is_unseen(sign: str) -> bool:
    """Whether nobody sees a character: what it stands in reads the same without it."""
    return sign in _LEFT_OUT or unicodedata.category(sign) in _UNSEEN


def holds_id_number(text: str) -> bool:
    """Whether a text holds an ID number, so that it may stand in no free text, reference or key.

    Full-width forms and digits of other scripts are read as digits (NFKC), a cross as an X, what nobody sees
    is left out, and blanks, lines, hyphens, dots and slashes of any kind and underscores may part the digits.
    Then it is a whole run of digits (or whole runs that are parted) which is
    18 characters  that begin with a region or a kind of document, have a day of birth that exists, from 1800
                   to 2099, and the right check digit; or
    15 digits      that begin with a province and have a day of birth that exists. There is no check digit
                   in them: so no letter or digit stands beside them, but for a word right before those that
                   are not parted, they are not parted into many groups of different length, and they are not
                   the rest of a number that is written four by four, as those of bank cards are.
    A part of a longer run of digits is none, and neither is one with a slip: those are masked where they are
    shown. Of numbers made of 18 random digits 1 in 29,000 counts, of 15 random digits 1 in 88.
    """
    # what most texts are told by, without another call
    if len(text) < OLD_LENGTH or (text.isascii() and _A_ROW not in text.encode().translate(_OF_ONE)):
        return False
    return id_number_in(text) is not None


def none_holds_id_number(texts: Sequence[str | None]) -> bool:
    """Whether no text of several holds an ID number; False as well where one has to look closer.

    Most texts that come in are short, and have no fifteen digits that belong together.
    """
    # a letter ends a number: none begins in one text and ends in the next
    together = "a".join(filter(None, texts))
    if together.isascii():
        return _A_ROW not in together.encode().translate(_OF_ONE) or _has_stretch(together) is None
    return not any(map(holds_id_number, filter(None, texts)))


def id_number_in(text: str) -> str | None:
    """The first ID number in a text, found as `holds_id_number` says, without what parts its digits."""
    if len(text) < OLD_LENGTH:
        return None
    if text.isascii():
        return _number_of(text)
    read = _as_it_is_read(text)
    if not read:
        # the others have no more digits
        return None
    # a ² or ① behind a number is a mark, and none of its digits; a number may be written in them as well. So
    # may a × stand for its X, or for how often
    return (
        _number_of(read)
        or _number_of(_as_it_is_read(_without_marks(text)))
        or _number_of(_as_it_is_read(text.translate(_LIKE_X)))
    )


def _without_marks(text: str) -> str:
    return "".join(["a" if unicodedata.category(sign) == "No" else sign for sign in text])


def _number_of(text: str) -> str | None:
    """The first in a text that is as it is read."""
    if _has_stretch(text) is None:
        return None
    for found in _each_stretch(text):
        stretch = found[0]
        if stretch.isdigit() and len(stretch) not in {OLD_LENGTH, LENGTH}:
            # one run of digits, as in most references: it is a number as a whole, or none
            continue
        number = _first_in(text, found.start(), found.end())
        if number is not None:
            return number
    return None


def _as_it_is_read(text: str) -> str:
    """A text with plain digits and hyphens, without what nobody sees; nothing where it has too few digits."""
    text = unicodedata.normalize("NFKC", text)
    if sum(map(str.isdigit, text)) < OLD_LENGTH - 1:
        return ""
    return "".join([_read(sign) for sign in text if sign.isascii() or not is_unseen(sign)])


def _read(sign: str) -> str:
    if sign.isascii():
        return sign
    if sign.isdigit():
        return str(unicodedata.digit(sign))
    if _is_hyphen(sign) is not None:
        return "-"
    if _is_dot(sign) is not None:
        return "."
    return "/" if _is_slash(sign) is not None else sign


def _first_in(text: str, start: int, end: int) -> str | None:
    """The first ID number in a stretch of digits, which is whole groups of them."""
    groups = [(one.start(), one.end()) for one in _each_group(text, start, end)]
    for first, (begin, _end) in enumerate(groups):
        signs = ""
        for last in range(first, len(groups)):
            # an X behind an X begins a word
            group = _words_begin.sub(r"\1", text[slice(*groups[last])])
            if _is_group(group) is None or (signs and signs[-1] in "Xx"):
                break
            signs += group
            if len(signs) > LENGTH + 1:
                break
            if _is_whole(signs):
                return signs[:LENGTH]
            if len(signs) == OLD_LENGTH and _is_old(signs):
                lengths = [to - at for at, to in groups[first : last + 1]]
                if are_many(lengths) or _is_of_a_card(text, groups, first, last):
                    continue
                if _stands_alone(text, begin, groups[last][1], parted=last > first):
                    return signs
    return None


def _is_of_a_card(text: str, groups: list[tuple[int, int]], first: int, last: int) -> bool:
    """Whether groups are the rest of a number that is written four by four, as those of bank cards are."""
    if first == 0:
        return False
    written = groups[first - 1 : last + 1]
    parts = {text[end:begin] for (_, end), (begin, _) in pairwise(written)}
    return {end - begin for begin, end in written[:-1]} == {CARD_GROUP} and len(parts) == 1


def _is_whole(signs: str) -> bool:
    # the X of a word that begins right behind is none of it
    if len(signs) == LENGTH + 1 and signs[-1] in "Xx":
        signs = signs[:-1]
    if len(signs) != LENGTH or signs[6:8] not in CENTURIES or not signs[:-1].isdigit():
        return False
    return _is_valid(signs.upper())


def _is_old(signs: str) -> bool:
    return signs.isdigit() and kind_of(signs) is not None and _is_valid(lengthen(signs))


def _is_valid(number: str) -> bool:
    if kind_of(number) is None or check_digit(number[:17]) != number[17]:
        return False
    try:
        birth_date_in(number)
    except ValueError:
        return False
    return True


def are_many(lengths: list[int]) -> bool:
    """Whether groups of digits are many numbers: nobody parts one into many groups of different length."""
    return len(lengths) > GROUPS_MAX and len(set(lengths[:-1])) > 1


def _stands_alone(text: str, start: int, end: int, *, parted: bool) -> bool:
    """Whether no letter and no digit stands beside 15 digits; before those that are whole a word may."""
    behind = text[end : end + 1]
    if behind.isascii() and behind.isalnum():
        return False
    before = text[start - 1 : start]
    if parted:
        return not (before.isascii() and before.isalnum())
    return _word_before(text, max(start - LENGTH, 0), start) is not None
