"""A person gets another name, or is to be reached elsewhere: recorded from a day on, with the document."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ledger.book.beside import Row, rows_digest
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.bounds.table import TRUE_OF_A_PERSON_FROM
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Verb
from ledger.chart.person_facts import PersonFact
from ledger.people.births import BIRTHS, birth_before
from ledger.people.dated import DATED, DatedDigest, PersonFactRow, Sealed
from ledger.posting import TARGET, AlreadyThere, BookRef, Command, Desk, WiderLocks
from ledger.refusals import RefusalCode, Refused


def answer_if_there(
    desk: Desk, command: Command, known: tuple[DatedDigest, ...], since: date, digest: bytes
) -> None:
    """Raise AlreadyThere when the last word on a day is just this, recorded in this book."""
    same_day = [one for one in known if one.since == since]
    if not same_day or same_day[-1].digest != digest or same_day[-1].book_id != desk.book.book_id:
        return
    seq = same_day[-1].seq
    entry = desk.target(seq)
    if entry is None:
        # which entry it is was not known before
        command.target_seq = seq
        raise WiderLocks(())
    if entry.kind is Kind.MERGE:
        # said in the book of an account that went into this one, which came with it: here it is said once
        return
    raise AlreadyThere(entry)


@dataclass(eq=False)
class ChangeName(Command):
    """Record that the holder is called otherwise from a day on (R4).

    The names before stay on record: all of them find the account, and each is the name of its time. The same
    name of the same day again, under whatever key, is answered with the first.
    """

    verb = Verb.NAME_CHANGE
    refused_with = (
        RefusalCode.ACCOUNT_CLOSED,
        # a day after the death
        RefusalCode.ACCOUNT_DECEASED,
        # before birth, or tomorrow
        RefusalCode.PERIOD_INVALID,
    )
    needs = frozenset({TARGET, BIRTHS, DATED})

    book: BookRef
    name: Sealed
    valid_from: date
    document: str
    caller: str = ""
    actor: str = ""
    key: str | None = None
    # the entry that says so already, once it was found
    target_seq: int | None = None

    def content(self) -> str:
        return f"{self.name.digest.hex()}|{self.valid_from}|{self.document}"

    @property
    def alive_on(self) -> date:  # type: ignore[override]  # computed, where the base has a default
        return self.valid_from

    def decide(self, desk: Desk) -> None:
        desk.allow(Verb.NAME_CHANGE, day=self.valid_from)
        birth = birth_before(desk, self, desk.book, self.valid_from)
        TRUE_OF_A_PERSON_FROM.admit(self.valid_from, desk.today, "valid_from", birth=birth)
        person_id = person_of(desk.book)
        known = desk.of(DATED)[person_id, int(PersonFact.NAME)]
        answer_if_there(desk, self, known, self.valid_from, self.name.digest)
        row = PersonFactRow(person_id, int(PersonFact.NAME), self.valid_from, *self.name)
        add_facts(desk, Kind.NAME_CHANGE, (row,), self.valid_from, document=self.document)


@dataclass(eq=False)
class RecordContact(Command):
    """Record where the holder is to be reached from a day on: telephone, address, or both."""

    verb = Verb.CONTACT
    refused_with = (
        # neither of the two
        RefusalCode.SHAPE_INVALID,
        RefusalCode.ACCOUNT_CLOSED,
        # a day after the death
        RefusalCode.ACCOUNT_DECEASED,
        # before birth, or tomorrow
        RefusalCode.PERIOD_INVALID,
    )
    needs = frozenset({BIRTHS})

    book: BookRef
    phone: Sealed | None
    address: Sealed | None
    valid_from: date
    document: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        told = ["" if one is None else one.digest.hex() for one in (self.phone, self.address)]
        return f"{'|'.join(told)}|{self.valid_from}|{self.document}"

    @property
    def alive_on(self) -> date:  # type: ignore[override]  # computed, where the base has a default
        return self.valid_from

    def decide(self, desk: Desk) -> None:
        if self.phone is None and self.address is None:
            raise Refused(RefusalCode.SHAPE_INVALID, at="phone")
        desk.allow(Verb.CONTACT, day=self.valid_from)
        birth = birth_before(desk, self, desk.book, self.valid_from)
        TRUE_OF_A_PERSON_FROM.admit(self.valid_from, desk.today, "valid_from", birth=birth)
        person_id = person_of(desk.book)
        rows = tuple(
            PersonFactRow(person_id, int(what), self.valid_from, *given)
            for what, given in ((PersonFact.PHONE, self.phone), (PersonFact.ADDRESS, self.address))
            if given is not None
        )
        add_facts(desk, Kind.CONTACT, rows, self.valid_from, document=self.document)


def person_of(book: Book) -> int:
    """The person whose account it is."""
    if book.person_id is None:
        raise AssertionError("an account is that of a person")
    return book.person_id


def add_facts(desk: Desk, kind: Kind, rows: tuple[Row, ...], since: date, **said: str) -> Draft:
    """Add the entry that keeps the digest over what it writes beside itself, and nothing of it in clear."""
    book: Book = desk.book
    today = max(desk.today, book.opened_on)
    book.roll_to(today.year)
    facts = {"from": since.isoformat(), **said, "rows": rows_digest(rows)}
    return book.add(Draft(kind, today, detail=pack(**facts), keyed=True, beside=rows))
