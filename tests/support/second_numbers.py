"""A second ID number that finds the same person, as older versions wrote it down: without an entry (R4).

Since then whoever gets another number gets it by `ChangeNumber`; numbers that were written down before are
said by entries once the run after the upgrade has gone over them, as it does here.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import partial

from sqlalchemy import Connection, select

from ledger import tables
from ledger.people.id_numbers import parse_id_number
from ledger.people.person_keys import key_of_person
from ledger.people.persons import (
    ROLE_ALIAS,
    context_of_name,
    context_of_number,
    number_digest,
    open_name,
    stake_by_number,
)
from ledger.people.whose import say_whose
from ledger.vault import Keyring, carrying
from tests.verify.tampering import with_every_right

_I = tables.identity.c


def write_second_number(
    connection: Connection, keyring: Keyring, *, known_as: str, also: str, now: datetime, today: date
) -> None:
    """Write the row alone, as an older version did."""
    digest = number_digest(parse_id_number(known_as, today), keyring)
    with connection.begin():
        row = connection.execute(
            select(_I.person_id, _I.name_sealed, _I.name_digest).where(_I.digest == digest)
        ).one()
        key = key_of_person(connection, keyring, row.person_id)
    kept = bytes(row.name_sealed)
    name = open_name(carrying(None if key is None else key.wrapped, kept), digest, keyring)
    stake, _parsed = stake_by_number(also, name, keyring, today)
    as_before = partial(_sealed_as_before, keyring)
    # past the trigger, which refuses it since
    with with_every_right(connection.engine) as past:
        past.execute(
            tables.identity.insert().values(
                digest=stake.digest, person_id=row.person_id, recorded_at=now, role=ROLE_ALIAS,
                number_sealed=as_before(stake.number_sealed, context_of_number(stake.digest)),
                name_sealed=as_before(stake.name_sealed, context_of_name(stake.digest)),
                name_digest=bytes(row.name_digest),
            )
        )  # fmt: skip


def _sealed_as_before(keyring: Keyring, carried: bytes | None, context: bytes) -> bytes | None:
    """Under a key of the installation: people had none of their own."""
    return None if carried is None else keyring.seal_anew(carried, context)


def add_alias(
    connection: Connection, keyring: Keyring, *, known_as: str, also: str, now: datetime, today: date
) -> None:
    """Let a second number find a person, and an entry say so. Outside a transaction."""
    write_second_number(connection, keyring, known_as=known_as, also=also, now=now, today=today)
    say_whose(connection, now, today)
