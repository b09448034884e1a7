"""One writer for the books of each machine of a cluster, so that one that is down stops only its own books.

A batch is one transaction: with one writer it would touch every machine, and wait for, or fail with, each.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial
from typing import Any

from sqlalchemy import Engine

from ledger.database.cluster import in_cluster, machine_of
from ledger.posting import Command, Outcome
from ledger.posting.writer import Stopped, Writer


class WriterByMachine(Writer):
    """A writer that hands what is about one book alone to the writer of the machine on which that lies.

    It posts the rest itself: what names people by their ID number, which lies elsewhere than their book, what
    needs several books, groups and bulks, and what is about a book of which nobody has asked yet where it
    lies. The others begin when they are needed.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._make = partial(Writer, *arguments, **named)
        self._by_machine: dict[int, Writer] = {}
        self._making = threading.Lock()
        self._stopped = False

    @property
    def by_machine(self) -> Mapping[int, Writer]:
        """Those that have begun, by the number that the cluster gives the machine."""
        return dict(self._by_machine)

    @property
    def is_dead(self) -> bool:
        """Whether one of the threads ended by a fault."""
        return super().is_dead or any(writer.is_dead for writer in self.by_machine.values())

    async def post(self, command: Command) -> Outcome:
        """Post one command in the next batch of its machine. Raises Overloaded, Stopped."""
        machine = _machine(command)
        if machine is None:
            return await super().post(command)
        return await self._of(machine).post(command)

    def stop(self) -> None:
        """Post what is waiting, then end. Blocks until all threads are gone."""
        with self._making:
            self._stopped = True
        for writer in self._by_machine.values():
            writer.stop()
        super().stop()

    def _of(self, machine: int) -> Writer:
        found = self._by_machine.get(machine)
        if found is not None:
            return found
        with self._making:
            if self._stopped:
                raise Stopped
            if machine not in self._by_machine:
                writer = self._make()
                writer.start()
                self._by_machine[machine] = writer
            return self._by_machine[machine]


def _machine(command: Command) -> int | None:
    """The machine on which all lies that a command needs; None where that is several, or not known."""
    beside = (command.others, command.named, command.persons, command.stakes, command.approval)
    if not isinstance(command.book, int) or command.else_book is not None or any(beside):
        return None
    return machine_of(command.book)


def writer_for(engine: Engine, *arguments: Any, **named: Any) -> Writer:
    """The writer of a process: one, or on a cluster one for each machine beside the common one."""
    kind = WriterByMachine if in_cluster(engine) else Writer
    return kind(engine, *arguments, **named)


def by_name(name: str, writer: Writer) -> dict[str, Writer]:
    """A writer and those that it hands on to, each by a name of its own."""
    if not isinstance(writer, WriterByMachine):
        return {name: writer}
    return {name: writer} | {f"{name}_{machine}": one for machine, one in writer.by_machine.items()}
