"""Debits of an account after the day of the holder's death: suspected, listed, and open until they are
reversed (R53, R54).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Date, column, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.book.numbers import entry_name
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.sides import POCKETS, Side
from ledger.database.lookups import Lookup
from ledger.people.merged import onward_of, with_merged
from ledger.posting import Desk, Need, Receipt
from ledger.posting.merges import came_into
from ledger.posting.needs import Asked

_E, _S = tables.entry.c, tables.settlement.c
# what takes money out of an account for somebody's care, or for a relative
DEBITS = (Kind.SPENDING, Kind.CAPTURE, Kind.SETTLEMENT, Kind.MUTUAL_AID, Kind.PREMIUM)
_KINDS = ", ".join(str(int(kind)) for kind in DEBITS)
_POCKETS = ", ".join(str(int(side)) for side in sorted(POCKETS))
# A bill counts by its care date (K9), all else by the day of the fact. One that was reversed is none.
_AFTER = Lookup(
    "SELECT e.book_id, e.seq, e.kind, e.detail,"
    " COALESCE(s.care_date, e.fact_on, e.effective_on) AS on_day, given.died_on AS died_on,"
    " (SELECT SUM(t.amount_fen) FROM transfer t WHERE t.book_id = e.book_id AND t.seq = e.seq"
    f" AND t.from_side IN ({_POCKETS})) AS fen,"
    " (SELECT MIN(i.code) FROM transfer t JOIN institution i ON i.party_id = t.party_id"
    f" WHERE t.book_id = e.book_id AND t.seq = e.seq AND t.to_side = {int(Side.INSTITUTION_PAYABLE)}) AS code"
    f" FROM {{given}} JOIN entry e ON e.book_id = given.book_id AND e.kind IN ({_KINDS})"
    " LEFT JOIN settlement s ON s.book_id = e.book_id AND s.seq = e.seq"
    " WHERE COALESCE(s.care_date, e.fact_on, e.effective_on) > given.died_on"
    " AND NOT EXISTS (SELECT 1 FROM entry x WHERE x.book_id = e.book_id AND x.target_seq = e.seq)"
    " ORDER BY e.book_id, e.seq",
    [
        _E.book_id,
        _E.seq,
        _E.kind,
        _E.detail,
        column("on_day", Date),
        column("died_on", Date),
        column("fen", BigInteger),
        tables.institution.c.code,
    ],
    book_id="big",
    died_on="date",
)
_CARE_DATES = Lookup(
    "SELECT s.book_id, s.seq, s.care_date FROM {given} JOIN settlement s"
    " ON s.book_id = given.book_id AND s.seq = given.seq",
    [_S.book_id, _S.seq, _S.care_date],
    book_id="big",
    seq="int",
)


class DebitAfter(NamedTuple):
    """A debit after death: its book and number, the day that counts, and what it took from the pockets, in
    fen; and the institution that it went to, where it went to one.
    """

    book_id: int
    seq: int
    kind: Kind
    on_day: date
    fen: int
    institution: str = ""

    @property
    def entry(self) -> str:
        return entry_name(self.book_id, self.seq)


# by book, in order
DebitsAfter = dict[int, list[DebitAfter]]


def read_debits_after(connection: Connection, deaths: Iterable[tuple[int, date]]) -> DebitsAfter:
    """The debits that stand of some accounts, each after a day."""
    asked = sorted({(book_id, day.isoformat()) for book_id, day in deaths})
    rows = _AFTER.run(connection, asked)
    # what was given to a relative counts by the care date of the relative's bill
    bills = {
        (book_id, seq): (int(place[0]), int(place[1]))
        for book_id, seq, kind, detail, *_rest in rows
        if kind == Kind.MUTUAL_AID and (place := unpack(detail).get("settlement")) is not None
    }
    care = {
        (book_id, seq): care_date
        for book_id, seq, care_date in _CARE_DATES.run(connection, sorted(set(bills.values())))
    }
    found: DebitsAfter = {}
    for book_id, seq, kind, _detail, on_day, died_on, fen, code in rows:
        day = care.get(bills.get((book_id, seq), (0, 0)), on_day)
        if fen and day > died_on:
            one = DebitAfter(book_id, seq, Kind(kind), day, int(fen), code or "")
            found.setdefault(book_id, []).append(one)
    return found


def read_debits_of(connection: Connection, deaths: Mapping[int, date]) -> DebitsAfter:
    """By the account of each dead person, all that stand: also those of accounts that went into it."""
    merged = came_into(connection, deaths)
    whose = {one: book_id for book_id in deaths for one in (book_id, *merged.get(book_id, ()))}
    there = read_debits_after(connection, ((one, deaths[book_id]) for one, book_id in whose.items()))
    found: DebitsAfter = {}
    for one, book_id in whose.items():
        if one in there:
            found.setdefault(book_id, []).extend(there[one])
    return found


def _read(connection: Connection, asked: Asked, desk: Desk) -> DebitsAfter:
    deaths = [(book_id, command.died_on) for book_id, command in with_merged(asked, desk)]
    return read_debits_after(connection, deaths)


def _follow(found: DebitsAfter, _desk: Desk, receipt: Receipt, beside: Sequence[Any]) -> None:
    """Let what this very batch took, or reversed, count."""
    if receipt.kind is Kind.REVERSAL:
        there = found.get(receipt.book_id, [])
        found[receipt.book_id] = [one for one in there if one.seq != receipt.target_seq]
    elif receipt.kind in DEBITS:
        day = next((row.care_date for row in beside if hasattr(row, "care_date")), None)
        fen = sum(fen for side, _, fen, _ in receipt.transfers if side in POCKETS)
        if fen:
            day = day or receipt.fact_on or receipt.effective_on
            one = DebitAfter(receipt.book_id, receipt.seq, receipt.kind, day, fen)
            found.setdefault(receipt.book_id, []).append(one)


# the debits after the day of death that a command reports
DEBITS_AFTER: Need[DebitsAfter] = Need("debits after death", _read, follow=_follow)


def debits_after(desk: Desk, book_id: int, died_on: date) -> list[DebitAfter]:
    """Those that stand; the command needs DEBITS_AFTER."""
    found = desk.of(DEBITS_AFTER).get(book_id, ())
    return sorted({one for one in found if one.on_day > died_on})


# -- for whoever supervises ----------------------------------------------------------------------------------

_B, _M = tables.book.c, tables.account_merge.c
_CHUNK = 500


class DeadDebit(NamedTuple):
    """A debit after death, with the account of the dead person and the day of death."""

    account_id: int
    died_on: date
    debit: DebitAfter


def debits_of_the_dead(connection: Connection, after: tuple[int, int] | None, limit: int) -> list[DeadDebit]:
    """The debits after death that stand of all accounts that are not closed, and of those that went into one
    of them, by the book and number of the debit: at most `limit` of them, after the entry `after`.
    """
    book, seq = (0, 0) if after is None else after
    merged = select(_M.book_id).where(_M.book_id == _B.book_id).exists()
    dead = (
        select(_B.book_id)
        .where((_B.died_on.is_not(None) & (_B.stage == int(Stage.DECEASED))) | merged)
        .order_by(_B.book_id)
        .limit(_CHUNK)
    )
    found: list[DeadDebit] = []
    first = book
    while len(found) < limit:
        books = list(connection.scalars(dead.where(_B.book_id >= first)))
        deaths = _deaths_of(connection, books)
        there = read_debits_after(connection, ((one, died_on) for one, (_, died_on) in deaths.items()))
        for one, (account_id, died_on) in sorted(deaths.items()):
            debits = (debit for debit in there.get(one, ()) if (one, debit.seq) > (book, seq))
            found += [DeadDebit(account_id, died_on, debit) for debit in debits]
        if len(books) < _CHUNK:
            break
        first = books[-1] + 1
    return found[:limit]


def _deaths_of(connection: Connection, books: Iterable[int]) -> dict[int, tuple[int, date]]:
    """By book, the account that stays of its holder, and the day of the death that is not divided yet."""
    ways = onward_of(connection, books)
    stays = {one: ways[one][-1] if one in ways else one for one in books}
    rows = connection.execute(
        select(_B.book_id, _B.died_on).where(
            _B.book_id.in_(sorted(set(stays.values()))),
            _B.died_on.is_not(None),
            _B.stage == int(Stage.DECEASED),
        )
    )
    died = {row.book_id: row.died_on for row in rows}
    return {one: (account_id, died[account_id]) for one, account_id in stays.items() if account_id in died}
