"""Bills that somebody else has to bear (R44–R47): a case, an advance of the fund, what comes back of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from ledger.accounts.called_back import fen_there, judged_where_it_is, take_out
from ledger.accounts.inheritance import ESTATE
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.bounds.care import RECOVERED_ON
from ledger.care.benefits import benefit
from ledger.care.cases import CASE_STATE, ThirdPartyCase
from ledger.care.counters import NOTHING_USED
from ledger.care.reads import CASES, SETTLEMENTS
from ledger.care.recovering import advance, to_return
from ledger.care.rows import Circumstances, SettlementRow, Used, standing
from ledger.chart.care import CauseKind, Channel
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Verb
from ledger.chart.sides import Side
from ledger.money import FEN_MAX
from ledger.policy import PocketOrder, Policy
from ledger.posting import TARGET, AlreadyThere, BookRef, Command, Desk, Receipt
from ledger.refusals import RefusalCode, Refused

# whom an advance is paid to: whoever has paid the hospital, or the hospital that still waits
PAID_TO: Final = {"person": Side.BANK, "institution": Side.INSTITUTION_PAYABLE}
# how what is due of it comes back
BY_BANK: Final = "bank"
BY_SET_OFF: Final = "set_off"
_FIRST_ENTRY: Final = 1


@dataclass(eq=False)
class OpenCase(Command):
    """Open the case of the settled bill `target_seq`, a part of which goes with a declared cause.

    A bill whose cause nobody knows is not settled at all (R45), so there is no case of one: its sender is
    refused, and sends it again with the cause. A bill has one case; opened again it is that case.
    """

    verb = "open_case"
    refused_with = (
        RefusalCode.SETTLEMENT_NOT_FOUND,
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_TRANSFERRING,
        RefusalCode.ACCOUNT_DECEASED,
        RefusalCode.ALREADY_REVERSED,
        # the bill was settled without a cause
        RefusalCode.CAUSE_REQUIRED,
    )
    needs = frozenset({TARGET, SETTLEMENTS, CASES})

    book: BookRef
    target_seq: int
    evidence: str = ""
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.target_seq}|{self.evidence}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        cases = book.of(CASE_STATE).rows
        rows = desk.of(SETTLEMENTS).get(book.book_id, {})
        row = rows.get(self.target_seq)
        if row is None or row.channel is Channel.ANNUAL or row.reverses_seq is not None:
            raise Refused(RefusalCode.SETTLEMENT_NOT_FOUND, at="target_seq")
        for seq, known in cases.items():
            if known.settlement_seq == self.target_seq:
                raise AlreadyThere(_entry_of(desk, seq))
        desk.allow(Verb.CARE_CASE, day=row.care_date)
        if self.target_seq not in standing(rows):
            raise Refused(RefusalCode.ALREADY_REVERSED)
        if row.cause_kind is None:
            raise Refused(RefusalCode.CAUSE_REQUIRED, at="target_seq")
        facts: dict[str, object] = {
            "settlement": self.target_seq,
            "cause": row.cause_kind.word,
            "care_date": row.care_date.isoformat(),
            "excluded": row.excluded,
        }
        if self.evidence:
            facts["evidence"] = self.evidence
        # The entry names the bill in its detail, and not as the entry that it acts on: a bill with a case
        # may still be reversed, and a case has several recoveries.
        book.roll_to(desk.today.year)
        draft = book.add(Draft(Kind.THIRD_PARTY_CASE, desk.today, detail=pack(**facts), keyed=True))
        book.of(CASE_STATE).set(draft.seq, ThirdPartyCase(self.target_seq, int(row.cause_kind), row.excluded))


@dataclass(eq=False)
class PayAdvance(Command):
    """Advance what the policy would have paid of the part that a third party does not pay (R46, K11).

    It goes by the circumstances of the bill and by what the year had used before it; `paid_to` is a word of
    PAID_TO. An advance is not a benefit: no counter of the year moves, neither now nor when it comes back.
    """

    verb = "advance"
    refused_with = (
        RefusalCode.CASE_NOT_FOUND,
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_TRANSFERRING,
        RefusalCode.ACCOUNT_DECEASED,
        RefusalCode.RATES_MISSING,
        RefusalCode.ALREADY_REVERSED,
        # no application
        RefusalCode.EVIDENCE_MISSING,
        RefusalCode.ALREADY_ADVANCED,
        # another cause than a third party, or a fund that takes no part
        RefusalCode.NOTHING_ADVANCED,
    )
    needs = frozenset({CASES, SETTLEMENTS})

    book: BookRef
    case_seq: int
    paid_to: str
    application: str
    caller: str = ""
    actor: str = ""
    key: str | None = None
    # the bills are read from here on: what was used before this one is what all before it add up to
    target_seq: int | None = _FIRST_ENTRY

    def content(self) -> str:
        return f"{self.case_seq}|{self.paid_to}|{self.application}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        cases = book.of(CASE_STATE)
        case = cases.get(self.case_seq)
        if case is None:
            raise Refused(RefusalCode.CASE_NOT_FOUND, at="target_seq")
        rows = desk.of(SETTLEMENTS)[book.book_id]
        row = rows[case.settlement_seq]
        desk.allow(Verb.CARE_CASE, day=row.care_date)
        if case.settlement_seq not in standing(rows):
            raise Refused(RefusalCode.ALREADY_REVERSED)
        if not self.application.strip():
            raise Refused(RefusalCode.EVIDENCE_MISSING, at="application")
        if case.advance:
            raise Refused(RefusalCode.ALREADY_ADVANCED)
        whole = fen = 0
        if case.kind == CauseKind.THIRD_PARTY:
            whole = _on_the_whole(desk.policy(book.area), row, used_before(rows, case.settlement_seq))
            # each of the two was rounded, and together they may be a fen above what was excluded
            fen = min(advance(whole, row.fund_sum), case.excluded)
        if not fen:
            raise Refused(RefusalCode.NOTHING_ADVANCED)
        to = PAID_TO[self.paid_to]
        party = row.institution_id if to is Side.INSTITUTION_PAYABLE else None
        book.roll_to(desk.today.year)
        book.add(
            Draft(
                Kind.ADVANCE,
                desk.today,
                ((int(Side.POOLED_FUND), int(to), fen, party),),
                detail=pack(
                    case=self.case_seq,
                    settlement=case.settlement_seq,
                    paid_to=self.paid_to,
                    application=self.application,
                    whole=whole,
                    borne=row.fund_sum,
                ),
                keyed=True,
            )
        )
        book.of(CASE_STATE).set(self.case_seq, case._replace(advance=fen))


def used_before(rows: Mapping[int, SettlementRow], seq: int) -> Used:
    """What the year of the bill `seq` had used before it, of all rows up to it."""
    row = rows[seq]
    counters = NOTHING_USED
    for earlier, other in rows.items():
        if earlier < seq and other.care_date.year == row.care_date.year:
            counters = counters.add(other)
    return counters.used(row.care_table)


def _on_the_whole(policy: Policy, row: SettlementRow, used: Used) -> int:
    """What the funds would have paid of a bill if all that is in scope were the person's to bear."""
    told = Circumstances(
        row.care_type, row.care_date, row.level, row.member_class, row.coverage, row.filing, row.cut,
        row.admission,
    )  # fmt: skip
    return benefit(policy, row.care_table, told, row.in_scope, 0, used).fund_sum


@dataclass(eq=False)
class RecordRecovery(Command):
    """Record that a third party has paid `paid_fen` to the person, and what comes back of the advance (R47).

    What has to be back by now is worked out from all that was paid; what is still missing of that is due.
    By bank all that is due has come in. By set-off as much as is available is taken out of the account, where
    the area allows that on the day (R67); reserved and held money stays, and so does the rest of what is due.
    With `paid_fen` 0 what is outstanding is collected. The document `source_ref` counts once, whatever the
    means: the entry of the recovery has it, and an entry before it takes the money out of the pockets.

    A bank payment is taken in every state of the account. A set-off is a debit: refused while the account is
    frozen or on its way elsewhere; after a death it comes before the estate is divided. What is due again of
    an account that went into another one is taken out of that one.
    """

    verb = "recovery"
    source_kind = Kind.RECOVERY
    refused_with = (
        RefusalCode.CASE_NOT_FOUND,
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_TRANSFERRING,
        RefusalCode.ACCOUNT_FROZEN,
        RefusalCode.PERIOD_INVALID,
        RefusalCode.RATES_MISSING,
        RefusalCode.DUPLICATE_SOURCE_REF,
        RefusalCode.NOTHING_ADVANCED,
        RefusalCode.SET_OFF_NOT_ALLOWED,
        # also when nothing was paid and nothing is due
        RefusalCode.AMOUNT_INVALID,
    )
    needs = frozenset({CASES, ESTATE})

    book: BookRef
    case_seq: int
    paid_fen: int | None
    received_on: date
    means: str
    source_ref: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.case_seq}|{self.paid_fen}|{self.received_on}|{self.means}|{self.source_ref}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        case = book.of(CASE_STATE).get(self.case_seq)
        if case is None:
            raise Refused(RefusalCode.CASE_NOT_FOUND, at="target_seq")
        # "deceased" lets a spending of an earlier day pass: what is owed is older than the death
        with judged_where_it_is(desk):
            desk.allow(Verb.SPENDING if self.means == BY_SET_OFF else Verb.REVERSAL)
        care_date = date.fromisoformat(unpack(_entry_of(desk, self.case_seq).detail)["care_date"])
        RECOVERED_ON.admit(self.received_on, desk.today, "received_on", care=care_date)
        policy = desk.policy(book.area)
        rule = policy.care.recovery.on(care_date)
        # what may be done about a debt is a matter of the day on which it is done
        may_set_off = self.means != BY_SET_OFF or policy.care.set_off.on(desk.today)
        # a document whose recovery was taken back is booked again, as what acts on that
        again = desk.require_new_source(Kind.RECOVERY, self.source_ref)
        if not case.advance:
            raise Refused(RefusalCode.NOTHING_ADVANCED)
        if not may_set_off:
            raise Refused(RefusalCode.SET_OFF_NOT_ALLOWED, at="means")
        if self.paid_fen is None or not 0 <= self.paid_fen <= FEN_MAX - case.paid:
            raise Refused(RefusalCode.AMOUNT_INVALID, at="paid_fen")
        paid = case.paid + self.paid_fen
        due = to_return(rule, case.advance, case.excluded, paid) - case.returned - case.set_off
        if not due and not self.paid_fen:
            raise Refused(RefusalCode.AMOUNT_INVALID, at="paid_fen")
        self._collect(desk, policy, case._replace(paid=paid), due, again)

    def _collect(self, desk: Desk, policy: Policy, case: ThirdPartyCase, due: int, again: int | None) -> None:
        book: Book = desk.book
        returned, set_off = due, 0
        if self.means == BY_SET_OFF:
            returned, set_off = 0, min(due, fen_there(desk, book))
        case = case._replace(returned=case.returned + returned, set_off=case.set_off + set_off)
        book.roll_to(desk.today.year)
        if set_off:
            order = policy.pocket_order.on(desk.today)
            take_out(
                desk,
                book,
                Draft(
                    Kind.SET_OFF,
                    desk.today,
                    detail=pack(case=self.case_seq, document=self.source_ref),
                ),
                set_off,
                Side.POOLED_FUND,
                None,
                current_year_first=order is PocketOrder.CURRENT_YEAR_FIRST,
            )
        came_in = ((int(Side.BANK), int(Side.POOLED_FUND), returned, None),) if returned else ()
        book.add(
            Draft(
                Kind.RECOVERY,
                desk.today,
                came_in,
                target_seq=again,
                source_ref=self.source_ref,
                detail=pack(
                    case=self.case_seq,
                    received_on=self.received_on.isoformat(),
                    means=self.means,
                    paid=self.paid_fen,
                    due=due,
                    returned=returned,
                    set_off=set_off,
                    receivable=case.receivable,
                ),
                keyed=True,
            )
        )
        book.of(CASE_STATE).set(self.case_seq, case)


def _entry_of(desk: Desk, case_seq: int) -> Receipt:
    """The entry that opened a case; posting has read it with the case."""
    entry = desk.target(case_seq)
    if entry is None:
        raise AssertionError("a case has its entry")
    return entry
