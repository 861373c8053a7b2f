"""Kernel flows and ideal flows against matrix exponentials and quadrature."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import by_name, points
from flows import CIRCLE, TIMES, sample
from refusals import refused
from scipy import integrate, linalg

from ntklib import dynamics, measures, spectrum
from ntklib.networks import _neural_tangents


def kernel_problem(n: int, seed: int) -> tuple[jax.Array, ...]:
    """The Gram matrices of a kernel on a sample and nodes, and residuals on both."""
    kernel = by_name("erf-1-biases").network(2, 4).kernel
    x = sample(n, seed)
    random = np.random.default_rng(seed)
    return (
        kernel(x, x),
        kernel(CIRCLE.nodes, x),
        jnp.asarray(random.standard_normal(n)),
        jnp.asarray(random.standard_normal(12)),
    )


@pytest.mark.parametrize(("n", "seed"), [(1, 0), (5, 0), (20, 1)])
def test_kernel_flow_solves_its_equation(n: int, seed: int) -> None:
    """On the nodes and the sample together it is linear, so one matrix exponential solves it."""
    gram, cross, on_sample, initial = kernel_problem(n, seed)
    system = np.zeros((n + 12, n + 12))
    system[:n, :n], system[n:, :n] = -np.asarray(gram) / n, -np.asarray(cross) / n
    start = np.concatenate([on_sample, initial])
    expected = np.stack([linalg.expm(t * system) @ start for t in np.asarray(TIMES)])
    got = dynamics.kernel_flow(gram, cross, on_sample, initial, TIMES)
    np.testing.assert_allclose(got, expected[:, n:], atol=1e-10, rtol=0)
    back = dynamics.kernel_flow(gram, gram, on_sample, on_sample, TIMES)
    np.testing.assert_allclose(back, expected[:, :n], atol=1e-10, rtol=0)


def test_kernel_flow_is_that_of_neural_tangents() -> None:
    nt = _neural_tangents.load()
    n = 8
    gram, cross, on_sample, initial = kernel_problem(n, 2)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        predict = nt.predict.gradient_descent_mse(gram, jnp.zeros((n, 1)))
        trained, elsewhere = predict(TIMES, on_sample[:, None], initial[:, None], cross)
    got = dynamics.kernel_flow(gram, gram, on_sample, on_sample, TIMES)
    np.testing.assert_allclose(got, trained[..., 0], atol=1e-8, rtol=0)
    got = dynamics.kernel_flow(gram, cross, on_sample, initial, TIMES)
    np.testing.assert_allclose(got, elsewhere[..., 0], atol=1e-8, rtol=0)


def test_kernel_flow_of_a_singular_kernel() -> None:
    """Where the kernel vanishes nothing moves, and a repeated point does no harm."""
    gram, cross, on_sample, initial = kernel_problem(3, 0)
    still = dynamics.kernel_flow(0 * gram, 0 * cross, on_sample, initial, TIMES)
    np.testing.assert_array_equal(still, np.tile(initial, (4, 1)))
    twice = jnp.asarray([0, 1, 2, 0, 1, 2])
    doubled = dynamics.kernel_flow(
        gram[jnp.ix_(twice, twice)], cross[:, twice], on_sample[twice], initial, TIMES
    )
    once = dynamics.kernel_flow(gram, cross, on_sample, initial, TIMES)
    np.testing.assert_allclose(doubled, once, atol=1e-12, rtol=0)


@pytest.mark.parametrize("weighted", [False, True])
def test_ideal_flow_is_the_exponential_of_the_operator(weighted: bool) -> None:
    weights = jnp.arange(1.0, 13.0) / 78 if weighted else CIRCLE.weights
    measure = measures.empirical(CIRCLE.nodes, weights)
    gram = by_name("erf-1-biases").network(2, 4).kernel(measure.nodes, measure.nodes)
    initial = jnp.asarray(points(1, 12)[0])
    operator = np.asarray(gram) * np.asarray(weights)
    expected = [linalg.expm(-t * operator) @ np.asarray(initial) for t in np.asarray(TIMES)]
    got = dynamics.ideal_flow(spectrum.nystrom(gram, measure), initial, TIMES)
    np.testing.assert_allclose(got, expected, atol=1e-10, rtol=0)


def test_ideal_flow_on_the_circle() -> None:
    system = spectrum.circle(by_name("erf-1-biases").network(2, 4).kernel, CIRCLE, 5)
    initial = jnp.asarray(points(1, 12)[0])
    got = dynamics.ideal_flow(system, initial, TIMES)
    before = system.coefficients(initial)
    for t, residual in zip(np.asarray(TIMES), got, strict=True):
        np.testing.assert_allclose(
            system.coefficients(residual),
            np.exp(-t * np.asarray(system.values)) * before,
            atol=1e-13,
            rtol=0,
        )
        # What the five eigenfunctions don't span stays.
        outside = residual - system.synthesis(system.coefficients(residual))
        np.testing.assert_allclose(outside, initial - system.synthesis(before), atol=1e-13, rtol=0)


def test_damping_factor_is_its_integral() -> None:
    values = jnp.asarray([0.0, 1e-14, 1e-6, 0.3, 50.0, 1e9])
    times = jnp.asarray([0.0, 1e-5, 1.0, 200.0])
    got = np.asarray(dynamics.damping_factor(values, times))
    assert got.shape == (4, 6)
    for i, t in enumerate(np.asarray(times)):
        for j, sigma in enumerate(np.asarray(values)):
            # e^{−σs} has died out after 40/σ.
            end = min(t, 40 / sigma) if sigma else t
            expected = integrate.quad(lambda s, sigma=sigma: np.exp(-sigma * s), 0, end)[0]
            assert got[i, j] == pytest.approx(expected, rel=1e-12)
    with np.errstate(divide="ignore"):
        bound = np.minimum(np.asarray(times)[:, None], 1 / np.asarray(values)[None, :])
    assert np.all(got <= bound * (1 + 1e-15))
    np.testing.assert_array_equal(got[:, 0], times)
    # Rounding makes an eigenvalue 0 slightly negative.
    assert dynamics.damping_factor(jnp.asarray([-1e-17]), jnp.asarray([3.0])) == 3.0
    # Continuous where the formula changes over to its limit.
    ends = dynamics.damping_factor(jnp.asarray([0.99e-12, 1.01e-12]), jnp.asarray([1.0]))
    np.testing.assert_allclose(ends, 1.0, rtol=1e-12)


def test_bad_arguments_of_closed_forms_are_refused() -> None:
    gram, cross, on_sample, initial = kernel_problem(3, 0)

    def run(**changes: Any) -> None:
        arguments: dict[str, Any] = {
            "gram": gram, "cross": cross, "sample_residual": on_sample, "initial": initial,
            "times": TIMES,
        }  # fmt: skip
        dynamics.kernel_flow(**{**arguments, **changes})

    with refused("gram must be symmetric, but differs from its transpose by"):
        run(gram=gram.at[0, 1].add(1.0))
    with refused("gram must be positive semidefinite, but has the eigenvalue -"):
        run(gram=gram - 5 * jnp.eye(3))
    with refused("gram must be square, got shape (2, 3)."):
        run(gram=gram[:2])
    with refused("gram is empty (shape (0, 0)): give at least one entry."):
        run(gram=jnp.zeros((0, 0)))
    with refused("cross's second axis has 2 entries and gram has 3: they must agree."):
        run(cross=cross[:, :2])
    with refused("sample_residual has 2 entries and gram has 3: they must agree."):
        run(sample_residual=on_sample[:2])
    with refused("initial has 11 entries and cross has 12: they must agree."):
        run(initial=initial[1:])
    with refused("initial holds 1 NaN or infinite value(s) among 12"):
        run(initial=initial.at[3].set(jnp.nan))
    with refused("times must be non-negative, got -1.0 first."):
        run(times=-TIMES[2:])
    system = spectrum.circle(by_name("erf-1-biases").network(2, 4).kernel, CIRCLE)
    with refused("initial has 11 entries and measure has 12: they must agree."):
        dynamics.ideal_flow(system, initial[1:], TIMES)
    with refused("initial must hold real floating-point numbers, got dtype int64.", TypeError):
        dynamics.ideal_flow(system, jnp.ones(12, int), TIMES)
    with refused("times must be strictly increasing"):
        dynamics.ideal_flow(system, initial, TIMES[::-1])
    with (
        jax.enable_x64(False),
        refused("A difference of trajectories needs float64, and JAX is in single precision"),
    ):
        run()
    with jax.enable_x64(False), refused("A difference of trajectories needs float64"):
        dynamics.ideal_flow(system, initial, TIMES)
