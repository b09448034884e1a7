"""Two people in posting (R68): the rule sits in the one way in, so that no door can forget it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from fractions import Fraction
from functools import partial
from threading import Barrier, Thread
from typing import Any, get_args, get_type_hints

import pytest
from sqlalchemy import Engine, func, not_, select

from ledger import tables
from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.approvals import deciding
from ledger.book.detail import unpack
from ledger.book.numbers import approval_name, parse_approval_name
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.chart.parties import Party
from ledger.estates.division import DivideEstate, HeirShare
from ledger.inquiry.asking import Clerk
from ledger.people.persons import stake_by_name
from ledger.policy.approvals import ASKABLE
from ledger.posting import Command, Outcome, PersonStake, Posted, Waiting, post, way_in
from ledger.posting.intents import read_command, write_command
from ledger.refusals import RefusalCode, Refused
from ledger.shares import heir_rank
from ledger.verify import verify
from tests.house.raised import commands
from tests.house.test_declared_routes import DECLARED, DOCUMENT
from tests.support.approvals import LARGE, approved, by_two, large, revived, waits
from tests.support.people import World, noon

R = RefusalCode


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


@pytest.fixture
def book(world: World) -> int:
    return world.open(opened_on=world.today)


def codes(outcomes: Sequence[Outcome]) -> list[object]:
    return [one.code if isinstance(one, Refused) else type(one).__name__ for one in outcomes]


def count(world: World, table: Any) -> int:
    """How many rows there are, but for those of registers: a new caller stands in a book of its own."""
    counted = select(func.count()).select_from(table)
    if "book_id" in table.c:
        counted = counted.where(not_(table.c.book_id.between(*Party.REGISTER.within(-(2**63), 2**63 - 1))))
    with world.engine.begin() as connection:
        return connection.scalar(counted) or 0


def state_of(world: World, asked: Waiting) -> int:
    table = tables.approval.c
    with world.engine.begin() as connection:
        return connection.execute(
            select(table.state).where(table.book_id == asked.book_id, table.number == asked.number)
        ).scalar_one()


# -- posting -----------------------------------------------------------------------------------------------


def test_only_the_intent_is_written(world: World, book: int) -> None:
    entries = count(world, tables.entry)
    asked = waits(world, large(world, book))
    assert asked.name == approval_name(book, 1)
    assert count(world, tables.entry) == entries
    receipt = approved(world, asked)
    assert isinstance(receipt, Posted)
    assert set(unpack(receipt.receipt.detail)) == {"approved_by"}
    assert count(world, tables.entry) == entries + 1


def test_who_has_no_keys_cannot_let_it_wait(world: World, book: int) -> None:
    with world.engine.connect() as connection:
        outcomes = post(
            connection, [large(world, book), large(world, book, 5)], world.now, world.today, world.policies
        )
    assert codes(outcomes) == [R.APPROVAL_NEEDED, "Posted"]


def test_what_has_no_key_cannot_wait(world: World, book: int) -> None:
    assert codes(world.post(large(world, book, key=None))) == [R.APPROVAL_NEEDED]


def test_two_of_one_batch_have_numbers_of_their_own_and_one_key_has_one(world: World, book: int) -> None:
    first, other = large(world, book), large(world, book)
    outcomes = world.post(first, other, first)
    assert [one.number for one in outcomes if isinstance(one, Waiting)] == [1, 2, 1]


def test_a_key_of_another_system_is_another(world: World, book: int) -> None:
    one = large(world, book, key="shared")
    other = large(world, book, key="shared", caller="another")
    assert waits(world, one).number != waits(world, other).number


def test_conditions_change_meanwhile(world: World) -> None:
    """Refused then, it goes on waiting; and is posted once it may be."""
    book = world.open(opened_on=date(2026, 1, 5))
    command = Contribute(book, LARGE, 202611, world.today, "p", "test", "clerk", world.ref("k"))
    asked = waits(world, command)
    world.one(ReportDeath(book, date(2026, 3, 2), "certificate", key=world.ref("death")))
    assert codes([approved(world, asked)]) == [R.PERIOD_AFTER_END]
    assert state_of(world, asked) == 1
    assert not verify(world.engine, first=book, last=book).findings


def test_the_time_is_over_by_the_clock(world: World, book: int) -> None:
    asked, other = waits(world, large(world, book)), waits(world, large(world, book))
    over = world.now + timedelta(days=30)
    assert codes([approved(world, asked, now=over)]) == [R.APPROVAL_EXPIRED]
    assert codes([approved(world, other, now=over - timedelta(microseconds=1))]) == ["Posted"]


def test_who_asked_does_not_approve_though_no_door_asked(world: World, book: int) -> None:
    asked = waits(world, large(world, book))
    for written in ("clerk", "Clerk", " clerk "):
        assert codes([approved(world, asked, by=written)]) == [R.SAME_PERSON]
    assert state_of(world, asked) == 1


def test_of_an_account_that_was_closed_meanwhile(world: World) -> None:
    estate = estate_of(world, "赵六")
    credit = Contribute(estate.book, LARGE, 202602, world.today, "late", "test", "clerk", world.ref("k"))
    waiting_credit, waiting_estate = waits(world, credit), waits(world, estate)
    assert codes([approved(world, waiting_estate)]) == ["Posted"]
    assert codes([approved(world, waiting_credit)]) == [R.ACCOUNT_CLOSED]
    assert state_of(world, waiting_credit) == 1


def test_an_account_that_was_opened_in_the_same_batch_asks_too(world: World) -> None:
    opening = world.opening(opened_on=world.today, key=world.ref("open"))
    outcomes = world.post(opening, large(world, opening.book), large(world, opening.book, 5))
    assert codes(outcomes) == ["Posted", "Waiting", "Posted"]


def test_an_approval_of_what_is_not_there(world: World, book: int) -> None:
    asked = waits(world, large(world, book))
    command = revived(world, asked)
    assert command.approval is not None
    command.approval = command.approval._replace(number=7)
    assert codes(world.post(command)) == [R.APPROVAL_NOT_FOUND]


def estate_of(world: World, name: str) -> DivideEstate:
    """A large estate of which one heir is known by name alone: nobody that the ledger knows yet."""
    book = world.open(opened_on=date(2026, 1, 5), opening=(0, 20_000_000))
    world.one(ReportDeath(book, date(2026, 3, 2), "certificate", key=world.ref("death")))
    stake = stake_by_name(name, str(book), world.keyring)
    heir = HeirShare(stake.digest, False, "spouse", Fraction(1), heir_rank("spouse", None, None))
    return DivideEstate(book, (heir,), (stake,), world.today, "test", "clerk", world.ref("estate"))


def test_whom_it_names_is_written_down_when_it_is_posted(world: World) -> None:
    command = estate_of(world, "王五")
    people = count(world, tables.identity)
    asked = waits(world, command)
    assert count(world, tables.identity) == people
    outcome = approved(world, asked)
    assert isinstance(outcome, Posted)
    assert outcome.receipt.kind is Kind.ESTATE
    assert count(world, tables.identity) == people + 1
    assert not verify(world.engine, first=asked.book_id, last=asked.book_id).findings


def test_stopped_before_the_commit_nothing_of_it_is_there(
    world: World, book: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = waits(world, large(world, book))
    command, entries = revived(world, asked), count(world, tables.entry)

    def stop(*_everything: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(way_in, "write_approvals", stop)
        with pytest.raises(KeyboardInterrupt):
            world.post(command)
    assert count(world, tables.entry) == entries
    assert state_of(world, asked) == 1
    assert codes([approved(world, asked)]) == ["Posted"]


def test_a_dead_account_of_the_same_person_does_not_take_it(world: World, book: int) -> None:
    """What waits is about its book, whatever its holder is found by on the day of the approval."""
    asked = waits(world, large(world, book))
    command = revived(world, asked)
    assert command.book == book


def test_the_policy_that_asks_no_longer_does_not_hold_up_what_waits(world: World, book: int) -> None:
    asked = waits(world, large(world, book))
    receipt = approved(world, asked)
    assert isinstance(receipt, Posted)
    again = approved(world, asked)
    assert isinstance(again, Posted)
    assert again.replayed
    assert again.receipt == receipt.receipt
    assert codes([approved(world, asked, by="another chief")]) == [R.APPROVAL_DECIDED]


# -- races -------------------------------------------------------------------------------------------------


def together(*acts: Any) -> list[Any]:
    """What each of some acts comes to that begin at one moment."""
    start, found = Barrier(len(acts)), [None] * len(acts)

    def go(place: int) -> None:
        start.wait(30)
        try:
            found[place] = acts[place]()
        except Refused as refused:
            found[place] = refused

    threads = [Thread(target=go, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert None not in found
    return found


@pytest.mark.postgres
def test_of_two_who_approve_at_once_one_does(world: World, book: int) -> None:
    for turn in range(8):
        asked = waits(world, large(world, book))
        chiefs = (f"chief-{turn}-a", f"chief-{turn}-b")
        found = together(*(partial(approved, world, asked, by=chief) for chief in chiefs))
        assert sorted(map(str, codes(found))) == ["Posted", R.APPROVAL_DECIDED.value]
    assert not verify(world.engine, first=book, last=book).findings


@pytest.mark.postgres
def test_of_yes_and_no_at_once_one_stands(world: World, book: int) -> None:
    for turn in range(8):
        asked = waits(world, large(world, book))
        by = Clerk("test", f"chief-no-{turn}", world.now, world.today)

        def no(asked: Waiting = asked, by: Clerk = by) -> str:
            with world.engine.connect() as connection:
                deciding.reject(connection, asked.name, "no", by)
            return "rejected"

        yes, other = together(partial(approved, world, asked), no)
        if other == "rejected":
            assert codes([yes]) == [R.APPROVAL_DECIDED]
            assert state_of(world, asked) == 3
        else:
            assert isinstance(yes, Posted)
            assert other.code is R.APPROVAL_DECIDED
            assert state_of(world, asked) == 2
    assert not verify(world.engine, first=book, last=book).findings


# -- the codec ---------------------------------------------------------------------------------------------


@dataclass(eq=False)
class EverythingAsked(Command):
    """A command with a field of every kind."""

    verb = "everything"

    book: int
    heirs: tuple[HeirShare, ...]
    persons: tuple[PersonStake, ...]
    raw: bytes
    on: date
    at: datetime
    share: Fraction
    member: MemberClass | None
    kind: Kind
    listed: list[int]
    some: frozenset[str]
    flag: bool
    nothing: str | None
    caller: str = ""
    actor: str = ""
    key: str | None = None


def test_a_command_is_written_down_and_read_back_whole() -> None:
    stake = PersonStake(b"\x00" * 32, None, b"\xff", b"n", date(1990, 1, 1))
    heir = HeirShare(b"d", True, "child", Fraction(1, 3), heir_rank("child", None, None))
    command = EverythingAsked(
        1, (heir,), (stake,), b"\x00\xff", date(2026, 1, 2), datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
        Fraction(2, 7), MemberClass.ACTIVE, Kind.ESTATE, [1, 2], frozenset({"a", "b"}), True, None,
        "c", "a", "k",
    )  # fmt: skip
    plain = write_command(command)
    found = read_command(plain)
    assert type(found) is EverythingAsked
    for one in fields(command):
        assert getattr(found, one.name) == getattr(command, one.name), one.name
        assert type(getattr(found, one.name)) is type(getattr(command, one.name)), one.name
    assert write_command(found) == plain


def test_what_no_command_wrote_is_not_read() -> None:
    for plain in (b"{}", b"[]", b'{"of":"Nobody","fields":{}}', b'{"of":"Spend","fields":{"book":{"x":1}}}'):
        with pytest.raises(ValueError, match="waits"):
            read_command(plain)


_PLAIN = (bool, int, str, bytes, date, datetime, Fraction, type(None))


def _leaves(hint: Any) -> set[Any]:
    """The classes that a field is declared to hold, however deep."""
    inner = [one for one in get_args(hint) if one is not Ellipsis]
    if inner:
        return set[Any]().union(*map(_leaves, inner))
    if is_dataclass(hint) or hasattr(hint, "_fields"):
        return set[Any]().union(*map(_leaves, get_type_hints(hint).values()))
    return {hint}


ASKED = [one for one in commands() if one.word in ASKABLE]


@pytest.mark.parametrize("command", ASKED, ids=lambda one: one.__name__)
def test_every_command_that_may_wait_can_be_written_down(command: type[Command]) -> None:
    hints = get_type_hints(command)
    for one in fields(command):  # type: ignore[arg-type]  # every command is a dataclass
        for leaf in _leaves(hints[one.name]):
            assert leaf in _PLAIN or issubclass(leaf, Enum), f"{one.name}: {leaf}"


def test_its_route_says_that_it_may_wait() -> None:
    """202 stands in the document where the verb of the command may ask, and at an estate, written by hand."""
    told = {
        path
        for path, operations in DOCUMENT["paths"].items()
        for operation in operations.values()
        if "waits for a second person" in operation["responses"].get("202", {}).get("description", "")
    }
    by_hand = {"/v1/accounts/{account}/estate", "/v1/estates"}
    assert told == by_hand | {path for path, one in DECLARED.items() if one.command.word in ASKABLE}


def test_what_cannot_be_written_down_says_so() -> None:
    command = Contribute(1, 5, 202611, date(2026, 11, 1), "p")
    command.source_ref = object()  # type: ignore[assignment]  # what no field may hold
    with pytest.raises(TypeError, match="cannot wait"):
        write_command(command)


@pytest.mark.parametrize(
    "text", ["", "A1", "-A1", "P483920174650K", "P483920174650K-1", "P483920174650K-A01"]
)
def test_what_is_no_name(text: str) -> None:
    assert parse_approval_name(text) is None


def test_a_name_is_read_however_it_is_typed(book: int) -> None:
    name = approval_name(book, 12)
    assert parse_approval_name(f" {name.lower()} ") == (book, 12)


def test_two_people_credit_what_one_would(world: World, book: int) -> None:
    receipt = by_two(world, large(world, book), now=noon(world.today))
    assert (receipt.amount_fen, receipt.balance_fen) == (LARGE, LARGE)
