"""What employers owe and paid: the state that the rows beside their entries add up to.

All of it is read in streams that go side by side in the order of their keys, so that memory is that of the
largest entry. The state is derived here by itself: what posting uses to keep it is not asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, or_, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.members import LineKind
from ledger.chart.parties import Party
from ledger.chart.sides import Side
from ledger.months import first_day, is_period, next_period
from ledger.verify.finding import UNREADABLE, Finding, book_name, month_name
from ledger.verify.streams import keyed, side_by_side, streamed

_E, _T = tables.entry.c, tables.transfer.c
_L, _A, _N = tables.levy_line.c, tables.assessment_line.c, tables.enrolment.c
_D, _STATE, _LEVY = tables.declared_line.c, tables.assessment.c, tables.levy.c

_PARTS = ("employee", "employer", "employee_paid", "employer_paid")


# -- state from facts ----------------------------------------------------------------------------------------


def months_follow_from_their_lines(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """A month of an employer is the sum of its signed lines, and is not below zero; and it says when money
    came for it last, unless an older version wrote it: by that day a payment passes over what was in time.
    """
    first, last = Party.EMPLOYER.within(first, last)
    amounts = [func.sum(_L[name]) for name in tables.LEVY_AMOUNTS]
    paid = case((_L.employee_paid + _L.employer_paid + _L.waiting > 0, _L.on_day))
    derived = _by_month(connection, _L, [func.max(paid), *amounts], first, last)
    stands = streamed(
        connection,
        select(_LEVY.book_id, _LEVY.period, _LEVY.paid_day, *(_LEVY[name] for name in tables.LEVY_AMOUNTS))
        .where(_LEVY.book_id.between(first, last))
        .order_by(_LEVY.book_id, _LEVY.period),
    )
    names = ("paid_day", *tables.LEVY_AMOUNTS)
    for key, (facts, state) in side_by_side(keyed(derived, 2, tuple), keyed(stands, 2, tuple)):
        expected = None if facts is None else (_paid_day(key[1], facts[0]), *_fen(facts[1:]))
        if state is not None and state[0] is None and expected is not None:
            expected = (None, *expected[1:])
        if expected is None or expected != state:
            yield Finding("month_wrong", month_name(*key), _differs(names, state, expected))


def _paid_day(period: int, day: date | None) -> int | None:
    """The day by days from the first of the month after the one that is owed, which is 1."""
    if day is None or not is_period(period):
        return None
    return day.toordinal() - first_day(next_period(period)).toordinal() + 1


def persons_follow_from_their_lines(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """A person's month is what its lines come to: the base set last, the sums, the last day of money."""
    first, last = Party.EMPLOYER.within(first, last)
    lines = streamed(
        connection,
        select(*(_A[name] for name in _PersonLine._fields))
        .where(_A.book_id.between(first, last))
        .order_by(_A.book_id, _A.period, _A.account_id, _A.seq, _A.line),
    )
    names = ("base", "paid_on", "suspended", *_PARTS)
    stands = streamed(
        connection,
        select(_STATE.book_id, _STATE.period, _STATE.account_id, *(_STATE[name] for name in names))
        .where(_STATE.book_id.between(first, last))
        .order_by(_STATE.book_id, _STATE.period, _STATE.account_id),
    )
    person = attrgetter("book_id", "period", "account_id")
    folded = ((key, _fold(rows)) for key, rows in groupby(map(_PersonLine._make, lines), key=person))
    for (book_id, period, account_id), (facts, state) in side_by_side(folded, keyed(stands, 3, tuple)):
        if facts is None or state is None or facts != state:
            what = f"for {book_name(account_id)} {_differs(names, state, facts)}"
            yield Finding("assessment_wrong", month_name(book_id, period), what)


class _PersonLine(NamedTuple):
    """What one entry changed about one person's month; the columns of its line."""

    book_id: int
    period: int
    account_id: int
    base: int | None
    paid_on: date | None
    suspended: int
    employee: int
    employer: int
    employee_paid: int
    employer_paid: int


_amounts_of = attrgetter("suspended", *_PARTS)


def _fold(lines: Iterable[_PersonLine]) -> tuple[Any, ...]:
    """Base, day of money and amounts that the lines of a person's month come to."""
    base, paid_on, sums = 0, None, [0] * (1 + len(_PARTS))
    for line in lines:
        if line.base is not None:
            base = line.base
        if line.paid_on is not None:
            paid_on = line.paid_on if paid_on is None else max(paid_on, line.paid_on)
        sums = [total + more for total, more in zip(sums, _amounts_of(line), strict=True)]
    return (base, paid_on, *sums)


def closures_follow_from_their_entries(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """Whether an employer is closed is what the entry says that closed it last, or opened it again."""
    first, last = Party.EMPLOYER.within(first, last)
    kinds = (int(Kind.EMPLOYER_CLOSURE), int(Kind.EMPLOYER_REOPENING))
    entries = streamed(
        connection,
        select(_E.book_id, _E.seq, _E.kind, _E.detail)
        .where(_E.book_id.between(first, last), _E.kind.in_(kinds))
        .order_by(_E.book_id, _E.seq),
    )
    state = tables.employer_closure.c
    stands = streamed(
        connection,
        select(state.book_id, state.seq, state.closed_on)
        .where(state.book_id.between(first, last))
        .order_by(state.book_id),
    )
    derived = (
        ((book_id,), _closed(list(lines)[-1]))
        for book_id, lines in groupby(entries, key=attrgetter("book_id"))
    )
    for (book_id,), (facts, row) in side_by_side(derived, keyed(stands, 1, tuple)):
        if facts != row:
            what = f"its entries make it {facts}, and it stands as {row}"
            yield Finding("closure_wrong", book_name(book_id), what)


def _closed(line: Any) -> tuple[int, date | None] | None:
    """The entry and the last day that it gives the employer; None for what cannot be read."""
    try:
        on = date.fromisoformat(unpack(line.detail)["on"])
    except UNREADABLE:
        return None
    return line.seq, on if line.kind == Kind.EMPLOYER_CLOSURE else None


# -- sums ----------------------------------------------------------------------------------------------------


def months_are_those_of_their_persons(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """What an employer owes and paid by list is what is owed and paid for its persons, in both parts.

    What is neither in their accounts nor owed by them waits to be forwarded:
    forward = Σ suspended + receivables of the month.
    """
    first, last = Party.EMPLOYER.within(first, last)
    months = streamed(
        connection,
        select(_LEVY.book_id, _LEVY.period, *(_LEVY[name] for name in _PARTS), _LEVY.forward)
        .where(_LEVY.book_id.between(first, last))
        .order_by(_LEVY.book_id, _LEVY.period),
    )
    names = (*_PARTS, "suspended")
    persons = _by_month(connection, _STATE, [func.sum(_STATE[name]) for name in names], first, last)
    receivable = (
        select(
            _E.book_id,
            _E.period,
            func.sum(case((_T.from_side == int(Side.RECEIVABLE), _T.amount_fen), else_=-_T.amount_fen)),
        )
        .join_from(tables.entry, tables.transfer, and_(_T.book_id == _E.book_id, _T.seq == _E.seq))
        .where(
            _E.book_id.between(first, last),
            or_(_T.from_side == int(Side.RECEIVABLE), _T.to_side == int(Side.RECEIVABLE)),
        )
        .group_by(_E.book_id, _E.period)
        .order_by(_E.book_id, _E.period)
    )
    nothing = (0,) * len(names)
    for key, (month, staff, owed) in side_by_side(
        keyed(months, 2, tuple), keyed(persons, 2, _fen), keyed(streamed(connection, receivable), 2, _fen)
    ):
        *parts, suspended = staff or nothing
        (receivable_fen,) = owed or (0,)
        expected = (*parts, suspended + receivable_fen)
        if (month or nothing) != expected:
            what = _differs((*_PARTS, "forward"), month, expected)
            yield Finding("months_differ", month_name(*key), what)


class _Sums(NamedTuple):
    assessed: int
    adjusted: int


def assessments_are_paid_or_owed_or_adjusted(
    connection: Connection, first: int, last: int
) -> Iterator[Finding]:
    """Σ assessed = Σ paid + Σ owed + Σ adjusted, for each month of an employer; nothing is paid twice.

    Assessed and adjusted are the lines' (an adjustment downwards counts as adjusted), paid and owed are the
    state's, person by person and part by part.
    """
    first, last = Party.EMPLOYER.within(first, last)
    lines = _by_month(
        connection,
        _A,
        [
            func.sum(case((_A.kind == int(kind), _A.employee + _A.employer), else_=0))
            for kind in (LineKind.ASSESSED, LineKind.ADJUSTED)
        ],
        first,
        last,
    )
    paid = _STATE.employee_paid + _STATE.employer_paid
    open_employee, open_employer = (
        _STATE.employee - _STATE.employee_paid,
        _STATE.employer - _STATE.employer_paid,
    )
    overpaid = case((open_employee < 0, -open_employee), else_=0) + case(
        (open_employer < 0, -open_employer), else_=0
    )
    state = [func.sum(paid), func.sum(open_employee + open_employer), func.sum(overpaid)]
    stands = _by_month(connection, _STATE, state, first, last)
    for key, (told, state_row) in side_by_side(keyed(lines, 2, _fen), keyed(stands, 2, _fen)):
        sums = _Sums._make(told or (0, 0))
        paid_fen, owed_fen, over_fen = state_row or (0, 0, 0)
        if over_fen:
            yield Finding("overpaid", month_name(*key), f"{over_fen} fen were paid beyond what is owed")
        if sums.assessed != paid_fen + owed_fen - sums.adjusted:
            what = (
                f"assessed were {sums.assessed} fen; {paid_fen} are paid, {owed_fen} owed"
                f" and {-sums.adjusted} adjusted"
            )
            yield Finding("assessed_differs", month_name(*key), what)


# -- reading -------------------------------------------------------------------------------------------------


def _by_month(
    connection: Connection, table: Any, sums: Sequence[ColumnElement[Any]], first: int, last: int
) -> Iterator[Any]:
    query: Select[Any] = (
        select(table.book_id, table.period, *sums)
        .where(table.book_id.between(first, last))
        .group_by(table.book_id, table.period)
        .order_by(table.book_id, table.period)
    )
    return streamed(connection, query)


def _fen(sums: Sequence[Any]) -> tuple[int, ...]:
    """Sums as whole numbers, whatever the database makes of them."""
    return tuple(map(int, sums))


def _same_entry(table: Any) -> ColumnElement[bool]:
    return and_(_E.book_id == table.book_id, _E.seq == table.seq)


def _differs(names: Sequence[str], here: Sequence[Any] | None, derived: Sequence[Any] | None) -> str:
    """What is wrong about a row of state, given what its lines make of it; None is no row and no line."""
    if here is None or derived is None:
        return "there is no such row, and there are lines" if here is None else "no line makes such a row"
    for name, one, other in zip(names, here, derived, strict=True):
        if one != other:
            return f"{name} is {one}, its lines make it {other}"
    raise AssertionError("rows that differ do so in a column")
