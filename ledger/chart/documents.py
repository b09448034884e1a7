"""The kinds of documents that are handed out: numbers of the database, only ever added to."""

from __future__ import annotations

from enum import IntEnum


class DocumentKind(IntEnum):
    """What a printed document is."""

    PAYMENT_LIST = 1
    ACCOUNT_LIST = 2
    INSURED_PROOF = 3
    YEARLY_STATEMENT = 4
    SETTLEMENT_SHEET = 5
    ANNUAL_SETTLEMENT = 6
    STAFF_LIST = 7

    @property
    def word(self) -> str:
        """The kind as callers see it: `payment_list`."""
        return self.name.lower()


DOCUMENT_KINDS: dict[str, DocumentKind] = {kind.word: kind for kind in DocumentKind}
