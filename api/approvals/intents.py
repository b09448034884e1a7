"""A request that waits, as people read it: its fields by their names, nobody's number or name plain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from fractions import Fraction
from typing import Any, Final, get_type_hints

from api.http.receipts import instant
from ledger import BookRef, Command, Refused
from ledger.book.numbers import account_no
from ledger.money import format_yuan
from ledger.months import format_period, is_period
from ledger.people.id_numbers import mask_id_number, mask_in_text, mask_name
from ledger.people.persons import open_name, open_number
from ledger.reports import find_book
from ledger.vault import Keyring, is_erased

# what the approval says itself, and what is nobody's to read
_ASIDE: Final = frozenset(
    {"book", "caller", "actor", "key", "persons", "person_id", "candidates", "stakes", "found_seqs"}
)
_FEN: Final = "_fen"


# how a field of a command is declared that names an account, or several
_ONE: Final = (BookRef, BookRef | None)
_SEVERAL: Final = tuple[BookRef, ...]


def intent_json(command: Command, books: Mapping[BookRef, int]) -> dict[str, Any]:
    """The fields of a command. Amounts are yuan, as everywhere; digests and what is sealed are left out.

    The accounts that it names beside its own, `books`, are shown by their numbers, however they were named;
    who has none is left out.
    """
    told: dict[str, Any] = _told(command)
    for name, refs in _refs(command).items():
        found = [account_no(books[ref]) for ref in refs if ref in books]
        if get_type_hints(type(command))[name] == _SEVERAL:
            if found or name in told:
                told[name] = found
        else:
            told[name] = found[0] if found else None
    return told


def books_named(command: Command, connection: Any) -> dict[BookRef, int]:
    """The accounts that a command names beside its own, as it names them: each where it is found today."""
    found: dict[BookRef, int] = {}
    for ref in {ref: None for refs in _refs(command).values() for ref in refs}:
        try:
            found[ref] = find_book(connection, ref)
        except Refused:
            # an heir need not have one; of a number that two people share, only a name says whose it is
            continue
    return found


def _refs(command: Command) -> dict[str, list[BookRef]]:
    """By field, what a command names other accounts by."""
    found: dict[str, list[BookRef]] = {}
    for name, hint in get_type_hints(type(command)).items():
        value = getattr(command, name, None)
        if name in _ASIDE or value is None or value == ():
            continue
        if hint == _SEVERAL:
            found[name] = list(value)
        elif hint in _ONE:
            found[name] = [value]
    return found


def persons_json(command: Command, keyring: Keyring) -> list[str]:
    """The names of those whom a command names, masked; without those who were erased since."""
    return [
        mask_name(open_name(one.name_sealed, one.digest, keyring))
        for one in command.persons
        if not is_erased(one.name_sealed)
    ]


def numbers_json(command: Command, keyring: Keyring) -> list[str]:
    """The ID numbers that a command names, masked; without those of people who were erased since."""
    return [
        mask_id_number(open_number(one.number_sealed, one.digest, keyring))
        for one in command.persons
        if one.number_sealed is not None and not is_erased(one.number_sealed)
    ]


def _told(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.name.lower()
    if is_dataclass(value) and not isinstance(value, type):
        return _fields({one.name: getattr(value, one.name) for one in fields(value)})
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _fields(value._asdict())
    if isinstance(value, tuple | list | frozenset):
        return [_told(one) for one in value if not isinstance(one, bytes)]
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Fraction):
        return str(value)
    return mask_in_text(value) if isinstance(value, str) else value


def _fields(named: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, value in named.items():
        if name in _ASIDE or isinstance(value, bytes):
            continue
        if name.endswith(_FEN):
            told[name.removesuffix(_FEN)] = None if value is None else format_yuan(value)
        elif isinstance(value, int) and name == "period" and is_period(value):
            told[name] = format_period(value)
        else:
            told[name] = _told(value)
    return told
