"""The damped-deviations identity against closed forms, matrix exponentials and other quadrature."""

import functools
import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from refusals import refused
from scipy import integrate, linalg, special

from ntklib import dynamics, kernels, measures, networks, spectrum
from ntklib.targets import FourierSum
from ntklib.theory import _panels, _parts, deviations
from ntklib.theory._parts import Split

CIRCLE = measures.circle(12)
TARGET = FourierSum((0, 1, 2), (0.3, 1.0, 0.5), (0.0, 0.4, 0.7))
PANELS = _panels.panels(jnp.asarray([0.2, 0.5, 1.0, 2.0, 4.0]), 6)
# Without antisymmetric initialization: r₀ is not −f*.
SMALL = networks.fully_connected(2, (6,), "tanh", biases=True)
SAMPLE = CIRCLE.sample(jax.random.key(3), 5)
SAMPLES = jnp.stack([SAMPLE, -SAMPLE])
THETA = np.asarray([0.4, -1.0, 0.2, 0.9])  # of the linear model
START = SMALL.init(jax.random.key(1))
PARTS = ("sampling", "initialization", "movement")


def features(x: jax.Array) -> jax.Array:
    first, second = x[:, 0], x[:, 1]
    return jnp.stack([jnp.ones_like(first), first, 0.5 * second, first * second], axis=-1)


def linear(theta: jax.Array, x: jax.Array) -> jax.Array:
    """A model whose tangent kernel is ⟨features, features⟩ and never moves."""
    return features(x) @ theta


def own_kernel(x1: jax.Array, x2: jax.Array) -> jax.Array:
    return features(x1) @ features(x2).T


def rbf(x1: jax.Array, x2: jax.Array) -> jax.Array:
    return kernels.rbf(x1, x2, lengthscale=0.8)


def trained(times: jax.Array) -> dynamics.Trajectory:
    """Two draws of the small network; always two, so that all flows are compiled once."""
    return dynamics.gradient_flow(
        SMALL, jax.tree.map(lambda leaf: jnp.stack([leaf, 0.5 * leaf]), START), TARGET, CIRCLE,
        times, sample=SAMPLES, draws=True, rtol=1e-10, atol=1e-13, keep_params=True,
        progress=False,
    )  # fmt: skip


@functools.cache
def small_flows() -> dynamics.Trajectory:
    return trained(PANELS.times)


def small_flow() -> dynamics.Trajectory:
    return deviations.draws(small_flows())[0]


def linear_flow(points: jax.Array, shares: jax.Array) -> dynamics.Trajectory:
    """That of the linear model in closed form, θ_t = θ_∞ + exp(−ΨᵀWΨt)(θ₀ − θ_∞)."""
    psi, weights = np.asarray(features(points)), np.asarray(shares)
    matrix = psi.T @ (weights[:, None] * psi)
    end = np.linalg.solve(matrix, psi.T @ (weights * np.asarray(TARGET(points))))
    times = np.asarray(PANELS.times)
    theta = jnp.stack([end + linalg.expm(-t * matrix) @ (THETA - end) for t in times])
    residuals = theta @ features(CIRCLE.nodes).T - TARGET(CIRCLE.nodes)[None, :]
    return dynamics.Trajectory(PANELS.times, residuals, theta, jnp.zeros((), int))


def both_sides(kernel: Callable[..., Any], k: int | None = None) -> Split:
    system = spectrum.nystrom(kernel(CIRCLE.nodes, CIRCLE.nodes), CIRCLE, k)
    return deviations.split(
        SMALL, small_flow(), PANELS, TARGET, system, kernel, sample=SAMPLE
    )  # fmt: skip


def relative(found: Any, expected: Any) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def test_panels_hold_gauss_points_and_ends() -> None:
    ends, points = np.asarray(PANELS.ends), np.asarray(PANELS.points)
    times = np.asarray(PANELS.times)
    assert times[0] == 0
    assert np.all(np.diff(times) > 0)
    np.testing.assert_array_equal(times[7::7], ends)
    np.testing.assert_array_equal(times[1:].reshape(5, 7)[:, :6], points)
    # Symmetric in each panel, the first of which starts at 0.
    starts = np.concatenate([[0.0], ends[:-1]])
    np.testing.assert_allclose(points + points[:, ::-1], (starts + ends)[:, None] + 0 * points)


@pytest.mark.parametrize("sigma", [0.0, 1e-310, 1e-9, 0.3, 7.0, 900.0])
@pytest.mark.parametrize("points", [1, 3, 8])
def test_polynomials_are_integrated_exactly(points: int, sigma: float) -> None:
    """Up to degree g − 1, however long a panel is in units of 1/σ."""
    panels = _panels.panels(jnp.asarray([0.5, 0.8, 3.0]), points)
    polynomial = np.polynomial.Polynomial(np.random.default_rng(points).standard_normal(points))
    force = jnp.asarray(polynomial(np.asarray(panels.points)))[:, :, None]
    got = _panels.damped_integrals(force, jnp.asarray([sigma]), panels)

    def expected(t: float) -> float:
        # s = t − u/(1 + σ) spreads the exponential's layer at s = t over all scales.
        breaks = t - np.minimum(t, np.asarray([0, 1, 3, 10, 30, 100]) / (1 + sigma))
        ends = np.append(breaks, 0.0)
        pieces = [
            integrate.fixed_quad(
                lambda s: np.exp(-sigma * (t - s)) * polynomial(s), low, high, n=60
            )[0]
            for high, low in itertools.pairwise(ends)
        ]
        return float(sum(pieces))

    np.testing.assert_allclose(
        np.asarray(got)[:, 0], [expected(t) for t in (0.5, 0.8, 3.0)], rtol=1e-11, atol=1e-13
    )


def test_other_forces_converge_in_the_number_of_points() -> None:
    """∫₀ᵗ e^{−σ(t−s)} cos s ds = (σ cos t + sin t − σ e^{−σt})/(σ² + 1)."""
    sigma, errors = np.asarray([0.2, 5.0, 60.0]), []
    for points in (2, 4, 6, 8, 12):
        panels = _panels.panels(jnp.asarray([1.0, 2.5, 4.0]), points)
        t = np.asarray(panels.ends)[:, None]
        exact = (sigma * np.cos(t) + np.sin(t) - sigma * np.exp(-sigma * t)) / (sigma**2 + 1)
        force = jnp.broadcast_to(jnp.cos(panels.points)[:, :, None], (3, points, 3))
        got = _panels.damped_integrals(force, jnp.asarray(sigma), panels)
        errors.append(np.max(np.abs(np.asarray(got) - exact)))
    assert errors[0] > 1e-4
    assert np.all(np.asarray(errors[1:4]) < np.asarray(errors[:3]) / 50)
    assert errors[-1] < 1e-14


def test_a_kernel_that_does_not_move_leaves_sampling_alone() -> None:
    """The deviation is then known in closed form: the kernel's own flow less the ideal one."""
    theta = jnp.asarray(THETA)
    system = spectrum.nystrom(own_kernel(CIRCLE.nodes, CIRCLE.nodes), CIRCLE)
    flow = linear_flow(SAMPLE, jnp.full(5, 0.2))
    got = deviations.split(linear, flow, PANELS, TARGET, system, own_kernel, sample=SAMPLE)
    initial = linear(theta, CIRCLE.nodes) - TARGET(CIRCLE.nodes)
    exact = dynamics.kernel_flow(
        own_kernel(SAMPLE, SAMPLE), own_kernel(CIRCLE.nodes, SAMPLE),
        linear(theta, SAMPLE) - TARGET(SAMPLE), initial, PANELS.ends,
    )  # fmt: skip
    np.testing.assert_allclose(got.residuals, exact, atol=1e-12)
    expected = exact - dynamics.ideal_flow(system, initial, PANELS.ends)
    np.testing.assert_allclose(got.deviation, expected, atol=1e-12)
    np.testing.assert_allclose(got.parts.sampling, expected, atol=1e-9)
    assert np.max(np.abs(expected)) > 0.1
    for name in ("initialization", "movement"):
        np.testing.assert_allclose(getattr(got.parts, name), 0.0, atol=1e-13)


def test_another_kernel_on_the_nodes_leaves_initialization_alone() -> None:
    """With unequal weights; n = ∞ and the model is linear, so both exponentials are matrices."""
    weights = jnp.arange(1.0, 13.0) / 78
    measure = measures.empirical(CIRCLE.nodes, weights)
    system = spectrum.nystrom(rbf(CIRCLE.nodes, CIRCLE.nodes), measure)
    flow = linear_flow(CIRCLE.nodes, weights)
    got = deviations.split(linear, flow, PANELS, TARGET, system, rbf)
    initial = np.asarray(linear(jnp.asarray(THETA), CIRCLE.nodes) - TARGET(CIRCLE.nodes))

    def end(kernel: Callable[..., Any], t: float) -> np.ndarray:
        operator = np.asarray(kernel(CIRCLE.nodes, CIRCLE.nodes)) * np.asarray(weights)
        return linalg.expm(-t * operator) @ initial

    expected = [end(own_kernel, float(t)) - end(rbf, float(t)) for t in PANELS.ends]
    np.testing.assert_allclose(got.deviation, np.stack(expected), atol=1e-12)
    np.testing.assert_allclose(got.parts.initialization, np.stack(expected), atol=1e-9)
    for name in ("sampling", "movement"):
        np.testing.assert_allclose(getattr(got.parts, name), 0.0, atol=1e-13)


@pytest.mark.parametrize("kernel", [SMALL.kernel, rbf], ids=["own", "rbf"])
def test_parts_add_up_to_the_deviation(kernel: Callable[..., Any]) -> None:
    got = both_sides(kernel)
    assert relative(got.parts.total, got.deviation) < 1e-8
    assert relative(got.integral, got.deviation) < 1e-8
    np.testing.assert_allclose(got.residuals, small_flow().residuals[7::7], atol=1e-14)
    for name in PARTS:  # none of them is too small to be seen missing
        assert np.linalg.norm(getattr(got.parts, name)) > 1e-3 * np.linalg.norm(got.deviation)


def test_modes_that_are_left_out_have_eigenvalue_0() -> None:
    got, whole = both_sides(SMALL.kernel, 4), both_sides(SMALL.kernel)
    assert relative(got.parts.total, got.deviation) < 1e-8
    assert relative(got.deviation, whole.deviation) > 1e-3


def test_each_part_against_gram_matrices_and_other_quadrature() -> None:
    """K_s from `kernels.empirical`, the matrix exponential of T_K, and one panel of 34 points."""
    got = both_sides(SMALL.kernel)
    x, weights = special.roots_legendre(34)
    times = np.concatenate([[0.0], (x + 1) / 2, [1.0]])  # as many as PANELS has
    flow = deviations.draws(trained(jnp.asarray(times)))[0]
    limit = np.asarray(SMALL.kernel(CIRCLE.nodes, SAMPLE))
    operator = np.asarray(SMALL.kernel(CIRCLE.nodes, CIRCLE.nodes)) / 12
    first = np.asarray(kernels.empirical(SMALL, START, CIRCLE.nodes, SAMPLE))
    integrands: dict[str, list[np.ndarray]] = {name: [] for name in PARTS}
    for index, s in enumerate(times):
        theta = jax.tree.map(lambda leaf, at=index: jnp.asarray(leaf[at]), flow.params)
        now = np.asarray(kernels.empirical(SMALL, theta, CIRCLE.nodes, SAMPLE))
        r = np.asarray(SMALL.apply(theta, SAMPLE) - TARGET(SAMPLE)) / 5
        decay = linalg.expm(-(1.0 - s) * operator)
        integrands["sampling"].append(
            decay @ (operator @ np.asarray(flow.residuals[index]) - limit @ r)
        )
        integrands["initialization"].append(decay @ (limit - first) @ r)
        integrands["movement"].append(decay @ (first - now) @ r)
    for name, values in integrands.items():
        expected = weights / 2 @ np.stack(values)[1:-1]
        assert relative(getattr(got.parts, name)[2], expected) < 1e-8, name


def test_gram_form_is_the_identity_of_the_sample() -> None:
    empirical = measures.empirical(SAMPLE)
    gram = SMALL.kernel(SAMPLE, SAMPLE)
    system = spectrum.nystrom(gram, empirical)
    got = deviations.split(SMALL, small_flow(), PANELS, TARGET, system, SMALL.kernel)
    initial = np.asarray(SMALL.apply(START, SAMPLE) - TARGET(SAMPLE))
    for index, t in enumerate(np.asarray(PANELS.ends)):
        at = 7 * index + 7
        theta = jax.tree.map(lambda leaf, at=at: jnp.asarray(leaf[at]), small_flow().params)
        now = np.asarray(SMALL.apply(theta, SAMPLE) - TARGET(SAMPLE))
        ideal = linalg.expm(-t * np.asarray(gram) / 5) @ initial
        np.testing.assert_allclose(got.deviation[index], now - ideal, atol=1e-12)
    np.testing.assert_allclose(got.parts.sampling, 0.0, atol=1e-12)
    assert relative(got.parts.total, got.deviation) < 1e-8
    # Around G₀ itself nothing but the movement is left.
    own = functools.partial(kernels.empirical, SMALL, START)
    around = deviations.split(
        SMALL, small_flow(), PANELS, TARGET,
        spectrum.nystrom(own(SAMPLE, SAMPLE), empirical), own,
    )  # fmt: skip
    np.testing.assert_allclose(around.parts.initialization, 0.0, atol=1e-12)
    assert relative(around.parts.movement, around.deviation) < 1e-8


def test_parts_are_mapped_together() -> None:
    parts = _parts.Parts(jnp.ones((2, 3)), 2 * jnp.ones((2, 3)), 4 * jnp.ones((2, 3)))
    np.testing.assert_array_equal(parts.total, np.full((2, 3), 7.0))
    half = parts.map(lambda g: g[:, :2] / 2)
    np.testing.assert_array_equal(half.movement, np.full((2, 2), 2.0))
    np.testing.assert_array_equal(half.total, np.full((2, 2), 3.5))


def test_draws_are_taken_apart_and_stacked() -> None:
    """Of two draws, each split as if it were alone."""
    singles = deviations.draws(small_flows())
    for single, scale in zip(singles, (1.0, 0.5), strict=True):
        theta = jax.tree.map(lambda leaf, c=scale: c * leaf, START)
        start = SMALL.apply(theta, CIRCLE.nodes) - TARGET(CIRCLE.nodes)
        np.testing.assert_allclose(single.residuals[0], start, atol=1e-12)
    system = spectrum.nystrom(SMALL.kernel(CIRCLE.nodes, CIRCLE.nodes), CIRCLE)
    splits = [
        deviations.split(SMALL, each, PANELS, TARGET, system, SMALL.kernel, sample=own)
        for each, own in zip(singles, SAMPLES, strict=True)
    ]  # fmt: skip
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *splits)
    assert stacked.parts.total.shape == (2, 5, 12)
    assert stacked.forces.movement.shape == (2, 5, 6, 12)
    assert relative(stacked.integral, stacked.deviation) < 1e-8
    np.testing.assert_allclose(stacked.deviation[0], both_sides(SMALL.kernel).deviation, atol=1e-9)
    with refused("flow must hold several draws, but its residuals have shape (36, 12)"):
        deviations.draws(singles[0])


def test_refused_panels_and_forces() -> None:
    with refused("ends must start after 0, where the first panel begins: drop t = 0."):
        _panels.panels(jnp.asarray([0.0, 1.0]))
    with refused("times must be strictly increasing"):
        _panels.panels(jnp.asarray([1.0, 1.0]))
    with refused("points must be at least 1, got 0."):
        _panels.panels(jnp.asarray([1.0]), 0)
    one = _panels.panels(jnp.asarray([1.0]), 1)
    assert one.times.tolist() == [0.0, 0.5, 1.0]
    with refused("1 panels of 1 points, got shape (1, 2, 1)"):
        _panels.damped_integrals(jnp.ones((1, 2, 1)), jnp.ones(1), one)
    with refused("values has 2 entries and force's last axis has 1: they must agree."):
        _panels.damped_integrals(jnp.ones((1, 1, 1)), jnp.ones(2), one)
    with refused("values must not be negative, got -1: no kernel has such an eigenvalue"):
        _panels.damped_integrals(jnp.ones((1, 1, 1)), -jnp.ones(1), one)


def test_refused_trajectories() -> None:
    system = spectrum.nystrom(SMALL.kernel(CIRCLE.nodes, CIRCLE.nodes), CIRCLE)

    def attempt(flow: Any, **options: Any) -> None:
        deviations.split(
            SMALL, flow, PANELS, TARGET, system, SMALL.kernel, **{"sample": SAMPLE, **options}
        )

    good = small_flow()
    with refused("flow has no params: run gradient_flow with keep_params=True."):
        attempt(dynamics.Trajectory(good.times, good.residuals, None, good.steps))
    with refused("flow must be at the 36 times of the panels, 0 to 4, but is at 36 times up to 8"):
        attempt(dynamics.Trajectory(2 * good.times, good.residuals, good.params, good.steps))
    with refused("but its residuals have shape (1, 36, 12): pass those of draws(flow)"):
        attempt(dynamics.Trajectory(good.times, good.residuals[None], good.params, good.steps))
    with refused("sample must have the axes (n, d)"):
        attempt(good, sample=SAMPLE[0])
    with refused("memory_budget = 10 bytes is too small"):
        attempt(good, memory_budget=10)
