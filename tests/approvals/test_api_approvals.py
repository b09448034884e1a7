"""Two people (R68): what an area asks two for waits, and is posted when somebody else says yes."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, select, text

from api.accounts.answers import DeathWithdrawalReceipt, EntryAnswer, EstateAnswer
from api.approvals.approvals import ApprovalItem, ApprovalView
from api.http.answers import ReceiptAnswer
from ledger import tables
from ledger.verify import verify
from tests.support import care_client
from tests.support import estate_client as estates
from tests.support.api_client import TODAY, bearer, contribute, id_number, key, open_account
from tests.support.approval_client import LARGE, approve, later, listed, reject, second, waiting
from tests.support.employer_client import taken
from tests.support.old_rows import as_before_numbers_were_refused
from tests.support.window_client import recorded, said

_papers = itertools.count(1)


def large(amount: str = LARGE, **more: Any) -> dict[str, Any]:
    return {
        "amount": amount,
        "period": "2026-03",
        "effective_on": "2026-03-20",
        "source_ref": f"large-{next(_papers)}",
        **more,
    }


def ask(client: TestClient, account: str, headers: Any = None, **more: Any) -> Any:
    path = f"/v1/accounts/{account}/contributions"
    return client.post(path, json=large(**more), headers=key() if headers is None else headers)


def balance(client: TestClient, account: str) -> str:
    return str(client.get(f"/v1/accounts/{account}/balance").json()["balance"])


@pytest.fixture
def account(client: TestClient) -> str:
    return str(open_account(client)["account_no"])


def test_a_large_contribution_waits_and_is_posted_by_the_second_person(
    client: TestClient, keys: Path, account: str, engine: Engine
) -> None:
    name = waiting(ask(client, account))
    assert balance(client, account) == "0.00"
    item = next(one for one in listed(client, "waiting") if one["approval"] == name)
    ApprovalItem.model_validate(item)
    assert (item["verb"], item["asked_by"], item["state"]) == ("contribution", "clerk-7", "waiting")
    assert item["expires_at"] == "2026-12-21T04:00:00Z"

    receipt = taken(approve(client, keys, name), ReceiptAnswer)
    assert (receipt["amount"], receipt["kind"]) == (LARGE, "contribution")
    assert balance(client, account) == LARGE
    entry = taken(client.get(f"/v1/entries/{receipt['entry']}"), EntryAnswer, 200)
    assert (entry["actor"], entry["caller"], entry["approved_by"]) == ("clerk-7", "tests", "chief-1")
    assert name not in [one["approval"] for one in listed(client, "waiting")]
    view = taken(client.get(f"/v1/approvals/{name}"), ApprovalView, 200)
    assert (view["state"], view["decided_by"], view["entry"]) == ("approved", "chief-1", receipt["entry"])
    assert not verify(engine).findings


def test_one_fen_less_does_not_wait(client: TestClient, account: str) -> None:
    receipt = taken(ask(client, account, amount="99999.99"), ReceiptAnswer)
    assert client.get(f"/v1/entries/{receipt['entry']}").json()["approved_by"] is None


def test_the_intent_is_shown_with_people_masked_and_the_look_is_recorded(
    client: TestClient, account: str, engine: Engine
) -> None:
    name = waiting(ask(client, account, amount="250000.00"))
    before = len(recorded(engine))
    view = taken(client.get(f"/v1/approvals/{name}"), ApprovalView, 200)
    assert (view["account"], view["amount"], view["verb"]) == (account, "250000.00", "contribution")
    assert view["intent"]["amount"] == "250000.00"
    assert (view["intent"]["period"], view["intent"]["effective_on"]) == ("2026-03", "2026-03-20")
    assert not {"caller", "actor", "key", "book"} & set(view["intent"])
    looks = recorded(engine)[before:]
    assert [one.role for one in looks] == ["approvals:decide"]


def test_a_number_that_somebody_is_to_get_is_shown_masked(client: TestClient, account: str) -> None:
    number = id_number()
    body = {"id_number": number, "from": "2026-11-20", "document": "passport 7", "reason": "reissued"}
    name = waiting(client.post(f"/v1/accounts/{account}/id-numbers", json=body, headers=key()))
    answer = client.get(f"/v1/approvals/{name}")
    view = taken(answer, ApprovalView, 200)
    assert view["numbers"] == [f"{number[:3]}{'*' * 13}{number[-2:]}"]
    assert number not in answer.text


def test_nothing_of_it_stands_in_the_database_plain(client: TestClient, account: str, engine: Engine) -> None:
    waiting(ask(client, account, source_ref="paper-of-zhang-san"))
    with engine.begin() as connection:
        rows = connection.execute(select(tables.approval)).all()
        assert not connection.execute(
            text("SELECT count(*) FROM entry WHERE source_ref = 'paper-of-zhang-san'")
        ).scalar()
    assert rows
    assert not any(b"paper-of-zhang-san" in bytes(row.intent_sealed) for row in rows)


# -- keys --------------------------------------------------------------------------------------------------


def test_the_same_key_is_the_same_approval_and_then_the_entry(
    client: TestClient, keys: Path, account: str
) -> None:
    headers, body = key(), large()
    path = f"/v1/accounts/{account}/contributions"
    name = waiting(client.post(path, json=body, headers=headers))
    assert waiting(client.post(path, json=body, headers=headers)) == name
    other = client.post(path, json=body | {"amount": "100000.01"}, headers=headers)
    assert said(other) == (422, "idempotency_key_reused")
    receipt = taken(approve(client, keys, name), ReceiptAnswer)
    again = client.post(path, json=body, headers=headers)
    assert taken(again, ReceiptAnswer) == receipt
    assert again.headers["Idempotent-Replayed"] == "true"


def test_approved_again_by_the_same_it_is_answered_as_it_was(
    client: TestClient, keys: Path, account: str
) -> None:
    name = waiting(ask(client, account))
    first = taken(approve(client, keys, name), ReceiptAnswer)
    again = approve(client, keys, name)
    assert taken(again, ReceiptAnswer) == first
    assert again.headers["Idempotent-Replayed"] == "true"
    assert said(approve(client, keys, name, actor="chief-2")) == (409, "approval_decided")
    assert said(reject(client, keys, name)) == (409, "approval_decided")
    assert balance(client, account) == LARGE


def test_the_same_paper_waits_twice_and_is_booked_once(client: TestClient, keys: Path, account: str) -> None:
    paper = "one-paper"
    first, other = (waiting(ask(client, account, source_ref=paper)) for _ in range(2))
    assert first != other
    taken(approve(client, keys, first), ReceiptAnswer)
    assert said(approve(client, keys, other)) == (409, "duplicate_source_ref")
    assert client.get(f"/v1/approvals/{other}").json()["state"] == "waiting"


# -- who ---------------------------------------------------------------------------------------------------


def test_who_asked_does_not_decide_under_any_token(client: TestClient, keys: Path, account: str) -> None:
    name = waiting(ask(client, account))
    for token in ({}, {"caller": "another-system"}, {"scopes": ["approvals:decide"]}):
        assert said(approve(client, keys, name, actor="clerk-7", token=token)) == (403, "same_person")
    assert said(reject(client, keys, name, actor="clerk-7")) == (403, "same_person")
    assert client.get(f"/v1/approvals/{name}").json()["state"] == "waiting"


@pytest.mark.parametrize("written", ["Clerk-7", "CLERK-7", "clerk-7 ", " clerk-7", "ｃｌｅｒｋ-7"])
def test_who_asked_does_not_decide_under_a_name_written_otherwise(
    client: TestClient, keys: Path, account: str, written: str
) -> None:
    name = waiting(ask(client, account))
    assert said(approve(client, keys, name, actor=written)) == (403, "same_person")
    assert said(reject(client, keys, name, actor=written)) == (403, "same_person")
    assert client.get(f"/v1/approvals/{name}").json()["state"] == "waiting"


def register(client: TestClient, actor: str, number: str) -> None:
    answer = client.post("/v1/staff", json={"actor": actor, "id_number": number})
    assert answer.status_code in {200, 201}, answer.text


def test_one_person_with_two_names_is_one_person(client: TestClient, keys: Path, account: str) -> None:
    number = id_number()
    register(client, "clerk-two-names", number)
    register(client, "chief-two-names", number)
    headers = key() | bearer(keys, actor="clerk-two-names")
    name = waiting(ask(client, account, headers))
    assert said(approve(client, keys, name, actor="chief-two-names")) == (403, "same_person")
    assert said(approve(client, keys, name, actor="Chief-Two-Names ")) == (403, "same_person")
    taken(approve(client, keys, name, actor="chief-3"), ReceiptAnswer)


def test_neither_the_holder_nor_a_relative_decides(client: TestClient, keys: Path) -> None:
    holder = open_account(client)
    register(client, "chief-holder", holder["number"])
    name = waiting(ask(client, holder["account_no"]))
    assert said(approve(client, keys, name, actor="chief-holder")) == (403, "same_person")
    assert said(reject(client, keys, name, actor="chief-holder")) == (403, "same_person")

    relative = open_account(client, name="李四")["number"]
    contribute(client, holder["account_no"], "500.00")
    care_client.give(client, holder["account_no"], relative, "100.00", consents=["a", "b"])
    register(client, "chief-relative", relative)
    assert said(approve(client, keys, name, actor="chief-relative")) == (403, "same_person")
    taken(approve(client, keys, name, actor="chief-4"), ReceiptAnswer)


def test_whose_premium_is_paid_and_who_inherits_are_relatives(client: TestClient, keys: Path) -> None:
    """Both ways: who is on record as a relative of the holder, and whose relative the holder is."""
    holder, parent = (open_account(client, name=name) for name in ("张三", "李四"))
    number = holder["account_no"]
    contribute(client, parent["account_no"], "10.00")
    estates.die(client, parent["account_no"])
    estates.divide(client, parent["account_no"], [
        estates.heir(holder["number"], name="张三"), {"name": "王五", "relation": "spouse"},
        sibling := estates.heir(name="赵六"),
    ])  # fmt: skip
    register(client, "chief-sibling", sibling["id_number"])
    register(client, "chief-parent", parent["number"])
    child = care_client.new_resident(client, id_number())
    contribute(client, number, "900.00")
    premium = {"recipient": child, "relation": "child", "amount": "1.00", "year": 2026, "source_ref": "p"}
    answer = client.post(f"/v1/accounts/{number}/premiums", json=premium, headers=key())
    assert answer.status_code == 201, answer.text
    register(client, "chief-child", child)
    name = waiting(ask(client, number))
    for actor in ("chief-sibling", "chief-parent", "chief-child"):
        assert said(approve(client, keys, name, actor=actor)) == (403, "same_person")
    register(client, "chief-stranger", id_number())
    taken(approve(client, keys, name, actor="chief-stranger"), ReceiptAnswer)


def test_who_is_named_in_an_estate_does_not_decide_it(client: TestClient, keys: Path) -> None:
    opening = {"current_year": "0.00", "carried_over": "120000.00", "source_ref": "old"}
    account = open_account(client, opening=opening)["account_no"]
    estates.die(client, account)
    heirs = [estates.heir()]
    register(client, "chief-heir", heirs[0]["id_number"])
    name = waiting(estates.ask(client, account, heirs, confirm=True))
    assert said(approve(client, keys, name, actor="chief-heir")) == (403, "same_person")


def test_who_claims_an_estate_decides_nothing_of_that_account(client: TestClient, keys: Path) -> None:
    """Also before it is divided: who is named now, by number, and nobody who is named no more."""
    account = str(open_account(client)["account_no"])
    contribute(client, account, "10.00")
    estates.die(client, account)
    first, second_one = (estates.claimant("继", id_number=id_number()) for _ in range(2))
    register(client, "chief-first", first["id_number"])
    register(client, "chief-second", second_one["id_number"])
    estates.claimed(client, account, [first, estates.claimant("妻", "spouse")])
    body = {"reason": "somebody else", "document": "letter"}
    name = waiting(client.post(f"/v1/accounts/{account}/death/withdrawal", json=body, headers=key()))
    assert said(approve(client, keys, name, actor="chief-first")) == (403, "same_person")
    assert said(reject(client, keys, name, actor="chief-first")) == (403, "same_person")
    estates.claimed(client, account, [second_one])
    assert said(approve(client, keys, name, actor="chief-second")) == (403, "same_person")
    taken(approve(client, keys, name, actor="chief-first"), DeathWithdrawalReceipt)


def test_what_was_approved_is_an_entry_like_others(client: TestClient, keys: Path, engine: Engine) -> None:
    """It is shown, explained, and reversed; once it was, its document may be booked again."""
    account = str(open_account(client)["account_no"])
    receipt = taken(approve(client, keys, waiting(ask(client, account, source_ref="once"))), ReceiptAnswer)
    page = client.get(f"/v1/accounts/{account}/entries").json()["items"]
    assert [one["facts"] for one in page if one["entry"] == receipt["entry"]] == [{}]
    assert client.get(f"/v1/accounts/{account}/explain").status_code == 200
    back = client.post(f"/v1/entries/{receipt['entry']}/reversal", json={"reason": "x"}, headers=key())
    assert back.status_code == 201, back.text
    assert balance(client, account) == "0.00"
    taken(approve(client, keys, waiting(ask(client, account, source_ref="once"))), ReceiptAnswer)
    assert balance(client, account) == LARGE
    assert not verify(engine).findings


def test_only_with_the_scope(client: TestClient, keys: Path, account: str) -> None:
    name = waiting(ask(client, account))
    token = second(keys, scopes=["postings:write", "accounts:write", "admin"])
    for call in (
        lambda: client.post(f"/v1/approvals/{name}/approve", headers=token),
        lambda: client.post(f"/v1/approvals/{name}/reject", json={"reason": "no"}, headers=token),
        lambda: client.get("/v1/approvals", headers=token),
        lambda: client.get(f"/v1/approvals/{name}", headers=token),
    ):
        assert said(call()) == (403, "scope_missing")


@pytest.mark.parametrize(
    "name", ["P483920174650K-A1", "P483920174650K-1", "nothing", "A1", "P483920174650K-A0"]
)
def test_what_there_is_not(client: TestClient, keys: Path, name: str) -> None:
    assert said(approve(client, keys, name)) == (404, "approval_not_found")
    assert said(reject(client, keys, name)) == (404, "approval_not_found")
    assert said(client.get(f"/v1/approvals/{name}")) == (404, "approval_not_found")


# -- what becomes of it ------------------------------------------------------------------------------------


def test_rejected_with_a_reason(client: TestClient, keys: Path, account: str) -> None:
    headers, body = key(), large()
    path = f"/v1/accounts/{account}/contributions"
    name = waiting(client.post(path, json=body, headers=headers))
    with as_before_numbers_were_refused():
        answer = reject(client, keys, name, reason="证件号 11010519491231002X 有误")
    assert (answer.status_code, answer.json()) == (201, {"approval": name, "state": "rejected"})
    assert reject(client, keys, name).status_code == 201
    assert said(approve(client, keys, name)) == (409, "approval_decided")
    assert said(reject(client, keys, name, actor="chief-2")) == (409, "approval_decided")
    assert said(client.post(path, json=body, headers=headers)) == (409, "approval_rejected")
    view = client.get(f"/v1/approvals/{name}").json()
    assert view["state"] == "rejected"
    assert "11010519491231002X" not in view["reason"]
    assert balance(client, account) == "0.00"
    assert name in [one["approval"] for one in listed(client, "rejected", limit=1)]
    # under another key it is asked for anew
    assert waiting(client.post(path, json=body, headers=key())) != name


def test_after_thirty_days_it_is_over(client: TestClient, keys: Path, account: str) -> None:
    headers, body = key(), large()
    path = f"/v1/accounts/{account}/contributions"
    name = waiting(client.post(path, json=body, headers=headers))
    other = waiting(ask(client, account))
    with later(client, TODAY.replace(month=12, day=20)):
        taken(approve(client, keys, other), ReceiptAnswer)
    with later(client, TODAY.replace(month=12, day=21)):
        assert said(approve(client, keys, name)) == (409, "approval_expired")
        assert said(reject(client, keys, name)) == (409, "approval_expired")
        assert said(client.post(path, json=body, headers=headers)) == (409, "approval_expired")
        assert name in [one["approval"] for one in listed(client, "expired")]
        assert name not in [one["approval"] for one in listed(client, "waiting")]
        assert waiting(client.post(path, json=body, headers=key())) != name


def test_conditions_are_looked_at_again(client: TestClient, keys: Path, engine: Engine) -> None:
    person = open_account(client)
    account = person["account_no"]
    name = waiting(ask(client, account, period="2026-11", effective_on="2026-11-20"))
    estates.die(client, account, "2026-09-02")
    refused = approve(client, keys, name)
    assert said(refused) == (409, "period_after_end"), refused.text
    # it goes on waiting
    assert client.get(f"/v1/approvals/{name}").json()["state"] == "waiting"
    assert not verify(engine).findings


def test_a_refused_request_does_not_wait(client: TestClient, account: str) -> None:
    assert said(ask(client, account, period="2027-03")) == (422, "period_invalid")
    assert not [one for one in listed(client) if one["approval"].startswith(account)]


# -- an estate ---------------------------------------------------------------------------------------------


def test_a_large_estate_is_divided_by_two(client: TestClient, keys: Path, engine: Engine) -> None:
    person = open_account(
        client, opening={"current_year": "0.00", "carried_over": "120000.00", "source_ref": "old"}
    )
    account = person["account_no"]
    child = open_account(client, name="李四")
    estates.die(client, account)
    heirs = [estates.heir(child["number"], name="李四"), {"name": "王五", "relation": "spouse"}]
    shown = estates.show(client, account, heirs)
    assert shown["approval"] == "needed"
    name = waiting(estates.ask(client, account, heirs, confirm=True))
    assert client.get(f"/v1/accounts/{account}").json()["status"] == "deceased"
    view = taken(client.get(f"/v1/approvals/{name}"), ApprovalView, 200)
    assert view["verb"] == "estate"
    assert view["persons"] == ["李*", "王*"]
    done = taken(approve(client, keys, name), EstateAnswer)
    assert {key: done[key] for key in ("estate", "shares", "set_off")} == {
        key: shown[key] for key in ("estate", "shares", "set_off")
    }
    assert [share["name"] for share in done["shares"]] == ["李四", "王五"]
    assert client.get(f"/v1/accounts/{account}").json()["status"] == "closed"
    entry = client.get(f"/v1/entries/{done['receipts'][0]['entry']}").json()
    assert entry["approved_by"] == "chief-1"
    assert not verify(engine).findings


# -- dry runs, bulk ----------------------------------------------------------------------------------------


def test_a_dry_run_says_that_somebody_is_needed(client: TestClient, account: str) -> None:
    answer = client.post(f"/v1/accounts/{account}/contributions?dry_run=true", json=large())
    assert answer.status_code == 200, answer.text
    assert (answer.json()["approval"], answer.json()["dry_run"]) == ("needed", True)
    small = client.post(f"/v1/accounts/{account}/contributions?dry_run=true", json=large("1.00"))
    assert "approval" not in small.json()
    assert not [one for one in listed(client) if one["approval"].startswith(account)]


def test_approving_can_be_tried(client: TestClient, keys: Path, account: str) -> None:
    name = waiting(ask(client, account))
    answer = approve(client, keys, name, params={"dry_run": "true"})
    assert (answer.status_code, answer.json()["dry_run"], answer.json()["amount"]) == (200, True, LARGE)
    assert "approval" not in answer.json()
    assert client.get(f"/v1/approvals/{name}").json()["state"] == "waiting"
    assert balance(client, account) == "0.00"


def commands(account: str) -> list[dict[str, Any]]:
    return [
        {
            "verb": "contribute",
            "account": account,
            **large(amount),
            "idempotency_key": f"bulk-{next(_papers)}",
        }
        for amount in ("10.00", LARGE, "20.00")
    ]


def test_in_a_bulk_one_waits_and_its_neighbours_are_posted(
    client: TestClient, keys: Path, account: str
) -> None:
    sent = commands(account)
    outcomes = client.post("/v1/bulk", json={"commands": sent}).json()["outcomes"]
    assert [one["status"] for one in outcomes] == ["posted", "waiting", "posted"]
    name = outcomes[1]["approval"]
    assert balance(client, account) == "30.00"
    again = client.post("/v1/bulk", json={"commands": sent}).json()["outcomes"]
    assert again[1] == outcomes[1]
    taken(approve(client, keys, name), ReceiptAnswer)
    assert balance(client, account) == "100030.00"
    outcomes = client.post("/v1/bulk", json={"commands": sent}).json()["outcomes"]
    assert [(one["status"], one["replayed"]) for one in outcomes] == [("posted", True)] * 3


def test_a_group_is_refused(client: TestClient, account: str) -> None:
    answer = client.post("/v1/bulk", json={"commands": commands(account), "atomic": True})
    codes = [(one["status"], one["code"]) for one in answer.json()["outcomes"]]
    assert codes == [
        ("refused", "group_refused"),
        ("refused", "approval_needed"),
        ("refused", "group_refused"),
    ]
    assert balance(client, account) == "0.00"
    rehearsed = client.post("/v1/bulk?dry_run=true", json={"commands": commands(account), "atomic": True})
    assert [one["code"] for one in rehearsed.json()["outcomes"]] == [code for _status, code in codes]


def test_a_bulk_that_is_tried(client: TestClient, account: str) -> None:
    answer = client.post("/v1/bulk?dry_run=true", json={"commands": commands(account)})
    assert [one.get("approval") for one in answer.json()["outcomes"]] == [None, "needed", None]


def test_the_list_goes_page_by_page(client: TestClient, account: str) -> None:
    names = {waiting(ask(client, account)) for _ in range(5)}
    pages = [one["approval"] for one in listed(client, "waiting", limit=2)]
    assert names <= set(pages)
    assert len(pages) == len(set(pages))
