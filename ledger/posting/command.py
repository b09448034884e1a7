"""What a command is to posting: where it belongs, what it needs to read, and its own pure decision."""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from typing import Any, ClassVar, Final

from ledger.chart.kinds import Kind
from ledger.chart.matrix import Verb
from ledger.posting.desk import Desk
from ledger.posting.needs import Foresee, Need
from ledger.posting.outcomes import Approval, BookRef, PersonStake
from ledger.refusals import RefusalCode

_NOTHING: dict[str, object] = {
    "others": (),
    "persons": (),
    "candidates": (),
    "key": None,
    "source_ref": None,
    "institution": None,
    "target_seq": None,
    "effective_on": None,
    "alive_on": None,
    "named": (),
    "stakes": (),
    "else_book": None,
    "opens_on": None,
    "approval": None,
    "found_seqs": (),
}


# what posting itself may refuse, whatever the command: no such book, a number that names two people, a key
# used for something else, an ID number in a text, an area without a policy, a neighbour in an atomic group
OF_POSTING: Final = (
    RefusalCode.ACCOUNT_NOT_FOUND,
    RefusalCode.ID_NUMBER_SHARED,
    RefusalCode.PERSONAL_DATA_IN_TEXT,
    RefusalCode.IDEMPOTENCY_KEY_REUSED,
    RefusalCode.AREA_UNKNOWN,
    RefusalCode.GROUP_REFUSED,
    # where a second person is asked for, and nothing can wait for one
    RefusalCode.APPROVAL_NEEDED,
    # sent again under its key, after the second person said no, or nobody said anything
    RefusalCode.APPROVAL_REJECTED,
    RefusalCode.APPROVAL_EXPIRED,
)
# and of a command that is keyed by its source document
OF_DOCUMENT: Final = (RefusalCode.MSGID_CONFLICT, RefusalCode.MESSAGE_CORRECTED)


class Command:
    """One request to change one book (and, for a few, other books with it).

    Subclasses say in `decide` what becomes of it: they add drafts to `desk.book`, or raise Refused. `decide`
    is pure: no clock, no I/O, no settings.
    """

    verb: ClassVar[Verb | str] = ""
    # its word, as fingerprints and policies have it
    word: ClassVar[str] = ""
    # what is done, where the word of its verb covers more than one act; else that word
    act: ClassVar[str] = ""
    # the kind under which its source_ref must be new in the book
    source_kind: ClassVar[Kind | None] = None
    # what its decision may refuse it with, beside what posting itself may; the documents of its route follow
    refused_with: ClassVar[tuple[RefusalCode, ...]] = ()
    needs: frozenset[Need[Any]] = frozenset()
    # one that writes the books of many says which before it is decided
    foresees: ClassVar[Foresee | None] = None
    # what it says is booked once: what was booked just so and reversed is its answer, and no document to come
    booked_once: bool = False
    opens: ClassVar[bool] = False
    # says of every number of the holder whose it is
    says_whose: ClassVar[bool] = False
    # takes money out of the pockets on a day that is asked for: one dated back must know how they stood then
    debits: ClassVar[bool] = False
    # its source document is its key, whoever sends it: the same again gets the first answer
    keyed_by_source: ClassVar[bool] = False
    # those of its texts that it makes of others: what two of them are side by side nobody has written
    made_texts: ClassVar[frozenset[str]] = frozenset()
    # what an account that went into another takes no more goes to that one
    leads_on: ClassVar[bool] = True
    # those of its fields that name an entry of its book by number
    entry_fields: ClassVar[tuple[str, ...]] = ()
    # it is about the book that holds its first stake, and there about an entry of this kind
    follows_stake: ClassVar[Kind | None] = None

    book: BookRef
    others: tuple[BookRef, ...]
    persons: tuple[PersonStake, ...]
    caller: str
    actor: str
    key: str | None
    source_ref: str | None
    institution: str | None
    target_seq: int | None
    effective_on: date | None
    # a day of the holder's life, by which it is judged: BIRTHS is read for it where that may lie before birth
    alive_on: date | None
    # accounts that are looked at and neither locked nor written
    named: tuple[BookRef, ...]
    # numbers that a new book may take, when the command opens one
    candidates: tuple[int, ...]
    # digests of what is unique beyond one book: an institution's message, its bill number
    stakes: tuple[bytes, ...]
    # from which day on, for one that opens an account of a person
    opens_on: date | None
    # the book when the first is not there: not everybody has an account
    else_book: BookRef | None
    # the second person who approved it, once somebody did
    approval: Approval | None
    # the entries that it was about when it was asked for, of one that may wait for a second person
    found_seqs: tuple[int, ...]

    def __init_subclass__(cls) -> None:
        cls.word = cls.verb.value if isinstance(cls.verb, Verb) else cls.verb
        cls.act = vars(cls).get("act") or cls.word
        fields = {name: None for base in cls.__mro__ for name in vars(base).get("__annotations__", ())}
        cls.entry_fields = tuple(name for name in fields if name.endswith("_seq"))
        # What a command does not have, it has as nothing. Set here and not on this class, where a dataclass
        # would take it for the default of a field that its commands require.
        for name, nothing in _NOTHING.items():
            if name not in cls.__annotations__ and not hasattr(cls, name):
                setattr(cls, name, nothing)

    @property
    def is_about_an_entry(self) -> bool:
        """Whether it names an entry of its book, which no other book has under that number."""
        if self.follows_stake is not None:
            return True
        return any(getattr(self, name, None) is not None for name in self.entry_fields)

    def also_need(self, need: Need[Any]) -> None:
        """Ask for something more, as the decision has found: it is decided again with it."""
        self.needs = self.needs | {need}

    def asked_about(self, *seqs: int) -> tuple[int, ...]:
        """The entries that it was about when it was asked for, where these are what it finds.

        What waits is about what stood when somebody asked (R68); whatever nobody has to approve, about what
        stands now.
        """
        if self.approval is None:
            self.found_seqs = seqs
        return self.found_seqs or seqs

    def content(self) -> str:
        """The canonical content: what makes two requests with one key the same request."""
        raise NotImplementedError  # each command says its own

    def decide(self, desk: Desk) -> None:
        raise NotImplementedError  # each command says its own

    def looks_at(self, desk: Desk, book_id: int) -> set[int]:  # noqa: ARG002  some look at what their book says
        """The accounts that it looks at and neither locks nor writes, once what it needs first was read."""
        if not self.named:
            return set()
        ids = {desk.ids.get(ref) if isinstance(ref, bytes) else ref for ref in self.named}
        return {account for account in ids if account is not None}

    def fingerprint(self, book_id: int) -> bytes:
        """Eight bytes over verb, resolved book and canonical content: they are stored with every entry."""
        return sha256(f"{self.word}|{book_id}|{self.content()}".encode()).digest()[:8]
