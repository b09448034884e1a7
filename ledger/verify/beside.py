"""What entries write beside themselves is what their details hold the digest of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, select

from ledger import tables
from ledger.book.beside import Row, RowKind, rows_digest
from ledger.book.detail import unpack
from ledger.book.numbers import party_of
from ledger.care.counters import CLAIM_ROW, FILING_ROW, SETTLEMENT_ROW
from ledger.chart.kinds import Kind
from ledger.chart.parties import Party
from ledger.contributions.employer_changes import EMPLOYER_CHANGE_ROW
from ledger.contributions.levies import ASSESSMENT_LINE, DECLARED_LINE, LEVY_LINE
from ledger.estates.payouts import PAYOUT_ROW
from ledger.institutions.examples import EXAMPLE_INSTITUTIONS
from ledger.institutions.rows import CHANGE_ROW, ContractEndRow, ContractRow, SuspensionEndRow, SuspensionRow
from ledger.people.dated import PERSON_FACT
from ledger.people.enrolled import ENROLMENT_ROW
from ledger.people.merged import MERGE_ROW
from ledger.people.shared_numbers import SHARED_NUMBER
from ledger.verify.finding import UNREADABLE, Finding, line_name
from ledger.verify.streams import Stream, keyed, streamed

_E = tables.entry.c

# which rows an entry writes beside itself, by kind of row; a refund is one in the book of
# an employer alone, and a reversal one of a settled bill, an estimate or a payment alone
WRITES: dict[int, frozenset[RowKind[Any]]] = {
    Kind.DECLARATION: frozenset({DECLARED_LINE}),
    Kind.ASSESSMENT: frozenset({LEVY_LINE, ASSESSMENT_LINE}),
    Kind.ESTIMATE: frozenset({LEVY_LINE}),
    Kind.ADJUSTMENT: frozenset({LEVY_LINE, ASSESSMENT_LINE}),
    Kind.PAYMENT: frozenset({LEVY_LINE, ASSESSMENT_LINE}),
    Kind.REFUND_TO_PAYER: frozenset({LEVY_LINE}),
    Kind.SUSPENSE_RELEASE: frozenset({LEVY_LINE, ASSESSMENT_LINE}),
    Kind.ENROLMENT: frozenset({ENROLMENT_ROW}),
    Kind.ENROLMENT_END: frozenset({ENROLMENT_ROW}),
    Kind.SETTLEMENT: frozenset({SETTLEMENT_ROW}),
    Kind.REVERSAL: frozenset({SETTLEMENT_ROW, LEVY_LINE, ASSESSMENT_LINE}),
    Kind.CLAIM_DECISION: frozenset({SETTLEMENT_ROW}),
    Kind.ANNUAL_SETTLEMENT: frozenset({SETTLEMENT_ROW}),
    Kind.FILING: frozenset({FILING_ROW}),
    Kind.FILING_END: frozenset({FILING_ROW}),
    Kind.MANUAL_CLAIM: frozenset({CLAIM_ROW}),
    Kind.INSTITUTION_CHANGE: frozenset({CHANGE_ROW}),
    Kind.INSTITUTION_END: frozenset({CHANGE_ROW}),
    Kind.INSTITUTION_REOPENING: frozenset({CHANGE_ROW}),
    Kind.EMPLOYER_CHANGE: frozenset({EMPLOYER_CHANGE_ROW}),
    Kind.EMPLOYER_MERGER: frozenset({EMPLOYER_CHANGE_ROW}),
    Kind.NAME_CHANGE: frozenset({PERSON_FACT}),
    Kind.ID_NUMBER: frozenset({PERSON_FACT}),
    Kind.CONTACT: frozenset({PERSON_FACT}),
    Kind.SEPARATION: frozenset({SHARED_NUMBER}),
    Kind.MERGE: frozenset({PERSON_FACT, MERGE_ROW}),
    Kind.PAYOUT_ORDER: frozenset({PAYOUT_ROW}),
}
# kinds that write rows on some occasions and not on others
_MAY_WRITE = frozenset({Kind.MERGE, Kind.REVERSAL, Kind.CLAIM_DECISION, Kind.ANNUAL_SETTLEMENT})


def rows_follow_their_entry(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """What an entry wrote beside itself is what its detail holds the digest of, and no row is without one."""

    kinds = sorted(frozenset[RowKind[Any]]().union(*WRITES.values()), key=lambda kind: kind.table)
    beside = {kind: _rows_of(connection, first, last, kind) for kind in kinds}
    entries = (
        select(_E.book_id, _E.seq, _E.kind, _E.detail)
        .where(_E.book_id.between(first, last), _E.kind.in_([int(kind) for kind in WRITES]))
        .order_by(_E.book_id, _E.seq)
    )
    for book_id, seq, kind, detail in streamed(connection, entries):
        if kind == Kind.REFUND_TO_PAYER and party_of(book_id) is not Party.EMPLOYER:
            continue
        found = {kind: tuple(stream.of((book_id, seq))) for kind, stream in beside.items()}
        wrong = _rows_fault(kind, detail, found)
        if wrong is not None:
            yield Finding("rows_wrong", line_name(book_id, seq), wrong)
    strays = {stray for stream in beside.values() for stray in stream.strays()}
    for book_id, seq in sorted(strays):
        yield Finding("rows_without_entry", line_name(book_id, seq), "wrote no rows, and there are some")


def _rows_fault(kind: int, detail: str | None, found: dict[RowKind[Any], tuple[Row, ...]]) -> str | None:
    if not {row_kind for row_kind, rows in found.items() if rows} <= WRITES[kind]:
        return f"a {Kind(kind).word} does not write such rows"
    beside = [row for rows in found.values() for row in rows]
    try:
        told = unpack(detail).get("rows")
    except UNREADABLE:
        told = ""
    if told is None and kind in _MAY_WRITE and not beside:
        return None
    if told != rows_digest(beside):
        return "what it wrote beside itself is not what it says"
    return None


def _rows_of(connection: Connection, first: int, last: int, kind: RowKind[Any]) -> Stream[Any]:
    table = tables.metadata.tables[kind.table]
    query = (
        select(table.c.book_id, table.c.seq, *(table.c[name] for name in kind.fields))
        .where(table.c.book_id.between(first, last))
        .order_by(*table.primary_key)
    )
    rows = streamed(connection, query)
    return Stream(keyed(rows, 2, kind.row._make))


# -- contracts -----------------------------------------------------------------------------------------------

# those of the example institutions were written down without a book
_GIVEN = {(one.code, one.contract_from) for one in EXAMPLE_INSTITUTIONS}
_OF_CONTRACTS = (Kind.CONTRACT, Kind.CONTRACT_END)
_OF_SUSPENSIONS = (Kind.SUSPENSION, Kind.SUSPENSION_END)
_Row = ContractRow | SuspensionRow
_Days = dict[tuple[str, date], _Row]


def contracts_follow_their_entry(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """The contracts and suspensions of institutions are those that their books say, word for word: as
    recorded, and with the last day of their end.
    """
    first, last = Party.INSTITUTION.within(first, last)
    if first > last:
        return
    place = tables.institution.c
    entries = (
        select(_E.book_id, _E.seq, _E.kind, _E.target_seq, _E.detail, place.code)
        .join_from(tables.entry, tables.institution, place.party_id == _E.book_id)
        .where(
            _E.book_id.between(first, last),
            _E.kind.in_([int(kind) for kind in (*_OF_CONTRACTS, *_OF_SUSPENSIONS)]),
        )
        .order_by(_E.book_id, _E.seq)
    )
    contracts: _Days = _by_day(connection, tables.contract, ContractRow, first, last)
    suspensions: _Days = _by_day(connection, tables.suspension, SuspensionRow, first, last)
    for (book_id, code), lines in groupby(streamed(connection, entries), key=attrgetter("book_id", "code")):
        said: dict[int, tuple[Kind, _Row | None]] = {}
        for _book, seq, number, target, detail, _code in lines:
            kind = Kind(number)
            recorded = said.get(target, (kind, None))[1] if target is not None else None
            row = _said(kind, code, detail, recorded)
            if row is None:
                what = f"the {kind.word} that it recorded cannot be read, or is not what it says"
                yield Finding("contract_wrong", line_name(book_id, seq), what)
            # an end is one of the thing that it ends
            said[seq if target is None else target] = (kind, row)
        for seq, (kind, row) in said.items():
            there = contracts if kind in _OF_CONTRACTS else suspensions
            if row is not None and there.pop((code, row.valid_from), None) != row:
                what = f"the {kind.word} that it recorded is not there as it was"
                yield Finding("contract_wrong", line_name(book_id, seq), what)
    for what, there in (("contract", contracts), ("suspension", suspensions)):
        for code, day in sorted(set(there) - _GIVEN):
            yield Finding("contract_without_entry", code, f"nothing recorded its {what} from {day}")


def _said(kind: Kind, code: str, detail: str | None, recorded: _Row | None) -> _Row | None:
    """The row as an entry says it, of an end the one that it ends; None when it cannot be."""
    try:
        told = unpack(detail)
        days = date.fromisoformat(told["from"]), _day(told.get("to"))
        row: _Row
        if kind is Kind.CONTRACT:
            row = ContractRow(code, *days, told["services"])
        elif kind is Kind.SUSPENSION:
            row = SuspensionRow(code, *days)
        elif recorded is None or recorded.valid_from != days[0]:
            return None
        else:
            row = recorded._replace(valid_to=days[1])
        return row if told.get("rows") == rows_digest((_as_written(kind, row),)) else None
    except UNREADABLE:
        return None


def _as_written(kind: Kind, row: _Row) -> Row:
    if kind is Kind.CONTRACT_END:
        return ContractEndRow(*row)
    return SuspensionEndRow(*row) if kind is Kind.SUSPENSION_END else row


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _by_day(connection: Connection, table: Any, make: type[_Row], first: int, last: int) -> _Days:
    place = tables.institution.c
    found = connection.execute(
        select(*(table.c[name] for name in make._fields))
        .join_from(table, tables.institution, place.code == table.c.code)
        .where(place.party_id.between(first, last))
    )
    return {(row.code, row.valid_from): make._make(row) for row in found}
