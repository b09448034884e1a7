"""What nobody inherits: held for a year, then the State's or the pooled fund's (R57, Q10); and the list."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from api.accounts.estate_bodies import EstatePage, EstateState
from ledger.book.numbers import book_id_of
from ledger.chart.sides import Side
from ledger.verify import verify
from tests.estates.test_api_estate_rules import says
from tests.estates.test_api_estates import MOTHER, SPOUSE, dead, status_of
from tests.support.api_client import TODAY, contribute, key, open_account, running
from tests.support.approval_client import approve, by_two, later, waiting
from tests.support.employer_client import balance, refusal, taken
from tests.support.estate_client import (
    HELD_ON,
    amounts,
    claim,
    claimed,
    confirmed,
    die,
    held_for_a_year,
    say,
    undo,
)
from tests.support.stories import fen


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("unclaimed")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    """Whatever the tests of this module do, the book is right after it."""
    with running(engine, folder) as client:
        yield client
    assert verify(engine).findings == []


def ask(client: TestClient, estate: str, paid_on: str = TODAY.isoformat()) -> Any:
    return say(client, estate, "unclaimed", paid_on=paid_on, document="notice 7")


def paid(client: TestClient, estate: str) -> Any:
    answer = ask(client, estate)
    waiting(answer)
    return taken(by_two(client, answer), EstateState)


def moved(engine: Engine, account: str, side: Side) -> int:
    query = "SELECT coalesce(sum(amount_fen), 0) FROM transfer WHERE book_id = :book AND to_side = :side"
    with engine.connect() as connection:
        given = {"book": book_id_of(account), "side": int(side)}
        return int(connection.execute(text(query), given).scalar_one())


def goes_to(client: TestClient, engine: Engine, to: str, side: Side) -> None:
    """What nobody inherited goes there, is undone when an heir is found, and is divided."""
    account, estate = held_for_a_year(client)
    done = paid(client, estate)
    assert (done["state"], done["unclaimed_to"], done["shares"]) == ("confirmed", to, [])
    seen = client.get(f"/v1/estates/{estate}").json()
    assert (seen["state"], seen["unclaimed_to"], seen["amount"]) == ("confirmed", to, done["amount"])
    assert status_of(client, account) == "closed"
    # with the interest of that year
    assert moved(engine, account, side) == fen(done["amount"]) > 100_000
    assert refusal(claim(client, account, [SPOUSE])) == (409, "account_closed")
    back = undo(client, estate)
    assert (back["state"], back["amount"], back["receivable"]) == ("held", done["amount"], "0.00")
    # but for what that year had earned until then, which it earns anew
    assert fen(balance(client, account)) == fen(done["amount"]) - moved(engine, account, Side.FUND_INTEREST)
    assert amounts(confirmed(client, account, [SPOUSE])) == [done["amount"]]


def test_after_a_year_it_goes_to_whom_the_area_says(client: TestClient, engine: Engine) -> None:
    goes_to(client, engine, "pooled_fund", Side.POOLED_FUND)
    assert verify(engine).findings == []


def test_or_to_the_state(fresh_engine: Engine, tmp_path: Path) -> None:
    with running(fresh_engine, tmp_path) as client:
        says(client, "unclaimed_to", "pooled_fund", "state")
        goes_to(client, fresh_engine, "state", Side.ESTATE_PAYABLE)
    assert verify(fresh_engine).findings == []


def test_not_before_the_year_is_over_and_not_while_somebody_inherits(client: TestClient) -> None:
    account, estate = held_for_a_year(client, on=HELD_ON + timedelta(days=1))
    answer = ask(client, estate, "2026-11-20")
    assert refusal(answer) == (422, "period_invalid")
    assert answer.json()["facts"] == {"earliest": "2026-11-21", "latest": "2026-11-21"}
    # nobody named again is no new beginning; a late heir gets it
    assert claimed(client, account, [])["state"] == "held"
    assert ask(client, estate).status_code == 202
    shown = claimed(client, account, [SPOUSE])
    assert refusal(ask(client, estate)) == (409, "estate_not_held")
    assert amounts(confirmed(client, account, [SPOUSE])) == [shown["amount"]]
    assert refusal(ask(client, estate)) == (409, "account_closed")


def test_another_beginning_is_another_year(client: TestClient) -> None:
    account, estate = held_for_a_year(client)
    claimed(client, account, [SPOUSE])
    assert claimed(client, account, [SPOUSE | {"waived_on": TODAY.isoformat()}])["state"] == "held"
    answer = ask(client, estate)
    assert (refusal(answer), answer.json()["facts"]) == ((422, "period_invalid"), {"earliest": "2027-11-21"})
    assert refusal(ask(client, estate.replace("-", "-9"))) == (404, "estate_not_found")


def test_nobody_was_asked_for(client: TestClient) -> None:
    person = dead(client)
    [item] = [one for one in listed(client) if one["account_no"] == number(client, person)]
    assert refusal(ask(client, item["estate"])) == (409, "estate_not_held")


def test_it_waits_for_two_and_is_judged_again(client: TestClient, folder: Path) -> None:
    account, estate = held_for_a_year(client)
    name = waiting(ask(client, estate))
    claimed(client, account, [MOTHER])
    assert refusal(approve(client, folder / "keys", name)) == (409, "heirs_disputed")
    again = waiting(ask(client, held_for_a_year(client)[1]))
    assert refusal(approve(client, folder / "keys", again, "clerk-7")) == (403, "same_person")


def test_a_dispute_stops_it(client: TestClient) -> None:
    _account, estate = held_for_a_year(client)
    assert say(client, estate, "disputes", by="侄", document="letter").status_code == 201
    assert refusal(ask(client, estate)) == (409, "heirs_disputed")


# -- late credits ------------------------------------------------------------------------------------------


def test_late_money_of_a_held_estate_stays_with_it_and_follows_it(client: TestClient, engine: Engine) -> None:
    account, estate = held_for_a_year(client)
    contribute(client, account, "10.00", period="2025-10", effective_on=TODAY.isoformat())
    done = paid(client, estate)
    assert moved(engine, account, Side.POOLED_FUND) == fen(done["amount"])
    spent = spending_taken_back(client, engine)
    assert spent == (Side.POOLED_FUND, 700)


def spending_taken_back(client: TestClient, engine: Engine) -> tuple[Side, int]:
    """Of an estate that nobody inherited, what comes back of a spending: where it went, and how much."""
    with later(client, HELD_ON):
        account = str(open_account(client, opened_on="2025-01-05")["account_no"])
        contribute(client, account, "20.00", period="2025-11", effective_on="2025-11-09")
        body = {"amount": "7.00", "effective_on": "2025-11-10", "institution": "H0001", "source_ref": "late"}
        bought = client.post(f"/v1/accounts/{account}/spendings", json=body, headers=key()).json()["entry"]
        die(client, account, "2025-11-10")
        estate = claimed(client, account, [], paid_on=HELD_ON.isoformat())["estate"]
    paid(client, estate)
    before = moved(engine, account, Side.POOLED_FUND)
    answer = client.post(f"/v1/entries/{bought}/reversal", json={"reason": "returned"}, headers=key())
    assert answer.status_code == 201, answer.text
    assert balance(client, account) == "0.00"
    return Side.POOLED_FUND, moved(engine, account, Side.POOLED_FUND) - before


# -- the list ----------------------------------------------------------------------------------------------


def listed(client: TestClient, limit: int = 500, **query: Any) -> list[Any]:
    items: list[Any] = []
    query |= {"limit": limit}
    while True:
        page = taken(client.get("/v1/estates", params=query), EstatePage, 200)
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        query["cursor"] = page["next_cursor"]


def number(client: TestClient, person: str) -> str:
    return str(client.get(f"/v1/accounts/{person}").json()["account_no"])


def test_the_estates_of_a_state(client: TestClient) -> None:
    fresh, open_, held, disputed, done, withdrawn = (dead(client) for _ in range(6))
    claimed(client, open_, [SPOUSE])
    claimed(client, held, [])
    say(client, claimed(client, disputed, [SPOUSE])["estate"], "disputes", by="x", document="l")
    confirmed(client, done, [SPOUSE])
    body = {"reason": "r", "document": "d"}
    answer = client.post(f"/v1/accounts/{withdrawn}/death/withdrawal", json=body, headers=key())
    assert by_two(client, answer).status_code == 201
    wanted = {
        "open": {fresh, open_},
        "held": {held},
        "disputed": {disputed},
        "confirmed": {done},
    }
    numbers = {number(client, one) for some in wanted.values() for one in some} | {number(client, withdrawn)}
    for state, people in wanted.items():
        for limit in (1, 500):
            found = listed(client, limit, state=state)
            assert {one["state"] for one in found} == {state}
            here = [one["account_no"] for one in found if one["account_no"] in numbers]
            assert sorted(here) == sorted(number(client, one) for one in people)
    every = listed(client, 2)
    assert len({one["estate"] for one in every}) == len(every)
    assert number(client, withdrawn) not in {one["account_no"] for one in every}
    [one] = [one for one in every if one["account_no"] == number(client, held)]
    assert one["held_since"] == TODAY.isoformat()
    assert date.fromisoformat(one["died_on"]) < TODAY
    assert client.get("/v1/estates?state=gone").status_code == 422
    told = client.get("/v1/estates?state=held", headers={"Accept": "text/csv"}).text
    assert ",无人继承," in told
    assert ",held," not in told
