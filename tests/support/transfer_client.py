"""Transfers, exits and demands over HTTP, for tests.

name = request_out(client, person)
send(client, name, "2026-04-10")
"""

from __future__ import annotations

import itertools
from typing import Any

from fastapi.testclient import TestClient

from api.transfers.answers import (
    CompletedTransfer,
    DemandReceipt,
    ExitAnswer,
    NewDemandAnswer,
    SupplementAnswer,
    TransferAnswer,
    TransferView,
)
from tests.support.api_client import TODAY, key
from tests.support.approval_client import by_two
from tests.support.employer_client import taken

_refs = itertools.count(1)


def document() -> str:
    """A source document that was not booked before."""
    return f"transfer-{next(_refs)}"


def post(client: TestClient, path: str, body: Any = None, headers: Any = None) -> Any:
    """The plain answer."""
    return client.post(path, json=body, headers=headers or key())


def out_body(person: str, **more: Any) -> dict[str, Any]:
    return {
        "account": person,
        "direction": "out",
        "other_agency": "330100",
        "insured_from": "2026-04-01",
        "document": "application 7",
    } | more


def request_out(client: TestClient, person: str, **more: Any) -> str:
    answer = taken(post(client, "/v1/transfers", out_body(person, **more)), TransferAnswer)
    assert (answer["direction"], answer["status"]) == ("out", "requested")
    return str(answer["transfer"])


def send_answer(client: TestClient, name: str, paid_on: str = TODAY.isoformat(), **more: Any) -> Any:
    body = {"paid_on": paid_on, "source_ref": document()} | more
    return post(client, f"/v1/transfers/{name}/complete", body)


def send(client: TestClient, name: str, paid_on: str = TODAY.isoformat()) -> Any:
    answer = taken(send_answer(client, name, paid_on), CompletedTransfer)
    assert answer["status"] == "sent"
    return answer


def acknowledge(client: TestClient, name: str) -> Any:
    return taken(post(client, f"/v1/transfers/{name}/acknowledge"), TransferAnswer)


def reject(client: TestClient, name: str) -> Any:
    answer = post(client, f"/v1/transfers/{name}/reject", {"reason": "not known there"})
    return taken(answer, TransferAnswer)


def supplement_answer(client: TestClient, name: str, amount: str, **more: Any) -> Any:
    body = {
        "amount": amount,
        "period": "2026-03",
        "received_on": "2026-05-20",
        "source_ref": document(),
    } | more
    return post(client, f"/v1/transfers/{name}/supplements", body)


def supplement(client: TestClient, name: str, amount: str, **more: Any) -> Any:
    return taken(supplement_answer(client, name, amount, **more), SupplementAnswer)


def view(client: TestClient, name: str) -> Any:
    return taken(client.get(f"/v1/transfers/{name}"), TransferView, 200)


def sheet_body(current_year: str, carried_over: str, interest: str, amount: str) -> dict[str, str]:
    return {
        "current_year": current_year,
        "carried_over": carried_over,
        "interest": interest,
        "amount": amount,
    }


def in_body(person: str, sheet: dict[str, str]) -> dict[str, Any]:
    return {
        "account": person,
        "direction": "in",
        "other_agency": "330100",
        "sheet": sheet,
        "document": "sheet 118",
    }


def announce(client: TestClient, person: str, sheet: dict[str, str]) -> str:
    answer = taken(post(client, "/v1/transfers", in_body(person, sheet)), TransferAnswer)
    assert (answer["direction"], answer["status"]) == ("in", "announced")
    return str(answer["transfer"])


def come_answer(client: TestClient, name: str, amount: str, received_on: str, **more: Any) -> Any:
    body = {"received_on": received_on, "amount": amount, "source_ref": document()} | more
    return post(client, f"/v1/transfers/{name}/complete", body)


def come(client: TestClient, name: str, amount: str, received_on: str) -> Any:
    return taken(come_answer(client, name, amount, received_on), CompletedTransfer)


def exit_answer(client: TestClient, person: str, paid_on: str = TODAY.isoformat(), **more: Any) -> Any:
    body = {"case": "settled_abroad", "document": "permit 7", "paid_on": paid_on} | more
    return by_two(client, post(client, f"/v1/accounts/{person}/exits", body))


def leave(client: TestClient, person: str, paid_on: str = TODAY.isoformat()) -> Any:
    """Be paid out. The one place that has to know of a second person, where the area asks for one."""
    return taken(exit_answer(client, person, paid_on), ExitAnswer)


def demand(client: TestClient, person: str, amount: str) -> str:
    body = {"amount": amount, "reason": "paid twice", "document": "decision 77"}
    return str(taken(post(client, f"/v1/accounts/{person}/demands", body), NewDemandAnswer)["demand"])


def set_off(client: TestClient, name: str) -> Any:
    return taken(post(client, f"/v1/demands/{name}/set-off"), DemandReceipt)


def instalment_answer(client: TestClient, name: str, amount: str, **more: Any) -> Any:
    body = {"amount": amount, "paid_on": TODAY.isoformat(), "source_ref": document()} | more
    return post(client, f"/v1/demands/{name}/instalments", body)


def instalment(client: TestClient, name: str, amount: str, **more: Any) -> Any:
    return taken(instalment_answer(client, name, amount, **more), DemandReceipt)
