"""Spreading a payment over the persons and parts of a month without losing or inventing a fen (R8, K7)."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from ledger.policy import PartPayment


class Due(NamedTuple):
    """What is unpaid of one person's month, in fen."""

    account_id: int
    employee_fen: int
    employer_fen: int


def spread(
    amount_fen: int, dues: Sequence[Due], how: PartPayment, rank: Callable[[int], Any]
) -> list[tuple[int, int]]:
    """Spread `amount_fen` over what is unpaid: (employee, employer) fen of each person, in order.

    Pro rata: each part of each person gets its share of the payment, rounded down. The fen left over go one
    each to the largest fractions cut off; equal fractions go by `rank(account_id)`, lower first, then to the
    employee's part before the employer's. `rank` is asked only where it decides, because it may be dear.
    Employee first: the same over the employees' parts, and what is left over the employers'.
    Full month: the caller has waited for the whole, so the whole is what must be here.

    No part gets more than is unpaid, and the parts add up to the amount. A negative amount or part, more
    than is unpaid, or less than the whole of a full month is a bug of the caller: ValueError.
    """
    employee = [due.employee_fen for due in dues]
    employer = [due.employer_fen for due in dues]
    employee_total, employer_total = sum(employee), sum(employer)
    if any(part < 0 for part in employee) or any(part < 0 for part in employer):
        raise ValueError("what is unpaid must not be negative")
    if not 0 <= amount_fen <= employee_total + employer_total:
        raise ValueError("the amount must not be negative, nor more than what is unpaid")
    if amount_fen == employee_total + employer_total:
        return list(zip(employee, employer, strict=True))
    if how is PartPayment.FULL_MONTH:
        raise ValueError("a full month is paid whole or not at all")

    ranked = cache(rank)

    def place(index: int) -> Any:
        return ranked(dues[index].account_id)

    if how is PartPayment.EMPLOYEE_FIRST:
        to_employees = min(amount_fen, employee_total)
        paid_employee = _share_out(to_employees, employee, place)
        paid_employer = _share_out(amount_fen - to_employees, employer, place)
    else:
        paid = _share_out(amount_fen, [*employee, *employer], lambda index: place(index % len(dues)))
        paid_employee, paid_employer = paid[: len(dues)], paid[len(dues) :]
    return list(zip(paid_employee, paid_employer, strict=True))


def _share_out(amount_fen: int, unpaid: Sequence[int], place: Callable[[int], Any]) -> list[int]:
    """Divide an amount in proportion to `unpaid`; ties go by `place(index)`, then by position.

    `ledger.shares.divide` says the same for a handful of fractions; this one is for a hundred thousand
    integers, and asks for the places of those alone who tie for the last fen.
    """
    total = sum(unpaid)
    if amount_fen == 0 or total == 0:
        return [0] * len(unpaid)
    parts: list[int] = []
    cut_off: list[int] = []
    for fen in unpaid:
        part, rest = divmod(amount_fen * fen, total)
        parts.append(part)
        cut_off.append(rest)
    # Fewer fen are left over than parts were cut, so an exact part gets none and none gets two.
    left_over = amount_fen - sum(parts)
    if left_over == 0:
        return parts
    last = sorted(cut_off, reverse=True)[left_over - 1]
    tied: list[int] = []
    for index, rest in enumerate(cut_off):
        if rest > last:
            parts[index] += 1
            left_over -= 1
        elif rest == last:
            tied.append(index)
    if left_over < len(tied):
        tied.sort(key=lambda index: (place(index), index))
    for index in tied[:left_over]:
        parts[index] += 1
    return parts
