"""What the database itself refuses, whoever asks: rows that must not be, changes of the book, its loss.

And what tables.py promises about the rooms, so that books can be spread over machines.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from alembic import command
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Connection,
    Date,
    Engine,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError, IntegrityError

from ledger import tables
from ledger.accounts.contributing import Contribute
from ledger.accounts.spending import Spend
from ledger.chart.care import SIGNED
from ledger.chart.kinds import MOVES, Kind
from ledger.chart.matrix import Stage
from ledger.chart.members import LineKind, MemberClass
from ledger.chart.sides import FUND_ACCOUNTS, POCKETS, Side
from ledger.database.engines import connect
from ledger.operations.sealed_columns import SEALED_COLUMNS
from tests.check import alembic_config, migrate
from tests.support import care_rows, leaving_rows
from tests.support.people import World
from tests.support.units import Unit

NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
DAY = date(2026, 3, 1)
DIGEST = bytes(32)
BOOK = 16_000_000_000_001
EMPLOYER, RESIDENT = 5_000_000_000_001, 18_000_000_000_001
NOTHING = dict.fromkeys(tables.LEVY_AMOUNTS, 0)

# one good row of each table that a wrong one is made from
GOOD: dict[str, dict[str, Any]] = {
    "book": {
        "book_id": BOOK, "current_year": 0, "carried_over": 0, "held": 0, "reserved": 0, "person_id": 1,
        "last_seq": 1, "area": 990100, "opened_on": DAY, "died_on": None, "open_year": 2026,
        "interest_year": 2025, "open_freezes": 0, "stage": int(Stage.ACTIVE), "head": DIGEST,
    },
    "entry": {
        "book_id": BOOK, "recorded_at": NOW, "current_year_after": 0, "carried_over_after": 0,
        "held_change": None, "reserved_change": None, "expires_at": None, "seq": 5, "period": None,
        "effective_on": DAY, "fact_on": None, "policy_version": 1, "caller": 1, "actor": 1,
        "target_seq": None, "kind": int(Kind.CONTRIBUTION), "idempotency_key": None,
        "request_digest": None, "source_ref": None, "detail": None, "digest": DIGEST,
    },
    "transfer": {
        "book_id": BOOK, "amount_fen": 1, "party_id": None, "seq": 5, "line": 1,
        "from_side": int(Side.COLLECTION_CLEARING), "to_side": int(Side.CURRENT_YEAR),
    },
    "identity": {
        "digest": DIGEST, "person_id": 1, "recorded_at": NOW, "role": 1, "number_sealed": None,
        "name_sealed": b"x", "name_digest": b"x", "nth": 1,
    },
    "claim": {"digest": DIGEST, "book_id": BOOK},
    "policy": {"version": 901, "area": 990100, "hash": "h", "content": "c", "recorded_at": NOW},
    "policy_in_force": {"number": 901, "area": 990100, "version": 901, "recorded_at": NOW},
    "person_key": {
        "ref": bytes(16), "recorded_at": NOW, "wrapped": b"\x03\x00\x01",
        "erased_in": None, "erased_by": None,
    },
    "key_fingerprint": {"name": "seal-901.key", "fingerprint": DIGEST, "recorded_at": NOW},
    "agent": {"agent_id": 901, "name": "a new one"},
    "read_log_chain": {
        "chain_id": 901, "day": DAY, "opened_at": NOW, "last_seq": 0, "head": DIGEST, "seal": DIGEST,
    },
    "read_log": {
        "chain_id": 901, "seq": 1, "at": NOW, "caller": 901, "actor": 901, "role": "accounts:read",
        "bound_to": None, "channel": 1, "purpose": "own_request", "ref": None, "book_id": BOOK,
        "person": None, "fields": 4, "items": 1, "document": None, "head": DIGEST,
    },
    "staff": {"name": "clerk-901", "person": DIGEST, "recorded_at": NOW, "caller": 901, "actor": 901},
    "account_flag": {"book_id": BOOK, "reason": "r", "recorded_at": NOW, "caller": 901, "actor": 901},
    "agency_request": {
        "request_id": "r", "agency": "a", "purpose": "court_order", "legal_basis": "l", "fields": 4,
        "asked_at": NOW, "caller": 901, "actor": 901,
    },
    "agency_request_person": {"request_id": "r", "place": 1, "person": DIGEST, "number_sealed": b"x"},
    "agency_decision": {
        "request_id": "r", "asked_by": 901, "approved": True, "reason": "x", "decided_at": NOW, "caller": 901,
        "actor": 902,
    },
    "agency_answer": {
        "request_id": "r", "approved": True, "answered_at": NOW, "caller": 901, "actor": 901,
    },
    "approval": {
        "book_id": BOOK, "number": 1, "verb": "contribution", "amount_fen": 10_000_000,
        "intent_sealed": b"x", "idempotency_key": "k", "request_digest": bytes(8), "recorded_at": NOW,
        "expires_at": NOW + timedelta(days=30), "caller": 901, "actor": 901, "state": 1, "decided_at": None,
        "decided_by": None, "decided_through": None, "entry_seq": None, "reason": None,
    },
    "card": {
        "name": "B" * 20, "digest": DIGEST, "number_sealed": b"x", "person_id": 1, "issued_on": DAY,
        "ends_on": DAY, "recorded_at": NOW, "caller": 901, "actor": 901,
    },
    "card_loss": {
        "name": "B" * 20, "reason": "r", "lost_on": DAY, "recorded_at": NOW, "caller": 901, "actor": 901,
    },
    "call_back_code": {
        "book_id": BOOK, "digest": DIGEST, "recorded_at": NOW, "caller": 901, "actor": 901,
    },
    "phone_guess": {"person": DIGEST, "wrong": 4, "locked_until": None, "changed_at": NOW},
    "document": {
        "name": "B" * 20, "serial": "D1", "code_digest": DIGEST, "kind": 1, "form": "json",
        "made_by": "m", "key_id": "k", "signature": bytes(64), "book_id": BOOK, "first": DAY, "last": DAY,
        "fields": 17, "items": 1, "totals": "{}", "rests_on": "{}", "facts_sealed": b"x", "sha256": DIGEST,
        "pages": 1, "issued_at": NOW, "caller": 901, "actor": 901,
        "purpose": "own_request", "ref": None, "seal": DIGEST,
    },
    "document_content": {"name": "B" * 20, "content_sealed": b"x", "kept_at": NOW},
    "outbox": {"recorded_at": NOW, "book_id": BOOK, "seq": 5, "books": f"{{{BOOK}}}", "seqs": "{5}"},
    "notice": {"kind": 6, "ref": "r", "book_id": BOOK, "at": NOW},
    "event": {"position": 901, "kind": 2, "book_id": BOOK, "seq": 5, "ref": None, "at": NOW},
    "webhook": {
        "name": "B" * 16, "url": "https://receiver.example/", "kinds": None, "secret_sealed": b"x",
        "position": 5, "sending": None, "tries": 0, "result": None, "tried_at": None, "next_at": None,
        "taken_at": None, "recorded_at": NOW, "caller": 901, "actor": 901, "ended_at": None,
    },
    "inquiry_case": {
        "case_id": "c", "kind": 3, "channel": 1, "about": 1, "book_id": BOOK, "entry_seq": None,
        "document": None, "person": None, "objects_to": None, "text_sealed": b"x", "reply_to_sealed": None,
        "opened_on": DAY, "due_on": DAY + timedelta(days=1), "working_days": 1, "by_calendar": True,
        "content": DIGEST, "said": 1, "recorded_at": NOW, "caller": 901, "actor": 901,
    },
    "inquiry_case_month": {"case_id": "c", "unit": EMPLOYER, "period": 202603, "assessed": 2, "paid": 1},
    "inquiry_case_taken": {"case_id": "c", "recorded_at": NOW, "caller": 901, "actor": 901},
    "inquiry_case_answer": {
        "case_id": "c", "opened_by": 901, "outcome": 1, "text_sealed": b"x", "evidence_sealed": b"x",
        "answered_on": DAY, "recorded_at": NOW, "caller": 901, "actor": 902,
    },
    "inquiry_case_correction": {"case_id": "c", "place": 1, "book_id": BOOK, "entry_seq": 2},
    "inquiry_case_closing": {"case_id": "c", "recorded_at": NOW, "caller": 901, "actor": 901},
    "institution": {
        "code": "H9001", "party_id": 901, "name": "n", "kind": "clinic", "level": 1, "area": 990100,
    },
    "contract": {"code": "H9001", "valid_from": DAY, "valid_to": None, "services": "outpatient"},
    "batch": {
        "batch_id": "b", "kind": "import", "state": "running", "started_at": NOW, "updated_at": NOW,
        "bookmark": 0, "done": 0, "refused": 0, "amount_fen": 0, "detail": None,
    },
    "batch_line": {"batch_id": "b", "line": 1, "code": "wage_invalid", "field": "wage"},
    "correction": {
        "name": "correction-990100-1", "request": "{}", "asked_at": NOW, "caller": 901, "actor": 901,
    },
    "correction_line": {
        "name": "correction-990100-1", "account_id": BOOK, "employer_id": 0, "period": 202603,
        "what": "retiree_credit", "before_fen": 1, "after_fen": 2, "employer_before_fen": 0,
        "employer_after_fen": 0, "state": "posted", "code": None,
    },
    "employer": {
        "credit_code": "91999999000000001X", "book_id": EMPLOYER, "name": "n", "area": 990100,
        "recorded_at": NOW,
    },
    "levy": {
        "book_id": BOOK, **NOTHING, "employee": 16_000, "employer": 60_000, "employee_paid": 1,
        "employer_paid": 1, "period": 202603,
    },
    "employer_closure": {"book_id": BOOK, "seq": 5, "closed_on": None},
    "institution_change": {
        "book_id": BOOK, "seq": 5, "valid_from": DAY, "name": None, "kind": None, "level": 3, "area": None,
        "ended": None, "successor": None,
    },
    "employer_change": {
        "book_id": BOOK, "seq": 5, "valid_from": DAY, "name": "n", "area": None, "successor": None,
    },
    "levy_line": {"book_id": BOOK, **NOTHING, "seq": 5, "period": 202603, "on_day": DAY},
    "assessment": {
        "book_id": BOOK, "account_id": 1, "base": 800_000, "employee": 16_000, "employer": 60_000,
        "employee_paid": 0, "employer_paid": 0, "suspended": 0, "period": 202603, "paid_on": None,
    },
    "assessment_line": {
        "book_id": BOOK, "account_id": 1, "base": 800_000, "employee": 16_000, "employer": 60_000,
        "employee_paid": 0, "employer_paid": 0, "suspended": 0, "seq": 5, "line": 1, "period": 202603,
        "kind": int(LineKind.ASSESSED),
    },
    "declared_line": {
        "book_id": BOOK, "account_id": 1, "wage": 800_000, "base": 800_000, "employee": 16_000,
        "employer": 60_000, "seq": 5, "line": 1, "code": None, "number_sealed": None,
    },
    "enrolment": {
        "book_id": BOOK, "employer_id": EMPLOYER, "wage": None, "seq": 5, "replaces_seq": None,
        "valid_from": DAY, "valid_to": None, "member_class": int(MemberClass.ACTIVE), "subsidy_group": None,
    },
    "person_fact": {
        "book_id": BOOK, "person_id": 1, "seq": 5, "line": 1, "what": 1, "valid_from": DAY, "digest": DIGEST,
        "sealed": b"x",
    },
    "identity_entry": {
        "book_id": BOOK, "person_id": 1, "seq": 5, "line": 1, "nth": 1, "role": 1, "digest": DIGEST,
        "name_digest": DIGEST, "salt": bytes(16),
    },
    "estate_payout": {
        "book_id": BOOK, "person_id": 1, "amount": 1, "seq": 5, "digest": DIGEST, "sealed": b"x",
    },
    "account_merge": {
        "book_id": BOOK, "into_id": BOOK + 1, "person_id": 1, "into_person_id": 2, "seq": 5,
    },
    "shared_number": {
        "book_id": BOOK, "seq": 5, "digest": DIGEST, "person_id": 1, "other_person_id": 2,
    },
    **care_rows.GOOD,
    **leaving_rows.GOOD,
}  # fmt: skip
# what must stand there before a row of a table can
NEEDS = {
    "entry": ["book"],
    "transfer": ["book", "entry"],
    "policy_in_force": ["policy"],
    "read_log": ["agent", "read_log_chain"],
    "staff": ["agent"],
    "account_flag": ["agent"],
    "approval": ["book", "entry"],
    "agency_request": ["agent"],
    "agency_request_person": ["agent", "agency_request"],
    "agency_decision": ["agent", "agency_request"],
    "agency_answer": ["agent", "agency_request", "agency_decision"],
    "inquiry_case": ["agent"],
    "inquiry_case_month": ["agent", "inquiry_case"],
    "inquiry_case_taken": ["agent", "inquiry_case"],
    "inquiry_case_answer": ["agent", "inquiry_case"],
    "inquiry_case_correction": ["agent", "inquiry_case", "inquiry_case_answer"],
    "inquiry_case_closing": ["agent", "inquiry_case", "inquiry_case_answer"],
    "card": ["agent"],
    "card_loss": ["agent", "card"],
    "call_back_code": ["agent"],
    "document": ["agent"],
    "document_content": ["agent", "document"],
    "webhook": ["agent"],
    "contract": ["institution"],
    "batch_line": ["batch"],
    "correction": ["agent"],
    "correction_line": ["agent", "correction"],
    "levy": ["book"],
    "levy_line": ["book", "entry"],
    "employer_closure": ["book", "entry"],
    "institution_change": ["book", "entry"],
    "employer_change": ["book", "entry"],
    "assessment": ["book"],
    "assessment_line": ["book", "entry"],
    "declared_line": ["book", "entry"],
    "enrolment": ["book", "entry"],
    "person_fact": ["book", "entry"],
    "identity_entry": ["book", "entry"],
    "account_merge": ["book", "entry"],
    "shared_number": ["book", "entry"],
    "estate_payout": ["book", "entry"],
    **care_rows.NEEDS,
    **leaving_rows.NEEDS,
}


@pytest.fixture(scope="module")
def world(engine: Engine) -> World:
    return World(engine)


@contextmanager
def undone(engine: Engine) -> Iterator[Connection]:
    """A connection whose work is rolled back."""
    with engine.connect() as connection:
        transaction = connection.begin()
        try:
            yield connection
        finally:
            transaction.rollback()


def put(connection: Connection, table: str, **changes: Any) -> int:
    """Insert a good row with some changes; how many rows there are more."""
    into = tables.metadata.tables[table]
    count = select(func.count()).select_from(into)
    before = connection.scalar(count) or 0
    connection.execute(into.insert(), {**GOOD[table], **changes})
    return (connection.scalar(count) or 0) - before


# each after what it names
OF_CASES = (
    "inquiry_case", "inquiry_case_month", "inquiry_case_taken", "inquiry_case_answer",
    "inquiry_case_correction", "inquiry_case_closing",
)  # fmt: skip
# whoever asked does not decide, so a decision is by another one
DECIDER = {"agent_id": 902, "name": "another new one"}


def prepared(connection: Connection, table: str) -> None:
    for needed in NEEDS.get(table, []):
        put(connection, needed)
        if needed in {"agency_request", "inquiry_case"}:
            put(connection, "agent", **DECIDER)


@pytest.mark.parametrize("table", GOOD)
def test_the_good_rows_are_taken(engine: Engine, table: str) -> None:
    with undone(engine) as connection:
        prepared(connection, table)
        assert put(connection, table) == 1


def test_there_is_a_good_row_of_every_table() -> None:
    assert set(GOOD) == set(tables.metadata.tables)


# -- CHECKs ------------------------------------------------------------------------------------------------

LATER = NOW + timedelta(days=1)
CLOSED = {"stage": int(Stage.CLOSED), "died_on": DAY}
PAID = {"kind": int(LineKind.PAID), "base": None, "employee": 0, "employer": 0, "paid_on": date(2026, 4, 10)}
APPROVED = {
    "state": 2, "decided_at": LATER, "decided_by": 902, "decided_through": 901, "entry_seq": 5,
}  # fmt: skip
REJECTED = APPROVED | {"state": 3, "entry_seq": None, "reason": "x"}
WRONG: dict[str, list[dict[str, Any]]] = {
    "ck_approval_number_from_one": [{"number": 0}],
    "ck_approval_amount_above_zero": [{"amount_fen": 0}],
    "ck_approval_digest_is_one": [{"request_digest": bytes(7)}],
    "ck_approval_waits_for_a_time": [{"expires_at": NOW}],
    "ck_approval_state_is_known": [APPROVED | {"state": 4, "entry_seq": None}],
    "ck_approval_decided_at_unless_it_waits": [APPROVED | {"decided_at": None}, {"decided_at": LATER}],
    "ck_approval_decided_by_unless_it_waits": [APPROVED | {"decided_by": None}, {"decided_by": 902}],
    "ck_approval_decided_through_unless_it_waits": [
        APPROVED | {"decided_through": None}, {"decided_through": 902},
    ],
    "ck_approval_entry_where_approved": [APPROVED | {"entry_seq": None}, {"entry_seq": 5}],
    "ck_approval_reason_where_rejected": [REJECTED | {"reason": None}, {"reason": "x"}],
    "ck_approval_not_by_who_asked": [APPROVED | {"decided_by": 901}, REJECTED | {"decided_by": 901}],
    "ck_approval_decided_in_time": [APPROVED | {"decided_at": NOW + timedelta(days=30)}],
    "ck_book_current_year_not_negative": [{"current_year": -1, "carried_over": 5}],
    "ck_book_carried_over_not_negative": [{"carried_over": -1, "current_year": 5}],
    "ck_book_held_not_negative": [{"held": -1}],
    "ck_book_reserved_not_negative": [{"reserved": -1}],
    "ck_book_available_not_negative": [
        {"held": 1},
        {"reserved": 1},
        {"current_year": 2, "carried_over": 2, "held": 3, "reserved": 2},
    ],
    "ck_book_closed_is_empty": [
        {**CLOSED, "current_year": 1},
        {**CLOSED, "carried_over": 1},
        {**CLOSED, "carried_over": 1, "held": 1},
    ],
    "ck_book_stage_known": [{"stage": 0}, {"stage": 5}],
    "ck_book_deceased_has_a_day_of_death": [{"stage": int(Stage.DECEASED)}],
    "ck_book_last_seq_from_one": [{"last_seq": 0}],
    "ck_book_open_freezes_not_negative": [{"open_freezes": -1}],
    "ck_book_head_is_a_digest": [{"head": b""}, {"head": bytes(31)}, {"head": bytes(33)}],
    "ck_entry_seq_from_one": [{"seq": 0}, {"seq": -1}],
    "ck_entry_current_year_not_negative": [{"current_year_after": -1}],
    "ck_entry_carried_over_not_negative": [{"carried_over_after": -1}],
    "ck_entry_kind_in_range": [{"kind": 0}, {"kind": 100}],
    "ck_entry_target_is_older": [{"target_seq": 5}, {"target_seq": 6}],
    "ck_entry_reversal_has_a_target": [{"kind": int(Kind.REVERSAL)}],
    "ck_entry_holds_expire": [{"kind": int(Kind.HOLD)}, {"expires_at": LATER}],
    "ck_entry_key_goes_with_its_fingerprint": [{"idempotency_key": "k"}, {"request_digest": b"x"}],
    "ck_entry_digest_length": [{"digest": bytes(31)}],
    "ck_transfer_amount_positive": [{"amount_fen": 0}, {"amount_fen": -1}],
    "ck_transfer_two_sides": [{"from_side": int(Side.CURRENT_YEAR)}],
    "ck_transfer_pocket_not_to_bank": [
        {"from_side": int(pocket), "to_side": int(Side.BANK)} for pocket in sorted(POCKETS)
    ],
    "ck_identity_nth_from_one": [{"nth": 0}],
    "ck_identity_role_known": [{"role": 0}, {"role": 3}],
    "ck_key_fingerprint_fingerprint_is_a_digest": [
        {"fingerprint": b""}, {"fingerprint": bytes(31)}, {"fingerprint": bytes(33)},
    ],
    "ck_read_log_chain_numbers_are_positive": [{"chain_id": 0}, {"last_seq": -1}],
    "ck_read_log_chain_head_and_seal_are_digests": [{"head": bytes(31)}, {"seal": b""}],
    "ck_read_log_is_about_somebody": [{"book_id": None}],
    "ck_read_log_channel_is_known": [{"channel": 9}, {"channel": -1}],
    "ck_read_log_fields_are_known": [{"fields": -1}, {"fields": 512}],
    "ck_read_log_numbers_are_positive": [{"seq": 0}, {"items": -1}],
    "ck_read_log_head_is_a_digest": [{"head": bytes(33)}],
    "ck_staff_person_is_a_digest": [{"person": b""}, {"person": bytes(33)}],
    "ck_agency_request_has_a_legal_basis": [{"legal_basis": ""}],
    "ck_agency_request_fields_are_known": [{"fields": 0}, {"fields": 512}],
    "ck_agency_request_person_no_bulk_copy": [{"place": 0}, {"place": 51}],
    "ck_agency_request_person_person_is_a_digest": [{"person": bytes(31)}],
    "ck_agency_decision_not_by_who_asked": [{"actor": 901}],
    "ck_agency_answer_only_what_was_granted": [{"approved": False}],
    "ck_inquiry_case_kind_is_known": [{"kind": 0}, {"kind": 5}],
    "ck_inquiry_case_channel_is_known": [{"channel": -1}, {"channel": 9}],
    "ck_inquiry_case_about_is_known": [{"about": 0}, {"about": 5}],
    "ck_inquiry_case_entry_where_it_is_about_one": [{"about": 3}, {"entry_seq": 1}],
    "ck_inquiry_case_document_where_it_is_about_one": [{"about": 4}, {"document": "d"}],
    "ck_inquiry_case_an_objection_names_what_it_objects_to": [{"kind": 1, "objects_to": "c"}],
    "ck_inquiry_case_person_is_a_digest": [{"person": bytes(31)}],
    "ck_inquiry_case_content_is_a_digest": [{"content": bytes(33)}],
    "ck_inquiry_case_due_after_it_is_opened": [{"due_on": DAY}, {"working_days": 0}],
    "ck_inquiry_case_said_from_one": [{"said": 0}],
    "ck_inquiry_case_month_is_not_overpaid": [{"paid": 3}, {"paid": -1}, {"assessed": -1, "paid": 0}],
    "ck_inquiry_case_answer_outcome_is_known": [{"outcome": 0}, {"outcome": 6}],
    "ck_inquiry_case_answer_not_by_who_opened_it": [{"actor": 901}],
    "ck_inquiry_case_correction_place_from_one": [{"place": 0}],
    "ck_card_digest_is_a_digest": [{"digest": bytes(31)}, {"digest": bytes(33)}],
    "ck_card_ends_after_it_is_issued": [{"ends_on": DAY - timedelta(days=1)}],
    "ck_call_back_code_digest_is_a_digest": [{"digest": b""}],
    "ck_phone_guess_person_is_a_digest": [{"person": bytes(31)}],
    "ck_phone_guess_locks_before_more_are_counted": [{"wrong": -1}, {"wrong": tables.GUESSES_MAX}],
    "ck_document_kind_is_known": [{"kind": 0}, {"kind": 8}],
    "ck_document_digests_are_digests": [
        {"code_digest": bytes(31)}, {"sha256": bytes(33)}, {"seal": b""},
    ],
    "ck_document_signature_is_one": [{"signature": bytes(63)}, {"signature": bytes(65)}],
    "ck_document_ends_after_it_begins": [{"last": DAY - timedelta(days=1)}],
    "ck_document_numbers_are_positive": [{"pages": 0}, {"items": -1}],
    "ck_document_fields_are_known": [{"fields": -1}, {"fields": 512}],
    "ck_notice_kind_is_known": [{"kind": 0}, {"kind": 14}],
    "ck_event_position_from_one": [{"position": 0}, {"position": -1}],
    "ck_event_kind_is_known": [{"kind": 0}, {"kind": 14}],
    "ck_event_is_an_entry_or_has_a_reference": [{"seq": None}, {"ref": "r"}],
    "ck_webhook_numbers_are_positive": [{"position": -1}, {"tries": -1}],
    "ck_webhook_sends_what_was_not_taken": [{"sending": 5}, {"sending": 4}],
    "ck_institution_kind_known": [{"kind": "bank"}],
    "ck_institution_level_known": [{"level": 0}, {"level": 4}],
    "ck_contract_ends_after_it_begins": [{"valid_to": DAY - timedelta(days=1)}],
    "ck_batch_state_known": [{"state": "done"}],
    "ck_correction_line_what_known": [{"what": "premium"}],
    "ck_correction_line_state_known": [{"state": "done"}],
    "ck_correction_line_left_has_a_code": [{"state": "left"}, {"code": "x"}],
    "ck_book_only_persons_have_pockets": [
        {"book_id": EMPLOYER, "current_year": 1},
        {"book_id": EMPLOYER, "carried_over": 1},
        {"book_id": RESIDENT, "current_year": 1},
    ],
    "ck_employer_credit_code_length": [{"credit_code": "9199999900000001X"}],
    **{
        f"ck_levy_{name}_not_negative": [{**({"employee": 0, "employer": 0, "employee_paid": 0,
                                              "employer_paid": 0} if name == "estimated" else {}), name: -1}]
        for name in tables.LEVY_AMOUNTS
    },
    "ck_levy_employee_not_overpaid": [{"employee_paid": 16_001}],
    "ck_levy_employer_not_overpaid": [{"employer_paid": 60_001}],
    "ck_levy_estimate_or_list": [{"estimated": 1}],
    "ck_assessment_base_not_negative": [{"base": -1}],
    "ck_assessment_employee_not_overpaid": [{"employee_paid": 16_001}, {"employee_paid": -1}],
    "ck_assessment_employer_not_overpaid": [{"employer_paid": 60_001}, {"employer_paid": -1}],
    "ck_assessment_suspended_was_paid": [{"suspended": 1}, {"employee_paid": 5, "suspended": 6}],
    "ck_assessment_line_kind_known": [{"kind": 0}, {"kind": 5}],
    "ck_assessment_line_payment_assesses_nothing": [
        {**PAID, "employee": 1},
        {**PAID, "employer": -1},
        {**PAID, "kind": int(LineKind.REFUNDED), "paid_on": None, "employer": 1},
    ],
    "ck_assessment_line_payments_have_a_day": [
        {**PAID, "paid_on": None},
        {"paid_on": date(2026, 4, 10)},
    ],
    "ck_assessment_line_assessment_pays_nothing": [
        {"base": None},
        {"employee_paid": 1},
        {"employer_paid": -1},
        {"suspended": 1},
        {"kind": int(LineKind.ADJUSTED), "employee_paid": 1},
    ],
    "ck_declared_line_good_or_refused": [{"code": "wage_invalid"}, {"base": None}],
    "ck_declared_line_good_lines_are_whole": [{"account_id": None}, {"employee": None}, {"employer": None}],
    "ck_enrolment_ends_after_it_begins": [{"valid_to": DAY - timedelta(days=1)}],
    "ck_enrolment_member_class_known": [{"member_class": 0}, {"member_class": 6}],
    "ck_enrolment_only_residents_are_subsidised": [{"subsidy_group": "minor"}],
    "ck_institution_change_kind_known": [{"kind": "temple"}],
    "ck_institution_change_level_known": [{"level": 0}, {"level": 4}],
    "ck_institution_change_says_something": [{"level": None}],
    "ck_institution_change_followed_when_it_ends": [{"successor": "H2"}, {"ended": False, "successor": "H2"}],
    "ck_employer_change_says_something": [{"name": None}],
    "ck_employer_change_not_into_itself": [{"successor": BOOK}],
    "ck_estate_payout_amount_positive": [{"amount": 0}, {"amount": -1}],
    "ck_estate_payout_digest_is_a_digest": [{"digest": bytes(31)}, {"digest": bytes(33)}],
    "ck_identity_entry_nth_from_one": [{"nth": 0}],
    "ck_identity_entry_role_known": [{"role": 0}, {"role": 3}],
    "ck_identity_entry_digest_is_a_digest": [{"digest": bytes(31)}, {"digest": bytes(33)}],
    "ck_identity_entry_name_digest_is_a_digest": [{"name_digest": bytes(31)}, {"name_digest": bytes(33)}],
    "ck_identity_entry_salt_length": [{"salt": bytes(15)}, {"salt": bytes(17)}],
    "ck_person_key_ref_length": [{"ref": bytes(15)}, {"ref": bytes(17)}],
    "ck_person_key_erased_by_an_entry": [{"erased_in": BOOK, "erased_by": 5}],
    "ck_person_key_entry_is_whole": [{"erased_by": 5}],
    "ck_person_fact_what_is_known": [{"what": 0}, {"what": 5}],
    "ck_person_fact_digest_is_a_digest": [{"digest": bytes(31)}, {"digest": bytes(33)}],
    "ck_account_merge_goes_into_another": [{"into_id": BOOK}],
    "ck_account_merge_of_two_persons": [{"into_person_id": 1}],
    "ck_shared_number_digest_is_a_digest": [{"digest": bytes(31)}, {"digest": bytes(33)}],
    "ck_shared_number_of_two_persons": [{"other_person_id": 1}],
    **care_rows.WRONG,
    **leaving_rows.WRONG,
}  # fmt: skip


def table_of(constraint: str) -> str:
    """The table whose CHECK it is: the longest name that fits."""
    fitting = [name for name in tables.metadata.tables if constraint.startswith(f"ck_{name}_")]
    return max(fitting, key=len)


@pytest.mark.parametrize(
    ("constraint", "changes"), [(name, row) for name, rows in WRONG.items() for row in rows]
)
def test_every_check_bites(engine: Engine, constraint: str, changes: dict[str, Any]) -> None:
    table = table_of(constraint)
    with undone(engine) as connection:
        prepared(connection, table)
        with pytest.raises(IntegrityError) as refused:
            put(connection, table, **changes)
    assert constraint in str(refused.value.orig)


@pytest.mark.parametrize("what", care_rows.TAKEN)
def test_no_check_bites_what_is_right(engine: Engine, what: str) -> None:
    table, changes = care_rows.TAKEN[what]
    with undone(engine) as connection:
        prepared(connection, table)
        assert put(connection, table, **changes) == 1


def test_no_check_is_left_out() -> None:
    checks = {
        f"ck_{table.name}_{str(constraint.name).removeprefix(f'ck_{table.name}_')}"
        for table in tables.metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    assert set(WRONG) == checks


@pytest.mark.parametrize("pocket", sorted(POCKETS))
def test_no_pocket_becomes_cash_by_sql(world: World, pocket: Side) -> None:
    """Not into an entry that is there, either: there is no way from a pocket to the bank."""
    book = world.open(opening=(100, 100))
    with undone(world.engine) as connection, pytest.raises(IntegrityError, match="pocket_not_to_bank"):
        connection.execute(
            text("INSERT INTO transfer VALUES (:book, 100, NULL, 1, 9, :pocket, 19)"),
            {"book": book, "pocket": int(pocket)},
        )


def test_no_kind_of_entry_moves_a_pocket_to_the_bank() -> None:
    assert all((pocket, Side.BANK) not in moves for moves in MOVES.values() for pocket in POCKETS)
    # an employer's or an institution's book has no pockets, and the fund pays claims and advances past them
    between_funds = {
        Kind.ASSESSMENT, Kind.PAYMENT, Kind.ADJUSTMENT, Kind.CLAIM_DECISION, Kind.ADVANCE, Kind.RECOVERY,
        Kind.CREDIT_SHORTFALL, Kind.PAYOUT, Kind.PAYOUT_RETURN,
        Kind.INSTITUTION_PAYMENT, Kind.TRANSFER_ACKNOWLEDGEMENT, Kind.TRANSFER_SUPPLEMENT,
        Kind.SUSPENSE_RELEASE, Kind.DEMAND, Kind.INSTALMENT,
    }  # fmt: skip
    # a refund is one in an employer's book or in an account; a bill is paid by the funds and the account
    both = {
        Kind.REFUND_TO_PAYER, Kind.SETTLEMENT, Kind.REVERSAL, Kind.ANNUAL_SETTLEMENT, Kind.CREDIT_BACK,
        Kind.SET_OFF, Kind.ESTATE_UNDO, Kind.INHERITANCE_BACK, Kind.TRANSFER_IN, Kind.RETIREE_CORRECTION,
    }  # fmt: skip
    for kind, moves in MOVES.items():
        in_pockets = {bool({source, target} & POCKETS) for source, target in moves}
        assert in_pockets == (
            {False} if kind in between_funds else {False, True} if kind in both else {True}
        ), kind
    assert Side.BANK in FUND_ACCOUNTS


# -- what is there once -----------------------------------------------------------------------------------

KEY = {"idempotency_key": "k", "request_digest": b"x"}
HOLD = {"kind": int(Kind.HOLD), "expires_at": LATER}
INTEREST = {"kind": int(Kind.INTEREST), "period": 2025}
# two rows of a table: the second is refused
TWICE: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "a number in a book": ("entry", {}, {}),
    "a key of a caller": ("entry", KEY, {**KEY, "seq": 6, "kind": int(Kind.SPENDING)}),
    "a document of a kind": ("entry", {"source_ref": "r"}, {"source_ref": "r", "seq": 6}),
    "a target": (
        "entry",
        {"target_seq": 2, "kind": int(Kind.REVERSAL)},
        {"target_seq": 2, "seq": 6, "kind": int(Kind.RELEASE)},
    ),
    "the interest of a year": ("entry", INTEREST, {**INTEREST, "seq": 6}),
    "a line of an entry": ("transfer", {}, {"amount_fen": 2}),
    "an account number": ("book", {}, {"person_id": 2}),
    "a claim": ("claim", {}, {"book_id": 2}),
    "a number of staff": ("staff", {}, {"recorded_at": LATER}),
    "a flag": ("account_flag", {}, {"recorded_at": LATER}),
    "what waits in a book": ("approval", {}, {"idempotency_key": "other"}),
    "what waits under a key": ("approval", {}, {"number": 2}),
    "a person of a request": ("agency_request_person", {}, {"place": 2}),
    "a decision": ("agency_decision", {}, {"approved": False}),
    "an answer": ("agency_answer", {}, {"caller": 902}),
    "a person": ("identity", {}, {"person_id": 2}),
    "a policy version": ("policy", {}, {"hash": "other"}),
    "the same policy": ("policy", {}, {"version": 902}),
    "an agent": ("agent", {}, {"agent_id": 902}),
    "the name of a case": ("inquiry_case", {}, {"said": 2}),
    "what was said in a case": ("inquiry_case", {}, {"case_id": "d"}),
    "an unpaid month of a case": ("inquiry_case_month", {}, {"paid": 0}),
    "who took a case": ("inquiry_case_taken", {}, {"actor": 902}),
    "the answer to a case": ("inquiry_case_answer", {}, {"outcome": 3}),
    "the place of a correction": ("inquiry_case_correction", {}, {"entry_seq": 3}),
    "a correction of a case": ("inquiry_case_correction", {}, {"place": 2}),
    "the end of a case": ("inquiry_case_closing", {}, {"actor": 902}),
    "the number of a card": ("card", {}, {"name": "C" * 20, "person_id": 2}),
    "the name of a card": ("card", {}, {"digest": bytes(31) + b"1"}),
    "the loss of a card": ("card_loss", {}, {"reason": "again"}),
    "the code of an account": ("call_back_code", {}, {"digest": bytes(31) + b"1"}),
    "the guesses of a person": ("phone_guess", {}, {"wrong": 0}),
    "the name of a document": ("document", {}, {"serial": "D2", "code_digest": bytes(31) + b"1"}),
    "the serial number of a document": (
        "document",
        {},
        {"name": "C" * 20, "code_digest": bytes(31) + b"1"},
    ),
    "the code of a document": ("document", {}, {"name": "C" * 20, "serial": "D2"}),
    "the bytes of a document": ("document_content", {}, {"content_sealed": b"y"}),
    "what was written": ("outbox", {}, {"books": "{1}"}),
    "a notice": ("notice", {}, {"at": LATER}),
    "a position": ("event", {}, {"seq": 6}),
    "the event of an entry": ("event", {}, {"position": 902, "kind": 3}),
    "the event of a reference": (
        "event",
        {"seq": None, "ref": "r"},
        {"seq": None, "ref": "r", "position": 902, "at": LATER},
    ),
    "the name of a webhook": ("webhook", {}, {"url": "https://other.example/"}),
    "the address of a webhook": ("webhook", {}, {"name": "C" * 16}),
    "an institution": ("institution", {}, {"party_id": 902}),
    "a party": ("institution", {}, {"code": "H9002"}),
    "a contract": ("contract", {}, {"services": "inpatient"}),
    "a batch": ("batch", {}, {"kind": "year-end"}),
    "a correction": ("correction", {}, {"request": "[]"}),
    "a line of a correction": ("correction_line", {}, {"after_fen": 3}),
    "a line of a batch": ("batch_line", {}, {"code": "id_checksum"}),
    "an employer": ("employer", {}, {"book_id": EMPLOYER + 1}),
    "the book of an employer": ("employer", {}, {"credit_code": "91999999000000002X"}),
    "the closure of an employer": ("employer_closure", {}, {"closed_on": DAY}),
    "a change of an institution": ("institution_change", {}, {"level": 2}),
    "a change of an employer": ("employer_change", {}, {"name": "m"}),
    "a month of an employer": ("levy", {}, {"employee": 20_000}),
    "what an entry changes about a month": ("levy_line", {}, {"surplus": 1}),
    "a person's month": ("assessment", {}, {"employee": 20_000}),
    "a line of a list": ("declared_line", {}, {"account_id": 2}),
    "a change of a person's month": ("assessment_line", {}, {"account_id": 2}),
    "an assessment of a person's month": ("assessment_line", {}, {"line": 2, "employee": 1}),
    "an enrolment of an entry": ("enrolment", {}, {"member_class": int(MemberClass.RETIRED)}),
    "a line of a person's fact": ("person_fact", {}, {"what": 2}),
    "a line of whose numbers are": ("identity_entry", {}, {"role": 2}),
    "an order of a payout": ("estate_payout", {}, {"amount": 2}),
    "where an account went": ("account_merge", {}, {"into_id": BOOK + 2}),
    "whose number another had": ("shared_number", {}, {"other_person_id": 3}),
    **care_rows.TWICE,
    **leaving_rows.TWICE,
}
# and what looks alike and is taken
ALIKE: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "a key of another caller": ("entry", KEY, {**KEY, "seq": 6, "caller": 2}),
    "another key": ("entry", KEY, {**KEY, "seq": 6, "idempotency_key": "K"}),
    "no key twice": ("entry", {}, {"seq": 6}),
    "a document for another kind": (
        "entry",
        {"source_ref": "r"},
        {"source_ref": "r", "seq": 6, "kind": int(Kind.SPENDING)},
    ),
    "another target": ("entry", {"target_seq": 2}, {"target_seq": 3, "seq": 6}),
    "the interest of another year": ("entry", INTEREST, {**INTEREST, "period": 2024, "seq": 6}),
    "two contributions for a month": ("entry", {"period": 202603}, {"period": 202603, "seq": 6}),
    "two holds": ("entry", HOLD, {**HOLD, "seq": 6}),
    "a second line": ("transfer", {}, {"line": 2}),
    "two accounts of a person": ("book", {}, {"book_id": BOOK + 1}),
    "two numbers of a person": ("identity", {}, {"digest": bytes(31) + b"1", "role": 2}),
    "a policy for another area": ("policy", {}, {"version": 902, "area": 990200}),
    "what waits under another key": ("approval", {}, {"number": 2, "idempotency_key": "other"}),
    "what was approved": ("approval", APPROVED, {"number": 2, "caller": 902}),
    "what was rejected": ("approval", REJECTED, {"number": 2, "caller": 902}),
    "two cards of a person": ("card", {}, {"name": "C" * 20, "digest": bytes(31) + b"1"}),
    "what another statement wrote": ("outbox", {}, {"seq": 6}),
    "a notice of another kind": ("notice", {}, {"kind": 7}),
    "the event of another entry": ("event", {}, {"position": 902, "seq": 6}),
    "an event of another reference": ("event", {"seq": None, "ref": "r"}, {"position": 902, "seq": 6}),
    "an address whose webhook was ended": ("webhook", {"ended_at": NOW}, {"name": "C" * 16}),
    "another month": ("levy", {}, {"period": 202604}),
    "the month of another person": ("assessment", {}, {"account_id": 2}),
    "the assessment of another person": ("assessment_line", {}, {"line": 2, "account_id": 2}),
    "the assessment of another month": ("assessment_line", {}, {"line": 2, "period": 202604}),
    "an adjustment of an assessed month": (
        "assessment_line",
        {},
        {"line": 2, "kind": int(LineKind.ADJUSTED)},
    ),
    "two payments of a month": ("assessment_line", {**PAID, "employee_paid": 5}, {**PAID, "line": 2}),
    "a person twice in a list": ("declared_line", {}, {"line": 2}),
    **care_rows.ALIKE,
    **leaving_rows.ALIKE,
}


@pytest.mark.parametrize("what", TWICE)
def test_what_may_be_there_once(engine: Engine, what: str) -> None:
    table, first, second = TWICE[what]
    with undone(engine) as connection:
        prepared(connection, table)
        put(connection, table, **first)
        with pytest.raises(IntegrityError, match=r"(?i)unique"):
            put(connection, table, **second)


@pytest.mark.parametrize("what", ALIKE)
def test_what_only_looks_alike_is_taken(engine: Engine, what: str) -> None:
    table, first, second = ALIKE[what]
    with undone(engine) as connection:
        prepared(connection, table)
        if "entry" in NEEDS.get(table, ()) and "seq" in second:
            put(connection, "entry", seq=second["seq"])
        assert put(connection, table, **first) == 1
        assert put(connection, table, **second) == 1


def test_the_same_key_in_another_book_is_another_key(engine: Engine) -> None:
    with undone(engine) as connection:
        for book in (BOOK, BOOK + 1):
            put(connection, "book", book_id=book)
            assert put(connection, "entry", book_id=book, source_ref="r", **KEY) == 1


@pytest.mark.parametrize(
    ("table", "changes"),
    [
        ("entry", {"book_id": BOOK + 1}),
        ("transfer", {"seq": 6}),
        ("contract", {"code": "H9002"}),
        ("batch_line", {"batch_id": "another"}),
        ("correction", {"caller": 902}),
        ("correction", {"actor": 902}),
        ("correction_line", {"name": "another"}),
        ("read_log", {"chain_id": 902}),
        ("read_log", {"caller": 902}),
        ("read_log", {"actor": 902}),
        ("staff", {"caller": 902}),
        ("staff", {"actor": 902}),
        ("account_flag", {"caller": 902}),
        ("account_flag", {"actor": 902}),
        ("approval", {"book_id": BOOK + 1}),
        ("approval", APPROVED | {"entry_seq": 6}),
        ("agency_request", {"caller": 902}),
        ("agency_request", {"actor": 902}),
        ("agency_request_person", {"request_id": "s"}),
        ("agency_decision", {"request_id": "s"}),
        # who asked is said as it was
        ("agency_decision", {"asked_by": 903}),
        ("agency_decision", {"caller": 903}),
        ("agency_decision", {"actor": 903}),
        ("agency_answer", {"request_id": "s"}),
        ("agency_answer", {"caller": 903}),
        ("agency_answer", {"actor": 903}),
        ("inquiry_case", {"caller": 903}),
        ("inquiry_case", {"actor": 903}),
        ("inquiry_case", {"objects_to": "d"}),
        *((table, {"case_id": "d"}) for table in OF_CASES[1:]),
        # who opened it is said as it was
        ("inquiry_case_answer", {"opened_by": 903}),
        *(
            (f"inquiry_case_{table}", {who: 903})
            for table in ("taken", "answer", "closing")
            for who in ("caller", "actor")
        ),
        *(
            (table, {who: 902})
            for table in ("card", "card_loss", "call_back_code", "document", "webhook")
            for who in ("caller", "actor")
        ),
        ("document_content", {"name": "C" * 20}),
        ("card_loss", {"name": "C" * 20}),
        ("levy", {"book_id": BOOK + 1}),
        ("levy_line", {"seq": 6}),
        ("employer_closure", {"seq": 6}),
        ("institution_change", {"seq": 6}),
        ("employer_change", {"seq": 6}),
        ("assessment", {"book_id": BOOK + 1}),
        ("assessment_line", {"seq": 6}),
        ("declared_line", {"seq": 6}),
        ("enrolment", {"seq": 6}),
        ("person_fact", {"seq": 6}),
        ("identity_entry", {"seq": 6}),
        ("account_merge", {"seq": 6}),
        ("shared_number", {"seq": 6}),
        ("estate_payout", {"seq": 6}),
        *care_rows.HANGING,
        *leaving_rows.HANGING,
    ],
)
def test_nothing_hangs_in_the_air(engine: Engine, table: str, changes: dict[str, Any]) -> None:
    with undone(engine) as connection:
        prepared(connection, table)
        with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
            put(connection, table, **changes)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        (table.name, column.name)
        for table in tables.metadata.tables.values()
        for column in table.columns
        # SQLite makes up a number for a whole-number key of one column, and the service always gives one
        if not column.nullable
        and f"{table.name}.{column.name}"
        not in {
            "policy.version",
            "policy_in_force.number",
            "agent.agent_id",
            "read_log_chain.chain_id",
            "call_back_code.book_id",
            "event.position",
        }
    ],
)
def test_what_must_not_be_empty(engine: Engine, table: str, column: str) -> None:
    with undone(engine) as connection:
        prepared(connection, table)
        with pytest.raises(IntegrityError, match=column):
            put(connection, table, **{column: None})


# -- append-only ------------------------------------------------------------------------------------------

# of medical care: what entries write beside themselves, and the state that they add up to
CARE_ROWS = ("settlement", "filing", "manual_claim")
CARE_STATE = (
    "accumulator", "quota", "third_party_case", "reconciled_day", "clearing", "transfer_case", "demand",
)  # fmt: skip
# of other agencies, each after what it names
OF_AGENCIES = ("agency_request", "agency_request_person", "agency_decision", "agency_answer")
# of employers
CLOSURES = "employer_closure"
# what is said of institutions and employers since they were registered
REGISTERS = ("institution_change", "employer_change")
# of people
OF_PEOPLE = ("person_fact", "account_merge", "shared_number", "estate_payout", "identity_entry")
CHANGING = [
    "UPDATE entry SET detail = 'x' WHERE book_id = :book",
    "UPDATE entry SET seq = seq + 100 WHERE book_id = :book AND seq = 3",
    "UPDATE entry SET digest = digest",
    "DELETE FROM entry WHERE book_id = :book AND seq = 3",
    "DELETE FROM entry",
    "UPDATE transfer SET amount_fen = 1 WHERE book_id = :book",
    "DELETE FROM transfer WHERE book_id = :book",
    "DELETE FROM transfer",
    "UPDATE policy SET content = 'x'",
    "UPDATE key_fingerprint SET fingerprint = fingerprint",
    "DELETE FROM key_fingerprint",
    "UPDATE policy_in_force SET version = 1",
    "DELETE FROM policy_in_force",
    "UPDATE read_log SET purpose = 'care'",
    "DELETE FROM read_log",
    "DELETE FROM read_log_chain",
    "DELETE FROM approval",
    "UPDATE staff SET person = person",
    "DELETE FROM staff",
    "UPDATE correction SET request = request",
    "DELETE FROM correction",
    "DELETE FROM correction_line",
    "UPDATE account_flag SET reason = 'x'",
    "DELETE FROM account_flag",
    *(
        statement.format(table)
        for table in OF_AGENCIES
        for statement in ("UPDATE {0} SET request_id = request_id", "DELETE FROM {0}")
    ),
    "UPDATE agency_decision SET approved = NOT approved",
    *(
        statement.format(table)
        for table in OF_CASES
        for statement in ("UPDATE {0} SET case_id = case_id", "DELETE FROM {0}")
    ),
    "UPDATE inquiry_case SET due_on = '2099-01-01'",
    # what was counted is not counted back, and a chain stays of its day
    "UPDATE read_log_chain SET last_seq = last_seq",
    "UPDATE read_log_chain SET last_seq = last_seq - 1",
    "UPDATE read_log_chain SET last_seq = last_seq + 1, day = '2026-03-02'",
    "UPDATE read_log_chain SET last_seq = last_seq + 1, chain_id = 902",
    "UPDATE person_fact SET digest = digest",
    "DELETE FROM person_fact",
    "UPDATE identity_entry SET person_id = 2",
    "DELETE FROM identity_entry",
    "UPDATE estate_payout SET amount = 2",
    "DELETE FROM estate_payout",
    "UPDATE account_merge SET into_id = 1",
    "DELETE FROM account_merge",
    "UPDATE shared_number SET other_person_id = 3",
    "DELETE FROM shared_number",
    "UPDATE card SET ends_on = NULL",
    "UPDATE card SET person_id = 2",
    "DELETE FROM card",
    "UPDATE card_loss SET reason = reason",
    "DELETE FROM card_loss",
    "DELETE FROM call_back_code",
    "UPDATE document SET sha256 = sha256",
    "DELETE FROM document",
    "UPDATE document_content SET content_sealed = content_sealed",
    "DELETE FROM document_content",
    "DELETE FROM phone_guess",
    "UPDATE event SET kind = 3",
    "DELETE FROM event",
    "DELETE FROM webhook",
    "UPDATE policy SET hash = 'x' WHERE version = 1",
    "DELETE FROM policy WHERE version = 1",
    "DELETE FROM policy",
    "DELETE FROM book WHERE book_id = :book",
    "DELETE FROM book",
    *(
        statement.format(table)
        for table in ("levy_line", "assessment_line", "declared_line", "enrolment", *CARE_ROWS, *REGISTERS)
        for statement in ("UPDATE {0} SET seq = seq", "DELETE FROM {0}")
    ),
    "UPDATE levy_line SET employee_paid = 0",
    "UPDATE assessment_line SET account_id = 1",
    "UPDATE declared_line SET wage = 1",
    "UPDATE enrolment SET valid_to = '2026-03-01'",
    "UPDATE settlement SET bill_no = 'x'",
    "UPDATE settlement SET reverses_seq = NULL WHERE book_id = :book",
    "UPDATE manual_claim SET total = 1",
    "UPDATE filing SET valid_to = '2026-03-01'",
    "DELETE FROM levy WHERE period = 202603",
    "DELETE FROM assessment WHERE period = 202603",
    *(f"DELETE FROM {table}" for table in (*CARE_STATE, CLOSURES)),
    "DELETE FROM quota WHERE ended",
    "DELETE FROM reconciled_day WHERE NOT balanced",
    # an upsert is an update
    "INSERT INTO policy VALUES (1, 990100, 'h', 'c', '2026-01-01 00:00:00.000000')"
    " ON CONFLICT (version) DO UPDATE SET content = 'x'",
    "INSERT INTO transfer VALUES (:book, 5, NULL, 1, 1, 15, 2)"
    " ON CONFLICT (book_id, seq, line) DO UPDATE SET amount_fen = 5",
]
OF_A_BOOK = (
    "levy", "levy_line", "assessment", "assessment_line", "declared_line", "enrolment", *CARE_ROWS,
    *CARE_STATE, CLOSURES, "approval", *REGISTERS, *OF_PEOPLE,
)  # fmt: skip
POSTGRES_ONLY = [
    "TRUNCATE transfer",
    "TRUNCATE policy, policy_in_force",
    "TRUNCATE key_fingerprint",
    "TRUNCATE policy_in_force",
    "TRUNCATE read_log",
    "TRUNCATE staff",
    "TRUNCATE account_flag",
    "TRUNCATE correction_line",
    "TRUNCATE read_log_chain, read_log",
    "TRUNCATE agency_answer",
    f"TRUNCATE {', '.join(OF_AGENCIES)}",
    "TRUNCATE inquiry_case_closing",
    f"TRUNCATE {', '.join(OF_CASES)}",
    "TRUNCATE card, card_loss",
    "TRUNCATE card_loss",
    "TRUNCATE call_back_code",
    "TRUNCATE document, document_content",
    "TRUNCATE document_content",
    "TRUNCATE phone_guess",
    "TRUNCATE event",
    "TRUNCATE webhook",
    *(f"TRUNCATE {table} CASCADE" for table in ("entry", "transfer", "policy", "book")),
    *(f"TRUNCATE {table}" for table in OF_A_BOOK),
    f"TRUNCATE book, entry, transfer, {', '.join(OF_A_BOOK)}",
    "WITH gone AS (DELETE FROM transfer RETURNING 1) SELECT * FROM gone",
    "MERGE INTO policy USING (SELECT 1 AS v) g ON version = g.v WHEN MATCHED THEN DELETE",
]
SQLITE_ONLY = [
    "INSERT OR REPLACE INTO entry SELECT * FROM entry WHERE book_id = :book AND seq = 1",
    "REPLACE INTO transfer VALUES (:book, 5, NULL, 1, 1, 15, 2)",
    "REPLACE INTO policy VALUES (1, 990100, 'h', 'c', '2026-01-01 00:00:00.000000')",
    "REPLACE INTO policy VALUES (99, 990100, (SELECT hash FROM policy), 'c', '2026-01-01 00:00:00.000000')",
    "REPLACE INTO book SELECT * FROM book WHERE book_id = :book",
    *(f"REPLACE INTO {table} SELECT * FROM {table}" for table in OF_A_BOOK),
    "UPDATE OR REPLACE entry SET seq = 1 WHERE book_id = :book AND seq = 2",
    "UPDATE OR IGNORE entry SET detail = 'x' WHERE book_id = :book",
]


@pytest.fixture(scope="module")
def written(world: World) -> int:
    """A book with a contribution and a spend; an employer who has paid for somebody; a row of all care."""
    unit = Unit(world)
    person = unit.hire()
    unit.enrol(person, MemberClass.ACTIVE, DAY)
    unit.declare(202603, {person: 800_000})
    unit.pay(76_000, DAY, 202603)
    book = world.open(opening=(0, 1_000))
    world.one(Contribute(book, 500, 202603, world.today, "c"))
    world.one(Spend(book, 700, world.today, "H0001", "s"))
    with world.engine.begin() as connection:
        for table in (*CARE_ROWS, *CARE_STATE, CLOSURES, "approval", *REGISTERS, *OF_PEOPLE):
            states = {"quota": {"ended": True, "remaining": 0}, "reconciled_day": {"balanced": False}}
            of_entry = {"seq": 1} if "seq" in GOOD[table] else {}
            # an opening says something itself
            line = {"line": 2} if table == "identity_entry" else {}
            put(connection, table, book_id=book, **of_entry, **line, **states.get(table, {}))
        beside = ("read_log_chain", "read_log", "staff", "account_flag", *OF_AGENCIES, *OF_CASES)
        shown = (
            *("card", "card_loss", "call_back_code", "phone_guess", "document", "document_content"),
            *("event", "webhook", "correction", "correction_line"),
        )
        for table in ("key_fingerprint", "agent", *beside, *shown):
            if table == "agency_decision":
                put(connection, "agent", **DECIDER)
            put(connection, table)
    return book


def check_refused_as_append_only(engine: Engine, statement: str, book: int) -> None:
    def everything(connection: Connection) -> list[Any]:
        return [
            sorted(connection.execute(text(f"SELECT * FROM {table}")).all(), key=repr)
            for table in (*tables.APPEND_ONLY, *tables.NEVER_DELETED)
        ]

    with engine.connect() as connection:
        with connection.begin():
            before = everything(connection)
        with pytest.raises(DBAPIError, match="refused: the book is append-only"), connection.begin():
            connection.execute(text(statement), {"book": book} if ":book" in statement else {})
        with connection.begin():
            assert everything(connection) == before


@pytest.mark.parametrize("statement", CHANGING)
def test_the_book_is_append_only(engine: Engine, written: int, statement: str) -> None:
    check_refused_as_append_only(engine, statement, written)


@pytest.mark.postgres
@pytest.mark.parametrize("statement", POSTGRES_ONLY)
def test_the_book_is_append_only_for_postgresql(engine: Engine, written: int, statement: str) -> None:
    check_refused_as_append_only(engine, statement, written)


@pytest.mark.postgres
@pytest.mark.parametrize("table", ["book", "entry"])
def test_what_others_point_at_is_not_truncated_alone(engine: Engine, written: int, table: str) -> None:
    with undone(engine) as connection, pytest.raises(DBAPIError, match="cannot truncate a table referenced"):
        connection.execute(text(f"TRUNCATE {table}"))


@pytest.mark.sqlite
@pytest.mark.parametrize("statement", SQLITE_ONLY)
def test_the_book_is_append_only_for_sqlite(engine: Engine, written: int, statement: str) -> None:
    check_refused_as_append_only(engine, statement, written)


def test_a_book_keeps_its_number(engine: Engine, written: int) -> None:
    with undone(engine) as connection, pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        connection.execute(
            text("UPDATE book SET book_id = book_id + 1 WHERE book_id = :book"), {"book": written}
        )


# of which what is sealed may be sealed anew under a newer key: tests/operations/test_rotation.py
RESEALED = {one.table.name for one in SEALED_COLUMNS} & set(tables.APPEND_ONLY)


@pytest.mark.postgres
def test_the_triggers_that_the_migrations_leave_in_postgresql(engine: Engine) -> None:
    """Enabled, before the statement: 2 before, 4 insert, 8 delete, 16 update, 32 truncate."""
    with undone(engine) as connection:
        found = connection.execute(
            text(
                "SELECT tgrelid::regclass::text, tgtype::int, tgenabled::text FROM pg_trigger"
                " WHERE NOT tgisinternal"
            )
        ).all()
    assert {tuple(row) for row in found} == {
        *((table, 2 | 8 | 16 | 32, "O") for table in tables.APPEND_ONLY if table not in RESEALED),
        *((table, 2 | 8 | 32, "O") for table in (*tables.NEVER_DELETED, *RESEALED)),
        # for each row
        ("read_log_chain", 1 | 2 | 16, "O"),
        ("identity", 1 | 2 | 16, "O"),
        ("identity", 1 | 2 | 4, "O"),
        ("person_key", 1 | 2 | 16, "O"),
        ("person_key", 1 | 2 | 4, "O"),
        *((table, 1 | 2 | 16, "O") for table in RESEALED),
    }


@pytest.mark.sqlite
def test_the_triggers_that_the_migrations_leave_in_sqlite(engine: Engine) -> None:
    with undone(engine) as connection:
        found = connection.execute(
            text("SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'")
        ).all()
    assert {tuple(row) for row in found} == {
        *((table, f"{table}_no_{event}") for table in tables.APPEND_ONLY for event in ("update", "delete")),
        *((table, f"{table}_no_delete") for table in tables.NEVER_DELETED),
        ("read_log_chain", "read_log_chain_grows"),
        ("identity", "identity_told"),
        ("identity", "identity_counted"),
        ("person_key", "person_key_erased_once"),
        ("person_key", "person_key_whole"),
    }


@pytest.mark.sqlite
def test_every_connection_to_sqlite_has_its_guards(engine: Engine) -> None:
    wanted = {"foreign_keys": 1, "recursive_triggers": 1, "journal_mode": "wal", "synchronous": 2}
    with undone(engine) as connection:
        for pragma, value in wanted.items():
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value


# -- the newest migration, both ways ---------------------------------------------------------------------


def counted(engine: Engine) -> dict[str, int]:
    """How many rows each table has that is there."""
    with undone(engine) as connection:
        there = inspect(connection).get_table_names()
        return {
            name: connection.scalar(select(func.count()).select_from(table)) or 0
            for name, table in tables.metadata.tables.items()
            if name in there
        }


def test_the_newest_migration_goes_down_and_up_with_rows_in_the_tables(empty_url: str) -> None:
    """What it does not make keeps its rows and its triggers; what it makes comes back as it was meant."""
    config = alembic_config(empty_url)
    migrate(empty_url)
    engine = connect(empty_url)
    with engine.begin() as connection:
        put(connection, "agent", **DECIDER)
        for table in tables.metadata.sorted_tables:
            put(connection, table.name)
    filled = counted(engine)
    assert 0 not in filled.values()
    command.downgrade(config, "-1")
    assert counted(engine)["entry"] == 1
    assert counted(engine).items() <= filled.items()
    with pytest.raises(DBAPIError, match="refused: the book is append-only"), undone(engine) as connection:
        connection.execute(text("DELETE FROM entry"))
    command.upgrade(config, "head")
    assert counted(engine).keys() == tables.metadata.tables.keys()
    with pytest.raises(DBAPIError, match="refused: the book is append-only"), undone(engine) as connection:
        connection.execute(text("DELETE FROM entry"))
    command.check(config)
    engine.dispose()


# -- the rooms of tables.py ---------------------------------------------------------------

ROOMS = {"book", "claim", "reference", "reads"}


def of_room(room: str) -> list[Table]:
    return [table for table in tables.metadata.tables.values() if table.info.get("room") == room]


def test_every_index_across_books_is_one_and_promises_nothing() -> None:
    found = {
        str(index.name): index.unique
        for table in of_room("book")
        for index in table.indexes
        if next(iter(index.columns)).name != "book_id"
    }
    assert found == dict.fromkeys(ACROSS_BOOKS, False)


def uniques(table: Table) -> list[tuple[str, list[str]]]:
    """Every promise of uniqueness but the primary key, by name and columns."""
    found: list[UniqueConstraint | Index] = [
        constraint for constraint in table.constraints if isinstance(constraint, UniqueConstraint)
    ]
    found += [index for index in table.indexes if index.unique]
    return [(str(one.name), [column.name for column in one.columns]) for one in found]


def test_every_table_has_its_room() -> None:
    assert {table.info.get("room") for table in tables.metadata.tables.values()} == ROOMS
    assert {table.name for table in of_room("book")} == {
        "book", "entry", "transfer", "levy", "levy_line", "assessment", "assessment_line", "declared_line",
        "enrolment", "settlement", "accumulator", "quota", "filing", "third_party_case", "manual_claim",
        "reconciled_day", "clearing", "employer_closure", "approval", "institution_change",
        "employer_change", "person_fact", "account_merge", "shared_number", "estate_payout",
        "identity_entry", "transfer_case", "demand",
    }  # fmt: skip
    assert {table.name for table in of_room("claim")} == {"identity", "claim"}
    assert set(tables.APPEND_ONLY) | set(tables.NEVER_DELETED) <= set(tables.metadata.tables)
    books = {name for name, table in tables.metadata.tables.items() if table.info["room"] == "book"}
    said = [*tables.APPEND_ONLY, *tables.NEVER_DELETED]
    assert sorted(name for name in said if name in books) == sorted(books), (
        "each of a book's tables is a fact or a state"
    )


# Indexes that look across books. They promise nothing, so a machine may have one of its own.
ACROSS_BOOKS = {
    # transfers at a step, of whatever account
    "ix_transfer_case_status",
    # what a person sees of the books of employers, and an employer of those of its people
    "ix_assessment_account",
    "ix_enrolment_employer",
    # what an institution settled on a day stands in the books of its patients
    "ix_settlement_institution_day",
    # a patient's donors: the quotas stand in their books
    "ix_quota_recipient",
    # what was paid of a resident's premium stands in the accounts of the relatives who paid
    "ix_entry_premium",
    # what waits for a second person, whosever it is
    "ix_approval_expires_at",
    # the claims that must be decided next, whoever handed them in
    "ix_manual_claim_decide_by",
    # what is on record of a person, whichever account recorded it; and where an account of a person went
    "ix_person_fact_person",
    # what was said of a number, in whichever account
    "ix_identity_entry_digest",
    "ix_account_merge_into",
    "ix_account_merge_person",
    # whose number another had too, whichever account says it
    "ix_shared_number_digest",
    # what was demanded of the months of an account that went into another one
    "ix_demand_debt_account",
    # numbers as they were typed go with their person, whichever employer's list has them
    "ix_declared_line_sent",
}


@pytest.mark.parametrize("table", of_room("book"), ids=str)
def test_a_book_table_begins_with_its_book(table: Table) -> None:
    assert next(iter(table.primary_key.columns)).name == "book_id"
    for name, columns in uniques(table):
        assert columns[0] == "book_id", f"{name} promises uniqueness beyond one book: that is a claim"
    for index in table.indexes:
        assert next(iter(index.columns)).name == "book_id" or index.name in ACROSS_BOOKS, index.name
    for constraint in table.foreign_key_constraints:
        assert constraint.referred_table.info["room"] == "book"
        first = constraint.elements[0]
        assert (first.parent.name, first.column.name) == ("book_id", "book_id"), constraint.name


@pytest.mark.parametrize("table", of_room("claim"), ids=str)
def test_a_claim_is_keyed_by_its_digest_and_nothing_else(table: Table) -> None:
    assert [column.name for column in table.primary_key.columns] == ["digest"]
    assert isinstance(table.c.digest.type, LargeBinary)
    assert uniques(table) == []
    assert not table.foreign_key_constraints


@pytest.mark.parametrize("table", of_room("reference"), ids=str)
def test_a_reference_table_points_at_no_book(table: Table) -> None:
    assert all(constraint.referred_table.info["room"] == "reference"
               for constraint in table.foreign_key_constraints)  # fmt: skip
    # an employer is where the number of its book is given out
    assert "book_id" not in table.c or table.name == "employer"


@pytest.mark.parametrize("table", tables.metadata.tables.values(), ids=str)
def test_columns_hold_whole_numbers_and_no_number_is_made_by_the_database(table: Table) -> None:
    allowed = (BigInteger, Integer, SmallInteger, Boolean, Text, Date, LargeBinary, tables.Instant)
    for column in table.columns:
        assert isinstance(column.type, allowed), column
        assert column.server_default is None, column
        assert column.default is None, column
        assert column.identity is None, column
    assert table.autoincrement_column is None
    money = {"amount", "remaining", "advance", "paid", "returned", "set_off", "fund", "account", *SIGNED}
    amounts = [column for column in table.columns if column.name.endswith("_fen") or column.name in money]
    assert all(isinstance(column.type, BigInteger) for column in amounts)


@pytest.mark.parametrize("table", tables.metadata.tables.values(), ids=str)
def test_every_constraint_has_a_name(table: Table) -> None:
    assert all(constraint.name for constraint in table.constraints)
    assert all(index.name for index in table.indexes)
