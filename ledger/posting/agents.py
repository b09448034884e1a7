"""Callers and actors as small numbers. A number once given never changes, so it is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, func, insert, select
from sqlalchemy.exc import IntegrityError

from ledger import tables
from ledger.chart.registers import Register
from ledger.database.engines import with_transactions
from ledger.posting.registers import RegisterBook, RegisterKind, RegisterTable

AGENT = RegisterTable("agent", ("agent_id",), ("agent_id", "name"))
AGENTS = RegisterKind(Register.AGENTS, (AGENT,))
"""Who did what is told by a number: the chain covers the name behind it."""

_AGENTS: WeakKeyDictionary[Engine, dict[str, int]] = WeakKeyDictionary()
_TRIES_MAX = 20
# how many names a process keeps the numbers of
REMEMBERED_MAX = 20_000
# how many are looked for in one statement
NAMES_MAX = 500


def agent_ids(
    connection: Connection, names: Iterable[str], now: datetime, *, create: bool = True
) -> Mapping[str, int]:
    """The numbers of callers and actors; a name that is new gets the next number, at once and for good.

    With `create=False` (a dry run) a new name gets 0, which no entry carries.
    """
    known = _AGENTS.setdefault(connection.engine, {})
    asked = set(names)
    missing = [name for name in asked if name not in known]
    if not missing:
        return known
    if len(known) + len(missing) > REMEMBERED_MAX:
        # another one, and not this one emptied: whoever posts beside us still looks into it
        known = _AGENTS[connection.engine] = {name: known[name] for name in asked if name in known}
    # of those who are missing only: there are as many names as people who ever acted
    for start in range(0, len(missing), NAMES_MAX):
        some = missing[start : start + NAMES_MAX]
        query = select(tables.agent.c.name, tables.agent.c.agent_id).where(tables.agent.c.name.in_(some))
        with connection.begin():
            known.update({row.name: row.agent_id for row in connection.execute(query)})
    if not create:
        return {**known, **{name: 0 for name in missing if name not in known}}
    new = [name for name in missing if name not in known]
    if new:
        # the name and what the register says of it are written together, or neither is
        with with_transactions(connection) as writing:
            known.update((name, _make_agent(writing, name, now)) for name in new)
    return known


def _make_agent(connection: Connection, name: str, now: datetime) -> int:
    # Two processes may want the same number, or give the same name one: whoever loses looks again.
    for _ in range(_TRIES_MAX):
        try:
            with connection.begin():
                # once for each name: whoever posts with a number that is known waits for nobody here
                register = RegisterBook(connection, AGENTS, now)
                found = connection.scalar(select(tables.agent.c.agent_id).where(tables.agent.c.name == name))
                if found is not None:
                    return int(found)
                number = (connection.scalar(select(func.max(tables.agent.c.agent_id))) or 0) + 1
                row = {"agent_id": number, "name": name}
                connection.execute(insert(tables.agent), row)
                register.record(AGENT, row)
                register.write()
                return number
        except IntegrityError:
            continue
    raise RuntimeError("no number could be had for a caller")
