"""No text, reference or key takes an ID number: every string of every body, by the OpenAPI document."""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from fastapi import Response
from fastapi.testclient import TestClient
from pydantic import ValidationError
from sqlalchemy import Engine

from api.http.errors import Fault, ShapeRefused
from api.http.fields import ON_RECORD
from api.http.on_record import REPLAYED, first_answer_alone
from api.operations.bulk_commands import READERS
from ledger.chart.channels import AccessChannel
from ledger.posting.free_text import NO_TEXTS
from ledger.refusals import RefusalCode
from ledger.texts import LETTER_PATTERN, PROSE_PATTERN, TEXT_PATTERN, VISIBLE_PATTERN
from tests.house.test_declared_routes import DECLARED, ROUTES
from tests.http.test_api_pointers import DOCUMENT, POSTED, bodies, places
from tests.support.api_client import bearer, key, open_account, running
from tests.support.employer_client import refusal
from tests.support.inquiry_client import who_is_let_in
from tests.support.old_rows import as_before_numbers_were_refused

CODE = "personal_data_in_text"
# of somebody who does not exist, in the ways in which people write one
NUMBER, OLD = "119999198503140015", "119999850314001"
WRITTEN = (
    NUMBER, OLD, "119999-19850314-0015", "119999 850314 001", "案卷119999198503140015号",
    "ref/119999198503140015",
)  # fmt: skip
KEYS = (NUMBER, OLD, "119999-19850314-0015", f"pay:{NUMBER}:2026-03")
NO_ACCOUNT = "P483920174650K"

TEXTS = {TEXT_PATTERN, PROSE_PATTERN, LETTER_PATTERN, VISIBLE_PATTERN}
# what names something that is there: it is looked for as it is said, and nothing of it is kept
NAMES = {
    "account", "institution", "employer", "debt", "settlement", "into", "case", "entry", "document",
    "corrections", "people", "visit", "quote", "purpose", "parameter", "relation",
    # judged line by line, each by its own rule
    "wage", "share", "id_number",
    # what is not told is not a code, and is compared
    "value",
}  # fmt: skip
# what has a form of its own that is no ID number's
FORMS = {"date", "date-time"}
OF_ITS_OWN = {
    "phone",
    "bank_account",
    "card_no",
    "code",
    "credit_code",
    "employer",
    "to",
    "into",
    "objects_to",
}


def leaves(schema: dict[str, Any], pointer: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """(pointer, schema) of every string below a schema; of lists the first item stands for all."""
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    for one in schema.get("anyOf", ()):
        yield from leaves(one, pointer)
    if "items" in schema:
        yield from leaves(schema["items"], f"{pointer}/0")
    for name, below in schema.get("properties", {}).items():
        yield from leaves(below, f"{pointer}/{name}")
    if schema.get("type") == "string" and "enum" not in schema and "const" not in schema:
        yield pointer, schema


def named(pointer: str) -> str:
    return next(part for part in reversed(pointer.split("/")) if not part.isdigit())


def is_text(pointer: str, schema: dict[str, Any]) -> bool:
    if named(pointer) == "institution":
        # the code of one, which is written like a reference
        return False
    return schema.get("pattern") in TEXTS or schema.get("format") == "uri"


def strings_of(path: str) -> list[tuple[str, dict[str, Any]]]:
    content = POSTED.get(path, {}).get("requestBody", {}).get("content", {}).get("application/json")
    return [] if content is None else list(leaves(content["schema"]))


ALL = [
    (path, pointer, schema) for path in POSTED if path != "/v1/bulk" for pointer, schema in strings_of(path)
]
FREE = sorted({(path, pointer) for path, pointer, schema in ALL if is_text(pointer, schema)})


@pytest.mark.parametrize("path", sorted(POSTED))
def test_every_string_is_a_text_or_has_a_form_of_its_own(path: str) -> None:
    """A new field is one of the text types, or says here what it is."""
    for pointer, schema in strings_of(path):
        name, pattern = named(pointer), schema.get("pattern", "")
        if path == "/v1/bulk":
            # each verb is read by the model of its own route
            continue
        assert (
            is_text(pointer, schema)
            or schema.get("format") in FORMS
            or name in NAMES
            or (pattern and name in OF_ITS_OWN)
            # amounts, months, areas, shares, ID numbers
            or pattern.startswith(("^(0|", "^-?(0|", "^[0-9]{4}-", "^[0-9]{6}$", "^([0-9]{15}|", "^(0("))
        ), f"{pointer}: a text (api/http/fields.py), or named here"


# -- a body for every route ---------------------------------------------------------------------------------


def shaped(path: str) -> dict[str, Any]:
    """A body of the right shape; what it names need not be there, since the shape is judged first."""
    there: dict[str, str] = defaultdict(lambda: NO_ACCOUNT, patient=NUMBER, relative=NUMBER, resident=NUMBER)
    more: dict[str, dict[str, Any]] = {
        "/v1/people/lookup": {"id_number": NUMBER, "credential": "proxy", "proxy": {
            "id_number": NUMBER, "name": "李四", "mandate_ref": "m", "until": "2026-12-01"}},
        "/v1/phone/inquiries": {"name": "张三", "id_number": NUMBER, "ask": "balance",
            "factor": {"kind": "card_last4", "value": "1234"}},
        "/v1/visits/{visit}/end": {}, "/v1/quotas/{quota}/end": {},
        "/v1/webhooks": {"url": "https://pointed.example/"},
    }  # fmt: skip
    return copy.deepcopy(bodies(there).get(path) or more.get(path, {}))


def put(body: dict[str, Any], pointer: str, value: str) -> None:
    """Set one string; the objects and lists on the way there are made where they are missing."""
    at: Any = body
    *way, last = pointer.strip("/").split("/")
    for step, after in zip(way, [*way, last][1:], strict=True):
        if isinstance(at, list):
            at = at[int(step)]
        elif at.get(step) is None:
            at[step] = [""] if after.isdigit() else {}
            at = at[step]
        else:
            at = at[step]
    if isinstance(at, list):
        at[:] = [value]
    else:
        at[last] = value


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with running(engine, tmp_path_factory.mktemp("api")) as client:
        yield client


@pytest.fixture(scope="module")
def let_in(client: TestClient) -> Callable[[str], dict[str, str]]:
    who = who_is_let_in(client, open_account(client)["number"])
    keys: Path = client.app.state.ledger.settings.jwks_file.parent  # type: ignore[attr-defined]  # of Starlette
    voice = bearer(keys, "own_request", channel=AccessChannel.PHONE, scopes=["accounts:read"])
    window = bearer(keys, "own_request", channel=AccessChannel.WINDOW)
    else_by = {"/v1/phone/inquiries": voice, "/v1/people/lookup": window}
    return lambda path: else_by.get(path) or who(path)


def filled(path: str) -> str:
    """A path of a route with names of things that are not there."""
    for name in ("{year}", "{period}", "{account}"):
        path = path.replace(name, {"{year}": "2025", "{period}": "2026-10"}.get(name, NO_ACCOUNT))
    while "{" in path:
        path = path[: path.index("{")] + f"{NO_ACCOUNT}-9" + path[path.index("}") + 1 :]
    return path


def assert_refused(answer: Any, pointer: str) -> None:
    assert refusal(answer) == (422, CODE), answer.text
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]
    assert not any(part in answer.text for part in ("119999", "850314")), "nothing of it is told"


@pytest.mark.parametrize(("path", "pointer"), FREE)
def test_a_text_takes_no_id_number(
    client: TestClient, let_in: Callable[[str], dict[str, str]], path: str, pointer: str
) -> None:
    for written in WRITTEN:
        sent = written
        if pointer.endswith(("/message_id", "/bill_no", "/url")):
            # they are of ASCII, without blanks
            sent = written.replace(" ", "-").replace("案卷", "no.").replace("号", "")
        body = shaped(path)
        put(body, pointer, f"https://pointed.example/{sent}" if pointer == "/url" else sent)
        answer = client.post(filled(path), json=body, headers=key() | let_in(path))
        assert_refused(answer, pointer)


TAKES_KEY = sorted(
    path
    for path, operations in DOCUMENT["paths"].items()
    if any(one["name"] == "Idempotency-Key" for one in operations.get("post", {}).get("parameters", ()))
)


@pytest.mark.parametrize("path", TAKES_KEY)
def test_a_key_takes_no_id_number(
    client: TestClient, let_in: Callable[[str], dict[str, str]], path: str
) -> None:
    for written in KEYS:
        body = shaped(path) if strings_of(path) else {}
        headers = {"Idempotency-Key": written} | let_in(path)
        answer = client.post(filled(path), json=body, headers=headers)
        assert refusal(answer) == (422, CODE), answer.text
        assert places(answer) == [("header", "Idempotency-Key")]
        assert written not in answer.text


def test_full_width_and_unseen_are_read(client: TestClient) -> None:
    account = open_account(client)["number"]
    for reference in (
        "\uff11\uff11\uff19999198503140015",
        "119999\u200b19850314\u20130015",
        "119999\u3000850314\u00ad001",
    ):
        answer = client.post(
            f"/v1/accounts/{account}/contributions", json=contributed(reference), headers=key()
        )
        assert_refused(answer, "/source_ref")


def contributed(source_ref: str) -> dict[str, str]:
    return {"amount": "1.00", "period": "2026-03", "effective_on": "2026-03-20", "source_ref": source_ref}


@pytest.mark.parametrize(
    "reference",
    [
        # a check digit, a month, a province that is none; a part of a longer number; a code of a firm
        "119999198503140025", "119999198513140013", "719999198503140015", "1199991985031400151",
        "202611280000123", "91330100MA2CA0001X", "119999851314001", "1199998503140012", "a119999850314001b",
        "9f1a119999850314001c", "P123456789012X-12", "3f2c4e60-7a11-4d7e-a850-319850314001",
    ],
)  # fmt: skip
def test_other_numbers_are_taken(client: TestClient, reference: str) -> None:
    account = open_account(client, opened_on="2026-01-01")["number"]
    headers = {"Idempotency-Key": reference}
    answer = client.post(
        f"/v1/accounts/{account}/contributions", json=contributed(reference), headers=headers
    )
    assert answer.status_code == 201, answer.text


def test_the_reference_of_a_purpose_takes_none(
    client: TestClient, let_in: Callable[[str], dict[str, str]]
) -> None:
    headers = let_in("/v1/read-log")
    for reference in (f"; ref=case {NUMBER}", "; ref=P123456789012X-3 119999-19850314-0015"):
        answer = client.get("/v1/read-log", headers=headers | {"Purpose": headers["Purpose"] + reference})
        assert refusal(answer) == (422, CODE)
        assert places(answer) == [("header", "Purpose")]
        assert "0015" not in answer.text


# -- in bulk ------------------------------------------------------------------------------------------------


def bulk_texts(verb: str) -> list[str]:
    """The pointers of the texts of a verb, from the root of its command."""
    reader = READERS[verb]
    if reader.declared.body is None:
        return []
    return sorted({pointer for path, pointer in FREE if path == reader.declared.path})


def bulk_item(verb: str) -> dict[str, Any]:
    """A command of a bulk, of the right shape."""
    declared = READERS[verb].declared
    body = {} if declared.body is None else shaped(declared.path)
    named_by = (
        {}
        if declared.named is None
        else {declared.named: NO_ACCOUNT if declared.named == "account" else f"{NO_ACCOUNT}-9"}
    )
    return {"verb": verb} | named_by | body | {"idempotency_key": key()["Idempotency-Key"]}


@pytest.mark.parametrize("verb", sorted(READERS))
def test_a_command_of_a_bulk_takes_none(client: TestClient, verb: str) -> None:
    for pointer in [*bulk_texts(verb), "/idempotency_key"]:
        for written in (NUMBER, "119999-19850314-0015", OLD):
            item = bulk_item(verb)
            put(item, pointer, written)
            answer = client.post("/v1/bulk", json={"commands": [item]})
            [outcome] = answer.json()["outcomes"]
            assert (outcome["status"], outcome["code"]) == ("refused", CODE), (pointer, answer.text)
            assert [one["pointer"] for one in outcome["errors"]] == [f"/commands/0{pointer}"]
            assert written not in answer.text


# -- what is on record from before --------------------------------------------------------------------------


def held_by(hint: Any, name: str = "") -> set[str]:
    """The names of the texts that a command holds, however deep."""
    if hint is str:
        return {name}
    if isinstance(hint, type) and (is_dataclass(hint) or hasattr(hint, "_fields")):
        hints = get_type_hints(hint)
        names = (
            [one.name for one in fields(hint)] if is_dataclass(hint) else list(getattr(hint, "_fields", ()))
        )
        return {found for one in names if one not in NO_TEXTS for found in held_by(hints.get(one), one)}
    return {found for one in get_args(hint) for found in held_by(one, name)}


@pytest.mark.parametrize("path", sorted({path for path, _pointer in FREE if path in DECLARED}))
def test_posting_sees_what_may_be_on_record(path: str) -> None:
    """Only a text that the command carries in clear is let through to posting, which looks at it again."""
    annotation = ROUTES[path].body_field.field_info.annotation
    if not isinstance(annotation, type):
        # a body that may be left out is read by FastAPI, and strictly
        return
    model: Any = annotation
    lenient = set()
    for pointer in [one for where, one in FREE if where == path]:
        body = shaped(path)
        put(body, pointer, NUMBER)
        with contextlib.suppress(ValidationError):
            model.model_validate(body, context=ON_RECORD)
            lenient.add(named(pointer))
    held = held_by(DECLARED[path].command)
    called = {told: ours for ours, told in DECLARED[path].names.items()}
    assert {called.get(name, name) for name in lenient} <= held


def test_what_is_on_record_is_answered_again(client: TestClient) -> None:
    account = open_account(client)["number"]
    where, sent = f"/v1/accounts/{account}/contributions", {"Idempotency-Key": f"pay-{NUMBER}"}
    items = [
        {"verb": "contribute", "account": account, "idempotency_key": f"bulk-{OLD}"}
        | contributed(f"bulk {number}") for number in (NUMBER,)
    ]  # fmt: skip
    with as_before_numbers_were_refused():
        first = client.post(where, json=contributed(f"案卷 {NUMBER}"), headers=sent)
        bulked = client.post("/v1/bulk", json={"commands": items}).json()["outcomes"][0]
    assert (first.status_code, bulked["status"]) == (201, "posted")

    again = client.post(where, json=contributed(f"案卷 {NUMBER}"), headers=sent)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert again.json() == first.json()
    [told] = client.post("/v1/bulk", json={"commands": items}).json()["outcomes"]
    assert told == bulked | {"replayed": True}

    # the same under another key, another content under this key, and the key alone are something new
    for body, headers, told_at in (
        (contributed(f"案卷 {NUMBER}"), key(), [("body", "/source_ref")]),
        (contributed(f"other {NUMBER}"), sent, [("header", "Idempotency-Key"), ("body", "/source_ref")]),
        (contributed("other"), sent, [("header", "Idempotency-Key")]),
    ):
        answer = client.post(where, json=body, headers=headers)
        assert refusal(answer) == (422, CODE)
        assert places(answer) == told_at
    entries = client.get(f"/v1/accounts/{account}/entries", params={"kind": "contribution"}).json()["items"]
    assert len(entries) == 2, "nothing was posted"


def test_only_a_first_answer_is_let_out() -> None:
    """Even where posting had not seen it: what is answered for the first time is refused."""
    faults = [
        Fault(RefusalCode.PERSONAL_DATA_IN_TEXT, "body", "/reason", "a text without an ID number in it")
    ]

    async def answer(headers: dict[str, str] | None) -> Response:
        return Response("{}", 201, headers)

    assert asyncio.run(first_answer_alone(answer(REPLAYED), faults)).status_code == 201
    with pytest.raises(ShapeRefused):
        asyncio.run(first_answer_alone(answer(None), faults))
