"""What employers paid for months after a death goes back to them, by the report of the death itself; and
comes again when the death was none, or was later (R15, R16).

The rows are those of an adjustment of the month to nothing, both parts. The account's part goes back on the
value dates on which it came, so that nobody has had it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Date, column

from ledger import tables
from ledger.accounts.called_back import fen_there, take_out
from ledger.accounts.death_facts import standing
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
from ledger.contributions.levies import ASSESSMENT_LINE, NO_PERIOD, AssessmentLine, LevyLine, debts_of
from ledger.contributions.month import Month, next_entry
from ledger.contributions.reads import read_months
from ledger.contributions.sent_back import SentBack, follow_sent, read_sent, take_again
from ledger.database.lookups import Lookup
from ledger.months import period_of
from ledger.people.merged import with_merged
from ledger.people.sealed import SEALED_NUMBERS
from ledger.posting import Desk, Need, Receipt
from ledger.posting.needs import Asked

_A, _L, _E = tables.assessment.c, tables.assessment_line.c, tables.entry.c
# months that an employer has paid something for
_PAID = Lookup(
    "SELECT a.account_id, a.book_id, a.period FROM {given} JOIN assessment a"
    " ON a.account_id = given.account_id AND a.period > given.period"
    " WHERE a.employee_paid > 0 OR a.employer_paid > 0 ORDER BY a.account_id, a.book_id, a.period",
    [_A.account_id, _A.book_id, _A.period],
    account_id="big",
    period="int",
)
# by value date, what an account has of an employer for a month
_CREDITED = Lookup(
    "SELECT e.book_id, t.party_id, e.period, e.effective_on,"
    f" SUM(CASE t.from_side WHEN {int(Side.COLLECTION_CLEARING)} THEN t.amount_fen ELSE -t.amount_fen END)"
    " FROM {given} JOIN entry e ON e.book_id = given.account_id AND e.period > given.period"
    " JOIN transfer t ON t.book_id = e.book_id AND t.seq = e.seq AND t.party_id IS NOT NULL"
    f" AND (t.from_side = {int(Side.COLLECTION_CLEARING)} OR t.to_side = {int(Side.COLLECTION_CLEARING)})"
    f" WHERE t.from_side <> {int(Side.RECEIVABLE)} AND t.to_side <> {int(Side.RECEIVABLE)}"
    " GROUP BY e.book_id, t.party_id, e.period, e.effective_on",
    [
        _E.book_id,
        column("employer", BigInteger),
        _E.period,
        column("day", Date),
        column("fen", BigInteger),
    ],
    account_id="big",
    period="int",
)
# what a report did to one person's month: the lines of its entry
_DID = Lookup(
    "SELECT l.book_id, l.seq, e.effective_on, SUM(l.employee), SUM(l.employer), SUM(l.employee_paid),"
    " SUM(l.employer_paid), SUM(l.suspended) FROM {given} JOIN entry e"
    " ON e.book_id = given.book_id AND e.seq = given.seq JOIN assessment_line l"
    " ON l.book_id = e.book_id AND l.seq = e.seq AND l.account_id = given.account_id"
    " GROUP BY l.book_id, l.seq, e.effective_on",
    [_L.book_id, _L.seq, _E.effective_on, *(column(name, BigInteger) for name in "abcde")],
    book_id="big",
    seq="int",
    account_id="big",
)


class _Did(NamedTuple):
    """What a report changed of one person's month, in fen, all of it below zero but what was in suspense."""

    on: date
    employee: int
    employer: int
    employee_paid: int
    employer_paid: int
    suspended: int


class MonthGone(NamedTuple):
    """A month of an employer that a report took: its entry there, the base, the entries of the account."""

    employer_id: int
    seq: int
    period: int
    base: int
    # what of it the account no longer had
    owed: int
    # what of the employer's late fee, now too high, went into suspense
    excess_fee: int
    refunds: list[int]
    # the account, where it is one that went into the dead one's
    account_id: int | None = None


class Late:
    """What was read: by account the months that were paid, and by account, employer and month what came on
    which value date; by entry of an employer and account, what a death changed there, and what of that a
    payment that bounced has counted as brought again.
    """

    __slots__ = ("credited", "did", "paid", "sent")

    def __init__(self) -> None:
        self.paid: dict[int, set[tuple[int, int]]] = {}
        self.credited: dict[tuple[int, int, int], dict[date, int]] = {}
        self.did: dict[tuple[int, int], _Did] = {}
        self.sent: dict[tuple[int, int], SentBack] = {}


def _read(connection: Connection, asked: Asked, desk: Desk) -> Late:
    found = Late()
    wanted: set[tuple[int, int]] = set()
    gone: list[tuple[MonthGone, int]] = []
    for book_id, _command in asked:
        facts = standing(desk, book_id)
        if facts is not None:
            months = (MonthGone(*month) for month in facts.months)
            gone += [(month, month.account_id or book_id) for month in months]
    for book_id, command in with_merged(asked, desk):
        # a withdrawal has no day, and takes nothing back
        day = getattr(command, "died_on", None)
        if day is not None:
            wanted.add((book_id, period_of(day)))
    for account_id, employer_id, period in _PAID.run(connection, sorted(wanted)):
        found.paid.setdefault(account_id, set()).add((employer_id, period))
    for account_id, employer_id, period, day, fen in _CREDITED.run(connection, sorted(wanted)):
        found.credited.setdefault((account_id, employer_id, period), {})[day] = int(fen)
    places = [(month.employer_id, month.seq, account_id) for month, account_id in gone]
    for employer_id, seq, on, *amounts in _DID.run(connection, sorted(places)):
        found.did[employer_id, seq] = _Did(on, *map(int, amounts))
    for employer_id in {month.employer_id for month, _account in gone}:
        there = [(one.seq, account, one.period) for one, account in gone if one.employer_id == employer_id]
        for seq, sent in read_sent(connection, employer_id, there).items():
            found.sent[employer_id, seq] = sent
    rows = {
        (employer_id, period, account_id)
        for account_id, some in found.paid.items()
        for employer_id, period in some
        if employer_id in desk.books
    }
    rows |= {
        (month.employer_id, month.period, account_id)
        for month, account_id in gone
        if month.employer_id in desk.books
    }
    read_months(connection, desk, rows)
    return found


def _follow(found: Late, _desk: Desk, receipt: Receipt, beside: Sequence[Any]) -> None:
    """Let a payment, a refund, or a death of this very batch count."""
    if receipt.kind is Kind.ADJUSTMENT:
        found.did[receipt.book_id, receipt.seq] = _summed(receipt.effective_on, ASSESSMENT_LINE.among(beside))
        follow_sent(found.sent, receipt, beside)
    if receipt.period is None:
        return
    for source, target, fen, party in receipt.transfers:
        if party is None or Side.COLLECTION_CLEARING not in {source, target}:
            continue
        if receipt.kind is Kind.CONTRIBUTION:
            found.paid.setdefault(receipt.book_id, set()).add((party, receipt.period))
        came = found.credited.setdefault((receipt.book_id, party, receipt.period), {})
        sign = 1 if source == Side.COLLECTION_CLEARING else -1
        came[receipt.effective_on] = came.get(receipt.effective_on, 0) + sign * fen


def _summed(on: date, lines: Iterable[AssessmentLine]) -> _Did:
    """What the lines of an entry about one person come to. A report's entry is about one person alone, or
    about others whom it spread money to: their lines pay, and are not summed.
    """
    mine = [line for line in lines if line.kind is not LineKind.PAID]
    return _Did(
        on,
        sum(line.employee for line in mine),
        sum(line.employer for line in mine),
        sum(line.employee_paid for line in mine),
        sum(line.employer_paid for line in mine),
        sum(line.suspended for line in mine),
    )


# months after death that employers paid, and those that the report of the death took
LATE_MONTHS: Need[Late] = Need("months after death that employers paid", _read, follow=_follow)


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
