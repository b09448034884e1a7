"""A life in full, over HTTP: facts that change, mistakes that are undone, a transfer, illness, death, heirs.

Wang Fang (王芳) is insured for the first time in March 2023 and dies in June 2026. At each station she reads
her file online and a clerk at the window reads it too; both see the pockets that are written here, worked out
by hand. What was worked out stands beside it: fen times days at 0.35 % (this year's money) and 1.10 % (older
money), from July 2026 at 0.10 % and 0.65 %, over 360. Retirees do not transfer (R51), so she is transferred
before she retires; what is asked for afterwards is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.accounts.year_end import YEAR_END
from ledger.chart.channels import AccessChannel
from ledger.contributions.retirees import RETIREE_CREDITS
from ledger.policy import load_policy
from ledger.verify import verify
from tests.support.api_client import AREA, bearer, key, open_account, running, spending
from tests.support.approval_client import approve, waiting
from tests.support.care_client import give, new_institution, on, settle
from tests.support.employer_client import new_employer, owe, pay, refusal
from tests.support.estate_client import claim, claimant
from tests.support.inquiry_client import own
from tests.support.people import KEYRING, hold, id_number
from tests.support.transfer_client import (
    acknowledge,
    announce,
    come,
    come_answer,
    out_body,
    reject,
    request_out,
    send,
    sheet_body,
    view,
)

FIRST_NAME, LATER_NAME = "王芳", "王芳华"
CREDIT = 'name = "retirees.monthly_credit"\nunit = "yuan_per_month"\nvalue = '


def said(answer: Any, status: int = 201) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


class Life:
    """Her account, those who look at it, and the day it is."""

    def __init__(self, client: TestClient, engine: Engine, keys: Path, days: ExitStack) -> None:
        self.client, self.engine, self.keys = client, engine, keys
        self.state: Any = client.app.state.ledger  # type: ignore[attr-defined]  # the app of these tests
        # looks are recorded on the day that it is
        self.state.read_log._clock = self._now
        self.number = id_number(1, born=date(1971, 5, 6))
        self._days, self.today = days, date.min
        # where she works, and by which enrolment
        self.employer = self.enrolment = ""
        # the account that she left
        self.left = ""
        # the entry of her death, while she counts as dead; and whether she is
        self.death, self.lives = "", True

    def _now(self) -> Any:
        return self.state.clock()

    def on(self, day: str) -> None:
        """Let it be a day from now on."""
        self._days.close()
        self.today = date.fromisoformat(day)
        self._days.enter_context(on(self.client, self.today))

    def do(self, path: str, body: Any, status: int = 201) -> Any:
        """Something that is written, in her account or elsewhere."""
        return said(self.client.post(path, json=body, headers=key()), status)

    def hers(self, what: str, body: Any, status: int = 201) -> Any:
        return self.do(f"/v1/accounts/{self.number}/{what}", body, status)

    def clerk(self, purpose: str = "own_request") -> dict[str, str]:
        return bearer(self.keys, purpose, channel=AccessChannel.WINDOW, actor="clerk-1")

    def window(self, what: str = "") -> Any:
        """Her file, as a clerk at the window sees it: of the dead for the estate alone."""
        purpose = f"estate; ref={self.death}" if self.death else "own_request"
        path = f"/v1/accounts/{self.number}" + what
        return said(self.client.get(path, headers=self.clerk(purpose)), 200)

    def online(self, what: str = "") -> Any:
        """The same, as she sees it."""
        return said(self.client.get("/v1/me" + what, headers=own(self.client, self.keys, self.number)), 200)

    def stands(self, current_year: str, carried_over: str, available: str, status: str = "active") -> None:
        """What she and a clerk see today, in yuan."""
        expected = (current_year, carried_over, available)
        for look in (self.window, self.online) if self.lives else (self.window,):
            seen = look("/balance")
            assert (seen["current_year"], seen["carried_over"], seen["available"]) == expected
            assert look()["status"] == status

    def dies(self, day: str, evidence: str) -> Any:
        """Her death is reported; at the window she is looked at for the estate from then on."""
        told = self.hers("death", {"died_on": day, "evidence": evidence})
        self.death = told["entry"]
        return told

    def close(self, year: int) -> None:
        """The year's interest, as the run posts it."""
        self._run(YEAR_END, year)

    def credit_retirees(self, period: int) -> None:
        self._run(RETIREE_CREDITS, period)

    def _run(self, run: Any, period: int) -> None:
        with self.engine.connect() as connection:
            run.run(connection, period, int(AREA), self.state.clock, self.state.policies)

    def statement(self, year: int, version: int | None = None) -> Any:
        """The year's statement at the window; hers says the same."""
        query = "" if version is None else f"?version={version}"
        shown = self.window(f"/statements/{year}{query}")
        mine = self.online(f"/statements/{year}{query}")
        assert (mine["digest"], mine["version"], mine["closing"]) == (
            shown["digest"],
            shown["version"],
            shown["closing"]["balance"],
        )
        return shown

    def paid(self, employer: str, period: str, wage: str, amount: str) -> Any:
        """A month is declared and paid today."""
        owe(self.client, employer, period, {self.number: wage})
        return pay(self.client, employer, period, amount, self.today.isoformat())


@pytest.fixture(name="life")
def _life(fresh_engine: Engine, tmp_path: Path) -> Iterator[Life]:
    with running(fresh_engine, tmp_path) as client, ExitStack() as days:
        yield Life(client, fresh_engine, tmp_path / "keys", days)


def test_a_life_in_full(life: Life) -> None:
    _first_job(life)
    hospital = _a_new_name_and_a_hospital_that_rises(life)
    husband = _marriage_and_mutual_aid(life, hospital)
    _statements_of_2024(life)
    _out(life)
    _and_back(life)
    _retirement(life, husband)
    _dead_by_mistake(life)
    _credits_that_were_too_low(life)
    reversed_later = _illness(life, hospital)
    _death(life)
    daughter = _three_heirs(life, husband)
    _what_comes_after(life, reversed_later, husband, daughter)
    life.on("2026-12-31")
    assert [str(one) for one in verify(life.engine, keyring=KEYRING).findings] == []


def _first_job(life: Life) -> None:
    client = life.client
    life.on("2023-03-01")
    open_account(client, id_number=life.number, name=FIRST_NAME, opened_on="2023-03-01")
    employer = new_employer(client)
    life.employer = employer
    enrolment = {"member_class": "active", "employer": employer, "from": "2023-03-01"}
    life.enrolment = life.hers("enrolments", enrolment)["enrolment"]
    life.stands("0.00", "0.00", "0.00")
    # 20,000.00 × 2 % = 400.00, × 7.5 % = 1,500.00
    life.on("2023-04-10")
    life.paid(employer, "2023-03", "20000.00", "1900.00")
    life.stands("400.00", "0.00", "400.00")
    life.on("2023-05-10")
    life.paid(employer, "2023-04", "20000.00", "1900.00")
    life.stands("800.00", "0.00", "800.00")

    # the payment for May bounces, and comes again eleven days late
    life.on("2023-06-12")
    bounced = life.paid(employer, "2023-05", "20000.00", "1900.00")
    life.stands("1200.00", "0.00", "1200.00")
    life.on("2023-06-20")
    back = life.do(f"/v1/payments/{bounced['receipt']}/reversal", {"reason": "bounced"})
    assert (back["from_accounts"], back["from_pooled_fund"], back["receivable"]) == (
        "400.00",
        "1500.00",
        "0.00",
    )
    life.stands("800.00", "0.00", "800.00")
    life.on("2023-06-26")
    # 1,900.00 × 0.05 % × 11 days
    again = pay(client, employer, "2023-05", "1910.45", "2023-06-26")
    assert (again["late_fee"], again["to_suspense"]) == ("10.45", "0.00")
    life.stands("1200.00", "0.00", "1200.00")

    # 40,000 × (266 + 236 + 8 + 189) days × 0.35 % ÷ 360 = 271.8 fen
    life.on("2024-01-05")
    life.close(2023)
    life.stands("0.00", "1202.72", "1202.72")


def _a_new_name_and_a_hospital_that_rises(life: Life) -> str:
    life.on("2024-02-14")
    life.hers("names", {"name": LATER_NAME, "from": "2024-02-14", "document": "register 2024-118"})
    assert [one["from"] for one in life.window("/person")["names"]] == ["2023-03-01", "2024-02-14"]
    assert life.online()["name"] == "王**"
    for name in (FIRST_NAME, LATER_NAME):
        body = {"id_number": life.number, "name": name, "area": AREA, "opened_on": "2023-03-01"}
        assert life.do("/v1/accounts", body, 200)["account_no"] == life.window()["account_no"]
    life.stands("0.00", "1202.72", "1202.72")

    hospital = new_institution(life.client, level=2)
    change = {"from": "2024-03-10", "level": 3, "document": "notice (2024) 15"}
    life.do(f"/v1/institutions/{hospital}/changes", change)
    # (700.00 − 600.00) × 70 % at level 2
    life.on("2024-03-08")
    bill = settle(life.client, hospital, life.number, [("A", "700.00")], care_date="2024-03-08")
    assert (bill["pooled_pay"], bill["account_pay"], bill["cash_pay"]) == ("70.00", "630.00", "0.00")
    life.stands("0.00", "572.72", "572.72")
    # 100.00 × 60 % at level 3
    life.on("2024-03-11")
    bill = settle(life.client, hospital, life.number, [("A", "100.00")], care_date="2024-03-11")
    assert (bill["pooled_pay"], bill["account_pay"], bill["cash_pay"]) == ("60.00", "40.00", "0.00")
    life.stands("0.00", "532.72", "532.72")
    return hospital


def _marriage_and_mutual_aid(life: Life, hospital: str) -> str:
    life.on("2024-05-20")
    husband = str(open_account(life.client, name="陈立", opened_on="2024-05-20")["number"])
    quota = give(life.client, life.number, husband, "200.00", relation="spouse")["quota"]
    life.stands("0.00", "532.72", "332.72")
    life.on("2024-06-03")
    bill = settle(life.client, hospital, husband, [("A", "150.00")], care_date="2024-06-03")
    assert (bill["mutual_pay"], bill["cash_pay"]) == ("150.00", "0.00")
    life.stands("0.00", "382.72", "332.72")
    [given] = [one for one in life.online("/quotas")["items"] if one["quota"] == quota]
    assert (given["amount"], given["remaining"]) == ("200.00", "50.00")
    life.on("2024-06-10")
    life.paid(life.employer, "2024-05", "20000.00", "1900.00")
    life.stands("400.00", "382.72", "732.72")

    # (120,272 × 67 + 57,272 × 3 + 53,272 × 84 + 38,272 × 212) × 1.10 % ÷ 360 = 636.1 fen
    # 40,000 × 205 × 0.35 % ÷ 360 = 79.7 fen
    life.on("2025-01-06")
    life.close(2024)
    life.stands("0.00", "789.88", "739.88")
    return husband


def _statements_of_2024(life: Life) -> None:
    first = life.statement(2024)
    assert (first["version"], first["replaces"]) == (1, None)
    assert (first["opening"], first["closing"]["balance"]) == ("1202.72", "789.88")
    assert first["credits"] == {"contribution": "400.00", "interest": "7.16"}
    assert first["debits"] == {"settlement": "670.00", "mutual_aid": "150.00"}
    assert {name: first["interest"][name] for name in ("total", "carried_over", "current_year")} == {
        "total": "7.16", "carried_over": "6.36", "current_year": "0.80",
    }  # fmt: skip
    # a credit of December that comes in February
    life.on("2025-02-03")
    late = {"amount": "100.00", "period": "2024-12", "effective_on": "2024-12-20", "source_ref": "late-1"}
    life.hers("contributions", late)
    life.stands("100.00", "789.88", "839.88")
    second = life.statement(2024)
    assert (second["version"], second["replaces"]) == (2, 1)
    assert (second["opening"], second["closing"]["balance"]) == ("1202.72", "889.88")
    assert second["credits"] == {"contribution": "500.00", "interest": "7.16"}
    assert life.statement(2024, 1) == first
    assert life.statement(2025)["opening"] == "889.88"


def _out(life: Life) -> None:
    """To an agency that does not know her, which sends the money back; then to the right one."""
    life.on("2025-03-01")
    life.do(f"/v1/enrolments/{life.enrolment}/end", {"to": "2025-02-28"})
    life.on("2025-03-10")
    transfer = request_out(life.client, life.number, insured_from="2025-03-01")
    # what was left of the quota has come back
    life.stands("100.00", "789.88", "889.88", "transferring")
    life.on("2025-03-20")
    # 10,000 × 45 days × 0.35 % ÷ 360 = 4.4 fen; 78,988 × 78 × 1.10 % ÷ 360 = 188.3 fen
    sent = send(life.client, transfer, "2025-03-20")
    assert sent["sheet"] == sheet_body("100.00", "789.88", "1.92", "891.80")
    life.stands("0.00", "0.00", "0.00", "transferring")
    first = life.statement(2025)
    assert (first["version"], first["closing"]["balance"], first["interest"]["total"]) == (1, "0.00", "1.92")
    life.on("2025-04-15")
    assert view(life.client, transfer)["age_days"] == 26
    reject(life.client, transfer)
    life.stands("100.00", "791.80", "891.80")
    # the year goes on
    under_way = life.statement(2025)
    assert (under_way["version"], under_way["closing"]["balance"]) == (None, "891.80")

    life.on("2025-04-16")
    transfer = request_out(life.client, life.number, other_agency="330200", insured_from="2025-03-01")
    life.on("2025-04-25")
    # ten days more, and none on the way: (10,000 × 0.35 % + 79,180 × 1.10 %) × 10 ÷ 360 = 1.0 + 24.2 fen
    sent = send(life.client, transfer, "2025-04-25")
    assert sent["sheet"] == sheet_body("100.00", "791.80", "0.25", "892.05")
    life.on("2025-05-06")
    acknowledge(life.client, transfer)
    life.left = life.window()["account_no"]
    life.stands("0.00", "0.00", "0.00", "closed")
    last = life.statement(2025)
    assert (last["version"], last["replaces"]) == (2, 1)
    assert last["credits"] == {
        "interest": "1.92", "further_interest": "0.25", "transfer_rejection": "891.80",
    }  # fmt: skip
    assert last["debits"] == {"transfer_out": "1783.85"}
    assert (last["to"], last["interest"]["total"]) == ("2025-04-25", "2.17")
    assert life.window("/interest/2025")["total"] == "2.17"
    assert life.statement(2025, 1) == first


def _and_back(life: Life) -> None:
    """Another account under the same number, and what she has saved elsewhere."""
    life.on("2025-06-02")
    again = open_account(life.client, id_number=life.number, name=LATER_NAME, opened_on="2025-06-02")
    assert again["account_no"] != life.left
    assert [one["from"] for one in life.window("/person")["names"]][-1] == "2024-02-14"
    life.employer = new_employer(life.client)
    enrolment = {"member_class": "active", "employer": life.employer, "from": "2025-06-02"}
    life.enrolment = life.hers("enrolments", enrolment)["enrolment"]
    transfer = announce(life.client, life.number, sheet_body("120.00", "2000.00", "5.50", "2125.50"))
    life.stands("0.00", "0.00", "0.00")
    life.on("2025-06-10")
    assert refusal(come_answer(life.client, transfer, "2125.00", "2025-06-10")) == (409, "amount_differs")
    come(life.client, transfer, "2125.50", "2025-06-10")
    life.stands("0.00", "2125.50", "2125.50")
    life.on("2025-07-10")
    life.paid(life.employer, "2025-06", "20000.00", "1900.00")
    life.stands("400.00", "2125.50", "2525.50")
    # the floor, 60 % of 8,120.00: 4,872.00
    life.on("2025-08-11")
    life.paid(life.employer, "2025-07", "4000.00", "462.84")
    life.stands("497.44", "2125.50", "2622.94")


def _retirement(life: Life, husband: str) -> None:
    life.on("2025-09-01")
    give(life.client, life.number, husband, "100.00", relation="spouse")
    life.stands("497.44", "2125.50", "2522.94")
    life.on("2025-10-09")
    life.do(f"/v1/enrolments/{life.enrolment}/end", {"to": "2025-09-30"})
    life.hers("enrolments", {"member_class": "retired", "from": "2025-10-01"})
    asked = out_body(life.number, insured_from="2025-10-01")
    answer = life.client.post("/v1/transfers", json=asked, headers=key())
    assert refusal(answer) == (409, "retiree")
    life.credit_retirees(202510)
    life.stands("607.44", "2125.50", "2632.94")
    life.on("2025-11-10")
    life.credit_retirees(202511)
    life.on("2025-12-08")
    life.credit_retirees(202512)
    life.stands("827.44", "2125.50", "2852.94")


def _dead_by_mistake(life: Life) -> None:
    life.on("2025-12-10")
    told = life.dies("2025-11-10", "a list of the civil registry")
    assert told["taken_back"] == [{"period": "2025-12", "amount": "110.00"}]
    assert (told["debits_after"], told["still_owed"]) == ([], "0.00")
    life.stands("717.44", "2125.50", "2842.94", "deceased")
    life.on("2025-12-18")
    path = f"/v1/accounts/{life.number}/death/withdrawal"
    body = {"reason": "a namesake", "document": "registry 7"}
    name = waiting(life.client.post(path, json=body, headers=key()))
    # nothing of it has happened, and who asked does not decide
    life.stands("717.44", "2125.50", "2842.94", "deceased")
    assert refusal(approve(life.client, life.keys, name, actor="clerk-7")) == (403, "same_person")
    done = said(approve(life.client, life.keys, name))
    entry = said(life.client.get(f"/v1/entries/{done['entry']}"), 200)
    assert (entry["kind"], entry["actor"], entry["approved_by"]) == ("death_withdrawal", "clerk-7", "chief-1")
    life.death = ""
    life.stands("827.44", "2125.50", "2852.94")

    life.on("2026-01-05")
    life.close(2025)
    # the credit of December was never away:
    # (40,000 × 175 + 9,744 × 143 + 11,000 × (92 + 61 + 31)) × 0.35 % ÷ 360 = 101.3 fen
    # 212,550 × 205 × 1.10 % ÷ 360 = 1,331.4 fen
    life.stands("0.00", "2967.26", "2867.26")


def _credits_that_were_too_low(life: Life) -> None:
    life.on("2026-01-12")
    life.credit_retirees(202601)
    life.stands("110.00", "2967.26", "2977.26")
    first = life.statement(2025)
    assert first["version"] == 1
    assert first["closing"]["balance"] == "2967.26"
    life.on("2026-02-02")
    policy = life.state.policies[int(AREA)]
    assert f'{CREDIT}"110.00"' in policy.text
    text = policy.text.replace(f'{CREDIT}"110.00"', f'{CREDIT}"115.50"')
    life.state.policies[int(AREA)] = load_policy(text, f"{AREA}.toml")
    hold(life.engine, life.state.policies)
    asked = {
        "kind": "parameter", "reason": "published anew", "area": AREA,
        "parameter": "retirees.monthly_credit", "from": "2025-10-01", "to": "2026-01-31",
    }  # fmt: skip
    shown = life.do("/v1/corrections", asked, 200)
    assert (shown["people"], shown["more"], shown["less"]) == (1, "22.00", "0.00")
    life.stands("110.00", "2967.26", "2977.26")
    life.do("/v1/corrections", asked | {"confirm": True})
    life.stands("132.00", "2967.26", "2999.26")
    assert life.do("/v1/corrections", asked, 200)["people"] == 0
    # three of the four are of 2025, each a version of that year
    last = life.statement(2025)
    assert (last["version"], last["replaces"]) == (4, 3)
    assert last["closing"]["balance"] == "2983.76"
    assert last["credits"]["retiree_correction"] == "16.50"
    assert life.statement(2025, 1) == first
    assert life.statement(2026)["opening"] == "2983.76"


def _illness(life: Life, hospital: str) -> str:
    life.on("2026-02-09")
    life.credit_retirees(202602)
    life.on("2026-03-02")
    life.credit_retirees(202603)
    life.stands("363.00", "2967.26", "3230.26")
    # (1,000.00 − 900.00) × 91 %; this year's money first
    life.on("2026-03-03")
    bill = settle(
        life.client, hospital, life.number, [("A", "1000.00")], care_type="inpatient", care_date="2026-03-03"
    )
    assert (bill["pooled_pay"], bill["account_pay"], bill["cash_pay"]) == ("91.00", "909.00", "0.00")
    life.stands("0.00", "2421.26", "2321.26")
    life.on("2026-04-08")
    life.credit_retirees(202604)
    life.stands("115.50", "2421.26", "2436.76")
    life.on("2026-04-20")
    drugs = life.hers("spendings", spending(amount="60.00", effective_on="2026-04-20"))["entry"]
    life.stands("55.50", "2421.26", "2376.76")
    for day, period in (("2026-05-11", 202605), ("2026-06-08", 202606)):
        life.on(day)
        life.credit_retirees(period)
    life.stands("286.50", "2421.26", "2607.76")
    # she sees who has looked; not yet who looked for heirs that she had by mistake
    seen = {(one["channel"], one["purpose"]) for one in life.online("/access-log?limit=200")["items"]}
    assert seen == {("window", "own_request"), ("online", "own_request"), ("system", None)}
    return str(drugs)


def _death(life: Life) -> None:
    """She dies on 28 June; the credit of July, and a bill of July, are of nobody."""
    life.on("2026-07-08")
    life.credit_retirees(202607)
    wrong = life.hers("spendings", spending(amount="30.00", effective_on="2026-07-08"))["entry"]
    life.stands("372.00", "2421.26", "2693.26")
    life.on("2026-07-20")
    life.lives = False
    told = life.dies("2026-06-28", "death certificate 17")
    assert told["taken_back"] == [{"period": "2026-07", "amount": "115.50"}]
    assert told["debits_after"] == [{"entry": wrong, "amount": "30.00"}]
    life.stands("256.50", "2421.26", "2677.76", "deceased")
    answer = claim(life.client, life.number, [claimant("陈立", "spouse")], paid_on="2026-07-20")
    assert refusal(answer) == (409, "open_items")
    assert [one["name"] for one in answer.json()["facts"]["items"]] == [wrong]
    life.on("2026-07-22")
    life.do(f"/v1/entries/{wrong}/reversal", {"reason": "she was dead"})
    life.stands("286.50", "2421.26", "2707.76", "deceased")


def _pockets(life: Life, person: str) -> tuple[str, str]:
    found = said(life.client.get(f"/v1/accounts/{person}/balance"), 200)
    return found["current_year"], found["carried_over"]


def _three_heirs(life: Life, husband: str) -> str:
    """2,707.76, and the interest of this year to the day before, of this year's money and of the older.

    11,550 × (31 + 19) + 23,100 + 24,750 × 27 + 36,300 × 2 + 5,550 × 11 + 17,100 × 31 + 28,650 × 30 at 0.35 %,
    28,650 × (7 + 50) + 25,650 × 14 at 0.10 %, ÷ 360: 32.7 fen
    296,726 × 61 + 242,126 × 120 at 1.10 %, 242,126 × 71 at 0.65 %, ÷ 360: 1,751.3 fen
    """
    life.on("2026-09-10")
    daughter = str(open_account(life.client, name="陈晓", opened_on="2026-09-01")["number"])
    heirs = [
        claimant("陈立", "spouse", id_number=husband),
        claimant("陈晓", id_number=daughter),
        claimant("陈明", born_on="2001-02-03"),
    ]
    shown = said(claim(life.client, life.number, heirs, paid_on="2026-09-10"), 200)
    life.stands("286.50", "2421.26", "2707.76", "deceased")
    done = said(claim(life.client, life.number, heirs, paid_on="2026-09-10", confirm=True))
    assert done["shares"] == shown["shares"]
    assert [one["paid_to"] for one in done["shares"]] == ["account", "account", "payout"]
    # 2,707.76 + 0.33 + 17.51; the odd fen is the husband's (K7)
    assert (done["amount"], [one["amount"] for one in done["shares"]]) == (
        "2725.60",
        ["908.54", "908.53", "908.53"],
    )
    life.stands("0.00", "0.00", "0.00", "closed")
    assert [_pockets(life, one) for one in (husband, daughter)] == [("0.00", "908.54"), ("0.00", "908.53")]
    return daughter


def _what_comes_after(life: Life, drugs: str, husband: str, daughter: str) -> None:
    """The pharmacy gives 60.00 back: 20.00 for each of the same heirs."""
    life.on("2026-10-12")
    life.do(f"/v1/entries/{drugs}/reversal", {"reason": "the wrong box"})
    life.stands("0.00", "0.00", "0.00", "closed")
    assert [_pockets(life, one) for one in (husband, daughter)] == [("0.00", "928.54"), ("0.00", "928.53")]
    estates = life.window("/entries?kind=estate")["items"]
    assert [one["amount"] for one in estates[-1]["facts"]["shares"]] == ["20.00", "20.00", "20.00"]
