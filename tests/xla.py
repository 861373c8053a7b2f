"""How XLA compiles in the tests: with flags of which this jaxlib may know some alone."""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence

OLD_LOOPS = "--xla_cpu_use_fusion_emitters=false"
"""XLA's older generator of loops, which compiles in half the time and is gone in jaxlib 0.11.2.

Programs have the buffers that they have by default, to a tenth."""

ONE_PIECE = "--xla_cpu_parallel_codegen_split_count=1"
"""Programs whose parts are compiled one after another: a tenth less work, and all cores are busy
with other tests."""

CHEAP = (
    OLD_LOOPS,
    ONE_PIECE,
    *(["--xla_cpu_max_isa=AVX"] if platform.machine() == "x86_64" else []),
)
"""Where the older generator fuses products with sums, which AVX hasn't yet, arccos turns the
rounding on a ReLU kernel's diagonal into 1e-9."""


def flags(wanted: Sequence[str], own: str = "") -> str:
    """`XLA_FLAGS` of the user's own and those of `wanted` that this jaxlib knows.

    jaxlib ends a process that gives it a flag that it doesn't know, so another process tries them.

    Raises:
        RuntimeError: If the user's own flags end it.
    """
    given = " ".join([own, *wanted])
    answer = subprocess.run(
        [sys.executable, "-c", "from jaxlib import xla_client; xla_client.make_cpu_client()"],
        env={**os.environ, "XLA_FLAGS": given},
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode == 0:
        return given
    known = [flag for flag in wanted if flag not in answer.stderr]
    if len(known) == len(wanted):
        raise RuntimeError(f"jaxlib doesn't start with XLA_FLAGS={own!r}: {answer.stderr.strip()}")
    return flags(known, own)


FLAGS = flags(CHEAP, os.environ.get("XLA_FLAGS", ""))
"""Those of the test processes."""

HAS_OLD_LOOPS = OLD_LOOPS in FLAGS
