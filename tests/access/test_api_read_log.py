"""Before an answer shows a person's data it is recorded who asked, through which channel, and what for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, select, text

from api.http.security import SCOPE_OF
from api.http.shows import SHOWN_BY
from ledger import tables
from ledger.book.numbers import book_id_of
from ledger.chart.channels import AccessChannel, FieldGroup
from ledger.database.engines import is_postgresql
from tests.support.api_client import bearer, contribute, id_number, key, open_account, running, spending
from tests.support.old_rows import as_before_numbers_were_refused

G = FieldGroup


@pytest.fixture
def client(engine: Engine, tmp_path: Path) -> Iterator[TestClient]:
    with running(engine, tmp_path) as client:
        yield client


@pytest.fixture
def keys(client: TestClient, tmp_path: Path) -> Path:
    return tmp_path / "keys"


def reads(engine: Engine, account: str | None = None) -> list[Any]:
    """What was recorded, of one account or of all, in the order in which it was."""
    log = tables.read_log
    query = select(log, tables.agent.c.name).join(tables.agent, tables.agent.c.agent_id == log.c.actor)
    if account is not None:
        query = query.where(log.c.book_id == book_id_of(account))
    with engine.begin() as connection:
        return list(connection.execute(query.order_by(log.c.chain_id, log.c.seq)).all())


def test_every_route_says_what_it_shows() -> None:
    assert SHOWN_BY.keys() == SCOPE_OF.keys()


def test_a_read_is_recorded_and_a_posting_is_not(client: TestClient, engine: Engine) -> None:
    account = open_account(client)["account_no"]
    contribute(client, account)
    assert reads(engine, account) == []
    for path in ("", "/balance", "/entries?limit=1", "/entries"):
        assert client.get(f"/v1/accounts/{account}{path}").status_code == 200
    shown = [(FieldGroup(one.fields), one.items) for one in reads(engine, account)]
    page = G.BALANCE | G.ENTRIES
    assert shown == [(G.IDENTITY_MASKED, 1), (G.BALANCE, 1), (page, 1), (page, 2)]
    [first, *_] = reads(engine, account)
    assert (first.name, first.channel, first.role) == ("clerk-7", AccessChannel.SYSTEM, "accounts:read")
    assert (first.purpose, first.ref, first.bound_to, first.person) == (None, None, None, None)


def test_a_dry_run_and_a_quote_are_reads_also_where_they_are_refused(
    client: TestClient, engine: Engine
) -> None:
    account = open_account(client)["account_no"]
    path = f"/v1/accounts/{account}/spendings?dry_run=true"
    refused = client.post(path, json=spending(amount="99999.00"))
    assert refused.json()["code"] == "insufficient_balance"
    contribute(client, account)
    assert client.post(path, json=spending()).status_code == 200
    shown = [FieldGroup(one.fields) for one in reads(engine, account)]
    assert shown == [G.BALANCE | G.ENTRIES] * 2
    assert client.post(path.partition("?")[0], json=spending(), headers=key()).status_code == 201
    assert len(reads(engine, account)) == 2


def test_who_is_named_by_a_number_is_recorded_by_the_account(client: TestClient, engine: Engine) -> None:
    account = open_account(client)
    assert client.get(f"/v1/accounts/{account['number']}/balance").status_code == 200
    assert len(reads(engine, account["account_no"])) == 1
    before = len(reads(engine))
    assert client.get(f"/v1/accounts/{id_number()}/balance").status_code == 404
    # nothing was shown
    assert len(reads(engine)) == before


def test_a_channel_says_what_for(client: TestClient, engine: Engine, keys: Path) -> None:
    account = open_account(client)["account_no"]
    path = f"/v1/accounts/{account}/balance"

    def ask(purpose: str | None, channel: AccessChannel = AccessChannel.WINDOW) -> Any:
        answer = client.get(path, headers=bearer(keys, purpose, channel=channel))
        return answer.json().get("code", answer.status_code)

    assert ask("own_request") == 200
    assert ask("court_order; ref=（2026）京01执118号") == 200
    assert ask(None) == "purpose_missing"
    assert ask(" ") == "purpose_missing"
    for wrong in (
        "curiosity",
        "care",
        "own_request, care",
        "OWN_REQUEST",
        "own_request;",
        "own_request; x=1",
    ):
        assert ask(wrong) == "purpose_not_allowed", wrong
    assert ask("own_request; ref=" + "x" * 201) == "shape_invalid"
    assert ask("own_request; ref=\x7f") == "shape_invalid"
    assert ask("audit", AccessChannel.AUDIT) == 200
    assert ask("own_request", AccessChannel.AUDIT) == "purpose_not_allowed"
    told = [(one.channel, one.purpose, one.ref) for one in reads(engine, account)]
    window, audit = int(AccessChannel.WINDOW), int(AccessChannel.AUDIT)
    assert told == [
        (window, "own_request", None),
        # in the one form in which texts are kept
        (window, "court_order", "(2026)京01执118号"),
        (audit, "audit", None),
    ]


def test_no_number_stands_in_a_reference(client: TestClient, engine: Engine, keys: Path) -> None:
    account = open_account(client)
    headers = bearer(keys, f"proxy_request; ref=for {account['number']}", channel=AccessChannel.WINDOW)
    with as_before_numbers_were_refused():
        # what is no valid number is masked still
        assert client.get(f"/v1/accounts/{account['account_no']}", headers=headers).status_code == 200
    [read] = reads(engine, account["account_no"])
    assert account["number"] not in read.ref
    assert read.ref.startswith("for ")


@pytest.mark.parametrize("channel", [AccessChannel.PHONE, AccessChannel.ONLINE, AccessChannel.KIOSK])
def test_nobody_unseen_comes_in_by_the_clerks_door(
    client: TestClient, keys: Path, channel: AccessChannel
) -> None:
    account = open_account(client)["account_no"]
    headers = bearer(keys, "own_request", channel=channel)
    for path in ("", "/balance", "/entries", "/settlements"):
        answer = client.get(f"/v1/accounts/{account}{path}", headers=headers)
        assert answer.json()["code"] == "channel_not_allowed"


def test_who_only_asks_posts_nothing(client: TestClient, engine: Engine, keys: Path) -> None:
    account = open_account(client)["account_no"]
    contribute(client, account)
    path = f"/v1/accounts/{account}/spendings"
    audit = bearer(keys, "audit", channel=AccessChannel.AUDIT)
    refused = client.post(path, json=spending(), headers=audit | key())
    assert refused.json()["code"] == "channel_not_allowed"
    window = bearer(keys, channel=AccessChannel.WINDOW)
    # a posting needs no purpose, and what would become of it does
    assert client.post(path, json=spending(), headers=window | key()).status_code == 201
    dry = client.post(f"{path}?dry_run=true", json=spending(), headers=window)
    assert dry.json()["code"] == "purpose_missing"


def close_the_log(engine: Engine) -> Any:
    """Lock the table of reads; the connection that holds the lock."""
    connection = engine.connect()
    if is_postgresql(engine):
        connection.begin()
        connection.execute(text("LOCK TABLE read_log IN ACCESS EXCLUSIVE MODE"))
    else:
        connection.begin()
    return connection


@pytest.mark.slow
def test_no_record_no_answer(client: TestClient, engine: Engine) -> None:
    account = open_account(client)["account_no"]
    path = f"/v1/accounts/{account}/balance"
    lock = close_the_log(engine)
    try:
        answer = client.get(path)
    finally:
        lock.close()
    assert (answer.status_code, answer.json()["code"]) == (503, "read_log_unavailable")
    assert "balance" not in answer.json()
    assert client.get(path).status_code == 200
    assert len(reads(engine, account)) == 1
