"""What the columns of files about people mean: other names, deaths, and transfers to other agencies."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import Final

from sqlalchemy import Connection, select, union_all

from ledger import tables
from ledger.accounts.closure import ReportDeath
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.person_facts import PersonFact
from ledger.chart.transfers import Direction, TransferStatus
from ledger.imports.headings import Layout
from ledger.imports.rows import CALLER, LineReader, day_of, name_of, text_of
from ledger.imports.spellings import number_text
from ledger.people.id_numbers import parse_id_number
from ledger.people.persons import name_digest, new_name, number_digest, number_of
from ledger.people.renaming import ChangeName
from ledger.people.shared_numbers import whose
from ledger.posting import Command
from ledger.refusals import RefusalCode, Refused
from ledger.reports import find_book
from ledger.texts import SOURCE_REF_MAX
from ledger.transfers.going_out import AcknowledgeTransfer, RequestTransfer, SendTransfer
from ledger.vault import Keyring

PERSON_KINDS: Final = frozenset({"names", "deaths", "transfers", "remittances", "acknowledgements"})
_I, _F, _E, _C = tables.identity.c, tables.person_fact.c, tables.entry.c, tables.transfer_case.c
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
        # by ID number, the names that lines of this file have given
        self._given: dict[bytes, set[bytes]] = {}

    def _makers(self) -> dict[str, Callable[[dict[str, str]], Made]]:
        return {
            "names": self._change_name,
            "deaths": self._report_death,
            "transfers": self._request,
            "remittances": self._send,
            "acknowledgements": self._acknowledge,
        }

    def _change_name(self, row: dict[str, str]) -> Made:
        person = self._person(row["id_number"])
        old, name = name_of(row["old_name"]), name_of(row["name"])
        since, document = day_of(row["from"]), text_of(row["document"], SOURCE_REF_MAX)
        person = self._called(person, old)
        new = new_name(name, self._keyring)
        self._given.setdefault(person, set()).add(new.digest)
        key = self._key(row, old, name, since, document)
        return ChangeName(person, new, since, document, self.caller, self.actor, key), 0

    def _report_death(self, row: dict[str, str]) -> Made:
        person = self._person(row["id_number"])
        died_on = day_of(row["died_on"])
        evidence = text_of(row["evidence"], SOURCE_REF_MAX)
        if row.get("document", "").strip():
            evidence = f"{evidence}; {text_of(row['document'], SOURCE_REF_MAX)}"
        if row.get("name", "").strip():
            person = self._called(person, name_of(row["name"]))
        # not the name: the same report has one key with and without it
        key = self._key(row, died_on, evidence)
        return ReportDeath(person, died_on, evidence, self.caller, self.actor, key), 0

    def _request(self, row: dict[str, str]) -> Made:
        account = self._account(row["account"], self.today)
        agency = text_of(row["other_agency"], SOURCE_REF_MAX)
        since, document = day_of(row["insured_from"]), text_of(row["document"], SOURCE_REF_MAX)
        key = self._key(row, agency, since, document)
        return RequestTransfer(account, agency, since, document, self.caller, self.actor, key), 0

    def _send(self, row: dict[str, str]) -> Made:
        paid_on, source_ref = day_of(row["paid_on"]), text_of(row["source_ref"], SOURCE_REF_MAX)
        book_id = self._book(row["account"])
        seq = self._sent_as(book_id, source_ref) or self._requested(book_id)
        if seq is None:
            raise Refused(RefusalCode.TRANSFER_NOT_FOUND, at="account")
        key = self._key(row, paid_on, source_ref)
        return SendTransfer(book_id, seq, paid_on, source_ref, self.caller, self.actor, key), 0

    def _acknowledge(self, row: dict[str, str]) -> Made:
        remittance = text_of(row["remittance"], SOURCE_REF_MAX)
        book_id = self._book(row["account"])
        seq = self._sent_as(book_id, remittance)
        if seq is None:
            raise Refused(RefusalCode.TRANSFER_NOT_FOUND, at="remittance")
        key = self._key(row, remittance)
        return AcknowledgeTransfer(book_id, seq, self.caller, self.actor, key), 0

    # -- looked for ----------------------------------------------------------------------------------------

    def _person(self, text: str) -> bytes:
        """How the person of a line is found. Raises the id_* refusals."""
        return number_digest(parse_id_number(number_text(text), self.today), self._keyring)

    def _called(self, person: bytes, name: str) -> bytes:
        """How the one is found who is called so: of two who shared the number it may be the other one.

        Raises Refused: account_not_found for a number of nobody, account_exists_other_person for one of
        somebody who was never called so.
        """
        digest = name_digest(name, self._keyring)
        with self._connection.begin():
            with suppress(Refused):
                person = whose(self._connection, person, digest)
            person_id = number_of(self._connection, person)
            if person_id is None:
                raise Refused(RefusalCode.ACCOUNT_NOT_FOUND, at="id_number")
            on_record = union_all(
                select(_I.name_digest).where(_I.person_id == person_id),
                select(_F.digest).where(_F.person_id == person_id, _F.what == int(PersonFact.NAME)),
            )
            known = {bytes(one) for one in self._connection.scalars(on_record)}
        if digest not in known | self._given.get(person, set()):
            raise Refused(RefusalCode.ACCOUNT_EXISTS_OTHER_PERSON)
        return person

    def _book(self, text: str) -> int:
        account = self._account(text, self.today)
        with self._connection.begin():
            return find_book(self._connection, account)

    def _requested(self, book_id: int) -> int | None:
        """The transfer of an account whose money is to be sent."""
        out, asked = int(Direction.OUT), int(TransferStatus.REQUESTED)
        query = select(_C.seq).where(_C.book_id == book_id, _C.direction == out, _C.status == asked)
        with self._connection.begin():
            return self._connection.scalar(query)

    def _sent_as(self, book_id: int, source_ref: str) -> int | None:
        """The transfer of an account whose money was sent under a document."""
        query = select(_E.detail).where(
            _E.book_id == book_id, _E.kind == int(Kind.TRANSFER_OUT), _E.source_ref == source_ref
        )
        with self._connection.begin():
            detail = self._connection.scalar(query)
        return None if detail is None else int(unpack(detail)["transfer"])
