"""Files of other ID numbers, of transfers that come, and of those that were sent back (R4, R51)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.verify import verify
from tests.support.api_client import contribute, id_number, key, open_account, running
from tests.support.employer_client import balance
from tests.support.file_doors import OF_IMPORTS, FileDoors, Refusal, csv_of
from tests.support.transfer_client import (
    announce,
    come,
    document,
    post,
    reject,
    request_out,
    send_answer,
    sheet_body,
    view,
)

NUMBERS = ["account", "name", "id_number", "from", "reason", "document"]
REJECTIONS = ["account", "remittance", "reason"]
ANNOUNCEMENTS = [
    "account", "other_agency", "current_year", "carried_over", "interest", "amount", "document",
]  # fmt: skip
ARRIVALS = ["account", "sheet", "received_on", "amount", "source_ref"]


@pytest.fixture(scope="module")
def doors(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileDoors]:
    folder = tmp_path_factory.mktemp("files")
    with running(engine, folder) as client, pytest.MonkeyPatch.context() as patch:
        yield FileDoors(client, engine.url.render_as_string(hide_password=False), folder, patch)
    assert [str(one) for one in verify(engine).findings] == []


@pytest.fixture
def client(doors: FileDoors) -> TestClient:
    return doors.client


def person_of(client: TestClient) -> str:
    person = str(open_account(client, opened_on="2026-01-10")["number"])
    contribute(client, person, "160.00")
    return person


def uploaded(client: TestClient, kind: str, rows: list[list[str]], query: str = "") -> Any:
    answer = client.post(f"/v1/imports/{kind}{query}", files={"file": ("file", csv_of(rows))})
    assert answer.status_code == 200, answer.text
    return answer.json()


# -- ID numbers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", OF_IMPORTS)
def test_other_numbers_wait_for_a_second_person_each(doors: FileDoors, door: str) -> None:
    client = doors.client
    one, two, other = (person_of(client) for _ in range(3))
    new, newer, third = (id_number() for _ in range(3))
    rows = [
        NUMBERS,
        [one, "张三", new, "2026-03-01", "corrected", "REG-1"],
        # under the number that the line above gives, and in Chinese
        [new, "张 三", newer, "2026-04-01", "换发", "REG-2"],
        [two, "李四", third, "2026-03-01", "corrected", "REG-3"],
        [two, "张三", other, "2026-03-01", "corrected", "REG-3"],
        [two, "张三", third[:-1] + ("0" if third[-1] != "0" else "1"), "2026-03-01", "corrected", "REG-3"],
        [two, "张三", third, "2027-03-01", "corrected", "REG-3"],
        [two, "张三", third, "2026-03-01", "because", "REG-3"],
        [two, "张三", third, "2026-03-01", "corrected", ""],
        [two, "", third, "2026-03-01", "corrected", "REG-3"],
        [id_number(), "张三", third, "2026-03-01", "corrected", "REG-3"],
        [two, "张三", third, "", "corrected", "REG-3"],
    ]
    expected = (
        Refusal(4, "account_exists_other_person", "name"),
        Refusal(5, "alias_conflict", "id_number"),
        Refusal(6, "id_checksum", "id_number"),
        Refusal(7, "period_invalid", "from"),
        Refusal(8, "shape_invalid", "reason"),
        Refusal(9, "shape_invalid", "document"),
        Refusal(10, "shape_invalid", "name"),
        Refusal(11, "account_not_found", "account"),
        Refusal(12, "shape_invalid", "from"),
    )
    tried = doors.send(door, "numbers", rows, preview=True)
    assert (tried[:3], tried.waiting) == ((0, 0, expected), 2)
    for _ in range(2):
        told = doors.send(door, "numbers", rows)
        assert (told[:3], told.waiting) == ((0, 0, expected), 2)
    assert len(client.get(f"/v1/accounts/{one}").json()["id_numbers"]) == 1
    doors.approve_all()
    told = doors.send(door, "numbers", rows)
    assert (told[:3], told.waiting) == ((0, 2, expected), 0)
    account = client.get(f"/v1/accounts/{one}").json()
    assert len(account["id_numbers"]) == 3
    for number in (new, newer):
        assert client.get(f"/v1/accounts/{number}").json()["account_no"] == account["account_no"]
    assert all(number not in told.said for number in (one, two, new, newer, third))


def test_a_number_of_somebody_else_stays_theirs_whatever_a_line_above_says(
    client: TestClient, doors: FileDoors
) -> None:
    one, other = person_of(client), person_of(client)
    new = id_number()
    rows = [
        NUMBERS,
        [one, "张三", other, "2026-03-01", "corrected", "REG-1"],
        [other, "张三", new, "2026-03-01", "corrected", "REG-2"],
    ]
    told = uploaded(client, "numbers", rows)
    assert [(line["line"], line["code"]) for line in told["rejected"]] == [(2, "alias_conflict")]
    assert told["waiting"] == 1
    doors.approve_all()
    number = client.get(f"/v1/accounts/{other}").json()["account_no"]
    assert client.get(f"/v1/accounts/{new}").json()["account_no"] == number


def test_a_number_of_another_door_is_there_already(client: TestClient, doors: FileDoors) -> None:
    person, new = person_of(client), id_number()
    body = {"id_number": new, "from": "2026-03-01", "document": "REG 1", "reason": "reissued"}
    asked = post(client, f"/v1/accounts/{person}/id-numbers", body)
    assert asked.status_code == 202, asked.text
    doors.approve_all()
    told = uploaded(client, "numbers", [NUMBERS, [person, "张三", new, "2026-03-01", "reissued", "REG 2"]])
    assert (told["posted"], told["already"], told["waiting"]) == (0, 1, 0)
    # under the number that is in force by now
    told = uploaded(client, "numbers", [NUMBERS, [new, "张三", new, "2026-03-01", "reissued", "REG 2"]])
    assert (told["posted"], told["already"], told["waiting"]) == (0, 1, 0)


# -- sent back ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", OF_IMPORTS)
def test_what_was_sent_back_is_in_the_accounts_again(doors: FileDoors, door: str) -> None:
    client = doors.client
    one, two, asked, away = (person_of(client) for _ in range(4))
    refs = [document() for _ in range(4)]
    for person, ref in ((one, refs[0]), (two, refs[1]), (away, refs[3])):
        name = request_out(client, person)
        assert send_answer(client, name, "2026-05-20", source_ref=ref).status_code == 201
    post(client, f"/v1/transfers/{name}/acknowledge")
    request_out(client, asked)
    rows = [
        REJECTIONS,
        [one, refs[0], "not known there"],
        # the document of somebody else's money; one that was not sent; one that has arrived
        [two, refs[0], "not known there"],
        [asked, refs[2], "not known there"],
        [away, refs[3], "not known there"],
        [two, refs[1], ""],
        [id_number(), refs[1], "not known there"],
    ]
    expected = (
        Refusal(3, "transfer_not_found", "remittance"),
        Refusal(4, "transfer_not_found", "remittance"),
        Refusal(5, "transfer_state", "account"),
        Refusal(6, "shape_invalid", "reason"),
        Refusal(7, "account_not_found", "account"),
    )
    assert doors.send(door, "rejections", rows, preview=True)[:3] == (1, 0, expected)
    assert balance(client, one) == "0.00"
    assert doors.send(door, "rejections", rows)[:3] == (1, 0, expected)
    assert doors.send(door, "rejections", rows)[:3] == (0, 1, expected)
    accounts = [client.get(f"/v1/accounts/{person}").json()["status"] for person in (one, two, asked, away)]
    assert accounts == ["active", "transferring", "transferring", "closed"]


def test_a_rejection_of_before_does_not_end_the_transfer_that_was_asked_for_since(client: TestClient) -> None:
    person, ref = person_of(client), document()
    name = request_out(client, person)
    assert send_answer(client, name, "2026-05-20", source_ref=ref).status_code == 201
    rows = [REJECTIONS, [person, ref, "not known there"]]
    told = uploaded(client, "rejections", rows)
    assert (told["posted"], told["totals_agree"], told["amount"]) == (1, True, "160.09")
    again = request_out(client, person, document="application 8")
    assert uploaded(client, "rejections", rows)["already"] == 1
    assert view(client, again)["status"] == "requested"


def test_a_rejection_of_another_door_is_there_already(client: TestClient) -> None:
    person, ref = person_of(client), document()
    name = request_out(client, person)
    assert send_answer(client, name, "2026-05-20", source_ref=ref).status_code == 201
    reject(client, name)
    told = uploaded(client, "rejections", [REJECTIONS, [person, ref, "not known there"]])
    assert (told["posted"], told["already"], told["totals_agree"]) == (0, 1, True)
    other = uploaded(client, "rejections", [REJECTIONS, [person, ref, "closed there"]])
    assert [one["code"] for one in other["rejected"]] == ["transfer_state"]


# -- coming in ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", OF_IMPORTS)
def test_sheets_are_announced_and_their_money_credited(doors: FileDoors, door: str) -> None:
    client = doors.client
    one, two, dead = (person_of(client) for _ in range(3))
    body = {"died_on": "2026-06-02", "evidence": "certificate"}
    assert client.post(f"/v1/accounts/{dead}/death", json=body, headers=key()).status_code == 201
    sheets = [
        ANNOUNCEMENTS,
        [one, "330100", "480.00", "3000.00", "9.31", "3489.31", "S-1"],
        [one, "330100", "480.00", "3000.00", "9.31", "3489.32", "S-1"],
        [two, "330100", "1.00", "0.00", "0.00", "1.00", "S-2"],
        [dead, "330100", "1.00", "0.00", "0.00", "1.00", "S-3"],
        [two, "330100", "-1.00", "2.00", "0.00", "1.00", "S-4"],
        [two, "", "1.00", "0.00", "0.00", "1.00", "S-5"],
        [two, "330100", "1.00", "0.00", "0.00", "1.00", ""],
    ]
    wrong: tuple[Refusal, ...] = (
        Refusal(3, "amount_mismatch", "amount"),
        Refusal(5, "account_deceased", "account"),
        Refusal(6, "amount_invalid", "current_year"),
        Refusal(7, "shape_invalid", "other_agency"),
        Refusal(8, "shape_invalid", "document"),
    )
    assert doors.send(door, "announcements", sheets, preview=True)[:3] == (2, 0, wrong)
    assert doors.send(door, "announcements", sheets)[:3] == (2, 0, wrong)
    assert doors.send(door, "announcements", sheets)[:3] == (0, 2, wrong)

    refs = [document() for _ in range(3)]
    came = [
        ARRIVALS,
        [two, "S-2", "2026-07-06", "0.99", refs[1]],
        [one, "S-1", "2026-07-06", "3489.31", refs[0]],
        [one, "S-2", "2026-07-06", "1.00", refs[2]],
        [two, "S-2", "2026-12-06", "1.00", refs[1]],
        [two, "S-2", "2026-07-06", "x", refs[1]],
        [two, "S-2", "2026-07-06", "1.00", ""],
    ]
    wrong = (
        Refusal(2, "amount_differs", "amount"),
        Refusal(4, "transfer_not_found", "sheet"),
        Refusal(5, "period_invalid", "received_on"),
        Refusal(6, "amount_invalid", "amount"),
        Refusal(7, "shape_invalid", "source_ref"),
    )
    assert doors.send(door, "arrivals", came, preview=True)[:3] == (1, 0, wrong)
    assert doors.send(door, "arrivals", came)[:3] == (1, 0, wrong)
    assert doors.send(door, "arrivals", came)[:3] == (0, 1, wrong)
    assert (balance(client, one), balance(client, two)) == ("3649.31", "160.00")


def test_totals_of_sheets_and_of_their_money(client: TestClient, doors: FileDoors) -> None:
    one, two = person_of(client), person_of(client)
    sheets = [ANNOUNCEMENTS, *([who, "330100", "1.00", "2.00", "0.50", "3.50", "S-7"] for who in (one, two))]
    code, said, _words = doors.command("import", doors.file(csv_of(sheets)), "--total", "7.01")
    assert (code, said["code"]) == (1, "totals_differ")
    code, said, _words = doors.command("import", doors.file(csv_of(sheets)), "--total", "7.00")
    # it tells of money that is to come, and moves none: the sum is that of the sheets
    assert (code, said["posted"], said["amount"], said["totals_agree"]) == (0, 2, "7.00", True)
    assert (said["posted_amount"], said["already_amount"]) == ("7.00", "0.00")
    _code, said, _words = doors.command("import", doors.file(csv_of(sheets)))
    assert (said["posted_amount"], said["already_amount"], said["totals_agree"]) == ("0.00", "7.00", True)
    came = [ARRIVALS, *([who, "S-7", "2026-07-06", "3.50", f"B-{who[6:]}"] for who in (one, two))]
    code, said, _words = doors.command("import", doors.file(csv_of(came)), "--total", "7.00")
    assert (code, said["posted"], said["posted_amount"], said["totals_agree"]) == (0, 2, "7.00", True)


@pytest.mark.parametrize("kind", ["announcements", "arrivals"])
def test_every_line_that_was_understood_is_summed(client: TestClient, kind: str) -> None:
    """What was taken, what was there already and what was refused, previewed and posted alike."""
    one, two = person_of(client), person_of(client)
    rows = [
        ANNOUNCEMENTS,
        [one, "330100", "1.00", "2.00", "0.50", "3.50", "S-1"],
        [two, "330100", "4.00", "0.00", "0.00", "4.00", "S-2"],
        # parts that are not the whole
        [two, "330100", "4.00", "0.00", "0.00", "5.00", "S-3"],
    ]
    if kind == "arrivals":
        uploaded(client, "announcements", rows)
        rows = [
            ARRIVALS,
            # another sum than the sheet's
            [two, "S-2", "2026-07-06", "5.00", document()],
            [one, "S-1", "2026-07-06", "3.50", document()],
            [two, "S-2", "2026-07-06", "4.00", document()],
        ]
    for query, posted, already in (
        ("?preview=true", "7.50", "0.00"),
        ("", "7.50", "0.00"),
        ("", "0.00", "7.50"),
    ):
        told = uploaded(client, kind, rows, query)
        assert (told["amount"], told["refused_amount"]) == ("7.50", "5.00")
        assert (told["posted_amount"], told["already_amount"]) == (posted, already)
        assert (told["refused"], told["totals_agree"]) == (1, True)


def test_beside_an_amount_that_does_not_fit_stands_what_would(client: TestClient, doors: FileDoors) -> None:
    person = person_of(client)
    right = [person, "330100", "1.00", "2.00", "0.50", "3.50", "S-1"]
    wrong = [person, "330100", "1.00", "2.00", "0.50", "1003.51", "S-2"]
    _code, said, _words = doors.command("import", doors.file(csv_of([ANNOUNCEMENTS, right, wrong])))
    [line] = csv.DictReader(Path(said["rejected_file"]).read_text("utf-8-sig").splitlines())
    assert (line["line"], line["code"], line["column"]) == ("3", "amount_mismatch", "amount")
    assert line["value"] == "1003.51"
    assert line["expected"] == "the sum of current_year, carried_over and interest"
    came = [ARRIVALS, [person, "S-1", "2026-07-06", "3.49", document()]]
    _code, said, _words = doors.command("import", doors.file(csv_of(came)))
    [line] = csv.DictReader(Path(said["rejected_file"]).read_text("utf-8-sig").splitlines())
    assert (line["code"], line["value"], line["expected"]) == (
        "amount_differs", "3.49", "the amount of the sheet",
    )  # fmt: skip


def test_what_other_doors_announced_and_credited_is_there_already(client: TestClient) -> None:
    person, ref = person_of(client), document()
    sheet = sheet_body("480.00", "3000.00", "9.31", "3489.31")
    name = announce(client, person, sheet)
    rows = [ANNOUNCEMENTS, [person, "330100", *sheet.values(), "sheet 118"]]
    for query in ("?preview=true", ""):
        told = uploaded(client, "announcements", rows, query)
        assert (told["posted"], told["already"], told["totals_agree"]) == (0, 1, True)
    body = {"received_on": "2026-07-06", "amount": "3489.31", "source_ref": ref}
    assert post(client, f"/v1/transfers/{name}/complete", body).status_code == 201
    came = [ARRIVALS, [person, "sheet 118", "2026-07-06", "3489.31", ref]]
    assert uploaded(client, "arrivals", came)["already"] == 1
    # the same sheet once more, by a request of its own, is another transfer, and has money of its own
    again = announce(client, person, sheet)
    assert uploaded(client, "announcements", rows)["already"] == 1
    assert uploaded(client, "arrivals", came)["already"] == 1
    more = uploaded(
        client, "arrivals", [ARRIVALS, [person, "sheet 118", "2026-07-06", "3489.31", document()]]
    )
    assert more["posted"] == 1
    assert view(client, again)["status"] == "credited"


def test_a_sheet_that_came_to_nothing_is_announced_anew_with_another_number(client: TestClient) -> None:
    person = person_of(client)
    line = [person, "330100", "1.00", "2.00", "0.50", "3.50"]
    assert uploaded(client, "announcements", [ANNOUNCEMENTS, [*line, "S-8"]])["posted"] == 1
    listed = client.get("/v1/transfers?status=announced&limit=500").json()["items"]
    number = client.get(f"/v1/accounts/{person}").json()["account_no"]
    [name] = [one["transfer"] for one in listed if one["account_no"] == number]
    reject(client, name)
    assert uploaded(client, "announcements", [ANNOUNCEMENTS, [*line, "S-8"]])["already"] == 1
    assert uploaded(client, "announcements", [ANNOUNCEMENTS, [*line, "S-9"]])["posted"] == 1
    late = uploaded(client, "arrivals", [ARRIVALS, [person, "S-8", "2026-07-06", "3.50", document()]])
    assert [one["code"] for one in late["rejected"]] == ["transfer_state"]


def test_money_that_came_is_credited_once_by_whatever_document_it_is_named(client: TestClient) -> None:
    person = person_of(client)
    name = announce(client, person, sheet_body("0.00", "5.00", "0.00", "5.00"))
    come(client, name, "5.00", "2026-07-06")
    other = uploaded(client, "arrivals", [ARRIVALS, [person, "sheet 118", "2026-07-06", "5.00", document()]])
    assert [one["code"] for one in other["rejected"]] == ["transfer_state"]


# -- odd files ---------------------------------------------------------------------------------------------


def test_which_kind_a_file_is_its_headings_tell(doors: FileDoors) -> None:
    person = person_of(doors.client)
    for heading, line, kind in (
        ("原证件号码,姓名,新证件号码,变更日期,变更原因,文号",
         f"{person},张三,{person},2026/3/1,更正,户1", "numbers"),
        ("原号码;姓名;身份证号;生效日期;原因;文号", f"{person};张三;{person};2026-3-1;升位;户1", "numbers"),
        ("身份证号,划转单据号,退回原因,备注", f"{person},B1,查无此人,", "rejections"),
        ("身份证号,划转单据号,原因", f"{person},B1,查无此人", "rejections"),
        ("身份证号,划转单据号", f"{person},B1", "acknowledgements"),
        ("序号,账户,转出地,当年余额,历年余额,利息,合计金额,信息表编号",
         f"1,{person},330100,1.00,2.00,0.5,3.50,S1", "announcements"),
        ("身份证号\t信息表\t到账日期\t到账金额（元）\t单据号",
         f"{person}\tS1\t2026-6-20\t3.50\tB1", "arrivals"),
    ):  # fmt: skip
        content = f"本月人员名单\n\n{heading}\n{line}\n制表人：某某\n".encode("gb18030")
        _code, said, _words = doors.command("import", doors.file(content), "--preview")
        assert (said.get("kind"), said.get("lines")) == (kind, 1), (heading, said)
