"""What reached an account, month by month and by whom it was paid, less what went back."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, and_, or_, select

from ledger import tables
from ledger.book.numbers import SEQ_MAX
from ledger.chart.kinds import AGAIN, Kind
from ledger.chart.sides import Side

_E, _T = tables.entry.c, tables.transfer.c


class Credited(NamedTuple):
    """What reached an account, and the last day on which it did."""

    fen: int = 0
    on_day: date | None = None


# what takes back a credit that came without an employer, as a whole
_TAKEN_BACK_BY = (int(Kind.REVERSAL), int(Kind.CREDIT_BACK))

# where money of a month came from: the month, the kind, the employer's book or None
MonthSource = tuple[int, Kind, int | None]


def credited(
    connection: Connection, account_id: int, first: int, last: int, up_to: int = SEQ_MAX
) -> dict[MonthSource, Credited]:
    """What reached an account by month and source, less what went back to the payer, up to an entry.

    A credit that was taken back, by a reversal or by the report of a death (R15), is none: the month was not
    paid by it. What of it was spent since is owed by the estate, and counts for nothing here.
    """
    came = (Kind.CONTRIBUTION, Kind.RETIREE_CREDIT)
    back = tables.entry.alias("back")
    went_back = (
        select(back.c.seq)
        .where(
            back.c.book_id == _E.book_id,
            back.c.target_seq == _E.seq,
            back.c.kind.in_(_TAKEN_BACK_BY),
            back.c.seq <= up_to,
        )
        .exists()
    )
    rows = connection.execute(
        select(
            _E.kind, _E.period, _E.effective_on, _E.fact_on,
            _T.amount_fen, _T.party_id, _T.from_side, _T.to_side,
        )
        .select_from(tables.entry.join(tables.transfer))
        .where(
            _E.book_id == account_id,
            or_(
                _E.kind.in_([int(kind) for kind in (*came, Kind.REFUND_TO_PAYER, Kind.RETIREE_CORRECTION)]),
                # what came again, because the death that it had gone back for was none, or later
                and_(_E.kind == int(Kind.REVERSAL), _E.detail.like(f'%"{AGAIN}":%')),
            ),
            _E.period.between(first, last),
            _E.seq <= up_to,
            ~went_back,
        )
    )  # fmt: skip
    found: dict[MonthSource, Credited] = {}
    for number, period, effective_on, fact_on, fen, party, from_side, to_side in rows:
        kind = Kind(number)
        if kind is Kind.RETIREE_CORRECTION:
            if from_side == Side.RECEIVABLE:
                # what is still owed of it reached the account
                continue
            kind = Kind.RETIREE_CREDIT
        if kind is Kind.REVERSAL:
            if party is not None and to_side != Side.RECEIVABLE:
                # the refund of an employer that it undid is left out, which is the same
                continue
            kind = Kind.RETIREE_CREDIT if from_side == Side.POOLED_FUND else Kind.CONTRIBUTION
        is_refund = kind is Kind.REFUND_TO_PAYER
        goes_back = is_refund or to_side == Side.POOLED_FUND
        # a refund names the employer it goes to
        employer = None if to_side == Side.RECEIVABLE else party
        source = (period, Kind.CONTRIBUTION if is_refund else kind, employer)
        before = found.get(source, Credited())
        if goes_back:
            found[source] = before._replace(fen=before.fen - fen)
        else:
            day = fact_on or effective_on
            found[source] = Credited(before.fen + fen, max(day, before.on_day or day))
    return found
