"""What waits for a second person, below the API: asked for in a world, and approved by somebody."""

from __future__ import annotations

import re
from typing import Any

from ledger.accounts.contributing import Contribute
from ledger.approvals import waiting
from ledger.book.numbers import approval_name
from ledger.policy import load_policy
from ledger.posting import Command, Outcome, Posted, Receipt, Waiting
from tests.support.people import World

LARGE = 10_000_000
_ASKS = re.compile(r'(unit = "approval"\nvalue = )"[^"]+"')


def large(world: World, book: Any, fen: int = LARGE, **more: Any) -> Contribute:
    """A contribution for which the example area asks two."""
    facts = {"caller": "test", "actor": "clerk", "key": world.ref("large")} | more
    return Contribute(book, fen, 202611, world.today, world.ref("paper"), **facts)


def asks_nobody(world: World) -> World:
    """Let the area of a world ask for no second person, for tests of what the acts themselves do."""
    never = {
        area: load_policy(_ASKS.sub(r'\g<1>"never"', policy.text), f"{area:06d}.toml")
        for area, policy in world.policies.items()
    }
    world.policies = never
    return world


def waits(world: World, command: Command, **when: Any) -> Waiting:
    """Post a command, which must wait."""
    [outcome] = world.post(command, **when)
    assert isinstance(outcome, Waiting), outcome
    return outcome


def revived(world: World, asked: Waiting, by: str = "chief", through: str = "test") -> Command:
    """What waits, as the command that somebody approves."""
    with world.engine.connect() as connection, connection.begin():
        act = waiting.find(connection, approval_name(asked.book_id, asked.number))
        return waiting.opened(connection, world.keyring, act, (by, through))


def approved(world: World, asked: Waiting, by: str = "chief", **when: Any) -> Outcome:
    """What becomes of it when somebody approves it."""
    [outcome] = world.post(revived(world, asked, by), **when)
    return outcome


def by_two(world: World, command: Command, **when: Any) -> Receipt:
    """Ask for something that waits, and let somebody else approve it."""
    outcome = approved(world, waits(world, command, **when), **when)
    assert isinstance(outcome, Posted), outcome
    return outcome.receipt
