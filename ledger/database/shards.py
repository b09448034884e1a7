"""What guards the shards on the workers of a cluster: one of them may lose a trigger on its own machine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Set
from typing import Final, NamedTuple, TypeVar

from sqlalchemy import Connection, text

TRIGGER: Final = "trigger"
COLUMN: Final = "column"
# relations on a worker that are called as shards are: a table, and a number
SHARDS: Final = (
    "(SELECT its.oid FROM pg_class its JOIN pg_namespace n ON n.oid = its.relnamespace"
    r" WHERE n.nspname = 'public' AND its.relkind = 'r' AND its.relname ~ '_\d+$')"
)
_PLACED = text("""
SELECT CAST(s.logicalrelid AS text), s.shardid, n.nodename, n.nodeport
FROM pg_dist_shard s JOIN pg_dist_placement p ON p.shardid = s.shardid
JOIN pg_dist_node n ON n.groupid = p.groupid AND n.noderole = 'primary'
WHERE p.groupid <> 0 ORDER BY 1, 2, 3, 4
""")
_ASKED = text("SELECT nodename, nodeport, success, result FROM run_command_on_workers(:command)")
_NUMBER: Final = re.compile(r"_(\d+)\b")
_CALLED: Final = re.compile(r"^(CREATE (?:UNIQUE INDEX|TRIGGER)) \S+")


# a table, what is there, and its name
_PlaceT = TypeVar("_PlaceT", bound=tuple[str, str, str])


class _Guard(NamedTuple):
    """A guard, whatever the name by which a shard has it; of a column with its name."""

    sort: str
    column: str
    says: str


def unguarded_shards(
    connection: Connection, guards: Mapping[_PlaceT, str], telling: str
) -> Iterator[tuple[str, str]]:
    """Where a shard on a worker is not guarded as its table is on the coordinator: (where, what).

    `guards` are those of the tables: table, sort and name → what it says; `telling` is the statement by which
    a worker tells the same of SHARDS. One statement asks all workers.
    """
    wanted: dict[str, dict[_Guard, str]] = {}
    for (table, sort, name), says in guards.items():
        wanted.setdefault(table, {})[_guard(sort, name, says)] = name
    placed = [
        (table, number, machine, port)
        for table, number, machine, port in connection.execute(_PLACED)
        if table in wanted
    ]
    numbers = {number for _table, number, _name, _port in placed}
    told: dict[tuple[str, int], dict[str, set[_Guard]]] = {}
    named = "one, sort, name, says"
    command = f"SELECT json_agg(json_build_array({named})) FROM ({telling}) AS of({named})"
    for machine, port, is_told, result in connection.execute(_ASKED, {"command": command}):
        if not is_told:
            yield f"{machine}:{port}", "it does not tell what guards its shards"
            continue
        there = told.setdefault((machine, port), {})
        for shard, sort, name, says in json.loads(result or "[]"):
            there.setdefault(shard, set()).add(_guard(sort, name, _unnumbered(says, numbers)))
    for table, number, machine, port in placed:
        if (machine, port) in told:
            shard = f"{table}_{number}"
            found = told[machine, port].get(shard, set())
            yield from ((f"{shard}.{name}", what) for name, what in _compared(wanted[table], found))


def _compared(wanted: Mapping[_Guard, str], there: Set[_Guard]) -> Iterator[tuple[str, str]]:
    gone = {guard: name for guard, name in wanted.items() if guard not in there}
    for sort, name in sorted((guard.sort, name) for guard, name in gone.items()):
        yield name, f"the {sort} is not on the shard as on the table"
    more = [guard for guard in there if guard.sort == TRIGGER and guard not in wanted]
    # one that is another than it should be was told already
    if len(more) > sum(guard.sort == TRIGGER for guard in gone):
        yield TRIGGER, "a trigger that nobody wanted"


def _guard(sort: str, name: str, says: str) -> _Guard:
    # Citus calls them by the number of the shard, and by a digest where that makes the name too long
    return _Guard(sort, name if sort == COLUMN else "", _CALLED.sub(r"\1", says))


def _unnumbered(says: str, numbers: set[int]) -> str:
    """What a shard's guard says, of tables instead of shards."""
    return _NUMBER.sub(lambda found: "" if int(found[1]) in numbers else found[0], says)
