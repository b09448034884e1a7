"""The settings that both doors use: from the environment (LEDGER_…) and the `--data` of the command line.

    LEDGER_DATA          the data directory; default ./demo-data, as `make demo` has it
    LEDGER_DATABASE_URL  the database; wins over the SQLite file in the data directory
    LEDGER_KEYS          the directory of the keys; default <data>/keys
    LEDGER_POLICIES      the directory of the areas' policy files; default the ones shipped
    LEDGER_JWKS          the public keys that tokens are verified with; default <keys>/jwks.json
    LEDGER_DEMO          true: keys of its own making, and then only on a loopback address
    LEDGER_HOST, LEDGER_PORT

Nothing here opens anything. No setting has a secret for its default.
"""

from __future__ import annotations

import gc
import ipaddress
import sys
from pathlib import Path
from typing import Any, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_DATA = Path("demo-data")
SQLITE_FILE = "ledger.db"


class SettingsError(Exception):
    """A setting that cannot be used. The message names it and never shows its value."""


class Settings(BaseSettings):
    """What one installation is told from outside. Frozen; `load` is the usual door."""

    model_config = SettingsConfigDict(
        env_prefix="LEDGER_", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    data: Path = DEFAULT_DATA
    # the three below are None where the environment says nothing: read the properties instead
    database_url: SecretStr | None = None
    keys: Path | None = None
    jwks: Path | None = None
    policies: Path | None = None
    demo: bool = False
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)

    @classmethod
    def load(cls, data: Path | None = None, **more: Any) -> Self:
        """The settings of the environment; what is given here wins. Raises SettingsError."""
        given = {name: value for name, value in {"data": data, **more}.items() if value is not None}
        try:
            settings = cls(**given)
        except ValidationError as error:
            wrong = {".".join(str(part) for part in one["loc"]): one["msg"] for one in error.errors()}
            problems = "; ".join(f"LEDGER_{name.upper()}: {message}" for name, message in wrong.items())
            raise SettingsError(problems) from None
        if settings.demo and not settings.is_loopback:
            raise SettingsError(
                f"demo mode serves on a loopback address only, not on {settings.host}; "
                "use `serve` with keys of your own"
            )
        return settings

    @property
    def url(self) -> str:
        """The database URL. It may hold a password: not for logs."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data.absolute() / SQLITE_FILE}"

    @property
    def is_sqlite_file(self) -> bool:
        """Whether the database is the file in the data directory."""
        return self.database_url is None

    @property
    def keys_directory(self) -> Path:
        return self.data / "keys" if self.keys is None else self.keys

    @property
    def jwks_file(self) -> Path:
        return self.keys_directory / "jwks.json" if self.jwks is None else self.jwks

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def environment(self) -> dict[str, str]:
        """These settings as environment variables: `load()` in another process gives the same."""
        values = {
            "LEDGER_DATA": str(self.data.absolute()),
            "LEDGER_KEYS": str(self.keys_directory.absolute()),
            "LEDGER_JWKS": str(self.jwks_file.absolute()),
            "LEDGER_DEMO": "true" if self.demo else "false",
            "LEDGER_HOST": self.host,
            "LEDGER_PORT": str(self.port),
        }
        if self.database_url is not None:
            values["LEDGER_DATABASE_URL"] = self.database_url.get_secret_value()
        if self.policies is not None:
            values["LEDGER_POLICIES"] = str(self.policies.absolute())
        return values


def tune_process() -> None:
    """Keep the garbage collector and the thread switch out of the way of posting.

    Called once, when everything is imported: without it HTTP loses half its rate.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    sys.setswitchinterval(0.0005)
