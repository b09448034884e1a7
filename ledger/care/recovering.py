"""What is advanced where a third party should have paid, and what of it must come back (R46, R47, K11). Pure.

Amounts are integer fen.
"""

from ledger.money import round_half_up
from ledger.policy import Recovery


def advance(whole: int, borne: int) -> int:
    """What the fund advances of a bill, in fen: never below zero (K11).

    `whole` is what the policy pays on the whole amount in scope, `borne` what it pays on the part that the
    person bears, excluded parts aside. Negative amounts are a bug of the caller: ValueError.
    """
    if whole < 0 or borne < 0:
        raise ValueError("what the policy pays must not be negative")
    return max(whole - borne, 0)


def to_return(rule: Recovery, advanced: int, excluded: int, paid: int) -> int:
    """What of an advance must have been returned in all, in fen, once a third party paid `paid` in all (R47).

    `advanced` was paid for the excluded part of a bill, `excluded`.
    Pro rata: the advance's share of what the third party paid, rounded half up (K2).
    Person first: what is paid beyond the part of it that the advance had left to the person.
    Fund first: what is paid, up to the advance.

    It is never more than was paid and never more than the advance, and the whole of the advance once the
    excluded part is paid; what is paid beyond that is the person's. Of an advance above what was excluded
    (rounded parts can add up to a fen more) what lies above comes back when that much was paid, too.
    Negative amounts, an advance for nothing excluded, and another rule are bugs of the caller: ValueError.
    """
    if advanced < 0 or excluded < 0 or paid < 0:
        raise ValueError("an advance and what a third party owes and pays must not be negative")
    if advanced > 0 and excluded == 0:
        raise ValueError("an advance is for a part that was excluded")
    recovery = Recovery(rule)
    most = min(paid, advanced)
    if paid >= excluded:
        return most
    if recovery is Recovery.PRO_RATA:
        return min(round_half_up(advanced * paid, excluded), most)
    if recovery is Recovery.PERSON_FIRST:
        left_to_person = max(excluded - advanced, 0)
        return min(max(paid - left_to_person, 0), most)
    return most
