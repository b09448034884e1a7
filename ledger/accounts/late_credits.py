"""What was credited for months after a death that was reported late goes back, and comes again when the death
was none, or was later (R15, R16).

What came straight from the fund or from its payer is given back and given again here. What an employer's
payment brought stands in the employer's months: whoever keeps these joins by `pays_through`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection

from ledger.accounts.called_back import fen_there, take_out
from ledger.accounts.reversals import Moved, follow_moves, read_moves
from ledger.book.chain import TransferLine
from ledger.book.dated_back import undo
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.numbers import parse_entry_name
from ledger.book.state import Book
from ledger.chart.kinds import AGAIN, Kind
from ledger.chart.matrix import Stage
from ledger.chart.sides import POCKETS, Side
from ledger.database.lookups import Lookup
from ledger.months import period_of
from ledger.people.merged import books_of_one, merged_in, with_merged
from ledger.posting import Desk, Need, Receipt
from ledger.posting.book_reads import read_days
from ledger.posting.needs import Asked, own_books
from ledger.posting.reads import ENTRY_FIELDS, ENTRY_RETURNS, receipts

# what brings the credit of a month straight into an account
_CREDITS_OF = (Kind.RETIREE_CREDIT, Kind.CONTRIBUTION)
_KINDS = ", ".join(str(int(kind)) for kind in _CREDITS_OF)
_STANDS = "NOT EXISTS (SELECT 1 FROM entry x WHERE x.book_id = e.book_id AND x.target_seq = e.seq)"
# also one that came again, and for that acts on what took it back
_CREDITS = Lookup(
    f"SELECT {ENTRY_FIELDS} FROM {{given}} JOIN entry e ON e.book_id = given.book_id"
    f" AND e.period > given.period AND (e.kind IN ({_KINDS}) OR (e.kind = {int(Kind.REVERSAL)}"
    " AND EXISTS (SELECT 1 FROM entry c WHERE c.book_id = e.book_id AND c.seq = e.target_seq"
    f" AND c.kind = {int(Kind.CREDIT_BACK)})))"
    f" WHERE {_STANDS}",
    ENTRY_RETURNS,
    book_id="big",
    period="int",
)
# what went back, and what was called back for it out of the account that another one went into
_GOES = (Kind.CREDIT_BACK, Kind.REFUND_TO_PAYER, Kind.MERGE_BACK)
_GONE = Lookup(
    f"SELECT {ENTRY_FIELDS} FROM {{given}} JOIN entry e ON e.book_id = given.book_id"
    f" AND e.kind IN ({', '.join(str(int(kind)) for kind in _GOES)}) WHERE {_STANDS}",
    ENTRY_RETURNS,
    book_id="big",
)

# by book, the credits that nothing has taken back
Credits = dict[int, list[Receipt]]


class Given(NamedTuple):
    """What became of the credits of one month: the fen that left the account or came to it, and those that
    are owed, or owed no more.
    """

    period: int
    fen: int
    owed: int = 0


class GivesBack(NamedTuple):
    """One amount that has to go back: its month, the entry that brought it last, and how."""

    period: int
    seq: int
    give: Callable[[], Given]


class LatePayers(Protocol):
    """Whoever keeps what an employer paid for the months of a life."""

    # what a command has to ask for
    needs: frozenset[Need[Any]]

    def to_lock(
        self, desk: Desk, accounts: Iterable[int], after: int | None, again: Iterable[Any]
    ) -> list[int]:
        """The books that are changed too, as far as they are not on the desk: when what some accounts have of
        months after `after` goes, and what `late` did to these months comes again.
        """

    def late(self, desk: Desk, book: Book, after: int, did: list[Any]) -> list[GivesBack]:
        """What goes back of the months after `after`; `did` gets what has to be known to undo it."""

    def again(self, desk: Desk, book: Book, month: Any, *, used_since: bool) -> Given:
        """Undo one thing that `late` did, to the account `book` or to one that went into it."""


_PAYERS: list[LatePayers] = []


def pays_through(payers: LatePayers) -> None:
    """Let the report of a death give back what they brought, too."""
    _PAYERS.append(payers)


def payers_needs() -> frozenset[Need[Any]]:
    """What commands ask for that give back or give again."""
    return frozenset[Need[Any]]().union(*(payers.needs for payers in _PAYERS))


def books_to_lock(
    desk: Desk, book: Book, *, after: int | None = None, again: Iterable[Any] = ()
) -> list[int]:
    """The accounts that went into one, and the books of payers, that have to be locked and are not; `again`
    are the months that come again.
    """
    months, merged = list(again), merged_in(desk, book.book_id)
    found = [one for one in merged if one not in desk.books]
    for payers in _PAYERS:
        found += payers.to_lock(desk, (book.book_id, *merged), after, months)
    return found


# -- what may go back ----------------------------------------------------------------------------------------


def _read(connection: Connection, asked: Asked, desk: Desk) -> Credits:
    there = set(own_books(asked, desk))
    dead = {(book_id, period_of(command.died_on)) for book_id, command in asked if book_id in there}
    # each goes back as a debit dated back, which has to know how the pockets stood
    late = [desk.books[book_id] for book_id, after in dead if after < period_of(desk.today)]
    _read_days(connection, late)
    wanted = {(book_id, period_of(command.died_on)) for book_id, command in with_merged(asked, desk)}
    found: Credits = {}
    for receipt in receipts(connection, _CREDITS.run(connection, sorted(wanted))):
        found.setdefault(receipt.book_id, []).append(receipt)
    return found


def _read_days(connection: Connection, books: Iterable[Book]) -> None:
    late = list(books)
    read_days(connection, late, {book.book_id: book.interest_year + 1 for book in late})


def _follow(found: Credits, _desk: Desk, receipt: Receipt, _beside: object) -> None:
    if receipt.kind in _CREDITS_OF or (receipt.kind is Kind.REVERSAL and AGAIN in unpack(receipt.detail)):
        found.setdefault(receipt.book_id, []).append(receipt)


# the credits for months after the death that a command reports
LATE_CREDITS: Need[Credits] = Need("credits for months after death", _read, follow=_follow)


def give_back(desk: Desk, book: Book, after: int, did: list[Any]) -> list[Given]:
    """Take back the credits for months after the month `after`, also those that an account had before it went
    into this one; what became of each.

    Each goes back on its own value date, so that nobody has had it. It takes what is available and never
    more: what was spent since is a receivable that the estate sets off. The last month goes first: so a
    death that is reported with a later day and then corrected ends where the right day would have.

    `did` gets what payers have to know to undo it.
    """
    items: list[GivesBack] = []
    for one in books_of_one(desk, book):
        items += [item for payers in _PAYERS for item in payers.late(desk, one, after, did)]
        known = {receipt.seq: receipt for receipt in desk.of(LATE_CREDITS).get(one.book_id, ())}
        for seq, credit in known.items():
            late = credit.period is not None and credit.period > after
            if late and _is_straight(credit) and (one.book_id, seq) not in desk.acted:
                items.append(GivesBack(credit.period or 0, seq, _way_back(desk, one, credit)))
    return [item.give() for item in sorted(items, key=lambda one: (one.period, one.seq), reverse=True)]


def _is_straight(credit: Receipt) -> bool:
    """Whether it came from the fund or the collector itself, and not by an employer's payment."""
    return all(party is None for _, target, _, party in credit.transfers if target in POCKETS)


def _way_back(desk: Desk, book: Book, credit: Receipt) -> Callable[[], Given]:
    def give() -> Given:
        target, fen = Side(credit.transfers[0][0]), credit.amount_fen
        taken = min(fen, fen_there(desk, book))
        rest: tuple[TransferLine, ...] = ()
        if fen > taken:
            rest = ((int(Side.RECEIVABLE), int(target), fen - taken, book.book_id),)
        # one that was given again came on the day on which it had first come
        came_on = credit.effective_on if credit.kind is not Kind.REVERSAL else credit.fact_on
        effective_on, fact_on = book.open_day(came_on or credit.effective_on, desk.today)
        draft = Draft(
            Kind.CREDIT_BACK, effective_on, period=credit.period, fact_on=fact_on, target_seq=credit.seq
        )
        take_out(desk, book, draft, taken, target, None, current_year_first=True, also=rest)
        return Given(credit.period or 0, taken, fen - taken)

    return give


# -- what went back, and comes again -------------------------------------------------------------------------


class Gone:
    """What went back of some books and stands, by book and number; what each moved between the pockets."""

    __slots__ = ("entries", "moved")

    def __init__(self) -> None:
        self.entries: dict[int, dict[int, Receipt]] = {}
        self.moved: Moved = {}


def _read_gone(connection: Connection, asked: Asked, desk: Desk) -> Gone:
    found = Gone()
    _read_days(connection, (desk.books[book_id] for book_id in own_books(asked, desk)))
    there = own_books(with_merged(asked, desk), desk)
    for receipt in receipts(connection, _GONE.run(connection, [(book_id,) for book_id in there])):
        found.entries.setdefault(receipt.book_id, {})[receipt.seq] = receipt
    debits = [(book_id, seq) for book_id, entries in found.entries.items() for seq in entries]
    found.moved = read_moves(connection, debits)
    return found


def _follow_gone(found: Gone, desk: Desk, receipt: Receipt, beside: object) -> None:
    follow_moves(found.moved, desk, receipt, beside)
    entries = found.entries.setdefault(receipt.book_id, {})
    if receipt.kind in _GOES:
        entries[receipt.seq] = receipt
    elif receipt.kind is Kind.REVERSAL and receipt.target_seq is not None:
        entries.pop(receipt.target_seq, None)


# what was taken back of a book, for the command that gives it again
GONE: Need[Gone] = Need("what went back", _read_gone, follow=_follow_gone)


def straight_gone(desk: Desk, book: Book, until: int | None = None) -> list[Receipt]:
    """What went straight back and stands, the last first; of the months to `until` alone, if it is given.

    First what went out of the account itself, then what had come from others that went into it.
    """
    gone = desk.of(GONE).entries
    return [
        entry
        for book_id in (book.book_id, *merged_in(desk, book.book_id))
        for _seq, entry in sorted(gone.get(book_id, {}).items(), reverse=True)
        if entry.kind is Kind.CREDIT_BACK and (until is None or (entry.period or 0) <= until)
    ]


def owed_of(entry: Receipt) -> int:
    """What the account did not have of something that went back, in fen."""
    return sum(fen for source, _, fen, _ in entry.transfers if source == Side.RECEIVABLE)


def give_again(
    desk: Desk, book: Book, straight: Iterable[Receipt], months: Iterable[Any], *, used_since: bool
) -> list[Given]:
    """Undo what went back; what became of each. The last that went comes first, as it would be unwound."""
    found: list[Given] = []
    for entry in straight:
        whose = book if entry.book_id == book.book_id else desk.other(entry.book_id)
        if whose is None:
            raise AssertionError("an account that went into another one is locked with it")
        found.append(put_back(desk, whose, entry, used_since=used_since))
    return found + [
        payers.again(desk, book, month, used_since=used_since) for payers in _PAYERS for month in months
    ]


def put_back(
    desk: Desk, book: Book, entry: Receipt, *, used_since: bool, source_ref: str | None = None
) -> Given:
    """Mirror one amount that went back, on its own value date, so that it has never been away.

    `used_since` says that something else was posted after it (`dated_back.undo`).
    """
    if book.stage == Stage.CLOSED:
        return _put_back_merged(desk, book, entry, used_since=used_since, source_ref=source_ref)
    effective_on, fact_on = entry.effective_on, entry.fact_on
    if effective_on.year <= book.interest_year:
        # the interest of that year was posted since, without it
        effective_on, fact_on = book.open_day(entry.effective_on, desk.today)
        fact_on = entry.fact_on or fact_on
    parts = {Side(side): fen for side, _, fen, _ in entry.transfers}
    current, carried = parts.get(Side.CURRENT_YEAR, 0), parts.get(Side.CARRIED_OVER, 0)
    source, party = next((there, party) for _, there, _, party in entry.transfers)
    if current or carried:
        party = next(party for side, _, _, party in entry.transfers if side in POCKETS)
    owed = owed_of(entry)
    rest = ((source, int(Side.RECEIVABLE), owed, book.book_id),) if owed else ()
    if book.late_year(effective_on) is None:
        book.roll_to(effective_on.year)
    undone = undo(
        book.days or {},
        book.open_year,
        book.current_year,
        book.carried_over,
        (entry.effective_on, current, carried),
        desk.of(GONE).moved.get(entry.name, ()),
        effective_on,
        used_since=used_since,
    )
    draft = Draft(
        Kind.REVERSAL,
        effective_on,
        period=entry.period,
        fact_on=fact_on,
        target_seq=entry.seq,
        source_ref=source_ref,
        detail=pack(**{AGAIN: True}),
    )
    book.give_back(draft, undone, Side(source), party, also=rest)
    return Given(entry.period or 0, current + carried, owed)


def _put_back_merged(
    desk: Desk, book: Book, entry: Receipt, *, used_since: bool, source_ref: str | None
) -> Given:
    """Mirror what went back of an account that went into another one: all of it goes on at once, and what was
    called back for it comes to the account that gave it, as if it had never been asked for.
    """
    owed = owed_of(entry)
    fen = sum(fen for side, _, fen, _ in entry.transfers if side in POCKETS)
    day = desk.today
    book.roll_to(day.year)
    came = tuple((there, back, part, party) for back, there, part, party in entry.transfers)
    draft = Draft(
        Kind.REVERSAL,
        day,
        came,
        period=entry.period,
        fact_on=entry.fact_on,
        target_seq=entry.seq,
        source_ref=source_ref,
        detail=pack(**{AGAIN: True}),
    )
    book.add(draft)
    if fen:
        gone = desk.of(GONE).entries
        # it stands right before what it was called back for
        arrived = gone[book.book_id][entry.seq - 1]
        went = [(back, there, part, party) for there, back, part, party in arrived.transfers]
        book.add(Draft(Kind.REVERSAL, day, tuple(went), fact_on=arrived.fact_on, target_seq=arrived.seq))
        account_id, seq = parse_entry_name(arrived.source_ref or "") or (0, 0)
        account = desk.other(account_id)
        if account is None:
            raise AssertionError("an account is locked with those that went into it")
        put_back(desk, account, gone[account_id][seq], used_since=used_since)
    return Given(entry.period or 0, fen, owed)
