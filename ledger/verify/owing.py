"""What demands took over of debts was owed: nothing is demanded twice (R16, R67)."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, and_, case, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.owed import DebtKind
from ledger.chart.sides import Side
from ledger.owed.state import DebtKey, demanded_before, read_demands
from ledger.posting.merges import came_into
from ledger.verify.finding import UNREADABLE, Finding, line_name

_D, _E, _T = tables.demand.c, tables.entry.c, tables.transfer.c
_OWED_SIDE = int(Side.RECEIVABLE)


def debts_are_demanded_once(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """All demands of one debt together are no more than what its entries made owed."""
    demanded = connection.execute(
        select(
            _D.book_id,
            _D.debt_kind,
            _D.debt_book,
            _D.debt_number,
            _D.debt_account,
            func.min(_D.seq),
            func.sum(_D.amount - _D.withdrawn),
        )
        .where(_D.book_id.between(first, last), _D.debt_kind.is_not(None))
        .group_by(_D.book_id, _D.debt_kind, _D.debt_book, _D.debt_number, _D.debt_account)
        .order_by(_D.book_id, func.min(_D.seq))
    ).all()
    for book_id, kind, of_book, number, account, seq, fen in demanded:
        owed = _owed(connection, book_id, DebtKey(kind, of_book, number, account))
        if fen > owed:
            what = f"{fen} fen were demanded of a debt of {owed}"
            yield Finding("demand_wrong", line_name(book_id, seq), what)


def _owed(connection: Connection, book_id: int, key: DebtKey) -> int:
    # as it stands in the row, known or not
    kind, of_book, number, account = int(key.kind), *key[1:]
    if account is not None or (kind != DebtKind.CONTRIBUTION and of_book != book_id):
        # of an account that went into the debtor's, without what was demanded in the books before
        first = of_book if account is None else account
        before = came_into(connection, [book_id]).get(book_id, ())
        if first not in before:
            return 0
        owed = _owed(connection, first, key._replace(account=None))
        return owed - demanded_before(read_demands(connection, before), before, key)
    if kind == DebtKind.ANNUAL_SETTLEMENT:
        return _of_year(connection, of_book, number)
    if kind == DebtKind.CONTRIBUTION:
        return _receivable(connection, of_book, and_(_E.period == number, _T.party_id == book_id))
    if kind == DebtKind.LATE_CREDIT:
        kinds = [int(Kind.CREDIT_BACK), int(Kind.RETIREE_CORRECTION)]
        made_it_owed = or_(_E.kind.in_(kinds), credit_reversed_and_owed())
        return _receivable(
            connection, of_book, and_(made_it_owed, func.coalesce(_E.target_seq, _E.seq) == number)
        )
    if kind == DebtKind.INHERITANCE and of_book == book_id:
        is_it = and_(_E.kind == int(Kind.INHERITANCE_BACK), _E.seq == number)
        return _receivable(connection, of_book, is_it)
    return 0


def credit_reversed_and_owed() -> ColumnElement[bool]:
    """Whether a transfer is what the reversal of a credit left owed, as the money was spent or inherited."""
    return and_(
        _E.kind == int(Kind.REVERSAL),
        _T.from_side == _OWED_SIDE,
        _T.to_side.in_([int(Side.POOLED_FUND), int(Side.COLLECTION_CLEARING)]),
    )


def _of_year(connection: Connection, book_id: int, year: int) -> int:
    """What the last statement of a year says that is owed, with what was demanded of it."""
    details = connection.scalars(
        select(_E.detail)
        .where(_E.book_id == book_id, _E.kind == int(Kind.ANNUAL_SETTLEMENT), _E.period == year)
        .order_by(_E.seq.desc())
    )
    for detail in details:
        try:
            told = unpack(detail)
            if "still_owed" in told:
                return int(told["still_owed"])
        except UNREADABLE:
            return 0
    return 0


def _receivable(connection: Connection, book_id: int, which: ColumnElement[bool]) -> int:
    """What entries of a book made owed, less what they cleared of it."""
    change = case(
        (_T.from_side == _OWED_SIDE, _T.amount_fen), (_T.to_side == _OWED_SIDE, -_T.amount_fen), else_=0
    )
    query = (
        select(func.coalesce(func.sum(change), 0))
        .join_from(tables.transfer, tables.entry, (_E.book_id == _T.book_id) & (_E.seq == _T.seq))
        .where(_E.book_id == book_id, which)
    )
    return int(connection.scalar(query) or 0)
