"""What auditors find in the read log."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BeforeValidator, Field, WithJsonSchema

from api.http.answers import Answer
from api.http.errors import Declined
from api.http.fields import Day, read_count
from api.http.listing import Cursor, Cursors, json_answer
from api.http.problems import DoorCode
from api.http.routes import LedgerRoute, describe
from api.http.shown import Shown, shown_by
from api.http.state import State, caller_of, state_of
from ledger import RefusalCode, Refused
from ledger.book.numbers import account_no
from ledger.bounds.bound import Bound
from ledger.bounds.looks import LOOKED_ON
from ledger.chart.channels import CHANNEL_OF, AccessChannel
from ledger.inquiry.findings import AuditFinding, FindingKind, LookedAt
from ledger.inquiry.looks import find

router = APIRouter(route_class=LedgerRoute)
DAYS_MAX: Final = 31
# of a page: each finding shows up to 200 looks, and each account shown is recorded
PAGE_MAX: Final = 50

Kind = Annotated[str, WithJsonSchema({"type": "string", "enum": [kind.value for kind in FindingKind]})]
Channel = Annotated[str, WithJsonSchema({"type": "string", "enum": list(CHANNEL_OF)})]


class LookItem(Answer):
    """One look at one person."""

    at: datetime
    account_no: str | None = Field(
        description="Null: somebody without an account", examples=["P483920174650K"]
    )
    channel: Channel
    purpose: str | None
    ref: str | None


class FindingItem(Answer):
    """Looks that somebody should explain."""

    kind: Kind
    actor: str = Field(examples=["clerk-7"])
    institution: str | None = Field(description="Whose token it was; said of `no_settlement`")
    told_by: Literal["number", "name"] | None = Field(
        description="How it is known who acted: by the registered number, or by name alone"
    )
    reasons: list[str] = Field(description="Why the accounts are flagged")
    first_at: datetime
    last_at: datetime
    people: int = Field(description="How many people were looked at")
    looks_total: int
    looks: list[LookItem] = Field(description="The evidence: the first 200 looks")


class FindingPage(Answer):
    """A page of findings."""

    items: list[FindingItem]
    next_cursor: str | None


Limit = Annotated[int, Field(ge=1, le=PAGE_MAX), BeforeValidator(read_count)]


@router.get(
    "/v1/read-log/findings",
    **describe(
        tag="audit",
        summary="Looks that somebody should explain, for auditors",
        answer=FindingPage,
        refusals=(RefusalCode.PERIOD_INVALID,),
    ),
)
async def findings(
    request: Request,
    first: Annotated[Day | None, Query(alias="from", description="Looks from this day; default `to`")] = None,
    last: Annotated[
        Day | None, Query(alias="to", description="Up to this day, at most 31 days; default today")
    ] = None,
    limit: Annotated[Limit, Query(description="Findings of a page")] = PAGE_MAX,
    cursor: Cursor = None,
) -> Response:
    """By when they began. Only through the channel `audit`; each account shown is recorded as a read."""
    if caller_of(request).channel is not AccessChannel.AUDIT:
        raise Declined(DoorCode.CHANNEL_NOT_ALLOWED)
    state = state_of(request)
    first, last = period_asked(state, LOOKED_ON, first, last)
    cursors = Cursors(state.keyring, f"findings|{first}|{last}")
    after = None if cursor is None else tuple(cursors.read(cursor))

    def look(connection: Any) -> list[AuditFinding]:
        found = find(connection, state.keyring, state.policies.values(), first, last)
        return [one for one in found if after is None or one.place > after][: limit + 1]

    found = await state.report(look)
    more, found = len(found) > limit, found[:limit]
    _show(shown_by(request), found)
    return json_answer(
        {
            "items": [_finding_json(one) for one in found],
            "next_cursor": cursors.write(found[-1].place) if more else None,
        }
    )


def period_asked(state: State, bound: Bound, first: date | None, last: date | None) -> tuple[date, date]:
    """The days that are asked for, by the bound of each. Raises Refused(period_invalid)."""
    today = state.clock()[1]
    if last is None:
        far = first is not None and today - first >= timedelta(days=DAYS_MAX)
        last = first + timedelta(days=DAYS_MAX - 1) if first is not None and far else today
    if first is not None:
        bound.admit(first, today, "first")
    bound.admit(last, today, "last")
    if first is None:
        first = last
    if not timedelta() <= last - first < timedelta(days=DAYS_MAX):
        raise Refused(RefusalCode.PERIOD_INVALID, at="last")
    return first, last


def _show(shown: Shown, found: list[AuditFinding]) -> None:
    looks = [look for one in found for look in one.looks]
    shown.of_each(look.book_id for look in looks)
    for look in looks:
        if look.book_id is None and look.person is not None:
            shown.of_person(look.person)


def _finding_json(found: AuditFinding) -> dict[str, Any]:
    return {
        "kind": found.kind.value,
        "actor": found.actor,
        "institution": found.institution,
        "told_by": found.told_by,
        "reasons": found.reasons,
        "first_at": found.first_at,
        "last_at": found.last_at,
        "people": len(found.whose),
        "looks_total": found.looks_total,
        "looks": [_look_json(look) for look in found.looks],
    }


def _look_json(look: LookedAt) -> dict[str, Any]:
    return {
        "at": look.at,
        "account_no": None if look.book_id is None else account_no(look.book_id),
        "channel": look.channel.word,
        "purpose": look.purpose,
        "ref": look.ref,
    }
