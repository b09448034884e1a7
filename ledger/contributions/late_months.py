"""What employers paid for months after a death goes back to them, by the report of the death itself; and
comes again when the death was none, or was later (R15, R16).

The rows are those of an adjustment of the month to nothing, both parts. The account's part goes back on the
value dates on which it came, so that nobody has had it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from ledger import tables
from ledger.accounts.called_back import fen_there, take_out
from ledger.accounts.inheritance import ESTATE
from ledger.accounts.late_credits import GONE, Given, GivesBack, pays_through, put_back
from ledger.book.beside import rows_digest
from ledger.book.chain import TransferLine
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.members import LineKind
from ledger.chart.sides import Side
from ledger.contributions.adjustments import take_off
from ledger.contributions.cleared import DEMANDED
from ledger.contributions.late_fees import fee_owed
from ledger.contributions.levies import NO_PERIOD, AssessmentLine, LevyLine, debts_of
from ledger.contributions.month import Month, next_entry
from ledger.contributions.months_gone import LATE_MONTHS, MonthGone
from ledger.contributions.sent_back import take_again
from ledger.people.sealed import SEALED_NUMBERS
from ledger.posting import Desk, Need

_A, _L, _E = tables.assessment.c, tables.assessment_line.c, tables.entry.c


class _Employers:
    """How employers' months go back and come again."""

    needs: frozenset[Need[Any]] = frozenset({LATE_MONTHS, SEALED_NUMBERS, ESTATE, DEMANDED})

    def to_lock(
        self, desk: Desk, accounts: Iterable[int], after: int | None, again: Iterable[Any]
    ) -> list[int]:
        wanted = {MonthGone(*month).employer_id for month in again}
        if after is not None:
            paid = desk.of(LATE_MONTHS).paid
            wanted |= {
                employer_id
                for account_id in accounts
                for employer_id, period in paid.get(account_id, ())
                if period > after
            }
        return sorted(wanted - desk.books.keys())

    def late(self, desk: Desk, book: Book, after: int, did: list[Any]) -> list[GivesBack]:
        items: list[GivesBack] = []
        for employer_id, period in sorted(desk.of(LATE_MONTHS).paid.get(book.book_id, ())):
            employer = desk.other(employer_id)
            if period <= after or employer is None:
                continue
            row = debts_of(employer).assessments.get((period, book.book_id))
            if row is not None and (row.employee_paid or row.employer_paid):
                # of one month what came straight goes first
                items.append(GivesBack(period, 0, _way_back(desk, book, employer, period, did)))
        return items

    def again(self, desk: Desk, book: Book, month: list[Any], *, used_since: bool) -> Given:
        gone = MonthGone(*month)
        employer = desk.other(gone.employer_id)
        account = book if gone.account_id is None else desk.other(gone.account_id)
        if employer is None or account is None:
            raise AssertionError("an employer, and the account, is locked before its month comes again")
        return _again(desk, account, employer, gone, used_since=used_since)


def _way_back(desk: Desk, book: Book, employer: Book, period: int, did: list[Any]) -> Callable[[], Given]:
    def give() -> Given:
        seq, base = employer.last_seq + 1, debts_of(employer).assessments.rows[period, book.book_id].base
        before = book.last_seq
        levy = debts_of(employer).levy(NO_PERIOD)
        owed = take_off(desk, employer, period, book.book_id, desk.reveal or _nobody, _take_out)
        excess = debts_of(employer).levy(NO_PERIOD).surplus - levy.surplus
        refunds = [draft for draft in book.drafts if draft.seq > before]
        refunds = [draft for draft in refunds if draft.kind is Kind.REFUND_TO_PAYER]
        seqs = [draft.seq for draft in refunds]
        gone = MonthGone(employer.book_id, seq, period, base, owed, excess, seqs)
        did.append([*gone[:-1], *([book.book_id] if book.stage == Stage.CLOSED else ())])
        taken = sum(fen for draft in refunds for _source, _target, fen, _party in draft.transfers)
        return Given(period, taken, owed)

    return give


def _nobody(_digest: bytes, _sealed: bytes) -> str:
    """Whoever posts cannot open ID numbers: those who tie for a fen stand in the order of their accounts."""
    return ""


def _take_out(desk: Desk, employer: Book, month: Month, account_id: int, wanted: int) -> list[int]:
    """Take the employee's part back on the days on which it came, the last day first, frozen or not: it was
    never the person's. What is not there is owed.
    """
    account = desk.other(account_id)
    if account is None:
        raise AssertionError("an account is locked before it is taken from")
    came = desk.of(LATE_MONTHS).credited.get((account_id, employer.book_id, month.period), {})
    # what went back before on other days is no more there: the last of what came
    less = -sum(fen for fen in came.values() if fen < 0)
    there: list[tuple[date, int]] = []
    for day, fen in sorted(came.items(), reverse=True):
        if fen > 0:
            gone = min(fen, less)
            less -= gone
            there.append((day, fen - gone))
    parts: list[int] = []
    several = len(there) > 1
    for day, fen in there:
        part = min(fen, wanted - sum(parts), fen_there(desk, account))
        if part <= 0:
            continue
        effective_on, fact_on = account.open_day(day, desk.today)
        source_ref = f"{next_entry(employer)}/{month.period}"
        take_out(
            desk,
            account,
            Draft(
                Kind.REFUND_TO_PAYER,
                effective_on,
                period=month.period,
                fact_on=fact_on,
                source_ref=f"{source_ref}/{day}" if several else source_ref,
                detail=pack(reason="death"),
            ),
            part,
            Side.COLLECTION_CLEARING,
            employer.book_id,
            # after a year end it is in carried_over
            current_year_first=effective_on.year == day.year,
        )
        parts.append(part)
    return parts


def _again(desk: Desk, book: Book, employer: Book, gone: MonthGone, *, used_since: bool) -> Given:
    """Mirror what a report took from one month: the payer brings both parts again."""
    did = desk.of(LATE_MONTHS).did[employer.book_id, gone.seq]
    # it counts as paid on the day on which it went back, so that nothing was late
    month = Month(desk, employer, gone.period, did.on, desk.reveal or _nobody)
    month.assess(
        AssessmentLine(book.book_id, gone.period, LineKind.ADJUSTED, gone.base, -did.employee, -did.employer)
    )
    adjusted = list(month.lines)
    name = next_entry(employer)
    entries = desk.of(GONE).entries.get(book.book_id, {})
    given: list[Given] = []
    for seq in reversed(gone.refunds):
        source_ref = f"{name}/{gone.period}"
        if len(gone.refunds) > 1:
            source_ref += f"/{seq}"
        given.append(put_back(desk, book, entries[seq], used_since=used_since, source_ref=source_ref))
    # what had never reached the account waits again
    forward = -did.suspended - gone.owed
    more = [one.fen for one in given[1:]]
    employee = did.employee_paid + sum(more)
    month.refund(book.book_id, employee, did.employer_paid, forward=-forward, owed=-gone.owed)
    for part in more:
        month.refund(book.book_id, -part, 0, forward=0, owed=0)
    _write(desk, book, employer, month, adjusted, gone, forward)
    sent = desk.of(LATE_MONTHS).sent.get((employer.book_id, gone.seq))
    if sent is not None:
        # its payment has bounced since
        take_again(desk, employer, book, gone.period, sent)
    return Given(gone.period, sum(one.fen for one in given), gone.owed)


def _write(
    desk: Desk,
    book: Book,
    employer: Book,
    month: Month,
    adjusted: list[AssessmentLine],
    gone: MonthGone,
    forward: int,
) -> None:
    did = desk.of(LATE_MONTHS).did[employer.book_id, gone.seq]
    came = -did.employee_paid - did.employer_paid
    fee = _fee_again(desk, employer, month, gone)
    moves: list[TransferLine] = []
    for source, target, fen, party in (
        (Side.BANK, Side.COLLECTION_CLEARING, came, None),
        (Side.COLLECTION_CLEARING, Side.RECEIVABLE, gone.owed, book.book_id),
        (Side.COLLECTION_CLEARING, Side.POOLED_FUND, -did.employer_paid, None),
        (Side.COLLECTION_CLEARING, Side.SUSPENSE, forward, None),
        (Side.SUSPENSE, Side.POOLED_FUND, fee, None),
    ):
        if fen:
            moves.append((int(source), int(target), fen, party))
    levies = [] if month.levy_line is None else [month.levy_line]
    if fee:
        levies.append(LevyLine(NO_PERIOD, desk.today, surplus=-fee))
    beside = (*sorted(levies), *month.lines)
    employer.add(
        Draft(
            Kind.ADJUSTMENT,
            desk.today,
            tuple(moves),
            period=gone.period,
            beside=beside,
            detail=pack(
                reason="death withdrawn or corrected",
                lines=len(adjusted),
                refused={},
                employee=sum(line.employee for line in adjusted),
                employer=sum(line.employer for line in adjusted),
                returned=0,
                receivable=0,
                late_fee_back=0,
                rows=rows_digest(beside),
            ),
        )
    )


def _fee_again(desk: Desk, employer: Book, month: Month, gone: MonthGone) -> int:
    """The late fee that became too high when the month went, and is owed again: out of what waits, in fen."""
    sent = desk.of(LATE_MONTHS).sent.get((employer.book_id, gone.seq))
    excess = gone.excess_fee - (0 if sent is None else sent.again_surplus)
    if not excess:
        return 0
    owed = max(fee_owed(month.policy, gone.period, month.levy, desk.today), 0)
    fee = min(excess, owed, debts_of(employer).levy(NO_PERIOD).surplus)
    if fee > 0:
        month.change(fee_paid=fee)
    return max(fee, 0)


pays_through(_Employers())
