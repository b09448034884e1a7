"""Files of every kind over HTTP: taken in or previewed, and the empty form of each."""

# no `annotations` from the future: those of a route that is made in a function are read when it is made

from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BeforeValidator

from api.http.beyond import own_lists
from api.http.deadlines import seconds_left
from api.http.errors import Fault, ShapeRefused
from api.http.fields import read_count
from api.http.listing import CSV, ENGLISH, LANGUAGE, VARY, json_answer, language_of, rather_than_json
from api.http.multipart import receive_form
from api.http.problems import DoorCode
from api.http.routes import LedgerRoute, describe
from api.http.shown import Shown, shown_by
from api.http.state import caller_of, state_of
from api.operations.answers import ImportAnswer
from api.operations.uploads import Asked, Uploads
from ledger import Command, Declare, Outcome, Posted, RefusalCode, Refused
from ledger.contributions.declarations import told_of
from ledger.contributions.levies import DECLARED_LINE
from ledger.imports import KINDS, ControlTotals
from ledger.imports.columns import chinese_heading
from ledger.imports.employer_rows import LISTS
from ledger.imports.examples import template
from ledger.money import parse_yuan

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "imports"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FIELDS: Final = frozenset({"lines", "total", "include_hidden"})


def _read_flag(value: object) -> bool:
    if value in {"true", "false"}:
        return value == "true"
    if isinstance(value, bool):
        return value
    raise ValueError("true or false")


Preview = Annotated[bool, BeforeValidator(_read_flag), Query(description="Check every line and post nothing")]
_FORM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["file"],
    "additionalProperties": False,
    "properties": {
        "file": {"type": "string", "format": "binary", "description": "CSV or XLSX, up to 64 MiB"},
        "lines": {"type": "string", "pattern": "^[0-9]{1,9}$", "description": "How many lines it must have"},
        "total": {"type": "string", "description": "What its amounts must come to, such as 123.45"},
        "include_hidden": {
            "type": "string",
            "enum": ["true", "false"],
            "description": "Hidden or filtered rows and hidden columns count, and do not refuse the file",
        },
    },
}
Takes = Callable[..., Coroutine[Any, Any, Response]]


def _taking(kind: str) -> Takes:
    async def take(request: Request, preview: Preview = False) -> Response:
        """Good lines are posted, bad ones have a code; the same file again posts nothing twice.

        A large file goes on after the answer, which is then 202: ask for its batch. The first thousand of the
        lines that were refused are listed here, and all of them under the batch.
        """
        state, who = state_of(request), caller_of(request)
        uploads: Uploads = request.scope["app"].state.uploads
        folder = uploads.take(who)
        with ExitStack() as on_failure:
            on_failure.callback(uploads.let_go, who, folder)
            form = await receive_form(request, folder, FIELDS)
            totals, hidden = _read_fields(form.fields)
            shown = shown_by(request)
            # a preview of a file in which no line can be read shows nobody
            shown.of_each(())
            asked = Asked(kind, form, totals, preview, hidden, who, partial(_tell, shown), own_lists(request))
            uploads.begin(who)
            on_failure.pop_all()
        left = seconds_left(request.scope, state.settings.deadline_seconds)
        said, ended = await uploads.run(state, asked, folder, left)
        if ended:
            return json_answer(said)
        answer = json_answer(said, {"Location": f"/v1/batches/{said['batch']}"})
        answer.status_code = 202
        return answer

    return take


def _tell(shown: Shown, commands: Sequence[Command], outcomes: Sequence[Outcome]) -> None:
    """Record of whom it tells what would become of some lines: of a list, of the people on it."""
    shown.of_outcomes(zip(commands, outcomes, strict=True))
    for command, outcome in zip(commands, outcomes, strict=True):
        if isinstance(command, Declare) and isinstance(outcome, Posted):
            shown.of_each(told_of(command.lines, outcome.rows(DECLARED_LINE) or ()))


def _read_fields(fields: dict[str, str]) -> tuple[ControlTotals, bool]:
    """What a file must come to, and whether what is hidden in it counts. Raises ShapeRefused."""
    lines = total = None
    faults = []
    if "lines" in fields:
        try:
            lines = read_count(fields["lines"])
        except ValueError:
            faults.append(Fault(R.SHAPE_INVALID, "body", "/lines", "a number of lines"))
    if "total" in fields:
        try:
            total = parse_yuan(fields["total"])
        except Refused:
            faults.append(Fault(R.AMOUNT_INVALID, "body", "/total", "an amount in yuan"))
    hidden = fields.get("include_hidden", "false")
    if hidden not in {"true", "false"}:
        faults.append(Fault(R.SHAPE_INVALID, "body", "/include_hidden", "true or false"))
    if faults:
        raise ShapeRefused(faults)
    return ControlTotals(lines, total), hidden == "true"


def _showing(kind: str) -> Takes:
    async def show(
        request: Request,
        format: Annotated[Literal["csv", "xlsx"] | None, Query(description="Else as Accept asks")] = None,  # noqa: A002  the query's name
    ) -> Response:
        """Headings, and one line that shows what belongs below them."""
        xlsx = format == "xlsx" or (format is None and rather_than_json(request, XLSX))
        content = template(kind, xlsx=xlsx, chinese=language_of(request) != ENGLISH)
        name = f"{kind}.{'xlsx' if xlsx else 'csv'}"
        headers = VARY | {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(content, 200, headers, media_type=XLSX if xlsx else f"{CSV}; charset=utf-8")

    return show


def _add(kind: str) -> None:
    taken = describe(
        tag=TAG,
        summary=f"Import a file of {kind}",
        answer=ImportAnswer,
        refusals=(
            R.SHAPE_INVALID, R.UNKNOWN_FIELD, R.AMOUNT_INVALID, R.FILE_INVALID, R.CASH_FORBIDDEN,
            R.HIDDEN_ROWS, R.TOTALS_DIFFER, DoorCode.BODY_TOO_LARGE, DoorCode.MEDIA_TYPE_UNSUPPORTED,
            DoorCode.OVERLOADED, DoorCode.NOT_READY,
            # of lists that an employer sends by itself
            *((DoorCode.TOO_MANY_REQUESTS,) if kind == LISTS else ()),
        ),
        also={202: "A large file that goes on: ask for its batch"},
    )  # fmt: skip
    taken["openapi_extra"] = {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}
    }
    router.post(f"/v1/imports/{kind}", name=f"import_{kind}", **taken)(_taking(kind))
    shown = describe(
        tag=TAG, summary=f"An empty file of {kind}", answer=ImportAnswer, refusals=(R.SHAPE_INVALID,)
    )
    shown["response_model"] = None
    shown["responses"][200] = {
        "description": "The file",
        "content": {
            CSV: {"schema": {"type": "string"}},
            XLSX: {"schema": {"type": "string", "format": "binary"}},
        },
    }
    shown["openapi_extra"] = {"parameters": [LANGUAGE]}
    router.get(f"/v1/imports/{kind}/template", name=f"template_{kind}", response_class=Response, **shown)(
        _showing(kind)
    )


def chinese_column(batch: str, column: str) -> str:
    """What the column of a file is called in Chinese, given the batch of its import."""
    # import-<kind>-<digest>
    return chinese_heading(batch.split("-")[1], column)


for _kind in KINDS:
    _add(_kind)
