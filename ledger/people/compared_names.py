"""The digests that names are compared by, made anew after the rule of comparing has come to fold more."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, select, update

from ledger import tables
from ledger.people.person_keys import beside
from ledger.people.persons import name_digest, open_name
from ledger.posting import batches
from ledger.vault import Keyring, carrying, is_erased

RULE: Final = 3
"""Counts up when `normalise_name` folds more: 2 folds hyphens, more dots, and the shapes of characters;
3 everything that nobody sees."""

KIND: Final = "names"
_CHUNK: Final = 2_000
_I, _K = tables.identity.c, tables.person_key.c
_PAGE = (
    select(_I.digest, _I.name_sealed, _I.name_digest, _K.wrapped)
    .join_from(tables.identity, tables.person_key, beside(_I.name_sealed), isouter=True)
    .where(_I.digest > bindparam("after"))
    .order_by(_I.digest)
    .limit(_CHUNK)
)
# by which name somebody was written down is said by entries, and has to be said anew
_ANEW = (
    update(tables.identity)
    .where(_I.digest == bindparam("person"))
    .values(name_digest=bindparam("anew"), nth=None)
)


def is_due(connection: Connection) -> bool:
    """Whether the digests were not made by this rule yet."""
    batch = batches.find(connection, _name())
    return batch is None or batch.state != batches.FINISHED


def digest_anew(connection: Connection, keyring: Keyring, now: datetime) -> int:
    """Make every digest by this rule, out of the sealed names; how many are others now.

    In bounded memory, a chunk at a time; killed and started again it begins at the front. Raises
    KeyringError when a name does not open.
    """
    batch = batches.begin(connection, _name(), KIND, now)
    after, changed = b"", 0
    while True:
        with connection.begin():
            rows = connection.execute(_PAGE, {"after": after}).all()
            others = [
                {"person": row.digest, "anew": anew}
                for row in rows
                # whose key was erased is compared as before
                if not is_erased(name := carrying(row.wrapped, row.name_sealed))
                and (anew := name_digest(open_name(name, row.digest, keyring), keyring)) != row.name_digest
            ]
            if others:
                connection.execute(_ANEW, others)
                batches.tally(connection, batch, len(others), 0)
        if not rows:
            break
        changed += len(others)
        after = rows[-1].digest
    batch.state = batches.FINISHED
    batches.save(connection, batch, now, tallied=True)
    return changed


def _name() -> str:
    return f"{KIND}-{RULE}"
