"""Who is who: ID numbers, employers' credit codes, names, and the numbers this ledger gives itself.

Personal numbers are checked here, masked here for logs and screens, and never put into an exception.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Final

from ledger import id_forms
from ledger.id_forms import APART, CENTURIES, PARTS, are_many, is_unseen, kind_of, lengthen
from ledger.refusals import RefusalCode, Refused

# --- ID numbers of persons (rule R1; GB 11643-1999) ---------------------------------------------------

MALE: Final = 1
FEMALE: Final = 2

IdKind = id_forms.IdKind
birth_date_in = id_forms.birth_date_in
check_digit = id_forms.check_digit
holds_id_number = id_forms.holds_id_number

ID_NUMBER_PATTERN: Final = "^([0-9]{15}|[0-9]{17}[0-9Xx])$"
"""The form of an ID number, anchored, as the OpenAPI document publishes it."""

_match_id = re.compile(ID_NUMBER_PATTERN).fullmatch
_match_like_id = re.compile(r"(?:[0-9]{14}|[0-9]{17})[0-9Xx]").fullmatch


@dataclass(frozen=True, slots=True, repr=False)
class IdNumber:
    """A valid ID number: 18 characters, and what can be read from it. Shows itself masked."""

    number: str
    birth_date: date
    sex: int
    """1 male, 2 female."""
    kind: IdKind

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a clerk should look at again though the number is valid: `birth_before_1900`."""
        return ("birth_before_1900",) if self.birth_date.year < 1900 else ()

    def __repr__(self) -> str:
        return f"IdNumber({mask_id_number(self.number)}, {self.kind.value})"


def parse_id_number(text: str, today: date) -> IdNumber:
    """Read an ID number, of 18 characters or the old form of 15 digits (rule R1).

    Blanks around it are dropped and a final x becomes X. Then, in this order, it is refused with
    ID_FORMAT    not 15 digits, nor 17 digits and a digit or X (ASCII only). Passports and foreigners'
                 cards from before 2023-12 are not taken here;
    ID_PREFIX    the first digits name no province and no kind of document, see below;
    ID_BIRTHDATE the birth date does not exist;
    ID_FUTURE    the birth date lies after `today`;
    ID_CHECKSUM  the last character is wrong.

    Prefixes: a mainland number starts with a province; the county after it is not checked, since old ones
    vanish from the lists. Residence permits start 810000 (Hong Kong), 820000 (Macau) or 830000 (Taiwan). A
    foreigner's card starts with 9, the receiving province, and a numeric country other than 000 and 156
    (China); it is not held against a list of countries, which would refuse the holder from a new one. The
    old form exists for mainland numbers only.
    """
    stripped = text.strip()
    if _match_id(stripped) is None:
        raise Refused(RefusalCode.ID_FORMAT, at="id_number")
    given = stripped.upper()
    kind = kind_of(given)
    if kind is None:
        raise Refused(RefusalCode.ID_PREFIX, at="id_number")
    number = lengthen(given) if len(given) == 15 else given
    try:
        birth_date = birth_date_in(number)
    except ValueError:
        raise Refused(RefusalCode.ID_BIRTHDATE, at="id_number") from None
    if birth_date > today:
        raise Refused(RefusalCode.ID_FUTURE, at="id_number")
    if check_digit(number[:17]) != number[17]:
        raise Refused(RefusalCode.ID_CHECKSUM, at="id_number")
    sex = MALE if int(number[16]) % 2 == 1 else FEMALE
    return IdNumber(number=number, birth_date=birth_date, sex=sex, kind=kind)


def check_declared(id_number: IdNumber, sex: int | None, birth_date: date | None) -> None:
    """Hold what was declared against the ID number (rule R1); None was not declared.

    Refused with ID_MISMATCH when the sex (1 male, 2 female) or the birth date differs.
    """
    if sex is not None and sex != id_number.sex:
        raise Refused(RefusalCode.ID_MISMATCH, at="sex")
    if birth_date is not None and birth_date != id_number.birth_date:
        raise Refused(RefusalCode.ID_MISMATCH, at="birth_date")


def looks_like_id_number(text: str) -> bool:
    """Whether a text has the outer form of an ID number, valid or not; an account number never has."""
    return _match_like_id(text.strip()) is not None


# --- Masking ------------------------------------------------------------------------------------------

# Wider than an ID number on purpose: one digit too many, or digits of another script, is still somebody's
# number typed wrongly. Amounts, account numbers and entry names have fewer digits in a row.
_LIKE_ID: Final = r"\d{14,}[\dXx\uff38\uff58]"
# A digest (SHA-256 in hex, a word of its own) has long runs of digits by chance and is shown whole.
_DIGEST: Final = r"(?<!\w)(?=[0-9]*[a-f])[0-9a-f]{64}(?!\w)"
_LIKE_ID_ANYWHERE: Final = re.compile(_LIKE_ID)
_each_18 = re.compile(r"(?=([0-9]{18}))").finditer

# One sign between its digits, as people part a number to read it. Days and numbers of other things are parted
# so too: it has a day of birth at its place, and no year in front.
_PART: Final = f"[{PARTS}]?"


def _digits(allowed: str) -> str:
    """A sign of a pattern for one of some digits, full-width too."""
    return f"[{allowed}{''.join(chr(ord(digit) + 0xFEE0) for digit in allowed)}]"


def _parted(*century: str) -> str:
    """A pattern of an ID number whose digits may stand apart; without a century, of one of 15 digits."""
    one, nine, any_digit = _digits("1"), _digits("9"), _digits("0123456789")
    zero, two, three = _digits("0"), _digits("2"), _digits("3")
    front = [_digits("12345689"), *[any_digit] * 5]
    above_zero = _digits("123456789")
    months = f"(?:{zero}{_PART}{above_zero}|{one}{_PART}{_digits('012')})"
    days = f"(?:{zero}{_PART}{above_zero}|{_digits('12')}{_PART}{any_digit}|{three}{_PART}{_digits('01')})"
    check = ["[\\dXx\uff38\uff58]"] if century else []
    signs = [*front, *century, any_digit, any_digit, months, days, *[any_digit] * 3, *check]
    no_year = f"(?!{one}{_PART}{nine}|{two}{_PART}{zero})"
    return f"(?<!\\d){no_year}{_PART.join(signs)}(?![\\dXx])"


_SIGN: Final = "[\\dXx\uff38\uff58]"
_SHORTEST: Final = id_forms.OLD_LENGTH
_match_apart = re.compile(f"\\d(?:{APART}*{_SIGN}){{14,}}")
_each_sign = re.compile(_SIGN).finditer
_each_group = re.compile(f"{_SIGN}+").finditer
_groups = re.compile(r"[\dXx\uff38\uff58]+").findall
_CENTURY: Final = f"(?:{_digits('1')}{_PART}{_digits('89')}|{_digits('2')}{_PART}{_digits('0')})"
_LIKE_ID_IN_TEXT: Final = re.compile(
    "|".join((f"(?P<digest>{_DIGEST})", _parted(_CENTURY), _parted(), _LIKE_ID))
)


def mask_id_number(text: str) -> str:
    """An ID or other document number for people to see: "119*************15".

    The first 3 and last 2 characters stay, of fewer than 15 only the first and last, of fewer than 8 none.
    """
    length = len(text)
    if length < 8:
        return "*" * length
    head, tail = (3, 2) if length >= 15 else (1, 1)
    return text[:head] + "*" * (length - head - tail) + text[-tail:]


def mask_name(name: str) -> str:
    """A name for people to see: its first character, and a star for each other one; one alone is hidden."""
    stripped = name.strip()
    if len(stripped) < 2:
        return "*" * len(stripped)
    return stripped[0] + "*" * (len(stripped) - 1)


def mask_in_text(text: str) -> str:
    """A text for the log, with numbers of people in their masked form.

    That is every run of 15 or more digits, the last may be an X; and what has the days of an ID number at
    their place, when single blanks, hyphens, dots or underscores part its digits. What nobody sees between
    them is as if it were not there, and a valid number is masked however many blanks, lines, hyphens or
    slashes part it. A digest of 64 hexadecimal characters stays as it is, unless a whole valid number stands
    in it.
    """
    if not text.isascii():
        text = _masked_through_unseen(text)
    return _masked_as_read(text)


def _masked_as_read(text: str) -> str:
    if _match_apart.search(text) is None:
        return _LIKE_ID_IN_TEXT.sub(_masked, text)
    # first whole numbers: what has fifteen digits may be a part of one
    text = _match_apart.sub(partial(_masked_apart, 18), text)
    return _match_apart.sub(partial(_masked_apart, _SHORTEST), _LIKE_ID_IN_TEXT.sub(_masked, text))


def _masked_through_unseen(text: str) -> str:
    """Numbers that are whole for who reads them: of what nobody sees between their characters."""
    places = [at for at, sign in enumerate(text) if not is_unseen(sign)]
    if len(places) == len(text):
        return text
    read = "".join(text[at] for at in places)
    masked = _masked_as_read(read)
    # stars are as long as what they stand for: where nothing was masked all stays, the unseen too
    starred = [at for at, (old, new) in enumerate(zip(read, masked, strict=True)) if old != new]
    if not starred:
        return text
    done, after = "", 0
    for at, sign in enumerate(masked):
        # of what stands inside a masked number nothing is told
        inside = at > 0 and "*" in (sign, masked[at - 1]) and masked[at - 1 : at + 1] != read[at - 1 : at + 1]
        done += sign if inside else text[after : places[at]] + sign
        after = places[at] + 1
    return done + text[after:]


def _masked_apart(length: int, found: re.Match[str]) -> str:
    """Digits that stand apart by whatever parts them, with the valid numbers of a length masked."""
    text = found[0]
    places = [one.start() for one in _each_sign(text)]
    signs = [unicodedata.normalize("NFKC", text[at]).upper() for at in places]
    begins = {one.start() for one in _each_group(text)}
    ends = {one.end() for one in _each_group(text)}
    done, after, number = "", 0, 0
    while number <= len(signs) - length:
        start, end = places[number], places[number + length - 1] + 1
        is_one = start in begins and end in ends and _is_apart("".join(signs[number : number + length]))
        # of fifteen digits there is no check digit
        if is_one and (length != _SHORTEST or not _are_many(text[start:end])):
            done, after = done + text[after:start] + mask_id_number(text[start:end]), end
            number += length
        else:
            number += 1
    return done + text[after:]


def _is_apart(number: str) -> bool:
    return (len(number) == _SHORTEST or number[6:8] in CENTURIES) and _is_number(number)


def _masked(found: re.Match[str]) -> str:
    if found["digest"] is not None:
        if not any(_is_number(window[1]) for window in _each_18(found[0])):
            return found[0]
        return _LIKE_ID_ANYWHERE.sub(lambda inside: mask_id_number(inside[0]), found[0])
    return found[0] if _are_many(found[0]) else mask_id_number(found[0])


def _are_many(text: str) -> bool:
    """Whether groups of digits are many numbers: nobody parts one into many groups of different length."""
    return are_many([len(group) for group in _groups(text)])


def _is_number(number: str) -> bool:
    try:
        parse_id_number(number, date.max)
    except Refused:
        return False
    return True


def may_hold_id_number(text: str) -> bool:
    """Whether a text that anybody may have made could hold an ID number; a digest could too."""
    return _LIKE_ID_ANYWHERE.search(text) is not None
