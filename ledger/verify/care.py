"""Settled bills: a row is what its entry moved, a reversal its mirror, and counters are what rows add up to.

The state is derived here by itself: what posting uses to keep it is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, case, extract, func, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.care.counters import Accumulator
from ledger.chart.care import SIGNED, CareTable, Channel
from ledger.chart.kinds import Kind
from ledger.chart.sides import POCKETS, Side
from ledger.verify.finding import UNREADABLE, Finding, book_name, kind_name, line_name
from ledger.verify.streams import Key, keyed, side_by_side, streamed

_E, _T, _S = tables.entry.c, tables.transfer.c, tables.settlement.c
_CASE, _A = tables.third_party_case.c, tables.accumulator.c
# which entries may settle something, and through which channel; a reversal takes back what either of two did
_CHANNELS: dict[int, tuple[Channel, ...]] = {
    Kind.SETTLEMENT: (Channel.NETWORK,),
    Kind.REVERSAL: (Channel.NETWORK, Channel.MANUAL),
    Kind.CLAIM_DECISION: (Channel.MANUAL,),
    Kind.ANNUAL_SETTLEMENT: (Channel.ANNUAL,),
}
_PARTS = ("own_expense", "over_limit", "pre_self_pay", "in_scope")
_PAYERS = (
    "pooled_pay", "large_pay", "top_up_pay", "account_pay", "mutual_pay", "cash_pay", "hospital_share",
)  # fmt: skip


class _Moved(NamedTuple):
    """What an entry took from each payer, in fen; less than nothing is what it gave."""

    pooled: int = 0
    large: int = 0
    pockets: int = 0
    mutual: int = 0


class _Move(NamedTuple):
    """One transfer of an entry that settled something; the columns of its row."""

    book_id: int
    seq: int
    from_side: int
    to_side: int
    amount_fen: int
    party_id: int | None


def settlements_move_what_they_say(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """The amounts of a row add up, and are what its entry took from funds, pockets and relatives.

    All of a bill of the network goes to its institution; a reversal is the row of what it takes back, turned.
    """
    rows = streamed(
        connection,
        select(tables.settlement, _E.kind, _E.target_seq, _E.effective_on)
        .join_from(tables.settlement, tables.entry, and_(_E.book_id == _S.book_id, _E.seq == _S.seq))
        .where(_S.book_id.between(first, last))
        .order_by(_S.book_id, _S.seq),
    )
    moves = streamed(
        connection,
        select(*(_T[name] for name in _Move._fields))
        .join_from(tables.settlement, tables.transfer, and_(_T.book_id == _S.book_id, _T.seq == _S.seq))
        .where(_S.book_id.between(first, last))
        .order_by(_T.book_id, _T.seq, _T.line),
    )
    of_bills = (((row.book_id, row.seq), row) for row in rows)
    of_entry = groupby(map(_Move._make, moves), key=attrgetter("book_id", "seq"))
    moved = ((key, list(some)) for key, some in of_entry)
    of_book: dict[int, Any] = {}
    book = None
    for (book_id, seq), (row, transfers) in side_by_side(of_bills, moved):
        if row is None:
            continue  # a row without entry is another finding
        if book_id != book:
            book, of_book = book_id, {}
        of_book[seq] = row
        wrong = _row_fault(row, of_book.get(row.reverses_seq)) or _moves_fault(row, transfers or [])
        if wrong is not None:
            yield Finding("settlement_wrong", line_name(book_id, seq), wrong)


def _row_fault(row: Any, original: Any) -> str | None:
    if row.channel not in _CHANNELS.get(row.kind, ()) or (row.kind == Kind.REVERSAL) != (
        row.reverses_seq is not None
    ):
        return f"a {kind_name(row.kind)} does not settle such a row"
    if row.total != sum(getattr(row, name) for name in _PARTS):
        return "what the bill is made of does not add up to its total"
    if row.total != sum(getattr(row, name) for name in _PAYERS):
        return "what its payers pay does not add up to its total"
    # a year that still goes on is settled as of its last day
    to_come = row.channel != Channel.ANNUAL and row.care_date > row.effective_on
    if row.settled_on > row.effective_on or to_come:
        return "it counts, or the care was, after its value date"
    if row.kind != Kind.REVERSAL:
        return None
    if original is None or row.reverses_seq != row.target_seq:
        return f"the bill that its entry reverses is not the one that it takes back, {row.reverses_seq}"
    for name in tables.settlement.columns.keys():  # noqa: SIM118  not a dict
        here, there = getattr(row, name), getattr(original, name)
        if name in SIGNED:
            there = -there
        if name not in {"seq", "settled_on", "reverses_seq", "lines"} and here != there:
            return f"{name} is {here}, the mirror of entry {row.reverses_seq} has {there}"
    if row.settled_on < original.settled_on:
        return f"it counts before entry {row.reverses_seq}, which it takes back"
    return None


def _moves_fault(row: Any, transfers: list[_Move]) -> str | None:
    moved = _moved(transfers)
    told = _Moved(row.pooled_pay, row.large_pay + row.top_up_pay, row.account_pay, row.mutual_pay)
    for name, here, there in zip(_Moved._fields, moved, told, strict=True):
        if here != there:
            return f"its transfers take {here} fen from {name}, its row says {there}"
    if row.channel == Channel.NETWORK and any(move.party_id != row.institution_id for move in transfers):
        return "it does not pay the institution of its row"
    return None


def _moved(transfers: list[_Move]) -> _Moved:
    taken: dict[str, int] = dict.fromkeys(_Moved._fields, 0)
    for move in transfers:
        for side, change in ((move.from_side, move.amount_fen), (move.to_side, -move.amount_fen)):
            name = "pockets" if side in POCKETS else _NAMES.get(side)
            if name is not None:
                taken[name] += change
    return _Moved(**taken)


_NAMES = {
    int(Side.POOLED_FUND): "pooled",
    int(Side.LARGE_FUND): "large",
    int(Side.MUTUAL_AID_CLEARING): "mutual",
}


# -- counters ------------------------------------------------------------------------------------------------


def counters_follow_from_their_rows(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """The counters of a year of care are the sums of its rows, and their version is how many there are."""
    year = extract("year", _S.care_date)
    derived = streamed(
        connection,
        select(_S.book_id, year, *(_sum(name) for name in Accumulator._fields))
        .where(_S.book_id.between(first, last))
        .group_by(_S.book_id, year)
        .order_by(_S.book_id, year),
    )
    stands = streamed(
        connection,
        select(_A.book_id, _A.year, *(_A[name] for name in Accumulator._fields))
        .where(_A.book_id.between(first, last))
        .order_by(_A.book_id, _A.year),
    )
    for (book_id, of_year), (facts, state) in side_by_side(_by_year(derived), _by_year(stands)):
        expected = facts or Accumulator()
        if state is None or state != expected:
            there = state or (None,) * len(expected)
            name, here, other = next(
                (name, one, two)
                for name, one, two in zip(Accumulator._fields, there, expected, strict=True)
                if one != two
            )
            what = f"{name} is {here}, its rows make it {other}"
            yield Finding("counters_wrong", f"{book_name(book_id)} {of_year}", what)


def _sum(name: str) -> ColumnElement[Any]:
    """The sum of a counter over rows: a table's own counts what went by that table."""
    if name == "version":
        return func.count()
    if name == "admissions":
        one = case((_S.reverses_seq.is_(None), 1), else_=-1)
        return func.sum(case((_S.admission != 0, one), else_=0))
    if name == "own_burden":
        return func.sum(_S[name])
    if name in {"large", "top_up"}:
        return func.sum(_S[f"{name}_pay"])
    of_table, _, what = name.rpartition("_")
    amount = _S.deductible if what == "deductible" else _S.pooled_pay
    return func.sum(case((_S.care_table == int(CareTable[of_table.upper()]), amount), else_=0))


def _by_year(rows: Iterator[Any]) -> Iterator[tuple[Key, Accumulator]]:
    # years and sums are no plain integers to every database
    for book_id, year, *counters in rows:
        yield (book_id, int(year)), Accumulator._make(map(int, counters))


# -- cases ---------------------------------------------------------------------------------------------------


class _Case(NamedTuple):
    """What entries make of a case; the fields are named as the columns of its row."""

    settlement_seq: int
    kind: int
    excluded: int
    advance: int = 0
    paid: int = 0
    returned: int = 0
    set_off: int = 0


class _StandingCase(NamedTuple):
    """A case as its row has it, with the cause and the part that its bill says; None without that bill."""

    case: _Case
    bill_cause_kind: int | None
    bill_excluded: int | None


def _standing_case(values: Sequence[Any]) -> _StandingCase:
    *case, cause_kind, excluded = values
    return _StandingCase(_Case._make(case), cause_kind, excluded)


_OF_CASES = (
    Kind.THIRD_PARTY_CASE,
    Kind.ADVANCE,
    Kind.RECOVERY,
    Kind.SET_OFF,
    Kind.REVERSAL,
    Kind.ESTATE_UNDO,
)


def cases_follow_from_their_entries(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """A case is of a settled bill with a cause; what was advanced, paid, returned and set off is what the
    entries that name it, and were not reversed, moved; and no more comes back than was advanced.
    """
    moved = (
        select(func.coalesce(func.sum(_T.amount_fen), 0))
        .where(_T.book_id == _E.book_id, _T.seq == _E.seq)
        .scalar_subquery()
    )
    entries = streamed(
        connection,
        select(_E.book_id, _E.seq, _E.kind, _E.target_seq, _E.detail, moved)
        .where(_E.book_id.between(first, last), _E.kind.in_([int(kind) for kind in _OF_CASES]))
        .order_by(_E.book_id, _E.seq),
    )
    bill = and_(_S.book_id == _CASE.book_id, _S.seq == _CASE.settlement_seq)
    stands = streamed(
        connection,
        select(_CASE.book_id, _CASE.seq, *(_CASE[name] for name in _Case._fields), _S.cause_kind, _S.excluded)
        .outerjoin_from(tables.third_party_case, tables.settlement, bill)
        .where(_CASE.book_id.between(first, last))
        .order_by(_CASE.book_id, _CASE.seq),
    )
    derived = _cases(entries)
    for (book_id, seq), (facts, row) in side_by_side(derived, keyed(stands, 2, _standing_case)):
        wrong = _case_fault(facts, row)
        if wrong is not None:
            yield Finding("case_wrong", line_name(book_id, seq), wrong)


def _cases(entries: Iterator[Any]) -> Iterator[tuple[Key, _Case | str]]:
    """The cases of each book in the order of their entries; a text says what cannot be read."""
    for book_id, lines in groupby(entries, key=attrgetter("book_id")):
        cases: dict[int, _Case | str] = {}
        # what came back of a case and was not reversed, by entry: kind, what it says, amount
        stands: dict[int, tuple[int, dict[str, Any], int]] = {}
        for _book, seq, kind, target_seq, detail, fen in lines:
            try:
                if kind == Kind.REVERSAL:
                    stands.pop(target_seq, None)
                elif kind == Kind.ESTATE_UNDO:
                    # what the estate had set off is owed again
                    stands = {
                        place: (of, told, moved)
                        for place, (of, told, moved) in stands.items()
                        if "line" not in told
                    }
                elif kind in {Kind.RECOVERY, Kind.SET_OFF}:
                    stands[seq] = kind, unpack(detail), int(fen)
                else:
                    _open(cases, seq, kind, unpack(detail), int(fen))
            except UNREADABLE as error:
                cases[seq] = _unreadable(error)
        for seq, (kind, told, fen) in stands.items():
            try:
                _come_back(cases, kind, told, fen, stands.get(seq + 1))
            except UNREADABLE as error:
                cases[seq] = _unreadable(error)
        for seq in sorted(cases):
            yield (book_id, seq), cases[seq]


def _unreadable(error: Exception) -> str:
    return f"what it says cannot be read ({type(error).__name__})"


def _open(cases: dict[int, _Case | str], seq: int, kind: int, told: dict[str, Any], fen: int) -> None:
    if kind == Kind.THIRD_PARTY_CASE:
        # the kind of the cause is the bill's, and compared with it
        cases[seq] = _Case(told["settlement"], 0, told["excluded"])
        return
    known = cases[told["case"]]
    if not isinstance(known, str):
        cases[told["case"]] = known._replace(advance=known.advance + fen)


def _come_back(
    cases: dict[int, _Case | str],
    kind: int,
    told: dict[str, Any],
    fen: int,
    after: tuple[int, dict[str, Any], int] | None,
) -> None:
    if "case" not in told:
        return  # what an estate set off beside cases
    known = cases[told["case"]]
    if isinstance(known, str):
        return
    if kind == Kind.RECOVERY:
        known = known._replace(returned=known.returned + fen, paid=known.paid + told["paid"])
    elif told.keys().isdisjoint({"line", "estate"}) and (
        after is None or (after[0], after[1].get("set_off")) != (Kind.RECOVERY, fen)
    ):
        # both go back together
        cases[told["case"]] = "what was set off is not what the recovery after it says"
        return
    else:
        known = known._replace(set_off=known.set_off + fen)
    cases[told["case"]] = known


def _case_fault(facts: _Case | str | None, row: _StandingCase | None) -> str | None:
    if isinstance(facts, str):
        return facts
    if facts is None or row is None:
        return "there is no such case, and an entry opened it" if row is None else "no entry opened it"
    here = row.case
    if here.kind != row.bill_cause_kind or here.excluded != row.bill_excluded:
        return f"it is not of the cause, and the part, of its bill, entry {here.settlement_seq}"
    for name, one, other in zip(_Case._fields, here, facts._replace(kind=here.kind), strict=True):
        if one != other:
            return f"{name} is {one}, its entries make it {other}"
    if here.returned + here.set_off > here.advance or here.advance > here.excluded:
        return "more came back than was advanced, or more was advanced than was excluded"
    return None
