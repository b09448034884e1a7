"""What auditors find in the book."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, WithJsonSchema

from api.http.answers import Answer
from api.http.fields import Day
from api.http.listing import Cursor, Cursors, json_answer
from api.http.routes import LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import state_of
from api.inquiry.findings import PAGE_MAX, Limit, period_asked
from ledger import RefusalCode
from ledger.book.numbers import account_no, party_of
from ledger.bounds.looks import TOTALLED_ON
from ledger.chart.kinds import KIND_WORDS
from ledger.chart.parties import Party
from ledger.inquiry.moved import BookFinding, Evidence, PatternKind
from ledger.inquiry.moves import find_patterns
from ledger.money import format_yuan

router = APIRouter(route_class=LedgerRoute)
_PERSONS: Final = (Party.PERSON, Party.RESIDENT)

_KIND = WithJsonSchema({"type": "string", "enum": [kind.value for kind in PatternKind]})
_ENTRY_KIND = WithJsonSchema({"type": "string", "enum": list(KIND_WORDS)})


class EvidenceItem(Answer):
    """One entry of a finding."""

    at: datetime
    entry: str = Field(examples=["P483920174650K-17"])
    account_no: str | None = Field(
        description="Null: it stands in the book of an employer", examples=["P483920174650K"]
    )
    kind: Annotated[str, _ENTRY_KIND]
    amount: str = Field(description="What it moved, in yuan", examples=["128.50"])
    actor: str = Field(examples=["clerk-7"])
    institution: str | None


class BookFindingItem(Answer):
    """Entries that somebody should explain."""

    kind: Annotated[str, _KIND]
    institution: str | None = Field(description="Where the cards were shown, where it was one")
    actor: str | None = Field(description="Who acted, where it was one alone")
    asked_at: datetime | None = Field(description="Of what two people did: when it was asked for")
    approved_by: str | None = Field(description="Of what two people did: who said yes")
    first_at: datetime
    last_at: datetime
    accounts: int = Field(description="Of how many accounts; of one that went into another, that one")
    entries_total: int
    entries: list[EvidenceItem] = Field(description="The evidence: the first 200 entries")


class BookFindingPage(Answer):
    """A page of findings in the book."""

    items: list[BookFindingItem]
    next_cursor: str | None


@router.get(
    "/v1/reports/findings",
    **describe(
        tag="audit",
        summary="Entries that somebody should explain, for auditors",
        answer=BookFindingPage,
        refusals=(RefusalCode.PERIOD_INVALID,),
    ),
)
async def book_findings(
    request: Request,
    first: Annotated[
        Day | None, Query(alias="from", description="Entries recorded from this day; default `to`")
    ] = None,
    last: Annotated[
        Day | None, Query(alias="to", description="Up to this day, at most 31 days; default today")
    ] = None,
    limit: Annotated[Limit, Query(description="Findings of a page")] = PAGE_MAX,
    cursor: Cursor = None,
) -> Response:
    """By when they began. Only through the channel `audit`; each account shown is recorded as a read."""
    state = state_of(request)
    first, last = period_asked(state, TOTALLED_ON, first, last)
    cursors = Cursors(state.keyring, f"book-findings|{first}|{last}")
    after = None if cursor is None else tuple(cursors.read(cursor))

    def look(connection: Any) -> list[BookFinding]:
        found = find_patterns(connection, state.policies, first, last)
        return [one for one in found if after is None or one.place > after][: limit + 1]

    found = await state.report(look)
    more, found = len(found) > limit, found[:limit]
    shown_by(request).of_each(one.book_id for finding in found for one in finding.entries)
    return json_answer(
        {
            "items": [_finding_json(one) for one in found],
            "next_cursor": cursors.write(found[-1].place) if more else None,
        }
    )


def _finding_json(found: BookFinding) -> dict[str, Any]:
    return {
        "kind": found.kind.value,
        "institution": found.institution,
        "actor": found.actor,
        "asked_at": found.asked_at,
        "approved_by": found.approved_by,
        "first_at": found.first_at,
        "last_at": found.last_at,
        "accounts": len(found.accounts),
        "entries_total": found.entries_total,
        "entries": [_entry_json(one) for one in found.entries],
    }


def _entry_json(one: Evidence) -> dict[str, Any]:
    return {
        "at": one.at,
        "entry": one.entry,
        "account_no": account_no(one.book_id) if party_of(one.book_id) in _PERSONS else None,
        "kind": one.kind.word,
        "amount": format_yuan(one.fen),
        "actor": one.actor,
        "institution": one.institution,
    }
