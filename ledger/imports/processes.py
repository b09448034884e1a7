"""Who posts the parts of a block: this process, or one process for each part, with a connection of its own.

Two processes overlap what Python does; two threads would take turns at it. What the other processes do
stands in `ledger.imports.worker`.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from multiprocessing.connection import Connection as Pipe
from socket import socketpair
from types import TracebackType
from typing import Self

from sqlalchemy import URL

from ledger.clock import Clock
from ledger.imports.blocks import Block
from ledger.imports.chunks import Chunk, Poster
from ledger.imports.rejected import ImportProblem
from ledger.imports.summary import Tally
from ledger.policy import Policy
from ledger.vault import KeyPlace

# blocks on their way at once: one is posted while the next one waits, so that nobody waits for the reader
IN_FLIGHT = 3
END_SECONDS_MAX = 30
_MODULE = "ledger.imports.worker"


class Here:
    """Posts in this process, one block after the other."""

    ways = 1

    def __init__(self, poster: Poster) -> None:
        self._poster = poster

    def post(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Post the blocks and give each back when all of it is committed, in their order."""
        for block in blocks:
            for part in block.parts:
                if part:
                    block.tally.add(self._poster.post(part))
            yield block

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Nothing to end: the connection is somebody else's."""


class Processes:
    """Posts in processes of their own, each with the books of one part."""

    def __init__(
        self,
        ways: int,
        url: URL,
        policies: Mapping[int, Policy],
        clock: Clock,
        kind: str,
        keys: KeyPlace | None = None,
    ) -> None:
        self.ways = ways
        self._pipes: list[Pipe] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        try:
            for _way in range(ways):
                self._start()
            for pipe in self._pipes:
                pipe.send((url, dict(policies), clock, kind, gc.get_threshold(), keys))
        except OSError as error:
            self._end()
            raise ImportProblem(f"no process to post could be started ({error.strerror})") from error

    def _start(self) -> None:
        # not by multiprocessing, whose children import the whole command line again
        ours, theirs = socketpair()
        with theirs:
            self._pipes.append(Pipe(ours.detach()))
            self._processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", _MODULE, str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    # stdout belongs to the answer of the command
                    stdout=subprocess.DEVNULL,
                    env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                    pass_fds=[theirs.fileno()],
                    # whoever interrupts the import is heard by the process that reads the file
                    start_new_session=True,
                )
            )

    def post(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Post the blocks and give each back when all of it is committed, in their order."""
        waiting: deque[Block] = deque()
        for block in blocks:
            if len(waiting) == IN_FLIGHT:
                yield self._answered(waiting.popleft())
            for pipe, part in zip(self._pipes, block.parts, strict=True):
                if part:
                    _send(pipe, part)
            waiting.append(block)
        while waiting:
            yield self._answered(waiting.popleft())

    def _answered(self, block: Block) -> Block:
        """The block with what all processes say about their parts of it."""
        for pipe, part in zip(self._pipes, block.parts, strict=True):
            if part:
                block.tally.add(_receive(pipe))
        return block

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._end()

    def _end(self) -> None:
        """Let each finish the chunk that it is posting, and end."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            try:
                process.wait(END_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _send(pipe: Pipe, part: Chunk) -> None:
    try:
        pipe.send(part)
    except OSError:
        while True:  # what it said last tells why it ended, and so does the end of what it said
            _receive(pipe)


def _receive(pipe: Pipe) -> Tally:
    try:
        answer: Tally | ImportProblem = pipe.recv()
    except (EOFError, OSError) as error:
        raise ImportProblem("a process that posts has ended; import the file again to go on") from error
    if isinstance(answer, ImportProblem):
        raise answer
    return answer
