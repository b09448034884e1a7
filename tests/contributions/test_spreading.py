"""Spreading a payment: examples small enough to check by hand, and properties for all others."""

from collections.abc import Sequence
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.contributions.spreading import Due, spread
from ledger.policy import PartPayment
from tests.support.work import counted

PRO_RATA, EMPLOYEE_FIRST, FULL_MONTH = PartPayment


def rank_of(order: Sequence[int]) -> dict[int, int]:
    """Accounts as their ID numbers stand in order."""
    return {account: place for place, account in enumerate(order)}


# -- by hand ---------------------------------------------------------------------------------------------

# Two people, 160.00 + 600.00 and 97.44 + 365.40: 1,222.84 in all.
TWO = [Due(1, 16_000, 60_000), Due(2, 9_744, 36_540)]

# amount, how; (employee, employer) of each, in fen
BY_HAND = {
    "nothing": (TWO, 0, PRO_RATA, [(0, 0), (0, 0)]),
    "half": (TWO, 61_142, PRO_RATA, [(8_000, 30_000), (4_872, 18_270)]),
    "the whole": (TWO, 122_284, PRO_RATA, [(16_000, 60_000), (9_744, 36_540)]),
    # shares 13.08…, 49.06…, 7.96…, 29.88…: the two largest fractions are those of the second person
    "a yuan": (TWO, 100, PRO_RATA, [(13, 49), (8, 30)]),
    # shares 0.13…, 0.49…, 0.07…, 0.29…
    "a fen": (TWO, 1, PRO_RATA, [(0, 1), (0, 0)]),
    "employee first, not enough": (TWO, 12_872, EMPLOYEE_FIRST, [(8_000, 0), (4_872, 0)]),
    "employee first, exactly": (TWO, 25_744, EMPLOYEE_FIRST, [(16_000, 0), (9_744, 0)]),
    # 1.00 over 600.00 and 365.40: 62.15…, 37.84…
    "employee first, and some more": (TWO, 25_844, EMPLOYEE_FIRST, [(16_000, 62), (9_744, 38)]),
    "employee first, the whole": (TWO, 122_284, EMPLOYEE_FIRST, [(16_000, 60_000), (9_744, 36_540)]),
    "a full month": (TWO, 122_284, FULL_MONTH, [(16_000, 60_000), (9_744, 36_540)]),
    "nobody owes anything": ([Due(1, 0, 0)], 0, PRO_RATA, [(0, 0)]),
    "nobody there": ([], 0, FULL_MONTH, []),
    "what is paid already gets nothing": ([Due(1, 0, 0), Due(2, 50, 50)], 51, PRO_RATA, [(0, 0), (26, 25)]),
}


@pytest.mark.parametrize(("dues", "amount", "how", "expected"), BY_HAND.values(), ids=BY_HAND.keys())
def test_spread(dues: list[Due], amount: int, how: PartPayment, expected: list[tuple[int, int]]) -> None:
    assert spread(amount, dues, how, rank_of([1, 2]).__getitem__) == expected


# Three people who owe the same: the left-over fen go by ID number, and to the employee's part first.
ALIKE = [Due(7, 10, 10), Due(8, 10, 10), Due(9, 10, 10)]

TIES = {
    "by the order of the list": (1, [7, 8, 9], [(1, 0), (0, 0), (0, 0)]),
    "by the ID number": (1, [9, 7, 8], [(0, 0), (0, 0), (1, 0)]),
    "the same person's other part next": (2, [9, 7, 8], [(0, 0), (0, 0), (1, 1)]),
    "then the next person": (3, [9, 7, 8], [(1, 0), (0, 0), (1, 1)]),
    "all but one": (5, [9, 7, 8], [(1, 1), (1, 0), (1, 1)]),
    "over whole fen": (6 * 4 + 3, [8, 9, 7], [(4, 4), (5, 5), (5, 4)]),
}


@pytest.mark.parametrize(("amount", "order", "expected"), TIES.values(), ids=TIES.keys())
def test_ties_go_by_rank_then_by_part(amount: int, order: list[int], expected: list[tuple[int, int]]) -> None:
    assert spread(amount, ALIKE, PRO_RATA, rank_of(order).__getitem__) == expected


def test_employee_first_ties_go_by_rank_in_both_rounds() -> None:
    rank = rank_of([9, 7, 8]).__getitem__
    assert spread(1, ALIKE, EMPLOYEE_FIRST, rank) == [(0, 0), (0, 0), (1, 0)]
    assert spread(31, ALIKE, EMPLOYEE_FIRST, rank) == [(10, 0), (10, 0), (10, 1)]


def test_only_those_who_tie_for_the_last_fen_are_ranked() -> None:
    asked: list[int] = []

    def rank(account: int) -> int:
        asked.append(account)
        return -account

    # shares 0.5, 0.5, 0.5, 0.3, 0.2: two fen for the first three, the others are not looked at
    dues = [Due(1, 5, 0), Due(2, 0, 5), Due(3, 5, 0), Due(4, 3, 0), Due(5, 0, 2)]
    assert spread(2, dues, PRO_RATA, rank) == [(0, 0), (0, 1), (1, 0), (0, 0), (0, 0)]
    assert sorted(asked) == [1, 2, 3]

    asked.clear()
    assert spread(61_142, TWO, PRO_RATA, rank) == [(8_000, 30_000), (4_872, 18_270)]
    assert spread(100, TWO, PRO_RATA, rank) == [(13, 49), (8, 30)]
    assert asked == []


def test_a_rank_is_asked_once_for_a_person() -> None:
    asked: list[int] = []

    def rank(account: int) -> int:
        asked.append(account)
        return account

    spread(1, ALIKE, PRO_RATA, rank)
    assert sorted(asked) == [7, 8, 9]


@pytest.mark.parametrize(
    ("amount", "dues", "how", "wrong"),
    [
        (-1, TWO, PRO_RATA, "nor more than what is unpaid"),
        (122_285, TWO, PRO_RATA, "nor more than what is unpaid"),
        (122_285, TWO, EMPLOYEE_FIRST, "nor more than what is unpaid"),
        (1, [], PRO_RATA, "nor more than what is unpaid"),
        (0, [Due(1, -1, 1)], PRO_RATA, "what is unpaid must not be negative"),
        (0, [Due(1, 1, -1)], PRO_RATA, "what is unpaid must not be negative"),
        (122_283, TWO, FULL_MONTH, "whole or not at all"),
        (0, TWO, FULL_MONTH, "whole or not at all"),
    ],
)
def test_a_callers_mistake(amount: int, dues: list[Due], how: PartPayment, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        spread(amount, dues, how, int)


# -- any list, any amount --------------------------------------------------------------------------------

parts = st.integers(0, 3) | st.integers(0, 10**6) | st.sampled_from([9_744, 36_540])


@st.composite
def lists(draw: st.DrawFn) -> tuple[list[Due], int]:
    """What some people owe, and an amount that is no more than that."""
    owed = draw(st.lists(st.tuples(parts, parts), max_size=12))
    accounts = draw(st.permutations(range(len(owed))))
    dues = [Due(account, *both) for account, both in zip(accounts, owed, strict=True)]
    return dues, draw(st.integers(0, sum(map(sum, owed))))


@given(lists(), st.sampled_from([PRO_RATA, EMPLOYEE_FIRST]))
def test_the_parts_are_the_whole_and_none_is_overpaid(
    given_list: tuple[list[Due], int], how: PartPayment
) -> None:
    dues, amount = given_list
    paid = spread(amount, dues, how, int)
    assert sum(map(sum, paid)) == amount
    for due, (employee, employer) in zip(dues, paid, strict=True):
        assert 0 <= employee <= due.employee_fen
        assert 0 <= employer <= due.employer_fen


@given(lists())
def test_pro_rata_is_the_largest_fraction_rule_of_k7(given_list: tuple[list[Due], int]) -> None:
    """Worked out anew with exact fractions and one sort over everything."""
    dues, amount = given_list
    total = sum(due.employee_fen + due.employer_fen for due in dues)
    claims = [
        (Fraction(amount * fen, total or 1), due.account_id, part, position)
        for position, due in enumerate(dues)
        for part, fen in enumerate(due[1:])
    ]
    floors = {(position, part): exact.__floor__() for exact, _, part, position in claims}
    left_over = amount - sum(floors.values())
    by_fraction = sorted(claims, key=lambda claim: (-(claim[0] % 1), claim[1], claim[2]))
    for _, _, part, position in by_fraction[:left_over]:
        floors[position, part] += 1
    expected = [(floors[position, 0], floors[position, 1]) for position in range(len(dues))]
    assert spread(amount, dues, PRO_RATA, int) == expected


@given(lists())
def test_employee_first_pays_no_employer_before_every_employee(given_list: tuple[list[Due], int]) -> None:
    dues, amount = given_list
    paid = spread(amount, dues, EMPLOYEE_FIRST, int)
    if any(employer for _, employer in paid):
        assert [employee for employee, _ in paid] == [due.employee_fen for due in dues]
    else:
        alone = [Due(due.account_id, due.employee_fen, 0) for due in dues]
        assert paid == spread(amount, alone, PRO_RATA, int)


@given(lists(), st.randoms(use_true_random=False), st.sampled_from([PRO_RATA, EMPLOYEE_FIRST]))
def test_the_order_of_the_list_does_not_matter(
    given_list: tuple[list[Due], int], random: Random, how: PartPayment
) -> None:
    dues, amount = given_list
    shuffled = list(dues)
    random.shuffle(shuffled)
    there = dict(zip(dues, spread(amount, dues, how, int), strict=True))
    assert spread(amount, shuffled, how, int) == [there[due] for due in shuffled]


@given(lists(), st.data())
def test_payments_after_one_another_settle_the_month(
    given_list: tuple[list[Due], int], data: st.DataObject
) -> None:
    dues, amount = given_list
    first = spread(amount, dues, PRO_RATA, int)
    rest = [
        Due(due.account_id, due.employee_fen - employee, due.employer_fen - employer)
        for due, (employee, employer) in zip(dues, first, strict=True)
    ]
    owed = sum(due.employee_fen + due.employer_fen for due in rest)
    assert owed == sum(due.employee_fen + due.employer_fen for due in dues) - amount
    second = data.draw(st.integers(0, owed))
    assert sum(map(sum, spread(second, rest, PRO_RATA, int))) == second
    assert spread(owed, rest, FULL_MONTH, int) == [(due.employee_fen, due.employer_fen) for due in rest]


@pytest.mark.slow
def test_a_hundred_thousand_people_take_no_time() -> None:
    dues = [Due(number, 9_744 + number % 977, 36_540 + number % 3_571) for number in range(100_000)]
    amount = sum(due.employee_fen + due.employer_fen for due in dues) * 2 // 3
    with counted() as work:
        paid = spread(amount, dues, PRO_RATA, int)
    assert work.calls < 40 * len(dues)
    assert sum(map(sum, paid)) == amount
