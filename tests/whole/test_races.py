"""Many callers at once, on PostgreSQL: nobody overdraws, nothing happens twice, nobody is told a lie."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select

from ledger import tables
from ledger.accounts import year_end
from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.database.engines import connect
from ledger.posting import BookRef, Command, Desk, Outcome, Posted
from ledger.posting.batches import Batch
from ledger.posting.writer import SHARE_MAX, Overloaded, Stopped, Writer
from ledger.refusals import Refused
from ledger.verify import verify
from tests.support.feed import taken_in
from tests.support.people import AREA, Someone, SomeoneFactory, World, noon
from tests.support.reference_ledger import ReferenceLedger
from tests.support.stories import Heir, entries, estate, pockets, row, shared_out

pytestmark = pytest.mark.postgres

NEW_YEAR = date(2026, 1, 1)


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


@contextmanager
def writers(world: World, count: int = 1) -> Iterator[list[Writer]]:
    """Writers as so many processes would have them: each with connections of its own."""
    engines = [connect(world.engine.url.render_as_string(hide_password=False)) for _ in range(count)]
    made = [Writer(engine, world.policies, lambda: (world.now, world.today)) for engine in engines]
    for writer in made:
        writer.start()
    try:
        yield made
    finally:
        for writer in made:
            writer.stop()
        for engine in engines:
            engine.dispose()


def at_once(world: World, calls: Sequence[Sequence[Command]]) -> list[list[Outcome]]:
    """Each batch on a connection of its own, all let go at the same moment."""
    start = threading.Barrier(len(calls))
    answers: dict[int, list[Outcome]] = {}

    def call(place: int) -> None:
        start.wait()
        answers[place] = world.post(*calls[place])

    run_all([threading.Thread(target=call, args=(place,)) for place in range(len(calls))])
    return [answers[place] for place in range(len(calls))]


def run_all(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextmanager
def before_commit(do: Callable[[], None]) -> Iterator[None]:
    """Do something in a writer's thread in the moment before it sends COMMIT."""

    def listener(_connection: object) -> None:
        if threading.current_thread().name == "ledger-writer":
            do()

    event.listen(Engine, "commit", listener)
    try:
        yield
    finally:
        event.remove(Engine, "commit", listener)


def told(command: Command) -> Command:
    command.caller, command.actor = command.caller or "test", command.actor or "tester"
    return command


def words(outcomes: Sequence[object]) -> Counter[str]:
    """How many were told what."""
    return Counter(_word(outcome) for outcome in outcomes)


def _word(outcome: object) -> str:
    if isinstance(outcome, Posted):
        return "replayed" if outcome.replayed else "posted" if outcome.created else "there already"
    return str(outcome.code) if isinstance(outcome, Refused) else type(outcome).__name__


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Whoever waits for an answer that never comes fails."""
    asyncio.run(asyncio.wait_for(story(), 300))


# -- one account, many callers ---------------------------------------------------------------------------

CALLERS, ENOUGH_FOR, EACH = 64, 23, 130


@pytest.mark.parametrize("processes", [1, 3])
def test_of_64_callers_as_many_are_paid_as_there_is_money_for(processes: int, world: World) -> None:
    account = world.open(opened_on=NEW_YEAR, opening=(EACH * ENOUGH_FOR, 0))
    spends = [
        told(Spend(account, EACH, world.today, "H0001", f"s-{n}", key=f"k-{n}")) for n in range(CALLERS)
    ]

    async def story() -> None:
        with writers(world, processes) as several:
            outcomes = await asyncio.gather(
                *[several[place % processes].post(spend) for place, spend in enumerate(spends)]
            )
            assert words(outcomes) == {"posted": ENOUGH_FOR, "insufficient_balance": CALLERS - ENOUGH_FOR}
            # the paid ones ask again, and hear the same
            again = await asyncio.gather(*[several[0].post(spend) for spend in spends])
            assert words(again) == {"replayed": ENOUGH_FOR, "insufficient_balance": CALLERS - ENOUGH_FOR}
            assert receipts(outcomes) == receipts(again)

    run(story)
    assert pockets(world.engine, account, world.today) == (0, 0)
    assert len(entries(world.engine, account, Kind.SPENDING)) == ENOUGH_FOR


def test_of_64_connections_as_many_are_paid_as_there_is_money_for(world: World) -> None:
    account = world.open(opened_on=NEW_YEAR, opening=(EACH * ENOUGH_FOR, 0))
    calls = [[Spend(account, EACH, world.today, "H0001", f"s-{n}")] for n in range(CALLERS)]
    pooled = connect(world.engine.url.render_as_string(hide_password=False), pool_size=32)
    try:
        outcomes = [answers[0] for answers in at_once(_over(world, pooled), calls)]
    finally:
        pooled.dispose()
    assert words(outcomes) == {"posted": ENOUGH_FOR, "insufficient_balance": CALLERS - ENOUGH_FOR}
    assert pockets(world.engine, account, world.today) == (0, 0)


def _over(world: World, engine: Engine) -> World:
    """The same world through other connections."""
    other = World(engine)
    other.now = world.now
    return other


def receipts(outcomes: Sequence[Outcome]) -> set[object]:
    return {outcome.receipt for outcome in outcomes if isinstance(outcome, Posted)}


def test_the_same_key_32_times_at_once_is_one_posting(world: World) -> None:
    account = world.open(opened_on=NEW_YEAR, opening=(10_000, 0))
    message = told(Spend(account, 130, world.today, "H0001", "bill", key="one"))

    async def story() -> None:
        with writers(world, 4) as several:
            outcomes = await asyncio.gather(*[several[n % 4].post(replace(message)) for n in range(32)])
        assert words(outcomes) == {"posted": 1, "replayed": 31}
        assert len(receipts(outcomes)) == 1

    run(story)
    assert sum(pockets(world.engine, account, world.today)) == 9_870


def test_the_same_key_at_once_on_several_connections_is_one_posting(world: World) -> None:
    account = world.open(opened_on=NEW_YEAR, opening=(10_000, 0))
    message = Spend(account, 130, world.today, "H0001", "bill", key="one")
    outcomes = [answers[0] for answers in at_once(world, [[replace(message)] for _ in range(16)])]
    assert words(outcomes) == {"posted": 1, "replayed": 15}
    assert len(receipts(outcomes)) == 1
    assert len(entries(world.engine, account)) == 2


def test_500_entries_reversed_twice_at_once_are_reversed_once(world: World) -> None:
    accounts = [world.open(opened_on=NEW_YEAR, opening=(10_000, 0)) for _ in range(25)]
    spends = [
        Spend(account, 100 + n, world.today, "H0001", f"s-{n}") for n in range(20) for account in accounts
    ]
    spent = [outcome.receipt for outcome in world.post(*spends) if isinstance(outcome, Posted)]
    assert len(spent) == 500
    # two callers, each with a key of its own for every entry, in different orders
    first = [told(Reverse(one.book_id, one.seq, "wrong", key=f"a-{one.seq}")) for one in spent]
    second = [told(Reverse(one.book_id, one.seq, "wrong", key=f"b-{one.seq}")) for one in reversed(spent)]

    async def story() -> None:
        with writers(world, 2) as (one, other):
            outcomes = await asyncio.gather(*map(one.post, first), *map(other.post, second))
        assert words(outcomes) == {"posted": 500, "already_reversed": 500}

    run(story)
    assert {pockets(world.engine, account, world.today) for account in accounts} == {(10_000, 0)}


def test_two_openings_of_a_new_number_at_once_are_one_account(world: World) -> None:
    for _ in range(10):
        someone = SomeoneFactory()
        calls = [[world.opening(someone, key=f"k-{n}")] for n in range(4)]
        outcomes = [answers[0] for answers in at_once(world, calls)]
        assert words(outcomes) == {"posted": 1, "there already": 3}
        assert len(receipts(outcomes)) == 1


def test_of_two_names_for_a_new_number_at_once_one_is_taken(world: World) -> None:
    for _ in range(5):
        someone = SomeoneFactory()
        calls = [[world.opening(someone, name=name)] for name in ("王一", "王二")]
        outcomes = [answers[0] for answers in at_once(world, calls)]
        assert words(outcomes) == {"posted": 1, "account_exists_other_person": 1}


# -- several books ---------------------------------------------------------------------------------------


def test_batches_that_want_the_same_books_in_other_orders_all_go_through(world: World) -> None:
    dice = random.Random(64)
    people = [SomeoneFactory() for _ in range(30)]
    accounts = [world.open(person, opened_on=NEW_YEAR, opening=(10**6, 0)) for person in people]
    # forty spends of 0.05 in accounts that are closed by now, with heirs at both ends of the locking order
    heirs = [person for _, person in sorted(zip(accounts, people, strict=True))]
    to_reverse = [*_closed(world, heirs[0]), *_closed(world, heirs[-1])]
    answers: list[Outcome] = []

    def caller(name: str) -> None:
        for _ in range(10):
            batch: list[Command] = [
                Spend(account, 1, world.today, "H0001", f"{name}-{len(answers)}-{account}")
                for account in dice.sample(accounts, 20)
            ]
            batch.append(world.opening(opened_on=NEW_YEAR))
            # finds out on its way that it needs the heir's account, and comes again with more locks
            batch += [Reverse(*to_reverse.pop(), "back") for _ in range(2) if to_reverse]
            dice.shuffle(batch)
            answers.extend(world.post(*batch))

    run_all([threading.Thread(target=caller, args=(f"caller {n}",)) for n in range(8)])
    assert words(answers) == {"posted": 8 * 10 * 21 + 40}
    left = sum(sum(pockets(world.engine, account, world.today)) for account in accounts)
    assert left == 30 * 10**6 - 8 * 10 * 20 + 40 * 5


def _closed(world: World, heir: Someone) -> list[tuple[int, int]]:
    """Twenty spends of 0.05 in an account that went to that heir since: (book, number)."""
    book = world.open(opened_on=world.today, opening=(100, 0))
    spends = [world.one(Spend(book, 5, world.today, "H0001", f"s-{n}")).seq for n in range(20)]
    world.one(ReportDeath(book, world.today, "certificate"))
    world.one(estate(world, book, [Heir("child", heir)], world.today))
    return [(book, seq) for seq in spends]


def test_an_estate_and_a_contribution_to_a_heir_at_once(world: World) -> None:
    for _ in range(8):
        heir = SomeoneFactory()
        hers = world.open(heir, opened_on=NEW_YEAR)
        dead = world.open(opened_on=world.today, opening=(1_001, 0))
        world.one(ReportDeath(dead, world.today, "certificate"))
        shares = estate(world, dead, [Heir("spouse", heir), Heir("child", "王五")], world.today)
        credits_ = [Contribute(hers, 7, 202611, world.today, f"c-{n}") for n in range(3)]
        outcomes = at_once(world, [[shares], *[[credit] for credit in credits_]])
        assert words([answers[0] for answers in outcomes]) == {"posted": 4}
        assert pockets(world.engine, hers, world.today) == (21, 501)
        assert row(world.engine, dead).stage == Stage.CLOSED


def test_an_estate_and_the_death_of_a_heir_at_once(world: World) -> None:
    """The share is in the heir's account and in the heir's own estate, or the dead inherit nothing."""
    for _ in range(8):
        heir = SomeoneFactory()
        hers = world.open(heir, opened_on=world.today)
        dead = world.open(opened_on=world.today, opening=(1_000, 0))
        world.one(ReportDeath(dead, world.today, "certificate"))
        first = estate(world, dead, [Heir("spouse", heir)], world.today)
        hers_ends = [
            ReportDeath(hers, world.today, "certificate"),
            estate(world, hers, [Heir("child", "王五")], world.today),
        ]
        (settled,), (_, second) = at_once(world, [[first], hers_ends])
        assert isinstance(second, Posted)
        if isinstance(settled, Posted):
            line = unpack(settled.receipt.detail)["heirs"][0]
            assert (line["paid_to"], shared_out(second.receipt)) == ("account", ["10.00"])
        else:
            assert words([settled]) == {"shares_invalid": 1}
            assert shared_out(second.receipt) == ["0.00"]
        assert pockets(world.engine, hers, world.today) == (0, 0)


# -- the year end beside traffic -------------------------------------------------------------------------


def test_the_year_end_beside_traffic_earns_what_a_quiet_one_would(
    fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Postings of 2026 before it, facts of 2025 before and after it, three callers while it runs."""
    monkeypatch.setattr(year_end, "CHUNK", 5)
    world = World(fresh_engine, now=noon(date(2026, 1, 9)))
    dice = random.Random(2025)
    accounts = [
        world.open(opened_on=date(2025, 1, 1), opening=(0, dice.randrange(10**6)), today=date(2025, 1, 1))
        for _ in range(80)
    ]
    runs: list[Batch] = []
    trouble: list[object] = []

    def traffic(name: str) -> None:
        mine = random.Random(name)
        for n in range(60):
            batch: list[Command] = []
            for account in mine.sample(accounts, 6):
                day = mine.choice([date(2026, 1, 5), date(2025, mine.randrange(1, 13), 20)])
                ref = f"{name}-{n}"
                if mine.random() < 0.6:
                    batch.append(Contribute(account, mine.randrange(1, 9_000), 202512, day, ref))
                else:
                    batch.append(Spend(account, mine.randrange(1, 9_000), day, "H0001", ref, True))
            trouble.extend(one for one in world.post(*batch) if not isinstance(one, Posted))

    def close() -> None:
        with fresh_engine.connect() as connection:
            runs.append(
                year_end.YEAR_END.run(
                    connection, 2025, AREA, lambda: (world.now, world.today), world.policies
                )
            )

    threads = [threading.Thread(target=traffic, args=(f"caller {n}",)) for n in range(3)]
    run_all([*threads, threading.Thread(target=close)])
    assert trouble == []
    close()
    assert [one.done for one in runs] == [80, 80]
    came = sum((_as_the_reference(world, account) for account in accounts), Counter[str]())
    # or else the traffic was over before the year end began, or came after it, and nothing was tried
    assert min(came[when] for when in ("in time", "too late", "of 2026 before the year end")) > 10, came
    taken_in(fresh_engine)
    assert verify(fresh_engine).findings == []


def _as_the_reference(world: World, account: int) -> Counter[str]:
    """Tell the account's own entries to the reference ledger, in their order; how many came when."""
    reference = ReferenceLedger()
    reference.now, reference.today = world.now, world.today
    first, *rest = entries(world.engine, account)
    reference.open(account, first.effective_on, first.current_year_after, first.carried_over_after)
    came = Counter[str]()
    for entry in rest:
        if entry.kind == Kind.INTEREST:
            reference.year_end(2025)
            parts = unpack(entry.detail)
            earned = parts["carried_over"] + parts["current_year"]
            assert earned == reference.accounts[account].interest[2025]
            continue
        # moves between the pockets are for a debit that comes after them
        if entry.kind in {Kind.CARRY_OVER, Kind.RECLASSIFICATION}:
            continue
        if entry.fact_on is not None:
            came["too late"] += 1
        elif entry.effective_on.year == 2025:
            came["in time"] += 1
        elif not reference.accounts[account].interest:
            came["of 2026 before the year end"] += 1
        fact = {"account": account, "on": entry.fact_on or entry.effective_on, "ref": entry.source_ref}
        with_amount = fact | {"amount": _amount(world, account, entry)}
        if entry.kind == Kind.CONTRIBUTION:
            answer = reference.ask(with_amount | {"verb": "contribute", "period": entry.period})
        else:
            rest_ = unpack(entry.detail).get("cash_rest", 0)
            asked = {"verb": "spend", "institution": "H0001", "take_available": bool(rest_)}
            answer = reference.ask(with_amount | asked | {"amount": with_amount["amount"] + rest_})
        assert not isinstance(answer, str), answer
        assert (answer.effective_on, answer.fact_on) == (entry.effective_on, entry.fact_on)
    assert pockets(world.engine, account, world.today) == reference.accounts[account].pockets(world.today)
    return came


def _amount(world: World, account: int, entry: Any) -> int:
    with world.engine.connect() as connection:
        amount = select(func.coalesce(func.sum(tables.transfer.c.amount_fen), 0)).where(
            tables.transfer.c.book_id == account, tables.transfer.c.seq == entry.seq
        )
        return int(connection.execute(amount).scalar_one())


# -- group commit ----------------------------------------------------------------------------------------


def test_an_outcome_is_told_only_after_commit(world: World) -> None:
    """Held up in the moment before COMMIT, nobody has heard anything and nobody else sees anything."""
    account = world.open(opened_on=NEW_YEAR)
    entered, go_on = threading.Event(), threading.Event()
    credits_ = [told(Contribute(account, 1, 202611, world.today, f"c-{n}")) for n in range(8)]

    def hold_up() -> None:
        entered.set()
        assert go_on.wait(120)

    async def story() -> None:
        with writers(world) as (writer,):
            # the first batch of a process also writes down callers and policy; then each has one commit
            await writer.post(told(Contribute(account, 1, 202611, world.today, "warm")))
            with before_commit(hold_up):
                tasks = [asyncio.ensure_future(writer.post(credit)) for credit in credits_]
                assert await asyncio.to_thread(entered.wait, 120)
                await asyncio.sleep(0.05)
                assert not any(task.done() for task in tasks)
                assert len(entries(world.engine, account, Kind.CONTRIBUTION)) == 1
                go_on.set()
                for task in tasks:
                    outcome = await task
                    assert isinstance(outcome, Posted)
                    # whoever has heard can see it
                    seen = await asyncio.to_thread(entries, world.engine, account)
                    assert outcome.receipt.seq in {entry.seq for entry in seen}

    run(story)


def test_what_arrives_together_is_committed_together(world: World) -> None:
    accounts = [world.open(opened_on=NEW_YEAR) for _ in range(100)]
    commits: list[None] = []

    async def story() -> None:
        with writers(world) as (writer,), before_commit(lambda: commits.append(None)):
            outcomes = await asyncio.gather(
                *[writer.post(told(Contribute(one, 1, 202611, world.today, "c"))) for one in accounts]
            )
            assert words(outcomes) == {"posted": 100}

    run(story)
    assert 0 < len(commits) < 10


def test_who_hangs_up_does_not_undo_the_command(world: World) -> None:
    account = world.open(opened_on=NEW_YEAR)

    async def story() -> None:
        with writers(world) as (writer,):
            impatient = asyncio.ensure_future(
                writer.post(told(Contribute(account, 5, 202611, world.today, "c-1")))
            )
            await asyncio.sleep(0)
            impatient.cancel()
            await asyncio.gather(impatient, return_exceptions=True)
            assert impatient.cancelled()
            # the writer is none the worse
            assert words([await writer.post(told(Contribute(account, 7, 202611, world.today, "c-2")))]) == {
                "posted": 1
            }

    run(story)
    assert sum(pockets(world.engine, account, world.today)) == 12


def test_more_than_can_wait_are_turned_away(world: World) -> None:
    account = world.open(opened_on=NEW_YEAR)

    def credit(ref: str) -> Command:
        return told(Contribute(account, 1, 202611, world.today, ref))

    async def story() -> None:
        writer = Writer(world.engine, world.policies, lambda: (world.now, world.today))
        waiting = [asyncio.ensure_future(writer.post(credit(f"c-{n}"))) for n in range(SHARE_MAX - 1)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await writer.post_chunk([credit("x-1"), credit("x-2")])
        last = asyncio.ensure_future(writer.post(credit("last")))
        await asyncio.sleep(0)
        assert writer.waiting == SHARE_MAX
        with pytest.raises(Overloaded):
            await writer.post(credit("x-3"))
        writer.start()
        assert words(await asyncio.gather(*waiting, last)) == {"posted": SHARE_MAX}
        assert writer.waiting == 0
        assert words([await writer.post(credit("x-3"))]) == {"posted": 1}
        writer.stop()
        with pytest.raises(Stopped):
            await writer.post(credit("x-4"))

    run(story)
    assert sum(pockets(world.engine, account, world.today)) == SHARE_MAX + 1


def test_a_writer_that_stops_posts_first_what_waits(world: World) -> None:
    account = world.open(opened_on=NEW_YEAR)

    async def story() -> None:
        writer = Writer(world.engine, world.policies, lambda: (world.now, world.today))
        waiting = [
            asyncio.ensure_future(writer.post(told(Contribute(account, 1, 202611, world.today, f"c-{n}"))))
            for n in range(600)
        ]
        await asyncio.sleep(0)
        writer.start()
        await asyncio.to_thread(writer.stop)
        assert words(await asyncio.gather(*waiting)) == {"posted": 600}

    run(story)


@dataclass(eq=False)
class Buggy(Command):
    """A verb whose decision breaks."""

    verb = "buggy"

    book: BookRef
    caller: str = "test"
    actor: str = "tester"
    key: str | None = None

    def content(self) -> str:
        return ""

    def decide(self, desk: Desk) -> None:
        raise ZeroDivisionError(f"a bug on {desk.today}")


def test_a_decision_that_breaks_breaks_only_its_own_command(world: World) -> None:
    account = world.open(opened_on=NEW_YEAR)

    async def story() -> None:
        writer = Writer(world.engine, world.policies, lambda: (world.now, world.today))
        calls: list[Awaitable[object]] = []
        for n in range(20):
            calls.append(writer.post(told(Contribute(account, 1, 202611, world.today, f"c-{n}"))))
            if n % 7 == 3:
                calls.append(writer.post(Buggy(account)))
        together = asyncio.gather(*calls, return_exceptions=True)
        await asyncio.sleep(0)
        writer.start()
        assert words(await together) == {"posted": 20, "ZeroDivisionError": 3}
        assert writer.waiting == 0
        # a chunk stands together in this: nothing of it is posted
        chunk = [told(Contribute(account, 1, 202611, world.today, "chunk")), Buggy(account)]
        with pytest.raises(ZeroDivisionError):
            await writer.post_chunk(chunk)
        assert words(await writer.post_chunk(chunk[:1])) == {"posted": 1}
        writer.stop()

    run(story)
    assert sum(pockets(world.engine, account, world.today)) == 21


def test_single_commands_and_chunks_take_turns(world: World) -> None:
    """A bulk of many chunks does not keep a single caller waiting until its end."""
    account, other = world.open(opened_on=NEW_YEAR), world.open(opened_on=NEW_YEAR)
    order: list[str] = []

    async def story() -> None:
        writer = Writer(world.engine, world.policies, lambda: (world.now, world.today))

        async def chunk(number: int) -> None:
            bulk = [told(Contribute(account, 1, 202611, world.today, f"{number}-{n}")) for n in range(50)]
            assert words(await writer.post_chunk(bulk)) == {"posted": 50}
            order.append("chunk")

        async def single() -> None:
            assert isinstance(
                await writer.post(told(Contribute(other, 1, 202611, world.today, "single"))), Posted
            )
            order.append("single")

        together = asyncio.gather(*[chunk(number) for number in range(6)], single())
        await asyncio.sleep(0)
        writer.start()
        await together
        writer.stop()

    run(story)
    assert order.index("single") <= 1
