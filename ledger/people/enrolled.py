"""How a person is enrolled, as commands ask for it: read for many books, or by one look."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from ledger import tables
from ledger.book.beside import RowKind, plain
from ledger.chart.members import MemberClass
from ledger.chart.rows import RowLetter
from ledger.people.membership import Enrolment, EnrolmentRow
from ledger.posting import Desk, Look, Need, Receipt
from ledger.posting.needs import Asked

# by book, in the order in which they were recorded
Enrolments = dict[int, list[Enrolment]]

ENROLMENT_ROW = RowKind("enrolment", RowLetter.ENROLMENT, EnrolmentRow, told=plain)

_N = tables.enrolment.c


def _keep(found: Enrolments, _desk: object, book_id: int, values: Sequence[Any]) -> None:
    seq, member_class, employer_id, first, last = values
    found.setdefault(book_id, []).append(Enrolment(seq, MemberClass(member_class), employer_id, first, last))


# those that nothing took the place of
_LOOK: Look[Enrolments] = Look(
    "enrolment n",
    {
        "n.seq": _N.seq,
        "n.member_class": _N.member_class,
        "n.employer_id": _N.employer_id,
        "n.valid_from": _N.valid_from,
        "n.valid_to": _N.valid_to,
    },
    "n.book_id = {book}",
    begin=dict,
    keep=_keep,
    where="NOT EXISTS (SELECT 1 FROM enrolment x WHERE x.book_id = n.book_id AND x.replaces_seq = n.seq)",
    order="n.seq",
)


def read_enrolments(connection: Connection, book_ids: Iterable[int]) -> Enrolments:
    """The enrolments that nothing took the place of, by account, in the order they were recorded."""
    found: Enrolments = {}
    for book_id, *values in _LOOK.rows(connection, sorted(set(book_ids))):
        _keep(found, None, book_id, values)
    return found


def _read(connection: Connection, asked: Asked, desk: Desk) -> Enrolments:
    own = {book_id for book_id, _command in asked if book_id in desk.books}
    named = {account for book_id, command in asked for account in command.looks_at(desk, book_id)}
    return read_enrolments(connection, own | named)


def _follow(found: Enrolments, _desk: Desk, receipt: Receipt, beside: Sequence[Any]) -> None:
    for row in ENROLMENT_ROW.among(beside):
        standing = [one for one in found.get(receipt.book_id, ()) if one.seq != row.replaces_seq]
        new = Enrolment(
            receipt.seq, MemberClass(row.member_class), row.employer_id, row.valid_from, row.valid_to
        )
        found[receipt.book_id] = [*standing, new]


# the enrolments of this book, and of those that it looks at
ENROLMENTS: Need[Enrolments] = Need("enrolments", _read, look=_LOOK, follow=_follow)
