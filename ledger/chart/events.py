"""The kinds of events that other systems are told of, and which entry is which event."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from ledger.chart.kinds import Kind
from ledger.chart.parties import Party


class EventKind(IntEnum):
    """What happened, as others are told of it. The numbers are stored."""

    CONTRIBUTION_ARRIVED = 1
    SPENDING = 2
    MUTUAL_AID_USED = 3
    # something that was booked is taken back, wholly or in part
    REVERSAL = 4
    STATEMENT_READY = 5
    # of no entry
    DOCUMENT_ISSUED = 6
    UNIT_DID_NOT_PAY = 7
    ACCESS_WITHHELD_NO_LONGER = 8
    # of entries again
    ACCOUNT_OPENED = 9
    ACCOUNT_CLOSED = 10
    PREMIUM_PAID = 11
    CLAIM_DECIDED = 12
    INHERITANCE_ARRIVED = 13

    @property
    def word(self) -> str:
        """The kind as other systems see it: `contribution_arrived`."""
        return self.name.lower()


EVENT_WORDS: Final[dict[str, EventKind]] = {kind.word: kind for kind in EventKind}

EVENT_OF: Final[dict[int, EventKind]] = {
    Kind.OPENING: EventKind.ACCOUNT_OPENED,
    Kind.CONTRIBUTION: EventKind.CONTRIBUTION_ARRIVED,
    Kind.RETIREE_CREDIT: EventKind.CONTRIBUTION_ARRIVED,
    Kind.SPENDING: EventKind.SPENDING,
    Kind.CAPTURE: EventKind.SPENDING,
    Kind.SETTLEMENT: EventKind.SPENDING,
    Kind.MUTUAL_AID: EventKind.MUTUAL_AID_USED,
    Kind.PREMIUM: EventKind.PREMIUM_PAID,
    Kind.REVERSAL: EventKind.REVERSAL,
    Kind.AID_BACK: EventKind.REVERSAL,
    Kind.CREDIT_BACK: EventKind.REVERSAL,
    Kind.RETIREE_CORRECTION: EventKind.REVERSAL,
    Kind.REFUND_TO_PAYER: EventKind.REVERSAL,
    # each is what the statement of a year waited for
    Kind.INTEREST: EventKind.STATEMENT_READY,
    Kind.ANNUAL_SETTLEMENT: EventKind.STATEMENT_READY,
    Kind.CLAIM_DECISION: EventKind.CLAIM_DECIDED,
    Kind.ESTATE: EventKind.ACCOUNT_CLOSED,
    Kind.TRANSFER_ACKNOWLEDGEMENT: EventKind.ACCOUNT_CLOSED,
    Kind.EXIT: EventKind.ACCOUNT_CLOSED,
    Kind.FURTHER_INTEREST: EventKind.STATEMENT_READY,
    Kind.INHERITANCE: EventKind.INHERITANCE_ARRIVED,
    Kind.INHERITANCE_BACK: EventKind.REVERSAL,
    Kind.INTEREST_BACK: EventKind.REVERSAL,
}
"""Which entry is which event, in the book of a person. An entry whose kind is missing is none."""

TOLD_OF: Final = (Party.PERSON, Party.RESIDENT)
"""In whose books entries are events: what happens in those of units they did themselves."""
