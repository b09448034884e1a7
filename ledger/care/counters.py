"""The counters of a year of care, and how what entries write beside themselves adds up to them. Pure."""

from __future__ import annotations

from typing import NamedTuple

from ledger.book.beside import RowKind, StateKind, with_lengths
from ledger.book.state import Book
from ledger.care.rows import ClaimRow, FilingRow, SettlementRow, Used
from ledger.chart.care import CareTable
from ledger.chart.rows import RowLetter


class Accumulator(NamedTuple):
    """The counters of one year of care: what its rows add up to. `version` counts the rows."""

    version: int = 0
    outpatient_deductible: int = 0
    outpatient_pooled: int = 0
    inpatient_deductible: int = 0
    inpatient_pooled: int = 0
    chronic_deductible: int = 0
    chronic_pooled: int = 0
    large: int = 0
    top_up: int = 0
    admissions: int = 0
    own_burden: int = 0

    def add(self, row: SettlementRow) -> Accumulator:
        table = row.care_table
        return Accumulator(
            self.version + 1,
            self.outpatient_deductible + (row.deductible if table == CareTable.OUTPATIENT else 0),
            self.outpatient_pooled + (row.pooled_pay if table == CareTable.OUTPATIENT else 0),
            self.inpatient_deductible + (row.deductible if table == CareTable.INPATIENT else 0),
            self.inpatient_pooled + (row.pooled_pay if table == CareTable.INPATIENT else 0),
            self.chronic_deductible + (row.deductible if table == CareTable.CHRONIC else 0),
            self.chronic_pooled + (row.pooled_pay if table == CareTable.CHRONIC else 0),
            self.large + row.large_pay,
            self.top_up + row.top_up_pay,
            self.admissions + (row.sign if row.admission else 0),
            self.own_burden + row.own_burden,
        )

    def used(self, table: CareTable) -> Used:
        """What counts against the deductible and the caps of a table."""
        if table is CareTable.INPATIENT:
            # its deductible is one for each admission
            used = (0, self.inpatient_pooled, self.large)
        elif table is CareTable.CHRONIC:
            used = (self.chronic_deductible, self.chronic_pooled, self.large)
        else:
            used = (self.outpatient_deductible, self.outpatient_pooled, self.large)
        # a bill taken back after its year was settled for less leaves less than nothing
        return Used(*(max(fen, 0) for fen in used))


NOTHING_USED = Accumulator()


# by year of care
COUNTERS: StateKind[int, Accumulator] = StateKind("accumulator", ("year",), Accumulator)


def used_in(book: Book, year: int) -> Accumulator:
    """What the bills of a year of care have used so far."""
    return book.of(COUNTERS).get(year) or NOTHING_USED


def count(book: Book, row: SettlementRow) -> None:
    """Let the counters of the row's year of care include it."""
    year = row.care_date.year
    book.of(COUNTERS).set(year, used_in(book, year).add(row))


SETTLEMENT_ROW = RowKind("settlement", RowLetter.SETTLEMENT, SettlementRow, apply=count)


def _told_of_filing(row: FilingRow) -> str:
    """What replaces nothing is told as it was before there were ends."""
    *filed, replaces_seq = row
    return with_lengths(tuple(filed) if replaces_seq is None else row)


FILING_ROW = RowKind("filing", RowLetter.FILING, FilingRow, told=_told_of_filing)
CLAIM_ROW = RowKind("manual_claim", RowLetter.CLAIM, ClaimRow)
