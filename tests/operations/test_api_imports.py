"""Files over HTTP: every kind by its own route, its empty form, and who may send what."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from openpyxl import load_workbook
from sqlalchemy import Engine

from api.http import asgi
from api.http.errors import Declined
from api.http.security import Caller
from api.operations import uploads
from api.operations.answers import ImportAnswer
from ledger import imports
from ledger.access.tokens import mint
from ledger.imports import KINDS
from tests.support.api_client import AREA, id_number, open_account, running, token
from tests.support.units import credit_code

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CONTRIBUTIONS = "account,source_ref,period,effective_on,amount"


@pytest.fixture
def client(engine: Engine, tmp_path: Path) -> Iterator[TestClient]:
    with running(engine, tmp_path) as made:
        yield made


def send(client: TestClient, kind: str, content: bytes | str, query: str = "", **fields: str) -> Any:
    data = content.encode() if isinstance(content, str) else content
    files = {"file": ("list.csv", data)}
    return client.post(f"/v1/imports/{kind}{query}", files=files, data=fields)


def done(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    ImportAnswer.model_validate(answer.json())
    told: dict[str, Any] = answer.json()
    return told


def counts(told: dict[str, Any]) -> tuple[int, int, int, int]:
    return told["lines"], told["posted"], told["already"], told["refused"]


def line(account: str, ref: str, amount: str = "160.00") -> str:
    return f"{account},{ref},2026-03,2026-04-15,{amount}"


def test_a_form_comes_as_asked_for(client: TestClient) -> None:
    plain = client.get("/v1/imports/contributions/template")
    assert plain.headers["content-type"] == "text/csv; charset=utf-8"
    assert next(csv.reader(io.StringIO(plain.text.removeprefix("\ufeff")))) == [
        "个人账户", "单据号", "费款所属期", "到账日期", "金额",
    ]  # fmt: skip
    sheet = client.get("/v1/imports/contributions/template", headers={"Accept": XLSX})
    assert sheet.headers["content-type"] == XLSX
    rows = list(load_workbook(io.BytesIO(sheet.content)).worksheets[0].iter_rows(values_only=True))
    assert (len(rows), rows[0][0], rows[1][0]) == (2, "个人账户", "119999199001010039")
    assert client.get("/v1/imports/contributions/template?format=ods").status_code == 422
    assert client.get("/v1/imports/pensions/template").status_code == 404


def test_good_lines_are_posted_and_bad_ones_are_told_without_what_stood_there(client: TestClient) -> None:
    account = open_account(client)["number"]
    stranger = id_number()
    text = "\n".join(
        (CONTRIBUTIONS, line(account, "c1"), line(account, "c2", "12.345"), line(stranger, "c3"), "")
    )
    told = done(send(client, "contributions", text))
    assert (counts(told), told["state"], told["posted_amount"]) == ((3, 1, 0, 2), "finished", "160.00")
    assert told["rejected"] == [
        {
            "line": 3,
            "code": "amount_invalid",
            "reason": "The amount is no positive number of yuan with two decimals",
            "column": "amount",
            "expected": "an amount in yuan such as 160.00",
        },
        {
            "line": 4,
            "code": "account_not_found",
            "reason": "There is no account of this number or ID number",
            "column": "account",
            "expected": None,
        },
    ]
    assert "12.345" not in str(told)
    assert stranger not in str(told)
    listed = client.get(f"/v1/batches/{told['batch']}/rejected", headers={"Accept": "text/csv"}).text
    assert [row.split(",")[:2] for row in listed.split("\r\n")[1:3]] == [
        ["3", "amount_invalid"], ["4", "account_not_found"],
    ]  # fmt: skip
    again = done(send(client, "contributions", text.replace("12.345", "12.34")))
    assert counts(again) == (3, 1, 1, 1)


def test_a_file_is_held_against_what_it_must_be(client: TestClient) -> None:
    account = open_account(client)["number"]
    text = f"{CONTRIBUTIONS}\n{line(account, 'c1')}\n"
    wrong = send(client, "contributions", text, lines="2")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "totals_differ")
    wrong = send(client, "contributions", text, total="1.00")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "totals_differ")
    wrong = send(client, "spendings", text)
    assert (wrong.status_code, wrong.json()["code"]) == (422, "file_invalid")
    assert counts(done(send(client, "contributions", text, lines="1", total="160.00"))) == (1, 1, 0, 0)


def test_hidden_rows_are_refused_unless_they_count(client: TestClient) -> None:
    account = open_account(client)["number"]
    book = load_workbook(io.BytesIO(client.get("/v1/imports/contributions/template?format=xlsx").content))
    sheet = book.worksheets[0]
    sheet.delete_rows(2)
    for ref in ("c1", "c2"):
        sheet.append(line(account, ref).split(","))
    sheet.row_dimensions[3].hidden = True
    out = io.BytesIO()
    book.save(out)
    for query in ("", "?preview=true"):
        wrong = send(client, "contributions", out.getvalue(), query)
        assert (wrong.status_code, wrong.json()["code"]) == (422, "hidden_rows")
        assert wrong.json()["facts"]["rows"] == "3"
    told = done(send(client, "contributions", out.getvalue(), include_hidden="true"))
    assert (counts(told), told["hidden_rows"]) == ((2, 2, 0, 0), "3")


BOUNDARY = {"Content-Type": "multipart/form-data; boundary=x"}
BAD_FORMS = {
    b"": 422,
    b"x": 422,
    b"--x--\r\n": 422,
    b"--x\r\n\r\nabc\r\n--x--": 422,
    b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nabc': 422,
    b'--x\r\nContent-Disposition: form-data; name="lines"\r\n\r\n1\r\n--x--': 422,
    b'--x\r\nContent-Disposition: form-data; name="colour"\r\n\r\n1\r\n--x--': 422,
    b'--x\r\nContent-Disposition: attachment; name="file"\r\n\r\n1\r\n--x--': 422,
    b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n1\r\n' * 2 + b"--x--": 422,
    b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n\r\n--x--': 422,
    b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + b"\0" * 99 + b"\r\n--x--": 422,
    # names in numbered parts, some of them without a number
    b"--x\r\nContent-Disposition: form-data; name*5=a; name*=utf-8''x\r\n\r\na\r\n--x--": 422,
    b"--x\r\nContent-Disposition: form-data; name*=utf-8''file\r\n\r\na\r\n--x--": 422,
}


@pytest.mark.parametrize("body", BAD_FORMS, ids=range(len(BAD_FORMS)))
def test_what_is_no_form_is_refused(client: TestClient, body: bytes) -> None:
    answer = client.post("/v1/imports/contributions", content=body, headers=BOUNDARY)
    assert answer.status_code == BAD_FORMS[body], answer.text
    # and the next one is taken: nothing is left under way
    assert send(client, "contributions", f"{CONTRIBUTIONS}\n").status_code == 200


@pytest.mark.parametrize("boundary", ["boundary*5=x; boundary*=utf-8''x", "boundary*=utf-8''x"])
def test_a_boundary_in_numbered_parts_is_none(client: TestClient, boundary: str) -> None:
    headers = {"Content-Type": f"multipart/form-data; {boundary}"}
    answer = client.post("/v1/imports/contributions", content=form_of(FILE), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "media_type_unsupported")


def form_of(*parts: tuple[str, str]) -> bytes:
    """The body of a form with these fields, in this order."""
    whole = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in parts
    )
    return f"{whole}--x--\r\n".encode()


FILE = ("file", "account,source_ref,period,effective_on,amount\n")
WRONG_FORMS: dict[str, tuple[list[tuple[str, str]], str, list[str]]] = {
    "unknown": ([FILE, ("foo", "1")], "unknown_field", ["/foo"]),
    "unknown, and before the file": ([("foo", "1"), FILE], "unknown_field", ["/foo"]),
    "two unknown": ([FILE, ("foo", "1"), ("bar", "1")], "unknown_field", ["/foo", "/bar"]),
    "a name that may be more than one": ([FILE, ("119999198503140015", "1")], "unknown_field", [""]),
    "a name of people": ([FILE, ("张三", "1")], "unknown_field", [""]),
    "another case": ([FILE, ("Lines", "1")], "unknown_field", [""]),
    "cash": ([FILE, ("cash_back", "1")], "cash_forbidden", ["/cash_back", ""]),
    "no file": ([("lines", "1")], "shape_invalid", ["/file"]),
    "no file, and an unknown one": ([("foo", "1")], "unknown_field", ["/foo", "/file"]),
    "two files": ([FILE, FILE], "shape_invalid", ["/file"]),
    "lines twice": ([FILE, ("lines", "0"), ("lines", "0")], "shape_invalid", ["/lines"]),
    "total twice": ([FILE, ("total", "0.00"), ("total", "0.00")], "shape_invalid", ["/total"]),
    "include_hidden twice": (
        [FILE, ("include_hidden", "true"), ("include_hidden", "true")],
        "shape_invalid",
        ["/include_hidden"],
    ),
    "lines of another kind": ([FILE, ("lines", "x")], "shape_invalid", ["/lines"]),
    "lines below nothing": ([FILE, ("lines", "-1")], "shape_invalid", ["/lines"]),
    "lines too long": ([FILE, ("lines", "9" * 5_000)], "shape_invalid", ["/lines"]),
    "total of another kind": ([FILE, ("total", "1")], "amount_invalid", ["/total"]),
    "total too long": ([FILE, ("total", "9" * 5_000)], "shape_invalid", ["/total"]),
    "hidden of another kind": ([FILE, ("include_hidden", "maybe")], "shape_invalid", ["/include_hidden"]),
    "all of them": (
        [FILE, ("lines", "x"), ("total", "x"), ("include_hidden", "x")],
        "amount_invalid",
        ["/lines", "/total", "/include_hidden"],
    ),
}


@pytest.mark.parametrize("wrong", WRONG_FORMS)
def test_a_field_of_a_form_that_is_wrong_is_named(client: TestClient, wrong: str) -> None:
    parts, code, pointers = WRONG_FORMS[wrong]
    answer = client.post("/v1/imports/contributions", content=form_of(*parts), headers=BOUNDARY)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    told = answer.json()["errors"]
    assert [(fault["in"], fault["pointer"]) for fault in told] == [("body", pointer) for pointer in pointers]
    if pointers == [""]:
        assert told[0]["detail"] == "a field that is not known: part 2 of the form"
        assert parts[1][0] not in answer.text


def test_what_is_no_form_at_all_is_another_media_type(client: TestClient) -> None:
    for media in ("text/csv", "application/json", "multipart/mixed; boundary=x", "multipart/form-data"):
        answer = client.post("/v1/imports/contributions", content=b"x", headers={"Content-Type": media})
        assert (answer.status_code, answer.json()["code"]) == (415, "media_type_unsupported")
    wrong = send(client, "contributions", "", "?preview=perhaps")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "shape_invalid")
    wrong = send(client, "contributions", "", "?colour=red")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "unknown_field")


def test_a_file_that_is_too_large_is_not_taken(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    # no path takes less than any body may be
    monkeypatch.setattr(asgi, "BODY_MAX", 1000)
    monkeypatch.setattr(asgi, "FILE_BODY_MAX", 1000)
    answer = send(client, "contributions", "x" * 1000)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_caller_sends_one_file_at_a_time(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    started, go_on = threading.Event(), threading.Event()
    opened = imports.open_file

    def slowly(*arguments: Any, **more: Any) -> Any:
        started.set()
        assert go_on.wait(60)
        return opened(*arguments, **more)

    monkeypatch.setattr(imports, "open_file", slowly)
    answers: list[Any] = []
    first = threading.Thread(
        target=lambda: answers.append(send(client, "contributions", f"{CONTRIBUTIONS}\n"))
    )
    first.start()
    assert started.wait(60)
    try:
        second = send(client, "spendings", "x")
        assert (second.status_code, second.json()["code"]) == (503, "overloaded")
        assert second.headers["retry-after"]
    finally:
        go_on.set()
        first.join()
    assert [answer.status_code for answer in answers] == [200]
    assert send(client, "contributions", f"{CONTRIBUTIONS}\n").status_code == 200


def test_a_file_that_is_still_coming_has_no_place_at_work(tmp_path: Path) -> None:
    files = uploads.Uploads()
    callers = [Caller(f"system-{number}", "clerk", frozenset()) for number in range(uploads.COMING_MAX)]
    folders = [files.take(caller) for caller in callers]
    # as many as the disk is to hold
    another = Caller("another", "clerk", frozenset())
    with pytest.raises(Declined):
        files.take(another)
    for caller in callers[: uploads.AT_ONCE]:
        files.begin(caller)
    # what has come finds no place at work, and nothing more is taken that would find none
    with pytest.raises(Declined):
        files.begin(callers[-1])
    files.let_go(callers[-1], folders[-1])
    with pytest.raises(Declined):
        files.take(another)
    files.let_go(callers[0], folders[0])
    folders.append(files.take(another))
    files.begin(another)
    for caller, folder in zip([*callers, another], folders, strict=True):
        files.let_go(caller, folder)
        assert not folder.exists()
    assert (files._callers, files._at_work) == (set(), set())


def test_a_large_file_goes_on_behind_its_answer(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    account = open_account(client)["number"]
    go_on = threading.Event()
    going = uploads.Uploads._go_on

    def slowly(self: uploads.Uploads, *far: int) -> None:
        assert go_on.wait(60)
        going(self, *far)

    monkeypatch.setattr(uploads.Uploads, "_go_on", slowly)
    monkeypatch.setattr(uploads, "WAIT_SECONDS", 3.0)
    answer = send(client, "contributions", f"{CONTRIBUTIONS}\n{line(account, 'c1')}\n")
    assert answer.status_code == 202, answer.text
    ImportAnswer.model_validate(answer.json())
    batch = answer.headers["location"]
    assert client.get(batch).json()["state"] == "running"
    go_on.set()
    for _ in range(10_000):
        if client.get(batch).json()["state"] == "finished":
            break
    assert (client.get(batch).json()["state"], client.get(batch).json()["done"]) == ("finished", 1)


def bound(client: TestClient, tmp_path: Path, scopes: str, **to: str) -> dict[str, str]:
    made = mint(tmp_path / "keys", scopes.split(), "unit", "hr", datetime.now(UTC), timedelta(hours=1), **to)
    return {"Authorization": f"Bearer {made}"}


def test_a_bound_caller_hands_in_its_own_lists_and_nothing_else(client: TestClient, tmp_path: Path) -> None:
    mine, other = credit_code(), credit_code()
    done(send(client, "employers", f"credit_code,name,area\n{mine},甲,{AREA}\n{other},乙,{AREA}\n"))
    people = [open_account(client)["number"] for _ in range(2)]
    headers = bound(client, tmp_path, "employers:write postings:write accounts:write", employer=mine)
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in mine)
    units = ((mine, people[0]), (f" {wide.lower()} ", people[1]), (other, people[0]), (other, people[1]))
    text = "employer,period,id_number,wage\n" + "".join(
        f"{unit},2026-03,{one},8000.00\n" for unit, one in units
    )
    answer = client.post("/v1/imports/declarations", files={"file": text.encode()}, headers=headers)
    told = done(answer)
    assert counts(told) == (4, 2, 0, 2)
    assert [(row["line"], row["code"]) for row in told["rejected"]] == [
        (4, "employer_not_found"),
        (5, "employer_not_found"),
    ]
    for kind in sorted(set(KINDS) - {"declarations"}):
        answer = client.post(f"/v1/imports/{kind}", files={"file": b"x"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing"), kind
    hospital = bound(client, tmp_path, "postings:write settlements:write", institution="H0001")
    answer = client.post("/v1/imports/spendings", files={"file": b"x"}, headers=hospital)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


def test_each_kind_asks_for_the_scope_of_what_it_posts(client: TestClient, tmp_path: Path) -> None:
    reader = {"Authorization": f"Bearer {token(tmp_path / 'keys', ['reports:read'])}"}
    for kind in KINDS:
        for method, path in (("POST", f"/v1/imports/{kind}"), ("GET", f"/v1/imports/{kind}/template")):
            answer = client.request(method, path, headers=reader)
            assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
