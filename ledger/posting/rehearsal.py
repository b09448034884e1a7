"""Deciding without posting: dry runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import Connection

from ledger.policy import Policy
from ledger.posting.agents import agent_ids
from ledger.posting.attempt import (
    Attempt,
    agent_names,
    find_books,
    follow_stakes,
    overtaken,
    read_all,
    resolve_books,
    wanted,
    widenings,
)
from ledger.posting.book_reads import look_at_books
from ledger.posting.command import Command
from ledger.posting.decide import decide_all
from ledger.posting.desk import Desk, Reveal
from ledger.posting.in_force import outdated_areas, policy_versions
from ledger.posting.outcomes import BookRef, Outcome, Person, WiderLocks
from ledger.posting.stakes import let_open_again, stake_things


def rehearse(
    connection: Connection,
    commands: Sequence[Command],
    now: datetime,
    today: date,
    policies: Mapping[int, Policy],
    *,
    atomic: bool = False,
    reveal: Reveal | None = None,
) -> list[Outcome]:
    """Decide without posting: a dry run. Locks nothing, stakes nothing, writes nothing.

    `connection` is one for reading. The receipts show the numbers that the entries would have got.
    """
    agents = agent_ids(connection, agent_names(commands), now, create=False)
    versions = policy_versions(connection, policies, now, create=False)
    attempt = Attempt(commands, Desk(now, today, policies, reveal), versions, agents, rehearsing=True)
    wider: list[BookRef] = []
    left = widenings(commands)
    while left >= 0:
        attempt = Attempt(commands, Desk(now, today, policies, reveal), versions, agents, rehearsing=True)
        desk = attempt.desk
        with connection.begin():
            resolve_books(connection, attempt, wider)
            let_open_again(connection, commands, desk)
            for command in commands:
                # somebody who is not known yet gets a number nobody has, for the length of the rehearsal
                for place, person in enumerate(command.persons, start=1):
                    if person.digest not in desk.persons:
                        desk.fresh_persons.add(person.digest)
                    desk.persons.setdefault(person.digest, Person(-place, person.name_digest))
                if command.opens and isinstance(command.book, bytes):
                    desk.ids.setdefault(command.book, command.candidates[0])
            find_books(attempt)
            stake_things(connection, commands, attempt.ids, desk, take=False)
            follow_stakes(attempt)
            desk.books, newest = look_at_books(connection, wanted(attempt, wider))
            attempt.outdated = outdated_areas(connection, versions, newest)
            read_all(connection, attempt)
        decide_all(attempt, atomic)
        asking = [outcome for outcome in attempt.outcomes if isinstance(outcome, WiderLocks)]
        if not asking:
            return [outcome for outcome in attempt.outcomes if not isinstance(outcome, WiderLocks)]
        # some ask for more books, some for nothing but another look
        wider += [ref for outcome in asking for ref in outcome.books]
        left -= not any(outcome.leads_on for outcome in asking)
    return [overtaken() for _ in commands]
