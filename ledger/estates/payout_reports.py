"""Orders to pay shares of estates to banks, as they stand: what waits for a review, what is to be paid."""

from __future__ import annotations

import json
from datetime import date
from typing import Final, NamedTuple

from sqlalchemy import Connection, Select, and_, exists, not_, select, tuple_

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.payouts import PayoutWord
from ledger.people.dated import Sealed
from ledger.vault import Keyring, is_erased

_P, _E = tables.estate_payout.c, tables.entry.c
_REVIEW, _PAID = tables.entry.alias("review"), tables.entry.alias("paid")
_BACK = tables.entry.alias("back")
_ASKER, _REVIEWER = tables.agent.alias("asker"), tables.agent.alias("reviewer")
_LATER, _UNDO = tables.estate_payout.alias("later"), tables.entry.alias("undo")
_CONTEXT: Final = b"estate_payout|"


class BankDetails(NamedTuple):
    """To whom a share is paid, and the document that says so."""

    account_holder: str
    bank: str
    bank_account: str
    document: str


class PayoutSeen(NamedTuple):
    """An order as it stands; the bank details are sealed."""

    book_id: int
    seq: int
    death_seq: int
    person_id: int
    amount: int
    details: Sealed
    state: PayoutWord
    ordered_on: date
    ordered_by: str
    reviewed_by: str | None
    source_ref: str | None


def context(digest: bytes) -> bytes:
    """Under what bank details are sealed that have a digest."""
    return _CONTEXT + digest


def seal_details(details: BankDetails, keyring: Keyring) -> Sealed:
    """Bank details as they are written down."""
    text = json.dumps(details, ensure_ascii=False)
    digest = details_digest(text, keyring)
    return Sealed(digest, keyring.seal(text, context(digest)))


def details_digest(text: str, keyring: Keyring) -> bytes:
    """What bank details are compared by, as they are sealed; an entry says it."""
    return keyring.digest("estate_payout", text)


def open_details(sealed: Sealed, keyring: Keyring) -> BankDetails | None:
    """The bank details themselves; None where whose they are was erased. Raises KeyringError."""
    if is_erased(sealed.sealed):
        return None
    return BankDetails._make(json.loads(keyring.open(sealed.sealed, context(sealed.digest))))


_REPLACED = exists(
    select(_LATER.c.seq).where(
        _LATER.c.book_id == _P.book_id, _LATER.c.person_id == _P.person_id, _LATER.c.seq > _P.seq
    )
) | exists(
    select(_UNDO.c.seq).where(
        _UNDO.c.book_id == _P.book_id, _UNDO.c.seq > _P.seq, _UNDO.c.kind == int(Kind.ESTATE_UNDO)
    )
)
_IS: Final = {
    PayoutWord.RETURNED: _BACK.c.seq.is_not(None),
    PayoutWord.PAID: and_(_PAID.c.seq.is_not(None), _BACK.c.seq.is_(None)),
    PayoutWord.REPLACED: and_(_PAID.c.seq.is_(None), _REPLACED),
    PayoutWord.REVIEWED: and_(_PAID.c.seq.is_(None), _REVIEW.c.seq.is_not(None), not_(_REPLACED)),
    PayoutWord.WAITING: and_(_REVIEW.c.seq.is_(None), not_(_REPLACED)),
}


def _select() -> Select[tuple[object, ...]]:
    return (
        select(
            _P.book_id, _P.seq, _P.person_id, _P.amount, _P.digest, _P.sealed, _E.detail, _E.effective_on,
            _ASKER.c.name.label("ordered_by"), _REVIEWER.c.name.label("reviewed_by"),
            _REVIEW.c.seq.label("review_seq"), _PAID.c.seq.label("paid_seq"), _PAID.c.source_ref,
            _BACK.c.seq.label("back_seq"),
            _REPLACED.label("replaced"),
        )
        .join_from(tables.estate_payout, tables.entry, (_E.book_id == _P.book_id) & (_E.seq == _P.seq))
        .join(_ASKER, _ASKER.c.agent_id == _E.actor)
        .outerjoin(_REVIEW, (_REVIEW.c.book_id == _P.book_id) & (_REVIEW.c.target_seq == _P.seq))
        .outerjoin(_REVIEWER, _REVIEWER.c.agent_id == _REVIEW.c.actor)
        .outerjoin(_PAID, (_PAID.c.book_id == _P.book_id) & (_PAID.c.target_seq == _REVIEW.c.seq))
        .outerjoin(_BACK, (_BACK.c.book_id == _P.book_id) & (_BACK.c.target_seq == _PAID.c.seq))
    )  # fmt: skip


def payouts(
    connection: Connection, word: PayoutWord | None, after: tuple[int, int] | None, limit: int
) -> list[PayoutSeen]:
    """At most `limit` orders in one state, or in any, by account and number, after those of the last page."""
    query = _select().order_by(_P.book_id, _P.seq).limit(limit)
    if word is not None:
        query = query.where(_IS[word])
    if after is not None:
        query = query.where(tuple_(_P.book_id, _P.seq) > tuple_(*after))
    found: list[PayoutSeen] = []
    for row in connection.execute(query).mappings():
        state = (
            PayoutWord.RETURNED
            if row["back_seq"] is not None
            else PayoutWord.PAID
            if row["paid_seq"] is not None
            else PayoutWord.REPLACED
            if row["replaced"]
            else PayoutWord.REVIEWED
            if row["review_seq"] is not None
            else PayoutWord.WAITING
        )
        found.append(
            PayoutSeen(
                row["book_id"],
                row["seq"],
                unpack(row["detail"])["death"],
                row["person_id"],
                row["amount"],
                Sealed(bytes(row["digest"]), bytes(row["sealed"])),
                state,
                row["effective_on"],
                row["ordered_by"],
                row["reviewed_by"],
                row["source_ref"],
            )
        )
    return found


def concerned(connection: Connection, book_id: int, seq: int) -> set[int]:
    """Whom an order is about: the heir, and the other heirs of the account; nobody where there is none."""
    person = connection.scalar(select(_P.person_id).where(_P.book_id == book_id, _P.seq == seq))
    if person is None:
        return set()
    told = connection.scalars(select(_E.detail).where(_E.book_id == book_id, _E.kind == int(Kind.ESTATE)))
    return {person, *(line["person"] for detail in told for line in unpack(detail)["heirs"])}
