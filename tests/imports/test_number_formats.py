"""Which number formats are for days, the same ones that openpyxl takes for them, and which for per cent."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format

from ledger.imports.number_formats import (
    DAY_FORMATS,
    Shows,
    shown_as,
    shown_by_number,
    shows_day,
    shows_percent,
)

# what codes are made of, and what could be taken for it
PIECES = [
    *'yYmMdDhHsS0#.,;:/-_\\"[]@$?*% \n',
    *("yyyy", "mm", "[h]", "[hh]", "[mm]", "[ss]", "[H]", "[hhh]", "AM/PM", "General"),
    *("[Red]", "[$-804]", "[<=100]", "[DBNum1]", '"days"', '"年"', "年", "\\d", "_d"),
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(max_size=20))
@example("")
@example('0.00" d"')
@example('"a;b"yyyy')
@example("0;yyyy")
@example("[s]")
@example("[M]")
def test_a_code_is_read_as_openpyxl_reads_it(code: str) -> None:
    assert shows_day(code) == is_date_format(code)


@pytest.mark.parametrize(
    ("code", "is_day"),
    [
        ("yyyy-mm-dd", True),
        ('yyyy"年"m"月"', True),
        ("[$-804]yyyy/m/d", True),
        ("[h]:00", True),
        ("AM/PM", True),
        ("0.00", False),
        ("General", False),
        ('#,##0.00" yuan"', False),
        ("[Red]0.00", False),
        ("0_d", False),
        ("0\\d", False),
        ("0;yyyy", False),
    ],
)
def test_codes_for_days(code: str, *, is_day: bool) -> None:
    assert shows_day(code) is is_day


def test_the_numbers_that_need_no_code_agree_with_those_codes() -> None:
    told = {number for number, code in BUILTIN_FORMATS.items() if is_date_format(code)}
    assert {number for number in DAY_FORMATS if number in BUILTIN_FORMATS} == told


@pytest.mark.parametrize(
    ("code", "percent"),
    [
        ("0%", True), ("0.00%", True), ("[Red]0.0%;0", True), ("# ?/?", False), ('0"%"', False),
        ("0\\%", False), ("0_%", False), ("0;0%", False), ("#,##0.00", False), ("General", False),
        ("", False),
    ],
)  # fmt: skip
def test_a_code_shows_a_hundred_times_what_is_stored(code: str, percent: bool) -> None:
    assert shows_percent(code) is percent
    assert shown_as(code) is (Shows.PERCENT if percent else Shows.NUMBER)


def test_formats_that_have_a_number_only_show_what_openpyxl_says() -> None:
    for number, code in BUILTIN_FORMATS.items():
        assert (shown_by_number(number) is Shows.PERCENT) is ("%" in code)
        assert (shown_by_number(number) is Shows.DAY) is (number in DAY_FORMATS)
