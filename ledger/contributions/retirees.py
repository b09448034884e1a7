"""The monthly credit of retirees, out of the pooled fund (R13): one account, or a run over all of an area."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import ColumnElement, Connection, bindparam, func, literal_column, select

from ledger import tables
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.bounds.bound import Bound
from ledger.bounds.table import OLDER_RETIREE_MONTH, RETIREE_MONTH
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage, Verb
from ledger.chart.members import MemberClass
from ledger.chart.sides import Side
from ledger.database.lookups import Lookup
from ledger.months import format_period, month_bounds
from ledger.people.enrolled import ENROLMENTS, stands
from ledger.people.membership import is_retired
from ledger.policy import MissingParameter, Policy
from ledger.posting import BookRef, Command, Desk, Need
from ledger.posting.merges import came_into
from ledger.posting.needs import Asked, own_books
from ledger.posting.runs import Chunks, Run
from ledger.refusals import RefusalCode, Refused

CHUNK = 1000
CALLER = "retiree-credits"


def source_of(period: int) -> str:
    """The document of a month's credit: it makes one entry in each account."""
    return f"retiree-{period}"


_E = tables.entry.c
_STAND = Lookup(
    "SELECT e.book_id, e.source_ref FROM {given} JOIN entry e ON e.book_id = given.book_id"
    f" AND e.kind = {int(Kind.RETIREE_CREDIT)} WHERE NOT EXISTS (SELECT 1 FROM entry x"
    f" WHERE x.book_id = e.book_id AND x.target_seq = e.seq AND x.kind = {int(Kind.REVERSAL)})",
    [_E.book_id, _E.source_ref],
    book_id="big",
)


def _read_before(connection: Connection, asked: Asked, desk: Desk) -> set[tuple[int, str]]:
    merged = came_into(connection, own_books(asked, desk))
    whose = {one: book_id for book_id, some in merged.items() for one in some}
    found = _STAND.run(connection, [(one,) for one in sorted(whose)])
    return {(whose[one], source_ref) for one, source_ref in found}


# by account, what was credited to others before they went into it, by its document
CREDITED_BEFORE: Need[set[tuple[int, str]]] = Need("months of accounts that went into it", _read_before)


@dataclass(eq=False)
class CreditRetiree(Command):
    """Credit the month `period` (YYYYMM) to a retiree of its first day, valued on that day."""

    verb = Verb.RETIREE_CREDIT
    source_kind = Kind.RETIREE_CREDIT
    refused_with = (
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_TRANSFERRING,
        RefusalCode.PERIOD_AFTER_END,
        RefusalCode.PERIOD_INVALID,
        # no retiree on that day
        RefusalCode.NOT_ENROLLED,
        RefusalCode.RATES_MISSING,
        # credited before
        RefusalCode.DUPLICATE_SOURCE_REF,
        # the area credits nothing
        RefusalCode.VERB_NOT_OFFERED,
    )
    needs = frozenset({ENROLMENTS, CREDITED_BEFORE})

    book: BookRef
    period: int | None
    caller: str = CALLER
    actor: str = CALLER
    key: str | None = None
    source_ref: str | None = None

    def __post_init__(self) -> None:
        self.source_ref = source_of(self.period or 0)

    def content(self) -> str:
        return str(self.period)

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        desk.allow(Verb.RETIREE_CREDIT, period=self.period)
        period = OLDER_RETIREE_MONTH.admit_month(
            self.period, desk.today, "period", opening=desk.book.opened_on
        )
        if not is_retired(desk.of(ENROLMENTS).get(book.book_id, ()), period):
            raise Refused(RefusalCode.NOT_ENROLLED, at="period")
        first, _last = month_bounds(period)
        fen = desk.policy(book.area).retiree_credit.on(first)
        reversal_seq = desk.require_new_source(Kind.RETIREE_CREDIT, source_of(period))
        if (book.book_id, source_of(period)) in desk.of(CREDITED_BEFORE):
            raise Refused(RefusalCode.DUPLICATE_SOURCE_REF, at="source_ref")
        if not fen:
            raise Refused(RefusalCode.VERB_NOT_OFFERED)
        effective_on, fact_on = book.value_date(max(first, book.opened_on), desk.today)
        book.credit(
            Draft(
                Kind.RETIREE_CREDIT,
                effective_on,
                period=period,
                fact_on=fact_on,
                target_seq=reversal_seq,
                source_ref=source_of(period),
                keyed=True,
            ),
            fen,
            Side.POOLED_FUND,
            None,
        )


def check(period: int, area: int, today: date, policies: Mapping[int, Policy]) -> None:
    """Raise the refusal of a run that cannot be: area_unknown, period_invalid, rates_missing.

    A month of more than a year ago is a slip of the year, unless it is asked for expressly.
    """
    _check(RETIREE_MONTH, period, area, today, policies)


def check_older(period: int, area: int, today: date, policies: Mapping[int, Policy]) -> None:
    """The same where older months are asked for expressly."""
    _check(OLDER_RETIREE_MONTH, period, area, today, policies)


def _check(bound: Bound, period: int, area: int, today: date, policies: Mapping[int, Policy]) -> None:
    policy = policies.get(area)
    if policy is None:
        raise Refused(RefusalCode.AREA_UNKNOWN, at="area")
    first, _last = month_bounds(bound.admit_month(period, today, "period", opening=None))
    try:
        policy.retiree_credit.on(first)
    except MissingParameter as missing:
        raise Refused(RefusalCode.RATES_MISSING, parameter=missing.name, day=missing.day) from missing


def _owed(period: int, area: int, after: int) -> tuple[ColumnElement[bool], ...]:
    """Accounts with an enrolment as a retiree by then that have not had the month's credit."""
    book, enrolment, entry = tables.book.c, tables.enrolment.c, tables.entry.c
    first, last = month_bounds(period)
    retired = (
        select(enrolment.seq)
        .where(
            enrolment.book_id == book.book_id,
            enrolment.member_class == bindparam("retired", int(MemberClass.RETIRED), literal_execute=True),
            enrolment.valid_from <= bindparam("first", first, literal_execute=True),
            stands(enrolment),
        )
        .exists()
    )
    credited = (
        select(entry.seq)
        .where(
            entry.book_id == book.book_id,
            entry.kind == bindparam("kind", int(Kind.RETIREE_CREDIT), literal_execute=True),
            entry.source_ref == bindparam("credited", source_of(period), literal_execute=True),
        )
        .exists()
    )
    return (
        # written out, so that the plan knows how many books that is: else each chunk sorts them all
        book.area == bindparam("area", area, literal_execute=True),
        book.stage != bindparam("closed", int(Stage.CLOSED), literal_execute=True),
        book.opened_on <= bindparam("last", last, literal_execute=True),
        book.book_id > after,
        retired,
        ~credited,
    )


def _count(connection: Connection, period: int, area: int) -> int:
    with connection.begin():
        query = select(func.count()).select_from(tables.book).where(*_owed(period, area, 0))
        return connection.scalar(query) or 0


def _next(connection: Connection, period: int, area: int, after: int) -> list[int]:
    query = (
        select(tables.book.c.book_id)
        .where(*_owed(period, area, after))
        .order_by(tables.book.c.book_id)
        .limit(literal_column(str(CHUNK)))
    )
    with connection.begin():
        return list(connection.scalars(query))


def _chunks(connection: Connection, period: int, area: int) -> Chunks:
    return Chunks(
        _count(connection, period, area),
        lambda after: {
            account: CreditRetiree(account, period) for account in _next(connection, period, area, after)
        },
    )


# whoever was a retiree once is looked at, and may be none on the day, or credited since the chunk was picked
RETIREE_CREDITS = Run(
    kind=CALLER,
    written=format_period,
    check=check,
    refused_with=(RefusalCode.AREA_UNKNOWN, RefusalCode.PERIOD_INVALID, RefusalCode.RATES_MISSING),
    chunks=_chunks,
    moved=lambda done: done.receipt.amount_fen,
    passed_over=frozenset(RefusalCode) - {RefusalCode.RATES_MISSING},
)
"""The credits of an area for a month, to every retiree who has not had it."""
OLDER_RETIREE_CREDITS = replace(RETIREE_CREDITS, check=check_older)
"""The same run for a month of more than a year ago: who asks for it says so expressly."""
