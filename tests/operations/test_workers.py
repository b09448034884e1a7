"""Several workers, and several services, on one database: nothing lost, nothing twice, nothing stale."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from uvicorn.supervisors import Multiprocess

from api.http.asgi import BULK_BODY_MAX
from ledger import tables
from ledger.access.tokens import SCOPES, mint
from ledger.chart.kinds import Kind
from ledger.clock import now_and_today
from ledger.operations.workers import HEALTH_SECONDS, Supervisor, WorkerConfig
from ledger.policy import PACKAGED_POLICIES
from tests.operations.test_runs import NAME, PATH, YEAR, people
from tests.support.care_client import bill, institution_body
from tests.support.employer_client import employer_body
from tests.support.people import SomeoneFactory
from tests.support.service import Gone
from tests.support.workers import Workers, is_free, lives, put_keys, until
from tests.whole.test_crash import ENOUGH, Load, check_whole, open_accounts

pytestmark = pytest.mark.slow

OWED = 300
PATIENT = 4
# more than one chunk
IN_BULK = 1_100
_DAY = timedelta(days=1)
BAD_SCRIPT = """
import sys
import api.main
from ledger.operations.installation import NotReady
def served_app():
    raise NotReady("the sky is down")
if __name__ == "__mp_main__":
    api.main.served_app = served_app
from ledger.__main__ import app
if __name__ == "__main__":
    app(prog_name="python -m ledger")
"""
DYING_SCRIPT = """
import os, pathlib
from ledger.posting.writer import Writer
file = pathlib.Path(os.environ["DYING"])
post = Writer._post
def post_or_die(self, connection, jobs):
    if file.exists():
        file.unlink()
        raise MemoryError
    post(self, connection, jobs)
Writer._post = post_or_die
from ledger.__main__ import app
if __name__ == "__main__":
    app(prog_name="python -m ledger")
"""
Makes = Callable[..., Workers]


@pytest.fixture
def makes(tmp_path: Path, fresh_url: str) -> Iterator[Makes]:
    """Makes services on one database, with the keys of every World."""
    made: list[Workers] = []

    def make(workers: int = 2, **more: Any) -> Workers:
        service = Workers(tmp_path / f"data{len(made)}", fresh_url, workers, **more)
        if made:
            service.share(made[0])
        else:
            put_keys(service.data)
        made.append(service)
        return service

    yield make
    for service in made:
        service.stop()


class Patient(Load):
    """A few callers who send the same again until they are answered."""

    def __init__(self, service: Workers, accounts: list[str], run: str) -> None:
        super().__init__(service, accounts, run)
        self._threads = self._threads[:PATIENT]

    def _spend(self, caller: int) -> None:
        number = 0
        while not self.stopping.is_set():
            number += 1
            key = f"{self.run}-{caller}-{number}"
            account = self.accounts[(caller + number) % len(self.accounts)]
            body = {"amount": "1.25", "effective_on": "2026-03-01", "institution": "H0001", "source_ref": key}
            self.sent[key] = (account, body)
            status, answer = until(lambda request=(account, body, key): self._answer(*request))
            if status == 201:
                self.acknowledged[key] = answer
            else:
                self.odd.append((status, answer))
                return
            if len(self.acknowledged) >= ENOUGH:
                self.enough.set()
                # the rest of the load is for what happens meanwhile, and all of it is looked at afterwards
                self.stopping.wait(0.05)

    def check(self) -> None:
        """Every request was answered, and its answer is in the book: sent again it is the same."""
        assert self.odd == []
        assert self.sent.keys() == self.acknowledged.keys()
        for key, (account, body) in self.sent.items():
            status, answer, headers = self.service.call(
                "POST", f"/v1/accounts/{account}/spendings", body, key
            )
            assert (status, headers.get("idempotent-replayed")) == (201, "true"), answer
            assert answer["entry"] == self.acknowledged[key]["entry"]

    def _answer(self, account: str, body: Any, key: str) -> tuple[int, dict[str, Any]] | None:
        try:
            status, answer, _ = self.service.call("POST", f"/v1/accounts/{account}/spendings", body, key)
        except Gone:
            return None
        return None if status == 503 else (status, answer)


def replaced(service: Workers, *gone: int) -> set[int]:
    """The workers once all are there again, without those that have gone."""

    def look() -> set[int] | None:
        pids = service.pids
        whole = len(pids) == service.workers and not pids & set(gone)
        return pids if whole and all(map(service.port_of, pids)) else None

    pids: set[int] = until(look)
    return pids


def entries(engine: Engine, kind: Kind) -> int:
    with engine.connect() as connection:
        query = select(func.count()).where(tables.entry.c.kind == int(kind))
        return connection.scalar(query) or 0


# -- the largest that is taken ----------------------------------------------------------------------------


def largest_bulk(accounts: list[str], run: str) -> bytes:
    """A bulk of spends over several chunks, with blanks up to the last byte that is taken."""
    commands = [
        {
            "verb": "spend", "account": accounts[number % len(accounts)], "amount": "1.25",
            "idempotency_key": f"{run}-{number}", "source_ref": f"{run}-{number}",
            "effective_on": "2026-03-01", "institution": "H0001",
        }
        for number in range(IN_BULK)
    ]  # fmt: skip
    content = json.dumps({"atomic": False, "commands": commands}).encode()
    return content[:-1] + b" " * (BULK_BODY_MAX - len(content)) + content[-1:]


def send_whole(service: Workers, body: bytes) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=120)
    token = (service.data / "token").read_text().strip()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    try:
        connection.request("POST", "/v1/bulk", body, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def promise(service: Workers, length: int) -> tuple[int, str]:
    """What is answered to a bulk of so many bytes before any of them is sent."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=120)
    try:
        connection.putrequest("POST", "/v1/bulk")
        connection.putheader("Authorization", f"Bearer {(service.data / 'token').read_text().strip()}")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(length))
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())["code"]
    finally:
        connection.close()


def test_the_largest_bulks_at_once_are_posted_while_others_are_served(makes: Makes) -> None:
    service = makes()
    service.start()
    accounts = open_accounts(service)
    bodies = [largest_bulk(accounts, run) for run in ("left", "right", "middle")]
    load = Patient(service, accounts, "single")
    load.begin()
    with ThreadPoolExecutor(len(bodies)) as pool:
        answers = list(pool.map(partial(send_whole, service), bodies))
    load.end()
    for status, answer in answers:
        assert status == 200
        assert Counter(one["status"] for one in answer["outcomes"]) == {"posted": IN_BULK}
    load.check()
    check_whole(service, accounts, len(load.sent) + len(bodies) * IN_BULK)
    # sent again, each has its first answer
    status, again = send_whole(service, bodies[0])
    assert status == 200
    assert [one["receipt"]["entry"] for one in again["outcomes"]] == [
        one["receipt"]["entry"] for one in answers[0][1]["outcomes"]
    ]
    assert promise(service, BULK_BODY_MAX + 1) == (413, "body_too_large"), "a byte more is not read at all"
    check_whole(service, accounts, len(load.sent) + len(bodies) * IN_BULK)


# -- dying and being started anew ------------------------------------------------------------------------


def test_a_killed_worker_is_replaced_and_nothing_acknowledged_is_lost(makes: Makes) -> None:
    service = makes(workers=4)
    service.start()
    accounts = open_accounts(service)
    load = Patient(service, accounts, "a")
    load.begin()
    victim = min(service.pids)
    os.kill(victim, signal.SIGKILL)
    pids = replaced(service, victim)
    load.end()
    assert len(pids) == 4
    load.check()
    check_whole(service, accounts, len(load.sent))
    # each of them works
    for pid in pids:
        with service.only(pid):
            assert service.call("GET", "/readyz")[0] == 200


def test_a_worker_whose_writer_dies_is_replaced(makes: Makes, tmp_path: Path) -> None:
    script, die = tmp_path / "dying.py", tmp_path / "die"
    script.write_text(DYING_SCRIPT)
    service = makes(script=script)
    service.environment["DYING"] = str(die)
    service.start()
    before = service.pids
    die.touch()
    someone = SomeoneFactory()
    body = {"id_number": someone.id_number, "name": someone.name, "area": "990100", "opened_on": "2026-01-01"}
    status, answer, _ = service.call("POST", "/v1/accounts", body, "k1")
    assert (status, answer["code"]) == (503, "outcome_unknown")
    ended = until(lambda: before - service.pids)
    assert len(ended) == 1
    assert len(replaced(service, *ended) & before) == 1
    assert service.call("POST", "/v1/accounts", body, "k1")[0] == 201
    assert service.log().count("a writer has died") == 1


@pytest.mark.sqlite
def test_workers_end_with_their_parent_and_free_the_port(makes: Makes) -> None:
    service = makes()
    service.start()
    pids = service.pids
    assert len(pids) == 2
    assert not is_free(service.port)
    service.kill()
    until(lambda: is_free(service.port))
    until(lambda: not any(map(lives, pids)))
    # and the next one finds nothing in its way
    said = len(service.log())
    service.start()
    assert service.call("GET", "/readyz")[0] == 200
    ends_in_order(service, signal.SIGTERM, said)


@pytest.mark.sqlite
def test_without_an_address_there_is_no_page_and_a_word_about_it(makes: Makes) -> None:
    service = makes()
    del service.environment["LEDGER_METRICS_ADDRESS"]
    service.start()
    assert service.call("GET", "/metrics")[0] == 404
    assert "no /metrics: with several workers LEDGER_METRICS_ADDRESS has to say where" in service.log()
    ends_in_order(service, signal.SIGINT)


def ends_in_order(service: Workers, sent: signal.Signals, begins: int = 0) -> None:
    """A signal ends all, and each of the two workers says so, as JSON; its log begins at `begins`."""
    pids, process = service.pids, service.process
    assert process is not None
    process.send_signal(sent)
    assert process.wait(60) == 0
    service.process = None
    assert not any(map(lives, pids))
    assert is_free(service.port)
    announced = ("serving on ", "token in ")
    said = service.log()[begins:].splitlines()
    lines = [json.loads(line) for line in said if not line.startswith(announced)]
    counted = Counter(line["event"].partition(" [")[0] for line in lines)
    assert counted["Application startup complete."] == counted["Application shutdown complete."] == 2


@pytest.mark.sqlite
def test_a_worker_that_cannot_start_ends_the_whole(makes: Makes, tmp_path: Path) -> None:
    script = tmp_path / "bad.py"
    script.write_text(BAD_SCRIPT)
    service = makes(script=script)
    process = service.begin()
    assert process.wait(120) == 1
    service.process = None
    log = service.log()
    assert "serving on " not in log
    assert log.splitlines()[-2:] == [
        "ledger: not_ready: the service did not start",
        '{"code": "not_ready", "problem": "the service did not start"}',
    ]
    assert 1 <= log.count("a worker cannot start: the sky is down") <= 2
    assert "Traceback" not in log
    assert is_free(service.port)


def test_a_hangup_takes_new_policies_and_loses_no_answer(makes: Makes, tmp_path: Path) -> None:
    service = makes()
    policies = tmp_path / "policies"
    shutil.copytree(PACKAGED_POLICIES, policies)
    service.environment["LEDGER_POLICIES"] = str(policies)
    service.start()
    accounts = open_accounts(service)
    first = service.call("GET", "/v1/policies/990100")[1]
    load = Patient(service, accounts, "a")
    load.begin()
    before = service.pids
    file = policies / "990100.toml"
    file.write_text(file.read_text() + "\n# another text is another version\n")
    process = service.process
    assert process is not None
    process.send_signal(signal.SIGHUP)
    now = replaced(service, *before)
    load.end()
    load.check()
    check_whole(service, accounts, len(load.sent))
    for pid in now:
        with service.only(pid):
            assert service.call("GET", "/v1/policies/990100")[1] != first
    # a file that cannot be read changes nothing
    file.write_text("no policy")
    process.send_signal(signal.SIGHUP)
    until(lambda: "aborting the restart" in service.log())
    assert service.pids == now
    assert "a worker cannot start: " in service.log()
    assert service.call("GET", "/readyz")[0] == 200
    # but none can come in the place of one that dies, which is for whoever looks after the service
    os.kill(min(now), signal.SIGKILL)
    assert process.wait(120) == 1
    service.process = None
    assert "a worker could not be replaced" in service.log().splitlines()[-1]
    assert not any(map(lives, now))


class Silent:
    """A worker as its supervisor sees it: one that has said nothing for a while, or has ended."""

    def __init__(self, pid: int, *, answers: bool, exitcode: int | None = None) -> None:
        self.pid = pid
        self.exitcode = exitcode
        self.answers = answers

    def ping(self, seconds: float) -> bool:
        assert seconds < HEALTH_SECONDS
        return self.answers

    def kill(self) -> None:
        self.exitcode = -signal.SIGKILL

    def join(self) -> None:
        assert self.exitcode is not None


@pytest.mark.sqlite
def test_a_worker_that_hangs_is_ended_and_one_that_starts_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000.0]
    replacing: list[int] = []
    monkeypatch.setattr("ledger.operations.workers.time.monotonic", lambda: now[0])
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(
        Multiprocess,
        "keep_subprocess_alive",
        lambda self: replacing.extend(one.pid for one in self.processes if one.exitcode is not None),
    )
    supervisor = Supervisor(WorkerConfig("none:none", workers=2, log_config=None), [], lambda: None)
    supervisor.is_announced = True
    good, other = Silent(1, answers=True), Silent(2, answers=False)
    supervisor.processes = [good, other]  # type: ignore[list-item]  # as much of them as is looked at
    for seconds in (0, HEALTH_SECONDS - 1):
        now[0] = 1_000.0 + seconds
        supervisor.keep_subprocess_alive()
    assert (other.exitcode, replacing) == (None, [])
    # what answers once is waited for anew
    other.answers = True
    supervisor.keep_subprocess_alive()
    other.answers = False
    for seconds in (HEALTH_SECONDS, 2 * HEALTH_SECONDS - 1):
        now[0] = 1_000.0 + seconds
        supervisor.keep_subprocess_alive()
    assert (other.exitcode, replacing) == (None, [])
    now[0] += 1
    supervisor.keep_subprocess_alive()
    assert (good.exitcode, other.exitcode, replacing) == (None, -signal.SIGKILL, [2])
    # one that has ended by itself is replaced at once
    supervisor.processes = [good, Silent(3, answers=False, exitcode=1)]  # type: ignore[list-item]  # the same
    supervisor.keep_subprocess_alive()
    assert replacing == [2, 3]


# -- metrics ---------------------------------------------------------------------------------------------


@pytest.mark.sqlite
def test_each_worker_tells_its_own_metrics(makes: Makes) -> None:
    service = makes()
    service.start()
    pids = replaced(service)
    assert {service.port_of(pid) for pid in pids} == {service.metrics, service.metrics + 1}
    one, other = pids
    for pid, calls in ((one, 3), (other, 5)):
        with service.only(pid):
            for _ in range(calls):
                assert service.call("GET", "/livez")[0] == 200
    sample = 'ledger_http_requests_total{method="GET",route="/livez",status="200"}'
    for pid, calls in ((one, 3), (other, 5)):
        assert f"{sample} {calls}\n" in service.page(service.port_of(pid) or 0)
    # on the service's own address it would be now the one and now the other
    assert service.call("GET", "/metrics")[0] == 404
    # whoever comes in the place of another takes its port
    freed = service.port_of(one)
    os.kill(one, signal.SIGKILL)
    (new,) = replaced(service, one) - {other}
    assert service.port_of(new) == freed


@pytest.mark.sqlite
def test_a_port_of_metrics_that_is_taken_is_told_at_once(makes: Makes) -> None:
    service, other = makes(), makes()
    service.start()
    other.environment["LEDGER_METRICS_ADDRESS"] = f"127.0.0.1:{service.metrics - 1}"
    process = other.begin()
    assert process.wait(120) == 1
    other.process = None
    # the port before it may be somebody's too
    taken = rf"127\.0\.0\.1:({service.metrics}|{service.metrics - 1}): Address already in use; LEDGER_METRICS"
    assert re.search(taken, other.log())


# -- nothing stale ---------------------------------------------------------------------------------------


def test_what_one_worker_made_the_others_know_at_once(makes: Makes, fresh_engine: Engine) -> None:
    service = makes()
    service.start()
    accounts = open_accounts(service)
    one, other = sorted(service.pids)
    hospital, company, day = institution_body(), employer_body(), "2026-03-10"
    patient = SomeoneFactory()
    person = {
        "id_number": patient.id_number,
        "name": patient.name,
        "area": "990100",
        "opened_on": "2026-01-01",
    }
    code, credit_code = hospital["code"], company["credit_code"]

    def at(pid: int, *request: Any) -> tuple[int, dict[str, Any]]:
        with service.only(pid):
            return service.call(*request)[:2]

    def settle(pid: int, message: str) -> tuple[int, str | None]:
        body = bill(code, patient.id_number, [("A", "20.00")], care_date=day) | {"message_id": message}
        status, answer = at(pid, "POST", "/v1/settlements", body)
        return status, answer.get("code")

    assert at(one, "POST", "/v1/accounts", person, "k-person")[0] == 201
    # what was asked for in vain is not remembered
    assert settle(other, "m-1") == (422, "institution_unknown")
    assert at(other, "GET", f"/v1/institutions/{code}")[1]["code"] == "institution_unknown"
    assert at(other, "GET", f"/v1/employers/{credit_code}")[1]["code"] == "employer_not_found"
    assert at(one, "POST", "/v1/institutions", hospital, "k-hospital")[0] == 201
    assert at(other, "GET", f"/v1/institutions/{code}")[0] == 200
    assert settle(other, "m-2")[1] == "not_designated"
    contract = {"from": "2000-01-01", "services": ["outpatient"]}
    status, made = at(one, "POST", f"/v1/institutions/{code}/contracts", contract, "k-contract")
    assert status == 201, made
    assert settle(other, "m-3")[0] == 201
    resting = {"from": day, "to": day, "reason": "inspection"}
    assert at(one, "POST", f"/v1/institutions/{code}/suspensions", resting, "k-rest")[0] == 201
    assert settle(other, "m-4")[1] == "contract_suspended"
    assert at(one, "POST", "/v1/employers", company, "k-company")[0] == 201
    assert at(other, "GET", f"/v1/employers/{credit_code}")[0] == 200
    # a caller and an actor have one number, whoever met them first, and keep their names
    token = mint(service.data / "keys", SCOPES, "another-system", "another-actor", now_and_today()[0], _DAY)
    (service.data / "token").write_text(token)
    for number, pid in enumerate((one, other, one)):
        body = {
            "amount": "1.00",
            "effective_on": "2026-03-01",
            "institution": "H0001",
            "source_ref": f"n-{number}",
        }
        status, spent = at(pid, "POST", f"/v1/accounts/{accounts[number]}/spendings", body, f"n-{number}")
        assert status == 201, spent
        status, entry = at(one if pid == other else other, "GET", f"/v1/entries/{spent['entry']}")
        assert (status, entry["caller"], entry["actor"]) == (200, "another-system", "another-actor")
    with fresh_engine.connect() as connection:
        names = list(connection.scalars(select(tables.agent.c.name)))
        versions = connection.scalar(select(func.count()).select_from(tables.policy))
        areas = connection.scalar(select(func.count(tables.policy.c.area.distinct())))
    assert len(names) == len(set(names))
    # both workers wrote the policies down, once
    assert versions == areas


# -- two services ----------------------------------------------------------------------------------------


def test_a_year_end_of_two_services_under_load_is_one(makes: Makes, fresh_engine: Engine) -> None:
    owed = people(fresh_engine, OWED)
    services = [makes(), makes()]
    for service in services:
        service.start()
    accounts = open_accounts(services[0])
    loads = [Patient(service, accounts, run) for service, run in zip(services, "ab", strict=True)]
    for load in loads:
        load.begin()
    together = threading.Barrier(4)
    answers: list[tuple[int, dict[str, Any]]] = []

    def start(service: Workers) -> None:
        together.wait(60)
        answers.append(service.call("POST", PATH, {"area": "990100"})[:2])

    threads = [threading.Thread(target=start, args=(service,)) for service in services * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [status for status, _ in answers] == [202] * 4, answers
    for service in services:
        told = until(lambda service=service: _ended(service))
        assert (told["state"], told["done"]) == ("finished", OWED)
    for load in loads:
        load.end()
        load.check()
    assert entries(fresh_engine, Kind.INTEREST) == OWED
    with fresh_engine.connect() as connection:
        entry = tables.entry.c
        query = select(func.count(entry.book_id.distinct())).where(entry.kind == int(Kind.INTEREST))
        assert connection.scalar(query.where(entry.period == YEAR)) == OWED
    check_whole(services[0], accounts, sum(len(load.sent) for load in loads))
    assert owed.policies


def _ended(service: Workers) -> dict[str, Any] | None:
    told = service.call("GET", f"/v1/batches/{NAME}")[1]
    return None if told["state"] == "running" else told
