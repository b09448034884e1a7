"""Showing a mass correction, and posting it as one batch: once, and again from where it was killed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select, tuple_

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.members import MemberClass
from ledger.clock import Clock
from ledger.corrections.asked import NAME, Correction, CorrectionKind, RightWage
from ledger.corrections.evidence import LEFT, PLANNED, POSTED, tell_planned
from ledger.corrections.lines import TOO_LITTLE, Corrected, CorrectionLine
from ledger.corrections.plan import Act, CorrectionStep, Planner
from ledger.database.lookups import insert_or_leave
from ledger.database.writers import RowWriter
from ledger.policy import Policy
from ledger.posting import Failed, Outcome, Posted, Unknown, batches
from ledger.posting.agents import agent_ids
from ledger.posting.batches import Batch
from ledger.posting.way_in import post
from ledger.refusals import RefusalCode, Refused

KIND = "correction"
LINES_SHOWN = 1_000
FAULT = "internal_error"

_C, _N = tables.correction.c, tables.correction_line.c
_LINES = RowWriter(tables.correction_line, replace=True)


class Shown(NamedTuple):
    """What a correction comes to, in fen: people, what they get more and less, and its first lines."""

    name: str
    people: int
    more: int
    less: int
    # how many lines there are in all
    line_count: int
    lines: list[CorrectionLine]
    # how many of them were posted, and how many left; None of what is only shown
    posted: int | None = None
    left: int | None = None


def preview(planner: Planner, name: str, *, lines_max: int = LINES_SHOWN) -> Shown:
    """What is still wrong. Reads, and writes nothing.

    Who got too much, all lines together, but less than the area takes back keeps it: such lines are shown
    with a code and count for nothing.
    """
    planner.refuse_impossible()
    limit = taken_back_from(planner.policy, planner.correction.last)
    sums: dict[int, _Sums] = {}
    nets: dict[int, int] = {}
    shown: list[CorrectionLine] = []
    count = 0
    for step in planner.steps():
        for line in step.lines:
            count += 1
            if len(shown) < lines_max:
                shown.append(line)
            if line.counts:
                nets[line.account_id] = nets.get(line.account_id, 0) + line.wrong_by
            if line.code is None:
                sums.setdefault(line.account_id, _Sums()).add(line)
    kept = {account_id for account_id, fen in nets.items() if -limit < fen < 0}
    counted = [one for account_id, one in sums.items() if account_id not in kept]
    return Shown(
        name,
        len(counted),
        sum(one.more for one in counted),
        sum(one.less for one in counted),
        count,
        [
            line._replace(code=TOO_LITTLE) if line.code is None and line.account_id in kept else line
            for line in shown
        ],
    )


class _Sums:
    """What one person gets more and less, all lines together."""

    __slots__ = ("less", "more")

    def __init__(self) -> None:
        self.more = 0
        self.less = 0

    def add(self, line: CorrectionLine) -> None:
        self.more += max(line.difference, 0)
        self.less += max(-line.difference, 0)


def taken_back_from(policy: Policy, day: date) -> int:
    """From which amount on the area takes back what somebody got too much by its own mistake, in fen."""
    limit = policy.corrections_taken_back_from
    return limit.on(day) if limit.holds_on(day) else 0


def kept_by(planner: Planner, name: str | None = None) -> frozenset[int]:
    """The accounts that got too much, all lines together, but less than what is taken back.

    `name` is a correction that goes on after it was killed: what it has posted counts too, so that what is
    left of a person's lines is judged as all of them were.
    """
    limit = taken_back_from(planner.policy, planner.correction.last)
    if not limit:
        return frozenset()
    posted = {} if name is None else _posted(planner.connection, name)
    nets: dict[int, int] = {}
    for step in planner.steps():
        for line in step.lines:
            if line.counts:
                nets[line.account_id] = nets.get(line.account_id, 0) + line.wrong_by
                posted.pop((line.account_id, line.employer_id, line.period, line.what), None)
    for (account_id, *_rest), fen in posted.items():
        nets[account_id] = nets.get(account_id, 0) + fen
    return frozenset(account_id for account_id, fen in nets.items() if -limit < fen < 0)


def _posted(connection: Connection, name: str) -> dict[LineKey, int]:
    """What each line of a correction has changed, in fen; also of lines that were about to be posted."""
    query = select(_N.account_id, _N.employer_id, _N.period, _N.what, _N.after_fen - _N.before_fen).where(
        _N.name == name, _N.state != LEFT
    )
    with connection.begin():
        return {
            (account_id, employer_id, period, what): fen
            for account_id, employer_id, period, what, fen in connection.execute(query)
        }


def perform(
    planner: Planner,
    name: str,
    clock: Clock,
    policies: Mapping[int, Policy],
    *,
    progress: Callable[[int], None] = lambda _done: None,
) -> Shown:
    """Post what is still wrong, step by step; what this and earlier runs of the same correction did.

    Raises Refused(correction_overlaps); Unknown when the database went away, Failed when it takes nothing:
    ask for the same again then.
    """
    connection = planner.connection
    planner.refuse_impossible()
    now, _today = clock()
    refuse_overlaps(connection, planner.correction, name)
    _write_down(connection, planner, name, now)
    before = batches.find(connection, name)
    goes_on = before is not None and before.state != batches.FINISHED
    planner = replace(planner, kept=kept_by(planner, name if goes_on else None))
    batch = batches.begin(connection, name, KIND, now)
    try:
        for step in planner.steps():
            now, _today = clock()
            _post_step(planner, name, step, clock, policies)
            batch.bookmark += sum(1 for _line in step.lines)
            batches.save(connection, batch, now)
            progress(batch.bookmark)
    except Exception as fault:
        _end_with(connection, batch, fault, clock()[0])
        raise
    tell_planned(connection, name, planner.correction.reason)
    told = told_of(connection, name)
    batch.state, batch.done = batches.FINISHED, told.posted or 0
    batch.refused, batch.amount_fen = told.left or 0, told.more + told.less
    batches.save(connection, batch, clock()[0])
    return told


def _end_with(connection: Connection, batch: Batch, fault: Exception, now: datetime) -> None:
    if isinstance(fault, Refused):
        # it is over: asked for again it is refused again, and holds up no other
        batch.state = batches.FINISHED
    else:
        batch.state, batch.reason = batches.FAILED, type(fault).__name__
    connection.rollback()
    batches.save(connection, batch, now)


def _post_step(
    planner: Planner,
    name: str,
    step: CorrectionStep,
    clock: Clock,
    policies: Mapping[int, Policy],
) -> None:
    connection = planner.connection
    _keep(connection, name, [(line, PLANNED, None) for act in step.acts for line in act.lines])
    commands = [act.command for act in step.acts]
    outcomes = post(connection, commands, *clock(), policies, reveal=planner.reveal, clock=clock)
    said: list[tuple[CorrectionLine, str, str | None]] = [(line, LEFT, line.code) for line in step.left]
    for act, outcome in zip(step.acts, outcomes, strict=True):
        said += _said(act, outcome)
    _keep(connection, name, said)


def _said(act: Act, outcome: Outcome) -> Iterator[tuple[CorrectionLine, str, str | None]]:
    """What became of the lines of one command."""
    if isinstance(outcome, Unknown | Failed) or (isinstance(outcome, Refused) and not act.lines):
        # without the class that comes first, its months would be left as they are
        raise outcome
    told = unpack(outcome.receipt.detail) if isinstance(outcome, Posted) else {}
    refused, years = told.get("refused", {}), {year: fen for year, fen, _seq in told.get("years", ())}
    for number, line in enumerate(act.lines, start=1):
        # of interest that was too much nothing may be there to take
        gone = line.what is Corrected.INTEREST and line.difference < 0
        nothing = isinstance(outcome, Refused) and outcome.code is RefusalCode.NOTHING_TO_CORRECT
        if isinstance(outcome, Refused) and not (nothing and gone):
            yield line, LEFT, outcome.code.value
        elif (code := refused.get(str(number))) is not None:
            yield line, LEFT, code
        elif gone:
            # taken as far as it is there; the rest stays wrong, and the next one shows it
            taken = years.get(line.period, 0)
            if taken:
                yield line._replace(after=line.before + taken), POSTED, None
            else:
                why = RefusalCode.ACCOUNT_FROZEN if "frozen" in told else RefusalCode.INSUFFICIENT_BALANCE
                yield line, LEFT, why.value
        else:
            yield line, POSTED, None


def _keep(connection: Connection, name: str, lines: Sequence[tuple[CorrectionLine, str, str | None]]) -> None:
    if not lines:
        return
    with connection.begin():
        _LINES.write(
            connection,
            [
                (name, line.account_id, line.employer_id, line.period, line.what.value, line.before,
                 line.after, line.employer_before, line.employer_after, state, code)
                for line, state, code in lines
            ],
        )  # fmt: skip


# -- what was asked for ------------------------------------------------------------------------------------


def refuse_overlaps(connection: Connection, correction: Correction, name: str) -> None:
    """Raise Refused(correction_overlaps) while another one of the same is not finished."""
    batch = tables.batch.c
    query = (
        select(_C.name, _C.request)
        .join(tables.batch, batch.batch_id == _C.name)
        .where(batch.kind == KIND, batch.state != batches.FINISHED, _C.name != name)
    )
    with connection.begin():
        others = connection.execute(query.order_by(_C.name)).all()
    for other, request in others:
        if correction.overlaps(as_asked(request)):
            raise Refused(RefusalCode.CORRECTION_OVERLAPS, correction=other)


def _write_down(connection: Connection, planner: Planner, name: str, now: datetime) -> None:
    agents = agent_ids(connection, {planner.caller, planner.actor}, now)
    with connection.begin():
        connection.execute(
            insert_or_leave(connection, tables.correction),
            {
                "name": name,
                "request": request_of(planner.correction),
                "asked_at": now,
                "caller": agents[planner.caller],
                "actor": agents[planner.actor],
            },
        )


def request_of(correction: Correction) -> str:
    """What was asked for, as the database keeps it: accounts by number, nothing of who they are."""
    return json.dumps(
        {
            "kind": correction.kind.value,
            "area": correction.area,
            "from": correction.first.isoformat(),
            "to": correction.last.isoformat(),
            "reason": correction.reason,
            "parameter": correction.parameter,
            "account": correction.account_id,
            "member_class": None if correction.member_class is None else correction.member_class.word,
            "employer": correction.employer_id,
            "wages": correction.wages,
        },
        ensure_ascii=False,
        sort_keys=True,
    )


def as_asked(request: str) -> Correction:
    """The correction that `request_of` wrote."""
    told = json.loads(request)
    member_class = told["member_class"]
    return Correction(
        kind=CorrectionKind(told["kind"]),
        area=told["area"],
        first=date.fromisoformat(told["from"]),
        last=date.fromisoformat(told["to"]),
        reason=told["reason"],
        parameter=told["parameter"],
        account_id=told["account"],
        member_class=None if member_class is None else MemberClass[member_class.upper()],
        employer_id=told["employer"],
        wages=tuple(RightWage(*one) for one in told["wages"]),
    )


# -- what came of it ---------------------------------------------------------------------------------------


def told_of(connection: Connection, name: str, *, lines_max: int = LINES_SHOWN) -> Shown:
    """What a correction posted, and which lines it left. Raises Refused(correction_not_found)."""
    change = _N.after_fen - _N.before_fen
    posted = (_N.name == name, _N.state != LEFT)
    with connection.begin():
        _check_there(connection, name)
        people = connection.scalar(select(func.count(_N.account_id.distinct())).where(*posted))
        more = connection.scalar(select(func.sum(change)).where(*posted, change > 0))
        less = connection.scalar(select(func.sum(-change)).where(*posted, change < 0))
        of_state = select(_N.state, func.count()).where(_N.name == name).group_by(_N.state)
        count = {state: int(number) for state, number in connection.execute(of_state)}
        lines = [line for line, _state in lines_after(connection, name, None, lines_max)]
    sums = int(more or 0), int(less or 0), sum(count.values())
    return Shown(name, people or 0, *sums, lines, count.get(POSTED, 0), count.get(LEFT, 0))


def _check_there(connection: Connection, name: str) -> None:
    # what is no name is not looked for: a database may refuse to be asked about some texts
    known = NAME.fullmatch(name) and connection.scalar(select(_C.name).where(_C.name == name))
    if known is None:
        raise Refused(RefusalCode.CORRECTION_NOT_FOUND, at="correction")


LineKey = tuple[int, int, int, str]


def lines_after(
    connection: Connection, name: str, after: LineKey | None, limit: int
) -> list[tuple[CorrectionLine, str]]:
    """Lines of a correction behind one, in the order of accounts, each with what became of it.

    Inside the transaction that is given. Raises Refused(correction_not_found).
    """
    _check_there(connection, name)
    columns = (_N.account_id, _N.employer_id, _N.period, _N.what)
    query = select(
        *columns,
        _N.before_fen,
        _N.after_fen,
        _N.employer_before_fen,
        _N.employer_after_fen,
        _N.code,
        _N.state,
    ).where(_N.name == name)
    if after is not None:
        query = query.where(tuple_(*columns) > tuple_(*after))
    rows = connection.execute(query.order_by(*columns).limit(limit)).all()
    return [
        (
            CorrectionLine(
                row.account_id,
                row.employer_id,
                row.period,
                Corrected(row.what),
                row.before_fen,
                row.after_fen,
                row.employer_before_fen,
                row.employer_after_fen,
                row.code,
            ),
            row.state,
        )
        for row in rows
    ]
