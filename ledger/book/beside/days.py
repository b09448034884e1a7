"""The days of an institution, as sums and as single bills. Pure data."""

from __future__ import annotations

from typing import NamedTuple


class DayTotals(NamedTuple):
    """What the lines of a day add up to. `bills` counts lines: a reversal is one more line, not one less."""

    bills: int
    total: int
    fund: int
    account: int


class DayLine(NamedTuple):
    """What one line says: the whole bill, what of it all funds paid, and what the account paid."""

    message_id: str
    total: int
    fund: int
    account: int

    @property
    def takes_back(self) -> bool:
        """Whether it is a reversal: its first amount that is not zero is below zero."""
        return (self.total, self.fund, self.account) < (0, 0, 0)

    def mirrored(self) -> DayLine:
        """The line that takes this one back."""
        return DayLine(self.message_id, -self.total, -self.fund, -self.account)
