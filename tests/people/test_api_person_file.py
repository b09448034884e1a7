"""The person's file over HTTP: names and ID numbers of one time and another (R4), where to be reached."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, select

from ledger import tables
from ledger.verify import verify
from tests.support.api_client import id_number, key, open_account, running
from tests.support.approval_client import by_two
from tests.support.employer_client import hire, new_employer, wages
from tests.support.estate_client import die, heir
from tests.support.people import KEYRING

CHANGED = "2026-03-01"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("person-file")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    """Whatever the tests of this module do, the book is right after it."""
    with running(engine, folder) as client:
        yield client
    assert verify(engine, keyring=KEYRING).findings == []


def rename(client: TestClient, person: str, name: str, since: str = CHANGED, **more: Any) -> Any:
    body = {"name": name, "from": since, "document": "Register 118"} | more
    return client.post(f"/v1/accounts/{person}/names", json=body, headers=key())


def renumber(client: TestClient, person: str, number: str, since: str = CHANGED, **more: Any) -> Any:
    """Another ID number. One door for all of these tests: where two people are asked for, this is where."""
    body = {"id_number": number, "from": since, "document": "Register 118", "reason": "corrected"} | more
    asked = client.post(f"/v1/accounts/{person}/id-numbers", json=body, headers=key())
    return by_two(client, asked)


def shown(client: TestClient, person: str) -> dict[str, Any]:
    answer = client.get(f"/v1/accounts/{person}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def code(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.text
    return str(answer.json()["code"])


def opening(client: TestClient, person: str, name: str, opened_on: str = "2026-01-05") -> Any:
    body = {"id_number": person, "name": name, "area": "990100", "opened_on": opened_on}
    return client.post("/v1/accounts", json=body, headers=key())


def divided(client: TestClient, dead: str, one: dict[str, str], paid_on: str) -> Any:
    body = {"heirs": [one], "paid_on": paid_on, "confirm": False}
    return client.post(f"/v1/accounts/{dead}/estate", json=body)


# -- names ---------------------------------------------------------------------------------------------------


def test_both_names_find_the_account_and_each_is_shown_with_its_day(client: TestClient) -> None:
    person = id_number()
    first = opening(client, person, "张三")
    assert first.status_code == 201
    assert first.json()["names"] == [{"name": "张*", "from": "2026-01-05"}]
    assert first.json()["id_numbers"] == [{"id_number": shown(client, person)["id_number"]}]
    done = rename(client, person, "李四郎")
    assert done.status_code == 201
    assert (done.json()["kind"], done.json()["from"]) == ("name_change", CHANGED)
    told = shown(client, person)
    assert told["name"] == "李**"
    assert told["names"] == [
        {"name": "张*", "from": "2026-01-05"},
        {"name": "李**", "from": CHANGED},
    ]
    for name in ("张三", "李四郎", "李 四郎"):
        again = opening(client, person, name)
        assert again.status_code == 200, again.text
        assert again.json() == shown(client, person)
    assert code(opening(client, person, "王五"), 409) == "account_exists_other_person"


def test_a_name_is_true_from_birth_to_today(client: TestClient) -> None:
    person = id_number()
    opening(client, person, "张三")
    born = f"{person[6:10]}-{person[10:12]}-{person[12:14]}"
    before = f"{int(person[6:10]) - 1}-06-01"
    assert code(rename(client, person, "李四", before), 422) == "period_invalid"
    assert code(rename(client, person, "李四", "2999-01-01"), 422) == "period_invalid"
    assert rename(client, person, "李四", born).status_code == 201
    # a name that was another one before the account was there
    assert shown(client, person)["names"] == [{"name": "张*", "from": None}, {"name": "李*", "from": born}]


def test_the_same_name_twice_is_one_entry_and_of_one_day_the_later_word_counts(client: TestClient) -> None:
    person = id_number()
    opening(client, person, "张三")
    first = rename(client, person, "李四")
    again = rename(client, person, "李四")
    assert again.json()["entry"] == first.json()["entry"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert rename(client, person, "王五").status_code == 201
    assert shown(client, person)["name"] == "王*"
    # and said again after that, it is the later word
    assert rename(client, person, "李四").json()["entry"] != first.json()["entry"]
    assert shown(client, person)["name"] == "李*"


@pytest.mark.parametrize(("paid_on", "name", "fits"), [
    ("2026-02-28", "张三", True), ("2026-02-28", "李四", False),
    ("2026-03-01", "李四", True), ("2026-03-01", "张三", False),
    ("2026-11-21", "李四", True), ("2026-11-21", "张三", False),
])  # fmt: skip
def test_heirs_match_by_the_name_of_the_day_of_payment(
    client: TestClient, paid_on: str, name: str, fits: bool
) -> None:
    dead = str(open_account(client, opened_on="2026-01-05")["number"])
    child = id_number()
    opening(client, child, "张三")
    rename(client, child, "李四")
    die(client, dead, "2026-02-01")
    answer = divided(client, dead, heir(child, name=name), paid_on)
    if fits:
        assert answer.status_code == 200, answer.text
    else:
        assert code(answer, 422) == "id_mismatch"
    # who is named by the number alone is called as on that day
    one = heir(child)
    del one["name"]
    unnamed = divided(client, dead, one, paid_on)
    assert unnamed.status_code == 200, unnamed.text


def test_a_name_of_life_is_recorded_after_death(client: TestClient) -> None:
    person = str(open_account(client, opened_on="2026-01-05")["number"])
    die(client, person, "2026-06-01")
    assert code(rename(client, person, "李四", "2026-06-02"), 409) == "account_deceased"
    assert rename(client, person, "李四", "2026-06-01").status_code == 201


# -- ID numbers ----------------------------------------------------------------------------------------------


def test_every_number_finds_the_account_and_the_newest_is_in_force(client: TestClient) -> None:
    old, new, newest = id_number(), id_number(), id_number()
    account = opening(client, old, "张三").json()["account_no"]
    done = renumber(client, old, new)
    assert done.status_code == 201, done.text
    assert (done.json()["kind"], done.json()["from"]) == ("id_number", CHANGED)
    assert renumber(client, new, newest, "2026-05-01").status_code == 201
    for number in (old, new, newest):
        told = shown(client, number)
        assert told["account_no"] == account
        assert told["id_number"] == f"{newest[:3]}{'*' * 13}{newest[-2:]}"
        assert [one["id_number"][-2:] for one in told["id_numbers"]] == [
            old[-2:], new[-2:], newest[-2:],
        ]  # fmt: skip
        assert opening(client, number, "张三").status_code == 200


def test_a_number_of_an_earlier_day_is_not_in_force(client: TestClient) -> None:
    old, new, earlier = id_number(), id_number(), id_number()
    opening(client, old, "张三")
    assert renumber(client, old, new, "2026-05-01").status_code == 201
    assert renumber(client, old, earlier, "2026-04-01", reason="reissued").status_code == 201
    told = shown(client, earlier)
    assert told["id_number"][-2:] == new[-2:]
    assert [one["id_number"][-2:] for one in told["id_numbers"]] == [old[-2:], earlier[-2:], new[-2:]]


def test_the_number_of_somebody_else_is_refused(client: TestClient) -> None:
    one, other = id_number(), id_number()
    opening(client, one, "张三")
    opening(client, other, "李四")
    assert code(renumber(client, one, other), 409) == "alias_conflict"
    assert [len(shown(client, number)["id_numbers"]) for number in (one, other)] == [1, 1]
    # a dry run says the same, and writes nothing
    free = id_number()
    path = f"/v1/accounts/{one}/id-numbers?dry_run=true"
    body = {"id_number": free, "from": CHANGED, "document": "d", "reason": "upgraded"}
    assert client.post(path, json=body).status_code == 200
    assert client.get(f"/v1/accounts/{free}").status_code == 404
    assert opening(client, free, "王五").status_code == 201
    assert code(client.post(path, json=body), 409) == "alias_conflict"


def test_what_was_refused_leaves_the_number_free(client: TestClient) -> None:
    person, free = id_number(), id_number()
    opening(client, person, "张三")
    assert code(renumber(client, person, free, "2999-01-01"), 422) == "period_invalid"
    assert opening(client, free, "李四").status_code == 201


def test_the_same_number_twice_is_one_entry(client: TestClient) -> None:
    person, new = id_number(), id_number()
    opening(client, person, "张三")
    first = renumber(client, person, new)
    again = renumber(client, new, new)
    assert again.json()["entry"] == first.json()["entry"]


def test_a_wrong_number_is_told_as_such(client: TestClient) -> None:
    person = id_number()
    opening(client, person, "张三")
    assert code(renumber(client, person, "119999198503140016"), 422) == "id_checksum"
    assert code(renumber(client, person, id_number(), reason="lost"), 422) == "shape_invalid"
    assert code(renumber(client, id_number(), id_number()), 404) == "account_not_found"


# -- where to be reached -------------------------------------------------------------------------------------


def test_the_file_shows_all_of_it_masked(client: TestClient) -> None:
    person, new = id_number(), id_number()
    account = opening(client, person, "张三").json()["account_no"]
    rename(client, person, "李四")
    renumber(client, person, new)
    body = {"phone": "010 9999-0000", "address": "虚构路一号", "from": CHANGED, "document": "Form 7"}
    done = client.post(f"/v1/accounts/{person}/contacts", json=body, headers=key())
    assert done.status_code == 201, done.text
    assert (done.json()["kind"], done.json()["from"]) == ("contact", CHANGED)
    body = {"phone": "01099990001", "from": "2026-04-01", "document": "Form 8"}
    assert client.post(f"/v1/accounts/{new}/contacts", json=body, headers=key()).status_code == 201
    card = {"card_no": f"A{person[-8:]}", "issued_on": "2026-02-01"}
    assert client.post(f"/v1/accounts/{person}/cards", json=card, headers=key()).status_code == 201
    told = client.get(f"/v1/accounts/{new}/person").json()
    assert told["account_no"] == account
    assert [one["name"] for one in told["names"]] == ["张*", "李*"]
    assert [one["id_number"][-2:] for one in told["id_numbers"]] == [person[-2:], new[-2:]]
    assert told["phones"] == [
        {"phone": "0*********0", "from": CHANGED},
        {"phone": "0*********1", "from": "2026-04-01"},
    ]
    assert told["addresses"] == [{"address": "虚构路***", "from": CHANGED}]
    assert [one["status"] for one in told["cards"]] == ["valid"]


@pytest.mark.parametrize("wrong", [{}, {"phone": "12"}, {"phone": "call me"}, {"address": ""}])
def test_a_contact_says_something(client: TestClient, wrong: dict[str, str]) -> None:
    person = id_number()
    opening(client, person, "张三")
    body = {"from": CHANGED, "document": "d"} | wrong
    answer = client.post(f"/v1/accounts/{person}/contacts", json=body, headers=key())
    assert code(answer, 422) == "shape_invalid"


def test_nothing_of_it_stands_in_the_database_in_clear(client: TestClient, engine: Engine) -> None:
    person, new = id_number(), id_number()
    opening(client, person, "司马相如")
    rename(client, person, "诸葛孔明")
    renumber(client, person, new)
    body = {"phone": "01012345678", "address": "秘密路一号", "from": CHANGED, "document": "Form 7"}
    assert client.post(f"/v1/accounts/{person}/contacts", json=body, headers=key()).status_code == 201
    secrets = (person, new, "司马相如", "诸葛孔明", "01012345678", "秘密路一号")
    with engine.connect() as connection:
        for table in tables.metadata.tables.values():
            for row in connection.execute(select(table)):
                for value in row:
                    text = bytes(value).decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                    assert not any(secret in text for secret in secrets), table.name


def test_both_numbers_of_one_person_in_a_list_are_one_line(client: TestClient) -> None:
    employer, worker, new = new_employer(client), hire(client), id_number()
    assert renumber(client, worker, new).status_code == 201
    body = {
        "period": "2026-04",
        "lines": wages({worker: "8000.00", new: "8000.00"}),
        "control": {"lines": 2, "wages": "16000.00"},
    }
    answer = client.post(f"/v1/employers/{employer}/declarations", json=body, headers=key())
    assert answer.status_code == 201, answer.text
    told = client.get(f"/v1/declarations/{answer.json()['declaration']}").json()
    assert [one.get("code") for one in told["lines"]] == [None, "duplicate_line"]
