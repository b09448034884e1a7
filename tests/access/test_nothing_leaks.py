"""After a day at the counter no log, metric or address holds a number, a name, a reference or a token."""

from __future__ import annotations

import json
import logging
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, select

from ledger import tables
from ledger.chart.channels import AccessChannel
from tests.support.api_client import bearer, id_number, key, running, spending
from tests.support.service import Service
from tests.support.units import credit_code

NAMES = ("司马相如", "𠮷田卓文君", "诸葛孔明")
REFERENCE = "（2026）京01执118号-秘密"
# the forms in which somebody might write a number
SPELLINGS: tuple[Callable[[str], str], ...] = (
    lambda number: number,
    lambda number: f"{number[:6]}-{number[6:14]}-{number[14:]}",
    lambda number: f"{number[:6]} {number[6:14]} {number[14:]}",
    lambda number: f"x{number}y",
    lambda number: number.translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)}),
    lambda number: number[:6] + number[8:17],
)
Call = Callable[..., Any]


class Story:
    """What happens at the counters; `call` sends one request and gives status, headers and text."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.numbers = [id_number() for _ in NAMES]
        # what was learned on the way: numbers of cards, codes, what was written in confidence
        self.learned: set[str] = set()
        self.locations: list[str] = []
        self.answered: list[int] = []

    @property
    def secrets(self) -> set[str]:
        shortened = {number[:6] + number[8:17] for number in self.numbers}
        references = {REFERENCE, "京01执118号-秘密", quote(REFERENCE)}
        return {*self.numbers, *shortened, *NAMES, *map(quote, NAMES), *references, *self.learned}

    def tell(self) -> None:
        for number, name in zip(self.numbers, NAMES, strict=True):
            self._of_one(number, name)
            self._of_who_asks(number, name)
        self._of_a_unit()

    def _ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        status, answered, text = self._call(method, path, body, headers)
        self.answered.append(status)
        self.locations += [value for name, value in answered.items() if name.lower() == "location"]
        assert status != 500, (method, path, text)
        return json.loads(text) if text.startswith("{") else {}

    def _of_one(self, number: str, name: str) -> None:
        person = {"id_number": number, "name": name, "area": "990100", "opened_on": "2026-01-05"}
        account = self._ask("POST", "/v1/accounts", person, **key())["account_no"]
        paid = {"amount": "100.00", "period": "2026-03", "effective_on": "2026-03-20", "source_ref": number}
        self._ask("POST", f"/v1/accounts/{number}/contributions", paid, **key())
        purpose = f"court_order; ref={REFERENCE} {name}"
        numbered = f"court_order; ref={REFERENCE} {number} {name}"
        for path in ("", "/balance", "/entries", "/explain", "/settlements", "/quotas", "/payments"):
            self._ask("GET", f"/v1/accounts/{number}{path}", channel="window", purpose=purpose)
            self._ask("GET", f"/v1/accounts/{account}{path}", channel="window")
            self._ask("GET", f"/v1/accounts/{account}{path}", channel="window", purpose=number)
            self._ask("GET", f"/v1/accounts/{account}{path}", channel="window", purpose=numbered)
            self._ask("GET", f"/v1/accounts/{account}{path}?{number}={quote(name)}", purpose=purpose)
            self._ask("GET", f"/v1/accounts/{number}{path}/", purpose=purpose)
            self._ask("GET", f"/v1/accounts/{number}{path}", channel="online", purpose=purpose)
            self._ask("GET", f"/v1//accounts/{number}/../{quote(name)}")
        for spelled in SPELLINGS:
            odd = quote(spelled(number))
            self._ask("GET", f"/v1/accounts/{odd}/balance", purpose=purpose)
            self._ask("GET", f"/v1/entries/{odd}-1")
            self._ask("GET", f"/v1/batches/{odd}")
            self._ask("GET", f"/{odd}/{quote(name)}")
            self._ask("DELETE", f"/v1/accounts/{odd}")
            self._ask("GET", f"/v1/accounts/{account}", channel="window", purpose=f"{spelled(number)}")
            self._ask(
                "GET",
                f"/v1/accounts/{account}",
                channel="window",
                purpose=f"own_request; ref={spelled(number)}",
            )
            self._ask("POST", "/v1/accounts/lookup", {"account": spelled(number)}, purpose=purpose)
            self._ask("POST", "/v1/accounts/lookup", {"account": [number], name: number})
        for body in (
            spending(amount="99999.00"),
            spending(institution=number),
            spending(source_ref=name),
            {number: name},
            [number],
            name,
        ):
            for query in ("", "?dry_run=true", f"?dry_run={number}"):
                self._ask("POST", f"/v1/accounts/{number}/spendings{query}", body, **key())
        self._ask("POST", f"/v1/accounts/{account}/spendings", spending(), Idempotency_Key=number)
        commands = [{"verb": "spend", "account": number, "idempotency_key": number} | spending()]
        for query in ("", "?dry_run=true"):
            self._ask("POST", f"/v1/bulk{query}", {"commands": commands})
        self._ask("GET", f"/v1/accounts/{account}", X_Request_Id=f"req-{number}")
        self._ask("GET", f"/v1/accounts/{account}", channel="nobody", purpose=purpose)

    def _of_who_asks(self, number: str, name: str) -> None:
        card, code = f"CARD{number[6:17]}", number[10:17][::-1]
        said, reply = f"{name}的秘密投诉{number[-5:]}", f"秘密信箱{number[-5:]}"
        self.learned |= {card, code, said, quote(said), reply}
        account = f"/v1/accounts/{number}"
        self._ask("POST", f"{account}/cards", {"card_no": card, "issued_on": "2026-01-05", "ends_on": None})
        self._ask("POST", f"{account}/cards", {"card_no": f"{card}\n", "issued_on": card})
        self._ask("POST", f"/v1/cards/{card}/lost", {"reason": said})
        self._ask("POST", f"{account}/call-back-code", {"code": code})
        self._ask("POST", f"{account}/call-back-code", {"code": f"{code}x"})
        shown: tuple[dict[str, Any], ...] = (
            {"card_no": card},
            {"id_number": number},
            {"card_no": [card]},
            {card: name},
        )
        for one in shown:
            found = {"credential": "social_card"} | one
            self._ask("POST", "/v1/people/lookup", found, channel="window", purpose="own_request")
        for kind, value in (
            ("call_back_code", code),
            ("call_back_code", card),
            (code, code),
            ("card_last4", card),
        ):
            asked = {
                "name": name,
                "id_number": number,
                "ask": "balance",
                "factor": {"kind": kind, "value": value},
            }
            self._ask("POST", "/v1/phone/inquiries", asked, channel="phone", purpose="own_request")
        case = {"kind": "complaint", "text": said, "reply_to": reply, "about": {"account": number}}
        opened = self._ask("POST", "/v1/cases", case | {"channel": "window"}).get("case")
        self._ask("POST", "/v1/cases", case | {"channel": said, reply: reply})
        self._ask("GET", f"/v1/cases/{opened}")
        self._ask("GET", f"/v1/cases/{quote(said)}?state={quote(reply)}")
        answer = {"outcome": "answered", "text": said, "evidence": [reply]}
        self._ask("POST", f"/v1/cases/{opened}/answer", answer, channel="window", purpose="complaint")
        wanted = {"kind": "insured_proof", "format": "json", "full_number": True}
        for paper in (wanted, wanted | {"from": code}, wanted | {"kind": said}):
            printed = self._ask(
                "POST", f"{account}/documents", paper, channel="window", purpose="own_request"
            )
            check = printed.get("verification_code", code)
            self.learned.add(check)
            self._ask("GET", f"/v1/documents/{printed.get('document', said and check)}")
            self._ask("GET", f"/v1/checks/{check}", channel="nobody")
            self._ask("GET", f"/v1/checks/{check[::-1]}", channel="nobody")
        hook = self._ask("POST", "/v1/webhooks", {"url": f"https://receiver.example/{code}"})
        self.learned.add(hook.get("secret", code))
        self._ask("POST", "/v1/webhooks", {"url": f"https://{number}:{code}@receiver.example/"})

    def _of_a_unit(self) -> None:
        code = credit_code()
        unit = {"credit_code": code, "name": "示例制造", "area": "990100"}
        self._ask("POST", "/v1/employers", unit, **key())
        lines = [{"id_number": number, "wage": "8000.00"} for number in self.numbers]
        path = f"/v1/employers/{code}/declarations"
        sent = {"period": "2026-03", "lines": lines}
        self._ask("POST", f"{path}?dry_run=true", sent)
        declared = self._ask("POST", path, sent, **key()).get("declaration")
        self._ask("POST", f"/v1/declarations/{declared}/confirm", {}, **key())
        self._ask("GET", f"/v1/declarations/{declared}", purpose=REFERENCE)
        self._ask("GET", f"{path}/{self.numbers[0]}", Accept="text/csv")
        self._ask("GET", f"/v1/employers/{code}/payments/2026-03", Accept="text/csv")
        self._ask("POST", "/v1/annual-settlements/2025", {"area": self.numbers[0]})


def leaked(secrets: set[str], told: str) -> list[str]:
    """Which of the secrets stand in a text, also as JSON escapes them."""
    plain = told + told.encode().decode("unicode_escape", errors="ignore")
    return sorted(secret for secret in secrets if secret in plain)


# -- in process ----------------------------------------------------------------------------------------------


@pytest.fixture
def lines() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def client(engine: Engine, tmp_path: Path, lines: list[dict[str, Any]]) -> Iterator[TestClient]:
    with running(engine, tmp_path, log=lines.append) as client:
        yield client


def test_nothing_leaks_in_process(
    client: TestClient,
    engine: Engine,
    tmp_path: Path,
    lines: list[dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    tokens: set[str] = set()

    def call(method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        sent = {name.replace("_", "-"): value.encode() for name, value in headers.items()}
        channel = sent.pop("channel", b"system").decode()
        if channel != "nobody":
            token = bearer(tmp_path / "keys", channel=AccessChannel[channel.upper()])["Authorization"]
            tokens.add(token.removeprefix("Bearer "))
            sent["Authorization"] = token.encode()
        content = {} if body is None else {"json": body}
        answer = client.request(method, path, headers=sent, **content)  # type: ignore[arg-type]  # bytes are fine
        return answer.status_code, answer.headers, answer.text

    story = Story(call)
    story.tell()
    assert len(story.answered) > 300
    assert {200, 201, 403, 404, 422} <= set(story.answered)
    # the client's own log of what it sends is none of ours
    ours = [line for line in caplog.text.splitlines() if "HTTP Request" not in line]
    logged = "\n".join([*ours, *(json.dumps(line, ensure_ascii=False) for line in lines)])
    metrics = client.get("/metrics").text
    assert len(lines) > 300
    assert "/v1/accounts/{account}/balance" in metrics
    secrets = story.secrets | tokens
    assert leaked(secrets, logged) == []
    assert leaked(secrets, metrics) == []
    assert leaked(secrets, "\n".join(story.locations)) == []
    # and what the log of reads has is a digest, or has stars in it
    with engine.begin() as connection:
        rows = connection.execute(select(tables.read_log)).all()
    texts = "\n".join(str(value) for row in rows for value in row)
    assert "118号" in texts
    digits = re.sub(r"[\s-]", "", texts)
    for number in story.numbers:
        assert number not in texts
        assert number not in digits
        assert number[:6] + number[8:17] not in texts


# -- served --------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.sqlite
def test_nothing_leaks_when_it_is_served(tmp_path: Path) -> None:
    service = Service(tmp_path / "data")
    # a line for each request, and whatever the libraries have to say
    service.environment["LEDGER_LOG_LEVEL"] = "debug"
    service.start()
    try:
        tokens = {
            channel: service.command(
                *("token", "--scope", SCOPES, "--channel", channel, "--actor", "clerk-7")
            ).stdout.strip()
            for channel in ("system", "window", "online", "phone")
        }

        def call(method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
            sent = dict(headers)
            channel = sent.pop("channel", "system")
            if channel != "nobody":
                sent["Authorization"] = f"Bearer {tokens[channel]}"
            return raw(service.port, method, path, body, sent)

        story = Story(call)
        story.tell()
        balance = f"/v1/accounts/{story.numbers[0]}/balance"
        # bytes that are no UTF-8, which no client library would send
        for said, wanted in (
            (b"own_request; ref=caf\xe9", 422),
            (b"own_request; ref=\xff\xfe", 422),
            (b"own_request\xe9", 403),
            (b"own_request; ref=ok", 200),
        ):
            window = {"Authorization": f"Bearer {tokens['window']}"}
            assert raw(service.port, "GET", balance, None, window, b"Purpose: " + said)[0] == wanted
        metrics = raw(service.port, "GET", "/metrics", None, {})[2]
        log = service.log()
    finally:
        service.stop()
    assert {200, 201, 403, 404, 422} <= set(story.answered)
    assert log.count('"event"') > 300
    assert "/v1/accounts/{account}/balance" in metrics
    secrets = story.secrets | set(tokens.values())
    assert leaked(secrets, service.log() + log) == []
    assert leaked(secrets, metrics) == []
    assert leaked(secrets, "\n".join(story.locations)) == []
    assert service.command("verify").returncode == 0


SCOPES = (
    "accounts:read accounts:write postings:write bulk:write employers:read employers:write care:read admin"
    " cases:write cases:read cases:answer"
)


def raw(port: int, method: str, path: str, body: Any, headers: dict[str, str], more: bytes = b"") -> Any:
    """One request as bytes, and status, headers and text of its answer."""
    content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
    told = {"Host": "here", "Connection": "close", "Content-Length": str(len(content))} | headers
    if body is not None:
        told["Content-Type"] = "application/json"
    head = [f"{method} {path} HTTP/1.1", *(f"{name.replace('_', '-')}: {v}" for name, v in told.items())]
    sent = "\r\n".join(head).encode() + (b"\r\n" + more if more else b"") + b"\r\n\r\n" + content
    with socket.create_connection(("127.0.0.1", port), 60) as caller:
        caller.sendall(sent)
        answer = b""
        while part := caller.recv(1 << 16):
            answer += part
    top, _, text = answer.partition(b"\r\n\r\n")
    first, *rest = top.decode("latin-1").split("\r\n")
    pairs = dict(line.partition(": ")[::2] for line in rest)
    return int(first.split(" ")[1]), pairs, text.decode(errors="replace")
