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
from api.http.heads import check_readable
from api.http.places import may_be_told
from api.http.problems import DoorCode
from ledger import RefusalCode
from ledger.texts import asks_for_cash

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
    check_readable(request.scope)
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
    boundary = _parameter(head, "boundary", "content-type")
    if head.get_content_type() != "multipart/form-data" or boundary is None:
        raise Declined(DoorCode.MEDIA_TYPE_UNSUPPORTED)
    if _match_boundary(boundary) is None:
        raise _wrong("a form of parts (multipart/form-data)")
    return b"--" + boundary.encode()


def _parameter(head: Message, name: str, header: str) -> str | None:
    """A parameter that stands there as one text; None where it does not.

    In numbered parts (RFC 2231) a form has none (RFC 7578 4.2), and over some of them the library falls.
    """
    try:
        value = head.get_param(name, header=header)
    except (TypeError, ValueError, LookupError):
        return None
    return value if isinstance(value, str) else None


def _wrong(expected: str) -> ShapeRefused:
    """A body that is no form at all: no field of it is to blame."""
    return ShapeRefused([Fault(RefusalCode.SHAPE_INVALID, "body", "", expected)])


def _fault(field: str, expected: str) -> Fault:
    return Fault(RefusalCode.SHAPE_INVALID, "body", f"/{field}", expected)


def _unknown(name: str, number: int) -> list[Fault]:
    """What is wrong with a field that no form has: its name is the caller's, and told where it may be."""
    told = may_be_told(name)
    which = "" if told else f": part {number} of the form"
    pointer = f"/{name}" if told else ""
    faults = [Fault(RefusalCode.UNKNOWN_FIELD, "body", pointer, f"a field that is not known{which}")]
    if asks_for_cash(name):
        faults.append(Fault(RefusalCode.CASH_FORBIDDEN, "body", "", "account money is never paid as cash"))
    return faults


def _parted(body: Path, boundary: bytes, file: Path, known: frozenset[str]) -> Form:
    fields: dict[str, str] = {}
    seen: set[str] = set()
    faults: list[Fault] = []
    if not body.stat().st_size:
        raise ShapeRefused([_fault("file", "a file")])
    with body.open("rb") as raw, mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for number, (start, end) in enumerate(_parts(content, boundary), 1):
            name, first = _head(content, start, end)
            if name != "file" and name not in known:
                faults += _unknown(name, number)
            elif name in seen:
                faults.append(_fault(name, "a field that stands there once"))
            elif name == "file":
                with file.open("wb") as out:
                    for place in range(first, end, _COPY_BYTES):
                        out.write(content[place : min(place + _COPY_BYTES, end)])
            elif end - first > FIELD_BYTES_MAX:
                faults.append(_fault(name, "a short text"))
            else:
                fields[name] = content[first:end].decode("utf-8", "replace")
            seen.add(name)
    if "file" not in seen:
        faults.append(_fault("file", "a file"))
    if faults:
        raise ShapeRefused(faults)
    return Form(file, fields)


def _parts(content: mmap.mmap, boundary: bytes) -> Iterator[tuple[int, int]]:
    """Where the parts of a body begin and end, their headers with them."""
    place = content.find(boundary)
    # what stands before the first boundary is nobody's
    if place != 0 and content[max(place - 2, 0) : max(place, 0)] != b"\r\n":
        raise _wrong("a form of parts (multipart/form-data)")
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
    raise _wrong("a whole form of few parts (multipart/form-data)")


def _head(content: mmap.mmap, start: int, end: int) -> tuple[str, int]:
    """The name of a part, and where what it holds begins."""
    stop = content.find(b"\r\n\r\n", start, min(end + 4, start + _HEADER_BYTES_MAX))
    if stop < 0 or stop + 4 > end + 2:
        raise _wrong("parts with their names")
    head = HeaderParser().parsestr(content[start:stop].decode("utf-8", "replace"))
    name = _parameter(head, "name", "content-disposition")
    if head.get_content_disposition() != "form-data" or name is None:
        raise _wrong("parts with their names")
    return name, min(stop + 4, end)
