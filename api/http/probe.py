"""A look at the database that waits for nobody: one thread and one connection for `/readyz` alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from api.http.errors import Declined, database_is_gone
from api.http.problems import DoorCode

# whoever asks is answered within two seconds, with something left for the way
ANSWER_SECONDS: Final = 1.2

# what stands against sending anything here, or None
Look = Callable[[Any], DoorCode | None]


class Probe:
    """Asks a question of `engine`. However many ask at once, the database is asked once."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self._thread = ThreadPoolExecutor(1, "ledger-probe")
        self._asking: asyncio.Future[DoorCode | None] | None = None

    def stop(self) -> None:
        self._thread.shutdown(cancel_futures=True)

    async def ask(self, look: Look) -> DoorCode | None:
        """What the look says. Raises Declined(database_unavailable) when it takes too long."""
        if self._asking is None or self._asking.done():
            loop = asyncio.get_running_loop()
            self._asking = loop.run_in_executor(self._thread, self._look, look)
            # nobody may be left to hear of what it raises
            self._asking.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            return await asyncio.wait_for(asyncio.shield(self._asking), ANSWER_SECONDS)
        except TimeoutError:
            raise Declined(DoorCode.DATABASE_UNAVAILABLE) from None

    def _look(self, look: Look) -> DoorCode | None:
        try:
            return look(self.engine)
        except Exception as error:
            if not database_is_gone(error):
                raise
            # the connection may be of a database that was started anew since
            return look(self.engine)
