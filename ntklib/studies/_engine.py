"""Studies run: over a grid, or along single points."""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, SupportsFloat

import jax
import xarray as xr

from ntklib import _checks, _device, _fingerprint, _progress
from ntklib.studies import _dataset, _memory, _plan, _run
from ntklib.studies._cells import Cell
from ntklib.studies._study import Point, Study


def run(
    study: Study | Cell,
    axes: Mapping[str, Sequence[Any]] | None = None,
    *,
    seeds: int | Sequence[int] | None = None,
    scale: str = "book",
    settings: Mapping[str, Any] | None = None,
    batch: int | None = None,
    cache: str | Path | None = None,
    scheduler: str | None = None,
    memory: SupportsFloat | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Computes a study, but for the cells that are saved.

    Seeds are computed in whole batches of consecutive ones: 0 … b−1, b … 2b−1 and so on, of which
    the dataset has those asked for. So the numbers of a seed are the same to the last bit whatever
    else is asked for, a function is compiled for one number of seeds, and more seeds later leave
    the saved batches as they are. Ask for multiples of the batch.

    On a cluster the function's file must be importable by the workers, which have to have the same
    ntklib and packages, as the scheduler does; with `dask worker --nthreads 1` a cell has a
    worker's whole memory. Cells of a worker that dies go to another one; while there is none, they
    wait. Results come back here and are saved on this machine, so no folder has to be shared.

    Args:
      study: the study, or its function alone.
      axes: values of axes by name; the study's own for those that are not given.
      seeds: how many, counted from 0, or which ones.
      scale: which of the study's own values: "quick", "book" or "full".
      settings: keyword arguments of the function, in addition to the study's own.
      batch: seeds in one call; the study's own by default.
      cache: folder of the saved cells. By default `NTKLIB_CACHE` from the environment, or else
        the user's cache folder. Runs at the same time can share it.
      scheduler: address of a Dask scheduler, such as "tcp://127.0.0.1:8786"; None for this process.
      memory: bytes that a cell may take; by default 70 % of what the device has left (on a
        cluster, the least over workers).
      progress: whether a bar appears when the run is long.

    Returns:
      The dataset with the dimensions (*axes, seed, *further ones), units and names in the
      attributes of coordinates and variables, and in its own attributes, as JSON: `configuration`,
      which determines every number, and `run`, which tells of this run. An axis with an infinite
      value, such as `samples`, has the dimension `samples_label` with the labels that xarray's
      plots show; values are selected as ever, such as by `.sel(samples=np.inf)`.

    Warns:
      DamagedEntryWarning: a saved cell can't be read or doesn't fit, and is computed again.

    Raises:
      ConnectionError: the scheduler can't be reached or is lost, or has no workers.
      MemoryError: a cell would take more than `memory`.
      OSError: cells can't be saved; the message names the folder. It is raised before anything is
        computed, or with what is done saved.
      RuntimeError: the workers have other code, packages or devices.
      TypeError: values that a configuration can't hold, or a function that returns no arrays.
      ValueError: empty or repeated values, unknown axes, arrays that don't fit together, NaN or
        infinite results that the study doesn't expect, `memory` for a study without an estimate, or
        a function that reads what saved cells can't be told apart by.

    Example:
      >>> import numpy as np
      >>> from ntklib import studies
      >>> def mean_error(point, seeds):
      ...     draws = [np.random.default_rng(seed).normal(size=point["n"]) for seed in seeds]
      ...     return {"error": np.array([abs(draw.mean()) for draw in draws])}
      >>> found = studies.run(mean_error, {"n": [10, 100]}, seeds=8)
      >>> dict(found.sizes)
      {'n': 2, 'seed': 8}
      >>> again = studies.run(mean_error, {"n": [10, 100]}, seeds=8)  # from the saved cells
      >>> bool((again.error == found.error).all())
      True
    """
    plan = _plan.make(_as_study(study), axes, seeds, scale, settings, batch)
    budget = _run.budget_of(plan.study, memory)
    return _dataset.plottable(_run.compute(plan, cache, scheduler, budget, progress), plan.axes)


def along(
    study: Study | Cell,
    points: Sequence[Point],
    *,
    at_once: int = 2,
    seeds: int | Sequence[int] | None = None,
    scale: str = "book",
    settings: Mapping[str, Any] | None = None,
    batch: int | None = None,
    cache: str | Path | None = None,
    memory: SupportsFloat | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Computes a study at single points, such as those of a ray, where `run` takes a whole grid.

    Each point is a `run` of its own in this process. Several go side by side, the longest first: a
    cell of a new size spends most of its time in compiling, which keeps one core busy.

    Args:
      study: the study, or its function alone.
      points: the value of every axis by name, for each point.
      at_once: how many points are in work at a time.
      seeds: how many, counted from 0, or which ones.
      scale: which of the study's own values, as for `run`.
      settings: keyword arguments of the function, in addition to the study's own.
      batch: seeds in one call.
      cache: folder of the saved cells.
      memory: bytes that a cell may take; by default 70 % of what the device has left, in equal
        parts for those that are in work.
      progress: whether a bar appears when it takes long.

    Returns:
      The dataset with the dimensions (point, seed, *further ones), the axes' values as coordinates
      along `point` in the order given, and as JSON lists with an entry a point the attributes
      `configuration` and `run`. With `.set_index(point=[...])` of axes' names, points are found by
      `.sel`; `.swap_dims(point="samples")` makes one axis the dimension.

    Raises:
      ValueError: there are no points, or they don't have the same axes; and all that `run` raises.

    Example:
      >>> import numpy as np
      >>> from ntklib import studies
      >>> def mean_error(point, seeds):
      ...     draws = [np.random.default_rng(seed).normal(size=point["n"]) for seed in seeds]
      ...     return {"error": np.array([abs(draw.mean()) for draw in draws])}
      >>> found = studies.along(mean_error, [{"n": 10}, {"n": 100}], seeds=8)
      >>> dict(found.sizes), found.n.values.tolist()
      ({'point': 2, 'seed': 8}, [10, 100])
    """
    chosen, threads = _as_study(study), _checks.whole_number("at_once", at_once, least=1)
    if not points or any(set(point) != set(points[0]) for point in points):
        raise ValueError("points must be at least one, each with a value for the same axes.")
    _plan.require_distinct(["point"], points[0])
    plans = [
        _plan.make(chosen, {k: [v] for k, v in point.items()}, seeds, scale, settings, batch)
        for point in points
    ]
    work = [plan.work(0) for plan in plans]
    left, device = _memory.SHARE * _device.available() / threads, _device.chosen()
    budget = left if memory is None else _run.budget_of(chosen, memory)

    def one(index: int) -> xr.Dataset:
        with jax.default_device(device):  # a thread starts with that of the process
            return _run.compute(plans[index], cache, None, budget, progress=False)

    order = sorted(range(len(points)), key=lambda index: -work[index])
    found: dict[int, xr.Dataset] = {}
    bar = _progress.display(f"{chosen.name}, {len(points)} points", sum(work), shown=progress)
    with bar, ThreadPoolExecutor(threads) as pool:
        for index, dataset in zip(order, pool.map(one, order), strict=True):
            found[index] = dataset
            bar.update(work[index])
    parts = [found[index].squeeze(list(plans[index].axes)) for index in range(len(points))]
    lined_up = xr.concat(parts, "point", coords=list(points[0]), combine_attrs="drop_conflicts")
    for name in ("configuration", "run"):
        lined_up.attrs[name] = json.dumps([json.loads(part.attrs[name]) for part in parts])
    return lined_up


def _as_study(study: Study | Cell) -> Study:
    if isinstance(study, Study):
        return study
    _fingerprint.require_def(study)
    return Study(name=study.__name__, description="", cell=study)
