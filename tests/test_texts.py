"""The rules of texts, and that the door of requests and the door of files take the same."""

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from api.http.fields import Area, Day, EmployerName, InstitutionCode, Name, SourceRef
from ledger.imports.rows import name_of, text_of
from ledger.refusals import RefusalCode, Refused
from ledger.texts import (
    EMPLOYER_NAME_MAX,
    INSTITUTION_CODE_MAX,
    LETTER_PATTERN,
    NAME_MAX,
    SOURCE_REF_MAX,
    asks_for_cash,
    is_agent_name,
    is_cash,
    is_key,
    is_name,
    normalise_code,
    normalise_name,
    parse_area,
    parse_day,
    read_letter,
    read_name,
    read_text,
)


@pytest.mark.parametrize("text", ["A", "发票 1", "a b", "x" * 8, "B-1/2.3"])
def test_a_text_that_is_kept_as_it_comes(text: str) -> None:
    assert read_text(text, 8) == text


@pytest.mark.parametrize(
    "text",
    [
        "B1 ",
        " B1",
        "\u3000B1",
        "B1\u00a0",
        "\u200bB1",
        "B\u200b1",
        "B1\ufeff",
        "\uff22\uff11",
        "B\u00ad1",
        "B1\u2060",
        "B1\t",
        "\nB1\r\n",
        "\u2009B1\u202f",
        "B1\u200e",
        "\ufeff \u3000B1\u200d",
    ],
    ids=ascii,
)
def test_one_thing_written_in_many_ways_is_one(text: str) -> None:
    assert read_text(text, 8) == "B1"


@pytest.mark.parametrize("text", ["a b", "a  b", "a\u3000b", "a\u00a0 \u2003b", " a \u200b b "], ids=ascii)
def test_blanks_inside_are_one_space(text: str) -> None:
    assert read_text(text, 8) == "a b"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\u3000",
        "\u200b",
        "\u00ad\ufeff",
        "a\tb",
        "\x00",
        "a\x00",
        "a\u202eb",
        "a\u2028b",
        "a\ud800",
        "\udfffa",
        "x" * 9,
        # too long as it came, though not as it would be kept
        "B1" + " " * 7,
        "\u2066a",
        "\ufdfa",
    ],
    ids=ascii,
)
def test_texts_that_are_none(text: str) -> None:
    assert read_text(text, 8) is None


@pytest.mark.parametrize(
    "text", ["XJ01", " xj01", "x j\u00a001", "\uff38J\uff10\uff11\u3000", "X\u200bJ0\u00ad1\ufeff"], ids=ascii
)
def test_one_item_written_in_many_ways_is_one(text: str) -> None:
    assert normalise_code(text) == "XJ01"


@given(st.text(max_size=SOURCE_REF_MAX))
def test_how_a_code_came_makes_no_difference(text: str) -> None:
    kept = read_text(text, SOURCE_REF_MAX)
    assert kept is None or normalise_code(kept) == normalise_code(text)


def test_keys() -> None:
    assert is_key("k")
    assert is_key("~" * 255)
    assert not any(map(is_key, ["", "a b", "钥", "k\n", "~" * 256]))


def test_agents() -> None:
    assert is_agent_name("张三 at the desk")
    assert is_agent_name("x" * 128)
    assert not any(map(is_agent_name, ["", "a\n", "x" * 129]))


def test_areas_and_days() -> None:
    assert (parse_area("009901"), parse_day("2024-02-29")) == (9901, date(2024, 2, 29))
    assert [parse_area(text) for text in ("", "99010", "9901000", "99010x", "\uff19" * 6, " 99010")] == [
        None
    ] * 6
    assert [parse_day(text) for text in ("", "2023-02-29", "20230228", "2023-2-8", "2023-02-28\n")] == [
        None
    ] * 5


# -- names -----------------------------------------------------------------------------------------------

MIDDLE_DOTS = "\u3002\u25cf\u02d9\u30fb\uff65\u2022\u2027\u2219\u22c5\u2e31\u0387\uff61\u25e6"
OTHER_DOTS = "-\u2014\uff0d\u2010\u2013\u2212\uff0e. \u3000\u200b"
DOTTED = "\u827e\u529b\u00b7\u4e70\u4e70\u63d0"


@pytest.mark.parametrize(
    "dot", [*"\u3002\u25cf\u02d9\u30fb\uff65\u2022\u2027\u2219\u22c5\u2e31\u0387\uff61\u25e6"], ids=ascii
)
def test_every_form_of_the_middle_dot_is_kept_as_one(dot: str) -> None:
    assert read_name(DOTTED.replace("\u00b7", dot)) == DOTTED


@pytest.mark.parametrize(
    "dot", [*"\u3002\u25cf\u02d9-\u2014\uff0d\u2010\u2013\u2212\uff0e. \u3000", "\u200b", ""], ids=ascii
)
def test_however_the_dot_is_typed_it_is_the_same_person(dot: str) -> None:
    assert normalise_name(DOTTED.replace("\u00b7", dot)) == normalise_name(DOTTED)


@pytest.mark.parametrize("shape", ["\U000e0100", "\U000e01ef", "\ufe00", "\ufe0f", "\u180b"], ids=ascii)
def test_the_shape_of_a_character_is_no_other_person(shape: str) -> None:
    assert read_name(f"\u845b{shape}\u660e") == "\u845b\u660e"
    assert normalise_name(f"\u845b{shape}\u660e") == normalise_name("\u845b\u660e")


@pytest.mark.parametrize(
    "name",
    [
        "\u738b?",
        "\u738b\uff1f",
        "\u738b\u25a1",
        "\u738b\ufffd",
        "<b>\u738b</b>",
        "?",
        "\u738b*",
        "\u738b\uff0a\u660e",
        "\u738b\ue000",
        "\U000f0000\u738b",
        "\U0010fffd",
        "\u738b\uff1e",
        "\u00b7",
        "-",
        "\u3002\u00b7",
    ],
    ids=ascii,
)
def test_what_cannot_be_a_name(name: str) -> None:
    assert not is_name(name)
    with pytest.raises(Refused) as refused:
        name_of(name)
    assert refused.value.code is RefusalCode.NAME_INVALID
    assert takes(Name, name) is None


@pytest.mark.parametrize(
    "name",
    [
        "\u738b",
        "\u9673\u5803\u5586",
        "\U0002cb5a",
        "\u3007\u4e00",
        DOTTED,
        "John Smith",
        "O'Neil-Li",
        "\u738b" * 65,
        "\u738b" * 200,
        "Mar\u00eda Jos\u00e9",
        "\u0e2a\u0e21\u0e0a\u0e32\u0e22",
    ],
    ids=ascii,
)
def test_names_that_people_have(name: str) -> None:
    assert name_of(name) == takes(Name, name) == name


def test_a_name_has_two_hundred_characters_at_most() -> None:
    assert read_name("\u738b" * 201) is None


@pytest.mark.parametrize("code", ["CASH", "atm", "Cash ", " ATM"])
def test_what_cash_is_called(code: str) -> None:
    assert is_cash(code)
    assert not is_cash(code + "1")


@pytest.mark.parametrize("field", ["cash", "to_CASH", "Bank_account", "\uff42\uff41\uff4e\uff4b", "iban"])
def test_fields_that_ask_for_cash(field: str) -> None:
    assert asks_for_cash(field)


def test_a_field_that_does_not() -> None:
    assert not asks_for_cash("cas_h")


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=70) | st.text(
    st.sampled_from("aB1.·张 \u3000\x00\x1f\x7f\x85\u2028\u202e\u2066\n\t"), max_size=300
)


def takes(field: Any, text: str) -> str | None:
    """What a request makes of a text."""
    try:
        return str(TypeAdapter(field).validate_python(text))
    except ValidationError:
        return None


def line_takes(read: Callable[[str, int], str], text: str, longest: int) -> str | None:
    """What a line of a file makes of it."""
    try:
        return read(text, longest)
    except Refused:
        return None


@given(ANY_TEXT)
def test_a_text_that_was_read_stays_as_it_is(text: str) -> None:
    for read in (read_text, read_name):
        kept = read(text, SOURCE_REF_MAX)
        assert kept is None or (read(kept, SOURCE_REF_MAX), kept.strip()) == (kept, kept)


@given(ANY_TEXT)
def test_requests_take_what_files_take(text: str) -> None:
    assert takes(SourceRef, text) == line_takes(text_of, text, SOURCE_REF_MAX)
    assert takes(Name, text) == line_takes(name_of, text, NAME_MAX)
    assert takes(EmployerName, text) == line_takes(name_of, text, EMPLOYER_NAME_MAX)
    code = line_takes(text_of, text, INSTITUTION_CODE_MAX)
    assert takes(InstitutionCode, text) == (None if code is None or is_cash(code) else code)


@given(ANY_TEXT)
def test_what_is_taken_is_what_the_document_says(text: str) -> None:
    """Two exceptions: a text that is too long only when its compatibility forms are written out, and one of
    nothing but what nobody sees beyond the basic plane.
    """
    published = TypeAdapter(SourceRef).json_schema()
    said = published["minLength"] <= len(text) <= published["maxLength"] and re.search(
        published["pattern"], text
    )
    plain = unicodedata.normalize("NFKC", text)
    is_far = any(character > "\uffff" for character in text)
    if len(plain) <= SOURCE_REF_MAX and not is_far:
        assert bool(said) == (read_text(text, SOURCE_REF_MAX) is not None)


@given(st.text("0123456789- x", max_size=11) | st.dates().map(str) | st.integers(0, 10**7).map(str))
def test_requests_take_the_areas_and_days_of_files(text: str) -> None:
    assert (takes(Area, text) is None) == (parse_area(text) is None)
    assert (takes(Day, text) is None) == (parse_day(text) is None)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("一", "一"),
        (" \u3000一 \n", "一"),
        ("一\r\n二\r三\n\n四", "一\n二\n三\n\n四"),
        ("\u200b一", "\u200b一"),
        ("a\tb", "a\tb"),
        ("\uff11", "\uff11"),
        ("\U0002a6d6", "\U0002a6d6"),
        *(
            (text, None)
            for text in ("", " ", "\n", "\u3000\u200b\n", "\U000e0001", "a\x00", "\x7fa", "a\u202e")
        ),
        *((text, None) for text in ("a\u2028b", "\ud840", "一" * 11, "一" + " " * 10)),
    ],
)
def test_letters_keep_their_lines(text: str, kept: str | None) -> None:
    assert read_letter(text, 10) == kept
    # what is kept is kept again
    if kept is not None:
        assert read_letter(kept, 10) == kept


@given(st.text(max_size=30))
def test_a_letter_is_what_its_pattern_says(text: str) -> None:
    read = read_letter(text, 30)
    if read is not None:
        assert re.fullmatch(LETTER_PATTERN, text)
        assert read in text.replace("\r\n", "\n").replace("\r", "\n")
