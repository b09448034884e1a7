"""People who do not exist, and a small world they live in: institutions, policies, keys and a way to post.

    world = World(engine)
    account = world.open(opening=(5_000, 100_000))
    receipt = world.one(Contribute(account, 16_000, 202603, date(2026, 3, 5), "c-1"))
    assert world.refusal(Spend(account, 10**9, world.today, "H0001", "s-1")) == "insufficient_balance"

Their ID numbers stand in county 9999, which there is not, and no two are the same in a run.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any

import factory
from sqlalchemy import Engine, select

from ledger import tables
from ledger.accounts.contributing import Contribute
from ledger.accounts.freezes import EndFreeze, Freeze
from ledger.accounts.holds import Capture, Hold, Release
from ledger.accounts.opening import OpenAccount, OpeningBalance
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.accounts.year_end import PostInterest
from ledger.book.numbers import new_book_id
from ledger.chart.parties import Party
from ledger.clock import day_of
from ledger.institutions.examples import EXAMPLE_INSTITUTIONS, register
from ledger.people.persons import number_opener, stake_by_number
from ledger.policy import Policy, load_policies
from ledger.posting import Command, Outcome, Posted, Receipt
from ledger.posting.in_force import put_in_force
from ledger.posting.way_in import post
from ledger.refusals import RefusalCode, Refused
from ledger.vault import Keyring

AREA = 990100
NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
# The same keys in every world, so that two of them over one database find each other's people.
SEAL_KEY, INDEX_KEY, DOCUMENT_KEY = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
KEYRING = Keyring({1: SEAL_KEY}, INDEX_KEY, {1: DOCUMENT_KEY})
_FIRST_BIRTHDAY = date(1940, 1, 1)
_FAMILY_NAMES = "王李张刘陈杨赵黄周吴"
_GIVEN_NAMES = "伟芳娜敏静磊洋艳勇杰"


def id_number(number: int, *, born: date | None = None, prefix: str = "119999") -> str:
    """The ID number of the n-th person: county 9999, a check digit worked out here and not in the ledger."""
    birthday = born or _FIRST_BIRTHDAY + timedelta(days=number // 999)
    body = f"{prefix}{birthday:%Y%m%d}{number % 999 + 1:03d}"
    # GB 11643: each digit times 2 to the power of its place from the right, modulo 11
    total = sum(int(digit) * 2 ** (17 - place) for place, digit in enumerate(body))
    return body + "0123456789X"[(1 - total) % 11]


def write_keys(directory: Path, *, index: bytes = INDEX_KEY, **seals: bytes) -> Path:
    """A key directory, by default with the keys of every world; `seal_2=…` writes seal-2.key, and so on.

    `document_1=…` is another key that signs documents.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    documents = {name: key for name, key in seals.items() if name.startswith("document")}
    sealing = {name: key for name, key in seals.items() if name not in documents}
    keys = {"index": index, **(sealing or {"seal_1": SEAL_KEY})}
    for name, key in (keys | (documents or {"document_1": DOCUMENT_KEY})).items():
        file = directory / f"{name.replace('_', '-')}.key"
        file.touch(mode=0o600)
        file.write_bytes(base64.b64encode(key) + b"\n")
    return directory


@dataclass(frozen=True)
class Someone:
    """A synthetic person, as they would say who they are."""

    id_number: str
    name: str


class SomeoneFactory(factory.Factory):
    """Fresh people, each with an ID number of their own."""

    class Meta:
        model = Someone

    id_number = factory.Sequence(id_number)
    name = factory.Sequence(
        lambda n: _FAMILY_NAMES[n % 10] + _GIVEN_NAMES[n // 10 % 10] + _GIVEN_NAMES[n // 100 % 10]
    )


def noon(day: date) -> datetime:
    """Noon in the area on that day."""
    return datetime.combine(day, time(4, 0), UTC)


@functools.cache
def packaged_policies() -> Mapping[int, Policy]:
    """The policies that come with the ledger, by area. They do not change, and take 9 ms to read."""
    return {int(area): policy for area, policy in load_policies().items()}


# the hash of each area's policy that was put in force last, by database
_in_force: dict[str, dict[int, str]] = {}


def hold(engine: Engine, policies: Mapping[int, Policy]) -> None:
    """Let these policies be the ones in force on a database, whatever was before."""
    there = _in_force.setdefault(str(engine.url), {})
    # the first is put in force by whoever posts by it
    for area, policy in policies.items():
        there.setdefault(area, policy.hash)
    changed = {area: policy for area, policy in policies.items() if there.get(area) != policy.hash}
    if changed:
        with engine.connect() as connection:
            for area, policy in changed.items():
                put_in_force(connection, area, policy, NOW)
                there[area] = policy.hash


class World:
    """One database with the example area in it. Holds no connection, so it needs no closing."""

    def __init__(self, engine: Engine, *, now: datetime = NOW) -> None:
        self.engine = engine
        self.now = now
        self.keyring = KEYRING
        self._policies: Mapping[int, Policy] = dict(packaged_policies())
        self._references = 0
        with engine.connect() as connection:
            register(connection, EXAMPLE_INSTITUTIONS, NOW)
            with connection.begin():
                self.institution: int = connection.execute(
                    select(tables.institution.c.party_id).where(tables.institution.c.code == "H0001")
                ).scalar_one()

    @property
    def policies(self) -> Mapping[int, Policy]:
        """The policies that this world goes by: whoever asks for them has them in force."""
        hold(self.engine, self._policies)
        return self._policies

    @policies.setter
    def policies(self, policies: Mapping[int, Policy]) -> None:
        self._policies = policies

    @property
    def today(self) -> date:
        return day_of(self.now)

    def ref(self, what: str = "ref") -> str:
        """A new source reference or idempotency key."""
        self._references += 1
        return f"{what}-{self._references}"

    def opening(
        self,
        someone: Someone | None = None,
        *,
        name: str | None = None,
        opened_on: date = date(2020, 1, 1),
        opening: tuple[int, int] | None = None,
        area: int = AREA,
        key: str | None = None,
        today: date | None = None,
    ) -> OpenAccount:
        """The command that opens an account; `opening` is (current_year, carried_over) in fen."""
        person = someone or SomeoneFactory()
        stake, _ = stake_by_number(person.id_number, name or person.name, self.keyring, today or self.today)
        balance = None if opening is None else OpeningBalance(*opening, self.ref("opening"))
        candidates = tuple(new_book_id(Party.PERSON) for _ in range(4))
        return OpenAccount(stake.digest, (stake,), candidates, area, opened_on, balance, key=key)

    def open(
        self,
        someone: Someone | None = None,
        *,
        name: str | None = None,
        opened_on: date = date(2020, 1, 1),
        opening: tuple[int, int] | None = None,
        area: int = AREA,
        today: date | None = None,
        now: datetime | None = None,
    ) -> int:
        """Open an account and return its book; see `opening`."""
        command = self.opening(
            someone, name=name, opened_on=opened_on, opening=opening, area=area, today=today
        )
        return self.one(command, today=today, now=now).book_id

    def post(
        self,
        *commands: Command,
        today: date | None = None,
        now: datetime | None = None,
        atomic: bool = False,
    ) -> list[Outcome]:
        """Post commands as one batch; who calls and acts is filled in where a command does not say.

        Without `now` it is noon of `today`, without both it is the world's own now.
        """
        if now is None:
            now = self.now if today is None else noon(today)
        for command in commands:
            command.caller = command.caller or "test"
            command.actor = command.actor or "tester"
        with self.engine.connect() as connection:
            return post(
                connection,
                commands,
                now,
                today or day_of(now),
                self.policies,
                atomic=atomic,
                reveal=number_opener(self.keyring),
                seal=self.keyring.seal_bytes,
            )

    def one(self, command: Command, **when: Any) -> Receipt:
        """Post one command, which must be taken; raises what it was answered with otherwise."""
        return self.posted(command, **when).receipt

    def posted(self, command: Command, **when: Any) -> Posted:
        """The same, with every other entry that the command wrote."""
        outcome = self.post(command, **when)[0]
        if isinstance(outcome, Posted):
            return outcome
        raise outcome

    def refusal(self, command: Command, **when: Any) -> RefusalCode:
        """Post one command, which must be refused, and return why."""
        outcome = self.post(command, **when)[0]
        if isinstance(outcome, Refused):
            return outcome.code
        raise AssertionError(f"not refused: {outcome!r}")


def busy_life(world: World, seed: int, steps: int) -> Iterator[tuple[int, datetime, date]]:
    """One account's life of random commands from 2024-03-01 on, some dated back, some refused.

    Yields (book, now, today) after every command; commands are posted at noon, a few days apart, and holds
    end in the morning. Interest is posted some time after each year.
    """
    random = Random(seed)
    today = date(2024, 3, 1)
    book = world.open(
        opened_on=today, opening=(random.randrange(10**6), random.randrange(10**6)), today=today
    )
    yield book, noon(today), today
    seqs = 1
    for _ in range(steps):
        today += timedelta(days=random.choice((0, 1, 3, 9, 20)))
        outcome = world.post(_random_act(world, random, book, today, seqs), today=today)[0]
        if isinstance(outcome, Posted):
            seqs = max(seqs, outcome.receipt.seq)
        elif not isinstance(outcome, Refused):
            raise outcome
        yield book, noon(today), today


def _random_act(world: World, random: Random, book: int, today: date, seqs: int) -> Command:
    day = today - timedelta(days=random.choice((0, 0, 0, 5, 30, 100, 400)))
    # any entry, or, so that open holds are met too, one of the latest
    target = random.choice((random.randint(1, seqs), max(1, seqs - random.randrange(3))))
    amount, ref = random.randrange(1, 400_000), world.ref()
    expires_at = noon(today + timedelta(days=random.randint(1, 30))) - timedelta(hours=2)
    acts: list[tuple[int, Command]] = [
        (6, Contribute(book, amount, today.year * 100 + today.month, day, ref)),
        (8, Spend(book, amount * 2, day, "H0001", ref, take_available=random.random() < 0.5)),
        (4, Hold(book, amount, expires_at, "P0001", ref)),
        (4, Capture(book, target, amount // 2, day, ref)),
        (2, Release(book, target)),
        (5, Reverse(book, target, "random", None if random.random() < 0.5 else day)),
        (1, Freeze(book, "court", ref, today, today + timedelta(days=20))),
        (1, EndFreeze(book, target, "random")),
    ]
    if today.month > 3:
        acts.append((1, PostInterest(book, today.year - 1)))
    return random.choices([act for _, act in acts], [weight for weight, _ in acts])[0]
