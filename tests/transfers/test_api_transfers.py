"""Transfers over HTTP: out with its sheet, its end and what follows it; in only by the sheet (R51, E58)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.verify import verify
from tests.support.api_client import TODAY, contribute, key, open_account, running, spending
from tests.support.employer_client import balance, hire, new_employer, owe, pay, refusal
from tests.support.estate_client import DIED, die, divide, heir, open_items
from tests.support.transfer_client import (
    acknowledge,
    announce,
    come,
    come_answer,
    document,
    in_body,
    out_body,
    post,
    reject,
    request_out,
    send,
    send_answer,
    sheet_body,
    supplement,
    supplement_answer,
    view,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("transfers")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    """Whatever the tests of this module do, the book is right after it."""
    with running(engine, folder) as client:
        yield client
    assert verify(engine).findings == []


def saver(client: TestClient, carried_over: str = "3000.00", **more: Any) -> str:
    """The ID number of somebody with so much from earlier years, and 160.00 in each of three months."""
    opening = {"current_year": "0.00", "carried_over": carried_over, "source_ref": document()}
    opened = open_account(client, opened_on="2026-01-01", opening=opening, **more)
    person = str(opened["number"])
    for month in ("01", "02", "03"):
        contribute(client, person, "160.00", period=f"2026-{month}", effective_on=f"2026-{month}-20")
    return person


def status_of(client: TestClient, person: str) -> str:
    return str(client.get(f"/v1/accounts/{person}").json()["status"])


def pockets(client: TestClient, person: str) -> tuple[str, str]:
    found = client.get(f"/v1/accounts/{person}/balance").json()
    return found["current_year"], found["carried_over"]


# -- out -----------------------------------------------------------------------------------------------------


def test_the_worked_example_of_a_transfer(client: TestClient) -> None:
    """E58: interest 9.08 + 0.23, sends 3,489.31; later arrears 101.47 follow as a supplement."""
    person = saver(client)
    name = request_out(client, person)
    assert status_of(client, person) == "transferring"
    sent = send(client, name, "2026-04-10")
    assert sent["amount"] == "3489.31"
    assert sent["sheet"] == sheet_body("480.00", "3000.00", "9.31", "3489.31")
    entries = client.get(f"/v1/accounts/{person}/entries?limit=100").json()["items"]
    [interest] = [one for one in entries if one["kind"] == "interest"]
    assert [move["amount"] for move in interest["transfers"]] == ["9.08", "0.23"]
    assert balance(client, person) == "0.00"
    in_transit = view(client, name)
    assert (in_transit["status"], in_transit["age_days"]) == ("sent", 225)
    assert acknowledge(client, name)["status"] == "acknowledged"
    assert status_of(client, person) == "closed"
    followed = supplement(client, name, "101.47", period="2026-02")
    assert followed["amount"] == "101.47"
    assert view(client, name)["supplements"] == "101.47"


def test_money_in_transit_is_listed_with_its_age(client: TestClient) -> None:
    name = request_out(client, saver(client))
    send(client, name, "2026-11-11")
    found = client.get("/v1/transfers", params={"status": "sent", "limit": 500}).json()["items"]
    [mine] = [one for one in found if one["transfer"] == name]
    assert (mine["age_days"], mine["amount"], mine["other_agency"]) == (
        10,
        view(client, name)["amount"],
        "330100",
    )
    acknowledge(client, name)
    found = client.get("/v1/transfers", params={"status": "sent", "limit": 500}).json()["items"]
    assert name not in [one["transfer"] for one in found]


def test_a_list_of_transfers_goes_page_by_page_and_as_csv(client: TestClient) -> None:
    names = {request_out(client, saver(client)) for _ in range(3)}
    seen: list[str] = []
    cursor = None
    while True:
        params: dict[str, Any] = {"status": "requested", "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = client.get("/v1/transfers", params=params).json()
        seen += [one["transfer"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert names <= set(seen)
    assert len(seen) == len(set(seen))
    text = client.get("/v1/transfers", params={"status": "requested"}, headers={"Accept": "text/csv"}).text
    assert all(name in text for name in names)


def test_the_days_by_which_it_is_due_are_working_days(client: TestClient) -> None:
    """Asked for on Saturday 2026-11-21: ten working days, and five for what is announced."""
    name = request_out(client, saver(client))
    assert (view(client, name)["due_on"], view(client, name)["overdue"]) == ("2026-12-04", False)
    name = announce(client, saver(client), sheet_body("0.00", "5.00", "0.00", "5.00"))
    assert (view(client, name)["due_on"], view(client, name)["overdue"]) == ("2026-11-27", False)


def test_the_sheet_is_whole_for_the_other_agency(client: TestClient) -> None:
    person = saver(client)
    name = request_out(client, person)
    too_early = client.get(f"/v1/transfers/{name}/sheet")
    assert refusal(too_early) == (409, "transfer_state")
    assert too_early.json()["facts"] == {"state": "requested"}
    send(client, name, "2026-04-10")
    sheet = client.get(f"/v1/transfers/{name}/sheet").json()
    assert (sheet["id_number"], sheet["name"]) == (person, "张三")
    assert sheet["months"] == ["2026-01", "2026-02", "2026-03"]
    assert (sheet["amount"], sheet["interest"], sheet["sent_on"]) == ("3489.31", "9.31", "2026-04-10")


def test_nothing_new_is_taken_on_the_way(client: TestClient) -> None:
    person = saver(client)
    request_out(client, person)
    credit = {
        "amount": "160.00", "period": "2026-04", "effective_on": "2026-04-20", "source_ref": document(),
    }  # fmt: skip
    for path, body in (
        ("contributions", credit),
        ("spendings", spending(source_ref=document())),
        ("demands", {"amount": "1.00", "reason": "r", "document": "d"}),
        ("exits", {"case": "settled_abroad", "document": "d", "paid_on": TODAY.isoformat()}),
    ):
        answer = post(client, f"/v1/accounts/{person}/{path}", body)
        assert refusal(answer) == (409, "account_transferring"), path
    assert refusal(post(client, "/v1/transfers", out_body(person))) == (409, "account_transferring")
    announced = in_body(person, sheet_body("1.00", "0.00", "0.00", "1.00"))
    assert refusal(post(client, "/v1/transfers", announced)) == (409, "account_transferring")


def test_what_is_reversed_on_the_way_joins_the_transfer(client: TestClient) -> None:
    person = saver(client)
    spent = post(client, f"/v1/accounts/{person}/spendings", spending(source_ref=document())).json()
    name = request_out(client, person)
    back = post(client, f"/v1/entries/{spent['entry']}/reversal", {"reason": "wrong"})
    assert back.status_code == 201, back.text
    sent = send(client, name)
    assert sent["sheet"]["current_year"] == "480.00"


def test_what_is_reversed_after_the_money_was_sent_follows_it(client: TestClient) -> None:
    person = saver(client)
    spent = [
        post(client, f"/v1/accounts/{person}/spendings", spending(source_ref=document())).json()
        for _ in range(2)
    ]
    name = request_out(client, person)
    send(client, name)
    for place, one in enumerate(spent):
        if place:
            acknowledge(client, name)
            assert view(client, name)["waiting"] == "12.50"
        back = post(client, f"/v1/entries/{one['entry']}/reversal", {"reason": "wrong"})
        assert back.status_code == 201, back.text
    assert view(client, name)["waiting"] == "25.00"
    assert balance(client, person) == "0.00"
    too_much = supplement_answer(client, name, "25.01", period=None, received_on=TODAY.isoformat())
    assert refusal(too_much) == (409, "suspense_exceeded")
    supplement(client, name, "25.00", period=None, received_on=TODAY.isoformat())
    after = view(client, name)
    assert (after["waiting"], after["supplements"]) == ("0.00", "25.00")


@pytest.mark.parametrize("sent", [False, True])
def test_a_rejected_transfer_leaves_the_account_as_it_was(client: TestClient, sent: bool) -> None:
    person = saver(client)
    name = request_out(client, person)
    if sent:
        send(client, name, "2026-04-10")
    assert reject(client, name)["status"] == "rejected"
    assert status_of(client, person) == "active"
    # with interest to the day before, which it has earned
    assert pockets(client, person) == ("480.00", "3009.31" if sent else "3000.00")
    answer = post(client, f"/v1/accounts/{person}/spendings", spending(source_ref=document()))
    assert answer.status_code == 201, answer.text
    again = request_out(client, person)
    assert again != name
    send(client, again)
    acknowledge(client, again)
    assert status_of(client, person) == "closed"


@pytest.mark.parametrize(("step", "wrong"), [
    ("requested", ("acknowledge", "supplements")),
    ("sent", ("complete",)),
    ("acknowledged", ("complete", "acknowledge", "reject")),
    ("rejected", ("complete", "acknowledge", "reject", "supplements")),
    ("announced", ("acknowledge", "supplements")),
    ("credited", ("come", "acknowledge", "reject")),
])  # fmt: skip
def test_each_step_is_taken_once_and_in_order(client: TestClient, step: str, wrong: tuple[str, ...]) -> None:
    person = saver(client)
    if step in {"announced", "credited"}:
        name = announce(client, person, sheet_body("0.00", "5.00", "0.00", "5.00"))
        if step == "credited":
            come(client, name, "5.00", "2026-05-01")
    else:
        name = request_out(client, person)
        if step in {"sent", "acknowledged"}:
            send(client, name)
        if step == "acknowledged":
            acknowledge(client, name)
        if step == "rejected":
            reject(client, name)
    assert view(client, name)["status"] == step
    for act in wrong:
        path = f"/v1/transfers/{name}/{act}"
        if act == "complete":
            answer = send_answer(client, name)
        elif act == "come":
            answer = come_answer(client, name, "5.00", "2026-05-01")
        elif act == "supplements":
            answer = supplement_answer(client, name, "1.00")
        else:
            answer = post(client, path, {"reason": "r"} if act == "reject" else None)
        assert refusal(answer) == (409, "transfer_state"), act
        assert answer.json()["facts"] == {"state": step}, act


def test_a_step_sent_again_is_answered_as_it_was(client: TestClient) -> None:
    name = request_out(client, saver(client))
    same, body = key(), {"paid_on": "2026-04-10", "source_ref": document()}
    first = post(client, f"/v1/transfers/{name}/complete", body, same)
    acknowledge(client, name)
    again = post(client, f"/v1/transfers/{name}/complete", body, same)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    same = key()
    body = {"amount": "7.00", "period": "2026-02", "received_on": "2026-05-20", "source_ref": document()}
    answers = [post(client, f"/v1/transfers/{name}/supplements", body, same) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert refusal(post(client, f"/v1/transfers/{name}/supplements", body)) == (409, "duplicate_source_ref")
    assert view(client, name)["supplements"] == "7.00"


# -- what refuses it -----------------------------------------------------------------------------------------


def test_retirees_do_not_transfer(client: TestClient) -> None:
    person = saver(client)
    body = {"member_class": "retired", "from": "2026-11-10"}
    answer = post(client, f"/v1/accounts/{person}/enrolments", body)
    assert answer.status_code == 201, answer.text
    assert refusal(post(client, "/v1/transfers", out_body(person))) == (409, "retiree")


def test_what_is_open_is_named(client: TestClient) -> None:
    person = saver(client)
    hold = {
        "amount": "10.00", "expires_at": "2026-12-01T18:00:00+08:00", "institution": "H0001",
        "source_ref": document(),
    }  # fmt: skip
    held = post(client, f"/v1/accounts/{person}/holds", hold).json()["hold"]
    owed = post(client, f"/v1/accounts/{person}/demands", {"amount": "9.00", "reason": "r", "document": "d"})
    answer = post(client, "/v1/transfers", out_body(person))
    assert refusal(answer) == (409, "open_items")
    items = answer.json()["facts"]["items"]
    assert {(one["what"], one["name"]) for one in items} == {
        ("hold", held), ("demand", owed.json()["demand"]),
    }  # fmt: skip


@pytest.mark.parametrize("day", ["2026-11-22", "1930-01-01", "1989-12-31"])
def test_insured_elsewhere_on_a_day_that_cannot_be(client: TestClient, day: str) -> None:
    answer = post(client, "/v1/transfers", out_body(saver(client), insured_from=day))
    assert refusal(answer) == (422, "period_invalid")


@pytest.mark.parametrize("day", ["2026-03-19", "2026-11-22"])
def test_the_money_goes_after_the_last_that_moved_and_not_tomorrow(client: TestClient, day: str) -> None:
    name = request_out(client, saver(client))
    assert refusal(send_answer(client, name, day)) == (422, "period_invalid")


def test_the_frozen_the_dead_and_the_closed_do_not_transfer(client: TestClient) -> None:
    frozen, dead, closed = (saver(client) for _ in range(3))
    freeze = {"authority": "court", "document": "7", "from": "2026-06-01"}
    assert post(client, f"/v1/accounts/{frozen}/freezes", freeze).status_code == 201
    die(client, dead)
    name = request_out(client, closed)
    send(client, name)
    acknowledge(client, name)
    for person, code in (
        (frozen, "account_frozen"), (dead, "account_deceased"), (closed, "account_closed"),
    ):  # fmt: skip
        assert refusal(post(client, "/v1/transfers", out_body(person))) == (409, code)
    announced = sheet_body("1.00", "0.00", "0.00", "1.00")
    for person, code in ((dead, "account_deceased"), (closed, "account_closed")):
        assert refusal(post(client, "/v1/transfers", in_body(person, announced))) == (409, code)


def test_a_freeze_that_comes_on_the_way_stops_the_money(client: TestClient) -> None:
    person = saver(client)
    name = request_out(client, person)
    freeze = {"authority": "court", "document": "8", "from": "2026-06-01"}
    assert post(client, f"/v1/accounts/{person}/freezes", freeze).status_code == 201
    assert refusal(send_answer(client, name)) == (409, "account_frozen")
    assert reject(client, name)["status"] == "rejected"
    assert status_of(client, person) == "frozen"


@pytest.mark.parametrize("body", [
    {"insured_from": None},
    {"sheet": sheet_body("1.00", "0.00", "0.00", "1.00")},
    {"direction": "in"},
    {"direction": "sideways"},
    {"other_agency": ""},
])  # fmt: skip
def test_a_request_of_the_wrong_shape(client: TestClient, body: dict[str, Any]) -> None:
    answer = post(client, "/v1/transfers", out_body(saver(client)) | body)
    assert refusal(answer) == (422, "shape_invalid")


@pytest.mark.parametrize("act", ["complete", "acknowledge", "reject", "supplements"])
def test_a_transfer_that_there_is_not(client: TestClient, act: str) -> None:
    body = {
        "complete": {"paid_on": "2026-04-10", "source_ref": "s"},
        "reject": {"reason": "r"},
        "supplements": {
            "amount": "1.00",
            "period": "2026-03",
            "received_on": "2026-04-10",
            "source_ref": "s",
        },
    }.get(act)
    entry = client.get(f"/v1/accounts/{saver(client)}/entries").json()["items"][0]["entry"]
    for name in (entry, "P483920174650K-1", "nonsense"):
        assert refusal(post(client, f"/v1/transfers/{name}/{act}", body)) == (404, "transfer_not_found")
    assert refusal(client.get(f"/v1/transfers/{entry}")) == (404, "transfer_not_found")


# -- mutual aid and death ------------------------------------------------------------------------------------


def test_mutual_aid_ends_both_ways(client: TestClient) -> None:
    mover, other = saver(client), saver(client)
    for donor, recipient in ((mover, other), (other, mover)):
        body = {"recipient": recipient, "relation": "sibling", "amount": "50.00", "rank": 1}
        answer = post(client, f"/v1/accounts/{donor}/quotas", body)
        assert answer.status_code == 201, answer.text
    name = request_out(client, mover)
    for person in (mover, other):
        found = client.get(f"/v1/accounts/{person}/balance").json()
        assert found["reserved"] == "0.00"
    reject(client, name)
    # it is given anew
    assert client.get(f"/v1/accounts/{other}/balance").json()["reserved"] == "0.00"


def test_who_dies_before_the_money_is_sent_is_not_transferred(client: TestClient) -> None:
    person = saver(client)
    name = request_out(client, person)
    die(client, person)
    assert view(client, name)["status"] == "cancelled"
    assert refusal(send_answer(client, name)) == (409, "transfer_state")
    assert divide(client, person, [heir()])["balance"] == "3480.00"


def test_who_dies_after_it_was_sent_has_an_estate_once_it_comes_back(client: TestClient) -> None:
    person = saver(client)
    name = request_out(client, person)
    send(client, name, "2026-04-10")
    die(client, person)
    assert open_items(client, person) == [("transfer", name, "330100")]
    reject(client, name)
    assert status_of(client, person) == "deceased"
    assert divide(client, person, [heir()])["balance"] == "3489.31"


def test_who_dies_after_it_was_sent_and_arrives_there_leaves_nothing_here(client: TestClient) -> None:
    person = saver(client)
    name = request_out(client, person)
    send(client, name, "2026-04-10")
    die(client, person, DIED)
    acknowledge(client, name)
    assert status_of(client, person) == "closed"


# -- in ------------------------------------------------------------------------------------------------------


def test_what_comes_is_credited_only_when_it_is_what_the_sheet_says(client: TestClient) -> None:
    person = saver(client, "0.00")
    sheet = sheet_body("480.00", "3000.00", "9.31", "3489.31")
    name = announce(client, person, sheet)
    for amount in ("3489.30", "3489.32"):
        assert refusal(come_answer(client, name, amount, "2026-05-04")) == (409, "amount_differs")
    assert pockets(client, person) == ("480.00", "0.00")
    done = come(client, name, "3489.31", "2026-05-04")
    assert (done["status"], done["amount"]) == ("credited", "3489.31")
    assert pockets(client, person) == ("480.00", "3489.31")
    assert supplement(client, name, "101.47")["amount"] == "101.47"
    assert pockets(client, person) == ("480.00", "3590.78")


@pytest.mark.parametrize("sheet", [
    sheet_body("480.00", "3000.00", "9.31", "3489.32"),
    sheet_body("480.00", "3000.00", "0.00", "3489.31"),
    sheet_body("0.00", "0.00", "0.01", "0.02"),
])  # fmt: skip
def test_a_sheet_whose_parts_are_not_the_whole(client: TestClient, sheet: dict[str, str]) -> None:
    answer = post(client, "/v1/transfers", in_body(saver(client), sheet))
    assert refusal(answer) == (422, "amount_mismatch")
    assert answer.json()["errors"][0]["pointer"] == "/sheet/amount"


@pytest.mark.parametrize("sheet", [
    sheet_body("0.00", "0.00", "0.00", "0.00"),
    sheet_body("-1.00", "2.00", "0.00", "1.00"),
    sheet_body("1.005", "0.00", "0.00", "1.005"),
])  # fmt: skip
def test_a_sheet_of_no_amount(client: TestClient, sheet: dict[str, str]) -> None:
    answer = post(client, "/v1/transfers", in_body(saver(client), sheet))
    assert refusal(answer) == (422, "amount_invalid")


@pytest.mark.parametrize("day", ["2025-12-31", "2026-11-22"])
def test_money_that_comes_on_a_day_that_cannot_be(client: TestClient, day: str) -> None:
    name = announce(client, saver(client), sheet_body("0.00", "5.00", "0.00", "5.00"))
    assert refusal(come_answer(client, name, "5.00", day)) == (422, "period_invalid")


def test_out_of_one_area_and_into_another_is_the_same_sum(client: TestClient) -> None:
    person, there = saver(client), str(open_account(client, opened_on="2026-04-01")["number"])
    out = request_out(client, person)
    sent = send(client, out, "2026-04-10")
    comes = announce(client, there, sent["sheet"])
    come(client, comes, sent["amount"], "2026-04-15")
    acknowledge(client, out)
    assert pockets(client, there) == ("0.00", "3489.31")


# -- suspended money -----------------------------------------------------------------------------------------


def suspended(client: TestClient, **params: Any) -> Any:
    answer = client.get("/v1/suspended", params={"limit": 500, **params})
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


@pytest.mark.parametrize("closed", [False, True])
def test_arrears_that_an_employer_pays_later_wait_and_follow_the_transfer(
    client: TestClient, closed: bool
) -> None:
    employer, person = new_employer(client), hire(client)
    owe(client, employer, "2026-07", {person: "5073.60"})
    name = request_out(client, person, insured_from="2026-08-01")
    send(client, name, "2026-08-10")
    if closed:
        acknowledge(client, name)
    pay(client, employer, "2026-07", "481.99", "2026-08-15")
    assert balance(client, person) == "0.00"
    [waits] = suspended(client, account=person)
    assert (waits["amount"], waits["period"], waits["waits_for"]) == ("101.47", "2026-07", "person")
    assert (waits["since"], waits["age_days"]) == ("2026-08-15", 98)
    too_much = supplement_answer(client, name, "101.48", period="2026-07", received_on="2026-08-20")
    assert refusal(too_much) == (409, "suspense_exceeded")
    same, ref = key(), document()
    body = {"amount": "101.47", "period": "2026-07", "received_on": "2026-08-15", "source_ref": ref}
    done = [post(client, f"/v1/transfers/{name}/supplements", body, same) for _ in range(2)]
    assert [one.status_code for one in done] == [201, 201]
    assert done[0].json() == done[1].json()
    assert suspended(client, account=person) == []
    assert view(client, name)["supplements"] == "101.47"
    assert balance(client, person) == "0.00"
    assert refusal(supplement_answer(client, name, "0.01", period="2026-07", received_on="2026-08-20")) == (
        409,
        "suspense_exceeded",
    )
    if not closed:
        acknowledge(client, name)


def test_what_waited_on_the_way_reaches_the_account_once_the_transfer_is_rejected(client: TestClient) -> None:
    employer, person = new_employer(client), hire(client)
    owe(client, employer, "2026-07", {person: "5073.60"})
    name = request_out(client, person, insured_from="2026-08-01")
    pay(client, employer, "2026-07", "481.99", "2026-08-15")
    assert balance(client, person) == "0.00"
    reject(client, name)
    body = {"employer": employer, "period": "2026-07", "amount": "101.47", "source_ref": document()}
    answer = post(client, f"/v1/accounts/{person}/releases", body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["transfer"] is None
    assert balance(client, person) == "101.47"
    assert suspended(client, account=person) == []
    body["source_ref"] = document()
    assert refusal(post(client, f"/v1/accounts/{person}/releases", body)) == (409, "suspense_exceeded")


def test_a_supplement_that_was_sent_with_the_money_comes_back_with_it(client: TestClient) -> None:
    employer, person = new_employer(client), hire(client)
    owe(client, employer, "2026-07", {person: "5073.60"})
    name = request_out(client, person, insured_from="2026-08-01")
    send(client, name, "2026-08-10")
    pay(client, employer, "2026-07", "481.99", "2026-08-15")
    supplement(client, name, "100.00", period="2026-07", received_on="2026-08-20")
    reject(client, name)
    assert balance(client, person) == "100.00"


def test_money_that_waits_for_a_list_or_its_payer_is_listed(client: TestClient) -> None:
    employer = new_employer(client)
    pay(client, employer, "2026-07", "50.00", "2026-08-15")
    [waits] = suspended(client, employer=employer)
    assert (waits["waits_for"], waits["amount"], waits["account_no"]) == ("list", "50.00", None)


# -- and back ------------------------------------------------------------------------------------------------


def opening(person: str, opened_on: str) -> dict[str, Any]:
    return {"id_number": person, "name": "张三", "area": "990100", "opened_on": opened_on}


def test_who_comes_back_gets_another_account(client: TestClient) -> None:
    person = saver(client)
    first = client.get(f"/v1/accounts/{person}").json()["account_no"]
    away = request_out(client, person)
    # until it is closed there is one account
    assert refusal(post(client, "/v1/accounts", opening(person, "2026-05-01"))) == (409, "opening_differs")
    send(client, away, "2026-04-10")
    assert acknowledge(client, away)["status"] == "acknowledged"
    # the one that was left stays closed, also to who sends its own opening once more
    for day in ("2026-01-01", "2026-04-10"):
        assert refusal(post(client, "/v1/accounts", opening(person, day))) == (409, "account_closed")
    rehearsed = client.post("/v1/accounts?dry_run=true", json=opening(person, "2026-05-01"))
    assert rehearsed.status_code == 200, rehearsed.text
    answer = post(client, "/v1/accounts", opening(person, "2026-05-01"))
    assert answer.status_code == 201, answer.text
    again = answer.json()["account_no"]
    assert again != first
    assert client.get(f"/v1/accounts/{person}").json()["account_no"] == again
    assert client.get(f"/v1/accounts/{first}").json()["status"] == "closed"
    # the same is answered with it, and only once there are two
    assert post(client, "/v1/accounts", opening(person, "2026-05-01")).status_code == 200
    back = announce(client, person, sheet_body("0.00", "3489.31", "0.00", "3489.31"))
    assert come(client, back, "3489.31", "2026-06-02")["status"] == "credited"
    assert (balance(client, person), balance(client, first)) == ("3489.31", "0.00")
    contribute(client, person, "160.00", period="2026-06", effective_on="2026-06-20")
    assert balance(client, person) == "3649.31"


def test_the_dead_get_no_other_account(client: TestClient) -> None:
    person = saver(client)
    die(client, person)
    divide(client, person, [heir()])
    assert refusal(post(client, "/v1/accounts", opening(person, TODAY.isoformat()))) == (
        409,
        "account_closed",
    )
