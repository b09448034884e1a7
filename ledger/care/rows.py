"""What entries about care write beside themselves: bills, filings, claims. Pure data.

A settled bill is a row of signed amounts; a reversal is the same row with every sign turned, so what a year
came to is a plain sum. Amounts are integer fen, rates and shares integers per RATE_SCALE.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from ledger.chart.care import SIGNED, CareTable, CareType, CauseKind, Channel, Coverage, Cut, Filing
from ledger.chart.members import MemberClass
from ledger.policy import RATE_SCALE


class BillLine(NamedTuple):
    """One line of a bill: an item of class A, B or C, of which `over_limit` is above its price limit."""

    item: str
    line_class: str
    amount: int
    over_limit: int = 0
    self_pay_ratio: int = 0


class Cause(NamedTuple):
    """The declared cause of an injury, and the share of the bill that goes with it."""

    kind: CauseKind
    share: int = RATE_SCALE


class Circumstances(NamedTuple):
    """What decides by which numbers of the policy a bill goes."""

    care_type: CareType
    care_date: date
    level: int
    member_class: MemberClass
    coverage: Coverage
    filing: Filing
    cut: Cut
    # the n-th admission of the year, 0 for care that is none
    admission: int


class Used(NamedTuple):
    """What the bills of the year had used of its deductible, its cap and the large fund before this one."""

    deductible: int = 0
    pooled: int = 0
    large: int = 0


class SettlementRow(NamedTuple):
    """What one entry settled: a bill, its reversal (every amount below zero), or a yearly difference."""

    channel: Channel
    care_table: CareTable
    care_type: CareType
    care_date: date
    # the institution's book
    institution_id: int | None
    # the day on which both sides count it (R34): that of its posting, or the unbalanced day that it repairs
    settled_on: date
    level: int
    member_class: MemberClass
    coverage: Coverage
    filing: Filing
    cut: Cut
    admission: int
    use_account: bool
    total: int
    own_expense: int
    over_limit: int
    pre_self_pay: int
    in_scope: int
    # of `in_scope`: what the declared cause takes off before anything is paid (R44)
    excluded: int
    deductible: int
    ratio: int
    pooled_pay: int
    large_pay: int
    top_up_pay: int
    account_pay: int
    mutual_pay: int
    cash_pay: int
    hospital_share: int
    # of `in_scope`: what is left to the person and counts for the yearly top-up
    own_burden: int
    visit_seq: int | None = None
    reverses_seq: int | None = None
    cause_kind: CauseKind | None = None
    cause_share: int | None = None
    bill_no: str | None = None
    # the bill as it was sent, as canonical JSON
    lines: str | None = None

    @property
    def fund_sum(self) -> int:
        """What the funds pay, without account and relatives."""
        return self.pooled_pay + self.large_pay + self.top_up_pay

    @property
    def sign(self) -> int:
        return -1 if self.reverses_seq is not None else 1

    def mirrored(self, seq: int, settled_on: date) -> SettlementRow:
        """The row that takes this one back, which the entry `seq` settled."""
        turned = {name: -getattr(self, name) for name in SIGNED}
        return self._replace(**turned, reverses_seq=seq, settled_on=settled_on, lines=None)


def standing(rows: Mapping[int, SettlementRow]) -> dict[int, SettlementRow]:
    """The bills among some rows, by entry, that were not taken back; yearly differences are none."""
    gone = {row.reverses_seq for row in rows.values()}
    return {
        seq: row
        for seq, row in rows.items()
        if row.channel is not Channel.ANNUAL and row.reverses_seq is None and seq not in gone
    }


class FilingRow(NamedTuple):
    """Something filed, or its end: from a day to a day, for one area, or an institution's referral."""

    filing: Filing
    valid_from: date
    valid_to: date | None
    # the area of care; None is any
    area: int | None
    institution_id: int | None
    # the entry whose filing this one takes the place of: its end
    replaces_seq: int | None = None


class ClaimRow(NamedTuple):
    """A manual claim as it was handed in (R41)."""

    institution_id: int
    care_type: CareType
    care_date: date
    received_on: date
    decide_by: date
    total: int
    bill_no: str
    lines: str
