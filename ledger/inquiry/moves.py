"""What patterns are looked for in: the entries of some days by their time, and what two people did."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import groupby, islice
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, func, select

from ledger import tables
from ledger.accounts.debits_after import DEBITS
from ledger.book.detail import unpack
from ledger.chart.approvals import ApprovalState
from ledger.chart.kinds import Kind
from ledger.chart.sides import POCKETS, Side
from ledger.clock import AREA_ZONE
from ledger.database.lookups import Lookup
from ledger.inquiry.moved import ActedOn, Approved, BookFinding, Hand, MovedEntry
from ledger.inquiry.patterns import PAID_OUT, Hands, LimitsOn, Patterns
from ledger.people.merged import onward_of
from ledger.policy import Policy
from ledger.policy.findings import NOTHING_SAID, FindingLimits

_B, _E, _T, _S = tables.book.c, tables.entry.c, tables.transfer.c, tables.settlement.c
_P, _I, _G = tables.approval.c, tables.institution.c, tables.institution_change.c
# what something later is held against
_HELD_AGAINST: Final = (int(Kind.REVERSAL), int(Kind.ADJUSTMENT), int(Kind.CASE_STEP))
_KINDS: Final = sorted({*_HELD_AGAINST, *(int(kind) for kind in (*DEBITS, *PAID_OUT))})
# what takes an entry back, as far as these are
_TAKES_BACK: Final = (int(Kind.REVERSAL), int(Kind.PAYOUT_RETURN))
_POCKETS: Final = frozenset(int(side) for side in POCKETS)
_PHARMACY: Final = "pharmacy"
_AT_ONCE: Final = 2_000

_CARE_DATES = Lookup(
    "SELECT s.book_id, s.seq, s.care_date FROM {given} JOIN settlement s"
    " ON s.book_id = given.book_id AND s.seq = given.seq",
    [_S.book_id, _S.seq, _S.care_date],
    book_id="big",
    seq="int",
)
_DEATHS = Lookup(
    "SELECT book_id, died_on FROM book WHERE book_id {in_given} AND died_on IS NOT NULL",
    [_B.book_id, _B.died_on],
    book_id="big",
)


def find_patterns(
    connection: Connection, policies: Mapping[int, Policy], first: date, last: date
) -> list[BookFinding]:
    """What is found in the entries that were recorded on some days, by when it began. Holds what it shows,
    and what lies within the days of a pattern, not what it reads.
    """
    since, until = _begins(first), _begins(last + timedelta(days=1))
    patterns = Patterns(limits_of(policies), _hands(connection), since)
    moves = _moves(connection, since, until, _before(policies, first, last))
    while some := list(islice(moves, _AT_ONCE)):
        for one in _by_account(connection, some):
            patterns.add(one)
    for act in _approved(connection, since, until):
        patterns.approved(act)
    return patterns.all()


def limits_of(policies: Mapping[int, Policy]) -> LimitsOn:
    """What each area says on each day; an area whose policy is not kept here says nothing."""

    # every entry asks, and nearly all ask for one day
    @lru_cache(maxsize=1_024)
    def on(area: int, day: date) -> FindingLimits:
        policy = policies.get(area)
        return NOTHING_SAID.on(day) if policy is None else policy.findings.on(day)

    return on


class _Before(NamedTuple):
    """How long before the days that are asked for entries count for what follows them."""

    # all, for a crowd over midnight
    minutes: int
    # those that something later is held against
    days: int


def _before(policies: Mapping[int, Policy], first: date, last: date) -> _Before:
    said = (NOTHING_SAID, *(policy.findings for policy in policies.values()))
    limits = [one.on(day) for one in said for day in (first, last)]
    return _Before(
        max(one.minutes for one in limits), max(max(one.exit_days, one.hand_days) for one in limits)
    )


def _begins(day: date) -> datetime:
    return datetime.combine(day, time(), AREA_ZONE)


def _hands(connection: Connection) -> Hands:
    numbers: dict[str, set[bytes]] = defaultdict(set)
    for name, person in connection.execute(select(tables.staff.c.name, tables.staff.c.person)):
        numbers[name].add(bytes(person))
    return Hands(numbers)


# -- the entries -------------------------------------------------------------------------------------------

# an entry, and of what was given to a relative the bill that it was given for
_Read = tuple[MovedEntry, tuple[int, int] | None]


def _moves(connection: Connection, since: datetime, until: datetime, before: _Before) -> Iterator[_Read]:
    """The entries that patterns look at, each with what it moved and what it acts on."""
    institutions = _Institutions(connection)
    near = since - timedelta(minutes=before.minutes)
    far = min(near, since - timedelta(days=before.days))
    actor, caller, maker, through = (
        tables.agent.alias(name) for name in ("actor", "caller", "maker", "through")
    )
    target, back = tables.entry.alias("target"), tables.entry.alias("back")
    query = (
        select(
            _E.recorded_at, _E.book_id, _E.seq, _E.kind, _E.detail, _B.area, _B.died_on,
            func.coalesce(_S.care_date, _E.fact_on, _E.effective_on).label("on_day"),
            actor.c.name.label("actor"), caller.c.name.label("caller"),
            back.c.seq.label("back_seq"), target.c.seq.label("target_seq"),
            target.c.kind.label("target_kind"), target.c.recorded_at.label("target_at"),
            maker.c.name.label("maker"), through.c.name.label("through"),
            _S.institution_id, _T.from_side, _T.to_side, _T.amount_fen, _T.party_id,
        )
        .join(tables.book, _B.book_id == _E.book_id)
        .join(actor, actor.c.agent_id == _E.actor)
        .join(caller, caller.c.agent_id == _E.caller)
        .outerjoin(tables.settlement, (_S.book_id == _E.book_id) & (_S.seq == _E.seq))
        .outerjoin(
            back,
            (back.c.book_id == _E.book_id) & (back.c.target_seq == _E.seq) & back.c.kind.in_(_TAKES_BACK),
        )
        .outerjoin(target, (target.c.book_id == _E.book_id) & (target.c.seq == _E.target_seq))
        .outerjoin(maker, maker.c.agent_id == target.c.actor)
        .outerjoin(through, through.c.agent_id == target.c.caller)
        .outerjoin(tables.transfer, (_T.book_id == _E.book_id) & (_T.seq == _E.seq))
        .where(
            _E.recorded_at >= far, _E.recorded_at < until, _E.kind.in_(_KINDS),
            (_E.recorded_at >= near) | _E.kind.in_(_HELD_AGAINST),
        )
        .order_by(_E.recorded_at, _E.book_id, _E.seq, _T.line)
    )  # fmt: skip
    rows = connection.execute(query.execution_options(yield_per=_AT_ONCE))
    for _place, lines in groupby(rows, key=lambda row: (row.book_id, row.seq)):
        yield _read(list(lines), institutions)


def _read(lines: Sequence[Any], institutions: _Institutions) -> _Read:
    """One entry, of which each line is one move of money, or none."""
    first = lines[0]
    kind = Kind(first.kind)
    sides = [(line.from_side, line.to_side, line.amount_fen) for line in lines if line.amount_fen is not None]
    party = first.institution_id
    if party is None:
        payable = Side.INSTITUTION_PAYABLE
        party = next((line.party_id for line in lines if payable in {line.from_side, line.to_side}), None)
    code, is_pharmacy = institutions.on(party, first.on_day)
    acts_on = None
    if first.target_kind is not None:
        by = Hand(first.maker, first.through)
        acts_on = ActedOn(first.target_at, first.target_seq, Kind(first.target_kind), by)
    moved = MovedEntry(
        first.recorded_at,
        first.area,
        first.book_id,
        first.book_id,
        first.seq,
        kind,
        first.on_day,
        first.died_on,
        Hand(first.actor, first.caller),
        first.back_seq is not None,
        code,
        is_pharmacy,
        sum(fen for source, _target, fen in sides if source in _POCKETS),
        sum(fen for _source, target, fen in sides if target in _POCKETS),
        sum(fen for _source, target, fen in sides if target == Side.BANK),
        acts_on,
    )
    bill = unpack(first.detail).get("settlement") if kind is Kind.MUTUAL_AID else None
    return moved, None if bill is None else (int(bill[0]), int(bill[1]))


def _by_account(connection: Connection, some: Sequence[_Read]) -> Iterator[MovedEntry]:
    """The same entries, those of an account that went into another one by that, with the death of its holder;
    and what was given to a relative by the care date of the bill.
    """
    ways = onward_of(connection, (one.book_id for one, _bill in some))
    stays = sorted({way[-1] for way in ways.values()})
    deaths = dict(tuple(row) for row in _DEATHS.run(connection, [(one,) for one in stays]))
    bills = sorted({bill for _one, bill in some if bill is not None})
    care = {(book_id, seq): day for book_id, seq, day in _CARE_DATES.run(connection, bills)}
    for one, bill in some:
        account = ways[one.book_id][-1] if one.book_id in ways else one.book_id
        # nearly all stand as they are
        if account == one.book_id and bill is None:
            yield one
        else:
            died_on = one.died_on if account == one.book_id else deaths.get(account)
            on_day = one.on_day if bill is None else care.get(bill, one.on_day)
            yield one._replace(account=account, died_on=died_on, on_day=on_day)


class _Institutions:
    """What institutions are called, and which of them were pharmacies when. They are few."""

    def __init__(self, connection: Connection) -> None:
        registered = connection.execute(select(_I.party_id, _I.code, _I.kind))
        self._known = {party: (code, kind) for party, code, kind in registered}
        # by institution, from which days on, and what kind it is from each of them
        self._said: dict[int, tuple[list[date], list[str]]] = defaultdict(lambda: ([], []))
        changes = (
            select(_G.book_id, _G.valid_from, _G.kind)
            .where(_G.kind.is_not(None))
            .order_by(_G.book_id, _G.valid_from, _G.seq)
        )
        for party, day, kind in connection.execute(changes):
            days, kinds = self._said[party]
            days.append(day)
            kinds.append(kind)

    def on(self, party: int | None, day: date) -> tuple[str | None, bool]:
        """The code of an institution, and whether it is a pharmacy on a day."""
        known = None if party is None else self._known.get(party)
        if party is None or known is None:
            return None, False
        code, kind = known
        if party in self._said:
            days, kinds = self._said[party]
            if before := bisect_right(days, day):
                kind = kinds[before - 1]
        return code, kind == _PHARMACY


# -- what two people did -----------------------------------------------------------------------------------


def _approved(connection: Connection, since: datetime, until: datetime) -> Iterator[Approved]:
    """What was asked for by one and approved by another, and posted, within these days."""
    asker, system, other, its_system = (
        tables.agent.alias(name) for name in ("asker", "system", "other", "its_system")
    )
    query = (
        select(
            _P.recorded_at, _P.decided_at, _B.area, _P.book_id, _P.entry_seq, _E.kind, _P.amount_fen,
            asker.c.name, system.c.name, other.c.name, its_system.c.name,
        )
        .join(tables.book, _B.book_id == _P.book_id)
        .join(tables.entry, (_E.book_id == _P.book_id) & (_E.seq == _P.entry_seq))
        .join(asker, asker.c.agent_id == _P.actor)
        .join(system, system.c.agent_id == _P.caller)
        .join(other, other.c.agent_id == _P.decided_by)
        .join(its_system, its_system.c.agent_id == _P.decided_through)
        .where(_P.state == int(ApprovalState.APPROVED), _P.decided_at >= since, _P.decided_at < until)
        .order_by(_P.decided_at, _P.book_id, _P.number)
    )  # fmt: skip
    for asked_at, at, area, book_id, seq, kind, fen, *names in connection.execute(query):
        actor, caller, approver, through = names
        asked, said_yes = Hand(actor, caller), Hand(approver, through)
        yield Approved(asked_at, at, area, book_id, seq, Kind(kind), fen or 0, asked, said_yes)
