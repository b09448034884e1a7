"""Money of employers: where it went, and that what reached an account is what was paid for its holder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, func, or_, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.book.numbers import parse_entry_name
from ledger.chart.kinds import Kind
from ledger.chart.members import LineKind
from ledger.chart.parties import Party
from ledger.chart.registers import Register
from ledger.chart.sides import Side
from ledger.database.lookups import Lookup
from ledger.verify.finding import UNREADABLE, Finding, book_name, line_name
from ledger.verify.streams import Key, side_by_side, streamed

_B, _E, _T = tables.book.c, tables.entry.c, tables.transfer.c
_A, _STATE, _LEVY, _M = tables.assessment_line.c, tables.assessment.c, tables.levy.c, tables.employer.c
_AT_ONCE = 500
# what brings an employer's money into an account, and what takes it back
_SOURCES: dict[int, frozenset[Kind]] = {
    Kind.CONTRIBUTION: frozenset({Kind.PAYMENT, Kind.ASSESSMENT, Kind.ADJUSTMENT, Kind.SUSPENSE_RELEASE}),
    Kind.REFUND_TO_PAYER: frozenset({Kind.ADJUSTMENT, Kind.REVERSAL}),
    # of a refund, because the death that it was made for was none, or later
    Kind.REVERSAL: frozenset({Kind.ADJUSTMENT}),
}
_KINDS = Lookup(
    "SELECT e.book_id, e.seq, e.kind FROM {given} JOIN entry e"
    " ON e.book_id = given.book_id AND e.seq = given.seq",
    [_E.book_id, _E.seq, _E.kind],
    book_id="big",
    seq="int",
)
_ASSESSED = Lookup(
    "SELECT a.book_id, a.period, a.account_id, a.employee, a.employee_paid, a.suspended FROM {given}"
    " JOIN assessment a ON a.book_id = given.book_id AND a.period = given.period"
    " AND a.account_id = given.account_id",
    [_STATE.book_id, _STATE.period, _STATE.account_id, _STATE.employee, _STATE.employee_paid,
     _STATE.suspended],
    book_id="big",
    period="int",
    account_id="big",
)  # fmt: skip
_MOVED = (
    "SELECT e.book_id, e.kind, given.ref, SUM(t.amount_fen) FROM {given} JOIN entry e"
    " ON e.book_id = given.book_id AND e.kind = given.kind AND %s"
    " JOIN transfer t ON t.book_id = e.book_id AND t.seq = e.seq AND t.party_id = given.party"
    " GROUP BY e.book_id, e.kind, given.ref, e.seq"
)
_MOVED_COLUMNS = [_E.book_id, _E.kind, _E.source_ref, _T.amount_fen]
_EXACTLY = Lookup(
    _MOVED % "e.source_ref = given.ref", _MOVED_COLUMNS,
    book_id="big", kind="small", ref="text", party="big",
)  # fmt: skip
# a list may have found money of several days, and names the day behind the month
_WITH_DAYS = Lookup(
    _MOVED % "(e.source_ref = given.ref OR e.source_ref LIKE given.ref || '/%%')", _MOVED_COLUMNS,
    book_id="big", kind="small", ref="text", party="big",
)  # fmt: skip


# -- employers -----------------------------------------------------------------------------------------------


def books_without_a_person_are_of_employers(
    connection: Connection, first: int, last: int
) -> Iterator[Finding]:
    """A book that belongs to no person is that of an employer: of its area, and by its credit code.

    An employer without a book is none yet: it was written down, and its registration did not come through.
    """
    query = (
        select(_B.book_id, _B.area, _M.area, _M.credit_code, _E.detail)
        .outerjoin_from(tables.book, tables.employer, _M.book_id == _B.book_id)
        .outerjoin(tables.entry, and_(_E.book_id == _B.book_id, _E.seq == 1))
        .where(
            _B.book_id.between(first, last),
            ~_B.book_id.between(*Party.INSTITUTION.within(first, last)),
            _B.book_id.not_in([register.book_id for register in Register]),
            # an employer's book that belongs to a person is as wrong as one of nobody
            or_(_B.person_id.is_(None), _B.book_id.between(*Party.EMPLOYER.within(first, last))),
        )
        .order_by(_B.book_id)
    )
    for book_id, area, its_area, credit_code, detail in streamed(connection, query):
        try:
            told = unpack(detail).get("employer")
        except UNREADABLE:
            told = None
        if credit_code is None or told != credit_code:
            what = "no employer is known by the credit code that it was opened for"
            yield Finding("employer_unknown", book_name(book_id), what)
        elif area != its_area:
            yield Finding("employer_unknown", book_name(book_id), f"the employer is of area {its_area}")


class _Sides(NamedTuple):
    """What the transfers of an employer's book come to, in fen: what each side has more than before."""

    clearing: int = 0
    pooled_fund: int = 0
    suspense: int = 0
    receivable: int = 0
    bank: int = 0


def money_in_is_somewhere(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """Money in = accounts + pooled fund + suspense + refunds, employer by employer.

    In the employer's own book every transfer takes from one fund account and gives to another. Of each side
    what its transfers leave there is compared with what the months and persons say:

    * pooled fund = Σ employer's parts paid + Σ late fees paid
    * suspense = Σ waiting + Σ surplus + Σ forward
    * receivable, taken from it = Σ forward - Σ suspended: what persons owe whose account had no more
    * collection clearing = Σ employees' parts paid - Σ suspended. What stands there in the employer's book
      has gone on to the accounts, where the other half of it is an entry with the employer as party; that
      the two are the same, account by account and month by month, is what the rules below ask
    * so the bank, less what went back to the payer, is the sum of these four.
    """
    first, last = Party.EMPLOYER.within(first, last)
    moves = streamed(
        connection,
        select(_T.book_id, _T.from_side, _T.to_side, func.sum(_T.amount_fen))
        .where(_T.book_id.between(first, last))
        .group_by(_T.book_id, _T.from_side, _T.to_side)
        .order_by(_T.book_id),
    )
    levied = streamed(
        connection,
        select(
            _LEVY.book_id,
            func.sum(_LEVY.employer_paid + _LEVY.fee_paid),
            func.sum(_LEVY.waiting + _LEVY.surplus + _LEVY.forward),
            func.sum(_LEVY.forward),
        )
        .where(_LEVY.book_id.between(first, last))
        .group_by(_LEVY.book_id)
        .order_by(_LEVY.book_id),
    )
    credited = streamed(
        connection,
        select(_STATE.book_id, func.sum(_STATE.employee_paid - _STATE.suspended), func.sum(_STATE.suspended))
        .where(_STATE.book_id.between(first, last))
        .group_by(_STATE.book_id)
        .order_by(_STATE.book_id),
    )
    moved: Iterator[tuple[Key, _Sides]] = (
        ((book_id,), _left(rows)) for book_id, rows in groupby(moves, key=attrgetter("book_id"))
    )
    months = (((book_id,), tuple(map(int, sums))) for book_id, *sums in levied)
    persons = (((book_id,), tuple(map(int, sums))) for book_id, *sums in credited)
    for (book_id,), (sides, levy, staff) in side_by_side(moved, months, persons):
        here = sides or _Sides()
        pooled_fund, suspense, forward = levy or (0, 0, 0)
        in_accounts, suspended = staff or (0, 0)
        receivable = suspended - forward
        expected = _Sides(
            in_accounts, pooled_fund, suspense, receivable,
            -(in_accounts + pooled_fund + suspense + receivable),
        )  # fmt: skip
        for name, one, other in zip(_Sides._fields, here, expected, strict=True):
            if one != other:
                what = f"its transfers leave {one} fen in {name}, its months and persons say {other}"
                yield Finding("money_differs", book_name(book_id), what)
                break


def _left(rows: Iterable[Any]) -> _Sides:
    left: dict[int, int] = {}
    for _book_id, source, target, fen in rows:
        left[source] = left.get(source, 0) - int(fen)
        left[target] = left.get(target, 0) + int(fen)
    sides = (Side.COLLECTION_CLEARING, Side.POOLED_FUND, Side.SUSPENSE, Side.RECEIVABLE, Side.BANK)
    return _Sides(*(left.get(side, 0) for side in sides))


# -- from the lines to the accounts --------------------------------------------------------------------------


def lines_are_in_the_accounts(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """What was paid for a person, or taken back, stands in the account: by the same entry, for the month."""
    first, last = Party.EMPLOYER.within(first, last)
    lines = streamed(
        connection,
        select(_A.book_id, _A.seq, _A.account_id, _A.period, _A.kind, _A.employee_paid - _A.suspended)
        .where(
            _A.book_id.between(first, last),
            _A.kind.in_((int(LineKind.PAID), int(LineKind.REFUNDED))),
            _A.employee_paid != _A.suspended,
        )
        .order_by(_A.book_id, _A.seq, _A.line),
    )
    of_entry = groupby(map(_PaidLine._make, lines), key=attrgetter("book_id", "seq"))
    for (book_id, seq), rows in of_entry:
        while some := list(islice(rows, _AT_ONCE)):
            yield from _missing(connection, book_id, seq, some)


class _PaidLine(NamedTuple):
    """What of one person's month an entry of the employer paid into the account, or took back, in fen."""

    book_id: int
    seq: int
    account_id: int
    period: int
    kind: int
    fen: int


def _missing(connection: Connection, book_id: int, seq: int, lines: Sequence[_PaidLine]) -> Iterator[Finding]:
    wanted: dict[tuple[int, int, str], list[int]] = {}
    name = line_name(book_id, seq)
    for line in lines:
        of = Kind.CONTRIBUTION if line.kind == LineKind.PAID else Kind.REFUND_TO_PAYER
        if line.kind == LineKind.REFUNDED and line.fen > 0:
            of = Kind.REVERSAL
        wanted.setdefault((line.account_id, int(of), f"{name}/{line.period}"), []).append(abs(line.fen))
    found = _moved(connection, _EXACTLY, book_id, wanted)
    open_ones = {key: fens for key, fens in wanted.items() if found.get(key) != sorted(fens)}
    found = _moved(connection, _WITH_DAYS, book_id, open_ones)
    for key, fens in open_ones.items():
        if found.get(key) != sorted(fens):
            account_id, kind, _ref = key
            what = f"the {sum(fens)} fen for {book_name(account_id)} are no {Kind(kind).word} there"
            yield Finding("credit_missing", name, what)


def _moved(
    connection: Connection, lookup: Lookup, party: int, wanted: dict[tuple[int, int, str], list[int]]
) -> dict[tuple[int, int, str], list[int]]:
    found: dict[tuple[int, int, str], list[int]] = {}
    for account_id, kind, ref, fen in lookup.run(connection, [(*key, party) for key in wanted]):
        found.setdefault((account_id, kind, ref), []).append(int(fen))
    return {key: sorted(fens) for key, fens in found.items()}


# -- from the accounts to the lines --------------------------------------------------------------------------


class _Credit(NamedTuple):
    """An entry in an account that moved money of an employer: to the account, or back (less than nothing)."""

    book_id: int
    seq: int
    kind: int
    period: int
    source_ref: str | None
    employer_id: int
    fen: int

    @property
    def source(self) -> tuple[int, int] | None:
        """The entry of the employer's book that it names, if it names one, and the month that it is for."""
        name, _, rest = (self.source_ref or "").partition("/")
        source = parse_entry_name(name)
        if source is None or source[0] != self.employer_id or rest.split("/")[0] != str(self.period):
            return None
        return source


def accounts_have_what_was_paid(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """Each contribution of an employer names an entry of the employer, and so does what went back.

    For each employer and month the account got, in all, what was paid for its holder and did not go to
    suspense; and never more than was assessed, but for what its holder owes since a correction.
    """
    kinds = sorted(int(kind) for kind in _SOURCES)
    first, last = Party.PERSON.within(first, last)
    rows = streamed(
        connection,
        select(
            _E.book_id, _E.seq, _E.kind, _E.period, _E.source_ref, _T.party_id, _T.from_side, _T.amount_fen
        )
        .join_from(tables.entry, tables.transfer, and_(_T.book_id == _E.book_id, _T.seq == _E.seq))
        .where(
            _E.book_id.between(first, last),
            _E.kind.in_(kinds),
            _T.party_id.is_not(None),
            or_(_T.from_side == int(Side.COLLECTION_CLEARING), _T.to_side == int(Side.COLLECTION_CLEARING)),
            # what a person owes is not the employer's
            _T.to_side != int(Side.RECEIVABLE),
            _T.from_side != int(Side.RECEIVABLE),
        )
        .order_by(_E.book_id, _E.seq),
    )
    credited = (
        _Credit(
            book_id, seq, kind, period, source_ref, employer_id,
            fen if side == Side.COLLECTION_CLEARING else -fen,
        )
        for book_id, seq, kind, period, source_ref, employer_id, side, fen in rows
    )  # fmt: skip
    by_book = (list(some) for _, some in groupby(credited, key=attrgetter("book_id")))
    while some := list(islice(by_book, _AT_ONCE)):
        found = [credit for book in some for credit in book]
        yield from _sources_faults(connection, found)
        yield from _sums_faults(connection, found)


def _sources_faults(connection: Connection, found: Sequence[_Credit]) -> Iterator[Finding]:
    named = {source for credit in found if (source := credit.source) is not None}
    kinds = {(book, seq): kind for book, seq, kind in _KINDS.run(connection, sorted(named))}
    for credit in found:
        source = credit.source
        if source is None or kinds.get(source) not in _SOURCES[credit.kind]:
            what = f"no entry of {book_name(credit.employer_id)} is the source that it names"
            yield Finding("source_wrong", line_name(credit.book_id, credit.seq), what)


def _sums_faults(connection: Connection, found: Sequence[_Credit]) -> Iterator[Finding]:
    sums: dict[tuple[int, int, int], int] = {}
    for credit in found:
        key = (credit.employer_id, credit.period, credit.book_id)
        sums[key] = sums.get(key, 0) + credit.fen
    state = {
        (employer_id, period, book_id): (assessed + max(-suspended, 0), paid - suspended)
        for employer_id, period, book_id, assessed, paid, suspended in _ASSESSED.run(connection, sorted(sums))
    }
    for (employer_id, period, book_id), fen in sums.items():
        assessed, paid = state.get((employer_id, period, book_id), (0, 0))
        what = f"for {period} it got {fen} fen of {book_name(employer_id)},"
        if fen > assessed:
            yield Finding("credited_too_much", book_name(book_id), f"{what} which was assessed {assessed}")
        elif fen != paid:
            yield Finding("credit_differs", book_name(book_id), f"{what} which paid {paid}")
