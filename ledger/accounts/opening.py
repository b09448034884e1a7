"""Opening an account (R1, R2): one for life per insured person, under the person's ID number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ledger.book.chain import TransferLine, genesis
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.numbers import OPENING_SEQ
from ledger.book.state import Book
from ledger.bounds.table import OPENED_ON
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.sides import Side
from ledger.people.births import remember_birth
from ledger.people.shared_numbers import check_whose
from ledger.policy import rates_since
from ledger.posting import TARGET, AlreadyThere, Command, Desk, PersonStake
from ledger.refusals import RefusalCode, Refused


@dataclass(slots=True)
class OpeningBalance:
    """What an earlier system hands over, in fen. An amount that could not be read is None."""

    current_year_fen: int | None
    carried_over_fen: int | None
    source_ref: str


@dataclass(eq=False)
class OpenAccount(Command):
    """Open the account of a person, or find it open already.

    `book` is the keyed digest of the ID number and `persons` holds the same person sealed; `candidates` are
    fresh account numbers of which the first free one is taken.
    """

    verb = "open"
    source_kind = None
    refused_with = (
        # another name behind the number
        RefusalCode.ACCOUNT_EXISTS_OTHER_PERSON,
        RefusalCode.ACCOUNT_CLOSED,
        # same person, other area, day or opening balance
        RefusalCode.OPENING_DIFFERS,
        # opened in the future, before birth, before 1990, or before the area's first interest rate
        RefusalCode.PERIOD_INVALID,
        RefusalCode.AMOUNT_INVALID,
    )
    needs = frozenset({TARGET})
    opens = True

    book: bytes
    persons: tuple[PersonStake, ...]
    candidates: tuple[int, ...]
    area: int
    opened_on: date
    opening: OpeningBalance | None = None
    sex: int | None = None
    birth_date: date | None = None
    caller: str = ""
    actor: str = ""
    key: str | None = None
    target_seq: int | None = OPENING_SEQ

    @property
    def opens_on(self) -> date:  # type: ignore[override]  # computed, where the base has a default
        return self.opened_on

    def content(self) -> str:
        opening = ""
        if self.opening is not None:
            opening = (
                f"{self.opening.current_year_fen}|{self.opening.carried_over_fen}|{self.opening.source_ref}"
            )
        return (
            f"{self.persons[0].name_digest.hex()}|{self.area}|{self.opened_on}|{self.sex or ''}"
            f"|{self.birth_date or ''}|{opening}"
        )

    def decide(self, desk: Desk) -> None:
        if self.area not in desk.policies:
            raise Refused(RefusalCode.AREA_UNKNOWN, at="area")
        check_whose(desk, self, self.persons[0])
        if desk.book is not None:
            self._compare(desk)
        OPENED_ON.admit(
            self.opened_on,
            desk.today,
            "opened_on",
            birth=self.persons[0].born_on,
            rates=rates_since(desk.policies[self.area]),
        )
        self._open(desk)

    def _compare(self, desk: Desk) -> None:
        """The account is there: the same opening is answered with it, another one is refused."""
        book: Book = desk.book
        if book.stage == Stage.CLOSED:
            raise Refused(RefusalCode.ACCOUNT_CLOSED)
        first = desk.target(OPENING_SEQ)
        if first is None:
            raise AssertionError("a book begins with its opening")
        same = (book.area, book.opened_on) == (self.area, self.opened_on)
        if self.opening is None:
            same = same and first.source_ref is None
        else:
            same = same and (first.current_year_after, first.carried_over_after, first.source_ref) == (
                self.opening.current_year_fen,
                self.opening.carried_over_fen,
                self.opening.source_ref,
            )
        if not same:
            raise Refused(RefusalCode.OPENING_DIFFERS)
        raise AlreadyThere(first)

    def _open(self, desk: Desk) -> None:
        transfers: list[TransferLine] = []
        source_ref = None
        if self.opening is not None:
            source_ref = self.opening.source_ref
            for name, side, fen in (
                ("current_year", Side.CURRENT_YEAR, self.opening.current_year_fen),
                ("carried_over", Side.CARRIED_OVER, self.opening.carried_over_fen),
            ):
                if fen is None:
                    raise Refused(RefusalCode.AMOUNT_INVALID, at=f"opening/{name}")
                if fen:
                    transfers.append((int(Side.TAKEOVER), int(side), fen, None))
        book_id = desk.ids[self.book]
        remember_birth(desk, book_id, self.persons[0].born_on)
        year = self.opened_on.year
        desk.book = desk.working[book_id] = Book(
            book_id, 0, 0, 0, 0, desk.persons[self.book].person_id, 0, self.area, self.opened_on, None,
            year, year - 1, 0, Stage.ACTIVE, genesis(book_id),
        )  # fmt: skip
        desk.book.add(
            Draft(
                Kind.OPENING,
                self.opened_on,
                tuple(transfers),
                source_ref=source_ref,
                detail=pack(area=self.area),
                keyed=True,
            )
        )
