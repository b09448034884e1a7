"""Lists over HTTP: as JSON, CSV and XLSX, shown, confirmed, corrected; and every way a line goes wrong."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from fastapi.testclient import TestClient
from openpyxl import Workbook, load_workbook
from sqlalchemy import Engine

from api.contributions.answers import AdjustmentAnswer, ConfirmationAnswer, DeclarationAnswer
from api.contributions.uploads import XLSX
from api.http.asgi import BODY_MAX
from ledger.people import persons
from ledger.vault import Keyring
from ledger.verify import verify
from tests.support.api_client import NOW, TODAY, id_number, key, open_account, running
from tests.support.employer_client import (
    adjust,
    balance,
    confirm,
    declare,
    employer_body,
    hire,
    new_employer,
    owe,
    pay,
    refusal,
    rows,
    taken,
    wages,
)
from tests.support.openapi import DOCUMENT
from tests.support.second_numbers import add_alias
from tests.support.units import credit_code


@pytest.fixture(scope="module")
def log() -> list[dict[str, object]]:
    return []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Any, log: list[dict[str, object]]) -> Iterator[TestClient]:
    with running(engine, folder, log=log.append) as client:
        yield client


@pytest.fixture
def employer(client: TestClient) -> str:
    return new_employer(client)


def path_of(employer: str) -> str:
    return f"/v1/employers/{employer}/declarations"


def parts(shown: Any) -> list[tuple[str, ...] | str]:
    """Base and both parts of each line, or its code."""
    return [
        line["code"] if "code" in line else (line["base"], line["employee_part"], line["employer_part"])
        for line in shown["lines"]
    ]


# -- what is assessed ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("period", "wage", "due"),
    [
        pytest.param("2026-03", "8000.00", ("8000.00", "160.00", "600.00"), id="E01"),
        pytest.param("2026-03", "3500.00", ("4872.00", "97.44", "365.40"), id="E02 below the floor"),
        pytest.param("2026-03", "40000.00", ("24360.00", "487.20", "1827.00"), id="E03 above the cap"),
        pytest.param("2026-03", "6543.21", ("6543.21", "130.86", "490.74"), id="E04 rounded"),
        pytest.param("2026-03", "5012.25", ("5012.25", "100.25", "375.92"), id="E05 a tie"),
        pytest.param("2026-06", "4000.00", ("4872.00", "97.44", "365.40"), id="E06 until June"),
        pytest.param("2026-07", "4000.00", ("5073.60", "101.47", "380.52"), id="E06 from July"),
    ],
)
def test_a_wage_is_assessed_by_the_rules_of_its_month(
    client: TestClient, employer: str, period: str, wage: str, due: tuple[str, ...]
) -> None:
    person = hire(client)
    shown = declare(client, employer, period, {person: wage})
    assert parts(shown) == [due]
    assert (shown["status"], shown["period"], shown["lines"][0]["id_number"]) == ("preview", period, person)
    assert balance(client, person) == "0.00", "a preview moves nothing"
    confirmed = confirm(client, shown)
    assert confirmed == shown | {
        "status": "confirmed",
        "to_accounts": "0.00",
        "to_pooled_fund": "0.00",
        "returned": "0.00",
    }
    total = f"{float(due[1]) + float(due[2]):.2f}"
    paid = pay(client, employer, period, total, f"{period}-15")
    assert (paid["to_accounts"], paid["to_pooled_fund"], paid["still_owed"]) == (due[1], due[2], "0.00")
    assert balance(client, person) == due[1]


def test_every_bad_line_has_its_code_and_the_good_ones_stay(client: TestClient, employer: str) -> None:
    good, dead, closed, twice, assessed = (hire(client) for _ in range(5))
    client.post(f"/v1/accounts/{dead}/death", json={"died_on": "2026-02-20", "evidence": "c"}, headers=key())
    client.post(
        f"/v1/accounts/{closed}/death", json={"died_on": "2026-02-20", "evidence": "c"}, headers=key()
    )
    heir = {"name": "李四", "relation": "spouse", "share": "1/1"}
    divided = client.post(
        f"/v1/accounts/{closed}/estate",
        json={"heirs": [heir], "paid_on": "2026-11-21", "confirm": True},
        headers=key(),
    )
    assert divided.status_code == 201, divided.text
    owe(client, employer, "2026-03", {assessed: "8000.00"})
    number = id_number()
    wrong = number[:17] + ("0" if number[17] != "0" else "1")
    lines = [
        ("8000.00", good, None),
        ("0.00", hire(client), "wage_invalid"),
        ("-1.00", hire(client), "wage_invalid"),
        ("八千", hire(client), "wage_invalid"),
        ("8000", hire(client), "wage_invalid"),
        ("8,000.00", hire(client), "wage_invalid"),
        ("", hire(client), "wage_invalid"),
        ("１０００.００", hire(client), "wage_invalid"),
        ("99999999999.00", hire(client), "wage_invalid"),
        ("8000.00", number, "account_not_found"),
        ("x", number, "duplicate_line"),
        ("x", id_number(), "account_not_found"),
        ("8000.00", wrong, "id_checksum"),
        ("x", wrong, "id_checksum"),
        ("8000.00", "", "id_format"),
        ("8000.00", "E12345678", "id_format"),
        ("8000.00", "01" + number[2:], "id_prefix"),
        ("8000.00", number[:6] + "20260230" + number[14:], "id_birthdate"),
        ("8000.00", number[:6] + "20991231" + number[14:], "id_future"),
        ("8000.00", "'" + good, "id_format"),
        ("8000.00", dead, "period_after_end"),
        ("8000.00", closed, "account_closed"),
        ("x", twice, "wage_invalid"),
        ("8000.00", twice, "duplicate_line"),
        ("8000.01", assessed, "duplicate_period"),
    ]
    body = {
        "period": "2026-03",
        "lines": [{"id_number": sent, "wage": wage} for wage, sent, _ in lines],
        "control": {"lines": len(lines)},
    }
    shown = taken(client.post(path_of(employer), json=body, headers=key()), DeclarationAnswer)
    assert [line.get("code") for line in shown["lines"]] == [code for _, _, code in lines]
    assert [line["line"] for line in shown["lines"]] == list(range(1, len(lines) + 1))
    assert all(set(line) == {"line", "code"} for line in shown["lines"][1:])
    assert (shown["employee_total"], shown["employer_total"]) == ("160.00", "600.00")


def test_a_list_of_nothing_but_bad_lines_is_shown_and_not_confirmed(
    client: TestClient, employer: str
) -> None:
    shown = declare(client, employer, "2026-03", {id_number(): "8000.00"})
    assert (parts(shown), shown["employee_total"]) == (["account_not_found"], "0.00")
    path = f"/v1/declarations/{shown['declaration']}/confirm"
    assert refusal(client.post(path, json={}, headers=key())) == (409, "no_good_line")


def test_the_number_is_answered_as_it_was_sent(client: TestClient, engine: Engine, employer: str) -> None:
    """Old numbers of 15 digits, a small x, blanks, and a second number of the same person."""
    old = hire(client)
    while old[6:8] != "19" or old[14:17] in {"996", "997", "998", "999"}:
        old = hire(client)
    with_x = hire(client)
    while not with_x.endswith("X"):
        with_x = hire(client)
    plain, known, also = hire(client), hire(client), id_number()
    state = client.app.state.ledger  # type: ignore[attr-defined]  # Starlette's app
    with engine.connect() as connection:
        add_alias(connection, state.keyring, known_as=known, also=also, now=NOW, today=TODAY)
    sent = [old[:6] + old[8:17], with_x.lower(), f" {plain} ", also, hire(client)]
    body = {"period": "2026-03", "lines": [{"id_number": number, "wage": "8000.00"} for number in sent]}
    once = key()
    shown = taken(client.post(path_of(employer), json=body, headers=once), DeclarationAnswer)
    assert [line.get("id_number") for line in shown["lines"]] == sent
    confirmed = confirm(client, shown)
    assert [line["id_number"] for line in confirmed["lines"]] == sent
    again = client.post(path_of(employer), json=body, headers=once)
    assert again.json() == shown
    with engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT number_sealed FROM declared_line ORDER BY seq, line").all()
    stored = b"".join(bytes(row[0]) for row in kept if row[0] is not None)
    assert not any(number.encode() in stored for number in sent)
    rehearsed = client.post(f"{path_of(employer)}?dry_run=true", json=body | {"period": "2026-04"})
    assert [line["id_number"] for line in rehearsed.json()["lines"]] == sent


# -- replays, dry runs, races of two lists ---------------------------------------------------------------


def test_a_list_is_answered_twice_and_kept_once(client: TestClient, engine: Engine, employer: str) -> None:
    person = hire(client)
    body = {"period": "2026-03", "lines": wages({person: "8000.00", id_number(): "1.00"})}
    once, confirming = key(), key()
    first = client.post(path_of(employer), json=body, headers=once)
    shown = taken(first, DeclarationAnswer)
    path = f"/v1/declarations/{shown['declaration']}/confirm"
    confirmed = client.post(path, json={}, headers=confirming)
    taken(confirmed, ConfirmationAnswer)
    before = rows(engine)

    again = client.post(path_of(employer), json=body, headers=once)
    assert (again.status_code, again.json()) == (201, shown), "as it was answered, though confirmed since"
    assert again.headers["Idempotent-Replayed"] == "true"
    same = client.post(path, headers=confirming)
    assert (same.status_code, same.json()) == (201, confirmed.json())
    assert same.headers["Idempotent-Replayed"] == "true"
    assert refusal(client.post(path, json={}, headers=key())) == (409, "already_confirmed")
    changed = body | {"lines": wages({person: "8000.01", id_number(): "1.00"})}
    assert refusal(client.post(path_of(employer), json=changed, headers=once)) == (
        422,
        "idempotency_key_reused",
    )
    in_csv = client.post(
        f"{path_of(employer)}?period=2026-03",
        content=f"id_number,wage\n{person},8000\n",
        headers=once | {"Content-Type": "text/csv"},
    )
    assert refusal(in_csv) == (422, "idempotency_key_reused")
    assert rows(engine) == before


def test_two_lists_of_a_month_assess_a_person_once(client: TestClient, employer: str) -> None:
    person, other = hire(client), hire(client)
    first = declare(client, employer, "2026-03", {person: "8000.00"})
    second = declare(client, employer, "2026-03", {person: "9000.00", other: "9000.00"})
    confirm(client, first)
    late = confirm(client, second)
    assert parts(late) == ["duplicate_period", ("9000.00", "180.00", "675.00")]
    assert (late["employee_total"], late["employer_total"]) == ("180.00", "675.00")


def test_dry_runs_write_nothing(client: TestClient, engine: Engine, employer: str) -> None:
    person = hire(client)
    body = {"period": "2026-03", "lines": wages({person: "8000.00", id_number(): "8000.00"})}
    before = rows(engine)
    path = f"{path_of(employer)}?dry_run=true"
    rehearsed = taken(client.post(path, json=body), DeclarationAnswer, 200)
    in_csv = client.post(
        f"{path}&period=2026-03",
        content=f"id_number,wage\n{person},8000\n",
        headers={"Content-Type": "text/csv"},
    )
    assert taken(in_csv, DeclarationAnswer, 200)["employee_total"] == "160.00"
    assert rows(engine) == before
    shown = taken(client.post(path_of(employer), json=body, headers=key()), DeclarationAnswer)
    assert shown | {"dry_run": True} == rehearsed

    before = rows(engine)
    path = f"/v1/declarations/{shown['declaration']}/confirm"
    rehearsed = taken(client.post(f"{path}?dry_run=true"), ConfirmationAnswer, 200)
    assert rows(engine) == before
    assert taken(client.post(path, headers=key()), ConfirmationAnswer) | {"dry_run": True} == rehearsed

    before = rows(engine)
    path = f"/v1/employers/{employer}/adjustments"
    change = {
        "period": "2026-03",
        "reason": "x",
        "lines": wages({id_number(): "1.00", person: "8500.00"}),
    }
    rehearsed = taken(client.post(f"{path}?dry_run=true", json=change), AdjustmentAnswer, 200)
    assert parts(rehearsed) == ["account_not_found", ("8500.00", "10.00", "37.50")]
    assert rows(engine) == before
    done = taken(client.post(path, json=change, headers=key()), AdjustmentAnswer)
    assert done | {"dry_run": True} == rehearsed


# -- refused as a whole ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"period": "2026-12"}, (422, "period_invalid")),
        ({"period": "2026-00"}, (422, "period_invalid")),
        ({"period": None}, (422, "shape_invalid")),
        ({"lines": {}}, (422, "shape_invalid")),
        ({"lines": [{"id_number": "1", "wage": 8000}]}, (422, "shape_invalid")),
        ({"lines": [{"id_number": 1, "wage": "8000.00"}]}, (422, "shape_invalid")),
        ({"lines": [{"id_number": "1" * 65, "wage": "8000.00"}]}, (422, "shape_invalid")),
        ({"lines": [{"wage": "8000.00"}]}, (422, "shape_invalid")),
        ({"lines": [{"id_number": "1", "wage": "1.00", "name": "x"}]}, (422, "unknown_field")),
        ({"lines": [{"id_number": "1", "wage": "1.00", "payee": "x"}]}, (422, "cash_forbidden")),
        ({"control": {"lines": 2}}, (422, "totals_differ")),
        ({"control": {"wages": "8000.01"}}, (422, "totals_differ")),
        ({"control": {"wages": "about"}}, (422, "totals_differ")),
        ({"control": {"lines": "1"}}, (422, "shape_invalid")),
        ({"control": {"persons": 1}}, (422, "unknown_field")),
    ],
    ids=str,
)
def test_a_list_that_cannot_be(
    client: TestClient, engine: Engine, employer: str, change: dict[str, Any], refused: tuple[int, str]
) -> None:
    body = {"period": "2026-03", "lines": wages({hire(client): "8000.00"})} | change
    before = rows(engine)
    for query in ("", "?dry_run=true"):
        assert refusal(client.post(path_of(employer) + query, json=body, headers=key())) == refused
    assert rows(engine) == before


def test_control_totals(client: TestClient, employer: str) -> None:
    lines = wages({hire(client): "8000.00", hire(client): "7999.99", id_number(): "0.01", hire(client): "x"})
    body = {"period": "2026-03", "lines": lines, "control": {"lines": 4, "wages": "16000.00"}}
    taken(client.post(path_of(employer), json=body, headers=key()), DeclarationAnswer)
    wrong = body | {"control": {"lines": 3, "wages": "16000.00"}}
    answer = client.post(path_of(employer), json=wrong, headers=key())
    assert answer.json()["facts"] == {"lines": 4, "wages": "16000.00"}


def test_employers_and_lists_that_are_not_there(client: TestClient, employer: str) -> None:
    body = {"period": "2026-03", "lines": wages({hire(client): "8000.00"})}
    for code, refused in (
        (credit_code(), (404, "employer_not_found")),
        ("919999990000000011", (422, "credit_code_invalid")),
        ("P000000000000Z", (422, "credit_code_invalid")),
    ):
        assert refusal(client.post(path_of(code), json=body, headers=key())) == refused
        for route in ("estimates", "adjustments"):
            more = body | {"reason": "x"} if route == "adjustments" else {"period": "2026-03"}
            answer = client.post(f"/v1/employers/{code}/{route}", json=more, headers=key())
            assert refusal(answer) == refused
    account = open_account(client)["account_no"]
    shown = declare(client, employer, "2026-03", {hire(client): "8000.00"})["declaration"]
    for name in ("x", f"{shown[:14]}-1", f"{shown[:14]}-99", f"{account}-1", f"E{'0' * 12}0-1"):
        answer = client.post(f"/v1/declarations/{name}/confirm", json={}, headers=key())
        assert refusal(answer) == (404, "declaration_not_found"), name
    answer = client.post(f"/v1/declarations/{shown}/confirm", json={"x": 1}, headers=key())
    assert refusal(answer) == (422, "unknown_field")
    answer = client.post(f"/v1/declarations/{shown}/confirm", json={})
    assert refusal(answer) == (400, "idempotency_key_missing")
    answer = client.post(path_of(employer), json=body)
    assert refusal(answer) == (400, "idempotency_key_missing")


# -- files -----------------------------------------------------------------------------------------------


def xlsx(table: Sequence[Sequence[object]], merge: str | None = None, day: str | None = None) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in table:
        sheet.append(row)
    if merge is not None:
        sheet.merge_cells(merge)
    if day is not None:
        sheet[day].number_format = "yyyy-mm-dd"
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def upload(
    client: TestClient, employer: str, content: bytes | str, media: str, query: str = "period=2026-03"
) -> Any:
    headers = key() | {"Content-Type": media}
    return client.post(f"{path_of(employer)}?{query}", content=content, headers=headers)


@pytest.mark.parametrize(
    ("media", "encoding"),
    [
        ("text/csv", "utf-8"),
        ("text/csv; charset=gbk", "gbk"),
        ("Text/CSV;charset=utf-8", "utf-8-sig"),
        ("application/csv", "utf-8"),
        (XLSX, None),
    ],
)
def test_a_list_comes_as_a_file(client: TestClient, employer: str, media: str, encoding: str | None) -> None:
    first, second, nobody = hire(client), hire(client), id_number()
    table = [
        ("姓名", "证件号码", "工资"),
        ("张三", first, "8000.00"),
        ("", "", ""),
        ("李四", second, "8000.5"),
        ("王五", nobody, "一万"),
    ]
    content: bytes
    if encoding is None:
        content = xlsx(table)
    else:
        content = "\r\n".join([*(",".join(row) for row in table), ""]).encode(encoding)
    shown = taken(
        upload(client, employer, content, media, "period=2026-03&lines=3&wages=16000.50"), DeclarationAnswer
    )
    assert [line["line"] for line in shown["lines"]] == [2, 4, 5]
    assert parts(shown) == [
        ("8000.00", "160.00", "600.00"),
        ("8000.50", "160.01", "600.04"),
        "account_not_found",
    ]
    assert [line.get("id_number") for line in shown["lines"]] == [first, second, None]
    assert parts(confirm(client, shown)) == parts(shown)


def test_hidden_rows_of_a_workbook_are_refused_unless_they_count(client: TestClient, employer: str) -> None:
    book = load_workbook(
        io.BytesIO(xlsx([("id_number", "wage"), (hire(client), 8000), (hire(client), 8000)]))
    )
    book.worksheets[0].row_dimensions[3].hidden = True
    out = io.BytesIO()
    book.save(out)
    answer = upload(client, employer, out.getvalue(), XLSX)
    assert (answer.status_code, answer.json()["code"]) == (422, "hidden_rows")
    assert answer.json()["facts"]["rows"] == "3"
    query = "period=2026-03&include_hidden=true"
    assert len(taken(upload(client, employer, out.getvalue(), XLSX, query), DeclarationAnswer)["lines"]) == 2
    wrong = upload(client, employer, out.getvalue(), XLSX, "period=2026-03&include_hidden=yes")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "shape_invalid")


def test_a_workbook_of_bad_cells(client: TestClient, employer: str) -> None:
    people = [hire(client) for _ in range(8)]
    table = [
        ("id_number", "wage"),
        (people[0], 8000),
        (people[1], "=4000*2"),
        (people[2], 45000),
        (int(people[3][:17]), 8000),
        (f"'{people[4]}", "'8000"),
        (people[5], "8000。00"),
        (people[6], 8000),
        (people[7], 8000),
        (people[0], 9000),
    ]
    shown = taken(upload(client, employer, xlsx(table, "B8:B9", "B4"), XLSX), DeclarationAnswer)
    assert parts(shown) == [
        ("8000.00", "160.00", "600.00"),
        "formula_in_cell",
        "date_in_cell",
        "number_in_cell",
        "leading_apostrophe",
        "full_width_digits",
        "merged_cell",
        "merged_cell",
        "duplicate_line",
    ]


def test_a_csv_of_bad_lines(client: TestClient, employer: str) -> None:
    good = hire(client)
    text = "\n".join(
        [
            "id_number,wage",
            f"{hire(client)},0",
            f"{hire(client)},-8000",
            f"{hire(client)},8000,1",
            f"{hire(client)},2026-03-01",
            f"{good},8000",
            "1.19999E+17,8000",
            f"{good[:12]}",
        ]
    )
    shown = taken(upload(client, employer, text, "text/csv"), DeclarationAnswer)
    assert parts(shown) == [
        "wage_invalid",
        "wage_invalid",
        "shape_invalid",
        "date_in_cell",
        ("8000.00", "160.00", "600.00"),
        "number_in_cell",
        "shape_invalid",
    ]


GOOD_CSV = "id_number,wage\n119999198503140015,8000\n"


@pytest.mark.parametrize(
    ("content", "media", "query", "refused"),
    [
        ("", "text/csv", "period=2026-03", (422, "file_invalid")),
        ("id_number,wage\n", "text/csv", "period=2026-03", (422, "file_invalid")),
        ("a,b\n1,2\n", "text/csv", "period=2026-03", (422, "file_invalid")),
        ("id_number,wage,iban\n", "text/csv", "period=2026-03", (422, "cash_forbidden")),
        (b"PK\x03\x04 no workbook", XLSX, "period=2026-03", (422, "file_invalid")),
        (GOOD_CSV, XLSX, "period=2026-03", (422, "file_invalid")),
        (GOOD_CSV, "text/csv", "", (422, "shape_invalid")),
        (GOOD_CSV, "text/csv", "period=2026-13", (422, "period_invalid")),
        (GOOD_CSV, "text/csv", "period=2026-12", (422, "period_invalid")),
        (GOOD_CSV, "text/csv", "period=2026-03&lines=2", (422, "totals_differ")),
        (GOOD_CSV, "text/csv", "period=2026-03&lines=one", (422, "shape_invalid")),
        (GOOD_CSV, "text/csv", "period=2026-03&wages=8000.01", (422, "totals_differ")),
        (GOOD_CSV, "text/csv", "period=2026-03&wages=8000", (422, "totals_differ")),
        (GOOD_CSV, "text/csv", "period=2026-03&sheet=2", (422, "unknown_field")),
        (GOOD_CSV, "text/csv", "period=2026-03&period=2026-04", (422, "shape_invalid")),
        (GOOD_CSV, "text/csv", "period=2026-03&dry_run=yes", (422, "shape_invalid")),
        (GOOD_CSV, "text/csv", "period=2026-03&bank=x", (422, "cash_forbidden")),
        (GOOD_CSV, "text/plain", "period=2026-03", (415, "media_type_unsupported")),
        (GOOD_CSV, "application/vnd.ms-excel", "period=2026-03", (415, "media_type_unsupported")),
        (GOOD_CSV, "application/json", "period=2026-03", (400, "json_malformed")),
    ],
)
def test_a_file_that_cannot_be(
    client: TestClient,
    engine: Engine,
    employer: str,
    content: bytes | str,
    media: str,
    query: str,
    refused: tuple[int, str],
) -> None:
    before = rows(engine)
    assert refusal(upload(client, employer, content, media, query)) == refused
    assert rows(engine) == before


def test_a_file_of_nobody_in_particular(client: TestClient, employer: str) -> None:
    answer = upload(client, credit_code(), GOOD_CSV, "text/csv")
    assert refusal(answer) == (404, "employer_not_found")
    headers = {"Content-Type": "text/csv"}
    without = client.post(f"{path_of(employer)}?period=2026-03", content=GOOD_CSV, headers=headers)
    assert refusal(without) == (400, "idempotency_key_missing")
    nobody = client.post(
        f"{path_of(employer)}?period=2026-03",
        content=GOOD_CSV,
        headers=headers | {"Authorization": "Bearer x"},
    )
    assert nobody.status_code == 401


def test_with_json_the_query_says_nothing(client: TestClient, employer: str) -> None:
    body = {"period": "2026-03", "lines": wages({hire(client): "8000.00"})}
    for query in ("period=2026-03", "lines=1", "wages=8000.00"):
        answer = client.post(f"{path_of(employer)}?{query}", json=body, headers=key())
        assert refusal(answer) == (422, "shape_invalid")


def test_no_other_route_takes_files(client: TestClient, employer: str) -> None:
    for path in ("/v1/receipts", f"/v1/employers/{employer}/adjustments"):
        answer = client.post(path, content=GOOD_CSV, headers=key() | {"Content-Type": "text/csv"})
        assert refusal(answer) == (415, "media_type_unsupported")


@pytest.mark.slow
def test_a_long_list(client: TestClient, employer: str) -> None:
    """More than other routes take, and sums that are those of its lines."""
    person, many = hire(client), 20_000
    lines = [{"id_number": person, "wage": "8000.00"}] * many
    body = {"period": "2026-03", "lines": lines, "control": {"lines": many, "wages": f"{many * 8000}.00"}}
    sent = json.dumps(body)
    assert len(sent) > BODY_MAX
    headers = key() | {"Content-Type": "application/json"}
    answer = client.post(f"{path_of(employer)}?dry_run=true", content=sent, headers=headers)
    shown = taken(answer, DeclarationAnswer, 200)
    assert (len(shown["lines"]), shown["employee_total"]) == (many, "160.00")
    too_long = client.post(f"/v1/employers/{employer}/adjustments", content=sent, headers=headers)
    assert refusal(too_long) == (413, "body_too_large")
    body["lines"] = [{"id_number": "1", "wage": "1"}] * 100_001
    headers = key() | {"Content-Type": "application/json"}
    answer = client.post(path_of(employer), content=json.dumps(body), headers=headers)
    assert refusal(answer) == (422, "shape_invalid")
    text = "id_number,wage\n" + "1,1\n" * 100_001
    assert refusal(upload(client, employer, text, "text/csv")) == (422, "file_invalid")


def test_the_document_tells_of_three_kinds_of_body() -> None:
    operation = DOCUMENT["paths"]["/v1/employers/{employer}/declarations"]["post"]
    assert set(operation["requestBody"]["content"]) == {
        *("application/json", "text/csv", "application/csv", XLSX)
    }
    assert {one["name"] for one in operation["parameters"]} == {
        *("employer", "dry_run", "Idempotency-Key", "period", "lines", "wages", "include_hidden")
    }


# -- corrections -----------------------------------------------------------------------------------------


def test_a_correction_and_its_replay(client: TestClient, employer: str) -> None:
    up, down, off, unlisted = (hire(client) for _ in range(4))
    owe(client, employer, "2026-03", dict.fromkeys((up, down, off), "8000.00"))
    pay(client, employer, "2026-03", "2280.00", "2026-04-10")
    body = {
        "period": "2026-03",
        "reason": "typed wrongly",
        "lines": [
            *wages({up: "8500.00", unlisted: "8000.00", down: "7000.00"}),
            *wages({id_number(): "1.00", off: "0.00"}),
            {"id_number": up, "wage": "9000.00"},
            {"id_number": "x", "wage": "x"},
        ],
    }
    path, once = f"/v1/employers/{employer}/adjustments", key()
    first = client.post(path, json=body, headers=once)
    done = taken(first, AdjustmentAnswer)
    assert parts(done) == [
        ("8500.00", "10.00", "37.50"),
        "nothing_assessed",
        ("7000.00", "-20.00", "-75.00"),
        "account_not_found",
        ("0.00", "-160.00", "-600.00"),
        "duplicate_line",
        "id_format",
    ]
    totals = ("employee_total", "employer_total", "returned", "receivable")
    assert [done[name] for name in totals] == ["-170.00", "-637.50", "855.00", "0.00"]
    assert [balance(client, person) for person in (up, down, off)] == ["160.00", "140.00", "0.00"]
    again = client.post(path, json=body, headers=once)
    assert (again.status_code, again.json()) == (201, done)
    assert again.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"period": "2026-12"}, (422, "period_invalid")),
        ({"period": "2026-04"}, (409, "no_good_line")),
        ({"lines": [{"id_number": "x", "wage": "1.00"}]}, (409, "no_good_line")),
        ({"reason": ""}, (422, "shape_invalid")),
        ({"reason": None}, (422, "shape_invalid")),
        ({"control": {"lines": 1}}, (422, "unknown_field")),
    ],
    ids=str,
)
def test_a_correction_that_cannot_be(
    client: TestClient, engine: Engine, employer: str, change: dict[str, Any], refused: tuple[int, str]
) -> None:
    person = hire(client)
    owe(client, employer, "2026-03", {person: "8000.00"})
    body = {"period": "2026-03", "reason": "x", "lines": wages({person: "8500.00"})} | change
    before = rows(engine)
    answer = client.post(f"/v1/employers/{employer}/adjustments", json=body, headers=key())
    assert refusal(answer) == refused
    assert rows(engine) == before


def test_a_wage_that_cannot_be_read_changes_nothing(client: TestClient, employer: str) -> None:
    one, other = hire(client), hire(client)
    owe(client, employer, "2026-03", {one: "8000.00", other: "8000.00"})
    done = adjust(client, employer, "2026-03", {one: "nought", other: "8100.00"})
    assert parts(done) == ["wage_invalid", ("8100.00", "2.00", "7.50")]


# -- nobody is told of --------------------------------------------------------------------------------------


def test_problems_and_logs_hold_no_number(
    client: TestClient, log: list[dict[str, object]], employer: str
) -> None:
    number = hire(client)
    wrong = number[:17] + ("0" if number[17] != "0" else "1")
    body = {"period": "2026-03", "lines": wages({number: "8000.00", wrong: "1.00"})}
    path, text = path_of(employer), f"id_number,wage\n{number},1\n"
    answers = [
        client.post(path, json=body | {"control": {"lines": 7}}, headers=key()),
        client.post(path, json=body | {number: wrong}, headers=key()),
        client.post(path, json=body | {"lines": [{"id_number": number, "wage": number, wrong: 1}]}),
        client.post(path, json=body | {"lines": [{"id_number": number + "x" * 60, "wage": "1"}]}),
        client.post(path_of(number), json=body, headers=key()),
        client.post(f"/v1/declarations/{number}/confirm", json={}, headers=key()),
        client.post(f"/v1/declarations/{number}-1/confirm", json={}, headers=key()),
        client.post(f"/v1/enrolments/{number}-1/end", json={"to": number}, headers=key()),
        upload(client, employer, f"{number},wage\n{number},1\n", "text/csv"),
        upload(client, employer, text, "text/csv", f"period={number}"),
        upload(client, employer, text, "text/csv", f"period=2026-03&lines={number}"),
        upload(client, employer, xlsx([(number, "wage"), (number, 1)]), XLSX),
        client.post("/v1/receipts", json={"employer": number, "period": number}, headers=key()),
        client.post("/v1/employers", json=employer_body(credit_code=f"{number}9"), headers=key()),
    ]
    # a list whose lines are all refused tells only their codes
    shown = declare(client, employer, "2026-03", {wrong: "8000.00", number[:15]: "1.00"})
    assert all(answer.status_code >= 400 for answer in answers)
    told = "\n".join(answer.text for answer in answers) + json.dumps(shown) + json.dumps(log)
    for secret in (number, wrong, number[:15]):
        assert secret not in told


def test_a_number_as_sent_opens_for_its_own_line_only(tmp_path: Any) -> None:
    keyring = Keyring.create(tmp_path / "keys")
    sealed = persons.seal_sent("11999919850314001x", 5, 1, keyring)
    assert persons.open_sent(sealed, 5, 1, keyring) == "11999919850314001x"
    for book_id, line in ((5, 2), (6, 1)):
        with pytest.raises(Exception, match="belongs elsewhere"):
            persons.open_sent(sealed, book_id, line, keyring)


def test_what_was_written_here_adds_up(client: TestClient, engine: Engine) -> None:
    """After all the tests above: every balance, chain and debt follows from the entries."""
    found = verify(engine)
    assert found.clean, found.findings
