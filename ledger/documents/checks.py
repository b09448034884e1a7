"""Whether a document is genuine, and whether what it says was corrected since: what anybody may ask.

Nothing is said of anybody: only what kind of document it is, when it was handed out, its period and its sums.
"""

from __future__ import annotations

import logging
from datetime import date, datetime
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from ledger import tables
from ledger.book.numbers import party_of
from ledger.chart.documents import DocumentKind
from ledger.chart.kinds import Kind
from ledger.chart.members import LineKind
from ledger.chart.parties import Party
from ledger.chart.sides import POCKETS
from ledger.clock import day_of
from ledger.documents.asked import Span
from ledger.documents.issuing import IssuedDocument, by_code, is_sound
from ledger.documents.rests_on import RestsOn
from ledger.vault import Keyring

_E, _LINE, _LEVY = tables.entry.c, tables.assessment_line.c, tables.levy_line.c
_T = tables.transfer.c
_POCKETS: Final = sorted(map(int, POCKETS))
_log = logging.getLogger(__name__)

# what takes back, or takes back in part, what was booked before
_TAKES_BACK: Final = (int(Kind.REVERSAL), int(Kind.REFUND_TO_PAYER), int(Kind.CREDIT_BACK))

# those that state what there was before their first day
_WITH_BALANCES: Final = frozenset({DocumentKind.ACCOUNT_LIST, DocumentKind.YEARLY_STATEMENT})


class CodeChecked(NamedTuple):
    """What is said of a genuine document."""

    kind: str
    issued_on: date
    span: Span
    totals: dict[str, str]
    corrected_on: date | None


def check_code(connection: Connection, keyring: Keyring, code: str) -> CodeChecked | None:
    """What is said of a code that `read_code` has read; None for one that nobody was given.

    Of a row that is not as it was written nothing is said either.
    """
    row = by_code(connection, keyring, code)
    if row is None:
        return None
    if not is_sound(keyring, row):
        _log.error("the document %s is not as it was written", row.serial)
        return None
    return CodeChecked(
        row.of_kind.word, day_of(row.issued_at), row.span, row.sums, corrected_on(connection, row)
    )


def corrected_on(connection: Connection, row: IssuedDocument) -> date | None:
    """The day since when what a document says is corrected; None where it stands as it was printed.

    A correction is what takes an entry back that was printed, or that is in a printed opening balance, or
    changes a month that was: a reversal, a refund, an adjustment, the list that takes the place of an
    estimate; of an annual settlement, a later one of the same year; of a yearly statement, its next version.
    """
    rests = row.rests
    days = [
        *_in_the_book(connection, row.book_id, rests),
        *_of_balances(connection, row),
        *_of_months(connection, row.book_id, rests),
        *_of_later_versions(connection, row),
        *_of_estimates(connection, row.book_id, rests),
    ]
    return min(days, default=None)


def _in_the_book(connection: Connection, book_id: int, rests: RestsOn) -> list[date]:
    changing: list[ColumnElement[bool]] = []
    if rests.entries or rests.months:
        changing.append(_E.kind.in_(_TAKES_BACK))
    if rests.year is not None:
        changing.append(and_(_E.kind == int(Kind.ANNUAL_SETTLEMENT), _E.period == rests.year))
    if not changing:
        return []
    rows = connection.execute(
        select(_E.kind, _E.target_seq, _E.period, _E.recorded_at)
        .where(_E.book_id == book_id, _E.seq > rests.last_seq, or_(*changing))
        .order_by(_E.seq)
    )
    return [
        day_of(recorded_at)
        for kind, target, period, recorded_at in rows
        if kind == int(Kind.ANNUAL_SETTLEMENT)
        or (target is not None and rests.has(target))
        or rests.has_month(period)
    ]


def _of_balances(connection: Connection, row: IssuedDocument) -> list[date]:
    """The days on which something of before was taken back by a value date within what was printed.

    Its money is in the opening balance or in the closing one. What is taken back after the period is none:
    on the days of the period the money was there.
    """
    if row.of_kind not in _WITH_BALANCES:
        return []
    taken = tables.entry.alias("taken").c
    first: datetime | None = connection.scalar(
        select(func.min(_E.recorded_at, type_=_E.recorded_at.type))
        .select_from(tables.entry)
        .where(
            _E.book_id == row.book_id,
            _E.seq > row.rests.last_seq,
            _E.kind.in_(_TAKES_BACK),
            _E.effective_on <= row.last,
            select(taken.seq)
            .where(
                taken.book_id == _E.book_id,
                taken.seq == _E.target_seq,
                taken.seq <= row.rests.last_seq,
                taken.effective_on < row.first,
                # what moved nothing of the account, as a bill paid in cash, is in no balance
                select(_T.seq)
                .where(
                    _T.book_id == taken.book_id,
                    _T.seq == taken.seq,
                    or_(_T.from_side.in_(_POCKETS), _T.to_side.in_(_POCKETS)),
                )
                .exists(),
            )
            .exists(),
        )
    )
    return [] if first is None else [day_of(first)]


def _of_later_versions(connection: Connection, row: IssuedDocument) -> list[date]:
    """The day on which a late fact of a year whose statement was printed made its next version (R50)."""
    if row.of_kind is not DocumentKind.YEARLY_STATEMENT:
        return []
    first: datetime | None = connection.scalar(
        select(func.min(_E.recorded_at, type_=_E.recorded_at.type)).where(
            _E.book_id == row.book_id,
            _E.seq > row.rests.last_seq,
            _E.fact_on.between(row.first, row.last),
            select(_T.seq)
            .where(
                _T.book_id == _E.book_id,
                _T.seq == _E.seq,
                or_(_T.from_side.in_(_POCKETS), _T.to_side.in_(_POCKETS)),
            )
            .exists(),
        )
    )
    return [] if first is None else [day_of(first)]


def _of_estimates(connection: Connection, book_id: int, rests: RestsOn) -> list[date]:
    """The days on which a list took the place of an estimate that was printed, in the book of an employer."""
    if rests.months is None or party_of(book_id) is not Party.EMPLOYER:
        return []
    rows = connection.execute(
        select(_LEVY.period, _LEVY.seq, _LEVY.estimated, _E.recorded_at)
        .select_from(tables.levy_line.join(tables.entry))
        .where(_LEVY.book_id == book_id, _LEVY.period.between(*rests.months), _LEVY.estimated != 0)
        .order_by(_LEVY.seq)
    )
    days: list[date] = []
    printed: set[int] = set()
    for period, seq, fen, recorded_at in rows:
        if seq > rests.last_seq:
            # one that was made since stands on no paper of before
            if fen < 0 and period in printed:
                days.append(day_of(recorded_at))
        elif fen > 0:
            printed.add(period)
        else:
            printed.discard(period)
    return days


def _of_months(connection: Connection, book_id: int, rests: RestsOn) -> list[date]:
    """The days on which a printed month was adjusted, in the book of an employer."""
    if rests.months is None:
        return []
    is_employers = party_of(book_id) is Party.EMPLOYER
    books = ((book_id, rests.last_seq),) if is_employers else rests.employers
    if not books:
        return []
    whose = [] if is_employers else [_LINE.account_id == book_id]
    first: datetime | None = connection.scalar(
        select(func.min(_E.recorded_at, type_=_E.recorded_at.type))
        .select_from(
            tables.assessment_line.join(tables.entry, (_E.book_id == _LINE.book_id) & (_E.seq == _LINE.seq))
        )
        .where(
            or_(*(and_(_LINE.book_id == book, _LINE.seq > seq) for book, seq in books)),
            _LINE.period.between(*rests.months),
            _LINE.kind == int(LineKind.ADJUSTED),
            *whose,
        )
    )
    return [] if first is None else [day_of(first)]
