"""Corrections of what was assessed: signed lines, and what was paid too much goes back (R9, R16)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from ledger.accounts.called_back import fen_there, take_out, that_has_it
from ledger.accounts.inheritance import ESTATE
from ledger.book.beside import rows_digest
from ledger.book.chain import TransferLine
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage, Status
from ledger.chart.members import LineKind
from ledger.chart.sides import Side
from ledger.contributions.assessing import Declared, assessed_under, canonical, judge, persons_of
from ledger.contributions.cleared import DEMANDED
from ledger.contributions.excused import excuse
from ledger.contributions.levies import NO_PERIOD, AssessmentLine, LevyLine
from ledger.contributions.month import (
    Month,
    Reveal,
    employer_book,
    lock_all,
    next_entry,
    owed_month,
    waits_of,
)
from ledger.contributions.premiums import Premium
from ledger.contributions.reads import DEBTS, OPEN_MONTH
from ledger.contributions.squaring import square_fees
from ledger.people.enrolled import ENROLMENTS
from ledger.people.merged import MERGED_NAMED, with_merged_named
from ledger.people.sealed import SEALED_NUMBERS
from ledger.posting import BookRef, Command, Desk
from ledger.refusals import RefusalCode, Refused

NOTHING = Premium(0, 0, 0)


@dataclass(eq=False)
class Adjust(Command):
    """Correct the wages of a month (YYYYMM) that was assessed; a wage of 0 takes the person off it.

    Each line writes the difference of base and both parts. What was paid beyond the new amount squares late
    fees of the employer and then goes back to the payer: the employer's part out of the pooled fund, the
    employee's out of the account; what the account no longer has is booked as a receivable from the person,
    and the account is never below zero.

    What is owed more because the agency's own figure was wrong (`is_ours`) costs no late fee for the days up
    to today: it counts until then as paid.

    A line that cannot be taken has its code in the detail and disturbs no other. Refused as a whole with
    period_invalid, no_good_line, rates_missing.
    """

    verb = "adjust"
    refused_with = (
        RefusalCode.EMPLOYER_NOT_FOUND,
        RefusalCode.PERIOD_INVALID,
        RefusalCode.RATES_MISSING,
        RefusalCode.NO_GOOD_LINE,
    )
    needs = frozenset({DEBTS, ENROLMENTS, OPEN_MONTH, SEALED_NUMBERS, ESTATE, MERGED_NAMED, DEMANDED})

    book: BookRef
    period: int | None
    lines: tuple[Declared, ...]
    reason: str
    reveal: Reveal
    named: tuple[BookRef, ...] = ()
    caller: str = ""
    actor: str = ""
    key: str | None = None
    is_ours: bool = False

    def __post_init__(self) -> None:
        self.named = persons_of(self.lines)

    def content(self) -> str:
        ours = "|ours" if self.is_ours else ""
        return f"{self.period}|{self.reason}|{canonical(self.lines)}{ours}"

    def looks_at(self, desk: Desk, book_id: int) -> set[int]:
        return with_merged_named(desk, super().looks_at(desk, book_id))

    def decide(self, desk: Desk) -> None:
        book = employer_book(desk)
        period = owed_month(desk, book, self.period)
        month = Month(desk, book, period, desk.today, self.reveal)
        refused: dict[str, str] = {}
        seen: set[int] = set()
        for line in self.lines:
            try:
                self._adjust(desk, month, line, seen)
            except Refused as refusal:
                refused[str(line.line)] = refusal.code.value
        if len(refused) == len(self.lines):
            raise Refused(RefusalCode.NO_GOOD_LINE, at="lines")
        adjusted = list(month.lines)
        if self.is_ours:
            excuse(book, month, self.reason)
        back = _give_back(desk, book, month, _take_out)
        _write(desk, book, month, back, self.reason, refused, adjusted)

    def _adjust(self, desk: Desk, month: Month, line: Declared, seen: set[int]) -> None:
        if line.code is not None:
            raise Refused(line.code)
        account_id = None if line.person is None else desk.ids.get(line.person)
        if account_id is None:
            raise Refused(RefusalCode.ACCOUNT_NOT_FOUND)
        if line.person in desk.shared:
            raise Refused(RefusalCode.ID_NUMBER_SHARED)
        if account_id in seen:
            raise Refused(RefusalCode.DUPLICATE_LINE)
        seen.add(account_id)
        account = desk.look_at(account_id)
        # what was assessed before two accounts became one stands under the one that it was assessed for
        account_id, row = assessed_under(desk, month.rows, account_id)
        due = NOTHING
        if line.wage_fen != 0:
            due = judge(desk, desk.book, month.period, account_id, line.wage_fen, again=True, holder=account)
        credited = row.employee_paid - waits_of(desk, month, account_id)
        if account is not None and account.stage == Stage.CLOSED and credited > due.employee_fen:
            # the heirs have it: nobody is left to owe it (R33)
            raise Refused(RefusalCode.ACCOUNT_CLOSED)
        month.assess(
            AssessmentLine(
                account_id,
                month.period,
                LineKind.ADJUSTED,
                due.base_fen,
                due.employee_fen - row.employee,
                due.employer_fen - row.employer,
            )
        )


class _Overpaid(NamedTuple):
    account_id: int
    employee: int
    employer: int
    # how much of the employee's part never reached the account
    forward: int


@dataclass(slots=True)
class _Back:
    """What goes back to the payer, in fen: out of accounts, as receivables by account, from the fund.

    `forward` never reached a closed account, `released` waited for the whole month, and of it `left` for
    nobody any more.
    """

    from_accounts: int = 0
    forward: int = 0
    released: int = 0
    left: int = 0
    to_pooled_fund: int = 0
    to_forward: int = 0
    receivables: dict[int, int] = field(default_factory=dict)
    from_pooled_fund: int = 0
    # of a late fee that is owed no more, what waits for the payer
    excess_fee: int = 0
    # of what was paid too much, what squares late fees, and the lines of other months about it
    late_fee: int = 0
    fees: tuple[LevyLine, ...] = ()

    @property
    def total(self) -> int:
        """What goes back to the payer."""
        return self.overpaid - self.late_fee

    @property
    def overpaid(self) -> int:
        return (
            self.from_accounts
            + self.forward
            + sum(self.receivables.values())
            + self.from_pooled_fund
            + self.left
        )

    def transfers(self) -> tuple[TransferLine, ...]:
        moves: list[TransferLine] = [
            (int(Side.RECEIVABLE), int(Side.COLLECTION_CLEARING), fen, account_id)
            for account_id, fen in sorted(self.receivables.items())
        ]
        for source, target, fen in (
            (Side.POOLED_FUND, Side.COLLECTION_CLEARING, self.from_pooled_fund),
            (Side.SUSPENSE, Side.COLLECTION_CLEARING, self.forward + self.released),
            (Side.COLLECTION_CLEARING, Side.POOLED_FUND, self.to_pooled_fund),
            (Side.COLLECTION_CLEARING, Side.POOLED_FUND, self.late_fee),
            (Side.COLLECTION_CLEARING, Side.SUSPENSE, self.to_forward),
            (Side.COLLECTION_CLEARING, Side.BANK, self.total),
            (Side.POOLED_FUND, Side.SUSPENSE, self.excess_fee),
        ):
            if fen:
                moves.append((int(source), int(target), fen, None))
        return tuple(moves)


def _overpaid(desk: Desk, month: Month) -> list[_Overpaid]:
    return [
        _Overpaid(
            account_id,
            max(row.employee_paid - row.employee, 0),
            max(row.employer_paid - row.employer, 0),
            min(max(row.employee_paid - row.employee, 0), waits_of(desk, month, account_id)),
        )
        for account_id, row in sorted(month.rows.items())
        if row.employee_paid > row.employee or row.employer_paid > row.employer
    ]


# Takes the employee's part of a month out of an account, as far as it is there: what each entry took, in fen.
# Called with desk, employer, month, account and the fen that are wanted.
TakeOut = Callable[[Desk, Book, Month, int, int], list[int]]


def take_off(desk: Desk, book: Book, period: int, account_id: int, reveal: Reveal, take_out: TakeOut) -> int:
    """Take a person off a month whose money goes back, as an adjustment to nothing does; what went by no
    account and is owed by the person, in fen. For a month after death (R15): nobody asked the employer.
    """
    month = Month(desk, book, period, desk.today, reveal)
    row = month.rows[account_id]
    month.assess(AssessmentLine(account_id, period, LineKind.ADJUSTED, 0, -row.employee, -row.employer))
    adjusted = list(month.lines)
    back = _give_back(desk, book, month, take_out)
    _write(desk, book, month, back, "death", {}, adjusted, keyed=False)
    return sum(back.receivables.values())


def _give_back(desk: Desk, book: Book, month: Month, take_out: TakeOut) -> _Back:
    """Take back what was paid beyond the new amounts."""
    back = _Back()
    overpaid = _overpaid(desk, month)
    lock_all(desk, [one.account_id for one in overpaid if one.employee])
    for one in overpaid:
        wanted = one.employee - one.forward
        parts = take_out(desk, book, month, one.account_id, wanted) if wanted else []
        taken = sum(parts)
        back.from_accounts += taken
        back.forward += one.forward
        if wanted > taken:
            back.receivables[one.account_id] = wanted - taken
        back.from_pooled_fund += one.employer
        # a line for each entry of the account
        more = parts[1:]
        employee = one.employee - sum(more)
        month.refund(one.account_id, employee, one.employer, forward=one.forward, owed=wanted - taken)
        for part in more:
            month.refund(one.account_id, part, 0, forward=0, owed=0)
    if month.levy.listed and not month.levy.unpaid:
        # what waited for the whole month has all it needs now
        back.released, back.left = month.spread_waiting()
        back.to_pooled_fund, back.to_forward = month.to_pooled_fund, month.forward
    excess = month.square_excess_fee(desk.today)
    squared = square_fees(desk, book, [month], back.overpaid + excess, desk.today)
    back.late_fee, back.fees = min(squared.fen, back.overpaid), squared.lines
    back.excess_fee = excess - (squared.fen - back.late_fee)
    return back


def _take_out(desk: Desk, book: Book, month: Month, account_id: int, wanted: int) -> list[int]:
    """Take the employee's part out of the account today, as far as it is there and not frozen."""
    account = desk.other(account_id)
    if account is None:
        raise AssertionError("an account is locked before it is taken from")
    holds_it = that_has_it(desk, account)
    if holds_it is None or Status.FROZEN in holds_it.statuses(desk.today):
        return []
    paid_on = month.rows[account_id].paid_on
    # after a year end the credit is in carried_over, as for a reversal
    same_year = paid_on is None or paid_on.year == desk.today.year
    fen = min(wanted, fen_there(desk, account))
    if fen:
        take_out(
            desk,
            account,
            Draft(
                Kind.REFUND_TO_PAYER,
                desk.today,
                period=month.period,
                source_ref=f"{next_entry(book)}/{month.period}",
            ),
            fen,
            Side.COLLECTION_CLEARING,
            book.book_id,
            current_year_first=same_year,
        )
    return [fen] if fen else []


def _write(
    desk: Desk,
    book: Book,
    month: Month,
    back: _Back,
    reason: str,
    refused: dict[str, str],
    adjusted: list[AssessmentLine],
    *,
    keyed: bool = True,
) -> None:
    levies = [line for line in (month.levy_line, *back.fees) if line is not None]
    if back.excess_fee:
        levies.append(LevyLine(NO_PERIOD, desk.today, surplus=back.excess_fee))
    beside = (*sorted(levies), *month.lines)
    draft = book.add(
        Draft(
            Kind.ADJUSTMENT,
            desk.today,
            back.transfers(),
            period=month.period,
            keyed=keyed,
            beside=beside,
            detail=pack(
                reason=reason,
                lines=len(adjusted),
                refused=refused,
                employee=sum(line.employee for line in adjusted),
                employer=sum(line.employer for line in adjusted),
                returned=back.total,
                receivable=sum(back.receivables.values()),
                late_fee_back=back.excess_fee,
                **({"late_fee": back.late_fee} if back.late_fee else {}),
                rows=rows_digest(beside),
            ),
        )
    )
    month.write_cleared(draft.seq)
