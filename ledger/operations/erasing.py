"""`python -m ledger keys erase`: the key of somebody whose account was closed long ago is destroyed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, func, or_, select, update

from ledger import tables
from ledger.book.detail import unpack
from ledger.book.numbers import account_no, entry_name
from ledger.clock import now_and_today
from ledger.documents.issuing import hold_contents
from ledger.operations.cli import Answer
from ledger.operations.installation import NotReady, at_work
from ledger.operations.one_person import one_person
from ledger.operations.resealing import columns_by_table, document_seal, forget_person, plain_row
from ledger.operations.sealed_columns import SealedColumn
from ledger.people import persons
from ledger.people.erasure import EraseHolder, is_closed
from ledger.people.person_keys import own_key
from ledger.posting import Posted, Receipt, Unavailable
from ledger.posting.way_in import post
from ledger.settings import Settings
from ledger.tables import document
from ledger.vault import FORMS, FORMS_FOR_PERSONS, REF_BYTES, Keyring, PersonKey

_CALLER: Final = "keys"
_K, _B = tables.person_key.c, tables.book.c
_TOGETHER: Final = 200
_FEW: Final = 20
"""How many documents are read together: the facts of each may be some hundred kilobytes."""
_OURS: Final = "ours "


def erase(settings: Settings, account: str, document: str, actor: str) -> Answer:
    """Destroy the key of the holder of a closed account. Raises Refused as `EraseHolder` does."""
    with at_work(settings) as (opened, connection):
        now, today = now_and_today()
        book = persons.account_ref(account, opened.keyring, today)
        command = EraseHolder(book, document, _CALLER, actor)
        destroying = partial(_destroyed, opened.keyring, now)
        outcome = post(
            connection, [command], now, today, opened.policies, beside=destroying, clock=now_and_today
        )[0]
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

    What of the person is sealed under a key of the installation gets the person's key first, and nothing in
    it, so that nothing outlives the key.
    """
    person_id = connection.scalar(select(_B.person_id).where(_B.book_id == receipt.book_id))
    if person_id is None:
        raise AssertionError("only an account has a holder")
    # or somebody would write down what is erased, who read it before
    hold_contents(connection)
    one = one_person(connection, person_id)
    # made for somebody without one, and once
    own = cache(partial(own_key, connection, keyring, person_id, now))
    refs: set[bytes] = set()
    for table, columns in columns_by_table().items():
        whose = columns[0].whose
        if whose is None:
            continue
        mine = whose(one)
        if _take_along(connection, keyring, table, columns, mine, own):
            refs.add(own().ref)
        for sealed in columns:
            if sealed.for_people:
                refs |= _keys_named(connection, sealed, mine)
    connection.execute(
        update(tables.person_key)
        .where(_K.ref.in_(sorted(refs)), _K.wrapped.is_not(None))
        .values(wrapped=None, erased_in=receipt.book_id, erased_by=receipt.seq)
    )
    forget_person(connection, keyring, one, refs)


def _keys_named(connection: Connection, sealed: SealedColumn, mine: ColumnElement[bool]) -> set[bytes]:
    """The keys of the person that some rows name."""
    ref = select(func.substr(sealed.column, 2, REF_BYTES))
    named = ref.where(mine, _form(sealed).in_(sorted(FORMS_FOR_PERSONS)))
    return {bytes(one) for one in connection.scalars(named.distinct())}


def _form(sealed: SealedColumn) -> ColumnElement[bytes]:
    return func.substr(sealed.column, 1, 1)


def _take_along(
    connection: Connection,
    keyring: Keyring,
    table: Table,
    columns: Sequence[SealedColumn],
    mine: ColumnElement[bool],
    own_key: Callable[[], PersonKey],
) -> bool:
    """Seal nothing with the key of the person where something is sealed otherwise; whether there was any.

    What is there is not opened, nor read but where a digest is over it: how much it is, and whether it is
    damaged, does not matter.
    """
    key = list(table.primary_key.columns)
    names = {*(column.name for column in key), *(name for sealed in columns for name in sealed.needs)}
    if table is document:
        names = {column.name for column in table.columns}
    is_ours = [_form(sealed).in_(sorted(FORMS)) for sealed in columns]
    query = (
        select(
            *(table.c[name] for name in sorted(names)),
            *(ours.label(_OURS + sealed.name) for sealed, ours in zip(columns, is_ours, strict=True)),
        )
        .where(mine, or_(*is_ours))
        .limit(_FEW if table is document else _TOGETHER)
    )
    taken = False
    # what was taken along is not found again
    while rows := [plain_row(row) for row in connection.execute(query).mappings()]:
        own, taken = own_key(), True
        for row in rows:
            anew = {
                sealed.name: own.seal_bytes(b"", sealed.context(row))
                for sealed in columns
                if row[_OURS + sealed.name]
            }
            seal = document_seal(keyring, row, anew) if table is document else None
            # one that was changed by others does not become sound by it
            values = anew if seal is None else anew | {"seal": seal}
            which = [column == row[column.name] for column in key]
            connection.execute(update(table).where(*which).values(values))
    return taken
