"""What being late costs: when a month is due, and the fee by calendar day (R11, R12, K4)."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final, NamedTuple

from ledger.contributions.levies import Levy
from ledger.money import round_half_up
from ledger.months import first_day, next_period
from ledger.policy import RATE_SCALE, DueShift, LateFeeCap, Policy


def fee_owed(policy: Policy, period: int, levy: Levy, on: date) -> int:
    """The late fee of a month that is not paid yet, as of a day; less than nothing when too much was paid."""
    owed = late_fee(policy, due_on(policy, period), levy.principal, levy.payments, on)
    return owed.fee_fen - levy.fee_paid


_ONE_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5


class LateFee(NamedTuple):
    """A late fee in fen, and what it would be if the area capped nothing: both are shown (rule R12)."""

    fee_fen: int
    uncapped_fen: int


NO_FEE: Final = LateFee(0, 0)


def due_on(policy: Policy, period: int) -> date:
    """The last day on which a month (YYYYMM) is paid in time, by the rules of the month's first day.

    Where the area shifts it, a Saturday or Sunday becomes the Monday after. Holidays shift nothing.
    """
    day = first_day(period)
    due = first_day(next_period(period)).replace(day=policy.due_day.on(day))
    if policy.due_shift.on(day) is DueShift.NEXT_WEEKDAY and due.weekday() >= _SATURDAY:
        due += timedelta(days=7 - due.weekday())
    return due


def late_fee(
    policy: Policy, due: date, principal_fen: int, payments: Iterable[tuple[date, int]], on: date
) -> LateFee:
    """The late fee on a month's principal, as it stands at the end of `on`, in fen.

    `payments` are (day received, fen of the principal) in any order, several a day; negative is a refund.
    Those after `on` are not looked at. Every day after the due date costs what is unpaid on it times the
    day's rate, and a payment's own day still counts (K4). It is one amount per payment: the days since the
    payment before it, or since the due date, are added exactly and rounded once; one more amount is what is
    still unpaid on `on`. So a payment in time costs nothing, and simple interest it remains.

    Where the area caps it, by the rules of the due date, the fee is no more than what was unpaid at the end
    of that day. MissingParameter when a day that costs something has no rate.
    """
    unpaid_fen = principal_fen
    received: dict[date, int] = {}
    for day, fen in payments:
        if day <= due:
            unpaid_fen -= fen
        elif day <= on:
            received[day] = received.get(day, 0) + fen
    unpaid_at_due_fen = unpaid_fen
    uncapped_fen = 0
    after = due
    for day in sorted(received):
        uncapped_fen += _cost(policy, unpaid_fen, after, day)
        unpaid_fen -= received[day]
        after = day
    uncapped_fen += _cost(policy, unpaid_fen, after, on)
    if uncapped_fen == 0:
        return NO_FEE
    if policy.late_fee_cap.on(due) is LateFeeCap.PRINCIPAL:
        # a refund after the due date may leave something unpaid where nothing was
        return LateFee(min(uncapped_fen, max(unpaid_at_due_fen, 0)), uncapped_fen)
    return LateFee(uncapped_fen, uncapped_fen)


def _cost(policy: Policy, unpaid_fen: int, after: date, until: date) -> int:
    """What an unpaid amount costs on the days after `after`, up to and including `until`, in fen."""
    if unpaid_fen <= 0 or until <= after:
        return 0
    bands = policy.late_fee_rate.bands(after + _ONE_DAY, until)
    rated_days = sum(((last - first).days + 1) * rate for first, last, rate in bands)
    return round_half_up(unpaid_fen * rated_days, RATE_SCALE)
