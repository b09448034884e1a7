"""Designated institutions and their contracts: reference rows that the settlements issue gives routes to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection

from ledger.book.numbers import new_book_id
from ledger.chart.parties import Party
from ledger.chart.registers import Register
from ledger.posting.registers import RegisterBook, RegisterKind, RegisterTable

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


_GIVEN = {(one.code, one.contract_from) for one in EXAMPLE_INSTITUTIONS}
INSTITUTION = RegisterTable("institution", ("code",), ("code", "party_id", "name", "kind", "level", "area"))
# all others stand in the book of their institution, with the days of their end
GIVEN_CONTRACT = RegisterTable(
    "contract",
    ("code", "valid_from"),
    ("code", "valid_from", "valid_to", "services"),
    only=lambda row: (row["code"], row["valid_from"]) in _GIVEN,
)
INSTITUTIONS = RegisterKind(Register.INSTITUTIONS, (INSTITUTION, GIVEN_CONTRACT))
"""Who is paid, and by which level; and the contracts that were given to the examples."""


def register(connection: Connection, institutions: Iterable[NewInstitution], now: datetime) -> None:
    """Write institutions and contracts down; those that stand there already are left as they are."""
    with connection.begin():
        book = RegisterBook(connection, INSTITUTIONS, now)
        for one in institutions:
            institution = {
                "code": one.code,
                "party_id": new_book_id(Party.INSTITUTION),
                "name": one.name,
                "kind": one.kind,
                "level": one.level,
                "area": one.area,
            }
            book.enter(INSTITUTION, institution)
            contract = {
                "code": one.code,
                "valid_from": one.contract_from,
                "valid_to": one.contract_to,
                "services": ",".join(one.services),
            }
            book.enter(GIVEN_CONTRACT, contract)
        book.write()
