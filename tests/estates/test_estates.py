"""An estate over HTTP: what keeps it open, what is set off first, and who gets the odd fen (R54, E54, K7)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

import ledger
from api.care.annual_answers import AnnualStatementAnswer
from ledger.book.numbers import book_id_of
from ledger.contributions.retirees import CreditRetiree
from ledger.verify import verify
from tests.care.test_api_cases import advanced, new_case, post, recover
from tests.support.api_client import TODAY, contribute, id_number, key, open_account, running, spending
from tests.support.care_client import (
    CARE_DAY,
    bill,
    end,
    give,
    lines,
    new_institution,
    new_patient,
    on,
    reverse,
    send,
    settle,
    shown,
    visit,
)
from tests.support.employer_client import adjust, hire, new_employer, owe, pay, refusal, taken
from tests.support.estate_client import DIED, amounts, ask, die, divide, heir, open_items, show

_bills = itertools.count(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("estates")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    """Whatever the tests of this module do, the book is right after it."""
    with running(engine, folder) as client:
        yield client
    assert verify(engine).findings == []


@pytest.fixture(scope="module")
def hospital(client: TestClient) -> str:
    return new_institution(client, level=3)


def rich(client: TestClient, balance: str = "1000.00", period: str = "2026-11") -> str:
    """The ID number of somebody with so much since today: no interest comes on it."""
    person = str(open_account(client, opened_on="2026-01-05")["number"])
    contribute(client, person, balance, period=period, effective_on=TODAY.isoformat())
    return person


def claim(client: TestClient, hospital: str, person: str) -> str:
    body = {
        "institution": hospital, "id_number": person, "care_type": "outpatient", "care_date": "2026-11-02",
        "received_on": TODAY.isoformat(), "bill_no": f"estate-{next(_bills)}",
        "lines": lines(("A", "900.00")),
        "evidence": ["invoice", "fee_list", "diagnosis", "records"],
    }  # fmt: skip
    answer = post(client, "/v1/claims", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["claim"])


# -- what keeps it open -------------------------------------------------------------------------------------


@pytest.mark.parametrize("approve", [True, False])
def test_an_undecided_claim_keeps_it_open(client: TestClient, hospital: str, approve: bool) -> None:
    person = rich(client)
    name = claim(client, hospital, person)
    die(client, person)
    assert open_items(client, person) == [("claim", name, hospital)]
    decision = {"approve": approve, "reason": "looked at"}
    answer = post(client, f"/v1/claims/{name}/decision", decision)
    assert answer.status_code == 201, answer.text
    assert divide(client, person, [heir()])["estate"] == "1000.00"


def test_an_advance_that_the_third_party_has_not_paid_keeps_it_open(
    client: TestClient, hospital: str
) -> None:
    person = new_patient(client)
    case = advanced(client, hospital, person)
    die(client, person)
    assert open_items(client, person) == [("advance", case, hospital)]
    # half of it paid is not all of it
    assert recover(client, case, "3000.00").status_code == 201
    assert open_items(client, person) == [("advance", case, hospital)]
    assert recover(client, case, "3000.00").status_code == 201
    done = divide(client, person, [heir()])
    assert (done["estate"], done["set_off"]) == ("0.00", [])


def test_a_case_without_an_advance_keeps_nothing_open(client: TestClient, hospital: str) -> None:
    person = new_patient(client)
    told = {"care_type": "inpatient", "cause": {"kind": "third_party", "share": "0.60"}, "use_account": False}
    new_case(client, str(settle(client, hospital, person, [("A", "10000.00")], **told)["settlement"]))
    die(client, person)
    assert divide(client, person, [heir()])["set_off"] == []


@pytest.mark.parametrize("how", ["ended", "settled"])
def test_a_stay_keeps_it_open_until_it_is_settled_or_taken_back(
    client: TestClient, hospital: str, how: str
) -> None:
    person = rich(client)
    stay = visit(client, hospital, person)
    # who came as an outpatient may have gone again without a bill
    visit(client, hospital, person, "outpatient")
    die(client, person)
    assert open_items(client, person) == [("stay", stay, hospital)]
    if how == "settled":
        settled = settle(client, hospital, person, [("A", "2000.00")], care_type="inpatient", visit=stay)
        assert ask(client, person, [heir()]).status_code == 200
        # a bill that was taken back leaves the stay as it was
        reverse(client, settled["settlement"])
        assert open_items(client, person) == [("stay", stay, hospital)]
    body = {"to": "2026-03-12", "reason": "went home without a bill"}
    ended = client.post(f"/v1/visits/{stay}/end", json=body, headers=key())
    assert (ended.status_code, ended.json()) == (
        201, {"visit": stay, "ended_on": "2026-03-12", "reason": "went home without a bill"},
    )  # fmt: skip
    assert divide(client, person, [heir()])["estate"] == shown_estate(client, person)


def shown_estate(client: TestClient, person: str) -> str:
    """What was divided, as the account's own entry tells."""
    entries = client.get(f"/v1/accounts/{person}/entries", params={"kind": "estate"}).json()["items"]
    return str(entries[0]["amount"])


def test_all_that_is_open_is_named_at_once(client: TestClient, hospital: str) -> None:
    person = new_patient(client, "500.00")
    case = advanced(client, hospital, person)
    stay, paper = visit(client, hospital, person), claim(client, hospital, person)
    hold = {
        "amount": "10.00",
        "expires_at": "2026-12-01T00:00:00Z",
        "institution": hospital,
        "source_ref": "h",
    }
    held = post(client, f"/v1/accounts/{person}/holds", hold)
    assert held.status_code == 201, held.text
    die(client, person)
    assert open_items(client, person) == [
        ("claim", paper, hospital), ("stay", stay, hospital), ("advance", case, hospital),
        ("hold", held.json()["entry"], hospital),
    ]  # fmt: skip


def test_open_items_come_before_wrong_shares(client: TestClient, hospital: str) -> None:
    person = rich(client)
    visit(client, hospital, person)
    die(client, person)
    twice = heir(share="1/2")
    assert open_items(client, person, [twice, twice])


def test_nobody_inherits_twice(client: TestClient) -> None:
    person = rich(client)
    die(client, person)
    one = heir(share="1/2")
    for confirm in (False, True):
        answer = ask(client, person, [one, one], confirm=confirm)
        assert refusal(answer) == (422, "shares_invalid")
        assert answer.json()["errors"][0]["pointer"] == "/heirs"


def test_two_of_one_name_are_told_apart_by_their_numbers(client: TestClient) -> None:
    person = rich(client)
    die(client, person)
    bare = {"name": "王二", "relation": "child"}
    numbered = heir(name="王二")
    for heirs in ([bare, bare], [bare, bare | {"name": " 王二"}], [numbered, bare], [bare, numbered]):
        for confirm in (False, True):
            answer = ask(client, person, heirs, confirm=confirm)
            assert refusal(answer) == (422, "shares_invalid")
            assert answer.json()["errors"][0]["pointer"] == "/heirs"
    assert amounts(show(client, person, [numbered, heir(name="王二")])) == ["500.00", "500.00"]


# -- the end of a visit -------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["2026-03-09", "2026-11-22", "1990-01-01", "2099-12-31"])
def test_a_visit_ends_between_its_beginning_and_today(client: TestClient, hospital: str, to: str) -> None:
    name = visit(client, hospital, new_patient(client))
    answer = client.post(f"/v1/visits/{name}/end", json={"to": to, "reason": "x"}, headers=key())
    assert refusal(answer) == (422, "period_invalid")
    assert answer.json()["errors"][0]["pointer"] == "/to"
    for last in (CARE_DAY, TODAY.isoformat()):
        dry = client.post(
            f"/v1/visits/{name}/end", json={"to": last}, headers=key(), params={"dry_run": "true"}
        )
        assert (dry.status_code, dry.json()["ended_on"]) == (200, last)


@pytest.mark.parametrize("care_type", ["inpatient", "outpatient"])
def test_a_bill_of_an_ended_visit_is_refused_and_the_visit_shows_it(
    client: TestClient, hospital: str, care_type: str
) -> None:
    person = new_patient(client)
    name = visit(client, hospital, person, care_type)
    body, sent = {"to": "2026-03-11", "reason": "registered twice"}, key()
    first = client.post(f"/v1/visits/{name}/end", json=body, headers=sent)
    again = client.post(f"/v1/visits/{name}/end", json=body, headers=sent)
    assert (first.status_code, again.status_code, first.json()) == (201, 201, again.json())
    other = client.post(f"/v1/visits/{name}/end", json=body | {"to": CARE_DAY}, headers=sent)
    assert refusal(other) == (422, "idempotency_key_reused")
    seen = client.get(f"/v1/visits/{name}").json()
    assert (seen["ended_on"], seen["reason"]) == ("2026-03-11", "registered twice")
    told = bill(hospital, person, [("A", "900.00")], care_type=care_type, visit=name)
    assert refusal(send(client, told)) == (409, "visit_ended")


# -- what is owed for certain -------------------------------------------------------------------------------


def owing(client: TestClient, employer: str, spent: str, balance: str = "0.00") -> str:
    """Somebody whose wage of March was 8,000.00 too high, and who has spent so much of the 160.00."""
    person = hire(client)
    owe(client, employer, "2026-03", {person: "8000.00"})
    pay(client, employer, "2026-03", "760.00", "2026-04-10")
    body = spending(amount=spent, effective_on="2026-04-20", institution="H0001")
    assert client.post(f"/v1/accounts/{person}/spendings", json=body, headers=key()).status_code == 201
    adjust(client, employer, "2026-03", {person: "0.00"})
    if balance != "0.00":
        contribute(client, person, balance, period="2026-11", effective_on=TODAY.isoformat())
    return person


def test_e54_what_was_paid_too_much_is_set_off_first(client: TestClient) -> None:
    """1,000.00 in the account, 200.00 owed: 800.00 for three heirs."""
    employer = new_employer(client)
    person = hire(client)
    owe(client, employer, "2026-03", {person: "10000.00"})
    pay(client, employer, "2026-03", "950.00", "2026-04-10")
    body = spending(amount="200.00", effective_on="2026-04-10")
    assert client.post(f"/v1/accounts/{person}/spendings", json=body, headers=key()).status_code == 201
    adjust(client, employer, "2026-03", {person: "0.00"})
    contribute(client, person, "1000.00", period="2026-11", effective_on=TODAY.isoformat())
    assert shown(client, person)["balance"] == "1000.00"
    die(client, person)
    done = divide(client, person, [heir() for _ in range(3)])
    assert (done["balance"], done["interest"], done["estate"]) == ("1000.00", "0.00", "800.00")
    [line] = done["set_off"]
    assert (line["what"], line["owed"], line["amount"]) == ("contribution", "200.00", "200.00")
    assert line["name"].endswith("/202603") or line["name"].endswith("/2026-03")
    assert sorted(amounts(done), reverse=True) == ["266.67", "266.67", "266.66"]
    kinds = [
        entry["kind"]
        for entry in client.get(f"/v1/accounts/{person}/entries", params={"limit": "50"}).json()["items"]
    ]
    assert kinds.count("set_off") == 1
    assert kinds.count("estate") == 1


def test_who_owes_more_than_there_is_leaves_nothing(client: TestClient) -> None:
    person = owing(client, new_employer(client), spent="160.00", balance="100.00")
    die(client, person)
    done = divide(client, person, [heir(), heir()])
    assert (done["balance"], done["estate"], amounts(done)) == ("100.00", "0.00", ["0.00", "0.00"])
    assert [(line["owed"], line["amount"]) for line in done["set_off"]] == [("160.00", format_sum(done, 0))]


def test_what_the_third_party_paid_and_was_not_returned_is_set_off(client: TestClient, hospital: str) -> None:
    """All that is due was paid to the person; the account had nothing to set it off against until now."""
    person = new_patient(client)
    case = advanced(client, hospital, person)
    told = recover(client, case, "6000.00", means="set_off")
    assert (told.status_code, told.json()["receivable"]) == (201, "5280.00"), told.text
    contribute(client, person, "1000.00", period="2026-11", effective_on=TODAY.isoformat())
    die(client, person)
    done = divide(client, person, [heir()])
    assert done["estate"] == "0.00"
    assert done["set_off"] == [{"what": "third_party", "name": case, "owed": "5280.00", "amount": "1000.00"}]
    seen = client.get(f"/v1/third-party-cases/{case}").json()
    assert seen["receivable"] == "0.00"


def test_what_was_set_off_before_the_death_is_not_owed_again(client: TestClient, hospital: str) -> None:
    person = new_patient(client)
    case = advanced(client, hospital, person)
    contribute(client, person, "500.00", period="2026-11", effective_on=TODAY.isoformat())
    told = recover(client, case, "6000.00", means="set_off")
    assert (told.status_code, told.json()["receivable"]) == (201, "4780.00"), told.text
    contribute(client, person, "1000.00", period="2026-10", effective_on=TODAY.isoformat())
    die(client, person)
    done = divide(client, person, [heir()])
    assert done["set_off"] == [{"what": "third_party", "name": case, "owed": "4780.00", "amount": "1000.00"}]


def test_a_case_is_done_with_though_there_is_nothing_to_set_it_off_against(
    client: TestClient, hospital: str
) -> None:
    person = new_patient(client)
    case = advanced(client, hospital, person)
    assert recover(client, case, "6000.00", means="set_off").status_code == 201
    die(client, person)
    done = divide(client, person, [heir()])
    assert done["set_off"] == [{"what": "third_party", "name": case, "owed": "5280.00", "amount": "0.00"}]
    assert client.get(f"/v1/third-party-cases/{case}").json()["receivable"] == "0.00"
    found = client.get(f"/v1/accounts/{person}/entries", params={"kind": "set_off"}).json()["items"]
    assert len(found) == 1


def test_what_comes_later_pays_what_is_still_owed_before_the_heirs(client: TestClient) -> None:
    employer = new_employer(client)
    person = owing(client, employer, spent="160.00", balance="100.00")
    body = spending(amount="90.00", effective_on=DIED)
    spent = client.post(f"/v1/accounts/{person}/spendings", json=body, headers=key()).json()["entry"]
    child = str(open_account(client, opened_on="2026-01-05")["number"])
    die(client, person)
    # 10.00 are there, 160.00 owed
    done = divide(client, person, [heir(child)])
    assert (done["balance"], done["set_off"][0]["amount"]) == ("10.00", format_sum(done, 0))
    back = client.post(f"/v1/entries/{spent}/reversal", json={"reason": "never was"}, headers=key())
    assert back.status_code == 201, back.text
    assert shown(client, child)["balance"] == "0.00"
    found = client.get(f"/v1/accounts/{person}/entries", params={"kind": "set_off"}).json()["items"]
    assert sorted(entry["amount"] for entry in found) == [format_sum(done, 0), "90.00"]


def test_several_debts_are_set_off_one_by_one(client: TestClient, hospital: str) -> None:
    one, other = new_employer(client), new_employer(client)
    person = owing(client, one, spent="160.00")
    owe(client, other, "2026-05", {person: "9000.00"})
    pay(client, other, "2026-05", "855.00", "2026-06-10")
    body = spending(amount="180.00", effective_on="2026-06-20")
    assert client.post(f"/v1/accounts/{person}/spendings", json=body, headers=key()).status_code == 201
    adjust(client, other, "2026-05", {person: "0.00"})
    contribute(client, person, "300.00", period="2026-11", effective_on=TODAY.isoformat())
    die(client, person)
    done = divide(client, person, [heir()])
    assert [(line["owed"], line["amount"]) for line in done["set_off"]] == [
        ("160.00", "160.00"), ("180.00", format_sum(done, -160)),
    ]  # fmt: skip


# -- months after death -------------------------------------------------------------------------------------


def retiree(client: TestClient, months: list[int]) -> str:
    """A retiree of this year, with 110.00 for each of these months."""
    person = str(open_account(client, opened_on="2026-01-01")["number"])
    body = {"member_class": "retired", "from": "2026-01-01"}
    answer = client.post(f"/v1/accounts/{person}/enrolments", json=body, headers=key())
    assert answer.status_code == 201, answer.text
    state: Any = client.app.state.ledger  # type: ignore[attr-defined]  # a TestClient keeps its app
    account = book_id_of(client.get(f"/v1/accounts/{person}").json()["account_no"])
    assert account is not None
    with state.engine.connect() as connection:
        months_of = [CreditRetiree(account, 202600 + month) for month in months]
        done = ledger.post(connection, months_of, *state.clock(), state.policies)
    assert all(isinstance(one, ledger.Posted) for one in done)
    return person


def test_what_the_report_of_a_death_took_back_is_not_reversed_again(client: TestClient) -> None:
    person = str(open_account(client)["account_no"])
    credited = contribute(client, person, period="2026-07", effective_on="2026-07-20")
    die(client, person, "2026-06-20")
    reversal = {"reason": "credited after death"}
    answer = client.post(f"/v1/entries/{credited['entry']}/reversal", json=reversal, headers=key())
    assert refusal(answer) == (409, "already_reversed")


def test_retiree_credits_for_months_after_a_late_death_go_back_with_the_report(client: TestClient) -> None:
    late, prompt = retiree(client, [5, 6, 7, 8, 9]), retiree(client, [5, 6])
    told = die(client, late, "2026-06-20")
    die(client, prompt, "2026-06-20")
    assert told["died_on"] == "2026-06-20"
    assert shown(client, late)["balance"] == "220.00"
    back = client.get(f"/v1/accounts/{late}/entries", params={"kind": "credit_back"}).json()["items"]
    assert sorted((entry["period"], entry["amount"], entry["effective_on"]) for entry in back) == [
        ("2026-07", "110.00", "2026-07-01"),
        ("2026-08", "110.00", "2026-08-01"),
        ("2026-09", "110.00", "2026-09-01"),
    ]
    # as if they had never been there, the interest too
    done, other = divide(client, late, [heir()]), divide(client, prompt, [heir()])
    for name in ("balance", "interest", "estate", "set_off"):
        assert done[name] == other[name]


def test_what_is_held_does_not_go_back(client: TestClient, hospital: str) -> None:
    """Of 220.00 an institution holds 150.00: 70.00 are there to go back, and the rest is owed."""
    person = retiree(client, [6, 7])
    hold = {
        "amount": "150.00",
        "expires_at": "2026-12-01T00:00:00Z",
        "institution": hospital,
        "source_ref": "held",
    }
    held = post(client, f"/v1/accounts/{person}/holds", hold)
    assert held.status_code == 201, held.text
    die(client, person, "2026-06-20")
    [death] = client.get(f"/v1/accounts/{person}/entries", params={"kind": "death"}).json()["items"]
    assert (death["facts"]["returned"], death["facts"]["receivable"]) == ("70.00", "40.00")
    stands = shown(client, person)
    assert (stands["balance"], stands["available"]) == ("150.00", "0.00")


def test_what_was_spent_of_them_is_owed_and_set_off(client: TestClient) -> None:
    person = retiree(client, [5, 6, 7, 8])
    body = spending(amount="400.00", effective_on="2026-08-20")
    spent = post(client, f"/v1/accounts/{person}/spendings", body).json()["entry"]
    told = die(client, person, "2026-06-20")
    assert shown(client, person)["balance"] == "0.00"
    # of the last month 40.00 are there; what was spent after the death is named, and keeps the estate open
    assert (told["taken_back"], told["still_owed"]) == (
        [{"period": "2026-07", "amount": "0.00"}, {"period": "2026-08", "amount": "40.00"}], "180.00",
    )  # fmt: skip
    assert told["debits_after"] == [{"entry": spent, "amount": "400.00"}]
    [death] = client.get(f"/v1/accounts/{person}/entries", params={"kind": "death"}).json()["items"]
    assert (death["facts"]["returned"], death["facts"]["receivable"]) == ("40.00", "180.00")
    assert open_items(client, person) == [("debit_after_death", spent, "H0001")]
    assert post(client, f"/v1/entries/{spent}/reversal", {"reason": "never was"}).status_code == 201
    done = divide(client, person, [heir()])
    assert [(line["what"], line["owed"], line["amount"]) for line in done["set_off"]] == [
        ("late_credit", "70.00", "70.00"), ("late_credit", "110.00", "110.00"),
    ]  # fmt: skip
    assert done["estate"] == format_sum(done, -180)


def format_sum(done: Any, more: int) -> str:
    fen = sum(round(float(done[name]) * 100) for name in ("balance", "interest")) + more * 100
    return f"{fen // 100}.{fen % 100:02d}"


def test_a_contribution_for_a_month_after_death_goes_back_to_its_payer(client: TestClient) -> None:
    person = str(open_account(client, opened_on="2026-01-05")["number"])
    contribute(client, person, "50.00", period="2026-06", effective_on="2026-06-20")
    contribute(client, person, "70.00", period="2026-07", effective_on="2026-07-20")
    die(client, person, "2026-06-20")
    assert shown(client, person)["balance"] == "50.00"


def test_what_an_employer_paid_for_a_month_after_death_goes_back_with_the_report(client: TestClient) -> None:
    employer = new_employer(client)
    person = hire(client)
    for period, day in (("2026-06", "2026-07-10"), ("2026-07", "2026-08-10")):
        owe(client, employer, period, {person: "8000.00"})
        pay(client, employer, period, "760.00", day)
    told = die(client, person, "2026-06-20")
    assert told["taken_back"] == [{"period": "2026-07", "amount": "160.00"}]
    assert (told["debits_after"], told["still_owed"]) == ([], "0.00")
    [death] = client.get(f"/v1/accounts/{person}/entries", params={"kind": "death"}).json()["items"]
    assert (death["facts"]["returned"], death["facts"]["receivable"]) == ("160.00", "0.00")
    # on the day on which it came: nobody has had it
    [back] = client.get(f"/v1/accounts/{person}/entries", params={"kind": "refund_to_payer"}).json()["items"]
    assert (back["amount"], back["period"], back["effective_on"]) == ("160.00", "2026-07", "2026-08-10")
    months = client.get(f"/v1/employers/{employer}/payments/2026-07").json()["items"]
    assert [(one["employee"], one["employer"], one["paid"]) for one in months] in (
        [], [("0.00", "0.00", "0.00")],
    )  # fmt: skip
    assert shown(client, person)["balance"] == "160.00"
    assert ask(client, person, [heir()]).status_code == 200


# -- mutual aid of somebody who dies ------------------------------------------------------------------------


def test_what_relatives_had_reserved_for_the_dead_is_theirs_again(client: TestClient) -> None:
    recipient = new_patient(client)
    donors = [new_patient(client, "500.00"), new_patient(client, "300.00")]
    quotas = [give(client, donor, recipient, "200.00", rank) for rank, donor in enumerate(donors, start=1)]
    back = give(client, donors[0], donors[1], "50.00")
    for donor, available in zip(donors, ("250.00", "100.00"), strict=True):
        assert shown(client, donor)["available"] == available
    die(client, recipient)
    assert [shown(client, donor)["available"] for donor in donors] == ["450.00", "300.00"]
    for quota in quotas:
        answer = client.post(f"/v1/quotas/{quota['quota']}/end", json={}, headers=key())
        assert refusal(answer) == (409, "quota_ended")
    # and what was given to others stands
    assert end(client, back["quota"])


def test_donor_and_recipient_of_each_other(client: TestClient) -> None:
    one, other = new_patient(client, "500.00"), new_patient(client, "300.00")
    give(client, one, other, "200.00")
    give(client, other, one, "100.00")
    die(client, one)
    assert [shown(client, who)["available"] for who in (one, other)] == ["500.00", "300.00"]
    die(client, other)
    for who in (one, other):
        assert divide(client, who, [heir()])["set_off"] == []


def test_a_quota_is_freed_also_of_a_frozen_donor(client: TestClient) -> None:
    recipient, donor = new_patient(client), new_patient(client, "500.00")
    give(client, donor, recipient, "200.00")
    freeze = {"authority": "court", "document": "1", "from": TODAY.isoformat()}
    assert post(client, f"/v1/accounts/{donor}/freezes", freeze).status_code == 201
    die(client, recipient)
    assert shown(client, donor)["available"] == "500.00"


# -- the odd fen --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", range(6))
def test_heirs_alike_in_all_get_the_odd_fen_by_the_lowest_id_number(client: TestClient, turn: int) -> None:
    """Three children of one birthday, in every order in which they may be named: 0.02 for the two lowest."""
    person = rich(client, "100.01")
    numbers = sorted(id_number() for _ in range(3))
    assert len({number[6:14] for number in numbers}) == 1
    die(client, person)
    named = list(itertools.permutations(numbers))[turn]
    done = show(client, person, [heir(number) for number in named])
    got = dict(zip(named, amounts(done), strict=True))
    assert [got[number] for number in numbers] == ["33.34", "33.34", "33.33"]


@pytest.mark.parametrize("named", list(itertools.permutations(["王二", "李四", "赵六"])))
def test_heirs_without_a_number_go_as_they_are_named(client: TestClient, named: tuple[str, ...]) -> None:
    person = rich(client, "100.01")
    die(client, person)
    done = show(client, person, [{"name": name, "relation": "child"} for name in named])
    assert amounts(done) == ["33.34", "33.34", "33.33"]


def test_the_day_before_the_death_is_the_last_of_a_month(client: TestClient) -> None:
    """A credit for the month of the death itself stays, whatever its day."""
    person = retiree(client, [6, 7])
    with on(client, date(2026, 11, 21)):
        die(client, person, "2026-06-01")
    assert shown(client, person)["balance"] == "110.00"
    assert DIED > "2026-06-01"


# -- what comes after the account is closed -----------------------------------------------------------------


@pytest.fixture(scope="module")
def away(client: TestClient) -> str:
    """A hospital of level 3 in another area: without a referral it costs points."""
    return new_institution(client, area="990200")


def file(client: TestClient, person: str, kind: str = "referred") -> None:
    body = {"kind": kind, "from": "2026-01-01", "to": "2026-12-31", "area": "990200"}
    answer = post(client, f"/v1/accounts/{person}/filings", body)
    assert answer.status_code == 201, answer.text


def close_year(client: TestClient, person: str, status: int = 201, **more: Any) -> Any:
    answer = post(client, f"/v1/annual-settlements/2026/{person}", {}, **more)
    return taken(answer, AnnualStatementAnswer, status)


def inpatient(client: TestClient, away: str, person: str, **more: Any) -> Any:
    told = {"care_type": "inpatient", "use_account": True} | more
    return settle(client, away, person, [("A", "20000.00")], **told)


@pytest.mark.parametrize("account", ["0.00", "8000.00"], ids=["cash", "account"])
def test_an_annual_settlement_after_closing_goes_to_the_heirs(
    client: TestClient, away: str, account: str
) -> None:
    """E48: 1,910.00 more, of cash or of the account's money, in the shares of the estate."""
    person = new_patient(client, account)
    inpatient(client, away, person)
    file(client, person)
    child = str(open_account(client, opened_on="2026-01-05")["number"])
    die(client, person)
    divide(client, person, [heir(share="1/2"), heir(child, share="1/2")])
    before = fen(shown(client, child)["balance"])
    dry = close_year(client, person, 200, params={"dry_run": "true"})
    told = close_year(client, person)
    for one in (dry, told):
        payments = one["payments"]
        assert (payments["to_heirs"], payments["to_bank"], payments["to_account"]) == (
            "1910.00", "0.00", "0.00",
        )  # fmt: skip
    assert fen(shown(client, child)["balance"]) - before == 95_500
    assert shown(client, person)["balance"] == "0.00"
    assert close_year(client, person, 200)["statement"] == told["statement"]
    assert fen(shown(client, child)["balance"]) - before == 95_500


def fen(yuan: str) -> int:
    return round(float(yuan) * 100)


def test_an_annual_settlement_after_closing_claims_from_nobody(client: TestClient, hospital: str) -> None:
    """Enrolled only until May after all: what the fund had paid in June is asked back from nobody."""
    person = new_patient(client)
    body = {"member_class": "active", "from": "2026-01-01"}
    enrolled = post(client, f"/v1/accounts/{person}/enrolments", body).json()
    settle(client, hospital, person, [("A", "2000.00")], care_date="2026-06-10", use_account=False)
    ended = post(client, f"/v1/enrolments/{enrolled['enrolment']}/end", {"to": "2026-05-31"})
    assert ended.status_code == 201, ended.text
    die(client, person)
    divide(client, person, [heir()])
    told = close_year(client, person)
    assert set(told["payments"].values()) == {"0.00"}
    assert close_year(client, person, 200)["statement"] == told["statement"]


def test_a_year_that_asked_money_back_is_set_off_in_the_estate(client: TestClient, hospital: str) -> None:
    person = new_patient(client)
    body = {"member_class": "active", "from": "2026-01-01"}
    enrolled = post(client, f"/v1/accounts/{person}/enrolments", body).json()
    settle(client, hospital, person, [("A", "2000.00")], care_date="2026-06-10", use_account=False)
    ended = post(client, f"/v1/enrolments/{enrolled['enrolment']}/end", {"to": "2026-05-31"})
    assert ended.status_code == 201, ended.text
    owed = close_year(client, person)["payments"]["still_owed"]
    assert owed == "840.00"
    contribute(client, person, "1000.00", period="2026-11", effective_on=TODAY.isoformat())
    die(client, person)
    done = divide(client, person, [heir()])
    assert done["set_off"] == [
        {"what": "annual_settlement", "name": "2026", "owed": "840.00", "amount": "840.00"}
    ]
    assert done["estate"] == "160.00"


def test_of_a_year_the_last_statement_says_what_is_owed(client: TestClient, hospital: str) -> None:
    """Enrolled until May, then for June after all: what the first one asked back is owed no more."""
    person = new_patient(client)
    body = {"member_class": "active", "from": "2026-01-01"}
    enrolled = post(client, f"/v1/accounts/{person}/enrolments", body).json()
    settle(client, hospital, person, [("A", "2000.00")], care_date="2026-06-10", use_account=False)
    ended = post(client, f"/v1/enrolments/{enrolled['enrolment']}/end", {"to": "2026-05-31"})
    assert ended.status_code == 201, ended.text
    assert close_year(client, person)["payments"]["still_owed"] == "840.00"
    again = post(client, f"/v1/accounts/{person}/enrolments", body | {"from": "2026-06-01"})
    assert again.status_code == 201, again.text
    assert close_year(client, person)["payments"]["still_owed"] == "0.00"
    contribute(client, person, "1000.00", period="2026-11", effective_on=TODAY.isoformat())
    die(client, person)
    assert divide(client, person, [heir()])["set_off"] == []


# -- what a year gives back of relatives' money -------------------------------------------------------------


def aided(
    client: TestClient, away: str, quotas: Sequence[str], **more: Any
) -> tuple[str, list[str], list[str]]:
    """A patient whose bill of 7,012.00 relatives paid, with the donors and their quotas."""
    person = new_patient(client)
    donors = [new_patient(client, "9000.00") for _ in quotas]
    given = [
        str(give(client, donor, person, amount, rank)["quota"])
        for rank, (donor, amount) in enumerate(zip(donors, quotas, strict=True), start=1)
    ]
    inpatient(client, away, person, **more)
    file(client, person)
    return person, donors, given


def free(client: TestClient, donor: str) -> tuple[int, int]:
    """(balance, what of it is reserved), in fen."""
    seen = shown(client, donor)
    return fen(seen["balance"]), fen(seen["balance"]) - fen(seen["available"])


def test_what_comes_back_of_relatives_money_goes_into_the_quotas_that_paid(
    client: TestClient, away: str
) -> None:
    """7,012.00: 5,012.00 of the first and 2,000.00 of the second, who gets back first."""
    person, donors, _quotas = aided(client, away, ["5012.00", "2000.00"])
    assert [free(client, donor) for donor in donors] == [(398_800, 0), (700_000, 0)]
    told = close_year(client, person)
    assert (told["payments"]["to_relatives"], told["payments"]["to_account"]) == ("1910.00", "0.00")
    assert [free(client, donor) for donor in donors] == [(398_800, 0), (891_000, 191_000)]
    assert shown(client, person)["balance"] == "0.00"
    assert close_year(client, person, 200)["statement"] == told["statement"]
    # better still: 1,910.00 more, of which the second is owed 90.00
    file(client, person, "long_term")
    told = close_year(client, person)
    assert told["payments"]["to_relatives"] == "1910.00"
    assert [free(client, donor) for donor in donors] == [(580_800, 182_000), (900_000, 200_000)]


@pytest.mark.parametrize("how", ["quota ended", "frozen", "dead", "closed"])
def test_whatever_became_of_the_donor(client: TestClient, away: str, how: str) -> None:
    person, [donor], [quota] = aided(client, away, ["7012.00"])
    child = str(open_account(client, opened_on="2026-01-05")["number"])
    if how == "quota ended":
        end(client, quota)
    elif how == "frozen":
        freeze = {"authority": "court", "document": "1", "from": TODAY.isoformat()}
        assert post(client, f"/v1/accounts/{donor}/freezes", freeze).status_code == 201
    else:
        die(client, donor)
    if how == "closed":
        divide(client, donor, [heir(child)])
    before, inherited = free(client, donor), fen(shown(client, child)["balance"])
    assert close_year(client, person)["payments"]["to_relatives"] == "1910.00"
    balance, reserved = free(client, donor)
    if how == "closed":
        assert (balance, reserved) == (0, 0)
        assert fen(shown(client, child)["balance"]) - inherited == 191_000
    else:
        assert balance - before[0] == 191_000
        assert reserved == (191_000 if how == "frozen" else 0)
    if how == "dead":
        divide(client, donor, [heir(child)])
        assert fen(shown(client, child)["balance"]) >= balance


def test_of_a_closed_account_relatives_get_theirs_and_the_heirs_the_rest(
    client: TestClient, away: str
) -> None:
    person, [donor], _quotas = aided(client, away, ["1000.00"])
    child = str(open_account(client, opened_on="2026-01-05")["number"])
    file(client, person, "long_term")
    die(client, person)
    divide(client, person, [heir(child)])
    before = free(client, donor)[0]
    # 3,820.00 in all: 6,012.00 were cash, and come first
    told = close_year(client, person)["payments"]
    assert (told["to_relatives"], told["to_heirs"]) == ("0.00", "3820.00")
    assert free(client, donor)[0] == before
    assert shown(client, child)["balance"] == "3820.00"


def test_a_bill_that_is_taken_back_after_its_year_gave_money_back(client: TestClient, away: str) -> None:
    """The quota is never fuller than it was given, and the relative has what was there before: no more."""
    person, donor = new_patient(client), new_patient(client, "9000.00")
    give(client, donor, person, "7012.00")
    bill = inpatient(client, away, person)
    file(client, person)
    close_year(client, person)
    reverse(client, bill["settlement"])
    balance, reserved = free(client, donor)
    assert reserved == 701_200
    assert balance == 900_000
    # the year again: nothing is owed, and nothing taken from the heirs
    assert close_year(client, person)["payments"]["still_owed"] == "0.00"
    assert free(client, donor) == (900_000, 701_200)
    child = str(open_account(client, opened_on="2026-01-05")["number"])
    die(client, person)
    assert divide(client, person, [heir(child)])["set_off"] == []
