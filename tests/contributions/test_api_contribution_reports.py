"""The right to ask over HTTP: every route as JSON, the lists as CSV, and what an employer is not told."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel
from sqlalchemy import Engine, insert

from api.contributions import report_answers as answers
from api.http.listing import Cursors
from ledger import tables
from ledger.access.tokens import SCOPES, mint
from ledger.accounts.contributing import Contribute
from ledger.accounts.spending import Spend
from ledger.book.numbers import account_no, entry_name
from ledger.chart.members import MemberClass
from ledger.chart.parties import Party
from ledger.contributions.estimates import Estimate
from ledger.contributions.retirees import CreditRetiree
from ledger.contributions.supervision import RecordStep, Step
from ledger.money import parse_yuan
from ledger.people.enrolments import EndEnrolment
from ledger.people.id_numbers import mask_id_number
from ledger.posting import batches
from ledger.refusals import RefusalCode
from tests.support.api_client import NOW, running
from tests.support.people import Someone, SomeoneFactory, World
from tests.support.units import Unit, credit_code

CSV = {"Accept": "text/csv"}
FORMULA = '=HYPERLINK("http://x","点击")'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    with running(engine, folder) as client:
        yield client


@pytest.fixture(scope="module")
def world(engine: Engine, client: TestClient) -> World:
    """A world with the keys of the app, so that each finds the other's people."""
    world = World(engine, now=NOW)
    world.keyring = client.app.state.ledger.keyring  # type: ignore[attr-defined]  # Starlette's app
    return world


@pytest.fixture(scope="module")
def someone() -> Someone:
    return SomeoneFactory(name="司马相如")


@pytest.fixture(scope="module")
def person(unit: Unit, someone: Someone) -> int:
    """Somebody with a balance and a spending that no employer is to hear of."""
    person = unit.hire(someone, opening=(0, 7_654_321))
    unit.world.one(Spend(person, 4_321, date(2026, 3, 3), "H0001", "secret-bill"))
    return person


@pytest.fixture(scope="module")
def unit(world: World) -> Unit:
    return Unit(world, name=FORMULA)


@pytest.fixture(scope="module")
def colleague(unit: Unit) -> int:
    return unit.hire(SomeoneFactory(name="李白"))


@pytest.fixture(scope="module")
def busy(unit: Unit, person: int, colleague: int) -> Unit:
    """January and February paid, March in part, April late and unpaid; a case is going on.

    December came without an employer.
    """
    unit.world.one(Contribute(person, 1_500, 202512, date(2026, 1, 5), "direct-1"))
    for period in (202601, 202602, 202603):
        unit.declare(period, {person: 800_000, colleague: 350_000})
    unit.pay(122_284, date(2026, 2, 10), 202601)
    unit.pay(122_284, date(2026, 3, 10), 202602)
    unit.pay(50_000, date(2026, 4, 10), 202603)
    unit.declare(202604, {person: 800_000})
    unit.world.one(
        RecordStep(unit.book, Step.ORDER_TO_PAY, date(2026, 6, 1), "doc-1", 202604, 76_000, "sent by post")
    )
    unit.world.one(RecordStep(unit.book, Step.BANK_INQUIRY, date(2026, 7, 1), "doc-2"))
    return unit


def get(client: TestClient, path: str, model: type[BaseModel]) -> Any:
    """A good answer, held against what is published of it."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    model.model_validate(answer.json())
    return answer.json()


def sheet(client: TestClient, path: str) -> tuple[list[list[str]], str]:
    """A CSV as a spreadsheet reads it, heading first; and its file name."""
    answer = client.get(path, headers=CSV)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["vary"] == "Accept"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    text = answer.content.decode("utf-8-sig")
    assert text.count("\n") == text.count("\r\n")
    assert text.endswith("\r\n")
    name = answer.headers["content-disposition"]
    assert name.startswith('attachment; filename="')
    return list(csv.reader(io.StringIO(text))), name.split('"')[1]


def of(unit: Unit, rest: str = "") -> str:
    return f"/v1/employers/{unit.credit_code}{rest}"


# -- an employer -------------------------------------------------------------------------------------------


def test_an_employer(client: TestClient, world: World) -> None:
    unit = Unit(world, name="示例制造有限公司")
    unit.declare(202601, {unit.hire(): 800_000})
    unit.pay(80_000, date(2026, 2, 1), 202601)
    unit.pay(5_000, date(2026, 2, 1), 202602)
    shown = get(client, of(unit), answers.EmployerStandingAnswer)
    assert shown == {
        "credit_code": unit.credit_code,
        "name": "示例制造有限公司",
        "area": "990100",
        "state": "open",
        "surplus": "40.00",
        "waiting": "50.00",
        "to_forward": "0.00",
    }
    assert client.get(f"/v1/employers/{unit.credit_code.lower()}").json() == shown


def test_arrears(client: TestClient, busy: Unit) -> None:
    shown = get(client, of(busy, "/arrears?on=2026-05-16"), answers.ArrearList)
    assert shown == {
        "items": [
            {
                "period": "2026-03",
                "due_on": "2026-04-15",
                "principal": "722.84",
                "late_fee": "11.20",
                "late_fee_uncapped": "11.20",
            },
            {
                "period": "2026-04",
                "due_on": "2026-05-15",
                "principal": "760.00",
                "late_fee": "0.38",
                "late_fee_uncapped": "0.38",
            },
        ]
    }
    today = get(client, of(busy, "/arrears"), answers.ArrearList)
    assert today == get(client, of(busy, "/arrears?on=2026-11-21"), answers.ArrearList)
    assert get(client, of(busy, "/arrears?on=2026-04-15"), answers.ArrearList) == {"items": []}


def test_arrears_as_a_sheet_byte_by_byte(client: TestClient, busy: Unit) -> None:
    answer = client.get(of(busy, "/arrears?on=2026-05-16"), headers=CSV)
    assert (
        answer.content
        == (
            "\ufeff费款所属期,缴费截止日,欠缴本金,滞纳金,未封顶滞纳金\r\n"
            "2026-03,2026-04-15,722.84,11.20,11.20\r\n"
            "2026-04,2026-05-15,760.00,0.38,0.38\r\n"
        ).encode()
    )
    assert (
        sheet(client, of(busy, "/arrears?on=2026-05-16"))[1] == f"arrears-{busy.credit_code}-2026-05-16.csv"
    )


def test_payments_of_an_employer(client: TestClient, busy: Unit) -> None:
    items = get(client, of(busy, "/payments"), answers.EmployerMonthPage)["items"]
    assert [item["period"] for item in items] == ["2026-01", "2026-02", "2026-03", "2026-04"]
    assert items[2] == {
        "period": "2026-03",
        "employer": busy.credit_code,
        "base": "12872.00",
        "assessed": "1222.84",
        "estimated": False,
        "paid": "500.00",
        "paid_on": "2026-04-10",
        "owed": "722.84",
        "late_fee_paid": "0.00",
    }
    only = get(client, of(busy, "/payments?period=2026-03"), answers.EmployerMonthPage)
    assert only == {"items": [items[2]], "next_cursor": None}
    rows, name = sheet(client, of(busy, "/payments?period=2026-03"))
    assert rows[1] == [
        "2026-03", busy.credit_code, "12872.00", "1222.84", "否", "500.00", "2026-04-10", "722.84", "0.00",
    ]  # fmt: skip
    assert len(rows[0]) == len(rows[1])
    assert name == f"payments-{busy.credit_code}.csv"


def test_an_estimated_month(client: TestClient, world: World) -> None:
    unit = Unit(world)
    world.one(Estimate(unit.book, 202603, 12_345))
    (item,) = get(client, of(unit, "/payments"), answers.EmployerMonthPage)["items"]
    assert (item["base"], item["assessed"], item["estimated"], item["paid_on"]) == (
        None,
        "123.45",
        True,
        None,
    )
    assert sheet(client, of(unit, "/payments"))[0][1][2:7] == ["", "123.45", "是", "0.00", ""]


def test_the_staff_of_a_month(client: TestClient, busy: Unit, someone: Someone) -> None:
    shown = get(client, of(busy, "/payments/2026-04"), answers.StaffMonthPage)
    assert shown == {
        "items": [
            {
                "id_number": mask_id_number(someone.id_number),
                "name": "司***",
                "base": "8000.00",
                "employee_part": "160.00",
                "employer_part": "600.00",
                "assessed": "760.00",
                "paid": "0.00",
                "paid_on": None,
                "owed": "760.00",
            }
        ],
        "next_cursor": None,
    }
    march = get(client, of(busy, "/payments/2026-03"), answers.StaffMonthPage)["items"]
    assert sum(parse_yuan(item["paid"]) for item in march) == 50_000
    rows, name = sheet(client, of(busy, "/payments/2026-03"))
    assert [row[0] for row in rows[1:]] == [item["id_number"] for item in march]
    assert name == f"staff-{busy.credit_code}-2026-03.csv"
    assert get(client, of(busy, "/payments/2025-12"), answers.StaffMonthPage)["items"] == []


def test_receipts(client: TestClient, busy: Unit) -> None:
    items = get(client, of(busy, "/receipts"), answers.ReceivedPage)["items"]
    assert [item["received_on"] for item in items] == ["2026-02-10", "2026-03-10", "2026-04-10"]
    first = items[0]
    assert first["receipt"].startswith(f"{account_no(busy.book)}-")
    assert {name: first[name] for name in ("period", "amount", "to_accounts", "to_pooled_fund")} == {
        "period": "2026-01",
        "amount": "1222.84",
        "to_accounts": "257.44",
        "to_pooled_fund": "965.40",
    }
    assert (first["late_fee"], first["to_suspense"]) == ("0.00", "0.00")
    rows, _ = sheet(client, of(busy, "/receipts"))
    assert [row[2] for row in rows[1:]] == ["1222.84", "1222.84", "500.00"]


def test_case_steps(client: TestClient, busy: Unit) -> None:
    items = get(client, of(busy, "/case-steps"), answers.CaseStepPage)["items"]
    assert [
        (item["step"], item["taken_on"], item["period"], item["amount"], item["note"]) for item in items
    ] == [
        ("order_to_pay", "2026-06-01", "2026-04", "760.00", "sent by post"),
        ("bank_inquiry", "2026-07-01", None, None, None),
    ]
    assert [item["source_ref"] for item in items] == ["doc-1", "doc-2"]
    assert sheet(client, of(busy, "/case-steps"))[0][2][1:6] == [
        "查询存款账户",
        "2026-07-01",
        "",
        "",
        "doc-2",
    ]


def test_a_declaration(client: TestClient, world: World) -> None:
    unit = Unit(world)
    someone = SomeoneFactory()
    person, wrong = unit.hire(someone), unit.hire()
    handed_in = unit.preview(202603, {person: 800_000, wrong: None})
    path = f"/v1/declarations/{entry_name(unit.book, handed_in.seq)}"
    shown = get(client, path, answers.DeclarationView)
    assert shown == {
        "declaration": entry_name(unit.book, handed_in.seq),
        "employer": unit.credit_code,
        "period": "2026-03",
        "status": "preview",
        "employee_total": "160.00",
        "employer_total": "600.00",
        "lines": [
            {
                "line": 1,
                "id_number": mask_id_number(someone.id_number),
                "base": "8000.00",
                "employee_part": "160.00",
                "employer_part": "600.00",
            },
            {"line": 2, "code": "wage_invalid"},
        ],
    }
    confirmation = unit.confirm(handed_in).receipt
    assert get(client, path, answers.DeclarationView) == shown | {"status": "confirmed"}
    for name in (entry_name(unit.book, confirmation.seq), entry_name(person, 1), "x", account_no(unit.book)):
        answer = client.get(f"/v1/declarations/{name}")
        assert (answer.status_code, answer.json()["code"]) == (404, "declaration_not_found")


def test_what_an_employer_is_not_told(
    client: TestClient, busy: Unit, person: int, colleague: int, someone: Someone
) -> None:
    """No balance, no spending, no account number, no whole ID number: not in a text, and not in a cursor."""
    handed_in = busy.preview(202605, {person: 800_000, colleague: 1})
    paths = [
        of(busy, rest)
        for rest in ("", "/arrears", "/payments", "/payments/2026-03", "/receipts", "/case-steps")
    ]
    paths += [f"{path}?limit=1" for path in paths[2:]]
    paths.append(f"/v1/declarations/{entry_name(busy.book, handed_in.seq)}")
    secrets = [
        someone.id_number, someone.name, "李白", account_no(person), str(person), account_no(colleague),
        "76543.21", "76500.00", "43.21", "secret-bill", "H0001", "balance", "carried_over", "current_year",
    ]  # fmt: skip
    texts = [client.get(path, headers=accept).text for path in paths for accept in ({}, CSV)]
    texts += [
        base64.urlsafe_b64decode(cursor).decode("latin-1")
        for path in paths
        if (cursor := client.get(path).json().get("next_cursor"))
    ]
    assert len(texts) > 2 * len(paths)
    for text in texts:
        for secret in secrets:
            assert secret not in text


def test_an_employer_asks_for_itself(
    client: TestClient, world: World, busy: Unit, person: int, folder: Path
) -> None:
    """With a token of its own it reaches its own lists and nobody else's."""
    other = Unit(world)
    handed_in = [
        entry_name(unit.book, unit.preview(202606, {unit.hire(): 800_000}).seq) for unit in (busy, other)
    ]
    for_hour = (datetime.now(UTC), timedelta(hours=1))
    held = [scope for scope in SCOPES if scope != "contributions:act"]
    bearer = mint(folder / "keys", held, "portal", "payroll", *for_hour, employer=busy.credit_code)
    own = {"Authorization": f"Bearer {bearer}"}
    for rest in ("", "/arrears", "/payments", "/payments/2026-03", "/receipts", "/case-steps"):
        assert client.get(of(busy, rest), headers=own).status_code == 200
        assert client.get(of(other, rest), headers=own).json()["code"] == "scope_missing"
    assert client.get(f"/v1/declarations/{handed_in[0]}", headers=own).status_code == 200
    for path in (
        f"/v1/declarations/{handed_in[1]}",
        f"/v1/accounts/{account_no(person)}/payments",
        f"/v1/accounts/{account_no(person)}/enrolments",
        "/v1/reports/arrears",
        "/v1/reports/undeclared",
        "/v1/reports/overdue-registrations",
        "/v1/batches/import-7f/rejected",
    ):
        answer = client.get(path, headers=own)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


# -- a person ----------------------------------------------------------------------------------------------


def test_payments_of_a_person(client: TestClient, busy: Unit, person: int, someone: Someone) -> None:
    path = f"/v1/accounts/{account_no(person)}/payments"
    items = get(client, path, answers.PersonMonthList)["items"]
    assert [item["period"] for item in items] == ["2025-12", "2026-01", "2026-02", "2026-03", "2026-04"]
    assert items[0] == {
        "period": "2025-12",
        "kind": "contribution",
        "employer": None,
        "employer_name": None,
        "base": None,
        "employee_part": None,
        "employer_part": None,
        "assessed": "15.00",
        "paid": "15.00",
        "paid_on": "2026-01-05",
        "owed": "0.00",
        "to_account": "15.00",
    }
    assert items[2] == {
        "period": "2026-02",
        "kind": "contribution",
        "employer": busy.credit_code,
        "employer_name": FORMULA,
        "base": "8000.00",
        "employee_part": "160.00",
        "employer_part": "600.00",
        "assessed": "760.00",
        "paid": "760.00",
        "paid_on": "2026-03-10",
        "owed": "0.00",
        "to_account": "160.00",
    }
    assert (items[4]["paid"], items[4]["paid_on"], items[4]["owed"]) == ("0.00", None, "760.00")
    by_number = f"/v1/accounts/{someone.id_number}/payments"
    assert get(client, by_number, answers.PersonMonthList)["items"] == items
    some = get(client, f"{by_number}?from=2026-02&to=2026-03", answers.PersonMonthList)
    assert some["items"] == items[2:4]
    assert get(client, f"{path}?to=2026-01", answers.PersonMonthList)["items"] == items[:2]
    assert get(client, f"{path}?from=2026-04&to=2026-03", answers.PersonMonthList)["items"] == []


def test_a_payment_list_to_print(client: TestClient, busy: Unit, someone: Someone) -> None:
    rows, name = sheet(client, f"/v1/accounts/{someone.id_number}/payments?from=2026-02&to=2026-02")
    assert name == "payment-list-2026-11-21.csv"
    assert rows == [
        [
            "费款所属期", "类型", "统一社会信用代码", "单位名称", "缴费基数", "个人缴费", "单位缴费",
            "应缴金额", "实缴金额", "到账日期", "欠缴金额", "划入个人账户",
        ],
        [
            # a name that would be run is shown
            "2026-02", "缴费划入", busy.credit_code, f"'{FORMULA}", "8000.00", "160.00", "600.00",
            "760.00", "760.00", "2026-03-10", "0.00", "160.00",
        ],
    ]  # fmt: skip


def test_a_retiree(client: TestClient, world: World) -> None:
    unit = Unit(world)
    person = unit.hire()
    unit.enrol(person, MemberClass.RETIRED, date(2026, 9, 1), here=False)
    world.one(CreditRetiree(person, 202610))
    (item,) = get(client, f"/v1/accounts/{account_no(person)}/payments", answers.PersonMonthList)["items"]
    assert (item["kind"], item["employer"], item["assessed"], item["to_account"]) == (
        "retiree_credit", None, "110.00", "110.00",
    )  # fmt: skip


def test_enrolments(client: TestClient, world: World) -> None:
    unit = Unit(world)
    person = unit.hire()
    first = unit.enrol(person, MemberClass.ACTIVE, date(2024, 1, 1)).seq
    end = world.one(EndEnrolment(person, first, date(2026, 1, 31))).seq
    items = get(client, f"/v1/accounts/{account_no(person)}/enrolments", answers.EnrolmentList)["items"]
    assert items[0] == {
        "enrolment": entry_name(person, first),
        "member_class": "active",
        "employer": unit.credit_code,
        "wage": None,
        "from": "2024-01-01",
        "to": None,
        "status": "replaced",
        "recorded_on": "2026-11-21",
        "replaced_by": entry_name(person, end),
        "reversed_by": None,
    }
    assert (items[1]["status"], items[1]["to"]) == ("ended", "2026-01-31")


# -- over all employers ------------------------------------------------------------------------------------


def test_employers_in_arrears(client: TestClient, busy: Unit) -> None:
    path = "/v1/reports/arrears?on=2026-05-16"
    items = get(client, f"{path}&area=990100", answers.EmployerArrearsPage)["items"]
    assert {
        "employer": busy.credit_code,
        "name": FORMULA,
        "periods": ["2026-03", "2026-04"],
        "principal": "1482.84",
        "late_fee": "11.58",
    } in items
    rows, name = sheet(client, path)
    assert [busy.credit_code, f"'{FORMULA}", "2026-03 2026-04", "1482.84", "11.58", "", "", ""] in rows
    assert name == "arrears-2026-05-16.csv"


def test_overdue_registrations(client: TestClient, world: World) -> None:
    unit = Unit(world)
    person = unit.hire()
    began = date(2026, 3, 1)
    seq = unit.enrol(person, MemberClass.ACTIVE, began, today=began + timedelta(days=45)).seq
    path = "/v1/reports/overdue-registrations?area=990100"
    expected = {
        "account_no": account_no(person),
        "enrolment": entry_name(person, seq),
        "employer": unit.credit_code,
        "employer_name": "示例制造有限公司",
        "from": "2026-03-01",
        "due_on": "2026-03-31",
        "recorded_on": "2026-04-15",
        "days_late": 15,
    }
    assert expected in get(client, path, answers.OverdueRegistrationPage)["items"]
    assert expected not in get(client, f"{path}&on=2026-04-14", answers.OverdueRegistrationPage)["items"]
    assert list(map(str, expected.values())) in sheet(client, path)[0]


def test_undeclared(client: TestClient, world: World) -> None:
    unit = Unit(world)
    unit.declare(202609, {unit.hire(): 800_000})
    expected = {
        "employer": unit.credit_code,
        "name": "示例制造有限公司",
        "period": "2026-10",
        "last_month": "760.00",
        "estimate": "836.00",
    }
    # last month, unless another is asked for
    for path in ("/v1/reports/undeclared", "/v1/reports/undeclared?area=990100&period=2026-10"):
        assert expected in get(client, path, answers.UndeclaredPage)["items"]
    assert list(expected.values()) in sheet(client, "/v1/reports/undeclared")[0]
    assert sheet(client, "/v1/reports/undeclared")[1] == "undeclared-2026-10.csv"


@pytest.fixture(scope="module")
def batch(world: World) -> str:
    name = "import-spendings-7f"
    codes = {3: "account_not_found", 12: "period_invalid", 700: "internal_error"}
    fields = {3: "account", 12: "effective_on"}
    with world.engine.connect() as connection:
        batches.take(connection, name, "import", world.now)
        with connection.begin():
            connection.execute(
                insert(tables.batch_line),
                [
                    {"batch_id": name, "line": line, "code": code, "field": fields.get(line)}
                    for line, code in codes.items()
                ],
            )
    return name


def test_rejected_lines(client: TestClient, batch: str) -> None:
    path = f"/v1/batches/{batch}/rejected"
    assert get(client, path, answers.RejectedLinePage) == {
        "items": [
            {"line": 3, "code": "account_not_found", "reason": "No such account", "column": "account"},
            {
                "line": 12,
                "code": "period_invalid",
                "reason": RefusalCode.PERIOD_INVALID.words.title,
                "column": "effective_on",
            },
            {"line": 700, "code": "internal_error", "reason": "A fault of the service", "column": None},
        ],
        "next_cursor": None,
    }
    rows, name = sheet(client, path)
    assert rows[:2] == [
        ["行号", "代码", "原因", "列"],
        ["3", "account_not_found", "账户不存在。", "个人账户"],
    ]
    assert (rows[2][3], rows[3][3]) == ("消费日期", "")
    rows, _name = sheet(client, f"{path}?language=en")
    assert rows[:2] == [
        ["line", "code", "reason", "column"], ["3", "account_not_found", "No such account", "account"],
    ]  # fmt: skip
    assert client.get(f"{path}?language=fr", headers=CSV).status_code == 422
    assert name == "rejected-lines.csv"


# -- pages -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rest",
    ["payments", "payments/2026-03", "receipts", "case-steps"],
)
def test_pages_make_the_whole(client: TestClient, busy: Unit, rest: str) -> None:
    path = of(busy, f"/{rest}")
    whole = client.get(path).json()["items"]
    assert len(whole) > 1
    found: list[Any] = []
    cursor = ""
    for _ in whole:
        page = client.get(f"{path}?limit=1{cursor}").json()
        found += page["items"]
        cursor = f"&cursor={page['next_cursor']}"
    assert page["next_cursor"] is None
    assert found == whole


@pytest.mark.parametrize("rest", ["arrears", "undeclared", "overdue-registrations"])
def test_reports_come_in_pages(client: TestClient, world: World, rest: str) -> None:
    units = [Unit(world) for _ in range(2)]
    for unit in units:
        person = unit.hire()
        unit.declare(202609, {person: 800_000})
        began = date(2026, 9, 1)
        unit.enrol(person, MemberClass.ACTIVE, began, today=began + timedelta(days=31))
    path = f"/v1/reports/{rest}"
    whole = client.get(f"{path}?limit=500").json()
    assert whole["next_cursor"] is None
    found: list[Any] = []
    page = client.get(f"{path}?limit=1").json()
    found += page["items"]
    while page["next_cursor"] is not None and len(found) < len(whole["items"]):
        page = client.get(f"{path}?limit=1&cursor={page['next_cursor']}").json()
        found += page["items"]
    assert len(found) > 1
    assert found == whole["items"]


def test_a_sheet_is_whole_whatever_the_limit(
    client: TestClient, busy: Unit, batch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [of(busy, "/payments"), of(busy, "/payments/2026-03"), f"/v1/batches/{batch}/rejected"]
    whole = [sheet(client, path) for path in paths]
    for size in (1, 2, 3):
        monkeypatch.setattr("api.http.listing.CSV_PAGE", size)
        assert [sheet(client, f"{path}?limit=1") for path in paths] == whole


def test_a_cursor_belongs_to_its_list(client: TestClient, world: World, busy: Unit) -> None:
    cursor = client.get(of(busy, "/payments?limit=1")).json()["next_cursor"]
    other = Unit(world)
    other.declare(202601, {other.hire(): 800_000})
    for path in (
        of(busy, "/payments?period=2026-03&"),
        of(busy, "/payments/2026-03?"),
        of(busy, "/receipts?"),
        of(other, "/payments?"),
        "/v1/reports/arrears?",
    ):
        answer = client.get(f"{path}cursor={cursor}")
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "cursor")
    changed = ("B" if cursor[0] == "A" else "A") + cursor[1:]
    for wrong in (changed, cursor[:-4], "", "AAAA", "é", "x" * 5_000):
        for accept in ({}, CSV):
            answer = client.get(of(busy, "/payments"), params={"cursor": wrong}, headers=accept)
            assert (answer.status_code, answer.json()["code"]) == (422, "shape_invalid"), wrong


@pytest.mark.parametrize("key", [0, 202603, 10**15, "911101087999990007", [Party.PERSON.first, 7]], ids=str)
def test_a_cursor_gives_back_its_key(world: World, key: Any) -> None:
    cursors = Cursors(world.keyring, "place")
    assert cursors.read(cursors.write(key)) == key
    assert cursors.write(key) == cursors.write(key)


# -- what is asked for -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "is_csv"),
    [
        ("text/csv", True),
        ("TEXT/CSV; charset=utf-8", True),
        ("text/csv, */*", True),
        ("text/csv, application/json;q=0.5", True),
        ("text/csv;q=0.9, application/json;q=0.5", True),
        ("application/json, text/csv", False),
        ("text/csv;q=0.5, application/json", False),
        ("text/csv;q=0", False),
        ("text/csv;q=x", False),
        ("application/json", False),
        ("text/html, */*;q=0.8", False),
        ("text/*", False),
        ("application/pdf", False),
        ("*/*", False),
        ("", False),
        (";;,,=", False),
    ],
    ids=str,
)
def test_what_is_accepted(client: TestClient, busy: Unit, accept: str, is_csv: bool) -> None:
    answer = client.get(of(busy, "/payments"), headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv" if is_csv else "application/json")
    assert answer.headers["vary"] == "Accept"


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+86 公司", "'+86 公司"),
        ("-公司", "'-公司"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ('甲"乙"公司', '甲"乙"公司'),
        ("甲,乙公司", "甲,乙公司"),
        ("甲=乙", "甲=乙"),
        ("-5.00", "-5.00"),
        ("-5.00+1", "'-5.00+1"),
    ],
    ids=str,
)
def test_names_in_a_sheet(client: TestClient, world: World, name: str, cell: str) -> None:
    unit = Unit(world, name=name)
    person = unit.hire()
    unit.declare(202603, {person: 800_000})
    rows, _ = sheet(client, f"/v1/accounts/{account_no(person)}/payments")
    assert rows[1][3] == cell


UNKNOWN = credit_code(999_999_999)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        *(
            (f"/v1/employers/{employer}{rest}", status, code)
            for rest in ("", "/arrears", "/payments", "/payments/2026-03", "/receipts", "/case-steps")
            for employer, status, code in (
                (UNKNOWN, 404, "employer_not_found"),
                (UNKNOWN[:-1] + ("0" if UNKNOWN[-1] != "0" else "1"), 422, "credit_code_invalid"),
                ("P483920174650K", 422, "credit_code_invalid"),
            )
        ),
        ("{unit}/payments/2026-13", 422, "period_invalid"),
        ("{unit}/payments/0000-01", 422, "period_invalid"),
        ("{unit}/payments/202603", 422, "period_invalid"),
        ("{unit}/payments/march", 422, "period_invalid"),
        ("{unit}/payments?period=2026-3", 422, "period_invalid"),
        ("{unit}/payments?period=", 422, "period_invalid"),
        ("{unit}/payments?limit=0", 422, "shape_invalid"),
        ("{unit}/payments?limit=501", 422, "shape_invalid"),
        ("{unit}/payments?month=2026-03", 422, "unknown_field"),
        ("{unit}/arrears?on=2026-02-30", 422, "shape_invalid"),
        ("{unit}/arrears?on=2026-03", 422, "shape_invalid"),
        ("{unit}?on=2026-02-30", 422, "shape_invalid"),
        ("{account}/payments?from=2026-13", 422, "period_invalid"),
        ("{account}/payments?to=x", 422, "period_invalid"),
        ("{account}/payments?period=2026-03", 422, "unknown_field"),
        ("/v1/accounts/P000000000000Z/payments", 404, "account_not_found"),
        ("/v1/accounts/P000000000000Z/enrolments", 404, "account_not_found"),
        ("/v1/accounts/119999195001010000/payments", 422, "id_checksum"),
        ("/v1/reports/arrears?area=990200", 422, "area_unknown"),
        ("/v1/reports/arrears?area=99", 422, "shape_invalid"),
        ("/v1/reports/overdue-registrations?area=990200", 422, "area_unknown"),
        ("/v1/reports/undeclared?period=2026-12", 422, "period_invalid"),
        ("/v1/reports/undeclared?period=2026-00", 422, "period_invalid"),
        ("/v1/reports/undeclared?area=990200", 422, "area_unknown"),
        ("/v1/batches/import-of-nobody/rejected", 404, "batch_not_found"),
        ("/v1/batches/%00/rejected", 404, "batch_not_found"),
        ("/v1/batches/批次/rejected", 404, "batch_not_found"),
        ("/v1/declarations/E000000000000X-2", 404, "declaration_not_found"),
    ],
)
def test_wrong_questions(
    client: TestClient, busy: Unit, person: int, path: str, status: int, code: str
) -> None:
    path = path.replace("{unit}", of(busy)).replace("{account}", f"/v1/accounts/{account_no(person)}")
    for accept in ({}, CSV):
        answer = client.get(path, headers=accept)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("day", ["0001-01-01", "1989-12-31", "2099-12-31", "9999-12-31"])
def test_days_far_away(client: TestClient, busy: Unit, day: str) -> None:
    items = get(client, of(busy, f"/arrears?on={day}"), answers.ArrearList)["items"]
    assert len(items) == (0 if day < "2000" else 2)
    for report in ("arrears", "overdue-registrations"):
        assert client.get(f"/v1/reports/{report}?on={day}").status_code == 200
