"""Cases are taken, answered once by somebody else, told; and found when they are late."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, select

from api.inquiry.case_views import CaseStateAnswer
from ledger import tables
from ledger.book.numbers import book_id_of
from ledger.chart.channels import AccessChannel, FieldGroup
from tests.access.test_api_read_log import reads
from tests.inquiry.test_api_agency_requests import wait_for_a_waiter
from tests.support.api_client import NOW, TODAY, bearer, contribute, key, open_account, spending
from tests.support.case_client import (
    answer_body,
    answered,
    ask,
    case_body,
    clerk,
    give_answer,
    listed,
    opened,
    today,
    view,
)
from tests.support.employer_client import new_employer, refusal, taken
from tests.support.inquiry_client import auditor, own

C = AccessChannel
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def account(client: TestClient) -> Any:
    return open_account(client)


@pytest.fixture
def case(client: TestClient, account: Any) -> str:
    return opened(client, about={"account": account["number"]})


# -- the life of a case ------------------------------------------------------------------------------------


def test_open_answered_closed(client: TestClient, keys: Path, case: str) -> None:
    before = view(client, case)
    assert (before["state"], before["answer"], before["evidence"], before["outcome"]) == (
        "open",
        None,
        [],
        None,
    )
    told = answered(client, keys, case, outcome="upheld", text="已更正。\n请核对。", evidence=["a", "b"])
    assert told == {"case": case, "due_on": "2026-11-27", "working_days": 5, "state": "answered"}
    after = view(client, case)
    assert (after["outcome"], after["answer"], after["evidence"]) == (
        "upheld",
        "已更正。\n请核对。",
        ["a", "b"],
    )
    assert (after["answered_at"], after["closed_at"]) == ("2026-11-21T04:00:00Z", None)
    closed = client.post(f"/v1/cases/{case}/close", headers=clerk(keys))
    assert taken(closed, CaseStateAnswer)["state"] == "closed"
    assert view(client, case)["closed_at"] == "2026-11-21T04:00:00Z"
    # said again it stays
    assert client.post(f"/v1/cases/{case}/close").json()["state"] == "closed"
    assert refusal(client.post(f"/v1/cases/{case}/take")) == (409, "case_answered")


def test_what_is_not_answered_is_not_closed(client: TestClient, case: str) -> None:
    assert refusal(client.post(f"/v1/cases/{case}/close")) == (409, "case_not_answered")
    assert view(client, case)["state"] == "open"


def test_the_first_who_takes_it_has_it(client: TestClient, keys: Path, case: str) -> None:
    for actor in ("clerk-3", "clerk-4"):
        assert client.post(f"/v1/cases/{case}/take", headers=clerk(keys, actor)).json()["state"] == "open"
    assert view(client, case)["taken_by"] == "clerk-3"
    # another one may answer it all the same
    answered(client, keys, case)


@pytest.mark.parametrize("act", ["take", "close", "answer"])
def test_a_case_that_is_not_there(client: TestClient, act: str) -> None:
    for name in ("0" * 20, "x", "'", "0" * 19 + "\u0660"):
        body: Any = {"json": answer_body()} if act == "answer" else {}
        answer = client.post(f"/v1/cases/{name}/{act}", **body)
        assert refusal(answer) == (404, "case_not_found")


def test_a_person_says_that_they_were_told(client: TestClient, keys: Path, account: Any) -> None:
    me = own(client, keys, account["number"])
    case = opened(client, me, "/v1/me/cases", channel="online")
    path = f"/v1/me/cases/{case}/close"
    assert refusal(client.post(path, headers=me)) == (409, "case_not_answered")
    answered(client, keys, case)
    assert client.post(path, headers=me).json()["state"] == "closed"
    assert case in {one["case"] for one in listed(client, me, "/v1/me/cases", state="closed")}


# -- who answers, and what ---------------------------------------------------------------------------------


def test_nobody_answers_what_they_opened(client: TestClient, keys: Path, case: str) -> None:
    # the client's token acts as clerk-7, whatever system and channel it comes through
    others = (clerk(keys, "Clerk-7"), bearer(keys, caller="another", actor="clerk-7 "))
    for headers in (None, clerk(keys, "clerk-7"), *others):
        assert refusal(give_answer(client, headers, case)) == (403, "own_case")
    assert view(client, case)["state"] == "open"
    answered(client, keys, case)


def test_nobody_answers_what_is_about_themselves(client: TestClient, keys: Path) -> None:
    mine, other = open_account(client)["number"], open_account(client)["number"]
    registered = client.post("/v1/staff", json={"actor": "clerk-own", "id_number": mine})
    assert registered.status_code == 201
    me, me_too = clerk(keys, "clerk-own"), clerk(keys, "ＣLERK-own")
    about_me = opened(client, about={"account": mine})
    reported = opened(
        client,
        own(client, keys, mine),
        "/v1/me/cases",
        channel="online",
        kind="unit_supervision",
        about={"employer": new_employer(client)},
    )
    for case in (about_me, reported):
        for headers in (me, me_too):
            assert refusal(give_answer(client, headers, case)) == (403, "own_case")
    assert give_answer(client, me, opened(client, about={"account": other})).status_code == 201


@pytest.mark.parametrize("channel", [C.PHONE, C.ONLINE, C.KIOSK, C.AGENCY, C.AUDIT])
def test_channels_that_answer_nothing(client: TestClient, keys: Path, case: str, channel: C) -> None:
    headers = bearer(keys, "audit", channel=channel, actor="other")
    for act in ("take", "answer", "close"):
        answer = client.post(f"/v1/cases/{case}/{act}", json=answer_body(), headers=headers)
        assert refusal(answer) == (403, "channel_not_allowed")


def test_a_person_answers_nothing(client: TestClient, keys: Path, account: Any, case: str) -> None:
    me = own(client, keys, account["number"], actor="myself")
    for act in ("take", "answer", "close"):
        answer = client.post(f"/v1/cases/{case}/{act}", json=answer_body(), headers=me)
        assert refusal(answer) == (403, "scope_missing")


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"outcome": "perhaps"}, "/outcome"),
        ({"text": ""}, "/text"),
        ({"text": "字" * 4001}, "/text"),
        ({"evidence": ["x"] * 21}, "/evidence"),
        ({"evidence": ["x" * 65]}, "/evidence/0"),
        ({"evidence": [""]}, "/evidence/0"),
        ({"evidence": 5}, "/evidence"),
        ({"corrections": ["P000000000000Z-1"] * 51}, "/corrections"),
        ({"corrections": [7]}, "/corrections/0"),
        ({"paid": True}, "/paid"),
    ],
)
def test_answers_that_are_none(
    client: TestClient, keys: Path, case: str, more: dict[str, Any], pointer: str
) -> None:
    answer = give_answer(client, clerk(keys), case, **more)
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]
    assert view(client, case)["state"] == "open"


def test_one_paper_may_stand_without_a_list(client: TestClient, keys: Path, case: str) -> None:
    answered(client, keys, case, evidence="回单 118")
    assert view(client, case)["evidence"] == ["回单 118"]


def test_an_objection_is_decided_with_evidence_and_tells_rights(
    client: TestClient, keys: Path, account: Any
) -> None:
    about = {"account": account["number"]}
    case = opened(client, kind="objection", about=about)
    bare = give_answer(client, clerk(keys), case, outcome="rejected", evidence=[])
    assert refusal(bare) == (422, "shape_invalid")
    assert [one["pointer"] for one in bare.json()["errors"]] == ["/evidence"]
    assert view(client, case)["rights"] is None
    answered(client, keys, case, outcome="rejected")
    rights = view(client, case, own(client, keys, account["number"]), "/v1/me/cases")["rights"]
    assert "行政复议" in rights["text"]
    assert "行政诉讼" in rights["text"]
    assert "第八十三条" in rights["legal_basis"]
    # of what was withdrawn, and of a question, there is nothing to be reviewed
    withdrawn = opened(client, kind="objection", about=about)
    answered(client, keys, withdrawn, outcome="withdrawn", evidence=[])
    question = opened(client, about=about)
    answered(client, keys, question, evidence=[])
    assert [view(client, one)["rights"] for one in (withdrawn, question)] == [None, None]


# -- corrections -------------------------------------------------------------------------------------------


def spent(client: TestClient, account: str) -> str:
    answer = client.post(f"/v1/accounts/{account}/spendings", json=spending(), headers=key())
    assert answer.status_code == 201, answer.text
    return str(answer.json()["entry"])


def test_an_error_is_put_right_by_a_posting_that_the_answer_names(client: TestClient, keys: Path) -> None:
    account = open_account(client)["account_no"]
    contribute(client, account)
    wrong = spent(client, account)
    with today(client, TODAY - DAY):
        case = opened(client, kind="objection", about={"entry": wrong})
    back = client.post(f"/v1/entries/{wrong}/reversal", json={"reason": "wrong"}, headers=key()).json()[
        "entry"
    ]
    answered(client, keys, case, outcome="upheld", corrections=[back, back.lower()])
    assert view(client, case)["corrections"] == [back]
    again = give_answer(client, clerk(keys), case, outcome="upheld", corrections=[f" {back}"])
    assert again.status_code == 201


def test_a_correction_is_of_the_account_and_later_than_the_case(client: TestClient, keys: Path) -> None:
    account, other = (open_account(client)["account_no"] for _ in range(2))
    for one in (account, other):
        contribute(client, one)
    good = spent(client, account)
    # what is posted in the very moment in which it was opened is later
    case = opened(client, kind="objection", about={"entry": good})
    with today(client, TODAY + DAY):
        later = opened(client, kind="objection", about={"entry": good})
    for entry, of, said in (
        (good, later, (422, "correction_too_early")),
        (spent(client, other), case, (404, "entry_not_found")),
        (f"{account}-999", case, (404, "entry_not_found")),
        ("P000000000000Z-1", case, (404, "entry_not_found")),
        ("x", case, (404, "entry_not_found")),
    ):
        named = [entry] if of == later else [good, entry]
        answer = give_answer(client, clerk(keys), of, outcome="upheld", corrections=named)
        assert refusal(answer) == said
        assert [one["pointer"] for one in answer.json()["errors"]] == [f"/corrections/{len(named) - 1}"]
        assert view(client, of)["state"] == "open"
    answered(client, keys, case, outcome="upheld", corrections=[good])


def test_of_a_reported_unit_both_books_count(client: TestClient, keys: Path) -> None:
    mine, other = open_account(client), open_account(client)
    me = own(client, keys, mine["number"])
    employer = new_employer(client)
    more: dict[str, Any] = {"kind": "unit_supervision", "about": {"employer": employer}, "channel": "online"}
    with today(client, TODAY - DAY):
        case = opened(client, me, "/v1/me/cases", **more)
    mine_entry, others = (contribute(client, one["account_no"])["entry"] for one in (mine, other))
    refused = give_answer(client, clerk(keys), case, corrections=[others])
    assert refusal(refused) == (404, "entry_not_found")
    answered(client, keys, case, corrections=[mine_entry])


# -- objecting to an answer --------------------------------------------------------------------------------


def test_an_answered_case_can_be_objected_to(client: TestClient, keys: Path, account: Any) -> None:
    about = {"account": account["number"]}
    case = opened(client, kind="complaint", about=about)
    more: dict[str, Any] = {"kind": "objection", "about": about, "objects_to": case}
    assert refusal(ask(client, **more)) == (409, "case_not_answered")
    answered(client, keys, case, outcome="rejected")
    assert refusal(ask(client, **more | {"kind": "complaint"})) == (422, "shape_invalid")
    assert refusal(ask(client, **more | {"objects_to": "0" * 20})) == (404, "case_not_found")
    assert refusal(ask(client, **more | {"objects_to": "nothing"})) == (422, "shape_invalid")
    other = {"account": open_account(client)["number"]}
    assert refusal(ask(client, **more | {"about": other})) == (404, "case_not_found")
    objection = opened(client, **more)
    assert view(client, objection)["objects_to"] == case
    client.post(f"/v1/cases/{case}/close")
    opened(client, **more, reply_to="again")
    stranger = own(client, keys, open_account(client)["number"])
    theirs = ask(client, stranger, "/v1/me/cases", kind="objection", objects_to=case, channel="online")
    assert refusal(theirs) == (404, "case_not_found")


# -- twice, and at once ------------------------------------------------------------------------------------


def test_the_same_answer_again_changes_nothing(
    client: TestClient, engine: Engine, keys: Path, case: str
) -> None:
    first = answered(client, keys, case)
    assert answered(client, keys, case) == first
    others: list[dict[str, Any]] = [{"text": "不同"}, {"outcome": "rejected"}, {"evidence": []}]
    for other in others:
        assert refusal(give_answer(client, clerk(keys), case, **other)) == (409, "case_answered")
    assert refusal(give_answer(client, clerk(keys, "clerk-8"), case)) == (409, "case_answered")
    client.post(f"/v1/cases/{case}/close")
    assert refusal(give_answer(client, clerk(keys, "clerk-8"), case)) == (409, "case_answered")
    assert answers(engine, case) == 1


def answers(engine: Engine, case: str) -> int:
    query = select(func.count()).select_from(tables.inquiry_case_answer)
    with engine.connect() as connection:
        found = connection.scalar(query.where(tables.inquiry_case_answer.c.case_id == case))
    return found or 0


@pytest.mark.postgres
def test_of_two_answers_at_once_one_stands(client: TestClient, keys: Path, account: Any) -> None:
    clerks = [clerk(keys, f"clerk-{n}") for n in range(6)]
    for _ in range(3):
        case = opened(client, about={"account": account["number"]})
        calls = [(headers, f"答复 {n}") for n, headers in enumerate(clerks)]
        with ThreadPool(6) as pool:
            found = pool.starmap(
                lambda headers, words, case=case: give_answer(client, headers, case, text=words), calls
            )
        assert sorted(answer.status_code for answer in found) == [201, *[409] * 5]
        [first] = [n for n, answer in enumerate(found) if answer.status_code == 201]
        seen = view(client, case)
        assert (seen["answer"], seen["answered_by"]) == (f"答复 {first}", f"clerk-{first}")


@pytest.mark.postgres
def test_the_database_says_whose_answer_was_first(
    client: TestClient, engine: Engine, keys: Path, case: str
) -> None:
    """Another process has answered and not yet committed: this one waits, and is first when that fails."""
    client.post(f"/v1/cases/{case}/take", headers=clerk(keys, "clerk-2"))
    agent, name = tables.agent.c, tables.inquiry_case.c
    found: list[Any] = []
    asking = threading.Thread(target=lambda: found.append(give_answer(client, clerk(keys), case)))
    with engine.connect() as connection:
        transaction = connection.begin()
        by = connection.scalar(select(agent.agent_id).where(agent.name == "clerk-2"))
        opener = connection.scalar(select(name.actor).where(name.case_id == case))
        row = {
            "case_id": case, "opened_by": opener, "outcome": 4, "text_sealed": b"x", "evidence_sealed": b"x",
            "answered_on": TODAY, "recorded_at": NOW, "caller": by, "actor": by,
        }  # fmt: skip
        connection.execute(tables.inquiry_case_answer.insert(), row)
        asking.start()
        wait_for_a_waiter(engine)
        assert found == []
        transaction.rollback()
    asking.join()
    assert found[0].status_code == 201
    assert view(client, case)["answered_by"] == "clerk-9"


@pytest.mark.postgres
def test_the_same_said_at_once_is_one_case(client: TestClient, engine: Engine, account: Any) -> None:
    for _ in range(3):
        body = case_body(about={"account": account["number"]}, kind="complaint")
        with ThreadPool(6) as pool:
            found = pool.map(lambda said: client.post("/v1/cases", json=said), [body] * 6)
        assert [answer.status_code for answer in found] == [201] * 6
        assert len({answer.json()["case"] for answer in found}) == 1


# -- late --------------------------------------------------------------------------------------------------


def test_overdue_by_the_clock(client: TestClient, account: Any) -> None:
    case = opened(client, about={"account": account["number"]})
    due = date(2026, 11, 27)
    for day, late in ((due - DAY, False), (due, False), (due + DAY, True)):
        with today(client, day):
            assert view(client, case)["overdue"] is late
            found = {one["case"]: one["overdue"] for one in listed(client, overdue="true", limit=500)}
            in_time = {one["case"] for one in listed(client, overdue="false", limit=500)}
            assert (case in found, case in in_time) == (late, not late)
            assert all(found.values())


@pytest.mark.parametrize(("late", "days"), [(False, 0), (True, 1)])
def test_what_was_answered_late_stays_a_finding(
    client: TestClient, keys: Path, account: Any, late: bool, days: int
) -> None:
    case = opened(client, about={"account": account["number"]})
    with today(client, date(2026, 11, 27) + days * DAY):
        answered(client, keys, case)
    with today(client, date(2027, 3, 1)):
        found = {one["case"] for one in listed(client, auditor(keys), overdue="true", state="answered")}
        assert (case in found) is late
        assert view(client, case)["overdue"] is late


def test_a_day_that_was_told_stays(client: TestClient, account: Any) -> None:
    body = case_body(about={"account": account["number"]})
    first = client.post("/v1/cases", json=body).json()
    with today(client, date(2026, 11, 24)):
        assert client.post("/v1/cases", json=body).json() == first


# -- the worklist ------------------------------------------------------------------------------------------


def test_the_worklist_is_by_the_due_day(client: TestClient, keys: Path) -> None:
    number = open_account(client)["number"]
    kinds = ["complaint", "question", "objection", "question"]
    made = [opened(client, kind=kind, about={"account": number}) for kind in kinds]
    me = own(client, keys, number)
    for size in (1, 2, 3, 50):
        items = listed(client, me, limit=size)
        assert [(one["due_on"], one["case"]) for one in items] == sorted(
            (one["due_on"], one["case"]) for one in items
        )
        assert {one["case"] for one in items} == set(made)
        assert len(items) == len(made)
    everything = listed(client, limit=7)
    assert [one["due_on"] for one in everything] == sorted(one["due_on"] for one in everything)
    assert {one["case"] for one in listed(client, kind="objection", limit=500)} >= {made[2]}
    assert {one["kind"] for one in listed(client, kind="objection", limit=500)} == {"objection"}
    assert set(everything[0]) == {
        "case", "due_on", "working_days", "state", "kind", "channel", "about", "opened_at", "overdue",
        "taken_at", "outcome", "answered_at", "closed_at", "objects_to", "taken_by", "opened_by",
        "answered_by",
    }  # fmt: skip


def test_what_nobody_looks_into_is_told_from_what_somebody_does(client: TestClient, keys: Path) -> None:
    number = open_account(client)["number"]
    untouched, looked_into, done = (opened(client, about={"account": number}) for _ in range(3))
    for case in (looked_into, done):
        client.post(f"/v1/cases/{case}/take", headers=clerk(keys))
    answered(client, keys, done)

    def found(**query: Any) -> set[str]:
        mine = {untouched, looked_into, done}
        return {one["case"] for one in listed(client, limit=500, **query)} & mine

    assert found(state="open") == {untouched, looked_into}
    assert found(state="open", taken="false") == {untouched}
    assert found(state="open", taken="true") == {looked_into}
    assert found(state="answered") == {done}
    assert found(state="closed") == set()


def test_a_cursor_is_of_one_list_and_one_asker(client: TestClient, keys: Path) -> None:
    numbers = [open_account(client)["number"] for _ in range(2)]
    for number in numbers:
        for _ in range(2):
            opened(client, about={"account": number})
    first, second = (own(client, keys, number) for number in numbers)
    cursor = client.get("/v1/cases?limit=1", headers=first).json()["next_cursor"]
    assert client.get(f"/v1/cases?limit=1&cursor={cursor}", headers=first).status_code == 200
    for path, headers in (
        (f"/v1/cases?cursor={cursor}", second),
        (f"/v1/cases?cursor={cursor}", None),
        (f"/v1/cases?state=open&cursor={cursor}", first),
        ("/v1/cases?cursor=x", first),
    ):
        assert refusal(client.get(path, headers=headers)) == (422, "shape_invalid")
    for wrong in (
        "state=waiting",
        "kind=wish",
        "overdue=yes",
        "taken=1",
        "limit=0",
        "limit=501",
        "late=true",
    ):
        assert client.get(f"/v1/cases?{wrong}").status_code == 422


# -- recorded ----------------------------------------------------------------------------------------------


def test_a_look_at_cases_is_a_read(client: TestClient, engine: Engine, keys: Path) -> None:
    account = open_account(client)
    case = opened(client, about={"account": account["number"]})
    at_window = clerk(keys)
    before = len(reads(engine))
    view(client, case, at_window)
    [read] = reads(engine)[before:]
    assert (read.purpose, FieldGroup(read.fields), read.items) == ("complaint", FieldGroup.IDENTITY_MASKED, 1)
    log = client.get("/v1/me/access-log", headers=own(client, keys, account["number"])).json()["items"]
    assert log[0]["purpose"] == "complaint"
    bare = bearer(keys, channel=C.WINDOW)
    assert refusal(client.get(f"/v1/cases/{case}", headers=bare)) == (403, "purpose_missing")
    wrong = bearer(keys, "audit", channel=C.WINDOW)
    assert refusal(client.get(f"/v1/cases/{case}", headers=wrong)) == (403, "purpose_not_allowed")
    # the worklist names nobody, so it is a read of nobody
    before = len(reads(engine))
    for headers in (bare, at_window, auditor(keys), None):
        page = client.get("/v1/cases?limit=500", headers=headers)
        assert case in {one["case"] for one in page.json()["items"]}
        assert account["account_no"] not in page.text
    assert len(reads(engine)) == before
    # and to a person it is their own, which is recorded
    me = own(client, keys, account["number"])
    for path in ("/v1/cases", "/v1/me/cases"):
        before = len(reads(engine))
        assert account["account_no"] in client.get(path, headers=me).text
        [read] = reads(engine)[before:]
        assert (read.book_id, read.items) == (book_id_of(account["account_no"]), 1)
    # opening and answering write their own record, and show nothing
    before = len(reads(engine))
    answered(client, keys, opened(client, about={"account": account["number"]}))
    assert len(reads(engine)) == before


def test_auditors_read_and_do_nothing(client: TestClient, keys: Path, case: str) -> None:
    audits = auditor(keys)
    assert view(client, case, audits)["case"] == case
    assert client.get("/v1/cases?overdue=true", headers=audits).status_code == 200
    assert refusal(client.post(f"/v1/cases/{case}/take", headers=audits)) == (403, "channel_not_allowed")
