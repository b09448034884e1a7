"""The commands of a bulk: how each verb is read, which scope it asks for, and what it becomes.

The fields of a command are those of its single call, with what the path and the header would have said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Annotated, Any, NamedTuple

from pydantic import Field, ValidationError

from api.accounts import bodies as schemas
from api.accounts.accounts import opening
from api.http.errors import Fault, faults_of, faults_of_body, faults_of_refusal, worst
from api.http.fields import Strict
from api.http.places import Places
from api.http.posting import entry_of, plain_key
from api.http.security import Caller
from api.http.state import State
from ledger import (
    BookRef,
    Capture,
    Command,
    Contribute,
    EndFreeze,
    Freeze,
    Hold,
    OpenAccount,
    RefusalCode,
    Refused,
    Release,
    ReportDeath,
    Reverse,
    Spend,
    persons,
)

R = RefusalCode
Reference = Annotated[str, Field(min_length=1, max_length=64)]


class Bulked(Strict):
    """What every command of a bulk has."""

    verb: str
    # looked at after the shape, like the header
    idempotency_key: str | None = None


class BulkOpen(Bulked, schemas.NewAccount):
    """`open`"""


class BulkContribute(Bulked, schemas.Contribution):
    """`contribute`"""

    account: Reference


class BulkSpend(Bulked, schemas.Spending):
    """`spend`"""

    account: Reference


class BulkHold(Bulked, schemas.NewHold):
    """`hold`"""

    account: Reference


class BulkCapture(Bulked, schemas.Capturing):
    """`capture`"""

    hold: Reference


class BulkRelease(Bulked):
    """`release`"""

    hold: Reference


class BulkReverse(Bulked, schemas.Reversal):
    """`reverse`"""

    entry: Reference


class BulkFreeze(Bulked, schemas.NewFreeze):
    """`freeze`"""

    account: Reference


class BulkEndFreeze(Bulked, schemas.FreezeEnd):
    """`end_freeze`"""

    freeze: Reference


class BulkDeath(Bulked, schemas.Death):
    """`death`"""

    account: Reference


class Unreadable(Refused):
    """A command that cannot be read, or names something that is not there. Faults are told from its root."""

    def __init__(self, code: RefusalCode, faults: Sequence[Fault] = ()) -> None:
        super().__init__(code)
        self.faults = faults


class Maker(NamedTuple):
    """What a command is made of beside its own fields."""

    state: State
    who: Caller
    today: date
    key: str

    def ref(self, account: str) -> BookRef:
        return persons.account_ref(account, self.state.keyring, self.today)


class Reader(NamedTuple):
    """One verb of a bulk."""

    scope: str
    model: type[Bulked]
    command: type[Command]
    make: Callable[[Any, Maker], Command]

    def places(self) -> Places:
        """Where such a command has the fields that a refusal may name."""
        # what its path would name is the one field that the model adds to those of the single call
        named = next((name for name in self.model.__annotations__ if name in self.model.model_fields), None)
        names = {} if named is None else dict.fromkeys(("book", "target_seq"), named)
        return Places(self.model, names=names)


def _open(body: BulkOpen, m: Maker) -> Command:
    return opening(body, m.state, m.who, m.key)[0]


def _contribute(body: BulkContribute, m: Maker) -> Command:
    return Contribute(
        m.ref(body.account),
        body.amount,
        body.period,
        body.effective_on,
        body.source_ref,
        m.who.caller,
        m.who.actor,
        m.key,
    )


def _spend(body: BulkSpend, m: Maker) -> Command:
    return Spend(
        m.ref(body.account),
        body.amount,
        body.effective_on,
        body.institution,
        body.source_ref,
        body.take_available,
        m.who.caller,
        m.who.actor,
        m.key,
    )


def _hold(body: BulkHold, m: Maker) -> Command:
    return Hold(
        m.ref(body.account),
        body.amount,
        body.expires_at,
        body.institution,
        body.source_ref,
        m.who.caller,
        m.who.actor,
        m.key,
    )


def _capture(body: BulkCapture, m: Maker) -> Command:
    book_id, seq = entry_of(body.hold, R.HOLD_NOT_FOUND)
    return Capture(
        book_id, seq, body.amount, body.effective_on, body.source_ref, m.who.caller, m.who.actor, m.key
    )


def _release(body: BulkRelease, m: Maker) -> Command:
    book_id, seq = entry_of(body.hold, R.HOLD_NOT_FOUND)
    return Release(book_id, seq, m.who.caller, m.who.actor, m.key)


def _reverse(body: BulkReverse, m: Maker) -> Command:
    book_id, seq = entry_of(body.entry, R.ENTRY_NOT_FOUND)
    return Reverse(book_id, seq, body.reason, body.effective_on, m.who.caller, m.who.actor, m.key)


def _freeze(body: BulkFreeze, m: Maker) -> Command:
    return Freeze(
        m.ref(body.account),
        body.authority,
        body.document,
        body.first,
        body.last,
        body.scope,
        m.who.caller,
        m.who.actor,
        m.key,
    )


def _end_freeze(body: BulkEndFreeze, m: Maker) -> Command:
    book_id, seq = entry_of(body.freeze, R.FREEZE_NOT_FOUND)
    return EndFreeze(book_id, seq, body.reason, m.who.caller, m.who.actor, m.key)


def _death(body: BulkDeath, m: Maker) -> Command:
    return ReportDeath(m.ref(body.account), body.died_on, body.evidence, m.who.caller, m.who.actor, m.key)


READERS: dict[str, Reader] = {
    "open": Reader("accounts:write", BulkOpen, OpenAccount, _open),
    "contribute": Reader("postings:write", BulkContribute, Contribute, _contribute),
    "spend": Reader("postings:write", BulkSpend, Spend, _spend),
    "hold": Reader("postings:write", BulkHold, Hold, _hold),
    "capture": Reader("postings:write", BulkCapture, Capture, _capture),
    "release": Reader("postings:write", BulkRelease, Release, _release),
    "reverse": Reader("postings:reverse", BulkReverse, Reverse, _reverse),
    "freeze": Reader("accounts:write", BulkFreeze, Freeze, _freeze),
    "end_freeze": Reader("accounts:write", BulkEndFreeze, EndFreeze, _end_freeze),
    "death": Reader("accounts:write", BulkDeath, ReportDeath, _death),
}


PLACES: dict[type[Command], Places] = {reader.command: reader.places() for reader in READERS.values()}


def read_command(state: State, who: Caller, today: date, item: Any) -> Command | Unreadable:
    """The command that one item of a bulk stands for, or why it stands for none."""
    verb = item.get("verb") if isinstance(item, dict) else None
    reader = READERS.get(verb) if isinstance(verb, str) else None
    if reader is None:
        found = [
            Fault(R.SHAPE_INVALID, "body", "/verb", f"one of {', '.join(READERS)}"),
            *faults_of((), item),
        ]
        return Unreadable(worst(found), found)
    try:
        body = reader.model.model_validate(item)
    except ValidationError as error:
        found = faults_of_body(error, item)
        return Unreadable(worst(found), found)
    if body.idempotency_key is None:
        missing = Refused(R.IDEMPOTENCY_KEY_MISSING, at="idempotency_key")
        return Unreadable(missing.code, faults_of_refusal(missing, PLACES[reader.command]))
    try:
        return reader.make(body, Maker(state, who, today, plain_key(body.idempotency_key)))
    except Refused as refused:
        return Unreadable(refused.code, faults_of_refusal(refused, PLACES[reader.command]))
