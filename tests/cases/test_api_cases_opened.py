"""Cases are opened: by whom, about what, through which channel, and by when they are due."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, select

from ledger import tables
from ledger.chart.channels import AccessChannel
from tests.support.api_client import bearer, contribute, id_number, open_account, running
from tests.support.care_client import new_institution, new_resident
from tests.support.case_client import answered, ask, case_body, clerk, listed, opened, today, view
from tests.support.documents_client import printed
from tests.support.employer_client import new_employer, refusal
from tests.support.inquiry_client import own
from tests.support.old_rows import as_before_numbers_were_refused
from tests.support.units import credit_code

C = AccessChannel


@pytest.fixture(scope="module")
def account(client: TestClient) -> Any:
    return open_account(client)


@pytest.fixture(scope="module")
def employer(client: TestClient) -> str:
    return new_employer(client)


def counted(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(tables.inquiry_case)).scalar_one()


# -- the answer, and the day ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "days", "due"),
    [
        ("question", 5, "2026-11-27"),
        ("complaint", 15, "2026-12-11"),
        ("objection", 20, "2026-12-18"),
    ],
)
def test_what_is_answered(client: TestClient, account: Any, kind: str, days: int, due: str) -> None:
    answer = ask(client, kind=kind, about={"account": account["account_no"]})
    assert answer.status_code == 201
    case = answer.json()
    assert case == {"case": case["case"], "due_on": due, "working_days": days, "state": "open"}
    assert len(case["case"]) == 20


def test_a_report_of_a_unit_says_what_is_unpaid(client: TestClient, employer: str) -> None:
    case = ask(client, kind="unit_supervision", about={"employer": employer}).json()
    assert {**case, "case": ""} == {
        "case": "",
        "due_on": "2026-12-18",
        "working_days": 20,
        "state": "open",
        "unpaid_months": [],
    }


def test_over_the_spring_festival(engine: Engine, tmp_path: Path) -> None:
    """15 to 23 February 2026 are off; Saturday the 14th and Saturday the 28th are worked."""
    with running(engine, tmp_path) as client:
        number = open_account(client, opened_on="2026-01-05")["number"]
        for opened_on, due in (
            ("2026-02-12", "2026-02-26"),
            ("2026-02-13", "2026-02-27"),
            ("2026-02-14", "2026-02-28"),
            ("2026-02-18", "2026-02-28"),
            ("2026-02-23", "2026-02-28"),
            ("2026-02-24", "2026-03-02"),
        ):
            with today(client, date.fromisoformat(opened_on)):
                case = ask(client, about={"account": number}).json()
            assert (case["due_on"], case["working_days"]) == (due, 5)


def test_a_year_without_a_calendar_is_said(client: TestClient, account: Any) -> None:
    with today(client, date(2026, 12, 24)):
        before = ask(client, about={"account": account["number"]}).json()
        after = ask(client, about={"account": account["number"]}, kind="complaint").json()
    assert (before["due_on"], after["due_on"]) == ("2026-12-31", "2027-01-14")
    assert [view(client, one["case"])["by_calendar"] for one in (before, after)] == [True, False]


# -- about what ----------------------------------------------------------------------------------------------


def test_about_an_account_by_its_number_or_an_id_number(client: TestClient, account: Any) -> None:
    for name in (account["account_no"], account["number"], f" {account['account_no'].lower()} "):
        answer = ask(client, about={"account": name})
        assert answer.status_code == 201
        case = view(client, answer.json()["case"])
        assert case["about"] == {"account": account["account_no"]}
        assert account["number"] not in json.dumps(case)


def test_about_an_employer_and_entries(client: TestClient, account: Any, employer: str) -> None:
    entry = contribute(client, account["account_no"])["entry"]
    for about, shown in (
        ({"employer": employer}, {"employer": employer}),
        ({"entry": entry}, {"entry": entry}),
        ({"entry": entry.lower()}, {"entry": entry}),
    ):
        assert view(client, opened(client, about=about))["about"] == shown
    case = view(client, opened(client, about={"entry": entry}))
    assert case["case"] in {one["case"] for one in listed(client, clerk_headers(client), limit=500)}


def clerk_headers(client: TestClient) -> dict[str, Any]:
    app: Any = client.app
    return clerk(app.state.ledger.settings.jwks_file.parent)


def test_about_a_resident(client: TestClient) -> None:
    number = new_resident(client, id_number())
    case = view(client, opened(client, about={"account": number}))
    assert case["about"]["account"].startswith("R")


@pytest.mark.parametrize(
    ("about", "said", "pointer"),
    [
        ({"account": "P000000000000Z"}, (404, "account_not_found"), "/about/account"),
        ({"account": "nobody"}, (404, "account_not_found"), "/about/account"),
        ({"employer": credit_code(999_999_001)}, (404, "employer_not_found"), "/about/employer"),
        ({"employer": "91"}, (422, "credit_code_invalid"), "/about/employer"),
        ({"entry": "x"}, (404, "entry_not_found"), "/about/entry"),
        ({"document": "2026-000001"}, (404, "document_not_found"), "/about/document"),
        ({}, (422, "shape_invalid"), "/about"),
        ({"account": None}, (422, "shape_invalid"), "/about"),
        ({"account": "x", "employer": "y"}, (422, "shape_invalid"), "/about"),
        ({"account": ""}, (422, "shape_invalid"), "/about/account"),
        ({"person": "x"}, (422, "unknown_field"), "/about/person"),
        ("x", (422, "shape_invalid"), "/about"),
    ],
)
def test_about_what_is_not_there(client: TestClient, about: Any, said: tuple[int, str], pointer: str) -> None:
    answer = ask(client, about=about)
    assert refusal(answer) == said
    problem = answer.json()
    assert [one["pointer"] for one in problem["errors"]] == [pointer]


def test_about_a_document(client: TestClient, keys: Path) -> None:
    """By its name, or by the serial number that stands on the paper; not about somebody else's."""
    mine, other = open_account(client), open_account(client)
    made = printed(client, f"/v1/accounts/{mine['account_no']}", kind="insured_proof")
    for called in (made["document"], made["serial"], f" {made['serial'].lower()} "):
        case = view(client, opened(client, about={"document": called}))
        assert case["about"] == {"document": made["document"]}
    me = own(client, keys, mine["number"])
    assert opened(client, me, "/v1/me/cases", channel="online", about={"document": made["serial"]})
    for name in (made["document"], made["serial"]):
        stranger = own(client, keys, other["number"])
        answer = ask(client, stranger, "/v1/me/cases", channel="online", about={"document": name})
        assert refusal(answer) == (404, "document_not_found")


def test_about_somebody_unknown_or_mistyped(client: TestClient) -> None:
    number = id_number()
    assert refusal(ask(client, about={"account": number})) == (404, "account_not_found")
    wrong = number[:-1] + ("1" if number[-1] != "1" else "2")
    answer = ask(client, about={"account": wrong})
    assert refusal(answer) == (422, "id_checksum")
    assert wrong not in answer.text


def test_about_an_entry_that_is_not_there(client: TestClient, account: Any) -> None:
    assert refusal(ask(client, about={"entry": f"{account['account_no']}-999"})) == (404, "entry_not_found")
    # the books of institutions are compared day by day instead
    hospital = new_institution(client)
    assert hospital
    assert refusal(ask(client, about={"entry": "H000000000000Z-1"})) == (404, "entry_not_found")


def test_a_report_of_a_unit_is_about_a_unit(client: TestClient, account: Any) -> None:
    entry = contribute(client, account["account_no"])["entry"]
    answer = ask(client, kind="unit_supervision", about={"entry": entry})
    assert refusal(answer) == (422, "shape_invalid")


# -- texts ---------------------------------------------------------------------------------------------------

RARE = "\u9fa5\U00020000\U0002a6d6\ue000？"


@pytest.mark.parametrize(
    "text",
    ["字", "字" * 4000, f"<script>alert('&amp;')</script> {RARE}", "一行\n\n又一行",
     "'; DROP TABLE inquiry_case; --", "=1+1", "a\u200bb", "{{7*7}}"],
)  # fmt: skip
def test_texts_are_kept_as_they_were_written(client: TestClient, account: Any, text: str) -> None:
    case = view(client, opened(client, about={"account": account["number"]}, text=text, reply_to=None))
    assert (case["text"], case["reply_to"]) == (text, None)


def test_ends_of_lines_and_blanks_around_are_one_way(client: TestClient, account: Any) -> None:
    case = view(client, opened(client, about={"account": account["number"]}, text=" 一\r\n二\r三 \n"))
    assert case["text"] == "一\n二\n三"


@pytest.mark.parametrize(
    "text",
    ["", " ", "\n\n", "\u200b", "字" * 4001, "a\x00b", "a\x1bb", "a\u202eb", None, 5, ["a"], "\u3000\u3000"],
)  # fmt: skip
def test_texts_that_are_none(client: TestClient, account: Any, text: Any) -> None:
    answer = ask(client, about={"account": account["number"]}, text=text)
    assert refusal(answer) == (422, "shape_invalid")
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/text"]


def test_where_the_answer_goes_is_bounded(client: TestClient, account: Any) -> None:
    about = {"account": account["number"]}
    longest = "路" * 200
    assert view(client, opened(client, about=about, reply_to=longest))["reply_to"] == longest
    for wrong in ("路" * 201, "", " ", "a\nb", 5):
        assert refusal(ask(client, about=about, reply_to=wrong)) == (422, "shape_invalid")


@pytest.mark.parametrize(
    "more", [{"kind": "wish"}, {"kind": None}, {"channel": "post"}, {"channel": 1}, {"urgent": True}]
)
def test_shapes_that_are_none(client: TestClient, account: Any, more: dict[str, Any]) -> None:
    answer = ask(client, about={"account": account["number"]}, **more)
    assert answer.status_code == 422
    assert answer.json()["code"] in {"shape_invalid", "unknown_field"}


def test_nothing_of_it_stands_plain_in_the_database(client: TestClient, engine: Engine, keys: Path) -> None:
    number = id_number()
    open_account(client, id_number=number)
    secret, phone, told = "秘密之事", "13911112222", "答复之辞"
    with as_before_numbers_were_refused():
        case = opened(client, about={"account": number}, text=f"{secret} {number}", reply_to=phone)
        answered(client, keys, case, text=f"{told} {number}", evidence=[f"证据 {number}"])
    with engine.connect() as connection:
        for table in ("inquiry_case", "inquiry_case_answer", "read_log"):
            rows = connection.execute(select(tables.metadata.tables[table])).all()
            held = b"|".join(bytes(one) for row in rows for one in row if isinstance(one, bytes | memoryview))
            plain = repr(rows)
            for text in (secret, phone, told, number):
                assert text not in plain
                assert text.encode() not in held


def test_numbers_in_a_text_are_whole_for_the_person_alone(client: TestClient, keys: Path) -> None:
    number, other = id_number(), id_number()
    open_account(client, id_number=number)
    me = own(client, keys, number)
    with as_before_numbers_were_refused():
        case = opened(client, me, "/v1/me/cases", channel="online", text=f"改为 {other}")
    assert view(client, case, me, "/v1/me/cases")["text"] == f"改为 {other}"
    assert other not in view(client, case)["text"]
    with as_before_numbers_were_refused():
        answered(client, keys, case, text=f"已改为 {other}")
    assert other not in json.dumps(view(client, case, me, "/v1/me/cases")["answer"])


# -- channels ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", ["window", "phone", "online", "kiosk", "system"])
def test_a_system_says_which_channel_it_was(client: TestClient, account: Any, channel: str) -> None:
    case = view(client, opened(client, about={"account": account["number"]}, channel=channel))
    assert case["channel"] == channel


def test_a_system_that_says_none_is_the_channel_itself(client: TestClient, account: Any) -> None:
    body = case_body(about={"account": account["number"]})
    del body["channel"]
    case = client.post("/v1/cases", json=body).json()["case"]
    assert view(client, case)["channel"] == "system"


def test_the_channel_is_that_of_the_token(client: TestClient, keys: Path, account: Any) -> None:
    about = {"account": account["number"]}
    at_window = bearer(keys, channel=C.WINDOW)
    # opening asks for no purpose
    assert ask(client, at_window, about=about).status_code == 201
    for other in ("phone", "online", "kiosk", "employer", "system"):
        assert refusal(ask(client, at_window, about=about, channel=other)) == (403, "channel_not_allowed")
    by_phone = bearer(keys, channel=C.PHONE)
    assert ask(client, by_phone, about=about, channel="phone").status_code == 201
    assert refusal(ask(client, by_phone, about=about)) == (403, "channel_not_allowed")


@pytest.mark.parametrize("channel", [C.AGENCY, C.AUDIT, C.ONLINE, C.KIOSK])
def test_channels_that_open_nothing(client: TestClient, keys: Path, account: Any, channel: C) -> None:
    """Online and at a kiosk a token that is nobody's opens nothing, and sees nothing."""
    headers = bearer(keys, "own_request", channel=channel)
    word = channel.word if channel in {C.ONLINE, C.KIOSK} else "window"
    answer = ask(client, headers, about={"account": account["number"]}, channel=word)
    assert refusal(answer) == (403, "channel_not_allowed")
    if channel is not C.AUDIT:
        assert refusal(client.get("/v1/cases", headers=headers))[0] == 403


def test_institutions_have_their_own_ways(client: TestClient, keys: Path, account: Any) -> None:
    headers = bearer(keys, "care", channel=C.INSTITUTION, institution=new_institution(client))
    assert refusal(ask(client, headers, about={"account": account["number"]})) == (403, "scope_missing")
    assert refusal(client.get("/v1/cases", headers=headers)) == (403, "scope_missing")


def test_by_telephone_no_months_are_told(client: TestClient, keys: Path, account: Any, employer: str) -> None:
    by_phone = bearer(keys, channel=C.PHONE)
    for about in ({"account": account["number"]}, {"employer": employer}):
        answer = ask(client, by_phone, kind="unit_supervision", about=about, channel="phone")
        assert answer.status_code == 201
        assert set(answer.json()) == {"case", "due_on", "working_days", "state"}
    assert refusal(client.get("/v1/cases", headers=by_phone)) == (403, "channel_not_allowed")


def test_scopes(client: TestClient, keys: Path, account: Any) -> None:
    about = {"account": account["number"]}
    case = opened(client, about=about)
    for scope, call in (
        ("cases:write", lambda headers: ask(client, headers, about=about)),
        ("cases:read", lambda headers: client.get("/v1/cases", headers=headers)),
        ("cases:read", lambda headers: client.get(f"/v1/cases/{case}", headers=headers)),
        ("cases:answer", lambda headers: client.post(f"/v1/cases/{case}/take", headers=headers)),
    ):
        assert call(bearer(keys, scopes=[scope])).status_code < 300
        answer = call(bearer(keys, scopes=["accounts:read", "accounts:write"]))
        assert refusal(answer) == (403, "scope_missing")


# -- a person and an employer --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/cases", "/v1/me/cases"])
def test_a_person_opens_cases_about_what_is_their_own(client: TestClient, keys: Path, path: str) -> None:
    mine, other = open_account(client), open_account(client)
    my_entry, others_entry = (contribute(client, one["account_no"])["entry"] for one in (mine, other))
    me = own(client, keys, mine["number"])
    for about in ({"account": mine["account_no"]}, {"account": mine["number"]}, {"entry": my_entry}):
        assert ask(client, me, path, about=about, channel="online").status_code == 201
    for about, code in (
        ({"account": other["account_no"]}, "account_not_found"),
        ({"account": other["number"]}, "account_not_found"),
        ({"account": "P000000000000Z"}, "account_not_found"),
        ({"entry": others_entry}, "entry_not_found"),
        ({"entry": f"{mine['account_no']}-999"}, "entry_not_found"),
    ):
        answer = ask(client, me, path, about=about, channel="online")
        assert refusal(answer) == (404, code)
    assert refusal(ask(client, me, path, about=about, channel="kiosk")) == (403, "channel_not_allowed")
    assert len(listed(client, me, path)) == 3


def test_without_about_it_is_ones_own_account(client: TestClient, keys: Path) -> None:
    mine = open_account(client)
    me = own(client, keys, mine["number"], C.KIOSK)
    case = opened(client, me, "/v1/me/cases", channel="kiosk")
    assert view(client, case, me, "/v1/me/cases")["about"] == {"account": mine["account_no"]}
    stranger = own(client, keys, id_number())
    assert refusal(ask(client, stranger, "/v1/me/cases", channel="online")) == (404, "account_not_found")
    # a staff token has no account of its own
    assert refusal(ask(client, None, "/v1/me/cases")) == (403, "scope_missing")
    body = case_body()
    assert refusal(client.post("/v1/cases", json=body)) == (422, "shape_invalid")


@pytest.mark.parametrize("path", ["/v1/cases", "/v1/me/cases"])
def test_somebody_elses_case_is_not_there(client: TestClient, keys: Path, path: str) -> None:
    mine, other = open_account(client)["number"], open_account(client)["number"]
    case = opened(client, own(client, keys, mine), "/v1/me/cases", channel="online")
    at_window = opened(client, about={"account": mine})
    them = own(client, keys, other)
    alike = []
    for name in (case, at_window, "0" * 20, "nothing", "A" * 20):
        answer = client.get(f"{path}/{name}", headers=them)
        assert refusal(answer) == (404, "case_not_found")
        alike.append({key: value for key, value in answer.json().items() if key != "request_id"})
    assert all(one == alike[0] for one in alike)
    assert listed(client, them, path) == []
    assert refusal(client.post(f"/v1/me/cases/{case}/close", headers=them)) == (404, "case_not_found")
    # and one's own is, also what was opened at the window
    assert {one["case"] for one in listed(client, own(client, keys, mine), path)} == {case, at_window}


def test_a_person_is_not_told_who_acts(client: TestClient, keys: Path) -> None:
    number = open_account(client)["number"]
    case = opened(client, about={"account": number})
    client.post(f"/v1/cases/{case}/take", headers=clerk(keys))
    answered(client, keys, case)
    seen = view(client, case, own(client, keys, number), "/v1/me/cases")
    assert (seen["opened_by"], seen["taken_by"], seen["answered_by"]) == (None, None, None)
    assert seen["taken_at"] is not None
    whole = view(client, case)
    assert (whole["opened_by"], whole["taken_by"], whole["answered_by"]) == ("clerk-7", "clerk-9", "clerk-9")


def test_an_employer_asks_for_itself_alone(client: TestClient, keys: Path, account: Any) -> None:
    employer, other = new_employer(client), new_employer(client)
    scopes = ["cases:write", "cases:read", "employers:read"]
    headers = bearer(keys, "own_request", channel=C.EMPLOYER, employer=employer, scopes=scopes)
    case = opened(client, headers, about={"employer": employer}, channel="employer")
    for about, code in (
        ({"employer": other}, "employer_not_found"),
        ({"account": account["number"]}, "account_not_found"),
        ({"entry": f"{account['account_no']}-1"}, "entry_not_found"),
    ):
        assert refusal(ask(client, headers, about=about, channel="employer")) == (404, code)
    # what an employee reports about it is not its to see
    reported = opened(client, kind="unit_supervision", about={"employer": employer})
    complained = opened(client, kind="complaint", about={"employer": employer}, channel="window")
    assert [one["case"] for one in listed(client, headers)] == [case]
    for hidden in (reported, complained):
        assert refusal(client.get(f"/v1/cases/{hidden}", headers=headers)) == (404, "case_not_found")
    assert view(client, case, headers)["about"] == {"employer": employer}
    answer = ask(client, headers, kind="unit_supervision", about={"employer": employer}, channel="employer")
    assert refusal(answer) == (403, "channel_not_allowed")
    with_all = bearer(keys, channel=C.EMPLOYER, employer=employer, scopes=[*scopes, "cases:answer"])
    for act in ("take", "close"):
        assert refusal(client.post(f"/v1/cases/{case}/{act}", headers=with_all)) == (403, "scope_missing")


# -- the same twice ----------------------------------------------------------------------------------------


def test_the_same_said_again_is_the_same_case(
    client: TestClient, engine: Engine, keys: Path, account: Any
) -> None:
    body = case_body(about={"account": account["number"]})
    first = client.post("/v1/cases", json=body)
    before = counted(engine)
    # by the number of the account it is the same as by the ID number
    for about in (body["about"], {"account": account["account_no"]}):
        again = client.post("/v1/cases", json=body | {"about": about})
        assert (again.status_code, again.json()) == (201, first.json())
    assert counted(engine) == before
    for other in (
        {"text": "另一件事"},
        {"reply_to": None},
        {"kind": "complaint"},
        {"channel": "phone"},
    ):
        assert client.post("/v1/cases", json=body | other).json()["case"] != first.json()["case"]
    # said by somebody else
    other_clerk = client.post("/v1/cases", json=body, headers=clerk(keys))
    assert other_clerk.json()["case"] != first.json()["case"]
    # once it is answered the same is asked anew
    answered(client, keys, first.json()["case"])
    anew = client.post("/v1/cases", json=body).json()
    assert (anew["case"] != first.json()["case"], anew["state"]) == (True, "open")
    assert client.post("/v1/cases", json=body).json() == anew
