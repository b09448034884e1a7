"""Every lookup asks the same of one row as of many: the statement is another, the answer is not."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import Engine, column

import ledger
from ledger.database.lookups import Apart, Lookup
from ledger.posting.needs import Look

pytestmark = pytest.mark.postgres

# a value of each type that a lookup is handed
VALUES = {"big": 1, "int": 2, "small": 3, "text": 'a"\\{}', "bytes": b"\x00\xff", "date": date(2026, 2, 28)}
ECHO = Lookup(
    "SELECT given.big, given.int, given.small, given.text, given.bytes, given.date FROM {given}",
    [column(name) for name in VALUES],
    **{name: name for name in VALUES},
)


def _lookups() -> Iterator[tuple[str, Lookup]]:
    for found in pkgutil.walk_packages(ledger.__path__, "ledger."):
        if found.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(found.name)).items():
            if isinstance(value, Apart):
                yield from ((f"{found.name}.{name}", look) for look in value.looks)
            elif isinstance(value, Lookup):
                yield f"{found.name}.{name}", value
            elif (
                isinstance(value, Look) and value.given is None and "given.person_id" not in value.lookup.sql
            ):
                # read by a person, or by values of a command, it is only a part of a quote's one look
                yield f"{found.name}.{name}", value.lookup


def test_every_lookup_is_understood_for_one_row_and_for_many_and_yields_the_same_columns(
    engine: Engine,
) -> None:
    seen = 0
    with engine.connect() as connection, connection.begin():
        for place, (name, lookup) in enumerate(_lookups()):
            types = []
            for kind, sql in (("one", lookup.of_one.sql), ("many", lookup.sql)):
                connection.exec_driver_sql(f"PREPARE {kind}_{place} AS {sql.replace('%', '%%')}")
                types.append(
                    connection.exec_driver_sql(
                        f"SELECT result_types FROM pg_prepared_statements WHERE name = '{kind}_{place}'"
                    ).scalar_one()
                )
            assert types[0] == types[1], name
            assert types[0] is not None, name
            seen += 1
    assert seen > 100


@pytest.mark.parametrize("nulls", [(), *((name,) for name in VALUES), tuple(VALUES)])
def test_one_row_arrives_as_one_of_many(engine: Engine, nulls: tuple[str, ...]) -> None:
    row = tuple(None if name in nulls else value for name, value in VALUES.items())
    handed = tuple(value.isoformat() if isinstance(value, date) else value for value in row)
    with engine.connect() as connection, connection.begin():
        one = [tuple(found) for found in ECHO.run(connection, [handed])]
        two = [tuple(found) for found in ECHO.run(connection, [handed, handed])]
    assert one == [row]
    assert two == [row, row]
