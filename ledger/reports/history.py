"""The history of one book as SQL: what every entry changed, and to which pocket it counts on a given day.

The pockets of a day are those that the book itself would have shown, had it been asked on that day and known
what is known now:

* money valued in the year of the day stands in `current_year`, all from before stands in `carried_over`;
  so a turn of the year needs no `carry_over` entry to be seen, and none is counted;
* but a debit of an earlier year that came when that year was already carried, and found its money spent, took
  it out of the `current_year` of the year in which it came, in books written before there was a
  `reclassification`. It does so here for the days of that year; of later books the rule counts nothing.

Without the second rule the sum would be right and its two parts would not be those of the book's row.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from sqlalchemy import BigInteger, and_, bindparam, case, func, or_, select, type_coerce
from sqlalchemy.types import Date

from ledger import tables
from ledger.chart.kinds import Kind
from ledger.clock import AREA_ZONE
from ledger.tables import Instant

_E = tables.entry.c
_BOOK = bindparam("book_id", type_=BigInteger)
_AS_OF = bindparam("as_of", type_=Date)
_AS_KNOWN = bindparam("as_known", type_=Instant)
_YEAR_BEGINS = bindparam("year_begins", type_=Date)
_YEAR_ENDS = bindparam("year_ends", type_=Date)

_current_year = _E.current_year_after - func.lag(_E.current_year_after, 1, 0).over(order_by=_E.seq)
_carried_over = _E.carried_over_after - func.lag(_E.carried_over_after, 1, 0).over(order_by=_E.seq)
_CHANGES = (
    select(
        _E.seq,
        _E.kind,
        _E.effective_on,
        # when it was known: not before what stands before it, in books that a clock set back was let into
        type_coerce(func.max(_E.recorded_at).over(order_by=_E.seq, rows=(None, 0)), Instant).label(
            "recorded_at"
        ),
        _E.policy_version,
        _E.reserved_change,
        _current_year.label("current_year"),
        _carried_over.label("carried_over"),
        # the latest value date so far: its year is the book's open_year after, and before, the entry
        type_coerce(func.max(_E.effective_on).over(order_by=_E.seq, rows=(None, 0)), Date).label("reached"),
        type_coerce(func.max(_E.effective_on).over(order_by=_E.seq, rows=(None, -1)), Date).label("before"),
    )
    .where(_E.book_id == _BOOK)
    .subquery("changes")
)
CHANGES = _CHANGES.c
_CARRY = CHANGES.kind == int(Kind.CARRY_OVER)
_COUNTS = or_(
    and_(
        CHANGES.kind != int(Kind.CARRY_OVER),
        or_(CHANGES.effective_on >= _YEAR_BEGINS, CHANGES.reached.between(_YEAR_BEGINS, _YEAR_ENDS)),
    ),
    # not the turn of the year itself, which is the first entry of its year, but what a late fact moved
    and_(_CARRY, CHANGES.before >= CHANGES.effective_on, CHANGES.before.between(_YEAR_BEGINS, _YEAR_ENDS)),
)
KNOWN_BY_THEN = and_(CHANGES.effective_on <= _AS_OF, CHANGES.recorded_at <= _AS_KNOWN)
IN_CURRENT_YEAR = func.coalesce(func.sum(case((_COUNTS, CHANGES.current_year), else_=0)), 0)

POCKETS_THEN = select(
    IN_CURRENT_YEAR,
    func.coalesce(func.sum(CHANGES.current_year + CHANGES.carried_over), 0),
    func.coalesce(func.sum(func.coalesce(CHANGES.reserved_change, 0)), 0),
).where(KNOWN_BY_THEN)

_CLOSING = tables.entry.alias("closing")
HELD_THEN = select(func.coalesce(func.sum(_E.held_change), 0)).where(
    _E.book_id == _BOOK,
    _E.kind == int(Kind.HOLD),
    _E.effective_on <= _AS_OF,
    _E.recorded_at <= _AS_KNOWN,
    _E.expires_at > bindparam("until", type_=Instant),
    ~select(_CLOSING.c.seq)
    .where(
        _CLOSING.c.book_id == _BOOK,
        _CLOSING.c.target_seq == _E.seq,
        _CLOSING.c.effective_on <= _AS_OF,
        _CLOSING.c.recorded_at <= _AS_KNOWN,
    )
    .exists(),
)


def moment(book_id: int, as_of: date, as_known: datetime) -> dict[str, object]:
    """What the statements above are asked with."""
    return {
        "book_id": book_id,
        "as_of": as_of,
        "as_known": as_known,
        "year_begins": date(as_of.year, 1, 1),
        "year_ends": date(as_of.year, 12, 31),
    }


def end_of(day: date) -> datetime:
    """The last instant of a day in the area."""
    return datetime.combine(day + timedelta(days=1), time.min, AREA_ZONE) - timedelta(microseconds=1)
