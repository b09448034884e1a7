"""The keys, and what they protect: personal data at rest is sealed, and found again by a keyed digest."""

from ledger.vault.faults import KeyErasedError, KeyExposedError, KeyMissingError, KeyringError
from ledger.vault.key_files import (
    INDEX_FILE,
    KeyPlace,
    are_whole,
    have_document_key,
    have_keys,
    is_document_file,
    is_seal_file,
    read_private,
    signing_key,
)
from ledger.vault.keyring import Keyring, base64url, ed25519_jwk, sealed_with
from ledger.vault.person_keys import PersonKey, at_rest, carried, carrying, is_erased, key_named
from ledger.vault.sealing import FORMS, FORMS_FOR_PERSONS, HEADER_BYTES, REF_BYTES, SUITE_NAMES, WRAPPED_BYTES

__all__ = [
    "FORMS",
    "FORMS_FOR_PERSONS",
    "HEADER_BYTES",
    "INDEX_FILE",
    "REF_BYTES",
    "SUITE_NAMES",
    "WRAPPED_BYTES",
    "KeyErasedError",
    "KeyExposedError",
    "KeyMissingError",
    "KeyPlace",
    "Keyring",
    "KeyringError",
    "PersonKey",
    "are_whole",
    "at_rest",
    "base64url",
    "carried",
    "carrying",
    "ed25519_jwk",
    "have_document_key",
    "have_keys",
    "is_document_file",
    "is_erased",
    "is_seal_file",
    "key_named",
    "read_private",
    "sealed_with",
    "signing_key",
]
