"""Estates and the dead: what was set off is what was owed, and nothing stays reserved for who has died."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, not_, or_, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.owed import DebtKind
from ledger.chart.sides import POCKETS, Side
from ledger.database.lookups import Lookup
from ledger.posting import Receipt
from ledger.posting.reads import RECEIPT_COLUMNS, receipts
from ledger.verify.finding import UNREADABLE, Finding, line_name
from ledger.verify.named import Place, entries_named, place_of
from ledger.verify.owing import credit_reversed_and_owed
from ledger.verify.streams import some_at_once, streamed

_B, _E, _Q, _T = tables.book.c, tables.entry.c, tables.quota.c, tables.transfer.c
_D = tables.demand.c
_ROWS_AT_ONCE = 500
# a death that was reported before quotas ended with it says nothing of them
_DEAD = Lookup(
    "SELECT b.person_id FROM {given} JOIN book b ON b.person_id = given.person_id AND b.died_on IS NOT NULL"
    f" JOIN entry e ON e.book_id = b.book_id AND e.kind = {int(Kind.DEATH)}"
    """ AND e.detail LIKE '%"freed":%'""",
    [_B.person_id],
    person_id="big",
)
_OF_DEBTS = (Kind.SET_OFF, Kind.ESTATE, Kind.ESTATE_UNDO)


def nothing_is_reserved_for_the_dead(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """A quota for somebody whose death was reported has ended: its money is the donor's (R36)."""
    held = (
        select(_Q.book_id, _Q.seq, _Q.recipient_id)
        .where(_Q.book_id.between(first, last), ~_Q.ended)
        .order_by(_Q.book_id, _Q.seq)
    )
    for some in some_at_once(connection, held, _ROWS_AT_ONCE):
        rows = _DEAD.run(connection, sorted({(recipient,) for _book_id, _seq, recipient in some}))
        dead = {person_id for (person_id,) in rows}
        for book_id, seq, recipient in some:
            if recipient in dead:
                what = "it is reserved for somebody who has died: end it"
                yield Finding("quota_for_the_dead", line_name(book_id, seq), what)


# -- set off ------------------------------------------------------------------------------------------------


def estates_set_off_what_was_owed(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """Of each debt that an estate names, what it says was taken then was taken, and never more than was owed.

    What is still owed after all that was set off is what the account's receivables have left, but for what an
    employer got back: that stands in the employer's book.
    """
    moved = (
        select(func.coalesce(func.sum(_T.amount_fen), 0))
        .where(_T.book_id == _E.book_id, _T.seq == _E.seq, _T.from_side.in_([int(one) for one in POCKETS]))
        .scalar_subquery()
    )
    entries = streamed(
        connection,
        select(_E.book_id, _E.seq, _E.kind, _E.target_seq, _E.detail, moved.label("fen"))
        .where(_E.book_id.between(first, last), _E.kind.in_([int(kind) for kind in _OF_DEBTS]))
        .order_by(_E.book_id, _E.seq),
    )
    for book_id, rows in groupby(entries, key=attrgetter("book_id")):
        taken: dict[int, int] = {}
        debts: list[_Debt] = []
        estate = 0
        try:
            for row in rows:
                told = unpack(row.detail)
                if row.kind == Kind.SET_OFF and "line" in told:
                    line = int(told["line"])
                    taken[line] = taken.get(line, 0) + int(row.fen)
                elif row.kind == Kind.ESTATE_UNDO:
                    # it is owed again, all of it
                    taken, debts, estate = {}, [], 0
                elif row.kind == Kind.ESTATE and row.target_seq is None:
                    estate = row.seq
                    debts = [_debt(one) for one in told.get("set_off", [])]
                    if {n: one.amount for n, one in enumerate(debts) if one.amount} != {
                        n: fen for n, fen in taken.items() if fen
                    }:
                        yield Finding(
                            "set_off_wrong", line_name(book_id, estate), "it set off another amount"
                        )
        except UNREADABLE as error:
            what = f"what it says cannot be read ({type(error).__name__})"
            yield Finding("set_off_wrong", line_name(book_id, estate or 1), what)
            continue
        for number, fen in sorted(taken.items()):
            if not 0 <= number < len(debts) or fen > debts[number].owed:
                what = f"{fen} fen were set off on its line {number}, which owed less"
                yield Finding("set_off_wrong", line_name(book_id, estate or 1), what)
        if debts:
            yield from _left(connection, book_id, estate, debts, sum(taken.values()))


class _Debt(NamedTuple):
    """What an estate says that the dead person owed: what for, how much, and what of it was set off."""

    what: str
    owed: int
    amount: int
    # whether it stands in another book: an employer's, or that of an account that went into this one
    elsewhere: bool


def _debt(line: dict[str, Any]) -> _Debt:
    elsewhere = line["what"] == "contribution" or "account" in line
    return _Debt(str(line["what"]), int(line["owed"]), int(line["amount"]), elsewhere)


def _left(
    connection: Connection, book_id: int, estate: int, debts: list[_Debt], taken: int
) -> Iterator[Finding]:
    side = int(Side.RECEIVABLE)
    sums = [
        int(
            connection.scalar(
                select(func.coalesce(func.sum(_T.amount_fen), 0))
                .join_from(tables.transfer, tables.entry, (_E.book_id == _T.book_id) & (_E.seq == _T.seq))
                # what the holder owes of an inheritance since is no line of it
                .where(_T.book_id == book_id, where == side)
                .where((_E.kind != int(Kind.INHERITANCE_BACK)) | (_E.seq < estate))
                # nor is what came to be owed when a credit was reversed since
                .where(not_(credit_reversed_and_owed()) | (_E.seq < estate))
            )
            or 0
        )
        for where in (_T.from_side, _T.to_side)
    ]
    elsewhere = sum(one.owed for one in debts if one.elsewhere)
    # what a demand took over of that stands in the other books as before
    elsewhere += int(
        connection.scalar(
            select(func.coalesce(func.sum(_D.amount - _D.withdrawn), 0)).where(
                _D.book_id == book_id,
                or_(_D.debt_kind == int(DebtKind.CONTRIBUTION), _D.debt_book != book_id),
            )
        )
        or 0
    )
    left = sum(one.owed for one in debts) - taken
    if sums[0] - sums[1] + elsewhere != left:
        what = f"{left} fen are still owed by its lines, its receivables leave {sums[0] - sums[1]}"
        yield Finding("set_off_wrong", line_name(book_id, estate), what)


# -- what came back to relatives -----------------------------------------------------------------------------


def aid_came_back_by_a_statement(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """What a statement gave back to a relative stands in the relative's book, and nothing else does."""
    for kind in (Kind.ANNUAL_SETTLEMENT, Kind.AID_BACK):
        query = (
            select(*(_E[name] for name in RECEIPT_COLUMNS))
            .where(_E.book_id.between(first, last), _E.kind == int(kind))
            .order_by(_E.book_id, _E.seq)
            .execution_options(yield_per=_ROWS_AT_ONCE)
        )
        for some in connection.execute(query).partitions(_ROWS_AT_ONCE):
            here: list[tuple[Receipt, list[Place]]] = []
            for one in receipts(connection, some):
                try:
                    here.append((one, _ends(one)))
                except UNREADABLE as error:
                    what = f"what it says cannot be read ({type(error).__name__})"
                    yield Finding("aid_wrong", line_name(one.book_id, one.seq), what)
            ends = {place for _, named in here for place in named}
            there = entries_named(connection, ends)
            for one, named in here:
                for place in named:
                    other = there.get(place)
                    back, statement = (one, other) if kind is Kind.AID_BACK else (other, one)
                    if back is None or statement is None or not _agree(back, statement):
                        what = f"{line_name(*place)} is not what it names"
                        yield Finding("aid_wrong", line_name(one.book_id, one.seq), what)


def _ends(entry: Receipt) -> list[Place]:
    """The entries in other books that belong to this one."""
    told = unpack(entry.detail)
    if entry.kind is Kind.AID_BACK:
        return [place_of(*told["statement"])]
    return [place_of(book_id, seq) for book_id, seq, *_rest in told.get("aid", ())]


def _agree(back: Receipt, statement: Receipt) -> bool:
    """Whether a statement names what came back: book, entry, donation, quota and amount."""
    if back.kind is not Kind.AID_BACK or statement.kind is not Kind.ANNUAL_SETTLEMENT:
        return False
    try:
        told = unpack(back.detail)
        # what was asked back stands below zero
        asked_back = any(source in POCKETS for source, *_ in back.transfers)
        fen = -back.amount_fen if asked_back else back.amount_fen
        line = [back.book_id, back.seq, told["donation"], told["quota"], fen]
        return line in [facts for *facts, _bill_seq in unpack(statement.detail).get("aid", ())]
    except UNREADABLE:
        return False
