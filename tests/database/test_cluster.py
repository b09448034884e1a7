"""What differs in a cluster, on one PostgreSQL that is told to be one: nothing here needs Citus."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import BigInteger, ColumnClause, Connection, Engine, column, event, make_url, select, text
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner

from ledger import tables
from ledger.__main__ import app
from ledger.accounts.contributing import Contribute
from ledger.accounts.interest_corrections import interest_difference
from ledger.accounts.interest_history import judged, read_history_since
from ledger.accounts.spending import Spend
from ledger.contributions.declared_months import is_closed
from ledger.database import cluster, schema
from ledger.database.cluster import (
    CannotDistribute,
    distribute,
    guard_parts,
    in_cluster,
    in_lock_order,
    pruned,
    tell_workers,
)
from ledger.database.engines import OtherDatabase, connect, database_url
from ledger.database.lookups import Apart, Lookup
from ledger.database.rights import grant, make_role
from ledger.database.schema import standing_guards
from ledger.events.feed import take_in
from ledger.operations import installation
from ledger.operations.installation import NotReady, connect_ready
from ledger.people.other_accounts import OPEN_OF_HOLDER
from ledger.people.persons import stake_by_number
from ledger.people.sealed_numbers import sealed_numbers_of_books
from ledger.posting import Outcome, Posted
from ledger.posting.book_reads import read_books
from ledger.posting.holdings import HOLDINGS, holding_digest
from ledger.posting.writer import Stopped
from ledger.posting.writer_by_machine import WriterByMachine
from ledger.settings import Settings, SettingsError
from ledger.verify import verify
from tests.accounts.test_old_accounts import days_since, owed
from tests.check import migrate
from tests.house.test_places import joins_apart
from tests.support.people import AREA, SomeoneFactory, World, busy_life, noon

SHARDS, MACHINES = 4, 2
# as Citus has it, of which this PostgreSQL has nothing else
SHARD_OF = f"""
CREATE FUNCTION get_shard_id_for_distribution_column(regclass, bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
AS 'SELECT 100 + abs(hashint8($2)) % {SHARDS}';
CREATE TABLE pg_dist_placement (shardid bigint, groupid int);
INSERT INTO pg_dist_placement SELECT 100 + n, n % {MACHINES} FROM generate_series(0, {SHARDS} - 1) AS n;
"""
READS: dict[str, tuple[Apart, str]] = {
    "holdings": (HOLDINGS, "digests"),
    "numbers": (sealed_numbers_of_books(), "books"),
    "numbers in force": (sealed_numbers_of_books("AND i.role = 1"), "books"),
    "open accounts": (OPEN_OF_HOLDER, "books"),
}


@pytest.fixture
def spread(fresh_url: str) -> Iterator[Engine]:
    """An engine over a database of one machine that goes about it as about a cluster."""
    cluster.forget_shards()
    engine = connect(make_url(fresh_url).update_query_dict({"cluster": "citus"}))
    with engine.begin() as connection:
        connection.execute(text(SHARD_OF))
    yield engine
    engine.dispose()
    cluster.forget_shards()


@pytest.mark.postgres
def test_a_cluster_is_said_by_its_url_and_works_with_plans_of_its_own(
    spread: Engine, fresh_engine: Engine
) -> None:
    # who may add rows and change none would not get the lock that a worker is asked for otherwise
    on_a_worker = "citus.allow_modifications_from_workers_to_replicated_tables"
    asked = text(f"SELECT current_setting('plan_cache_mode'), current_setting('{on_a_worker}', true)")
    told = {}
    for engine in (spread, fresh_engine):
        with engine.connect() as connection:
            told[in_cluster(connection)] = tuple(connection.execute(asked).one())
    assert told == {True: ("auto", "off"), False: ("force_generic_plan", None)}


@pytest.mark.parametrize("said", ["pgpool", "CITUS"])
def test_what_is_no_cluster_is_no_database(said: str) -> None:
    with pytest.raises(OtherDatabase):
        database_url(f"postgresql+psycopg://ledger@host/ledger?cluster={said}&host=/x")


@pytest.mark.postgres
def test_books_are_locked_by_shard_and_then_by_number(spread: Engine, fresh_engine: Engine) -> None:
    ids = [16_000_000_000_000 + n for n in (7, 3, 11, 2, 5, 90, 41, 12)]
    with fresh_engine.connect() as connection:
        assert in_lock_order(connection, ids) == [sorted(ids)]
    with spread.connect() as connection, connection.begin():
        lists = in_lock_order(connection, ids)
        assert in_lock_order(connection, reversed(ids)) == lists, "everybody in one order"
        shard_of = text("SELECT get_shard_id_for_distribution_column('book', :id)")
        shards = [{connection.scalar(shard_of, {"id": one}) for one in some} for some in lists]
    assert sorted(one for some in lists for one in some) == sorted(ids)
    assert all(list(some) == sorted(some) for some in lists)
    assert all(len(some) == 1 for some in shards), "one statement asks one shard"
    assert shards == sorted(shards, key=min)
    assert len(shards) > 1, "these eight lie in several"


def test_a_key_that_rows_are_spread_by_is_one_of_those_handed_over() -> None:
    sql = "SELECT 1 FROM {given} JOIN entry e ON e.book_id = given.book_id AND e.seq = given.seq"
    listed = "(e.book_id = given.book_id AND e.book_id = ANY(CAST(:given_book_id AS bigint[])))"
    assert pruned(sql, {"book_id": "bigint", "seq": "int"}) == sql.replace(
        "e.book_id = given.book_id", listed
    )
    other = "SELECT 1 FROM {given} JOIN entry e ON e.target_seq = given.seq WHERE e.book_id = t.book_id"
    assert pruned(other, {"seq": "int"}) == other


@pytest.mark.postgres
@pytest.mark.parametrize("name", READS)
def test_two_looks_find_what_one_finds(name: str, spread: Engine, fresh_engine: Engine) -> None:
    world = World(fresh_engine)
    books = [world.open() for _ in range(5)]
    look, asked_by = READS[name]
    with fresh_engine.connect() as connection, connection.begin():
        persons = [_person(connection, book_id) for book_id in books]
    digests = [holding_digest(person, ordinal) for person in persons for ordinal in (1, 2)]
    asked: list[Any] = {"books": books, "digests": digests}[asked_by]
    found = []
    for engine in (fresh_engine, spread):
        with engine.connect() as connection, connection.begin():
            rows = look.run(connection, [(one,) for one in asked])
            found.append(sorted(tuple(row) for row in rows))
    assert found[0] == found[1]
    assert len(found[0]) >= 4


def _person(connection: Connection, book_id: int) -> int:
    person: int = connection.execute(
        text("SELECT person_id FROM book WHERE book_id = :id"), {"id": book_id}
    ).scalar_one()
    return person


@pytest.mark.postgres
def test_rows_that_nothing_stands_beside_stay_where_they_are_wanted(spread: Engine) -> None:
    def looks(outer: bool) -> Apart:
        batch = Lookup("SELECT given.n FROM {given}", [_number("n")], n="big")
        beside = Lookup(
            "SELECT given.n, given.n + 1 FROM {given} WHERE given.n > 1", [*map(_number, "nm")], n="big"
        )
        return Apart(batch, batch, beside, on=0, outer=outer)

    with spread.connect() as connection, connection.begin():
        asked = [(1,), (2,), (2,)]
        assert looks(outer=False).run(connection, asked) == [(2, 3), (2, 3)]
        assert looks(outer=True).run(connection, asked) == [(1, None), (2, 3), (2, 3)]
        assert looks(outer=True).run(connection, []) == []


def _number(name: str) -> ColumnClause[int]:
    return column(name, BigInteger)


@pytest.mark.postgres
def test_a_life_goes_on_as_on_one_machine(spread: Engine) -> None:
    world = World(spread)
    accounts = [world.open(opening=(10_000, 5_000)) for _ in range(6)]
    for place, account in enumerate(accounts):
        world.one(Contribute(account, 16_000, 202603, world.today, f"c-{place}"))
    spends = [
        Spend(account, 25_000, world.today, "H0001", world.ref()) for account in (*accounts, accounts[0])
    ]
    told = [type(outcome).__name__ for outcome in world.post(*spends)]
    assert told == ["Posted"] * 6 + ["Refused"]
    assert verify(spread).findings == []


@pytest.mark.postgres
def test_what_waits_for_the_feed_lies_with_the_entries_that_it_names(spread: Engine) -> None:
    """Or another machine would show an entry to the feed before an earlier one of the same book."""
    world = World(spread)
    accounts = [world.open(opening=(10_000, 5_000)) for _ in range(12)]
    with spread.connect() as connection:
        while take_in(connection):
            pass
        by_shard = [set(some) for some in in_lock_order(connection, accounts)]
    assert len(by_shard) > 1
    asked = [*accounts, *accounts[:3]]
    world.post(*(Spend(account, 1, world.today, "H0001", world.ref()) for account in asked))
    with spread.connect() as connection, connection.begin():
        rows = connection.execute(select(tables.outbox)).all()
        of_these = select(tables.entry.c.book_id, tables.entry.c.seq).where(
            tables.entry.c.book_id.in_(accounts), tables.entry.c.seq > 1
        )
        written = sorted(map(tuple, connection.execute(of_these)))
    named = [
        [[int(one) for one in said.strip("{}").split(",")] for said in (row.books, row.seqs)] for row in rows
    ]
    assert sorted(map(sorted, by_shard)) == sorted(sorted(set(books)) for books, _seqs in named)
    assert all(
        (row.book_id, row.seq) == (books[0], seqs[0]) for row, (books, seqs) in zip(rows, named, strict=True)
    )
    entries = [place for books, seqs in named for place in zip(books, seqs, strict=True)]
    assert sorted(entries) == written


@pytest.mark.postgres
def test_the_check_of_the_whole_joins_nothing_that_lies_apart(spread: Engine) -> None:
    """What its functions put together themselves, where no name of a module stands for it."""
    world = World(spread)
    world.open(opening=(10_000, 5_000))
    seen: set[str] = set()

    def look(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.add(" ".join(statement.split()))

    event.listen(Engine, "before_cursor_execute", look)
    try:
        told = verify(spread, keyring=world.keyring)
    finally:
        event.remove(Engine, "before_cursor_execute", look)
    assert told.findings == []
    assert len(seen) > 100
    # of events the same is said where statements have names
    found = [sql for sql in seen if " FROM event " not in sql and joins_apart(sql) is not None]
    assert found == []


@pytest.mark.postgres
def test_interest_and_debits_dated_back_read_a_whole_life_and_find_the_same(
    spread: Engine, fresh_engine: Engine
) -> None:
    world = World(fresh_engine, now=noon(date(2024, 3, 1)))
    *_, (book, _now, today) = busy_life(world, 7, 90)
    assert today.year > 2024
    found = []
    for engine in (fresh_engine, spread):
        with engine.connect() as connection, connection.begin():
            opened_on = read_books(connection, [book])[book].opened_on
            days = [days_since(connection, book, year) for year in range(2024, today.year + 1)]
            moved = [{day: one for day, one in some.items() if any(one)} for some in days]
            history = judged(read_history_since(connection, {book: today.year})[book]).history
            difference = interest_difference(
                history, today.year, opened_on=opened_on, paid_out=None, policy=world.policies[AREA]
            )
            found.append((owed(connection, book), moved, difference))
    assert found[0] == found[1]
    assert moved[-1] or moved[-2]


@pytest.mark.postgres
def test_each_machine_has_a_writer_of_its_own(spread: Engine) -> None:
    world = World(spread)
    accounts = [world.open(opening=(10_000, 0)) for _ in range(8)]
    machines = {cluster.machine_of(account) for account in accounts}
    assert machines == set(range(MACHINES)), "these eight lie on both"
    writer = WriterByMachine(spread, world.policies, lambda: (world.now, world.today))

    def spend(account: int, fen: int) -> Spend:
        command = Spend(account, fen, world.today, "H0001", world.ref(), key=world.ref("key"))
        command.caller = command.actor = "test"
        return command

    async def story() -> list[Outcome]:
        writer.start()
        try:
            spends = [spend(account, fen) for account in accounts for fen in (9_000, 2_000)]
            return await asyncio.gather(*[writer.post(one) for one in spends])
        finally:
            writer.stop()

    told = asyncio.run(story())
    assert [type(one).__name__ for one in told] == ["Posted", "Refused"] * len(accounts)
    posted = {machine: sum(one.posted_together.counts) for machine, one in writer.by_machine.items()}
    assert set(posted) == machines
    assert all(posted.values())
    assert sum(writer.posted_together.counts) == 0, "nothing was left for the common one"
    with pytest.raises(Stopped):
        asyncio.run(writer.post(spend(accounts[0], 1)))


@pytest.mark.postgres
def test_what_needs_more_than_one_book_goes_to_the_common_writer(spread: Engine) -> None:
    world = World(spread)
    someone = SomeoneFactory()
    account = world.open(someone, opening=(10_000, 0))
    stake, _ = stake_by_number(someone.id_number, someone.name, world.keyring, world.today)
    writer = WriterByMachine(spread, world.policies, lambda: (world.now, world.today))

    async def story() -> None:
        writer.start()
        try:
            for book in (stake.digest, account):
                command = Spend(book, 1, world.today, "H0001", world.ref(), key=world.ref("key"))
                command.caller = command.actor = "test"
                assert isinstance(await writer.post(command), Posted)
        finally:
            writer.stop()

    asyncio.run(story())
    [its_own] = writer.by_machine.values()
    assert (sum(writer.posted_together.counts), sum(its_own.posted_together.counts)) == (1, 1)


@pytest.mark.postgres
def test_one_machine_is_not_distributed(fresh_engine: Engine) -> None:
    with fresh_engine.begin() as connection, pytest.raises(CannotDistribute, match="nothing was changed"):
        distribute(connection)


# as Citus makes a part of a table on the coordinator: its triggers by its number, but none that TRUNCATE has
A_PART = """
CREATE TABLE pg_dist_shard (logicalrelid regclass, shardid bigint);
CREATE FUNCTION shard_name(regclass, bigint) RETURNS text LANGUAGE sql AS $$ SELECT $1 || '_' || $2 $$;
CREATE TABLE card_100 (LIKE card);
INSERT INTO pg_dist_shard VALUES ('card', 100);
INSERT INTO pg_dist_placement VALUES (100, 0);
"""
A_PART_OF_ITS_TRIGGER = """
CREATE TRIGGER card_only_resealed_100 BEFORE UPDATE ON card_100 FOR EACH ROW {when}
EXECUTE FUNCTION refuse_change()
"""


@pytest.fixture
def in_parts(spread: Engine) -> Engine:
    """A table has a part on the coordinator, with the triggers that Citus leaves it."""
    with spread.begin() as connection:
        connection.execute(text("DELETE FROM pg_dist_placement"))
        connection.execute(text(A_PART))
        said = "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 'card_only_resealed'"
        when = re.search(r"WHEN .*(?= EXECUTE)", str(connection.scalar(text(said))), re.DOTALL)
        assert when
        connection.exec_driver_sql(A_PART_OF_ITS_TRIGGER.format(when=when[0]))
    return spread


@pytest.mark.postgres
def test_what_guards_a_table_guards_its_part_on_the_coordinator(in_parts: Engine) -> None:
    with in_parts.begin() as connection:
        connection.execute(text("DELETE FROM card_100"))
        assert guard_parts(connection) == ["card_append_only_100"]
        assert guard_parts(connection) == []
    for change in ("DELETE FROM card_100", "TRUNCATE card_100"):
        with in_parts.begin() as connection, pytest.raises(DBAPIError, match="on card_100 is refused"):
            connection.execute(text(change))


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("change", "trigger"),
    [
        ("DROP TRIGGER card_append_only_100 ON card_100", "card_append_only_100"),
        ("ALTER TABLE card_100 DISABLE TRIGGER card_only_resealed_100", "card_only_resealed_100"),
        ("DROP TRIGGER card_append_only ON card", "card_append_only_100"),
        (
            "DROP TRIGGER card_only_resealed ON card; CREATE TRIGGER card_only_resealed BEFORE UPDATE ON card"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()",
            "card_only_resealed_100",
        ),
    ],
)
def test_a_part_that_is_guarded_in_another_way_is_told_and_mended(
    change: str, trigger: str, in_parts: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "is_distributed", lambda _connection: True)
    monkeypatch.setattr(schema, "unguarded_shards", lambda *_: [])
    with in_parts.begin() as connection:
        guard_parts(connection)
        assert standing_guards(connection, ["card"]).undermined == []
        connection.execute(text(change))
        [(where, what)] = standing_guards(connection, ["card"]).undermined
        assert (where, "distribute" in what) == (f"card_100.{trigger}", True)
        assert guard_parts(connection) == [trigger]
        assert standing_guards(connection, ["card"]).undermined == []


# as Citus makes a shard on a worker, here in the same database: what guards it is called by its number
A_SHARD = """
CREATE TABLE pg_dist_shard (logicalrelid regclass, shardid bigint);
CREATE TABLE pg_dist_node (groupid int, nodename text, nodeport int, noderole text);
CREATE TABLE entry_100 (LIKE entry INCLUDING ALL);
INSERT INTO pg_dist_shard VALUES ('entry', 100);
INSERT INTO pg_dist_placement VALUES (100, 1);
INSERT INTO pg_dist_node VALUES (1, 'worker', 5432, 'primary');
CREATE FUNCTION run_command_on_workers(
    command text, OUT nodename text, OUT nodeport int, OUT success boolean, OUT result text)
LANGUAGE plpgsql AS $$
BEGIN
    nodename := 'worker'; nodeport := 5432; success := current_setting('worker.is_down', true) IS NULL;
    IF success THEN EXECUTE command INTO result; END IF;
END $$;
DO $$
DECLARE one record;
BEGIN
    FOR one IN SELECT conname, pg_get_constraintdef(oid) AS says FROM pg_constraint
        WHERE conrelid = CAST('entry' AS regclass) AND contype = 'f'
    LOOP
        EXECUTE format('ALTER TABLE entry_100 ADD CONSTRAINT %I %s', one.conname || '_100', one.says);
    END LOOP;
END $$;
CREATE TRIGGER entry_append_only_100 BEFORE UPDATE OR DELETE OR TRUNCATE ON entry_100
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        (
            "DROP TRIGGER entry_append_only_100 ON entry_100",
            "entry_100.entry_append_only",
            "not on the shard",
        ),
        ("ALTER TABLE entry_100 DISABLE TRIGGER USER", "entry_100.entry_append_only", "not on the shard"),
        (
            "DROP TRIGGER entry_append_only_100 ON entry_100; CREATE TRIGGER entry_append_only_100"
            " BEFORE TRUNCATE ON entry_100 FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
            "entry_100.entry_append_only",
            "not on the shard",
        ),
        ("ALTER TABLE entry_100 DROP CONSTRAINT fk_entry_book_100", "entry_100.fk_entry_book", "key"),
        ("ALTER TABLE entry_100 ALTER digest DROP NOT NULL", "entry_100.digest", "column"),
        (
            "CREATE TRIGGER helps BEFORE INSERT ON entry_100 FOR EACH ROW EXECUTE FUNCTION refuse_change()",
            "entry_100.trigger",
            "nobody wanted",
        ),
        ("DROP TABLE entry_100", None, "not on the shard"),
        ("SET LOCAL worker.is_down = 'yes'", "worker:5432", "does not tell"),
    ],
)
def test_a_shard_that_is_guarded_in_another_way_than_its_table_is_found(
    change: str, where: str | None, what: str, spread: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "is_distributed", lambda _connection: True)
    monkeypatch.setattr(schema, "unguarded_parts", lambda _connection: [])
    with spread.connect() as connection, connection.begin():
        connection.execute(text("DELETE FROM pg_dist_placement"))
        connection.execute(text(A_SHARD))
        every = tables.metadata.tables
        assert standing_guards(connection, every).undermined == []
        connection.exec_driver_sql(change)
        found = standing_guards(connection, every).undermined
    if where is None:
        guards = [guard for guard in standing_places(spread) if guard.table == "entry"]
        assert len(found) == len(guards) > 20, "all that the table has"
    else:
        assert [one for one, _what in found] == [where]
    assert all(what in told for _where, told in found)


def standing_places(engine: Engine) -> list[schema.GuardPlace]:
    with engine.connect() as connection, connection.begin():
        return list(schema._of_postgresql(connection, ["entry"]))


# as Citus does it: on each worker, here on one, and of several statements it tells of the first alone
ON_WORKERS = """
CREATE FUNCTION run_command_on_workers(command text, OUT success boolean, OUT result text)
LANGUAGE plpgsql AS $$
BEGIN
    IF command NOT LIKE 'DO %' THEN command := split_part(command, ';', 1); END IF;
    EXECUTE command;
    success := true;
EXCEPTION WHEN OTHERS THEN
    success := false; result := SQLERRM;
END $$
"""


def test_who_is_closed_is_read_by_itself_where_the_employer_lies_apart() -> None:
    book = tables.employer.c.book_id
    beside, apart = (
        str(select(book).where(is_closed(book, date(2026, 1, 1), apart=apart))) for apart in (False, True)
    )
    held = re.compile(r"book_id = employer\.book_id")
    assert held.search(beside)
    assert not held.search(apart), "Citus holds nothing to a book of another machine"
    assert "IN (SELECT" in apart


@pytest.mark.postgres
def test_a_role_that_a_worker_does_not_have_is_told_of(fresh_engine: Engine) -> None:
    with fresh_engine.begin() as connection:
        connection.execute(text(ON_WORKERS))
        with pytest.raises(CannotDistribute, match="the role there"):
            tell_workers(connection, "nobody's role")
        role = connection.scalar(text("SELECT current_user"))
        tell_workers(connection, role)
        told = connection.scalar(
            text(
                "SELECT setconfig FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase"
                " WHERE datname = current_database() AND setrole = to_regrole(:role)"
            ),
            {"role": role},
        )
    assert sorted(told) == sorted(f"{name}={value}" for name, value in cluster.ON_WORKERS.items())


@pytest.mark.postgres
@pytest.mark.parametrize("is_spread", [True, False])
def test_a_migration_may_change_triggers_where_a_database_is_spread(
    is_spread: bool, empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "is_distributed", lambda _connection: is_spread)
    names = ("citus.enable_unsafe_triggers", "citus.multi_shard_modify_mode")
    seen: set[tuple[Any, ...]] = set()

    def look(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if "CREATE TRIGGER" in statement:
            asked = ", ".join(f"NULLIF(current_setting('{name}', true), '')" for name in names)
            seen.add(tuple(connection.exec_driver_sql(f"SELECT {asked}").one()))

    event.listen(Engine, "after_cursor_execute", look)
    try:
        migrate(empty_url)
    finally:
        event.remove(Engine, "after_cursor_execute", look)
    assert seen == {("on", "sequential") if is_spread else (None, None)}


@pytest.mark.postgres
@pytest.mark.parametrize("is_spread", [True, False])
def test_rights_are_given_shard_after_shard_where_a_database_is_spread(
    is_spread: bool, fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "is_distributed", lambda _connection: is_spread)
    mode = "SELECT NULLIF(current_setting('citus.multi_shard_modify_mode', true), '')"
    seen: set[str | None] = set()

    def look(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(("REVOKE", "GRANT")):
            seen.add(connection.exec_driver_sql(mode).scalar_one())

    role = f"given_{os.getpid()}"
    with fresh_engine.connect() as connection, connection.begin() as transaction:
        make_role(connection, role)
        event.listen(connection, "before_cursor_execute", look)
        grant(connection, role, [("entry", "SELECT"), ("agent", "INSERT")])
        transaction.rollback()
    assert seen == {"sequential" if is_spread else None}


@pytest.mark.parametrize("migrated", [True, False])
def test_the_command_says_why_it_does_nothing(
    migrated: bool, fresh_url: str, empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_url if migrated else empty_url)
    monkeypatch.setenv("LEDGER_KEYS", str(tmp_path))
    told = CliRunner().invoke(app, ["distribute"])
    assert told.exit_code == 1
    said = json.loads(told.stdout)
    assert said["code"] == "not_ready"
    on_postgresql = "one machine" if migrated else "migrate"
    assert ("SQLite" if fresh_url.startswith("sqlite") else on_postgresql) in said["problem"]


@pytest.mark.postgres
def test_the_setting_and_the_database_say_the_same(
    fresh_url: str, spread: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, together = Settings(database_url=fresh_url), Settings(database_url=fresh_url, cluster="citus")
    connect_ready(alone).dispose()
    with pytest.raises(NotReady, match="distribute"):
        connect_ready(together)
    monkeypatch.setattr(installation, "is_distributed", lambda _connection: True)
    connect_ready(together).dispose()
    with pytest.raises(NotReady, match="LEDGER_CLUSTER=citus"):
        connect_ready(alone)


@pytest.mark.parametrize(
    ("said", "url"),
    [("citus", None), ("citus", "sqlite:////x/ledger.db"), ("spider", "postgresql+psycopg://u@h/n")],
)
def test_a_cluster_is_citus_on_postgresql(
    said: str, url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_CLUSTER", said)
    if url is not None:
        monkeypatch.setenv("LEDGER_DATABASE_URL", url)
    with pytest.raises(SettingsError, match="LEDGER_CLUSTER"):
        Settings.load()


def test_the_settings_reach_other_processes_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_CLUSTER", "citus")
    for url in ("postgresql+psycopg://u@h/n", "postgresql+psycopg://u@/n?host=/x"):
        monkeypatch.setenv("LEDGER_DATABASE_URL", url)
        settings = Settings.load()
        told = settings.environment()
        assert (told["LEDGER_CLUSTER"], told["LEDGER_DATABASE_URL"]) == ("citus", url)
        assert make_url(settings.url).query["cluster"] == "citus"
        assert make_url(settings.url).difference_update_query(["cluster"]) == make_url(url)
