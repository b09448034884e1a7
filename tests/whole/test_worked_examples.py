"""The worked examples of the field, to the fen: a story, its steps, and what a clerk expects at the end.

Every step goes through a command and `post`, on the day it stands under. Interest is written as that of
carried_over + that of current_year.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import Engine

from ledger.accounts import year_end as year_end_module
from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.holds import Capture, Hold
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.accounts.year_end import YEAR_END
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.policy import PACKAGED_POLICIES, load_policy
from ledger.posting import Command, Outcome, Posted, Receipt
from ledger.posting.batches import Batch
from ledger.posting.left_out import left_out_of
from ledger.refusals import Refused
from tests.support.old_rows import as_before_the_bounds
from tests.support.people import AREA, Someone, World, id_number, noon
from tests.support.stories import Heir, entries, estate, fen, pockets, row, rows_of, shared_out, yuan


@dataclass
class Story:
    """One account, and what was seen of it so far."""

    world: World
    today: date = date.min
    book: int = 0
    seen: dict[str, str] = field(default_factory=dict)
    spent: list[Receipt] = field(default_factory=list)
    divided: Receipt | None = None

    def do(self, command: Command) -> Posted:
        return self.world.posted(command, today=self.today)

    def note_interest(self) -> None:
        for entry in entries(self.world.engine, self.book, Kind.INTEREST):
            parts = unpack(entry.detail)
            carried_over, current_year = yuan(parts["carried_over"]), yuan(parts["current_year"])
            self.seen[f"interest {entry.period}"] = f"{carried_over} + {current_year}"

    def note_end(self) -> None:
        self.note_interest()
        stands = pockets(self.world.engine, self.book, self.today)
        self.seen["current year"] = yuan(stands.current_year)
        self.seen["carried over"] = yuan(stands.carried_over)
        self.seen["balance"] = yuan(sum(stands))


Step = Callable[[Story], None]


def on(day: str, *steps: Step) -> Step:
    """What happened on one day."""

    def step(story: Story) -> None:
        story.today = date.fromisoformat(day)
        for one in steps:
            one(story)

    return step


def opens(current_year: str = "0.00", carried_over: str = "0.00") -> Step:
    def step(story: Story) -> None:
        balance = (fen(current_year), fen(carried_over))
        story.book = story.world.open(opened_on=story.today, opening=balance, today=story.today)

    return step


def credit(amount: str) -> Step:
    def step(story: Story) -> None:
        month = story.today.year * 100 + story.today.month
        story.do(Contribute(story.book, fen(amount), month, story.today, story.world.ref("c")))

    return step


def monthly(day: int, amount: str, *, year: int, months: int = 12) -> Step:
    """The same credit on the same day of every month."""

    def step(story: Story) -> None:
        for month in range(1, months + 1):
            on(f"{year}-{month:02d}-{day:02d}", credit(amount))(story)

    return step


def spend(amount: str, *, valued: str | None = None, take_available: bool = False) -> Step:
    def step(story: Story) -> None:
        day = story.today if valued is None else date.fromisoformat(valued)
        receipt = story.do(
            Spend(story.book, fen(amount), day, "H0001", story.world.ref("s"), take_available)
        ).receipt
        story.spent.append(receipt)
        story.seen["account paid"] = yuan(receipt.amount_fen)
        story.seen["cash"] = yuan(unpack(receipt.detail).get("cash_rest", 0))

    return step


def hold(amount: str) -> Step:
    def step(story: Story) -> None:
        until = noon(story.today) + timedelta(days=3)
        story.do(Hold(story.book, fen(amount), until, "H0001", story.world.ref("h")))

    return step


def reverse_the_visit(story: Story) -> None:
    posted = story.do(Reverse(story.book, story.spent[-1].seq, "wrong patient"))
    again = [other for other in posted.others if other.kind is Kind.ESTATE]
    if again:
        story.seen["shares"] = ", ".join(shared_out(again[0]))


def year_end(year: int) -> Step:
    def step(story: Story) -> None:
        close_year(story.world, year, story.today)

    return step


def dies(story: Story) -> None:
    story.do(ReportDeath(story.book, story.today, "certificate"))


def heirs(*relations: str) -> Step:
    """The estate is divided in equal shares; no heir has an account, each is younger than the one before."""

    def step(story: Story) -> None:
        people = [
            Heir(relation, Someone(id_number(place, born=date(1950 + place, 1, 1)), f"heir {place}"))
            for place, relation in enumerate(relations)
        ]
        receipt = story.do(estate(story.world, story.book, people, story.today)).receipt
        story.seen["shares"] = ", ".join(shared_out(receipt))
        story.seen["divided"] = yuan(receipt.amount_fen)

    return step


def year_ended(world: World, year: int, today: date) -> Batch:
    """Run the year end."""
    with world.engine.connect() as connection:
        return YEAR_END.run(connection, year, AREA, lambda: (noon(today), today), world.policies)


def close_year(world: World, year: int, today: date) -> int:
    """Run the year end; how many accounts it has posted to in all its runs."""
    return year_ended(world, year, today).done


@dataclass(frozen=True)
class Example:
    name: str
    story: str
    steps: Sequence[Step]
    expected: dict[str, str]
    # an area that decided otherwise than the example area: (what the file says, what it says instead)
    otherwise: tuple[str, str] | None = None


_PY_10_000_IN_2025 = (on("2025-01-01", opens(carried_over="10,000.00")), on("2026-01-04", year_end(2025)))
_TWO_POCKETS = (
    on("2026-01-01", opens(carried_over="2,000.00"), credit("500.00")),
    on("2026-04-01", spend("400.00")),
    on("2027-01-04", year_end(2026)),
)
_DEAD_IN_SEPTEMBER = (
    # the 200.00 that a hospital took on the first day is what comes back in E59
    on("2026-01-01", opens(carried_over="8,200.00"), spend("200.00")),
    monthly(15, "160.00", year=2026, months=8),
    on("2026-09-02", dies),
    on("2026-10-20", heirs("spouse", "child", "child")),
)
_A_YEAR_OF_CREDITS = (
    on("2025-01-01", opens(carried_over="1,000.00")),
    monthly(20, "160.00", year=2025),
)

EXAMPLES = [
    Example(
        "E18",
        "10,000.00 carried over lie there all of 2025",
        _PY_10_000_IN_2025,
        {"interest 2025": "111.53 + 0.00", "carried over": "10,111.53", "current year": "0.00"},
    ),
    Example(
        "E18, basis 365",
        "the same where the area divides by 365 days",
        _PY_10_000_IN_2025,
        {"interest 2025": "110.00 + 0.00", "carried over": "10,110.00"},
        otherwise=('value = "360"', 'value = "365"'),
    ),
    Example(
        "E19",
        "10,000.00 carried over all of 2026: 181 days at 1.10 %, 184 days at 0.65 %",
        (on("2026-01-01", opens(carried_over="10,000.00")), on("2027-01-04", year_end(2026))),
        {"interest 2026": "88.53 + 0.00", "carried over": "10,088.53"},
    ),
    Example(
        "E20",
        "160.00 come in on the 15th of every month of 2026",
        (on("2026-01-01", opens()), monthly(15, "160.00", year=2026), on("2027-01-04", year_end(2026))),
        {"interest 2026": "0.00 + 1.60", "carried over": "1,921.60", "current year": "0.00"},
    ),
    Example(
        "E21",
        "two years of credits on the 20th, with two visits",
        (
            on("2025-01-01", opens(carried_over="5,000.00")),
            *[on(f"2025-{month:02d}-20", credit("160.00")) for month in range(1, 6)],
            on("2025-06-10", spend("300.00")),
            *[on(f"2025-{month:02d}-20", credit("160.00")) for month in range(6, 13)],
            on("2026-01-04", year_end(2025)),
            *[on(f"2026-{month:02d}-20", credit("160.00")) for month in (1, 2)],
            on("2026-03-05", spend("1,000.00")),
            *[on(f"2026-{month:02d}-20", credit("160.00")) for month in range(3, 13)],
            on("2027-01-04", year_end(2026)),
        ),
        {"interest 2025": "55.76 + 2.75", "interest 2026": "54.41 + 1.01", "carried over": "7,653.93"},
    ),
    Example(
        "E22",
        "5,000.00 carried over, divided on 20 August 2026: interest to the 19th",
        (
            on("2026-01-01", opens(carried_over="5,000.00")),
            on("2026-08-10", dies),
            on("2026-08-20", heirs("spouse")),
        ),
        {"interest 2026": "32.17 + 0.00", "divided": "5,032.17", "balance": "0.00"},
    ),
    Example(
        "E23, current year first",
        "2,000.00 carried over and 500.00 of this year, 400.00 spent on 1 April",
        _TWO_POCKETS,
        {"interest 2026": "17.71 + 0.58", "carried over": "2,118.29"},
    ),
    Example(
        "E23, carried over first",
        "the same where the area takes old money first",
        _TWO_POCKETS,
        {"interest 2026": "15.26 + 1.14", "carried over": "2,116.40"},
        otherwise=('value = "current_year_first"', 'value = "carried_over_first"'),
    ),
    Example(
        "E24, one yuan",
        "1.00 carried over all of 2025",
        (on("2025-01-01", opens(carried_over="1.00")), on("2026-01-04", year_end(2025))),
        {"interest 2025": "0.01 + 0.00", "balance": "1.01"},
    ),
    Example(
        "E24, leap year",
        "10,000.00 carried over all of 2028, 366 days",
        (on("2028-01-01", opens(carried_over="10,000.00")), on("2029-01-04", year_end(2028))),
        {"interest 2028": "66.08 + 0.00", "balance": "10,066.08"},
    ),
    Example(
        "E36",
        "500.00 of which 120.00 are held; a deductible bill of 450.00",
        (
            on(
                "2026-03-02",
                opens(current_year="500.00"),
                hold("120.00"),
                spend("450.00", take_available=True),
            ),
        ),
        {"account paid": "380.00", "cash": "70.00", "balance": "120.00"},
    ),
    Example(
        "E49",
        "1,000.00 to spouse and two children",
        (on("2026-05-04", opens(carried_over="1,000.00"), dies, heirs("child", "spouse", "child")),),
        {"shares": "333.33, 333.34, 333.33", "balance": "0.00"},
    ),
    Example(
        "E50",
        "1,000.03 to four equal heirs",
        (on("2026-05-04", opens(carried_over="1,000.03"), dies, heirs("child", "child", "child", "parent")),),
        {"shares": "250.01, 250.01, 250.01, 250.00"},
    ),
    Example(
        "E52",
        "0.02 to three heirs",
        (on("2026-05-04", opens(carried_over="0.02"), dies, heirs("spouse", "child", "parent")),),
        {"shares": "0.01, 0.01, 0.00"},
    ),
    Example(
        "E57",
        "8,000.00 carried over, 160.00 a month to August; death on 2 September, payout on 20 October",
        _DEAD_IN_SEPTEMBER,
        {
            "interest 2026": "60.28 + 1.23",
            "divided": "9,341.51",
            "shares": "3,113.84, 3,113.84, 3,113.83",
            "balance": "0.00",
        },
    ),
    Example(
        "E59",
        "after that payout the hospital gives 200.00 back: the same heirs get it",
        (*_DEAD_IN_SEPTEMBER, on("2026-12-01", reverse_the_visit)),
        {"shares": "66.67, 66.67, 66.66", "balance": "0.00"},
    ),
    Example(
        "E61",
        "300.00 settled on 20 December 2025 come back on 10 February 2026, after the year end",
        (
            *_A_YEAR_OF_CREDITS,
            on("2025-12-20", spend("300.00")),
            on("2026-01-04", year_end(2025)),
            on("2026-02-10", reverse_the_visit),
            on("2027-01-04", year_end(2026)),
        ),
        {
            "interest 2025": "11.15 + 3.32",
            "interest 2026": "25.61 + 0.00",
            "carried over": "2,960.08",
            "current year": "0.00",
        },
    ),
    Example(
        "E61, before the new year's interest",
        "what was carried into 2026 before the visit came back",
        (*_A_YEAR_OF_CREDITS, on("2025-12-20", spend("300.00")), on("2026-01-04", year_end(2025))),
        {"carried over": "2,634.47"},
    ),
    Example(
        "late bill",
        "30.00 of June 2025 are billed in January 2026, when all that was carried over is spent: they count"
        " as taken from the old money in June, and are paid by the new",
        (
            on("2025-01-01", opens(carried_over="100.00")),
            on("2026-01-05", spend("100.00")),
            on("2026-01-06", credit("50.00")),
            on("2026-01-08", spend("30.00", valued="2025-06-30")),
            on("2026-01-20", year_end(2025)),
        ),
        # 100.00 for 180 days, 70.00 for 185
        {"interest 2025": "0.95 + 0.00", "current year": "20.00", "carried over": "0.95"},
    ),
    Example(
        "E61 without the visit",
        "the same two years when nobody went to the hospital",
        (*_A_YEAR_OF_CREDITS, on("2026-01-04", year_end(2025)), on("2027-01-04", year_end(2026))),
        {"carried over": "2,960.48"},
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_example(example: Example, fresh_engine: Engine) -> None:
    story = Story(World(fresh_engine))
    if example.otherwise is not None:
        story.world.policies = {AREA: area_that_says(*example.otherwise)}
    for step in example.steps:
        step(story)
    story.note_end()
    assert {what: story.seen[what] for what in example.expected} == example.expected


def area_that_says(written: str, instead: str) -> object:
    """The example area's policy with one thing decided otherwise."""
    text = (PACKAGED_POLICIES / f"{AREA}.toml").read_text(encoding="utf-8")
    assert text.count(written) == 1, "the example area's file changed: say anew what the variant replaces"
    return load_policy(text.replace(written, instead), "variant.toml")


def test_e25_a_second_year_end_posts_nothing(fresh_engine: Engine) -> None:
    world = World(fresh_engine)
    account = world.open(opened_on=date(2025, 1, 1), opening=(0, fen("10,000.00")), today=date(2025, 1, 1))
    first = close_year(world, 2025, date(2026, 1, 4))
    after_first, rows = row(fresh_engine, account), rows_of(fresh_engine, "transfer")
    posted = len(entries(fresh_engine, account))
    second = close_year(world, 2025, date(2026, 1, 5))
    assert (first, second) == (1, 1)
    assert row(fresh_engine, account) == after_first
    assert rows_of(fresh_engine, "transfer") == rows
    assert len(entries(fresh_engine, account)) == posted
    assert len(entries(fresh_engine, account, Kind.INTEREST)) == 1


def test_an_account_from_before_all_rates_keeps_nobody_elses_interest(
    fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(year_end_module, "CHUNK", 2)
    world = World(fresh_engine)
    opened = [world.open(opened_on=date(2025, 1, 1), opening=(0, 10**6)) for _ in range(9)]
    with as_before_the_bounds():
        too_old = world.open(opened_on=date(1999, 12, 31), opening=(0, 10**6))
    batch = year_ended(world, 2025, date(2026, 1, 4))
    assert [(one.book_id, one.code) for one in left_out_of(batch.detail)] == [(too_old, "rates_missing")]
    assert {len(entries(fresh_engine, book, Kind.INTEREST)) for book in opened} == {1}
    assert entries(fresh_engine, too_old, Kind.INTEREST) == []
    # and what is asked of a day without rules is a refusal, not a fault
    hold = world.one(Hold(too_old, 100, world.now + timedelta(days=1), "H0001", "h")).seq
    assert world.refusal(Capture(too_old, hold, 50, date(1999, 12, 31), "c")) == "rates_missing"


# -- E62: two debits of 80.00 at once, 100.00 there ------------------------------------------------------


def test_e62_settlements_take_what_is_there(engine: Engine) -> None:
    world = World(engine)
    account = world.open(opening=(fen("100.00"), 0))
    outcomes = world.post(*_two_debits(world, account, take_available=True))
    assert sorted(_paid_and_cash(outcomes)) == [("20.00", "60.00"), ("80.00", "0.00")]
    assert sum(pockets(engine, account, world.today)) == 0


def test_e62_exact_debits_are_one_taken_and_one_refused(engine: Engine) -> None:
    world = World(engine)
    account = world.open(opening=(fen("100.00"), 0))
    outcomes = world.post(*_two_debits(world, account, take_available=False))
    assert _answers(outcomes) == ["insufficient_balance", "posted"]
    assert sum(pockets(engine, account, world.today)) == fen("20.00")


@pytest.mark.postgres
@pytest.mark.parametrize("round_", range(5))
def test_e62_settlements_really_at_once(round_: int, engine: Engine) -> None:
    world = World(engine)
    account = world.open(opening=(fen("100.00"), 0))
    outcomes = _at_once(world, _two_debits(world, account, take_available=True))
    assert sorted(_paid_and_cash(outcomes)) == [("20.00", "60.00"), ("80.00", "0.00")]
    assert sum(pockets(engine, account, world.today)) == 0


@pytest.mark.postgres
@pytest.mark.parametrize("round_", range(5))
def test_e62_exact_debits_really_at_once(round_: int, engine: Engine) -> None:
    world = World(engine)
    account = world.open(opening=(fen("100.00"), 0))
    outcomes = _at_once(world, _two_debits(world, account, take_available=False))
    assert _answers(outcomes) == ["insufficient_balance", "posted"]
    assert sum(pockets(engine, account, world.today)) == fen("20.00")


def _two_debits(world: World, account: int, *, take_available: bool) -> list[Spend]:
    return [
        Spend(account, fen("80.00"), world.today, "H0001", world.ref("s"), take_available) for _ in range(2)
    ]


def _at_once(world: World, commands: Sequence[Command]) -> list[Outcome]:
    """Each command on a connection of its own, all let go at the same moment."""
    start = threading.Barrier(len(commands))
    outcomes: list[Outcome] = []

    def call(command: Command) -> None:
        start.wait()
        outcomes.extend(world.post(command))

    threads = [threading.Thread(target=call, args=(command,)) for command in commands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def _paid_and_cash(outcomes: Sequence[Outcome]) -> list[tuple[str, str]]:
    assert all(isinstance(outcome, Posted) for outcome in outcomes), outcomes
    receipts = [outcome.receipt for outcome in outcomes if isinstance(outcome, Posted)]
    return [(yuan(one.amount_fen), yuan(unpack(one.detail).get("cash_rest", 0))) for one in receipts]


def _answers(outcomes: Sequence[Outcome]) -> list[str]:
    return sorted(
        outcome.code if isinstance(outcome, Refused) else "posted" if isinstance(outcome, Posted) else "?"
        for outcome in outcomes
    )


# -- E63: the same message three times -------------------------------------------------------------------


def test_e63_the_same_message_three_times_is_one_posting(engine: Engine) -> None:
    world = World(engine)
    account = world.open(opening=(fen("100.00"), 0))
    message = Spend(account, fen("80.00"), world.today, "H0001", "bill-1", key="H0001-20261121-0001")
    later = world.now
    answers = []
    for _ in range(3):
        later += timedelta(seconds=7)
        answers.append(world.posted(message, now=later))
    assert [answer.replayed for answer in answers] == [False, True, True]
    assert answers[0].receipt == answers[1].receipt == answers[2].receipt
    assert len(entries(engine, account, Kind.SPENDING)) == 1
    assert sum(pockets(engine, account, world.today)) == fen("20.00")


def test_e63_the_same_message_with_another_amount_is_a_conflict(engine: Engine) -> None:
    world = World(engine)
    account = world.open(opening=(fen("100.00"), 0))
    message = Spend(account, fen("80.00"), world.today, "H0001", "bill-1", key="H0001-20261121-0001")
    world.one(message)
    assert world.refusal(replace(message, amount_fen=fen("8.00"))) == "idempotency_key_reused"
    assert sum(pockets(engine, account, world.today)) == fen("20.00")


def test_e63_the_answer_outlives_the_rules_that_would_refuse_it_now(engine: Engine) -> None:
    """A replay is answered before any rule: the person died since, and the day lies in a closed year."""
    world = World(engine)
    account = world.open(opening=(0, fen("100.00")))
    message = Spend(account, fen("80.00"), world.today, "H0001", "bill-1", key="k")
    first = world.posted(message)
    world.one(ReportDeath(account, world.today - timedelta(days=9), "certificate"))
    much_later: datetime = world.now + timedelta(days=800)
    again = world.posted(message, now=much_later)
    assert again.replayed
    assert again.receipt == first.receipt
