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


class ContractEndRow(NamedTuple):
    """A contract with the last day that its end gives it: it takes the place of the contract's own row."""

    code: str
    valid_from: date
    valid_to: date
    services: str


class SuspensionEndRow(NamedTuple):
    """The same of a suspension."""

    code: str
    valid_from: date
    valid_to: date


class InstitutionChangeRow(NamedTuple):
    """What is said of an institution from a day on; None is what stays as it was."""

    valid_from: date
    name: str | None = None
    kind: str | None = None
    level: int | None = None
    area: int | None = None
    # whether there is no such institution any more, and the code of the one that took its place
    ended: bool | None = None
    successor: str | None = None


CONTRACT_ROW = RowKind("contract", RowLetter.CONTRACT, ContractRow)
SUSPENSION_ROW = RowKind("suspension", RowLetter.SUSPENSION, SuspensionRow)
CONTRACT_END_ROW = RowKind("contract", RowLetter.CONTRACT_END, ContractEndRow, replaces=True)
SUSPENSION_END_ROW = RowKind("suspension", RowLetter.SUSPENSION_END, SuspensionEndRow, replaces=True)
CHANGE_ROW = RowKind("institution_change", RowLetter.INSTITUTION_CHANGE, InstitutionChangeRow)
