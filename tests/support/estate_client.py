"""Deaths and estates over HTTP, for tests.

die(client, person)
shown = show(client, person, [heir()])
done = divide(client, person, [heir()])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi.testclient import TestClient

from api.accounts.answers import EstateAnswer
from tests.support.api_client import TODAY, id_number, key
from tests.support.employer_client import taken

DIED = "2026-11-20"


def die(client: TestClient, person: str, on: str = DIED) -> Any:
    body = {"died_on": on, "evidence": "certificate"}
    answer = client.post(f"/v1/accounts/{person}/death", json=body, headers=key())
    assert answer.status_code == 201, answer.text
    return answer.json()


def heir(number: str | None = None, relation: str = "child", **more: Any) -> dict[str, str]:
    """Somebody with an ID number, without an account unless the number has one."""
    return {"id_number": number or id_number(), "name": "张三", "relation": relation} | more


def ask(client: TestClient, person: str, heirs: Sequence[Any], *, confirm: bool = False, **more: Any) -> Any:
    """The plain answer."""
    body = {"heirs": list(heirs), "paid_on": TODAY.isoformat(), "confirm": confirm}
    return client.post(f"/v1/accounts/{person}/estate", json=body, headers=key(), **more)


def show(client: TestClient, person: str, heirs: Sequence[Any]) -> Any:
    return taken(ask(client, person, heirs), EstateAnswer, 200)


def divide(client: TestClient, person: str, heirs: Sequence[Any]) -> Any:
    """Show it and confirm it: both say the same."""
    before = show(client, person, heirs)
    done = taken(ask(client, person, heirs, confirm=True), EstateAnswer)
    assert {name: done[name] for name in before} == before
    return done


def open_items(client: TestClient, person: str, heirs: Sequence[Any] = ()) -> list[tuple[str, str, str]]:
    """What an estate is refused for, shown or confirmed alike."""
    heirs = heirs or [heir()]
    found = []
    for confirm in (False, True):
        answer = ask(client, person, heirs, confirm=confirm)
        assert (answer.status_code, answer.json()["code"]) == (409, "open_items"), answer.text
        found.append([(one["what"], one["name"], one["where"]) for one in answer.json()["facts"]["items"]])
    assert found[0] == found[1]
    return found[0]


def amounts(estate: Any) -> list[str]:
    """What each heir gets."""
    return [share["amount"] for share in estate["shares"]]
