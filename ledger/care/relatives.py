"""What an annual settlement gives back of relatives' money goes to those it came from (R36, R42, K6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection

from ledger.accounts.inheritance import hand_on, heirs_to_lock
from ledger.accounts.quotas import GIVEN
from ledger.book.beside import rows_digest
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.numbers import entry_name
from ledger.book.state import Book
from ledger.care.difference_rows import difference_row
from ledger.care.reads import SETTLEMENTS, first_entry
from ledger.care.recomputation import Part
from ledger.care.rows import SettlementRow
from ledger.chart.care import CareTable, Channel
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.sides import Side
from ledger.database.lookups import Lookup
from ledger.posting import Desk, Need, Receipt, WiderLocks
from ledger.posting.needs import Asked
from ledger.posting.reads import ENTRY_FIELDS, ENTRY_RETURNS, receipts

# the bills of a year that relatives paid of, those that the account has paid of since the turn of the year,
# and its statements
_OF_THE_YEAR = Lookup(
    f"SELECT {ENTRY_FIELDS} FROM {{given}} JOIN settlement s ON s.book_id = given.book_id"
    " AND s.care_date >= given.first AND s.care_date <= given.last"
    f" AND (s.mutual_pay <> 0 OR s.account_pay <> 0 OR s.channel = {int(Channel.ANNUAL)})"
    " JOIN entry e ON e.book_id = s.book_id AND e.seq = s.seq"
    f" AND (s.mutual_pay <> 0 OR s.channel = {int(Channel.ANNUAL)} OR e.effective_on >= given.turn)"
    " ORDER BY e.book_id, e.seq",
    ENTRY_RETURNS,
    book_id="big",
    first="date",
    last="date",
    turn="date",
)
# the statements since a bill, of whatever years
_SINCE = Lookup(
    f"SELECT {ENTRY_FIELDS} FROM {{given}} JOIN settlement s ON s.book_id = given.book_id"
    f" AND s.seq > given.since AND s.channel = {int(Channel.ANNUAL)}"
    " JOIN entry e ON e.book_id = s.book_id AND e.seq = s.seq ORDER BY e.book_id, e.seq",
    ENTRY_RETURNS,
    book_id="big",
    since="int",
)
_TOLD = frozenset({Kind.SETTLEMENT, Kind.ANNUAL_SETTLEMENT})

_FUNDS = (Side.POOLED_FUND, Side.LARGE_FUND)

# by book and entry
Entries = dict[int, dict[int, Receipt]]


def _read(connection: Connection, asked: Asked, desk: Desk) -> Entries:
    turn = f"{desk.today.year}-01-01"
    wanted = {
        (book_id, f"{command.care_year}-01-01", f"{command.care_year}-12-31", turn)
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


def _read_since(connection: Connection, asked: Asked, desk: Desk) -> Entries:
    wanted = {
        (book_id, since)
        for book_id, command in asked
        if book_id in desk.books and (since := first_entry(book_id, command, desk)) is not None
    }
    found: Entries = {}
    for receipt in receipts(connection, _SINCE.run(connection, sorted(wanted))):
        found.setdefault(receipt.book_id, {})[receipt.seq] = receipt
    return found


def _follow_since(found: Entries, _desk: Desk, receipt: Receipt, _beside: object) -> None:
    if receipt.kind is Kind.ANNUAL_SETTLEMENT:
        found.setdefault(receipt.book_id, {})[receipt.seq] = receipt


# of the bill that a command takes back
STATEMENTS_SINCE: Need[Entries] = Need("the statements since a bill", _read_since, follow=_follow_since)


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
    """What statements say that they gave back: donor's book, donation, fen, bill. What was claimed again is
    below zero.
    """
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
    before = returned_of_donations(entries)
    found: list[Return] = []
    for bill_seq, of_bill in aid_back:
        left = min(fen, of_bill)
        fen -= left
        for given in reversed(_donations(entries[bill_seq])):
            came = before.get((given.donor_id, given.seq), 0)
            part = min(left, given.current_year + given.carried_over - came)
            if part:
                found.append(Return(given, part, came))
                left -= part
    return found


def returned_of_donations(entries: Mapping[int, Receipt]) -> dict[tuple[int, int], int]:
    """What statements gave back so far of each donation: of a donor's book and entry."""
    found: dict[tuple[int, int], int] = {}
    for donor_id, seq, back, _bill in _told(entries):
        found[donor_id, seq] = found.get((donor_id, seq), 0) + back
    return found


def _donations(bill: Receipt) -> list[Donation]:
    """What relatives gave for a bill, in the order in which they paid."""
    return [
        Donation(bill.seq, donor_id, seq, quota_seq, current, carried, bill.effective_on)
        for donor_id, seq, quota_seq, current, carried in unpack(bill.detail).get("aid", ())
    ]


def over_returned(entries: Mapping[int, Receipt], aid_over: Sequence[tuple[int, int]]) -> list[Return]:
    """Of which donations too much came back, by the bills of `aid_over`; to whom it came last gives first."""
    before = returned_of_donations(entries)
    found: list[Return] = []
    for bill_seq, too_much in aid_over:
        left = too_much
        for given in _donations(entries[bill_seq]):
            came = before.get((given.donor_id, given.seq), 0)
            part = min(left, came)
            if part:
                found.append(Return(given, part, came))
                left -= part
    return found


def within_reach(desk: Desk, again: Sequence[Return]) -> list[Return]:
    """The same as far as it is there: in the quota while that stands, else free; the books are locked."""
    used: dict[tuple[int, int], int] = {}
    found: list[Return] = []
    for one in again:
        donor_id, quota_seq = one.donation.donor_id, one.donation.quota_seq
        donor = desk.other(donor_id)
        if donor is None:
            raise AssertionError("the donors were locked")
        quota = donor.of(GIVEN).rows[quota_seq]
        place = donor_id, 0 if quota.ended else quota_seq
        there = donor.available if quota.ended else quota.remaining
        fen = min(one.fen, there - used.get(place, 0))
        if fen > 0:
            used[place] = used.get(place, 0) + fen
            found.append(one._replace(fen=fen))
    return found


def ask_again(desk: Desk, patient: Book, statement_seq: int, again: Sequence[Return]) -> list[list[int]]:
    """Add the relatives' entries of what is claimed again; as the statement keeps them, fen below zero."""
    told: list[list[int]] = []
    for given, fen, _before in again:
        donor = desk.other(given.donor_id)
        if donor is None:
            raise AssertionError("the donors were locked")
        quotas = donor.of(GIVEN)
        quota = quotas.rows[given.quota_seq]
        if not quota.ended:
            quotas.set(given.quota_seq, quota._replace(remaining=quota.remaining - fen))
        draft = Draft(
            Kind.AID_BACK,
            max(desk.today, donor.opened_on),
            reserved_change=None if quota.ended else -fen,
            detail=_facts(given, patient, statement_seq),
        )
        # as a rule it had come back after the year end
        donor.debit(draft, fen, Side.MUTUAL_AID_CLEARING, patient.book_id, current_year_first=False)
        told.append([given.donor_id, draft.seq, given.seq, given.quota_seq, -fen, given.bill_seq])
    return told


def take_from_funds(
    desk: Desk,
    patient: Book,
    row: SettlementRow,
    reversal_seq: int,
    fen: int,
) -> None:
    """Give the funds what they had paid to relatives of a bill that is taken back, as yearly differences.

    `row` is that of the bill. What is given back to the relatives with it is less by `fen`. The statements of
    the year say which funds had paid it; of the last one it comes off first.
    """
    year = row.care_date.year
    rows, statements = desk.of(SETTLEMENTS)[patient.book_id], desk.of(STATEMENTS_SINCE)[patient.book_id]
    # by table and kind of benefit
    paid: dict[tuple[CareTable, str], int] = {}
    for seq, entry in sorted(statements.items(), reverse=True):
        if entry.period == year:
            for what, moved in _paid_to_relatives(entry, rows[seq]).items():
                place = rows[seq].care_table, what
                paid[place] = paid.get(place, 0) + moved
    for (table, what), there in paid.items():
        back = min(fen, there)
        if back > 0:
            fen -= back
            _take_from_fund(desk, patient, row, reversal_seq, _part(table, what, -back))
    if fen:
        raise AssertionError("what came back to relatives was paid by funds")


def _part(table: CareTable, what: str, fen: int) -> Part:
    amounts = {"pooled": 0, "large": 0, "top_up": 0, what: fen}
    return Part(table, **amounts)


def _paid_to_relatives(entry: Receipt, row: SettlementRow) -> dict[str, int]:
    """What funds paid to relatives by an entry of a yearly difference, by kind; what they got back is below
    zero.
    """
    moved = {
        (Side(source), Side(target)): fen
        for source, target, fen, _party in entry.transfers
        if Side.MUTUAL_AID_CLEARING in {source, target}
    }
    if any(target in _FUNDS for _source, target in moved):
        return {"pooled": row.pooled_pay, "large": row.large_pay, "top_up": row.top_up_pay}
    of_large = moved.get((Side.LARGE_FUND, Side.MUTUAL_AID_CLEARING), 0)
    large = min(of_large, max(row.large_pay, 0))
    pooled = moved.get((Side.POOLED_FUND, Side.MUTUAL_AID_CLEARING), 0)
    return {"pooled": pooled, "large": large, "top_up": of_large - large}


def _take_from_fund(desk: Desk, patient: Book, row: SettlementRow, reversal_seq: int, part: Part) -> None:
    moves = tuple((int(Side.MUTUAL_AID_CLEARING), int(fund), -fen, None) for fund, fen in part.flows() if fen)
    year = row.care_date.year
    beside = (difference_row(part, moves, year, desk.today, row.member_class),)
    patient.add(
        Draft(
            Kind.ANNUAL_SETTLEMENT,
            desk.today,
            moves,
            period=year,
            detail=pack(reversal=entry_name(patient.book_id, reversal_seq), rows=rows_digest(beside)),
            beside=beside,
        )
    )


def _facts(given: Donation, patient: Book, statement_seq: int) -> str:
    return pack(quota=given.quota_seq, donation=given.seq, statement=[patient.book_id, statement_seq])


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
    detail = _facts(given, patient, statement_seq)
    draft = Draft(Kind.AID_BACK, today, reserved_change=reserved, detail=detail)
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
