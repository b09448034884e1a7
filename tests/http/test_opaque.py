"""What is handed out to be given back has one spelling: any other is none of ours, if it decodes alike."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.opaque import given_back, handed_out


@given(st.binary(max_size=80))
def test_it_is_given_back_as_it_was(content: bytes) -> None:
    text = handed_out(content)
    assert given_back(text) == content
    assert text.isascii()
    assert not set(text) & set("+/ ")


@given(st.binary(min_size=1, max_size=80), st.data())
def test_whatever_else_decodes_alike_is_refused(content: bytes, data: st.DataObject) -> None:
    text = handed_out(content)
    place = data.draw(st.integers(0, len(text)))
    others = {
        text.replace("-", "+"),
        text.replace("_", "/"),
        text[:place] + "\n" + text[place:],
        text[:place] + "!" + text[place:],
        text.rstrip("="),
        text + "=",
        text + "\n",
        " " + text,
    }
    bare = text.rstrip("=")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = bare[:-1] + alphabet[alphabet.index(bare[-1]) ^ 1] + text[len(bare) :]
    # where there is padding, the last sign has bits that say nothing
    if len(bare) < len(text):
        assert base64.urlsafe_b64decode(last) == content
        others.add(last)
    for other in others - {text}:
        with pytest.raises(ValueError):  # noqa: PT011  of either kind
            given_back(other)


@pytest.mark.parametrize("text", ["", "é", "\x00", "\ud800", "=", "A", "A===", "*" * 9])
def test_a_text_that_is_none(text: str) -> None:
    if text:
        with pytest.raises(ValueError):  # noqa: PT011  of either kind
            given_back(text)
    else:
        assert given_back(text) == b""
