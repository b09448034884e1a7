"""The record of a read: what comes before one is let in, and before its answer is let out.

A route that shows a person's data says in its handler whose (`shown_by(request).of(…)`); the route writes it
down before the first byte leaves. A handler that says nothing lets nothing out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Iterable, Sequence
from typing import Final

from fastapi import Request, Response
from starlette.types import Scope

from api.http.errors import Declined, Fault, ShapeRefused
from api.http.problems import DoorCode
from api.http.reach import OWN_DATA
from api.http.readers import AFTER_LOOK
from api.http.security import Caller
from api.http.shows import ONLY_THROUGH
from api.http.state import State, caller_of, state_of
from ledger import BookRef, Command, Outcome, Posted, RefusalCode, Refused
from ledger.access.channels import ASKING_ONLY, may_see, purposes
from ledger.access.estate_case import ESTATE, OF_THE_LIVING, are_of_the_living, has_the_case
from ledger.access.read_log import TOGETHER_MAX
from ledger.access.reads import Asker, Read
from ledger.book.numbers import parse_entry_name, party_of
from ledger.chart.channels import NOTHING, AccessChannel, FieldGroup
from ledger.chart.parties import Party
from ledger.people.id_numbers import holds_id_number, mask_in_text
from ledger.texts import read_text

REF_MAX: Final = 200
_DIGEST_BYTES: Final = 32
# doors of those whom nobody sees: what is behind them asks by itself who is there
_OWN_DOORS: Final[dict[AccessChannel, str]] = {
    AccessChannel.PHONE: "/v1/phone/",
    AccessChannel.ONLINE: OWN_DATA,
    AccessChannel.KIOSK: OWN_DATA,
}
# books of employers and institutions are not persons' data
_PERSONS: Final = (Party.PERSON, Party.RESIDENT)
_OF_THE_DEAD_OR_LIVING: Final = OF_THE_LIVING | {ESTATE}
# refusals that say nothing of the person whom a command names: there is none, or two, or another command was
# wrong
_OF_NOBODY: Final = frozenset(
    {RefusalCode.ACCOUNT_NOT_FOUND, RefusalCode.ID_NUMBER_SHARED, RefusalCode.GROUP_REFUSED}
)
# refusals that say what somebody has, owes, is owed or has paid
_TELLING: Final = frozenset(
    {
        RefusalCode.OPEN_ITEMS,
        RefusalCode.QUOTA_TOO_HIGH,
        RefusalCode.PREMIUM_NOT_OWED,
        RefusalCode.CAP_EXCEEDED,
    }
)
Asks = tuple[str, FieldGroup]
"""The scope that a route asks for, and the groups of fields that its answer shows."""

_match_purpose = re.compile(r"([A-Za-z0-9_]+)(?:[ \t]*;[ \t]*ref=(.+))?").fullmatch


class Shown:
    """What one answer shows, of whom: gathered by the handler, recorded by the route."""

    def __init__(self, state: State, asker: Asker, fields: FieldGroup) -> None:
        self._state = state
        self.asker = asker
        self.fields = fields
        # by the same without the number of items
        self._reads: dict[Read, Read] = {}
        self._is_more_to_come = False
        # whether the handler has said whose data it shows, be it nobody's
        self.is_told = fields == NOTHING

    def may_have(self, fields: FieldGroup) -> bool:
        """Whether the asker's channel sees these too."""
        return may_see(self.asker.channel, fields)

    def of(
        self, *books: int, items: int = 1, fields: FieldGroup | None = None, document: str | None = None
    ) -> None:
        """The answer shows so many items of each of these books."""
        self.is_told = True
        shown = self.fields if fields is None else fields
        for book in books:
            if shown != NOTHING and party_of(book) in _PERSONS:
                self._add(Read(self.asker, book, None, shown, items, document))

    def to_come(self) -> None:
        """More of the same answer is said after it was read: all of it is recorded together."""
        self._is_more_to_come = True

    def of_each(self, refs: Iterable[BookRef | None], fields: FieldGroup | None = None) -> None:
        """The answer shows an item of somebody for each time that they stand here."""
        self.is_told = True
        for ref, items in Counter(ref for ref in refs if ref is not None).items():
            self.of_ref(ref, items, fields)

    def of_ref(self, ref: BookRef, items: int = 1, fields: FieldGroup | None = None) -> None:
        """The answer tells something of whoever this names, by a book or by the digest of an ID number."""
        if isinstance(ref, int):
            self.of(ref, items=items, fields=fields)
        else:
            # the book of a scheme is named by the scheme and that digest
            self.of_person(ref[-_DIGEST_BYTES:], items, fields)

    def of_person(self, digest: bytes, items: int = 1, fields: FieldGroup | None = None) -> None:
        """The answer tells something of a person of whom only the digest of the number is known.

        With NOTHING as `fields` it is the record of somebody who asked and was told nothing.
        """
        self.is_told = True
        self._add(Read(self.asker, None, digest, self.fields if fields is None else fields, items))

    def tried(self, people: Iterable[BookRef]) -> None:
        """The answer tells nothing of people who are beyond the asker's reach, be they known or not."""
        for ref in people:
            # of a posting too: it has no entry that says so
            Shown._add(self, self._try(ref))

    def tried_here(self, people: Iterable[BookRef]) -> None:
        """The same, recorded in this thread. Raises ReadLogUnavailable."""
        self._state.read_log.record_here([self._try(ref) for ref in people])

    def _try(self, ref: BookRef) -> Read:
        book, digest = (ref, None) if isinstance(ref, int) else (None, ref[-_DIGEST_BYTES:])
        return Read(self.asker, book, digest, NOTHING, 0)

    def also_for(self, words: str) -> None:
        """What is to be recorded as reference beside what the call itself gave as one."""
        ref = self.asker.ref
        self.asker = self.asker._replace(ref=words if ref is None else f"{ref}; {words}")

    def of_outcome(self, command: Command, outcome: Outcome | Exception) -> None:
        """The answer tells what became of a command, or would."""
        self.of_outcomes([(command, outcome)])

    def of_outcomes(self, outcomes: Iterable[tuple[Command, Outcome | Exception]]) -> None:
        """The same of several."""
        if self.fields != NOTHING:
            self.of_each(_told_of(command, outcome) for command, outcome in outcomes)

    def _add(self, read: Read) -> None:
        """One line for what an answer shows of one person. What is said again is shown once."""
        place = read._replace(items=0)
        known = self._reads.get(place)
        if known is None or known.items < read.items:
            self._reads[place] = read

    async def record(self) -> None:
        """Write down what was shown since the last time.

        Raises ReadLogUnavailable, and Declined for the account of the dead without its case: then it is not
        shown.
        """
        reads, self._reads = list(self._reads.values()), {}
        if reads and self._asks_whether_somebody_died:
            await self._may_see_the_dead(reads)
        # the list of an employer has more people than the log takes at once
        for start in range(0, len(reads), TOGETHER_MAX):
            await self._state.read_log.record(reads[start : start + TOGETHER_MAX])

    def record_here(self) -> None:
        """The same in the thread that read, for all but what asks for more than a record: that waits."""
        if self._is_more_to_come or self._asks_whether_somebody_died:
            return
        if self._reads and len(self._reads) <= TOGETHER_MAX:
            reads, self._reads = list(self._reads.values()), {}
            self._state.read_log.record_here(reads)

    @property
    def _asks_whether_somebody_died(self) -> bool:
        asker = self.asker
        return asker.channel is AccessChannel.WINDOW and asker.purpose in _OF_THE_DEAD_OR_LIVING

    async def _may_see_the_dead(self, reads: Sequence[Read]) -> None:
        """Raise Declined for an account of the dead, but for an estate whose case is named.

        That somebody has died is told to whoever stands at the window: status and masked name.
        """
        ref = self.asker.ref
        if self.asker.purpose == ESTATE:
            books = {read.book_id for read in reads if read.book_id is not None}
            may = await self._state.glance(lambda connection: has_the_case(connection, ref, books))
        else:
            books = {
                read.book_id
                for read in reads
                if read.book_id is not None and read.fields & ~FieldGroup.IDENTITY_MASKED
            }
            may = not books or await self._state.glance(
                lambda connection: are_of_the_living(connection, books)
            )
        if not may:
            raise Declined(DoorCode.PURPOSE_NOT_ALLOWED)


class _Posted(Shown):
    """Of a posting: its entry is the record. What wrote no entry, and tells of somebody, is a read."""

    def __init__(self, state: State, asker: Asker, fields: FieldGroup) -> None:
        super().__init__(state, asker, fields)
        self.is_told = True
        self._is_read = False

    def of_outcomes(self, outcomes: Iterable[tuple[Command, Outcome | Exception]]) -> None:
        self._is_read = True
        super().of_outcomes(
            (command, outcome)
            for command, outcome in outcomes
            if (isinstance(outcome, Refused) and outcome.code in _TELLING)
            or (isinstance(outcome, Posted) and not outcome.created)
        )
        self._is_read = False

    def _add(self, read: Read) -> None:
        if self._is_read:
            super()._add(read)


def _told_of(command: Command, outcome: Outcome | Exception) -> BookRef | None:
    """Of whom it tells what became of a command, or would; None for nobody."""
    if isinstance(outcome, Posted):
        book = outcome.receipt.book_id
        written = (outcome.receipt, *outcome.others) if outcome.created else ()
        # a book that the command would open is nobody's yet
        opens = any(one.seq == 1 and one.book_id == book for one in written)
        return command.book if opens else book
    if isinstance(outcome, Refused) and outcome.code not in _OF_NOBODY:
        # to who asks for one institution that is the same as nobody, and is recorded as tried
        is_hidden = outcome.code is RefusalCode.ACCOUNT_CLOSED and getattr(command, "bound", False)
        return None if is_hidden else command.book
    return None


def shown_by(request: Request) -> Shown:
    """Where a handler says whose data its answer shows."""
    scope = request.scope
    shown: Shown | None = scope.get("ledger.shown")
    if shown is None:
        # a posting of a system, of which nothing had to be asked
        caller = caller_of(request)
        role, fields = scope["ledger.asks"]
        asker = Asker(caller.caller, caller.actor, role, caller.channel, caller.bound_to)
        shown = scope["ledger.shown"] = _Posted(state_of(request), asker, fields)
    return shown


def let_in(request: Request, caller: Caller, asks: Asks, *, only_reads: bool) -> None:
    """Raise Declined unless the caller's channel may have the route, for a purpose that it says.

    What posts asks for no purpose. A system's reads are recorded like all others, and need none.
    """
    scope = request.scope
    scope["ledger.asks"] = asks
    # most calls are postings of a system: nothing is asked of them, and their entry is the record
    if only_reads or scope["query_string"] or caller.channel is not AccessChannel.SYSTEM:
        role, fields = asks
        _let_in(request, caller, role, fields, reads=only_reads or _is_dry_run(request))


def preview(request: Request, fields: FieldGroup | None = None) -> None:
    """The same for a call of which only the body, or who calls, says that it reads: of the route's groups.

    `fields` are those that it shows where the route shows none to others.
    """
    role, of_route = request.scope["ledger.asks"]
    _let_in(request, caller_of(request), role, of_route if fields is None else fields, reads=True)


def _let_in(request: Request, caller: Caller, role: str, fields: FieldGroup, *, reads: bool) -> None:
    channel = caller.channel
    purpose: str | None = None
    ref: str | None = None
    route = request.method, request.scope["ledger.template"]
    if not _may_have(channel, route, fields, reads=reads):
        raise Declined(DoorCode.CHANNEL_NOT_ALLOWED)
    if reads and fields != NOTHING and channel is not AccessChannel.SYSTEM:
        purpose, ref = _stated(request, channel)
    asker = Asker(caller.caller, caller.actor, role, channel, caller.bound_to, purpose, ref)
    if reads:
        shown = request.scope["ledger.shown"] = Shown(state_of(request), asker, fields)
        AFTER_LOOK.set(shown.record_here)
    else:
        request.scope["ledger.shown"] = _Posted(state_of(request), asker, fields)


def _may_have(channel: AccessChannel, route: tuple[str, str], fields: FieldGroup, *, reads: bool) -> bool:
    """Whether a channel may have a route that shows these groups."""
    if route in ONLY_THROUGH:
        return channel in ONLY_THROUGH[route]
    if channel in _OWN_DOORS and not route[1].startswith(_OWN_DOORS[channel]):
        return False
    return may_see(channel, fields) if reads else channel not in ASKING_ONLY


async def recorded(scope: Scope, answering: Awaitable[Response]) -> Response:
    """The answer of a handler, once what it shows is written down.

    A refusal shows something where the handler had said whose data it looks at: that is written down too, and
    so is whom somebody named who has named too many.
    """
    shown: Shown | None
    try:
        response = await answering
    except (Refused, Declined) as no:
        if isinstance(no, Declined) and no.code is not DoorCode.TOO_MANY_REQUESTS:
            raise
        shown = scope.get("ledger.shown")
        if shown is not None:
            await shown.record()
        raise
    # not before the handler: one that reads its body may say that the call only looks (`preview`)
    shown = scope.get("ledger.shown")
    if shown is not None:
        if not shown.is_told:
            raise AssertionError("the handler of a route that shows persons says whose data it shows")
        await shown.record()
    return response


def _is_dry_run(request: Request) -> bool:
    if not request.scope["query_string"]:
        return False
    query = request.query_params
    # of a file it is called a preview
    return query.get("dry_run") == "true" or query.get("preview") == "true"


def _stated(request: Request, channel: AccessChannel) -> tuple[str, str | None]:
    """Purpose and reference of a call: `Purpose: court_order; ref=…`. Raises Declined, ShapeRefused."""
    said = request.headers.getlist("purpose")
    if not any(one.strip(" \t") for one in said):
        raise Declined(DoorCode.PURPOSE_MISSING)
    found = _match_purpose(said[0].strip(" \t")) if len(said) == 1 else None
    state = state_of(request)
    allowed = purposes(state.policies.values(), channel, state.clock()[1])
    if found is None or found[1] not in allowed:
        raise Declined(DoorCode.PURPOSE_NOT_ALLOWED)
    return found[1], None if found[2] is None else _reference(found[2])


def _reference(text: str) -> str:
    try:
        # headers are bytes, which the server reads as Latin-1: most references are Chinese
        read = read_text(text.encode("latin-1").decode().strip(' \t"'), REF_MAX)
    except UnicodeError:
        read = None
    if read is None:
        wanted = f"a reference of 1 to {REF_MAX} printable characters, in UTF-8"
        raise ShapeRefused([Fault(RefusalCode.SHAPE_INVALID, "header", "Purpose", wanted)])
    entry, blank, more = read.partition(" ")
    # the digits of an entry's name may be those of an ID number by chance, and heirs are let in by it
    is_entry = parse_entry_name(entry) is not None
    if holds_id_number(more if is_entry else read):
        wanted = "a reference without an ID number in it"
        raise ShapeRefused([Fault(RefusalCode.PERSONAL_DATA_IN_TEXT, "header", "Purpose", wanted)])
    return entry + blank + mask_in_text(more) if is_entry else mask_in_text(read)
