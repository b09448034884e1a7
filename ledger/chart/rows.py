"""The letters of the rows that entries write beside themselves, in the order in which a digest tells them.

The chain covers that digest: letters are only ever added, at the end.
"""

from enum import StrEnum


class RowLetter(StrEnum):
    """A kind of row in the digest over an entry's rows."""

    LEVY = "L"
    ASSESSMENT = "A"
    DECLARED = "D"
    ENROLMENT = "E"
    SETTLEMENT = "S"
    FILING = "F"
    CLAIM = "C"
    CONTRACT = "K"
    SUSPENSION = "U"
    CONTRACT_END = "X"
    SUSPENSION_END = "Y"
    INSTITUTION_CHANGE = "G"
    EMPLOYER_CHANGE = "H"
    PERSON_FACT = "N"
    MERGE = "M"
    SHARED_NUMBER = "Q"
    PAYOUT = "I"
    IDENTITY = "W"
