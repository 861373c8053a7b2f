"""Closed forms in time: exact for any time, and no growth from rounding."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from cases import points
from refusals import refused

from ntklib import dynamics, measures, networks, spectrum
from ntklib.dynamics import linearization
from ntklib.learning import zonal
from ntklib.theory import _panels

TIMES = jnp.asarray([0.0, 1.0, 1e6, 1e12, 1e16, 1e20, 1e100, 1e300])
CIRCLE = measures.circle(8)


def gaussian(x: np.ndarray, y: np.ndarray) -> jax.Array:
    return jnp.asarray(np.exp(-np.sum((x[:, None] - y[None]) ** 2, axis=-1) / 2))


def linear(x: jax.Array, y: jax.Array) -> jax.Array:
    return x @ y.T


def test_the_damping_factor_is_exact_for_every_rate_and_time() -> None:
    values = np.array([0.0, 1e-300, 1e-20, 1e-9, 0.3, 7.0, 1e10, 1e300])
    times = np.array([0.0, 1e-300, 1e-12, 1e-3, 1.0, 1e5, 1e20, 1e300])
    got = np.asarray(dynamics.damping_factor(jnp.asarray(values), jnp.asarray(times)))
    mpmath.mp.dps = 40
    for i, t in enumerate(times):
        for j, sigma in enumerate(values):
            exact = -mpmath.expm1(-mpmath.mpf(sigma) * t) / sigma if sigma else t
            assert got[i, j] == pytest.approx(float(exact), rel=2e-15), (sigma, t)


def test_equal_points_make_no_residual_grow() -> None:
    """Rounding leaves their eigenvalues on both sides of 0."""
    x, y = points(6), points(4, seed=1)
    twice = np.tile(np.arange(6), 2)
    gram, cross = gaussian(x[twice], x[twice]), gaussian(y, x[twice])
    labels, start = jnp.asarray(points(1, 12, seed=2)[0]), jnp.asarray(points(1, 4, seed=3)[0])
    on_sample = np.asarray(dynamics.kernel_flow(gram, gram, labels, labels, TIMES))
    norms = np.linalg.norm(on_sample, axis=1)
    assert np.all(np.diff(norms) <= 1e-14 * norms[0])
    # What the two labels of a point differ by stays, and their mean is learned by each point once.
    half = np.asarray(labels[:6] - labels[6:]) / 2
    np.testing.assert_allclose(on_sample[2:, :6], np.tile(half, (6, 1)), atol=1e-7, rtol=0)
    off_sample = dynamics.kernel_flow(gram, cross, labels, start, TIMES)
    mean = (labels[:6] + labels[6:]) / 2
    once = dynamics.kernel_flow(gram[:6, :6], cross[:, :6], mean, start, TIMES)
    np.testing.assert_allclose(off_sample, once, atol=1e-7, rtol=0)


def test_equal_points_move_no_parameter_for_ever() -> None:
    """Of θ in the plane, eight points fix both numbers; six directions of labels move nothing."""
    theta, cubic = jnp.zeros((1, 2)), lambda x: x[:, 0] ** 3
    flow = linearization.frozen_flows(
        lambda theta, x: x @ theta, theta, cubic, CIRCLE, TIMES, sample=CIRCLE.nodes[None]
    )
    np.testing.assert_allclose(flow.movement[0, 2:], 0.75, rtol=1e-12)  # the mean of 2 cos⁴
    nodes = np.asarray(CIRCLE.nodes)
    left = np.tile(0.75 * nodes[:, 0] - nodes[:, 0] ** 3, (6, 1))
    np.testing.assert_allclose(flow.sample_residuals[0, 2:], left, atol=1e-7, rtol=0)
    np.testing.assert_allclose(flow.residuals[0, 2:], left, atol=1e-7, rtol=0)


def test_a_rate_that_rounding_left_below_0_is_0() -> None:
    functions = spectrum.circle(lambda x, y: 1 + x @ y.T, CIRCLE, 2).functions
    system = spectrum.Eigensystem(jnp.asarray([1.0, -1e-17]), functions, CIRCLE)
    cosine = CIRCLE.nodes[:, 0]
    left = dynamics.ideal_flow(system, cosine, jnp.asarray([1e20]))[0]
    np.testing.assert_allclose(left, cosine, atol=1e-14)
    panels = _panels.panels(jnp.asarray([2.0]), points=2)
    found = _panels.damped_integrals(jnp.ones((1, 2, 1)), jnp.asarray([-1e-18]), panels)
    assert float(found[0, 0]) == pytest.approx(2.0, rel=1e-15)


def asymmetric(x: jax.Array, y: jax.Array) -> jax.Array:
    return x @ y.T + x[:, :1]


def undefined(x: jax.Array, y: jax.Array) -> jax.Array:
    return x @ y.T * jnp.nan


def negative(x: jax.Array, y: jax.Array) -> jax.Array:
    return -(x @ y.T)


def first(x: jax.Array) -> jax.Array:
    return x[:, 0]


def of_samples(kernel: Any, times: jax.Array) -> Any:
    key = jax.random.key(0)
    return dynamics.kernel_flows(kernel, first, CIRCLE, times, key, draws=1, n=4, progress=False)


def of_limits(kernel: Any, times: jax.Array) -> Any:
    network = dataclasses.replace(networks.fully_connected(2, (4,)), kernel=kernel)
    return linearization.frozen_flows(
        network, None, first, CIRCLE, times, sample=CIRCLE.nodes[None]
    )


def of_matrices(kernel: Any, times: jax.Array) -> Any:
    x = CIRCLE.nodes
    return dynamics.kernel_flow(kernel(x, x), kernel(x, x), x[:, 0], x[:, 0], times)


def of_matrices_in_any_precision(kernel: Any, times: jax.Array) -> Any:
    x = CIRCLE.nodes
    return dynamics.closed_form(kernel(x, x), kernel(x, x), x[:, 0], x[:, 0], times)


def along_harmonics(kernel: Any, times: jax.Array) -> Any:
    x, sigma = CIRCLE.nodes, jnp.asarray([0.0, 0.5])
    harmonics = zonal.Harmonics((1,), jnp.asarray([[1.0, 0.0]]))
    return zonal.kernel_flow(kernel, sigma, x[:, 0], harmonics, times, sample=x)


DOORS: tuple[Callable[[Any, jax.Array], Any], ...] = (
    of_samples, of_limits, of_matrices, of_matrices_in_any_precision, along_harmonics,
)  # fmt: skip
"""Every closed form of a kernel, from a kernel and times: a new one joins here."""


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_bad_kernels_and_times_are_refused_at_every_door(door: Any) -> None:
    one = jnp.asarray([1.0])
    with refused("must be symmetric, but differs from its transpose by"):
        door(asymmetric, one)
    with refused("NaN or infinite value"):
        door(undefined, one)
    with refused("must be positive semidefinite, but has the eigenvalue -"):
        door(negative, one)
    with refused("times must be strictly increasing"):
        door(linear, jnp.asarray([2.0, 1.0]))
    with refused("times holds 1 NaN or infinite value(s)"):
        door(linear, jnp.asarray([jnp.nan]))


def test_bad_rates_and_points_are_refused() -> None:
    x, one = CIRCLE.nodes, jnp.asarray([1.0])
    harmonics = zonal.Harmonics((1,), jnp.asarray([[1.0, 0.0]]))

    def along(sigma: float, sample: jax.Array) -> Any:
        rates = jnp.asarray([0.0, sigma])
        return zonal.kernel_flow(linear, rates, x[:, 0], harmonics, one, sample=sample)

    with refused("eigenvalues holds 1 NaN or infinite value(s) among 2"):
        along(jnp.nan, x)
    with refused("eigenvalues must not be negative, got -3"):
        along(-3.0, x)
    with refused("sample holds 16 NaN or infinite value(s) among 16"):
        along(0.5, x * jnp.nan)
    with refused("values must not be negative, got -1"):
        dynamics.damping_factor(jnp.asarray([-1.0]), one)
    with refused("values holds 1 NaN or infinite value(s) among 1"):
        dynamics.damping_factor(jnp.asarray([jnp.nan]), one)
    with refused("times must be non-negative, got -1.0 first."):
        dynamics.damping_factor(one, jnp.asarray([-1.0, 3.0]))
    system = spectrum.Eigensystem(jnp.asarray([jnp.nan]), jnp.ones((1, 8)), CIRCLE)
    with refused("eigensystem.values holds 1 NaN or infinite value(s) among 1"):
        dynamics.ideal_flow(system, x[:, 0], one)


def test_closed_forms_run_inside_compiled_functions() -> None:
    gram, start, one = jnp.eye(2), jnp.ones(2), jnp.asarray([1.0])
    flow = jax.jit(lambda g, t: dynamics.closed_form(g, g, start, start, t))(gram, one)
    np.testing.assert_allclose(flow, np.exp(-0.5) * np.ones((1, 2)), rtol=1e-14)
    factor = jax.jit(dynamics.damping_factor)(jnp.asarray([1.0]), one)
    np.testing.assert_allclose(factor, [[1 - np.exp(-1)]], rtol=1e-14)
