"""The process of a run that HTTP started: `python -m ledger.operations.started KIND PERIOD AREA [older]`.

It does what the operator's command does. Whoever started it reads one word on standard output, once it is
known whether the run goes on here; standard error is the file that keeps what the command would print.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from ledger.operations.cli import Answer, tell
from ledger.operations.output import KeptOutput
from ledger.operations.places import GoesOn, NoPlace
from ledger.operations.runs import RUNS, perform
from ledger.settings import Settings

UNDER_WAY = "under_way"
GOES_ON = "goes_on"
NO_PLACE = "no_place"
# the last argument, where an older period was asked for expressly
OLDER = "older"


def main(arguments: Sequence[str]) -> int:
    """Do the run; the exit code of the process."""
    kind, period, area, *more = arguments
    output = KeptOutput(sys.stderr.fileno())
    # after the last word of the interpreter, which is why an unexpected fault ended it
    atexit.register(output.close)
    asked_by = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdout = sys.stderr = output

    def say(word: str) -> None:
        # whoever started it may be gone by now, and it goes on all the same
        with suppress(BrokenPipeError):
            os.write(asked_by, f"{word}\n".encode())
        os.close(asked_by)

    def begun() -> None:
        # only now: until here the file is that of a run which may still go on
        output.begin_anew()
        say(UNDER_WAY)

    def work() -> Answer:
        older = more == [OLDER]
        return perform(RUNS[kind], int(period), int(area), Settings.load(), begun, older=older)

    try:
        return tell(work, passing=(GoesOn, NoPlace))
    except GoesOn:
        say(GOES_ON)
    except NoPlace:
        say(NO_PLACE)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
