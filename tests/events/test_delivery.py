"""Webhooks: in order, signed, at least once, again until taken, and by nobody twice at a time."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select

from ledger import tables
from ledger.accounts.spending import Spend
from ledger.book.numbers import account_no
from ledger.chart.events import EventKind
from ledger.events import delivery, sending, under_way
from ledger.events.delivery import FIRST_WAIT, LONGEST_WAIT, Deliverer, Round, wait_after
from ledger.events.feed import take_in
from ledger.events.outbox import tell
from ledger.events.sending import send, was_taken
from ledger.events.signing import signed_headers
from ledger.events.webhooks import RegisteredBy, end_webhook, register_webhook
from tests.events.receiver import Receiver
from tests.support.people import World


class Turned:
    """A clock that is turned by hand."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def world(fresh_engine: Engine) -> World:
    return World(fresh_engine)


@pytest.fixture
def clock(world: World) -> Turned:
    return Turned(world.now)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().listening() as receiver:
        yield receiver


def register(world: World, url: str, *kinds: EventKind) -> tuple[str, str]:
    """The name of a new webhook and its secret."""
    with world.engine.connect() as connection:
        made, secret = register_webhook(
            connection, world.keyring, url, kinds or None, RegisteredBy("c", "a", world.now)
        )
    return made.name, secret


def rounds(world: World, clock: Turned, **more: Any) -> Round:
    """Rounds until nothing is due any more; what they did together."""
    taken = refused = 0
    with world.engine.connect() as connection:
        deliverer = Deliverer(connection, world.keyring, clock, **more)
        for _ in range(200):
            done = deliverer.round()
            taken, refused = taken + done.taken, refused + done.refused
            if deliverer.under_way:
                deliverer.wait(30)
            elif not done.more:
                return Round(taken, refused)
    raise AssertionError("it never comes to an end")


def spend(world: World, account: int) -> None:
    world.one(Spend(account, 1, world.today, "H0001", world.ref("s")))


def row(world: World, name: str) -> Any:
    with world.engine.connect() as connection:
        return connection.execute(select(tables.webhook).where(tables.webhook.c.name == name)).one()


# -- what is sent ------------------------------------------------------------------------------------------


def test_what_happens_is_sent_in_order_and_signed(world: World, clock: Turned, receiver: Receiver) -> None:
    before = world.open(opening=(0, 500))
    rounds(world, clock)
    _name, secret = register(world, receiver.url)
    account = world.open(opening=(0, 500))
    for _ in range(3):
        spend(world, account)
    assert rounds(world, clock) == Round(1, 0)
    [message] = receiver.messages
    assert message.is_signed_with(secret)
    assert not message.is_signed_with("whsec_" + "A" * 44)
    assert message.stamp == int(clock.now.timestamp())
    assert message.path == "/events"
    assert message.headers["content-type"] == "application/json"
    number = account_no(account)
    assert [(one["kind"], one["account_no"], one["entry"]) for one in message.items] == [
        ("account_opened", number, f"{number}-1"),
        *(("spending", number, f"{number}-{seq}") for seq in (2, 3, 4)),
    ]
    assert account_no(before) not in message.body.decode()
    # nothing of the person but the account number
    told = json.loads(message.body)
    assert set(told) == {"type", "timestamp", "data"}
    assert {frozenset(one) for one in message.items} == {
        frozenset({"event", "kind", "account_no", "entry", "at"})
    }
    assert rounds(world, clock) == Round(0, 0)


def test_a_message_has_so_many_events_at_most(
    world: World, clock: Turned, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "MESSAGE_EVENTS", 3)
    register(world, receiver.url)
    account = world.open(opening=(0, 500))
    for _ in range(6):
        spend(world, account)
    assert rounds(world, clock) == Round(3, 0)
    assert [len(one.items) for one in receiver.messages] == [3, 3, 1]
    assert [one["entry"] for one in receiver.items] == [f"{account_no(account)}-{n}" for n in range(1, 8)]
    assert len({one.name for one in receiver.messages}) == 3


def test_only_the_kinds_that_it_wants(
    world: World, clock: Turned, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "MESSAGE_EVENTS", 2)
    name, _secret = register(world, receiver.url, EventKind.SPENDING)
    accounts = [world.open(opening=(0, 500)) for _ in range(5)]
    for account in accounts:
        spend(world, account)
        world.open()
    assert rounds(world, clock).refused == 0
    # all of one instant: only within a book there is an order
    assert sorted((one["kind"], one["account_no"]) for one in receiver.items) == [
        ("spending", number) for number in sorted(map(account_no, accounts))
    ]
    # what it does not want is behind it too, and not looked at again
    assert (row(world, name).position, row(world, name).sending) == (15, None)
    world.open()
    assert rounds(world, clock) == Round(0, 0)
    assert row(world, name).position == 16


def test_what_happened_before_or_after_is_not_sent(world: World, clock: Turned, receiver: Receiver) -> None:
    account = world.open(opening=(0, 500))
    rounds(world, clock)
    name, _secret = register(world, receiver.url)
    assert rounds(world, clock) == Round(0, 0)
    spend(world, account)
    with world.engine.connect() as connection:
        end_webhook(connection, name, world.now)
    spend(world, account)
    assert rounds(world, clock) == Round(0, 0)
    assert receiver.messages == []


def test_what_waited_for_its_place_when_it_was_registered_is_not_sent(
    world: World, clock: Turned, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody had read the feed by then: several passes are wanted, and what comes after them is sent."""
    monkeypatch.setattr("ledger.events.feed.PASS_ROWS", 2)
    before = [world.open(opening=(0, 500)) for _ in range(5)]
    with world.engine.begin() as connection:
        tell(connection, EventKind.DOCUMENT_ISSUED, before[0], "D-1", world.now)
    name, _secret = register(world, receiver.url)
    assert row(world, name).position == 6
    assert rounds(world, clock) == Round(0, 0)
    spend(world, before[0])
    assert rounds(world, clock) == Round(1, 0)
    assert [one["kind"] for one in receiver.items] == ["spending"]


def test_what_is_posted_meanwhile_keeps_no_registration_up(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is recorded later than the registration is not waited for, though it never ends."""
    passes = 0
    account = world.open(opening=(0, 500))

    def busy(connection: Connection) -> bool:
        nonlocal passes
        passes += 1
        assert passes < 10
        found = take_in(connection)
        with connection.begin():
            later = world.now + timedelta(seconds=passes)
            tell(connection, EventKind.DOCUMENT_ISSUED, account, f"D-{passes}", later)
        return found

    monkeypatch.setattr("ledger.events.feed.take_in", busy)
    name, _secret = register(world, receiver.url)
    assert (row(world, name).position, passes) == (1, 1)


# -- what is not taken -------------------------------------------------------------------------------------


def test_an_endpoint_that_answers_500_for_a_day_gets_everything_in_order_afterwards(
    world: World, clock: Turned, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "MESSAGE_EVENTS", 4)
    receiver.answer = lambda _message: 500
    name, secret = register(world, receiver.url)
    accounts = [world.open(opening=(0, 500)) for _ in range(2)]
    began, waits = clock.now, list[timedelta]()
    while clock.now - began < timedelta(days=1):
        spend(world, accounts[len(waits) % 2])
        assert rounds(world, clock) == Round(0, 1)
        # before it is time nothing is tried
        assert rounds(world, clock) == Round(0, 0)
        waits.append(row(world, name).next_at - clock.now)
        clock.now = row(world, name).next_at
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (FIRST_WAIT, LONGEST_WAIT)
    assert 30 < len(waits) < 40
    # the very same message each time, signed anew
    assert len({one.name for one in receiver.messages}) == 1
    assert len({one.body for one in receiver.messages}) == 1
    assert all(one.is_signed_with(secret) for one in receiver.messages)
    assert row(world, name).tries == len(waits)
    receiver.messages.clear()
    receiver.answer = lambda _message: 200
    assert rounds(world, clock).refused == 0
    for account in accounts:
        mine = [one["entry"] for one in receiver.items if one["account_no"] == account_no(account)]
        assert mine == [f"{account_no(account)}-{n}" for n in range(1, len(mine) + 1)]
    assert len(receiver.items) == len(waits) + 2
    after = row(world, name)
    assert (after.tries, after.sending, after.next_at, after.result) == (0, None, None, "200")


def test_one_that_fails_holds_up_no_other(world: World, clock: Turned, receiver: Receiver) -> None:
    with Receiver().listening() as other:
        other.answer = lambda _message: 503
        register(world, other.url)
        register(world, receiver.url)
        world.open()
        assert rounds(world, clock) == Round(1, 1)
    assert len(receiver.items) == 1


def until(condition: Callable[[], bool], deliverer: Deliverer) -> None:
    """Rounds until something is so."""
    for _ in range(600):
        deliverer.round()
        if condition():
            return
        deliverer.wait(0.05)
    raise AssertionError("it never comes to be")


def test_those_that_say_nothing_hold_up_no_other(
    world: World, clock: Turned, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four are silent, and the fifth gets message after message meanwhile; the four get no second one."""
    monkeypatch.setattr(delivery, "MESSAGE_EVENTS", 1)
    going, arrived = threading.Event(), list[str]()

    def silent(url: str, headers: Mapping[str, str], body: bytes) -> str:
        if url == receiver.url:
            return send(url, headers, body)
        arrived.append(url)
        assert going.wait(60)
        return "timeout"

    silents = [f"https://silent-{place}.example/" for place in range(4)]
    names = [register(world, url)[0] for url in silents]
    good, _secret = register(world, receiver.url)
    with world.engine.connect() as connection:
        deliverer = Deliverer(connection, world.keyring, clock, silent)
        for count in range(1, 4):
            world.open()
            until(lambda count=count: row(world, good).position == count, deliverer)  # type: ignore[misc]  # bound at once
        assert len(receiver.items) == 3
        assert (sorted(arrived), deliverer.under_way) == (silents, 4)
        assert {row(world, name).tries for name in names} == {0}
        going.set()
        until(lambda: deliverer.under_way == 0, deliverer)
        assert {(row(world, name).tries, row(world, name).result) for name in names} == {(1, "timeout")}


def test_so_many_are_sent_at_once_at_most(
    world: World, clock: Turned, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And those that failed before leave places to those that did not."""
    monkeypatch.setattr(under_way, "SENT_AT_ONCE", 3)
    monkeypatch.setattr(under_way, "FAILING_AT_ONCE", 2)
    going, arrived = threading.Event(), list[str]()

    def silent(url: str, headers: Mapping[str, str], body: bytes) -> str:
        if url == receiver.url:
            return send(url, headers, body)
        arrived.append(url)
        assert going.wait(60)
        return "timeout"

    for place in range(5):
        register(world, f"https://silent-{place}.example/")
    world.open()
    with world.engine.connect() as connection:
        deliverer = Deliverer(connection, world.keyring, clock, silent)
        until(lambda: len(arrived) == 3, deliverer)
        deliverer.round()
        assert (len(arrived), deliverer.under_way) == (3, 3)
        going.set()
        until(lambda: len(arrived) == 5 and deliverer.under_way == 0, deliverer)
        # all are due again, and a new one comes
        good, _secret = register(world, receiver.url)
        going.clear()
        clock.now += timedelta(minutes=1)
        world.open()
        until(lambda: row(world, good).position == 2, deliverer)
        assert (len(arrived), deliverer.under_way) == (7, 2)
        going.set()
        until(lambda: len(arrived) == 10 and deliverer.under_way == 0, deliverer)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(world: World, clock: Turned, receiver: Receiver, status: int) -> None:
    with Receiver().listening() as elsewhere:
        receiver.location, receiver.answer = elsewhere.url, lambda _message: status
        name, _secret = register(world, receiver.url)
        world.open()
        assert rounds(world, clock) == Round(0, 1)
        assert elsewhere.messages == []
    assert row(world, name).result == str(status)


@pytest.mark.parametrize(
    ("status", "taken"), [(200, True), (204, True), (299, True), (300, False), (404, False)]
)
def test_what_counts_as_taken(receiver: Receiver, status: int, taken: bool) -> None:
    receiver.answer = lambda _message: status
    headers = signed_headers(
        "whsec_" + "A" * 44, "m", datetime.fromisoformat("2026-01-01T00:00:00+00:00"), b"{}"
    )
    assert was_taken(send(receiver.url, headers, b"{}")) is taken


def test_nobody_is_waited_for_long(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also not for one who says a byte now and then, nor for what is no HTTP, nor for who is not there."""
    headers = {"webhook-id": "m", "webhook-timestamp": "1", "webhook-signature": "v1,"}
    monkeypatch.setattr(sending, "STEP_SECONDS", 0.1)
    going = threading.Event()

    def says_nothing(_handler: Any) -> None:
        going.wait(20)

    receiver.instead = says_nothing
    assert send(receiver.url, headers, b"{}") == "timeout"
    going.set()

    def drip(handler: Any) -> None:
        try:
            for _ in range(200):
                handler.wfile.write(b"H")
                handler.wfile.flush()
                done.wait(0.05)
        except OSError:
            return

    done = threading.Event()
    monkeypatch.setattr(sending, "STEP_SECONDS", 5.0)
    monkeypatch.setattr(sending, "WHOLE_SECONDS", 0.3)
    receiver.instead = drip
    assert send(receiver.url, headers, b"{}") == "timeout"
    done.set()
    monkeypatch.setattr(sending, "WHOLE_SECONDS", 20.0)
    receiver.instead = lambda handler: handler.wfile.write(b"no HTTP at all\r\n\r\n")
    assert send(receiver.url, headers, b"{}") == "cut_off"
    receiver.instead = lambda handler: handler.connection.close()
    assert send(receiver.url, headers, b"{}") == "cut_off"
    assert send("http://127.0.0.1:1/", headers, b"{}") == "unreachable"
    assert send(receiver.url.replace("http://", "https://"), headers, b"{}") == "tls"


def test_how_long_it_waits() -> None:
    seconds = [wait_after(tries).total_seconds() for tries in (1, 2, 3, 10, 11, 12, 1_000_000)]
    assert seconds == [5, 10, 20, 2560, 3600, 3600, 3600]


# -- killed ------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The deliverer is gone at this very point."""


@pytest.mark.parametrize("arrived", [True, False])
def test_a_deliverer_that_is_killed_repeats_one_message_at_most(
    world: World, clock: Turned, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, arrived: bool
) -> None:
    monkeypatch.setattr(delivery, "MESSAGE_EVENTS", 2)
    name, _secret = register(world, receiver.url)
    account = world.open(opening=(0, 500))
    for _ in range(4):
        spend(world, account)
    messages = 0

    def dies(*arguments: Any) -> str:
        nonlocal messages
        messages += 1
        if messages == 2:
            if arrived:
                send(*arguments)
            raise Killed
        return send(*arguments)

    with pytest.raises(Killed):
        rounds(world, clock, send=dies)
    # what happens meanwhile does not change the message that was begun
    spend(world, account)
    monkeypatch.setattr(delivery, "MESSAGE_EVENTS", 100)
    assert rounds(world, clock) == Round(2, 0)
    names = [one.name for one in receiver.messages]
    assert len(names) - len(set(names)) == (1 if arrived else 0)
    once = list(dict.fromkeys((one["event"], one["entry"]) for one in receiver.items))
    assert [entry for _event, entry in once] == [f"{account_no(account)}-{n}" for n in range(1, 7)]
    assert row(world, name).position == 6


def test_what_was_committed_before_a_crash_is_sent_after_it(
    world: World, clock: Turned, receiver: Receiver
) -> None:
    """Nothing of a posting has to happen between its commit and the delivery."""
    register(world, receiver.url)
    world.open()
    world.engine.dispose()
    assert rounds(world, clock) == Round(1, 0)
    assert [one["kind"] for one in receiver.items] == ["account_opened"]


def test_no_secret_and_no_address_in_the_log(
    world: World, clock: Turned, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answer = lambda _message: 500
    _name, secret = register(world, f"{receiver.url}?token=that-opens-it")
    account = world.open()
    with caplog.at_level(logging.DEBUG):
        assert rounds(world, clock) == Round(0, 1)
    assert "did not take events" in caplog.text
    for one in (secret, "that-opens-it", "127.0.0.1", account_no(account), receiver.messages[0].signature):
        assert one not in caplog.text
    assert re.search(r"\d{17}[\dX]", caplog.text) is None
