"""What the entries and rows of a book's care add up to: counters, quotas, cases, days and months. Pure."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from ledger.book.beside.care_rows import SettlementRow, Used
from ledger.chart.care import CareTable, ClearingState


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


class Quota(NamedTuple):
    """Money of a donor that is reserved for a relative (R35, R36). `remaining` is what of it is not used."""

    recipient_id: int
    amount: int
    remaining: int
    rank: int
    relation: str
    ended: bool = False


class ThirdPartyCase(NamedTuple):
    """A settled bill of which somebody else bears a share (R44–R47). `advance` is also the receivable."""

    settlement_seq: int
    kind: int
    # of the bill's in-scope part: what the cause takes off
    excluded: int
    advance: int = 0
    # what the third party has paid so far, and what of the advance came back by bank and by set-off
    paid: int = 0
    returned: int = 0
    set_off: int = 0

    @property
    def receivable(self) -> int:
        return self.advance - self.returned - self.set_off


class ReconciledDay(NamedTuple):
    """A day of an institution as both sides have agreed on it, or not (R34). The sums are ours."""

    balanced: bool
    bills: int
    total: int
    fund: int
    account: int
    seq: int


class Clearing(NamedTuple):
    """A month of an institution that was cleared: what the agency owes it."""

    state: ClearingState
    bills: int
    total: int
    fund: int
    account: int
    seq: int


class Care:
    """What posting has read of one book's care, and what the batch changed of it."""

    __slots__ = ("accumulators", "cases", "clearings", "days", "quotas", "touched")

    def __init__(self) -> None:
        self.accumulators: dict[int, Accumulator] = {}
        self.quotas: dict[int, Quota] = {}
        self.cases: dict[int, ThirdPartyCase] = {}
        self.days: dict[date, ReconciledDay] = {}
        self.clearings: dict[int, Clearing] = {}
        # (which of the above, its key): the state rows to write
        self.touched: set[tuple[str, int | date]] = set()

    def copy(self) -> Care:
        other = Care()
        for name in ("accumulators", "quotas", "cases", "days", "clearings"):
            if getattr(self, name):
                setattr(other, name, dict(getattr(self, name)))
        other.touched = set(self.touched)
        return other

    def used(self, year: int) -> Accumulator:
        return self.accumulators.get(year, NOTHING_USED)

    def count(self, row: SettlementRow) -> Accumulator:
        """Let the counters of the row's year of care include it."""
        year = row.care_date.year
        self.accumulators[year] = self.used(year).add(row)
        self.touched.add(("accumulators", year))
        return self.accumulators[year]

    def set_quota(self, seq: int, quota: Quota) -> None:
        self.quotas[seq] = quota
        self.touched.add(("quotas", seq))

    def set_case(self, seq: int, case: ThirdPartyCase) -> None:
        self.cases[seq] = case
        self.touched.add(("cases", seq))

    def set_day(self, day: date, state: ReconciledDay) -> None:
        self.days[day] = state
        self.touched.add(("days", day))

    def set_clearing(self, period: int, clearing: Clearing) -> None:
        self.clearings[period] = clearing
        self.touched.add(("clearings", period))
