"""Heads that say something twice, in a coding, or with blanks behind it, as they come over the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from tests.support.api_client import key, open_account, running
from tests.support.wire import answer, called, served


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with running(engine, tmp_path_factory.mktemp("api")) as client:
        yield client


@pytest.fixture(scope="module")
def port(client: TestClient) -> Iterator[int]:
    with served(client.app) as port:
        yield port


class Caller:
    """Somebody who puts money into an account, with a head of its own making."""

    def __init__(self, client: TestClient, port: int) -> None:
        self.port = port
        self.client = client
        self.bearer = client.headers["Authorization"]
        self.account = str(open_account(client)["account_no"])
        self.path = f"/v1/accounts/{self.account}/contributions"
        self.key = key()["Idempotency-Key"]
        body = {"amount": "1.00", "period": "2026-03", "effective_on": "2026-04-10", "source_ref": self.key}
        self.body = json.dumps(body).encode()

    def send(self, lines: list[str], path: str | None = None, body: bytes | None = None) -> tuple[int, str]:
        """Status and code of the answer to a request with these lines of head."""
        sent = self.body if body is None else body
        first = [f"POST {path or self.path} HTTP/1.1", "host: here"]
        head = "".join(f"{line}\r\n" for line in [*first, *lines]).encode()
        with called(self.port) as there:
            there.sendall(head + b"\r\n" + sent)
            status, said = answer(there)
        return status, json.loads(said).get("code", "")

    def lines(self, **other: str | None) -> list[str]:
        """The lines of a good head, some of them another or gone."""
        good = {
            "authorization": self.bearer,
            "idempotency_key": self.key,
            "content_type": "application/json",
            "content_length": str(len(self.body)),
        }
        named = {**good, **other}
        return [f"{name.replace('_', '-')}: {value}" for name, value in named.items() if value is not None]

    def chunked(self) -> bytes:
        return b"%x\r\n%b\r\n0\r\n\r\n" % (len(self.body), self.body)

    @property
    def balance(self) -> str:
        return str(self.client.get(f"/v1/accounts/{self.account}/balance").json()["balance"])


@pytest.fixture
def caller(client: TestClient, port: int) -> Caller:
    return Caller(client, port)


# -- blanks around a value ---------------------------------------------------------------------------------


@pytest.mark.parametrize("blanks", ["{} ", "{}\t", "  {} \t ", "\t{}"], ids=ascii)
def test_blanks_around_a_value_are_no_part_of_it(caller: Caller, blanks: str) -> None:
    lines = caller.lines(
        authorization=blanks.format(caller.bearer),
        idempotency_key=blanks.format(caller.key),
        content_type=blanks.format("application/json"),
        content_length=blanks.format(len(caller.body)),
    )
    assert caller.send(lines) == (201, "")
    # it was the same key
    assert caller.send(caller.lines()) == (201, "")
    assert caller.balance == "1.00"


@pytest.mark.parametrize("length", ["+{}", "-{}", "0x{:x}", "{},{}", "{}.0", "{} {}", "1e2", "\u0661"])
def test_a_length_that_is_none_stays_refused(caller: Caller, length: str) -> None:
    count = len(caller.body)
    assert caller.send(caller.lines(content_length=length.format(count, count))) == (400, "request_refused")
    assert caller.balance == "0.00"


@pytest.mark.parametrize("length", ["99999999 ", "0" * 4_400 + "99999999"], ids=["plain", "zeros"])
def test_a_length_that_is_too_much_stays_refused(caller: Caller, length: str) -> None:
    assert caller.send(caller.lines(content_length=length)) == (413, "body_too_large")


@pytest.mark.parametrize("zeros", [1, 20, 4_400])
def test_zeros_before_a_length_say_nothing(caller: Caller, zeros: int) -> None:
    """However many: as a number Python reads 4,300 digits, and leading zeros are among them."""
    assert caller.send(caller.lines(content_length="0" * zeros + str(len(caller.body)))) == (201, "")
    assert caller.balance == "1.00"


def test_the_id_of_a_request_is_its_own_with_blanks_too(client: TestClient, port: int) -> None:
    with called(port) as there:
        there.sendall(b"GET /livez HTTP/1.1\r\nhost: here\r\nx-request-id: order-12345 \t\r\n\r\n")
        assert b"x-request-id: order-12345\r\n" in there.recv(65536)


# -- twice -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("Idempotency-Key: another", (400, "idempotency_key_invalid")),
        ("idempotency-key: {0.key}", (400, "idempotency_key_invalid")),
        ("IDEMPOTENCY-KEY:", (400, "idempotency_key_invalid")),
        ("Authorization: Bearer x", (400, "request_refused")),
        ("authorization: {0.bearer}", (400, "request_refused")),
        ("Host: elsewhere", (400, "request_refused")),
        ("Content-Type: application/json", (415, "media_type_unsupported")),
        ("Content-Type: text/plain", (415, "media_type_unsupported")),
        ("Content-Encoding: gzip", (415, "media_type_unsupported")),
        ("Content-Encoding: br, identity", (415, "media_type_unsupported")),
        ("Content-Encoding: identity\r\nContent-Encoding: GZIP ", (415, "media_type_unsupported")),
        ("Content-Encoding: gzip\r\nContent-Encoding: identity", (415, "media_type_unsupported")),
        ("Content-Encoding: x", (415, "media_type_unsupported")),
        ("Content-Encoding: Identity ", (201, "")),
        ("Content-Encoding:", (201, "")),
        ("Accept: a/b\r\nAccept: */*\r\nX-Own: 1\r\nX-Own: 2", (201, "")),
    ],
)
def test_what_a_head_says_twice_or_in_a_coding(caller: Caller, more: str, told: tuple[int, str]) -> None:
    extra = more.format(caller).split("\r\n")
    assert caller.send([*caller.lines(), *extra]) == told
    # the same in another order
    assert caller.send([*extra, *caller.lines()]) == told
    assert caller.balance == ("1.00" if told[0] == 201 else "0.00")


@pytest.mark.parametrize(
    ("coding", "told"),
    [
        ("transfer-encoding: gzip, chunked", (400, "request_refused")),
        ("transfer-encoding: chunked, chunked", (400, "request_refused")),
        ("transfer-encoding: identity, chunked", (400, "request_refused")),
        ("transfer-encoding: gzip\r\ntransfer-encoding: chunked", (400, "request_refused")),
        ("transfer-encoding: chunked\r\ntransfer-encoding: chunked", (400, "request_refused")),
        ("transfer-encoding: gzip", (400, "request_refused")),
        ("transfer-encoding: chunked", (201, "")),
        ("Transfer-Encoding:  Chunked", (201, "")),
    ],
)
def test_a_body_comes_in_chunks_and_in_no_other_coding(
    caller: Caller, coding: str, told: tuple[int, str]
) -> None:
    lines = [*caller.lines(content_length=None), *coding.split("\r\n")]
    assert caller.send(lines, body=caller.chunked()) == told
    assert caller.balance == ("1.00" if told[0] == 201 else "0.00")


def test_what_is_refused_of_a_head_says_which_field(caller: Caller) -> None:
    with called(caller.port) as there:
        there.sendall(b"GET /livez HTTP/1.1\r\nhost: a\r\nauthorization: x\r\nauthorization: y\r\n\r\n")
        status, said = answer(there)
    assert (status, json.loads(said)["facts"]) == (400, {"header": "authorization"})


def test_a_compressed_file_is_another_media_type_at_every_door(caller: Caller) -> None:
    employer = "/v1/employers/919999990000000010/declarations?period=2026-04"
    for path, media in (
        ("/v1/imports/contributions", "multipart/form-data; boundary=b"),
        (employer, "text/csv"),
        ("/v1/bulk", "application/json"),
        ("/v1/settlements", "application/json"),
        (f"{caller.path}?dry_run=true", "application/json"),
    ):
        lines = [*caller.lines(content_type=media), "content-encoding: gzip"]
        assert caller.send(lines, path) == (415, "media_type_unsupported"), path
        # who calls is asked first
        lines = [*caller.lines(content_type=media, authorization=None), "content-encoding: gzip"]
        assert caller.send(lines, path) == (401, "token_missing"), path
