"""What is said of a person from a day on, and kept sealed beside the book. The numbers are stored."""

from enum import IntEnum, StrEnum


class PersonFact(IntEnum):
    """A dated fact of a person."""

    NAME = 1
    NUMBER = 2
    PHONE = 3
    ADDRESS = 4


class NumberReason(StrEnum):
    """Why a person has another ID number (R4): issued anew, corrected, or of a better document."""

    REISSUED = "reissued"
    CORRECTED = "corrected"
    UPGRADED = "upgraded"
