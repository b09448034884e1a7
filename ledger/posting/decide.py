"""Deciding: each command of a batch, in order, on copies of the books. Pure: everything was read before."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from ledger.book.beside import Row
from ledger.book.detail import pack, unpack
from ledger.book.numbers import is_institution
from ledger.book.state import Book
from ledger.chart.approvals import ApprovalState
from ledger.policy import MissingParameter
from ledger.posting.answered import answered_by_document, answered_by_key
from ledger.posting.approvals import (
    AskedFor,
    GivenTo,
    amount_of,
    asks_from,
    check_may_approve,
    next_number,
    waited_for,
)
from ledger.posting.attempt import Attempt
from ledger.posting.command import Command
from ledger.posting.desk import Desk, receipt_of
from ledger.posting.free_text import refuse_id_numbers
from ledger.posting.identities import tell_identities
from ledger.posting.intents import write_command
from ledger.posting.outcomes import (
    AlreadyThere,
    Answered,
    Intent,
    Outcome,
    PolicyOutdated,
    Posted,
    Receipt,
    Sourced,
    Waiting,
    WiderLocks,
)
from ledger.posting.stakes import number_in
from ledger.posting.writes import Decided, Provenance
from ledger.refusals import RefusalCode, Refused

# the least by which two instants differ
_AN_INSTANT: Final = timedelta(microseconds=1)


def decide_all(attempt: Attempt, atomic: bool) -> None:
    attempt.together = atomic
    before = dict(attempt.desk.books) if atomic else {}
    # of a command that has to wait for more books, those after it at the same book do not go before it
    waiting: set[int] = set()
    for place, command in enumerate(attempt.commands):
        book_id = attempt.ids[place]
        try:
            if attempt.fresh and not atomic and _is_written_down_by_another(attempt, command):
                raise WiderLocks(())
            outcome = _decide(attempt, command, book_id, waits=book_id in waiting)
        except Refused as refused:
            attempt.outcomes.append(WiderLocks(()) if book_id in waiting else refused)
        except WiderLocks as wider:
            if book_id is not None:
                waiting.add(book_id)
            attempt.outcomes.append(wider)
        except PolicyOutdated as outdated:
            attempt.outcomes.append(outdated)
        except Waiting as waits:
            attempt.outcomes.append(waits)
        else:
            attempt.outcomes.append(outcome)
    if atomic and any(
        isinstance(outcome, Refused | WiderLocks | PolicyOutdated) for outcome in attempt.outcomes
    ):
        _undo_group(attempt, before)


def _is_written_down_by_another(attempt: Attempt, command: Command) -> bool:
    """Whether somebody new whom it names stands there as another command has written them down.

    If that one is refused, nobody may keep its name, nor its key: who comes after it is asked again then.
    """
    # a rehearsal writes nobody down; one command may name somebody twice
    written = [
        attempt.fresh[person.digest]
        for person in command.persons
        if person.digest in attempt.desk.fresh_persons and person.digest in attempt.fresh
    ]
    return any(all(one is not person for person in command.persons) for one in written)


def _undo_group(attempt: Attempt, before: dict[int, Book]) -> None:
    # a repeat of a request of this very group is undone with it; a replay of what was posted before stands
    undone = {
        (book.book_id, draft.seq)
        for one in attempt.decided
        for book, drafts in one.drafts
        for draft in drafts
    }
    attempt.desk.books = before
    attempt.decided.clear()
    attempt.accepted.clear()
    attempt.given.clear()
    attempt.new_books.clear()
    attempt.desk.freed.clear()
    attempt.desk.moved.clear()
    attempt.desk.moves_told.clear()
    if any(isinstance(outcome, WiderLocks) for outcome in attempt.outcomes):
        # the group is decided anew with more books; until then no outcome is final
        asking = [outcome for outcome in attempt.outcomes if isinstance(outcome, WiderLocks)]
        books = [ref for outcome in asking for ref in outcome.books]
        led = any(outcome.leads_on for outcome in asking)
        attempt.outcomes = [WiderLocks(books, leads_on=led) for _ in attempt.outcomes]
        return
    # by the newer policy the refusals might be others: the group as a whole is for another process
    instead = next((outcome for outcome in attempt.outcomes if isinstance(outcome, PolicyOutdated)), None)
    attempt.outcomes = [
        outcome
        if _stands(outcome, undone) or (instead is None and isinstance(outcome, Refused))
        else instead or Refused(RefusalCode.GROUP_REFUSED)
        for outcome in attempt.outcomes
    ]


def _stands(outcome: Outcome | WiderLocks, undone: set[tuple[int, int]]) -> bool:
    return (
        isinstance(outcome, Posted)
        and outcome.replayed
        and (outcome.receipt.book_id, outcome.receipt.seq) not in undone
    )


def _decide(attempt: Attempt, command: Command, book_id: int | None, *, waits: bool) -> Posted:
    """One command: its first answer again, or its own decision on copies of the books.

    With `waits` it is only asked which books it needs, and raises WiderLocks in any case.
    """
    desk = attempt.desk
    if desk.moved and _names_one_who_moved(command, desk):
        # it was resolved before, and is decided again as things stand then
        raise WiderLocks(())
    if book_id is None or (book_id not in desk.books and not command.opens):
        raise _not_found(command)
    approved = command.approval is not None and check_may_approve(
        desk, command.approval, command.actor, attempt.agents
    )
    fingerprint: bytes | None = None
    place = None
    if command.key is not None:
        fingerprint = command.fingerprint(book_id)
    if command.keyed_by_source:
        answered = answered_by_document(desk, command, book_id, fingerprint)
        if answered is not None:
            return answered
    elif command.key is not None:
        place = (book_id, command.caller, command.key)
        told = answered_by_key(desk, command, book_id, fingerprint, approved=approved)
        if told is not None:
            return told
    stored = desk.books.get(book_id)
    # asked for where its book was looked through for it, or is new
    may_wait = not approved and (book_id in desk.intents or book_id in attempt.new_books)
    least = asks_from(desk, command, stored) if may_wait else None
    if least is not None and not attempt.rehearsing and _goes_on_to(desk, command, book_id) is None:
        waits_already = waited_for(desk, book_id, attempt.agents[command.caller], command.key, fingerprint)
        if waits_already is not None:
            raise Refused(RefusalCode.APPROVAL_NEEDED) if attempt.together else waits_already
    refuse_id_numbers(command)
    if stored is not None:
        _check_area(attempt, stored)
    if desk.shared:
        _check_not_shared(command, desk)
    freed, moved = desk.freed, desk.moved
    if attempt.outdated or waits or least is not None:
        freed, moved = set(freed), dict(moved)
    desk.working = {}
    desk.book = None
    if stored is not None:
        copy = stored.copy()
        desk.book = desk.working[book_id] = copy
        if copy.holds:
            copy.expire_holds(desk.now, desk.today)
    try:
        command.decide(desk)
    except Refused as refused:
        if refused.code is RefusalCode.ACCOUNT_CLOSED:
            _lead_on(desk, command, book_id)
        raise
    except AlreadyThere as there:
        return Posted(there.receipt, created=False, beside=there.beside)
    except MissingParameter as missing:
        # what the area has not decided for a day is refused, not guessed
        raise Refused(RefusalCode.RATES_MISSING, parameter=missing.name, day=missing.day) from missing
    if waits:
        desk.freed, desk.moved = freed, moved
        raise WiderLocks(())
    if attempt.outdated:
        # a book that was opened just now, and those of other areas
        try:
            _want_in_force(attempt, desk.working.values())
        except PolicyOutdated:
            desk.freed, desk.moved = freed, moved
            raise
    asks = least is not None and amount_of(command, desk.working.values()) >= least
    if asks and not (attempt.rehearsing and not attempt.together):
        desk.freed, desk.moved = freed, moved
        raise _asked(attempt, command, book_id, fingerprint)
    # From here on the command is accepted: nothing below may refuse.
    posted = _accept(attempt, command, place, fingerprint)
    posted.asks = asks
    return posted


def _not_found(command: Command) -> Refused:
    # what has no book is on record nowhere
    refuse_id_numbers(command)
    return Refused(RefusalCode.ACCOUNT_NOT_FOUND, at="book")


def _asked(attempt: Attempt, command: Command, book_id: int, fingerprint: bytes | None) -> Waiting | Refused:
    """That a command waits for a second person; or, where it cannot, that one is needed."""
    desk = attempt.desk
    if attempt.together or attempt.seal is None or command.key is None or fingerprint is None:
        return Refused(RefusalCode.APPROVAL_NEEDED)
    days = desk.policy(desk.book.area).approvals.days_on(desk.today)
    number = next_number(desk, book_id)
    intent = Intent(
        book_id,
        number,
        attempt.agents[command.caller],
        command.key,
        fingerprint,
        attempt.agents[command.actor],
        int(ApprovalState.WAITING),
        desk.now + timedelta(days=days),
        None,
    )
    desk.intents.setdefault(book_id, {})[number] = intent
    amount = amount_of(command, desk.working.values())
    attempt.asked.append(AskedFor(intent, command.word, amount or None, write_command(command)))
    return Waiting(book_id, number)


def _goes_on_to(desk: Desk, command: Command, book_id: int) -> int | None:
    """The account that the one of a command went into, which takes what that one takes no more; None where
    it is about an entry of the closed one.

    What waited there for a second person was about the account as it was: it cannot be approved any more, and
    sent again it waits where it goes on to.
    """
    if command.is_about_an_entry or not command.leads_on or command.approval is not None:
        return None
    return desk.went_into.get(book_id)


def _lead_on(desk: Desk, command: Command, book_id: int) -> None:
    """What an account that went into another takes no more is decided there, unless it was booked before
    that. Raises WiderLocks then.
    """
    into = _goes_on_to(desk, command, book_id)
    if into is None:
        return
    place = (book_id, int(command.source_kind or 0), command.source_ref or "")
    if place not in desk.sources:
        command.book = into
        raise WiderLocks((into,), leads_on=True)


def _check_area(attempt: Attempt, stored: Book) -> None:
    """Raise Refused for a book of an area without a policy, PolicyOutdated where a newer one is in force."""
    # an institution of another area may have a contract here, and that area no policy
    if stored.area not in attempt.versions and not is_institution(stored.book_id):
        raise Refused(RefusalCode.AREA_UNKNOWN)
    if attempt.outdated:
        _want_in_force(attempt, [stored])


def _check_not_shared(command: Command, desk: Desk) -> None:
    """Raise Refused for a number that two people shared, and that is in force for neither.

    Where a name stands beside it, the command itself says whose it is.
    """
    named = {person.digest for person in command.persons}
    for at, refs in (("book", (command.book, command.else_book)), ("others", command.others)):
        numbers = {number_in(ref) for ref in refs if isinstance(ref, bytes)}
        if not desk.shared.isdisjoint(numbers - named):
            raise Refused(RefusalCode.ID_NUMBER_SHARED, at=at if at == "book" else "")


def _names_one_who_moved(command: Command, desk: Desk) -> bool:
    refs = (command.book, command.else_book, *command.others, *command.named)
    digests = {number_in(ref) for ref in refs if isinstance(ref, bytes)}
    return not desk.moved.keys().isdisjoint(digests | {person.digest for person in command.persons})


def _want_in_force(attempt: Attempt, books: Iterable[Book]) -> None:
    """Raise PolicyOutdated for a book of an area of which a newer policy is in force."""
    for book in books:
        if book.area in attempt.outdated:
            raise PolicyOutdated(book.area)


def _accept(
    attempt: Attempt, command: Command, place: tuple[int, str, str] | None, fingerprint: bytes | None
) -> Posted:
    desk = attempt.desk
    # most commands change nothing of whose numbers are
    if command.persons or desk.moved or command.opens or command.says_whose:
        tell_identities(desk, command)
    caller, actor = attempt.agents[command.caller], attempt.agents[command.actor]
    version = attempt.versions.get(desk.book.area, 0)
    written: list[tuple[Book, list[object]]] = []
    main: Receipt | None = None
    beside: tuple[Row, ...] = ()
    others: list[Receipt] = []
    for book_id, copy in desk.working.items():
        drafts = copy.drafts
        if not drafts:
            continue
        if book_id not in desk.books:
            attempt.new_books.add(book_id)
        desk.books[book_id] = copy
        written.append((copy, list(drafts)))
        # never before what stands in the book already, whatever the clock says; and where that is behind,
        # after it: what was known up to an instant does not change by what comes later
        before, recorded_at = copy.recorded_at, desk.now
        if before is not None and before > recorded_at:
            recorded_at = before + _AN_INSTANT
        copy.recorded_at = recorded_at
        for draft in drafts:
            draft.recorded_at = recorded_at
            if command.approval is not None and draft.keyed:
                # so that the chain covers who approved it
                second = attempt.agents[command.approval.by]
                draft.detail = pack(**unpack(draft.detail), approved_by=second)
            receipt = receipt_of(draft, copy, desk, version, caller, actor)
            if draft.keyed:
                main, beside = receipt, draft.beside
            else:
                others.append(receipt)
            desk.remember(receipt, draft.beside)
        drafts.clear()
    if main is None:
        raise AssertionError("a decision adds the one entry that carries its key")
    posted = Posted(main, tuple(others), beside=beside)
    provenance: Provenance = (version, caller, actor, command.key, fingerprint)
    attempt.decided.append(Decided(written, provenance))
    attempt.accepted.append(command)
    if command.approval is not None:
        home, number, who, system = command.approval
        by = attempt.agents[who]
        attempt.given.append(GivenTo(home, number, main.seq, by, attempt.agents[system]))
        approved = desk.intents[home][number]._replace(state=int(ApprovalState.APPROVED), decided_by=by)
        desk.intents[home][number] = approved
    if place is not None and fingerprint is not None:
        desk.keys[place] = Answered(fingerprint, posted)
    if command.keyed_by_source and main.source_ref is not None:
        desk.sourced[main.book_id, int(main.kind), main.source_ref] = Sourced(fingerprint, main)
    desk.fresh_stakes -= set(command.stakes)
    if desk.fresh_persons:
        desk.fresh_persons -= {person.digest for person in command.persons}
    return posted
