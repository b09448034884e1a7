"""PostgreSQL spread over machines by Citus: everything in which it differs from PostgreSQL on one.

Whether a database is one is said by its URL, `?cluster=citus`, which the settings write (LEDGER_CLUSTER).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, Connection, Engine, Integer, column, text
from sqlalchemy.engine import URL

from ledger.database.direct import Direct
from ledger.database.places import PLACES, Where

CLUSTER: Final = "cluster"
CITUS: Final = "citus"
# Of a generic plan Citus does not know which machines it asks. And it would let one transaction at a time
# write to a shard by statements over several: books are locked in one order, and a deadlock is tried again.
# What was read from several shards side by side would keep a table of the coordinator from being written.
# Nobody writes by way of a worker: without a lock there of its own, for which it asks the right to change
# what may only be added to, a row that is whole everywhere is locked by the coordinator alone.
PG_OPTIONS: Final = (
    "-c plan_cache_mode=auto -c citus.enable_deadlock_prevention=off"
    " -c citus.multi_shard_modify_mode=sequential"
    " -c citus.allow_modifications_from_workers_to_replicated_tables=off"
)
SHARDS_DEFAULT, SHARDS_MAX = 8, 1024
# tables are copied while everybody waits; what is larger is imported into an empty database instead
ROWS_MAX = 100_000
# what a session of a worker is not told by the coordinator's (`LEDGER_…` sets them for its own)
ON_WORKERS: Final = {"enable_seqscan": "off", "lock_timeout": "10s", "jit": "off"}

# how tables are changed: the triggers by which the database refuses changes stand on every shard, and after
# shards were changed side by side what is whole everywhere could not be changed in the same transaction
_CHANGING: Final = {"citus.enable_unsafe_triggers": "on", "citus.multi_shard_modify_mode": "sequential"}

# by the number of a book, in which shard it lies and on which machine; the same for every process
_SHARDS: dict[int, tuple[int, int]] = {}
_SHARDS_KEPT_MAX = 1_000_000
_SHARD_OF = Direct(
    "SELECT given.id, place.shardid, place.groupid"
    " FROM (SELECT id, get_shard_id_for_distribution_column('book', id) AS shard"
    " FROM unnest(CAST(:ids AS bigint[])) AS of(id))"
    " AS given JOIN pg_dist_placement place ON place.shardid = given.shard",
    [column("id", BigInteger), column("shard", BigInteger), column("machine", Integer)],
)
# a condition on a key by which rows are spread, and on a value of the rows that are handed over
_BY_KEY: Final = re.compile(r"\b(\w+\.(?:book_id|digest)) = given\.(\w+)\b")
_IS_CITUS = text("SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus')")
_IS_DISTRIBUTED = text("""
SELECT EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = to_regclass('book') AND partmethod = 'h')
""")
_NODES = text("SELECT (groupid = 0), nodename, nodeport FROM pg_dist_node WHERE isactive ORDER BY 2, 3")
# what is whole everywhere cannot point at what lies on one machine; `verify` holds each row to its entry
_KEYS_APART = text("""
SELECT its.relname, conname FROM pg_constraint
JOIN pg_class its ON its.oid = conrelid JOIN pg_class other ON other.oid = confrelid
WHERE contype = 'f' AND its.relname = ANY(:everywhere) AND other.relname = ANY(:spread)
ORDER BY 1, 2
""")
# citus calls a table that is whole everywhere t; one that it keeps on the coordinator s
_STANDING = text("""
SELECT CAST(logicalrelid AS text),
       CASE WHEN partmethod = 'h' THEN column_to_column_name(logicalrelid, partkey)
       WHEN repmodel = 't' THEN 'everywhere' ELSE 'coordinator' END
FROM pg_dist_partition
""")
# Of a table that lies on the coordinator Citus makes a part by its number, and takes from it each trigger
# that forbids TRUNCATE: with it goes what refuses that rows are changed or taken away.
_TRIGGERS_OF_PARTS = text("""
SELECT its.part, its.shardid, tgrelid = its.whole, tgname, pg_get_triggerdef(t.oid), tgenabled
FROM (SELECT s.shardid, s.logicalrelid AS whole, shard_name(s.logicalrelid, s.shardid) AS part
      FROM pg_dist_shard s JOIN pg_dist_placement p ON p.shardid = s.shardid WHERE p.groupid = 0) AS its
JOIN pg_trigger t ON tgrelid IN (its.whole, CAST(its.part AS regclass)) AND NOT tgisinternal
ORDER BY 1, 3, 4
""")
_TRIGGER: Final = re.compile(r"CREATE TRIGGER \S+ (.+?) ON \S+ (FOR EACH .+)", re.DOTALL)
_IN_FORCE: Final = "O"
# Each by itself: a worker passes what is said of a role on to the others, and they would wait for each other.
# And as one statement: of several Citus tells what became of the first.
_TELLING = text("""
SELECT success FROM run_command_on_workers(format('DO %L', format(
    'BEGIN SET LOCAL citus.enable_ddl_propagation TO off; ALTER ROLE %I IN DATABASE %I SET %I = %L; END',
    CAST(:role AS text), current_database(), CAST(:name AS text), CAST(:value AS text))))
""")


class CannotDistribute(Exception):
    """The database cannot be spread. The message says why, and what to do."""


class Distributed(NamedTuple):
    """Table → how it is spread now, for those that were not before; how many were; foreign keys given up;
    triggers made or taken away on the parts of tables that lie on the coordinator.
    """

    done: dict[str, str]
    already: int
    workers: int
    keys_given_up: list[str]
    guarded: list[str]


class UnguardedPart(NamedTuple):
    """A trigger that is not the same on a part of a table on the coordinator as on the table.

    `wanted` makes it as it should be; None for one that should not be there.
    """

    part: str
    trigger: str
    wanted: str | None
    is_there: bool


def in_cluster(bind: Engine | Connection) -> bool:
    """Whether a database was said to be spread."""
    return CLUSTER in bind.engine.url.query


def without_mark(arguments: dict[str, Any]) -> None:
    """Take out of what libpq is told what it does not know."""
    arguments.pop(CLUSTER, None)


def is_marked(url: URL) -> bool:
    """Whether a URL says that its database is spread."""
    return CLUSTER in url.query


def is_marked_soundly(url: URL) -> bool:
    """Whether a URL says nothing of it, or what there is."""
    return url.query.get(CLUSTER, CITUS) == CITUS


def is_distributed(connection: Connection) -> bool:
    """Whether the books of a PostgreSQL lie spread over machines; inside a transaction."""
    return bool(connection.scalar(_IS_CITUS)) and bool(connection.scalar(_IS_DISTRIBUTED))


def in_lock_order(connection: Connection, ids: Iterable[int]) -> Sequence[Sequence[int]]:
    """Books as they are locked, one statement for each list: by shard, and in each by number.

    Everybody locks in this order, whatever the process. Without a cluster that is one list.
    """
    ordered = sorted(ids)
    if not ordered or not in_cluster(connection):
        return [ordered]
    unknown = [book_id for book_id in ordered if book_id not in _SHARDS]
    if unknown:
        if len(_SHARDS) + len(unknown) > _SHARDS_KEPT_MAX:
            _SHARDS.clear()
            unknown = ordered
        literal = "{" + ",".join(map(str, unknown)) + "}"
        found = _SHARD_OF.all(connection, {"ids": literal})
        _SHARDS.update((book_id, (shard, machine)) for book_id, shard, machine in found)
    by_shard: dict[int, list[int]] = {}
    for book_id in ordered:
        by_shard.setdefault(_SHARDS[book_id][0], []).append(book_id)
    return [by_shard[shard] for shard in sorted(by_shard)]


def machine_of(book_id: int) -> int | None:
    """On which machine a book lies, as far as this process has learnt when it locked it.

    What was moved since is still told where it was: that is no harm where it only says who goes together.
    """
    found = _SHARDS.get(book_id)
    return None if found is None else found[1]


def forget_shards() -> None:
    """Ask anew in which shard a book lies: one may have been split."""
    _SHARDS.clear()


def pruned(sql: str, columns: dict[str, str]) -> str:
    """A lookup's text in which every key by which rows are spread is one of those handed over.

    It finds the same, and asks only the machines on which that lies, where a join asks all of them.
    """

    def listed(match: re.Match[str]) -> str:
        key, given = match.groups()
        if given not in columns:
            return match[0]
        return f"({match[0]} AND {key} = ANY(CAST(:given_{given} AS {columns[given]}[])))"

    return _BY_KEY.sub(listed, sql)


def distribute(connection: Connection, shards: int = SHARDS_DEFAULT) -> Distributed:
    """Put every table where PLACES says, in one transaction of the caller's; what is there already stays.

    Raises CannotDistribute.
    """
    if not connection.scalar(_IS_CITUS):
        raise CannotDistribute(
            "this PostgreSQL is one machine: the extension citus is not in the database; nothing was changed"
        )
    nodes = connection.execute(_NODES).all()
    workers = [(name, port) for is_coordinator, name, port in nodes if not is_coordinator]
    if len(workers) == len(nodes):
        raise CannotDistribute(
            "the coordinator is not known to the cluster: citus_set_coordinator_host first"
        )
    if not workers:
        raise CannotDistribute("there is no worker: citus_add_node first")
    standing = {name: Where(where) for name, where in connection.execute(_STANDING)}
    elsewhere = sorted(name for name, where in standing.items() if PLACES.get(name, where) is not where)
    if elsewhere:
        raise CannotDistribute(f"spread in another way than this program wants: {', '.join(elsewhere)}")
    wanted = [
        (name, place)
        for name, place in PLACES.items()
        if place is not Where.COORDINATOR and name not in standing
    ]
    for name, _place in wanted:
        few = text(f"SELECT count(*) FROM (SELECT 1 FROM {name} LIMIT {ROWS_MAX + 1}) AS few")
        if (connection.scalar(few) or 0) > ROWS_MAX:
            raise CannotDistribute(
                f"{name} has more than {ROWS_MAX} rows: spread an empty database, and bring the people there"
            )
    _say_how_to_change(connection, within=True)
    given_up = _give_up_keys(connection)
    for name, place in wanted:
        connection.execute(text(_putting(name, place, shards)))
    done = {name: place.value for name, place in wanted}
    already = sum(1 for name, place in standing.items() if place is not Where.COORDINATOR)
    return Distributed(done, already, len(workers), given_up, guard_parts(connection))


def guard_parts(connection: Connection) -> list[str]:
    """Let what guards a table guard its part on the coordinator too; what was made or taken away there."""
    unguarded = unguarded_parts(connection)
    for one in unguarded:
        if one.is_there:
            connection.execute(text(f"DROP TRIGGER {one.trigger} ON {one.part}"))
        if one.wanted is not None:
            connection.exec_driver_sql(one.wanted)
    return [one.trigger for one in unguarded]


def unguarded_parts(connection: Connection) -> list[UnguardedPart]:
    """Where a part of a table that lies on the coordinator is not guarded as the table is."""
    wanted: dict[tuple[str, str], str] = {}
    stands: dict[tuple[str, str], str | None] = {}
    for part, number, is_whole, name, said, state in connection.execute(_TRIGGERS_OF_PARTS):
        trigger = f"{name}_{number}" if is_whole else name
        here = _TRIGGER.sub(rf"CREATE TRIGGER {trigger} \1 ON {part} \2", said)
        if is_whole:
            wanted[part, trigger] = here
        else:
            stands[part, trigger] = here if state == _IN_FORCE else None
    return [
        UnguardedPart(part, trigger, wanted.get((part, trigger)), (part, trigger) in stands)
        for part, trigger in sorted(wanted.keys() | stands.keys())
        if (part, trigger) not in stands or stands[part, trigger] != wanted.get((part, trigger))
    ]


def prepare_to_change(connection: Connection) -> None:
    """Let a session change the tables of a cluster as those of one machine; nothing where there is none."""
    if is_distributed(connection):
        _say_how_to_change(connection, within=False)


def _say_how_to_change(connection: Connection, *, within: bool) -> None:
    """Within the transaction, or from now on."""
    told = text("SELECT set_config(:name, :value, :within)")
    for setting, value in _CHANGING.items():
        connection.execute(told, {"name": setting, "value": value, "within": within})


def _give_up_keys(connection: Connection) -> list[str]:
    places = {
        "everywhere": [name for name, place in PLACES.items() if place is Where.EVERYWHERE],
        "spread": [name for name, place in PLACES.items() if place.is_spread],
    }
    keys = connection.execute(_KEYS_APART, places).all()
    for table, key in keys:
        connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {key}"))
    return [key for _table, key in keys]


def _putting(name: str, place: Where, shards: int) -> str:
    if place is Where.EVERYWHERE:
        return f"SELECT create_reference_table('{name}')"
    first = next(other for other, its in PLACES.items() if its is place)
    together = (
        f"colocate_with := '{first}'"
        if name != first
        else f"colocate_with := 'none', shard_count := {shards}"
    )
    return f"SELECT create_distributed_table('{name}', '{place.value}', {together})"


def tell_workers(connection: Connection, role: str) -> None:
    """Let the sessions of a role on each worker work as the service's do. Raises CannotDistribute.

    A session of the coordinator is told so by the service itself, and does not pass it on.
    """
    for setting, value in ON_WORKERS.items():
        told = connection.scalars(_TELLING, {"role": role, "name": setting, "value": value}).all()
        if not all(told):
            raise CannotDistribute(
                f"not every worker takes {setting} for the role: is each of them up, and the role there?"
            )
