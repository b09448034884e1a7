"""A list without a line, as a file: nil where its control totals say so, and never by accident."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.support.api_client import running
from tests.support.employer_client import hire, new_employer, owe
from tests.support.file_doors import Cells, FileDoors

MARCH = "2026-03"
HEADINGS = ["证件号码", "工资"]
NO_LINES: dict[str, Cells] = {
    "headings": [HEADINGS],
    "a total of nothing": [HEADINGS, ["合计", "0"]],
    "titles, headings, blanks and signatures": [
        ["2026年3月申报表", ""],
        HEADINGS,
        ["", ""],
        ["合计", "0.00"],
        ["制表人：张三", ""],
    ],
}
# how each door is told that there is no line, and another number of them
DOORS = {
    "declarations CSV": (("lines=0",), ("wages=0.00",), ("lines=1",), ("wages=8000.00",)),
    "declarations XLSX": (("lines=0",), ("wages=0.00",), ("lines=1",), ("wages=8000.00",)),
    "declare CSV": (("--lines", "0"), ("--total", "0.00"), ("--lines", "1"), ("--total", "8000.00")),
    "declare XLSX": (("--lines", "0"), ("--total", "0.00"), ("--lines", "1"), ("--total", "8000.00")),
}


@pytest.fixture(scope="module")
def doors(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileDoors]:
    folder = tmp_path_factory.mktemp("nil")
    with running(engine, folder) as client, pytest.MonkeyPatch.context() as patch:
        yield FileDoors(client, engine.url.render_as_string(hide_password=False), folder, patch)


def is_declared(doors: FileDoors, employer: str) -> bool:
    """Whether the month was: then it is not estimated any more."""
    body = {"period": MARCH, "amount": "100.00"}
    answer = doors.client.post(f"/v1/employers/{employer}/estimates?dry_run=true", json=body)
    assert answer.status_code == 200 or answer.json()["code"] == "already_declared", answer.text
    return answer.status_code != 200


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", NO_LINES)
def test_a_list_without_a_line_is_nil_when_it_says_so(doors: FileDoors, door: str, name: str) -> None:
    no_lines, no_wages, *wrong = DOORS[door]
    for said in (no_lines, no_wages):
        employer = new_employer(doors.client)
        silent = doors.declared(door, employer, MARCH, NO_LINES[name])
        assert silent.code == "file_invalid"
        assert "lines=0" in silent.problem
        assert "--lines 0" in silent.problem
        for other in wrong:
            assert doors.declared(door, employer, MARCH, NO_LINES[name], *other).code == "totals_differ"
        shown = doors.declared(door, employer, MARCH, NO_LINES[name], *said, confirm=False)
        assert (shown.code, is_declared(doors, employer)) == (None, False)
        told = doors.declared(door, employer, MARCH, NO_LINES[name], *said)
        assert told[:4] == (0, 0, (), None), told
        assert is_declared(doors, employer)


@pytest.mark.parametrize("door", DOORS)
def test_a_list_with_a_line_is_never_nil(doors: FileDoors, door: str) -> None:
    no_lines, no_wages, *_wrong = DOORS[door]
    employer = new_employer(doors.client)
    person = hire(doors.client)
    for lines in ([person, "8000.00"], [person, "nothing"], ["x", "0"]):
        assert doors.declared(door, employer, MARCH, [HEADINGS, lines], *no_lines).code == "totals_differ"
    assert doors.declared(door, employer, MARCH, [HEADINGS, [person, "1.00"]], *no_wages).code == (
        "totals_differ"
    )
    assert not is_declared(doors, employer)


@pytest.mark.parametrize("door", DOORS)
def test_a_nil_list_does_not_take_back_another(doors: FileDoors, door: str) -> None:
    employer = new_employer(doors.client)
    owe(doors.client, employer, MARCH, {hire(doors.client): "8000.00"})
    if door.startswith("declare "):
        told = doors.declared(door, employer, MARCH, [HEADINGS], "--lines", "0")
        assert told.code == "already_declared"
    else:
        told = doors.declared(door, employer, MARCH, [HEADINGS], "lines=0", confirm=False)
        assert told[:4] == (0, 0, (), None)


@pytest.mark.parametrize("door", ["command line CSV", "upload XLSX"])
def test_a_file_of_lists_without_a_line_names_no_employer(doors: FileDoors, door: str) -> None:
    told = doors.send(door, "declarations", [["employer", "period", "id_number", "wage"]])
    assert (told.code, "names no employer and no month" in told.problem) == ("file_invalid", True)
    # of other kinds it is a file with nothing to do
    nothing = doors.send(
        door, "contributions", [["account", "source_ref", "period", "effective_on", "amount"]]
    )
    assert nothing[:4] == (0, 0, (), None)
