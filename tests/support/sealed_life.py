"""A day in the life of an installation, after which something stands in every column that is sealed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.documents.handing_out import keep
from tests.support.api_client import NOW, contribute, id_number, key, open_account, running
from tests.support.case_client import answered, opened
from tests.support.employer_client import hire, new_employer, owe
from tests.support.estate_client import BANK, paying_estate
from tests.support.people import KEYRING


class Lived(NamedTuple):
    """What waits for a second person, and what of people may stand nowhere but sealed."""

    approval: str
    secrets: frozenset[str]


def posted(client: TestClient, path: str, body: Any, status: int = 201) -> Any:
    answer = client.post(path, json=body, headers=key())
    assert answer.status_code == status, answer.text
    return answer.json()


def live(engine: Engine, folder: Path, log: Any = None) -> Lived:
    """Let people be opened, renamed, printed, asked for and heard; `log` is told every line of the log."""
    told, said, reply = "王小花何时到账的秘密", "已告知欧阳静姝", "某路一号信箱"
    corrected, asked = id_number(), id_number()
    with running(engine, folder, **({} if log is None else {"log": log})) as client:
        person = open_account(client, name="欧阳静姝")
        account = f"/v1/accounts/{person['account_no']}"
        contribute(client, person["account_no"])
        posted(client, f"{account}/names", {"name": "司马静姝", "from": "2026-03-01", "document": "d"})
        reached = {"phone": "01099990000", "address": "静安某路1号", "from": "2026-03-01", "document": "d"}
        posted(client, f"{account}/contacts", reached)
        numbered = {"id_number": corrected, "from": "2026-03-01", "document": "d", "reason": "corrected"}
        approval = posted(client, f"{account}/id-numbers", numbered, 202)["approval"]
        posted(client, f"{account}/cards", {"card_no": "ROTATED0", "issued_on": "2026-01-05"})
        employer = new_employer(client)
        worker = hire(client, name="诸葛小明")
        # as it is sent, so that it can be told again
        old = worker[:6] + worker[8:17]
        owe(client, employer, "2026-03", {old: "8000.00"})
        case = opened(client, about={"account": person["number"]}, text=told, reply_to=reply)
        answered(client, folder / "keys", case, text=said, evidence=["欧阳静姝的回单"])
        posted(client, "/v1/agency-requests", {
            "agency": "a", "purpose": "court_order", "legal_basis": "l", "fields": ["balance"],
            "persons": [person["number"], asked],
        })  # fmt: skip
        posted(client, f"/v1/employers/{employer}/documents", {"kind": "staff_list", "format": "json"})
        hook = posted(client, "/v1/webhooks", {"url": "https://rotated.example/"})
        paying_estate(client)
        with engine.connect() as connection:
            keep(connection, KEYRING, NOW)
    names = ("欧阳静姝", "司马静姝", "诸葛小明", BANK["account_holder"])
    numbers = (person["number"], corrected, asked, worker, old, BANK["bank_account"])
    others = ("01099990000", "静安某路1号", "ROTATED0", told, said, reply, hook["secret"])
    return Lived(approval, frozenset((*names, *numbers, *others)))
