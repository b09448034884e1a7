"""The one way in: what `post` promises about a batch, whatever the commands in it are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.freezes import EndFreeze, Freeze
from ledger.accounts.holds import Capture, Expire, Hold, Release
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.chart.kinds import Kind
from ledger.database.engines import reading
from ledger.people.id_numbers import parse_id_number
from ledger.people.persons import account_ref, number_digest, number_opener
from ledger.posting import BookRef, Command, Desk, Failed, Outcome, Posted
from ledger.posting.identities import WHOSE
from ledger.posting.rehearsal import rehearse
from ledger.refusals import Refused
from ledger.verify import verify
from tests.support.people import KEYRING, Someone, SomeoneFactory, World, id_number
from tests.support.second_numbers import add_alias
from tests.support.stories import Heir, entries, estate, pockets, row, rows_of, shared_out

NEW_YEAR = date(2026, 1, 1)


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


def opened(
    world: World,
    someone: Someone | None = None,
    *,
    opening: tuple[int, int] | None = None,
    on: date = NEW_YEAR,
) -> int:
    """An account of this year, so that nothing has to be carried over first."""
    return world.open(someone, opened_on=on, opening=opening)


def credit(world: World, book: BookRef, amount_fen: int = 100, **facts: object) -> Contribute:
    command = Contribute(book, amount_fen, 202611, world.today, world.ref("c"))
    return replace(command, **facts)


def spend(world: World, book: BookRef, amount_fen: int = 100, **facts: object) -> Spend:
    command = Spend(book, amount_fen, world.today, "H0001", world.ref("s"))
    return replace(command, **facts)


def answers(outcomes: list[Outcome]) -> list[str]:
    """What became of each command, in a word."""
    words = []
    for outcome in outcomes:
        if isinstance(outcome, Posted):
            words.append("replayed" if outcome.replayed else "posted" if outcome.created else "there already")
        else:
            words.append(
                str(outcome.code) if isinstance(outcome, Refused) else type(outcome).__name__.lower()
            )
    return words


def rehearsed(world: World, *commands: Command, atomic: bool = False) -> list[Outcome]:
    for command in commands:
        command.caller, command.actor = command.caller or "test", command.actor or "tester"
    with reading(world.engine) as connection:
        return rehearse(
            connection,
            commands,
            world.now,
            world.today,
            world.policies,
            atomic=atomic,
            reveal=number_opener(world.keyring),
        )


# -- a batch of several ----------------------------------------------------------------------------------


def test_an_empty_batch_is_nothing(world: World) -> None:
    before = rows_of(world.engine)
    assert world.post() == []
    assert world.post(atomic=True) == []
    assert rows_of(world.engine) == before


def test_a_refusal_does_not_disturb_its_neighbours(world: World) -> None:
    rich, poor = opened(world, opening=(1_000, 0)), opened(world)
    outcomes = world.post(
        spend(world, rich, 400), spend(world, poor, 1), credit(world, poor, 5), spend(world, rich, 600),
        spend(world, rich, 1), spend(world, poor, 5),
    )  # fmt: skip
    assert answers(outcomes) == [
        "posted", "insufficient_balance", "posted", "posted", "insufficient_balance", "posted",
    ]  # fmt: skip
    assert sum(pockets(world.engine, rich, world.today)) == 0
    assert sum(pockets(world.engine, poor, world.today)) == 0


def test_entries_are_numbered_without_a_gap_whatever_was_refused_between(world: World) -> None:
    book = opened(world)
    world.post(credit(world, book), spend(world, book, 500), credit(world, book), spend(world, book, 9_000))
    world.post(spend(world, book, 9_000))
    world.post(spend(world, book, 50))
    assert [entry.seq for entry in entries(world.engine, book)] == [1, 2, 3, 4]
    assert row(world.engine, book).last_seq == 4


def test_a_batch_of_nothing_but_refusals_writes_nothing(world: World) -> None:
    book = opened(world)
    world.post(spend(world, book, 1))  # so that the agents have their numbers
    before, book_before = rows_of(world.engine), row(world.engine, book)
    stranger = world.opening(opened_on=world.today + timedelta(days=1))
    outcomes = world.post(spend(world, book, 1), stranger, Reverse(book, 99, "no such entry"))
    assert answers(outcomes) == ["insufficient_balance", "period_invalid", "entry_not_found"]
    assert rows_of(world.engine) == before
    assert row(world.engine, book) == book_before


def test_a_refused_command_leaves_not_even_the_expiry_of_a_hold(world: World) -> None:
    book = opened(world, opening=(500, 0))
    world.one(Hold(book, 200, world.now + timedelta(hours=1), "H0001", "h"))
    later = world.now + timedelta(hours=2)
    before = row(world.engine, book)
    assert world.refusal(spend(world, book, 501), now=later) == "insufficient_balance"
    assert row(world.engine, book) == before
    # and the next command that is taken writes it, before its own entry
    world.one(spend(world, book, 500), now=later)
    kinds = [Kind(entry.kind).word for entry in entries(world.engine, book)]
    assert kinds == ["opening", "hold", "expiry", "spending"]


def test_what_one_command_did_the_next_of_the_batch_sees(world: World) -> None:
    """Opened, credited, held, captured, reversed and frozen in one batch, by numbers that are known ahead."""
    someone = SomeoneFactory()
    opening = world.opening(someone)
    book = opening.book
    hold_until = world.now + timedelta(days=1)
    outcomes = world.post(
        opening,
        credit(world, book, 900),
        Hold(book, 300, hold_until, "H0001", "h"),
        Capture(book, 3, 100, world.today, "cap"),
        Capture(book, 3, 100, world.today, "cap again"),
        Reverse(book, 2, "was spent in part"),
        Reverse(book, 4, "wrong patient"),
        Reverse(book, 4, "wrong patient"),
        Freeze(book, "court", "paper", world.today),
        spend(world, book, 1),
        EndFreeze(book, 6, "over"),
        spend(world, book, 900),
    )
    assert answers(outcomes) == [
        "posted", "posted", "posted", "posted", "hold_not_open", "insufficient_balance", "posted",
        "already_reversed", "posted", "account_frozen", "posted", "posted",
    ]  # fmt: skip
    assert verify(world.engine, first=_book(outcomes[0]), last=_book(outcomes[0])).findings == []


def test_one_batch_for_many_accounts_is_the_same_as_one_command_at_a_time(world: World) -> None:
    together, one_by_one = [world.open() for _ in range(40)], [world.open() for _ in range(40)]

    def story(book: int) -> list[Command]:
        # by its own references, so that both get the same
        return [
            Contribute(book, 700, 202503, date(2025, 3, 5), "c1"),
            Contribute(book, 300, 202603, date(2026, 3, 5), "c2"),
            Spend(book, 450, date(2025, 12, 30), "P0001", "s1"),
            Spend(book, 5_000, date(2026, 3, 6), "H0001", "s2", take_available=True),
            Reverse(book, 3, "late", date(2026, 3, 7)),
        ]

    world.post(*[command for step in zip(*map(story, together), strict=True) for command in step])
    for book in one_by_one:
        for command in story(book):
            world.post(command)

    def told(book: int) -> list[tuple[object, ...]]:
        return [
            (
                one.seq,
                one.kind,
                one.effective_on,
                one.current_year_after,
                one.carried_over_after,
                one.target_seq,
            )
            for one in entries(world.engine, book)
        ]

    stories = {tuple(told(book)) for book in together + one_by_one}
    assert len(stories) == 1
    assert len(next(iter(stories))) > 6


# -- the same request again ------------------------------------------------------------------------------


def test_two_commands_with_one_key_in_one_batch_are_one(world: World) -> None:
    book = opened(world)
    command = credit(world, book, 700, key="k")
    outcomes = world.post(command, command, replace(command, amount_fen=701), command)
    assert answers(outcomes) == ["posted", "replayed", "idempotency_key_reused", "replayed"]
    assert len({outcome.receipt for outcome in outcomes if isinstance(outcome, Posted)}) == 1
    assert sum(pockets(world.engine, book, world.today)) == 700


def test_a_refused_command_may_be_sent_again_with_its_key(world: World) -> None:
    book = opened(world)
    command = spend(world, book, 700, key="k")
    outcomes = world.post(command, credit(world, book, 700), command, command)
    assert answers(outcomes) == ["insufficient_balance", "posted", "posted", "replayed"]
    assert world.post(command)[0].receipt == outcomes[2].receipt


def test_a_key_belongs_to_its_caller_and_its_book(world: World) -> None:
    first, second = opened(world), opened(world)
    outcomes = world.post(
        credit(world, first, key="k", caller="tax"),
        credit(world, second, key="k", caller="tax"),
        credit(world, first, key="k", caller="hospital"),
    )
    assert answers(outcomes) == ["posted", "posted", "posted"]


@pytest.mark.parametrize(
    "change",
    [
        {"amount_fen": 801},
        {"institution": "P0001"},
        {"effective_on": date(2026, 11, 20)},
        {"source_ref": "another bill"},
        {"take_available": True},
    ],
    ids=str,
)
def test_a_key_with_other_content_is_refused(change: dict[str, object], world: World) -> None:
    book = opened(world, opening=(5_000, 0))
    command = spend(world, book, 800, key="k")
    world.one(command)
    assert world.refusal(replace(command, **change)) == "idempotency_key_reused"
    assert sum(pockets(world.engine, book, world.today)) == 4_200


def test_a_key_with_another_verb_is_refused(world: World) -> None:
    book = opened(world, opening=(5_000, 0))
    world.one(spend(world, book, 800, key="k"))
    assert world.refusal(credit(world, book, 800, key="k")) == "idempotency_key_reused"
    assert world.refusal(Reverse(book, 2, "x", key="k")) == "idempotency_key_reused"
    assert world.refusal(Freeze(book, "court", "paper", world.today, key="k")) == "idempotency_key_reused"


def test_the_id_number_and_the_account_number_are_the_same_content(world: World) -> None:
    someone = SomeoneFactory()
    book = opened(world, someone, opening=(5_000, 0))
    by_person = account_ref(someone.id_number, KEYRING, world.today)
    command = spend(world, book, 800, key="k")
    first = world.posted(command)
    again = world.posted(replace(command, book=by_person))
    assert by_person != book
    assert again.replayed
    assert again.receipt == first.receipt


def test_who_acts_is_no_part_of_the_request(world: World) -> None:
    """The key belongs to the calling system; another clerk of it may send the request again."""
    book = opened(world, opening=(5_000, 0))
    command = spend(world, book, 800, key="k", actor="clerk 1")
    first = world.posted(command)
    assert world.posted(replace(command, actor="clerk 2")).receipt == first.receipt


def test_a_replay_gives_the_first_answer_of_every_kind_of_command(world: World) -> None:
    book = opened(world, opening=(5_000, 900))
    until = world.now + timedelta(days=3)
    commands: list[Command] = [
        credit(world, book, key="k1"),
        spend(world, book, 20_000, take_available=True, key="k2"),
        Reverse(book, 3, "back", key="k3"),
        Hold(book, 70, until, "P0001", "h1", key="k4"),
        Capture(book, 5, 30, world.today, "cap", key="k5"),
        Hold(book, 70, until, "P0001", "h2", key="k6"),
        Release(book, 7, key="k7"),
        Freeze(book, "court", "paper", world.today, key="k8"),
        EndFreeze(book, 9, "over", key="k9"),
        ReportDeath(book, world.today, "certificate", key="k10"),
        estate(world, book, [Heir("spouse", "王五")], world.today, key="k11"),
    ]
    first = [world.posted(command).receipt for command in commands]
    assert len(first) == len(set(first))
    again = world.post(*commands)
    assert answers(again) == ["replayed"] * len(commands)
    assert [outcome.receipt for outcome in again] == first


# -- groups ----------------------------------------------------------------------------------------------


def test_a_group_is_posted_whole(world: World) -> None:
    first, second = opened(world), opened(world)
    outcomes = world.post(
        credit(world, first, 50), spend(world, first, 50), credit(world, second), atomic=True
    )
    assert answers(outcomes) == ["posted"] * 3


def test_one_refusal_undoes_a_group(world: World) -> None:
    first, second = opened(world, opening=(10, 0)), opened(world, opening=(10, 0))
    world.post(spend(world, first, 10**6))
    rows, books = rows_of(world.engine), [row(world.engine, book) for book in (first, second)]
    outcomes = world.post(
        credit(world, first), spend(world, second, 11), world.opening(), spend(world, first, 10), atomic=True
    )
    assert answers(outcomes) == ["group_refused", "insufficient_balance", "group_refused", "group_refused"]
    assert rows_of(world.engine) == rows
    assert [row(world.engine, book) for book in (first, second)] == books


def test_every_refused_one_of_a_group_says_why(world: World) -> None:
    book = opened(world, opening=(10, 0))
    outcomes = world.post(spend(world, book, 11), credit(world, book), Reverse(book, 77, "x"), atomic=True)
    assert answers(outcomes) == ["insufficient_balance", "group_refused", "entry_not_found"]


def test_what_was_posted_before_stays_answered_in_a_refused_group(world: World) -> None:
    book = opened(world, opening=(10, 0))
    before = credit(world, book, 5, key="before")
    first = world.one(before)
    outcomes = world.post(before, spend(world, book, 99), atomic=True)
    assert answers(outcomes) == ["replayed", "insufficient_balance"]
    assert outcomes[0].receipt == first


def test_the_repeat_of_an_undone_command_is_undone_with_it(world: World) -> None:
    """Nobody may be told "posted" of what the group took back."""
    book = opened(world, opening=(10, 0))
    twice = credit(world, book, 5, key="twice")
    outcomes = world.post(twice, twice, spend(world, book, 99), atomic=True)
    assert answers(outcomes) == ["group_refused", "group_refused", "insufficient_balance"]
    assert len(entries(world.engine, book)) == 1
    # the key is free: nothing was posted under it
    assert answers(world.post(twice)) == ["posted"]


def test_a_group_that_was_posted_is_replayed_whole(world: World) -> None:
    first, second = opened(world), opened(world)
    group = [
        credit(world, first, 50, key="g1"),
        spend(world, first, 50, key="g2"),
        credit(world, second, key="g3"),
    ]
    posted = world.post(*group, atomic=True)
    again = world.post(*group, atomic=True)
    assert answers(again) == ["replayed"] * 3
    assert [one.receipt for one in again] == [one.receipt for one in posted]


def test_a_group_that_needs_more_books_is_still_one(world: World) -> None:
    """A reversal in a closed account finds out that it needs the heir's account too."""
    closed, heir_book, entry = _closed_with_one_heir(world)
    poor = opened(world)
    refused = world.post(Reverse(closed, entry, "back"), spend(world, poor, 1), atomic=True)
    assert answers(refused) == ["group_refused", "insufficient_balance"]
    assert row(world.engine, heir_book).carried_over == 0
    taken = world.post(
        credit(world, poor, 1), Reverse(closed, entry, "back"), spend(world, poor, 1), atomic=True
    )
    assert answers(taken) == ["posted"] * 3
    assert row(world.engine, heir_book).carried_over == 700


def _closed_with_one_heir(world: World) -> tuple[int, int, int]:
    """An account that was closed after a spend of 7.00, its only heir's account, and the spend's number."""
    heir = SomeoneFactory()
    heir_book = opened(world, heir)
    closed = opened(world, opening=(700, 0), on=world.today)
    entry = world.one(spend(world, closed, 700)).seq
    world.one(ReportDeath(closed, world.today, "certificate"))
    world.one(estate(world, closed, [Heir("child", heir)], world.today))
    return closed, heir_book, entry


# -- claims ----------------------------------------------------------------------------------------------


def test_a_refused_opening_gives_its_claims_back(world: World) -> None:
    book = opened(world)
    someone = SomeoneFactory()
    before = rows_of(world.engine, "identity", "claim", "book")
    refused = world.opening(someone, opened_on=world.today + timedelta(days=1))
    # beside a command that is taken, so that the batch commits
    assert answers(world.post(refused, credit(world, book))) == ["period_invalid", "posted"]
    assert rows_of(world.engine, "identity", "claim", "book") == before
    # and the number is free for whoever it really belongs to
    assert answers(world.post(world.opening(someone, name="somebody else"))) == ["posted"]


def test_a_refused_opening_does_not_name_the_person_for_its_neighbours(world: World) -> None:
    """The first of two claims on a new number is refused: the other one decides what the person is called."""
    someone = SomeoneFactory()
    book = opened(world)
    refused = world.opening(someone, name="wrong name", opened_on=world.today + timedelta(days=1))
    right = world.opening(someone, name="right name")
    assert answers(world.post(refused, right, credit(world, book))) == ["period_invalid", "posted", "posted"]
    assert answers(world.post(world.opening(someone, name="wrong name", key="x"))) == [
        "account_exists_other_person"
    ]
    assert verify(world.engine).findings == []


def test_the_claims_of_a_refused_estate_are_given_back(world: World) -> None:
    book = opened(world)
    before = rows_of(world.engine, "identity")
    command = estate(world, book, [Heir("spouse", SomeoneFactory()), Heir("child", "王五")], world.today)
    assert answers(world.post(command, credit(world, book))) == ["account_not_deceased", "posted"]
    assert rows_of(world.engine, "identity") == before


def test_two_openings_of_one_number_in_one_batch_are_one_account(world: World) -> None:
    someone = SomeoneFactory()
    first, second = world.opening(someone, key="a"), world.opening(someone, key="b")
    other = world.opening(someone, name="other name", key="c")
    outcomes = world.post(first, second, other)
    assert answers(outcomes) == ["posted", "there already", "account_exists_other_person"]
    assert outcomes[0].receipt == outcomes[1].receipt


def test_a_number_that_is_taken_is_passed_over(world: World) -> None:
    taken = opened(world)
    command = world.opening()
    command.candidates = (taken, *command.candidates)
    assert world.one(command).book_id == command.candidates[1]


def test_old_and_new_form_of_an_id_number_are_one_person(world: World) -> None:
    old = Someone("119999540701003", "old form")
    new = Someone("119999195407010030", "old form")
    book = opened(world, old)
    outcome = world.post(world.opening(new, opened_on=NEW_YEAR, key="n"))[0]
    assert isinstance(outcome, Posted)
    assert (outcome.created, outcome.receipt.book_id) == (False, book)


def test_an_alias_finds_the_same_account(world: World) -> None:
    someone = SomeoneFactory()
    corrected = id_number(0, born=date(1961, 2, 3), prefix="319999")
    book = opened(world, someone, opening=(300, 0))
    add_alias_of(world, someone.id_number, corrected)
    by_alias = account_ref(corrected, KEYRING, world.today)
    assert world.one(spend(world, by_alias, 200)).book_id == book
    # opened under the corrected number: the account is there
    outcome = world.post(world.opening(Someone(corrected, someone.name)))[0]
    assert isinstance(outcome, Refused)  # its opening balance differs, so it was found
    assert outcome.code == "opening_differs"


def add_alias_of(world: World, known_as: str, also: str) -> None:
    with world.engine.connect() as connection:
        add_alias(connection, KEYRING, known_as=known_as, also=also, now=world.now, today=world.today)


# -- rehearsing ------------------------------------------------------------------------------------------


def test_a_rehearsal_says_what_posting_then_does_and_writes_nothing(world: World) -> None:
    book, someone, heir = opened(world, opening=(5_000, 800)), SomeoneFactory(), SomeoneFactory()
    heir_book = opened(world, heir)
    until = world.now + timedelta(days=3)
    commands: list[Command] = [
        world.opening(someone, opening=(70, 0)),
        credit(world, book, 900, key="k"),
        credit(world, book, 900, key="k"),
        Spend(book, 6_000, date(2026, 1, 2), "H0001", "s1"),
        Contribute(book, 444, 202512, date(2025, 12, 31), "late"),
        spend(world, book, 10**6),
        Hold(book, 100, until, "H0001", "h1"),
        ReportDeath(book, date(2026, 11, 20), "certificate"),
        estate(world, book, [Heir("child", heir), Heir("child", "王五")], world.today),
        Release(book, 7),
        estate(world, book, [Heir("child", heir), Heir("child", "王五")], world.today),
    ]
    before = rows_of(world.engine)
    books = row(world.engine, book), row(world.engine, heir_book)
    foretold = rehearsed(world, *commands)
    assert rows_of(world.engine) == before
    assert (row(world.engine, book), row(world.engine, heir_book)) == books
    posted = world.post(*commands)
    assert answers(foretold) == answers(posted)
    assert "posted" in answers(posted)
    assert "open_items" in answers(posted)
    assert [_foreseeable(one) for one in foretold] == [_foreseeable(one) for one in posted]


def test_a_rehearsed_group_says_what_the_group_would_do(world: World) -> None:
    book = opened(world)
    group = [credit(world, book, 5), spend(world, book, 6)]
    assert answers(rehearsed(world, *group, atomic=True)) == ["group_refused", "insufficient_balance"]
    assert answers(rehearsed(world, *group)) == ["posted", "insufficient_balance"]
    assert len(entries(world.engine, book)) == 1


def test_a_replay_is_rehearsed_as_one(world: World) -> None:
    book = opened(world)
    command = credit(world, book, key="k")
    first = world.one(command)
    foretold = rehearsed(world, command)[0]
    assert isinstance(foretold, Posted)
    assert (foretold.replayed, foretold.receipt) == (True, first)


def test_a_rehearsal_finds_the_books_it_did_not_know_of(world: World) -> None:
    closed, heir_book, entry = _closed_with_one_heir(world)
    command = Reverse(closed, entry, "back")
    foretold = rehearsed(world, command)[0]
    assert isinstance(foretold, Posted)
    assert {other.book_id for other in foretold.others} == {closed, heir_book}
    assert [_foreseeable(one) for one in world.post(command)] == [_foreseeable(foretold)]


def test_two_strangers_in_one_rehearsal_are_two(world: World) -> None:
    first, second = world.opening(), world.opening()
    foretold = rehearsed(world, first, second)
    assert answers(foretold) == ["posted", "posted"]
    assert answers(world.post(first, second)) == ["posted", "posted"]


def _without_whose(detail: str | None) -> str | None:
    """A detail without the commitment to whose it is: its salt is another one each time."""
    return None if detail is None else pack(**{k: v for k, v in unpack(detail).items() if k != WHOSE})


def _foreseeable(outcome: Outcome) -> object:
    """An outcome without what only writing can give: the numbers of people who were not known before."""
    if not isinstance(outcome, Posted):
        return getattr(outcome, "code", outcome)

    def plain(receipt: object) -> object:
        moves = tuple(move[:3] for move in receipt.transfers)
        shares = shared_out(receipt) if receipt.kind is Kind.ESTATE else _without_whose(receipt.detail)
        return receipt._replace(transfers=moves, detail=None), shares

    return (
        plain(outcome.receipt),
        [plain(other) for other in outcome.others],
        outcome.replayed,
        outcome.created,
    )


# -- hostile text ----------------------------------------------------------------------------------------

HOSTILE = [
    "NULL",
    "null",
    "",
    '"',
    "'; DROP TABLE entry; --",
    "{a,b}",
    '{"a":"b"}',
    "a,b",
    "back\\slash \\\\ \\n \\x00 \\u0000",
    "\\",
    '\\"',
    "tab\tand\nline\r\nend",
    "|1|:2:|",
    "张三·李四",
    "e\u0301 is not é",
    "\u202ereversed",
    "😀👨‍👩‍👧",
    "\ufeff",
    "%s %(a)s :name ? $1",
    " leading and trailing ",
    "x" * 10_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:30])
def test_hostile_text_comes_back_as_it_was(text: str, world: World) -> None:
    book = opened(world, opening=(5_000, 0))
    key = f"key {text}"
    commands: list[Command] = [
        credit(world, book, 700, source_ref=text, key=key, caller=f"caller {text}", actor=f"actor {text}"),
        Reverse(book, 2, text),
        Freeze(book, text, text, world.today),
        EndFreeze(book, 4, text),
        ReportDeath(book, world.today, text),
    ]
    first = [world.one(command) for command in commands]
    again = world.post(
        commands[0], replace(commands[0], key=f"{key}2"), replace(commands[0], source_ref=f"{text}2")
    )
    # the document itself may come again: its credit was taken back
    assert answers(again) == ["replayed", "posted", "idempotency_key_reused"]
    assert again[0].receipt == first[0]
    stored = entries(world.engine, book)
    assert (stored[1].source_ref, stored[1].idempotency_key) == (text, key)
    assert unpack(stored[2].detail)["reason"] == text
    assert unpack(stored[3].detail)["document"] == text
    assert unpack(stored[5].detail)["evidence"] == text
    assert verify(world.engine, first=book, last=book).findings == []


def test_all_hostile_texts_in_one_batch_stay_apart(world: World) -> None:
    book = opened(world)
    commands = [credit(world, book, 1, source_ref=text, key=f"k{text}") for text in HOSTILE]
    assert answers(world.post(*commands)) == ["posted"] * len(HOSTILE)
    assert answers(world.post(*reversed(commands))) == ["replayed"] * len(HOSTILE)
    assert [entry.source_ref for entry in entries(world.engine, book, Kind.CONTRIBUTION)] == HOSTILE


# -- faults ----------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Broken(Command):
    """A verb with a bug that only the database notices: its entry says that it closes one to come."""

    verb = "broken"

    book: BookRef
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return ""

    def decide(self, desk: Desk) -> None:
        desk.book.add(Draft(Kind.RELEASE, desk.today, target_seq=10_000, keyed=True))


def test_only_the_culprit_of_a_fault_fails(world: World) -> None:
    first, second = opened(world), opened(world)
    outcomes = world.post(
        credit(world, first, 5), Broken(second), credit(world, second, 7), credit(world, first, 6)
    )
    assert answers(outcomes) == ["posted", "failed", "posted", "posted"]
    assert isinstance(outcomes[1], Failed)
    assert outcomes[1].__cause__ is not None
    assert [entry.seq for entry in entries(world.engine, second)] == [1, 2]
    assert sum(pockets(world.engine, first, world.today)) == 11
    assert sum(pockets(world.engine, second, world.today)) == 7


def test_a_group_with_a_fault_fails_whole(world: World) -> None:
    book = opened(world)
    outcomes = world.post(credit(world, book), Broken(book), atomic=True)
    assert answers(outcomes) == ["failed", "failed"]
    assert len(entries(world.engine, book)) == 1


def test_the_database_itself_refuses_what_a_bug_would_write(world: World) -> None:
    """No account below zero and no closed account with money, even if every line of Python were wrong."""
    book = opened(world, opening=(100, 0))
    before = row(world.engine, book)
    for bug in (_Overdraw(book), _CloseWithMoney(book), _HoldTooMuch(book)):
        assert answers(world.post(bug)) == ["failed"]
    assert row(world.engine, book) == before
    assert len(entries(world.engine, book)) == 1


class _Bug(Broken):
    def decide(self, desk: Desk) -> None:
        desk.book.add(Draft(Kind.FREEZE, desk.today, keyed=True))
        self.break_(desk)

    def break_(self, desk: Desk) -> None:
        raise NotImplementedError  # each of the bugs says how


class _Overdraw(_Bug):
    def break_(self, desk: Desk) -> None:
        desk.book.current_year = -1


class _CloseWithMoney(_Bug):
    def break_(self, desk: Desk) -> None:
        desk.book.stage = 4


class _HoldTooMuch(_Bug):
    def break_(self, desk: Desk) -> None:
        desk.book.held = 101


def test_an_account_nobody_has_is_not_found(world: World) -> None:
    nobody = number_digest(parse_id_number(id_number(4, born=date(1950, 5, 5)), world.today), KEYRING)
    assert world.refusal(credit(world, nobody)) == "account_not_found"
    assert world.refusal(credit(world, 12_345)) == "account_not_found"
    assert world.refusal(Expire(12_345)) == "account_not_found"


def _book(outcome: Outcome) -> int:
    assert isinstance(outcome, Posted)
    return outcome.receipt.book_id
