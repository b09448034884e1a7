"""Deaths reported late, re-dated and withdrawn, over HTTP (R15, R53; E57)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.accounts.answers import DeathAnswer, DeathReceipt, DeathWithdrawalReceipt
from ledger.verify import verify
from tests.support.api_client import contribute, key, open_account, running, spending
from tests.support.approval_client import by_two
from tests.support.care_client import shown
from tests.support.employer_client import hire, new_employer, owe, pay, refusal, taken
from tests.support.estate_client import ask, die, divide, heir, open_items


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder: Path = tmp_path_factory.mktemp("deaths")
    with running(engine, folder) as client:
        yield client
    assert verify(engine).findings == []


def withdraw(client: TestClient, person: str) -> Any:
    body = {"reason": "a namesake", "document": "registry 7"}
    answer = client.post(f"/v1/accounts/{person}/death/withdrawal", json=body, headers=key())
    return taken(by_two(client, answer), DeathWithdrawalReceipt)


def correct(client: TestClient, person: str, on: str) -> Any:
    return client.post(
        f"/v1/accounts/{person}/death/correction",
        json={"died_on": on, "document": "judgment 8"},
        headers=key(),
    )


def spend(client: TestClient, person: str, amount: str, on: str) -> str:
    body = spending(amount=amount, effective_on=on)
    answer = client.post(f"/v1/accounts/{person}/spendings", json=body, headers=key())
    assert answer.status_code == 201, answer.text
    return str(answer.json()["entry"])


def of_e57(client: TestClient, last: int) -> str:
    """8,000.00 carried over, and 160.00 on the 15th of each month of 2026."""
    opening = {"current_year": "0.00", "carried_over": "8000.00", "source_ref": "o"}
    person = str(open_account(client, opened_on="2026-01-01", opening=opening)["number"])
    for month in range(1, last + 1):
        day = f"2026-{month:02d}-15"
        contribute(client, person, "160.00", period=day[:7], effective_on=day)
    return person


def test_e57_with_a_death_reported_after_two_more_months_were_credited(client: TestClient) -> None:
    """Of September, the month of death, the credit stays; October's goes, and nobody has had it."""
    person = of_e57(client, 10)
    told = taken_report(client, person, "2026-09-02")
    assert told["taken_back"] == [{"period": "2026-10", "amount": "160.00"}]
    assert (told["debits_after"], told["still_owed"]) == ([], "0.00")
    body = {"heirs": [heir() for _ in range(3)], "paid_on": "2026-10-20", "confirm": True}
    done = client.post(f"/v1/accounts/{person}/estate", json=body, headers=key()).json()
    # E57's own interest, and that of 160.00 more from 15 September to 19 October, 35 days at 0.10 %
    plain = Fraction(0)
    for month in range(1, 10):
        day = date(2026, month, 15)
        until = date(2026, 7, 1)
        low_from = max(day, until)
        plain += 160 * Fraction(max((until - day).days, 0)) * Fraction(35, 10_000) / 360
        plain += 160 * Fraction((date(2026, 10, 20) - low_from).days) * Fraction(10, 10_000) / 360
    interest = Fraction("60.28") + Fraction(int(plain * 100 + Fraction(1, 2)), 100)
    assert Fraction(done["interest"]) == interest
    assert Fraction(done["estate"]) == 8000 + 9 * 160 + interest


def test_the_balance_in_the_answer_is_that_after_all_entries(client: TestClient) -> None:
    """Of a report, a correction to either side, and a withdrawal; an entry that is read has its own."""

    def now() -> dict[str, Any]:
        found = client.get(f"/v1/accounts/{person}/balance").json()
        return {name: found[name] for name in ("balance", "current_year", "carried_over")}

    def of(answer: Any) -> dict[str, Any]:
        return {name: answer[name] for name in ("balance", "current_year", "carried_over")}

    person = of_e57(client, 10)
    sent = key()
    body = {"died_on": "2026-09-02", "evidence": "certificate"}
    told = client.post(f"/v1/accounts/{person}/death", json=body, headers=sent).json()
    assert of(told) == now()
    assert told["balance"] == "9440.00"
    again = client.post(f"/v1/accounts/{person}/death", json=body, headers=sent).json()
    assert of(again) == of(told)
    assert client.get(f"/v1/entries/{told['entry']}").json()["balance"] == "9600.00"
    for day, balance in (("2026-08-02", "9280.00"), ("2026-10-02", "9600.00"), ("2026-09-03", "9440.00")):
        corrected = taken(by_two(client, correct(client, person, day)), DeathReceipt)
        assert of(corrected) == now()
        assert corrected["balance"] == balance
    withdrawn = withdraw(client, person)
    assert of(withdrawn) == now()
    assert withdrawn["balance"] == "9600.00"


def test_e57_to_the_fen_after_a_correction(client: TestClient) -> None:
    """Reported for 5 October, with nine months and October credited; it was in August: what is left is E57's,
    whose death of 2 September had eight.
    """
    person = of_e57(client, 10)
    taken_report(client, person, "2026-10-05")
    told = taken(correct(client, person, "2026-08-31"), DeathReceipt)
    assert told["taken_back"] == [
        {"period": "2026-09", "amount": "160.00"}, {"period": "2026-10", "amount": "160.00"},
    ]  # fmt: skip
    body = {"heirs": [heir() for _ in range(3)], "paid_on": "2026-10-20", "confirm": True}
    done = client.post(f"/v1/accounts/{person}/estate", json=body, headers=key()).json()
    assert (done["interest"], done["estate"]) == ("61.51", "9341.51")
    assert sorted(share["amount"] for share in done["shares"]) == ["3113.83", "3113.84", "3113.84"]


def taken_report(client: TestClient, person: str, on: str) -> Any:
    body = {"died_on": on, "evidence": "certificate"}
    return taken(client.post(f"/v1/accounts/{person}/death", json=body, headers=key()), DeathReceipt)


def test_a_debit_after_death_keeps_the_estate_open_until_it_is_reversed(client: TestClient) -> None:
    person = of_e57(client, 8)
    before, after = spend(client, person, "10.00", "2026-09-02"), spend(client, person, "50.00", "2026-09-03")
    told = taken_report(client, person, "2026-09-02")
    assert told["debits_after"] == [{"entry": after, "amount": "50.00"}]
    seen = client.get(f"/v1/accounts/{person}/death").json()
    DeathAnswer.model_validate(seen)
    assert seen["debits_after"] == [
        {"entry": after, "amount": "50.00", "kind": "spending", "on": "2026-09-03"}
    ]
    pages, cursor = [], ""
    while cursor is not None:
        page = client.get(
            "/v1/reports/debits-after-death", params={"limit": 1} | ({"cursor": cursor} if cursor else {})
        )
        pages += page.json()["items"]
        cursor = page.json()["next_cursor"]
    assert [one["amount"] for one in pages if one["entry"] == after] == ["50.00"]
    assert before not in {one["entry"] for one in pages}
    assert open_items(client, person) == [("debit_after_death", after, "H0001")]
    answer = client.post(f"/v1/entries/{after}/reversal", json={"reason": "never was"}, headers=key())
    assert answer.status_code == 201, answer.text
    assert client.get(f"/v1/accounts/{person}/death").json()["debits_after"] == []
    assert ask(client, person, [heir()]).status_code == 200


def test_a_later_day_closes_it_too(client: TestClient) -> None:
    person = of_e57(client, 8)
    after = spend(client, person, "50.00", "2026-09-03")
    taken_report(client, person, "2026-09-02")
    assert open_items(client, person) == [("debit_after_death", after, "H0001")]
    told = taken(correct(client, person, "2026-09-03"), DeathReceipt)
    assert (told["died_on"], told["debits_after"]) == ("2026-09-03", [])
    assert ask(client, person, [heir()]).status_code == 200


def test_a_mistaken_death_leaves_the_account_as_it_was(client: TestClient) -> None:
    employer, person = new_employer(client), hire(client)
    owe(client, employer, "2026-09", {person: "8000.00"})
    pay(client, employer, "2026-09", "760.00", "2026-10-10")
    before = shown(client, person)
    told = die(client, person, "2026-06-20")
    assert (told["taken_back"], shown(client, person)["balance"]) == (
        [{"period": "2026-09", "amount": "160.00"}], "0.00",
    )  # fmt: skip
    told = withdraw(client, person)
    assert told["kind"] == "death_withdrawal"
    assert told["credited_again"] == [{"period": "2026-09", "amount": "160.00"}]
    assert shown(client, person) == before | {
        name: shown(client, person)[name] for name in ("as_known",) if name in before
    }
    account = client.get(f"/v1/accounts/{person}").json()
    assert (account["status"], account["died_on"]) == ("active", None)
    kinds = [one["kind"] for one in client.get(f"/v1/accounts/{person}/entries").json()["items"]]
    assert {"death", "death_withdrawal"} <= set(kinds)
    assert refusal(client.get(f"/v1/accounts/{person}/death")) == (409, "account_not_deceased")
    months = client.get(f"/v1/accounts/{person}/payments").json()["items"]
    assert [(one["period"], one["to_account"]) for one in months] == [("2026-09", "160.00")]


def test_what_cannot_be_corrected_or_withdrawn(client: TestClient) -> None:
    person = of_e57(client, 2)
    assert refusal(correct(client, person, "2026-03-01")) == (409, "account_not_deceased")
    die(client, person, "2026-06-20")
    for day in ("2026-06-20", "2027-01-01", "1900-01-01"):
        assert refusal(correct(client, person, day)) == (422, "period_invalid")
    answer = client.post(
        f"/v1/accounts/{person}/death", json={"died_on": "2026-06-01", "evidence": "x"}, headers=key()
    )
    assert refusal(answer) == (409, "account_deceased")
    divide(client, person, [heir()])
    assert refusal(correct(client, person, "2026-06-01")) == (409, "account_closed")
    body = {"reason": "x", "document": "y"}
    answer = client.post(f"/v1/accounts/{person}/death/withdrawal", json=body, headers=key())
    assert refusal(answer) == (409, "account_closed")


def test_what_a_mistaken_death_gave_again_is_reversed_like_any_other(client: TestClient) -> None:
    """Twice gone and come again; each step is told by the credit's own read."""
    person = open_account(client, opened_on="2026-01-01")["number"]
    credit = contribute(client, person, "100.00", period="2026-10", effective_on="2026-10-15")["entry"]
    path, body = f"/v1/entries/{credit}/reversal", {"reason": "wrong person"}

    def reversed_by() -> Any:
        return client.get(f"/v1/entries/{credit}").json()["reversed_by"]

    for _ in range(2):
        taken_report(client, person, "2026-09-02")
        assert refusal(client.post(path, json=body, headers=key())) == (409, "already_reversed")
        gone = client.get(f"/v1/entries/{reversed_by()}").json()
        assert (gone["kind"], gone["amount"]) == ("credit_back", "100.00")
        withdraw(client, person)
        assert reversed_by() is None
    first = key()
    done = client.post(path, json=body, headers=first)
    assert (done.status_code, done.json()["reverses"], done.json()["balance"]) == (201, credit, "0.00")
    assert client.post(path, json=body, headers=first).json() == done.json()
    assert reversed_by() == done.json()["entry"]
    assert refusal(client.post(path, json=body, headers=key())) == (409, "already_reversed")
    assert shown(client, person)["balance"] == "0.00"
