"""The kinds of entries, and what each of them moves."""

from enum import IntEnum, unique
from typing import Final

from ledger.chart.sides import Side


@unique
class Kind(IntEnum):
    """What one entry records."""

    OPENING = 1
    CONTRIBUTION = 2
    SPENDING = 3
    HOLD = 4
    CAPTURE = 5
    RELEASE = 6
    EXPIRY = 7
    REVERSAL = 8
    FREEZE = 9
    FREEZE_END = 10
    INTEREST = 11
    CARRY_OVER = 12
    DEATH = 13
    ESTATE = 14
    INHERITANCE = 15
    # what a debit dated back moves between the pockets on a later day
    RECLASSIFICATION = 16
    # of the person: a new name or ID number, where to be reached; one account that goes into another
    NAME_CHANGE = 17
    ID_NUMBER = 18
    MERGE = 19
    # of two accounts that are one: what is taken back of the one that was closed, called back for it
    MERGE_BACK = 28
    CONTACT = 32
    # two people that shared one ID number are told apart
    SEPARATION = 99
    # whose the account and its numbers are, of a book that an older version wrote without saying so
    IDENTITY = 80
    # the key of the holder is erased: nobody knows any more whose the account was
    ERASURE = 81
    # of an employer's book
    DECLARATION = 20
    ASSESSMENT = 21
    ESTIMATE = 22
    ADJUSTMENT = 23
    PAYMENT = 24
    CASE_STEP = 25
    # of a person's book
    ENROLMENT = 26
    ENROLMENT_END = 27
    RETIREE_CREDIT = 30
    REFUND_TO_PAYER = 31
    # of a payment that was taken back, what accounts no longer had of a month
    CREDIT_SHORTFALL = 35
    # a death that was reported for somebody who lives, or with another day than its own
    DEATH_WITHDRAWAL = 33
    DEATH_CORRECTION = 34
    # a credit for a month after death
    CREDIT_BACK = 36
    # of a patient's book
    SETTLEMENT = 40
    # of a donor's book
    QUOTA = 41
    QUOTA_END = 42
    MUTUAL_AID = 43
    # what an annual settlement gives back of it
    AID_BACK = 38
    # of a patient's book again
    VISIT = 44
    VISIT_END = 45
    FILING = 46
    THIRD_PARTY_CASE = 47
    ADVANCE = 48
    RECOVERY = 49
    # of somebody who is insured elsewhere: the money that goes, and that comes
    TRANSFER_OUT = 50
    TRANSFER_IN = 51
    # of a patient's book
    SET_OFF = 52
    MANUAL_CLAIM = 53
    CLAIM_DECISION = 54
    ANNUAL_SETTLEMENT = 55
    # a relative's resident premium, paid from the account
    PREMIUM = 56
    # of an institution's book
    CONTRACT = 60
    SUSPENSION = 61
    RECONCILIATION = 62
    CLEARING = 63
    CLEARING_END = 64
    INSTITUTION_PAYMENT = 65
    CORRECTION = 66
    CONTRACT_END = 67
    SUSPENSION_END = 68
    # a transfer is asked for, or told of; and how a transfer out ends
    TRANSFER_REQUEST = 57
    # of an employer's book: what waited in suspense for a person goes where it belongs
    SUSPENSE_RELEASE = 58
    TRANSFER_ACKNOWLEDGEMENT = 59
    # of a patient's book
    FILING_END = 69
    # of an employer's book
    EMPLOYER_CLOSURE = 70
    EMPLOYER_REOPENING = 71
    EMPLOYER_CHANGE = 72
    EMPLOYER_MERGER = 73
    # people that go on with another employer
    STAFF_MOVE = 74
    # of an institution's book
    INSTITUTION_CHANGE = 75
    INSTITUTION_END = 76
    INSTITUTION_REOPENING = 79
    # of the account of a dead person: who claims, who disputes, what was agreed on, a division taken back
    ESTATE_CLAIMANTS = 94
    ESTATE_DISPUTE = 95
    ESTATE_AGREEMENT = 96
    ESTATE_UNDO = 97
    # of a divided one: a share is ordered to be paid to a bank, the order is reviewed, and paid
    PAYOUT_ORDER = 85
    PAYOUT_REVIEW = 86
    PAYOUT = 87
    # and what the bank sends back of it
    PAYOUT_RETURN = 37
    # of an heir's account: a share that goes back
    INHERITANCE_BACK = 98

    # of an account again: what the interest of a year was too little, or too much, by the rates in force
    INTEREST_CORRECTION = 84
    # of a person's book
    TRANSFER_REJECTION = 88
    # what came after the money of a transfer out was sent, sent after it
    TRANSFER_SUPPLEMENT = 89
    EXIT = 90
    DEMAND = 91
    INSTALMENT = 92
    # of a year that a transfer had cut short, and that went on
    FURTHER_INTEREST = 93
    # of a year that a division had cut short, which was undone: what was posted then
    INTEREST_BACK = 39
    # of a retiree's book: the difference to a month's credit that was posted by wrong figures
    RETIREE_CORRECTION = 29
    # of the book of a register: what a row of it holds from then on
    REGISTER_ROW = 83

    @property
    def word(self) -> str:
        """The kind as callers see it: `carry_over`."""
        return self.name.lower()


KIND_WORDS: dict[str, Kind] = {kind.word: kind for kind in Kind}


_CY, _CO = Side.CURRENT_YEAR, Side.CARRIED_OVER


_ANY_POCKET = (_CY, _CO)


def _pairs(sources: tuple[Side, ...], targets: tuple[Side, ...]) -> frozenset[tuple[int, int]]:
    return frozenset((int(a), int(b)) for a in sources for b in targets)


# who pays a bill beside the patient's own pockets
_FUNDS = (Side.POOLED_FUND, Side.LARGE_FUND)


_PAYERS = (*_FUNDS, Side.MUTUAL_AID_CLEARING)


# a late fee that a correction made too high waits for its payer
_LATE_FEE_BACK = _pairs((Side.POOLED_FUND,), (Side.SUSPENSE,))


# What a kind may move, as (from, to). A kind that is missing moves no money.
MOVES: dict[Kind, frozenset[tuple[int, int]]] = {
    Kind.OPENING: _pairs((Side.TAKEOVER,), _ANY_POCKET),
    Kind.CONTRIBUTION: _pairs((Side.COLLECTION_CLEARING,), (_CY,)),
    Kind.SPENDING: _pairs(_ANY_POCKET, (Side.INSTITUTION_PAYABLE,)),
    Kind.CAPTURE: _pairs(_ANY_POCKET, (Side.INSTITUTION_PAYABLE,)),
    # the mirror of what may be reversed, after a year end into or out of carried_over
    Kind.REVERSAL: _pairs((Side.INSTITUTION_PAYABLE,), (*_ANY_POCKET, *_PAYERS))
    | _pairs(_ANY_POCKET, (Side.COLLECTION_CLEARING, Side.POOLED_FUND))
    | _pairs((Side.MUTUAL_AID_CLEARING, Side.COLLECTION_CLEARING), _ANY_POCKET)
    # of what the funds paid to the bank for a claim, and of what came back of an advance by bank or set-off
    | _pairs((Side.BANK,), _FUNDS)
    | _pairs((Side.POOLED_FUND,), (Side.BANK, *_ANY_POCKET))
    # what an account that was left no longer has of a credit is owed
    | _pairs((Side.RECEIVABLE,), (Side.COLLECTION_CLEARING, Side.POOLED_FUND))
    # of what the report of a death took back and nobody had to give back, also what was owed of it
    | _pairs((Side.POOLED_FUND, Side.COLLECTION_CLEARING), (Side.RECEIVABLE,))
    # and with it what was called back for it out of the account that another one went into
    | _pairs((Side.TRANSFER_CLEARING,), _ANY_POCKET)
    | _pairs(_ANY_POCKET, (Side.TRANSFER_CLEARING,))
    # of an estimate: the late fee that was paid of it
    | _LATE_FEE_BACK
    # of an employer's payment: all that it brought, and what it took out of suspense
    | _pairs((Side.POOLED_FUND, Side.SUSPENSE), (Side.COLLECTION_CLEARING,))
    | _pairs((Side.COLLECTION_CLEARING,), (Side.BANK, Side.POOLED_FUND, Side.SUSPENSE))
    # of a demand, of what was set off against one, and of an instalment
    | _pairs((Side.POOLED_FUND,), (Side.RECEIVABLE,))
    | _pairs((Side.RECEIVABLE,), (Side.BANK, *_ANY_POCKET)),
    # and back, once the month is paid again
    Kind.CREDIT_SHORTFALL: _pairs((Side.RECEIVABLE,), (Side.COLLECTION_CLEARING,))
    | _pairs((Side.COLLECTION_CLEARING,), (Side.RECEIVABLE,)),
    Kind.INTEREST: _pairs((Side.FUND_INTEREST,), (_CO,)),
    Kind.INTEREST_CORRECTION: _pairs((Side.FUND_INTEREST,), (_CO,))
    | _pairs(_ANY_POCKET, (Side.FUND_INTEREST,)),
    # back from carried_over only as the difference that a late debit of the old year makes
    Kind.CARRY_OVER: _pairs((_CY,), (_CO,)) | _pairs((_CO,), (_CY,)),
    Kind.RECLASSIFICATION: _pairs((_CY,), (_CO,)) | _pairs((_CO,), (_CY,)),
    Kind.FURTHER_INTEREST: _pairs((Side.FUND_INTEREST,), (_CO,)),
    # to heirs and to the State; and what nobody inherits, where the area says so
    Kind.ESTATE: _pairs(_ANY_POCKET, (Side.ESTATE_PAYABLE, Side.POOLED_FUND)),
    Kind.INTEREST_BACK: _pairs((_CO,), (Side.FUND_INTEREST,)),
    Kind.PAYOUT: _pairs((Side.ESTATE_PAYABLE,), (Side.BANK,)),
    Kind.PAYOUT_RETURN: _pairs((Side.BANK,), (Side.ESTATE_PAYABLE,)),
    Kind.INHERITANCE: _pairs((Side.ESTATE_PAYABLE,), (_CO,)),
    # what was paid to heirs comes back, and what was set off is owed again
    Kind.ESTATE_UNDO: _pairs((Side.ESTATE_PAYABLE, Side.RECEIVABLE, Side.POOLED_FUND), _ANY_POCKET)
    | _pairs((Side.POOLED_FUND,), (Side.RECEIVABLE,)),
    # what the heir's account no longer has is owed by the heir
    Kind.INHERITANCE_BACK: _pairs((*_ANY_POCKET, Side.RECEIVABLE), (Side.ESTATE_PAYABLE,)),
    # out of the account that is closed, and into the one that stays
    Kind.MERGE: _pairs(_ANY_POCKET, (Side.TRANSFER_CLEARING,))
    | _pairs((Side.TRANSFER_CLEARING,), _ANY_POCKET),
    # and the other way
    Kind.MERGE_BACK: _pairs(_ANY_POCKET, (Side.TRANSFER_CLEARING,))
    | _pairs((Side.TRANSFER_CLEARING,), _ANY_POCKET),
    # what was paid before the list came goes where the list says, the rest back to the payer
    Kind.ASSESSMENT: _pairs((Side.SUSPENSE,), (Side.COLLECTION_CLEARING,))
    | _pairs((Side.COLLECTION_CLEARING,), (Side.POOLED_FUND, Side.SUSPENSE, Side.BANK))
    | _LATE_FEE_BACK,
    Kind.PAYMENT: _pairs((Side.BANK, Side.SUSPENSE), (Side.COLLECTION_CLEARING,))
    | _pairs((Side.COLLECTION_CLEARING,), (Side.POOLED_FUND, Side.SUSPENSE))
    | _LATE_FEE_BACK,
    # too much was paid: both parts go back to the payer, and what an account no longer has is a receivable;
    # what never reached a closed account, and what waited for the whole month, comes out of suspense
    Kind.ADJUSTMENT: _pairs((Side.POOLED_FUND, Side.RECEIVABLE, Side.SUSPENSE), (Side.COLLECTION_CLEARING,))
    | _pairs((Side.COLLECTION_CLEARING,), (Side.POOLED_FUND, Side.SUSPENSE, Side.BANK))
    # and the payer brings again what the report of a death had sent back
    | _pairs((Side.BANK,), (Side.COLLECTION_CLEARING,))
    | _pairs((Side.COLLECTION_CLEARING,), (Side.RECEIVABLE,))
    | _pairs((Side.SUSPENSE,), (Side.POOLED_FUND,))
    | _LATE_FEE_BACK,
    # of what waits in suspense, late fees are squared before anything goes back
    Kind.REFUND_TO_PAYER: _pairs(_ANY_POCKET, (Side.COLLECTION_CLEARING,))
    | _pairs((Side.SUSPENSE,), (Side.POOLED_FUND, Side.BANK)),
    Kind.RETIREE_CREDIT: _pairs((Side.POOLED_FUND,), (_CY,)),
    # and what an account no longer has of it is a receivable
    Kind.RETIREE_CORRECTION: _pairs((Side.POOLED_FUND,), (_CY,))
    | _pairs((*_ANY_POCKET, Side.RECEIVABLE), (Side.POOLED_FUND,)),
    Kind.CREDIT_BACK: _pairs((*_ANY_POCKET, Side.RECEIVABLE), (Side.POOLED_FUND, Side.COLLECTION_CLEARING)),
    Kind.SETTLEMENT: _pairs((*_ANY_POCKET, *_PAYERS), (Side.INSTITUTION_PAYABLE,)),
    Kind.MUTUAL_AID: _pairs(_ANY_POCKET, (Side.MUTUAL_AID_CLEARING,)),
    # and what was too much of it is claimed again
    Kind.AID_BACK: _pairs((Side.MUTUAL_AID_CLEARING,), _ANY_POCKET)
    | _pairs(_ANY_POCKET, (Side.MUTUAL_AID_CLEARING,)),
    # what is paid to a person's bank account is the fund's money, never the account's (R21, R41)
    Kind.CLAIM_DECISION: _pairs(_FUNDS, (Side.BANK,)),
    Kind.ADVANCE: _pairs((Side.POOLED_FUND,), (Side.BANK, Side.INSTITUTION_PAYABLE)),
    Kind.RECOVERY: _pairs((Side.BANK,), (Side.POOLED_FUND,)),
    # of an estate: what a person owes the fund, or owes on what was booked as a receivable; what the estate
    # does not hold of an advance becomes one
    Kind.SET_OFF: _pairs((*_ANY_POCKET, Side.RECEIVABLE), (Side.POOLED_FUND,))
    | _pairs(_ANY_POCKET, (Side.RECEIVABLE,)),
    # what the account had paid comes back to the account, what relatives had paid to them, and only what was
    # cash to the bank (R21)
    # and before that, it is set against what the person owes another fund, or owed before
    Kind.ANNUAL_SETTLEMENT: _pairs(
        _FUNDS, (Side.BANK, Side.RECEIVABLE, Side.MUTUAL_AID_CLEARING, *_ANY_POCKET)
    )
    | _pairs((Side.RECEIVABLE,), _FUNDS)
    # what relatives had got too much, or got of a bill that is taken back
    | _pairs((Side.MUTUAL_AID_CLEARING,), (*_FUNDS, Side.BANK, Side.RECEIVABLE, *_ANY_POCKET)),
    Kind.PREMIUM: _pairs(_ANY_POCKET, (Side.COLLECTION_CLEARING,)),
    # on the way to another agency the money stands in the clearing until it is acknowledged, or comes back
    Kind.TRANSFER_OUT: _pairs(_ANY_POCKET, (Side.TRANSFER_CLEARING,)),
    Kind.TRANSFER_ACKNOWLEDGEMENT: _pairs((Side.TRANSFER_CLEARING,), (Side.BANK,)),
    Kind.TRANSFER_REJECTION: _pairs((Side.TRANSFER_CLEARING,), _ANY_POCKET),
    Kind.TRANSFER_IN: _pairs((Side.BANK,), (Side.TRANSFER_CLEARING,))
    | _pairs((Side.TRANSFER_CLEARING,), (_CO,)),
    # what came back to the account since, or what the collector handed over for a month
    Kind.TRANSFER_SUPPLEMENT: _pairs((Side.TRANSFER_CLEARING, Side.COLLECTION_CLEARING), (Side.BANK,))
    | _pairs((Side.COLLECTION_CLEARING,), (Side.TRANSFER_CLEARING,)),
    Kind.SUSPENSE_RELEASE: _pairs((Side.SUSPENSE,), (Side.COLLECTION_CLEARING,)),
    Kind.EXIT: _pairs(_ANY_POCKET, (Side.EXIT_PAYABLE,)),
    # of what was paid too much the fund has a claim, which money of the person squares
    Kind.DEMAND: _pairs((Side.RECEIVABLE,), (Side.POOLED_FUND,)),
    Kind.INSTALMENT: _pairs((Side.BANK,), (Side.RECEIVABLE,)),
    Kind.INSTITUTION_PAYMENT: _pairs((Side.INSTITUTION_PAYABLE,), (Side.BANK,)),
}


REVERSIBLE = frozenset({
    Kind.CONTRIBUTION, Kind.SPENDING, Kind.CAPTURE, Kind.RETIREE_CREDIT, Kind.PREMIUM,
})  # fmt: skip
# what ends what was recorded and moved no money
ENDS = {
    Kind.FREEZE_END: Kind.FREEZE,
    Kind.QUOTA_END: Kind.QUOTA,
    Kind.ENROLMENT_END: Kind.ENROLMENT,
    Kind.FILING_END: Kind.FILING,
    Kind.VISIT_END: Kind.VISIT,
}
# what a reversal says that opens a quota again, and one that gives a credit again, when a death was none
REOPENS: Final = "reopens"
AGAIN: Final = "again"
# the reversal of a credit that was given again acts on what gave it, and says so which credit it was
CREDIT: Final = "credit"
# what the undoing of a division says that gives back money which had come, and gone to the heirs, after it
LATER: Final = "later"
# what interest that goes back says when it was a correction: which
CORRECTED: Final = "corrected"
# recorded wrongly, it is as if it had never been
REVERSIBLE_FACTS = frozenset(ENDS.values())
# what the way back of care undoes: a decision about a claim, and what came back of an advance
REVERSIBLE_OF_CARE = frozenset({Kind.CLAIM_DECISION, Kind.RECOVERY})
# whose document may be booked again, once what it made was reversed
BOOKED_AGAIN = REVERSIBLE | {Kind.RECOVERY, Kind.PAYMENT, Kind.INSTALMENT}
# money that came in: to reverse it takes it out again
CREDITS = frozenset({Kind.CONTRIBUTION, Kind.RETIREE_CREDIT})

# kinds whose period is a year, and not a month
ONCE_A_YEAR = frozenset({
    Kind.INTEREST, Kind.INTEREST_CORRECTION, Kind.FURTHER_INTEREST, Kind.INTEREST_BACK,
    Kind.ANNUAL_SETTLEMENT,
})  # fmt: skip

# kinds whose source document is its own key: an institution's message, and its correction
ANSWERED_BY_SOURCE = frozenset({Kind.SETTLEMENT, Kind.CORRECTION})
