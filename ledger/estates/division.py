"""Dividing the estate of a dead person, and closing the account for ever (R54–R58)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, Final

from ledger.accounts.inheritance import Heir, pay_heirs, receives
from ledger.accounts.owed_interest import CHANGES, LAST_MOVED, post_interest
from ledger.book.state import Book
from ledger.bounds.table import ESTATE_PAID_ON
from ledger.chart.matrix import Stage, Verb
from ledger.estates.case import ESTATE_CASE, EstateCase, case_of, name_of
from ledger.estates.netting import SPENT_SHARES, net_shares
from ledger.estates.open_items import OPEN_ITEMS, check_nothing_open
from ledger.estates.owed import OWED, set_off
from ledger.estates.shares import LAW, Claimant, agreed, undecided
from ledger.people.dated import DATED, names_of
from ledger.posting import BookRef, Command, Desk, PersonStake
from ledger.refusals import RefusalCode, Refused
from ledger.shares import HeirRank

OF_DIVISION: Final = (
    # an heir's name is not that of the number
    RefusalCode.ID_MISMATCH,
    RefusalCode.ACCOUNT_CLOSED,
    RefusalCode.ACCOUNT_NOT_DECEASED,
    # `paid_on` after today, or before a value date or the day of death
    RefusalCode.PERIOD_INVALID,
    RefusalCode.RATES_MISSING,
    # a hold, a claim, a stay, an advance, a month after death
    RefusalCode.OPEN_ITEMS,
)
"""What any division of an estate may be refused with."""

RELATIONS = ("spouse", "child", "parent", "sibling", "grandparent", "other")


@dataclass(slots=True)
class HeirShare:
    """A heir as the request names them, found by `digest`; `weight` is None when all share equally."""

    digest: bytes
    known_by_number: bool
    relation: str
    weight: Fraction
    rank: HeirRank
    # whether the name is what the ledger knows of the number, and not what the request says
    is_told_by_us: bool = False


@dataclass(eq=False)
class DivideEstate(Command):
    """Divide the balance among the heirs and close the account.

    First the interest of every year still owed and of the days before `paid_on`, then what the person owes
    for certain is set off, then each share goes to the heir's own open account or to a payout order.
    Rehearsed, it shows what would happen; posted, it is final. What is still open is refused by its name.
    """

    verb = Verb.ESTATE
    refused_with = (
        *OF_DIVISION,
        # a dispute of those who claim, or a legatee who may still accept
        RefusalCode.HEIRS_DISPUTED,
        # one heir twice, the dead person, or somebody dead
        RefusalCode.SHARES_INVALID,
    )
    needs = frozenset({CHANGES, LAST_MOVED, OWED, OPEN_ITEMS, ESTATE_CASE, DATED, SPENT_SHARES})

    book: BookRef
    heirs: tuple[HeirShare, ...]
    persons: tuple[PersonStake, ...]
    paid_on: date
    caller: str = ""
    actor: str = ""
    key: str | None = None
    found_seqs: tuple[int, ...] = ()

    @property
    def others(self) -> tuple[BookRef, ...]:  # type: ignore[override]  # computed, where the base has a default
        return tuple(heir.digest for heir in self.heirs if heir.known_by_number)

    def content(self) -> str:
        heirs = ";".join(f"{heir.digest.hex()},{heir.relation},{heir.weight}" for heir in self.heirs)
        return f"{self.paid_on}|{heirs}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        names = [(stake.digest, stake.name_digest) for stake in self.persons]
        check_names(desk, self, names, self.paid_on, "heirs")
        desk.allow(Verb.ESTATE)
        if book.died_on is None:
            raise Refused(RefusalCode.ACCOUNT_NOT_DECEASED)
        case = case_of(desk, book)
        facts = make_ready(desk, book, self.paid_on)
        check_undisputed(case)
        heirs = self._as_agreed(case, self._heirs(desk, book))
        are_same = {heir.person_id for heir in heirs} == {one.person for one in case.claimants or ()}
        check_asked_of(self, case, are_same=are_same)
        net_shares(desk, book, pay_heirs(desk, book, heirs, self.paid_on, facts=facts, keyed=True))
        book.stage = Stage.CLOSED

    def _heirs(self, desk: Desk, book: Book) -> list[Heir]:
        people = [desk.persons[heir.digest].person_id for heir in self.heirs]
        names = [stake.name_digest for stake in self.persons]
        bare = {name for name, heir in zip(names, self.heirs, strict=True) if not heir.known_by_number}
        if (
            len(set(people)) < len(people)
            # of two of one name both have a number that tells them apart
            or any(names.count(name) > 1 for name in bare)
        ):
            raise Refused(RefusalCode.SHARES_INVALID, at="heirs")
        known = [heir.digest if heir.known_by_number else None for heir in self.heirs]
        check_alive(desk, book, list(zip(people, names, known, strict=True)), "heirs")
        # the rank in which odd fen are given; the entry keeps it, so that later money falls the same way
        ranks = order_of([heir.rank for heir in self.heirs])
        heirs: list[Heir] = []
        for place, heir in enumerate(self.heirs):
            account = desk.other(heir.digest) if heir.known_by_number else None
            book_id = account.book_id if account is not None and receives(account) else None
            heirs.append(Heir(people[place], heir.relation, heir.weight, ranks[place], book_id))
        return heirs

    def _as_agreed(self, case: EstateCase, heirs: list[Heir]) -> list[Heir]:
        """The heirs with the parts that they agreed on, if it was just these people; else as they are said.

        They take the place of whoever was named before. Raises Refused(heirs_disputed) while a legatee among
        those may still accept.
        """
        names = [name_of(stake.name_digest) for stake in self.persons]
        claimants = tuple(
            Claimant(heir.person_id, name, heir.relation, LAW)
            for heir, name in zip(heirs, names, strict=True)
        )
        agreement = case.stands_for(claimants)
        if agreement is None:
            check_decided(case.claimants or (), self.paid_on, "heirs")
            return heirs
        shares = agreement.shares
        if len(set(names)) == len(names):
            # who claimed by two titles is one heir here
            sums: dict[str, Fraction] = {}
            for name, share in shares:
                sums[name] = sums.get(name, Fraction(0)) + share
            shares = tuple(sums.items())
        given = agreed(claimants, shares)
        ranks = order_of([rank for _share, rank in given])
        return [
            heir._replace(weight=share, rank=rank)
            for heir, (share, _rank), rank in zip(heirs, given, ranks, strict=True)
        ]


def order_of(ranks: Sequence[Any]) -> list[int]:
    """The place of each in the order of their ranks; those of one rank in the order in which they stand."""
    places = sorted(range(len(ranks)), key=lambda place: (ranks[place], place))
    order = [0] * len(ranks)
    for rank, place in enumerate(places):
        order[place] = rank
    return order


def check_decided(claimants: Sequence[Claimant], on: date, at: str | None = None) -> None:
    """Raise Refused(heirs_disputed) for a legatee who may still accept or refuse, with the last day (R56).

    `at`: what the refusal names, else the legatee's own field.
    """
    place = undecided(claimants, on)
    if place is not None:
        where = at or f"claimants/{place}/accepted_on"
        raise Refused(RefusalCode.HEIRS_DISPUTED, at=where, latest=claimants[place].decides_until)


def check_names(
    desk: Desk, command: Command, named: Sequence[tuple[bytes, bytes]], on: date, at: str
) -> None:
    """Raise Refused(id_mismatch) for a person, by digest, whose name on the day is another one: it is of
    another time, or of somebody else.
    """
    for place, (digest, name_digest) in enumerate(named):
        if not names_of(desk, command, digest).is_called(name_digest, on):
            raise Refused(RefusalCode.ID_MISMATCH, at=f"{at}/{place}/name")


def check_alive(desk: Desk, book: Book, named: Sequence[tuple[int, bytes, bytes | None]], at: str) -> None:
    """Raise Refused(shares_invalid) for the dead person among those named, and for somebody recorded as dead:
    nobody inherits from themselves, and who has died leaves the part to others (R55).

    `named`: the person, the digest of the name, and where there is a number the digest of that.
    """
    names = case_of(desk, book).names
    for place, (person, name_digest, digest) in enumerate(named):
        is_the_dead = person == book.person_id or (digest is None and name_of(name_digest) in names)
        account = None if digest is None else desk.other(digest)
        if is_the_dead or (account is not None and account.died_on is not None):
            raise Refused(RefusalCode.SHARES_INVALID, at=f"{at}/{place}")


def check_undisputed(case: EstateCase) -> None:
    """Raise Refused(heirs_disputed) while nothing is to be paid (R56)."""
    if case.is_disputed:
        raise Refused(RefusalCode.HEIRS_DISPUTED)


def check_asked_of(command: Command, case: EstateCase, *, are_same: bool) -> None:
    """See that an estate which waited for a second person is still the one that was asked for (R68).

    `are_same`: whether those whom it would pay are those who claim. Raises Refused: account_not_deceased for
    another death; heirs_disputed when a division was taken back since, or others were named.
    """
    found = (case.death_seq or 0, case.undo_seq, case.named_seq)
    death_seq, undo_seq, named_seq = command.asked_about(*found)
    if death_seq != found[0]:
        raise Refused(RefusalCode.ACCOUNT_NOT_DECEASED)
    if undo_seq != case.undo_seq or (named_seq != case.named_seq and not are_same):
        raise Refused(RefusalCode.HEIRS_DISPUTED)


def make_ready(desk: Desk, book: Book, paid_on: date, *, is_shown: bool = False) -> dict[str, Any]:
    """Post all interest owed to the day before, see that nothing is open, and set off what is owed.

    What is left in the book is what is divided; the facts that the estate keeps. `is_shown` says that the
    book is a copy, and that nothing of it is written. Raises Refused.
    """
    moved = desk.of(LAST_MOVED).get(book.book_id, book.opened_on)
    if book.died_on is None:
        raise AssertionError("an estate is of somebody who has died")
    divided = desk.policy(book.area).estates.divided_from(book.died_on)
    ESTATE_PAID_ON.admit(paid_on, desk.today, "paid_on", moved=moved, death=book.died_on, divided=divided)
    before = book.current_year + book.carried_over
    # before what follows, because missing rates are refused before open items and wrong shares
    interest = post_interest(desk, book, paid_on - timedelta(days=1), valued_on=paid_on)
    book.roll_to(paid_on.year)
    check_nothing_open(desk, book)
    facts: dict[str, Any] = {"balance": before, "interest": interest}
    if owed := set_off(desk, book, paid_on, is_shown=is_shown):
        facts["set_off"] = owed
    return facts
