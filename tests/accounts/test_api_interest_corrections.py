"""Interest that was posted by wrong rates is corrected over HTTP."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from api.accounts.interest import InterestCorrectionAnswer
from ledger.book.numbers import account_no
from tests.accounts.test_interest_corrections import RIGHT_2025, posted_wrongly
from tests.support.api_client import key, open_account, running
from tests.support.employer_client import refusal, taken
from tests.support.people import World


def test_over_http(engine: Engine, tmp_path: Any) -> None:
    with running(engine, tmp_path) as client:
        account = str(open_account(client, opened_on="2025-01-01")["account_no"])
        path = f"/v1/accounts/{account}/interest/corrections"
        body = {"from": 2025, "to": 2025, "reason": "rates"}
        assert refusal(client.post(path, json=body, headers=key())) == (422, "period_invalid")
        world = World(engine)
        book = posted_wrongly(world, "0.0000", (2025,))
        path = f"/v1/accounts/{account_no(book)}/interest/corrections"
        once = key()
        answer = client.post(path, json=body, headers=once)
        told = taken(answer, InterestCorrectionAnswer)
        assert (told["amount"], told["years"][0]["year"]) == (RIGHT_2025, "2025")
        again = client.post(path, json=body, headers=once)
        assert (again.headers["Idempotent-Replayed"], again.json()) == ("true", told)
        assert refusal(client.post(path, json=body, headers=key())) == (409, "nothing_to_correct")
        entry = client.get(f"/v1/entries/{told['years'][0]['entry']}").json()
        assert (entry["kind"], entry["period"], entry["fact_on"]) == (
            *("interest_correction", "2025"),
            "2025-12-31",
        )
