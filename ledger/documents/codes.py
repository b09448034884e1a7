"""How documents are called and checked: names, serial numbers, verification codes. Pure but for chance."""

from __future__ import annotations

import re
import secrets
from datetime import date
from typing import Final

from ledger.book.numbers import check_character
from ledger.refusals import RefusalCode, Refused
from ledger.vault import Keyring

# letters and digits that nobody takes for another, and that make no word
_LETTERS: Final = "23456789BCDFGHJKLMNPQRSTVWXZ"
_NAME_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
NAME_LENGTH: Final = 20
CODE_LENGTH: Final = 16
_SERIAL_LENGTH: Final = 8
_match_name = re.compile(rf"[{_NAME_LETTERS}]{{{NAME_LENGTH}}}").fullmatch
_match_code = re.compile(rf"[0-9A-Z]{{{CODE_LENGTH}}}").fullmatch
_BLANKS: Final = str.maketrans("", "", " -")


def new_name() -> str:
    """What names a document in paths: chosen at random, it tells nothing."""
    return "".join(secrets.choice(_NAME_LETTERS) for _ in range(NAME_LENGTH))


def is_name(text: str) -> bool:
    """Whether a text can be the name of a document."""
    return _match_name(text) is not None


def new_serial(today: date) -> str:
    """A serial number that can be read out: the day, eight characters, a check character.

    No ID number looks like it. Only such are given out whose check character nobody takes for another.
    """
    while True:
        body = f"D{today:%Y%m%d}{''.join(secrets.choice(_LETTERS) for _ in range(_SERIAL_LENGTH))}"
        check = check_character(body)
        if check in _LETTERS:
            return f"{body[:9]}-{body[9:]}-{check}"


def new_code() -> str:
    """A verification code that nobody guesses: 15 characters (72 bits) and a check character.

    Only such are given out of which any one wrong character, and any two neighbours that changed places, are
    found by the check: the standard's leaves a few of the latter.
    """
    while True:
        body = "".join(secrets.choice(_LETTERS) for _ in range(CODE_LENGTH - 1))
        code = body + check_character(body)
        if code[-1] in _LETTERS and not any(map(_is_checked, _with_neighbours_swapped(code))):
            return code


def _with_neighbours_swapped(code: str) -> list[str]:
    """The code with each two neighbours that differ in the other's place."""
    return [
        code[:place] + code[place + 1] + code[place] + code[place + 2 :]
        for place in range(len(code) - 1)
        if code[place] != code[place + 1]
    ]


def _is_checked(code: str) -> bool:
    return check_character(code[:-1]) == code[-1]


def read_code(text: str) -> str:
    """A verification code as it is kept: in capitals, without the blanks and hyphens between groups.

    Raises Refused(verification_code_invalid) for what has a slip, before anybody is asked for it.
    """
    code = text.translate(_BLANKS).upper() if text.isascii() else ""
    if _match_code(code) is None or not _is_checked(code):
        raise Refused(RefusalCode.VERIFICATION_CODE_INVALID, at="code")
    return code


def code_digest(code: str, keyring: Keyring) -> bytes:
    """What a code is found by. Who reads the table alone makes no code of it."""
    return keyring.digest("verification_code", code)
