"""What is known of a study before it is run; public names are in `study`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ntklib.studies._cells import Cell

Point = Mapping[str, Any]

LONGEST = 100
"""Bytes of a study's name, which file systems and the files' own names leave room for."""
_DEVICES = {"aux", "con", "nul", "prn"} | {f"com{i}" for i in range(10)}
_DEVICES |= {f"lpt{i}" for i in range(10)}
"""Names that Windows keeps for itself, with any ending."""


@dataclass(frozen=True)
class Axis:
    """An axis of a grid.

    Attributes:
      values: by scale: numbers, all whole or all floats, or names.
      unit: of the values; "1" for pure numbers.
      long_name: what it is.

    Example:
      >>> from ntklib import studies
      >>> width = studies.Axis({"quick": (16, 64), "book": (16, 64, 256)}, long_name="width m")
      >>> width.values["quick"], width.unit
      ((16, 64), '1')
    """

    values: Mapping[str, Sequence[Any]]
    unit: str = "1"
    long_name: str = ""


@dataclass(frozen=True)
class Variable:
    """An array that a study function returns.

    Attributes:
      unit: "1" for pure numbers.
      long_name: what it is.
      dims: its axes after `seed`. A variable that bears the name of one of them holds its
        coordinates: without an axis over the seeds, and the same in every cell.
      finite: whether NaN and infinite values are refused, before they are saved. False where they
        say something, such as a time that is never reached.

    Example:
      >>> from ntklib import studies
      >>> studies.Variable("1/time^2", "least ε for all t ≤ T", dims=("time",)).dims
      ('time',)
    """

    unit: str = "1"
    long_name: str = ""
    dims: tuple[str, ...] = ()
    finite: bool = True


@dataclass(frozen=True)
class Study:
    """A study function with what is known of it.

    Attributes:
      name: also of the folder in which its cells are saved: letters, digits, spaces, and any of
        `-_.,=()+`, but no space or dot at an end.
      description: a sentence.
      cell: (point, seeds, **settings) ↦ arrays by name. `point` has the value of each axis, `seeds`
        is an integer array of shape (b,), and each array has a leading axis over the seeds. The
        result of a seed must not depend on the other seeds. It has to be defined with `def`, in a
        file or notebook. It may read constants, functions and objects around it: saved cells are
        told apart by their values when the study is started, which it must not change.
      axes: by name, in the order of the dataset's dimensions.
      variables: what it returns, by name; empty for arrays over the seeds alone, without units.
      settings: keyword arguments of the function by scale.
      seeds: how many by scale.
      batch: seeds in one call.
      memory: (point, batch, settings) ↦ an estimate of the bytes that a call takes. One that has a
        further argument `device` is given the kind of device it is for by that name, such as "cpu".
      work: (point, settings) ↦ how long a call takes, in any unit, for the time left.

    Raises:
      ValueError: the name is none for a folder, or a variable or axis has a "/" in its name.

    Example:
      >>> import numpy as np
      >>> from ntklib import studies
      >>> def mean_error(point, seeds):
      ...     draws = [np.random.default_rng(seed).normal(size=point["n"]) for seed in seeds]
      ...     return {"error": np.array([abs(draw.mean()) for draw in draws])}
      >>> errors = studies.Study(
      ...     name="mean-error",
      ...     description="The error of a mean of n normal numbers.",
      ...     cell=mean_error,
      ...     axes={"n": studies.Axis({"quick": (10, 100)})},
      ...     variables={"error": studies.Variable("1")},
      ...     seeds={"quick": 4},
      ...     batch=2,
      ... )
      >>> found = studies.run(errors, scale="quick")
      >>> dict(found.sizes), found.error.attrs["units"]
      ({'n': 2, 'seed': 4}, '1')
    """

    name: str
    description: str
    cell: Cell
    axes: Mapping[str, Axis] = field(default_factory=dict)
    variables: Mapping[str, Variable] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seeds: Mapping[str, int] = field(default_factory=dict)
    batch: int = 8
    memory: Callable[..., float] | None = None
    work: Callable[[Point, Mapping[str, Any]], float] | None = None

    def __post_init__(self) -> None:
        """Checks the names that become those of a folder, and of what a file holds."""
        require_folder_name(self.name)
        for variable in self.variables.values():
            require_names(variable.dims)
        require_names([*self.axes, *self.variables])


def require_folder_name(name: str) -> None:
    """Raises a ValueError unless a folder can have this name on every system."""
    plain = all(letter.isalnum() or letter in "-_.,=()+ " for letter in name)
    bare = name.partition(".")[0].strip().lower()
    if not name or not plain or name != name.strip(" .") or bare in _DEVICES:
        raise ValueError(
            f"name must be one that a folder can have everywhere, got {name!r}: take letters, "
            "digits, spaces, and any of -_.,=()+, without a space or dot at an end."
        )
    if len(name.encode()) > LONGEST:
        raise ValueError(f"name must have at most {LONGEST} bytes, got {len(name.encode())}.")


def require_names(names: Iterable[str]) -> None:
    """Raises a ValueError for what no variable of a dataset in a file can be called."""
    for name in names:
        if not name or not {"/", "\0"}.isdisjoint(name):
            raise ValueError(f"{name!r} is no name for an axis or variable: take one without /.")
