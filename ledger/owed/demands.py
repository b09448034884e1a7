"""Benefits that were too high: demanded, set off against the account, paid by instalments (R67, E66)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ledger.accounts.called_back import fen_there, judged_where_it_is, take_out, that_has_it
from ledger.accounts.inheritance import ESTATE, hand_on
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.numbers import entry_name
from ledger.book.state import Book
from ledger.bounds.table import INSTALMENT_ON, REVERSED_ON
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage, Verb
from ledger.chart.sides import POCKETS, Side
from ledger.money import FEN_MAX
from ledger.owed.owing import OWING, Debt, not_demanded
from ledger.owed.state import DEMAND_STATE, DEMANDS, DONE_OF_DEMANDS, Demand, is_done_of_one
from ledger.policy import PocketOrder
from ledger.posting import BookRef, Command, Desk, Receipt
from ledger.refusals import RefusalCode, Refused


@dataclass(eq=False)
class DemandBack(Command):
    """Demand `amount_fen` back, which a person got too much: the fund has a claim from then on.

    `debt` is the entry that made something owed before, as (book, seq): the demand takes over `amount_fen` of
    that, and moves no money. What the dead owe is set off by their estate.
    """

    verb = Verb.DEMAND
    refused_with = (
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_TRANSFERRING,
        # of a debt
        RefusalCode.ACCOUNT_DECEASED,
        RefusalCode.DEBT_NOT_FOUND,
        RefusalCode.AMOUNT_INVALID,
    )
    needs = frozenset({DEMANDS, OWING})

    book: BookRef
    amount_fen: int | None
    reason: str
    document: str
    debt: tuple[int, int] | None = None
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        of = "" if self.debt is None else f"|{self.debt[0]}-{self.debt[1]}"
        return f"{self.amount_fen}|{self.document}|{self.reason}{of}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        desk.allow(Verb.DEMAND)
        if self.debt is not None:
            debt = self._debt(desk)
            if self.amount_fen is None or not 0 < self.amount_fen <= debt.owed:
                raise Refused(RefusalCode.AMOUNT_INVALID, at="amount_fen", still_owed_fen=debt.owed)
            demand_debt(desk, book, debt, self.amount_fen, self.reason, self.document)
            return
        if self.amount_fen is None or not 0 < self.amount_fen <= FEN_MAX:
            raise Refused(RefusalCode.AMOUNT_INVALID, at="amount_fen")
        book.roll_to(desk.today.year)
        move = (int(Side.RECEIVABLE), int(Side.POOLED_FUND), self.amount_fen, book.book_id)
        detail = pack(reason=self.reason, document=self.document)
        draft = book.add(Draft(Kind.DEMAND, desk.today, (move,), detail=detail, keyed=True))
        book.of(DEMAND_STATE).set(draft.seq, Demand(self.amount_fen, desk.today))

    def _debt(self, desk: Desk) -> Debt:
        """What is still owed of the debt. Raises Refused."""
        book: Book = desk.book
        debts = not_demanded(book, desk.of(OWING).get(book.book_id, ()))
        found = [one for one in debts if one.entry == self.debt]
        if not found:
            raise Refused(RefusalCode.DEBT_NOT_FOUND, at="debt")
        # one list may have named the debtor twice, by an account that went into theirs too
        debt = next((one for one in found if (self.amount_fen or 0) <= one.owed), found[0])
        if book.stage == Stage.DECEASED:
            raise Refused(RefusalCode.ACCOUNT_DECEASED)
        return debt


def demand_debt(
    desk: Desk, book: Book, debt: Debt, fen: int, reason: str, document: str, *, keyed: bool = True
) -> None:
    """Let a demand take over `fen` of a debt that was booked before: no money moves."""
    if debt.key is None:
        raise AssertionError("what is demanded is known by something")
    kind, of_book, number, account = debt.key
    book.roll_to(desk.today.year)
    named = [int(kind), of_book, number, *(() if account is None else (account,))]
    detail = pack(reason=reason, document=document, debt=named, amount=fen)
    draft = book.add(Draft(Kind.DEMAND, desk.today, detail=detail, keyed=keyed))
    demand = Demand(
        fen,
        desk.today,
        debt_kind=int(kind),
        debt_book=of_book,
        debt_number=number,
        debt_account=account,
    )
    book.of(DEMAND_STATE).set(draft.seq, demand)


@dataclass(eq=False)
class SetOffDemand(Command):
    """Take what is owed of a demand out of the account, as far as it is available, where the area allows it.

    Held and reserved money stays; the rest of what is owed is paid by instalments. What is owed again of an
    account that went into another one is taken out of that one.
    """

    verb = "set_off"
    refused_with = (
        RefusalCode.DEMAND_NOT_FOUND,
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_TRANSFERRING,
        RefusalCode.ACCOUNT_FROZEN,
        # of an account that went into one which was opened after today, by a clock that is behind
        RefusalCode.PERIOD_INVALID,
        # it was withdrawn
        RefusalCode.ALREADY_REVERSED,
        RefusalCode.SET_OFF_NOT_ALLOWED,
        RefusalCode.DEMAND_PAID,
        RefusalCode.RATES_MISSING,
        # nothing is available
        RefusalCode.INSUFFICIENT_BALANCE,
    )
    needs = frozenset({DEMANDS, ESTATE})

    book: BookRef
    demand_seq: int
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.demand_seq}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        demand = _demand(book, self.demand_seq)
        # "deceased" lets a spending of an earlier day pass: what is owed is set off before the estate
        with judged_where_it_is(desk):
            desk.allow(Verb.SPENDING)
        _check_stands(demand)
        policy = desk.policy(book.area)
        if not policy.care.set_off.on(desk.today):
            raise Refused(RefusalCode.SET_OFF_NOT_ALLOWED)
        if not demand.still_owed:
            raise Refused(RefusalCode.DEMAND_PAID)
        fen = min(demand.still_owed, fen_there(desk, book))
        if not fen:
            raise Refused(RefusalCode.INSUFFICIENT_BALANCE)
        order = policy.pocket_order.on(desk.today)
        done = demand._replace(set_off=demand.set_off + fen)
        take_out(
            desk,
            book,
            Draft(Kind.SET_OFF, desk.today, detail=told_of(self.demand_seq, done), keyed=True),
            fen,
            Side.RECEIVABLE,
            book.book_id,
            current_year_first=order is PocketOrder.CURRENT_YEAR_FIRST,
        )
        book.of(DEMAND_STATE).set(self.demand_seq, done)


@dataclass(eq=False)
class PayInstalment(Command):
    """Record that `amount_fen` of a demand was paid by bank; the document `source_ref` counts once."""

    verb = "instalment"
    source_kind = Kind.INSTALMENT
    refused_with = (
        RefusalCode.DEMAND_NOT_FOUND,
        # what the estate took over is its own
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.PERIOD_INVALID,
        RefusalCode.DUPLICATE_SOURCE_REF,
        # it was withdrawn
        RefusalCode.ALREADY_REVERSED,
        RefusalCode.DEMAND_PAID,
        # also more than is owed
        RefusalCode.AMOUNT_INVALID,
    )
    needs = frozenset({DEMANDS, ESTATE})

    book: BookRef
    demand_seq: int
    amount_fen: int | None
    paid_on: date
    source_ref: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.demand_seq}|{self.amount_fen}|{self.paid_on}|{self.source_ref}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        demand = _demand(book, self.demand_seq)
        if that_has_it(desk, book) is None:
            raise Refused(RefusalCode.ACCOUNT_CLOSED)
        INSTALMENT_ON.admit(self.paid_on, desk.today, "paid_on")
        again = desk.require_new_source(Kind.INSTALMENT, self.source_ref)
        _check_stands(demand)
        if not demand.still_owed:
            raise Refused(RefusalCode.DEMAND_PAID)
        if self.amount_fen is None or not 0 < self.amount_fen <= demand.still_owed:
            raise Refused(RefusalCode.AMOUNT_INVALID, at="amount_fen", still_owed_fen=demand.still_owed)
        done = demand._replace(paid=demand.paid + self.amount_fen)
        book.roll_to(desk.today.year)
        book.add(
            Draft(
                Kind.INSTALMENT,
                desk.today,
                ((int(Side.BANK), int(Side.RECEIVABLE), self.amount_fen, book.book_id),),
                target_seq=again,
                source_ref=self.source_ref,
                detail=told_of(self.demand_seq, done, paid_on=self.paid_on.isoformat()),
                keyed=True,
            )
        )
        book.of(DEMAND_STATE).set(self.demand_seq, done)


def _demand(book: Book, seq: int) -> Demand:
    """A demand of this book. Raises Refused(demand_not_found)."""
    demand = book.of(DEMAND_STATE).get(seq)
    if demand is None:
        raise Refused(RefusalCode.DEMAND_NOT_FOUND, at="target_seq")
    return demand


def demanded_by(receipt: Receipt) -> int:
    """What a demand's entry demands, in fen: of one that took over a debt, its moves do not say it."""
    told = unpack(receipt.detail)
    return int(told["amount"]) if "debt" in told else receipt.amount_fen


def _check_stands(demand: Demand) -> None:
    """Raise Refused(already_reversed) for a demand that was withdrawn: nothing was paid of it."""
    if demand.withdrawn:
        raise Refused(RefusalCode.ALREADY_REVERSED, at="target_seq")


def told_of(seq: int, done: Demand, **more: str) -> str:
    """What an entry keeps of how its demand stood after it, so that its answer is the same whenever asked."""
    return pack(demand=seq, set_off=done.set_off, still_owed=done.still_owed, **more)


# -- the way back --------------------------------------------------------------------------------------------


def is_of_a_demand(original: Receipt) -> bool:
    """Whether an entry is a demand, or what was set off against one or paid of one by an act of its own."""
    return original.kind is Kind.DEMAND or is_done_of_one(original.kind, original.detail)


def reverse(desk: Desk, original: Receipt, day: date, reason: str) -> None:
    """Take back a demand that nothing was done about, what was set off against one, or an instalment.

    Raises Refused: already_reversed, not_last for a demand that something was paid of, which it names,
    account_closed.
    """
    book: Book = desk.book
    REVERSED_ON.admit(day, desk.today, "effective_on", original=original.effective_on)
    if desk.acted_on(original.seq) is not None:
        raise Refused(RefusalCode.ALREADY_REVERSED)
    if that_has_it(desk, book) is None:
        # the account was left by what was owed then
        raise Refused(RefusalCode.ACCOUNT_CLOSED)
    is_demand = original.kind is Kind.DEMAND
    seq = original.seq if is_demand else int(unpack(original.detail)["demand"])
    demands = book.of(DEMAND_STATE)
    demand = demands.rows[seq]
    if is_demand and demand.still_owed != demand.amount:
        done_of_it = sorted(desk.of(DONE_OF_DEMANDS).get(book.book_id, {}).items())
        names = [entry_name(book.book_id, done) for done, of in done_of_it if of == seq]
        raise Refused(RefusalCode.NOT_LAST, entries=names)
    fen = original.amount_fen
    effective_on, fact_on = book.value_date(day, desk.today)
    draft = Draft(
        Kind.REVERSAL,
        effective_on,
        fact_on=fact_on,
        target_seq=original.seq,
        detail=pack(reason=reason),
        keyed=True,
    )
    if original.kind is Kind.SET_OFF:
        moved = {source: part for source, _target, part, _party in original.transfers if source in POCKETS}
        book.restore(
            draft,
            (moved.get(Side.CURRENT_YEAR, 0), moved.get(Side.CARRIED_OVER, 0)),
            Side.RECEIVABLE,
            book.book_id,
            same_year=effective_on.year == original.effective_on.year,
        )
        demands.set(seq, demand._replace(set_off=demand.set_off - fen))
        if book.stage == Stage.CLOSED:
            # it is owed by the holder of the account that the money goes on to
            hand_on(desk, book, draft)
        return
    if book.late_year(effective_on) is None:
        book.roll_to(effective_on.year)
    draft.transfers = tuple(
        (target, source, part, party) for source, target, part, party in original.transfers
    )
    book.add(draft)
    done = demand._replace(withdrawn=demand.amount) if is_demand else demand._replace(paid=demand.paid - fen)
    demands.set(seq, done)
