"""Corrections of many entries: a parameter, a class or a list was wrong; shown, posted once, then right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, select

from api.operations.corrections import CorrectionAnswer, CorrectionLines, NewCorrection, _asked
from ledger import tables
from ledger.accounts.year_end import PostInterest
from ledger.chart.channels import FieldGroup
from ledger.chart.parties import Party
from ledger.contributions.retirees import CreditRetiree
from ledger.corrections import performing
from ledger.people.id_numbers import check_digit
from ledger.policy import load_policy
from ledger.posting import Posted
from ledger.posting.way_in import post
from ledger.verify import verify
from tests.support.api_client import AREA, NOW, TODAY, contribute, key, open_account, running, spending
from tests.support.approval_client import approve, waiting
from tests.support.employer_client import adjust, balance, hire, new_employer, owe, pay, rows
from tests.support.estate_client import die

AVERAGE = 'name = "contributions.average_wage"\nunit = "yuan_per_month"\nvalue = "8120.00"'
CREDIT = 'name = "retirees.monthly_credit"\nunit = "yuan_per_month"\nvalue = "110.00"'


@pytest.fixture
def client(fresh_engine: Engine, tmp_path: Path) -> Iterator[TestClient]:
    with running(fresh_engine, tmp_path) as client:
        yield client


def put_in_force(client: TestClient, old: str, new: str) -> None:
    """Let the area's file say something else from now on, as after a restart with the corrected file."""
    policies = client.app.state.ledger.policies  # type: ignore[attr-defined]  # the app of these tests
    policy = policies[int(AREA)]
    assert old in policy.text
    policies[int(AREA)] = load_policy(policy.text.replace(old, new), f"{AREA}.toml")


def correction(**more: Any) -> dict[str, Any]:
    body = {"kind": "parameter", "reason": "published anew", "from": "2026-01-01", "to": "2026-06-30"}
    return body | {"area": AREA, "parameter": "contributions.average_wage"} | more


def shown(client: TestClient, **more: Any) -> Any:
    answer = client.post("/v1/corrections", json=correction(**more))
    assert answer.status_code == 200, answer.text
    CorrectionAnswer.model_validate(answer.json())
    return answer.json()


def posted(client: TestClient, **more: Any) -> Any:
    answer = client.post("/v1/corrections", json=correction(confirm=True, **more), headers=key())
    assert answer.status_code == 201, answer.text
    CorrectionAnswer.model_validate(answer.json())
    return answer.json()


def summed(answer: Any) -> tuple[int, str, str]:
    return answer["people"], answer["more"], answer["less"]


def test_a_wrong_average_wage(client: TestClient, fresh_engine: Engine) -> None:
    """Floor 4,872.00 and cap 24,360.00 at 8,120.00; 5,073.60 and 25,368.00 at 8,456.00 (E02, E03, E06)."""
    employer = new_employer(client)
    low, middle, high = (hire(client) for _ in range(3))
    owe(client, employer, "2026-03", {low: "3500.00", middle: "8000.00", high: "40000.00"})
    # 97.44 + 160.00 + 487.20 and 365.40 + 600.00 + 1827.00
    pay(client, employer, "2026-03", "3537.04", "2026-04-10")
    assert summed(shown(client)) == (0, "0.00", "0.00")

    put_in_force(client, AVERAGE, AVERAGE.replace("8120.00", "8456.00"))
    before = rows(fresh_engine)
    told = shown(client)
    assert rows(fresh_engine) == before
    # 101.47 - 97.44 and 507.36 - 487.20
    assert summed(told) == (2, "24.19", "0.00")
    assert sorted(line["difference"] for line in told["lines"]) == ["20.16", "4.03"]
    assert {line["period"] for line in told["lines"]} == {"2026-03"}
    done = posted(client)
    assert summed(done) == (2, "24.19", "0.00")
    assert [(one["state"], one["posted"], one["left"]) for one in (told, done)] == [
        ("shown", None, None), ("posted", 2, 0),
    ]  # fmt: skip
    assert client.get(f"/v1/corrections/{done['correction']}").json() == done
    assert done["correction"] == told["correction"]
    assert summed(shown(client)) == (0, "0.00", "0.00")
    assert posted(client)["lines"] == done["lines"], "once"
    # more is owed now, and reaches the accounts when it is paid: 4.03 + 15.12 + 20.16 + 75.60
    pay(client, employer, "2026-03", "114.91", "2026-11-20")
    assert [balance(client, one) for one in (low, middle, high)] == ["101.47", "160.00", "507.36"]
    assert verify(fresh_engine).findings == []


def arrears(client: TestClient, employer: str) -> dict[str, tuple[str, str]]:
    answer = client.get(f"/v1/employers/{employer}/arrears")
    assert answer.status_code == 200, answer.text
    return {one["period"]: (one["principal"], one["late_fee"]) for one in answer.json()["items"]}


def test_nobody_is_late_with_what_the_agency_left_out(client: TestClient, fresh_engine: Engine) -> None:
    """97.44 + 365.40 by the wrong figure, 101.47 + 380.52 by the right one: 19.15 more, and no fee on them.

    What the employer itself was late with goes on costing what it costs.
    """
    paid, unpaid = new_employer(client), new_employer(client)
    for employer in (paid, unpaid):
        owe(client, employer, "2026-03", {hire(client): "3500.00"})
    pay(client, paid, "2026-03", "462.84", "2026-04-10")
    [(_principal, before)] = arrears(client, unpaid).values()
    put_in_force(client, AVERAGE, AVERAGE.replace("8120.00", "8456.00"))
    posted(client)
    assert arrears(client, paid) == {"2026-03": ("19.15", "0.00")}
    assert arrears(client, unpaid) == {"2026-03": ("481.99", before)}
    months = [client.get(f"/v1/employers/{one}/payments").json()["items"] for one in (paid, unpaid)]
    assert [month["paid_on"] for [month] in months] == ["2026-04-10", None]
    assert summed(shown(client)) == (0, "0.00", "0.00")
    told = pay(client, paid, "2026-03", "19.15", TODAY.isoformat())
    assert (told["late_fee"], told["to_suspense"]) == ("0.00", "0.00")
    assert arrears(client, paid) == {}
    assert verify(fresh_engine).findings == []


def test_what_was_too_much_goes_back(client: TestClient, fresh_engine: Engine) -> None:
    put_in_force(client, AVERAGE, AVERAGE.replace("8120.00", "8456.00"))
    employer = new_employer(client)
    low, spent = hire(client), hire(client)
    owe(client, employer, "2026-03", {low: "3500.00", spent: "3500.00"})
    pay(client, employer, "2026-03", "963.98", "2026-04-10")
    bill = spending(amount="101.47", effective_on="2026-05-02")
    assert client.post(f"/v1/accounts/{spent}/spendings", json=bill, headers=key()).status_code == 201
    put_in_force(client, AVERAGE.replace("8120.00", "8456.00"), AVERAGE)
    assert summed(posted(client)) == (2, "0.00", "8.06")
    # never below zero: what was spent is owed
    assert (balance(client, low), balance(client, spent)) == ("97.44", "0.00")
    assert summed(shown(client)) == (0, "0.00", "0.00")
    assert verify(fresh_engine).findings == []


def test_what_is_too_little_to_claim_is_kept(client: TestClient, fresh_engine: Engine) -> None:
    employer = new_employer(client)
    person = hire(client)
    owe(client, employer, "2026-03", {person: "3500.00"})
    pay(client, employer, "2026-03", "462.84", "2026-04-10")
    put_in_force(client, AVERAGE, AVERAGE.replace("8120.00", "8115.00"))
    # floor 4869.00: 97.38 instead of 97.44
    told = shown(client)
    assert summed(told) == (0, "0.00", "0.00")
    assert [(line["difference"], line["code"]) for line in told["lines"]] == [("-0.06", "too_little")]
    posted(client)
    assert balance(client, person) == "97.44"


def test_a_wage_that_nobody_knows_is_left_to_a_clerk(client: TestClient) -> None:
    employer = new_employer(client)
    at_the_floor, between = hire(client), hire(client)
    owe(client, employer, "2026-03", {at_the_floor: "9000.00", between: "9000.00"})
    adjust(client, employer, "2026-03", {at_the_floor: "3000.00", between: "4900.00"})
    # whatever it was below the floor, it is below a higher one
    put_in_force(client, AVERAGE, AVERAGE.replace("8120.00", "8456.00"))
    assert summed(shown(client)) == (2, "7.50", "0.00")
    # but a lower floor of 4800.00 may be lower than it was, or not
    put_in_force(client, AVERAGE.replace("8120.00", "8456.00"), AVERAGE.replace("8120.00", "8000.00"))
    told = shown(client)
    assert [(line["code"], line["difference"]) for line in told["lines"]] == [("wage_unknown", "0.00")]
    assert summed(told) == (0, "0.00", "0.00")


def test_more_than_a_call_may_post_is_left_to_the_command(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    employer = new_employer(client)
    owe(client, employer, "2026-03", {hire(client): "9000.00", hire(client): "9000.00"})
    monkeypatch.setattr("api.operations.corrections.LINES_POSTED_MAX", 1)
    put_in_force(client, AVERAGE, AVERAGE.replace("8120.00", "2000.00"))
    answer = client.post("/v1/corrections", json=correction(confirm=True), headers=key())
    assert (answer.status_code, answer.json()["code"]) == (422, "correction_too_large")
    assert answer.json()["facts"] == {"lines": 2, "lines_max": 1}


def ids(engine: Engine) -> list[int]:
    """The accounts of people."""
    book = tables.book.c
    with engine.connect() as connection:
        return list(connection.scalars(select(book.book_id).where(book.person_id.is_not(None))))


def retiree(client: TestClient, first: str = "2026-01-01") -> str:
    person = hire(client)
    body = {"member_class": "retired", "employer": None, "from": first, "to": None, "wage": None}
    path = f"/v1/accounts/{person}/enrolments"
    assert client.post(path, json=body, headers=key()).status_code == 201
    return person


def credit(client: TestClient, person: str, *periods: int) -> None:
    """Credit a retiree as the run does."""
    state = client.app.state.ledger  # type: ignore[attr-defined]  # the app of these tests
    with state.engine.connect() as connection:
        for period in periods:
            command = CreditRetiree(state.ref(person), period)
            [done] = post(connection, [command], NOW, TODAY, state.policies)
            assert isinstance(done, Posted)
            assert done.receipt.amount_fen == 11_000


def test_a_wrong_credit_of_retirees(client: TestClient, fresh_engine: Engine) -> None:
    person, spent = retiree(client), retiree(client)
    credit(client, person, 202602, 202603)
    credit(client, spent, 202602)
    bill = spending(amount="110.00", effective_on="2026-05-02")
    assert client.post(f"/v1/accounts/{spent}/spendings", json=bill, headers=key()).status_code == 201
    about = {"parameter": "retirees.monthly_credit"}

    put_in_force(client, CREDIT, CREDIT.replace("110.00", "115.50"))
    told = shown(client, **about)
    assert summed(told) == (2, "16.50", "0.00")
    assert summed(posted(client, **about)) == (2, "16.50", "0.00")
    assert (balance(client, person), balance(client, spent)) == ("231.00", "5.50")
    assert summed(shown(client, **about)) == (0, "0.00", "0.00")

    put_in_force(client, CREDIT.replace("110.00", "115.50"), CREDIT.replace("110.00", "104.00"))
    assert summed(posted(client, **about)) == (2, "0.00", "34.50")
    # 11.50 back of 5.50: the rest is owed
    assert (balance(client, person), balance(client, spent)) == ("208.00", "0.00")
    entries = client.get(f"/v1/accounts/{person}/entries", params={"kind": "retiree_correction"}).json()
    assert [one["period"] for one in entries["items"]] == ["2026-02", "2026-03"] * 2
    assert verify(fresh_engine).findings == []


def test_a_credit_that_a_mistaken_death_took_back_and_gave_again(
    client: TestClient, fresh_engine: Engine, tmp_path: Path
) -> None:
    """Whatever became of it meanwhile, it stands; and one that a second death has taken back does not."""
    person, dead = retiree(client), retiree(client)
    for one in (person, dead):
        credit(client, one, 202609, 202610)
        die(client, one, "2026-09-20")
        body = {"reason": "a namesake", "document": "registry 7"}
        asked = client.post(f"/v1/accounts/{one}/death/withdrawal", json=body, headers=key())
        assert approve(client, tmp_path / "keys", waiting(asked)).status_code == 201
        assert balance(client, one) == "220.00"
    die(client, dead, "2026-09-20")
    about = {"parameter": "retirees.monthly_credit", "from": "2026-09-01", "to": "2026-10-31"}
    put_in_force(client, CREDIT, CREDIT.replace("110.00", "115.50"))
    # two months of the one, and the month of death of the other
    assert summed(shown(client, **about)) == (2, "16.50", "0.00")
    assert summed(posted(client, **about)) == (2, "16.50", "0.00")
    assert (balance(client, person), balance(client, dead)) == ("231.00", "115.50")
    assert summed(shown(client, **about)) == (0, "0.00", "0.00")
    assert verify(fresh_engine).findings == []


def test_a_class_that_was_wrong(client: TestClient, fresh_engine: Engine) -> None:
    """Taken for active until June, and a retiree since February in truth."""
    employer = new_employer(client)
    person = hire(client)
    for period, day in (("2026-01", "2026-02-10"), ("2026-02", "2026-03-10"), ("2026-03", "2026-04-10")):
        owe(client, employer, period, {person: "8000.00"})
        pay(client, employer, period, "760.00", day)
    assert balance(client, person) == "480.00"
    about: dict[str, Any] = {
        "kind": "class",
        "account": person,
        "member_class": "retired",
        "from": "2026-02-01",
    }
    about |= {"to": "2026-03-31", "area": None, "parameter": None}
    told = shown(client, **about)
    assert summed(told) == (1, "220.00", "320.00")
    assert summed(posted(client, **about)) == (1, "220.00", "320.00")
    assert balance(client, person) == "380.00"
    assert summed(shown(client, **about)) == (0, "0.00", "0.00")
    assert verify(fresh_engine).findings == []
    # and back again: the months are for the employer to declare, the credits go back
    about |= {"member_class": "active"}
    assert summed(posted(client, **about)) == (1, "0.00", "220.00")
    assert balance(client, person) == "160.00"
    assert verify(fresh_engine).findings == []


def test_a_class_from_before_the_account(client: TestClient, fresh_engine: Engine) -> None:
    person = hire(client, opened_on="2026-02-10")
    about: dict[str, Any] = {"kind": "class", "account": person, "member_class": "retired"}
    about |= {"from": "2026-01-01", "to": "2026-03-31", "area": None, "parameter": None}
    assert summed(shown(client, **about)) == (1, "220.00", "0.00")
    assert summed(posted(client, **about)) == (1, "220.00", "0.00")
    assert balance(client, person) == "220.00"
    assert verify(fresh_engine).findings == []


def test_a_class_from_before_birth(client: TestClient) -> None:
    body = "11999920100301001"
    person = hire(client, opened_on="2026-02-10", id_number=body + check_digit(body))
    about: dict[str, Any] = {"kind": "class", "account": person, "member_class": "retired"}
    about |= {"to": "2026-03-31", "area": None, "parameter": None}
    too_early = correction(confirm=True, **about, **{"from": "2009-12-01"})
    answer = client.post("/v1/corrections", json=too_early, headers=key())
    assert (answer.status_code, answer.json()["code"]) == (422, "period_invalid")
    assert balance(client, person) == "0.00"
    # which is over, and holds up nothing
    assert summed(posted(client, **about, **{"from": "2026-01-01"})) == (1, "220.00", "0.00")


def test_a_class_of_an_account_that_is_closed(client: TestClient) -> None:
    person = hire(client)
    report = {"died_on": "2026-05-01", "evidence": "certificate 1"}
    assert client.post(f"/v1/accounts/{person}/death", json=report, headers=key()).status_code == 201
    closing: dict[str, Any] = {"paid_on": TODAY.isoformat(), "confirm": True}
    closing["heirs"] = [{"name": "李四", "relation": "child", "share": "1"}]
    assert client.post(f"/v1/accounts/{person}/estate", json=closing, headers=key()).status_code == 201
    about: dict[str, Any] = {"kind": "class", "account": person, "member_class": "retired"}
    answer = client.post("/v1/corrections", json=correction(**about, area=None, parameter=None))
    assert (answer.status_code, answer.json()["code"]) == (409, "account_closed")


def test_who_is_listed_twice_or_was_never_on_the_list(client: TestClient) -> None:
    employer = new_employer(client)
    person, other = hire(client), hire(client)
    owe(client, employer, "2026-03", {person: "8000.00"})
    about: dict[str, Any] = {"kind": "list", "employer": employer, "area": None, "parameter": None}
    lines = [{"id_number": person, "wage": "8500.00"}, {"id_number": other, "wage": "8500.00"}]
    told = shown(client, **about, lines=lines)
    assert [(one["difference"], one["code"]) for one in told["lines"]] == [
        ("10.00", None),
        ("0.00", "nothing_assessed"),
    ]
    answer = client.post("/v1/corrections", json=correction(**about, lines=[*lines, lines[0]]))
    assert (answer.status_code, answer.json()["code"]) == (409, "duplicate_line")
    assert answer.json()["errors"][0]["pointer"] == "/lines/2/id_number"


def test_a_list_that_was_wrong(client: TestClient, fresh_engine: Engine) -> None:
    """E10: the base was 8,500.00 and not 8,000.00, in two months."""
    employer = new_employer(client)
    person, other = hire(client), hire(client)
    for period, day in (("2026-02", "2026-03-10"), ("2026-03", "2026-04-10")):
        owe(client, employer, period, {person: "8000.00", other: "8000.00"})
        pay(client, employer, period, "1520.00", day)
    about: dict[str, Any] = {"kind": "list", "employer": employer, "area": None, "parameter": None}
    about |= {"lines": [{"id_number": person, "wage": "8500.00"}]}
    told = shown(client, **about)
    assert summed(told) == (1, "20.00", "0.00")
    assert {
        (line["employer"], line["employer_before"], line["employer_after"]) for line in told["lines"]
    } == {(employer, "600.00", "637.50")}
    done = posted(client, **about)
    assert summed(done) == (1, "20.00", "0.00")
    assert summed(shown(client, **about)) == (0, "0.00", "0.00")
    letters = client.get(f"/v1/corrections/{done['correction']}/lines").json()
    CorrectionLines.model_validate(letters)
    assert [(one["period"], one["state"], one["difference"]) for one in letters["items"]] == [
        ("2026-02", "posted", "10.00"),
        ("2026-03", "posted", "10.00"),
    ]
    file = client.get(f"/v1/corrections/{done['correction']}/lines", headers={"Accept": "text/csv"})
    assert file.text.count("\r\n") == 3
    assert client.get(f"/v1/corrections/{done['correction']}").json()["people"] == 1
    batch = client.get(f"/v1/batches/{done['correction']}").json()
    assert (batch["state"], batch["done"], batch["amount"]) == ("finished", 2, "20.00")


def test_what_cannot_be_corrected(client: TestClient) -> None:
    person = open_account(client)["number"]
    contribute(client, person)
    for more, code in (
        ({"area": "990200"}, "area_unknown"),
        ({"parameter": "care.nonsense"}, "parameter_unknown"),
        ({"from": "2026-07-01"}, "period_invalid"),
        ({"from": "2027-01-01", "to": "2027-02-01"}, "period_invalid"),
        ({"area": None}, "shape_invalid"),
        ({"member_class": "active"}, "shape_invalid"),
        ({"kind": "class", "account": "119999199001010003"}, "shape_invalid"),
        ({"kind": "list", "employer": "91110000MA00000000"}, "shape_invalid"),
    ):
        answer = client.post("/v1/corrections", json=correction(**more))
        assert answer.json()["code"] == code, more
    assert client.get("/v1/corrections/correction-990100-0").json()["code"] == "correction_not_found"
    answer = client.post("/v1/corrections", json=correction(confirm=True))
    assert answer.json()["code"] == "idempotency_key_missing"


def test_what_a_correction_shows_is_recorded(client: TestClient, fresh_engine: Engine) -> None:
    employer = new_employer(client)
    person = hire(client)
    owe(client, employer, "2026-03", {person: "3500.00"})
    put_in_force(client, AVERAGE, AVERAGE.replace("8120.00", "8456.00"))
    name = shown(client)["correction"]
    posted(client)
    client.get(f"/v1/corrections/{name}")
    client.get(f"/v1/corrections/{name}/lines")
    client.get(f"/v1/corrections/{name}/lines", headers={"Accept": "text/csv"})
    [book_id] = ids(fresh_engine)
    log = tables.read_log.c
    with fresh_engine.connect() as connection:
        told = select(log["items"], log["fields"]).where(log.book_id == book_id)
        looks = connection.execute(told.order_by(log.chain_id, log.seq)).all()
    # the preview, what was posted, and its lines twice; what the posting itself told is its entries'
    assert [tuple(look) for look in looks] == [(1, int(FieldGroup.PAYMENTS))] * 4


def test_a_dry_run_posts_nothing(client: TestClient, fresh_engine: Engine) -> None:
    employer = new_employer(client)
    person = hire(client)
    owe(client, employer, "2026-03", {person: "3500.00"})
    put_in_force(client, AVERAGE, AVERAGE.replace("8120.00", "8456.00"))
    before = rows(fresh_engine)
    answer = client.post("/v1/corrections?dry_run=true", json=correction(confirm=True))
    assert (answer.status_code, answer.json()["dry_run"], answer.json()["more"]) == (200, True, "4.03")
    assert rows(fresh_engine) == before


def test_one_that_was_killed_goes_on(
    client: TestClient, fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever step it ended at, the same again ends as if nothing had been."""
    employer = new_employer(client)
    people = [hire(client) for _ in range(3)]
    for period in ("2026-01", "2026-02", "2026-03"):
        owe(client, employer, period, dict.fromkeys(people, "3500.00"))
    put_in_force(client, AVERAGE, AVERAGE.replace("8120.00", "8456.00"))
    whole = shown(client)
    real, steps = performing.post, iter(range(10))

    def post_or_die(*arguments: Any, **more: Any) -> Any:
        outcomes = real(*arguments, **more)
        if next(steps) == 1:
            # posted, and nobody wrote down that it was
            raise ConnectionError
        return outcomes

    monkeypatch.setattr(performing, "post", post_or_die)
    answer = client.post("/v1/corrections", json=correction(confirm=True), headers=key())
    assert answer.status_code == 500
    monkeypatch.undo()
    name = whole["correction"]
    assert client.get(f"/v1/batches/{name}").json()["state"] == "failed"
    overlapping = correction(confirm=True, reason="another", **{"from": "2026-03-01", "to": "2026-12-31"})
    answer = client.post("/v1/corrections", json=overlapping, headers=key())
    assert (answer.status_code, answer.json()["code"]) == (409, "correction_overlaps")
    assert summed(posted(client)) == summed(whole) == (3, "36.27", "0.00")
    items = client.get(f"/v1/corrections/{name}/lines").json()["items"]
    assert [one["state"] for one in items] == ["posted"] * 9
    assert summed(shown(client)) == (0, "0.00", "0.00")
    assert verify(fresh_engine).findings == []


RATE = 'name = "interest.three_month"\nunit = "per_year"\nvalue = "0.0110"'


def post_interest(client: TestClient, person: str, year: int) -> None:
    state = client.app.state.ledger  # type: ignore[attr-defined]  # the app of these tests
    with state.engine.connect() as connection:
        [done] = post(connection, [PostInterest(state.ref(person), year)], NOW, TODAY, state.policies)
        assert isinstance(done, Posted)


def test_interest_by_a_wrong_rate(client: TestClient, fresh_engine: Engine) -> None:
    """E18: 10,000.00 for all of 2025 earns 111.53 at 1.10 %, and 121.67 at 1.20 %."""
    opening = {"current_year": "0.00", "carried_over": "10000.00", "source_ref": "old"}
    person, poor = (
        str(open_account(client, opened_on="2025-01-01", opening=opening)["number"]) for _ in range(2)
    )
    for one in (person, poor):
        post_interest(client, one, 2025)
    assert balance(client, person) == "10111.53"
    spent = spending(amount="10111.53", effective_on="2026-05-02")
    assert client.post(f"/v1/accounts/{poor}/spendings", json=spent, headers=key()).status_code == 201
    about = {"parameter": "interest.three_month", "from": "2025-01-01", "to": "2025-12-31"}
    assert summed(shown(client, **about)) == (0, "0.00", "0.00")

    put_in_force(client, RATE, RATE.replace("0.0110", "0.0120"))
    told = shown(client, **about)
    assert summed(told) == (2, "20.28", "0.00")
    assert {(line["what"], line["period"], line["difference"]) for line in told["lines"]} == {
        ("interest", "2025", "10.14")
    }
    assert summed(posted(client, **about)) == (2, "20.28", "0.00")
    assert (balance(client, person), balance(client, poor)) == ("10121.67", "10.14")
    assert summed(shown(client, **about)) == (0, "0.00", "0.00")
    # and too much: taken as far as it is there
    put_in_force(client, RATE.replace("0.0110", "0.0120"), RATE.replace("0.0110", "0.0100"))
    told = shown(client, **about)
    done = posted(client, **about)
    assert (balance(client, person), balance(client, poor)) == ("10101.39", "0.00")
    # what was shown is what was posted
    assert summed(told) == summed(done)
    assert sorted(line["difference"] for line in told["lines"]) == ["-10.14", "-20.28"]
    # 20.28 too much: of poor 10.14 is there
    assert summed(done) == (2, "0.00", "30.42")
    still = shown(client, **about)
    assert [(line["difference"], line["code"]) for line in still["lines"]] == [
        ("-10.14", "insufficient_balance")
    ]
    assert summed(still) == (0, "0.00", "0.00")
    done = posted(client, **about)
    letters = client.get(f"/v1/corrections/{done['correction']}/lines").json()["items"]
    assert [(one["state"], one["code"]) for one in letters if one["difference"] == "-10.14"] == [
        ("left", "insufficient_balance")
    ]
    assert verify(fresh_engine).findings == []


@pytest.mark.parametrize("what", ["a month", "interest", "a retiree's credit"])
def test_a_frozen_account_keeps_what_it_has(client: TestClient, fresh_engine: Engine, what: str) -> None:
    """A freeze keeps debits from the account, whatever they correct (R66): none of them takes anything."""
    old = {"a month": AVERAGE, "interest": RATE, "a retiree's credit": CREDIT}[what]
    new = {
        "a month": AVERAGE.replace("8120.00", "8000.00"),
        "interest": RATE.replace("0.0110", "0.0100"),
        "a retiree's credit": CREDIT.replace("110.00", "100.00"),
    }[what]
    about: dict[str, Any] = {}
    if what == "interest":
        about = {"parameter": "interest.three_month", "from": "2025-01-01", "to": "2025-12-31"}
        opening = {"current_year": "0.00", "carried_over": "10000.00", "source_ref": "old"}
        person = str(open_account(client, opened_on="2025-01-01", opening=opening)["number"])
        post_interest(client, person, 2025)
    elif what == "a month":
        person, employer = hire(client), new_employer(client)
        owe(client, employer, "2026-03", {person: "3500.00"})
        pay(client, employer, "2026-03", "462.84", "2026-04-10")
    else:
        about = {"parameter": "retirees.monthly_credit"}
        person = retiree(client)
        credit(client, person, 202603)
    freeze = {"authority": "court", "document": "7", "from": "2026-06-01"}
    answer = client.post(f"/v1/accounts/{person}/freezes", json=freeze, headers=key())
    assert answer.status_code == 201
    before = balance(client, person)
    put_in_force(client, old, new)
    less = shown(client, **about)["less"]
    done = posted(client, **about)
    assert balance(client, person) == before
    items = client.get(f"/v1/corrections/{done['correction']}/lines").json()["items"]
    [owed] = client.get(f"/v1/accounts/{person}/debts").json()["items"] or [None]
    if what == "interest":
        # nothing was posted, and once the freeze has ended it is
        assert [(one["state"], one["code"]) for one in items] == [("left", "account_frozen")]
        assert (summed(done), owed) == ((0, "0.00", "0.00"), None)
        assert summed(shown(client, **about)) == (1, "0.00", less)
    else:
        assert [one["state"] for one in items] == ["posted"]
        assert owed["still_owed"] == less
        assert summed(shown(client, **about)) == (0, "0.00", "0.00")
    assert verify(fresh_engine).findings == []


def test_corrections_of_every_two_kinds_overlap(client: TestClient, fresh_engine: Engine) -> None:
    """What both would post about the same people on the same days is for one of them."""
    employer, person, other = new_employer(client), hire(client), hire(client)
    owe(client, employer, "2026-03", {person: "3500.00"})
    pay(client, employer, "2026-03", "462.84", "2026-04-10")
    asked = {
        "average": correction(),
        "floor": correction(parameter="contributions.floor_share"),
        "credits": correction(parameter="retirees.monthly_credit"),
        "interest": correction(parameter="interest.demand"),
        "later interest": correction(
            parameter="interest.three_month", **{"from": "2026-07-01", "to": "2026-12-31"}
        ),
        "later": correction(**{"from": "2026-07-01", "to": "2026-12-31"}),
        "list": listed(employer, person),
        "class": of_class(person),
        "another's class": of_class(other),
    }
    overlapping = {
        frozenset(two)
        for two in (
            ("average", "floor"), ("average", "list"), ("average", "class"), ("average", "another's class"),
            ("floor", "list"), ("floor", "class"), ("floor", "another's class"), ("credits", "class"),
            ("credits", "another's class"), ("interest", "later interest"), ("list", "class"),
        )
    }  # fmt: skip
    state = client.app.state.ledger  # type: ignore[attr-defined]  # the app of these tests
    with fresh_engine.connect() as connection:
        about = {
            name: _asked(connection, state, NewCorrection.model_validate(body))
            for name, body in asked.items()
        }
    found = {
        frozenset((one, two))
        for one in about
        for two in about
        if one != two and about[one].overlaps(about[two])
    }
    assert found == overlapping
    assert all(one.overlaps(one) for one in about.values())


def listed(employer: str, person: str) -> dict[str, Any]:
    return {
        "kind": "list", "reason": "another wage", "from": "2026-01-01", "to": "2026-06-30",
        "employer": employer, "lines": [{"id_number": person, "wage": "9000.00"}],
    }  # fmt: skip


def of_class(person: str) -> dict[str, Any]:
    return {
        "kind": "class", "reason": "retired", "from": "2026-01-01", "to": "2026-06-30", "account": person,
        "member_class": "retired",
    }  # fmt: skip


def test_confirmed_twice_it_is_posted_once(client: TestClient, fresh_engine: Engine) -> None:
    """By the same key or another one: what was posted is right, so there is nothing more to post."""
    employer = new_employer(client)
    owe(client, employer, "2026-03", {hire(client): "3500.00"})
    put_in_force(client, AVERAGE, AVERAGE.replace("8120.00", "8456.00"))
    same = key()
    answers, entries = [], []
    for headers in (same, same, key()):
        answer = client.post("/v1/corrections", json=correction(confirm=True), headers=headers)
        assert answer.status_code == 201, answer.text
        answers.append(answer.json())
        with fresh_engine.connect() as connection:
            of_parties = ~tables.entry.c.book_id.between(Party.REGISTER.first, Party.REGISTER.last)
            query = select(func.count()).select_from(tables.entry).where(of_parties)
            entries.append(connection.scalar(query))
    assert answers[0] == answers[1] == answers[2]
    assert entries[0] == entries[1] == entries[2]
    assert summed(answers[0]) == (1, "4.03", "0.00")
    assert verify(fresh_engine).findings == []


def test_a_line_that_another_put_right_is_not_said_to_be_posted(
    client: TestClient, fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before it posted, and a clerk put the month right meanwhile: `posted` says what it posted."""
    employer = new_employer(client)
    person, other = hire(client), hire(client)
    owe(client, employer, "2026-03", {person: "3500.00"})
    owe(client, employer, "2026-04", {person: "3500.00", other: "3500.00"})
    put_in_force(client, AVERAGE, AVERAGE.replace("8120.00", "8456.00"))

    def die(*_arguments: Any, **_more: Any) -> Any:
        raise ConnectionError

    monkeypatch.setattr(performing, "post", die)
    assert client.post("/v1/corrections", json=correction(confirm=True), headers=key()).status_code == 500
    monkeypatch.undo()
    adjust(client, employer, "2026-03", {person: "3500.00"})
    done = posted(client)
    assert summed(done) == (2, "8.06", "0.00")
    items = client.get(f"/v1/corrections/{done['correction']}/lines").json()["items"]
    assert [(one["period"], one["state"], one["code"]) for one in items if one["state"] == "left"] == [
        ("2026-03", "left", "nothing_to_correct")
    ]
    batch = client.get(f"/v1/batches/{done['correction']}").json()
    assert (batch["done"], batch["amount"]) == (2, "8.06")
    assert verify(fresh_engine).findings == []
