"""E67: an employer's token sees its own payments, its staff's registration and payments, and nothing else."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, select

from api.contributions.staff import StaffPage
from api.http.security import OPEN, SCOPE_OF
from ledger import tables
from ledger.access.tokens import AGENCY_SCOPES, SCOPES
from ledger.book.numbers import book_id_of
from ledger.chart.channels import AccessChannel, FieldGroup
from ledger.people.id_numbers import mask_id_number, mask_name
from tests.support import care_client
from tests.support.api_client import bearer, contribute, key, open_account, running, spending
from tests.support.documents_client import printed
from tests.support.employer_client import new_employer, owe, pay
from tests.support.estate_client import die

G = FieldGroup
# all of the API that an employer reaches: to its own name only
OWN = {
    ("GET", "/v1/employers/{employer}"),
    ("GET", "/v1/employers/{employer}/arrears"),
    ("GET", "/v1/employers/{employer}/changes"),
    ("GET", "/v1/employers/{employer}/payments"),
    ("GET", "/v1/employers/{employer}/payments/{period}"),
    ("GET", "/v1/employers/{employer}/receipts"),
    ("GET", "/v1/employers/{employer}/case-steps"),
    ("GET", "/v1/employers/{employer}/staff"),
    ("POST", "/v1/employers/{employer}/documents"),
    ("GET", "/v1/employers/{employer}/documents/{document}"),
    ("GET", "/v1/documents/{document}"),
    ("GET", "/v1/declarations/{declaration}"),
    ("POST", "/v1/employers/{employer}/declarations"),
    ("POST", "/v1/declarations/{declaration}/confirm"),
}
OWN_CASES: dict[tuple[str, str], tuple[int, Any]] = {
    ("POST", "/v1/cases"): (422, "shape_invalid"),
    ("GET", "/v1/cases"): (200, {"items": [], "next_cursor": None}),
    ("GET", "/v1/cases/{case}"): (404, "case_not_found"),
}
# and files of lists, whose lines name the employer
FILES = {("POST", "/v1/imports/declarations"), ("GET", "/v1/imports/declarations/template")}
OF_PERSONS = {
    "/v1/employers/{employer}/payments/{period}",
    "/v1/employers/{employer}/staff",
    "/v1/employers/{employer}/documents/{document}",
    "/v1/documents/{document}",
    "/v1/declarations/{declaration}",
}
# what stands in an account, left it, or was settled of it; and by what it is found
NEVER = {
    "account",
    "account_no",
    "account_pay",
    "available",
    "balance",
    "cash_pay",
    "carried_over",
    "current_year",
    "held",
    "institution",
    "pooled_pay",
    "quota",
    "reserved",
    "settlement",
    "to_account",
}


class Place(NamedTuple):
    """Two employers. Of the one's staff one moved to the other in June, one stays, one was never with it."""

    own: str
    other: str
    token: dict[str, str]
    others_token: dict[str, str]
    moved: Any
    stays: Any
    never: Any
    names: dict[str, str]
    others_names: dict[str, str]

    @property
    def secrets(self) -> list[str]:
        """What no answer to the one employer may hold."""
        people = (self.moved, self.stays, self.never)
        hidden = [one["number"] for one in people] + [one["account_no"] for one in people]
        return [*hidden, "43.21", "7654.32", self.other, "欧阳离", mask_name("欧阳离"), "司马迁"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    with running(engine, folder) as client:
        yield client


def employers_token(folder: Path, employer: str, purpose: str | None = "own_request") -> dict[str, str]:
    """With every scope that a bound token may have."""
    scopes = [scope for scope in SCOPES if scope not in AGENCY_SCOPES]
    return bearer(
        folder / "keys", purpose, scopes=scopes, channel=AccessChannel.EMPLOYER, employer=employer, actor="hr"
    )


def enrol(client: TestClient, person: Any, employer: str | None, first: str, **more: Any) -> str:
    body = {"member_class": "active", "employer": employer, "from": first} | more
    answer = client.post(f"/v1/accounts/{person['account_no']}/enrolments", json=body, headers=key())
    assert answer.status_code == 201, answer.text
    return str(answer.json()["enrolment"])


def end(client: TestClient, enrolment: str, last: str) -> None:
    answer = client.post(f"/v1/enrolments/{enrolment}/end", json={"to": last}, headers=key())
    assert answer.status_code == 201, answer.text


@pytest.fixture(scope="module")
def place(client: TestClient, folder: Path) -> Place:
    own, other = new_employer(client, name="甲厂"), new_employer(client, name="乙厂")
    moved, stays, never = (
        open_account(client, name=name, opened_on="2020-01-01") for name in ("司马迁", "班固", "欧阳离")
    )
    contribute(client, moved["account_no"], "7654.32")
    spent = spending(amount="43.21", effective_on="2026-04-02")
    spend = f"/v1/accounts/{moved['account_no']}/spendings"
    assert client.post(spend, json=spent, headers=key()).status_code == 201
    end(client, enrol(client, moved, own, "2025-01-01", wage="8000.00"), "2026-05-31")
    enrol(client, moved, other, "2026-06-01", wage="9000.00")
    enrol(client, stays, own, "2026-01-01", wage="8000.00")
    enrol(client, never, other, "2026-01-01")
    declared = owe(client, own, "2026-05", {moved["number"]: "8000.00", stays["number"]: "8000.00"})
    pay(client, own, "2026-05", "1520.00", "2026-06-05")
    owe(client, own, "2026-06", {stays["number"]: "8000.00"})
    others = owe(client, other, "2026-06", {moved["number"]: "9000.00", never["number"]: "9000.00"})
    owe(client, other, "2026-05", {never["number"]: "9000.00"})
    hospital = care_client.new_institution(client)
    patient = care_client.new_patient(client, "100.00")
    names = {
        "account": moved["account_no"],
        "institution": hospital,
        "settlement": care_client.settle(client, hospital, patient, [("A", "10.00")])["settlement"],
        "visit": care_client.visit(client, hospital, patient),
        "quota": care_client.give(client, patient, care_client.new_patient(client), "50.00")["quota"],
        "period": "2026-05",
        "year": "2026",
        "area": "990100",
        "day": "2026-11-20",
        "batch": "year-end-990100-2024",
    }
    papers = [printed(client, f"/v1/employers/{one}", kind="staff_list")["document"] for one in (own, other)]
    return Place(
        own,
        other,
        employers_token(folder, own),
        employers_token(folder, other),
        moved,
        stays,
        never,
        names | {"employer": own, "declaration": declared["declaration"], "document": papers[0]},
        names | {"employer": other, "declaration": others["declaration"], "document": papers[1]},
    )


def filled(path: str, names: dict[str, str]) -> str:
    return re.sub(r"{(\w+)}", lambda found: names.get(found[1], f"{names['account']}-1"), path)


def called(client: TestClient, route: tuple[str, str], names: dict[str, str], token: dict[str, str]) -> Any:
    method, path = route
    body = {} if method == "POST" else None
    return client.request(method, filled(path, names), json=body, headers={**token, **key()})


# -- every route ---------------------------------------------------------------------------------------------

ASKING = [route for route, scope in SCOPE_OF.items() if scope != OPEN]


@pytest.mark.parametrize("route", ASKING, ids=" ".join)
def test_an_employer_reaches_its_own_and_nothing_else(
    client: TestClient, place: Place, route: tuple[str, str]
) -> None:
    answer = called(client, route, place.names, place.token)
    if route in OWN_CASES:
        # of cases it reaches its own, of which there are none: what is whose, tests/cases tells
        assert (answer.status_code, answer.json()) == OWN_CASES[route] or (
            answer.status_code,
            answer.json()["code"],
        ) == OWN_CASES[route]
        return
    if route in OWN | FILES:
        assert answer.status_code not in {401, 403}
        assert route[0] == "POST" or answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()["code"]) in {
            (403, "scope_missing"),
            (403, "channel_not_allowed"),
        }
    if "{" in route[1]:
        others = called(client, route, place.others_names, place.token)
        assert others.status_code == 403
        assert others.json()["code"] in {"scope_missing", "channel_not_allowed"}
    assert all(secret not in answer.text for secret in ("7654.32", "43.21"))


def members(body: Any) -> Iterator[str]:
    """The name of every member, however deep."""
    if isinstance(body, dict):
        for name, value in body.items():
            yield name
            yield from members(value)
    elif isinstance(body, list):
        for one in body:
            yield from members(one)


@pytest.mark.parametrize("path", sorted(path for method, path in OWN if method == "GET"))
@pytest.mark.parametrize("accept", ["application/json", "text/csv"])
def test_nothing_of_an_account_is_shown(client: TestClient, place: Place, path: str, accept: str) -> None:
    answer = client.get(filled(path, place.names), headers={**place.token, "Accept": accept})
    assert answer.status_code == 200
    assert [secret for secret in place.secrets if secret in answer.text] == []
    if answer.headers["content-type"].startswith("application/json"):
        assert set(members(answer.json())) & NEVER == set()


@pytest.mark.parametrize("path", sorted(path for method, path in OWN if method == "GET"))
def test_what_shows_staff_says_what_for(client: TestClient, folder: Path, place: Place, path: str) -> None:
    silent = client.get(filled(path, place.names), headers=employers_token(folder, place.own, None))
    for purpose in ("audit", "care", "court_order", "proxy_request"):
        wrong = client.get(filled(path, place.names), headers=employers_token(folder, place.own, purpose))
        expected = (403, "purpose_not_allowed") if path in OF_PERSONS else (200, None)
        assert (wrong.status_code, wrong.json().get("code")) == expected
    if path in OF_PERSONS:
        assert (silent.status_code, silent.json()["code"]) == (403, "purpose_missing")
    else:
        assert silent.status_code == 200


def last_reads(engine: Engine, count: int) -> list[Any]:
    log = tables.read_log.c
    query = select(tables.read_log).order_by(log.chain_id.desc(), log.seq.desc()).limit(count)
    with engine.begin() as connection:
        return list(connection.execute(query))


@pytest.mark.parametrize("path", sorted(OF_PERSONS))
def test_it_is_recorded_whose_registration_and_payments_were_shown(
    client: TestClient, engine: Engine, place: Place, path: str
) -> None:
    assert client.get(filled(path, place.names), headers=place.token).status_code == 200
    # the list and the staff of May, or who is with it today
    of_today = path.endswith(("/staff", "/documents/{document}"))
    people = [place.stays] if of_today else [place.moved, place.stays]
    found = last_reads(engine, len(people))
    assert {one.book_id for one in found} == {book_id_of(one["account_no"]) for one in people}
    assert {(one.channel, one.purpose, one.bound_to, FieldGroup(one.fields), one.items) for one in found} == {
        (
            int(AccessChannel.EMPLOYER),
            "own_request",
            f"employer {place.own}",
            G.IDENTITY_MASKED | G.PAYMENTS,
            1,
        )
    }


# -- months employed there, and nowhere else -----------------------------------------------------------------


def staff_of(client: TestClient, employer: str, token: dict[str, str], period: str | None) -> list[Any]:
    query = "" if period is None else f"?period={period}"
    answer = client.get(f"/v1/employers/{employer}/staff{query}", headers=token)
    assert answer.status_code == 200, answer.text
    StaffPage.model_validate(answer.json())
    items: list[Any] = answer.json()["items"]
    return items


def shown(*people: Any) -> list[str]:
    return sorted(mask_id_number(one["number"]) for one in people)


def numbers(items: list[Any]) -> list[str]:
    return sorted(str(one["id_number"]) for one in items)


def paid_for(client: TestClient, employer: str, token: dict[str, str], period: str) -> list[str]:
    answer = client.get(f"/v1/employers/{employer}/payments/{period}", headers=token)
    assert answer.status_code == 200
    return numbers(answer.json()["items"])


def test_staff_is_shown_for_months_employed_there(client: TestClient, place: Place) -> None:
    moved, stays, never = place.moved, place.stays, place.never
    for period, own, others in (
        ("2024-12", (), ()),
        ("2025-12", (moved,), ()),
        ("2026-05", (moved, stays), (never,)),
        ("2026-06", (stays,), (moved, never)),
        (None, (stays,), (moved, never)),
    ):
        assert numbers(staff_of(client, place.own, place.token, period)) == shown(*own), period
        assert numbers(staff_of(client, place.other, place.others_token, period)) == shown(*others), period
    for period, own, others in (
        ("2026-05", (moved, stays), (never,)),
        ("2026-06", (stays,), (moved, never)),
    ):
        assert paid_for(client, place.own, place.token, period) == shown(*own)
        assert paid_for(client, place.other, place.others_token, period) == shown(*others)


def test_a_person_is_shown_as_registered_here(client: TestClient, place: Place) -> None:
    found = {one["id_number"]: one for one in staff_of(client, place.own, place.token, "2026-05")}
    assert found[mask_id_number(place.moved["number"])] == {
        "id_number": mask_id_number(place.moved["number"]),
        "name": mask_name("司马迁"),
        "member_class": "active",
        "from": "2025-01-01",
        "to": "2026-05-31",
        "wage": "8000.00",
    }
    assert found[mask_id_number(place.stays["number"])]["to"] is None


def test_the_staff_as_a_table(client: TestClient, place: Place) -> None:
    headers = {**place.token, "Accept": "text/csv"}
    answer = client.get(f"/v1/employers/{place.own}/staff?period=2026-05", headers=headers)
    [heading, *rows] = csv.reader(io.StringIO(answer.text.removeprefix("\ufeff")))
    assert heading == ["证件号码", "姓名", "人员类别", "参保起始日", "参保终止日", "申报工资"]
    assert sorted(row[2:] for row in rows) == [
        ["在职", "2025-01-01", "2026-05-31", "8000.00"],
        ["在职", "2026-01-01", "", "8000.00"],
    ]


@pytest.mark.parametrize("period", ["2026-13", "2026-00", "26-05", "x", "2026-05-01"])
def test_a_month_that_there_is_not(client: TestClient, place: Place, period: str) -> None:
    answer = client.get(f"/v1/employers/{place.own}/staff?period={period}", headers=place.token)
    assert (answer.status_code, answer.json()["code"]) == (422, "period_invalid")


def test_who_is_no_longer_of_the_staff(client: TestClient, folder: Path) -> None:
    """By a later word a retiree or without an employer, or dead before: each with an open enrolment."""
    employer = new_employer(client)
    token = employers_token(folder, employer)
    people = [open_account(client, opened_on="2020-01-01") for _ in range(5)]
    retired, flexible, dead, elsewhere, ended = people
    for person in people[:-1]:
        enrol(client, person, employer, "2026-01-01")
    end(client, enrol(client, ended, employer, "2026-01-01"), "2026-03-01")
    assert numbers(staff_of(client, employer, token, "2026-03")) == shown(*people)
    enrol(client, retired, None, "2026-04-15", member_class="retired")
    enrol(client, flexible, None, "2026-04-01", member_class="flexible")
    # another employer's word ends nothing here: this one has not said that anybody left
    enrol(client, elsewhere, new_employer(client), "2026-04-01")
    die(client, dead["number"], "2026-03-31")
    assert numbers(staff_of(client, employer, token, "2026-03")) == shown(*people)
    # the class of a month is that of its first day
    assert numbers(staff_of(client, employer, token, "2026-04")) == shown(retired, elsewhere)
    assert numbers(staff_of(client, employer, token, "2026-05")) == shown(elsewhere)


def test_the_staff_comes_in_pages_though_some_are_left_out(client: TestClient, folder: Path) -> None:
    employer = new_employer(client)
    token = employers_token(folder, employer)
    people = [open_account(client, opened_on="2020-01-01") for _ in range(9)]
    for person in people:
        enrol(client, person, employer, "2026-01-01")
    in_order = sorted(people, key=lambda one: book_id_of(one["account_no"]) or 0)
    gone = in_order[1:5]
    for person in gone:
        enrol(client, person, None, "2026-02-01", member_class="flexible")
    found: list[str] = []
    cursor = ""
    while True:
        answer = client.get(f"/v1/employers/{employer}/staff?period=2026-02&limit=2{cursor}", headers=token)
        page = answer.json()
        found += [one["id_number"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        assert len(page["items"]) == 2
        cursor = f"&cursor={page['next_cursor']}"
    assert found == [mask_id_number(one["number"]) for one in in_order if one not in gone]


def test_a_file_of_lists_tells_nothing_of_others(client: TestClient, place: Place) -> None:
    """A dry run of a list with somebody else's staff says that they are not of this one's, and no more."""
    path = f"/v1/employers/{place.own}/declarations?dry_run=true"
    lines = [{"id_number": place.never["number"], "wage": "8000.00"}]
    answer = client.post(path, json={"period": "2026-07", "lines": lines}, headers=place.token)
    assert answer.status_code == 200, answer.text
    [line] = answer.json()["lines"]
    assert line["code"] == "not_yours"
    assert set(members(answer.json())) & NEVER == set()
    assert all(secret not in answer.text for secret in place.secrets)
