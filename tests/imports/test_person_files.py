"""Files about people: other names, deaths, transfers; what is there already, what waits, what goes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger import imports
from ledger.imports import under_way
from ledger.imports.summary import WAITING_TOLD
from ledger.people.id_numbers import check_digit
from ledger.verify import verify
from tests.support.api_client import bearer, contribute, id_number, key, open_account, running, spending
from tests.support.approval_client import approve
from tests.support.file_doors import OF_IMPORTS, FileDoors, Refusal, csv_of
from tests.support.office import CONTRIBUTIONS, Office, contribution, counts
from tests.support.transfer_client import acknowledge, reject, request_out, send, view

DEATHS = ["id_number", "name", "died_on", "evidence", "document"]
NAMES = ["id_number", "old_name", "name", "from", "document"]
TRANSFERS = ["account", "other_agency", "insured_from", "document"]


@pytest.fixture(scope="module")
def doors(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileDoors]:
    folder = tmp_path_factory.mktemp("files")
    with running(engine, folder) as client, pytest.MonkeyPatch.context() as patch:
        yield FileDoors(client, engine.url.render_as_string(hide_password=False), folder, patch)


@pytest.fixture
def client(doors: FileDoors) -> TestClient:
    return doors.client


@pytest.fixture
def office(engine: Engine, tmp_path: Path) -> Office:
    return Office(engine, tmp_path)


def account_of(client: TestClient, number: str) -> Any:
    answer = client.get(f"/v1/accounts/{number}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def report(client: TestClient, number: str, died_on: str = "2026-06-02") -> Any:
    body = {"died_on": died_on, "evidence": "certificate 1"}
    return client.post(f"/v1/accounts/{number}/death", json=body, headers=key())


def uploaded(client: TestClient, kind: str, rows: list[list[str]], query: str = "") -> Any:
    content = csv_of(rows)
    answer = client.post(f"/v1/imports/{kind}{query}", files={"file": ("file", content)})
    assert answer.status_code == 200, answer.text
    return answer.json()


# -- deaths ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", OF_IMPORTS)
def test_a_death_is_matched_by_number_and_name(doors: FileDoors, door: str) -> None:
    client = doors.client
    one, two, three = (open_account(client)["number"] for _ in range(3))
    rows = [
        DEATHS,
        [one, "张 三", "2026-06-02", "certificate", "DC-1"],
        [two, "李四", "2026-06-02", "certificate", "DC-2"],
        [three, "", "2026-06-02", "certificate", ""],
        [id_number(), "张三", "2026-06-02", "certificate", ""],
        [id_number(), "", "2026-06-02", "certificate", ""],
        [one[:-1] + ("0" if one[-1] != "0" else "1"), "张三", "2026-06-02", "certificate", ""],
        [one, "张三", "2026-06-31", "certificate", ""],
        [one, "张三", "", "certificate", ""],
        [one, "张三", "2026-06-02", "", ""],
        [one, "张*", "2026-06-02", "certificate", ""],
    ]
    expected = (
        Refusal(3, "account_exists_other_person", "name"),
        Refusal(5, "account_not_found", "id_number"),
        Refusal(6, "account_not_found", "id_number"),
        Refusal(7, "id_checksum", "id_number"),
        Refusal(8, "shape_invalid", "died_on"),
        Refusal(9, "shape_invalid", "died_on"),
        Refusal(10, "shape_invalid", "evidence"),
        Refusal(11, "name_invalid", "name"),
    )
    tried = doors.send(door, "deaths", rows, preview=True)
    assert tried[:3] == (2, 0, expected)
    assert account_of(client, one)["status"] == "active"
    told = doors.send(door, "deaths", rows)
    assert told[:3] == (2, 0, expected)
    assert [account_of(client, number)["status"] for number in (one, two, three)] == [
        "deceased", "active", "deceased",
    ]  # fmt: skip
    assert doors.send(door, "deaths", rows)[:3] == (0, 2, expected)
    assert all(number not in told.said for number in (one, two, three))


def test_each_name_on_record_names_the_person_and_no_other(client: TestClient) -> None:
    former, newest, other = (open_account(client, name="王旧")["number"] for _ in range(3))
    body = {"name": "王新", "from": "2026-02-01", "document": "REG 1"}
    for one in (former, newest):
        assert client.post(f"/v1/accounts/{one}/names", json=body, headers=key()).status_code == 201
    told = uploaded(
        client,
        "deaths",
        [
            DEATHS,
            [former, "王旧", "2026-06-02", "c", ""],
            [newest, "王新", "2026-06-02", "c", ""],
            [other, "王新", "2026-06-02", "c", ""],
        ],
    )
    assert (told["posted"], [line["line"] for line in told["rejected"]]) == (2, [4])
    assert told["rejected"][0]["expected"] == "a name that is on record under the ID number"


def test_a_death_that_is_known_is_there_already_on_its_day_alone(client: TestClient) -> None:
    person = open_account(client)["number"]
    assert report(client, person, "2026-05-01").status_code == 201
    same = uploaded(client, "deaths", [DEATHS, [person, "张三", "2026-05-01", "exchange", "B-7"]])
    assert (same["posted"], same["already"], same["refused"]) == (0, 1, 0)
    rows = [DEATHS, [person, "张三", "2026-05-02", "exchange", "B-7"]]
    for query in ("?preview=true", ""):
        other = uploaded(client, "deaths", rows, query)
        [line] = other["rejected"]
        assert (line["code"], line["column"]) == ("account_deceased", "died_on")
        assert "correction" in line["expected"]
    corrected = {"died_on": "2026-05-02", "document": "judgment"}
    path = f"/v1/accounts/{person}/death/correction"
    assert client.post(path, json=corrected, headers=key()).status_code == 201
    assert uploaded(client, "deaths", rows)["already"] == 1
    # and what was known before is not any more
    old = uploaded(client, "deaths", [DEATHS, [person, "张三", "2026-05-01", "exchange", "B-8"]])
    assert [one["code"] for one in old["rejected"]] == ["account_deceased"]


def test_one_death_twice_in_a_file(client: TestClient) -> None:
    person = open_account(client)["number"]
    rows = [
        DEATHS,
        [person, "张三", "2026-05-01", "exchange", "B-7"],
        [person, "", "2026-05-01", "registry", ""],
        [person, "张三", "2026-05-03", "registry", ""],
    ]
    told = uploaded(client, "deaths", rows)
    assert (told["posted"], told["already"], told["refused"]) == (1, 1, 1)
    assert [(one["line"], one["code"]) for one in told["rejected"]] == [(4, "account_deceased")]
    assert account_of(client, person)["died_on"] == "2026-05-01"


def test_a_death_that_was_withdrawn_does_not_come_back_with_the_same_file(
    client: TestClient, doors: FileDoors
) -> None:
    person = open_account(client)["number"]
    rows = [DEATHS, [person, "张三", "2026-05-01", "exchange", "B-7"]]
    assert uploaded(client, "deaths", rows)["posted"] == 1
    body = {"reason": "a namesake", "document": "registry 9"}
    asked = client.post(f"/v1/accounts/{person}/death/withdrawal", json=body, headers=key())
    assert asked.status_code == 202, asked.text
    done = approve(client, doors.folder / "keys", asked.json()["approval"])
    assert done.status_code == 201, done.text
    again = uploaded(client, "deaths", rows)
    assert (again["posted"], again["already"]) == (0, 1)
    assert account_of(client, person)["status"] == "active"


def test_what_the_reports_took_back_is_added_up(client: TestClient, doors: FileDoors) -> None:
    """110.00 and 160.00 for months after death; of the second 40.00 were spent since."""
    first, second = (open_account(client)["number"] for _ in range(2))
    contribute(client, first, "50.00", period="2026-05", effective_on="2026-05-20")
    contribute(client, first, "110.00", period="2026-07", effective_on="2026-07-20")
    contribute(client, second, "160.00", period="2026-08", effective_on="2026-08-20")
    body = spending(amount="40.00", effective_on="2026-09-01")
    assert client.post(f"/v1/accounts/{second}/spendings", json=body, headers=key()).status_code == 201
    rows = [DEATHS, *([one, "张三", "2026-06-02", "exchange", "B-9"] for one in (first, second))]
    tried = uploaded(client, "deaths", rows, "?preview=true")
    assert (tried["taken_back"], tried["still_owed"]) == ("230.00", "40.00")
    told = uploaded(client, "deaths", rows)
    assert (told["taken_back"], told["still_owed"], told["totals_agree"]) == ("230.00", "40.00", True)
    again = uploaded(client, "deaths", rows)
    assert (again["already"], again["taken_back"], again["still_owed"]) == (2, "230.00", "40.00")
    code, said, _words = doors.command("import", doors.file(csv_of(rows)))
    assert (code, said["already"], said["taken_back"]) == (0, 2, "230.00")
    assert "taken_back" not in uploaded(client, "names", [NAMES, ["x", "a", "b", "2026-01-01", "c"]])


# -- names -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", OF_IMPORTS)
def test_names_change_under_the_old_one(doors: FileDoors, door: str) -> None:
    client = doors.client
    one, two = (open_account(client)["number"] for _ in range(2))
    rows = [
        NAMES,
        [one, "张三", "张叁", "2026-03-01", "REG-1"],
        # from the name that the line above gives
        [one, "张叁", "张山", "2026-04-01", "REG-2"],
        [two, "李四", "李思", "2026-03-01", "REG-3"],
        [two, "张三", "李思", "2027-03-01", "REG-3"],
        [two, "", "李思", "2026-03-01", "REG-3"],
        [two, "张三", "", "2026-03-01", "REG-3"],
        [two, "张三", "李思", "2026-03-01", ""],
    ]
    expected = (
        Refusal(4, "account_exists_other_person", "old_name"),
        Refusal(5, "period_invalid", "from"),
        Refusal(6, "shape_invalid", "old_name"),
        Refusal(7, "shape_invalid", "name"),
        Refusal(8, "shape_invalid", "document"),
    )
    assert doors.send(door, "names", rows, preview=True)[:3] == (2, 0, expected)
    assert doors.send(door, "names", rows)[:3] == (2, 0, expected)
    assert doors.send(door, "names", rows)[:3] == (0, 2, expected)
    told = account_of(client, one)["names"]
    assert [row["from"] for row in told] == ["2026-01-05", "2026-03-01", "2026-04-01"]


def test_a_name_of_another_door_is_there_already(client: TestClient) -> None:
    person = open_account(client)["number"]
    body = {"name": "张叁", "from": "2026-03-01", "document": "REG 1"}
    assert client.post(f"/v1/accounts/{person}/names", json=body, headers=key()).status_code == 201
    told = uploaded(client, "names", [NAMES, [person, "张三", "张叁", "2026-03-01", "REG-2"]])
    assert (told["posted"], told["already"]) == (0, 1)


# -- transfers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", OF_IMPORTS)
def test_accounts_are_asked_for_sent_and_acknowledged(doors: FileDoors, door: str) -> None:
    client = doors.client
    people = [open_account(client)["number"] for _ in range(3)]
    for person, amount in zip(people, ("100.00", "200.00", "300.00"), strict=True):
        contribute(client, person, amount)
    dead = open_account(client)["number"]
    assert report(client, dead).status_code == 201
    asked = [TRANSFERS, *([one, "330100", "2026-06-01", f"APP-{one[-4:]}"] for one in (*people, dead))]
    wrong: tuple[Refusal, ...] = (Refusal(5, "account_deceased", "account"),)
    assert doors.send(door, "transfers", asked)[:3] == (3, 0, wrong)
    assert doors.send(door, "transfers", asked)[:3] == (0, 3, wrong)

    ref = f"BANK-{people[0][-4:]}"
    sent = [
        ["account", "paid_on", "source_ref"],
        [people[0], "2026-06-20", f"{ref}-1"],
        [people[1], "2026-06-20", f"{ref}-2"],
        [people[2], "2026-12-20", f"{ref}-3"],
        [dead, "2026-06-20", f"{ref}-4"],
    ]
    wrong = (Refusal(4, "period_invalid", "paid_on"), Refusal(5, "transfer_not_found", "account"))
    assert doors.send(door, "remittances", sent, preview=True)[:3] == (2, 0, wrong)
    assert doors.send(door, "remittances", sent)[:3] == (2, 0, wrong)
    assert doors.send(door, "remittances", sent)[:3] == (0, 2, wrong)

    came = [
        ["account", "remittance"],
        [people[0], f"{ref}-1"],
        # the document of somebody else's money
        [people[1], f"{ref}-1"],
        [people[2], f"{ref}-3"],
    ]
    wrong = (Refusal(3, "transfer_not_found", "remittance"), Refusal(4, "transfer_not_found", "remittance"))
    assert doors.send(door, "acknowledgements", came, preview=True)[:3] == (1, 0, wrong)
    assert doors.send(door, "acknowledgements", came)[:3] == (1, 0, wrong)
    assert doors.send(door, "acknowledgements", came)[:3] == (0, 1, wrong)
    standing = [account_of(client, one)["status"] for one in people]
    assert standing == ["closed", "transferring", "transferring"]


def test_what_other_doors_did_is_there_already(client: TestClient) -> None:
    person = open_account(client)["number"]
    contribute(client, person, "100.00")
    name = request_out(client, person)
    line = [person, "330100", "2026-04-01", "application 7"]
    assert uploaded(client, "transfers", [TRANSFERS, line])["already"] == 1
    other = uploaded(client, "transfers", [TRANSFERS, [*line[:3], "application 8"]])
    assert [(one["code"], one["column"]) for one in other["rejected"]] == [
        ("account_transferring", "account")
    ]
    send(client, name, "2026-06-20")
    sent_as = client.get(f"/v1/accounts/{person}/entries").json()["items"]
    [ref] = [one["source_ref"] for one in sent_as if one["kind"] == "transfer_out"]
    sent = uploaded(
        client, "remittances", [["account", "paid_on", "source_ref"], [person, "2026-06-20", ref]]
    )
    assert (sent["already"], sent["totals_agree"], sent["already_amount"]) == (1, True, sent["amount"])
    acknowledge(client, name)
    came = uploaded(client, "acknowledgements", [["account", "remittance"], [person, ref]])
    assert (came["already"], came["refused"], came["totals_agree"]) == (1, 0, True)
    assert uploaded(client, "transfers", [TRANSFERS, line])["already"] == 1


def test_a_transfer_that_came_to_nothing_is_asked_for_anew_with_another_document(client: TestClient) -> None:
    person = open_account(client)["number"]
    line = [person, "330100", "2026-04-01", "APP-1"]
    assert uploaded(client, "transfers", [TRANSFERS, line])["posted"] == 1
    listed = client.get("/v1/transfers?status=requested&limit=500").json()["items"]
    account_no = account_of(client, person)["account_no"]
    [name] = [one["transfer"] for one in listed if one["account_no"] == account_no]
    reject(client, name)
    assert uploaded(client, "transfers", [TRANSFERS, line])["already"] == 1
    assert uploaded(client, "transfers", [TRANSFERS, [*line[:3], "APP-2"]])["posted"] == 1
    assert view(client, name)["status"] == "rejected"


# -- odd files, and what waits -----------------------------------------------------------------------------


def test_which_kind_a_file_is_its_headings_tell(doors: FileDoors) -> None:
    person = open_account(doors.client)["number"]
    for heading, line, kind in (
        ("证件号码,姓名,去世日期,死亡证明,备注", f"{person},张三,2026年6月2日,证明,", "deaths"),
        ("序号,身份证号,曾用名,姓名,生效日期,文号", f"1,{person},张三,张叁,2026/3/1,户籍1", "names"),
        ("账户;转入地;对方参保日期;文号", f"{person};330100;2026-06-01;APP", "transfers"),
        ("身份证号\t划转日期\t单据号", f"{person}\t2026-6-20\tB1", "remittances"),
        ("身份证号,划转单据号", f"{person},B1", "acknowledgements"),
    ):
        content = f"本月人员名单\n\n{heading}\n{line}\n制表人：某某\n".encode("gb18030")
        code, said, _words = doors.command("import", doors.file(content), "--preview")
        assert (said.get("kind"), said.get("lines")) == (kind, 1), (code, said)


def test_files_of_people_with_what_no_file_may_have(doors: FileDoors) -> None:
    person = open_account(doors.client)["number"]
    for rows, code in (
        ([[*DEATHS, "银行卡号"], [person, "张三", "2026-06-02", "c", "", "1"]], "cash_forbidden"),
        ([[*DEATHS, "amount"], [person, "张三", "2026-06-02", "c", "", "1"]], "file_invalid"),
        ([DEATHS[:3], [person, "张三", "2026-06-02"]], "file_invalid"),
    ):
        told = doors.send("upload CSV", "deaths", rows)
        assert told.code == code, told
    # a number that a spreadsheet has rounded is nobody else's, where its check digit tells
    while check_digit(f"{person[:-3]}00") == "0":
        person = open_account(doors.client)["number"]
    rounded = [DEATHS, [person[:-3] + "000", "张三", "2026-06-02", "c", ""]]
    assert doors.send("upload CSV", "deaths", rounded).refused[0].code == "number_in_cell"
    nothing = doors.send("upload CSV", "deaths", [DEATHS])
    assert nothing[:4] == (0, 0, (), None)


def test_only_who_may_write_accounts_sends_them(doors: FileDoors) -> None:
    headers = bearer(doors.folder / "keys", scopes=("postings:write",))
    for kind in ("names", "deaths", "transfers", "remittances", "acknowledgements"):
        path = f"/v1/imports/{kind}"
        answer = doors.client.post(path, files={"file": ("file", b"x")}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


def test_what_waits_stands_in_a_file_beside_it(office: Office, client: TestClient, doors: FileDoors) -> None:
    person = open_account(client)["number"]
    lines = [contribution(person, f"w-{place}-{person[6:]}", "100000.00") for place in range(3)]
    file = office.file(CONTRIBUTIONS, [*lines, contribution(person, f"w-{person[6:]}", "1.00")])
    beside = file.with_name(f"{file.name}.waiting.csv")
    with office.world.engine.connect() as connection:
        tried = office.importer(connection).preview(file)
    assert tried.waiting_file is not None
    needed = [f"{line},needed" for line in (2, 3, 4)]
    assert tried.waiting_file.read_text(encoding="utf-8").splitlines() == ["line,approval", *needed]
    assert not beside.exists()
    summary = office.run(file)
    assert (summary.waiting, summary.waiting_file) == (3, beside)
    listed = beside.read_text(encoding="utf-8").splitlines()
    assert listed == ["line,approval", *(f"{one.line},{one.approval}" for one in summary.waiting_lines)]
    for one in summary.waiting_lines:
        assert approve(client, doors.folder / "keys", one.approval).status_code == 201
    again = office.run(file)
    assert (counts(again), again.waiting_file, beside.exists()) == ((4, 0, 4, 0), None, False)


def test_an_interrupted_file_names_all_that_waits(
    office: Office, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken off after its first block; what waited by then stands in the list of the run that goes on."""
    person = open_account(client)["number"]
    lines = [contribution(person, f"i-{place}-{person[6:]}", "100000.00") for place in range(4)]
    file = office.file(CONTRIBUTIONS, lines)
    monkeypatch.setattr("ledger.imports.blocks.LINES", 2)

    def broken(_done: int, _all: int) -> None:
        raise imports.ImportProblem("broken off")

    for told in (WAITING_TOLD, 1):
        monkeypatch.setattr(under_way, "WAITING_TOLD", told)
        with pytest.raises(imports.ImportProblem):
            office.run(file, progress=broken)
        assert not list(office.folder.glob("*waiting*"))
        summary = office.run(file)
        assert (summary.waiting, summary.lines, summary.agrees) == (4, 4, True)
        assert summary.waiting_file is not None
        assert len(summary.waiting_file.read_text(encoding="utf-8").splitlines()) == 5
        summary.waiting_file.unlink()


def test_the_book_is_sound_after_all_of_it(engine: Engine, client: TestClient) -> None:
    assert client.get("/readyz").status_code == 200
    assert verify(engine).clean
