"""Who may do what: every route with a token of every role, and every route with every other tenant's names.

What is expected stands here in words of its own. The routes come from the table of scopes, and what paths and
bodies name from tables below that are held complete: a route that is new, or names something new, is missing
here until somebody says whose that is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.http.scopes import OPEN, SCOPE_OF
from ledger.access.roles import OF_ANY_BOUND, ROLES, Role
from ledger.access.tokens import AGENCY_SCOPES, SCOPES, TokenError, WrongToken, check_bound
from ledger.book.numbers import account_no, entry_name, new_book_id
from ledger.chart.channels import AccessChannel
from ledger.chart.parties import Party
from ledger.institutions import registry
from ledger.people.id_numbers import parse_id_number
from ledger.people.persons import number_digest
from tests.inquiry.test_api_employers import OWN
from tests.support import care_client
from tests.support.api_client import AREA, TODAY, bearer, contribute, id_number, key, open_account, running
from tests.support.case_client import case_body, opened
from tests.support.documents_client import printed
from tests.support.employer_client import new_employer, owe
from tests.support.units import credit_code

ROOT = Path(__file__).resolve().parents[2]
GUARDED: Final = sorted(route for route, scope in SCOPE_OF.items() if scope != OPEN)

# what each token reaches that is bound to somebody: of its own names, and nothing else of the API
OF_EMPLOYERS: Final = OWN | {
    ("POST", "/v1/imports/declarations"),
    ("GET", "/v1/imports/declarations/template"),
    ("POST", "/v1/cases"),
    ("GET", "/v1/cases"),
    ("GET", "/v1/cases/{case}"),
}
OF_INSTITUTIONS: Final = {
    ("GET", "/v1/institutions/{institution}"),
    ("GET", "/v1/institutions/{institution}/changes"),
    ("POST", "/v1/settlements"),
    ("POST", "/v1/settlements/quote"),
    ("POST", "/v1/settlements/correction"),
    ("POST", "/v1/settlements/{settlement}/reversal"),
    ("GET", "/v1/settlements/{settlement}"),
    ("POST", "/v1/visits"),
    ("POST", "/v1/visits/{visit}/end"),
    ("GET", "/v1/visits/{visit}"),
    ("POST", "/v1/institutions/{institution}/reconciliations"),
    ("GET", "/v1/institutions/{institution}/reconciliations"),
    ("GET", "/v1/institutions/{institution}/reconciliations/{day}/lines"),
    ("POST", "/v1/institutions/{institution}/clearings"),
    ("GET", "/v1/institutions/{institution}/clearings"),
    ("GET", "/v1/institutions/{institution}/statement"),
    ("POST", "/v1/clearings/{clearing}/end"),
}
OF_PERSONS: Final = {
    *(route for route in GUARDED if route[1] == "/v1/me" or route[1].startswith("/v1/me/")),
    ("POST", "/v1/cases"),
    ("GET", "/v1/cases"),
    ("GET", "/v1/cases/{case}"),
}
REACHED: Final = {"employer": OF_EMPLOYERS, "institution": OF_INSTITUTIONS, "insured person": OF_PERSONS}
BOUND: Final = sorted(REACHED)
DECLINED: Final = {"scope_missing", "channel_not_allowed", "token_invalid"}
# names of a path that are nobody's
OF_NOBODY: Final = {"year", "period", "day", "area"}
PURPOSE: Final = {
    AccessChannel.WINDOW: "own_request",
    AccessChannel.INSTITUTION: "care",
    AccessChannel.AGENCY: "court_order",
    AccessChannel.AUDIT: "audit",
    AccessChannel.SYSTEM: None,
}


class Tenant(NamedTuple):
    """An employer, an institution and a person, each with what is theirs, by what paths call it."""

    employer: str
    institution: str
    person: str
    names: dict[str, str]


class Place(NamedTuple):
    """Whose tokens are tried, and by whose names; `unknown` are names of nobody, of the same form."""

    own: Tenant
    other: Tenant
    unknown: Tenant


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    with running(engine, folder) as client:
        # how often strangers may be named is tried elsewhere
        state: Any = client.app
        state.state.ledger.strangers.most = 100_000
        yield client


def tenant(client: TestClient, engine: Engine, folder: Path) -> Tenant:
    """Somebody of each kind who is there, with something of each kind of thing."""
    employer, institution = new_employer(client), care_client.new_institution(client)
    person = open_account(client, opened_on="2020-01-01")
    contribute(client, person["account_no"], "500.00")
    account, number = person["account_no"], person["number"]
    body = {"member_class": "active", "employer": employer, "from": "2025-01-01"}
    made = client.post(f"/v1/accounts/{account}/enrolments", json=body, headers=key())
    declared = owe(client, employer, "2026-03", {number: "8000.00"})["declaration"]
    settled = care_client.settle(client, institution, number, [("A", "10.00")])["settlement"]
    visit = care_client.visit(client, institution, number)
    with engine.connect() as connection:
        party = registry.find(connection, institution).party_id
    paper = printed(client, f"/v1/employers/{employer}", kind="staff_list")["document"]
    own_paper = printed(client, f"/v1/accounts/{account}", kind="insured_proof")["document"]
    case = opened(client, about={"account": account})
    names = everything(employer, institution, account, number) | {
        "declaration": declared,
        "enrolment": made.json()["enrolment"],
        "settlement": settled,
        "visit": visit,
        "clearing": entry_name(party, 1),
        "document": paper,
        "own_document": own_paper,
        "case": case,
        "entry": f"{account}-1",
    }
    return Tenant(employer, institution, number, names)


def nobody() -> Tenant:
    """Names of the same form that nobody has."""
    account = account_no(new_book_id(Party.PERSON))
    party = new_book_id(Party.INSTITUTION)
    employer, institution, number = credit_code(999_999_123), "NOBODY", id_number()
    names = everything(employer, institution, account, number) | {
        "declaration": entry_name(new_book_id(Party.EMPLOYER), 1),
        "enrolment": f"{account}-2",
        "settlement": f"{account}-3",
        "visit": f"{account}-4",
        "clearing": entry_name(party, 1),
        "document": "BCDFGHJKLMNPQRSTVWXZ",
        "own_document": "BCDFGHJKLMNPQRSTVWXB",
        "case": "5f0c9a1be27d3346a80e",
        "entry": f"{account}-1",
    }
    return Tenant(employer, institution, number, names)


def everything(employer: str, institution: str, account: str, number: str) -> dict[str, str]:
    """Whatever a path may name; of what no bound token reaches some name of the account's."""
    of_the_account = (
        *("freeze", "estate", "payout", "transfer", "demand", "hold", "payment", "correction", "contract"),
        *("suspension", "filing", "quota", "claim", "card"),
    )
    return {
        **dict.fromkeys(of_the_account, f"{account}-1"),
        "employer": employer,
        "institution": institution,
        "account": account,
        "number": number,
        "year": "2025",
        "period": "2026-03",
        "day": "2026-03-10",
        "area": AREA,
        "batch": f"import-accounts-{account[1:9]}-{account[1:9]}",
        "agency_request": "1",
        "approval": f"{account}.1",
        "webhook": "1",
    }


@pytest.fixture(scope="module")
def place(client: TestClient, engine: Engine, folder: Path) -> Place:
    return Place(tenant(client, engine, folder), tenant(client, engine, folder), nobody())


def filled(path: str, names: dict[str, str]) -> str:
    return re.sub(r"{(\w+)}", lambda found: names[found[1]], path)


def role_of(actor: str) -> Role:
    return next(role for role in ROLES if role.actor == actor)


def token_of(
    client: Any, folder: Path, role: Role, whose: Tenant, *, scopes: Any = None, channel: Any = None
) -> dict[str, Any]:
    """The headers of a call by a role, for itself where it is bound."""
    channel = channel or min(
        one for one in role.channels if one is not AccessChannel.SYSTEM or len(role.channels) == 1
    )
    digest = number_digest(parse_id_number(whose.person, TODAY), client.app.state.ledger.keyring)
    bound_to = {"employer": whose.employer, "institution": whose.institution, "person": digest}
    to: dict[str, Any] = {} if role.binding is None else {role.binding.value: bound_to[role.binding]}
    held = sorted(role.scopes) if scopes is None else scopes
    purpose = PURPOSE.get(channel, "own_request")
    headers = bearer(folder / "keys", purpose, scopes=held, channel=channel, **to)
    return headers | key()


def called(client: TestClient, route: tuple[str, str], names: dict[str, str], headers: Any) -> Any:
    method, path = route
    body: Any = {"json": {}} if method == "POST" else {}
    return client.request(method, filled(path, names), headers=headers, **body)


def said(answer: Any) -> dict[str, Any]:
    """All that an answer says, but for what is another one each time."""
    assert answer.status_code >= 400, answer.text
    problem: dict[str, Any] = answer.json()
    del problem["request_id"]
    return problem


# -- the table ---------------------------------------------------------------------------------------------


def test_what_the_agency_does_is_in_no_token_that_is_bound() -> None:
    assert {"contributions:act", "clearings:pay", "admin"} <= AGENCY_SCOPES
    assert not AGENCY_SCOPES & OF_ANY_BOUND
    for role in ROLES:
        assert role.scopes <= set(SCOPES), role.actor
        if role.binding is not None:
            check_bound(role.scopes)
    # and every scope is somebody's
    assert frozenset().union(*(role.scopes for role in ROLES)) == set(SCOPES)


@pytest.mark.parametrize("scope", sorted(AGENCY_SCOPES))
def test_nobody_gives_out_a_bound_token_with_it(scope: str) -> None:
    with pytest.raises(WrongToken, match=f"alone.*: {scope}$") as refused:
        check_bound(["employers:read", scope])
    assert isinstance(refused.value, TokenError)


def test_each_of_the_bound_may_hold_what_its_routes_ask_for() -> None:
    """And nothing more: what is in the row of a role is asked for by some route that it reaches."""
    for actor, routes in REACHED.items():
        assert role_of(actor).scopes == {SCOPE_OF[route] for route in routes}, actor


def test_the_document_has_the_table() -> None:
    text = (ROOT / "docs/inquiry.md").read_text(encoding="utf-8")
    for role in ROLES:
        binding = "none" if role.binding is None else f"`{role.binding}`"
        channels = ", ".join(f"`{one.word}`" for one in sorted(role.channels))
        scopes = (
            "every one"
            if role.scopes == set(SCOPES)
            else ", ".join(f"`{one}`" for one in sorted(role.scopes))
        )
        row = f"| {role.actor} | {binding} | {channels} | {scopes} | {role.reach} |"
        assert row in text, row
    rows = [line for line in text.splitlines() if line.endswith("|") and line.count("|") == 6]
    assert len(rows) == len(ROLES) + 2


# -- every route with every role's token -------------------------------------------------------------------


@pytest.mark.parametrize("actor", [role.actor for role in ROLES])
def test_every_route_with_the_token_of_every_role(
    client: TestClient, folder: Path, place: Place, actor: str
) -> None:
    role = role_of(actor)
    names = place.own.names
    if actor == "insured person":
        names = names | {"document": names["own_document"]}
    for channel in sorted(role.channels):
        for route in GUARDED:
            answer = called(client, route, names, token_of(client, folder, role, place.own, channel=channel))
            code = answer.json().get("code") if "json" in answer.headers["content-type"] else None
            is_reached = route in REACHED[actor] if actor in REACHED else SCOPE_OF[route] in role.scopes
            if actor not in REACHED and route[1].startswith("/v1/me"):
                # own data is behind a token of one's own
                is_reached = False
            if not is_reached:
                assert (answer.status_code, code) == (403, "scope_missing"), (route, channel)
            else:
                assert code not in {"scope_missing", "token_invalid"}, (route, channel)
            assert answer.status_code < 500, (route, answer.text)


@pytest.mark.parametrize("actor", BOUND)
def test_no_scope_makes_a_bound_token_reach_further(
    client: TestClient, folder: Path, place: Place, actor: str
) -> None:
    """With every scope that there is, on what is one's own: none gives itself a contract or pays itself."""
    role = role_of(actor)
    names = place.own.names
    if actor == "insured person":
        names = names | {"document": names["own_document"]}
    every = [one for one in SCOPES if actor != "employer" or one != "contributions:act"]
    for route in GUARDED:
        answer = called(client, route, names, token_of(client, folder, role, place.own, scopes=every))
        code = answer.json().get("code") if "json" in answer.headers["content-type"] else None
        assert ((answer.status_code, code) == (403, "scope_missing")) is (route not in REACHED[actor]), route


def test_an_employer_that_would_act_for_the_agency_is_nobody(
    client: TestClient, folder: Path, place: Place
) -> None:
    for route in GUARDED:
        headers = token_of(client, folder, role_of("employer"), place.own, scopes=list(SCOPES))
        answer = called(client, route, place.own.names, headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid"), route


@pytest.mark.parametrize("actor", BOUND)
def test_every_route_with_every_scope_but_its_own(
    client: TestClient, folder: Path, place: Place, actor: str
) -> None:
    role = role_of(actor)
    for route in GUARDED:
        others = [one for one in SCOPES if one not in {SCOPE_OF[route], "contributions:act"}]
        headers = token_of(client, folder, role, place.own, scopes=others)
        answer = called(client, route, place.own.names, headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing"), route
        assert answer.json()["facts"] == {"scope": SCOPE_OF[route]}


# -- every route with every other tenant's names -----------------------------------------------------------


def test_every_name_of_a_path_is_tried() -> None:
    names = {name for _method, path in SCOPE_OF for name in re.findall(r"{(\w+)}", path)}
    assert names - {"code"} <= nobody().names.keys()


@pytest.mark.parametrize("actor", BOUND)
def test_nothing_tells_whether_anothers_thing_exists(
    client: TestClient, folder: Path, place: Place, actor: str
) -> None:
    """The same status, code and words for what is another's and for what there is not."""
    role, tried = role_of(actor), 0
    for route in GUARDED:
        names = set(re.findall(r"{(\w+)}", route[1]))
        if not names or (route in REACHED[actor] and names <= OF_NOBODY):
            continue
        # its own row, the one scope that the route asks for, and everything
        everything_held = [one for one in SCOPES if one != "contributions:act"]
        for scopes in (sorted(role.scopes), [SCOPE_OF[route]], everything_held):
            headers = token_of(client, folder, role, place.own, scopes=scopes)
            answers = [
                called(client, route, one.names, headers | key()) for one in (place.other, place.unknown)
            ]
            told = [said(answer) for answer in answers]
            assert told[0] == told[1], (route, scopes)
            assert answers[0].status_code in {401, 403, 404}, route
            tried += 1
    assert tried > 3 * 130


@pytest.mark.parametrize("actor", BOUND)
def test_nor_does_what_stands_under_an_own_name(
    client: TestClient, folder: Path, place: Place, actor: str
) -> None:
    """One name of a path is one's own and the other is not."""
    role, own = role_of(actor), place.own.names
    for route in sorted(REACHED[actor]):
        for name in re.findall(r"{(\w+)}", route[1]):
            if name in OF_NOBODY:
                continue
            headers = token_of(client, folder, role, place.own)
            answers = [
                called(client, route, own | {name: one.names[name]}, headers | key())
                for one in (place.other, place.unknown)
            ]
            assert said(answers[0]) == said(answers[1]), (route, name)


# What a body or a file names that may be another's, by route: made of one tenant's names for who asks.
Body = Callable[[Tenant, Tenant], dict[str, Any]]


def _bill(own: Tenant, other: Tenant, **more: Any) -> dict[str, Any]:
    return {"json": care_client.bill(own.institution, own.person, [("A", "1.00")]) | more}


def _visit_of(own: Tenant, other: Tenant) -> dict[str, Any]:
    return _bill(own, other, visit=other.names["visit"])


def _bill_of(own: Tenant, other: Tenant) -> dict[str, Any]:
    return {"json": care_client.bill(other.institution, own.person, [("A", "1.00")])}


def _arriving(own: Tenant, other: Tenant) -> dict[str, Any]:
    body = {"institution": other.institution, "id_number": own.person, "care_type": "inpatient"}
    return {"json": body | {"from": care_client.CARE_DAY}}


def _about(what: str) -> Body:
    def body(_own: Tenant, other: Tenant) -> dict[str, Any]:
        return {"json": case_body(about={what: other.names[what]}) | {"channel": None}}

    return body


def _objecting(own: Tenant, other: Tenant) -> dict[str, Any]:
    about = {"employer": own.employer} if own.names["kind"] == "employer" else {"account": own.person}
    return {"json": case_body(kind="objection", about=about, objects_to=other.names["case"], channel=None)}


def _file(own: Tenant, other: Tenant) -> dict[str, Any]:
    text = f"employer,period,id_number,wage\n{other.employer},2026-04,{own.person},8000.00\n"
    return {"files": {"file": text.encode()}}


def _lines(_own: Tenant, other: Tenant) -> dict[str, Any]:
    return {"json": {"period": "2026-04", "lines": [{"id_number": other.person, "wage": "8000.00"}]}}


def _sheet(_own: Tenant, other: Tenant) -> dict[str, Any]:
    return {"json": {"kind": "settlement_sheet", "settlement": other.names["settlement"], "format": "json"}}


def _taken_back(_own: Tenant, other: Tenant) -> dict[str, Any]:
    return {"json": {"institution": other.institution, "message_id": "m-1"}}


# None: its body names nothing that is anybody's
BODIES: Final[dict[str, dict[tuple[str, str], list[Body] | None]]] = {
    "employer": {
        ("POST", "/v1/employers/{employer}/declarations"): [_lines],
        ("POST", "/v1/imports/declarations"): [_file],
        ("POST", "/v1/cases"): [
            *(_about(what) for what in ("account", "employer", "entry", "document")),
            _objecting,
        ],
        ("POST", "/v1/employers/{employer}/documents"): None,
        ("POST", "/v1/declarations/{declaration}/confirm"): None,
    },
    "institution": {
        ("POST", "/v1/settlements"): [_visit_of, _bill_of],
        ("POST", "/v1/settlements/quote"): [_visit_of, _bill_of],
        ("POST", "/v1/settlements/correction"): [_taken_back],
        ("POST", "/v1/visits"): [_arriving],
        ("POST", "/v1/settlements/{settlement}/reversal"): None,
        ("POST", "/v1/visits/{visit}/end"): None,
        # by its own messages: those of others are others of the same name
        ("POST", "/v1/institutions/{institution}/reconciliations"): None,
        ("POST", "/v1/institutions/{institution}/clearings"): None,
        ("POST", "/v1/clearings/{clearing}/end"): None,
    },
    "insured person": {
        # of whom a person may report is no secret: units are named by their public code
        ("POST", "/v1/cases"): [*(_about(what) for what in ("account", "entry", "document")), _objecting],
        ("POST", "/v1/me/cases"): [*(_about(what) for what in ("account", "entry", "document")), _objecting],
        ("POST", "/v1/me/documents"): [_sheet],
        ("POST", "/v1/me/cases/{case}/close"): None,
    },
}


@pytest.mark.parametrize("actor", BOUND)
def test_what_a_body_names_is_known_of_every_route(actor: str) -> None:
    assert set(BODIES[actor]) == {route for route in REACHED[actor] if route[0] == "POST"}


NAMING: Final = [
    (actor, route, place, query)
    for actor, routes in BODIES.items()
    for route, bodies in routes.items()
    for place in range(len(bodies or ()))
    for query in ("", "?dry_run=true", "?preview=true")
    if not query
    or (query == "?dry_run=true" and route[1] in {"/v1/settlements", "/v1/visits"})
    or (query == "?dry_run=true" and route[1].endswith("/declarations") and "{" in route[1])
    or (query == "?preview=true" and "/imports/" in route[1])
]


@pytest.mark.parametrize(("actor", "route", "which", "query"), NAMING)
def test_nor_does_what_a_body_names(
    client: TestClient,
    folder: Path,
    place: Place,
    actor: str,
    route: tuple[str, str],
    which: int,
    query: str,
) -> None:
    role = role_of(actor)
    own = place.own._replace(names=place.own.names | {"kind": role.binding or ""})
    bodies = BODIES[actor][route]
    assert bodies is not None
    told = []
    for other in (place.other, place.unknown):
        headers = token_of(client, folder, role, own)
        path = filled(route[1], own.names) + query
        answer = client.request(route[0], path, headers=headers, **bodies[which](own, other))
        assert answer.status_code < 500, answer.text
        body = answer.json()
        if answer.status_code >= 400:
            told.append((answer.status_code, said(answer)))
            continue
        # of a list or a file each line has its code; what is named anew each time is left out
        text = re.sub(r'"(declaration|batch)":"[^"]*"', "", answer.text)
        assert {"rejected", "lines"} & body.keys(), answer.text
        told.append((answer.status_code, {"text": text}))
    assert told[0] == told[1]
