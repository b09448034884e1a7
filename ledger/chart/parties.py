"""Whose book it is: the letters with which account numbers begin, and the numbers behind them."""

from enum import IntEnum
from typing import Final

# how many books one letter has: an account number is the letter, twelve digits, and a check character
NUMBERS_PER_LETTER: Final = 10**12


class Party(IntEnum):
    """Whose book it is, by the place in the alphabet (A is 1) of the letter of its account number."""

    EMPLOYER = 5
    FUND = 6
    # what decides and is of no party: policies, callers, batches
    REGISTER = 7
    INSTITUTION = 9
    PERSON = 16
    RESIDENT = 18

    @property
    def letter(self) -> str:
        return chr(ord("A") + self - 1)

    @property
    def first(self) -> int:
        """The lowest book id of such a party."""
        return self * NUMBERS_PER_LETTER

    @property
    def last(self) -> int:
        """The highest book id of such a party."""
        return self.first + NUMBERS_PER_LETTER - 1

    def within(self, first: int, last: int) -> tuple[int, int]:
        """The range of its books within a range of books; an empty one when there are none."""
        return max(first, self.first), min(last, self.last)
