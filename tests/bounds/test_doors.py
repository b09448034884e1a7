"""Just before, on and just after each edge, through the real doors: routes, bulk and files.

The service's today is 2026-11-21. Its people were born on 2001-05-06 and have accounts since 2020-01-01.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.bounds.table import TABLE
from ledger.chart.channels import AccessChannel
from tests.support.api_client import AREA, bearer, contribute, key, open_account, running, spending
from tests.support.care_client import bill, lines, message, new_institution, new_resident, visit
from tests.support.employer_client import new_employer, receipt_body, ref
from tests.support.estate_client import held_for_a_year, say
from tests.support.inquiry_client import who_is_let_in
from tests.support.office import Office
from tests.support.people import Someone, id_number
from tests.support.transfer_client import (
    announce,
    come_answer,
    demand,
    exit_answer,
    instalment_answer,
    out_body,
    request_out,
    send,
    send_answer,
    sheet_body,
    supplement_answer,
)

BORN = date(2001, 5, 6)
OPENED = "2020-01-01"
TODAY = "2026-11-21"
TOMORROW = "2026-11-22"
A_YEAR_AHEAD, BEYOND = "2027-11-21", "2027-11-22"
FIFTY, BEYOND_FIFTY = "2076-11-21", "2076-11-22"
EVERYBODY = itertools.count(1)
# not 11, which is where everybody else of a test lives: nobody of theirs has the same number
PROVINCES = (12, 13, 14, 15, 21, 22, 23, 35)
ODD = ("0001-01-01", "0202-06-01", "1926-03-01", "2999-12-31", "9999-12-31")
ODD_MONTHS = ("0001-01", "0202-06", "1926-03", "2999-12", "9999-12")


class Doors:
    """Everybody who sends a day."""

    def __init__(self, client: TestClient, office: Office, keys: Path) -> None:
        self.client = client
        self.audit = bearer(keys, "audit", channel=AccessChannel.AUDIT)
        self.office = office
        self.hospital = new_institution(client)
        self.employer = new_employer(client)

    def number(self, born: date = BORN) -> str:
        # each a person of their own, born on that very day
        province, number = divmod(next(EVERYBODY), 999)
        return id_number(number, born=born, prefix=f"{PROVINCES[province]}9999")

    def account(self, born: date = BORN, opened_on: str = OPENED) -> str:
        return str(open_account(self.client, id_number=self.number(born), opened_on=opened_on)["number"])

    def own(self) -> dict[str, str]:
        """Somebody with an account of last year, who asks for what is their own."""
        me = self.account(opened_on="2025-06-30")
        return who_is_let_in(self.client, me)("/v1/me")

    def printed(self, whose: str, body: dict[str, Any]) -> Any:
        path = f"/v1/{whose}/documents".format(account=self.account(), employer=self.employer)
        headers = self.own() if whose == "me" else {}
        return self.client.post(path, json={"kind": "payment_list", "format": "json"} | body, headers=headers)

    def rich(self) -> str:
        account = self.account()
        contribute(self.client, account)
        return account

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self.client.post(path, json=body, headers=key())

    def of_account(self, what: str, account: str, **body: Any) -> Any:
        return self.post(f"/v1/accounts/{account}/{what}", body)

    def bulk(self, verb: str, account: str | None, **body: Any) -> Any:
        named = {} if account is None else {"account": account}
        command = {"verb": verb, "idempotency_key": ref(), **named, **body}
        return self.client.post("/v1/bulk", json={"commands": [command]})

    def row(self, kind: str, **fields: str) -> str | None:
        """The code with which a line of a file is refused, None when it is taken."""
        path = self.office.file(",".join(fields), [",".join(fields.values())])
        summary = self.office.run(path)
        assert summary.kind == kind
        return self.office.rejected(summary)[0][1] if summary.refused else None

    def known(self) -> str:
        """Somebody with an account in the office's world."""
        number = self.number()
        self.office.world.open(Someone(number, "李小明"), opened_on=date(2020, 1, 1), opening=(100_000, 0))
        return number

    # -- what takes more than a line ---------------------------------------------------------------------

    def hold(self) -> str:
        body = {
            "amount": "1.00",
            "expires_at": "2026-11-22T00:00:00Z",
            "institution": "H0001",
            "source_ref": ref(),
        }
        return str(self.of_account("holds", self.rich(), **body).json()["hold"])

    def credited(self) -> str:
        return str(contribute(self.client, self.account())["entry"])

    def died(self) -> str:
        account = self.rich()
        assert self.of_account("death", account, died_on="2026-11-01", evidence="x").status_code == 201
        return account

    def enrolled(self) -> str:
        body = {"member_class": "active", "from": "2026-01-01"}
        return str(self.of_account("enrolments", self.account(), **body).json()["enrolment"])

    def agreed(self, what: str) -> str:
        """A contract, a suspension or a filing from the beginning of the year on, open."""
        body: dict[str, Any] = {"from": "2026-01-01"}
        if what == "filing":
            answer = self.of_account("filings", self.account(), kind="long_term", area="990200", **body)
        else:
            more = {"services": ["outpatient"]} if what == "contract" else {"reason": "x"}
            hospital = new_institution(self.client, services=())
            answer = self.post(f"/v1/institutions/{hospital}/{what}s", body | more)
        assert answer.status_code == 201, answer.text
        return str(answer.json()[what])

    def claims(self, *, paid_on: str = TODAY, **more: str) -> Any:
        """Somebody claims an estate with a day of theirs."""
        heir = {"name": "李四", "relation": "spouse", "title": "law", **more}
        claimants = [heir, {"name": "李五", "relation": "child", "title": "law"}]
        body = {"account": self.died(), "paid_on": paid_on, "claimants": claimants}
        return self.post("/v1/estates", body)

    def announced(self) -> str:
        sheet = sheet_body("1.00", "0.00", "0.00", "1.00")
        return announce(self.client, self.account(), sheet)

    def sent(self, on: str) -> str:
        """A transfer to where the person is insured since 2026-04-01."""
        name = request_out(self.client, self.rich())
        send(self.client, name, on)
        return name

    def closed(self) -> str:
        employer = new_employer(self.client)
        answer = self.post(f"/v1/employers/{employer}/closure", {"on": "2026-06-01", "document": "x"})
        assert answer.status_code == 201, answer.text
        return employer


@dataclass(frozen=True)
class Case:
    """A place, how a day is sent there, and which days are outside and inside."""

    place: str
    send: Callable[[Doors, str], Any]
    outside: tuple[str, ...]
    inside: tuple[str, ...]
    # what else a day inside may be refused with: the case has not all that would be needed
    refused: tuple[str, ...] = ()


def freeze(**more: str) -> dict[str, Any]:
    return {"authority": "court", "document": "x", "from": TODAY, "to": None, **more}


def enrolment(**more: str) -> dict[str, Any]:
    return {"member_class": "active", "from": "2026-01-01", **more}


def of_average_wage(**more: str) -> dict[str, Any]:
    asked = {"kind": "parameter", "reason": "x", "area": AREA, "parameter": "contributions.average_wage"}
    return {**asked, "from": "2020-01-01", "to": TODAY, "confirm": False, **more}


CASES = [
    # -- corrections of many
    Case(
        "POST /v1/corrections from",
        lambda d, day: d.post("/v1/corrections", of_average_wage(**{"from": day})),
        (TOMORROW, *ODD),
        ("2000-01-01", TODAY),
    ),
    Case(
        "POST /v1/corrections to",
        lambda d, day: d.post("/v1/corrections", of_average_wage(to=day)),
        ("2019-12-31", *ODD),
        ("2020-01-01", TODAY),
    ),
    # -- accounts
    Case(
        "POST /v1/accounts opened_on",
        lambda d, day: d.post(
            "/v1/accounts", {"id_number": d.number(), "name": "张三", "area": AREA, "opened_on": day}
        ),
        ("2001-05-05", TOMORROW, *ODD),
        ("2001-05-06", TODAY),
    ),
    Case(
        "POST /v1/accounts opened_on",
        # before the area's first interest rate
        lambda d, day: d.post(
            "/v1/accounts",
            {"id_number": d.number(date(1950, 1, 1)), "name": "张三", "area": AREA, "opened_on": day},
        ),
        ("1989-12-31", "1990-01-01", "1999-12-31"),
        ("2000-01-01",),
    ),
    Case(
        "bulk open opened_on",
        lambda d, day: d.bulk("open", None, id_number=d.number(), name="张三", area=AREA, opened_on=day),
        ("2001-05-05", TOMORROW, *ODD),
        ("2001-05-06", TODAY),
    ),
    Case(
        "file accounts opened_on",
        lambda d, day: d.row("accounts", id_number=d.number(), name="张三", area=AREA, opened_on=day),
        ("2001-05-05", TOMORROW, *ODD),
        ("2001-05-06", TODAY),
    ),
    Case(
        "POST /v1/accounts/{account}/spendings effective_on",
        lambda d, day: d.of_account("spendings", d.rich(), **spending(effective_on=day)),
        ("2019-12-31", TOMORROW, *ODD),
        (OPENED, TODAY),
    ),
    Case(
        "bulk spend effective_on",
        lambda d, day: d.bulk("spend", d.rich(), **spending(effective_on=day)),
        ("2019-12-31", TOMORROW),
        (OPENED, TODAY),
    ),
    Case(
        "file spendings effective_on",
        lambda d, day: d.row(
            "spendings",
            account=d.known(),
            source_ref=ref(),
            institution="H0001",
            effective_on=day,
            amount="1.00",
        ),
        ("2019-12-31", TOMORROW, *ODD),
        (OPENED, TODAY),
    ),
    Case(
        "POST /v1/holds/{hold}/capture effective_on",
        lambda d, day: d.post(
            f"/v1/holds/{d.hold()}/capture", {"amount": "1.00", "effective_on": day, "source_ref": ref()}
        ),
        ("2019-12-31", TOMORROW, *ODD),
        (OPENED, TODAY),
    ),
    *(
        Case(place, send, ("2025-02-28", "2021-10-10", TOMORROW, *ODD), ("2025-03-01", TODAY))
        for place, send in (
            (
                "POST /v1/accounts/{account}/contributions effective_on",
                lambda d, day: d.of_account(
                    "contributions",
                    d.account(),
                    amount="1.00",
                    period="2026-03",
                    effective_on=day,
                    source_ref=ref(),
                ),
            ),
            (
                "bulk contribute effective_on",
                lambda d, day: d.bulk(
                    "contribute",
                    d.account(),
                    amount="1.00",
                    period="2026-03",
                    effective_on=day,
                    source_ref=ref(),
                ),
            ),
            (
                "file contributions effective_on",
                lambda d, day: d.row(
                    "contributions",
                    account=d.known(),
                    source_ref=ref(),
                    period="2026-03",
                    effective_on=day,
                    amount="1.00",
                ),
            ),
        )
    ),
    *(
        Case(place, send, ("2001-04", "1989-12", "2026-12", *ODD_MONTHS), ("2001-05", "2019-12", "2026-11"))
        for place, send in (
            (
                "POST /v1/accounts/{account}/contributions period",
                lambda d, month: d.of_account(
                    "contributions",
                    d.account(),
                    amount="1.00",
                    period=month,
                    effective_on=TODAY,
                    source_ref=ref(),
                ),
            ),
            (
                "bulk contribute period",
                lambda d, month: d.bulk(
                    "contribute",
                    d.account(),
                    amount="1.00",
                    period=month,
                    effective_on=TODAY,
                    source_ref=ref(),
                ),
            ),
            (
                "file contributions period",
                lambda d, month: d.row(
                    "contributions",
                    account=d.known(),
                    source_ref=ref(),
                    period=month,
                    effective_on=TODAY,
                    amount="1.00",
                ),
            ),
        )
    ),
    Case(
        "POST /v1/entries/{entry}/reversal effective_on",
        lambda d, day: d.post(f"/v1/entries/{d.credited()}/reversal", {"reason": "x", "effective_on": day}),
        ("2026-03-19", TOMORROW, *ODD),
        ("2026-03-20", TODAY),
    ),
    Case(
        "POST /v1/accounts/{account}/holds expires_at",
        lambda d, day: d.of_account(
            "holds", d.rich(), amount="1.00", expires_at=day, institution="H0001", source_ref=ref()
        ),
        ("2026-11-21T04:00:00Z", "2027-11-22T04:00:01Z", "0001-01-02T00:00:00Z", "9999-12-30T00:00:00Z"),
        ("2026-11-21T04:00:01Z", "2027-11-22T04:00:00Z"),
    ),
    *(
        Case(place, send, outside, inside)
        for name, outside, inside in (
            ("from", ("1989-12-31", BEYOND, "2062-11-28", *ODD), ("1990-01-01", A_YEAR_AHEAD)),
            ("to", ("2026-11-20", BEYOND_FIFTY, *ODD), (TODAY, "2027-12-31", "2046-12-31", FIFTY)),
        )
        for place, send in (
            (
                f"POST /v1/accounts/{{account}}/freezes {name}",
                lambda d, day, name=name: d.of_account("freezes", d.account(), **freeze(**{name: day})),
            ),
            (
                f"bulk freeze {name}",
                lambda d, day, name=name: d.bulk("freeze", d.account(), **freeze(**{name: day})),
            ),
        )
    ),
    *(
        Case(place, send, ("2001-05-05", "1958-11-20", TOMORROW, *ODD), ("2001-05-06", TODAY))
        for place, send in (
            (
                "POST /v1/accounts/{account}/death died_on",
                lambda d, day: d.of_account("death", d.account(), died_on=day, evidence="x"),
            ),
            (
                "bulk death died_on",
                lambda d, day: d.bulk("death", d.account(), died_on=day, evidence="x"),
            ),
        )
    ),
    *(
        Case(place, send, ("2001-05-05", "1958-11-20", TOMORROW, *ODD), ("2001-05-06", TODAY))
        for path, verb, said in (
            ("names", "name_change", {"name": "李四"}),
            ("contacts", "contact", {"address": "x"}),
        )
        for place, send in (
            (
                f"POST /v1/accounts/{{account}}/{path} from",
                lambda d, day, path=path, said=said: d.of_account(
                    path, d.account(), document="x", **said, **{"from": day}
                ),
            ),
            (
                f"bulk {verb} from",
                lambda d, day, verb=verb, said=said: d.bulk(
                    verb, d.account(), document="x", **said, **{"from": day}
                ),
            ),
        )
    ),
    Case(
        "POST /v1/accounts/{account}/id-numbers from",
        lambda d, day: d.of_account(
            "id-numbers",
            d.account(),
            id_number=d.number(),
            document="x",
            reason="corrected",
            **{"from": day},
        ),
        ("2001-05-05", "1958-11-20", TOMORROW, *ODD),
        ("2001-05-06", TODAY),
    ),
    Case(
        "POST /v1/accounts/{account}/death/correction died_on",
        lambda d, day: d.of_account("death/correction", d.died(), died_on=day, document="x"),
        ("2001-05-05", "1958-11-20", TOMORROW, *ODD),
        ("2001-05-06", TODAY),
    ),
    Case(
        "bulk id_number from",
        lambda d, day: d.bulk(
            "id_number", d.account(), id_number=d.number(), document="x", reason="corrected", **{"from": day}
        ),
        ("2001-05-05", "1958-11-20", TOMORROW, *ODD),
        ("2001-05-06", TODAY),
    ),
    Case(
        "bulk death_correction died_on",
        lambda d, day: d.bulk("death_correction", d.died(), died_on=day, document="x"),
        ("2001-05-05", "1958-11-20", TOMORROW, *ODD),
        ("2001-05-06", TODAY),
    ),
    Case(
        "bulk transfer insured_from",
        lambda d, day: d.bulk("transfer", **out_body(d.rich(), insured_from=day)),
        ("1989-12-31", TOMORROW, *ODD),
        (TODAY, "2026-01-01"),
    ),
    Case(
        "bulk transfer_complete paid_on",
        lambda d, day: d.bulk(
            "transfer_complete", None, transfer=request_out(d.client, d.rich()), paid_on=day, source_ref=ref()
        ),
        ("2026-03-19", TOMORROW, *ODD),
        ("2026-03-20", TODAY),
    ),
    Case(
        "bulk transfer_complete received_on",
        lambda d, day: d.bulk(
            "transfer_complete",
            None,
            transfer=d.announced(),
            received_on=day,
            amount="1.00",
            source_ref=ref(),
        ),
        ("2019-12-31", TOMORROW, *ODD),
        (OPENED, TODAY),
    ),
    Case(
        "bulk exit paid_on",
        lambda d, day: d.bulk("exit", d.rich(), case="settled_abroad", document="x", paid_on=day),
        ("2026-03-19", TOMORROW, *ODD),
        ("2026-03-20", TODAY),
    ),
    Case(
        "bulk instalment paid_on",
        lambda d, day: d.bulk(
            "instalment",
            None,
            demand=demand(d.client, d.rich(), "1.00"),
            amount="1.00",
            paid_on=day,
            source_ref=ref(),
        ),
        ("1989-12-31", TOMORROW, *ODD),
        ("1990-01-01", TODAY),
    ),
    Case(
        "POST /v1/accounts/{account}/estate paid_on",
        lambda d, day: d.of_account(
            "estate", d.died(), heirs=[{"name": "李四", "relation": "spouse"}], paid_on=day, confirm=False
        ),
        ("2026-10-31", TOMORROW, *ODD),
        ("2026-11-01", TODAY),
    ),
    Case(
        "POST /v1/estates paid_on",
        lambda d, day: d.claims(paid_on=day),
        ("2026-10-31", TOMORROW, *ODD),
        ("2026-11-01", TODAY),
    ),
    Case(
        "POST /v1/estates/{estate}/unclaimed paid_on",
        lambda d, day: say(d.client, held_for_a_year(d.client)[1], "unclaimed", paid_on=day, document="x"),
        ("2026-11-19", TOMORROW, *ODD),
        ("2026-11-20", TODAY),
    ),
    Case(
        "POST /v1/estates waived_on",
        lambda d, day: d.claims(waived_on=day),
        ("2026-10-31", TOMORROW, *ODD),
        ("2026-11-01", TODAY),
    ),
    *(
        Case(
            f"POST /v1/estates {name}",
            lambda d, day, name=name: d.claims(**{name: day}),
            ("1849-12-31", TOMORROW, "0001-01-01", "2999-12-31"),
            ("1850-01-01", TODAY),
        )
        for name in ("born_on", "accepted_on", "notified_on")
    ),
    Case(
        "POST /v1/accounts/{account}/premiums year",
        lambda d, year: d.of_account(
            "premiums",
            d.rich(),
            recipient=new_resident(d.client, d.number()),
            relation="child",
            amount="1.00",
            year=int(year),
            source_ref=ref(),
        ),
        ("2028", "2999"),
        ("2026", "2027"),
    ),
    # -- people
    *(
        Case(place, send, outside, inside)
        for name, outside, inside in (
            ("from", ("2001-05-05", "1989-12-31", BEYOND, *ODD), ("2001-05-06", A_YEAR_AHEAD)),
            ("to", ("2025-12-31", BEYOND_FIFTY, *ODD), ("2026-01-01", "2027-12-31", "2046-12-31", FIFTY)),
        )
        for place, send in (
            (
                f"POST /v1/accounts/{{account}}/enrolments {name}",
                lambda d, day, name=name: d.of_account("enrolments", d.account(), **enrolment(**{name: day})),
            ),
            (
                f"POST /v1/residents {name}",
                lambda d, day, name=name: d.post(
                    "/v1/residents",
                    {"id_number": d.number(), "name": "王五", "area": AREA, "from": "2026-01-01", name: day},
                ),
            ),
            (
                f"file enrolments {name}",
                lambda d, day, name=name: d.row(
                    "enrolments",
                    **(
                        {"account": d.known(), "member_class": "active", "employer": ""}
                        | {"from": "2026-01-01", "to": ""}
                        | {name: day}
                    ),
                ),
            ),
            (
                f"POST /v1/accounts/{{account}}/filings {name}",
                lambda d, day, name=name: d.of_account(
                    "filings",
                    d.account(),
                    **{"kind": "long_term", "from": "2026-01-01", "area": "110000", name: day},
                ),
            ),
        )
    ),
    Case(
        "POST /v1/enrolments/{enrolment}/end to",
        lambda d, day: d.post(f"/v1/enrolments/{d.enrolled()}/end", {"to": day}),
        ("2025-12-31", BEYOND_FIFTY, *ODD),
        ("2026-01-01", "2027-12-31", "2046-12-31", FIFTY),
    ),
    *(
        Case(
            f"POST /v1/{what}s/{{{what}}}/end to",
            lambda d, day, what=what: d.post(f"/v1/{what}s/{d.agreed(what)}/end", {"to": day, "reason": "x"}),
            ("2025-12-31", BEYOND_FIFTY, *ODD),
            ("2026-01-01", "2027-12-31", FIFTY),
        )
        for what in ("contract", "suspension", "filing")
    ),
    # -- contributions
    Case(
        "POST /v1/employers/{employer}/closure on",
        lambda d, day: d.post(
            f"/v1/employers/{new_employer(d.client)}/closure", {"on": day, "document": "x"}
        ),
        ("1989-12-31", TOMORROW, *ODD),
        ("1990-01-01", TODAY),
    ),
    Case(
        "POST /v1/employers/{employer}/merger from",
        lambda d, day: d.post(
            f"/v1/employers/{new_employer(d.client)}/merger",
            {"into": new_employer(d.client), "from": day, "document": "x"},
        ),
        ("1989-12-31", TOMORROW, *ODD),
        ("1990-01-01", TODAY),
    ),
    Case(
        "POST /v1/employers/{employer}/reopening on",
        lambda d, day: d.post(f"/v1/employers/{d.closed()}/reopening", {"on": day, "document": "x"}),
        ("2026-05-31", TOMORROW, *ODD),
        ("2026-06-01", TODAY),
    ),
    Case(
        "POST /v1/employers/{employer}/declarations period",
        lambda d, month: d.post(
            f"/v1/employers/{d.employer}/declarations",
            {"period": month, "lines": [{"id_number": d.account(date(1950, 1, 1)), "wage": "8000.00"}]},
        ),
        ("1999-12", "1990-01", "2026-12", *ODD_MONTHS),
        ("2000-01", "2026-11"),
    ),
    Case(
        "POST /v1/employers/{employer}/declarations period",
        # a month that was over before the person was born
        lambda d, month: d.post(
            f"/v1/employers/{d.employer}/declarations",
            {"period": month, "lines": [{"id_number": d.account(), "wage": "8000.00"}]},
        ),
        ("2001-04", "2000-01"),
        ("2001-05", "2019-12"),
    ),
    Case(
        "POST /v1/employers/{employer}/declarations period",
        # the same as a file
        lambda d, month: d.client.post(
            f"/v1/employers/{d.employer}/declarations?period={month}",
            content=f"id_number,wage\n{d.account(date(1950, 1, 1))},8000.00\n".encode(),
            headers=key() | {"content-type": "text/csv"},
        ),
        ("1999-12", "2026-12", *ODD_MONTHS),
        ("2000-01", "2026-11"),
    ),
    Case(
        "file declarations period",
        lambda d, month: d.row(
            "declarations", employer=d.employer, period=month, id_number=d.known(), wage="8000.00"
        ),
        ("1999-12", "2026-12", *ODD_MONTHS),
        ("2002-01", "2026-11"),
    ),
    Case(
        "POST /v1/employers/{employer}/adjustments period",
        lambda d, month: d.post(
            f"/v1/employers/{d.employer}/adjustments",
            {"period": month, "lines": [{"id_number": d.account(), "wage": "1.00"}], "reason": "x"},
        ),
        ("1999-12", "2026-12", *ODD_MONTHS),
        ("2000-01", "2026-11"),
        refused=("no_good_line",),
    ),
    Case(
        "POST /v1/employers/{employer}/refunds period",
        lambda d, month: d.post(
            f"/v1/employers/{d.employer}/refunds",
            {"amount": "1.00", "period": month, "source_ref": ref(), "reason": "x"},
        ),
        ("1989-12", "2026-12", *ODD_MONTHS),
        ("1990-01", "2026-11"),
        refused=("suspense_exceeded",),
    ),
    *(
        Case(place, send, ("1999-12", "1991-06", "2026-12", *ODD_MONTHS), ("2000-01", "2026-11"))
        for place, send in (
            (
                "POST /v1/receipts period",
                lambda d, month: d.post(
                    "/v1/receipts", receipt_body(new_employer(d.client), month, "1.00", TODAY)
                ),
            ),
            (
                "file receipts period",
                lambda d, month: d.row(
                    "receipts",
                    employer=new_employer(d.client),
                    source_ref=ref(),
                    period=month,
                    received_on=TODAY,
                    amount="1.00",
                ),
            ),
        )
    ),
    *(
        Case(place, send, ("2025-08-31", "2021-10-10", TOMORROW, *ODD), ("2025-09-01", TODAY))
        for place, send in (
            (
                "POST /v1/receipts received_on",
                lambda d, day: d.post(
                    "/v1/receipts", receipt_body(new_employer(d.client), "2026-09", "1.00", day)
                ),
            ),
            (
                "file receipts received_on",
                lambda d, day: d.row(
                    "receipts",
                    employer=new_employer(d.client),
                    source_ref=ref(),
                    period="2026-09",
                    received_on=day,
                    amount="1.00",
                ),
            ),
        )
    ),
    Case(
        "POST /v1/employers/{employer}/estimates period",
        lambda d, month: d.post(
            f"/v1/employers/{new_employer(d.client)}/estimates", {"period": month, "amount": "1000.00"}
        ),
        ("1999-12", "1991-06", "2026-11", *ODD_MONTHS),
        ("2000-01", "2026-10"),
    ),
    Case(
        "POST /v1/employers/{employer}/case-steps taken_on",
        lambda d, day: d.post(
            f"/v1/employers/{d.employer}/case-steps",
            {"step": "order_to_pay", "taken_on": day, "source_ref": ref()},
        ),
        ("1989-12-31", TOMORROW, *ODD),
        ("1990-01-01", TODAY),
    ),
    Case(
        "POST /v1/employers/{employer}/case-steps period",
        lambda d, month: d.post(
            f"/v1/employers/{d.employer}/case-steps",
            {"step": "order_to_pay", "taken_on": TODAY, "period": month, "source_ref": ref()},
        ),
        ("1989-12", "2026-12", *ODD_MONTHS),
        ("1990-01", "2026-11"),
    ),
    Case(
        "POST /v1/retiree-credits/{period} period",
        lambda d, month: d.client.post(f"/v1/retiree-credits/{month}?dry_run=true", json={"area": AREA}),
        ("2025-10", "2016-11", "2026-12", *ODD_MONTHS),
        ("2025-11", "2026-11"),
    ),
    # -- care
    *(
        Case(place, send, ("2001-05-05", "1989-12-31", TOMORROW, *ODD), inside, refused)
        for place, inside, refused, send in (
            (
                "POST /v1/settlements care_date",
                ("2001-05-06", "2019-12-31", TODAY),
                (),
                lambda d, day: d.post(
                    "/v1/settlements",
                    bill(d.hospital, d.rich(), [("A", "10.00")], care_date=day, message_id=message()),
                ),
            ),
            (
                "POST /v1/settlements/quote care_date",
                ("2001-05-06", TODAY),
                (),
                lambda d, day: d.client.post(
                    "/v1/settlements/quote",
                    json=bill(d.hospital, d.rich(), [("A", "10.00")], care_date=day),
                ),
            ),
            (
                "POST /v1/visits from",
                ("2001-05-06", TODAY),
                (),
                lambda d, day: d.post(
                    "/v1/visits",
                    {
                        "institution": d.hospital,
                        "id_number": d.account(),
                        "care_type": "inpatient",
                        "from": day,
                    },
                ),
            ),
            (
                "POST /v1/claims care_date",
                ("2001-05-06", TODAY),
                ("claim_too_late",),
                lambda d, day: d.post(
                    "/v1/claims",
                    {
                        "institution": d.hospital,
                        "id_number": d.account(),
                        "care_type": "outpatient",
                        "care_date": day,
                        "bill_no": ref(),
                        "lines": lines(("A", "10.00")),
                        "evidence": [],
                        "received_on": TODAY,
                    },
                ),
            ),
        )
    ),
    Case(
        "POST /v1/visits/{visit}/end to",
        lambda d, day: d.post(f"/v1/visits/{visit(d.client, d.hospital, d.rich())}/end", {"to": day}),
        ("2026-03-09", TOMORROW, *ODD),
        ("2026-03-10", TODAY),
    ),
    Case(
        "POST /v1/claims received_on",
        lambda d, day: d.post(
            "/v1/claims",
            {
                "institution": d.hospital,
                "id_number": d.account(),
                "care_type": "outpatient",
                "care_date": "2026-03-10",
                "bill_no": ref(),
                "lines": lines(("A", "10.00")),
                "evidence": [],
                "received_on": day,
            },
        ),
        ("2026-03-09", TOMORROW, *ODD),
        ("2026-03-10", TODAY),
    ),
    # -- institutions
    *(
        Case(place, send, outside, inside)
        for name, outside, inside in (
            ("from", ("1989-12-31", BEYOND, *ODD), ("1990-01-01", A_YEAR_AHEAD)),
            ("to", ("2026-11-20", BEYOND_FIFTY, *ODD), (TODAY, "2027-12-31", "2046-12-31", FIFTY)),
        )
        for place, send in (
            (
                f"POST /v1/institutions/{{institution}}/contracts {name}",
                lambda d, day, name=name: d.post(
                    f"/v1/institutions/{new_institution(d.client, services=())}/contracts",
                    {"from": TODAY, "to": None, "services": ["outpatient"], name: day},
                ),
            ),
            (
                f"POST /v1/institutions/{{institution}}/suspensions {name}",
                lambda d, day, name=name: d.post(
                    f"/v1/institutions/{new_institution(d.client)}/suspensions",
                    {"from": TODAY, "to": None, "reason": "x", name: day},
                ),
            ),
        )
    ),
    Case(
        "POST /v1/institutions/{institution}/reconciliations day",
        lambda d, day: d.post(
            f"/v1/institutions/{d.hospital}/reconciliations",
            {"day": day, "count": 0, "total": "0.00", "fund": "0.00", "account": "0.00"},
        ),
        ("1989-12-31", TOMORROW, *ODD),
        ("1990-01-01", TODAY),
    ),
    Case(
        "POST /v1/institutions/{institution}/clearings month",
        lambda d, month: d.post(f"/v1/institutions/{new_institution(d.client)}/clearings", {"month": month}),
        ("1989-12", "2026-11", *ODD_MONTHS),
        ("1990-01", "2026-10"),
    ),
    *(
        Case(
            f"POST /v1/{of} from",
            lambda d, day, at=at: d.post(at(d), {"from": day, "name": "新名", "document": "x"}),
            ("1989-12-31", "2027-11-22", *ODD),
            ("1990-01-01", "2027-11-21"),
        )
        for of, at in (
            (
                "institutions/{institution}/changes",
                lambda d: f"/v1/institutions/{new_institution(d.client)}/changes",
            ),
            ("employers/{employer}/changes", lambda d: f"/v1/employers/{new_employer(d.client)}/changes"),
        )
    ),
    Case(
        "POST /v1/institutions/{institution}/end to",
        lambda d, day: d.post(
            f"/v1/institutions/{new_institution(d.client)}/end", {"to": day, "document": "x"}
        ),
        ("1989-12-31", "2027-11-22", *ODD),
        ("1990-01-01", "2027-11-21"),
    ),
    # -- what is shown by those who ask
    *(
        Case(
            f"POST /v1/accounts/{{account}}/cards {name}",
            lambda d, day, name=name: d.client.post(
                f"/v1/accounts/{d.account()}/cards",
                json={"card_no": f"BOUND{next(EVERYBODY)}", "issued_on": "2026-01-01", "ends_on": None}
                | {name: day},
            ),
            outside,
            inside,
        )
        for name, outside, inside in (
            ("issued_on", ("2001-05-05", "1989-12-31", TOMORROW, *ODD), ("2001-05-06", TODAY)),
            ("ends_on", ("2025-12-31", BEYOND_FIFTY, *ODD), ("2026-01-01", TODAY, FIFTY)),
        )
    ),
    Case(
        "POST /v1/people/lookup until",
        # a mandate that is over is refused as that
        lambda d, day: d.client.post(
            "/v1/people/lookup",
            json={
                "id_number": d.account(),
                "credential": "proxy",
                "proxy": {"id_number": d.number(), "name": "李四", "mandate_ref": "W", "until": day},
            },
        ),
        (BEYOND_FIFTY, "2999-12-31", "9999-12-31"),
        (TODAY, FIFTY),
    ),
    # -- what is looked at
    *(
        Case(
            f"POST /v1/{whose}/documents {name}",
            lambda d, day, whose=whose, name=name, other=other: d.printed(whose, other | {name: day}),
            (before, TOMORROW, "0001-01-01", "9999-12-31"),
            (first, TODAY),
        )
        for whose, before, first in (
            ("accounts/{account}", "2019-12-31", OPENED),
            ("employers/{employer}", "1989-12-31", "1990-01-01"),
            ("me", "2025-06-29", "2025-06-30"),
        )
        for name, other in (("from", {"to": TODAY}), ("to", {"from": first}))
    ),
    *(
        Case(
            f"POST /v1/{whose}/documents year",
            lambda d, year, whose=whose: d.printed(whose, {"kind": "yearly_statement", "year": int(year)}),
            ("1900", before, "2027", "2999"),
            (first, "2026"),
        )
        for whose, before, first in (("accounts/{account}", "2019", "2020"), ("me", "2024", "2025"))
    ),
    Case(
        "GET /v1/me/statements/{year} year",
        lambda d, year: d.client.get(f"/v1/me/statements/{year}", headers=d.own()),
        ("2024", "2027", "1900", "2999"),
        ("2025", "2026"),
    ),
    *(
        Case(
            f"GET /v1/accounts/{{account}}/{what}/{{year}} year",
            lambda d, year, what=what: d.client.get(f"/v1/accounts/{d.account()}/{what}/{year}"),
            ("2019", "2027", "1900", "2999"),
            ("2020", "2026"),
        )
        for what in ("statements", "interest")
    ),
    *(
        Case(
            f"GET /v1/{whose}/statements/{{year}}/proof year",
            lambda d, year, path=path, headers=headers: d.client.get(
                path(d).format(year=year), headers=headers(d)
            ),
            outside,
            inside,
            refused=("statement_not_sealed",),
        )
        for whose, path, headers, outside, inside in (
            (
                "accounts/{account}",
                lambda d: f"/v1/accounts/{d.account()}/statements/{{year}}/proof",
                lambda _d: {},
                ("2019", "2027", "1900", "2999"),
                ("2020", "2026"),
            ),
            (
                "me",
                lambda _d: "/v1/me/statements/{year}/proof",
                lambda d: d.own(),
                ("2024", "2027", "1900", "2999"),
                ("2025", "2026"),
            ),
        )
    ),
    *(
        Case(
            f"GET {path} {name}",
            lambda d, day, path=path, name=name: d.client.get(path, params={name: day}, headers=d.audit),
            ("1989-12-31", TOMORROW, "0001-01-01", "9999-12-31"),
            ("1990-01-01", TODAY),
        )
        for path in ("/v1/read-log/findings", "/v1/reports/findings")
        for name in ("from", "to")
    ),
    *(
        Case(
            f"GET {path} {name}",
            lambda d, day, path=path, name=name: d.client.get(
                path.format(account=d.account(), institution=d.hospital), params={name: day}
            ),
            outside,
            inside,
        )
        for path, name, outside, inside in (
            ("/v1/accounts/{account}/balance", "as_of", (TOMORROW, "9999-12-31"), ("0001-01-01", TODAY)),
            ("/v1/accounts/{account}/explain", "as_of", (TOMORROW, "9999-12-31"), ("0001-01-01", TODAY)),
            ("/v1/reports/trial-balance", "on", ("1989-12-31", TOMORROW), ("1990-01-01", TODAY)),
            ("/v1/reports/undeclared", "period", ("1989-12", "2026-12", "0001-01"), ("1990-01", "2026-11")),
            (
                "/v1/institutions/{institution}/statement",
                "month",
                ("1989-12", "2026-12", "0001-01"),
                ("1990-01", "2026-11"),
            ),
        )
    ),
    # -- those who leave
    Case(
        "POST /v1/transfers insured_from",
        lambda d, day: d.post("/v1/transfers", out_body(d.rich(), insured_from=day)),
        ("1989-12-31", TOMORROW, *ODD),
        (TODAY, "2026-01-01"),
    ),
    Case(
        "POST /v1/transfers/{transfer}/complete paid_on",
        lambda d, day: send_answer(d.client, request_out(d.client, d.rich()), day),
        ("2026-03-19", TOMORROW, *ODD),
        ("2026-03-20", TODAY),
    ),
    Case(
        "POST /v1/transfers/{transfer}/complete received_on",
        lambda d, day: come_answer(d.client, d.announced(), "1.00", day),
        ("2019-12-31", TOMORROW, *ODD),
        (OPENED, TODAY),
    ),
    Case(
        "POST /v1/transfers/{transfer}/supplements received_on",
        lambda d, day: supplement_answer(d.client, d.sent("2026-05-20"), "1.00", received_on=day),
        ("2026-05-19", "1989-12-31", TOMORROW, *ODD),
        ("2026-05-20", TODAY),
    ),
    Case(
        "POST /v1/transfers/{transfer}/supplements period",
        lambda d, month: supplement_answer(d.client, d.sent("2026-05-20"), "1.00", period=month),
        ("2019-12", "2026-04", "2026-12", "1989-12"),
        ("2020-01", "2026-03"),
    ),
    Case(
        "POST /v1/accounts/{account}/exits paid_on",
        lambda d, day: exit_answer(d.client, d.rich(), day),
        ("2026-03-19", TOMORROW, *ODD),
        ("2026-03-20", TODAY),
    ),
    Case(
        "POST /v1/demands/{demand}/instalments paid_on",
        lambda d, day: instalment_answer(d.client, demand(d.client, d.rich(), "1.00"), "1.00", paid_on=day),
        ("1989-12-31", TOMORROW, *ODD),
        ("1990-01-01", TODAY),
    ),
]
IDS = [f"{number} {case.place}" for number, case in enumerate(CASES)]


@pytest.fixture(scope="module")
def doors(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    folder = tmp_path_factory.mktemp("api")
    with running(engine, folder) as client:
        office = Office(engine, tmp_path_factory.mktemp("office"))
        # the same people for both
        office.world.keyring = client.app.state.ledger.keyring  # type: ignore[attr-defined]  # Starlette's app
        yield Doors(client, office, folder / "keys")


def told(answer: Any) -> tuple[str | None, str]:
    """The code that an answer refuses with, and the field that it names."""
    if answer is None or isinstance(answer, str):
        return answer, ""
    if answer.status_code == 200 and "outcomes" in (answer.json() if answer.text.startswith("{") else {}):
        (outcome,) = answer.json()["outcomes"]
        errors = outcome.get("errors") or [{}]
        return outcome.get("code"), errors[0].get("pointer") or errors[0].get("parameter", "")
    if answer.status_code < 300:
        body = answer.json()
        # a list is answered line by line
        codes = [
            line["code"] for line in body.get("lines", ()) if isinstance(line, dict) and line.get("code")
        ]
        return (codes[0] if codes else None), ""
    problem = answer.json()
    errors = problem.get("errors") or [{}]
    return problem["code"], errors[0].get("pointer") or errors[0].get("parameter", "")


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_day_just_outside_is_refused_and_named(doors: Doors, case: Case) -> None:
    field = case.place.rsplit(" ", 1)[1]
    for day in case.outside:
        code, pointer = told(case.send(doors, day))
        assert code == "period_invalid", day
        assert not pointer or pointer.rstrip("/").rsplit("/", 1)[-1] == field, (day, pointer)
        assert pointer or case.place.startswith("file ") or field == "period", "the field is named"


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_day_on_the_edge_is_taken(doors: Doors, case: Case) -> None:
    for day in case.inside:
        code, _pointer = told(case.send(doors, day))
        assert code is None or code in case.refused, day


def test_each_bound_that_refuses_is_tried_at_a_door() -> None:
    tried = {case.place for case in CASES}
    elsewhere = {
        # refused by rules of their own, and tried where these are
        "BIRTH_DATE", "CARE_YEAR", "FINISHED_YEAR", "REPAIRED_DAY", "RECOVERED_ON", "SAMPLED_ON", "SHOWN",
        "OLDER_RETIREE_MONTH", "SWEPT_ON", "INTEREST_CORRECTED",
    }  # fmt: skip
    assert {name for name, bound in TABLE.items() if not tried & set(bound.sent)} == elsewhere
