"""The address at which a document is checked: a setting's, of the demo its own, and else none."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ledger.documents.issuing import named
from ledger.operations import demo
from ledger.settings import Settings
from tests.support.people import SomeoneFactory
from tests.support.service import Service

NOW = datetime(2026, 11, 21, 4, tzinfo=UTC)


def test_without_a_setting_there_is_no_address() -> None:
    assert named("", NOW).issue.check_address == ""
    issue = named("https://ledger.example.org", NOW).issue
    assert issue.check_address == f"https://ledger.example.org/v1/checks/{issue.verification_code}"


def test_the_demo_takes_its_own_address_unless_one_is_set(tmp_path: Path) -> None:
    settings = Settings.load(tmp_path, demo=True)
    assert settings.check_url == ""
    assert demo.checked_at(settings, "http://127.0.0.1:8123").check_url == "http://127.0.0.1:8123"
    told = replace(settings, public_url="https://ledger.example.org")
    assert demo.checked_at(told, "http://127.0.0.1:8123") == told


@pytest.mark.slow
@pytest.mark.sqlite
def test_a_document_of_the_demo_is_checked_at_the_demo(tmp_path: Path) -> None:
    service = Service(tmp_path / "data")
    service.start()
    try:
        someone = SomeoneFactory()
        body = {
            "id_number": someone.id_number,
            "name": someone.name,
            "area": "990100",
            "opened_on": "2024-01-01",
        }
        status, account, _ = service.call("POST", "/v1/accounts", body, "k1")
        assert status == 201
        wanted = {"kind": "insured_proof", "format": "json"}
        path = f"/v1/accounts/{account['account_no']}/documents"
        status, made, _ = service.call("POST", path, wanted)
        assert status == 201
        _status, jws, _ = service.call("GET", f"/v1/documents/{made['document']}")
    finally:
        service.stop()
    payload = json.loads(base64.urlsafe_b64decode(jws["payload"] + "=" * (-len(jws["payload"]) % 4)))
    address = f"http://127.0.0.1:{service.port}/v1/checks/{made['verification_code']}"
    assert payload["check_address"] == address
