"""Debits of an account after the day of the holder's death: suspected, listed, and open until they are
reversed (R53, R54).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Date, column, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.sides import POCKETS, Side
from ledger.database.lookups import Lookup
from ledger.posting import Desk, Need, Receipt
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
    """A debit after death: its entry, the day that counts, and what it took from the pockets, in fen; and the
    institution that it went to, where it went to one.
    """

    seq: int
    kind: Kind
    on_day: date
    fen: int
    institution: str = ""


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
            found.setdefault(book_id, []).append(DebitAfter(seq, Kind(kind), day, int(fen), code or ""))
    return found


def _read(connection: Connection, asked: Asked, desk: Desk) -> DebitsAfter:
    deaths = [(book_id, command.died_on) for book_id, command in asked if book_id in desk.books]
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
            found.setdefault(receipt.book_id, []).append(DebitAfter(receipt.seq, receipt.kind, day, fen))


# the debits after the day of death that a command reports
DEBITS_AFTER: Need[DebitsAfter] = Need("debits after death", _read, follow=_follow)


def debits_after(desk: Desk, book_id: int, died_on: date) -> list[DebitAfter]:
    """Those that stand; the command needs DEBITS_AFTER."""
    found = desk.of(DEBITS_AFTER).get(book_id, ())
    return sorted({one for one in found if one.on_day > died_on})


# -- for whoever supervises ----------------------------------------------------------------------------------

_B = tables.book.c
_CHUNK = 500


class DeadDebit(NamedTuple):
    """A debit after death, with the account and the day of death."""

    book_id: int
    died_on: date
    debit: DebitAfter


def debits_of_the_dead(connection: Connection, after: tuple[int, int] | None, limit: int) -> list[DeadDebit]:
    """The debits after death that stand of all accounts that are not closed, by account and entry: at most
    `limit` of them, after the entry `after`.
    """
    book, seq = (0, 0) if after is None else after
    dead = (
        select(_B.book_id, _B.died_on)
        .where(_B.died_on.is_not(None), _B.stage == int(Stage.DECEASED))
        .order_by(_B.book_id)
        .limit(_CHUNK)
    )
    found: list[DeadDebit] = []
    first = book
    while len(found) < limit:
        deaths = [(one.book_id, one.died_on) for one in connection.execute(dead.where(_B.book_id >= first))]
        there = read_debits_after(connection, deaths)
        for book_id, died_on in deaths:
            debits = there.get(book_id, ())
            found += [DeadDebit(book_id, died_on, one) for one in debits if (book_id, one.seq) > (book, seq)]
        if len(deaths) < _CHUNK:
            break
        first = deaths[-1][0] + 1
    return found[:limit]
