"""What a unit has not paid: its overdue months, and those of one of its people (art. 4).

A person is shown the months of their own employment there, and of each what was assessed and paid for
themselves: what the unit owes for others is no word of theirs. All amounts are integer fen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum
from typing import Final, NamedTuple

from sqlalchemy import Connection, func, select

from ledger import tables
from ledger.chart.members import MemberClass
from ledger.contributions import employers, reports
from ledger.contributions.arrears_reports import Policies, arrears
from ledger.contributions.employers import Employer
from ledger.contributions.late_fees import due_on
from ledger.contributions.reports import EnrolmentView, PersonMonth
from ledger.months import next_period, period_of
from ledger.policy import MissingParameter, Policy
from ledger.refusals import Refused

_ALL: Final = 2**31 - 1
_L, _B = tables.levy.c, tables.book.c


class MonthState(StrEnum):
    """What is wrong with a month."""

    UNPAID = "unpaid"
    PARTLY_PAID = "partly_paid"
    # of a person: enrolled, and on no list of the unit; nothing was estimated either
    NOT_DECLARED = "not_declared"


class UnpaidMonth(NamedTuple):
    """A month (YYYYMM) that is overdue and not paid in full; late fees are no part of it.

    `unit` is the employer's book. Of a unit it is what the unit owes for all, of a person what for them.
    """

    unit: int
    employer: str
    employer_name: str
    period: int
    state: MonthState
    assessed_fen: int
    paid_fen: int

    @property
    def owed_fen(self) -> int:
        return self.assessed_fen - self.paid_fen


def unpaid_of_unit(
    connection: Connection, unit: Employer, policies: Policies, today: date
) -> list[UnpaidMonth]:
    """The overdue months of which a unit has not paid everything, oldest first. Raises Refused."""
    overdue = {
        one.period: one.principal_fen
        for one in arrears(connection, unit.book_id, today, policies)
        if one.principal_fen
    }
    if not overdue:
        return []
    return [
        UnpaidMonth(
            unit.book_id,
            unit.credit_code,
            unit.name,
            month.period,
            _state(month.assessed_fen - overdue[month.period]),
            month.assessed_fen,
            month.assessed_fen - overdue[month.period],
        )
        for month in reports.months(connection, unit.book_id, limit=_ALL)
        if month.period in overdue
    ]


def unpaid_of_person(
    connection: Connection, book_id: int, policies: Policies, today: date, unit: Employer | None = None
) -> list[UnpaidMonth]:
    """The same of the months in which a person worked for a unit, or for any: what was for them."""
    enrolled = [
        one for one in reports.enrolments(connection, book_id) if one.replaced_by is None and one.employer
    ]
    months = [one for one in reports.person_months(connection, book_id) if one.employer is not None]
    codes = {str(one.employer) for one in enrolled} | {str(one.employer) for one in months}
    if unit is not None:
        codes &= {unit.credit_code}
    opened_on: date = connection.execute(select(_B.opened_on).where(_B.book_id == book_id)).scalar_one()
    found: list[UnpaidMonth] = []
    for code in codes:
        where = employers.find(connection, code, today)
        own = {one.period: one for one in months if one.employer == code}
        spells = [one for one in enrolled if one.employer == code]
        found.extend(_of_one(connection, where, own, _Worked(spells, opened_on), policies, today))
    return sorted(found, key=lambda month: (month.period, month.employer))


class _Worked(NamedTuple):
    """A person's enrolments with one unit, and from when on there is an account."""

    spells: list[EnrolmentView]
    opened_on: date

    def periods(self, unit_since: int | None, latest: int) -> Iterator[int]:
        """The months of employment of which the ledger has to know what was paid.

        What was before the unit's first month here, and before the enrolment was recorded, an earlier system
        may know.
        """
        for one in self.spells:
            if one.member_class is not MemberClass.ACTIVE:
                continue
            known = period_of(one.recorded_on)
            since = known if unit_since is None else min(known, unit_since)
            period = max(period_of(max(one.first, self.opened_on)), since)
            last = latest if one.last is None else min(latest, period_of(one.last))
            while period <= last:
                yield period
                period = next_period(period)

    def has(self, period: int) -> bool:
        """Whether the person was enrolled in a month."""
        return any(
            period_of(one.first) <= period and (one.last is None or period <= period_of(one.last))
            for one in self.spells
        )


def _of_one(
    connection: Connection,
    unit: Employer,
    own: Mapping[int, PersonMonth],
    worked: _Worked,
    policies: Policies,
    today: date,
) -> Iterator[UnpaidMonth]:
    try:
        of_unit = unpaid_of_unit(connection, unit, policies, today)
    except Refused:
        # an area that has no rules here
        return
    said: set[int] = set()
    for month in of_unit:
        mine = own.get(month.period)
        if mine is None and not worked.has(month.period):
            continue
        said.add(month.period)
        assessed, paid = (0, 0) if mine is None else (mine.assessed_fen, mine.paid_fen)
        # what was paid may have gone to others first, or to this person
        state = month.state if mine is None or mine.owed_fen <= 0 else _state(mine.paid_fen)
        yield month._replace(state=state, assessed_fen=assessed, paid_fen=min(paid, assessed))
    since = connection.scalar(select(func.min(_L.period)).where(_L.book_id == unit.book_id, _L.period > 0))
    for period in dict.fromkeys(worked.periods(since, period_of(today))):
        if period not in said and period not in own and _is_overdue(policies[unit.area], period, today):
            yield UnpaidMonth(
                unit.book_id, unit.credit_code, unit.name, period, MonthState.NOT_DECLARED, 0, 0
            )


def _state(paid_fen: int) -> MonthState:
    return MonthState.PARTLY_PAID if paid_fen > 0 else MonthState.UNPAID


def _is_overdue(policy: Policy, period: int, today: date) -> bool:
    try:
        return due_on(policy, period) < today
    except MissingParameter:
        return False
