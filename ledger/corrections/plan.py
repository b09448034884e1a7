"""The steps of a mass correction: what is still wrong, and the commands that put it right.

A step is planned from what stands in the books when it is its turn, so that a correction which was killed is
simply asked for again: what was posted is right by then, and no longer planned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection, select

from ledger import tables
from ledger.chart.matrix import Stage
from ledger.chart.members import MemberClass
from ledger.contributions.adjustments import Adjust
from ledger.contributions.assessing import Declared
from ledger.contributions.month import Reveal
from ledger.contributions.premiums import Premium, premium
from ledger.contributions.retirees import CreditRetiree
from ledger.corrections import months, retired
from ledger.corrections.asked import OF_PREMIUMS, OF_RETIREES, Correction, CorrectionKind
from ledger.corrections.lines import TOO_LITTLE, Corrected, CorrectionLine
from ledger.corrections.months import Assessed, MonthOfEmployer, Wages
from ledger.corrections.years import interest_steps
from ledger.months import month_bounds, next_period, period_of
from ledger.people.enrolments import Enrol
from ledger.people.membership import Enrolment, class_in, is_retired
from ledger.people.sealed_numbers import sealed_numbers_of_books
from ledger.policy import MissingParameter, Policy
from ledger.posting import Command
from ledger.posting.merges import came_into
from ledger.refusals import RefusalCode, Refused

# by what a list names people: every number of theirs, and the one in force
_NUMBERS, _IN_FORCE = sealed_numbers_of_books(), sealed_numbers_of_books("AND i.role = 1")
LINES_A_COMMAND = 1_000
ACCOUNTS_A_STEP = 500
# where nothing more is said of a class
_OVER = {
    int(Stage.TRANSFERRING): RefusalCode.ACCOUNT_TRANSFERRING,
    int(Stage.CLOSED): RefusalCode.ACCOUNT_CLOSED,
}
# later than every enrolment on record
_LATEST = 2**31 - 1


class Act(NamedTuple):
    """One command, and the lines that it puts right. A line of its list is numbered as it stands here."""

    command: Command
    lines: list[CorrectionLine]


class CorrectionStep(NamedTuple):
    """What is posted together, and the lines of it that are not posted because of their code."""

    acts: list[Act]
    left: list[CorrectionLine]

    @property
    def lines(self) -> Iterator[CorrectionLine]:
        for act in self.acts:
            yield from act.lines
        yield from self.left


@dataclass(frozen=True, slots=True, kw_only=True)
class Planner:
    """Plans one correction over one connection, which is outside a transaction."""

    connection: Connection
    correction: Correction
    policy: Policy
    # the month of today (YYYYMM): what is to come was never posted
    this_month: int
    reveal: Reveal
    caller: str
    actor: str
    # accounts that keep what they got too much
    kept: frozenset[int] = frozenset()

    def refuse_impossible(self) -> None:
        """Raise Refused(account_closed, account_transferring) for a class that cannot be said any more."""
        account_id = self.correction.account_id
        if account_id is None:
            return
        stage = _OVER.get(self._account(account_id)[0])
        if stage is not None:
            raise Refused(stage, at="account")

    def steps(self) -> Iterator[CorrectionStep]:
        """What is still wrong, step by step."""
        kind, parameter = self.correction.kind, self.correction.parameter
        if kind is CorrectionKind.LIST:
            return self._list()
        if kind is CorrectionKind.CLASS:
            return self._class()
        if parameter in OF_PREMIUMS:
            return self._premiums()
        if parameter in OF_RETIREES:
            return self._retirees()
        return self._interest()

    @property
    def _periods(self) -> tuple[int, int]:
        first, last = self.correction.periods
        return first, min(last, self.this_month)

    # -- months of employers -------------------------------------------------------------------------------

    def _premiums(self) -> Iterator[CorrectionStep]:
        first, last = self._periods
        for employer_id in months.employers_with(self.connection, self.correction.area, first, last):
            enrolments: dict[int, list[Enrolment]] = {}
            for period in months.periods_of(self.connection, employer_id, first, last):
                month = months.month_of(self.connection, employer_id, period)
                unread = [one.account_id for one in month.persons if one.account_id not in enrolments]
                enrolments |= {one: [] for one in unread} | months.enrolments_of(self.connection, unread)
                yield from self._of_month(month, months.by_figures(self.policy, enrolments))

    def _list(self) -> Iterator[CorrectionStep]:
        employer_id = self.correction.employer_id
        if employer_id is None:
            raise AssertionError("a list is an employer's")
        right = {one.account_id: one.wage_fen for one in self.correction.wages if one.account_id is not None}
        # what was assessed before two accounts became one stands under the one that it was assessed for
        with self.connection.begin():
            merged = came_into(self.connection, right)
        whose = {one: account_id for account_id, some in merged.items() for one in some}
        enrolments = months.enrolments_of(self.connection, {*right, *whose})
        judge = months.by_figures(self.policy, enrolments)
        first, last = self._periods
        periods = months.periods_of(self.connection, employer_id, first, last)
        if not periods:
            # of no month of these days anything is assessed: each line says so, once
            yield CorrectionStep([], self._never(employer_id, min(first, last), right))
        for period in periods:
            month = months.month_of(self.connection, employer_id, period)
            listed = {
                whose.get(one.account_id, one.account_id): one
                # the account's own month last: that is the one which a list means
                for one in sorted(month.persons, key=lambda one: one.account_id not in whose)
            }
            said = [
                one._replace(wages=Wages(right[account_id], right[account_id]))
                for account_id, one in sorted(listed.items())
                if account_id in right
            ]
            yield from self._of_month(month._replace(persons=said), judge)
            assessed = listed.keys()
            never = [account_id for account_id in right if account_id not in assessed]
            if never:
                yield CorrectionStep([], self._never(employer_id, period, never))

    def _never(self, employer_id: int, period: int, accounts: Iterable[int]) -> list[CorrectionLine]:
        """The lines of those on a list of whom nothing was assessed."""
        return [
            CorrectionLine(
                *(account_id, employer_id, period, Corrected.CONTRIBUTION, 0, 0),
                code=RefusalCode.NOTHING_ASSESSED.value,
            )
            for account_id in accounts
        ]

    def _of_month(self, month: MonthOfEmployer, judge: months.Judge) -> Iterator[CorrectionStep]:
        """The adjustments of one month of an employer, so many lines at a time."""
        people = {one.account_id: one for one in month.persons}
        lines = [self._unless_kept(line) for line in months.lines_of(self.connection, month, judge)]
        wrong = [line for line in lines if line.code is None]
        left = [line for line in lines if line.code is not None]
        if not wrong and left:
            yield CorrectionStep([], left)
        for start in range(0, len(wrong), LINES_A_COMMAND):
            some = wrong[start : start + LINES_A_COMMAND]
            right = {
                line.account_id: months.wage_of(self.policy, month.period, people[line.account_id])
                for line in some
            }
            yield CorrectionStep([Act(self._adjust(month, right), some)], left)
            left = []

    def _adjust(self, month: MonthOfEmployer, wages: Mapping[int, int]) -> Adjust:
        digests = self._digests(list(wages))
        declared = tuple(
            Declared(number, digests.get(account_id), wage_fen)
            for number, (account_id, wage_fen) in enumerate(wages.items(), start=1)
        )
        return Adjust(
            month.employer_id,
            month.period,
            declared,
            self.correction.reason,
            self.reveal,
            (),
            self.caller,
            self.actor,
            # the figures of the area are the agency's: nobody was late with what they left out
            is_ours=self.correction.kind is CorrectionKind.PARAMETER,
        )

    def _digests(self, accounts: Sequence[int]) -> dict[int, bytes]:
        """By what a list names the holder of each account; of one that went into another one, of that."""
        stays = months.stays_of(self.connection, accounts)
        asked = [(account_id,) for account_id in sorted({stays.get(one, one) for one in accounts})]
        with self.connection.begin():
            # the number in force before all others
            rows = [row for numbers in (_NUMBERS, _IN_FORCE) for row in numbers.run(self.connection, asked)]
        found = {account_id: bytes(digest) for account_id, digest, *_sealed in rows}
        return {one: found[stays.get(one, one)] for one in accounts if stays.get(one, one) in found}

    # -- retirees ------------------------------------------------------------------------------------------

    def _retirees(self) -> Iterator[CorrectionStep]:
        first, last = self._periods
        look = partial(retired.accounts_credited, self.connection, self.correction.area, first, last)
        after = 0
        while accounts := look(after, ACCOUNTS_A_STEP):
            after = accounts[-1][0]
            stages = self._stages(accounts)
            given = retired.credited(self.connection, stages, first, last)
            enrolments = months.enrolments_of(self.connection, stages)
            lines = [
                self._unless_kept(line)
                for account_id, had in given.items()
                for line in retired.lines_of(
                    self.policy, account_id, stages[account_id], had, enrolments.get(account_id, ())
                )
            ]
            if lines:
                acts = [Act(self._credit(line), [line]) for line in lines if line.code is None]
                yield CorrectionStep(acts, [line for line in lines if line.code is not None])

    def _stages(self, accounts: Sequence[tuple[int, int]]) -> dict[int, int]:
        """The stage of each account; of one that went into another one, of that."""
        stays = months.stays_of(self.connection, [one for one, stage in accounts if stage == Stage.CLOSED])
        there = {account_id: self._account(account_id)[0] for account_id in set(stays.values())}
        return {one: there.get(stays.get(one, one), stage) for one, stage in accounts}

    def _credit(self, line: CorrectionLine) -> Command:
        return retired.CorrectRetireeCredit(
            line.account_id, line.period, self.correction.reason, self.caller, self.actor
        )

    # -- one person's class --------------------------------------------------------------------------------

    def _class(self) -> Iterator[CorrectionStep]:
        """The class from the day on, then each month that follows from it."""
        account_id, member_class = self.correction.account_id, self.correction.member_class
        if account_id is None or member_class is None:
            raise AssertionError("a class is a person's")
        first, last = self._periods
        of_employers = months.months_of_account(self.connection, account_id, first, last)
        enrolments = months.enrolments_of(self.connection, [account_id]).get(account_id, [])
        employer_id = self._employer(enrolments, of_employers)
        right = Enrolment(_LATEST, member_class, employer_id, self.correction.first, self.correction.last)
        words = [*enrolments, right]
        if self._differs(enrolments, employer_id, first, last):
            enrol = Enrol(
                account_id,
                member_class,
                employer_id,
                self.correction.first,
                self.correction.last,
                None,
                self.caller,
                self.actor,
            )
            yield CorrectionStep([Act(enrol, [])], [])
        for employer, period in of_employers:
            month = months.month_of(self.connection, employer, period, only=account_id)
            if member_class is MemberClass.RETIRED:
                # a retiree pays no premium
                month = month._replace(persons=[one._replace(wages=Wages(0, 0)) for one in month.persons])
            yield from self._of_month(month, partial(self._by_class, words))
        yield from self._credits_of(account_id, words, first, last)

    def _employer(
        self, enrolments: Sequence[Enrolment], of_employers: Sequence[tuple[int, int]]
    ) -> int | None:
        """Where the person is of the class: with whom they are enrolled or were assessed, if at all."""
        if self.correction.member_class is MemberClass.RETIRED:
            return None
        own = [one.employer_id for one in reversed(enrolments) if one.employer_id is not None]
        return next(iter([*own, *(employer for employer, _period in of_employers)]), None)

    def _differs(
        self, enrolments: Sequence[Enrolment], employer_id: int | None, first: int, last: int
    ) -> bool:
        """Whether a month in the days is of another class by what is on record."""
        period = first
        while period <= last:
            if self.correction.member_class is MemberClass.RETIRED:
                if not is_retired(enrolments, period):
                    return True
            elif is_retired(enrolments, period) or not self._is_of_class(enrolments, employer_id, period):
                return True
            period = next_period(period)
        return False

    def _is_of_class(self, enrolments: Sequence[Enrolment], employer_id: int | None, period: int) -> bool:
        covering = [
            one
            for one in enrolments
            if one.first <= month_bounds(period)[0]
            and (one.last is None or one.last >= month_bounds(period)[0])
        ]
        latest = max(covering, key=lambda one: one.seq, default=None)
        return (
            latest is not None
            and latest.member_class is self.correction.member_class
            and latest.employer_id == employer_id
        )

    def _by_class(self, words: Sequence[Enrolment], employer_id: int, period: int, one: Assessed) -> Premium:
        wage = months.wage_of(self.policy, period, one)
        if not wage:
            return months.NOTHING
        return premium(self.policy, period, wage, class_in(words, employer_id, period))

    def _credits_of(
        self, account_id: int, words: Sequence[Enrolment], first: int, last: int
    ) -> Iterator[CorrectionStep]:
        """A retiree's credits of the days: those that were never posted, and those that were not due."""
        stage, opened_on = self._account(account_id)
        had = dict(retired.credited(self.connection, [account_id], first, last).get(account_id, ()))
        lines = retired.lines_of(self.policy, account_id, stage, had.items(), words)
        for line in map(self._unless_kept, lines):
            posts = line.code is None
            yield CorrectionStep([Act(self._credit(line), [line])] if posts else [], [] if posts else [line])
        if self.correction.member_class is not MemberClass.RETIRED:
            return
        period = max(first, period_of(opened_on))
        while period <= last:
            missing = None if period in had else self._missing(account_id, period)
            if missing is not None:
                command = CreditRetiree(account_id, period, self.caller, self.actor)
                posts = missing.code is None
                yield CorrectionStep([Act(command, [missing])] if posts else [], [] if posts else [missing])
            period = next_period(period)

    def _account(self, account_id: int) -> tuple[int, date]:
        """The stage of an account, and when it was opened."""
        book = tables.book.c
        query = select(book.stage, book.opened_on).where(book.book_id == account_id)
        with self.connection.begin():
            stage, opened_on = self.connection.execute(query).one()
        return stage, opened_on

    def _missing(self, account_id: int, period: int) -> CorrectionLine | None:
        """A month's credit that was never posted; None where the area gives none."""
        code, due = None, 0
        try:
            due = self.policy.retiree_credit.on(month_bounds(period)[0])
        except MissingParameter:
            code = RefusalCode.RATES_MISSING.value
        if not due and code is None:
            return None
        return CorrectionLine(account_id, 0, period, Corrected.RETIREE_CREDIT, 0, due, code=code)

    # -- interest ------------------------------------------------------------------------------------------

    def _interest(self) -> Iterator[CorrectionStep]:
        found = interest_steps(self.connection, self.correction, self.policy, self.caller, self.actor)
        for accounts in found:
            acts: list[Act] = []
            left: list[CorrectionLine] = []
            for one in accounts:
                lines = [self._unless_kept(line) for line in one.lines]
                posted = [line for line in lines if line.code is None]
                left += [line for line in lines if line.code is not None]
                if one.command is not None and posted:
                    acts.append(Act(one.command, posted))
            yield CorrectionStep(acts, left)

    def _unless_kept(self, line: CorrectionLine) -> CorrectionLine:
        kept = line.code is None and line.account_id in self.kept
        return line._replace(code=TOO_LITTLE) if kept else line
