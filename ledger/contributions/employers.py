"""Employers: registered by their credit code, each with a book of what it declared, owes and paid."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, select

from ledger import tables
from ledger.book.chain import genesis
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.numbers import OPENING_SEQ, new_book_id
from ledger.book.state import Book
from ledger.bounds.bound import SINCE
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.parties import Party
from ledger.chart.registers import Register
from ledger.contributions.credit_codes import parse_credit_code
from ledger.contributions.employer_changes import employer_area_on, employer_name_on
from ledger.posting import TARGET, AlreadyThere, Command, Desk
from ledger.posting.registers import RegisterBook, RegisterKind, RegisterTable
from ledger.refusals import RefusalCode, Refused
from ledger.texts import normalise_name

CODES_A_LOOK = 500
# An employer's book has no pockets and earns no interest: no year of it is ever owed any.
_NO_INTEREST = 9999
_M = tables.employer.c
EMPLOYER = RegisterTable(
    "employer", ("credit_code",), ("credit_code", "book_id", "name", "area", "recorded_at")
)
EMPLOYERS = RegisterKind(Register.EMPLOYERS, (EMPLOYER,))
"""Who pays: as first registered, since what is said from a day on stands in their own books."""


class Employer(NamedTuple):
    """An employer as registered."""

    credit_code: str
    book_id: int
    name: str
    area: int


def find(connection: Connection, credit_code: str, on: date | None = None) -> Employer:
    """The employer with that credit code, as first registered, or as it is `on` a day.

    Raises Refused(credit_code_invalid, employer_not_found).
    """
    try:
        code = parse_credit_code(credit_code)
    except Refused as refused:
        refused.at = "employer"
        raise
    row = connection.execute(
        select(_M.credit_code, _M.book_id, *_state(on)).where(_M.credit_code == code)
    ).one_or_none()
    if row is None:
        raise Refused(RefusalCode.EMPLOYER_NOT_FOUND, at="employer")
    return Employer._make(row)


def _state(on: date | None) -> tuple[ColumnElement[str], ColumnElement[int]]:
    """Name and area as first registered, or as they are on a day."""
    if on is None:
        return _M.name, _M.area
    return employer_name_on(on), employer_area_on(on)


def check_same(connection: Connection, there: Employer, name: str, area: int, today: date = date.max) -> None:
    """Raise Refused(employer_differs) unless name and area are what they were at first, or are today."""
    now = find(connection, there.credit_code, today)
    names = {normalise_name(one.name) for one in (there, now)}
    if normalise_name(name) not in names or area not in {there.area, now.area}:
        raise Refused(RefusalCode.EMPLOYER_DIFFERS)


def codes_of(connection: Connection, book_ids: Collection[int]) -> dict[int, str]:
    """The credit codes of employers by their books, inside the transaction that is given."""
    table = tables.employer.c
    found: dict[int, str] = {}
    wanted = sorted(book_ids)
    for start in range(0, len(wanted), CODES_A_LOOK):
        query = select(table.book_id, table.credit_code).where(
            table.book_id.in_(wanted[start : start + CODES_A_LOOK])
        )
        found.update((book_id, code) for book_id, code in connection.execute(query))
    return found


def enter(
    connection: Connection, credit_code: str, name: str, area: int, now: datetime, today: date = date.max
) -> Employer:
    """Write an employer down, or find it there; its book is opened by RegisterEmployer.

    Raises Refused: credit_code_invalid, or employer_differs when the code stands there with another name or
    area, now and at first. Doing it twice changes nothing.
    """
    code = parse_credit_code(credit_code)
    with connection.begin():
        register = RegisterBook(connection, EMPLOYERS, now)
        row = {
            "credit_code": code,
            "book_id": new_book_id(Party.EMPLOYER),
            "name": name,
            "area": area,
            "recorded_at": now,
        }
        register.enter(EMPLOYER, row)
        register.write()
        there = find(connection, code)
        check_same(connection, there, name, area, today)
    return there


@dataclass(eq=False)
class RegisterEmployer(Command):
    """Open the book of an employer that was written down."""

    verb = "register"
    needs = frozenset({TARGET})
    opens = True

    book: int
    credit_code: str
    area: int
    caller: str = ""
    actor: str = ""
    key: str | None = None
    target_seq: int | None = OPENING_SEQ

    def content(self) -> str:
        return f"{self.credit_code}|{self.area}"

    def decide(self, desk: Desk) -> None:
        desk.policy(self.area)
        if desk.book is not None:
            first = desk.target(OPENING_SEQ)
            if first is None:
                raise AssertionError("a book begins with its opening")
            raise AlreadyThere(first)
        since = SINCE
        desk.book = desk.working[self.book] = Book(
            self.book, 0, 0, 0, 0, None, 0, self.area, since, None,
            since.year, _NO_INTEREST, 0, Stage.ACTIVE, genesis(self.book),
        )  # fmt: skip
        desk.book.add(
            Draft(Kind.OPENING, since, detail=pack(area=self.area, employer=self.credit_code), keyed=True)
        )


def by_book(connection: Connection, book_ids: set[int], on: date | None = None) -> dict[int, Employer]:
    """Employers by the number of their book, as first registered, or as they are `on` a day."""
    if not book_ids:
        return {}
    rows = connection.execute(select(_M.credit_code, _M.book_id, *_state(on)).where(_M.book_id.in_(book_ids)))
    return {row.book_id: Employer._make(row) for row in rows}
