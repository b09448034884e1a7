"""Whether the pooled fund takes part on a day of care, and the class of the person (R28, R29, R43). Pure."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from ledger.chart.care import Coverage
from ledger.chart.members import MemberClass
from ledger.months import months_after
from ledger.people.membership import Enrolment
from ledger.policy import Policy

_ONE_DAY: Final = timedelta(days=1)


def entitlement(
    policy: Policy,
    enrolments: Sequence[Enrolment],
    care_date: date,
    *,
    resident: bool,
    opened_on: date = date.min,
    elsewhere: Sequence[Enrolment] = (),
) -> tuple[MemberClass, Coverage]:
    """The class of a person and whether the pooled fund takes part, on a day of care.

    `resident` is a person whose book has no account, `opened_on` the day from which there is an account, and
    `elsewhere` what the person's other books say of insurance, in the resident scheme.

    An account without enrolments is active and covered from its opening on. Of several enrolments that hold
    on the day, the one recorded last says the class. Before the opening, before the first enrolment, between
    enrolments and after them the fund takes no part, and the account still pays (R28): the class is then that
    of the last enrolment before, else of the first one. Who comes back after a long gap without insurance of
    any scheme waits, unless retired (R43).

    MissingParameter when the area has no figures for the day.
    """
    if resident:
        return MemberClass.RESIDENT, Coverage.RESIDENT
    if not enrolments:
        return MemberClass.ACTIVE, Coverage.COVERED if care_date >= opened_on else Coverage.PAUSED
    begun = [one for one in enrolments if one.first <= care_date]
    if not begun:
        return min(enrolments, key=lambda one: (one.first, -one.seq)).member_class, Coverage.PAUSED
    covering = [one for one in begun if one.last is None or one.last >= care_date]
    if not covering:
        last_before = max(begun, key=lambda one: (one.last or date.max, one.seq))
        return last_before.member_class, Coverage.PAUSED
    member_class = max(covering, key=lambda one: one.seq).member_class
    if care_date < opened_on:
        return member_class, Coverage.PAUSED
    if member_class is MemberClass.RESIDENT:
        return member_class, Coverage.RESIDENT
    if (
        member_class is not MemberClass.RETIRED
        and len(begun) > 1
        and _waits(policy, begun, elsewhere, care_date)
    ):
        return member_class, Coverage.WAITING
    return member_class, Coverage.COVERED


def _waits(
    policy: Policy, begun: Sequence[Enrolment], elsewhere: Sequence[Enrolment], care_date: date
) -> bool:
    """Whether the day falls into the wait after the last long gap (R43), by the rules of the day.

    A short gap interrupts nothing, so leaving and coming back within a wait does not end it. Every scheme
    counts as insured, the resident one as well; what was before the first enrolment here makes nobody wait.
    """
    gap_months = policy.care.waiting_gap_months.on(care_date)
    back_since: date | None = None
    first = min(one.first for one in begun)
    insured_until = first
    for one in sorted((*begun, *elsewhere), key=lambda one: one.first):
        if one.first > care_date:
            break
        if (
            one.first > first
            and insured_until < one.first
            and one.first > months_after(insured_until + _ONE_DAY, gap_months)
        ):
            back_since = one.first
        insured_until = max(insured_until, one.last or date.max)
    if back_since is None:
        return False
    return care_date < months_after(back_since, policy.care.waiting_months.on(care_date))
