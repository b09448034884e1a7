"""Heirs and administrators at the window: with the case of the estate, and the account of the dead alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, select

from ledger import tables
from ledger.book.numbers import book_id_of
from ledger.chart.channels import AccessChannel
from ledger.chart.kinds import Kind
from tests.support.api_client import bearer, contribute, open_account, running
from tests.support.estate_client import die, heir


class Dead(NamedTuple):
    """A dead person's account, the entry of the death, and another account of somebody alive."""

    account: str
    death: str
    alive: str


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    with running(engine, folder) as client:
        yield client


def dead(client: TestClient) -> Dead:
    account, alive = (str(open_account(client)["account_no"]) for _ in range(2))
    for one in (account, alive):
        contribute(client, one, "765.43")
    return Dead(account, str(die(client, account)["entry"]), alive)


@pytest.fixture(scope="module")
def case(client: TestClient) -> Dead:
    return dead(client)


def window(folder: Path, ref: str | None) -> dict[str, str]:
    purpose = "estate" if ref is None else f"estate; ref={ref}"
    return bearer(folder / "keys", purpose, channel=AccessChannel.WINDOW)


def reads(engine: Engine) -> int:
    with engine.begin() as connection:
        return connection.scalar(select(func.count()).select_from(tables.read_log)) or 0


PATHS = ("", "/balance", "/balance?as_of=2026-04-01", "/entries", "/payments", "/settlements", "/explain")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("accept", ["application/json", "text/csv"])
@pytest.mark.parametrize("more", ["", " heir 2 of 3", " by a clerk"])
def test_with_the_case_the_account_of_the_dead_is_shown(
    client: TestClient, engine: Engine, folder: Path, case: Dead, path: str, accept: str, more: str
) -> None:
    headers = window(folder, case.death + more) | {"Accept": accept}
    answer = client.get(f"/v1/accounts/{case.account}{path}", headers=headers)
    assert answer.status_code == 200, answer.text
    log = tables.read_log.c
    with engine.begin() as connection:
        newest = connection.execute(
            select(log.book_id, log.purpose, log.ref).order_by(log.chain_id.desc(), log.seq.desc()).limit(1)
        ).one()
    assert tuple(newest) == (book_id_of(case.account), "estate", case.death + more)


def wrong_refs(client: TestClient, case: Dead) -> dict[str, str | None]:
    return {
        "none": None,
        "another entry": f"{case.account}-1",
        "an entry that there is not": f"{case.account}-999",
        "the account": case.account,
        "the death of somebody else": dead(client).death,
        "an entry of somebody alive": f"{case.alive}-1",
        "a check character": case.death.replace(
            case.account[-1] + "-", ("A" if case.account[-1] != "A" else "B") + "-"
        ),
        "no name": "heir",
        "behind other words": f"case {case.death}",
    }


@pytest.mark.parametrize("path", PATHS)
def test_without_the_case_nothing_is_shown(
    client: TestClient, engine: Engine, folder: Path, case: Dead, path: str
) -> None:
    for what, ref in wrong_refs(client, case).items():
        before = reads(engine)
        answer = client.get(f"/v1/accounts/{case.account}{path}", headers=window(folder, ref))
        assert (answer.status_code, answer.json()["code"]) == (403, "purpose_not_allowed"), what
        assert "765.43" not in answer.text
        assert reads(engine) == before, what


@pytest.mark.parametrize("path", PATHS)
def test_a_look_at_somebody_alive_needs_no_entry_of_theirs(
    client: TestClient, engine: Engine, folder: Path, case: Dead, path: str
) -> None:
    """An heir's account is looked at for an estate too, and the heir is not told of it yet."""
    before = reads(engine)
    for ref in (case.death, None, "will of 2026"):
        answer = client.get(f"/v1/accounts/{case.alive}{path}", headers=window(folder, ref))
        assert answer.status_code == 200
    assert reads(engine) == before + 3


@pytest.mark.parametrize(("ref", "kept"), [
    # twelve digits, a check digit and two of the entry, with the days of an ID number at their place
    ("P8073374303043-42", "P8073374303043-42"),
    ("P8073374303044-42", "P807***********42"),
    ("119999198503140025", "119*************25"),
])  # fmt: skip
def test_the_name_of_an_entry_is_kept_whatever_its_digits_look_like(
    client: TestClient, engine: Engine, folder: Path, case: Dead, ref: str, kept: str
) -> None:
    answer = client.get(f"/v1/accounts/{case.alive}/balance", headers=window(folder, ref))
    assert answer.status_code == 200
    log = tables.read_log.c
    with engine.begin() as connection:
        newest = connection.scalar(select(log.ref).order_by(log.chain_id.desc(), log.seq.desc()).limit(1))
    assert newest == kept


def test_a_look_up_by_body_is_a_look_too(client: TestClient, folder: Path, case: Dead) -> None:
    body = {"account": case.account}
    for ref in (f"{case.account}-1", None):
        answer = client.post("/v1/accounts/lookup", json=body, headers=window(folder, ref))
        assert (answer.status_code, answer.json()["code"]) == (403, "purpose_not_allowed")
    shown = client.post("/v1/accounts/lookup", json=body, headers=window(folder, case.death))
    assert shown.json()["status"] == "deceased"


def test_other_purposes_name_no_entry(client: TestClient, folder: Path, case: Dead) -> None:
    for purpose in ("own_request", "court_order; ref=x", "complaint"):
        headers: dict[str, Any] = bearer(folder / "keys", purpose, channel=AccessChannel.WINDOW)
        assert client.get(f"/v1/accounts/{case.alive}/balance", headers=headers).status_code == 200


@pytest.mark.parametrize("query", ["", "?dry_run=true"])
def test_what_an_estate_comes_to_is_a_look(
    client: TestClient, engine: Engine, folder: Path, case: Dead, query: str
) -> None:
    """Of a call of which only the body says that it posts nothing."""
    path = f"/v1/accounts/{case.account}/estate{query}"
    body = {"heirs": [heir()], "paid_on": "2026-11-21", "confirm": False}
    before = reads(engine)
    answer = client.post(path, json=body, headers=window(folder, case.death))
    assert answer.status_code == 200, answer.text
    assert reads(engine) == before + 1
    for ref in (None, f"{case.account}-1"):
        refused = client.post(path, json=body, headers=window(folder, ref))
        assert (refused.status_code, refused.json()["code"]) == (403, "purpose_not_allowed")
    assert reads(engine) == before + 1


# -- the dead ask for nothing --------------------------------------------------------------------------------


@pytest.mark.parametrize("purpose", ["own_request", "proxy_request"])
@pytest.mark.parametrize("path", PATHS[1:])
def test_nobody_asks_for_the_dead_but_for_their_estate(
    client: TestClient, engine: Engine, folder: Path, case: Dead, purpose: str, path: str
) -> None:
    """Neither they themselves nor who had their mandate; of the living both are shown."""
    headers = bearer(folder / "keys", purpose, channel=AccessChannel.WINDOW)
    before = reads(engine)
    refused = client.get(f"/v1/accounts/{case.account}{path}", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "purpose_not_allowed")
    assert "765.43" not in refused.text
    assert reads(engine) == before
    assert client.get(f"/v1/accounts/{case.alive}{path}", headers=headers).status_code == 200
    assert reads(engine) == before + 1


def test_the_window_is_told_that_somebody_died(client: TestClient, folder: Path, case: Dead) -> None:
    headers = bearer(folder / "keys", "own_request", channel=AccessChannel.WINDOW)
    answer = client.get(f"/v1/accounts/{case.account}", headers=headers)
    assert (answer.status_code, answer.json()["status"]) == (200, "deceased")
    printed = {"kind": "insured_proof", "format": "json"}
    refused = client.post(f"/v1/accounts/{case.account}/documents", json=printed, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "purpose_not_allowed")
    with_case = client.post(
        f"/v1/accounts/{case.account}/documents", json=printed, headers=window(folder, case.death)
    )
    assert with_case.status_code == 201


def count_claims(engine: Engine, account: str) -> int:
    entry = tables.entry.c
    named = entry.book_id == book_id_of(account), entry.kind == int(Kind.ESTATE_CLAIMANTS)
    with engine.begin() as connection:
        return connection.scalar(select(func.count()).select_from(tables.entry).where(*named)) or 0


@pytest.mark.parametrize("query", ["", "?dry_run=true"])
def test_how_claimants_would_share_is_a_look(
    client: TestClient, engine: Engine, folder: Path, query: str
) -> None:
    """It keeps who was named, and shows amounts and which heir has an account."""
    case, heirs_account = dead(client), open_account(client)
    path, number = f"/v1/estates{query}", heirs_account["number"]
    claimants = [{"name": "张三", "id_number": number, "relation": "child"}]
    body = {"account": case.account, "paid_on": "2026-11-21", "claimants": claimants}
    before, claims = reads(engine), count_claims(engine, case.account)
    bare = window(folder, case.death)
    del bare["Purpose"]
    for headers, code in (
        (bare, "purpose_missing"),
        (window(folder, None), "purpose_not_allowed"),
        (window(folder, f"{case.account}-1"), "purpose_not_allowed"),
    ):
        refused = client.post(path, json=body, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, code)
        assert "765.43" not in refused.text
    # nothing was shown, and nobody was named
    assert (reads(engine), count_claims(engine, case.account)) == (before, claims)
    answer = client.post(path, json=body, headers=window(folder, case.death))
    assert answer.status_code == 200, answer.text
    assert [one["paid_to"] for one in answer.json()["shares"]] == ["account"]
    # the dead, and the heir whose account it tells of
    assert reads(engine) == before + 2
