"""A death that was reported for somebody who lives is withdrawn: the former stage comes back, and what the
report had ended where its terms still hold. Both facts stay (R53).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ledger import tables
from ledger.accounts.closure import what_came, what_is_left
from ledger.accounts.death_facts import DEATH_FACTS, standing
from ledger.accounts.interest_history import HISTORY
from ledger.accounts.judged_interest import judge_anew
from ledger.accounts.late_credits import (
    GONE,
    books_to_lock,
    give_again,
    payers_needs,
    straight_gone,
)
from ledger.accounts.quotas import ENDED_QUOTAS, GIVEN, QUOTAS, REOPENED, Quota, reopen_quota
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage, Verb
from ledger.database.lookups import Lookup
from ledger.people.enrolled import RESIDENT, Enrolments, read_enrolments
from ledger.people.merged import MERGED_IN
from ledger.posting import BookRef, Command, Desk, Need, WiderLocks
from ledger.posting.holdings import ACCOUNT, books_held
from ledger.posting.needs import Asked
from ledger.refusals import RefusalCode, Refused

_E, _Q = tables.entry.c, tables.quota.c
_STANDS = "NOT EXISTS (SELECT 1 FROM entry x WHERE x.book_id = e.book_id AND x.target_seq = e.seq)"
_ENDS = ("book_id", "seq", "target_seq", "reserved_change", "detail")
_COLUMNS = ", ".join(f"e.{name}" for name in _ENDS)
# the quotas of a book that ended after a death was reported, and the ends that the report names elsewhere
_ENDED_SINCE = Lookup(
    f"SELECT {_COLUMNS} FROM {{given}} JOIN entry e ON e.book_id = given.book_id AND e.seq > given.seq"
    f" AND e.kind = {int(Kind.QUOTA_END)} WHERE {_STANDS} ORDER BY e.book_id, e.seq",
    [_E[name] for name in _ENDS],
    book_id="big",
    seq="int",
)
_ENDED_THERE = Lookup(
    f"SELECT {_COLUMNS} FROM {{given}} JOIN entry e ON e.book_id = given.book_id AND e.seq = given.seq"
    f" WHERE {_STANDS} ORDER BY e.book_id, e.seq",
    [_E[name] for name in _ENDS],
    book_id="big",
    seq="int",
)
_RECIPIENTS = Lookup(
    "SELECT q.book_id, q.seq, q.recipient_id FROM {given} JOIN quota q"
    " ON q.book_id = given.book_id AND q.seq = given.seq",
    [_Q.book_id, _Q.seq, _Q.recipient_id],
    book_id="big",
    seq="int",
)


class EndedQuota(NamedTuple):
    """A quota that ended with a death: where it was given, what ended it, and what of it was left, in fen."""

    donor_id: int
    seq: int
    ended_by: int
    fen: int
    recipient_id: int


class Ended:
    """What was read: by the book of the dead the quotas that ended with the death, by person the books, and
    their enrolments; and of which reports it was.
    """

    __slots__ = ("books_of", "enrolments", "of", "quotas")

    def __init__(self) -> None:
        self.of: set[tuple[int, int]] = set()
        self.quotas: dict[int, list[EndedQuota]] = {}
        self.books_of: dict[int, list[int]] = {}
        self.enrolments: Enrolments = {}


def _read(connection: Connection, asked: Asked, desk: Desk) -> Ended:
    found = Ended()
    own: dict[tuple[int, int], int] = {}
    there: dict[tuple[int, int], int] = {}
    for book_id in dict.fromkeys(book_id for book_id, _command in asked):
        facts = standing(desk, book_id)
        if facts is not None:
            own[book_id, facts.reported.seq] = book_id
            there |= dict.fromkeys(facts.aid, book_id)
    ends: list[tuple[int, tuple[int, int], int, int]] = []
    for ended, whose in (
        (_ENDED_SINCE.run(connection, sorted(own)), None),
        (_ENDED_THERE.run(connection, sorted(there)), there),
    ):
        for donor_id, seq, target_seq, change, detail in ended:
            dead_id = donor_id if whose is None else whose[donor_id, seq]
            quota_seq = unpack(detail).get("quota", target_seq)
            ends.append((dead_id, (donor_id, quota_seq), seq, -(change or 0)))
    places = sorted({place for _, place, _, _ in ends})
    recipients = {(book, seq): person for book, seq, person in _RECIPIENTS.run(connection, places)}
    for dead_id, place, ended_by, fen in ends:
        quota = EndedQuota(*place, ended_by, fen, recipients[place])
        found.quotas.setdefault(dead_id, []).append(quota)
    people = set(recipients.values())
    held = books_held(connection, {(scheme, one) for one in people for scheme in (ACCOUNT, RESIDENT)})
    for (_scheme, person), books in sorted(held.items()):
        found.books_of.setdefault(person, []).extend(books)
    every = sorted({book for books in found.books_of.values() for book in books})
    found.of = set(own)
    found.enrolments = read_enrolments(connection, every)
    return found


# what the report of a death had ended
ENDED: Need[Ended] = Need("what ended with a death", _read)


@dataclass(eq=False)
class WithdrawDeath(Command):
    """Take the report of a death back, which was of somebody else: the person lives.

    The account is what it was; credits that the report took back come again, on the value dates on which they
    went; quotas are open again whose terms still hold, and the entry says which are not, and why.
    """

    verb = Verb.DEATH_WITHDRAWAL
    refused_with = (
        # the estate was divided: it is undone first
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_NOT_DECEASED,
    )
    needs = frozenset({DEATH_FACTS, GONE, QUOTAS, ENDED_QUOTAS, REOPENED, ENDED, MERGED_IN, HISTORY})

    book: BookRef
    reason: str
    document: str
    caller: str = ""
    actor: str = ""
    key: str | None = None
    found_seqs: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self.needs = self.needs | payers_needs()

    def content(self) -> str:
        return f"{self.reason}|{self.document}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        desk.allow(Verb.DEATH_WITHDRAWAL)
        known = standing(desk, book.book_id)
        if known is None:
            raise Refused(RefusalCode.ACCOUNT_NOT_DECEASED)
        reported = known.reported.seq
        if self.asked_about(reported) != (reported,):
            # asked for of a report that was withdrawn since: this one is another
            raise Refused(RefusalCode.ACCOUNT_NOT_DECEASED)
        if (book.book_id, known.reported.seq) not in desk.of(ENDED).of:
            # reported by this very batch: what it ended is read when it is written
            raise WiderLocks(())
        months, quotas = known.months, desk.of(ENDED).quotas.get(book.book_id, [])
        _lock(desk, book, months, quotas)
        used_since = book.last_seq != known.last_seq
        day = max(desk.today, book.opened_on)
        book.roll_to(day.year)
        facts: dict[str, Any] = {"reason": self.reason, "document": self.document}
        withdrawal = book.add(
            Draft(Kind.DEATH_WITHDRAWAL, day, target_seq=known.latest.seq, detail=pack(**facts), keyed=True)
        )
        book.stage = known.former_stage
        book.died_on = None
        came = give_again(desk, book, straight_gone(desk, book), months, used_since=used_since)
        facts |= what_came(came, months)
        judge_anew(desk, book, withdrawal.seq)
        restored: list[list[int]] = []
        left: list[list[Any]] = []
        for quota in quotas:
            why = self._reopen(desk, quota)
            place = [quota.donor_id, quota.seq]
            if why is None:
                restored.append(place)
            else:
                left.append([*place, why.value])
        if restored:
            facts["reopened"] = restored
        if left:
            facts["not_reopened"] = left
        withdrawal.detail = pack(**facts, **what_is_left(book, withdrawal))

    def _reopen(self, desk: Desk, quota: EndedQuota) -> RefusalCode | None:
        """Open a quota again whose terms still hold; else why they do not."""
        donor = desk.other(quota.donor_id)
        if donor is None or donor.stage == Stage.CLOSED:
            return RefusalCode.ACCOUNT_CLOSED
        if donor.stage == Stage.DECEASED:
            return RefusalCode.ACCOUNT_DECEASED
        if donor.stage == Stage.TRANSFERRING:
            return RefusalCode.ACCOUNT_TRANSFERRING
        row: Quota = donor.of(GIVEN).rows[quota.seq]
        if not row.ended:
            raise AssertionError("what ended with a death is open")
        if not _is_insured(desk, quota.recipient_id):
            return RefusalCode.RECIPIENT_NOT_INSURED
        if quota.fen > donor.available:
            return RefusalCode.QUOTA_TOO_HIGH
        day = max(desk.today, donor.opened_on)
        donor.roll_to(day.year)
        reopen_quota(donor, quota.seq, quota.ended_by, quota.fen, day)
        return None


def _lock(desk: Desk, book: Book, months: list[Any], quotas: list[EndedQuota]) -> None:
    """Have the books locked that change too, and those of the recipients: whose death is reported at the same
    time would leave a quota standing.
    """
    ended = desk.of(ENDED)
    wanted = {quota.donor_id for quota in quotas}
    for quota in quotas:
        wanted.update(ended.books_of.get(quota.recipient_id, ()))
    missing = sorted((wanted - desk.books.keys()) | set(books_to_lock(desk, book, again=months)))
    if missing:
        raise WiderLocks(missing)


def _is_insured(desk: Desk, person_id: int) -> bool:
    """Whether somebody is insured today, in any scheme, and lives (R35)."""
    ended = desk.of(ENDED)
    books = [desk.other(book_id) for book_id in ended.books_of.get(person_id, ())]
    there = [book for book in books if book is not None]
    if any(book.died_on is not None for book in there):
        return False
    return any(
        book.stage != Stage.CLOSED and _holds(ended.enrolments.get(book.book_id, ()), desk) for book in there
    )


def _holds(enrolments: Any, desk: Desk) -> bool:
    return not enrolments or any(
        one.first <= desk.today and (one.last is None or one.last >= desk.today) for one in enrolments
    )
