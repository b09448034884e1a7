"""Odd characters at every door, in paths, queries, headers and bodies: never a fault of the service."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote, unquote

import pytest
from fastapi.testclient import TestClient

from api.http.security import SCOPE_OF
from tests.http import test_api_pointers as pointers
from tests.support.api_client import key, running
from tests.support.inquiry_client import who_is_let_in
from tests.support.wire import answer, called, head, served

DOCUMENT = pointers.DOCUMENT
ROUTES = sorted(
    (method.upper(), path) for path, operations in DOCUMENT["paths"].items() for method in operations
)
# a run is a process of its own, and is not started here
RUNS = {path for method, path in ROUTES if method == "POST" and SCOPE_OF[method, path] == "admin"}

# as they stand in a path or query; what is no UTF-8 is U+FFFD to a program
ODD = {
    "nul": "%00",
    "nul inside": "a%00b",
    "nul behind": "P000000000000Z-1%00",
    "control": "%01",
    "newline": "%0A",
    "newline behind": "H0001%0A",
    "two lines": "x%0D%0Ay",
    "delete": "%7F",
    "next line": "%C2%85",
    "line separator": "%E2%80%A8",
    "right to left": "%E2%80%AE",
    "zero width": "H0001%E2%80%8B",
    "byte order mark": "%EF%BB%BF",
    "no-break space": "%C2%A0",
    "wide space": "%E3%80%80",
    "blank": "%20",
    "surrogate": "%ED%A0%80",
    "surrogates": "%ED%A0%BD%ED%B8%80",
    "overlong": "%C0%80",
    "overlong slash": "%C0%AF",
    "no utf-8": "%FF%FE",
    "half": "%E4%B8",
    "non-character": "%EF%BF%BF",
    "private": "%EE%80%80",
    "emoji": "%F0%9F%98%80",
    "beyond": "%F4%90%80%80",
    "full-width": "%EF%BC%91%EF%BC%92%EF%BC%93",
    "other digits": "%D9%A1%D9%A2",
    "chinese": "%E5%BC%A0%E4%B8%89",
    "slash": "%2F",
    "up": "%2E%2E%2F",
    "up twice": "..%2F..%2Fetc%2Fpasswd",
    "a dot": "%2E",
    "percent": "%25",
    "percent nul": "%2500",
    "no escape": "%zz",
    "quote": "%27",
    "quotes": "%27%20OR%201%3D1%20--%20",
    "double quote": "%22",
    "backslash": "%5C",
    "backslash nul": "%5C0",
    "brace": "%7Bx%7D",
    "wildcards": "%25_",
    "long": "a" * 10_000,
    "long and odd": "%F0%9F%98%80" * 800,
    "many digits": "9" * 5_000,
    "many dashes": "-" * 5_000,
    "a sign": "-1",
    "a float": "1e400",
    "not a number": "NaN",
    "large": "99999999999999999999",
    "entry of many digits": f"P483920174650K-{'9' * 4_400}",
    "entry of another alphabet": "P483920174650K-%D9%A1",
    "month zero": "0000-00",
    "year zero": "0000",
    "year ten thousand": "10000",
}


@pytest.fixture(scope="module")
def client(engine: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with running(engine, tmp_path_factory.mktemp("api")) as client:
        yield client


@pytest.fixture(scope="module")
def there(client: TestClient) -> dict[str, str]:
    made: dict[str, str] = pointers.there.__wrapped__(client)
    return made


# what of a person's own is asked for, an account is not needed for being told what is wrong
SOMEBODY = "119999198503140015"


def parameters(place: str) -> list[tuple[str, str, str]]:
    return [
        (method, path, parameter["name"])
        for method, path in ROUTES
        for parameter in DOCUMENT["paths"][path][method.lower()].get("parameters", ())
        if parameter["in"] == place
    ]


# Every value is tried where a kind of field stands first. Where the same stands again, and the same lines
# read it, a part of them is, and at the next place another part.
PARTS = 8


def part(values: Sequence[Any], place: int) -> Sequence[Any]:
    return values[place % PARTS :: PARTS]


def first_places(kinds: dict[Any, Any]) -> set[Any]:
    """Where a kind stands first, of what stands where."""
    first: dict[Any, Any] = {}
    for place, kind in kinds.items():
        first.setdefault(kind, place)
    return set(first.values())


def plain(schema: dict[str, Any]) -> str:
    """What a schema lets pass, without what it says to people."""
    said = {"title", "description", "examples", "example"}
    return json.dumps({name: told for name, told in schema.items() if name not in said}, sort_keys=True)


QUERIES = {
    (method, path, parameter["name"]): (method, parameter["name"], plain(parameter["schema"]))
    for method, path in ROUTES
    for parameter in DOCUMENT["paths"][path][method.lower()].get("parameters", ())
    if parameter["in"] == "query"
}
WHOLE_QUERIES = first_places(QUERIES)


def expect(answer: Any, *allowed: int) -> None:
    """A no in the words of the API, or what is allowed beside it."""
    if answer.status_code in allowed:
        return
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text[:500])
    assert answer.headers["content-type"] == "application/problem+json"


def filled(path: str, there: dict[str, str], **odd: str) -> str:
    names = {name: quote(value) for name, value in pointers.names_of(path, there).items()}
    names |= {"area": "990100", "day": "2026-10-10", "batch": "year-end-990100-2024"}
    return path.format(**names | odd)


def ask(client: TestClient, method: str, url: str, body: Any = None, **headers: Any) -> Any:
    let_in = who_is_let_in(client, SOMEBODY)(url.partition("?")[0])
    if method == "GET":
        return client.get(url, headers=let_in | headers)
    return client.post(url, json={} if body is None else body, headers=let_in | key() | headers)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path", "name"), parameters("path"))
def test_a_path_may_hold_anything(
    client: TestClient, there: dict[str, str], method: str, path: str, name: str
) -> None:
    body = pointers.bodies(there).get(path)
    for value in ODD.values():
        url = filled(path, there, **{name: value})
        # the code of an institution is the same one with blanks, or what nobody sees, around it
        same = name == "institution" and unquote(value).strip("\n\u200b") == "H0001"
        allowed = (200, 201) if same else ()
        expect(ask(client, method, url + ("?dry_run=true" if path in RUNS else ""), body), *allowed)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path", "name"), QUERIES)
def test_a_query_may_hold_anything(
    client: TestClient, there: dict[str, str], method: str, path: str, name: str
) -> None:
    url = filled(path, there)
    body = pointers.bodies(there).get(path)
    place, values = (method, path, name), list(ODD.values())
    for value in values if place in WHOLE_QUERIES else part(values, list(QUERIES).index(place)):
        # some take any text that can be printed
        expect(ask(client, method, f"{url}?{name}={value}", body), 200)
    expect(ask(client, method, f"{url}?{name}=x&{name}=x", body))


@pytest.mark.slow
@pytest.mark.sqlite
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_key_of_a_query_may_be_anything(
    client: TestClient, there: dict[str, str], method: str, path: str
) -> None:
    if method == "GET" and SCOPE_OF[method, path] == "":
        return
    url = filled(path, there)
    odd = part(list(ODD.values()), ROUTES.index((method, path)))
    for value in (*odd, "", "&&&", "=", "a=%00", "a;b", "[]", "a[b]"):
        expect(ask(client, method, f"{url}?{value}=x", pointers.bodies(there).get(path)))


READ = ("Idempotency-Key", "Accept")
# no route reads these by itself
HEADERS = (
    "Authorization",
    "Accept-Language",
    "If-Match",
    "Purpose",
    "X-Request-Id",
    "Content-Type",
    "Cookie",
)
ODD_HEADERS = (
    b"", b" ", b"\t", b"\xff\xfe", b"\x80", "张三".encode(), "😀".encode(), b"a" * 10_000, b"*/*;q=x",
    b"a,,b", b'"', b'""', b'"a', b"Bearer", b"Bearer \xff", b"Bearer a.b.c", b"Bearer " + b"e30." * 3,
    b"basic", b"Bearer eyJhbGciOiJub25lIn0.e30.", b"text/csv;" * 500,
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.sqlite
@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if SCOPE_OF[route]])
def test_a_header_may_hold_anything(
    client: TestClient, there: dict[str, str], method: str, path: str
) -> None:
    url = filled(path, there)
    url += "" if method == "GET" or path.endswith("quote") else "?dry_run=true"
    others = HEADERS if path in {"/v1/accounts/{account}", "/v1/accounts"} else ()
    # one route of each method takes all
    values = ODD_HEADERS if others else part(ODD_HEADERS, ROUTES.index((method, path)))
    for name in (*READ, *others):
        for value in values:
            answer = ask(client, method, url, pointers.bodies(there).get(path), **{name: value})
            expect(answer, 200, 201)


# -- bodies --------------------------------------------------------------------------------------------------

TEXTS: tuple[Any, ...] = (
    "\x00", "a\x00b", "\n", "\x7f", "\x85", "\u2028", "\u202e", "\ufeff", "\ud800", "\udfff\ud800", "\uffff",
    "\ue000", "😀", "", " ", "\u3000", "a" * 10_000, "9" * 5_000, "0000-00-00", "9999-99-99", "'", "%00",
    "\\", "１２３", "٣", "-0.00", "1e400", "NaN", "P483920174650K-" + "9" * 4_400, "1/0", "0/0",
    "1/" + "9" * 4_400,
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**63, -(2**63) - 1, 10**400, 1e308, [], {}, [[]], [None], {"": None},
    {"\x00": 1}, {"\ud800": 1}, [1] * 2_000,
)  # fmt: skip


def leaves(part: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where everything stands in a body, its lists and objects too."""
    if way:
        yield way
    if isinstance(part, dict):
        for name, below in part.items():
            yield from leaves(below, (*way, name))
    elif isinstance(part, list) and part:
        yield from leaves(part[0], (*way, 0))


def with_other(body: Any, way: tuple[Any, ...], value: Any) -> Any:
    body = json.loads(json.dumps(body))
    part = body
    for step in way[:-1]:
        part = part[step]
    part[way[-1]] = value
    return body


def raw(client: TestClient, url: str, body: Any) -> Any:
    """A body with what the client's own JSON would not write."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(url, content=content, headers=key() | {"content-type": "application/json"})


def schemas_at(path: str, way: tuple[Any, ...]) -> list[dict[str, Any]]:
    """What the document lets stand in a place of a body, for each kind of body that it tells of."""
    found = [DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]]
    for step in (None, *way):
        below = found
        if isinstance(step, int):
            below = [one["items"] for one in found if "items" in one]
        elif step is not None:
            below = [one["properties"][step] for one in found if step in one.get("properties", {})]
        found = [one for schema in below for one in kinds_of(schema)]
    assert found, (path, way)
    return found


def kinds_of(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "$ref" in schema:
        yield from kinds_of(DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    elif "anyOf" in schema or "oneOf" in schema:
        for one in schema.get("anyOf", schema.get("oneOf")):
            yield from kinds_of(one)
    else:
        yield schema


FIELDS = sorted(set(pointers.POSTED) - pointers.NOT_WALKED)


@pytest.fixture(scope="module")
def whole_fields(there: dict[str, str]) -> set[Any]:
    """Where in a body a field of a name and schema stands first: there every value is tried."""
    kinds: dict[Any, Any] = {}
    for path in FIELDS:
        for way in leaves(pointers.bodies(there)[path]):
            name = [step for step in way if isinstance(step, str)][-1]
            kinds[path, way] = (name, *map(plain, schemas_at(path, way)))
    return first_places(kinds)


@pytest.mark.slow
@pytest.mark.parametrize("path", FIELDS)
def test_a_field_may_hold_anything(
    client: TestClient, there: dict[str, str], whole_fields: set[Any], path: str
) -> None:
    url = filled(path, there) + ("" if path.endswith("/quote") else "?dry_run=true")
    body = pointers.bodies(there)[path]
    values = (*TEXTS, *VALUES)
    for number, way in enumerate(leaves(body), start=FIELDS.index(path)):
        for value in values if (path, way) in whole_fields else part(values, number):
            expect(raw(client, url, with_other(body, way, value)), 200, 201)
    for name in ("\x00", "\ud800", "", "a" * 10_000, "__class__", "😀"):
        expect(raw(client, url, body | {name: 1}))


# what is written: texts that are kept, where a body has them
@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(set(pointers.POSTED) - pointers.NOT_WALKED - RUNS))
def test_a_text_that_is_posted_may_hold_anything(
    client: TestClient, there: dict[str, str], path: str
) -> None:
    body = pointers.bodies(there)[path]
    for way in leaves(body):
        for value in TEXTS:
            if not isinstance(value, str) or value.isprintable():
                continue
            # what asks for a second person waits for one
            expect(raw(client, filled(path, there), with_other(body, way, value)), 200, 201, 202)


DEEP = 20_000


@pytest.mark.slow
@pytest.mark.sqlite
@pytest.mark.parametrize(
    "body",
    [
        b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        b"[" * DEEP + b"]" * DEEP,
        b'{"a":1,"a":1}',
        b'{"\\u0000":1,"\\u0000":1}',
        b'{"a":"\\ud800"}',
        b'{"a":1e999999999}',
        b'{"a":-' + b"9" * 100_000 + b"}",
        b'{"a":"\\u00"}',
        b'{"a":"\x00"}',
        b"\xef\xbb\xbf{}",
        b"\xed\xa0\x80",
        b"\x00",
        b"{} {}",
        b'{"a":"' + b"\\u0000" * 50_000 + b'"}',
        b"[" + b"{}," * 50_000 + b"{}]",
    ],
    ids=range(15),
)
def test_a_body_may_be_anything(client: TestClient, there: dict[str, str], body: bytes) -> None:
    for path in sorted(pointers.POSTED):
        expect(raw(client, filled(path, there), body))


@pytest.mark.slow
def test_the_commands_of_a_bulk_may_hold_anything(client: TestClient, there: dict[str, str]) -> None:
    base = {"account": there["account"], "idempotency_key": "odd"}
    good = [
        {"verb": "spend", **base, **pointers.spending()},
        {
            "verb": "contribute",
            **base,
            "amount": "1.00",
            "period": "2026-03",
            "effective_on": "2026-03-20",
            "source_ref": "o",
        },
        {"verb": "release", "hold": there["hold"], "idempotency_key": "odd"},
        {"verb": "reverse", "entry": there["entry"], "idempotency_key": "odd", "reason": "x"},
        {"verb": "end_freeze", "freeze": there["freeze"], "idempotency_key": "odd", "reason": "x"},
        {"verb": "death", **base, "died_on": "2026-11-01", "evidence": "x"},
    ]  # fmt: skip
    commands = [
        with_other(command, way, value)
        for command in good
        for way in leaves(command)
        for value in (*TEXTS, *VALUES)
    ]
    for query in ("?dry_run=true", ""):
        found = raw(client, f"/v1/bulk{query}", {"commands": commands})
        assert found.status_code == 200
        outcomes = found.json()["outcomes"]
        assert len(outcomes) == len(commands)
        assert {one["status"] for one in outcomes} <= {"posted", "refused"}


# what comes as a file has a way of its own
@pytest.mark.parametrize(
    "content_type", ["text/csv", "text/csv; charset=x", "text/csv;\x00", "multipart/form-data"]
)
def test_a_file_may_hold_anything(client: TestClient, there: dict[str, str], content_type: str) -> None:
    path = f"/v1/employers/{there['employer']}/declarations"
    contents = (
        b"",
        b"\x00",
        b"\xff\xfe",
        b"id_number,wage\n\x00,\x00\n",
        b"id_number,wage\n" + b"," * 9_000,
        b"PK\x03\x04",
    )
    for query in (
        "",
        "?period=%00",
        "?period=2026-04&lines=%EF%BC%91",
        "?period=2026-04&wages=%00",
        "?period=2026-04",
    ):
        for content in contents:
            headers = key() | {"Content-Type": content_type}
            # a line that is none is told in the list itself
            expect(client.post(path + query, content=content, headers=headers), 201)


# -- beside the routes ---------------------------------------------------------------------------------------


@pytest.mark.sqlite
@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
def test_what_is_no_route_is_not_found(client: TestClient, value: str) -> None:
    for path in (
        f"/{value}",
        f"/v1/{value}",
        f"/static/{value}",
        f"/docs/{value}",
        f"/static/vendor/{value}",
    ):
        answer = client.get(path)
        assert answer.status_code in {404, 405, 422}, (path, answer.text)


@pytest.mark.parametrize(("method", "path", "name"), parameters("path"))
def test_a_zero_in_a_path_is_told(
    client: TestClient, there: dict[str, str], method: str, path: str, name: str
) -> None:
    body = pointers.bodies(there).get(path, {"kind": "payment_list"} if path.endswith("/documents") else None)
    answer = ask(client, method, filled(path, there, **{name: "a%00b"}), body)
    assert answer.status_code in {404, 422}
    assert answer.json()["code"].endswith(("_not_found", "_unknown", "_invalid", "id_format"))
    assert pointers.places(answer) in ([("path", name)], [])


# -- on the wire ---------------------------------------------------------------------------------------------


def test_what_only_the_wire_may_hold(client: TestClient) -> None:
    bearer = client.headers["Authorization"]
    with served(client.app) as port, called(port) as caller:
        for path in (
            "/v1/institutions/%00",
            "/v1/../v1/accounts/x",
            "//",
            "*",
            "/%",
            "/v1/accounts/a%2Fb/balance",
        ):
            caller.sendall(head(path, authorization=bearer) + b"\r\n")
            assert 400 <= answer(caller)[0] < 500, path
        for method in ("OPTIONS", "TRACE", "PROPFIND", "QUERY"):
            caller.sendall(head("/v1/accounts", method, authorization=bearer) + b"\r\n")
            assert answer(caller)[0] in {404, 405}, method
