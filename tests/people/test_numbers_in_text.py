"""Which texts hold an ID number, so that they are refused; and how seldom other numbers are taken for one."""

from __future__ import annotations

import itertools
import random
import sys
import unicodedata
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.id_forms import OLD_LENGTH, holds_id_number, kind_of
from ledger.people.id_numbers import check_digit, mask_in_text
from ledger.texts import MIDDLE_DOTS, read_letter
from ledger.unseen import UNSEEN as ALL_UNSEEN
from tests.people.test_id_numbers import BETWEEN, OLD, OLD_PARTED, PARTED, PARTS, UNSEEN, VALID, parted, wide


@pytest.mark.parametrize("part", PARTS, ids=ascii)
@pytest.mark.parametrize(
    ("number", "lengths"),
    [*itertools.product(VALID, PARTED), *itertools.product(OLD, OLD_PARTED)],
    ids=str,
)
def test_a_number_is_found_however_its_digits_are_parted(
    number: str, lengths: tuple[int, ...], part: str
) -> None:
    for written in (parted(number, lengths, part), wide(parted(number, lengths, part))):
        for text in (
            written, f"案卷{written}号", f"sub={written}, 7 days", f"2026-11-28 21:12 {written} 2",
        ):  # fmt: skip
            assert holds_id_number(text), text
            assert mask_in_text(text) != text, "what is refused would be masked, too"


@pytest.mark.parametrize(
    "filling", [*UNSEEN, "  ", "\n", "\r\n", "\t", " - ", "/", "\u301c", "\u2e3a"], ids=ascii
)
@pytest.mark.parametrize("number", [*VALID, *OLD])
def test_a_number_is_found_whatever_parts_it(number: str, filling: str) -> None:
    short = len(number) == OLD_LENGTH
    for lengths in ((6, 6, 3), (15,)) if short else ((6, 8, 4), (9, 9), (4, 4, 4, 4, 2), (1,) * 18):
        assert holds_id_number(f"号码 {parted(number, lengths, filling)} 完")


SIGNS_BETWEEN = (
    *(chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Pd"),
    # what is typed for a hyphen and is none by its category, dots of every form, slashes
    *"\u02d7\u2043\u207b\u208b\u2212\u2500\u2501\u2796\u30fc\uff70", *MIDDLE_DOTS, ".", "\uff0e",
    *"/\\|\u2044\u2215\u2216\u29f8\u29f9\ufe68\uff0f\uff3c\uff5c",
)  # fmt: skip


@pytest.mark.parametrize("sign", SIGNS_BETWEEN, ids=ascii)
def test_every_hyphen_dot_and_slash_may_part_it(sign: str) -> None:
    for number, lengths in (("119999198503140015", (6, 8, 4)), ("119999850314001", (6, 6, 3))):
        written = f"号码 {parted(number, lengths, sign)} 完"
        assert holds_id_number(written)
        assert mask_in_text(written) != written, "what is refused would be masked, too"


@pytest.mark.parametrize("unseen", sorted({chr(end) for one in ALL_UNSEEN for end in one}), ids=ascii)
def test_what_a_text_is_kept_without_hides_nothing(unseen: str) -> None:
    written = f"119999198{unseen}503140015"
    # a letter is kept as it is written
    assert read_letter(written, 100) in {None, written}
    assert holds_id_number(written)
    assert mask_in_text(written) == "119*************15"


@pytest.mark.parametrize("check", "Xx\u00d7\u03a7\u03c7\u0425\u0445\u2169\u2179\u2715\uff38", ids=ascii)
def test_a_check_digit_is_read_however_it_is_typed(check: str) -> None:
    assert holds_id_number(f"51999919760412003{check}")
    assert holds_id_number(f"号码51999919760412003{check}，张三")
    # and what is a sign behind a whole number hides none
    assert holds_id_number(f"119999850314001 {check}2")


@pytest.mark.parametrize("part", [" ", "-", "\u3000", "\u2013"], ids=ascii)
def test_a_bank_card_that_is_written_four_by_four_is_none(part: str) -> None:
    card = "6222522121640807799"  # the last fifteen are an old number by themselves
    assert holds_id_number(card[4:])
    assert not holds_id_number(f"付至 {parted(card, (4, 4, 4, 4, 3), part)}，张三")
    # what is not written so is not one number
    for beside in (
        f"622 {parted(card[4:], (4, 4, 4, 3), part)}",
        f"6222/{parted(card[4:], (4, 4, 4, 3), part)}",
        f"6222{part}{parted(card[4:], (6, 6, 3), part)}",
        f"{parted(card[4:], (4, 4, 4, 3), part)}{part}6222",
    ):
        assert holds_id_number(f"号码 {beside} 完")
    # and of a whole one the check digit says what it is
    assert holds_id_number(f"6222{part}{parted('119999198503140015', (4, 4, 4, 4, 2), part)}")


@given(
    st.sampled_from(VALID),
    st.lists(st.text(UNSEEN + BETWEEN, max_size=3), min_size=17, max_size=17),
    st.sampled_from(["", "号码 ", "No", "7\n", "a "]),
)
def test_whatever_fills_it(number: str, between: list[str], before: str) -> None:
    written = "".join(one + filling for one, filling in zip(number, [*between, ""], strict=True))
    assert holds_id_number(f"{before}{written} 完")


@pytest.mark.parametrize(
    "digits", ["٠١٢٣٤٥٦٧٨٩", "०१२३४५६७८९", "⓪①②③④⑤⑥⑦⑧⑨", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗", "⓿❶❷❸❹❺❻❼❽❾"], ids=ascii
)
def test_digits_of_other_scripts_are_digits(digits: str) -> None:
    assert holds_id_number("119999198503140015".translate(str.maketrans("0123456789", digits)))


@pytest.mark.parametrize(
    "text",
    [
        "ID119999850314001", "身份证119999850314001", "no.119999850314001", "clerk_119999198503140015",
        "x119999198503140015x", "51999919760412003x", "51999919760412003Xu",
        # a word in x behind a number that ends in one, or does not
        "51999919760412003XXu", "51999919760412003Xxie", "51999919760412003XXX", "119999198503140015XX",
        # marks behind it, which are digits as well
        "119999198503140015²", "119999198503140015①", "号119999198503140015½", "51999919760412003X²",
    ],
)  # fmt: skip
def test_words_beside_it_hide_nothing(text: str) -> None:
    assert holds_id_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "11999919850314001",
        # of 18 digits: another check digit, no such day, no such region, no such century
        "119999198503140025", "119999198502300014", "719999198503140015", "119999178503140019",
        # of 15: no such day, no such region, letters beside it
        "119999851314001", "719999850314001", "a119999850314001b", "7a119999850314001",
        # a part of a longer number
        "1199991985031400155", "0119999198503140015", "20261128119999198503140015", "1199998503140011",
        # many numbers
        "11 99 99 850 314 0 0 17 22", "lines 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19",
        "2026-11-28 2026-11-29 2026-11-30", "2026-11-28 21:12:36.123456 took 12.34 ms",
        "20261128.211236.123456", "127.0.0.1 192.168.100.200 8431", "6222-0212-3456-7890-123",
        "amounts 123456.78 190012.31 1234.56", "119999 ; 19850314 ; 0015", "0.119999 1.198503 2.140015",
        # an employer, an account, an entry, a day and a running number, a phone
        "91330100MA2CA0001X", "P123456789012X-2147483647", "202611280000123", "+86 138 0013 8000",
        "119999,198503,140015",
    ],
)  # fmt: skip
def test_other_numbers_are_left(text: str) -> None:
    assert not holds_id_number(text)


SIGNS = st.text() | st.text("0123456789０１９ -xX./", max_size=20)


@given(SIGNS, st.sampled_from(["", *VALID]), SIGNS)
def test_what_is_refused_is_masked_where_it_is_shown(before: str, number: str, behind: str) -> None:
    """Any text is judged, and of what is masked nothing is left to refuse."""
    assert not holds_id_number(mask_in_text(f"{before}{number}{behind}"))


@given(st.text("0123456789 -", max_size=14))
def test_fewer_digits_are_none(text: str) -> None:
    assert not holds_id_number(text)


# -- how seldom ---------------------------------------------------------------------------------------------


def rate(length: int, tries: int) -> float:
    chance = random.Random(length)
    return sum(holds_id_number(f"{chance.randrange(10**length):0{length}d}") for _ in range(tries)) / tries


def exact(length: int) -> float:
    """The share of all numbers of so many digits that are refused, counted part by part."""
    regions = sum(kind_of(f"{front:06d}".ljust(length, "0")) is not None for front in range(10**6))
    leap = 366 / 10_000
    common = 365 / 10_000
    if length == OLD_LENGTH:
        # 1900 was no leap year, but 76, 80 … and 04 were: 24 of a hundred
        return regions / 10**6 * (24 * leap + 76 * common) / 100
    # of 1800 to 2099, 73 were
    return regions / 10**6 * (73 * leap + 227 * common) / 10_000 / 11


def test_how_seldom_another_number_is_taken_for_one() -> None:
    """docs/people.md says so: 1 in 88 of 15 digits, 1 in 29,000 of 18."""
    assert round(1 / exact(OLD_LENGTH)) == 88
    assert abs(rate(OLD_LENGTH, 40_000) - exact(OLD_LENGTH)) < 0.003
    assert round(1 / exact(18), -3) == 29_000
    assert rate(18, 20_000) < 5 / 20_000
    for length in (16, 17, 19, 20, 24, 30):
        assert rate(length, 2_000) == 0, "a part of a longer number is none"


def test_names_that_machines_make_are_hardly_ever_refused() -> None:
    chance = random.Random(1)
    for _ in range(20_000):
        assert not holds_id_number(str(uuid.UUID(int=chance.getrandbits(128), version=4)))
        assert not holds_id_number(chance.randbytes(32).hex())
        assert not holds_id_number(chance.randbytes(10).hex())


def test_a_number_with_a_slip_is_no_one() -> None:
    body = "11999919850314001"
    for last in "0123456789X":
        assert holds_id_number(body + last) == (check_digit(body) == last)
