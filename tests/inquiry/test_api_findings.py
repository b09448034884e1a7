"""Staff, flags and findings over HTTP, from looks that the service recorded itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, select

from ledger import tables
from ledger.book.numbers import book_id_of
from ledger.chart.channels import AccessChannel, FieldGroup
from ledger.verify import verify
from tests.support import estate_client
from tests.support.api_client import (
    NOW,
    TODAY,
    bearer,
    contribute,
    id_number,
    key,
    open_account,
    running,
    spending,
    token,
)
from tests.support.care_client import (
    bill,
    give,
    new_institution,
    new_patient,
    quote,
    reverse,
    rule,
    settle,
    visit,
)
from tests.support.inquiry_client import at
from tests.support.people import KEYRING

PATH = "/v1/read-log/findings"


@pytest.fixture
def client(fresh_engine: Engine, tmp_path: Path) -> Iterator[TestClient]:
    with running(fresh_engine, tmp_path) as client:
        yield client


@pytest.fixture
def keys(client: TestClient, tmp_path: Path) -> Path:
    return tmp_path / "keys"


def audit(keys: Path, actor: str = "auditor") -> dict[str, str]:
    return bearer(keys, "audit", channel=AccessChannel.AUDIT, actor=actor)


def clerk(keys: Path, actor: str) -> dict[str, str]:
    return bearer(keys, "complaint; ref=counter 3", channel=AccessChannel.WINDOW, actor=actor)


def found(client: TestClient, keys: Path, **more: Any) -> list[dict[str, Any]]:
    answer = client.get(PATH, headers=audit(keys), params=more)
    assert answer.status_code == 200, answer.text
    assert answer.json()["next_cursor"] is None
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def told(items: list[dict[str, Any]]) -> list[tuple[str, str, list[str]]]:
    return [(one["kind"], one["actor"], [look["account_no"] for look in one["looks"]]) for one in items]


def look(client: TestClient, keys: Path, actor: str, *accounts: str) -> None:
    for account in accounts:
        answer = client.get(f"/v1/accounts/{account}/balance", headers=clerk(keys, actor))
        assert answer.status_code == 200, answer.text


def register(client: TestClient, actor: str, number: str) -> None:
    answer = client.post("/v1/staff", json={"actor": actor, "id_number": number})
    assert (answer.status_code, answer.json()) == (201, {"actor": actor}), answer.text


def opened(client: TestClient, **more: Any) -> tuple[str, str]:
    answer = open_account(client, **more)
    return answer["account_no"], answer["number"]


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


# -- staff and flags ---------------------------------------------------------------------------------------


def count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(tables.metadata.tables[table])) or 0


def test_staff_are_kept_by_a_digest_and_once(client: TestClient, fresh_engine: Engine) -> None:
    number = id_number()
    register(client, "clerk-7", number)
    register(client, "clerk-7", number)
    assert count(fresh_engine, "staff") == 1
    register(client, "clerk-7", id_number())
    register(client, "clerk-8", number)
    assert count(fresh_engine, "staff") == 3
    with fresh_engine.connect() as connection:
        rows = connection.execute(select(tables.staff)).all()
    assert number not in repr(rows)
    assert {len(row.person) for row in rows} == {32}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"actor": "clerk-7"}, "shape_invalid"),
        ({"id_number": "119999198503140015"}, "shape_invalid"),
        ({"actor": "", "id_number": "119999198503140015"}, "shape_invalid"),
        ({"actor": "x" * 129, "id_number": "119999198503140015"}, "shape_invalid"),
        ({"actor": "a\u0007", "id_number": "119999198503140015"}, "shape_invalid"),
        ({"actor": 7, "id_number": "119999198503140015"}, "shape_invalid"),
        ({"actor": " clerk-7", "id_number": "119999198503140015"}, "shape_invalid"),
        ({"actor": "clerk-7", "id_number": "119999198503140016"}, "id_checksum"),
        ({"actor": "clerk-7", "id_number": "x"}, "id_format"),
        ({"actor": "clerk-7", "id_number": "119999198503140015", "name": "x"}, "unknown_field"),
    ],
)
def test_what_is_no_staff(client: TestClient, fresh_engine: Engine, body: Any, code: str) -> None:
    answer = client.post("/v1/staff", json=body)
    assert refusal(answer) == (422, code)
    assert "1199991985" not in answer.text
    assert {error["in"] for error in answer.json()["errors"]} == {"body"}
    assert count(fresh_engine, "staff") == 0


def test_a_flag_is_kept_once(client: TestClient, fresh_engine: Engine) -> None:
    account, number = opened(client)
    path = f"/v1/accounts/{account}/flags"
    first = client.post(path, json={"reason": "known to everybody"})
    assert first.status_code == 201
    assert first.json() == {
        "account_no": account, "reason": "known to everybody", "flagged_at": "2026-11-21T04:00:00Z",
    }  # fmt: skip
    with at(client, NOW + timedelta(hours=1)):
        again = client.post(f"/v1/accounts/{number}/flags", json={"reason": "known to everybody"})
        assert (again.status_code, again.json()) == (201, first.json())
        assert client.post(path, json={"reason": "in the news"}).status_code == 201
    assert count(fresh_engine, "account_flag") == 2


def test_what_is_no_flag(client: TestClient, fresh_engine: Engine) -> None:
    account, _ = opened(client)
    for reason in (None, "", "x" * 257, "\x00", 5):
        refused = client.post(f"/v1/accounts/{account}/flags", json={"reason": reason})
        assert refusal(refused) == (422, "shape_invalid"), reason
    assert refusal(client.post(f"/v1/accounts/{id_number()}/flags", json={"reason": "r"})) == (
        404,
        "account_not_found",
    )
    assert count(fresh_engine, "account_flag") == 0


def test_scopes_and_channels(client: TestClient, keys: Path) -> None:
    account, number = opened(client)
    sent = (
        ("/v1/staff", {"actor": "a", "id_number": number}),
        (f"/v1/accounts/{account}/flags", {"reason": "r"}),
    )
    for path, body in sent:
        weak = {"Authorization": f"Bearer {token(keys, ['reports:read'])}"}
        assert refusal(client.post(path, json=body, headers=weak)) == (403, "scope_missing")
        assert refusal(client.post(path, json=body, headers=audit(keys))) == (403, "channel_not_allowed")
        assert client.post(path, json=body, headers=clerk(keys, "clerk-1")).status_code == 201
    for channel in AccessChannel:
        if channel in {AccessChannel.EMPLOYER, AccessChannel.INSTITUTION, AccessChannel.AUDIT}:
            continue
        others = bearer(keys, "own_request", channel=channel)
        assert refusal(client.get(PATH, headers=others)) == (403, "channel_not_allowed"), channel
    weak = bearer(keys, "audit", channel=AccessChannel.AUDIT, scopes=["accounts:read"])
    assert refusal(client.get(PATH, headers=weak)) == (403, "scope_missing")
    assert refusal(client.get(PATH, headers=bearer(keys, channel=AccessChannel.AUDIT))) == (
        403,
        "purpose_missing",
    )
    wrong = bearer(keys, "own_request", channel=AccessChannel.AUDIT)
    assert refusal(client.get(PATH, headers=wrong)) == (403, "purpose_not_allowed")


# -- findings ----------------------------------------------------------------------------------------------


def test_nothing_is_found_where_nobody_looked(client: TestClient, keys: Path) -> None:
    assert found(client, keys) == []


def test_more_people_than_allowed_in_ten_minutes(client: TestClient, keys: Path) -> None:
    people = [opened(client)[0] for _ in range(4)]
    with rule(client, access__many_people="3"):
        look(client, keys, "clerk-1", *people[:3], *people[:3])
        assert found(client, keys) == []
        # just ten minutes later it is still the same crowd
        with at(client, NOW + timedelta(minutes=10, microseconds=1)):
            look(client, keys, "clerk-1", people[3])
        assert found(client, keys) == []
        with at(client, NOW + timedelta(minutes=20)):
            look(client, keys, "clerk-2", *people[:3])
            look(client, keys, "clerk-1", *people[:3])
        with at(client, NOW + timedelta(minutes=30)):
            look(client, keys, "clerk-2", people[3])
        [one, two] = found(client, keys)
    assert (one["kind"], one["actor"], one["people"], one["looks_total"]) == ("many_people", "clerk-1", 4, 4)
    assert (two["actor"], two["looks_total"]) == ("clerk-2", 4)
    assert (two["first_at"], two["last_at"]) == ("2026-11-21T04:20:00Z", "2026-11-21T04:30:00Z")
    assert two["looks"][0] == {
        "at": "2026-11-21T04:20:00Z",
        "account_no": people[0],
        "channel": "window",
        "purpose": "complaint",
        "ref": "counter 3",
    }


def test_ones_own_number_and_a_colleagues(client: TestClient, keys: Path) -> None:
    mine, number = opened(client)
    theirs, other = opened(client)
    nobody, _ = opened(client)
    register(client, "clerk-1", number)
    register(client, "clerk-2", other)
    look(client, keys, "clerk-1", mine, theirs, nobody)
    look(client, keys, "clerk-3", mine, theirs, nobody)
    colleague, own = found(client, keys)
    assert told([own, colleague]) == [("own_number", "clerk-1", [mine]), ("colleague", "clerk-1", [theirs])]
    assert own["told_by"] == colleague["told_by"] == "number"


def test_who_is_not_registered_is_told_by_name_alone(client: TestClient, keys: Path) -> None:
    mine, number = opened(client, name="欧阳·娜娜")
    namesake, _ = opened(client, name="欧阳娜娜")
    other, _ = opened(client, name="欧阳娜")
    headers = bearer(keys, "own_request", channel=AccessChannel.WINDOW, actor="欧阳 娜娜")
    for account in (mine, namesake, other):
        assert client.get(f"/v1/accounts/{account}/balance", headers=headers).status_code == 200
    [one] = found(client, keys)
    assert (one["kind"], one["actor"], one["told_by"]) == ("own_number", "欧阳 娜娜", "name")
    assert [look["account_no"] for look in one["looks"]] == [mine, namesake]
    # once it is known who that is, a namesake is anybody
    register(client, "欧阳 娜娜", number)
    [one] = found(client, keys)
    assert (one["told_by"], [look["account_no"] for look in one["looks"]]) == ("number", [mine])


def test_relatives_by_mutual_aid(client: TestClient, keys: Path) -> None:
    clerk_number, donor, recipient, far = (new_patient(client, "500.00") for _ in range(4))
    register(client, "clerk-1", clerk_number)
    give(client, donor, clerk_number, "10.00")
    give(client, clerk_number, recipient, "10.00")
    give(client, donor, far, "10.00")
    look(client, keys, "clerk-1", donor, recipient, far)
    [one] = found(client, keys)
    assert (one["kind"], one["people"], one["looks_total"]) == ("relative", 2, 2)
    assert (one["looks"][0]["account_no"], one["looks"][1]["account_no"]) == (
        account_of(client, donor),
        account_of(client, recipient),
    )


def account_of(client: TestClient, number: str) -> str:
    return str(client.get(f"/v1/accounts/{number}").json()["account_no"])


def test_relatives_by_an_estate(client: TestClient, keys: Path) -> None:
    dead, _ = opened(client)
    contribute(client, dead)
    by_account, with_account = opened(client)
    by_order, stranger = id_number(), opened(client)[0]
    register(client, "clerk-1", with_account)
    register(client, "clerk-2", by_order)
    estate_client.die(client, dead)
    estate_client.divide(client, dead, [estate_client.heir(with_account), estate_client.heir(by_order)])
    look(client, keys, "clerk-1", dead, stranger)
    look(client, keys, "clerk-2", dead, by_account)
    assert sorted(told(found(client, keys))) == [
        ("relative", "clerk-1", [dead]),
        # the other heir as well, though a colleague too
        ("relative", "clerk-2", [dead, by_account]),
    ]


def test_an_heir_who_was_paid_by_order(client: TestClient, keys: Path) -> None:
    dead, _ = opened(client)
    contribute(client, dead)
    number = id_number()
    register(client, "clerk-1", number)
    estate_client.die(client, dead)
    estate_client.divide(client, dead, [estate_client.heir(number)])
    look(client, keys, "clerk-1", dead)
    assert told(found(client, keys)) == [("relative", "clerk-1", [dead])]


def test_flagged_accounts(client: TestClient, keys: Path, fresh_engine: Engine) -> None:
    known, _ = opened(client)
    other, _ = opened(client)
    look(client, keys, "clerk-1", known, other)
    assert client.post(f"/v1/accounts/{known}/flags", json={"reason": "in the news"}).status_code == 201
    [one] = found(client, keys)
    assert (one["kind"], one["reasons"], told([one])[0][1:]) == (
        "flagged_account",
        ["in the news"],
        ("clerk-1", [known]),
    )
    # reading it is recorded, and no finding
    assert [two["looks_total"] for two in found(client, keys)] == [1]
    log = tables.read_log.c
    with fresh_engine.connect() as connection:
        read = connection.execute(
            select(log["items"], log.purpose).where(
                log.book_id == book_id_of(known), log.channel == int(AccessChannel.AUDIT)
            )
        ).all()
        fields = connection.scalars(select(log.fields).where(log.channel == int(AccessChannel.AUDIT))).all()
    assert read == [(1, "audit"), (1, "audit")]
    assert set(fields) == {int(FieldGroup.IDENTITY_MASKED | FieldGroup.READS)}
    assert verify(fresh_engine, keyring=KEYRING).clean


def test_an_institution_that_looks_and_does_not_settle(client: TestClient, keys: Path) -> None:
    hospital = new_institution(client)
    patients = [new_patient(client, "900.00") for _ in range(4)]
    accounts = [account_of(client, patient) for patient in patients]
    his = bearer(keys, "care", channel=AccessChannel.INSTITUTION, institution=hospital, actor="his")
    for patient in patients:
        asked = bill(hospital, patient, [("A", "10.00")])
        assert client.post("/v1/settlements/quote", json=asked, headers=his).status_code == 201
    settle(client, hospital, patients[0], [("A", "10.00")])
    paid = spending(institution=hospital, amount="1.00")
    assert client.post(f"/v1/accounts/{patients[1]}/spendings", json=paid, headers=key()).status_code == 201
    elsewhere = new_institution(client)
    late = visit(client, hospital, patients[3])
    settle(client, elsewhere, patients[2], [("A", "10.00")])
    [one] = found(client, keys)
    assert (one["kind"], one["actor"], one["institution"]) == ("no_settlement", "his", hospital)
    assert [look["account_no"] for look in one["looks"]] == accounts[2:]
    # thirty days later just yet
    with at(client, NOW + timedelta(days=30)):
        settle(client, hospital, patients[2], [("A", "11.00")])
    with at(client, NOW + timedelta(days=30, microseconds=1)):
        settle(client, hospital, patients[3], [("A", "12.00")])
    with at(client, NOW + timedelta(days=31)):
        # what it looks up of its own may come after the settlement
        assert client.get(f"/v1/visits/{late}", headers=his).status_code == 200
        [one] = found(client, keys, **{"from": TODAY.isoformat()})
        assert found(client, keys) == []
    assert [look["account_no"] for look in one["looks"]] == accounts[3:]
    # another system of the agency is no institution
    quote(client, bill(hospital, patients[2], [("B", "1.00")]))
    with rule(client, access__settled_within_days="31"):
        assert found(client, keys) == []


def test_what_is_taken_back_is_no_settlement(client: TestClient, keys: Path) -> None:
    hospital, patient = new_institution(client), new_patient(client, "900.00")
    done = settle(client, hospital, patient, [("A", "10.00")])["settlement"]
    his = bearer(keys, "care", channel=AccessChannel.INSTITUTION, institution=hospital, actor="his")
    with at(client, NOW + timedelta(minutes=1)):
        asked = bill(hospital, patient, [("A", "10.00")])
        assert client.post("/v1/settlements/quote", json=asked, headers=his).status_code == 201
        reverse(client, done)
        [one] = found(client, keys)
    assert (one["kind"], one["looks_total"]) == ("no_settlement", 1)


def test_a_crowd_over_midnight_is_found_on_both_days(client: TestClient, keys: Path) -> None:
    people = [opened(client)[0] for _ in range(4)]
    midnight = datetime(2026, 11, 20, 16, tzinfo=UTC)
    with rule(client, access__many_people="3"):
        with at(client, midnight - timedelta(minutes=2)):
            look(client, keys, "clerk-1", *people[:2])
        with at(client, midnight + timedelta(minutes=1)):
            look(client, keys, "clerk-1", *people[2:])
        [one] = found(client, keys)
        assert found(client, keys, **{"from": "2026-11-20"}) == [one]
        assert found(client, keys, to="2026-11-20") == []
    assert told([one]) == [("many_people", "clerk-1", people)]


def test_the_period_is_bounded(client: TestClient, keys: Path) -> None:
    def ask(**more: str) -> Any:
        return client.get(
            PATH, headers=audit(keys), params={name.rstrip("_"): day for name, day in more.items()}
        )

    known, _ = opened(client)
    client.post(f"/v1/accounts/{known}/flags", json={"reason": "r"})
    with at(client, NOW - timedelta(days=30)):
        look(client, keys, "clerk-1", known)
    assert found(client, keys) == []
    assert len(ask(from_="2026-10-22", to="2026-11-21").json()["items"]) == 1
    assert len(ask(from_="2026-10-22").json()["items"]) == 1
    assert len(ask(to="2026-10-22").json()["items"]) == 1
    assert ask(from_="2026-10-23", to="2026-11-21").json()["items"] == []
    assert ask(from_="1990-01-01").status_code == ask(to="1990-01-01").status_code == 200
    for wrong in (
        {"from_": "2026-10-21", "to": "2026-11-21"},
        {"from_": "2026-11-21", "to": "2026-11-20"},
        {"from_": "2026-11-22"},
        {"to": "2026-11-22"},
        {"from_": "9999-12-31"},
        {"from_": "0001-01-01"},
        {"to": "0001-01-01"},
        {"to": "1989-12-31"},
    ):
        refused = ask(**wrong)
        assert refusal(refused) == (422, "period_invalid"), wrong
        [error] = refused.json()["errors"]
        assert (error["in"], error["pointer"]) in [("query", name.rstrip("_")) for name in wrong], wrong
    for wrong in ({"from_": "x"}, {"limit": "51"}, {"limit": "0"}, {"cursor": "x"}):
        assert refusal(ask(**wrong)) == (422, "shape_invalid"), wrong
    assert refusal(ask(until="2026-11-21")) == (422, "unknown_field")


def test_findings_come_page_by_page(client: TestClient, keys: Path) -> None:
    known, number = opened(client)
    client.post(f"/v1/accounts/{known}/flags", json={"reason": "r"})
    for clerk_number in range(5):
        with at(client, NOW + timedelta(seconds=clerk_number)):
            look(client, keys, f"clerk-{clerk_number}", known)
    whole = found(client, keys)
    assert [one["actor"] for one in whole] == [f"clerk-{clerk_number}" for clerk_number in range(5)]
    pages: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        answer = client.get(PATH, headers=audit(keys), params={"limit": "2", **cursor}).json()
        pages.append(answer["items"])
        if answer["next_cursor"] is None:
            break
        cursor = {"cursor": answer["next_cursor"]}
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [one for page in pages for one in page] == whole
    other = client.get(PATH, headers=audit(keys), params={"to": "2026-11-20", **cursor})
    assert refusal(other) == (422, "shape_invalid")
    assert number not in json.dumps(whole)
