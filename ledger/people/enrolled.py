"""How a person is enrolled, as commands ask for it: read for many books, or by one look."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists

from ledger import tables
from ledger.book.beside import RowKind, plain
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.chart.rows import RowLetter
from ledger.database.lookups import Ask, Lookup
from ledger.people.membership import Enrolment, EnrolmentRow, same_enrolment
from ledger.posting import Command, Desk, Look, Need, Receipt, WiderLocks
from ledger.posting.holdings import ACCOUNT, books_held
from ledger.posting.needs import Asked, own_books
from ledger.refusals import RefusalCode, Refused

# by book, in the order in which they were recorded
Enrolments = dict[int, list[Enrolment]]

# what stands in front of a person's digest where the resident's book is meant
RESIDENT = b"resident"

ENROLMENT_ROW = RowKind("enrolment", RowLetter.ENROLMENT, EnrolmentRow, told=plain)

_N = tables.enrolment.c


def _keep(found: Enrolments, _desk: object, book_id: int, values: Sequence[Any]) -> None:
    seq, member_class, *rest = values
    found.setdefault(book_id, []).append(Enrolment(seq, MemberClass(member_class), *rest))


# those that stand: an end acts on its enrolment and takes its place, a reversal takes nothing's
_LOOK: Look[Enrolments] = Look(
    "enrolment n",
    {
        "n.seq": _N.seq,
        "n.member_class": _N.member_class,
        "n.employer_id": _N.employer_id,
        "n.valid_from": _N.valid_from,
        "n.valid_to": _N.valid_to,
        "n.subsidy_group": _N.subsidy_group,
    },
    "n.book_id = {book}",
    begin=dict,
    keep=_keep,
    where="NOT EXISTS (SELECT 1 FROM entry x WHERE x.book_id = n.book_id AND x.target_seq = n.seq)",
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


def _ahead(asked: Asked, _desk: Desk) -> list[Ask]:
    # most look at nobody else
    return [_LOOK.ask(sorted({book_id for book_id, _command in asked}))]


def _follow(found: Enrolments, _desk: Desk, receipt: Receipt, beside: Sequence[Any]) -> None:
    for row in ENROLMENT_ROW.among(beside):
        standing = [one for one in found.get(receipt.book_id, ()) if one.seq != row.replaces_seq]
        new = Enrolment(
            receipt.seq,
            MemberClass(row.member_class),
            row.employer_id,
            row.valid_from,
            row.valid_to,
            row.subsidy_group,
        )
        found[receipt.book_id] = [*standing, new]
    if receipt.kind is Kind.REVERSAL and receipt.book_id in found:
        found[receipt.book_id] = [one for one in found[receipt.book_id] if one.seq != receipt.target_seq]


def stands(enrolled: Any) -> ColumnElement[bool]:
    """Whether an enrolment, by the columns of its row, was neither ended on another day nor taken back."""
    acting = tables.entry.alias().c
    return ~exists().where(acting.book_id == enrolled.book_id, acting.target_seq == enrolled.seq)


# the enrolments of this book, and of those that it looks at
ENROLMENTS: Need[Enrolments] = Need("enrolments", _read, look=_LOOK, ahead=_ahead, follow=_follow)


# by book, every row that was ever recorded by its number: the row that it took the place of, and its last day
Recorded = dict[int, dict[int, tuple[int | None, date | None]]]

_RECORDED = Lookup(
    "SELECT n.book_id, n.seq, n.replaces_seq, n.valid_to FROM {given}"
    " JOIN enrolment n ON n.book_id = given.book_id",
    [_N.book_id, _N.seq, _N.replaces_seq, _N.valid_to],
    book_id="big",
)


def _read_recorded(connection: Connection, asked: Asked, desk: Desk) -> Recorded:
    found: Recorded = {}
    for book_id, seq, *said in _RECORDED.run(connection, [(one,) for one in own_books(asked, desk)]):
        replaces, last = said
        found.setdefault(book_id, {})[seq] = (replaces, last)
    return found


def _follow_recorded(found: Recorded, _desk: Desk, receipt: Receipt, beside: Sequence[Any]) -> None:
    for row in ENROLMENT_ROW.among(beside):
        found.setdefault(receipt.book_id, {})[receipt.seq] = (row.replaces_seq, row.valid_to)


# the enrolments of this book and all their ends
RECORDED: Need[Recorded] = Need("enrolments recorded", _read_recorded, follow=_follow_recorded)


def last_day_at_first(desk: Desk, seq: int) -> date | None:
    """The last day with which the enrolment was recorded that `seq` is, or is an end of; None for no last
    day. The command needs RECORDED.
    """
    recorded = desk.of(RECORDED)[desk.book.book_id]
    replaces, last = recorded[seq]
    while replaces is not None:
        replaces, last = recorded[replaces]
    return last


def _read_elsewhere(connection: Connection, asked: Asked, desk: Desk) -> Enrolments:
    persons = {book_id: desk.books[book_id].person_id for book_id in own_books(asked, desk)}
    schemes = (ACCOUNT, RESIDENT)
    holders = {(scheme, person) for person in persons.values() if person is not None for scheme in schemes}
    held = books_held(connection, holders)
    others = {
        book_id: [
            other for scheme in schemes for other in held.get((scheme, person or 0), ()) if other != book_id
        ]
        for book_id, person in persons.items()
    }
    found = read_enrolments(connection, (other for some in others.values() for other in some))
    return {
        book_id: [one for other in some for one in found.get(other, ())] for book_id, some in others.items()
    }


def already_there(desk: Desk, command: Command, sought: Enrolment) -> Receipt | None:
    """The entry of the enrolment that says the same and was recorded before, if any.

    Raises Refused(enrolment_differs) when it has another last day: an enrolment is ended by its name. One
    that was ended meanwhile is there all the same when it is sent as it was.
    """
    book_id = desk.book.book_id
    known = same_enrolment(desk.of(ENROLMENTS).get(book_id, ()), sought)
    if known is None:
        return None
    entry = desk.target(known.seq)
    if entry is None:
        # which entry it is was not known before
        command.target_seq = known.seq
        raise WiderLocks(())
    told, stands = sought.last or date.max, known.last or date.max
    if told < stands or (told > stands and entry.kind is not Kind.ENROLMENT_END):
        raise Refused(RefusalCode.ENROLMENT_DIFFERS, at="valid_to")
    return entry


# what the other books of a person say of insurance: the resident's, an account closed before
ELSEWHERE: Need[Enrolments] = Need("enrolments elsewhere", _read_elsewhere)
