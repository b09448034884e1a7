"""What commands about contributions ask for: an employer's debts, and the list that an entry handed in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from ledger import tables
from ledger.contributions.levies import (
    ASSESSMENTS,
    DECLARED_LINE,
    LEVIES,
    NO_PERIOD,
    Assessment,
    DeclaredLine,
    Levy,
    LevyLine,
)
from ledger.database.lookups import Lookup
from ledger.months import period_of, previous_period
from ledger.people.sealed import SEALED_NUMBERS
from ledger.policy import Policy, figures_since
from ledger.posting import Desk, Need, Receipt
from ledger.posting.needs import Asked, own_books

# the lines of declarations, by (book, seq) of the entry that handed them in
Lists = dict[tuple[int, int], list[DeclaredLine]]

_L, _A, _D = tables.levy_line.c, tables.assessment.c, tables.declared_line.c
_MONTH_FIELDS = ("book_id", "period", *tables.LEVY_AMOUNTS)
_MONTH = f"SELECT {', '.join(f'm.{name}' for name in _MONTH_FIELDS)} FROM {{given}} JOIN levy m ON"
_OF_THE_BOOK = "o.book_id = given.book_id"
# The months that may owe something: by their amounts; paid later than the earliest due day that the area has;
# from before its figures; the oldest of all, which says of what a payment may come too early; and what
# belongs to no month.
_MONTHS = Lookup(
    f"{_MONTH} m.book_id = given.book_id AND ({tables.LEVY_OPEN})"
    f" UNION {_MONTH} m.book_id = given.book_id AND m.paid_day > given.due_day"
    f" UNION {_MONTH} m.book_id = given.book_id AND m.period < given.first_month"
    f" UNION {_MONTH} m.book_id = given.book_id AND m.period = (SELECT MIN(o.period) FROM levy o"
    f" WHERE {_OF_THE_BOOK} AND o.period >= given.first_month"
    " AND o.estimated + o.employee + o.employer > 0)",
    [tables.levy.c[name] for name in _MONTH_FIELDS],
    # of many books a cluster takes no subselect that is held to what is handed over, but to what lies with it
    {_OF_THE_BOOK: "o.book_id = m.book_id AND o.book_id = ANY(CAST(:given_book_id AS bigint[]))"},
    book_id="big",
    due_day="int",
    first_month="int",
)
_LEVY_FIELDS = ("book_id", "period", "on_day", *tables.LEVY_AMOUNTS)
_LEVY_LINES = Lookup(
    f"SELECT {', '.join(f'l.{name}' for name in _LEVY_FIELDS)} FROM {{given}} JOIN levy_line l"
    " ON l.book_id = given.book_id AND l.period = given.period ORDER BY l.book_id, l.seq",
    [_L[name] for name in _LEVY_FIELDS],
    book_id="big",
    period="int",
)
_ROW_FIELDS = ("book_id", "period", "account_id", *Assessment._fields)
_ROW = ", ".join(f"a.{name}" for name in _ROW_FIELDS)
_OPEN_ROWS = Lookup(
    f"SELECT {_ROW} FROM {{given}} JOIN assessment a ON a.book_id = given.book_id"
    " WHERE (a.employee_paid < a.employee OR a.employer_paid < a.employer)",
    [_A[name] for name in _ROW_FIELDS],
    book_id="big",
)
_OPEN_ROWS_OF = Lookup(
    f"SELECT {_ROW} FROM {{given}} JOIN assessment a ON a.book_id = given.book_id"
    " AND a.period = given.period WHERE (a.employee_paid < a.employee OR a.employer_paid < a.employer)",
    [_A[name] for name in _ROW_FIELDS],
    book_id="big",
    period="int",
)
_ROWS_OF = Lookup(
    f"SELECT {_ROW} FROM {{given}} JOIN assessment a ON a.book_id = given.book_id"
    " AND a.period = given.period AND a.account_id = given.account_id",
    [_A[name] for name in _ROW_FIELDS],
    book_id="big",
    period="int",
    account_id="big",
)
_DECLARED = Lookup(
    "SELECT d.book_id, d.seq, d.line, d.account_id, d.wage, d.base, d.employee, d.employer, d.code,"
    " d.number_sealed FROM {given} JOIN declared_line d ON d.book_id = given.book_id AND d.seq = given.seq"
    " ORDER BY d.book_id, d.seq, d.line",
    [_D.book_id, _D.seq, *(_D[name] for name in DeclaredLine._fields)],
    book_id="big",
    seq="int",
)


# -- lists ---------------------------------------------------------------------------------------------------


def read_declared(connection: Connection, places: Sequence[tuple[int, int]]) -> Lists:
    """The lines of declarations, by (book, seq) of the entry that handed them in."""
    found: Lists = {}
    for book_id, seq, *values in _DECLARED.run(connection, list(dict.fromkeys(places))):
        found.setdefault((book_id, seq), []).append(DeclaredLine._make(values))
    return found


def _read_lists(connection: Connection, asked: Asked, _desk: Desk) -> Lists:
    return read_declared(
        connection,
        [(book_id, command.target_seq) for book_id, command in asked if command.target_seq is not None],
    )


def _follow_list(found: Lists, _desk: Desk, receipt: Receipt, beside: Sequence[Any]) -> None:
    lines = DECLARED_LINE.among(beside)
    if lines:
        found[receipt.book_id, receipt.seq] = list(lines)


# the list that the target entry handed in: it says which accounts the command looks at
DECLARED: Need[Lists] = Need("the list", _read_lists, follow=_follow_list, first=True)


# -- debts ---------------------------------------------------------------------------------------------------


def period_asked(book_id: int, command: Any, desk: Desk) -> int | None:
    """The month that a command is about, itself or by its target; None when that is not written yet."""
    period: int | None = getattr(command, "period", None)
    if period is not None or command.target_seq is None:
        return period
    target = desk.targets.get((book_id, command.target_seq))
    return None if target is None else target.period


def _keep(desk: Desk, rows: Iterable[Any]) -> None:
    for book_id, period, account_id, *values in rows:
        desk.books[book_id].of(ASSESSMENTS).rows[period, account_id] = Assessment._make(values)


def keep_rows(connection: Connection, desk: Desk, named: set[tuple[int, int, int]]) -> None:
    """Put the persons' months (employer, month, account) on the books of their employers."""
    _keep(desk, _ROWS_OF.run(connection, sorted(named)))


def _read_debts(connection: Connection, asked: Asked, desk: Desk) -> bool:
    months: set[tuple[int, int]] = set()
    named: set[tuple[int, int, int]] = set()
    for book_id, command in asked:
        period = period_asked(book_id, command, desk)
        if period is not None and book_id in desk.books:
            # an estimate goes by the month before
            months |= {(book_id, period), (book_id, previous_period(period))}
            named |= {(book_id, period, account) for account in command.looks_at(desk, book_id)}
    read_levies(connection, desk, own_books(asked, desk), months)
    _keep(desk, _ROWS_OF.run(connection, sorted(named)))
    return True


def read_levies(
    connection: Connection, desk: Desk, books: Iterable[int], months: Iterable[tuple[int, int]]
) -> None:
    """Put on the books of employers the months that may owe something, and the `months` (employer, month)
    that are asked for, as far as they do not stand there yet.
    """
    wanted = set(months)
    asked = []
    for book_id in sorted(books):
        book = desk.books[book_id]
        if LEVIES not in book.states:
            asked.append((book_id, *_late_from(desk.policies.get(book.area))))
        book.put(LEVIES).rows.setdefault(NO_PERIOD, Levy())
        book.put(ASSESSMENTS)
    for book_id, period, *amounts in _MONTHS.run(connection, asked):
        if period == NO_PERIOD:
            # nothing of it has a day that matters, and its lines are as many as the surpluses that there were
            desk.books[book_id].of(LEVIES).rows[NO_PERIOD] = Levy(*amounts)
        else:
            wanted.add((book_id, period))
    fresh = sorted(month for month in wanted if month[1] not in desk.books[month[0]].of(LEVIES).rows)
    for book_id, period in fresh:
        desk.books[book_id].of(LEVIES).rows[period] = Levy()
    for book_id, *values in _LEVY_LINES.run(connection, fresh):
        levies, line = desk.books[book_id].of(LEVIES).rows, LevyLine._make(values)
        levies[line.period] = levies[line.period].add(line)


def _late_from(policy: Policy | None) -> tuple[int, int]:
    """The earliest day after a month on which it may be due, and the first month with figures: what was paid
    by that day costs no fee, whatever the day that the month has.
    """
    if policy is None:
        return 0, NO_PERIOD + 1
    return min(line.value for line in policy.due_day.lines), period_of(figures_since(policy))


def read_months(connection: Connection, desk: Desk, months: Iterable[tuple[int, int, int]]) -> None:
    """The months of some employers whose books are locked, by employer, month and account: what each owes by
    month, that person's row, and all rows of the month that are not paid in full.
    """
    wanted = sorted(set(months))
    months_wanted = {(employer, month) for employer, month, _ in wanted}
    read_levies(connection, desk, {employer for employer, _, _ in wanted}, months_wanted)
    _keep(desk, _ROWS_OF.run(connection, wanted))
    _keep(desk, _OPEN_ROWS_OF.run(connection, sorted(months_wanted)))


# of an employer's book: what it owes by month, and for the persons it names
DEBTS: Need[bool] = Need("debts", _read_debts)


def _read_open_months(connection: Connection, asked: Asked, desk: Desk) -> bool:
    books = sorted(own_books(asked, desk))
    _keep(desk, _OPEN_ROWS.run(connection, [(book_id,) for book_id in books]))
    return True


# and every person's month that is not paid in full
OPEN_MONTHS: Need[bool] = Need("debts, open months", _read_open_months)


def _read_open_month(connection: Connection, asked: Asked, desk: Desk) -> bool:
    months = {
        (book_id, period_asked(book_id, command, desk)) for book_id, command in asked if book_id in desk.books
    }
    # what it is about is yet to be written, by this very batch
    unknown = {book_id for book_id, period in months if period is None}
    _keep(desk, _OPEN_ROWS.run(connection, [(book_id,) for book_id in sorted(unknown)]))
    known = {(book_id, period) for book_id, period in months if period is not None and book_id not in unknown}
    _keep(desk, _OPEN_ROWS_OF.run(connection, sorted(known)))
    return True


# and the same for the one month that it is about
OPEN_MONTH: Need[bool] = Need("debts, one month", _read_open_month)


# -- what a payment will reach -------------------------------------------------------------------------------

_UNPAID = Lookup(
    "SELECT m.book_id, m.period, m.estimated + m.employee + m.employer - m.employee_paid - m.employer_paid"
    f" - m.waiting FROM {{given}} JOIN levy m ON m.book_id = given.book_id AND ({tables.LEVY_OPEN})"
    " ORDER BY m.book_id, m.period",
    [tables.levy.c.book_id, tables.levy.c.period, tables.levy.c.employee],
    book_id="big",
)
_OPEN_ACCOUNTS = Lookup(
    "SELECT a.account_id FROM {given} JOIN assessment a ON a.book_id = given.book_id"
    " AND a.period = given.period WHERE (a.employee_paid < a.employee OR a.employer_paid < a.employer)",
    [_A.account_id],
    book_id="big",
    period="int",
)


def payees(connection: Connection, asked: Asked) -> Iterable[int]:
    """The accounts that payments of employers will credit, as far as the months tell: those of the month that
    a payment names, then of the oldest, until its money is spent. Fees, which let it reach less, are not
    worked out. One that ends within a month asks for ID numbers at once: two may tie for a fen.
    """
    unpaid: dict[int, dict[int, int]] = {}
    for book_id, period, fen in _UNPAID.run(connection, sorted({(book_id,) for book_id, _command in asked})):
        unpaid.setdefault(book_id, {})[period] = fen
    months: set[tuple[int, int]] = set()
    for book_id, command in asked:
        rest, owed = command.amount_fen or 0, unpaid.get(book_id, {})
        for period in sorted(owed, key=lambda one: (one != command.period, one)):
            if rest <= 0:
                break
            if owed[period] > 0:
                months.add((book_id, period))
                if rest < owed[period]:
                    command.also_need(SEALED_NUMBERS)
                rest -= owed[period]
    return {account for (account,) in _OPEN_ACCOUNTS.run(connection, sorted(months))}
