"""Whether a month of an employer is to be estimated: was it declared, is anybody enrolled, is it closed.

Asked by the run and the reports of whole areas, and by a single estimate in the very same words.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, and_, exists, func, literal, or_, select

from ledger import tables
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.database.cluster import in_cluster
from ledger.database.lookups import read_first
from ledger.months import is_period, month_bounds
from ledger.people.enrolled import stands
from ledger.posting import Desk, Need, Receipt
from ledger.posting.needs import Asked

# under names of their own: a query that asks may be about the same tables
_E, _N, _A, _B, _CLOSURE = (
    table.alias(f"asked_{table.name}").c
    for table in (tables.entry, tables.enrolment, tables.assessment, tables.book, tables.employer_closure)
)


def was_declared(book_id: ColumnElement[int], period: int) -> ColumnElement[bool]:
    """Whether a list of the month was confirmed, a nil list too."""
    return exists().where(_E.book_id == book_id, _E.kind == int(Kind.ASSESSMENT), _E.period == period)


def is_closed(
    book_id: ColumnElement[int], on: date | None = None, *, apart: bool = False
) -> ColumnElement[bool]:
    """Whether the employer is closed, by a day if one is named.

    `apart`: what is read lies with another book than the employer's, on another machine of a cluster, and so
    all who are closed are read first.
    """
    by = _CLOSURE.closed_on.is_not(None) if on is None else _CLOSURE.closed_on <= on
    if apart:
        return book_id.in_(select(_CLOSURE.book_id).where(by))
    return exists().where(_CLOSURE.book_id == book_id, by)


def has_nobody(book_id: ColumnElement[int], period: int, *, spread: bool) -> ColumnElement[bool]:
    """Whether all who were enrolled with the employer have left by the month.

    `spread`: the employer's book may lie on another machine than those of its staff, and so what is asked of
    these is read first, of all employers.

    Who has no enrolment at all is active, wherever a list names the person: so is staff whoever stood on the
    last list and has none. Of an employer that nobody was ever enrolled with it is not known, and not said.
    """
    first, last = month_bounds(period)
    if spread:
        return _has_nobody_apart(book_id, period)
    own, holder = tables.enrolment.alias().c, tables.book.alias().c
    here = and_(_N.employer_id == book_id, _N.member_class != int(MemberClass.RETIRED))
    lives = or_(_B.died_on.is_(None), _B.died_on >= first)
    covering = exists().where(
        here,
        stands(_N),
        _N.valid_from <= last,
        or_(_N.valid_to.is_(None), _N.valid_to >= first),
        _B.book_id == _N.book_id,
        lives,
    )
    listed = tables.assessment.alias().c
    last_list = (
        select(func.max(listed.period))
        .where(listed.book_id == _A.book_id, listed.period <= period, listed.employee + listed.employer > 0)
        .scalar_subquery()
    )
    on_the_list = exists().where(
        _A.book_id == book_id,
        _A.period == last_list,
        _A.employee + _A.employer > 0,
        ~exists().where(own.book_id == _A.account_id, stands(own)),
        holder.book_id == _A.account_id,
        or_(holder.died_on.is_(None), holder.died_on >= first),
    )
    return and_(exists().where(here, stands(_N)), ~covering, ~on_the_list)


def _has_nobody_apart(book_id: ColumnElement[int], period: int) -> ColumnElement[bool]:
    """The same, from three parts that are read before the rest."""
    first, last = month_bounds(period)
    own, holder, listed = (table.alias().c for table in (tables.enrolment, tables.book, tables.assessment))
    here = and_(_N.member_class != int(MemberClass.RETIRED), stands(_N))
    enrolled = read_first(select(_N.employer_id).where(here).distinct(), "enrolled").c
    covered = read_first(
        select(_N.employer_id)
        .where(
            here,
            _N.valid_from <= last,
            or_(_N.valid_to.is_(None), _N.valid_to >= first),
            _B.book_id == _N.book_id,
            or_(_B.died_on.is_(None), _B.died_on >= first),
        )
        .distinct(),
        "covered",
    ).c
    last_list = (
        select(func.max(listed.period))
        .where(listed.book_id == _A.book_id, listed.period <= period, listed.employee + listed.employer > 0)
        .scalar_subquery()
    )
    of_the_list = read_first(
        select(_A.book_id.label("employer_id"), _A.account_id.label("book_id")).where(
            _A.book_id.in_(select(enrolled.employer_id)),
            _A.book_id.not_in(select(covered.employer_id)),
            _A.period == last_list,
            _A.employee + _A.employer > 0,
        ),
        "of_the_list",
    ).c
    without = read_first(
        select(of_the_list.employer_id)
        .join_from(of_the_list.book_id.table, holder.book_id.table, holder.book_id == of_the_list.book_id)
        .where(
            or_(holder.died_on.is_(None), holder.died_on >= first),
            ~exists().where(own.book_id == holder.book_id, stands(own)),
        )
        .distinct(),
        "without",
    ).c
    return and_(
        book_id.in_(select(enrolled.employer_id)),
        book_id.not_in(select(covered.employer_id)),
        book_id.not_in(select(without.employer_id)),
    )


class MonthLook(NamedTuple):
    """What a single estimate has to know of its month beside the debts."""

    declared: bool
    nobody: bool


# by employer's book and month
MonthLooks = dict[tuple[int, int], MonthLook]


def _read(connection: Connection, asked: Asked, desk: Desk) -> MonthLooks:
    found: MonthLooks = {}
    for book_id, command in asked:
        # of a month that is none nothing is asked: the command is refused for it
        if book_id in desk.books and command.period is not None and is_period(command.period):
            here = literal(book_id, BigInteger)
            nobody = has_nobody(here, command.period, spread=in_cluster(connection))
            query = select(was_declared(here, command.period), nobody)
            found[book_id, command.period] = MonthLook._make(map(bool, connection.execute(query).one()))
    return found


def _follow(found: MonthLooks, _desk: Desk, receipt: Receipt, _beside: Sequence[Any]) -> None:
    known = found.get((receipt.book_id, receipt.period or 0))
    if known is not None and receipt.kind is Kind.ASSESSMENT:
        found[receipt.book_id, receipt.period or 0] = known._replace(declared=True)


# of an employer's book, the month that it is about
DECLARED_MONTH: Need[MonthLooks] = Need("whether the month was declared", _read, follow=_follow)
