"""Dividing the money of a dead person among the heirs (R54, R57, K7), first at the estate and again for every
amount that comes back to the closed account later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ledger.accounts.leaving import join, out_of_pockets, pay_unclaimed, put_states
from ledger.book.beside import rows_digest
from ledger.book.chain import TransferLine
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.numbers import account_no, entry_name
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.sides import Side
from ledger.database.lookups import Lookup
from ledger.people.dated import PersonFactRow
from ledger.people.merged import MergeRow, onward_of
from ledger.posting import Desk, Need, Receipt, WiderLocks
from ledger.posting.needs import Asked
from ledger.posting.reads import ENTRY_FIELDS, ENTRY_RETURNS, receipts
from ledger.shares import divide

TO_ACCOUNT = "account"
TO_PAYOUT = "payout"
# of a child not yet born: it waits among what is payable
TO_KEPT = "kept"


class Heir(NamedTuple):
    """One part of one estate. `rank` orders the odd fen and is what the entry remembers of it.

    A person may have several, one by each title, and then has one account for all of them.
    """

    person_id: int
    relation: str
    weight: Fraction
    rank: int
    # the heir's own account, when there is one
    book_id: int | None
    # whether the part waits for a birth
    is_kept: bool = False


def recorded_heirs(estate: Receipt) -> list[Heir]:
    """The heirs as the estate's entry has them; nobody of an account that was closed otherwise."""
    if estate.kind is not Kind.ESTATE:
        return []
    return [
        Heir(
            line["person"],
            line["relation"],
            Fraction(line["share"]),
            line["rank"],
            line.get("book"),
            line["paid_to"] == TO_KEPT,
        )
        for line in unpack(estate.detail)["heirs"]
    ]


def pay_heirs(
    desk: Desk,
    book: Book,
    heirs: Sequence[Heir],
    paid_on: date,
    *,
    facts: dict[str, Any],
    target_seq: int | None = None,
    keyed: bool = False,
) -> Draft:
    """Move the whole balance of `book` to the heirs: into open accounts of their own, else to payout orders.

    Adds an `inheritance` entry in each heir's account and one `estate` entry in the book, whose detail names
    every share. Raises WiderLocks when a heir's account is not on the desk yet.
    """
    missing = [heir.book_id for heir in heirs if heir.book_id is not None and heir.book_id not in desk.books]
    if missing:
        raise WiderLocks(missing)
    total = book.current_year + book.carried_over
    parts = divide(total, [heir.weight for heir in heirs], [(heir.rank,) for heir in heirs])
    seq = book.last_seq + 1
    lines: list[dict[str, Any]] = []
    transfers: list[TransferLine] = []
    from_current = book.current_year
    # one credit for all that comes to an account: one person's, who may be written down as two
    due: dict[int, dict[int, int]] = {}
    for heir, fen in zip(heirs, parts, strict=True):
        if heir.book_id is not None:
            people = due.setdefault(heir.book_id, {})
            people[heir.person_id] = people.get(heir.person_id, 0) + fen
    estate = entry_name(book.book_id, seq)
    entered = {book_id: _credit(desk, book_id, people, paid_on, estate) for book_id, people in due.items()}
    for heir, fen in zip(heirs, parts, strict=True):
        taken = min(fen, from_current)
        from_current -= taken
        for side, part in ((Side.CURRENT_YEAR, taken), (Side.CARRIED_OVER, fen - taken)):
            if part:
                transfers.append((int(side), int(Side.ESTATE_PAYABLE), part, heir.person_id))
        line: dict[str, Any] = {
            "person": heir.person_id,
            "relation": heir.relation,
            "share": str(heir.weight),
            "rank": heir.rank,
            "amount": fen,
            "paid_to": TO_KEPT if heir.is_kept else TO_PAYOUT,
        }
        if heir.book_id is not None:
            if (entry := entered[heir.book_id]) is not None:
                line |= {"paid_to": TO_ACCOUNT, "entry": entry}
            line["book"] = heir.book_id
        lines.append(line)
    return book.add(
        Draft(
            Kind.ESTATE,
            paid_on,
            tuple(transfers),
            target_seq=target_seq,
            detail=pack(heirs=lines, **facts),
            keyed=keyed,
        )
    )


def receives(book: Book | None) -> bool:
    """Whether a heir's account takes an inheritance: an open account of a living person, frozen or not."""
    return book is not None and book.stage == Stage.ACTIVE


def _credit(desk: Desk, book_id: int, due: Mapping[int, int], paid_on: date, estate: str) -> str | None:
    """The entry in the heir's own account, by person; None when the share goes to a payout order."""
    account = desk.other(book_id)
    if account is None or not receives(account):
        return None
    if not any(due.values()):
        return account_no(account.book_id)
    effective_on, fact_on = account.value_date(max(paid_on, account.opened_on), desk.today)
    if account.late_year(effective_on) is None:
        account.roll_to(effective_on.year)
    # the money stands in carried_over, whatever year it came from (R57)
    draft = account.add(
        Draft(
            Kind.INHERITANCE,
            effective_on,
            tuple(
                (int(Side.ESTATE_PAYABLE), int(Side.CARRIED_OVER), fen, person)
                for person, fen in due.items()
                if fen
            ),
            fact_on=fact_on,
            source_ref=estate,
        )
    )
    return entry_name(account.book_id, draft.seq)


def heirs_to_lock(desk: Desk, books: Iterable[Book]) -> list[int]:
    """The accounts of heirs of those of some books that are closed, as far as they are not on the desk.

    Asked for all at once: a command may find only so often that it needs more books.
    """
    heirs: set[int] = set()
    closed = [book for book in books if book.stage == Stage.CLOSED]
    while closed:
        divided = _estate_of(desk, closed.pop())
        if not divided.onward:
            heirs |= {heir.book_id for heir in divided.heirs if heir.book_id is not None}
            continue
        heirs |= set(divided.onward)
        last = desk.books.get(divided.onward[-1])
        if last is not None and last.stage == Stage.CLOSED:
            # it goes on from there to heirs
            closed.append(last)
    return sorted(heirs - desk.books.keys())


def move_into(
    desk: Desk,
    book: Book,
    into: Book,
    day: date,
    *,
    beside: MergeRow | None = None,
    facts: tuple[PersonFactRow, ...] = (),
    said: Mapping[str, Any] | None = None,
    target_seq: int | None = None,
    keyed: bool = False,
) -> Draft:
    """Move the whole balance of `book` into another account of the same person, pocket into pocket: by one
    entry on each side. What belongs to a year that is carried over there goes into carried_over.

    `beside` and `facts` are what the two entries write beside themselves.
    """
    effective_on, fact_on = into.value_date(max(day, into.opened_on), desk.today)
    late = into.late_year(effective_on) is not None or effective_on.year != day.year
    if into.late_year(effective_on) is None:
        into.roll_to(effective_on.year)
    pockets = ((Side.CURRENT_YEAR, book.current_year), (Side.CARRIED_OVER, book.carried_over))
    clearing, party = int(Side.TRANSFER_CLEARING), book.person_id
    rows = () if beside is None else (beside,)
    detail = {"into": into.book_id} | dict(said or {}) | ({"rows": rows_digest(rows)} if rows else {})
    out = book.add(
        Draft(
            Kind.MERGE,
            day,
            tuple((int(side), clearing, fen, party) for side, fen in pockets if fen),
            target_seq=target_seq,
            detail=pack(**detail),
            keyed=keyed,
            beside=rows,
        )
    )
    arrived = into.add(
        Draft(
            Kind.MERGE,
            effective_on,
            tuple(
                (clearing, int(Side.CARRIED_OVER if late else side), fen, party)
                for side, _target, fen, _party in out.transfers
            ),
            fact_on=fact_on,
            source_ref=entry_name(book.book_id, out.seq),
            detail=pack(rows=rows_digest(facts)) if facts else None,
            beside=facts,
        )
    )
    if into.stage == Stage.CLOSED:
        hand_on(desk, into, arrived)
    return out


class Divided(NamedTuple):
    """How a closed account was divided, and what its estate still owes, by the line of what was set off.

    `estate` is the entry that closed it: of one that went into another account that by which it did, of one
    that was transferred its acknowledgement, or an exit.
    """

    estate: Receipt
    owed: dict[int, int]
    # the accounts that it went into, one after the other; none of an estate
    onward: tuple[int, ...] = ()
    # of an estate: with the accounts of today, where theirs have gone into another one since
    heirs: tuple[Heir, ...] = ()
    # of one that nobody inherited: who has it, "state" or "pooled_fund"
    unclaimed_to: str | None = None

    def after_merges(self, stays: Mapping[int, int]) -> Divided:
        """The same with the heirs' accounts that went into another one, by the one that has their money."""
        heirs = (one._replace(book_id=stays.get(one.book_id or 0, one.book_id)) for one in self.heirs)
        return self._replace(heirs=tuple(heirs))


# the kinds of entries that close an account; what comes to it later names another entry as its target
CLOSING = (Kind.ESTATE, Kind.MERGE, Kind.TRANSFER_ACKNOWLEDGEMENT, Kind.EXIT)
# by book
Estates = dict[int, Divided]
_ESTATES = Lookup(
    f"SELECT {ENTRY_FIELDS} FROM {{given}} JOIN entry e ON e.book_id = given.book_id"
    # the last one: those before it were taken back
    f" WHERE e.kind IN ({', '.join(str(int(kind)) for kind in CLOSING)}) AND e.target_seq IS NULL"
    # what came from another account has a document; of several estates the last one stands
    f" AND NOT (e.kind = {int(Kind.MERGE)} AND e.source_ref IS NOT NULL) ORDER BY e.book_id, e.seq",
    ENTRY_RETURNS,
    book_id="big",
)
# what was set off since an estate was divided
_SET_OFF_SINCE = Lookup(
    f"SELECT {ENTRY_FIELDS} FROM {{given}} JOIN entry e ON e.book_id = given.book_id AND e.seq > given.seq"
    f" AND e.kind = {int(Kind.SET_OFF)}",
    ENTRY_RETURNS,
    book_id="big",
    seq="int",
)


def _read(connection: Connection, _asked: Asked, desk: Desk) -> Estates:
    # of its own book, and of whoever else the money came from
    closed = [(book.book_id,) for book in desk.books.values() if book.stage == Stage.CLOSED]
    found: Estates = {}
    for receipt in receipts(connection, _ESTATES.run(connection, closed)):
        found[receipt.book_id] = _divided(receipt)
    merged = [book_id for book_id, one in found.items() if one.onward]
    theirs = [heir.book_id for one in found.values() for heir in one.heirs if heir.book_id is not None]
    ways = onward_of(connection, [*merged, *theirs])
    stays = {book_id: way[-1] for book_id, way in ways.items()}
    for book_id, one in found.items():
        found[book_id] = one.after_merges(stays)._replace(onward=ways.get(book_id, one.onward))
    put_states(
        connection,
        [
            desk.books[book_id]
            for book_id, one in found.items()
            if one.estate.kind is Kind.TRANSFER_ACKNOWLEDGEMENT
        ],
    )
    owing = [(book_id, one.estate.seq) for book_id, one in found.items() if one.owed]
    for receipt in receipts(connection, _SET_OFF_SINCE.run(connection, owing)):
        _paid_off(found[receipt.book_id].owed, receipt.detail, receipt.amount_fen)
    return found


def _divided(estate: Receipt) -> Divided:
    told = unpack(estate.detail)
    lines = told.get("set_off", ()) if estate.kind is Kind.ESTATE else ()
    left = {number: line["owed"] - line["amount"] for number, line in enumerate(lines)}
    into: int | None = told.get("into")
    onward = () if into is None else (into,)
    owed = {number: fen for number, fen in left.items() if fen}
    return Divided(estate, owed, onward, tuple(recorded_heirs(estate)), told.get("unclaimed_to"))


def _paid_off(owed: dict[int, int], detail: str | None, fen: int) -> None:
    line = unpack(detail).get("line")
    # what was set off for another reason names no line of an estate
    if line is not None:
        owed[line] -= fen


def _follow(found: Estates, _desk: Desk, receipt: Receipt, _beside: object) -> None:
    came_from_another = receipt.kind is Kind.MERGE and receipt.source_ref is not None
    if receipt.kind in CLOSING and receipt.target_seq is None and not came_from_another:
        divided = found[receipt.book_id] = _divided(receipt)
        for into in divided.onward:
            for book_id, one in found.items():
                found[book_id] = one.after_merges({receipt.book_id: into})
    elif receipt.kind is Kind.SET_OFF and receipt.book_id in found:
        _paid_off(found[receipt.book_id].owed, receipt.detail, receipt.amount_fen)


# how a closed account was divided, for money that comes back to it
ESTATE: Need[Estates] = Need("the estate", _read, follow=_follow)


def _estate_of(desk: Desk, book: Book) -> Divided:
    divided = desk.of(ESTATE).get(book.book_id)
    if divided is None:
        raise AssertionError("a closed account was divided by an estate entry")
    return divided


def was_transferred(desk: Desk, book: Book) -> bool:
    """Whether a closed account was transferred to another agency."""
    return _estate_of(desk, book).estate.kind is Kind.TRANSFER_ACKNOWLEDGEMENT


def hand_on(desk: Desk, book: Book, returned: Draft) -> None:
    """Money that comes to a closed account goes at once to the same heirs in the same shares (R33); that of
    an account which went into another goes there.

    What the estate could not pay of the person's debts is set off first. Of an account that was transferred
    it waits to be sent after the transfer, and of one that was paid out it is paid out too.
    """
    divided = _estate_of(desk, book)
    if divided.onward:
        _lead_on(desk, book, divided.onward, returned)
        return
    if divided.estate.kind is not Kind.ESTATE:
        join(book, divided.estate, returned)
        return
    owed = dict(divided.owed)
    for draft in book.drafts:
        # set off by this very command, which may bring money to one account twice
        if draft.kind is Kind.SET_OFF:
            _paid_off(owed, draft.detail, sum(fen for _source, _target, fen, _party in draft.transfers))
    for line, left in sorted(owed.items()):
        fen = min(left, book.current_year + book.carried_over)
        if fen:
            moves = out_of_pockets(book, fen, Side.RECEIVABLE, current_year_first=True)
            book.add(Draft(Kind.SET_OFF, returned.effective_on, moves, detail=pack(line=line)))
    if divided.unclaimed_to is not None and book.current_year + book.carried_over:
        pay_unclaimed(book, divided.unclaimed_to, returned.effective_on, facts={}, target_seq=returned.seq)
    elif book.current_year + book.carried_over:
        pay_heirs(desk, book, divided.heirs, returned.effective_on, facts={}, target_seq=returned.seq)


def _lead_on(desk: Desk, book: Book, onward: tuple[int, ...], returned: Draft) -> None:
    # asked for all at once: a command may find only so often that it needs more books
    unlocked = [account for account in onward if account not in desk.books] or heirs_to_lock(desk, [book])
    if unlocked:
        raise WiderLocks(unlocked)
    into = desk.other(onward[0])
    if into is None:
        raise AssertionError("an account that another went into is there")
    if book.current_year + book.carried_over:
        move_into(desk, book, into, returned.effective_on, target_seq=returned.seq)
