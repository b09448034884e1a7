"""Everything that one person may be written down under: numbers, accounts, the resident's book."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, select

from ledger import tables
from ledger.people.enrolled import RESIDENT
from ledger.people.merged import persons_of
from ledger.people.residents import resident_ref
from ledger.people.shared_numbers import names_nobody
from ledger.posting import BookRef
from ledger.posting.holdings import ACCOUNT, books_held
from ledger.posting.merges import survivor
from ledger.refusals import RefusalCode, Refused
from ledger.reports import find_book

_I, _B, _M = tables.identity.c, tables.book.c, tables.account_merge.c


class Holder(NamedTuple):
    """A person as the ledger has them.

    `person_id` is None for somebody whom nobody has written down. `digests` are those of all ID numbers, the
    one that was asked for among them. `accounts` are all that the person ever had: those that went
    into another one, and then the others, the one that counts last.
    """

    person_id: int | None
    digests: tuple[bytes, ...]
    accounts: tuple[int, ...] = ()
    resident: int | None = None

    @property
    def books(self) -> tuple[int, ...]:
        """Every book of the person, the one that counts first: the last account, else the resident's."""
        others = () if self.resident is None else (self.resident,)
        return (*self.accounts[:-2:-1], *self.accounts[:-1], *others)


def holder_of(connection: Connection, digest: bytes) -> Holder:
    """The person behind the digest of an ID number, also an older one (R4); of a stranger that alone.

    Nobody is behind one that two people shared and that is in force for neither.
    """
    person_id = connection.scalar(select(_I.person_id).where(_I.digest == digest))
    if person_id is None or names_nobody(connection, digest):
        return Holder(None, (digest,))
    return _holder(connection, person_id)


def holder_of_book(connection: Connection, book_id: int) -> Holder:
    """The person whose book it is. Raises Refused(account_not_found)."""
    person_id = connection.scalar(select(_B.person_id).where(_B.book_id == book_id))
    if person_id is None:
        raise Refused(RefusalCode.ACCOUNT_NOT_FOUND, at="book")
    return _holder(connection, person_id)


def _holder(connection: Connection, person_id: int) -> Holder:
    person_id = survivor(connection, person_id)
    went = connection.scalars(
        select(_M.book_id).where(_M.person_id.in_(persons_of(connection, person_id))).order_by(_M.book_id)
    ).all()
    digests = connection.scalars(select(_I.digest).where(_I.person_id == person_id).order_by(_I.role))
    held = books_held(connection, [(ACCOUNT, person_id), (RESIDENT, person_id)])
    resident = held.get((RESIDENT, person_id), [])
    return Holder(
        person_id,
        tuple(bytes(one) for one in digests),
        (*went, *held.get((ACCOUNT, person_id), ())),
        resident[-1] if resident else None,
    )


def insured_book(connection: Connection, digest: bytes) -> int:
    """The account of a person, or the resident's book of one who has none. Raises Refused."""
    try:
        return find_book(connection, digest)
    except Refused:
        return find_book(connection, resident_ref(digest))


def book_named(connection: Connection, ref: BookRef) -> int:
    """The account that a caller names; by an ID number, of one who has none, the resident's book.

    Raises Refused(account_not_found).
    """
    return insured_book(connection, ref) if isinstance(ref, bytes) else find_book(connection, ref)
