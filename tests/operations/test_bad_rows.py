"""Rows that an older version let in take no report and no run down: each is named, and the rest goes on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.freezes import Freeze
from ledger.accounts.year_end import YEAR_END
from ledger.book.numbers import account_no
from ledger.care.annual_settlements import ANNUAL_SETTLEMENT
from ledger.chart.members import MemberClass
from ledger.contributions.estimates import ESTIMATES
from ledger.contributions.retirees import RETIREE_CREDITS
from ledger.operations.left_out import named
from ledger.posting import batches
from ledger.posting.batches import Batch
from ledger.posting.left_out import LEFT_OUT_MAX, LeftOut, left_out_of
from ledger.posting.runs import Run
from ledger.verify import verify
from tests.support.api_client import AREA, TODAY, key, running
from tests.support.clinic import Clinic
from tests.support.employer_client import receipt_body
from tests.support.old_rows import as_before_the_bounds
from tests.support.people import World
from tests.support.units import Unit

AUGUST, SEPTEMBER, BAD = 202608, 202609, 199106
WAGE = 800_000


class Old:
    """What an older version could have left behind, beside a sound employer with its staff."""

    def __init__(self, engine: Engine) -> None:
        world = self.world = World(engine)
        self.good = Unit(world)
        self.person = self.good.hire()
        self.good.declare(AUGUST, {self.person: WAGE})
        self.bad = Unit(world)
        self.staff = self.bad.hire()
        with as_before_the_bounds():
            # it paid for a month before all figures, and that waits for a list that can never come
            self.bad.pay(5_000, date(2026, 9, 1), 199107)
        self.bad.declare(AUGUST, {self.staff: WAGE})
        with as_before_the_bounds():
            self.bad.estimate(BAD, 100_000)
            self.early = world.open(opened_on=date(1991, 1, 1), opening=(0, 100_000))
            self.dead = world.open()
            world.one(ReportDeath(self.dead, date(1, 1, 1), "slip"))
            self.odd = world.open()
            for month in (101, 192603):
                world.one(Contribute(self.odd, 100, month, date(2026, 3, 1), world.ref()))
            world.one(Freeze(self.odd, "court", "slip", date(2062, 1, 1)))
            # registered late, of a day for which the area had no rule
            self.registered = self.good.enrol(self.good.hire(), MemberClass.ACTIVE, date(1995, 1, 1))
            self.good.enrol(self.early, MemberClass.RETIRED, date(1991, 1, 1), here=False)


@pytest.fixture
def old(fresh_engine: Engine) -> Old:
    return Old(fresh_engine)


@pytest.fixture
def client(old: Old, tmp_path: Path) -> Iterator[TestClient]:
    with running(old.world.engine, tmp_path) as client:
        # the same people for both
        client.app.state.ledger.keyring = old.world.keyring  # type: ignore[attr-defined]  # Starlette's app
        yield client


def run(old: Old, what: Run, period: int) -> Batch:
    with old.world.engine.connect() as connection:
        batch = what.run(
            connection, period, int(AREA), lambda: (old.world.now, old.world.today), old.world.policies
        )
        kept = batches.find(connection, batch.batch_id)
    assert kept is not None
    return kept


def get(client: TestClient, path: str, **headers: str) -> Any:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer if headers else answer.json()


# -- reports -----------------------------------------------------------------------------------------------


def test_the_arrears_of_an_area_name_the_month_that_nobody_can_work_out(client: TestClient, old: Old) -> None:
    items = {one["employer"]: one for one in get(client, f"/v1/reports/arrears?area={AREA}")["items"]}
    bad, good = items[old.bad.credit_code], items[old.good.credit_code]
    assert (good["periods"], good["principal"], "left_out" in good) == (["2026-08"], "760.00", False)
    assert (bad["periods"], bad["left_out"]) == (["1991-06", "2026-08"], ["1991-06"])
    assert bad["principal"] == "1760.00"
    assert bad["late_fee"] == good["late_fee"], "of the month that can be worked out"
    text = get(client, f"/v1/reports/arrears?area={AREA}", Accept="text/csv").text
    (line,) = [one for one in text.splitlines() if old.bad.credit_code in one]
    # and it is not closed
    assert line.endswith(",1991-06,,")


def test_an_employer_s_own_arrears_show_its_principal(client: TestClient, old: Old) -> None:
    first, second = get(client, f"/v1/employers/{old.bad.credit_code}/arrears")["items"]
    assert first == {
        "period": "1991-06",
        "due_on": None,
        "principal": "1000.00",
        "late_fee": None,
        "late_fee_uncapped": None,
    }
    assert (second["period"], second["principal"]) == ("2026-08", "760.00")


def test_an_area_without_a_policy_takes_no_other_down(client: TestClient, old: Old) -> None:
    client.app.state.ledger.policies.pop(int(AREA))  # type: ignore[attr-defined]  # Starlette's app
    items = get(client, "/v1/reports/arrears")["items"]
    assert {one["employer"]: one["left_out"] for one in items} == {
        old.bad.credit_code: ["1991-06", "2026-08"],
        old.good.credit_code: ["2026-08"],
    }
    assert [one["estimate"] for one in get(client, "/v1/reports/undeclared?period=2026-09")["items"]] == [
        None
    ] * 2


def test_a_registration_without_a_rule_has_no_due_day(client: TestClient, old: Old) -> None:
    (item,) = get(client, "/v1/reports/overdue-registrations")["items"]
    assert (item["account_no"], item["from"]) == (account_no(old.registered.book_id), "1995-01-01")
    assert (item["due_on"], item["days_late"]) == (None, None)


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        "/v1/reports/arrears",
        "/v1/reports/arrears?on=1991-09-01",
        "/v1/reports/arrears?on=9999-12-31",
        "/v1/reports/undeclared?period=1991-07",
        "/v1/reports/undeclared",
        "/v1/reports/overdue-registrations",
        "/v1/reports/trial-balance",
        "/v1/employers/{bad}",
        "/v1/employers/{bad}/payments",
        "/v1/employers/{bad}/payments/1991-06",
        "/v1/employers/{bad}/receipts",
        "/v1/accounts/{early}/balance",
        "/v1/accounts/{early}/balance?as_of=1995-01-01",
        "/v1/accounts/{early}/explain",
        "/v1/accounts/{early}/enrolments",
        "/v1/accounts/{dead}",
        "/v1/accounts/{odd}/payments",
        "/v1/accounts/{odd}/entries",
        "/v1/accounts/{odd}",
    ],
)
def test_no_read_fails(client: TestClient, old: Old, path: str) -> None:
    named_there = {name: account_no(getattr(old, name)) for name in ("early", "dead", "odd")}
    assert get(client, path.format(bad=old.bad.credit_code, **named_there))


def test_the_check_of_the_whole_stays_clean(old: Old) -> None:
    summary = verify(old.world.engine)
    assert summary.clean, summary.findings


# -- receipts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("period", [None, "2026-08"])
def test_the_employer_may_pay_what_it_owes(client: TestClient, old: Old, period: str | None) -> None:
    body = receipt_body(old.bad.credit_code, period, "800.00", "2026-09-10")
    answer = client.post("/v1/receipts", json=body, headers=key())
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["to_accounts"], told["to_pooled_fund"], told["late_fee"]) == ("160.00", "600.00", "0.00")
    assert (told["to_suspense"], told["still_owed"]) == ("40.00", "0.00")
    assert told["left_out"] == ["1991-06"]
    assert verify(old.world.engine).clean


def test_one_that_owes_nothing_odd_is_told_nothing_of_it(client: TestClient, old: Old) -> None:
    body = receipt_body(old.good.credit_code, None, "760.00", "2026-09-10")
    answer = client.post("/v1/receipts", json=body, headers=key())
    assert (answer.status_code, "left_out" in answer.json()) == (201, False)


def test_what_waits_for_such_a_month_goes_back(client: TestClient, old: Old) -> None:
    body = {"amount": "50.00", "period": "1991-07", "source_ref": "back-1", "reason": "a slip"}
    answer = client.post(f"/v1/employers/{old.bad.credit_code}/refunds", json=body, headers=key())
    assert answer.status_code == 201, answer.text
    assert verify(old.world.engine).clean


# -- money that came long before -----------------------------------------------------------------------------


def test_money_pays_no_month_that_began_more_than_a_year_after_it(old: Old) -> None:
    unit, world = old.good, old.world
    unit.declare(202509, {unit.hire(): WAGE})
    told = unit.pay(152_000, date(2025, 8, 1))
    # 2025-09 begins within a year, 2026-08 on the very day
    assert (told["to_accounts"], told["to_suspense"]) == (32_000, 0)
    assert verify(world.engine).clean


def test_money_that_no_month_can_have_been_paid_with_is_refused(old: Old) -> None:
    payment = old.good.payment(76_000, date(2025, 7, 31))
    assert old.world.refusal(payment) == "period_invalid"
    older = old.good
    older.declare(202507, {older.hire(): WAGE})
    told = older.pay(152_000, date(2025, 7, 31))
    assert (told["to_accounts"], told["to_suspense"]) == (16_000, 76_000), "the rest is nobody's month"
    assert verify(old.world.engine).clean


# -- runs --------------------------------------------------------------------------------------------------


def test_a_year_end_names_the_account_and_goes_on(old: Old) -> None:
    for already in (0, 1):
        batch = run(old, YEAR_END, TODAY.year - 1)
        assert (batch.state, batch.refused, batch.reason) == ("finished", 1, None)
        assert batch.done >= 4, "all others, once"
        (left_out,) = left_out_of(batch.detail)
        assert (left_out.book_id, left_out.code) == (old.early, "rates_missing")
        assert left_out.facts == {"parameter": "interest.demand", "day": "1991-01-01"}
        assert already or batch.done == run(old, YEAR_END, TODAY.year - 1).done
    assert verify(old.world.engine).clean


def test_the_other_runs_go_on(old: Old) -> None:
    clinic = Clinic(old.world)
    patient = clinic.patient("100.00")
    clinic.settle(clinic.institution(), patient, [("A", "50.00")], day=date(2025, 3, 1))
    assert run(old, ANNUAL_SETTLEMENT, 2025).done == 1
    estimated = run(old, ESTIMATES, SEPTEMBER)
    assert (estimated.state, estimated.done, estimated.refused) == ("finished", 2, 0)
    credited = run(old, RETIREE_CREDITS, SEPTEMBER)
    assert (credited.state, credited.done, credited.refused) == ("finished", 1, 0)
    assert verify(old.world.engine).clean


def test_an_employer_that_is_left_out_is_told_by_its_code(old: Old) -> None:
    books = [(old.bad.book, "rates_missing", {"day": "1991-06-01"}), (old.early, "account_closed", {})]
    left_out = LeftOut()
    for book, code, facts in books:
        left_out.add(book, code, facts)
    with old.world.engine.connect() as connection:
        assert named(connection, left_out_of(left_out.detail)) == [
            {"book": old.bad.credit_code, "code": "rates_missing", "day": "1991-06-01"},
            {"book": account_no(old.early), "code": "account_closed"},
        ]


def test_a_hundred_are_named_and_all_are_counted() -> None:
    left_out = LeftOut()
    assert left_out.detail is None
    for book in range(LEFT_OUT_MAX + 5):
        left_out.add(book, "rates_missing", {})
    assert len(left_out_of(left_out.detail)) == LEFT_OUT_MAX


def test_retirees_are_not_credited_for_a_month_before_their_account(old: Old) -> None:
    new = old.world.open(opened_on=date(2026, 8, 15))
    old.good.enrol(new, MemberClass.RETIRED, date(2020, 1, 1), here=False)
    assert [run(old, RETIREE_CREDITS, month).done for month in (202607, 202608)] == [1, 2]
