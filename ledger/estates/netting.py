"""An estate that was undone is divided anew: of an heir's new share what is owed of the old one is set off.

What the heir's account no longer had when a share went back is owed by the heir (`inheritance_back`). A new
share pays that first, on its own day, so that neither is owed or had twice. The rest stands as a demand.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from ledger import tables
from ledger.book.detail import unpack
from ledger.book.draft import Draft
from ledger.book.numbers import entry_name
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.chart.owed import DebtKind
from ledger.chart.sides import Side
from ledger.database.lookups import Lookup
from ledger.owed.demands import demand_debt, told_of
from ledger.owed.owing import Debt
from ledger.owed.state import DEMAND_STATE, DebtKey, put_demands, taken_over
from ledger.posting import Desk, Need, Receipt
from ledger.posting.needs import Asked, own_books

_E = tables.entry.c
_UNDONE = Lookup(
    "SELECT e.book_id, e.detail FROM {given} JOIN entry e ON e.book_id = given.book_id"
    f" AND e.kind = {int(Kind.ESTATE_UNDO)} ORDER BY e.book_id, e.seq",
    [_E.book_id, _E.detail],
    book_id="big",
)


class _SpentShare(NamedTuple):
    """What an heir owes of a share that went back: the entry in the heir's account, and how much; in fen."""

    book_id: int
    seq: int
    fen: int


# by the book of the dead person
SpentShares = dict[int, list[_SpentShare]]


def _spent(detail: str | None) -> Iterable[_SpentShare]:
    # what undoes later money alone takes nothing from heirs
    for line in unpack(detail).get("back", ()):
        if line["receivable"]:
            heir, seq = line["entry"]
            yield _SpentShare(heir, seq, line["receivable"])


def _read(connection: Connection, asked: Asked, desk: Desk) -> SpentShares:
    found: SpentShares = {}
    for book_id, detail in _UNDONE.run(connection, [(book_id,) for book_id in own_books(asked, desk)]):
        found.setdefault(book_id, []).extend(_spent(detail))
    # the heirs are on the desk once they are locked
    put_demands(connection, desk, [one for one, book in desk.books.items() if book.person_id is not None])
    return found


def _follow(found: SpentShares, _desk: Desk, receipt: Receipt, _beside: object) -> None:
    if receipt.kind is Kind.ESTATE_UNDO:
        found.setdefault(receipt.book_id, []).extend(_spent(receipt.detail))


SPENT_SHARES: Need[SpentShares] = Need("what heirs spent of shares that went back", _read, follow=_follow)


def net_shares(desk: Desk, book: Book, estate: Draft) -> None:
    """Set off what heirs owe of this estate against what it has just put into their accounts."""
    spent = desk.of(SPENT_SHARES).get(book.book_id, ())
    if not spent:
        return
    name = entry_name(book.book_id, estate.seq)
    left: dict[int, int] = {}
    for one in spent:
        heir = desk.other(one.book_id)
        share = None if heir is None else _share(heir, name)
        if heir is None or share is None:
            # nothing was put into that account: what is owed stays as it is
            continue
        there = left.get(one.book_id, sum(fen for *_sides, fen, _party in share.transfers))
        left[one.book_id] = there - _net(desk, heir, one, share, there, name)


def _share(heir: Book, estate: str) -> Draft | None:
    """The entry by which this very estate credits an account."""
    shares = (one for one in heir.drafts if one.kind is Kind.INHERITANCE and one.source_ref == estate)
    return next(shares, None)


def _net(desk: Desk, heir: Book, spent: _SpentShare, share: Draft, there: int, estate: str) -> int:
    """Set off one debt out of what is left of a share, in fen."""
    key = DebtKey(DebtKind.INHERITANCE, heir.book_id, spent.seq)
    demands = heir.of(DEMAND_STATE)
    rest = spent.fen - taken_over(demands.rows.values(), key)
    if rest > 0 and there:
        debt = Debt(key.kind.word, {"entry": spent.seq}, rest, key)
        demand_debt(desk, heir, debt, rest, "the estate was divided anew", estate, keyed=False)
    taken = 0
    for seq, demand in sorted(demands.rows.items()):
        fen = min(demand.still_owed, there - taken) if demand.debt == key else 0
        if not fen:
            continue
        done = demand._replace(set_off=demand.set_off + fen)
        # out of the share itself, on its day: it was never the heir's to keep
        move = (int(Side.CARRIED_OVER), int(Side.RECEIVABLE), fen, heir.book_id)
        detail = told_of(seq, done)
        heir.add(Draft(Kind.SET_OFF, share.effective_on, (move,), fact_on=share.fact_on, detail=detail))
        demands.set(seq, done)
        taken += fen
    return taken
