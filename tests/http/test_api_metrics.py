"""The page for Prometheus: in its format, true, without persons, and no look at the database a scrape."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from api.http.exposition import CONTENT_TYPE, Exposition
from api.http.metrics import CALLERS_MAX, OTHER_CALLERS, RequestCounts
from ledger.measures import Histogram
from ledger.operations import figures
from ledger.operations.figures import Figures, wrote_down_verified
from ledger.version import VERSION
from tests.support.api_client import NOW, contribute, id_number, key, open_account, running, spending

# name, labels, value: https://prometheus.io/docs/instrumenting/exposition_formats/
SAMPLE = re.compile(
    r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (-?[0-9.e+-]+|NaN)'
)
Labels = frozenset[tuple[str, str]]


def read(text: str) -> dict[tuple[str, Labels], float]:
    """The samples of a page, which is held to the format on the way."""
    assert text.endswith("\n")
    samples: dict[tuple[str, Labels], float] = {}
    told: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split()[2]
            assert name not in told, f"{name} is told twice"
            told[name] = ""
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert told[name] == ""
            told[name] = kind
        else:
            found = SAMPLE.fullmatch(line)
            assert found, line
            labels = frozenset(re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', found[2] or ""))
            family = re.sub(r"_(bucket|sum|count)$", "", found[1])
            assert told.get(found[1]) in {"gauge", "counter"} or told.get(family) == "histogram", line
            assert (found[1], labels) not in samples, line
            samples[found[1], labels] = float(found[3])
    return samples


def value(samples: dict[tuple[str, Labels], float], name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


@pytest.fixture
def client(fresh_engine: Engine, tmp_path: Path) -> Iterator[TestClient]:
    with running(fresh_engine, tmp_path) as client:
        yield client


def page(client: TestClient) -> dict[tuple[str, Labels], float]:
    answer = client.get("/metrics", headers={"Authorization": ""})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == CONTENT_TYPE
    return read(answer.text)


def settled(client: TestClient) -> dict[tuple[str, Labels], float]:
    """A page with figures: those of a look that has ended."""
    client.app.state.ledger.figures._asked_at = float("-inf")  # type: ignore[attr-defined]  # Starlette's app
    page(client)
    client.app.state.ledger.figures._thread.submit(lambda: None).result(60)  # type: ignore[attr-defined]  # Starlette's app
    return page(client)


def test_requests_are_counted_by_route_and_status(client: TestClient) -> None:
    number = str(open_account(client)["account_no"])
    contribute(client, number, "100.00")
    path = f"/v1/accounts/{number}/spendings"
    assert client.post(path, json=spending(), headers=key()).status_code == 201
    assert client.post(path, json=spending(amount="500.00"), headers=key()).status_code == 409
    assert client.post(path, json={}, headers=key()).status_code == 422
    assert client.get("/nowhere").status_code == 404
    samples = page(client)
    route = {"method": "POST", "route": "/v1/accounts/{account}/spendings"}
    requests = "ledger_http_requests_total"
    assert [value(samples, requests, **route, status=status) for status in ("201", "409", "422")] == [1, 1, 1]
    assert value(samples, requests, method="GET", route="none", status="404") == 1
    took = "ledger_http_request_duration_seconds"
    assert value(samples, f"{took}_count", **route) == 3
    assert value(samples, f"{took}_bucket", **route, le="+Inf") == 3
    total = value(samples, f"{took}_sum", **route)
    assert total is not None
    assert total > 0
    problems = "ledger_http_problems_total"
    assert value(samples, problems, code="insufficient_balance") == 1
    assert value(samples, problems, code="shape_invalid") == 1
    assert value(samples, problems, code="route_not_found") == 1
    refusals = "ledger_refusals_total"
    assert value(samples, refusals, writer="counter", code="insufficient_balance") == 1
    assert value(samples, "ledger_writer_waiting", writer="counter") == 0
    assert value(samples, "ledger_writer_up", writer="office") == 1
    sizes = "ledger_writer_batch_size"
    # an account, a contribution, a spending, and one that was refused
    assert value(samples, f"{sizes}_sum", writer="counter") == 4
    assert value(samples, "ledger_writer_commit_duration_seconds_count", writer="counter") == 3
    assert value(samples, "ledger_read_log_up") == 1
    assert value(samples, "ledger_read_log_waiting") == 0
    # nobody looked at anything
    assert value(samples, "ledger_read_log_commit_duration_seconds_count") == 0
    assert value(samples, "ledger_reads_active", readers="looks") == 0
    assert value(samples, "ledger_reads_waiting", readers="reports") == 0
    assert value(samples, "ledger_build_info", version=VERSION) == 1
    # this very request
    assert value(samples, "ledger_http_requests_under_way") == 1
    resident = value(samples, "process_resident_memory_bytes")
    assert resident is None or resident > 10_000_000


def test_the_refusals_of_a_bulk_are_counted_one_by_one(client: TestClient) -> None:
    number = str(open_account(client)["account_no"])
    item = {"verb": "spend", "account": number, **spending()}
    commands = [{**item, "idempotency_key": f"k{n}"} for n in range(5)]
    assert client.post("/v1/bulk", json={"commands": commands}).status_code == 200
    samples = page(client)
    assert value(samples, "ledger_refusals_total", writer="counter", code="insufficient_balance") == 5
    assert value(samples, "ledger_writer_batch_size_sum", writer="counter") == 1 + 5


def test_buckets_add_up(client: TestClient) -> None:
    for _ in range(5):
        client.get("/livez")
    samples = page(client)
    counts = {
        dict(labels)["le"]: count
        for (name, labels), count in samples.items()
        if name == "ledger_http_request_duration_seconds_bucket" and ("route", "/livez") in labels
    }
    in_order = [counts[bound] for bound in sorted(counts, key=float)]
    assert in_order == sorted(in_order)
    assert in_order[-1] == counts["+Inf"] == 5


def test_a_value_on_a_bound_is_within_it() -> None:
    histogram = Histogram((1, 5))
    for one in (0.5, 1, 1.5, 5, 6):
        histogram.observe(one)
    assert (histogram.counts, histogram.total) == ([2, 2, 1], 14)


def test_labels_are_escaped() -> None:
    told = Exposition()
    told.gauges("a", "b", [({"c": 'x"\\\n'}, 1)])
    assert told.text() == '# HELP a b\n# TYPE a gauge\na{c="x\\"\\\\\\n"} 1\n'
    assert read(told.text()) == {("a", frozenset({("c", 'x\\"\\\\\\n')})): 1}


def test_the_page_holds_no_person_and_no_caller(client: TestClient) -> None:
    number = id_number()
    client.get(f"/v1/accounts/{number}/balance")
    client.get(f"/v1/accounts/{number}")
    client.request("M" * 10, f"/{number}")
    text = client.get("/metrics").text
    assert number not in text
    assert "tests" not in text
    assert "clerk" not in text
    assert "MMM" not in text


def test_callers_are_told_where_a_setting_asks_for_them(
    fresh_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_METRICS_CALLERS", "true")
    with running(fresh_engine, tmp_path) as client:
        client.get("/v1/reports/trial-balance")
        client.get("/livez")
        samples = page(client)
    assert value(samples, "ledger_http_requests_by_caller_total", caller="tests") == 1
    assert not any("clerk" in str(labels) for _name, labels in samples)


def test_callers_are_bounded() -> None:
    counts = RequestCounts(by_caller=True)
    for n in range(CALLERS_MAX + 50):
        counts.seen("GET", "/livez", 200, 0.1, None, f"caller-{n}")
    counts.seen("GET", "/livez", 200, 0.1, None, "caller-3")
    assert len(counts.callers) == CALLERS_MAX + 1
    assert counts.callers[OTHER_CALLERS] == 50
    assert counts.callers["caller-3"] == 2


def test_a_scrape_asks_the_database_for_nothing(client: TestClient, fresh_engine: Engine) -> None:
    settled(client)
    asked: list[str] = []
    for engine in {fresh_engine, *client.app.state.ledger._engines}:  # type: ignore[attr-defined]  # Starlette's app
        event.listen(engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    for _ in range(5):
        page(client)
    assert asked == []


def test_figures_of_the_database(client: TestClient, fresh_engine: Engine) -> None:
    first = settled(client)
    assert value(first, "ledger_holds_due") == 0
    assert value(first, "ledger_verify_age_seconds") is None
    assert wrote_down_verified(fresh_engine, NOW, 3)
    second = settled(client)
    assert value(second, "ledger_runs", kind="verify", state="failed") == 1
    assert value(second, "ledger_verify_clean") == 0
    assert wrote_down_verified(fresh_engine, NOW, 0)
    third = settled(client)
    assert value(third, "ledger_runs", kind="verify", state="finished") == 1
    assert value(third, "ledger_verify_clean") == 1
    age = value(third, "ledger_verify_age_seconds")
    assert age is not None
    assert age > 0
    # it is found where every other run is
    assert client.get("/v1/batches/verify").json()["reason"] is None


def test_holds_whose_time_is_over_are_counted(
    client: TestClient, fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fresh_engine.connect() as connection:
        for amount in ("1.00", "2.00"):
            number = str(open_account(client)["account_no"])
            contribute(client, number)
            expires_at = NOW.replace(hour=NOW.hour + 1).isoformat()
            body = {
                "amount": amount,
                "expires_at": expires_at,
                "institution": "H0001",
                "source_ref": f"hold-{amount}",
            }
            answer = client.post(f"/v1/accounts/{number}/holds", json=body, headers=key())
            assert answer.status_code == 201, answer.text
        with connection.begin():
            assert figures.look(connection, NOW, 0).holds_due == 0
            assert figures.look(connection, NOW.replace(hour=NOW.hour + 2), 0).holds_due == 2
        monkeypatch.setattr(figures, "HOLDS_COUNTED_MAX", 1)
        with connection.begin():
            assert figures.look(connection, NOW.replace(hour=NOW.hour + 2), 0).holds_due == 1


def test_a_look_that_fails_leaves_the_old_figures(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = settled(client)
    assert value(before, "ledger_figures_failed_total") == 0
    first = client.app.state.ledger.figures.newest  # type: ignore[attr-defined]  # Starlette's app
    assert isinstance(first, Figures)

    def gone(*_: Any) -> Any:
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(figures, "look", gone)
    after = settled(client)
    assert value(after, "ledger_figures_failed_total") == 1
    assert client.app.state.ledger.figures.newest is first  # type: ignore[attr-defined]  # Starlette's app
    assert value(after, "ledger_holds_due") == 0


def test_an_address_of_its_own(fresh_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_METRICS_ADDRESS", "127.0.0.1:0")
    with running(fresh_engine, tmp_path) as client:
        assert client.get("/metrics").status_code == 404
        port = client.app.state.metrics.port  # type: ignore[attr-defined]  # Starlette's app
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            assert answer.headers["content-type"] == CONTENT_TYPE
            samples = read(answer.read().decode())
        assert value(samples, "ledger_writer_up", writer="counter") == 1
        # else a collector that keeps its connection waits 40 ms for every page
        served = client.app.state.metrics._server  # type: ignore[attr-defined]  # Starlette's app
        assert served.RequestHandlerClass.disable_nagle_algorithm
        for path in ("/", "/metricsx", "/v1/accounts", "/livez"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30)
            assert refused.value.code == 404
            refused.value.close()
    with pytest.raises(OSError):  # noqa: PT011  nobody listens there any more
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30)
