"""Comparing a day line by line: the worked example, what stands several times, and properties for any day."""

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.clearing.comparing import Difference, DifferenceKind, adds_up, agrees, compare, without_cancelled
from ledger.clearing.days import DayLine, DayTotals
from tests.support.chance import seeded
from tests.support.work import counted

AGENCY_ONLY, INSTITUTION_ONLY, AMOUNT_DIFF = DifferenceKind

A = DayLine("a", 50_000, 30_000, 10_000)
B = DayLine("b", 60_000, 40_000, 12_000)
C = DayLine("c", 40_000, 20_000, 10_000)


def shown(found: Sequence[Difference]) -> list[tuple[str, str, tuple[int, int, int]]]:
    return [(one.kind, one.message_id, (one.total, one.fund, one.account)) for one in found]


# -- by hand ---------------------------------------------------------------------------------------------


def test_e65() -> None:
    """E65: three bills and 1,500.00 on both sides; the account 320.00 here and 300.00 there."""
    ours, theirs = [A, B, C], [C, A, B._replace(account=10_000)]
    assert adds_up(ours) == (3, 150_000, 90_000, 32_000)
    assert adds_up(theirs) == (3, 150_000, 90_000, 30_000)
    assert not agrees(ours, adds_up(theirs))
    found = compare(ours, theirs)
    assert shown(found) == [("amount_diff", "b", (0, 0, 2_000))]
    assert (found[0].ours, found[0].theirs) == (B, theirs[2])


def test_nothing_at_all() -> None:
    assert adds_up([]) == DayTotals(0, 0, 0, 0)
    assert compare([], []) == []
    assert agrees([], DayTotals(0, 0, 0, 0))


def test_a_line_that_one_side_has_alone() -> None:
    found = compare([C, A], [B, C])
    assert shown(found) == [
        ("agency_only", "a", (50_000, 30_000, 10_000)),
        ("institution_only", "b", (-60_000, -40_000, -12_000)),
    ]
    assert [(one.ours, one.theirs) for one in found] == [(A, None), (None, B)]


def test_a_reversal_is_one_more_line() -> None:
    lines = [A, B, A.mirrored()]
    assert adds_up(lines) == (3, 60_000, 40_000, 12_000)
    assert A.mirrored() == ("a", -50_000, -30_000, -10_000)
    assert A.mirrored().takes_back
    assert not A.takes_back
    assert compare(lines, [A.mirrored(), A, B]) == []


@pytest.mark.parametrize("bills", [3, 1])
def test_what_cancels_out_may_be_counted_or_not(bills: int) -> None:
    assert agrees([A, B, A.mirrored()], DayTotals(bills, 60_000, 40_000, 12_000))


@pytest.mark.parametrize(
    "wrong",
    [
        DayTotals(2, 60_000, 40_000, 12_000),
        DayTotals(1, 60_001, 40_000, 12_000),
        DayTotals(1, 60_000, 40_001, 12_000),
        DayTotals(3, 60_000, 40_000, 11_999),
    ],
)
def test_totals_that_are_others(wrong: DayTotals) -> None:
    assert not agrees([A, B, A.mirrored()], wrong)


# what the agency has, what the institution has, what differs
SEVERAL = {
    "taken back by both": ([A, A.mirrored()], [A.mirrored(), A], []),
    "the institution does not know that it was taken back": (
        [A, A.mirrored()],
        [A],
        [("agency_only", "a", (-50_000, -30_000, -10_000))],
    ),
    "the agency does not": (
        [A],
        [A, A.mirrored()],
        [("institution_only", "a", (50_000, 30_000, 10_000))],
    ),
    # a bill of the day before, taken back today
    "a reversal alone": ([A.mirrored()], [], [("agency_only", "a", (-50_000, -30_000, -10_000))]),
    "a reversal of another amount": (
        [A, A.mirrored()],
        [A, A.mirrored()._replace(account=-9_000)],
        [("amount_diff", "a", (0, 0, -1_000))],
    ),
    "what the institution never had is taken back": ([A, A.mirrored(), B], [B], []),
    "taken back with other amounts on each side": (
        [A, A.mirrored()],
        [A._replace(account=0), A._replace(account=0).mirrored()],
        [],
    ),
    "a bill is not paired with a reversal": (
        [A],
        [A.mirrored()],
        [
            ("agency_only", "a", (50_000, 30_000, 10_000)),
            ("institution_only", "a", (50_000, 30_000, 10_000)),
        ],
    ),
    "the same line twice": ([A, A], [A], [("agency_only", "a", (50_000, 30_000, 10_000))]),
    "equal lines come first": (
        [A._replace(account=1), A, A._replace(account=2)],
        [A._replace(account=2), A._replace(account=5), A],
        [("amount_diff", "a", (0, 0, -4))],
    ),
    "then the order of appearance": (
        [A._replace(account=1), A._replace(account=2), A._replace(account=3)],
        [A._replace(account=11), A._replace(account=12)],
        [
            ("amount_diff", "a", (0, 0, -10)),
            ("amount_diff", "a", (0, 0, -10)),
            ("agency_only", "a", (50_000, 30_000, 3)),
        ],
    ),
    # a total of nothing, and yet something to compare: what a yearly difference may look like
    "only what the fund and the account paid": (
        [DayLine("d", 0, 500, -500), DayLine("d", 0, -500, 500)],
        [],
        [],
    ),
}


@pytest.mark.parametrize(("ours", "theirs", "expected"), SEVERAL.values(), ids=SEVERAL.keys())
def test_lines_with_one_message_id(
    ours: list[DayLine], theirs: list[DayLine], expected: list[tuple[str, str, tuple[int, int, int]]]
) -> None:
    assert shown(compare(ours, theirs)) == expected


def test_differences_come_by_message_id() -> None:
    ours = [DayLine(name, 100, 50, 0) for name in "dbeca"]
    assert [one.message_id for one in compare(iter(ours), iter(()))] == list("abcde")


def test_what_is_left_stays_in_order() -> None:
    assert without_cancelled([B, A, C, A.mirrored(), A]) == [B, C, A]


# -- a large day -----------------------------------------------------------------------------------------


def a_day(bills: int, random: Random) -> list[DayLine]:
    """So many bills of an institution; every twentieth is taken back on the same day."""
    lines = []
    for number in range(bills):
        total = random.randrange(1_000, 1_000_000)
        fund = random.randrange(total)
        bill = DayLine(f"H0001-20261121{number:08d}", total, fund, random.randrange(total - fund + 1))
        lines += [bill, bill.mirrored()] if number % 20 == 0 else [bill]
    return lines


@pytest.mark.random
def test_ten_thousand_bills_with_fifty_planted_differences() -> None:
    random = Random(seeded(65))
    day = a_day(10_000, random)
    taken_back = {line.message_id for line in day if line.takes_back}
    bills = random.sample([line for line in day if line.message_id not in taken_back], 40)
    reversals = random.sample([line for line in day if line.takes_back], 10)
    not_here, not_there, changed = set(bills[:12]), {*bills[12:24], *reversals}, set(bills[24:])
    ours = [
        line._replace(account=line.account + 1) if line in changed else line
        for line in day
        if line not in not_here
    ]
    theirs = [line for line in day if line not in not_there]
    planted = Counter(
        {(INSTITUTION_ONLY, line.message_id, -line.total, -line.account): 1 for line in not_here}
        | {(AGENCY_ONLY, line.message_id, line.total, line.account): 1 for line in not_there}
        | {(AMOUNT_DIFF, line.message_id, 0, 1): 1 for line in changed}
    )
    assert planted.total() == 50
    random.shuffle(ours)
    with counted() as work:
        found = compare(ours, theirs)
    assert work.calls < 10 * len(ours)
    assert Counter((one.kind, one.message_id, one.total, one.account) for one in found) == planted
    assert not agrees(ours, adds_up(theirs))


# -- any day ---------------------------------------------------------------------------------------------

# few message ids and amounts, so that lines meet; zero is no line
amounts = st.integers(-2, 2) | st.integers(-(10**6), 10**6)
lines = st.lists(
    st.builds(DayLine, st.sampled_from("abc"), amounts, amounts, amounts).filter(lambda line: any(line[1:])),
    max_size=12,
)
MIRRORED = {
    AGENCY_ONLY: INSTITUTION_ONLY,
    INSTITUTION_ONLY: AGENCY_ONLY,
    AMOUNT_DIFF: AMOUNT_DIFF,
}


@given(lines, st.randoms(use_true_random=False))
def test_a_day_equals_itself_in_any_order(day: list[DayLine], random: Random) -> None:
    shuffled = list(day)
    random.shuffle(shuffled)
    assert compare(day, day) == []
    assert compare(day, shuffled) == []
    assert agrees(day, adds_up(shuffled))


@given(lines, lines)
def test_each_side_sees_the_same_differences(ours: list[DayLine], theirs: list[DayLine]) -> None:
    other_way = [
        Difference(
            MIRRORED[one.kind],
            one.message_id,
            one.theirs,
            one.ours,
            -one.total,
            -one.fund,
            -one.account,
        )
        for one in compare(theirs, ours)
    ]
    assert compare(ours, theirs) == other_way


@given(lines, lines)
def test_differences_add_up_to_that_of_the_totals(ours: list[DayLine], theirs: list[DayLine]) -> None:
    found = compare(ours, theirs)
    here, there = adds_up(ours), adds_up(theirs)
    for name in ("total", "fund", "account"):
        assert sum(getattr(one, name) for one in found) == getattr(here, name) - getattr(there, name)


@given(lines, lines)
def test_a_difference_says_which_lines_differ(ours: list[DayLine], theirs: list[DayLine]) -> None:
    for one in compare(ours, theirs):
        if one.kind is AMOUNT_DIFF:
            assert one.ours is not None
            assert one.theirs is not None
            assert one.ours != one.theirs
            assert one.ours.takes_back == one.theirs.takes_back
        else:
            assert (one.ours is None) == (one.kind is INSTITUTION_ONLY)
            assert (one.theirs is None) == (one.kind is AGENCY_ONLY)
        there = {line.message_id for line in (one.ours, one.theirs) if line is not None}
        assert there == {one.message_id}


@given(lines, lines)
def test_a_repaired_day_differs_in_nothing(ours: list[DayLine], theirs: list[DayLine]) -> None:
    """Repaired as a book is: what is wrong is taken back, and what is missing is settled."""
    repaired = list(ours)
    for one in compare(ours, theirs):
        if one.ours is not None:
            repaired.append(one.ours.mirrored())
        if one.theirs is not None:
            repaired.append(one.theirs)
    assert compare(repaired, theirs) == []


@given(lines, lines)
def test_the_institution_may_be_the_one_to_repair(ours: list[DayLine], theirs: list[DayLine]) -> None:
    repaired = list(theirs)
    for one in compare(ours, theirs):
        if one.theirs is not None:
            repaired.append(one.theirs.mirrored())
        if one.ours is not None:
            repaired.append(one.ours)
    assert compare(ours, repaired) == []


@given(lines)
def test_what_cancels_out_is_counted_in_pairs(day: list[DayLine]) -> None:
    left = without_cancelled(day)
    assert adds_up(left)[1:] == adds_up(day)[1:]
    assert (len(day) - len(left)) % 2 == 0
    remaining = Counter(left)
    assert not any(line.mirrored() in remaining for line in remaining)
