"""Naming who claims an estate, showing its division, and confirming it (R54–R57, K7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any, ClassVar, NamedTuple

from ledger.accounts.inheritance import TO_ACCOUNT, TO_KEPT, TO_PAYOUT, Heir, pay_heirs, receives
from ledger.accounts.owed_interest import CHANGES, LAST_MOVED
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.bounds.table import SAID_OF_CLAIMANT_ON, WAIVED_ON
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage, Verb
from ledger.estates.case import ESTATE_CASE, EstateCase, case_of, name_of, noted_on
from ledger.estates.division import (
    OF_DIVISION,
    check_alive,
    check_asked_of,
    check_decided,
    check_names,
    check_undisputed,
    make_ready,
    order_of,
)
from ledger.estates.netting import SPENT_SHARES, net_shares
from ledger.estates.open_items import OPEN_ITEMS
from ledger.estates.owed import OWED
from ledger.estates.shares import Claimant, agreed, entitlements
from ledger.people.dated import DATED
from ledger.posting import BookRef, Command, Desk, PersonStake
from ledger.refusals import RefusalCode, Refused
from ledger.shares import HeirRank, divide


@dataclass(slots=True)
class NamedClaimant:
    """A claimant as the request names them, found by `digest`; `rank` is their place for an odd fen (K7)."""

    digest: bytes
    name_digest: bytes
    known_by_number: bool
    relation: str
    title: str
    rank: HeirRank
    share: str | None = None
    born_on: date | None = None
    # the digest of the name of the dead person in whose place they stand
    stem: bytes | None = None
    accepted_on: date | None = None
    notified_on: date | None = None
    waived_on: date | None = None
    disqualified_by: str | None = None
    is_unborn: bool = False
    document: str | None = None

    def told(self) -> str:
        """What makes it another request; a share is whatever somebody wrote there."""
        return ascii((
            self.digest, self.name_digest, self.relation, self.title, self.share, self.born_on, self.stem,
            self.accepted_on, self.notified_on, self.waived_on, self.disqualified_by, self.is_unborn,
            self.document,
        ))  # fmt: skip


@dataclass(slots=True)
class Commitment:
    """What one heir signed for all, of a small estate without a notary; found by the digest of the name."""

    name_digest: bytes
    document: str


class Split(NamedTuple):
    """The part of each claimant, and their places for an odd fen."""

    weights: list[Fraction]
    ranks: list[int]


@dataclass(eq=False)
class NameClaimants(Command):
    """Name who claims the estate, in place of who was named before, and show how it would be divided.

    Nothing is paid. Nobody, or nobody who takes anything: the estate is held.
    """

    verb: ClassVar[Verb | str] = "estate_claimants"
    refused_with: ClassVar[tuple[RefusalCode, ...]] = (
        *OF_DIVISION,
        # a claimant twice under one title, the dead person, somebody dead, parts that are not the whole
        RefusalCode.SHARES_INVALID,
        # one heir signs for all, and it is more than the area allows that for
        RefusalCode.VERB_NOT_OFFERED,
    )
    needs = frozenset({CHANGES, LAST_MOVED, DATED, OPEN_ITEMS, OWED, ESTATE_CASE, SPENT_SHARES})

    book: BookRef
    claimants: tuple[NamedClaimant, ...]
    persons: tuple[PersonStake, ...]
    paid_on: date
    caller: str = ""
    actor: str = ""
    key: str | None = None
    found_seqs: tuple[int, ...] = ()
    commitment: Commitment | None = None
    others: tuple[BookRef, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.others = tuple({one.digest: None for one in self.claimants if one.known_by_number})

    def content(self) -> str:
        said = f"{self.paid_on}|{';'.join(one.told() for one in self.claimants)}"
        if (signed := self.commitment) is not None:
            said += f"|{signed.name_digest.hex()},{signed.document!a}"
        return said

    def decide(self, desk: Desk) -> None:
        self._name(desk, keyed=True)

    def _name(self, desk: Desk, *, keyed: bool) -> tuple[EstateCase, tuple[Claimant, ...], Split]:
        book: Book = desk.book
        names = [(one.digest, one.name_digest) for one in self.claimants]
        check_names(desk, self, names, self.paid_on, "claimants")
        desk.allow(Verb.ESTATE)
        if book.died_on is None:
            raise Refused(RefusalCode.ACCOUNT_NOT_DECEASED)
        # how it would be, on a copy: what is named moves nothing
        shown = book.copy()
        facts = make_ready(desk, shown, self.paid_on, is_shown=True)
        self._check_days(desk, book.died_on)
        self._check_living(desk, book)
        case = case_of(desk, book)
        claimants = tuple(
            Claimant(
                desk.persons[one.digest].person_id,
                name_of(one.name_digest),
                one.relation,
                one.title,
                one.share,
                None if one.stem is None else name_of(one.stem),
                one.accepted_on,
                one.notified_on,
                one.waived_on,
                one.disqualified_by is not None,
                one.is_unborn,
            )
            for one in self.claimants
        )
        ranks = [one.rank for one in self.claimants]
        order, parts = order_of(ranks), split(case, claimants, ranks, self.paid_on)
        total = shown.current_year + shown.carried_over
        amounts = (
            divide(total, parts.weights, [(rank,) for rank in parts.ranks]) if any(parts.weights) else []
        )
        facts |= self._committed(desk, book, total, parts)
        book.add(
            Draft(
                Kind.ESTATE_CLAIMANTS,
                noted_on(desk, book),
                detail=pack(
                    death=case.death_seq,
                    paid_on=self.paid_on.isoformat(),
                    amount=total,
                    claimants=[
                        self._line(desk, one, claimant) | {"rank": rank}
                        for one, claimant, rank in zip(self.claimants, claimants, order, strict=True)
                    ],
                    shown=[amounts[place] if amounts else 0 for place in range(len(claimants))],
                    pays=bool(amounts),
                    state=case.state(pays=bool(amounts)),
                    **({} if amounts else {"held_since": (case.held_since or desk.today).isoformat()}),
                    **facts,
                ),
                keyed=keyed,
            )
        )
        return case, claimants, parts

    def _committed(self, desk: Desk, book: Book, total: int, parts: Split) -> dict[str, Any]:
        """Who signed for all, as the entry keeps it: by the place among the claimants (Q9)."""
        signed = self.commitment
        if signed is None:
            return {}
        most = desk.policy(book.area).estates.small_up_to_on(self.paid_on)
        if most is None or total > most:
            raise Refused(RefusalCode.VERB_NOT_OFFERED, at="commitment", most_fen=most)
        for place, (one, weight) in enumerate(zip(self.claimants, parts.weights, strict=True)):
            # only who gets something answers for the others
            if one.name_digest == signed.name_digest and weight and not one.is_unborn:
                return {"commitment": {"by": place, "document": signed.document}}
        raise Refused(RefusalCode.SHARES_INVALID, at="commitment/signed_by")

    def _check_days(self, desk: Desk, died_on: date) -> None:
        for place, one in enumerate(self.claimants):
            for name in ("born_on", "accepted_on", "notified_on"):
                if (day := getattr(one, name)) is not None:
                    SAID_OF_CLAIMANT_ON.admit(day, desk.today, f"claimants/{place}/{name}", paid=self.paid_on)
            if one.waived_on is not None:
                at = f"claimants/{place}/waived_on"
                WAIVED_ON.admit(one.waived_on, desk.today, at, death=died_on, paid=self.paid_on)

    def _check_living(self, desk: Desk, book: Book) -> None:
        """See that claimants are alive, that nobody stands for the dead person, and who is unborn (R55)."""
        named = [
            (desk.persons[one.digest].person_id, one.name_digest, one.digest if one.known_by_number else None)
            for one in self.claimants
        ]
        check_alive(desk, book, named, "claimants")
        names = case_of(desk, book).names
        for place, one in enumerate(self.claimants):
            if one.stem is not None and name_of(one.stem) in names:
                raise Refused(RefusalCode.SHARES_INVALID, at=f"claimants/{place}/represents")
            if one.is_unborn and (one.known_by_number or one.born_on is not None):
                # who has a number or a birthday is born
                raise Refused(RefusalCode.SHARES_INVALID, at=f"claimants/{place}/unborn")

    def _line(self, desk: Desk, one: NamedClaimant, claimant: Claimant) -> dict[str, Any]:
        """What the entry keeps of a claimant: what was said, and of a day of birth only the rank it gives."""
        said = {
            "share": one.share,
            "stem": claimant.stem,
            "accepted_on": one.accepted_on,
            "notified_on": one.notified_on,
            "waived_on": one.waived_on,
            "disqualified_by": one.disqualified_by,
            "unborn": one.is_unborn or None,
            "document": one.document,
        }
        return {
            "person": claimant.person,
            "name": claimant.name,
            "relation": one.relation,
            "title": one.title,
            "paid_to": _paid_to(desk, one),
            **{
                name: value.isoformat() if isinstance(value, date) else value
                for name, value in said.items()
                if value is not None
            },
        }


@dataclass(eq=False)
class ConfirmEstate(NameClaimants):
    """Name who claims the estate, divide it among them and close the account; nobody: it is held.

    Each share goes to the claimant's own open account or to a payout order; that of an unborn child is kept.
    """

    verb: ClassVar[Verb | str] = Verb.ESTATE
    refused_with: ClassVar[tuple[RefusalCode, ...]] = (
        *OF_DIVISION,
        # a dispute, or a legatee who may still accept
        RefusalCode.HEIRS_DISPUTED,
        RefusalCode.SHARES_INVALID,
        RefusalCode.VERB_NOT_OFFERED,
    )

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        case, claimants, parts = self._name(desk, keyed=False)
        check_undisputed(case)
        check_asked_of(self, case, are_same=claimants == case.claimants)
        if not any(parts.weights):
            # held: nothing is paid, and what was named is the answer
            book.drafts[-1].keyed = True
            return
        if case.stands_for(claimants) is None:
            check_decided(claimants, self.paid_on)
        named_seq = book.last_seq
        facts = make_ready(desk, book, self.paid_on)
        facts |= self._committed(desk, book, book.current_year + book.carried_over, parts)
        estate = pay_heirs(
            desk,
            book,
            self._heirs(desk, claimants, parts),
            self.paid_on,
            facts={"death": case.death_seq, "claimants": named_seq, **facts},
            keyed=True,
        )
        net_shares(desk, book, estate)
        book.stage = Stage.CLOSED

    def _heirs(self, desk: Desk, claimants: tuple[Claimant, ...], parts: Split) -> list[Heir]:
        heirs: list[Heir] = []
        for place, (one, claimant) in enumerate(zip(self.claimants, claimants, strict=True)):
            account = desk.other(one.digest) if one.known_by_number else None
            book_id = account.book_id if account is not None and receives(account) else None
            heirs.append(
                Heir(
                    claimant.person,
                    one.relation,
                    parts.weights[place],
                    parts.ranks[place],
                    book_id,
                    one.is_unborn,
                )
            )
        return heirs


def split(case: EstateCase, claimants: tuple[Claimant, ...], ranks: list[HeirRank], day: date) -> Split:
    """The parts as the heirs agreed, while those are the same people; else as titles and the law say."""
    weights = entitlements(claimants, day)
    agreement = case.stands_for(claimants)
    if agreement is None:
        return Split(weights, order_of(ranks))
    given = agreed(claimants, agreement.shares)
    # an agreed order comes before every other (K7); who has no part comes last
    return Split(
        [share for share, _rank in given],
        order_of([(rank, place) for place, (_share, rank) in enumerate(given)]),
    )


def _paid_to(desk: Desk, one: NamedClaimant) -> str:
    if one.is_unborn:
        return TO_KEPT
    account = desk.other(one.digest) if one.known_by_number else None
    return TO_ACCOUNT if receives(account) else TO_PAYOUT
