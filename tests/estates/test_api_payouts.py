"""Shares that go to a bank: ordered with sealed details, reviewed by another, paid (R57, R68)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from api.accounts.payouts import PayoutPage, PayoutState
from ledger import tables
from ledger.book.numbers import book_id_of
from ledger.chart.sides import Side
from ledger.verify import verify
from tests.estates.test_api_estates import MOTHER, SPOUSE, dead, with_account
from tests.support.api_client import TODAY, bearer, contribute, id_number, key, open_account, running
from tests.support.approval_client import by_two
from tests.support.employer_client import refusal, taken
from tests.support.estate_client import BANK, amounts, claimant, claimed, confirmed, die, divide, say, undo

ACCOUNT = "6222000011112222333"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("payouts")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    """Whatever the tests of this module do, the book is right after it."""
    with running(engine, folder) as client:
        yield client
    assert verify(engine).findings == []


def asked(client: TestClient, estate: str, name: str = "妻", **more: Any) -> Any:
    return say(client, estate, "payouts", **(BANK | {"name": name} | more))


def ordered(client: TestClient, estate: str, name: str = "妻", **more: Any) -> Any:
    return taken(asked(client, estate, name, **more), PayoutState)


def act(client: TestClient, payout: str, what: str, folder: Path | None = None, **body: Any) -> Any:
    """Review or pay; by the chief where a folder of keys is given."""
    headers = key() | ({} if folder is None else bearer(folder / "keys", actor="chief-1"))
    return client.post(f"/v1/payouts/{payout}/{what}", json=body, headers=headers)


def stands(client: TestClient, payout: str, *step: Any, **body: Any) -> bool:
    """Whether a step is refused, and told how far the order is instead."""
    answer = act(client, payout, *step, **body)
    told = (*refusal(answer), answer.json().get("facts"))
    return told == (409, "payout_state", {"state": state_of(client, payout)})


def reviewed(client: TestClient, folder: Path, payout: str) -> Any:
    return taken(act(client, payout, "review", folder), PayoutState)


def listed(client: TestClient, limit: int = 500, **query: Any) -> list[Any]:
    items: list[Any] = []
    query |= {"limit": limit}
    while True:
        page = taken(client.get("/v1/payouts", params=query), PayoutPage, 200)
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        query["cursor"] = page["next_cursor"]


def state_of(client: TestClient, payout: str) -> str:
    """How far it is, by the whole list and by that of its state."""
    [one] = [one for one in listed(client) if one["payout"] == payout]
    for state in ("waiting", "reviewed", "paid", "replaced", "returned"):
        there = payout in {item["payout"] for item in listed(client, 2, state=state)}
        assert there == (state == one["state"])
    return str(one["state"])


def divided(client: TestClient, *heirs: Any, amount: str = "1000.00") -> Any:
    return confirmed(client, dead(client, amount), list(heirs) or [SPOUSE, MOTHER])


def test_a_share_is_ordered_reviewed_and_paid(client: TestClient, folder: Path, engine: Engine) -> None:
    done = divided(client)
    first = ordered(client, done["estate"])
    assert (first["state"], first["amount"], first["estate"]) == ("waiting", "500.00", done["estate"])
    payout = first["payout"]
    [item] = [one for one in listed(client, state="waiting") if one["payout"] == payout]
    assert (item["name"], item["account_holder"], item["bank"]) == ("*", "李**", "示例银行")
    assert item["bank_account"] == "*" * 15 + "2333"
    assert (item["ordered_by"], item["reviewed_by"]) == ("clerk-7", None)
    # not before the review, and not by who ordered it
    assert stands(client, payout, "paid", source_ref="b-1")
    assert refusal(act(client, payout, "review")) == (403, "same_person")
    assert reviewed(client, folder, payout)["state"] == "reviewed"
    assert state_of(client, payout) == "reviewed"
    assert stands(client, payout, "review", folder)
    assert taken(act(client, payout, "paid", source_ref="b-1"), PayoutState)["state"] == "paid"
    assert state_of(client, payout) == "paid"
    assert stands(client, payout, "paid", source_ref="b-2")
    # nothing is left for that heir, and the other one's is another payment
    assert refusal(asked(client, done["estate"])) == (409, "nothing_payable")
    other = ordered(client, done["estate"], "母")["payout"]
    reviewed(client, folder, other)
    assert refusal(act(client, other, "paid", source_ref="b-1")) == (409, "duplicate_source_ref")
    assert act(client, other, "paid", source_ref="b-3").status_code == 201
    book = book_id_of(payout.partition("-")[0])
    to_bank = f"SELECT sum(amount_fen) FROM transfer WHERE book_id = {book} AND to_side = {int(Side.BANK)}"
    with engine.connect() as connection:
        assert connection.execute(text(to_bank)).scalar_one() == 100_000


def test_what_was_paid_is_not_undone_and_what_waits_is(client: TestClient, folder: Path) -> None:
    paid = divided(client)
    payout = ordered(client, paid["estate"])["payout"]
    reviewed(client, folder, payout)
    assert act(client, payout, "paid", source_ref="u-1").status_code == 201
    answer = say(client, paid["estate"], "undo", reason="r", document="d")
    assert refusal(by_two(client, answer)) == (409, "estate_paid_out")
    account = str(client.get(f"/v1/estates/{paid['estate']}").json()["estate"]).partition("-")[0]
    assert client.get(f"/v1/accounts/{account}").json()["status"] == "closed"

    person = dead(client)
    estate = confirmed(client, person, [SPOUSE])["estate"]
    waits = ordered(client, estate)["payout"]
    reviewed(client, folder, waits)
    undo(client, estate)
    assert state_of(client, waits) == "replaced"
    assert stands(client, waits, "paid", source_ref="u-2")
    assert refusal(asked(client, estate)) == (409, "estate_not_confirmed")
    assert amounts(confirmed(client, person, [SPOUSE, MOTHER])) == ["500.00", "500.00"]
    assert stands(client, waits, "review", folder)
    assert ordered(client, estate)["amount"] == "500.00"


def test_wrong_details_are_put_right_by_another_order(client: TestClient, folder: Path) -> None:
    estate = divided(client)["estate"]
    wrong = ordered(client, estate)["payout"]
    reviewed(client, folder, wrong)
    right = ordered(client, estate, bank_account="62220000")["payout"]
    assert (state_of(client, wrong), state_of(client, right)) == ("replaced", "waiting")
    assert stands(client, wrong, "paid", source_ref="w-1")
    assert stands(client, right, "paid", source_ref="w-1")
    reviewed(client, folder, right)
    assert act(client, right, "paid", source_ref="w-1").status_code == 201


def test_later_money_is_paid_by_another_order(client: TestClient, folder: Path) -> None:
    person = str(open_account(client)["number"])
    contribute(client, person, "1000.00", period="2026-11", effective_on=TODAY.isoformat())
    body = {"amount": "7.00", "effective_on": TODAY.isoformat(), "institution": "H0001", "source_ref": "p"}
    bought = client.post(f"/v1/accounts/{person}/spendings", json=body, headers=key()).json()["entry"]
    die(client, person, TODAY.isoformat())
    estate = confirmed(client, person, [SPOUSE])["estate"]
    first = ordered(client, estate)
    assert first["amount"] == "993.00"
    reviewed(client, folder, first["payout"])
    answer = client.post(f"/v1/entries/{bought}/reversal", json={"reason": "returned"}, headers=key())
    assert answer.status_code == 201
    # what was reviewed is what is paid
    assert act(client, first["payout"], "paid", source_ref="l-1").status_code == 201
    assert ordered(client, estate)["amount"] == "7.00"


def test_what_the_bank_sends_back_is_paid_again_by_another_order(
    client: TestClient, folder: Path, engine: Engine
) -> None:
    estate = divided(client)["estate"]
    wrong = ordered(client, estate)["payout"]
    for step, body in (("returned", {}), ("review", {}), ("returned", {})):
        if step == "review":
            reviewed(client, folder, wrong)
        else:
            # what was not paid does not come back
            assert stands(client, wrong, step, reason="account closed", source_ref="r-1", **body)
    assert act(client, wrong, "paid", source_ref="r-1").status_code == 201
    back = taken(act(client, wrong, "returned", reason="account closed", source_ref="r-2"), PayoutState)
    assert (back["payout"], back["state"]) == (wrong, "returned")
    assert state_of(client, wrong) == "returned"
    assert stands(client, wrong, "returned", reason="again", source_ref="r-3")
    assert stands(client, wrong, "review", folder)
    assert stands(client, wrong, "paid", source_ref="r-4")
    # the whole share again, to other details, reviewed by somebody else as the first one was
    right = ordered(client, estate, bank_account="62220000")
    assert (right["amount"], state_of(client, right["payout"])) == ("500.00", "waiting")
    assert state_of(client, wrong) == "returned"
    assert refusal(act(client, right["payout"], "review")) == (403, "same_person")
    reviewed(client, folder, right["payout"])
    # the bank's paper of the first payment is not that of the second
    assert refusal(act(client, right["payout"], "paid", source_ref="r-1")) == (409, "duplicate_source_ref")
    assert act(client, right["payout"], "paid", source_ref="r-5").status_code == 201
    assert refusal(asked(client, estate)) == (409, "nothing_payable")
    again = act(client, right["payout"], "returned", reason="r", source_ref="r-2")
    assert refusal(again) == (409, "duplicate_source_ref")
    moved = "SELECT coalesce(sum(CASE WHEN to_side = :bank THEN amount_fen ELSE -amount_fen END), 0)"
    book = book_id_of(wrong.partition("-")[0])
    with engine.connect() as connection:
        sums = text(f"{moved} FROM transfer WHERE book_id = :book AND :bank IN (from_side, to_side)")
        assert connection.execute(sums, {"bank": int(Side.BANK), "book": book}).scalar_one() == 50_000


def test_an_estate_is_undone_once_all_came_back(client: TestClient, folder: Path) -> None:
    person = dead(client)
    estate = confirmed(client, person, [SPOUSE, MOTHER])["estate"]
    paid = [ordered(client, estate, name)["payout"] for name in ("妻", "母")]
    for place, one in enumerate(paid):
        reviewed(client, folder, one)
        assert act(client, one, "paid", source_ref=f"z-{place}").status_code == 201
    for place, one in enumerate(paid):
        answer = say(client, estate, "undo", reason="r", document="d")
        assert refusal(by_two(client, answer)) == (409, "estate_paid_out")
        body = {"reason": "account closed", "source_ref": f"y-{place}"}
        assert act(client, one, "returned", **body).status_code == 201
    undo(client, estate)
    assert [state_of(client, one) for one in paid] == ["returned", "returned"]
    assert stands(client, paid[0], "returned", reason="r", source_ref="y-9")
    assert amounts(confirmed(client, person, [SPOUSE])) == ["1000.00"]
    assert ordered(client, estate)["amount"] == "1000.00"


def test_later_money_and_what_came_back_are_one_order(client: TestClient, folder: Path) -> None:
    person = str(open_account(client)["number"])
    contribute(client, person, "1000.00", period="2026-11", effective_on=TODAY.isoformat())
    body = {"amount": "7.00", "effective_on": TODAY.isoformat(), "institution": "H0001", "source_ref": "p"}
    bought = client.post(f"/v1/accounts/{person}/spendings", json=body, headers=key()).json()["entry"]
    die(client, person, TODAY.isoformat())
    estate = confirmed(client, person, [SPOUSE])["estate"]
    first = ordered(client, estate)["payout"]
    reviewed(client, folder, first)
    assert act(client, first, "paid", source_ref="m-1").status_code == 201
    client.post(f"/v1/entries/{bought}/reversal", json={"reason": "returned"}, headers=key())
    # an order of the later money alone waits while the first one comes back, and what is reviewed is paid
    later = ordered(client, estate)
    assert later["amount"] == "7.00"
    assert act(client, first, "returned", reason="r", source_ref="m-2").status_code == 201
    reviewed(client, folder, later["payout"])
    assert act(client, later["payout"], "paid", source_ref="m-3").status_code == 201
    assert ordered(client, estate)["amount"] == "993.00"


def test_the_same_key_gets_the_first_answer(client: TestClient) -> None:
    estate, headers = divided(client)["estate"], key()
    body = BANK | {"name": "妻"}
    path = f"/v1/estates/{estate}/payouts"
    first, again = (client.post(path, json=body, headers=headers) for _ in range(2))
    assert first.json() == again.json()
    other = client.post(path, json=body | {"bank_account": "62220009"}, headers=headers)
    assert refusal(other) == (422, "idempotency_key_reused")


def test_who_has_nothing_to_be_paid(client: TestClient) -> None:
    own = with_account(client, "有户")
    unborn = claimant("胎", unborn=True)
    estate = divided(client, SPOUSE, own, unborn, claimant("大", waived_on="2026-11-20"))["estate"]
    # into the account, kept, waived, nobody
    for name in ("有户", "胎", "大", "谁"):
        answer = asked(client, estate, name)
        assert refusal(answer) == (409, "nothing_payable")
        assert answer.json()["errors"][0]["pointer"] == "/name"
    shown = claimed(client, dead(client), [SPOUSE])["estate"]
    assert refusal(asked(client, shown)) == (409, "estate_not_confirmed")
    number, _, seq = estate.rpartition("-")
    assert refusal(asked(client, f"{number}-{int(seq) + 1}")) == (404, "estate_not_found")
    steps: list[tuple[str, dict[str, Any]]] = [
        ("review", {}), ("paid", {"source_ref": "n"}), ("returned", {"reason": "r", "source_ref": "n"})
    ]  # fmt: skip
    for what, body in steps:
        assert refusal(act(client, estate, what, **body)) == (404, "payout_not_found")
        assert refusal(act(client, "nothing", what, **body)) == (404, "payout_not_found")


def test_heirs_of_one_name_are_told_apart_by_number(client: TestClient) -> None:
    person, first, second = dead(client), id_number(), id_number()
    heirs = [{"id_number": one, "name": "王二", "relation": "child"} for one in (first, second)]
    divide(client, person, heirs)
    estate = next(
        one["estate"] for one in estates_of(client) if one["account_no"] == account_of(client, person)
    )
    assert refusal(asked(client, estate, "王二")) == (409, "nothing_payable")
    orders = [ordered(client, estate, "王二", id_number=one) for one in (first, second)]
    assert [one["amount"] for one in orders] == ["500.00", "500.00"]
    assert {state_of(client, one["payout"]) for one in orders} == {"waiting"}
    assert refusal(asked(client, estate, "王二", id_number=id_number())) == (409, "nothing_payable")


def estates_of(client: TestClient) -> list[Any]:
    found: list[Any] = client.get("/v1/estates", params={"state": "confirmed", "limit": 500}).json()["items"]
    return found


def account_of(client: TestClient, person: str) -> str:
    return str(client.get(f"/v1/accounts/{person}").json()["account_no"])


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("bank", "现金", "cash_forbidden"),
        ("bank", "cash", "cash_forbidden"),
        ("bank", "", "shape_invalid"),
        ("bank_account", "1234567", "shape_invalid"),
        ("bank_account", "1" * 33, "shape_invalid"),
        ("bank_account", "IBAN12345678", "shape_invalid"),
        ("bank_account", 62220000, "shape_invalid"),
        ("account_holder", "?", "name_invalid"),
        ("document", "", "shape_invalid"),
    ],
)
def test_details_that_are_none(client: TestClient, field: str, value: Any, code: str) -> None:
    answer = asked(client, "P0-1", **{field: value})
    assert refusal(answer) == (422, code)
    assert answer.json()["errors"][0]["pointer"] == f"/{field}"


def test_an_heir_who_is_staff_does_not_review_it(client: TestClient, folder: Path) -> None:
    heir = with_account(client, "职员")
    estate = divided(client, SPOUSE, heir)["estate"]
    payout = ordered(client, estate)["payout"]
    body = {"actor": "chief-1", "id_number": heir["id_number"]}
    assert client.post("/v1/staff", json=body, headers=key()).status_code == 201
    assert refusal(act(client, payout, "review", folder)) == (403, "same_person")
    other = key() | bearer(folder / "keys", actor="chief-2")
    assert client.post(f"/v1/payouts/{payout}/review", json={}, headers=other).status_code == 201


def test_bank_details_stand_sealed_and_nowhere_else(
    client: TestClient, engine: Engine, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    done = divided(client)
    answer = asked(client, done["estate"])
    payout = answer.json()["payout"]
    reviewed(client, folder, payout)
    account = payout.partition("-")[0]
    texts = [answer.text, json.dumps(listed(client)), caplog.text]
    texts.append(client.get(f"/v1/accounts/{account}/entries").text)
    texts.append(client.get(f"/v1/entries/{payout}").text)
    texts.append(client.get(f"/v1/accounts/{account}/explain").text)
    with engine.connect() as connection:
        for table in tables.metadata.tables.values():
            rows = connection.execute(table.select()).all()
            texts.append(str(rows))
    for one in texts:
        assert ACCOUNT not in one
        assert "李小明" not in one
        assert "paper 7" not in one
