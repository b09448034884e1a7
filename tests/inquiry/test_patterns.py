"""What is found in the book: the edges of each pattern, and what is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ledger.chart.kinds import Kind
from ledger.inquiry.crowds import Within
from ledger.inquiry.moved import ENTRIES_MAX, ActedOn, Approved, BookFinding, Hand, MovedEntry, PatternKind
from ledger.inquiry.patterns import Hands, Patterns
from ledger.policy.findings import NOTHING_SAID, FindingLimits

K = PatternKind
# nine in the morning of the area's 21 November
AT = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
SINCE = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
AREA, OTHER_AREA = 990100, 990200
USUAL = NOTHING_SAID.on(date(2026, 11, 21))
CLERK, OTHER = Hand("clerk-7", "window"), Hand("clerk-8", "window")


def moved(account: int = 1, seconds: float = 0, fen: int = 10_00, **more: Any) -> MovedEntry:
    """A purchase at a pharmacy."""
    one = MovedEntry(
        AT + timedelta(seconds=seconds), AREA, account, account, 2, Kind.SPENDING, date(2026, 11, 21), None,
        Hand("till-1", "pharmacies"), False, "H0001", True, fen, 0, 0,
    )  # fmt: skip
    return one._replace(**more)


def find(
    moves: Iterable[MovedEntry],
    limits: Mapping[int, FindingLimits] | None = None,
    approvals: Iterable[Approved] = (),
    staff: Mapping[str, set[bytes]] | None = None,
) -> list[BookFinding]:
    patterns = Patterns(lambda area, _day: (limits or {}).get(area, USUAL), Hands(staff or {}), SINCE)
    for one in moves:
        patterns.add(one)
    for act in approvals:
        patterns.approved(act)
    return patterns.all()


def told(found: Iterable[BookFinding]) -> list[tuple[PatternKind, int, int]]:
    return [(one.kind, len(one.accounts), one.entries_total) for one in found]


def test_what_holds_where_nothing_is_said() -> None:
    assert FindingLimits(10, 5, 500_00, 400_00, 2, 30, 30, 1) == USUAL


# -- after death -------------------------------------------------------------------------------------------

DIED = date(2026, 11, 10)


@pytest.mark.parametrize(("day", "count"), [(DIED, 0), (DIED + timedelta(days=1), 1)])
def test_from_the_day_after_the_death(day: date, count: int) -> None:
    assert len(find([moved(on_day=day, died_on=DIED)])) == count


def test_all_of_an_account_is_one_finding() -> None:
    kinds = (Kind.SPENDING, Kind.CAPTURE, Kind.SETTLEMENT, Kind.MUTUAL_AID, Kind.PREMIUM)
    moves = [
        moved(9, minute * 60, 100 + minute, kind=kind, seq=minute + 2, died_on=DIED)
        for minute, kind in enumerate(kinds)
    ]
    [found] = find(moves)
    assert (found.kind, found.entries_total, found.accounts) == (K.AFTER_DEATH, 5, {9})
    assert [(one.kind, one.fen) for one in found.entries] == [*zip(kinds, range(100, 105), strict=True)]
    assert (found.first_at, found.last_at) == (AT, AT + timedelta(minutes=4))


@pytest.mark.parametrize(
    "more",
    [
        {"died_on": None},
        {"is_undone": True},
        # a bill that was all cash, or all the fund's
        {"out_fen": 0},
        # no debit for somebody's care
        {"kind": Kind.EXIT},
        {"kind": Kind.REVERSAL, "out_fen": 0, "in_fen": 10_00},
        # not of the days that are asked for
        {"at": SINCE - timedelta(microseconds=1)},
    ],
)
def test_what_is_nothing_after_a_death(more: dict[str, Any]) -> None:
    assert find([moved(**({"died_on": DIED} | more))]) == []


def test_an_account_that_went_into_another_is_that_one() -> None:
    moves = [moved(5, book_id=3, died_on=DIED), moved(5, 1, book_id=5, died_on=DIED)]
    [found] = find(moves)
    assert (found.entries_total, found.accounts) == (2, {5})
    assert [one.book_id for one in found.entries] == [3, 5]


# -- many accounts at one pharmacy -------------------------------------------------------------------------


def test_more_than_ten_cards_in_five_minutes() -> None:
    assert find(moved(number, number) for number in range(10)) == []
    [found] = find(moved(number, number) for number in range(11))
    assert (told([found]), found.institution, found.actor) == ([(K.MANY_ACCOUNTS, 11, 11)], "H0001", "till-1")


@pytest.mark.parametrize(("seconds", "count"), [(299.999999, 1), (300, 1), (300.000001, 0)])
def test_five_minutes_just(seconds: float, count: int) -> None:
    assert len(find([*(moved(number) for number in range(10)), moved(10, seconds)])) == count


def test_all_at_one_instant() -> None:
    assert told(find(moved(number) for number in range(11))) == [(K.MANY_ACCOUNTS, 11, 11)]


def test_one_card_many_times_is_one() -> None:
    assert find(moved(number % 10, number) for number in range(200)) == []


@pytest.mark.parametrize(
    "more", [{"is_pharmacy": False}, {"institution": None}, {"is_undone": True}, {"kind": Kind.PREMIUM}]
)
def test_what_is_no_card_at_a_pharmacy(more: dict[str, Any]) -> None:
    assert find(moved(number, **more) for number in range(11)) == []


def test_two_pharmacies_are_two() -> None:
    moves = [moved(number, number, institution=f"H{number % 2}") for number in range(20)]
    assert find(moves) == []
    assert told(find([*moves, moved(20, 20, institution="H0")])) == [(K.MANY_ACCOUNTS, 11, 11)]


def test_several_tills_are_told_as_nobody_alone() -> None:
    [found] = find(moved(number, by=Hand(f"till-{number % 3}", "pharmacies")) for number in range(11))
    assert found.actor is None


def test_a_crowd_goes_on_ends_and_another_begins() -> None:
    first = [moved(number, number * 20) for number in range(40)]
    second = [moved(number, 3600 + number) for number in range(12)]
    assert told(find([*first, *second])) == [(K.MANY_ACCOUNTS, 40, 40), (K.MANY_ACCOUNTS, 12, 12)]


def test_a_crowd_over_midnight_is_of_the_day_on_which_it_became_one() -> None:
    before = [moved(number, at=SINCE - timedelta(minutes=3)) for number in range(8)]
    after = [moved(number, at=SINCE + timedelta(minutes=1)) for number in range(8, 11)]
    assert told(find([*before, *after])) == [(K.MANY_ACCOUNTS, 11, 11)]
    # a crowd that ended before is of the day before
    assert find(moved(number, at=SINCE - timedelta(minutes=3)) for number in range(11)) == []


def test_of_many_the_first_are_shown() -> None:
    [found] = find(moved(number, number / 10) for number in range(1_000))
    assert (len(found.entries), found.entries_total, len(found.accounts)) == (ENTRIES_MAX, 1_000, 1_000)
    assert found.last_at == AT + timedelta(seconds=99.9)


def test_an_area_is_judged_by_what_it_says() -> None:
    limits = {OTHER_AREA: USUAL._replace(accounts=3)}
    four = [moved(number, number, area=OTHER_AREA) for number in range(4)]
    assert told(find(four, limits)) == [(K.MANY_ACCOUNTS, 4, 4)]
    assert find([one._replace(area=AREA) for one in four], limits) == []


def test_what_went_by_is_not_kept() -> None:
    within: Within[int] = Within()
    for number in range(10_000):
        within.add(AT + timedelta(minutes=number), number, number, timedelta(minutes=5))
    assert (list(within), within.many) == ([*range(9_994, 10_000)], 6)


# -- split below a limit -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amounts", "count"),
    [
        ([400_00, 499_99], 1),
        ([399_99, 499_99], 0),
        # not below it: that one is looked at anyway
        ([500_00, 499_99], 0),
        ([499_99], 0),
        ([450_00, 120_00, 450_00], 1),
    ],
)
def test_payments_just_below_the_limit(amounts: list[int], count: int) -> None:
    found = find(moved(1, number * 3600, fen) for number, fen in enumerate(amounts))
    assert told(found) == [(K.SPLIT, 1, 2)] * count


def test_what_goes_on_is_one_finding() -> None:
    [found] = find(moved(1, number * 600, 450_00, seq=number + 2) for number in range(5))
    assert (told([found]), found.institution) == ([(K.SPLIT, 1, 5)], "H0001")
    assert [one.seq for one in found.entries] == [2, 3, 4, 5, 6]


def test_together_they_reach_the_limit() -> None:
    low = {AREA: USUAL._replace(split_least=100_00, split_payments=3)}
    assert find((moved(1, number, 100_00) for number in range(4)), low) == []
    assert told(find((moved(1, number, 100_00) for number in range(5)), low)) == [(K.SPLIT, 1, 5)]


@pytest.mark.parametrize(
    "more",
    [
        {"account": 2},
        {"institution": "H0002"},
        {"institution": None},
        {"is_undone": True},
        {"kind": Kind.PREMIUM},
        # the next day of the area, and in UTC still the same
        {"at": datetime(2026, 11, 21, 16, 0, tzinfo=UTC)},
    ],
)
def test_what_is_not_split(more: dict[str, Any]) -> None:
    assert find([moved(1, 0, 450_00), moved(1, 60, 450_00)._replace(**more)]) == []


def test_a_day_is_the_areas() -> None:
    # one day there, two in UTC
    first = moved(1, 0, 450_00, at=datetime(2026, 11, 21, 23, 30, tzinfo=UTC))
    last = moved(1, 0, 450_00, at=datetime(2026, 11, 22, 15, 59, tzinfo=UTC))
    assert told(find([first, last])) == [(K.SPLIT, 1, 2)]


# -- reversed and paid out ---------------------------------------------------------------------------------


def reversal(account: int = 1, seconds: float = 0, **more: Any) -> MovedEntry:
    base: dict[str, Any] = {"kind": Kind.REVERSAL, "out_fen": 0, "in_fen": 300_00, "by": OTHER, "seq": 7}
    return moved(account, seconds, **(base | more))


def paid(account: int = 1, seconds: float = 60, **more: Any) -> MovedEntry:
    base: dict[str, Any] = {"kind": Kind.EXIT, "institution": None, "out_fen": 900_00, "by": CLERK, "seq": 8}
    return moved(account, seconds, **(base | more))


@pytest.mark.parametrize(
    "more", [{}, {"kind": Kind.REFUND_TO_PAYER}, {"kind": Kind.PAYOUT, "out_fen": 0, "paid_fen": 900_00}]
)
def test_a_reversal_and_a_payment_out(more: dict[str, Any]) -> None:
    [found] = find([reversal(), paid(**more)])
    assert (told([found]), found.actor) == ([(K.REVERSED_AND_PAID, 1, 2)], None)
    assert [(one.seq, one.fen, one.actor) for one in found.entries] == [
        (7, 300_00, "clerk-8"),
        (8, 900_00, "clerk-7"),
    ]


def test_in_the_same_instant_by_its_number() -> None:
    assert told(find([reversal(), paid(seconds=0)])) == [(K.REVERSED_AND_PAID, 1, 2)]


# the thirtieth day is one of them, to its last instant in the area
@pytest.mark.parametrize(
    ("at", "count"),
    [
        (datetime(2026, 12, 21, 15, 59, 59, 999_999, tzinfo=UTC), 1),
        (datetime(2026, 12, 21, 16, 0, tzinfo=UTC), 0),
    ],
)
def test_thirty_days_just(at: datetime, count: int) -> None:
    assert len(find([reversal(), paid(at=at)])) == count


@pytest.mark.parametrize(
    "moves",
    [
        [paid(seconds=0), reversal(seconds=60)],
        [reversal(2), paid(1)],
        # it took money out: a credit that was reversed
        [reversal(in_fen=0, out_fen=300_00), paid()],
        # the bank sent it back, or nothing was paid
        [reversal(), paid(is_undone=True)],
        [reversal(), paid(out_fen=0)],
        [reversal(), paid(kind=Kind.SPENDING)],
    ],
)
def test_what_is_not_paid_out_after_a_reversal(moves: list[MovedEntry]) -> None:
    assert find(moves) == []


def test_a_reversal_before_the_days_that_are_asked_for_counts() -> None:
    before = reversal(at=SINCE - timedelta(days=29))
    assert told(find([before, paid()])) == [(K.REVERSED_AND_PAID, 1, 2)]
    assert find([before, paid(at=SINCE - timedelta(days=1))]) == []


def test_several_reversals_and_each_payment() -> None:
    moves = [reversal(1, 0), reversal(1, 10, seq=9), paid(1, 20, seq=10), paid(1, 30, seq=11)]
    assert told(find(moves)) == [(K.REVERSED_AND_PAID, 1, 3)] * 2


def test_of_two_areas_none_makes_the_others_be_forgotten() -> None:
    limits = {OTHER_AREA: USUAL._replace(exit_days=1)}
    days = 24 * 3600
    short = [reversal(2, 0, area=OTHER_AREA), reversal(2, 3 * days, area=OTHER_AREA)]
    long = reversal(1, 1)
    moves = sorted([*short, long], key=lambda one: one.at)
    assert told(find([*moves, paid(1, 4 * days)], limits)) == [(K.REVERSED_AND_PAID, 1, 2)]
    assert find([*moves, paid(2, 5 * days, area=OTHER_AREA)], limits) == []


# -- one hand ----------------------------------------------------------------------------------------------


def taken_back(
    by: Hand = CLERK, made: Hand = CLERK, kind: Kind = Kind.CONTRIBUTION, **more: Any
) -> MovedEntry:
    """Of a credit, half an hour after it was made."""
    acts_on = ActedOn(AT - timedelta(minutes=30), 3, kind, made)
    base: dict[str, Any] = {"institution": None, "in_fen": 0, "out_fen": 300_00, "by": by, "acts_on": acts_on}
    return reversal(**(base | more))


def test_who_made_it_takes_it_back() -> None:
    [found] = find([taken_back()])
    assert (told([found]), found.actor, found.approved_by) == ([(K.ONE_HAND, 1, 2)], "clerk-7", None)
    made, back = found.entries
    assert (made.seq, made.kind, made.fen, made.at) == (
        3,
        Kind.CONTRIBUTION,
        300_00,
        AT - timedelta(minutes=30),
    )
    assert (back.seq, back.kind, back.fen) == (7, Kind.REVERSAL, 300_00)


@pytest.mark.parametrize("name", ["Clerk-7", " clerk-7 ", "ＣＬＥＲＫ-7"])
def test_however_the_name_is_written(name: str) -> None:
    assert len(find([taken_back(Hand(name, "desk"))])) == 1


def test_two_names_of_one_number() -> None:
    alone = {"clerk-7": {b"7"}, "clerk-8": {b"8"}}
    assert find([taken_back(OTHER)], staff=alone) == []
    assert find([taken_back(OTHER)], staff={"Clerk-7 ": {b"7", b"9"}, "clerk-8": {b"8", b"9"}}) != []


@pytest.mark.parametrize(
    "one",
    [
        taken_back(OTHER),
        # a system does both
        taken_back(Hand("collector", "collector"), Hand("collector", "collector")),
        # a till puts its own slip right
        taken_back(kind=Kind.SPENDING),
        taken_back(kind=Kind.SETTLEMENT),
        taken_back(acts_on=None),
        taken_back(acts_on=ActedOn(AT - timedelta(days=31), 3, Kind.CONTRIBUTION, CLERK)),
        taken_back(at=SINCE - timedelta(seconds=1)),
    ],
)
def test_what_is_no_one_hand(one: MovedEntry) -> None:
    assert find([one]) == []


def test_thirty_days_of_a_hand() -> None:
    assert len(find([taken_back(acts_on=ActedOn(AT - timedelta(days=30), 3, Kind.PAYMENT, CLERK))])) == 1


def test_who_reviewed_an_order_pays_it() -> None:
    acts_on = ActedOn(AT - timedelta(hours=1), 6, Kind.PAYOUT_REVIEW, CLERK)
    one = paid(kind=Kind.PAYOUT, out_fen=0, paid_fen=900_00, acts_on=acts_on)
    assert told(find([one])) == [(K.ONE_HAND, 1, 2)]
    assert find([one._replace(by=OTHER)]) == []


def of_debts(kind: Kind, by: Hand = CLERK, days: float = 0, account: int = 77) -> MovedEntry:
    return moved(account, days * 24 * 3600, 0, kind=kind, by=by, institution=None, is_pharmacy=False)


ADJUSTED, STEP = Kind.ADJUSTMENT, Kind.CASE_STEP


@pytest.mark.parametrize("kinds", [(ADJUSTED, STEP), (STEP, ADJUSTED)])
def test_who_changes_a_debt_acts_on_it(kinds: tuple[Kind, Kind]) -> None:
    first, second = kinds
    assert told(find([of_debts(first), of_debts(second, days=30)])) == [(K.ONE_HAND, 1, 2)]
    assert find([of_debts(first), of_debts(second, days=31)]) == []
    assert find([of_debts(first), of_debts(second, OTHER)]) == []
    assert find([of_debts(first), of_debts(second, account=78)]) == []
    assert find([of_debts(first), of_debts(first, days=1)]) == []
    system = Hand("core", "core")
    assert find([of_debts(first, system), of_debts(second, system)]) == []


def approval(asked: Hand = CLERK, by: Hand = OTHER, minutes: float = 60, **more: Any) -> Approved:
    asked_at = AT - timedelta(minutes=minutes)
    return Approved(asked_at, AT, AREA, 1, 4, Kind.CONTRIBUTION, 500_00, asked, by)._replace(**more)


def test_an_approval_of_two_people() -> None:
    assert find([], approvals=[approval()]) == []


@pytest.mark.parametrize(
    ("asked", "by"),
    [
        # the register told later that both are one
        (CLERK, Hand("eve", "window")),
        # through a system that is called like the one who asked, and the other way round
        (CLERK, Hand("clerk-8", "clerk-7")),
        (Hand("clerk-7", "clerk-8"), OTHER),
    ],
)
def test_an_approval_by_one_hand(asked: Hand, by: Hand) -> None:
    [found] = find([], approvals=[approval(asked, by)], staff={"clerk-7": {b"7"}, "eve": {b"7"}})
    assert (found.kind, found.actor, found.approved_by) == (K.ONE_HAND, asked.actor, by.actor)
    assert (found.asked_at, found.first_at) == (AT - timedelta(hours=1), AT)
    assert [(one.seq, one.fen) for one in found.entries] == [(4, 500_00)]


@pytest.mark.parametrize(("seconds", "count"), [(0, 1), (60, 1), (60.000001, 0)])
def test_a_yes_before_anybody_can_have_read_it(seconds: float, count: int) -> None:
    assert len(find([], approvals=[approval(minutes=seconds / 60)])) == count
    # at another desk somebody has read it there
    elsewhere = Hand("clerk-8", "another window")
    assert find([], approvals=[approval(by=elsewhere, minutes=seconds / 60)]) == []


def test_what_a_system_asks_for_somebody_approves() -> None:
    assert find([], approvals=[approval(Hand("core", "core"), Hand("clerk-8", "core"), 0)]) == []


def test_an_approval_before_the_days_that_are_asked_for() -> None:
    assert find([], approvals=[approval(minutes=0, at=SINCE - timedelta(seconds=1))]) == []


# -- the list ----------------------------------------------------------------------------------------------


def test_findings_stand_in_the_order_in_which_they_began() -> None:
    moves = [moved(1, 0, 450_00), moved(9, 5, died_on=DIED), moved(1, 10, 450_00, seq=3), reversal(2, 20)]
    found = find([*moves, paid(2, 30), taken_back(account=3, seconds=40)])
    assert [one.kind for one in found] == [K.ONE_HAND, K.SPLIT, K.AFTER_DEATH, K.REVERSED_AND_PAID]
    assert len({one.place for one in found}) == 4
