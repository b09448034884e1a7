"""Everything that is held about a person, as one document: complete, of one moment, and in bounded memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, Table, or_, select

from api.inquiry import export as export_module
from api.inquiry.answers import ExportAnswer
from ledger import tables
from ledger.book.numbers import account_no, book_id_of, entry_name
from ledger.chart.channels import AccessChannel, FieldGroup
from ledger.inquiry.holders import holder_of
from tests.support.api_client import bearer, contribute, id_number, key, open_account, spending
from tests.support.care_client import (
    bill,
    end,
    give,
    lines,
    new_institution,
    new_patient,
    new_resident,
    reverse,
    settle,
    visit,
)
from tests.support.case_client import answered, opened
from tests.support.documents_client import printed
from tests.support.employer_client import new_employer, owe, pay, taken
from tests.support.estate_client import die, divide, heir
from tests.support.inquiry_client import digest, own
from tests.support.old_rows import as_before_numbers_were_refused
from tests.support.window_client import new_card

NAME = "李小明"
WINDOW = AccessChannel.WINDOW


def post(client: TestClient, path: str, body: Any) -> Any:
    answer = client.post(path, json=body, headers=key())
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


def a_whole_life(client: TestClient) -> str:
    """The ID number of somebody of whom there is something in every table that can hold something."""
    # first insured as a resident, then with an account
    number = new_resident(client, id_number())
    hospital = new_institution(client)
    settle(client, hospital, number, [("A", "11.00")])
    open_account(client, id_number=number, name=NAME, opened_on="2026-01-05")
    contribute(client, number, "9000.00")
    account = f"/v1/accounts/{number}"
    employer = new_employer(client)
    enrolled = {"member_class": "active", "employer": employer, "from": "2026-01-06"}
    enrolment = post(client, f"{account}/enrolments", enrolled)["enrolment"]
    post(client, f"/v1/enrolments/{enrolment}/end", {"to": "2026-12-31"})
    owe(client, employer, "2026-06", {number: "8000.00"})
    pay(client, employer, "2026-06", "760.38", "2026-07-16")
    taken_back = post(client, f"{account}/spendings", spending())["entry"]
    post(client, f"/v1/entries/{taken_back}/reversal", {"reason": "wrong"})
    held = {"amount": "5.00", "expires_at": "2026-11-22T00:00:00Z", "institution": "H0001", "source_ref": "h"}
    post(client, f"{account}/holds", held)
    freeze = {"authority": "court", "document": "118", "from": "2026-12-01"}
    frozen = post(client, f"{account}/freezes", freeze)["freeze"]
    post(client, f"/v1/freezes/{frozen}/end", {"reason": "paid"})
    filed = {"kind": "emergency", "from": "2026-03-01", "to": "2026-03-31", "area": None}
    post(client, f"{account}/filings", filed)
    visit(client, hospital, number)
    settled = settle(client, hospital, number, [("A", "700.00"), ("B", "200.00"), ("C", "100.00")])
    reverse(client, settled["settlement"])
    settle(client, hospital, number, [("A", "50.00"), ("C", "7.00")])
    cause = {"kind": "third_party", "share": "0.60"}
    hurt = settle(
        client, hospital, number, [("A", "10000.00")], care_type="inpatient", cause=cause, use_account=False
    )
    case = post(client, "/v1/third-party-cases", {"settlement": hurt["settlement"]})["case"]
    post(client, f"/v1/third-party-cases/{case}/advance", {"paid_to": "person", "application": "nobody pays"})
    claim = {
        "institution": hospital,
        "id_number": number,
        "care_type": "outpatient",
        "care_date": "2026-03-12",
        "lines": lines(("A", "80.00")),
        "bill_no": "paper-1",
        "evidence": ["invoice", "fee_list", "diagnosis", "records"],
    }
    post(client, "/v1/claims", claim)
    post(client, f"/v1/annual-settlements/2026/{number}", {})
    child = new_patient(client, "50.00")
    end(client, give(client, number, child, "20.00")["quota"])
    give(client, number, child, "30.00")
    give(client, child, number, "40.00")
    return number


@pytest.fixture(scope="module")
def number(client: TestClient) -> str:
    number = a_whole_life(client)
    assert new_card(client, number, "EXPORTED-1").status_code == 201
    return number


@pytest.fixture(scope="module")
def export(client: TestClient, keys: Path, number: str) -> Any:
    return taken(client.get("/v1/me/export", headers=own(client, keys, number)), ExportAnswer, 200)


# by what a row of each table is found in the document, and where that stands in it
TOLD: dict[str, tuple[str, str | None]] = {
    "entry": ("entries", "entry"),
    "settlement": ("settlements", "settlement"),
    "filing": ("filings", "filing"),
    "manual_claim": ("claims", "claim"),
    "third_party_case": ("third_party_cases", "case"),
    "enrolment": ("enrolments", "enrolment"),
    "accumulator": ("years_of_care", "year"),
}
# where the rest stands: with the book, the entry, the quotas, the months; or it holds no fact of a person
ELSEWHERE = {
    "book", "transfer", "quota", "claim", "read_log",
    # what proves who is asking, and why auditors look at whoever looks: neither is told to anybody
    "call_back_code", "account_flag",
    # what waits has not happened, and what was approved is told as its entry
    "approval",
    # told whatever book it is of, if the person may know of it: below
    "document",
    # that something happened, which is told elsewhere itself
    "outbox", "notice", "event",
    # told whatever book they are about, with those that the person opened: below
    "inquiry_case", "inquiry_case_correction",
    # told once for all books, by the person: names, numbers, where to be reached; and which of the books is
    "person_fact", "account_merge",
    # digests of what is told: whose the numbers and the account are
    "identity_entry",
    # which numbers of the person another had too is of that other person as well
    "shared_number",
    # where heirs of the person are paid: told to nobody
    "estate_payout",
    # of employers, which persons see as their months
    "levy", "levy_line", "assessment", "assessment_line", "declared_line", "employer", "employer_closure",
    "employer_change",
    # of institutions
    "reconciled_day", "clearing", "institution_change",
    # what the person's entries tell: asked for, sent, demanded, paid
    "transfer_case", "demand",
}  # fmt: skip


def of_book(table: Table, book_id: int, engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(table).where(table.c.book_id == book_id)).all())


def test_it_has_everything_that_the_ledger_holds(
    client: TestClient, engine: Engine, number: str, export: Any
) -> None:
    """A walk over every table that has rows of a book of the person."""
    with engine.connect() as connection:
        holder = holder_of(connection, digest(client, number))
    assert len(holder.books) == 2
    parts = {part["account_no"]: part for part in (export, *export["other_books"])}
    assert set(parts) == {account_no(book_id) for book_id in holder.books}
    walked = {table.name for table in tables.metadata.tables.values() if "book_id" in table.c}
    assert walked == TOLD.keys() | ELSEWHERE, "say where the export tells the rows of a new table"
    seen = set()
    for book_id in holder.books:
        part = parts[account_no(book_id)]
        for name, (member, called) in TOLD.items():
            found = of_book(tables.metadata.tables[name], book_id, engine)
            if found:
                seen.add(name)
            told = {one[called] for one in part[member]}
            wanted = {row.year if called == "year" else entry_name(book_id, row.seq) for row in found}
            # what took another's place is told at the one whose place it took
            assert told <= wanted
            replaced = {entry_name(book_id, row.seq) for row in found if getattr(row, "replaces_seq", None)}
            assert wanted - told <= replaced, name
    assert seen == TOLD.keys()


def test_it_has_every_case_of_the_person(client: TestClient, engine: Engine, keys: Path) -> None:
    number = new_patient(client, "50.00")
    me = own(client, keys, number)
    employer = new_employer(client)
    text = "本单位未缴费 119999196001010019"
    with as_before_numbers_were_refused():
        reported = opened(
            client, me, "/v1/me/cases", kind="unit_supervision", about={"employer": employer},
            channel="online", text=text,
        )  # fmt: skip
    objected = opened(client, kind="objection", about={"account": number})
    opened(client, about={"employer": employer})
    answered(client, keys, objected, outcome="upheld", corrections=[contribute(client, number)["entry"]])
    export = taken(client.get("/v1/me/export", headers=me), ExportAnswer, 200)
    case = tables.inquiry_case.c
    with engine.connect() as connection:
        holder = holder_of(connection, digest(client, number))
        wanted = set(
            connection.scalars(
                select(case.case_id).where(
                    or_(case.book_id.in_(holder.books), case.person.in_(holder.digests))
                )
            )
        )
    told = {one["case"]: one for one in export["cases"]}
    assert wanted == set(told) >= {reported, objected}
    assert told[reported]["text"] == text
    assert len(told[objected]["corrections"]) == 1
    for name, one in told.items():
        assert one == client.get(f"/v1/me/cases/{name}", headers=me).json()


def test_it_says_the_same_as_the_lists(client: TestClient, number: str, export: Any) -> None:
    path = f"/v1/accounts/{number}"

    def listed(what: str, **query: Any) -> Any:
        return client.get(f"{path}/{what}", params=query).json()["items"]

    assert export["entries"] == listed("entries", limit=500)
    assert export["payments"] == listed("payments")
    assert export["enrolments"] == listed("enrolments")
    assert export["freezes"] == listed("freezes")
    assert export["filings"] == listed("filings")
    assert export["quotas"] == {side: listed("quotas", side=side) for side in ("given", "received")}
    assert len(export["quotas"]["given"]) == 2
    assert export["account"] == client.get(path).json()
    assert export["balance"] == client.get(f"{path}/balance").json()
    [year] = export["years_of_care"]
    assert year == client.get(f"{path}/accumulators/2026").json()
    plain = [{name: value for name, value in one.items() if name != "bill"} for one in export["settlements"]]
    assert plain == listed("settlements", limit=500)
    bills = [one["bill"] for one in export["settlements"] if one["bill"] is not None]
    assert bills == [client.get(f"/v1/settlements/{one['settlement']}").json() for one in bills]
    assert [len(one["lines"]) for one in bills] == [3, 2, 1]
    assert [one["bill"] for one in export["settlements"] if one["channel"] == "annual" or one["reverses"]]
    [stay] = export["visits"]
    assert stay == client.get(f"/v1/visits/{stay['visit']}").json()
    [case] = export["third_party_cases"]
    assert case == client.get(f"/v1/third-party-cases/{case['case']}").json()
    [claim] = export["claims"]
    assert claim == {
        name: value
        for name, value in client.get(f"/v1/claims/{claim['claim']}").json().items()
        if name in claim
    }


def test_number_and_name_stand_there_whole(number: str, export: Any) -> None:
    assert (export["name"], export["id_number"]) == (NAME, number)
    assert export["other_id_numbers"] == []
    [card] = export["cards"]
    assert (card["card_no"], card["status"], card["lost_on"]) == ("EXPORTED1", "valid", None)
    # and those of nobody else
    text = json.dumps(export, ensure_ascii=False)
    assert text.count(number) == 1
    assert "张三" not in text


def test_what_a_resident_had_stands_beside_the_account(export: Any) -> None:
    [resident] = export["other_books"]
    assert (resident["account"], resident["balance"]) == (None, None)
    assert [one["total"] for one in resident["settlements"]] == ["11.00"]
    assert [one["member_class"] for one in resident["enrolments"]] == ["resident"]
    assert [one["kind"] for one in resident["entries"]] == ["opening", "enrolment", "settlement"]


def test_of_a_resident_alone(client: TestClient, keys: Path) -> None:
    resident = new_resident(client, id_number())
    export = taken(client.get("/v1/me/export", headers=own(client, keys, resident)), ExportAnswer, 200)
    assert export["account_no"].startswith("R")
    assert (export["account"], export["other_books"], export["id_number"]) == (None, [], resident)
    assert [one["kind"] for one in export["entries"]] == ["opening", "enrolment"]


def test_of_somebody_whom_others_name(client: TestClient, keys: Path) -> None:
    """A heir without an account is written down, and may see that."""
    dead, child = new_patient(client, "100.00"), id_number()
    die(client, dead)
    divide(client, dead, [heir(child)])
    export = taken(client.get("/v1/me/export", headers=own(client, keys, child)), ExportAnswer, 200)
    assert (export["name"], export["id_number"], export["account_no"]) == ("张三", child, None)
    assert (export["entries"], export["settlements"], export["other_books"]) == ([], [], [])


def test_it_goes_page_by_page_and_ends_where_it_began(
    client: TestClient, keys: Path, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    me = own(client, keys, number)
    whole = client.get("/v1/me/export", headers=me).json()
    looks = whole.pop("access_log")
    for size in (1, 2, 7, len(whole["entries"]), len(whole["settlements"])):
        monkeypatch.setattr(export_module, "_PAGE", size)
        monkeypatch.setattr(export_module, "_BILLS", size)
        again = client.get("/v1/me/export", headers=me).json()
        # each look at it stands in it
        newest, *before = again.pop("access_log")
        assert before == looks
        assert "reads" in newest["fields"]
        assert again == whole
        looks = [newest, *before]


def test_who_looked_and_what_was_printed_stand_there(client: TestClient, keys: Path) -> None:
    """As the person is shown both, so without what is withheld."""
    person = open_account(client)
    path, me = f"/v1/accounts/{person['account_no']}", own(client, keys, person["number"])
    made = printed(client, path, kind="insured_proof", headers=bearer(keys, "own_request", channel=WINDOW))
    searched = printed(
        client, path, kind="insured_proof", headers=bearer(keys, "court_order", channel=WINDOW)
    )
    client.get(f"{path}/balance", headers=bearer(keys, "court_order; ref=118", channel=WINDOW))
    export = taken(client.get("/v1/me/export", headers=me), ExportAnswer, 200)
    assert [one["document"] for one in export["documents"]] == [made["document"]]
    assert searched["serial"] not in json.dumps(export)
    assert export["documents"] == client.get("/v1/me/documents", headers=me).json()["items"]
    log = client.get("/v1/me/access-log", headers=me).json()["items"]
    assert export["access_log"] == log[1:]
    assert [one["document"] for one in export["access_log"]] == [None, made["serial"]]


def test_what_is_posted_meanwhile_is_left_out(
    client: TestClient, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = new_patient(client, "100.00")
    hospital = new_institution(client)
    taken_back = settle(client, hospital, person, [("C", "4.00")])["settlement"]
    before = client.get("/v1/me/export", headers=own(client, keys, person)).json() | {"access_log": []}
    written = export_module._written

    def also_posted() -> None:
        contribute(client, person, "7.00")
        client.post("/v1/settlements", json=bill(hospital, person, [("C", "3.00")]))
        reverse(client, taken_back)

    async def meanwhile(*arguments: Any) -> AsyncIterator[str]:
        # as it would be between the first look and the first page
        await asyncio.to_thread(also_posted)
        async for text in written(*arguments):
            yield text

    monkeypatch.setattr(export_module, "_written", meanwhile)
    during = client.get("/v1/me/export", headers=own(client, keys, person)).json()
    assert during | {"access_log": []} == before
    monkeypatch.setattr(export_module, "_written", written)
    after = client.get("/v1/me/export", headers=own(client, keys, person)).json()
    assert len(after["entries"]) == len(before["entries"]) + 3
    assert [one["reversed_by"] for one in before["settlements"]] == [None]
    assert after["settlements"][0]["reversed_by"] is not None


def test_the_reader_reads_no_more_at_once_than_a_page(
    client: TestClient, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = new_patient(client)
    for _ in range(12):
        contribute(client, person, "1.00")
    asked: list[int] = []
    entries = export_module.reports.entries

    def counted(*arguments: Any, **named: Any) -> Any:
        found = entries(*arguments, **named)
        asked.append(len(found))
        return found

    monkeypatch.setattr(export_module, "_PAGE", 5)
    monkeypatch.setattr(export_module.reports, "entries", counted)
    export = client.get("/v1/me/export", headers=own(client, keys, person)).json()
    assert len(export["entries"]) == 13
    assert asked == [5, 5, 3]


def test_it_is_recorded_whole_before_it_is_sent(
    client: TestClient, engine: Engine, keys: Path, number: str
) -> None:
    answer = client.get("/v1/me/export", headers=own(client, keys, number))
    assert answer.headers["content-disposition"] == 'attachment; filename="export-2026-11-21.json"'
    assert answer.headers["content-type"] == "application/json"
    book_id = book_id_of(answer.json()["account_no"])
    log = tables.read_log.c
    query = select(log).where(log.book_id == book_id).order_by(log.chain_id.desc(), log.seq.desc()).limit(1)
    with engine.connect() as connection:
        row = connection.execute(query).one()
    exported = answer.json()
    assert row.fields == 511 - FieldGroup.OTHERS_NAMES
    assert row.items == sum(len(part["entries"]) for part in (exported, *exported["other_books"]))
