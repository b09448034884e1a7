"""Which version of an area's policy is in force, and whether the one that this process has is it.

A version that nobody has seen is stored whole and put in force: at the start of whoever brings it, or with
its first command. From then on a process that still has an older one posts nothing for the area; that an
older one shall hold again is an operator's word (`put_in_force`). So two processes with different files never
take turns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, func, insert, select
from sqlalchemy.exc import IntegrityError

from ledger import tables
from ledger.chart.registers import Register
from ledger.policy import Policy
from ledger.posting.registers import RegisterBook, RegisterKind, RegisterTable

T = TypeVar("T")
_P, _F = tables.policy.c, tables.policy_in_force.c
_TRIES_MAX = 20

POLICY = RegisterTable("policy", ("version",), ("version", "area", "hash", "content", "recorded_at"))
POLICY_IN_FORCE = RegisterTable("policy_in_force", ("number",), ("number", "area", "version", "recorded_at"))
POLICIES = RegisterKind(Register.POLICIES, (POLICY, POLICY_IN_FORCE))
"""By which numbers was decided, and from when on."""


class _Stand(NamedTuple):
    """What is in force: the version of each area, as of the newest number."""

    number: int
    versions: Mapping[int, int]


# a version's number never changes once it is given
_VERSIONS: WeakKeyDictionary[Engine, dict[tuple[int, str], int]] = WeakKeyDictionary()
_STANDS: WeakKeyDictionary[Engine, _Stand] = WeakKeyDictionary()


def policy_versions(
    connection: Connection, policies: Mapping[int, Policy], now: datetime, *, create: bool = True
) -> Mapping[int, int]:
    """The version number of each area's policy; a new version is stored whole, to recompute any year.

    It is then the one in force. With `create=False` (a dry run) a new version has the number 0.
    """
    known = _VERSIONS.setdefault(connection.engine, {})
    versions: dict[int, int] = {}
    for area, policy in policies.items():
        place = (area, policy.hash)
        if place not in known:
            number = _policy_version(connection, area, policy, now, create=create)
            if number == 0:
                versions[area] = 0
                continue
            known[place] = number
        versions[area] = known[place]
    return versions


def outdated_areas(
    connection: Connection, versions: Mapping[int, int], newest: int | None = None
) -> frozenset[int]:
    """The areas of which another version is in force than the one given; inside a transaction.

    `newest` is what was read as NEWEST beside something else; without it, it is read here.
    """
    if newest is None:
        newest = connection.scalar(select(func.max(_F.number))) or 0
    stand = _STANDS.get(connection.engine)
    if stand is None or stand.number != newest:
        stand = _STANDS[connection.engine] = _read_stand(connection)
    in_force = stand.versions
    return frozenset(
        area for area, version in versions.items() if version and in_force.get(area, version) != version
    )


def in_force(connection: Connection) -> dict[int, tuple[str, datetime]]:
    """Of each area the hash of the policy in force, and since when it is; inside a transaction."""
    query = (
        select(_F.area, _P.hash, _F.recorded_at)
        .join_from(tables.policy_in_force, tables.policy, _P.version == _F.version)
        .order_by(_F.number)
    )
    return {area: (hash_, since) for area, hash_, since in connection.execute(query)}


def put_in_force(connection: Connection, area: int, policy: Policy, now: datetime) -> None:
    """Let a version hold from now on, also one that a newer one had taken the place of."""

    def put() -> None:
        register = RegisterBook(connection, POLICIES, now)
        version = _stored(connection, area, policy)
        if version is None:
            _store(connection, register, area, policy, now)
        elif _read_stand(connection).versions.get(area) != version:
            _put(connection, register, area, version, now)

    _in_turn(connection, put)


def _read_stand(connection: Connection) -> _Stand:
    rows = connection.execute(select(_F.number, _F.area, _F.version).order_by(_F.number)).all()
    return _Stand(rows[-1].number if rows else 0, {row.area: row.version for row in rows})


def _policy_version(connection: Connection, area: int, policy: Policy, now: datetime, *, create: bool) -> int:
    def find_or_store() -> int:
        found = _stored(connection, area, policy)
        if found is not None or not create:
            return found or 0
        register = RegisterBook(connection, POLICIES, now)
        # whoever had the register before us may have stored it
        found = _stored(connection, area, policy)
        return found if found is not None else _store(connection, register, area, policy, now)

    return _in_turn(connection, find_or_store)


def _in_turn(connection: Connection, work: Callable[[], T]) -> T:
    """Do it in a transaction of its own; again, when another process had the same number a moment before."""
    for _ in range(_TRIES_MAX):
        try:
            with connection.begin():
                return work()
        except IntegrityError:
            continue
    raise RuntimeError("no number could be had for a policy version")


def _stored(connection: Connection, area: int, policy: Policy) -> int | None:
    return connection.scalar(select(_P.version).where(_P.area == area, _P.hash == policy.hash))


def _store(connection: Connection, register: RegisterBook, area: int, policy: Policy, now: datetime) -> int:
    version = (connection.scalar(select(func.max(_P.version))) or 0) + 1
    row = {"version": version, "area": area, "hash": policy.hash, "content": policy.text, "recorded_at": now}
    connection.execute(insert(tables.policy), row)
    register.record(POLICY, row)
    _put(connection, register, area, version, now)
    return version


def _put(connection: Connection, register: RegisterBook, area: int, version: int, now: datetime) -> None:
    number = (connection.scalar(select(func.max(_F.number))) or 0) + 1
    row = {"number": number, "area": area, "version": version, "recorded_at": now}
    connection.execute(insert(tables.policy_in_force), row)
    register.record(POLICY_IN_FORCE, row)
    register.write()
