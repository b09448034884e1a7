"""Those who leave, and what they owe: transfers, exits and demands are what their entries make them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, case, func, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.sides import Side
from ledger.chart.transfers import Direction, TransferStatus
from ledger.verify.finding import UNREADABLE, Finding, line_name
from ledger.verify.streams import Key, keyed, side_by_side, streamed
from ledger.verify.walk import Walk, WalkedEntry

_E, _T = tables.entry.c, tables.transfer.c
_C, _D = tables.transfer_case.c, tables.demand.c
S = TransferStatus
LEAVES: Final = frozenset({
    Kind.TRANSFER_REQUEST, Kind.TRANSFER_OUT, Kind.TRANSFER_ACKNOWLEDGEMENT, Kind.TRANSFER_IN, Kind.EXIT,
})  # fmt: skip


def leaves_as_it_may(walk: Walk, line: WalkedEntry) -> str | None:
    """What is wrong with an entry by which money leaves, given the life of its account (R51, R52, R58)."""
    told = unpack(line.detail)
    kind = Kind(line.kind)
    allowed: set[int]
    if kind in {Kind.TRANSFER_REQUEST, Kind.TRANSFER_IN}:
        allowed = {Stage.ACTIVE}
    elif kind is Kind.TRANSFER_OUT:
        allowed = {Stage.TRANSFERRING}
        if "waits" in told:
            allowed |= {Stage.DECEASED, Stage.CLOSED}
    elif kind is Kind.TRANSFER_ACKNOWLEDGEMENT:
        allowed = {Stage.TRANSFERRING, Stage.DECEASED}
    else:
        allowed = {Stage.ACTIVE if line.target_seq is None else Stage.CLOSED}
    if walk.stage not in allowed:
        return f"a {kind.word} in an account that is {Stage(walk.stage).name.lower()}"
    if kind in {Kind.TRANSFER_OUT, Kind.TRANSFER_ACKNOWLEDGEMENT, Kind.EXIT} and (
        line.current_year_after or line.carried_over_after or walk.held or walk.reserved
    ):
        return f"a {kind.word} leaves nothing behind"
    return None


# -- transfers -----------------------------------------------------------------------------------------------


class _Transfer(NamedTuple):
    """What entries make of a transfer; the fields are named as the columns of its row."""

    direction: int
    status: int
    asked_on: date
    amount: int = 0
    current_year: int = 0
    waiting: int = 0
    supplements: int = 0
    moved_on: date | None = None
    ended_on: date | None = None

    @property
    def in_clearing(self) -> int:
        """What of it stands in the clearing."""
        if self.direction == Direction.IN:
            return 0
        return self.waiting + (self.amount + self.supplements if self.status == S.SENT else 0)


_OF_TRANSFERS: Final = (
    Kind.TRANSFER_REQUEST, Kind.TRANSFER_OUT, Kind.TRANSFER_ACKNOWLEDGEMENT, Kind.TRANSFER_REJECTION,
    Kind.TRANSFER_SUPPLEMENT, Kind.TRANSFER_IN,
)  # fmt: skip


class _Line(NamedTuple):
    """An entry of a transfer: what it moved into the clearing and out of it, and from where."""

    seq: int
    kind: int
    effective_on: date
    source_ref: str | None
    detail: str | None
    fen: int
    to_clearing: int
    from_clearing: int
    from_current: int


def _moved(source: Side | None = None, target: Side | None = None) -> Any:
    """What an entry moves from a side, or to one."""
    side, which = (_T.from_side, source) if source is not None else (_T.to_side, target)
    fen = _T.amount_fen if which is None else case((side == int(which), _T.amount_fen), else_=0)
    return (
        select(func.coalesce(func.sum(fen), 0))
        .where(_T.book_id == _E.book_id, _T.seq == _E.seq)
        .scalar_subquery()
    )


def transfers_follow_from_their_entries(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """A transfer is at the step, and of the amounts, that its entries say; and what the account has in the
    clearing is what of its transfers is on its way, or waits to be sent after one.
    """
    entries = streamed(
        connection,
        select(
            _E.book_id, _E.seq, _E.kind, _E.effective_on, _E.source_ref, _E.detail, _moved(),
            _moved(target=Side.TRANSFER_CLEARING), _moved(source=Side.TRANSFER_CLEARING),
            _moved(source=Side.CURRENT_YEAR),
        )
        .where(_E.book_id.between(first, last), _E.kind.in_([int(kind) for kind in _OF_TRANSFERS]))
        .order_by(_E.book_id, _E.seq),
    )  # fmt: skip
    stands = streamed(
        connection,
        select(_C.book_id, _C.seq, *(_C[name] for name in _Transfer._fields))
        .where(_C.book_id.between(first, last))
        .order_by(_C.book_id, _C.seq),
    )
    for (book_id, seq), (facts, row) in side_by_side(_transfers(entries), keyed(stands, 2, _Transfer._make)):
        wrong = _differs(facts, row, "transfer", "asked for it")
        if wrong is not None:
            yield Finding("transfer_wrong", line_name(book_id, seq), wrong)


def _transfers(entries: Iterator[Any]) -> Iterator[tuple[Key, _Transfer | str]]:
    """The transfers of each book in the order of their entries; a text says what is wrong with one."""
    for book_id, lines in groupby(entries, key=attrgetter("book_id")):
        cases: dict[int, _Transfer | str] = {}
        cleared = 0
        for _book, *values in lines:
            line = _Line._make(values)
            cleared += int(line.to_clearing) - int(line.from_clearing)
            try:
                _count(cases, line, unpack(line.detail))
            except UNREADABLE as error:
                cases[line.seq] = f"what it says cannot be read ({type(error).__name__})"
        on_its_way = sum(one.in_clearing for one in cases.values() if isinstance(one, _Transfer))
        if cleared != on_its_way and all(isinstance(one, _Transfer) for one in cases.values()):
            what = f"the account has {cleared} fen in the clearing, its transfers {on_its_way}"
            cases[max(cases)] = what
        for seq in sorted(cases):
            yield (book_id, seq), cases[seq]


def _count(cases: dict[int, _Transfer | str], line: _Line, told: dict[str, Any]) -> None:
    kind, day, fen = line.kind, line.effective_on, int(line.fen)
    if kind == Kind.TRANSFER_REQUEST:
        comes = told["direction"] == Direction.IN.word
        cases[line.seq] = (
            _Transfer(int(Direction.IN), int(S.ANNOUNCED), day, int(told["amount"]))
            if comes
            else _Transfer(int(Direction.OUT), int(S.REQUESTED), day)
        )
        return
    seq = int(told["transfer"])
    known = cases[seq]
    if isinstance(known, str):
        return
    if kind == Kind.TRANSFER_OUT and "waits" in told:
        # what an employer's book released goes with the money, all else waits
        released = int(told.get("released", 0))
        known = known._replace(
            waiting=known.waiting + fen - released, supplements=known.supplements + released
        )
    elif kind == Kind.TRANSFER_OUT:
        known = known._replace(
            status=int(S.SENT), amount=fen, current_year=int(line.from_current), moved_on=day
        )
    elif kind == Kind.TRANSFER_ACKNOWLEDGEMENT:
        known = known._replace(status=int(S.ACKNOWLEDGED), ended_on=day)
    elif kind == Kind.TRANSFER_REJECTION:
        known = known._replace(status=int(told["status"]), waiting=0, supplements=0, ended_on=day)
    elif kind == Kind.TRANSFER_SUPPLEMENT:
        waited = int(line.from_clearing)
        known = known._replace(waiting=known.waiting - waited, supplements=known.supplements + fen)
    elif known.status == S.ANNOUNCED:
        came = int(line.from_clearing)
        if came != known.amount:
            cases[seq] = f"entry {line.seq} credits {came} fen, its sheet says {known.amount}"
            return
        known = known._replace(
            status=int(S.CREDITED), moved_on=day, ended_on=date.fromisoformat(told["credited_on"])
        )
    else:
        known = known._replace(supplements=known.supplements + int(line.from_clearing))
    cases[seq] = known


def _differs(facts: Any, row: Any, noun: str, made: str) -> str | None:
    if isinstance(facts, str):
        return facts
    if facts is None or row is None:
        return f"there is no such {noun}, and an entry {made}" if row is None else f"no entry {made}"
    for name, one, other in zip(row._fields, row, facts, strict=True):
        if one != other:
            return f"{name} is {one}, its entries make it {other}"
    return None


# -- demands -------------------------------------------------------------------------------------------------


class _Demand(NamedTuple):
    """What entries make of a demand; the fields are named as the columns of its row."""

    amount: int
    demanded_on: date
    set_off: int = 0
    paid: int = 0
    to_estate: int = 0
    withdrawn: int = 0
    debt_kind: int | None = None
    debt_book: int | None = None
    debt_number: int | None = None
    debt_account: int | None = None


_OF_DEMANDS: Final = (
    Kind.DEMAND, Kind.SET_OFF, Kind.INSTALMENT, Kind.ESTATE, Kind.ESTATE_UNDO, Kind.REVERSAL,
)  # fmt: skip
# by entry: which demand it changed, and which amount of it by how much
_Changes = dict[int, tuple[int, str, int]]


def demands_follow_from_their_entries(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """Of a demand what was set off, paid, taken over by the estate or withdrawn is what the entries say that
    name it and were not reversed.
    """
    entries = streamed(
        connection,
        select(_E.book_id, _E.seq, _E.kind, _E.effective_on, _E.target_seq, _E.detail, _moved())
        .where(_E.book_id.between(first, last), _E.kind.in_([int(kind) for kind in _OF_DEMANDS]))
        .order_by(_E.book_id, _E.seq),
    )
    stands = streamed(
        connection,
        select(_D.book_id, _D.seq, *(_D[name] for name in _Demand._fields))
        .where(_D.book_id.between(first, last))
        .order_by(_D.book_id, _D.seq),
    )
    for (book_id, seq), (facts, row) in side_by_side(_demands(entries), keyed(stands, 2, _Demand._make)):
        wrong = _differs(facts, row, "demand", "made it")
        if wrong is not None:
            yield Finding("demand_wrong", line_name(book_id, seq), wrong)


def _demands(entries: Iterator[Any]) -> Iterator[tuple[Key, _Demand | str]]:
    for book_id, lines in groupby(entries, key=attrgetter("book_id")):
        demands: dict[int, _Demand | str] = {}
        changes: _Changes = {}
        for _book, seq, kind, day, target_seq, detail, fen in lines:
            try:
                _note(demands, changes, (seq, kind, day, target_seq, int(fen)), detail)
            except UNREADABLE as error:
                if demands or kind == Kind.DEMAND:
                    demands[seq] = f"what it says cannot be read ({type(error).__name__})"
        for seq in sorted(demands):
            yield (book_id, seq), demands[seq]


def _note(
    demands: dict[int, _Demand | str],
    changes: _Changes,
    line: tuple[int, int, date, int | None, int],
    detail: str | None,
) -> None:
    seq, kind, day, target_seq, fen = line
    if kind == Kind.DEMAND:
        told = unpack(detail)
        debt = told.get("debt", (None, None, None))
        if "debt" in told:
            if fen:
                demands[seq] = "it took over what was owed before, and moved money"
                return
            fen = int(told["amount"])
        demands[seq] = _Demand(fen, day, 0, 0, 0, 0, *debt)
        changes[seq] = seq, "withdrawn", -fen
        return
    if kind == Kind.REVERSAL:
        if target_seq in changes:
            number, name, change = changes.pop(target_seq)
            _change(demands, number, name, -change)
        return
    if kind == Kind.ESTATE_UNDO:
        for number, known in demands.items():
            if isinstance(known, _Demand):
                demands[number] = known._replace(to_estate=0)
        return
    told = unpack(detail)
    if kind == Kind.ESTATE:
        for owed in told.get("set_off", ()) if target_seq is None else ():
            # of an account that went into this one its own book says it
            if owed["what"] == "demand" and "account" not in owed:
                _change(demands, int(owed["demand"]), "to_estate", int(owed["owed"]))
    elif "demand" in told and "line" not in told:
        number, name = int(told["demand"]), "paid" if kind == Kind.INSTALMENT else "set_off"
        if "estate" in told:
            name, fen = "to_estate", int(told["owed"])
        _change(demands, number, name, fen)
        changes[seq] = number, name, fen


def _change(demands: dict[int, _Demand | str], number: int, name: str, fen: int) -> None:
    known = demands[number]
    if isinstance(known, _Demand):
        demands[number] = known._replace(**{name: getattr(known, name) + fen})
