"""Assessed months that come to something else: by the figures in force, another class, or another wage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from sqlalchemy import Connection, select

from ledger import tables
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.members import LineKind
from ledger.chart.parties import Party
from ledger.contributions.premiums import Premium, contribution_base, premium
from ledger.corrections.lines import WAGE_UNKNOWN, Corrected, CorrectionLine
from ledger.money import FEN_MAX
from ledger.months import period_of
from ledger.people.enrolled import read_enrolments
from ledger.people.membership import Enrolment, class_in
from ledger.people.merged import onward_of
from ledger.policy import MissingParameter, Policy, load_policy
from ledger.refusals import RefusalCode, Refused

_A, _L, _E, _B = tables.assessment.c, tables.assessment_line.c, tables.entry.c, tables.book.c
_D, _P = tables.declared_line.c, tables.policy.c
NOTHING = Premium(0, 0, 0)
ACCOUNTS_A_LOOK = 1_000

Enrolments = Mapping[int, Sequence[Enrolment]]


class Wages(NamedTuple):
    """Between what a wage was, in fen: a base says no more of one that was held to the floor or the cap."""

    lowest: int
    highest: int

    def in_month(self, policy: Policy, period: int) -> int | None:
        """One that gives the base which all give by the figures of a policy; None where they differ."""
        if not self.highest:
            return 0
        bases = {contribution_base(policy, period, max(wage, 1)) for wage in self}
        return max(self.lowest, 1) if len(bases) == 1 else None


class Assessed(NamedTuple):
    """One person's month at an employer as it was assessed; `wages` None where nobody can say any."""

    account_id: int
    base: int
    employee: int
    employer: int
    # what of the employee's part stands in the account
    credited: int
    wages: Wages | None


class MonthOfEmployer(NamedTuple):
    """One month of one employer, with everybody of it who is looked at."""

    employer_id: int
    period: int
    persons: list[Assessed]


# the right amounts of a person's month; raises Refused, MissingParameter
Judge = Callable[[int, int, Assessed], Premium]


def area_of(connection: Connection, book_id: int) -> int:
    """The area of a book, inside the transaction that is given."""
    area: int = connection.scalars(select(_B.area).where(_B.book_id == book_id)).one()
    return area


def employers_with(connection: Connection, area: int, first: int, last: int) -> list[int]:
    """The employers' books of an area that have months assessed from `first` to `last`."""
    there = select(_A.book_id).where(_A.book_id == _B.book_id, _A.period >= first, _A.period <= last).exists()
    query = select(_B.book_id).where(
        _B.area == area,
        _B.book_id.between(Party.EMPLOYER.first, Party.EMPLOYER.last),
        there,
    )
    with connection.begin():
        return list(connection.scalars(query.order_by(_B.book_id)))


def months_of_account(
    connection: Connection, account_id: int, first: int, last: int
) -> list[tuple[int, int]]:
    """The (employer, month) for which a person was assessed."""
    query = select(_A.book_id, _A.period).where(
        _A.account_id == account_id, _A.period >= first, _A.period <= last
    )
    with connection.begin():
        return [tuple(row) for row in connection.execute(query.order_by(_A.book_id, _A.period))]


def periods_of(connection: Connection, employer_id: int, first: int, last: int) -> list[int]:
    """The months of an employer for which anybody was assessed."""
    query = select(_A.period).where(_A.book_id == employer_id, _A.period >= first, _A.period <= last)
    with connection.begin():
        return list(connection.scalars(query.distinct().order_by(_A.period)))


def month_of(
    connection: Connection, employer_id: int, period: int, only: int | None = None
) -> MonthOfEmployer:
    """A month of an employer as it was assessed, of all its people or of one account."""
    mine = () if only is None else (_A.account_id == only,)
    rows = select(_A.account_id, _A.base, _A.employee, _A.employer, _A.employee_paid, _A.suspended).where(
        _A.book_id == employer_id, _A.period == period, *mine
    )
    with connection.begin():
        found = connection.execute(rows.order_by(_A.account_id)).all()
        wages = _wages(connection, employer_id, period)
        adjusted = _adjusted(connection, employer_id, period)
    return MonthOfEmployer(
        employer_id,
        period,
        [
            Assessed(
                account_id,
                base,
                employee,
                employer,
                paid - max(suspended, 0),
                _behind(base, wages.get(account_id), adjusted[account_id], period)
                if account_id in adjusted
                else _exactly(wages.get(account_id)),
            )
            for account_id, base, employee, employer, paid, suspended in found
        ],
    )


def _wages(connection: Connection, employer_id: int, period: int) -> dict[int, int]:
    """What the lists of a month said, of those whom they were assessed by."""
    lists = select(_E.seq, _E.target_seq).where(
        _E.book_id == employer_id, _E.kind == int(Kind.ASSESSMENT), _E.period == period
    )
    found: dict[int, int] = {}
    for seq, declared in connection.execute(lists).all():
        assessed = select(_L.account_id).where(
            _L.book_id == employer_id, _L.seq == seq, _L.kind == int(LineKind.ASSESSED)
        )
        said = select(_D.account_id, _D.wage).where(
            _D.book_id == employer_id, _D.seq == declared, _D.code.is_(None), _D.account_id.in_(assessed)
        )
        found.update((account_id, wage) for account_id, wage in connection.execute(said))
    return found


def _exactly(wage: int | None) -> Wages | None:
    return None if wage is None else Wages(wage, wage)


def _adjusted(connection: Connection, employer_id: int, period: int) -> dict[int, Policy]:
    """By account, the policy by which a month was corrected last."""
    corrections = select(_E.seq, _E.policy_version).where(
        _E.book_id == employer_id, _E.kind == int(Kind.ADJUSTMENT), _E.period == period
    )
    found: dict[int, Policy] = {}
    for seq, version in connection.execute(corrections.order_by(_E.seq)).all():
        text: str = connection.scalars(select(_P.content).where(_P.version == version)).one()
        policy = _stored(text)
        lines = select(_L.account_id).where(
            _L.book_id == employer_id, _L.seq == seq, _L.kind == int(LineKind.ADJUSTED)
        )
        found.update((account_id, policy) for account_id in connection.scalars(lines))
    return found


def _behind(base: int, declared: int | None, policy: Policy, period: int) -> Wages:
    """The wages that a correction by `policy` can have been about; `declared` was the list's."""
    if not base:
        # taken off the month
        return Wages(0, 0)
    if declared and contribution_base(policy, period, declared) == base:
        return Wages(declared, declared)
    floor, cap = (contribution_base(policy, period, wage) for wage in (1, FEN_MAX))
    return Wages(1 if base == floor else base, FEN_MAX if base == cap else base)


@cache
def _stored(text: str) -> Policy:
    return load_policy(text, "stored", complete=False)


def by_figures(policy: Policy, enrolments: Enrolments) -> Judge:
    """What a month comes to by the figures of a policy and the classes on record."""

    def judged(employer_id: int, period: int, one: Assessed) -> Premium:
        wage = wage_of(policy, period, one)
        if not wage:
            return NOTHING
        member_class = class_in(enrolments.get(one.account_id, ()), employer_id, period)
        return premium(policy, period, wage, member_class)

    return judged


def wage_of(policy: Policy, period: int, one: Assessed) -> int:
    """A wage that gives the right base of a month. Raises UnknownWage."""
    wage = None if one.wages is None else one.wages.in_month(policy, period)
    if wage is None:
        raise UnknownWage
    return wage


class UnknownWage(Exception):
    """Nobody can say what wage a month was assessed by."""


def lines_of(connection: Connection, month: MonthOfEmployer, judge: Judge) -> list[CorrectionLine]:
    """The lines of those whose month was assessed otherwise than it should be."""
    ended = _ended(connection, [one.account_id for one in month.persons])
    found = []
    for one in month.persons:
        code: str | None = None
        due = Premium(one.base, one.employee, one.employer)
        try:
            due = judge(month.employer_id, month.period, one)
        except UnknownWage:
            code = WAGE_UNKNOWN
        except Refused as refused:
            code = refused.code.value
        except MissingParameter:
            code = RefusalCode.RATES_MISSING.value
        died, closed = ended.get(one.account_id, (None, False))
        if code is None and died is not None and month.period > died:
            code = RefusalCode.PERIOD_AFTER_END.value
        if code is None and closed and one.credited > due.employee_fen:
            # the heirs have it: nobody is left to owe it (R33)
            code = RefusalCode.ACCOUNT_CLOSED.value
        line = CorrectionLine(
            one.account_id,
            month.employer_id,
            month.period,
            Corrected.CONTRIBUTION,
            one.employee,
            due.employee_fen,
            one.employer,
            due.employer_fen,
            code,
        )
        if line.is_wrong or code == WAGE_UNKNOWN:
            found.append(line)
    return found


def _ended(connection: Connection, accounts: Sequence[int]) -> dict[int, tuple[int | None, bool]]:
    """Of accounts whose holder has died or that are closed: the month of death, and whether it is closed.

    Of one that went into another one it is what became of that one.
    """
    found: dict[int, tuple[int | None, bool]] = {}
    for start in range(0, len(accounts), ACCOUNTS_A_LOOK):
        some = accounts[start : start + ACCOUNTS_A_LOOK]
        stays = stays_of(connection, some)
        query = select(_B.book_id, _B.died_on, _B.stage).where(
            _B.book_id.in_({stays.get(account_id, account_id) for account_id in some}),
            _B.stage != int(Stage.ACTIVE),
        )
        with connection.begin():
            ended = {
                account_id: (None if died_on is None else period_of(died_on), stage == Stage.CLOSED)
                for account_id, died_on, stage in connection.execute(query)
            }
        for account_id in some:
            if (known := ended.get(stays.get(account_id, account_id))) is not None:
                found[account_id] = known
    return found


def stays_of(connection: Connection, accounts: Iterable[int]) -> dict[int, int]:
    """Of those of some accounts that went into another one, the one that has their money now."""
    with connection.begin():
        return {account_id: way[-1] for account_id, way in onward_of(connection, accounts).items()}


def enrolments_of(connection: Connection, accounts: Iterable[int]) -> dict[int, list[Enrolment]]:
    """How people are enrolled, read some at a time."""
    wanted = sorted(set(accounts))
    found: dict[int, list[Enrolment]] = {}
    for start in range(0, len(wanted), ACCOUNTS_A_LOOK):
        with connection.begin():
            found |= read_enrolments(connection, wanted[start : start + ACCOUNTS_A_LOOK])
    return found
