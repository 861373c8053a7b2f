"""One call of a study's function: what it is given, with which numerics, what it may return."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from ntklib import _device, _fingerprint
from ntklib.studies import _memory, _reads
from ntklib.studies._store import Arrays

Cell = Callable[..., Mapping[str, Any]]
"""(point, seeds, **settings) ↦ arrays by name, each with a leading axis over the seeds."""


@dataclass(frozen=True)
class Numerics:
    """The settings of JAX that decide how numbers are drawn and rounded.

    Attributes:
      x64: whether double precision is on.
      matmul_precision: JAX's default of matrix products; None for the device's own.
      generator: JAX's default pseudo-random generator.
      partitionable: whether the generator's numbers are the same however an array is sharded.
    """

    x64: bool
    matmul_precision: str | None
    generator: str
    partitionable: bool

    @classmethod
    def current(cls) -> "Numerics":
        """Returns those that JAX is in."""
        return cls(*(getattr(jax.config, each) for each in _FLAGS))

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Puts this thread into them."""
        if self == Numerics.current():  # what is compiled already stays of use
            yield
            return
        with (
            jax.enable_x64(self.x64),
            jax.default_matmul_precision(self.matmul_precision),
            jax.default_prng_impl(self.generator),
            jax.threefry_partitionable(self.partitionable),
        ):
            yield


_FLAGS = (
    "jax_enable_x64",
    "jax_default_matmul_precision",
    "jax_default_prng_impl",
    "jax_threefry_partitionable",
)


@dataclass(frozen=True)
class Task:
    """A call of a study's function, for this process or another one.

    Attributes:
      cell: the function.
      point: the value of each axis.
      seeds: of the batch; none for what isn't drawn.
      settings: its keyword arguments.
      outer: names of the variables that have no axis over the seeds.
      numerics: to compute in.
      function: fingerprint of the function's source and of what it reads.
      library: fingerprint of the library.
      device: kind of the device to compute on.
    """

    cell: Cell
    point: dict[str, Any]
    seeds: tuple[int, ...]
    settings: dict[str, Any]
    outer: tuple[str, ...]
    numerics: Numerics
    function: str
    library: str
    device: str


def evaluate(task: Task) -> Arrays:
    """Calls the function and checks what it returns.

    Raises:
      TypeError: it returned no dict, or something that is no array of numbers or text.
      ValueError: an array has no leading axis over the seeds.
      Exception: whatever the function raises, with a note that names the cell.
    """
    try:
        with task.numerics.active():
            found = task.cell(dict(task.point), np.asarray(task.seeds), **task.settings)
            return checked(found, task.outer, task.seeds)
    except Exception as problem:
        seeds = f", seeds {task.seeds[0]} to {task.seeds[-1]}" if task.seeds else ""
        problem.add_note(f"In the cell {_memory.label(task.point)}{seeds}.")
        raise


def evaluate_elsewhere(task: Task) -> Arrays:
    """Calls the function in a worker, which must have the same code and kind of device.

    Raises:
      RuntimeError: it has not.
    """
    own = {"ntklib": _fingerprint.library(), "device": _device.kind()}
    asked = {"ntklib": task.library, "device": task.device}
    if task.cell.__module__ != "__main__":  # from there it comes with the task, source and all
        own["function"], asked["function"] = _reads.fingerprint(task.cell)[0], task.function
    differ = [name for name in own if own[name] != asked[name]]
    if differ:
        named = ", ".join(f"{name} ({own[name]}, not {asked[name]})" for name in differ)
        raise RuntimeError(
            f"this worker differs from the study's process in {named}: give both the same code "
            "and packages, and the same values of what the function reads; then start the worker "
            "anew."
        )
    return evaluate(task)


def checked(found: Any, outer: Sequence[str], seeds: Sequence[int]) -> Arrays:
    """Returns what a function returned as arrays.

    Args:
      found: should be a dict of arrays by name.
      outer: names of the arrays that have no axis over the seeds.
      seeds: of the batch.

    Raises:
      TypeError: it is no dict, or has something that is no array of numbers or text.
      ValueError: an array has no leading axis over the seeds, or a name is none for a file.
    """
    if not isinstance(found, Mapping) or not found:
        raise TypeError(
            "the study function must return a dict of arrays by name, "
            f"got {type(found).__name__ if not isinstance(found, Mapping) else 'an empty one'}."
        )
    arrays = {}
    for name, value in found.items():
        array = np.asarray(value)
        if array.dtype.kind not in "biufU":
            raise TypeError(
                f"the study function returned {name!r} of type {array.dtype}: return arrays of "
                "real numbers, True and False, or text."
            )
        if name not in outer and array.shape[:1] != (len(seeds),):
            raise ValueError(
                f"the study function returned {name!r} of shape {array.shape}: its first axis "
                f"must count the {len(seeds)} seeds."
            )
        arrays[str(name)] = array
    return arrays
