"""A bill as an institution sends it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from ledger.care.rows import BillLine, Cause
from ledger.chart.care import CareType, Filing

# one encoder for all bills: making one costs as much as its work
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True)
class Bill:
    """A bill as an institution, or a person with a manual claim, hands it in. Amounts in fen."""

    care_type: CareType
    care_date: date
    lines: tuple[BillLine, ...]
    use_account: bool = True
    filing: Filing | None = None
    cause: Cause | None = None
    # an injury is marked: then its cause must be declared (R45)
    injury: bool = False
    hospital_share: int = 0
    # what the sender thinks the lines come to
    total: int | None = None
    bill_no: str | None = None
    # the institution's word that it is another bill than one that is alike
    again: bool = False

    @cached_property
    def sum_of_lines(self) -> int:
        """What the lines come to."""
        return sum(line.amount for line in self.lines)

    @cached_property
    def document(self) -> str:
        """The lines as they are kept."""
        return _encode(self.lines)

    def content(self) -> str:
        cause, filing, bill_no = self.cause, self.filing, self.bill_no
        return (
            f"{self.care_type.word}|{self.care_date}|{self.use_account}|{self.hospital_share}|{self.total}"
            f"|{None if filing is None else filing.word}|{self.injury}"
            f"|{None if cause is None else f'{cause.kind.word} {cause.share}'}"
            # a length in front, so that no number can be cut otherwise into the same text
            f"|{None if bill_no is None else f'{len(bill_no)}:{bill_no}'}|{self.document}"
            f"{'|again' if self.again else ''}"
        )
