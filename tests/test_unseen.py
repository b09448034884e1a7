"""What nobody sees makes no other document and no name; what stands for a lost character is in no name."""

import sys
import unicodedata

import pytest

from ledger.imports.rows import name_of
from ledger.refusals import RefusalCode, Refused
from ledger.texts import is_name, normalise_code, normalise_name, read_name, read_text
from ledger.unseen import IS_DIRECTION, UNSEEN

# those that were tried from outside, and neighbours
FOUND = (
    "\u2061\u2063\u2064\u206a\ufe0f\u180e\u034f\u061c\u115f\u1160\u3164\uffa0\u17b4\u17b5\u2800\ufff9\ufff0"
    "\u180b\u180f\ufe00\U000e0001\U000e0020\U000e0041\U000e0fff\U000e01ef\U0001d173\U0001bca0\u0600\u06dd"
    "\U000110bd\U00013430\U0001343f\u2065\u206f\ufffe\ufdd0\U0010ffff\U0001d159\U00013441"
)


def members(ranges: tuple[tuple[int, int], ...]) -> set[int]:
    return {code for first, last in ranges for code in range(first, last + 1)}


@pytest.mark.parametrize("unseen", FOUND, ids=ascii)
def test_what_nobody_sees_makes_no_other_text(unseen: str) -> None:
    for text in (f"B1{unseen}", f"{unseen}B1", f"B{unseen}1", f"B{unseen * 3}\u20601"):
        assert read_text(text, 12) == "B1"
        assert normalise_code(text) == "B1"
    assert read_text(f"a {unseen} b", 8) == "a b"
    assert normalise_name(f"\u738b{unseen}\u660e") == "\u738b\u660e"
    assert read_name(f"\u738b{unseen}\u660e") == "\u738b\u660e"


@pytest.mark.parametrize("unseen", FOUND, ids=ascii)
def test_what_is_empty_without_it_is_no_text(unseen: str) -> None:
    for text in (unseen, f" {unseen}\u3000{unseen}"):
        assert read_text(text, 8) is None
        assert read_name(text) is None


def test_the_table_holds_every_character_of_format() -> None:
    """By the Unicode of this Python: Cf is in the table, or is refused because it turns the direction."""
    every = {code for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Cf"}
    assert every <= members(UNSEEN) | members(IS_DIRECTION)
    assert not members(UNSEEN) & members(IS_DIRECTION)
    for code in members(IS_DIRECTION):
        assert read_text(f"B1{chr(code)}", 8) is None


def test_the_table_takes_nothing_that_can_be_seen() -> None:
    """Letters, numbers and signs are in it only as fillers, and no blank is: blanks are folded."""
    shown = {code for code in members(UNSEEN) if unicodedata.category(chr(code))[0] in "LNPSZ"}
    # fillers of Hangul, the empty Braille cell, a note head that is none, blanks of a hieroglyph
    fillers = {0x115F, 0x1160, 0x3164, 0xFFA0, 0x2800, 0x1D159, 0x13441, 0x13442}
    assert shown <= fillers
    assert not any(chr(code).isspace() for code in members(UNSEEN))


def test_the_ranges_stand_in_order_and_apart() -> None:
    edges = [edge for first, last in UNSEEN for edge in (first, last + 1)]
    assert edges == sorted(edges)
    assert all(first <= last for first, last in UNSEEN)


@pytest.mark.parametrize(
    "sign",
    "\u25a0\u2610\u25fb\u2731\u25ab\u25cb\u25ef\u2588\u2591\u2b1c\u274f\u2605\u2717\u3013\ufffc\u303f\u2423"
    "\u00d7\u2573\u00b0\U0001f539\U0001f600\u25a1|~^=`",
    ids=ascii,
)
def test_a_sign_for_a_lost_character_is_in_no_name(sign: str) -> None:
    for name in (f"\u738b{sign}", f"{sign}\u738b", f"\u738b{sign}\u660e", sign, sign * 2):
        assert not is_name(name)
        with pytest.raises(Refused) as refused:
            name_of(name)
        assert refused.value.code is RefusalCode.NAME_INVALID


@pytest.mark.parametrize(
    "name",
    [
        "\u827e\u529b\u00b7\u4e70\u4e70\u63d0",
        "\u3007\u4e00",
        "O'Neil-Li",
        "Mari\u0303a",
        "\u0e2a\u0e21\u0e0a\u0e32\u0e22",
        "\u0926\u0947\u0935\u0940",
        # as a page of a PDF has them: a radical for the letter
        "\u2ee2\u4e91",
        # how a character that no font has is described
        "\u738b\u2ff0\u4ebb\u5c71",
        "\U00031350",
        "1+1\u8d85\u5e02",
        "\u674e\u3005\u6728",
    ],
    ids=ascii,
)
def test_letters_and_their_marks_are_names_as_before(name: str) -> None:
    assert name_of(name) == unicodedata.normalize("NFKC", name)


@pytest.mark.parametrize("dot", ["\u25cf", "\u25e6", "\u2219", "\u22c5", "\u2218", "\u2212"], ids=ascii)
def test_a_sign_that_is_typed_for_the_dot_is_the_dot(dot: str) -> None:
    assert normalise_name(name_of(f"\u827e\u529b{dot}\u4e70")) == "\u827e\u529b\u4e70"
