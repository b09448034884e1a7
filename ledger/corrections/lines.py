"""What a correction comes to: one line a person and month, or year."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from ledger.refusals import RefusalCode


class Corrected(StrEnum):
    """What a line corrects."""

    CONTRIBUTION = "contribution"
    RETIREE_CREDIT = "retiree_credit"
    INTEREST = "interest"


# what a person got too much and keeps, because it is below what the area takes back
TOO_LITTLE = "too_little"
# a wage that no list says, because a correction changed it: a clerk hands it in as a list
WAGE_UNKNOWN = "wage_unknown"


class CorrectionLine(NamedTuple):
    """One person's month (YYYYMM), or year of interest: what was posted and what is right, in fen.

    `before` and `after` are what the account gets, the `employer` amounts what the pooled fund gets beside
    it. A line with a `code` is not posted, and says why. `short` is what of too much interest is not there.
    """

    account_id: int
    # whose month it is; 0 where no employer has a part in it
    employer_id: int
    period: int
    what: Corrected
    before: int
    after: int
    employer_before: int = 0
    employer_after: int = 0
    code: str | None = None
    short: int = 0

    @property
    def difference(self) -> int:
        """What the account gets more, or less."""
        return self.after - self.before

    @property
    def wrong_by(self) -> int:
        """What the account got too little, or too much, whether or not that is still there."""
        return self.difference - self.short

    @property
    def counts(self) -> bool:
        """Whether it tells what somebody got too much in all: it is posted, or would be if it were there."""
        return self.code in {None, RefusalCode.INSUFFICIENT_BALANCE.value}

    @property
    def is_wrong(self) -> bool:
        return self.difference != 0 or self.employer_before != self.employer_after
