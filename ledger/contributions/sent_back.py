"""A payment bounced, and the report of a death had sent part of it back to the payer before (R15, R16).

What was sent back was never the payer's: it is counted as brought again on the day on which it went, and
waits in suspense, from where it goes back with the whole payment. The account is not touched, as nobody has
had it. Once the death is withdrawn the month is owed again, and is as unpaid as all others of the payment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, Integer, column

from ledger import tables
from ledger.accounts.death_facts import facts_of, read_facts
from ledger.book.beside import rows_digest
from ledger.book.chain import TransferLine
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.chart.members import LineKind
from ledger.chart.sides import Side
from ledger.contributions.levies import ASSESSMENT_LINE, LEVY_LINE, NO_PERIOD, LevyLine
from ledger.contributions.month import Month, next_entry
from ledger.database.lookups import Lookup
from ledger.posting import Desk, Receipt

_A, _E, _L = tables.assessment_line.c, tables.entry.c, tables.levy_line.c
# what went back of a person's month with an entry, and what was counted as brought again since
_LINES = Lookup(
    "SELECT given.book_id, given.seq, given.account_id, given.period, a.seq AS line_seq, e.effective_on,"
    " a.employee_paid, a.employer_paid FROM {given} JOIN assessment_line a ON a.book_id = given.book_id"
    " AND a.seq >= given.seq AND a.account_id = given.account_id AND a.period = given.period"
    f" AND a.kind = {int(LineKind.REFUNDED)} JOIN entry e ON e.book_id = a.book_id AND e.seq = a.seq"
    f" AND e.kind = {int(Kind.ADJUSTMENT)} ORDER BY a.book_id, a.seq, a.line",
    [
        *(_A.book_id, _A.seq, _A.account_id, _A.period, column("line_seq", Integer)),
        *(_E.effective_on, _A.employee_paid, _A.employer_paid),
    ],
    book_id="big",
    seq="int",
    account_id="big",
    period="int",
)
# what became of late fees with it: of the month, what was too high; of no month, what of that waits
_FEES = Lookup(
    "SELECT l.book_id, l.seq, l.period, l.fee_paid, l.surplus FROM {given} JOIN levy_line l"
    " ON l.book_id = given.book_id AND l.seq = given.seq",
    [_L.book_id, _L.seq, _L.period, _L.fee_paid, _L.surplus],
    book_id="big",
    seq="int",
)
# what an entry says that counts such money as brought again: the entry that had sent it
SENT_BY = "sent_back_by"


class SentBack(NamedTuple):
    """What the report of a death sent back of one person's month, in fen, by which entry and on which day;
    and what of it was counted as brought again, and when last. `surplus` is what of the late fee that was too
    high waited for the payer.
    """

    seq: int
    on_day: date
    employee: int = 0
    employer: int = 0
    excess_fee: int = 0
    surplus: int = 0
    again_employee: int = 0
    again_employer: int = 0
    again_on: date | None = None
    again_surplus: int = 0

    def has(self, employee: int, employer: int) -> bool:
        """Whether so much of both parts went back and was not brought again."""
        return (
            self.employee - self.again_employee >= employee
            and self.employer - self.again_employer >= employer
        )

    def brought(self, on_day: date, employee: int, employer: int, surplus: int = 0) -> SentBack:
        """The same once so much more of it was counted as brought again."""
        return self._replace(
            again_employee=self.again_employee + employee,
            again_employer=self.again_employer + employer,
            again_on=on_day,
            again_surplus=self.again_surplus + surplus,
        )


# a person's month: the account, and the month
PersonMonth = tuple[int, int]


def read_sent(
    connection: Connection, employer_id: int, months: Iterable[tuple[int, int, int]]
) -> dict[int, SentBack]:
    """By its entry in the employer's book what a death sent back; asked for by entry, account and month."""
    wanted = sorted({(employer_id, *month) for month in months})
    found: dict[int, SentBack] = {}
    again_by: dict[int, int] = {}
    period_of: dict[int, int] = {seq: period for _employer, seq, _account, period in wanted}
    for _book, seq, _account, _period, line_seq, day, employee, employer in _LINES.run(connection, wanted):
        one = found.setdefault(seq, SentBack(seq, day))
        if line_seq == seq:
            found[seq] = one._replace(employee=one.employee - employee, employer=one.employer - employer)
        elif employee > 0 or employer > 0:
            found[seq] = one.brought(day, employee, employer)
            again_by[line_seq] = seq
    places = [(employer_id, seq) for seq in (*found, *again_by)]
    for _book, seq, period, fee_paid, surplus in _FEES.run(connection, places):
        if seq in again_by:
            one = found[again_by[seq]]
            of_none = -surplus if period == NO_PERIOD else 0
            found[one.seq] = one._replace(again_surplus=one.again_surplus + of_none)
        elif period == NO_PERIOD:
            found[seq] = found[seq]._replace(surplus=surplus)
        elif period == period_of[seq]:
            found[seq] = found[seq]._replace(excess_fee=-fee_paid)
    return found


def follow_sent(found: dict[tuple[int, int], SentBack], receipt: Receipt, beside: Sequence[Any]) -> None:
    """Let an adjustment of this very batch count, by the entry of an employer that had sent it back."""
    seq = unpack(receipt.detail).get(SENT_BY)
    if seq is None:
        return
    levies, place = LEVY_LINE.among(beside), (receipt.book_id, seq)
    surplus = -sum(line.surplus for line in levies if line.period == NO_PERIOD)
    for line in ASSESSMENT_LINE.among(beside):
        day = next(levy.on_day for levy in levies if levy.period == line.period)
        known = found.get(place, SentBack(seq, day))
        found[place] = known.brought(receipt.effective_on, line.employee_paid, line.employer_paid, surplus)


def sent_of_the_dead(
    connection: Connection, employer_id: int, wanted: set[PersonMonth]
) -> dict[PersonMonth, SentBack]:
    """What standing deaths have sent back of these months of an employer."""
    places: dict[int, PersonMonth] = {}
    for account_id, entries in read_facts(connection, {account for account, _period in wanted}).items():
        facts = facts_of(entries)
        for employer, seq, period, *_rest in () if facts is None else facts.months:
            if employer == employer_id and (account_id, period) in wanted:
                places[seq] = account_id, period
    sent = read_sent(connection, employer_id, [(seq, *place) for seq, place in places.items()])
    return {places[seq]: one for seq, one in sent.items()}


def bring_again(
    desk: Desk,
    book: Book,
    place: PersonMonth,
    sent: SentBack,
    parts: tuple[int, int],
    fee: int,
    of_surplus: int,
) -> None:
    """Count both `parts` of what was sent back as brought again by the payer, and `fee` of the late fee that
    was too high since: `of_surplus` of that waits for the payer.
    """
    account_id, period = place
    employee, employer = parts
    month = Month(desk, book, period, sent.on_day, _never)
    month.refund(account_id, -employee, -employer, forward=-employee, owed=0)
    if fee:
        month.change(fee_paid=fee)
    levies = [] if month.levy_line is None else [month.levy_line]
    if of_surplus:
        levies.append(LevyLine(NO_PERIOD, desk.today, surplus=-of_surplus))
    beside = (*sorted(levies), *month.lines)
    _add(
        desk,
        book,
        period,
        beside,
        (
            (Side.BANK, Side.COLLECTION_CLEARING, employee + employer + fee - of_surplus),
            (Side.COLLECTION_CLEARING, Side.POOLED_FUND, employer + fee - of_surplus),
            (Side.COLLECTION_CLEARING, Side.SUSPENSE, employee),
            (Side.SUSPENSE, Side.POOLED_FUND, of_surplus),
        ),
        sent_by=sent.seq,
    )


def _never(_digest: bytes, _sealed: bytes) -> str:
    raise AssertionError("nobody ties for a fen of what goes back")


def take_again(desk: Desk, book: Book, account: Book, period: int, sent: SentBack) -> None:
    """Take out of a month that a withdrawn death gave again what its payment had brought, which has bounced
    since: on the day on which it did. What the account no longer has of it is owed.
    """
    if sent.again_on is None:
        return
    month = Month(desk, book, period, sent.on_day, _never)
    row = month.rows[account.book_id]
    # what waits for the account does so again
    waits = min(max(row.suspended, 0), sent.again_employee)
    wanted = sent.again_employee - waits
    effective_on, fact_on = account.value_date(sent.again_on, desk.today)
    taken = min(wanted, max(account.available, 0))
    if taken:
        account.debit(
            Draft(
                Kind.REFUND_TO_PAYER,
                effective_on,
                period=period,
                fact_on=fact_on,
                source_ref=f"{next_entry(book)}/{period}",
            ),
            taken,
            Side.COLLECTION_CLEARING,
            book.book_id,
            current_year_first=row.paid_on is None or effective_on.year == row.paid_on.year,
        )
    month.refund(
        account.book_id, sent.again_employee, sent.again_employer, forward=waits, owed=wanted - taken
    )
    levies = [] if month.levy_line is None else [month.levy_line]
    beside = (*levies, *month.lines)
    total = sent.again_employee + sent.again_employer
    moves: tuple[TransferLine, ...] = ()
    if wanted > taken:
        moves = ((int(Side.RECEIVABLE), int(Side.COLLECTION_CLEARING), wanted - taken, account.book_id),)
    _add(
        desk,
        book,
        period,
        beside,
        (
            (Side.POOLED_FUND, Side.COLLECTION_CLEARING, sent.again_employer),
            (Side.SUSPENSE, Side.COLLECTION_CLEARING, waits),
            (Side.COLLECTION_CLEARING, Side.BANK, total),
        ),
        also=moves,
        owed=wanted - taken,
        sent_by=sent.seq,
    )


def _add(
    desk: Desk,
    book: Book,
    period: int,
    beside: tuple[Any, ...],
    moves: Sequence[tuple[Side, Side, int]],
    *,
    also: tuple[TransferLine, ...] = (),
    owed: int = 0,
    sent_by: int,
) -> None:
    """Add the adjustment that says it, which assesses nothing."""
    book.add(
        Draft(
            Kind.ADJUSTMENT,
            desk.today,
            (*also, *((int(source), int(target), fen, None) for source, target, fen in moves if fen)),
            period=period,
            beside=beside,
            detail=pack(
                reason="payment taken back",
                lines=0,
                refused={},
                employee=0,
                employer=0,
                returned=0,
                receivable=owed,
                late_fee_back=0,
                **{SENT_BY: sent_by},
                rows=rows_digest(beside),
            ),
        )
    )
