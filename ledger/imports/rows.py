"""What the columns of a file mean: one line becomes one command, or is refused as the API would refuse it."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from functools import lru_cache
from hashlib import sha256
from typing import Final

from ledger.accounts.contributing import Contribute
from ledger.accounts.opening import OpenAccount, OpeningBalance
from ledger.accounts.spending import Spend
from ledger.book.numbers import new_book_id
from ledger.chart.parties import Party
from ledger.id_forms import holds_id_number
from ledger.imports import spellings
from ledger.imports.columns import KEY_COLUMN
from ledger.imports.faults import first_fault
from ledger.imports.file_lines import FileLine
from ledger.imports.headings import Layout
from ledger.imports.spellings import FLAGS, SEXES, amount_text, month_of, number_text, plain
from ledger.money import parse_yuan
from ledger.people.persons import account_ref, stake_by_number
from ledger.posting import BookRef, Command
from ledger.refusals import RefusalCode, Refused
from ledger.texts import (
    INSTITUTION_CODE_MAX,
    NAME_MAX,
    SOURCE_REF_MAX,
    is_cash,
    is_key,
    is_name,
    parse_area,
    read_name,
    read_text,
)
from ledger.vault import Keyring

CALLER: Final = "import"
CANDIDATES: Final = 4
# of a digest: 72 bits, which are twelve characters
_KEY_BYTES: Final = 9

_OPENING_COLUMNS = ("opening_current_year", "opening_carried_over", "opening_source_ref")


def content_key(kind: str, *content: object) -> str:
    """The key of a line: what it says, in 72 bits, and the letter of its kind.

    Keys count per caller and book, so the person need not be in it, and is the same by either number. All
    that the command says is: a line sent again, in any order and in any file, is the same request, and one
    with another amount is another request, refused for its document.
    """
    told = "\x1f".join((kind, *map(str, content)))
    return kind[0] + urlsafe_b64encode(sha256(told.encode()).digest()[:_KEY_BYTES]).decode()


@lru_cache(maxsize=4096)
def day_of(text: str) -> date:
    """A day. Refused with shape_invalid for a text that is none, or may be two."""
    day = spellings.day_of(text)
    if day is None:
        raise Refused(RefusalCode.SHAPE_INVALID)
    return day


def fen_of(text: str) -> int:
    """An amount. Refused with amount_invalid for one that is none, or has two readings."""
    try:
        return parse_yuan(text)
    except Refused:
        spelled = amount_text(text)
        if spelled is None:
            raise
        return parse_yuan(spelled)


def area_of(text: str) -> int:
    """The code of an area. Refused with shape_invalid for another text."""
    area = parse_area(plain(text))
    if area is None:
        raise Refused(RefusalCode.SHAPE_INVALID)
    return area


def named_fen(row: dict[str, str], amounts: tuple[str, ...]) -> int:
    """What a line names in fen; nothing for what cannot be read."""
    fen = 0
    for name in amounts:
        # one that cannot be read is refused in its line
        with suppress(Refused):
            fen += fen_of(row.get(name, ""))
    return fen


def text_of(value: str, longest: int) -> str:
    """A text that identifies something, as it is kept. Refused with shape_invalid for what is none."""
    text = read_text(value, longest)
    if text is None:
        raise Refused(RefusalCode.SHAPE_INVALID)
    return text


def name_of(value: str, longest: int = NAME_MAX) -> str:
    """A name as it is kept. Refused with shape_invalid for no text, name_invalid for what names nobody,
    personal_data_in_text for one with an ID number in it.
    """
    name = read_name(value, longest)
    if name is None:
        raise Refused(RefusalCode.SHAPE_INVALID)
    if not is_name(name):
        raise Refused(RefusalCode.NAME_INVALID)
    if holds_id_number(name):
        # kept sealed, so that posting does not see it
        raise Refused(RefusalCode.PERSONAL_DATA_IN_TEXT)
    return name


class LineReader:
    """Makes the commands of one file."""

    def __init__(
        self, layout: Layout, keyring: Keyring, actor: str, today: date, caller: str = CALLER
    ) -> None:
        self.today = today
        self.layout = layout
        self.actor = actor
        self.caller = caller
        self._keyring = keyring
        self._kind = layout.kind.name
        self._make = self._makers()[self._kind]
        # lines of one person often stand together
        self._account = lru_cache(maxsize=4096)(self._account_ref)

    def command(self, line: FileLine) -> tuple[Command, int]:
        """The command of a line, and its amount in fen. Raises Refused as the API would."""
        if line.row is None:
            raise Refused(RefusalCode.SHAPE_INVALID)
        if line.faults is not None:
            raise Refused(first_fault(line.faults))
        command, fen = self._make(line.row)
        # only a key of its own says that a line is meant anew once its entry was reversed, whoever posted it
        command.booked_once = not line.row.get(KEY_COLUMN)
        return command, fen

    def _makers(self) -> dict[str, Callable[[dict[str, str]], tuple[Command, int]]]:
        return {
            "accounts": self._open_account,
            "contributions": self._contribute,
            "spendings": self._spend,
        }

    def _account_ref(self, text: str, today: date) -> BookRef:
        return account_ref(number_text(text), self._keyring, today)

    def _key(self, row: dict[str, str], *content: object) -> str:
        """The key of a line: what the file says, else what the line says."""
        given = row.get(KEY_COLUMN, "")
        if given:
            if not is_key(given):
                raise Refused(RefusalCode.IDEMPOTENCY_KEY_INVALID)
            return given
        return content_key(self._kind, *content)

    def _open_account(self, row: dict[str, str]) -> tuple[Command, int]:
        name = name_of(row["name"])
        sex_said, birth_date = plain(row.get("sex", "")), row.get("birth_date", "").strip()
        area, id_number = area_of(row["area"]), number_text(row["id_number"])
        if sex_said not in SEXES or not id_number:
            raise Refused(RefusalCode.SHAPE_INVALID)
        sex = SEXES[sex_said]
        opened_on = day_of(row["opened_on"])
        born = day_of(birth_date) if birth_date else None
        opening = self._opening(row)
        stake, _parsed = stake_by_number(id_number, name, self._keyring, self.today, sex=sex, birth_date=born)
        key = self._key(row, name, area, opened_on, sex, born, opening)
        command = OpenAccount(
            book=stake.digest,
            persons=(stake,),
            candidates=tuple(new_book_id(Party.PERSON) for _ in range(CANDIDATES)),
            area=area,
            opened_on=opened_on,
            opening=opening,
            sex=sex,
            birth_date=born,
            caller=self.caller,
            actor=self.actor,
            key=key,
        )
        amount = 0 if opening is None else (opening.current_year_fen or 0) + (opening.carried_over_fen or 0)
        return command, amount

    def _opening(self, row: dict[str, str]) -> OpeningBalance | None:
        """The balance that an earlier system hands over: all three columns, or none."""
        current_year, carried_over, source_ref = (row.get(column, "") for column in _OPENING_COLUMNS)
        if not (current_year or carried_over or source_ref):
            return None
        if not (current_year and carried_over):
            raise Refused(RefusalCode.SHAPE_INVALID)
        return OpeningBalance(fen_of(current_year), fen_of(carried_over), text_of(source_ref, SOURCE_REF_MAX))

    def _contribute(self, row: dict[str, str]) -> tuple[Command, int]:
        source_ref = text_of(row["source_ref"], SOURCE_REF_MAX)
        effective_on = day_of(row["effective_on"])
        period = month_of(row["period"])
        if period is None:
            raise Refused(RefusalCode.PERIOD_INVALID)
        account, amount = self._account(row["account"], self.today), fen_of(row["amount"])
        key = self._key(row, source_ref, period, effective_on, amount)
        command = Contribute(
            book=account,
            amount_fen=amount,
            period=period,
            effective_on=effective_on,
            source_ref=source_ref,
            caller=self.caller,
            actor=self.actor,
            key=key,
        )
        return command, amount

    def _spend(self, row: dict[str, str]) -> tuple[Command, int]:
        institution = text_of(row["institution"], INSTITUTION_CODE_MAX)
        if is_cash(institution):
            raise Refused(RefusalCode.CASH_FORBIDDEN)
        take_available = FLAGS.get(plain(row.get("take_available", "")).casefold())
        if take_available is None:
            raise Refused(RefusalCode.SHAPE_INVALID)
        source_ref = text_of(row["source_ref"], SOURCE_REF_MAX)
        effective_on = day_of(row["effective_on"])
        account, amount = self._account(row["account"], self.today), fen_of(row["amount"])
        key = self._key(row, source_ref, institution, effective_on, amount, take_available)
        command = Spend(
            book=account,
            amount_fen=amount,
            effective_on=effective_on,
            institution=institution,
            source_ref=source_ref,
            take_available=take_available,
            caller=self.caller,
            actor=self.actor,
            key=key,
        )
        return command, amount
