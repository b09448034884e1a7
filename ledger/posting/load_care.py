"""What commands about medical care read after the locks: counters, quotas, bills, an institution's days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, column
from sqlalchemy.types import BigInteger, Integer

from ledger import tables
from ledger.book.beside.care_rows import FilingRow, SettlementRow
from ledger.book.beside.care_state import Accumulator, Care, Clearing, Quota, ReconciledDay, ThirdPartyCase
from ledger.book.beside.days import DayLine, DayTotals
from ledger.book.numbers import is_institution
from ledger.chart.care import CareTable, CareType, CauseKind, Channel, ClearingState, Coverage, Cut, Filing
from ledger.chart.members import MemberClass
from ledger.database.lookups import Lookup
from ledger.posting.command import Command, Needs
from ledger.posting.desk import Desk
from ledger.posting.load import read_acting, read_entries

_ABOUT = frozenset({
    Needs.ACCUMULATORS, Needs.QUOTAS, Needs.SETTLEMENTS, Needs.FILINGS, Needs.CASES, Needs.AGREED,
    Needs.DAYS, Needs.DAY_LINES,
})  # fmt: skip
_DAYS = frozenset({Needs.AGREED, Needs.DAYS, Needs.DAY_LINES})
RowT = TypeVar("RowT", bound=tuple[Any, ...])
_ROW = SettlementRow._fields
_S = tables.settlement.c


def _of(alias: str, names: Sequence[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in names)


def _columns(table: Table, *names: str) -> list[ColumnElement[Any]]:
    return [table.c[name] for name in names]


_COUNTERS = Accumulator._fields
_ACCUMULATORS = Lookup(
    f"SELECT a.book_id, a.year, {_of('a', _COUNTERS)} FROM {{given}}"
    " JOIN accumulator a ON a.book_id = given.book_id",
    _columns(tables.accumulator, "book_id", "year", *_COUNTERS),
    book_id="big",
)
_QUOTA = ("book_id", "seq", *Quota._fields)
# those of the donors who are locked, and those that were given to the patients
_QUOTAS = Lookup(
    f"SELECT {_of('q', _QUOTA)} FROM {{given}} JOIN quota q ON q.book_id = given.book_id"
    f" UNION SELECT {_of('q', _QUOTA)} FROM {{given}}"
    " JOIN quota q ON q.recipient_id = given.person_id AND NOT q.ended",
    _columns(tables.quota, *_QUOTA),
    book_id="big",
    person_id="big",
)
_SETTLED = Lookup(
    f"SELECT s.book_id, s.seq, {_of('s', _ROW)} FROM {{given}} JOIN settlement s"
    " ON s.book_id = given.book_id AND s.seq >= given.since AND s.care_date >= given.first"
    " AND s.care_date <= given.last ORDER BY s.book_id, s.seq",
    [_S.book_id, _S.seq, *_columns(tables.settlement, *_ROW)],
    book_id="big",
    since="int",
    first="date",
    last="date",
)
_FILINGS = Lookup(
    f"SELECT f.book_id, f.seq, e.effective_on, {_of('f', FilingRow._fields)} FROM {{given}}"
    " JOIN filing f ON f.book_id = given.book_id"
    " JOIN entry e ON e.book_id = f.book_id AND e.seq = f.seq ORDER BY f.book_id, f.seq",
    [
        *_columns(tables.filing, "book_id", "seq"),
        tables.entry.c.effective_on,
        *_columns(tables.filing, *FilingRow._fields),
    ],
    book_id="big",
)
_CASE = ("book_id", "seq", *ThirdPartyCase._fields)
_CASES = Lookup(
    f"SELECT {_of('c', _CASE)} FROM {{given}} JOIN third_party_case c ON c.book_id = given.book_id",
    _columns(tables.third_party_case, *_CASE),
    book_id="big",
)
_DAY = ("book_id", "day", *ReconciledDay._fields)
_RECONCILED = Lookup(
    f"SELECT {_of('d', _DAY)} FROM {{given}} JOIN reconciled_day d"
    " ON d.book_id = given.book_id AND d.day >= given.first AND d.day <= given.last",
    _columns(tables.reconciled_day, *_DAY),
    book_id="big",
    first="date",
    last="date",
)
_CLEARING = ("book_id", "period", *Clearing._fields)
_CLEARINGS = Lookup(
    f"SELECT {_of('c', _CLEARING)} FROM {{given}} JOIN clearing c ON c.book_id = given.book_id",
    _columns(tables.clearing, *_CLEARING),
    book_id="big",
)
# A reversal is a row of its own, on the day it was posted; what the person's relatives paid is not `account`.
_TOTALS = Lookup(
    "SELECT s.institution_id, s.settled_on, COUNT(*), SUM(s.total),"
    " SUM(s.pooled_pay + s.large_pay), SUM(s.account_pay) FROM {given} JOIN settlement s"
    " ON s.institution_id = given.book_id AND s.settled_on >= given.first AND s.settled_on <= given.last"
    f" WHERE s.channel = {int(Channel.NETWORK)} GROUP BY s.institution_id, s.settled_on",
    [
        _S.institution_id,
        _S.settled_on,
        column("bills", Integer),
        column("total", BigInteger),
        column("fund", BigInteger),
        column("account", BigInteger),
    ],
    book_id="big",
    first="date",
    last="date",
)
_LINES = Lookup(
    "SELECT s.institution_id, s.settled_on, e.source_ref, s.total, s.pooled_pay + s.large_pay AS fund,"
    " s.account_pay FROM {given}"
    " JOIN settlement s ON s.institution_id = given.book_id AND s.settled_on = given.day"
    " JOIN entry e ON e.book_id = s.book_id AND e.seq = COALESCE(s.reverses_seq, s.seq)"
    f" WHERE s.channel = {int(Channel.NETWORK)} ORDER BY s.book_id, s.seq",
    [
        _S.institution_id,
        _S.settled_on,
        tables.entry.c.source_ref,
        _S.total,
        column("fund", BigInteger),
        _S.account_pay,
    ],
    book_id="big",
    day="date",
)


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
    connection: Connection, asked: Sequence[tuple[int, int, str, str]]
) -> dict[int, dict[int, SettlementRow]]:
    """Settled bills by book and entry, of (book, first entry, first and last day of care)."""
    found: dict[int, dict[int, SettlementRow]] = {}
    for book_id, seq, *values in _SETTLED.run(connection, asked):
        found.setdefault(book_id, {})[seq] = settlement_row(values)
    return found


def read_care(connection: Connection, commands: Sequence[tuple[int, Command]], desk: Desk) -> None:
    """What commands about care asked for, each kind of fact in one statement."""
    asking = [
        (book_id, command)
        for book_id, command in commands
        if command.needs & _ABOUT and book_id in desk.books
    ]
    _read_days(connection, commands, desk)
    if not asking:
        return

    def of(need: Needs) -> list[int]:
        return list(dict.fromkeys(book_id for book_id, command in asking if need in command.needs))

    for book_id in dict.fromkeys(book_id for book_id, _command in asking):
        desk.books[book_id].care = desk.books[book_id].care or Care()
    for book_id, year, *counters in _ACCUMULATORS.run(connection, _each(of(Needs.ACCUMULATORS))):
        _care(desk, book_id).accumulators[year] = Accumulator._make(counters)
    if any(Needs.QUOTAS in command.needs for _book_id, command in asking):
        _read_quotas(connection, desk)
    cases = _CASES.run(connection, _each(of(Needs.CASES)))
    for book_id, seq, *case in cases:
        _care(desk, book_id).cases[seq] = ThirdPartyCase._make(case)
    for receipt in read_entries(connection, [(book_id, seq) for book_id, seq, *_case in cases]):
        desk.targets[receipt.book_id, receipt.seq] = receipt
    for book_id, seq, recorded_on, filed, *rest in _FILINGS.run(connection, _each(of(Needs.FILINGS))):
        desk.filings.setdefault(book_id, []).append((seq, recorded_on, FilingRow(Filing(filed), *rest)))
    _read_settlements(connection, asking, desk)


def _once(rows: list[RowT]) -> list[RowT]:
    return list(dict.fromkeys(rows))


def _each(books: Sequence[int]) -> list[tuple[int]]:
    return [(book_id,) for book_id in books]


def _care(desk: Desk, book_id: int) -> Care:
    book = desk.books[book_id]
    if book.care is None:
        book.care = Care()
    return book.care


def _read_quotas(connection: Connection, desk: Desk) -> None:
    asked = [(book_id, book.person_id or 0) for book_id, book in desk.books.items()]
    for book_id, seq, *values in _QUOTAS.run(connection, asked):
        quota = Quota._make(values)
        if book_id in desk.books:
            _care(desk, book_id).quotas[seq] = quota
        if not quota.ended:
            desk.aid.setdefault(quota.recipient_id, []).append((quota.rank, book_id, seq))
    for given in desk.aid.values():
        given.sort()


def _read_settlements(connection: Connection, asking: Sequence[tuple[int, Command]], desk: Desk) -> None:
    wanted: list[tuple[int, int, str, str]] = []
    targets: list[tuple[int, int]] = []
    for book_id, command in asking:
        if Needs.SETTLEMENTS not in command.needs:
            continue
        since = command.target_seq
        if since is None and command.follows_stake is not None and command.source_ref is not None:
            known = [
                seen[1].seq
                for (book, kind, source), seen in desk.sourced.items()
                if book == book_id and kind == command.follows_stake and source == command.source_ref
            ]
            since = known[0] if known else None
        year = command.care_year
        if year is not None:
            wanted.append((book_id, 1, f"{year}-01-01", f"{year}-12-31"))
        elif since is not None:
            wanted.append((book_id, since, "0001-01-01", "9999-12-31"))
            targets.append((book_id, since))
    for book_id, rows in read_settled(connection, list(dict.fromkeys(wanted))).items():
        desk.settled.setdefault(book_id, {}).update(rows)
    missing = [place for place in dict.fromkeys(targets) if place not in desk.targets]
    for receipt in read_entries(connection, missing):
        desk.targets[receipt.book_id, receipt.seq] = receipt
    read_acting(connection, list(dict.fromkeys(targets)), desk)


def _read_days(connection: Connection, commands: Sequence[tuple[int, Command]], desk: Desk) -> None:
    """What both sides agreed on, and what we have; a book that nothing was written in yet may have bills."""
    agreed: list[tuple[int, str, str]] = []
    spans: list[tuple[int, str, str]] = []
    lines: list[tuple[int, str]] = []
    for book_id, command in commands:
        needs = command.needs
        if command.days is None or not needs & _DAYS:
            continue
        first, last = (day.isoformat() for day in command.days)
        # its own, or that of the institution which the command names beside a patient's
        about = [book_id] if is_institution(book_id) else filter(is_institution, desk.books)
        agreed += [(one, first, last) for one in about]
        if Needs.DAYS in needs:
            spans.append((book_id, first, last))
        if Needs.DAY_LINES in needs:
            lines.append((book_id, first))
    agreed, spans, lines = _once(agreed), _once(spans), _once(lines)
    for book_id, day, balanced, *rest in _RECONCILED.run(connection, agreed):
        _care(desk, book_id).days[day] = ReconciledDay(bool(balanced), *rest)
    for book_id, period, state, *rest in _CLEARINGS.run(connection, _each([one[0] for one in agreed])):
        _care(desk, book_id).clearings[period] = Clearing(ClearingState(state), *rest)
    for book_id, day, bills, total, fund, account in _TOTALS.run(connection, spans):
        totals: dict[date, DayTotals] = desk.day_totals.setdefault(book_id, {})
        totals[day] = DayTotals(int(bills), int(total), int(fund), int(account))
    for book_id, day, source_ref, total, fund, account in _LINES.run(connection, lines):
        _code, _, message_id = source_ref.partition("/")
        desk.day_lines.setdefault((book_id, day), []).append(DayLine(message_id, total, fund, account))
