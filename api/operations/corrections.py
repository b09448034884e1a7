"""Corrections of many entries at once: what is still wrong is shown, and with `confirm` posted."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from functools import partial
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.http.answers import Answer, yuan
from api.http.deadlines import takes_long
from api.http.fields import Area, Day, IdText, Strict, Words, example, month_text
from api.http.listing import Cursor, Listing, PageLimit, answer_pages, json_answer, with_csv
from api.http.posting import key_of, wants_dry_run
from api.http.routes import LedgerRoute, describe
from api.http.shown import preview as shows_only
from api.http.shown import shown_by
from api.http.state import State, caller_of, state_of
from ledger import RefusalCode, Refused, employers, persons, reading, reports
from ledger.book.numbers import account_no
from ledger.chart.members import MemberClass
from ledger.corrections.asked import Correction, CorrectionKind, RightWage
from ledger.corrections.lines import Corrected, CorrectionLine
from ledger.corrections.months import area_of
from ledger.corrections.performing import LINES_SHOWN, Shown, lines_after, perform, preview, told_of
from ledger.corrections.plan import Planner
from ledger.database.engines import for_posting
from ledger.money import FEN_MAX, format_yuan, parse_yuan
from ledger.months import period_of

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "corrections"
# more take longer than a caller waits
LINES_POSTED_MAX: Final = 5_000
PEOPLE_LISTED_MAX: Final = 1_000


class ListedWage(Strict):
    """A person of a list, and the wage that it should have said."""

    model_config = example(id_number="119999198503140015", wage="8500.00")

    id_number: IdText
    wage: str = Field(description="Yuan with two digits; 0.00 takes the person off the month")


class NewCorrection(Strict):
    """What was wrong from a day to a day: a parameter of an area, a person's class, or an employer's list."""

    model_config = example(
        kind="parameter",
        reason="the average wage was published anew",
        **{"from": "2026-01-01", "to": "2026-06-30"},
        confirm=False,
        area="990100",
        parameter="contributions.average_wage",
    )

    kind: Literal["parameter", "class", "list"]
    reason: Words
    first: Day = Field(alias="from")
    last: Day = Field(alias="to")
    confirm: bool = False
    area: Area | None = Field(None, description="Of a parameter")
    parameter: str | None = Field(
        None, description="Its name in the policy file; what was posted is held against the file in force"
    )
    account: str | None = Field(None, description="Of a class: ID number or account number")
    member_class: Literal["active", "retired", "flexible", "unemployed"] | None = None
    employer: str | None = Field(None, description="Of a list: the credit code")
    lines: Annotated[list[ListedWage], Field(min_length=1, max_length=PEOPLE_LISTED_MAX)] | None = None


class CorrectionLineAnswer(Answer):
    """A person's month, or a year of interest, that was posted otherwise than is right."""

    account: str
    employer: str | None = Field(description="The credit code; null where no employer has a part in it")
    period: str = Field(description="The month; of interest the year")
    what: Literal["contribution", "retiree_credit", "interest"]
    before: str = yuan("What the account gets by what was posted")
    after: str = yuan("What it should get")
    difference: str = Field(description="Yuan, with a sign where it is less", examples=["-2.40"])
    employer_before: str = yuan("What the pooled fund gets beside it")
    employer_after: str = yuan("What it should get")
    code: str | None = Field(description="Why the line is not posted; null where it is")


class CorrectionAnswer(Answer):
    """What is still wrong, or what was posted."""

    correction: str = Field(examples=["correction-990100-0f3a9b1c22d4e6f8"])
    state: Literal["shown", "posted"]
    people: int = Field(description="How many people get more or less")
    more: str = yuan("What those who get more get together")
    less: str = yuan("What those who got too much got together")
    count: int = Field(description="How many lines there are in all")
    posted: int | None = Field(description="How many of them it posted; null of what is only shown")
    left: int | None = Field(description="How many stayed as they were, each with its code")
    lines: list[CorrectionLineAnswer] = Field(description=f"The first {LINES_SHOWN} of them")
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


_LISTING = Listing(
    {
        "account": "个人账户号",
        "employer": "单位代码",
        "period": "期间",
        "what": "更正事项",
        "before": "原金额",
        "after": "应为金额",
        "difference": "差额",
        "employer_before": "原单位部分",
        "employer_after": "应为单位部分",
        "state": "状态",
        "code": "未更正原因",
    }
)


@router.post(
    "/v1/corrections",
    **describe(
        tag=TAG,
        summary="Correct what a wrong parameter, class or list has made: shown first, then confirmed",
        answer=CorrectionAnswer,
        status=201,
        also={200: "What is still wrong; nothing was written"},
        refusals=(
            R.ACCOUNT_NOT_FOUND,
            R.ID_NUMBER_SHARED,
            R.EMPLOYER_NOT_FOUND,
            R.AREA_UNKNOWN,
            R.PARAMETER_UNKNOWN,
            R.PERIOD_INVALID,
            R.WAGE_INVALID,
            R.DUPLICATE_LINE,
            # a class that cannot be said of the person on these days
            R.ACCOUNT_CLOSED,
            R.ACCOUNT_DECEASED,
            R.ACCOUNT_TRANSFERRING,
            R.SCHEME_NO_ACCOUNT,
            R.ENROLMENT_DIFFERS,
            R.CORRECTION_OVERLAPS,
            R.CORRECTION_TOO_LARGE,
        ),
        body=True,
        posting=True,
        key=False,
    ),
)
async def correct(body: NewCorrection, request: Request) -> Response:
    """Without `confirm` it reads only. With it, each line is posted as a correction of its month, once.

    Sent again it posts what is still wrong, if anything. More than 5,000 lines are for an operator's command.
    """
    key_of(request, required=body.confirm)
    confirm = body.confirm and not wants_dry_run(request)
    if not confirm:
        shows_only(request)
    takes_long(request.scope)
    state, who = state_of(request), caller_of(request)
    correction = await state.read(lambda connection: _asked(connection, state, body))
    correction.refuse_impossible(state.policies, state.clock()[1])
    policy = state.policies[correction.area]
    name = correction.name(policy)
    shown = await state.readers_for(request).run(
        lambda: _work(state, correction, name, who.caller, who.actor, confirm=confirm)
    )
    shown_by(request).of_each([line.account_id for line in shown.lines if line.account_id])
    codes = await state.read(lambda connection: _codes(connection, shown.lines))
    answer = _correction_json(shown, codes)
    if wants_dry_run(request):
        answer["dry_run"] = True
    response = json_answer(answer)
    response.status_code = 201 if confirm else 200
    return response


def _asked(connection: Any, state: State, body: NewCorrection) -> Correction:
    """What a body asks for. Raises Refused."""
    about = partial(
        Correction, kind=CorrectionKind(body.kind), first=body.first, last=body.last, reason=body.reason
    )
    if body.kind == "parameter":
        _wants(body, "area", "parameter")
        return about(area=body.area or 0, parameter=body.parameter)
    if body.kind == "class":
        _wants(body, "account", "member_class")
        account_id = reports.find_book(connection, state.ref(body.account or ""))
        return about(
            area=area_of(connection, account_id),
            account_id=account_id,
            member_class=MemberClass[(body.member_class or "").upper()],
        )
    _wants(body, "employer", "lines")
    employer = employers.find(connection, body.employer or "")
    wages = tuple(
        RightWage(number, _account(connection, state, line, number), _wage(line, number))
        for number, line in enumerate(body.lines or (), start=1)
    )
    seen: set[int] = set()
    for one in wages:
        if one.account_id in seen:
            raise Refused(R.DUPLICATE_LINE, at=f"lines/{one.line - 1}/id_number")
        seen.add(one.account_id or 0)
    return about(area=employer.area, employer_id=employer.book_id, wages=wages)


def _wants(body: NewCorrection, *names: str) -> None:
    """Raise Refused for a field that the kind needs and that is not there, or that another kind has."""
    for name in ("area", "parameter", "account", "member_class", "employer", "lines"):
        if (getattr(body, name) is None) == (name in names):
            raise Refused(R.SHAPE_INVALID, at=name)


def _account(connection: Any, state: State, line: ListedWage, number: int) -> int:
    try:
        return reports.find_book(connection, state.ref(line.id_number))
    except Refused as refused:
        refused.at = f"lines/{number - 1}/id_number"
        raise


def _wage(line: ListedWage, number: int) -> int:
    try:
        fen = parse_yuan(line.wage)
    except Refused:
        fen = FEN_MAX + 1
    if fen > FEN_MAX:
        raise Refused(R.WAGE_INVALID, at=f"lines/{number - 1}/wage")
    return fen


def _work(
    state: State, correction: Correction, name: str, caller: str, actor: str, *, confirm: bool
) -> Shown:
    policy = state.policies[correction.area]
    today = state.clock()[1]

    def planner(connection: Any) -> Planner:
        return Planner(
            connection=connection,
            correction=correction,
            policy=policy,
            this_month=period_of(today),
            reveal=persons.number_opener(state.keyring),
            caller=caller,
            actor=actor,
        )

    with reading(state.engine) as connection:
        shown = preview(planner(connection), name)
    if not confirm:
        return shown
    if shown.line_count > LINES_POSTED_MAX:
        raise Refused(R.CORRECTION_TOO_LARGE, lines=shown.line_count, lines_max=LINES_POSTED_MAX)
    engine = for_posting(state.engine)
    try:
        with engine.connect() as connection:
            return perform(planner(connection), name, state.clock, state.policies)
    finally:
        if engine is not state.engine:
            engine.dispose()


def _codes(connection: Any, lines: Iterable[CorrectionLine]) -> dict[int, str]:
    """The credit code of each employer of some lines."""
    return employers.codes_of(connection, {line.employer_id for line in lines if line.employer_id})


def _correction_json(shown: Shown, codes: dict[int, str]) -> dict[str, Any]:
    return {
        "correction": shown.name,
        "state": "shown" if shown.posted is None else "posted",
        "people": shown.people,
        "more": format_yuan(shown.more),
        "less": format_yuan(shown.less),
        "count": shown.line_count,
        "posted": shown.posted,
        "left": shown.left,
        "lines": [_line_json(line, codes) for line in shown.lines],
    }


def _line_json(line: CorrectionLine, codes: dict[int, str]) -> dict[str, Any]:
    return {
        "account": account_no(line.account_id),
        "employer": codes.get(line.employer_id),
        "period": str(line.period) if line.what is Corrected.INTEREST else month_text(line.period),
        "what": line.what.value,
        "before": format_yuan(line.before),
        "after": format_yuan(line.after),
        "difference": _signed(line.difference),
        "employer_before": format_yuan(line.employer_before),
        "employer_after": format_yuan(line.employer_after),
        "code": line.code,
    }


def _signed(fen: int) -> str:
    return f"-{format_yuan(-fen)}" if fen < 0 else format_yuan(fen)


class CorrectionItem(CorrectionLineAnswer):
    """A line of a correction that was posted, or was about to be."""

    state: Literal["planned", "posted", "left"]


class CorrectionLines(Answer):
    """A page of the lines of a correction."""

    items: list[CorrectionItem]
    next_cursor: str | None


@router.get(
    "/v1/corrections/{correction}",
    **describe(
        tag=TAG,
        summary="What a correction posted",
        answer=CorrectionAnswer,
        refusals=(R.CORRECTION_NOT_FOUND,),
    ),
)
async def posted_correction(correction: str, request: Request) -> Response:
    """How far it is says the batch of the same name."""
    state = state_of(request)
    shown = await state.run(lambda: _told(state, correction))
    shown_by(request).of_each([line.account_id for line in shown.lines])
    codes = await state.read(lambda connection: _codes(connection, shown.lines))
    return json_answer(_correction_json(shown, codes))


def _told(state: State, name: str) -> Shown:
    with closing(reading(state.engine)) as connection:
        return told_of(connection, name)


@router.get(
    "/v1/corrections/{correction}/lines",
    **with_csv(
        describe(
            tag=TAG,
            summary="Every person and month that a correction concerns: the data of the letters",
            answer=CorrectionLines,
            refusals=(R.CORRECTION_NOT_FOUND,),
        )
    ),
)
async def correction_lines(
    correction: str, request: Request, cursor: Cursor = None, limit: PageLimit = 50
) -> Response:
    """In the order of accounts. What was posted stands beside what was left, and why."""

    def page_after(connection: Any, after: Any, limit: int) -> list[tuple[Any, dict[str, Any]]]:
        found = lines_after(connection, correction, None if after is None else tuple(after), limit)
        codes = _codes(connection, [line for line, _state in found])
        return [
            (
                [line.account_id, line.employer_id, line.period, line.what.value],
                _line_json(line, codes) | {"state": said},
            )
            for line, said in found
        ]

    return await answer_pages(
        request,
        _LISTING,
        "correction",
        f"corrections/{correction}",
        page_after,
        cursor,
        limit,
        whose=lambda key: key[0],
    )
