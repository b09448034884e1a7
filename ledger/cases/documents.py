"""Whose a printed document is that a case is about."""

from __future__ import annotations

from sqlalchemy import Connection

from ledger.refusals import RefusalCode, Refused


def book_of_document(_connection: Connection, _name: str) -> int:
    """The account, or the employer's book, that a document was made of.

    There are no documents yet: whatever is named, cases about one are not offered.
    """
    raise Refused(RefusalCode.VERB_NOT_OFFERED, at="about/document")
