"""The texts that come in: one rule for each, wherever it comes in, in a request, a file or a command. Pure.

A rule here says what such a text is; the door says how it is refused.
"""

import re
import unicodedata
from datetime import date
from typing import Final

SOURCE_REF_MAX: Final = 64
"""The longest name of a document, in characters."""

NAME_MAX: Final = 64
"""The longest name of a person."""

EMPLOYER_NAME_MAX: Final = 256
"""The longest name of an employer."""

INSTITUTION_CODE_MAX: Final = 32
"""The longest code of an institution."""

AGENT_NAME_MAX: Final = 128
"""The longest name of a caller or an actor."""

KEY_MAX: Final = 255
"""The longest idempotency key."""

# control characters, line breaks, and marks that turn the direction of writing
_UNPRINTABLE: Final = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"

TEXT_PATTERN: Final = rf"^[^\s{_UNPRINTABLE}][^{_UNPRINTABLE}]*$"
"""Text that can be printed, and begins with something that is not blank; as the OpenAPI document has it."""

VISIBLE_PATTERN: Final = r"^[!-~]{1,64}$"
"""How an institution names its messages and bills: ASCII that can be seen, and not parsed."""

CASH_WORDS: Final = ("cash", "bank", "iban", "payee", "withdraw", "payout", "transfer_to")
"""Words of a field or column by which account money would become cash (R21)."""

_CASH_INSTITUTIONS: Final = frozenset({"CASH", "ATM"})

# Every dot in use between the parts of a transliterated name. The plain full stop is among them because
# its full-width form is typed for the middle dot, and NFKC makes the two one.
_NAME_DOTS: Final = frozenset(".\u00b7\u2022\u2027\u2219\u22c5\u2e31\u30fb")

# fullmatch, because Python's `$` alone would let a newline through at the end.
_match_text = re.compile(TEXT_PATTERN).fullmatch
_match_key = re.compile(rf"[!-~]{{1,{KEY_MAX}}}").fullmatch
_match_day = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch


def is_text(text: str, longest: int) -> bool:
    """Whether a text can be printed, begins with something that is not blank, and is not too long."""
    return len(text) <= longest and _match_text(text) is not None


def is_key(text: str) -> bool:
    """Whether a text can be an idempotency key: ASCII that can be seen, without blanks."""
    return _match_key(text) is not None


def is_agent_name(text: str) -> bool:
    """Whether a text can name a caller or an actor."""
    return 0 < len(text) <= AGENT_NAME_MAX and text.isprintable()


def parse_area(text: str) -> int | None:
    """The code of an area, six digits such as "990100", as a number; None for a text that is none."""
    return int(text) if len(text) == 6 and text.isascii() and text.isdigit() else None


def parse_day(text: str) -> date | None:
    """A day such as "2026-03-31", with hyphens and nothing else; None for a text that is none."""
    if _match_day(text) is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


# -- names -----------------------------------------------------------------------------------------------


def normalise_name(name: str) -> str:
    """The form of a name that is compared: without blanks, invisible characters and dots, in upper case.

    Full-width and other compatibility forms become the plain ones (NFKC). To compare, not to show.
    """
    folded = unicodedata.normalize("NFKC", name).upper()
    kept = "".join(
        character
        for character in folded
        if not (character.isspace() or character in _NAME_DOTS or unicodedata.category(character) == "Cf")
    )
    # Once more: letters that were apart may now combine.
    return unicodedata.normalize("NFKC", kept)


def is_name(text: str) -> bool:
    """Whether a text names somebody: something of it is left to compare."""
    return bool(normalise_name(text))


# -- cash (R21) ------------------------------------------------------------------------------------------


def asks_for_cash(field: str) -> bool:
    """Whether the name of a field or column asks for cash or a transfer to a bank."""
    folded = unicodedata.normalize("NFKC", field).casefold()
    return any(word in folded for word in CASH_WORDS)


def is_cash(institution: str) -> bool:
    """Whether the code of an institution is what cash is called."""
    return institution.strip().upper() in _CASH_INSTITUTIONS
