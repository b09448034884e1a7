"""What `verify` says of events that are no entries when somebody with every right has been at them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import Connection, Engine, insert

from ledger import tables
from ledger.chart.documents import DocumentKind
from ledger.chart.events import EventKind
from ledger.database.lookups import insert_or_leave
from ledger.events.outbox import tell
from ledger.events.unpaid import tell_unpaid
from ledger.inquiry.withheld import tell_withheld_no_longer
from ledger.verify import news
from ledger.verify.news import news_is_of_what_happened
from tests.events.test_sweeps import LOOKED_ON, look_at
from tests.support.feed import everything, taken_in
from tests.support.people import World
from tests.support.units import Unit
from tests.verify.tampering import TOLD, run, tampering

_ALL = (-(2**63), 2**63 - 1)
NOT_THERE = "what it tells of is not there"


@pytest.fixture(scope="module")
def world(engine: Engine) -> World:
    return World(engine)


@pytest.fixture(scope="module")
def accounts(world: World) -> list[int]:
    """Two accounts on the list of a unit that did not pay, of which the first was looked at and printed."""
    unit = Unit(world)
    accounts = sorted(unit.hire() for _ in range(2))
    unit.declare(202603, dict.fromkeys(accounts, 800_000))
    look_at(world, accounts[0], "court_order")
    look_at(world, None, "court_order", person=bytes(32))
    with world.engine.connect() as connection:
        tell_unpaid(connection, date(2026, 7, 1), world.policies, world.now)
        later = LOOKED_ON + timedelta(200)
        tell_withheld_no_longer(connection, later, world.policies, world.now)
    printed(world, accounts[0], "D1")
    taken_in(world.engine)
    printed(world, accounts[0], "D2")
    # the person learns of it on a day to come
    printed(world, accounts[0], "D3", purpose="court_order", told=False)
    return accounts


def printed(
    world: World, book_id: int, serial: str, *, purpose: str | None = None, told: bool = True
) -> None:
    some = serial.encode().ljust(32, b".")
    row = {
        "name": f"N{serial}", "serial": serial, "code_digest": some, "kind": int(DocumentKind.INSURED_PROOF),
        "form": "json", "made_by": "x", "key_id": "k", "signature": bytes(64), "book_id": book_id,
        "first": world.today, "last": world.today, "fields": 0, "items": 0, "totals": "{}", "rests_on": "{}",
        "facts_sealed": b"x", "sha256": some, "pages": 1, "issued_at": world.now, "caller": 99, "actor": 99,
        "purpose": purpose, "ref": None, "seal": some,
    }  # fmt: skip
    with world.engine.begin() as connection:
        connection.execute(insert_or_leave(connection, tables.agent), {"agent_id": 99, "name": "looker"})
        connection.execute(insert(tables.document), row)
        if told:
            tell(connection, EventKind.DOCUMENT_ISSUED, book_id, serial, world.now)


def said(connection: Connection, first: int = _ALL[0], last: int = _ALL[1]) -> list[tuple[str, str, str]]:
    findings = list(news_is_of_what_happened(connection, first, last))
    TOLD.update(one.what for one in findings)
    return [(one.code, one.where, one.what) for one in findings]


def position(world: World, kind: EventKind, book_id: int) -> int:
    [found] = [one.position for one in everything(world.engine) if (one.kind, one.book_id) == (kind, book_id)]
    return found


def test_what_is_told_or_waits_is_in_order(world: World, accounts: list[int]) -> None:
    kinds = [one.kind for one in everything(world.engine) if one.seq is None]
    assert sorted(kinds) == sorted(
        [
            *[EventKind.UNIT_DID_NOT_PAY] * 3,
            EventKind.ACCESS_WITHHELD_NO_LONGER,
            EventKind.DOCUMENT_ISSUED,
        ]
    )
    with world.engine.connect() as connection, connection.begin():
        assert said(connection) == []


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (EventKind.DOCUMENT_ISSUED, "ref = 'D9'"),
        (EventKind.DOCUMENT_ISSUED, "at = '2026-01-01 00:00:00.000000'"),
        (EventKind.DOCUMENT_ISSUED, "book_id = :other"),
        (EventKind.DOCUMENT_ISSUED, "kind = 12"),
        (EventKind.DOCUMENT_ISSUED, "kind = 7"),
        (EventKind.DOCUMENT_ISSUED, "kind = 8"),
        (EventKind.ACCESS_WITHHELD_NO_LONGER, "ref = '1-9'"),
        (EventKind.ACCESS_WITHHELD_NO_LONGER, "ref = '2-1'"),
        (EventKind.ACCESS_WITHHELD_NO_LONGER, "ref = '01-1'"),
        (EventKind.ACCESS_WITHHELD_NO_LONGER, "ref = '1-99999999999'"),
        (EventKind.ACCESS_WITHHELD_NO_LONGER, "ref = '1'"),
        (EventKind.ACCESS_WITHHELD_NO_LONGER, "book_id = :other"),
        (EventKind.ACCESS_WITHHELD_NO_LONGER, "kind = 6"),
        (EventKind.UNIT_DID_NOT_PAY, "ref = 'x'"),
        (EventKind.UNIT_DID_NOT_PAY, "ref = replace(ref, '2026-03', '2026-04')"),
        (EventKind.UNIT_DID_NOT_PAY, "ref = replace(ref, '2026-03', '2026-13')"),
        (EventKind.UNIT_DID_NOT_PAY, "book_id = 77"),
        (EventKind.UNIT_DID_NOT_PAY, "kind = 1"),
    ],
)
def test_an_event_that_was_changed(world: World, accounts: list[int], kind: EventKind, change: str) -> None:
    place = position(world, kind, accounts[0])
    with tampering(world.engine) as connection:
        run(connection, f"UPDATE event SET {change} WHERE position = :place", place=place, other=accounts[1])
        found = said(connection)
        assert ("event_wrong", f"event {place}", NOT_THERE) in found
        missing = [one[:2] for one in found if one[0] == "event_missing"]
        at_least = kind is EventKind.DOCUMENT_ISSUED and not change.startswith("at")
        assert missing == ([("event_missing", "document D1")] if at_least else [])


@pytest.mark.parametrize(
    ("kind", "ref"),
    [(6, "made-up"), (7, "made-up"), (8, "made-up"), (8, "1-7"), (1, "1-1")],
)
def test_an_event_that_was_made_up(world: World, accounts: list[int], kind: int, ref: str) -> None:
    with tampering(world.engine) as connection:
        run(
            connection,
            "INSERT INTO event (position, kind, book_id, seq, ref, at)"
            " VALUES (1000, :kind, :book, NULL, :ref, '2026-01-01 00:00:00.000000')",
            kind=kind,
            book=accounts[0],
            ref=ref,
        )
        assert said(connection) == [("event_wrong", "event 1000", NOT_THERE)]
        assert said(connection, accounts[0] + 1) == []


@pytest.mark.parametrize(("table", "serial"), [("event", "D1"), ("notice", "D2")])
def test_a_document_that_nobody_was_told_of(
    world: World, accounts: list[int], table: str, serial: str
) -> None:
    assert accounts
    with tampering(world.engine) as connection:
        run(connection, f"DELETE FROM {table} WHERE ref = :ref", ref=serial)
        assert said(connection) == [("event_missing", f"document {serial}", "nobody was told of it")]


def test_a_look_or_a_month_that_is_gone(
    world: World, accounts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many are looked at together."""
    assert accounts
    monkeypatch.setattr(news, "_AT_ONCE", 1)
    with tampering(world.engine) as connection:
        run(connection, "DELETE FROM read_log", "DELETE FROM levy")
        found = [one for one in said(connection) if one[0] == "event_wrong"]
        assert len(found) == 4
