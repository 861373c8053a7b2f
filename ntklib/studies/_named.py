r"""Networks and kernels against ideal dynamics: what the named studies call.

Input distributions and targets are those of `_problem`. Public names are in `studies`.
"""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ntklib import dynamics, networks, theory
from ntklib.dynamics import Trajectory
from ntklib.kernels import _draws
from ntklib.measures import Measure
from ntklib.networks import Network
from ntklib.networks._architectures import build
from ntklib.networks._network import Kernel
from ntklib.spectrum import Eigensystem
from ntklib.studies import _problem
from ntklib.studies._problem import operator, problem, times_up_to
from ntklib.theory import Comparison

BASE = 20221128
"""Seed of the key into which a study's seeds are folded."""


def linear_width(
    point: Mapping[str, Any], seeds: np.ndarray, *,
    horizon: float, times: int, nodes: int, activation: str = "erf",
) -> dict[str, Any]:  # fmt: skip
    r"""Networks of finite width on finite samples, against the ideal dynamics of their $K^\infty$.

    Args:
      point: `measure`, "circle" without it, `architecture`, `width` m, and `samples` n, ∞ for the
        measure's own nodes and weights.
      seeds: each draws an initialization and a sample, independent of the other cells' of the
        architecture.
      horizon: the last stopping time T.
      times: how many stopping times.
      nodes: of the measure.
      activation: of the network.

    Returns:
      Arrays by name. By seed and time, `ratio` is the left side of Corollary 2 over the factor in
      front of the bracket, at the k where that is largest, `epsilon` its supremum over t ≤ T, and
      `deviation` is $\|r_T - e^{-T_{K^\infty}T}r_0\|^2_{L^2(\rho)}$. `time` has the times.

    Raises:
      ValueError: the measure, the architecture or the activation is unknown, or samples is no
        whole number or ∞.

    Example:
      >>> import numpy as np
      >>> from ntklib import studies
      >>> point = {"architecture": "fully connected, depth 1", "width": 4, "samples": 8}
      >>> found = studies.linear_width(point, np.arange(2), horizon=2.0, times=12, nodes=8)
      >>> sorted(found)
      ['deviation', 'epsilon', 'ratio', 'time']
    """
    return finite_width(
        _network(point, activation), point, seeds, horizon=horizon, times=times, nodes=nodes
    )


def finite_width(
    network: Network, point: Mapping[str, Any], seeds: np.ndarray, *,
    horizon: float, times: int, nodes: int,
) -> dict[str, Any]:  # fmt: skip
    """`linear_width` of any network that is 0 at the start and has a kernel.

    Example:
      >>> import numpy as np
      >>> from ntklib import networks, studies
      >>> network = networks.antisymmetric(networks.fully_connected(2, (4,), biases=True))
      >>> point = {"width": 4, "samples": 8}
      >>> found = studies.finite_width(network, point, np.arange(2), horizon=2.0, times=12, nodes=8)
      >>> found["epsilon"].shape  # seeds, times
      (2, 12)
    """
    name, posed = _problem.of(point)
    rho, _, system = operator(network.kernel, nodes, name)
    stops = times_up_to(horizon, times)
    flows, _ = _flows(network, rho, stops, point, seeds)
    return _compared(flows.residuals, posed.initial(rho), stops, system)


def kernel_limit(
    point: Mapping[str, Any], seeds: np.ndarray, *,
    horizon: float, times: int, nodes: int, activation: str = "erf",
) -> dict[str, Any]:  # fmt: skip
    r"""The same at m = ∞: the flow of $K^\infty$ itself; samples must be finite."""
    name, _ = _problem.of(point)
    _, _, kernel = problem(point["architecture"], nodes, activation, name)
    return infinite_width(kernel, point, seeds, horizon=horizon, times=times, nodes=nodes)


def infinite_width(
    kernel: Kernel, point: Mapping[str, Any], seeds: np.ndarray, *,
    horizon: float, times: int, nodes: int,
) -> dict[str, Any]:  # fmt: skip
    """`kernel_limit` of any kernel.

    Example:
      >>> import numpy as np
      >>> from ntklib import studies
      >>> linear, point = lambda x, y: x @ y.T, {"samples": 8}
      >>> found = studies.infinite_width(
      ...     linear, point, np.arange(2), horizon=2.0, times=12, nodes=8
      ... )
      >>> found["epsilon"].shape
      (2, 12)
    """
    n = sample_size(point["samples"])
    if n is None:
        raise ValueError("samples must be finite at m = ∞, where nothing else is.")
    name, posed = _problem.of(point)
    rho, _, system = operator(kernel, nodes, name)
    stops = times_up_to(horizon, times)
    residuals = dynamics.kernel_flows(
        kernel, posed.target(rho), rho, stops, _keys(seeds, 0, n), n=n, progress=False
    )
    return _compared(residuals, posed.initial(rho), stops, system)


def theorem_1(
    point: Mapping[str, Any], seeds: np.ndarray, *,
    horizon: float, times: int, nodes: int, activation: str = "erf",
) -> dict[str, Any]:  # fmt: skip
    """Networks of finite width on finite samples, against the ideal dynamics of several kernels.

    Arguments and errors are those of `linear_width`, and so are the draws.

    Returns:
      Arrays by name. By seed, kernel and time, `projected_epsilon` and `total_epsilon` are the
      least ε with which the first and the second inequality of Theorem 1 hold for all t ≤ T. By
      seed and kernel, `kernel_term` is the other term of the bracket. `kernel` and `time` have the
      kernels' names and the times.
    """
    network, (name, posed) = _network(point, activation), _problem.of(point)
    stops, rho = times_up_to(horizon, times), posed.measure(nodes)
    flows, theta_0 = _flows(network, rho, stops, point, seeds)
    runs = against_kernels(network, flows, theta_0, measure=name)
    found = {
        side: jnp.stack([getattr(run, side) for run in runs.values()], axis=1)
        for side in ("projected_epsilon", "total_epsilon", "kernel_term")
    }
    return found | {"kernel": np.asarray(list(runs)), "time": stops}


def against_kernels(
    network: Network, flows: Trajectory, theta_0: PyTree, *,
    measure: str = "circle",
) -> dict[str, Comparison]:  # fmt: skip
    r"""Holds trajectories that start at −f* against kernels: Theorem 1.

    Args:
      network: the first kernel is its $K^\infty$; it has nothing to do with the others.
      flows: residuals of shape (b, s, q) at the nodes of the measure.
      theta_0: initial parameters, each leaf with a leading axis b.
      measure: one of `MEASURES`, whose f* it is.

    Returns:
      Both sides by name of the kernel.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from ntklib import dynamics, measures, networks, studies
      >>> network = networks.antisymmetric(networks.fully_connected(2, (4,), biases=True))
      >>> circle, times = measures.circle(8), jnp.linspace(0.1, 1.2, 12)
      >>> flows, params = dynamics.network_flows(
      ...     network, studies.TARGET, circle, times, jax.random.key(0), draws=2, progress=False
      ... )
      >>> list(studies.against_kernels(network, flows, params))
      ['own K∞', 'K∞ of depth 3', 'RBF, ℓ = 1']
    """
    posed, nodes = _problem.named(measure), flows.residuals.shape[-1]
    others = _problem.other_kernels(measure)
    operators = {
        name: operator(kernel, nodes, measure)
        for name, kernel in {"own K∞": network.kernel, **others}.items()
    }
    rho = posed.measure(nodes)
    initial = posed.initial(rho)
    grams = {name: gram for name, (_, gram, _) in operators.items()}
    distances = _draws.kernel_distances(network, theta_0, grams, rho)
    return {
        name: theory.compare(
            flows.residuals, initial, flows.times, system,
            sup_norm=float(jnp.max(jnp.abs(initial))), kernel_distance=distances[name],
        )
        for name, (_, _, system) in operators.items()
    }  # fmt: skip


def sample_size(samples: Any) -> int | None:
    """Returns n, None for ∞."""
    if samples == math.inf:
        return None
    if samples != int(samples):
        raise ValueError(f"samples must be a whole number or ∞ (inf), got {samples}.")
    return int(samples)


def _keys(seeds: np.ndarray, width: int, samples: int) -> Array:
    """Returns a key for each seed that no other width or sample size has."""
    base = jax.random.key(BASE)

    def one(seed: Array) -> Array:
        key = jax.random.fold_in(base, seed)
        return jax.random.fold_in(jax.random.fold_in(key, width), samples)

    return jax.vmap(one)(jnp.asarray(seeds, jnp.uint32))


def _network(point: Mapping[str, Any], activation: str) -> Network:
    shape = _problem.of(point)[1].shape
    return networks.antisymmetric(
        build(point["architecture"], int(point["width"]), activation, shape)
    )


def _flows(
    network: Network, rho: Measure, stops: Array, point: Mapping[str, Any], seeds: np.ndarray
) -> tuple[Trajectory, PyTree]:
    n, target = sample_size(point["samples"]), _problem.of(point)[1].target(rho)
    keys = _keys(seeds, int(point["width"]), n or 0)
    return dynamics.network_flows(network, target, rho, stops, keys, n=n, progress=False)


def _compared(
    residuals: Float[Array, "b s q"], initial: Float[Array, " q"], stops: Array,
    system: Eigensystem,
) -> dict[str, Any]:  # fmt: skip
    both = theory.compare(residuals, initial, stops, system)
    # At ε = 1 the right side is the factor in front of the bracket itself.
    ratio = jnp.max(both.projected / both.projected_bound(1.0), axis=-1)
    return {
        "ratio": ratio, "epsilon": both.projected_epsilon, "deviation": both.total, "time": stops,
    }  # fmt: skip
