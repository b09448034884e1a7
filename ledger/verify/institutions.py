"""Institutions: their books, what was staked for messages and bills, compared days and cleared months."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, Text, and_, cast, func, literal, or_, select, union_all

from ledger import tables
from ledger.book.detail import unpack
from ledger.care.stakes import bill_stake, message_stake
from ledger.chart.care import Channel, ClearingState
from ledger.chart.kinds import Kind
from ledger.chart.parties import Party
from ledger.database.lookups import Lookup
from ledger.months import month_bounds
from ledger.verify.finding import UNREADABLE, Finding, book_name, line_name
from ledger.verify.streams import Key, keyed, side_by_side, streamed

_B, _E, _S, _I = tables.book.c, tables.entry.c, tables.settlement.c, tables.institution.c
_DAY, _CLEARING, _STAKE, _MANUAL = (
    tables.reconciled_day.c, tables.clearing.c, tables.claim.c, tables.manual_claim.c,
)  # fmt: skip
_AT_ONCE = 1_000
_HELD = Lookup(
    "SELECT c.digest, c.book_id FROM {given} JOIN claim c ON c.digest = given.digest",
    [_STAKE.digest, _STAKE.book_id],
    digest="bytes",
)


def books_of_institutions_are_known(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """A book of an institution is the one that a registered institution names, of its area and its code.

    An institution without a book is as it should be: nothing was written about it yet.
    """
    query = (
        select(_B.book_id, _B.area, _B.person_id, _I.area, _I.code, _E.detail)
        .outerjoin_from(tables.book, tables.institution, _I.party_id == _B.book_id)
        .outerjoin(tables.entry, and_(_E.book_id == _B.book_id, _E.seq == 1))
        .where(_B.book_id.between(*Party.INSTITUTION.within(first, last)))
        .order_by(_B.book_id)
    )
    for book_id, area, person_id, its_area, code, detail in streamed(connection, query):
        try:
            told = unpack(detail).get("institution")
        except UNREADABLE:
            told = None
        if code is None or told != code or person_id is not None:
            what = "no institution is known by the code that it was opened for"
            yield Finding("institution_unknown", book_name(book_id), what)
        elif area != its_area:
            yield Finding("institution_unknown", book_name(book_id), f"the institution is of area {its_area}")


# -- stakes --------------------------------------------------------------------------------------------------


def messages_and_bills_are_staked(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """A message is staked for the book in which it settled a bill, or for its institution's as never to come;
    the number of a bill for the book in which it stands, or was handed in and not turned down.
    """
    wanted = _stakes_wanted(connection, first, last)
    while some := list(islice(wanted, _AT_ONCE)):
        asked = [(digest,) for digest, _book_id, _seq, _what in some]
        held = {bytes(digest): book_id for digest, book_id in _HELD.run(connection, asked)}
        for digest, book_id, seq, what in some:
            if held.get(digest) != book_id:
                yield Finding(
                    "claim_wrong", line_name(book_id, seq), f"its {what} is not claimed by its book"
                )


def _stakes_wanted(connection: Connection, first: int, last: int) -> Iterator[tuple[bytes, int, int, str]]:
    messages = (
        select(_E.book_id, _E.seq, _E.source_ref)
        .where(_E.book_id.between(first, last), _E.kind.in_([int(Kind.SETTLEMENT), int(Kind.CORRECTION)]))
        .order_by(_E.book_id, _E.seq)
    )
    for book_id, seq, source_ref in streamed(connection, messages):
        institution, _, message_id = (source_ref or "").partition("/")
        yield message_stake(institution, message_id), book_id, seq, "message"
    for book_id, seq, institution_id, care_date, bill_no in streamed(connection, _bills(first, last)):
        yield bill_stake(institution_id, care_date.year, bill_no), book_id, seq, "bill"


def _bills(first: int, last: int) -> Select[Any]:
    """The numbers of bills that stand, and of manual claims that were not turned down."""
    undone = tables.settlement.alias().c
    standing = select(_S.book_id, _S.seq, _S.institution_id, _S.care_date, _S.bill_no).where(
        _S.book_id.between(first, last),
        _S.bill_no.is_not(None),
        _S.channel == int(Channel.NETWORK),
        _S.reverses_seq.is_(None),
        ~select(undone.seq).where(undone.book_id == _S.book_id, undone.reverses_seq == _S.seq).exists(),
    )
    decision, after = tables.entry.alias().c, tables.entry.alias().c
    handed_in = select(
        _MANUAL.book_id, _MANUAL.seq, _MANUAL.institution_id, _MANUAL.care_date, _MANUAL.bill_no
    ).where(
        _MANUAL.book_id.between(first, last),
        ~select(decision.seq)
        .where(
            decision.book_id == _MANUAL.book_id,
            decision.kind == int(Kind.CLAIM_DECISION),
            # the first one, or one after a decision that was taken back
            or_(
                decision.target_seq == _MANUAL.seq,
                decision.detail.like(literal('%,"claim":') + cast(_MANUAL.seq, Text) + literal(",%")),
            ),
            decision.detail.like('{"approved":false,%'),
            ~select(after.seq)
            .where(after.book_id == decision.book_id, after.target_seq == decision.seq)
            .exists(),
        )
        .exists(),
    )
    both = union_all(standing, handed_in).subquery().c
    return select(both.book_id, both.seq, both.institution_id, both.care_date, both.bill_no)


def nothing_else_is_staked(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """A book has as many stakes as there are reasons: what is staked for nothing keeps somebody else out."""
    number = func.count().label("number")
    held = streamed(
        connection,
        select(_STAKE.book_id, number)
        .where(_STAKE.book_id.between(first, last))
        .group_by(_STAKE.book_id)
        .order_by(_STAKE.book_id),
    )
    messages = (
        select(_E.book_id, literal(1))
        .where(_E.book_id.between(first, last), _E.kind.in_([int(Kind.SETTLEMENT), int(Kind.CORRECTION)]))
    )  # fmt: skip
    bills = _bills(first, last).subquery().c
    persons = select(_B.book_id, literal(1)).where(
        or_(
            _B.book_id.between(Party.PERSON.first, Party.PERSON.last),
            _B.book_id.between(Party.RESIDENT.first, Party.RESIDENT.last),
        ),
        _B.book_id.between(first, last),
    )
    reasons = union_all(messages, select(bills.book_id, literal(1)), persons).subquery().c
    wanted = streamed(
        connection, select(reasons.book_id, number).group_by(reasons.book_id).order_by(reasons.book_id)
    )
    counted = (((book_id,), here) for book_id, here in held)
    expected = (((book_id,), reasons_for_it) for book_id, reasons_for_it in wanted)
    for (book_id,), (here, reasons_for_it) in side_by_side(counted, expected):
        if (here or 0) > (reasons_for_it or 0):
            what = f"{here} things are claimed for it, and there are reasons for {reasons_for_it or 0}"
            yield Finding("claim_surplus", book_name(book_id), what)


# -- days and months -----------------------------------------------------------------------------------------


def days_follow_from_their_entries(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """A day of an institution is as it was compared last, with the sums of that comparison."""
    first, last = Party.INSTITUTION.within(first, last)
    entries = streamed(
        connection,
        select(_E.book_id, _E.seq, _E.detail)
        .where(_E.book_id.between(first, last), _E.kind == int(Kind.RECONCILIATION))
        .order_by(_E.book_id, _E.seq),
    )
    names = ("balanced", "bills", "total", "fund", "account", "seq")
    stands = streamed(
        connection,
        select(_DAY.book_id, _DAY.day, *(_DAY[name] for name in names))
        .where(_DAY.book_id.between(first, last))
        .order_by(_DAY.book_id, _DAY.day),
    )
    state = (((book_id, day.toordinal()), tuple(as_compared)) for book_id, day, *as_compared in stands)
    for (book_id, ordinal), (facts, row) in side_by_side(_compared(entries), state):
        if facts != row:
            day = date.fromordinal(ordinal) if ordinal else "a day"
            what = f"it has {row}, its last comparison {facts}"
            yield Finding("day_wrong", f"{book_name(book_id)} {day}", what)


def _compared(entries: Iterator[Any]) -> Iterator[tuple[Key, Any]]:
    for book_id, lines in groupby(entries, key=attrgetter("book_id")):
        days: dict[int, Any] = {}
        for _book, seq, detail in lines:
            try:
                told = unpack(detail)
                day = date.fromisoformat(told["day"]).toordinal()
                days[day] = (told["balanced"], *map(int, told["ours"]), seq)
            except UNREADABLE as error:
                days[0] = f"entry {seq} cannot be read ({type(error).__name__})"
        for day in sorted(days):
            yield (book_id, day), days[day]


def months_are_those_of_their_bills(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """A month that is cleared has the state that its entries give it, and the sums of the lines of its days:
    after clearing, nothing is counted there any more.
    """
    first, last = Party.INSTITUTION.within(first, last)
    entries = streamed(
        connection,
        select(_E.book_id, _E.period, _E.seq, _E.kind, _E.target_seq, _E.detail)
        .where(
            _E.book_id.between(first, last),
            _E.kind.in_([int(kind) for kind in _STATE_AFTER]),
        )
        .order_by(_E.book_id, _E.period, _E.seq),
    )
    stands = streamed(
        connection,
        select(_CLEARING.book_id, _CLEARING.period, *(_CLEARING[name] for name in _Month._fields))
        .where(_CLEARING.book_id.between(first, last))
        .order_by(_CLEARING.book_id, _CLEARING.period),
    )
    state = keyed(stands, 2, _Month._make)
    for (book_id, period), (facts, here) in side_by_side(_cleared(entries), state):
        where = f"{book_name(book_id)} {period}"
        month, mutual = facts or (None, 0)
        if month is None or month != here:
            what = f"it is {here and tuple(here)}, its entries make it {month and tuple(month)}"
            yield Finding("clearing_wrong", where, what)
        elif here.state != ClearingState.ENDED:
            cleared = (here.bills, here.total, here.fund, here.account, mutual)
            lines = _lines_of(connection, book_id, period)
            if cleared != lines:
                what = f"it was cleared with {cleared}, the lines of its days come to {lines}"
                yield Finding("clearing_wrong", where, what)


class _Month(NamedTuple):
    """A month that was cleared: its state, its sums and the entry that cleared it; the columns of its row."""

    state: int
    bills: int
    total: int
    fund: int
    account: int
    seq: int


_STATE_AFTER = {
    Kind.CLEARING: ClearingState.CLEARED,
    Kind.CLEARING_END: ClearingState.ENDED,
    Kind.INSTITUTION_PAYMENT: ClearingState.PAID,
}


def _cleared(entries: Iterator[Any]) -> Iterator[tuple[Key, tuple[_Month, int] | None]]:
    """What the entries of a month make of it, and what of it relatives paid."""
    for key, lines in groupby(entries, key=attrgetter("book_id", "period")):
        month: _Month | None = None
        mutual = 0
        for _book, _period, seq, kind, target_seq, detail in lines:
            if kind == Kind.CLEARING:
                try:
                    told = unpack(detail)
                    sums = {name: int(told[name]) for name in ("bills", "total", "fund", "account")}
                    month = _Month(state=int(ClearingState.CLEARED), seq=seq, **sums)
                    mutual = int(told["mutual"])
                except UNREADABLE:
                    month = None
            elif month is not None and month.seq == target_seq:
                month = month._replace(state=int(_STATE_AFTER[Kind(kind)]))
        yield key, None if month is None else (month, mutual)


def _lines_of(connection: Connection, book_id: int, period: int) -> tuple[int, ...]:
    """What the lines of a month come to: how many, total, funds, accounts and relatives."""
    sums = (_S.total, _S.pooled_pay + _S.large_pay, _S.account_pay, _S.mutual_pay)
    row = connection.execute(
        select(func.count(), *(func.coalesce(func.sum(one), 0) for one in sums)).where(
            _S.institution_id == book_id,
            _S.settled_on.between(*month_bounds(period)),
            _S.channel == int(Channel.NETWORK),
        )
    ).one()
    return tuple(map(int, row))
