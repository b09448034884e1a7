"""Which part of an estate each claimant gets (R55, R56): by agreement of support, will, legacy, law. Pure.

A share that is said is a part of the whole. What nobody was given falls by law: to spouse, children and
parents in equal parts, with the descendants of a dead child in its place; without any of them to siblings and
grandparents, with the children of a dead sibling in its place. Refusals name the claimant (`claimants/2`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import Final, NamedTuple

from ledger.refusals import RefusalCode, Refused
from ledger.shares import SHARES_MAX, parse_weight

LAW: Final = "law"
WILL: Final = "will"
LEGACY: Final = "legacy"
SUPPORT: Final = "support"

SILENT_DAYS: Final = 60
"""A legatee who was told and is silent for longer has refused (R56)."""

_FIRST: Final = frozenset({"spouse", "child", "parent"})
_SECOND: Final = frozenset({"sibling", "grandparent"})
# in whose place somebody may stand: a dead child, a dead sibling
_IN_PLACE_OF_A_CHILD: Final = "grandchild"
_IN_PLACE_OF_A_SIBLING: Final = "other"
_NOBODY: Final = Fraction(0)


class Claimant(NamedTuple):
    """Somebody who claims a part by one title; `person` and `name` say who it is, `stem` in whose place."""

    person: int
    name: str
    relation: str
    title: str
    share: str | None = None
    stem: str | None = None
    accepted_on: date | None = None
    notified_on: date | None = None
    waived_on: date | None = None
    is_disqualified: bool = False
    is_unborn: bool = False

    @property
    def decides_until(self) -> date | None:
        """The last day on which a legatee who was told may still accept; None for all others."""
        if self.title != LEGACY or self.notified_on is None:
            return None
        return self.notified_on + timedelta(days=SILENT_DAYS)

    def has_accepted(self) -> bool:
        """Whether a legatee has accepted in time."""
        until = self.decides_until
        return until is None or (self.accepted_on is not None and self.accepted_on <= until)

    def takes(self, day: date) -> bool:
        """Whether there is a part for them on that day: not waived, not lost by a judgment, not refused."""
        if self.is_disqualified or (self.waived_on is not None and self.waived_on <= day):
            return False
        until = self.decides_until
        return until is None or self.has_accepted() or day <= until


def entitlements(claimants: Sequence[Claimant], day: date) -> list[Fraction]:
    """The part of each claimant on a day, in their order: together the whole, or nothing when nobody takes.

    Raises Refused(shares_invalid) for one person twice under one title, for shares over the whole, and for
    shares that leave a part to nobody.
    """
    named = [_named_share(claimant, place) for place, claimant in enumerate(claimants)]
    _check(claimants)
    taking = [claimant.takes(day) for claimant in claimants]
    parts = [share if takes else _NOBODY for share, takes in zip(named, taking, strict=True)]
    _yield_to_support(claimants, named, parts)
    rest = 1 - sum(parts)
    by_law = _by_law(claimants, [
        takes and claimant.title == LAW and claimant.share is None
        for claimant, takes in zip(claimants, taking, strict=True)
    ])  # fmt: skip
    if not any(taking) or not (any(parts) or any(by_law)):
        return [_NOBODY] * len(claimants)
    if rest and not any(by_law):
        # what lapsed falls to those who inherit by law in parts that were said
        said = [
            part if claimant.title == LAW else _NOBODY
            for claimant, part in zip(claimants, parts, strict=True)
        ]
        if sum(named) < 1 or not any(said):
            raise Refused(RefusalCode.SHARES_INVALID, at="claimants")
        by_law = [part / sum(said) for part in said]
    return [part + rest * unit for part, unit in zip(parts, by_law, strict=True)]


def undecided(claimants: Sequence[Claimant], day: date) -> int | None:
    """The place of the first legatee who may still accept or refuse; None when there is none."""
    for place, claimant in enumerate(claimants):
        if claimant.takes(day) and not claimant.has_accepted():
            return place
    return None


def agreed(
    claimants: Sequence[Claimant], shares: Sequence[tuple[str, Fraction]]
) -> list[tuple[Fraction, int]]:
    """The part and the place in the agreement of each claimant, as the heirs agreed by name (R55).

    Each agreed share goes to the first claimant of that name who has none yet; who is not named gets
    nothing. Raises Refused(shares_invalid) for a name that nobody has, and for somebody disqualified.
    """
    found: dict[int, tuple[Fraction, int]] = {}
    for rank, (name, share) in enumerate(shares):
        free = [
            place for place, claimant in enumerate(claimants) if claimant.name == name and place not in found
        ]
        if not free or any(claimants[place].is_disqualified for place in free):
            raise Refused(RefusalCode.SHARES_INVALID, at=f"shares/{rank}/name")
        found[free[0]] = share, rank
    return [found.get(place, (_NOBODY, len(shares))) for place in range(len(claimants))]


def _named_share(claimant: Claimant, place: int) -> Fraction:
    at = f"claimants/{place}/share"
    if claimant.share is None:
        # who lost the right by a judgment has no part to be said
        if claimant.title != LAW and not claimant.is_disqualified:
            raise Refused(RefusalCode.SHARES_INVALID, at=at)
        return _NOBODY
    if claimant.is_disqualified:
        raise Refused(RefusalCode.SHARES_INVALID, at=at)
    return parse_weight(claimant.share, at)


def _check(claimants: Sequence[Claimant]) -> None:
    if len(claimants) > SHARES_MAX:
        raise Refused(RefusalCode.SHARES_INVALID, at="claimants")
    names = {claimant.name for claimant in claimants}
    seen: set[tuple[int, str]] = set()
    relations: dict[int, str] = {}
    for place, claimant in enumerate(claimants):
        key = claimant.person, claimant.title
        if key in seen or relations.setdefault(claimant.person, claimant.relation) != claimant.relation:
            raise Refused(RefusalCode.SHARES_INVALID, at=f"claimants/{place}")
        seen.add(key)
        is_in_place = claimant.relation in {_IN_PLACE_OF_A_CHILD, _IN_PLACE_OF_A_SIBLING}
        if claimant.stem is not None:
            # who claims is alive, and needs nobody in their place
            fits = claimant.title == LAW and is_in_place and claimant.stem not in names
        else:
            fits = claimant.title != LAW or claimant.relation != _IN_PLACE_OF_A_CHILD
        if not fits:
            raise Refused(RefusalCode.SHARES_INVALID, at=f"claimants/{place}/represents")
        if claimant.is_unborn and (
            claimant.relation not in {"child", _IN_PLACE_OF_A_CHILD}
            or claimant.accepted_on is not None
            or claimant.waived_on is not None
            or claimant.is_disqualified
        ):
            raise Refused(RefusalCode.SHARES_INVALID, at=f"claimants/{place}/unborn")


def _yield_to_support(
    claimants: Sequence[Claimant], named: Sequence[Fraction], parts: list[Fraction]
) -> None:
    """Refuse shares over the whole; a will stands as far as an agreement of support, and what is reserved for
    heirs who cannot work, leave something (CC1141).
    """

    def over(shares: Sequence[Fraction], *titles: str) -> Fraction:
        return sum(
            (share for claimant, share in zip(claimants, shares, strict=True) if claimant.title in titles),
            _NOBODY,
        )

    if max(over(named, SUPPORT, LAW), over(named, WILL, LEGACY)) > 1:
        raise Refused(RefusalCode.SHARES_INVALID, at="claimants")
    willed = over(parts, WILL, LEGACY)
    left = 1 - over(parts, SUPPORT, LAW)
    if willed > left:
        for place, claimant in enumerate(claimants):
            if claimant.title in {WILL, LEGACY}:
                parts[place] *= left / willed


def _by_law(claimants: Sequence[Claimant], inherits: Sequence[bool]) -> list[Fraction]:
    """The parts of what falls by law, together 1; nothing for all when nobody inherits by law."""
    for order, in_place in ((_FIRST, _IN_PLACE_OF_A_CHILD), (_SECOND, _IN_PLACE_OF_A_SIBLING)):
        parts = _equal(
            [
                str(place)
                if takes and claimant.relation in order
                else f"in place of {claimant.stem}"
                if takes and claimant.relation == in_place and claimant.stem is not None
                else None
                for place, (claimant, takes) in enumerate(zip(claimants, inherits, strict=True))
            ]
        )
        if any(parts):
            return parts
    return [_NOBODY] * len(claimants)


def _equal(stems: Sequence[str | None]) -> list[Fraction]:
    """Equal parts for each stem, and in a stem for each who stands in it; nothing for None."""
    heads = {stem: stems.count(stem) for stem in _there(stems)}
    return [_NOBODY if stem is None else Fraction(1, len(heads) * heads[stem]) for stem in stems]


def _there(stems: Iterable[str | None]) -> list[str]:
    return [stem for stem in stems if stem is not None]
