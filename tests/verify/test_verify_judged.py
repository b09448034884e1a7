"""What `verify` finds wrong with interest that was judged anew by the facts of a death."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.mistaken_deaths import WithdrawDeath
from ledger.accounts.year_end import PostInterest
from ledger.book.numbers import entry_name
from ledger.chart.kinds import Kind
from ledger.verify import verify
from tests.support.approvals import asks_nobody
from tests.support.people import World
from tests.support.stories import entries
from tests.verify.tampering import found, rewritten, tampering

OPENED, DIED, LATE = date(2025, 1, 1), date(2025, 3, 20), date(2026, 5, 5)


class Mistaken(NamedTuple):
    """A book, and its two corrections: by the report of a death, and by its withdrawal."""

    book: int
    reported: int
    withdrawn: int


@pytest.fixture(scope="module")
def world(engine: Engine) -> World:
    return asks_nobody(World(engine))


@pytest.fixture(scope="module")
def life(world: World) -> Mistaken:
    book = world.open(opened_on=OPENED, opening=(0, 100_000), today=OPENED)
    day = date(2025, 5, 5)
    world.one(Contribute(book, 400_000, 202504, day, world.ref()), today=day)
    world.one(PostInterest(book, 2025), today=date(2026, 1, 5))
    world.one(ReportDeath(book, DIED, "certificate"), today=LATE)
    world.one(WithdrawDeath(book, "a namesake", "registry 7"), today=LATE)
    reported, withdrawn = (one.seq for one in entries(world.engine, book, Kind.INTEREST_CORRECTION))
    return Mistaken(book, reported, withdrawn)


def test_what_is_changed_below_is_clean(world: World, life: Mistaken) -> None:
    assert [str(one) for one in verify(world.engine).findings] == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda facts: facts.update(death=1), "it names no fact of a death"),
        (lambda facts: facts.update(due=facts["due"] + 1), "of 2025 the death makes 0 fen, of which"),
        (lambda facts: facts.update(posted=0), "fen, of which -"),
        (lambda facts: facts.update(left=-1), "are the difference"),
        (lambda facts: facts.pop("death"), "fen were posted for 2025"),
    ],
)
def test_a_correction_that_is_not_what_the_death_makes(
    world: World, life: Mistaken, change: Callable[[dict[str, Any]], None], what: str
) -> None:
    with tampering(world.engine) as connection:
        rewritten(connection, life.book, life.withdrawn, change)
        told = {(one.code, one.where): one.what for one in found(connection)}
    assert what in told["interest_wrong", entry_name(life.book, life.withdrawn)]
