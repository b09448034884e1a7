"""How a value stands in a policy file, and what it becomes. Parsers raise ValueError with what is wanted."""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from ledger.money import parse_yuan
from ledger.refusals import Refused

ChoiceT = TypeVar("ChoiceT", bound=StrEnum)

# Rates and shares are integers in parts per hundred million: eight decimals, finer than any published rate.
RATE_SCALE = 10**8
RATE_DECIMALS = 8

# A benefit may be withheld for half a year at most (rule R43), and a gap be forgiven for a year.
WAITING_MONTHS_MAX = 6
GAP_MONTHS_MAX = 12
# A quote is for the patient who stands at the desk.
QUOTE_MINUTES_MAX = 1440

# February has no 29th in most years, and a due day has to exist in every month.
DUE_DAY_MAX = 28

_DECIMALS = rf"(?:\.([0-9]{{1,{RATE_DECIMALS}}}))?"
_match_rate = re.compile(rf"(0){_DECIMALS}").fullmatch
_match_multiple = re.compile(rf"([0-9]){_DECIMALS}").fullmatch


class PocketOrder(StrEnum):
    """Which pocket pays first (rule K6)."""

    CURRENT_YEAR_FIRST = "current_year_first"
    CARRIED_OVER_FIRST = "carried_over_first"


class DueShift(StrEnum):
    """What a due day does that falls on a Saturday or Sunday."""

    NONE = "none"
    NEXT_WEEKDAY = "next_weekday"


class LateFeeCap(StrEnum):
    """The most that late fees may come to (rule R12)."""

    NONE = "none"
    PRINCIPAL = "principal"


class PartPayment(StrEnum):
    """How a payment that does not cover a month is spread over persons and parts (rule R8)."""

    PRO_RATA = "pro_rata"
    EMPLOYEE_FIRST = "employee_first"
    FULL_MONTH = "full_month"


class Recovery(StrEnum):
    """Who comes first when a third party pays only a part of what it owes (rule R47)."""

    PRO_RATA = "pro_rata"
    PERSON_FIRST = "person_first"
    FUND_FIRST = "fund_first"


def parse_rate(value: str) -> int:
    """A rate such as "0.0110" in parts per RATE_SCALE. ValueError unless 0 ≤ rate < 1.

    The bound is there because "1.10", meant as per cent, is the likely slip.
    """
    match = _match_rate(value)
    if match is None:
        raise ValueError(f'a rate is a fraction of one, as "0.0110", with at most {RATE_DECIMALS} decimals')
    return _scaled(match)


def parse_share(value: str) -> int:
    """A share of a whole such as "0.50" in parts per RATE_SCALE. ValueError unless 0 ≤ share ≤ 1."""
    match = _match_multiple(value)
    if match is None or _scaled(match) > RATE_SCALE:
        raise ValueError(f'a share is from "0" to "1", as "0.50", with at most {RATE_DECIMALS} decimals')
    return _scaled(match)


def parse_multiple(value: str) -> int:
    """How many times something, such as "3.00", in parts per RATE_SCALE. ValueError unless 0 < it < 10.

    The bound is there because "60", meant as per cent, is the likely slip.
    """
    match = _match_multiple(value)
    if match is None or _scaled(match) == 0:
        raise ValueError(
            f'a multiple is more than 0 and less than 10, as "0.60" or "3.00", '
            f"with at most {RATE_DECIMALS} decimals"
        )
    return _scaled(match)


def _scaled(match: re.Match[str]) -> int:
    return int(match[1]) * RATE_SCALE + int((match[2] or "").ljust(RATE_DECIMALS, "0"))


def parse_amount(value: str) -> int:
    """An amount in yuan such as "110.00", in fen. Zero is one: an area may grant nothing."""
    try:
        return parse_yuan(value)
    except Refused:
        raise ValueError('an amount is yuan with two decimals, as "8120.00"') from None


def parse_average_wage(value: str) -> int:
    """An amount in yuan of more than zero, in fen: every base is a share of it."""
    fen = parse_amount(value)
    if fen == 0:
        raise ValueError("an average wage is more than zero")
    return fen


def parse_limit(value: str) -> int:
    """An amount in yuan of more than zero, in fen: a limit of nothing would be a prohibition."""
    fen = parse_amount(value)
    if fen == 0:
        raise ValueError("a limit is more than zero")
    return fen


def parse_day_basis(value: str) -> int:
    """The days that a yearly rate is divided by. ValueError unless 360 or 365."""
    if value not in ("360", "365"):
        raise ValueError('the day basis is "360" or "365"')
    return int(value)


def whole_number(least: int, most: int, what: str) -> Callable[[str], int]:
    """A parser that takes a whole number from `least` to `most`; `what` begins the sentence that says so."""

    def parse(value: str) -> int:
        if re.fullmatch(r"0|[1-9][0-9]{0,3}", value) is None or not least <= int(value) <= most:
            raise ValueError(f'{what} are a whole number from "{least}" to "{most}"')
        return int(value)

    return parse


def parse_due_day(value: str) -> int:
    """A day that every month has. ValueError unless 1 to 28, without sign or leading zero."""
    if re.fullmatch(r"[1-9][0-9]?", value) is None or int(value) > DUE_DAY_MAX:
        raise ValueError(f'the due day is a day of the month from "1" to "{DUE_DAY_MAX}"')
    return int(value)


def parse_switch(value: str) -> bool:
    """ValueError unless "yes" or "no"."""
    if value not in ("yes", "no"):
        raise ValueError('a switch is "yes" or "no"')
    return value == "yes"


def parse_item_prefixes(value: str) -> tuple[str, ...]:
    """What item codes begin with, such as "FIT,WEL", in the order given; "none" is none.

    ValueError unless each is 1 to 16 capital letters, digits, points or dashes, and no two are the same.
    """
    if value == "none":
        return ()
    prefixes = tuple(value.split(","))
    good = all(re.fullmatch(r"[A-Z0-9.\-]{1,16}", prefix) for prefix in prefixes)
    if not good or len(set(prefixes)) != len(prefixes):
        raise ValueError('item prefixes are "none", or in capitals, each once, between commas, as "FIT,WEL"')
    return prefixes


def one_of(choices: type[ChoiceT], what: str) -> Callable[[str], ChoiceT]:
    """A parser that takes one of some words; `what` begins the sentence that names them."""
    *others, last = [f'"{choice.value}"' for choice in choices]

    def parse(value: str) -> ChoiceT:
        if value not in tuple(choices):
            raise ValueError(f"{what} is {', '.join(others)} or {last}")
        return choices(value)

    return parse


parse_pocket_order = one_of(PocketOrder, "the order")
parse_due_shift = one_of(DueShift, "the shift")
parse_late_fee_cap = one_of(LateFeeCap, "the cap")
parse_part_payment = one_of(PartPayment, "the way")
parse_recovery = one_of(Recovery, "the recovery")
parse_days = whole_number(1, 9999, "days")
parse_in_a_row = whole_number(0, 99, "estimates in a row")
parse_late_days = whole_number(0, 9999, "days")
parse_gap_months = whole_number(0, GAP_MONTHS_MAX, "months")
parse_waiting_months = whole_number(0, WAITING_MONTHS_MAX, "months")
parse_minutes = whole_number(1, QUOTE_MINUTES_MAX, "minutes")
