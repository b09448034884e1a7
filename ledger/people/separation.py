"""Two people that shared one ID number are told apart (R4): the account stays with one of them.

The other has a number of their own from then on: another one, or the shared one, once the holder of the
account has another one in force. Entries that are the other person's are taken back and posted anew, as
whatever was booked for somebody else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, select

from ledger import tables
from ledger.book.state import Book
from ledger.chart.cases import CaseOutcome
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage, Verb
from ledger.people.merged import onward_of
from ledger.people.renaming import add_facts, person_of
from ledger.people.renumbering import IN_FORCE, NUMBERS
from ledger.people.shared_numbers import SHARING, SharedNumberRow
from ledger.posting import (
    TARGET,
    AlreadyThere,
    BookRef,
    Command,
    Desk,
    Need,
    PersonStake,
    Receipt,
    WiderLocks,
)
from ledger.posting.merges import came_into
from ledger.posting.needs import Asked, own_books
from ledger.posting.outcomes import NumberMoved
from ledger.posting.reads import RECEIPT_COLUMNS, receipts
from ledger.refusals import RefusalCode, Refused
from ledger.texts import has_control

_C, _A, _E = tables.inquiry_case.c, tables.inquiry_case_answer.c, tables.entry.c
_DENIED = frozenset({int(CaseOutcome.REJECTED), int(CaseOutcome.WITHDRAWN)})


class CaseAsNamed(NamedTuple):
    """A case that a command names: the accounts that it is about, and whether it came to nothing."""

    about: frozenset[int]
    is_denied: bool


def _read(connection: Connection, asked: Asked, _desk: Desk) -> dict[str, CaseAsNamed]:
    # no case is called what PostgreSQL could not even be asked for
    names = {
        command.case
        for _book_id, command in asked
        if isinstance(command, SeparatePeople) and not has_control(command.case)
    }
    rows = connection.execute(
        select(_C.case_id, _C.book_id, _A.outcome)
        .join_from(tables.inquiry_case, tables.inquiry_case_answer, _A.case_id == _C.case_id, isouter=True)
        .where(_C.case_id.in_(sorted(names)))
    ).all()
    onward = onward_of(connection, [row.book_id for row in rows])
    return {
        row.case_id: CaseAsNamed(
            # a case is one of the account that its own went into since
            frozenset({row.book_id, *onward.get(row.book_id, ())}),
            row.outcome in _DENIED,
        )
        for row in rows
    }


def _read_before(connection: Connection, asked: Asked, desk: Desk) -> dict[tuple[int, int], Receipt]:
    merged = came_into(connection, own_books(asked, desk))
    books = {one for before in merged.values() for one in before}
    if not books:
        return {}
    rows = connection.execute(
        select(*(_E[name] for name in RECEIPT_COLUMNS)).where(
            _E.book_id.in_(sorted(books)), _E.kind == int(Kind.SEPARATION)
        )
    )
    return {(one.book_id, one.seq): one for one in receipts(connection, rows)}


# by book and entry, what told people apart in accounts that went into those of the commands
SEPARATED_BEFORE: Need[dict[tuple[int, int], Receipt]] = Need("separations that came with it", _read_before)

# those that commands name
CASES_NAMED: Need[dict[str, CaseAsNamed]] = Need("cases by their names", _read)


@dataclass(eq=False)
class SeparatePeople(Command):
    """Record that an ID number of the holder was another person's too, and which number that person has.

    `persons` holds the other one, sealed under the number of their own; `shared` is the digest of the number
    that both had, where the holder has several and it is not that one. `person_id` is for somebody who gets a
    number of the holder and was nobody before. The same again is answered with the first.
    """

    # whoever asks two people for an ID number asks two for this
    verb = Verb.ID_NUMBER
    act = "separation"
    refused_with = (
        # which of several numbers
        RefusalCode.SHAPE_INVALID,
        RefusalCode.CASE_NOT_FOUND,
        # a name of the holder, or of somebody who shares the number already; a number that is none of theirs
        RefusalCode.ID_MISMATCH,
        RefusalCode.ALIAS_CONFLICT,
        # of either of the two
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_DECEASED,
        # the case was rejected or withdrawn
        RefusalCode.CASE_ANSWERED,
    )
    needs = frozenset({TARGET, NUMBERS, SHARING, CASES_NAMED, SEPARATED_BEFORE})

    book: BookRef
    persons: tuple[PersonStake, ...]
    shared: bytes | None
    case: str
    document: str
    person_id: int
    caller: str = ""
    actor: str = ""
    key: str | None = None
    # the entry that says so already, once it was found
    target_seq: int | None = None

    @property
    def others(self) -> tuple[BookRef, ...]:  # type: ignore[override]  # computed, where the base has a default
        return (self.persons[0].digest,)

    def content(self) -> str:
        other = self.persons[0]
        shared = "" if self.shared is None else self.shared.hex()
        return f"{other.digest.hex()}|{other.name_digest.hex()}|{shared}|{self.case}|{self.document}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        case = desk.of(CASES_NAMED).get(self.case)
        if case is None or book.book_id not in case.about:
            raise Refused(RefusalCode.CASE_NOT_FOUND, at="case")
        self._answer_if_there(desk)
        if book.stage == Stage.CLOSED:
            # before anything else: it may have gone into another one, which is where this belongs
            raise Refused(RefusalCode.ACCOUNT_CLOSED)
        person_id = person_of(book)
        shared = self._number_of_both(desk, person_id)
        other_id, moved = self._other_person(desk, person_id, shared)
        desk.allow(Verb.ID_NUMBER, day=desk.today)
        if book.died_on is not None:
            raise Refused(RefusalCode.ACCOUNT_DECEASED)
        self._check_account_of_other(desk)
        if case.is_denied:
            raise Refused(RefusalCode.CASE_ANSWERED, at="case")
        row = SharedNumberRow(shared, person_id, other_id)
        add_facts(desk, Kind.SEPARATION, (row,), desk.today, document=self.document, case=self.case)
        desk.moved[shared] = moved

    def _answer_if_there(self, desk: Desk) -> None:
        """Raise AlreadyThere where these two were told apart here with just these numbers, or in the book of
        an account that went into this one.
        """
        other, sharing, before = self.persons[0], desk.of(SHARING), desk.of(SEPARATED_BEFORE)
        known = desk.persons[other.digest].person_id
        for digest, told in sharing.of.items():
            for one in told:
                came_with = before.get((one.book_id, one.seq))
                is_here = one.book_id == desk.book.book_id or came_with is not None
                is_this = is_here and one.other_person_id == known
                if is_this and self.shared in (None, digest) and other.name_digest in sharing.names[known]:
                    entry = came_with or desk.target(one.seq)
                    if entry is None:
                        # which entry it is was not known before
                        self.target_seq = one.seq
                        raise WiderLocks(())
                    raise AlreadyThere(entry)

    def _number_of_both(self, desk: Desk, person_id: int) -> bytes:
        """The number that both had. Raises Refused where it is none of the holder's, or is not said."""
        numbers, own = desk.of(NUMBERS)[person_id], self.persons[0].digest
        shared = self.shared
        if shared is None:
            shared = own if own in numbers else next(iter(numbers))
            if shared != own and len(numbers) > 1:
                raise Refused(RefusalCode.SHAPE_INVALID, at="shared")
        if shared not in numbers:
            raise Refused(RefusalCode.ID_MISMATCH, at="shared")
        if shared in desk.moved:
            # another of this batch has just told somebody apart by it
            raise WiderLocks(())
        return shared

    def _other_person(self, desk: Desk, person_id: int, shared: bytes) -> tuple[int, NumberMoved]:
        """Who the other one is, and where the shared number leads from now on. Raises Refused."""
        numbers, sharing, other = desk.of(NUMBERS)[person_id], desk.of(SHARING), self.persons[0]
        is_holder = other.name_digest in sharing.names.get(person_id, ())
        if is_holder or sharing.called(shared, other.name_digest) is not None:
            raise Refused(RefusalCode.ID_MISMATCH, at="name")
        if other.digest in numbers:
            # the number itself goes to the other person: the holder has another one in force
            if other.digest != shared or numbers[shared] == IN_FORCE:
                raise Refused(RefusalCode.ALIAS_CONFLICT, at="id_number")
            return self.person_id, NumberMoved(self.person_id, IN_FORCE, other)
        known = desk.persons[other.digest].person_id
        is_new = other.digest in desk.fresh_persons
        if not is_new and other.name_digest not in sharing.names.get(known, ()):
            raise Refused(RefusalCode.ALIAS_CONFLICT, at="id_number")
        # it leads where it did; whoever names it later in this batch is looked for anew
        return known, NumberMoved(person_id, numbers[shared])

    def _check_account_of_other(self, desk: Desk) -> None:
        account = desk.other(self.persons[0].digest)
        if account is None or account.book_id == desk.book.book_id:
            return
        if account.stage == Stage.CLOSED:
            raise Refused(RefusalCode.ACCOUNT_CLOSED, at="id_number")
        if account.died_on is not None:
            raise Refused(RefusalCode.ACCOUNT_DECEASED, at="id_number")
