"""Where each table lies when the database is spread over machines (docs/cluster.md).

A book and what belongs to it lie together on one machine, so that what asks for one book asks one machine.
What is unique beyond one book lies by its digest. On a database of one machine all this means nothing.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class Where(Enum):
    """How the rows of a table are spread."""

    # by book_id: all that has one book's number lies with the book
    BOOK = "book_id"
    # by the digest of what is staked, or of who is named
    DIGEST = "digest"
    # a whole copy on every machine: small, read with everything, seldom written
    EVERYWHERE = "everywhere"
    # on the coordinator alone: apart from the books, or written in every step of a long run
    COORDINATOR = "coordinator"

    @property
    def is_spread(self) -> bool:
        """Whether a row lies on one of many machines, by its key."""
        return self in {Where.BOOK, Where.DIGEST}


_BOOK: Final = (
    "book", "entry", "transfer", "levy", "levy_line", "assessment", "assessment_line", "declared_line",
    "enrolment", "accumulator", "settlement", "quota", "filing", "third_party_case", "manual_claim",
    "reconciled_day", "clearing", "approval", "demand", "employer_closure", "estate_payout", "person_fact",
    "shared_number", "transfer_case", "identity_entry",
    # written by the very statement that writes the entries
    "outbox",
)  # fmt: skip
_DIGEST: Final = ("claim", "identity")
_EVERYWHERE: Final = (
    "agent", "policy", "policy_in_force", "institution", "contract", "suspension", "employer",
    # belong to entries of books, and are read with the registers and by persons: they give up the key for it
    "institution_change", "employer_change", "account_merge",
    # written with whoever becomes known, and read beside names and numbers, wherever those lie
    "person_key",
)  # fmt: skip
_COORDINATOR: Final = (
    "batch", "batch_line", "correction", "correction_line", "key_fingerprint",
    "read_log", "read_log_chain", "staff", "account_flag", "event", "notice", "webhook",
    "agency_request", "agency_request_person", "agency_decision", "agency_answer",
    "card", "card_loss", "call_back_code", "phone_guess", "document", "document_content",
    "inquiry_case", "inquiry_case_month", "inquiry_case_taken", "inquiry_case_answer",
    "inquiry_case_correction", "inquiry_case_closing",
)  # fmt: skip

PLACES: Final = {
    **dict.fromkeys(_BOOK, Where.BOOK),
    **dict.fromkeys(_DIGEST, Where.DIGEST),
    **dict.fromkeys(_EVERYWHERE, Where.EVERYWHERE),
    **dict.fromkeys(_COORDINATOR, Where.COORDINATOR),
}
"""Table → place. In this order they are put there: what others point at comes first."""
