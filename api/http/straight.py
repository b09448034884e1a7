"""From the app's one middleware straight to a route.

FastAPI lays five layers of its own around all routes, for what the one middleware does here itself, and looks
for a route by asking one after the other. Both together would cost a posting as much as reading its body.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import Final

from fastapi import FastAPI
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.routes import LedgerRoute


class LedgerApp(FastAPI):
    """An app whose middleware answers whatever its routes raise, also what nobody expected."""

    def build_middleware_stack(self) -> ASGIApp:
        """The middleware around the routes, without FastAPI's own layers for tracing, bodies and faults."""
        others = ExceptionMiddleware(
            AsyncExitStackMiddleware(self.router), handlers=dict(self.exception_handlers)
        )
        app: ASGIApp = Straight(self.routes, others)
        for middleware in reversed(self.user_middleware):
            app = middleware.cls(app, *middleware.args, **middleware.kwargs)
        return app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self.middleware_stack is not None:
            scope["app"] = self
            await self.middleware_stack(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


class Straight:
    """Finds the route of a request by its method and the shape of its path; others go to `others`."""

    def __init__(self, routes: Iterable[BaseRoute], others: ASGIApp) -> None:
        self._others = others
        # those of one shape in the order in which the app tries them
        self._routes: dict[tuple[str, int, str], list[LedgerRoute]] = {}
        for route in routes:
            if isinstance(route, LedgerRoute):
                for method in route.methods or ():
                    self._routes.setdefault(_shape(method, route.path_format), []).append(route)

    # no coroutine of its own: each that is waited for is paid for
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and not scope.get("root_path"):
            path: str = scope["path"]
            for route in self._routes.get(_shape(scope["method"], path), _NONE):
                found = route.path_regex.match(path)
                if found is not None:
                    scope["path_params"], scope["route"] = found.groupdict(), route
                    return route.app(scope, receive, send)
        return self._others(scope, receive, send)


_NONE: Final[list[LedgerRoute]] = []


def _shape(method: str, path: str) -> tuple[str, int, str]:
    """What two paths must have in common for one route: so many parts, and of them the one behind /v1/."""
    parts = path.split("/", 3)
    return method, path.count("/"), parts[2] if len(parts) > 2 else ""
