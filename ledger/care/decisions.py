"""The decisions about a manual claim (R41), in order: at most one of them stands.

The first one acts on the claim. One that comes after a decision was taken back acts on the reversal of that
one, so that an entry is acted on once, and says in its detail which claim it is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Integer, column

from ledger import tables
from ledger.book.detail import unpack
from ledger.care.counters import CLAIM_ROW
from ledger.care.rows import ClaimRow
from ledger.chart.kinds import Kind
from ledger.database.lookups import Lookup
from ledger.posting import Desk, Need, Receipt
from ledger.posting.needs import Asked

_E = tables.entry.c
_KIND: Final = int(Kind.CLAIM_DECISION)


def _says(number: str) -> str:
    """SQL: whether the decision `d` says that it is about the claim of this number.

    The underscore stands for the colon, which would begin a parameter. Within a text of the detail every
    quotation mark has a backslash before it, so that no reason reads like this.
    """
    return f"""d.detail LIKE '%,"claim"_' || CAST({number} AS TEXT) || ',%'"""


def decided_by(claim: str, *, turned_down: bool = False) -> str:
    """SQL: the number of the decision that stands about a row of `manual_claim`; NULL where none does.

    With `turned_down` only a decision that rejected it. Of a claim that nobody decided it costs one look
    into an index; the decisions after the first are looked for where there is a first one.
    """
    rejected = """ AND d.detail LIKE '{"approved"_false,%'""" if turned_down else ""
    return (
        f"(SELECT max(d.seq) FROM entry f JOIN entry d ON d.book_id = f.book_id AND d.seq >= f.seq"
        f" AND d.kind = {_KIND} AND (d.seq = f.seq OR {_says(f'{claim}.seq')})"
        f" WHERE f.book_id = {claim}.book_id AND f.target_seq = {claim}.seq{rejected}"
        " AND NOT EXISTS (SELECT 1 FROM entry r WHERE r.book_id = d.book_id AND r.target_seq = d.seq))"
    )


class Decision(NamedTuple):
    """One decision: its entry, what that says, and the entry that took it back."""

    seq: int
    detail: str | None
    reversed_by: int | None

    @property
    def evidence(self) -> tuple[str, ...]:
        """The papers that came with it: they stay, whatever became of the decision."""
        return tuple(unpack(self.detail).get("evidence", ()))


# by book and claim, in order
Decisions = dict[tuple[int, int], list[Decision]]
_DECIDED = Lookup(
    "SELECT d.book_id, given.about, d.seq, d.detail, r.seq AS reversed_by FROM {given} JOIN entry d"
    f" ON d.book_id = given.book_id AND d.kind = {_KIND}"
    f" AND (d.target_seq = given.about OR {_says('given.about')})"
    " LEFT JOIN entry r ON r.book_id = d.book_id AND r.target_seq = d.seq ORDER BY d.book_id, d.seq",
    [_E.book_id, column("about", Integer), _E.seq, _E.detail, column("reversed_by", Integer)],
    book_id="big",
    about="int",
)


def read_decisions(connection: Connection, places: Iterable[tuple[int, int]]) -> Decisions:
    """All decisions about some claims, each named by its book and entry."""
    found: Decisions = {}
    for book_id, about, *decision in _DECIDED.run(connection, list(dict.fromkeys(places))):
        found.setdefault((book_id, about), []).append(Decision._make(decision))
    return found


def about(decision: Receipt) -> int:
    """The number of the claim that a decision is about."""
    told: int | None = unpack(decision.detail).get("claim", decision.target_seq)
    if told is None:
        raise AssertionError("a decision acts on something")
    return told


def _read(connection: Connection, asked: Asked, desk: Desk) -> Decisions:
    return read_decisions(
        connection, [(book_id, command.target_seq) for book_id, command in asked if book_id in desk.books]
    )


def _follow(found: Decisions, _desk: Desk, receipt: Receipt, _beside: Sequence[Any]) -> None:
    book_id, seq = receipt.book_id, receipt.seq
    if receipt.kind is Kind.CLAIM_DECISION:
        found.setdefault((book_id, about(receipt)), []).append(Decision(seq, receipt.detail, None))
    elif receipt.kind is Kind.REVERSAL:
        for (whose, _claim), decisions in found.items():
            if whose == book_id and decisions[-1].seq == receipt.target_seq:
                decisions[-1] = decisions[-1]._replace(reversed_by=seq)


# by book and claim: its row, and what its entry says
HandedIn = dict[tuple[int, int], tuple[ClaimRow, str | None]]
_M = tables.manual_claim.c
_HANDED_IN = Lookup(
    f"SELECT m.book_id, m.seq, e.detail, {', '.join(f'm.{name}' for name in ClaimRow._fields)}"
    " FROM {given} JOIN manual_claim m ON m.book_id = given.book_id AND m.seq = given.seq"
    " JOIN entry e ON e.book_id = m.book_id AND e.seq = m.seq",
    [_M.book_id, _M.seq, _E.detail, *(_M[name] for name in ClaimRow._fields)],
    book_id="big",
    seq="int",
)


def _read_handed_in(connection: Connection, asked: Asked, desk: Desk) -> HandedIn:
    decisions = [desk.targets.get((book_id, command.target_seq)) for book_id, command in asked]
    places = [
        (one.book_id, about(one)) for one in decisions if one is not None and one.kind is Kind.CLAIM_DECISION
    ]
    return {
        (book_id, seq): (ClaimRow._make(row), detail)
        for book_id, seq, detail, *row in _HANDED_IN.run(connection, list(dict.fromkeys(places)))
    }


def _follow_handed_in(found: HandedIn, _desk: Desk, receipt: Receipt, beside: Sequence[Any]) -> None:
    for row in CLAIM_ROW.among(beside):
        found[receipt.book_id, receipt.seq] = row, receipt.detail


# of the claim that a command acts on
DECISIONS: Need[Decisions] = Need("the decisions about the claim", _read, follow=_follow)
# of the decision that a command acts on
HANDED_IN: Need[HandedIn] = Need("the claim as handed in", _read_handed_in, follow=_follow_handed_in)
