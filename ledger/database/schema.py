"""What guards the rows of a database, as it stands there and as the tables that this program knows want it.

A guard is a trigger, a CHECK, a key, a unique index, or what a column may hold. What is wanted is written
down by the very database that is asked, from the same tables as the migrations are held to: on PostgreSQL as
temporary tables of a transaction that is given up, on SQLite in memory. So both texts are of one hand, and
are compared as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, MetaData, create_engine, text
from sqlalchemy.exc import DBAPIError

from ledger.database.cluster import is_distributed, unguarded_parts
from ledger.database.engines import is_postgresql
from ledger.database.places import PLACES, Where
from ledger.database.shards import SHARDS, unguarded_shards

CHECK, KEY, COLUMN, INDEX, TRIGGER, CONSTRAINT = "CHECK", "key", "column", "index", "trigger", "constraint"

# (table, its trigger's name, the events, the condition); without a condition SQLite has one for each event
RefusedChange = tuple[str, str, tuple[str, ...], str | None]

_FUNCTION: Final = "refuse_change"
_BODY: Final = (
    " BEGIN RAISE EXCEPTION '% on % is refused: the book is append-only', TG_OP, TG_TABLE_NAME"
    " USING ERRCODE = 'restrict_violation'; END "
)


class GuardPlace(NamedTuple):
    """Where a guard stands: its table, what it is, its name."""

    table: str
    sort: str
    name: str


Guards = Mapping[GuardPlace, str]
"""Place → what the guard says."""


class StandingGuards(NamedTuple):
    """The guards that stand, and what is there that takes the force of some: (where, what)."""

    guards: Guards
    undermined: list[tuple[str, str]]
    is_spread: bool = False


NOT_IN_FORCE: Final = (" NOT VALID", " NOT ENFORCED", " SWITCHED OFF")
"""What stands behind a guard that PostgreSQL keeps and does not hold anybody to."""


class NoRoom(Exception):
    """The database lets nobody write down what is wanted, beside what stands. The message says why."""


# by server and version: one text of a condition is that of another server only by chance
_WANTED: WeakKeyDictionary[MetaData, dict[str, Guards]] = WeakKeyDictionary()


def wanted_guards(engine: Engine, metadata: MetaData, refused: Collection[RefusedChange]) -> Guards | None:
    """The guards that the tables want, in the words of the database; None where it takes nothing: a standby.

    Raises NoRoom.
    """
    known = _WANTED.setdefault(metadata, {})
    if not is_postgresql(engine):
        if "sqlite" not in known:
            known["sqlite"] = _made_in_memory(metadata, refused)
        return known["sqlite"]
    with engine.connect() as connection, connection.begin() as transaction:
        version, is_standby = connection.execute(_SERVER).one()
        if version not in known:
            if is_standby:
                return None
            known[version] = _made_beside(connection, metadata, refused)
            transaction.rollback()
    return known[version]


def standing_guards(connection: Connection, tables: Collection[str]) -> StandingGuards:
    """The guards that stand on some tables, inside a transaction."""
    if not is_postgresql(connection):
        return StandingGuards(_of_sqlite(connection, tables), [])
    guards = _of_postgresql(connection, tables)
    if is_distributed(connection):
        # what Citus adds to a table for its own ends is not told apart from what somebody else added
        undermined_parts = [
            (f"{one.part}.{one.trigger}", "the trigger is not the one of the table: run `distribute` again")
            for one in unguarded_parts(connection)
        ]
        undermined_parts += unguarded_shards(connection, guards, _TELLING.format(of=SHARDS))
        return StandingGuards(guards, undermined_parts, is_spread=True)
    undermined = connection.execute(_UNDERMINED, {"tables": list(tables)})
    return StandingGuards(guards, [(where, what) for where, what in undermined])


def given_up(connection: Connection, metadata: MetaData) -> frozenset[GuardPlace]:
    """The guards that a spread database cannot have: keys from what is whole everywhere to what is not."""
    if not is_postgresql(connection) or not is_distributed(connection):
        return frozenset()
    return frozenset(
        GuardPlace(table.name, KEY, str(key.name))
        for table in metadata.tables.values()
        if PLACES.get(table.name) is Where.EVERYWHERE
        for key in table.foreign_key_constraints
        if (other := PLACES.get(key.referred_table.name)) is not None and other.is_spread
    )


# -- SQLite --------------------------------------------------------------------------------------------------

_MASTER: Final = "SELECT type, tbl_name, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"
_NAMED: Final = "CONSTRAINT "


def _made_in_memory(metadata: MetaData, refused: Iterable[RefusedChange]) -> Guards:
    engine = create_engine("sqlite://")
    try:
        with engine.connect() as connection, connection.begin():
            metadata.create_all(connection)
            for table, name, events, when in refused:
                for event in events:
                    called = f"{table}_no_{event.lower()}" if when is None else name
                    condition = "" if when is None else f" WHEN {when}"
                    connection.exec_driver_sql(
                        f"CREATE TRIGGER {called} BEFORE {event} ON {table}{condition} BEGIN SELECT"
                        f" RAISE(ABORT, '{event} on {table} is refused: the book is append-only'); END"
                    )
            return _of_sqlite(connection, metadata.tables)
    finally:
        engine.dispose()


def _of_sqlite(connection: Connection, tables: Collection[str]) -> dict[GuardPlace, str]:
    found: dict[GuardPlace, str] = {}
    for sort, table, name, sql in connection.exec_driver_sql(_MASTER):
        if table not in tables:
            continue
        words = " ".join(sql.replace('"', "").split())
        if sort == "table":
            for item in _items(words):
                # what a column that came later brought along stands behind it
                own, *brought = (item,) if item.startswith(_NAMED) else item.split(f" {_NAMED}")
                for one in (own, *(f"{_NAMED}{rest}" for rest in brought)):
                    called = one.removeprefix(_NAMED).partition(" ")[0]
                    found[GuardPlace(table, _sort_of(one), called)] = one
        elif sort == TRIGGER or words.startswith("CREATE UNIQUE"):
            found[GuardPlace(table, sort, name)] = words
    return found


@lru_cache(maxsize=256)
def _items(words: str) -> tuple[str, ...]:
    """What stands between the outer brackets of a CREATE TABLE, at its commas."""
    items: list[str] = []
    depth, quoted, item = 0, False, ""
    for character in words:
        quoted ^= character == "'"
        if not quoted:
            depth += (character == "(") - (character == ")")
            if character == "(" and depth == 1 and not items and not item:
                continue
            if depth == 0:
                if item:
                    items.append(item.strip())
                    return tuple(items)
                continue
            if character == "," and depth == 1:
                items.append(item.strip())
                item = ""
                continue
        if depth:
            item += character
    return tuple(items)


def _sort_of(item: str) -> str:
    if not item.startswith(_NAMED):
        return COLUMN
    _word, _name, rest = item.split(" ", 2)
    if rest.startswith(CHECK):
        return CHECK
    return KEY if rest.startswith("FOREIGN") else CONSTRAINT


# -- PostgreSQL ----------------------------------------------------------------------------------------------

_SERVER = text("SELECT current_setting('server_version'), pg_is_in_recovery()")
_OF = "(SELECT to_regclass(name) FROM unnest(CAST(:tables AS text[])) AS of(name))"
# The schemas that tables and functions are told with are not compared: those of what is wanted are temporary.
_TELLING: Final = r"""
SELECT c.relname, CASE k.contype WHEN 'c' THEN 'CHECK' WHEN 'f' THEN 'key' ELSE 'constraint' END, k.conname,
       regexp_replace(pg_get_constraintdef(k.oid), ' REFERENCES (\w+\.)', ' REFERENCES ')
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
 WHERE k.conrelid IN {of} AND k.contype IN ('c', 'f', 'p', 'u')
UNION ALL
SELECT c.relname, 'index', i.relname,
       regexp_replace(pg_get_indexdef(i.oid), ' ON (ONLY )?\S+ USING ', ' ON ' || c.relname || ' USING ')
       || CASE WHEN x.indisvalid AND x.indisready AND x.indislive THEN '' ELSE ' NOT VALID' END
  FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
 WHERE x.indrelid IN {of} AND x.indisunique
UNION ALL
SELECT c.relname, 'trigger', t.tgname,
       regexp_replace(
           regexp_replace(pg_get_triggerdef(t.oid), ' ON \S+ FOR EACH ', ' ON ' || c.relname || ' FOR EACH '),
           ' EXECUTE FUNCTION (\w+\.)?', ' EXECUTE FUNCTION ')
       || ' ' || l.lanname || p.prosecdef || coalesce(CAST(p.proconfig AS text), '') || p.prosrc
       || CASE WHEN t.tgenabled IN ('O', 'A') THEN '' ELSE ' SWITCHED OFF' END
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
  JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_language l ON l.oid = p.prolang
 WHERE t.tgrelid IN {of} AND NOT t.tgisinternal
UNION ALL
SELECT c.relname, 'column', a.attname,
       format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
       || coalesce(' ' || pg_get_expr(d.adbin, d.adrelid), '')
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attrelid IN {of} AND a.attnum > 0 AND NOT a.attisdropped
"""
_GUARDS = text(_TELLING.format(of=_OF))
# where somebody's names are looked up: the schemas of settings, those called like a role, and `public`
_LOOKED_IN: Final = """(
    SELECT CAST(rolname AS text) FROM pg_roles
    UNION SELECT unnest(CAST(current_schemas(false) AS text[])) UNION SELECT 'public'
    UNION SELECT unnest(string_to_array(regexp_replace(setting, '^search_path=|[" ]', '', 'g'), ','))
      FROM pg_db_role_setting s, unnest(s.setconfig) AS said(setting)
     WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
       AND setting LIKE 'search_path=%'
)"""
# what has a higher number was made after the server
_FIRST_OF_USERS: Final = 16_384
# that an extension brought it
_BROUGHT: Final = (
    "EXISTS (SELECT FROM pg_depend d WHERE d.deptype = 'e'"
    " AND d.classid = CAST('{0}' AS regclass) AND d.objid = {1}.oid)"
)
# what leaves every guard in its place and takes its force: a key whose own triggers are switched off or gone,
# flags of the catalog by which the server asks none, a table that a crash empties, a rule that does something
# else instead, rows that are not shown, a role, database or server in which no trigger is asked, a table by
# way of which another's rows are shown or changed, and whatever some find in place of a table, or of what the
# server computes with, and others do not
_UNDERMINED = text(f"""
SELECT DISTINCT c.relname || '.' || k.conname, 'the triggers that keep this key are switched off'
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_constraint k ON k.oid = t.tgconstraint
 WHERE t.tgrelid IN {_OF} AND t.tgisinternal AND t.tgenabled NOT IN ('O', 'A')
UNION ALL
SELECT c.relname || '.' || k.conname, 'the triggers that keep this key are not there'
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
 WHERE k.conrelid IN {_OF} AND k.contype = 'f'
   AND (SELECT count(*) FROM pg_trigger t WHERE t.tgconstraint = k.oid) < 4
UNION ALL
SELECT c.relname || '.' || r.rulename, 'a rule that nobody wanted does something else instead'
  FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class WHERE r.ev_class IN {_OF}
UNION ALL
SELECT c.relname, 'guards of it stand in the catalog, and the catalog says that there are none to ask'
  FROM pg_class c
 WHERE c.oid IN {_OF}
   AND (NOT c.relhastriggers AND EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid)
        OR NOT c.relhasindex AND EXISTS (SELECT FROM pg_index x WHERE x.indrelid = c.oid)
        OR c.relchecks <> (SELECT count(*) FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c'))
UNION ALL
SELECT c.relname, 'a crash empties it: it is not written to the log of the database'
  FROM pg_class c WHERE c.oid IN {_OF} AND c.relpersistence = 'u'
UNION ALL
SELECT c.relname, 'it shows its rows to some and not to others'
  FROM pg_class c WHERE c.oid IN {_OF} AND c.relrowsecurity
UNION ALL
SELECT coalesce(CAST(CAST(NULLIF(s.setrole, 0) AS regrole) AS text), 'the database'),
       'no trigger is asked: session_replication_role is set'
  FROM pg_db_role_setting s, unnest(s.setconfig) AS said(setting)
 WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
   AND said.setting LIKE 'session_replication_role=%' AND said.setting NOT LIKE '%=origin'
UNION ALL
SELECT 'the server', 'no trigger is asked: session_replication_role is set'
 WHERE current_setting('session_replication_role') <> 'origin'
UNION ALL
SELECT CAST(CAST(c.oid AS regclass) AS text), 'it shows the rows of another table among its own'
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhparent WHERE i.inhparent IN {_OF}
UNION ALL
SELECT CAST(CAST(c.oid AS regclass) AS text), 'its rows can be changed by way of another table'
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhrelid IN {_OF}
UNION ALL
SELECT n.nspname || '.' || c.relname, 'some find it in place of the table of this name'
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relname = ANY(CAST(:tables AS text[])) AND n.nspname IN {_LOOKED_IN} AND c.oid NOT IN {_OF}
UNION ALL
SELECT n.nspname || '.' || p.proname, 'a function of this name is the server''s own'
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname IN {_LOOKED_IN} AND NOT {_BROUGHT.format("pg_proc", "p")}
   AND p.proname IN (SELECT proname FROM pg_proc WHERE pronamespace = CAST('pg_catalog' AS regnamespace))
UNION ALL
SELECT n.nspname || '.' || o.oprname, 'an operator of this name is the server''s own'
  FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
 WHERE n.nspname IN {_LOOKED_IN} AND NOT {_BROUGHT.format("pg_operator", "o")}
   AND o.oprname IN (SELECT oprname FROM pg_operator WHERE oprnamespace = CAST('pg_catalog' AS regnamespace))
UNION ALL
SELECT format_type(k.castsource, NULL) || ' to ' || format_type(k.casttarget, NULL),
       'a way from type to type that nobody wanted'
  FROM pg_cast k JOIN pg_type a ON a.oid = k.castsource JOIN pg_type b ON b.oid = k.casttarget
 WHERE NOT {_BROUGHT.format("pg_cast", "k")} AND k.oid >= {_FIRST_OF_USERS}
   AND a.typnamespace = CAST('pg_catalog' AS regnamespace)
   AND b.typnamespace = CAST('pg_catalog' AS regnamespace)
ORDER BY 1, 2
""")


def _made_beside(connection: Connection, metadata: MetaData, refused: Iterable[RefusedChange]) -> Guards:
    """Make all tables as temporary ones, and read them; whoever calls gives the transaction up."""
    try:
        connection.execute(text("SET TRANSACTION READ WRITE"))
        # what is made without the name of a schema goes where temporary things are, and nothing else is seen
        connection.execute(text("SET LOCAL search_path = pg_temp"))
        metadata.create_all(connection, checkfirst=False)
        connection.execute(
            text(f"CREATE FUNCTION pg_temp.{_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $${_BODY}$$")
        )
        for table, name, events, when in refused:
            truncate = " OR TRUNCATE" if "DELETE" in events else ""
            each = "STATEMENT" if when is None else f"ROW WHEN ({when})"
            connection.execute(
                text(
                    f"CREATE TRIGGER {name} BEFORE {' OR '.join(events)}{truncate} ON {table}"
                    f" FOR EACH {each} EXECUTE FUNCTION pg_temp.{_FUNCTION}()"
                )
            )
    except DBAPIError as error:
        raise NoRoom(str(error.orig).partition("\n")[0]) from error
    return _of_postgresql(connection, metadata.tables)


def _of_postgresql(connection: Connection, tables: Collection[str]) -> dict[GuardPlace, str]:
    rows = connection.execute(_GUARDS, {"tables": list(tables)})
    return {GuardPlace(table, sort, name): said for table, sort, name, said in rows}
