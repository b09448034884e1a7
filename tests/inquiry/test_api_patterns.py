"""Findings in the book over HTTP, from entries that the service wrote itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, select

from ledger import tables
from ledger.book.numbers import book_id_of
from ledger.chart.channels import AccessChannel, FieldGroup
from ledger.inquiry.moved import PatternKind
from ledger.inquiry.moves import find_patterns
from ledger.verify import verify
from tests.support import care_client, employer_client, estate_client
from tests.support.api_client import NOW, TODAY, bearer, contribute, key, open_account, running, spending
from tests.support.approval_client import approve, by_two, waiting
from tests.support.care_client import new_institution, new_patient, rule
from tests.support.inquiry_client import at, auditor
from tests.support.people import KEYRING

PATH = "/v1/reports/findings"


@pytest.fixture
def client(fresh_engine: Engine, tmp_path: Path) -> Iterator[TestClient]:
    with running(fresh_engine, tmp_path) as client:
        yield client


@pytest.fixture
def keys(client: TestClient, tmp_path: Path) -> Path:
    return tmp_path / "keys"


def found(client: TestClient, keys: Path, **more: Any) -> list[dict[str, Any]]:
    answer = client.get(PATH, headers=auditor(keys), params=more)
    assert answer.status_code == 200, answer.text
    assert answer.json()["next_cursor"] is None
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def told(items: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    return [(one["kind"], [entry["entry"] for entry in one["entries"]]) for one in items]


def as_actor(keys: Path, actor: str) -> dict[str, Any]:
    return bearer(keys, actor=actor) | key()


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def spend(client: TestClient, account: str, **more: Any) -> str:
    answer = client.post(f"/v1/accounts/{account}/spendings", json=spending(**more), headers=key())
    assert answer.status_code == 201, answer.text
    return str(answer.json()["entry"])


def undo(client: TestClient, entry: str, headers: dict[str, Any] | None = None) -> str:
    path = f"/v1/entries/{entry}/reversal"
    answer = client.post(path, json={"reason": "wrong"}, headers=headers or key())
    assert answer.status_code == 201, answer.text
    return str(answer.json()["entry"])


def with_money(client: TestClient, amount: str = "2000.00", **more: Any) -> str:
    account = open_account(client, **more)["account_no"]
    contribute(client, account, amount)
    return str(account)


def pharmacy(client: TestClient) -> str:
    return new_institution(client, kind="pharmacy", level=1)


def test_nothing_is_found_in_an_ordinary_day(client: TestClient, keys: Path) -> None:
    account, drugs = with_money(client), pharmacy(client)
    undo(client, spend(client, account, institution=drugs))
    spend(client, account, institution=drugs)
    care_client.settle(client, new_institution(client), new_patient(client, "900.00"), [("A", "100.00")])
    assert found(client, keys) == []


def test_spent_after_a_death_that_was_reported_late(client: TestClient, keys: Path) -> None:
    account, drugs = with_money(client), pharmacy(client)
    spend(client, account, effective_on="2026-04-02", institution=drugs)
    late = spend(client, account, effective_on="2026-04-03", institution=drugs, amount="20.00")
    taken_back = spend(client, account, effective_on="2026-04-04", institution=drugs)
    undo(client, taken_back)
    placed = client.post(
        f"/v1/accounts/{account}/holds",
        json={
            "amount": "9.00",
            "expires_at": "2026-12-21T04:00:00Z",
            "institution": drugs,
            "source_ref": "h-1",
        },
        headers=key(),
    ).json()["hold"]
    caught = client.post(
        f"/v1/holds/{placed}/capture",
        json={"amount": "7.00", "effective_on": "2026-11-20", "source_ref": "c-1"},
        headers=key(),
    ).json()["entry"]
    assert found(client, keys) == []
    with at(client, NOW + timedelta(days=40)):
        estate_client.die(client, account, "2026-04-02")
        assert found(client, keys) == []
        # the day on which it was recorded is asked for, whenever the death was told
        [one] = found(client, keys, to="2026-11-21")
    assert (one["kind"], one["accounts"], one["entries_total"]) == ("after_death", 1, 2)
    assert one["entries"][0] == {
        "at": "2026-11-21T04:00:00Z",
        "entry": late,
        "account_no": account,
        "kind": "spending",
        "amount": "20.00",
        "actor": "clerk-7",
        "institution": drugs,
    }
    assert [(entry["entry"], entry["amount"]) for entry in one["entries"]] == [
        (late, "20.00"),
        (caught, "7.00"),
    ]


def test_a_bill_and_a_gift_count_by_the_care_date(client: TestClient, keys: Path) -> None:
    donor, patient = new_patient(client, "900.00"), new_patient(client)
    care_client.give(client, donor, patient, "500.00")
    hospital = new_institution(client)
    care_client.settle(client, hospital, patient, [("A", "100.00")], care_date="2026-11-12")
    care_client.settle(client, hospital, donor, [("A", "90.00")], care_date="2026-11-10")
    estate_client.die(client, donor, "2026-11-11")
    [one] = found(client, keys)
    assert [(entry["kind"], entry["amount"]) for entry in one["entries"]] == [("mutual_aid", "100.00")]
    # the gift was for care on the day of the death
    body = {"died_on": "2026-11-12", "document": "judgment 8"}
    account = one["entries"][0]["account_no"]
    corrected = client.post(f"/v1/accounts/{account}/death/correction", json=body, headers=key())
    assert by_two(client, corrected).status_code == 201
    assert found(client, keys) == []


def test_of_accounts_that_are_one(client: TestClient, keys: Path) -> None:
    old, new = with_money(client, opened_on="2026-01-05"), with_money(client, opened_on="2026-02-01")
    first = spend(client, old, effective_on="2026-04-03", amount="450.00")
    second = spend(client, new, effective_on="2026-04-03", amount="450.00")
    with at(client, NOW + timedelta(hours=1)):
        asked = client.post(f"/v1/accounts/{new}/merge", json={"into": old, "document": "f"}, headers=key())
        name = waiting(asked)
    with at(client, NOW + timedelta(hours=2)):
        assert approve(client, keys, name).status_code == 201
        estate_client.die(client, old, "2026-04-02")
    death, split = sorted(found(client, keys), key=lambda one: str(one["kind"]))
    assert (death["kind"], split["kind"]) == ("after_death", "split")
    for one in (death, split):
        assert (one["accounts"], sorted(entry["entry"] for entry in one["entries"])) == (
            1,
            sorted([first, second]),
        )


def test_many_cards_at_one_pharmacy(client: TestClient, keys: Path) -> None:
    people, drugs = [with_money(client) for _ in range(4)], pharmacy(client)
    hospital = new_institution(client)
    with rule(client, findings__many_accounts="3"):
        entries = [spend(client, one, institution=drugs) for one in people[:3]]
        for one in people:
            spend(client, one, institution=hospital)
        # just five minutes later it is still the same crowd
        with at(client, NOW + timedelta(minutes=5)):
            undone = spend(client, people[3], institution=drugs)
            assert len(found(client, keys)) == 1
            undo(client, undone)
            assert found(client, keys) == []
            entries.append(spend(client, people[3], institution=drugs, amount="1.00"))
        [one] = found(client, keys)
    assert (one["kind"], one["institution"], one["accounts"]) == ("many_accounts", drugs, 4)
    assert one["actor"] == "clerk-7"
    assert [entry["entry"] for entry in one["entries"]] == [*sorted(entries[:3]), entries[3]]


def test_a_pharmacy_that_was_none_that_day(client: TestClient, keys: Path) -> None:
    people, drugs = [with_money(client) for _ in range(2)], pharmacy(client)
    body = {"from": "2026-04-03", "kind": "clinic", "document": "notice 15"}
    assert client.post(f"/v1/institutions/{drugs}/changes", json=body, headers=key()).status_code == 201
    with rule(client, findings__many_accounts="1"):
        for one in people:
            spend(client, one, institution=drugs, effective_on="2026-04-03")
        assert found(client, keys) == []
        entries = [spend(client, one, institution=drugs, effective_on="2026-04-02") for one in people]
        [one] = found(client, keys)
    # in one instant by their numbers
    assert (one["kind"], [entry["entry"] for entry in one["entries"]]) == ("many_accounts", sorted(entries))


def test_split_below_the_limit(client: TestClient, keys: Path) -> None:
    account, drugs = with_money(client), pharmacy(client)
    first = spend(client, account, institution=drugs, amount="499.00")
    spend(client, account, institution=pharmacy(client), amount="499.00")
    with at(client, datetime(2026, 11, 21, 15, 59, tzinfo=UTC)):
        second = spend(client, account, institution=drugs, amount="400.00")
    assert told(found(client, keys)) == [("split", [first, second])]
    with rule(client, findings__split_limit="499.00"):
        assert found(client, keys) == []


def test_a_day_is_the_areas_and_not_utcs(client: TestClient, keys: Path) -> None:
    account, drugs = with_money(client), pharmacy(client)
    first = spend(client, account, institution=drugs, amount="499.00")
    # in UTC it is still the same day
    with at(client, datetime(2026, 11, 21, 16, 0, tzinfo=UTC)):
        second = spend(client, account, institution=drugs, amount="400.00")
        assert found(client, keys, **{"from": "2026-11-21"}) == []
    # and here two in UTC
    with at(client, datetime(2026, 11, 22, 15, 59, tzinfo=UTC)):
        third = spend(client, account, institution=drugs, amount="400.00")
        assert told(found(client, keys)) == [("split", [second, third])]
    assert first not in json.dumps(found(client, keys, to="2026-11-21"))


def test_a_reversal_and_then_an_exit(client: TestClient, keys: Path) -> None:
    account, drugs = with_money(client), pharmacy(client)
    entry = spend(client, account, institution=drugs, amount="30.00")
    with at(client, NOW + timedelta(days=1)):
        back = undo(client, entry)
    body = {"case": "settled_abroad", "document": "permit 7", "paid_on": "2026-12-22"}
    with at(client, NOW + timedelta(days=31)):
        asked = client.post(f"/v1/accounts/{account}/exits", json=body, headers=key())
    with at(client, NOW + timedelta(days=31, hours=1)):
        assert approve(client, keys, waiting(asked)).status_code == 201
        [one] = found(client, keys)
        assert (one["kind"], one["actor"]) == ("reversed_and_paid", "clerk-7")
        reversed_, left = one["entries"]
        assert (reversed_["entry"], reversed_["kind"], reversed_["amount"]) == (back, "reversal", "30.00")
        assert (left["kind"], left["account_no"]) == ("exit", account)
        with rule(client, findings__exit_days="29"):
            assert found(client, keys) == []


def test_an_exit_that_is_reversed_into(client: TestClient, keys: Path) -> None:
    account, drugs = with_money(client), pharmacy(client)
    entry = spend(client, account, institution=drugs, amount="30.00")
    body = {"case": "settled_abroad", "document": "permit 7", "paid_on": "2026-11-21"}
    asked = client.post(f"/v1/accounts/{account}/exits", json=body, headers=key())
    with at(client, NOW + timedelta(hours=1)):
        assert approve(client, keys, waiting(asked)).status_code == 201
        assert found(client, keys) == []
    with at(client, NOW + timedelta(hours=2)):
        # it goes on to who was paid out, in the same moment
        back = undo(client, entry)
    [one] = found(client, keys)
    assert (one["kind"], one["entries"][0]["entry"]) == ("reversed_and_paid", back)
    assert [entry["kind"] for entry in one["entries"]] == ["reversal", "exit"]


def test_one_hand_makes_and_takes_back(client: TestClient, keys: Path) -> None:
    account = with_money(client)
    made = contribute(client, account, "10.00", period="2026-04", effective_on="2026-04-20")["entry"]
    other = contribute(client, account, "11.00", period="2026-05", effective_on="2026-05-20")["entry"]
    back = undo(client, made, as_actor(keys, "Clerk-7"))
    undo(client, other, as_actor(keys, "clerk-8"))
    [one] = found(client, keys)
    assert told([one]) == [("one_hand", [made, back])]
    assert one["actor"] is None
    # the register tells later that clerk-8 is the same person
    number = open_account(client)["number"]
    for actor in ("clerk-7", "clerk-8"):
        body = {"actor": actor, "id_number": number}
        assert client.post("/v1/staff", json=body).status_code == 201
    assert len(found(client, keys)) == 2
    assert number not in json.dumps(found(client, keys))


def test_an_approval_in_the_same_minute(client: TestClient, keys: Path) -> None:
    account = with_money(client)
    body = {
        "amount": "100000.00", "period": "2026-06", "effective_on": "2026-06-20", "source_ref": "large",
    }  # fmt: skip
    path = f"/v1/accounts/{account}/contributions"
    name = waiting(client.post(path, json=body, headers=key()))
    with at(client, NOW + timedelta(minutes=1, microseconds=1)):
        assert approve(client, keys, name).status_code == 201
    assert found(client, keys) == []
    name = waiting(client.post(path, json=body | {"source_ref": "l2", "period": "2026-07"}, headers=key()))
    with at(client, NOW + timedelta(minutes=1)):
        entry = approve(client, keys, name).json()["entry"]
    [one] = found(client, keys)
    assert (told([one]), one["actor"]) == ([("one_hand", [entry])], "clerk-7")
    assert (one["asked_at"], one["approved_by"]) == ("2026-11-21T04:00:00Z", "chief-1")
    assert one["entries"][0]["amount"] == "100000.00"


def test_who_changes_an_employers_debt_acts_on_it(client: TestClient, keys: Path) -> None:
    employer, worker = employer_client.new_employer(client), employer_client.hire(client)
    employer_client.owe(client, employer, "2026-05", {worker: "8000.00"})
    employer_client.adjust(client, employer, "2026-05", {worker: "5000.00"})
    step = {"step": "closed", "taken_on": "2026-11-21", "source_ref": "s-1"}
    path = f"/v1/employers/{employer}/case-steps"
    for actor, count in (("chief-1", 0), ("clerk-7", 1)):
        body = step | {"source_ref": actor}
        assert client.post(path, json=body, headers=as_actor(keys, actor)).status_code == 201
        assert len(found(client, keys)) == count, actor
    [one] = found(client, keys)
    assert [(entry["kind"], entry["account_no"]) for entry in one["entries"]] == [
        ("adjustment", None),
        ("case_step", None),
    ]


def test_an_area_that_is_not_kept_says_nothing(client: TestClient, keys: Path, fresh_engine: Engine) -> None:
    account, drugs = with_money(client), pharmacy(client)
    for _ in range(2):
        spend(client, account, institution=drugs, amount="450.00")
    app: Any = client.app
    policies = app.state.ledger.policies
    with rule(client, findings__split_limit="100.00"), fresh_engine.connect() as connection:
        assert find_patterns(connection, policies, TODAY, TODAY) == found(client, keys) == []
        # what is usual holds
        [one] = find_patterns(connection, {}, TODAY, TODAY)
    assert one.kind is PatternKind.SPLIT


# -- who asks, and what is recorded ------------------------------------------------------------------------


def test_who_is_shown_is_recorded(client: TestClient, keys: Path, fresh_engine: Engine) -> None:
    account, drugs = with_money(client), pharmacy(client)
    for _ in range(2):
        spend(client, account, institution=drugs, amount="450.00")
    assert len(found(client, keys)) == 1
    log = tables.read_log.c
    with fresh_engine.connect() as connection:
        read = connection.execute(
            select(log.book_id, log["items"], log.purpose, log.fields).where(
                log.channel == int(AccessChannel.AUDIT)
            )
        ).all()
    assert read == [(book_id_of(account), 2, "audit", int(FieldGroup.ENTRIES))]
    assert verify(fresh_engine, keyring=KEYRING).clean


def test_only_auditors_ask(client: TestClient, keys: Path) -> None:
    for channel in (AccessChannel.WINDOW, AccessChannel.PHONE, AccessChannel.AGENCY, AccessChannel.ONLINE):
        others = bearer(keys, "own_request", channel=channel)
        assert refusal(client.get(PATH, headers=others)) == (403, "channel_not_allowed"), channel
    assert refusal(client.get(PATH)) == (403, "channel_not_allowed")
    weak = bearer(keys, "audit", channel=AccessChannel.AUDIT, scopes=["accounts:read"])
    assert refusal(client.get(PATH, headers=weak)) == (403, "scope_missing")
    assert refusal(client.get(PATH, headers=auditor(keys, None))) == (403, "purpose_missing")


def test_the_days_that_are_asked_for(client: TestClient, keys: Path) -> None:
    def ask(**more: str) -> Any:
        return client.get(PATH, headers=auditor(keys), params=more)

    account, drugs = with_money(client), pharmacy(client)
    for _ in range(2):
        spend(client, account, institution=drugs, amount="450.00")
    with at(client, NOW + timedelta(days=30)):
        assert ask().json()["items"] == []
        assert len(ask(**{"from": "2026-11-21", "to": "2026-12-21"}).json()["items"]) == 1
        assert ask(**{"from": "2026-11-22", "to": "2026-12-21"}).json()["items"] == []
        wrong = [{"from": "2026-11-20", "to": "2026-12-21"}, {"to": "2026-12-22"}, {"from": "2026-12-22"}]
        for one in wrong:
            assert refusal(ask(**one)) == (422, "period_invalid"), one
    assert refusal(ask(limit="51")) == refusal(ask(cursor="x")) == (422, "shape_invalid")


def test_findings_come_page_by_page(client: TestClient, keys: Path) -> None:
    drugs = pharmacy(client)
    people = [with_money(client) for _ in range(5)]
    for number, account in enumerate(people):
        with at(client, NOW + timedelta(minutes=number * 10)):
            for _ in range(2):
                spend(client, account, institution=drugs, amount="450.00")
    whole = found(client, keys)
    assert [one["entries"][0]["account_no"] for one in whole] == people
    pages: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        answer = client.get(PATH, headers=auditor(keys), params={"limit": "2", **cursor}).json()
        pages.append(answer["items"])
        if answer["next_cursor"] is None:
            break
        cursor = {"cursor": answer["next_cursor"]}
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [one for page in pages for one in page] == whole
