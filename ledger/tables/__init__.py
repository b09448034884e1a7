"""Every table, constraint and index. The target of the migrations; nothing else lives here.

Each table says in `info["room"]` what it is, and a test holds what follows from that:

* `book`: belongs to one book. `book_id` stands first in the primary key, in every unique constraint and in
  every foreign key between book tables, so that books can be spread over machines.
* `claim`: something unique beyond one book, keyed by the digest of what is staked and by nothing else.
* `reference`: small and read-mostly.
* `reads`: who looked at what, chained by process and day, what is kept of those who ask, and what other
  systems are told; apart from the books.
"""

from ledger.tables.access import read_log, read_log_chain
from ledger.tables.agency import agency_answer, agency_decision, agency_request, agency_request_person
from ledger.tables.approvals import approval
from ledger.tables.base import Instant, metadata
from ledger.tables.books import book, entry, transfer
from ledger.tables.care import (
    accumulator,
    clearing,
    filing,
    manual_claim,
    quota,
    reconciled_day,
    settlement,
    third_party_case,
)
from ledger.tables.cases import (
    inquiry_case,
    inquiry_case_answer,
    inquiry_case_closing,
    inquiry_case_correction,
    inquiry_case_month,
    inquiry_case_taken,
)
from ledger.tables.contributions import (
    LEVY_AMOUNTS,
    LEVY_OPEN,
    assessment,
    assessment_line,
    declared_line,
    employer_closure,
    enrolment,
    levy,
    levy_line,
)
from ledger.tables.corrections import correction, correction_line
from ledger.tables.documents import document, document_content
from ledger.tables.estates import estate_payout
from ledger.tables.events import event, notice, outbox, webhook
from ledger.tables.inquiry import GUESSES_MAX, call_back_code, card, card_loss, phone_guess
from ledger.tables.people import account_merge, identity_entry, person_fact, shared_number
from ledger.tables.references import (
    agent,
    batch,
    batch_line,
    contract,
    employer,
    institution,
    key_fingerprint,
    policy,
    policy_in_force,
    suspension,
)
from ledger.tables.registers import employer_change, institution_change
from ledger.tables.stakes import claim, identity, person_key
from ledger.tables.transfers import demand, transfer_case
from ledger.tables.watched import account_flag, staff

__all__ = [
    "APPEND_ONLY",
    "GUESSES_MAX",
    "LEVY_AMOUNTS",
    "LEVY_OPEN",
    "NEVER_DELETED",
    "Instant",
    "account_flag",
    "account_merge",
    "accumulator",
    "agency_answer",
    "agency_decision",
    "agency_request",
    "agency_request_person",
    "agent",
    "approval",
    "assessment",
    "assessment_line",
    "batch",
    "batch_line",
    "book",
    "call_back_code",
    "card",
    "card_loss",
    "claim",
    "clearing",
    "contract",
    "correction",
    "correction_line",
    "declared_line",
    "demand",
    "document",
    "document_content",
    "employer",
    "employer_change",
    "employer_closure",
    "enrolment",
    "entry",
    "estate_payout",
    "event",
    "filing",
    "identity",
    "identity_entry",
    "inquiry_case",
    "inquiry_case_answer",
    "inquiry_case_closing",
    "inquiry_case_correction",
    "inquiry_case_month",
    "inquiry_case_taken",
    "institution",
    "institution_change",
    "key_fingerprint",
    "levy",
    "levy_line",
    "manual_claim",
    "metadata",
    "notice",
    "outbox",
    "person_fact",
    "person_key",
    "phone_guess",
    "policy",
    "policy_in_force",
    "quota",
    "read_log",
    "read_log_chain",
    "reconciled_day",
    "settlement",
    "shared_number",
    "staff",
    "suspension",
    "third_party_case",
    "transfer",
    "transfer_case",
    "webhook",
]

# What the database itself never lets anybody change or take away; the migrations make the triggers.
APPEND_ONLY = (
    "entry", "transfer", "policy", "levy_line", "assessment_line", "declared_line", "enrolment", "settlement",
    "filing", "manual_claim", "key_fingerprint", "policy_in_force", "read_log", "staff", "account_flag",
    "agency_request", "agency_request_person", "agency_decision", "agency_answer", "card", "card_loss",
    "document", "document_content",
    "event", "correction",
    "inquiry_case", "inquiry_case_month", "inquiry_case_taken", "inquiry_case_answer",
    "inquiry_case_correction", "inquiry_case_closing",
    "institution_change", "employer_change",
    "person_fact", "account_merge", "shared_number", "estate_payout", "identity_entry",
)  # fmt: skip
# The rows that are state: they change, and are never taken away.
NEVER_DELETED = (
    "book", "levy", "assessment", "accumulator", "quota", "third_party_case", "reconciled_day", "clearing",
    "approval", "employer_closure", "read_log_chain", "call_back_code", "phone_guess", "webhook",
    "transfer_case", "demand", "correction_line", "person_key",
)  # fmt: skip
