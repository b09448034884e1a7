"""What a list says that an earlier list of the month has said already: those lines are there, and no news.

A line is there when a confirmed list was assessed for the same person and the same wage, and what it was
assessed at still stands: after an adjustment the same words are no news of what is owed now, and refused as
any other list of the month is. The one rule of it is `line_is_there`; every door that takes lists answers by
it, for the decision writes down which lines were there, and in which list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, exists, func, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.chart.members import LineKind
from ledger.contributions.levies import (
    ASSESSMENT_LINE,
    ASSESSMENTS,
    Assessment,
    DeclaredLine,
    debts_of,
)
from ledger.contributions.reads import DECLARED, period_asked
from ledger.database.lookups import Lookup
from ledger.posting import Desk, Need, Posted, Receipt, WiderLocks
from ledger.posting.needs import Asked
from ledger.posting.reads import read_targets
from ledger.refusals import RefusalCode

_E, _A, _D = tables.entry.c, tables.assessment_line.c, tables.declared_line.c
# the first line of a person counts in a list, whatever a later one says
_LATER: Final = RefusalCode.DUPLICATE_LINE.value


class Brought(NamedTuple):
    """What a confirmed list brought of one person: the entry that handed it in, the wage, what it came to."""

    seq: int
    wage: int | None
    base: int | None
    employee: int
    employer: int


class MonthLists(NamedTuple):
    """The confirmed lists of one employer's month: by account, and the last one that had no line."""

    by_account: dict[int, Brought]
    nil: int | None = None


# by employer's book and month
Months = dict[tuple[int, int], MonthLists]

_BROUGHT = Lookup(
    "SELECT c.book_id, c.period, a.account_id, c.target_seq, d.wage, a.base, a.employee, a.employer"
    " FROM {given} JOIN assessment_line a ON a.book_id = given.book_id AND a.period = given.period"
    f" AND a.account_id = given.account_id AND a.kind = {int(LineKind.ASSESSED)}"
    " JOIN entry c ON c.book_id = a.book_id AND c.seq = a.seq"
    " JOIN declared_line d ON d.book_id = c.book_id AND d.seq = c.target_seq"
    " AND d.account_id = a.account_id AND d.code IS NULL",
    [_E.book_id, _E.period, _A.account_id, _E.target_seq, _D.wage, _A.base, _A.employee, _A.employer],
    book_id="big",
    period="int",
    account_id="big",
)


def line_is_there(line: DeclaredLine, brought: Brought | None, stands: Assessment | None) -> bool:
    """Whether a line says what a confirmed list has said, and what is owed by that still. Pure."""
    return (
        brought is not None
        and stands is not None
        and line.code not in {None, _LATER}
        and line.wage is not None
        and line.wage == brought.wage
        and (stands.base, stands.employee, stands.employer)
        == (brought.base, brought.employee, brought.employer)
    )


def lines_there(desk: Desk, command: Any, period: int, lines: Sequence[DeclaredLine]) -> dict[int, int]:
    """Of a list that was judged, the lines that are there: by number the entry that handed them in.

    A command that has not asked for MONTH_LISTS is decided again with them: raises WiderLocks.
    """
    book: Book = desk.book
    stands = book.of(ASSESSMENTS)
    asked = {
        line.line: (line, line.account_id, stands.get((period, line.account_id)))
        for line in lines
        if line.code is not None and line.account_id is not None
    }
    if not any(assessed is not None for _line, _account, assessed in asked.values()):
        return {}
    by_account = _lists(desk, command, period).by_account
    there: dict[int, int] = {}
    for number, (line, account_id, assessed) in asked.items():
        brought = by_account.get(account_id)
        if brought is not None and line_is_there(line, brought, assessed):
            there[number] = brought.seq
    return there


def nil_list_there(desk: Desk, command: Any, period: int) -> int | None:
    """The entry of a nil list of the month that was confirmed, where nothing is owed and nothing waits."""
    levy = debts_of(desk.book).levy(period)
    if levy.principal or levy.waiting:
        return None
    return _lists(desk, command, period).nil


def entry_of_list(desk: Desk, seq: int) -> Receipt:
    """The entry that handed in a list which `lines_there` or `nil_list_there` has named."""
    receipt = desk.target(seq)
    if receipt is None:
        raise AssertionError("a list is read with its entry")
    return receipt


def numbers_there(posted: Posted, lines: Sequence[DeclaredLine]) -> dict[int, int]:
    """Which lines of a list that was handed in are there, by number, and the entry that handed them in."""
    if not posted.created:
        return {line.line: posted.receipt.seq for line in lines}
    return told_there(posted.receipt.detail)


def told_there(detail: str | None) -> dict[int, int]:
    """What the entry of a list says of the lines that were there when it was handed in."""
    return {int(number): seq for number, seq in unpack(detail).get("already", {}).items()}


def _lists(desk: Desk, command: Any, period: int) -> MonthLists:
    months: Months | None = desk.found.get(MONTH_LISTS)
    place = (desk.book.book_id, period)
    if months is None or place not in months:
        command.also_need(MONTH_LISTS)
        raise WiderLocks([desk.book.book_id])
    return months[place]


def _read(connection: Connection, asked: Asked, desk: Desk) -> Months:
    named: set[tuple[int, int, int]] = set()
    found: Months = {}
    for book_id, command in asked:
        period = period_asked(book_id, command, desk)
        if period is not None and book_id in desk.books:
            found[book_id, period] = MonthLists({}, _nil_list(connection, book_id, period))
            named |= {(book_id, period, account) for account in command.looks_at(desk, book_id)}
    for book_id, period, account_id, *brought in _BROUGHT.run(connection, sorted(named)):
        found[book_id, period].by_account[account_id] = Brought._make(brought)
    entries = {
        (book_id, seq)
        for (book_id, _period), lists in found.items()
        for seq in (lists.nil, *(one.seq for one in lists.by_account.values()))
        if seq is not None
    }
    read_targets(connection, sorted(entries), desk)
    return found


def _nil_list(connection: Connection, book_id: int, period: int) -> int | None:
    """The last list without a line that was confirmed for a month."""
    has_lines = exists().where(_D.book_id == _E.book_id, _D.seq == _E.target_seq)
    query = select(func.max(_E.target_seq)).where(
        _E.book_id == book_id, _E.kind == int(Kind.ASSESSMENT), _E.period == period, ~has_lines
    )
    last: int | None = connection.execute(query).scalar_one()
    return last


def _follow(found: Months, desk: Desk, receipt: Receipt, beside: Sequence[Any]) -> None:
    lists = found.get((receipt.book_id, receipt.period or 0))
    if lists is None or receipt.kind is not Kind.ASSESSMENT or receipt.target_seq is None:
        return
    declared = desk.of(DECLARED).get((receipt.book_id, receipt.target_seq), ())
    if not declared:
        found[receipt.book_id, receipt.period or 0] = lists._replace(nil=receipt.target_seq)
    wages = {line.account_id: line.wage for line in declared if line.code is None}
    for line in ASSESSMENT_LINE.among(beside):
        if line.kind is LineKind.ASSESSED:
            lists.by_account[line.account_id] = Brought(
                receipt.target_seq, wages.get(line.account_id), line.base, line.employee, line.employer
            )


# of an employer's book and a month: what its confirmed lists brought of the persons that the command names
MONTH_LISTS: Need[Months] = Need("the lists of the month", _read, follow=_follow)
