"""Social-security cards as data (R60): whose one is, from when to when it counts, and that it was lost.

A card's number is personal: it is kept sealed, found by a keyed digest, and shown nowhere. What names a card
to other systems is chosen at random. A card belongs to a person and not to an account, so it goes along when
an account is closed and another one opened.
"""

from __future__ import annotations

import re
import secrets
from datetime import date
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, select

from ledger import tables
from ledger.bounds.table import CARD_ISSUED_ON, ENDS_ON
from ledger.chart.registers import Register
from ledger.inquiry.asking import Clerk, account_holder, birth_of
from ledger.people.merged import persons_of
from ledger.posting.merges import survivor
from ledger.posting.registers import RegisterBook, RegisterKind, RegisterTable
from ledger.refusals import RefusalCode, Refused
from ledger.texts import normalise_code, read_text
from ledger.vault import Keyring, is_erased

NUMBER_MIN: Final = 4
NUMBER_MAX: Final = 32
"""The longest number of a card as it is kept, in characters."""

TYPED_MAX: Final = 64
"""The longest as it may be typed, with what parts its groups."""

LAST: Final = 4
"""How many of its last characters a person may be asked for."""

_match_number = re.compile(rf"[0-9A-Z]{{{NUMBER_MIN},{NUMBER_MAX}}}").fullmatch
# letters without vowels: no word, and no number of anybody
_NAME_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
_NAME_LENGTH: Final = 20
_match_name = re.compile(rf"[{_NAME_LETTERS}]{{{_NAME_LENGTH}}}").fullmatch
_HYPHENS: Final = str.maketrans("", "", "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212")
_NUMBER: Final = b"card.number|"

_C, _L = tables.card.c, tables.card_loss.c
_CARDS = select(_C.name, _C.person_id, _C.issued_on, _C.ends_on, _L.lost_on).select_from(
    tables.card.outerjoin(tables.card_loss, _L.name == _C.name)
)
CARD = RegisterTable(
    "card",
    ("name",),
    # a number is sealed anew with every key: it is covered by the digest by which it is found
    [column.name for column in tables.card.columns if column.name != "number_sealed"],
)
CARD_LOSS = RegisterTable("card_loss", ("name",), [column.name for column in tables.card_loss.columns])
CARDS = RegisterKind(Register.CARDS, (CARD, CARD_LOSS))
"""By which cards whom one finds, and which of them nobody is found by any more."""


class Card(NamedTuple):
    """A card as it was written down; `ends_on` is its last day, None where none is printed."""

    name: str
    person_id: int
    issued_on: date
    ends_on: date | None
    lost_on: date | None

    def status(self, today: date) -> str:
        """`lost`, `ended` when its last day is over, else `valid`."""
        if self.lost_on is not None:
            return "lost"
        return "ended" if self.ends_on is not None and self.ends_on < today else "valid"


def context(digest: bytes) -> bytes:
    """Under what the number of a card is sealed that is found by a digest."""
    return _NUMBER + digest


def card_digest(number: str, keyring: Keyring) -> bytes:
    """What a card is found by; `number` is as `read_card_no` has it."""
    return keyring.digest("card", number)


def read_card_no(text: str) -> str | None:
    """The number of a card in the one form in which it is found; None for what is none.

    4 to 32 letters and digits. Full-width ones become plain ones and small letters large; blanks and hyphens
    between groups go.
    """
    read = read_text(text, TYPED_MAX)
    if read is None:
        return None
    number = normalise_code(read).translate(_HYPHENS)
    return number if _match_number(number) else None


def record_card(
    connection: Connection,
    keyring: Keyring,
    book_id: int,
    number: str,
    *,
    issued_on: date,
    ends_on: date | None,
    by: Clerk,
) -> Card:
    """Write a card down for the holder of an account, or find it there: the same again changes nothing.

    `number` is as `read_card_no` has it. Raises Refused: account_not_found, card_in_use when the card is
    somebody else's, period_invalid for a day that cannot be, card_differs when it was written down with
    other days.
    """
    digest = card_digest(number, keyring)
    written = by.row(connection)
    with connection.begin():
        holder = account_holder(connection, book_id)
        card = _find(connection, _C.digest == digest)
        if card is None:
            born = birth_of(connection, keyring, holder.person_id)
            CARD_ISSUED_ON.admit(issued_on, by.today, "issued_on", birth=born, death=holder.died_on)
            if ends_on is not None:
                ENDS_ON.admit(ends_on, by.today, "ends_on", beginning=issued_on)
            row = {
                "name": "".join(secrets.choice(_NAME_LETTERS) for _ in range(_NAME_LENGTH)),
                "digest": digest,
                "number_sealed": keyring.seal(number, context(digest)),
                "person_id": holder.person_id,
                "issued_on": issued_on,
                "ends_on": ends_on,
            }
            register = RegisterBook(connection, CARDS, by.now)
            # of two at once, the one that was first
            card = _find(connection, _C.digest == digest)
            if card is None:
                register.enter(CARD, row | written)
                register.write()
                card = _find(connection, _C.digest == digest)
        if card is None:
            raise AssertionError("a card that was written is there")
        if survivor(connection, card.person_id) != survivor(connection, holder.person_id):
            raise Refused(RefusalCode.CARD_IN_USE, at="card_no")
    if (card.issued_on, card.ends_on) != (issued_on, ends_on):
        raise Refused(RefusalCode.CARD_DIFFERS, at="issued_on" if card.issued_on != issued_on else "ends_on")
    return card


def record_loss(connection: Connection, name: str, reason: str, by: Clerk) -> Card:
    """Write down that a card was lost; said again it stays as at first. Raises Refused(card_not_found)."""
    if _match_name(name) is None:
        raise Refused(RefusalCode.CARD_NOT_FOUND, at="card")
    written = by.row(connection)
    with connection.begin():
        if _find(connection, _C.name == name) is None:
            raise Refused(RefusalCode.CARD_NOT_FOUND, at="card")
        register = RegisterBook(connection, CARDS, by.now)
        register.enter(CARD_LOSS, {"name": name, "reason": reason, "lost_on": by.today} | written)
        register.write()
        card = _find(connection, _C.name == name)
    if card is None:
        raise AssertionError("a card is never taken away")
    return card


def valid_card(connection: Connection, keyring: Keyring, number: str, today: date) -> Card | None:
    """The card of a number, if it may be used: not lost, and not after its last day."""
    card = _find(connection, _C.digest == card_digest(number, keyring))
    return card if card is not None and card.status(today) == "valid" else None


def cards_of(connection: Connection, person_id: int) -> list[Card]:
    """Every card of a person, the latest last."""
    whose = _C.person_id.in_(persons_of(connection, person_id))
    rows = connection.execute(_CARDS.where(whose).order_by(_C.issued_on, _C.name))
    return [Card._make(row) for row in rows]


def cards_held(connection: Connection, keyring: Keyring, person_id: int) -> list[tuple[Card, str | None]]:
    """Every card of a person with its number, opened, the latest last; None where the person was erased."""
    numbers = {
        name: None if is_erased(bytes(sealed)) else keyring.open(bytes(sealed), context(bytes(digest)))
        for name, digest, sealed in connection.execute(
            select(_C.name, _C.digest, _C.number_sealed).where(
                _C.person_id.in_(persons_of(connection, person_id))
            )
        )
    }
    return [(card, numbers[card.name]) for card in cards_of(connection, person_id)]


def numbers_of_cards(connection: Connection, keyring: Keyring, person_id: int, today: date) -> list[str]:
    """The numbers of a person's cards that may be used, opened."""
    held = cards_held(connection, keyring, person_id)
    return [number for card, number in held if number is not None and card.status(today) == "valid"]


def _find(connection: Connection, condition: ColumnElement[bool]) -> Card | None:
    row = connection.execute(_CARDS.where(condition)).one_or_none()
    return None if row is None else Card._make(row)
