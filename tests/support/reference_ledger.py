"""A second ledger, small and slow, to compare the real one with. Plain Python, nothing of `ledger/` in it.

Written from the rules and not from the code, in another way than the ledger is: an account is its two pockets
as they are today, and a list of value-dated facts. Interest walks over every day, and so does a debit that is
dated back. A request is a dict, an answer is an Answer or the code of a refusal.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

Request = dict[str, Any]

# the numbers of the example area: from this day on, demand and three-month rate
RATES = (
    (date(2000, 1, 1), Fraction("0.0035"), Fraction("0.0110")),
    (date(2026, 7, 1), Fraction("0.0010"), Fraction("0.0065")),
)
DAY_BASIS = 360
HOLD_DAYS_MAX = 366
INSTITUTIONS = {"H0001", "P0001"}
CONTRACTS_FROM = date(2000, 1, 1)
AMOUNT_MAX = 10**12
REVERSIBLE = {"contribute", "spend", "capture"}
# what moved no money: taken back, it is as if it had never been, also after its end
FACTS = {"freeze", "give_quota"}


class No(Exception):
    """A refusal."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Answer:
    """What a request that was taken is answered with."""

    verb: str
    amount: int
    cash_rest: int
    balance: int
    effective_on: date
    fact_on: date | None
    fact: Fact
    replayed: bool = False


@dataclass
class Fact:
    """One entry as far as another one may point at it."""

    verb: str
    effective_on: date
    from_current: int = 0
    from_carried: int = 0
    # of a debit, what current_year bears of it from which day on
    bore: dict[date, int] = field(default_factory=dict)
    amount: int = 0
    expires_at: datetime | None = None
    closed_by: str | None = None
    expiry_written: bool = False
    first: date | None = None
    last: date | None = None
    ref: str | None = None
    # the month of a credit, and for whom a quota is
    period: int = 0
    recipient: Any = None


@dataclass
class Account:
    opened_on: date
    year: int
    interest_year: int
    current: int = 0
    carried: int = 0
    died_on: date | None = None
    # (value date, change of current_year, change of carried_over); the turns of the years left out
    changes: list[tuple[date, int, int]] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    # the facts that a request may point at, by the number that the other ledger gave their entry
    numbered: dict[int, Fact] = field(default_factory=dict)
    documents: set[tuple[str, str]] = field(default_factory=set)
    keys: dict[tuple[str, str], tuple[Request, Answer]] = field(default_factory=dict)
    interest: dict[int, int] = field(default_factory=dict)
    # of the debit that was made last
    bore: dict[date, int] = field(default_factory=dict)

    @property
    def balance(self) -> int:
        return self.current + self.carried

    def held(self, now: datetime) -> int:
        return sum(
            fact.amount
            for fact in self.facts
            if fact.verb == "hold" and fact.closed_by is None and fact.expires_at > now
        )

    @property
    def reserved(self) -> int:
        """What is kept for relatives."""
        return sum(fact.amount for fact in self.facts if fact.verb == "give_quota" and fact.closed_by is None)

    def available(self, now: datetime) -> int:
        return self.balance - self.held(now) - self.reserved

    def due(self, now: datetime) -> list[Fact]:
        """Holds whose time is over and whose expiry nobody has written down yet."""
        return [
            fact
            for fact in self.facts
            if fact.verb == "hold"
            and fact.closed_by is None
            and not fact.expiry_written
            and fact.expires_at <= now
        ]

    def write_expiries(self, now: datetime, today: date) -> None:
        """Every posting does that before anything else; an expiry is valued today."""
        for hold in self.due(now):
            hold.expiry_written = True
            self.turn(today.year)

    def turn(self, year: int) -> None:
        """Something is valued in `year`: what the pocket of the year before holds is carried over first."""
        if self.year < year:
            self.year = year
            self.carried += self.current
            self.current = 0

    def pockets(self, today: date) -> tuple[int, int]:
        """The pockets as they show on a day, whether anything was valued in its year or not."""
        return (0, self.balance) if self.year < today.year else (self.current, self.carried)

    def note(self, day: date, current: int, carried: int) -> None:
        self.changes.append((day, current, carried))

    def stood(self, day: date) -> tuple[int, int]:
        """The pockets at the end of a day: money of its year, and all from before."""
        known = [one for one in self.changes if one[0] <= day]
        current = sum(change for on, change, _ in known if on.year == day.year)
        return current, sum(change + other for _, change, other in known) - current

    def stand(self) -> None:
        """The pockets as they are today: those of the end of the year that something was valued in last."""
        self.current, self.carried = self.stood(date(self.year, 12, 31))

    def put(self, day: date, current: int, carried: int) -> None:
        """Money comes in. What an old year's pocket gets was carried over since."""
        self.turn(day.year)
        self.note(day, current, carried)
        self.stand()

    def take(self, day: date, amount: int, *, current_first: bool) -> tuple[int, int]:
        """Money goes out of the pockets as they stood on that day; what each of them gave.

        What the day did not have comes out of the pockets as they are at the end of its year. Then every day
        after it is looked at: a pocket that is below zero while the other has something hands its part of the
        debit over to the other.
        """
        self.turn(day.year)
        parts = [0, 0]
        order = (0, 1) if current_first else (1, 0)
        last = max((one[0] for one in self.changes), default=day)
        for pockets in (self.stood(day), self.stood(date(day.year, 12, 31))):
            for pocket in order:
                there = pockets[pocket] - parts[pocket]
                parts[pocket] += min(max(there, 0), amount - sum(parts))
        parts[order[1]] += amount - sum(parts)
        self.note(day, -parts[0], -parts[1])
        bears = list(parts)
        self.bore = {day: bears[0]}
        stands = list(self.stood(day))
        changed: dict[date, list[int]] = {}
        for on, *change in self.changes:
            sums = changed.setdefault(on, [0, 0])
            sums[0] += change[0]
            sums[1] += change[1]
        while day < last:
            day += timedelta(days=1)
            if (day.month, day.day) == (1, 1):
                stands, bears = [0, sum(stands)], [0, amount]
            for pocket in (0, 1):
                stands[pocket] += changed.get(day, (0, 0))[pocket]
            for lacking, other in ((0, 1), (1, 0)):
                handed = min(-stands[lacking], stands[other], bears[lacking])
                if stands[lacking] < 0 < stands[other] and handed:
                    bears[lacking], bears[other] = bears[lacking] - handed, bears[other] + handed
                    self.bore[day] = bears[0]
                    stands[lacking], stands[other] = stands[lacking] + handed, stands[other] - handed
                    self.note(day, handed if lacking == 0 else -handed, handed if lacking else -handed)
                    break
        self.stand()
        return parts[0], parts[1]

    def undo(self, debit: Fact, day: date, *, used: bool) -> None:
        """A debit comes back on a day, and on every later day to the pocket that bears it by then.

        Was anything done since, a pocket that would be below zero while what came back is left in the other
        gets it from there, and keeps it while the year lasts.
        """
        self.turn(day.year)
        last = max([day, *debit.bore, *(one[0] for one in self.changes)])
        gets: list[tuple[date, int]] = []
        handed = 0
        for one in (day + timedelta(days=n) for n in range((last - day).days + 1)):
            if (one.month, one.day) == (1, 1):
                handed = 0
            bears = [share for on, share in debit.bore.items() if on.year == one.year and on <= one]
            part = min(max((bears[-1] if bears else 0) + handed, 0), debit.amount)
            if used:
                current, carried = self.stood(one)
                current, carried = current + part, carried + debit.amount - part
                if current < 0 < carried:
                    part += min(-current, carried, debit.amount - part)
                if carried < 0 < current:
                    part -= min(-carried, current, part)
                handed = part - (bears[-1] if bears else 0)
            gets.append((one, part))
        self.note(day, gets[0][1], debit.amount - gets[0][1])
        for (before, had), (one, has) in itertools.pairwise(gets):
            # at the turn of a year all of it is carried over by itself
            stands = had if one.year == before.year else 0
            if has != stands:
                self.note(one, has - stands, stands - has)
        self.stand()


class ReferenceLedger:
    """Accounts by any name. `now` and `today` are set from outside."""

    def __init__(self, *, current_year_first: bool = True) -> None:
        self.current_year_first = current_year_first
        self.accounts: dict[Any, Account] = {}
        self.now = datetime.min.replace(tzinfo=UTC)
        self.today = date.min
        # the holds that ran out before the request in hand
        self.due: list[Fact] = []

    # -- asking ----------------------------------------------------------------------------------------

    def ask(self, request: Request) -> Answer | str:
        """One request; the code when it is refused."""
        account = self.accounts.get(request["account"])
        if account is None:
            return "account_not_found"
        key = request.get("key")
        if key is not None and (request["caller"], key) in account.keys:
            before, answer = account.keys[request["caller"], key]
            if before != request:
                return "idempotency_key_reused"
            return dataclasses.replace(answer, replayed=True)
        stood = account.year, account.current, account.carried
        self.due = due = account.due(self.now)
        account.write_expiries(self.now, self.today)
        try:
            answer = getattr(self, request["verb"])(account, request)
        except No as no:
            # a refused request leaves nothing, the expiries before it neither
            account.year, account.current, account.carried = stood
            for hold in due:
                hold.expiry_written = False
            return no.code
        if key is not None:
            account.keys[request["caller"], key] = (request, answer)
        return answer

    def ask_all(self, requests: list[Request]) -> list[Answer | str]:
        """A group: all of it or nothing. What was answered before stays answered."""
        # who dies frees what others have reserved
        dies = any(one["verb"] == "die" for one in requests)
        names = {*self.accounts} if dies else {one["account"] for one in requests}
        before = {name: copy.deepcopy(self.accounts.get(name)) for name in names}
        answers = [self.ask(request) for request in requests]
        if not any(isinstance(answer, str) for answer in answers):
            return answers
        for name, account in before.items():
            if account is not None:
                self.accounts[name] = account
        return [
            answer if isinstance(answer, str) or self._stands(request) else "group_refused"
            for request, answer in zip(requests, answers, strict=True)
        ]

    def _stands(self, request: Request) -> bool:
        account = self.accounts[request["account"]]
        return request.get("key") is not None and (request["caller"], request["key"]) in account.keys

    def open(self, name: Any, opened_on: date, current: int = 0, carried: int = 0) -> None:
        account = Account(opened_on, opened_on.year, opened_on.year - 1)
        account.put(opened_on, current, carried)
        self.accounts[name] = account

    # -- the verbs, each with its refusals in their order ----------------------------------------------

    def contribute(self, account: Account, request: Request) -> Answer:
        period = request["period"]
        if account.died_on is not None and period > account.died_on.year * 100 + account.died_on.month:
            raise No("period_after_end")
        if period > self.today.year * 100 + self.today.month:
            raise No("period_invalid")
        effective_on, fact_on = self._value_date(account, request["on"])
        self._new_document(account, "contribute", request["ref"])
        self._amount(request["amount"])
        account.put(effective_on, request["amount"], 0)
        fact = Fact("contribute", effective_on, amount=request["amount"], period=period)
        return self._taken(account, request, fact, fact_on)

    def spend(self, account: Account, request: Request) -> Answer:
        self._not_after_death(account, request["on"])
        self._not_frozen(account)
        effective_on, fact_on = self._value_date(account, request["on"])
        self._designated(request["institution"], request["on"])
        self._new_document(account, "spend", request["ref"])
        self._amount(request["amount"])
        there = account.available(self.now)
        paid = min(request["amount"], there)
        if paid < request["amount"] and not request["take_available"]:
            raise No("insufficient_balance")
        parts = account.take(effective_on, paid, current_first=self.current_year_first)
        fact = Fact("spend", effective_on, *parts, account.bore, paid)
        return self._taken(account, request, fact, fact_on, cash_rest=request["amount"] - paid)

    def hold(self, account: Account, request: Request) -> Answer:
        if account.died_on is not None:
            raise No("account_deceased")
        self._not_frozen(account)
        if not self.now < request["expires_at"] <= self.now + timedelta(days=HOLD_DAYS_MAX):
            raise No("period_invalid")
        self._designated(request["institution"], self.today)
        self._new_document(account, "hold", request["ref"])
        self._amount(request["amount"])
        if request["amount"] > account.available(self.now):
            raise No("insufficient_balance")
        fact = Fact("hold", self.today, amount=request["amount"], expires_at=request["expires_at"])
        return self._taken(account, request, fact)

    def capture(self, account: Account, request: Request) -> Answer:
        hold = account.numbered.get(request["target"])
        if hold is None or hold.verb != "hold":
            raise No("hold_not_found")
        self._not_after_death(account, request["on"])
        effective_on, fact_on = self._value_date(account, request["on"])
        self._new_document(account, "capture", request["ref"])
        self._open_hold(hold)
        self._amount(request["amount"])
        if request["amount"] > hold.amount:
            raise No("hold_exceeded")
        hold.closed_by = "capture"
        parts = account.take(effective_on, request["amount"], current_first=self.current_year_first)
        fact = Fact("capture", effective_on, *parts, account.bore, request["amount"])
        return self._taken(account, request, fact, fact_on)

    def release(self, account: Account, request: Request) -> Answer:
        hold = account.numbered.get(request["target"])
        if hold is None or hold.verb != "hold":
            raise No("hold_not_found")
        self._open_hold(hold)
        hold.closed_by = "release"
        return self._taken(account, request, Fact("release", self.today, amount=hold.amount))

    def expire(self, account: Account, request: Request) -> Answer:
        if not self.due:
            raise No("hold_not_open")
        return self._taken(account, request, Fact("expire", self.today))

    def reverse(self, account: Account, request: Request) -> Answer:
        original = account.numbered.get(request["target"])
        if original is None:
            raise No("entry_not_found")
        day = request["on"] or self.today
        if day < original.effective_on:
            raise No("period_invalid")
        effective_on, fact_on = self._value_date(account, day)
        if original.closed_by == "reverse" or (original.verb == "contribute" and original.closed_by):
            raise No("already_reversed")
        if original.verb in FACTS:
            original.closed_by = "reverse"
            return self._taken(account, request, Fact("reverse", effective_on), fact_on)
        if original.verb not in REVERSIBLE:
            raise No("not_reversible")
        same_year = effective_on.year == original.effective_on.year
        if original.verb == "contribute":
            if original.amount > account.available(self.now):
                raise No("insufficient_balance")
            account.take(effective_on, original.amount, current_first=same_year)
        else:
            used = account.facts[-1] is not original or bool(self.due)
            account.undo(original, effective_on, used=used)
        original.closed_by = "reverse"
        # its document may come again
        account.documents.discard((original.verb, original.ref or ""))
        return self._taken(account, request, Fact("reverse", effective_on, amount=original.amount), fact_on)

    def freeze(self, account: Account, request: Request) -> Answer:
        if request["last"] is not None and request["last"] < request["first"]:
            raise No("period_invalid")
        return self._taken(
            account, request, Fact("freeze", self.today, first=request["first"], last=request["last"])
        )

    def end_freeze(self, account: Account, request: Request) -> Answer:
        freeze = account.numbered.get(request["target"])
        if freeze is None or freeze.verb != "freeze":
            raise No("freeze_not_found")
        if freeze.closed_by is not None:
            raise No("freeze_ended")
        freeze.closed_by = "end_freeze"
        return self._taken(account, request, Fact("end_freeze", self.today))

    def die(self, account: Account, request: Request) -> Answer:
        if account.died_on is not None:
            raise No("account_deceased")
        if request["on"] > self.today:
            raise No("period_invalid")
        # the death is valued on its own day
        effective_on, fact_on = self._value_date(account, max(request["on"], account.opened_on))
        account.died_on = request["on"]
        for fact in account.facts:
            if fact.verb == "give_quota" and fact.closed_by is None:
                fact.closed_by = "die"
        answer = self._taken(account, request, Fact("die", effective_on), fact_on)
        for donor in self.accounts.values():
            for fact in donor.facts:
                if fact.recipient == request["account"] and fact.closed_by is None:
                    fact.closed_by = "die"
                    donor.turn(self.today.year)
        self._give_back(account)
        return answer

    def _give_back(self, account: Account) -> None:
        """What was credited for months after the death goes back, as far as it is there, the last first."""
        died_on = account.died_on or self.today
        last_first = sorted(enumerate(account.facts), key=lambda one: (one[1].period, one[0]), reverse=True)
        for _place, fact in last_first:
            if fact.period > died_on.year * 100 + died_on.month and fact.closed_by is None:
                fact.closed_by = "die"
                day, _fact_on = self._value_date(account, fact.effective_on)
                taken = min(fact.amount, max(account.available(self.now), 0))
                account.take(day, taken, current_first=True)

    def give_quota(self, account: Account, request: Request) -> Answer:
        if request["recipient"] == request["account"]:
            raise No("quota_self")
        recipient = self.accounts.get(request["recipient"])
        if recipient is None or recipient.died_on is not None:
            raise No("recipient_not_insured")
        if account.died_on is not None:
            raise No("account_deceased")
        self._not_frozen(account)
        self._amount(request["amount"])
        if request["amount"] > account.available(self.now):
            raise No("quota_too_high")
        fact = Fact("give_quota", self.today, amount=request["amount"], recipient=request["recipient"])
        return self._taken(account, request, fact)

    def end_quota(self, account: Account, request: Request) -> Answer:
        quota = account.numbered.get(request["target"])
        if quota is None or quota.verb != "give_quota":
            raise No("quota_not_found")
        if quota.closed_by is not None:
            raise No("quota_ended")
        quota.closed_by = "end_quota"
        return self._taken(account, request, Fact("end_quota", self.today))

    # -- the year end ----------------------------------------------------------------------------------

    def year_end(self, year: int) -> None:
        """The interest of every year still owed, to everybody who had an account in `year`."""
        for account in self.accounts.values():
            if account.interest_year < year:
                account.write_expiries(self.now, self.today)
            for owed in range(account.interest_year + 1, year + 1):
                earned = interest_of(account, owed)
                account.interest_year = owed
                account.interest[owed] = earned
                account.put(date(owed, 12, 31), 0, earned)

    # -- what several verbs ask ------------------------------------------------------------------------

    def _taken(
        self, account: Account, request: Request, fact: Fact, fact_on: date | None = None, cash_rest: int = 0
    ) -> Answer:
        account.turn(fact.effective_on.year)
        account.facts.append(fact)
        if "ref" in request:
            fact.ref = request["ref"]
            account.documents.add((fact.verb, fact.ref))
        return Answer(
            request["verb"], fact.amount, cash_rest, account.balance, fact.effective_on, fact_on, fact
        )

    def _value_date(self, account: Account, day: date) -> tuple[date, date | None]:
        if day < account.opened_on or day > self.today:
            raise No("period_invalid")
        if day.year <= account.interest_year:
            return self.today, day
        return day, None

    def _not_after_death(self, account: Account, day: date) -> None:
        if account.died_on is not None and day > account.died_on:
            raise No("account_deceased")

    def _not_frozen(self, account: Account) -> None:
        for fact in account.facts:
            if fact.verb == "freeze" and fact.closed_by is None:
                begun = fact.first is not None and fact.first <= self.today
                if begun and (fact.last is None or self.today <= fact.last):
                    raise No("account_frozen")

    def _designated(self, institution: str, day: date) -> None:
        if institution not in INSTITUTIONS:
            raise No("institution_unknown")
        if day < CONTRACTS_FROM:
            raise No("not_designated")

    def _new_document(self, account: Account, verb: str, ref: str) -> None:
        if (verb, ref) in account.documents:
            raise No("duplicate_source_ref")

    def _amount(self, amount: int | None) -> None:
        if amount is None or not 0 < amount <= AMOUNT_MAX:
            raise No("amount_invalid")

    def _open_hold(self, hold: Fact) -> None:
        if hold.closed_by is not None:
            raise No("hold_not_open")
        if hold.expires_at is None or hold.expires_at <= self.now:
            raise No("hold_expired")


def interest_of(account: Account, year: int) -> int:
    """Each day's end-of-day balance of each pocket earns that day's rate; each pocket is rounded once."""
    opening = sum(current + carried for day, current, carried in account.changes if day.year < year)
    of_the_day: dict[date, list[int]] = {}
    for day, current, carried in account.changes:
        if day.year == year:
            sums = of_the_day.setdefault(day, [0, 0])
            sums[0] += current
            sums[1] += carried
    current_stands, carried_stands = 0, opening
    # days of one balance and one rate are added up first: fractions are slow
    days_current: dict[Fraction, int] = {}
    days_carried: dict[Fraction, int] = {}
    day = date(year, 1, 1)
    while day.year == year:
        current, carried = of_the_day.get(day, (0, 0))
        current_stands += current
        carried_stands += carried
        _, demand, three_month = max(rate for rate in RATES if rate[0] <= day)
        days_current[demand] = days_current.get(demand, 0) + current_stands
        days_carried[three_month] = days_carried.get(three_month, 0) + carried_stands
        day += timedelta(days=1)
    return _earned(days_current) + _earned(days_carried)


def _earned(fen_days: dict[Fraction, int]) -> int:
    exact = sum((rate * fen / DAY_BASIS for rate, fen in fen_days.items()), Fraction(0))
    return int(max(exact, Fraction(0)) + Fraction(1, 2))
