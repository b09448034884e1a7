"""Staff goes on with another employer in one command; an employer is merged into another one (R5)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.contributions import staff_moves as door
from api.contributions.staff_moves import MergerAnswer, StaffMoveAnswer
from ledger.verify import verify
from tests.support.api_client import key, open_account, running
from tests.support.employer_client import (
    adjust,
    balance,
    hire,
    new_employer,
    owe,
    pay,
    refusal,
    rows,
    taken,
)

DAY, BEFORE = "2026-07-01", "2026-06-30"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    with running(engine, folder) as client:
        yield client


def staff(client: TestClient, employer: str, count: int = 1, **more: Any) -> list[str]:
    """People that were just enrolled with an employer, by ID number."""
    found = [hire(client) for _ in range(count)]
    for person in found:
        body = {
            "member_class": "active",
            "employer": employer,
            "from": "2026-01-01",
            "wage": "8000.00",
        } | more
        answer = client.post(f"/v1/accounts/{person}/enrolments", json=body, headers=key())
        assert answer.status_code == 201, answer.text
    return found


def move(client: TestClient, employer: str, to: str, **said: Any) -> Any:
    headers = said.pop("headers", None) or key()
    body = {"to": to, "from": DAY, "document": "agreement (2026) 3"} | said
    return client.post(f"/v1/employers/{employer}/staff-moves", json=body, headers=headers)


def merge(client: TestClient, employer: str, into: str, **said: Any) -> Any:
    headers = said.pop("headers", None) or key()
    body = {"into": into, "from": DAY, "document": "registry (2026) 3"} | said
    return client.post(f"/v1/employers/{employer}/merger", json=body, headers=headers)


def spells(client: TestClient, person: str) -> list[tuple[str, str, str | None, str | None]]:
    """Employer, first and last day and wage of the enrolments that stand."""
    items = client.get(f"/v1/accounts/{person}/enrolments").json()["items"]
    standing = [one for one in items if not one.get("replaced_by")]
    return [(one["employer"], one["from"], one["to"], one.get("wage")) for one in standing]


def test_people_go_on_with_another_employer(client: TestClient, engine: Engine) -> None:
    one, other = new_employer(client), new_employer(client)
    first, second, stays = staff(client, one, 3)
    number = client.get(f"/v1/accounts/{second}").json()["account_no"]
    header = key()
    answer = move(client, one, other, people=[first, number], headers=header)
    told = taken(answer, StaffMoveAnswer)
    assert told.pop("move").startswith("E")
    assert told == {
        "employer": one, "to": other, "from": DAY, "moved": 2, "document": "agreement (2026) 3",
    }  # fmt: skip
    for person in (first, second):
        assert [spell[:3] for spell in spells(client, person)] == [
            (one, "2026-01-01", BEFORE),
            (other, DAY, None),
        ]
    assert [spell[:3] for spell in spells(client, stays)] == [(one, "2026-01-01", None)]
    before = rows(engine)
    replayed = move(client, one, other, people=[first, number], headers=header)
    assert (replayed.status_code, replayed.text) == (201, answer.text)
    # they are not this one's any more
    assert refusal(move(client, one, other, people=[first])) == (404, "enrolment_not_found")
    assert rows(engine) == before
    # lists of either employer know them by month
    owe(client, one, "2026-06", {first: "8000.00", stays: "8000.00"})
    owe(client, other, "2026-07", {first: "8000.00", second: "8000.00"})
    assert verify(engine).findings == []


def test_nobody_is_moved_unless_all_are(client: TestClient, engine: Engine) -> None:
    one, other, closed = new_employer(client), new_employer(client), new_employer(client)
    person, gone = staff(client, one)[0], staff(client, one, to=BEFORE)[0]
    stranger = hire(client)
    dead = staff(client, one)[0]
    died = {"died_on": "2026-05-01", "evidence": "x"}
    assert client.post(f"/v1/accounts/{dead}/death", json=died, headers=key()).status_code == 201
    end = {"on": "2026-04-30", "document": "x"}
    assert client.post(f"/v1/employers/{closed}/closure", json=end, headers=key()).status_code == 201
    before = rows(engine)
    for said, expected in (
        ({"people": [person, stranger]}, (404, "enrolment_not_found")),
        ({"people": [person, person]}, (409, "duplicate_line")),
        ({"people": [person, dead]}, (409, "account_deceased")),
        ({"people": [person, "P000000000001U"]}, (404, "account_not_found")),
        ({"people": [person, "119999199001010010"]}, (422, "id_checksum")),
        # who leaves the day before is not there on that day
        ({"people": [person, gone]}, (404, "enrolment_not_found")),
        ({"people": []}, (422, "shape_invalid")),
        ({}, (422, "shape_invalid")),
        ({"people": [person], "all": True}, (422, "shape_invalid")),
        ({"people": [person], "from": "2027-11-22"}, (422, "period_invalid")),
        ({"people": [person], "to": one}, (422, "shape_invalid")),
        ({"people": [person], "to": closed}, (409, "employer_closed")),
    ):
        answer = move(client, one, said.pop("to", other), **said)
        assert refusal(answer) == expected or answer.status_code == 422 == expected[0], (said, answer.text)
    assert rows(engine) == before
    assert refusal(move(client, new_employer(client), other, all=True)) == (404, "enrolment_not_found")


def test_a_large_staff_is_moved_in_parts(
    client: TestClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "MOVED_AT_ONCE", 2)
    one, other = new_employer(client), new_employer(client)
    people = staff(client, one, 5)
    told = taken(move(client, one, other, all=True), StaffMoveAnswer)
    assert told["moved"] == 5
    assert all(spells(client, person)[-1][:2] == (other, DAY) for person in people)
    assert verify(engine).findings == []


def test_an_employer_is_merged_into_another_one(client: TestClient, engine: Engine) -> None:
    one, other = new_employer(client), new_employer(client)
    first, second = staff(client, one, 2)
    owe(client, one, "2026-05", {first: "8000.00", second: "8000.00"})
    header = key()
    answer = merge(client, one, other, headers=header)
    told = taken(answer, MergerAnswer)
    assert told.pop("merger").startswith("E")
    assert told == {
        "employer": one, "into": other, "from": DAY, "closed_on": BEFORE, "moved": 2,
        # twice 2 % and 7.5 % of 8,000.00
        "still_owed": "1520.00", "document": "registry (2026) 3",
    }  # fmt: skip
    assert [spells(client, person)[-1][:3] for person in (first, second)] == [(other, DAY, None)] * 2
    replayed = merge(client, one, other, headers=header)
    assert (replayed.status_code, replayed.text) == (201, answer.text)
    listed = client.get(f"/v1/employers/{one}/changes").json()["items"]
    assert [(item["from"], item["successor"]) for item in listed] == [(DAY, other)]
    assert refusal(merge(client, one, other)) == (409, "employer_closed")
    assert refusal(merge(client, other, one)) == (409, "employer_closed")
    # what it owes stays visible, and is paid, credited and corrected
    path = f"/v1/employers/{one}/arrears"
    owed = client.get(path, params={"on": "2026-07-31"}).json()["items"]
    assert [(item["period"], item["principal"]) for item in owed] == [("2026-05", "1520.00")]
    pay(client, one, "2026-05", "1520.00", "2026-06-10")
    assert (balance(client, first), balance(client, second)) == ("160.00", "160.00")
    adjust(client, one, "2026-05", {first: "9000.00"})
    owe(client, other, "2026-07", {first: "8000.00", second: "8000.00"})
    assert verify(engine).findings == []


def test_nobody_of_a_large_staff_is_moved_for_a_merger_that_cannot_be(
    client: TestClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "MOVED_AT_ONCE", 2)
    one, other = new_employer(client), new_employer(client)
    people = staff(client, one, 3)
    before = rows(engine)
    assert refusal(merge(client, one, other, **{"from": "2026-11-22"})) == (422, "period_invalid")
    assert rows(engine) == before
    assert taken(merge(client, one, other), MergerAnswer)["moved"] == 3
    assert all(spells(client, person)[-1][:2] == (other, DAY) for person in people)


def test_what_is_no_merger(client: TestClient, engine: Engine) -> None:
    one, other = new_employer(client), new_employer(client)
    before = rows(engine)
    assert refusal(merge(client, one, one)) == (422, "shape_invalid")
    assert refusal(merge(client, one, "91999999000000000X"))[0] in {404, 422}
    assert refusal(merge(client, one, other, **{"from": "2026-11-22"})) == (422, "period_invalid")
    dry = client.post(
        f"/v1/employers/{one}/merger",
        json={"into": other, "from": DAY, "document": "x"},
        params={"dry_run": "true"},
    )
    assert (dry.status_code, dry.json()["dry_run"]) == (200, True), dry.text
    assert rows(engine) == before
    assert open_account(client)["account_no"]
