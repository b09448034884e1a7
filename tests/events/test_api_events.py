"""The feed over HTTP, and the webhooks as administrators see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, select

from api.inquiry import events as route
from api.inquiry.events import EventPage, WebhookItem, WebhookMade, WebhookPage
from ledger import tables
from ledger.book.numbers import book_id_of
from ledger.chart.channels import AccessChannel
from ledger.chart.events import EventKind
from ledger.events.outbox import tell
from ledger.vault import Keyring
from tests.support.api_client import NOW, bearer, contribute, key, open_account, spending
from tests.support.employer_client import new_employer

MEMBERS = {"event", "kind", "account_no", "entry", "at"}


def feed(client: TestClient, cursor: str | None = None, **more: Any) -> Any:
    """A page of the feed."""
    query = more | ({} if cursor is None else {"cursor": cursor})
    answer = client.get("/v1/events", params=query)
    assert answer.status_code == 200, answer.text
    EventPage.model_validate(answer.json())
    return answer.json()


def newest(client: TestClient) -> str:
    """The cursor behind all that has happened."""
    page = feed(client, limit=500)
    while page["items"]:
        page = feed(client, page["next_cursor"], limit=500)
    return str(page["next_cursor"])


def said(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


# -- the feed ------------------------------------------------------------------------------------------------


def test_what_happened_is_read_on_from_a_cursor(client: TestClient) -> None:
    cursor = newest(client)
    account = open_account(client)["account_no"]
    receipt = contribute(client, account)
    page = feed(client, cursor)
    assert [set(one) for one in page["items"]] == [MEMBERS] * 2
    assert [(one["kind"], one["account_no"], one["entry"]) for one in page["items"]] == [
        ("account_opened", account, f"{account}-1"),
        ("contribution_arrived", account, receipt["entry"]),
    ]
    assert {one["at"] for one in page["items"]} == {"2026-11-21T04:00:00Z"}
    # nothing happened since, and the place is kept
    after = feed(client, page["next_cursor"])
    assert after["items"] == []
    spent = client.post(f"/v1/accounts/{account}/spendings", json=spending(), headers=key()).json()
    for place in (page["next_cursor"], after["next_cursor"]):
        [one] = feed(client, place)["items"]
        assert (one["kind"], one["entry"]) == ("spending", spent["entry"])
    # an event is called the same whenever it is read
    assert feed(client, cursor)["items"][:2] == page["items"]


def test_pages_go_on_where_they_ended(client: TestClient) -> None:
    cursor = newest(client)
    account = open_account(client)["account_no"]
    for _ in range(4):
        contribute(client, account)
    whole = feed(client, cursor)["items"]
    assert len(whole) == 5
    for size in (1, 2, 5):
        found: list[Any] = []
        page = feed(client, cursor, limit=size)
        while page["items"]:
            assert len(page["items"]) <= size
            found += page["items"]
            page = feed(client, page["next_cursor"], limit=size)
        assert found == whole
    assert len({one["event"] for one in whole}) == 5


def test_a_printed_document_is_an_event(client: TestClient, engine: Engine) -> None:
    cursor = newest(client)
    account = open_account(client)["account_no"]
    with engine.begin() as connection:
        tell(connection, EventKind.DOCUMENT_ISSUED, book_id_of(account) or 0, "D-2026-1", NOW)
    events = {one["kind"]: one for one in feed(client, cursor)["items"]}
    told = events["document_issued"]
    assert told == told | {"account_no": account, "entry": None, "at": "2026-11-21T04:00:00Z"}
    # the reference of a document opens its check, and is nobody's but its owner's
    assert "D-2026-1" not in str(events)


def test_many_postings_are_read_by_one_call(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where one pass does not take them all."""
    cursor = newest(client)
    account = open_account(client)["account_no"]
    for _ in range(5):
        contribute(client, account)
    monkeypatch.setattr(route, "PASSES_MAX", 1)
    monkeypatch.setattr("ledger.events.feed.PASS_ROWS", 1)
    assert [one["kind"] for one in feed(client, cursor)["items"]][:1] == ["account_opened"]
    assert len(feed(client, cursor)["items"]) == 6


@pytest.mark.parametrize("limit", ["0", "501", "-1", "x", "1.5", ""])
def test_a_limit_has_its_bounds(client: TestClient, limit: str) -> None:
    assert said(client.get("/v1/events", params={"limit": limit})) == (422, "shape_invalid")


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "0", "1", "E1", "MTA=", "A" * 200, "中", "'; DROP TABLE event; --", "../../etc/passwd"],
)
def test_a_cursor_is_one_of_ours(client: TestClient, cursor: str) -> None:
    answer = client.get("/v1/events", params={"cursor": cursor})
    assert said(answer) == (422, "shape_invalid")
    assert answer.json()["errors"][0]["pointer"] == "cursor"


def test_a_cursor_of_another_list_is_none(client: TestClient) -> None:
    for number in range(2):
        made(client, f"https://list-{number}.example/")
    other = client.get("/v1/webhooks", params={"limit": 1}).json()["next_cursor"]
    assert said(client.get("/v1/events", params={"cursor": other})) == (422, "shape_invalid")
    mine = newest(client)
    assert said(client.get("/v1/webhooks", params={"cursor": mine})) == (422, "shape_invalid")


def test_the_feed_is_for_systems_alone(client: TestClient, keys: Path) -> None:
    def asked(**more: Any) -> Any:
        return client.get("/v1/events", headers=bearer(keys, more.pop("purpose", None), **more))

    assert asked(scopes=["events:read"]).status_code == 200
    for scope in ("accounts:read", "reports:read", "admin"):
        assert said(asked(scopes=[scope])) == (403, "scope_missing")
    for channel in set(AccessChannel) - {
        AccessChannel.SYSTEM,
        AccessChannel.EMPLOYER,
        AccessChannel.INSTITUTION,
    }:
        assert asked(scopes=["events:read"], channel=channel, purpose="audit").status_code == 403
    assert said(asked(scopes=["events:read"], employer=new_employer(client))) == (403, "scope_missing")


def test_reading_the_feed_is_no_read_of_a_person(client: TestClient, engine: Engine) -> None:
    def looks() -> int:
        with engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(tables.read_log)) or 0

    open_account(client)
    before = looks()
    assert feed(client)["items"]
    assert looks() == before


# -- webhooks ------------------------------------------------------------------------------------------------


def made(client: TestClient, url: str, **more: Any) -> Any:
    answer = client.post("/v1/webhooks", json={"url": url} | more)
    assert answer.status_code == 201, answer.text
    WebhookMade.model_validate(answer.json())
    return answer.json()


def all_webhooks(client: TestClient) -> list[Any]:
    page = client.get("/v1/webhooks", params={"limit": 500})
    WebhookPage.model_validate(page.json())
    assert page.json()["next_cursor"] is None
    return list(page.json()["items"])


def test_a_secret_is_shown_once_and_kept_sealed(client: TestClient, engine: Engine, keys: Path) -> None:
    webhook = made(client, "https://once.example/events?a=1", kinds=["spending", "reversal"])
    secret = webhook.pop("secret")
    assert secret.startswith("whsec_")
    assert webhook["kinds"] == ["spending", "reversal"]
    [shown] = [one for one in all_webhooks(client) if one["webhook"] == webhook["webhook"]]
    assert shown == webhook
    assert secret not in client.get("/v1/webhooks").text
    with engine.connect() as connection:
        row = connection.execute(
            select(tables.webhook).where(tables.webhook.c.name == webhook["webhook"])
        ).one()
    assert secret.encode() not in bytes(row.secret_sealed)
    context = b"webhook.secret|" + webhook["webhook"].encode()
    assert Keyring.load(keys).open(bytes(row.secret_sealed), context) == secret


def test_an_address_is_sent_each_event_once(client: TestClient) -> None:
    webhook = made(client, "https://twice.example/")
    again = client.post("/v1/webhooks", json={"url": "https://twice.example/", "kinds": ["spending"]})
    assert said(again) == (409, "webhook_in_use")
    ended = client.post(f"/v1/webhooks/{webhook['webhook']}/end")
    assert ended.status_code == 201
    WebhookItem.model_validate(ended.json())
    assert ended.json()["ended_at"] == "2026-11-21T04:00:00Z"
    # the same again changes nothing
    assert client.post(f"/v1/webhooks/{webhook['webhook']}/end", json={}).json() == ended.json()
    assert made(client, "https://twice.example/")["webhook"] != webhook["webhook"]


@pytest.mark.parametrize("name", ["BCDFGHJKLMNPQRST", "x", "B" * 17, "中"])
def test_a_webhook_that_there_is_none_of(client: TestClient, name: str) -> None:
    assert said(client.post(f"/v1/webhooks/{name}/end")) == (404, "webhook_not_found")


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "receiver.example", "ftp://receiver.example/", "file:///etc/passwd", "https://",
        "https:///path", "http://receiver.example/", "http://10.0.0.1/", "http://127.0.0.1.receiver.example/",
        "http://localhost.receiver.example/", "https://name:word@receiver.example/", "https://a@b/",
        "https://receiver.example/#part", "https://receiver.example:0/", "https://receiver.example:99999/",
        "https://receiver.example:x/", "https://receiver example/", "https://receiver.example/\n",
        "https://例子.example/", "https://receiver.example/\\@evil.example", "https://-x-/", "https://[::1",
        "https://receiver.example/" + "x" * 1000, " https://receiver.example/", "javascript:alert(1)",
        "//receiver.example/", "http://0.0.0.0/",
        "https://[::1]x/", "https://[::1]x:1/", "https://x[::1]/", "https://[::1%lo]/", "https://[1.2.3.4]/",
        "https://h..example/", "https://.h.example/", "https://h.example./", "https://h.-x.example/",
        "https://h.x-.example/", "https://h_x.example/", "https://" + "a" * 64 + ".example/",
        "https://" + "a." * 124 + "example/", "https://127.1/", "https://2130706433/", "https://0x7f000001/",
        "https://010.0.0.1/", "https://1.2.3.4.5/", "https://h.example:+443/", "https://h.example:4_4/",
        "https://h.example:44:44/", "https://%31.example/", "https://h.example;x/",
        "http://[::ffff:10.0.0.1]/", "https://receiver.example/\x00",
    ],
)  # fmt: skip
def test_an_address_that_nothing_is_sent_to(client: TestClient, url: str) -> None:
    answer = client.post("/v1/webhooks", json={"url": url})
    assert said(answer) == (422, "shape_invalid")
    assert answer.json()["errors"][0]["pointer"] == "/url"
    # what may be a secret is not told again
    assert len(url) < 2 or url not in answer.text.replace("https://receiver.example/events", "")


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("https://receiver.example", "https://receiver.example/"),
        ("https://receiver.example?c=d", "https://receiver.example/?c=d"),
        ("https://receiver.example:8443/a/b?c=d", None), ("https://10.1.2.3/", None),
        ("https://[fd00::1]/", None),
        ("http://127.0.0.1:9/x", None), ("http://localhost:9/x", None), ("http://[::1]:9/", None),
        ("HTTPS://R.example/A?B=C", "https://r.example/A?B=C"), ("HTTP://LOCALHOST:80/", "http://localhost/"),
        ("https://[0:0::0:2]:443/", "https://[::2]/"), ("https://[FD00::A]:8443/", "https://[fd00::a]:8443/"),
        ("https://p.example:0443/", "https://p.example/"), ("https://p.example:80/", None),
        ("https://" + "a" * 63 + ".example/", None), ("https://1and1.example/", None),
        ("https://xn--fsqu00a.example/", None), ("https://4.h/", None),
    ],
)  # fmt: skip
def test_an_address_that_is_taken(client: TestClient, url: str, written: str | None) -> None:
    assert made(client, url)["url"] == (written or url)


def test_one_receiver_is_one_webhook_however_it_is_written(client: TestClient) -> None:
    first = made(client, "https://One.example:443/Events")
    for url in (
        "https://one.example/Events", "HTTPS://one.example/Events", "https://ONE.EXAMPLE/Events",
        "https://one.example:443/Events", "https://one.example:/Events", "https://one.example/Events?",
    ):  # fmt: skip
        assert said(client.post("/v1/webhooks", json={"url": url})) == (409, "webhook_in_use")
    # others are other ones
    for url in (
        "https://one.example/events",
        "https://one.example:444/Events",
        "https://one.example/Events/",
    ):
        assert made(client, url)["webhook"] != first["webhook"]


@pytest.mark.parametrize("kinds", [[], ["x"], ["SPENDING"], "spending", [1], ["spending"] * 14, {}])
def test_kinds_are_those_that_there_are(client: TestClient, kinds: Any) -> None:
    answer = client.post("/v1/webhooks", json={"url": "https://kinds.example/", "kinds": kinds})
    assert said(answer) == (422, "shape_invalid")


def test_webhooks_are_an_administrators(client: TestClient, keys: Path) -> None:
    headers = bearer(keys, scopes=["events:read"])
    for answer in (
        client.get("/v1/webhooks", headers=headers),
        client.post("/v1/webhooks", json={"url": "https://other.example/"}, headers=headers),
        client.post("/v1/webhooks/BCDFGHJKLMNPQRST/end", headers=headers),
    ):
        assert said(answer) == (403, "scope_missing")


def test_the_list_goes_by_pages(client: TestClient) -> None:
    for number in range(3):
        made(client, f"https://page-{number}.example/")
    whole, found, cursor = all_webhooks(client), [], None
    while True:
        query: dict[str, Any] = {"limit": 2} | ({} if cursor is None else {"cursor": cursor})
        page = client.get("/v1/webhooks", params=query).json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == whole


@pytest.mark.parametrize("path", ["119999%20198503140015", "%3119999198503140015", "119999198503140015"])
def test_an_address_with_somebodys_number_in_it(client: TestClient, path: str) -> None:
    answer = client.post("/v1/webhooks", json={"url": f"https://receiver.example/{path}"}, headers=key())
    assert (answer.status_code, answer.json()["code"]) == (422, "personal_data_in_text")
    assert "1985" not in answer.text
