"""What would become of a posting tells of somebody too, and so does one that writes nothing."""

from __future__ import annotations

from typing import Any, Final

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.http.shows import SHOWN_BY
from ledger.chart.channels import NOTHING, AccessChannel, FieldGroup
from tests.access.test_api_read_log import reads
from tests.access.test_channel_matrix import REHEARSED
from tests.access.test_whose_reads import MASKED, Books, numbers_in, shown_since
from tests.access.test_whose_reads import books as books  # noqa: PLC0414  fixtures
from tests.access.test_whose_reads import client as client  # noqa: PLC0414  fixtures
from tests.access.test_whose_reads import there as there  # noqa: PLC0414  fixtures
from tests.access.test_whose_reads import world as world  # noqa: PLC0414  fixtures
from tests.http.test_api_pointers import bodies, names_of
from tests.support.api_client import TODAY, bearer, contribute, id_number, key, open_account, spending
from tests.support.employer_client import wages
from tests.support.estate_client import die, heir

G = FieldGroup


# -- what would become of a posting --------------------------------------------------------------------------

# whom the answer of a dry run tells of, where that is not the one whom the path names or the body
OTHERWISE: Final[dict[str, set[str]]] = {
    # nobody has the account yet
    "/v1/accounts": {"somebody"},
    "/v1/residents": {"somebody"},
    "/v1/accounts/{account}/estate": {"died"},
    "/v1/estates": {"died"},
    "/v1/estates/{estate}/disputes": {"died"},
    "/v1/estates/{estate}/agreement": {"died"},
    "/v1/estates/{estate}/undo": {"divided"},
    "/v1/estates/{estate}/unclaimed": {"abandoned"},
    "/v1/estates/{estate}/payouts": {"heirless"},
    "/v1/payouts/{payout}/review": {"heirless"},
    "/v1/payouts/{payout}/paid": {"heirless"},
    "/v1/payouts/{payout}/returned": {"heirless"},
    "/v1/accounts/{account}/death/withdrawal": {"died"},
    "/v1/accounts/{account}/death/correction": {"died"},
    "/v1/accounts/{account}/quotas": {"patient", "relative"},
    "/v1/quotas/{quota}/end": {"patient"},
    "/v1/accounts/{account}/merge": {"younger", "account"},
    "/v1/accounts/{account}/premiums": {"patient"},
    "/v1/employers/{employer}/declarations": {"worker"},
    "/v1/employers/{employer}/adjustments": {"worker"},
    "/v1/accounts/{account}/exits": {"relative"},
    "/v1/accounts/{account}/releases": {"waits_for"},
    "/v1/demands/{demand}/set-off": {"worker"},
    "/v1/demands/{demand}/instalments": {"worker"},
    "/v1/transfers": {"account"},
    "/v1/transfers/{transfer}/complete": {"mover"},
    "/v1/transfers/{transfer}/acknowledge": {"mover"},
    "/v1/transfers/{transfer}/reject": {"mover"},
    "/v1/transfers/{transfer}/supplements": {"sender"},
    # it is confirmed, which tells of the list and of nobody on it
    "/v1/declarations/{declaration}/confirm": set(),
    "/v1/settlements/correction": set(),
    # who asked does not decide, and is told nothing more
    "/v1/approvals/{approval}/approve": set(),
    # nothing was wrong
    "/v1/corrections": set(),
}
REHEARSED_OF_PERSONS: Final = sorted(
    path for method, path in REHEARSED if SHOWN_BY[method, path] != NOTHING and path != "/v1/bulk"
)


@pytest.mark.parametrize("path", REHEARSED_OF_PERSONS)
def test_whose_a_dry_run_is(
    client: TestClient, engine: Engine, world: dict[str, str], books: Books, path: str
) -> None:
    before = len(reads(engine))
    answer = client.post(
        path.format(**names_of(path, world)) + "?dry_run=true", json=bodies(world).get(path, {})
    )
    assert answer.status_code < 500
    of_account = names_of(path, world)["account"] == world["account"] and "{account}" in path
    named = ("{hold}", "{freeze}", "{entry}", "{enrolment}")
    if path in OTHERWISE:
        words = OTHERWISE[path]
    elif of_account or any(name in path for name in named):
        words = {"account"}
    else:
        words = {"patient"}
    found = shown_since(engine, before, books)
    assert {word for word, *_ in found} == words, answer.text
    told = {books.account.get(word) for word in words}
    if "somebody" not in words:
        assert numbers_in(answer.text) <= told


def test_a_list_as_a_file_is_recorded_too(
    client: TestClient, engine: Engine, world: dict[str, str], books: Books
) -> None:
    text = f"id_number,wage\n{world['first']},8000.00\n{world['second']},1.00\n"
    path = f"/v1/employers/{world['staffed']}/declarations?dry_run=true&period=2026-05"
    before = len(reads(engine))
    answer = client.post(path, content=text, headers={"Content-Type": "text/csv"})
    assert answer.status_code == 200, answer.text
    assert sorted(word for word, *_ in shown_since(engine, before, books)) == ["first", "second"]
    # a line that is not taken tells something of the person all the same
    double = wages({world["first"]: "1.00"}) * 2
    before = len(reads(engine))
    answer = client.post(path.partition("&")[0], json={"period": "2026-05", "lines": double})
    assert [line.get("code") for line in answer.json()["lines"]].count(None) == 1
    assert {word for word, *_ in shown_since(engine, before, books)} == {"first"}


def test_a_bulk_tells_of_those_who_are_refused_too(
    client: TestClient, engine: Engine, world: dict[str, str], books: Books
) -> None:
    def spend(account: str, amount: str) -> dict[str, Any]:
        return spending(
            verb="spend", account=account, amount=amount, idempotency_key=key()["Idempotency-Key"]
        )

    commands = [
        spend(world["account"], "1.00"),
        spend(world["account"], "2.00"),
        spend(world["other"], "99999.00"),
        spend(id_number(), "1.00"),
        {"verb": "spend"},
    ]
    before = len(reads(engine))
    answer = client.post("/v1/bulk?dry_run=true", json={"commands": commands, "atomic": False})
    codes = [one.get("code") for one in answer.json()["outcomes"]]
    assert codes[:4] == [None, None, "insufficient_balance", "account_not_found"]
    found = {word: items for word, _fields, items in shown_since(engine, before, books)}
    assert found == {"account": 2, "other": 1}


# -- heirs, and what a posting tells that wrote nothing ------------------------------------------------------


def test_heirs_of_an_estate(client: TestClient, engine: Engine, books: Books) -> None:
    person, child = open_account(client), open_account(client, name="李四")
    contribute(client, person["account_no"], "30.00")
    die(client, person["number"])
    books.add("dead", person["account_no"], person["number"])
    books.add("child", child["account_no"], child["number"])
    # the name is what the ledger knows
    heirs = [{"id_number": child["number"], "relation": "child", "share": "1/2"}, heir(share="1/2")]
    body = {"heirs": heirs, "paid_on": TODAY.isoformat()}
    path = f"/v1/accounts/{person['number']}/estate"
    before = len(reads(engine))
    window = bearer(
        client.app.state.ledger.settings.keys_directory,  # type: ignore[attr-defined]  # the app of the client
        channel=AccessChannel.WINDOW,
    )
    # that it only shows is said by the body alone
    assert client.post(path, json=body, headers=window).json()["code"] == "purpose_missing"
    assert len(reads(engine)) == before
    answer = client.post(path, json=body)
    assert [share["name"] for share in answer.json()["shares"]] == ["李*", "张三"]
    found = shown_since(engine, before, books)
    of_estate = SHOWN_BY["POST", "/v1/accounts/{account}/estate"]
    assert sorted(found) == [("child", MASKED, 1), ("child", G.ENTRIES, 1), ("dead", of_estate, 1)]
    # wrong shares, where the refusal tells what comes before them; and a dry run of the confirmed one
    before = len(reads(engine))
    rehearsed = client.post(f"{path}?dry_run=true", json=body | {"confirm": True})
    assert numbers_in(rehearsed.text) == {person["account_no"], child["account_no"]}
    assert ("child", G.BALANCE | G.ENTRIES, 1) in shown_since(engine, before, books)
    done = client.post(path, json=body | {"confirm": True}, headers=key())
    assert done.status_code == 201
    entry = done.json()["receipts"][0]["entry"]
    for look in (f"/v1/entries/{entry}", f"/v1/accounts/{person['account_no']}/entries"):
        before = len(reads(engine))
        assert child["account_no"] in client.get(look).text
        assert {word for word, *_ in shown_since(engine, before, books)} == {"dead", "child"}


def test_a_posting_that_writes_nothing_is_a_read(
    client: TestClient, engine: Engine, world: dict[str, str], books: Books
) -> None:
    person = open_account(client)
    books.add("again", person["account_no"], person["number"])
    body = {"id_number": person["number"], "name": "张三", "area": "990100", "opened_on": "2026-01-05"}
    before = len(reads(engine))
    assert client.post("/v1/accounts", json=body, headers=key()).status_code == 200
    assert [word for word, *_ in shown_since(engine, before, books)] == ["again"]
    settled = f"/v1/annual-settlements/2026/{world['patient']}"
    before = len(reads(engine))
    assert client.post(settled, json={}, headers=key()).status_code == 200
    assert [word for word, *_ in shown_since(engine, before, books)] == ["patient"]
    # what somebody has stands in the refusal, and no entry tells who was told
    relative = {"recipient": open_account(client)["number"], "relation": "child", "rank": 1}
    path = f"/v1/accounts/{person['account_no']}/quotas"
    before = len(reads(engine))
    refused = client.post(path, json=relative | {"amount": "5.00"}, headers=key())
    assert (refused.json()["code"], refused.json()["facts"]) == ("quota_too_high", {"available": "0.00"})
    assert [word for word, *_ in shown_since(engine, before, books)] == ["again"]
    # that there is too little tells nothing but what was asked for, and is no read
    before = len(reads(engine))
    client.post(f"/v1/accounts/{person['account_no']}/spendings", json=spending(), headers=key())
    assert len(reads(engine)) == before


# -- previews of files ---------------------------------------------------------------------------------------


def preview(
    client: TestClient, kind: str, lines: list[str], query: str = "?preview=true", **more: Any
) -> Any:
    file = ("file.csv", "\n".join(lines).encode() + b"\n", "text/csv")
    return client.post(f"/v1/imports/{kind}{query}", files={"file": file}, **more)


def test_the_preview_of_a_file_is_a_read(
    client: TestClient, engine: Engine, world: dict[str, str], books: Books
) -> None:
    head = "account,amount,effective_on,institution,source_ref"
    lines = [head]
    for place, word in enumerate(("account", "account", "other", "patient")):
        lines.append(f"{books.account[word]},{'1.00' if place else '99999.00'},2026-04-02,H0001,file-{place}")
    lines.append(f"{id_number()},1.00,2026-04-02,H0001,file-x")
    before = len(reads(engine))
    answer = preview(client, "spendings", lines)
    assert answer.status_code == 200, answer.text
    assert [one["code"] for one in answer.json()["rejected"]] == ["insufficient_balance", "account_not_found"]
    found = {word: (items, fields) for word, fields, items in shown_since(engine, before, books)}
    shows = G.BALANCE | G.ENTRIES
    assert found == {"account": (2, shows), "other": (1, shows), "patient": (1, shows)}
    # of a list those on it, and of a file without a line that can be read nobody
    line = f"{world['staffed']},2026-06,{world['first']},8000.00"
    before = len(reads(engine))
    assert preview(client, "declarations", ["employer,period,id_number,wage", line]).status_code == 200
    assert [word for word, *_ in shown_since(engine, before, books)] == ["first"]
    assert preview(client, "spendings", [head, ",,,,"]).status_code == 200
    # what is posted is recorded by its entry
    assert preview(client, "spendings", lines[:3], query="").status_code == 200
    assert len(reads(engine)) == before + 1
