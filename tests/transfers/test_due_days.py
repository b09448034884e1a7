"""Ten and five working days: which day that is, and who is overdue (R51)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.accounts.leaving import TransferCase
from ledger.chart.transfers import Direction, TransferStatus
from ledger.policy import load_policies, load_policy
from ledger.transfers.reports import due_day
from ledger.verify import verify
from tests.support.api_client import contribute, open_account, running
from tests.support.approval_client import later
from tests.support.transfer_client import announce, come, reject, request_out, send, sheet_body, view

POLICY = load_policies()["990100"]
STEPS = {Direction.OUT: TransferStatus.REQUESTED, Direction.IN: TransferStatus.ANNOUNCED}
OUT, IN = Direction.OUT, Direction.IN


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with running(engine, tmp_path_factory.mktemp("due")) as client:
        yield client
    assert [str(one) for one in verify(engine).findings] == []


@pytest.mark.parametrize(("goes", "asked_on", "due_on"), [
    # a Sunday that is worked counts, and the three holidays after it do not
    (OUT, "2026-09-11", "2026-09-24"),
    (OUT, "2026-09-14", "2026-09-28"),
    # the last of the days would have been a holiday
    (IN, "2026-09-18", "2026-09-24"),
    (IN, "2026-09-21", "2026-09-29"),
    # over a week of holidays, with a Saturday that is worked for them
    (IN, "2026-09-29", "2026-10-12"),
    (OUT, "2026-02-13", "2026-03-05"),
    # asked for on a day on which nobody works
    (OUT, "2026-11-21", "2026-12-04"),
    (IN, "2026-10-03", "2026-10-13"),
    # of the year after nobody has said anything yet: Monday to Friday
    (IN, "2026-12-28", "2027-01-04"),
    (OUT, "2026-12-28", "2027-01-11"),
])  # fmt: skip
def test_the_day_by_which_it_is_due(goes: Direction, asked_on: str, due_on: str) -> None:
    case = TransferCase(goes, STEPS[goes], date.fromisoformat(asked_on))
    assert due_day(POLICY, case) == date.fromisoformat(due_on)


@pytest.mark.parametrize("status", sorted(set(TransferStatus) - set(STEPS.values())))
def test_nothing_is_due_once_the_money_has_moved(status: TransferStatus) -> None:
    assert due_day(POLICY, TransferCase(OUT, status, date(2026, 9, 11))) is None


def test_an_area_that_says_nothing_has_ten_and_five_days_from_monday_to_friday() -> None:
    parts = POLICY.text.split("[[parameter]]")
    text = "[[parameter]]".join(
        part for part in parts if '"calendar.' not in part and '"transfers.' not in part
    )
    bare = load_policy(text, "990100.toml")
    asked_on = date(2026, 9, 11)
    assert due_day(bare, TransferCase(OUT, STEPS[OUT], asked_on)) == date(2026, 9, 25)
    assert due_day(bare, TransferCase(IN, STEPS[IN], asked_on)) == date(2026, 9, 18)


def leaver(client: TestClient) -> str:
    person = str(open_account(client, opened_on="2026-01-01")["number"])
    contribute(client, person, "160.00")
    return person


def listed(client: TestClient, **params: Any) -> list[str]:
    """The names of a list, page by page."""
    names: list[str] = []
    while True:
        answer = client.get("/v1/transfers", params={"limit": 2} | params)
        assert answer.status_code == 200, answer.text
        names += [one["transfer"] for one in answer.json()["items"]]
        if answer.json()["next_cursor"] is None:
            assert len(names) == len(set(names))
            return names
        params["cursor"] = answer.json()["next_cursor"]


def test_whose_day_is_over_is_listed(client: TestClient) -> None:
    """Asked for on Saturday 2026-11-21: out by Friday 2026-12-04, in by Friday 2026-11-27."""
    sheet = sheet_body("0.00", "5.00", "0.00", "5.00")
    out = {request_out(client, leaver(client)) for _ in range(3)}
    comes = {announce(client, leaver(client), sheet) for _ in range(3)}
    sent, called_off = (request_out(client, leaver(client)) for _ in range(2))
    send(client, sent)
    reject(client, called_off)
    come(client, done := announce(client, leaver(client), sheet), "5.00", "2026-11-20")
    all_of_them = out | comes | {sent, called_off, done}
    for day, late in (
        (date(2026, 11, 27), set()),
        # a Saturday; what was due the day before is overdue all the same
        (date(2026, 11, 28), comes),
        (date(2026, 12, 4), comes),
        (date(2026, 12, 5), comes | out),
    ):
        with later(client, day):
            assert set(listed(client, overdue="true")) == late, day
            assert set(listed(client, overdue="false")) == all_of_them - late, day
            for name in out | comes:
                assert view(client, name)["overdue"] is (name in late)
    with later(client, date(2026, 12, 5)):
        assert set(listed(client, overdue="true", status="announced")) == comes
        assert listed(client, overdue="true", status="sent") == []
        as_csv = client.get("/v1/transfers", params={"overdue": "true"}, headers={"Accept": "text/csv"}).text
        assert {name for name in all_of_them if name in as_csv} == comes | out
        assert view(client, sent)["age_days"] == 14
    assert client.get("/v1/transfers", params={"overdue": "perhaps"}).status_code == 422
