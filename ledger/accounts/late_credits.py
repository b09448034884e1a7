"""What was credited for months after a death that was reported late goes back (R15, R16).

The report of the death takes back what came straight from the fund or from its payer. What an employer's
payment brought stands in the employer's months, and goes back when these are adjusted.
"""

from __future__ import annotations

from sqlalchemy import Connection

from ledger.book.chain import TransferLine
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.database.lookups import Lookup
from ledger.months import period_of
from ledger.posting import Desk, Need, Receipt
from ledger.posting.book_reads import read_days
from ledger.posting.needs import Asked, own_books
from ledger.posting.reads import ENTRY_FIELDS, ENTRY_RETURNS, receipts

# where the credit of a month came from, and where it goes back to
_BACK_TO = {Kind.RETIREE_CREDIT: Side.POOLED_FUND, Kind.CONTRIBUTION: Side.COLLECTION_CLEARING}
_KINDS = ", ".join(str(int(kind)) for kind in _BACK_TO)
_CREDITS = Lookup(
    f"SELECT {ENTRY_FIELDS} FROM {{given}} JOIN entry e ON e.book_id = given.book_id"
    f" AND e.kind IN ({_KINDS}) AND e.period > given.period"
    " WHERE NOT EXISTS (SELECT 1 FROM entry x WHERE x.book_id = e.book_id AND x.target_seq = e.seq)",
    ENTRY_RETURNS,
    book_id="big",
    period="int",
)

# by book, the credits that nothing has taken back
Credits = dict[int, list[Receipt]]


def _read(connection: Connection, asked: Asked, desk: Desk) -> Credits:
    there = set(own_books(asked, desk))
    wanted = {(book_id, period_of(command.died_on)) for book_id, command in asked if book_id in there}
    # each goes back as a debit dated back, which has to know how the pockets stood
    late = [desk.books[book_id] for book_id, after in wanted if after < period_of(desk.today)]
    read_days(connection, late, {book.book_id: book.interest_year + 1 for book in late})
    found: Credits = {}
    for receipt in receipts(connection, _CREDITS.run(connection, sorted(wanted))):
        found.setdefault(receipt.book_id, []).append(receipt)
    return found


def _follow(found: Credits, _desk: Desk, receipt: Receipt, _beside: object) -> None:
    if receipt.kind in _BACK_TO:
        found.setdefault(receipt.book_id, []).append(receipt)


# the credits for months after the death that a command reports
LATE_CREDITS: Need[Credits] = Need("credits for months after death", _read, follow=_follow)


def give_back(desk: Desk, book: Book, after: int) -> tuple[int, int]:
    """Take back the credits for months after the month `after`; the fen that went back, and those owed.

    Each goes back on its own value date, so that nobody has had it. It takes what is available and never
    more: what was spent since is a receivable that the estate sets off.
    """
    went = owed = 0
    known = {receipt.seq: receipt for receipt in desk.of(LATE_CREDITS).get(book.book_id, ())}
    for seq, credit in sorted(known.items()):
        source, _target, fen, party = credit.transfers[0]
        late = credit.period is not None and credit.period > after
        if not late or party is not None or desk.acted_on(seq) is not None:
            continue
        target = Side(source)
        taken = min(fen, max(book.available, 0))
        rest: tuple[TransferLine, ...] = ()
        if fen > taken:
            rest = ((int(Side.RECEIVABLE), int(target), fen - taken, book.book_id),)
        effective_on, fact_on = book.value_date(credit.effective_on, desk.today)
        draft = Draft(Kind.CREDIT_BACK, effective_on, period=credit.period, fact_on=fact_on, target_seq=seq)
        book.debit(draft, taken, target, None, current_year_first=True, also=rest)
        went += taken
        owed += fen - taken
    return went, owed
