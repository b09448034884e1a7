"""Medical care over HTTP, for tests: institutions, bills, visits, quotas.

    hospital = new_institution(client, level=3)
    patient = new_patient(client, "500.00")
    settled = settle(client, hospital, patient, [("A", "700.00"), ("B", "200.00"), ("C", "100.00")])

Every answer that is taken is held against what the OpenAPI document publishes of it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from api.accounts.mutual_aid import QuotaAnswer
from api.care.settlement_answers import QuoteAnswer, SettlementAnswer, TakenBack
from api.care.visits import VisitAnswer
from api.institutions.institutions import ContractAnswer, InstitutionAnswer
from ledger.access.tokens import SCOPES, mint
from ledger.policy import load_policy
from tests.support.api_client import AREA, contribute, key, open_account
from tests.support.employer_client import taken
from tests.support.people import hold

CARE_DAY = "2026-03-10"
NAME = "示例医院"
SERVICES = ("outpatient", "inpatient", "pharmacy", "chronic")
_codes = itertools.count(1)
_messages = itertools.count(1)
_bills = itertools.count(1)

# class, amount; then what of it is above the limit, and of class B the personal share, a tenth unless said
LineText = tuple[str, ...]


def code() -> str:
    """A code that no institution has."""
    return f"N{next(_codes):05d}"


def message() -> str:
    """A message that was not sent before."""
    return f"m-{next(_messages):06d}"


def institution_body(**more: Any) -> dict[str, Any]:
    return {"code": code(), "name": NAME, "kind": "hospital", "level": 3, "area": AREA} | more


def new_institution(client: TestClient, *, services: Sequence[str] | None = None, **more: Any) -> str:
    """The code of a new institution with one contract; none with `services=()`."""
    answer = client.post("/v1/institutions", json=institution_body(**more), headers=key())
    made = str(taken(answer, InstitutionAnswer)["institution"])
    if services is None:
        # nobody lies in a pharmacy
        services = [one for one in SERVICES if more.get("kind") != "pharmacy" or one != "inpatient"]
    if services:
        contract(client, made, services=list(services))
    return made


def contract(client: TestClient, institution: str, **more: Any) -> Any:
    body = {"from": "2000-01-01", "services": list(SERVICES)} | more
    answer = client.post(f"/v1/institutions/{institution}/contracts", json=body, headers=key())
    return taken(answer, ContractAnswer)


def new_patient(client: TestClient, balance: str = "0.00", **more: Any) -> str:
    """The ID number of somebody who just got an account with so much in it."""
    person = open_account(client, opened_on="2026-01-01", **more)
    if balance != "0.00":
        contribute(client, person["number"], balance)
    return str(person["number"])


def new_resident(client: TestClient, number: str) -> str:
    """The same number, now of somebody insured as a resident."""
    body = {"id_number": number, "name": "李小明", "area": AREA, "from": "2026-01-01"}
    answer = client.post("/v1/residents", json=body, headers=key())
    assert answer.status_code == 201, answer.text
    return number


def lines(*texts: LineText) -> list[dict[str, str]]:
    found = []
    for number, (line_class, amount, *rest) in enumerate(texts, start=1):
        line = {"item": f"X{number:04d}", "class": line_class, "amount": amount}
        if rest:
            line["over_limit"] = rest[0]
        if line_class == "B":
            line["self_pay_ratio"] = rest[1] if len(rest) > 1 else "0.10"
        found.append(line)
    return found


def bill(institution: str, patient: str, texts: Sequence[LineText], **more: Any) -> dict[str, Any]:
    """The body of a settlement; its bill has a number of its own, so that no two are the same by chance."""
    return {
        "bill_no": f"no-{next(_bills)}",
        "institution": institution,
        "message_id": message(),
        "id_number": patient,
        "care_type": "outpatient",
        "care_date": CARE_DAY,
        "lines": lines(*texts),
        **more,
    }


def send(client: TestClient, body: dict[str, Any], **more: Any) -> Any:
    """The plain answer to a settlement."""
    return client.post("/v1/settlements", json=body, **more)


def settle(client: TestClient, institution: str, patient: str, texts: Sequence[LineText], **more: Any) -> Any:
    return taken(send(client, bill(institution, patient, texts, **more)), SettlementAnswer)


def quote(client: TestClient, body: dict[str, Any]) -> Any:
    return taken(client.post("/v1/settlements/quote", json=body), QuoteAnswer)


def reverse(client: TestClient, settlement: str, **more: Any) -> Any:
    path = f"/v1/settlements/{settlement}/reversal"
    return taken(client.post(path, json={"reason": "test"} | more, headers=key()), TakenBack)


def correct(client: TestClient, institution: str, message_id: str) -> Any:
    """The plain answer to a correction."""
    body = {"institution": institution, "message_id": message_id}
    return client.post("/v1/settlements/correction", json=body)


def visit(client: TestClient, institution: str, patient: str, care_type: str = "inpatient") -> str:
    body = {"institution": institution, "id_number": patient, "care_type": care_type, "from": CARE_DAY}
    answer = client.post("/v1/visits", json=body, headers=key())
    return str(taken(answer, VisitAnswer)["visit"])


def give(client: TestClient, donor: str, recipient: str, amount: str, rank: int = 1, **more: Any) -> Any:
    body = {"recipient": recipient, "relation": "child", "amount": amount, "rank": rank} | more
    answer = client.post(f"/v1/accounts/{donor}/quotas", json=body, headers=key())
    return taken(answer, QuotaAnswer)


def end(client: TestClient, quota: str) -> Any:
    answer = client.post(f"/v1/quotas/{quota}/end", json={}, headers=key())
    assert answer.status_code == 201, answer.text
    return answer.json()


def shown(client: TestClient, person: str) -> Any:
    """The balance of somebody's account."""
    return client.get(f"/v1/accounts/{person}/balance").json()


@contextmanager
def on(client: Any, day: date, *, minutes: int = 0) -> Iterator[None]:
    """Let it be another day for the service, or the same day a while later."""
    state = client.app.state.ledger
    clocks = (state, "clock"), (state.writer, "_clock"), (state.office, "_clock")
    before = [getattr(*place) for place in clocks]
    now = datetime.combine(day, time(4, minutes % 60), UTC) + timedelta(hours=minutes // 60)
    for place in clocks:
        setattr(*place, lambda: (now, day))
    try:
        yield
    finally:
        for place, clock in zip(clocks, before, strict=True):
            setattr(*place, clock)


@contextmanager
def rule(client: Any, **values: str) -> Iterator[None]:
    """Let the area have other values; of a name with points in it, `__` stands for one."""
    policies = client.app.state.ledger.policies
    policy = policies[int(AREA)]
    text = policy.text
    for name, value in values.items():
        parameter = re.escape(name.replace("__", "."))
        text, found = re.subn(rf'(name = "{parameter}"\nunit = ".*"\nvalue = )".*"', rf'\1"{value}"', text)
        assert found, name
    engine = client.app.state.ledger.engine
    policies[int(AREA)] = load_policy(text, "changed")
    hold(engine, policies)
    try:
        yield
    finally:
        policies[int(AREA)] = policy
        hold(engine, policies)


@contextmanager
def without(client: Any, name: str, *, until: str) -> Iterator[None]:
    """Let the area have no value of a parameter up to a day."""
    policies = client.app.state.ledger.policies
    policy = policies[int(AREA)]
    first = (date.fromisoformat(until) + timedelta(days=1)).isoformat()
    line = rf'(name = "{re.escape(name)}"\nunit = ".*"\nvalue = ".*"\nfrom = )2000-01-01'
    text, found = re.subn(line, rf"\g<1>{first}", policy.text, count=1)
    assert found, name
    engine = client.app.state.ledger.engine
    policies[int(AREA)] = load_policy(text, "changed")
    hold(engine, policies)
    try:
        yield
    finally:
        policies[int(AREA)] = policy
        hold(engine, policies)


def bound(folder: Path, institution: str, scopes: Sequence[str] = SCOPES) -> dict[str, str]:
    """The headers of a token that reaches one institution."""
    now = datetime.now(UTC)
    made = mint(folder / "keys", scopes, "his", "clerk", now, timedelta(hours=1), institution=institution)
    return key() | {"Authorization": f"Bearer {made}"}
