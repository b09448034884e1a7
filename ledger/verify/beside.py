"""What entries write beside themselves is what their details hold the digest of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, select

from ledger import tables
from ledger.book.beside.care_rows import ClaimRow, ContractRow, FilingRow, SettlementRow, SuspensionRow
from ledger.book.beside.enrolments import EnrolmentRow
from ledger.book.beside.levies import AssessmentLine, DeclaredLine, LevyLine
from ledger.book.beside.rows import Rows
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.institutions.examples import EXAMPLE_INSTITUTIONS
from ledger.verify.finding import Finding, line_name
from ledger.verify.streams import Stream, streamed
from ledger.verify.walk import EMPLOYERS, institutions_in, party_of

_E = tables.entry.c

# which rows an entry writes beside itself, by the names of the fields of Rows; a refund is one in the book of
# an employer alone, and a reversal one of a settled bill alone
WRITES: dict[int, frozenset[str]] = {
    Kind.DECLARATION: frozenset({"declared"}),
    Kind.ASSESSMENT: frozenset({"levy", "assessment"}),
    Kind.ESTIMATE: frozenset({"levy"}),
    Kind.ADJUSTMENT: frozenset({"levy", "assessment"}),
    Kind.PAYMENT: frozenset({"levy", "assessment"}),
    Kind.REFUND_TO_PAYER: frozenset({"levy"}),
    Kind.ENROLMENT: frozenset({"enrolment"}),
    Kind.ENROLMENT_END: frozenset({"enrolment"}),
    Kind.SETTLEMENT: frozenset({"settlement"}),
    Kind.REVERSAL: frozenset({"settlement"}),
    Kind.CLAIM_DECISION: frozenset({"settlement"}),
    Kind.ANNUAL_SETTLEMENT: frozenset({"settlement"}),
    Kind.FILING: frozenset({"filing"}),
    Kind.MANUAL_CLAIM: frozenset({"claim"}),
}
# kinds that write rows on some occasions and not on others
_MAY_WRITE = frozenset({Kind.REVERSAL, Kind.CLAIM_DECISION, Kind.ANNUAL_SETTLEMENT})


def rows_follow_their_entry(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """What an entry wrote beside itself is what its detail holds the digest of, and no row is without one."""

    def rows_of(make: Callable[[Sequence[Any]], Any], table: Any, order: str, *names: str) -> Stream[Any]:
        return _rows_of(connection, first, last, make, table.c, order, *names)

    beside = {
        "levy": rows_of(LevyLine._make, tables.levy_line, "period", *LevyLine._fields),
        "assessment": rows_of(AssessmentLine._make, tables.assessment_line, "line", *AssessmentLine._fields),
        "declared": rows_of(DeclaredLine._make, tables.declared_line, "line", *DeclaredLine._fields),
        "enrolment": rows_of(EnrolmentRow._make, tables.enrolment, "seq", *EnrolmentRow._fields),
        "settlement": rows_of(SettlementRow._make, tables.settlement, "seq", *SettlementRow._fields),
        "filing": rows_of(FilingRow._make, tables.filing, "seq", *FilingRow._fields),
        "claim": rows_of(ClaimRow._make, tables.manual_claim, "seq", *ClaimRow._fields),
    }
    entries = (
        select(_E.book_id, _E.seq, _E.kind, _E.detail)
        .where(_E.book_id.between(first, last), _E.kind.in_([int(kind) for kind in WRITES]))
        .order_by(_E.book_id, _E.seq)
    )
    for book_id, seq, kind, detail in streamed(connection, entries):
        if kind == Kind.REFUND_TO_PAYER and party_of(book_id) != EMPLOYERS:
            continue
        found = {name: tuple(stream.of((book_id, seq))) for name, stream in beside.items()}
        wrong = _rows_fault(kind, detail, found)
        if wrong is not None:
            yield Finding("rows_wrong", line_name(book_id, seq), wrong)
    strays = {stray for stream in beside.values() for stray in stream.strays()}
    for book_id, seq in sorted(strays):
        yield Finding("rows_without_entry", line_name(book_id, seq), "wrote no rows, and there are some")


def _rows_fault(kind: int, detail: str | None, found: dict[str, tuple[Any, ...]]) -> str | None:
    if not {name for name, rows in found.items() if rows} <= WRITES[kind]:
        return f"a {Kind(kind).word} does not write such rows"
    enrolment, settlement, filing, claim = (
        next(iter(found[name]), None) for name in ("enrolment", "settlement", "filing", "claim")
    )
    rows = Rows(found["levy"], found["assessment"], found["declared"], enrolment, settlement, filing, claim)
    try:
        told = unpack(detail).get("rows")
    except ValueError:
        told = ""
    if told is None and kind in _MAY_WRITE and rows == Rows():
        return None
    if told != rows.digest():
        return "what it wrote beside itself is not what it says"
    return None


def _rows_of(
    connection: Connection,
    first: int,
    last: int,
    make: Callable[[Sequence[Any]], Any],
    table: Any,
    order: str,
    *names: str,
) -> Stream[Any]:
    query = (
        select(table.book_id, table.seq, *(table[name] for name in names))
        .where(table.book_id.between(first, last))
        .order_by(table.book_id, table.seq, table[order])
    )
    rows = streamed(connection, query)
    return Stream(((row[0], row[1]), make(row[2:])) for row in rows)


# -- contracts -----------------------------------------------------------------------------------------------

# those of the example institutions were written down without a book
_GIVEN = {(one.code, one.contract_from) for one in EXAMPLE_INSTITUTIONS}
_Days = dict[tuple[str, date], ContractRow | SuspensionRow]


def contracts_follow_their_entry(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """The contracts and suspensions of institutions are those that their books say, word for word."""
    first, last = institutions_in(first, last)
    if first > last:
        return
    place = tables.institution.c
    entries = (
        select(_E.book_id, _E.seq, _E.kind, _E.detail, place.code)
        .join_from(tables.entry, tables.institution, place.party_id == _E.book_id)
        .where(_E.book_id.between(first, last), _E.kind.in_([int(Kind.CONTRACT), int(Kind.SUSPENSION)]))
        .order_by(_E.book_id, _E.seq)
    )
    contracts: _Days = _by_day(connection, tables.contract, ContractRow, first, last)
    suspensions: _Days = _by_day(connection, tables.suspension, SuspensionRow, first, last)
    for book_id, seq, kind, detail, code in streamed(connection, entries):
        there = contracts if kind == Kind.CONTRACT else suspensions
        try:
            facts = unpack(detail)
            row = there.pop((code, date.fromisoformat(facts["from"])), None)
        except (KeyError, TypeError, ValueError):
            facts, row = {}, None
        rows = Rows(contract=row) if isinstance(row, ContractRow) else Rows(suspension=row)
        if row is None or facts.get("rows") != rows.digest():
            what = f"the {Kind(kind).word} that it recorded is not there as it was"
            yield Finding("contract_wrong", line_name(book_id, seq), what)
    for what, there in (("contract", contracts), ("suspension", suspensions)):
        for code, day in sorted(set(there) - _GIVEN):
            yield Finding("contract_without_entry", code, f"nothing recorded its {what} from {day}")


def _by_day(
    connection: Connection, table: Any, make: type[ContractRow | SuspensionRow], first: int, last: int
) -> _Days:
    place = tables.institution.c
    found = connection.execute(
        select(*(table.c[name] for name in make._fields))
        .join_from(table, tables.institution, place.code == table.c.code)
        .where(place.party_id.between(first, last))
    )
    return {(row.code, row.valid_from): make._make(row) for row in found}
