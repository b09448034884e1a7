"""`verify` finds a guard of the database that was dropped, changed or switched off, and left so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, Engine, make_url, text

from ledger import tables
from ledger.database import schema
from ledger.database.engines import connect, is_postgresql
from ledger.tables.guards import guards
from ledger.verify import verify
from ledger.verify.schema import guards_are_what_they_should_be
from tests.verify.tampering import TOLD

Found = set[tuple[str, str]]


def said(connection: Connection) -> Found:
    findings = list(guards_are_what_they_should_be(connection))
    assert {one.code for one in findings} <= {"schema_wrong"}
    TOLD.update(one.what for one in findings)
    return {(one.where, one.what) for one in findings}


@contextmanager
def undone(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


def test_what_the_migrations_made_is_what_it_should_be(engine: Engine) -> None:
    with undone(engine) as connection:
        assert said(connection) == set()
        stands = schema.standing_guards(connection, tables.metadata.tables).guards
    sorts = {place.sort for place in stands}
    assert sorts == {"CHECK", "key", "column", "index", "trigger", "constraint"}
    # of each table something, and nothing of others
    assert {place.table for place in stands} == set(tables.metadata.tables)


GONE, OTHER = "is not there", "is not the one that it should be"
# statement, where it is found, what is said
FLAGS = "SET LOCAL allow_system_table_mods = on; UPDATE pg_class SET"
UNASKED = "guards of it stand in the catalog, and the catalog says that there are none to ask"
ON_POSTGRESQL = {
    "a trigger dropped": (
        "DROP TRIGGER entry_append_only ON entry",
        "entry.entry_append_only",
        f"trigger {GONE}",
    ),
    "a trigger that never fires": (
        "ALTER TABLE entry DISABLE TRIGGER USER",
        "entry.entry_append_only",
        "trigger is switched off",
    ),
    "a trigger for replicas alone": (
        "ALTER TABLE policy ENABLE REPLICA TRIGGER policy_append_only",
        "policy.policy_append_only",
        "trigger is switched off",
    ),
    "a trigger that lets one event pass": (
        "DROP TRIGGER book_append_only ON book; CREATE TRIGGER book_append_only BEFORE TRUNCATE ON book"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
        "book.book_append_only",
        f"trigger {OTHER}",
    ),
    "a trigger's condition": (
        "DROP TRIGGER read_log_chain_grows ON read_log_chain; CREATE TRIGGER read_log_chain_grows"
        " BEFORE UPDATE"
        " ON read_log_chain FOR EACH ROW WHEN (NEW.last_seq < 0) EXECUTE FUNCTION refuse_change()",
        "read_log_chain.read_log_chain_grows",
        f"trigger {OTHER}",
    ),
    "a trigger more": (
        "CREATE TRIGGER helps BEFORE INSERT ON entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
        "entry.helps",
        "a trigger that nobody wanted",
    ),
    "a CHECK dropped": (
        "ALTER TABLE book DROP CONSTRAINT ck_book_closed_is_empty",
        "book.ck_book_closed_is_empty",
        f"CHECK {GONE}",
    ),
    "a CHECK that says something else": (
        "ALTER TABLE book DROP CONSTRAINT ck_book_held_not_negative, ADD CONSTRAINT ck_book_held_not_negative"
        " CHECK (held >= -1)",
        "book.ck_book_held_not_negative",
        f"CHECK {OTHER}",
    ),
    "a CHECK of new rows alone": (
        "ALTER TABLE book DROP CONSTRAINT ck_book_held_not_negative, ADD CONSTRAINT ck_book_held_not_negative"
        " CHECK (held >= 0) NOT VALID",
        "book.ck_book_held_not_negative",
        "CHECK is not valid",
    ),
    "a key dropped": (
        "ALTER TABLE transfer DROP CONSTRAINT fk_transfer_entry",
        "transfer.fk_transfer_entry",
        f"key {GONE}",
    ),
    "a key of new rows alone": (
        "ALTER TABLE transfer DROP CONSTRAINT fk_transfer_entry, ADD CONSTRAINT fk_transfer_entry FOREIGN KEY"
        " (book_id, seq) REFERENCES entry (book_id, seq) NOT VALID",
        "transfer.fk_transfer_entry",
        "key is not valid",
    ),
    "a key to something else": (
        "ALTER TABLE contract DROP CONSTRAINT fk_contract_institution, ADD CONSTRAINT fk_contract_institution"
        " FOREIGN KEY (code) REFERENCES institution (code) ON DELETE CASCADE",
        "contract.fk_contract_institution",
        f"key {OTHER}",
    ),
    "a key without its triggers": (
        "ALTER TABLE contract DISABLE TRIGGER ALL",
        "contract.fk_contract_institution",
        "the triggers that keep this key are switched off",
    ),
    "a unique constraint dropped": (
        "ALTER TABLE agent DROP CONSTRAINT uq_agent_name",
        "agent.uq_agent_name",
        f"constraint {GONE}",
    ),
    "a primary key dropped": (
        "ALTER TABLE transfer DROP CONSTRAINT pk_transfer",
        "transfer.pk_transfer",
        f"constraint {GONE}",
    ),
    "a unique index dropped": ("DROP INDEX uq_entry_key", "entry.uq_entry_key", f"index {GONE}"),
    "a unique index over less": (
        "DROP INDEX uq_entry_target; CREATE UNIQUE INDEX uq_entry_target ON entry (book_id, target_seq)"
        " WHERE target_seq > 5",
        "entry.uq_entry_target",
        f"index {OTHER}",
    ),
    "an index that is unique no more": (
        "DROP INDEX uq_entry_target; CREATE INDEX uq_entry_target ON entry (book_id, target_seq)"
        " WHERE target_seq IS NOT NULL",
        "entry.uq_entry_target",
        f"index {GONE}",
    ),
    "a column that may be empty": (
        "ALTER TABLE entry ALTER digest DROP NOT NULL",
        "entry.digest",
        f"column {OTHER}",
    ),
    "a column dropped": ("ALTER TABLE batch DROP COLUMN reason", "batch.reason", f"column {GONE}"),
    "a table dropped": ("DROP TABLE batch_line", "batch_line", "the table is not there"),
    "a rule": (
        "CREATE RULE deaf AS ON INSERT TO staff DO INSTEAD NOTHING",
        "staff.deaf",
        "a rule that nobody wanted does something else instead",
    ),
    "triggers of which the catalog says that there are none": (
        f"{FLAGS} relhastriggers = false WHERE oid = CAST('entry' AS regclass)",
        "entry",
        UNASKED,
    ),
    "CHECKs of which it says that there are none": (
        f"{FLAGS} relchecks = 0 WHERE oid = CAST('call_back_code' AS regclass)",
        "call_back_code",
        UNASKED,
    ),
    "indexes of which it says that there are none": (
        f"{FLAGS} relhasindex = false WHERE oid = CAST('webhook' AS regclass)",
        "webhook",
        UNASKED,
    ),
    "a table that a crash empties": (
        "ALTER TABLE transfer SET UNLOGGED",
        "transfer",
        "a crash empties it: it is not written to the log of the database",
    ),
    "rows that some do not see": (
        "ALTER TABLE entry ENABLE ROW LEVEL SECURITY",
        "entry",
        "it shows its rows to some and not to others",
    ),
}


@pytest.mark.postgres
@pytest.mark.parametrize("what", ON_POSTGRESQL)
def test_a_guard_that_is_not_what_it_should_be_is_found_on_postgresql(engine: Engine, what: str) -> None:
    statements, where, said_of_it = ON_POSTGRESQL[what]
    with undone(engine) as connection:
        connection.exec_driver_sql(statements)
        found = said(connection)
    assert any(place == where and words.endswith(said_of_it) for place, words in found), found
    # whatever hangs on it goes with it, and nothing else is named
    assert {place.partition(".")[0] for place, _words in found} == {where.partition(".")[0]}


@pytest.mark.postgres
def test_a_function_that_refuses_nothing_is_found_at_every_trigger(engine: Engine) -> None:
    silent = "() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
    with undone(engine) as connection:
        connection.exec_driver_sql(f"CREATE OR REPLACE FUNCTION refuse_change{silent}")
        found = said(connection)
    assert {words for _place, words in found} == {f"the trigger {OTHER}"}
    assert len(found) == len(guards(on_postgresql=True))
    # one of the same name that lies elsewhere is another one
    with undone(engine) as connection:
        connection.exec_driver_sql(
            f"CREATE SCHEMA aside; CREATE FUNCTION aside.refuse_change{silent};"
            " DROP TRIGGER policy_append_only ON policy; CREATE TRIGGER policy_append_only BEFORE"
            " UPDATE OR DELETE"
            " OR TRUNCATE ON policy FOR EACH STATEMENT EXECUTE FUNCTION aside.refuse_change()"
        )
        assert said(connection) == {("policy.policy_append_only", f"the trigger {OTHER}")}


@pytest.mark.postgres
def test_a_role_for_which_no_trigger_is_asked_is_found(engine: Engine) -> None:
    with undone(engine) as connection:
        connection.exec_driver_sql(
            "CREATE ROLE quietly; ALTER ROLE quietly SET session_replication_role = replica"
        )
        assert said(connection) == {("quietly", "no trigger is asked: session_replication_role is set")}


SHADOW = "some find it in place of the table of this name"
# statements, where it is found, what is said
ASIDE = {
    "a table in the schema of a role": (
        "CREATE ROLE aside; CREATE SCHEMA aside; CREATE TABLE aside.identity (LIKE identity INCLUDING ALL)",
        "aside.identity",
        SHADOW,
    ),
    "a view where a setting leads": (
        "CREATE ROLE led; CREATE SCHEMA elsewhere; CREATE VIEW elsewhere.card AS SELECT * FROM card;"
        """ ALTER ROLE led SET search_path = "$user", elsewhere, public""",
        "elsewhere.card",
        SHADOW,
    ),
    "a function that fits better": (
        "CREATE FUNCTION public.convert_to(varchar, text) RETURNS bytea LANGUAGE sql AS $$SELECT ''::bytea$$",
        "public.convert_to",
        "a function of this name is the server's own",
    ),
    "an operator that fits better": (
        "CREATE FUNCTION together(text, bigint) RETURNS text LANGUAGE sql AS $$SELECT $1$$;"
        " CREATE OPERATOR public.|| (LEFTARG = text, RIGHTARG = bigint, FUNCTION = together)",
        "public.||",
        "an operator of this name is the server's own",
    ),
    "a cast": (
        "CREATE FUNCTION otherwise(bigint) RETURNS text LANGUAGE sql AS $$SELECT ''$$;"
        " CREATE CAST (bigint AS text) WITH FUNCTION otherwise(bigint) AS IMPLICIT",
        "bigint to text",
        "a way from type to type that nobody wanted",
    ),
    "rows of another table": (
        "CREATE TABLE more () INHERITS (staff)",
        "staff",
        "it shows the rows of another table among its own",
    ),
    "a table by way of which rows are changed": (
        "CREATE TABLE above (LIKE entry INCLUDING ALL); ALTER TABLE entry INHERIT above",
        "entry",
        "its rows can be changed by way of another table",
    ),
    "a server on which no trigger is asked": (
        "SET LOCAL session_replication_role = replica",
        "the server",
        "no trigger is asked: session_replication_role is set",
    ),
}


@pytest.mark.postgres
@pytest.mark.parametrize("what", ASIDE)
def test_what_some_find_in_its_place_is_found(engine: Engine, what: str) -> None:
    """Who checks looks at the tables of `public`; that whoever serves does too is not said by that."""
    statements, where, said_of_it = ASIDE[what]
    with undone(engine) as connection:
        connection.exec_driver_sql(statements)
        assert said(connection) == {(where, said_of_it)}


@pytest.mark.postgres
def test_what_nobody_finds_in_its_place_is_nobodys_harm(engine: Engine) -> None:
    """A copy that somebody keeps apart, and functions of one's own."""
    with undone(engine) as connection:
        connection.exec_driver_sql(
            "CREATE SCHEMA archive; CREATE TABLE archive.entry (LIKE entry);"
            " CREATE FUNCTION own_figures(bigint) RETURNS bigint LANGUAGE sql AS $$SELECT $1$$;"
            " CREATE TEMPORARY TABLE entry (LIKE public.batch); DROP TABLE pg_temp.entry"
        )
        assert said(connection) == set()


@pytest.mark.postgres
def test_who_may_make_no_temporary_table_is_told(fresh_engine: Engine) -> None:
    """What could not be compared was not found to be right."""
    database = make_url(fresh_engine.url).database
    with fresh_engine.begin() as connection:
        connection.exec_driver_sql(f'REVOKE TEMPORARY ON DATABASE "{database}" FROM PUBLIC')
        connection.exec_driver_sql(f'CREATE ROLE "looks at {database}" LOGIN IN ROLE pg_read_all_data')
    other = connect(fresh_engine.url.set(username=f"looks at {database}"))
    # by another server's text it may be known already
    schema._WANTED.clear()
    try:
        with other.connect() as connection, connection.begin():
            (where, words), *more = said(connection)
        assert (where, more) == ("the database", [])
        assert "no temporary table can be made" in words
        assert "permission denied" in words
    finally:
        other.dispose()
        with fresh_engine.begin() as connection:
            connection.exec_driver_sql(f'DROP ROLE "looks at {database}"')


@pytest.mark.postgres
def test_a_standby_is_looked_at_for_what_undermines_the_guards(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "_SERVER", text("SELECT 'a standby', true"))
    with undone(engine) as connection:
        connection.exec_driver_sql("DROP TRIGGER entry_append_only ON entry")
        connection.exec_driver_sql("ALTER TABLE staff DISABLE TRIGGER ALL")
        assert said(connection) == {
            ("staff.fk_staff_agent_caller", "the triggers that keep this key are switched off"),
            ("staff.fk_staff_agent_actor", "the triggers that keep this key are switched off"),
        }


ON_SQLITE = {
    "a trigger dropped": ("DROP TRIGGER entry_no_update", "entry.entry_no_update", f"the trigger {GONE}"),
    "a trigger that refuses nothing": (
        "DROP TRIGGER entry_no_delete AND THEN CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry"
        " BEGIN SELECT 1; END",
        "entry.entry_no_delete",
        f"the trigger {OTHER}",
    ),
    "a trigger more": (
        "CREATE TRIGGER helps BEFORE INSERT ON entry BEGIN SELECT 1; END",
        "entry.helps",
        "a trigger that nobody wanted",
    ),
    "a unique index dropped": ("DROP INDEX uq_entry_key", "entry.uq_entry_key", f"the index {GONE}"),
    "a unique index over less": (
        "DROP INDEX uq_entry_target AND THEN CREATE UNIQUE INDEX uq_entry_target ON entry (book_id,"
        " target_seq)"
        " WHERE target_seq > 5",
        "entry.uq_entry_target",
        f"the index {OTHER}",
    ),
    "a table dropped": ("DROP TABLE batch_line", "batch_line", "the table is not there"),
}
# before, after, table, where, what
REWRITTEN = {
    "a CHECK that says something else": (
        "(held >= 0)",
        "(held >= -1)",
        "book",
        "book.ck_book_held_not_negative",
        f"the CHECK {OTHER}",
    ),
    "a CHECK taken away": (
        "CONSTRAINT ck_book_held_not_negative CHECK (held >= 0), ",
        "",
        "book",
        "book.ck_book_held_not_negative",
        f"the CHECK {GONE}",
    ),
    "a key taken away": (
        ", CONSTRAINT fk_contract_institution FOREIGN KEY(code) REFERENCES institution (code)",
        "",
        "contract",
        "contract.fk_contract_institution",
        f"the key {GONE}",
    ),
    "a key to something else": (
        "REFERENCES institution (code)",
        "REFERENCES institution (code) ON DELETE CASCADE",
        "contract",
        "contract.fk_contract_institution",
        f"the key {OTHER}",
    ),
    "a CHECK that came later": (
        "debt_account IS NULL OR",
        "true OR",
        "demand",
        "demand.ck_demand_debt_account_of_a_month",
        f"the CHECK {OTHER}",
    ),
    "a column that may be empty": (
        "digest BLOB NOT NULL",
        "digest BLOB",
        "entry",
        "entry.digest",
        f"the column {OTHER}",
    ),
    "a unique constraint taken away": (
        "CONSTRAINT uq_agent_name UNIQUE (name)",
        "CONSTRAINT uq_agent_name UNIQUE (name, agent_id)",
        "agent",
        "agent.uq_agent_name",
        f"the constraint {OTHER}",
    ),
}


@pytest.mark.sqlite
@pytest.mark.parametrize("what", ON_SQLITE)
def test_a_guard_that_is_not_what_it_should_be_is_found_on_sqlite(engine: Engine, what: str) -> None:
    statements, where, words = ON_SQLITE[what]
    with undone(engine) as connection:
        for statement in statements.split(" AND THEN "):
            connection.exec_driver_sql(statement)
        assert said(connection) == {(where, words)}


@pytest.mark.sqlite
@pytest.mark.parametrize("what", REWRITTEN)
def test_a_table_that_was_written_anew_is_found_on_sqlite(fresh_engine: Engine, what: str) -> None:
    before, after, table, where, words = REWRITTEN[what]
    with undone(fresh_engine) as connection:
        sql = "SELECT sql FROM sqlite_master WHERE name = ?"
        stands = " ".join(connection.exec_driver_sql(sql, (table,)).scalar_one().split())
        assert before in stands
        connection.exec_driver_sql("PRAGMA writable_schema = ON")
        connection.exec_driver_sql(
            "UPDATE sqlite_master SET sql = ? WHERE name = ?", (stands.replace(before, after), table)
        )
        assert said(connection) == {(where, words)}


def test_what_cannot_be_compared_is_told(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object) -> None:
        raise schema.NoRoom("the reason")

    monkeypatch.setattr("ledger.verify.schema.wanted_guards", nothing)
    with undone(engine) as connection:
        assert {where for where, _what in said(connection)} == {"the database"}


def test_the_check_of_the_whole_names_it(fresh_engine: Engine) -> None:
    on = " ON policy" if is_postgresql(fresh_engine) else ""
    name = "policy_append_only" if is_postgresql(fresh_engine) else "policy_no_update"
    assert verify(fresh_engine).clean
    with fresh_engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TRIGGER {name}{on}")
    assert [str(one) for one in verify(fresh_engine).findings] == [
        f"policy.{name}: the trigger is not there (schema_wrong)"
    ]
