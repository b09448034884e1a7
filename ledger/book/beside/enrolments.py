"""What an entry of a person's book says about the person's insurance. Pure data."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from ledger.chart.members import MemberClass


class Enrolment(NamedTuple):
    """One enrolment that nothing took the place of; both days inclusive, `last` None while it goes on."""

    seq: int
    member_class: MemberClass
    employer_id: int | None
    first: date
    last: date | None


class EnrolmentRow(NamedTuple):
    """What an entry of a person's book says about the person's insurance."""

    member_class: int
    employer_id: int | None
    wage: int | None
    valid_from: date
    valid_to: date | None
    replaces_seq: int | None
    subsidy_group: str | None = None
