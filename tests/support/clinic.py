"""Designated institutions in a `World`, and patients whose bills they settle.

clinic = Clinic(world)
hospital = clinic.institution(level=3)
patient = world.open(opening=(50_000, 0))
settled = clinic.settle(hospital, patient, [("A", "700.00"), ("B", "200.00"), ("C", "100.00")])
assert settled.row.pooled_pay == 16_800
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select

from ledger import tables
from ledger.accounts.mutual_aid import EndQuota, GiveQuota
from ledger.care.bills import Bill
from ledger.care.counters import Accumulator
from ledger.care.rows import BillLine, Cause, SettlementRow
from ledger.care.settlements import Settle
from ledger.care.taking_back import CorrectMessage, ReverseSettlement
from ledger.chart.care import CareType, Filing
from ledger.institutions.examples import SERVICES
from ledger.institutions.registry import AddContract, Registered, RegisterInstitution, enter
from ledger.money import parse_yuan
from ledger.people.persons import number_digest, parse_id_number
from ledger.people.residents import EnrolResident, resident_ref
from ledger.policy import RATE_SCALE
from ledger.posting import BookRef, Posted, Receipt
from ledger.refusals import RefusalCode, Refused
from tests.support.people import AREA, Someone, SomeoneFactory, World

CARE_DAY = date(2026, 3, 10)
_codes = itertools.count(1)
_bills = itertools.count(1)

# class, amount, and of class A or B what is above the limit, of B the personal share
LineText = tuple[str, ...]


def bill_line(number: int, text: LineText) -> BillLine:
    """("B", "200.00"), ("B", "200.00", "0.00", "0.10"): amounts in yuan, a share of B of a tenth."""
    line_class, amount, *rest = text
    over_limit = parse_yuan(rest[0]) if rest else 0
    share = rest[1] if len(rest) > 1 else "0.10"
    whole, _, decimals = share.partition(".")
    ratio = int(whole) * RATE_SCALE + int(decimals.ljust(8, "0") or 0)
    return BillLine(
        f"X{number:04d}", line_class, parse_yuan(amount), over_limit, ratio if line_class == "B" else 0
    )


@dataclass(frozen=True)
class Settled:
    """A settled bill: the entry and the amounts beside it."""

    receipt: Receipt
    row: SettlementRow
    replayed: bool = False


class Clinic:
    """Everything about care that a test wants to say in one line."""

    def __init__(self, world: World, *, numbers: bool = True) -> None:
        self.world = world
        # whether bills have numbers
        self.numbers = numbers
        self.parties: dict[str, int] = {}
        self._refs: dict[int, Any] = {}

    def institution(
        self,
        level: int = 3,
        *,
        kind: str = "hospital",
        area: int = AREA,
        services: Sequence[str] = SERVICES,
        contract: tuple[date, date | None] | None = (date(2000, 1, 1), None),
    ) -> str:
        """A new institution, with one contract unless `contract` is None; returns its code."""
        code = f"T{next(_codes):05d}"
        with self.world.engine.connect() as connection:
            made = enter(connection, Registered(code, 0, "示例医院", kind, level, area), self.world.now)
        self.world.one(RegisterInstitution(made.party_id, code, area))
        self.parties[code] = made.party_id
        if contract is not None:
            self.world.one(AddContract(made.party_id, code, area, *contract, tuple(services)))
        return code

    def patient(self, balance: str = "0.00", **opening: Any) -> int:
        """A new account with so much in it."""
        fen = parse_yuan(balance)
        return self.world.open(opening=(fen, 0) if fen else None, **opening)

    def resident(self, someone: Someone | None = None) -> int:
        """The book of a new person of the resident scheme, without an account."""
        return self.world.one(self.enrolling(someone)).book_id

    def enrolling(self, someone: Someone | None = None) -> EnrolResident:
        """The command that opens it."""
        from ledger.book.numbers import new_book_id
        from ledger.chart.parties import Party
        from ledger.people.persons import stake_by_number

        person = someone or SomeoneFactory()
        stake, _ = stake_by_number(person.id_number, person.name, self.world.keyring, self.world.today)
        return EnrolResident(
            resident_ref(stake.digest), (stake,), tuple(new_book_id(Party.RESIDENT) for _ in range(4)), AREA,
            None, date(2026, 1, 1),
        )  # fmt: skip

    def bill(
        self,
        lines: Sequence[LineText],
        care_type: str = "outpatient",
        day: date = CARE_DAY,
        *,
        filing: str | None = None,
        cause: Cause | None = None,
        **rest: Any,
    ) -> Bill:
        """A bill, with a number of its own unless it says otherwise: no two are the same by chance."""
        if self.numbers:
            rest.setdefault("bill_no", f"no-{next(_bills)}")
        return Bill(
            CareType[care_type.upper()],
            day,
            tuple(bill_line(number, line) for number, line in enumerate(lines, start=1)),
            filing=None if filing is None else Filing[filing.upper()],
            cause=cause,
            **rest,
        )

    def command(
        self, code: str, patient: BookRef, bill: Bill, *, message_id: str | None = None, **rest: Any
    ) -> Settle:
        return Settle(
            patient, None, code, self.parties[code], message_id or self.world.ref("m"), bill, **rest
        )

    def settle(
        self,
        code: str,
        patient: int,
        lines: Sequence[LineText],
        care_type: str = "outpatient",
        day: date = CARE_DAY,
        *,
        message_id: str | None = None,
        visit: tuple[int, int] | None = None,
        today: date | None = None,
        **bill: Any,
    ) -> Settled:
        """Settle a bill; raises Refused when it is not taken."""
        command = self.command(
            code, patient, self.bill(lines, care_type, day, **bill), message_id=message_id, visit=visit
        )
        return self.settled(self.world.posted(command, today=today))

    def settled(self, posted: Posted) -> Settled:
        return Settled(posted.receipt, self.row(posted.receipt), posted.replayed)

    def refused(self, *args: Any, **kwargs: Any) -> RefusalCode:
        """Why a bill is not settled; takes what `settle` takes."""
        try:
            self.settle(*args, **kwargs)
        except Refused as refused:
            return refused.code
        raise AssertionError("the bill was settled")

    def row(self, receipt: Receipt) -> SettlementRow:
        """The amounts beside an entry, as the database has them."""
        from ledger.care.reads import read_settled

        with self.world.engine.connect() as connection, connection.begin():
            found = read_settled(connection, [(receipt.book_id, receipt.seq, "0001-01-01", "9999-12-31")])
        return found[receipt.book_id][receipt.seq]

    def reverse(self, settled: Settled, **when: Any) -> Receipt:
        return self.world.one(ReverseSettlement(settled.receipt.book_id, settled.receipt.seq, "test"), **when)

    def correct(self, code: str, message_id: str, **when: Any) -> Posted:
        return self.world.posted(
            CorrectMessage(self.parties[code], code, self.parties[code], message_id, AREA), **when
        )

    def accumulator(self, book: int, year: int = CARE_DAY.year) -> Accumulator:
        table = tables.accumulator.c
        with self.world.engine.connect() as connection:
            row = connection.execute(
                select(*(table[name] for name in Accumulator._fields)).where(
                    table.book_id == book, table.year == year
                )
            ).one_or_none()
        return Accumulator() if row is None else Accumulator._make(row)

    def digest(self, someone: Someone) -> bytes:
        number = parse_id_number(someone.id_number, self.world.today)
        return number_digest(number, self.world.keyring)

    def give(
        self, donor: int, recipient: Someone, amount: str, rank: int = 1, relation: str = "child"
    ) -> Receipt:
        """A quota from an account to somebody who has an account or is a resident."""
        digest = self.digest(recipient)
        return self.world.one(
            GiveQuota(donor, digest, (digest, resident_ref(digest)), relation, parse_yuan(amount), rank)
        )

    def end(self, quota: Receipt) -> Receipt:
        return self.world.one(EndQuota(quota.book_id, quota.seq))

    def book(self, book_id: int) -> Any:
        """The row of a book: pockets, held, reserved."""
        with self.world.engine.connect() as connection:
            return connection.execute(select(tables.book).where(tables.book.c.book_id == book_id)).one()

    def balance(self, book_id: int) -> int:
        row = self.book(book_id)
        return int(row.current_year + row.carried_over)
