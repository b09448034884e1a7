"""The service with one route more, which does nothing: what HTTP alone costs.

uvicorn --factory bench.noop:app        settings from the environment, as ledger/settings.py names them
"""

from fastapi import APIRouter, FastAPI, Request, Response

from api.accounts.bodies import Spending
from api.http.answers import ReceiptAnswer
from api.http.posting import key_of
from api.http.routes import JSON, LedgerRoute, describe
from api.main import served_app
from ledger.chart.channels import NOTHING

PATH = "/v1/noop"
# as many bytes as the receipt of a spending
_NOTHING_DONE = b'{"entry":"","note":"' + b"." * 330 + b'"}'


class NoopRoute(LedgerRoute):
    """A route like those of the service, which their table of scopes does not name."""

    scope_of = {("POST", PATH): "postings:write"}  # noqa: RUF012  as the table that it stands for
    shown_by = {("POST", PATH): NOTHING}  # noqa: RUF012  the same


router = APIRouter(route_class=NoopRoute)


@router.post(
    PATH,
    **describe(
        tag="bench",
        summary="Does nothing: the bench's measure",
        answer=ReceiptAnswer,
        status=201,
        body=True,
        key=True,
    ),
)
async def noop(body: Spending, request: Request) -> Response:  # noqa: ARG001  read, and that is all
    """The token is checked, the body read, and nothing done."""
    key_of(request)
    return Response(_NOTHING_DONE, 201, media_type=JSON)


def app() -> FastAPI:
    """The app of an installation, with the route of the bench before all others."""
    return served_app(first=(router,))
