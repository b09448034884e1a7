"""Every route, every channel, every group of fields, with a purpose and without (R61-R63, R65).

What is expected stands here in words of its own, and is not taken from the tables of the code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.http.listing import json_answer
from api.http.routes import DRY_RUN, LedgerRoute
from api.http.security import ACTS, OPEN, SCOPE_OF
from api.http.shown import shown_by
from api.http.shows import READS_BY_POST, SHOWN_BY
from api.main import bare_app
from ledger.access.tokens import AGENCY_SCOPES, SCOPES
from ledger.chart.channels import AccessChannel, FieldGroup
from tests.access.test_api_read_log import reads
from tests.support.api_client import bearer, running
from tests.support.care_client import new_institution
from tests.support.employer_client import new_employer

ALL: Final = {
    *("identity_masked", "identity_full", "balance", "entries", "payments"),
    *("care_amounts", "care_items", "others_names", "reads"),
}
SEEN: Final = {
    "system": ALL,
    "window": ALL - {"reads"},
    # read aloud: no number, no diagnosis, no item (R61)
    "phone": {"identity_masked", "balance", "payments"},
    "online": ALL - {"others_names"},
    "kiosk": ALL - {"others_names"},
    # R62: never balance, spending, benefits
    "employer": {"identity_masked", "payments"},
    "institution": {"identity_masked", "care_amounts", "care_items"},
    # nothing but what a request was granted (R63)
    "agency": set[str](),
    "audit": ALL,
}
MAY_SAY: Final = {
    "system": set[str](),
    "window": {"own_request", "proxy_request", "complaint", "court_order", "estate"},
    **{channel: {"own_request"} for channel in ("phone", "online", "kiosk", "employer")},
    "institution": {"care"},
    "agency": {"court_order", "estate"},
    "audit": {"audit"},
}
WORDS: Final = sorted(set().union(*MAY_SAY.values()))
POSTS_NOTHING: Final = {"phone", "online", "kiosk", "agency", "audit"}
DOORS: Final = {"phone": "/v1/phone/", "online": "/v1/me", "kiosk": "/v1/me"}
# routes that some channels alone have, whatever these see elsewhere
ONLY: Final = {
    ("POST", "/v1/agency-requests"): {"system", "agency"},
    ("GET", "/v1/agency-requests"): {"system", "window", "audit"},
    ("GET", "/v1/agency-requests/{agency_request}"): {"system", "window", "audit"},
    ("POST", "/v1/agency-requests/{agency_request}/decision"): {"system", "window"},
    ("GET", "/v1/agency-requests/{agency_request}/answer"): {"system", "agency"},
    ("GET", "/v1/approvals"): {"system", "window", "audit"},
    ("GET", "/v1/approvals/{approval}"): {"system", "window", "audit"},
    ("POST", "/v1/approvals/{approval}/approve"): {"system", "window"},
    ("POST", "/v1/approvals/{approval}/reject"): {"system", "window"},
    ("POST", "/v1/accounts/{account}/cards"): {"system", "window"},
    ("POST", "/v1/cards/{card}/lost"): {"system", "window"},
    ("POST", "/v1/accounts/{account}/call-back-code"): {"system", "window"},
    ("POST", "/v1/phone/inquiries"): {"phone"},
    ("GET", "/v1/events"): {"system"},
    ("POST", "/v1/webhooks"): {"system"},
    ("GET", "/v1/webhooks"): {"system"},
    ("POST", "/v1/webhooks/{webhook}/end"): {"system"},
    ("POST", "/v1/cases"): {"system", "window", "phone", "online", "kiosk", "employer"},
    ("GET", "/v1/cases"): {"system", "window", "online", "kiosk", "employer", "audit"},
    ("GET", "/v1/cases/{case}"): {"system", "window", "online", "kiosk", "employer", "audit"},
    ("POST", "/v1/cases/{case}/take"): {"system", "window"},
    ("POST", "/v1/cases/{case}/answer"): {"system", "window"},
    ("POST", "/v1/cases/{case}/close"): {"system", "window"},
    ("POST", "/v1/accounts/{account}/documents"): {"system", "window"},
    ("POST", "/v1/employers/{employer}/documents"): {"system", "window", "employer"},
    ("POST", "/v1/me/documents"): {"system", "online", "kiosk"},
    ("POST", "/v1/me/cases"): {"system", "online", "kiosk"},
    ("POST", "/v1/me/cases/{case}/close"): {"system", "online", "kiosk"},
    ("GET", "/v1/read-log"): {"audit"},
    ("GET", "/v1/read-log/findings"): {"audit"},
    ("GET", "/v1/reports/findings"): {"audit"},
}
# what is whose, the handlers of these see to: persons and employers have them for themselves
OWN_CASES: Final = {("POST", "/v1/cases"), ("GET", "/v1/cases"), ("GET", "/v1/cases/{case}")}
REFUSALS: Final = {"channel_not_allowed", "purpose_missing", "purpose_not_allowed", "scope_missing"}
CHANNELS: Final = sorted(SEEN)

GUARDED: Final = sorted(route for route, scope in SCOPE_OF.items() if scope != OPEN)
REHEARSED: Final = {
    ("POST", route.path)
    for route in bare_app().routes
    if isinstance(route, APIRoute) and DRY_RUN in (route.openapi_extra or {}).get("parameters", ())
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    with running(engine, folder) as client:
        client.app.include_router(cells())  # type: ignore[attr-defined]  # the app of the client
        yield client


@pytest.fixture(scope="module")
def bound(client: TestClient) -> dict[str, dict[str, Any]]:
    """To whom the token of a channel is bound."""
    return {
        "online": {"person": SOMEBODY},
        "kiosk": {"person": SOMEBODY},
        "employer": {"employer": new_employer(client)},
        "institution": {"institution": new_institution(client)},
    }


def headers_of(folder: Path, bound: dict[str, dict[str, Any]], channel: str, purpose: str | None) -> Any:
    # a token that is bound to an employer does not act for the agency
    scopes = [scope for scope in SCOPES if channel != "employer" or scope != ACTS]
    more: Any = {"scopes": scopes, "channel": AccessChannel[channel.upper()], **bound.get(channel, {})}
    return bearer(folder / "keys", purpose, **more)


def test_the_words_are_those_of_the_code() -> None:
    assert {channel.word for channel in AccessChannel} == set(SEEN)
    assert {str(group.name).lower() for group in FieldGroup} == ALL


# -- every route -------------------------------------------------------------------------------------------


def path_of(path: str, bound: dict[str, dict[str, Any]]) -> str:
    """The path with something in it that is not there; employer and institution are those of the tokens."""
    path = path.replace("{employer}", bound["employer"]["employer"])
    path = path.replace("{institution}", bound["institution"]["institution"])
    path = path.replace("{year}", "2025").replace("{period}", "2026-09").replace("{area}", "990100")
    return re.sub(r"\{\w+\}", "P000000000000Z-1", path)


def is_beyond(channel: str, route: tuple[str, str]) -> bool:
    """Whether the route leads to nothing that the token of an employer or institution is bound to."""
    method, path = route
    if route in OWN_CASES:
        return channel == "institution"
    if channel == "employer":
        own = "{employer}" in path or "/imports/declarations" in path
    elif channel == "institution":
        named_in_body = {
            "/v1/settlements",
            "/v1/settlements/quote",
            "/v1/settlements/correction",
            "/v1/visits",
        }
        own = "{institution}" in path or (method == "POST" and path in named_in_body)
    else:
        # what is a person's own is for that person's token, and nothing else is
        return path.startswith("/v1/me") is not (channel in {"online", "kiosk"})
    return not own or SCOPE_OF[route] in AGENCY_SCOPES


def expected(route: tuple[str, str], channel: str, purpose: str | None, *, is_read: bool) -> str:
    """The code that is answered; "" for whatever comes of it once it is let in."""
    if is_beyond(channel, route):
        return "scope_missing"
    if route in ONLY and channel not in ONLY[route]:
        return "channel_not_allowed"
    if channel == "system":
        return ""
    if channel in DOORS and route not in ONLY and not route[1].startswith(DOORS[channel]):
        return "channel_not_allowed"
    shows = set(SHOWN_BY[route].words)
    if not is_read:
        return "channel_not_allowed" if channel in POSTS_NOTHING and route not in ONLY else ""
    if not shows <= SEEN[channel] and route not in ONLY:
        return "channel_not_allowed"
    if route == ("GET", "/v1/cases") and channel in {"online", "kiosk"}:
        # the worklist names nobody; a person's own list is theirs
        shows = {"identity_masked"}
    if not shows:
        return ""
    if purpose is None:
        return "purpose_missing"
    return "" if purpose in MAY_SAY[channel] else "purpose_not_allowed"


def ways(route: tuple[str, str]) -> list[tuple[str, bool]]:
    """How a route is called: what stands behind the path, and whether that reads."""
    if route[0] == "GET" or route in READS_BY_POST:
        return [("", True)]
    if route[1].startswith("/v1/imports/"):
        return [("", False), ("?preview=true", True)]
    return [("", False), ("?dry_run=true", True)] if route in REHEARSED else [("", False)]


@pytest.mark.sqlite
@pytest.mark.parametrize("channel", CHANNELS)
def test_every_route_through_every_channel(
    client: TestClient, engine: Engine, folder: Path, bound: dict[str, dict[str, Any]], channel: str
) -> None:
    before = len(reads(engine))
    called = 0
    by_purpose = {
        purpose: headers_of(folder, bound, channel, purpose)
        for purpose in (None, "curiosity", "own_request", "care", "court_order", "audit")
    }
    for route in GUARDED:
        method, path = route
        for query, is_read in ways(route):
            for purpose, headers in by_purpose.items():
                body: Any = {"json": {}} if method == "POST" else {}
                answer = client.request(method, path_of(path, bound) + query, headers=headers, **body)
                code = answer.json().get("code") if "json" in answer.headers["content-type"] else None
                where = (route, query, purpose, answer.text)
                wanted = expected(route, channel, purpose, is_read=is_read)
                assert answer.status_code < 500, where
                assert (code == wanted) if wanted else (code not in REFUSALS), where
                if wanted:
                    assert answer.status_code == 403, where
                called += 1
    assert called > 6 * len(GUARDED)
    # nobody was there of whom anything could have been shown
    assert len(reads(engine)) == before


# -- every group of fields ---------------------------------------------------------------------------------


def prefixes() -> dict[str, str]:
    """Where a channel finds the routes of a cell: behind its own door."""
    return {
        "phone": "/v1/phone/cells",
        "online": "/v1/me/cells",
        "kiosk": "/v1/me/cells",
        "employer": "/v1/employers/{employer}/cells",
        "institution": "/v1/institutions/{institution}/cells",
    }


def cells() -> APIRouter:
    """Routes that show one group of fields each, or two, of somebody."""
    groups = {**{str(group.name).lower(): group for group in FieldGroup}, "two": PAIR}
    paths = {
        f"{prefix}/{name}": group
        for prefix in {*prefixes().values(), PLAIN}
        for name, group in groups.items()
    }

    class CellRoute(LedgerRoute):
        scope_of: ClassVar = {("GET", path): "accounts:read" for path in paths}
        shown_by: ClassVar = {("GET", path): group for path, group in paths.items()}

    async def cell(request: Request) -> Response:
        shown_by(request).of_person(SOMEBODY)
        return json_answer({"shown": True})

    async def of_employer(employer: str, request: Request) -> Response:
        return await cell(request)

    async def of_institution(institution: str, request: Request) -> Response:
        return await cell(request)

    router = APIRouter(route_class=CellRoute)
    for path in paths:
        handler = of_employer if "{employer}" in path else of_institution if "{institution}" in path else cell
        router.add_api_route(path, handler, methods=["GET"], response_model=None)
    return router


PLAIN: Final = "/v1/cells"
PAIR: Final = FieldGroup.IDENTITY_MASKED | FieldGroup.BALANCE
SOMEBODY: Final = b"s" * 32


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("group", [*sorted(ALL), "two"])
def test_every_cell(
    client: TestClient,
    engine: Engine,
    folder: Path,
    bound: dict[str, dict[str, Any]],
    channel: str,
    group: str,
) -> None:
    shows = {"identity_masked", "balance"} if group == "two" else {group}
    path = prefixes().get(channel, PLAIN).format(**bound.get(channel, {})) + f"/{group}"
    for purpose in (None, "curiosity", *WORDS):
        before = reads(engine)
        answer = client.get(path, headers=headers_of(folder, bound, channel, purpose))
        if channel == "system":
            wanted = ""
        elif not shows <= SEEN[channel]:
            wanted = "channel_not_allowed"
        elif purpose is None:
            wanted = "purpose_missing"
        else:
            wanted = "" if purpose in MAY_SAY[channel] else "purpose_not_allowed"
        after = reads(engine)
        if wanted:
            assert (answer.status_code, answer.json()["code"]) == (403, wanted)
            assert len(after) == len(before)
            continue
        assert answer.json() == {"shown": True}
        assert len(after) == len(before) + 1
        [read] = [one for one in after if one not in before]
        said = None if channel == "system" else purpose
        assert (set(FieldGroup(read.fields).words), read.purpose) == (shows, said)
        assert AccessChannel(read.channel).word == channel
        assert (read.person, read.book_id, read.role) == (SOMEBODY, None, "accounts:read")
