"""A token bound to one institution: what of a path or body it reaches, and that it reaches nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.testclient import TestClient
from sqlalchemy import Engine, create_engine

from api.http.errors import Declined
from api.http.reach import NAMED_IN_BODY, stay_within, stay_within_body
from api.http.routes import LedgerRoute
from api.http.security import SCOPE_OF, Caller
from api.http.shows import SHOWN_BY
from ledger import tables
from ledger.access.owners import INSTITUTION_OF, cleared_for, settled_by, visited
from ledger.access.tokens import AGENCY_SCOPES, AUDIENCE, ISSUER, SCOPES, mint
from ledger.book.detail import pack
from ledger.book.numbers import entry_name, new_book_id
from ledger.chart.care import SIGNED
from ledger.chart.channels import NOTHING
from ledger.chart.kinds import Kind
from ledger.chart.parties import Party
from ledger.institutions import registry
from tests.support import care_client
from tests.support.api_client import AREA, key, open_account, running
from tests.support.employer_client import new_employer, refusal

SCOPE = "accounts:read"
PATIENT, OTHER_PATIENT = new_book_id(Party.PERSON), new_book_id(Party.PERSON)
OWN, OTHER = new_book_id(Party.INSTITUTION), new_book_id(Party.INSTITUTION)
OWN_BILL, OTHERS_BILL, YEARLY, OWN_VISIT, OTHERS_VISIT, OPENING = 2, 3, 4, 5, 6, 1


# -- whose it is -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def book() -> Iterator[Engine]:
    """Some rows of two institutions, and nothing else that a database holds them to."""
    engine = create_engine("sqlite://")
    tables.metadata.create_all(engine, [tables.entry, tables.institution, tables.settlement])
    with engine.begin() as connection:
        for code, party in (("H0001", OWN), ("H0002", OTHER)):
            connection.execute(
                tables.institution.insert(),
                {
                    "code": code,
                    "party_id": party,
                    "name": code,
                    "kind": "hospital",
                    "level": 1,
                    "area": int(AREA),
                },
            )
        for seq, sender in ((OWN_BILL, OWN), (OTHERS_BILL, OTHER), (YEARLY, None)):
            connection.execute(tables.settlement.insert(), settlement(seq, sender))
        for seq, kind, party in (
            (OPENING, Kind.OPENING, OWN),
            (OWN_VISIT, Kind.VISIT, OWN),
            (OTHERS_VISIT, Kind.VISIT, OTHER),
        ):
            connection.execute(tables.entry.insert(), entry(seq, kind, party))
    yield engine
    engine.dispose()


def settlement(seq: int, party: int | None) -> dict[str, Any]:
    """A bill paid in cash, or without an institution a yearly difference of nothing."""
    fen = 0 if party is None else 100
    amounts = dict.fromkeys(SIGNED, 0) | {"total": fen, "in_scope": fen, "cash_pay": fen}
    ones = dict.fromkeys(("care_table", "care_type", "level", "member_class", "coverage"), 1)
    return {
        **amounts,
        **ones,
        "book_id": PATIENT,
        "seq": seq,
        "institution_id": party,
        "channel": 1 if party is not None else 3,
        "care_date": date(2026, 3, 1),
        "settled_on": date(2026, 3, 1),
        **dict.fromkeys(("ratio", "filing", "cut", "admission"), 0),
        "use_account": False,
    }


def entry(seq: int, kind: Kind, party: int) -> dict[str, Any]:
    return {
        "book_id": PATIENT,
        "seq": seq,
        "kind": int(kind),
        "recorded_at": datetime(2026, 3, 1, tzinfo=UTC),
        "effective_on": date(2026, 3, 1),
        **dict.fromkeys(("current_year_after", "carried_over_after", "caller", "actor", "policy_version"), 0),
        "detail": pack(party=party),
        "digest": bytes(32),
    }


def test_the_institution_is_found_by_the_row(book: Engine) -> None:
    with book.connect() as connection:
        bills = [settled_by(connection, (PATIENT, seq)) for seq in (OWN_BILL, OTHERS_BILL, YEARLY, 9)]
        visits = [visited(connection, (PATIENT, seq)) for seq in (OWN_VISIT, OTHERS_VISIT, OPENING, 9)]
        clearings = [cleared_for(connection, (party, 7)) for party in (OWN, OTHER, PATIENT)]
        assert settled_by(connection, (OTHER_PATIENT, OWN_BILL)) is None
        assert visited(connection, (OTHER_PATIENT, OWN_VISIT)) is None
    assert bills == visits == ["H0001", "H0002", None, None]
    assert clearings == ["H0001", "H0002", None]


# -- what a path names -----------------------------------------------------------------------------------


class OneThread:
    """As much of a state as the way of a token needs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def glance(self, look: Any) -> Any:
        with self._engine.connect() as connection:
            return look(connection)


def asked(
    book: Engine | None,
    route: tuple[str, str],
    named: Mapping[str, str] | None = None,
    caller: Caller | None = None,
) -> Request:
    app = FastAPI()
    if book is not None:
        app.state.ledger = OneThread(book)
    return Request(
        {
            "type": "http",
            "app": app,
            "method": route[0],
            "path_params": dict(named or {}),
            "ledger.template": route[1],
            "ledger.caller": caller,
        }
    )


def of(institution: str | None = None, employer: str | None = None) -> Caller:
    return Caller("his", "clerk", frozenset({SCOPE}), employer, institution)


def reaches(book: Engine, caller: Caller, route: tuple[str, str], named: Mapping[str, str]) -> bool:
    try:
        asyncio.run(stay_within(asked(book, route, named), caller, SCOPE))
    except Declined:
        return False
    return True


def at(seq: int, book_id: int = PATIENT) -> str:
    return entry_name(book_id, seq)


# what the path names, and whether H0001 reaches it
PATHS = {
    "itself": ({"institution": "H0001"}, True),
    "another": ({"institution": "H0002"}, False),
    "case matters": ({"institution": "h0001"}, False),
    "blanks around it": ({"institution": " H0001\t"}, True),
    "a blank inside": ({"institution": "H 0001"}, False),
    "full width": ({"institution": "\uff28\uff10\uff10\uff10\uff11"}, True),
    "another, full width": ({"institution": "\uff28\uff10\uff10\uff10\uff12"}, False),
    "what nobody sees": ({"institution": "H0\u200b001\ufeff"}, True),
    "nothing that can be seen": ({"institution": "\u200b"}, False),
    "no text": ({"institution": "H0001\x00"}, False),
    "too long": ({"institution": "H0001" + " " * 99}, False),
    "something of itself": ({"institution": "H0001", "day": "2026-03-01"}, True),
    "its settlement": ({"settlement": at(OWN_BILL)}, True),
    "its settlement, written small": ({"settlement": at(OWN_BILL).lower()}, True),
    "another's settlement": ({"settlement": at(OTHERS_BILL)}, False),
    "a yearly difference": ({"settlement": at(YEARLY)}, False),
    "a settlement that is none": ({"settlement": at(OWN_VISIT)}, False),
    "a settlement that is not there": ({"settlement": at(99)}, False),
    "no name of an entry": ({"settlement": "H0001"}, False),
    "its visit": ({"visit": at(OWN_VISIT)}, True),
    "another's visit": ({"visit": at(OTHERS_VISIT)}, False),
    "an entry that is no visit": ({"visit": at(OPENING)}, False),
    "its clearing": ({"clearing": at(7, OWN)}, True),
    "another's clearing": ({"clearing": at(7, OTHER)}, False),
    "its clearing under another": ({"institution": "H0002", "clearing": at(7, OWN)}, False),
    "another's clearing under itself": ({"institution": "H0001", "clearing": at(7, OTHER)}, False),
    "its clearing under itself": ({"institution": "H0001", "clearing": at(7, OWN)}, True),
    "an account": ({"account": at(1)[:14]}, False),
    "an employer": ({"employer": "91999999000000001K"}, False),
    "nothing": ({}, False),
}


@pytest.mark.parametrize(("named", "reached"), PATHS.values(), ids=PATHS.keys())
def test_how_far_a_path_may_lead(book: Engine, named: dict[str, str], reached: bool) -> None:
    assert reaches(book, of("H0001"), ("GET", "/v1/somewhere"), named) is reached
    # a token of an employer reaches none of it, and one that is bound to nothing all of it
    if "employer" not in named:
        assert not reaches(book, of(employer="91999999000000001K"), ("GET", "/v1/somewhere"), named)
    assert reaches(book, of(), ("GET", "/v1/somewhere"), named)


def test_every_kind_of_name_is_tried_above() -> None:
    assert set(INSTITUTION_OF) <= {name for named, _ in PATHS.values() for name in named}


@pytest.mark.parametrize("route", sorted(NAMED_IN_BODY), ids=" ".join)
def test_a_body_may_name_the_institution(book: Engine, route: tuple[str, str]) -> None:
    assert reaches(book, of("H0001"), route, {})
    assert not reaches(book, of("H0001"), ("GET", route[1]), {}), "a list of them would show everybody's"
    assert not reaches(book, of(employer="91999999000000001K"), route, {})


@pytest.mark.parametrize(
    ("caller", "code", "taken"),
    [
        (of("H0001"), "H0001", True),
        (of("H0001"), "H0002", False),
        (of("H0001"), "h0001", False),
        (of("H0001"), "\uff280001", True),
        (of("H0001"), "H0001\u3000", True),
        (of("H0001"), "H\u00ad0001", True),
        (of("H0001"), "\uff280002", False),
        (of("H0001"), "H 0001", False),
        (of("H0001"), "", False),
        (of(), "H0002", True),
        (of(employer="91999999000000001K"), "H0001", False),
        (of(employer="91999999000000001K"), "\uff280001", False),
    ],
    ids=ascii,
)
def test_a_body_names_its_own_institution(caller: Caller, code: str, taken: bool) -> None:
    if taken:
        stay_within_body(caller, SCOPE, {"institution": code})
        return
    with pytest.raises(Declined) as declined:
        stay_within_body(caller, SCOPE, {"institution": code})
    assert (declined.value.code, declined.value.facts) == ("scope_missing", {"scope": SCOPE})


@pytest.mark.parametrize("body", [None, [], "H0001", {}, {"institution": 7}, {"institution": None}], ids=str)
def test_a_body_that_names_none_is_left_to_its_shape(body: object) -> None:
    # the shape is judged after the door: nothing is declined here that names nobody
    assert declined_for(body) is None


def declined_for(body: object) -> Declined | None:
    try:
        stay_within_body(of("H0001"), SCOPE, body)
    except Declined as declined:
        return declined
    return None


# -- over HTTP -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    with running(engine, folder) as client:
        yield client


def bound(folder: Path, institution: str, scopes: Any = SCOPES) -> dict[str, str]:
    now = datetime.now(UTC)
    made = mint(folder / "keys", scopes, "his", "clerk", now, timedelta(hours=1), institution=institution)
    return key() | {"Authorization": f"Bearer {made}"}


def is_open_to_some_institution(route: tuple[str, str]) -> bool:
    """Whether a route names an institution: whose of them reach what is tried above."""
    names = {"institution", *INSTITUTION_OF}
    return route in NAMED_IN_BODY or any(f"{{{name}}}" in route[1] for name in names)


def test_a_token_of_an_institution_reaches_nothing_else(client: TestClient, folder: Path) -> None:
    number = open_account(client)["account_no"]
    filled = {"account": number, "employer": new_employer(client), "year": "2025", "area": AREA}
    asked_for = 0
    for route, scope in SCOPE_OF.items():
        method, path = route
        if not scope or is_open_to_some_institution(route):
            continue
        for name in path.split("{")[1:]:
            what = name.partition("}")[0]
            path = path.replace(f"{{{what}}}", filled.get(what, f"{number}-1"))
        headers = bound(folder, "H0001")
        answer = client.request(method, path, headers=headers, json={} if method == "POST" else None)
        assert refusal(answer) == (403, "scope_missing"), route
        assert answer.json()["facts"] == {"scope": scope}
        asked_for += 1
    assert asked_for > 40


# of the routes that post what is an institution's: the ones that it calls itself
ITS_OWN = {
    *NAMED_IN_BODY,
    ("POST", "/v1/settlements/{settlement}/reversal"),
    ("POST", "/v1/visits/{visit}/end"),
    ("POST", "/v1/institutions/{institution}/reconciliations"),
    ("POST", "/v1/institutions/{institution}/clearings"),
    ("POST", "/v1/clearings/{clearing}/end"),
}


def test_whatever_else_is_posted_of_an_institution_is_the_agencys() -> None:
    posted = {route for route in SCOPE_OF if route[0] != "GET" and is_open_to_some_institution(route)}
    assert {route for route in posted if SCOPE_OF[route] not in AGENCY_SCOPES} == ITS_OWN


SPELLINGS: tuple[Callable[[str], str], ...] = (
    lambda code: code,
    lambda code: "".join(chr(ord(letter) + 0xFEE0) for letter in code),
    lambda code: f" {code}\u00a0",
    lambda code: f"{code[:1]}\u200b{code[1:]}",
)


@pytest.mark.parametrize("spelt", SPELLINGS, ids=["plain", "full width", "blanks", "unseen"])
def test_a_code_means_the_same_to_every_token_however_it_is_spelt(
    client: TestClient, folder: Path, spelt: Callable[[str], str]
) -> None:
    own, other = care_client.new_institution(client), care_client.new_institution(client)
    patient = care_client.new_patient(client, "100.00")
    # tokens of the institution, of another one, and of nobody
    for headers, taken in ((bound(folder, own), True), (bound(folder, other), False), (key(), True)):
        bill = care_client.bill(spelt(own), patient, [("A", "1.00")])
        told = client.post("/v1/settlements/quote", json=bill, headers=headers)
        assert told.status_code == (201 if taken else 403), told.text
        told = client.get(f"/v1/institutions/{quote(spelt(own))}", headers=headers)
        assert told.status_code == (200 if taken else 403), told.text
        if taken:
            assert told.json()["institution"] == own
        path = f"/v1/institutions/{quote(spelt(own))}/statement?month=2026-03"
        told = client.get(path, headers=headers)
        assert told.status_code == (200 if taken else 403), told.text
        if taken:
            assert told.json()["institution"] == own
    bill = care_client.bill(spelt(own), patient, [("A", "2.00")])
    settled = client.post("/v1/settlements", json=bill, headers=bound(folder, own))
    assert settled.status_code == 201, settled.text
    assert own in client.app.state.ledger.institutions  # type: ignore[attr-defined]  # Starlette's app
    if spelt(own) != own:
        assert spelt(own) not in client.app.state.ledger.institutions  # type: ignore[attr-defined]  # Starlette's app


def test_an_institution_does_not_act_for_the_agency(client: TestClient, folder: Path, engine: Engine) -> None:
    """It would give itself a contract, and say that it was paid."""
    own = care_client.new_institution(client)
    with engine.connect() as connection:
        registered = registry.find(connection, own)
    clearing = entry_name(registered.party_id, 1)
    base = f"/v1/institutions/{own}"
    for path, body, scope in (
        (f"{base}/contracts", {"from": "2026-01-01", "to": None, "services": []}, "institutions:write"),
        (f"{base}/suspensions", {"from": "2026-01-01", "to": None, "reason": "x"}, "institutions:write"),
        (f"/v1/clearings/{clearing}/payment", {"source_ref": "x"}, "clearings:pay"),
    ):
        answer = client.post(path, json=body, headers=bound(folder, own))
        assert refusal(answer) == (403, "scope_missing")
        assert answer.json()["facts"] == {"scope": scope}
    assert client.get(base, headers=bound(folder, own)).status_code == 200


def test_a_route_asks_for_the_scope_first_and_then_how_far_it_reaches(
    client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/v1/tried/{institution}"
    monkeypatch.setitem(SCOPE_OF, ("GET", path), SCOPE)
    monkeypatch.setitem(SHOWN_BY, ("GET", path), NOTHING)
    router = APIRouter(route_class=LedgerRoute)

    @router.get(path)
    async def tried(institution: str, request: Request) -> Response:
        return Response(f"{institution} {request.scope['ledger.caller'].institution}")

    app: Any = client.app
    before = list(app.router.routes)
    app.include_router(router)
    try:
        assert client.get("/v1/tried/H0001", headers=bound(folder, "H0001")).text == "H0001 H0001"
        assert client.get("/v1/tried/H0001").text == "H0001 None"
        for code, scopes in (("H0002", SCOPES), ("H0001", ["reports:read"])):
            answer = client.get("/v1/tried/H0001", headers=bound(folder, code, scopes))
            assert refusal(answer) == (403, "scope_missing")
    finally:
        app.router.routes[:] = before


@pytest.mark.parametrize("claim", ["", None, 7, ["H0001"], True, "a/b", "a b", "x" * 65, "医院"], ids=str)
def test_a_claim_that_is_no_code_makes_no_token(client: TestClient, folder: Path, claim: Any) -> None:
    assert ask(client, folder, institution=claim) == (401, "token_invalid")


def test_a_token_bound_to_two_is_none(client: TestClient, folder: Path) -> None:
    both = {"institution": "H0001", "employer": "91999999000000001K"}
    assert ask(client, folder, **both) == (401, "token_invalid")
    for name, value in both.items():
        assert ask(client, folder, **{name: value}) == (403, "scope_missing")


def ask(client: TestClient, folder: Path, **more: Any) -> tuple[int, str]:
    """What is answered to a token with these claims beside good ones."""
    private: Any = load_pem_private_key((folder / "keys" / "token-signing.pem").read_bytes(), password=None)
    now = int(datetime.now(UTC).timestamp())
    rights = {"iss": ISSUER, "aud": AUDIENCE, "sub": "a", "client_id": "b", "scope": "reports:read"}
    bearer = jwt.encode(rights | {"iat": now, "exp": now + 60} | more, private, algorithm="EdDSA")
    return refusal(client.get("/v1/reports/trial-balance", headers={"Authorization": f"Bearer {bearer}"}))
