"""The expected noes: one closed list of codes, in order of precedence, and the exception that carries one.

The order is the order in which a request is judged: shape, key, not found, identity, closed, deceased,
frozen, period and date, institution, duplicates, state of the thing acted on, amount, insufficient.
When two refusals apply at once, the one that stands higher here is the answer.
"""

from enum import StrEnum


class RefusalCode(StrEnum):
    """Why a command was not taken. Stable: other systems are written against these words."""

    # shape
    JSON_MALFORMED = "json_malformed"
    CASH_FORBIDDEN = "cash_forbidden"
    UNKNOWN_FIELD = "unknown_field"
    SHAPE_INVALID = "shape_invalid"
    CARE_TYPE_UNKNOWN = "care_type_unknown"
    LINE_CLASS_UNKNOWN = "line_class_unknown"
    BULK_TOO_LARGE = "bulk_too_large"
    FILE_INVALID = "file_invalid"
    TOTALS_DIFFER = "totals_differ"
    FORMULA_IN_CELL = "formula_in_cell"
    MERGED_CELL = "merged_cell"
    DATE_IN_CELL = "date_in_cell"
    NUMBER_IN_CELL = "number_in_cell"
    FULL_WIDTH_DIGITS = "full_width_digits"
    LEADING_APOSTROPHE = "leading_apostrophe"
    # key
    IDEMPOTENCY_KEY_MISSING = "idempotency_key_missing"
    IDEMPOTENCY_KEY_INVALID = "idempotency_key_invalid"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    MSGID_CONFLICT = "msgid_conflict"
    # not found
    ACCOUNT_NOT_FOUND = "account_not_found"
    EMPLOYER_NOT_FOUND = "employer_not_found"
    DECLARATION_NOT_FOUND = "declaration_not_found"
    ENROLMENT_NOT_FOUND = "enrolment_not_found"
    ENTRY_NOT_FOUND = "entry_not_found"
    HOLD_NOT_FOUND = "hold_not_found"
    FREEZE_NOT_FOUND = "freeze_not_found"
    VISIT_NOT_FOUND = "visit_not_found"
    SETTLEMENT_NOT_FOUND = "settlement_not_found"
    QUOTA_NOT_FOUND = "quota_not_found"
    CASE_NOT_FOUND = "case_not_found"
    CLAIM_NOT_FOUND = "claim_not_found"
    CLEARING_NOT_FOUND = "clearing_not_found"
    ANNUAL_SETTLEMENT_NOT_FOUND = "annual_settlement_not_found"
    BATCH_NOT_FOUND = "batch_not_found"
    AREA_UNKNOWN = "area_unknown"
    # identity
    ID_FORMAT = "id_format"
    ID_PREFIX = "id_prefix"
    ID_BIRTHDATE = "id_birthdate"
    ID_FUTURE = "id_future"
    ID_CHECKSUM = "id_checksum"
    ID_MISMATCH = "id_mismatch"
    CREDIT_CODE_INVALID = "credit_code_invalid"
    ALIAS_CONFLICT = "alias_conflict"
    ACCOUNT_EXISTS_OTHER_PERSON = "account_exists_other_person"
    EMPLOYER_DIFFERS = "employer_differs"
    SCHEME_NO_ACCOUNT = "scheme_no_account"
    INSTITUTION_DIFFERS = "institution_differs"
    QUOTA_SELF = "quota_self"
    NOT_RELATIVE = "not_relative"
    RECIPIENT_NOT_INSURED = "recipient_not_insured"
    # closed
    ACCOUNT_CLOSED = "account_closed"
    OPENING_DIFFERS = "opening_differs"
    ACCOUNT_TRANSFERRING = "account_transferring"
    # deceased
    ACCOUNT_DECEASED = "account_deceased"
    ACCOUNT_NOT_DECEASED = "account_not_deceased"
    # frozen
    ACCOUNT_FROZEN = "account_frozen"
    # period and date
    PERIOD_AFTER_END = "period_after_end"
    PERIOD_INVALID = "period_invalid"
    PERIOD_BEFORE_ENROLMENT = "period_before_enrolment"
    NOT_ENROLLED = "not_enrolled"
    RETIREE_PAYS_NO_PREMIUM = "retiree_pays_no_premium"
    PERIOD_CLOSED = "period_closed"
    YEAR_NOT_OVER = "year_not_over"
    RATES_MISSING = "rates_missing"
    # institution
    INSTITUTION_UNKNOWN = "institution_unknown"
    NOT_DESIGNATED = "not_designated"
    CONTRACT_SUSPENDED = "contract_suspended"
    CONTRACT_OVERLAPS = "contract_overlaps"
    FILING_NOT_APPLICABLE = "filing_not_applicable"
    VISIT_MISMATCH = "visit_mismatch"
    # duplicates
    DUPLICATE_SOURCE_REF = "duplicate_source_ref"
    DUPLICATE_BILL = "duplicate_bill"
    DUPLICATE_BENEFIT = "duplicate_benefit"
    CANCELLED_BEFORE_ARRIVAL = "cancelled_before_arrival"
    MESSAGE_CORRECTED = "message_corrected"
    DUPLICATE_LINE = "duplicate_line"
    DUPLICATE_PERIOD = "duplicate_period"
    ALREADY_CONFIRMED = "already_confirmed"
    ALREADY_DECLARED = "already_declared"
    ALREADY_REVERSED = "already_reversed"
    # the state of what is acted on
    NOT_REVERSIBLE = "not_reversible"
    NOT_LAST = "not_last"
    REVERSAL_WINDOW_PASSED = "reversal_window_passed"
    QUOTE_STALE = "quote_stale"
    VISIT_SETTLED = "visit_settled"
    VISIT_ENDED = "visit_ended"
    QUOTA_ENDED = "quota_ended"
    DONOR_PAUSED = "donor_paused"
    NOT_RECONCILED = "not_reconciled"
    ALREADY_CLEARED = "already_cleared"
    CLEARING_ENDED = "clearing_ended"
    CLEARING_PAID = "clearing_paid"
    CAUSE_REQUIRED = "cause_required"
    CAUSE_UNKNOWN = "cause_unknown"
    EVIDENCE_MISSING = "evidence_missing"
    CLAIM_DECIDED = "claim_decided"
    CLAIM_TOO_LATE = "claim_too_late"
    ALREADY_ADVANCED = "already_advanced"
    NOTHING_ADVANCED = "nothing_advanced"
    SET_OFF_NOT_ALLOWED = "set_off_not_allowed"
    NOTHING_ASSESSED = "nothing_assessed"
    NO_LAST_MONTH = "no_last_month"
    NO_GOOD_LINE = "no_good_line"
    ENROLMENT_ENDED = "enrolment_ended"
    HOLD_NOT_OPEN = "hold_not_open"
    HOLD_EXPIRED = "hold_expired"
    FREEZE_ENDED = "freeze_ended"
    OPEN_ITEMS = "open_items"
    SHARES_INVALID = "shares_invalid"
    VERB_NOT_OFFERED = "verb_not_offered"
    # amount
    AMOUNT_INVALID = "amount_invalid"
    AMOUNT_MISMATCH = "amount_mismatch"
    ITEM_NOT_ELIGIBLE = "item_not_eligible"
    QUOTA_TOO_HIGH = "quota_too_high"
    WAGE_INVALID = "wage_invalid"
    SUSPENSE_EXCEEDED = "suspense_exceeded"
    HOLD_EXCEEDED = "hold_exceeded"
    # insufficient
    INSUFFICIENT_BALANCE = "insufficient_balance"
    # not by its own fault: a neighbour in an atomic group was refused
    GROUP_REFUSED = "group_refused"


PRECEDENCE: dict[RefusalCode, int] = {code: rank for rank, code in enumerate(RefusalCode)}


class Refused(Exception):
    """An expected no.

    `facts` are what the caller may be told beside the code (amounts in fen, dates, limits). They never
    hold what the caller sent, an ID number or a name.
    """

    def __init__(self, code: RefusalCode, **facts: object) -> None:
        super().__init__(code.value)
        self.code = code
        self.facts = facts

    def __repr__(self) -> str:
        return f"Refused({self.code.value})"
