"""Mutual aid (R35–R38): money of an account that is reserved for a relative, and a relative's premium."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from ledger.accounts.quotas import ENDED_QUOTAS, GIVEN, LATEST_GIFTS, QUOTAS, REOPENED, Quota, end_quota
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.bounds.table import PREMIUM_YEAR
from ledger.chart.care import Coverage
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage, Verb
from ledger.chart.sides import Side
from ledger.money import FEN_MAX
from ledger.people.deaths import died_on
from ledger.people.enrolled import ENROLMENTS
from ledger.people.entitlement import entitlement
from ledger.people.premiums_owed import PREMIUMS, own_part
from ledger.policy import PocketOrder, Policy
from ledger.posting import BookRef, Command, Desk
from ledger.refusals import RefusalCode, Refused

# what a recipient is to the donor (R35)
RELATIONS: Final = ("spouse", "parent", "child", "sibling", "grandparent", "grandchild")
RANK_MAX: Final = 99


@dataclass(eq=False)
class GiveQuota(Command):
    """Reserve `amount_fen` of this account for a relative, who draws on it after the own account.

    `recipient` is the digest of the recipient's ID number, `named` the books that it may lead to. That both
    have agreed is what the caller states; `consents` name the papers.
    """

    verb = Verb.MUTUAL_AID
    refused_with = (
        RefusalCode.QUOTA_SELF,
        RefusalCode.NOT_RELATIVE,
        RefusalCode.RECIPIENT_NOT_INSURED,
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_TRANSFERRING,
        RefusalCode.ACCOUNT_DECEASED,
        RefusalCode.ACCOUNT_FROZEN,
        RefusalCode.RATES_MISSING,
        RefusalCode.DONOR_PAUSED,
        RefusalCode.AMOUNT_INVALID,
        RefusalCode.QUOTA_TOO_HIGH,
    )
    needs = frozenset({QUOTAS, LATEST_GIFTS, ENROLMENTS})

    book: BookRef
    recipient: bytes
    named: tuple[BookRef, ...]
    relation: str
    amount_fen: int | None
    rank: int
    consents: tuple[str, ...] = ()
    caller: str = ""
    actor: str = ""
    key: str | None = None
    others: tuple[BookRef, ...] = ()

    def __post_init__(self) -> None:
        # whose death is reported at the same time would leave the quota standing
        self.others = self.named

    def content(self) -> str:
        consents = "|".join(self.consents)
        return f"{self.recipient.hex()}|{self.relation}|{self.amount_fen}|{self.rank}|{consents}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        recipient = desk.persons.get(self.recipient)
        if recipient is not None and recipient.person_id == book.person_id:
            raise Refused(RefusalCode.QUOTA_SELF, at="recipient")
        if self.relation not in RELATIONS:
            raise Refused(RefusalCode.NOT_RELATIVE, at="relation")
        if recipient is None or not _insured(desk, self.named, desk.today, desk.today):
            raise Refused(RefusalCode.RECIPIENT_NOT_INSURED, at="recipient")
        desk.allow(Verb.MUTUAL_AID)
        _check_not_paused(desk, book)
        if self.amount_fen is None or not 0 < self.amount_fen <= FEN_MAX:
            raise Refused(RefusalCode.AMOUNT_INVALID, at="amount_fen")
        if self.amount_fen > book.available:
            raise Refused(RefusalCode.QUOTA_TOO_HIGH, at="amount_fen", available_fen=max(book.available, 0))
        today = max(desk.today, book.opened_on)
        book.roll_to(today.year)
        latest = desk.of(LATEST_GIFTS).get(recipient.person_id)
        if latest is not None and latest >= desk.now:
            # of one rank who gave first pays first
            book.not_before(latest + timedelta(microseconds=1))
        draft = book.add(
            Draft(
                Kind.QUOTA,
                today,
                reserved_change=self.amount_fen,
                detail=pack(
                    recipient=recipient.person_id,
                    relation=self.relation,
                    rank=self.rank,
                    consents=list(self.consents),
                ),
                keyed=True,
            )
        )
        book.of(GIVEN).set(
            draft.seq,
            Quota(recipient.person_id, self.amount_fen, self.amount_fen, self.rank, self.relation),
        )


@dataclass(eq=False)
class EndQuota(Command):
    """End the quota that the entry `target_seq` gave: what is left of it is the donor's again."""

    verb = Verb.QUOTA_END
    refused_with = (
        RefusalCode.QUOTA_NOT_FOUND,
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.QUOTA_ENDED,
    )
    needs = frozenset({QUOTAS, ENDED_QUOTAS, REOPENED})

    book: BookRef
    target_seq: int
    reason: str = ""
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.target_seq}|{self.reason}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        quota = book.of(GIVEN).get(self.target_seq)
        if quota is None:
            raise Refused(RefusalCode.QUOTA_NOT_FOUND, at="target_seq")
        desk.allow(Verb.QUOTA_END)
        if quota.ended:
            raise Refused(RefusalCode.QUOTA_ENDED)
        book.roll_to(desk.today.year)
        end_quota(desk, book, self.target_seq, desk.today, self.reason, keyed=True)


@dataclass(eq=False)
class PayPremium(Command):
    """Pay a relative's premium of the resident scheme from this account (R19, R37).

    At most what the relative still owes for the year, and none for a year after the relative's death. The
    last of `named` is the resident's book. Both are locked: two payers do not pay the same, and a death that
    is reported at the same time is known.
    """

    verb = "premium"
    source_kind = Kind.PREMIUM
    refused_with = (
        RefusalCode.QUOTA_SELF,
        RefusalCode.NOT_RELATIVE,
        RefusalCode.RECIPIENT_NOT_INSURED,
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_TRANSFERRING,
        RefusalCode.ACCOUNT_DECEASED,
        RefusalCode.ACCOUNT_FROZEN,
        # a year before 1990, or after the next one
        RefusalCode.PERIOD_INVALID,
        RefusalCode.RATES_MISSING,
        RefusalCode.DUPLICATE_SOURCE_REF,
        # the area does not allow it
        RefusalCode.VERB_NOT_OFFERED,
        RefusalCode.AMOUNT_INVALID,
        RefusalCode.INSUFFICIENT_BALANCE,
        # nobody who owes nothing
        RefusalCode.PREMIUM_NOT_OWED,
    )
    needs = frozenset({ENROLMENTS, PREMIUMS})

    book: BookRef
    recipient: bytes
    named: tuple[BookRef, ...]
    relation: str
    amount_fen: int | None
    year: int
    source_ref: str
    caller: str = ""
    actor: str = ""
    key: str | None = None
    others: tuple[BookRef, ...] = ()

    def __post_init__(self) -> None:
        self.others = self.named

    def content(self) -> str:
        return f"{self.recipient.hex()}|{self.relation}|{self.amount_fen}|{self.year}|{self.source_ref}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        recipient = desk.persons.get(self.recipient)
        if recipient is not None and recipient.person_id == book.person_id:
            raise Refused(RefusalCode.QUOTA_SELF, at="recipient")
        if self.relation not in RELATIONS:
            raise Refused(RefusalCode.NOT_RELATIVE, at="relation")
        earliest, latest = PREMIUM_YEAR.span(desk.today)
        is_in_bounds = earliest.year <= self.year <= latest.year
        # a premium may be for a year to come, or one that has passed
        if recipient is None or not (
            _insured(desk, self.named, desk.today, desk.today)
            or (is_in_bounds and _insured(desk, self.named, date(self.year, 1, 1), date(self.year, 12, 31)))
        ):
            raise Refused(RefusalCode.RECIPIENT_NOT_INSURED, at="recipient")
        desk.allow(Verb.SPENDING, day=desk.today)
        if not is_in_bounds:
            raise Refused(RefusalCode.PERIOD_INVALID, at="year", earliest=earliest, latest=latest)
        policy = desk.policy(book.area)
        reversal_seq = desk.require_new_source(Kind.PREMIUM, self.source_ref)
        if not policy.care.aid_resident_premium.on(desk.today):
            raise Refused(RefusalCode.VERB_NOT_OFFERED)
        if self.amount_fen is None or not 0 < self.amount_fen <= FEN_MAX:
            raise Refused(RefusalCode.AMOUNT_INVALID, at="amount_fen")
        if self.amount_fen > book.available:
            raise Refused(RefusalCode.INSUFFICIENT_BALANCE, at="amount_fen")
        owed = self._owed(desk, recipient.person_id)
        if self.amount_fen > owed:
            raise Refused(RefusalCode.PREMIUM_NOT_OWED, at="amount_fen", owed_fen=max(owed, 0))
        order = policy.pocket_order.on(desk.today)
        book.debit(
            Draft(
                Kind.PREMIUM,
                max(desk.today, book.opened_on),
                target_seq=reversal_seq,
                source_ref=self.source_ref,
                detail=pack(recipient=recipient.person_id, relation=self.relation, year=self.year),
                keyed=True,
            ),
            self.amount_fen,
            Side.COLLECTION_CLEARING,
            None,
            current_year_first=order is PocketOrder.CURRENT_YEAR_FIRST,
        )

    def _owed(self, desk: Desk, person_id: int) -> int:
        """What the relative still owes for the year, in fen; nothing for who is no resident."""
        found = desk.of(PREMIUMS)
        resident_ref = self.named[-1]
        book_id = desk.ids.get(resident_ref) if isinstance(resident_ref, bytes) else resident_ref
        resident = None if book_id is None else desk.look_at(book_id)
        if resident is None:
            return 0
        enrolled = found.enrolled.get(resident.book_id, ())
        return own_part(desk.policy(resident.area), enrolled, self.year) - found.paid.get(
            (person_id, self.year), 0
        )


def _insured(desk: Desk, named: Sequence[BookRef], first: date, last: date) -> bool:
    """Whether the recipient is insured on one of some days, in any scheme (R35): has a book that is open and
    an enrolment that holds, or an account without any enrolment.
    """
    death = died_on(desk, named)
    if death is not None:
        # what was insured in life may still be paid for
        last = min(last, death)
        if last < first:
            return False
    ids = [desk.ids[ref] for ref in named if isinstance(ref, bytes) and ref in desk.ids]
    return any(_holds(desk, book_id, first, last) for book_id in ids)


def _holds(desk: Desk, book_id: int, first: date, last: date) -> bool:
    book = desk.look_at(book_id)
    if book is None or book.died_on or book.stage == Stage.CLOSED:
        return False
    enrolments = desk.of(ENROLMENTS).get(book_id, ())
    return not enrolments or any(
        one.first <= last and (one.last is None or one.last >= first) for one in enrolments
    )


def _check_not_paused(desk: Desk, book: Book) -> None:
    """A paused donor gives nothing new, unless the area allows it; what was given stands."""
    policy: Policy = desk.policy(book.area)
    if policy.care.paused_donor.on(desk.today):
        return
    enrolments = desk.of(ENROLMENTS).get(book.book_id, ())
    begun = [one for one in enrolments if one.first <= desk.today]
    if not begun:
        return
    _class, coverage = entitlement(policy, begun, desk.today, resident=False)
    if coverage is Coverage.PAUSED:
        raise Refused(RefusalCode.DONOR_PAUSED)
