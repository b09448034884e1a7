"""A report that a unit does not pay opens with the unpaid months that are the asker's to see (art. 4)."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.book.numbers import book_id_of
from ledger.chart.channels import AccessChannel, FieldGroup
from tests.access.test_api_read_log import reads
from tests.cases.test_api_cases_opened import counted
from tests.support.api_client import bearer, id_number, key
from tests.support.case_client import ask, clerk, opened, today, view
from tests.support.employer_client import hire, new_employer, owe, pay, refusal
from tests.support.estate_client import die
from tests.support.inquiry_client import own

C = AccessChannel
REPORT = "unit_supervision"
# of a wage of 8000: 2 % and 7.5 %
OF_ONE = "760.00"


def enrol(client: TestClient, number: str, employer: str, first: str, **more: Any) -> str:
    body = {"member_class": "active", "employer": employer, "from": first} | more
    answer = client.post(f"/v1/accounts/{number}/enrolments", json=body, headers=key())
    assert answer.status_code == 201, answer.text
    return str(answer.json()["enrolment"])


def months(found: Any) -> list[tuple[str, str, str, str]]:
    return [(one["period"], one["state"], one["assessed"], one["paid"]) for one in found["unpaid_months"]]


def report(client: TestClient, headers: Any = None, **more: Any) -> Any:
    path = "/v1/me/cases" if headers and more.get("channel") == "online" else "/v1/cases"
    answer = ask(client, headers, path, kind=REPORT, **more)
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def unit(client: TestClient) -> dict[str, str]:
    """June unpaid, July paid in part, August paid late, September in time; October is not due at all."""
    employer = new_employer(client)
    first, second = hire(client), hire(client)
    for period in ("2026-06", "2026-07", "2026-08", "2026-09"):
        owe(client, employer, period, {first: "8000.00", second: "8000.00"})
    # with a late fee of 35 days: 26.60
    pay(client, employer, "2026-08", "1546.60", "2026-10-20")
    pay(client, employer, "2026-09", "1520.00", "2026-10-08")
    pay(client, employer, "2026-07", "760.00", "2026-08-10")
    return {"employer": employer, "first": first, "second": second}


def test_the_agency_sees_what_the_unit_owes(client: TestClient, unit: dict[str, str]) -> None:
    found = report(client, about={"employer": unit["employer"]})
    assert months(found) == [
        ("2026-06", "unpaid", "1520.00", "0.00"),
        ("2026-07", "partly_paid", "1520.00", "760.00"),
    ]
    assert [one["owed"] for one in found["unpaid_months"]] == ["1520.00", "760.00"]
    assert {one["employer"] for one in found["unpaid_months"]} == {unit["employer"]}
    seen = view(client, found["case"])
    assert seen["unpaid_months"] == found["unpaid_months"]
    assert [(one["period"], one["assessed"], one["paid"]) for one in seen["unpaid_at_opening"]] == [
        ("2026-06", "1520.00", "0.00"),
        ("2026-07", "1520.00", "760.00"),
    ]


def test_a_person_sees_what_was_for_them(client: TestClient, keys: Path, unit: dict[str, str]) -> None:
    me = own(client, keys, unit["first"])
    found = report(client, me, about={"employer": unit["employer"]}, channel="online")
    assert months(found) == [
        ("2026-06", "unpaid", OF_ONE, "0.00"),
        ("2026-07", "partly_paid", OF_ONE, "380.00"),
    ]
    # nothing of what is for others
    assert "1520" not in json.dumps(found)
    seen = view(client, found["case"], me, "/v1/me/cases")
    assert seen["unpaid_months"] == found["unpaid_months"]
    assert "1520" not in json.dumps(seen)
    # the agency sees in the same case what the unit owes for all
    assert months(view(client, found["case"]))[0] == ("2026-06", "unpaid", "1520.00", "0.00")


def test_about_an_account_it_is_what_every_unit_owes_for_it(client: TestClient, keys: Path) -> None:
    person, first, second = hire(client), new_employer(client), new_employer(client)
    owe(client, first, "2026-06", {person: "8000.00"})
    owe(client, second, "2026-07", {person: "8000.00"})
    found = report(client, about={"account": person})
    assert [
        (one["employer"], *said) for one, said in zip(found["unpaid_months"], months(found), strict=True)
    ] == [
        (first, "2026-06", "unpaid", OF_ONE, "0.00"),
        (second, "2026-07", "unpaid", OF_ONE, "0.00"),
    ]
    me = own(client, keys, person)
    mine = report(client, me, channel="online")
    assert mine["unpaid_months"] == found["unpaid_months"]
    one_unit = report(client, me, about={"employer": second}, channel="online")
    assert [one["period"] for one in one_unit["unpaid_months"]] == ["2026-07"]


def test_an_employer_without_debts(client: TestClient, keys: Path) -> None:
    employer, person = new_employer(client), hire(client)
    owe(client, employer, "2026-06", {person: "8000.00"})
    pay(client, employer, "2026-06", OF_ONE, "2026-07-08")
    assert report(client, about={"employer": employer})["unpaid_months"] == []
    me = own(client, keys, person)
    assert report(client, me, about={"employer": employer}, channel="online")["unpaid_months"] == []
    case = report(client, about={"account": person})["case"]
    assert (view(client, case)["unpaid_months"], view(client, case)["unpaid_at_opening"]) == ([], [])


def test_what_is_paid_since_is_no_longer_unpaid(client: TestClient) -> None:
    employer, person = new_employer(client), hire(client)
    owe(client, employer, "2026-06", {person: "8000.00"})
    case = report(client, about={"employer": employer})["case"]
    # with the late fee
    pay(client, employer, "2026-06", "900.00", "2026-11-20")
    seen = view(client, case)
    assert (seen["unpaid_months"], len(seen["unpaid_at_opening"])) == ([], 1)


@pytest.mark.parametrize(
    ("day", "unpaid"),
    # October is due on 15 November in the example area
    [("2026-11-14", []), ("2026-11-15", []), ("2026-11-16", ["2026-10"])],
)
def test_a_month_is_unpaid_from_the_day_after_it_is_due(
    client: TestClient, day: str, unpaid: list[str]
) -> None:
    employer, person = new_employer(client), hire(client)
    owe(client, employer, "2026-10", {person: "8000.00"})
    with today(client, date.fromisoformat(day)):
        for about in ({"employer": employer}, {"account": person}):
            found = report(client, about=about)["unpaid_months"]
            assert [one["period"] for one in found] == unpaid


def test_months_before_and_after_the_employment_are_not_the_persons(client: TestClient, keys: Path) -> None:
    employer, stays, goes = new_employer(client), hire(client), hire(client)
    for person in (stays, goes):
        enrolment = enrol(client, person, employer, "2026-05-01")
        if person == goes:
            ended = client.post(f"/v1/enrolments/{enrolment}/end", json={"to": "2026-06-30"}, headers=key())
            assert ended.status_code == 201, ended.text
    owe(client, employer, "2026-05", {stays: "8000.00", goes: "8000.00"})
    owe(client, employer, "2026-06", {stays: "8000.00", goes: "8000.00"})
    owe(client, employer, "2026-07", {stays: "8000.00"})
    found = {
        person: [
            one["period"]
            for one in report(
                client, own(client, keys, person), about={"employer": employer}, channel="online"
            )["unpaid_months"]
        ]
        for person in (stays, goes)
    }
    assert found[goes] == ["2026-05", "2026-06"]
    assert found[stays][:3] == ["2026-05", "2026-06", "2026-07"]


def test_who_was_left_off_the_list_is_told(client: TestClient, keys: Path) -> None:
    """The unit declared June and left somebody out who is enrolled with it."""
    employer, listed, left_out = new_employer(client), hire(client), hire(client)
    enrol(client, left_out, employer, "2026-06-01", to="2026-07-31")
    owe(client, employer, "2026-06", {listed: "8000.00"})
    pay(client, employer, "2026-06", OF_ONE, "2026-07-08")
    found = report(client, own(client, keys, left_out), about={"employer": employer}, channel="online")
    assert months(found) == [
        ("2026-06", "not_declared", "0.00", "0.00"),
        ("2026-07", "not_declared", "0.00", "0.00"),
    ]
    seen = view(client, found["case"])
    assert [one["period"] for one in seen["unpaid_at_opening"]] == ["2026-06", "2026-07"]


def test_what_an_earlier_system_may_know_is_not_said(client: TestClient, keys: Path) -> None:
    """Enrolled for years, and the unit has no month here yet: nobody knows what was paid elsewhere."""
    employer, person = new_employer(client), hire(client)
    enrol(client, person, employer, "2020-01-01")
    found = report(client, own(client, keys, person), about={"employer": employer}, channel="online")
    assert found["unpaid_months"] == []
    # the enrolment was recorded in November: that month is due on 15 December
    for day, unpaid in ((15, []), (16, ["2026-11"])):
        with today(client, date(2026, 12, day)):
            later = report(client, own(client, keys, person), about={"employer": employer}, channel="online")
        assert [one["period"] for one in later["unpaid_months"]] == unpaid


def test_somebody_else_sees_nothing_of_the_unit(client: TestClient, keys: Path, unit: dict[str, str]) -> None:
    stranger = hire(client)
    for number in (stranger, id_number()):
        me = own(client, keys, number)
        found = report(client, me, about={"employer": unit["employer"]}, channel="online")
        assert found["unpaid_months"] == []
        assert view(client, found["case"], me, "/v1/me/cases")["unpaid_months"] == []


def test_what_is_told_of_a_person_is_recorded(
    client: TestClient, engine: Engine, keys: Path, unit: dict[str, str]
) -> None:
    account = client.get(f"/v1/accounts/{unit['first']}").json()["account_no"]
    before = len(reads(engine))
    report(client, clerk(keys), about={"account": unit["first"]})
    [read] = reads(engine)[before:]
    assert (read.book_id, FieldGroup(read.fields), read.purpose) == (
        book_id_of(account), FieldGroup.PAYMENTS, "complaint"
    )  # fmt: skip
    # of a unit alone nobody's data is told
    before = len(reads(engine))
    report(client, about={"employer": unit["employer"]})
    assert len(reads(engine)) == before
    # whoever looks at what somebody reported looks at that person's case
    me = own(client, keys, unit["first"])
    case = report(client, me, about={"employer": unit["employer"]}, channel="online")["case"]
    view(client, case, clerk(keys))
    log = client.get("/v1/me/access-log", headers=me).json()["items"]
    assert (log[0]["channel"], log[0]["fields"]) == ("window", ["identity_masked", "payments"])


def test_when_it_cannot_be_recorded_nothing_is_told_or_written(
    client: TestClient, engine: Engine, keys: Path, unit: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    body: dict[str, Any] = {"about": {"account": unit["second"]}, "text": "只此一次", "kind": REPORT}
    me = own(client, keys, unit["second"])
    doors: list[tuple[Any, str, dict[str, Any]]] = [
        (None, "/v1/cases", body),
        (clerk(keys), "/v1/cases", body),
        (me, "/v1/me/cases", body | {"channel": "online"}),
        (me, "/v1/me/cases", body | {"channel": "online", "about": {"employer": unit["employer"]}}),
    ]
    before = counted(engine)
    with monkeypatch.context() as patched:
        patched.setattr("ledger.access.read_log.WAITING_MAX", 0)
        for headers, path, said in doors:
            assert refusal(ask(client, headers, path, **said)) == (503, "read_log_unavailable")
    assert counted(engine) == before
    for headers, path, said in doors:
        case = ask(client, headers, path, **said)
        assert case.status_code == 201
        assert ask(client, headers, path, **said).json() == case.json()
    assert counted(engine) == before + len(doors)


# -- what is shown is asked for with a purpose ---------------------------------------------------------------


@pytest.mark.parametrize("about", ["account", "employer"])
def test_months_at_the_window_ask_for_a_purpose(
    client: TestClient, engine: Engine, keys: Path, unit: dict[str, str], about: str
) -> None:
    name = unit["first"] if about == "account" else unit["employer"]
    before = counted(engine)
    for purpose, code in ((None, "purpose_missing"), ("no_word", "purpose_not_allowed")):
        headers = bearer(keys, purpose, channel=C.WINDOW, actor="clerk-9")
        assert refusal(ask(client, headers, kind=REPORT, about={about: name})) == (403, code)
    assert counted(engine) == before
    assert report(client, clerk(keys), about={about: name})["unpaid_months"]
    # whoever shows no months asks for none: a question, the telephone; nor does a system
    assert ask(client, bearer(keys, channel=C.WINDOW), about={about: name}).status_code == 201
    told = ask(client, bearer(keys, channel=C.PHONE), channel="phone", kind=REPORT, about={about: name})
    assert told.status_code == 201
    assert told.json().get("unpaid_months") is None
    assert ask(client, kind=REPORT, about={about: name}).status_code == 201


@pytest.mark.parametrize("channel", [C.ONLINE, C.KIOSK])
def test_months_of_ones_own_ask_for_a_purpose(
    client: TestClient, keys: Path, unit: dict[str, str], channel: AccessChannel
) -> None:
    nobody = own(client, keys, unit["first"], channel, None)
    body = {"kind": REPORT, "channel": channel.word, "about": {"employer": unit["employer"]}}
    for path in ("/v1/me/cases", "/v1/cases"):
        assert refusal(ask(client, nobody, path, **body)) == (403, "purpose_missing")
        assert ask(client, own(client, keys, unit["first"], channel), path, **body).status_code == 201
    assert ask(client, nobody, "/v1/me/cases", channel=channel.word).status_code == 201


def test_months_of_the_dead_are_not_shown_at_the_window(
    client: TestClient, engine: Engine, keys: Path, unit: dict[str, str]
) -> None:
    person = hire(client)
    owe(client, new_employer(client), "2026-06", {person: "8000.00"})
    account = client.get(f"/v1/accounts/{person}").json()["account_no"]
    death = die(client, account)["entry"]
    before = counted(engine)
    for purpose in ("own_request", "estate", f"estate; ref={unit['first'][6:]}"):
        answer = ask(client, clerk(keys, purpose=purpose), kind=REPORT, about={"account": account})
        assert refusal(answer) == (403, "purpose_not_allowed")
    assert counted(engine) == before
    heirs = clerk(keys, purpose=f"estate; ref={death}")
    assert [one["period"] for one in report(client, heirs, about={"account": account})["unpaid_months"]]


def test_a_persons_own_list_asks_for_a_purpose_at_both_doors(
    client: TestClient, engine: Engine, keys: Path, unit: dict[str, str]
) -> None:
    me = own(client, keys, unit["first"])
    opened(client, me, "/v1/me/cases", channel="online")
    for channel in (C.ONLINE, C.KIOSK):
        for path in ("/v1/cases", "/v1/me/cases"):
            asks = [own(client, keys, unit["first"], channel, purpose) for purpose in (None, "no_word")]
            assert [refusal(client.get(path, headers=one))[1] for one in asks] == [
                "purpose_missing", "purpose_not_allowed"
            ]  # fmt: skip
    before = len(reads(engine))
    assert client.get("/v1/cases?limit=1", headers=me).json()["items"]
    [read] = reads(engine)[before:]
    assert (read.purpose, FieldGroup(read.fields)) == ("own_request", FieldGroup.IDENTITY_MASKED)
    # the worklist names nobody
    before = len(reads(engine))
    assert client.get("/v1/cases", headers=bearer(keys, channel=C.WINDOW)).status_code == 200
    assert len(reads(engine)) == before


def test_a_question_shows_no_months(client: TestClient, unit: dict[str, str]) -> None:
    case = opened(client, about={"employer": unit["employer"]})
    assert (view(client, case)["unpaid_months"], view(client, case)["unpaid_at_opening"]) == (None, None)
