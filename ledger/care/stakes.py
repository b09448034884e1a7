"""What messages and bills of an institution stake beyond one book: digests that one entry may have. Pure."""

from __future__ import annotations

from hashlib import sha256


def message_stake(institution: str, message_id: str) -> bytes:
    """What an institution's message stakes: it posts once, whoever it is about (R25)."""
    return sha256(f"message|{institution}|{message_id}".encode()).digest()


def bill_stake(institution_id: int, year: int, bill_no: str) -> bytes:
    """What an institution's bill of a year of care stakes: it is settled once, under whatever message."""
    return sha256(f"bill|{institution_id}|{year}|{bill_no}".encode()).digest()
