"""A filing, a freeze, a visit said again under another key is the one that is there: ending it ends it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger.accounts.freezes import EndFreeze, Freeze
from ledger.accounts.spending import Spend
from ledger.care.filings import EndFiling, RecordFiling
from ledger.care.visits import EndVisit, RegisterVisit
from ledger.chart.care import CareType, Filing
from ledger.posting import Command, Posted
from ledger.refusals import RefusalCode
from ledger.verify import verify
from tests.support.api_client import key, open_account, running
from tests.support.clinic import CARE_DAY, Clinic
from tests.support.people import World

R = RefusalCode
FIRST, LAST, DAY = date(2026, 3, 1), date(2026, 8, 31), timedelta(days=1)
AWAY = 990200


@pytest.fixture
def clinic(engine: Engine) -> Clinic:
    return Clinic(World(engine))


def filing(book: int, last: date | None = None, **more: Any) -> RecordFiling:
    told: dict[str, Any] = {"filing": Filing.LONG_TERM, "valid_from": FIRST, "area": AWAY} | more
    return RecordFiling(book, valid_to=last, **told)


def freeze(book: int, last: date | None = None, **more: Any) -> Freeze:
    told: dict[str, Any] = {"authority": "district court", "document": "case 7", "first": FIRST} | more
    return Freeze(book, last=last, **told)


def again(world: World, first: Command, *same: Command) -> Posted:
    """The first is taken, and every other is answered with it, in one batch and in batches of their own."""
    posted = world.posted(first)
    assert posted.created
    for command in same:
        answer = world.posted(command)
        assert (answer.created, answer.receipt) == (False, posted.receipt)
    return posted


def test_a_filing_again(clinic: Clinic) -> None:
    world, book = clinic.world, clinic.world.open()
    there = again(world, filing(book, LAST), filing(book, LAST), filing(book, LAST, evidence="paper 2"))
    others = (
        filing(book, LAST, valid_from=FIRST + DAY),
        filing(book, LAST, area=None),
        filing(book, LAST, filing=Filing.EMERGENCY),
        filing(world.open(), LAST),
    )
    assert all(world.posted(other).created for other in others)
    for last in (None, LAST - DAY, LAST + DAY):
        assert world.refusal(filing(book, last)) == R.FILING_DIFFERS
    world.one(EndFiling(book, there.receipt.seq, FIRST + DAY, "back home"))
    # the message of before, once more; what was ended is not opened by it
    assert world.posted(filing(book, LAST)).receipt == there.receipt
    assert world.refusal(filing(book)) == R.FILING_DIFFERS
    assert verify(world.engine).findings == []


def test_a_freeze_again(clinic: Clinic) -> None:
    world = clinic.world
    book = world.open(opening=(0, 10_000))
    there = again(world, freeze(book), freeze(book), freeze(book, document="Case\u3000\uff17 \u200b"))
    assert world.refusal(freeze(book, LAST)) == R.DUPLICATE_SOURCE_REF
    world.one(EndFreeze(book, there.receipt.seq, "paid"))
    # one order, one freeze: nothing is left of it
    assert world.posted(Spend(book, 100, world.today, "H0001", world.ref())).created
    # the authority orders it once more
    anew = again(world, freeze(book), freeze(book))
    assert anew.receipt.seq != there.receipt.seq
    for other in (
        freeze(book, authority="police"),
        freeze(book, document="case 8"),
        freeze(book, first=FIRST + DAY),
    ):
        assert world.posted(other).created
    assert clinic.book(book).open_freezes == 4
    assert verify(world.engine).findings == []


def test_a_visit_again(clinic: Clinic) -> None:
    world, code, other = clinic.world, clinic.institution(3), clinic.institution(2)
    book = world.open()

    def visit(where: str = code, day: date = CARE_DAY, how: CareType = CareType.INPATIENT) -> RegisterVisit:
        return RegisterVisit(book, None, where, how, day)

    there = again(world, visit(), visit(), visit())
    for another in (visit(other), visit(day=CARE_DAY - DAY), visit(how=CareType.OUTPATIENT)):
        assert world.posted(another).created
    world.one(EndVisit(book, there.receipt.seq))
    # what was taken back is none, and neither is one whose bill is settled
    anew = again(world, visit(), visit())
    settled = clinic.settle(code, book, [("A", "900.00")], "inpatient", visit=(book, anew.receipt.seq))
    third = again(world, visit(), visit())
    assert len({there.receipt.seq, anew.receipt.seq, third.receipt.seq}) == 3
    clinic.reverse(settled)
    assert not world.posted(visit()).created
    assert verify(world.engine).findings == []


def test_a_resident_s_visit_again(clinic: Clinic) -> None:
    code, book = clinic.institution(3), clinic.resident()
    visits = [RegisterVisit(book, None, code, CareType.INPATIENT, CARE_DAY) for _ in range(2)]
    assert again(clinic.world, *visits).receipt.book_id == book
    assert verify(clinic.world.engine, first=book, last=book).findings == []


@pytest.mark.parametrize("what", ["filing", "freeze", "visit"])
def test_in_one_batch(clinic: Clinic, what: str) -> None:
    world, code, book = clinic.world, clinic.institution(3), clinic.world.open()
    said: dict[str, Any] = {
        "filing": lambda: filing(book),
        "freeze": lambda: freeze(book),
        "visit": lambda: RegisterVisit(book, None, code, CareType.INPATIENT, CARE_DAY),
    }
    outcomes = world.post(*(said[what]() for _ in range(3)))
    assert [one.created for one in outcomes if isinstance(one, Posted)] == [True, False, False]


def test_over_http_and_in_a_bulk(engine: Engine, tmp_path: Path) -> None:
    with running(engine, tmp_path) as client:
        person = open_account(client, opened_on="2020-01-01")
        path = f"/v1/accounts/{person['account_no']}"
        order = {"scope": "debit", "authority": "court", "document": "7", "from": "2026-03-01", "to": None}
        filed = {"kind": "long_term", "from": "2026-03-01", "area": "990200"}
        visit = {"id_number": person["number"], "institution": "H0001", "care_type": "inpatient"}
        for where, body in (
            (f"{path}/freezes", order),
            (f"{path}/filings", filed | {"evidence": "paper"}),
            ("/v1/visits", visit | {"from": "2026-03-01"}),
        ):
            first = client.post(where, json=body, headers=key())
            same = client.post(where, json=body, headers=key())
            assert (first.status_code, same.status_code) == (201, 201), first.text
            assert (same.json(), same.headers["Idempotent-Replayed"]) == (first.json(), "true")
        differs = client.post(f"{path}/filings", json=filed | {"to": "2026-08-31"}, headers=key())
        assert (differs.status_code, differs.json()["code"]) == (409, "filing_differs")
        assert [one["pointer"] for one in differs.json()["errors"]] == ["/to"]
        longer = client.post(f"{path}/freezes", json=order | {"to": "2026-12-31"}, headers=key())
        assert (longer.status_code, longer.json()["code"]) == (409, "duplicate_source_ref")
        command = {"verb": "freeze", "account": person["account_no"], "idempotency_key": "again-7"} | order
        bulk = client.post("/v1/bulk", json={"commands": [command]})
        assert bulk.status_code == 200, bulk.text
        frozen = client.get(f"{path}/freezes").json()["items"]
        assert len(frozen) == 1
