"""Mutual aid: what each quota has left, and that what a bill took from relatives stands in their books.

The two entries of a donation stand in two books. Each names the other, so it is asked from both sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, or_, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import REOPENS, Kind
from ledger.chart.sides import Side
from ledger.posting import Receipt
from ledger.posting.reads import RECEIPT_COLUMNS, receipts
from ledger.verify.finding import UNREADABLE, Finding, line_name
from ledger.verify.named import acted_on, entries_named, place_of
from ledger.verify.streams import Key, keyed, side_by_side, streamed

_B, _E, _T, _S = tables.book.c, tables.entry.c, tables.transfer.c, tables.settlement.c
_Q = tables.quota.c
_ROWS_AT_ONCE = 500
_OF_QUOTAS = (Kind.QUOTA, Kind.QUOTA_END, Kind.MUTUAL_AID, Kind.AID_BACK, Kind.REVERSAL)


class _Quota(NamedTuple):
    """What entries make of a quota; the fields are named as the columns of its row."""

    recipient_id: int
    amount: int
    remaining: int
    rank: int
    relation: str
    ended: bool = False


def quotas_follow_from_their_entries(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """A quota has left what was given less what was used, more what came back; nothing, once it ended.

    Whatever changes what a book has reserved names the quota that it changes.
    """
    entries = streamed(
        connection,
        select(_E.book_id, _E.seq, _E.kind, _E.target_seq, _E.reserved_change, _E.detail)
        .where(
            _E.book_id.between(first, last),
            _E.kind.in_([int(kind) for kind in _OF_QUOTAS]),
            # of the reversals those of mutual aid alone
            or_(
                _E.kind != int(Kind.REVERSAL),
                _E.reserved_change.is_not(None),
                # or of a quota that was used up
                _E.detail.like('{"quota":%'),
                _E.detail.like(f'%"{REOPENS}":%'),
            ),
        )
        .order_by(_E.book_id, _E.seq),
    )
    stands = streamed(
        connection,
        select(_Q.book_id, _Q.seq, *(_Q[name] for name in _Quota._fields))
        .where(_Q.book_id.between(first, last))
        .order_by(_Q.book_id, _Q.seq),
    )
    state = keyed(stands, 2, _Quota._make)
    for (book_id, seq), (facts, row) in side_by_side(_quotas(entries), state):
        wrong = _quota_fault(facts, row)
        if wrong is not None:
            yield Finding("quota_wrong", line_name(book_id, seq), wrong)


def _quotas(entries: Iterator[Any]) -> Iterator[tuple[Key, _Quota | str]]:
    """The quotas of each book in the order of their entries; a text says what cannot be read."""
    for book_id, lines in groupby(entries, key=attrgetter("book_id")):
        quotas: dict[int, _Quota | str] = {}
        opened: set[int] = set()
        for _book, seq, kind, target_seq, change, detail in lines:
            try:
                _count(quotas, opened, seq, kind, target_seq, change or 0, unpack(detail))
            except UNREADABLE as error:
                quotas[seq] = f"what it says cannot be read ({type(error).__name__})"
        for seq in sorted(quotas):
            yield (book_id, seq), quotas[seq]


def _count(
    quotas: dict[int, _Quota | str],
    opened: set[int],
    seq: int,
    kind: int,
    target_seq: int | None,
    change: int,
    told: dict[str, Any],
) -> None:
    if kind == Kind.QUOTA:
        quotas[seq] = _Quota(told["recipient"], change, change, told["rank"], told["relation"])
        return
    # an end acts on the quota, or on what opened it again
    place = int(told.get("quota", target_seq or 0) if kind == Kind.QUOTA_END else told["quota"])
    known = quotas[place]
    if isinstance(known, str):
        return
    if kind == Kind.QUOTA_END or (kind == Kind.REVERSAL and target_seq in {place, *opened}):
        known = known._replace(ended=True)
    elif REOPENS in told:
        opened.add(seq)
        known = known._replace(ended=False)
    quotas[place] = known._replace(remaining=known.remaining + change)


def _quota_fault(facts: _Quota | str | None, here: _Quota | None) -> str | None:
    if isinstance(facts, str):
        return facts
    if facts is None or here is None:
        return "there is no such quota, and an entry gave it" if here is None else "no entry gave this quota"
    for name, one, other in zip(_Quota._fields, here, facts, strict=True):
        if one != other:
            return f"{name} is {one}, its entries make it {other}"
    if not 0 <= here.remaining <= here.amount or (here.ended and here.remaining):
        return f"{here.remaining} fen are left of {here.amount}"
    return None


# -- both sides ----------------------------------------------------------------------------------------------


def aid_stands_in_both_books(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """What a bill took from relatives is an entry in the book of each, for the quota and the amount that the
    bill names; and it came back to them when the bill was taken back, and only then.
    """
    bills = (
        select(*(_E[name] for name in RECEIPT_COLUMNS), _S.mutual_pay)
        .join_from(tables.entry, tables.settlement, (_S.book_id == _E.book_id) & (_S.seq == _E.seq))
        .where(
            _E.book_id.between(first, last),
            _E.kind == int(Kind.SETTLEMENT),
            or_(_S.mutual_pay != 0, _E.detail.like('{"aid":%')),
        )
        .order_by(_E.book_id, _E.seq)
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    for rows in connection.execute(bills).partitions(_ROWS_AT_ONCE):
        patients = receipts(connection, [row[: len(RECEIPT_COLUMNS)] for row in rows])
        owed = {receipt.name: row.mutual_pay for receipt, row in zip(patients, rows, strict=True)}
        yield from _bills_faults(connection, patients, owed)
    donations = (
        select(*(_E[name] for name in RECEIPT_COLUMNS))
        .where(_E.book_id.between(first, last), _E.kind == int(Kind.MUTUAL_AID))
        .order_by(_E.book_id, _E.seq)
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    for some in connection.execute(donations).partitions(_ROWS_AT_ONCE):
        yield from _donations_faults(connection, receipts(connection, some))


class _Aid(NamedTuple):
    """What a relative gave for a bill, as the bill names it: an entry, its quota, what of which pocket."""

    book_id: int
    seq: int
    quota_seq: int
    current_year: int
    carried_over: int


def _aid(bill: Receipt) -> list[_Aid]:
    """Who gave what for a bill."""
    return [
        _Aid(*place_of(book_id, seq), *map(int, rest))
        for book_id, seq, *rest in unpack(bill.detail).get("aid", [])
    ]


def _bill_of(donation: Receipt) -> tuple[int, int]:
    return place_of(*unpack(donation.detail)["settlement"])


def _given(donation: Receipt) -> _Aid:
    """A donation as its bill should name it."""
    taken = {source: fen for source, _target, fen, _party in donation.transfers}
    return _Aid(
        donation.book_id,
        donation.seq,
        int(unpack(donation.detail)["quota"]),
        taken.get(Side.CURRENT_YEAR, 0),
        taken.get(Side.CARRIED_OVER, 0),
    )


def _bills_faults(
    connection: Connection, bills: Sequence[Receipt], owed: dict[str, int]
) -> Iterator[Finding]:
    named: dict[str, list[_Aid]] = {}
    for bill in bills:
        try:
            named[bill.name] = _aid(bill)
        except UNREADABLE as error:
            yield _wrong(bill, f"what it says cannot be read ({type(error).__name__})")
    places = [(one.book_id, one.seq) for aid in named.values() for one in aid]
    donations = entries_named(connection, places)
    acted = acted_on(connection, [*donations, *((bill.book_id, bill.seq) for bill in bills)])
    for bill in bills:
        if bill.name not in named:
            continue
        if sum(one.current_year + one.carried_over for one in named[bill.name]) != owed[bill.name]:
            yield _wrong(bill, f"its donors do not give the {owed[bill.name]} fen of its row")
        for one in named[bill.name]:
            donation = donations.get((one.book_id, one.seq))
            if donation is None or donation.kind is not Kind.MUTUAL_AID or not _is_for(donation, bill, one):
                yield _wrong(bill, f"{line_name(one.book_id, one.seq)} is not the aid that it names")
            elif _is_undone(acted, donation) != _is_undone(acted, bill):
                yield _wrong(bill, f"only one of it and {donation.name} was taken back")


def _is_for(donation: Receipt, bill: Receipt, told: _Aid) -> bool:
    try:
        return (
            _given(donation) == told
            and _bill_of(donation) == (bill.book_id, bill.seq)
            and all(party == bill.book_id for *_, party in donation.transfers)
        )
    except UNREADABLE:
        return False


def _is_undone(acted: dict[tuple[int, int], Kind], entry: Receipt) -> bool:
    return acted.get((entry.book_id, entry.seq)) is Kind.REVERSAL


def _donations_faults(connection: Connection, donations: Sequence[Receipt]) -> Iterator[Finding]:
    places: dict[str, tuple[int, int]] = {}
    for donation in donations:
        try:
            places[donation.name] = _bill_of(donation)
        except UNREADABLE as error:
            yield _wrong(donation, f"what it says cannot be read ({type(error).__name__})")
    bills = entries_named(connection, places.values())
    acted = acted_on(connection, [*bills, *((one.book_id, one.seq) for one in donations)])
    for donation in donations:
        if donation.name not in places:
            continue
        bill = bills.get(places[donation.name])
        if bill is None or bill.kind is not Kind.SETTLEMENT or not _names(bill, donation):
            yield _wrong(donation, "the bill that it names does not name it")
        elif _is_undone(acted, donation) != _is_undone(acted, bill):
            yield _wrong(donation, f"only one of it and {bill.name} was taken back")


def _names(bill: Receipt, donation: Receipt) -> bool:
    try:
        return _given(donation) in _aid(bill)
    except UNREADABLE:
        return False


def _wrong(entry: Receipt, what: str) -> Finding:
    return Finding("aid_wrong", line_name(entry.book_id, entry.seq), what)


def aid_clears(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """Over all books, what relatives gave is what bills took: nothing is left in between."""
    others = select(_B.book_id).where(~_B.book_id.between(first, last)).limit(1)
    if connection.scalar(others) is not None:
        return
    side = int(Side.MUTUAL_AID_CLEARING)
    given = select(func.coalesce(func.sum(_T.amount_fen), 0)).where(_T.to_side == side)
    taken = select(func.coalesce(func.sum(_T.amount_fen), 0)).where(_T.from_side == side)
    left = int(connection.scalar(given) or 0) - int(connection.scalar(taken) or 0)
    if left:
        yield Finding("aid_not_cleared", "mutual_aid_clearing", f"{left} fen are left between the books")
