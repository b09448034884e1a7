"""Whether the pooled fund takes part on a day of care, and the class of the person (R28, R29, R43). Pure."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from ledger.chart.care import Coverage
from ledger.chart.members import MemberClass
from ledger.months import months_after
from ledger.people.membership import Enrolment
from ledger.policy import Policy
from ledger.refusals import RefusalCode, Refused

_ONE_DAY: Final = timedelta(days=1)
_WEEK: Final = 7
_SATURDAY: Final = 5
_WORKING_DAYS: Final = 5


def entitlement(
    policy: Policy, enrolments: Sequence[Enrolment], care_date: date, *, resident: bool
) -> tuple[MemberClass, Coverage]:
    """The class of a person and whether the pooled fund takes part, on a day of care.

    `resident` is a person whose book has no account. An account without enrolments is active and covered.
    Of several enrolments that hold on the day, the one recorded last says the class. Between enrolments and
    after them the class is that of the last one before, and the fund takes no part: the account still pays
    (R28). Who comes back after a long gap waits, unless retired (R43).

    Raises Refused(period_before_enrolment) for care before the first enrolment began; `earliest` is when.
    MissingParameter when the area has no figures for the day.
    """
    if resident:
        return MemberClass.RESIDENT, Coverage.RESIDENT
    if not enrolments:
        return MemberClass.ACTIVE, Coverage.COVERED
    begun = [one for one in enrolments if one.first <= care_date]
    if not begun:
        raise Refused(
            RefusalCode.PERIOD_BEFORE_ENROLMENT, at="care_date", earliest=min(one.first for one in enrolments)
        )
    covering = [one for one in begun if one.last is None or one.last >= care_date]
    if not covering:
        last_before = max(begun, key=lambda one: (one.last or date.max, one.seq))
        return last_before.member_class, Coverage.PAUSED
    member_class = max(covering, key=lambda one: one.seq).member_class
    if member_class is MemberClass.RESIDENT:
        return member_class, Coverage.RESIDENT
    if member_class is not MemberClass.RETIRED and len(begun) > 1 and _waits(policy, begun, care_date):
        return member_class, Coverage.WAITING
    return member_class, Coverage.COVERED


def _waits(policy: Policy, begun: Sequence[Enrolment], care_date: date) -> bool:
    """Whether the day falls into the wait after the last long gap (R43), by the rules of the day.

    A short gap interrupts nothing, so leaving and coming back within a wait does not end it. Every scheme
    counts as insured, the resident one as well.
    """
    gap_months = policy.care.waiting_gap_months.on(care_date)
    back_since: date | None = None
    in_order = sorted(begun, key=lambda one: one.first)
    insured_until = in_order[0].last or date.max
    for one in in_order[1:]:
        if insured_until < one.first and one.first > months_after(insured_until + _ONE_DAY, gap_months):
            back_since = one.first
        insured_until = max(insured_until, one.last or date.max)
    if back_since is None:
        return False
    return care_date < months_after(back_since, policy.care.waiting_months.on(care_date))


def working_day_after(day: date, days: int) -> date:
    """The day that is so many working days later, Monday to Friday; holidays are not known here.

    None at all is the day itself. A negative number is a bug of the caller: ValueError.
    """
    if days < 0:
        raise ValueError("days must not be negative")
    if days == 0:
        return day
    # a weekend counts from the Friday before it
    if day.weekday() >= _SATURDAY:
        day -= timedelta(days=day.weekday() - _SATURDAY + 1)
    weeks, rest = divmod(day.weekday() + days, _WORKING_DAYS)
    return day + timedelta(days=weeks * _WEEK + rest - day.weekday())
