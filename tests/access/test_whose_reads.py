"""Whose data an answer shows is what is recorded of it: nobody too few, nobody too many."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.http import listing
from api.http.shows import READS_BY_POST, SHOWN_BY
from ledger.book.numbers import account_no, book_id_of
from ledger.chart.channels import NOTHING, FieldGroup
from ledger.people.id_numbers import parse_id_number
from ledger.people.persons import number_digest
from tests.access.test_api_read_log import reads
from tests.http.test_api_pointers import CLAIM, bodies, post
from tests.http.test_api_pointers import client as client  # noqa: PLC0414  fixtures
from tests.http.test_api_pointers import there as there  # noqa: PLC0414  fixtures
from tests.support import care_client
from tests.support.api_client import TODAY, id_number, open_account
from tests.support.employer_client import hire, new_employer, owe

G = FieldGroup
ACCOUNT: Final = re.compile(r"\b[PR]\d{12}[0-9A-Z](?![0-9A-Z])")
CSV: Final = {"Accept": "text/csv"}
HTML: Final = {"Accept": "text/html"}


class Books:
    """The people of the world by the words that the tests have for them."""

    def __init__(self, client: TestClient) -> None:
        self._client = client
        self._keyring = client.app.state.ledger.keyring  # type: ignore[attr-defined]  # the app of the client
        self.number: dict[str, str] = {}
        self.account: dict[str, str] = {}

    def add(self, word: str, account: str, number: str | None = None) -> None:
        self.account[word] = account
        if number is not None:
            self.number[word] = number

    def word(self, read: Any) -> str:
        """Whom a line of the log names."""
        if read.book_id is not None:
            by_account = {account: word for word, account in self.account.items()}
            return by_account.get(account_no(read.book_id), account_no(read.book_id))
        by_digest = {self._digest(number): word for word, number in self.number.items()}
        return by_digest.get(bytes(read.person), "somebody")

    def _digest(self, number: str) -> bytes:
        return number_digest(parse_id_number(number, TODAY), self._keyring)


@pytest.fixture(scope="module")
def world(client: TestClient, there: dict[str, str]) -> dict[str, str]:
    """The world of the posting routes, with what only readers look for."""
    hospital, patient = there["institution"], there["patient"]
    post(client, f"/v1/annual-settlements/2026/{patient}", {})
    # a second claim, to be decided later than the first
    other = care_client.new_patient(client, "10.00")
    later = CLAIM | {"institution": hospital, "id_number": other, "received_on": "2026-04-02"}
    post(client, "/v1/claims", later | {"bill_no": "later"})
    donor = care_client.new_patient(client, "50.00")
    poor = care_client.new_patient(client)
    quota = care_client.give(client, donor, poor, "40.00")["quota"]
    care_client.settle(client, hospital, poor, [("A", "20.00")])
    care_client.settle(client, hospital, patient, [("C", "20.00")], message_id="by-message")
    employer = new_employer(client)
    staff = {hire(client): "8000.00", hire(client): "9000.00"}
    owe(client, employer, "2026-04", staff)
    late = str(open_account(client, opened_on="2026-01-01")["account_no"])
    body = {"member_class": "active", "employer": employer, "from": "2026-02-01"}
    post(client, f"/v1/accounts/{late}/enrolments", body)
    first, second = staff
    asked = {"kind": "question", "text": "?", "about": {"account": there["account"]}}
    return there | {
        "asked": post(client, "/v1/cases", asked)["case"],
        "other": other,
        "donor": donor,
        "poor": poor,
        "given": quota,
        "staffed": employer,
        "first": first,
        "second": second,
        "late": late,
    }


@pytest.fixture(scope="module")
def books(client: TestClient, world: dict[str, str]) -> Books:
    books = Books(client)
    for word in ("account", "died", "divided", "late", "younger", "abandoned", "heirless"):
        books.add(word, world[word])
    words = "patient relative worker other donor poor first second mover waits_for sender"
    for word in words.split():
        shown = client.get(f"/v1/accounts/{world[word]}").json()
        books.add(word, shown["account_no"], world[word])
    books.number["resident"] = world["resident"]
    return books


class Asked(NamedTuple):
    """A call of a reading route, and of whom its answer shows how many items."""

    path: str
    shown: dict[str, int]
    headers: Mapping[str, str] = MappingProxyType({})
    body: Any = None
    # where it shows more of somebody, or less, than the route does of those whom it is about
    fields: Mapping[str, FieldGroup] = MappingProxyType({})


MASKED: Final = G.IDENTITY_MASKED
ONE: Final = {"account": 1}
OF_PATIENT: Final = {"patient": 1}
STAFF: Final = "/v1/employers/{staffed}/payments/2026-04"

ASKED: Final[dict[tuple[str, str], list[Asked]]] = {
    ("POST", "/v1/accounts/lookup"): [
        Asked("/v1/accounts/lookup", OF_PATIENT, body={"account": "{patient}"})
    ],
    ("GET", "/v1/accounts/{account}"): [
        Asked("/v1/accounts/{account}", ONE),
        Asked("/v1/accounts/{patient}", OF_PATIENT),
    ],
    ("GET", "/v1/accounts/{account}/balance"): [
        Asked("/v1/accounts/{account}/balance", ONE),
        Asked("/v1/accounts/{account}/balance?as_of=2026-03-31&as_known=2026-11-21T04:00:00Z", ONE),
    ],
    ("GET", "/v1/accounts/{account}/entries"): [
        Asked("/v1/accounts/{account}/entries?limit=2", {"account": 2}),
        Asked("/v1/accounts/{account}/entries?kind=contribution&from=2026-03-01", ONE),
        Asked("/v1/accounts/{account}/entries?from=2030-01-01", {"account": 0}),
    ],
    ("GET", "/v1/accounts/{account}/explain"): [
        Asked("/v1/accounts/{account}/explain?as_of=2026-11-20", ONE),
    ],
    ("GET", "/v1/accounts/{account}/statements/{year}"): [
        Asked("/v1/accounts/{account}/statements/2026", ONE),
    ],
    ("GET", "/v1/accounts/{account}/interest/{year}"): [
        Asked("/v1/accounts/{account}/interest/2026", ONE),
    ],
    ("GET", "/v1/estates"): [
        Asked("/v1/estates?state=open", {"died": 1}),
        Asked("/v1/estates?state=held", {"abandoned": 1}),
    ],
    ("GET", "/v1/payouts"): [
        Asked("/v1/payouts?state=waiting", {"heirless": 1}),
        Asked("/v1/payouts", {"heirless": 3}),
        Asked("/v1/payouts?state=paid", {"heirless": 1}),
        Asked("/v1/payouts?state=returned", {}),
    ],
    ("GET", "/v1/estates/{estate}"): [
        Asked("/v1/estates/{estate}", {"died": 1}),
    ],
    ("GET", "/v1/accounts/{account}/freezes"): [
        Asked("/v1/accounts/{account}/freezes", ONE),
        Asked("/v1/accounts/{patient}/freezes", {"patient": 0}),
    ],
    ("GET", "/v1/accounts/{account}/death"): [Asked("/v1/accounts/{died}/death", {"died": 1})],
    ("GET", "/v1/reports/debits-after-death"): [
        Asked("/v1/reports/debits-after-death", {}),
        Asked("/v1/reports/debits-after-death", {}, CSV),
    ],
    ("GET", "/v1/accounts/{account}/person"): [
        Asked("/v1/accounts/{account}/person", ONE),
    ],
    ("GET", "/v1/entries/{entry}"): [Asked("/v1/entries/{entry}", ONE)],
    ("GET", "/v1/declarations/{declaration}"): [Asked("/v1/declarations/{declaration}", {"worker": 1})],
    ("GET", "/v1/employers/{employer}/payments/{period}"): [
        Asked(STAFF, {"first": 1, "second": 1}),
        Asked(STAFF, {"first": 1, "second": 1}, CSV),
        Asked(STAFF.replace("04", "09"), {}),
    ],
    ("GET", "/v1/accounts/{account}/payments"): [
        Asked("/v1/accounts/{first}/payments", {"first": 1}),
        Asked("/v1/accounts/{first}/payments", {"first": 1}, CSV),
    ],
    ("GET", "/v1/accounts/{account}/enrolments"): [Asked("/v1/accounts/{account}/enrolments", ONE)],
    ("GET", "/v1/reports/overdue-registrations"): [
        Asked("/v1/reports/overdue-registrations", {"account": 1, "late": 1}),
        Asked("/v1/reports/overdue-registrations", {"account": 1, "late": 1}, CSV),
        Asked("/v1/reports/overdue-registrations?on=2026-01-01", {}),
    ],
    ("GET", "/v1/annual-settlements/{year}/{account}"): [
        Asked("/v1/annual-settlements/2026/{patient}", OF_PATIENT),
        Asked("/v1/annual-settlements/2026/{patient}", OF_PATIENT, HTML),
    ],
    ("POST", "/v1/settlements/quote"): [],
    ("GET", "/v1/settlements/{settlement}"): [Asked("/v1/settlements/{settlement}", OF_PATIENT)],
    ("GET", "/v1/visits/{visit}"): [Asked("/v1/visits/{visit}", OF_PATIENT)],
    ("GET", "/v1/accounts/{account}/quotas"): [
        Asked("/v1/accounts/{donor}/quotas", {"donor": 1, "poor": 1}, fields={"poor": MASKED}),
        # the quota stands in the donor's book
        Asked("/v1/accounts/{poor}/quotas?side=received", {"poor": 1, "donor": 1}),
        Asked("/v1/accounts/{other}/quotas", {"other": 0}),
    ],
    ("GET", "/v1/quotas/{quota}/uses"): [Asked("/v1/quotas/{given}/uses", {"donor": 1})],
    ("GET", "/v1/accounts/{account}/filings"): [Asked("/v1/accounts/{patient}/filings", OF_PATIENT)],
    ("GET", "/v1/accounts/{account}/accumulators/{year}"): [
        Asked("/v1/accounts/{patient}/accumulators/2026", OF_PATIENT),
    ],
    ("GET", "/v1/accounts/{account}/settlements"): [
        Asked("/v1/accounts/{patient}/settlements?limit=2", {"patient": 2}),
        Asked("/v1/accounts/{other}/settlements", {"other": 0}),
    ],
    ("GET", "/v1/third-party-cases/{case}"): [Asked("/v1/third-party-cases/{case}", OF_PATIENT)],
    ("GET", "/v1/approvals/{approval}"): [Asked("/v1/approvals/{approval}", ONE)],
    ("GET", "/v1/transfers"): [
        Asked("/v1/transfers?status=requested", {"mover": 1}),
        Asked("/v1/transfers?status=requested", {"mover": 1}, CSV),
        Asked("/v1/transfers?status=rejected&limit=1", {"waits_for": 1}),
        Asked("/v1/transfers?status=acknowledged", {}),
    ],
    ("GET", "/v1/transfers/{transfer}"): [Asked("/v1/transfers/{transfer}", {"mover": 1})],
    ("GET", "/v1/transfers/{transfer}/sheet"): [Asked("/v1/transfers/{sent}/sheet", {"sender": 1})],
    ("GET", "/v1/accounts/{account}/demands"): [Asked("/v1/accounts/{worker}/demands", {"worker": 1})],
    ("GET", "/v1/accounts/{account}/debts"): [Asked("/v1/accounts/{worker}/debts", {"worker": 1})],
    ("GET", "/v1/demands"): [
        Asked("/v1/demands", {"worker": 1}),
        Asked("/v1/demands", {"worker": 1}, CSV),
    ],
    ("GET", "/v1/demands/{demand}"): [Asked("/v1/demands/{demand}", {"worker": 1})],
    ("GET", "/v1/suspended"): [
        Asked("/v1/suspended", {"waits_for": 1}),
        Asked("/v1/suspended?employer={employer}", {"waits_for": 1}, CSV),
        Asked("/v1/suspended?account={patient}", {}),
    ],
    ("GET", "/v1/cases/{case}"): [Asked("/v1/cases/{asked}", ONE, fields={"account": MASKED})],
    ("GET", "/v1/claims"): [
        Asked("/v1/claims?limit=1", OF_PATIENT),
        Asked("/v1/claims", {"patient": 1, "other": 1}, CSV),
        Asked("/v1/claims?due_by=2026-01-01", {}),
    ],
    ("GET", "/v1/claims/{claim}"): [Asked("/v1/claims/{claim}", OF_PATIENT)],
}  # fmt: skip
READING: Final = sorted(
    route
    for route, fields in SHOWN_BY.items()
    if fields != NOTHING and (route[0] == "GET" or route in READS_BY_POST)
)


def shown_since(engine: Engine, before: int, books: Books) -> list[tuple[str, FieldGroup, int]]:
    return [(books.word(one), FieldGroup(one.fields), one.items) for one in reads(engine)[before:]]


def numbers_in(text: str) -> set[str]:
    return {number for number in ACCOUNT.findall(text) if book_id_of(number) is not None}


# whose tokens are those of one person, an auditor, an agency or the telephone: tests/inquiry calls them
BY_OTHERS: Final = (
    "/v1/corrections",
    "/v1/me",
    "/v1/read-log",
    "/v1/reports/findings",
    "/v1/agency-requests",
    "/v1/people/",
    "/v1/phone/",
)


# what is printed, which tests/documents does
PRINTED: Final = (
    ("POST", "/v1/accounts/{account}/documents"),
    ("POST", "/v1/employers/{employer}/documents"),
    ("GET", "/v1/employers/{employer}/documents/{document}"),
    ("GET", "/v1/documents/{document}"),
)
# what a seal comes before, which tests/seals does
PROVED: Final = ("GET", "/v1/accounts/{account}/statements/{year}/proof")


def test_every_reading_route_is_called() -> None:
    called = [route for route in READING if not route[1].startswith(BY_OTHERS)]
    assert sorted([*ASKED, ("GET", "/v1/employers/{employer}/staff"), *PRINTED, PROVED]) == called


@pytest.mark.parametrize(
    ("route", "asked"), [(route, asked) for route, several in ASKED.items() for asked in several]
)
def test_whose_is_recorded(
    client: TestClient,
    engine: Engine,
    world: dict[str, str],
    books: Books,
    route: tuple[str, str],
    asked: Asked,
) -> None:
    before = len(reads(engine))
    path = asked.path.format(**world)
    body = {name: text.format(**world) for name, text in (asked.body or {}).items()}
    more: Any = {"json": body} if asked.body else {}
    answer = client.request(route[0], path, headers=asked.headers, **more)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(asked.headers.get("Accept", "application/json"))
    found = shown_since(engine, before, books)
    items: Counter[str] = Counter()
    for word, fields, count in found:
        items[word] = max(items[word], count)
        if word in asked.fields:
            assert fields == asked.fields[word]
    assert dict(items) == asked.shown
    about = [fields for word, fields, _ in found if word not in asked.fields]
    assert not about or SHOWN_BY[route] in about
    # whoever's number stands in the answer is among them
    accounts = {books.account[word] for word in items}
    assert numbers_in(answer.text) <= accounts


def test_a_quote_is_recorded_taken_and_refused(
    client: TestClient, engine: Engine, world: dict[str, str], books: Books
) -> None:
    bill = bodies(world)["/v1/settlements/quote"]
    before = len(reads(engine))
    assert client.post("/v1/settlements/quote", json=bill).status_code == 201
    assert client.post("/v1/settlements/quote", json=bill | {"lines": []}).status_code == 422
    refused = client.post("/v1/settlements/quote", json=bill | {"care_date": "1999-01-01"})
    assert refused.status_code >= 400
    unknown = client.post("/v1/settlements/quote", json=bill | {"id_number": id_number()})
    assert unknown.json()["code"] == "account_not_found"
    words = [word for word, _fields, _items in shown_since(engine, before, books)]
    assert words == ["patient", "patient"]


def test_the_pages_of_a_list(client: TestClient, engine: Engine, world: dict[str, str], books: Books) -> None:
    """Each page records its own, and not the item that only tells whether there are more."""
    path = STAFF.format(**world)
    pages, cursor = [], ""
    while True:
        before = len(reads(engine))
        page = client.get(f"{path}?limit=1{cursor}").json()
        pages.append([word for word, *_ in shown_since(engine, before, books)])
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert sorted(pages) == [["first"], ["second"]]


def test_the_pages_behind_a_csv(
    client: TestClient, engine: Engine, world: dict[str, str], books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "CSV_PAGE", 1)
    for path, words in ((STAFF, ["first", "second"]), ("/v1/claims", ["other", "patient"])):
        before = len(reads(engine))
        assert len(client.get(path.format(**world), headers=CSV).text.splitlines()) == 3
        assert sorted(word for word, *_ in shown_since(engine, before, books)) == words
