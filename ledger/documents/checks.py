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
from ledger.chart.kinds import Kind
from ledger.chart.members import LineKind
from ledger.chart.parties import Party
from ledger.clock import day_of
from ledger.documents.asked import Span
from ledger.documents.issuing import IssuedDocument, by_code, is_sound
from ledger.documents.rests_on import RestsOn
from ledger.vault import Keyring

_E, _LINE = tables.entry.c, tables.assessment_line.c
_log = logging.getLogger(__name__)

# what takes back, or takes back in part, what was booked before
_TAKES_BACK: Final = (int(Kind.REVERSAL), int(Kind.REFUND_TO_PAYER), int(Kind.CREDIT_BACK))


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

    A correction is what takes an entry back that was printed, or changes a month that was: a reversal, a
    refund, an adjustment; of an annual settlement, a later one of the same year.
    """
    rests = row.rests
    days = [*_in_the_book(connection, row.book_id, rests), *_of_months(connection, row.book_id, rests)]
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
