"""An employer's monthly list: shown as it would be assessed, then confirmed (R7, R9, R10).

The preview and the confirmation are two entries of the employer's book; the second points at the first, so a
list is confirmed once. What was paid before the list came is spread over its persons by the confirmation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from ledger.accounts.inheritance import ESTATE
from ledger.book.beside import rows_digest
from ledger.book.chain import TransferLine
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.bounds.bound import SINCE
from ledger.chart.kinds import Kind
from ledger.chart.members import LineKind
from ledger.chart.sides import Side
from ledger.contributions.assessing import Declared, canonical, check_alive, judge, numbers_of, persons_of
from ledger.contributions.beyond_staff import (
    ACQUAINTED,
    OwnList,
    check_few,
    is_staff,
    not_yours,
    told_alike,
)
from ledger.contributions.brought import entry_of_list, lines_there, nil_list_there, told_there
from ledger.contributions.cleared import DEMANDED
from ledger.contributions.levies import (
    NO_PERIOD,
    AssessmentLine,
    DeclaredLine,
    LevyLine,
)
from ledger.contributions.month import Month, Reveal, employer_book, lock_all, owed_month
from ledger.contributions.premiums import Premium
from ledger.contributions.reads import DEBTS, DECLARED, OPEN_MONTH
from ledger.contributions.squaring import square_fees
from ledger.months import is_period, month_bounds, period_of
from ledger.people.births import BIRTHS
from ledger.people.enrolled import ENROLMENTS
from ledger.people.merged import MERGED_NAMED, with_merged_named
from ledger.people.sealed import SEALED_NUMBERS
from ledger.people.shared_numbers import SHARED_NUMBERS
from ledger.posting import TARGET, AlreadyThere, BookRef, Command, Desk
from ledger.refusals import RefusalCode, Refused


@dataclass(eq=False)
class Declare(Command):
    """Hand in the list of a month (YYYYMM) and see what would be assessed. Nothing is owed by it yet.

    No line at all is a nil list. The first line of a person counts, later ones get duplicate_line. A line
    that cannot be taken has a code and disturbs no other. Refused as a whole: period_invalid, rates_missing.

    What a confirmed list has brought is there already. A list that says nothing else is answered by the one
    that it repeats, in whatever order it comes; of any other the entry keeps which lines were there.
    """

    verb = "declare"
    refused_with = (
        RefusalCode.EMPLOYER_NOT_FOUND,
        # an own list with too many people beyond the staff
        RefusalCode.NOT_YOURS,
        RefusalCode.PERIOD_INVALID,
        RefusalCode.RATES_MISSING,
    )
    needs = frozenset({DEBTS, ENROLMENTS, BIRTHS, SHARED_NUMBERS, MERGED_NAMED})

    book: BookRef
    period: int | None
    lines: tuple[Declared, ...]
    named: tuple[BookRef, ...] = ()
    caller: str = ""
    actor: str = ""
    key: str | None = None
    # of an employer that hands it in by itself, and is told of its staff alone
    own: OwnList | None = None

    def __post_init__(self) -> None:
        self.named = persons_of(self.lines)
        # whom an own list names beyond the staff, once it was decided
        self.strangers: frozenset[bytes] | None = None
        if self.own is not None:
            self.also_need(ACQUAINTED)
        is_month = self.period is not None and is_period(self.period) and self.period >= period_of(SINCE)
        # the month of a list that is none is refused before anybody is looked at
        self.alive_on = month_bounds(self.period)[1] if is_month and self.period else date.max

    def content(self) -> str:
        return f"{self.period}|{canonical(self.lines)}"

    def looks_at(self, desk: Desk, book_id: int) -> set[int]:
        return with_merged_named(desk, super().looks_at(desk, book_id))

    def decide(self, desk: Desk) -> None:
        book = employer_book(desk)
        period = owed_month(desk, book, self.period)
        seen: set[int | bytes] = set()
        lines = tuple(_judged(desk, self, period, line, seen) for line in self.lines)
        if self.own is not None:
            lines, self.strangers = told_alike(desk, self.own, period, self.lines, lines)
            check_few(self.own, self.strangers)
        good = [line for line in lines if line.code is None]
        beside = tuple(sorted(lines, key=lambda line: line.line))
        there = lines_there(desk, self, period, beside)
        repeated = set(there.values()) if beside else {nil_list_there(desk, self, period)}
        if len(there) == len(beside) and len(repeated) == 1 and (seq := repeated.pop()) is not None:
            raise AlreadyThere(entry_of_list(desk, seq), beside)
        book.add(
            Draft(
                Kind.DECLARATION,
                desk.today,
                period=period,
                keyed=True,
                beside=beside,
                detail=pack(
                    lines=len(good),
                    refused=len(lines) - len(good),
                    employee=sum(line.employee or 0 for line in good),
                    employer=sum(line.employer or 0 for line in good),
                    rows=rows_digest(beside),
                    numbers=numbers_of(self.lines, beside),
                    **_told(there),
                ),
            )
        )


def _told(there: Mapping[int, int]) -> dict[str, dict[str, int]]:
    """What the entry of a list keeps of lines that were there, where there are any."""
    return {"already": {str(number): seq for number, seq in there.items()}} if there else {}


def _tells_whose(desk: Desk, account_id: int | None) -> bool:
    """Whether a number that two people shared is told to be the one's for whom it is in force.

    A line says no name, so that an enrolment with the employer has to tell that it means no other.
    """
    enrolments = desk.of(ENROLMENTS).get(account_id or 0, ())
    return any(one.employer_id == desk.book.book_id for one in enrolments)


def _judged(
    desk: Desk, command: Declare, period: int, line: Declared, seen: set[int | bytes]
) -> DeclaredLine:
    """One line as it is kept: assessed, or with the code of its refusal."""
    book: Book = desk.book
    account_id: int | None = None
    code = line.code
    if line.person is not None:
        # in force for neither of two people it names nobody
        account_id = None if line.person in desk.shared else desk.ids.get(line.person)
        # a person may be named by two numbers
        who = line.person if account_id is None else account_id
        if who in seen:
            code = RefusalCode.DUPLICATE_LINE
        seen.add(who)
    if code is None and line.person in desk.of(SHARED_NUMBERS) and not _tells_whose(desk, account_id):
        code = RefusalCode.ID_NUMBER_SHARED
    if code is None:
        try:
            check_alive(desk, command, account_id, period)
            due = judge(desk, book, period, account_id, line.wage_fen)
        except Refused as refused:
            code = refused.code
        else:
            return DeclaredLine(line.line, account_id, line.wage_fen, *due, None, line.number_sealed)
    return DeclaredLine(line.line, account_id, line.wage_fen, None, None, None, code.value, None)


@dataclass(eq=False)
class Confirm(Command):
    """Confirm the list that the entry `target_seq` handed in: from now on its lines are owed.

    An estimate of the month ends. What waits in suspense for the month is spread over the persons, each
    credit valued on the day its money was received. What is left squares late fees of the employer, those of
    the month first, and only then goes back to the payer.

    A nil list, which has no line at all, says that nothing is owed: the estimate ends, what waited goes back.

    A line that can no longer be taken (assessed by another list, died since) is left out, and one that comes
    to something else by now (another class) is assessed anew; the entry keeps the code, or the new amounts.
    When another list has brought every good line just so meanwhile, it is confirmed already.
    """

    verb = "confirm"
    refused_with = (
        RefusalCode.EMPLOYER_NOT_FOUND,
        RefusalCode.DECLARATION_NOT_FOUND,
        RefusalCode.ALREADY_CONFIRMED,
        # a nil list of a month that another list was assessed for
        RefusalCode.ALREADY_DECLARED,
        RefusalCode.NO_GOOD_LINE,
        RefusalCode.RATES_MISSING,
    )
    needs = frozenset({
        TARGET, DECLARED, DEBTS, ENROLMENTS, OPEN_MONTH, SEALED_NUMBERS, ESTATE, DEMANDED, MERGED_NAMED,
    })  # fmt: skip

    book: BookRef
    target_seq: int
    reveal: Reveal
    caller: str = ""
    actor: str = ""
    key: str | None = None
    # sent by a system that reaches this employer alone
    bound: bool = False

    def content(self) -> str:
        return str(self.target_seq)

    def looks_at(self, desk: Desk, book_id: int) -> set[int]:
        lines = desk.of(DECLARED).get((book_id, self.target_seq), ())
        return with_merged_named(desk, {line.account_id for line in lines if line.account_id is not None})

    def decide(self, desk: Desk) -> None:
        book = employer_book(desk)
        target = desk.target(self.target_seq)
        if target is None or target.kind is not Kind.DECLARATION or target.period is None:
            raise Refused(RefusalCode.DECLARATION_NOT_FOUND, at="target_seq")
        if desk.acted_on(self.target_seq) is not None:
            raise Refused(RefusalCode.ALREADY_CONFIRMED)
        month = Month(desk, book, target.period, desk.today, self.reveal)
        late: list[DeclaredLine] = []
        changed: dict[str, Premium] = {}
        for line in desk.of(DECLARED).get((book.book_id, self.target_seq), ()):
            if line.code is not None:
                continue
            try:
                check_alive(desk, self, line.account_id, target.period)
                due = judge(desk, book, target.period, line.account_id, line.wage)
            except Refused as refusal:
                is_told = not self.bound or is_staff(desk, target.period, line.account_id)
                late.append(line._replace(code=refusal.code.value) if is_told else not_yours(line))
                continue
            if due != (line.base, line.employee, line.employer):
                changed[str(line.line)] = due
            month.assess(AssessmentLine(line.account_id or 0, target.period, LineKind.ASSESSED, *due))
        there = lines_there(desk, self, target.period, late)
        told = unpack(target.detail)
        if not told["lines"] and not told["refused"]:
            _check_nil(month)
        elif not month.lines:
            all_there = late and len(there) == len(late)
            raise Refused(RefusalCode.ALREADY_CONFIRMED if all_there else RefusalCode.NO_GOOD_LINE)
        assessed = list(month.lines)
        if month.levy.estimated:
            month.change(estimated=-month.levy.estimated)
        spread = _spread(desk, month)
        levies = [line for line in (month.levy_line, *spread.fees) if line is not None]
        if spread.surplus:
            levies.append(LevyLine(NO_PERIOD, desk.today, surplus=spread.surplus))
        beside = (*sorted(levies), *month.lines)
        draft = book.add(
            Draft(
                Kind.ASSESSMENT,
                desk.today,
                spread.transfers(month),
                period=target.period,
                target_seq=self.target_seq,
                keyed=True,
                beside=beside,
                detail=pack(
                    lines=len(assessed),
                    refused={str(line.line): line.code for line in late},
                    changed=changed,
                    employee=sum(line.employee for line in assessed),
                    employer=sum(line.employer for line in assessed),
                    to_accounts=month.to_accounts,
                    to_pooled_fund=month.to_pooled_fund,
                    returned=spread.returned,
                    rows=rows_digest(beside),
                    **({"late_fee": spread.late_fee} if spread.late_fee else {}),
                    **({"receivable": month.receivable} if month.receivable else {}),
                    **_told(there),
                ),
            )
        )
        month.write_cleared(draft.seq)


def _check_nil(month: Month) -> None:
    """A nil list says that nothing is owed for the month: raises Refused where a list said otherwise."""
    if month.levy.employee or month.levy.employer:
        raise Refused(RefusalCode.ALREADY_DECLARED)


class _Spread(NamedTuple):
    """What became of the money that waited for a list, and of a late fee that is owed no more."""

    released: int
    # squares late fees of the employer
    late_fee: int
    returned: int
    surplus: int
    # those of other months
    fees: Sequence[LevyLine]

    def transfers(self, month: Month) -> tuple[TransferLine, ...]:
        moves = (
            (Side.SUSPENSE, Side.COLLECTION_CLEARING, self.released),
            (Side.COLLECTION_CLEARING, Side.POOLED_FUND, month.to_pooled_fund),
            (Side.COLLECTION_CLEARING, Side.SUSPENSE, month.forward),
            (Side.COLLECTION_CLEARING, Side.POOLED_FUND, self.late_fee),
            (Side.COLLECTION_CLEARING, Side.BANK, self.returned),
            (Side.POOLED_FUND, Side.SUSPENSE, self.surplus),
        )
        return tuple((int(source), int(target), fen, None) for source, target, fen in moves if fen)


def _spread(desk: Desk, month: Month) -> _Spread:
    """Spread what waited for the list over its persons; what is left squares fees, or goes back."""
    if month.levy.waiting:
        # of somebody from an earlier list it is only known after the lock that there is nobody any more
        lock_all(desk, [due.account_id for due in month.open_rows()])
        month.annul_ended()
    released, left = month.spread_waiting()
    excess = month.square_excess_fee(desk.today)
    squared = square_fees(desk, desk.book, [month], left + excess, desk.today)
    late_fee = min(squared.fen, left)
    # a fee that is owed no more squares another one inside the fund
    surplus = excess - (squared.fen - late_fee)
    return _Spread(released, late_fee, left - late_fee, surplus, squared.lines)


class ListView(NamedTuple):
    """A list as it is answered: its lines, and the codes that the confirmation gave to some of them.

    `there` are the lines that an earlier list had brought, by number, with the entry that handed it in.
    """

    period: int
    confirmed: bool
    lines: Sequence[DeclaredLine]
    there: Mapping[int, int]

    @property
    def employee_total(self) -> int:
        return sum(line.employee or 0 for line in self._news)

    @property
    def employer_total(self) -> int:
        return sum(line.employer or 0 for line in self._news)

    @property
    def _news(self) -> Iterator[DeclaredLine]:
        return (line for line in self.lines if line.code is None and line.line not in self.there)


def list_view(
    period: int,
    lines: Sequence[DeclaredLine],
    confirmation: str | None,
    there: Mapping[int, int] | None = None,
) -> ListView:
    """A list with what its confirmation, whose `detail` is given, judged otherwise.

    `there` are the lines that were there when it was handed in.
    """
    told = unpack(confirmation)
    refused, changed = told.get("refused", {}), told.get("changed", {})
    shown = []
    for line in lines:
        number = str(line.line)
        due: tuple[int | None, ...] = (line.base, line.employee, line.employer)
        if number in refused:
            due = (None, None, None)
        base, employee, employer = changed.get(number, due)
        code = refused.get(number, line.code)
        shown.append(line._replace(base=base, employee=employee, employer=employer, code=code))
    return ListView(period, confirmation is not None, shown, {**(there or {}), **told_there(confirmation)})


_OF_NOBODY: Final = frozenset({RefusalCode.ACCOUNT_NOT_FOUND.value, RefusalCode.NOT_YOURS.value})


def whom_it_shows(lines: Iterable[DeclaredLine]) -> Iterator[int | None]:
    """The accounts of which an answer tells that shows these lines."""
    return (line.account_id for line in lines if line.code not in _OF_NOBODY)


def told_of(lines: Iterable[Declared], judged: Iterable[DeclaredLine]) -> Iterator[BookRef]:
    """Of whom it tells how lines of a list were judged: by the account, or by the digest that was sent."""
    sent = {line.line: line.person for line in lines}
    for line in judged:
        ref = sent.get(line.line) if line.account_id is None else line.account_id
        # of whom the ledger does not know there is nothing to tell, and of who is not theirs nothing is told
        if ref is not None and line.code not in _OF_NOBODY:
            yield ref
