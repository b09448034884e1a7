"""Designated institutions and their contracts: reference rows that the settlements issue gives routes to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from ledger import tables
from ledger.book.numbers import new_book_id
from ledger.chart.parties import Party
from ledger.database.lookups import insert_or_leave

SERVICES = ("outpatient", "inpatient", "pharmacy", "chronic")


@dataclass(frozen=True, slots=True)
class NewInstitution:
    """An institution with one contract, for every service unless said otherwise."""

    code: str
    name: str
    kind: str
    level: int
    area: int
    contract_from: date
    contract_to: date | None = None
    services: tuple[str, ...] = SERVICES


EXAMPLE_INSTITUTIONS = (
    NewInstitution("H0001", "Example hospital", "hospital", 2, 990100, date(2000, 1, 1)),
    NewInstitution(
        "P0001",
        "Example pharmacy",
        "pharmacy",
        1,
        990100,
        date(2000, 1, 1),
        services=("outpatient", "pharmacy", "chronic"),
    ),
)


def register(connection: Connection, institutions: Iterable[NewInstitution]) -> None:
    """Write institutions and contracts down; those that stand there already are left as they are."""
    with connection.begin():
        for one in institutions:
            connection.execute(
                insert_or_leave(connection, tables.institution),
                {
                    "code": one.code,
                    "party_id": new_book_id(Party.INSTITUTION),
                    "name": one.name,
                    "kind": one.kind,
                    "level": one.level,
                    "area": one.area,
                },
            )
            connection.execute(
                insert_or_leave(connection, tables.contract),
                {
                    "code": one.code,
                    "valid_from": one.contract_from,
                    "valid_to": one.contract_to,
                    "services": ",".join(one.services),
                },
            )
