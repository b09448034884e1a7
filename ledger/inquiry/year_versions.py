"""A year of an account, and its versions: which entries stand in it, as known by when (R50). Pure; fen.

The statement of a year is a function of the account's chain and of nothing else. Its first version is known
with the entry that ends the year: the interest of the year, or the division that closed the account. Every
later fact of the year makes the next version. A year that a transfer or a division ended goes on when its
money comes back: it has no newest version until it ends anew, by the rest of its interest. So a version is
what the entries up to one of them say; no stored row can differ from it, and the digest that the chain has at
that entry is part of the statement's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Final, NamedTuple

from ledger.chart.kinds import Kind

DIGEST_FORMAT: Final = 1
"""What the canonical bytes begin with. Formats are only ever added."""

# what moves money between the pockets only: no income and no spending
_WITHIN: Final = (Kind.CARRY_OVER, Kind.RECLASSIFICATION)
# what empties an account for good, and what is taken out of it just before
_ENDS: Final = (Kind.ESTATE, Kind.TRANSFER_OUT, Kind.EXIT, Kind.MERGE)
_ENDING: Final = (*_ENDS, Kind.SET_OFF)
# the interest of a year: of all of it, or of a part that was cut off, and then of the rest
INTERESTS: Final = (Kind.INTEREST, Kind.FURTHER_INTEREST)


class BookedEntry(NamedTuple):
    """What an entry did to the two pockets, and when; `is_empty` says that nothing was left after it."""

    seq: int
    kind: Kind
    effective_on: date
    fact_on: date | None
    period: int | None
    recorded_at: datetime
    current_fen: int
    carried_fen: int
    is_empty: bool

    @property
    def fen(self) -> int:
        return self.current_fen + self.carried_fen


class KindSum(NamedTuple):
    """How many entries of a kind there were, and how much they moved, in fen."""

    kind: Kind
    entries: int
    fen: int


class YearPockets(NamedTuple):
    """The pockets on the last day by value dates, and what facts of before were booked on later days."""

    current_year_fen: int = 0
    carried_over_fen: int = 0
    late_fen: int = 0


_NO_POCKETS: Final = YearPockets()


@dataclass(frozen=True, slots=True)
class AccountYear:
    """The year of an account from `first` to `last`, in fen: opening + credits - debits = closing.

    A kind may stand on both sides: a reversal gives back what was spent, and takes back what had come. The
    interest is among the credits. `version` is None while nothing has ended the year; `replaces` is the
    version before. `last_seq` is the last entry that was known, recorded at `as_known`; `seqs` are the
    entries that the two sides are made of.
    """

    first: date
    last: date
    opening_fen: int
    credits: tuple[KindSum, ...]
    debits: tuple[KindSum, ...]
    pockets: YearPockets = _NO_POCKETS
    # the last day that earned, once the interest is posted
    earned_to: date | None = None
    version: int | None = None
    last_seq: int = 0
    as_known: datetime | None = None
    seqs: tuple[int, ...] = ()
    # the entry that ended the year
    ended_seq: int | None = None

    @property
    def income_fen(self) -> int:
        return sum(one.fen for one in self.credits)

    @property
    def spending_fen(self) -> int:
        return sum(one.fen for one in self.debits)

    @property
    def interest_fen(self) -> int:
        posted = sum(one.fen for one in self.credits if one.kind in INTERESTS)
        return posted - sum(one.fen for one in self.debits if one.kind is Kind.INTEREST_BACK)

    @property
    def closing_fen(self) -> int:
        return self.opening_fen + self.income_fen - self.spending_fen

    @property
    def replaces(self) -> int | None:
        return None if self.version is None or self.version == 1 else self.version - 1


def stated_year(entry: BookedEntry, opened_on: date) -> int:
    """The year in which a fact stands: that of its old day when it came too late, else of its value date.

    Money that was received before the account was there is a fact of its first day.
    """
    return max(entry.fact_on or entry.effective_on, opened_on).year


class VersionEnd(NamedTuple):
    """The places in the entries up to which a version knows, and of what had ended the year."""

    place: int
    ended: int


def version_ends(entries: Sequence[BookedEntry], year: int, opened_on: date) -> tuple[list[VersionEnd], bool]:
    """Where each version of a year ends in `entries` (in order of seq), and whether the year goes on."""
    found: list[VersionEnd] = []
    start = 0
    while (ended := _ended_by(entries, year, start)) is not None:
        found.append(VersionEnd(ended, ended))
        place = ended + 1
        while place < len(entries):
            entry = entries[place]
            if entry.kind is Kind.TRANSFER_REJECTION and _sent_with(entries, ended, year):
                break
            if entry.kind is Kind.ESTATE_UNDO and _never_divided(entries, place, ended, year):
                break
            if entry.fen and entry.kind not in _WITHIN and stated_year(entry, opened_on) == year:
                place = _handed_on(entries, place)
                found.append(VersionEnd(place, ended))
            place += 1
        else:
            return found, False
        start = place + 1
    return found, True


def _sent_with(entries: Sequence[BookedEntry], ended: int, year: int) -> bool:
    """Whether what ended a year was that the account's money was sent elsewhere in it."""
    begun = entries[ended].recorded_at
    return any(
        one.kind is Kind.TRANSFER_OUT and one.recorded_at == begun and one.effective_on.year == year
        for one in entries[ended:]
    )


def _never_divided(entries: Sequence[BookedEntry], place: int, ended: int, year: int) -> bool:
    """Whether the undoing of a division opens a year again which that had ended."""
    with_it = [one for one in entries[place:] if one.recorded_at == entries[place].recorded_at]
    first = date(year, 1, 1)
    if entries[ended].effective_on == first:
        # no day of the year had earned: there is no interest that would go back
        return any(one.kind is Kind.ESTATE_UNDO and one.effective_on == first for one in with_it)
    return any(one.kind is Kind.INTEREST_BACK and one.period == year for one in with_it)


def _ended_by(entries: Sequence[BookedEntry], year: int, start: int = 0) -> int | None:
    """The place of the entry that ended a year: its interest, or what emptied the account with it."""
    for place in range(start, len(entries)):
        entry = entries[place]
        if entry.kind in INTERESTS and (entry.period or 0) >= year:
            # a year that earned nothing has no interest of its own where a later one was posted with it
            return _emptied(entries, place, year) if entry.period == year else place
        if (
            entry.kind in _ENDS
            and entry.is_empty
            # what a merger brings to the account that stays ends nothing
            and (entry.kind is not Kind.MERGE or entry.fen < 0)
            and entry.effective_on.year == year
            and not _pays_again(entries[start:], place - start)
        ):
            # paid out on 1 January: there is no day that earns
            return place
    return None


def _pays_again(entries: Sequence[BookedEntry], place: int) -> bool:
    """Whether it hands on what came to an account that was closed before."""
    return any(one.kind in _ENDS for one in entries[:place])


def _emptied(entries: Sequence[BookedEntry], interest: int, year: int) -> int:
    """The place at which the account was emptied by what posted its interest, else that of the interest."""
    begun = entries[interest].recorded_at
    for place in range(interest, len(entries)):
        entry = entries[place]
        if entry.recorded_at != begun or entry.effective_on.year != year:
            break
        if entry.is_empty:
            return place
    return interest


def _handed_on(entries: Sequence[BookedEntry], place: int) -> int:
    """The end of what came to a closed account: the entries that hand it on at once (R33)."""
    if place and not entries[place - 1].is_empty:
        return place
    last = place
    while not entries[last].is_empty and last + 1 < len(entries):
        # what was called back for something that is taken back leaves with it
        if entries[last + 1].kind not in _ENDING and entries[last].kind is not Kind.MERGE_BACK:
            break
        last += 1
    return last


def account_year(
    entries: Sequence[BookedEntry],
    year: int,
    opened_on: date,
    today: date,
    version: int | None = None,
) -> AccountYear | None:
    """A year as one version says it: the one asked for, else the newest, else what is known by now.

    None where there is no such version.
    """
    ends, goes_on = version_ends(entries, year, opened_on)
    if version is not None and not 1 <= version <= len(ends):
        return None
    first, last = max(date(year, 1, 1), opened_on), date(year, 12, 31)
    if version is None and goes_on:
        return _summed(entries, year, opened_on, AccountYear(first, min(last, today), 0, (), ()))
    version = len(ends) if version is None else version
    end = ends[version - 1]
    ended = entries[end.ended]
    # the day of the payout is the last one, and does not earn
    paid_out = ended.kind not in INTERESTS or (ended.period == year and ended.effective_on != last)
    if paid_out:
        last = ended.effective_on
    earned_to = last - timedelta(days=1) if paid_out else last
    form = AccountYear(first, last, 0, (), (), earned_to=earned_to, version=version, ended_seq=ended.seq)
    return _summed(entries[: end.place + 1], year, opened_on, form)


def _summed(known: Sequence[BookedEntry], year: int, opened_on: date, form: AccountYear) -> AccountYear:
    opening = current = carried = late = 0
    came: dict[Kind, list[int]] = {}
    went: dict[Kind, list[int]] = {}
    seqs: list[int] = []
    for entry in known:
        of_year = stated_year(entry, opened_on)
        if of_year > year:
            continue
        if entry.effective_on.year > year:
            late += entry.fen
        elif entry.effective_on.year == year and entry.kind is not Kind.CARRY_OVER:
            current += entry.current_fen
            carried += entry.carried_fen
        else:
            carried += entry.fen
        if of_year < year:
            opening += entry.fen
        elif entry.fen and entry.kind not in _WITHIN:
            side = came if entry.fen > 0 else went
            side.setdefault(entry.kind, []).append(abs(entry.fen))
            seqs.append(entry.seq)
    return replace(
        form,
        opening_fen=opening,
        credits=_sums(came),
        debits=_sums(went),
        pockets=YearPockets(current, carried, late),
        last_seq=known[-1].seq if known else 0,
        as_known=known[-1].recorded_at if known else None,
        seqs=tuple(seqs),
    )


def _sums(side: dict[Kind, list[int]]) -> tuple[KindSum, ...]:
    return tuple(KindSum(kind, len(fens), sum(fens)) for kind, fens in sorted(side.items()))


class StatedInterest(NamedTuple):
    """The interest of a year as it was posted, by pocket, and on how many days it was earned."""

    carried_over_fen: int = 0
    current_year_fen: int = 0
    days: int = 0


class StatedMonth(NamedTuple):
    """A month for which something reached the account, by where it came from.

    `employer` and `base_fen` are None for what came without an employer; the base is the one known then.
    """

    period: int
    kind: Kind
    employer_id: int | None
    employer: str | None
    employer_name: str | None
    base_fen: int | None
    fen: int


def canonical_statement(
    book_id: int, stated: AccountYear, chain: bytes, interest: StatedInterest, months: Iterable[StatedMonth]
) -> str:
    """The canonical text of one version, of which the digest is taken. Bases stand in employers' books."""
    sides = (
        ";".join(f"{int(one.kind)},{one.entries},{one.fen}" for one in side)
        for side in (stated.credits, stated.debits)
    )
    paid = ";".join(
        f"{one.period},{int(one.kind)},{'' if one.employer_id is None else one.employer_id},{one.fen}"
        for one in months
    )
    return "|".join(
        (
            str(DIGEST_FORMAT), str(book_id), str(stated.first), str(stated.last), str(stated.version),
            str(stated.last_seq), chain.hex(), str(stated.opening_fen), *sides,
            f"{interest.carried_over_fen},{interest.current_year_fen},{interest.days}",
            str(stated.closing_fen), paid,
        )
    )  # fmt: skip


def statement_digest(canonical: str) -> bytes:
    return sha256(canonical.encode()).digest()
