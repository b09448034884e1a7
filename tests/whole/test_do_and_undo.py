"""What has a way back, done and undone: every balance, pocket, counter, row and right is as it was.

WAYS is the table: what is done, and what takes it back. Each is tried in the midst of lives at random
(`test_life_histories`), by people in whatever state these have brought them to; what is refused is passed
over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Generator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from ledger import tables
from ledger.accounts.closure import CorrectDeath, ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.freezes import EndFreeze, Freeze
from ledger.accounts.holds import Capture, Expire, Hold, Release
from ledger.accounts.mistaken_deaths import WithdrawDeath
from ledger.accounts.mutual_aid import EndQuota, GiveQuota, PayPremium
from ledger.accounts.spending import Spend
from ledger.book.detail import unpack
from ledger.care.counters import CLAIM_ROW
from ledger.care.entry_reversals import ReverseEntry
from ledger.care.filings import RecordFiling
from ledger.care.manual_claims import EVIDENCE, DecideClaim, SubmitClaim
from ledger.care.taking_back import ReverseSettlement
from ledger.care.visits import EndVisit, RegisterVisit
from ledger.chart.care import CareType, Filing
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.chart.sides import POCKETS, Side
from ledger.contributions.closures import CloseEmployer, ReopenEmployer
from ledger.contributions.declarations import Confirm, Declare
from ledger.contributions.estimates import Estimate, ReverseEstimate
from ledger.contributions.payment_reversals import ReversePayment
from ledger.contributions.retirees import CreditRetiree
from ledger.estates.claimants import ConfirmEstate
from ledger.estates.undoing import UndoEstate
from ledger.institutions.closing import EndInstitution, ReopenInstitution
from ledger.institutions.ends import EndSuspension
from ledger.institutions.registry import Suspend
from ledger.owed.demands import DemandBack, PayInstalment, SetOffDemand
from ledger.people.enrolments import Enrol
from ledger.people.residents import resident_ref
from ledger.posting import Command, Posted, Waiting
from ledger.posting.rehearsal import rehearse
from ledger.refusals import Refused
from ledger.transfers.going_out import RejectTransfer, RequestTransfer, SendTransfer
from ledger.verify import verify
from tests.support.approvals import revived
from tests.support.chance import FIXED, SEED
from tests.support.people import Someone, SomeoneFactory, World
from tests.whole.test_life_histories import Life, law
from tests.whole.test_settlement_histories import ELSEWHERE

# what says when and as the how-manieth something was written, and not how it stands
WHEN = frozenset({"last_seq", "head", "recorded_at", "version", "seq", "paid_on", "paid_day"})
# by what a row of nothing but zeros is found
NAMED_BY = frozenset({"book_id", "account_id", "period", "year", "base"})
# whatever anybody could do
PROBES = ("settlement", "settlement of a stay", "spending", "contribution", "quota", "freeze")
# of residents, who have no account
OF_CARE = frozenset(
    {"filing", "visit", "visit, ended", "settlement", "settlement of a stay", "claim_decision"}
)
# state that entries add up to; the pockets of `book` are told as they show today
STATE = ("levy", "assessment", "accumulator", "third_party_case", "reconciled_day", "clearing",
    "employer_closure", "contract", "suspension", "claim")  # fmt: skip


class Passed(Exception):
    """A step was refused in the state that a history has come to."""


def the(outcome: object) -> Posted:
    """What was posted. Raises Passed for what was refused."""
    if isinstance(outcome, Refused):
        raise Passed(str(outcome.code))
    if not isinstance(outcome, Posted):
        raise TypeError(f"{outcome!r}")
    return outcome


class Stand:
    """Somebody in a history, and those around them."""

    def __init__(self, life: Life, place: int) -> None:
        self.life, self.world = life, life.world
        self.book, _someone = life.people[place]
        self.unit = life.random.choice(life.units)
        self.code = life.random.choice(life.codes[:3])
        _, self.relative = life.random.choice([one for one in life.people if one[0] != self.book])

    @property
    def today(self) -> date:
        return self.life.today

    @property
    def month(self) -> int:
        return self.today.year * 100 + self.today.month

    def do(self, command: Command) -> Posted:
        return the(self.world.post(command)[0])

    def named(self, someone: Someone) -> tuple[bytes, tuple[bytes, bytes]]:
        digest = self.life.clinic.digest(someone)
        return digest, (digest, resident_ref(digest))


Steps = Generator[Command, Posted, None]


@dataclass(frozen=True)
class Way:
    """One kind of entry and one way back.

    `do` takes some steps, of which the last one is undone. With `earns` the account has got the interest of
    the days before, which stays as it was posted.
    """

    do: Callable[[Stand], Steps]
    undo: Callable[[Stand, Posted], Command]
    earns: bool = False


def _first(command: Command) -> Generator[Command, Posted, Posted]:
    """A step on the way, and what was posted."""
    return (yield command)


def reverse(_stand: Stand, done: Posted) -> Command:
    return ReverseEntry(done.receipt.book_id, done.receipt.seq, "entered wrongly")


def _contribution(s: Stand) -> Steps:
    yield Contribute(s.book, 12_345, s.month, s.today, s.world.ref("c"))


def _spending(s: Stand) -> Steps:
    yield Spend(s.book, 1_234, s.today, "H0001", s.world.ref("s"), True)


def _spending_before(s: Stand) -> Steps:
    yield Spend(s.book, 1_234, s.today - timedelta(days=40), "H0001", s.world.ref("s"))


def _hold(s: Stand) -> Steps:
    yield Hold(s.book, 321, s.world.now + timedelta(days=9), "H0001", s.world.ref("h"))


def _capture(s: Stand) -> Steps:
    held = yield from _first(Hold(s.book, 321, s.world.now + timedelta(days=9), "H0001", s.world.ref("h")))
    yield Capture(s.book, held.receipt.seq, 300, s.today, s.world.ref("taken"))


def _freeze(s: Stand) -> Steps:
    yield Freeze(s.book, "court", s.world.ref("f"), s.today, None)


def _quota(s: Stand) -> Steps:
    yield GiveQuota(s.book, *s.named(s.relative), "child", 2_345, 1)


def _premium(s: Stand) -> Steps:
    resident = SomeoneFactory()
    s.life.clinic.resident(resident)
    yield PayPremium(s.book, *s.named(resident), "child", 1_000, s.today.year, s.world.ref("p"))


def _retiree(s: Stand) -> Steps:
    yield Enrol(s.book, MemberClass.RETIRED, None, s.today - timedelta(days=40), None)
    yield CreditRetiree(s.book, s.month)


def _enrolment(s: Stand) -> Steps:
    yield Enrol(s.book, MemberClass.FLEXIBLE, None, s.today - timedelta(days=3), None)


def _filing(s: Stand) -> Steps:
    yield RecordFiling(s.book, Filing.LONG_TERM, s.today - timedelta(days=2), None, ELSEWHERE)


def _visit(s: Stand) -> Steps:
    yield RegisterVisit(s.book, None, s.code, CareType.OUTPATIENT, s.today)


def _bill(s: Stand, **more: Any) -> Command:
    bill = s.life.clinic.bill([("A", "350.00"), ("B", "120.00")], day=s.today, **more)
    return s.life.clinic.command(s.code, s.book, bill)


def _settlement(s: Stand) -> Steps:
    yield _bill(s)


def _stay(s: Stand) -> Steps:
    yield _bill(s, care_type="inpatient")


def _decision(s: Stand) -> Steps:
    bill = s.life.clinic.bill([("A", "900.00")], day=s.today, use_account=False)
    party = s.life.clinic.parties[s.code]
    claimed = yield from _first(SubmitClaim(s.book, None, s.code, party, bill, s.today, frozenset(EVIDENCE)))
    yield DecideClaim(s.book, claimed.receipt.seq, s.code, claimed.row(CLAIM_ROW), True, "looked at")


def _payment(s: Stand) -> Steps:
    yield s.unit.payment(54_321, s.today, s.life.random.choice((None, s.month)))


def _payment_of_a_list(s: Stand) -> Steps:
    lines = s.unit.lines({s.book: 900_000})
    made = yield from _first(Declare(s.unit.book, s.month, lines))
    yield Confirm(s.unit.book, made.receipt.seq, s.unit.reveal)
    yield s.unit.payment(50_000, s.today, s.month)


def _estimate(s: Stand) -> Steps:
    before = s.today.replace(day=1) - timedelta(days=1)
    yield Estimate(s.unit.book, before.year * 100 + before.month, 7_000)


def _closure(s: Stand) -> Steps:
    yield CloseEmployer(s.unit.book, s.today, "paper")


def _suspension(s: Stand) -> Steps:
    yield Suspend(s.life.clinic.parties[s.code], s.code, 990100, s.today, None, "audit")


def _death(s: Stand) -> Steps:
    yield ReportDeath(s.book, s.today - timedelta(days=50), "certificate")


def _other_day(s: Stand) -> Steps:
    yield ReportDeath(s.book, s.today - timedelta(days=20), "certificate")
    yield CorrectDeath(s.book, s.today - timedelta(days=70), "judgment")


def _estate(s: Stand) -> Steps:
    yield ReportDeath(s.book, s.today, "certificate")
    _book, heir = s.life.people[newcomer(s.life)]
    named, stakes = law(s.world, s.book, [heir, "王五"], "child")
    yield ConfirmEstate(s.book, named, stakes, s.today)


def undo_estate(s: Stand, done: Posted) -> Command:
    death = unpack(done.receipt.detail)["death"]
    return UndoEstate(s.book, death, "in error", "paper", key=s.world.ref("undo"))


def _transfer_request(s: Stand) -> Steps:
    yield RequestTransfer(s.book, "330100", s.today, "paper")


def _transfer_out(s: Stand) -> Steps:
    asked = yield from _first(RequestTransfer(s.book, "330100", s.today, "paper"))
    yield SendTransfer(s.book, asked.receipt.seq, s.today, s.world.ref("sent"))


def reject(s: Stand, done: Posted) -> Command:
    table = tables.entry.c
    query = select(func.max(table.seq)).where(
        table.book_id == s.book, table.kind == int(Kind.TRANSFER_REQUEST)
    )
    with s.world.engine.connect() as connection:
        return RejectTransfer(s.book, connection.scalar(query) or done.receipt.seq, "returned")


def _demand(s: Stand) -> Steps:
    yield DemandBack(s.book, 1_500, "paid twice", s.world.ref("paper"))


def _demand_set_off(s: Stand) -> Steps:
    made = yield from _first(DemandBack(s.book, 1_500, "paid twice", s.world.ref("paper")))
    yield SetOffDemand(s.book, made.receipt.seq)


def _instalment(s: Stand) -> Steps:
    made = yield from _first(DemandBack(s.book, 1_500, "paid twice", s.world.ref("paper")))
    yield PayInstalment(s.book, made.receipt.seq, 700, s.today, s.world.ref("bank"))


def _adjustment(s: Stand) -> Steps:
    lines = s.unit.lines({s.book: 900_000})
    made = yield from _first(Declare(s.unit.book, s.month, lines))
    yield Confirm(s.unit.book, made.receipt.seq, s.unit.reveal)
    yield s.unit.adjustment(s.month, {s.book: 1_200_000})


def _institution_end(s: Stand) -> Steps:
    yield EndInstitution(s.life.clinic.parties[s.code], s.code, 990100, s.today, "paper")


WAYS: dict[str, Way] = {
    "contribution": Way(_contribution, reverse),
    "spending": Way(_spending, reverse),
    "spending, dated back": Way(_spending_before, reverse),
    "capture": Way(_capture, reverse),
    "hold, released": Way(_hold, lambda s, done: Release(s.book, done.receipt.seq)),
    "freeze": Way(_freeze, reverse),
    "freeze, ended": Way(_freeze, lambda s, done: EndFreeze(s.book, done.receipt.seq, "over")),
    "quota": Way(_quota, reverse),
    "quota, ended": Way(_quota, lambda s, done: EndQuota(s.book, done.receipt.seq)),
    "premium": Way(_premium, reverse),
    "enrolment": Way(_enrolment, reverse),
    "filing": Way(_filing, reverse),
    "visit": Way(_visit, reverse),
    "visit, ended": Way(_visit, lambda s, done: EndVisit(s.book, done.receipt.seq, to=None, reason="left")),
    "settlement": Way(_settlement, lambda s, done: ReverseSettlement(s.book, done.receipt.seq, "wrong")),
    "settlement of a stay": Way(_stay, lambda s, done: ReverseSettlement(s.book, done.receipt.seq, "wrong")),
    "claim_decision": Way(_decision, reverse),
    "payment": Way(_payment, lambda s, done: ReversePayment(s.unit.book, done.receipt.seq, "bounced")),
    "payment of a list": Way(
        _payment_of_a_list, lambda s, done: ReversePayment(s.unit.book, done.receipt.seq, "bounced")
    ),
    "estimate": Way(_estimate, lambda s, done: ReverseEstimate(s.unit.book, done.receipt.seq, "wrong")),
    "employer_closure": Way(_closure, lambda s, _done: ReopenEmployer(s.unit.book, s.today, "paper")),
    "suspension": Way(
        _suspension,
        lambda s, done: EndSuspension(done.receipt.book_id, s.code, done.receipt.seq, s.today, "mended"),
    ),
    "death": Way(
        _death, lambda s, _done: WithdrawDeath(s.book, "a namesake", "registry", key=s.world.ref("alive"))
    ),
    "death_correction": Way(
        _other_day, lambda s, _done: CorrectDeath(s.book, s.today - timedelta(days=20), "registry")
    ),
    "estate": Way(_estate, undo_estate, earns=True),
    "transfer_request": Way(_transfer_request, reject),
    "transfer_out": Way(_transfer_out, reject, earns=True),
    "demand": Way(_demand, reverse),
    "set_off": Way(_demand_set_off, reverse),
    "instalment": Way(_instalment, reverse),
    "adjustment": Way(
        _adjustment, lambda s, done: s.unit.adjustment(done.receipt.period or 0, {s.book: 900_000})
    ),
    "institution_end": Way(
        _institution_end,
        lambda s, done: ReopenInstitution(done.receipt.book_id, s.code, s.today + timedelta(days=1), "paper"),
    ),
    # the last one: whoever is retired pays no premiums any more
    "retiree_credit": Way(_retiree, reverse),
}
# the first steps of these change what people may do, and stand
OTHER_RIGHTS = frozenset({
    "retiree_credit", "payment of a list", "claim_decision", "death_correction", "estate", "transfer_request",
    "transfer_out", "adjustment", "demand", "set_off", "instalment",
    # whose last day is today
    "suspension",
})  # fmt: skip
# whom the state of most in a history does not let
OF_THE_LIVING = frozenset({
    "payment of a list", "adjustment", "estate", "transfer_request", "transfer_out", "premium", "death",
})  # fmt: skip
# what of it stands for ever
EXCEPT = {
    "suspension": {"suspension"},
    # a message counts once for ever
    "settlement": {"claim"},
    "settlement of a stay": {"claim"},
    # the hold is closed
    "capture": {"held"},
    # mutual aid that ended is given anew
    "transfer_request": {"quota", "reserved"},
    "transfer_out": {"stage"},
}


def newcomer(life: Life) -> int:
    """Somebody new with money, known to all employers; the place among the people of the life."""
    someone = SomeoneFactory()
    if len(life.people) % 3 == 2:
        life.people.append((life.clinic.resident(someone), someone))
        return newcomer(life)
    book = life.world.open(someone, opened_on=date(2025, 1, 1), opening=(30_000, 40_000))
    life.people.append((book, someone))
    for unit in life.units:
        unit.know(book, someone)
    return len(life.people) - 1


def picture(stand: Stand) -> dict[str, Any]:
    """Everything as it stands: pockets, counters and rows of every book, the sums of fund accounts."""
    life, engine = stand.life, stand.world.engine
    found: dict[str, Any] = {}
    with engine.connect() as connection, connection.begin():
        for row in connection.execute(select(tables.book)).mappings():
            told = {name: value for name, value in row.items() if name not in WHEN and name != "open_year"}
            if row["open_year"] < life.today.year:
                told["carried_over"] += told.pop("current_year")
                told["current_year"] = 0
            found[f"book {row['book_id']}"] = told
        for name in STATE:
            table = tables.metadata.tables[name]
            columns = [column for column in table.c if column.name not in WHEN]
            rows = connection.execute(select(*columns)).all()
            # a row of nothing is as good as none
            found[name] = sorted(str(tuple(row)) for row in rows if _says_something(name, row))
        quota = tables.quota.c
        found["quota"] = sorted(
            connection.execute(
                select(quota.book_id, quota.seq, quota.recipient_id, quota.remaining, quota.ended).where(
                    quota.ended.is_(False)
                )
            ).all()
        )
        t = tables.transfer.c
        for side, sign in ((t.from_side, -1), (t.to_side, 1)):
            for number, fen in connection.execute(select(side, func.sum(t.amount_fen)).group_by(side)):
                # what is in which pocket the books say
                name = "pockets" if number in POCKETS else f"side {number}"
                found[name] = found.get(name, 0) + sign * int(fen)
    return {name: value for name, value in found.items() if value != 0}


def _says_something(name: str, row: Any) -> bool:
    if name in {"levy", "assessment", "accumulator"}:
        return any(value for key, value in row._mapping.items() if key not in NAMED_BY)
    if name == "employer_closure":
        return row.closed_on is not None
    return True


def rights(stand: Stand) -> list[Any]:
    """What people could do now: a bill, a stay, a spending, a credit, a quota, and what is answered."""
    asked: list[Command] = []
    for place, (book, who) in enumerate(stand.life.people):
        # whom it is about, and some others
        if book != stand.book and who != stand.relative and place % 4:
            continue
        probe = replace_stand(stand, book)
        asked += [next(WAYS[name].do(probe)) for name in PROBES if place % 3 != 2 or name in OF_CARE]
    told: list[Any] = []
    for command in asked:
        command.caller, command.actor = "probe", "probe"
        with stand.world.engine.connect() as connection:
            [outcome] = rehearse(connection, [command], stand.world.now, stand.today, stand.world.policies)
        told.append((type(command).__name__, command.book, _told(outcome)))
    return told


def replace_stand(stand: Stand, book: int) -> Stand:
    other = object.__new__(Stand)
    other.__dict__ = stand.__dict__ | {"book": book}
    return other


def _told(outcome: object) -> Any:
    if isinstance(outcome, Refused):
        return str(outcome.code)
    assert isinstance(outcome, Posted), outcome
    moved = sorted((one[0], one[1], one[2]) for one in outcome.receipt.transfers)
    return outcome.receipt.kind.word, moved


def tried(stand: Stand, way: Way, *, before: Callable[[], Any]) -> tuple[Any, Any]:
    """Do and undo; the pictures before the last step and after."""
    steps = way.do(stand)
    command = next(steps)
    while True:
        was = before()
        done = stand.do(command)
        try:
            command = steps.send(done)
        except StopIteration:
            break
    back = stand.world.post(way.undo(stand, done))[0]
    if isinstance(back, Waiting):
        back = stand.world.post(revived(stand.world, back))[0]
    assert isinstance(back, Posted), f"not taken back: {back!r} {getattr(back, 'facts', '')}"
    return was, before()


def earned(stand: Stand, was: dict[str, Any], now: dict[str, Any]) -> None:
    """Take the interest that came meanwhile out of the second picture: it came to this account alone."""
    source, book = f"side {int(Side.FUND_INTEREST)}", f"book {stand.book}"
    interest = was.get(source, 0) - now.get(source, 0)
    assert interest >= 0
    had, has = ({name: one[book][name] for name in ("current_year", "carried_over")} for one in (was, now))
    assert sum(has.values()) == sum(had.values()) + interest
    now[book] = now[book] | had | {"interest_year": was[book]["interest_year"]}
    now["pockets"] = now.get("pockets", 0) - interest
    for one in (was, now):
        one[source] = was.get(source, 0)
        one.setdefault("pockets", 0)


def difference(was: dict[str, Any], now: dict[str, Any], but: Container[str] = ()) -> dict[str, Any]:
    """What is not as it was, of books by column; without the tables and columns `but`."""
    found: dict[str, Any] = {}
    for name in sorted(was.keys() | now.keys()):
        before, after = was.get(name), now.get(name)
        if before == after or name in but:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            changed = {key: (before[key], after[key]) for key in before if before[key] != after[key]}
            found[name] = {key: said for key, said in changed.items() if key not in but}
        elif isinstance(before, list) and isinstance(after, list):
            lost, came = Counter(map(str, before)), Counter(map(str, after))
            found[name] = (list((lost - came).elements()), list((came - lost).elements()))
        else:
            found[name] = (before, after)
    return {name: said for name, said in found.items() if said}


@pytest.mark.slow
@pytest.mark.random
@pytest.mark.parametrize("seed", range(SEED, SEED + 2))
def test_what_is_done_and_undone_leaves_everything_as_it_was(seed: int, fresh_engine: Engine) -> None:
    """Each way for each person of a life at random, some days apart."""
    life = Life(World(fresh_engine), seed)
    life.play(90)
    came: Counter[str] = Counter()
    try:
        for name, way in WAYS.items():
            places = [place for place in range(len(life.people)) if place % 3 != 2 or name in OF_CARE]
            if name in OF_THE_LIVING:
                # of whom nothing is known yet but what they have
                places = [newcomer(life) for _ in range(2)] + life.random.sample(places, 1)
            for place in life.random.sample(places, 3):
                life.today += timedelta(days=life.random.choice((0, 0, 1)))
                life.world.now = life.world.now.replace(
                    year=life.today.year, month=life.today.month, day=life.today.day
                )
                stand = Stand(life, place)
                # what ran out is written down, so that no other posting writes it
                for book, _who in life.people:
                    stand.world.post(Expire(book))
                try:
                    could = rights(stand)
                    was, now = tried(stand, way, before=lambda stand=stand: picture(stand))
                except Passed as passed:
                    came[f"{name} {passed}"] += 1
                    continue
                came[name] += 1
                if way.earns:
                    earned(stand, was, now)
                gone = difference(was, now, EXCEPT.get(name, frozenset()))
                assert not gone, f"{name} of {stand.book} on {life.today}: {gone}"
                if name not in OTHER_RIGHTS:
                    assert rights(stand) == could, f"{name} of {stand.book} on {life.today}"
        assert [str(one) for one in verify(fresh_engine, keyring=life.world.keyring).findings] == []
    except BaseException:
        print(f"LEDGER_TEST_SEED={SEED} seed={seed}: {came}")
        raise
    missing = [name for name in WAYS if not came[name]]
    assert not missing or not FIXED, missing
