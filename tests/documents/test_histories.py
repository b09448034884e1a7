"""Whatever happens to an account, its lists close, and say what the balance says."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.verify import verify
from tests.support.api_client import contribute, key, open_account, spending
from tests.support.documents_client import FORMS, content, data, of, printed
from tests.support.people import KEYRING

FIRST, LAST = date(2025, 6, 1), date(2026, 11, 21)


def day_of(chance: random.Random) -> date:
    return FIRST + timedelta(days=chance.randrange((LAST - FIRST).days + 1))


def live(client: TestClient, account: str, chance: random.Random) -> None:
    """Some of what happens to an account, on days in no order; what is refused is refused."""
    spent: list[str] = []
    for _ in range(25):
        day = day_of(chance)
        if chance.random() < 0.45:
            month = f"{day:%Y-%m}"
            amount = f"{chance.randrange(1, 50_000) / 100:.2f}"
            contribute(client, account, amount, period=month, effective_on=day.isoformat())
        elif chance.random() < 0.7 or not spent:
            body = spending(amount=f"{chance.randrange(1, 20_000) / 100:.2f}", effective_on=day.isoformat())
            answer = client.post(f"/v1/accounts/{account}/spendings", json=body, headers=key())
            if answer.status_code == 201:
                spent.append(answer.json()["entry"])
        else:
            entry = spent.pop(chance.randrange(len(spent)))
            answer = client.post(f"/v1/entries/{entry}/reversal", json={"reason": "x"}, headers=key())
            assert answer.status_code == 201, answer.text


def sums(told: Any) -> dict[str, Decimal]:
    return {name: Decimal(amount) for name, amount in told["totals"].items()}


@pytest.mark.parametrize("seed", range(6))
def test_lists_of_any_history_close(client: TestClient, seed: int) -> None:
    chance = random.Random(seed)
    account = str(open_account(client, opened_on=FIRST.isoformat())["account_no"])
    live(client, account, chance)
    base = f"/v1/accounts/{account}"
    for _ in range(4):
        first, last = sorted((day_of(chance), day_of(chance)))
        told = of(client, base, kind="account_list", **{"from": str(first), "to": str(last)})
        money = sums(told)
        assert money["opening"] + money["income"] - money["spending"] == money["closing"]
        balance = client.get(f"{base}/balance?as_of={last}").json()["balance"]
        assert money["closing"] == Decimal(balance)
        lines = told["tables"]["entries"]
        assert money["income"] == sum(Decimal(one["income"] or 0) for one in lines)
        assert money["spending"] == sum(Decimal(one["spending"] or 0) for one in lines)
        assert [one["day"] for one in lines] == sorted(one["day"] for one in lines)
        assert not lines or lines[-1]["balance"] == told["totals"]["closing"]
    years = [of(client, base, kind="yearly_statement", year=year) for year in (2025, 2026)]
    for year in years:
        money = sums(year)
        assert money["opening"] + money["income"] - money["spending"] == money["closing"]
    assert years[0]["totals"]["closing"] == years[1]["totals"]["opening"]


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_long_list(client: TestClient, engine: Engine, form: str) -> None:
    """Two thousand entries on one list, each once, and the same bytes again."""
    account = str(open_account(client, opened_on="2025-06-01")["account_no"])
    contribute(client, account, "5000.00", period="2025-07", effective_on="2025-07-01")
    commands = [
        {
            "verb": "spend",
            "account": account,
            "idempotency_key": f"long-{account}-{number}",
            **spending(amount="1.01", effective_on="2026-04-02"),
        }
        for number in range(2_000)
    ]
    for start in range(0, len(commands), 1_000):
        answer = client.post("/v1/bulk", json={"commands": commands[start : start + 1_000]})
        assert answer.status_code == 200, answer.text
    span = {"from": "2025-06-01", "to": "2026-11-21"}
    made = printed(client, f"/v1/accounts/{account}", form, kind="account_list", **span)
    if form == "json":
        told = data(client, made)
        assert len({one["entry"] for one in told["tables"]["entries"]}) == 2_001
        assert told["totals"]["closing"] == "2980.00"
    assert content(client, made) == content(client, made)
    assert verify(engine, keyring=KEYRING).clean
