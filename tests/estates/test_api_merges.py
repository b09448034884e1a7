"""One person with two accounts: the younger one goes into the older one (R2, R4)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.verify import verify
from tests.support.api_client import TODAY, contribute, id_number, key, open_account, running, spending
from tests.support.approval_client import by_two
from tests.support.care_client import give
from tests.support.estate_client import die, divide, heir
from tests.support.people import KEYRING

TO_DAY = TODAY.isoformat()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("merges")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    """Whatever the tests of this module do, the book is right after it."""
    with running(engine, folder) as client:
        yield client
    assert verify(engine, keyring=KEYRING).findings == []


def merge(client: TestClient, account: str, into: str, **more: Any) -> Any:
    """The one door of these tests: where two people are asked for, this is where."""
    body = {"into": into, "document": "Finding 118"}
    asked = client.post(f"/v1/accounts/{account}/merge", json=body, **({"headers": key()} | more))
    return by_two(client, asked)


def code(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.text
    return str(answer.json()["code"])


def opened(client: TestClient, opened_on: str, *, old: str = "0.00", name: str = "张三") -> tuple[str, str]:
    """(ID number, account number) of somebody; `old` is what an earlier system hands over."""
    more: dict[str, Any] = {}
    if old != "0.00":
        number = id_number()
        more = {"id_number": number, "opening": {
            "current_year": "0.00", "carried_over": old, "source_ref": f"old-{number[6:]}",
        }}  # fmt: skip
    done = open_account(client, opened_on=opened_on, name=name, **more)
    return done["number"], done["account_no"]


def money(client: TestClient, account: str) -> tuple[str, str]:
    told = client.get(f"/v1/accounts/{account}/balance").json()
    return told["current_year"], told["carried_over"]


def account_no(client: TestClient, account: str) -> str:
    answer = client.get(f"/v1/accounts/{account}")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["account_no"])


def rename(client: TestClient, account: str, name: str, since: str = "2026-03-01") -> None:
    body = {"name": name, "from": since, "document": "d"}
    assert client.post(f"/v1/accounts/{account}/names", json=body, headers=key()).status_code == 201


def pair(client: TestClient) -> tuple[tuple[str, str], tuple[str, str]]:
    """The older account and the younger one of one person, with 300.00 and with 100.00 since today."""
    older, younger = opened(client, "2026-01-05"), opened(client, "2026-02-05")
    contribute(client, older[0], "300.00", effective_on=TO_DAY, period="2026-11")
    contribute(client, younger[0], "100.00", effective_on=TO_DAY, period="2026-11")
    return older, younger


def test_the_pockets_add_up_and_the_number_leads_to_the_other(client: TestClient) -> None:
    older, younger = pair(client)
    done = merge(client, younger[0], older[0])
    assert done.status_code == 201, done.text
    told = done.json()
    assert (told["kind"], told["amount"], told["effective_on"]) == ("merge", "100.00", TO_DAY)
    assert (told["account_no"], told["into"], told["interest"]) == (younger[1], older[1], "0.00")
    assert money(client, older[1]) == ("400.00", "0.00")
    for name in (*older, *younger):
        assert account_no(client, name) == older[1]
    numbers = client.get(f"/v1/accounts/{older[1]}").json()["id_numbers"]
    assert [one["id_number"][-2:] for one in numbers] == [older[0][-2:], younger[0][-2:]]
    # its own entries are read under its own number
    entries = client.get(f"/v1/accounts/{younger[1]}/entries").json()["items"]
    assert [one["kind"] for one in entries] == ["opening", "contribution", "interest", "merge"]
    assert client.get(f"/v1/entries/{younger[1]}-2").json()["amount"] == "100.00"
    assert money(client, younger[1]) == ("0.00", "0.00")
    assert client.get(f"/v1/accounts/{younger[1]}/balance").json()["balance"] == "0.00"


def test_interest_to_the_day_before_joins_carried_over(client: TestClient) -> None:
    """1,000.00 carried over since 1 January 2025: a year whole, and 2026 to 20 November (E18's kind)."""
    older = opened(client, "2024-06-01", old="0.00")
    younger = opened(client, "2025-01-01", old="100000.00")
    asked = {"into": older[1], "document": "d"}
    shown = client.post(f"/v1/accounts/{younger[1]}/merge?dry_run=true", json=asked)
    assert shown.status_code == 200, shown.text
    interest = shown.json()["interest"]
    assert float(interest) > 1000
    assert merge(client, younger[1], older[1]).json()["interest"] == interest
    whole = f"{100000 + float(interest):.2f}"
    assert money(client, older[1]) == ("0.00", whole)
    entries = client.get(f"/v1/accounts/{older[1]}/entries").json()["items"]
    [arrived] = [one for one in entries if one["kind"] == "merge"]
    assert (arrived["amount"], arrived["effective_on"]) == (whole, TO_DAY)
    # it is the only thing that the older account knows of the younger one's interest
    assert [one["kind"] for one in entries] == ["opening", "merge"]


def test_only_the_younger_one_goes(client: TestClient) -> None:
    older, younger = pair(client)
    assert code(merge(client, older[1], younger[1]), 409) == "merge_order"
    assert code(merge(client, older[1], older[0]), 409) == "merge_order"
    # of one day and one instant neither is the older one
    first, second = opened(client, "2026-01-05"), opened(client, "2026-01-05")
    assert merge(client, second[1], first[1]).status_code == 201


def test_two_people_are_two(client: TestClient) -> None:
    older, younger = opened(client, "2026-01-05"), opened(client, "2026-02-05", name="李四")
    assert code(merge(client, younger[0], older[0]), 422) == "id_mismatch"
    # a name that either had, of whatever time, is one that they have in common
    rename(client, older[0], "李四")
    assert merge(client, younger[0], older[0]).status_code == 201
    assert client.get(f"/v1/accounts/{older[0]}").json()["name"] == "李*"


def test_the_names_and_numbers_of_both_stay(client: TestClient) -> None:
    older, younger = pair(client)
    rename(client, younger[0], "王五", "2026-05-01")
    new = id_number()
    body = {"id_number": new, "from": "2026-06-01", "document": "d", "reason": "corrected"}
    path = f"/v1/accounts/{younger[0]}/id-numbers"
    assert by_two(client, client.post(path, json=body, headers=key())).status_code == 201
    assert merge(client, younger[1], older[1]).status_code == 201
    told = client.get(f"/v1/accounts/{younger[0]}").json()
    assert [one["name"] for one in told["names"]] == ["张*", "王*"]
    assert told["id_number"][-2:] == new[-2:]
    numbers = [one["id_number"][-2:] for one in told["id_numbers"]]
    # both were recorded at one instant
    assert (sorted(numbers[:2]), numbers[2]) == (sorted([older[0][-2:], younger[0][-2:]]), new[-2:])


@pytest.mark.parametrize("which", ["older", "younger"])
@pytest.mark.parametrize(
    ("how", "expected"),
    [("dead", "account_deceased"), ("frozen", "account_frozen"), ("gone", "account_closed")],
)
def test_neither_is_dead_frozen_or_closed(client: TestClient, which: str, how: str, expected: str) -> None:
    older, younger = pair(client)
    one = (older if which == "older" else younger)[0]
    if how == "frozen":
        order = {"authority": "Court", "document": "d", "from": "2026-06-01", "to": None}
        assert client.post(f"/v1/accounts/{one}/freezes", json=order, headers=key()).status_code == 201
    else:
        die(client, one)
    if how == "gone":
        divide(client, one, [heir()])
    assert code(merge(client, younger[1], older[1]), 409) == expected


def test_what_is_open_is_named(client: TestClient) -> None:
    older, younger = pair(client)
    hold = {
        "amount": "5.00", "expires_at": "2026-11-22T00:00:00Z", "institution": "H0001", "source_ref": "m-1",
    }  # fmt: skip
    held = client.post(f"/v1/accounts/{younger[0]}/holds", json=hold, headers=key()).json()["hold"]
    refused = merge(client, younger[1], older[1])
    assert code(refused, 409) == "open_items"
    assert refused.json()["facts"]["items"] == [{"what": "hold", "name": held, "where": "H0001"}]
    assert client.post(f"/v1/holds/{held}/release", json={}, headers=key()).status_code == 201
    relative = opened(client, "2026-01-05", name="李四")
    quota = give(client, younger[0], relative[0], "10.00")["quota"]
    refused = merge(client, younger[1], older[1])
    assert [(one["what"], one["name"]) for one in refused.json()["facts"]["items"]] == [("quota", quota)]
    assert client.post(f"/v1/quotas/{quota}/end", json={}, headers=key()).status_code == 201
    contribute(client, relative[0], "50.00", effective_on=TO_DAY, period="2026-11")
    given = give(client, relative[0], younger[0], "10.00")["quota"]
    refused = merge(client, younger[1], older[1])
    assert [(one["what"], one["name"]) for one in refused.json()["facts"]["items"]] == [("quota", given)]
    assert client.post(f"/v1/quotas/{given}/end", json={}, headers=key()).status_code == 201
    assert merge(client, younger[1], older[1]).status_code == 201


def test_what_comes_back_later_goes_on_to_the_other(client: TestClient) -> None:
    older, younger = pair(client)
    spent = client.post(
        f"/v1/accounts/{younger[0]}/spendings", json=spending(effective_on=TO_DAY), headers=key()
    ).json()
    assert merge(client, younger[1], older[1]).status_code == 201
    assert money(client, older[1]) == ("387.50", "0.00")
    path = f"/v1/entries/{spent['entry']}/reversal"
    back = client.post(path, json={"reason": "x"}, headers=key())
    assert back.status_code == 201, back.text
    assert money(client, older[1]) == ("400.00", "0.00")
    assert money(client, younger[1]) == ("0.00", "0.00")


def test_it_goes_on_through_two_accounts_and_to_the_heirs(client: TestClient) -> None:
    first = opened(client, "2026-01-05")
    older, younger = pair(client)
    spent = client.post(
        f"/v1/accounts/{younger[0]}/spendings", json=spending(effective_on=TO_DAY), headers=key()
    ).json()
    assert merge(client, younger[1], older[1]).status_code == 201
    assert merge(client, older[1], first[1]).status_code == 201
    for name in (*first, *older, *younger):
        assert account_no(client, name) == first[1]
    die(client, first[0], TO_DAY)
    child = opened(client, "2026-01-05", name="张小")
    divide(client, first[0], [heir(child[0], name="张小")])
    assert money(client, child[1]) == ("0.00", "387.50")
    back = client.post(f"/v1/entries/{spent['entry']}/reversal", json={"reason": "x"}, headers=key())
    assert back.status_code == 201, back.text
    assert money(client, child[1]) == ("0.00", "400.00")


def test_what_is_sent_to_the_closed_one_is_taken_by_the_other_once(client: TestClient) -> None:
    older, younger = pair(client)
    credit = {"amount": "1.00", "period": "2026-03", "effective_on": "2026-03-20", "source_ref": "before"}
    sent = {"headers": key()}
    before = client.post(f"/v1/accounts/{younger[0]}/contributions", json=credit, **sent)
    assert before.status_code == 201
    assert merge(client, younger[1], older[1]).status_code == 201
    whole = money(client, older[1])
    for name in younger:
        # the same request again is answered as it was, and its document is not booked again
        again = client.post(f"/v1/accounts/{name}/contributions", json=credit, **sent)
        assert (again.status_code, again.json()["entry"]) == (201, before.json()["entry"]), name
        assert again.headers["Idempotent-Replayed"] == "true"
        other = client.post(f"/v1/accounts/{name}/contributions", json=credit, headers=key())
        assert other.status_code == 409, other.text
    assert money(client, older[1]) == whole
    for name, source in zip(younger, ("after-1", "after-2"), strict=True):
        body = credit | {"source_ref": source}
        done = client.post(f"/v1/accounts/{name}/contributions", json=body, headers=key())
        assert done.status_code == 201, done.text
        assert done.json()["account_no"] == older[1]
    assert money(client, older[1])[0] == f"{float(whole[0]) + 2:.2f}"


def test_the_same_merge_again_is_answered_as_it_was(client: TestClient) -> None:
    older, younger = pair(client)
    sent = {"headers": key()}
    first = merge(client, younger[1], older[1], **sent)
    again = merge(client, younger[1], older[1], **sent)
    assert (again.status_code, again.json()["entry"]) == (201, first.json()["entry"])
    assert code(merge(client, younger[1], older[1]), 409) == "account_closed"
    assert code(merge(client, younger[1], id_number()), 404) == "account_not_found"


def test_the_cards_of_both_are_in_the_file(client: TestClient) -> None:
    older, younger = pair(client)
    for number, account in zip(older, (older, younger), strict=True):
        body = {"card_no": f"M{number[-9:]}", "issued_on": "2026-03-01"}
        done = client.post(f"/v1/accounts/{account[0]}/cards", json=body, headers=key())
        assert done.status_code == 201, done.text
    card = f"M{older[1][-9:]}"
    assert merge(client, younger[1], older[1]).status_code == 201
    assert len(client.get(f"/v1/accounts/{older[0]}/person").json()["cards"]) == 2
    # the card of the younger one leads to the older account
    found = client.post("/v1/people/lookup", json={"card_no": card, "credential": "social_card"})
    assert (found.status_code, older[1] in found.text, younger[1] in found.text) == (200, True, False)


def test_what_the_younger_one_had_is_taken_back_by_its_own_names(client: TestClient) -> None:
    older, younger = pair(client)
    entries = client.get(f"/v1/accounts/{younger[1]}/entries").json()["items"]
    [credit] = [one["entry"] for one in entries if one["kind"] == "contribution"]
    assert merge(client, younger[1], older[1]).status_code == 201
    path = f"/v1/entries/{credit}/reversal"
    shown = client.post(f"{path}?dry_run=true", json={"reason": "x"})
    assert (shown.status_code, shown.json()["balance"]) == (200, "0.00")
    back = client.post(path, json={"reason": "x"}, headers=key())
    assert back.status_code == 201, back.text
    assert (back.json()["account_no"], back.json()["reverses"]) == (younger[1], credit)
    assert money(client, older[1]) == ("300.00", "0.00")
    [called] = [
        one
        for one in client.get(f"/v1/accounts/{older[1]}/entries").json()["items"]
        if one["kind"] == "merge_back"
    ]
    assert (called["amount"], called["balance"]) == ("100.00", "300.00")
    assert code(client.post(path, json={"reason": "y"}, headers=key()), 409) == "already_reversed"
    year = client.get(f"/v1/accounts/{younger[1]}/statements/2026").json()
    # it comes and goes at once, and so makes one version
    assert (year["version"], year["closing"]["balance"]) == (2, "0.00")
    assert (year["credits"]["merge_back"], year["debits"]["reversal"]) == ("100.00", "100.00")


def test_a_death_told_by_either_number_names_the_debits_of_both(client: TestClient) -> None:
    older, younger = pair(client)
    spent = [
        client.post(
            f"/v1/accounts/{one[0]}/spendings", json=spending(effective_on=TO_DAY), headers=key()
        ).json()["entry"]
        for one in (older, younger)
    ]
    assert merge(client, younger[1], older[1]).status_code == 201
    told = die(client, younger[0], "2026-10-02")
    assert told["account_no"] == older[1]
    assert told["taken_back"] == [{"period": "2026-11", "amount": "375.00"}]
    assert [one["entry"] for one in told["debits_after"]] == spent
    assert told["still_owed"] == "25.00"
    seen = client.get(f"/v1/accounts/{older[1]}/death").json()
    assert ([one["entry"] for one in seen["debits_after"]], seen["still_owed"]) == (spent, "25.00")
    report = client.get("/v1/reports/debits-after-death").json()["items"]
    mine = {one["entry"]: one["account_no"] for one in report if one["entry"] in spent}
    assert mine == dict.fromkeys(spent, older[1])
    for entry in spent:
        back = client.post(f"/v1/entries/{entry}/reversal", json={"reason": "x"}, headers=key())
        assert back.status_code == 201, back.text
    assert client.get(f"/v1/accounts/{older[1]}/death").json()["debits_after"] == []
    child = opened(client, "2026-01-05", name="张小")
    done = divide(client, older[0], [heir(child[0], name="张小")])
    assert [one["amount"] for one in done["set_off"]] == ["25.00"]


SAID: dict[str, dict[str, Any]] = {
    "names": {"name": "王五"},
    "id-numbers": {"reason": "reissued"},
    "contacts": {"phone": "13800000000", "address": "示例路 1 号"},
}


@pytest.mark.parametrize("what", SAID)
@pytest.mark.parametrize("before", range(3))
def test_what_the_younger_one_said_is_said_again(client: TestClient, what: str, before: int) -> None:
    """It came with the account: said again it is in the book of the one that stays, and there once."""
    older, younger = opened(client, "2026-01-05"), opened(client, "2026-02-05")
    for _ in range(before):
        contribute(client, older[0], "5.00", effective_on=TO_DAY, period="2026-11")
    body = SAID[what] | {"from": "2026-03-01", "document": "d"}
    if what == "id-numbers":
        body["id_number"] = id_number()

    def say(account: str) -> Any:
        answer = client.post(f"/v1/accounts/{account}/{what}", json=body, headers=key())
        return by_two(client, answer)

    assert say(younger[1]).status_code == 201
    assert merge(client, younger[1], older[1]).status_code == 201
    again = say(younger[1])
    assert again.status_code == 201, again.text
    assert again.json()["account_no"] == older[1]
    if what != "contacts":
        assert say(older[1]).json()["entry"] == again.json()["entry"]


def test_in_a_bulk_the_others_have_their_outcomes(client: TestClient) -> None:
    older, younger = opened(client, "2026-01-05"), opened(client, "2026-02-05")
    rename(client, younger[1], "王五")
    assert merge(client, younger[1], older[1]).status_code == 201
    change = {
        "verb": "name_change",
        "account": older[1],
        "name": "王五",
        "from": "2026-03-01",
        "document": "d",
    }
    commands = [change | {"idempotency_key": key()["Idempotency-Key"]} for _ in range(2)]
    answer = client.post("/v1/bulk", json={"commands": commands}, headers=key())
    assert answer.status_code == 200, answer.text
    assert len({one["receipt"]["entry"] for one in answer.json()["outcomes"]}) == 1
