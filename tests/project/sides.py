"""Sides of benchmarks, which the tests let measure each other in processes of their own."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import floors, rows
from benchmarks.checks import within
from benchmarks.measure import measure
from benchmarks.model import Job, Pair, Reach, Side
from benchmarks.processes import TorchEnvironment
from benchmarks.worker import Outcome, Run, UnavailableError

NOWHERE = TorchEnvironment(Path("nowhere"))


def no_inputs(folder: Path, size: dict[str, Any]) -> None:
    """Writes nothing."""


def no_disk(folder: Path, size: dict[str, Any]) -> None:
    raise OSError("no space left")


def _returning(value: float) -> Run:
    return lambda: Outcome({"values": np.full(3, value)}, units=4.0)


def one(folder: Path, size: dict[str, Any]) -> Run:
    return _returning(1.0)


def two(folder: Path, size: dict[str, Any]) -> Run:
    return _returning(2.0)


def roomy(folder: Path, size: dict[str, Any]) -> Run:
    held = np.ones(25_000_000)  # 200 MB
    return _returning(held[0])


def slow_at_first(folder: Path, size: dict[str, Any]) -> Run:
    calls: list[int] = []

    def run() -> Outcome:
        calls.append(1)
        time.sleep(0.5 if len(calls) == 1 else 0.1)
        return Outcome({"values": np.ones(3)}, seconds=7.0)

    return run


def talkative(folder: Path, size: dict[str, Any]) -> Run:
    sys.stdout.write("a library's banner\n")
    unset = not {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "JAX_COMPILATION_CACHE_DIR"} & {
        *os.environ
    }
    return _returning(float(unset))


def refusing(folder: Path, size: dict[str, Any]) -> Run:
    raise ValueError("this side refuses")


def ending(folder: Path, size: dict[str, Any]) -> Run:
    def run() -> Outcome:
        sys.stderr.write("last words\n")
        os._exit(3)

    return run


def unavailable(folder: Path, size: dict[str, Any]) -> Run:
    raise UnavailableError("no compiler")


def endless(folder: Path, size: dict[str, Any]) -> Run:
    time.sleep(60)
    return _returning(0.0)


def job_of(*peers: Callable[..., Any], ours: Callable[..., Any] = one, reach: Reach) -> Job:
    """Returns a job of one row for each peer."""
    names = [function.__name__ for function in (ours, *peers)]
    return Job(
        name="trial",
        inputs="sides:no_inputs",
        size={"n": 3, "precision": "float64"},
        quick={},
        sides={name: Side(name, f"sides:{name}") for name in names},
        pairs=tuple(
            Pair(f"{names[0]}-{name}", names[0], name, reach, "sleep") for name in names[1:]
        ),
        stages=lambda size: [floors.Stage("work", 100.0 * size["n"])],
        check=within(1e-6),
    )


def measured(job: Job, folder: Path) -> tuple[list[rows.Row], list[str]]:
    """Returns the rows and the progress lines of a job at its quick size."""
    said: list[str] = []
    return measure(job, folder, NOWHERE, quick=True, say=said.append), said
