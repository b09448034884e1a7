"""Messages under way: each webhook's is sent in a thread of its own, so who is slow holds up no other.

The threads send and do nothing else: what the database says and is told stands in one connection, that of
whoever starts them. No thread outlives a process that ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple

from ledger.events.webhooks import Webhook

SENT_AT_ONCE: Final = 32
"""How many messages are under way at most."""

FAILING_AT_ONCE: Final = 16
"""How many of these go to webhooks that did not take the last one: places stay free for those that do."""

Send = Callable[[str, Mapping[str, str], bytes], str]


class Letter(NamedTuple):
    """A message as it is sent: to whom, up to which position, what it says."""

    webhook: Webhook
    last: int
    headers: Mapping[str, str]
    body: bytes


class Came(NamedTuple):
    """What came of a letter; or the fault that sending it broke with."""

    letter: Letter
    result: str
    fault: BaseException | None = None


class UnderWay:
    """The letters that are being sent, at most one a webhook."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._letters: dict[str, Letter] = {}
        self._came: SimpleQueue[Came] = SimpleQueue()
        # what was waited for and is not asked for yet
        self._first: list[Came] = []

    def __len__(self) -> int:
        return len(self._letters)

    def has_place_for(self, webhook: Webhook) -> bool:
        """Whether a letter to it can be sent now: none is under way, and not too many others are."""
        if webhook.name in self._letters or len(self._letters) >= SENT_AT_ONCE:
            return False
        failing = sum(one.webhook.tries > 0 for one in self._letters.values())
        return webhook.tries == 0 or failing < FAILING_AT_ONCE

    def start(self, letter: Letter) -> None:
        """Send a letter, for which there is a place."""
        self._letters[letter.webhook.name] = letter
        threading.Thread(target=self._run, args=(letter,), name="webhook", daemon=True).start()

    def wait(self, seconds: float) -> None:
        """Wait until something came of one of them, at most so long."""
        if not self._first:
            try:
                self._first.append(self._came.get(timeout=seconds))
            except Empty:
                return

    def ended(self) -> list[Came]:
        """What came of letters since this was asked last."""
        found, self._first = self._first, []
        while True:
            try:
                found.append(self._came.get_nowait())
            except Empty:
                break
        for one in found:
            del self._letters[one.letter.webhook.name]
        return found

    def _run(self, letter: Letter) -> None:
        try:
            came = Came(letter, self._send(letter.webhook.url, letter.headers, letter.body))
        except BaseException as fault:  # noqa: BLE001  raised by whoever asks what came
            came = Came(letter, "", fault)
        self._came.put(came)
