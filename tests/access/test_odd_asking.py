"""Odd ways to ask: nothing is shown that is not recorded, and none of them is a fault of the service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.http import shown
from api.http.readers import Readers
from ledger.access import read_log
from ledger.access.tokens import SCOPES
from ledger.chart.channels import AccessChannel, FieldGroup
from ledger.people.id_numbers import mask_id_number
from tests.access.test_api_read_log import reads
from tests.support.api_client import bearer, contribute, key, open_account, running, spending
from tests.support.employer_client import confirm, declare, hire, new_employer, owe, wages

G = FieldGroup
WINDOW = AccessChannel.WINDOW


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    with running(engine, folder) as client:
        yield client


@pytest.fixture(scope="module")
def account(client: TestClient) -> str:
    account = str(open_account(client)["account_no"])
    contribute(client, account)
    return account


# -- methods, conditions, queries ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/balance", "/entries", "/settlements"])
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "head", "get"])
def test_another_method_shows_nothing(
    client: TestClient, engine: Engine, account: str, path: str, method: str
) -> None:
    before = len(reads(engine))
    answer = client.request(method.encode(), f"/v1/accounts/{account}{path}")  # type: ignore[arg-type]  # as it is
    if answer.status_code == 200:
        # a client that writes its methods in capitals has asked as all do
        assert method == "get"
        assert len(reads(engine)) == before + 1
        return
    assert answer.status_code in {404, 405}
    assert len(reads(engine)) == before


def test_whoever_has_it_already_is_recorded_again(client: TestClient, engine: Engine, account: str) -> None:
    path = f"/v1/accounts/{account}"
    tag = client.get(path).headers["ETag"]
    for headers in ({"If-None-Match": tag}, {"If-Match": '"0"'}, {"Range": "bytes=0-9"}):
        before = len(reads(engine, account))
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.json()["account_no"]) == (200, account)
        assert len(reads(engine, account)) == before + 1


@pytest.mark.parametrize(
    "query",
    [
        *(
            "dry_run=TRUE",
            "dry_run=True",
            "dry_run=1",
            "dry_run=",
            "dry_run",
            "dry_run=true%20",
            "dry_run=yes",
        ),
        *("dry_run=true&dry_run=true", "dry_run=false&dry_run=true", "dry_run=true&dry_run=false"),
        *("DRY_RUN=true", "dry_run=true&x=1", "dry_run=true;x=1", "x=1", "dry%5frun=%74rue&dry_run=false"),
    ],
)
@pytest.mark.parametrize("channel", [AccessChannel.SYSTEM, WINDOW])
def test_a_dry_run_that_is_none(
    client: TestClient, engine: Engine, folder: Path, account: str, query: str, channel: AccessChannel
) -> None:
    headers = bearer(folder / "keys", "own_request", channel=channel)
    before = len(reads(engine, account))
    path = f"/v1/accounts/{account}/spendings?{query}"
    answer = client.post(path, json=spending(), headers=headers | key())
    assert answer.status_code == 422, answer.text
    assert len(reads(engine, account)) == before


def test_a_dry_run_said_otherwise_is_one(
    client: TestClient, engine: Engine, folder: Path, account: str
) -> None:
    path = f"/v1/accounts/{account}/spendings?%64ry_run=%74rue"
    window = bearer(folder / "keys", channel=WINDOW)
    assert client.post(path, json=spending(), headers=window).json()["code"] == "purpose_missing"
    before = len(reads(engine, account))
    assert client.post(path, json=spending()).json()["dry_run"] is True
    assert len(reads(engine, account)) == before + 1


# -- purposes ------------------------------------------------------------------------------------------------

GOOD = b"own_request"
REFS: dict[bytes, str] = {
    b"own_request;ref=a": "a",
    b"own_request ;\tref=a, b; c=d": "a, b; c=d",
    b'own_request; ref="quoted"': "quoted",
    b"own_request; ref=%E5%BC%A0": "%E5%BC%A0",
    "own_request; ref=𠮷野家".encode(): "𠮷野家",
    "own_request; ref=案号㐀𫝀".encode(): "案号㐀𫝀",
    "own_request; ref=Ａ１".encode(): "A1",
    b"own_request; ref=;": ";",
    b"  own_request; ref= a  ": "a",
}
REFUSED: dict[bytes, str] = {
    **dict.fromkeys(
        (b"", b" ", b"\t"),
        "purpose_missing",
    ),
    **dict.fromkeys(
        (
            *(b'"own_request"', b"own_request,own_request", b"own_request; ref=", b"own_request;ref", b";"),
            *(b"own%5frequest", b"own request", b"own_request; Ref=a", b"own_request; x=1; ref=a", b"care"),
            *(
                "ｏwn_request".encode(),
                "本人".encode(),
                b"own_request\xe9",
                b"x" * 5000,
                b"ref=a",
                b"\xff\xfe",
            ),
            b"own_request; \xe9=a",
        ),
        "purpose_not_allowed",
    ),
    **dict.fromkeys(
        (
            b"own_request; ref=\xed\xa0\x80",
            *(b"own_request; ref=" + b"x" * 201, b'own_request; ref=""', b"own_request; ref=\x7f"),
            *("own_request; ref=\u202eabc".encode(), "own_request; ref=\u2028".encode()),
        ),
        "shape_invalid",
    ),
}


@pytest.mark.parametrize("purpose", REFS)
def test_a_reference_is_kept_as_it_was_meant(
    client: TestClient, engine: Engine, folder: Path, account: str, purpose: bytes
) -> None:
    headers = bearer(folder / "keys", channel=WINDOW) | {"Purpose": purpose}
    assert client.get(f"/v1/accounts/{account}/balance", headers=headers).status_code == 200
    read = reads(engine, account)[-1]
    assert (read.purpose, read.ref) == ("own_request", REFS[purpose])


@pytest.mark.parametrize("purpose", REFUSED)
def test_a_purpose_that_is_none(
    client: TestClient, engine: Engine, folder: Path, account: str, purpose: bytes
) -> None:
    headers = bearer(folder / "keys", channel=WINDOW) | {"Purpose": purpose}
    before = len(reads(engine))
    answer = client.get(f"/v1/accounts/{account}/balance", headers=headers)
    assert answer.json()["code"] == REFUSED[purpose], answer.text
    assert "balance" not in answer.json()
    assert len(reads(engine)) == before
    # what was said stands in no answer
    assert len(purpose) < 3 or purpose.decode("latin-1") not in answer.text


def test_two_purposes_are_none(client: TestClient, engine: Engine, folder: Path, account: str) -> None:
    token = bearer(folder / "keys", channel=WINDOW)["Authorization"]
    for said in ((GOOD, GOOD), (GOOD, b"complaint"), (GOOD, b""), (b"", GOOD)):
        headers = [(b"Authorization", token.encode()), *((b"Purpose", one) for one in said)]
        before = len(reads(engine))
        answer = client.get(f"/v1/accounts/{account}/balance", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "purpose_not_allowed"), said
        assert len(reads(engine)) == before


def test_a_system_may_say_a_purpose_that_nobody_asks_for(
    client: TestClient, engine: Engine, account: str
) -> None:
    for purpose in (b"own_request", b"caf\xe9", b"x" * 5000):
        answer = client.get(f"/v1/accounts/{account}/balance", headers={b"Purpose": purpose})
        assert answer.status_code == 200
        assert reads(engine, account)[-1].purpose is None


# -- lists, looks that are taken twice, whole numbers --------------------------------------------------------


def test_a_list_of_more_people_than_are_recorded_at_once(
    client: TestClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    employer = new_employer(client)
    declared = owe(client, employer, "2026-03", {hire(client): "8000.00" for _ in range(5)})
    monkeypatch.setattr(read_log, "WAITING_MAX", 2)
    monkeypatch.setattr(shown, "TOGETHER_MAX", 2)
    before = len(reads(engine))
    assert client.get(f"/v1/declarations/{declared['declaration']}").status_code == 200
    assert len(reads(engine)) == before + 5


def test_a_look_that_is_taken_twice_is_recorded_once(
    client: TestClient, engine: Engine, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    once: Callable[..., Any] = Readers._look_once

    def twice(self: Readers, *arguments: Any) -> Any:
        once(self, *arguments)
        return once(self, *arguments)

    monkeypatch.setattr(Readers, "_look_once", twice)
    before = len(reads(engine, account))
    assert client.get(f"/v1/accounts/{account}/entries").status_code == 200
    [read] = reads(engine, account)[before:]
    assert read.items == 2


def test_whole_numbers_of_a_list_go_to_those_who_may_see_them(
    client: TestClient, engine: Engine, folder: Path
) -> None:
    employer, person = new_employer(client), hire(client)
    declared = declare(client, employer, "2026-03", {person: "8000.00"})
    path = f"/v1/declarations/{declared['declaration']}/confirm"
    scopes = [scope for scope in SCOPES if scope != "contributions:act"]
    own = bearer(
        folder / "keys", "own_request", channel=AccessChannel.EMPLOYER, scopes=scopes, employer=employer
    )
    window = bearer(folder / "keys", "own_request", channel=WINDOW)
    for headers, number, fields in (
        (own, mask_id_number(person), G.PAYMENTS | G.IDENTITY_MASKED),
        (window, person, G.PAYMENTS | G.IDENTITY_FULL),
    ):
        before = len(reads(engine))
        [line] = client.post(f"{path}?dry_run=true", json={}, headers=headers).json()["lines"]
        assert line["id_number"] == number
        [read] = reads(engine)[before:]
        assert FieldGroup(read.fields) == fields
    # its own list it has in its hands, once they are of its staff
    confirm(client, declared)
    sent = {"period": "2026-04", "lines": wages({person: "8000.00"})}
    lists = f"/v1/employers/{employer}/declarations?dry_run=true"
    [line] = client.post(lists, json=sent, headers=own).json()["lines"]
    assert line["id_number"] == person
