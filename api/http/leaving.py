"""Work for somebody who may go: nobody is left waiting in a queue for an answer that nobody takes."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

T = TypeVar("T")


async def while_there(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What comes of some work. Its body was read; raises ClientDisconnect when the caller goes before."""
    doing = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((doing, leaving), return_when=asyncio.FIRST_COMPLETED)
        if leaving.done():
            # an error of the connection is its own
            leaving.result()
            raise ClientDisconnect
        return await doing
    finally:
        for one in (doing, leaving):
            one.cancel()
        # what they were cancelled with, or failed by at last, is nobody's any more
        await asyncio.gather(doing, leaving, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
