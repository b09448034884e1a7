"""Enrolling a person in the employee scheme, changing the class, and ending it (R3, R5, R13, R14)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, and_, select

from ledger import tables
from ledger.book.beside import rows_digest
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.bounds.table import ENDS_ON, ENROLLED_FROM
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Verb
from ledger.chart.members import MemberClass
from ledger.money import FEN_MAX
from ledger.people.births import BIRTHS, birth_before
from ledger.people.enrolled import ENROLMENTS, RECORDED, already_there, last_day_at_first
from ledger.people.membership import Enrolment, EnrolmentRow
from ledger.posting import TARGET, AlreadyThere, BookRef, Command, Desk, Need
from ledger.posting.needs import Asked
from ledger.refusals import RefusalCode, Refused

_C, _G = tables.employer_closure.c, tables.employer_change.c


class _Closed(NamedTuple):
    """The last day of an employer, and whether another one took its place."""

    last: date
    is_merged: bool


def _read_closed(connection: Connection, asked: Asked, _desk: Desk) -> dict[int, _Closed]:
    named = sorted({command.employer_id for _book, command in asked if command.employer_id is not None})
    if not named:
        return {}
    # a merger closes by the entry right behind it
    merger = and_(_G.book_id == _C.book_id, _G.seq == _C.seq - 1, _G.successor.is_not(None))
    rows = connection.execute(
        select(_C.book_id, _C.closed_on, _G.successor.is_not(None))
        .outerjoin_from(tables.employer_closure, tables.employer_change, merger)
        .where(_C.book_id.in_(named), _C.closed_on.is_not(None))
    )
    return {book_id: _Closed(last, bool(merged)) for book_id, last, merged in rows}


# those employers that are closed
_CLOSED: Need[dict[int, _Closed]] = Need("the last days of closed employers", _read_closed)


@dataclass(eq=False)
class Enrol(Command):
    """Record that a person is of a class from a day on, at an employer or at none.

    The latest word on a month counts, so a change of class is simply the next enrolment. The same one sent
    again (class, employer, first day), under whatever key, is answered with the first; the wage is no part.
    """

    verb = Verb.ENROLMENT
    refused_with = (
        # residents have no account
        RefusalCode.SCHEME_NO_ACCOUNT,
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_TRANSFERRING,
        # a first day after the death
        RefusalCode.ACCOUNT_DECEASED,
        # ends before it begins, begins before 1990, before birth or more than a year ahead
        RefusalCode.PERIOD_INVALID,
        # the same with another last day
        RefusalCode.ENROLMENT_DIFFERS,
        # a first day after the last one of the employer, or a last day after that of one that was merged
        RefusalCode.EMPLOYER_CLOSED,
        RefusalCode.WAGE_INVALID,
    )
    needs = frozenset({TARGET, ENROLMENTS, BIRTHS, _CLOSED})

    book: BookRef
    member_class: MemberClass
    employer_id: int | None
    valid_from: date
    valid_to: date | None
    wage_fen: int | None = None
    caller: str = ""
    actor: str = ""
    key: str | None = None
    # the enrolment that is there, once it was found
    target_seq: int | None = None

    def content(self) -> str:
        return (
            f"{self.member_class.word}|{self.employer_id or ''}|{self.valid_from}|{self.valid_to or ''}"
            f"|{self.wage_fen or ''}"
        )

    @property
    def alive_on(self) -> date:  # type: ignore[override]  # computed, where the base has a default
        return self.valid_from

    def decide(self, desk: Desk) -> None:
        if self.member_class is MemberClass.RESIDENT:
            raise Refused(RefusalCode.SCHEME_NO_ACCOUNT, at="member_class")
        desk.allow(Verb.ENROLMENT, day=self.valid_from)
        birth = birth_before(desk, self, desk.book, self.valid_from)
        ENROLLED_FROM.admit(self.valid_from, desk.today, "valid_from", birth=birth)
        if self.valid_to is not None:
            ENDS_ON.admit(self.valid_to, desk.today, "valid_to", beginning=self.valid_from)
        sought = Enrolment(0, self.member_class, self.employer_id, self.valid_from, self.valid_to)
        there = already_there(desk, self, sought)
        if there is None and self.employer_id is not None:
            self._check_employer(desk.of(_CLOSED).get(self.employer_id))
        if self.wage_fen is not None and not 0 < self.wage_fen <= FEN_MAX:
            raise Refused(RefusalCode.WAGE_INVALID, at="wage_fen")
        if there is not None:
            raise AlreadyThere(there)
        row = EnrolmentRow(
            int(self.member_class), self.employer_id, self.wage_fen, self.valid_from, self.valid_to, None
        )
        desk.book.roll_to(desk.today.year)
        desk.book.add(enrolment_entry(Kind.ENROLMENT, desk.today, row))

    def _check_employer(self, closed: _Closed | None) -> None:
        """Raise Refused(employer_closed) for who begins after its last day; and for who would stay beyond it
        with one that was merged: its staff went on with another one.
        """
        if closed is None:
            return
        if self.valid_from > closed.last:
            raise Refused(RefusalCode.EMPLOYER_CLOSED, at="employer")
        if closed.is_merged and (self.valid_to is None or self.valid_to > closed.last):
            raise Refused(RefusalCode.EMPLOYER_CLOSED, at="valid_to", closed_on=closed.last)


@dataclass(eq=False)
class EndEnrolment(Command):
    """Record the last day of the enrolment that the entry `target_seq` made, or ended on another day.

    It is no later than the last day that the enrolment was recorded with.
    """

    verb = "end_enrolment"
    refused_with = (
        RefusalCode.ENROLMENT_NOT_FOUND,
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_TRANSFERRING,
        # before it began, after it ends anyway, or more than fifty years ahead
        RefusalCode.PERIOD_INVALID,
        RefusalCode.ENROLMENT_ENDED,
    )
    needs = frozenset({TARGET, RECORDED})

    book: BookRef
    target_seq: int
    valid_to: date
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.target_seq}|{self.valid_to}"

    def decide(self, desk: Desk) -> None:
        target = desk.target(self.target_seq)
        if target is None or target.kind not in {Kind.ENROLMENT, Kind.ENROLMENT_END}:
            raise Refused(RefusalCode.ENROLMENT_NOT_FOUND, at="target_seq")
        desk.allow(Verb.ENROLMENT)
        told = unpack(target.detail)
        valid_from = date.fromisoformat(told["from"])
        ENDS_ON.admit(self.valid_to, desk.today, "valid_to", beginning=valid_from)
        until = last_day_at_first(desk, self.target_seq)
        if until is not None and self.valid_to > until:
            raise Refused(RefusalCode.PERIOD_INVALID, at="valid_to", earliest=valid_from, latest=until)
        if desk.acted_on(self.target_seq) is not None:
            raise Refused(RefusalCode.ENROLMENT_ENDED)
        row = EnrolmentRow(
            int(MemberClass[told["member_class"].upper()]),
            told.get("employer"),
            told.get("wage"),
            valid_from,
            self.valid_to,
            self.target_seq,
        )
        desk.book.roll_to(desk.today.year)
        desk.book.add(enrolment_entry(Kind.ENROLMENT_END, desk.today, row))


def enrolment_entry(kind: Kind, today: date, row: EnrolmentRow, *, keyed: bool = True) -> Draft:
    """The entry of an enrolment or of its end; `keyed` where it is what the command is about."""
    facts: dict[str, object] = {
        "member_class": MemberClass(row.member_class).word,
        "employer": row.employer_id,
        "wage": row.wage,
        "from": row.valid_from.isoformat(),
        "to": None if row.valid_to is None else row.valid_to.isoformat(),
    }
    beside = (row,)
    told = {name: fact for name, fact in facts.items() if fact is not None}
    return Draft(
        kind,
        today,
        target_seq=row.replaces_seq,
        keyed=keyed,
        beside=beside,
        detail=pack(**told, rows=rows_digest(beside)),
    )
