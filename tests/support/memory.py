"""Where the databases of a test run lie: in memory, if there is enough of it."""

import shutil
from pathlib import Path

MEMORY = Path("/dev/shm")
NEEDED = 2 << 30  # a run has less than half of it at a time; a container's shared memory is often 64 MB


def memory_folder() -> Path | None:
    """A folder whose files are in memory, or None where there is none or too small a one."""
    try:
        return MEMORY if shutil.disk_usage(MEMORY).free >= NEEDED else None
    except OSError:
        return None
