"""Dividing an amount: to the fen, and never a fen more or less."""

import random
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.refusals import RefusalCode, Refused
from ledger.shares import SHARES_MAX, Share, divide, divide_shares, heir_rank, parse_weights

SPOUSE = heir_rank("spouse", date(1960, 5, 1), "s")
CHILD_A = heir_rank("child", date(1985, 1, 1), "a")
CHILD_B = heir_rank("child", date(1988, 1, 1), "b")
GRANDCHILD_1 = heir_rank("grandchild", date(2010, 1, 1), "1")
GRANDCHILD_2 = heir_rank("grandchild", date(2012, 1, 1), "2")


def in_order(count: int) -> list[tuple[int]]:
    """Ranks by which whoever is named first goes first."""
    return [(place,) for place in range(count)]


@pytest.mark.parametrize(
    ("total_fen", "texts", "ranks", "parts_fen"),
    [
        pytest.param(
            100_000, [None] * 3, [SPOUSE, CHILD_A, CHILD_B], [33_334, 33_333, 33_333], id="spouse_2_children"
        ),
        pytest.param(100_003, [None] * 4, in_order(4), [25_001, 25_001, 25_001, 25_000], id="four_equal"),
        pytest.param(2, [None] * 3, in_order(3), [1, 1, 0], id="fewer_fen_than_heirs"),
        pytest.param(
            100_000,
            ["1/3", "1/3", "1/6", "1/6"],
            [SPOUSE, CHILD_B, GRANDCHILD_1, GRANDCHILD_2],
            [33_333, 33_333, 16_667, 16_667],
            id="children_of_a_dead_child",
        ),
        pytest.param(7, ["0.5", "0.3", "0.2"], in_order(3), [4, 2, 1], id="by_will"),
        pytest.param(
            100_000, [None] * 3, [CHILD_B, CHILD_A, SPOUSE], [33_333, 33_333, 33_334], id="rank_not_position"
        ),
        pytest.param(
            100_001, [None] * 3, [CHILD_B, CHILD_A, SPOUSE], [33_333, 33_334, 33_334], id="older_child_first"
        ),
        pytest.param(1, [None] * 2, [(0,), (0,)], [1, 0], id="same_rank_by_position"),
        pytest.param(0, [None] * 2, in_order(2), [0, 0], id="nothing_to_divide"),
        pytest.param(12_345, ["1"], in_order(1), [12_345], id="sole_heir"),
    ],
)
def test_amount_is_divided_to_the_fen(
    total_fen: int, texts: list[str | None], ranks: list[tuple[int, ...]], parts_fen: list[int]
) -> None:
    assert divide(total_fen, parse_weights(texts), ranks) == parts_fen


def test_largest_fraction_goes_before_rank() -> None:
    weights = [Fraction(14, 100), Fraction(16, 100), Fraction(70, 100)]
    assert divide(10, weights, in_order(3)) == [1, 2, 7]


@st.composite
def weights_and_ranks(draw: st.DrawFn) -> tuple[list[Fraction], list[tuple[int]]]:
    whole = draw(st.lists(st.integers(0, 1_000), min_size=1, max_size=12).filter(any))
    ranks = draw(st.lists(st.integers(0, 3), min_size=len(whole), max_size=len(whole)))
    return [Fraction(part, sum(whole)) for part in whole], [(rank,) for rank in ranks]


@given(st.integers(0, 10**12), weights_and_ranks())
def test_parts_add_up_and_nobody_is_a_fen_off(
    total_fen: int, shared: tuple[list[Fraction], list[tuple[int]]]
) -> None:
    weights, ranks = shared
    parts = divide(total_fen, weights, ranks)
    assert sum(parts) == total_fen
    assert all(abs(part - total_fen * weight) < 1 for part, weight in zip(parts, weights, strict=True))
    assert all(part == 0 for part, weight in zip(parts, weights, strict=True) if weight == 0)


@given(st.integers(0, 10**6), weights_and_ranks(), st.integers())
def test_order_of_naming_does_not_matter_when_ranks_differ(
    total_fen: int, shared: tuple[list[Fraction], list[tuple[int]]], seed: int
) -> None:
    weights, _ = shared
    heirs = list(zip(weights, in_order(len(weights)), strict=True))
    shuffled = random.Random(seed).sample(heirs, len(heirs))
    parts = divide(total_fen, *zip(*heirs, strict=True))
    assert dict(zip(heirs, parts, strict=True)) == dict(
        zip(shuffled, divide(total_fen, *zip(*shuffled, strict=True)), strict=True)
    )


def test_shares_divide_as_weights_and_ranks_do() -> None:
    shares = [Share(Fraction(1, 2), CHILD_A), Share(Fraction(1, 2), SPOUSE)]
    assert divide_shares(3, shares) == [1, 2]


@pytest.mark.parametrize(
    ("total_fen", "weights", "ranks"),
    [
        pytest.param(-1, [Fraction(1)], [(0,)], id="negative_total"),
        pytest.param(1, [Fraction(3, 2), Fraction(-1, 2)], [(0,), (1,)], id="negative_weight"),
        pytest.param(1, [Fraction(1, 2)], [(0,)], id="not_the_whole"),
        pytest.param(1, [], [], id="nobody"),
        pytest.param(1, [Fraction(1)], [], id="rank_missing"),
    ],
)
def test_division_that_cannot_be_is_a_bug(
    total_fen: int, weights: list[Fraction], ranks: list[tuple[int]]
) -> None:
    with pytest.raises(ValueError, match="weight"):
        divide(total_fen, weights, ranks)


@pytest.mark.parametrize(
    ("texts", "weights"),
    [
        pytest.param([None], [Fraction(1)], id="one_left_out"),
        pytest.param([None, None, None], [Fraction(1, 3)] * 3, id="all_left_out"),
        pytest.param(["1/3", "2/3"], [Fraction(1, 3), Fraction(2, 3)], id="fractions"),
        pytest.param(["2/6", "4/6"], [Fraction(1, 3), Fraction(2, 3)], id="not_reduced"),
        pytest.param(["0.25", "0.750"], [Fraction(1, 4), Fraction(3, 4)], id="decimals"),
        pytest.param(["1/4", "0.75"], [Fraction(1, 4), Fraction(3, 4)], id="mixed_forms"),
        pytest.param(["0.1"] * 10, [Fraction(1, 10)] * 10, id="tenths_are_exact"),
        pytest.param(["1.0"], [Fraction(1)], id="the_whole"),
    ],
)
def test_shares_are_read_exactly(texts: list[str | None], weights: list[Fraction]) -> None:
    assert parse_weights(texts) == weights


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param([], id="nobody"),
        pytest.param([None] * (SHARES_MAX + 1), id="too_many"),
        pytest.param(["1/2", None], id="some_left_out"),
        pytest.param(["0.33", "0.33", "0.33"], id="below_one"),
        pytest.param(["0.5", "0.6"], id="above_one"),
        pytest.param(["1", "0"], id="zero_weight"),
        pytest.param(["1", "0.00"], id="zero_decimal"),
        pytest.param(["1", "0/5"], id="zero_numerator"),
        pytest.param(["1/0", "1"], id="zero_denominator"),
        pytest.param(["3/2", "-1/2"], id="negative"),
        pytest.param(["+1/2", "1/2"], id="plus"),
        pytest.param(["1 / 2", "1/2"], id="blanks_inside"),
        pytest.param([" 1/2", "1/2"], id="blank_before"),
        pytest.param(["1/2\n", "1/2"], id="newline"),
        pytest.param(["1e0"], id="exponent"),
        pytest.param([".5", "0.5"], id="no_whole_part"),
        pytest.param(["1."], id="point_only"),
        pytest.param(["50%", "50%"], id="per_cent"),
        pytest.param(["1/2/1", "1/2"], id="two_strokes"),
        pytest.param([""], id="empty"),
        pytest.param(["nan"], id="not_a_number"),
        pytest.param(["\uff11"], id="full_width"),
        pytest.param(["\u00bd", "1/2"], id="vulgar_half"),
        pytest.param(["1." + "0" * 31], id="too_long"),
    ],
)
def test_other_shares_are_refused(texts: list[str | None]) -> None:
    with pytest.raises(Refused) as refused:
        parse_weights(texts)
    assert refused.value.code is RefusalCode.SHARES_INVALID
    assert refused.value.facts == {}


def test_longest_share_text_is_taken() -> None:
    assert parse_weights(["1." + "0" * 30]) == [Fraction(1)]


def test_heirs_stand_in_the_order_of_the_rule() -> None:
    expected = [
        heir_rank("spouse", None, None),
        heir_rank("child", date(1980, 1, 1), "z"),
        heir_rank("child", date(1990, 1, 1), "a"),
        heir_rank("child", None, "a"),
        heir_rank("parent", date(1930, 1, 1), "a"),
        heir_rank("parent", date(1935, 1, 1), None),
        heir_rank("sibling", date(1955, 1, 1), "a"),
        heir_rank("sibling", date(1955, 1, 1), "b"),
        heir_rank("grandparent", date(1955, 1, 1), "c"),
        heir_rank("friend", date(1955, 1, 1), None),
        heir_rank("sibling", date(1956, 1, 1), "a"),
        heir_rank("sibling", None, "a"),
        heir_rank("sibling", None, None),
    ]
    assert sorted(reversed(expected)) == expected
    assert len(set(expected)) == len(expected)


def test_a_parent_comes_before_whoever_is_no_close_relative() -> None:
    young_parent = heir_rank("parent", date(1980, 1, 1), None)
    old_friend = heir_rank("other", date(1930, 1, 1), None)
    assert sorted([old_friend, young_parent]) == [young_parent, old_friend]
