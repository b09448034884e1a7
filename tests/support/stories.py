"""What several stories need: yuan as a clerk writes them, heirs, and a look at the book as it stands.

The look goes to the tables and nowhere else, so that no query of the ledger vouches for another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Engine, Row, func, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.estates.claimants import ConfirmEstate, NamedClaimant
from ledger.estates.division import DivideEstate, HeirShare
from ledger.people.persons import stake_by_name, stake_by_number
from ledger.posting import PersonStake, Receipt
from ledger.shares import heir_rank, parse_weights
from tests.support.people import Someone, World


def fen(yuan: str) -> int:
    """ "1,000.03" in fen."""
    whole, cents = yuan.replace(",", "").split(".")
    return int(whole + cents)


def yuan(amount_fen: int) -> str:
    """Fen as a clerk reads them: "1,000.03"."""
    return f"{amount_fen // 100:,}.{amount_fen % 100:02d}"


# -- the book as it stands -------------------------------------------------------------------------------


class Pockets(NamedTuple):
    """The two pockets in fen."""

    current_year: int
    carried_over: int


def row(engine: Engine, book_id: int) -> Row[Any]:
    """The row of table `book`."""
    with engine.connect() as connection:
        return connection.execute(select(tables.book).where(tables.book.c.book_id == book_id)).one()


def pockets(engine: Engine, book_id: int, today: date) -> Pockets:
    """The pockets as they are on a day: after the turn of a year all of it is carried over."""
    book = row(engine, book_id)
    if book.open_year < today.year:
        return Pockets(0, book.current_year + book.carried_over)
    return Pockets(book.current_year, book.carried_over)


def held(engine: Engine, book_id: int, now: datetime) -> int:
    """What open holds keep aside; one whose time is over keeps nothing."""
    closed = {one.target_seq for one in entries(engine, book_id) if one.target_seq is not None}
    holds = [one for one in entries(engine, book_id, Kind.HOLD) if one.seq not in closed]
    return sum(one.held_change for one in holds if one.expires_at > now)


def entries(engine: Engine, book_id: int, kind: Kind | None = None) -> Sequence[Row[Any]]:
    """The entries of a book in order."""
    table = tables.entry
    query = select(table).where(table.c.book_id == book_id).order_by(table.c.seq)
    if kind is not None:
        query = query.where(table.c.kind == int(kind))
    with engine.connect() as connection:
        return connection.execute(query).all()


def moves(engine: Engine, book_id: int, seq: int) -> list[tuple[int, int, int]]:
    """What one entry moved: (from side, to side, fen)."""
    table = tables.transfer.c
    query = select(table.from_side, table.to_side, table.amount_fen).where(
        table.book_id == book_id, table.seq == seq
    )
    with engine.connect() as connection:
        return [tuple(one) for one in connection.execute(query.order_by(table.line))]


def rows_of(engine: Engine, *of: str) -> dict[str, int]:
    """How many rows there are in each table (in all of the ledger's, unless some are named)."""
    names = of or tuple(tables.metadata.tables)
    with engine.connect() as connection:
        return {
            name: connection.execute(
                select(func.count()).select_from(tables.metadata.tables[name])
            ).scalar_one()
            for name in names
        }


# -- heirs -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Heir:
    """A heir as the request names them: by ID number and name, or by name alone."""

    relation: str
    who: Someone | str
    share: str | None = None


def estate(
    world: World, book_id: int, heirs: Sequence[Heir], paid_on: date, *, key: str | None = None
) -> DivideEstate:
    """The command that divides an account among heirs and closes it."""
    shares: list[HeirShare] = []
    stakes: list[PersonStake] = []
    for place, (heir, weight) in enumerate(
        zip(heirs, parse_weights([heir.share for heir in heirs]), strict=True)
    ):
        birth_date = number = None
        if isinstance(heir.who, Someone):
            stake, parsed = stake_by_number(heir.who.id_number, heir.who.name, world.keyring, world.today)
            birth_date, number = parsed.birth_date, parsed.number
        else:
            stake = stake_by_name(heir.who, f"{book_id}|{place}", world.keyring)
        by_number = isinstance(heir.who, Someone)
        rank = heir_rank(heir.relation, birth_date, number)
        shares.append(HeirShare(stake.digest, by_number, heir.relation, weight, rank))
        stakes.append(stake)
    return DivideEstate(book_id, tuple(shares), tuple(stakes), paid_on, key=key)


def claims(
    world: World, book_id: int, heirs: Sequence[Heir]
) -> tuple[list[NamedClaimant], list[PersonStake]]:
    """Who claims an estate by law, or by will where a share is said."""
    named: list[NamedClaimant] = []
    stakes: list[PersonStake] = []
    for heir in heirs:
        birth_date = number = None
        if isinstance(heir.who, Someone):
            stake, parsed = stake_by_number(heir.who.id_number, heir.who.name, world.keyring, world.today)
            birth_date, number = parsed.birth_date, parsed.number
        else:
            stake = stake_by_name(heir.who, f"{book_id}|1", world.keyring)
        rank = heir_rank(heir.relation, birth_date, number)
        title = "law" if heir.share is None else "will"
        named.append(
            NamedClaimant(
                stake.digest, stake.name_digest, number is not None, heir.relation, title, rank, heir.share
            )
        )
        stakes.append(stake)
    return named, stakes


def confirming(
    world: World, book_id: int, heirs: Sequence[Heir], paid_on: date, *, key: str | None = None
) -> ConfirmEstate:
    """The command that divides an account among those who claim, and closes it."""
    named, stakes = claims(world, book_id, heirs)
    return ConfirmEstate(book_id, tuple(named), tuple(stakes), paid_on, key=key)


def shared_out(receipt: Receipt) -> list[str]:
    """What each heir got by an estate entry, in yuan."""
    return [yuan(line["amount"]) for line in unpack(receipt.detail)["heirs"]]


def paid_to(receipt: Receipt) -> list[str]:
    """Where each heir's share of an estate entry went."""
    return [line["paid_to"] for line in unpack(receipt.detail)["heirs"]]
