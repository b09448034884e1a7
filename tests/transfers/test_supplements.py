"""What follows the money of a transfer: only arrears of months here, and not before the money (R15, R51)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, select

from ledger import tables
from ledger.chart.transfers import Direction
from ledger.refusals import Refused
from ledger.transfers.going_out import RequestTransfer, SendTransfer
from ledger.transfers.supplements import SupplementTransfer
from ledger.verify import verify
from tests.support.api_client import contribute, key, open_account, running, spending
from tests.support.employer_client import balance, hire, new_employer, owe, pay, refusal
from tests.support.estate_client import die
from tests.support.people import World
from tests.support.transfer_client import (
    acknowledge,
    announce,
    come,
    document,
    post,
    reject,
    request_out,
    send,
    sheet_body,
    supplement,
    supplement_answer,
    view,
)

REFUSED = (422, "period_invalid")


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with running(engine, tmp_path_factory.mktemp("supplements")) as client:
        yield client
    assert [str(one) for one in verify(engine).findings] == []


def opened(client: TestClient) -> str:
    person = str(open_account(client, opened_on="2026-01-10")["number"])
    contribute(client, person, "160.00")
    return person


def sent(client: TestClient, insured_from: str = "2026-04-01", paid_on: str = "2026-05-04") -> str:
    """A transfer of somebody who is insured here since 2026-01-10."""
    name = request_out(client, opened(client), insured_from=insured_from)
    send(client, name, paid_on)
    return name


def pointer(answer: Any) -> str:
    return str(answer.json()["errors"][0]["pointer"])


# -- months ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("insured_from", "last", "after"), [
    ("2026-04-01", "2026-03", "2026-04"),
    # whoever leaves within a month was insured here in its first days
    ("2026-04-02", "2026-04", "2026-05"),
    ("2026-04-30", "2026-04", "2026-05"),
    # the money went before the person did: later months were not owed yet
    ("2026-11-01", "2026-05", "2026-06"),
])  # fmt: skip
@pytest.mark.parametrize("closed", [False, True])
def test_arrears_are_of_months_here(
    client: TestClient, insured_from: str, last: str, after: str, closed: bool
) -> None:
    name = sent(client, insured_from)
    if closed:
        acknowledge(client, name)
    for month in ("2025-12", after, "2026-11", "2027-01", "2020-01"):
        answer = supplement_answer(client, name, "1.00", period=month)
        assert (refusal(answer), pointer(answer)) == (REFUSED, "/period"), month
    for month in ("2026-01", last):
        supplement(client, name, "1.00", period=month)
    assert view(client, name)["supplements"] == "2.00"


def test_somebody_may_have_been_insured_here_before_the_account_was_opened(client: TestClient) -> None:
    person = opened(client)
    body = {"member_class": "active", "from": "2025-11-15"}
    assert post(client, f"/v1/accounts/{person}/enrolments", body).status_code == 201
    name = request_out(client, person)
    send(client, name, "2026-05-04")
    assert refusal(supplement_answer(client, name, "1.00", period="2025-10")) == REFUSED
    supplement(client, name, "1.00", period="2025-11")


def test_nothing_follows_for_a_month_after_death(client: TestClient) -> None:
    person = opened(client)
    name = request_out(client, person, insured_from="2026-05-01")
    send(client, name, "2026-05-04")
    die(client, person, "2026-03-15")
    assert refusal(supplement_answer(client, name, "1.00", period="2026-04")) == (409, "period_after_end")
    supplement(client, name, "1.00", period="2026-03")
    acknowledge(client, name)
    assert refusal(supplement_answer(client, name, "1.00", period="2026-04")) == (409, "period_after_end")


def test_what_comes_later_is_of_a_month_before_the_money_came(client: TestClient) -> None:
    person = opened(client)
    name = announce(client, person, sheet_body("0.00", "5.00", "0.00", "5.00"))
    come(client, name, "5.00", "2026-05-04")
    for month in ("2026-06", "2026-11", "1989-12"):
        assert refusal(supplement_answer(client, name, "1.00", period=month)) == REFUSED
    for month in ("2026-05", "2025-02"):
        supplement(client, name, "1.00", period=month)
    assert balance(client, person) == "167.00"


# -- days --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("period", ["2026-03", None])
@pytest.mark.parametrize("day", ["2026-05-03", "2025-05-04", "2026-11-22", "2027-05-04"])
def test_nothing_follows_before_the_money_or_tomorrow(
    client: TestClient, day: str, period: str | None
) -> None:
    person = opened(client)
    spent = post(client, f"/v1/accounts/{person}/spendings", spending(source_ref=document())).json()
    name = request_out(client, person)
    send(client, name, "2026-05-04")
    back = post(client, f"/v1/entries/{spent['entry']}/reversal", {"reason": "wrong"})
    assert back.status_code == 201, back.text
    acknowledge(client, name)
    answer = supplement_answer(client, name, "1.00", period=period, received_on=day)
    assert (refusal(answer), pointer(answer)) == (REFUSED, "/received_on")
    supplement(client, name, "1.00", period=period, received_on="2026-05-04")


def test_what_comes_later_comes_after_the_first_money(client: TestClient) -> None:
    name = announce(client, opened(client), sheet_body("0.00", "5.00", "0.00", "5.00"))
    come(client, name, "5.00", "2026-05-04")
    assert refusal(supplement_answer(client, name, "1.00", received_on="2026-05-03")) == REFUSED
    supplement(client, name, "1.00", received_on="2026-05-04")


# -- documents, and how it stands --------------------------------------------------------------------------


def test_a_document_counts_once(client: TestClient) -> None:
    name, ref = sent(client), document()
    supplement(client, name, "1.00", source_ref=ref)
    for more in ({}, {"period": "2026-02"}, {"received_on": "2026-06-01"}):
        again = supplement_answer(client, name, "1.00", source_ref=ref, **more)
        assert refusal(again) == (409, "duplicate_source_ref")
    assert view(client, name)["supplements"] == "1.00"


@pytest.mark.parametrize("was_sent", [False, True])
def test_nothing_follows_one_that_came_to_nothing(client: TestClient, was_sent: bool) -> None:
    name = request_out(client, opened(client))
    if was_sent:
        send(client, name)
    reject(client, name)
    assert refusal(supplement_answer(client, name, "1.00")) == (409, "transfer_state")


# -- what an employer has paid -------------------------------------------------------------------------------


def owed_and_paid(client: TestClient, *, before: bool) -> tuple[str, str, str]:
    """Somebody whose month 2026-07 is paid while the account is on its way, or had been sent."""
    employer, person = new_employer(client), hire(client)
    owe(client, employer, "2026-07", {person: "5073.60"})
    name = request_out(client, person, insured_from="2026-08-01")
    if not before:
        send(client, name, "2026-08-10")
    pay(client, employer, "2026-07", "481.99", "2026-08-15")
    return employer, person, name


@pytest.mark.parametrize("day", ["2026-08-09", "2026-11-22"])
def test_what_waited_follows_no_sooner_than_the_money(client: TestClient, day: str) -> None:
    _employer, _person, name = owed_and_paid(client, before=False)
    more = {"period": "2026-07", "received_on": day}
    assert refusal(supplement_answer(client, name, "101.47", **more)) == REFUSED
    supplement(client, name, "101.47", period="2026-07", received_on="2026-08-15")


def release(client: TestClient, employer: str, person: str, month: str = "2026-07") -> Any:
    body = {"employer": employer, "period": month, "amount": "101.47", "source_ref": document()}
    return client.post(f"/v1/accounts/{person}/releases", json=body, headers=key())


def test_what_waits_is_finished_before_the_money_is_sent_and_goes_with_it(client: TestClient) -> None:
    """R51: what is open is finished first, and only what is new is stopped."""
    employer, person, name = owed_and_paid(client, before=True)
    done = release(client, employer, person)
    assert (done.status_code, done.json()["transfer"]) == (201, None)
    assert balance(client, person) == "101.47"
    # with the interest since 2026-08-15: 101.47 × 98 days × 0.10 % ÷ 360
    assert send(client, name)["amount"] == "101.50"
    acknowledge(client, name)
    assert view(client, name)["supplements"] == "0.00"


@pytest.mark.parametrize("step", ["requested", "sent", "acknowledged"])
def test_a_month_of_the_other_agency_does_not_go_with_it(client: TestClient, step: str) -> None:
    employer, person = new_employer(client), hire(client)
    owe(client, employer, "2026-07", {person: "5073.60"})
    name = request_out(client, person, insured_from="2026-07-01")
    if step != "requested":
        send(client, name, "2026-08-10")
    if step == "acknowledged":
        acknowledge(client, name)
    pay(client, employer, "2026-07", "481.99", "2026-08-15")
    answer = release(client, employer, person)
    assert (refusal(answer), pointer(answer)) == (REFUSED, "/period")
    assert balance(client, person) == "0.00"


@pytest.mark.parametrize(("month", "fate"), [(202611, "posted"), (202612, "period_invalid")])
def test_what_follows_in_the_batch_that_asked_for_it(engine: Engine, month: int, fate: str) -> None:
    """Asked for, sent and followed at once: the day since when is known by the request beside it."""
    world = World(engine)
    book = world.open(opening=(0, 10_000))
    with engine.connect() as connection, connection.begin():
        last = connection.scalar(select(func.max(tables.entry.c.seq)).where(tables.entry.c.book_id == book))
    asked = int(last or 0) + 1
    today = world.today
    asking = RequestTransfer(book, "330100", today, world.ref("paper"))
    sending = SendTransfer(book, asked, today, world.ref("sent"))
    more = SupplementTransfer(book, asked, 100, month, today, world.ref("more"), Direction.OUT)
    outcomes = world.post(asking, sending, more)
    told = [one.code.value if isinstance(one, Refused) else "posted" for one in outcomes]
    assert told == ["posted", "posted", fate]
