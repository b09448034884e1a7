"""Papers that do not stand any more though no printed entry was reversed."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.accounts.year_end import PostInterest
from ledger.book.numbers import book_id_of
from tests.support.api_client import contribute, key, open_account, spending
from tests.support.care_client import new_institution, new_patient, on, reverse, settle
from tests.support.documents_client import YEAR, checked, data, of, printed
from tests.support.employer_client import hire, new_employer, owe, pay
from tests.support.old_rows import as_before_numbers_were_refused
from tests.support.people import World, noon

SUMMER = {"from": "2026-06-01", "to": "2026-10-31"}
JULY = {"from": "2026-07-01", "to": "2026-07-31"}


def take_back(client: TestClient, entry: str, **more: Any) -> None:
    answer = client.post(f"/v1/entries/{entry}/reversal", json={"reason": "x", **more}, headers=key())
    assert answer.status_code == 201, answer.text


def estimate(client: TestClient, employer: str, month: str) -> None:
    answer = client.post(f"/v1/employers/{employer}/estimates", json={"period": month}, headers=key())
    assert answer.status_code == 201, answer.text


# -- an estimate ---------------------------------------------------------------------------------------------


def test_a_list_that_takes_the_place_of_a_printed_estimate_is_a_correction(client: TestClient) -> None:
    employer, person = new_employer(client), hire(client)
    owe(client, employer, "2026-06", {person: "8000.00"})
    base = f"/v1/employers/{employer}"
    before = printed(client, base, kind="payment_list", **JULY)
    estimate(client, employer, "2026-07")
    pay(client, employer, "2026-07", "836.00", "2026-08-10")
    made = printed(client, base, kind="payment_list", **JULY)
    june = printed(client, base, kind="payment_list", **{"from": "2026-06-01", "to": "2026-06-30"})
    assert data(client, made)["tables"]["months"][0]["assessed"] == "836.00"
    with on(client, date(2026, 11, 25)):
        owe(client, employer, "2026-07", {person: "6000.00"})
    told = checked(client, made)
    assert (told["state"], told["corrected_on"]) == ("corrected", "2026-11-25")
    # it said nothing of the month, or was about another one
    assert checked(client, before)["state"] == "unchanged"
    assert checked(client, june)["state"] == "unchanged"
    again = printed(client, base, kind="payment_list", **JULY)
    assert data(client, again)["tables"]["months"][0]["assessed"] == "570.00"
    assert checked(client, again)["state"] == "unchanged"


# -- what is in a printed opening balance --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "state"),
    [
        ("2026-03-20", "corrected"),
        ("2026-05-31", "corrected"),
        ("2026-10-31", "corrected"),
        # on every day of the period the money was there
        ("2026-11-01", "unchanged"),
        (None, "unchanged"),
    ],
)
def test_what_was_before_is_taken_back_with_a_day_before_or_within(
    client: TestClient, day: str | None, state: str
) -> None:
    account = str(open_account(client, opened_on="2025-01-01")["account_no"])
    entry = contribute(client, account, "500.00")["entry"]
    base = f"/v1/accounts/{account}"
    made = printed(client, base, kind="account_list", **SUMMER)
    months = printed(client, base, kind="payment_list", **SUMMER)
    assert data(client, made)["totals"]["opening"] == "500.00"
    take_back(client, entry, **({} if day is None else {"effective_on": day}))
    told = checked(client, made)
    assert (told["state"], told["corrected_on"]) == (state, "2026-11-21" if state == "corrected" else None)
    # sums of what the list says now differ from what it said, or do not
    now = of(client, base, kind="account_list", **SUMMER)["totals"]
    assert (now != told["totals"]) is (state == "corrected")
    # a list of months states no balance
    assert checked(client, months)["state"] == "unchanged"


def test_a_debit_dated_back_corrects_nothing(client: TestClient) -> None:
    account = str(open_account(client, opened_on="2025-01-01")["account_no"])
    contribute(client, account, "500.00")
    base = f"/v1/accounts/{account}"
    made = printed(client, base, kind="account_list", **SUMMER)
    late = client.post(f"{base}/spendings", json=spending(amount="5.00"), headers=key())
    assert late.status_code == 201
    assert checked(client, made)["state"] == "unchanged"
    # nor what takes back what came later than the print
    take_back(client, late.json()["entry"], effective_on="2026-05-01")
    assert checked(client, made)["state"] == "unchanged"


@pytest.mark.parametrize(("balance", "state"), [("0.00", "unchanged"), ("60.00", "corrected")])
def test_a_bill_that_moved_nothing_of_the_account_is_in_no_balance(
    client: TestClient, balance: str, state: str
) -> None:
    hospital, patient = new_institution(client), new_patient(client, balance)
    name = settle(client, hospital, patient, [("A", "100.00")])["settlement"]
    with on(client, date(2026, 11, 25)):
        span = {"from": "2026-11-22", "to": "2026-11-25"}
        made = printed(client, f"/v1/accounts/{patient}", kind="account_list", **span)
        reverse(client, name)
        assert checked(client, made)["state"] == state


def test_a_yearly_statement_is_corrected_by_what_was_before_its_year(client: TestClient) -> None:
    account = str(open_account(client, opened_on="2025-01-01")["account_no"])
    base = f"/v1/accounts/{account}"
    entry = contribute(client, account, "500.00", period="2025-03", effective_on="2025-12-20")["entry"]
    contribute(client, account, "500.00")
    made = printed(client, base, kind="yearly_statement", year=2026)
    take_back(client, entry)
    told = checked(client, made)
    assert (told["totals"]["opening"], told["state"]) == ("500.00", "corrected")


def test_a_credit_that_a_death_takes_back_is_a_correction_of_the_balances_after(client: TestClient) -> None:
    account = str(open_account(client, opened_on="2025-01-01")["account_no"])
    contribute(client, account, "500.00", period="2026-05", effective_on="2026-05-20")
    base = f"/v1/accounts/{account}"
    made = printed(client, base, kind="account_list", **SUMMER)
    body = {"died_on": "2026-03-10", "evidence": "certificate"}
    assert client.post(f"{base}/death", json=body, headers=key()).status_code == 201
    assert checked(client, made)["state"] == "corrected"


# -- an annual settlement ------------------------------------------------------------------------------------


def test_an_annual_settlement_says_which_bills_do_not_stand_any_more(client: TestClient) -> None:
    hospital, patient = new_institution(client), new_patient(client, "500.00")
    settle(client, hospital, patient, [("A", "40000.00")])
    first, second = (settle(client, hospital, patient, [("A", "300.00")])["settlement"] for _ in range(2))
    base = f"/v1/accounts/{patient}"
    answer = client.post(f"/v1/annual-settlements/2026/{patient}", json={}, headers=key())
    assert answer.status_code in {200, 201}, answer.text
    whole = printed(client, base, kind="annual_settlement", year=2026)
    assert data(client, whole)["words"] == []
    with on(client, date(2026, 11, 23)):
        back = reverse(client, first)
        made = printed(client, base, kind="annual_settlement", year=2026)
        [word] = data(client, made)["words"]
        assert first in word
        assert "2026-11-23" in word
        assert back["reversal"] in word
        assert second not in word
        assert checked(client, whole)["state"] == "corrected"
        assert checked(client, made)["state"] == "unchanged"
    with on(client, date(2026, 11, 24)):
        reverse(client, second)
        told = checked(client, made)
        assert (told["state"], told["corrected_on"]) == ("corrected", "2026-11-24")


# -- the period of a proof, and numbers in remarks -----------------------------------------------------------


def test_a_proof_begins_with_the_months_of_before_the_account(client: TestClient) -> None:
    account = str(open_account(client, opened_on="2026-05-04")["account_no"])
    base = f"/v1/accounts/{account}"
    assert of(client, base, kind="insured_proof")["period"]["from"] == "2026-05-04"
    for month in ("2026-02", "2026-03"):
        contribute(client, account, "10.00", period=month, effective_on="2026-05-20")
    made = printed(client, base, kind="insured_proof")
    told = data(client, made)
    assert told["head"]["insured_from"] == "2026-02"
    assert told["period"] == {"from": "2026-02-01", "to": "2026-11-21"}
    assert told["head"]["from"] == "2026-02-01"
    assert checked(client, made)["period"] == told["period"]
    # who says a period gets that, also from within a month
    contribute(client, account, "10.00", period="2026-05", effective_on="2026-05-20")
    span = {"from": "2026-05-04", "to": "2026-11-21"}
    assert of(client, base, kind="insured_proof", **span)["period"] == span


def test_a_remark_shows_no_id_number(client: TestClient) -> None:
    person = open_account(client, opened_on="2025-01-01")
    account, number = person["account_no"], person["number"]
    with as_before_numbers_were_refused():
        contribute(client, account, "10.00", source_ref=f"{number}/2026-03")
    contribute(client, account, "10.00", source_ref="levy 2026-0007")
    base = f"/v1/accounts/{account}"
    lines = of(client, base, kind="account_list", **YEAR)["tables"]["entries"]
    remarks = " ".join(one["remark"] for one in lines)
    assert number not in remarks
    assert f"{number[:3]}*************{number[-2:]}" in remarks
    assert "levy 2026-0007" in remarks
    whole = of(client, base, kind="account_list", full_number=True, **YEAR)["tables"]["entries"]
    assert number in " ".join(one["remark"] for one in whole)


# -- the statement of a year ---------------------------------------------------------------------------------


def test_a_late_fact_makes_a_printed_statement_of_its_year_an_old_one(
    client: TestClient, engine: Engine
) -> None:
    with on(client, date(2025, 12, 31)):
        number = open_account(client, opened_on="2025-01-01")["number"]
        contribute(client, number, "100.00", period="2025-03", effective_on="2025-03-20")
    base = f"/v1/accounts/{number}"
    with on(client, date(2026, 1, 4)):
        under_way = printed(client, base, kind="yearly_statement", year=2025)
        book = book_id_of(client.get(base).json()["account_no"])
        today = date(2026, 1, 4)
        World(engine).posted(PostInterest(book, 2025), now=noon(today), today=today)
        first = printed(client, base, kind="yearly_statement", year=2025)
        next_year = printed(client, base, kind="yearly_statement", year=2026)
        stated = client.get(f"{base}/statements/2025").json()
    assert not any("版" in one for one in data(client, under_way)["words"])
    assert [one for one in data(client, first)["words"] if "版" in one or "SHA" in one] == [
        f"本对账单为第1版，截至第{stated['last_entry'].rpartition('-')[2]}笔记账。",
        f"对账单摘要（SHA-256）：{stated['digest']}",
    ]
    assert checked(client, first)["state"] == "unchanged"
    with on(client, date(2026, 2, 10)):
        contribute(client, number, "7.00", period="2025-12", effective_on="2025-12-28")
        second = printed(client, base, kind="yearly_statement", year=2025)
    told = checked(client, first)
    assert (told["state"], told["corrected_on"]) == ("corrected", "2026-02-10")
    assert checked(client, second)["state"] == "unchanged"
    assert checked(client, next_year)["state"] == "unchanged"
    assert any("本对账单为第2版，替代第1版" in one for one in data(client, second)["words"])
    assert data(client, second)["totals"]["closing"] == "107.28"
    # a late fact of another year is none of this one
    today = date(2027, 1, 4)
    World(engine).posted(PostInterest(book, 2026), now=noon(today), today=today)
    with on(client, today):
        contribute(client, number, "9.00", period="2026-12", effective_on="2026-12-28")
        assert client.get(f"{base}/statements/2026").json()["version"] == 2
    assert checked(client, second)["state"] == "unchanged"
    assert checked(client, next_year)["state"] == "unchanged"


def test_a_death_of_last_year_changes_no_statement(client: TestClient, engine: Engine) -> None:
    """Nothing came after it: it moves no money."""
    with on(client, date(2025, 12, 31)):
        number = open_account(client, opened_on="2025-01-01")["number"]
    base = f"/v1/accounts/{number}"
    with on(client, date(2026, 1, 4)):
        today = date(2026, 1, 4)
        book = book_id_of(client.get(base).json()["account_no"])
        World(engine).posted(PostInterest(book, 2025), now=noon(today), today=today)
        first = printed(client, base, kind="yearly_statement", year=2025)
    with on(client, date(2026, 1, 9)):
        body = {"died_on": "2025-12-30", "evidence": "certificate"}
        answer = client.post(f"{base}/death", json=body, headers=key())
        assert (answer.status_code, answer.json()["fact_on"]) == (201, "2025-12-30"), answer.text
        assert client.get(f"{base}/statements/2025").json()["version"] == 1
    assert checked(client, first)["state"] == "unchanged"
