"""What entries of an institution's book write beside themselves: contracts and suspensions. Pure."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from ledger.book.beside import RowKind
from ledger.chart.rows import RowLetter


class ContractRow(NamedTuple):
    """A contract of an institution; `services` are the words of care types."""

    code: str
    valid_from: date
    valid_to: date | None
    services: str


class SuspensionRow(NamedTuple):
    """Days on which no contract of an institution counts (R18)."""

    code: str
    valid_from: date
    valid_to: date | None


CONTRACT_ROW = RowKind("contract", RowLetter.CONTRACT, ContractRow)
SUSPENSION_ROW = RowKind("suspension", RowLetter.SUSPENSION, SuspensionRow)
