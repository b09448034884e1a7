"""The texts that come in: one rule for each, wherever it comes in, in a request, a file or a command. Pure.

A rule here says what such a text is; the door says how it is refused.
"""

import re
import unicodedata
from datetime import date
from typing import Final

from ledger.unseen import UNSEEN

SOURCE_REF_MAX: Final = 64
"""The longest name of a document, in characters."""

NAME_MAX: Final = 200
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

# Every character that is blank (Unicode's White_Space), and those that nobody sees. For patterns that are
# published, so of the basic plane alone: not every reader of patterns knows others.
_BLANK: Final = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_UNSEEN: Final = "".join(rf"\u{first:04x}-\u{last:04x}" for first, last in UNSEEN if last <= 0xFFFF)

TEXT_PATTERN: Final = (
    rf"^[{_BLANK}{_UNSEEN}]*[^{_BLANK}{_UNSEEN}{_UNPRINTABLE}][^{_UNPRINTABLE}]*[{_BLANK}{_UNSEEN}]*$"
)
"""What `read_text` takes as it is sent: something that can be seen, blanks of any kind around it."""

PROSE_PATTERN: Final = rf"^[^\s{_UNPRINTABLE}][^{_UNPRINTABLE}]*$"
"""Text for people to read, kept as it is: it can be printed, and begins with something that is not blank."""

# the same but for tabs and the ends of lines
_UNPRINTABLE_IN_LETTERS: Final = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"

LETTER_PATTERN: Final = (
    rf"^[^{_UNPRINTABLE_IN_LETTERS}]*[^{_BLANK}{_UNSEEN}{_UNPRINTABLE}][^{_UNPRINTABLE_IN_LETTERS}]*$"
)
"""What `read_letter` takes: lines that can be printed, with something that can be seen."""

VISIBLE_PATTERN: Final = r"^[!-~]{1,64}$"
"""How an institution names its messages and bills: ASCII that can be seen, and not parsed."""

CASH_WORDS: Final = ("cash", "bank", "iban", "payee", "withdraw", "payout", "transfer_to")
"""Words of a field or column by which account money would become cash (R21)."""

_CASH_INSTITUTIONS: Final = frozenset({"CASH", "ATM"})

MIDDLE_DOTS: Final = (
    "\u00b7\u0387\u02d9\u2022\u2027\u2218\u2219\u22c5\u25cf\u25e6\u2981\u2e31\u2e33\u3002\u30fb\uff61\uff65"
)
"""Every form in which the dot between the parts of a transliterated name is typed."""

_MIDDLE_DOT: Final = "\u00b7"
# What else is typed for it. The plain full stop is among them because its full-width form is, and NFKC makes
# the two one; the hyphens for the same reason.
_OTHER_DOTS: Final = frozenset(".-\u2010\u2011\u2012\u2013\u2014\u2015\u2212")
_ONE_DOT: Final = str.maketrans(dict.fromkeys(MIDDLE_DOTS, _MIDDLE_DOT))

# fullmatch, because Python's `$` alone would let a newline through at the end.
_match_text = re.compile(TEXT_PATTERN).fullmatch
_match_letter = re.compile(LETTER_PATTERN).fullmatch
_blanks = re.compile(f"[{_BLANK}]+")
_unseen = re.compile("[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in UNSEEN) + "]+")
# halves of characters, which JSON can write and no encoding can
_halves = re.compile("[\ud800-\udfff]")
# what is left of a name that was read in the wrong encoding, copied off a page, or hidden on purpose
_DAMAGED: Final = frozenset("?*<>")
# squares, blocks, stars, crosses: what is put where a character is missing
_SIGNS: Final = frozenset({"So", "Sk", "Sm"})
# They are signs by their category, and stand in names: in those of firms; for the dot; and as parts of
# ideographs, by which pages show an ideograph or describe one that no font has.
_SIGNS_IN_NAMES: Final = frozenset(
    ("+", *MIDDLE_DOTS, *_OTHER_DOTS, "\u303e", *map(chr, (*range(0x2E80, 0x3000), *range(0x31C0, 0x31F0))))
)
_match_key = re.compile(rf"[!-~]{{1,{KEY_MAX}}}").fullmatch
_find_control = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]").search
_match_day = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch


def read_text(text: str, longest: int) -> str | None:
    """A text that identifies something, in the one form in which it is kept; None for what is no such text.

    Compatibility forms, such as full-width letters, become the plain ones (NFKC). Blanks of any kind around
    it go and those inside become one space; characters that nobody sees go. Neither as it came nor as it is
    kept is it longer than `longest` characters.
    """
    if len(text) > longest:
        return None
    if text.isascii() and text.isprintable():
        # nearly every text: the patterns below would say the same, and take ten times as long
        return " ".join(text.split()) or None
    if _match_text(text) is None or _halves.search(text):
        return None
    kept = _blanks.sub(" ", _seen(text)).strip(" ")
    return kept if 0 < len(kept) <= longest else None


def read_letter(text: str, longest: int) -> str | None:
    """What somebody has written, with its lines, as it is but for the ends of lines and blanks around it.

    None for what is none: nothing to be seen in it, longer than `longest` characters, or with what no paper
    can show: control characters, marks that turn the direction of writing, halves of characters.
    """
    if len(text) > longest or _match_letter(text) is None or _halves.search(text):
        return None
    kept = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    return kept if _blanks.sub("", _seen(kept)) else None


def normalise_code(text: str) -> str:
    """The form in which the codes of items are compared: as `read_text`, without any blank, in upper case.

    It takes what was kept before there was `read_text`, too. To compare, not to show.
    """
    return _blanks.sub("", _seen(text)).upper()


def _seen(text: str) -> str:
    if text.isascii():
        return text
    # twice, because what was apart may combine now
    return unicodedata.normalize("NFKC", _unseen.sub("", unicodedata.normalize("NFKC", text)))


def has_control(text: str) -> bool:
    """Whether a text holds what stands in no name: control characters and halves of characters."""
    return _find_control(text) is not None


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


def read_name(text: str, longest: int = NAME_MAX) -> str | None:
    """The name of somebody as it is kept: as `read_text`, and with one middle dot for all its forms.

    None for what is no text. Whether it can be a name at all is for `is_name` to say.
    """
    return read_text(text.translate(_ONE_DOT), longest)


def normalise_name(name: str) -> str:
    """The form of a name that is compared: without blanks, invisible characters and dots, in upper case.

    Full-width and other compatibility forms become the plain ones (NFKC), and the shape of a character does
    not count. To compare, not to show.
    """
    folded = _seen(name.translate(_ONE_DOT)).upper()
    kept = "".join(
        character
        for character in folded
        if not (
            character.isspace()
            or character == _MIDDLE_DOT
            or character in _OTHER_DOTS
            or unicodedata.category(character) == "Cf"
        )
    )
    # Once more: letters that were apart may now combine.
    return unicodedata.normalize("NFKC", kept)


def is_name(text: str) -> bool:
    """Whether a text can be a name: something of it is left to compare, and nothing of it is damaged.

    Damaged is what stands where a character was lost or hides a part (U+FFFD, `?`, `*`, `\u25a1` and every
    other sign that is no letter), what is private use and shows something else elsewhere, and markup
    (`<`, `>`).
    """
    return bool(normalise_name(text)) and not any(map(_is_damaged, unicodedata.normalize("NFKC", text)))


def _is_damaged(character: str) -> bool:
    category = unicodedata.category(character)
    return (
        character in _DAMAGED or category == "Co" or (category in _SIGNS and character not in _SIGNS_IN_NAMES)
    )


# -- who acts ----------------------------------------------------------------------------------------------


def actor_as_compared(name: str) -> str:
    """The name of an actor as it is compared: without blanks around it, whatever the case and the form of its
    letters. To compare, not to keep.
    """
    return _seen(_seen(name).casefold()).strip()


# -- cash (R21) ------------------------------------------------------------------------------------------


def asks_for_cash(field: str) -> bool:
    """Whether the name of a field or column asks for cash or a transfer to a bank."""
    folded = unicodedata.normalize("NFKC", field).casefold()
    return any(word in folded for word in CASH_WORDS)


def is_cash(institution: str) -> bool:
    """Whether the code of an institution is what cash is called."""
    return institution.strip().upper() in _CASH_INSTITUTIONS


def says_cash(bank: str) -> bool:
    """Whether what should be the name of a bank says that money is to be paid as cash."""
    return is_cash(bank) or any(word in bank.casefold() for word in ("cash", "现金", "現金"))
