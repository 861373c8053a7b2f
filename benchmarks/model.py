"""What a job is made of; `jobs` lists them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.floors import Size, Stage

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Side:
    """One implementation.

    Attributes:
      label: its name in the table.
      target: "module:function" of its set-up.
      torch: whether it runs in PyTorch's environment.
      note: what a reader should know of how it was measured.
    """

    label: str
    target: str
    torch: bool = False
    note: str = ""


@dataclass(frozen=True)
class Reach:
    """What a row is meant to show; None where nothing is asked.

    Attributes:
      ratio: the peer's time is at least this many times ours.
      floor: our time is at most this many floors.
      memory: our process holds at most this many MB.
      error: our result is at most this far from the reference.
      exactness: the peer's error is at least this many times ours.
    """

    ratio: float | None = None
    floor: float | None = None
    memory: float | None = None
    error: float | None = None
    exactness: float | None = None


@dataclass(frozen=True)
class Agreement:
    """How far two results are apart.

    Attributes:
      difference: between the sides, relative to the largest value.
      allowed: the largest difference at which both have computed the same thing.
      errors: ours and the peer's from an exact reference, where there is one.
    """

    difference: float
    allowed: float
    errors: tuple[float, float] | None = None


Check = Callable[[Arrays, Arrays, Path], Agreement]


@dataclass(frozen=True)
class Pair:
    """One row.

    Attributes:
      name: of the row.
      ours: key of one of the job's sides.
      peer: key of another.
      reach: what is to be reached.
      limit: what limits us where that isn't reached.
    """

    name: str
    ours: str
    peer: str
    reach: Reach
    limit: str


@dataclass(frozen=True)
class Job:
    """Sides that take turns on one input, and the rows made of them.

    Attributes:
      name: for `--jobs`.
      inputs: "module:function" that writes the inputs.
      size: of the measurement; "precision" is the one whose rate makes the floor.
      quick: what differs with `--quick`.
      sides: by key.
      pairs: the rows.
      stages: size ↦ the counted work of one unit.
      check: compares two results.
      unit: what one unit of work is.
    """

    name: str
    inputs: str
    size: Size
    quick: Size
    sides: dict[str, Side]
    pairs: tuple[Pair, ...]
    stages: Callable[[Size], list[Stage]]
    check: Check
    unit: str = "run"
