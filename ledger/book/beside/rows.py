"""What an entry writes beside itself, and the digest over it. Pure."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from ledger.book.beside.care_rows import ClaimRow, ContractRow, FilingRow, SettlementRow, SuspensionRow
from ledger.book.beside.enrolments import EnrolmentRow
from ledger.book.beside.levies import AssessmentLine, DeclaredLine, LevyLine


class Rows(NamedTuple):
    """What an entry writes beside itself."""

    levy: tuple[LevyLine, ...] = ()
    assessment: tuple[AssessmentLine, ...] = ()
    declared: tuple[DeclaredLine, ...] = ()
    enrolment: EnrolmentRow | None = None
    settlement: SettlementRow | None = None
    filing: FilingRow | None = None
    claim: ClaimRow | None = None
    contract: ContractRow | None = None
    suspension: SuspensionRow | None = None

    def digest(self) -> str:
        """Sixteen hex digits over the rows; the entry keeps them, so that the chain covers its rows too.

        The sealed number is left out: what is sealed twice is never the same.
        """
        told = sha256()
        for levy in self.levy:
            told.update(("L" + "|".join(map(str, levy)) + "\n").encode())
        for line in self.assessment:
            told.update(f"A{'|'.join(map(_plain, (*line[:2], int(line.kind), *line[3:])))}\n".encode())
        for declared in self.declared:
            told.update(f"D{'|'.join(map(_plain, declared[:7]))}\n".encode())
        if self.enrolment is not None:
            told.update(f"E{'|'.join(map(_plain, self.enrolment))}\n".encode())
        for letter, row in (
            ("S", self.settlement), ("F", self.filing), ("C", self.claim), ("K", self.contract),
            ("U", self.suspension),
        ):  # fmt: skip
            if row is not None:
                # the lengths in front: no text can be cut otherwise into the same bytes
                lengths = [len(value) for value in row if isinstance(value, str)]
                told.update(f"{letter}{lengths}{'|'.join(map(str, row))}\n".encode())
        return told.hexdigest()[:16]


def _plain(value: object) -> str:
    return "" if value is None else str(value)
