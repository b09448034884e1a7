"""The operator's door: one JSON object, an exit code, one clear line when something is wrong."""

from __future__ import annotations

import functools
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from sqlalchemy import Engine, func, select, text
from typer.main import get_command
from typer.testing import CliRunner

from ledger import tables
from ledger.__main__ import app
from ledger.accounts.holds import Hold, sweep
from ledger.accounts.spending import Spend
from ledger.book.numbers import account_no
from ledger.chart.members import MemberClass
from ledger.chart.registers import Register
from ledger.clock import now_and_today
from ledger.database.engines import connect
from ledger.operations.sample import write_sample
from ledger.verify import verify
from tests.support.old_rows import as_before_the_bounds
from tests.support.people import SomeoneFactory, World, id_number, noon, write_keys
from tests.support.service import Service
from tests.support.units import Unit

ROOT = Path(__file__).resolve().parents[2]
LAST_YEAR = now_and_today()[1].year - 1


class Answer:
    """What a command said."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err
        assert "Traceback" not in out + err

    @property
    def json(self) -> dict[str, Any]:
        assert self.out.count("\n") == 1, f"not one object: {self.out!r}"
        said: dict[str, Any] = json.loads(self.out)
        return said


_made_once = functools.cache(get_command)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Answer]]:
    """Runs a command in this process, with nothing of LEDGER_… around but what the test sets; what a command
    leaves there for its workers goes with the test.
    """
    for name in [name for name in os.environ if name.startswith("LEDGER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr("ledger.__main__.tune_process", lambda: None)
    monkeypatch.setattr("ledger.operations.runs.tune_process", lambda: None)

    # a process makes its commands once, and so does this one
    monkeypatch.setattr("typer.testing._get_command", _made_once)

    def invoke(*arguments: object) -> Answer:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    yield invoke
    for name in [name for name in os.environ if name.startswith("LEDGER_")]:
        del os.environ[name]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with keys, as an operator makes it."""
    write_keys(tmp_path / "data/keys")
    return tmp_path / "data"


# -- a database, any -----------------------------------------------------------------------------------------


@pytest.fixture
def ready(
    run: Callable[..., Answer], data: Path, fresh_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Engine]:
    """The environment names a migrated database with the example institutions and one rich account."""
    monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_url)
    monkeypatch.setenv("LEDGER_DATA", str(data))
    engine = connect(fresh_url)
    yield engine
    engine.dispose()


def test_migrate_makes_the_schema_once(
    run: Callable[..., Answer], tmp_path: Path, empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", empty_url)
    monkeypatch.chdir(tmp_path)
    refused = run("verify", "--data", tmp_path)
    assert (refused.code, refused.json["code"]) == (1, "not_ready")
    assert "python -m ledger migrate" in refused.err
    first = run("migrate", "--data", tmp_path).json
    assert (first["before"], first["changed"]) == (None, True)
    assert run("migrate", "--data", tmp_path).json == {
        "before": first["after"], "after": first["after"], "changed": False, "keys": []
    }  # fmt: skip
    assert run("verify", "--data", tmp_path).json["ok"]


def test_a_year_end_is_posted_once(run: Callable[..., Answer], ready: Engine) -> None:
    world = World(ready, now=datetime.now(UTC))
    world.open(opened_on=date(LAST_YEAR, 1, 1), opening=(0, 1_000_000))
    first = run("year-end", LAST_YEAR, "--area", "990100")
    assert (first.code, first.json["posted"], first.json["state"]) == (0, 1, "finished")
    assert first.json["amount"] != "0.00"
    again = run("year-end", LAST_YEAR, "--area", "990100")
    assert (again.code, again.json["posted"], again.json["amount"]) == (0, 0, "0.00")
    assert again.json["amount_in_all"] == first.json["amount"]


@pytest.mark.parametrize(
    ("year", "area", "code"),
    [(LAST_YEAR + 1, "990100", "year_not_over"), (LAST_YEAR, "990199", "area_unknown"),
     (1989, "990100", "rates_missing")],
)  # fmt: skip
def test_a_year_end_that_cannot_be_is_refused(
    run: Callable[..., Answer], ready: Engine, year: int, area: str, code: str
) -> None:
    answer = run("year-end", year, "--area", area)
    assert (answer.code, answer.json["code"]) == (2 if code == "area_unknown" else 1, code)
    assert answer.err.startswith(f"ledger: {code}")


def test_retirees_are_credited_once(run: Callable[..., Answer], ready: Engine) -> None:
    world = World(ready)
    Unit(world).enrol(world.open(), MemberClass.RETIRED, date(LAST_YEAR, 1, 1), here=False)
    month = f"{LAST_YEAR}-12"
    first = run("retiree-credits", month, "--area", "990100")
    assert first.code == 0, first.err
    assert first.json == {
        "batch": f"retiree-credits-990100-{month}",
        "period": month,
        "area": "990100",
        "state": "finished",
        "posted": 1,
        "amount": "110.00",
        "posted_in_all": 1,
        "amount_in_all": "110.00",
    }
    again = run("retiree-credits", month, "--area", "990100")
    assert (again.code, again.json["posted"], again.json["amount_in_all"]) == (0, 0, "110.00")


@pytest.mark.parametrize(
    ("month", "area", "code"),
    [("2999-01", "990100", "period_invalid"), ("2025-13", "990100", "period_invalid"),
     ("202509", "990100", "period_invalid"), ("2025-09", "990199", "area_unknown"),
     # a slip of ten years; and one of the calendar
     (f"{LAST_YEAR - 9}-11", "990100", "period_invalid"), ("0001-01", "990100", "period_invalid")],
)  # fmt: skip
def test_credits_of_retirees_that_cannot_be_are_refused(
    run: Callable[..., Answer], ready: Engine, month: str, area: str, code: str
) -> None:
    answer = run("retiree-credits", month, "--area", area)
    wrong = code == "area_unknown" or month in {"2025-13", "202509"}
    assert (answer.code, answer.json["code"]) == (2 if wrong else 1, code)


def test_an_older_month_of_retirees_is_asked_for_expressly(run: Callable[..., Answer], ready: Engine) -> None:
    world = World(ready, now=datetime.now(UTC))
    unit = Unit(world)
    unit.enrol(world.open(opened_on=date(2016, 1, 1)), MemberClass.RETIRED, date(2016, 1, 1), here=False)
    unit.enrol(world.open(), MemberClass.RETIRED, date(2016, 1, 1), here=False)
    refused = run("retiree-credits", "2016-11", "--area", "990100")
    assert (refused.code, refused.json["code"]) == (1, "period_invalid")
    done = run("retiree-credits", "2016-11", "--area", "990100", "--yes-older")
    assert (done.code, done.json["posted"]) == (0, 1), "to nobody before the account"
    assert (
        run("retiree-credits", "1989-12", "--area", "990100", "--yes-older").json["code"] == "period_invalid"
    )


def test_a_year_end_that_leaves_somebody_out_says_so(run: Callable[..., Answer], ready: Engine) -> None:
    world = World(ready, now=datetime.now(UTC))
    world.open(opened_on=date(LAST_YEAR, 1, 1), opening=(0, 1_000_000))
    with as_before_the_bounds():
        bad = account_no(world.open(opened_on=date(1995, 1, 1), opening=(0, 1_000_000)))
    answer = run("year-end", LAST_YEAR, "--area", "990100")
    assert (answer.code, answer.json["posted"], answer.json["refused"]) == (1, 1, 1)
    assert answer.json["left_out"] == [
        {"book": bad, "code": "rates_missing", "parameter": "interest.demand", "day": "1995-01-01"}
    ]
    assert answer.err.strip().endswith(f"1 left out, the first {bad}: rates_missing")


def test_files_are_imported_in_one_go_or_one_by_one(
    run: Callable[..., Answer], ready: Engine, tmp_path: Path
) -> None:
    World(ready)
    counts = write_sample(tmp_path, 12, 4, now_and_today()[1])
    accounts, contributions, spendings = (
        tmp_path / f"{name}.csv" for name in ("accounts", "contributions", "spendings")
    )
    one = run("import", accounts)
    assert (one.code, one.json["kind"], one.json["posted"]) == (0, "accounts", 12)
    both = run("import", contributions, spendings)
    assert both.code == 0
    assert both.json["ok"]
    assert [file["lines"] for file in both.json["files"]] == [
        counts["contributions.csv"], counts["spendings.csv"]
    ]  # fmt: skip
    again = run("import", "contributions", contributions)
    assert (again.json["posted"], again.json["already"]) == (0, counts["contributions.csv"])
    wrong = run("import", "spendings", contributions)
    assert (wrong.code, wrong.json["code"]) == (1, "file_invalid")
    assert verify(ready).clean


def test_a_file_with_a_bad_line_ends_with_another_code(
    run: Callable[..., Answer], ready: Engine, tmp_path: Path
) -> None:
    someone = SomeoneFactory()
    file = tmp_path / "accounts.csv"
    file.write_text(
        "id_number,name,area,opened_on\n"
        f"{someone.id_number},{someone.name},990100,2024-01-01\n119999198503140016,张三,990100,2024-01-01\n"
    )
    answer = run("import", file)
    assert answer.code == 1
    assert (answer.json["posted"], answer.json["refused"]) == (1, 1)
    assert Path(answer.json["rejected_file"]).read_text() == (
        "line,code,reason,column,value,expected\n"
        "3,id_checksum,The check character of the ID number is wrong,"
        "id_number,119999198503140016,an ID number of 18 characters stored as text\n"
    )
    assert "1 lines were refused" in answer.err
    first_bad = run("import", tmp_path / "none.csv", file)
    assert (first_bad.code, first_bad.json["code"]) == (2, "usage")


def test_no_id_number_is_shown_even_as_the_name_of_a_file(
    run: Callable[..., Answer], ready: Engine, tmp_path: Path
) -> None:
    number = id_number(12345)
    for name in (number, f"{number}.csv"):
        answer = run("import", tmp_path / name)
        assert answer.code == 2
        assert number not in answer.out + answer.err
    (tmp_path / "headless.csv").write_text(f"{number},张三,990100,2024-01-01\n")
    answer = run("import", tmp_path / "headless.csv")
    assert (answer.code, answer.json["code"]) == (1, "file_invalid")
    assert number not in answer.out + answer.err


def test_verify_names_the_first_fault(run: Callable[..., Answer], ready: Engine) -> None:
    world = World(ready)
    book = world.open(opening=(0, 10_000))
    clean = run("verify")
    # the account, and the registers of policies, callers and institutions
    assert (clean.code, clean.json["ok"], clean.json["books"], clean.json["findings"]) == (0, True, 4, [])
    with ready.begin() as connection:
        connection.execute(text(f"UPDATE book SET carried_over = 10001 WHERE book_id = {book}"))
    faulty = run("verify")
    assert (faulty.code, faulty.json["ok"]) == (1, False)
    assert faulty.json["findings_total"] >= 1
    assert faulty.json["findings"][0]["where"] in faulty.err


def test_a_sweep_writes_the_expiry_of_forgotten_holds(run: Callable[..., Answer], ready: Engine) -> None:
    world = World(ready)
    day = world.today
    soon, late = noon(day) + timedelta(hours=1), noon(day) + timedelta(days=300)
    books = [world.open(opening=(0, 10_000)) for _ in range(3)]
    for book, ends in ((0, soon), (0, soon), (0, late), (1, soon), (2, late)):
        world.one(Hold(books[book], 1_000, ends, "H0001", world.ref()), today=day)
    # a posting on the account was faster
    world.one(Spend(books[1], 9_500, day, "H0001", world.ref()), now=noon(day) + timedelta(hours=2))

    def clock() -> tuple[datetime, date]:
        return noon(day) + timedelta(hours=2), day

    with ready.connect() as connection:
        assert sweep(connection, clock, world.policies) == 2
        assert sweep(connection, clock, world.policies) == 0
        with connection.begin():
            rows = connection.execute(select(tables.book.c.book_id, tables.book.c.held))
            held = {row.book_id: row.held for row in rows}
    assert [held[book] for book in books] == [1_000, 0, 1_000]
    assert verify(ready).clean
    assert run("sweep").json["expired"] in {0, 2}, "two more when the tests run after those 300 days"


# -- the data directory --------------------------------------------------------------------------------------


def test_a_token_stands_alone_on_stdout(run: Callable[..., Answer], data: Path) -> None:
    from ledger.access.tokens import create_signing_key

    refused = run("token", "--scope", "admin", "--data", data)
    assert (refused.code, refused.json["code"]) == (2, "keys_invalid")
    assert "token-signing.pem" in refused.err
    create_signing_key(data / "keys")
    token = run("token", "--scope", "admin accounts:read", "--data", data)
    assert (token.code, token.err, token.out.count(".")) == (0, "", 2)
    unknown = run("token", "--scope", "money", "--data", data)
    assert (unknown.code, unknown.json["code"]) == (2, "usage")
    assert "accounts:read" in unknown.err
    bound = run("token", "--scope", "employers:read", "--employer", "91999999000000001k", "--data", data)
    claims = jwt.decode(bound.out.strip(), options={"verify_signature": False})
    assert claims["employer"] == "91999999000000001K"
    assert "employer" not in jwt.decode(token.out.strip(), options={"verify_signature": False})
    wrong = run("token", "--scope", "employers:read", "--employer", "x", "--data", data)
    assert (wrong.code, wrong.json["code"]) == (2, "usage")
    hospital = run("token", "--scope", "accounts:read", "--institution", "H0001", "--data", data)
    claims = jwt.decode(hospital.out.strip(), options={"verify_signature": False})
    assert (claims["institution"], "employer" in claims) == ("H0001", False)
    number = "119999198503140015"
    person = run(
        *("token", "--scope", "accounts:read", "--person", number, "--channel", "online"), "--data", data
    )
    claims = jwt.decode(person.out.strip(), options={"verify_signature": False})
    assert (claims["channel"], len(bytes.fromhex(claims["person"]))) == ("online", 32)
    assert number not in json.dumps(claims)
    slash = run("token", "--scope", "accounts:read", "--institution", "H/1", "--data", data)
    assert (slash.code, slash.json["code"]) == (2, "usage")


def test_without_keys_nothing_is_opened(run: Callable[..., Answer], tmp_path: Path) -> None:
    run("migrate", "--data", tmp_path)
    for command in (("serve",), ("import", "x.csv"), ("year-end", "2024", "--area", "990100"), ("sweep",)):
        answer = run(*command, "--data", tmp_path)
        assert (answer.code, answer.json["code"]) == (2, "keys_invalid")
        assert "keys" in answer.err
        assert answer.err.count("\n") == 1
    assert not (tmp_path / "keys").exists()


def test_without_a_jwks_nothing_is_served(run: Callable[..., Answer], data: Path) -> None:
    run("migrate", "--data", data)
    answer = run("serve", "--data", data)
    assert (answer.code, answer.json["code"]) == (2, "jwks_invalid")
    assert "jwks.json" in answer.err


def test_demo_mode_is_for_this_machine(
    run: Callable[..., Answer], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_DEMO", "true")
    answer = run("serve", "--data", data, "--host", "0.0.0.0")
    assert (answer.code, answer.json["code"]) == (2, "settings_invalid")
    assert "loopback" in answer.err


@pytest.mark.parametrize(
    ("url", "says", "code"),
    [("nonsense", "not a database URL", 2), ("sqlite:////nowhere/at/all.db", "cannot be used", 1),
     ("postgresql+psycopg://u:geheim@127.0.0.1:1/d", "cannot be used", 1)],
)  # fmt: skip
def test_a_database_that_is_not_there_is_one_line(
    run: Callable[..., Answer], data: Path, monkeypatch: pytest.MonkeyPatch, url: str, says: str, code: int
) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", url)
    for command in (("migrate",), ("verify",), ("import", "x.csv")):
        answer = run(*command, "--data", data)
        assert (answer.code, answer.err.count("\n")) == (code, 1)
        assert answer.json["code"] == ("not_ready" if code == 1 else "settings_invalid")
        assert says in answer.err
        assert "geheim" not in answer.err + answer.out


def test_a_missing_database_is_not_made_by_looking_at_it(run: Callable[..., Answer], data: Path) -> None:
    assert run("verify", "--data", data).code == 1
    assert not (data / "ledger.db").exists()


def test_a_policy_that_cannot_be_used_is_named(
    run: Callable[..., Answer], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("migrate", "--data", data)
    (tmp_path / "990100.toml").write_text("nonsense")
    monkeypatch.setenv("LEDGER_POLICIES", str(tmp_path))
    answer = run("sweep", "--data", data)
    assert (answer.code, answer.json["code"]) == (2, "policy_invalid")
    assert "990100.toml" in answer.err


def test_a_sample_is_written_where_it_is_wanted(run: Callable[..., Answer], tmp_path: Path) -> None:
    first = run("sample", "--people", 5, "--seed", 2, "--out", tmp_path / "a", "--today", "2026-11-21").json
    assert first["lines"]["accounts.csv"] == 5
    run("sample", "--people", 5, "--seed", 2, "--data", tmp_path, "--today", "2026-11-21")
    for name in first["lines"]:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "sample-2-5" / name).read_bytes()
    (tmp_path / "file").write_text("")
    answer = run("sample", "--out", tmp_path / "file")
    assert (answer.code, answer.err.count("\n")) == (2, 1)


# -- serving -------------------------------------------------------------------------------------------------


def book_of(service: Service) -> tuple[int, int]:
    """How many books and entries there are."""
    engine = connect(service.environment.get("LEDGER_DATABASE_URL") or f"sqlite:///{service.data}/ledger.db")
    try:
        with engine.connect() as connection, connection.begin():
            counts = [
                connection.scalar(select(func.count()).select_from(table)) or 0
                for table in (tables.book, tables.entry)
            ]
        return counts[0], counts[1]
    finally:
        engine.dispose()


@pytest.mark.slow
def test_a_demo_serves_its_people_and_keeps_them(
    run: Callable[..., Answer],
    tmp_path: Path,
    empty_url: str,
    database_leg: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = None if database_leg == "sqlite" else empty_url
    monkeypatch.setenv("LEDGER_DATA", str(tmp_path / "data"))
    if url is not None:
        monkeypatch.setenv("LEDGER_DATABASE_URL", url)
    service = Service(tmp_path / "data", url, people=15)
    service.start()
    try:
        assert service.call("GET", "/livez")[0] == 200
        log = service.log()
        assert f"http://127.0.0.1:{service.port}" in log
        assert str(service.data / "token") in log
        lines = (service.data / "sample/accounts.csv").read_text().splitlines()[1:]
        assert len(lines) == 15
        person = lines[0].split(",")[0]
        assert service.call("GET", f"/v1/accounts/{person}/balance")[0] == 200
        before = book_of(service)
        whose = "the people, and their employer; the families and theirs; the registers"
        assert before[0] == 15 + 1 + 8 + len(Register), whose
        keys = {file.name: file.read_bytes() for file in (service.data / "keys").iterdir()}

        # other commands, in this process, beside the running service
        assert run("verify").json["ok"]
        file = tmp_path / "more.csv"
        file.write_text(
            f"account,source_ref,period,effective_on,amount\n{person},more,2026-01,2026-02-15,9.99\n"
        )
        assert run("import", file).json["posted"] == 1
        ended = run("year-end", LAST_YEAR, "--area", "990100")
        assert (ended.code, ended.json["state"]) == (0, "finished")
        token = run("token", "--scope", "reports:read").out.strip()
        (service.data / "token").write_text(token)
        assert service.call("GET", f"/v1/accounts/{person}")[0] == 403, "a token may what its scopes say"
        after = book_of(service)
        service.stop()

        service.start()
        assert book_of(service) == after, "a second start imports nothing again"
        assert {file.name: file.read_bytes() for file in (service.data / "keys").iterdir()} == keys
        assert service.call("GET", f"/v1/accounts/{person}/balance")[0] == 200, "there is a new token"
        assert person not in service.log()
    finally:
        service.stop()


@pytest.mark.slow
@pytest.mark.sqlite
def test_a_demo_without_people_has_an_area_and_two_institutions(tmp_path: Path, engine: Engine) -> None:
    service = Service(tmp_path / "data")
    service.start()
    try:
        assert book_of(service)[0] == len(Register), "nobody's, but those of the registers"
        assert not (service.data / "sample").exists()
        someone = SomeoneFactory()
        opening = {"current_year": "10.00", "carried_over": "0.00", "source_ref": "old"}
        body = {"id_number": someone.id_number, "name": someone.name, "area": "990100",
                "opened_on": "2024-01-01", "opening": opening}  # fmt: skip
        status, account, _ = service.call("POST", "/v1/accounts", body, "k1")
        assert status == 201
        for institution in ("H0001", "P0001"):
            status, answer, _ = service.call(
                "POST",
                f"/v1/accounts/{account['account_no']}/spendings",
                {"amount": "1.00", "effective_on": "2024-02-01", "institution": institution,
                 "source_ref": institution},
                institution,
            )  # fmt: skip
            assert status == 201, answer
    finally:
        service.stop()


def test_a_port_that_is_taken_is_said_at_once(run: Callable[..., Answer], tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        answer = run("demo", "--data", tmp_path / "data", "--port", other.getsockname()[1])
    assert (answer.code, answer.json["code"]) == (1, "not_ready")
    assert "in use" in answer.err
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_the_door_is_where_it_should_be() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ledger", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for command in ["demo", "serve", "migrate", "token", "import", "year-end", "verify", "sample", "sweep"]:
        assert command in done.stdout
    assert "retiree-credits" in done.stdout
