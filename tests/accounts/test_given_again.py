"""What a mistaken death took back and gave again is in force again: it is reversed as any other (R15, R31).

Each step is tried over the command of the door, with what the entry's read says after it, and `verify`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger import reports
from ledger.accounts.closure import CorrectDeath, ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.mistaken_deaths import WithdrawDeath
from ledger.accounts.spending import Spend
from ledger.accounts.year_end import PostInterest
from ledger.book.detail import unpack
from ledger.care.entry_reversals import ReverseEntry
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.chart.sides import Side
from ledger.contributions.credited import credited
from ledger.contributions.retirees import CreditRetiree
from ledger.people.enrolments import Enrol
from ledger.posting import Command, Posted, Receipt
from ledger.refusals import RefusalCode, Refused
from tests.support.approvals import asks_nobody
from tests.support.people import World, noon
from tests.support.stories import Heir, entries, estate, moves, row

R = RefusalCode
OPENED, DIED, TODAY = date(2026, 1, 1), date(2026, 6, 20), date(2026, 11, 21)
MONTH = 202609
# what a credit of these tests is: the command for the account, and again by its document
Make = Callable[[int], Command]


@pytest.fixture
def world(sound_engine: Engine) -> World:
    return asks_nobody(World(sound_engine, now=noon(TODAY)))


def straight(book: int) -> Command:
    return Contribute(book, 12_345, MONTH, date(2026, 9, 10), "paper 1")


def retired(book: int) -> Command:
    return CreditRetiree(book, MONTH)


def account(world: World, opening: tuple[int, int] = (0, 0)) -> int:
    book = world.open(opened_on=OPENED, today=OPENED, opening=opening if any(opening) else None)
    world.one(Enrol(book, MemberClass.RETIRED, None, OPENED, None), today=OPENED)
    return book


def died(world: World, book: int, **when: Any) -> Receipt:
    return world.one(ReportDeath(book, DIED, "certificate"), **when)


def lives(world: World, book: int, **when: Any) -> Receipt:
    return world.one(WithdrawDeath(book, "a namesake", "registry 7"), **when)


def back(entry: Receipt) -> ReverseEntry:
    return ReverseEntry(entry.book_id, entry.seq, "entered wrongly")


def told(world: World, entry: Any) -> str | None:
    """What the read of an entry says took it back."""
    with world.engine.connect() as connection:
        return reports.entry(connection, entry.book_id, entry.seq).reversed_by


def last(world: World, book: int, kind: Kind) -> Any:
    return entries(world.engine, book, kind)[-1]


def balance(world: World, book: int) -> int:
    found = row(world.engine, book)
    return int(found.current_year + found.carried_over)


def of_month(world: World, book: int) -> int:
    with world.engine.connect() as connection:
        return sum(one.fen for one in credited(connection, book, MONTH, MONTH).values())


@pytest.mark.parametrize("make", [straight, retired])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_it_is_reversed_however_often_it_was_gone_and_came(world: World, make: Make, times: int) -> None:
    book = account(world)
    credit = world.one(make(book))
    for _ in range(times):
        died(world, book)
        went = last(world, book, Kind.CREDIT_BACK)
        assert (told(world, credit), world.refusal(back(credit))) == (_name(went), R.ALREADY_REVERSED)
        lives(world, book)
        came = last(world, book, Kind.REVERSAL)
        assert (told(world, credit), told(world, went), told(world, came)) == (None, _name(came), None)
    assert (balance(world, book), of_month(world, book)) == (credit.amount_fen, credit.amount_fen)
    # it goes by its own name, as long as it lives
    assert world.refusal(ReverseEntry(book, came.seq, "x")) == R.NOT_REVERSIBLE
    done = world.one(back(credit))
    assert (balance(world, book), of_month(world, book)) == (0, 0)
    assert (done.target_seq, unpack(done.detail)["credit"], done.period) == (came.seq, credit.seq, MONTH)
    source = Side.POOLED_FUND if make is retired else Side.COLLECTION_CLEARING
    assert moves(world.engine, book, done.seq) == [(Side.CURRENT_YEAR, source, credit.amount_fen)]
    assert told(world, credit) == told(world, came) == done.name
    assert world.refusal(back(credit)) == R.ALREADY_REVERSED


def _name(entry: Any) -> str:
    return Receipt._make((entry.book_id, entry.seq, *[None] * 17)).name


@pytest.mark.parametrize("make", [straight, retired])
def test_its_document_makes_another_one_then_and_so_on(world: World, make: Make) -> None:
    book = account(world)
    first = world.one(make(book))
    assert world.refusal(make(book)) == R.DUPLICATE_SOURCE_REF
    died(world, book)
    lives(world, book)
    assert world.refusal(make(book)) == R.DUPLICATE_SOURCE_REF
    gone = world.one(back(first))
    second = world.one(make(book))
    assert second.target_seq == gone.seq
    assert world.refusal(make(book)) == R.DUPLICATE_SOURCE_REF
    assert world.refusal(back(first)) == R.ALREADY_REVERSED
    # and the second one has a life of its own
    died(world, book)
    assert balance(world, book) == 0
    lives(world, book)
    assert (told(world, first), told(world, second)) == (gone.name, None)
    again = world.one(back(second))
    assert (balance(world, book), told(world, second)) == (0, again.name)
    assert world.one(make(book)).target_seq == again.seq


@pytest.mark.parametrize("make", [straight, retired])
def test_a_death_after_it_finds_nothing_to_take_back(world: World, make: Make) -> None:
    book = account(world)
    credit = world.one(make(book))
    died(world, book)
    lives(world, book)
    done = world.one(back(credit))
    assert "back" not in unpack(died(world, book).detail)
    assert "again" not in unpack(lives(world, book).detail)
    assert (balance(world, book), told(world, credit)) == (0, done.name)


def test_it_goes_back_in_the_batch_in_which_it_came_again(world: World) -> None:
    book = account(world)
    credit = world.one(straight(book))
    outcomes = world.post(
        ReportDeath(book, DIED, "certificate"),
        back(credit),
        WithdrawDeath(book, "a namesake", "registry 7"),
        back(credit),
        straight(book),
        back(credit),
    )
    codes = [one.code if isinstance(one, Refused) else type(one) for one in outcomes]
    assert codes == [Posted, R.ALREADY_REVERSED, Posted, Posted, Posted, R.ALREADY_REVERSED]
    assert balance(world, book) == credit.amount_fen


def test_what_was_spent_of_it_holds_it_up_as_ever(world: World) -> None:
    """What was owed while the person counted as dead is owed no more, and the credit goes back whole."""
    book = account(world)
    credit = world.one(retired(book))
    spent = world.one(Spend(book, credit.amount_fen - 5, date(2026, 11, 1), "H0001", "s"))
    assert unpack(died(world, book).detail)["receivable"] == credit.amount_fen - 5
    lives(world, book)
    assert world.refusal(back(credit)) == R.INSUFFICIENT_BALANCE
    world.one(ReverseEntry(book, spent.seq, "never was"))
    done = world.one(back(credit))
    assert balance(world, book) == 0
    assert moves(world.engine, book, done.seq) == [(Side.CURRENT_YEAR, Side.POOLED_FUND, credit.amount_fen)]


@pytest.mark.parametrize("make", [straight, retired])
@pytest.mark.parametrize("posted", ["before the death", "before the withdrawal", "before the reversal"])
def test_a_year_end_between_leaves_it_to_what_was_carried(world: World, make: Make, posted: str) -> None:
    book, twin = account(world, (0, 50_000)), account(world, (0, 50_000))
    next_year = date(2027, 2, 1)
    credit, plain = world.one(make(book)), world.one(make(twin))

    def year_end(at: str) -> None:
        if at == posted:
            for one in (book, twin):
                world.one(PostInterest(one, 2026), today=next_year)

    year_end("before the death")
    died(world, book, today=next_year)
    year_end("before the withdrawal")
    lives(world, book, today=next_year)
    year_end("before the reversal")
    for one in (credit, plain):
        world.one(back(one), today=next_year)
    if posted != "before the withdrawal":
        assert balance(world, book) == balance(world, twin)
    assert row(world.engine, book).current_year == 0


def test_another_day_of_death_gives_it_again_as_well(world: World) -> None:
    book = account(world)
    credit = world.one(straight(book))
    died(world, book)
    world.one(CorrectDeath(book, date(2026, 10, 3), "judgment"))
    assert told(world, credit) is None
    done = world.one(back(credit))
    assert (balance(world, book), told(world, credit)) == (0, done.name)
    world.one(CorrectDeath(book, DIED, "judgment 2"))
    lives(world, book)
    assert balance(world, book) == 0


def test_its_enrolment_stays_until_it_is_taken_back(world: World) -> None:
    book = account(world)
    enrolment = last(world, book, Kind.ENROLMENT)
    credit = world.one(retired(book))
    died(world, book)
    lives(world, book)
    undo = ReverseEntry(book, enrolment.seq, "was no retiree")
    [no] = world.post(undo)
    assert isinstance(no, Refused)
    assert (no.code, no.facts) == (R.NOT_LAST, {"months": [], "entries": [credit.name]})
    world.one(back(credit))
    world.one(ReverseEntry(book, enrolment.seq, "was no retiree"))


def test_it_goes_back_while_its_holder_is_dead_and_joins_no_estate(world: World) -> None:
    """Reported again with a day after the month: the credit is in force, and still wrong."""
    book = account(world, (0, 1_000))
    credit = world.one(straight(book))
    died(world, book)
    lives(world, book)
    world.one(ReportDeath(book, date(2026, 10, 3), "certificate"))
    world.one(back(credit))
    divided = world.one(estate(world, book, [Heir("child", "王五")], TODAY))
    assert unpack(divided.detail)["balance"] == 1_000
    assert world.refusal(back(credit)) == R.ALREADY_REVERSED
