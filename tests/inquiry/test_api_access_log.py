"""Who looked: what the person is shown of it and what not yet, and what auditors see."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.http.security import SCOPE_OF
from api.inquiry.answers import AccessPage, ReadLogPage
from ledger.access.tokens import SCOPES
from ledger.chart.channels import AccessChannel, FieldGroup
from tests.support.api_client import NOW, TODAY, bearer, id_number, open_account
from tests.support.care_client import bill, new_institution, new_patient, new_resident, on
from tests.support.employer_client import refusal, taken
from tests.support.estate_client import DIED, die, divide, heir
from tests.support.inquiry_client import auditor, own
from tests.support.second_numbers import add_alias

LOG = "/v1/me/access-log"
WINDOW = AccessChannel.WINDOW


def look(client: TestClient, keys: Path, number: str, purpose: str, path: str = "/balance") -> None:
    """A clerk at the window looks at somebody's data."""
    answer = client.get(f"/v1/accounts/{number}{path}", headers=bearer(keys, purpose, channel=WINDOW))
    assert answer.status_code == 200, answer.text


def log(client: TestClient, keys: Path, number: str, **query: Any) -> list[Any]:
    answer = client.get(LOG, params={"limit": 500} | query, headers=own(client, keys, number))
    return list(taken(answer, AccessPage, 200)["items"])


def purposes(items: list[Any]) -> list[str | None]:
    """What the looks of others were for, in the order in which they are shown."""
    return [one["purpose"] for one in items if one["purpose"] != "own_request"]


def audited(client: TestClient, keys: Path, **query: Any) -> list[Any]:
    answer = client.get("/v1/read-log", params={"limit": 500} | query, headers=auditor(keys))
    return list(taken(answer, ReadLogPage, 200)["items"])


# -- the person ----------------------------------------------------------------------------------------------


def test_one_line_an_answer_the_latest_first(client: TestClient, keys: Path) -> None:
    number = new_patient(client, "100.00")
    look(client, keys, number, "complaint; ref=case 7")
    client.get(f"/v1/accounts/{number}/entries")
    hospital = new_institution(client)
    quoted = client.post("/v1/settlements/quote", json=bill(hospital, number, [("A", "1.00"), ("C", "2.00")]))
    assert quoted.status_code == 201
    items = log(client, keys, number)
    assert [(one["channel"], one["purpose"], one["ref"], one["fields"]) for one in items] == [
        ("system", None, None, ["care_amounts", "care_items"]),
        ("system", None, None, ["balance", "entries"]),
        ("window", "complaint", "case 7", ["balance"]),
    ]
    assert set(items[0]) == {"at", "channel", "purpose", "ref", "fields", "document"}
    assert items[0]["at"] == "2026-11-21T04:00:00Z"
    assert items[0]["document"] is None
    # a posting is no look, and the look at the log stands in the next answer
    assert log(client, keys, number)[0]["fields"] == ["reads"]
    assert len(log(client, keys, number)) == 5


def test_a_look_by_any_of_a_persons_numbers_and_books_is_shown(
    client: TestClient, engine: Any, keys: Path
) -> None:
    number, older = new_patient(client, "10.00", name="李小明"), id_number()
    keyring = client.app.state.ledger.keyring  # type: ignore[attr-defined]  # an app has its state
    with engine.connect() as connection:
        add_alias(connection, keyring, known_as=number, also=older, now=NOW, today=TODAY)
    new_resident(client, number)
    hospital = new_institution(client)
    # a quote is recorded by the number that was sent
    for sent in (number, older):
        assert (
            client.post("/v1/settlements/quote", json=bill(hospital, sent, [("A", "1.00")])).status_code
            == 201
        )
    look(client, keys, older, "own_request")
    for asked in (number, older):
        assert len([one for one in log(client, keys, asked) if one["fields"] != ["reads"]]) == 3


@pytest.mark.parametrize(("days", "shown"), [(0, False), (1, False), (179, False), (180, True), (181, True)])
def test_a_courts_look_is_shown_after_its_days(
    client: TestClient, keys: Path, days: int, shown: bool
) -> None:
    number = new_patient(client, "10.00")
    look(client, keys, number, "court_order; ref=118")
    look(client, keys, number, "complaint")
    with on(client, TODAY + timedelta(days)):
        items = log(client, keys, number)
    assert purposes(items) == (["complaint", "court_order"] if shown else ["complaint"])


def test_what_is_withheld_leaves_no_gap(client: TestClient, keys: Path) -> None:
    plain, searched = new_patient(client, "10.00"), new_patient(client, "10.00")
    for number in (plain, searched):
        for turn in range(5):
            look(client, keys, number, f"complaint; ref={turn}")
            if number == searched:
                for _ in range(3):
                    look(client, keys, number, "court_order")
    pages = []
    for number in (plain, searched):
        me = own(client, keys, number)
        found: list[tuple[int, bool]] = []
        query: dict[str, Any] = {"limit": 2}
        items: list[Any] = []
        while True:
            page = client.get(LOG, params=query, headers=me).json()
            assert set(page) == {"items", "next_cursor"}
            found.append((len(page["items"]), page["next_cursor"] is None))
            items += page["items"]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
        pages.append((found, items))
    # five looks in pages of two; each was the first to look at the log
    assert pages[0] == pages[1]
    assert pages[0][0] == [(2, False), (2, False), (1, True)]
    with on(client, TODAY + timedelta(180)):
        assert len(purposes(log(client, keys, searched))) == 20


def test_an_exactly_full_page_is_the_last_although_something_is_withheld(
    client: TestClient, keys: Path
) -> None:
    number = new_patient(client, "10.00")
    look(client, keys, number, "court_order")
    for _ in range(2):
        look(client, keys, number, "complaint")
    page = client.get(LOG, params={"limit": 2}, headers=own(client, keys, number)).json()
    assert (len(page["items"]), page["next_cursor"]) == (2, None)


def test_an_estates_look_is_shown_once_it_is_divided(client: TestClient, keys: Path) -> None:
    dead, child = new_patient(client, "300.00"), new_patient(client, "10.00")
    death = die(client, dead)["entry"]
    look(client, keys, child, f"estate; ref={death}")
    look(client, keys, child, "estate")
    look(client, keys, child, "estate; ref=a will")
    # what is no death hides nothing for a shorter time, nor one that nobody knows
    look(client, keys, child, f"estate; ref={death.rpartition('-')[0]}-1")
    look(client, keys, child, "estate; ref=P483920174650K-9")
    look(client, keys, child, "complaint")
    assert purposes(log(client, keys, child)) == ["complaint"]
    with on(client, TODAY + timedelta(days=3_659)):
        assert purposes(log(client, keys, child)) == ["complaint"]
    divide(client, dead, [heir(child)])
    shown = log(client, keys, child)
    # dividing names the heirs, which is a look at each
    assert purposes(shown) == [None, "complaint", "estate"]
    assert [one["ref"] for one in shown if one["purpose"] == "estate"] == [death]
    with on(client, TODAY + timedelta(days=3_660)):
        assert len(purposes(log(client, keys, child))) == 7


def test_of_another_estate_nothing_is_let_out(client: TestClient, keys: Path) -> None:
    one, other, child = (new_patient(client, "300.00") for _ in range(3))
    deaths = [die(client, person, DIED)["entry"] for person in (one, other)]
    for death in deaths:
        look(client, keys, child, f"estate; ref={death}")
    divide(client, other, [heir(child)])
    assert [item["ref"] for item in log(client, keys, child) if item["purpose"] == "estate"] == [deaths[1]]


def test_who_is_only_searched_for_is_not_told_of_it(client: TestClient, keys: Path) -> None:
    """Nobody with that number: an empty list would say that somebody had looked."""
    nobody = id_number()
    hospital = new_institution(client)
    headers = bearer(keys, None, channel=WINDOW)
    quoted = client.post(
        "/v1/settlements/quote", json=bill(hospital, nobody, [("A", "1.00")]), headers=headers
    )
    assert refusal(quoted) == (403, "purpose_missing")
    headers = bearer(keys, "court_order", channel=WINDOW)
    client.post("/v1/settlements/quote", json=bill(hospital, nobody, [("A", "1.00")]), headers=headers)
    # there is nobody of whom anything was shown
    for headers in (own(client, keys, nobody), auditor(keys)):
        path = LOG if "own" in headers.get("Purpose", "") else f"/v1/read-log?account={nobody}"
        assert refusal(client.get(path, headers=headers)) == (404, "account_not_found")


def test_a_page_stays_where_it_was_while_others_look(client: TestClient, keys: Path) -> None:
    number = new_patient(client, "10.00")
    for turn in range(7):
        look(client, keys, number, f"complaint; ref={turn}")
    me = own(client, keys, number)
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 3}
    while True:
        page = client.get(LOG, params=query, headers=me).json()
        seen += [one["ref"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
        look(client, keys, number, "complaint; ref=new")
    assert seen == ["6", "5", "4", "3", "2", "1", "0"]


def test_a_cursor_is_of_one_persons_list(client: TestClient, keys: Path) -> None:
    number, other = new_patient(client, "10.00"), new_patient(client, "10.00")
    for _ in range(3):
        look(client, keys, number, "complaint")
    cursor = client.get(LOG, params={"limit": 1}, headers=own(client, keys, number)).json()["next_cursor"]
    for headers, text in (
        (own(client, keys, other), cursor),
        (own(client, keys, number), cursor[:-4] + "AAA="),
        (own(client, keys, number), "nonsense"),
    ):
        answer = client.get(LOG, params={"cursor": text}, headers=headers)
        assert refusal(answer) == (422, "shape_invalid")
    assert refusal(client.get("/v1/read-log", params={"cursor": cursor}, headers=auditor(keys))) == (
        422,
        "shape_invalid",
    )


@pytest.mark.parametrize("limit", ["0", "501", "-1", "x"])
def test_a_page_has_its_bounds(client: TestClient, keys: Path, limit: str) -> None:
    me = own(client, keys, new_patient(client))
    assert refusal(client.get(LOG, params={"limit": limit}, headers=me)) == (422, "shape_invalid")


# -- auditors ------------------------------------------------------------------------------------------------


def test_an_auditor_sees_everything_and_who_it_was(client: TestClient, keys: Path) -> None:
    account = open_account(client)
    number, account_no = account["number"], account["account_no"]
    look(client, keys, number, "court_order; ref=118", "")
    look(client, keys, number, "complaint", "")
    for named in (number, account_no):
        items = audited(client, keys, account=named)
        others = [one for one in items if one["purpose"] != "audit"]
        assert [(one["purpose"], one["ref"], one["actor"], one["account_no"]) for one in others] == [
            ("complaint", None, "clerk-7", account_no),
            ("court_order", "118", "clerk-7", account_no),
        ]
    assert set(items[0]) == {
        "at", "channel", "purpose", "ref", "fields", "document", "actor", "account_no",
    }  # fmt: skip
    # each look at the log stands in the next answer, also in the person's
    assert [one["purpose"] for one in items] == ["audit", "complaint", "court_order"]
    mine = log(client, keys, number)
    assert [(one["purpose"], one["channel"], one["fields"]) for one in mine] == [
        ("audit", "audit", ["reads"]),
        ("audit", "audit", ["reads"]),
        ("complaint", "window", ["identity_masked"]),
    ]


def test_the_whole_log_by_whom_and_when(client: TestClient, keys: Path) -> None:
    number = new_patient(client, "10.00")
    headers = bearer(keys, "complaint", channel=WINDOW, actor="clerk-99")
    for path in ("", "/balance", "/settlements"):
        assert client.get(f"/v1/accounts/{number}{path}", headers=headers).status_code == 200
    by_clerk = audited(client, keys, actor="clerk-99")
    assert [one["fields"] for one in by_clerk] == [["care_amounts"], ["balance"], ["identity_masked"]]
    day, before, after = (str(TODAY + timedelta(days)) for days in (0, -1, 1))
    for span, there in (
        ({"from": day, "to": day}, 3),
        ({"to": before}, 0),
        ({"from": after}, 0),
        ({"from": "0001-01-01", "to": "9999-12-31"}, 3),
        ({"from": after, "to": before}, 0),
    ):
        assert len(audited(client, keys, actor="clerk-99", **span)) == there, span
    assert audited(client, keys, actor="nobody-at-all") == []
    assert audited(client, keys, actor="\x00") == []
    # and the look at three of one person is recorded as one look at that person
    looks = audited(client, keys, account=number)
    assert len([one for one in looks if one["purpose"] == "audit"]) == 3
    assert audited(client, keys)[0]["purpose"] == "audit"


def test_the_whole_log_page_by_page(client: TestClient, keys: Path) -> None:
    for _ in range(3):
        look(client, keys, new_patient(client), "complaint", "")
    day = {"from": str(TODAY), "to": str(TODAY)}
    first = client.get("/v1/read-log", params=day | {"limit": 2}, headers=auditor(keys)).json()
    query = day | {"limit": 500, "cursor": first["next_cursor"]}
    rest = client.get("/v1/read-log", params=query, headers=auditor(keys)).json()
    assert {one["account_no"] for one in first["items"]}.isdisjoint(
        {one["account_no"] for one in rest["items"][:1]}
    )
    other = client.get("/v1/read-log", params={"cursor": first["next_cursor"]}, headers=auditor(keys))
    assert refusal(other) == (422, "shape_invalid")


def test_a_long_log_of_one_person(client: TestClient, keys: Path) -> None:
    number = new_patient(client, "10.00")
    for turn in range(9):
        look(client, keys, number, f"complaint; ref={turn}")
    first = client.get("/v1/read-log", params={"account": number, "limit": 4}, headers=auditor(keys)).json()
    query = {"account": number, "limit": 500, "cursor": first["next_cursor"]}
    rest = client.get("/v1/read-log", params=query, headers=auditor(keys)).json()
    items = first["items"] + rest["items"]
    assert [one["ref"] for one in items] == [str(turn) for turn in range(8, -1, -1)]
    assert rest["next_cursor"] is None


def test_the_log_is_for_auditors(client: TestClient, keys: Path) -> None:
    number = new_patient(client)
    path = f"/v1/read-log?account={number}"
    not_allowed = (403, "channel_not_allowed")
    assert refusal(client.get(path)) == not_allowed
    for channel, purpose in ((WINDOW, "own_request"), (AccessChannel.ONLINE, "own_request")):
        assert refusal(client.get(path, headers=bearer(keys, purpose, channel=channel))) == not_allowed
    assert (
        refusal(client.get(path, headers=bearer(keys, "court_order", channel=AccessChannel.AGENCY)))
        == not_allowed
    )
    me = own(client, keys, number, scopes=list(SCOPES))
    assert client.get(path, headers=me).status_code == 403
    lacking = [scope for scope in SCOPES if scope != SCOPE_OF["GET", "/v1/read-log"]]
    assert refusal(client.get(path, headers=auditor(keys, scopes=lacking))) == (403, "scope_missing")
    assert refusal(client.get(path, headers=auditor(keys, None))) == (403, "purpose_missing")
    assert refusal(client.get(path, headers=auditor(keys, "complaint"))) == (403, "purpose_not_allowed")
    # and no refusal was a look
    assert [one for one in audited(client, keys, account=number) if one["fields"] == ["reads"]] == []


@pytest.mark.parametrize(
    ("account", "code"),
    [
        ("nonsense", "account_not_found"),
        ("P483920174650K", "account_not_found"),
        ("E483920174650K", "account_not_found"),
        ("119999198503140016", "id_checksum"),
        ("", "account_not_found"),
    ],
)
def test_whom_nobody_knows(client: TestClient, keys: Path, account: str, code: str) -> None:
    answer = client.get("/v1/read-log", params={"account": account}, headers=auditor(keys))
    assert answer.json()["code"] == code
    unknown = client.get("/v1/read-log", params={"account": id_number()}, headers=auditor(keys))
    assert refusal(unknown) == (404, "account_not_found")


def test_the_groups_are_said_as_everywhere(client: TestClient, keys: Path) -> None:
    number = new_patient(client)
    client.get("/v1/me/export", headers=own(client, keys, number))
    shown = log(client, keys, number)[0]["fields"]
    assert shown == [word for word in FieldGroup(511).words if word != "others_names"]


def test_a_day_long_ago_and_one_to_come(client: TestClient, keys: Path) -> None:
    for day in ("1970-01-01", "2500-06-30", str(date.max), "0001-01-01"):
        assert isinstance(audited(client, keys, **{"from": day, "to": day}), list)
