"""Files that are checked before anything is posted: control totals, previews, and reasons for a no."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from typer.testing import CliRunner

from ledger import tables
from ledger.__main__ import app
from ledger.book.numbers import account_no
from ledger.imports import INTERNAL_ERROR, ControlTotals, Summary
from ledger.imports.reasons import reason
from ledger.posting import batches
from ledger.refusals import RefusalCode, Refused
from tests.support.office import ACCOUNTS, CONTRIBUTIONS, SPENDINGS, Office, contribution, counts
from tests.support.people import SomeoneFactory, write_keys

OPENINGS = f"{ACCOUNTS},opening_current_year,opening_carried_over,opening_source_ref"


@pytest.fixture
def office(engine: Engine, tmp_path: Path) -> Office:
    return Office(engine, tmp_path)


def run(office: Office, file: Path, lines: int | None, fen: int | None, *, preview: bool = False) -> Summary:
    with office.world.engine.connect() as connection:
        importer = office.importer(connection)
        return (importer.preview if preview else importer.run)(file, None, ControlTotals(lines, fen))


# -- control totals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preview", [False, True], ids=["import", "preview"])
@pytest.mark.parametrize(
    ("lines", "fen"), [(3, None), (5, None), (None, 48_000), (None, 48_102), (4, 48_100), (3, 48_101)]
)
def test_totals_that_do_not_match_stop_a_file_before_it_begins(
    office: Office, lines: int | None, fen: int | None, *, preview: bool
) -> None:
    account = office.account()
    file = office.file(
        CONTRIBUTIONS,
        [contribution(account, f"c{n}") for n in range(3)] + ["", contribution(account, "c", "1.01")],
    )
    before = office.entries()
    with pytest.raises(Refused) as caught:
        run(office, file, lines, fen, preview=preview)
    assert caught.value.code is RefusalCode.TOTALS_DIFFER
    # an empty line is no line
    assert caught.value.facts["lines"] == 4
    assert caught.value.facts["amount"] == "481.01"
    assert office.entries() == before
    assert list(office.folder.iterdir()) == [file], "nothing was begun"
    assert counts(run(office, file, 4, 48_101)) == (4, 4, 0, 0)
    # an interrupted or finished file is held against its totals as well
    assert counts(run(office, file, 4, 48_101)) == (4, 0, 4, 0)


def test_totals_are_those_of_the_file_whatever_becomes_of_its_lines(office: Office) -> None:
    people = [SomeoneFactory() for _ in range(2)]
    openings = office.file(
        OPENINGS,
        [
            f"{people[0].id_number},{people[0].name},990100,2026-01-01,1.00,20.00,OLD",
            f'{people[1].id_number},"{people[1].name}",990100,2026-01-01,,,',
        ],
    )
    assert run(office, openings, 2, 2100).ok
    file = office.file(
        "amount,account,source_ref,institution,effective_on",
        [
            f"2.00,{people[0].id_number},s1,H0001,2026-05-01",
            "5.00,nobody,s1,H0001,2026-05-01",
            f'"x,y",{people[0].id_number},s1,H0001,2026-05-01',
            '9.00,"cut',
            "9.00,too,few",
        ],
    )
    # what cannot be read is a line of nothing
    assert counts(run(office, file, 5, 700)) == (5, 1, 0, 4)


# -- previews ------------------------------------------------------------------------------------------------


def everything(office: Office) -> list[int]:
    """How many rows each table has."""
    with office.world.engine.connect() as connection, connection.begin():
        return [
            connection.scalar(select(func.count()).select_from(table)) or 0
            for table in tables.metadata.sorted_tables
        ]


def test_a_preview_says_what_an_import_would_and_posts_nothing(fresh_engine: Engine, tmp_path: Path) -> None:
    office = Office(fresh_engine, tmp_path)
    known, stranger, nobody = office.account(1000), SomeoneFactory(), SomeoneFactory()
    good = contribution(known, "c0")
    office.run(office.file(CONTRIBUTIONS, [good]))
    files = {
        office.file(ACCOUNTS, [f"{stranger.id_number},{stranger.name},990100,2026-01-01", "x"]): [
            (3, "shape_invalid")
        ],
        # one is there already, one stands there twice with another amount, one is not known
        office.file(CONTRIBUTIONS, [
            good, contribution(known, "c1"), contribution(known, "c1", "9.00"),
            contribution(nobody.id_number, "c1"),
            *(contribution(known, f"n{n}") for n in range(1500)), "bad",
        ]): [(4, "duplicate_source_ref"), (5, "account_not_found"), (1506, "shape_invalid")],
        office.file(SPENDINGS, [
            f"{known},s1,H0001,2026-05-01,10.00,true",
            f"{known},s2,H0001,2026-05-01,10000000.00,false",
            f"{known},s3,H0001,2026-05-01,10000000.00,true",
        ]): [(3, "insufficient_balance")],
    }  # fmt: skip
    before = everything(office)
    for file, refused in files.items():
        summary = run(office, file, None, None, preview=True)
        assert everything(office) == before
        assert office.rejected(summary) == refused
        assert summary.rejected_file == file.with_name(f"{file.name}.preview.csv")
        assert summary.agrees
        said = summary.as_json()
        assert (said["preview"], said["batch"]) == (True, None)
        with fresh_engine.connect() as connection:
            assert batches.find(connection, summary.batch_id) is None
        imported = office.run(file)
        assert imported.as_json()["preview"] is False
        assert counts(imported) == counts(summary)
        assert office.rejected(imported) == refused
        before = everything(office)
    # seen again, all of it is there
    again = run(office, next(iter(files)), None, None, preview=True)
    assert counts(again) == (2, 0, 1, 1)


def test_a_clean_preview_takes_the_list_of_the_last_one_away(office: Office) -> None:
    someone = SomeoneFactory()
    file = office.file(CONTRIBUTIONS, [contribution(someone.id_number, "c1")])
    first = run(office, file, None, None, preview=True)
    assert office.rejected(first) == [(2, "account_not_found")]
    office.world.open(someone)
    assert run(office, file, None, None, preview=True).rejected_file is None
    assert list(office.folder.iterdir()) == [file]


# -- reasons ------------------------------------------------------------------------------------------------


def test_every_code_has_a_reason_that_fits_a_column() -> None:
    for code in (*RefusalCode, INTERNAL_ERROR):
        sentence = reason(str(code))
        assert sentence[0].isupper()
        assert not set(sentence) & set(',"\n\r'), "it stands in a column without quotes"


# -- by the command line -----------------------------------------------------------------------------------


def test_the_command_line_takes_totals_and_previews(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_keys(tmp_path / "keys")
    url = office.world.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("LEDGER_DATABASE_URL", url)
    monkeypatch.setenv("LEDGER_KEYS", str(tmp_path / "keys"))
    monkeypatch.setattr("ledger.__main__.tune_process", lambda: None)
    number = account_no(office.world.open())
    file = office.file(CONTRIBUTIONS, [contribution(number, "c1"), contribution(number, "c2"), "bad"])

    def said(*arguments: object) -> tuple[int, dict[str, Any]]:
        result = CliRunner().invoke(app, ["import", *map(str, arguments)])
        return result.exit_code, json.loads(result.stdout)

    assert said(file, "--total", "1.234")[1]["code"] == "amount_invalid"
    assert said(file, file, "--lines", 3)[1]["code"] == "shape_invalid"
    code, answer = said(file, "--lines", 3, "--total", "320.01")
    assert (code, answer["code"], answer["amount"]) == (1, "totals_differ", "320.00")
    code, answer = said(file, "--lines", 3, "--total", "320.00", "--preview")
    assert (code, answer["preview"], answer["posted"], answer["refused"]) == (1, True, 2, 1)
    listed = Path(answer["rejected_file"])
    assert listed.name.endswith(".preview.csv")
    assert listed.read_text() == (
        "line,code,reason,column,value,expected\n"
        "4,shape_invalid,The line is cut or a field of it has the wrong form,,,5 fields as in the heading\n"
    )
    code, answer = said(file, "--lines", 3, "--total", "320.00")
    assert (code, answer["preview"], answer["posted"], answer["already"]) == (1, False, 2, 0)
