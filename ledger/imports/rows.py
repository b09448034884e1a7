"""What the columns of a file mean: one line becomes one command, or is refused as the API would refuse it."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from hashlib import sha256
from typing import Final

from ledger.accounts.contributing import Contribute
from ledger.accounts.opening import OpenAccount, OpeningBalance
from ledger.accounts.spending import Spend
from ledger.book.numbers import new_book_id
from ledger.chart.parties import Party
from ledger.imports.lines import file_invalid
from ledger.money import parse_yuan
from ledger.months import parse_period
from ledger.people.persons import account_ref, stake_by_number
from ledger.posting import BookRef, Command
from ledger.refusals import RefusalCode, Refused
from ledger.texts import (
    INSTITUTION_CODE_MAX,
    NAME_MAX,
    SOURCE_REF_MAX,
    asks_for_cash,
    is_cash,
    is_key,
    is_name,
    parse_area,
    parse_day,
    read_name,
    read_text,
)
from ledger.vault import Keyring

CALLER: Final = "import"
CANDIDATES: Final = 4

_OPENING_COLUMNS = ("opening_current_year", "opening_carried_over", "opening_source_ref")
_KEY_COLUMN = "idempotency_key"

# A last line without a line end may have been cut. It is taken only when its last column is one of these,
# whose form is no longer met once a character is missing.
_SELF_ENDING: dict[str, Callable[[str], object]] = {
    "amount": re.compile(r"[0-9]+\.[0-9]{2}").fullmatch,
    "period": parse_period,
    "effective_on": parse_day,
    "opened_on": parse_day,
    "birth_date": parse_day,
    "received_on": parse_day,
    "area": parse_area,
    "wage": re.compile(r"[0-9]+\.[0-9]{2}").fullmatch,
    "sex": re.compile(r"[12]").fullmatch,
    "take_available": re.compile(r"true|false").fullmatch,
}


@dataclass(frozen=True, slots=True)
class FileKind:
    """One kind of file: its name, the columns that must be there, and those that may."""

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    # the required column that no other kind has
    mark: str
    # the columns whose sum is what a line names
    amounts: tuple[str, ...]


KINDS: Final = {
    kind.name: kind
    for kind in (
        FileKind(
            "accounts",
            ("id_number", "name", "area", "opened_on"),
            ("sex", "birth_date", *_OPENING_COLUMNS, _KEY_COLUMN),
            mark="id_number",
            amounts=("opening_current_year", "opening_carried_over"),
        ),
        FileKind(
            "contributions",
            ("account", "source_ref", "period", "effective_on", "amount"),
            (_KEY_COLUMN,),
            mark="period",
            amounts=("amount",),
        ),
        FileKind(
            "spendings",
            ("account", "source_ref", "institution", "effective_on", "amount"),
            ("take_available", _KEY_COLUMN),
            mark="institution",
            amounts=("amount",),
        ),
        FileKind(
            "employers",
            ("credit_code", "name", "area"),
            ("staff", _KEY_COLUMN),
            mark="credit_code",
            amounts=(),
        ),
        FileKind(
            "enrolments",
            ("account", "member_class", "employer", "from", "to"),
            (_KEY_COLUMN,),
            mark="member_class",
            amounts=(),
        ),
        FileKind(
            "declarations", ("employer", "period", "id_number", "wage"), (), mark="wage", amounts=("wage",)
        ),
        FileKind(
            "receipts",
            ("employer", "source_ref", "period", "received_on", "amount"),
            (_KEY_COLUMN,),
            mark="received_on",
            amounts=("amount",),
        ),
    )
}
# of a header that has the marks of two kinds, the one that says more
_SAYS_MORE: Final = {"declarations": {"accounts", "contributions"}, "receipts": {"contributions"}}


def default_key(kind: str, number: int, source_ref: str | None) -> str:
    """The key of a line: the file's kind, the line's number, five letters of its document's digest.

    Short, because it is stored twice for every line of every file. The document itself is unique in the book
    by its own index; here it only tells two files with the same line number apart.
    """
    place = f"{kind[0]}{number}"
    if source_ref is None:
        return place
    return f"{place}/{sha256(source_ref.encode()).hexdigest()[:5]}"


def split(text: str) -> list[str]:
    """The fields of a line. Raises Refused (shape_invalid) for quotes that do not fit."""
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error:
        raise Refused(RefusalCode.SHAPE_INVALID) from None


def read_header(text: str | None, expected: str | None) -> tuple[FileKind, tuple[str, ...]]:
    """The kind of a file and its columns, in the order they have there.

    Refused with file_invalid naming the problem, with cash_forbidden for a column that would lead money out.
    A column that is not known is named by its place: without a header, a person would stand there.
    """
    if text is None:
        raise file_invalid("the first line is not a header: it is too long, or holds control characters")
    try:
        columns = tuple(split(text))
    except Refused:
        raise file_invalid("the header's quotes do not fit") from None
    if any(map(asks_for_cash, columns)):
        raise Refused(RefusalCode.CASH_FORBIDDEN, problem="a column would lead account money out as cash")
    found = [kind for kind in KINDS.values() if kind.mark in columns]
    found = [kind for kind in found if not any(kind.name in _SAYS_MORE.get(one.name, ()) for one in found)]
    if expected is not None:
        kind = KINDS[expected]
    elif len(found) == 1:
        kind = found[0]
    else:
        known = "; ".join(f"{kind.name}: {','.join(kind.required)}" for kind in KINDS.values())
        raise file_invalid(f"the header is that of no kind of file ({known})")
    for place, column in enumerate(columns, start=1):
        if column not in kind.required and column not in kind.optional:
            raise file_invalid(f"column {place} is not known in a file of {kind.name}")
        if columns.index(column) != place - 1:
            raise file_invalid(f"column {column} stands there twice")
    missing = [column for column in kind.required if column not in columns]
    if missing:
        raise file_invalid(f"column {missing[0]} is missing in a file of {kind.name}")
    return kind, columns


@lru_cache(maxsize=4096)
def day_of(text: str) -> date:
    """A day. Refused with shape_invalid for a text that is none."""
    day = parse_day(text)
    if day is None:
        raise Refused(RefusalCode.SHAPE_INVALID)
    return day


def fen_of(text: str) -> int | None:
    """An amount, None for one that is none: where it is judged stands in the command."""
    try:
        return parse_yuan(text)
    except Refused:
        return None


def named_fen(text: str, kind: FileKind, columns: tuple[str, ...]) -> int:
    """What a line names in fen; nothing for one that cannot be read."""
    try:
        fields = split(text)
    except Refused:
        return 0
    if len(fields) != len(columns):
        return 0
    return sum(fen_of(fields[columns.index(name)]) or 0 for name in kind.amounts if name in columns)


def text_of(value: str, longest: int) -> str:
    """A text that identifies something, as it is kept. Refused with shape_invalid for what is none."""
    text = read_text(value, longest)
    if text is None:
        raise Refused(RefusalCode.SHAPE_INVALID)
    return text


def name_of(value: str, longest: int = NAME_MAX) -> str:
    """A name as it is kept. Refused with shape_invalid for no text, name_invalid for what names nobody."""
    name = read_name(value, longest)
    if name is None:
        raise Refused(RefusalCode.SHAPE_INVALID)
    if not is_name(name):
        raise Refused(RefusalCode.NAME_INVALID)
    return name


def fields_of(text: str | None, columns: tuple[str, ...], *, terminated: bool) -> dict[str, str]:
    """The fields of a line by column. Refused with shape_invalid for one that is not whole."""
    fields = [] if text is None else split(text)
    if len(fields) != len(columns):
        raise Refused(RefusalCode.SHAPE_INVALID)
    if not terminated:
        is_whole = _SELF_ENDING.get(columns[-1])
        if is_whole is None or not is_whole(fields[-1]):
            raise Refused(RefusalCode.SHAPE_INVALID)
    return dict(zip(columns, fields, strict=True))


class LineReader:
    """Makes the commands of one file."""

    def __init__(
        self, kind: str, columns: tuple[str, ...], keyring: Keyring, actor: str, today: date
    ) -> None:
        self.today = today
        self.columns = columns
        self.actor = actor
        self._keyring = keyring
        self._kind = kind
        self._make = self._makers()[kind]
        # lines of one person often stand together
        self._account = lru_cache(maxsize=4096)(self._account_ref)

    def command(self, number: int, text: str | None, *, terminated: bool) -> tuple[Command, int]:
        """The command of a line, and its amount in fen. Raises Refused as the API would."""
        return self._make(number, fields_of(text, self.columns, terminated=terminated))

    def _makers(self) -> dict[str, Callable[[int, dict[str, str]], tuple[Command, int]]]:
        return {
            "accounts": self._open_account,
            "contributions": self._contribute,
            "spendings": self._spend,
        }

    def _account_ref(self, text: str, today: date) -> BookRef:
        return account_ref(text, self._keyring, today)

    def _key(self, number: int, row: dict[str, str], source_ref: str | None) -> str:
        """The key of a line: what the file says, else its place and document, the same on every run."""
        given = row.get(_KEY_COLUMN, "")
        if given:
            if not is_key(given):
                raise Refused(RefusalCode.IDEMPOTENCY_KEY_INVALID)
            return given
        return default_key(self._kind, number, source_ref)

    def _open_account(self, number: int, row: dict[str, str]) -> tuple[Command, int]:
        name = name_of(row["name"])
        sex, birth_date = row.get("sex", ""), row.get("birth_date", "")
        area = parse_area(row["area"])
        if area is None or sex not in {"", "1", "2"} or not row["id_number"]:
            raise Refused(RefusalCode.SHAPE_INVALID)
        opened_on = day_of(row["opened_on"])
        born = day_of(birth_date) if birth_date else None
        opening = self._opening(row)
        key = self._key(number, row, None)
        stake, _parsed = stake_by_number(
            row["id_number"], name, self._keyring, self.today, sex=int(sex) if sex else None, birth_date=born
        )
        command = OpenAccount(
            book=stake.digest,
            persons=(stake,),
            candidates=tuple(new_book_id(Party.PERSON) for _ in range(CANDIDATES)),
            area=area,
            opened_on=opened_on,
            opening=opening,
            sex=int(sex) if sex else None,
            birth_date=born,
            caller=CALLER,
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

    def _contribute(self, number: int, row: dict[str, str]) -> tuple[Command, int]:
        source_ref = text_of(row["source_ref"], SOURCE_REF_MAX)
        effective_on = day_of(row["effective_on"])
        amount = fen_of(row["amount"])
        key = self._key(number, row, source_ref)
        command = Contribute(
            book=self._account(row["account"], self.today),
            amount_fen=amount,
            period=parse_period(row["period"]),
            effective_on=effective_on,
            source_ref=source_ref,
            caller=CALLER,
            actor=self.actor,
            key=key,
        )
        return command, amount or 0

    def _spend(self, number: int, row: dict[str, str]) -> tuple[Command, int]:
        institution = text_of(row["institution"], INSTITUTION_CODE_MAX)
        if is_cash(institution):
            raise Refused(RefusalCode.CASH_FORBIDDEN)
        take_available = row.get("take_available", "")
        if take_available not in {"", "true", "false"}:
            raise Refused(RefusalCode.SHAPE_INVALID)
        source_ref = text_of(row["source_ref"], SOURCE_REF_MAX)
        effective_on = day_of(row["effective_on"])
        amount = fen_of(row["amount"])
        key = self._key(number, row, source_ref)
        command = Spend(
            book=self._account(row["account"], self.today),
            amount_fen=amount,
            effective_on=effective_on,
            institution=institution,
            source_ref=source_ref,
            take_available=take_available == "true",
            caller=CALLER,
            actor=self.actor,
            key=key,
        )
        return command, amount or 0
