"""The process of one side: prepares, repeats its work when told to, and hands over the result.

One JSON request a line comes in through standard input and is answered by one line, so that the
parent can let several such processes take turns while the others wait. Besides its side it
imports nothing but NumPy, because PyTorch's peers run in an environment without JAX.
"""

import importlib
import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Outcome:
    """What one repetition computed.

    Attributes:
      arrays: the results by name, to be compared with the other sides'.
      units: how many units of the job's work were done, such as gradient evaluations.
      seconds: the time that counts where it isn't the wall time, as in an extrapolation.
    """

    arrays: dict[str, np.ndarray]
    units: float = 1.0
    seconds: float | None = None


Run = Callable[[], Outcome]
Setup = Callable[[Path, dict[str, Any]], Run]
"""(folder with the inputs, size) ↦ the work to be timed."""


class UnavailableError(Exception):
    """Says why this machine can't run a side; its rows are skipped."""


def peak_memory() -> float:
    """Returns the most memory this process has held at once, in MB (10⁶ bytes)."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux also counts in ru_maxrss what the parent held when it started this process.
        lines = status.read_text(encoding="ascii").splitlines()
        (peak,) = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
        return int(peak) * 1024 / 1e6
    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return usage / 1e6 if sys.platform == "darwin" else usage * 1024 / 1e6


class _Side:
    """One side's state between requests."""

    def __init__(self) -> None:
        self.run: Run | None = None
        self.outcome: Outcome | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Does what a request asks for."""
        if request["do"] == "prepare":
            module, function = request["target"].split(":")
            setup: Setup = getattr(importlib.import_module(module), function)
            imported = peak_memory()
            self.run = setup(Path(request["folder"]), request["size"])
            return {"imported": imported}
        if request["do"] == "run" and self.run is not None:
            start = time.perf_counter()
            self.outcome = self.run()
            wall = time.perf_counter() - start
            counted = wall if self.outcome.seconds is None else self.outcome.seconds
            return {"wall": wall, "seconds": counted / self.outcome.units, "peak": peak_memory()}
        if request["do"] == "save" and self.outcome is not None:
            for name, array in self.outcome.arrays.items():
                np.save(f"{request['stem']}-{name}.npy", array)
            return {"names": sorted(self.outcome.arrays)}
        raise ValueError(f"{request['do']!r} asked too early: prepare first, then run, then save.")


def serve() -> None:
    """Answers requests until standard input ends."""
    # What libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    side = _Side()
    for line in sys.stdin:
        try:
            answer = side.answer(json.loads(line))
        except UnavailableError as reason:
            answer = {"unavailable": str(reason)}
        except Exception as error:  # whatever it is, the parent reports it
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
