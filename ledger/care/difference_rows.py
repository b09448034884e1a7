"""The row of a yearly difference: no bill, only what funds, account and relatives pay more or less. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from ledger.book.chain import TransferLine
from ledger.care.recomputation import Part
from ledger.care.rows import SettlementRow
from ledger.chart.care import CareTable, CareType, Channel, Coverage, Cut, Filing
from ledger.chart.members import MemberClass
from ledger.chart.sides import POCKETS, Side

_CARE_TYPE = {
    CareTable.NONE: CareType.OUTPATIENT,
    CareTable.OUTPATIENT: CareType.OUTPATIENT,
    CareTable.INPATIENT: CareType.INPATIENT,
    CareTable.CHRONIC: CareType.CHRONIC,
}


def difference_row(
    part: Part, moves: Sequence[TransferLine], year: int, today: date, member_class: MemberClass
) -> SettlementRow:
    """A difference is no bill: nothing is in scope, and what funds and account pay comes off the cash."""
    back = sum(fen for _source, target, fen, _party in moves if target in POCKETS)
    aid = sum(fen for _source, target, fen, _party in moves if target == Side.MUTUAL_AID_CLEARING)
    aid -= sum(fen for source, _target, fen, _party in moves if source == Side.MUTUAL_AID_CLEARING)
    funds = part.pooled + part.large + part.top_up
    return SettlementRow(
        Channel.ANNUAL,
        part.care_table,
        _CARE_TYPE[part.care_table],
        date(year, 12, 31),
        None,
        today,
        1,
        member_class,
        Coverage.COVERED,
        Filing.NONE,
        Cut.NONE,
        0,
        back != 0 or aid != 0,
        *(0,) * 6,
        part.deductible,
        0,
        part.pooled,
        part.large,
        part.top_up,
        -back,
        -aid,
        back + aid - funds,
        0,
        part.own_burden,
    )
