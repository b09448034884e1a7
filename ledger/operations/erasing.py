"""`python -m ledger keys erase`: the key of somebody whose account was closed long ago is destroyed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any, Final

from sqlalchemy import Connection, func, select, update

from ledger import tables
from ledger.book.detail import unpack
from ledger.book.numbers import account_no, entry_name
from ledger.clock import now_and_today
from ledger.operations.cli import Answer
from ledger.operations.installation import NotReady, at_work
from ledger.operations.resealing import forget_keys
from ledger.operations.sealed_columns import SEALED_COLUMNS, SealedColumn
from ledger.people import persons
from ledger.people.erasure import EraseHolder, is_closed, numbers_of_one
from ledger.people.person_keys import own_key
from ledger.posting import Posted, Receipt, Unavailable
from ledger.posting.way_in import post
from ledger.settings import Settings
from ledger.vault import FORMS, FORMS_FOR_PERSONS, REF_BYTES, Keyring, PersonKey

_CALLER: Final = "keys"
_K, _B = tables.person_key.c, tables.book.c
# what is sealed beside a person's number
_OF_PEOPLE: Final = tuple(one for one in SEALED_COLUMNS if "person_id" in one.table.columns)


def erase(settings: Settings, account: str, document: str, actor: str) -> Answer:
    """Destroy the key of the holder of a closed account. Raises Refused as `EraseHolder` does."""
    with at_work(settings) as (opened, connection):
        now, today = now_and_today()
        book = persons.account_ref(account, opened.keyring, today)
        command = EraseHolder(book, document, _CALLER, actor)
        destroying = partial(_destroyed, opened.keyring, now)
        outcome = post(connection, [command], now, today, opened.policies, beside=destroying)[0]
        if not isinstance(outcome, Posted):
            raise NotReady(str(outcome)) if isinstance(outcome, Unavailable) else outcome
        receipt = outcome.receipt
        if not outcome.created:
            # what came since goes too, but not of somebody who came back
            with connection.begin():
                if is_closed(connection, receipt.book_id):
                    destroy_key(connection, opened.keyring, receipt, now)
    return {
        "account": account_no(receipt.book_id),
        "entry": entry_name(receipt.book_id, receipt.seq),
        **unpack(receipt.detail),
        "replayed": not outcome.created,
    }, True


def _destroyed(keyring: Keyring, now: datetime, connection: Connection, outcomes: Sequence[Any]) -> None:
    for outcome in outcomes:
        if isinstance(outcome, Posted) and outcome.created:
            destroy_key(connection, keyring, outcome.receipt, now)


def destroy_key(connection: Connection, keyring: Keyring, receipt: Receipt, now: datetime) -> None:
    """Destroy the key of the holder of a book, by the entry that says so, within its transaction.

    What of the person an older version sealed under a key of the installation is sealed with the key first,
    so that nothing outlives it.
    """
    person_id = connection.scalar(select(_B.person_id).where(_B.book_id == receipt.book_id))
    if person_id is None:
        raise AssertionError("only an account has a holder")
    people = numbers_of_one(connection, person_id)
    # made for somebody without one, and once
    own = cache(partial(own_key, connection, keyring, person_id, now))
    refs: set[bytes] = set()
    for one in _OF_PEOPLE:
        mine = one.table.c.person_id.in_(people)
        refs |= _take_along(connection, keyring, one, mine, own)
        form = func.substr(one.column, 1, 1)
        named = select(func.substr(one.column, 2, REF_BYTES)).where(mine, form.in_(sorted(FORMS_FOR_PERSONS)))
        refs |= {bytes(ref) for ref in connection.scalars(named.distinct())}
    connection.execute(
        update(tables.person_key)
        .where(_K.ref.in_(sorted(refs)), _K.wrapped.is_not(None))
        .values(wrapped=None, erased_in=receipt.book_id, erased_by=receipt.seq)
    )
    forget_keys(connection, keyring, refs)


def _take_along(
    connection: Connection, keyring: Keyring, one: SealedColumn, mine: Any, own_key: Callable[[], PersonKey]
) -> set[bytes]:
    """Seal with the key of the person what an older version sealed otherwise; that key, if it was needed."""
    refs: set[bytes] = set()
    key = list(one.table.primary_key.columns)
    names = {*(column.name for column in key), one.name, *one.needs}
    query = select(*(one.table.c[name] for name in sorted(names)))
    ours = func.substr(one.column, 1, 1).in_(sorted(FORMS))
    for found in connection.execute(query.where(mine, ours)).mappings().all():
        row = {
            name: bytes(value) if isinstance(value, memoryview) else value for name, value in found.items()
        }
        context = one.context(row)
        own = own_key()
        refs.add(own.ref)
        sealed = own.seal_bytes(keyring.open_bytes(row[one.name], context), context)
        which = [column == row[column.name] for column in key]
        connection.execute(update(one.table).where(*which).values({one.name: sealed}))
    return refs
