"""Deaths and estates over HTTP, for tests.

die(client, person)
shown = show(client, person, [heir()])
done = divide(client, person, [heir()])
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from fastapi.testclient import TestClient

from api.accounts.answers import EstateAnswer
from api.accounts.estate_bodies import EstateState
from tests.support.api_client import TODAY, bearer, contribute, id_number, key, open_account
from tests.support.approval_client import by_two, later
from tests.support.employer_client import taken

DIED = "2026-11-20"


def die(client: TestClient, person: str, on: str = DIED) -> Any:
    body = {"died_on": on, "evidence": "certificate"}
    answer = client.post(f"/v1/accounts/{person}/death", json=body, headers=key())
    assert answer.status_code == 201, answer.text
    return answer.json()


def heir(number: str | None = None, relation: str = "child", **more: Any) -> dict[str, str]:
    """Somebody with an ID number, without an account unless the number has one."""
    return {"id_number": number or id_number(), "name": "张三", "relation": relation} | more


def ask(client: TestClient, person: str, heirs: Sequence[Any], *, confirm: bool = False, **more: Any) -> Any:
    """The plain answer."""
    body = {"heirs": list(heirs), "paid_on": TODAY.isoformat(), "confirm": confirm}
    return client.post(f"/v1/accounts/{person}/estate", json=body, headers=key(), **more)


def show(client: TestClient, person: str, heirs: Sequence[Any]) -> Any:
    return taken(ask(client, person, heirs), EstateAnswer, 200)


def divide(client: TestClient, person: str, heirs: Sequence[Any]) -> Any:
    """Show it and confirm it: both say the same."""
    before = show(client, person, heirs)
    done = taken(ask(client, person, heirs, confirm=True), EstateAnswer)
    assert {name: done[name] for name in before} == before
    return done


def open_items(client: TestClient, person: str, heirs: Sequence[Any] = ()) -> list[tuple[str, str, str]]:
    """What an estate is refused for, shown or confirmed alike."""
    heirs = heirs or [heir()]
    found = []
    for confirm in (False, True):
        answer = ask(client, person, heirs, confirm=confirm)
        assert (answer.status_code, answer.json()["code"]) == (409, "open_items"), answer.text
        found.append([(one["what"], one["name"], one["where"]) for one in answer.json()["facts"]["items"]])
    assert found[0] == found[1]
    return found[0]


def amounts(estate: Any) -> list[str]:
    """What each heir gets."""
    return [share["amount"] for share in estate["shares"]]


# -- estates in full ---------------------------------------------------------------------------------------


def claimant(name: str, relation: str = "child", title: str = "law", **more: Any) -> dict[str, Any]:
    """Somebody who claims, by name alone unless a number is given."""
    return {"name": name, "relation": relation, "title": title} | more


def claim(
    client: TestClient, account: str, claimants: Sequence[Any], *, confirm: bool = False, **more: Any
) -> Any:
    """The plain answer to naming who claims."""
    body = {
        "account": account,
        "paid_on": TODAY.isoformat(),
        "claimants": list(claimants),
        "confirm": confirm,
    }
    return client.post("/v1/estates", json=body | more, headers=key())


def claimed(client: TestClient, account: str, claimants: Sequence[Any], **more: Any) -> Any:
    """How it would be divided."""
    return taken(claim(client, account, claimants, **more), EstateState, 200)


def confirmed(client: TestClient, account: str, claimants: Sequence[Any], **more: Any) -> Any:
    """How it is divided."""
    return taken(claim(client, account, claimants, confirm=True, **more), EstateState)


def say(client: TestClient, estate: str, what: str, **body: Any) -> Any:
    """The plain answer to a dispute, an agreement or an undoing."""
    return client.post(f"/v1/estates/{estate}/{what}", json=body, headers=key())


def undo(client: TestClient, estate: str) -> Any:
    """Take a division back; the body of the answer."""
    answer = say(client, estate, "undo", reason="a will was found", document="will 3")
    return taken(by_two(client, answer), EstateState)


# -- what nobody inherits ----------------------------------------------------------------------------------

HELD_ON = date(2025, 11, 20)
"""When nobody was named of what has been held for a year and a day."""


def held_for_a_year(client: TestClient, amount: str = "1000.00", on: date = HELD_ON) -> tuple[str, str]:
    """Somebody who died and whom nobody inherits, as was found on a day: account and estate."""
    with later(client, on):
        account = str(open_account(client, opened_on="2025-01-05")["account_no"])
        contribute(client, account, amount, period="2025-11", effective_on=on.isoformat())
        die(client, account, "2025-11-10")
        told = claimed(client, account, [], paid_on=on.isoformat())
    assert told["state"] == "held"
    return account, str(told["estate"])


# -- payouts -----------------------------------------------------------------------------------------------

BANK = {
    "account_holder": "李小明",
    "bank": "示例银行",
    "bank_account": "6222 0000 1111 2222 333",
    "document": "paper 7",
}
"""Bank details as they are sent."""


class PayingEstate(NamedTuple):
    """A divided estate, in which another clerk ordered three payouts; one was reviewed, and one paid too."""

    account: str
    estate: str
    waiting: str
    reviewed: str
    paid: str


def paying_estate(client: TestClient) -> PayingEstate:
    """Four heirs of 40.00 without accounts: of the third nothing is ordered."""
    account = str(open_account(client)["account_no"])
    contribute(client, account, "40.00", period="2026-11", effective_on=TODAY.isoformat())
    die(client, account)
    heirs = [claimant(name) for name in ("甲", "乙", "丙", "丁")]
    estate = str(confirmed(client, account, heirs)["estate"])
    app: Any = client.app
    other = bearer(app.state.ledger.settings.keys, actor="clerk-9")
    orders = []
    for name in ("甲", "乙", "丁"):
        path, body = f"/v1/estates/{estate}/payouts", BANK | {"name": name}
        orders.append(str(client.post(path, json=body, headers=key() | other).json()["payout"]))
    for order in orders[1:]:
        answer = client.post(f"/v1/payouts/{order}/review", json={}, headers=key())
        assert answer.status_code == 201, answer.text
    paid = client.post(f"/v1/payouts/{orders[2]}/paid", json={"source_ref": "paid-1"}, headers=key())
    assert paid.status_code == 201, paid.text
    return PayingEstate(account, estate, *orders)
