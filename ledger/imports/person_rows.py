"""What the columns of files about people mean: other names, other ID numbers, deaths."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import Final

from sqlalchemy import Connection, select, union_all

from ledger import tables
from ledger.accounts.closure import ReportDeath
from ledger.chart.person_facts import PersonFact
from ledger.imports.faults import NUMBER_REASONS
from ledger.imports.headings import Layout
from ledger.imports.rows import CALLER, LineReader, day_of, name_of, text_of
from ledger.imports.spellings import number_text, plain
from ledger.people.id_numbers import parse_id_number
from ledger.people.person_file import first_name
from ledger.people.person_keys import key_of_person
from ledger.people.persons import (
    name_digest,
    new_name,
    number_digest,
    number_of,
    seal_fact,
    stake_by_number,
)
from ledger.people.renaming import ChangeName
from ledger.people.renumbering import ChangeNumber
from ledger.people.shared_numbers import whose
from ledger.posting import BookRef, Command
from ledger.refusals import RefusalCode, Refused
from ledger.reports import find_book
from ledger.texts import SOURCE_REF_MAX
from ledger.vault import Keyring

PERSON_KINDS: Final = frozenset({"names", "numbers", "deaths"})
_B, _I, _F = tables.book.c, tables.identity.c, tables.person_fact.c
Made = tuple[Command, int]


class PersonRows(LineReader):
    """Makes the commands of a file about people, who are there already.

    A line is about the person of its ID number, and of its name where it has one: any name on record, or one
    that an earlier line of the file has given.
    """

    def __init__(
        self,
        layout: Layout,
        keyring: Keyring,
        actor: str,
        connection: Connection,
        today: date,
        caller: str = CALLER,
    ) -> None:
        super().__init__(layout, keyring, actor, today, caller)
        self._connection = connection
        # by person, the names that lines of this file have given
        self._given: dict[int, set[bytes]] = {}
        # ID numbers that lines of this file have given, each with whose it is
        self._numbered: dict[BookRef, int] = {}

    def _makers(self) -> dict[str, Callable[[dict[str, str]], Made]]:
        return {
            "names": self._change_name,
            "numbers": self._change_number,
            "deaths": self._report_death,
        }

    def _change_name(self, row: dict[str, str]) -> Made:
        person = self._person(row["id_number"])
        old, name = name_of(row["old_name"]), name_of(row["name"])
        since, document = day_of(row["from"]), text_of(row["document"], SOURCE_REF_MAX)
        person, person_id = self._called(person, old)
        with self._connection.begin():
            new = new_name(name, self._keyring, key_of_person(self._connection, self._keyring, person_id))
        self._given.setdefault(person_id, set()).add(new.digest)
        key = self._key(row, old, name, since, document)
        return ChangeName(person, new, since, document, self.caller, self.actor, key), 0

    def _change_number(self, row: dict[str, str]) -> Made:
        name, since = name_of(row["name"]), day_of(row["from"])
        reason = NUMBER_REASONS.get(plain(row["reason"]).casefold())
        if reason is None:
            raise Refused(RefusalCode.SHAPE_INVALID, at="reason")
        document = text_of(row["document"], SOURCE_REF_MAX)
        book_id = self._numbered_book(row["account"], name)
        with self._connection.begin():
            person_id = self._connection.scalar(select(_B.person_id).where(_B.book_id == book_id)) or 0
            first = first_name(self._connection, self._keyring, person_id) or ""
            own = key_of_person(self._connection, self._keyring, person_id)
        self._require_name_of(person_id, name)
        text = number_text(row["id_number"])
        try:
            stake, parsed = stake_by_number(text, first, self._keyring, self.today, key=own)
        except Refused as refused:
            refused.at = "id_number"
            raise
        sealed = seal_fact(PersonFact.NUMBER, parsed.number, stake.digest, self._keyring, own).sealed
        self._numbered.setdefault(stake.digest, book_id)
        key = self._key(row, stake.digest.hex(), since, reason.value, document)
        command = ChangeNumber(
            book_id, (stake,), sealed, since, document, reason, self.caller, self.actor, key
        )
        return command, 0

    def _report_death(self, row: dict[str, str]) -> Made:
        person = self._person(row["id_number"])
        died_on = day_of(row["died_on"])
        evidence = text_of(row["evidence"], SOURCE_REF_MAX)
        if row.get("document", "").strip():
            evidence = f"{evidence}; {text_of(row['document'], SOURCE_REF_MAX)}"
        if row.get("name", "").strip():
            person, _person_id = self._called(person, name_of(row["name"]))
        # not the name: the same report has one key with and without it
        key = self._key(row, died_on, evidence)
        return ReportDeath(person, died_on, evidence, self.caller, self.actor, key), 0

    # -- looked for ----------------------------------------------------------------------------------------

    def _person(self, text: str) -> bytes:
        """How the person of a line is found. Raises the id_* refusals."""
        return number_digest(parse_id_number(number_text(text), self.today), self._keyring)

    def _called(self, person: bytes, name: str) -> tuple[bytes, int]:
        """How the one is found who is called so, and who it is: of two who shared the number it may be the
        other one.

        Raises Refused: account_not_found for a number of nobody, account_exists_other_person for one of
        somebody who was never called so.
        """
        with self._connection.begin():
            with suppress(Refused):
                person = whose(self._connection, person, name_digest(name, self._keyring))
            person_id = number_of(self._connection, person)
        if person_id is None:
            raise Refused(RefusalCode.ACCOUNT_NOT_FOUND, at="id_number")
        self._require_name_of(person_id, name)
        return person, person_id

    def _require_name_of(self, person_id: int, name: str) -> None:
        """Raise Refused(account_exists_other_person) unless somebody has or had the name."""
        on_record = union_all(
            select(_I.name_digest).where(_I.person_id == person_id),
            select(_F.digest).where(_F.person_id == person_id, _F.what == int(PersonFact.NAME)),
        )
        with self._connection.begin():
            known = {bytes(one) for one in self._connection.scalars(on_record)}
        if name_digest(name, self._keyring) not in known | self._given.get(person_id, set()):
            raise Refused(RefusalCode.ACCOUNT_EXISTS_OTHER_PERSON)

    def _numbered_book(self, text: str, name: str) -> int:
        """The account of a number that is on record, of two who shared it that of the one who is called so;
        else of one that a line above has given.

        In that order: a line above may have given somebody else's number, and be refused for it.
        """
        account = self._account(text, self.today)
        with self._connection.begin():
            if isinstance(account, bytes):
                with suppress(Refused):
                    account = whose(self._connection, account, name_digest(name, self._keyring))
            try:
                return find_book(self._connection, account)
            except Refused as refused:
                if refused.code is not RefusalCode.ACCOUNT_NOT_FOUND or account not in self._numbered:
                    raise
        return self._numbered[account]
