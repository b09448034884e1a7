"""What a person is shown of their own: the same as under the account, and of nobody else."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, select

from api.http.reach import is_own_data
from api.http.security import SCOPE_OF
from api.inquiry.answers import AccountYearAnswer
from ledger import tables
from ledger.book.numbers import book_id_of
from ledger.chart.channels import AccessChannel
from tests.support.api_client import NOW, TODAY, bearer, contribute, id_number, key, open_account, spending
from tests.support.care_client import give, new_institution, new_patient, new_resident, on, settle
from tests.support.case_client import opened
from tests.support.documents_client import printed
from tests.support.employer_client import new_employer, owe, pay, refusal, taken
from tests.support.inquiry_client import digest, own
from tests.support.second_numbers import add_alias
from tests.support.units import credit_code

ROUTES = sorted(path for method, path in SCOPE_OF if method == "GET" and is_own_data(path))


@pytest.fixture(scope="module")
def person(client: TestClient) -> str:
    """The ID number of somebody of whom there is something in every list."""
    number = new_patient(client, "900.00")
    relative = new_patient(client, "100.00")
    give(client, number, new_patient(client), "50.00", rank=2)
    give(client, number, relative, "60.00")
    give(client, relative, number, "70.00")
    hospital = new_institution(client)
    for amount in ("10.00", "20.00", "30.00"):
        settle(client, hospital, number, [("A", amount), ("C", "5.00")])
        contribute(client, number, amount)
    employer = new_employer(client)
    owe(client, employer, "2026-06", {number: "8000.00"})
    pay(client, employer, "2026-06", "760.38", "2026-07-16")
    return number


def ask(client: TestClient, path: str, headers: dict[str, str], **query: Any) -> Any:
    return client.get(path, headers=headers, params=query)


QUERIES: dict[str, list[dict[str, str]]] = {
    "": [{}],
    "/balance": [{}, {"as_of": "2026-05-01"}, {"as_known": "2026-01-05T00:00:00Z"}, {"as_of": "2027-01-01"}],
    "/entries": [{}, {"kind": "contribution"}, {"from": "2026-04-01", "to": "2026-12-31"}, {"limit": "0"}],
    "/payments": [{}, {"from": "2026-05"}, {"to": "2026-05"}, {"from": "2026-13"}],
    "/settlements": [{}, {"limit": "2"}, {"cursor": "nonsense"}],
    "/quotas": [{}, {"side": "given"}, {"side": "received"}, {"side": "both"}],
}


@pytest.mark.parametrize("path", QUERIES)
def test_the_same_is_answered_as_under_the_account(
    client: TestClient, keys: Path, person: str, path: str
) -> None:
    me = own(client, keys, person)
    for query in QUERIES[path]:
        mine = ask(client, f"/v1/me{path}", me, **query)
        theirs = client.get(f"/v1/accounts/{person}{path}", params=query)
        assert mine.status_code == theirs.status_code, mine.text
        for answer in (mine, theirs):
            answer.headers.pop("x-request-id", None)
        here, there = mine.json(), theirs.json()
        here.pop("request_id", None), there.pop("request_id", None)
        assert here == there
        assert mine.headers.get("etag") == theirs.headers.get("etag")
        if mine.status_code == 200 and path == "/quotas":
            assert here["items"]


@pytest.mark.parametrize("path", ["/entries", "/settlements"])
def test_the_cursors_are_the_same(client: TestClient, keys: Path, person: str, path: str) -> None:
    me = own(client, keys, person)
    first = ask(client, f"/v1/me{path}", me, limit="2").json()
    assert len(first["items"]) == 2
    after = {"limit": "2", "cursor": first["next_cursor"]}
    theirs = client.get(f"/v1/accounts/{person}{path}", params=after).json()
    assert ask(client, f"/v1/me{path}", me, **after).json() == theirs
    assert theirs["items"]
    # and are taken of nobody else
    other = own(client, keys, new_patient(client))
    assert refusal(ask(client, f"/v1/me{path}", other, **after)) == (422, "shape_invalid")


@pytest.mark.parametrize("path", ["/payments", "/settlements"])
def test_lists_come_as_csv(client: TestClient, keys: Path, person: str, path: str) -> None:
    csv = {"Accept": "text/csv"}
    mine = client.get(f"/v1/me{path}", headers=own(client, keys, person) | csv)
    assert mine.headers["content-type"].startswith("text/csv")
    assert mine.text == client.get(f"/v1/accounts/{person}{path}", headers=csv).text


@pytest.mark.parametrize("path", ROUTES)
def test_it_is_for_persons_and_for_what_they_say(
    client: TestClient, keys: Path, person: str, path: str
) -> None:
    me = own(client, keys, person)
    case = opened(client, about={"account": person}) if "{case}" in path else ""
    document = ""
    if "{document}" in path:
        document = printed(client, f"/v1/accounts/{person}", kind="insured_proof")["document"]
    real = path.replace("{year}", "2026").replace("{case}", case).replace("{document}", document)
    # nothing was sealed here, of which who is let in is told
    let_in = 409 if path.endswith("/proof") else 200
    assert client.get(real, headers=me).status_code == let_in
    assert client.get(real, headers=own(client, keys, person, AccessChannel.KIOSK)).status_code == let_in
    scope_missing = (403, "scope_missing")
    # of nobody: whatever the channel, and whatever it is for
    assert refusal(client.get(real)) == scope_missing
    for channel in (AccessChannel.ONLINE, AccessChannel.WINDOW, AccessChannel.AUDIT):
        assert refusal(client.get(real, headers=bearer(keys, None, channel=channel))) == scope_missing
    unit = {"channel": AccessChannel.EMPLOYER, "employer": credit_code(), "scopes": ["accounts:read"]}
    assert refusal(client.get(real, headers=bearer(keys, "own_request", **unit))) == scope_missing
    assert refusal(client.get(real, headers=own(client, keys, person, scopes=["care:read"]))) == scope_missing
    wrong = {"purpose": None}, {"purpose": "complaint"}
    codes = [refusal(client.get(real, headers=own(client, keys, person, **one)))[1] for one in wrong]  # type: ignore[arg-type]  # a purpose or none
    assert codes == ["purpose_missing", "purpose_not_allowed"]
    # a system that a person has signed in to says no purpose
    by_system = own(client, keys, person, AccessChannel.SYSTEM, None)
    assert client.get(real, headers=by_system).status_code == let_in


def test_a_persons_token_reaches_nobody_else(client: TestClient, keys: Path, person: str) -> None:
    other = open_account(client)
    me = own(client, keys, person)
    for path in (
        f"/v1/accounts/{other['account_no']}",
        f"/v1/accounts/{person}/balance",
        f"/v1/entries/{other['account_no']}-1",
        "/v1/read-log",
        "/v1/claims",
    ):
        assert client.get(path, headers=me).status_code == 403
    assert client.get("/v1/me", headers=me).json()["account_no"] != other["account_no"]
    assert client.get("/v1/me?account=" + other["account_no"], headers=me).status_code == 422


def test_an_older_number_is_the_same_person(client: TestClient, engine: Engine, keys: Path) -> None:
    first, second = new_patient(client, "10.00"), id_number()
    keyring = client.app.state.ledger.keyring  # type: ignore[attr-defined]  # an app has its state
    with engine.connect() as connection:
        add_alias(connection, keyring, known_as=first, also=second, now=NOW, today=TODAY)
    by_first, by_second = own(client, keys, first), own(client, keys, second)
    for path in ("", "/balance", "/entries"):
        assert client.get(f"/v1/me{path}", headers=by_second).json() == (
            client.get(f"/v1/me{path}", headers=by_first).json()
        )
    export = client.get("/v1/me/export", headers=by_second).json()
    assert (export["id_number"], export["other_id_numbers"]) == (first, [second])


def test_who_is_unknown_has_no_account(client: TestClient, keys: Path) -> None:
    nobody = own(client, keys, id_number())
    for path in ROUTES:
        answer = client.get(path.replace("{year}", "2026"), headers=nobody)
        if path == "/v1/me/cases":
            # whom a unit never registered may report it, and follow that
            assert answer.json() == {"items": [], "next_cursor": None}
        else:
            code = "case_not_found" if "{case}" in path else "account_not_found"
            assert refusal(answer) == (404, code), path


def test_a_resident_sees_what_there_is_without_an_account(client: TestClient, keys: Path) -> None:
    resident = new_resident(client, id_number())
    hospital = new_institution(client)
    settle(client, hospital, resident, [("A", "10.00")])
    donor = new_patient(client, "100.00")
    give(client, donor, resident, "20.00")
    me = own(client, keys, resident)
    for path in ("", "/balance", "/entries", "/statements/2026"):
        assert refusal(client.get(f"/v1/me{path}", headers=me)) == (404, "account_not_found")
    assert len(client.get("/v1/me/settlements", headers=me).json()["items"]) == 1
    [quota] = client.get("/v1/me/quotas?side=received", headers=me).json()["items"]
    assert quota["amount"] == "20.00"
    assert client.get("/v1/me/payments", headers=me).json()["items"] == []
    assert len(client.get("/v1/me/access-log", headers=me).json()["items"]) == 3


def test_each_look_is_recorded_before_it_is_answered(
    client: TestClient, engine: Engine, keys: Path, person: str
) -> None:
    me = own(client, keys, person)
    account = client.get("/v1/me", headers=me).json()["account_no"]
    log = tables.read_log.c
    for path in ROUTES:
        client.get(path.replace("{year}", "2026"), headers=me)
        query = select(log).where(log.book_id == book_id_of(account)).order_by(log.chain_id, log.seq)
        with engine.connect() as connection:
            last = connection.execute(query).all()[-1]
        assert (last.channel, last.purpose, last.bound_to) == (3, "own_request", "person")
        assert last.role == "accounts:read"


# -- a year on one page --------------------------------------------------------------------------------------


def test_a_year_of_everything(client: TestClient, keys: Path) -> None:
    number = open_account(client, opened_on="2025-02-03")["number"]
    employer = new_employer(client)
    owe(client, employer, "2026-06", {number: "8000.00"})
    pay(client, employer, "2026-06", "760.38", "2026-07-16")
    contribute(client, number, "100.00", period="2025-03", effective_on="2025-03-20")
    contribute(client, number, "7.00", period="2026-03", effective_on="2026-03-20")
    path = f"/v1/accounts/{number}/spendings"
    spent = client.post(path, json=spending(amount="30.00", effective_on="2025-05-01"), headers=key()).json()
    client.post(f"/v1/entries/{spent['entry']}/reversal", json={"reason": "wrong"}, headers=key())
    client.post(path, json=spending(amount="12.50", effective_on="2026-04-02"), headers=key())
    me = own(client, keys, number)

    first = taken(client.get("/v1/me/statements/2025", headers=me), AccountYearAnswer, 200)
    assert (first["from"], first["to"]) == ("2025-02-03", "2025-12-31")
    assert (first["opening"], first["closing"], first["interest"]) == ("0.00", "70.00", "0.00")
    assert first["debits"] == [{"kind": "spending", "entries": 1, "amount": "30.00"}]
    assert first["credits"] == [{"kind": "contribution", "entries": 1, "amount": "100.00"}]

    this = taken(client.get("/v1/me/statements/2026", headers=me), AccountYearAnswer, 200)
    assert (this["from"], this["to"]) == ("2026-01-01", TODAY.isoformat())
    assert (this["opening"], this["income"], this["spending"]) == ("70.00", "197.00", "12.50")
    assert this["closing"] == client.get("/v1/me/balance", headers=me).json()["balance"] == "254.50"
    assert this["credits"] == [
        {"kind": "contribution", "entries": 2, "amount": "167.00"},
        {"kind": "reversal", "entries": 1, "amount": "30.00"},
    ]
    assert this["months_paid"] == 2
    assert [(month["period"], month["base"]) for month in this["payments"]] == [
        ("2026-03", None),
        ("2026-06", "8000.00"),
    ]
    as_of = client.get("/v1/me/balance?as_of=2025-12-31", headers=me).json()
    assert as_of["balance"] == first["closing"] == this["opening"]


@pytest.mark.parametrize("year", ["2024", "2027", "1990", "2999"])
def test_there_is_no_statement_of_before_and_of_later(client: TestClient, keys: Path, year: str) -> None:
    me = own(client, keys, open_account(client, opened_on="2025-12-31")["number"])
    assert refusal(client.get(f"/v1/me/statements/{year}", headers=me)) == (422, "period_invalid")


@pytest.mark.parametrize("year", ["2025", "2026"])
def test_there_is_one_of_the_first_year_and_of_this(client: TestClient, keys: Path, year: str) -> None:
    me = own(client, keys, open_account(client, opened_on="2025-12-31")["number"])
    assert client.get(f"/v1/me/statements/{year}", headers=me).status_code == 200


@pytest.mark.parametrize("year", ["1899", "3000", "x", "-1", "2026.0", "２０２６"])
def test_a_year_is_a_number(client: TestClient, keys: Path, person: str, year: str) -> None:
    me = own(client, keys, person)
    assert refusal(client.get(f"/v1/me/statements/{year}", headers=me)) == (422, "shape_invalid")


def test_a_new_year_has_a_statement_from_its_first_day(client: TestClient, keys: Path) -> None:
    number = new_patient(client, "40.00")
    me = own(client, keys, number)
    with on(client, date(2026, 12, 31)):
        assert client.get("/v1/me/statements/2027", headers=me).status_code == 422
    with on(client, date(2027, 1, 1)):
        shown = client.get("/v1/me/statements/2027", headers=me).json()
    assert (shown["from"], shown["to"], shown["opening"]) == ("2027-01-01", "2027-01-01", "40.00")
    assert (shown["credits"], shown["debits"], shown["closing"]) == ([], [], "40.00")


def test_the_digest_names_nobody(client: TestClient, keys: Path, person: str) -> None:
    assert person not in digest(client, person).hex()
    assert person not in str(own(client, keys, person))
