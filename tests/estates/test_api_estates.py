"""Estates in full over HTTP: claims, disputes, agreements, holding, confirming, taking back (R54–R58)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.verify import verify
from tests.care.test_api_cases import advanced, recover
from tests.estates.test_estates import rich
from tests.support.api_client import TODAY, contribute, id_number, key, open_account, running, spending
from tests.support.approval_client import by_two
from tests.support.care_client import new_institution, new_patient
from tests.support.employer_client import adjust, balance, hire, new_employer, owe, pay, refusal
from tests.support.estate_client import (
    DIED,
    amounts,
    ask,
    claim,
    claimant,
    claimed,
    confirmed,
    die,
    divide,
    heir,
    say,
    show,
    undo,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("claims")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    """Whatever the tests of this module do, the book is right after it."""
    with running(engine, folder) as client:
        yield client
    assert verify(engine).findings == []


def dead(client: TestClient, amount: str = "1000.00", on: str = DIED) -> str:
    """The ID number of a dead person with so much in the account, all of it of today."""
    person = rich(client, amount, on[:7])
    die(client, person, on)
    return person


def overpaid(client: TestClient) -> str:
    """Somebody with 1,000.00 who got 200.00 too much and has spent it."""
    employer, person = new_employer(client), hire(client)
    owe(client, employer, "2026-03", {person: "10000.00"})
    pay(client, employer, "2026-03", "950.00", "2026-04-10")
    body = spending(amount="200.00", effective_on="2026-04-10")
    assert client.post(f"/v1/accounts/{person}/spendings", json=body, headers=key()).status_code == 201
    adjust(client, employer, "2026-03", {person: "0.00"})
    contribute(client, person, "1000.00", period="2026-11", effective_on=TODAY.isoformat())
    return person


def with_account(client: TestClient, name: str, relation: str = "child", **more: Any) -> dict[str, Any]:
    """Somebody with an open account of their own who claims."""
    person = open_account(client, name=name)["number"]
    return claimant(name, relation, id_number=str(person), **more)


def seen(client: TestClient, account: str) -> dict[str, Any]:
    body: dict[str, Any] = client.get(f"/v1/accounts/{account}/balance").json()
    return {name: body[name] for name in ("balance", "current_year", "carried_over")}


def status_of(client: TestClient, account: str) -> str:
    return str(client.get(f"/v1/accounts/{account}").json()["status"])


FRIEND = claimant("友", "other", "legacy", share="0.30")
SPOUSE, MOTHER = claimant("妻", "spouse"), claimant("母", "parent")
LONG_AGO = (TODAY - timedelta(days=61)).isoformat()
EARLIER = (TODAY - timedelta(days=90)).isoformat()

EXAMPLES: dict[str, tuple[str, list[dict[str, Any]], list[str]]] = {
    "E49": (
        "1000.00",
        [SPOUSE, claimant("大"), claimant("小")],
        ["333.34", "333.33", "333.33"],
    ),
    "E50": (
        "1000.03",
        [claimant(name) for name in "甲乙丙丁"],
        ["250.01", "250.01", "250.01", "250.00"],
    ),
    "E51": ("5678.90", [FRIEND, SPOUSE, MOTHER], ["1703.67", "1987.62", "1987.61"]),
    "E52": ("0.02", [SPOUSE, claimant("大", born_on="1990-01-01"), claimant("小", born_on="1995-01-01")],
            ["0.01", "0.01", "0.00"]),
    "E53": (
        "1000.00",
        [
            SPOUSE,
            claimant("乙"),
            claimant("孙一", "grandchild", represents="甲"),
            claimant("孙二", "grandchild", represents="甲"),
        ],
        ["333.33", "333.33", "166.67", "166.67"],
    ),
    "E55": (
        "777.77",
        [claimant("儿", title="will", share="0.4"), SPOUSE, claimant("儿"), MOTHER],
        ["311.11", "155.56", "155.55", "155.55"],
    ),
    "E56": (
        "0.07",
        [claimant("甲", title="will", share="50/100"), claimant("乙", title="will", share="0.3"),
         claimant("丙", title="will", share="0.2")],
        ["0.04", "0.02", "0.01"],
    ),
    "E60": ("5678.90", [FRIEND | {"notified_on": LONG_AGO}, SPOUSE, MOTHER], ["0.00", "2839.45", "2839.45"]),
}  # fmt: skip


@pytest.mark.parametrize("example", EXAMPLES)
def test_worked_examples(client: TestClient, example: str) -> None:
    amount, claimants, expected = EXAMPLES[example]
    person = dead(client, amount, EARLIER)
    shown = claimed(client, person, claimants)
    assert (shown["state"], shown["amount"], shown["set_off"]) == ("open", amount, [])
    assert amounts(shown) == expected
    assert [share["name"] for share in shown["shares"]] == [one["name"] for one in claimants]
    assert balance(client, person) == amount
    done = confirmed(client, person, claimants)
    assert done["state"] == "confirmed"
    assert {name: done[name] for name in ("estate", "amount", "shares", "set_off")} == {
        name: shown[name] for name in ("estate", "amount", "shares", "set_off")
    }
    assert status_of(client, person) == "closed"
    read = client.get(f"/v1/estates/{done['estate']}").json()
    assert {name: read[name] for name in ("estate", "state", "amount", "shares")} == {
        name: done[name] for name in ("estate", "state", "amount", "shares")
    }


@pytest.mark.parametrize(
    ("amount", "names", "expected"),
    [
        ("1000.03", ["甲", "乙", "丙", "丁"], ["250.01", "250.01", "250.01", "250.00"]),
        ("1000.03", ["丁", "丙", "乙", "甲"], ["250.01", "250.01", "250.01", "250.00"]),
        ("1000.03", ["老大", "老二", "老三", "老四"], ["250.01", "250.01", "250.01", "250.00"]),
        ("800.00", ["配偶", "长子", "次子"], ["266.67", "266.67", "266.66"]),
        ("800.00", ["长子", "配偶", "次子"], ["266.67", "266.67", "266.66"]),
        ("800.00", ["次子", "长子", "配偶"], ["266.67", "266.66", "266.67"]),
        ("0.02", ["S", "B", "A"], ["0.01", "0.01", "0.00"]),
        ("0.02", ["B", "A", "S"], ["0.01", "0.00", "0.01"]),
    ],
)
def test_of_heirs_alike_whose_age_and_number_nobody_knows_who_is_named_first_has_the_odd_fen(
    client: TestClient, amount: str, names: list[str], expected: list[str]
) -> None:
    spouses = {"配偶", "S"}
    heirs = [{"name": name, "relation": "spouse" if name in spouses else "child"} for name in names]
    short = dead(client, amount)
    assert amounts(divide(client, short, heirs)) == expected
    full = dead(client, amount)
    assert amounts(claimed(client, full, [one | {"title": "law"} for one in heirs])) == expected
    assert amounts(confirmed(client, full, [one | {"title": "law"} for one in heirs])) == expected


def test_of_two_born_on_one_day_who_is_named_first_has_the_odd_fen(client: TestClient) -> None:
    twins = [claimant(name, born_on="1990-01-01") for name in ("乙", "甲")]
    assert amounts(claimed(client, dead(client, "0.01"), twins)) == ["0.01", "0.00"]
    unborn = [claimant(name, unborn=True) for name in ("乙", "甲")]
    assert amounts(claimed(client, dead(client, "0.01"), unborn)) == ["0.01", "0.00"]


def test_e54_what_is_owed_is_set_off_first(client: TestClient) -> None:
    person = overpaid(client)
    die(client, person)
    done = confirmed(client, person, [SPOUSE, claimant("大"), claimant("小")])
    assert [(line["owed"], line["amount"]) for line in done["set_off"]] == [("200.00", "200.00")]
    assert (done["amount"], amounts(done)) == ("800.00", ["266.67", "266.67", "266.66"])


def test_e55_one_person_by_two_titles_is_credited_once(client: TestClient) -> None:
    person = dead(client, "777.77")
    son = with_account(client, "儿")
    by_will = son | {"title": "will", "share": "0.4"}
    done = confirmed(client, person, [by_will, SPOUSE, son, MOTHER])
    assert amounts(done) == ["311.11", "155.56", "155.55", "155.55"]
    assert [share["paid_to"] for share in done["shares"]] == ["account", "payout", "account", "payout"]
    assert seen(client, son["id_number"]) == {
        "balance": "466.66", "current_year": "0.00", "carried_over": "466.66",
    }  # fmt: skip


def test_e57_and_e59_interest_to_the_day_before_and_a_supplement(client: TestClient) -> None:
    person = str(
        open_account(
            client,
            opened_on="2026-01-01",
            opening={"current_year": "0.00", "carried_over": "8000.00", "source_ref": "old"},
        )["number"]
    )
    for month in range(1, 9):
        contribute(client, person, "160.00", period=f"2026-{month:02}", effective_on=f"2026-{month:02}-15")
    bill = client.post(
        f"/v1/accounts/{person}/spendings",
        json=spending(amount="200.00", effective_on="2026-09-02"),
        headers=key(),
    )
    assert bill.status_code == 201
    contribute(client, person, "200.00", period="2026-08", effective_on="2026-09-02")
    die(client, person, "2026-09-02")
    heirs = [SPOUSE, claimant("大", born_on="1990-01-01"), claimant("小", born_on="1995-01-01")]
    done = confirmed(client, person, heirs, paid_on="2026-10-20")
    assert (done["amount"], amounts(done)) == ("9341.51", ["3113.84", "3113.84", "3113.83"])
    back = client.post(
        f"/v1/entries/{bill.json()['entry']}/reversal", json={"reason": "not this patient"}, headers=key()
    )
    assert back.status_code == 201, back.text
    items = client.get(f"/v1/accounts/{person}/entries", params={"kind": "estate"}).json()["items"]
    assert sorted(item["amount"] for item in items) == ["200.00", "9341.51"]
    later = next(item for item in items if item["amount"] == "200.00")
    assert [share["amount"] for share in later["facts"]["shares"]] == ["66.67", "66.67", "66.66"]


# -- named, replaced, held ---------------------------------------------------------------------------------


def test_another_post_replaces_who_claims_until_it_is_confirmed(client: TestClient) -> None:
    person = dead(client)
    first = claimed(client, person, [SPOUSE, claimant("大")])
    second = claimed(client, person, [SPOUSE])
    assert first["estate"] == second["estate"]
    assert amounts(client.get(f"/v1/estates/{first['estate']}").json()) == ["1000.00"]
    confirmed(client, person, [SPOUSE, claimant("大")])
    assert refusal(claim(client, person, [SPOUSE])) == (409, "account_closed")
    assert refusal(claim(client, person, [SPOUSE], confirm=True)) == (409, "account_closed")


@pytest.mark.parametrize("confirm", [False, True])
@pytest.mark.parametrize("claimants", [[], [SPOUSE | {"waived_on": TODAY.isoformat()}]])
def test_nobody_who_takes_it_holds_the_estate(
    client: TestClient, claimants: list[dict[str, Any]], confirm: bool
) -> None:
    person = dead(client)
    answer = claim(client, person, claimants, confirm=confirm)
    assert answer.status_code == (201 if confirm else 200), answer.text
    told = answer.json()
    assert (told["state"], told["amount"], amounts(told)) == ("held", "1000.00", ["0.00"] * len(claimants))
    assert (balance(client, person), status_of(client, person)) == ("1000.00", "deceased")
    assert client.get(f"/v1/estates/{told['estate']}").json()["state"] == "held"
    # an heir who is found later gets it
    assert amounts(confirmed(client, person, [SPOUSE])) == ["1000.00"]


def test_the_same_key_gets_the_first_answer(client: TestClient) -> None:
    person = dead(client)
    body = {"account": person, "paid_on": TODAY.isoformat(), "claimants": [SPOUSE], "confirm": True}
    headers = key()
    first = client.post("/v1/estates", json=body, headers=headers)
    again = client.post("/v1/estates", json=body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    other = body | {"claimants": [SPOUSE, MOTHER]}
    assert refusal(client.post("/v1/estates", json=other, headers=headers)) == (422, "idempotency_key_reused")
    bare = client.post("/v1/estates", json=body)
    assert refusal(bare) == (400, "idempotency_key_missing")
    # what is only shown needs no key
    shown = client.post("/v1/estates", json=body | {"account": dead(client), "confirm": False})
    assert shown.status_code == 200


def test_a_dry_run_writes_nothing(client: TestClient) -> None:
    person = dead(client)
    before = client.get(f"/v1/accounts/{person}/entries").json()
    for confirm in (False, True):
        body = {"account": person, "paid_on": TODAY.isoformat(), "claimants": [SPOUSE], "confirm": confirm}
        answer = client.post("/v1/estates?dry_run=true", json=body)
        assert (answer.status_code, amounts(answer.json())) == (200, ["1000.00"])
        assert answer.json()["dry_run"] is True
    assert client.get(f"/v1/accounts/{person}/entries").json() == before


# -- what is refused ---------------------------------------------------------------------------------------


def test_who_cannot_claim(client: TestClient) -> None:
    person = dead(client)
    gone = dead(client, "5.00")
    number = id_number()
    for claimants, at in [
        ([claimant("张三", id_number=person)], "claimants/0"),
        ([claimant("张三")], "claimants/0"),
        ([SPOUSE, claimant("张三", id_number=gone)], "claimants/1"),
        ([SPOUSE, SPOUSE], "claimants/1"),
        ([claimant("大", id_number=number), SPOUSE, claimant("大", id_number=number)], "claimants/2"),
        ([claimant("大", id_number=number), claimant("大")], "claimants/1"),
        (
            [claimant("大", title="will", share="0.5", disqualified_by="(2026) 3"), SPOUSE],
            "claimants/0/share",
        ),
        ([claimant("大", title="will", share="0.5"), claimant("小", title="will", share="0.4")], "claimants"),
        ([claimant("大", title="will", share="0.6"), claimant("小", title="will", share="0.5")], "claimants"),
        ([claimant("大", title="will")], "claimants/0/share"),
        ([claimant("孙", "grandchild")], "claimants/0/represents"),
        ([SPOUSE, claimant("孙", "grandchild", represents="妻")], "claimants/1/represents"),
        ([claimant("孙", "grandchild", represents="张三")], "claimants/0/represents"),
        ([SPOUSE, claimant("胎", unborn=True, id_number=number)], "claimants/1/unborn"),
        ([SPOUSE, claimant("胎", unborn=True, born_on="2026-11-20")], "claimants/1/unborn"),
        (
            [
                claimant("胎", unborn=True),
                claimant("胎", title="will", share="1/2", id_number=number),
            ],
            "claimants/0/unborn",
        ),
    ]:
        for confirm in (False, True):
            answer = claim(client, person, claimants, confirm=confirm)
            assert refusal(answer) == (422, "shares_invalid"), claimants
            assert answer.json()["errors"][0]["pointer"] == f"/{at}"
    assert balance(client, person) == "1000.00"


@pytest.mark.parametrize(
    ("field", "day"),
    [
        ("waived_on", "2026-11-19"),
        ("waived_on", "2026-11-22"),
        ("accepted_on", "2026-11-22"),
        ("notified_on", "2026-11-22"),
        ("born_on", "2026-11-22"),
    ],
)
def test_days_of_a_claimant(client: TestClient, field: str, day: str) -> None:
    person = dead(client)
    answer = claim(client, person, [SPOUSE, claimant("大", **{field: day})])
    assert refusal(answer) == (422, "period_invalid")


def test_a_birthday_is_that_of_the_number(client: TestClient) -> None:
    person, number = dead(client), id_number()
    born = f"{number[6:10]}-{number[10:12]}-{number[12:14]}"
    for confirm in (False, True):
        wrong = [SPOUSE, claimant("大", id_number=number, born_on="1971-02-03")]
        answer = claim(client, person, wrong, confirm=confirm)
        assert refusal(answer) == (422, "id_mismatch")
        assert answer.json()["errors"][0]["pointer"] == "/claimants/1/born_on"
    # also where the number stands in another line
    by_name = [
        claimant("大", title="will", share="1/2", born_on="1971-02-03"),
        claimant("大", id_number=number),
    ]
    assert refusal(claim(client, person, by_name)) == (422, "id_mismatch")
    assert amounts(claimed(client, person, [claimant("大", id_number=number, born_on=born)])) == ["1000.00"]


def test_nothing_before_a_death_and_nothing_while_something_is_open(client: TestClient) -> None:
    alive = rich(client)
    assert refusal(claim(client, alive, [SPOUSE])) == (409, "account_not_deceased")
    assert refusal(claim(client, id_number(), [SPOUSE])) == (404, "account_not_found")
    hold = {"amount": "5.00", "expires_at": "2026-11-22T00:00:00Z", "institution": "H0001", "source_ref": "h"}
    assert client.post(f"/v1/accounts/{alive}/holds", json=hold, headers=key()).status_code == 201
    die(client, alive)
    assert refusal(claim(client, alive, [SPOUSE])) == (409, "open_items")
    other = with_account(client, "另")
    other["name"] = "别"
    assert refusal(claim(client, dead(client), [other])) == (422, "id_mismatch")


def test_a_legatee_who_may_still_accept_keeps_it_from_being_paid(client: TestClient) -> None:
    person = dead(client, "5678.90", EARLIER)
    told = FRIEND | {"notified_on": (TODAY - timedelta(days=60)).isoformat()}
    # shown as if accepted
    assert amounts(claimed(client, person, [told, SPOUSE, MOTHER]))[0] == "1703.67"
    answer = claim(client, person, [told, SPOUSE, MOTHER], confirm=True)
    assert refusal(answer) == (409, "heirs_disputed")
    assert answer.json()["facts"]["latest"] == TODAY.isoformat()
    accepted = told | {"accepted_on": TODAY.isoformat()}
    assert amounts(confirmed(client, person, [accepted, SPOUSE, MOTHER]))[0] == "1703.67"


@pytest.mark.parametrize("died", [0, 1, 30, 60, 61, 90])
@pytest.mark.parametrize("silent", [60, 61])
def test_the_sixty_days_run_from_the_day_of_knowing_whenever_the_death_was(
    client: TestClient, died: int, silent: int
) -> None:
    told_on = TODAY - timedelta(days=silent)
    person = dead(client, "5678.90", (TODAY - timedelta(days=died)).isoformat())
    told = FRIEND | {"notified_on": told_on.isoformat()}
    shown = amounts(claimed(client, person, [told, SPOUSE, MOTHER]))
    answer = claim(client, person, [told, SPOUSE, MOTHER], confirm=True)
    if silent > 60:
        assert amounts(answer.json()) == shown == ["0.00", "2839.45", "2839.45"]
        return
    assert refusal(answer) == (409, "heirs_disputed")
    assert answer.json()["facts"]["latest"] == (told_on + timedelta(days=60)).isoformat()
    # shown as if accepted
    assert shown == ["1703.67", "1987.62", "1987.61"]


def test_what_is_reserved_comes_before_a_will_over_the_whole(client: TestClient) -> None:
    person = dead(client, "0.03")
    heirs = [claimant("母", "parent", share="1/3"), claimant("儿", title="will", share="1")]
    assert amounts(confirmed(client, person, heirs)) == ["0.01", "0.02"]


# -- disputes and agreements -------------------------------------------------------------------------------


def test_a_dispute_stops_payment_until_an_agreement_ends_it(client: TestClient) -> None:
    person = dead(client)
    heirs = [SPOUSE, claimant("大"), claimant("小")]
    estate = claimed(client, person, heirs)["estate"]
    told = say(client, estate, "disputes", by="小", document="letter 1")
    assert (told.status_code, told.json()["state"]) == (201, "disputed"), told.text
    assert refusal(claim(client, person, heirs, confirm=True)) == (409, "heirs_disputed")
    assert refusal(ask(client, person, [heir()], confirm=True)) == (409, "heirs_disputed")
    assert claimed(client, person, heirs)["state"] == "disputed"
    assert client.get(f"/v1/estates/{estate}").json()["state"] == "disputed"
    wrong = [
        [{"name": "妻", "share": "1/2"}, {"name": "大", "share": "1/3"}],
        [{"name": "妻", "share": "1/2"}, {"name": "谁", "share": "1/2"}],
        [],
    ]
    for shares in wrong:
        answer = say(client, estate, "agreement", shares=shares, document="d")
        assert refusal(answer) == (422, "shares_invalid")
    shares = [{"name": "小", "share": "1/3"}, {"name": "大", "share": "1/3"}, {"name": "妻", "share": "1/3"}]
    done = say(client, estate, "agreement", shares=shares, document="agreement 7")
    assert (done.status_code, done.json()["state"]) == (201, "open"), done.text
    # the odd fen goes by the agreed order
    assert amounts(done.json()) == ["333.33", "333.33", "333.34"]
    assert amounts(claimed(client, person, list(reversed(heirs)))) == ["333.34", "333.33", "333.33"]
    assert amounts(confirmed(client, person, heirs)) == ["333.33", "333.33", "333.34"]
    assert refusal(say(client, estate, "disputes", by="小", document="l")) == (409, "account_closed")


def test_agreed_shares_stand_while_the_names_are_the_same(client: TestClient) -> None:
    person = dead(client)
    estate = claimed(client, person, [SPOUSE, claimant("大")])["estate"]
    shares = [{"name": "妻", "share": "0.9"}, {"name": "大", "share": "0.1"}]
    assert say(client, estate, "agreement", shares=shares, document="a").status_code == 201
    assert amounts(claimed(client, person, [claimant("大"), SPOUSE])) == ["100.00", "900.00"]
    assert amounts(claimed(client, person, [SPOUSE, claimant("小")])) == ["500.00", "500.00"]
    assert client.get(f"/v1/estates/{estate}").json()["state"] == "open"
    # nobody: held, and not by what others agreed on
    assert claimed(client, person, [])["state"] == "held"
    assert client.get(f"/v1/estates/{estate}").json()["state"] == "held"
    # named again they have what they agreed on
    assert amounts(confirmed(client, person, [SPOUSE, claimant("大")])) == ["900.00", "100.00"]


def test_a_dispute_outlasts_other_claimants(client: TestClient) -> None:
    person = dead(client)
    estate = claimed(client, person, [SPOUSE, claimant("大")])["estate"]
    assert say(client, estate, "disputes", by="大", document="letter 1").status_code == 201
    for heirs in ([SPOUSE], [SPOUSE, claimant("大")], [], [claimant("大"), SPOUSE]):
        assert claimed(client, person, heirs)["state"] == "disputed"
        assert refusal(claim(client, person, heirs, confirm=True)) == (409, "heirs_disputed")


def test_an_estate_is_named_by_its_death(client: TestClient) -> None:
    person = dead(client)
    estate = claimed(client, person, [SPOUSE])["estate"]
    number, _, seq = estate.rpartition("-")
    for other in (f"{number}-{int(seq) + 1}", f"{number}-1", "P0-1", "nothing"):
        assert client.get(f"/v1/estates/{other}").status_code == 404
        answers = [
            say(client, other, "disputes", by="妻", document="d"),
            say(client, other, "agreement", shares=[{"name": "妻", "share": "1"}], document="d"),
            say(client, other, "undo", reason="r", document="d"),
        ]
        assert {refusal(answer) for answer in answers} == {(404, "estate_not_found")}
    assert refusal(say(client, estate, "undo", reason="r", document="d")) == (409, "estate_not_confirmed")


def test_there_is_no_estate_of_a_death_that_was_withdrawn(client: TestClient) -> None:
    person = dead(client)
    estate = claimed(client, person, [SPOUSE])["estate"]
    assert say(client, estate, "disputes", by="妻", document="letter 1").status_code == 201
    path = f"/v1/accounts/{person}/death/withdrawal"
    answer = client.post(path, json={"reason": "a namesake", "document": "registry 7"}, headers=key())
    assert by_two(client, answer).status_code == 201
    assert refusal(client.get(f"/v1/estates/{estate}")) == (404, "estate_not_found")
    shares = [{"name": "妻", "share": "1"}]
    for what, body in (
        ("disputes", {"by": "妻", "document": "d"}),
        ("agreement", {"shares": shares, "document": "d"}),
        ("undo", {"reason": "r", "document": "d"}),
    ):
        assert refusal(say(client, estate, what, **body)) == (404, "estate_not_found")
    # another death is another estate
    again = die(client, person)["entry"]
    told = client.get(f"/v1/estates/{again}").json()
    assert (told["estate"], told["state"]) == (again, "open")


# -- an unborn child ---------------------------------------------------------------------------------------


def test_the_part_of_an_unborn_child_is_kept(client: TestClient) -> None:
    person = dead(client, "90.00")
    child = claimant("腹中", unborn=True)
    done = confirmed(client, person, [SPOUSE, claimant("大"), child])
    assert [(one["amount"], one["paid_to"]) for one in done["shares"]] == [
        ("30.00", "payout"), ("30.00", "payout"), ("30.00", "kept"),
    ]  # fmt: skip


def test_a_kept_part_is_paid_by_dividing_anew(client: TestClient) -> None:
    """Born, the child gets it into an account; born dead, the others get it. The odd fen goes once (K7)."""
    person, child = dead(client, "0.05"), claimant("腹中", unborn=True)
    estate = confirmed(client, person, [SPOUSE, claimant("大"), child])["estate"]
    undo(client, estate)
    born = with_account(client, "小宝")
    shares = confirmed(client, person, [SPOUSE, claimant("大"), born])["shares"]
    assert sorted(one["amount"] for one in shares) == ["0.01", "0.02", "0.02"]
    assert shares[2]["paid_to"] == "account"
    assert balance(client, born["id_number"]) == shares[2]["amount"]
    undo(client, estate)
    assert amounts(confirmed(client, person, [SPOUSE, claimant("大")])) == ["0.03", "0.02"]


# -- taken back --------------------------------------------------------------------------------------------


def test_undone_everything_is_as_it_was_and_is_divided_anew(client: TestClient) -> None:
    person = overpaid(client)
    die(client, person)
    before = seen(client, person)
    spouse, child = with_account(client, "妻", "spouse"), with_account(client, "大")
    heirs = [spouse, child, claimant("小")]
    theirs = [seen(client, one["id_number"]) for one in (spouse, child)]
    done = confirmed(client, person, heirs)
    assert amounts(done) == ["266.67", "266.67", "266.66"]
    assert balance(client, spouse["id_number"]) == "266.67"
    told = undo(client, done["estate"])
    assert (told["state"], told["receivable"]) == ("open", "0.00")
    # as it was divided: 200.00 beside it was set off, and came back too
    told_then = {name: done[name] for name in ("amount", "set_off", "shares")}
    assert {name: told[name] for name in told_then} == told_then
    now = client.get(f"/v1/estates/{done['estate']}").json()
    assert {name: now[name] for name in told_then} == told_then
    assert seen(client, person) == before
    assert [seen(client, one["id_number"]) for one in (spouse, child)] == theirs
    assert status_of(client, person) == "deceased"
    assert refusal(say(client, done["estate"], "undo", reason="r", document="d")) == (
        409, "estate_not_confirmed",
    )  # fmt: skip
    anew = confirmed(client, person, [child])
    assert (anew["set_off"], amounts(anew)) == (done["set_off"], ["800.00"])
    assert balance(client, child["id_number"]) == "800.00"


def test_what_a_third_party_paid_is_owed_again(client: TestClient) -> None:
    """Of an advance all is owed again, also what the estate had not, and is set off by the next division."""
    person = new_patient(client)
    case = advanced(client, new_institution(client, level=3), person)
    assert recover(client, case, "6000.00", means="set_off").status_code == 201
    contribute(client, person, "1000.00", period="2026-11", effective_on=TODAY.isoformat())
    die(client, person)
    line = {"what": "third_party", "name": case, "owed": "5280.00", "amount": "1000.00"}
    for _turn in range(2):
        done = confirmed(client, person, [SPOUSE])
        assert (done["amount"], done["set_off"]) == ("0.00", [line])
        assert client.get(f"/v1/third-party-cases/{case}").json()["receivable"] == "0.00"
        told = undo(client, done["estate"])
        assert (told["amount"], told["set_off"]) == ("0.00", [line])
        assert client.get(f"/v1/third-party-cases/{case}").json()["receivable"] == "5280.00"
    assert balance(client, person) == "1000.00"


def test_what_an_heir_has_spent_is_owed_by_the_heir(client: TestClient) -> None:
    person = dead(client)
    son = with_account(client, "儿")
    done = confirmed(client, person, [son, claimant("女")])
    spent = client.post(
        f"/v1/accounts/{son['id_number']}/spendings",
        json=spending(amount="420.00", effective_on=TODAY.isoformat()),
        headers=key(),
    )
    assert spent.status_code == 201, spent.text
    told = undo(client, done["estate"])
    assert told["receivable"] == "420.00"
    assert (balance(client, person), balance(client, son["id_number"])) == ("1000.00", "0.00")
    # and is set off when the heir dies
    contribute(client, son["id_number"], "500.00", period="2026-11", effective_on=TODAY.isoformat())
    die(client, son["id_number"], TODAY.isoformat())
    own = confirmed(client, son["id_number"], [claimant("媳", "spouse")])
    assert [(line["what"], line["owed"], line["amount"]) for line in own["set_off"]] == [
        ("inheritance", "420.00", "420.00")
    ]
    assert own["amount"] == "80.00"


def test_supplements_come_back_too_and_an_estate_of_the_short_form(client: TestClient) -> None:
    person = rich(client)
    bill = client.post(
        f"/v1/accounts/{person}/spendings",
        json=spending(amount="200.00", effective_on=TODAY.isoformat()),
        headers=key(),
    ).json()
    died = die(client, person, TODAY.isoformat())
    son = with_account(client, "儿")
    divide(client, person, [{"id_number": son["id_number"], "relation": "child"}])
    reversal = client.post(f"/v1/entries/{bill['entry']}/reversal", json={"reason": "r"}, headers=key())
    assert reversal.status_code == 201
    assert balance(client, son["id_number"]) == "1000.00"
    estate = client.get(f"/v1/estates/{died['entry']}").json()
    assert (estate["state"], estate["amount"]) == ("confirmed", "800.00")
    told = undo(client, died["entry"])
    assert (told["amount"], told["receivable"]) == ("1000.00", "0.00")
    assert (balance(client, person), balance(client, son["id_number"])) == ("1000.00", "0.00")
    assert amounts(confirmed(client, person, [SPOUSE])) == ["1000.00"]


def test_a_closed_account_of_somebody_who_came_back_stays_closed(client: TestClient) -> None:
    person = dead(client)
    done = confirmed(client, person, [SPOUSE])
    again = client.post(
        "/v1/accounts",
        json={"id_number": person, "name": "张三", "area": "990100", "opened_on": TODAY.isoformat()},
        headers=key(),
    )
    if again.status_code == 201:
        assert refusal(say(client, done["estate"], "undo", reason="r", document="d")) == (
            409,
            "account_closed",
        )


@pytest.mark.parametrize("confirm", [False, True])
def test_neither_form_takes_the_dead_for_an_heir(client: TestClient, confirm: bool) -> None:
    gone = with_account(client, "亡")
    die(client, gone["id_number"])
    divided = with_account(client, "亡二")
    die(client, divided["id_number"])
    confirmed(client, divided["id_number"], [SPOUSE])
    person = dead(client)
    for one in (
        {"name": "亡", "id_number": gone["id_number"]},
        {"id_number": gone["id_number"]},
        {"name": "亡二", "id_number": divided["id_number"]},
        {"name": "张三", "id_number": person},
        {"id_number": person},
        {"name": "张三"},
        {"name": " 张三"},
    ):
        heirs = [{"name": "妻", "relation": "spouse"}, one | {"relation": "child"}]
        answer = ask(client, person, heirs, confirm=confirm)
        assert refusal(answer) == (422, "shares_invalid"), one
        assert answer.json()["errors"][0]["pointer"] == "/heirs/1"
        if "name" in one:
            claims = [two | {"title": "law"} for two in heirs]
            assert refusal(claim(client, person, claims, confirm=confirm)) == (422, "shares_invalid")
    assert balance(client, person) == "1000.00"


@pytest.mark.parametrize("title", ["law", "will"])
def test_an_undone_estate_reads_as_its_undoing_answered(client: TestClient, title: str) -> None:
    """With what came later, for the same heirs: what was divided in all."""
    person = rich(client, "1200.00", DIED[:7])
    bill = spending(amount="200.00", effective_on=TODAY.isoformat())
    entry = client.post(f"/v1/accounts/{person}/spendings", json=bill, headers=key()).json()["entry"]
    die(client, person, TODAY.isoformat())
    heirs = [SPOUSE, claimant("大"), claimant("小")]
    if title == "will":
        heirs = [claimant("大", title="will", share="0.5"), *heirs]
    done = confirmed(client, person, heirs)
    assert done["amount"] == "1000.00"
    back = client.post(f"/v1/entries/{entry}/reversal", json={"reason": "r"}, headers=key())
    assert back.status_code == 201, back.text
    undone = undo(client, done["estate"])
    assert undone["amount"] == "1200.00"
    read = client.get(f"/v1/estates/{done['estate']}").json()
    told = ("estate", "state", "amount", "set_off", "shares")
    assert {name: read[name] for name in told} == {name: undone[name] for name in told}
    assert sum(Decimal(share["amount"]) for share in read["shares"]) == Decimal("1200.00")
    # who is named anew is what is read from then on
    again = claimed(client, person, heirs)
    read = client.get(f"/v1/estates/{done['estate']}").json()
    assert {name: read[name] for name in told} == {name: again[name] for name in told}


def test_the_short_form_divides_as_the_same_heirs_agreed(client: TestClient) -> None:
    person = dead(client, "100.01")
    heirs = [{"name": "妻", "relation": "spouse"}, {"name": "大", "relation": "child"}]
    estate = claimed(client, person, [one | {"title": "law"} for one in heirs])["estate"]
    shares = [{"name": "大", "share": "0.5"}, {"name": "妻", "share": "0.5"}]
    assert say(client, estate, "agreement", shares=shares, document="d").status_code == 201
    # the odd fen goes by the agreed order
    assert amounts(show(client, person, heirs)) == ["50.00", "50.01"]
    shares = [{"name": "大", "share": "0.9"}, {"name": "妻", "share": "0.1"}]
    assert say(client, estate, "agreement", shares=shares, document="e").status_code == 201
    assert amounts(show(client, person, heirs)) == ["10.00", "90.01"]
    # of others it is not
    assert amounts(show(client, person, [heirs[0], heirs[1] | {"name": "小"}])) == ["50.01", "50.00"]
    shares = [{"name": "大", "share": "1"}]
    assert say(client, estate, "agreement", shares=shares, document="f").status_code == 201
    assert amounts(divide(client, person, heirs)) == ["0.00", "100.01"]


def test_the_short_form_passes_over_nobody_who_may_still_accept(client: TestClient) -> None:
    person = dead(client, "100.00")
    told = FRIEND | {"notified_on": (TODAY - timedelta(days=60)).isoformat()}
    estate = claimed(client, person, [told, SPOUSE])["estate"]
    heirs = [{"name": "妻", "relation": "spouse"}]
    for confirm in (False, True):
        for named in (heirs, [*heirs, {"name": "友", "relation": "other"}]):
            answer = ask(client, person, named, confirm=confirm)
            assert refusal(answer) == (409, "heirs_disputed")
            assert answer.json()["facts"]["latest"] == TODAY.isoformat()
    assert say(client, estate, "disputes", by="妻", document="d").status_code == 201
    assert refusal(ask(client, person, heirs, confirm=True)) == (409, "heirs_disputed")
    shares = [{"name": "友", "share": "0.2"}, {"name": "妻", "share": "0.8"}]
    assert say(client, estate, "agreement", shares=shares, document="d").status_code == 201
    assert refusal(ask(client, person, heirs, confirm=True)) == (409, "heirs_disputed")
    both = [*heirs, {"name": "友", "relation": "other"}]
    assert amounts(divide(client, person, both)) == ["80.00", "20.00"]


@pytest.mark.parametrize(
    "said",
    [{"notified_on": LONG_AGO}, {"accepted_on": TODAY.isoformat()}, {"waived_on": TODAY.isoformat()}, {}],
)
def test_the_short_form_names_others_in_place_of_those_who_claim(
    client: TestClient, said: dict[str, str]
) -> None:
    person = dead(client, "100.00")
    claimed(client, person, [FRIEND | said, SPOUSE])
    heirs = [{"name": "妻", "relation": "spouse"}, {"name": "大", "relation": "child"}]
    assert amounts(divide(client, person, heirs)) == ["50.00", "50.00"]
