"""Amounts in and out, and rounding."""

import re
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.money import AMOUNT_PATTERN, FEN_MAX, format_yuan, parse_yuan, round_half_up
from ledger.refusals import RefusalCode, Refused


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("0.00", 0),
        ("0.01", 1),
        ("0.10", 10),
        ("1.00", 100),
        ("128.50", 12_850),
        ("9999999999.99", FEN_MAX - 1),
        ("10000000000.00", FEN_MAX),
    ],
)
def test_amount_is_read_to_the_fen(text: str, fen: int) -> None:
    assert parse_yuan(text) == fen


REFUSED_AMOUNTS = {
    "empty": "",
    "no_decimals": "128",
    "point_only": "128.",
    "one_decimal": "128.5",
    "three_decimals": "128.500",
    "no_yuan": ".50",
    "minus": "-1.00",
    "minus_zero": "-0.00",
    "plus": "+1.00",
    "leading_zero": "01.00",
    "double_zero": "00.00",
    "blank_before": " 1.00",
    "blank_after": "1.00 ",
    "newline_after": "1.00\n",
    "separator": "1,000.00",
    "underscore": "1_000.00",
    "comma_as_point": "1,00",
    "exponent": "1e2.00",
    "hexadecimal": "0x1.00",
    "nan": "NaN",
    "infinity": "Infinity",
    "currency": "\u00a51.00",
    "full_width": "\uff11.\uff10\uff10",
    "full_width_point": "1\uff0e00",
    "arabic_indic": "\u0661.\u0660\u0660",
    "one_fen_too_much": "10000000000.01",
    "eleven_digits": "99999999999.99",
    "twelve_digits": "100000000000.00",
    "very_long": "1" * 100_000 + ".00",
}


@pytest.mark.parametrize("text", REFUSED_AMOUNTS.values(), ids=REFUSED_AMOUNTS.keys())
def test_anything_else_is_refused_as_an_amount(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_yuan(text)
    assert refused.value.code is RefusalCode.AMOUNT_INVALID
    assert refused.value.facts == {}


def test_published_pattern_is_anchored_for_every_reader() -> None:
    assert re.search(AMOUNT_PATTERN, "128.50")
    assert not re.search(AMOUNT_PATTERN, "x128.50")
    assert not re.search(AMOUNT_PATTERN, "128.500")


@given(st.integers(0, FEN_MAX))
def test_amount_written_and_read_is_the_same(fen: int) -> None:
    assert parse_yuan(format_yuan(fen)) == fen


@pytest.mark.parametrize(
    ("fen", "text"),
    [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (-100, "-1.00"), (12_850, "128.50"), (-12_850, "-128.50")],
)
def test_amount_is_written_with_two_decimals(fen: int, text: str) -> None:
    assert format_yuan(fen) == text


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"),
    [
        (0, 7, 0),
        (1, 2, 1),
        (3, 2, 2),
        (5, 2, 3),
        (49, 100, 0),
        (50, 100, 1),
        (149, 100, 1),
        (-49, 100, 0),
        (-1, 2, -1),
        (-5, 2, -3),
        (-149, 100, -1),
        (65_065, 10, 6_507),  # 65.065 yuan, which binary floating point rounds down
        (10**30 + 5, 10, 10**29 + 1),
    ],
)
def test_half_goes_away_from_zero(numerator: int, denominator: int, rounded: int) -> None:
    assert round_half_up(numerator, denominator) == rounded


@given(st.integers(-(10**15), 10**15), st.integers(0, 6))
@example(numerator=-25, places=1)
def test_rounding_agrees_with_decimal(numerator: int, places: int) -> None:
    exact = Decimal(numerator).scaleb(-places)
    assert round_half_up(numerator, 10**places) == int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


@given(st.integers(-(10**20), 10**20), st.integers(1, 10**6))
def test_rounding_is_off_by_at_most_a_half_and_symmetric(numerator: int, denominator: int) -> None:
    rounded = round_half_up(numerator, denominator)
    assert abs(2 * (rounded * denominator - numerator)) <= denominator
    assert round_half_up(-numerator, denominator) == -rounded


@pytest.mark.parametrize("denominator", [0, -1])
def test_denominator_must_be_positive(denominator: int) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        round_half_up(1, denominator)
