"""Two at once, on PostgreSQL: one number for two people, and a merge while money moves."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import date

import pytest
from sqlalchemy import Engine

from ledger.accounts.contributing import Contribute
from ledger.accounts.spending import Spend
from ledger.chart.person_facts import NumberReason, PersonFact
from ledger.estates.merging import MergeAccounts
from ledger.people.persons import seal_fact, stake_by_number
from ledger.people.renumbering import ChangeNumber
from ledger.posting import Command, Outcome, Posted
from ledger.refusals import Refused
from ledger.verify import verify
from tests.support.approvals import asks_nobody
from tests.support.people import Someone, SomeoneFactory, World
from tests.support.stories import pockets

pytestmark = pytest.mark.postgres

TURNS = 10


@pytest.fixture
def world(engine: Engine) -> World:
    return asks_nobody(World(engine))


def at_once(world: World, commands: Sequence[Command]) -> list[Outcome]:
    """The outcome of each, posted by a thread and a connection of its own."""
    outcomes: dict[int, Outcome] = {}
    start = threading.Barrier(len(commands))

    def run(place: int) -> None:
        start.wait()
        [outcomes[place]] = world.post(commands[place])

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(commands))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [outcomes[place] for place in range(len(commands))]


def renumber(world: World, book: int, holder: Someone, number: str) -> ChangeNumber:
    stake, parsed = stake_by_number(number, holder.name, world.keyring, world.today)
    sealed = seal_fact(PersonFact.NUMBER, parsed.number, stake.digest, world.keyring).sealed
    return ChangeNumber(book, (stake,), sealed, date(2026, 3, 1), "d", NumberReason.CORRECTED)


def code(outcome: Outcome) -> str:
    return outcome.code.value if isinstance(outcome, Refused) else type(outcome).__name__


def test_one_number_for_two_people_is_that_of_one(world: World) -> None:
    for _turn in range(TURNS):
        people = [SomeoneFactory() for _ in range(2)]
        books = [world.open(one) for one in people]
        number = SomeoneFactory().id_number
        commands = [renumber(world, book, one, number) for book, one in zip(books, people, strict=True)]
        assert sorted(map(code, at_once(world, commands))) == ["Posted", "alias_conflict"]
    assert verify(world.engine, keyring=world.keyring).findings == []


def test_a_number_that_is_opened_at_once_is_of_one(world: World) -> None:
    for _turn in range(TURNS):
        holder, other = SomeoneFactory(), SomeoneFactory()
        book = world.open(holder)
        commands = [renumber(world, book, holder, other.id_number), world.opening(other, name="另一个人")]
        found = list(map(code, at_once(world, commands)))
        assert found in (["Posted", "account_exists_other_person"], ["alias_conflict", "Posted"])
    assert verify(world.engine, keyring=world.keyring).findings == []


def test_no_money_is_lost_while_two_accounts_become_one(world: World) -> None:
    for turn in range(TURNS):
        first, second = SomeoneFactory(name="张三"), SomeoneFactory(name="张三")
        older = world.open(first, opened_on=date(2020, 1, 1))
        younger = world.open(second, opened_on=date(2021, 1, 1))
        world.one(Contribute(younger, 10_000, 202603, world.today, f"c-{turn}"))
        spend = Spend(younger, 3_000, world.today, "H0001", f"s-{turn}")
        credit = Contribute(younger, 500, 202604, world.today, f"d-{turn}")
        outcomes = at_once(world, [MergeAccounts(younger, older, "d"), spend, credit])
        assert isinstance(outcomes[0], Posted)
        taken = [isinstance(outcome, Posted) for outcome in outcomes]
        # what came after the merge was taken by the older account, where there is enough
        assert taken == [True, True, True], outcomes
        assert (
            sum(pockets(world.engine, older, world.today)) + sum(pockets(world.engine, younger, world.today))
            == 7_500
        )
        assert sum(pockets(world.engine, younger, world.today)) == 0
    assert verify(world.engine, keyring=world.keyring).findings == []
