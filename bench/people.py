"""The people behind the books of a filled ledger: with ID numbers that find them, under the bench's own keys.

Nobody in here exists: every ID number has the county 9999.
"""

from datetime import date, datetime
from typing import Any

import psycopg

from bench.plan import OUT
from ledger.people.id_numbers import check_digit
from ledger.people.persons import ROLE_CURRENT, stake_by_number
from ledger.vault import Keyring, at_rest, carried

KEYS = OUT / "data" / "keys"
_FIRST_YEAR = 1940
_NAMES = ("王伟", "李娜", "张敏", "刘洋", "陈静")
_COPY = (
    b"COPY identity (digest, person_id, recorded_at, role, number_sealed, name_sealed, name_digest, nth)"
    b" FROM STDIN (FORMAT BINARY)"
)
_TYPES = ("bytea", "int8", "timestamptz", "int2", "bytea", "bytea", "bytea", "int4")
_COPY_KEYS = b"COPY person_key (ref, recorded_at, wrapped) FROM STDIN (FORMAT BINARY)"
_KEY_TYPES = ("bytea", "timestamptz", "bytea")
_TOGETHER = 10_000


def keyring() -> Keyring:
    """The keys of the bench, made when they are missing; the service under test has the same."""
    return Keyring.create(KEYS)


def person_id(i: int) -> int:
    """The number of the person behind the i-th book."""
    return 1_000_000_000 + i


def id_number(i: int) -> str:
    """The ID number of the person behind the i-th book. No two are equal, up to 18 million."""
    day, sequence = divmod(i, 999)
    year, rest = divmod(day, 12 * 28)
    month, day = divmod(rest, 28)
    body = f"119999{_FIRST_YEAR + year}{month + 1:02d}{day + 1:02d}{sequence + 1:03d}"
    return body + check_digit(body)


def write_people(
    connection: psycopg.Connection[Any], first: int, last: int, now: datetime, today: date
) -> None:
    """Somebody behind every book from the first to the last, sealed as the service does it.

    The openings of the books say so.
    """
    keys = keyring()
    for start in range(first, last + 1, _TOGETHER):
        some = range(start, min(start + _TOGETHER, last + 1))
        stakes = {i: stake_by_number(id_number(i), _NAMES[i % len(_NAMES)], keys, today)[0] for i in some}
        with connection.cursor() as cursor:
            with cursor.copy(_COPY) as copy:
                copy.set_types(_TYPES)
                for i, stake in stakes.items():
                    copy.write_row((
                        stake.digest, person_id(i), now, ROLE_CURRENT, at_rest(stake.number_sealed or b""),
                        at_rest(stake.name_sealed), stake.name_digest, 1,
                    ))  # fmt: skip
            with cursor.copy(_COPY_KEYS) as copy:
                copy.set_types(_KEY_TYPES)
                for stake in stakes.values():
                    key = carried(stake.name_sealed)
                    if key is not None:
                        copy.write_row((key.ref, now, key.wrapped))
