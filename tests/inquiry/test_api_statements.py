"""The statement of a year and the working of its interest over HTTP, as other systems are told of them."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.inquiry.answers import AccountYearAnswer
from api.inquiry.year_statements import InterestWorkingAnswer, YearStatementAnswer
from ledger.accounts.year_end import YEAR_END, PostInterest
from ledger.book.numbers import book_id_of
from tests.support.api_client import AREA, contribute, key, open_account, spending
from tests.support.care_client import on
from tests.support.employer_client import new_employer, owe, pay, refusal, taken
from tests.support.inquiry_client import own
from tests.support.people import World, noon
from tests.support.transfer_client import reject, request_out, send

BROUGHT = {"current_year": "0.00", "carried_over": "1000.00", "source_ref": "old-1"}


@pytest.fixture(name="number")
def _number(client: TestClient) -> str:
    """An account of 2025 with 1,000.00 brought over and 160.00 on every 20th; 300.00 spent in December."""
    with on(client, date(2025, 12, 31)):
        number: str = open_account(client, opened_on="2025-01-01", opening=BROUGHT)["number"]
        for month in range(1, 13):
            day = f"2025-{month:02d}-20"
            contribute(client, number, "160.00", period=day[:7], effective_on=day)
        path = f"/v1/accounts/{number}/spendings"
        body = spending(amount="300.00", effective_on="2025-12-20")
        assert client.post(path, json=body, headers=key()).status_code == 201
    return number


def end_year(client: TestClient, engine: Engine, number: str, year: int) -> None:
    """The interest of a year, for one account."""
    world = World(engine)
    account = client.get(f"/v1/accounts/{number}").json()["account_no"]
    today = date(year + 1, 1, 4)
    world.posted(PostInterest(book_id_of(account), year), now=noon(today), today=today)


def stated(client: TestClient, number: str, year: int, version: int | None = None) -> Any:
    query = "" if version is None else f"?version={version}"
    return taken(client.get(f"/v1/accounts/{number}/statements/{year}{query}"), YearStatementAnswer, 200)


def adds_up(shown: Any) -> bool:
    sides = [sum(map(Decimal, shown[side].values())) for side in ("credits", "debits")]
    total: Decimal = Decimal(shown["opening"]) + sides[0] - sides[1]
    return total == Decimal(shown["closing"]["balance"])


def test_a_statement_is_frozen_and_a_late_fact_makes_the_next(
    client: TestClient, keys: Path, engine: Engine, number: str
) -> None:
    with on(client, date(2026, 1, 4)):
        before = stated(client, number, 2025)
        assert (before["version"], before["digest"], before["replaces"]) == (None, None, None)
        assert before["closing"]["balance"] == "2620.00"
        assert refusal(client.get(f"/v1/accounts/{number}/statements/2025?version=1")) == (
            404,
            "statement_not_found",
        )
        end_year(client, engine, number, 2025)
        first = stated(client, number, 2025)
    assert (first["version"], first["replaces"], len(first["digest"])) == (1, None, 64)
    assert first["credits"] == {"opening": "1000.00", "contribution": "1920.00", "interest": "14.47"}
    assert first["debits"] == {"spending": "300.00"}
    assert first["interest"] == {
        "total": "14.47",
        "carried_over": "11.15",
        "current_year": "3.32",
        "days": 365,
    }
    assert (first["opening"], first["closing"]["balance"]) == ("0.00", "2634.47")
    assert [one["period"] for one in first["months"]] == [f"2025-{month:02d}" for month in range(1, 13)]
    assert {one["amount"] for one in first["months"]} == {"160.00"}

    with on(client, date(2026, 2, 10)):
        contribute(client, number, "50.00", period="2025-12", effective_on="2025-12-28")
        again = stated(client, number, 2025, 1)
        second = stated(client, number, 2025)
        this = stated(client, number, 2026)
        me = client.get("/v1/me/statements/2025", headers=own(client, keys, number))
        old = client.get("/v1/me/statements/2025?version=1", headers=own(client, keys, number))
    assert again == first
    assert (second["version"], second["replaces"]) == (2, 1)
    assert second["digest"] != first["digest"]
    assert second["credits"]["contribution"] == "1970.00"
    assert second["closing"]["balance"] == this["opening"] == "2684.47"
    assert second["closing"]["late"] == "50.00"
    assert (this["credits"], this["debits"], this["closing"]["balance"]) == ({}, {}, "2684.47")
    assert all(map(adds_up, (before, first, second, this)))
    mine, mine_old = (taken(answer, AccountYearAnswer, 200) for answer in (me, old))
    assert (mine["version"], mine["replaces"], mine["digest"]) == (2, 1, second["digest"])
    assert (mine["closing"], mine_old["closing"]) == ("2684.47", "2634.47")
    assert mine_old["digest"] == first["digest"]


def test_e61_a_visit_that_is_reversed_today_is_of_this_year(
    client: TestClient, engine: Engine, number: str
) -> None:
    with on(client, date(2026, 1, 4)):
        end_year(client, engine, number, 2025)
        first = stated(client, number, 2025)
        [spent] = client.get(f"/v1/accounts/{number}/entries?kind=spending").json()["items"]
    with on(client, date(2026, 2, 10)):
        answer = client.post(
            f"/v1/entries/{spent['entry']}/reversal", json={"reason": "wrong patient"}, headers=key()
        )
        assert answer.status_code == 201, answer.text
        assert answer.json()["fact_on"] is None
        assert stated(client, number, 2025) == first
    with on(client, date(2027, 1, 4)):
        end_year(client, engine, number, 2026)
        shown = stated(client, number, 2026)
    assert shown["credits"] == {"reversal": "300.00", "interest": "25.61"}
    assert (shown["opening"], shown["closing"]["balance"]) == ("2634.47", "2960.08")


@pytest.mark.parametrize("ended", [2025, 2026])
def test_a_year_goes_on_when_the_money_of_a_transfer_comes_back(
    client: TestClient, engine: Engine, number: str, ended: int
) -> None:
    """Sent on 21 December, back in February: the year ends with the next interest, its own or a later one."""
    with on(client, date(2025, 12, 21)):
        transfer = request_out(client, number, insured_from="2025-12-01")
        sent = send(client, transfer, "2025-12-21")
        first = stated(client, number, 2025)
    assert (first["version"], first["to"], first["closing"]["balance"]) == (1, "2025-12-21", "0.00")
    assert first["interest"]["total"] == sent["sheet"]["interest"]
    with on(client, date(2026, 2, 10)):
        assert stated(client, number, 2025) == first
        reject(client, transfer)
        under_way = stated(client, number, 2025)
        assert (under_way["version"], under_way["digest"]) == (None, None)
        assert stated(client, number, 2025, 1) == first
        contribute(client, number, "50.00", period="2025-12", effective_on="2026-02-09")
        assert refusal(client.get(f"/v1/accounts/{number}/statements/2025?version=2")) == (
            404,
            "statement_not_found",
        )
    account = client.get(f"/v1/accounts/{number}").json()["account_no"]
    later = date(ended + 1, 3, 1)
    World(engine).posted(PostInterest(book_id_of(account), ended), now=noon(later), today=later)
    with on(client, later):
        last = stated(client, number, 2025)
        assert (last["version"], last["replaces"], last["to"]) == (2, 1, "2025-12-31")
        # on the way nothing is earned, and what was booked since is of the year after
        assert last["interest"]["total"] == first["interest"]["total"]
        assert (last["closing"]["balance"], last["debits"]) == (first["closing"]["balance"], first["debits"])
        worked = client.get(f"/v1/accounts/{number}/interest/2025").json()
        assert worked["total"] == last["interest"]["total"]
        assert stated(client, number, 2025, 1) == first
        after = stated(client, number, 2026)
        assert (after["opening"], after["credits"]["transfer_rejection"]) == ("0.00", sent["amount"])
        contribute(client, number, "10.00", period="2025-12", effective_on="2025-12-28")
        newest = stated(client, number, 2025)
        assert (newest["version"], newest["replaces"], newest["closing"]["balance"]) == (3, 2, "10.00")


def test_the_year_before_a_transfer_stays_ended(client: TestClient, number: str) -> None:
    """Sent in January with the interest of 2025 too: what comes back lets this year go on, and not that."""
    with on(client, date(2026, 1, 10)):
        transfer = request_out(client, number, insured_from="2025-12-01")
        send(client, transfer, "2026-01-10")
        before, cut_short = stated(client, number, 2025), stated(client, number, 2026)
    assert (before["version"], before["to"], cut_short["version"]) == (1, "2025-12-31", 1)
    with on(client, date(2026, 2, 10)):
        reject(client, transfer)
        assert stated(client, number, 2025) == before
        assert stated(client, number, 2026)["version"] is None
        assert stated(client, number, 2026, 1) == cut_short


def test_the_months_have_the_base_that_was_known_then(client: TestClient, engine: Engine) -> None:
    with on(client, date(2025, 12, 20)):
        number = open_account(client, opened_on="2025-07-01")["number"]
        employer = new_employer(client)
        owe(client, employer, "2025-11", {number: "8000.00"})
        pay(client, employer, "2025-11", "760.00", "2025-12-15")
    with on(client, date(2026, 1, 4)):
        end_year(client, engine, number, 2025)
        first = stated(client, number, 2025)
    [month] = first["months"]
    assert (month["period"], month["employer"], month["base"]) == ("2025-11", employer, "8000.00")
    assert (month["amount"], month["kind"]) == ("160.00", "contribution")
    with on(client, date(2026, 2, 10)):
        body = {
            "period": "2025-11",
            "reason": "corrected",
            "lines": [{"id_number": number, "wage": "8500.00"}],
        }
        adjusted = client.post(f"/v1/employers/{employer}/adjustments", json=body, headers=key())
        assert adjusted.status_code == 201, adjusted.text
        pay(client, employer, "2025-11", "47.50", "2025-12-30")
        assert stated(client, number, 2025, 1) == first
        [month] = stated(client, number, 2025, 2)["months"]
    assert (month["base"], month["amount"]) == ("8500.00", "170.00")


def test_the_working_of_the_interest(client: TestClient, engine: Engine, number: str) -> None:
    path = f"/v1/accounts/{number}/interest/2025"
    with on(client, date(2026, 1, 4)):
        before = taken(client.get(path), InterestWorkingAnswer, 200)
        end_year(client, engine, number, 2025)
        shown = taken(client.get(path), InterestWorkingAnswer, 200)
    assert before["posted"] is None
    assert shown["posted"] is not None
    assert {**before, "posted": None} == {**shown, "posted": None}
    assert (shown["basis"], shown["carried_over"], shown["current_year"]) == (360, "11.15", "3.32")
    assert shown["total"] == "14.47"
    for pocket in ("carried_over", "current_year"):
        rows = [one for one in shown["rows"] if one["pocket"] == pocket]
        assert (rows[0]["from"], rows[-1]["to"]) == ("2025-01-01", "2025-12-31")
        assert sum(one["days"] for one in rows) == 365
        earned = sum(Decimal(one["balance"]) * Decimal(one["rate"]) * one["days"] for one in rows) / 360
        assert str(earned.quantize(Decimal("0.01"), ROUND_HALF_UP)) == shown[pocket]
    assert shown["rows"][0] == {
        "pocket": "carried_over",
        "from": "2025-01-01",
        "to": "2025-12-31",
        "days": 365,
        "balance": "1000.00",
        "rate": "0.0110",
    }


def test_the_year_end_of_the_area_freezes_the_statement(
    client: TestClient, engine: Engine, number: str
) -> None:
    today = date(2026, 1, 4)
    with engine.connect() as connection:
        YEAR_END.run(connection, 2025, int(AREA), lambda: (noon(today), today), World(engine).policies)
    with on(client, date(2026, 1, 5)):
        assert stated(client, number, 2025)["version"] == 1


@pytest.mark.parametrize("version", ["0", "-1", "x", "1.0", "1000001", ""])
def test_a_version_is_a_number(client: TestClient, number: str, version: str) -> None:
    answer = client.get(f"/v1/accounts/{number}/statements/2025?version={version}")
    assert refusal(answer) == (422, "shape_invalid")


@pytest.mark.parametrize("what", ["statements", "interest"])
def test_an_account_that_is_not_there(client: TestClient, what: str) -> None:
    assert refusal(client.get(f"/v1/accounts/P483920174650K/{what}/2025"))[0] == 404
