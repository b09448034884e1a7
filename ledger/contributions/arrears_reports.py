"""What a supervisor asks: who is in arrears on a day, who registered too late, who has not declared.

A debt is looked at as of a day: what is assessed now, less what had come in by then, and the late fee as it
stood at the end of it. The day may lie ahead. All amounts are integer fen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy import Connection, case, func, select, tuple_

from ledger import tables
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.contributions.closed_days import EmployerEnd, ends_on
from ledger.contributions.declared_months import has_nobody, is_closed, was_declared
from ledger.contributions.employer_changes import employer_name_on
from ledger.contributions.late_fees import due_on, late_fee
from ledger.contributions.premiums import estimate
from ledger.database.cluster import in_cluster
from ledger.database.lookups import Lookup
from ledger.months import first_day, month_bounds, previous_period
from ledger.policy import MissingParameter, Policy
from ledger.posting.batches import RefusedLine
from ledger.refusals import RefusalCode, Refused

# employers or enrolments read at once, where few of them may be what is asked for
CHUNK = 500

_L, _N, _E = tables.levy.c, tables.enrolment.c, tables.entry.c
_EMPLOYER = tables.employer.c
_LINE = tables.levy_line.c
# by month and day: what is owed for it, what counts as paid, what of the late fee was paid
_DAYS = Lookup(
    "SELECT l.book_id, l.period, l.on_day,"
    " CAST(SUM(l.estimated + l.employee + l.employer) AS bigint),"
    " CAST(SUM(l.employee_paid + l.employer_paid + l.waiting) AS bigint),"
    " CAST(SUM(l.fee_paid) AS bigint)"
    " FROM {given} JOIN levy_line l ON l.book_id = given.book_id WHERE l.period > 0"
    " GROUP BY l.book_id, l.period, l.on_day ORDER BY l.book_id, l.period, l.on_day",
    [_LINE.book_id, _LINE.period, _LINE.on_day, _LINE.employee, _LINE.employee_paid, _LINE.fee_paid],
    book_id="big",
)

Policies = Mapping[int, Policy]


class _Day(NamedTuple):
    """What one day changed about a month of an employer, in fen; the columns of _DAYS."""

    book_id: int
    period: int
    on_day: date
    owed: int
    paid: int
    fee_paid: int


class Arrear(NamedTuple):
    """A month (YYYYMM) that is overdue: unpaid principal, and the late fee that is unpaid (R11, R12, K4).

    Of a month that the area has no figures for the principal alone is known, and the rest is None.
    """

    period: int
    due_on: date | None
    principal_fen: int
    late_fee_fen: int | None
    uncapped_fee_fen: int | None


class EmployerArrears(NamedTuple):
    """An employer with at least one month in arrears."""

    credit_code: str
    name: str
    months: tuple[Arrear, ...]
    # of one that is closed on the day
    end: EmployerEnd | None = None

    @property
    def principal_fen(self) -> int:
        return sum(month.principal_fen for month in self.months)

    @property
    def late_fee_fen(self) -> int:
        return sum(month.late_fee_fen or 0 for month in self.months)

    @property
    def left_out(self) -> tuple[int, ...]:
        """The months whose late fee cannot be worked out, and is not in the sum."""
        return tuple(month.period for month in self.months if month.late_fee_fen is None)


class OverdueRegistration(NamedTuple):
    """An employee who was enrolled with an employer later than the area allows (R5).

    Where the area had no rule yet when the enrolment began, nobody can say how late: `due_on` is None.
    """

    account_id: int
    seq: int
    employer: str
    employer_name: str
    first: date
    due_on: date | None
    recorded_on: date

    @property
    def days_late(self) -> int | None:
        return None if self.due_on is None else (self.recorded_on - self.due_on).days


class Undeclared(NamedTuple):
    """An employer without list or estimate for a month, and what it owed for the month before (R10).

    `estimate_fen` is None where its area does not say how that is worked out.
    """

    credit_code: str
    name: str
    last_month_fen: int
    estimate_fen: int | None


def _policy(policies: Policies, area: int) -> Policy:
    policy = policies.get(area)
    if policy is None:
        raise Refused(RefusalCode.AREA_UNKNOWN, at="area")
    return policy


# -- arrears -----------------------------------------------------------------------------------------------


def arrears(connection: Connection, book_id: int, on: date, policies: Policies) -> list[Arrear]:
    """The months of an employer that are overdue at the end of a day, oldest first.

    A month is overdue from the day after its due date on, while principal or late fee is unpaid. Raises
    Refused(area_unknown) when the employer's area has no policy.
    """
    area = connection.scalar(select(_EMPLOYER.area).where(_EMPLOYER.book_id == book_id))
    if area is None:
        raise Refused(RefusalCode.EMPLOYER_NOT_FOUND, at="employer")
    return _in_arrears(connection, {book_id: _policy(policies, area)}, on).get(book_id, [])


def owed_in_all(connection: Connection, book_id: int) -> int:
    """What an employer owes for all its months, due or not, without late fees, in fen."""
    owed = _L.estimated + _L.employee + _L.employer - _L.employee_paid - _L.employer_paid - _L.waiting
    query = select(func.sum(case((owed > 0, owed), else_=0))).where(_L.book_id == book_id)
    return int(connection.scalar(query) or 0)


def employers_in_arrears(
    connection: Connection,
    on: date,
    policies: Policies,
    *,
    area: int | None = None,
    after: str = "",
    limit: int,
) -> list[EmployerArrears]:
    """Employers with arrears at the end of a day, by credit code, at most `limit` after the code `after`.

    A month for which nothing can be worked out is named in its employer's row, and holds up no other.
    """
    query = select(_EMPLOYER.credit_code, _EMPLOYER.book_id, employer_name_on(on), _EMPLOYER.area)
    if area is not None:
        query = query.where(_EMPLOYER.area == area)
    found: list[EmployerArrears] = []
    while len(found) < limit:
        chunk = connection.execute(
            query.where(_EMPLOYER.credit_code > after).order_by(_EMPLOYER.credit_code).limit(CHUNK)
        ).all()
        owing = _in_arrears(connection, {one.book_id: policies.get(one.area) for one in chunk}, on)
        ends = ends_on(connection, owing, on)
        found += [
            EmployerArrears(one.credit_code, one.name, tuple(owing[one.book_id]), ends.get(one.book_id))
            for one in chunk
            if one.book_id in owing
        ]
        if len(chunk) < CHUNK:
            break
        after = chunk[-1].credit_code
    return found[:limit]


def _in_arrears(
    connection: Connection, policy_of: Mapping[int, Policy | None], on: date
) -> dict[int, list[Arrear]]:
    """The overdue months of several employers, by book; of those that have any."""
    found: dict[int, list[Arrear]] = {}
    # each month is worked out once, whoever owes it
    due = cache(due_on)
    rows = _DAYS.run(connection, [(book_id,) for book_id in sorted(policy_of)])
    for (book_id, period), changes in groupby(map(_Day._make, rows), key=attrgetter("book_id", "period")):
        policy, days = policy_of[book_id], list(changes)
        try:
            if policy is None:
                month = _unknown(period, days, on)
            else:
                month = _arrear(policy, period, due(policy, period), days, on)
        except MissingParameter:
            month = _unknown(period, days, on)
        if month is not None:
            found.setdefault(book_id, []).append(month)
    return found


def _unknown(period: int, days: Sequence[_Day], on: date) -> Arrear | None:
    """A month that the area has no figures for, if it is not paid."""
    unpaid = _unpaid(days, on)
    return Arrear(period, None, unpaid, None, None) if unpaid else None


def _unpaid(days: Sequence[_Day], on: date) -> int:
    """What is assessed now, less what had come in by the end of a day."""
    return max(sum(day.owed for day in days) - sum(day.paid for day in days if day.on_day <= on), 0)


def _arrear(policy: Policy, period: int, due: date, days: Sequence[_Day], on: date) -> Arrear | None:
    """One month at the end of a day, if it is overdue."""
    if due >= on:
        return None
    principal = sum(day.owed for day in days)
    payments = [(day.on_day, day.paid) for day in days if day.paid]
    unpaid = _unpaid(days, on)
    fee = late_fee(policy, due, principal, payments, on)
    fee_paid = sum(day.fee_paid for day in days if day.on_day <= on)
    owed = max(fee.fee_fen - fee_paid, 0)
    if not unpaid and not owed:
        return None
    return Arrear(period, due, unpaid, owed, max(fee.uncapped_fen - fee_paid, 0))


# -- registration and declaration --------------------------------------------------------------------------


def overdue_registrations(
    connection: Connection,
    on: date,
    policies: Policies,
    *,
    area: int | None = None,
    after: tuple[int, int] = (0, 0),
    limit: int,
) -> list[OverdueRegistration]:
    """Employees whose enrolment was recorded, by the day `on`, later than the area's days after it began.

    In order of account and entry, at most `limit` after the entry `after`. The area is the employer's.
    """
    acting = tables.entry.alias("acting").c
    taken_back = select(acting.seq).where(
        acting.book_id == _N.book_id, acting.target_seq == _N.seq, acting.kind == int(Kind.REVERSAL)
    )
    query = (
        select(
            _N.book_id, _N.seq, _EMPLOYER.credit_code, employer_name_on(on), _N.valid_from, _E.effective_on,
            _EMPLOYER.area,
        )
        .select_from(
            tables.enrolment.join(tables.entry).join(tables.employer, _EMPLOYER.book_id == _N.employer_id)
        )
        .where(
            _E.kind == int(Kind.ENROLMENT),
            _N.member_class == int(MemberClass.ACTIVE),
            # most are recorded before they begin; how late is too late is for the policy to say
            _E.effective_on > _N.valid_from,
            _E.effective_on <= on,
            ~is_closed(_EMPLOYER.book_id, on, apart=in_cluster(connection)),
            ~taken_back.exists(),
        )
        .order_by(_N.book_id, _N.seq)
        .limit(CHUNK)
    )  # fmt: skip
    if area is not None:
        query = query.where(_EMPLOYER.area == area)
    found: list[OverdueRegistration] = []
    while len(found) < limit:
        chunk = connection.execute(query.where(tuple_(_N.book_id, _N.seq) > tuple_(*after))).all()
        for book_id, seq, code, name, first, recorded_on, where in chunk:
            due = _register_by(policies.get(where), first)
            if due is None or recorded_on > due:
                found.append(OverdueRegistration(book_id, seq, code, name, first, due, recorded_on))
        if len(chunk) < CHUNK:
            break
        after = (chunk[-1].book_id, chunk[-1].seq)
    return found[:limit]


def _register_by(policy: Policy | None, first: date) -> date | None:
    """By when an enrolment has to be recorded; None where the area does not say it for the day."""
    if policy is None or not policy.registration_days.holds_on(first):
        return None
    return first + timedelta(days=policy.registration_days.on(first))


def undeclared(
    connection: Connection,
    period: int,
    policies: Policies,
    *,
    area: int | None = None,
    after: str = "",
    limit: int,
) -> list[Undeclared]:
    """Employers that owed something for the month before and have neither list nor estimate for this one.

    By credit code, at most `limit` after the code `after`. `estimate_fen` is what R10 charges. Closed
    employers and those with nobody enrolled in the month are left out, as of the estimates.
    """
    this = tables.levy.alias("this_month")
    last_month = _L.estimated + _L.employee + _L.employer
    query = (
        select(
            _EMPLOYER.credit_code,
            employer_name_on(month_bounds(period)[1]),
            _EMPLOYER.area,
            last_month.label("last_month"),
        )
        .select_from(
            tables.employer.join(tables.levy, _L.book_id == _EMPLOYER.book_id).outerjoin(
                this, (this.c.book_id == _L.book_id) & (this.c.period == period)
            )
        )
        .where(
            _EMPLOYER.credit_code > after,
            _L.period == previous_period(period),
            last_month > 0,
            func.coalesce(this.c.estimated + this.c.employee + this.c.employer, 0) == 0,
            # all of the levy's book: in a cluster they lie with it
            ~was_declared(_L.book_id, period),
            ~is_closed(_L.book_id),
            ~has_nobody(_L.book_id, period, spread=in_cluster(connection)),
        )
        .order_by(_EMPLOYER.credit_code)
        .limit(limit)
    )
    if area is not None:
        query = query.where(_EMPLOYER.area == area)
    return [
        Undeclared(
            row.credit_code,
            row.name,
            row.last_month,
            _estimate(policies.get(row.area), period, row.last_month),
        )
        for row in connection.execute(query)
    ]


def _estimate(policy: Policy | None, period: int, last_month: int) -> int | None:
    if policy is None or not policy.estimate_share.holds_on(first_day(period)):
        return None
    return estimate(policy, period, last_month)


# -- files -------------------------------------------------------------------------------------------------


def rejected_lines(connection: Connection, batch_id: str, *, after: int = 0, limit: int) -> list[RefusedLine]:
    """The refused lines of a batch, in order, at most `limit` after the line `after`.

    Raises Refused(batch_not_found).
    """
    batch, line = tables.batch.c, tables.batch_line.c
    rows = connection.execute(
        select(line.line, line.code, line.field)
        .where(line.batch_id == batch_id, line.line > after)
        .order_by(line.line)
        .limit(limit)
    ).all()
    if not rows and connection.scalar(select(batch.batch_id).where(batch.batch_id == batch_id)) is None:
        raise Refused(RefusalCode.BATCH_NOT_FOUND, at="batch")
    return list(map(RefusedLine._make, rows))
