"""The dataset of a study, and whether its cells fit it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from ntklib.studies import _memory, _plan, _store
from ntklib.studies._plan import Job, Plan
from ntklib.studies._store import Arrays
from ntklib.studies._study import Axis, Variable

_LABEL = "_label"
"""Of the dimension that an axis with ∞ gets."""


def check(plan: Plan, first: Arrays, arrays: Arrays, job: Job) -> None:
    """Checks that a cell's arrays fit the study and the first cell's.

    Raises:
      ValueError: other variables than the study or the first cell has, arrays of another shape or
        with another number of axes, other coordinates, or values that aren't finite and should be.
    """
    known = plan.study.variables
    names = set(known or first)
    _plan.require_distinct(first, plan.axes)
    where = f"the cell {_memory.label(job.point)}, seeds {job.seeds[0]} to {job.seeds[-1]},"
    if set(arrays) != names:
        raise ValueError(
            f"{where} returned {', '.join(sorted(arrays))} and should return "
            f"{', '.join(sorted(names))}."
        )
    outer = _plan.coordinates(known)
    for name, array in arrays.items():
        if array.shape != first[name].shape:
            raise ValueError(
                f"{where} returned {name!r} of shape {array.shape}, another one of shape "
                f"{first[name].shape}: they must agree."
            )
        dims = known[name].dims if known else ()
        further = array.ndim - (name not in outer)
        if further != len(dims):
            raise ValueError(
                f"{where} returned {name!r} with {further} axes after that of the seeds, and the "
                f"study names {len(dims)}: name them in its variables (dims)."
            )
        real = array.dtype.kind == "f"
        if name in outer and not np.array_equal(array, first[name], equal_nan=real):
            raise ValueError(f"{where} returned other coordinates {name!r} than another one.")
        if real and (name not in known or known[name].finite):
            _require_finite(f"{where} returned {name!r}", array, () if name in outer else job.seeds)


def _require_finite(what: str, array: np.ndarray, seeds: Sequence[int]) -> None:
    places = np.argwhere(~np.isfinite(array))
    if not len(places):
        return
    first = array[tuple(places[0])]
    of_seed = f", {first} first, of seed {seeds[places[0][0]]}" if seeds else ""
    raise ValueError(
        f"{what} with {len(places)} NaN or infinite value(s) among {array.size}{of_seed}, and was "
        "not saved: find out where they come from, or let the study expect them "
        "(variables={...: Variable(finite=False)})."
    )


def form(plan: Plan, arrays: Arrays) -> str:
    """Returns what the arrays of all cells have in common: shapes and coordinates."""
    outer = _plan.coordinates(plan.study.variables)
    return repr([(n, a.shape, a.tolist() if n in outer else 0) for n, a in sorted(arrays.items())])


def assemble(
    plan: Plan, found: Sequence[Arrays], device: str, about: Mapping[str, Any]
) -> xr.Dataset:
    """Puts the arrays of all cells in place."""
    known = plan.study.variables
    outer = _plan.coordinates(known)
    coords: dict[str, Any] = {
        name: (name, np.asarray(values), _attributes(plan.study.axes.get(name)))
        for name, values in plan.axes.items()
    }
    coords["seed"] = ("seed", np.asarray(plan.seeds), {"units": "1", "long_name": "seed"})
    coords |= {n: (known[n].dims, found[0][n], _attributes(known[n])) for n in outer}
    data = {
        name: (
            (*plan.axes, "seed", *(known[name].dims if known else ())),
            _in_place(plan, [arrays[name] for arrays in found]),
            _attributes(known.get(name)),
        )
        for name in known or found[0]
        if name not in outer
    }
    configuration = plan.common(device) | {
        "axes": _store.plain("axes", dict(plan.axes)),
        "seeds": list(plan.seeds),
        "batch": plan.study.batch,
    }
    attrs = {
        "title": plan.study.name,
        "description": plan.study.description,
        "configuration": json.dumps(configuration, ensure_ascii=False),
        "run": json.dumps(about),
    }
    return xr.Dataset(data, coords, attrs)


def plottable(dataset: xr.Dataset, axes: Iterable[str]) -> xr.Dataset:
    """Gives each axis with an infinite value a dimension of labels, such as `samples_label`.

    xarray can't draw a plane over an infinite coordinate. The numbers stay as a coordinate along
    the labels, and values are selected by them.
    """
    for name in axes:
        values = dataset[name].values
        if values.dtype.kind == "f" and np.isinf(values).any():
            labels = [_label(value) for value in values]
            label = f"{name}{_LABEL}"
            dataset = dataset.assign_coords({label: (name, labels, dataset[name].attrs)})
            dataset = dataset.swap_dims({name: label})
    return selectable(dataset)


def selectable(dataset: xr.Dataset) -> xr.Dataset:
    """Lets values be selected by the numbers that `plottable` labels; files don't tell."""
    for label in [str(dim) for dim in dataset.dims if str(dim).endswith(_LABEL)]:
        name = label.removesuffix(_LABEL)
        if name in dataset.coords and dataset[name].dims == (label,):
            dataset = dataset.set_xindex(name)
    return dataset


def _label(value: float) -> str:
    return str(value).replace("inf", "∞").removesuffix(".0")


def _in_place(plan: Plan, parts: Sequence[np.ndarray]) -> np.ndarray:
    """Returns all cells' arrays as one: the grid's axes first, then the seeds asked for."""
    batches = sorted({job.seeds for job in plan.jobs})
    whole = np.stack(parts)  # (points × batches, seeds of a batch, ...), points first
    sizes = [len(values) for values in plan.axes.values()]
    rest = whole.shape[2:]
    by_seed = whole.reshape(*sizes, len(batches) * plan.study.batch, *rest)
    places = {seed: place for place, seed in enumerate(s for batch in batches for s in batch)}
    return by_seed.take([places[seed] for seed in plan.seeds], axis=len(sizes))


def _attributes(named: Axis | Variable | None) -> dict[str, str]:
    return {} if named is None else {"units": named.unit, "long_name": named.long_name}
