"""Whoever holds a document asks whether it is genuine: by its code, or by its signature and the open keys."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from starlette.datastructures import Headers

from api.http import per_address
from api.http.errors import Declined
from api.http.per_address import PerAddress, address_of
from ledger.book.numbers import account_no, check_character
from ledger.documents import codes
from tests.support.api_client import contribute, key, open_account, running, spending
from tests.support.care_client import new_institution, new_patient, on, reverse, settle
from tests.support.documents_client import YEAR, ask, checked, content, data, printed
from tests.support.employer_client import adjust, hire, new_employer, owe, pay, refusal
from tests.support.people import DOCUMENT_KEY, KEYRING

SPAN = {"from": "2026-01-05", "to": "2026-11-21"}
EVERY = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.fixture(autouse=True)
def _from_elsewhere(client: TestClient) -> None:
    """Each test asks from an address of its own."""
    client.app.state.ledger.checks.forget()  # type: ignore[attr-defined]  # the app of the client


def somebody(client: TestClient) -> str:
    account = str(open_account(client)["account_no"])
    contribute(client, account, "160.00")
    return account


def made_of(client: TestClient, account: str, **more: Any) -> Any:
    return printed(client, f"/v1/accounts/{account}", kind="account_list", **SPAN, **more)


def plainly(client: TestClient, code: str, **headers: str) -> Any:
    """A check by somebody without a token."""
    return client.get(f"/v1/checks/{code}", headers={"Authorization": "", **headers})


# -- by its code ---------------------------------------------------------------------------------------------


def test_a_check_says_what_it_says_and_no_more(client: TestClient) -> None:
    person = open_account(client, name="诸葛孔明")
    contribute(client, person["account_no"], "160.00")
    made = made_of(client, person["account_no"])
    answer = plainly(client, made["verification_code"])
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "genuine": True,
            "kind": "account_list",
            "issued_on": "2026-11-21",
            "period": SPAN,
            "totals": {"opening": "0.00", "income": "160.00", "spending": "0.00", "closing": "160.00"},
            "state": "unchanged",
            "corrected_on": None,
        },
    )
    for secret in ("诸葛", person["number"], person["account_no"], made["document"], made["serial"]):
        assert secret not in answer.text
    # as it is read off paper
    typed = made["verification_code"].lower()
    assert plainly(client, f"{typed[:4]}-{typed[4:8]} {typed[8:]}").json()["genuine"] is True


def test_a_code_that_nobody_was_given(client: TestClient) -> None:
    answer = plainly(client, codes.new_code())
    assert answer.json() == {
        "genuine": False,
        **dict.fromkeys(("kind", "issued_on", "period", "totals", "state", "corrected_on")),
    }


def test_every_slip_is_found_before_the_database_is_asked(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = made_of(client, somebody(client))["verification_code"]

    def never(*_arguments: Any) -> None:
        raise AssertionError("nobody is asked for a code with a slip")

    monkeypatch.setattr("api.inquiry.checks.check_code", never)
    slips = {code[:at] + other + code[at + 1 :] for at in range(len(code)) for other in EVERY} - {code}
    slips |= {code[:at] + code[at + 1] + code[at] + code[at + 2 :] for at in range(len(code) - 1)} - {code}
    slips |= {code[:-1], code + "A", code[1:], "", "x", "张" * 16, code[:-1] + "！", "%00" * 16}
    for slip in slips - {""}:
        assert refusal(plainly(client, slip)) == (422, "verification_code_invalid"), slip
    assert len(slips) > 35 * len(code)


def test_every_code_that_is_given_out_finds_all_slips() -> None:
    for _ in range(200):
        code = codes.new_code()
        assert codes.read_code(code) == code
        for at in range(len(code) - 1):
            swapped = code[:at] + code[at + 1] + code[at] + code[at + 2 :]
            assert swapped == code or check_character(swapped[:-1]) != swapped[-1]


def test_a_check_character_by_hand() -> None:
    """ISO 7064 MOD 37,36, by an example of others: the release identifier A1-2425G-ABC1234002-M."""
    assert check_character("A12425GABC1234002") == "M"
    assert check_character(account_no(16_483_920_174_650)[:-1]) == account_no(16_483_920_174_650)[-1]


def test_serial_numbers_can_be_told_from_each_other() -> None:
    serials = {codes.new_serial(date(2026, 11, 21)) for _ in range(500)}
    assert len(serials) == 500
    for serial in serials:
        body, check = serial.replace("-", "")[:-1], serial[-1]
        assert check_character(body) == check
        # nobody takes it for another when it is read out or typed
        assert not set(serial.replace("-", "")[9:]) & set("01AEIOUY"), serial


# -- how often -----------------------------------------------------------------------------------------------


def test_one_address_asks_sixty_times_a_minute(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    checks = client.app.state.ledger.checks  # type: ignore[attr-defined]  # the app of the client
    monkeypatch.setattr(checks, "_clock", lambda: now)
    code = codes.new_code()
    for _ in range(60):
        assert plainly(client, code).status_code == 200
    # what has a slip costs nothing, and is not counted
    assert plainly(client, "X" + code[1:] if code[0] != "X" else "Y" + code[1:]).status_code == 422
    late = plainly(client, code)
    assert refusal(late) == (429, "too_many_requests")
    assert 1 <= int(late.headers["retry-after"]) <= 60
    now += 59.9
    assert plainly(client, code).status_code == 429
    now += 0.2
    assert plainly(client, code).status_code == 200


class _Request:
    def __init__(self, host: str, *forwarded: str) -> None:
        self.client = type("Client", (), {"host": host})
        self.headers = Headers(raw=[(b"x-forwarded-for", one.encode()) for one in forwarded])


@pytest.mark.parametrize(
    ("host", "forwarded", "address"),
    [
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        # what a proxy on this machine says it was, by its last word
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "10.0.0.1, 198.51.100.1", "198.51.100.1"),
        ("::1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "10.0.0.1,198.51.100.1 ,", "198.51.100.1"),
        ("127.0.0.1", "nobody", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "", "203.0.113.7"),
        ("testclient", "198.51.100.1", "testclient"),
    ],
)
def test_from_where_a_call_comes(host: str, forwarded: str, address: str) -> None:
    request: Any = _Request(host, forwarded)
    assert address_of(request) == address


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        (("10.0.0.1", "198.51.100.1"), "198.51.100.1"),
        (("10.0.0.1, 10.0.0.2", "198.51.100.1"), "198.51.100.1"),
        (("10.0.0.1", "10.0.0.2, 198.51.100.1"), "198.51.100.1"),
        (("10.0.0.1", "10.0.0.2", "2001:db8:1:2::7"), "2001:db8:1:2::/64"),
        (("10.0.0.1", ""), "10.0.0.1"),
        # what the proxy itself could not name is not looked for before it
        (("10.0.0.1", "unknown"), "127.0.0.1"),
        ((), "127.0.0.1"),
    ],
)
def test_lines_of_one_header_are_one_list(lines: tuple[str, ...], address: str) -> None:
    """What a caller says before its proxy does counts for nothing, in whatever line it stands."""
    request: Any = _Request("127.0.0.1", *lines)
    assert address_of(request) == address


def test_no_line_before_that_of_the_proxy_gives_more_calls(client: TestClient) -> None:
    proxy = TestClient(client.app, client=("127.0.0.1", 50_000))
    answers = [
        proxy.get(
            f"/v1/checks/{codes.new_code()}",
            headers=[("X-Forwarded-For", f"203.0.113.{number}"), ("X-Forwarded-For", "198.51.100.9")],
        ).status_code
        for number in range(61)
    ]
    assert (answers[:60], answers[60]) == ([200] * 60, 429)


def test_addresses_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(per_address, "ADDRESSES_MAX", 3)
    limit = PerAddress(2, clock=lambda: 0.0)
    for address in ("a", "a", "b", "c", "d", "e"):
        limit.count(address)
    assert len(limit._seen) == 3
    limit.count("e")
    with pytest.raises(Declined):
        limit.count("e")


# -- corrected since -----------------------------------------------------------------------------------------


def test_a_reversal_of_a_printed_entry_is_a_correction(client: TestClient) -> None:
    account = somebody(client)
    base = f"/v1/accounts/{account}"
    spent = client.post(f"{base}/spendings", json=spending(amount="50.00"), headers=key()).json()["entry"]
    made = made_of(client, account)
    early = printed(client, base, kind="account_list", **{"from": "2026-01-05", "to": "2026-04-01"})
    year = printed(client, base, kind="yearly_statement", year=2026)
    # what comes later is no correction of what was
    later = client.post(f"{base}/spendings", json=spending(amount="1.00"), headers=key()).json()["entry"]
    client.post(f"/v1/entries/{later}/reversal", json={"reason": "x"}, headers=key())
    assert checked(client, made)["state"] == "unchanged"
    with on(client, date(2026, 11, 25)):
        answer = client.post(f"/v1/entries/{spent}/reversal", json={"reason": "x"}, headers=key())
        assert answer.status_code == 201
    for one in (made, year):
        told = checked(client, one)
        assert (told["genuine"], told["state"], told["corrected_on"]) == (True, "corrected", "2026-11-25")
        assert told["totals"]["spending"] == "50.00"
    assert checked(client, early)["state"] == "unchanged"
    # printed anew it stands as it is
    with on(client, date(2026, 11, 25)):
        assert checked(client, made_of(client, account))["state"] == "unchanged"


def test_a_settlement_that_was_taken_back_is_a_correction_of_its_sheet(client: TestClient) -> None:
    hospital, patient = new_institution(client), new_patient(client, "500.00")
    first, second = (settle(client, hospital, patient, [("A", "100.00")])["settlement"] for _ in range(2))
    one, other = (
        printed(client, f"/v1/accounts/{patient}", kind="settlement_sheet", settlement=name)
        for name in (first, second)
    )
    reverse(client, second)
    assert checked(client, one)["state"] == "unchanged"
    told = checked(client, other)
    assert (told["state"], told["corrected_on"]) == ("corrected", "2026-11-21")


def test_an_adjusted_month_is_a_correction_of_the_lists_that_have_it(client: TestClient) -> None:
    employer, person, colleague = new_employer(client), hire(client), hire(client)
    for month in ("2026-03", "2026-04"):
        owe(client, employer, month, {person: "8000.00", colleague: "8000.00"})
        pay(client, employer, month, "1520.00", "2026-05-10")
    march = {"from": "2026-03-01", "to": "2026-03-31"}
    mine = printed(client, f"/v1/accounts/{person}", kind="payment_list", **march)
    proof = printed(client, f"/v1/accounts/{person}", kind="insured_proof")
    theirs = printed(client, f"/v1/accounts/{colleague}", kind="payment_list", **march)
    unit = printed(client, f"/v1/employers/{employer}", kind="payment_list", **march)
    april = printed(
        client, f"/v1/employers/{employer}", kind="payment_list", **{"from": "2026-04-01", "to": "2026-04-30"}
    )
    adjust(client, employer, "2026-03", {person: "8500.00"})
    for made, state in (
        (mine, "corrected"),
        (proof, "corrected"),
        (unit, "corrected"),
        (theirs, "unchanged"),
        (april, "unchanged"),
    ):
        assert checked(client, made)["state"] == state


def test_a_later_payment_corrects_nothing(client: TestClient) -> None:
    employer, person = new_employer(client), hire(client)
    owe(client, employer, "2026-03", {person: "8000.00"})
    pay(client, employer, "2026-03", "380.00", "2026-05-10")
    made = printed(client, f"/v1/accounts/{person}", kind="payment_list", **YEAR)
    pay(client, employer, "2026-03", "380.00", "2026-06-10")
    assert checked(client, made)["state"] == "unchanged"


# -- by its signature ----------------------------------------------------------------------------------------


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verified(jws: dict[str, str], keys: list[dict[str, str]]) -> Any:
    """The payload, verified against the open keys and nothing else."""
    header = json.loads(decoded(jws["protected"]))
    [jwk] = [one for one in keys if one["kid"] == header["kid"]]
    assert (header["alg"], jwk["kty"], jwk["crv"]) == ("EdDSA", "OKP", "Ed25519")
    public = Ed25519PublicKey.from_public_bytes(decoded(jwk["x"]))
    public.verify(decoded(jws["signature"]), f"{jws['protected']}.{jws['payload']}".encode())
    return json.loads(decoded(jws["payload"]))


def open_keys(client: TestClient) -> list[dict[str, str]]:
    answer = client.get("/v1/document-keys", headers={"Authorization": ""})
    assert answer.status_code == 200
    keys: list[dict[str, str]] = answer.json()["keys"]
    return keys


def test_the_data_are_verified_against_the_open_keys_alone(client: TestClient) -> None:
    made = made_of(client, somebody(client))
    jws = json.loads(content(client, made))
    assert set(jws) == {"payload", "protected", "signature"}
    told = verified(jws, open_keys(client))
    assert (told["kind"], told["serial"]) == ("account_list", made["serial"])
    assert told["verification_code"] == made["verification_code"]
    assert (told["period"], told["totals"]["closing"]) == (SPAN, "160.00")
    # without LEDGER_PUBLIC_URL there is no address
    assert told["check_address"] == ""
    # by another library, as a compact one
    key_ = jwt.PyJWK(open_keys(client)[0])
    compact = f"{jws['protected']}.{jws['payload']}.{jws['signature']}"
    assert jwt.api_jws.decode(compact, key_, algorithms=["EdDSA"]) == decoded(jws["payload"])


def test_data_that_were_changed_are_found(client: TestClient) -> None:
    jws = json.loads(content(client, made_of(client, somebody(client))))
    other = json.loads(content(client, made_of(client, somebody(client))))
    forged = decoded(jws["payload"]).replace(b"160.00", b"960.00")
    assert forged != decoded(jws["payload"])
    payload = base64.urlsafe_b64encode(forged).rstrip(b"=").decode()
    for wrong in (jws | {"payload": payload}, jws | {"signature": other["signature"]}):
        with pytest.raises(InvalidSignature):
            verified(wrong, open_keys(client))


def test_no_private_part_of_a_key_is_told(client: TestClient) -> None:
    for one in open_keys(client):
        assert set(one) == {"kty", "crv", "x", "use", "alg", "kid"}
        assert decoded(one["x"]) != DOCUMENT_KEY
    assert [one["kid"] for one in open_keys(client)] == list(KEYRING.document_keys)


@pytest.fixture
def rotated(fresh_engine: Engine, tmp_path: Path) -> Iterator[tuple[TestClient, Any, list[dict[str, str]]]]:
    """A service after its key was changed, a document of before, and the keys of before."""
    with running(fresh_engine, tmp_path) as client:
        made = made_of(client, somebody(client))
        before = open_keys(client)
    (tmp_path / "keys/document-2.key").write_bytes(base64.b64encode(b"n" * 32) + b"\n")
    (tmp_path / "keys/document-2.key").chmod(0o600)
    with running(fresh_engine, tmp_path) as client:
        yield client, made, before


def test_keys_of_before_are_published_for_as_long_as_documents_name_them(
    rotated: tuple[TestClient, Any, list[dict[str, str]]],
) -> None:
    client, made, before = rotated
    keys = open_keys(client)
    assert (len(keys), keys[1:]) == (2, before)
    old = json.loads(content(client, made))
    assert verified(old, keys)["serial"] == made["serial"]
    new = json.loads(content(client, made_of(client, somebody(client))))
    assert json.loads(decoded(new["protected"]))["kid"] == keys[0]["kid"]
    assert verified(new, keys)
    with pytest.raises(ValueError, match="unpack"):
        verified(new, before)


def test_the_public_address_stands_on_documents(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_PUBLIC_URL", "https://ledger.example.org/open/")
    with running(engine, tmp_path) as client:
        made = made_of(client, somebody(client))
        address = data(client, made)["check_address"]
    assert address == f"https://ledger.example.org/open/v1/checks/{made['verification_code']}"


@pytest.mark.parametrize("form", ["csv", "html", "xlsx", "pdf"])
def test_without_a_public_address_nothing_is_said_of_one(client: TestClient, form: str) -> None:
    made = made_of(client, somebody(client), form=form)
    told = str(content(client, made))
    if form == "csv":
        told = content(client, made).decode("utf-8-sig")
        assert "凭核验码可以核验本单真伪" in told
    for word in ("/v1/checks", "核验网址", "扫描", "验证码"):
        assert word not in told


def test_a_forged_address_leads_nowhere(client: TestClient) -> None:
    """A QR that somebody made holds a code that nobody was given, or one with a slip."""
    made = made_of(client, somebody(client))
    answer = ask(client, f"/v1/accounts/{somebody(client)}", kind="account_list", **SPAN)
    assert answer.json()["verification_code"] != made["verification_code"]
    forged = codes.new_code()
    assert plainly(client, forged).json()["genuine"] is False
