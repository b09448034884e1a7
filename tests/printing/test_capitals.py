"""Amounts in capital numerals: a table checked by hand, and a reader that knows nothing of the writer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.printing.capitals import CAPITALS_MAX, capitals

pytestmark = pytest.mark.sqlite

BY_HAND = {
    0: "零元整",
    1: "壹分",
    10: "壹角整",
    11: "壹角壹分",
    100: "壹元整",
    101: "壹元零壹分",
    110: "壹元壹角整",
    1_000: "壹拾元整",
    1_000_010: "壹万元零壹角整",
    10_000: "壹佰元整",
    10_500: "壹佰零伍元整",
    100_001: "壹仟元零壹分",
    101_000: "壹仟零壹拾元整",
    140_950: "壹仟肆佰零玖元伍角整",
    600_714: "陆仟零柒元壹角肆分",
    1_234_567: "壹万贰仟叁佰肆拾伍元陆角柒分",
    1_000_100: "壹万零壹元整",
    10_000_000: "壹拾万元整",
    10_700_053: "壹拾万柒仟元零伍角叁分",
    100_001_000: "壹佰万零壹拾元整",
    168_032: "壹仟陆佰捌拾元零叁角贰分",
    1_680_032: "壹万陆仟捌佰元零叁角贰分",
    10_000_000_000: "壹亿元整",
    10_000_000_100: "壹亿零壹元整",
    10_010_000_000: "壹亿零壹拾万元整",
    100_000_000_000_000: "壹万亿元整",
    100_020_000_000_000: "壹万零贰亿元整",
    -5: "负伍分",
    -1_234_567: "负壹万贰仟叁佰肆拾伍元陆角柒分",
}
DIGITS = "零壹贰叁肆伍陆柒捌玖"


def read_back(text: str) -> int:
    """The fen that capitals say, by a reader of its own: digits gather, places multiply."""
    sign, text = (-1, text[1:]) if text.startswith("负") else (1, text)
    fen = section = below = digit = 0
    for one in text:
        if one in DIGITS:
            digit = DIGITS.index(one)
        elif one in "拾佰仟":
            section, digit = section + digit * {"拾": 10, "佰": 100, "仟": 1000}[one], 0
        elif one == "万":
            below, section, digit = below + (section + digit) * 10_000, 0, 0
        elif one == "亿":
            below, section, digit = (below + section + digit) * 10**8, 0, 0
        elif one == "元":
            fen, below, section, digit = (below + section + digit) * 100, 0, 0, 0
        elif one == "角":
            fen, digit = fen + digit * 10, 0
        elif one == "分":
            fen, digit = fen + digit, 0
        else:
            assert one == "整", f"{one} is no numeral"
    return sign * fen


@pytest.mark.parametrize(("fen", "written"), BY_HAND.items())
def test_as_written_by_hand(fen: int, written: str) -> None:
    assert capitals(fen) == written


@given(st.integers(-(10**14), 10**14))
def test_what_is_written_reads_back(fen: int) -> None:
    written = capitals(fen)
    assert read_back(written) == fen
    assert "零零" not in written
    assert written.endswith(("整", "分"))


def test_what_has_no_name_is_not_written() -> None:
    with pytest.raises(ValueError, match="no name"):
        capitals(CAPITALS_MAX + 1)
