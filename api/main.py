"""The app: `create_app` puts it together over an opened ledger, `app` is the one that uvicorn serves.

uvicorn api.main:app        settings from the environment, as ledger/settings.py names them
"""

from __future__ import annotations

import gc

# as in `ledger/__init__.py`, and twice as much of it
_COLLECTS = gc.isenabled()
gc.disable()

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI

from api.accounts import (
    accounts,
    closure,
    deaths,
    entries,
    estate_list,
    estates,
    freezes,
    holds,
    interest,
    mutual_aid,
    payouts,
    person_facts,
    postings,
    separation,
)
from api.approvals import approvals
from api.care import annual_settlements, claims, filings, settlements, third_party, visits
from api.contributions import (
    closures,
    declarations,
    declared,
    employer_changes,
    employers,
    payments,
    staff,
    staff_moves,
    supervision,
    supervision_reports,
)
from api.contributions import reports as contribution_reports
from api.docs import add_docs
from api.http.asgi import Door
from api.http.deadlines import Deadlines
from api.http.errors import add_handlers
from api.http.logs import Log, log_request, log_to_stderr
from api.http.metrics import RequestCounts
from api.http.metrics_page import MetricsPage
from api.http.security import Verifier
from api.http.state import State
from api.http.straight import LedgerApp
from api.inquiry import (
    access_log,
    agency_requests,
    call_back,
    cards,
    case_acts,
    cases,
    checks,
    documents,
    events,
    export,
    findings,
    lookup,
    me,
    my_cases,
    own_documents,
    patterns,
    person_file,
    statement_proofs,
    telephone,
    watched,
    year_statements,
)
from api.institutions import changes, clearings, closing, ends, institutions, reconciliations, statements
from api.operations import bulk, corrections, health, imports, policies, runs
from api.operations import trial_balance as reports
from api.operations.uploads import Uploads
from api.people import enrolments, person_reports, residents
from api.transfers import demands, exits, looks, owed, suspended, transfers
from ledger import REPORTS, Clock, now_and_today
from ledger.operations import serving
from ledger.operations.installation import Opened, open_ledger
from ledger.settings import Settings, tune_process

gc.freeze()
if _COLLECTS:
    gc.enable()
# tried in order, so what is called most stands first
ROUTERS = (
    postings.router,
    settlements.router,
    accounts.router,
    holds.router,
    bulk.router,
    entries.router,
    freezes.router,
    interest.router,
    closure.router,
    estates.router,
    estate_list.router,
    payouts.router,
    deaths.router,
    payments.router,
    declarations.router,
    employers.router,
    enrolments.router,
    supervision.router,
    closures.router,
    runs.router,
    imports.router,
    residents.router,
    person_facts.router,
    separation.router,
    person_file.router,
    annual_settlements.router,
    visits.router,
    mutual_aid.router,
    filings.router,
    claims.router,
    third_party.router,
    transfers.router,
    looks.router,
    exits.router,
    demands.router,
    owed.router,
    suspended.router,
    institutions.router,
    ends.router,
    changes.router,
    closing.router,
    employer_changes.router,
    staff_moves.router,
    reports.router,
    contribution_reports.router,
    staff.router,
    person_reports.router,
    declared.router,
    supervision_reports.router,
    policies.router,
    corrections.router,
    reconciliations.router,
    clearings.router,
    statements.router,
    watched.router,
    findings.router,
    patterns.router,
    agency_requests.router,
    approvals.router,
    cases.router,
    case_acts.router,
    my_cases.router,
    me.router,
    year_statements.router,
    statement_proofs.router,
    access_log.router,
    export.router,
    lookup.router,
    telephone.router,
    cards.router,
    call_back.router,
    documents.router,
    own_documents.router,
    checks.router,
    events.router,
    health.router,
)


def create_app(
    opened: Opened,
    verifier: Verifier,
    *,
    clock: Clock = now_and_today,
    log: Log = log_request,
    first: Sequence[APIRouter] = (),
    on_death: Callable[[], None] = lambda: None,
) -> FastAPI:
    """The app over a ledger that is open. What `first` has is tried before its own routes.

    `on_death` is called when a writer has died: the process can only be started again.
    """
    state = State(opened, verifier, clock, on_death)
    deadlines = Deadlines(opened.settings.deadline_seconds)
    counts = RequestCounts(by_caller=opened.settings.metrics_callers)
    page = MetricsPage(state, counts, deadlines)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        state.start()
        page.start()
        uploads = app.state.uploads = Uploads()
        try:
            yield
        finally:
            uploads.stop()
            page.stop()
            state.stop()

    app = bare_app(lifespan=lifespan, log=log, first=first, deadlines=deadlines, counts=counts)
    page.add_to(app)
    app.state.ledger, app.state.metrics = state, page
    return app


def bare_app(
    *,
    lifespan: Any = None,
    log: Log = log_request,
    first: Sequence[APIRouter] = (),
    deadlines: Deadlines | None = None,
    counts: RequestCounts | None = None,
) -> FastAPI:
    """Every route, and nothing behind them: enough for the OpenAPI document."""
    app = LedgerApp(
        title="Medical account ledger",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        # FastAPI's spans carry the path, and its log records what was wrong with a body
        telemetry={"tracing": False, "metrics": False, "logs": False},
        lifespan=lifespan,
    )
    # not include_router: it makes a tree, and walking it costs a posting a third of its time
    for router in (*first, *ROUTERS):
        app.router.routes.extend(router.routes)
    add_handlers(app)
    add_docs(app)
    app.add_middleware(Door, log=log, deadlines=deadlines, counts=counts)
    return app


def served_app(*, first: Sequence[APIRouter] = ()) -> FastAPI:
    """The app of this installation. Without database or keys it does not start: see open_ledger, Verifier."""
    settings = Settings.load()
    log = log_to_stderr(settings.log_level or "info")
    app = create_app(
        open_ledger(settings, REPORTS),
        Verifier.load(
            settings.jwks_file,
            settings.revoked_file,
            must_be_there=settings.revoked is not None,
            issuer=settings.token_issuer,
            audience=settings.token_audience,
            hours_max=settings.token_hours_max,
            skew_seconds=settings.token_skew_seconds,
        ),
        log=log,
        first=first,
        on_death=serving.end_the_process,
    )
    tune_process()
    return app


def __getattr__(name: str) -> Any:
    # made when the server asks for it, so that importing this module opens nothing
    if name == "app":
        app = globals()["app"] = served_app()
        return app
    raise AttributeError(name)
