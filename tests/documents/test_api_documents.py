"""Documents that were handed out: the same bytes for ever, or none; and whose they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, select, text

from api.http.asgi import REQUEST_ID
from ledger import tables
from ledger.access.read_log import ReadLogUnavailable
from ledger.access.tokens import SCOPES
from ledger.chart.channels import AccessChannel, FieldGroup
from ledger.documents.handing_out import keep
from ledger.printing.rendering import Rendered
from ledger.verify import verify
from tests.access.test_api_read_log import reads
from tests.documents.test_api_sheets import enrol
from tests.support.api_client import NOW, TODAY, bearer, contribute, id_number, open_account, running
from tests.support.care_client import new_resident, on
from tests.support.documents_client import FORMS, YEAR, ask, checked, content, data, printed
from tests.support.employer_client import hire, new_employer, refusal
from tests.support.estate_client import die
from tests.support.inquiry_client import own
from tests.support.people import KEYRING
from tests.verify.tampering import with_every_right

SPAN = {"from": "2026-01-05", "to": "2026-11-21"}
G = FieldGroup
WINDOW = AccessChannel.WINDOW


def somebody(client: TestClient) -> str:
    account = str(open_account(client)["account_no"])
    contribute(client, account, "160.00")
    return account


def made_of(client: TestClient, account: str, form: str = "json", **more: Any) -> Any:
    return printed(client, f"/v1/accounts/{account}", form, kind="account_list", **SPAN, **more)


def since(engine: Engine, before: list[Any]) -> list[Any]:
    """What was recorded since; other processes have chains of their own."""
    return [one for one in reads(engine) if one not in before]


def rows(engine: Engine) -> int:
    with engine.begin() as connection:
        return connection.scalar(select(func.count()).select_from(tables.document)) or 0


@pytest.mark.parametrize("form", FORMS)
def test_the_bytes_are_the_same_for_ever(
    client: TestClient, engine: Engine, tmp_path: Path, form: str
) -> None:
    account = somebody(client)
    made = made_of(client, account, form)
    first = content(client, made)
    assert (sha256(first).hexdigest(), made["pages"]) == (made["sha256"], 1)
    assert content(client, made) == first
    # what came since changes nothing of it
    contribute(client, account, "99.00")
    with on(client, date(2027, 3, 1)):
        assert content(client, made) == first
    # and so it is after a start
    with running(engine, tmp_path) as again:
        assert content(again, made) == first
    assert made["serial"][:9] == "D20261121"


def test_each_print_is_a_document_of_its_own(client: TestClient) -> None:
    account = somebody(client)
    first, second = made_of(client, account), made_of(client, account)
    for name in ("document", "serial", "verification_code", "sha256"):
        assert first[name] != second[name]
    one, other = data(client, first), data(client, second)
    assert (one["serial"], one["verification_code"]) == (first["serial"], first["verification_code"])
    assert one["tables"] == other["tables"]


def test_what_is_asked_for_names_a_form(client: TestClient) -> None:
    account = somebody(client)
    for form in ("doc", "PDF", "", 1, None):
        answer = ask(client, f"/v1/accounts/{account}", form, kind="account_list", **SPAN)  # type: ignore[arg-type]  # wrong on purpose
        assert refusal(answer) == (422, "shape_invalid")


def test_nothing_of_a_person_stands_there_plain(client: TestClient, engine: Engine) -> None:
    person = open_account(client, name="司马相如")
    made = made_of(client, person["account_no"], full_number=True)
    with engine.begin() as connection:
        table = tables.document
        row = connection.execute(select(table).where(table.c.serial == made["serial"])).one()
    plain = b"|".join(
        one.encode() if isinstance(one, str) else bytes(one) for one in row if isinstance(one, str | bytes)
    )
    for secret in ("司马相如", person["number"], made["verification_code"]):
        assert secret.encode() not in plain
    assert made["verification_code"] not in str(made["document"])


# -- printed for what is withheld ----------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "known"), [(0, False), (179, False), (180, True)])
def test_what_a_court_had_printed_is_not_known_before_its_day(
    client: TestClient, keys: Path, days: int, known: bool
) -> None:
    """Not by the list, not by its name, and not by an event either."""
    person = open_account(client)
    path, me = f"/v1/accounts/{person['account_no']}", own(client, keys, person["number"])
    seen, searched = (
        printed(client, path, kind="insured_proof", headers=bearer(keys, purpose, channel=WINDOW))["document"]
        for purpose in ("complaint", "court_order; ref=118")
    )
    assert told_of(client, person["account_no"]) == ["account_opened", "document_issued"]
    with on(client, TODAY + timedelta(days)):
        listed = client.get("/v1/me/documents", headers=me).json()["items"]
        assert {one["document"] for one in listed} == ({seen, searched} if known else {seen})
        own_copy = client.get(f"/v1/me/documents/{searched}", headers=me)
        assert own_copy.status_code == (200 if known else 404)
    # whoever had it printed has it
    assert client.get(f"/v1/documents/{searched}").status_code == 200


def test_a_page_is_full_without_what_is_withheld(client: TestClient, keys: Path) -> None:
    person = open_account(client)
    path, me = f"/v1/accounts/{person['account_no']}", own(client, keys, person["number"])
    wanted = set()
    for turn in range(9):
        purpose = "court_order" if turn % 3 else "complaint"
        made = printed(client, path, kind="insured_proof", headers=bearer(keys, purpose, channel=WINDOW))
        wanted |= set() if turn % 3 else {made["document"]}
    page = client.get("/v1/me/documents?limit=2", headers=me).json()
    rest = client.get(f"/v1/me/documents?limit=2&cursor={page['next_cursor']}", headers=me).json()
    assert (len(page["items"]), len(rest["items"]), rest["next_cursor"]) == (2, 1, None)
    assert {one["document"] for one in (*page["items"], *rest["items"])} == wanted


def told_of(client: TestClient, account_no: str) -> list[str]:
    """The kinds of all events of an account."""
    kinds: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get("/v1/events", params={"limit": "500"} | cursor).json()
        if not page["items"]:
            return kinds
        kinds += [one["kind"] for one in page["items"] if one["account_no"] == account_no]
        cursor = {"cursor": page["next_cursor"]}


# -- tampered ------------------------------------------------------------------------------------------------

# what somebody with every right on the table writes into it
CHANGES = (
    'totals = \'{"closing":"999999.00"}\'',
    "kind = 1",
    "serial = serial || 'x'",
    "form = 'xml'",
    "made_by = made_by || ' '",
    "key_id = 'other'",
    "book_id = book_id + 1",
    "\"first\" = '2026-01-01'",
    "rests_on = '{}'",
    "pages = 2",
    "items = items + 1",
    "fields = 1",
    "issued_at = '2026-01-01 00:00:00.000000'",
    "actor = caller",
    "sha256 = seal",
    "facts_sealed = sha256",
    "seal = sha256",
)


@contextmanager
def changed(engine: Engine, made: Any, change: str) -> Iterator[None]:
    """A row that somebody changed, for a while."""
    table = tables.document
    with engine.begin() as connection:
        before = connection.execute(select(table).where(table.c.name == made["document"])).one()._asdict()
    with with_every_right(engine) as connection:
        connection.execute(
            text(f"UPDATE document SET {change} WHERE name = :name"), {"name": made["document"]}
        )
    try:
        yield
    finally:
        with with_every_right(engine) as connection:
            connection.execute(table.update().where(table.c.name == made["document"]).values(**before))


@pytest.mark.parametrize("change", CHANGES)
def test_a_row_that_was_changed_is_not_handed_out(client: TestClient, engine: Engine, change: str) -> None:
    made = made_of(client, somebody(client))
    assert checked(client, made)["genuine"] is True
    with changed(engine, made, change):
        assert refusal(client.get(f"/v1/documents/{made['document']}")) == (409, "document_damaged")
        # and nobody is told that it is genuine
        assert checked(client, made)["genuine"] is False
        found = [one for one in verify(engine, keyring=KEYRING).findings if one.code == "document_broken"]
        assert len(found) == 1
        assert "not as it was written" in str(found)
    assert checked(client, made)["genuine"] is True
    assert client.get(f"/v1/documents/{made['document']}").status_code == 200


def test_verify_is_silent_about_documents_that_stand(client: TestClient, engine: Engine) -> None:
    made_of(client, somebody(client))
    assert [one for one in verify(engine, keyring=KEYRING).findings if one.code == "document_broken"] == []


# -- another maker -------------------------------------------------------------------------------------------


def test_bytes_of_an_older_maker_are_those_that_were_kept(
    client: TestClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never other bytes under the same name: kept before, or refused."""
    account = somebody(client)
    kept, lost = made_of(client, account), None
    first = content(client, kept)
    with engine.connect() as connection:
        done = keep(connection, KEYRING, NOW)
        assert done.kept >= 1
        again = keep(connection, KEYRING, NOW)
    assert (again.kept, again.broken) == (0, done.broken)
    assert again.already == done.already + done.kept
    lost = made_of(client, account)
    monkeypatch.setattr("ledger.documents.issuing.made_by", lambda _form: "json-2")
    assert content(client, kept) == first
    assert refusal(client.get(f"/v1/documents/{lost['document']}")) == (409, "document_not_kept")
    # of what cannot be made any more nothing is kept
    with engine.connect() as connection:
        assert lost["serial"] in keep(connection, KEYRING, NOW).broken
    assert checked(client, lost)["genuine"] is True
    newer = made_of(client, account)
    assert sha256(content(client, newer)).hexdigest() == newer["sha256"]


def test_a_form_that_changed_and_did_not_say_so_hands_nothing_out(
    client: TestClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest of the day is what counts, whatever a maker says of itself."""
    made = made_of(client, somebody(client))
    with monkeypatch.context() as patch:
        patch.setattr(
            "ledger.documents.handing_out.rendered",
            lambda _sheet, _form, signed: Rendered(signed + b" ", "application/json", 1),
        )
        assert refusal(client.get(f"/v1/documents/{made['document']}")) == (409, "document_damaged")
        with engine.connect() as connection:
            assert made["serial"] in keep(connection, KEYRING, NOW).broken
    assert sha256(content(client, made)).hexdigest() == made["sha256"]


def test_other_bytes_that_were_kept_are_not_handed_out(client: TestClient, engine: Engine) -> None:
    one, other = made_of(client, somebody(client)), made_of(client, somebody(client))
    with engine.connect() as connection:
        keep(connection, KEYRING, NOW)
    table = tables.document_content
    with with_every_right(engine) as connection:
        query = select(table.c.content_sealed)
        foreign = connection.scalar(query.where(table.c.name == other["document"]))
        mine = connection.scalar(query.where(table.c.name == one["document"]))
        update = table.update().where(table.c.name == one["document"])
        connection.execute(update.values(content_sealed=foreign))
    assert refusal(client.get(f"/v1/documents/{one['document']}")) == (409, "document_damaged")
    found = [finding for finding in verify(engine, keyring=KEYRING).findings if one["serial"] in str(finding)]
    assert "other bytes were kept" in str(found)
    with with_every_right(engine) as connection:
        connection.execute(update.values(content_sealed=mine))
    assert client.get(f"/v1/documents/{one['document']}").status_code == 200


# -- recorded ------------------------------------------------------------------------------------------------


def test_a_print_is_recorded_with_its_serial_number(client: TestClient, engine: Engine, keys: Path) -> None:
    account = somebody(client)
    clerk = bearer(keys, "own_request; ref=K-7", channel=AccessChannel.WINDOW)
    before = reads(engine)
    made = made_of(client, account, headers=clerk)
    content(client, made, headers=clerk)
    whole = made_of(client, account, full_number=True, headers=clerk)
    printing, again, full = since(engine, before)
    for read in (printing, again):
        assert (read.document, read.purpose, read.ref) == (made["serial"], "own_request", "K-7")
        assert FieldGroup(read.fields) == G.IDENTITY_MASKED | G.BALANCE | G.ENTRIES
        assert (AccessChannel(read.channel), read.items) == (AccessChannel.WINDOW, 1)
    assert full.document == whole["serial"]
    assert G.IDENTITY_FULL in FieldGroup(full.fields)


@pytest.mark.parametrize(
    ("purpose", "code"),
    [(None, "purpose_missing"), ("audit", "purpose_not_allowed"), ("x", "purpose_not_allowed")],
)
def test_the_window_says_what_for(
    client: TestClient, engine: Engine, keys: Path, purpose: str | None, code: str
) -> None:
    account = somebody(client)
    made, before = made_of(client, account), rows(engine)
    headers = bearer(keys, purpose, channel=AccessChannel.WINDOW)
    answer = ask(client, f"/v1/accounts/{account}", kind="account_list", **SPAN, headers=headers)
    assert refusal(answer) == (403, code)
    assert refusal(client.get(f"/v1/documents/{made['document']}", headers=headers)) == (403, code)
    assert rows(engine) == before


def test_without_a_record_there_is_no_document(
    client: TestClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = somebody(client)
    made, before = made_of(client, account), rows(engine)
    log = client.app.state.ledger.read_log  # type: ignore[attr-defined]  # the app of the client

    async def full(_reads: Any) -> None:
        raise ReadLogUnavailable("full")

    def full_here(_reads: Any) -> None:
        raise ReadLogUnavailable("full")

    monkeypatch.setattr(log, "record", full)
    monkeypatch.setattr(log, "record_here", full_here)
    answer = ask(client, f"/v1/accounts/{account}", kind="account_list", **SPAN)
    assert refusal(answer) == (503, "read_log_unavailable")
    again = client.get(f"/v1/documents/{made['document']}")
    assert refusal(again) == (503, "read_log_unavailable")
    assert rows(engine) == before


def test_the_account_of_the_dead_is_printed_with_its_case(
    client: TestClient, engine: Engine, keys: Path
) -> None:
    account = somebody(client)
    death = die(client, account)["entry"]
    before = rows(engine)
    for ref in ("", "; ref=P483920174650K-17"):
        headers = bearer(keys, f"estate{ref}", channel=AccessChannel.WINDOW)
        answer = ask(client, f"/v1/accounts/{account}", kind="account_list", **SPAN, headers=headers)
        assert refusal(answer) == (403, "purpose_not_allowed")
    assert rows(engine) == before, "what is not shown is not kept"
    heir = bearer(keys, f"estate; ref={death}", channel=AccessChannel.WINDOW)
    assert made_of(client, account, headers=heir)["pages"] == 1


@pytest.mark.parametrize("channel", [AccessChannel.PHONE, AccessChannel.AGENCY])
def test_some_channels_print_nothing(client: TestClient, keys: Path, channel: AccessChannel) -> None:
    account = somebody(client)
    made = made_of(client, account)
    headers = bearer(keys, "own_request", channel=channel)
    answer = ask(client, f"/v1/accounts/{account}", kind="account_list", **SPAN, headers=headers)
    assert refusal(answer) == (403, "channel_not_allowed")
    assert refusal(client.get(f"/v1/documents/{made['document']}", headers=headers))[0] == 403


@pytest.mark.parametrize("name", ["x", "B" * 20, "BCDFGHJKLMNPQRSTVWX1", "%00", "B" * 21, "张" * 20])
def test_a_document_that_there_is_not(client: TestClient, name: str) -> None:
    assert refusal(client.get(f"/v1/documents/{name}")) == (404, "document_not_found")


def test_the_key_that_signs_is_missing(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    account = somebody(client)
    made = made_of(client, account)
    keyring = client.app.state.ledger.keyring  # type: ignore[attr-defined]  # the app of the client
    monkeypatch.setattr(keyring, "_signing", {})
    answer = ask(client, f"/v1/accounts/{account}", kind="account_list", **SPAN)
    assert refusal(answer) == (503, "document_key_missing")
    # what was signed is handed out all the same
    assert client.get(f"/v1/documents/{made['document']}").status_code == 200


# -- of one's own --------------------------------------------------------------------------------------------


def test_people_print_what_is_their_own(client: TestClient, engine: Engine, keys: Path) -> None:
    person, other = open_account(client), open_account(client)
    contribute(client, person["account_no"], "160.00")
    me, them = own(client, keys, person["number"]), own(client, keys, other["number"])
    at_the_window = made_of(client, person["account_no"])
    before = reads(engine)
    mine = printed(client, "/v1/me", kind="account_list", **SPAN, headers=me)
    [read] = since(engine, before)
    assert (read.document, AccessChannel(read.channel)) == (mine["serial"], AccessChannel.ONLINE)
    path = f"/v1/me/documents/{mine['document']}"
    bytes_ = client.get(path, headers=me)
    assert sha256(bytes_.content).hexdigest() == mine["sha256"]
    assert bytes_.headers["content-disposition"] == f'attachment; filename="{mine["serial"]}.json"'
    listed = client.get("/v1/me/documents", headers=me).json()
    assert {one["document"] for one in listed["items"]} == {mine["document"], at_the_window["document"]}
    assert mine["verification_code"] not in str(listed)
    # somebody else's is as unknown as none
    assert client.get("/v1/me/documents", headers=them).json()["items"] == []
    assert refusal(client.get(path, headers=them)) == (404, "document_not_found")
    assert refusal(client.get(f"/v1/documents/{mine['document']}", headers=me)) == (403, "scope_missing")
    # and the person sees who printed what
    log = client.get("/v1/me/access-log", headers=me).json()["items"]
    assert {mine["serial"], at_the_window["serial"]} <= {one["document"] for one in log}


def test_own_documents_come_page_by_page(client: TestClient, keys: Path) -> None:
    person = open_account(client)
    me = own(client, keys, person["number"])
    made = {made_of(client, person["account_no"])["document"] for _ in range(5)}
    found: list[str] = []
    cursor = ""
    while True:
        page = client.get(f"/v1/me/documents?limit=2{cursor}", headers=me).json()
        found += [one["document"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert (len(found), set(found)) == (5, made)
    assert refusal(client.get("/v1/me/documents?cursor=x", headers=me)) == (422, "shape_invalid")


def test_a_resident_without_an_account(client: TestClient, keys: Path) -> None:
    number = new_resident(client, id_number())
    me, window = own(client, keys, number), bearer(keys, "own_request", channel=AccessChannel.WINDOW)
    path = f"/v1/accounts/{number}"
    with on(client, date(2026, 11, 21)):
        proof = printed(client, "/v1/me", kind="insured_proof", headers=me)
        at_window = printed(client, path, kind="insured_proof", headers=window)
        answer = ask(client, "/v1/me", kind="account_list", **YEAR, headers=me)
        list_at_window = ask(client, path, kind="account_list", **YEAR, headers=window)
    assert refusal(answer) == refusal(list_at_window) == (404, "account_not_found")
    assert data(client, at_window)["head"] == data(client, proof)["head"]
    listed = client.get("/v1/me/documents", headers=me).json()["items"]
    assert {one["document"] for one in listed} == {at_window["document"], proof["document"]}
    assert client.get(f"/v1/me/documents/{proof['document']}", headers=me).status_code == 200
    nobody = own(client, keys, id_number())
    assert refusal(ask(client, "/v1/me", kind="insured_proof", headers=nobody)) == (404, "account_not_found")
    assert refusal(client.get("/v1/me/documents", headers=nobody)) == (404, "account_not_found")


# -- employers -----------------------------------------------------------------------------------------------


def of_unit(keys: Path, employer: str, purpose: str | None = "own_request") -> dict[str, str]:
    scopes = [scope for scope in SCOPES if scope != "contributions:act"]
    return bearer(keys, purpose, scopes=scopes, channel=AccessChannel.EMPLOYER, employer=employer)


def test_an_employer_prints_its_own_and_no_more(client: TestClient, engine: Engine, keys: Path) -> None:
    """E67: payments and staff; never a balance, and nobody else's."""
    employer, other = new_employer(client), new_employer(client)
    person = hire(client)

    enrol(client, person, employer)
    unit = of_unit(keys, employer)
    before = reads(engine)
    staff = printed(client, f"/v1/employers/{employer}", kind="staff_list", headers=unit)
    [read] = since(engine, before)
    assert FieldGroup(read.fields) == G.IDENTITY_MASKED | G.PAYMENTS
    assert read.document == staff["serial"]
    for path in (
        f"/v1/documents/{staff['document']}",
        f"/v1/employers/{employer}/documents/{staff['document']}",
    ):
        assert client.get(path, headers=unit).status_code == 200
    paid = printed(client, f"/v1/employers/{employer}", kind="payment_list", **YEAR, headers=unit)
    assert client.get(f"/v1/documents/{paid['document']}", headers=unit).status_code == 200
    # the numbers of its staff whole are not for it
    answer = ask(client, f"/v1/employers/{employer}", kind="staff_list", full_number=True, headers=unit)
    assert refusal(answer) == (403, "channel_not_allowed")
    foreign = printed(client, f"/v1/employers/{other}", kind="staff_list")
    of_person = made_of(client, somebody(client))
    for made in (foreign, of_person):
        assert refusal(client.get(f"/v1/documents/{made['document']}", headers=unit)) == (
            403,
            "scope_missing",
        )
        path = f"/v1/employers/{employer}/documents/{made['document']}"
        assert refusal(client.get(path, headers=unit)) == (404, "document_not_found")
    for path in (f"/v1/employers/{other}", f"/v1/accounts/{person}"):
        answer = ask(client, path, kind="payment_list", **YEAR, headers=unit)
        assert refusal(answer) == (403, "scope_missing")
    for kind in ("account_list", "yearly_statement", "insured_proof"):
        assert ask(client, f"/v1/employers/{employer}", kind=kind, headers=unit).status_code == 422


def test_a_request_is_answered_with_its_own_name(client: TestClient) -> None:
    """The bytes carry no header that differs from day to day but those that every answer has."""
    made = made_of(client, somebody(client))
    one, other = (client.get(f"/v1/documents/{made['document']}") for _ in range(2))
    differing = {name for name in one.headers if one.headers[name] != other.headers[name]}
    assert differing <= {REQUEST_ID.decode()}
