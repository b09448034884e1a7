"""Inquiries by telephone: who shows who they are is told, shortly; all others have one and the same no."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, select

from ledger import RefusalCode, Refused, persons, tables
from ledger.book.numbers import book_id_of
from ledger.chart.channels import NOTHING, AccessChannel, FieldGroup
from ledger.inquiry.telephone import SPOKEN_MAX, Ask, Caller, Factor, inquire
from tests.support.api_client import NOW, TODAY, bearer, contribute, id_number, key, open_account, running
from tests.support.employer_client import new_employer, owe, pay
from tests.support.second_numbers import add_alias
from tests.support.window_client import card_no, new_card, recorded, said, without_id

G = FieldGroup
CODE = "480215"
ASKS = ("balance", "last_payment", "months", "status")


@pytest.fixture(scope="module")
def lines() -> list[dict[str, object]]:
    return []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path, lines: list[dict[str, object]]) -> Iterator[TestClient]:
    with running(engine, folder, log=lines.append) as client:
        yield client


@pytest.fixture(scope="module")
def phone(client: TestClient, folder: Path) -> dict[str, str]:
    """The headers of the voice machine; the client is there, so its keys are too."""
    assert client.headers["Authorization"]
    return bearer(folder / "keys", "own_request", channel=AccessChannel.PHONE, scopes=["accounts:read"])


def someone(client: TestClient, code: str | None = CODE, **more: Any) -> Any:
    """Somebody with an account and a call-back code."""
    account = open_account(client, **more)
    if code is not None:
        answer = client.post(f"/v1/accounts/{account['account_no']}/call-back-code", json={"code": code})
        assert answer.status_code == 201, answer.text
    return account


def inquiry(account: Any, value: str = CODE, kind: str = "call_back_code", **more: Any) -> dict[str, Any]:
    body = {"name": "张三", "id_number": account["number"], "factor": {"kind": kind, "value": value}}
    return body | {"ask": "balance"} | more


def ask(client: TestClient, phone: dict[str, str], body: dict[str, Any]) -> Any:
    return client.post("/v1/phone/inquiries", json=body, headers=phone)


def no(answer: Any) -> str:
    """The code of a no, which tells nothing beside."""
    problem = answer.json()
    assert answer.status_code == 403, answer.text
    assert problem.keys() == {"type", "title", "status", "detail", "code", "request_id"}
    return str(problem["code"])


# -- the code ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["1234", "12345678", "0000", CODE])
def test_a_code_is_four_to_eight_digits(client: TestClient, phone: dict[str, str], code: str) -> None:
    account = someone(client, code)
    assert ask(client, phone, inquiry(account, code)).status_code == 200


@pytest.mark.parametrize(
    "code",
    [
        *(
            "",
            "123",
            "123456789",
            "１２３４",
            "12３4",
            "٣٤٥٦",
            "12 34",
            " 1234",
            "1234 ",
            "1234\n",
            "12a4",
            "+123",
        ),
        *(1234, None, ["1234"], "1234\x00", "1234\u200b", "²345"),
    ],
)
def test_what_is_no_code(client: TestClient, code: object) -> None:
    path = f"/v1/accounts/{open_account(client)['account_no']}/call-back-code"
    refused = client.post(path, json={"code": code})
    assert said(refused) == (422, "shape_invalid")
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/code"]
    assert client.post(path, json={}).status_code == 422


def test_a_new_code_takes_the_place_of_the_old(client: TestClient, phone: dict[str, str]) -> None:
    account, other = someone(client), someone(client, "1111")
    path = f"/v1/accounts/{account['account_no']}/call-back-code"
    answer = client.post(path, json={"code": "90909"})
    assert (answer.status_code, answer.json()) == (201, {"account_no": account["account_no"]})
    # harmless when it is sent twice
    assert client.post(path, json={"code": "90909"}).json() == answer.json()
    assert no(ask(client, phone, inquiry(account))) == "factor_wrong"
    assert ask(client, phone, inquiry(account, "90909")).status_code == 200
    assert no(ask(client, phone, inquiry(other, "90909"))) == "factor_wrong"


def test_a_code_is_set_at_the_window_and_kept_as_a_digest(
    client: TestClient, engine: Engine, folder: Path, lines: list[dict[str, object]]
) -> None:
    one, two = (open_account(client)["account_no"] for _ in range(2))
    for channel in (AccessChannel.PHONE, AccessChannel.ONLINE, AccessChannel.KIOSK, AccessChannel.AUDIT):
        headers = bearer(folder / "keys", "own_request", channel=channel)
        refused = client.post(f"/v1/accounts/{one}/call-back-code", json={"code": CODE}, headers=headers)
        assert said(refused) == (403, "channel_not_allowed")
    window = bearer(folder / "keys", channel=AccessChannel.WINDOW)
    for account in (one, two):
        path = f"/v1/accounts/{account}/call-back-code"
        assert client.post(path, json={"code": "73105519"}, headers=window).status_code == 201
    with engine.begin() as connection:
        table = tables.call_back_code.c
        wanted = select(table.digest).where(table.book_id.in_([book_id_of(one), book_id_of(two)]))
        kept = [bytes(digest) for digest in connection.scalars(wanted)]
    assert len(set(kept)) == 2, "equal codes look alike"
    assert "73105519" not in repr(lines) + repr(kept)
    refused = client.post("/v1/accounts/x/call-back-code", json={"code": CODE})
    assert said(refused) == (404, "account_not_found")
    assert refused.json()["errors"][0]["pointer"] == "account"


# -- who it is ---------------------------------------------------------------------------------------------


def test_the_last_four_of_a_card_that_counts(client: TestClient, phone: dict[str, str]) -> None:
    account = someone(client, None)
    lost, ended, good = card_no(), card_no(), f"{card_no()}x9"
    card = new_card(client, account["account_no"], lost).json()["card"]
    client.post(f"/v1/cards/{card}/lost", json={"reason": "x"})
    new_card(client, account["account_no"], ended, ends_on="2026-11-20")
    new_card(client, account["account_no"], good)
    for right in (good[-4:], good[-4:].upper()):
        assert ask(client, phone, inquiry(account, right, "card_last4")).status_code == 200
    for wrong in (lost[-4:], ended[-4:], good):
        assert no(ask(client, phone, inquiry(account, wrong, "card_last4"))) == "factor_wrong"


def test_the_last_month_paid(client: TestClient, phone: dict[str, str]) -> None:
    account = someone(client, None)
    contribute(client, account["account_no"], period="2026-02")
    contribute(client, account["account_no"], period="2026-03")
    assert ask(client, phone, inquiry(account, "2026-03", "last_payment_month")).status_code == 200
    for wrong in ("2026-02", "202603", "2026-04", "x"):
        assert no(ask(client, phone, inquiry(account, wrong, "last_payment_month"))) == "factor_wrong"
    nothing_paid = someone(client, None)
    for wrong in ("2026-03", "None", "0000-00"):
        assert no(ask(client, phone, inquiry(nothing_paid, wrong, "last_payment_month"))) == "factor_wrong"


@pytest.mark.parametrize("name", ["张三", " 张 三 ", "张\u3000三", "张\u200b三"])
def test_a_name_is_compared_as_names_are(client: TestClient, phone: dict[str, str], name: str) -> None:
    assert ask(client, phone, inquiry(someone(client), name=name)).status_code == 200


def test_rare_characters_in_a_name(client: TestClient, phone: dict[str, str]) -> None:
    account = someone(client, name="𠮷𫟹·阿依")
    assert ask(client, phone, inquiry(account, name="𠮷𫟹阿依")).status_code == 200
    assert no(ask(client, phone, inquiry(account, name="吉𫟹阿依"))) == "factor_wrong"
    for damaged in ("<script>张三</script>", "张?", "\ue000", "张□"):
        refused = ask(client, phone, inquiry(account, name=damaged))
        assert said(refused) == (422, "name_invalid")
        assert damaged not in refused.text


def test_every_no_is_the_same_but_for_its_request(client: TestClient, phone: dict[str, str]) -> None:
    nobody = {"number": id_number()}
    wrong_name, no_code, paid = someone(client), someone(client, None), someone(client)
    dead = someone(client)
    path = f"/v1/accounts/{dead['account_no']}/death"
    assert (
        client.post(path, json={"died_on": "2026-11-01", "evidence": "x"}, headers=key()).status_code == 201
    )
    answers = [
        ask(client, phone, body)
        for body in (
            inquiry(nobody),
            inquiry(wrong_name, name="李四"),
            inquiry(wrong_name, "480216"),
            inquiry(wrong_name, "４８０２１５"),
            inquiry(no_code),
            inquiry(no_code, "0001", "card_last4"),
            inquiry(paid, "2026-03", "last_payment_month"),
            inquiry(dead, ask="status"),
        )
    ]
    assert {no(answer) for answer in answers} == {"factor_wrong"}
    assert all(without_id(answer) == without_id(answers[0]) for answer in answers)
    heads = [
        {name: value for name, value in answer.headers.items() if name != "x-request-id"}
        for answer in answers
    ]
    assert all(head == heads[0] for head in heads)


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"factor": None}, "/factor"),
        ({"factor": {}}, "/factor/kind"),
        ({"factor": {"kind": "birthday", "value": "x"}}, "/factor/kind"),
        ({"factor": {"kind": "call_back_code"}}, "/factor/value"),
        ({"factor": {"kind": "call_back_code", "value": 480215}}, "/factor/value"),
        ({"ask": "diagnosis"}, "/ask"),
        ({"ask": ""}, "/ask"),
        ({"ask": None}, "/ask"),
        ({"name": None}, "/name"),
    ],
)
def test_the_shape_of_an_inquiry(
    client: TestClient, phone: dict[str, str], more: dict[str, Any], pointer: str
) -> None:
    account = someone(client)
    for _ in range(tables.GUESSES_MAX + 1):
        refused = ask(client, phone, inquiry(account) | more)
        assert said(refused) == (422, "shape_invalid")
        assert refused.json()["errors"][0]["pointer"] == pointer
    without = {name: value for name, value in inquiry(account).items() if name not in more}
    assert said(ask(client, phone, without)) == (422, "shape_invalid")
    # a slip of the form is no guess
    assert ask(client, phone, inquiry(account)).status_code == 200


def test_only_the_telephone_comes_in_here(client: TestClient, phone: dict[str, str], folder: Path) -> None:
    account = someone(client)
    assert said(client.post("/v1/phone/inquiries", json=inquiry(account))) == (403, "channel_not_allowed")
    for channel in AccessChannel:
        if channel in {AccessChannel.PHONE, AccessChannel.EMPLOYER, AccessChannel.INSTITUTION}:
            continue
        for purpose in ("own_request", None):
            headers = bearer(folder / "keys", purpose, channel=channel)
            assert said(ask(client, headers, inquiry(account))) == (403, "channel_not_allowed")
    keys = folder / "keys"
    silent = bearer(keys, channel=AccessChannel.PHONE)
    assert said(ask(client, silent, inquiry(account))) == (403, "purpose_missing")
    curious = bearer(keys, "audit", channel=AccessChannel.PHONE)
    assert said(ask(client, curious, inquiry(account))) == (403, "purpose_not_allowed")
    for path in (f"/v1/accounts/{account['account_no']}", f"/v1/accounts/{account['account_no']}/balance"):
        assert said(client.get(path, headers=phone)) == (403, "channel_not_allowed")


# -- what is told ------------------------------------------------------------------------------------------


def told(client: TestClient, phone: dict[str, str], account: Any, what: str) -> tuple[Any, str]:
    answer = ask(client, phone, inquiry(account, ask=what))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body.keys() == {"answer", "speak"}
    assert account["number"] not in answer.text
    assert account["account_no"] not in answer.text
    # made to be read aloud: no figure that a voice would spell
    assert re.search(r"[0-9A-Za-z]", body["speak"]) is None
    assert 0 < len(body["speak"]) <= SPOKEN_MAX
    return body["answer"], body["speak"]


def test_what_a_new_account_is_told(client: TestClient, phone: dict[str, str]) -> None:
    account = someone(client)
    assert [told(client, phone, account, what) for what in ASKS] == [
        ("0.00", "您的个人账户余额为零元。"),
        (None, "没有查到您的缴费记录。"),
        (0, "您累计缴费零个月。"),
        ("active", "您的个人账户状态为正常参保。"),
    ]


def test_what_somebody_is_told_who_has_paid(client: TestClient, phone: dict[str, str]) -> None:
    account = someone(client)
    number = account["account_no"]
    contribute(client, number, "1000.00", period="2026-02")
    contribute(client, number, "200.00", period="2026-03")
    contribute(client, number, "34.56", period="2026-03")
    assert [told(client, phone, account, what) for what in ASKS] == [
        ("1234.56", "您的个人账户余额为一千二百三十四元五角六分。"),
        (
            {"period": "2026-03", "amount": "234.56"},
            "您最近一次缴费为二零二六年三月，缴费金额二百三十四元五角六分。",
        ),
        (2, "您累计缴费两个月。"),
        ("active", "您的个人账户状态为正常参保。"),
    ]
    hold = {
        "amount": "34.56",
        "expires_at": "2026-11-22T00:00:00Z",
        "institution": "H0001",
        "source_ref": "h",
    }
    assert client.post(f"/v1/accounts/{number}/holds", json=hold, headers=key()).status_code == 201
    expected = "您的个人账户余额为一千二百三十四元五角六分，其中可用一千二百元。"
    assert told(client, phone, account, "balance") == ("1234.56", expected)
    freeze = {"authority": "a", "document": "d", "from": "2026-11-01"}
    assert client.post(f"/v1/accounts/{number}/freezes", json=freeze, headers=key()).status_code == 201
    assert told(client, phone, account, "status") == ("frozen", "您的个人账户状态为已冻结。")


def test_the_largest_amounts_are_still_short(client: TestClient, phone: dict[str, str]) -> None:
    # so much comes from another system: what is credited by hand would need a second person
    largest = {"current_year": "9999999999.99", "carried_over": "0.00", "source_ref": "old"}
    account = someone(client, opening=largest)
    _, speak = told(client, phone, account, "balance")
    assert speak == "您的个人账户余额为九十九亿九千九百九十九万九千九百九十九元九角九分。"


def test_a_month_that_was_taken_back_does_not_count(client: TestClient, phone: dict[str, str]) -> None:
    account = someone(client)
    contribute(client, account["account_no"], period="2026-02")
    entry = contribute(client, account["account_no"], period="2026-03")["entry"]
    assert told(client, phone, account, "months")[0] == 2
    path = f"/v1/entries/{entry}/reversal"
    assert client.post(path, json={"reason": "x"}, headers=key()).status_code == 201
    assert told(client, phone, account, "months")[0] == 1
    assert told(client, phone, account, "last_payment")[0]["period"] == "2026-02"


def test_a_month_of_which_something_is_owed_is_not_paid(client: TestClient, phone: dict[str, str]) -> None:
    account = someone(client, opened_on="2020-01-01")
    employer = new_employer(client)
    owe(client, employer, "2026-03", {account["number"]: "8000.00"})
    assert told(client, phone, account, "months")[0] == 0
    assert told(client, phone, account, "last_payment")[0] is None
    pay(client, employer, "2026-03", "100.00", "2026-03-31")
    assert told(client, phone, account, "months")[0] == 0
    assert told(client, phone, account, "last_payment")[0] == {"period": "2026-03", "amount": "100.00"}
    pay(client, employer, "2026-03", "660.00", "2026-03-31")
    assert told(client, phone, account, "months")[0] == 1
    assert told(client, phone, account, "last_payment")[0] == {"period": "2026-03", "amount": "760.00"}


def test_it_is_recorded_who_was_told_and_who_tried(
    client: TestClient, engine: Engine, phone: dict[str, str], lines: list[dict[str, object]]
) -> None:
    account = someone(client, name="司马相如")
    for what in ASKS:
        assert ask(client, phone, inquiry(account, name="司马相如", ask=what)).status_code == 200
    book = book_id_of(account["account_no"])
    shown = [G(row.fields) for row in recorded(engine) if row.book_id == book]
    assert shown == [G.BALANCE, G.PAYMENTS, G.PAYMENTS, G.IDENTITY_MASKED]
    assert no(ask(client, phone, inquiry(account, "0000"))) == "factor_wrong"
    tried = recorded(engine)[-1]
    digest = client.post("/v1/people/digests", json={"id_number": account["number"]}).json()["person"]
    assert (bytes(tried.person).hex(), tried.fields, tried.items) == (digest, NOTHING, 0)
    assert (tried.channel, tried.purpose, tried.role) == (AccessChannel.PHONE, "own_request", "accounts:read")
    for secret in (account["number"], "司马相如", CODE):
        assert secret not in repr(lines) + repr(recorded(engine))


# -- guesses -----------------------------------------------------------------------------------------------


def test_five_wrong_ones_in_a_row_lock_for_the_right_one_too(
    client: TestClient, phone: dict[str, str]
) -> None:
    account, other = someone(client), someone(client)
    for _ in range(tables.GUESSES_MAX - 1):
        assert no(ask(client, phone, inquiry(account, "0000"))) == "factor_wrong"
    # a right one in between, and it is counted anew
    assert ask(client, phone, inquiry(account)).status_code == 200
    for guess in ("0000", "1111", "2222", "3333", "4444"):
        assert no(ask(client, phone, inquiry(account, guess))) == "factor_wrong"
    assert no(ask(client, phone, inquiry(account))) == "inquiry_locked"
    assert no(ask(client, phone, inquiry(account, "5555"))) == "inquiry_locked"
    assert no(ask(client, phone, inquiry(account, name="李四"))) == "inquiry_locked"
    # nor does a new code open it
    client.post(f"/v1/accounts/{account['account_no']}/call-back-code", json={"code": "7777"})
    assert no(ask(client, phone, inquiry(account, "7777"))) == "inquiry_locked"
    # and nobody else is locked out
    assert ask(client, phone, inquiry(other)).status_code == 200


def test_who_is_not_there_is_locked_alike(client: TestClient, phone: dict[str, str]) -> None:
    nobody, there = {"number": id_number()}, someone(client)
    answers = [
        [ask(client, phone, inquiry(one, "0000")) for _ in range(tables.GUESSES_MAX + 2)]
        for one in (nobody, there)
    ]
    assert [no(answer) for answer in answers[0]] == ["factor_wrong"] * 5 + ["inquiry_locked"] * 2
    assert [*map(without_id, answers[0])] == [*map(without_id, answers[1])]


def test_a_wrong_one_is_counted_before_it_is_answered(
    client: TestClient, engine: Engine, phone: dict[str, str]
) -> None:
    account = someone(client)
    digest = client.post("/v1/people/digests", json={"id_number": account["number"]}).json()["person"]
    row = select(tables.phone_guess).where(tables.phone_guess.c.person == bytes.fromhex(digest))
    for count in (1, 2, 3, 4, 0):
        ask(client, phone, inquiry(account, "0000"))
        with engine.begin() as connection:
            found = connection.execute(row).one()
        assert found.wrong == count
    assert found.locked_until == NOW + timedelta(days=1)


def test_a_day_later_it_is_open_again(client: TestClient, engine: Engine, phone: dict[str, str]) -> None:
    account = someone(client)
    for _ in range(tables.GUESSES_MAX):
        ask(client, phone, inquiry(account, "0000"))
    keyring = client.app.state.ledger.keyring  # type: ignore[attr-defined]  # Starlette's app
    person = persons.digest_of_number(account["number"], keyring)
    right = Caller(person, "张三", Factor.CALL_BACK_CODE, CODE)
    day = timedelta(days=1)

    def tell(now: Any, caller: Caller = right) -> Any:
        with engine.connect() as connection:
            return inquire(connection, keyring, caller, Ask.STATUS, now, TODAY)

    with pytest.raises(Refused) as refused:
        tell(NOW + day - timedelta.resolution)
    assert refused.value.code is RefusalCode.INQUIRY_LOCKED
    # a wrong one then is the first of five
    with pytest.raises(Refused) as refused:
        tell(NOW + day, right._replace(value="0000"))
    assert refused.value.code is RefusalCode.FACTOR_WRONG
    assert tell(NOW + day).answer == "active"


def test_a_second_number_of_a_person_gives_no_more_guesses(
    client: TestClient, engine: Engine, phone: dict[str, str]
) -> None:
    account, second = someone(client), id_number()
    keyring = client.app.state.ledger.keyring  # type: ignore[attr-defined]  # Starlette's app
    with engine.connect() as connection:
        add_alias(connection, keyring, known_as=account["number"], also=second, now=NOW, today=TODAY)
    assert ask(client, phone, inquiry({"number": second})).status_code == 200
    for number in (account["number"], second, account["number"], second, second):
        assert no(ask(client, phone, inquiry({"number": number}, "0000"))) == "factor_wrong"
    for number in (account["number"], second):
        assert no(ask(client, phone, inquiry({"number": number}))) == "inquiry_locked"


@pytest.mark.parametrize("known", [True, False])
def test_guesses_at_once_are_counted_one_after_the_other(
    client: TestClient, engine: Engine, folder: Path, phone: dict[str, str], known: bool
) -> None:
    """Twenty at once, at two services over one database: five are judged, and all others find it locked."""
    account = someone(client) if known else {"number": id_number()}
    with running(engine, folder) as another, ThreadPoolExecutor(8) as threads:
        guesses = [(client if place % 2 else another, f"{place:04d}") for place in range(20)]
        answers = list(threads.map(lambda one: ask(one[0], phone, inquiry(account, one[1])), guesses))
        assert Counter(map(no, answers)) == {"factor_wrong": 5, "inquiry_locked": 15}
        assert no(ask(another, phone, inquiry(account))) == "inquiry_locked"
