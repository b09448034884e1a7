"""Who looked at a person's data: for the person, and for auditors."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from api.http.errors import Declined
from api.http.fields import Day
from api.http.listing import LIMIT_DEFAULT, Cursor, Cursors, PageLimit, json_answer
from api.http.places import told_as
from api.http.problems import DoorCode
from api.http.receipts import instant
from api.http.routes import OF_ACCOUNT, LedgerRoute, describe
from api.http.shown import Shown, shown_by
from api.http.state import State, caller_of, state_of
from api.inquiry.answers import AccessPage, ReadLogPage
from api.inquiry.me import person_of
from ledger import RefusalCode, Refused
from ledger.book.numbers import account_no, book_id_of, party_of
from ledger.bounds.bound import SINCE
from ledger.chart.channels import AccessChannel
from ledger.chart.parties import Party
from ledger.clock import AREA_ZONE
from ledger.inquiry.accesses import Access, Place, Sought, accesses, accesses_shown
from ledger.inquiry.holders import Holder, holder_of, holder_of_book
from ledger.texts import is_agent_name

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
# the last day that a clock could get to
_ALWAYS: Final = date(2999, 12, 31)


@router.get(
    "/v1/me/access-log",
    **describe(
        tag="me",
        summary="Who looked at the person's data, the latest look first",
        answer=AccessPage,
        refusals=(R.ACCOUNT_NOT_FOUND,),
    ),
)
async def own_access_log(
    request: Request, limit: PageLimit = LIMIT_DEFAULT, cursor: Cursor = None
) -> Response:
    """Without what has to be withheld until a day. This very look stands in the answer to the next one."""
    state, person = state_of(request), person_of(request)
    cursors = Cursors(state.keyring, f"access-log|{person.hex()}")
    after = _after(cursors, cursor)
    today = state.clock()[1]

    def look(connection: Any) -> list[Access]:
        holder = holder_of(connection, person)
        sought = Sought(holder.books, holder.digests)
        found = accesses_shown(connection, sought, after, limit + 1, state.policies, today)
        _show_one(shown_by(request), holder, found[:limit], after)
        return found

    return _page(await state.read(look), limit, cursors, look_json)


@router.get(
    "/v1/read-log",
    **describe(
        tag="audit",
        summary="The read log, of one person or of all, the latest look first",
        answer=ReadLogPage,
        refusals=OF_ACCOUNT,
    ),
)
@told_as(book="account")
async def read_log(
    request: Request,
    account: Annotated[str | None, Query(description="Account number or ID number")] = None,
    actor: Annotated[str | None, Query(description="The `sub` of who looked")] = None,
    first: Annotated[Day | None, Query(alias="from", description="Looks from this day on")] = None,
    last: Annotated[Day | None, Query(alias="to", description="Looks up to this day")] = None,
    limit: PageLimit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """For tokens of the channel `audit`. Everything, also what the person is not shown yet.

    This very look stands in the answer to the next one.
    """
    if caller_of(request).channel is not AccessChannel.AUDIT:
        raise Declined(DoorCode.CHANNEL_NOT_ALLOWED)
    if actor is not None and not is_agent_name(actor):
        # nobody is called so, and the database need not be asked
        actor = ""
    state = state_of(request)
    find = None if account is None else _named(state, account)
    cursors = Cursors(state.keyring, f"read-log|{account}|{actor}|{first}|{last}")
    after = _after(cursors, cursor)
    since, until = _begin(first), _end(last)

    def look(connection: Any) -> list[Access]:
        if find is None:
            found = accesses(
                connection,
                Sought(of_everybody=True, actor=actor, since=since, until=until),
                after,
                limit + 1,
            )
            _show_many(shown_by(request), found[:limit])
            return found
        holder = find(connection)
        sought = Sought(holder.books, holder.digests, actor=actor, since=since, until=until)
        found = accesses(connection, sought, after, limit + 1)
        _show_one(shown_by(request), holder, found[:limit], after)
        return found

    return _page(await state.readers_for(request).read(look), limit, cursors, _audited)


def _named(state: State, text: str) -> Callable[[Any], Holder]:
    """How the person is found whom an auditor names, by any book or by ID number. Raises Refused."""
    book_id = book_id_of(text)
    if book_id is not None and party_of(book_id) is Party.RESIDENT:
        return lambda connection: holder_of_book(connection, book_id)
    ref = state.ref(text)
    if isinstance(ref, int):
        return lambda connection: holder_of_book(connection, ref)
    return lambda connection: holder_of(connection, ref)


def _show_one(shown: Shown, holder: Holder, found: list[Access], after: Place | None) -> None:
    """Record whose log is shown. Raises Refused where nobody is known, and nothing is there to be shown."""
    if holder.person_id is None and not found and after is None:
        raise Refused(R.ACCOUNT_NOT_FOUND, at="book")
    if holder.books:
        shown.of(holder.books[0], items=len(found))
    else:
        shown.of_person(holder.digests[0], items=len(found))


def _show_many(shown: Shown, found: list[Access]) -> None:
    shown.of_each(one.book_id for one in found)
    for one in found:
        if one.book_id is None and one.person is not None:
            shown.of_person(one.person)


def _after(cursors: Cursors, cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    at, chain_id, seq = cursors.read(cursor)
    return Place(datetime.fromisoformat(at), chain_id, seq)


def _begin(day: date | None) -> datetime | None:
    """The first instant of a day; there are no looks of before there were accounts."""
    return None if day is None else datetime.combine(max(day, SINCE), time.min, AREA_ZONE)


def _end(day: date | None) -> datetime | None:
    """The first instant after a day."""
    if day is None or day >= _ALWAYS:
        return None
    return datetime.combine(max(day, SINCE) + timedelta(days=1), time.min, AREA_ZONE)


def _page(
    found: list[Access], limit: int, cursors: Cursors, told: Callable[[Access], dict[str, Any]]
) -> Response:
    more = len(found) > limit
    items = found[:limit]
    following = None
    if more:
        at, chain_id, seq = items[-1].place
        following = cursors.write([at.isoformat(), chain_id, seq])
    return json_answer({"items": [told(one) for one in items], "next_cursor": following})


def look_json(one: Access) -> dict[str, Any]:
    return {
        "at": instant(one.place.at),
        "channel": one.channel.word,
        "purpose": one.purpose,
        "ref": one.ref,
        "fields": one.fields.words,
        "document": one.document,
    }


def _audited(one: Access) -> dict[str, Any]:
    number = None if one.book_id is None else account_no(one.book_id)
    return look_json(one) | {"actor": one.actor, "account_no": number}
