"""The memory that this machine, or the container that the process runs in, has left.

Needs no JAX, which takes a GPU for its process.
"""

from pathlib import Path

import psutil

# Where Linux says what a container may use and uses: version 2 of control groups, then 1.
_LIMITS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)


def available() -> int:
    """Returns the bytes of memory that are left."""
    left = int(psutil.virtual_memory().available)
    for limit, used in _LIMITS:
        try:
            held = int(Path(used).read_text()) - _page_cache(Path(used).with_name("memory.stat"))
            left = min(left, int(Path(limit).read_text()) - held)
        except (OSError, ValueError):  # no container, or one without a limit ("max")
            continue
    return max(left, 0)


def _page_cache(statistics: Path) -> int:
    """Returns the bytes of files that a container's use counts, but Linux gives back on demand."""
    try:
        counts = dict(line.split() for line in statistics.read_text().splitlines())
    except (OSError, ValueError):  # then all that is used counts
        return 0
    # In version 1 the second is without the groups below.
    return int(counts.get("total_inactive_file", counts.get("inactive_file", 0)))
