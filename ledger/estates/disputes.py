"""Disputes of heirs, which stop the payment of an estate, and agreements, which end them (R55, R56)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Verb
from ledger.estates.case import ESTATE_CASE, EstateCase, among, case_named, name_of, noted_on
from ledger.estates.shares import Claimant, agreed
from ledger.posting import BookRef, Command, Desk, PersonStake
from ledger.refusals import RefusalCode, Refused
from ledger.shares import divide, parse_weight

_OF_A_CASE = (
    # the estate of no death, or of one that was withdrawn
    RefusalCode.ESTATE_NOT_FOUND,
    RefusalCode.ACCOUNT_CLOSED,
    RefusalCode.ACCOUNT_NOT_DECEASED,
)


@dataclass(eq=False)
class DisputeEstate(Command):
    """Record who disputes an estate: nothing is paid until the heirs agree (R56)."""

    verb: ClassVar[Verb | str] = "estate_dispute"
    refused_with = _OF_A_CASE
    needs = frozenset({ESTATE_CASE})

    book: BookRef
    death_seq: int
    persons: tuple[PersonStake, ...]
    document: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.death_seq}|{self.persons[0].name_digest.hex()}|{self.document}"

    def decide(self, desk: Desk) -> None:
        case = _case(desk, self.death_seq)
        book: Book = desk.book
        [by] = self.persons
        claimant = next((one for one in case.claimants or () if one.name == name_of(by.name_digest)), None)
        person = desk.persons[by.digest].person_id if claimant is None else claimant.person
        case.is_disputed = True
        facts = _shown(case, list(case.told.get("shown", ())), case.state(pays=case.pays))
        book.add(
            Draft(
                Kind.ESTATE_DISPUTE,
                noted_on(desk, book),
                detail=pack(death=case.death_seq, by=person, document=self.document, **facts),
                keyed=True,
            )
        )


@dataclass(eq=False)
class AgreeOnEstate(Command):
    """Record what the heirs agreed on in writing, by name and in their order; a dispute ends with it.

    It stands while those who claim are the same.
    """

    verb: ClassVar[Verb | str] = "estate_agreement"
    refused_with = (
        *_OF_A_CASE,
        # not the whole, somebody who claims nothing, or somebody who lost the right
        RefusalCode.SHARES_INVALID,
    )
    needs = frozenset({ESTATE_CASE})

    book: BookRef
    death_seq: int
    # the digests of the names, each with a share as it was written
    shares: tuple[tuple[bytes, str | None], ...]
    document: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        shares = ";".join(f"{name.hex()},{share!a}" for name, share in self.shares)
        return f"{self.death_seq}|{shares}|{self.document}"

    def decide(self, desk: Desk) -> None:
        case = _case(desk, self.death_seq)
        book: Book = desk.book
        shares = [
            (name_of(name), parse_weight(share, f"shares/{place}/share"))
            for place, (name, share) in enumerate(self.shares)
        ]
        claimants = case.claimants or ()
        if not claimants or sum((share for _name, share in shares), Fraction(0)) != 1:
            raise Refused(RefusalCode.SHARES_INVALID, at="shares")
        amounts = _amounts(case, claimants, shares)
        case.is_disputed = False
        facts = _shown(case, amounts, case.state(pays=True))
        book.add(
            Draft(
                Kind.ESTATE_AGREEMENT,
                noted_on(desk, book),
                detail=pack(
                    death=case.death_seq,
                    agreed=[{"name": name, "share": str(share)} for name, share in shares],
                    among=among(claimants),
                    document=self.document,
                    **facts,
                ),
                keyed=True,
            )
        )


def _case(desk: Desk, death_seq: int) -> EstateCase:
    case = case_named(desk, desk.book, death_seq)
    desk.allow(Verb.ESTATE)
    if desk.book.died_on is None:
        raise Refused(RefusalCode.ACCOUNT_NOT_DECEASED)
    return _copied(case)


def _copied(case: EstateCase) -> EstateCase:
    """A case to look ahead with: the desk's own is changed by the entry, once it is written."""
    other = EstateCase()
    for name in EstateCase.__slots__:
        setattr(other, name, getattr(case, name))
    return other


def _amounts(
    case: EstateCase, claimants: tuple[Claimant, ...], shares: list[tuple[str, Fraction]]
) -> list[int]:
    given = agreed(claimants, shares)
    weights = [share for share, _rank in given]
    return divide(case.told["amount"], weights, [(rank, place) for place, (_share, rank) in enumerate(given)])


def _shown(case: EstateCase, amounts: list[int], state: str) -> dict[str, Any]:
    """What the answer tells beside: the division as it was shown last, by what is said now."""
    told = case.told
    lines = [{"person": line["person"], "paid_to": line["paid_to"]} for line in told.get("claimants", ())]
    return {
        "amount": told.get("amount", 0),
        "claimants": lines,
        "shown": amounts,
        "state": state,
        **{name: told[name] for name in ("set_off", "commitment") if name in told},
    }
