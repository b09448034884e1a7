"""A load client that costs little: raw keep-alive HTTP/1.1 connections, closed loop, in a process of its own.

One connection is one caller: it sends its next request when the answer to the last one is complete. An
answer is read as far as its status and Content-Length; a bulk answer's outcomes are counted besides.

python -m bench.load_client HOST PORT   a worker
    {"what": "spend", "connections": 64, "seconds": 5, "token": …, "accounts": [account numbers], "day": …}
"""

import asyncio
import json
import os
import random
import sys
import time
from array import array
from collections.abc import Callable
from functools import partial
from typing import Any

import uvloop

from bench.plan import INSTITUTION, BenchFailed
from bench.process import Answer, serve
from bench.rounds import latencies

BULK = 1_000
PAGE = 50
# ten lines: five of class A, four of B with a tenth to pay first, one of C
BILL = b",".join(
    b'{"item":"X%04d","class":"%s","amount":"%d.50","over_limit":"0.00","self_pay_ratio":"%s"}'
    % (place, line_class, 10 + place, share)
    for place, (line_class, share) in enumerate(
        [(b"A", b"0.00")] * 5 + [(b"B", b"0.10")] * 4 + [(b"C", b"0.00")]
    )
)
_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


class _Run:
    """One round: what is asked for, and what came back."""

    def __init__(self, question: Answer, host: str) -> None:
        self.accounts = [account.encode() for account in question["accounts"]]
        self.people = [number.encode() for number in question.get("people", ())]
        self.day = question["day"].encode()
        self.head = (
            f"Host: {host}\r\nAuthorization: Bearer {question['token']}\r\n"
            "Accept: application/json\r\nContent-Type: application/json\r\n"
        ).encode()
        self.round = os.urandom(12).hex().encode()
        self.number = 0
        self.until = 0
        self.taken = array("q")
        self.wrong = 0
        self.first_wrong = b""
        makers: dict[str, Callable[[], bytes]] = {
            "spend": self.spend,
            "noop": self.noop,
            "bulk": self.bulk,
            "balance": self.balance,
            "page": self.page,
            "as_of": self.as_of,
            "statement": self.statement,
            "settle": self.settle,
            "quote": self.quote,
        }
        self.next_request = makers[question["what"]]
        made = {"spend", "noop", "settle", "quote"}
        self.status = b"201" if question["what"] in made else b"200"
        # in a bulk answer every outcome must be posted
        self.posted_each = BULK if question["what"] == "bulk" else 0

    def _key(self) -> bytes:
        self.number += 1
        return b"%s%08x" % (self.round, self.number)

    def _post(self, path: bytes, key: bytes, body: bytes) -> bytes:
        return b"POST %s HTTP/1.1\r\n%sIdempotency-Key: %s\r\nContent-Length: %d\r\n\r\n%s" % (
            path, self.head, key, len(body), body,
        )  # fmt: skip

    def _body(self, key: bytes) -> bytes:
        return b'{"amount":"0.01","effective_on":"%s","institution":"%s","source_ref":"bill-%s"}' % (
            self.day, INSTITUTION.encode(), key,
        )  # fmt: skip

    def spend(self) -> bytes:
        key = self._key()
        path = b"/v1/accounts/%s/spendings" % random.choice(self.accounts)
        return self._post(path, key, self._body(key))

    def noop(self) -> bytes:
        key = self._key()
        return self._post(b"/v1/noop", key, self._body(key))

    def bulk(self) -> bytes:
        commands = []
        for account in random.choices(self.accounts, k=BULK):
            key = self._key()
            commands.append(
                b'{"verb":"spend","account":"%s","idempotency_key":"%s",%s'
                % (account, key, self._body(key)[1:])
            )
        body = b'{"atomic":false,"commands":[%s]}' % b",".join(commands)
        return b"POST /v1/bulk HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s" % (self.head, len(body), body)

    def balance(self) -> bytes:
        return b"GET /v1/accounts/%s/balance HTTP/1.1\r\n%s\r\n" % (random.choice(self.accounts), self.head)

    def as_of(self) -> bytes:
        """The balance as of the first day of the year, which is found among all entries since."""
        return b"GET /v1/accounts/%s/balance?as_of=%s-01-01 HTTP/1.1\r\n%s\r\n" % (
            random.choice(self.accounts), self.day[:4], self.head,
        )  # fmt: skip

    def statement(self) -> bytes:
        account = random.choice(self.accounts)
        return b"GET /v1/accounts/%s/statements/%s HTTP/1.1\r\n%s\r\n" % (account, self.day[:4], self.head)

    def page(self) -> bytes:
        account = random.choice(self.accounts)
        return b"GET /v1/accounts/%s/entries?limit=%d HTTP/1.1\r\n%s\r\n" % (account, PAGE, self.head)

    def settle(self) -> bytes:
        return self._bill(b"/v1/settlements")

    def quote(self) -> bytes:
        return self._bill(b"/v1/settlements/quote")

    def _bill(self, path: bytes) -> bytes:
        """A bill of ten lines for anybody, under a message id of its own."""
        key = self._key()
        body = (
            b'{"institution":"%s","message_id":"%s","bill_no":"%s","id_number":"%s","care_type":"outpatient",'
            b'"care_date":"%s","use_account":true,"lines":[%s]}'
        ) % (INSTITUTION.encode(), key, key, random.choice(self.people), self.day, BILL)
        return self._post(path, key, body)

    def answered(self, nanoseconds: int, status: bytes, answer: bytes) -> None:
        self.taken.append(nanoseconds)
        right = status == self.status
        if right and self.posted_each:
            outcomes = json.loads(answer[answer.find(_END) + 4 :])["outcomes"]
            right = sum(outcome["status"] == "posted" for outcome in outcomes) == self.posted_each
        if not right:
            self.wrong += 1
            self.first_wrong = self.first_wrong or answer[:600]


class _Connection(asyncio.Protocol):
    """One caller."""

    def __init__(self, run: _Run, done: asyncio.Future[None]) -> None:
        self._run = run
        self._done = done
        self._transport: Any = None
        self._answer = b""
        # bytes of the whole answer, once its head is there
        self._wanted = 0
        self._began = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        request = self._run.next_request()
        self._began = time.perf_counter_ns()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._answer = self._answer + data if self._answer else data
        if not self._wanted:
            end = self._answer.find(_END)
            if end < 0:
                return
            head = self._answer[:end].lower()
            place = head.find(_LENGTH)
            if place < 0:
                self._fail("an answer without Content-Length")
                return
            self._wanted = end + 4 + int(head[place + len(_LENGTH) :].split(b"\r\n", 1)[0])
        if len(self._answer) < self._wanted:
            return
        now = time.perf_counter_ns()
        answer, self._answer, self._wanted = self._answer, b"", 0
        self._run.answered(now - self._began, answer[9:12], answer)
        if now < self._run.until:
            self._send()
        else:
            self._done.set_result(None)
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._fail(f"the service closed the connection: {exc}")

    def _fail(self, why: str) -> None:
        if not self._done.done():
            self._done.set_exception(BenchFailed(why))
        self._transport.abort()


async def _round(host: str, port: int, question: Answer) -> Answer:
    run = _Run(question, host)
    loop = asyncio.get_running_loop()
    run.until = time.perf_counter_ns() + int(question["seconds"] * 1e9)
    began = time.perf_counter()
    done = []
    for _ in range(question["connections"]):
        future: asyncio.Future[None] = loop.create_future()
        done.append(future)
        await loop.create_connection(partial(_Connection, run, future), host, port)
    await asyncio.gather(*done)
    seconds = time.perf_counter() - began
    commands = len(run.taken) * (run.posted_each or 1)
    return {
        "rate": round(commands / seconds, 1),
        **latencies(run.taken),
        "count": commands,
        "client_cpu": round(time.process_time(), 2),
        "errors": run.wrong,
        "first_error": run.first_wrong.decode(errors="replace"),
    }


def _work(host: str, port: int) -> None:
    # what does not change between rounds is handed over once
    kept: Answer = {}

    def answer(question: Answer) -> Answer:
        if "token" in question:
            kept.update(question)
            return {}
        return uvloop.run(_round(host, port, kept | question))

    serve(answer)


if __name__ == "__main__":
    _work(sys.argv[1], int(sys.argv[2]))
