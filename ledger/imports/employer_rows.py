"""What the columns of files about employers mean: who they are, whom they enrol, what the collector took."""

from __future__ import annotations

from collections.abc import Callable, Container
from datetime import date

from sqlalchemy import Connection

from ledger.book.numbers import new_book_id
from ledger.chart.parties import Party
from ledger.clock import Clock
from ledger.contributions.credit_codes import parse_credit_code
from ledger.contributions.employers import Employer, RegisterEmployer, check_same, enter, find
from ledger.contributions.payments import ReceivePayment
from ledger.imports.faults import CLASSES
from ledger.imports.headings import Layout
from ledger.imports.rows import CALLER, LineReader, area_of, day_of, fen_of, name_of, text_of
from ledger.imports.spellings import month_of, number_text, plain
from ledger.people.enrolments import Enrol
from ledger.people.id_numbers import parse_id_number
from ledger.people.persons import number_digest, number_opener
from ledger.posting import Command
from ledger.refusals import RefusalCode, Refused
from ledger.texts import EMPLOYER_NAME_MAX, SOURCE_REF_MAX
from ledger.vault import Keyring

LISTS = "declarations"
UNIT_KINDS = frozenset({"employers", "enrolments", LISTS, "receipts"})


class UnitRows(LineReader):
    """Makes the commands of a file about employers.

    An employer is written down as its line is read, unless the file is only rehearsed: the registration that
    is posted then opens its book, and a line read again finds both.
    """

    def __init__(
        self,
        layout: Layout,
        keyring: Keyring,
        actor: str,
        connection: Connection,
        clock: Clock,
        areas: Container[int],
        *,
        rehearsing: bool,
        caller: str = CALLER,
        only_employer: str | None = None,
    ) -> None:
        super().__init__(layout, keyring, actor, clock()[1], caller)
        # the one employer whose lines are taken, of a caller that is bound to it
        self._only = only_employer
        self.reveal = number_opener(keyring)
        self._connection = connection
        self._clock = clock
        self._areas = areas
        self._rehearsing = rehearsing
        self._known: dict[str, Employer | RefusalCode] = {}

    def _makers(self) -> dict[str, Callable[[dict[str, str]], tuple[Command, int]]]:
        return {
            "employers": self._register,
            "enrolments": self._enrol,
            "receipts": self._receive,
            # made list by list, not line by line
            LISTS: self._none,
        }

    def refresh(self) -> None:
        """Take the day anew, and look again for employers that were not there."""
        self.today = self._clock()[1]
        self._known = {code: one for code, one in self._known.items() if isinstance(one, Employer)}

    def employer(self, credit_code: str) -> Employer:
        """The employer of a line. Raises Refused(credit_code_invalid, employer_not_found)."""
        credit_code = number_text(credit_code)
        known = self._known.get(credit_code)
        if known is None:
            try:
                with self._connection.begin():
                    known = find(self._connection, credit_code)
            except Refused as refusal:
                known = refusal.code
            self._known[credit_code] = known
        if isinstance(known, RefusalCode):
            raise Refused(known)
        if self._only is not None and known.credit_code != self._only:
            raise Refused(RefusalCode.EMPLOYER_NOT_FOUND)
        return known

    def person(self, id_number: str) -> bytes:
        """How the person of a line is found. Raises the id_* refusals."""
        return number_digest(parse_id_number(number_text(id_number), self.today), self._keyring)

    def _register(self, row: dict[str, str]) -> tuple[Command, int]:
        name = name_of(row["name"], EMPLOYER_NAME_MAX)
        area = area_of(row["area"])
        if area not in self._areas:
            raise Refused(RefusalCode.AREA_UNKNOWN)
        code = parse_credit_code(number_text(row["credit_code"]))
        key = self._key(row, code, name, area)
        return (
            RegisterEmployer(
                self._book_of(code, name, area),
                code,
                area,
                caller=self.caller,
                actor=self.actor,
                key=key,
            ),
            0,
        )

    def _book_of(self, code: str, name: str, area: int) -> int:
        if not self._rehearsing:
            return enter(self._connection, code, name, area, *self._clock()).book_id
        try:
            there = self.employer(code)
        except Refused:
            return new_book_id(Party.EMPLOYER)
        with self._connection.begin():
            check_same(self._connection, there, name, area, self.today)
        return there.book_id

    def _enrol(self, row: dict[str, str]) -> tuple[Command, int]:
        member_class = CLASSES.get(plain(row["member_class"]).casefold())
        if member_class is None:
            raise Refused(RefusalCode.SHAPE_INVALID)
        first = day_of(row["from"])
        last: date | None = day_of(row["to"]) if row["to"].strip() else None
        employer = self.employer(row["employer"].strip()).book_id if row["employer"].strip() else None
        command = Enrol(
            self._account(row["account"], self.today),
            member_class,
            employer,
            first,
            last,
            caller=self.caller,
            actor=self.actor,
            key=self._key(row, member_class.word, employer, first, last),
        )
        return command, 0

    def _receive(self, row: dict[str, str]) -> tuple[Command, int]:
        source_ref = text_of(row["source_ref"], SOURCE_REF_MAX)
        period = month_of(row["period"])
        if row["period"].strip() and period is None:
            raise Refused(RefusalCode.PERIOD_INVALID)
        received_on = day_of(row["received_on"])
        employer, fen = self.employer(row["employer"]).book_id, fen_of(row["amount"])
        command = ReceivePayment(
            employer,
            fen,
            period,
            received_on,
            source_ref,
            self.reveal,
            caller=self.caller,
            actor=self.actor,
            key=self._key(row, source_ref, period, received_on, fen),
        )
        return command, fen

    def _none(self, _row: dict[str, str]) -> tuple[Command, int]:
        raise AssertionError("a file of lists has no command of one line")
