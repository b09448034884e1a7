"""Mass corrections reach the account that another one went into: the months stand under the other one, and
the money comes from, or goes to, the one that stays (R2, R16).
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.verify import verify
from tests.corrections.test_api_corrections import (
    AVERAGE,
    CREDIT,
    credit,
    posted,
    put_in_force,
    retiree,
    shown,
    summed,
)
from tests.support.api_client import TODAY, running
from tests.support.debt_client import debts, spend
from tests.support.employer_client import balance, hire, new_employer, owe, pay
from tests.support.estate_client import die, divide, heir
from tests.support.people import KEYRING
from tests.transfers.test_debts_after_merges import merge

OF_RETIREES = {"parameter": "retirees.monthly_credit"}


@pytest.fixture
def client(fresh_engine: Engine, tmp_path: Path) -> Iterator[TestClient]:
    with running(fresh_engine, tmp_path) as client:
        yield client
    assert verify(fresh_engine, keyring=KEYRING).findings == []


def had(client: TestClient, person: str) -> Decimal:
    return Decimal(balance(client, person))


def of_a_merged_month(client: TestClient, wage: str = "3500.00", paid: str = "462.84") -> tuple[str, str]:
    """The account that stays, and an employer that paid a month for the one that went into it."""
    older, younger, employer = hire(client), hire(client, opened_on="2026-02-01"), new_employer(client)
    owe(client, employer, "2026-03", {younger: wage})
    pay(client, employer, "2026-03", paid, "2026-04-10")
    merge(client, younger, older)
    return older, employer


def test_a_parameter_of_premiums(client: TestClient) -> None:
    """A month at the floor: 97.44 by a wage of 8,120.00, 101.47 by 8,456.00, 48.00 by 4,000.00."""
    older, employer = of_a_merged_month(client)
    before = had(client, older)
    put_in_force(client, AVERAGE, AVERAGE.replace("8120.00", "8456.00"))
    assert summed(shown(client)) == (1, "4.03", "0.00")
    assert summed(posted(client)) == (1, "4.03", "0.00")
    assert summed(shown(client)) == (0, "0.00", "0.00")
    pay(client, employer, "2026-03", "19.15", "2026-11-20")
    assert had(client, older) == before + Decimal("4.03")
    # and the other way: it comes out of the account that stays
    put_in_force(client, AVERAGE.replace("8120.00", "8456.00"), AVERAGE.replace("8120.00", "4000.00"))
    less = summed(shown(client))[2]
    assert summed(posted(client)) == (1, "0.00", less)
    assert had(client, older) == before + Decimal("4.03") - Decimal(less)
    assert summed(shown(client)) == (0, "0.00", "0.00")


def test_a_list_that_was_wrong(client: TestClient) -> None:
    older, employer = of_a_merged_month(client, "8000.00", "760.00")
    about: dict[str, Any] = {"kind": "list", "employer": employer, "area": None, "parameter": None}
    about["lines"] = [{"id_number": older, "wage": "9000.00"}]
    assert summed(shown(client, **about)) == (1, "20.00", "0.00")
    done = posted(client, **about)
    assert (summed(done), done["left"]) == ((1, "20.00", "0.00"), 0)
    assert summed(shown(client, **about)) == (0, "0.00", "0.00")
    # both parts of 1,000.00 more
    before = had(client, older)
    pay(client, employer, "2026-03", "95.00", "2026-11-20")
    assert had(client, older) == before + Decimal("20.00")


@pytest.mark.parametrize("spent", [False, True])
def test_a_credit_of_retirees(client: TestClient, spent: bool) -> None:
    older, younger = retiree(client), retiree(client, "2026-02-01")
    credit(client, younger, 202602, 202603)
    merge(client, younger, older)
    before = had(client, older)
    put_in_force(client, CREDIT, CREDIT.replace("110.00", "115.50"))
    assert summed(shown(client, **OF_RETIREES)) == (1, "11.00", "0.00")
    assert summed(posted(client, **OF_RETIREES)) == (1, "11.00", "0.00")
    assert had(client, older) == before + Decimal("11.00")
    if spent:
        spend(client, older, str(had(client, older) - Decimal("5.00")))
        before = Decimal("-6.00")
    put_in_force(client, CREDIT.replace("110.00", "115.50"), CREDIT.replace("110.00", "104.00"))
    assert summed(posted(client, **OF_RETIREES)) == (1, "0.00", "23.00")
    # never below zero: what was spent is owed by the account that stays
    assert had(client, older) == max(before - Decimal("12.00"), Decimal("0.00"))
    owed = [one["still_owed"] for one in debts(client, older)]
    assert sum(map(Decimal, owed)) == max(Decimal("12.00") - before, Decimal("0.00"))
    assert summed(shown(client, **OF_RETIREES)) == (0, "0.00", "0.00")


def test_nothing_is_taken_from_heirs(client: TestClient) -> None:
    older, younger = hire(client), retiree(client, "2026-02-01")
    credit(client, younger, 202602)
    merge(client, younger, older)
    die(client, older, TODAY.isoformat())
    divide(client, older, [heir()])
    put_in_force(client, CREDIT, CREDIT.replace("110.00", "104.00"))
    told = shown(client, **OF_RETIREES)
    assert (summed(told), [line["code"] for line in told["lines"]]) == (
        (0, "0.00", "0.00"),
        ["account_closed"],
    )
