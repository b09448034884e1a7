"""Money that leaves for another agency, or for good: how a transfer stands, and what joins it (R33, R51)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ledger import tables
from ledger.book.beside import StateKind
from ledger.book.chain import TransferLine
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.sides import Side
from ledger.chart.transfers import Direction, TransferStatus
from ledger.database.lookups import Lookup
from ledger.posting import Desk, Need, Receipt
from ledger.posting.needs import Asked

_C = tables.transfer_case.c


class TransferCase(NamedTuple):
    """A transfer as it stands. Amounts in fen; the numbers are those of Direction and TransferStatus."""

    direction: int
    status: int
    asked_on: date
    # out: what was sent; in: what the sheet says
    amount: int = 0
    # out: what of it came out of current_year
    current_year: int = 0
    # out: what joined it after the money was sent, and waits to be sent after it
    waiting: int = 0
    # what was sent, or came, after it
    supplements: int = 0
    moved_on: date | None = None
    ended_on: date | None = None


# by the entry that asked for it, or announced it
TRANSFER_STATE: StateKind[int, TransferCase] = StateKind("transfer_case", ("seq",), TransferCase)

_FIELDS = TransferCase._fields
_CASES = Lookup(
    f"SELECT c.book_id, c.seq, {', '.join(f'c.{name}' for name in _FIELDS)} FROM {{given}}"
    " JOIN transfer_case c ON c.book_id = given.book_id ORDER BY c.book_id, c.seq",
    [_C.book_id, _C.seq, *(_C[name] for name in _FIELDS)],
    book_id="big",
)


def put_states(connection: Connection, books: Iterable[Book]) -> None:
    """Read how the transfers of some books stand."""
    here = {book.book_id: book for book in books}
    for book in here.values():
        book.put(TRANSFER_STATE)
    for book_id, seq, *values in _CASES.run(connection, [(book_id,) for book_id in sorted(here)]):
        here[book_id].of(TRANSFER_STATE).rows[seq] = TransferCase._make(values)


def _read(connection: Connection, _asked: Asked, desk: Desk) -> bool:
    put_states(connection, desk.books.values())
    return True


# the transfers of every book that is locked
TRANSFERS: Need[bool] = Need("transfers", _read)


def under_way(book: Book) -> tuple[int, TransferCase] | None:
    """The transfer out of an account that is asked for or on its way, and its number; None without one."""
    for seq, case in book.of(TRANSFER_STATE).rows.items():
        if case.direction == Direction.OUT and case.status in {TransferStatus.REQUESTED, TransferStatus.SENT}:
            return seq, case
    return None


def cancel_request(book: Book, day: date, reason: str) -> None:
    """End a transfer that was asked for and not sent, as its holder has died: the money is the heirs'."""
    found = under_way(book)
    if found is None or found[1].status != TransferStatus.REQUESTED:
        return
    seq, case = found
    facts = pack(transfer=seq, reason=reason, status=int(TransferStatus.CANCELLED))
    book.add(Draft(Kind.TRANSFER_REJECTION, day, detail=facts))
    book.of(TRANSFER_STATE).set(seq, case._replace(status=int(TransferStatus.CANCELLED), ended_on=day))
    book.stage = Stage.ACTIVE


def whole_balance(book: Book, target: Side) -> tuple[TransferLine, ...]:
    """The moves that take all there is out of both pockets."""
    pockets = ((Side.CURRENT_YEAR, book.current_year), (Side.CARRIED_OVER, book.carried_over))
    return tuple((int(side), int(target), fen, None) for side, fen in pockets if fen)


def join(book: Book, closing: Receipt, returned: Draft) -> None:
    """Let money that comes to a closed account go where all went before: it waits to be sent after the
    transfer, or is paid out after the exit (R33).

    `closing` is the entry that closed the account, `returned` the one that brought the money.
    """
    total = book.current_year + book.carried_over
    if not total:
        return
    if closing.kind is Kind.EXIT:
        moves = whole_balance(book, Side.EXIT_PAYABLE)
        book.add(Draft(Kind.EXIT, returned.effective_on, moves, target_seq=returned.seq))
        return
    join_transfer(book, int(unpack(closing.detail)["transfer"]), returned.effective_on, returned.seq)


def join_transfer(book: Book, seq: int, day: date, target_seq: int | None, *, released: int = 0) -> None:
    """Let the whole balance wait to be sent after the money of the transfer `seq`.

    `released` of it is sent with that money, as an employer's book released it for that.
    """
    book.roll_to(day.year)
    cases = book.of(TRANSFER_STATE)
    case = cases.rows[seq]
    fen = book.current_year + book.carried_over - released
    facts = {"transfer": seq, "waits": True} | ({"released": released} if released else {})
    moves = whole_balance(book, Side.TRANSFER_CLEARING)
    book.add(Draft(Kind.TRANSFER_OUT, day, moves, target_seq=target_seq, detail=pack(**facts)))
    cases.set(seq, case._replace(waiting=case.waiting + fen, supplements=case.supplements + released))


def out_of_pockets(
    book: Book, fen: int, target: Side, *, current_year_first: bool
) -> tuple[TransferLine, ...]:
    """The moves that take `fen`, at most the balance, out of the pockets for a person's debt."""
    first = book.current_year if current_year_first else book.carried_over
    part = min(fen, first)
    from_current = part if current_year_first else fen - part
    pockets = ((Side.CURRENT_YEAR, from_current), (Side.CARRIED_OVER, fen - from_current))
    party = book.book_id if target is Side.RECEIVABLE else None
    return tuple((int(side), int(target), moved, party) for side, moved in pockets if moved)


def pay_unclaimed(
    book: Book,
    to: str,
    paid_on: date,
    *,
    facts: dict[str, Any],
    target_seq: int | None = None,
    keyed: bool = False,
) -> Draft:
    """Move the whole balance of `book`, which nobody inherits, to the State or the pooled fund (CC1160)."""
    moves = whole_balance(book, Side.POOLED_FUND if to == "pooled_fund" else Side.ESTATE_PAYABLE)
    detail = pack(heirs=[], unclaimed_to=to, **facts)
    return book.add(Draft(Kind.ESTATE, paid_on, moves, target_seq=target_seq, detail=detail, keyed=keyed))
