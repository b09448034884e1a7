"""A person gets another ID number (R4): issued anew, corrected, or of a better document.

No new account: every number finds the same one for ever, and the newest by its day is in force.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, SmallInteger, column

from ledger import tables
from ledger.bounds.table import TRUE_OF_A_PERSON_FROM
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage, Verb
from ledger.chart.person_facts import NumberReason, PersonFact
from ledger.database.lookups import Lookup
from ledger.people.births import BIRTHS, birth_before
from ledger.people.dated import DATED, DatedDigest, PersonFactRow, holders_of, in_order
from ledger.people.renaming import add_facts, answer_if_there, person_of
from ledger.posting import TARGET, BookRef, Command, Desk, Need, PersonStake
from ledger.posting.needs import Asked
from ledger.posting.outcomes import IdentityState, NumberMoved
from ledger.refusals import RefusalCode, Refused

IN_FORCE, ALIAS = 1, 2

# by person, the digests that find the person, each with its role
NumbersFound = dict[int, dict[bytes, int]]
_I = tables.identity.c
_NUMBERS = Lookup(
    "SELECT i.person_id, i.digest, i.role, i.name_digest, i.nth FROM {given}"
    " JOIN identity i ON i.person_id = given.person_id",
    [_I.person_id, _I.digest, column("role", SmallInteger), _I.name_digest, _I.nth],
    person_id="big",
)


def _read(connection: Connection, asked: Asked, desk: Desk) -> NumbersFound:
    found: NumbersFound = {person: {} for person in holders_of(asked, desk)}
    for person_id, digest, role, name, nth in _NUMBERS.run(connection, [(one,) for one in sorted(found)]):
        found[person_id][bytes(digest)] = role
        # whoever moves one says in an entry how it was written down
        desk.identities[bytes(digest)] = IdentityState(person_id, role, bytes(name), nth)
    return found


def _follow(found: NumbersFound, desk: Desk, _entry: object, _beside: object) -> None:
    # what this batch has given to another person, or another role
    for digest, to in desk.moved.items():
        for numbers in found.values():
            numbers.pop(digest, None)
        if to.person_id in found:
            found[to.person_id][digest] = to.role


# the numbers of the holders of a command's books
NUMBERS: Need[NumbersFound] = Need("the numbers that find people", _read, follow=_follow)


def roles_of(numbers: dict[bytes, int], dated: Iterable[DatedDigest]) -> dict[bytes, int]:
    """The role of each number: the newest by its day is in force, else the one that is. Pure."""
    newest = None
    for one in dated:
        newest = one.digest
    if newest is None:
        return dict(numbers)
    return {digest: IN_FORCE if digest == newest else ALIAS for digest in numbers}


@dataclass(eq=False)
class ChangeNumber(Command):
    """Record that the holder has another ID number from a day on.

    `persons` holds the number sealed, with the name that the holder was written down by. A number that is
    somebody else's is refused; the same number of the same day again is answered with the first.
    """

    verb = Verb.ID_NUMBER
    refused_with = (
        RefusalCode.ALIAS_CONFLICT,
        RefusalCode.ACCOUNT_CLOSED,
        # a day after the death
        RefusalCode.ACCOUNT_DECEASED,
        # before birth, or tomorrow
        RefusalCode.PERIOD_INVALID,
    )
    needs = frozenset({TARGET, BIRTHS, DATED, NUMBERS})

    book: BookRef
    persons: tuple[PersonStake, ...]
    sealed: bytes
    valid_from: date
    document: str
    reason: NumberReason
    caller: str = ""
    actor: str = ""
    key: str | None = None
    # the entry that says so already, once it was found
    target_seq: int | None = None

    def content(self) -> str:
        return f"{self.persons[0].digest.hex()}|{self.valid_from}|{self.reason.value}|{self.document}"

    @property
    def alive_on(self) -> date:  # type: ignore[override]  # computed, where the base has a default
        return self.valid_from

    def decide(self, desk: Desk) -> None:
        digest = self.persons[0].digest
        person_id = person_of(desk.book)
        if desk.book.stage == Stage.CLOSED:
            # before anything else: it may have gone into another one, which has its numbers
            raise Refused(RefusalCode.ACCOUNT_CLOSED)
        numbers = desk.of(NUMBERS)[person_id]
        if digest not in numbers and digest not in desk.fresh_persons:
            raise Refused(RefusalCode.ALIAS_CONFLICT, at="id_number")
        desk.allow(Verb.ID_NUMBER, day=self.valid_from)
        birth = birth_before(desk, self, desk.book, self.valid_from)
        TRUE_OF_A_PERSON_FROM.admit(self.valid_from, desk.today, "valid_from", birth=birth)
        known = desk.of(DATED)[person_id, int(PersonFact.NUMBER)]
        answer_if_there(desk, self, known, self.valid_from, digest)
        row = PersonFactRow(person_id, int(PersonFact.NUMBER), self.valid_from, digest, self.sealed)
        said = {"document": self.document, "reason": self.reason.value}
        draft = add_facts(desk, Kind.ID_NUMBER, (row,), self.valid_from, **said)
        new = DatedDigest(self.valid_from, digest, desk.book.book_id, draft.seq)
        roles = roles_of({**numbers, digest: ALIAS}, in_order((*known, new)))
        desk.moved |= {
            one: NumberMoved(person_id, role) for one, role in roles.items() if numbers.get(one) != role
        }
