"""Through which channel somebody asks, and what of a person's data is shown: numbers of the read log."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from functools import cached_property


class AccessChannel(IntEnum):
    """The way that a question comes in, as the token says it. A token that says none is a system's."""

    SYSTEM = 0
    WINDOW = 1
    PHONE = 2
    ONLINE = 3
    KIOSK = 4
    EMPLOYER = 5
    INSTITUTION = 6
    AGENCY = 7
    AUDIT = 8

    @cached_property
    def word(self) -> str:
        return self.name.lower()


CHANNEL_OF: dict[str, AccessChannel] = {channel.word: channel for channel in AccessChannel}


class FieldGroup(IntFlag):
    """Groups of fields that are shown or kept back together."""

    # account number, status, name and ID number with stars in them
    IDENTITY_MASKED = 1
    # name and ID number whole
    IDENTITY_FULL = 2
    BALANCE = 4
    ENTRIES = 8
    # premiums, enrolments, months paid
    PAYMENTS = 16
    # what care cost and who paid it, quotas, filings
    CARE_AMOUNTS = 32
    # items, diagnoses and limits of a bill
    CARE_ITEMS = 64
    # names of others: donors, heirs, proxies
    OTHERS_NAMES = 128
    # who looked at the data
    READS = 256

    @property
    def words(self) -> list[str]:
        """Each group as the API says it, in order."""
        return [str(group.name).lower() for group in FieldGroup if group in self]


EVERYTHING = FieldGroup(sum(FieldGroup))
NOTHING = FieldGroup(0)
