"""Reading what was paid for which month, by a person's employers and by an employer, and its staff."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from sqlalchemy import Connection, func, or_, select

from ledger import tables
from ledger.chart.kinds import Kind
from ledger.contributions import reports, staff
from ledger.documents.asked import Span
from ledger.documents.facts import PaidMonth, StaffLine, UnitMonth
from ledger.months import months_between, period_of
from ledger.people import persons
from ledger.people.id_numbers import mask_id_number
from ledger.printing.rendering import LINES_MAX
from ledger.refusals import RefusalCode, Refused
from ledger.vault import Keyring

_A, _L, _EMPLOYER = tables.assessment.c, tables.levy.c, tables.employer.c
STAFF_MONTHS_MAX: Final = 120
"""The longest period of a staff list, in months."""

_STAFF_PAGE: Final = 2_000


def paid_months(connection: Connection, book_id: int, first: int, last: int) -> tuple[PaidMonth, ...]:
    """A person's months from `first` to `last` (YYYYMM), one for each employer and for what came without."""
    parts = {
        (row.period, row.credit_code): (row.employee_paid, row.employer_paid)
        for row in connection.execute(
            select(_A.period, _EMPLOYER.credit_code, _A.employee_paid, _A.employer_paid)
            .select_from(tables.assessment.outerjoin(tables.employer, _EMPLOYER.book_id == _A.book_id))
            .where(_A.account_id == book_id, _A.period.between(first, last))
        )
    }
    return tuple(
        _paid_month(month, parts.get((month.period, month.employer)))
        for month in reports.person_months(connection, book_id, first=first, last=last)
    )


def _paid_month(month: reports.PersonMonth, parts: tuple[int, int] | None) -> PaidMonth:
    own, unit = parts or (month.paid_fen, 0)
    if month.kind is not Kind.CONTRIBUTION:
        # what the fund credits to a retiree was paid by nobody
        own, unit = 0, 0
    return PaidMonth(
        month.period,
        month.kind,
        month.employer,
        month.employer_name,
        month.base_fen,
        own,
        unit,
        month.owed_fen,
        month.paid_on,
        month.to_account_fen,
    )


def unit_months(connection: Connection, book_id: int, first: int, last: int) -> tuple[UnitMonth, ...]:
    """An employer's months from `first` to `last` (YYYYMM), those with nothing owed and paid left out."""
    assessed = _L.estimated + _L.employee + _L.employer
    came = _L.employee_paid + _L.employer_paid + _L.waiting
    rows = connection.execute(
        select(
            _L.period,
            assessed.label("assessed"),
            _L.employee_paid,
            _L.employer_paid,
            _L.waiting,
            _L.fee_paid,
            _L.estimated,
        )
        .where(
            _L.book_id == book_id,
            _L.period.between(first, last),
            or_(assessed > 0, came > 0, _L.fee_paid > 0),
        )
        .order_by(_L.period)
    ).all()
    shown = {month.period: month for month in _months_of_unit(connection, book_id, first, last)}
    return tuple(
        UnitMonth(
            row.period,
            shown[row.period].base_fen,
            row.assessed,
            row.employee_paid,
            row.employer_paid,
            row.waiting,
            row.fee_paid,
            shown[row.period].paid_on,
            bool(row.estimated),
        )
        for row in rows
    )


def _months_of_unit(
    connection: Connection, book_id: int, first: int, last: int
) -> Iterator[reports.MonthPaid]:
    for month in reports.months(connection, book_id, after=first - 1, limit=LINES_MAX):
        if month.period > last:
            return
        yield month


def staff_lines(
    connection: Connection,
    keyring: Keyring,
    book_id: int,
    span: Span,
    *,
    full_number: bool,
    lines_max: int = LINES_MAX,
) -> tuple[StaffLine, ...]:
    """Whom an employer had registered on some day of the period, each once, by account.

    Of somebody with several words of the unit the one counts that was in force last. Raises Refused:
    document_too_long, period_invalid for a period of more than STAFF_MONTHS_MAX months.
    """
    if months_between(period_of(span.first), period_of(span.last)) >= STAFF_MONTHS_MAX:
        raise Refused(RefusalCode.PERIOD_INVALID, at="from")
    found: list[staff.StaffMember] = []
    while page := staff.registered(
        connection, book_id, *span, after=found[-1].account_id if found else 0, limit=_STAFF_PAGE
    ):
        found += page
        if len(found) > lines_max:
            raise Refused(RefusalCode.DOCUMENT_TOO_LONG, lines_max=lines_max)
    known: dict[int, persons.Known] = {}
    people = sorted({one.person_id for one in found if one.person_id is not None})
    for start in range(0, len(people), _STAFF_PAGE):
        known |= persons.known(connection, keyring, people[start : start + _STAFF_PAGE])
    return tuple(_staff_line(one, known.get(one.person_id or 0), full_number=full_number) for one in found)


def _staff_line(one: staff.StaffMember, person: persons.Known | None, *, full_number: bool) -> StaffLine:
    number = None if person is None else person.number
    return StaffLine(
        one.account_id,
        None if person is None else person.name,
        number if number is None or full_number else mask_id_number(number),
        one.member_class,
        one.first,
        one.last,
        one.wage_fen,
    )


def last_entries(connection: Connection, books: set[int]) -> dict[int, int]:
    """The number of the last entry of each book."""
    table = tables.entry.c
    if not books:
        return {}
    query = select(table.book_id, func.max(table.seq)).where(table.book_id.in_(books)).group_by(table.book_id)
    return dict(tuple(row) for row in connection.execute(query))


def employers_of(connection: Connection, book_id: int, first: int, last: int) -> set[int]:
    """The books of the employers that something was assessed at for a person in some months."""
    query = select(_A.book_id).where(_A.account_id == book_id, _A.period.between(first, last)).distinct()
    return set(connection.scalars(query))


def opened_on(connection: Connection, book_id: int) -> date:
    """The day on which a book begins. Raises Refused(account_not_found)."""
    table = tables.book.c
    day: date | None = connection.scalar(select(table.opened_on).where(table.book_id == book_id))
    if day is None:
        raise Refused(RefusalCode.ACCOUNT_NOT_FOUND, at="book")
    return day
