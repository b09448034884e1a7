"""The OpenAPI document: complete, up to date, and true. schemathesis attacks the app along it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from schemathesis.specs.openapi.checks import positive_data_acceptance
from sqlalchemy import Engine

from api.__main__ import text
from api.http.fields import Strict
from api.http.security import SCOPE_OF
from ledger.access.tokens import SCOPES
from tests.support import care_client
from tests.support.api_client import contribute, key, open_account, running, spending
from tests.support.employer_client import hire, new_employer, owe
from tests.support.inquiry_client import who_is_let_in
from tests.support.openapi import COMMITTED, DOCUMENT

OPERATIONS = [
    (method, path, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]
OPEN_TO_ALL = {"/livez", "/readyz", "/v1/checks/{code}", "/v1/document-keys"}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def test_the_committed_document_is_up_to_date() -> None:
    assert COMMITTED.read_text(encoding="utf-8").rstrip("\n") == text(), "run `make openapi`"


@pytest.mark.slow
def test_it_is_the_same_every_time() -> None:
    assert text() == text()


@pytest.mark.parametrize(
    ("method", "path", "operation"), OPERATIONS, ids=lambda part: part if isinstance(part, str) else ""
)
def test_every_operation_is_described(method: str, path: str, operation: dict[str, Any]) -> None:
    assert operation["tags"]
    assert operation["summary"]
    assert operation["description"]
    assert [status for status in operation["responses"] if status.startswith("4")]
    assert operation["security"] or path in OPEN_TO_ALL
    for status, answer in operation["responses"].items():
        kinds = set(answer["content"])
        if method == "get" and status == "200":
            # some reads are lists that people open as a table, or pages that they print
            kinds -= {"text/csv", "text/html"}
        if path.endswith("/documents/{document}") and status == "200":
            # the bytes that were handed out, in whatever form
            kinds -= {"application/pdf", XLSX}
        if path.endswith("/template") and status == "200":
            # a form is filled in with a spreadsheet
            assert kinds == {XLSX}
            continue
        assert kinds == ({"application/json"} if status.startswith("2") else {"application/problem+json"}), (
            status
        )
    if method == "post":
        # a form has no JSON that could be malformed
        malformed = set() if path.startswith("/v1/imports/") else {"400"}
        assert malformed | {"401", "403", "413", "415", "422", "500", "503"} <= set(operation["responses"])
    if path.startswith("/v1/imports/") and method == "post":
        assert set(operation["requestBody"]["content"]) == {"multipart/form-data"}
    elif "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        for ref in schema.get("anyOf", [schema]):
            if "$ref" in ref:
                assert _resolve(ref)["examples"], "a model without an example"


def _resolve(ref: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["components"]["schemas"][ref["$ref"].rsplit("/", 1)[1]]
    return found


def test_a_token_is_put_into_a_field() -> None:
    """A scheme that a page has a field for, and no address that there is not."""
    (scheme,) = DOCUMENT["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert "tokenUrl" not in json.dumps(DOCUMENT)
    for scope in SCOPES:
        assert f"`{scope}`: " in scheme["description"]
    for method, path, operation in OPERATIONS:
        scope = SCOPE_OF[method.upper(), path]
        assert operation["security"] == ([{"token": [scope]}] if scope else [])


def test_it_says_for_whom_a_key_counts() -> None:
    told = [
        parameter["description"]
        for _method, _path, operation in OPERATIONS
        for parameter in operation.get("parameters", ())
        if parameter["name"] == "Idempotency-Key"
    ]
    assert len(told) > 30
    for words in [*told, DOCUMENT["info"]["description"]]:
        assert "caller" in words
        assert "book" in words


def test_every_reference_is_there() -> None:
    for part in json.dumps(DOCUMENT).split('"#/components/schemas/')[1:]:
        assert part.split('"')[0] in DOCUMENT["components"]["schemas"]


def test_bounds_are_told_in_the_words_of_json_schema() -> None:
    """A bound beside a choice of types is told as the validator has it, and nobody else reads that."""
    assert (
        set(re.findall(r'"(ge|gt|le|lt|multiple_of|min_length|max_length)":', json.dumps(DOCUMENT))) == set()
    )


def _bodies(model: type[Strict] = Strict) -> Iterator[type[Strict]]:
    for one in model.__subclasses__():
        yield one
        yield from _bodies(one)


TOLD = DOCUMENT["components"]["schemas"]
WHOLE = [
    pytest.param(field, int(re.findall(r'"minimum": (\d+)|$', told)[0] or 0), id=f"{body.__name__}.{name}")
    for body in dict.fromkeys(_bodies())
    for name, field in body.model_fields.items()
    if '"integer"' in (told := json.dumps(TOLD.get(body.__name__, {}).get("properties", {}).get(name)))
]


@pytest.mark.parametrize(("field", "least"), WHOLE)
def test_a_whole_number_may_be_written_with_a_point(field: FieldInfo, least: int) -> None:
    """As JSON Schema has it: 3.0 is an integer."""
    reader: TypeAdapter[Any] = TypeAdapter(
        Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    )
    assert reader.validate_python(least + 1.0) == least + 1
    with pytest.raises(ValidationError):
        reader.validate_python(least + 0.5)


# -- the app against its document ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with running(engine, tmp_path_factory.mktemp("api")) as client:
        yield client


@pytest.fixture(scope="module")
def let_in(client: TestClient) -> Callable[[str], dict[str, str]]:
    return who_is_let_in(client, open_account(client)["number"])


@pytest.fixture(scope="module")
def there(client: TestClient) -> dict[str, str]:
    """Something real for every name in a path."""
    account = str(open_account(client)["account_no"])
    contribute(client, account)
    hold = {"amount": "5.00", "expires_at": "2026-11-22T00:00:00Z", "institution": "H0001", "source_ref": "h"}
    freeze = {"authority": "a", "document": "d", "from": "2026-12-01"}
    base = f"/v1/accounts/{account}"
    employer = new_employer(client)
    enrolled = {"member_class": "active", "employer": employer, "from": "2026-01-01"}
    hospital, patient = care_client.new_institution(client), care_client.new_patient(client, "100.00")
    return {
        "institution": hospital,
        "settlement": care_client.settle(client, hospital, patient, [("A", "10.00")])["settlement"],
        "visit": care_client.visit(client, hospital, patient),
        "quota": care_client.give(client, patient, care_client.new_patient(client), "50.00")["quota"],
        "account": account,
        "employer": employer,
        "declaration": owe(client, employer, "2026-03", {hire(client): "8000.00"})["declaration"],
        "enrolment": client.post(f"{base}/enrolments", json=enrolled, headers=key()).json()["enrolment"],
        "period": "2026-03",
        "area": "990100",
        "entry": client.post(f"{base}/spendings", json=spending(), headers=key()).json()["entry"],
        "hold": client.post(f"{base}/holds", json=hold, headers=key()).json()["hold"],
        "freeze": client.post(f"{base}/freezes", json=freeze, headers=key()).json()["freeze"],
        "day": "2026-11-20",
        "batch": "year-end-990100-2024",
    }


@pytest.fixture(scope="module")
def attacked(client: TestClient) -> Any:
    """The app as schemathesis sees it: running already, so that nobody else starts and stops it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await client.app(scope, receive, send)
            return
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    # every call has a good token: one that was made wrong on purpose would be put right, and then be taken
    schema.config.generation.update(with_security_parameters=False)
    # what is too long is not looked at any further, whatever else is wrong with it
    refused = schema.config.checks.negative_data_rejection
    refused.expected_statuses = [*refused.expected_statuses, "413"]
    return schema


CHOICES = [
    pytest.param(method, path, parameter, id=f"{method} {path} {parameter['name']}")
    for method, path, operation in OPERATIONS
    for parameter in operation.get("parameters", ())
    if parameter["in"] == "query" and "enum" in json.dumps(parameter["schema"])
]


@pytest.mark.sqlite
@pytest.mark.parametrize("accept", ["application/json", "text/csv"])
@pytest.mark.parametrize(("method", "path", "parameter"), CHOICES)
def test_a_word_that_is_none_of_the_choices_is_refused(
    client: TestClient,
    there: dict[str, str],
    let_in: Callable[[str], dict[str, str]],
    method: str,
    path: str,
    parameter: dict[str, Any],
    accept: str,
) -> None:
    """Also where it would make no difference."""
    name = parameter["name"]
    real = path.format_map(dict.fromkeys(re.findall(r"{(\w+)}", path), "1") | there)
    headers = {"accept": accept, **key(), **let_in(path)}
    answer = client.request(method, real, params={name: "rR"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "shape_invalid")
    assert answer.json()["errors"][0]["pointer"] == name


POSITIVE, NEGATIVE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
# what JSON Schema does not tell: cursors, quotes and addresses are ours, a heir has a number or name, a file
# its month, a look-up one of two numbers, and a mandate just where a proxy came; a kind of document has days
# of its own; a case is about one thing, and only an objection names another case
PRINTS = ("/from", "/to", "/year", "/settlement", "/format")
CASES = ("/about", "/objects_to")
HEIRS = ("/heirs/", "/claimants/")
CORRECTIONS = ("/area", "/parameter", "/account", "/member_class", "/employer", "/lines")
# of a transfer, what its direction wants or has no place for
TRANSFERS = ("/insured_from", "/sheet", "/paid_on", "/received_on", "/amount")
# nobody is merged into itself
MERGERS = ("/into",)
UNTOLD = (
    "cursor", "/phone", "period", "/quote", "/card_no", "/proxy", "/url", *HEIRS, *PRINTS, *CASES, *TRANSFERS,
    *CORRECTIONS, *MERGERS,
)  # fmt: skip
# on a path that leads nowhere there is little else to answer than that
CHECKED, NOWHERE = (
    settings(max_examples=examples, suppress_health_check=list(HealthCheck)) for examples in (6, 2)
)


def _attacks() -> Iterator[Any]:
    """Every operation with what the document allows and what it does not, on any path and a real one."""
    for method, path, operation in OPERATIONS:
        queries = [one for one in operation.get("parameters", ()) if one["in"] == "query"]
        modes = [POSITIVE, NEGATIVE] if queries or "requestBody" in operation else [POSITIVE]
        for mode in modes:
            for real in (False, True) if "{" in path else (False,):
                name = f"{method} {path} {mode.value}{' real' if real else ''}"
                yield pytest.param(method, path, mode, real, id=name)


@pytest.mark.slow
@pytest.mark.random
@pytest.mark.sqlite
@pytest.mark.parametrize(("method", "path", "mode", "real"), list(_attacks()))
def test_no_answer_that_is_not_documented(
    attacked: Any,
    there: dict[str, str],
    let_in: Callable[[str], dict[str, str]],
    method: str,
    path: str,
    mode: Any,
    real: bool,
) -> None:
    names = {name for name in there if f"{{{name}}}" in path}
    headers = let_in(path)

    @(CHECKED if real or not names else NOWHERE)
    @given(case=attacked[path][method].as_strategy(generation_mode=mode))
    def attack(case: Any) -> None:
        if mode is POSITIVE:
            case.headers.update(key())
        if real:
            case.path_parameters |= {name: there[name] for name in names}
        answer = case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])
        if mode is POSITIVE and answer.status_code in {400, 422}:
            # what the document allows may be refused for what it means, but not for its shape
            assert answer.json()["code"] not in {"json_malformed", "unknown_field"}
            for error in answer.json().get("errors", ()) if answer.json()["code"] == "shape_invalid" else ():
                assert error["pointer"].startswith(UNTOLD), error

    attack()
