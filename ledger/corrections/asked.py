"""What a mass correction is about: a parameter, a list or one person's class that was wrong on some days."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from hashlib import sha256
from typing import Final, NamedTuple

from ledger.bounds.table import CORRECTED_FROM, CORRECTED_TO
from ledger.chart.members import MemberClass
from ledger.corrections.lines import Corrected
from ledger.months import next_period, period_of
from ledger.policy import Policy
from ledger.refusals import RefusalCode, Refused

# what a premium is worked out from (R7, R14)
OF_PREMIUMS: Final = frozenset({
    "contributions.average_wage",
    "contributions.floor_share",
    "contributions.cap_share",
    "contributions.employee_rate",
    "contributions.employer_rate",
    "contributions.flexible_rate",
    "contributions.flexible_account_rate",
    "unemployment.base_share",
    "unemployment.account_credit",
})  # fmt: skip
# what `Correction.name` gives
NAME: Final = re.compile(r"correction-[0-9]{6}-[0-9a-f]{16}")
OF_RETIREES: Final = frozenset({"retirees.monthly_credit"})
OF_INTEREST: Final = frozenset({"interest.demand", "interest.three_month", "interest.day_basis"})
# the parameters of which a correction is made here; those of care are corrected by the annual settlement
CORRECTABLE: Final = OF_PREMIUMS | OF_RETIREES | OF_INTEREST


class CorrectionKind(StrEnum):
    """What was wrong."""

    PARAMETER = "parameter"
    CLASS = "class"
    LIST = "list"


class RightWage(NamedTuple):
    """What a list should have said of one person: the account, or None where nobody has the ID number."""

    line: int
    account_id: int | None
    wage_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """One mass correction as it is asked for. Days are inclusive; months count by their first day (K9)."""

    kind: CorrectionKind
    area: int
    first: date
    last: date
    reason: str
    # its name in the policy file: what was posted is held against the file now in force
    parameter: str | None = None
    # whose class was wrong, and what it was in truth
    account_id: int | None = None
    member_class: MemberClass | None = None
    # whose list was wrong, and what it should have said
    employer_id: int | None = None
    wages: tuple[RightWage, ...] = ()

    @property
    def periods(self) -> tuple[int, int]:
        """The first and the last month (YYYYMM) of which the first day lies within the days."""
        first = period_of(self.first)
        if self.first.day > 1:
            first = next_period(first)
        return first, period_of(self.last)

    def refuse_impossible(self, policies: Mapping[int, Policy], today: date) -> None:
        """Raise the refusal of what cannot be corrected: area_unknown, parameter_unknown, period_invalid."""
        if self.area not in policies:
            raise Refused(RefusalCode.AREA_UNKNOWN, at="area")
        CORRECTED_FROM.admit(self.first, today, "from")
        CORRECTED_TO.admit(self.last, today, "to", beginning=self.first)
        if self.kind is CorrectionKind.PARAMETER and self.parameter not in CORRECTABLE:
            raise Refused(RefusalCode.PARAMETER_UNKNOWN, at="parameter")

    def name(self, policy: Policy) -> str:
        """The name of the work itself: asked for again by the same figures, it is the same batch."""
        said = (
            self.kind.value,
            str(self.area),
            self.first.isoformat(),
            self.last.isoformat(),
            self.reason,
            self.parameter or "",
            str(self.account_id or ""),
            "" if self.member_class is None else self.member_class.word,
            str(self.employer_id or ""),
            ";".join(f"{one.line},{one.account_id or ''},{one.wage_fen}" for one in self.wages),
            policy.hash,
        )
        told = "|".join(f"{len(one)}:{one}" for one in said)
        return f"correction-{self.area:06d}-{sha256(told.encode()).hexdigest()[:16]}"

    def overlaps(self, other: Correction) -> bool:
        """Whether both would post about the same things on the same days, whatever their kinds."""
        same = self.corrects & other.corrects
        if not same or not self._shares_people(other):
            return False
        # interest is looked at from the first year on, whatever the last day is
        return same == {Corrected.INTEREST} or (self.first <= other.last and other.first <= self.last)

    @property
    def corrects(self) -> frozenset[Corrected]:
        """What its lines may be about."""
        if self.kind is CorrectionKind.CLASS:
            return frozenset({Corrected.CONTRIBUTION, Corrected.RETIREE_CREDIT})
        if self.parameter in OF_RETIREES:
            return frozenset({Corrected.RETIREE_CREDIT})
        return frozenset({Corrected.INTEREST if self.parameter in OF_INTEREST else Corrected.CONTRIBUTION})

    def _shares_people(self, other: Correction) -> bool:
        """Whether somebody may be concerned by both."""
        kinds = {self.kind, other.kind}
        if CorrectionKind.PARAMETER in kinds:
            return self.area == other.area
        if kinds == {CorrectionKind.LIST}:
            return self.employer_id == other.employer_id
        return bool(self._accounts & other._accounts)

    @property
    def _accounts(self) -> frozenset[int | None]:
        return frozenset({self.account_id, *(one.account_id for one in self.wages)} - {None})
