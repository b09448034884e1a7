"""The pages that show the OpenAPI document: Swagger UI from our own files, as an intranet has no others."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from pydantic_core import to_json
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from api.openapi import document

STATIC: Final = Path(__file__).resolve().parent / "static"


def add_docs(app: FastAPI) -> None:
    """Serve `/docs` and the files it needs."""
    app.mount("/static", StaticFiles(directory=STATIC), name="static")

    async def docs(request: Request) -> Response:
        request.scope["ledger.template"] = "/docs"
        return FileResponse(STATIC / "docs.html", media_type="text/html")

    async def openapi(request: Request) -> Response:
        request.scope["ledger.template"] = "/openapi.json"
        # seconds of work, on a slow machine more than a call has: others are answered meanwhile, who asks for
        # the same waits for it, and it goes on where who asked first is told that there is no answer yet
        if not making:
            making.append(asyncio.create_task(asyncio.to_thread(lambda: to_json(document(app)))))
            making[0].add_done_callback(keep_if_made)
        return Response(await asyncio.shield(making[0]), media_type="application/json")

    def keep_if_made(task: asyncio.Task[bytes]) -> None:
        # who waited for it was told; who asks next has it made anew
        if task.cancelled() or task.exception() is not None:
            making.clear()

    making: list[asyncio.Task[bytes]] = []
    app.add_route("/docs", docs, methods=["GET"], include_in_schema=False)
    app.add_route("/openapi.json", openapi, methods=["GET"], include_in_schema=False)
