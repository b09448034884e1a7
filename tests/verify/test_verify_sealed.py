"""`verify` opens bank details, cards, people of requests: what stands sealed is what it is compared by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, select, update

from ledger import tables
from ledger.estates import payout_reports
from ledger.inquiry import agency_requests, cards
from ledger.verify import verify
from ledger.verify.finding import Finding, line_name
from ledger.verify.sealed import sealed_values_are_what_they_are_compared_by
from tests.people.test_erasure import OVER, erase
from tests.support.api_client import running
from tests.support.approvals import asks_nobody
from tests.support.erased_life import Written, bury, write
from tests.support.people import KEYRING, World
from tests.support.sealed_life import live
from tests.verify.tampering import TOLD, tampering

BOOK = tables.book.c
PAYOUT, CARD, ASKED = tables.estate_payout, tables.card, tables.agency_request_person
# each with its column, under what it is sealed, and how it is named
KINDS: dict[str, tuple[Table, str, Callable[[Any], bytes], Callable[[Any], str]]] = {
    "bank details": (
        PAYOUT,
        "sealed",
        lambda row: payout_reports.context(row.digest),
        lambda row: line_name(row.book_id, row.seq),
    ),
    "card": (CARD, "number_sealed", lambda row: cards.context(row.digest), lambda row: f"card {row.name}"),
    "asked": (
        ASKED,
        "number_sealed",
        lambda row: agency_requests.context(row.request_id, row.place),
        lambda row: f"request {row.request_id}/{row.place}",
    ),
}


def told(connection: Connection) -> list[tuple[str, str]]:
    every = -(2**63), 2**63 - 1
    findings: list[Finding] = list(sealed_values_are_what_they_are_compared_by(connection, KEYRING, *every))
    TOLD.update(one.what for one in findings)
    assert {one.code for one in findings} <= {"sealed_wrong"}
    return [(one.where, one.what) for one in findings]


def put(connection: Connection, table: Table, column: str, row: Any, sealed: bytes) -> None:
    here = [key == getattr(row, key.name) for key in table.primary_key]
    connection.execute(update(table).where(*here).values({column: sealed}))


def test_what_stands_sealed_is_what_it_is_compared_by(fresh_engine: Engine, tmp_path: Path) -> None:
    """Also by somebody who has the keys, and seals something else in its place."""
    live(fresh_engine, tmp_path)
    assert verify(fresh_engine, keyring=KEYRING).findings == []
    for table, column, context, where in KINDS.values():
        with tampering(fresh_engine) as connection:
            row, *others = connection.execute(select(table).order_by(*table.primary_key)).all()
            sealed, whole = bytes(getattr(row, column)), context(row)
            plain = KEYRING.open(sealed, whole)

            def said_of(
                value: bytes, table: Table = table, column: str = column, row: Any = row
            ) -> list[Any]:
                put(connection, table, column, row, value)
                return told(connection)

            assert said_of(KEYRING.seal(plain, whole)) == [], "sealed anew, as when keys change"
            [(place, other)] = said_of(KEYRING.seal(f"{plain} ", whole))
            subject, _, fault = other.partition(" is ")
            assert (place, fault) == (where(row), "not what it is compared by")
            flipped = sealed[:-1] + bytes([sealed[-1] ^ 1])
            elsewhere = [bytes(getattr(one, column)) for one in others if context(one) != whole]
            for broken in (flipped, KEYRING.seal(plain, b"elsewhere"), b"x", b"", *elsewhere):
                assert said_of(broken) == [(place, f"{subject} does not open")]
            erased = KEYRING.person_key().seal_bytes(b"", whole)
            assert said_of(erased) == [(place, f"{subject} was erased without whom it is about")]


def test_what_was_erased_with_its_person_is_nothing_to_tell(fresh_engine: Engine, tmp_path: Path) -> None:
    with running(fresh_engine, tmp_path) as client:
        found: Written = write(client, fresh_engine, tmp_path)
    world = asks_nobody(World(fresh_engine))
    bury(world, found.book)
    erase(world, found.book, OVER.replace(year=2057))
    with tampering(fresh_engine) as connection:
        assert told(connection) == []
        # the card of somebody else, under the key that went with this one
        holder = connection.scalar(select(BOOK.person_id).where(BOOK.book_id == found.book))
        erased = connection.scalar(select(CARD.c.number_sealed).where(CARD.c.person_id == holder))
        another = connection.scalar(
            select(BOOK.person_id).where(BOOK.person_id.is_not(None), BOOK.person_id != holder).limit(1)
        )
        assert erased is not None
        connection.execute(update(CARD).values(person_id=another))
        assert [what for _place, what in told(connection)] == [
            "what stands sealed as the number of the card was erased without whom it is about"
        ]
