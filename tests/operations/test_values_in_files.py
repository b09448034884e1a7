"""Files that an operator puts there, with a value of another kind in each place: refused in a line."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.access.jwks import KeysMissing, read_jwks
from ledger.access.revoked import RevokedUnreadable, read_revoked
from ledger.policy.load import PolicyError, load_policy

pytestmark = pytest.mark.sqlite

ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, float("inf"), 10**400, "", "x", "\ud800", "A" * 3_000, [], {}, [[]],
    [None], {"a": 1},
)  # fmt: skip
KEYS: dict[str, Any] = {
    "keys": [
        {
            "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "k",
            "use": "sig", "alg": "EdDSA", "key_ops": ["verify"],
        },
        {"kty": "RSA", "n": "sXchDaQebHnPiGvyDOAT4saGEUetSyo9MKLOoWFsueri23bOdgWp4Dy1", "e": "AQAB"},
    ]
}  # fmt: skip
REVOKED: dict[str, Any] = {"revoked": [{"sub": "y", "before": "2026-11-29T12:00:00Z"}, {"jti": "x"}]}


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything that stands in a value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inside:
        yield (*way, name)
        yield from places(one, (*way, name))


def changed(whole: dict[str, Any]) -> Iterator[Any]:
    """The same with something else in one place."""
    yield from ODD
    for *before, name in places(whole):
        for odd in ODD:
            other = copy.deepcopy(whole)
            part: Any = other
            for step in before:
                part = part[step]
            part[name] = odd
            yield other


@pytest.mark.parametrize(
    ("whole", "read", "refused"),
    [
        (KEYS, read_jwks, KeysMissing),
        (REVOKED, lambda path: read_revoked(path, must_be_there=True), RevokedUnreadable),
    ],
    ids=["keys", "revoked"],
)
def test_another_value_in_a_file_of_json(
    tmp_path: Path, whole: dict[str, Any], read: Callable[[Path], object], refused: type[Exception]
) -> None:
    file = tmp_path / "file.json"
    told = []
    for one in changed(whole):
        file.write_text(json.dumps(one))
        try:
            read(file)
        except refused as problem:
            told.append(str(problem))
    assert len(told) > 50
    assert not [line for line in told if "\n" in line or "A" * 10 in line]
    for nested in ("[" * 100_000, '{"keys":' + "[" * 100_000):
        file.write_text(nested)
        with pytest.raises(refused):
            read(file)


ODD_TOML = (
    '""', "0", "-1", "1e400", "nan", "inf", "true", "[]", "{}", "[[1]]", "1979-05-27", "1979-05-27T07:32:00Z",
    "07:32:00", '"\\u0000"', f'"{"9" * 5_000}"', "9" * 30, '"１"', '"2026-13-01"', "9999-12-31", "0001-01-01",
)  # fmt: skip


def test_another_value_in_a_policy() -> None:
    """In one of sixty lines; a value that is right there is taken, and nothing else."""
    [file] = Path("ledger/policies").glob("990100.toml")
    lines = file.read_text(encoding="utf-8").splitlines()
    valued = [place for place, line in enumerate(lines) if re.match(r"[a-z_]+ *=", line)]
    no = 0
    for place in valued[::60]:
        name = lines[place].partition("=")[0]
        for odd in ODD_TOML:
            text = "\n".join([*lines[:place], f"{name}= {odd}", *lines[place + 1 :]])
            try:
                load_policy(text, file.name)
            except PolicyError:
                no += 1
    assert no > len(valued[::60]) * len(ODD_TOML) * 0.6
