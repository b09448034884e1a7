"""What a person is to the scheme in a month: read from the enrolments of the person's book. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import zip_longest
from typing import NamedTuple

from ledger.chart.members import MemberClass
from ledger.months import month_bounds
from ledger.refusals import RefusalCode, Refused

_A_DAY = timedelta(days=1)


class Enrolment(NamedTuple):
    """One enrolment that nothing took the place of; both days inclusive, `last` None while it goes on."""

    seq: int
    member_class: MemberClass
    employer_id: int | None
    first: date
    last: date | None
    # of a resident
    subsidy_group: str | None = None


class EnrolmentRow(NamedTuple):
    """What an entry of a person's book says about the person's insurance."""

    member_class: int
    employer_id: int | None
    wage: int | None
    valid_from: date
    valid_to: date | None
    replaces_seq: int | None
    subsidy_group: str | None = None


def same_enrolment(enrolments: Sequence[Enrolment], sought: Enrolment) -> Enrolment | None:
    """The enrolment that was recorded before and says the same: class, employer or none, group, first day.

    Its last day may be another one. It counts as long as it is the latest word of its employer about its
    first day: after another class from that day on, the first class is a new word.
    """
    there = [
        one
        for one in enrolments
        if one.employer_id == sought.employer_id
        and one.first <= sought.first
        and (one.last is None or one.last >= sought.first)
    ]
    latest = max(there, key=lambda one: one.seq, default=None)
    if latest is None:
        return None
    said = (latest.member_class, latest.subsidy_group, latest.first)
    return latest if said == (sought.member_class, sought.subsidy_group, sought.first) else None


def class_in(enrolments: Sequence[Enrolment], employer_id: int | None, period: int) -> MemberClass:
    """The member class of a month, for a list that this employer hands in.

    The class of the month is that of its first day, so a change within a month counts from the next one;
    who joins within a month is insured for it. Of several enrolments the one recorded last says it. A
    person without an enrolment is active.

    Raises Refused: period_before_enrolment when the first enrolment with the employer begins later,
    not_enrolled when it has ended, or there are enrolments with other employers alone.
    """
    here = _heard_by(enrolments, employer_id)
    word = _word_on(here, period)
    if word is not None:
        return word.member_class
    _first, last = month_bounds(period)
    own = [one for one in here if one.member_class is not MemberClass.RETIRED]
    if own and min(one.first for one in own) > last:
        raise Refused(RefusalCode.PERIOD_BEFORE_ENROLMENT)
    if any(one.member_class is not MemberClass.RETIRED for one in enrolments):
        raise Refused(RefusalCode.NOT_ENROLLED)
    return MemberClass.ACTIVE


class Stint(NamedTuple):
    """Days on which an enrolment is the word that counts; both inclusive, `last` None while it goes on."""

    word: Enrolment
    first: date
    last: date | None


def stints_with(enrolments: Sequence[Enrolment], employer_id: int) -> list[Stint]:
    """On which days a person was registered with an employer, and by which enrolment, in order of days.

    On each day the word recorded last counts, of those that `class_in` goes by: a retiree, or who by a later
    word is without an employer, is registered with it no more.
    """
    heard = _heard_by(enrolments, employer_id)
    turns = sorted(
        {one.first for one in heard} | {one.last + _A_DAY for one in heard if one.last is not None}
    )
    found: list[Stint] = []
    for first, end in zip_longest(turns, turns[1:]):
        there = [one for one in heard if one.first <= first and (one.last is None or one.last >= first)]
        word = max(there, key=lambda one: one.seq, default=None)
        if word is None or word.employer_id != employer_id:
            continue
        last = None if end is None else end - _A_DAY
        if found and found[-1].word is word and found[-1].last == first - _A_DAY:
            found[-1] = found[-1]._replace(last=last)
        else:
            found.append(Stint(word, first, last))
    return found


def _heard_by(enrolments: Sequence[Enrolment], employer_id: int | None) -> list[Enrolment]:
    """What counts for an employer: its own enrolments, those without one, and that somebody is a retiree."""
    return [
        one
        for one in enrolments
        if one.employer_id is None
        or one.employer_id == employer_id
        or one.member_class is MemberClass.RETIRED
    ]


def _word_on(enrolments: Sequence[Enrolment], period: int) -> Enrolment | None:
    """Of some enrolments the one that says the class of a month; None where none of them covers it."""
    first, last = month_bounds(period)
    covering = [one for one in enrolments if one.first <= last and (one.last is None or one.last >= first)]
    said = [one for one in covering if one.first <= first]
    said = said or [one for one in covering if one.member_class is not MemberClass.RETIRED]
    return max(said, key=lambda one: one.seq, default=None)


def says_month(enrolments: Sequence[Enrolment], own: Enrolment, employer_id: int | None, period: int) -> bool:
    """Whether it is by this enrolment that the class of a month is what it is, for a list of the employer."""
    word = _word_on(_heard_by(enrolments, employer_id), period)
    return word is not None and word.seq == own.seq


def retires_in(enrolments: Sequence[Enrolment], own: Enrolment, period: int) -> bool:
    """Whether it is by this enrolment that the person is a retiree on the first day of the month (R13)."""
    first, _last = month_bounds(period)
    covering = [one for one in enrolments if one.first <= first and (one.last is None or one.last >= first)]
    latest = max(covering, key=lambda one: one.seq, default=None)
    return latest is not None and latest.seq == own.seq and latest.member_class is MemberClass.RETIRED


def is_retired(enrolments: Sequence[Enrolment], period: int) -> bool:
    """Whether the person is a retiree on the first day of the month (R13)."""
    first, _last = month_bounds(period)
    covering = [one for one in enrolments if one.first <= first and (one.last is None or one.last >= first)]
    return bool(covering) and max(covering, key=lambda one: one.seq).member_class is MemberClass.RETIRED
