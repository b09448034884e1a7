"""Kinds of cases, what a case is about, and what becomes of it: numbers of their tables (R64, art. 4)."""

from __future__ import annotations

from enum import IntEnum


class CaseKind(IntEnum):
    """What somebody wants."""

    QUESTION = 1
    COMPLAINT = 2
    # review what was decided or booked, with evidence
    OBJECTION = 3
    # the unit does not pay, or does not declare
    UNIT_SUPERVISION = 4

    @property
    def word(self) -> str:
        return self.name.lower()


class CaseAbout(IntEnum):
    """What of the ledger a case is about."""

    ACCOUNT = 1
    EMPLOYER = 2
    ENTRY = 3
    DOCUMENT = 4

    @property
    def word(self) -> str:
        return self.name.lower()


class CaseOutcome(IntEnum):
    """What is answered."""

    UPHELD = 1
    PARTLY_UPHELD = 2
    REJECTED = 3
    ANSWERED = 4
    # who opened it wants it no longer
    WITHDRAWN = 5

    @property
    def word(self) -> str:
        return self.name.lower()


KIND_OF: dict[str, CaseKind] = {one.word: one for one in CaseKind}
OUTCOME_OF: dict[str, CaseOutcome] = {one.word: one for one in CaseOutcome}
