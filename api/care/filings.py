"""A person's care as the agency has it: what was filed, the counters of a year, every settlement."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import ConfigDict, Field
from pydantic_core import to_json

from api.http.answers import Answer, yuan
from api.http.declaring import posting
from api.http.fields import Area, CareWord, Day, End, InstitutionCode, Strict, Words, Year
from api.http.listing import LIMIT_DEFAULT, Cursor, Limit, Listing, answer_pages, json_answer, with_csv
from api.http.posting import entry_of, key_of, respond, take
from api.http.receipts import target_name
from api.http.routes import OF_ACCOUNT, LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import caller_of, state_of
from ledger import BookRef, EndFiling, RecordFiling, RefusalCode, Refused, reports
from ledger.book.detail import unpack
from ledger.book.numbers import account_no, entry_name
from ledger.care import reports as care
from ledger.care.counters import Accumulator
from ledger.chart.care import FILING_WORDS
from ledger.money import format_yuan

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "care"
FilingKind = Literal["long_term", "referred", "emergency"]


class NewFiling(Strict):
    """What was filed for care in an area, or in any: living elsewhere for long, a referral, an emergency.

    A referral inside the own area names the institution of level 1 that gives it.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "referred",
                    "from": "2026-03-01",
                    "to": "2026-05-31",
                    "area": "990200",
                    "institution": None,
                    "evidence": "referral 2026-118",
                }
            ]
        }
    )

    kind: FilingKind
    first: Day = Field(alias="from")
    last: Day | None = Field(None, alias="to")
    area: Area | None = None
    institution: InstitutionCode | None = None
    evidence: Words | None = None


class FilingItem(Answer):
    """Something that was filed, by its entry."""

    filing: str = Field(examples=["P483920174650K-17"])
    kind: FilingKind
    first: date = Field(alias="from")
    last: date | None = Field(alias="to")
    area: str | None = Field(description="Null: any area", examples=["990200"])
    institution: str | None
    evidence: str | None
    recorded_on: date


class FilingAnswer(FilingItem):
    """What was filed."""

    account: str = Field(examples=["P483920174650K"])
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class FiledItem(FilingItem):
    """Something that was filed, as it stands."""

    reversed_by: str | None = Field(description="The entry that took it back, as if it had never been")


class FilingEndAnswer(Answer):
    """A filing with its last day, by the entry that recorded the end."""

    filing: str = Field(examples=["P483920174650K-17"])
    end: str = Field(examples=["P483920174650K-18"])
    kind: FilingKind
    first: date = Field(alias="from")
    last: date = Field(alias="to")
    reason: str
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class FilingList(Answer):
    """Everything that was filed for a person, oldest first."""

    items: list[FiledItem]


class YearCounters(Answer):
    """What the bills of a year of care came to so far, reversals taken off."""

    account: str = Field(examples=["P483920174650K"])
    year: int
    version: int = Field(description="How many bills, reversals and differences were counted")
    outpatient_deductible: str = yuan("Deductible used by outpatient bills")
    outpatient_pooled: str = yuan("What the pooled fund paid of them")
    inpatient_deductible: str = yuan("Deductible used by admissions")
    inpatient_pooled: str = yuan("What the pooled fund paid of them")
    chronic_deductible: str = yuan("Deductible used by chronic care, where it has its own table")
    chronic_pooled: str = yuan("What the pooled fund paid of it")
    large: str = yuan("What the large-amount fund paid")
    top_up: str = yuan("What the annual settlement added")
    admissions: int
    own_burden: str = yuan("What of the covered bills was left to the person")


class SettlementItem(Answer):
    """A settled bill, a reversal (every amount below zero), or a yearly difference."""

    settlement: str = Field(examples=["P483920174650K-18"])
    channel: Literal["network", "manual", "annual"]
    institution: str | None
    care_type: CareWord
    care_date: date
    value_date: date
    total: str = yuan("All lines")
    in_scope: str = yuan("What the fund goes by")
    pooled_pay: str = yuan("The pooled fund")
    large_pay: str = yuan("The large-amount fund")
    top_up_pay: str = yuan("The yearly top-up")
    account_pay: str = yuan("The person's own account")
    mutual_pay: str = yuan("Relatives' accounts")
    cash_pay: str = yuan("What the person paid otherwise")
    hospital_share: str = yuan("What the institution bore")
    reverses: str | None
    reversed_by: str | None


class SettlementPage(Answer):
    """Settlements in order. `next_cursor` gives the following page; null on the last one."""

    items: list[SettlementItem]
    next_cursor: str | None


@posting(
    router,
    "/v1/accounts/{account}/filings",
    RecordFiling,
    scope="care:write",
    tag=TAG,
    summary="Record what was filed for care elsewhere, or a referral",
    answer=FilingAnswer,
    refusals=OF_ACCOUNT,
    names={"valid_from": "from", "valid_to": "to", "filing": "kind"},
)
async def record_filing(account: str, body: NewFiling, request: Request) -> Response:
    """What comes after the care counts at the annual settlement, if it comes in time."""
    key = key_of(request)
    who = caller_of(request)
    command = RecordFiling(
        state_of(request).ref(account),
        FILING_WORDS[body.kind],
        body.first,
        body.last,
        body.area,
        body.institution,
        body.evidence or "",
        who.caller,
        who.actor,
        key,
    )
    done = await take(request, command)
    # the same under another key is answered as it was then
    done.replayed = done.replayed or not done.created
    receipt = done.receipt
    answer = {
        "filing": receipt.name,
        "account": receipt.account_no,
        "kind": body.kind,
        "from": body.first.isoformat(),
        "to": _day(body.last),
        "area": _area(body.area),
        "institution": body.institution,
        # of the first, where the same was sent before
        "evidence": unpack(receipt.detail).get("evidence"),
        "recorded_on": receipt.effective_on.isoformat(),
    }
    return respond(request, to_json(answer).decode(), done)


@posting(
    router,
    "/v1/filings/{filing}/end",
    EndFiling,
    scope="care:write",
    tag=TAG,
    summary="End a filing: its last day",
    answer=FilingEndAnswer,
    names={"valid_to": "to"},
)
async def end_filing(filing: str, body: End, request: Request) -> Response:
    """It may lie ahead. What was settled on later days is judged by the annual settlement."""
    key = key_of(request)
    who = caller_of(request)
    place = entry_of(filing, R.FILING_NOT_FOUND)
    try:
        done = await take(request, EndFiling(*place, body.last, body.reason, who.caller, who.actor, key))
    except Refused as refused:
        if refused.code is R.ACCOUNT_NOT_FOUND:
            raise Refused(R.FILING_NOT_FOUND, at="target_seq") from None
        raise
    told = unpack(done.receipt.detail)
    answer = {"filing": target_name(done.receipt), "end": done.receipt.name, "kind": told["filing"]}
    answer |= {name: told[name] for name in ("from", "to", "reason")}
    return respond(request, to_json(answer).decode(), done)


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _area(area: int | None) -> str | None:
    return None if area is None else f"{area:06d}"


@router.get(
    "/v1/accounts/{account}/filings",
    **describe(
        tag=TAG, summary="What was filed for a person, oldest first", answer=FilingList, refusals=OF_ACCOUNT
    ),
)
async def filings(account: str, request: Request) -> Response:
    """The day of recording decides whether a late one still counts."""
    state = state_of(request)
    ref = state.ref(account)

    def look(connection: Any) -> dict[str, Any]:
        book_id = reports.find_book(connection, ref)
        items = filings_json(connection, book_id)
        shown_by(request).of(book_id, items=len(items))
        return {"items": items}

    return json_answer(await state.read(look))


def filings_json(connection: Any, book_id: int) -> list[dict[str, Any]]:
    """What was filed for a person, oldest first."""
    return [
        {
            "filing": entry_name(book_id, one.seq),
            "kind": one.row.filing.word,
            "from": one.row.valid_from.isoformat(),
            "to": _day(one.row.valid_to),
            "area": _area(one.row.area),
            "institution": one.institution,
            "evidence": one.evidence,
            "recorded_on": one.recorded_on.isoformat(),
            "reversed_by": None if one.reversed_by is None else entry_name(book_id, one.reversed_by),
        }
        for one in care.filings(connection, book_id)
    ]


@router.get(
    "/v1/accounts/{account}/accumulators/{year}",
    **describe(
        tag=TAG, summary="The counters of a person's year of care", answer=YearCounters, refusals=OF_ACCOUNT
    ),
)
async def accumulators(account: str, year: Annotated[Year, Path()], request: Request) -> Response:
    """All are nothing in a year in which nothing was settled."""
    state = state_of(request)
    ref = state.ref(account)

    def look(connection: Any) -> dict[str, Any]:
        book_id = reports.find_book(connection, ref)
        shown_by(request).of(book_id)
        return counters_json(book_id, year, care.accumulator(connection, book_id, year))

    return json_answer(await state.read(look))


def counters_json(book_id: int, year: int, found: Accumulator) -> dict[str, Any]:
    """The counters of a person's year of care."""
    return {"account": account_no(book_id), "year": year} | {
        name: value if name in _COUNTS else format_yuan(value) for name, value in found._asdict().items()
    }


_COUNTS = {"version", "admissions"}
_AMOUNTS = {
    "total": "医疗费用总额",
    "in_scope": "符合政策范围金额",
    "pooled_pay": "统筹基金支付",
    "large_pay": "大额基金支付",
    "top_up_pay": "年度补助支付",
    "account_pay": "个人账户支付",
    "mutual_pay": "家庭共济支付",
    "cash_pay": "个人现金支付",
    "hospital_share": "医院负担",
}
_LISTING = Listing(
    {
        "settlement": "结算编号",
        "channel": "结算方式",
        "institution": "定点医药机构编号",
        "care_type": "医疗类别",
        "care_date": "就诊日期",
        "value_date": "记账日期",
        **_AMOUNTS,
        "reverses": "冲销的结算",
        "reversed_by": "被冲销",
    }
)


@router.get(
    "/v1/accounts/{account}/settlements",
    **with_csv(
        describe(
            tag=TAG,
            summary="Everything that was settled for a person, page by page",
            answer=SettlementPage,
            refusals=OF_ACCOUNT,
        )
    ),
)
async def settlements(
    account: str,
    request: Request,
    limit: Annotated[Limit, Query()] = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """Reversals and yearly differences are items too, so that the amounts add up to what was paid."""
    return await show_settlements(request, state_of(request).ref(account), limit, cursor)


async def show_settlements(request: Request, ref: BookRef, limit: int, cursor: str | None) -> Response:
    """What was settled for a person, a page as JSON or the whole as CSV. Raises Refused, ShapeRefused."""
    state = state_of(request)
    book_id = await state.read(lambda connection: reports.find_book(connection, ref))

    def page_after(connection: Any, after: Any, most: int) -> list[tuple[Any, dict[str, Any]]]:
        found = care.settlements(connection, book_id, after or 0, most)
        return [(one.seq, item_json(one)) for one in found]

    name = f"settlements-{state.clock()[1]}"
    place = f"settlements|{book_id}"
    # an empty page says something of the person too
    shown_by(request).of(book_id, items=0)
    return await answer_pages(request, _LISTING, name, place, page_after, cursor, limit, lambda _seq: book_id)


def item_json(one: care.Settled) -> dict[str, Any]:
    """A settled bill, a reversal or a yearly difference, as a list shows it."""
    row = one.row
    return {
        "settlement": entry_name(one.book_id, one.seq),
        "channel": row.channel.word,
        "institution": one.institution,
        "care_type": row.care_type.word,
        "care_date": row.care_date.isoformat(),
        "value_date": one.value_date.isoformat(),
        **{name: format_yuan(getattr(row, name)) for name in _AMOUNTS},
        "reverses": None if row.reverses_seq is None else entry_name(one.book_id, row.reverses_seq),
        "reversed_by": None if one.reversed_by is None else entry_name(one.book_id, one.reversed_by),
    }
