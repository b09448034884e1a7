"""Institutions with their contracts, the days on which these rest, and what was said since, by one read."""

from __future__ import annotations

from datetime import date
from typing import Final

from sqlalchemy import Connection

from ledger import tables
from ledger.database.lookups import Ask, Lookup
from ledger.posting.desk import Desk
from ledger.posting.outcomes import Change, Institution

_FACTS = ("code", "party_id", "kind", "level", "area")
_CONTRACT = ("valid_from", "valid_to", "services")
_REST = ("valid_from", "valid_to")
_COLUMNS: Final = [
    *(("i", tables.institution.c[name]) for name in _FACTS),
    *(("c", tables.contract.c[name]) for name in _CONTRACT),
    *(("s", tables.suspension.c[name]) for name in _REST),
    *(("g", tables.institution_change.c[name]) for name in Change._fields),
]

# One scan with all that may stand beside it, and no leg for each: nearly all institutions have a contract and
# nothing else, and every bill reads this. Of one that has more, each thing stands with each of other kinds.
_INSTITUTIONS = Lookup(
    f"SELECT {', '.join(f'{alias}.{column.name}' for alias, column in _COLUMNS)}"
    " FROM {given} JOIN institution i ON i.code = given.code"
    " LEFT JOIN contract c ON c.code = i.code LEFT JOIN suspension s ON s.code = i.code"
    " LEFT JOIN institution_change g ON g.book_id = i.party_id",
    [column for _alias, column in _COLUMNS],
    code="text",
)


def institutions_named(codes: set[str]) -> Ask:
    """What `read_institutions` is going to ask."""
    return _INSTITUTIONS, [(code,) for code in sorted(codes)]


def read_institutions(connection: Connection, codes: set[str], desk: Desk) -> None:
    """Put the institutions with these codes on the desk; what nobody is called is not there."""
    facts: dict[str, tuple[int, str, int, int]] = {}
    contracts: dict[str, dict[date, tuple[date, date | None, frozenset[str]]]] = {}
    rests: dict[str, dict[date, tuple[date, date | None]]] = {}
    changes: dict[str, dict[int, Change]] = {}
    lookup, named = institutions_named(codes)
    rows = lookup.run(connection, named)
    for code, party_id, kind, level, area, *beside in rows:
        facts[code] = (party_id, kind, level, area)
        first, last, services, rests_from, rests_to, *said = beside
        if first is not None:
            contracts.setdefault(code, {})[first] = (first, last, frozenset(services.split(",")))
        if rests_from is not None:
            rests.setdefault(code, {})[rests_from] = (rests_from, rests_to)
        if said[0] is not None:
            change = Change._make(said)
            changes.setdefault(code, {})[change.seq] = change
    for code, known in facts.items():
        desk.institutions[code] = Institution(
            code,
            *known,
            tuple(contracts.get(code, {}).values()),
            tuple(rests.get(code, {}).values()),
            tuple(sorted(changes.get(code, {}).values())),
        )
