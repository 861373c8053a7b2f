"""A study with every choice made: its cells, and what determines each."""

import inspect
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ntklib import _arguments, _checks, _fingerprint
from ntklib._scale import SCALES
from ntklib.studies import _reads, _store
from ntklib.studies._cells import Numerics, Task
from ntklib.studies._study import Axis, Study, Variable


@dataclass(frozen=True)
class Job:
    """A cell: a grid point and a batch of seeds."""

    point: Mapping[str, Any]
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """A study with every choice made."""

    study: Study
    axes: Mapping[str, tuple[Any, ...]]
    seeds: tuple[int, ...]
    settings: Mapping[str, Any]
    numerics: Numerics
    function: str
    reads: Mapping[str, str]
    jobs: tuple[Job, ...]

    def common(self, device: str) -> dict[str, Any]:
        """Returns what determines all cells alike, as JSON can hold it."""
        return {
            "study": self.study.name,
            "function": f"{self.study.cell.__module__}.{self.study.cell.__qualname__}",
            "function_fingerprint": self.function,
            "settings": _store.plain("settings", self.settings),
            "ntklib_fingerprint": _fingerprint.library(),
            "device": device,
            **asdict(self.numerics),
        }

    def configuration(self, job: Job, device: str) -> dict[str, Any]:
        """Returns what determines a cell."""
        point = _store.plain("axes", job.point)
        return self.common(device) | {"point": point, "seeds": list(job.seeds)}

    def task(self, job: Job, device: str) -> Task:
        """Returns the call that computes a cell."""
        return Task(
            cell=self.study.cell,
            point=dict(job.point),
            seeds=job.seeds,
            settings=dict(self.settings),
            outer=tuple(coordinates(self.study.variables)),
            numerics=self.numerics,
            function=self.function,
            library=_fingerprint.library(),
            device=device,
        )

    def work(self, index: int) -> float:
        """Returns how long a cell takes, in any unit."""
        estimate = self.study.work
        return 1.0 if estimate is None else float(estimate(self.jobs[index].point, self.settings))


def make(
    study: Study,
    axes: Mapping[str, Sequence[Any]] | None,
    seeds: int | Sequence[int] | None,
    scale: str,
    settings: Mapping[str, Any] | None,
    batch: int | None,
) -> Plan:
    """Makes every choice that `studies.run` leaves open, and checks the others."""
    _arguments.choice("scale", scale, SCALES)
    function, reads = _reads.fingerprint(study.cell)
    study = study if batch is None else replace(study, batch=batch)
    size = _checks.whole_number("batch", study.batch, least=1)
    chosen_axes = grid(study.axes, dict(axes or {}), scale)
    further = {dim for variable in study.variables.values() for dim in variable.dims}
    require_distinct({*study.variables, *further}, chosen_axes)
    chosen = numbered(study.seeds.get(scale) if seeds is None else seeds)
    known = _settings(study, dict(study.settings.get(scale, {})) | dict(settings or {}))
    blocks = [
        range(size * block, size * (block + 1)) for block in sorted({s // size for s in chosen})
    ]
    points = [
        dict(zip(chosen_axes, values, strict=True))
        for values in itertools.product(*chosen_axes.values())
    ]
    return Plan(
        study=study, axes=chosen_axes, seeds=chosen, settings=known,
        numerics=Numerics.current(), function=function, reads=reads,
        jobs=tuple(Job(point, tuple(block)) for point in points for block in blocks),
    )  # fmt: skip


def _settings(study: Study, given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what is given and the function's own defaults for the rest.

    Raises:
      ValueError: the function doesn't take these settings, or needs others.
    """
    parameters = list(inspect.signature(study.cell).parameters.values())[2:]
    named = {each.name: each.default for each in parameters if each.kind != each.VAR_KEYWORD}
    unknown = set(given) - set(named)
    if unknown and len(named) == len(parameters):
        choices = ", ".join(named) or "none"
        raise ValueError(
            f"{study.name} has no setting {', '.join(sorted(unknown))}: choose from {choices}."
        )
    chosen = named | dict(given)
    if missing := [name for name, value in chosen.items() if value is inspect.Parameter.empty]:
        raise ValueError(f"the setting {', '.join(missing)} of {study.name} is missing.")
    return chosen


MOST_SEEDS = 2**32
"""Keys of JAX take 32 bits."""


def grid(
    known: Mapping[str, Axis], given: Mapping[str, Sequence[Any]], scale: str
) -> dict[str, tuple[Any, ...]]:
    """Returns the values of every axis as Python's own numbers or text.

    Those that are given for an axis that the study has become of its own type.

    Raises:
      ValueError: unknown, empty or repeated values, of several types, or an axis named seed.
    """
    if "seed" in given:
        raise ValueError("the axis seed is not among axes: give it as seeds=.")
    unknown = [name for name in given if known and name not in known]
    if unknown:
        raise ValueError(
            f"the study has no axis {', '.join(unknown)}: choose from {', '.join(known)}."
        )
    chosen = {name: given.get(name, axis.values.get(scale, ())) for name, axis in known.items()}
    chosen.update(given)
    return {name: _axis(name, list(values), known.get(name)) for name, values in chosen.items()}


def _axis(name: str, values: list[Any], axis: Axis | None) -> tuple[Any, ...]:
    if not values:
        raise ValueError(f"the axis {name} is empty: give at least one value.")
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "biufU":
        raise ValueError(f"the axis {name} must list numbers or names, got {values}.")
    if len({isinstance(value, str) for value in values}) > 1:
        raise ValueError(f"the axis {name} mixes names and numbers: {values}.")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ValueError(f"the axis {name} has NaN for a value: {values}.")
    if axis is not None:
        array = _of_kind(name, array, axis)
    if len(np.unique(array)) < len(array):
        raise ValueError(f"the axis {name} has a value twice: {array.tolist()}.")
    return tuple(array.tolist())


def _of_kind(name: str, array: np.ndarray, axis: Axis) -> np.ndarray:
    """Returns values as the type of the axis' own, if that changes none of them."""
    own = np.asarray([value for each in axis.values.values() for value in each])
    if own.dtype.kind == "U" and array.dtype.kind == "U":
        return array
    if "U" not in (own.dtype.kind, array.dtype.kind):
        with np.errstate(invalid="ignore"):  # ∞ is no whole number
            cast = array.astype(own.dtype)
        if np.array_equal(cast, array):
            return cast
    raise ValueError(f"the axis {name} takes values such as {own[0]}, got {array.tolist()}.")


def numbered(given: int | Sequence[int] | None) -> tuple[int, ...]:
    """Returns the seeds: those of a sequence, or so many from 0.

    Raises:
      TypeError: a seed is no whole number.
      ValueError: there is none, one is repeated, or not between 0 and 2³² − 1.
    """
    if given is None:
        raise ValueError("seeds is missing: say how many, such as seeds=16.")
    if np.ndim(given):
        chosen = tuple(_whole_number("a seed", seed, least=0) for seed in np.asarray(given, object))
    else:
        chosen = tuple(range(_whole_number("seeds", given, least=1)))
    if not chosen:
        raise ValueError("seeds is empty: give at least one.")
    if len(set(chosen)) < len(chosen):
        raise ValueError(f"seeds has one twice: {list(chosen)}.")
    if max(chosen) >= MOST_SEEDS:
        raise ValueError(f"seeds must lie between 0 and 2**32 - 1, got {list(chosen)}.")
    return chosen


def _whole_number(name: str, given: Any, *, least: int) -> int:
    try:
        return _checks.whole_number(name, None if isinstance(given, bool) else given, least=least)
    except TypeError:
        raise TypeError(
            f"{name} must be a whole number, got {given!r}: say how many, such as seeds=16, or "
            "which ones, such as seeds=[0, 5]."
        ) from None


def coordinates(variables: Mapping[str, Variable]) -> list[str]:
    """Returns which variables hold the coordinates of a further dimension."""
    dims = {dim for variable in variables.values() for dim in variable.dims}
    return [name for name in variables if name in dims]


def require_distinct(names: Iterable[str], axes: Iterable[str]) -> None:
    """Raises a ValueError if a variable or further dimension is named as an axis is."""
    if clash := sorted(set(names) & {*axes, "seed"}):
        raise ValueError(
            f"the study returns {', '.join(clash)}, which is an axis of it: give it another name."
        )
