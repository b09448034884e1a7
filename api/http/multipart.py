"""A form with a file (multipart/form-data, RFC 7578), taken to disk as it comes and never held in memory."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from typing import Final

from fastapi import Request
from starlette.requests import ClientDisconnect

from api.http.deadlines import await_body, has_body
from api.http.errors import Declined, Fault, ShapeRefused
from api.http.problems import DoorCode
from ledger import RefusalCode

FIELD_BYTES_MAX: Final = 256
PARTS_MAX: Final = 10
_HEADER_BYTES_MAX: Final = 8192
_COPY_BYTES: Final = 1 << 20
_match_boundary = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{1,70}").fullmatch


@dataclass(frozen=True, slots=True)
class Form:
    """What was sent: the file, and the other fields by name."""

    file: Path
    fields: dict[str, str]


async def receive_form(request: Request, folder: Path, known: frozenset[str]) -> Form:
    """Take the form of a request into a folder. Raises Declined (415), ShapeRefused."""
    boundary = _boundary(request.headers.get("content-type", ""))
    body = folder / "body"
    with body.open("wb") as out:
        more = True
        await_body(request.scope)
        while more:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            out.write(message.get("body", b""))
            more = message.get("more_body", False)
        has_body(request.scope)
    try:
        return _parted(body, boundary, folder / "file", known)
    finally:
        body.unlink()


def _boundary(content_type: str) -> bytes:
    head = Message()
    head["content-type"] = content_type
    boundary = head.get_param("boundary")
    if head.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise Declined(DoorCode.MEDIA_TYPE_UNSUPPORTED)
    if _match_boundary(boundary) is None:
        raise _wrong("", "a form of parts (multipart/form-data)")
    return b"--" + boundary.encode()


def _wrong(field: str, expected: str) -> ShapeRefused:
    code = RefusalCode.SHAPE_INVALID
    return ShapeRefused([Fault(code, "body", f"/{field}" if field else "", expected)])


def _parted(body: Path, boundary: bytes, file: Path, known: frozenset[str]) -> Form:
    fields: dict[str, str] = {}
    has_file = False
    if not body.stat().st_size:
        raise _wrong("file", "a file")
    with body.open("rb") as raw, mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for start, end in _parts(content, boundary):
            name, first = _head(content, start, end)
            if name == "file":
                if has_file:
                    raise _wrong("file", "one file")
                has_file = True
                with file.open("wb") as out:
                    for place in range(first, end, _COPY_BYTES):
                        out.write(content[place : min(place + _COPY_BYTES, end)])
            elif name not in known or name in fields:
                raise ShapeRefused(
                    [Fault(RefusalCode.UNKNOWN_FIELD, "body", "", "a field that is known, once")]
                )
            elif end - first > FIELD_BYTES_MAX:
                raise _wrong(name, "a short text")
            else:
                fields[name] = content[first:end].decode("utf-8", "replace")
    if not has_file:
        raise _wrong("file", "a file")
    return Form(file, fields)


def _parts(content: mmap.mmap, boundary: bytes) -> Iterator[tuple[int, int]]:
    """Where the parts of a body begin and end, their headers with them."""
    place = content.find(boundary)
    # what stands before the first boundary is nobody's
    if place != 0 and content[max(place - 2, 0) : max(place, 0)] != b"\r\n":
        raise _wrong("", "a form of parts (multipart/form-data)")
    for _ in range(PARTS_MAX + 1):
        place += len(boundary)
        if content[place : place + 2] == b"--":
            return
        start = content.find(b"\r\n", place, place + 80)
        end = content.find(b"\r\n" + boundary, start) if start >= 0 else -1
        if end < 0:
            break
        yield start + 2, end
        place = end + 2
    raise _wrong("", "a whole form of few parts (multipart/form-data)")


def _head(content: mmap.mmap, start: int, end: int) -> tuple[str, int]:
    """The name of a part, and where what it holds begins."""
    stop = content.find(b"\r\n\r\n", start, min(end + 4, start + _HEADER_BYTES_MAX))
    if stop < 0 or stop + 4 > end + 2:
        raise _wrong("", "parts with their names")
    head = HeaderParser().parsestr(content[start:stop].decode("utf-8", "replace"))
    name = head.get_param("name", header="content-disposition")
    if head.get_content_disposition() != "form-data" or not isinstance(name, str):
        raise _wrong("", "parts with their names")
    return name, min(stop + 4, end)
