"""The service with one route more, which does nothing: what HTTP alone costs.

python -m bench.noop        serves as `python -m ledger serve` does; settings from the environment
"""

from typing import Any

from fastapi import APIRouter, Request, Response

from api.accounts.bodies import Spending
from api.http.answers import ReceiptAnswer
from api.http.posting import key_of
from api.http.routes import JSON, LedgerRoute, describe
from api.main import served_app
from ledger.chart.channels import NOTHING
from ledger.operations import serving
from ledger.settings import Settings

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


def __getattr__(name: str) -> Any:
    # made when the server asks for it, in each of its processes
    if name == "app":
        app = globals()["app"] = served_app(first=(router,))
        return app
    raise AttributeError(name)


def main() -> None:
    """Serve the app of an installation, with the route of the bench before all others."""
    settings = Settings.load()
    serving.run(settings, serving.listen(settings), lambda _address: None, "info", app="bench.noop:app")


if __name__ == "__main__":
    main()
