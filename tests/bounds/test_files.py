"""Every day and month of every kind of file, just outside each edge and just inside, through every door."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Engine

from ledger.bounds.table import BIRTH_DATE, TABLE
from ledger.refusals import RefusalCode
from tests.support.api_client import AREA, contribute, open_account, running
from tests.support.employer_client import new_employer, ref
from tests.support.file_doors import OF_IMPORTS, FileDoors, as_day
from tests.support.people import id_number
from tests.support.transfer_client import announce, request_out, sheet_body

BORN, OPENED, TODAY, TOMORROW = "2001-05-06", "2020-01-01", "2026-11-21", "2026-11-22"
A_YEAR_AHEAD, BEYOND = "2027-11-21", "2027-11-22"
FIFTY, BEYOND_FIFTY = "2076-11-21", "2076-11-22"
_people = itertools.count(1)


@pytest.fixture(scope="module")
def doors(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileDoors]:
    folder = tmp_path_factory.mktemp("files")
    with running(engine, folder) as client, pytest.MonkeyPatch.context() as patch:
        yield FileDoors(client, engine.url.render_as_string(hide_password=False), folder, patch)


def number() -> str:
    """Somebody of that birth, each a person of their own."""
    province, one = divmod(next(_people), 999)
    return id_number(one, born=date.fromisoformat(BORN), prefix=f"{(31, 32, 33, 34)[province]}9999")


def known(doors: FileDoors) -> str:
    return str(open_account(doors.client, id_number=number(), opened_on=OPENED)["number"])


def rich(doors: FileDoors) -> str:
    account = known(doors)
    contribute(doors.client, account)
    return account


class Edges(NamedTuple):
    """A column: what else its line says, and what lies outside and on its edges."""

    place: str
    line: Callable[[FileDoors], dict[str, str]]
    outside: tuple[str, ...]
    inside: tuple[str, ...]
    code: RefusalCode = RefusalCode.PERIOD_INVALID
    # with what else a line on the edge may be refused: the case has not all that it would need
    refused: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return self.place.split()[1]

    @property
    def column(self) -> str:
        return self.place.split()[2]


def _opening(_doors: FileDoors) -> dict[str, str]:
    return {"id_number": number(), "name": "张三", "area": AREA, "opened_on": OPENED, "birth_date": BORN}


def _spent(doors: FileDoors) -> dict[str, str]:
    return {
        "account": rich(doors), "source_ref": ref(), "institution": "H0001", "effective_on": TODAY,
        "amount": "1.00",
    }  # fmt: skip


def _credited(doors: FileDoors) -> dict[str, str]:
    return {
        "account": known(doors), "source_ref": ref(), "period": "2026-03", "effective_on": TODAY,
        "amount": "1.00",
    }  # fmt: skip


def _enrolled(doors: FileDoors) -> dict[str, str]:
    return {"account": known(doors), "member_class": "active", "employer": "", "from": "2026-01-01", "to": ""}


def _declared(doors: FileDoors) -> dict[str, str]:
    return {
        "employer": new_employer(doors.client), "period": "2026-03", "id_number": known(doors),
        "wage": "8000.00",
    }  # fmt: skip


def _received(doors: FileDoors) -> dict[str, str]:
    return {
        "employer": new_employer(doors.client), "source_ref": ref(), "period": "2026-09",
        "received_on": TODAY, "amount": "1.00",
    }  # fmt: skip


def _named(doors: FileDoors) -> dict[str, str]:
    return {"id_number": known(doors), "old_name": "张三", "name": "李四", "from": TODAY, "document": "x"}


def _died(doors: FileDoors) -> dict[str, str]:
    return {"id_number": known(doors), "name": "张三", "died_on": TODAY, "evidence": "x"}


def _leaving(doors: FileDoors) -> dict[str, str]:
    return {"account": rich(doors), "other_agency": "330100", "insured_from": TODAY, "document": "x"}


def _sent(doors: FileDoors) -> dict[str, str]:
    account = rich(doors)
    request_out(doors.client, account)
    return {"account": account, "paid_on": TODAY, "source_ref": ref()}


def _numbered(doors: FileDoors) -> dict[str, str]:
    return {
        "account": known(doors), "name": "张三", "id_number": number(), "from": TODAY, "reason": "reissued",
        "document": "x",
    }  # fmt: skip


def _coming(doors: FileDoors) -> dict[str, str]:
    account = known(doors)
    announce(doors.client, account, sheet_body("1.00", "0.00", "0.00", "1.00"))
    return {
        "account": account, "sheet": "sheet 118", "received_on": TODAY, "amount": "1.00", "source_ref": ref(),
    }  # fmt: skip


EDGES = (
    Edges("file accounts opened_on", _opening, ("2001-05-05", TOMORROW), (BORN, TODAY)),
    Edges("file accounts birth_date", _opening, ("2001-05-05", "2001-05-07"), (BORN,),
          RefusalCode.ID_MISMATCH),
    Edges("file spendings effective_on", _spent, ("2019-12-31", TOMORROW), (OPENED, TODAY),
          refused=("insufficient_balance",)),
    Edges("file contributions effective_on", _credited, ("2025-02-28", TOMORROW), ("2025-03-01", TODAY)),
    Edges("file contributions period", _credited, ("2001-04", "2026-12"), ("2001-05", "2026-11")),
    Edges("file enrolments from", _enrolled, ("2001-05-05", BEYOND), (BORN, A_YEAR_AHEAD)),
    Edges("file enrolments to", _enrolled, ("2025-12-31", BEYOND_FIFTY), ("2026-01-01", FIFTY)),
    Edges("file declarations period", _declared, ("2001-04", "2026-12"), ("2001-05", "2026-11")),
    Edges("file receipts period", _received, ("1999-12", "2026-12"), ("2000-01", "2026-11")),
    Edges("file receipts received_on", _received, ("2025-08-31", TOMORROW), ("2025-09-01", TODAY)),
    Edges("file names from", _named, ("2001-05-05", TOMORROW), (BORN, TODAY)),
    Edges("file numbers from", _numbered, ("2001-05-05", TOMORROW), (BORN, TODAY)),
    Edges("file arrivals received_on", _coming, ("2019-12-31", TOMORROW), (OPENED, TODAY)),
    Edges("file deaths died_on", _died, ("2001-05-05", TOMORROW), (BORN, TODAY)),
    Edges("file transfers insured_from", _leaving, ("1989-12-31", TOMORROW), (BORN, TODAY)),
    Edges("file remittances paid_on", _sent, ("2026-03-19", TOMORROW), ("2026-03-20", TODAY)),
)  # fmt: skip


def test_every_day_of_every_file_stands_here() -> None:
    sent = {place for bound in TABLE.values() for place in bound.sent if place.startswith("file ")}
    assert {edges.place for edges in EDGES} == sent
    assert {edges.place for edges in EDGES if edges.code is not RefusalCode.PERIOD_INVALID} == {
        place for place in BIRTH_DATE.sent if place.startswith("file ")
    }


@pytest.mark.parametrize("door", OF_IMPORTS)
def test_a_step_outside_an_edge_is_refused_by_line_and_column(doors: FileDoors, door: str) -> None:
    for kind in dict.fromkeys(edges.kind for edges in EDGES):
        of_kind = [edges for edges in EDGES if edges.kind == kind]
        heading = list(of_kind[0].line(doors))
        rows: list[list[Any]] = [heading]
        outside: dict[int, Edges] = {}
        inside: dict[int, Edges] = {}
        for edges in of_kind:
            for found, days in ((outside, edges.outside), (inside, edges.inside)):
                for day in days:
                    line = edges.line(doors) | _with(edges, day)
                    rows.append([
                        as_day(cell) if door.endswith("XLSX") and _is_dated(edges, name) and cell else cell
                        for name, cell in line.items()
                    ])  # fmt: skip
                    found[len(rows)] = edges
        told = doors.send(door, kind, rows)
        assert told.code is None, told
        refused = {one.line: (one.code, one.column) for one in told.refused}
        wrong = {
            number: (refused.get(number), rows[number - 1])
            for number, edges in outside.items()
            if refused.get(number) != (edges.code.value, edges.column)
        }
        assert not wrong
        taken = {number for number, edges in inside.items() if number not in refused}
        left = {number: refused[number][0] for number in inside if number in refused}
        assert all(code in inside[number].refused for number, code in left.items()), left
        assert told.posted + told.waiting == len(taken)
        assert len(taken) + len(left) + len(outside) == len(rows) - 1


def _with(edges: Edges, day: str) -> dict[str, str]:
    """The day at its place; the first day of an enrolment goes with an open end, and so on."""
    if edges.place == "file accounts opened_on":
        return {"opened_on": day, "birth_date": ""}
    return {edges.column: day}


def _is_dated(edges: Edges, name: str) -> bool:
    return name in {one.column for one in EDGES if one.kind == edges.kind}
