"""What is recorded of an answer that shows a person's data, and the chain that holds the records. Pure.

A row's digest is over the one before it and every column of its own; the head of a chain is that of its last
row, and is sealed by a digest that nobody makes who has the database alone.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from hashlib import sha256
from typing import NamedTuple

from ledger.chart.channels import AccessChannel, FieldGroup
from ledger.vault import Keyring


class Asker(NamedTuple):
    """Who asked, through which channel, and what for."""

    caller: str
    actor: str
    # what lets them: the scope that the route asks for
    role: str
    channel: AccessChannel = AccessChannel.SYSTEM
    # the employer, institution or person that the token is bound to, as a word and a code
    bound_to: str | None = None
    purpose: str | None = None
    ref: str | None = None


class Read(NamedTuple):
    """One answer, as far as it shows one person."""

    asker: Asker
    # the book, or for a person who has none the digest of the ID number
    book_id: int | None
    person: bytes | None
    fields: FieldGroup
    # how many items: entries, months, bills; 1 for a state
    items: int = 1
    # the serial number of a document
    document: str | None = None


class LoggedRead(NamedTuple):
    """A row of the table `read_log` before its digest: every column, in order."""

    chain_id: int
    seq: int
    at: datetime
    caller: int
    actor: int
    role: str
    bound_to: str | None
    channel: int
    purpose: str | None
    ref: str | None
    book_id: int | None
    person: bytes | None
    fields: int
    items: int
    document: str | None


def first_head(chain_id: int, day: date, opened_at: datetime) -> bytes:
    """The head of a chain that has no row yet."""
    return sha256(f"read_log|{chain_id}|{day.isoformat()}|{_instant(opened_at)}".encode()).digest()


def next_head(head: bytes, row: LoggedRead) -> bytes:
    """The head after a row. Each value stands behind its length, so that none can be cut otherwise."""
    # most of a row is texts, numbers and nothing: one pass, without a call for each
    told = [
        # no value of its own looks as nothing does
        "\x00"
        if value is None
        else value
        if type(value) is str
        else str(value)
        if type(value) is int
        else _told(value)
        for value in row
    ]
    return sha256(head + "".join([f"{len(text)}:{text}" for text in told]).encode()).digest()


def seal_of(keyring: Keyring, chain_id: int, last_seq: int, head: bytes) -> bytes:
    """What only who has the keys can say of a chain's head."""
    return keyring.digest("read_log", f"{chain_id}|{last_seq}|{head.hex()}")


def _told(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return _instant(value)
    return str(value)


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds")
