"""Figures in words, as they are read aloud."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.inquiry.spoken import NUMBER_MAX, spoken_months, spoken_number, spoken_period, spoken_yuan
from ledger.money import FEN_MAX

DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")}
UNITS = {"十": 10, "百": 100, "千": 1000}


def heard(words: str) -> int:
    """The number that somebody hears who knows no more than digits and units."""
    whole, group, digit = 0, 0, 0
    for place, word in enumerate(words):
        if word in DIGITS:
            digit = DIGITS[word]
        elif word in UNITS:
            group += (1 if word == "十" and place == 0 else digit) * UNITS[word]
            digit = 0
        else:
            group += digit
            digit = 0
            whole, group = (whole + group) * 10**8 if word == "亿" else whole + group * 10**4, 0
    return whole + group + digit


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "零"),
        (1, "一"),
        (10, "十"),
        (11, "十一"),
        (20, "二十"),
        (100, "一百"),
        (101, "一百零一"),
        (110, "一百一十"),
        (111, "一百一十一"),
        (1001, "一千零一"),
        (1010, "一千零一十"),
        (1100, "一千一百"),
        (10_000, "一万"),
        (10_001, "一万零一"),
        (10_203, "一万零二百零三"),
        (12_345, "一万二千三百四十五"),
        (100_000, "十万"),
        (101_000, "十万零一千"),
        (110_000, "十一万"),
        (1_000_000, "一百万"),
        (10_000_000, "一千万"),
        (100_000_000, "一亿"),
        (100_000_001, "一亿零一"),
        (1_000_010_000, "十亿零一万"),
        (10_000_000_000, "一百亿"),
    ],
)
def test_a_number_in_words(number: int, words: str) -> None:
    assert spoken_number(number) == words


@pytest.mark.parametrize(
    ("fen", "words"),
    [
        (123_456, "一千二百三十四元五角六分"),
        (0, "零元"),
        (5, "五分"),
        (50, "五角"),
        (55, "五角五分"),
        (100, "一元"),
        (105, "一元零五分"),
        (150, "一元五角"),
        (1_005, "十元零五分"),
        (1_000_000, "一万元"),
        (-5, "负五分"),
        (FEN_MAX, "一百亿元"),
    ],
)
def test_an_amount_in_words(fen: int, words: str) -> None:
    assert spoken_yuan(fen) == words


@given(st.integers(0, 10**11))
def test_what_is_said_is_heard(number: int) -> None:
    words = spoken_number(number)
    assert heard(words) == number
    assert "零零" not in words
    assert not words.endswith("零") or number == 0


@given(st.integers(0, FEN_MAX))
def test_an_amount_is_short_and_has_no_figures(fen: int) -> None:
    words = spoken_yuan(fen)
    assert not any(character.isascii() for character in words)
    assert len(words) <= 40


@pytest.mark.parametrize("number", [-1, NUMBER_MAX + 1])
def test_nobody_says_such_a_number(number: int) -> None:
    with pytest.raises(ValueError, match="no number"):
        spoken_number(number)


def test_months() -> None:
    assert [spoken_months(count) for count in (0, 1, 2, 12, 22)] == [
        "零个月", "一个月", "两个月", "十二个月", "二十二个月",
    ]  # fmt: skip
    assert spoken_period(202603) == "二零二六年三月"
    assert spoken_period(201012) == "二零一零年十二月"
