"""How far an order to pay an heir by bank is (R57)."""

from enum import StrEnum


class PayoutWord(StrEnum):
    """How far an order is. Replaced: by another order, or its estate was undone before it was paid.

    Returned: the bank sent back what was paid, and the share is ordered anew.
    """

    WAITING = "waiting"
    REVIEWED = "reviewed"
    PAID = "paid"
    REPLACED = "replaced"
    RETURNED = "returned"
