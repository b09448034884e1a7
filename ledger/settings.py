"""The settings that both doors use: from the environment (LEDGER_…) and the `--data` of the command line.

    LEDGER_DATA          the data directory; the demo's is ./demo-data, and nobody else falls back to it
    LEDGER_DATABASE_URL  the database; wins over the SQLite file in the data directory
    LEDGER_CLUSTER       citus: the database is spread over machines by Citus; default it is one PostgreSQL
    LEDGER_KEYS          the directory of the keys; default <data>/keys
    LEDGER_KEYS_COMMAND  a command that prints the keys, in place of the files: of a hardware module, say
    LEDGER_CIPHERS       aes (AES-256-GCM, HMAC-SHA-256) or sm (SM4-GCM, HMAC-SM3); default aes
    LEDGER_POLICIES      the directory of the areas' policy files; default the ones shipped
    LEDGER_JWKS          the public keys that tokens are verified with; default <keys>/jwks.json
    LEDGER_TOKEN_ISSUER, LEDGER_TOKEN_AUDIENCE
                         what `iss` and `aud` of a token must be; default medical-account-ledger
    LEDGER_TOKEN_HOURS_MAX
                         the longest life of a token, from `iat` to `exp`; default 8784, a year
    LEDGER_TOKEN_SKEW_SECONDS
                         how far the clock of whoever makes tokens may be off, 0 to 300; default 30
    LEDGER_REVOKED       the file that says which tokens are taken back; default <keys>/revoked.json, if any
    LEDGER_DEMO          true: keys of its own making, and then only on a loopback address
    LEDGER_HOST, LEDGER_PORT
    LEDGER_WORKERS       how many processes serve, 1 to 32; default 1
    LEDGER_RUNS_MAX      how many long runs may go on at once, over all processes on the database; default 2
    LEDGER_DEADLINE_SECONDS  when a call is told that there is no answer, 2 to 600; default 10
    LEDGER_PUBLIC_URL    the https address under which everybody reaches /v1/checks; printed on documents
    LEDGER_LOG_LEVEL     debug, info (one line a request), warning or error; default info, in a demo warning
    LEDGER_METRICS_ADDRESS  HOST:PORT to serve /metrics on, in place of the service's own address
    LEDGER_METRICS_CALLERS  true: /metrics counts by calling system too

Any other name that begins with LEDGER_ is refused: misspelt, it would silently change nothing. Nothing here
opens anything. No setting has a secret for its default.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self

from ledger.addresses import WrongUrl, is_loopback, is_plain_path, read_address
from ledger.vault import SUITE_NAMES, KeyPlace

DEFAULT_DATA = Path("demo-data")
SQLITE_FILE = "ledger.db"
PORT_MAX = 65_535
PUBLIC_URL_MAX = 200
RUNS_MAX_MAX = 32
WORKERS_MAX = 32
DIGITS_MAX = 6
TOKEN_NAME = "medical-account-ledger"  # noqa: S105  what our own tokens name, no secret
TOKEN_HOURS_MAX_MAX = 24 * 366
TOKEN_SKEW_SECONDS = 30
# the settings that are numbers, and their bounds
_NUMBERS = {
    "port": (0, PORT_MAX),
    "workers": (1, WORKERS_MAX),
    "runs_max": (1, RUNS_MAX_MAX),
    "deadline_seconds": (2, 600),
    "token_hours_max": (1, TOKEN_HOURS_MAX_MAX),
    "token_skew_seconds": (0, 300),
}
_TRUTHS = frozenset({"demo", "metrics_callers"})
# the settings that are texts; what is none of these is a path
_TEXTS = frozenset({
    "ciphers", "cluster", "database_url", "host", "keys_command", "log_level", "metrics_address",
    "public_url", "token_issuer", "token_audience",
})  # fmt: skip
CLUSTERS = ("citus",)
LOG_LEVELS = ("debug", "info", "warning", "error")
# what only the tests' own runs are told
_OF_TESTS = ("LEDGER_TEST_", "LEDGER_FUZZ_")
_YES, _NO = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})


class SettingsError(Exception):
    """A setting that cannot be used. The message names it and never shows its value."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What one installation is told from outside. Frozen; `load` is the usual door."""

    data: Path = DEFAULT_DATA
    # the next five are None where nobody said anything: read the properties instead
    database_url: str | None = None
    # None: the database is on one machine
    cluster: str | None = None
    keys: Path | None = None
    keys_command: str | None = None
    ciphers: str = SUITE_NAMES[0]
    jwks: Path | None = None
    policies: Path | None = None
    demo: bool = False
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    runs_max: int = 2
    deadline_seconds: int = 10
    # None: documents name the path of their check without an address
    public_url: str | None = None
    # None: as the command has it
    log_level: str | None = None
    # None: on the address of the service
    metrics_address: str | None = None
    metrics_callers: bool = False
    token_issuer: str = TOKEN_NAME
    token_audience: str = TOKEN_NAME
    token_hours_max: int = TOKEN_HOURS_MAX_MAX
    token_skew_seconds: int = TOKEN_SKEW_SECONDS
    # None: the one beside the keys, which need not be there
    revoked: Path | None = None
    # nobody said which data directory: what would be taken from it is refused
    unsaid: bool = False

    def __repr__(self) -> str:
        # a database URL may hold a password
        return f"Settings(data={str(self.data)!r})"

    @classmethod
    def load(cls, data: Path | None = None, **more: Any) -> Self:
        """The settings of the environment; what is given here wins. Raises SettingsError."""
        values = _from_environment(os.environ)
        values |= {name: value for name, value in {"data": data, **more}.items() if value is not None}
        settings = cls(**values, unsaid="data" not in values and not values.get("demo", False))
        for name, (least, most) in _NUMBERS.items():
            if not least <= getattr(settings, name) <= most:
                raise _out_of_bounds(name)
        if settings.log_level is not None and settings.log_level not in LOG_LEVELS:
            raise SettingsError(f"LEDGER_LOG_LEVEL: one of {', '.join(LOG_LEVELS)}")
        if settings.cluster is not None and (
            settings.cluster not in CLUSTERS or not (settings.database_url or "").startswith("postgresql")
        ):
            raise SettingsError("LEDGER_CLUSTER: citus, for a PostgreSQL that LEDGER_DATABASE_URL names")
        if settings.ciphers not in SUITE_NAMES:
            raise SettingsError(f"LEDGER_CIPHERS: one of {', '.join(SUITE_NAMES)}")
        if settings.keys_command is not None and not settings.keys_command.strip():
            raise SettingsError("LEDGER_KEYS_COMMAND: a command, with its arguments")
        settings.metrics_sockets  # noqa: B018  raises, when it cannot be read
        settings.check_url  # noqa: B018  raises, when it cannot be read
        if settings.demo and not settings.is_loopback:
            raise SettingsError(
                f"demo mode serves on a loopback address only, not on {settings.host}; "
                "use `serve` with keys of your own"
            )
        return settings

    @property
    def url(self) -> str:
        """The database URL. It may hold a password: not for logs. Raises SettingsError when nobody said."""
        if self.database_url is not None:
            if self.cluster is None:
                return self.database_url
            # the engines take it from there, whoever is handed the URL
            return f"{self.database_url}{'&' if '?' in self.database_url else '?'}cluster={self.cluster}"
        self._want_data()
        return f"sqlite:///{self.data.absolute() / SQLITE_FILE}"

    @property
    def is_sqlite_file(self) -> bool:
        """Whether the database is the file in the data directory."""
        return self.database_url is None

    @property
    def keys_directory(self) -> Path:
        """Where the keys are. Raises SettingsError when nobody said."""
        if self.keys is not None:
            return self.keys
        self._want_data()
        return self.data / "keys"

    @property
    def key_place(self) -> KeyPlace:
        """Where the keys are had from. Raises SettingsError when nobody said."""
        return KeyPlace(self.keys_directory, self.keys_command, self.ciphers)

    @property
    def jwks_file(self) -> Path:
        return self.keys_directory / "jwks.json" if self.jwks is None else self.jwks

    @property
    def revoked_file(self) -> Path:
        """The file of revoked tokens; one that no setting names need not be there."""
        return self.keys_directory / "revoked.json" if self.revoked is None else self.revoked

    def _want_data(self) -> None:
        """The demo's data is nobody's default but the demo's."""
        if self.unsaid:
            raise SettingsError(
                "nothing says which installation is meant: give --data DIR or set LEDGER_DATA"
                f" (--data {DEFAULT_DATA} is the demo's), or set LEDGER_DATABASE_URL and LEDGER_KEYS"
            )

    @property
    def check_url(self) -> str:
        """What stands before `/v1/checks/…` on documents; nothing where no setting says it.

        Raises SettingsError for what is no https address of a host, with a plain path at most: it is printed,
        scanned and typed. Plain http is for trying, on the machine itself.
        """
        if self.public_url is None:
            return ""
        wanted = "LEDGER_PUBLIC_URL: an https address such as https://ledger.example.org"
        try:
            told = read_address(self.public_url)
        except WrongUrl:
            raise SettingsError(wanted) from None
        if not is_plain_path(told.path) or told.netloc.endswith(":") or set("?#") & set(self.public_url):
            raise SettingsError(wanted)
        if len(self.public_url) > PUBLIC_URL_MAX:
            raise SettingsError(f"LEDGER_PUBLIC_URL: at most {PUBLIC_URL_MAX} characters")
        return self.public_url.rstrip("/")

    @property
    def metrics_socket(self) -> tuple[str, int] | None:
        """Where /metrics is served by itself; None: with the service. Raises SettingsError."""
        if self.metrics_address is None:
            return None
        host, colon, port = self.metrics_address.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not (colon and host and port.isascii() and port.isdigit() and len(port) <= DIGITS_MAX):
            raise SettingsError("LEDGER_METRICS_ADDRESS: HOST:PORT, such as 127.0.0.1:9100")
        if int(port) > PORT_MAX:
            raise SettingsError(f"LEDGER_METRICS_ADDRESS: a port up to {PORT_MAX}")
        return host, int(port)

    @property
    def metrics_sockets(self) -> list[tuple[str, int]]:
        """The addresses on which processes serve /metrics by themselves, one each. Raises SettingsError."""
        first = self.metrics_socket
        if first is None:
            return []
        host, port = first
        if self.workers > 1 and not 0 < port <= PORT_MAX + 1 - self.workers:
            raise SettingsError(
                "LEDGER_METRICS_ADDRESS: with several workers a port of its own for each, from the one"
                f" named on, and none above {PORT_MAX}"
            )
        return [(host, port + one) for one in range(self.workers)]

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        return is_loopback(self.host)

    def environment(self) -> dict[str, str]:
        """These settings as environment variables: `load()` in another process gives the same."""
        values = {
            "LEDGER_DEMO": "true" if self.demo else "false",
            "LEDGER_HOST": self.host,
            "LEDGER_PORT": str(self.port),
            "LEDGER_WORKERS": str(self.workers),
            "LEDGER_RUNS_MAX": str(self.runs_max),
            "LEDGER_DEADLINE_SECONDS": str(self.deadline_seconds),
            "LEDGER_METRICS_CALLERS": "true" if self.metrics_callers else "false",
            "LEDGER_CIPHERS": self.ciphers,
            "LEDGER_TOKEN_ISSUER": self.token_issuer,
            "LEDGER_TOKEN_AUDIENCE": self.token_audience,
            "LEDGER_TOKEN_HOURS_MAX": str(self.token_hours_max),
            "LEDGER_TOKEN_SKEW_SECONDS": str(self.token_skew_seconds),
        }
        if self.keys_command is not None:
            values["LEDGER_KEYS_COMMAND"] = self.keys_command
        if self.log_level is not None:
            values["LEDGER_LOG_LEVEL"] = self.log_level
        if self.public_url is not None:
            values["LEDGER_PUBLIC_URL"] = self.public_url
        if self.metrics_address is not None:
            values["LEDGER_METRICS_ADDRESS"] = self.metrics_address
        if self.database_url is not None:
            values["LEDGER_DATABASE_URL"] = self.database_url
        if self.cluster is not None:
            values["LEDGER_CLUSTER"] = self.cluster
        keys = None if self.unsaid and self.keys is None else self.keys_directory
        paths = {
            "DATA": None if self.unsaid else self.data,
            "KEYS": keys,
            "JWKS": self.jwks if keys is None else self.jwks_file,
            "POLICIES": self.policies,
            "REVOKED": self.revoked,
        }
        values |= {f"LEDGER_{name}": str(path.absolute()) for name, path in paths.items() if path is not None}
        return values


def _out_of_bounds(name: str) -> SettingsError:
    least, most = _NUMBERS[name]
    return SettingsError(f"LEDGER_{name.upper()}: a number from {least} to {most}")


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """What the environment says, read into the types of the fields. An empty variable says nothing."""
    names = {f"LEDGER_{field.name.upper()}" for field in fields(Settings)} - {"LEDGER_UNSAID"}
    for name in sorted(environment):
        if name.startswith("LEDGER_") and name not in names and not name.startswith(_OF_TESTS):
            raise _unknown(name, names)
    values: dict[str, Any] = {}
    for field in fields(Settings):
        text = environment.get(f"LEDGER_{field.name.upper()}", "")
        if not text or field.name == "unsaid":
            continue
        if field.name in _NUMBERS:
            if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX):
                raise _out_of_bounds(field.name)
            values[field.name] = int(text)
        elif field.name in _TRUTHS:
            if text.lower() not in _YES | _NO:
                raise SettingsError(f"LEDGER_{field.name.upper()}: true or false")
            values[field.name] = text.lower() in _YES
        else:
            values[field.name] = text if field.name in _TEXTS else Path(text)
    return values


def _unknown(name: str, names: set[str]) -> SettingsError:
    nearest = get_close_matches(name.upper(), sorted(names), n=1, cutoff=0.0)[0]
    # a name may be anything, and the message is one line
    shown = name if name.isprintable() else ascii(name)
    return SettingsError(
        f"{shown} is no setting of this program; the nearest is {nearest}: rename or unset it"
    )


def tune_process() -> None:
    """Keep the garbage collector and the thread switch out of the way of posting.

    Called once, when everything is imported: without it HTTP loses half its rate.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    sys.setswitchinterval(0.0005)
