"""What a person's debts come from (R16), as the rows of demands keep it."""

from __future__ import annotations

from enum import IntEnum


class DebtKind(IntEnum):
    """What somebody owes the fund without having been asked for it yet. The numbers are stored."""

    # of a month of an employer: what went back to the payer, and the account no longer had
    CONTRIBUTION = 1
    ANNUAL_SETTLEMENT = 2
    # of a credit that was none of theirs
    LATE_CREDIT = 3
    # of a share in an estate that was divided in error
    INHERITANCE = 4

    @property
    def word(self) -> str:
        """As callers see it."""
        return self.name.lower()
