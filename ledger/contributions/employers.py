"""Employers: registered by their credit code, each with a book of what it declared, owes and paid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select

from ledger import tables
from ledger.book.chain import genesis
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.numbers import new_book_id
from ledger.book.state import Book
from ledger.bounds.bound import SINCE
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.parties import Party
from ledger.contributions.credit_codes import parse_credit_code
from ledger.database.lookups import insert_or_leave
from ledger.posting import TARGET, AlreadyThere, Command, Desk
from ledger.refusals import RefusalCode, Refused
from ledger.texts import normalise_name

OPENING_SEQ = 1
# An employer's book has no pockets and earns no interest: no year of it is ever owed any.
_NO_INTEREST = 9999


class Employer(NamedTuple):
    """An employer as registered."""

    credit_code: str
    book_id: int
    name: str
    area: int


def find(connection: Connection, credit_code: str) -> Employer:
    """The employer with that credit code. Raises Refused(credit_code_invalid, employer_not_found)."""
    try:
        code = parse_credit_code(credit_code)
    except Refused as refused:
        refused.at = "employer"
        raise
    table = tables.employer.c
    row = connection.execute(
        select(table.credit_code, table.book_id, table.name, table.area).where(table.credit_code == code)
    ).one_or_none()
    if row is None:
        raise Refused(RefusalCode.EMPLOYER_NOT_FOUND, at="employer")
    return Employer._make(row)


def enter(connection: Connection, credit_code: str, name: str, area: int, now: datetime) -> Employer:
    """Write an employer down, or find it there; its book is opened by RegisterEmployer.

    Raises Refused: credit_code_invalid, or employer_differs when the code stands there with another name or
    area. Doing it twice changes nothing.
    """
    code = parse_credit_code(credit_code)
    with connection.begin():
        connection.execute(
            insert_or_leave(connection, tables.employer),
            {
                "credit_code": code,
                "book_id": new_book_id(Party.EMPLOYER),
                "name": name,
                "area": area,
                "recorded_at": now,
            },
        )
        there = find(connection, code)
    if (normalise_name(there.name), there.area) != (normalise_name(name), area):
        raise Refused(RefusalCode.EMPLOYER_DIFFERS)
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


def by_book(connection: Connection, book_ids: set[int]) -> dict[int, Employer]:
    """Employers by the number of their book."""
    table = tables.employer.c
    if not book_ids:
        return {}
    rows = connection.execute(
        select(table.credit_code, table.book_id, table.name, table.area).where(table.book_id.in_(book_ids))
    )
    return {row.book_id: Employer._make(row) for row in rows}
