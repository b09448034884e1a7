"""A process that posts for an import: `python -m ledger.imports.work FD`, started by the import itself.

It takes chunks from a socket and answers each with its tally, when that is committed. It ends when the socket
closes: with the import, however that ends, after the chunk that it is posting.
"""

from __future__ import annotations

import gc
import logging
import sys
from contextlib import suppress
from multiprocessing.connection import Connection as Pipe
from queue import SimpleQueue
from threading import Thread

from sqlalchemy.exc import SQLAlchemyError

from ledger.database.engines import connect, for_posting
from ledger.imports.chunks import Chunk, Poster, database_problem
from ledger.imports.rejected import ImportProblem
from ledger.people.persons import number_opener
from ledger.vault import Keyring, KeyringError

_log = logging.getLogger(__name__)


def work(pipe: Pipe) -> None:
    """Post what comes down the pipe until it closes."""
    url, policies, clock, kind, thresholds, keys = pipe.recv()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*thresholds)
    # read ahead, so that neither end ever waits with a full pipe for the other one to read
    chunks: SimpleQueue[Chunk | None] = SimpleQueue()
    Thread(target=_read_ahead, args=(pipe, chunks), daemon=True).start()
    engine = for_posting(connect(url))
    try:
        with engine.connect() as connection:
            keyring = None if keys is None else Keyring.load(keys)
            reveal = None if keyring is None else number_opener(keyring)
            seal = None if keyring is None else keyring.seal_bytes
            poster = Poster(connection, policies, clock, kind=kind, reveal=reveal, seal=seal)
            while (chunk := chunks.get()) is not None:
                _say(pipe, poster.post(chunk))
    except ImportProblem as problem:
        _say(pipe, problem)
    except KeyringError as error:
        _say(pipe, ImportProblem(str(error)))
    except SQLAlchemyError as error:
        _say(pipe, database_problem(error))
    except Exception as fault:  # noqa: BLE001  told to whoever waits for the answer
        _log.exception("a process that posts met a fault")
        _say(pipe, ImportProblem(f"a process that posts met a fault ({type(fault).__name__})"))
    finally:
        engine.dispose()


def _read_ahead(pipe: Pipe, chunks: SimpleQueue[Chunk | None]) -> None:
    try:
        while True:
            chunks.put(pipe.recv())
    except (EOFError, OSError):
        chunks.put(None)


def _say(pipe: Pipe, answer: object) -> None:
    with suppress(OSError):  # nobody is there any more; the next chunk is the end
        pipe.send(answer)


if __name__ == "__main__":
    with Pipe(int(sys.argv[1])) as pipe, suppress(EOFError):
        work(pipe)
