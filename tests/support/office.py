"""Somebody who writes files and imports them, in this process or by the command line."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, make_url, select

from ledger import tables
from ledger.book.chain import canonical, digest, genesis, microseconds
from ledger.book.numbers import party_of
from ledger.chart.parties import Party
from ledger.clock import now_and_today
from ledger.database.engines import connect
from ledger.imports import PROCESSES, Importer, Summary
from ledger.operations.cli import who_asks
from ledger.refusals import Refused
from ledger.vault import Keyring
from tests.support.people import NOW, Someone, SomeoneFactory, World
from tests.support.postgres import Databases

TODAY = date(2026, 11, 21)
ACCOUNTS = "id_number,name,area,opened_on"
CONTRIBUTIONS = "account,source_ref,period,effective_on,amount"
SPENDINGS = "account,source_ref,institution,effective_on,amount,take_available"
ROOT = Path(__file__).resolve().parents[2]


class Office:
    """Files in one folder, for one database."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.world = World(engine)
        self.folder = folder
        self.number = 0

    def file(self, header: str, lines: Iterable[str], encoding: str = "utf-8", end: str = "\n") -> Path:
        text = "".join(f"{line}{end}" for line in (header, *lines))
        return self.raw(text.encode(encoding))

    def raw(self, content: bytes) -> Path:
        self.number += 1
        path = self.folder / f"{self.number}.csv"
        path.write_bytes(content)
        return path

    def run(self, path: Path, **more: Any) -> Summary:
        with self.world.engine.connect() as connection:
            return self.importer(connection, **more).run(path)

    def importer(self, connection: Any, **more: Any) -> Importer:
        def clock() -> tuple[datetime, date]:
            return NOW, TODAY

        return Importer(connection, self.world.keyring, self.world.policies, clock, **more)

    def refused_file(self, path: Path) -> tuple[str, str]:
        with pytest.raises(Refused) as caught:
            self.run(path)
        assert list(self.folder.glob("*rejected*")) == [], "nothing was begun"
        return caught.value.code.value, str(caught.value.facts["problem"])

    def rejected(self, summary: Summary) -> list[tuple[int, str]]:
        assert summary.rejected_file is not None
        return [(int(line["line"]), line["code"]) for line in self.rejected_lines(summary)]

    def rejected_lines(self, summary: Summary) -> list[dict[str, str]]:
        """The list of rejected lines, whole: by its headings."""
        assert summary.rejected_file is not None
        with summary.rejected_file.open(encoding="utf-8", newline="") as file:
            found = list(csv.DictReader(file))
        assert all(line["reason"] and None not in line.values() and None not in line for line in found)
        assert not found or list(found[0]) == ["line", "code", "reason", "column", "value", "expected"]
        return found

    def account(self, fen: int = 0) -> str:
        """An open account, by ID number."""
        someone: Someone = SomeoneFactory()
        self.world.open(someone, opening=(0, fen))
        return someone.id_number

    def balance(self, account: str) -> int:
        ref = self.world_ref(account)
        with self.world.engine.connect() as connection, connection.begin():
            row = connection.execute(
                select(tables.book.c.current_year, tables.book.c.carried_over)
                .join(tables.identity, tables.identity.c.person_id == tables.book.c.person_id)
                .where(tables.identity.c.digest == ref)
            ).one()
        return int(row[0]) + int(row[1])

    def world_ref(self, account: str) -> bytes:
        return self.world.keyring.digest("id_number", account)

    def entries(self) -> int:
        """How many entries there are, but for those that say in a register what a run came to."""
        of_parties = ~tables.entry.c.book_id.between(Party.REGISTER.first, Party.REGISTER.last)
        with self.world.engine.connect() as connection, connection.begin():
            counted = select(func.count()).select_from(tables.entry).where(of_parties)
            return connection.scalar(counted) or 0


def counts(summary: Summary) -> tuple[int, int, int, int]:
    return summary.lines, summary.posted, summary.already, summary.refused


def contribution(account: str, ref: str, amount: str = "160.00") -> str:
    return f"{account},{ref},2026-03,2026-04-15,{amount}"


def command_line(url: str, keys: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    """Start `python -m ledger …` on a database."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    return subprocess.Popen(
        [sys.executable, "-m", "ledger", *arguments],
        cwd=ROOT,
        env=environment | {"LEDGER_DATABASE_URL": url, "LEDGER_KEYS": str(keys)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What a command answered, which must be well."""
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    said: dict[str, Any] = json.loads(out)
    return said


def undisturbed_import(url: str, keys: Path, *files: Path) -> Summary:
    """In this process, from one end to the other, by the same person as at the command line."""
    engine = connect(url)
    try:
        world = World(engine)
        with engine.connect() as connection:
            importer = Importer(
                connection,
                Keyring.load(keys),
                world.policies,
                now_and_today,
                who_asks(None),
                processes=PROCESSES,
            )
            return [importer.run(file) for file in files][-1]
    finally:
        engine.dispose()


def clone(url: str, name: str) -> str:
    """A copy of a database that nobody is connected to: the same people and account numbers."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        file = Path(str(parsed.database))
        copy = file.with_name(f"{file.stem}_{name}.db")
        shutil.copyfile(file, copy)
        return f"sqlite:///{copy}"
    server = Databases(parsed.set(database="postgres"))
    return server.create_database(f"{parsed.database}_{name}", parsed.database)


def drop(url: str) -> None:
    """Take a copy away again."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        Databases(parsed.set(database="postgres")).drop_database(str(parsed.database))


def timeless(url: str) -> dict[int, list[bytes]]:
    """The chain of every book as it would be had every entry been recorded at one instant.

    It covers all that an entry and its transfers hold, so two ledgers that differ in anything but the times
    of recording differ here. Registers are left out: they say when a run began, and begin anew with it.
    """
    engine = connect(url)
    e, t = tables.entry.c, tables.transfer.c
    recorded = microseconds(NOW)
    chains: dict[int, list[bytes]] = defaultdict(list)
    try:
        with engine.connect() as connection, connection.begin():
            moves: dict[tuple[int, int], list[tuple[int, int, int, int | None]]] = defaultdict(list)
            for book_id, seq, *move in connection.execute(
                select(t.book_id, t.seq, t.from_side, t.to_side, t.amount_fen, t.party_id).order_by(
                    t.book_id, t.seq, t.line
                )
            ):
                moves[book_id, seq].append((move[0], move[1], move[2], move[3]))
            for row in connection.execute(select(tables.entry).order_by(e.book_id, e.seq)):
                if party_of(row.book_id) is Party.REGISTER:
                    continue
                chain = chains[row.book_id]
                assert row.seq == len(chain) + 1
                content = canonical(
                    row.book_id, row.seq, row.kind, row.period, row.effective_on, row.fact_on, recorded,
                    row.current_year_after, row.carried_over_after, row.held_change, row.reserved_change,
                    row.target_seq, row.policy_version, row.caller, row.actor,
                    None if row.expires_at is None else microseconds(row.expires_at), row.idempotency_key,
                    row.request_digest, row.source_ref, row.detail, moves[row.book_id, row.seq],
                )  # fmt: skip
                chain.append(digest(chain[-1] if chain else genesis(row.book_id), content))
    finally:
        engine.dispose()
    return dict(chains)
