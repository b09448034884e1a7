"""Whatever is handed to the checker in place of a proof or a key is told apart from one."""

from __future__ import annotations

import contextlib
import copy
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.seals.proof_check import Wrong, encoded, problems
from tests.seals.written import Written, written

CODES = {
    "proof_malformed", "key_malformed", "checkpoint_malformed", "signature_wrong", "signature_unknown",
    "signature_missing", "checkpoint_of_another_log", "day_unreadable", "size_wrong", "index_wrong",
    "path_wrong", "root_wrong", "leaf_wrong", "salt_short", "statement_wrong",
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return written(tmp_path_factory.mktemp("made"), books=11, days=5)


@pytest.fixture(scope="module")
def proof(made: Written) -> bytes:
    return made.prove(4)


def told(found: list[Wrong]) -> bool:
    """Whether something is told, by its code, in a line that says nothing of what was handed in."""
    for one in found:
        assert one.code in CODES
        assert "\n" not in one.what
        assert len(one.what) < 120
    return bool(found)


@given(st.data())
def test_bytes_changed_anywhere(made: Written, proof: bytes, data: st.DataObject) -> None:
    content = bytearray(proof)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(len(content), start + 40)))
        content[start:end] = data.draw(st.one_of(st.binary(max_size=40), st.just(content[start:end] * 2)))
    assert told(problems(bytes(content), made.key)) == (content != proof)


JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
        st.binary(max_size=70).map(bytes.hex), st.sampled_from([2**63, -1, math.inf, "", "\ud800", "\n\n"]),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to everything that stands in a value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(place for name, one in inside for place in places(one, (*way, name)))]


@given(st.data())
def test_another_value_anywhere(made: Written, proof: bytes, data: st.DataObject) -> None:
    changed = json.loads(proof)
    for _ in range(data.draw(st.integers(1, 3))):
        way = data.draw(st.sampled_from(places(changed)[1:]))
        *before, name = way
        part = changed
        for step in before:
            part = part[step]
        part[name] = data.draw(JSON)
    ways = [json.dumps(changed).encode()]
    with contextlib.suppress(UnicodeEncodeError):
        ways.append(encoded(changed))
    right = (proof, json.dumps(json.loads(proof)).encode())
    for content in ways:
        assert told(problems(content, made.key)) == (content not in right)


@given(JSON)
def test_any_json_at_all(made: Written, value: Any) -> None:
    assert told(problems(json.dumps(value).encode(), made.key))


@given(st.binary(max_size=200))
def test_any_bytes_at_all(made: Written, content: bytes) -> None:
    assert told(problems(content, made.key))


@given(st.data())
def test_any_key(made: Written, proof: bytes, data: st.DataObject) -> None:
    key = made.key
    start = data.draw(st.integers(0, len(key)))
    end = data.draw(st.integers(start, len(key)))
    odd = key[:start] + data.draw(st.text(max_size=10)) + key[end:]
    assert told(problems(proof, odd)) == (odd not in (key, key.removesuffix("\n")))
    assert told(problems(proof, made.key, [odd]))


@given(st.data())
def test_any_checkpoint(made: Written, proof: bytes, data: st.DataObject) -> None:
    changed = copy.deepcopy(json.loads(proof))
    note = changed["checkpoint"]
    start = data.draw(st.integers(0, len(note)))
    end = data.draw(st.integers(start, len(note)))
    odd = note[:start] + data.draw(st.text(max_size=20) | st.just(note[start:end] * 2)) + note[end:]
    changed["checkpoint"] = odd
    assert told(problems(json.dumps(changed).encode(), made.key)) == (odd != note)
