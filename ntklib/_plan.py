"""A study with every choice made: its cells, and what determines each."""

import inspect
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ntklib import _arguments, _cache, _checks, _dataset, _fingerprint, _reads
from ntklib._cells import Numerics, Task
from ntklib._study import Study
from ntklib.claims import SCALES


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
            "settings": _cache.plain("settings", self.settings),
            "ntklib_fingerprint": _fingerprint.LIBRARY,
            "device": device,
            **asdict(self.numerics),
        }

    def configuration(self, job: Job, device: str) -> dict[str, Any]:
        """Returns what determines a cell."""
        point = _cache.plain("axes", job.point)
        return self.common(device) | {"point": point, "seeds": list(job.seeds)}

    def task(self, job: Job, device: str) -> Task:
        """Returns the call that computes a cell."""
        return Task(
            cell=self.study.cell,
            point=dict(job.point),
            seeds=job.seeds,
            settings=dict(self.settings),
            outer=tuple(_dataset.coordinates(self.study.variables)),
            numerics=self.numerics,
            function=self.function,
            library=_fingerprint.LIBRARY,
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
    """Makes every choice that `study.run` leaves open, and checks the others."""
    _arguments.choice("scale", scale, SCALES)
    function, reads = _reads.fingerprint(study.cell)
    study = study if batch is None else replace(study, batch=batch)
    size = _checks.whole_number("batch", study.batch, least=1)
    grid = _dataset.grid(study.axes, dict(axes or {}), scale)
    further = {dim for variable in study.variables.values() for dim in variable.dims}
    _dataset.require_distinct({*study.variables, *further}, grid)
    chosen = _dataset.seeds(study.seeds.get(scale) if seeds is None else seeds)
    known = _settings(study, dict(study.settings.get(scale, {})) | dict(settings or {}))
    blocks = [
        range(size * block, size * (block + 1)) for block in sorted({s // size for s in chosen})
    ]
    points = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    return Plan(
        study=study, axes=grid, seeds=chosen, settings=known,
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
