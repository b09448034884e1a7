"""The worked examples of interest and the year end over HTTP, to the fen (K5, R48): what a clerk would type.

Each is read where a clerk would read it: the working of the interest of each year, its statement, and the
pockets at the end. The examples of estates (E49–E56, E60) are in tests/estates/test_api_estates.py, as are
E57 and E59 to their heirs; E58 is in tests/transfers/test_api_transfers.py, E66 in test_api_demands.py there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.accounts.year_end import YEAR_END
from ledger.verify import verify
from tests.support.api_client import AREA, contribute, key, open_account, running, spending
from tests.support.care_client import on, rule
from tests.support.estate_client import claimant, confirmed, die

Step = Callable[["Account"], None]


class Account:
    """One account over HTTP, and the day it is."""

    def __init__(self, client: TestClient, days: ExitStack) -> None:
        self.client, self._days = client, days
        self.state: Any = client.app.state.ledger  # type: ignore[attr-defined]  # the app of these tests
        self.number = ""
        self.spent: list[str] = []

    def on(self, day: date) -> None:
        self._days.close()
        self._days.enter_context(on(self.client, day))

    def read(self, path: str) -> Any:
        answer = self.client.get(f"/v1/accounts/{self.number}{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def do(self, path: str, body: Any) -> Any:
        answer = self.client.post(path, json=body, headers=key())
        assert answer.status_code == 201, answer.text
        return answer.json()


def at(day: str, *steps: Step) -> Step:
    def step(account: Account) -> None:
        account.on(date.fromisoformat(day))
        for one in steps:
            one(account)

    return step


def opens(day: str, carried_over: str = "0.00", current_year: str = "0.00") -> Step:
    def step(account: Account) -> None:
        more = {}
        if (current_year, carried_over) != ("0.00", "0.00"):
            old = {"current_year": current_year, "carried_over": carried_over, "source_ref": "old"}
            more["opening"] = old
        account.number = open_account(account.client, opened_on=day, **more)["number"]

    return at(day, step)


def credit(day: str, amount: str = "160.00") -> Step:
    return at(
        day,
        lambda account: contribute(
            account.client, account.number, amount, period=day[:7], effective_on=day, source_ref=f"c-{day}"
        ),
    )


def monthly(year: int, day: int, months: Sequence[int] = range(1, 13)) -> tuple[Step, ...]:
    return tuple(credit(f"{year}-{month:02d}-{day}") for month in months)


def spend(day: str, amount: str) -> Step:
    def step(account: Account) -> None:
        body = spending(amount=amount, effective_on=day)
        account.spent.append(account.do(f"/v1/accounts/{account.number}/spendings", body)["entry"])

    return at(day, step)


def comes_back(day: str) -> Step:
    return at(
        day,
        lambda account: account.do(f"/v1/entries/{account.spent[-1]}/reversal", {"reason": "wrong patient"}),
    )


def year_ends(year: int) -> Step:
    def step(account: Account) -> None:
        account.on(date(year + 1, 1, 4))
        with account.state.engine.connect() as connection:
            YEAR_END.run(connection, year, int(AREA), account.state.clock, account.state.policies)

    return step


def dies(day: str) -> Step:
    return at(day, lambda account: die(account.client, account.number, day))


def divided(day: str) -> Step:
    heirs = [claimant("妻", "spouse"), claimant("大"), claimant("小")]
    return at(day, lambda account: confirmed(account.client, account.number, heirs, paid_on=day))


@dataclass(frozen=True)
class Example:
    """Steps; by year the interest of carried_over and of current_year; the pockets at the end."""

    name: str
    steps: tuple[Step, ...]
    interest: dict[int, tuple[str, str]]
    ends: tuple[str, str]
    rules: dict[str, str] = field(default_factory=dict)


PY_10_000 = (opens("2025-01-01", "10000.00"), year_ends(2025))
TWO_POCKETS = (opens("2026-01-01", "2000.00", "500.00"), spend("2026-04-01", "400.00"), year_ends(2026))
A_YEAR = (opens("2025-01-01", "1000.00"), *monthly(2025, 20))
EXAMPLES = (
    Example("E18", PY_10_000, {2025: ("111.53", "0.00")}, ("0.00", "10111.53")),
    Example(
        "E18, basis 365", PY_10_000, {2025: ("110.00", "0.00")}, ("0.00", "10110.00"),
        {"interest__day_basis": "365"},
    ),
    Example(
        "E19", (opens("2026-01-01", "10000.00"), year_ends(2026)), {2026: ("88.53", "0.00")},
        ("0.00", "10088.53"),
    ),
    Example(
        "E20", (opens("2026-01-01"), *monthly(2026, 15), year_ends(2026)), {2026: ("0.00", "1.60")},
        ("0.00", "1921.60"),
    ),
    Example(
        "E21",
        (
            opens("2025-01-01", "5000.00"),
            *monthly(2025, 20, range(1, 6)), spend("2025-06-10", "300.00"), *monthly(2025, 20, range(6, 13)),
            year_ends(2025),
            *monthly(2026, 20, (1, 2)), spend("2026-03-05", "1000.00"), *monthly(2026, 20, range(3, 13)),
            year_ends(2026),
        ),
        {2025: ("55.76", "2.75"), 2026: ("54.41", "1.01")},
        ("0.00", "7653.93"),
    ),
    Example(
        "E22", (opens("2026-01-01", "5000.00"), dies("2026-08-10"), divided("2026-08-20")),
        {2026: ("32.17", "0.00")}, ("0.00", "0.00"),
    ),
    Example("E23, current year first", TWO_POCKETS, {2026: ("17.71", "0.58")}, ("0.00", "2118.29")),
    Example(
        "E23, carried over first", TWO_POCKETS, {2026: ("15.26", "1.14")}, ("0.00", "2116.40"),
        {"spending__pocket_order": "carried_over_first"},
    ),
    Example(
        "E24, one yuan", (opens("2025-01-01", "1.00"), year_ends(2025)), {2025: ("0.01", "0.00")},
        ("0.00", "1.01"),
    ),
    Example(
        "E24, leap year", (opens("2028-01-01", "10000.00"), year_ends(2028)), {2028: ("66.08", "0.00")},
        ("0.00", "10066.08"),
    ),
    Example(
        "E57",
        (
            opens("2026-01-01", "8000.00"), *monthly(2026, 15, range(1, 9)),
            dies("2026-09-02"), divided("2026-10-20"),
        ),
        {2026: ("60.28", "1.23")},
        ("0.00", "0.00"),
    ),
    Example(
        "E61",
        (
            *A_YEAR, spend("2025-12-20", "300.00"), year_ends(2025), comes_back("2026-02-10"),
            year_ends(2026),
        ),
        {2025: ("11.15", "3.32"), 2026: ("25.61", "0.00")},
        ("0.00", "2960.08"),
    ),
    Example(
        "E61 without the visit", (*A_YEAR, year_ends(2025), year_ends(2026)),
        {2025: ("11.15", "3.35"), 2026: ("25.98", "0.00")}, ("0.00", "2960.48"),
    ),
)  # fmt: skip


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.name)
def test_example(example: Example, fresh_engine: Engine, tmp_path: Path) -> None:
    with running(fresh_engine, tmp_path) as client, rule(client, **example.rules), ExitStack() as days:
        account = Account(client, days)
        for step in example.steps:
            step(account)
        for year, expected in example.interest.items():
            worked = account.read(f"/interest/{year}")
            assert (worked["carried_over"], worked["current_year"]) == expected
            assert worked["posted"] is not None
            for pocket in {row["pocket"] for row in worked["rows"]}:
                _join([row for row in worked["rows"] if row["pocket"] == pocket])
            stated = account.read(f"/statements/{year}")
            assert (stated["interest"]["carried_over"], stated["interest"]["current_year"]) == expected
        ends = account.read("/balance")
        assert (ends["current_year"], ends["carried_over"]) == example.ends
    assert verify(fresh_engine).findings == []


def _join(rows: Sequence[Any]) -> None:
    """Day after day without a gap, from the year's first."""
    assert rows[0]["from"][5:] == "01-01"
    for one, following in pairwise(rows):
        after = date.fromisoformat(one["to"]) + timedelta(days=1)
        assert following["from"] == after.isoformat()


def test_e25_a_year_that_is_ended_twice(fresh_engine: Engine, tmp_path: Path) -> None:
    with running(fresh_engine, tmp_path) as client, ExitStack() as days:
        account = Account(client, days)
        for step in PY_10_000:
            step(account)
        first = account.read("/entries")["items"]
        year_ends(2025)(account)
        assert account.read("/entries")["items"] == first
        assert [one["kind"] for one in first].count("interest") == 1
    assert verify(fresh_engine).findings == []
