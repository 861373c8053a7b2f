"""Analytic kernels against closed forms and Monte Carlo."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from cases import ACCURACY, CASES, Case, by_name, every_case, every_kernel, points
from formulas import MOMENTS
from scipy import integrate

from ntklib import kernels
from ntklib.networks import Network


@every_kernel
def test_analytic_kernel_is_the_recursion(case: Case) -> None:
    x1 = points(4)
    network = case.network(3, 4)
    opposite = np.concatenate([-x1[:1], points(3, seed=1)])
    for x2 in (opposite, x1):
        expected = case.kernel(x1, x2)
        got = kernels.analytic(network, jnp.asarray(x1), jnp.asarray(x2))
        np.testing.assert_allclose(got, expected, atol=ACCURACY * np.abs(expected).max(), rtol=0)


def test_analytic_kernel_of_other_shapes() -> None:
    for name in ("erf-1-biases", "tanh-1"):
        case = by_name(name)
        network, x1, x2 = case.network(2, 4), points(3, 2), points(5, 2, seed=1)
        cross = kernels.analytic(network, jnp.asarray(x1), jnp.asarray(x2))
        np.testing.assert_allclose(cross, case.kernel(x1, x2), rtol=1e-7)
        alone = kernels.analytic(network, jnp.asarray(x1))
        np.testing.assert_allclose(alone, case.kernel(x1, x1), rtol=1e-7)


def test_analytic_kernel_keeps_single_precision() -> None:
    case, x = by_name("erf-1-biases"), points(4)
    got = kernels.analytic(case.network(3, 4), jnp.asarray(x, jnp.float32))
    assert got.dtype == jnp.float32
    np.testing.assert_allclose(got, case.kernel(x, x), rtol=1e-5)


def monte_carlo(network: Network, x: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """K₀ of independent draws from its definition, shape (draws, n, n)."""
    random = np.random.default_rng(seed)
    shapes = jax.eval_shape(network.init, jax.random.key(0))
    params = jax.tree.map(
        lambda leaf: jnp.asarray(random.standard_normal((draws, *leaf.shape))), shapes
    )

    def gradient(theta: Any, point: Any) -> Any:
        return jax.grad(lambda each: network.apply(each, point[None])[0])(theta)

    gradients = jax.jit(jax.vmap(jax.vmap(gradient, (None, 0)), (0, None)))(params, jnp.asarray(x))
    leaves = [np.asarray(leaf).reshape(draws, len(x), -1) for leaf in jax.tree.leaves(gradients)]
    return sum(leaf @ leaf.transpose(0, 2, 1) for leaf in leaves)


# Of as many draws those at the ends tell most about a slope: four widths between them give an
# interval 5 % shorter and take twice as long.
WIDTHS = (16, 128)
DRAWS = 24


@functools.cache
def deviations(case: Case) -> list[np.ndarray]:
    """(K₀ − K^∞)/max K^∞ at four points, for each width, shape (draws, 4, 4)."""
    x = points(4, seed=2)
    analytic = np.asarray(kernels.analytic(case.network(3, WIDTHS[0]), jnp.asarray(x)))
    scale = np.max(np.abs(analytic))
    return [(monte_carlo(case.network(3, m), x, DRAWS, seed=m) - analytic) / scale for m in WIDTHS]


def rate(case: Case) -> float:
    """The exponent of m in the root mean square of K₀ − K^∞."""
    errors = [np.sqrt(np.mean(deviation**2)) for deviation in deviations(case)]
    return float(np.polyfit(np.log(WIDTHS), np.log(errors), 1)[0])


@every_case
def test_empirical_kernels_approach_the_analytic_one_like_one_over_root_m(case: Case) -> None:
    # The standard error of a rate is about 0.1: strongly correlated entries of 24 draws a width.
    assert -0.85 < rate(case) < -0.25
    # The mean over draws is K^∞ up to its standard error (and a bias of order 1/m).
    widest = deviations(case)[-1]
    mean, spread = np.mean(widest, axis=0), np.std(widest, axis=0) / np.sqrt(DRAWS)
    assert np.all(np.abs(mean) < 5 * spread + 1 / WIDTHS[-1]), np.max(np.abs(mean) / spread)


def test_the_rate_over_all_networks() -> None:
    """Independent draws, so the mean of the rates is known four times as well as each of them."""
    rates = [rate(case) for case in CASES]
    error = np.std(rates, ddof=1) / np.sqrt(len(rates))
    assert error < 0.04
    assert abs(np.mean(rates) + 0.5) < 3 * error, (np.mean(rates), error)


def test_the_reference_is_right_about_tanh() -> None:
    """The trapezoidal rule behind the reference, against adaptive quadrature over the plane."""
    s, c, r = 1.3, -0.4, 0.7
    inverse = np.linalg.inv([[s, c], [c, r]])
    mass = 2 * np.pi * np.sqrt(s * r - c**2)

    def integrand(v: float, u: float, function: Callable[[float], float]) -> float:
        density = np.exp(
            -0.5 * (inverse[0, 0] * u * u + inverse[1, 1] * v * v) - inverse[0, 1] * u * v
        )
        return function(u) * function(v) * density / mass

    for function, got in zip(
        (np.tanh, lambda u: 1 / np.cosh(u) ** 2),
        MOMENTS["tanh"](*(np.asarray(value) for value in (s, c, r))),
        strict=True,
    ):
        expected = integrate.dblquad(integrand, -9, 9, -8, 8, args=(function,), epsabs=1e-10)[0]
        assert abs(got - expected) < 1e-9
