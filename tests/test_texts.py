"""The rules of texts, and that the door of requests and the door of files take the same."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from api.http.fields import Area, Day, EmployerName, InstitutionCode, Name, SourceRef
from ledger.texts import (
    EMPLOYER_NAME_MAX,
    INSTITUTION_CODE_MAX,
    NAME_MAX,
    SOURCE_REF_MAX,
    asks_for_cash,
    is_agent_name,
    is_cash,
    is_key,
    is_name,
    is_text,
    parse_area,
    parse_day,
)


@pytest.mark.parametrize("text", ["A", "发票 1", "a b", "x" * 8, "\u00e9\u3000b"])
def test_texts_that_can_be_printed(text: str) -> None:
    assert is_text(text, 8)


@pytest.mark.parametrize("text", ["", " a", "\u3000a", "a\n", "a\tb", "\x00", "a\u202e", "a\u2028b", "x" * 9])
def test_texts_that_cannot(text: str) -> None:
    assert not is_text(text, 8)


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


def takes(field: Any, text: str) -> bool:
    try:
        TypeAdapter(field).validate_python(text)
    except ValidationError:
        return False
    return True


@given(ANY_TEXT)
def test_requests_take_what_files_take(text: str) -> None:
    assert takes(SourceRef, text) == is_text(text, SOURCE_REF_MAX)
    assert takes(Name, text) == (is_text(text, NAME_MAX) and is_name(text))
    assert takes(EmployerName, text) == (is_text(text, EMPLOYER_NAME_MAX) and is_name(text))
    assert takes(InstitutionCode, text) == (is_text(text, INSTITUTION_CODE_MAX) and not is_cash(text))


@given(st.text("0123456789- x", max_size=11) | st.dates().map(str) | st.integers(0, 10**7).map(str))
def test_requests_take_the_areas_and_days_of_files(text: str) -> None:
    assert takes(Area, text) == (parse_area(text) is not None)
    assert takes(Day, text) == (parse_day(text) is not None)
