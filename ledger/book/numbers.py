"""The numbers of books, whose books they are, and the names of entries. Pure."""

import secrets
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from ledger.chart.parties import NUMBERS_PER_LETTER, Party

SEQ_MAX: Final = 2**31 - 1
# a book begins with its opening
OPENING_SEQ: Final = 1


_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


_PARTIES: Final = {int(party): party for party in Party}


# Plain numbers: these two are asked for in every decision, and a member of an enumeration is slow to reach.
_PERSON: Final = int(Party.PERSON)


_INSTITUTION: Final = int(Party.INSTITUTION)


_ACCOUNT_NO_LENGTH: Final = 14


_CHECK_CHARACTERS: Final = "0123456789" + _LETTERS


_VALUES: Final = {character: value for value, character in enumerate(_CHECK_CHARACTERS)}


def _step(state: int, value: int) -> int:
    """One step of ISO 7064 MOD 37,36: the state, 0 to 35, after a character of value 0 to 35."""
    return ((state or 36) * 2 % 37 + value) % 36


def _three_digit_steps() -> bytes:
    """The state after three more digits, at index `state * 1000 + digits`."""
    table = bytearray()
    for state in range(36):
        for first in range(10):
            after_first = _step(state, first)
            for second in range(10):
                after_second = _step(after_first, second)
                table.extend(_step(after_second, third) for third in range(10))
    return bytes(table)


# Account numbers are read and written several times per call, so the check is five look-ups, no loop.
_AFTER_THREE: Final = _three_digit_steps()


_CHECK_AFTER: Final = "".join(_CHECK_CHARACTERS[(1 - (state or 36) * 2 % 37) % 36] for state in range(36))


_LETTER_INDEX: Final = {
    character: index
    for letters in (_LETTERS, _LETTERS.lower())
    for index, character in enumerate(letters, start=1)
}


def _account_check(letter_index: int, digits: int) -> str:
    """The check character of the letter (A is 1) and the 12 digits, as a number."""
    high, low = divmod(digits, 1_000_000)
    # The standard's starting state makes the state after the first character that character's value.
    state = _AFTER_THREE[(letter_index + 9) * 1000 + high // 1000]
    state = _AFTER_THREE[state * 1000 + high % 1000]
    state = _AFTER_THREE[state * 1000 + low // 1000]
    return _CHECK_AFTER[_AFTER_THREE[state * 1000 + low % 1000]]


def check_character(text: str) -> str:
    """The check character (ISO 7064 MOD 37,36) of a text of digits and capital letters.

    Any one wrong character is found; of two neighbours that changed places nearly all are. KeyError for what
    is no such character.
    """
    state = 0
    for place, character in enumerate(text):
        value = _VALUES[character]
        state = _step(state, value) if place else value
    return _CHECK_AFTER[state]


@lru_cache(maxsize=1024)
def account_no(book_id: int) -> str:
    """The account number of a book: a letter, 12 digits, a check character (ISO 7064 MOD 37,36).

    `book_id` is the place of the letter in the alphabet (A is 1) times 10^12, plus the digits. One outside
    A to Z is a bug of the caller: ValueError.
    """
    letter_index, digits = divmod(book_id, NUMBERS_PER_LETTER)
    if not 1 <= letter_index <= 26:
        raise ValueError("the book id is out of range")
    return f"{_LETTERS[letter_index - 1]}{digits:012d}{_account_check(letter_index, digits)}"


def book_id_of(text: str) -> int | None:
    """The book id behind an account number, or None when its form or check character is wrong.

    Lower case and blanks around it are taken.
    """
    if len(text) != _ACCOUNT_NO_LENGTH:
        text = text.strip()
    if len(text) != _ACCOUNT_NO_LENGTH or not text.isascii():
        return None
    letter_index = _LETTER_INDEX.get(text[0])
    if letter_index is None or not text[1:13].isdigit():
        return None
    digits = int(text[1:13])
    if _account_check(letter_index, digits) != text[13].upper():
        return None
    return letter_index * NUMBERS_PER_LETTER + digits


def new_book_id(party: Party, randbelow: Callable[[int], int] = secrets.randbelow) -> int:
    """A random book id for a party; whether it is taken already, the database knows."""
    return party.first + randbelow(NUMBERS_PER_LETTER)


def party_of(book_id: int) -> Party | None:
    """Whose book it is; None when no party's number begins with that letter."""
    return _PARTIES.get(book_id // NUMBERS_PER_LETTER)


def is_institution(book_id: int) -> bool:
    """Whether it is the book of an institution."""
    return book_id // NUMBERS_PER_LETTER == _INSTITUTION


def has_account(book_id: int) -> bool:
    """Whether it is a person's book with pockets; a resident's has none."""
    return book_id // NUMBERS_PER_LETTER == _PERSON


def entry_name(book_id: int, seq: int) -> str:
    """The name of an entry: the account number of its book, a hyphen, its number in the book."""
    return f"{account_no(book_id)}-{seq}"


def parse_entry_name(text: str) -> tuple[int, int] | None:
    """The book id and number of an entry name, or None when it is none; case and blanks as in book_id_of.

    Numbers run from 1 to SEQ_MAX and are written without leading zeros.
    """
    stripped = text.strip()
    book_id = book_id_of(stripped[:_ACCOUNT_NO_LENGTH])
    hyphen, seq_text = stripped[_ACCOUNT_NO_LENGTH:][:1], stripped[_ACCOUNT_NO_LENGTH + 1 :]
    if book_id is None or hyphen != "-" or len(seq_text) > 10:
        return None
    if not (seq_text.isascii() and seq_text.isdigit()) or seq_text[0] == "0":
        return None
    seq = int(seq_text)
    return (book_id, seq) if seq <= SEQ_MAX else None


_APPROVAL: Final = "-A"


def approval_name(book_id: int, number: int) -> str:
    """What waits for a second person: the account number of its book, and its number there."""
    return f"{account_no(book_id)}{_APPROVAL}{number}"


def parse_approval_name(text: str) -> tuple[int, int] | None:
    """The book id and number behind such a name (`P483920174650K-A1`), or None when it is none."""
    head, mark, tail = text.strip().upper().partition(_APPROVAL)
    return parse_entry_name(f"{head}-{tail}") if mark else None
