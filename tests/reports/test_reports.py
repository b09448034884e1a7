"""Reads: a balance today, on any day, as known at any instant; pages of entries; where each fen is from."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, event

from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.freezes import EndFreeze, Freeze
from ledger.accounts.holds import Capture, Hold, Release
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.accounts.year_end import PostInterest
from ledger.book.numbers import account_no
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Status
from ledger.chart.sides import POCKETS, Side
from ledger.database.round_trips import Sent, Trips
from ledger.estates.division import DivideEstate, HeirShare
from ledger.people.persons import stake_by_number
from ledger.refusals import RefusalCode, Refused
from ledger.reports import (
    RULES,
    Balance,
    account,
    balance,
    entries,
    entry,
    explain,
    find_book,
    freezes,
    look,
    trial_balance,
)
from ledger.shares import heir_rank, parse_weights
from tests.support.chance import seeds
from tests.support.people import NOW, SomeoneFactory, World, busy_life, noon


@pytest.fixture(scope="module")
def world(engine: Engine) -> World:
    return World(engine)


def shown(world: World, book: int, *, now: datetime = NOW, today: date | None = None, **when) -> Balance:
    with look(world.engine) as connection:
        return balance(connection, book, now=now, today=today or world.today, **when)


def pockets(found: Balance) -> tuple[int, int]:
    return found.current_year, found.carried_over


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """The statements that the database is asked, BEGIN and COMMIT apart."""
    asked: list[str] = []

    def note(connection, cursor, statement, *rest) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", note)


# -- the balance now ---------------------------------------------------------------------------------------


def test_a_balance_is_one_statement(world: World) -> None:
    book = world.open(opening=(5_000, 100_000), opened_on=date(2026, 1, 1))
    with counted(world.engine) as asked:
        found = shown(world, book)
    assert found == Balance(5_000, 100_000, 105_000, 0, 0, 105_000, world.today, NOW)
    assert len(asked) == 1


def test_the_turn_of_the_year_is_seen_before_it_is_written(world: World) -> None:
    book = world.open(opening=(5_000, 100_000), opened_on=date(2026, 1, 1))
    new_year = datetime(2026, 12, 31, 16, 0, tzinfo=UTC)
    assert pockets(shown(world, book, now=new_year, today=date(2026, 12, 31))) == (5_000, 100_000)
    assert pockets(shown(world, book, now=new_year, today=date(2027, 1, 1))) == (0, 105_000)


def test_a_hold_counts_until_its_time_is_over(world: World) -> None:
    book = world.open(opening=(0, 10_000))
    expires = NOW + timedelta(hours=3)
    world.one(Hold(book, 4_000, expires, "H0001", "h-1"))
    world.one(Hold(book, 1_000, expires + timedelta(hours=1), "H0001", "h-2"))
    before, at = expires - timedelta(microseconds=1), expires
    assert (shown(world, book, now=before).held, shown(world, book, now=before).available) == (5_000, 5_000)
    assert (shown(world, book, now=at).held, shown(world, book, now=at).available) == (1_000, 9_000)
    with look(world.engine) as connection:
        assert [hold.amount_fen for hold in account(connection, book, now=at, today=world.today).holds] == [
            1_000
        ]
    # an expiry that is written takes nothing off twice
    world.one(Spend(book, 9_000, world.today, "H0001", "s-1"), now=at)
    assert shown(world, book, now=at) == Balance(0, 1_000, 1_000, 1_000, 0, 0, world.today, at)


def test_a_balance_of_nobody_is_refused(world: World) -> None:
    with pytest.raises(Refused, match="account_not_found"):
        shown(world, 16_000_000_000_001)


# -- on a day, as known at an instant ----------------------------------------------------------------------


def test_value_date_and_record_time_answer_independently(world: World) -> None:
    """Money of 5 March, recorded on the 10th; spent on the 7th, recorded on the 20th; taken back the 25th."""
    march = [date(2026, 3, day) for day in range(1, 32)]
    book = world.open(opened_on=march[0], opening=(0, 1_000), today=march[0])
    world.one(Contribute(book, 500, 202603, march[4], "c"), today=march[9])
    spent = world.one(Spend(book, 200, march[6], "H0001", "s"), today=march[19])
    world.one(Reverse(book, spent.seq, "wrong patient"), today=march[24])
    table = {  # (value date, known on): balance
        (1, 1): 1_000,
        (1, 31): 1_000,
        (5, 9): 1_000,
        (5, 10): 1_500,
        (6, 31): 1_500,
        (7, 19): 1_500,
        (7, 20): 1_300,
        (7, 31): 1_300,
        (24, 31): 1_300,
        (25, 24): 1_300,
        (25, 25): 1_500,
        (31, 31): 1_500,
    }
    found = {
        (day, known): shown(world, book, as_of=march[day - 1], as_known=noon(march[known - 1])).balance
        for day, known in table
    }
    assert found == table


def test_before_the_opening_there_was_nothing(world: World) -> None:
    book = world.open(opened_on=date(2026, 3, 1), opening=(0, 1_000), today=date(2026, 3, 5))
    assert shown(world, book, as_of=date(2026, 2, 28)).balance == 0
    assert shown(world, book, as_known=noon(date(2026, 3, 4))).balance == 0
    assert shown(world, book, as_known=noon(date(2026, 3, 5))).balance == 1_000


def test_a_day_or_an_instant_to_come_is_refused(world: World) -> None:
    book = world.open()
    for when in ({"as_of": world.today + timedelta(days=1)}, {"as_known": NOW + timedelta(seconds=1)}):
        with pytest.raises(Refused, match="period_invalid"):
            shown(world, book, **when)
        with look(world.engine) as connection, pytest.raises(Refused, match="period_invalid"):
            explain(connection, book, now=NOW, today=world.today, **when)


def test_pockets_of_a_past_day(world: World) -> None:
    """The year turns at midnight in the area, whenever its carry-over was written."""
    book = world.open(opened_on=date(2025, 6, 1), opening=(300, 1_000), today=date(2025, 6, 1))
    world.one(Contribute(book, 200, 202512, date(2025, 12, 31), "c-1"), today=date(2026, 2, 1))
    world.one(Contribute(book, 50, 202602, date(2026, 2, 1), "c-2"), today=date(2026, 2, 1))
    table = {
        date(2025, 5, 31): (0, 0),
        date(2025, 6, 1): (300, 1_000),
        date(2025, 12, 30): (300, 1_000),
        date(2025, 12, 31): (500, 1_000),
        date(2026, 1, 1): (0, 1_500),
        date(2026, 2, 1): (50, 1_500),
        world.today: (50, 1_500),
    }
    assert {day: pockets(shown(world, book, as_of=day)) for day in table} == table


def test_a_debit_dated_back_below_zero_shows_its_sign(world: World) -> None:
    book = world.open(opened_on=date(2026, 1, 1))
    world.one(Contribute(book, 700, 202603, date(2026, 3, 10), "c"))
    world.one(Spend(book, 600, date(2026, 3, 5), "H0001", "s"))
    assert shown(world, book, as_of=date(2026, 3, 7)).balance == -600
    assert shown(world, book, as_of=date(2026, 3, 10)).balance == 100


def test_a_late_debit_that_reaches_into_the_new_year(world: World) -> None:
    """What was carried over is spent; the old year's late bill is paid with this year's money, and the book
    shows that on every day of this year as its row does."""
    book = world.open(opened_on=date(2025, 1, 1), opening=(100, 0), today=date(2025, 1, 1))
    spring = date(2026, 4, 1)
    world.one(Spend(book, 100, spring, "H0001", "s-1"), today=spring)
    world.one(Contribute(book, 50, 202604, spring, "c-1"), today=spring)
    world.one(Spend(book, 50, date(2025, 12, 1), "H0001", "s-2"), today=spring)
    world.one(Reverse(book, 3, "comes back"), today=spring + timedelta(days=3))
    later = spring + timedelta(days=9)
    assert pockets(shown(world, book, now=noon(later), today=later)) == pockets(
        shown(world, book, as_of=later, as_known=noon(later))
    )
    assert shown(world, book, as_of=date(2025, 12, 31)).balance == 50


def test_holds_of_a_past_day(world: World) -> None:
    start = date(2026, 5, 1)
    days = [start + timedelta(days=n) for n in range(10)]
    book = world.open(opened_on=start, opening=(0, 10_000), today=start)

    def hold(amount: int, day: int, last: int) -> int:
        expires_at = noon(days[last]) - timedelta(hours=2)
        return world.one(Hold(book, amount, expires_at, "H0001", world.ref("h")), today=days[day]).seq

    captured, released, _expired = hold(1, 0, 9), hold(20, 1, 9), hold(300, 1, 4)
    world.one(Capture(book, captured, 1, days[3], "cap"), today=days[5])
    world.one(Release(book, released), today=days[6])
    held = [shown(world, book, as_of=day).held for day in days]
    assert held == [1, 321, 321, 320, 20, 20, 0, 0, 0, 0]
    # on the 4th, before anybody knew of the capture, and before the third one's time was over
    assert shown(world, book, as_of=days[3], as_known=noon(days[4])).held == 321
    found = shown(world, book, as_of=days[1])
    assert (found.balance, found.available) == (10_000, 9_679)


@pytest.mark.slow
@pytest.mark.random
@pytest.mark.parametrize("seed", seeds(6))
def test_the_past_is_what_was_said_then(world: World, seed: int) -> None:
    """A random life with late facts: every balance that was ever shown is shown again when asked as of that
    day and as known then, and every one is explained to the fen."""
    said: dict[tuple[date, datetime], Balance] = {}
    book = 0
    for book, now, today in busy_life(world, seed, 120):
        said[today, now] = shown(world, book, now=now, today=today)
        assert explained(world, book, now=now, today=today) == pockets(said[today, now])
    assert max(found.current_year for found in said.values()) > 0
    for (as_of, as_known), then in said.items():
        assert shown(world, book, as_of=as_of, as_known=as_known) == then
        assert explained(world, book, as_of=as_of, as_known=as_known) == pockets(then)
    for day in (date(2024, 12, 31), date(2025, 1, 1), date(2025, 8, 17)):
        assert explained(world, book, as_of=day) == pockets(shown(world, book, as_of=day))


# -- why ---------------------------------------------------------------------------------------------------


def explained(
    world: World, book: int, *, now: datetime = NOW, today: date | None = None, **when
) -> tuple[int, int]:
    sums: dict[Side, int] = defaultdict(int)
    with look(world.engine) as connection:
        for line in explain(connection, book, now=now, today=today or world.today, **when):
            sums[line.pocket] += line.amount_fen
    assert set(sums) <= POCKETS
    return sums[Side.CURRENT_YEAR], sums[Side.CARRIED_OVER]


def test_every_fen_has_its_rule_and_its_policy(world: World) -> None:
    start = date(2025, 1, 1)
    book = world.open(opened_on=start, opening=(0, 1_000_000), today=start)
    world.one(Contribute(book, 20_000, 202501, start, "c-1"), today=start)
    world.one(Contribute(book, 10_000, 202502, date(2025, 2, 1), "c-2"), today=date(2025, 2, 1))
    world.one(Spend(book, 5_000, date(2025, 3, 1), "H0001", "s-1"), today=date(2025, 3, 1))
    world.one(PostInterest(book, 2025), today=date(2026, 1, 5))
    with look(world.engine) as connection:
        lines = explain(connection, book, now=NOW, today=world.today)
    policy = world.policies[990100].hash
    assert {line.policy_hash for line in lines if line.entries} == {policy}
    interest = next(line for line in lines if line.kind is Kind.INTEREST).amount_fen
    assert [(line.kind.word, line.pocket, line.rule, line.entries, line.amount_fen) for line in lines] == [
        ("contribution", Side.CURRENT_YEAR, "R8", 2, 30_000),
        ("spending", Side.CURRENT_YEAR, "R20, K6", 1, -5_000),
        # nothing was posted in 2026: the turn of the year is seen, and no entry has written it
        ("carry_over", Side.CURRENT_YEAR, "R49", 0, -25_000),
        ("opening", Side.CARRIED_OVER, "R2", 1, 1_000_000),
        ("interest", Side.CARRIED_OVER, "R48, K5", 1, interest),
        ("carry_over", Side.CARRIED_OVER, "R49", 0, 25_000),
    ]
    # 1,000,000 for 365 days at 1.10 %; 20,000, 10,000, -5,000 for 365, 334, 306 days at 0.35 %; over 360
    assert interest == 11_153 + 89


def test_every_kind_has_a_rule() -> None:
    assert set(RULES) == set(Kind)


# -- accounts ----------------------------------------------------------------------------------------------


def test_an_account_is_found_by_number_and_by_person(world: World) -> None:
    someone = SomeoneFactory()
    book = world.open(someone)
    claim, _ = stake_by_number(someone.id_number, someone.name, world.keyring, world.today)
    with look(world.engine) as connection:
        assert find_book(connection, book) == book
        assert find_book(connection, claim.digest) == book
        for nobody in (b"\0" * 32, book + 1):
            with pytest.raises(Refused, match="account_not_found"):
                find_book(connection, nobody)
        with pytest.raises(Refused, match="account_not_found"):
            account(connection, book + 1, now=NOW, today=world.today)
        with pytest.raises(Refused, match="account_not_found"):
            explain(connection, book + 1, now=NOW, today=world.today)


def test_an_account_with_its_freezes(world: World) -> None:
    book = world.open(opening=(0, 100), opened_on=date(2026, 1, 1))
    now, today = NOW, world.today

    def status(day: date) -> Status:
        with look(world.engine) as connection:
            return account(connection, book, now=now, today=day).status

    assert status(today) is Status.ACTIVE
    court = world.one(Freeze(book, "court", "doc 1", today, today + timedelta(days=5)))
    world.one(Freeze(book, "supervision", "doc 2", today + timedelta(days=3), None))
    days = [today + timedelta(days=n) for n in range(3)]
    assert [status(day) for day in days] == [Status.FROZEN] * 3
    world.one(EndFreeze(book, court.seq, "paid"))
    assert [status(today), status(today + timedelta(days=3))] == [Status.ACTIVE, Status.FROZEN]
    with look(world.engine) as connection:
        view = account(connection, book, now=now, today=today)
        every = freezes(connection, book)
    assert (view.account_no, view.area, view.opened_on) == (account_no(book), 990100, date(2026, 1, 1))
    assert (view.last_seq, view.interest_year, view.died_on) == (4, 2025, None)
    assert [freeze.document for freeze in view.freezes] == ["doc 2"]
    assert [(freeze.document, freeze.ended_by) for freeze in every] == [
        ("doc 1", f"{account_no(book)}-4"),
        ("doc 2", None),
    ]


def test_a_closed_account_is_still_shown(world: World) -> None:
    book = world.open(opening=(0, 1_000), opened_on=date(2026, 1, 1))
    world.one(ReportDeath(book, date(2026, 11, 1), "certificate"))
    with look(world.engine) as connection:
        assert account(connection, book, now=NOW, today=world.today).status is Status.DECEASED
    settle(world, book)
    with look(world.engine) as connection:
        view = account(connection, book, now=NOW, today=world.today)
    assert (view.status, view.died_on) == (Status.CLOSED, date(2026, 11, 1))
    assert shown(world, book).balance == 0
    assert explained(world, book) == (0, 0)
    assert shown(world, book, as_of=date(2026, 11, 20)).balance == 1_000


def settle(world: World, book: int) -> None:
    heir = SomeoneFactory()
    claim, parsed = stake_by_number(heir.id_number, heir.name, world.keyring, world.today)
    share = HeirShare(
        claim.digest,
        True,
        "child",
        parse_weights([None])[0],
        heir_rank("child", parsed.birth_date, parsed.number),
    )
    world.one(DivideEstate(book, (share,), (claim,), world.today))


# -- entries -----------------------------------------------------------------------------------------------


def test_pages_of_entries(world: World) -> None:
    start = date(2026, 1, 1)
    book = world.open(opened_on=start, opening=(0, 1_000))
    for n in range(1, 10):
        act = (
            Spend(book, n, start + timedelta(days=n), "H0001", f"s-{n}")
            if n % 3 == 0
            else Contribute(book, n, 202601, start + timedelta(days=n), f"c-{n}")
        )
        world.one(act)

    def seqs(**which) -> list[int]:
        with look(world.engine) as connection:
            return [receipt.seq for receipt in entries(connection, book, **{"limit": 50, **which})]

    assert seqs() == list(range(1, 11))
    assert seqs(limit=4) == [1, 2, 3, 4]
    assert seqs(limit=4, after_seq=4) == [5, 6, 7, 8]
    assert seqs(limit=4, after_seq=8) == [9, 10]
    assert seqs(limit=4, after_seq=10) == []
    assert seqs(limit=3, before_seq=10) == [7, 8, 9]
    assert seqs(limit=3, before_seq=3) == [1, 2]
    assert seqs(kind=Kind.SPENDING) == [4, 7, 10]
    assert seqs(kind=Kind.SPENDING, after_seq=4, limit=1) == [7]
    assert seqs(kind=Kind.INTEREST) == []
    assert seqs(first=date(2026, 1, 3), last=date(2026, 1, 5)) == [3, 4, 5]
    assert seqs(first=date(2026, 1, 9)) == [9, 10]
    assert seqs(after_seq=10**12) == seqs(before_seq=-1) == []
    with look(world.engine) as connection, counted(world.engine) as asked:
        page = entries(connection, book, limit=50)
    assert len(asked) == 2
    assert page[0].transfers == ((Side.TAKEOVER, Side.CARRIED_OVER, 1_000, None),)
    assert page[3].transfers == ((Side.CURRENT_YEAR, Side.INSTITUTION_PAYABLE, 3, world.institution),)
    with look(world.engine) as connection:
        spends = entries(connection, book, kind=Kind.SPENDING, limit=50)
        assert entries(connection, book, before_seq=8, limit=3) == page[4:7]
    assert spends == [page[3], page[6], page[9]]
    assert [receipt.balance_fen for receipt in page[:4]] == [1_000, 1_001, 1_003, 1_000]


@pytest.mark.postgres
def test_a_page_and_its_transfers_are_one_round_trip(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    book = world.open(opened_on=date(2026, 1, 1), opening=(0, 1_000))
    for n in range(1, 6):
        world.one(Contribute(book, n, 202601, date(2026, 1, 1), f"c-{n}"))
    trips: list[int] = []
    run = Trips.run

    def noted(self: Trips, statements: list[Sent], **how: bool) -> object:
        trips.append(len(statements))
        return run(self, statements, **how)

    monkeypatch.setattr(Trips, "run", noted)
    with look(world.engine) as connection:
        whole = entries(connection, book, limit=50)
        assert trips == [2]
        # the entries of a page that leaves some out are known when they are read
        assert entries(connection, book, first=date(2026, 1, 1), limit=3, after_seq=1) == whole[1:4]
        assert trips == [2, 1, 1]
        assert entries(connection, book, limit=2, after_seq=4) == whole[4:6]
    assert [len(one.transfers) for one in whole] == [1] * 6


def test_one_entry_with_what_belongs_to_it(world: World) -> None:
    book = world.open(opening=(0, 1_000))
    spent = world.one(Spend(book, 400, world.today, "H0001", "s"))
    with look(world.engine) as connection:
        before = entry(connection, book, spent.seq)
    assert (before.receipt, before.acted_on_by, before.reversed_by) == (spent, None, None)
    assert (before.caller, before.actor, before.rule) == ("test", "tester", "R20, K6")
    assert before.policy_hash == world.policies[990100].hash
    assert len(before.digest) == 64
    back = world.one(Reverse(book, spent.seq, "wrong"))
    hold = world.one(Hold(book, 10, NOW + timedelta(days=1), "H0001", "h"))
    freed = world.one(Release(book, hold.seq))
    with look(world.engine) as connection:
        after = entry(connection, book, spent.seq)
        reversal = entry(connection, book, back.seq)
        held = entry(connection, book, hold.seq)
        assert entry(connection, book, freed.seq).acts_on == hold.name
    assert (after.reversed_by, reversal.acts_on) == (back.name, spent.name)
    assert held.acted_on_by is not None
    assert (held.acted_on_by.kind, held.acted_on_by.name) == (Kind.RELEASE, freed.name)
    assert held.reversed_by is None


@pytest.mark.parametrize("seq", [0, -1, 2, 2**31 - 1, 2**31, 10**15])
def test_an_entry_that_is_not_there(world: World, seq: int) -> None:
    book = world.open()
    with look(world.engine) as connection, pytest.raises(Refused) as refused:
        entry(connection, book, seq)
    assert refused.value.code is RefusalCode.ENTRY_NOT_FOUND


# -- totals ------------------------------------------------------------------------------------------------


def test_the_trial_balance(fresh_engine: Engine) -> None:
    """By side: on the day in the area on which something was recorded, and from the beginning to its end."""
    world = World(fresh_engine)
    monday, tuesday = date(2026, 3, 2), date(2026, 3, 3)
    book = world.open(opening=(0, 10_000), opened_on=monday, today=monday)
    last_minute = datetime(2026, 3, 2, 15, 59, 59, 999_999, tzinfo=UTC)
    world.one(Contribute(book, 500, 202603, monday, "c"), now=last_minute)
    world.one(Spend(book, 700, monday, "H0001", "s"), now=last_minute + timedelta(microseconds=1))
    with look(fresh_engine) as connection:
        first, second, whole = (trial_balance(connection, on) for on in (monday, tuesday, None))
        empty = trial_balance(connection, monday - timedelta(days=1))
    assert [tuple(side) for side in first.day] == [
        (Side.CURRENT_YEAR, 0, 500, 500),
        (Side.CARRIED_OVER, 0, 10_000, 10_000),
        (Side.COLLECTION_CLEARING, 500, 0, -500),
        (Side.TAKEOVER, 10_000, 0, -10_000),
    ]
    assert first.cumulative == first.day
    assert [tuple(side) for side in second.day] == [
        (Side.CURRENT_YEAR, 500, 0, -500),
        (Side.CARRIED_OVER, 200, 0, -200),
        (Side.INSTITUTION_PAYABLE, 0, 700, 700),
    ]
    assert [tuple(side) for side in second.cumulative] == [
        (Side.CURRENT_YEAR, 500, 500, 0),
        (Side.CARRIED_OVER, 200, 10_000, 9_800),
        (Side.COLLECTION_CLEARING, 500, 0, -500),
        (Side.INSTITUTION_PAYABLE, 0, 700, 700),
        (Side.TAKEOVER, 10_000, 0, -10_000),
    ]
    assert (whole.cumulative, whole.day, empty.cumulative) == (second.cumulative, (), ())
    for totals in (first.day, second.day, second.cumulative):
        assert sum(side.debit_fen for side in totals) == sum(side.credit_fen for side in totals)
        assert sum(side.net_fen for side in totals) == 0


def test_reading_writes_nothing(world: World) -> None:
    """The database itself refuses a write inside a look (PostgreSQL); SQLite's plain BEGIN never waits."""
    book = world.open(opening=(0, 100))
    with look(world.engine) as connection:
        balance(connection, book, now=NOW, today=world.today)
        # another writer goes on meanwhile, and this look does not see it
        world.one(Contribute(book, 1, 202601, world.today, "c"))
        assert balance(connection, book, now=NOW, today=world.today).balance == 100
    assert shown(world, book).balance == 101
