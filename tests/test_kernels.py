"""Analytic kernels against closed forms and Monte Carlo; empirical ones against the Jacobian."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import (
    MOMENTS,
    Case,
    by_name,
    dense_kernel,
    every_case,
    every_kernel,
    points,
    refused,
)
from jax.flatten_util import ravel_pytree
from scipy import integrate

from ntklib import _neural_tangents, kernels, measures, networks
from ntklib.networks import Network


@every_kernel
def test_analytic_kernel_is_the_recursion(case: Case) -> None:
    x1 = points(4)
    network = case.network(3, 4)
    opposite = np.concatenate([-x1[:1], points(3, seed=1)])
    for x2 in (opposite, x1):
        expected = case.kernel(x1, x2)
        got = kernels.analytic(network, jnp.asarray(x1), jnp.asarray(x2))
        accuracy = case.accuracy * np.abs(expected).max()
        np.testing.assert_allclose(got, expected, atol=accuracy, rtol=0)


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
    """K₀ of independent draws from its definition, shape (draws, n, n).

    Run without compiling, which would take longer than all the rest.
    """
    random = np.random.default_rng(seed)
    shapes = jax.eval_shape(network.init, jax.random.key(0))
    params = jax.tree.map(
        lambda leaf: jnp.asarray(random.standard_normal((draws, *leaf.shape))), shapes
    )

    def gradient(theta: Any, point: Any) -> Any:
        return jax.grad(lambda each: network.apply(each, point[None])[0])(theta)

    with jax.disable_jit():
        gradients = jax.vmap(jax.vmap(gradient, (None, 0)), (0, None))(params, jnp.asarray(x))
    leaves = [np.asarray(leaf).reshape(draws, len(x), -1) for leaf in jax.tree.leaves(gradients)]
    return sum(leaf @ leaf.transpose(0, 2, 1) for leaf in leaves)


@every_case
def test_empirical_kernels_approach_the_analytic_one_like_one_over_root_m(case: Case) -> None:
    x = points(4, seed=2)
    widths = (16, 32, 64, 128)
    draws = 24
    analytic = np.asarray(kernels.analytic(case.network(3, widths[0]), jnp.asarray(x)))
    scale = np.max(np.abs(analytic))
    deviations = [
        (monte_carlo(case.network(3, m), x, draws, seed=m) - analytic) / scale for m in widths
    ]
    errors = [np.sqrt(np.mean(deviation**2)) for deviation in deviations]
    slope = np.polyfit(np.log(widths), np.log(errors), 1)[0]
    # Its own standard error is about 0.1: 24 draws of strongly correlated entries a width.
    assert -0.85 < slope < -0.25, errors
    # The mean over draws is K^∞ up to its standard error (and a bias of order 1/m).
    mean = np.mean(deviations[-1], axis=0)
    spread = np.std(deviations[-1], axis=0) / np.sqrt(draws)
    assert np.all(np.abs(mean) < 5 * spread + 1 / widths[-1]), np.max(np.abs(mean) / spread)


@pytest.mark.parametrize(("name", "depth"), [("erf", 2), ("gelu", 1)])
def test_numerical_layer_agrees_with_the_closed_form(name: str, depth: int) -> None:
    """The layer that tanh and softplus need, on activations that don't need it."""
    x = points(2, seed=4)
    exact = dense_kernel(MOMENTS[name], depth, True, x, x)

    def error(degree: int) -> float:
        kernel = _neural_tangents.dense_kernel(
            depth,
            lambda stax: stax.ElementwiseNumerical(networks.ACTIVATIONS[name].function, degree),
            True,
        )
        got = jax.jit(kernel)(jnp.asarray(x), jnp.asarray(x))
        return float(np.max(np.abs(np.asarray(got) - exact)) / exact.max())

    assert error(networks.QUADRATURE_DEGREE) < 1e-8
    assert error(6) > 1e-5  # what the degree is for


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


def gram_of_jacobian(network: Network, params: Any, x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
    """K(x, x') from the whole Jacobian, by reverse mode over all points at once."""
    flat, unravel = ravel_pytree(params)

    def jacobian(x: np.ndarray) -> np.ndarray:
        outputs = jax.jacrev(lambda theta: network.apply(unravel(theta), jnp.asarray(x)))
        return np.asarray(outputs(flat))

    return jacobian(x1) @ jacobian(x2).T


def two_networks() -> list[Network]:
    return [
        networks.fully_connected(3, (7,), "relu"),
        networks.antisymmetric(networks.fully_connected(3, (5, 6), "tanh", biases=True)),
    ]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("network", two_networks(), ids=["relu", "tanh"])
def test_empirical_kernel_is_the_gram_matrix_of_the_jacobian(network: Network, seed: int) -> None:
    params = network.init(jax.random.key(seed))
    x1, x2 = points(5, seed=seed), points(5, seed=seed + 10)
    for second in (None, x2):
        other = None if second is None else jnp.asarray(second)
        got = kernels.empirical(network.apply, params, jnp.asarray(x1), other)
        expected = gram_of_jacobian(network, params, x1, x1 if second is None else second)
        np.testing.assert_allclose(got, expected, atol=1e-12 * np.abs(expected).max(), rtol=0)


def test_empirical_kernel_is_that_of_neural_tangents() -> None:
    nt = _neural_tangents.load()
    network = two_networks()[1]
    params = network.init(jax.random.key(2))
    x1, x2 = jnp.asarray(points(4)), jnp.asarray(points(3, seed=1))
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        reference = nt.empirical_ntk_fn(
            lambda theta, x: network.apply(theta, x)[:, None], implementation=1
        )(x1, x2, params)
    got = kernels.empirical(network.apply, params, x1, x2)
    np.testing.assert_allclose(got, reference, rtol=1e-10, atol=1e-10)


def test_empirical_kernel_in_single_precision() -> None:
    network = networks.fully_connected(3, (6,), dtype=jnp.float32)
    params = network.init(jax.random.key(0))
    x = jnp.asarray(points(4), jnp.float32)
    got = kernels.empirical(network.apply, params, x)
    assert got.dtype == jnp.float32
    wide = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), params)
    expected = kernels.empirical(network.apply, wide, x.astype(jnp.float64))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def test_blocks_of_the_jacobian_keep_to_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    network = networks.fully_connected(3, (6, 6), biases=True)
    params = network.init(jax.random.key(0))
    p = network.parameters
    row = 8 * p
    x1, x2 = jnp.asarray(points(7)), jnp.asarray(points(5, seed=1))
    whole = (
        kernels.empirical(network.apply, params, x1),
        kernels.empirical(network.apply, params, x1, x2),
    )
    compute = kernels._jacobian
    rows: list[int] = []
    held: list[int] = []

    def watched(*args: Any) -> Any:
        block = compute(*args)
        rows.append(block.shape[0])
        held.append(sum(each.nbytes for each in jax.live_arrays() if each.shape[1:] == (p,)))
        return block

    monkeypatch.setattr(kernels, "_jacobian", watched)
    for budget in (4 * row, 12 * row + 8, 16 * row, 27 * row):
        rows.clear()
        held.clear()
        square = kernels.empirical(network.apply, params, x1, memory_budget=budget)
        cross = kernels.empirical(network.apply, params, x1, x2, memory_budget=budget)
        np.testing.assert_allclose(square, whole[0], rtol=1e-13)
        np.testing.assert_allclose(cross, whole[1], rtol=1e-13)
        assert np.array_equal(square, square.T)
        assert max(held) <= budget
        # A block is as tall as its quarter of the budget allows, no shorter.
        assert max(rows) == min(7, budget // (4 * row))


def test_least_budget() -> None:
    network = networks.fully_connected(3, (6, 6), biases=True)
    params = network.init(jax.random.key(0))
    least = 4 * 8 * network.parameters
    x = jnp.asarray(points(3))
    assert kernels.empirical(network.apply, params, x, memory_budget=least).shape == (3, 3)
    with refused(
        f"memory_budget = {least - 1} bytes is less than one pair of Jacobian rows needs: "
        f"give at least {least}, or use fewer parameters."
    ):
        kernels.empirical(network.apply, params, x, memory_budget=least - 1)


def test_rbf_is_its_formula() -> None:
    x1, x2 = points(4), points(3, seed=1)
    for scale in (0.3, 2.0):
        got = kernels.rbf(jnp.asarray(x1), jnp.asarray(x2), scale)
        for i in range(4):
            for j in range(3):
                square = sum((a - b) ** 2 for a, b in zip(x1[i], x2[j], strict=True))
                assert abs(float(got[i, j]) - np.exp(-square / (2 * scale**2))) < 1e-15
    single = kernels.rbf(jnp.asarray(x1, jnp.float32), jnp.asarray(x1, jnp.float32), 1.0)
    assert single.dtype == jnp.float32
    assert jnp.all(jnp.diag(single) == 1)


def test_distance_of_rank_one_kernels() -> None:
    r"""For K = ab^T the norm in L²(ρ⊗ρ) is ‖a‖‖b‖, and ‖aa^T − bb^T‖² = ‖a‖⁴ + ‖b‖⁴ − 2⟨a,b⟩²."""
    weights = jnp.asarray([0.5, 0.3, 0.2])
    weighted = measures.empirical(jnp.asarray(points(3)), weights)
    for measure in (measures.circle(9), weighted):
        random = np.random.default_rng(0)
        a, b = (jnp.asarray(random.standard_normal(measure.weights.shape[0])) for _ in range(2))
        norm_a, norm_b = float(measure.norm(a)), float(measure.norm(b))
        zero = jnp.zeros((a.size, a.size))
        assert kernels.distance(jnp.outer(a, b), zero, measure) == pytest.approx(norm_a * norm_b)
        expected = norm_a**4 + norm_b**4 - 2 * float(measure.inner(a, b)) ** 2
        got = kernels.distance(jnp.outer(a, a), jnp.outer(b, b), measure)
        assert float(got) ** 2 == pytest.approx(expected, rel=1e-12)
        assert kernels.distance(jnp.outer(a, a), jnp.outer(a, a), measure) == 0


def test_bad_input_is_refused() -> None:
    network = networks.fully_connected(3, (4,))
    params = network.init(jax.random.key(0))
    x = jnp.asarray(points(3))
    with refused("x1 must have the axes (n, d), got shape (3,)."):
        kernels.analytic(network, x[0])
    with refused("x2 must have the axes (k, d), got shape (3, 3, 1)."):
        kernels.empirical(network.apply, params, x, x[..., None])
    with refused("x1 holds 1 NaN or infinite value(s) among 9"):
        kernels.analytic(network, x.at[0, 1].set(jnp.nan))
    with refused("x2 holds 2 NaN or infinite value(s) among 9"):
        kernels.empirical(network.apply, params, x, x.at[:2, 1].set(jnp.inf))
    with refused("x1 must hold real floating-point numbers, got dtype int64.", TypeError):
        kernels.analytic(network, jnp.ones((2, 3), int))
    with refused("x1 is empty (shape (0, 3)): give at least one entry."):
        kernels.analytic(network, x[:0])
    with refused("x1 and x2 must be points of the same space, got dimensions 3 and 2."):
        kernels.rbf(x, x[:, :2], 1.0)
    with refused("lengthscale must be a positive finite number, got 0.0."):
        kernels.rbf(x, x, 0.0)
    with refused(
        "apply must return one number a point, shape (3,), but returns shape (3, 1): "
        "select one output coordinate."
    ):
        kernels.empirical(lambda theta, z: network.apply(theta, z)[:, None], params, x)
    with refused("memory_budget must be at least 1, got 0."):
        kernels.empirical(network.apply, params, x, memory_budget=0)
    measure = measures.circle(3)
    with refused("gram_2 must have shape (3, 3), one row a node of the measure, got (3, 2)."):
        kernels.distance(jnp.eye(3), jnp.eye(3)[:, :2], measure)
    with refused("gram_1 holds 9 NaN or infinite value(s) among 9"):
        kernels.distance(jnp.full((3, 3), jnp.nan), jnp.eye(3), measure)
