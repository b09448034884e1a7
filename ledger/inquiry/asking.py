"""Who stands behind an account, and who wrote something down of them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from ledger import tables
from ledger.people.id_numbers import birth_date_in
from ledger.people.person_keys import beside
from ledger.people.persons import ROLE_CURRENT, open_number
from ledger.posting.agents import agent_ids
from ledger.posting.merges import survivor
from ledger.refusals import RefusalCode, Refused
from ledger.reports import find_book
from ledger.vault import Keyring, carrying, is_erased

_B, _I, _K = tables.book.c, tables.identity.c, tables.person_key.c


class Clerk(NamedTuple):
    """The system that calls, the person who acts, and when."""

    caller: str
    actor: str
    now: datetime
    today: date

    def row(self, connection: Connection) -> dict[str, Any]:
        """What of it a row keeps. Outside a transaction: a name that is new gets its number in its own."""
        agents = agent_ids(connection, {self.caller, self.actor}, self.now)
        return {
            "recorded_at": self.now,
            "caller": agents[self.caller],
            "actor": agents[self.actor],
        }


class AccountHolder(NamedTuple):
    """Whose an account is."""

    person_id: int
    died_on: date | None


def account_holder(connection: Connection, book_id: int) -> AccountHolder:
    """The person behind an account. Raises Refused(account_not_found)."""
    row = connection.execute(
        select(_B.person_id, _B.died_on).where(_B.book_id == book_id, _B.person_id.is_not(None))
    ).one_or_none()
    if row is None:
        raise Refused(RefusalCode.ACCOUNT_NOT_FOUND, at="book")
    return AccountHolder(row.person_id, row.died_on)


def current_digest(connection: Connection, person_id: int) -> bytes | None:
    """What the number is found by that a person is known by now; None where nobody has that number."""
    digest = connection.scalar(
        select(_I.digest)
        .where(_I.person_id == survivor(connection, person_id), _I.role == ROLE_CURRENT)
        .limit(1)
    )
    return None if digest is None else bytes(digest)


def account_of(connection: Connection, person_id: int) -> int:
    """The account of a person: the one that is not closed, else the latest. Raises Refused."""
    digest = current_digest(connection, person_id)
    if digest is None:
        raise Refused(RefusalCode.ACCOUNT_NOT_FOUND, at="book")
    return find_book(connection, digest)


def birth_of(connection: Connection, keyring: Keyring, person_id: int) -> date | None:
    """The earliest birth that one of a person's ID numbers says; None where no number is known."""
    rows = connection.execute(
        select(_I.digest, _I.number_sealed, _K.wrapped)
        .join_from(tables.identity, tables.person_key, beside(_I.number_sealed), isouter=True)
        .where(_I.person_id == person_id, _I.number_sealed.is_not(None))
    )
    numbers = ((bytes(digest), carrying(key, sealed)) for digest, sealed, key in rows)
    born = (
        birth_date_in(open_number(sealed, digest, keyring))
        for digest, sealed in numbers
        if not is_erased(sealed)
    )
    return min(born, default=None)
