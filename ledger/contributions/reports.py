"""What was owed and paid for whom: an employer's months, the staff of a month, a person's months.

An employer is shown what it declared and paid, never what stands in an account or left it. All amounts are
integer fen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, func, null, or_, select

from ledger import tables
from ledger.book.numbers import SEQ_MAX
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.contributions.brought import told_there
from ledger.contributions.credited import Credited, credited
from ledger.contributions.employer_changes import employer_name_in
from ledger.contributions.excused import EXCUSED
from ledger.contributions.levies import NO_PERIOD, DeclaredLine
from ledger.contributions.reads import read_declared
from ledger.database.lookups import Lookup
from ledger.posting.taken_back import taken_back
from ledger.refusals import RefusalCode, Refused

PERIOD_MAX = 999912

_L, _LINE, _A = tables.levy.c, tables.levy_line.c, tables.assessment.c
_E, _T, _N = tables.entry.c, tables.transfer.c, tables.enrolment.c
_EMPLOYER = tables.employer.c

_PRINCIPAL = _L.estimated + _L.employee + _L.employer
_PAID = _L.employee_paid + _L.employer_paid + _L.waiting
_PERSONS = Lookup(
    "SELECT b.book_id, b.person_id FROM {given} JOIN book b ON b.book_id = given.book_id"
    " WHERE b.person_id IS NOT NULL",
    [tables.book.c.book_id, tables.book.c.person_id],
    book_id="big",
)


def taken_back_of(connection: Connection, book_id: int) -> dict[int, int]:
    """By the number of an entry of a book, a payment too, that of its reversal."""
    return taken_back(connection, book_id)


# -- an employer ---------------------------------------------------------------------------------------------


class Standing(NamedTuple):
    """Money of an employer that waits in suspense, in fen.

    `surplus` was paid beyond all debts and goes back to it; `waiting` waits for lists that are to come;
    `forward` is the part of persons whose account takes nothing any more.
    """

    surplus_fen: int
    waiting_fen: int
    forward_fen: int


class MonthPaid(NamedTuple):
    """One month (YYYYMM) of an employer, as it stands.

    `base_fen` is the sum of the persons' bases, None without a list. `assessed_fen` is both parts of all
    persons, or the estimate that stands for them. What waits for the list counts as paid.
    """

    period: int
    base_fen: int | None
    assessed_fen: int
    paid_fen: int
    paid_on: date | None
    late_fee_paid_fen: int
    estimated: bool

    @property
    def owed_fen(self) -> int:
        """What is unpaid of it, late fee apart."""
        return max(self.assessed_fen - self.paid_fen, 0)


class StaffPaid(NamedTuple):
    """What was assessed and paid for one person in one month, by one employer."""

    account_id: int
    person_id: int | None
    base_fen: int
    employee_fen: int
    employer_fen: int
    paid_fen: int
    paid_on: date | None

    @property
    def assessed_fen(self) -> int:
        return self.employee_fen + self.employer_fen

    @property
    def owed_fen(self) -> int:
        return self.assessed_fen - self.paid_fen


def standing(connection: Connection, book_id: int) -> Standing:
    """What of an employer's money waits in suspense."""
    sums = (func.coalesce(func.sum(column), 0) for column in (_L.surplus, _L.waiting, _L.forward))
    row = connection.execute(select(*sums).where(_L.book_id == book_id)).one()
    return Standing(*map(int, row))


def months(
    connection: Connection, book_id: int, *, period: int | None = None, after: int = NO_PERIOD, limit: int
) -> list[MonthPaid]:
    """An employer's months in order, at most `limit` after the month `after`; or one month.

    A month in which nothing was assessed and nothing paid is left out.
    """
    query = select(_L.period, _PRINCIPAL, _PAID, _L.fee_paid, _L.estimated).where(
        _L.book_id == book_id, _L.period > after, or_(_PRINCIPAL > 0, _PAID > 0, _L.fee_paid > 0)
    )
    if period is not None:
        query = query.where(_L.period == period)
    rows = connection.execute(query.order_by(_L.period).limit(limit)).all()
    if not rows:
        return []
    first, last = rows[0].period, rows[-1].period
    bases = _bases(connection, book_id, first, last)
    days = _days_paid(connection, book_id, first, last)
    return [
        MonthPaid(
            month, bases.get(month), assessed, paid, days.get(month) if paid else None, fee, bool(guess)
        )
        for month, assessed, paid, fee, guess in rows
    ]


def _bases(connection: Connection, book_id: int, first: int, last: int) -> dict[int, int]:
    """The sums of the bases of those for whom something is assessed, by month."""
    query = (
        select(_A.period, func.sum(_A.base))
        .where(_A.book_id == book_id, _A.period.between(first, last), _A.employee + _A.employer > 0)
        .group_by(_A.period)
    )
    return {month: int(base) for month, base in connection.execute(query)}


def _days_paid(connection: Connection, book_id: int, first: int, last: int) -> dict[int, date]:
    """The last day on which money came for a month."""
    came = _LINE.employee_paid + _LINE.employer_paid + _LINE.waiting
    entry = tables.entry.c
    # what only counts as paid, because nobody was late with it, never came
    excused = select(entry.seq).where(
        entry.book_id == _LINE.book_id, entry.seq == _LINE.seq, entry.detail.like(f'%"{EXCUSED}":%')
    )
    query = (
        select(_LINE.period, func.max(_LINE.on_day, type_=_LINE.on_day.type))
        .where(_LINE.book_id == book_id, _LINE.period.between(first, last), came > 0, ~excused.exists())
        .group_by(_LINE.period)
    )
    return dict(tuple(row) for row in connection.execute(query))


def staff(
    connection: Connection, book_id: int, period: int, *, after: int = 0, limit: int
) -> list[StaffPaid]:
    """The persons of an employer's month, by account, at most `limit` after the account `after`."""
    paid = _A.employee_paid + _A.employer_paid
    rows = connection.execute(
        select(_A.account_id, null(), _A.base, _A.employee, _A.employer, paid, _A.paid_on)
        .where(
            _A.book_id == book_id,
            _A.period == period,
            _A.account_id > after,
            _A.employee + _A.employer + paid > 0,
        )
        .order_by(_A.account_id)
        .limit(limit)
    ).all()
    persons = dict(tuple(row) for row in _PERSONS.run(connection, [(one.account_id,) for one in rows]))
    found = [one._replace(person_id=persons.get(one.account_id)) for one in map(StaffPaid._make, rows)]
    return [one if one.paid_fen else one._replace(paid_on=None) for one in found]


# -- a list ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeclarationView:
    """A list as it was handed in. `confirmation` is the detail of the entry that confirmed it, if any.

    `there` are the lines that an earlier list had brought, by number, with the entry that handed it in.
    """

    employer: str
    period: int
    confirmation: str | None
    confirmed: bool
    lines: list[DeclaredLine]
    there: dict[int, int]


def declaration(connection: Connection, book_id: int, seq: int) -> DeclarationView:
    """The list that an entry of an employer's book handed in. Raises Refused(declaration_not_found)."""
    acting = tables.entry.alias("acting")
    row = None
    if 1 <= seq <= SEQ_MAX:
        row = connection.execute(
            select(_EMPLOYER.credit_code, _E.period, _E.detail.label("told"), acting.c.seq, acting.c.detail)
            .select_from(
                tables.entry.join(tables.employer, _EMPLOYER.book_id == _E.book_id).outerjoin(
                    acting, (acting.c.book_id == _E.book_id) & (acting.c.target_seq == _E.seq)
                )
            )
            .where(_E.book_id == book_id, _E.seq == seq, _E.kind == int(Kind.DECLARATION))
        ).one_or_none()
    if row is None:
        raise Refused(RefusalCode.DECLARATION_NOT_FOUND, at="target_seq")
    lines = read_declared(connection, [(book_id, seq)]).get((book_id, seq), [])
    return DeclarationView(
        row.credit_code, row.period, row.detail, row.seq is not None, lines, told_there(row.told)
    )


def persons_of(connection: Connection, account_ids: Iterable[int]) -> dict[int, int]:
    """The person numbers behind accounts."""
    return dict(tuple(row) for row in _PERSONS.run(connection, [(one,) for one in sorted(set(account_ids))]))


# -- a person ----------------------------------------------------------------------------------------------


class PersonMonth(NamedTuple):
    """One month of a person at one employer; without an employer, what was credited directly.

    `to_account_fen` is what of the payment reached the account, less what went back to the payer. Base and
    parts are None where nothing was assessed.
    """

    period: int
    kind: Kind
    employer: str | None
    employer_name: str | None
    base_fen: int | None
    employee_fen: int | None
    employer_fen: int | None
    assessed_fen: int
    paid_fen: int
    paid_on: date | None
    to_account_fen: int

    @property
    def owed_fen(self) -> int:
        return self.assessed_fen - self.paid_fen


def person_months(
    connection: Connection, account_id: int, *, first: int = 0, last: int = PERIOD_MAX
) -> list[PersonMonth]:
    """A person's months from `first` to `last`, in order: one for each employer, and what came without one.

    A month that was annulled, with nothing assessed and nothing paid, is left out.
    """
    came_in = credited(connection, account_id, first, last)
    paid = _A.employee_paid + _A.employer_paid
    rows = connection.execute(
        select(
            _A.book_id, _A.period, _EMPLOYER.credit_code, employer_name_in(_A.period), _A.base,
            _A.employee, _A.employer, paid.label("paid"), _A.paid_on,
        )
        .select_from(tables.assessment.outerjoin(tables.employer, _EMPLOYER.book_id == _A.book_id))
        .where(
            _A.account_id == account_id,
            _A.period.between(first, last),
            _A.employee + _A.employer + paid > 0,
        )
    ).all()  # fmt: skip
    found = [
        PersonMonth(
            row.period, Kind.CONTRIBUTION, row.credit_code, row.name, row.base, row.employee, row.employer,
            row.employee + row.employer, row.paid, row.paid_on if row.paid else None,
            came_in.get((row.period, Kind.CONTRIBUTION, row.book_id), Credited()).fen,
        )
        for row in rows
    ]  # fmt: skip
    found += [
        PersonMonth(period, kind, None, None, None, None, None, came.fen, came.fen, came.on_day, came.fen)
        for (period, kind, employer), came in came_in.items()
        if employer is None and came.fen
    ]
    return sorted(found, key=lambda month: (month.period, month.employer or "~", month.kind))


class EnrolmentView(NamedTuple):
    """One enrolment by the entry that recorded it. `replaced_by` is the entry that took its place."""

    seq: int
    member_class: MemberClass
    employer: str | None
    wage_fen: int | None
    first: date
    last: date | None
    recorded_on: date
    replaced_by: int | None
    reversed_by: int | None = None

    def status(self, today: date) -> str:
        """`reversed`, `replaced` by a later entry, `ended` when its last day is over, else `in_force`."""
        if self.reversed_by is not None:
            return "reversed"
        if self.replaced_by is not None:
            return "replaced"
        return "ended" if self.last is not None and self.last < today else "in_force"


def enrolments(connection: Connection, account_id: int) -> list[EnrolmentView]:
    """All that was recorded about a person's insurance, in order."""
    rows = connection.execute(
        select(
            _N.seq, _N.member_class, _EMPLOYER.credit_code, _N.wage, _N.valid_from, _N.valid_to,
            _E.effective_on, _N.replaces_seq,
        )
        .select_from(
            tables.enrolment.join(tables.entry).outerjoin(
                tables.employer, _EMPLOYER.book_id == _N.employer_id
            )
        )
        .where(_N.book_id == account_id)
        .order_by(_N.seq)
    ).all()  # fmt: skip
    back = taken_back(connection, account_id) if rows else {}
    replaced = {row.replaces_seq: row.seq for row in rows if row.replaces_seq is not None}
    return [
        EnrolmentView(
            seq,
            MemberClass(member_class),
            employer,
            wage,
            first,
            last,
            recorded_on,
            replaced.get(seq),
            back.get(seq),
        )
        for seq, member_class, employer, wage, first, last, recorded_on, _replaces in rows
    ]
