"""What stands on each kind of document, to the fen."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ledger.documents.wording import WHY_MONTHS_DIFFER
from tests.support.api_client import contribute, key, open_account, spending
from tests.support.care_client import give, new_institution, new_patient, on, reverse, settle
from tests.support.documents_client import YEAR, ask, content, of, printed
from tests.support.employer_client import hire, new_employer, owe, pay, refusal

E26 = [("A", "700.00"), ("B", "200.00"), ("C", "100.00")]


def enrol(client: TestClient, person: str, employer: str, first: str = "2026-01-01", **more: Any) -> None:
    body = {"member_class": "active", "employer": employer, "from": first} | more
    answer = client.post(f"/v1/accounts/{person}/enrolments", json=body, headers=key())
    assert answer.status_code == 201, answer.text


def insured(client: TestClient, *months: str, wage: str = "8000.00", paid: str = "760.00") -> str:
    """Somebody for whom these months were paid."""
    person, employer = hire(client), new_employer(client)
    for month in months:
        owe(client, employer, month, {person: wage})
        pay(client, employer, month, paid, "2026-11-10")
    return person


@pytest.mark.parametrize(
    ("wage", "paid", "own", "unit"),
    [
        ("8000.00", "760.00", "160.00", "600.00"),  # E01
        ("3500.00", "462.84", "97.44", "365.40"),  # E02
        ("40000.00", "2314.20", "487.20", "1827.00"),  # E03
    ],
)
def test_a_payment_list_has_both_parts(client: TestClient, wage: str, paid: str, own: str, unit: str) -> None:
    person = insured(client, "2026-03", wage=wage, paid=paid)
    told = of(client, f"/v1/accounts/{person}", kind="payment_list", **YEAR)
    [month] = told["tables"]["months"]
    assert (month["period"], month["employee_part"], month["employer_part"]) == ("2026-03", own, unit)
    assert (month["employer_name"], month["paid_on"], month["owed"]) == (
        "示例制造有限公司",
        "2026-11-10",
        "0.00",
    )
    assert told["totals"] == {"employee_part": own, "employer_part": unit, "paid": paid}
    assert told["table_totals"]["months"]["employee_part"] == own
    assert told["period"] == YEAR


def test_a_month_paid_in_part_says_what_was_paid_and_what_is_owed(client: TestClient) -> None:
    person = insured(client, "2026-03", paid="380.00")
    told = of(client, f"/v1/accounts/{person}", kind="payment_list", **YEAR)
    [month] = told["tables"]["months"]
    assert (month["employee_part"], month["employer_part"], month["owed"]) == ("80.00", "300.00", "380.00")
    assert told["words"] == ["本期间已缴费0个月。"]


def test_a_payment_list_has_its_period_and_no_more(client: TestClient) -> None:
    person = insured(client, "2026-02", "2026-03", "2026-04")
    span = {"from": "2026-03-31", "to": "2026-04-01"}
    told = of(client, f"/v1/accounts/{person}", kind="payment_list", **span)
    assert [one["period"] for one in told["tables"]["months"]] == ["2026-03", "2026-04"]
    assert told["totals"]["paid"] == "1520.00"


def test_an_account_list_itemises_both_sides(client: TestClient) -> None:
    account = open_account(client)["account_no"]
    base = f"/v1/accounts/{account}"
    contribute(client, account, "160.00", period="2026-02", effective_on="2026-02-20")
    contribute(client, account, "160.00", effective_on="2026-03-20")
    spent = client.post(f"{base}/spendings", json=spending(amount="50.00"), headers=key()).json()
    back = client.post(f"/v1/entries/{spent['entry']}/reversal", json={"reason": "x"}, headers=key()).json()
    span = {"from": "2026-03-01", "to": "2026-11-21"}
    told = of(client, base, kind="account_list", **span)
    assert told["totals"] == {
        "opening": "160.00", "income": "210.00", "spending": "50.00", "closing": "320.00",
    }  # fmt: skip
    lines = told["tables"]["entries"]
    shown = [(one["day"], one["kind"], one["income"], one["spending"], one["balance"]) for one in lines]
    assert shown == [
        ("2026-03-20", "缴费划入", "160.00", None, "320.00"),
        ("2026-04-02", "账户支付", None, "50.00", "270.00"),
        ("2026-11-21", "冲正", "50.00", None, "320.00"),
    ]
    # the reversal is shown at what it reverses, and says what that is
    assert f"已于2026-11-21冲正（{back['entry']}）" in lines[1]["remark"]
    assert lines[2]["remark"] == f"冲正{spent['entry']}"
    assert (lines[1]["institution"], lines[1]["institution_name"]) == ("H0001", "Example hospital")
    assert lines[2]["institution"] == "H0001"
    assert "费款所属期2026年3月" in lines[0]["remark"]
    then = client.get(f"{base}/balance?as_of=2026-02-28").json()
    assert then["balance"] == told["totals"]["opening"]


def test_a_remark_shows_a_document_that_people_named_and_no_name_of_the_ledgers_own(
    client: TestClient,
) -> None:
    levied, given = insured(client, "2026-03"), str(open_account(client)["account_no"])
    [of_unit] = of(client, f"/v1/accounts/{levied}", kind="account_list", **YEAR)["tables"]["entries"]
    assert of_unit["remark"] == "费款所属期2026年3月"
    contribute(client, given, "160.00", source_ref="E6226614527152-4/202603")
    span = {"from": "2026-01-05", "to": "2026-11-21"}
    [told] = of(client, f"/v1/accounts/{given}", kind="account_list", **span)["tables"]["entries"]
    assert told["remark"] == "费款所属期2026年3月；单据号E6226614527152-4/202603"


def test_a_month_that_came_without_a_unit_says_so(client: TestClient) -> None:
    account = open_account(client)["account_no"]
    contribute(client, account, "160.00", source_ref="file 7")
    span = {"from": "2026-01-05", "to": "2026-11-21"}
    told = of(client, f"/v1/accounts/{account}", kind="payment_list", **span)
    [month] = told["tables"]["months"]
    shown = {name: month[name] for name in ("employer", "employer_name", "base", "employee_part")}
    assert shown == {
        "employer": None, "employer_name": "划入（无单位明细）", "base": None, "employee_part": "160.00",
    }  # fmt: skip
    # nothing is known of the unit's part: that is not nought
    assert (month["employer_part"], month["paid"]) == (None, "160.00")
    assert told["totals"] == {"employee_part": "160.00", "employer_part": "0.00", "paid": "160.00"}


def test_a_label_has_something_behind_it(client: TestClient) -> None:
    hospital, patient = new_institution(client), new_patient(client, "500.00")
    settled = settle(client, hospital, patient, E26, bill_no=None)["settlement"]
    made = printed(client, f"/v1/accounts/{patient}", "csv", kind="settlement_sheet", settlement=settled)
    text = content(client, made).decode("utf-8-sig")
    assert "结算单号" in text
    for label in ("现单位", "票据号"):
        assert label not in text
    told = of(client, f"/v1/accounts/{patient}", kind="settlement_sheet", settlement=settled)
    assert not {None, ""} & set(told["head"].values())


def test_an_account_list_of_one_day_and_of_none(client: TestClient) -> None:
    account = open_account(client)["account_no"]
    contribute(client, account, "160.00", effective_on="2026-03-20")
    for day, income, closing in (
        ("2026-03-19", "0.00", "0.00"),
        ("2026-03-20", "160.00", "160.00"),
        ("2026-03-21", "0.00", "160.00"),
    ):
        told = of(client, f"/v1/accounts/{account}", kind="account_list", **{"from": day, "to": day})
        assert (told["totals"]["income"], told["totals"]["closing"]) == (income, closing)


def test_care_is_on_an_account_list_with_its_institution(client: TestClient) -> None:
    hospital, patient = new_institution(client), new_patient(client, "500.00")
    settle(client, hospital, patient, E26)
    told = of(client, f"/v1/accounts/{patient}", kind="account_list", **YEAR)
    line = told["tables"]["entries"][-1]
    assert (line["kind"], line["care"], line["spending"]) == ("医疗费结算", "门诊", "500.00")
    assert (line["institution"], line["institution_name"]) == (hospital, "示例医院")


def test_a_donor_is_told_the_kind_of_institution_alone(client: TestClient) -> None:
    hospital, donor, poor = new_institution(client), new_patient(client, "300.00"), new_patient(client)
    give(client, donor, poor, "150.00")
    settle(client, hospital, poor, [("A", "200.00")])
    told = of(client, f"/v1/accounts/{donor}", kind="account_list", **YEAR)
    line = told["tables"]["entries"][-1]
    assert (line["kind"], line["spending"], line["remark"]) == ("家庭共济支付", "150.00", "机构类别：医院")
    assert (line["institution"], line["institution_name"], line["care"]) == (None, None, None)
    assert hospital not in str(told)


def test_a_settlement_sheet_is_the_bill(client: TestClient) -> None:
    """E26: deductible 600.00; pooled 168.00; account 500.00; cash 332.00."""
    hospital, patient = new_institution(client), new_patient(client, "500.00")
    settled = settle(client, hospital, patient, E26)["settlement"]
    told = of(client, f"/v1/accounts/{patient}", kind="settlement_sheet", settlement=settled)
    assert told["totals"] == {
        "total": "1000.00", "fund": "168.00", "account": "500.00", "mutual": "0.00", "cash": "332.00",
        "hospital": "0.00",
    }  # fmt: skip
    parts = {one["part"]: one["amount"] for one in told["tables"]["parts"]}
    assert (parts["实际支付起付线"], parts["统筹基金支出"], parts["符合政策范围金额"]) == (
        "600.00",
        "168.00",
        "880.00",
    )
    items = [(one["item"], one["class"], one["amount"]) for one in told["tables"]["items"]]
    assert items == [("X0001", "甲类", "700.00"), ("X0002", "乙类", "200.00"), ("X0003", "丙类", "100.00")]
    assert told["table_totals"]["items"]["amount"] == "1000.00"
    assert (told["head"]["institution"], told["head"]["ratio"]) == (hospital, "60%")
    assert told["words"] == []
    back = reverse(client, settled)
    again = of(client, f"/v1/accounts/{patient}", kind="settlement_sheet", settlement=settled)
    assert again["totals"] == told["totals"]
    [said] = again["words"]
    assert "2026-11-21冲正" in said
    assert back["reversal"] in said


def test_a_sheet_of_somebody_else_is_none(client: TestClient) -> None:
    hospital, patient = new_institution(client), new_patient(client, "500.00")
    settled = settle(client, hospital, patient, E26)["settlement"]
    other = new_patient(client, "1.00")
    for name in (settled, "P000000000000Z-1", "x", settled.partition("-")[0] + "-1"):
        answer = ask(client, f"/v1/accounts/{other}", kind="settlement_sheet", settlement=name)
        assert refusal(answer) == (404, "settlement_not_found")


@pytest.mark.parametrize(
    ("months", "words"),
    [
        # a gap: the last stretch
        (("2026-01", "2026-02", "2026-07", "2026-08", "2026-09"), "2026年7月至2026年9月"),
        # one month alone
        (("2026-03",), "2026年3月至2026年3月"),
        (("2026-01", "2026-03"), "2026年3月至2026年3月"),
        # over the turn of a year, and up to this month
        (("2025-11", "2025-12", "2026-01", "2026-02"), "2025年11月至2026年2月"),
        (("2026-10", "2026-11"), "2026年10月至2026年11月"),
    ],
)
def test_a_proof_says_the_last_unbroken_period_in_words(
    client: TestClient, months: tuple[str, ...], words: str
) -> None:
    person = insured(client, *months)
    told = of(client, f"/v1/accounts/{person}", kind="insured_proof")
    assert told["words"] == [f"最近一次连续参保期间：{words}。", f"累计已缴费{len(months)}个月。"]
    assert told["period"]["to"] == "2026-11-21"
    assert told["head"]["months_paid"] == len(months)
    first, last = told["head"]["insured_from"], told["head"]["insured_to"]
    assert (last, first <= last) == (months[-1], True)


def test_a_proof_has_three_pairs_of_years_and_months(client: TestClient) -> None:
    months = ("2022-08", "2022-09", "2024-08", "2025-08", "2026-08")
    person = insured(client, *months)
    told = of(client, f"/v1/accounts/{person}", kind="insured_proof")
    assert told["tables"]["years"] == [
        {
            "year_1": "2022", "months_1": "2（月）", "year_2": "2023", "months_2": "0（月）",
            "year_3": "2024", "months_3": "1（月）",
        },
        {
            "year_1": "2025", "months_1": "1（月）", "year_2": "2026", "months_2": "1（月）",
            "year_3": None, "months_3": None,
        },
    ]  # fmt: skip
    part = of(
        client, f"/v1/accounts/{person}", kind="insured_proof", **{"from": "2024-01-01", "to": "2025-12-31"}
    )
    assert part["words"][0] == "最近一次连续参保期间：2025年8月至2025年8月。"
    assert part["head"]["months_paid"] == 2


def test_a_proof_of_nothing_says_so(client: TestClient) -> None:
    told = of(client, f"/v1/accounts/{hire(client)}", kind="insured_proof")
    assert told["words"] == ["本期间没有参保缴费记录。", "累计已缴费0个月。"]
    assert told["tables"]["years"] == []
    part = insured(client, "2026-03", paid="380.00")
    told = of(client, f"/v1/accounts/{part}", kind="insured_proof")
    assert told["words"][0] == "本期间没有参保缴费记录。"


def test_the_head_of_a_document(client: TestClient) -> None:
    person, employer = hire(client, name="欧阳震华"), new_employer(client, name="现在的单位")
    enrol(client, person, employer)
    told = of(client, f"/v1/accounts/{person}", kind="insured_proof")
    head = told["head"]
    assert (head["name"], head["unit"], head["area"], head["status"]) == (
        "欧阳震华",
        "现在的单位",
        "示例市",
        "正常",
    )
    assert head["id_number"].count("*") >= 8
    assert person not in str(told)
    whole = of(client, f"/v1/accounts/{person}", kind="insured_proof", full_number=True)
    assert whole["head"]["id_number"] == person
    assert told["agency"] == "示例市医疗保障经办机构"
    assert any("社会保险法" in note for note in told["notes"])


def test_a_year_on_one_page(client: TestClient) -> None:
    """E20's deposits up to November: what came, what went, what is left, and the months."""
    account = open_account(client, opened_on="2025-01-05")["account_no"]
    contribute(client, account, "100.00", period="2025-12", effective_on="2025-12-20")
    for month in range(1, 9):
        contribute(client, account, "160.00", period=f"2026-0{month}", effective_on=f"2026-0{month}-20")
    client.post(f"/v1/accounts/{account}/spendings", json=spending(amount="30.00"), headers=key())
    told = of(client, f"/v1/accounts/{account}", kind="yearly_statement", year=2026)
    assert told["totals"] == {
        "opening": "100.00", "income": "1280.00", "spending": "30.00", "interest": "0.00",
        "closing": "1350.00",
    }  # fmt: skip
    assert [(one["kind"], one["entries"]) for one in told["tables"]["credits"]] == [("缴费划入", 8)]
    assert [one["period"] for one in told["tables"]["months"]][:2] == ["2026-01", "2026-02"]
    assert told["title"].startswith("2026年度")
    assert told["period"] == {"from": "2026-01-01", "to": "2026-11-21"}
    assert told["words"] == ["本年已缴费8个月。"]


def year_of(client: TestClient, account: str, year: int) -> tuple[Any, Any]:
    """The data of a yearly statement, and the title of each of its sums, in order."""
    made = printed(client, f"/v1/accounts/{account}", "csv", kind="yearly_statement", year=year)
    text = content(client, made).decode("utf-8-sig")
    told = of(client, f"/v1/accounts/{account}", kind="yearly_statement", year=year)
    titles = ("年初余额", "本年收入", "其中利息", "本年支出", "年末余额", "截止日余额")
    return told, sorted((one for one in titles if one in text), key=text.index)


def test_what_is_left_of_a_year_that_is_not_over_is_not_that_of_its_end(client: TestClient) -> None:
    account = open_account(client, opened_on="2025-01-05")["account_no"]
    contribute(client, account, "160.00", period="2025-11", effective_on="2025-11-20")
    for year, closing in ((2025, "年末余额"), (2026, "截止日余额")):
        _told, titles = year_of(client, account, year)
        # the interest is among the income, and stands at it
        assert titles == ["年初余额", "本年收入", "其中利息", "本年支出", closing]


def test_a_year_is_over_on_the_day_after_its_last(client: TestClient) -> None:
    account = open_account(client, opened_on="2026-01-05")["account_no"]
    for day, closing in ((date(2026, 12, 31), "截止日余额"), (date(2027, 1, 1), "年末余额")):
        with on(client, day):
            assert year_of(client, account, 2026)[1][-1] == closing


def test_a_december_paid_in_january_is_said(client: TestClient) -> None:
    account = open_account(client, opened_on="2024-01-05")["account_no"]
    contribute(client, account, "160.00", period="2024-12", effective_on="2025-01-10")
    for year, count in ((2024, 1), (2025, 0)):
        told, _titles = year_of(client, account, year)
        assert told["words"] == [f"本年已缴费{count}个月。", WHY_MONTHS_DIFFER]
    # also where the sums are the same: one December came, another went
    contribute(client, account, "160.00", period="2025-12", effective_on="2026-01-10")
    assert year_of(client, account, 2025)[0]["words"][1:] == [WHY_MONTHS_DIFFER]
    contribute(client, account, "160.00", period="2026-03", effective_on="2026-03-10")
    assert len(year_of(client, account, 2026)[0]["words"]) == 2
    other = open_account(client, opened_on="2024-01-05")["account_no"]
    contribute(client, other, "160.00", period="2025-11", effective_on="2025-12-10")
    assert len(year_of(client, other, 2025)[0]["words"]) == 1


def test_an_annual_settlement_is_printed(client: TestClient) -> None:
    hospital = new_institution(client)
    patient = new_patient(client, "500.00")
    settle(client, hospital, patient, [("A", "40000.00")])
    wanted = ask(client, f"/v1/accounts/{patient}", kind="annual_settlement", year=2026)
    assert refusal(wanted) == (404, "annual_settlement_not_found")
    answer = client.post(f"/v1/annual-settlements/2026/{patient}", json={}, headers=key())
    assert answer.status_code in {200, 201}, answer.text
    told = of(client, f"/v1/accounts/{patient}", kind="annual_settlement", year=2026)
    shown = client.get(f"/v1/annual-settlements/2026/{patient}").json()
    assert told["totals"]["difference"] == shown["difference"]["total"]
    assert told["totals"]["top_up"] == shown["difference"]["top_up_pay"] != "0.00"
    [bill] = told["tables"]["bills"]
    assert (bill["settlement"], bill["total"]) == (shown["bills"][0]["settlement"], "40000.00")
    assert told["head"]["settlement"] == shown["statement"]


# -- employers -----------------------------------------------------------------------------------------------


def test_an_employers_payments(client: TestClient) -> None:
    employer, first, second = new_employer(client), hire(client), hire(client)
    owe(client, employer, "2026-03", {first: "8000.00", second: "3500.00"})
    pay(client, employer, "2026-03", "1222.84", "2026-04-10")
    owe(client, employer, "2026-04", {first: "8000.00"})
    told = of(client, f"/v1/employers/{employer}", kind="payment_list", **YEAR)
    assert told["totals"] == {"employee_part": "257.44", "employer_part": "965.40", "paid": "1222.84"}
    march, april = told["tables"]["months"]
    assert (march["base"], march["paid_on"], march["owed"]) == ("12872.00", "2026-04-10", "0.00")
    assert (april["employee_part"], april["owed"], april["paid_on"]) == ("0.00", "760.00", None)
    assert first not in str(told)


def test_an_employers_staff(client: TestClient) -> None:
    employer, other = new_employer(client), new_employer(client)
    here = hire(client, name="张三丰")
    gone, elsewhere = hire(client, name="李四"), hire(client, name="王五")
    enrol(client, here, employer, wage="8000.00")
    enrol(client, gone, employer, "2026-01-01", to="2026-06-30")
    enrol(client, elsewhere, other)
    told = of(client, f"/v1/employers/{employer}", kind="staff_list")
    [one] = told["tables"]["staff"]
    assert (one["name"], one["wage"], one["from"], one["member_class"]) == (
        "张三丰",
        "8000.00",
        "2026-01-01",
        "在职",
    )
    assert "*" in one["id_number"]
    assert told["period"] == {"from": "2026-11-21", "to": "2026-11-21"}
    for first, last, people in (
        ("2026-06-30", "2026-07-01", 2),
        ("2026-07-01", "2026-11-21", 1),
        ("2025-12-01", "2025-12-31", 0),
    ):
        part = of(client, f"/v1/employers/{employer}", kind="staff_list", **{"from": first, "to": last})
        assert (part["head"]["people"], len(part["tables"]["staff"])) == (people, people)
    whole = of(client, f"/v1/employers/{employer}", kind="staff_list", full_number=True)
    assert whole["tables"]["staff"][0]["id_number"] == here


# -- what cannot be ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "body", "at"),
    [
        ("payment_list", {}, "/from"),
        ("account_list", {"from": "2026-01-05"}, "/to"),
        ("account_list", {"to": "2026-01-05"}, "/from"),
        ("insured_proof", {"from": "2026-01-05"}, "/to"),
        ("insured_proof", {"year": 2026}, "/from"),
        ("yearly_statement", {}, "/year"),
        ("yearly_statement", {"year": 2026, "from": "2026-01-05"}, "/from"),
        ("settlement_sheet", {}, "/settlement"),
        ("settlement_sheet", {"settlement": "P1-1", "year": 2026}, "/year"),
        ("annual_settlement", {"settlement": "P1-1"}, "/year"),
        ("account_list", {**YEAR, "from": "2026-01-05", "year": 2026}, "/year"),
        ("account_list", {**YEAR, "from": "2026-01-05", "settlement": "P1-1"}, "/settlement"),
    ],
)
def test_what_a_kind_needs(client: TestClient, kind: str, body: dict[str, Any], at: str) -> None:
    answer = ask(client, f"/v1/accounts/{open_account(client)['number']}", kind=kind, **body)
    assert refusal(answer) == (422, "shape_invalid")
    assert answer.json()["errors"][0]["pointer"] == at


@pytest.mark.parametrize(
    ("first", "last", "status"),
    [
        ("2026-01-04", "2026-02-01", 422),
        ("2026-01-05", "2026-11-21", 201),
        ("2026-01-05", "2026-11-22", 422),
        ("2026-11-22", "2026-11-22", 422),
        ("2026-03-02", "2026-03-01", 422),
        ("0001-01-01", "2026-03-01", 422),
        ("2026-01-05", "9999-12-31", 422),
    ],
)
@pytest.mark.parametrize("kind", ["payment_list", "account_list", "insured_proof"])
def test_a_period_lies_in_the_life_of_the_account(
    client: TestClient, kind: str, first: str, last: str, status: int
) -> None:
    person = open_account(client, opened_on="2026-01-05")["number"]
    answer = ask(client, f"/v1/accounts/{person}", kind=kind, **{"from": first, "to": last})
    assert answer.status_code == status
    if status == 422:
        assert answer.json()["code"] == "period_invalid"


@pytest.mark.parametrize("year", [2025, 2027])
@pytest.mark.parametrize("kind", ["yearly_statement", "annual_settlement"])
def test_a_year_lies_in_the_life_of_the_account(client: TestClient, kind: str, year: int) -> None:
    person = open_account(client, opened_on="2026-01-05")["number"]
    answer = ask(client, f"/v1/accounts/{person}", kind=kind, year=year)
    assert refusal(answer) == (422, "period_invalid")


def test_a_document_that_would_be_too_long(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    account = open_account(client)["account_no"]
    for _ in range(3):
        contribute(client, account, "1.00")
    monkeypatch.setattr("ledger.documents.reading.LINES_MAX", 2)
    whose, span = f"/v1/accounts/{account}", {"from": "2026-01-05", "to": "2026-11-21"}
    answer = ask(client, whose, kind="account_list", **span)
    assert refusal(answer) == (422, "document_too_long")
    monkeypatch.setattr("ledger.documents.reading.LINES_MAX", 3)
    assert ask(client, whose, kind="account_list", **span).status_code == 201


def test_a_name_is_printed_as_it_is(client: TestClient) -> None:
    for name in ("𬭚龑㛃", "𠮷野家", "买买提·艾合买提", "#import $x$ \\u0041", 'a,b;"c" & d'):
        person = open_account(client, name=name)
        told = of(client, f"/v1/accounts/{person['number']}", kind="insured_proof")
        shown = client.get(f"/v1/accounts/{person['number']}").json()
        assert told["head"]["name"].replace("·", "") == name.replace("·", ""), shown


def test_closed_accounts_and_the_dead_are_printed(client: TestClient) -> None:
    account = open_account(client)["account_no"]
    contribute(client, account, "10.00")
    body = {"died_on": "2026-06-01", "evidence": "certificate 17"}
    answer = client.post(f"/v1/accounts/{account}/death", json=body, headers=key())
    assert answer.status_code == 201, answer.text
    told = of(client, f"/v1/accounts/{account}", kind="account_list", **{**YEAR, "from": "2026-01-05"})
    assert (told["head"]["status"], told["totals"]["closing"]) == ("已死亡", "10.00")


def test_sums_are_those_of_the_balance(client: TestClient) -> None:
    """A debit that was dated back stands on its day, and the sums still close."""
    account = open_account(client, opened_on="2025-06-01")["account_no"]
    base = f"/v1/accounts/{account}"
    contribute(client, account, "500.00", period="2025-07", effective_on="2025-07-20")
    contribute(client, account, "160.00", effective_on="2026-03-20")
    for day in ("2025-12-30", "2026-02-03"):
        client.post(f"{base}/spendings", json=spending(amount="20.00", effective_on=day), headers=key())
    for first, last in (("2025-06-01", "2025-12-31"), ("2026-01-01", "2026-11-21"), ("2026-02-03",) * 2):
        told = of(client, base, kind="account_list", **{"from": first, "to": last})["totals"]
        money = {name: Decimal(amount) for name, amount in told.items()}
        assert money["opening"] + money["income"] - money["spending"] == money["closing"]
        assert told["closing"] == client.get(f"{base}/balance?as_of={last}").json()["balance"]
