"""Interest that was posted by wrong rates: the difference, year by year, and once (K5, R48)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger import reports
from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.freezes import Freeze
from ledger.accounts.holds import Hold
from ledger.accounts.interest_corrections import CorrectInterest, interest_differences
from ledger.accounts.interest_history import read_history
from ledger.accounts.spending import Spend
from ledger.accounts.year_end import PostInterest
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.corrections.asked import Correction, CorrectionKind
from ledger.corrections.years import CorrectedYears, interest_steps
from ledger.estates.merging import MergeAccounts
from ledger.policy import PACKAGED_POLICIES, Policy, load_policy
from ledger.posting import Posted, Receipt
from ledger.refusals import RefusalCode
from ledger.verify import verify
from tests.support.approvals import asks_nobody
from tests.support.people import AREA, SomeoneFactory, World
from tests.support.stories import Heir, estate, fen, yuan

R = RefusalCode
TODAY = date(2027, 3, 1)


@pytest.fixture(scope="module", autouse=True)
def consistent(engine: Engine) -> Iterator[None]:
    yield
    assert [str(one) for one in verify(engine).findings] == []


def with_rate(rate: str) -> Policy:
    """The example area with another three-month rate from the first day on, for all years."""
    text = (PACKAGED_POLICIES / f"{AREA}.toml").read_text(encoding="utf-8")
    blocks = text.split("[[parameter]]")
    for place, block in enumerate(blocks):
        if 'name = "interest.three_month"' in block:
            blocks[place] = re.sub(r'value = "[0-9.]+"', f'value = "{rate}"', block, count=1)
    return load_policy("[[parameter]]".join(blocks), "rates.toml")


@pytest.fixture
def world(engine: Engine) -> Iterator[World]:
    made = World(engine)
    right = made.policies
    yield made
    made.policies = right
    assert made.policies is right


@pytest.fixture
def asked(world: World) -> Iterator[World]:
    """The same, where nobody else is asked for."""
    right = world.policies
    yield asks_nobody(world)
    world.policies = right


def correct(world: World, book: int, first: int, last: int, **more: Any) -> CorrectInterest:
    return CorrectInterest(book, first, last, "wrong rates", **more)


def posted_wrongly(world: World, rate: str, years: tuple[int, ...] = (2025, 2026), **opening: Any) -> int:
    """An account with 10,000.00 carried over since 2025, whose years were posted by another rate."""
    right = world.policies
    opening.setdefault("opening", (0, fen("10,000.00")))
    book = world.open(opening.pop("someone", None), opened_on=date(2025, 1, 1), **opening)
    world.policies = {**right, AREA: with_rate(rate)}
    for year in years:
        world.one(PostInterest(book, year), today=date(year + 1, 1, 10))
    world.policies = right
    # and they are in force again
    assert world.policies[AREA].hash == right[AREA].hash
    return book


def corrections(world: World, book: int) -> list[Receipt]:
    with world.engine.connect() as connection:
        return reports.entries(connection, book, kind=Kind.INTEREST_CORRECTION, limit=100)


def balance(world: World, book: int) -> int:
    with world.engine.connect() as connection:
        return reports.balance(connection, book, now=world.now, today=TODAY).balance


# What 10,000.00 earn by the rates of the area: 2025 E18, 111.53; 2026 by E19's rates on 10,111.53
RIGHT_2025, RIGHT_2026 = "111.53", "89.52"


def test_too_little_is_posted_year_by_year(world: World) -> None:
    book = posted_wrongly(world, "0.0000")
    receipt = world.one(correct(world, book, 2025, 2026), today=TODAY)
    first, second = corrections(world, book)
    assert [yuan(one.amount_fen) for one in (first, second)] == [RIGHT_2025, RIGHT_2026]
    assert first.transfers == ((Side.FUND_INTEREST, Side.CARRIED_OVER, fen(RIGHT_2025), None),)
    assert [(one.period, one.effective_on, one.fact_on) for one in (first, second)] == [
        (2025, TODAY, date(2025, 12, 31)),
        (2026, TODAY, date(2026, 12, 31)),
    ]
    assert unpack(receipt.detail)["years"] == [
        [2025, fen(RIGHT_2025), first.seq],
        [2026, fen(RIGHT_2026), second.seq],
    ]
    assert world.refusal(correct(world, book, 2025, 2026), today=TODAY) is R.NOTHING_TO_CORRECT
    assert world.refusal(correct(world, book, 2026, 2026), today=TODAY) is R.NOTHING_TO_CORRECT


def test_year_after_year_gives_what_both_at_once_give(world: World) -> None:
    book = posted_wrongly(world, "0.0000")
    world.one(correct(world, book, 2025, 2025), today=TODAY)
    world.one(correct(world, book, 2026, 2026), today=date(2027, 4, 1))
    assert [yuan(one.amount_fen) for one in corrections(world, book)] == [RIGHT_2025, RIGHT_2026]


def test_too_much_is_taken_back(world: World) -> None:
    book = posted_wrongly(world, "0.0300")
    before = balance(world, book)
    world.one(correct(world, book, 2025, 2026), today=TODAY)
    first, second = corrections(world, book)
    assert first.transfers[0][:2] == (Side.CARRIED_OVER, Side.FUND_INTEREST)
    assert balance(world, book) == fen("10,000.00") + fen(RIGHT_2025) + fen(RIGHT_2026)
    assert balance(world, book) == before - first.amount_fen - second.amount_fen
    assert world.refusal(correct(world, book, 2025, 2026), today=TODAY) is R.NOTHING_TO_CORRECT


def test_what_is_not_there_is_taken_when_it_is(world: World) -> None:
    book = posted_wrongly(world, "0.0300", (2025,))
    there = balance(world, book)
    world.one(Spend(book, there - 1_000, date(2026, 3, 1), "H0001", world.ref()), today=date(2026, 3, 1))
    first = world.one(correct(world, book, 2025, 2025), today=TODAY)
    wrong = unpack(first.detail)["posted"] - fen(RIGHT_2025)
    assert (first.amount_fen, unpack(first.detail)["left"]) == (1_000, 1_000 - wrong)
    assert world.refusal(correct(world, book, 2025, 2025), today=TODAY) is R.NOTHING_TO_CORRECT
    world.one(Contribute(book, 100_000, 202702, TODAY, world.ref()), today=TODAY)
    rest = world.one(correct(world, book, 2025, 2025), today=TODAY)
    assert (rest.amount_fen, unpack(rest.detail).get("left")) == (wrong - 1_000, None)


def test_what_was_right_is_left_alone(world: World) -> None:
    book = world.open(opened_on=date(2025, 1, 1), opening=(0, 1_000_000))
    world.one(PostInterest(book, 2025), today=date(2026, 1, 10))
    assert world.refusal(correct(world, book, 2025, 2025), today=TODAY) is R.NOTHING_TO_CORRECT


@pytest.mark.parametrize(("first", "last"), [(2024, 2025), (2025, 2026), (2026, 2025), (2026, 2026)])
def test_a_year_that_is_not_posted_is_none(world: World, first: int, last: int) -> None:
    book = posted_wrongly(world, "0.0000", (2025,))
    assert world.refusal(correct(world, book, first, last), today=TODAY) is R.PERIOD_INVALID


def test_after_the_estate_too_little_goes_to_the_heirs_and_too_much_is_left(world: World) -> None:
    for rate, owed in (("0.0000", True), ("0.0300", False)):
        book = posted_wrongly(world, rate, (2025,))
        world.one(ReportDeath(book, date(2026, 6, 1), "certificate"), today=date(2026, 6, 2))
        world.one(estate(world, book, [Heir("child", "王伟")], date(2026, 9, 1)), today=date(2026, 9, 1))
        outcome = world.post(correct(world, book, 2025, 2025), today=TODAY)[0]
        assert isinstance(outcome, Posted) is owed
        if isinstance(outcome, Posted):
            assert yuan(outcome.receipt.amount_fen) == RIGHT_2025
            assert any(one.kind is Kind.ESTATE for one in outcome.others)
        assert balance(world, book) == 0


# -- of an account that went into another one ----------------------------------------------------------------


def went_into_another(world: World, rate: str) -> tuple[int, int]:
    """The account that stays, with 500.00, and one whose 2025 was posted by another rate: merged since."""
    book = posted_wrongly(world, rate, (2025,), someone=SomeoneFactory(name="张三"))
    day = date(2026, 6, 1)
    older = world.open(SomeoneFactory(name="张三"), opened_on=date(2024, 1, 1), opening=(0, 50_000))
    world.one(MergeAccounts(book, older, "finding"), today=day)
    return older, book


@pytest.mark.parametrize("rate", ["0.0000", "0.0300"])
def test_after_a_merger_the_account_that_stays_gets_it_or_gives_it(asked: World, rate: str) -> None:
    world = asked
    older, book = went_into_another(world, rate)
    before = balance(world, older)
    done = world.one(correct(world, book, 2025, 2025), today=TODAY)
    [[year, difference, _seq]] = unpack(done.detail)["years"]
    assert year == 2025
    assert difference == fen(RIGHT_2025) - unpack(done.detail)["posted"]
    assert (difference > 0) == (rate == "0.0000")
    assert balance(world, older) == before + difference
    assert balance(world, book) == 0
    assert world.refusal(correct(world, book, 2025, 2025), today=TODAY) is R.NOTHING_TO_CORRECT


def test_after_a_merger_it_is_taken_as_far_as_it_is_there(asked: World) -> None:
    world = asked
    older, book = went_into_another(world, "0.0300")
    world.one(Freeze(older, "court", "paper", date(2027, 2, 1), date(2027, 3, 31)), today=TODAY)
    assert world.refusal(correct(world, book, 2025, 2025), today=TODAY) is R.ACCOUNT_FROZEN
    later = date(2027, 4, 1)
    there = balance(world, older)
    world.one(Spend(older, there - 1_000, later, "H0001", world.ref()), today=later)
    [step] = planned(world, book)
    # the year of the merger went by what the year before had too much
    assert [(line.period, line.code) for line in step.lines] == [
        (2025, None), (2026, "insufficient_balance")
    ]  # fmt: skip
    assert step.lines[0].difference == -1_000
    first = world.one(correct(world, book, 2025, 2025), today=later)
    wrong = unpack(first.detail)["posted"] - fen(RIGHT_2025)
    assert (first.amount_fen, unpack(first.detail)["left"]) == (1_000, 1_000 - wrong)
    assert balance(world, older) == balance(world, book) == 0


def planned(world: World, book: int) -> list[CorrectedYears]:
    """What a mass correction of the interest would post of one account."""
    asked_for = Correction(
        kind=CorrectionKind.PARAMETER,
        area=AREA,
        first=date(2025, 1, 1),
        last=date(2025, 12, 31),
        reason="published anew",
        parameter="interest.three_month",
    )
    with world.engine.connect() as connection:
        steps = list(interest_steps(connection, asked_for, world.policies[AREA], "c", "a"))
    return [one for step in steps for one in step if {line.account_id for line in one.lines} == {book}]


def test_after_a_merger_heirs_are_asked_for_nothing(asked: World) -> None:
    world = asked
    older, book = went_into_another(world, "0.0300")
    world.one(ReportDeath(older, date(2026, 6, 1), "certificate"), today=date(2026, 6, 2))
    world.one(estate(world, older, [Heir("child", "王伟")], date(2026, 9, 1)), today=date(2026, 9, 1))
    assert world.refusal(correct(world, book, 2025, 2025), today=TODAY) is R.NOTHING_TO_CORRECT
    [step] = planned(world, book)
    assert [line.code for line in step.lines] == ["account_closed"]


@pytest.mark.parametrize("left", ["0.00", "50.00", "250.00"])
def test_what_is_there_is_shown_before_as_it_is_posted(world: World, left: str) -> None:
    """Of too much interest so much is taken as is available: what is held stays, and years share the rest."""
    book = posted_wrongly(world, "0.0300")
    day = date(2027, 2, 1)
    before = balance(world, book)
    expires = datetime(2027, 6, 1, tzinfo=UTC)
    world.one(Hold(book, fen("300.00"), expires, "P0001", world.ref()), today=day)
    spent = before - fen("300.00") - fen(left)
    world.one(Spend(book, spent, day, "H0001", world.ref()), today=day)
    with world.engine.connect() as connection:
        found = interest_differences(
            read_history(connection, [book])[book],
            (2025, 2026),
            opened_on=date(2025, 1, 1),
            paid_out=None,
            policy=world.policies[AREA],
            available=fen(left),
            is_closed=False,
        )
    shown = {one.year: taken for one, taken in found if taken}
    assert sum(shown.values()) == -fen(left)
    if shown:
        posted = unpack(world.one(correct(world, book, 2025, 2026), today=TODAY).detail)["years"]
        assert {year: taken for year, taken, _seq in posted} == shown
    else:
        assert world.refusal(correct(world, book, 2025, 2026), today=TODAY) is R.NOTHING_TO_CORRECT
