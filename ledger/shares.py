"""Dividing an amount into shares without losing or inventing a fen (rule K7)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, Final

from ledger.refusals import RefusalCode, Refused

SHARES_MAX: Final = 100
"""The most shares one division may name."""

SHARE_TEXT_MAX: Final = 32
"""The longest text of one share, in characters."""

# A numerator or denominator of zero cannot be written in this form.
_match_fraction = re.compile(r"[1-9][0-9]*/[1-9][0-9]*").fullmatch
_match_decimal = re.compile(r"[01](\.[0-9]+)?").fullmatch

# The place of a relation among those who tie for a left-over fen; every other relation comes after.
_RELATION_ORDER: Final = {"spouse": 0, "child": 1, "parent": 2}
_OTHERS: Final = 3

HeirRank = tuple[int, int, int, int, str]
"""A sortable place among heirs: relation, age unknown, birth date, ID number unknown, ID number."""


@dataclass(frozen=True, slots=True)
class Share:
    """One part of a whole: `weight` out of 1, and `rank`, which goes first (lower) when fractions tie."""

    weight: Fraction
    rank: tuple[Any, ...]


def divide(total_fen: int, weights: Sequence[Fraction], ranks: Sequence[tuple[Any, ...]]) -> list[int]:
    """Divide `total_fen` by the weights; the parts, in fen and in the same order, add up to it exactly.

    Each part is its exact share rounded down. The fen left over go one each to the largest fractions cut
    off; equal fractions go by rank, lower first, then by position (rule K7). An agreed order among the
    heirs is given as their ranks.

    The weights must not be negative and must sum to exactly 1, each with a rank, and the total must not be
    negative: otherwise the caller has a bug, ValueError.
    """
    if len(weights) != len(ranks):
        raise ValueError("each weight needs a rank")
    if total_fen < 0 or any(weight < 0 for weight in weights) or sum(weights) != 1:
        raise ValueError("the total and the weights must not be negative, and the weights must sum to 1")
    parts: list[int] = []
    cut_off: list[Fraction] = []
    for weight in weights:
        exact = total_fen * weight
        part = exact.numerator // exact.denominator
        parts.append(part)
        cut_off.append(exact - part)
    order = sorted(range(len(parts)), key=lambda index: (-cut_off[index], ranks[index], index))
    # Fewer fen are left over than shares were cut, so nobody gets two and an exact share gets none.
    for index in order[: total_fen - sum(parts)]:
        parts[index] += 1
    return parts


def divide_shares(total_fen: int, shares: Sequence[Share]) -> list[int]:
    """Divide `total_fen` among the shares, as `divide` does."""
    return divide(total_fen, [share.weight for share in shares], [share.rank for share in shares])


def parse_weights(texts: Sequence[str | None]) -> list[Fraction]:
    """Read the shares of a division: all left out is equal shares, else every one as "1/3" or "0.25".

    Each must be more than zero and all together exactly 1; "0.33" three times is therefore refused. Empty
    or too many (SHARES_MAX), some left out, or in another form: refused with SHARES_INVALID.
    """
    # The bound on the number keeps the common denominator of hostile fractions small.
    if not 1 <= len(texts) <= SHARES_MAX:
        raise Refused(RefusalCode.SHARES_INVALID, at="heirs")
    if all(text is None for text in texts):
        return [Fraction(1, len(texts))] * len(texts)
    weights = [parse_weight(text, f"heirs/{place}/share") for place, text in enumerate(texts)]
    if sum(weights) != 1:
        raise Refused(RefusalCode.SHARES_INVALID, at="heirs")
    return weights


def parse_weight(text: str | None, at: str) -> Fraction:
    """One share, "1/3" or "0.25", more than zero; `at` names its field. Raises Refused(shares_invalid)."""
    if text is None or len(text) > SHARE_TEXT_MAX:
        raise Refused(RefusalCode.SHARES_INVALID, at=at)
    if _match_fraction(text) is None and _match_decimal(text) is None:
        raise Refused(RefusalCode.SHARES_INVALID, at=at)
    weight = Fraction(text)
    if weight <= 0:
        raise Refused(RefusalCode.SHARES_INVALID, at=at)
    return weight


def heir_rank(relation: str, birth_date: date | None, id_number: str | None) -> HeirRank:
    """The place of an heir when fractions tie and the heirs agreed no order; lower goes first (rule K7).

    Spouse ("spouse"), then children ("child"), then parents ("parent"), then all others; within each the
    oldest first, unknown age after known; of those alike in that the lowest ID number, unknown after known.
    Those alike in all of it have one place, and then the order in which they were named decides (`divide`).
    """
    return (
        _RELATION_ORDER.get(relation, _OTHERS),
        int(birth_date is None),
        birth_date.toordinal() if birth_date is not None else 0,
        int(id_number is None),
        id_number or "",
    )
