"""Other agencies: a written request with its legal basis, decided by a reviewer, answered once (R63)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, select, text

from api.inquiry.agency_answers import READERS, GrantedPerson
from api.inquiry.agency_requests import (
    AgencyRequestAnswer,
    AgencyRequestItem,
    AgencyRequestPage,
    AgencyRequestView,
    GroupWord,
)
from ledger import tables
from ledger.access.channels import ASKABLE, ASKED
from ledger.book.numbers import book_id_of
from ledger.chart.channels import NOTHING, AccessChannel, FieldGroup
from ledger.inquiry import agency_requests
from ledger.people.id_numbers import mask_id_number
from ledger.verify import verify
from tests.support import care_client
from tests.support.api_client import NOW, bearer, contribute, id_number, key, open_account, running, spending
from tests.support.employer_client import hire, new_employer, owe, pay
from tests.support.old_rows import as_before_numbers_were_refused

G, C = FieldGroup, AccessChannel
PATH = "/v1/agency-requests"
BASIS = "\u3000《民事诉讼法》第二百五十三条 "
LAW = "《民事诉讼法》第二百五十三条"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    with running(engine, folder) as client:
        yield client


@pytest.fixture(scope="module")
def court(client: TestClient, folder: Path) -> dict[str, str]:
    """The token of a court's clerk, with what the court looks for."""
    return bearer(folder / "keys", "court_order", channel=C.AGENCY, caller="court", actor="judge-3")


@pytest.fixture(scope="module")
def reviewer(client: TestClient, folder: Path) -> dict[str, str]:
    return bearer(folder / "keys", "court_order", channel=C.WINDOW, actor="reviewer-1")


def body(*persons: str, **more: Any) -> dict[str, Any]:
    return {
        "agency": "示例区人民法院",
        "purpose": "court_order",
        "legal_basis": BASIS,
        "persons": list(persons) or [id_number()],
        "fields": ["balance"],
        **more,
    }


def asked(client: TestClient, court: dict[str, str], *persons: str, **more: Any) -> str:
    """The name of a request that was just written down."""
    answer = client.post(PATH, json=body(*persons, **more), headers=court)
    assert answer.status_code == 201, answer.text
    assert set(answer.json()) == {"request", "state"}
    return str(answer.json()["request"])


def decided(client: TestClient, reviewer: dict[str, str], name: str, *, approve: bool = True) -> Any:
    answer = client.post(
        f"{PATH}/{name}/decision", json={"approve": approve, "reason": "within the order"}, headers=reviewer
    )
    assert answer.status_code == 201, answer.text
    AgencyRequestItem.model_validate(answer.json())
    return answer.json()


def granted(
    client: TestClient, court: dict[str, str], reviewer: dict[str, str], *persons: str, **more: Any
) -> str:
    name = asked(client, court, *persons, **more)
    assert decided(client, reviewer, name)["state"] == "approved"
    return name


def fetch(client: TestClient, court: dict[str, str], name: str) -> Any:
    return client.get(f"{PATH}/{name}/answer", headers=court)


def told(answer: Any) -> Any:
    assert answer.status_code == 200, answer.text
    AgencyRequestAnswer.model_validate(answer.json())
    return answer.json()


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def reads(engine: Engine, *, ref: str) -> list[Any]:
    """What was recorded of the answers to a request, in order."""
    log = tables.read_log.c
    with engine.begin() as connection:
        return list(
            connection.execute(
                select(tables.read_log).where(log.ref.like(f"{ref}%")).order_by(log.chain_id, log.seq)
            )
        )


# -- the tables ----------------------------------------------------------------------------------------------


def test_every_group_of_fields_is_decided_about_and_read_by_one_reader() -> None:
    assert set(ASKED) == set(FieldGroup)
    assert {group for group, may in ASKED.items() if may} == set(ASKABLE) == set(READERS)
    assert ASKABLE & (G.READS | G.OTHERS_NAMES | G.CARE_ITEMS) == NOTHING
    assert list(GroupWord.__args__) == ASKABLE.words == [*GrantedPerson.model_fields][2:]


# -- asking --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("basis", [None, "", "  ", "\u3000"])
def test_without_a_legal_basis_nothing_is_asked(
    client: TestClient, court: dict[str, str], basis: Any
) -> None:
    refused = client.post(PATH, json=body(legal_basis=basis), headers=court)
    assert refusal(refused) == (422, "no_legal_basis")
    assert refused.json()["errors"][0]["pointer"] == "/legal_basis"
    left_out = {name: value for name, value in body().items() if name != "legal_basis"}
    assert refusal(client.post(PATH, json=left_out, headers=court)) == (422, "no_legal_basis")


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"fields": ["salary"]}, "/fields/0"),
        ({"fields": ["balance", "reads"]}, "/fields/1"),
        ({"fields": ["others_names"]}, "/fields/0"),
        ({"fields": ["care_items"]}, "/fields/0"),
        ({"fields": ["BALANCE"]}, "/fields/0"),
        ({"fields": []}, "/fields"),
        ({"fields": "balance"}, "/fields"),
        ({"fields": ["balance"] * 7}, "/fields"),
        ({"persons": []}, "/persons"),
        ({"persons": [id_number() for _ in range(51)]}, "/persons"),
        ({"persons": [119999198503140015]}, "/persons/0"),
        ({"agency": " "}, "/agency"),
        ({"legal_basis": 7}, "/legal_basis"),
        ({"legal_basis": "x" * 161}, "/legal_basis"),
        ({"legal_basis": "a\nb"}, "/legal_basis"),
    ],
)
def test_what_cannot_be_asked(
    client: TestClient, court: dict[str, str], more: dict[str, Any], pointer: str
) -> None:
    refused = client.post(PATH, json=body(**more), headers=court)
    assert refusal(refused) == (422, "shape_invalid")
    assert refused.json()["errors"][0]["pointer"] == pointer


def test_each_person_is_named_rightly_and_once(client: TestClient, court: dict[str, str]) -> None:
    good = id_number()
    wrong = good[:-1] + ("0" if good[-1] != "0" else "1")
    for persons, code in (([good, wrong], (422, "id_checksum")), ([good, good], (409, "duplicate_line"))):
        refused = client.post(PATH, json=body(*persons), headers=court)
        assert refusal(refused) == code
        assert refused.json()["errors"][0]["pointer"] == "/persons/1"
        assert good not in refused.text


def test_fifty_are_no_bulk_copy(client: TestClient, engine: Engine, court: dict[str, str]) -> None:
    name = asked(client, court, *(id_number() for _ in range(50)))
    table = tables.agency_request_person.c
    with engine.begin() as connection:
        places = connection.scalars(select(table.place).where(table.request_id == name)).all()
    assert sorted(places) == list(range(1, 51))


@pytest.mark.parametrize("purpose", ["own_request", "audit", "care", "curiosity", "COURT_ORDER", ""])
def test_a_purpose_is_one_of_the_agencys(client: TestClient, court: dict[str, str], purpose: str) -> None:
    refused = client.post(PATH, json=body(purpose=purpose), headers=court)
    assert refusal(refused) == (403, "purpose_not_allowed")


def test_nothing_is_stored_plain(client: TestClient, engine: Engine, court: dict[str, str]) -> None:
    number = id_number()
    with as_before_numbers_were_refused():
        name = asked(client, court, number, legal_basis=f"warrant for {number}", agency=f"court of {number}")
    with engine.begin() as connection:
        [person] = connection.execute(
            select(tables.agency_request_person).where(tables.agency_request_person.c.request_id == name)
        )
        [row] = connection.execute(
            select(tables.agency_request).where(tables.agency_request.c.request_id == name)
        )
    assert number.encode() not in bytes(person.person) + bytes(person.number_sealed)
    assert number not in f"{row}"
    assert row.legal_basis.startswith("warrant for ")


# -- through which channel -----------------------------------------------------------------------------------

MAY: dict[str, set[AccessChannel]] = {
    "ask": {C.AGENCY, C.SYSTEM},
    "list": {C.WINDOW, C.AUDIT, C.SYSTEM},
    "view": {C.WINDOW, C.AUDIT, C.SYSTEM},
    "decide": {C.WINDOW, C.SYSTEM},
    "answer": {C.AGENCY, C.SYSTEM},
}
CALLS: dict[str, Callable[[TestClient, str, dict[str, str]], Any]] = {
    "ask": lambda client, _name, headers: client.post(PATH, json=body(), headers=headers),
    "list": lambda client, _name, headers: client.get(PATH, headers=headers),
    "view": lambda client, name, headers: client.get(f"{PATH}/{name}", headers=headers),
    "decide": lambda client, name, headers: client.post(
        f"{PATH}/{name}/decision", json={"approve": True, "reason": "x"}, headers=headers
    ),
    "answer": lambda client, name, headers: client.get(f"{PATH}/{name}/answer", headers=headers),
}
PURPOSE = {C.AUDIT: "audit", C.WINDOW: "court_order", C.AGENCY: "court_order", C.SYSTEM: None}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("channel", [one for one in AccessChannel if one not in {C.EMPLOYER, C.INSTITUTION}])
def test_only_an_agency_asks_and_only_the_window_decides(
    client: TestClient, folder: Path, court: dict[str, str], call: str, channel: AccessChannel
) -> None:
    name = asked(client, court)
    headers = bearer(folder / "keys", PURPOSE.get(channel, "own_request"), channel=channel, actor="somebody")
    answer = CALLS[call](client, name, headers)
    if channel in MAY[call]:
        # another agency's request is not there for this one
        assert answer.status_code in {200, 201} or (call, answer.status_code) == ("answer", 404)
    else:
        assert refusal(answer) == (403, "channel_not_allowed")


def test_an_agency_sees_nothing_but_its_answer(
    client: TestClient, court: dict[str, str], reviewer: dict[str, str]
) -> None:
    account = open_account(client)["account_no"]
    for path in ("", "/balance", "/entries", "/payments", "/settlements"):
        answer = client.get(f"/v1/accounts/{account}{path}", headers=court)
        assert refusal(answer) == (403, "channel_not_allowed")
    name = asked(client, court, id_number())
    assert refusal(client.get(f"{PATH}/{name}", headers=court)) == (403, "channel_not_allowed")


@pytest.mark.parametrize("scope", ["accounts:read", "admin", "agency-requests:ask"])
def test_who_may_ask_may_not_decide(
    client: TestClient, folder: Path, court: dict[str, str], scope: str
) -> None:
    name = asked(client, court)
    headers = bearer(folder / "keys", "court_order", channel=C.WINDOW, actor="reviewer-1", scopes=[scope])
    for call in ("list", "view", "decide"):
        assert refusal(CALLS[call](client, name, headers)) == (403, "scope_missing")


# -- reviewing -----------------------------------------------------------------------------------------------


def test_the_reviewer_sees_who_asks_for_whom(
    client: TestClient, engine: Engine, folder: Path, court: dict[str, str], reviewer: dict[str, str]
) -> None:
    person, stranger = open_account(client), id_number()
    name = asked(client, court, person["number"], stranger, fields=["payments", "balance"])
    path = f"{PATH}/{name}"
    no_purpose = bearer(folder / "keys", channel=C.WINDOW, actor="reviewer-1")
    assert refusal(client.get(path, headers=no_purpose)) == (403, "purpose_missing")
    answer = client.get(path, headers=reviewer)
    AgencyRequestView.model_validate(answer.json())
    view = answer.json()
    assert (view["state"], view["persons"], view["fields"]) == ("open", 2, ["balance", "payments"])
    assert (view["purpose"], view["asked_by"], view["agency"]) == ("court_order", "judge-3", "示例区人民法院")
    assert view["id_numbers"] == [mask_id_number(number) for number in (person["number"], stranger)]
    assert person["number"] not in answer.text
    assert stranger not in answer.text
    log = tables.read_log.c
    with engine.begin() as connection:
        newest = connection.execute(
            select(log.book_id, log.person, log.fields).order_by(log.at.desc(), log.seq.desc()).limit(2)
        ).all()
    assert {(one.book_id, one.person is None, one.fields) for one in newest} == {
        (book_id_of(person["account_no"]), True, int(G.IDENTITY_MASKED)),
        (None, False, int(G.IDENTITY_MASKED)),
    }


def test_the_list_is_by_state_and_pages(
    client: TestClient, court: dict[str, str], reviewer: dict[str, str]
) -> None:
    def listed(state: str) -> list[str]:
        names: list[str] = []
        cursor = ""
        while True:
            page = client.get(f"{PATH}?state={state}&limit=2{cursor}", headers=reviewer).json()
            AgencyRequestPage.model_validate(page)
            assert all(one["state"] == state for one in page["items"])
            names += [one["request"] for one in page["items"]]
            if page["next_cursor"] is None:
                return names
            cursor = f"&cursor={page['next_cursor']}"

    waiting = [asked(client, court) for _ in range(5)]
    rejected, approved, answered = waiting[1], waiting[2], waiting[3]
    decided(client, reviewer, rejected, approve=False)
    decided(client, reviewer, approved)
    decided(client, reviewer, answered)
    told(fetch(client, court, answered))
    # asked at the same moment of the test's clock: by name
    assert [one for one in listed("open") if one in waiting] == sorted([waiting[0], waiting[4]])
    assert rejected in listed("rejected")
    assert approved in listed("approved")
    assert answered in listed("answered")
    assert answered not in listed("approved")
    everything = client.get(f"{PATH}?limit=500", headers=reviewer).json()["items"]
    assert set(waiting) <= {one["request"] for one in everything}
    assert refusal(client.get(f"{PATH}?state=lost", headers=reviewer)) == (422, "shape_invalid")
    assert refusal(client.get(f"{PATH}?cursor=AAAA", headers=reviewer)) == (422, "shape_invalid")


@pytest.mark.parametrize("caller", ["court", "another-system"])
def test_who_asked_never_decides(
    client: TestClient, folder: Path, court: dict[str, str], caller: str
) -> None:
    """Through whatever system the same person acts."""
    name = asked(client, court)
    for channel in (C.WINDOW, C.SYSTEM):
        own = bearer(folder / "keys", "court_order", channel=channel, caller=caller, actor="judge-3")
        assert refusal(CALLS["decide"](client, name, own)) == (403, "decider_asked")
    written = bearer(folder / "keys", "court_order", channel=C.WINDOW, caller=caller, actor="Judge-3 ")
    assert refusal(CALLS["decide"](client, name, written)) == (403, "decider_asked")
    assert refusal(fetch(client, court, name)) == (409, "agency_request_undecided")


def test_a_request_is_decided_once(
    client: TestClient, court: dict[str, str], reviewer: dict[str, str]
) -> None:
    name = asked(client, court)
    first = decided(client, reviewer, name, approve=False)
    assert (first["state"], first["reason"], first["decided_by"]) == (
        "rejected",
        "within the order",
        "reviewer-1",
    )
    for approve in (True, False):
        again = client.post(
            f"{PATH}/{name}/decision", json={"approve": approve, "reason": "x"}, headers=reviewer
        )
        assert refusal(again) == (409, "agency_request_decided")
    assert refusal(fetch(client, court, name)) == (409, "agency_request_rejected")


@pytest.mark.parametrize(
    "decision",
    [{"approve": "yes", "reason": "x"}, {"approve": 1, "reason": "x"}, {"approve": True}, {"reason": "x"},
     {"approve": True, "reason": ""}, {"approve": True, "reason": "x", "fields": ["balance"]}],
)  # fmt: skip
def test_a_decision_says_what_and_why(
    client: TestClient, court: dict[str, str], reviewer: dict[str, str], decision: dict[str, Any]
) -> None:
    name = asked(client, court)
    refused = client.post(f"{PATH}/{name}/decision", json=decision, headers=reviewer)
    assert refused.status_code == 422
    assert refusal(fetch(client, court, name)) == (409, "agency_request_undecided")


@pytest.mark.parametrize("name", ["0" * 20, "x", "%00" * 20, "é" * 20, "P483920174650K-17"])
def test_a_request_that_there_is_not(
    client: TestClient, court: dict[str, str], reviewer: dict[str, str], name: str
) -> None:
    answer = client.get(f"{PATH}/{name}", headers=reviewer)
    assert refusal(answer) == (404, "agency_request_not_found")
    assert [(one["in"], one["pointer"]) for one in answer.json()["errors"]] == [("path", "agency_request")]
    assert refusal(CALLS["decide"](client, name, reviewer)) == (404, "agency_request_not_found")
    assert refusal(fetch(client, court, name)) == (404, "agency_request_not_found")


# -- answering -----------------------------------------------------------------------------------------------


def test_an_answer_shows_what_was_granted_of_whom_it_was_and_once(
    client: TestClient, engine: Engine, court: dict[str, str], reviewer: dict[str, str]
) -> None:
    one, other, left_out = (open_account(client) for _ in range(3))
    for account, amount in ((one, "1000.00"), (other, "12.34"), (left_out, "7.00")):
        contribute(client, account["account_no"], amount)
    stranger = id_number()
    name = granted(client, court, reviewer, one["number"], stranger, other["number"], fields=["balance"])
    answer = told(fetch(client, court, name))
    assert (answer["request"], answer["purpose"], answer["legal_basis"]) == (name, "court_order", LAW)
    assert answer["fields"] == ["balance"]
    first, unknown, third = answer["persons"]
    assert (first["place"], first["balance"]["balance"]) == (1, "1000.00")
    assert unknown == {"place": 2, "known": False}
    assert (third["place"], third["balance"]["balance"]) == (3, "12.34")
    # nothing but what was asked for
    assert set(first) == {"place", "known", "balance"}
    assert all(secret not in str(answer) for secret in (one["number"], one["account_no"], "张三", "7.00"))
    recorded = reads(engine, ref=name)
    assert [(row.book_id, FieldGroup(row.fields)) for row in recorded] == [
        (book_id_of(one["account_no"]), G.BALANCE),
        (None, NOTHING),
        (book_id_of(other["account_no"]), G.BALANCE),
    ]
    assert {(row.purpose, row.ref, row.channel) for row in recorded} == {
        ("court_order", f"{name} {LAW}", int(C.AGENCY))
    }
    assert recorded[1].person is not None
    assert refusal(fetch(client, court, name)) == (409, "agency_request_answered")
    assert len(reads(engine, ref=name)) == 3


def test_every_group_that_may_be_asked_for_is_answered(
    client: TestClient, court: dict[str, str], reviewer: dict[str, str]
) -> None:
    hospital = care_client.new_institution(client)
    patient = care_client.new_patient(client, "100.00")
    care_client.settle(client, hospital, patient, [("A", "10.00")])
    employer, worker = new_employer(client, name="某厂"), hire(client)
    owe(client, employer, "2026-03", {worker: "8000.00"})
    pay(client, employer, "2026-03", "760.00", "2026-04-10")
    name = granted(client, court, reviewer, patient, worker, fields=ASKABLE.words)
    sick, works = told(fetch(client, court, name))["persons"]
    assert set(sick) == {"place", "known", *ASKABLE.words}
    assert sick["identity_full"]["id_number"] == patient
    assert patient not in str(sick["identity_masked"])
    assert [one["total"] for one in sick["care_amounts"]] == ["10.00"]
    assert [one["kind"] for one in works["entries"]][-1] == "contribution"
    assert works["payments"] == [
        {
            "period": "2026-03",
            "kind": "contribution",
            "employer_name": "某厂",
            "base": "8000.00",
            "assessed": "760.00",
            "paid": "760.00",
            "paid_on": "2026-04-10",
            "owed": "0.00",
        }
    ]
    assert works["care_amounts"] == []
    entries = client.get(f"/v1/accounts/{worker}/entries").json()["items"]
    assert [(one["kind"], one["amount"]) for one in entries] == [
        (one["kind"], one["amount"]) for one in works["entries"]
    ]


def test_entries_tell_no_balance(client: TestClient, court: dict[str, str], reviewer: dict[str, str]) -> None:
    account = open_account(client)
    contribute(client, account["account_no"], "33.33")
    contribute(client, account["account_no"], "11.11")
    name = granted(client, court, reviewer, account["number"], fields=["entries"])
    [person] = told(fetch(client, court, name))["persons"]
    assert [one["amount"] for one in person["entries"]][-2:] == ["33.33", "11.11"]
    assert "44.44" not in str(person)
    assert account["account_no"] not in str(person)


def test_all_entries_are_told_over_pages(
    client: TestClient, court: dict[str, str], reviewer: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.inquiry.agency_answers.PAGE", 2)
    account = open_account(client)
    contribute(client, account["account_no"])
    for _ in range(4):
        client.post(f"/v1/accounts/{account['number']}/spendings", json=spending(), headers=key())
    name = granted(client, court, reviewer, account["number"], fields=["entries"])
    [person] = told(fetch(client, court, name))["persons"]
    kinds = [one["kind"] for one in person["entries"]]
    assert kinds[-5:] == ["contribution", *["spending"] * 4]
    assert len(kinds) == len(client.get(f"/v1/accounts/{account['number']}/entries").json()["items"])


@pytest.mark.parametrize("other", [{"caller": "police"}, {"actor": "judge-4"}])
def test_the_answer_goes_to_who_asked(
    client: TestClient,
    folder: Path,
    court: dict[str, str],
    reviewer: dict[str, str],
    other: dict[str, str],
) -> None:
    name = granted(client, court, reviewer)
    who = {"caller": "court", "actor": "judge-3"} | other
    somebody = bearer(folder / "keys", "court_order", channel=C.AGENCY, **who)
    assert refusal(fetch(client, somebody, name)) == (404, "agency_request_not_found")
    told(fetch(client, court, name))


def test_the_answer_is_for_the_purpose_that_was_granted(
    client: TestClient, engine: Engine, folder: Path, court: dict[str, str], reviewer: dict[str, str]
) -> None:
    name = granted(client, court, reviewer)
    as_court = {"channel": C.AGENCY, "caller": "court", "actor": "judge-3"}
    for purpose, code in ((None, "purpose_missing"), ("estate", "purpose_not_allowed")):
        headers = bearer(folder / "keys", purpose, **as_court)
        assert refusal(fetch(client, headers, name)) == (403, code)
    assert reads(engine, ref=name) == []
    told(fetch(client, court, name))


def test_a_system_asks_for_an_agency(client: TestClient, engine: Engine, folder: Path) -> None:
    """Its reads have the purpose of the request, though it names none itself."""
    account = open_account(client)
    clerk = bearer(folder / "keys", actor="clerk-1")
    name = asked(client, clerk, account["number"])
    decided(client, bearer(folder / "keys", actor="clerk-2"), name)
    told(fetch(client, clerk, name))
    [read] = reads(engine, ref=name)
    assert (read.purpose, read.channel) == ("court_order", int(C.SYSTEM))


# -- two at one moment, and nothing recorded -----------------------------------------------------------------


def answered(engine: Engine, name: str) -> int:
    table = tables.agency_answer
    query = select(func.count()).select_from(table).where(table.c.request_id == name)
    with engine.begin() as connection:
        return connection.scalar(query) or 0


def test_of_many_at_one_moment_one_is_answered(
    client: TestClient, engine: Engine, court: dict[str, str], reviewer: dict[str, str]
) -> None:
    account = open_account(client)
    for _ in range(3):
        name = granted(client, court, reviewer, account["number"])
        with ThreadPool(6) as pool:
            answers = pool.map(lambda _n, name=name: fetch(client, court, name), range(6))
        codes = sorted(answer.status_code for answer in answers)
        assert codes == [200, *[409] * 5]
        assert answered(engine, name) == 1


@pytest.mark.postgres
def test_the_database_says_who_was_first(
    client: TestClient, engine: Engine, court: dict[str, str], reviewer: dict[str, str]
) -> None:
    """Another process has answered and not yet committed: this one waits for it, and then says no."""
    account = open_account(client)
    name = granted(client, court, reviewer, account["number"])
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(fetch(client, court, name)))
    with engine.connect() as connection, connection.begin():
        agent = connection.scalar(select(tables.agent.c.agent_id).where(tables.agent.c.name == "judge-3"))
        row = {"request_id": name, "approved": True, "answered_at": NOW, "caller": agent, "actor": agent}
        connection.execute(tables.agency_answer.insert(), row)
        asking.start()
        wait_for_a_waiter(engine)
        assert answers == []
    asking.join()
    assert refusal(answers[0]) == (409, "agency_request_answered")
    assert answered(engine, name) == 1


def wait_for_a_waiter(engine: Engine) -> None:
    """Until a session waits for a lock of another one."""
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watching:
        while not watching.scalar(waiting):
            pass


def test_of_two_who_decide_at_one_moment_one_does(
    client: TestClient, folder: Path, court: dict[str, str]
) -> None:
    reviewers = [
        bearer(folder / "keys", "court_order", channel=C.WINDOW, actor=f"reviewer-{n}") for n in range(6)
    ]
    name = asked(client, court)
    with ThreadPool(6) as pool:
        answers = pool.map(lambda headers: CALLS["decide"](client, name, headers), reviewers)
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 5]


def test_what_cannot_be_recorded_is_not_shown_and_not_used_up(
    client: TestClient,
    engine: Engine,
    court: dict[str, str],
    reviewer: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = granted(client, court, reviewer, open_account(client)["number"])
    with monkeypatch.context() as patched:
        patched.setattr("ledger.access.read_log.WAITING_MAX", 0)
        assert refusal(fetch(client, court, name)) == (503, "read_log_unavailable")
    assert answered(engine, name) == 0
    told(fetch(client, court, name))


def test_a_process_killed_after_the_record_has_not_answered(
    client: TestClient,
    engine: Engine,
    court: dict[str, str],
    reviewer: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was recorded and never used up may be asked for again, and is recorded again."""
    name = granted(client, court, reviewer, open_account(client)["number"])

    def dies(*_arguments: Any, **_named: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(agency_requests, "spend", dies)
        assert fetch(client, court, name).status_code == 500
    assert (len(reads(engine, ref=name)), answered(engine, name)) == (1, 0)
    told(fetch(client, court, name))
    assert (len(reads(engine, ref=name)), answered(engine, name)) == (2, 1)


def test_the_books_and_the_reads_are_sound_after_all_of_it(
    client: TestClient, engine: Engine, court: dict[str, str], reviewer: dict[str, str]
) -> None:
    name = granted(client, court, reviewer, open_account(client)["number"], id_number(), fields=ASKABLE.words)
    told(fetch(client, court, name))
    keyring = client.app.state.ledger.keyring  # type: ignore[attr-defined]  # Starlette's app
    assert verify(engine, keyring=keyring).findings == []
