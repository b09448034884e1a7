"""The check of the whole finds what somebody forged about transfers, exits and demands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger.accounts.contributing import Contribute
from ledger.accounts.year_end import PostInterest
from ledger.book.numbers import entry_name
from ledger.owed.demands import DemandBack, PayInstalment, SetOffDemand
from ledger.transfers.coming_in import AnnounceTransfer, CreditTransfer
from ledger.transfers.exits import PayExit
from ledger.transfers.going_out import AcknowledgeTransfer, RejectTransfer, RequestTransfer, SendTransfer
from ledger.verify import verify
from tests.support.approvals import asks_nobody
from tests.support.people import World
from tests.verify.tampering import TOLD, chain_anew, found, rewritten, run, tampering

APRIL = date(2026, 4, 1)


@dataclass
class Left:
    """Accounts that were left, or nearly: by what they are to the tests."""

    world: World
    gone: int = 0
    back: int = 0
    into: int = 0
    paid_out: int = 0
    owing: int = 0

    def __post_init__(self) -> None:
        world = self.world
        self.gone, self.back, self.into, self.paid_out, self.owing = (
            world.open(opened_on=date(2025, 1, 1), opening=(0, 100_000)) for _ in range(5)
        )
        for book in (self.gone, self.back):
            asked = world.one(RequestTransfer(book, "330100", APRIL, "paper")).seq
            world.one(SendTransfer(book, asked, APRIL, "sent"))
            end = AcknowledgeTransfer(book, asked) if book == self.gone else RejectTransfer(book, asked, "no")
            world.one(end)
        came = world.one(AnnounceTransfer(self.into, "330100", "sheet", 1, 2, 3, 6)).seq
        world.one(CreditTransfer(self.into, came, APRIL, 6, "came"))
        world.one(PayExit(self.paid_out, "settled_abroad", "permit", world.today))
        owed = world.one(DemandBack(self.owing, 150_000, "twice", "decision")).seq
        world.one(SetOffDemand(self.owing, owed))
        world.one(PayInstalment(self.owing, owed, 100, world.today, "paid"))


@pytest.fixture(scope="module")
def left(engine: Engine) -> Left:
    return Left(asks_nobody(World(engine)))


def test_what_nobody_touched_is_clean(left: Left) -> None:
    assert verify(left.world.engine).findings == []


def kind_of(connection: Any, book: int, kind: int) -> int:
    """The number of the last entry of a kind."""
    row = connection.exec_driver_sql(
        f"SELECT MAX(seq) FROM entry WHERE book_id = {book} AND kind = {kind}"
    ).one()
    return int(row[0])


def _leaves_a_fen(connection: Any, left: Left, book: int, kind: int) -> None:
    seq = kind_of(connection, book, kind)
    at = f"WHERE book_id = {book} AND seq"
    run(
        connection,
        f"UPDATE transfer SET amount_fen = amount_fen - 1 {at} = {seq}",
        f"UPDATE entry SET carried_over_after = 1 {at} >= {seq}",
    )
    chain_anew(connection, book)
    assert left.world


FORGED: dict[str, tuple[str, Callable[[Any, Left], None]]] = {
    "a transfer that nobody asked for": (
        "transfer_wrong",
        lambda c, left: run(c, f"UPDATE transfer_case SET seq = 1 WHERE book_id = {left.gone}"),
    ),
    "how far it has come": (
        "transfer_wrong",
        lambda c, left: run(c, f"UPDATE transfer_case SET status = 2 WHERE book_id = {left.gone}"),
    ),
    "a transfer taken away": (
        "transfer_wrong",
        lambda c, left: run(c, f"DELETE FROM transfer_case WHERE book_id = {left.into}"),
    ),
    "what arrived there": (
        "transfer_wrong",
        lambda c, left: run(
            c,
            f"UPDATE transfer SET amount_fen = amount_fen - 1 WHERE book_id = {left.gone}"
            f" AND seq = {kind_of(c, left.gone, 59)}",
        ),
    ),
    "what the sheet says": (
        "transfer_wrong",
        lambda c, left: rewritten(
            c, left.into, kind_of(c, left.into, 57), lambda told: told.update(amount=7)
        ),
    ),
    "a request that is none": (
        "stage_wrong",
        lambda c, left: rewritten(
            c, left.gone, kind_of(c, left.gone, 57), lambda told: told.update(direction="in", amount=1)
        ),
    ),
    "a fen left behind": ("stage_wrong", lambda c, left: _leaves_a_fen(c, left, left.paid_out, 90)),
    "interest of a part as of the rest": (
        "interest_wrong",
        lambda c, left: (
            run(c, f"UPDATE entry SET kind = 93 WHERE book_id = {left.back} AND kind = 11 AND period = 2026"),
            chain_anew(c, left.back),
        )[1],
    ),
    "a demand taken away": (
        "demand_wrong",
        lambda c, left: run(c, f"DELETE FROM demand WHERE book_id = {left.owing}"),
    ),
    "a demand that nobody made": (
        "demand_wrong",
        lambda c, left: run(c, f"UPDATE demand SET seq = 1 WHERE book_id = {left.owing}"),
    ),
    "a debt that nobody owed": (
        "demand_wrong",
        lambda c, left: run(
            c,
            "UPDATE demand SET debt_kind = 4, debt_number = 1,"
            f" debt_book = {left.owing} WHERE book_id = {left.owing}",
        ),
    ),
    "a demand that took over a debt and moved money": (
        "demand_wrong",
        lambda c, left: rewritten(
            c,
            left.owing,
            kind_of(c, left.owing, 91),
            lambda told: told.update(debt=[4, left.owing, 1], amount=150_000),
        ),
    ),
    "what was paid of a demand": (
        "demand_wrong",
        lambda c, left: run(c, f"UPDATE demand SET paid = 0 WHERE book_id = {left.owing}"),
    ),
    "what was set off": (
        "demand_wrong",
        lambda c, left: run(c, f"UPDATE demand SET set_off = 1 WHERE book_id = {left.owing}"),
    ),
}


@pytest.mark.parametrize("what", FORGED)
def test_what_was_forged_is_found(left: Left, what: str) -> None:
    code, forge = FORGED[what]
    with tampering(left.world.engine) as connection:
        forge(connection, left)
        findings = found(connection)
    TOLD.update(one.what for one in findings)
    assert code in {one.code for one in findings}, findings


def test_a_year_that_a_rejected_transfer_cut_short_goes_on(engine: Engine) -> None:
    """The interest of the rest comes with the year end, and of the whole no fen more than is owed."""
    world = asks_nobody(World(engine))
    stayed, came_back = (world.open(opened_on=date(2025, 1, 1), opening=(0, 1_000_000)) for _ in range(2))
    for book in (stayed, came_back):
        world.one(Contribute(book, 16_000, 202603, date(2026, 3, 20), world.ref("c")))
    asked = world.one(RequestTransfer(came_back, "330100", APRIL, "paper")).seq
    world.one(SendTransfer(came_back, asked, date(2026, 11, 21), world.ref("sent")))
    world.one(RejectTransfer(came_back, asked, "no"))
    january = world.__class__(engine, now=world.now.replace(year=2027, month=1, day=5))
    for book in (stayed, came_back):
        january.one(PostInterest(book, 2026))
    assert verify(engine).findings == []
    balances = [sum(january_pockets(engine, book)) for book in (stayed, came_back)]
    # sent and back on one day: only that its first part earned interest from then on, and was rounded apart
    assert 0 <= balances[1] - balances[0] <= 10
    assert entry_name(came_back, asked)


def january_pockets(engine: Engine, book: int) -> tuple[int, int]:
    with engine.connect() as connection:
        row = connection.exec_driver_sql(
            f"SELECT current_year, carried_over FROM book WHERE book_id = {book}"
        ).one()
    return int(row[0]), int(row[1])
