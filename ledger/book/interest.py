"""Interest of one account for one year (rules K5 and R48). Pure arithmetic on integers.

Each day's end-of-day balance earns that day's yearly rate divided by the day basis: `current_year` the demand
rate, `carried_over` the three-month rate. A deposit counts from its own day, a withdrawal no longer counts
on its own. The sum of a pocket is rounded half up once; until then everything is exact.

A sum over days of balance times rate is the same as a sum over changes: each change times the rates from
its day to the end. So a year costs one short step per change, in any order, and no walk over 365 days.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from math import lcm

from ledger.money import round_half_up
from ledger.policy import RATE_SCALE, Policy

# Both day bases divide this, so that a year in which the basis changes still sums up in integers.
_DAYS_COMMON = lcm(360, 365)

# What the numerators of an Interest are over, in fen.
INTEREST_DENOMINATOR = RATE_SCALE * _DAYS_COMMON


@dataclass(frozen=True, slots=True)
class DayChange:
    """What one value date changed, net, in fen; carry_over entries left out.

    `current_year_fen` is the change of that pocket, `total_fen` of both pockets together. A carry-over
    changes no total, and what it does to the pockets is what the turn of the year means here anyway.
    """

    day: date
    current_year_fen: int
    total_fen: int


@dataclass(frozen=True, slots=True)
class Interest:
    """Interest of a year by pocket, in fen, and the exact sums it was rounded from.

    A numerator is over INTEREST_DENOMINATOR, in fen, and may be negative; the rounded interest may not.
    """

    carried_over_fen: int
    current_year_fen: int
    carried_over_numerator: int
    current_year_numerator: int


@dataclass(frozen=True, slots=True)
class _Band:
    """Days with the same rates and day basis. One fen for one day earns a weight / INTEREST_DENOMINATOR.

    `…_after` is what one fen earns from the day after this band to the end.
    """

    last_ordinal: int
    current_year_weight: int
    current_year_after: int
    carried_over_weight: int
    carried_over_after: int


def year_interest(
    opening_total_fen: int, changes: Sequence[DayChange], *, first: date, last: date, policy: Policy
) -> Interest:
    """Interest of one account over `first` … `last`, both inclusive, in one calendar year.

    `opening_total_fen` is everything valued before 1 January of that year; on that day it is all carried
    over. `first` is 1 January or the day the account was opened, `last` is 31 December or the day before
    a payout. A payout on `first` itself leaves no day: `last` is then the day before `first`.
    `changes` are those of the year, in any order; what comes after `last` earns nothing.

    A day below zero, through back-dating, counts with its sign; the sum of a pocket is at least 0.
    Raises MissingParameter if a rate or the day basis is missing for a day, ValueError for a wrong span.
    """
    if last < first - timedelta(days=1) or (last.year != first.year and last >= first):
        raise ValueError(f"no span of one year: {first} to {last}")
    if opening_total_fen and (first.month, first.day) != (1, 1):
        raise ValueError(f"money from before the year, in an account opened on {first}")
    if last < first:
        return Interest(0, 0, 0, 0)

    bands = _bands(policy, first, last)
    first_ordinal = first.toordinal()
    days = bands[0].last_ordinal - first_ordinal + 1
    carried_over = opening_total_fen * (bands[0].carried_over_weight * days + bands[0].carried_over_after)
    current_year = 0
    for change in changes:
        ordinal = change.day.toordinal()
        if ordinal < first_ordinal:
            raise ValueError(f"a change on {change.day}, before {first}")
        for band in bands:
            if ordinal <= band.last_ordinal:
                days = band.last_ordinal - ordinal + 1
                current_year_fen = change.current_year_fen
                current_year += current_year_fen * (band.current_year_weight * days + band.current_year_after)
                carried_over += (change.total_fen - current_year_fen) * (
                    band.carried_over_weight * days + band.carried_over_after
                )
                break
    return Interest(
        carried_over_fen=round_half_up(max(carried_over, 0), INTEREST_DENOMINATOR),
        current_year_fen=round_half_up(max(current_year, 0), INTEREST_DENOMINATOR),
        carried_over_numerator=carried_over,
        current_year_numerator=current_year,
    )


def rest_of(whole: Interest, part: tuple[int, int]) -> Interest:
    """What is still owed of a year of which a part was posted; `part` are its numerators.

    A part is posted before the money of a transfer is sent; the year goes on when it comes back.
    """
    carried_over = whole.carried_over_numerator - part[0]
    current_year = whole.current_year_numerator - part[1]
    return Interest(
        carried_over_fen=round_half_up(max(carried_over, 0), INTEREST_DENOMINATOR),
        current_year_fen=round_half_up(max(current_year, 0), INTEREST_DENOMINATOR),
        carried_over_numerator=carried_over,
        current_year_numerator=current_year,
    )


# A year-end run asks for the same few spans a million times: the whole year, and each opening day.
@lru_cache(maxsize=1024)
def _bands(policy: Policy, first: date, last: date) -> tuple[_Band, ...]:
    """The span cut wherever a rate or the day basis changes, in order of date."""
    parameters = (policy.interest_demand, policy.interest_three_month, policy.day_basis)
    ends = sorted({band_last for parameter in parameters for _, band_last, _ in parameter.bands(first, last)})
    starts = [first, *(end + timedelta(days=1) for end in ends[:-1])]
    bands: list[_Band] = []
    current_year_after = carried_over_after = 0
    for start, end in zip(reversed(starts), reversed(ends), strict=True):
        day_share = _DAYS_COMMON // policy.day_basis.on(end)
        current_year_weight = policy.interest_demand.on(end) * day_share
        carried_over_weight = policy.interest_three_month.on(end) * day_share
        bands.append(
            _Band(
                last_ordinal=end.toordinal(),
                current_year_weight=current_year_weight,
                current_year_after=current_year_after,
                carried_over_weight=carried_over_weight,
                carried_over_after=carried_over_after,
            )
        )
        days = (end - start).days + 1
        current_year_after += current_year_weight * days
        carried_over_after += carried_over_weight * days
    return tuple(reversed(bands))
