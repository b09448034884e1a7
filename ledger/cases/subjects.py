"""What a case is about: an account, an employer, an entry of one, or a document; and who may name it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, select

from ledger import tables
from ledger.book.numbers import account_no, entry_name, parse_entry_name, party_of
from ledger.chart.cases import CaseAbout
from ledger.chart.parties import Party
from ledger.contributions import employers
from ledger.documents.issuing import find_said, listed
from ledger.inquiry.holders import book_named
from ledger.policy import Policy
from ledger.posting import BookRef
from ledger.refusals import RefusalCode, Refused

_B, _E, _EMPLOYER = tables.book.c, tables.entry.c, tables.employer.c
# institutions have their days and bills compared instead
_OF: frozenset[Party | None] = frozenset({Party.PERSON, Party.RESIDENT, Party.EMPLOYER})


class Subject(NamedTuple):
    """What a case is about. `book_id` is whose it is: a person's book or an employer's."""

    about: CaseAbout
    book_id: int
    entry_seq: int | None = None
    document: str | None = None

    @property
    def is_employers(self) -> bool:
        """Whether it is an employer's and no person's."""
        return party_of(self.book_id) is Party.EMPLOYER


Within = Collection[int] | None
"""The books of which somebody may name something; None: all."""


def of_account(connection: Connection, ref: BookRef, within: Within) -> Subject:
    """An account, or the book of somebody who is insured as a resident. Raises Refused(account_not_found)."""
    try:
        book_id = book_named(connection, ref)
    except Refused:
        raise Refused(RefusalCode.ACCOUNT_NOT_FOUND, at="about/account") from None
    if not _is_within(book_id, within):
        raise Refused(RefusalCode.ACCOUNT_NOT_FOUND, at="about/account")
    return Subject(CaseAbout.ACCOUNT, book_id)


def of_employer(connection: Connection, credit_code: str, within: Within) -> Subject:
    """An employer. Raises Refused: credit_code_invalid, employer_not_found."""
    try:
        found = employers.find(connection, credit_code)
    except Refused as refused:
        refused.at = "about/employer"
        raise
    if not _is_within(found.book_id, within):
        raise Refused(RefusalCode.EMPLOYER_NOT_FOUND, at="about/employer")
    return Subject(CaseAbout.EMPLOYER, found.book_id)


def of_entry(connection: Connection, name: str, within: Within) -> Subject:
    """An entry of an account or of an employer. Raises Refused(entry_not_found), for somebody else's too."""
    book_id, seq = find_entry(connection, name, "about/entry")
    if not _is_within(book_id, within):
        raise Refused(RefusalCode.ENTRY_NOT_FOUND, at="about/entry")
    return Subject(CaseAbout.ENTRY, book_id, entry_seq=seq)


def of_document(
    connection: Connection, name: str, within: Within, policies: Mapping[int, Policy], today: date
) -> Subject:
    """A document, by its name or the serial number on it.

    Raises Refused(document_not_found), for somebody else's too, and to whoever may not know of it yet.
    """
    found = find_said(connection, name)
    if found is not None and within is not None:
        found = next(iter(listed(connection, [found], policies, today)), None)
    if found is None or not _is_within(found.book_id, within):
        raise Refused(RefusalCode.DOCUMENT_NOT_FOUND, at="about/document")
    return Subject(CaseAbout.DOCUMENT, found.book_id, document=found.name)


def find_entry(connection: Connection, name: str, at: str) -> tuple[int, int]:
    """Book and number of an entry that is there. Raises Refused(entry_not_found)."""
    place = parse_entry_name(name)
    if place is None or party_of(place[0]) not in _OF:
        raise Refused(RefusalCode.ENTRY_NOT_FOUND, at=at)
    if connection.scalar(select(_E.seq).where(_E.book_id == place[0], _E.seq == place[1])) is None:
        raise Refused(RefusalCode.ENTRY_NOT_FOUND, at=at)
    return place


def area_of(connection: Connection, book_id: int) -> int:
    """The area whose rules a case goes by: that of the account or of the employer."""
    area: int | None = connection.scalar(select(_EMPLOYER.area).where(_EMPLOYER.book_id == book_id))
    if area is None:
        area = connection.execute(select(_B.area).where(_B.book_id == book_id)).scalar_one()
    return area


def name_of(subject: Subject, credit_code: str | None) -> str:
    """What callers call it; `credit_code` is that of the employer, where the book is one's."""
    if subject.about is CaseAbout.ENTRY and subject.entry_seq is not None:
        return entry_name(subject.book_id, subject.entry_seq)
    if subject.about is CaseAbout.DOCUMENT and subject.document is not None:
        return subject.document
    return account_no(subject.book_id) if credit_code is None else credit_code


def _is_within(book_id: int, within: Within) -> bool:
    return within is None or book_id in within
