"""One account that goes into another: by one entry on each side, and its numbers with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from sqlalchemy import Connection, select

from ledger import tables
from ledger.accounts.death_facts import read_facts
from ledger.accounts.interest_history import is_taken_for_death
from ledger.book.detail import unpack
from ledger.book.numbers import parse_entry_name
from ledger.chart.kinds import Kind
from ledger.database.lookups import Lookup
from ledger.months import period_of
from ledger.people.merged import onward_of
from ledger.posting import Receipt
from ledger.posting.reads import RECEIPT_COLUMNS, receipts
from ledger.verify.finding import UNREADABLE, Finding, line_name
from ledger.verify.named import Place, acted_on, entries_named
from ledger.verify.streams import some_at_once

_E, _M, _I = tables.entry.c, tables.account_merge.c, tables.identity.c
_ROWS_AT_ONCE = 500
_NUMBERED = Lookup(
    "SELECT i.person_id FROM {given} JOIN identity i ON i.person_id = given.person_id",
    [_I.person_id],
    person_id="big",
)


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


def _goes_to(left: list[Receipt], name: str = "into") -> list[int]:
    found = []
    for receipt in left:
        try:
            found.append(int(unpack(receipt.detail)[name]))
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
    gone = (
        select(_M.book_id, _M.seq, _M.person_id).where(_M.book_id.between(first, last)).order_by(_M.book_id)
    )
    for some in some_at_once(connection, gone, _ROWS_AT_ONCE):
        rows = _NUMBERED.run(connection, sorted({(person_id,) for _book_id, _seq, person_id in some}))
        numbered = {person_id for (person_id,) in rows}
        for book_id, seq, person_id in some:
            if person_id in numbered:
                what = "an ID number does not find the account that this one went into"
                yield Finding("merge_wrong", line_name(book_id, seq), what)


def what_is_called_back_stands_in_both_books(
    connection: Connection, first: int, last: int
) -> Iterator[Finding]:
    """What is called back out of an account arrives in one that went into it, and comes again on both sides
    or on neither.
    """
    wanted = (
        select(*(_E[name] for name in RECEIPT_COLUMNS))
        .where(_E.book_id.between(first, last), _E.kind == int(Kind.MERGE_BACK))
        .order_by(_E.book_id, _E.seq)
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    for some in connection.execute(wanted).partitions(_ROWS_AT_ONCE):
        found = receipts(connection, some)
        others = _other_sides(connection, found)
        ends = {end for one in found if (other := others.get(one.name)) for end in _both(one, other)}
        reversed_ = acted_on(connection, ends)
        ways = onward_of(connection, {book_id for book_id, _seq in ends})
        called_for = _called_for(connection, found, others)
        for one in found:
            other = others.get(one.name)
            wrong = _called_back_fault(one, other, ways) or _reason_fault(one, called_for.get(one.name))
            if wrong is None and other is not None:
                comes_again = [end in reversed_ for end in _both(one, other)]
                wrong = "it comes again on one side alone" if any(comes_again) != all(comes_again) else None
            if wrong is not None:
                yield Finding("merge_wrong", line_name(one.book_id, one.seq), wrong)


def _both(one: Receipt, other: Receipt) -> tuple[Place, Place]:
    return (one.book_id, one.seq), (other.book_id, other.seq)


def _other_sides(connection: Connection, found: list[Receipt]) -> dict[str, Receipt]:
    """By the name of each entry the one in the other book that belongs to it."""
    named = {one.name: parse_entry_name(one.source_ref) for one in found if one.source_ref is not None}
    there = entries_named(connection, [place for place in named.values() if place is not None])
    others = {name: there[place] for name, place in named.items() if place in there}
    gave = [one for one in found if one.source_ref is None]
    rows = connection.execute(
        select(*(_E[name] for name in RECEIPT_COLUMNS)).where(
            _E.kind == int(Kind.MERGE_BACK),
            _E.source_ref.in_([one.name for one in gave]),
            _E.book_id.in_(_goes_to(gave, "account")),
        )
    ).all()
    return others | {one.source_ref or "": one for one in receipts(connection, rows)}


def _called_for(
    connection: Connection, found: list[Receipt], others: Mapping[str, Receipt]
) -> dict[str, Receipt]:
    """By the name of each entry that gave money back what it was called back for."""
    places = {
        one.name: (other.book_id, other.seq + 1)
        for one in found
        if one.source_ref is None and (other := others.get(one.name)) is not None
    }
    there = entries_named(connection, places.values())
    return {name: there[place] for name, place in places.items() if place in there}


def _reason_fault(out: Receipt, called_for: Receipt | None) -> str | None:
    """What says that it was called back after a death was. Those of before say nothing."""
    try:
        says_so = out.source_ref is None and is_taken_for_death(out.kind, out.detail)
        if not says_so or (called_for is not None and is_taken_for_death(called_for.kind, called_for.detail)):
            return None
    except UNREADABLE:
        # told by the entry itself
        return None
    return "it was called back for another reason than a death"


def _called_back_fault(
    one: Receipt, other: Receipt | None, ways: Mapping[int, tuple[int, ...]]
) -> str | None:
    out, arrived = (one, other) if one.source_ref is None else (other, one)
    if out is None or arrived is None or out.kind is not Kind.MERGE_BACK:
        return "what was called back left no account, or arrived in none"
    try:
        account = unpack(out.detail)["account"]
    except UNREADABLE:
        account = None
    if account != arrived.book_id or out.book_id not in ways.get(arrived.book_id, ()):
        return "it was called back for an account that did not go into this one"
    return None if out.amount_fen == arrived.amount_fen else "not all that was called back arrived"


def credits_went_back_after_a_death(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """Of an account that went into another one a credit goes back only for a month after the holder's death,
    which the account that stays knows of.
    """
    gone = connection.execute(
        select(_E.book_id, _E.seq, _E.period)
        .join_from(tables.account_merge, tables.entry, _E.book_id == _M.book_id)
        .where(_M.book_id.between(first, last), _E.seq > _M.seq, _E.kind == int(Kind.CREDIT_BACK))
        .order_by(_E.book_id, _E.seq)
    ).all()
    for start in range(0, len(gone), _ROWS_AT_ONCE):
        some = gone[start : start + _ROWS_AT_ONCE]
        ways = onward_of(connection, {book_id for book_id, _seq, _period in some})
        facts = read_facts(connection, {way[-1] for way in ways.values()})
        for book_id, seq, period in some:
            died = [_died(one) for one in facts.get(ways[book_id][-1], ())]
            if not any(month is not None and month < period for month in died):
                what = "a credit goes back that was not for a month after death"
                yield Finding("merge_wrong", line_name(book_id, seq), what)


def _died(fact: Receipt) -> int | None:
    """The month of death that a fact says; None of a withdrawal, and of what cannot be read."""
    try:
        return period_of(date.fromisoformat(unpack(fact.detail)["died_on"]))
    except UNREADABLE:
        return None
