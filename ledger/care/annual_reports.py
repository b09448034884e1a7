"""The statement of an annual settlement (R42): what it was worked out of, as its entry and rows have it.

Nothing is computed again: the entry keeps what came out otherwise, all else is as the bills were settled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.book.numbers import entry_name
from ledger.care.counters import Accumulator
from ledger.care.reads import read_settled
from ledger.care.recomputation import by_care_date
from ledger.care.rows import SettlementRow, standing
from ledger.chart.care import CareTable, Channel, Coverage, Cut, Filing
from ledger.chart.members import MemberClass
from ledger.posting import Receipt
from ledger.posting.reads import read_entries
from ledger.refusals import RefusalCode, Refused

_B, _I, _G = tables.book.c, tables.institution.c, tables.institution_change.c


class YearBill(NamedTuple):
    """A bill of the year as it was settled and as it comes out; `reasons` are none when that is the same."""

    name: str
    # the institution's code and name
    institution: str
    institution_name: str
    was: SettlementRow
    now: SettlementRow
    reasons: tuple[str, ...]


class EarlierStatement(NamedTuple):
    """A statement of the same year that this one supplements."""

    name: str
    settled_on: date


@dataclass(frozen=True, slots=True)
class YearStatement:
    """One annual settlement. `before` is what was settled of the year until then. Amounts in fen."""

    book_id: int
    person_id: int | None
    area: int
    year: int
    receipt: Receipt
    bills: tuple[YearBill, ...]
    before: Accumulator
    after: Accumulator
    to_bank: int
    to_account: int
    # given back to relatives who had paid; to the heirs, when the account was closed
    to_relatives: int
    to_heirs: int
    claimed_back: int
    # what was asked back for this year before and is not owed any more, and what is still owed
    forgiven: int
    still_owed: int
    earlier: tuple[EarlierStatement, ...]


def last_statement(connection: Connection, book_id: int, year: int) -> YearStatement:
    """The latest statement of a person's year. Raises Refused(annual_settlement_not_found)."""
    rows = _rows(connection, book_id, year)
    seqs = [seq for seq, row in rows.items() if row.channel is Channel.ANNUAL]
    statements = [
        one
        for one in read_entries(connection, [(book_id, seq) for seq in seqs])
        if "after" in unpack(one.detail)
    ]
    if not statements:
        raise Refused(RefusalCode.ANNUAL_SETTLEMENT_NOT_FOUND, at="year")
    return _statement(connection, max(statements, key=lambda one: one.seq), year, rows)


def statement_of(connection: Connection, receipt: Receipt, year: int) -> YearStatement:
    """The statement that an entry is, or would be: of a rehearsed one only what it is based on is read."""
    return _statement(connection, receipt, year, _rows(connection, receipt.book_id, year))


def _rows(connection: Connection, book_id: int, year: int) -> dict[int, SettlementRow]:
    asked = [(book_id, 1, f"{year}-01-01", f"{year}-12-31")]
    return read_settled(connection, asked).get(book_id, {})


def _statement(
    connection: Connection, receipt: Receipt, year: int, rows: Mapping[int, SettlementRow]
) -> YearStatement:
    told = unpack(receipt.detail)
    book_id = receipt.book_id
    known = {seq: row for seq, row in rows.items() if seq < receipt.seq}
    bills = sorted(standing(known).items(), key=by_care_date)
    changed = {one["seq"]: one for one in told["changed"]}
    institutions = _institutions(connection, {(row.institution_id, row.care_date) for _seq, row in bills})
    book = connection.execute(select(_B.person_id, _B.area).where(_B.book_id == book_id)).one()
    return YearStatement(
        book_id,
        book.person_id,
        book.area,
        year,
        receipt,
        tuple(
            YearBill(
                entry_name(book_id, seq),
                *institutions[row.institution_id or 0, row.care_date],
                row,
                _as_it_comes_out(row, changed[seq]) if seq in changed else row,
                tuple(changed[seq]["why"]) if seq in changed else (),
            )
            for seq, row in bills
        ),
        Accumulator(**told["before"]),
        Accumulator(**told["after"]),
        to_bank=told["to_bank"],
        to_account=told["to_account"],
        # statements of before gave relatives' money to the account
        to_relatives=told.get("to_relatives", 0),
        to_heirs=told.get("to_heirs", 0),
        claimed_back=told["claimed_back"],
        forgiven=told["forgiven"],
        still_owed=told["still_owed"],
        earlier=_earlier(connection, book_id, known),
    )


def _as_it_comes_out(row: SettlementRow, told: Mapping[str, Any]) -> SettlementRow:
    return row._replace(
        care_table=CareTable(told["care_table"]),
        level=told.get("level", row.level),
        member_class=MemberClass(told["member_class"]),
        coverage=Coverage(told["coverage"]),
        filing=Filing(told["filing"]),
        cut=Cut(told["cut"]),
        admission=told["admission"],
        deductible=told["deductible"],
        ratio=told["ratio"],
        pooled_pay=told["pooled_pay"][1],
        large_pay=told["large_pay"][1],
        own_burden=told["own_burden"][1],
    )


def _institutions(
    connection: Connection, places: set[tuple[int | None, date]]
) -> dict[tuple[int, date], tuple[str, str]]:
    """Code and name of institutions on days of care."""
    parties = {party for party, _day in places if party is not None}
    query = select(_I.party_id, _I.code, _I.name).where(_I.party_id.in_(parties))
    said = (
        select(_G.book_id, _G.valid_from, _G.name)
        .where(_G.book_id.in_(parties), _G.name.is_not(None))
        .order_by(_G.valid_from, _G.seq)
    )
    names = [tuple(row) for row in connection.execute(said)]
    found = {}
    for party, code, first in connection.execute(query):
        for day in {day for one, day in places if one == party}:
            then = [name for one, since, name in names if one == party and since <= day]
            found[party, day] = code, then[-1] if then else first
    return found


def _earlier(
    connection: Connection, book_id: int, rows: Mapping[int, SettlementRow]
) -> tuple[EarlierStatement, ...]:
    """Of several entries of one settlement it is the last that is the statement, and has its sums."""
    places = [(book_id, seq) for seq, row in rows.items() if row.channel is Channel.ANNUAL]
    return tuple(
        EarlierStatement(receipt.name, receipt.effective_on)
        for receipt in sorted(read_entries(connection, places), key=lambda one: one.seq)
        if "after" in unpack(receipt.detail)
    )
