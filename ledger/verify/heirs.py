"""Estates and heirs: each share is what the claims say, and stands where it went; undone, it went back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.book.numbers import parse_entry_name
from ledger.chart.kinds import LATER, Kind
from ledger.chart.sides import POCKETS, Side
from ledger.database.lookups import Lookup
from ledger.estates.case import EstateCase, claimants_of, read_cases
from ledger.estates.shares import agreed, entitlements
from ledger.posting import Receipt
from ledger.posting.reads import RECEIPT_COLUMNS, receipts
from ledger.refusals import Refused
from ledger.shares import divide
from ledger.verify.finding import UNREADABLE, Finding, line_name
from ledger.verify.named import Place, entries_named, place_of

_E = tables.entry.c
_ROWS_AT_ONCE = 500
_PEOPLE = Lookup(
    "SELECT i.person_id FROM {given} JOIN identity i ON i.person_id = given.person_id"
    # somebody whose account went into another is found as the person of that one since
    " UNION SELECT m.person_id FROM {given} JOIN account_merge m ON m.person_id = given.person_id",
    [tables.identity.c.person_id],
    person_id="big",
)


def people_known(connection: Connection, persons: set[int]) -> set[int]:
    """Those of some numbers of persons that somebody has."""
    return {person for (person,) in _PEOPLE.run(connection, [(one,) for one in sorted(persons)])}


def estates_reach_the_heirs(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """Each share of an estate stands in the heir's account, and each inheritance comes from an estate."""
    wanted = _E.book_id.between(first, last) & _E.kind.in_([int(Kind.ESTATE), int(Kind.INHERITANCE)])
    for found in _some(connection, wanted):
        names = {name for receipt in found for name in _other_ends(receipt)}
        named = entries_named(connection, names | {place for one in found for place in _claimants_named(one)})
        others = {other.name: other for other in named.values()}
        heirs = {party for receipt in found for _, _, _, party in receipt.transfers if party is not None}
        known = people_known(connection, heirs)
        for receipt in found:
            try:
                wrong = _unknown_heir(receipt, known) or (
                    (_unclaimed_fault(connection, receipt) or _estate_fault(receipt, others))
                    or _claimants_fault(connection, receipt, named)
                    if receipt.kind is Kind.ESTATE
                    else _inheritance_fault(receipt, others)
                )
            except UNREADABLE as error:
                wrong = f"what it says cannot be read ({type(error).__name__})"
            if wrong is not None:
                yield Finding("estate_wrong", line_name(receipt.book_id, receipt.seq), wrong)


def _some(connection: Connection, wanted: ColumnElement[bool]) -> Iterator[list[Receipt]]:
    rows = connection.execute(
        select(*(_E[name] for name in RECEIPT_COLUMNS))
        .where(wanted)
        .order_by(_E.book_id, _E.seq)
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    for some in rows.partitions(_ROWS_AT_ONCE):
        yield receipts(connection, some)


def _other_ends(receipt: Receipt) -> list[Place]:
    """The entries in other books that belong to this one; none of one that cannot be read."""
    texts: list[Any]
    if receipt.kind is Kind.INHERITANCE:
        texts = [receipt.source_ref]
    else:
        try:
            texts = [line.get("entry") for line in unpack(receipt.detail).get("heirs", [])]
        except UNREADABLE:
            return []
    names = (parse_entry_name(text) for text in texts if isinstance(text, str))
    return [name for name in names if name is not None]


def _claimants_named(receipt: Receipt) -> list[Place]:
    """The entry that named who claims the estate, where there is one."""
    if receipt.kind is not Kind.ESTATE:
        return []
    try:
        seq = unpack(receipt.detail).get("claimants")
        return [] if seq is None else [place_of(receipt.book_id, seq)]
    except UNREADABLE:
        return []


def _unknown_heir(receipt: Receipt, known: set[int]) -> str | None:
    unclaimed = receipt.kind is Kind.ESTATE and "unclaimed_to" in unpack(receipt.detail)
    if not unclaimed and any(party not in known for _, _, _, party in receipt.transfers):
        return "nobody is known as one of its heirs"
    return None


def _estate_fault(receipt: Receipt, others: Mapping[str, Receipt]) -> str | None:
    lines: list[dict[str, Any]] = unpack(receipt.detail)["heirs"]
    if "unclaimed_to" in unpack(receipt.detail):
        return None
    amounts = [line["amount"] for line in lines]
    weights = [Fraction(line["share"]) for line in lines]
    if amounts != divide(receipt.amount_fen, weights, [(line["rank"],) for line in lines]):
        return "it is not divided by the shares it names"
    for line in lines:
        person = line["person"]
        fen = sum(one["amount"] for one in lines if one["person"] == person)
        if sum(moved for _, _, moved, party in receipt.transfers if party == person) != fen:
            return "its transfers are not the shares it names"
        if fen and line["paid_to"] == "account":
            other = others.get(line["entry"])
            if other is None or other.kind is not Kind.INHERITANCE or other.source_ref != receipt.name:
                return f"the share of {fen} fen is not in the account of the heir ({line['entry']})"
            if _shares_in(other).get(person) != fen:
                return f"{line['entry']} is not the share of {fen} fen that this estate names"
    return None


def _unclaimed_fault(connection: Connection, receipt: Receipt) -> str | None:
    """What nobody inherited went whole to whom it says, after nobody was named; later money went after it."""
    told = unpack(receipt.detail)
    to = told.get("unclaimed_to")
    divided = None
    if receipt.target_seq is not None:
        divided = _divided_before(connection, receipt)
        if divided is not None and divided.get("unclaimed_to") != to:
            return "later money went elsewhere than the estate"
    if to is None:
        return None
    side = {"state": Side.ESTATE_PAYABLE, "pooled_fund": Side.POOLED_FUND}[to]
    if told["heirs"] or any(
        (target, party) != (side, None) for _source, target, _fen, party in receipt.transfers
    ):
        return "it did not go whole to whom it says"
    case = _case_until(connection, receipt)
    if divided is None and (case.is_disputed or case.held_since is None):
        return "somebody inherits it"
    return None


def _divided_before(connection: Connection, later: Receipt) -> dict[str, Any] | None:
    """What the estate says that closed the account, before this later money came."""
    found = connection.scalar(
        select(_E.detail)
        .where(
            _E.book_id == later.book_id,
            _E.kind == int(Kind.ESTATE),
            _E.target_seq.is_(None),
            _E.seq < later.seq,
        )
        .order_by(_E.seq.desc())
        .limit(1)
    )
    return None if found is None else unpack(found)


def _inheritance_fault(receipt: Receipt, others: Mapping[str, Receipt]) -> str | None:
    estate = others.get(receipt.source_ref or "")
    if estate is None or estate.kind is not Kind.ESTATE:
        return "the estate that it comes from is not there"
    shares = [line for line in unpack(estate.detail)["heirs"] if line.get("entry") == receipt.name]
    named: dict[int | None, int] = {}
    for line in shares:
        if line["amount"]:
            named[line["person"]] = named.get(line["person"], 0) + line["amount"]
    return None if named and _shares_in(receipt) == named else f"{estate.name} names no such share"


def _shares_in(inheritance: Receipt) -> dict[int | None, int]:
    """What came by each person: by two where both their accounts had, and are one since."""
    shares: dict[int | None, int] = {}
    for _, _, moved, person in inheritance.transfers:
        shares[person] = shares.get(person, 0) + moved
    return shares


def _claimants_fault(connection: Connection, receipt: Receipt, named: Mapping[Place, Receipt]) -> str | None:
    """An estate that names its claims is divided as titles, the law and what was agreed on say."""
    for place in _claimants_named(receipt):
        claimants_entry = named.get(place)
        if (
            claimants_entry is None
            or claimants_entry.kind is not Kind.ESTATE_CLAIMANTS
            or claimants_entry.seq >= receipt.seq
        ):
            return "the claimants that it names are not there"
        told = unpack(claimants_entry.detail)
        claimants = claimants_of(told)
        case = _case_until(connection, receipt)
        try:
            weights = entitlements(claimants, date.fromisoformat(told["paid_on"]))
            agreement = case.stands_for(claimants)
            if agreement is not None:
                weights = [share for share, _rank in agreed(claimants, agreement.shares)]
        except Refused:
            return "its claimants cannot share it"
        here = [(line["person"], Fraction(line["share"])) for line in unpack(receipt.detail)["heirs"]]
        if here != [(one.person, weight) for one, weight in zip(claimants, weights, strict=True)]:
            return f"its shares are not those of the claimants of {claimants_entry.name}"
        if case.is_disputed:
            return "it was paid while it was disputed"
    return None


def _case_until(connection: Connection, receipt: Receipt) -> EstateCase:
    """What was said of the estate before this entry."""
    cases = {receipt.book_id: EstateCase()}
    read_cases(connection, cases, before=receipt.seq)
    return cases[receipt.book_id]


# -- taken back --------------------------------------------------------------------------------------------


def shares_go_back_by_an_undoing(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """What was taken back of an estate came back whole, and each share that went back names the undoing."""
    wanted = _E.book_id.between(first, last) & _E.kind.in_(
        [int(Kind.ESTATE_UNDO), int(Kind.INHERITANCE_BACK)]
    )
    for found in _some(connection, wanted):
        places = {place: _places(one) for place, one in enumerate(found)}
        named = entries_named(connection, {place for some in places.values() for place in some or ()})
        for place, receipt in enumerate(found):
            ends = places[place]
            try:
                wrong = (
                    "what it says cannot be read"
                    if ends is None
                    else _undo_fault(connection, receipt, named)
                    if receipt.kind is Kind.ESTATE_UNDO and not _is_of_later_money(receipt)
                    else _part_fault(connection, receipt)
                    if receipt.kind is Kind.ESTATE_UNDO
                    else _back_fault(receipt, [named.get(end) for end in ends])
                )
            except UNREADABLE as error:
                wrong = f"what it says cannot be read ({type(error).__name__})"
            if wrong is not None:
                yield Finding("estate_wrong", line_name(receipt.book_id, receipt.seq), wrong)


def _places(receipt: Receipt) -> list[Place] | None:
    """The entries that belong to this one; None where it cannot be read."""
    try:
        told = unpack(receipt.detail)
        if receipt.kind is Kind.INHERITANCE_BACK:
            return [place_of(*told["undo"])]
        return [place_of(*line["entry"]) for line in told.get("back", ()) if "entry" in line]
    except UNREADABLE:
        return None


def _undo_fault(connection: Connection, undo: Receipt, named: Mapping[Place, Receipt]) -> str | None:
    """It gives back what each division and each set-off since the last undoing moved, to the fen."""
    went: dict[tuple[int, int | None], int] = {}
    for one in (*_undone(connection, undo), undo):
        for source, target, fen, party in one.transfers:
            for side, change in ((_pocket(source), -fen), (_pocket(target), fen)):
                went[side, party] = went.get((side, party), 0) + change
    if any(went.values()):
        return "it does not give back what was divided and set off"
    for line in unpack(undo.detail)["back"]:
        if "entry" not in line:
            continue
        other = named.get(place_of(*line["entry"]))
        if other is None or other.kind is not Kind.INHERITANCE_BACK:
            return "a share that went back is not there"
        if unpack(other.detail)["undo"] != [undo.book_id, undo.seq] or other.amount_fen != line["credited"]:
            return f"{other.name} is not the share that went back"
        owed = sum(fen for source, _, fen, _ in other.transfers if source == Side.RECEIVABLE)
        if owed != line["receivable"] or {party for *_, party in other.transfers} - {line["person"]}:
            return f"{other.name} owes another amount"
    return None


def _pocket(side: int) -> int:
    """The pockets are taken for one: after a year end money comes back to the other."""
    return int(Side.CARRIED_OVER) if side in POCKETS else side


def _undone(connection: Connection, undo: Receipt) -> list[Receipt]:
    """The divisions and set-offs of this book between the undoing before and this one, and what it gave back
    of later money just before.
    """
    kinds = [int(kind) for kind in (Kind.ESTATE, Kind.SET_OFF, Kind.ESTATE_UNDO)]
    wanted = (_E.book_id == undo.book_id) & (_E.seq < undo.seq) & _E.kind.in_(kinds)
    since: list[Receipt] = []
    for some in _some(connection, wanted):
        for one in some:
            if one.kind is Kind.ESTATE_UNDO and not _is_of_later_money(one):
                since = []
            elif one.kind in {Kind.ESTATE, Kind.ESTATE_UNDO} or "line" in unpack(one.detail):
                since.append(one)
    return since


def _is_of_later_money(undo: Receipt) -> bool:
    try:
        return LATER in unpack(undo.detail)
    except UNREADABLE:
        return False


def _part_fault(connection: Connection, part: Receipt) -> str | None:
    """What gave back later money is followed by the undoing that it is a part of, which adds all up."""
    wanted = (_E.book_id == part.book_id) & (_E.seq > part.seq) & (_E.kind == int(Kind.ESTATE_UNDO))
    later = (one for some in _some(connection, wanted) for one in some)
    if not any(one.recorded_at == part.recorded_at and not _is_of_later_money(one) for one in later):
        return "no division was undone with it"
    return None


def _back_fault(back: Receipt, undoings: Sequence[Receipt | None]) -> str | None:
    for undo in undoings:
        if undo is None or undo.kind is not Kind.ESTATE_UNDO:
            return "the undoing that it belongs to is not there"
        if [back.book_id, back.seq] not in [line.get("entry") for line in unpack(undo.detail)["back"]]:
            return f"{undo.name} names no such share"
    return None
