"""The served process: it ends when a writer dies, says JSON alone, knows its version and its settings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ledger.__main__ import app
from ledger.settings import Settings, SettingsError
from ledger.version import VERSION
from tests.support.people import id_number
from tests.support.service import Service

# the writer meets what it does not know as soon as the file is there
DYING = """
import pathlib, sys
from ledger.posting.writer import Writer
file = pathlib.Path(sys.argv.pop(1))
post = Writer._post
def post_or_die(self, connection, jobs):
    if file.exists():
        raise MemoryError
    post(self, connection, jobs)
Writer._post = post_or_die
from ledger.__main__ import app
app(prog_name="python -m ledger")
"""


class Dying(Service):
    """A service whose writers die once the file is there."""

    def __init__(self, data: Path, file: Path) -> None:
        super().__init__(data)
        self.file = file

    def start(self) -> None:
        log = (self.data.parent / f"{self.data.name}.log").open("ab")
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-c", DYING, str(self.file), "demo", "--data", str(self.data)),
                *("--port", str(self.port), "--people", "0"),
            ],
            env=self.environment,
            stdout=log,
            stderr=log,
        )
        log.close()
        self.wait_ready()


@pytest.mark.slow
@pytest.mark.sqlite
def test_a_service_whose_writer_dies_ends_and_can_be_started_again(tmp_path: Path) -> None:
    file = tmp_path / "die"
    service = Dying(tmp_path / "data", file)
    service.start()
    body = {"id_number": id_number(1), "name": "张三", "area": "990100", "opened_on": "2026-01-01"}
    try:
        file.touch()
        status, answer, headers = service.call("POST", "/v1/accounts", body, "k1")
        # whoever waits is told, honestly
        assert (status, answer["code"]) == (503, "outcome_unknown")
        assert headers["retry-after"] == "1"
        process = service.process
        assert process is not None
        assert process.wait(60) not in {0, -15}
        service.process = None
        log = service.log()
        assert "a writer has died: this process ends, so that it is started again" in log
        assert "MemoryError" in log
        assert "start the service again" in log.splitlines()[-1]
        # as systemd does
        file.unlink()
        service.start()
        assert service.call("POST", "/v1/accounts", body, "k1")[0] == 201
    finally:
        service.stop()


@pytest.mark.slow
@pytest.mark.sqlite
def test_all_that_a_service_says_is_json(tmp_path: Path) -> None:
    service = Service(tmp_path / "data")
    service.environment["LEDGER_LOG_LEVEL"] = "info"
    service.start()
    assert service.call("GET", "/livez")[1] == {"status": "ok", "version": VERSION}
    assert service.call("GET", "/v1/accounts/nobody")[0] in {404, 422}
    process = service.process
    assert process is not None
    process.terminate()
    process.wait(60)
    service.process = None
    announced = ("serving on ", "token in ")
    lines = [json.loads(line) for line in service.log().splitlines() if not line.startswith(announced)]
    loggers = {line.get("logger") for line in lines}
    # the server's own lines, of its start and of its end
    assert "uvicorn.error" in loggers
    assert any(line["event"].startswith("Finished server process") for line in lines)
    assert {line["route"] for line in lines if line["event"] == "request"} >= {"/livez", "/readyz"}


def test_the_version_is_told_without_anything_else() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"{VERSION}\n")


# -- settings --------------------------------------------------------------------------------------------


def test_settings_of_watching(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plain = Settings.load(tmp_path)
    assert (plain.deadline_seconds, plain.log_level, plain.metrics_socket, plain.metrics_callers) == (
        *(10, None, None, False),
    )
    said = {
        "LEDGER_DEADLINE_SECONDS": "30",
        "LEDGER_LOG_LEVEL": "warning",
        "LEDGER_METRICS_ADDRESS": "0.0.0.0:9100",
        "LEDGER_METRICS_CALLERS": "yes",
    }
    for name, text in said.items():
        monkeypatch.setenv(name, text)
    settings = Settings.load(tmp_path)
    assert (settings.deadline_seconds, settings.log_level) == (30, "warning")
    assert (settings.metrics_socket, settings.metrics_callers) == (("0.0.0.0", 9100), True)
    # another process has the same
    for name, text in settings.environment().items():
        monkeypatch.setenv(name, text)
    again = Settings.load()
    for name in ("deadline_seconds", "log_level", "metrics_address", "metrics_callers"):
        assert getattr(again, name) == getattr(settings, name)


@pytest.mark.parametrize(
    ("address", "socket"),
    [
        ("127.0.0.1:9100", ("127.0.0.1", 9100)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:9100", ("::1", 9100)),
        ("metrics.example:65535", ("metrics.example", 65535)),
    ],
)
def test_addresses_of_metrics(tmp_path: Path, address: str, socket: tuple[str, int]) -> None:
    assert Settings.load(tmp_path, metrics_address=address).metrics_socket == socket


def test_workers_have_a_port_each_for_their_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (Settings.load(tmp_path).workers, Settings.load(tmp_path, workers=3).metrics_sockets) == (1, [])
    monkeypatch.setenv("LEDGER_WORKERS", "3")
    settings = Settings.load(tmp_path, metrics_address="[::1]:65533")
    assert settings.metrics_sockets == [("::1", 65533), ("::1", 65534), ("::1", 65535)]
    assert settings.environment()["LEDGER_WORKERS"] == "3"
    # what is said on the command line wins
    assert Settings.load(tmp_path, workers=1, metrics_address="h:0").metrics_sockets == [("h", 0)]
    for address in ("h:0", "h:65534"):
        with pytest.raises(SettingsError, match="a port of its own for each"):
            Settings.load(tmp_path, metrics_address=address)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("LEDGER_WORKERS", text) for text in ("0", "33", "-1", "two", "1.5", "２", "1e1")),
        *(
            ("LEDGER_METRICS_ADDRESS", text)
            for text in ("9100", ":9100", "host", "host:", "host:x", "h:65536")
        ),
        *(("LEDGER_METRICS_ADDRESS", text) for text in ("h:-1", "h:１", "http://h:9100/", "h:0000009100")),
        *(("LEDGER_LOG_LEVEL", text) for text in ("INFO", "trace", "10", "warn")),
        *(("LEDGER_DEADLINE_SECONDS", text) for text in ("1", "0", "601", "-3", "2.5", "ten", "２")),
        *(("LEDGER_METRICS_CALLERS", text) for text in ("2", "si", "oui")),
    ],
)
def test_settings_that_cannot_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, text: str
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(SettingsError) as refused:
        Settings.load(tmp_path)
    assert name in str(refused.value)
