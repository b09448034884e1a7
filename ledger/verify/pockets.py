"""What annual settlements gave back of account money: into the pockets that it came from, and once (K6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.posting import Receipt
from ledger.posting.reads import RECEIPT_COLUMNS, receipts
from ledger.verify.finding import UNREADABLE, Finding, line_name
from ledger.verify.named import Place, entries_named, place_of

_E = tables.entry.c
_ROWS_AT_ONCE = 500
_BILLS = frozenset({Kind.SETTLEMENT, Kind.CLAIM_DECISION})


def account_money_went_back_to_its_pockets(
    connection: Connection, first: int, last: int
) -> Iterator[Finding]:
    """A statement that names the bills of which account money came back moved just that into the pockets, and
    of no bill more than it took from either one; after a year end all of it into carried_over.

    One of an earlier version names none, and moved all of it into current_year.
    """
    query = (
        select(*(_E[name] for name in RECEIPT_COLUMNS))
        .where(_E.book_id.between(first, last), _E.kind == int(Kind.ANNUAL_SETTLEMENT))
        .order_by(_E.book_id, _E.seq)
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    # of the statement that is under way: what its entries moved into current_year and carried_over
    moved: dict[int, tuple[int, int]] = {}
    # by bill, what came back of it so far
    back: dict[Place, tuple[int, int]] = {}
    for some in connection.execute(query).partitions(_ROWS_AT_ONCE):
        statements = receipts(connection, some)
        told: dict[str, dict[str, Any]] = {}
        bills: set[Place] = set()
        for one in statements:
            try:
                told[one.name] = unpack(one.detail)
                bills |= {place_of(one.book_id, seq) for seq, *_ in told[one.name].get("pockets", ())}
            except UNREADABLE as error:
                told.pop(one.name, None)
                what = f"what it says cannot be read ({type(error).__name__})"
                yield Finding("refund_wrong", line_name(one.book_id, one.seq), what)
        there = entries_named(connection, bills)
        for one in statements:
            into = _into(one)
            before = moved.pop(one.book_id, (0, 0))
            sums = before[0] + into[0], before[1] + into[1]
            facts = told.get(one.name)
            if facts is None:
                continue
            if "still_owed" not in facts:
                moved[one.book_id] = sums
                continue
            lines = facts.get("pockets", ())
            try:
                wrong = _sums_fault(lines, sums) or _bills_fault(one, lines, there, back)
            except UNREADABLE as error:
                wrong = f"what it says cannot be read ({type(error).__name__})"
            if wrong is not None:
                yield Finding("refund_wrong", line_name(one.book_id, one.seq), wrong)


def _into(entry: Receipt) -> tuple[int, int]:
    into = {Side.CURRENT_YEAR: 0, Side.CARRIED_OVER: 0}
    for _source, target, fen, _party in entry.transfers:
        if target in into:
            into[Side(target)] += fen
    return into[Side.CURRENT_YEAR], into[Side.CARRIED_OVER]


def _sums_fault(lines: Sequence[Sequence[int]], moved: tuple[int, int]) -> str | None:
    """The heirs of a closed account get cash too, by way of its current_year."""
    current, carried = (sum(line[place] for line in lines) for place in (1, 2))
    if carried != moved[1] or current > moved[0]:
        return (
            f"it moved {moved[0]} and {moved[1]} fen into the pockets, its bills say {current} and {carried}"
        )
    return None


def _bills_fault(
    statement: Receipt,
    lines: Sequence[Sequence[int]],
    there: dict[Place, Receipt],
    back: dict[Place, tuple[int, int]],
) -> str | None:
    for seq, current, carried in lines:
        place = place_of(statement.book_id, seq)
        bill = there.get(place)
        if bill is None or bill.kind not in _BILLS or seq >= statement.seq:
            return f"entry {seq} is no bill before it"
        before = back.get(place, (0, 0))
        came = back[place] = before[0] + current, before[1] + carried
        took = {Side.CURRENT_YEAR: 0, Side.CARRIED_OVER: 0}
        for source, _target, fen, _party in bill.transfers:
            if source in took:
                took[Side(source)] += fen
        same_year = bill.effective_on.year == statement.effective_on.year
        fits = (
            came[0] <= took[Side.CURRENT_YEAR] and came[1] <= took[Side.CARRIED_OVER]
            if same_year
            else not current and sum(came) <= sum(took.values())
        )
        if min(current, carried) < 0 or not fits:
            return f"{current} and {carried} fen of entry {seq} came back to pockets that did not pay them"
    return None
