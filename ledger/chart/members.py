"""Classes of members, and kinds of lines of a month."""

from enum import IntEnum


class MemberClass(IntEnum):
    """What a person is to the employee scheme on a day (R7, R13, R14, R69)."""

    ACTIVE = 1
    RETIRED = 2
    # pays for oneself
    FLEXIBLE = 3
    # draws unemployment benefit: the unemployment fund pays
    UNEMPLOYED = 4
    # insured in the resident scheme, which has no account
    RESIDENT = 5

    @property
    def word(self) -> str:
        """The class as callers see it."""
        return self.name.lower()


class LineKind(IntEnum):
    """What one line of an employer's entry does to a person's month."""

    ASSESSED = 1
    ADJUSTED = 2
    PAID = 3
    REFUNDED = 4
