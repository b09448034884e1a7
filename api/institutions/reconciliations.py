"""Reconciling a day with an institution: totals, then line by line; and the lines that the agency has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError, to_json

from api.http.answers import Answer, yuan
from api.http.declaring import posting
from api.http.fields import AMOUNT_EXAMPLE, Day, Strict, Visible, example
from api.http.listing import CHINESE, LIMIT_DEFAULT, Cursor, Listing, Page, PageLimit, answer_pages, with_csv
from api.http.posting import key_of, posted, respond, take, wants_dry_run
from api.http.receipts import instant
from api.http.routes import LedgerRoute, describe
from api.http.state import caller_of, state_of
from api.institutions.institutions import institution_of
from ledger import Command, Posted, Reconcile, RefusalCode, Refused
from ledger.clearing import reports
from ledger.clearing.comparing import Difference
from ledger.clearing.days import DayLine, DayTotals
from ledger.money import format_yuan, parse_yuan

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG: Final = "clearings"
LINES_MAX: Final = 10_000
COUNT_MAX: Final = 1_000_000_000
SIGNED_PATTERN: Final = r"^-?(0|[1-9][0-9]{0,10})\.[0-9]{2}$"
Result = Literal["balanced", "different"]


def read_signed(value: object) -> int | None:
    """An amount in fen, below zero for what is taken back; None for a string that is none."""
    if not isinstance(value, str):
        raise PydanticCustomError(
            R.AMOUNT_INVALID.value, 'a decimal string with two digits, such as "128.50" or "-128.50"'
        )
    try:
        fen = parse_yuan(value.removeprefix("-"))
    except Refused:
        return None
    if value[0] != "-":
        return fen
    # there is no zero below zero
    return -fen or None


SignedAmount = Annotated[
    int | None,
    BeforeValidator(read_signed),
    WithJsonSchema({
        "type": "string",
        "pattern": SIGNED_PATTERN,
        "description": "Yuan with two digits; below zero where reversals outweigh",
        "examples": [AMOUNT_EXAMPLE],
    }),
]  # fmt: skip


def _whole(value: object) -> object:
    """A whole number as JSON has it: `3.0` is one too."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Count = Annotated[
    int,
    Field(ge=0, le=COUNT_MAX, description="Lines: a reversal is one more, not one less"),
    BeforeValidator(_whole),
]


class TheirLine(Strict):
    """One line of an institution: a bill, or a reversal with its amounts below zero.

    `fund` is what all funds paid, `account` what the patient's own account paid.
    """

    model_config = example(message_id="H0101-20260310-1", total="500.00", fund="0.00", account="100.00")

    message_id: Visible
    total: SignedAmount
    fund: SignedAmount
    account: SignedAmount


_AMOUNTS: Final = ("total", "fund", "account")


class NewReconciliation(Strict):
    """What an institution has of a day: the totals, and the lines where these are to be compared too."""

    model_config = example(day="2026-03-10", count=3, total="1500.00", fund="0.00", account="300.00")

    day: Day
    count: Count
    total: SignedAmount
    fund: SignedAmount
    account: SignedAmount
    lines: list[TheirLine] | None = Field(None, max_length=LINES_MAX)

    def totals(self) -> DayTotals | None:
        """The totals; None when one of the amounts can be none."""
        if self.unread() or self.total is None or self.fund is None or self.account is None:
            return None
        return DayTotals(self.count, self.total, self.fund, self.account)

    def unread(self) -> str:
        """Where the first amount stands that can be none; empty when all can be."""
        for name in _AMOUNTS:
            if getattr(self, name) is None:
                return name
        for place, line in enumerate(self.lines or ()):
            if line.total is None or line.fund is None or line.account is None:
                name = next(name for name in _AMOUNTS if getattr(line, name) is None)
                return f"lines/{place}/{name}"
        return ""

    def compared(self) -> tuple[DayLine, ...] | None:
        """The lines; an amount that can be none stands there as nothing, and the totals are refused."""
        if self.lines is None:
            return None
        return tuple(
            DayLine(line.message_id, line.total or 0, line.fund or 0, line.account or 0)
            for line in self.lines
        )


class SideTotals(Answer):
    """What one side has of the day."""

    count: int
    total: str = yuan("The whole of its bills")
    fund: str = yuan("What all funds paid of them")
    account: str = yuan("What the patients' own accounts paid")


class LineAmounts(Answer):
    """What one line says."""

    total: str = yuan("The whole bill")
    fund: str = yuan("What all funds paid of it")
    account: str = yuan("What the patient's own account paid")


class DifferenceItem(Answer):
    """A line that one side has alone, or that both have with other amounts."""

    kind: Literal["agency_only", "institution_only", "amount_diff"]
    message_id: str
    ours: LineAmounts | None
    theirs: LineAmounts | None
    total: str = yuan("Ours less theirs")
    fund: str = yuan("Ours less theirs")
    account: str = yuan("Ours less theirs")


class ReconciliationItem(Answer):
    """One comparison of a day. What counts for the clearing of the month is the day's last one."""

    reconciliation: str = Field(examples=["I483920174650K-7"])
    day: date
    result: Result
    ours: SideTotals
    theirs: SideTotals
    differences_count: int | None = Field(description="Null when no lines were compared")
    recorded_at: datetime


class ReconciliationAnswer(ReconciliationItem):
    """A comparison with the differences of its lines, at most the first thousand of them."""

    differences: list[DifferenceItem] | None = Field(description="Null when no lines were compared")
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class ReconciliationPage(Answer):
    """Comparisons in the order in which they were made."""

    items: list[ReconciliationItem]
    next_cursor: str | None


class LineItem(LineAmounts):
    """A line as the agency has it; a reversal is below zero and bears the message id of its bill."""

    message_id: str


class LinePage(Answer):
    """The lines of a day."""

    items: list[LineItem]
    next_cursor: str | None


async def take_alone(request: Request, command: Command) -> Posted:
    """Post a command in a batch of its own, or rehearse it: a day of many lines holds up nobody else."""
    if wants_dry_run(request):
        return await take(request, command)
    return posted((await state_of(request).office.post_chunk([command]))[0])


@posting(
    router,
    "/v1/institutions/{institution}/reconciliations",
    Reconcile,
    scope="clearings:write",
    tag=TAG,
    summary="Compare a day with an institution",
    answer=ReconciliationAnswer,
    refusals=(R.INSTITUTION_UNKNOWN,),
)
async def reconcile(institution: str, body: NewReconciliation, request: Request) -> Response:
    """Different totals: send the lines too, repair what differs by reversals and new settlements, ask again.

    A bill that was taken back whole counts with its reversal or not at all, as the institution has it.
    """
    key = key_of(request)
    who = caller_of(request)
    found = await institution_of(request, institution)
    command = Reconcile(
        found.party_id,
        found.code,
        found.area,
        body.day,
        body.totals(),
        body.compared(),
        who.caller,
        who.actor,
        key,
        unread=body.unread(),
    )
    done = await take_alone(request, command)
    return respond(request, _reconciled(reports.reconciliation_of(done.receipt)), done)


def _reconciled(one: reports.Reconciliation) -> str:
    compared = one.found is not None
    differences = [_difference_json(difference) for difference in one.differences] if compared else None
    return to_json(_item(one) | {"differences": differences}).decode()


def _item(one: reports.Reconciliation) -> dict[str, Any]:
    return {
        "reconciliation": one.name,
        "day": one.day.isoformat(),
        "result": "balanced" if one.balanced else "different",
        "ours": totals_json(one.ours),
        "theirs": totals_json(one.theirs),
        "differences_count": one.found,
        "recorded_at": instant(one.recorded_at),
    }


def totals_json(totals: DayTotals) -> dict[str, Any]:
    """The totals of a side, a day or a month."""
    return {
        "count": totals.bills,
        "total": format_yuan(totals.total),
        "fund": format_yuan(totals.fund),
        "account": format_yuan(totals.account),
    }


def _line_json(line: DayLine) -> dict[str, Any]:
    return {
        "total": format_yuan(line.total),
        "fund": format_yuan(line.fund),
        "account": format_yuan(line.account),
    }


def _difference_json(one: Difference) -> dict[str, Any]:
    return {
        "kind": one.kind.value,
        "message_id": one.message_id,
        "ours": None if one.ours is None else _line_json(one.ours),
        "theirs": None if one.theirs is None else _line_json(one.theirs),
        "total": format_yuan(one.total),
        "fund": format_yuan(one.fund),
        "account": format_yuan(one.account),
    }


class _Compared(Listing):
    """Comparisons as CSV: the totals of both sides stand side by side."""

    def lines(self, items: Iterable[Mapping[str, Any]], language: str = CHINESE) -> str:
        flat = (
            {
                **item,
                **{f"{side}.{name}": fen for side in ("ours", "theirs") for name, fen in item[side].items()},
            }
            for item in items
        )
        return super().lines(flat, language)


_RECONCILIATIONS = _Compared(
    {
        "reconciliation": "对账条目",
        "day": "对账日期",
        "result": "对账结果",
        "ours.count": "经办笔数",
        "ours.total": "经办总额",
        "ours.fund": "经办基金支付",
        "ours.account": "经办个账支付",
        "theirs.count": "机构笔数",
        "theirs.total": "机构总额",
        "theirs.fund": "机构基金支付",
        "theirs.account": "机构个账支付",
        "differences_count": "差异笔数",
        "recorded_at": "记录时间",
    }
)


@router.get(
    "/v1/institutions/{institution}/reconciliations",
    **with_csv(
        describe(
            tag=TAG,
            summary="The days that were compared with an institution",
            answer=ReconciliationPage,
            refusals=(R.INSTITUTION_UNKNOWN,),
        )
    ),
)
async def reconciliations(
    institution: str, request: Request, limit: PageLimit = LIMIT_DEFAULT, cursor: Cursor = None
) -> Response:
    """Every comparison, in the order in which they were made."""
    found = await institution_of(request, institution)

    def page(connection: Any, after: int | None, limit: int) -> Page:
        listed = reports.reconciliations(connection, found.party_id, after_seq=after or 0, limit=limit)
        return [(one.seq, _item(one)) for one in listed]

    place = f"reconciliations|{found.party_id}"
    return await answer_pages(request, _RECONCILIATIONS, "reconciliations", place, page, cursor, limit)


_LINES = Listing(
    {"message_id": "报文ID", "total": "医疗费总额", "fund": "基金支付", "account": "个人账户支付"}
)


@router.get(
    "/v1/institutions/{institution}/reconciliations/{day}/lines",
    **with_csv(
        describe(
            tag=TAG,
            summary="What the agency has of an institution's day, line by line",
            answer=LinePage,
            refusals=(R.INSTITUTION_UNKNOWN,),
        )
    ),
)
async def lines(
    institution: str,
    day: Annotated[Day, Path()],
    request: Request,
    limit: PageLimit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """Message ids and amounts, and nothing of the patients."""
    found = await institution_of(request, institution)

    def page(connection: Any, after: list[int] | None, limit: int) -> Page:
        listed = reports.day_lines(
            connection,
            found.party_id,
            day,
            after=(0, 0) if after is None else (after[0], after[1]),
            limit=limit,
        )
        return [(place, {"message_id": line.message_id, **_line_json(line)}) for place, line in listed]

    place = f"day-lines|{found.party_id}|{day}"
    return await answer_pages(request, _LINES, f"lines-{day}", place, page, cursor, limit)
