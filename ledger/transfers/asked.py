"""What was said when a transfer was asked for, or announced."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.database.lookups import Lookup
from ledger.posting import Desk, Need, Receipt
from ledger.posting.needs import Asked

_E = tables.entry.c
_REQUESTS = Lookup(
    "SELECT c.book_id, c.seq, e.detail, e.request_digest FROM {given}"
    " JOIN transfer_case c ON c.book_id = given.book_id"
    " JOIN entry e ON e.book_id = c.book_id AND e.seq = c.seq",
    [_E.book_id, _E.seq, _E.detail, _E.request_digest],
    book_id="big",
)


class AskedTransfer(NamedTuple):
    """The detail of the entry that asked for a transfer, and the fingerprint of the request."""

    told: dict[str, Any]
    fingerprint: bytes


# by book and number
AskedTransfers = dict[tuple[int, int], AskedTransfer]


def _read(connection: Connection, _asked: Asked, desk: Desk) -> AskedTransfers:
    rows = _REQUESTS.run(connection, [(book_id,) for book_id in sorted(desk.books)])
    return {
        (book_id, seq): AskedTransfer(unpack(detail), bytes(digest or b""))
        for book_id, seq, detail, digest in rows
    }


def _follow(found: AskedTransfers, _desk: Desk, receipt: Receipt, _beside: object) -> None:
    # a request of this very batch is known by its key already, so nobody asks for its fingerprint
    if receipt.kind is Kind.TRANSFER_REQUEST:
        found[receipt.book_id, receipt.seq] = AskedTransfer(unpack(receipt.detail), b"")


# of every book that is locked
ASKED: Need[AskedTransfers] = Need("what was asked of transfers", _read, follow=_follow)
