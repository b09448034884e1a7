"""A list that is sent again, in another order or by another door: what it says is there already."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from openpyxl import Workbook
from sqlalchemy import Engine

from api.contributions.answers import DeclarationAnswer
from api.contributions.report_answers import DeclarationView
from api.contributions.uploads import XLSX
from ledger.imports import Importer, Summary
from ledger.imports.list_door import ListDoor
from ledger.refusals import RefusalCode, Refused
from ledger.verify import verify
from tests.support.api_client import id_number, key, running
from tests.support.employer_client import adjust, confirm, hire, new_employer, owe, pay, refusal, rows, taken
from tests.support.people import NOW, World

MARCH = "2026-03"
TODAY = NOW.date()
List = Sequence[tuple[str, str]]


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with running(engine, tmp_path_factory.mktemp("api")) as client:
        yield client
    assert verify(engine).clean


@pytest.fixture
def employer(client: TestClient) -> str:
    return new_employer(client)


@pytest.fixture
def people(client: TestClient) -> list[str]:
    return [hire(client) for _ in range(3)]


def as_json(client: TestClient, employer: str, lines: List) -> Any:
    body = {"period": MARCH, "lines": [{"id_number": who, "wage": wage} for who, wage in lines]}
    return client.post(f"/v1/employers/{employer}/declarations", json=body, headers=key())


def as_file(
    client: TestClient, employer: str, content: bytes, media: str = "text/csv", more: str = ""
) -> Any:
    path = f"/v1/employers/{employer}/declarations?period={MARCH}{more}"
    return client.post(path, content=content, headers=key() | {"Content-Type": media})


def csv_of(lines: List) -> bytes:
    rows = [f"{number},{who},备,{wage}" for number, (who, wage) in enumerate(lines, start=1)]
    return "\n".join(("序号,证件号码,备注,工资", *rows, "")).encode("gb18030")


def xlsx_of(lines: List) -> bytes:
    book, out = Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    for row in (("工资", "证件号码"), *((float(wage), who) for who, wage in lines)):
        sheet.append(row)
    book.save(out)
    return out.getvalue()


def at_a_door(client: TestClient, door: str, employer: str, lines: List) -> Any:
    if door == "json":
        return as_json(client, employer, lines)
    if door == "csv":
        return as_file(client, employer, csv_of(lines))
    return as_file(client, employer, xlsx_of(lines), XLSX)


DOORS = ("json", "csv", "xlsx")


def told(shown: Any) -> list[str | None]:
    """Of each line the list that brought it, or its code; None for one that is new."""
    return [line.get("already", line.get("code")) for line in shown["lines"]]


# -- over HTTP -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
def test_the_same_lines_in_another_order_are_the_list_that_stands(
    client: TestClient, engine: Engine, employer: str, people: list[str], door: str
) -> None:
    lines = [(who, f"{8000 + place}.00") for place, who in enumerate(people)]
    first = owe(client, employer, MARCH, dict(lines))["declaration"]
    before = rows(engine)
    for sent in (lines, lines[::-1], lines[1:], lines[:1]):
        again = taken(at_a_door(client, door, employer, sent), DeclarationAnswer, 200)
        assert (again["declaration"], again["status"]) == (first, "confirmed")
        assert told(again) == [first] * len(sent)
        assert [line["line"] for line in again["lines"]][-1] - again["lines"][0]["line"] == len(sent) - 1
        assert (again["employee_total"], again["employer_total"]) == ("0.00", "0.00"), "nothing more is owed"
    assert rows(engine) == before


@pytest.mark.parametrize("door", DOORS)
def test_of_a_longer_list_the_lines_that_are_there_are_told_and_the_rest_is_taken(
    client: TestClient, employer: str, people: list[str], door: str
) -> None:
    one, two, new = people
    first = owe(client, employer, MARCH, {one: "8000.00", two: "9000.00"})["declaration"]
    longer = taken(
        at_a_door(client, door, employer, [(new, "8000.00"), (two, "9000.00"), (one, "8000.00")]),
        DeclarationAnswer,
    )
    assert told(longer) == [None, first, first]
    assert (longer["employee_total"], longer["status"]) == ("160.00", "preview")
    confirmed = confirm(client, longer)
    assert (told(confirmed), confirmed["employee_total"]) == ([None, first, first], "160.00")
    looked = client.get(f"/v1/declarations/{longer['declaration']}").json()
    DeclarationView.model_validate(looked)
    assert told(looked) == [None, first, first]
    # what two lists brought is there by both
    whole = taken(at_a_door(client, door, employer, [(one, "8000.00"), (new, "8000.00")]), DeclarationAnswer)
    assert told(whole) == [first, longer["declaration"]]


@pytest.mark.parametrize("door", DOORS)
def test_a_list_of_other_content_is_refused_as_before(
    client: TestClient, employer: str, people: list[str], door: str
) -> None:
    one, two, _ = people
    first = owe(client, employer, MARCH, {one: "8000.00", two: "30000.00"})["declaration"]
    other = taken(at_a_door(client, door, employer, [(two, "40000.00"), (one, "8000.01")]), DeclarationAnswer)
    # both wages are above the cap and come to the same; said was another one
    assert told(other) == ["duplicate_period", "duplicate_period"]
    path = f"/v1/declarations/{other['declaration']}/confirm"
    assert refusal(client.post(path, json={}, headers=key())) == (409, "no_good_line")
    half = taken(at_a_door(client, door, employer, [(one, "8000.00"), (two, "1.00")]), DeclarationAnswer)
    assert told(half) == [first, "duplicate_period"]


def test_a_line_that_stands_twice_in_a_list_is_there_once(
    client: TestClient, employer: str, people: list[str]
) -> None:
    one = people[0]
    lines = [(one, "8000.00"), (one, "8000.00"), (id_number(), "8000.00")]
    first = taken(as_json(client, employer, lines), DeclarationAnswer)
    assert told(first) == [None, "duplicate_line", "account_not_found"]
    confirm(client, first)
    again = taken(as_json(client, employer, lines), DeclarationAnswer)
    assert told(again) == [first["declaration"], "duplicate_line", "account_not_found"]


def test_a_list_that_was_only_shown_is_no_list_that_stands(
    client: TestClient, employer: str, people: list[str]
) -> None:
    lines = [(who, "8000.00") for who in people]
    shown = taken(as_json(client, employer, lines), DeclarationAnswer)
    second = taken(as_json(client, employer, lines[::-1]), DeclarationAnswer)
    assert told(second) == [None] * 3
    confirm(client, second)
    path = f"/v1/declarations/{shown['declaration']}/confirm"
    assert refusal(client.post(path, json={}, headers=key())) == (409, "already_confirmed")
    third = taken(as_json(client, employer, lines[1:]), DeclarationAnswer, 200)
    assert told(third) == [second["declaration"]] * 2


def test_of_a_list_that_others_overtook_the_confirmation_tells_what_was_there(
    client: TestClient, employer: str, people: list[str]
) -> None:
    one, two, three = people
    shown = taken(
        as_json(client, employer, [(one, "8000.00"), (two, "8000.00"), (three, "8000.00")]), DeclarationAnswer
    )
    first = owe(client, employer, MARCH, {two: "9000.00", one: "8000.00"})["declaration"]
    late = confirm(client, shown)
    assert told(late) == [first, "duplicate_period", None]
    looked = client.get(f"/v1/declarations/{shown['declaration']}").json()
    assert told(looked) == [first, "duplicate_period", None]


def test_what_was_corrected_since_does_not_stand_any_more(
    client: TestClient, employer: str, people: list[str]
) -> None:
    _one, two, gone = people
    lines = [(who, "8000.00") for who in people]
    first = owe(client, employer, MARCH, dict(lines))["declaration"]
    pay(client, employer, MARCH, "2280.00", "2026-04-10")
    adjust(client, employer, MARCH, {two: "9000.00", gone: "0.00"})
    again = taken(as_json(client, employer, lines[::-1]), DeclarationAnswer)
    assert told(again) == ["duplicate_period", "duplicate_period", first]
    # corrected back, it stands again
    adjust(client, employer, MARCH, {two: "8000.00"})
    assert told(taken(as_json(client, employer, lines[:2]), DeclarationAnswer, 200)) == [first, first]


def test_whose_account_was_closed_since_is_there_all_the_same(
    client: TestClient, employer: str, people: list[str]
) -> None:
    one, dead, _ = people
    lines = [(one, "8000.00"), (dead, "8000.00")]
    first = owe(client, employer, MARCH, dict(lines))["declaration"]
    pay(client, employer, MARCH, "1520.00", "2026-04-10")
    for path, body in (
        ("death", {"died_on": "2026-05-02", "evidence": "c"}),
        (
            "estate",
            {"heirs": [{"name": "李四", "relation": "spouse"}], "paid_on": "2026-11-21", "confirm": True},
        ),
    ):
        answer = client.post(f"/v1/accounts/{dead}/{path}", json=body, headers=key())
        assert answer.status_code == 201, answer.text
    assert told(taken(as_json(client, employer, lines[::-1]), DeclarationAnswer, 200)) == [first, first]


def test_dry_runs_say_it_too(client: TestClient, engine: Engine, employer: str, people: list[str]) -> None:
    first = owe(client, employer, MARCH, {people[0]: "8000.00"})["declaration"]
    before = rows(engine)
    body = {"period": MARCH, "lines": [{"id_number": people[0], "wage": "8000.00"}]}
    path = f"/v1/employers/{employer}/declarations?dry_run=true"
    assert told(taken(client.post(path, json=body), DeclarationAnswer, 200)) == [first]
    body["lines"].append({"id_number": people[1], "wage": "8000.00"})  # type: ignore[attr-defined]  # a list
    assert told(taken(client.post(path, json=body), DeclarationAnswer, 200)) == [first, None]
    assert rows(engine) == before


def test_other_months_and_other_employers_have_lists_of_their_own(
    client: TestClient, employer: str, people: list[str]
) -> None:
    owe(client, employer, "2026-02", {people[0]: "8000.00"})
    owe(client, new_employer(client), MARCH, {people[0]: "8000.00"})
    assert told(taken(as_json(client, employer, [(people[0], "8000.00")]), DeclarationAnswer)) == [None]


# -- nil lists -------------------------------------------------------------------------------------------


def test_a_nil_list_again_is_the_one_that_stands(
    client: TestClient, engine: Engine, employer: str, people: list[str]
) -> None:
    first = taken(as_json(client, employer, []), DeclarationAnswer)
    assert first["status"] == "preview"
    second = taken(as_json(client, employer, []), DeclarationAnswer)
    confirm(client, second)
    before = rows(engine)
    again = taken(as_json(client, employer, []), DeclarationAnswer, 200)
    assert (again["declaration"], again["status"], again["lines"]) == (second["declaration"], "confirmed", [])
    assert rows(engine) == before
    # money that came since waits, and goes back by another nil list
    pay(client, employer, MARCH, "100.00", "2026-04-10")
    third = taken(as_json(client, employer, []), DeclarationAnswer)
    assert confirm(client, third)["returned"] == "100.00"
    # somebody was there after all: a nil list says something else
    owe(client, employer, MARCH, {people[0]: "8000.00"})
    nil = taken(as_json(client, employer, []), DeclarationAnswer)
    path = f"/v1/declarations/{nil['declaration']}/confirm"
    assert refusal(client.post(path, json={}, headers=key())) == (409, "already_declared")


# -- as files of the command line, after and before the others ---------------------------------------------


class Desk:
    """The doors of the command line, on the database of the service."""

    def __init__(self, client: TestClient, engine: Engine, folder: Path) -> None:
        self.world = World(engine)
        self.world.keyring = client.app.state.ledger.keyring  # type: ignore[attr-defined]  # Starlette's app
        self.folder = folder
        self.number = 0

    def path(self, content: bytes) -> Path:
        self.number += 1
        path = self.folder / f"{self.number}.csv"
        path.write_bytes(content)
        return path

    def declare(self, employer: str, content: bytes, **how: Any) -> dict[str, Any]:
        with self.world.engine.connect() as connection:
            door = ListDoor(
                connection, self.world.keyring, self.world.policies, lambda: (NOW, TODAY), "clerk"
            )
            return door.hand_in(employer, 202603, self.path(content), **how)

    def imported(self, employer: str, lines: List, *, preview: bool = False) -> Summary:
        text = "".join(f"{employer},{MARCH},{who},{wage}\n" for who, wage in lines)
        with self.world.engine.connect() as connection:
            importer = Importer(connection, self.world.keyring, self.world.policies, lambda: (NOW, TODAY))
            act = importer.preview if preview else importer.run
            return act(self.path(f"employer,period,id_number,wage\n{text}".encode()))


@pytest.fixture
def desk(client: TestClient, engine: Engine, tmp_path: Path) -> Desk:
    return Desk(client, engine, tmp_path)


def told_by(answer: dict[str, Any]) -> tuple[Any, ...]:
    return answer["status"], answer["good"], answer["already"], answer["refused"]


def test_every_door_finds_what_another_has_brought(
    client: TestClient, employer: str, people: list[str], desk: Desk
) -> None:
    lines = [(who, "8000.00") for who in people]
    first = owe(client, employer, MARCH, dict(lines))["declaration"]
    for how in ({}, {"confirm": True}, {"preview": True}):
        answer = desk.declare(employer, csv_of(lines[::-1]), **how)
        assert told_by(answer) == ("confirmed", 0, 3, 0)
        assert (answer["declaration"], answer["already_in"]) == (first, [first])
        assert answer["rejected_file"] is None
    answer = desk.declare(employer, xlsx_of(lines[:2]), confirm=True)
    assert (told_by(answer), answer["already_in"]) == (("confirmed", 0, 2, 0), [first])
    for preview in (True, False):
        summary = desk.imported(employer, lines[1:], preview=preview)
        assert (summary.posted, summary.already, summary.refused, summary.ok) == (0, 2, 0, True)


def test_a_list_of_the_command_line_is_there_for_the_others(
    client: TestClient, employer: str, people: list[str], desk: Desk
) -> None:
    lines = [(who, "8000.00") for who in people]
    first = desk.declare(employer, csv_of(lines[:2]), confirm=True)
    assert told_by(first) == ("confirmed", 2, 0, 0)
    summary = desk.imported(employer, lines)
    assert (summary.posted, summary.already, summary.ok) == (1, 2, True)
    shown = taken(as_json(client, employer, lines), DeclarationAnswer)
    brought = told(shown)
    assert brought[:2] == [first["declaration"]] * 2
    assert brought[2] not in {None, first["declaration"], "duplicate_period"}
    answer = desk.declare(employer, csv_of([*lines, (people[0], "8000.00")]), confirm=True)
    assert told_by(answer) == ("preview", 0, 3, 1), "of a line that stands twice the second one is refused"


def test_a_list_that_was_shown_and_then_confirmed_otherwise_is_there(
    client: TestClient, employer: str, people: list[str], desk: Desk
) -> None:
    """Handed in by a file, confirmed over HTTP or by another file, and handed in again to be confirmed."""
    lines = [(who, "8000.00") for who in people]
    content = csv_of(lines)
    shown = desk.declare(employer, content)
    assert told_by(shown) == ("preview", 3, 0, 0)
    other = desk.declare(employer, csv_of(lines[::-1]), confirm=True)
    again = desk.declare(employer, content, confirm=True)
    assert (told_by(again), again["already_in"]) == (("confirmed", 0, 3, 0), [other["declaration"]])

    nil = new_employer(client)
    shown = desk.declare(nil, csv_of(lines[:1]))
    confirm(client, shown)
    again = desk.declare(nil, csv_of(lines[:1]), confirm=True)
    assert (told_by(again), again["already_in"]) == (("confirmed", 0, 1, 0), [shown["declaration"]])


def test_an_import_that_ended_between_list_and_confirmation_finds_it_there(
    client: TestClient, employer: str, people: list[str], desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ledger.imports.employer_lists import ListPoster

    lines = [(who, "8000.00") for who in people]
    with monkeypatch.context() as patched:
        patched.setattr(ListPoster, "_confirm", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            desk.imported(employer, lines)
    assert desk.declare(employer, csv_of(lines[::-1]), confirm=True)["good"] == 3
    summary = desk.imported(employer, lines)
    assert (summary.posted, summary.already, summary.refused, summary.ok) == (0, 3, 0, True)


def test_another_wage_is_refused_by_every_door(
    client: TestClient, employer: str, people: list[str], desk: Desk
) -> None:
    owe(client, employer, MARCH, {people[0]: "8000.00"})
    wrong = [(people[0], "8001.00")]
    assert desk.imported(employer, wrong).refused == 1
    assert told_by(desk.declare(employer, csv_of(wrong))) == ("preview", 0, 0, 1)
    with pytest.raises(Refused) as caught:
        desk.declare(employer, csv_of(wrong), confirm=True)
    assert caught.value.code is RefusalCode.NO_GOOD_LINE
