"""Nothing depends on the unit of a target or of the inputs through a tolerance."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import points

from ntklib import (
    dynamics,
    kernels,
    learning,
    measures,
    networks,
    spectrum,
    statistics,
    targets,
    theory,
)
from ntklib.dynamics import linearization
from ntklib.learning import zonal
from ntklib.theory import _panels, fisher, onset

CIRCLE = measures.circle(8)
NETWORK = networks.antisymmetric(networks.fully_connected(2, (4,), "erf", biases=True))
THETA = NETWORK.init(jax.random.key(1))
TIMES = jnp.asarray([0.0, 1.0, 8.0])
GRAM = NETWORK.kernel(CIRCLE.nodes, CIRCLE.nodes)
SYSTEM = spectrum.nystrom(GRAM, CIRCLE)
VALUES = CIRCLE.nodes[:, 0] + CIRCLE.nodes[:, 1] ** 3


def louder(c: float) -> Callable[[jax.Array], jax.Array]:
    return lambda x: c * (x[:, 0] + x[:, 1] ** 3)


def times_unit(c: float) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """The kernel of the network times c, which is in units of 1/time."""
    return lambda x, y: c * NETWORK.kernel(x, y)


def linearized(c: float) -> Any:
    """A target c times as large has c times the residual."""
    run = dynamics.gradient_flow(
        NETWORK, THETA, louder(c), CIRCLE, TIMES, linearized=True, progress=False
    )
    return run.residuals / c


def loud_network(method: Any, c: float) -> Any:
    """Network and target times c: the same θ_t in times 1/c² as long."""
    run = dynamics.gradient_flow(
        lambda theta, x: c * (x @ theta**2), jnp.asarray([1.0, -0.5]), louder(c), CIRCLE,
        TIMES / c**2, method=method, progress=False,
    )  # fmt: skip
    return run.residuals / c


def frozen(c: float) -> Any:
    theta = jax.tree.map(lambda leaf: leaf[None], THETA)
    sample = CIRCLE.nodes[None]
    run = linearization.frozen_flows(NETWORK, theta, louder(c), CIRCLE, TIMES, sample=sample)
    return run.residuals / c, run.movement / c


def limits(c: float) -> Any:
    key = jax.random.key(0)
    return dynamics.kernel_flows(
        times_unit(c), louder(c), CIRCLE, TIMES / c, key, draws=1, n=5, progress=False
    ) / c  # fmt: skip


def along(c: float) -> Any:
    x, harmonics = CIRCLE.nodes, zonal.Harmonics((1,), jnp.asarray([[1.0, 0.0]]))
    sigma = c * jnp.asarray([0.0, 0.5])
    kernel: Callable[[jax.Array, jax.Array], jax.Array] = lambda y, z: c * y @ z.T  # noqa: E731
    run = zonal.kernel_flow(kernel, sigma, c * VALUES, harmonics, TIMES / c, sample=x)
    return [part / c for part in run]


def split_parts(c: float) -> Any:
    system = spectrum.Eigensystem(c * SYSTEM.values, SYSTEM.functions, CIRCLE)
    both = theory.compare(c * VALUES[None] * jnp.ones((2, 1)), c * VALUES, TIMES[1:] / c, system)
    return both.total / c**2, both.projected_epsilon / c**4, both.damping * c**2


def least(c: float) -> Any:
    return theory.leading_modes(SYSTEM, c * VALUES, 1e-3 * c**2)


def law(c: float) -> Any:
    found = onset.start_law(c * jnp.stack([GRAM, 2 * GRAM]), c * GRAM, VALUES, CIRCLE, width=4)
    return np.array([found.a, found.b, found.c]) / c**2


def integrals(c: float) -> Any:
    panels = _panels.panels(TIMES[1:] / c, points=2)
    return c * _panels.damped_integrals(jnp.ones((2, 2, 8)), c * SYSTEM.values, panels)


def curvature(c: float) -> Any:
    model: Callable[[jax.Array, jax.Array], jax.Array] = lambda theta, z: c * (z @ theta)  # noqa: E731
    return fisher.sharpness(model, jnp.ones((1, 2)), c * VALUES, CIRCLE) / c**2


def rate(c: float) -> Any:
    values = c * (1 + np.random.default_rng(0).random((5, 16)))
    fit = statistics.fit_rate([1.0, 2.0, 3.0, 4.0, 5.0], values, resamples=50)
    return fit.exponent, fit.low, fit.high


def rectangular(c: float) -> Any:
    wave = targets.SinusoidSum((1, 3), (c, c))
    return wave.learned_shares(c * jnp.asarray(points(1, 16)[0]))


def matrix_free(c: float) -> Any:
    return spectrum.matrix_free(lambda v: c * GRAM @ v, CIRCLE, 3).values / c


COVARIANT: dict[str, tuple[Callable[[float], Any], float]] = {
    "linearized_flow": (linearized, 2e-5),
    "gradient_flow": (lambda c: loud_network("explicit", c), 1e-10),
    "gradient_flow, exponential": (lambda c: loud_network("exponential", c), 1e-10),
    "frozen_flows": (frozen, 1e-10),
    "dynamics.kernel_flows": (limits, 1e-10),
    "kernel_flow": (
        lambda c: (
            dynamics.kernel_flow(c * GRAM, c * GRAM[:3], c * VALUES, c * VALUES[:3], TIMES / c) / c
        ),
        1e-10,
    ),
    "learning.zonal.kernel_flow": (along, 1e-10),
    "ideal_flow": (lambda c: dynamics.ideal_flow(SYSTEM, c * VALUES, TIMES) / c, 1e-14),
    "damping_factor": (lambda c: c * dynamics.damping_factor(c * SYSTEM.values, TIMES / c), 1e-14),
    "damped_integrals": (integrals, 1e-12),
    "compare": (split_parts, 1e-10),
    "leading_modes": (least, 0.0),
    "start_law": (law, 1e-9),
    "stopping_time": (lambda c: c * theory.stopping_time(c * 0.5, c * 3.0, c * 0.1), 1e-12),
    "rbf": (lambda c: kernels.rbf(c * CIRCLE.nodes, c * CIRCLE.nodes, c * 0.5), 1e-12),
    "nystrom": (lambda c: spectrum.nystrom(c * GRAM, CIRCLE).values / c, 1e-12),
    "nystrom, krylov": (
        lambda c: spectrum.nystrom(c * GRAM, CIRCLE, 3, method="krylov").values / c,
        1e-12,
    ),
    "matrix_free": (matrix_free, 1e-12),
    "funk_hecke": (lambda c: spectrum.funk_hecke(times_unit(c), 2, 4) / c, 1e-12),
    "effective_rank": (lambda c: spectrum.effective_rank(c * SYSTEM.values), 1e-12),
    "carried_by": (lambda c: spectrum.carried_by(c * SYSTEM.values, 0.9), 0.0),
    "frequency_norms": (lambda c: spectrum.frequency_norms(c * VALUES, CIRCLE, 3) / c, 1e-14),
    "degree_norms": (lambda c: spectrum.degree_norms(c * VALUES, CIRCLE, 3) / c, 1e-14),
    "learning.zonal.shares": (
        lambda c: (
            zonal.shares(c * VALUES, jnp.asarray([[c], [1.0]]) * CIRCLE.nodes.T, CIRCLE)
            * np.array([1.0, 0.0])
        ),
        1e-12,
    ),
    "learned_shares": (rectangular, 1e-12),
    "learning.learnable_shares": (
        lambda c: learning.learnable_shares(c * np.array([1.0, 0.25]), [1, 9], trace=c * 4.0, n=3),
        1e-12,
    ),
    "sharpness": (curvature, 1e-10),
    "fit_rate": (rate, 1e-10),
}
"""What has to be the same in every unit, from the unit, and to what part of it: a function whose
result depends on a target, a kernel or inputs joins by one entry."""


@pytest.mark.parametrize("name", COVARIANT)
def test_results_keep_their_value_in_every_unit(name: str) -> None:
    function, tolerance = COVARIANT[name]
    expected = jax.tree.leaves(function(1.0))
    for unit in (1e-8, 1e8):
        for got, wanted in zip(jax.tree.leaves(function(unit)), expected, strict=True):
            size = float(np.max(np.abs(np.asarray(wanted))))
            np.testing.assert_allclose(got, wanted, atol=tolerance * size, rtol=0)


@pytest.mark.parametrize("method", ["explicit", "exponential"])
def test_a_flow_from_the_target_itself_stays(method: Any) -> None:
    """No residual is left to be relative to."""
    run = dynamics.gradient_flow(
        lambda theta, x: x @ theta, jnp.ones(2), lambda x: x @ jnp.ones(2), CIRCLE, TIMES,
        method=method, progress=False, max_steps=100,
    )  # fmt: skip
    np.testing.assert_allclose(run.residuals, 0, atol=1e-14)
