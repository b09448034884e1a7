"""Two people who shared one ID number are told apart over HTTP (R2, R4), and each is found since."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.chart.channels import AccessChannel
from ledger.people.id_numbers import mask_id_number
from ledger.verify import verify
from tests.support.api_client import bearer, contribute, id_number, key, open_account, running
from tests.support.approval_client import approve, by_two, reject, waiting
from tests.support.care_client import bill, give, new_institution, send
from tests.support.case_client import answered, opened
from tests.support.employer_client import balance, declare, new_employer
from tests.support.estate_client import ask as divide_between
from tests.support.estate_client import claim, claimant, die, heir
from tests.support.people import KEYRING
from tests.support.window_client import lookup

FIRST, OTHER = "张三", "李四"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("separation")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    """Whatever the tests of this module do, the book is right after it."""
    with running(engine, folder) as client:
        yield client
    assert verify(engine, keyring=KEYRING).findings == []


class Two(NamedTuple):
    """Two people who were told apart: whose account it was, the number of both, and what each has now."""

    account: str
    shared: str
    own: str
    other: str
    other_account: str


def code(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.text
    return str(answer.json()["code"])


def taken(answer: Any, status: int = 201) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


def case_about(client: TestClient, account: str) -> str:
    return opened(client, about={"account": account})


def ask(client: TestClient, account: str, number: str, headers: Any = None, **more: Any) -> Any:
    """Ask for it; the answer to who asks first."""
    body = {"id_number": number, "name": OTHER, "document": "Register 118"} | more
    body.setdefault("case", case_about(client, account) if "case" not in more else "")
    return client.post(f"/v1/accounts/{account}/separation", json=body, headers=headers or key())


def separate(client: TestClient, account: str, number: str, **more: Any) -> Any:
    """Tell apart, by two people."""
    return by_two(client, ask(client, account, number, **more))


def renumber(client: TestClient, account: str, number: str) -> Any:
    body = {"id_number": number, "from": "2026-03-01", "document": "d", "reason": "reissued"}
    return by_two(client, client.post(f"/v1/accounts/{account}/id-numbers", json=body, headers=key()))


def open_as(client: TestClient, number: str, name: str = OTHER) -> Any:
    body = {"id_number": number, "name": name, "area": "990100", "opened_on": "2026-01-05"}
    return client.post("/v1/accounts", json=body, headers=key())


def shown(client: TestClient, account: str) -> Any:
    return taken(client.get(f"/v1/accounts/{account}"), 200)


def kept(client: TestClient) -> Two:
    """The holder keeps the number, and the other one gets another."""
    account, other = open_account(client), id_number()
    taken(separate(client, account["account_no"], other))
    second = taken(open_as(client, other))
    return Two(account["account_no"], account["number"], account["number"], other, second["account_no"])


def handed_over(client: TestClient) -> Two:
    """The holder got another number, and the number of both is the other one's."""
    account, own = open_account(client), id_number()
    taken(renumber(client, account["account_no"], own))
    taken(separate(client, account["account_no"], account["number"]))
    second = taken(open_as(client, account["number"]))
    return Two(account["account_no"], account["number"], own, account["number"], second["account_no"])


def nobodys(client: TestClient) -> Two:
    """Both got another number."""
    account, own, other = open_account(client), id_number(), id_number()
    taken(renumber(client, account["account_no"], own))
    taken(separate(client, account["account_no"], other, shared=account["number"]))
    second = taken(open_as(client, other))
    return Two(account["account_no"], account["number"], own, other, second["account_no"])


WAYS = [kept, handed_over, nobodys]


# -- each has a number of their own ------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_each_has_an_account_and_a_number_in_force(client: TestClient, way: Any) -> None:
    two = way(client)
    assert two.account != two.other_account
    first, second = shown(client, two.account), shown(client, two.other_account)
    assert (first["id_number"], first["name"]) == (mask_id_number(two.own), "张*")
    assert (second["id_number"], second["name"]) == (mask_id_number(two.other), "李*")
    assert shown(client, two.own)["account_no"] == two.account
    assert shown(client, two.other)["account_no"] == two.other_account
    assert mask_id_number(two.other) not in {one["id_number"] for one in first["id_numbers"]} - {
        mask_id_number(two.shared)
    }


@pytest.mark.parametrize("way", WAYS)
def test_by_the_shared_number_and_a_name_each_opens_their_own(client: TestClient, way: Any) -> None:
    two = way(client)
    for name, account in ((FIRST, two.account), (OTHER, two.other_account)):
        again = taken(open_as(client, two.shared, name), 200)
        assert again["account_no"] == account
    assert code(open_as(client, two.shared, "王五"), 409) == "account_exists_other_person"
    if two.other != two.shared:
        # and the other one's own number is nobody else's
        assert code(open_as(client, two.other, FIRST), 409) == "account_exists_other_person"


def test_the_other_one_opens_by_the_shared_number_and_the_name(client: TestClient) -> None:
    account, other = open_account(client), id_number()
    taken(separate(client, account["account_no"], other))
    second = taken(open_as(client, account["number"]))
    assert second["account_no"] != account["account_no"]
    assert shown(client, other)["account_no"] == second["account_no"]
    # under whatever number, the same request is the same account
    assert taken(open_as(client, other), 200)["account_no"] == second["account_no"]


def test_the_entry_says_the_case_and_the_answer_may_name_it(client: TestClient, folder: Path) -> None:
    account, other = open_account(client)["account_no"], id_number()
    case = case_about(client, account)
    done = taken(separate(client, account, other, case=case))
    assert (done["kind"], done["account_no"], done["from"]) == ("separation", account, "2026-11-21")
    entry = taken(client.get(f"/v1/entries/{done['entry']}"), 200)
    assert entry["facts"] == {"case": case, "document": "Register 118", "from": "2026-11-21"}
    assert (entry["actor"], entry["approved_by"]) == ("clerk-7", "chief-1")
    assert other not in client.get(f"/v1/entries/{done['entry']}").text
    more = {"outcome": "upheld", "corrections": [done["entry"]]}
    assert answered(client, folder / "keys", case, **more)["state"] == "answered"


# -- the shared number alone -------------------------------------------------------------------------------


def test_in_force_for_neither_it_finds_nobody(client: TestClient, folder: Path) -> None:
    two = nobodys(client)
    contribute(client, two.account, "900.00")
    looks = [
        client.get(f"/v1/accounts/{two.shared}"),
        client.get(f"/v1/accounts/{two.shared}/balance"),
        client.get(f"/v1/accounts/{two.shared}/entries"),
        client.get(f"/v1/accounts/{two.shared}/person"),
        lookup(client, id_number=two.shared),
        client.post("/v1/accounts/lookup", json={"account": two.shared}),
    ]
    for look in looks:
        assert code(look, 409) == "id_number_shared", look.request.url
        # the name of the request is of chance
        told = {name: value for name, value in look.json().items() if name != "request_id"}
        assert "900" not in json.dumps(told)
        assert two.account not in look.text
    spend = {"amount": "5.00", "effective_on": "2026-11-20", "institution": "H3001", "source_ref": "s-1"}
    paid = client.post(f"/v1/accounts/{two.shared}/spendings", json=spend, headers=key())
    assert code(paid, 409) == "id_number_shared"
    body = {"amount": "5.00", "period": "2026-03", "effective_on": "2026-03-20", "source_ref": "c-1"}
    put = client.post(f"/v1/accounts/{two.shared}/contributions", json=body, headers=key())
    assert code(put, 409) == "id_number_shared"
    # a token that is bound to the number is nobody's
    digest = client.post("/v1/people/digests", json={"id_number": two.shared}).json()["person"]
    bound = {"channel": AccessChannel.ONLINE, "person": bytes.fromhex(digest)}
    own = bearer(folder / "keys", "own_request", **bound)
    assert client.get("/v1/me", headers=own).status_code in {404, 409}
    assert client.get("/v1/me/export", headers=own).status_code in {404, 409}


def test_bills_by_it_are_refused_and_by_the_own_numbers_taken(client: TestClient) -> None:
    two, hospital = nobodys(client), new_institution(client)
    text = [("A", "10.00")]
    for path in ("/v1/settlements", "/v1/settlements/quote"):
        answer = client.post(path, json=bill(hospital, two.shared, text))
        assert code(answer, 409) == "id_number_shared"
    for number, account in ((two.own, two.account), (two.other, two.other_account)):
        assert taken(send(client, bill(hospital, number, text)))["settlement"].startswith(account)


def test_in_force_for_one_it_finds_that_one(client: TestClient) -> None:
    for two, account in ((one := kept(client), one.account), (one := handed_over(client), one.other_account)):
        assert shown(client, two.shared)["account_no"] == account


def test_a_quota_for_the_shared_number_is_for_nobody(client: TestClient) -> None:
    two, donor = nobodys(client), open_account(client)["account_no"]
    contribute(client, donor)
    body = {"recipient": two.shared, "relation": "child", "amount": "1.00", "rank": 1}
    answer = client.post(f"/v1/accounts/{donor}/quotas", json=body, headers=key())
    assert code(answer, 409) == "id_number_shared"
    give(client, donor, two.own, "1.00")


# -- lists, heirs, residents, the telephone ----------------------------------------------------------------


def enrol(client: TestClient, account: str, employer: str) -> None:
    body = {"member_class": "active", "employer": employer, "from": "2026-01-05"}
    taken(client.post(f"/v1/accounts/{account}/enrolments", json=body, headers=key()))


def test_a_list_counts_a_shared_number_where_the_enrolment_tells_whose_it_is(client: TestClient) -> None:
    two, employer = kept(client), new_employer(client)
    [line] = declare(client, employer, "2026-10", {two.shared: "8000.00"})["lines"]
    assert line["code"] == "id_number_shared"
    enrol(client, two.account, employer)
    [line] = declare(client, employer, "2026-10", {two.shared: "8000.00"})["lines"]
    assert line["employee_part"] == "160.00"
    # the other one's employer means the other one, and says the number in force
    elsewhere = new_employer(client)
    enrol(client, two.other_account, elsewhere)
    lines = declare(client, elsewhere, "2026-10", {two.shared: "8000.00", two.other: "8000.00"})["lines"]
    assert lines[0]["code"] == "id_number_shared" or lines[0]["code"] == "not_enrolled"
    assert lines[1]["employee_part"] == "160.00"


def test_a_list_takes_none_that_is_in_force_for_neither(client: TestClient) -> None:
    two, employer = nobodys(client), new_employer(client)
    for account in (two.account, two.other_account):
        enrol(client, account, employer)
    of = {two.shared: "8000.00", two.own: "8000.00", two.other: "8000.00"}
    lines = declare(client, employer, "2026-10", of)["lines"]
    assert [one.get("code") for one in lines] == ["id_number_shared", None, None]


@pytest.mark.parametrize("way", WAYS)
def test_heirs_are_matched_by_the_name(client: TestClient, way: Any) -> None:
    two = way(client)
    for name, account in ((FIRST, two.account), (OTHER, two.other_account)):
        dead = open_account(client, name="王老")["account_no"]
        contribute(client, dead, "100.00")
        die(client, dead)
        wrong = divide_between(client, dead, [heir(two.shared, name="王五")])
        assert code(wrong, 422) == "id_mismatch"
        done = taken(divide_between(client, dead, [heir(two.shared, name=name)], confirm=True))
        assert [one["paid_to"] for one in done["shares"]] == ["account"]
        assert balance(client, account) == done["shares"][0]["amount"] != "0.00"


def test_claimants_are_matched_by_the_name(client: TestClient) -> None:
    two = nobodys(client)
    dead = open_account(client, name="王老")["account_no"]
    contribute(client, dead, "100.00")
    die(client, dead)
    named = [claimant(FIRST, id_number=two.shared), claimant(OTHER, id_number=two.shared)]
    done = taken(claim(client, dead, named, confirm=True))
    assert [(one["name"], one["paid_to"]) for one in done["shares"]] == [
        (FIRST, "account"),
        (OTHER, "account"),
    ]
    paid = [balance(client, account) for account in (two.account, two.other_account)]
    assert paid == [one["amount"] for one in done["shares"]]
    assert "0.00" not in paid


def test_a_resident_is_enrolled_by_the_name(client: TestClient) -> None:
    account, other = open_account(client), id_number()
    taken(separate(client, account["account_no"], other))
    body = {"id_number": account["number"], "name": OTHER, "area": "990100", "from": "2026-01-01"}
    done = taken(client.post("/v1/residents", json=body, headers=key()))
    again = taken(client.post("/v1/residents", json=body | {"id_number": other}, headers=key()))
    assert (again["enrolment"], again["resident_no"]) == (done["enrolment"], done["resident_no"])
    assert code(client.post("/v1/residents", json=body | {"name": "王五"}, headers=key()), 409)


def test_by_telephone_the_name_tells_who_is_asked_about(client: TestClient, folder: Path) -> None:
    two = nobodys(client)
    codes = {FIRST: "482913", OTHER: "719264"}
    for name, account, amount in ((FIRST, two.account, "900.00"), (OTHER, two.other_account, "7.00")):
        contribute(client, account, amount)
        said = client.post(f"/v1/accounts/{account}/call-back-code", json={"code": codes[name]})
        assert said.status_code == 201, said.text
    headers = bearer(folder / "keys", "own_request", channel=AccessChannel.PHONE, scopes=["accounts:read"])

    def inquiry(name: str, call_back_code: str) -> Any:
        factor = {"kind": "call_back_code", "value": call_back_code}
        body = {"id_number": two.shared, "name": name, "factor": factor, "ask": "balance"}
        return client.post("/v1/phone/inquiries", json=body, headers=headers)

    assert taken(inquiry(FIRST, codes[FIRST]), 200)["answer"] == "900.00"
    assert taken(inquiry(OTHER, codes[OTHER]), 200)["answer"] == "7.00"
    for name, call_back_code in ((FIRST, codes[OTHER]), (OTHER, codes[FIRST]), ("王五", codes[FIRST])):
        assert code(inquiry(name, call_back_code), 403) == "factor_wrong"


# -- what is refused ---------------------------------------------------------------------------------------


def test_no_case_and_the_case_of_another_account(client: TestClient) -> None:
    account, another = (open_account(client)["account_no"] for _ in range(2))
    for case in ("00" * 10, "nothing", case_about(client, another)):
        assert code(ask(client, account, id_number(), case=case), 404) == "case_not_found"
    body = {"id_number": id_number(), "name": OTHER, "document": "d"}
    answer = client.post(f"/v1/accounts/{account}/separation", json=body, headers=key())
    assert code(answer, 422) == "shape_invalid"


@pytest.mark.parametrize("outcome", ["rejected", "withdrawn"])
def test_a_case_that_came_to_nothing(client: TestClient, folder: Path, outcome: str) -> None:
    account = open_account(client)["account_no"]
    case = case_about(client, account)
    answered(client, folder / "keys", case, outcome=outcome)
    assert code(ask(client, account, id_number(), case=case), 409) == "case_answered"


def test_a_case_that_was_upheld(client: TestClient, folder: Path) -> None:
    account = open_account(client)["account_no"]
    case = case_about(client, account)
    answered(client, folder / "keys", case, outcome="upheld")
    told = taken(separate(client, account, id_number(), case=case))
    assert (told["account_no"], told["kind"]) == (account, "separation")


def test_the_same_name_for_both(client: TestClient) -> None:
    account = open_account(client)["account_no"]
    assert code(ask(client, account, id_number(), name=FIRST), 422) == "id_mismatch"
    body = {"name": OTHER, "from": "2026-03-01", "document": "d"}
    taken(client.post(f"/v1/accounts/{account}/names", json=body, headers=key()))
    # an old one and the new one
    for name in (FIRST, OTHER):
        assert code(ask(client, account, id_number(), name=name), 422) == "id_mismatch"


def test_a_number_that_is_somebody_elses(client: TestClient) -> None:
    account, somebody = open_account(client), open_account(client, name="王五")
    assert code(ask(client, account["account_no"], somebody["number"]), 409) == "alias_conflict"
    # the holder's own, while no other one is in force
    assert code(ask(client, account["account_no"], account["number"]), 409) == "alias_conflict"


def test_another_number_of_the_holder_is_not_the_other_ones(client: TestClient) -> None:
    account, second, third = open_account(client), id_number(), id_number()
    renumber(client, account["account_no"], second)
    taken(renumber(client, account["account_no"], third))
    refused = ask(client, account["account_no"], second, shared=account["number"])
    assert code(refused, 409) == "alias_conflict"


def test_which_number_both_had_is_said_where_there_are_several(client: TestClient) -> None:
    account, second = open_account(client), id_number()
    taken(renumber(client, account["account_no"], second))
    assert code(ask(client, account["account_no"], id_number()), 422) == "shape_invalid"
    assert code(ask(client, account["account_no"], id_number(), shared=id_number()), 422) == "id_mismatch"
    taken(separate(client, account["account_no"], id_number(), shared=second))


def test_who_opened_an_account_under_the_own_number_before_is_that_person(client: TestClient) -> None:
    account, other = open_account(client), open_account(client, name=OTHER)
    taken(separate(client, account["account_no"], other["number"]))
    again = taken(open_as(client, account["number"]), 200)
    assert again["account_no"] == other["account_no"]


def test_the_dead_and_the_closed(client: TestClient) -> None:
    account, other = open_account(client), open_account(client, name=OTHER)
    die(client, other["account_no"])
    refused = ask(client, account["account_no"], other["number"])
    assert code(refused, 409) == "account_deceased"
    divide_between(client, other["account_no"], [heir(name="王五")], confirm=True)
    assert code(ask(client, account["account_no"], other["number"]), 409) == "account_closed"
    die(client, account["account_no"])
    assert code(ask(client, account["account_no"], id_number()), 409) == "account_deceased"
    divide_between(client, account["account_no"], [heir(name="王五")], confirm=True)
    assert code(ask(client, account["account_no"], id_number()), 409) == "account_closed"


@pytest.mark.parametrize("way", WAYS)
def test_done_twice_it_is_the_first(client: TestClient, way: Any) -> None:
    two = way(client)
    more = {"shared": two.shared} if way is nobodys else {}
    again = taken(ask(client, two.account, two.other, **more))
    assert (again["kind"], again["seq"]) == ("separation", 2 if way is kept else 3)
    assert shown(client, two.account)["last_seq"] == again["seq"]
    # with another number it is somebody else of the same name
    refused = ask(client, two.account, id_number(), shared=two.shared)
    assert refused.json()["code"] == "id_mismatch", refused.text


def test_a_third_one_is_told_apart_too(client: TestClient) -> None:
    two, third = nobodys(client), id_number()
    taken(separate(client, two.account, third, name="王五", shared=two.shared))
    account = taken(open_as(client, two.shared, "王五"))["account_no"]
    assert shown(client, third)["account_no"] == account
    for name, own in ((FIRST, two.account), (OTHER, two.other_account)):
        assert taken(open_as(client, two.shared, name), 200)["account_no"] == own


def test_the_number_goes_to_a_third_one_after_the_second(client: TestClient) -> None:
    two = nobodys(client)
    taken(separate(client, two.account, two.shared, name="王五"))
    third = taken(open_as(client, two.shared, "王五"))["account_no"]
    assert shown(client, two.shared)["account_no"] == third
    for name, own in ((FIRST, two.account), (OTHER, two.other_account)):
        assert taken(open_as(client, two.shared, name), 200)["account_no"] == own


def test_a_number_that_was_recorded_with_its_day_is_handed_over(client: TestClient) -> None:
    account, wrong, own = open_account(client), id_number(), id_number()
    for number in (wrong, own):
        taken(renumber(client, account["account_no"], number))
    taken(separate(client, account["account_no"], wrong))
    taken(open_as(client, wrong))
    numbers = [one["id_number"] for one in shown(client, account["account_no"])["id_numbers"]]
    assert numbers == [mask_id_number(account["number"]), mask_id_number(own)]
    # the next one is in force by its day as ever
    taken(renumber(client, account["account_no"], id_number()))


# -- two people, and the same request again ----------------------------------------------------------------


def test_it_waits_for_a_second_person_and_is_judged_again(client: TestClient, folder: Path) -> None:
    account, other, headers = open_account(client), id_number(), key()
    case = case_about(client, account["account_no"])
    name = waiting(ask(client, account["account_no"], other, headers, case=case))
    assert waiting(ask(client, account["account_no"], other, headers, case=case)) == name
    view = taken(client.get(f"/v1/approvals/{name}"), 200)
    assert view["intent"].keys() == {"case", "document", "shared", "target_seq"}
    assert (view["persons"], view["numbers"]) == (["李*"], [mask_id_number(other)])
    assert code(approve(client, folder / "keys", name, actor="clerk-7"), 403) == "same_person"
    open_account(client, name="王五", id_number=other)
    assert code(approve(client, folder / "keys", name), 409) == "alias_conflict"
    reject(client, folder / "keys", name)


def test_a_key_is_answered_with_the_first_answer(client: TestClient) -> None:
    account, other, headers = open_account(client), id_number(), key()
    case = case_about(client, account["account_no"])
    first = taken(by_two(client, ask(client, account["number"], other, headers, case=case)))
    renumber(client, account["account_no"], id_number())
    # the path names the account by the number that is nobody's by now
    again = ask(client, account["number"], other, headers, case=case)
    assert taken(again)["entry"] == first["entry"]
    assert again.headers["Idempotent-Replayed"] == "true"
    moved = ask(client, account["number"], id_number(), headers, case=case)
    assert code(moved, 422) == "idempotency_key_reused"


def test_a_dry_run_writes_nothing(client: TestClient) -> None:
    account, other = open_account(client), id_number()
    body = {
        "case": case_about(client, account["account_no"]),
        "id_number": other,
        "name": OTHER,
        "document": "d",
    }
    path = f"/v1/accounts/{account['account_no']}/separation?dry_run=true"
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["approval"] == "needed"
    assert code(open_as(client, account["number"]), 409) == "account_exists_other_person"
    assert client.get(f"/v1/accounts/{other}").status_code == 404


# -- with what else becomes of the two ---------------------------------------------------------------------


def merge(client: TestClient, younger: str, older: str) -> Any:
    body = {"into": older, "document": "d"}
    return by_two(client, client.post(f"/v1/accounts/{younger}/merge", json=body, headers=key()))


@pytest.mark.parametrize("way", WAYS)
def test_after_a_merge_each_is_found_as_before(client: TestClient, way: Any) -> None:
    two = way(client)
    older = open_account(client, opened_on="2020-01-01")["account_no"]
    taken(merge(client, two.account, older))
    others = open_account(client, name=OTHER, opened_on="2020-01-01")["account_no"]
    taken(merge(client, two.other_account, others))
    for name, account in ((FIRST, older), (OTHER, others)):
        body = {"id_number": two.shared, "name": name, "area": "990100", "opened_on": "2020-01-01"}
        found = client.post("/v1/accounts", json=body, headers=key())
        assert taken(found, 200)["account_no"] == account


def test_told_apart_after_a_merge(client: TestClient) -> None:
    older = open_account(client, opened_on="2020-01-01")
    younger, other = open_account(client), id_number()
    case = case_about(client, younger["account_no"])
    taken(merge(client, younger["account_no"], older["account_no"]))
    done = taken(separate(client, older["account_no"], other, case=case, shared=younger["number"]))
    assert done["account_no"] == older["account_no"]
    # under the number of the account that went into it, too
    third = taken(
        separate(client, younger["account_no"], id_number(), name="王五", case=case, shared=younger["number"])
    )
    assert third["account_no"] == older["account_no"]


def test_a_new_name_of_the_other_one_counts_beside_the_shared_number(client: TestClient) -> None:
    two = nobodys(client)
    body = {"name": "李小四", "from": "2026-03-01", "document": "d"}
    taken(client.post(f"/v1/accounts/{two.other_account}/names", json=body, headers=key()))
    assert taken(open_as(client, two.shared, "李小四"), 200)["account_no"] == two.other_account
    assert code(open_as(client, two.shared, "王五"), 409) == "account_exists_other_person"


def test_what_was_the_other_ones_is_taken_back_and_posted_anew(client: TestClient) -> None:
    account, other = open_account(client), id_number()
    mistaken = contribute(client, account["number"], "300.00")
    contribute(client, account["number"], "100.00", period="2026-04", effective_on="2026-04-20")
    taken(separate(client, account["account_no"], other))
    second = taken(open_as(client, other))["account_no"]
    path = f"/v1/entries/{mistaken['entry']}/reversal"
    taken(client.post(path, json={"reason": "of the other person"}, headers=key()))
    contribute(client, other, "300.00")
    assert balance(client, account["account_no"]) == "100.00"
    assert balance(client, second) == "300.00"


def test_nobody_gets_a_number_that_was_handed_over(client: TestClient) -> None:
    two = handed_over(client)
    assert code(renumber(client, two.account, two.shared), 409) == "alias_conflict"
    taken(renumber(client, two.other_account, id_number()))
    # in force for neither now
    assert code(client.get(f"/v1/accounts/{two.shared}"), 409) == "id_number_shared"
    for name, account in ((FIRST, two.account), (OTHER, two.other_account)):
        assert taken(open_as(client, two.shared, name), 200)["account_no"] == account


@pytest.mark.parametrize("way", WAYS)
def test_told_apart_in_error_the_two_become_one_again(client: TestClient, way: Any) -> None:
    """Every number they had finds the one account then, without a name beside it."""
    two = way(client)
    body = {"name": FIRST, "from": "2026-03-01", "document": "d"}
    taken(by_two(client, client.post(f"/v1/accounts/{two.other}/names", json=body, headers=key())))
    first, second = two.account, two.other_account
    done = merge(client, second, first)
    younger = second
    if done.status_code == 409:
        younger = first
        done = merge(client, first, second)
    taken(done)
    stays = second if younger == first else first
    for number in (two.shared, two.own, two.other):
        assert shown(client, number)["account_no"] == stays
        contribute(client, number, "5.00", effective_on="2026-11-21", period="2026-11")


def test_sent_again_after_a_merge_it_is_the_first(client: TestClient) -> None:
    older, younger = open_account(client, opened_on="2020-01-01"), open_account(client)
    case, other = case_about(client, younger["account_no"]), id_number()
    about = {"case": case, "shared": younger["number"]}
    first = taken(separate(client, younger["account_no"], other, **about))
    taken(merge(client, younger["account_no"], older["account_no"]))
    for account in (younger["account_no"], older["account_no"]):
        assert taken(separate(client, account, other, **about))["entry"] == first["entry"]
