"""Database roles: each may do what it is for, and nothing else; the service works as the one who writes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import ProgrammingError

from ledger import tables
from ledger.accounts.contributing import Contribute
from ledger.accounts.spending import Spend
from ledger.book.numbers import account_no
from ledger.database.engines import connect
from ledger.operations import erasing
from ledger.operations.rights import CHANGED_BY_THE_OWNER, DatabaseRole, rights_of
from ledger.verify import verify
from tests.operations.test_cli import Answer, run  # noqa: F401  a fixture
from tests.support.approvals import asks_nobody
from tests.support.erased_life import bury
from tests.support.people import KEYRING, SomeoneFactory, World, noon, write_keys

REFUSED = r"permission denied|must be owner"
ROLES = {role: f"{role.value}_{os.getpid()}" for role in DatabaseRole}


def as_role(url: str, role: DatabaseRole) -> str:
    return make_url(url).set(username=ROLES[role]).render_as_string(hide_password=False)


@pytest.fixture
def granted(
    run: Callable[..., Answer],  # noqa: F811  the fixture
    fresh_engine: Engine,
    fresh_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """A database whose roles were made by the command, twice."""
    write_keys(tmp_path / "keys")
    monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_url)
    monkeypatch.setenv("LEDGER_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("LEDGER_DATA", str(tmp_path))
    try:
        for role, name in ROLES.items():
            first = run("grant", name, "--as", role.value)
            assert (first.code, first.json["made"], first.json["rights"]) == (0, True, len(rights_of(role)))
            assert run("grant", name, "--as", role.value).json == first.json | {"made": False}
        yield fresh_url
    finally:
        with fresh_engine.begin() as connection:
            for name in ROLES.values():
                connection.execute(text(f"DROP OWNED BY {name}"))
                connection.execute(text(f"DROP ROLE {name}"))


@pytest.mark.postgres
def test_each_role_may_do_what_it_is_for(granted: str) -> None:
    """All privileges of all tables, as the server itself tells them."""
    asked = text(
        "SELECT c.relname, p FROM pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE',"
        " 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p"
        " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
        " AND has_table_privilege(c.oid, p)"
    )
    for role in DatabaseRole:
        engine = connect(as_role(granted, role))
        with engine.connect() as connection:
            assert {tuple(row) for row in connection.execute(asked)} == set(rights_of(role))
            owned = connection.scalar(
                text("SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = current_user")
            )
            assert owned == 0
        engine.dispose()


@pytest.mark.postgres
def test_who_writes_works_and_takes_nothing_back(granted: str) -> None:
    engine = connect(as_role(granted, DatabaseRole.WRITER))
    world = World(engine)
    account = world.open(SomeoneFactory())
    world.one(Contribute(account, 500, 202603, world.today, "c"))
    world.one(Spend(account, 200, date(2026, 4, 1), "H0001", "s"))
    assert verify(engine, keyring=KEYRING).findings == []
    wanted = [f"UPDATE {name} SET {next(iter(tables.metadata.tables[name].columns)).name} = NULL"
              for name in (*tables.APPEND_ONLY, *CHANGED_BY_THE_OWNER)]  # fmt: skip
    wanted += [f"DELETE FROM {name}" for name in (*tables.APPEND_ONLY, *tables.NEVER_DELETED)]
    wanted += [f"TRUNCATE {name} CASCADE" for name in tables.metadata.tables]
    wanted += [
        "ALTER TABLE entry DISABLE TRIGGER ALL",
        "DROP TABLE batch",
        "SET session_replication_role = replica",
    ]
    for statement in wanted:
        with (
            engine.connect() as connection,
            pytest.raises(ProgrammingError, match=REFUSED),
        ):
            connection.execute(text(statement))
    engine.dispose()


@pytest.mark.postgres
def test_who_reads_sees_nobody(granted: str) -> None:
    engine = connect(as_role(granted, DatabaseRole.READER))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM entry")).scalar() is not None
    for name in (
        "identity",
        "identity_entry",
        "person_fact",
        "declared_line",
        "document_content",
        "person_key",
        "read_log",
    ):
        with engine.connect() as connection, pytest.raises(ProgrammingError, match="permission denied"):
            connection.execute(text(f"SELECT count(*) FROM {name}"))
    engine.dispose()


@pytest.mark.postgres
def test_who_seals_and_who_checks_need_no_more(
    run: Callable[..., Answer],  # noqa: F811  the fixture
    granted: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = connect(granted)
    World(engine).open(SomeoneFactory())
    engine.dispose()
    assert run("migrate").code == 0
    monkeypatch.setenv("LEDGER_DATABASE_URL", as_role(granted, DatabaseRole.SEALER))
    sealed = run("seal")
    assert (sealed.code, sealed.json["added"]) == (0, True)
    monkeypatch.setenv("LEDGER_DATABASE_URL", as_role(granted, DatabaseRole.AUDITOR))
    checked = run("verify")
    assert (checked.code, checked.json["ok"], checked.json["findings"]) == (0, True, [])


@pytest.mark.postgres
def test_who_erases_without_the_right_is_told_so(
    run: Callable[..., Answer],  # noqa: F811  the fixture
    granted: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And not that the same again would help: only the owner takes a key away."""
    engine = connect(granted)
    world = asks_nobody(World(engine, now=noon(date(2026, 3, 8))))
    book = world.open(SomeoneFactory())
    bury(world, book)
    later = (noon(date(2057, 3, 9)), date(2057, 3, 9))
    monkeypatch.setattr(erasing, "now_and_today", lambda: later)
    asked = ("keys", "erase", account_no(book), "--document", "list 9")
    monkeypatch.setenv("LEDGER_DATABASE_URL", as_role(granted, DatabaseRole.WRITER))
    told = run(*asked)
    assert (told.code, told.json["code"]) == (1, "not_ready")
    assert "permission denied for table person_key" in told.err
    assert "again" not in told.err
    monkeypatch.setenv("LEDGER_DATABASE_URL", granted)
    assert run(*asked).json["replayed"] is False
    assert verify(engine, keyring=KEYRING).erased == 1
    engine.dispose()


@pytest.mark.postgres
def test_an_owner_is_given_nothing(granted: str, run: Callable[..., Answer]) -> None:  # noqa: F811  the fixture
    owner = make_url(granted).username or ""
    answer = run("grant", owner, "--as", "writer")
    assert (answer.code, answer.json["code"]) == (1, "not_ready")


@pytest.mark.sqlite
def test_a_file_has_no_roles(
    run: Callable[..., Answer],  # noqa: F811  the fixture
    tmp_path: Path,
) -> None:
    assert run("keys", "--data", tmp_path).code == 0
    assert run("migrate", "--data", tmp_path).code == 0
    answer = run("grant", "clerk", "--as", "writer", "--data", tmp_path)
    assert (answer.code, answer.json["code"]) == (1, "not_ready")
    assert run("grant", " ", "--as", "writer", "--data", tmp_path).code == 2
