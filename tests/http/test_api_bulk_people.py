"""Bulks of what happens to people: numbers, deaths, transfers, demands, exits; what waits, what they may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.verify import verify
from tests.support.api_client import bearer, contribute, id_number, key, open_account, running
from tests.support.approval_client import approve
from tests.support.employer_client import ref
from tests.support.estate_client import claimant, confirmed, die
from tests.support.transfer_client import announce, demand, in_body, out_body, request_out, sheet_body, view


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bulk")


@pytest.fixture(scope="module")
def client(engine: Engine, keys: Path) -> Iterator[TestClient]:
    with running(engine, keys) as client:
        yield client


def bulk(client: TestClient, *commands: dict[str, Any], query: str = "", **more: Any) -> list[dict[str, Any]]:
    sent = [{"idempotency_key": ref(), **one} for one in commands]
    answer = client.post(f"/v1/bulk{query}", json={"commands": sent, **more})
    assert answer.status_code == 200, answer.text
    outcomes: list[dict[str, Any]] = answer.json()["outcomes"]
    return outcomes


def one(client: TestClient, verb: str, query: str = "", **fields: Any) -> dict[str, Any]:
    [outcome] = bulk(client, {"verb": verb, **fields}, query=query)
    return outcome


def told(outcome: dict[str, Any]) -> tuple[str, list[str]]:
    return outcome["code"], [error["pointer"] for error in outcome.get("errors", ())]


def account_of(client: TestClient, number: str) -> Any:
    return client.get(f"/v1/accounts/{number}").json()


def rich(client: TestClient, amount: str = "100.00") -> str:
    person = str(open_account(client)["number"])
    contribute(client, person, amount)
    return person


def test_numbers_wait_for_a_second_person_and_find_the_account_then(client: TestClient, keys: Path) -> None:
    person, new = open_account(client)["number"], id_number()
    fields = {"id_number": new, "from": "2026-03-01", "document": "household register", "reason": "corrected"}
    assert one(client, "id_number", "?dry_run=true", account=person, **fields)["approval"] == "needed"
    waits = one(client, "id_number", account=person, **fields)
    assert waits["status"] == "waiting"
    assert client.get(f"/v1/accounts/{new}").status_code == 404
    done = approve(client, keys / "keys", waits["approval"])
    assert done.status_code == 201, done.text
    assert account_of(client, new)["account_no"] == account_of(client, person)["account_no"]

    # what is wrong with one is told with its place, and the others go on
    fine = {"verb": "id_number", "account": person, **fields, "id_number": id_number()}
    outcomes = bulk(
        client,
        fine,
        fine | {"account": id_number()},
        fine | {"id_number": person[:-1] + ("0" if person[-1] != "0" else "1")},
        fine | {"id_number": open_account(client)["number"]},
        fine | {"reason": "none"},
    )
    assert outcomes[0]["status"] == "waiting"
    assert [told(outcome) for outcome in outcomes[1:]] == [
        ("account_not_found", ["/commands/1/account"]),
        ("id_checksum", ["/commands/2/id_number"]),
        ("alias_conflict", ["/commands/3/id_number"]),
        ("shape_invalid", ["/commands/4/reason"]),
    ]


def test_a_death_is_corrected_and_withdrawn(client: TestClient, keys: Path) -> None:
    person = open_account(client)["number"]
    outcomes = bulk(
        client,
        {"verb": "death", "account": person, "died_on": "2026-05-01", "evidence": "c"},
        {"verb": "death_correction", "account": person, "died_on": "2026-05-03", "document": "d"},
        {"verb": "death_correction", "account": person, "died_on": "2026-05-03", "document": "e"},
        {"verb": "death_withdrawal", "account": person, "reason": "a namesake", "document": "f"},
    )
    assert [outcome["status"] for outcome in outcomes] == ["posted", "posted", "refused", "waiting"]
    assert told(outcomes[2]) == ("period_invalid", ["/commands/2/died_on"])
    assert account_of(client, person)["died_on"] == "2026-05-03"
    assert approve(client, keys / "keys", outcomes[3]["approval"]).status_code == 201
    assert account_of(client, person)["status"] == "active"


def test_in_a_group_what_asks_for_two_is_refused(client: TestClient) -> None:
    person = rich(client)
    outcomes = bulk(
        client,
        {"verb": "demand", "account": person, "amount": "1.00", "reason": "r", "document": "d"},
        {
            "verb": "exit",
            "account": rich(client),
            "case": "settled_abroad",
            "document": "d",
            "paid_on": "2026-06-01",
        },
        atomic=True,
    )
    assert [outcome["code"] for outcome in outcomes] == ["group_refused", "approval_needed"]
    assert client.get(f"/v1/accounts/{person}/demands").json()["items"] == []


def test_an_exit_waits(client: TestClient, keys: Path) -> None:
    person = rich(client)
    waits = one(
        client, "exit", account=person, case="settled_abroad", document="permit", paid_on="2026-06-01"
    )
    assert waits["status"] == "waiting"
    done = approve(client, keys / "keys", waits["approval"])
    assert done.status_code == 201, done.text
    assert account_of(client, person)["status"] == "closed"


def test_a_transfer_goes_out_step_by_step(client: TestClient) -> None:
    first, second = rich(client), rich(client)
    asked = bulk(client, *({"verb": "transfer", **out_body(one)} for one in (first, second)))
    names = [outcome["receipt"]["entry"] for outcome in asked]
    assert [view(client, name)["status"] for name in names] == ["requested"] * 2
    outcomes = bulk(
        client,
        {"verb": "transfer_acknowledge", "transfer": names[0]},
        {"verb": "transfer_complete", "transfer": names[0], "paid_on": "2026-06-20", "source_ref": ref()},
        {"verb": "transfer_acknowledge", "transfer": names[0]},
        {"verb": "transfer_reject", "transfer": names[1], "reason": "unknown there"},
    )
    assert told(outcomes[0]) == ("transfer_state", [])
    assert [outcome["status"] for outcome in outcomes[1:]] == ["posted"] * 3
    assert [view(client, name)["status"] for name in names] == ["acknowledged", "rejected"]


def test_a_transfer_comes_in(client: TestClient) -> None:
    person = open_account(client)["number"]
    wrong = in_body(person, sheet_body("1.00", "2.00", "0.50", "3.51"))
    assert told(one(client, "transfer", **wrong)) == ("amount_mismatch", ["/commands/0/sheet/amount"])
    good = one(client, "transfer", **in_body(person, sheet_body("1.00", "2.00", "0.50", "3.50")))
    name = good["receipt"]["entry"]
    money = {"transfer": name, "received_on": "2026-06-20", "source_ref": ref()}
    assert told(one(client, "transfer_complete", amount="3.49", **money)) == (
        "amount_differs", ["/commands/0/amount"],
    )  # fmt: skip
    assert one(client, "transfer_complete", amount="3.50", **money)["status"] == "posted"
    assert view(client, name)["status"] == "credited"


def test_what_is_said_of_the_wrong_way_is_refused(client: TestClient) -> None:
    out = request_out(client, rich(client))
    comes = announce(client, str(open_account(client)["number"]), sheet_body("1.00", "0.00", "0.00", "1.00"))
    paid = {"paid_on": "2026-06-20", "source_ref": ref()}
    received = {"received_on": "2026-06-20", "amount": "1.00", "source_ref": ref()}
    assert one(client, "transfer_complete", transfer=comes, **paid)["code"] == "transfer_state"
    assert one(client, "transfer_complete", transfer=out, **received)["code"] == "account_transferring"
    assert told(one(client, "transfer_complete", transfer=out, **paid | received)) == (
        "shape_invalid", ["/commands/0/received_on"],
    )  # fmt: skip
    neither = one(client, "transfer_complete", transfer=out, source_ref=ref())
    assert told(neither) == ("shape_invalid", ["/commands/0/received_on"])
    assert view(client, out)["status"] == "requested"


def test_a_demand_is_set_off_and_paid(client: TestClient) -> None:
    """E66: 1,500.00 too much, 1,000.00 in the account; 500.00 is paid."""
    person = rich(client, "1000.00")
    name = one(client, "demand", account=person, amount="1500.00", reason="r", document="d")
    assert name["status"] == "posted"
    [item] = client.get(f"/v1/accounts/{person}/demands").json()["items"]
    paid = {"verb": "instalment", "demand": item["demand"], "paid_on": "2026-06-20"}
    outcomes = bulk(
        client,
        {"verb": "set_off", "demand": item["demand"]},
        paid | {"amount": "500.01", "source_ref": ref()},
        paid | {"amount": "500.00", "source_ref": ref()},
    )
    assert [outcome["status"] for outcome in outcomes] == ["posted", "refused", "posted"]
    assert told(outcomes[1])[1] == ["/commands/1/amount"]
    [item] = client.get(f"/v1/accounts/{person}/demands").json()["items"]
    assert (item["set_off"], item["paid"], item["still_owed"]) == ("1000.00", "500.00", "0.00")


def test_accounts_of_one_person_go_into_the_older_one(client: TestClient, keys: Path) -> None:
    older = str(open_account(client, opened_on="2025-12-01")["number"])
    younger, other = rich(client), rich(client)
    stranger = str(open_account(client, name="李四")["number"])
    fields = {"into": older, "document": "finding 7"}
    assert one(client, "merge", "?dry_run=true", account=younger, **fields)["approval"] == "needed"
    outcomes = bulk(
        client,
        {"verb": "merge", "account": younger, **fields},
        {"verb": "merge", "account": older, "into": younger, "document": "finding 7"},
        {"verb": "merge", "account": stranger, **fields},
        {"verb": "merge", "account": younger, "into": id_number(), "document": "finding 7"},
        {"verb": "merge", "account": younger, "into": older[:-1] + ("0" if older[-1] != "0" else "1"),
         "document": "finding 7"},
        {"verb": "merge", "account": id_number(), **fields},
    )  # fmt: skip
    assert outcomes[0]["status"] == "waiting"
    assert [told(outcome) for outcome in outcomes[1:]] == [
        ("merge_order", ["/commands/1/into"]),
        ("id_mismatch", ["/commands/2/into"]),
        ("account_not_found", ["/commands/3/into"]),
        ("id_checksum", ["/commands/4/into"]),
        ("account_not_found", ["/commands/5/account"]),
    ]
    assert approve(client, keys / "keys", outcomes[0]["approval"]).status_code == 201
    assert account_of(client, younger)["account_no"] == account_of(client, older)["account_no"]
    group = bulk(
        client,
        {"verb": "demand", "account": older, "amount": "1.00", "reason": "r", "document": "d"},
        {"verb": "merge", "account": other, **fields},
        atomic=True,
    )
    assert [outcome["code"] for outcome in group] == ["group_refused", "approval_needed"]


def test_an_estate_is_undone(client: TestClient, keys: Path) -> None:
    dead, alive = rich(client), rich(client)
    die(client, dead)
    estate = confirmed(client, dead, [claimant("李四")])["estate"]
    fields = {"reason": "a will was found", "document": "will 3"}
    assert one(client, "estate_undo", "?dry_run=true", estate=estate, **fields)["approval"] == "needed"
    outcomes = bulk(
        client,
        {"verb": "estate_undo", "estate": estate, **fields},
        {"verb": "estate_undo", "estate": "P483920174650K-7", **fields},
        {"verb": "estate_undo", "estate": "x", **fields},
        {"verb": "estate_undo", "estate": f"{account_of(client, alive)['account_no']}-1", **fields},
        {"verb": "estate_undo", "estate": estate, "reason": "", "document": "will 3"},
    )
    assert outcomes[0]["status"] == "waiting"
    assert [told(outcome) for outcome in outcomes[1:]] == [
        ("estate_not_found", ["/commands/1/estate"]),
        ("estate_not_found", ["/commands/2/estate"]),
        ("estate_not_found", ["/commands/3/estate"]),
        ("shape_invalid", ["/commands/4/reason"]),
    ]
    group = {"verb": "estate_undo", "estate": estate, **fields}
    assert [outcome["code"] for outcome in bulk(client, group, atomic=True)] == ["approval_needed"]
    done = approve(client, keys / "keys", outcomes[0]["approval"])
    assert (done.status_code, done.json()["state"]) == (201, "open")
    assert account_of(client, dead)["status"] == "deceased"


def test_what_is_not_there_is_named_as_the_single_call_names_it(client: TestClient) -> None:
    nowhere = "P483920174650K-7"
    paid = {"amount": "1.00", "paid_on": "2026-06-20", "source_ref": ref()}
    for verb, fields, code in (
        ("transfer_acknowledge", {"transfer": nowhere}, "transfer_not_found"),
        ("transfer_acknowledge", {"transfer": "x"}, "transfer_not_found"),
        ("transfer_reject", {"transfer": nowhere, "reason": "x"}, "transfer_not_found"),
        ("set_off", {"demand": nowhere}, "demand_not_found"),
        ("instalment", {"demand": nowhere, **paid}, "demand_not_found"),
        ("instalment", {"demand": f"{open_account(client)['account_no']}-1", **paid}, "demand_not_found"),
    ):
        named = next(iter(fields))
        assert told(one(client, verb, **fields)) == (code, [f"/commands/0/{named}"]), verb
    single = client.post(f"/v1/transfers/{nowhere}/acknowledge", headers=key())
    assert single.json()["code"] == "transfer_not_found"


def test_a_second_chunk_looks_too(client: TestClient) -> None:
    """The name that a number is written down with is looked up while the chunk before is posted."""
    person = open_account(client)["number"]
    fields = {"id_number": id_number(), "from": "2026-03-01", "document": "d", "reason": "reissued"}
    outcomes = bulk(client, *[{"verb": "death"}] * 1_000, {"verb": "id_number", "account": person, **fields})
    assert {outcome["code"] for outcome in outcomes[:1_000]} == {"shape_invalid"}
    assert outcomes[1_000]["status"] == "waiting"


def test_each_verb_needs_its_own_scope(client: TestClient, keys: Path) -> None:
    person = rich(client)
    headers = bearer(keys / "keys", scopes=("bulk:write", "postings:write"))
    name = demand(client, person, "1.00")
    for command in (
        {"verb": "demand", "account": person, "amount": "1.00", "reason": "r", "document": "d"},
        {"verb": "set_off", "demand": name},
        {"verb": "transfer", **out_body(person)},
    ):
        body = {"commands": [{"idempotency_key": ref(), **command}]}
        answer = client.post("/v1/bulk", json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


def test_the_book_is_sound_after_all_of_it(engine: Engine, client: TestClient) -> None:
    assert client.get("/readyz").status_code == 200
    assert verify(engine).clean
