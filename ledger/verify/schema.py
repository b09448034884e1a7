"""By what the database refuses what nobody should do is there, and is what it should be."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from ledger import tables
from ledger.database.engines import is_postgresql
from ledger.database.schema import (
    NOT_IN_FORCE,
    TRIGGER,
    Guards,
    NoRoom,
    given_up,
    standing_guards,
    wanted_guards,
)
from ledger.tables.guards import guards
from ledger.verify.finding import Finding


def guards_are_what_they_should_be(connection: Connection) -> Iterator[Finding]:
    """Every trigger, CHECK, key, unique index and column stands as the tables want it, and is in force.

    A trigger more is found as well, since it may do anything; a CHECK or an index more is not. A standby
    takes no table, so there it is only found what undermines the guards. Of a spread database the
    coordinator's tables are looked at, and what Citus adds to them is let be; a shard is held to its table.
    """
    stands = standing_guards(connection, tables.metadata.tables)
    try:
        wanted = wanted_guards(
            connection.engine, tables.metadata, guards(on_postgresql=is_postgresql(connection))
        )
    except NoRoom as why:
        what = f"what guards it cannot be compared: no temporary table can be made ({why})"
        yield Finding("schema_wrong", "the database", what)
        wanted = None
    if wanted is not None:
        yield from _compared(wanted, stands.guards, given_up=given_up(connection, tables.metadata))
        if not stands.is_spread:
            for place in sorted(stands.guards.keys() - wanted.keys()):
                if place.sort == TRIGGER:
                    where = f"{place.table}.{place.name}"
                    yield Finding("schema_wrong", where, "a trigger that nobody wanted")
    for where, what in stands.undermined:
        yield Finding("schema_wrong", where, what)


def _compared(wanted: Guards, stands: Guards, *, given_up: frozenset[object]) -> Iterator[Finding]:
    there = {place.table for place in stands}
    for table in sorted({place.table for place in wanted} - there):
        yield Finding("schema_wrong", table, "the table is not there")
    for place, said in sorted(wanted.items()):
        if place.table not in there or place in given_up:
            continue
        found = stands.get(place)
        if found == said:
            continue
        if found is None:
            what = f"the {place.sort} is not there"
        elif (behind := found.removeprefix(said)) in NOT_IN_FORCE:
            what = f"the {place.sort} is{behind.lower()}"
        else:
            what = f"the {place.sort} is not the one that it should be"
        yield Finding("schema_wrong", f"{place.table}.{place.name}", what)
