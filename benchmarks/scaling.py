"""How the cost of the library's calls grows with their sizes, and how it should.

Each curve runs in a process of its own; a call is compiled before it is timed. The exponent is that
of the upper half of the sizes, since small calls cost what a call costs.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.processes import Worker, dev_python
from benchmarks.worker import Outcome, Run

REPETITIONS = 3

Work = Callable[[], object]


@dataclass(frozen=True)
class Curve:
    """The time of a call as a function of one of its sizes.

    Attributes:
      name: of what is called.
      size: which size grows.
      values: of it.
      quick: values that only show that it runs.
      theory: the exponent that counted operations have.
      reason: why.
      prepare: value ↦ the call to be timed.
    """

    name: str
    size: str
    values: tuple[int, ...]
    quick: tuple[int, ...]
    theory: float
    reason: str
    prepare: Callable[[int], Work]


def _flow(*, m: int = 256, n: int = 64, periods: int = 100, draws: int = 1) -> Work:
    import jax
    import jax.numpy as jnp

    from ntklib import dynamics, measures, networks, spectrum, targets

    jax.config.update("jax_enable_x64", True)
    network, circle = networks.fully_connected(2, (m,), "erf"), measures.circle(n)
    unit = 1 / spectrum.circle(network.kernel, measures.circle(64)).values[0]
    params = jax.vmap(network.init)(jax.random.split(jax.random.key(0), draws))
    target = targets.FourierSum((1, 3), (1.0, 1.0))
    times = jnp.asarray([periods * unit])
    return lambda: dynamics.gradient_flow(
        network, params, target, circle, times, draws=True, method="explicit", progress=False
    ).residuals.block_until_ready()


def _points(n: int, d: int) -> Any:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    return jnp.asarray(np.random.default_rng(0).standard_normal((n, d)))


def _analytic(*, n: int = 500, d: int = 10) -> Work:
    from ntklib import kernels, networks

    x, network = _points(n, d), networks.fully_connected(d, (1, 1), "erf")
    return lambda: kernels.analytic(network, x).block_until_ready()


def _empirical(*, n: int = 500, m: int = 512) -> Work:
    import jax

    from ntklib import kernels, networks

    x, network = _points(n, 10), networks.fully_connected(10, (m,), "erf")
    params = network.init(jax.random.key(0))
    return lambda: kernels.empirical(network, params, x).block_until_ready()


def cell(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    """A cell of a study: half a second of one core, and of no other as matrix products take."""
    del point
    numbers = (np.random.default_rng(seed).standard_normal(5_000_000) for seed in seeds)
    return {"median": np.asarray([np.sort(each)[each.size // 2] for each in numbers])}


def _study(count: int, scheduler: str | None = None) -> Work:
    from ntklib import studies

    folder = tempfile.TemporaryDirectory(prefix="ntklib-scaling-")

    def work() -> object:
        with tempfile.TemporaryDirectory(dir=folder.name) as cache:  # nothing is saved yet
            return studies.run(
                cell, {"index": list(range(count))}, seeds=1, batch=1, cache=cache,
                scheduler=scheduler, progress=False,
            )  # fmt: skip

    return work


CLUSTERS = ExitStack()
"""Open until the process of the curve ends."""


def _workers(count: int) -> Work:
    from distributed import LocalCluster

    cluster = CLUSTERS.enter_context(
        LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=None)
    )
    return _study(8, cluster.scheduler_address)


_SLOWEST = "Tsitouras's steps are limited by stability: their number grows as T, each costs mn"

CURVES = {
    curve.name: curve
    for curve in (
        Curve(
            "flow-width", "m", (256, 1024, 4096, 16384), (8, 16), 1.0,
            "a gradient costs mn, the number of steps stays", lambda m: _flow(m=m),
        ),
        Curve(
            "flow-sample", "n", (64, 256, 1024, 4096), (8, 16), 1.0,
            "a gradient costs mn, the number of steps stays", lambda n: _flow(n=n),
        ),
        Curve(
            "flow-horizon", "T·λ₁", (100, 400, 1600, 6400), (2, 4), 1.0, _SLOWEST,
            lambda periods: _flow(periods=periods),
        ),
        Curve(
            "flow-draws", "draws", (1, 4, 16, 64), (1, 2), 1.0, "one flow after another",
            lambda draws: _flow(draws=draws),
        ),
        Curve(
            "analytic-points", "n", (500, 1000, 2000, 4000, 8000), (10, 20), 2.0,
            "pairs of points", lambda n: _analytic(n=n),
        ),
        Curve(
            "analytic-dimension", "d", (64, 512, 4096, 32768), (4, 8), 1.0,
            "products of n × d matrices, once they outweigh the angles", lambda d: _analytic(d=d),
        ),
        Curve(
            "empirical-points", "n", (500, 1000, 2000, 4000), (10, 20), 2.0,
            "products of n × m matrices", lambda n: _empirical(n=n),
        ),
        Curve(
            "empirical-width", "m", (512, 2048, 8192, 32768), (4, 8), 1.0,
            "products of n × m matrices", lambda m: _empirical(m=m),
        ),
        Curve(
            "study-cells", "cells", (2, 4, 8, 16), (1, 2), 1.0, "one cell after another", _study,
        ),
        Curve(
            "study-workers", "workers", (1, 2), (1, 2), -1.0,
            "8 cells, shared out to processes", _workers,
        ),
    )
}  # fmt: skip
"""All curves by name, in the order in which they are measured."""


def timed(folder: Path, size: dict[str, Any]) -> Run:
    """A side whose work is to time a curve's calls, each after a first one, by their medians."""
    del folder
    curve, values = CURVES[size["curve"]], size["values"]

    def run() -> Outcome:
        found = []
        for value in values:
            work = curve.prepare(value)
            work()
            found.append(statistics.median(_seconds(work) for _ in range(REPETITIONS)))
        return Outcome({"seconds": np.asarray(found)})

    return run


def _seconds(work: Work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(name: str, folder: Path, *, quick: bool) -> dict[str, Any]:
    """Measures a curve; returns what `report.scaling` shows of it.

    Raises:
      SideError: the curve's process fails.
    """
    curve = CURVES[name]
    values = curve.quick if quick else curve.values
    with Worker(dev_python()) as worker:
        size = {"curve": name, "values": values}
        worker.ask("prepare", target="benchmarks.scaling:timed", folder=str(folder), size=size)
        worker.ask("run")
        worker.ask("save", stem=str(folder / name))
    seconds = np.load(folder / f"{name}-seconds.npy")
    return {
        "curve": name,
        "size": curve.size,
        "values": values,
        "seconds": seconds.tolist(),
        "exponent": exponent(values, seconds),
        "theory": curve.theory,
        "reason": curve.reason,
    }


def exponent(values: Sequence[int], seconds: np.ndarray) -> float:
    """The least-squares slope of log time against log size over the upper half of the sizes."""
    first = len(values) // 2 if len(values) > 2 else 0
    x, y = np.log(np.asarray(values, float)), np.log(seconds)
    return float(np.polyfit(x[first:], y[first:], 1)[0])
