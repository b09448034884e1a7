"""The sides between which money moves."""

from enum import IntEnum


class Side(IntEnum):
    """Where money stands. The two pockets belong to the book; all others are fund accounts."""

    CURRENT_YEAR = 1
    CARRIED_OVER = 2
    COLLECTION_CLEARING = 10
    POOLED_FUND = 11
    INSTITUTION_PAYABLE = 12
    FUND_INTEREST = 13
    ESTATE_PAYABLE = 14
    TAKEOVER = 15
    SUSPENSE = 16
    RECEIVABLE = 17
    TRANSFER_CLEARING = 18
    BANK = 19
    MUTUAL_AID_CLEARING = 20
    # the large-amount fund, which pays above the yearly cap (K10) and the yearly top-up
    LARGE_FUND = 21
    # what is to be paid out to whoever leaves (R52)
    EXIT_PAYABLE = 22


POCKETS = frozenset({Side.CURRENT_YEAR, Side.CARRIED_OVER})


# Money of an account never turns into cash (R21): no pocket ever faces the bank. The CHECK
# `pocket_not_to_bank` of the transfer table says the same to the database.
FUND_ACCOUNTS = frozenset(Side) - POCKETS
