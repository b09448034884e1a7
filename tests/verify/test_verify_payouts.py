"""The check of the whole finds what is forged about shares that went to banks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.estates.claimants import NameClaimants
from ledger.estates.payout_reports import BankDetails, seal_details
from ledger.estates.payouts import OrderPayout, RecordPayout, ReturnPayout, ReviewPayout
from tests.support.approvals import asks_nobody
from tests.support.people import World
from tests.support.stories import Heir, estate
from tests.verify.tampering import chain_anew, found, rewritten, run, tampering

START, DIED, DAY = date(2026, 1, 1), date(2026, 3, 1), date(2026, 3, 2)


@dataclass(frozen=True)
class Paid:
    """A dead person's book, and the entries of the one payout of its estate."""

    book: int
    order: int
    review: int
    payout: int
    back: int


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


@pytest.fixture
def paid(world: World) -> Paid:
    asks_nobody(world)
    book = world.open(opened_on=START, today=START)
    world.one(Contribute(book, 10_000, 202601, START, world.ref("c")), today=START)
    death = world.one(ReportDeath(book, DIED, "certificate"), today=DAY)
    divided = world.one(estate(world, book, [Heir("child", "王五"), Heir("child", "赵六")], DAY), today=DAY)
    person = unpack(divided.detail)["heirs"][0]["person"]
    bank = seal_details(BankDetails("王五", "bank", "62220000", "paper"), world.keyring)
    order = world.one(OrderPayout(book, death.seq, person, bank, actor="a"), today=DAY)
    review = world.one(ReviewPayout(book, order.seq, actor="b"), today=DAY)
    payout = world.one(RecordPayout(book, order.seq, world.ref("bank"), actor="a"), today=DAY)
    back = world.one(ReturnPayout(book, order.seq, "closed", world.ref("bank"), actor="a"), today=DAY)
    return Paid(book, order.seq, review.seq, payout.seq, back.seq)


AT = "WHERE book_id = :b AND seq = :s"
SAID = {
    "as it is": ("", "order", set[str]()),
    "another amount in the order": (
        f"UPDATE estate_payout SET amount = 1 {AT}",
        "order",
        {"its order is not what it says"},
    ),
    "an order that is gone": (
        f"DELETE FROM estate_payout {AT}",
        "order",
        {"its order is not what it says"},
    ),
    "more than was ordered": (
        f"UPDATE transfer SET amount_fen = 1 {AT}",
        "payout",
        {"it pays another amount than was ordered"},
    ),
    "a review by who ordered": (
        "UPDATE entry SET actor = (SELECT e.actor FROM entry e WHERE e.book_id = :b AND e.seq = :s - 1)"
        f" {AT}",
        "review",
        {"who ordered it reviewed it"},
    ),
    "a review of nothing": (
        f"UPDATE entry SET target_seq = 2 {AT}",
        "review",
        {"it reviews no order that counts", "it pays no order that was reviewed"},
    ),
    "a payout that acts on the order": (
        f"UPDATE entry SET target_seq = target_seq - 1 {AT}",
        "payout",
        {"it pays no order that was reviewed"},
    ),
    "what was not paid comes back": (
        f"UPDATE entry SET target_seq = target_seq - 1 {AT}",
        "back",
        {"it sends back what no order had paid"},
    ),
    "another amount comes back": (
        f"UPDATE transfer SET amount_fen = 1 {AT}",
        "back",
        {"it sends back another amount than was paid"},
    ),
    "one that cannot be read": (
        f"UPDATE entry SET detail = '{{}}' {AT}",
        "review",
        {"what it says cannot be read (KeyError)"},
    ),
}


@pytest.mark.parametrize("case", SAID)
def test_what_is_forged_is_found(world: World, paid: Paid, case: str) -> None:
    statement, which, said = SAID[case]
    with tampering(world.engine) as connection:
        if "target_seq - 1" in statement:
            # an entry is acted on once
            freed = paid.payout if which == "back" else paid.review
            run(connection, f"UPDATE entry SET target_seq = NULL {AT}", b=paid.book, s=freed)
        if statement:
            run(connection, statement, b=paid.book, s=getattr(paid, which))
        chain_anew(connection, paid.book)
        told = {one.what for one in found(connection) if one.code == "payout_wrong"}
    assert said <= told if said else not told


def test_an_order_of_more_than_there_was(world: World, paid: Paid) -> None:
    with tampering(world.engine) as connection:
        rewritten(connection, paid.book, paid.order, lambda facts: facts.update(amount=1))
        run(connection, f"UPDATE estate_payout SET amount = 1 {AT}", b=paid.book, s=paid.order)
        chain_anew(connection, paid.book)
        assert "it is not what was to be paid" in {one.what for one in found(connection)}


def test_a_payout_of_an_estate_that_was_not_divided(world: World) -> None:
    book = world.open(opened_on=START, today=START)
    world.one(ReportDeath(book, DIED, "certificate"), today=DAY)
    named = world.one(NameClaimants(book, (), (), DAY), today=DAY)
    with tampering(world.engine) as connection:
        run(connection, f"UPDATE entry SET kind = {int(Kind.PAYOUT_ORDER)} {AT}", b=book, s=named.seq)
        chain_anew(connection, book)
        assert "a payout_order of an estate that was not divided" in {one.what for one in found(connection)}
