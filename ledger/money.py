"""Money: integer fen, the one rounding rule, and how an amount is read and written.

An amount is a whole number of fen (1 yuan = 100 fen) everywhere inside. Only the doors know yuan, as text
with exactly two decimals. No binary floating point touches an amount (rule K1).
"""

import re
from collections.abc import Mapping
from typing import Final

from ledger.refusals import RefusalCode, Refused

FEN_MAX: Final = 10**12
"""The largest amount a caller may name, in fen: 10^10 yuan."""

AMOUNT_PATTERN: Final = r"^(0|[1-9][0-9]{0,10})\.[0-9]{2}$"
"""The form of an amount in yuan, anchored, as the OpenAPI document publishes it.

It bounds the length only; `parse_yuan` also holds the value to FEN_MAX.
"""

_CENTS: Final = tuple(f".{fen:02d}" for fen in range(100))
# fullmatch, because Python's `$` alone would let a newline through at the end.
_match_amount = re.compile(AMOUNT_PATTERN).fullmatch


def parse_yuan(text: str) -> int:
    """Read an amount in yuan, such as "128.50", and return it in fen.

    Plain ASCII digits, a point, two decimals: no sign, blank, separator or leading zero. Zero is read; the
    caller decides whether it makes sense. Anything else, and more than FEN_MAX, is refused with
    AMOUNT_INVALID.
    """
    if _match_amount(text) is None:
        raise Refused(RefusalCode.AMOUNT_INVALID)
    fen = int(text[:-3]) * 100 + int(text[-2:])
    if fen > FEN_MAX:
        raise Refused(RefusalCode.AMOUNT_INVALID)
    return fen


def format_yuan(fen: int) -> str:
    """Write an amount in fen as yuan with two decimals: 12850 is "128.50", -5 is "-0.05"."""
    if fen < 0:
        return f"-{format_yuan(-fen)}"
    # a page has 250 amounts: of what writes one this is the fastest, twice as fast as a format of two numbers
    return f"{fen // 100}{_CENTS[fen % 100]}"


def round_half_up(numerator: int, denominator: int) -> int:
    """Round numerator / denominator to a whole number, exactly; a half goes away from zero (rule K2).

    Symmetric, so that a reversal of an amount rounds to the reversal of the rounded amount. A denominator
    that is not positive is a bug of the caller: ValueError.
    """
    if denominator <= 0:
        raise ValueError("the denominator must be positive")
    magnitude = (2 * abs(numerator) + denominator) // (2 * denominator)
    return -magnitude if numerator < 0 else magnitude


def in_yuan(facts: Mapping[str, object]) -> dict[str, object]:
    """Facts as people are told them: what is called `…_fen` in yuan, and without that ending."""
    return {
        name.removesuffix("_fen"): format_yuan(fact)
        if name.endswith("_fen") and isinstance(fact, int)
        else fact
        for name, fact in facts.items()
    }
