"""Shares that went to banks: what was ordered was there to be paid, somebody else reviewed it, it was paid
once, and what the bank sent back was paid."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

from sqlalchemy import Connection, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.estates.payouts import PAYOUT_KINDS, Payouts
from ledger.posting import Receipt
from ledger.posting.reads import RECEIPT_COLUMNS, receipts
from ledger.verify.finding import UNREADABLE, Finding, line_name

_E, _P = tables.entry.c, tables.estate_payout.c


def payouts_follow_the_estate(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """Each order, review and payout fits what the division, and those before it, left to be paid."""
    ordered = connection.execute(
        select(_P.book_id, _P.seq, _P.person_id, _P.amount).where(_P.book_id.between(first, last))
    )
    rows = {(book_id, seq): (person, fen) for book_id, seq, person, fen in ordered}
    # few estates have any
    books = sorted({book_id for book_id, _seq in rows} | _with_payouts(connection, first, last))
    for book_id in books:
        found = connection.execute(
            select(*(_E[name] for name in RECEIPT_COLUMNS))
            .where(_E.book_id == book_id, _E.kind.in_([int(kind) for kind in PAYOUT_KINDS]))
            .order_by(_E.seq)
        )
        for _book, entries in groupby(receipts(connection, found), key=attrgetter("book_id")):
            said = Payouts()
            by: dict[int, int] = {}
            for one in entries:
                try:
                    wrong = _fault(said, by, one, rows.get((book_id, one.seq)))
                    said.note(one.kind, one.seq, one.target_seq, one.detail)
                except UNREADABLE as error:
                    wrong = f"what it says cannot be read ({type(error).__name__})"
                if wrong is not None:
                    yield Finding("payout_wrong", line_name(book_id, one.seq), wrong)


def _with_payouts(connection: Connection, first: int, last: int) -> set[int]:
    kinds = [int(kind) for kind in (Kind.PAYOUT_REVIEW, Kind.PAYOUT, Kind.PAYOUT_RETURN)]
    query = select(_E.book_id).where(_E.book_id.between(first, last), _E.kind.in_(kinds)).distinct()
    return set(connection.scalars(query))


def _fault(said: Payouts, by: dict[int, int], one: Receipt, row: tuple[int, int] | None) -> str | None:
    """What is wrong about an entry, by those before it; `by` are the actors of orders."""
    if one.kind is Kind.PAYOUT_ORDER:
        told = unpack(one.detail)
        by[one.seq] = one.actor
        if row != (told["person"], told["amount"]):
            return "its order is not what it says"
        return None if told["amount"] == said.left(told["person"]) else "it is not what was to be paid"
    if one.kind is Kind.PAYOUT_REVIEW:
        order = unpack(one.detail)["order"]
        if order != one.target_seq or not said.counts(order):
            return "it reviews no order that counts"
        return "who ordered it reviewed it" if by.get(order) == one.actor else None
    if one.kind is Kind.PAYOUT:
        order = unpack(one.detail)["order"]
        if not said.counts(order) or said.reviewed.get(order) != one.target_seq:
            return "it pays no order that was reviewed"
        person, fen = said.orders[order]
        paid = [(amount, party) for _source, _target, amount, party in one.transfers]
        return None if paid == [(fen, person)] else "it pays another amount than was ordered"
    if one.kind is Kind.PAYOUT_RETURN:
        order = unpack(one.detail)["order"]
        if order in said.returned or said.done.get(order) != one.target_seq:
            return "it sends back what no order had paid"
        person, fen = said.orders[order]
        back = [(amount, party) for _source, _target, amount, party in one.transfers]
        return None if back == [(fen, person)] else "it sends back another amount than was paid"
    return None
