"""Somebody of whom everything was printed, asked, said and listed, beside others: for what is erased.

with running(engine, folder) as client:
    written = write(client, engine, folder)
bury(asks_nobody(World(engine)), written.book)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.accounts.closure import ReportDeath
from ledger.book.numbers import book_id_of
from ledger.documents.handing_out import keep
from tests.support.api_client import NOW, open_account
from tests.support.case_client import answered, opened
from tests.support.documents_client import printed
from tests.support.employer_client import declare, hire, new_employer, owe
from tests.support.inquiry_client import own
from tests.support.people import KEYRING, World
from tests.support.sealed_life import posted
from tests.support.stories import Heir, estate

NAMES = ("欧阳静姝", "司马静姝")
OTHER = "诸葛小明"
SAID, REPLIED, REPLY_TO = "我在静安某路1号等回音", "已告知来人", "某路一号信箱"
OF_UNIT = "我的单位没有缴费"
STAYS = ("小明的账户何时到账", "本单位的缴费怎么记", "小明的单位没有缴费")


class Written(NamedTuple):
    """Somebody of whom everything was printed, asked and said; and what of it is whose."""

    book: int
    number: str
    secrets: tuple[str, ...]
    documents: dict[str, Any]
    cases: dict[str, str]
    lists: dict[str, str]
    request: str
    employers: tuple[str, str]


def old_form(number: str) -> str:
    """As it was written before 1999, of 15 digits."""
    return number[:6] + number[8:17]


def write(client: TestClient, engine: Engine, folder: Path) -> Written:
    """A life that leaves something in every table that is sealed, beside the lives of others."""
    keys = folder / "keys"
    they = open_account(client, name=NAMES[0], opened_on="2020-01-01")
    number, account = they["number"], f"/v1/accounts/{they['account_no']}"
    posted(client, f"{account}/names", {"name": NAMES[1], "from": "2026-03-01", "document": "d"})
    reached = {"phone": "01099990000", "address": "静安某路1号", "from": "2026-03-01", "document": "d"}
    posted(client, f"{account}/contacts", reached)
    posted(client, f"{account}/cards", {"card_no": "ERASED00", "issued_on": "2026-01-05"})
    other = hire(client, name=OTHER)
    many, few, third = new_employer(client), new_employer(client), new_employer(client)
    # before they were registered anywhere; and nobody confirmed it
    asked = {
        name: declare(client, third, period, {typed: "8000.00"})["declaration"]
        for name, period, typed in (
            ("asked", "2025-04", old_form(number)),
            ("as known", "2025-05", number),
        )
    }
    registered = {"member_class": "active", "from": "2026-01-01", "employer": many}
    earlier = registered | {"from": "2025-01-01", "to": "2025-12-31", "employer": few}
    for whose, body in ((number, earlier), (number, registered), (other, registered)):
        posted(client, f"/v1/accounts/{whose}/enrolments", body)
    wages = {old_form(number): "8000.00", old_form(other): "8000.00"}
    lists = {"owed": owe(client, many, "2026-03", wages)["declaration"], **asked}
    full = {"full_number": True}
    theirs = {"kind": "account_list", "from": "2026-01-01", "to": "2026-11-21", **full}
    documents = {
        "kept": printed(client, account, "csv", **theirs),
        "others": printed(client, f"/v1/accounts/{other}", "csv", **theirs),
        "many": printed(client, f"/v1/employers/{many}", "csv", kind="staff_list", **full),
        "few": printed(
            client, f"/v1/employers/{few}", "csv",
            kind="staff_list", **full, **{"from": "2025-03-01", "to": "2025-03-31"},
        ),
    }  # fmt: skip
    with engine.connect() as connection:
        keep(connection, KEYRING, NOW)
    documents["not kept"] = printed(client, account, "json", **theirs)
    me, not_me = own(client, keys, number), own(client, keys, other)
    unit = {"kind": "complaint", "about": {"employer": many}, "path": "/v1/me/cases", "channel": None}
    cases = {
        "account": opened(client, about={"account": number}, text=SAID, reply_to=REPLY_TO),
        "unit": opened(client, me, text=OF_UNIT, reply_to=REPLY_TO, **unit),
        "document": opened(client, about={"document": documents["kept"]["document"]}, text=SAID + "?"),
        "of another": opened(client, about={"account": other}, text=STAYS[0]),
        "of the unit": opened(client, about={"employer": many}, text=STAYS[1]),
        "of the unit by another": opened(client, not_me, text=STAYS[2], **unit),
    }
    for name in ("account", "unit"):
        answered(client, keys, cases[name], text=REPLIED, evidence=[f"{NAMES[0]}的回单"])
    request = posted(client, "/v1/agency-requests", {
        "agency": "a", "purpose": "court_order", "legal_basis": "l", "fields": ["balance"],
        "persons": [number, other],
    })["request"]  # fmt: skip
    book = book_id_of(they["account_no"]) or 0
    secrets = (
        *NAMES, number, old_form(number), "01099990000", "静安某路1号", "ERASED00", SAID, REPLIED, REPLY_TO,
        OF_UNIT,
    )  # fmt: skip
    return Written(book, number, secrets, documents, cases, lists, request, (many, few))


def bury(world: World, book: int) -> None:
    world.one(ReportDeath(book, world.today, "certificate"))
    world.one(estate(world, book, [Heir("child", "王五")], world.today))
