"""What makes an installation sound, check by check: pure judgements over what was found.

Each returns a few words about what is there, and raises Unsound where that will not do.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from ledger.database.facts import ServerFacts
from ledger.operations.figures import Figures
from ledger.operations.installation import PUT_BACK
from ledger.policy import Policy, in_force
from ledger.settings import Settings
from ledger.vault import Keyring

VERSION_LEAST: Final = 15
FREE_BYTES_LEAST: Final = 1 << 30
CLOCK_SECONDS_MAX: Final = 2
VERIFY_AGE_MAX: Final = timedelta(days=2)
# a sweep runs every few minutes
HOLDS_DUE_FOR: Final = timedelta(hours=1)
# a sweep of events runs every day
EVENTS_WAIT_FOR: Final = timedelta(days=2)
WEBHOOK_FAILS_FOR: Final = timedelta(days=1)
# of a service process at most (its threads have up to three each), and for commands beside: an import has two
CONNECTIONS_OF_PROCESS: Final = 28
CONNECTIONS_BESIDE: Final = 4
# a run or a file writes down how far it is every few seconds
SILENT_FOR: Final = timedelta(hours=1)
EXAMPLES_MAX: Final = 5
# how far a deadline of today may lie ahead, for which holidays should be known
DEADLINES_AHEAD: Final = timedelta(days=45)
# what is written there is seen by other machines, and their locks are not
NETWORK_FILE_SYSTEMS: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "lustre", "glusterfs", "fuse.sshfs", "afs"}
)


class Unsound(Exception):
    """A check has failed. The message says what was found, and what to do; never a secret."""


def mode_of_keys(files: Iterable[Path]) -> str:
    """Nobody but their owner reads the keys."""
    looked = sorted(files)
    if not looked:
        raise Unsound(
            "no key files: LEDGER_KEYS names their directory; `python -m ledger keys` makes those of a new"
            " database, any other wants its own put back"
        )
    for file in looked:
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise Unsound(f"{file.name}: others may use it (mode {mode:03o}): chmod 600 {file}")
    return f"{len(looked)} files, for their owner alone"


def document_key(keyring: Keyring | None, *, is_known: bool) -> str:
    """There is a key that signs documents. `is_known`: the database knows one."""
    if keyring is None:
        raise Unsound("not looked at: there are no keys")
    if keyring.signing_file is None and is_known:
        raise Unsound(f"none: nothing can be printed; {PUT_BACK}, a new key that signs is not made")
    if keyring.signing_file is None:
        raise Unsound("none: nothing can be printed; `python -m ledger keys` makes it")
    return f"{keyring.signing_file} signs, {len(keyring.document_keys)} in all"


def public_url(address: str) -> str:
    """Where everybody checks documents. Without it they have no address and no square code."""
    if address:
        return f"documents are checked at {address}"
    return "LEDGER_PUBLIC_URL is not set: documents carry no address and no QR code, their code alone"


def free_space(free: int, path: Path, least: int = FREE_BYTES_LEAST) -> str:
    if free < least:
        raise Unsound(f"{free / 1e9:.1f} GB free at {path}, less than {least / 1e9:.1f}")
    return f"{free / 1e9:.1f} GB free at {path}"


def policies_today(policies: Mapping[str, Policy], today: date) -> str:
    """Every parameter of every area has a value today."""
    for area, policy in sorted(policies.items()):
        if missing := in_force(policy, today).missing:
            raise Unsound(f"area {area} has no value on {today} of {_some(missing)}")
    told = f"{len(policies)} areas, all with values on {today}"
    # a deadline of today may run into the next year
    years = {
        year
        for policy in policies.values()
        if policy.calendar.years
        for year in policy.calendar.unknown_years(today, today + DEADLINES_AHEAD)
    }
    if years:
        unknown = _some([str(year) for year in sorted(years)])
        told += f"; no public holidays of {unknown}: Monday to Friday are worked"
    return told


def server_version(facts: ServerFacts) -> str:
    version = facts.version // 10_000
    if version < VERSION_LEAST:
        raise Unsound(f"PostgreSQL {version}: {VERSION_LEAST} or newer is needed")
    return f"PostgreSQL {version}.{facts.version % 10_000}"


def durable_commit(facts: ServerFacts) -> str:
    """A commit that was answered is on the disk."""
    if facts.synchronous_commit == "off":
        raise Unsound("synchronous_commit is off: what was acknowledged can be lost")
    return f"synchronous_commit is {facts.synchronous_commit}"


def durable_files(facts: ServerFacts) -> str:
    if facts.fsync != "on":
        raise Unsound(f"fsync is {facts.fsync}: a loss of power can destroy the database")
    return "fsync is on"


def encoding(facts: ServerFacts) -> str:
    if facts.encoding != "UTF8":
        raise Unsound(f"the database is {facts.encoding}: make one with --encoding UTF8 --template template0")
    return facts.encoding


def clock(ours: datetime, before: datetime, after: datetime) -> str:
    """The clock of the database lies between two looks at ours, or near enough."""
    apart = max(before - ours, ours - after, timedelta(0)).total_seconds()
    if apart > CLOCK_SECONDS_MAX:
        raise Unsound(f"{apart:.1f} seconds apart from the database's: let NTP keep both")
    return f"{apart:.1f} seconds apart from the database's"


def connections(facts: ServerFacts, settings: Settings) -> str:
    """All processes of this service find a connection when all ask at once."""
    needed = settings.workers * CONNECTIONS_OF_PROCESS + settings.runs_max + CONNECTIONS_BESIDE
    limits = [facts.connections_max - facts.connections_reserved, facts.role_limit, facts.database_limit]
    allowed = min(limit for limit in limits if limit >= 0)
    if allowed < needed:
        raise Unsound(f"{allowed} connections are allowed, this service may want {needed}: max_connections")
    return f"{allowed} connections are allowed, this service may want {needed}"


def rights(missing: Sequence[tuple[str, str]]) -> str:
    if missing:
        told = _some([f"{privilege} on {name}" for name, privilege in missing])
        raise Unsound(f"the role may not {told}: see docs/install.md for the GRANT")
    return "the role may do what the service does"


def schema(current: str | None, head: str) -> str:
    if current != head:
        raise Unsound(f"at {current or 'nothing'}, this program needs {head}: run `python -m ledger migrate`")
    return f"at {head}"


def last_verify(figures: Figures, now: datetime, *, is_empty: bool) -> str:
    """The whole was checked not long ago, and nothing was found."""
    if figures.verified_at is None:
        if is_empty:
            return "the ledger is empty"
        raise Unsound("never: run `python -m ledger verify` every night")
    if not figures.verified_clean:
        raise Unsound("it has found something: run `python -m ledger verify` and read what it says")
    age = timedelta(seconds=now.timestamp() - figures.verified_at)
    hours = age / timedelta(hours=1)
    if age > VERIFY_AGE_MAX:
        raise Unsound(f"clean, but {hours:.0f} hours ago: run `python -m ledger verify` every night")
    return f"clean, {hours:.0f} hours ago"


def runs(failed: Sequence[str], silent: Sequence[str]) -> str:
    """No run or file has failed, and none says `running` that has written nothing for an hour."""
    told = []
    if failed:
        told.append(f"failed: {_some(failed)}; their reason stands in `batch`, start them again")
    if silent:
        told.append(
            f"running, and nothing written for an hour: {_some(silent)}; if they were killed, start them"
            " again, import the same files again"
        )
    if told:
        raise Unsound("; ".join(told))
    return "none has failed or was left running"


def holds(due: int) -> str:
    if due:
        raise Unsound(f"{due} accounts with a hold that ended over an hour ago: run `python -m ledger sweep`")
    return "none has been due for an hour"


def events(oldest: datetime | None, failing: Sequence[str], now: datetime) -> str:
    """Other systems are told: nothing waits for the feed for long, and no webhook fails for long.

    `oldest` is when the first of what waits was recorded; `failing` are the webhooks that took nothing for
    WEBHOOK_FAILS_FOR.
    """
    told = []
    if oldest is not None and now - oldest > EVENTS_WAIT_FOR:
        days = (now - oldest) // timedelta(days=1)
        told.append(
            f"something waits for the feed since {days} days: run `python -m ledger events sweep` daily"
        )
    if failing:
        told.append(
            f"nothing was taken for a day by {_some(failing)}: GET /v1/webhooks says why, or end them"
        )
    if told:
        raise Unsound("; ".join(told))
    return "nothing waits for long"


def journal(mode: str) -> str:
    if mode != "wal":
        raise Unsound(f"the journal is {mode}, not wal: this file system cannot do it")
    return "wal"


def one_machine(path: Path, mounts: str) -> str:
    """The file lies on a disk of this machine; `mounts` is as /proc/self/mounts has them."""
    found = ("", "unknown")
    for line in mounts.splitlines():
        _device, where, kind, *_rest = line.split()
        # blanks are written as octal numbers
        where = where.replace("\\040", " ")
        if path.is_relative_to(where) and len(where) >= len(found[0]):
            found = (where, kind)
    if found[1] in NETWORK_FILE_SYSTEMS:
        raise Unsound(f"{path} lies on {found[1]}, which other machines share: SQLite is for one machine")
    return f"{path} lies on {found[1]}"


def _some(names: Sequence[str]) -> str:
    more = len(names) - EXAMPLES_MAX
    return ", ".join(names[:EXAMPLES_MAX]) + (f" and {more} more" if more > 0 else "")
