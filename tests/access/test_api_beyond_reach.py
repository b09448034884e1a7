"""What bound tokens are told of people beyond their reach: one thing, of few in a minute, and on record."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, select

from api.http.errors import Declined
from api.http.security import Caller
from api.http.state import STRANGERS_A_MINUTE
from api.http.strangers import CALLERS_MAX, Strangers
from ledger import tables
from ledger.access.read_log import ReadLogUnavailable
from ledger.access.roles import OF_ANY_BOUND
from ledger.book.numbers import book_id_of, entry_name, new_book_id
from ledger.chart.channels import NOTHING, AccessChannel, FieldGroup
from ledger.chart.parties import Party
from ledger.imports import ImportProblem
from ledger.imports.employer_lists import ListPoster
from ledger.people.id_numbers import parse_id_number
from ledger.people.persons import number_digest
from ledger.verify import verify
from tests.access.test_api_read_log import reads
from tests.support import care_client
from tests.support.api_client import TODAY, bearer, id_number, key, open_account, running
from tests.support.care_client import bill, new_institution, new_patient
from tests.support.case_client import case_body, opened
from tests.support.employer_client import declare, new_employer, owe, refusal, wages
from tests.support.estate_client import die, divide, heir

SCOPES: Final = sorted(OF_ANY_BOUND)
MANY = STRANGERS_A_MINUTE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    with running(engine, folder) as client:
        yield client


@pytest.fixture
def clock(client: Any, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds by which strangers are counted, from nobody."""
    seconds = [1000.0]
    counted = Strangers(MANY, lambda: seconds[0])
    monkeypatch.setattr(client.app.state.ledger, "strangers", counted)
    return seconds


def unit(folder: Path, employer: str, **more: Any) -> dict[str, str]:
    """The headers of an employer's own call."""
    asked: Any = {"channel": AccessChannel.EMPLOYER, "employer": employer, "scopes": SCOPES} | more
    return bearer(folder / "keys", "own_request", **asked) | key()


def hospital(folder: Path, institution: str, **more: Any) -> dict[str, str]:
    """The headers of an institution's own call."""
    asked: Any = {"channel": AccessChannel.INSTITUTION, "institution": institution, "scopes": SCOPES} | more
    return bearer(folder / "keys", "care", **asked) | key()


def hand_in(
    client: TestClient,
    employer: str,
    numbers: Sequence[str],
    headers: Any = None,
    *,
    asks: bool = True,
    period: str = "2026-07",
) -> Any:
    """The plain answer to a list, previewed or handed in."""
    body = {"period": period, "lines": [{"id_number": one, "wage": "8000.00"} for one in numbers]}
    path = f"/v1/employers/{employer}/declarations" + ("?dry_run=true" if asks else "")
    return client.post(path, json=body, headers=headers or key())


def codes(answer: Any) -> list[str | None]:
    assert answer.status_code in {200, 201}, answer.text
    return [line.get("code") for line in answer.json()["lines"]]


def enrol(client: TestClient, number: str, employer: str | None, first: str, last: str | None = None) -> None:
    body = {"member_class": "active", "employer": employer, "from": first, "to": last}
    answer = client.post(f"/v1/accounts/{number}/enrolments", json=body, headers=key())
    assert answer.status_code == 201, answer.text


def closed(client: TestClient) -> str:
    """The number of somebody whose account is closed: dead, and the estate divided."""
    number = str(open_account(client, opened_on="2020-01-01")["number"])
    die(client, number, "2026-05-02")
    divide(client, number, [heir()])
    assert client.get(f"/v1/accounts/{number}").json()["status"] == "closed"
    return number


class People(NamedTuple):
    """Of an employer: who is its staff, and everybody who is not, each by the number."""

    employer: str
    other: str
    staff: str
    later: str
    beyond: dict[str, str]
    new: str


@pytest.fixture(scope="module")
def people(client: TestClient) -> People:
    employer, other = new_employer(client), new_employer(client)
    staff, later, foreign, left, dead, new, retired = (
        str(open_account(client, opened_on="2020-01-01")["number"]) for _ in range(7)
    )
    enrol(client, staff, employer, "2026-01-01")
    enrol(client, later, employer, "2026-09-01")
    enrol(client, foreign, other, "2026-01-01")
    enrol(client, left, employer, "2025-01-01", "2026-05-31")
    die(client, dead, "2026-06-03")
    body = {"member_class": "retired", "employer": None, "from": "2026-01-01"}
    assert client.post(f"/v1/accounts/{retired}/enrolments", json=body, headers=key()).status_code == 201
    gone = closed(client)
    beyond = {
        "unknown": id_number(),
        "enrolled elsewhere": foreign,
        "left before the month": left,
        "dead before the month": dead,
        "a retiree": retired,
        "closed": gone,
    }
    return People(employer, other, staff, later, beyond, new)


# -- an employer's list ------------------------------------------------------------------------------------


def test_the_people_are_told_apart_by_the_agency(client: TestClient, people: People) -> None:
    """So that the same code for all of them is not the same for another reason."""
    numbers = [people.staff, people.later, people.new, *people.beyond.values()]
    assert codes(hand_in(client, people.employer, numbers)) == [
        *(None, "period_before_enrolment", None),
        *("account_not_found", "not_enrolled", "not_enrolled", "period_after_end", "retiree_pays_no_premium"),
        "account_closed",
    ]


@pytest.mark.parametrize("media", ["json", "csv", "import"])
def test_a_preview_tells_of_the_staff_alone(
    client: TestClient, folder: Path, people: People, clock: list[float], media: str
) -> None:
    numbers = [people.staff, people.later, people.new, *people.beyond.values()]
    headers = unit(folder, people.employer)
    if media == "import":
        rows = "".join(f"{people.employer},2026-07,{one},8000.00\n" for one in numbers)
        file = f"employer,period,id_number,wage\n{rows}".encode()
        answer = client.post("/v1/imports/declarations?preview=true", files={"file": file}, headers=headers)
        assert answer.status_code == 200, answer.text
        told = {row["line"]: row["code"] for row in answer.json()["rejected"]}
        found = [told.get(line) for line in range(2, len(numbers) + 2)]
    elif media == "csv":
        rows = "".join(f"{one},8000.00\n" for one in numbers)
        path = f"/v1/employers/{people.employer}/declarations?dry_run=true&period=2026-07"
        sent = headers | {"Content-Type": "text/csv"}
        answer = client.post(path, content=f"id_number,wage\n{rows}", headers=sent)
        found = codes(answer)
    else:
        answer = hand_in(client, people.employer, numbers, headers)
        found = codes(answer)
    assert found == [None, "period_before_enrolment", *["not_yours"] * 7]


def test_a_list_that_is_handed_in_takes_in_who_is_new_and_tells_no_more(
    client: TestClient, folder: Path, people: People, clock: list[float]
) -> None:
    """Who is enrolled with nobody may be declared, as before; of all others it is one and the same no."""
    numbers = [people.staff, people.new, *people.beyond.values()]
    answer = hand_in(client, people.employer, numbers, unit(folder, people.employer), asks=False)
    assert codes(answer) == [None, None, *["not_yours"] * 6]
    name = answer.json()["declaration"]
    # it stands so, whoever looks
    shown = client.get(f"/v1/declarations/{name}").json()["lines"]
    assert [line.get("code") for line in shown] == [None, None, *["not_yours"] * 6]
    # and is confirmed like any other
    path = f"/v1/declarations/{name}/confirm"
    confirmed = client.post(path, json={}, headers=unit(folder, people.employer))
    assert confirmed.status_code == 201, confirmed.text
    assert [line.get("code") for line in confirmed.json()["lines"]] == [None, None, *["not_yours"] * 6]
    # from then on the one who was new is no stranger
    later = hand_in(client, people.employer, [people.new], unit(folder, people.employer), period="2026-08")
    assert codes(later) == [None]


def test_what_became_of_somebody_on_the_list_meanwhile_is_not_told_of_others(
    client: TestClient, folder: Path, clock: list[float]
) -> None:
    """Who was only named in a list is no staff: its confirmation does not say that they died since."""
    employer = new_employer(client)
    staff, named = (str(open_account(client, opened_on="2020-01-01")["number"]) for _ in range(2))
    enrol(client, staff, employer, "2026-01-01")
    answer = hand_in(client, employer, [staff, named], unit(folder, employer), asks=False)
    assert codes(answer) == [None, None]
    for one in (staff, named):
        die(client, one, "2026-06-03")
    path = f"/v1/declarations/{answer.json()['declaration']}/confirm"
    agencys = client.post(f"{path}?dry_run=true", json={}, headers=key())
    assert refusal(agencys) == (409, "no_good_line")
    own = client.post(f"{path}?dry_run=true", json={}, headers=unit(folder, employer))
    assert refusal(own) == (409, "no_good_line")
    third = str(open_account(client, opened_on="2020-01-01")["number"])
    enrol(client, third, employer, "2026-01-01")
    answer = hand_in(client, employer, [third, "x"], unit(folder, employer), asks=False, period="2026-05")
    assert codes(answer) == [None, "id_format"]


def test_a_confirmation_says_it_of_who_died_since(
    client: TestClient, folder: Path, clock: list[float]
) -> None:
    employer = new_employer(client)
    staff, gone, named = (str(open_account(client, opened_on="2020-01-01")["number"]) for _ in range(3))
    for one in (staff, gone):
        enrol(client, one, employer, "2026-01-01")
    answer = hand_in(client, employer, [staff, gone, named], unit(folder, employer), asks=False)
    assert codes(answer) == [None, None, None]
    for one in (gone, named):
        die(client, one, "2026-06-03")
    path = f"/v1/declarations/{answer.json()['declaration']}/confirm?dry_run=true"
    own = client.post(path, json={}, headers=unit(folder, employer)).json()["lines"]
    assert [line.get("code") for line in own] == [None, "period_after_end", "not_yours"]
    agencys = client.post(path, json={}, headers=key()).json()["lines"]
    assert [line.get("code") for line in agencys] == [None, "period_after_end", "period_after_end"]


def test_nor_does_a_file_that_goes_on_later(
    client: TestClient, folder: Path, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off between the list and its confirmation, and sent again after two of its people have died."""
    employer = new_employer(client)
    staff, gone, named = (str(open_account(client, opened_on="2020-01-01")["number"]) for _ in range(3))
    for one in (staff, gone):
        enrol(client, one, employer, "2026-01-01")
    rows = "".join(f"{employer},2026-07,{one},8000.00\n" for one in (staff, gone, named))
    file = f"employer,period,id_number,wage\n{rows}".encode()

    def cut_off(*_good: object) -> None:
        raise ImportProblem("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(ListPoster, "_confirm", cut_off)
        first = client.post("/v1/imports/declarations", files={"file": file}, headers=unit(folder, employer))
        assert refusal(first) == (503, "not_ready")
    for one in (gone, named):
        die(client, one, "2026-06-03")
    again = client.post("/v1/imports/declarations", files={"file": file}, headers=unit(folder, employer))
    assert again.status_code == 200, again.text
    assert [row["code"] for row in again.json()["rejected"]] == ["period_after_end", "not_yours"]


def test_two_numbers_of_one_stranger_are_two_strangers(
    client: TestClient, folder: Path, people: People, clock: list[float]
) -> None:
    """`duplicate_line` would say that both are known, and one and the same person."""
    foreign = people.beyond["enrolled elsewhere"]
    twice = [foreign, foreign, people.beyond["unknown"], people.beyond["unknown"]]
    assert codes(hand_in(client, people.employer, twice, unit(folder, people.employer))) == ["not_yours"] * 4
    own = [people.staff, people.staff]
    assert codes(hand_in(client, people.employer, own, unit(folder, people.employer))) == [
        None,
        "duplicate_line",
    ]


def test_what_was_assessed_here_is_ones_own(client: TestClient, folder: Path, clock: list[float]) -> None:
    """A unit whose lists are all that there is of its staff goes on by them."""
    employer = new_employer(client)
    number = str(open_account(client, opened_on="2020-01-01")["number"])
    name = owe(client, employer, "2026-05", {number: "8000.00"})["declaration"]
    again = hand_in(client, employer, [number], unit(folder, employer), period="2026-05")
    assert again.json()["lines"] == [{"line": 1, "already": name}]
    other = declare(client, employer, "2026-05", {number: "9000.00"})
    assert [line["code"] for line in other["lines"]] == ["duplicate_period"]
    body = {"period": "2026-05", "lines": wages({number: "9000.00"})}
    path = f"/v1/employers/{employer}/declarations?dry_run=true"
    assert codes(client.post(path, json=body, headers=unit(folder, employer))) == ["duplicate_period"]
    # within the year after, not longer
    told = [
        codes(hand_in(client, employer, [number], unit(folder, employer), period=period))
        for period in ("2026-06", "2026-10", "2026-04")
    ]
    assert told == [[None], [None], ["not_yours"]]


# -- on record ---------------------------------------------------------------------------------------------


def tried(engine: Engine, before: int) -> list[tuple[bytes | None, int | None, int, int]]:
    found = [one for one in reads(engine)[before:] if FieldGroup(one.fields) == NOTHING]
    return [(one.person, one.book_id, one.channel, one.items) for one in found]


def digest(client: Any, number: str) -> bytes:
    return number_digest(parse_id_number(number, TODAY), client.app.state.ledger.keyring)


@pytest.mark.parametrize("asks", [True, False])
def test_whom_an_employer_tried_is_in_the_read_log(
    client: TestClient, engine: Engine, folder: Path, people: People, clock: list[float], *, asks: bool
) -> None:
    before = len(reads(engine))
    numbers = [people.staff, *people.beyond.values()]
    period = "2026-06" if asks else "2026-10"
    answer = hand_in(
        client, people.employer, numbers, unit(folder, people.employer), asks=asks, period=period
    )
    assert codes(answer)[1:3] == ["not_yours", "not_yours"]
    strangers = [one for one, code in zip(numbers, codes(answer), strict=True) if code == "not_yours"]
    expected = {(digest(client, one), None, int(AccessChannel.EMPLOYER), 0) for one in strangers}
    assert set(tried(engine, before)) == expected
    # of the staff it is a look where nothing is written, and nothing of others is told as shown
    shown = [one for one in reads(engine)[before:] if FieldGroup(one.fields) != NOTHING]
    account = client.get(f"/v1/accounts/{people.staff}").json()["account_no"]
    assert {one.book_id for one in shown[:1]} == ({book_id_of(account)} if asks else set())


def test_a_stranger_who_is_known_sees_who_tried(
    client: TestClient, engine: Engine, folder: Path, people: People, clock: list[float]
) -> None:
    foreign = people.beyond["enrolled elsewhere"]
    hand_in(client, people.employer, [foreign], unit(folder, people.employer, actor="hr-curious"))
    online: Any = {"channel": AccessChannel.ONLINE, "person": digest(client, foreign), "scopes": SCOPES}
    answer = client.get("/v1/me/access-log", headers=bearer(folder / "keys", "own_request", **online))
    assert answer.status_code == 200, answer.text
    assert answer.json()["items"][0]["channel"] == "employer"


def test_who_tries_many_people_is_found(
    client: TestClient, folder: Path, people: People, clock: list[float]
) -> None:
    """More than fifty within ten minutes, none of whom the ledger knows."""
    numbers = [id_number() for _ in range(55)]
    answer = hand_in(client, people.employer, numbers, unit(folder, people.employer, actor="hr-trying"))
    assert codes(answer) == ["not_yours"] * 55
    auditor = bearer(folder / "keys", "audit", channel=AccessChannel.AUDIT, scopes=["reports:read"])
    day = f"from={TODAY}&to={TODAY}&limit=50"
    found = client.get(f"/v1/read-log/findings?{day}", headers=auditor)
    assert found.status_code == 200, found.text
    [crowd] = [
        one for one in found.json()["items"] if (one["kind"], one["actor"]) == ("many_people", "hr-trying")
    ]
    assert crowd["people"] == 55


@pytest.mark.parametrize("way", ["list", "handed in", "preview of a file", "file"])
def test_what_cannot_be_recorded_is_told_of_nobody(
    client: Any, folder: Path, people: People, clock: list[float], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    def unavailable(*_reads: object) -> None:
        raise ReadLogUnavailable("it is down")

    monkeypatch.setattr(client.app.state.ledger.read_log, "record_here", unavailable)
    headers, number = unit(folder, people.employer), id_number()
    if "file" in way:
        file = f"employer,period,id_number,wage\n{people.employer},2026-07,{number},8000.00\n".encode()
        query = "?preview=true" if way.startswith("preview") else ""
        answer = client.post(f"/v1/imports/declarations{query}", files={"file": file}, headers=headers)
    else:
        answer = hand_in(client, people.employer, [number], headers, asks=way == "list")
    assert refusal(answer) == (503, "read_log_unavailable")
    assert answer.headers["retry-after"] == "1"


# -- an institution's quote --------------------------------------------------------------------------------


def asked_by(client: TestClient, folder: Path, institution: str, path: str, body: Any, **more: Any) -> Any:
    return client.post(path, json=body, headers=hospital(folder, institution, **more))


def told_of(answer: Any) -> Any:
    """An answer without what is another one each time."""
    body = answer.json()
    for name in ("request_id", "quote", "expires_at"):
        body.pop(name, None)
    return answer.status_code, body


WAYS: Final = {
    "quote": "/v1/settlements/quote",
    "dry run": "/v1/settlements?dry_run=true",
    "bill": "/v1/settlements",
    "visit, dry run": "/v1/visits?dry_run=true",
    "visit": "/v1/visits",
}


def said_by(way: str, institution: str, number: str, **more: Any) -> dict[str, Any]:
    if way.startswith("visit"):
        body = {"institution": institution, "id_number": number, "care_type": "inpatient"}
        return body | {"from": care_client.CARE_DAY}
    return bill(institution, number, [("A", "100.00")], **more)


@pytest.mark.parametrize("way", WAYS)
def test_closed_and_unknown_are_alike_to_an_institution(
    client: TestClient, engine: Engine, folder: Path, people: People, clock: list[float], way: str
) -> None:
    institution = new_institution(client)
    gone, nobody = people.beyond["closed"], id_number()
    # the agency is told which is which
    body = said_by(way, institution, gone)
    assert refusal(client.post(WAYS[way], json=body, headers=key())) == (409, "account_closed")
    before = len(reads(engine))
    # whatever else is wrong with the bill
    wrong: tuple[dict[str, Any], ...] = (
        {},
        {"visit": entry_name(new_book_id(Party.PERSON), 9)},
        {"filing": "long_term"},
        {"care_date": "2027-01-01"},
        {"lines": [{"item": "X", "class": "A", "amount": "1.00"}], "use_account": False},
    )
    for more in wrong if not way.startswith("visit") else ({},):
        answers = [
            asked_by(client, folder, institution, WAYS[way], said_by(way, institution, one, **more))
            for one in (gone, nobody)
        ]
        assert told_of(answers[0]) == told_of(answers[1])
        assert refusal(answers[0]) == (404, "account_not_found")
        [pointed] = answers[0].json()["errors"]
        assert pointed["pointer"] == "/id_number"
    rows = tried(engine, before)
    assert {person for person, *_ in rows} == {digest(client, gone), digest(client, nobody)}
    told = {(book, channel, items) for _person, book, channel, items in rows}
    assert told == {(None, int(AccessChannel.INSTITUTION), 0)}
    # nothing else was recorded of the one who is known
    assert len(reads(engine)) - before == len(rows)


@pytest.mark.parametrize("way", ["quote", "dry run", "visit, dry run"])
def test_what_an_institution_asks_shows_no_account_number(
    client: TestClient, folder: Path, clock: list[float], way: str
) -> None:
    institution, patient = new_institution(client), new_patient(client, "500.00")
    account = client.get(f"/v1/accounts/{patient}").json()["account_no"]
    body = said_by(way, institution, patient)
    own = asked_by(client, folder, institution, WAYS[way], body)
    assert own.status_code in {200, 201}, own.text
    assert own.json()["account"] is None
    assert own.json().get("settlement", own.json().get("visit")) is None
    assert account not in own.text
    assert not re.search(r"P\d{12}[0-9A-Z]", own.text)
    # to the agency as before
    agencys = client.post(WAYS[way], json=body, headers=key()).json()
    assert agencys["account"] == account


def test_what_stands_names_the_account(client: TestClient, folder: Path, clock: list[float]) -> None:
    institution, patient = new_institution(client), new_patient(client, "500.00")
    account = client.get(f"/v1/accounts/{patient}").json()["account_no"]
    body = said_by("bill", institution, patient)
    settled = asked_by(client, folder, institution, "/v1/settlements", body).json()
    assert (settled["account"], settled["settlement"]) == (account, f"{account}-3")
    # what it asks of what stands already is its own
    again = asked_by(client, folder, institution, "/v1/settlements?dry_run=true", body).json()
    assert (again["account"], again["settlement"]) == (account, f"{account}-3")


def test_a_quote_tells_no_more_of_the_balance_than_the_bill_needs(
    client: TestClient, folder: Path, clock: list[float]
) -> None:
    """Of whoever has enough for the bill the answer is the same, byte by byte, whatever else they have."""
    institution = new_institution(client)
    texts = []
    for money in ("100.00", "100.01", "76543.21"):
        patient = new_patient(client, money)
        body = bill(institution, patient, [("A", "100.00")], bill_no="same")
        for path in ("/v1/settlements/quote", "/v1/settlements?dry_run=true"):
            answer = asked_by(client, folder, institution, path, body)
            status, told = told_of(answer)
            assert told["account_pay"] == "100.00"
            texts.append((path, status, told))
    assert [one for one in texts if one[0].endswith("quote")] == [texts[0]] * 3
    assert [one for one in texts if not one[0].endswith("quote")] == [texts[1]] * 3


def test_the_quote_of_an_institution_settles(client: TestClient, folder: Path, clock: list[float]) -> None:
    institution, patient = new_institution(client), new_patient(client, "500.00")
    body = said_by("bill", institution, patient)
    quoted = asked_by(client, folder, institution, "/v1/settlements/quote", body).json()["quote"]
    answer = asked_by(client, folder, institution, "/v1/settlements", body | {"quote": quoted})
    assert answer.status_code == 201, answer.text


def test_anothers_visit_and_none_are_alike(client: TestClient, folder: Path, clock: list[float]) -> None:
    own, other, patient = new_institution(client), new_institution(client), new_patient(client)
    account = client.get(f"/v1/accounts/{patient}").json()["account_no"]
    visits = {one: care_client.visit(client, one, patient) for one in (own, other)}
    stranger = care_client.visit(client, own, new_patient(client))
    for path in ("/v1/settlements/quote", "/v1/settlements?dry_run=true", "/v1/settlements"):
        told = [
            told_of(
                asked_by(
                    client, folder, own, path, said_by("bill", own, patient, visit=one, care_type="inpatient")
                )
            )
            for one in (visits[other], f"{account}-99", f"{account}-1", stranger)
        ]
        assert told[0][0] == 404
        assert told[0][1]["code"] == "visit_not_found"
        assert told == [told[0]] * 4
    body = said_by("bill", own, patient, visit=visits[own], care_type="inpatient")
    assert asked_by(client, folder, own, "/v1/settlements", body).status_code == 201


# -- counted, and slowed -----------------------------------------------------------------------------------


def too_many(answer: Any) -> int:
    assert refusal(answer) == (429, "too_many_requests"), answer.text
    return int(answer.headers["retry-after"])


def test_another_institutions_key_and_a_new_one_are_alike(
    client: TestClient, folder: Path, clock: list[float]
) -> None:
    """Several institutions may call by one system: its client is theirs together, and its keys are not."""
    patient = new_patient(client, "500.00")
    keys = {name: key() for name in ("visit", "end", "bill")}
    done: list[list[Any]] = []
    for institution in (new_institution(client), new_institution(client)):
        own = hospital(folder, institution)

        def post(path: str, body: dict[str, Any], name: str, own: dict[str, str] = own) -> Any:
            return client.post(path, json=body, headers=own | keys[name])

        asked = said_by("visit", institution, patient)
        rehearsed = post("/v1/visits?dry_run=true", asked, "visit")
        assert rehearsed.status_code == 200, rehearsed.text
        visit = post("/v1/visits", asked, "visit")
        end = f"/v1/visits/{visit.json()['visit']}/end"
        settled = client.post("/v1/settlements", json=said_by("bill", institution, patient), headers=own)
        reversal = f"/v1/settlements/{settled.json()['settlement']}/reversal"
        answers = [
            visit,
            post(end, {"reason": "went home"}, "end"),
            post(reversal, {"reason": "another patient"}, "bill"),
        ]
        assert [answer.status_code for answer in answers] == [201] * 3, [answer.text for answer in answers]
        done.append([answer.json() for answer in answers])
        # to the institution itself its keys say what they said
        again = post(reversal, {"reason": "another patient"}, "bill")
        assert (again.json(), again.headers["Idempotent-Replayed"]) == (done[-1][2], "true")
        reused = post(reversal, {"reason": "another reason"}, "bill")
        assert refusal(reused) == (422, "idempotency_key_reused")
    assert done[0] != done[1]


def test_more_strangers_a_minute_than_so_many_are_too_many_for_an_employer(
    client: TestClient, engine: Engine, folder: Path, people: People, clock: list[float]
) -> None:
    employer = people.employer
    strangers = [id_number() for _ in range(MANY + 1)]
    for number in strangers[:MANY]:
        assert codes(hand_in(client, employer, [number], unit(folder, employer))) == ["not_yours"]
    clock[0] += 20
    assert too_many(hand_in(client, employer, [strangers[MANY]], unit(folder, employer))) == 40
    # nor by files, nor handed in, and nothing is written
    declared = count(engine)
    assert too_many(hand_in(client, employer, strangers, unit(folder, employer), asks=False)) == 40
    text = f"employer,period,id_number,wage\n{employer},2026-07,{strangers[MANY]},8000.00\n"
    for query in ("?preview=true", ""):
        answer = client.post(
            f"/v1/imports/declarations{query}", files={"file": text.encode()}, headers=unit(folder, employer)
        )
        assert too_many(answer) == 40
    assert count(engine) == declared
    # whom it has named it may name again, and its staff at any time
    known = hand_in(client, employer, [people.staff, *strangers[:3]], unit(folder, employer))
    assert codes(known) == [None, *["not_yours"] * 3]
    # another unit, another system and the agency are others
    assert codes(hand_in(client, people.other, [strangers[MANY]], unit(folder, people.other)))
    assert codes(hand_in(client, employer, [strangers[MANY]], unit(folder, employer, caller="another")))
    assert codes(hand_in(client, employer, strangers)) == ["account_not_found"] * len(strangers)
    # a minute after they were named: three of them were named later
    clock[0] += 40
    assert codes(hand_in(client, employer, [strangers[MANY]], unit(folder, employer))) == ["not_yours"]
    assert too_many(hand_in(client, employer, [id_number() for _ in range(57)], unit(folder, employer))) == 20


def count(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(tables.declared_line)) or 0


@pytest.mark.parametrize("asks", [True, False])
def test_a_list_of_too_many_strangers_is_told_and_written_nothing(
    client: TestClient, engine: Engine, folder: Path, clock: list[float], *, asks: bool
) -> None:
    employer = new_employer(client)
    before, declared = len(reads(engine)), count(engine)
    answer = hand_in(client, employer, [id_number() for _ in range(200)], unit(folder, employer), asks=asks)
    assert too_many(answer) == 60
    assert "lines" not in answer.json()
    assert count(engine) == declared
    # of whom it tried there is as much on record as it takes
    assert len(tried(engine, before)) == MANY + 1
    # and who is refused has not named anybody
    assert codes(hand_in(client, employer, [id_number()], unit(folder, employer))) == ["not_yours"]


def test_a_file_of_too_many_strangers_fails_and_says_why(
    client: TestClient, engine: Engine, folder: Path, clock: list[float]
) -> None:
    employer = new_employer(client)
    rows = "".join(f"{employer},2026-07,{id_number()},8000.00\n" for _ in range(MANY + 1))
    file = f"employer,period,id_number,wage\n{rows}".encode()
    answer = client.post("/v1/imports/declarations", files={"file": file}, headers=unit(folder, employer))
    assert too_many(answer) == 60
    name = f"import-declarations-{sha256(file).hexdigest()[:8]}%"
    query = select(tables.batch.c.state, tables.batch.c.reason).where(tables.batch.c.batch_id.like(name))
    with engine.connect() as connection:
        [(state, reason)] = connection.execute(query).all()
    assert (state, "beyond the staff" in reason) == ("failed", True)


def test_more_strangers_than_so_many_are_too_many_for_an_institution(
    client: TestClient, engine: Engine, folder: Path, clock: list[float]
) -> None:
    institution, patient = new_institution(client), new_patient(client, "500.00")
    quote, settle = "/v1/settlements/quote", "/v1/settlements"
    before = len(reads(engine))
    for _ in range(MANY):
        answer = asked_by(client, folder, institution, quote, said_by("quote", institution, id_number()))
        assert refusal(answer) == (404, "account_not_found")
    clock[0] += 59.5
    for path in (quote, f"{settle}?dry_run=true", "/v1/visits?dry_run=true"):
        way = "visit" if "visits" in path else "bill"
        # of a stranger and of a patient alike: else a no would say who is none
        for number in (id_number(), patient):
            assert (
                too_many(asked_by(client, folder, institution, path, said_by(way, institution, number))) == 1
            )
    assert len(tried(engine, before)) == MANY
    # a stranger who is posted for is one too many, and so is whatever is refused
    posted = asked_by(client, folder, institution, settle, said_by("bill", institution, id_number()))
    assert too_many(posted) == 1
    wrong = said_by("bill", institution, patient, care_date="2027-01-01")
    assert too_many(asked_by(client, folder, institution, settle, wrong)) == 1
    # who is ill is treated
    for path, way in ((settle, "bill"), ("/v1/visits", "visit")):
        answer = asked_by(client, folder, institution, path, said_by(way, institution, patient))
        assert answer.status_code == 201, answer.text
    clock[0] += 0.5
    answer = asked_by(client, folder, institution, quote, said_by("quote", institution, patient))
    assert answer.status_code == 201, answer.text
    # the agency's own is not counted
    for _ in range(MANY + 1):
        assert refusal(client.post(quote, json=said_by("quote", institution, id_number()))) == (
            404,
            "account_not_found",
        )


def test_cases_about_others_are_counted(
    client: TestClient, engine: Engine, folder: Path, clock: list[float]
) -> None:
    employer, person = new_employer(client), open_account(client)
    before = len(reads(engine))
    online: Any = {"channel": AccessChannel.ONLINE, "person": digest(client, person["number"])}
    callers: dict[str, Callable[[], dict[str, str]]] = {
        "employer": lambda: unit(folder, employer),
        "person": lambda: bearer(folder / "keys", "own_request", scopes=SCOPES, **online),
    }
    for headers in callers.values():
        for place in range(MANY + 1):
            # by the number of the account, too
            about = id_number() if place else open_account(client)["account_no"]
            body = case_body(about={"account": about}) | {"channel": None}
            answer = client.post("/v1/cases", json=body, headers=headers())
            if place < MANY:
                assert refusal(answer) == (404, "account_not_found")
            else:
                assert too_many(answer) == 60
    assert len(tried(engine, before)) == 2 * (MANY + 1)
    # their own are theirs
    case = opened(client, callers["employer"](), about={"employer": employer}, channel=None)
    assert case


# -- the count itself --------------------------------------------------------------------------------------


def by(name: str, employer: str | None = None, person: bytes | None = None) -> Caller:
    return Caller(name, "somebody", frozenset(), employer, None, person)


def test_what_is_remembered_is_bounded() -> None:
    seconds = [0.0]
    strangers = Strangers(3, lambda: seconds[0])
    for number in range(CALLERS_MAX + 5):
        strangers.count(by(str(number)), [b"a", b"b", b"c"])
        with pytest.raises(Declined):
            strangers.count(by(str(number)), [b"d"])
    assert len(strangers._seen) == CALLERS_MAX
    assert max(len(named) for named in strangers._seen.values()) == 3
    # whoever was silent longest begins anew
    assert strangers.named(by("0")) == frozenset()
    assert strangers.named(by(str(CALLERS_MAX + 4))) == {b"a", b"b", b"c"}


def test_whose_it_is_counted_for() -> None:
    strangers = Strangers(1, lambda: 0.0)
    callers = [by("x"), by("y"), by("x", employer="e"), by("x", person=b"p"), by("x", person=b"q")]
    for caller in callers:
        strangers.count(caller, [b"a"])
        strangers.count(caller, [b"a"])
        with pytest.raises(Declined):
            strangers.check(caller)
        with pytest.raises(Declined):
            strangers.count(caller, [b"b"])


def test_a_stranger_named_again_counts_from_then_on() -> None:
    seconds = [0.0]
    strangers = Strangers(2, lambda: seconds[0])
    caller = by("x")
    strangers.count(caller, [b"a"])
    seconds[0] = 30.0
    strangers.count(caller, [b"b"])
    seconds[0] = 50.0
    strangers.count(caller, [b"a"])
    seconds[0] = 61.0
    with pytest.raises(Declined) as declined:
        strangers.count(caller, [b"c"])
    assert (declined.value.headers or {})["Retry-After"] == "29"
    seconds[0] = 90.0
    strangers.count(caller, [b"c"])
    assert strangers.named(caller) == {b"a", b"c"}


def test_what_was_written_here_adds_up(client: TestClient, engine: Engine) -> None:
    """After all the tests above: every balance, list and chain of the log follows from what was written."""
    found = verify(engine, keyring=client.app.state.ledger.keyring)  # type: ignore[attr-defined]  # Starlette's app
    assert found.clean, found.findings
