"""What commands about medical care ask for: counters, settled bills, filings, cases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table

from ledger import tables
from ledger.care.cases import CASE_STATE, ThirdPartyCase
from ledger.care.counters import COUNTERS, FILING_ROW, SETTLEMENT_ROW, Accumulator
from ledger.care.rows import FilingRow, SettlementRow
from ledger.chart.care import CareTable, CareType, CauseKind, Channel, Coverage, Cut, Filing
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.database.lookups import Lookup
from ledger.posting import Desk, Look, Need, Receipt
from ledger.posting.needs import Asked, own_books
from ledger.posting.reads import read_acting, read_entries

_S = tables.settlement.c
_ROW = SettlementRow._fields


def _of(alias: str, names: Sequence[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in names)


def _columns(table: Table, *names: str) -> list[ColumnElement[Any]]:
    return [table.c[name] for name in names]


# -- counters ------------------------------------------------------------------------------------------------


def _keep_counters(_found: dict[None, None], desk: Desk, book_id: int, values: Sequence[Any]) -> None:
    year, *counters = values
    desk.books[book_id].put(COUNTERS).rows[year] = Accumulator._make(counters)


_COUNTERS: Look[dict[None, None]] = Look(
    "accumulator a",
    {f"a.{name}": tables.accumulator.c[name] for name in ("year", *Accumulator._fields)},
    "a.book_id = {book}",
    begin=dict,
    keep=_keep_counters,
    states=(COUNTERS,),
)


# of a patient's book: the counters of its years of care, which stand beside it
ACCUMULATORS: Need[dict[None, None]] = Need("the counters of care", look=_COUNTERS)


# -- settled bills -------------------------------------------------------------------------------------------

# by book and entry
Settled = dict[int, dict[int, SettlementRow]]


def _settled(listed: str) -> Lookup:
    return Lookup(
        f"SELECT s.book_id, s.seq, {listed} FROM {{given}} JOIN settlement s"
        " ON s.book_id = given.book_id AND s.seq >= given.since AND s.care_date >= given.first"
        " AND s.care_date <= given.last ORDER BY s.book_id, s.seq",
        [_S.book_id, _S.seq, *_columns(tables.settlement, *_ROW)],
        book_id="big",
        since="int",
        first="date",
        last="date",
    )


_SETTLED = _settled(_of("s", _ROW))
# no command asks for the lines of what was settled, and they may be many
_WITHOUT_LINES = _settled(_of("s", _ROW).replace("s.lines", "CAST(NULL AS TEXT)"))


def settlement_row(values: Sequence[Any]) -> SettlementRow:
    """A row as the columns of SettlementRow have it, its numbers given their names again."""
    row = SettlementRow._make(values)
    return row._replace(
        channel=Channel(row.channel),
        care_table=CareTable(row.care_table),
        care_type=CareType(row.care_type),
        member_class=MemberClass(row.member_class),
        coverage=Coverage(row.coverage),
        filing=Filing(row.filing),
        cut=Cut(row.cut),
        cause_kind=None if row.cause_kind is None else CauseKind(row.cause_kind),
    )


def read_settled(
    connection: Connection, asked: Sequence[tuple[int, int, str, str]], lookup: Lookup = _SETTLED
) -> Settled:
    """Settled bills by book and entry, of (book, first entry, first and last day of care)."""
    found: Settled = {}
    for book_id, seq, *values in lookup.run(connection, asked):
        found.setdefault(book_id, {})[seq] = settlement_row(values)
    return found


def first_entry(book_id: int, command: Any, desk: Desk) -> int | None:
    """The first entry that a command asks for: the one it acts on, or the one that its stake leads to."""
    since: int | None = command.target_seq
    if since is None and command.follows_stake is not None and command.source_ref is not None:
        seen = desk.sourced.get((book_id, int(command.follows_stake), command.source_ref))
        since = None if seen is None else seen.receipt.seq
    return since


def _read_settled(connection: Connection, asked: Asked, desk: Desk) -> Settled:
    wanted: list[tuple[int, int, str, str]] = []
    targets: list[tuple[int, int]] = []
    for book_id, command in asked:
        if book_id not in desk.books:
            continue
        since, year = first_entry(book_id, command, desk), getattr(command, "care_year", None)
        if year is not None:
            wanted.append((book_id, 1, f"{year}-01-01", f"{year}-12-31"))
        elif since is not None:
            wanted.append((book_id, since, "0001-01-01", "9999-12-31"))
            targets.append((book_id, since))
    found = read_settled(connection, list(dict.fromkeys(wanted)), _WITHOUT_LINES)
    missing = [place for place in dict.fromkeys(targets) if place not in desk.targets]
    for receipt in read_entries(connection, missing):
        desk.targets[receipt.book_id, receipt.seq] = receipt
    read_acting(connection, list(dict.fromkeys(targets)), desk)
    return found


def _follow_settled(found: Settled, _desk: Desk, receipt: Receipt, beside: Sequence[Any]) -> None:
    for row in SETTLEMENT_ROW.among(beside):
        found.setdefault(receipt.book_id, {})[receipt.seq] = row


# the settled bills from an entry on (`target_seq`), or those of a year of care (`care_year`)
SETTLEMENTS: Need[Settled] = Need("settled bills", _read_settled, follow=_follow_settled)


# -- filings -------------------------------------------------------------------------------------------------


class KnownFiling(NamedTuple):
    """Something that was filed, the entry that recorded it, and the day on which it did."""

    seq: int
    recorded_on: date
    row: FilingRow


# by book, in the order in which they were recorded
Filings = dict[int, list[KnownFiling]]


def _keep_filing(found: Filings, _desk: Desk, book_id: int, values: Sequence[Any]) -> None:
    seq, recorded_on, acting, filing, *rest = values
    row = FilingRow(Filing(filing), *rest)
    if acting == Kind.REVERSAL:
        # taken back, or taken back by its end, which comes after it
        found[book_id] = [one for one in found.get(book_id, ()) if one.seq != row.replaces_seq]
        return
    keep_filing(found.setdefault(book_id, []), KnownFiling(seq, recorded_on, row))


def keep_filing(found: list[KnownFiling], one: KnownFiling) -> None:
    """Add a filing; an end sets the last day of its filing, and leaves when that was recorded."""
    replaces = one.row.replaces_seq
    for place, known in enumerate(found):
        if known.seq == replaces:
            found[place] = known._replace(row=one.row)
            return
    found.append(one)


_FILINGS: Look[Filings] = Look(
    "filing f",
    {
        "f.seq": tables.filing.c.seq,
        # not joined: a plan that begins with the entries reads a whole book
        "(SELECT e.effective_on FROM entry e WHERE e.book_id = f.book_id AND e.seq = f.seq)": (
            tables.entry.c.effective_on
        ),
        # of the few that there are, and not a condition: joins would cost every quote as much as its book
        "(SELECT x.kind FROM entry x WHERE x.book_id = f.book_id AND x.target_seq = f.seq)": (
            tables.entry.c.kind
        ),
        **{f"f.{name}": tables.filing.c[name] for name in FilingRow._fields},
    },
    "f.book_id = {book}",
    begin=dict,
    keep=_keep_filing,
    order="f.seq",
)


def _follow_filing(found: Filings, desk: Desk, receipt: Receipt, beside: Sequence[Any]) -> None:
    for row in FILING_ROW.among(beside):
        keep_filing(found.setdefault(receipt.book_id, []), KnownFiling(receipt.seq, desk.today, row))
    if receipt.kind is Kind.REVERSAL and receipt.book_id in found:
        known = found[receipt.book_id]
        seq = _filing_of(desk, receipt)
        found[receipt.book_id] = [one for one in known if one.seq != seq]


def _filing_of(desk: Desk, reversal: Receipt) -> int | None:
    """The filing that a reversal took back, by itself or by its end."""
    target = desk.targets.get((reversal.book_id, reversal.target_seq or 0))
    return target.target_seq if target is not None and target.kind is Kind.FILING_END else reversal.target_seq


FILINGS: Need[Filings] = Need("filings", look=_FILINGS, follow=_follow_filing)


# -- cases ---------------------------------------------------------------------------------------------------

_CASE = ("book_id", "seq", *ThirdPartyCase._fields)
_CASES = Lookup(
    f"SELECT {_of('c', _CASE)} FROM {{given}} JOIN third_party_case c ON c.book_id = given.book_id",
    _columns(tables.third_party_case, *_CASE),
    book_id="big",
)


def _read_cases(connection: Connection, asked: Asked, desk: Desk) -> bool:
    books = own_books(asked, desk)
    for book_id in books:
        desk.books[book_id].put(CASE_STATE)
    opened: list[tuple[int, int]] = []
    for book_id, seq, *case in _CASES.run(connection, [(book_id,) for book_id in books]):
        desk.books[book_id].of(CASE_STATE).rows[seq] = ThirdPartyCase._make(case)
        opened.append((book_id, seq))
    for receipt in read_entries(connection, opened):
        desk.targets[receipt.book_id, receipt.seq] = receipt
    return True


# of a patient's book: the cases of third parties, and the entries that opened them
CASES: Need[bool] = Need("cases", _read_cases)
