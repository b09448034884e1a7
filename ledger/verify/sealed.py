"""What stands sealed beside what it is compared by: bank details, cards, people of other agencies' requests.

What it is compared by is in an entry, or finds a person; what stands sealed is what is paid to and shown. It
is sealed anew when keys change, so that nothing in the database holds the one against the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, null, select

from ledger import tables
from ledger.estates import payout_reports
from ledger.inquiry import agency_requests, cards
from ledger.people.persons import digest_of_number
from ledger.vault import Keyring, KeyringError, is_erased
from ledger.verify.erased import went_with
from ledger.verify.finding import Finding, line_name
from ledger.verify.streams import streamed

_P, _C, _A = tables.estate_payout.c, tables.card.c, tables.agency_request_person.c


class _Sealed(NamedTuple):
    """A kind of sealed values. Of a row come first its digest and its seal."""

    rows: Select[Any]
    of_book: ColumnElement[int] | None
    what: str
    where: Callable[[Any], str]
    context: Callable[[Any], bytes]
    digest: Callable[[str, Keyring], bytes]


_KINDS: Final = (
    _Sealed(
        select(_P.digest, _P.sealed, _P.book_id, _P.seq, _P.person_id).order_by(_P.book_id, _P.seq),
        _P.book_id,
        "the bank details",
        lambda row: line_name(row.book_id, row.seq),
        lambda row: payout_reports.context(bytes(row.digest)),
        payout_reports.details_digest,
    ),
    _Sealed(
        select(_C.digest, _C.number_sealed.label("sealed"), _C.name, _C.person_id).order_by(_C.name),
        None,
        "the number of the card",
        lambda row: f"card {row.name}",
        lambda row: cards.context(bytes(row.digest)),
        cards.card_digest,
    ),
    _Sealed(
        select(
            _A.person.label("digest"), _A.number_sealed.label("sealed"), _A.request_id, _A.place,
            # a number finds another person than it did, where people shared it
            null().label("person_id"),
        ).order_by(_A.request_id, _A.place),
        None,
        "the ID number",
        lambda row: f"request {row.request_id}/{row.place}",
        lambda row: agency_requests.context(row.request_id, row.place),
        digest_of_number,
    ),
)  # fmt: skip


def sealed_values_are_what_they_are_compared_by(
    connection: Connection, keyring: Keyring, first: int, last: int
) -> Iterator[Finding]:
    """Each opens and makes its digest, or was erased with the person whom it is about."""
    for kind in _KINDS:
        rows = kind.rows if kind.of_book is None else kind.rows.where(kind.of_book.between(first, last))
        for row in streamed(connection, rows):
            wrong = _fault(connection, keyring, kind, row)
            if wrong is not None:
                yield Finding("sealed_wrong", kind.where(row), f"what stands sealed as {kind.what} {wrong}")


def _fault(connection: Connection, keyring: Keyring, kind: _Sealed, row: Any) -> str | None:
    sealed = bytes(row.sealed)
    if is_erased(sealed):
        return None if went_with(connection, sealed, row.person_id) else "was erased without whom it is about"
    try:
        text = keyring.open(sealed, kind.context(row))
    except KeyringError:
        return "does not open"
    if kind.digest(text, keyring) != bytes(row.digest):
        return "is not what it is compared by"
    return None
