"""The doctor finds what is wrong with an installation and says nothing secret; each check can fail."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, make_url, text
from typer.testing import CliRunner

from ledger import tables
from ledger.__main__ import app
from ledger.access.tokens import create_signing_key
from ledger.accounts.holds import Hold
from ledger.database.engines import connect
from ledger.database.facts import ServerFacts, missing_rights
from ledger.events.feed import take_in
from ledger.events.webhooks import RegisteredBy, register_webhook
from ledger.operations import checks
from ledger.operations.checks import Unsound
from ledger.operations.figures import Figures, wrote_down_verified
from ledger.operations.rights import rights_needed
from ledger.people.sealing import record_keys
from ledger.policy import PACKAGED_POLICIES, load_policies
from ledger.posting import batches
from ledger.settings import Settings
from ledger.vault import Keyring
from tests.check import migrate
from tests.support.people import World, noon
from tests.support.postgres import Server
from tests.support.workers import put_keys

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
OF_ALL = [
    "settings", "data_directory", "disk_space", "keys", "document_key", "public_url", "key_files", "jwks",
    "policies",
    "database", "schema", "keys_of_database", "verify", "runs", "holds", "events",
]  # fmt: skip
OF = {
    "sqlite": ["journal", "database_space", "one_machine"],
    "postgresql": [
        "server_version", "synchronous_commit", "fsync", "encoding", "clock", "connections", "rights",
    ],
}  # fmt: skip
# the servers of the tests forget what they are told when the power goes
FORGETFUL = {"sqlite": set(), "postgresql": {"synchronous_commit", "fsync"}}
SOUND = ServerFacts(150_004, "on", "on", "UTF8", NOW, 100, 3, -1, -1)


@pytest.fixture
def data(tmp_path: Path, fresh_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sound installation: the data directory of it."""
    for name in [name for name in os.environ if name.startswith("LEDGER_")]:
        monkeypatch.delenv(name)
    data = tmp_path / "data"
    put_keys(data)
    create_signing_key(data / "keys")
    monkeypatch.setenv("LEDGER_DATA", str(data))
    monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_url)
    return data


def examined() -> tuple[int, dict[str, Any], str]:
    """The exit code, what was said as JSON, and what was shown."""
    result = CliRunner().invoke(app, ["doctor"])
    return result.exit_code, json.loads(result.stdout), result.stderr


def bad() -> dict[str, str]:
    """The checks that failed, with what they said."""
    _code, said, _shown = examined()
    return {one["name"]: one["detail"] for one in said["checks"] if not one["ok"]}


# -- the whole -------------------------------------------------------------------------------------------


def test_all_checks_are_made_and_shown(data: Path, database_leg: str) -> None:
    code, said, shown = examined()
    assert [one["name"] for one in said["checks"]] == OF_ALL + OF[database_leg]
    assert all(set(one) == {"name", "ok", "detail"} and one["detail"] for one in said["checks"])
    assert {one["name"] for one in said["checks"] if not one["ok"]} == FORGETFUL[database_leg]
    assert (code, said["ok"]) == ((0, True) if database_leg == "sqlite" else (1, False))
    lines = shown.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["ok" if one["ok"] else "BAD", one["name"]] for one in said["checks"]
    ]
    assert said["settings"]["LEDGER_DATA"] == str(data)
    assert said["settings"]["LEDGER_POLICIES"] == str(PACKAGED_POLICIES)


@pytest.mark.slow
@pytest.mark.postgres
def test_a_server_as_it_should_be_passes(data: Path, postgres_to_kill: Server, monkeypatch: Any) -> None:
    url = postgres_to_kill.create_database("sound")
    migrate(url)
    monkeypatch.setenv("LEDGER_DATABASE_URL", url)
    code, said, _shown = examined()
    assert (code, said["ok"], bad()) == (0, True, {})


def test_nothing_secret_is_shown(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "s3cr3t-w0rd"
    url = f"postgresql+psycopg://user:{secret}@127.0.0.1:1/name?sslpassword={secret}&application_name=x"
    monkeypatch.setenv("LEDGER_DATABASE_URL", url)
    code, said, shown = examined()
    assert code == 1
    assert secret not in json.dumps(said) + shown
    assert "user:***@127.0.0.1:1/name" in said["settings"]["LEDGER_DATABASE_URL"]
    assert "application_name=x" in said["settings"]["LEDGER_DATABASE_URL"]
    keys = [(data / "keys" / name).read_text().strip() for name in ("seal-1.key", "index.key")]
    assert not any(key in json.dumps(said) + shown for key in keys)


def test_wrong_usage_alone_is_two(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert CliRunner().invoke(app, ["doctor", "--nothing"]).exit_code == 2
    monkeypatch.setenv("LEDGER_PORT", "many")
    code, said, _shown = examined()
    assert (code, said["settings"]) == (1, {})
    assert said["checks"] == [
        {"name": "settings", "ok": False, "detail": "LEDGER_PORT: a number from 0 to 65535"}
    ]


# -- what is here ----------------------------------------------------------------------------------------


def test_a_directory_that_is_missing_or_cannot_be_written(data: Path, monkeypatch: Any) -> None:
    for name in ("LEDGER_KEYS", "LEDGER_JWKS"):
        monkeypatch.setenv(name, str(data / "keys" / ("jwks.json" if name.endswith("JWKS") else "")))
    monkeypatch.setenv("LEDGER_DATA", str(data / "nowhere"))
    assert bad()["data_directory"] == f"no directory {data / 'nowhere'}"
    monkeypatch.setenv("LEDGER_DATA", "/proc")
    assert bad()["data_directory"].startswith("/proc cannot be written to: ")


def test_a_disk_that_is_nearly_full(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ledger.operations import doctor

    usage = type("Usage", (), {"free": checks.FREE_BYTES_LEAST - 1})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _path: usage)
    assert "GB free" in bad()["disk_space"]
    checks.free_space(checks.FREE_BYTES_LEAST, data)
    # that of an SQLite file is asked for its size at least
    with pytest.raises(Unsound):
        checks.free_space(5 << 30, data, 6 << 30)


@pytest.mark.parametrize(
    ("spoil", "failing"),
    [
        (
            lambda keys: (keys / "index.key").unlink(),
            {"keys": "index.key", "document_key": "no keys", "keys_of_database": "no keys"},
        ),
        (
            lambda keys: (keys / "seal-1.key").chmod(0o640),
            {
                "keys": "seal-1.key",
                "document_key": "no keys",
                "key_files": "seal-1.key: others may use it",
                "keys_of_database": "no keys",
            },
        ),
        (lambda keys: (keys / "token-signing.pem").chmod(0o604), {"key_files": "token-signing.pem"}),
        (lambda keys: (keys / "jwks.json").unlink(), {"jwks": "jwks.json"}),
        (lambda keys: (keys / "jwks.json").write_text('{"keys": []}'), {"jwks": "no EdDSA or RS256 key"}),
        (lambda keys: (keys / "jwks.json").write_text("nothing"), {"jwks": "not a readable JWKS"}),
    ],
)
def test_keys_that_will_not_do(
    data: Path, database_leg: str, spoil: Callable[[Path], Any], failing: dict[str, str]
) -> None:
    spoil(data / "keys")
    found = bad()
    assert found.keys() == failing.keys() | FORGETFUL[database_leg]
    for name, part in failing.items():
        assert part in found[name]


def test_a_key_that_signs_and_is_gone(data: Path, fresh_url: str) -> None:
    """Made where the database knows none, and put back where it knows one: a new one is another key."""
    file = data / "keys" / "document-1.key"
    kept = file.read_bytes()
    file.unlink()
    assert bad()["document_key"] == "none: nothing can be printed; `python -m ledger keys` makes it"
    file.write_bytes(kept)
    file.chmod(0o600)
    migrate(fresh_url)
    engine = connect(fresh_url)
    try:
        with engine.connect() as connection:
            record_keys(connection, Keyring.load(data / "keys"), NOW)
    finally:
        engine.dispose()
    assert "document_key" not in bad()
    file.unlink()
    found = bad()
    for check in ("document_key", "keys_of_database"):
        assert "put back the key directory that belongs to it" in found[check]
    assert "`python -m ledger keys` makes it" not in str(found)


def test_the_address_at_which_documents_are_checked(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def told() -> str:
        return str(next(one["detail"] for one in examined()[1]["checks"] if one["name"] == "public_url"))

    assert (
        told() == "LEDGER_PUBLIC_URL is not set: documents carry no address and no QR code, their code alone"
    )
    monkeypatch.setenv("LEDGER_PUBLIC_URL", "https://ledger.example.org")
    assert told() == "documents are checked at https://ledger.example.org"


def test_policies_that_will_not_do(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    monkeypatch.setenv("LEDGER_POLICIES", str(folder))
    assert "no policy files" in bad()["policies"]
    (folder / "990100.toml").write_text("nothing")
    assert "990100.toml" in bad()["policies"]
    policies = load_policies()
    assert "holidays" not in checks.policies_today(policies, date(2026, 11, 16))
    # a deadline of that day may run into a year of which no holidays are known
    assert "no public holidays of 2027" in checks.policies_today(policies, date(2026, 11, 21))
    with pytest.raises(Unsound, match=r"area 990100 has no value on 1900-01-01 of .* and [0-9]+ more"):
        checks.policies_today(policies, date(1900, 1, 1))


# -- the database ----------------------------------------------------------------------------------------


def test_a_database_that_is_not_there(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEDGER_DATABASE_URL")
    found = bad()
    assert found["database"] == f"no database in {data}: run `python -m ledger migrate`"
    assert found["of_database"] == "what is asked of the database is not looked at: it is not reached"
    # and none is made by looking
    assert not (data / "ledger.db").exists()


def test_another_schema(data: Path, empty_url: str, fresh_engine: Engine, monkeypatch: Any) -> None:
    with fresh_engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'of another time'"))
    assert "run `python -m ledger migrate`" in bad()["schema"]
    monkeypatch.setenv("LEDGER_DATABASE_URL", empty_url)
    assert bad()["schema"].startswith("at nothing, this program needs ")


def test_the_keys_of_another_database(data: Path, fresh_engine: Engine) -> None:
    World(fresh_engine).open()
    assert "keys_of_database" not in bad()
    for file in (data / "keys").glob("*.key"):
        file.unlink()
    Keyring.create(data / "keys")
    assert "put back the key directory" in bad()["keys_of_database"]


def test_a_verify_that_is_old_or_found_something(data: Path, fresh_engine: Engine) -> None:
    world = World(fresh_engine)
    assert "verify" not in bad(), "nothing is there yet"
    world.open()
    assert bad()["verify"].startswith("never: ")
    assert wrote_down_verified(fresh_engine, datetime.now(UTC) - timedelta(days=3), 0)
    assert "clean, but 72 hours ago" in bad()["verify"]
    assert wrote_down_verified(fresh_engine, datetime.now(UTC), 1)
    assert bad()["verify"].startswith("it has found something")
    assert wrote_down_verified(fresh_engine, datetime.now(UTC), 0)
    assert not {"verify", "runs"} & bad().keys()


def test_the_age_of_a_verify_to_the_second() -> None:
    figures = Figures(NOW.timestamp(), 0, verified_at=NOW.timestamp(), verified_clean=True)
    checks.last_verify(figures, NOW + checks.VERIFY_AGE_MAX, is_empty=False)
    with pytest.raises(Unsound):
        checks.last_verify(figures, NOW + checks.VERIFY_AGE_MAX + timedelta(seconds=1), is_empty=False)


def test_runs_that_failed(data: Path, fresh_engine: Engine) -> None:
    with fresh_engine.connect() as connection:
        batch = batches.begin(connection, "year-end-990100-2025", "year-end", datetime.now(UTC))
        assert "runs" not in bad()
        batch.state = batches.FAILED
        batches.save(connection, batch, NOW)
    assert bad()["runs"].startswith("failed: year-end-990100-2025; ")


def test_an_import_that_was_killed_is_named(data: Path, fresh_engine: Engine) -> None:
    now = datetime.now(UTC)
    with fresh_engine.connect() as connection:
        batches.take(connection, "import-accounts-12345678-12345678", "import", now - timedelta(minutes=58))
        assert "runs" not in bad(), "it may be at work"
        killed = batches.take(connection, "import-accounts-87654321-87654321", "import", now)
        batches.save(connection, killed, now - timedelta(hours=1, seconds=1))
        assert "nothing written for an hour: import-accounts-87654321-87654321; if" in bad()["runs"]
        killed.state = batches.FINISHED
        batches.save(connection, killed, now - timedelta(days=9))
    assert "runs" not in bad()


def test_a_database_that_is_down_is_one_line(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", "postgresql+psycopg://u@127.0.0.1:1/d")
    code, said, _shown = examined()
    assert code == 1
    assert [one["name"] for one in said["checks"]] == [*OF_ALL[: OF_ALL.index("schema")], "of_database"]
    assert bad().keys() == {"database", "of_database"}


def test_keys_that_are_lost_are_to_be_put_back(data: Path, fresh_engine: Engine) -> None:
    for file in (data / "keys").glob("*.key"):
        file.unlink()
    assert "there are no keys" in bad()["keys_of_database"]
    World(fresh_engine).open()
    assert "put back the key directory" in bad()["keys_of_database"]


def test_holds_that_nobody_swept(data: Path, fresh_engine: Engine) -> None:
    world = World(fresh_engine, now=noon(date(2026, 3, 1)))
    account = world.open(opening=(0, 10_000), opened_on=date(2026, 1, 1))
    world.one(Hold(account, 1_000, world.now + timedelta(days=1), "H0001", "hold-1"))
    assert bad()["holds"].startswith("1 accounts with a hold")


def test_events_that_nobody_takes(data: Path, fresh_engine: Engine) -> None:
    long_ago, now = noon(date(2026, 3, 1)), datetime.now(UTC)
    world = World(fresh_engine, now=long_ago)
    world.open(opened_on=date(2026, 1, 1))
    assert "events sweep" in bad()["events"]
    with fresh_engine.connect() as connection:
        while take_in(connection):
            pass
    assert "events" not in bad()
    with fresh_engine.connect() as connection:
        webhook, _secret = register_webhook(
            connection, world.keyring, "https://receiver.example/", None, RegisteredBy("a", "b", long_ago)
        )
    row = tables.webhook
    # one that fails since an hour is sent again, and one that was ended is sent nothing
    for said, is_bad in (
        ({}, False),
        ({"tries": 9}, True),
        ({"taken_at": now - timedelta(hours=1)}, False),
        ({"taken_at": now - timedelta(hours=25)}, True),
        ({"ended_at": now}, False),
    ):
        if said:
            with fresh_engine.begin() as connection:
                connection.execute(row.update().values(**said))
        assert (webhook.name in bad().get("events", "")) is is_bad


@pytest.mark.sqlite
def test_how_long_events_may_wait() -> None:
    for days, is_bad in ((0, False), (2, False), (3, True)):
        waits = NOW - timedelta(days)
        if is_bad:
            with pytest.raises(Unsound, match="since 3 days"):
                checks.events(waits, [], NOW)
        else:
            assert checks.events(waits, [], NOW) == "nothing waits for long"


# -- SQLite ----------------------------------------------------------------------------------------------


@pytest.mark.sqlite
def test_where_a_file_lies() -> None:
    mounts = "/dev/a / ext4 rw 0 0\nserver:/x /srv/led\\040ger nfs4 rw 0 0\n/dev/b /srv/ledger xfs rw 0 0\n"
    assert checks.one_machine(Path("/srv/ledger/ledger.db"), mounts).endswith("xfs")
    assert checks.one_machine(Path("/srv/other/ledger.db"), mounts).endswith("ext4")
    with pytest.raises(Unsound, match="lies on nfs4"):
        checks.one_machine(Path("/srv/led ger/ledger.db"), mounts)


@pytest.mark.sqlite
def test_a_journal_that_others_wait_for() -> None:
    assert checks.journal("wal") == "wal"
    with pytest.raises(Unsound, match="delete"):
        checks.journal("delete")


# -- PostgreSQL ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("judge", "facts"),
    [
        (checks.server_version, SOUND._replace(version=140_011)),
        (checks.durable_commit, SOUND._replace(synchronous_commit="off")),
        (checks.durable_files, SOUND._replace(fsync="off")),
        (checks.encoding, SOUND._replace(encoding="SQL_ASCII")),
    ],
)
def test_a_server_that_will_not_do(judge: Callable[[ServerFacts], str], facts: ServerFacts) -> None:
    assert judge(SOUND)
    with pytest.raises(Unsound):
        judge(facts)


def test_enough_connections(tmp_path: Path) -> None:
    settings = Settings(tmp_path, workers=2, runs_max=2)
    needed = 2 * 28 + 2 + 4
    for limits in ({"connections_max": needed + 3}, {"role_limit": needed}, {"database_limit": needed}):
        assert checks.connections(SOUND._replace(**limits), settings)
    for limits in (
        {"connections_max": needed + 2},
        {"role_limit": needed - 1},
        {"database_limit": needed - 1},
    ):
        with pytest.raises(Unsound, match=f"may want {needed}"):
            checks.connections(SOUND._replace(**limits), settings)


def test_clocks() -> None:
    second = timedelta(seconds=1)
    for ours in (NOW - 2 * second, NOW, NOW + 5 * second, NOW + 7 * second):
        assert checks.clock(ours, NOW, NOW + 5 * second)
    for ours in (NOW - 2.01 * second, NOW + 7.01 * second):
        with pytest.raises(Unsound, match="NTP"):
            checks.clock(ours, NOW, NOW + 5 * second)


@pytest.mark.postgres
def test_what_the_role_may(data: Path, fresh_engine: Engine, fresh_url: str, monkeypatch: Any) -> None:
    role = f"clerk_{os.getpid()}"
    with fresh_engine.begin() as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN"))
    try:
        url = make_url(fresh_url).set(username=role).render_as_string(hide_password=False)
        monkeypatch.setenv("LEDGER_DATABASE_URL", url)
        assert "the role may not" in bad()["rights"]
        with fresh_engine.begin() as connection:
            # as docs/install.md has it
            connection.execute(text(f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {role}"))
            connection.execute(text(f"GRANT DELETE ON claim, identity, batch_line, outbox, notice TO {role}"))
        assert "rights" not in bad()
        for name, privilege in rights_needed():
            with fresh_engine.connect() as connection, connection.begin() as transaction:
                connection.execute(text(f"REVOKE {privilege} ON {name} FROM {role}"))
                connection.execute(text(f"SET LOCAL ROLE {role}"))
                assert missing_rights(connection, rights_needed()) == [(name, privilege)]
                transaction.rollback()
    finally:
        with fresh_engine.begin() as connection:
            connection.execute(text(f"DROP OWNED BY {role}"))
            connection.execute(text(f"DROP ROLE {role}"))
