"""Why a line was refused, in a sentence for whoever has to correct it. No sentence holds a comma."""

from __future__ import annotations

from typing import Final

from ledger.refusals import RefusalCode

# in the list of rejected lines: a line that met a bug or a constraint, see the log
INTERNAL_ERROR: Final = "internal_error"

_C = RefusalCode

REASONS: Final[dict[RefusalCode, str]] = {
    # shape
    _C.JSON_MALFORMED: "The body is not JSON",
    _C.CASH_FORBIDDEN: "Account money is never paid as cash",
    _C.UNKNOWN_FIELD: "A field is not known",
    _C.SHAPE_INVALID: "The line is cut or a field of it has the wrong form",
    _C.CARE_TYPE_UNKNOWN: "The kind of care is not known",
    _C.LINE_CLASS_UNKNOWN: "The class of a line is not known",
    _C.BULK_TOO_LARGE: "There are too many lines in one call",
    _C.FILE_INVALID: "The file cannot be read",
    _C.TOTALS_DIFFER: "The control totals do not match the lines",
    _C.FORMULA_IN_CELL: "A cell holds a formula: paste it as a value",
    _C.MERGED_CELL: "A cell is merged with others",
    _C.DATE_IN_CELL: "A cell holds a date where a text or an amount belongs",
    _C.NUMBER_IN_CELL: "The ID number is stored as a number and has lost its last digits",
    _C.FULL_WIDTH_DIGITS: "There are full-width digits: type them half-width",
    _C.LEADING_APOSTROPHE: "A field begins with an apostrophe",
    # key
    _C.IDEMPOTENCY_KEY_MISSING: "The idempotency key is missing",
    _C.IDEMPOTENCY_KEY_INVALID: "The idempotency key is not 1 to 255 visible ASCII characters",
    _C.IDEMPOTENCY_KEY_REUSED: "The idempotency key was used for another line",
    _C.MSGID_CONFLICT: "The institution used this message id for another message",
    # not found
    _C.ACCOUNT_NOT_FOUND: "There is no account of this number or ID number",
    _C.EMPLOYER_NOT_FOUND: "There is no such employer",
    _C.DECLARATION_NOT_FOUND: "There is no such declaration",
    _C.ENROLMENT_NOT_FOUND: "There is no such enrolment",
    _C.ENTRY_NOT_FOUND: "There is no such entry",
    _C.HOLD_NOT_FOUND: "There is no such hold",
    _C.FREEZE_NOT_FOUND: "There is no such freeze",
    _C.VISIT_NOT_FOUND: "There is no such visit",
    _C.SETTLEMENT_NOT_FOUND: "There is no such settlement",
    _C.QUOTA_NOT_FOUND: "There is no such quota",
    _C.CASE_NOT_FOUND: "There is no such case",
    _C.CLAIM_NOT_FOUND: "There is no such claim",
    _C.CLEARING_NOT_FOUND: "There is no such clearing",
    _C.ANNUAL_SETTLEMENT_NOT_FOUND: "There is no such annual settlement",
    _C.BATCH_NOT_FOUND: "There is no such batch",
    _C.AREA_UNKNOWN: "There is no such area",
    # identity
    _C.ID_FORMAT: "The ID number has the wrong form",
    _C.ID_PREFIX: "The ID number begins with no known region",
    _C.ID_BIRTHDATE: "The birth date in the ID number does not exist",
    _C.ID_FUTURE: "The birth date in the ID number is to come",
    _C.ID_CHECKSUM: "The check character of the ID number is wrong",
    _C.ID_MISMATCH: "Sex or birth date differ from the ID number",
    _C.CREDIT_CODE_INVALID: "The credit code is not valid",
    _C.ALIAS_CONFLICT: "The ID number belongs to somebody else",
    _C.ACCOUNT_EXISTS_OTHER_PERSON: "The ID number has an account under another name",
    _C.EMPLOYER_DIFFERS: "The employer was registered otherwise",
    _C.SCHEME_NO_ACCOUNT: "The resident scheme has no account",
    _C.INSTITUTION_DIFFERS: "The institution was registered otherwise",
    _C.QUOTA_SELF: "Nobody gives a quota to themselves",
    _C.NOT_RELATIVE: "The recipient is no close relative of the donor",
    _C.RECIPIENT_NOT_INSURED: "The recipient is not insured",
    # closed
    _C.ACCOUNT_CLOSED: "The account is closed",
    _C.OPENING_DIFFERS: "The account was opened with another day or balance",
    _C.ACCOUNT_TRANSFERRING: "The account is being transferred",
    # deceased
    _C.ACCOUNT_DECEASED: "The account holder has died",
    _C.ACCOUNT_NOT_DECEASED: "No death was reported for the account",
    # frozen
    _C.ACCOUNT_FROZEN: "The account is frozen",
    # period and date
    _C.PERIOD_AFTER_END: "The month lies after the end of life",
    _C.PERIOD_INVALID: "The month or date does not exist or is to come or lies before the opening",
    _C.PERIOD_BEFORE_ENROLMENT: "The month lies before the enrolment",
    _C.NOT_ENROLLED: "The person was not enrolled with this employer in the month",
    _C.RETIREE_PAYS_NO_PREMIUM: "A retiree owes no premium",
    _C.PERIOD_CLOSED: "The period is closed",
    _C.YEAR_NOT_OVER: "The year is not over",
    _C.RATES_MISSING: "The area's policy has no value for the day",
    # institution
    _C.INSTITUTION_UNKNOWN: "There is no such institution",
    _C.NOT_DESIGNATED: "The institution has no contract on that day",
    _C.CONTRACT_SUSPENDED: "The institution's contract is suspended on that day",
    _C.CONTRACT_OVERLAPS: "The contract overlaps another one",
    _C.FILING_NOT_APPLICABLE: "No filing applies to this care",
    _C.VISIT_MISMATCH: "The visit is of another person or institution",
    # duplicates
    _C.DUPLICATE_SOURCE_REF: "The document was booked for this account before",
    _C.DUPLICATE_BILL: "The institution's bill number was settled before",
    _C.DUPLICATE_BENEFIT: "What is claimed was settled before",
    _C.CANCELLED_BEFORE_ARRIVAL: "A correction of this message came before it",
    _C.MESSAGE_CORRECTED: "The institution cancelled this message",
    _C.DUPLICATE_LINE: "The person stands in the list twice",
    _C.DUPLICATE_PERIOD: "The month was assessed before",
    _C.ALREADY_CONFIRMED: "The declaration was confirmed before",
    _C.ALREADY_DECLARED: "The month was declared or estimated before",
    _C.ALREADY_REVERSED: "The entry was reversed before",
    # the state of what is acted on
    _C.NOT_REVERSIBLE: "Entries of this kind are not reversed",
    _C.NOT_LAST: "A later inpatient settlement depends on it",
    _C.REVERSAL_WINDOW_PASSED: "The time for a reversal has passed",
    _C.QUOTE_STALE: "The result differs from the quote or the quote ran out",
    _C.VISIT_SETTLED: "The visit was settled",
    _C.VISIT_ENDED: "The visit was ended before",
    _C.QUOTA_ENDED: "The quota was ended before",
    _C.DONOR_PAUSED: "The donor's enrolment is paused",
    _C.NOT_RECONCILED: "Not every day of the month has a balanced reconciliation",
    _C.ALREADY_CLEARED: "The month was cleared before",
    _C.CLEARING_ENDED: "The clearing was taken back before",
    _C.CLEARING_PAID: "The clearing was paid",
    _C.CAUSE_REQUIRED: "The cause of the injury must be declared",
    _C.CAUSE_UNKNOWN: "The cause of the injury is not known: nothing is settled",
    _C.EVIDENCE_MISSING: "A document that is needed is missing",
    _C.CLAIM_DECIDED: "The claim was decided before",
    _C.CLAIM_TOO_LATE: "The claim came after the deadline",
    _C.ALREADY_ADVANCED: "The case was advanced before",
    _C.NOTHING_ADVANCED: "Nothing was advanced in the case",
    _C.SET_OFF_NOT_ALLOWED: "The area does not allow a set-off",
    _C.NOTHING_ASSESSED: "Nothing was assessed for the month",
    _C.NO_LAST_MONTH: "There is no month before: the agency names the amount",
    _C.NO_GOOD_LINE: "No line can be assessed",
    _C.ENROLMENT_ENDED: "The enrolment was ended before",
    _C.HOLD_NOT_OPEN: "The hold was captured or released before",
    _C.HOLD_EXPIRED: "The hold has expired",
    _C.FREEZE_ENDED: "The freeze was ended before",
    _C.OPEN_ITEMS: "Holds are still open",
    _C.SHARES_INVALID: "The shares do not divide the whole",
    _C.VERB_NOT_OFFERED: "This is not offered",
    # amount
    _C.AMOUNT_INVALID: "The amount is no positive number of yuan with two decimals",
    _C.AMOUNT_MISMATCH: "The amounts do not add up",
    _C.ITEM_NOT_ELIGIBLE: "Neither fund nor account pays for an item",
    _C.QUOTA_TOO_HIGH: "The quota exceeds what is available",
    _C.WAGE_INVALID: "The wage is no positive number of yuan with two decimals",
    _C.SUSPENSE_EXCEEDED: "The amount is more than what waits for the payer",
    _C.HOLD_EXCEEDED: "The amount exceeds the hold",
    # insufficient
    _C.INSUFFICIENT_BALANCE: "The balance does not suffice",
    _C.GROUP_REFUSED: "Another line of the group was refused",
}


def reason(code: str) -> str:
    """The sentence of a code as it stands in a list of rejected lines."""
    if code == INTERNAL_ERROR:
        return "The line met a fault of the service: see its log"
    return REASONS[RefusalCode(code)]
