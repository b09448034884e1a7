"""One account that goes into another: by one entry on each side, and its numbers with it."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.book.numbers import parse_entry_name
from ledger.chart.kinds import Kind
from ledger.posting import Receipt
from ledger.posting.reads import RECEIPT_COLUMNS, receipts
from ledger.verify.finding import UNREADABLE, Finding, line_name
from ledger.verify.named import entries_named

_E, _M, _I = tables.entry.c, tables.account_merge.c, tables.identity.c
_ROWS_AT_ONCE = 500


def merges_stand_in_both_books(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """What leaves an account for another one arrives there, and nothing else does."""
    rows = connection.execute(
        select(*(_E[name] for name in RECEIPT_COLUMNS))
        .where(_E.book_id.between(first, last), _E.kind == int(Kind.MERGE))
        .order_by(_E.book_id, _E.seq)
    ).all()
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        found = receipts(connection, rows[start : start + _ROWS_AT_ONCE])
        came_from = [parse_entry_name(one.source_ref) for one in found if one.source_ref is not None]
        senders = entries_named(connection, [name for name in came_from if name is not None])
        arrived = _arrived(connection, [one for one in found if one.source_ref is None])
        for receipt in found:
            if receipt.source_ref is None:
                wrong = _left(receipt, arrived.get(receipt.name))
            else:
                wrong = _came(receipt, senders.get(parse_entry_name(receipt.source_ref) or (0, 0)))
            if wrong is not None:
                yield Finding("merge_wrong", line_name(receipt.book_id, receipt.seq), wrong)


def _arrived(connection: Connection, left: list[Receipt]) -> dict[str, Receipt]:
    """What arrived of what left, by the name of the entry by which it left."""
    names = [receipt.name for receipt in left]
    rows = connection.execute(
        select(*(_E[name] for name in RECEIPT_COLUMNS)).where(
            _E.kind == int(Kind.MERGE), _E.source_ref.in_(names), _E.book_id.in_(_goes_to(left))
        )
    ).all()
    return {one.source_ref or "": one for one in receipts(connection, rows)}


def _goes_to(left: list[Receipt]) -> list[int]:
    found = []
    for receipt in left:
        try:
            found.append(int(unpack(receipt.detail)["into"]))
        except UNREADABLE:
            # told by the entry itself
            continue
    return found


def _left(receipt: Receipt, arrived: Receipt | None) -> str | None:
    if arrived is None:
        return "what left the account arrived in no other"
    return None if arrived.amount_fen == receipt.amount_fen else "not all that left the account arrived"


def _came(receipt: Receipt, sender: Receipt | None) -> str | None:
    try:
        into = None if sender is None or sender.kind is not Kind.MERGE else unpack(sender.detail)["into"]
    except UNREADABLE:
        into = None
    return None if into == receipt.book_id else "it came from no account that went into this one"


def numbers_went_along(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """Nobody is found as the person of an account that went into another one."""
    left = (
        select(_M.book_id, _M.seq)
        .where(
            _M.book_id.between(first, last),
            select(_I.digest).where(_I.person_id == _M.person_id).exists(),
        )
        .order_by(_M.book_id)
    )
    for book_id, seq in connection.execute(left):
        what = "an ID number does not find the account that this one went into"
        yield Finding("merge_wrong", line_name(book_id, seq), what)
