"""Filings (R40): that a person lives elsewhere for long, was referred, or needed care at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ledger.book.beside import rows_digest
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.bounds.care import FILED_FROM
from ledger.bounds.table import ENDS_ON
from ledger.care.reads import FILINGS
from ledger.care.rows import FilingRow
from ledger.chart.care import Filing
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Verb
from ledger.institutions.areas import check_area
from ledger.people.births import BIRTHS, birth_before
from ledger.posting import TARGET, AlreadyThere, BookRef, Command, Desk, Receipt, WiderLocks
from ledger.refusals import RefusalCode, Refused

# a referral inside the area is written by an institution of this level
REFERRING_LEVEL = 1


@dataclass(eq=False)
class RecordFiling(Command):
    """Record what was filed for care from a day to a day, in one area or in any.

    What is filed after the care counts at the annual settlement, if it comes by the policy's deadline. A
    referral for care inside the own area names the level-1 institution that gives it. The same filing sent
    again (kind, area, institution, first day), under whatever key, is answered with the first, ended or not.
    """

    verb = "file"
    refused_with = (
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_TRANSFERRING,
        RefusalCode.ACCOUNT_DECEASED,
        RefusalCode.PERIOD_INVALID,
        RefusalCode.INSTITUTION_UNKNOWN,
        RefusalCode.NOT_DESIGNATED,
        RefusalCode.CONTRACT_SUSPENDED,
        # a referral inside the area by none or by a hospital of a higher level;
        # a long-term filing for the own area
        RefusalCode.FILING_NOT_APPLICABLE,
        # the same with another last day
        RefusalCode.FILING_DIFFERS,
    )

    needs = frozenset({TARGET, FILINGS, BIRTHS})

    book: BookRef
    filing: Filing
    valid_from: date
    valid_to: date | None
    # the area of care; None is any outside the own one
    area: int | None
    institution: str | None = None
    evidence: str = ""
    caller: str = ""
    actor: str = ""
    key: str | None = None
    # the filing that is there, once it was found
    target_seq: int | None = None

    def content(self) -> str:
        return (
            f"{self.filing.word}|{self.valid_from}|{self.valid_to or ''}|{self.area or ''}"
            f"|{self.institution or ''}|{self.evidence}"
        )

    @property
    def alive_on(self) -> date:  # type: ignore[override]  # computed, where the base has a default
        return self.valid_from

    def decide(self, desk: Desk) -> None:
        book = desk.book
        desk.allow(Verb.CARE_CASE, day=self.valid_from)
        birth = birth_before(desk, self, book, self.valid_from)
        FILED_FROM.admit(self.valid_from, desk.today, "valid_from", birth=birth)
        if self.valid_to is not None:
            ENDS_ON.admit(self.valid_to, desk.today, "valid_to", beginning=self.valid_from)
        if self.area is not None:
            check_area(self.area, desk.policies)
        institution = None
        if self.institution is not None:
            institution = desk.designated(self.institution, self.valid_from)
        if self.area == book.area and (
            self.filing is Filing.LONG_TERM
            or (
                self.filing is Filing.REFERRED
                and (institution is None or institution.level != REFERRING_LEVEL)
            )
        ):
            raise Refused(RefusalCode.FILING_NOT_APPLICABLE, at="filing")
        party = None if institution is None else institution.party_id
        row = FilingRow(self.filing, self.valid_from, self.valid_to, self.area, party)
        there = self._there(desk, row)
        if there is not None:
            raise AlreadyThere(there)
        beside = (row,)
        book.roll_to(desk.today.year)
        facts: dict[str, object] = {"filing": self.filing.word, "from": self.valid_from.isoformat()}
        if self.valid_to is not None:
            facts["to"] = self.valid_to.isoformat()
        if self.evidence:
            facts["evidence"] = self.evidence
        book.add(
            Draft(
                Kind.FILING,
                desk.today,
                keyed=True,
                beside=beside,
                detail=pack(**facts, rows=rows_digest(beside)),
            )
        )

    def _there(self, desk: Desk, sought: FilingRow) -> Receipt | None:
        """The entry of the filing that says the same and was recorded before, if any."""
        same = [
            one
            for one in desk.of(FILINGS).get(desk.book.book_id, ())
            if one.row._replace(valid_to=None, replaces_seq=None) == sought._replace(valid_to=None)
        ]
        if not same:
            return None
        known = next((one for one in same if one.row.valid_to == sought.valid_to), same[-1])
        entry = desk.target(known.seq)
        if entry is None:
            # which entry it is was not known before
            self.target_seq = known.seq
            raise WiderLocks(())
        # as it was recorded: it may have been ended since
        if unpack(entry.detail).get("to") != (sought.valid_to and sought.valid_to.isoformat()):
            raise Refused(RefusalCode.FILING_DIFFERS, at="valid_to")
        return entry


@dataclass(eq=False)
class EndFiling(Command):
    """Record the last day of the filing that the entry `target_seq` made. It may lie ahead.

    Bills of later days go without it from now on. Those that were settled with it stand until the annual
    settlement works the year out again, by what is known then.
    """

    verb = "end_filing"
    refused_with = (
        RefusalCode.FILING_NOT_FOUND,
        RefusalCode.ACCOUNT_CLOSED,
        # before it begins, or after it ends anyway
        RefusalCode.PERIOD_INVALID,
        RefusalCode.FILING_ENDED,
    )
    needs = frozenset({TARGET, FILINGS})

    book: BookRef
    target_seq: int
    valid_to: date
    reason: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.target_seq}|{self.valid_to}|{self.reason}"

    def decide(self, desk: Desk) -> None:
        book = desk.book
        filed = desk.target(self.target_seq)
        if filed is None or filed.kind is not Kind.FILING:
            raise Refused(RefusalCode.FILING_NOT_FOUND, at="target_seq")
        # it gives nothing and takes nothing: what is open may be ended until the account is closed
        desk.allow(Verb.RELEASE)
        standing = desk.of(FILINGS).get(book.book_id, ())
        row = next((one.row for one in standing if one.seq == self.target_seq), None)
        if row is None:
            # it was taken back
            raise Refused(RefusalCode.FILING_ENDED)
        ENDS_ON.admit(self.valid_to, desk.today, "valid_to", beginning=row.valid_from)
        until = unpack(filed.detail).get("to")
        if until is not None and self.valid_to > date.fromisoformat(until):
            raise Refused(RefusalCode.PERIOD_INVALID, at="valid_to", earliest=row.valid_from, latest=until)
        if desk.acted_on(self.target_seq) is not None:
            raise Refused(RefusalCode.FILING_ENDED)
        beside = (row._replace(valid_to=self.valid_to, replaces_seq=self.target_seq),)
        book.roll_to(desk.today.year)
        facts = {
            "filing": row.filing.word,
            "from": row.valid_from.isoformat(),
            "to": self.valid_to.isoformat(),
            "reason": self.reason,
        }
        book.add(
            Draft(
                Kind.FILING_END,
                desk.today,
                target_seq=self.target_seq,
                keyed=True,
                beside=beside,
                detail=pack(**facts, rows=rows_digest(beside)),
            )
        )
