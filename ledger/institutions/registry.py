"""Designated institutions (R18): registered by their code, with contracts, and days on which these rest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection, func, select

from ledger import tables
from ledger.book.beside import rows_digest
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.numbers import OPENING_SEQ, new_book_id
from ledger.bounds.care import CONTRACT_FROM
from ledger.bounds.table import ENDS_ON
from ledger.chart.kinds import Kind
from ledger.chart.parties import Party
from ledger.institutions.areas import check_area
from ledger.institutions.books import institution_book
from ledger.institutions.examples import INSTITUTION, INSTITUTIONS
from ledger.institutions.on_a_day import changes_of
from ledger.institutions.rows import ContractRow, SuspensionRow
from ledger.posting import TARGET, AlreadyThere, Change, Command, Desk
from ledger.posting.registers import RegisterBook
from ledger.refusals import RefusalCode, Refused
from ledger.texts import INSTITUTION_CODE_MAX, has_control, read_text

# what an institution of a kind does not do: nobody lies in a pharmacy
NOT_OFFERED: Final = {"pharmacy": frozenset({"inpatient"})}


class Registered(NamedTuple):
    """An institution as registered; `party_id` is the number of its book."""

    code: str
    party_id: int
    name: str
    kind: str
    level: int
    area: int

    def as_of(self, day: date, changes: Iterable[Change]) -> Registered:
        """The institution as it is on a day, of all that was said of it, in the order of the days."""
        said = {
            name: value
            for change in changes
            if change.valid_from <= day
            for name in ("name", "kind", "level", "area")
            if (value := getattr(change, name)) is not None
        }
        return self._replace(**said)


def find(connection: Connection, code: str) -> Registered:
    """The institution with that code, however it is spelt, as it was registered first.

    Raises Refused(institution_unknown).
    """
    table = tables.institution.c
    wanted = select(table.code, table.party_id, table.name, table.kind, table.level, table.area)
    # as it is written first: there may be one from before codes were folded
    for text in dict.fromkeys((code, read_text(code, INSTITUTION_CODE_MAX))):
        # nobody is called so, and PostgreSQL takes no text with a zero in it
        if text is None or has_control(text):
            continue
        row = connection.execute(wanted.where(table.code == text)).one_or_none()
        if row is not None:
            return Registered._make(row)
    raise Refused(RefusalCode.INSTITUTION_UNKNOWN, at="institution")


def code_as_registered(connection: Connection, code: str) -> str:
    """The code as an institution is registered by it, in whatever large or small letters; else as it is."""
    table = tables.institution.c
    # codes are ASCII
    known = connection.scalars(select(table.code).where(func.upper(table.code) == code.upper())).all()
    return code if code in known else min(known, default=code)


def code_of(connection: Connection, party_id: int) -> str | None:
    """The code of the institution with that book; None when there is none."""
    table = tables.institution.c
    return connection.scalar(select(table.code).where(table.party_id == party_id))


def check_same(connection: Connection, there: Registered, asked: Registered, today: date) -> None:
    """Raise Refused(institution_differs) unless each fact is what it was at first, or is today."""
    now = there.as_of(today, changes_of(connection, there.party_id))
    if any(value not in known for value, *known in zip(asked[2:], there[2:], now[2:], strict=True)):
        raise Refused(RefusalCode.INSTITUTION_DIFFERS)


def enter(connection: Connection, one: Registered, now: datetime, today: date = date.max) -> Registered:
    """Write an institution down, or find it there; its book is opened by RegisterInstitution.

    Raises Refused(institution_differs) when the code stands there otherwise, now and at first. Doing it twice
    changes nothing.
    A code in other letters, large or small, is the same code: the institution keeps the one it was first
    registered by.
    """
    with connection.begin():
        book = RegisterBook(connection, INSTITUTIONS, now)
        one = one._replace(code=code_as_registered(connection, one.code))
        row = {**one._asdict(), "party_id": new_book_id(Party.INSTITUTION)}
        book.enter(INSTITUTION, row)
        book.write()
        there = find(connection, one.code)
        check_same(connection, there, one, today)
    return there


@dataclass(eq=False)
class RegisterInstitution(Command):
    """Open the book of an institution that was written down."""

    verb = "register_institution"
    # an area that there is not is refused by posting's own area_unknown
    needs = frozenset({TARGET})
    opens = True

    book: int
    code: str
    area: int
    caller: str = ""
    actor: str = ""
    key: str | None = None
    target_seq: int | None = OPENING_SEQ

    def content(self) -> str:
        return f"{self.code}|{self.area}"

    def decide(self, desk: Desk) -> None:
        if desk.book is not None:
            first = desk.target(OPENING_SEQ)
            if first is None:
                raise AssertionError("a book begins with its opening")
            raise AlreadyThere(first)
        check_area(self.area, desk.policies)
        institution_book(desk, self.book, self.code, self.area, keyed=True)


@dataclass(eq=False)
class AddContract(Command):
    """Record a contract from a day to a day (None: open) for some kinds of care."""

    verb = "contract"
    refused_with = (
        # a kind of care that such an institution does not give
        RefusalCode.SHAPE_INVALID,
        RefusalCode.INSTITUTION_UNKNOWN,
        RefusalCode.PERIOD_INVALID,
        RefusalCode.CONTRACT_OVERLAPS,
    )
    opens = True

    book: int
    institution: str
    area: int
    valid_from: date
    valid_to: date | None
    services: tuple[str, ...]
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.institution}|{self.valid_from}|{self.valid_to or ''}|{','.join(self.services)}"

    def decide(self, desk: Desk) -> None:
        CONTRACT_FROM.admit(self.valid_from, desk.today, "valid_from")
        if self.valid_to is not None:
            ENDS_ON.admit(self.valid_to, desk.today, "valid_to", beginning=self.valid_from)
        institution = desk.institutions.get(self.institution)
        if institution is None:
            raise Refused(RefusalCode.INSTITUTION_UNKNOWN, at="institution")
        if not_offered := NOT_OFFERED.get(institution.kind, frozenset()).intersection(self.services):
            raise Refused(RefusalCode.SHAPE_INVALID, at="services", services=sorted(not_offered))
        if any(
            _meet(self.valid_from, self.valid_to, first, last)
            for first, last, _services in institution.contracts
        ):
            raise Refused(RefusalCode.CONTRACT_OVERLAPS, at="valid_from")
        services = ",".join(self.services)
        row = ContractRow(self.institution, self.valid_from, self.valid_to, services)
        contract = (self.valid_from, self.valid_to, frozenset(self.services))
        # for whoever comes after it in the same batch
        desk.institutions[self.institution] = institution._replace(
            contracts=(*institution.contracts, contract)
        )
        institution_book(desk, self.book, self.institution, self.area)
        _add(desk, Kind.CONTRACT, row, services=services, **_days(row))


@dataclass(eq=False)
class Suspend(Command):
    """Let every contract of an institution rest from a day to a day (None: until further notice)."""

    verb = "suspend"
    refused_with = (
        RefusalCode.INSTITUTION_UNKNOWN,
        RefusalCode.PERIOD_INVALID,
        # suspended on some of the days
        RefusalCode.CONTRACT_OVERLAPS,
    )
    opens = True

    book: int
    institution: str
    area: int
    valid_from: date
    valid_to: date | None
    reason: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.institution}|{self.valid_from}|{self.valid_to or ''}|{self.reason}"

    def decide(self, desk: Desk) -> None:
        CONTRACT_FROM.admit(self.valid_from, desk.today, "valid_from")
        if self.valid_to is not None:
            ENDS_ON.admit(self.valid_to, desk.today, "valid_to", beginning=self.valid_from)
        institution = desk.institutions.get(self.institution)
        if institution is None:
            raise Refused(RefusalCode.INSTITUTION_UNKNOWN, at="institution")
        if any(_meet(self.valid_from, self.valid_to, first, last) for first, last in institution.suspensions):
            raise Refused(RefusalCode.CONTRACT_OVERLAPS, at="valid_from")
        row = SuspensionRow(self.institution, self.valid_from, self.valid_to)
        desk.institutions[self.institution] = institution._replace(
            suspensions=(*institution.suspensions, (self.valid_from, self.valid_to))
        )
        institution_book(desk, self.book, self.institution, self.area)
        _add(desk, Kind.SUSPENSION, row, reason=self.reason, **_days(row))


def _meet(first: date, last: date | None, other_first: date, other_last: date | None) -> bool:
    """Whether two spans of days have a day in common."""
    return first <= (other_last or date.max) and other_first <= (last or date.max)


def _days(row: ContractRow | SuspensionRow) -> dict[str, object]:
    days: dict[str, object] = {"from": row.valid_from.isoformat()}
    if row.valid_to is not None:
        days["to"] = row.valid_to.isoformat()
    return days


def _add(desk: Desk, kind: Kind, row: ContractRow | SuspensionRow, **facts: object) -> None:
    desk.book.add(
        Draft(kind, desk.today, keyed=True, beside=(row,), detail=pack(**facts, rows=rows_digest((row,))))
    )
