"""The run of a study with every choice made: what is saved is read, the rest computed and saved."""

import functools
import inspect
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, SupportsFloat

import xarray as xr

from ntklib import _checks, _fingerprint, _progress
from ntklib.studies import _cells, _cluster, _dataset, _memory, _plan, _reads, _store
from ntklib.studies._plan import Plan
from ntklib.studies._study import Study


def compute(
    plan: Plan,
    cache: str | Path | None,
    scheduler: str | None,
    budget: float | None,
    progress: bool,
) -> xr.Dataset:
    """Computes what is not saved, and gathers all of it."""
    folder = Path(cache) if cache is not None else _store.default_folder()
    started = time.perf_counter()
    with _cluster.pool(scheduler) as pool:
        saved = _store.Cache(folder / plan.study.name)
        configurations = [plan.configuration(job, pool.device) for job in plan.jobs]
        done = _saved(plan, saved, configurations)
        missing = [index for index in range(len(plan.jobs)) if index not in done]
        if plan.study.memory is not None:
            left = _memory.SHARE * pool.memory if budget is None else budget
            _require_memory(plan, missing, left, pool.device)
        if missing:
            saved.require_writable()
        tasks = [plan.task(plan.jobs[index], pool.device) for index in missing]
        work = [plan.work(index) for index in range(len(plan.jobs))]
        before = sum((work[index] for index in done), start=0.0)
        title = f"{plan.study.name}, {len(work)} cells"
        bar = _progress.display(title, sum(work), initial=before, shown=progress)
        with bar, closing(pool.results(tasks)) as results:
            for position, arrays in results:
                index = missing[position]
                first = next(iter(done.values()), arrays)
                _dataset.check(plan, first, arrays, plan.jobs[index])
                _reads.require_same(plan.reads, plan.study.cell)
                saved.save(configurations[index], arrays)
                done[index] = arrays
                bar.update(work[index])
    about = {
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "seconds": round(time.perf_counter() - started, 3),
        "cells_computed": len(missing),
        "cells_reused": len(done) - len(missing),
        "scheduler": scheduler,
        "versions": _fingerprint.environment(),
    }
    return _dataset.assemble(plan, [done[i] for i in range(len(done))], pool.device, about)


def _saved(
    plan: Plan, saved: _store.Cache, configurations: Sequence[Mapping[str, Any]]
) -> dict[int, _store.Arrays]:
    """Returns the saved cells that fit the study and each other, by index."""
    done = {}
    outer = _plan.coordinates(plan.study.variables)
    for index, (job, configuration) in enumerate(zip(plan.jobs, configurations, strict=True)):
        arrays = saved.load(configuration)
        if arrays is not None:
            try:
                _cells.checked(arrays, outer, job.seeds)
                _dataset.check(plan, arrays, arrays, job)
                done[index] = arrays
            except (TypeError, ValueError) as problem:
                saved.report(configuration, problem)
    forms = {index: _dataset.form(plan, arrays) for index, arrays in done.items()}
    for index in [i for i in done if forms[i] != Counter(forms.values()).most_common(1)[0][0]]:
        saved.report(configurations[index], ValueError("its arrays have other shapes than most"))
        del done[index]
    return done


def budget_of(study: Study, memory: SupportsFloat | None) -> float | None:
    budget = None if memory is None else _checks.positive("memory", memory)
    if budget is not None and study.memory is None:
        raise ValueError(
            f"memory can't be kept to: {study.name} has no estimate of what a cell takes. Leave it "
            "away, or give the study one: Study(memory=...)."
        )
    return budget


def _require_memory(plan: Plan, missing: Sequence[int], budget: float, device: str) -> None:
    estimate, batch = plan.study.memory, plan.study.batch
    assert estimate is not None  # noqa: S101  (asked for only then)
    if "device" in inspect.signature(estimate).parameters:
        estimate = functools.partial(estimate, device=device)
    points = {_memory.label(p): p for p in (plan.jobs[index].point for index in missing)}
    _memory.require(
        list(points.values()), lambda point: estimate(point, batch, plan.settings), budget, batch
    )
