"""Callers and actors as small numbers. A number once given never changes, so it is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, func, insert, select
from sqlalchemy.exc import IntegrityError

from ledger import tables

_AGENTS: WeakKeyDictionary[Engine, dict[str, int]] = WeakKeyDictionary()
_TRIES_MAX = 20
# how many names a process keeps the numbers of
REMEMBERED_MAX = 20_000
# how many are looked for in one statement
NAMES_MAX = 500


def agent_ids(connection: Connection, names: Iterable[str], *, create: bool = True) -> Mapping[str, int]:
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
    for name in missing:
        if name not in known:
            known[name] = _make_agent(connection, name)
    return known


def _make_agent(connection: Connection, name: str) -> int:
    # Two processes may want the same number, or give the same name one: whoever loses looks again.
    for _ in range(_TRIES_MAX):
        try:
            with connection.begin():
                found = connection.scalar(select(tables.agent.c.agent_id).where(tables.agent.c.name == name))
                if found is not None:
                    return int(found)
                number = (connection.scalar(select(func.max(tables.agent.c.agent_id))) or 0) + 1
                connection.execute(insert(tables.agent).values(agent_id=number, name=name))
                return number
        except IntegrityError:
            continue
    raise RuntimeError("no number could be had for a caller")
