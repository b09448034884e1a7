"""What becomes of a case: somebody looks into it, it is answered once, and the answer is told (R64)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, insert, select

from ledger import tables
from ledger.book.numbers import entry_name
from ledger.cases.cases import COUNTING, Case, CaseState, Sight, context, corrections_of, find
from ledger.cases.subjects import find_entry
from ledger.chart.cases import CaseKind, CaseOutcome
from ledger.database.lookups import insert_or_leave
from ledger.inquiry.asking import Clerk
from ledger.inquiry.holders import holder_of, holder_of_book
from ledger.inquiry.watched import numbers_of_staff
from ledger.refusals import RefusalCode, Refused
from ledger.texts import actor_as_compared
from ledger.vault import Keyring

EVIDENCE_MAX: Final = 20
"""The most papers that an answer names."""
CORRECTIONS_MAX: Final = 50
"""The most postings that an answer names."""

RIGHTS: Final = (
    "如对本处理结果不服，可以自收到本答复之日起六十日内依法申请行政复议，"
    "或者自收到本答复之日起六个月内依法向人民法院提起行政诉讼。"
)
"""What somebody may do whose objection was decided, as it is shown to them (R64)."""
RIGHTS_BASIS: Final = "《中华人民共和国社会保险法》第八十三条"

_E = tables.entry.c


class CaseDecision(NamedTuple):
    """An answer. `corrections` are entries, by name, that put an error right."""

    outcome: CaseOutcome
    text: str
    evidence: tuple[str, ...] = ()
    corrections: tuple[str, ...] = ()


def decides_objection(kind: CaseKind, outcome: CaseOutcome | None) -> bool:
    """Whether it decides an objection: that rests on evidence, and tells of review and lawsuit (R64)."""
    return kind is CaseKind.OBJECTION and outcome not in {None, CaseOutcome.WITHDRAWN}


def take(connection: Connection, name: str, by: Clerk) -> Case:
    """Say that somebody looks into a case; the first who does has it. Outside a transaction.

    Raises Refused: case_not_found, case_answered.
    """
    written = by.row(connection)
    with connection.begin():
        if find(connection, name).state is not CaseState.OPEN:
            raise Refused(RefusalCode.CASE_ANSWERED)
        connection.execute(
            insert_or_leave(connection, tables.inquiry_case_taken), {"case_id": name} | written
        )
        return find(connection, name)


def answer(connection: Connection, keyring: Keyring, name: str, decision: CaseDecision, by: Clerk) -> Case:
    """Answer a case, once; the same again by the same changes nothing. Outside a transaction.

    Raises Refused: case_not_found; own_case, whatever system the person acts through; shape_invalid for an
    objection that is decided without evidence; entry_not_found and correction_too_early for a correction;
    case_answered.
    """
    written = by.row(connection)
    with connection.begin():
        found = find(connection, name)
        if actor_as_compared(found.opened_by) == actor_as_compared(by.actor) or _is_about(
            connection, found, by.actor
        ):
            raise Refused(RefusalCode.OWN_CASE)
        if not decision.evidence and decides_objection(found.kind, decision.outcome):
            raise Refused(RefusalCode.SHAPE_INVALID, at="evidence")
        corrections = _corrections(connection, found, decision.corrections)
        decision = decision._replace(corrections=tuple(entry_name(*place) for place in corrections))
        evidence = json.dumps(decision.evidence, ensure_ascii=False)
        row = {
            "case_id": name,
            "opened_by": found.opener,
            "outcome": int(decision.outcome),
            "text_sealed": keyring.seal(decision.text, context("answer", name)),
            "evidence_sealed": keyring.seal(evidence, context("evidence", name)),
            "answered_on": by.today,
        }
        insertion = insert_or_leave(connection, tables.inquiry_case_answer)
        if connection.execute(insertion, row | written, execution_options=COUNTING).rowcount != 1:
            return _again(connection, keyring, name, decision, by)
        if corrections:
            connection.execute(insert(tables.inquiry_case_correction), _rows(name, corrections))
        return find(connection, name)


def close(connection: Connection, name: str, by: Clerk, sight: Sight | None = None) -> Case:
    """Say that the answer was told; said again it stays as at first. Outside a transaction.

    Raises Refused: case_not_found, case_not_answered.
    """
    written = by.row(connection)
    with connection.begin():
        if find(connection, name, sight).state is CaseState.OPEN:
            raise Refused(RefusalCode.CASE_NOT_ANSWERED)
        connection.execute(
            insert_or_leave(connection, tables.inquiry_case_closing), {"case_id": name} | written
        )
        return find(connection, name)


def _again(connection: Connection, keyring: Keyring, name: str, decision: CaseDecision, by: Clerk) -> Case:
    """The case that was answered, if it was with just this. Raises Refused(case_answered)."""
    found = find(connection, name)
    stands = (
        found.outcome,
        found.answer(keyring),
        tuple(found.evidence(keyring)),
        tuple(corrections_of(connection, name)),
    )
    if found.answered_by != by.actor or stands != decision:
        raise Refused(RefusalCode.CASE_ANSWERED)
    return found


def _is_about(connection: Connection, case: Case, actor: str) -> bool:
    """Whether somebody who acts is registered as a person whom the case is about, or who opened it."""
    numbers = numbers_of_staff(connection, actor)
    if not numbers:
        return False
    own: set[bytes] = set()
    if case.person is not None:
        own.update(holder_of(connection, case.person).digests)
    if not case.subject.is_employers:
        own.update(holder_of_book(connection, case.subject.book_id).digests)
    return not numbers.isdisjoint(own)


def _corrections(connection: Connection, case: Case, names: Sequence[str]) -> list[tuple[int, int]]:
    """The entries that are named as corrections: of the case's account, and later than the case."""
    books = {case.subject.book_id}
    if case.person is not None:
        # of who reported a unit, what was put right may stand in their own account
        books.update(holder_of(connection, case.person).books)
    found: list[tuple[int, int]] = []
    for place, name in enumerate(names):
        at = f"corrections/{place}"
        book_id, seq = find_entry(connection, name, at)
        if book_id not in books:
            raise Refused(RefusalCode.ENTRY_NOT_FOUND, at=at)
        posted_at = select(_E.recorded_at).where(_E.book_id == book_id, _E.seq == seq)
        if connection.execute(posted_at).scalar_one() < case.opened_at:
            raise Refused(RefusalCode.CORRECTION_TOO_EARLY, at=at)
        found.append((book_id, seq))
    return list(dict.fromkeys(found))


def _rows(name: str, corrections: Iterable[tuple[int, int]]) -> list[dict[str, object]]:
    return [
        {"case_id": name, "place": place, "book_id": book_id, "entry_seq": seq}
        for place, (book_id, seq) in enumerate(corrections, start=1)
    ]
