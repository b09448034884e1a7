"""What comes after a division, and after that of another: acts on a chain of merged accounts, later money and
late reversals leave books that `verify` reads as they were meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from itertools import pairwise

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.mistaken_deaths import WithdrawDeath
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.estates.merging import MergeAccounts
from ledger.estates.owed_reports import debts_of
from ledger.estates.undoing import UndoEstate
from ledger.owed.demands import DemandBack
from ledger.posting import Command, Posted, Receipt
from ledger.verify import verify
from tests.support.approvals import asks_nobody
from tests.support.people import SomeoneFactory, World, noon
from tests.support.stories import Heir, entries, estate

TODAY, LATER, NEXT_YEAR = date(2026, 11, 21), date(2026, 11, 25), date(2027, 2, 3)


@pytest.fixture
def world(fresh_engine: Engine) -> Iterator[World]:
    made = asks_nobody(World(fresh_engine, now=noon(TODAY)))
    yield made
    assert verify(made.engine).findings == []


ACTS: dict[str, Callable[[World, int], Command]] = {
    "a spending": lambda world, book: Spend(book, 100, world.today, "H0001", world.ref("s")),
    "a contribution": lambda world, book: Contribute(book, 100, 202611, world.today, world.ref("c")),
    "a demand": lambda _world, book: DemandBack(book, 100, "reason", "paper"),
    "a death": lambda world, book: ReportDeath(book, world.today, "certificate"),
}


@pytest.mark.parametrize("together", [False, True], ids=["alone", "as a group"])
@pytest.mark.parametrize("name", ACTS)
def test_what_is_sent_to_the_first_of_a_long_chain_is_taken_at_its_end(
    world: World, name: str, together: bool
) -> None:
    chain = [
        world.open(SomeoneFactory(name="张三"), opened_on=date(2026, 1, month), opening=(0, 1_000))
        for month in range(1, 7)
    ]
    for older, younger in reversed(list(pairwise(chain))):
        world.one(MergeAccounts(younger, older, "finding"))
    [outcome] = world.post(ACTS[name](world, chain[-1]), atomic=together)
    assert isinstance(outcome, Posted)
    assert outcome.receipt.book_id == chain[0]


def divided(world: World, *, demanded: int = 0) -> tuple[int, int, Receipt, Receipt, Receipt]:
    """A dead person's account and the only heir's; of before a spending and a contribution; the death."""
    account, heir = world.open(opening=(0, 100_000)), SomeoneFactory()
    heirs = world.open(heir)
    spent = world.one(Spend(account, 1_000, TODAY, "H0001", "s"))
    credit = world.one(Contribute(account, 1_000, 202611, TODAY, "c"))
    if demanded:
        world.one(DemandBack(account, demanded, "reason", "paper"))
    died = world.one(ReportDeath(account, TODAY, "certificate"))
    world.one(estate(world, account, [Heir("child", heir)], TODAY))
    return account, heirs, spent, credit, died


@pytest.mark.parametrize("day", [TODAY, LATER, NEXT_YEAR])
def test_an_heirs_entry_names_the_undoing_wherever_later_money_stands_before_it(
    world: World, day: date
) -> None:
    account, heirs, spent, _credit, died = divided(world)
    world.one(Reverse(account, spent.seq, "wrong"), today=day)
    undone = world.one(UndoEstate(account, died.seq, "in error", "paper"), today=day)
    [back] = entries(world.engine, heirs, Kind.INHERITANCE_BACK)
    assert unpack(back.detail)["undo"] == [account, undone.seq]


def test_a_credit_reversed_after_debts_were_set_off_is_owed_beside_them(world: World) -> None:
    account, _heirs, _spent, credit, _died = divided(world, demanded=500)
    back = world.one(Reverse(account, credit.seq, "wrong"))
    assert unpack(back.detail)["receivable"] == 1_000


def test_what_a_reversed_credit_left_owed_is_demanded_of_whoever_is_alive_after_all(world: World) -> None:
    account = world.open()
    credit = world.one(Contribute(account, 1_000, 202611, TODAY, "c"))
    world.one(Spend(account, 1_000, TODAY, "H0001", "s"))
    world.one(ReportDeath(account, TODAY, "certificate"))
    world.one(Reverse(account, credit.seq, "wrong"))
    world.one(WithdrawDeath(account, "alive", "paper"))
    with world.engine.connect() as connection:
        [debt] = debts_of(connection, account, world.policies)
    assert debt.still_owed == 1_000
    world.one(DemandBack(account, debt.still_owed, "reason", "paper", debt=debt.entry))
    with world.engine.connect() as connection:
        assert sum(one.still_owed for one in debts_of(connection, account, world.policies)) == 1_000
