"""An estate is divided anew: what heirs had spent of the first division is set off, to the fen (R54, R58)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.verify import verify
from tests.support.api_client import contribute, open_account, running
from tests.support.debt_client import debts, demand_debt, spend
from tests.support.employer_client import balance, hire
from tests.support.estate_client import claimant, confirmed, die, undo
from tests.support.transfer_client import exit_answer, instalment


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Whatever the tests of this module do, the book is right after it."""
    with running(engine, tmp_path_factory.mktemp("netted")) as client:
        yield client
    assert [str(one) for one in verify(engine).findings] == []


class Undone:
    """300.00 that went to one heir, who spent `spent` of them before it was taken back."""

    def __init__(self, client: TestClient, spent: str) -> None:
        self.client = client
        self.dead = str(open_account(client)["number"])
        self.heir, self.other = hire(client), hire(client)
        contribute(client, self.dead, "300.00", effective_on="2026-11-19", period="2026-11")
        die(client, self.dead)
        estate = self.divide(self.heir)["estate"]
        spend(client, self.heir, spent)
        undo(client, estate)

    def divide(self, *numbers: str, **more: Any) -> Any:
        return confirmed(self.client, self.dead, [claimant("张三", id_number=one) | more for one in numbers])

    def owed(self, person: str | None = None) -> list[tuple[str, str]]:
        return [(one["what"], one["still_owed"]) for one in debts(self.client, person or self.heir)]


def test_the_same_heir_gets_what_is_left(client: TestClient) -> None:
    """300.00 again, of which 120.00 were spent: 180.00 had come back, so 180.00 are to be had."""
    undone = Undone(client, "120.00")
    assert undone.owed() == [("inheritance", "120.00")]
    estate = undone.divide(undone.heir)
    assert [share["amount"] for share in estate["shares"]] == ["300.00"]
    assert balance(client, undone.heir) == "180.00"
    assert undone.owed() == []
    assert exit_answer(client, undone.heir).status_code == 201


def test_a_smaller_share_leaves_the_rest_as_a_demand(client: TestClient) -> None:
    """Two heirs of 150.00 each: who spent all 300.00 owes the other 150.00."""
    undone = Undone(client, "300.00")
    undone.divide(undone.heir, undone.other)
    assert (balance(client, undone.heir), balance(client, undone.other)) == ("0.00", "150.00")
    assert undone.owed() == [("demand", "150.00")]
    assert undone.owed(undone.other) == []
    [demand] = debts(client, undone.heir)
    instalment(client, demand["entry"], "150.00")
    assert undone.owed() == []


def test_who_is_no_heir_any_more_owes_it_all(client: TestClient) -> None:
    undone = Undone(client, "120.00")
    undone.divide(undone.other)
    assert (balance(client, undone.heir), balance(client, undone.other)) == ("0.00", "300.00")
    assert undone.owed() == [("inheritance", "120.00")]


def test_who_waives_owes_it_all(client: TestClient) -> None:
    undone = Undone(client, "120.00")
    heirs = [
        claimant("张三", id_number=undone.heir, waived_on="2026-11-21"),
        claimant("张三", id_number=undone.other),
    ]
    estate = confirmed(client, undone.dead, heirs)
    assert [share["amount"] for share in estate["shares"]] == ["0.00", "300.00"]
    assert undone.owed() == [("inheritance", "120.00")]
    assert balance(client, undone.other) == "300.00"


def test_what_was_demanded_and_paid_before_is_not_set_off_again(client: TestClient) -> None:
    undone = Undone(client, "120.00")
    [debt] = debts(client, undone.heir)
    name = demand_debt(client, undone.heir, debt, "50.00")
    instalment(client, name, "20.00")
    undone.divide(undone.heir)
    assert balance(client, undone.heir) == "200.00"
    assert undone.owed() == []
    assert client.get(f"/v1/demands/{name}").json()["set_off"] == "30.00"


def test_undone_and_divided_three_times_nothing_is_owed_twice(client: TestClient) -> None:
    """Spent 120.00 of the first share; the second and the third change nothing about that."""
    undone = Undone(client, "120.00")
    estate = undone.divide(undone.heir)["estate"]
    undo(client, estate)
    assert balance(client, undone.heir) == "0.00"
    assert undone.owed() == [("inheritance", "120.00")]
    estate = undone.divide(undone.heir, undone.other)["estate"]
    assert (balance(client, undone.heir), balance(client, undone.other)) == ("30.00", "150.00")
    undo(client, estate)
    undone.divide(undone.other)
    assert (balance(client, undone.heir), balance(client, undone.other)) == ("0.00", "300.00")
    assert undone.owed() == [("inheritance", "120.00")]


def test_a_share_as_large_as_what_is_owed_is_gone(client: TestClient) -> None:
    undone = Undone(client, "150.00")
    undone.divide(undone.heir, undone.other)
    assert (balance(client, undone.heir), undone.owed()) == ("0.00", [])


def test_what_else_the_heir_has_is_left_alone(client: TestClient) -> None:
    """Only the share pays: a set-off against the account is another act (R67)."""
    undone = Undone(client, "300.00")
    contribute(client, undone.heir, "40.00", period="2026-11", effective_on="2026-11-21")
    undone.divide(undone.heir, undone.other)
    assert balance(client, undone.heir) == "40.00"
    assert undone.owed() == [("demand", "150.00")]
