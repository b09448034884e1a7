"""An employer and its staff over HTTP, for tests: registered, hired, declared, confirmed, paid.

    employer = new_employer(client)
    person = hire(client)
    declared = declare(client, employer, "2026-03", {person: "8000.00"})
    confirm(client, declared)
    pay(client, employer, "2026-03", "760.00", "2026-04-10")

Every answer is held against what the OpenAPI document publishes of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from fastapi.testclient import TestClient
from pydantic import BaseModel
from sqlalchemy import Engine, func, select

from api.contributions.answers import (
    AdjustmentAnswer,
    ConfirmationAnswer,
    DeclarationAnswer,
    EmployerAnswer,
    PaymentAnswer,
)
from ledger import tables
from tests.support.api_client import AREA, key, open_account
from tests.support.units import credit_code

NAME = "示例制造有限公司"
_refs = itertools.count(1)


def ref() -> str:
    """A document that was not booked before."""
    return f"collector-{next(_refs)}"


def employer_body(**more: Any) -> dict[str, Any]:
    return {"credit_code": credit_code(), "name": NAME, "area": AREA} | more


def new_employer(client: TestClient, **more: Any) -> str:
    """The credit code of an employer that was just registered."""
    answer = client.post("/v1/employers", json=employer_body(**more), headers=key())
    return str(taken(answer, EmployerAnswer)["employer"])


def hire(client: TestClient, *, opened_on: str = "2020-01-01", **more: Any) -> str:
    """The ID number of somebody who just got an account."""
    return str(open_account(client, opened_on=opened_on, **more)["number"])


def wages(of: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"id_number": number, "wage": wage} for number, wage in of.items()]


def declare(client: TestClient, employer: str, period: str, of: Mapping[str, str]) -> Any:
    """Hand in a list of wages by ID number; the preview."""
    path = f"/v1/employers/{employer}/declarations"
    answer = client.post(path, json={"period": period, "lines": wages(of)}, headers=key())
    return taken(answer, DeclarationAnswer)


def confirm(client: TestClient, declared: Any) -> Any:
    path = f"/v1/declarations/{declared['declaration']}/confirm"
    return taken(client.post(path, json={}, headers=key()), ConfirmationAnswer)


def owe(client: TestClient, employer: str, period: str, of: Mapping[str, str]) -> Any:
    """Hand in a list and confirm it."""
    return confirm(client, declare(client, employer, period, of))


def receipt_body(employer: str, period: str | None, amount: str, received_on: str) -> dict[str, Any]:
    return {
        "employer": employer,
        "period": period,
        "amount": amount,
        "received_on": received_on,
        "source_ref": ref(),
    }


def pay(client: TestClient, employer: str, period: str | None, amount: str, received_on: str) -> Any:
    """Pay; where the money went."""
    body = receipt_body(employer, period, amount, received_on)
    return taken(client.post("/v1/receipts", json=body, headers=key()), PaymentAnswer)


def adjust(client: TestClient, employer: str, period: str, of: Mapping[str, str]) -> Any:
    path = f"/v1/employers/{employer}/adjustments"
    body = {"period": period, "reason": "typed wrongly", "lines": wages(of)}
    return taken(client.post(path, json=body, headers=key()), AdjustmentAnswer)


def taken(answer: Any, model: type[BaseModel], status: int = 201) -> Any:
    """The body of an answer to something that was taken."""
    assert answer.status_code == status, answer.text
    model.model_validate(answer.json())
    return answer.json()


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def balance(client: TestClient, person: str) -> str:
    return str(client.get(f"/v1/accounts/{person}/balance").json()["balance"])


def rows(engine: Engine) -> dict[str, int]:
    """How many rows each table has, but for the log of who looked."""
    with engine.connect() as connection:
        return {
            name: connection.scalar(select(func.count()).select_from(table)) or 0
            for name, table in tables.metadata.tables.items()
            if table.info["room"] != "reads"
        }
