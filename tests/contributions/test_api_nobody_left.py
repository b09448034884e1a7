"""Nobody is left with an employer that was merged, or that gave its staff away, whenever they begin (R5)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from anyio import to_thread
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.contributions import staff_moves as door
from api.contributions.staff_moves import MergerAnswer, StaffMoveAnswer
from ledger.contributions.employers import find
from ledger.contributions.staff import registered
from ledger.verify import verify
from tests.support.api_client import key, running
from tests.support.employer_client import balance, hire, new_employer, owe, pay, refusal, rows, taken

DAY, BEFORE, LATER = "2026-07-01", "2026-06-30", "2026-09-01"
Spell = tuple[str | None, str, str | None]


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with running(engine, tmp_path_factory.mktemp("api")) as client:
        yield client


@pytest.fixture(scope="module", autouse=True)
def verified(engine: Engine) -> Iterator[None]:
    yield
    assert [str(one) for one in verify(engine).findings] == []


def enrol(client: TestClient, person: str, employer: str | None, first: str, **more: Any) -> str:
    body = {"member_class": "active", "from": first} | more
    if employer is not None:
        body["employer"] = employer
    answer = client.post(f"/v1/accounts/{person}/enrolments", json=body, headers=key())
    assert answer.status_code == 201, answer.text
    return str(answer.json()["enrolment"])


def move(client: TestClient, employer: str, to: str, **said: Any) -> Any:
    body = {"to": to, "from": DAY, "document": "agreement (2026) 3"} | said
    return client.post(f"/v1/employers/{employer}/staff-moves", json=body, headers=key())


def merge(client: TestClient, employer: str, into: str, **said: Any) -> Any:
    body = {"into": into, "from": DAY, "document": "registry (2026) 3"} | said
    return client.post(f"/v1/employers/{employer}/merger", json=body, headers=key())


def spells(client: TestClient, person: str) -> list[Spell]:
    """Employer, first and last day of the enrolments that stand."""
    items = client.get(f"/v1/accounts/{person}/enrolments").json()["items"]
    standing = [one for one in items if not (one.get("replaced_by") or one.get("reversed_by"))]
    return [(one["employer"], one["from"], one["to"]) for one in standing]


def left(engine: Engine, employer: str, day: str = DAY) -> list[int]:
    """The accounts of those who are registered with an employer on that day or later."""
    with engine.connect() as connection:
        book = find(connection, employer).book_id
        there = registered(connection, book, date.fromisoformat(day), date.max, limit=100)
        return [one.account_id for one in there]


def both(client: TestClient) -> tuple[str, str]:
    return new_employer(client), new_employer(client)


def test_who_begins_after_a_merger_begins_with_the_other_employer(client: TestClient, engine: Engine) -> None:
    one, other = both(client)
    now, on_the_day, later = hire(client), hire(client), hire(client)
    enrol(client, now, one, "2026-01-01", wage="8000.00")
    enrol(client, on_the_day, one, DAY, wage="7000.00")
    enrol(client, later, one, LATER, to="2026-12-31", wage="9000.00")
    told = taken(merge(client, one, other), MergerAnswer)
    assert told["moved"] == 3
    assert spells(client, now) == [(one, "2026-01-01", BEFORE), (other, DAY, None)]
    assert spells(client, on_the_day) == [(other, DAY, None)]
    assert spells(client, later) == [(other, LATER, "2026-12-31")]
    assert left(engine, one) == []
    # their wages and lists are those of the other employer
    owe(client, other, "2026-09", {now: "8000.00", on_the_day: "7000.00", later: "9000.00"})
    pay(client, other, "2026-09", "2280.00", "2026-10-10")
    assert balance(client, later) == "180.00"


def test_staff_that_is_moved_by_name_or_whole_may_begin_later(client: TestClient, engine: Engine) -> None:
    one, other = both(client)
    named, rest = hire(client), hire(client)
    enrol(client, named, one, LATER)
    enrol(client, rest, one, "2026-10-01")
    assert taken(move(client, one, other, people=[named]), StaffMoveAnswer)["moved"] == 1
    assert spells(client, named) == [(other, LATER, None)]
    assert taken(move(client, one, other, all=True), StaffMoveAnswer)["moved"] == 1
    assert spells(client, rest) == [(other, "2026-10-01", None)]
    assert left(engine, one) == []
    before = rows(engine)
    assert refusal(move(client, one, other, all=True)) == (404, "enrolment_not_found")
    assert refusal(move(client, one, other, people=[named])) == (404, "enrolment_not_found")
    assert rows(engine) == before


def test_who_leaves_and_comes_again_does_so_with_the_other_employer(
    client: TestClient, engine: Engine
) -> None:
    one, other = both(client)
    person = hire(client)
    enrol(client, person, one, "2026-01-01", to="2026-08-31", wage="8000.00")
    enrol(client, person, one, "2026-11-01", wage="9000.00")
    taken(merge(client, one, other), MergerAnswer)
    assert spells(client, person) == [
        (one, "2026-01-01", BEFORE), (other, DAY, "2026-08-31"), (other, "2026-11-01", None),
    ]  # fmt: skip
    assert left(engine, one) == []


def test_a_later_word_that_ends_sooner_does_not_end_the_first_one(client: TestClient, engine: Engine) -> None:
    one, other = both(client)
    person = hire(client)
    enrol(client, person, one, "2026-01-01")
    enrol(client, person, one, "2026-03-01", to="2026-08-31", member_class="flexible")
    taken(merge(client, one, other), MergerAnswer)
    items = client.get(f"/v1/accounts/{person}/enrolments").json()["items"]
    there = [
        (one["member_class"], one["from"], one["to"])
        for one in items
        if one["employer"] == other and not one.get("replaced_by")
    ]
    assert there == [("flexible", DAY, "2026-08-31"), ("active", "2026-09-01", None)]
    assert left(engine, one) == []


def test_a_merger_makes_nobody_work_again_who_retires(client: TestClient, engine: Engine) -> None:
    one, other = both(client)
    soon, long_ago = hire(client), hire(client)
    for person, day in ((soon, "2026-10-01"), (long_ago, "2026-02-01")):
        enrol(client, person, one, "2026-01-01")
        enrol(client, person, None, day, member_class="retired")
    told = taken(merge(client, one, other), MergerAnswer)
    assert told["moved"] == 1
    assert spells(client, soon) == [
        (None, "2026-10-01", None), (one, "2026-01-01", BEFORE), (other, DAY, "2026-09-30"),
    ]  # fmt: skip
    assert all(employer != other for employer, _first, _last in spells(client, long_ago))
    # by name neither: on no day of these does the word of the employer count
    assert refusal(move(client, one, new_employer(client), people=[long_ago])) == (404, "enrolment_not_found")
    answer = client.post(
        f"/v1/employers/{other}/declarations",
        json={"period": "2026-10", "lines": [{"id_number": soon, "wage": "8000.00"}]},
        headers=key(),
    )
    assert [line["code"] for line in answer.json()["lines"]] == ["retiree_pays_no_premium"]
    assert left(engine, one) == []


def test_the_dead_and_the_closed_hold_up_no_merger(client: TestClient, engine: Engine) -> None:
    one, other = both(client)
    dead, closed, alive = hire(client), hire(client), hire(client)
    for person in (dead, closed, alive):
        enrol(client, person, one, "2026-01-01")
    for person in (dead, closed):
        died = {"died_on": "2026-08-15", "evidence": "x"}
        assert client.post(f"/v1/accounts/{person}/death", json=died, headers=key()).status_code == 201
    heirs = {"paid_on": "2026-11-20", "heirs": [{"name": "示例一", "relation": "child"}], "confirm": True}
    answer = client.post(f"/v1/accounts/{closed}/estate", json=heirs, headers=key())
    assert answer.status_code == 201, answer.text
    assert taken(merge(client, one, other), MergerAnswer)["moved"] == 2
    assert spells(client, dead)[-1] == (other, DAY, None)
    assert spells(client, alive)[-1] == (other, DAY, None)


def test_a_month_that_was_assessed_stays_with_the_employer_that_declared_it(
    client: TestClient, engine: Engine
) -> None:
    one, other = both(client)
    person = hire(client)
    enrol(client, person, one, "2026-08-01")
    owe(client, one, "2026-08", {person: "8000.00"})
    told = taken(merge(client, one, other), MergerAnswer)
    assert (told["moved"], told["still_owed"]) == (1, "760.00")
    pay(client, one, "2026-08", "760.00", "2026-09-10")
    assert balance(client, person) == "160.00"
    assert left(engine, one) == []


def test_what_a_merger_moved_comes_back(client: TestClient, engine: Engine) -> None:
    one, other = both(client)
    now, later = hire(client), hire(client)
    enrol(client, now, one, "2026-01-01")
    enrol(client, later, one, LATER)
    taken(merge(client, one, other), MergerAnswer)
    again = {"on": BEFORE, "document": "court (2026) 1"}
    assert client.post(f"/v1/employers/{one}/reopening", json=again, headers=key()).status_code == 201
    assert taken(move(client, other, one, people=[now, later]), StaffMoveAnswer)["moved"] == 2
    assert spells(client, now) == [(one, "2026-01-01", BEFORE), (one, DAY, None)]
    assert spells(client, later) == [(one, LATER, None)]
    assert left(engine, other) == []
    # and what came back goes again
    assert taken(merge(client, one, other), MergerAnswer)["moved"] == 2
    assert left(engine, one) == []


def test_an_employer_is_not_merged_into_one_that_was_closed_in_these_days(
    client: TestClient, engine: Engine
) -> None:
    one, other = both(client)
    taken(merge(client, one, other), MergerAnswer)
    opened = {"on": LATER, "document": "x"}
    assert client.post(f"/v1/employers/{one}/reopening", json=opened, headers=key()).status_code == 201
    # in July and August the other one was in its place
    before = rows(engine)
    for day in ("2026-05-01", DAY, "2026-08-31"):
        assert refusal(merge(client, other, one, **{"from": day})) == (409, "employer_closed"), day
    assert rows(engine) == before
    taken(merge(client, other, one, **{"from": LATER}), MergerAnswer)


def test_a_late_word_leaves_nobody_with_an_employer_that_was_merged(
    client: TestClient, engine: Engine
) -> None:
    one, other = both(client)
    taken(merge(client, one, other), MergerAnswer)
    person = hire(client)
    path = f"/v1/accounts/{person}/enrolments"
    body = {"member_class": "active", "employer": one, "from": "2026-03-01"}
    before = rows(engine)
    for last in (None, DAY):
        answer = client.post(path, json=body | ({} if last is None else {"to": last}), headers=key())
        assert refusal(answer) == (409, "employer_closed"), answer.text
        assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/to"]
    assert rows(engine) == before
    assert client.post(path, json=body | {"to": BEFORE}, headers=key()).status_code == 201
    assert left(engine, one) == []


def test_who_was_enrolled_while_a_merger_was_under_way_goes_too(
    client: TestClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = both(client)
    known, late = hire(client), hire(client)
    enrol(client, known, one, "2026-01-01")
    look = door._all_but_last

    async def and_then(*asked: Any) -> Any:
        found = await look(*asked)
        monkeypatch.undo()
        await to_thread.run_sync(enrol, client, late, one, "2026-02-01")
        return found

    # the door has looked who there is, and only then somebody is enrolled
    monkeypatch.setattr(door, "_all_but_last", and_then)
    assert taken(merge(client, one, other), MergerAnswer)["moved"] == 2
    assert left(engine, one) == []
