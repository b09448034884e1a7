"""The entries of a book: pages of them in order, or one with all that belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import BigInteger, Connection, Integer, SmallInteger, bindparam, select
from sqlalchemy.types import Date

from ledger import tables
from ledger.book.chain import TransferLine
from ledger.book.detail import unpack
from ledger.book.numbers import SEQ_MAX, entry_name
from ledger.chart.kinds import ENDS, Kind
from ledger.database.direct import Direct, RoundTrip
from ledger.posting import Receipt
from ledger.posting.reads import RECEIPT_COLUMNS, receipts
from ledger.posting.taken_back import taken_back
from ledger.refusals import RefusalCode, Refused
from ledger.reports.explained import RULES

_E = tables.entry.c
_BOOK = bindparam("book_id", type_=BigInteger)
_KIND_MAX = 99
_KINDS = {int(kind): kind for kind in Kind}
_SEQ = RECEIPT_COLUMNS.index("seq")
# Every filter has a bound that lets all through, so that there is one statement, prepared once.
_PAGE = (
    select(*(_E[name] for name in RECEIPT_COLUMNS))
    .where(
        _E.book_id == _BOOK,
        _E.seq > bindparam("after_seq", type_=Integer),
        _E.seq < bindparam("before_seq", type_=Integer),
        _E.effective_on.between(bindparam("first", type_=Date), bindparam("last", type_=Date)),
        _E.kind.between(bindparam("kind_from", type_=SmallInteger), bindparam("kind_to", type_=SmallInteger)),
    )
    .limit(bindparam("limit", type_=Integer))
)
_FORWARDS = Direct(_PAGE.order_by(_E.seq))
_BACKWARDS = Direct(_PAGE.order_by(_E.seq.desc()))

_T = tables.transfer.c
_MOVES = Direct(
    select(_T.seq, _T.from_side, _T.to_side, _T.amount_fen, _T.party_id)
    .where(
        _T.book_id == _BOOK,
        _T.seq.between(bindparam("first_seq", type_=Integer), bindparam("last_seq", type_=Integer)),
    )
    .order_by(_T.seq, _T.line)
)

_ACTING = tables.entry.alias("acting")
_CALLER = tables.agent.alias("caller")
_ACTOR = tables.agent.alias("actor")
_ONE = (
    select(
        *(_E[name] for name in RECEIPT_COLUMNS),
        _E.digest.label("digest"),
        _ACTING.c.seq.label("acting_seq"),
        _ACTING.c.kind.label("acting_kind"),
        _CALLER.c.name.label("caller_name"),
        _ACTOR.c.name.label("actor_name"),
        tables.policy.c.hash.label("policy_hash"),
    )
    .select_from(
        tables.entry.outerjoin(_ACTING, (_ACTING.c.book_id == _E.book_id) & (_ACTING.c.target_seq == _E.seq))
        .outerjoin(_CALLER, _CALLER.c.agent_id == _E.caller)
        .outerjoin(_ACTOR, _ACTOR.c.agent_id == _E.actor)
        .outerjoin(tables.policy, tables.policy.c.version == _E.policy_version)
    )
    .where(_E.book_id == _BOOK, _E.seq == bindparam("seq", type_=Integer))
)

_AGENT = select(tables.agent.c.name).where(tables.agent.c.agent_id == bindparam("agent_id", type_=Integer))


_TAKES_BACK = frozenset({Kind.REVERSAL, Kind.REFUND_TO_PAYER})


@dataclass(frozen=True, slots=True)
class Acted:
    """The entry that reversed, captured, released, ended or let expire another one."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class EntryView:
    """One entry with everything that explains it. `digest` is its link of the chain, in hex."""

    receipt: Receipt
    acted_on_by: Acted | None
    # the name of the reversal, if there is one
    reversed_by: str | None
    digest: str
    rule: str
    policy_hash: str | None
    caller: str
    actor: str
    # the second person, where one was asked for (R68)
    approved_by: str | None = None

    @property
    def acts_on(self) -> str | None:
        """The name of the entry that this one reverses, captures, releases, ends or lets expire."""
        target = self.receipt.target_seq
        return None if target is None else entry_name(self.receipt.book_id, target)


def entries(
    connection: Connection,
    book_id: int,
    *,
    kind: Kind | None = None,
    first: date | None = None,
    last: date | None = None,
    after_seq: int = 0,
    before_seq: int | None = None,
    limit: int,
) -> list[Receipt]:
    """At most `limit` entries in order of `seq`, of one kind and of value dates `first` … `last` where asked.

    The next page is after the `seq` of the last entry of this one. With `before_seq` it is the page that
    ends before that number, so that the latest entries can be had first. A book that there is not has none.
    """
    after_seq = min(max(after_seq, 0), SEQ_MAX)
    trip = RoundTrip(connection)
    found = trip.ask(
        _FORWARDS if before_seq is None else _BACKWARDS,
        {
            "book_id": book_id,
            "after_seq": after_seq,
            "before_seq": SEQ_MAX if before_seq is None else min(max(before_seq, 0), SEQ_MAX),
            "first": first or date.min,
            "last": last or date.max,
            "kind_from": 0 if kind is None else int(kind),
            "kind_to": _KIND_MAX if kind is None else int(kind),
            "limit": limit,
        },
    )
    moved = None
    if kind is None and first is None and last is None and before_seq is None:
        # nothing is left out, so that the numbers are known, and the transfers asked for in the same trip
        moved = trip.ask(_MOVES, _range_of(book_id, after_seq + 1, after_seq + limit))
    trip.send()
    rows = found.rows if before_seq is None else found.rows[::-1]
    if not rows:
        return []
    first_seq, last_seq = rows[0][_SEQ], rows[-1][_SEQ]
    if last_seq - first_seq + 1 != len(rows):
        return receipts(connection, rows)
    # a page without gaps reads its transfers as one range, which costs half as much as by name
    if moved is None or first_seq != after_seq + 1:
        moved = trip.ask(_MOVES, _range_of(book_id, first_seq, last_seq))
        trip.send()
    return _with_transfers(rows, moved.rows)


def _range_of(book_id: int, first_seq: int, last_seq: int) -> dict[str, int]:
    return {
        "book_id": book_id,
        "first_seq": min(first_seq, SEQ_MAX),
        "last_seq": min(last_seq, SEQ_MAX),
    }


def _with_transfers(rows: Sequence[Any], transfers: Sequence[Any]) -> list[Receipt]:
    """The rows of entries as receipts, with those of their transfers."""
    moves: dict[int, tuple[TransferLine, ...]] = {}
    for seq, source, target, fen, party in transfers:
        # most entries have one
        moves[seq] = (*moves.get(seq, ()), (source, target, fen, party))
    return [
        Receipt._make((book_id, seq, _KINDS[kind], *as_stored, moves.get(seq, ())))
        for book_id, seq, kind, *as_stored in rows
    ]


def entry(connection: Connection, book_id: int, seq: int) -> EntryView:
    """One entry. Raises Refused(entry_not_found)."""
    row = None
    if 1 <= seq <= SEQ_MAX:
        row = connection.execute(_ONE, {"book_id": book_id, "seq": seq}).one_or_none()
    if row is None:
        raise Refused(RefusalCode.ENTRY_NOT_FOUND, at="target_seq")
    receipt = receipts(connection, [row[: len(RECEIPT_COLUMNS)]])[0]
    acted = None
    if row.acting_seq is not None:
        acted = Acted(Kind(row.acting_kind), entry_name(book_id, row.acting_seq))
    second = unpack(receipt.detail).get("approved_by")
    # what an employer's payment brought goes back with it
    back = row.acting_seq if acted is not None and acted.kind in _TAKES_BACK else None
    if acted is not None and (acted.kind in ENDS or acted.kind is Kind.CREDIT_BACK):
        # it is taken back with its end; what a death took back may have come again since
        back = taken_back(connection, book_id).get(seq)
    return EntryView(
        receipt=receipt,
        acted_on_by=acted,
        reversed_by=None if back is None else entry_name(book_id, back),
        digest=bytes(row.digest).hex(),
        rule=RULES[receipt.kind],
        policy_hash=row.policy_hash,
        caller=row.caller_name,
        actor=row.actor_name,
        approved_by=None if second is None else connection.scalar(_AGENT, {"agent_id": second}),
    )
