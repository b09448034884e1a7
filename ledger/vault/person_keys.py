"""The key of one person: what is sealed with it can be made unreadable for ever by erasing that key alone.

It is 32 bytes of chance, kept sealed under a key of the installation, apart from what it seals. So the
installation's keys are changed without touching what is sealed for people, and what is erased stays erased
in every place where the sealed values lie. Values on their way carry the key in front of them.
"""

from __future__ import annotations

from typing import NamedTuple

from ledger.vault.faults import KeyErasedError, KeyringError
from ledger.vault.sealing import (
    BY_FORM,
    FORMS_FOR_PERSONS,
    FORMS_WRAPPED,
    REF_BYTES,
    WRAPPED_BYTES,
    Opener,
    encrypted,
)


class PersonKey:
    """The key of a person, ready to seal with. Shows nothing of itself."""

    __slots__ = ("_cipher", "_header", "ref", "wrapped")

    def __init__(self, ref: bytes, wrapped: bytes, cipher: Opener) -> None:
        """Take the name of the key, the key as it is kept, and the cipher that holds it."""
        self.ref = ref
        self.wrapped = wrapped
        self._header = BY_FORM[wrapped[:1]].for_person + ref
        self._cipher = cipher

    def seal(self, plain: str, context: bytes) -> bytes:
        """Seal a text for the person; it opens under the same context, and together with the key."""
        return self.seal_bytes(plain.encode(), context)

    def carry(self, plain: str, context: bytes) -> bytes:
        """Seal a text for the person, with the key in front: it opens by itself."""
        return self.wrapped + self.seal(plain, context)

    def seal_bytes(self, plain: bytes, context: bytes) -> bytes:
        """The same of bytes."""
        return encrypted(self._cipher, self._header, plain, context)

    def __repr__(self) -> str:
        return "PersonKey(…)"

    def __reduce__(self) -> str:
        # A pickle would carry the key to wherever it is written.
        raise TypeError("a key is not copied or pickled")


class Carried(NamedTuple):
    """A value that carries the key that it was sealed with, taken apart."""

    ref: bytes
    # the key, as it is kept
    wrapped: bytes
    # the value, as it is kept
    sealed: bytes


def carrying(wrapped: bytes | memoryview | None, sealed: bytes | memoryview) -> bytes:
    """A value with the key in front that lies beside it; as it is where none does."""
    return bytes(sealed) if wrapped is None else bytes(wrapped) + bytes(sealed)


def at_rest(value: bytes) -> bytes:
    """A value without the key that it carries: as it is kept."""
    one = carried(value)
    return value if one is None else one.sealed


def carried(value: bytes) -> Carried | None:
    """A value that carries its key, taken apart; None for one that carries none. Raises KeyringError."""
    if value[:1] not in FORMS_WRAPPED:
        return None
    ref = key_named(value[WRAPPED_BYTES:])
    if ref is None:
        raise KeyringError("the sealed value has an unknown form")
    return Carried(ref, value[:WRAPPED_BYTES], value[WRAPPED_BYTES:])


def key_named(sealed: bytes) -> bytes | None:
    """Which person's key a value names; None for one that is sealed under a key of the installation."""
    return sealed[1 : 1 + REF_BYTES] if sealed[:1] in FORMS_FOR_PERSONS else None


def is_erased(value: bytes) -> bool:
    """Whether a value was sealed for a person, and its key does not lie beside it any more."""
    return value[:1] in FORMS_FOR_PERSONS


def refuse_erased(value: bytes) -> None:
    """Raise KeyErasedError for a value whose key is gone."""
    if is_erased(value):
        raise KeyErasedError("the key of this person was erased")
