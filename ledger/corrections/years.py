"""Interest that was posted by wrong rates: what each year comes to by those in force, account by account."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, select

from ledger import tables
from ledger.accounts.interest_corrections import CorrectInterest, interest_differences
from ledger.accounts.interest_history import Moved, judged, read_history_since
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.parties import Party
from ledger.corrections.asked import Correction
from ledger.corrections.lines import Corrected, CorrectionLine
from ledger.people.merged import onward_of
from ledger.policy import MissingParameter, Policy
from ledger.refusals import RefusalCode

_B, _E = tables.book.c, tables.entry.c
_AVAILABLE = _B.current_year + _B.carried_over - _B.held - _B.reserved
ACCOUNTS_A_STEP = 500


class YearsOfAccount(NamedTuple):
    """An account and the years of it that are looked at again, all of them with posted interest."""

    account_id: int
    opened_on: date
    # whether its money is with heirs, or left otherwise
    is_closed: bool
    # of a closed one the day on which it was paid out, or went into another one
    paid_out: date | None
    # less what is held and reserved, in fen; of one that went into another one what that has
    available: int
    years: range


class CorrectedYears(NamedTuple):
    """The command that corrects an account's years, with its lines; or lines that cannot be."""

    command: CorrectInterest | None
    lines: list[CorrectionLine]


def interest_steps(
    connection: Connection, correction: Correction, policy: Policy, caller: str, actor: str
) -> Iterator[list[CorrectedYears]]:
    """What is wrong, so many accounts at a time.

    From the first year of the days on every year is looked at: one that got too little has less to earn
    interest in the next, whose own rates were right.
    """
    after = 0
    while accounts := _accounts(connection, correction, after):
        after = accounts[-1].account_id
        with connection.begin():
            history = read_history_since(connection, {one.account_id: one.years.start for one in accounts})
        wrong = [
            _corrected(one, history[one.account_id], correction, policy, caller, actor) for one in accounts
        ]
        found = [one for one in wrong if one.lines]
        if found:
            yield found


def _accounts(connection: Connection, correction: Correction, after: int) -> list[YearsOfAccount]:
    first = correction.first.year
    query = (
        select(_B.book_id, _B.opened_on, _B.stage, _B.interest_year, _AVAILABLE.label("available"))
        .where(
            _B.area == correction.area,
            _B.book_id > max(after, Party.PERSON.first - 1),
            _B.book_id <= Party.PERSON.last,
            _B.interest_year >= first,
        )
        .order_by(_B.book_id)
        .limit(ACCOUNTS_A_STEP)
    )
    with connection.begin():
        rows = connection.execute(query).all()
        closed = [row.book_id for row in rows if row.stage == Stage.CLOSED]
        ended = select(_E.book_id, _E.effective_on).where(
            _E.book_id.in_(closed),
            _E.kind.in_((int(Kind.ESTATE), int(Kind.MERGE))),
            _E.target_seq.is_(None),
            # what came from another account has a document
            _E.source_ref.is_(None),
        )
        paid_out: dict[int, date] = dict(map(tuple, connection.execute(ended)))
        stays = {one: way[-1] for one, way in onward_of(connection, closed).items()}
        of_those = select(_B.book_id, _AVAILABLE).where(
            _B.book_id.in_(set(stays.values())), _B.stage != int(Stage.CLOSED)
        )
        there: dict[int, int] = dict(map(tuple, connection.execute(of_those)))
    return [
        YearsOfAccount(
            account_id,
            opened_on,
            stage == Stage.CLOSED and stays.get(account_id) not in there,
            paid_out.get(account_id),
            there.get(stays.get(account_id, 0), available),
            range(max(first, opened_on.year), interest_year + 1),
        )
        for account_id, opened_on, stage, interest_year, available in rows
    ]


def _corrected(
    account: YearsOfAccount,
    history: Sequence[Moved],
    correction: Correction,
    policy: Policy,
    caller: str,
    actor: str,
) -> CorrectedYears:
    lines: list[CorrectionLine] = []
    is_closed = account.is_closed
    try:
        differences = interest_differences(
            judged(history).history,
            account.years,
            opened_on=account.opened_on,
            paid_out=account.paid_out,
            policy=policy,
            available=account.available,
            is_closed=is_closed,
        )
    except MissingParameter:
        code = RefusalCode.RATES_MISSING.value
        year = correction.first.year
        return CorrectedYears(
            None, [CorrectionLine(account.account_id, 0, year, Corrected.INTEREST, 0, 0, code=code)]
        )
    for one, fen in differences:
        if one.fen:
            code_of = None
            # of the dead nothing is taken back: the heirs have it
            if is_closed and (one.fen < 0 or account.paid_out is None):
                code_of = RefusalCode.ACCOUNT_CLOSED.value
            elif not fen:
                code_of = RefusalCode.INSUFFICIENT_BALANCE.value
            # taken as far as it is there; the rest stays wrong, and the next correction shows it
            after = one.right if code_of else one.posted + fen
            lines.append(
                CorrectionLine(
                    account.account_id, 0, one.year, Corrected.INTEREST, one.posted, after,
                    code=code_of, short=after - one.right,
                )
            )  # fmt: skip
    if not any(line.code is None for line in lines):
        return CorrectedYears(None, lines)
    years = account.years
    command = CorrectInterest(account.account_id, years[0], years[-1], correction.reason, caller, actor)
    return CorrectedYears(command, lines)
