"""What an annual settlement gives back of relatives' money goes to those it came from (R36, R42, K6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ledger.accounts.inheritance import hand_on, heirs_to_lock
from ledger.accounts.quotas import GIVEN
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.chart.care import Channel
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.sides import Side
from ledger.database.lookups import Lookup
from ledger.posting import Desk, Need, Receipt, WiderLocks
from ledger.posting.needs import Asked
from ledger.posting.reads import ENTRY_FIELDS, ENTRY_RETURNS, receipts

# the bills of a year that relatives paid of, and its statements
_OF_THE_YEAR = Lookup(
    f"SELECT {ENTRY_FIELDS} FROM {{given}} JOIN settlement s ON s.book_id = given.book_id"
    " AND s.care_date >= given.first AND s.care_date <= given.last"
    f" AND (s.mutual_pay <> 0 OR s.channel = {int(Channel.ANNUAL)})"
    " JOIN entry e ON e.book_id = s.book_id AND e.seq = s.seq ORDER BY e.book_id, e.seq",
    ENTRY_RETURNS,
    book_id="big",
    first="date",
    last="date",
)
_TOLD = frozenset({Kind.SETTLEMENT, Kind.ANNUAL_SETTLEMENT})

# by book and entry
Entries = dict[int, dict[int, Receipt]]


def _read(connection: Connection, asked: Asked, desk: Desk) -> Entries:
    wanted = {
        (book_id, f"{command.care_year}-01-01", f"{command.care_year}-12-31")
        for book_id, command in asked
        if book_id in desk.books
    }
    found: Entries = {}
    for receipt in receipts(connection, _OF_THE_YEAR.run(connection, sorted(wanted))):
        found.setdefault(receipt.book_id, {})[receipt.seq] = receipt
        desk.targets[receipt.book_id, receipt.seq] = receipt
    return found


def _follow(found: Entries, _desk: Desk, receipt: Receipt, _beside: object) -> None:
    if receipt.kind in _TOLD:
        found.setdefault(receipt.book_id, {})[receipt.seq] = receipt


# of the year that a command is about (`care_year`)
YEAR_ENTRIES: Need[Entries] = Need("the bills and statements of a year", _read, follow=_follow)


class Donation(NamedTuple):
    """What one relative gave for one bill: an entry of the relative's, and out of which pocket. In fen."""

    bill_seq: int
    donor_id: int
    seq: int
    quota_seq: int
    current_year: int
    carried_over: int
    given_on: date


class Return(NamedTuple):
    """What of a donation comes back now; `before` is what came back of it already."""

    donation: Donation
    fen: int
    before: int


def returned_before(entries: Mapping[int, Receipt]) -> dict[int, int]:
    """What earlier statements gave back to relatives, by the bill that it was given for."""
    found: dict[int, int] = {}
    for _donor, _seq, fen, bill_seq in _told(entries):
        found[bill_seq] = found.get(bill_seq, 0) + fen
    return found


def _told(entries: Mapping[int, Receipt]) -> list[tuple[int, int, int, int]]:
    """What statements say that they gave back: donor's book, donation, fen, bill."""
    return [
        (donor_id, seq, fen, bill_seq)
        for entry in entries.values()
        if entry.kind is Kind.ANNUAL_SETTLEMENT
        for donor_id, _back, seq, _quota, fen, bill_seq in unpack(entry.detail).get("aid", ())
    ]


def returns(entries: Mapping[int, Receipt], aid_back: Sequence[tuple[int, int]], fen: int) -> list[Return]:
    """Who gets back how much of `fen`, by the bills of `aid_back` in their order.

    Of a bill the relative who paid last gets back first, the reverse of the order in which they pay (K3).
    """
    before: dict[tuple[int, int], int] = {}
    for donor_id, seq, back, _bill in _told(entries):
        before[donor_id, seq] = before.get((donor_id, seq), 0) + back
    found: list[Return] = []
    for bill_seq, of_bill in aid_back:
        left = min(fen, of_bill)
        fen -= left
        bill = entries[bill_seq]
        for donor_id, seq, quota_seq, current, carried in reversed(unpack(bill.detail).get("aid", ())):
            came = before.get((donor_id, seq), 0)
            part = min(left, current + carried - came)
            if part:
                given = Donation(bill_seq, donor_id, seq, quota_seq, current, carried, bill.effective_on)
                found.append(Return(given, part, came))
                left -= part
    return found


def lock_relatives(desk: Desk, patient: Book, back: Sequence[Return]) -> None:
    """Have the relatives' books locked, and those of the heirs of whoever is gone."""
    donors = {one.donation.donor_id for one in back}
    unlocked = sorted(donors - desk.books.keys())
    closed = [patient, *(desk.books[donor_id] for donor_id in donors if donor_id in desk.books)]
    unlocked += heirs_to_lock(desk, closed)
    if unlocked:
        raise WiderLocks(unlocked)


def give_back(desk: Desk, patient: Book, statement_seq: int, back: Sequence[Return]) -> list[list[int]]:
    """Add the relatives' entries; as the statement keeps them: [book, entry, donation, quota, fen, bill].

    Into the quota while it stands, else free; into the pockets that it came from, the last one first, and
    after a year end into carried_over. A closed account hands it on to its heirs.
    """
    return [_give_back(desk, patient, statement_seq, one) for one in back]


def _give_back(desk: Desk, patient: Book, statement_seq: int, back: Return) -> list[int]:
    given, fen, before = back
    donor = desk.other(given.donor_id)
    if donor is None:
        raise AssertionError("the donors were locked")
    quotas = donor.of(GIVEN)
    quota = quotas.rows[given.quota_seq]
    reserved = None
    if not quota.ended:
        quotas.set(given.quota_seq, quota._replace(remaining=quota.remaining + fen))
        reserved = fen
    # debits take one pocket after the other; what came back before came back to the last one first
    to_carried = min(fen, max(given.carried_over - before, 0))
    today = max(desk.today, donor.opened_on)
    facts: dict[str, Any] = {
        "quota": given.quota_seq,
        "donation": given.seq,
        "statement": [patient.book_id, statement_seq],
    }
    draft = Draft(Kind.AID_BACK, today, reserved_change=reserved, detail=pack(**facts))
    donor.restore(
        draft,
        (fen - to_carried, to_carried),
        Side.MUTUAL_AID_CLEARING,
        patient.book_id,
        same_year=given.given_on.year == today.year,
    )
    if donor.stage == Stage.CLOSED:
        hand_on(desk, donor, draft)
    return [given.donor_id, draft.seq, given.seq, given.quota_seq, fen, given.bill_seq]
