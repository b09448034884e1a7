"""Ending a contract or a suspension (R18): its last day, said by an entry of its own.

The row that settlements read gets its last day together with that entry. What was settled on days after it
stands: whoever settled it went by what was agreed on then, as when a suspension is recorded late.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from ledger.book.beside import rows_digest
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.bounds.table import ENDS_ON
from ledger.chart.kinds import Kind
from ledger.institutions.rows import ContractEndRow, ContractRow, SuspensionEndRow, SuspensionRow
from ledger.posting import TARGET, Command, Desk
from ledger.refusals import RefusalCode, Refused


@dataclass(eq=False)
class EndContract(Command):
    """End the contract that the entry `target_seq` recorded: `valid_to` is its last day.

    It may lie ahead, and is not after the day on which the contract ends anyway. A contract is ended once;
    what comes after it is another contract.
    """

    verb = "end_contract"
    refused_with = (
        RefusalCode.CONTRACT_NOT_FOUND,
        # before it begins, or after it ends anyway
        RefusalCode.PERIOD_INVALID,
        RefusalCode.CONTRACT_ENDED,
    )
    needs = frozenset({TARGET})

    book: int
    institution: str
    target_seq: int
    valid_to: date
    reason: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.target_seq}|{self.valid_to}|{self.reason}"

    def decide(self, desk: Desk) -> None:
        recorded = desk.target(self.target_seq)
        if recorded is None or recorded.kind is not Kind.CONTRACT:
            raise Refused(RefusalCode.CONTRACT_NOT_FOUND, at="target_seq")
        told = unpack(recorded.detail)
        first, last = _days(told)
        _vouched(told, ContractRow(self.institution, first, last, told["services"]))
        _check_end(desk, first, last, self.valid_to)
        if desk.acted_on(self.target_seq) is not None:
            raise Refused(RefusalCode.CONTRACT_ENDED)
        institution = desk.institutions[self.institution]
        # for whoever comes after it in the same batch
        desk.institutions[self.institution] = institution._replace(
            contracts=tuple(
                (one, self.valid_to if one == first else until, services)
                for one, until, services in institution.contracts
            )
        )
        row = ContractEndRow(self.institution, first, self.valid_to, told["services"])
        _add(desk, Kind.CONTRACT_END, self.target_seq, row, self.reason)


@dataclass(eq=False)
class EndSuspension(Command):
    """End the suspension that the entry `target_seq` recorded, on the same terms: from the day after
    `valid_to` on the contracts count again.
    """

    verb = "end_suspension"
    refused_with = (
        RefusalCode.SUSPENSION_NOT_FOUND,
        # before it begins, or after it ends anyway
        RefusalCode.PERIOD_INVALID,
        RefusalCode.SUSPENSION_ENDED,
    )
    needs = frozenset({TARGET})

    book: int
    institution: str
    target_seq: int
    valid_to: date
    reason: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.target_seq}|{self.valid_to}|{self.reason}"

    def decide(self, desk: Desk) -> None:
        recorded = desk.target(self.target_seq)
        if recorded is None or recorded.kind is not Kind.SUSPENSION:
            raise Refused(RefusalCode.SUSPENSION_NOT_FOUND, at="target_seq")
        told = unpack(recorded.detail)
        first, last = _days(told)
        _vouched(told, SuspensionRow(self.institution, first, last))
        _check_end(desk, first, last, self.valid_to)
        if desk.acted_on(self.target_seq) is not None:
            raise Refused(RefusalCode.SUSPENSION_ENDED)
        institution = desk.institutions[self.institution]
        desk.institutions[self.institution] = institution._replace(
            suspensions=tuple(
                (one, self.valid_to if one == first else until) for one, until in institution.suspensions
            )
        )
        row = SuspensionEndRow(self.institution, first, self.valid_to)
        _add(desk, Kind.SUSPENSION_END, self.target_seq, row, self.reason)


def _days(told: dict[str, Any]) -> tuple[date, date | None]:
    """The days that an entry gave to what it recorded."""
    last = told.get("to")
    return date.fromisoformat(told["from"]), None if last is None else date.fromisoformat(last)


def _vouched(told: dict[str, Any], row: ContractRow | SuspensionRow) -> None:
    if told["rows"] != rows_digest((row,)):
        raise AssertionError("what was recorded is of the institution whose book it stands in")


def _check_end(desk: Desk, first: date, last: date | None, end: date) -> None:
    ENDS_ON.admit(end, desk.today, "valid_to", beginning=first)
    if last is not None and end > last:
        raise Refused(RefusalCode.PERIOD_INVALID, at="valid_to", earliest=first, latest=last)


def _add(desk: Desk, kind: Kind, target: int, row: ContractEndRow | SuspensionEndRow, reason: str) -> None:
    days = {"from": row.valid_from.isoformat(), "to": row.valid_to.isoformat()}
    detail = pack(**days, reason=reason, rows=rows_digest((row,)))
    desk.book.add(Draft(kind, desk.today, target_seq=target, keyed=True, beside=(row,), detail=detail))
