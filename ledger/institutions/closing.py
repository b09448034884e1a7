"""An institution that ends, or is merged into another one, and one that goes on after all (R18).

Bills of days before it are settled, compared and cleared as ever; of later days none are, whatever its
contracts say: these end with it, and count again if it goes on. Its history stays under its own code.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar, Final

from sqlalchemy import Connection

from ledger.bounds.care import CHANGED_FROM
from ledger.chart.kinds import Kind
from ledger.database.locks import wait_for_turn
from ledger.institutions.books import institution_book
from ledger.institutions.changes import record
from ledger.institutions.rows import InstitutionChangeRow
from ledger.posting import Command, Desk, Institution, Need
from ledger.posting.institutions import read_institutions
from ledger.posting.needs import Asked
from ledger.refusals import RefusalCode, Refused

_A_DAY: Final = timedelta(days=1)


def _read_alone(connection: Connection, asked: Asked, desk: Desk) -> bool:
    wait_for_turn(connection, "ends of institutions")
    # what was read before may have changed while it was somebody else's turn
    named = {code for _book_id, command in asked for code in (command.institution, command.into) if code}
    read_institutions(connection, named, desk)
    return True


# the institution, and of a merger the one that takes its place. Neither ends before the commit: a book locks
# one of them, and of two that are merged into each other each would find that the other goes on
_ALONE: Need[bool] = Need("institutions while nobody else ends any", _read_alone)


@dataclass(eq=False)
class EndInstitution(Command):
    """Record the last day of an institution. It may lie ahead; what was settled on later days stands."""

    verb = "end_institution"
    refused_with = (
        RefusalCode.INSTITUTION_UNKNOWN,
        RefusalCode.PERIOD_INVALID,
        RefusalCode.INSTITUTION_ENDED,
    )
    needs = frozenset({_ALONE})
    opens = True

    into: ClassVar[None] = None
    book: int
    institution: str
    # the area in which its book is opened
    first_area: int
    last: date
    document: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.last}|{self.document}"

    def decide(self, desk: Desk) -> None:
        CHANGED_FROM.admit(self.last, desk.today, "last")
        institution = _going_on(desk, self.institution)
        institution_book(desk, self.book, self.institution, self.first_area)
        row = InstitutionChangeRow(self.last + _A_DAY, ended=True)
        record(desk, institution, Kind.INSTITUTION_END, row, ended=True, document=self.document)


@dataclass(eq=False)
class MergeInstitution(Command):
    """Merge an institution into another one, by its code: from that day on only that one is there."""

    verb = "merge_institution"
    refused_with = (
        # into itself
        RefusalCode.SHAPE_INVALID,
        RefusalCode.INSTITUTION_UNKNOWN,
        RefusalCode.PERIOD_INVALID,
        # this one, or the one that would take its place
        RefusalCode.INSTITUTION_ENDED,
    )
    needs = frozenset({_ALONE})
    opens = True

    book: int
    institution: str
    # the area in which its book is opened
    first_area: int
    into: str
    valid_from: date
    document: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.into}|{self.valid_from}|{self.document}"

    def decide(self, desk: Desk) -> None:
        CHANGED_FROM.admit(self.valid_from, desk.today, "valid_from")
        institution = _going_on(desk, self.institution)
        if self.into == self.institution:
            raise Refused(RefusalCode.SHAPE_INVALID, at="into")
        _check_goes_on(_known(desk, self.into, "into"), self.valid_from)
        institution_book(desk, self.book, self.institution, self.first_area)
        row = InstitutionChangeRow(self.valid_from, ended=True, successor=self.into)
        facts = {"ended": True, "successor": self.into, "document": self.document}
        record(desk, institution, Kind.INSTITUTION_END, row, **facts)


@dataclass(eq=False)
class ReopenInstitution(Command):
    """Record that an institution goes on from a day on, which is not before the day after its last one."""

    verb = "reopen_institution"
    refused_with = (
        RefusalCode.INSTITUTION_UNKNOWN,
        RefusalCode.PERIOD_INVALID,
        RefusalCode.INSTITUTION_NOT_ENDED,
    )
    needs = frozenset({_ALONE})

    into: ClassVar[None] = None
    book: int
    institution: str
    valid_from: date
    document: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.valid_from}|{self.document}"

    def decide(self, desk: Desk) -> None:
        CHANGED_FROM.admit(self.valid_from, desk.today, "valid_from")
        institution = _known(desk, self.institution)
        if not institution.as_of(date.max).ended:
            raise Refused(RefusalCode.INSTITUTION_NOT_ENDED)
        since = max(one.valid_from for one in institution.changes if one.ended is not None)
        if self.valid_from < since:
            raise Refused(RefusalCode.PERIOD_INVALID, at="valid_from", earliest=since)
        row = InstitutionChangeRow(self.valid_from, ended=False)
        record(desk, institution, Kind.INSTITUTION_REOPENING, row, ended=False, document=self.document)


def _going_on(desk: Desk, code: str) -> Institution:
    """The institution, of which no end is recorded. Raises Refused(institution_ended)."""
    institution = _known(desk, code)
    if institution.as_of(date.max).ended:
        raise Refused(RefusalCode.INSTITUTION_ENDED)
    return institution


def _check_goes_on(into: Institution, day: date) -> None:
    """Raise Refused(institution_ended) unless it is there on the day and on all days after it: else each of
    two could be in the place of the other one.
    """
    turns = {day, *(one.valid_from for one in into.changes if one.valid_from > day)}
    if any(into.as_of(turn).ended for turn in turns):
        raise Refused(RefusalCode.INSTITUTION_ENDED, at="into")


def _known(desk: Desk, code: str, at: str = "institution") -> Institution:
    institution = desk.institutions.get(code)
    if institution is None:
        raise Refused(RefusalCode.INSTITUTION_UNKNOWN, at=at)
    return institution
