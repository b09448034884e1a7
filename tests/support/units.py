"""An employer and its staff in a `World`: lists handed in, confirmed, paid.

unit = Unit(world)
person = unit.hire()
unit.declare(202603, {person: 800_000})
unit.pay(76_000, date(2026, 4, 10))
assert unit.balance(person) == 16_000
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Row, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.members import MemberClass
from ledger.chart.sides import Side
from ledger.contributions.adjustments import Adjust
from ledger.contributions.assessing import Declared
from ledger.contributions.credit_codes import credit_code_check
from ledger.contributions.declarations import Confirm, Declare
from ledger.contributions.employers import RegisterEmployer, enter
from ledger.contributions.estimates import Estimate
from ledger.contributions.payments import ReceivePayment
from ledger.contributions.refunds import RefundSurplus
from ledger.people.enrolments import Enrol
from ledger.people.id_numbers import parse_id_number
from ledger.people.persons import number_digest, number_opener
from ledger.posting import Posted, Receipt
from tests.support.people import AREA, Someone, SomeoneFactory, World

_codes = itertools.count(1)
# what a payment is answered with
TOLD = ("to_accounts", "to_pooled_fund", "late_fee", "to_suspense", "still_owed")


def credit_code(number: int | None = None) -> str:
    """A credit code of region 999999, which there is not; each only once."""
    body = f"91999999{next(_codes) if number is None else number:09d}"
    return body + credit_code_check(body)


class Unit:
    """A registered employer of the example area."""

    def __init__(self, world: World, *, name: str = "示例制造有限公司") -> None:
        self.world = world
        self.credit_code = credit_code()
        with world.engine.connect() as connection:
            self.employer = enter(connection, self.credit_code, name, AREA, world.now)
        self.book = world.one(RegisterEmployer(self.employer.book_id, self.credit_code, AREA)).book_id
        self.reveal = number_opener(world.keyring)
        self._digests: dict[int, bytes] = {}

    def know(self, account: int, someone: Someone) -> int:
        """Have somebody on the list whose account another unit, or nobody, has opened."""
        self._digests[account] = self.digest(someone)
        return account

    def hire(self, someone: Someone | None = None, **opening: Any) -> int:
        """Open the account of a new person and return its book."""
        person = someone or SomeoneFactory()
        return self.know(self.world.open(person, **opening), person)

    def digest(self, person: Someone) -> bytes:
        return number_digest(parse_id_number(person.id_number, self.world.today), self.world.keyring)

    def enrol(
        self,
        account: int,
        member_class: MemberClass,
        first: date,
        last: date | None = None,
        *,
        here: bool = True,
        **when: Any,
    ) -> Receipt:
        return self.world.one(Enrol(account, member_class, self.book if here else None, first, last), **when)

    def lines(self, wages: Mapping[int, int | None]) -> tuple[Declared, ...]:
        return tuple(
            Declared(number, self._digests[account], wage)
            for number, (account, wage) in enumerate(wages.items(), start=1)
        )

    def preview(self, period: int, wages: Mapping[int, int | None], **when: Any) -> Receipt:
        """Hand in a list of wages in fen by account."""
        return self.world.one(Declare(self.book, period, self.lines(wages)), **when)

    def confirm(self, declaration: Receipt, **when: Any) -> Posted:
        return self.world.posted(Confirm(self.book, declaration.seq, self.reveal), **when)

    def declare(self, period: int, wages: Mapping[int, int | None], **when: Any) -> Posted:
        """Hand in a list and confirm it."""
        return self.confirm(self.preview(period, wages, **when), **when)

    def payment(
        self,
        amount_fen: int,
        received_on: date,
        period: int | None = None,
        ref: str | None = None,
        key: str | None = None,
    ) -> ReceivePayment:
        return ReceivePayment(
            self.book, amount_fen, period, received_on, ref or self.world.ref("bank"), self.reveal, key=key
        )

    def pay(
        self, amount_fen: int, received_on: date, period: int | None = None, **when: Any
    ) -> dict[str, int]:
        """Pay, and return where the money went, in fen."""
        told = unpack(self.world.one(self.payment(amount_fen, received_on, period), **when).detail)
        return {name: told[name] for name in TOLD}

    def estimate(self, period: int, amount_fen: int | None = None, **when: Any) -> int:
        """Charge a month that was not declared, and return the fen."""
        receipt = self.world.one(Estimate(self.book, period, amount_fen), **when)
        return int(unpack(receipt.detail)["estimated"])

    def adjustment(self, period: int, wages: Mapping[int, int | None]) -> Adjust:
        return Adjust(self.book, period, self.lines(wages), "wrong wage", self.reveal)

    def adjust(self, period: int, wages: Mapping[int, int | None], **when: Any) -> dict[str, Any]:
        """Correct wages, and return what the entry tells."""
        return unpack(self.world.one(self.adjustment(period, wages), **when).detail)

    def refund(self, amount_fen: int, ref: str | None = None) -> RefundSurplus:
        return RefundSurplus(self.book, amount_fen, ref or self.world.ref("refund"), "paid too much")

    # -- the books as they stand, from the tables alone ----------------------------------------------------

    def balance(self, account: int) -> int:
        """What an account has, in both pockets."""
        book = tables.book.c
        with self.world.engine.connect() as connection:
            row = connection.execute(
                select(book.current_year, book.carried_over).where(book.book_id == account)
            ).one()
        return int(row.current_year + row.carried_over)

    def left_on(self, side: Side) -> int:
        """What the transfers of the employer's book have left on one fund account."""
        return self.funds().get(side, 0)

    def funds(self) -> dict[Side, int]:
        """The same of all that have something left, or owe it."""
        transfer = tables.transfer.c
        left: dict[Side, int] = {}
        query = select(transfer.from_side, transfer.to_side, transfer.amount_fen)
        with self.world.engine.connect() as connection:
            for source, target, fen in connection.execute(query.where(transfer.book_id == self.book)):
                left[Side(source)] = left.get(Side(source), 0) - fen
                left[Side(target)] = left.get(Side(target), 0) + fen
        return {side: fen for side, fen in left.items() if fen}

    def month(self, period: int) -> dict[str, int]:
        """The state of a month; nothing but zeros when there is none."""
        levy = tables.levy
        query = select(*(levy.c[name] for name in tables.LEVY_AMOUNTS)).where(
            levy.c.book_id == self.book, levy.c.period == period
        )
        with self.world.engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return dict.fromkeys(tables.LEVY_AMOUNTS, 0) if row is None else dict(row._mapping)

    def surplus(self) -> int:
        """What waits to go back to the payer."""
        return self.month(0)["surplus"]

    def of(self, account: int, period: int) -> Row[Any]:
        """What one person's month stands at."""
        table = tables.assessment
        query = select(table).where(
            table.c.book_id == self.book, table.c.account_id == account, table.c.period == period
        )
        with self.world.engine.connect() as connection:
            return connection.execute(query).one()
