"""Unified social credit codes, by which employers are known (GB 32100). Pure."""

import re
from typing import Final

from ledger.refusals import RefusalCode, Refused

_CREDIT_CHARACTERS: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"


_CREDIT_VALUES: Final = {character: value for value, character in enumerate(_CREDIT_CHARACTERS)}


_CREDIT_WEIGHTS: Final = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)


# Registering authority (never 0, which would let a row of zeros pass), kind, region, body, check.
_match_credit = re.compile(r"[1-9A-HJ-NP-RTUWXY][0-9A-HJ-NP-RTUWXY][0-9]{6}[0-9A-HJ-NP-RTUWXY]{10}").fullmatch


def parse_credit_code(text: str) -> str:
    """Read the unified social credit code of an employer: 18 characters, upper case in the answer.

    Blanks around it are dropped, lower case is taken. A wrong length, character (I, O, S, V, Z do not
    occur) or check character is refused with CREDIT_CODE_INVALID.
    """
    stripped = text.strip()
    # Before upper(), which turns some single letters of other scripts into two of ours.
    code = stripped.upper() if stripped.isascii() else ""
    if _match_credit(code) is None or credit_code_check(code[:17]) != code[17]:
        raise Refused(RefusalCode.CREDIT_CODE_INVALID, at="credit_code")
    return code


def credit_code_check(body17: str) -> str:
    """The last character of a credit code from its first 17 (MOD 31 with powers of 3)."""
    total = sum(
        _CREDIT_VALUES[character] * weight for character, weight in zip(body17, _CREDIT_WEIGHTS, strict=True)
    )
    return _CREDIT_CHARACTERS[-total % 31]
