"""Study functions in a module of their own, which other processes can import; they need no JAX.

Each evaluation leaves a file behind, so that tests can count them wherever they happened.
"""

import os
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np


def logged(
    point: Mapping[str, Any], seeds: np.ndarray, *, log: str, pause: float = 0.0
) -> dict[str, Any]:
    """√n plus a draw of each seed, after a pause."""
    name = f"{point['n']}-{seeds[0]}-{os.getpid()}-{uuid.uuid4().hex}"
    (Path(log) / name).touch()
    time.sleep(pause)
    draws = [np.random.default_rng(seed).normal() for seed in seeds]
    return {"value": np.sqrt(point["n"]) + np.array(draws)}


def evaluations(log: Path) -> Counter[tuple[int, int]]:
    """How often each cell, by n and first seed, was evaluated."""
    return Counter(
        (int(path.name.split("-")[0]), int(path.name.split("-")[1])) for path in _in(log)
    )


def processes(log: Path) -> set[int]:
    """The processes that evaluated something."""
    return {int(path.name.split("-")[2]) for path in _in(log)}


def wait_for(condition: Callable[[], Any], seconds: float = 300.0) -> None:
    """Returns when the condition holds, or fails."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)


def _in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def precision(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    """The type of JAX's floating-point numbers, as the process that evaluates has it."""
    import jax.numpy as jnp

    return {"type": np.array([str(jnp.ones(()).dtype)] * len(seeds))}


def failing(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    """Fails at n = 2."""
    if point["n"] == 2:
        raise ZeroDivisionError("no such n")
    return {"value": np.ones(len(seeds))}
