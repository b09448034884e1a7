"""Somebody finds a look that should not have been, complains, objects to the answer, and is put right."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.chart.channels import AccessChannel
from ledger.verify import verify
from tests.support.api_client import bearer, contribute, key, open_account, spending
from tests.support.case_client import answered, clerk, listed, opened, today, view
from tests.support.inquiry_client import auditor, own

C = AccessChannel


def test_from_a_look_to_a_correction(client: TestClient, engine: Engine, keys: Path) -> None:
    account = open_account(client)
    number, name = account["number"], account["account_no"]
    contribute(client, name)
    wrong = client.post(f"/v1/accounts/{name}/spendings", json=spending(), headers=key()).json()["entry"]
    me = own(client, keys, number)
    curious = bearer(keys, "own_request", channel=C.WINDOW, actor="clerk-nosy")
    assert client.get(f"/v1/accounts/{name}/balance", headers=curious).status_code == 200

    # found in the access log, and complained of online
    log = client.get("/v1/me/access-log", headers=me).json()["items"]
    assert (log[0]["channel"], log[0]["purpose"]) == ("window", "own_request")
    case = opened(client, me, "/v1/me/cases", kind="complaint", channel="online", text="谁查了我的余额？")
    assert case in {one["case"] for one in listed(client, state="open", taken="false", limit=500)}

    # looked into, and answered on the day on which it is due
    client.post(f"/v1/cases/{case}/take", headers=clerk(keys))
    with today(client, date(2026, 12, 11)):
        assert view(client, case, clerk(keys))["overdue"] is False
        answered(client, keys, case, outcome="rejected", text="未发现异常。")
        seen = view(client, case, me, "/v1/me/cases")
        assert (seen["outcome"], seen["answer"], seen["overdue"]) == ("rejected", "未发现异常。", False)
        assert client.post(f"/v1/me/cases/{case}/close", headers=me).json()["state"] == "closed"

    # who does not agree objects, and a booking is put right by another one
    objection = opened(
        client, me, "/v1/me/cases", kind="objection", channel="online", objects_to=case,
        text="还有一笔错账。", about={"account": number},
    )  # fmt: skip
    back = client.post(f"/v1/entries/{wrong}/reversal", json={"reason": "wrong"}, headers=key()).json()[
        "entry"
    ]
    answered(client, keys, objection, outcome="upheld", evidence=["对账单"], corrections=[back])
    told = view(client, objection, me, "/v1/me/cases")
    assert (told["corrections"], told["evidence"], told["objects_to"]) == ([back], ["对账单"], case)
    assert told["rights"] is not None

    # nothing of it is late, and the auditor sees both
    with today(client, date(2027, 2, 1)):
        late = {one["case"] for one in listed(client, auditor(keys), overdue="true", limit=500)}
        assert not late & {case, objection}
        assert view(client, objection, auditor(keys))["answered_by"] == "clerk-9"
    export = client.get("/v1/me/export", headers=me).json()
    assert {one["case"] for one in export["cases"]} == {case, objection}
    app: Any = client.app
    assert verify(engine, keyring=app.state.ledger.keyring).findings == []
