"""The commands of a bulk: how each verb is read, which scope it asks for, and what it becomes.

The fields of a command are those of its single call, with what the path and the header would have said.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, NamedTuple

from pydantic import Field, create_model

from api.accounts.accounts import open_account
from api.accounts.closure import death, death_correction, death_withdrawal
from api.accounts.entries import reverse
from api.accounts.estates import undo as undo_estate
from api.accounts.freezes import end_freeze, freeze
from api.accounts.holds import capture, release
from api.accounts.person_facts import change_name, change_number, merge, record_contact
from api.accounts.postings import contribute, hold, spend
from api.http.declaring import By, Declared
from api.http.errors import Fault, ShapeRefused, faults_of, faults_of_refusal, worst
from api.http.fields import Strict
from api.http.on_record import faults_of_key, read_body
from api.http.places import Places
from api.http.posting import plain_key
from api.http.security import Caller
from api.http.state import State
from api.transfers.demands import instalment, new_demand, set_off
from api.transfers.exits import exit_
from api.transfers.transfers import acknowledge, complete, new_transfer, reject
from ledger import (
    AcknowledgeTransfer,
    AnnounceTransfer,
    Command,
    CreditTransfer,
    PayInstalment,
    RefusalCode,
    Refused,
    RejectTransfer,
    ReverseEstimate,
    SendTransfer,
    SetOffDemand,
    UndoEstate,
)

R = RefusalCode
Reference = Annotated[str, Field(min_length=1, max_length=64)]


class Bulked(Strict):
    """What every command of a bulk has."""

    verb: str
    # looked at after the shape, like the header
    idempotency_key: str | None = None


class Unreadable(Refused):
    """A command that cannot be read, or names something that is not there. Faults are told from its root."""

    def __init__(self, code: RefusalCode, faults: Sequence[Fault] = ()) -> None:
        super().__init__(code)
        self.faults = faults


class Reader(NamedTuple):
    """One verb of a bulk, as its route declares it."""

    declared: Declared
    model: type[Bulked]
    # what its path would name; None of what needs no path
    named: str | None
    places: Places

    def command(self, body: Any, by: By) -> Command:
        """The command that a body stands for. Raises Refused."""
        said = {} if self.named is None else {self.named: getattr(body, self.named)}
        if self.declared.body is not None:
            said["body"] = body
        return self.declared.make(**said, by=by)  # type: ignore[misc]  # a verb of a bulk has one


def _reader(route: Any) -> Reader:
    declared: Declared = route.declared
    named, body = declared.named, declared.body
    model: type[Bulked] = create_model(  # type: ignore[call-overload]  # the fields of two models, and of no name
        f"Bulk{declared.bulk.title().replace('_', '')}",
        __base__=(Bulked,) if body is None else (Bulked, body),
        __doc__=f"`{declared.bulk}`",
        __module__=__name__,
        **({} if named is None else {named: (Reference, ...)}),
    )
    names = dict(declared.names) | ({} if named is None else dict.fromkeys(("book", "target_seq"), named))
    return Reader(declared, model, named, Places(model, names=names))


_ROUTES: tuple[Any, ...] = (
    open_account, contribute, spend, hold, capture, release, reverse, freeze, end_freeze, death,
    death_correction, death_withdrawal, change_name, change_number, record_contact, new_transfer, complete,
    acknowledge, reject, exit_, new_demand, set_off, instalment, merge, undo_estate,
)  # fmt: skip
READERS: dict[str, Reader] = {route.declared.bulk: _reader(route) for route in _ROUTES}
PLACES: dict[type[Command], Places] = {reader.declared.command: reader.places for reader in READERS.values()}
# what a reversal becomes in the book of an employer
PLACES[ReverseEstimate] = READERS["reverse"].places
# the same of a transfer that comes
PLACES[AnnounceTransfer] = READERS["transfer"].places
PLACES[CreditTransfer] = READERS["transfer_complete"].places

MISSING: dict[type[Command], RefusalCode] = {
    **dict.fromkeys(
        (SendTransfer, CreditTransfer, AcknowledgeTransfer, RejectTransfer), R.TRANSFER_NOT_FOUND
    ),
    **dict.fromkeys((SetOffDemand, PayInstalment), R.DEMAND_NOT_FOUND),
    UndoEstate: R.ESTATE_NOT_FOUND,
}
"""What is missing where there is no book of the name."""
LOOKING: frozenset[str] = frozenset({"id_number", "name_change", "contact"})
"""The verbs whose commands are made of what the book says."""


def read_command(
    state: State, who: Caller, today: date, item: Any, connection: Any = None
) -> Command | Unreadable:
    """The command that one item of a bulk stands for, or why it stands for none.

    `connection` reads, where one of LOOKING is among them.
    """
    verb = item.get("verb") if isinstance(item, dict) else None
    reader = READERS.get(verb) if isinstance(verb, str) else None
    if reader is None:
        found = [
            Fault(R.SHAPE_INVALID, "body", "/verb", f"one of {', '.join(READERS)}"),
            *faults_of((), item),
        ]
        return Unreadable(worst(found), found)
    try:
        # what holds an ID number is refused by posting, unless it is on record
        body, found = read_body(reader.model, item, may_be_on_record=True)
    except ShapeRefused as refused:
        return Unreadable(refused.code, refused.faults)
    found += faults_of_key(body.idempotency_key, "body", "/idempotency_key")
    if body.idempotency_key is None:
        missing = Refused(R.IDEMPOTENCY_KEY_MISSING, at="idempotency_key")
        return Unreadable(missing.code, faults_of_refusal(missing, reader.places))
    try:
        return reader.command(body, By(state, who, today, plain_key(body.idempotency_key), connection))
    except ShapeRefused as refused:
        return Unreadable(refused.code, refused.faults)
    except Refused as refused:
        if found:
            return Unreadable(worst(found), found)
        return Unreadable(refused.code, faults_of_refusal(refused, reader.places))
