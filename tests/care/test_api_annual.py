"""The annual settlement over HTTP: one person's statement to read and to print, and the run over an area."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.care.annual_answers import AnnualStatementAnswer
from api.care.annual_statement import _percent
from api.operations.answers import BatchStarted
from tests.support.api_client import AREA, id_number, key, open_account, running, token
from tests.support.care_client import new_institution, new_patient, new_resident, on, reverse, settle, shown
from tests.support.debt_client import debts, demand_debt
from tests.support.employer_client import refusal, taken

NAME = "张&lt;小明"
LAST_YEAR = date(2025, 6, 10)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    with running(engine, folder) as client:
        yield client


@pytest.fixture(scope="module")
def away(client: TestClient) -> str:
    """A hospital of level 3 in another area."""
    return new_institution(client, area="990200", name="外地&lt;医院")


def path(patient: str, year: int = 2026) -> str:
    return f"/v1/annual-settlements/{year}/{patient}"


def settled(client: TestClient, patient: str, status: int = 201, **more: Any) -> Any:
    answer = client.post(path(patient), json={}, headers=key(), **more)
    return taken(answer, AnnualStatementAnswer, status)


def file(client: TestClient, patient: str, kind: str = "referred") -> None:
    body = {"kind": kind, "from": "2026-01-01", "to": "2026-12-31", "area": "990200"}
    answer = client.post(f"/v1/accounts/{patient}/filings", json=body, headers=key())
    assert answer.status_code == 201, answer.text


def inpatient(client: TestClient, away: str, patient: str, **more: Any) -> Any:
    lines = [("A", "20000.00"), ("C", "100.00")]
    return settle(client, away, patient, lines, care_type="inpatient", **({"use_account": False} | more))


# -- one person ------------------------------------------------------------------------------------------


def test_a_person_s_year(client: TestClient, away: str) -> None:
    patient = new_patient(client)
    near = new_institution(client, level=1)
    bill = inpatient(client, away, patient)
    second = settle(client, near, patient, [("A", "1000.00")], care_date="2026-02-10", use_account=False)
    file(client, patient)
    told = settled(client, patient)
    assert told["year"] == 2026
    assert told["id_number"] == f"119{'*' * 13}{patient[-2:]}"
    assert (told["name"], told["area"]) == ("张*", AREA)
    # in the order of care
    assert [one["settlement"] for one in told["bills"]] == [second["settlement"], bill["settlement"]]
    unchanged, changed = told["bills"]
    assert (unchanged["was"], unchanged["changed"]) == (unchanged["now"], [])
    assert changed["changed"] == ["filing"]
    assert (changed["was"]["ratio"], changed["was"]["pooled_pay"]) == ("0.6800", "12988.00")
    assert (changed["now"]["ratio"], changed["now"]["pooled_pay"]) == ("0.7800", "14898.00")
    assert (changed["total"], changed["own_expense"], changed["cash_pay"]) == (
        "20100.00",
        "100.00",
        "7112.00",
    )
    assert (changed["institution"], changed["level"], changed["now"]["admission"]) == (away, 3, 1)
    reasons = {(one["amount"], one["parameter"], one["value"]) for one in changed["explain"]}
    assert ("ratio", "out_of_area.points.referred", "0.10") in reasons
    assert told["difference"] == {
        "pooled_pay": "1910.00", "large_pay": "0.00", "top_up_pay": "0.00", "total": "1910.00",
    }  # fmt: skip
    assert told["payments"] == {
        "to_bank": "1910.00", "to_account": "0.00", "to_relatives": "0.00", "to_heirs": "0.00",
        "forgiven": "0.00", "claimed_back": "0.00",
        "still_owed": "0.00",
    }  # fmt: skip
    assert told["before"]["inpatient_pooled"] == "12988.00"
    assert told["after"] == told["before"] | {"inpatient_pooled": "14898.00", "own_burden": "5782.00"}
    assert told["after"]["admissions"] == 1
    assert [(one["parameter"], one["value"]) for one in told["explain"]] == [
        ("top_up.threshold", "15000.00"),
        ("top_up.ratio", "0.60"),
    ]
    assert told["earlier"] == []
    # neither items nor diagnosis
    assert "X0001" not in str(told)
    read = client.get(path(patient))
    assert (read.status_code, read.json(), read.headers["Vary"]) == (200, told, "Accept")


def test_again_nothing_is_posted_and_a_change_makes_a_supplement(client: TestClient, away: str) -> None:
    patient = new_patient(client, "10000.00")
    bill = inpatient(client, away, patient, use_account=True)
    file(client, patient)
    first = settled(client, patient)
    assert first["payments"]["to_account"] == "1910.00"
    # 7,012.00 were paid, and 1,910.00 came back
    assert shown(client, patient)["balance"] == "4898.00"
    assert settled(client, patient, 200) == first
    reverse(client, bill["settlement"])
    second = settled(client, patient)
    assert second["payments"]["claimed_back"] == second["payments"]["still_owed"] == "1910.00"
    assert (second["bills"], second["difference"]["total"]) == ([], "-1910.00")
    assert second["earlier"] == [{"statement": first["statement"], "settled_on": "2026-11-21"}]
    assert client.get(path(patient)).json() == second


def test_what_was_demanded_of_a_year_is_set_against_nothing(client: TestClient, away: str) -> None:
    """1,910.00 are owed, 1,000.00 of them demanded: what the year pays later is set against the rest."""
    patient = new_patient(client, "10000.00")
    bill = inpatient(client, away, patient, use_account=True)
    file(client, patient)
    settled(client, patient)
    reverse(client, bill["settlement"])
    settled(client, patient)
    [debt] = debts(client, patient)
    assert (debt["what"], debt["year"], debt["still_owed"]) == ("annual_settlement", 2026, "1910.00")
    demand_debt(client, patient, debt, "1000.00")
    entries = client.get(f"/v1/accounts/{patient}/entries", params={"kind": "filing"}).json()["items"]
    undone = client.post(f"/v1/entries/{entries[0]['entry']}/reversal", json={"reason": "x"}, headers=key())
    assert undone.status_code == 201, undone.text
    inpatient(client, away, patient)
    file(client, patient)
    told = settled(client, patient)["payments"]
    # 1,910.00 again, all of it cash before: 910.00 of it are set against what is left of the debt
    assert (told["forgiven"], told["still_owed"], told["to_bank"]) == ("910.00", "1000.00", "1000.00")
    assert [(one["what"], one["still_owed"]) for one in debts(client, patient)] == [("demand", "1000.00")]


def test_the_same_key_gets_the_first_answer(client: TestClient, away: str) -> None:
    patient = new_patient(client)
    inpatient(client, away, patient)
    headers = key()
    first = client.post(path(patient), json={}, headers=headers)
    file(client, patient)
    again = client.post(path(patient), json={}, headers=headers)
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert refusal(client.post(path(patient, 2025), json={}, headers=headers)) == (
        422,
        "idempotency_key_reused",
    )
    assert refusal(client.post(path(patient), json={})) == (400, "idempotency_key_missing")


def test_a_dry_run_says_what_would_come_of_it(client: TestClient, away: str) -> None:
    patient = new_patient(client)
    inpatient(client, away, patient)
    file(client, patient)
    answer = client.post(f"{path(patient)}?dry_run=true", json={})
    would = taken(answer, AnnualStatementAnswer, 200)
    assert (would["dry_run"], would["payments"]["to_bank"]) == (True, "1910.00")
    assert refusal(client.get(path(patient))) == (404, "annual_settlement_not_found")
    assert settled(client, patient) == {name: fact for name, fact in would.items() if name != "dry_run"}
    assert taken(client.post(f"{path(patient)}?dry_run=true", json={}), AnnualStatementAnswer, 200)["dry_run"]


def test_a_resident_by_id_number_and_by_number(client: TestClient) -> None:
    patient = new_resident(client, id_number())
    settle(client, new_institution(client, level=1), patient, [("A", "100.00")])
    told = settled(client, patient)
    assert told["account"].startswith("R")
    assert told["bills"][0]["now"]["coverage"] == "resident"
    assert client.get(path(patient)).json() == told
    assert client.get(path(told["account"])).json() == told
    assert settled(client, told["account"], 200) == told


def test_what_cannot_be_settled(client: TestClient) -> None:
    patient = new_patient(client)
    for method, body in (("GET", {}), ("POST", {"json": {}})):
        for where, expected in (
            (path(patient), (404, "annual_settlement_not_found")),
            (path(id_number()), (404, "account_not_found")),
            (path("P000000000000X"), (404, "account_not_found")),
            (path("R0000000000009"), (404, "account_not_found")),
            (path("119999199913310015"), (422, "id_birthdate")),
            (f"/v1/annual-settlements/20x6/{patient}", (422, "shape_invalid")),
            (path(patient, 3000), (422, "shape_invalid")),
        ):
            assert refusal(client.request(method, where, headers=key(), **body)) == expected


def test_scopes(client: TestClient, folder: Path, away: str) -> None:
    patient = new_patient(client)
    inpatient(client, away, patient)
    for method, where, scope in (
        ("POST", path(patient), "care:write"),
        ("GET", path(patient), "care:read"),
        ("POST", "/v1/annual-settlements/2025", "admin"),
    ):
        others = {"Authorization": f"Bearer {token(folder / 'keys', ['accounts:read', 'reports:read'])}"}
        body = {} if method == "GET" else {"json": {"area": AREA} if scope == "admin" else {}}
        answer = client.request(method, where, headers=key() | others, **body)
        assert refusal(answer) == (403, "scope_missing")
        own = {"Authorization": f"Bearer {token(folder / 'keys', [scope])}"}
        dry = {} if method == "GET" else {"params": {"dry_run": "true"}}
        answer = client.request(method, where, headers=own, **body, **dry)
        assert answer.status_code in {200, 404}


# -- to print --------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """The text of a page by the element it stands in; no tag may be left open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[tuple[str, str]] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "br"}:
            self.open.append(tag)
        self.links += [name for name, _ in attrs if name in {"src", "href", "onclick"}]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append((self.open[-1] if self.open else "", data))


def row_of_notes(page: Page) -> list[str]:
    return [data for tag, data in page.text if tag == "p"]


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        ("text/html", True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("text/html;q=0.9, application/json;q=0.5", True),
        ("application/json", False),
        ("application/json, text/html", False),
        ("text/html;q=0.1, application/json", False),
        ("text/html;q=x, application/json;q=0.1", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_a_page_is_given_to_who_asks_for_one(
    client: TestClient, away: str, accept: str, *, page: bool
) -> None:
    patient = new_patient(client)
    inpatient(client, away, patient)
    settled(client, patient)
    answer = client.get(path(patient), headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == ("text/html; charset=utf-8" if page else "application/json")
    assert answer.headers["Vary"] == "Accept"


def test_the_page_says_what_the_statement_says(client: TestClient, away: str) -> None:
    patient = open_account(client, opened_on="2026-01-01", name=NAME)["number"]
    inpatient(client, away, patient)
    settle(
        client, new_institution(client), patient, [("A", "86.50")], care_type="pharmacy", use_account=False
    )
    settled(client, patient)
    file(client, patient, "long_term")
    told = settled(client, patient)
    text = client.get(path(patient), headers={"Accept": "text/html"}).text
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    assert page.links == []
    cells = [data for tag, data in page.text if tag == "td"]
    assert "外地&lt;医院(" + away + ",3级)" in cells
    assert "外地&lt;" not in text
    row = "|".join(cells)
    for change in ("12988.00 →|16808.00", "68% →|88%", "— →|异地长期居住", "|备案|", "住院(第1次)"):
        assert change in row
    for amount in told["payments"].values():
        assert amount in cells
    # the sums under the bills: 20,100.00 and 86.50; what comes out otherwise before and after
    foot = cells.index("合计(2笔)")
    assert cells[foot + 1 : foot + 16] == [
        "20186.50", "100.00", "0.00", "0.00", "20086.50", "0.00", "900.00", "—", "12988.00 →", "16808.00",
        "0.00", "0.00", "0.00", "7198.50", "0.00",
    ]  # fmt: skip
    assert "年度补助:全年符合政策范围的个人负担超过15000.00元的部分,补助60%。" in row_of_notes(page)
    everything = "".join(data for _tag, data in page.text)
    assert patient not in everything
    assert told["id_number"] in everything
    assert told["earlier"][0]["statement"] in everything
    assert "X0001" not in everything
    headings = [data for tag, data in page.text if tag == "th"]
    for word in ("医疗费总额", "全自费", "超限价自费", "先行自付", "符合政策范围金额", "实际支付起付线",
                 "统筹支付比例", "统筹基金支出", "共济支付", "现金", "医院负担"):  # fmt: skip
        assert word in headings
    assert len(re.findall(r"size: A4", text)) == 1


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("share", "written"),
    [("0.7000", "70%"), ("0.60", "60%"), ("1.0000", "100%"), ("0.8750", "87.5%"), ("0.0000", "0%"),
     ("0.1", "10%"), ("0.0625", "6.25%"), ("1", "100%"), ("0.005", "0.5%")],
)  # fmt: skip
def test_a_share_is_written_as_people_do(share: str, written: str) -> None:
    assert _percent(share) == written


def test_the_page_of_a_year_of_nothing(client: TestClient, away: str) -> None:
    patient = new_patient(client)
    bill = inpatient(client, away, patient)
    reverse(client, bill["settlement"])
    settled(client, patient)
    text = client.get(path(patient), headers={"Accept": "text/html"}).text
    assert '<td colspan="21">无</td>' in text


# -- an area ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_run_over_an_area(client: TestClient) -> None:
    near = new_institution(client)
    with on(client, LAST_YEAR):
        patient = open_account(client, opened_on="2025-01-01")["number"]
        settle(client, near, patient, [("A", "31234.56")], care_date="2025-06-10", use_account=False)
    where = "/v1/annual-settlements/2025"
    rehearsed = client.post(f"{where}?dry_run=true", json={"area": AREA})
    assert rehearsed.status_code == 200
    answer = client.post(where, json={"area": AREA}, headers=key())
    started = taken(answer, BatchStarted, 202)
    assert started == {"batch": f"annual-settlement-{AREA}-2025", "state": "running"}
    until = time.monotonic() + 300
    while (batch := client.get(answer.headers["Location"]).json())["state"] == "running":
        assert time.monotonic() < until
        time.sleep(0.1)
    assert (batch["state"], batch["kind"]) == ("finished", "annual-settlement")
    assert (batch["done"], batch["refused"], batch["amount"]) == (1, 0, "3740.74")
    assert client.get(path(patient, 2025)).json()["payments"]["to_bank"] == "3740.74"


@pytest.mark.parametrize(
    ("year", "area", "status", "code"),
    [
        ("2026", AREA, 409, "year_not_over"),
        ("2025", "110000", 422, "area_unknown"),
        ("1989", AREA, 409, "rates_missing"),
        ("0", AREA, 422, "shape_invalid"),
        ("20x5", AREA, 422, "shape_invalid"),
        ("2025", "99010", 422, "shape_invalid"),
    ],
)
def test_a_run_that_cannot_be(client: TestClient, year: str, area: str, status: int, code: str) -> None:
    answer = client.post(f"/v1/annual-settlements/{year}", json={"area": area})
    assert refusal(answer) == (status, code)
