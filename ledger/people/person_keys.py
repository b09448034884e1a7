"""The keys of people: which lies beside a sealed value, and which is somebody's own.

Names, numbers and whatever is recorded of a person are sealed with a key of the person's own. It lies in
`person_key` and is erased there, once nobody has a right to know any more who it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, select

from ledger import tables
from ledger.posting.merges import survivor
from ledger.vault import REF_BYTES, WRAPPED_BYTES, Keyring, PersonKey, carried, carrying, is_erased

_AT: Final = 2
_I, _K = tables.identity.c, tables.person_key.c


def beside(sealed: Any, keys: Any = tables.person_key) -> ColumnElement[bool]:
    """On what the key is joined with which a column is sealed; `keys` is the table, or an alias of it."""
    same: ColumnElement[bool] = keys.c.ref == func.substr(sealed, _AT, REF_BYTES)
    return same


def beside_sql(sealed: str) -> str:
    """The same as text: the key `k` beside a column."""
    return f"LEFT JOIN person_key k ON k.ref = substr({sealed}, {_AT}, {REF_BYTES})"


def key_of_person(connection: Connection, keyring: Keyring, person_id: int) -> PersonKey | None:
    """The key that a person was written down with, first by the number in force; of one whose account went
    into another, the other's.

    None for somebody without one: whom an older version wrote down, who is not known, or whose was erased.
    """
    query = (
        select(_I.name_sealed, _K.wrapped)
        .join_from(tables.identity, tables.person_key, beside(_I.name_sealed), isouter=True)
        .where(_I.person_id == survivor(connection, person_id))
        .order_by(_I.role, _I.recorded_at, _I.digest)
    )
    for sealed, wrapped in connection.execute(query):
        value = carrying(wrapped, bytes(sealed))
        if not is_erased(value):
            return keyring.key_of(value)
    return None


def own_key(connection: Connection, keyring: Keyring, person_id: int, now: datetime) -> PersonKey:
    """The key of a person, which is made for somebody without one. Within the transaction that is given."""
    key = key_of_person(connection, keyring, person_id)
    if key is None:
        key = keyring.person_key()
        connection.execute(
            tables.person_key.insert(), {"ref": key.ref, "recorded_at": now, "wrapped": key.wrapped}
        )
    return key


def with_keys_of_now(connection: Connection, values: Iterable[bytes]) -> dict[bytes, bytes]:
    """Of some values those that carry a key which lies here, each as it is with that key as it lies now.

    What waits carries the key as it was when it was asked for. Meanwhile it may have been sealed anew, and
    the installation's key of then taken away; or erased: then the value carries none. A key that lies nowhere
    was made for the request alone. Within the transaction that is given. Raises KeyringError.
    """
    found = {value: carried(value) for value in values if len(value) > WRAPPED_BYTES}
    refs = sorted({one.ref for one in found.values() if one is not None})
    if not refs:
        return {}
    query = select(_K.ref, _K.wrapped).where(_K.ref.in_(refs))
    lying = {bytes(ref): wrapped for ref, wrapped in connection.execute(query)}
    return {
        value: carrying(lying[one.ref], one.sealed)
        for value, one in found.items()
        if one is not None and one.ref in lying
    }
