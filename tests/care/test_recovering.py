"""Advances for a third party and what of them comes back: the worked examples, and properties."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.care.recovering import advance, to_return
from ledger.policy import Recovery

PRO_RATA, PERSON_FIRST, FUND_FIRST = Recovery

# inpatient, level 3, active, 10,000.00 in scope, third party liable for 60 %: 88 % above the deductible
WHOLE, BORNE, EXCLUDED = 800_800, 272_800, 600_000
ADVANCED = 528_000


def test_what_is_advanced() -> None:
    """E43, and E45: that the person has paid the hospital changes nothing about the amount."""
    assert WHOLE == (1_000_000 - 90_000) * 88 // 100
    assert (1_000_000 - EXCLUDED - 90_000) * 88 // 100 == BORNE
    assert advance(WHOLE, BORNE) == ADVANCED


def test_an_advance_is_never_below_zero() -> None:
    assert advance(BORNE, WHOLE) == 0
    assert advance(WHOLE, WHOLE) == 0


# E44 is the pro rata column: what the third party paid in all, and what must have been returned then
RETURNED = {
    "nothing yet": (0, 0, 0, 0),
    "a fen": (1, 1, 0, 1),
    "less than is left to the person": (72_000, 63_360, 0, 72_000),
    "a fen more": (72_001, 63_361, 1, 72_001),
    "2,000.00": (200_000, 176_000, 128_000, 200_000),
    "3,000.00": (300_000, 264_000, 228_000, 300_000),
    "as much as the advance": (528_000, 464_640, 456_000, 528_000),
    "a fen less than the whole": (599_999, 527_999, 527_999, 528_000),
    "6,000.00": (600_000, 528_000, 528_000, 528_000),
    "more than it owed": (900_000, 528_000, 528_000, 528_000),
}


@pytest.mark.parametrize(
    ("paid", "pro_rata", "person_first", "fund_first"), RETURNED.values(), ids=RETURNED.keys()
)
def test_what_must_be_returned(paid: int, pro_rata: int, person_first: int, fund_first: int) -> None:
    assert to_return(PRO_RATA, ADVANCED, EXCLUDED, paid) == pro_rata
    assert to_return(PERSON_FIRST, ADVANCED, EXCLUDED, paid) == person_first
    assert to_return(FUND_FIRST, ADVANCED, EXCLUDED, paid) == fund_first


def test_half_a_fen_goes_up() -> None:
    assert to_return(PRO_RATA, 1, 2, 1) == 1
    assert to_return(PRO_RATA, 1, 3, 1) == 0


def test_the_word_of_a_rule_will_do() -> None:
    assert to_return("person_first", ADVANCED, EXCLUDED, 200_000) == 128_000  # type: ignore[arg-type]  # a plain word


@pytest.mark.parametrize(
    ("rule", "advanced", "excluded", "paid"),
    [
        (PRO_RATA, -1, 1, 1),
        (PRO_RATA, 1, -1, 1),
        (PRO_RATA, 1, 1, -1),
        (PRO_RATA, 1, 0, 0),
        (FUND_FIRST, 1, 0, 1),
        ("by_lot", 1, 2, 1),
        ("by_lot", 1, 2, 2),
    ],
)
def test_a_callers_mistake(rule: Recovery, advanced: int, excluded: int, paid: int) -> None:
    with pytest.raises(ValueError, match=r"negative|excluded|by_lot"):
        to_return(rule, advanced, excluded, paid)


@pytest.mark.parametrize(("whole", "borne"), [(-1, 0), (0, -1)])
def test_the_policy_takes_nothing(whole: int, borne: int) -> None:
    with pytest.raises(ValueError, match="negative"):
        advance(whole, borne)


# -- any case --------------------------------------------------------------------------------------------

rules = st.sampled_from(Recovery)
fen = st.integers(0, 20) | st.integers(0, 10**9)
# an advance put together of rounded parts may be more than what was excluded by a fen
advances = st.tuples(st.integers(1, 20) | st.integers(1, 10**9), fen).map(
    lambda both: (min(both[1], both[0] + 1), both[0])
)


@given(rules, advances, fen)
@example(PRO_RATA, (4, 3), 2)  # the advance's share is 2.67
@example(PRO_RATA, (4, 3), 3)
@example(PERSON_FIRST, (4, 3), 3)
@example(FUND_FIRST, (4, 3), 3)
def test_never_more_than_the_advance_nor_than_was_paid(
    rule: Recovery, case: tuple[int, int], paid: int
) -> None:
    advanced, excluded = case
    assert 0 <= to_return(rule, advanced, excluded, paid) <= min(advanced, paid)


@given(rules, advances, fen)
@example(PRO_RATA, (4, 3), 0)
@example(PRO_RATA, (4, 3), 1)
def test_once_all_is_paid_all_is_returned(rule: Recovery, case: tuple[int, int], more: int) -> None:
    advanced, excluded = case
    assert to_return(rule, advanced, excluded, excluded + more) == min(advanced, excluded + more)


@given(rules, advances, fen, fen)
@example(PRO_RATA, (4, 3), 1, 1)
@example(PRO_RATA, (4, 3), 2, 1)
def test_the_more_is_paid_the_more_is_returned(
    rule: Recovery, case: tuple[int, int], paid: int, more: int
) -> None:
    """So what a further payment makes due is never below zero, and never more than that payment."""
    advanced, excluded = case
    before, after = (to_return(rule, advanced, excluded, so_far) for so_far in (paid, paid + more))
    assert 0 <= after - before <= more


@given(advances, fen)
@example((4, 3), 2)
def test_pro_rata_lies_between_the_two_others(case: tuple[int, int], paid: int) -> None:
    advanced, excluded = case
    by_rule = {rule: to_return(rule, advanced, excluded, paid) for rule in Recovery}
    assert by_rule[PERSON_FIRST] <= by_rule[PRO_RATA] <= by_rule[FUND_FIRST]
