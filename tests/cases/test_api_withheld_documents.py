"""What a court or for an estate had printed is known to the person by nothing before its day (R65)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ledger.chart.channels import AccessChannel
from tests.support.api_client import TODAY, bearer, open_account
from tests.support.case_client import ask, clerk, listed, opened, today, view
from tests.support.documents_client import content, printed
from tests.support.employer_client import refusal
from tests.support.estate_client import die
from tests.support.inquiry_client import auditor, own

C = AccessChannel
OWN = "/v1/me/cases"
PAPER = {"kind": "account_list", "from": "2026-11-01", "to": "2026-11-21"}
LAST_DAY, DAY = TODAY + timedelta(179), TODAY + timedelta(180)


@pytest.fixture(scope="module")
def account(client: TestClient) -> Any:
    return open_account(client, opened_on="2026-01-05")


def withheld(client: TestClient, keys: Path, account: Any, purpose: str = "court_order; ref=1") -> Any:
    return printed(
        client, f"/v1/accounts/{account['account_no']}", headers=clerk(keys, purpose=purpose), **PAPER
    )


def test_a_case_about_it_is_as_one_about_nothing(client: TestClient, keys: Path, account: Any) -> None:
    made, me = withheld(client, keys, account), own(client, keys, account["number"])
    for path in (OWN, "/v1/cases"):
        unknown = ask(client, me, path, channel="online", about={"document": "D20261121-ZZZZZZZZ-Z"})
        assert refusal(unknown) == (404, "document_not_found")
        for name in (made["document"], made["serial"], f" {made['serial'].lower()} "):
            answer = ask(client, me, path, channel="online", about={"document": name})
            assert refusal(answer) == (404, "document_not_found")
            told = [{**one.json(), "request_id": ""} for one in (answer, unknown)]
            assert told[0] == told[1]
    with today(client, LAST_DAY):
        later = ask(client, me, OWN, channel="online", about={"document": made["serial"]})
        assert refusal(later) == (404, "document_not_found")
    with today(client, DAY):
        case = opened(client, me, OWN, channel="online", about={"document": made["serial"]})
        assert view(client, case, me, OWN)["about"] == {"document": made["document"]}
    # what was printed for anything else may be asked about at once
    plain = withheld(client, keys, account, "complaint")
    assert opened(client, me, OWN, channel="online", about={"document": plain["serial"]})


def test_what_a_clerk_asks_about_it_is_hidden(client: TestClient, keys: Path, account: Any) -> None:
    made, me = withheld(client, keys, account), own(client, keys, account["number"])
    plain = withheld(client, keys, account, "complaint")
    hidden = opened(client, about={"document": made["serial"]})
    shown = opened(client, about={"document": plain["serial"]})

    def seen() -> set[str]:
        names = {one["case"] for one in listed(client, me, OWN)}
        assert names == {one["case"] for one in listed(client, me, limit=1)}
        assert names == {one["case"] for one in client.get("/v1/me/export", headers=me).json()["cases"]}
        return names & {hidden, shown}

    assert seen() == {shown}
    for path in (OWN, "/v1/cases"):
        assert refusal(client.get(f"{path}/{hidden}", headers=me)) == (404, "case_not_found")
        closing = client.post(f"{path}/{hidden}/close", json={}, headers=me)
        assert refusal(closing)[1] in {"case_not_found", "scope_missing", "channel_not_allowed"}
    assert refusal(client.post(f"{OWN}/{hidden}/close", json={}, headers=me)) == (404, "case_not_found")
    # the agency sees it all the while
    assert view(client, hidden, clerk(keys))["about"] == {"document": made["document"]}
    with today(client, LAST_DAY):
        assert seen() == {shown}
    with today(client, DAY):
        assert seen() == {hidden, shown}
        assert view(client, hidden, me, OWN)["about"] == {"document": made["document"]}


def test_a_later_look_at_it_is_shown_without_its_number(client: TestClient, keys: Path, account: Any) -> None:
    made, me = withheld(client, keys, account), own(client, keys, account["number"])
    plain = withheld(client, keys, account, "complaint")
    for headers in (auditor(keys), bearer(keys, "complaint", channel=C.WINDOW), None):
        for one in (made, plain):
            content(client, one, headers=headers)

    def log() -> list[tuple[str, str | None, str | None]]:
        items = client.get("/v1/me/access-log?limit=500", headers=me).json()["items"]
        told = [(one["channel"], one["purpose"], one["document"]) for one in items]
        export = client.get("/v1/me/export", headers=me).json()["access_log"]
        others = [(one["channel"], one["purpose"], one["document"]) for one in export]
        assert [one for one in others if one[0] != "online"] == [one for one in told if one[0] != "online"]
        return [one for one in told if one[0] != "online"]

    here = {made["serial"], plain["serial"]}
    assert log()[:7] == [
        ("system", None, plain["serial"]), ("system", None, None),
        ("window", "complaint", plain["serial"]), ("window", "complaint", None),
        ("audit", "audit", plain["serial"]), ("audit", "audit", None),
        ("window", "complaint", plain["serial"]),
    ]  # fmt: skip
    assert made["serial"] not in client.get("/v1/me/export", headers=me).text
    # auditors see all
    audited = client.get(
        "/v1/read-log", params={"account": account["account_no"], "limit": 500}, headers=auditor(keys)
    )
    assert [one["document"] for one in audited.json()["items"]].count(made["serial"]) == 4
    with today(client, LAST_DAY):
        assert made["serial"] not in {one[2] for one in log()}
    with today(client, DAY):
        assert [one[2] for one in log() if one[2] in here].count(made["serial"]) == 4


def test_of_an_estate_too(client: TestClient, keys: Path) -> None:
    """Who died has nobody who asks online: the number stands in the log alone, which has it for the heirs."""
    heir_less = open_account(client, opened_on="2026-01-05")
    death = die(client, heir_less["account_no"])
    made = withheld(client, keys, heir_less, f"estate; ref={death['entry']}")
    content(client, made, headers=auditor(keys))
    me = own(client, keys, heir_less["number"])
    answer = ask(client, me, OWN, channel="online", about={"document": made["serial"]})
    assert answer.status_code in {403, 404}
    assert made["serial"] not in client.get("/v1/me/access-log", headers=me).text
