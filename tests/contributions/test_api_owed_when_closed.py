"""What an employer owes when it is closed or merged stays owed, and is shown, paid and credited as before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.verify import verify
from tests.support.api_client import key, running
from tests.support.employer_client import adjust, balance, hire, new_employer, owe, pay, ref

LAST, FIRST = "2026-06-30", "2026-07-01"


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with running(engine, tmp_path_factory.mktemp("api")) as client:
        yield client


@pytest.fixture(scope="module", autouse=True)
def verified(engine: Engine) -> Iterator[None]:
    yield
    assert [str(one) for one in verify(engine).findings] == []


def close(client: TestClient, employer: str, into: str | None) -> Any:
    """Close an employer after its last day, or merge it into another one; the answer."""
    path, body = f"/v1/employers/{employer}/closure", {"on": LAST, "document": "x"}
    if into is not None:
        path, body = f"/v1/employers/{employer}/merger", {"into": into, "from": FIRST, "document": "x"}
    answer = client.post(path, json=body, headers=key())
    assert answer.status_code == 201, answer.text
    return answer.json()


def arrears(client: TestClient, employer: str, on: str = "2026-08-31") -> list[tuple[str, str]]:
    items = client.get(f"/v1/employers/{employer}/arrears", params={"on": on}).json()["items"]
    return [(item["period"], item["principal"]) for item in items]


def money(client: TestClient, employer: str) -> tuple[str | None, str, str]:
    shown = client.get(f"/v1/employers/{employer}").json()
    return shown.get("still_owed"), shown["waiting"], shown["surplus"]


@pytest.fixture(params=["closed", "merged"])
def gone(request: pytest.FixtureRequest, client: TestClient) -> tuple[str, str | None, list[str]]:
    """An employer that owes two months for two people and is gone; what took its place; the people."""
    employer, people = new_employer(client), [hire(client) for _ in range(2)]
    other = new_employer(client) if request.param == "merged" else None
    for person in people:
        body = {"member_class": "active", "employer": employer, "from": "2026-01-01"}
        answer = client.post(f"/v1/accounts/{person}/enrolments", json=body, headers=key())
        assert answer.status_code == 201, answer.text
    for period in ("2026-04", "2026-05"):
        owe(client, employer, period, dict.fromkeys(people, "8000.00"))
    told = close(client, employer, other)
    assert told["still_owed"] == "3040.00"
    return employer, other, people


def test_its_months_stay_owed_and_are_paid(
    client: TestClient, gone: tuple[str, str | None, list[str]]
) -> None:
    employer, _other, people = gone
    assert arrears(client, employer) == [("2026-04", "1520.00"), ("2026-05", "1520.00")]
    assert money(client, employer)[0] == "3040.00"
    # whole, in part, and the oldest debt first, whoever the people are with now
    pay(client, employer, "2026-05", "1520.00", "2026-06-10")
    assert [balance(client, person) for person in people] == ["160.00", "160.00"]
    pay(client, employer, "2026-04", "760.00", "2026-05-10")
    assert [balance(client, person) for person in people] == ["240.00", "240.00"]
    assert arrears(client, employer) == [("2026-04", "760.00")]
    # what was declared may still be corrected, and what is too much goes back
    adjust(client, employer, "2026-05", {people[0]: "9000.00"})
    assert money(client, employer)[0] == "855.00"
    pay(client, employer, None, "5000.00", "2026-08-31")
    assert arrears(client, employer, "2026-09-30") == []
    assert (money(client, employer)[0], balance(client, people[0])) == ("0.00", "340.00")


def test_a_payment_that_bounces_is_owed_again(
    client: TestClient, gone: tuple[str, str | None, list[str]]
) -> None:
    employer, _other, people = gone
    paid = pay(client, employer, "2026-04", "1520.00", "2026-05-10")
    assert money(client, employer)[0] == "1520.00"
    path = f"/v1/payments/{paid['receipt']}/reversal"
    bounced = client.post(path, json={"reason": "bounced"}, headers=key())
    assert bounced.status_code == 201, bounced.text
    assert money(client, employer)[0] == "3040.00"
    assert [balance(client, person) for person in people] == ["0.00", "0.00"]
    pay(client, employer, "2026-04", "1520.00", "2026-05-12")
    assert [balance(client, person) for person in people] == ["160.00", "160.00"]


def test_what_comes_under_the_name_of_the_other_one_is_kept_for_it(client: TestClient) -> None:
    employer, other, person = new_employer(client), new_employer(client), hire(client)
    owe(client, employer, "2026-04", {person: "8000.00"})
    close(client, employer, other)
    # the other one owes nothing for that month: its money waits, and what the first one owes stays owed
    pay(client, other, "2026-04", "760.00", "2026-08-10")
    assert (arrears(client, employer), money(client, other)) == (
        [("2026-04", "760.00")], (None, "760.00", "0.00"),
    )  # fmt: skip
    # it goes back, and comes under the name of the one that owes it
    back = {"period": "2026-04", "amount": "760.00", "reason": "owed by another one", "source_ref": ref()}
    answer = client.post(f"/v1/employers/{other}/refunds", json=back, headers=key())
    assert answer.status_code == 201, answer.text
    pay(client, employer, "2026-04", "760.00", "2026-05-10")
    assert (balance(client, person), money(client, other)) == ("160.00", (None, "0.00", "0.00"))
