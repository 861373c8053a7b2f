"""Where two large numbers nearly cancel: each form is held to exact arithmetic."""

from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from cases import points
from refusals import refused

from ntklib import kernels, learning, measures, spectrum, theory
from ntklib.kernels import _gram
from ntklib.learning import zonal
from ntklib.theory import onset


def exact_gaussian(x: np.ndarray, y: np.ndarray, scale: float) -> np.ndarray:
    mpmath.mp.dps = 40

    def entry(a: np.ndarray, b: np.ndarray) -> float:
        square = sum((mpmath.mpf(p) - mpmath.mpf(q)) ** 2 for p, q in zip(a, b, strict=True))
        return float(mpmath.exp(-square / (2 * mpmath.mpf(scale) ** 2)))

    return np.array([[entry(a, b) for b in y.tolist()] for a in x.tolist()])


@pytest.mark.parametrize(("centre", "scale"), [(0.0, 1.0), (1e4, 1e-4), (-1e8, 1.0), (0.0, 1e-200)])
def test_the_gaussian_kernel_of_points_far_from_0(centre: float, scale: float) -> None:
    x = centre + scale * points(4)
    y = centre + scale * points(4, seed=1)
    got = kernels.rbf(jnp.asarray(x), jnp.asarray(y), scale)
    np.testing.assert_allclose(got, exact_gaussian(x, y, scale), rtol=1e-13)


def test_the_gaussian_kernel_has_a_slope_where_points_meet() -> None:
    x = jnp.asarray([[1e4, 0.0], [1e4, 1.0]])
    value, slope = jax.value_and_grad(lambda y: kernels.rbf(x, y, 1.0)[0, 1])(x)
    assert float(value) == pytest.approx(np.exp(-0.5), rel=1e-15)
    np.testing.assert_allclose(slope, [[0, 0], [0, -np.exp(-0.5)]], rtol=1e-14)
    own = jax.grad(lambda y: kernels.rbf(y, y, 1.0)[0, 0])(x)
    np.testing.assert_array_equal(own, 0)


def test_the_gaussian_kernel_never_holds_all_differences() -> None:
    """They would be 1000·1000·50 numbers, 50 times the matrix."""
    x: Any = jax.ShapeDtypeStruct((1000, 50), jnp.float64)
    scale: Any = jax.ShapeDtypeStruct((), jnp.float64)
    compiled: Any = _gram._gaussian.lower(x, x, scale).compile()
    held = compiled.memory_analysis()
    assert held.temp_size_in_bytes < 2 * 8 * 1000**2


def test_the_sampling_constant_of_a_kernel_that_hardly_varies() -> None:
    """K = c + 1 off the diagonal: E[K²] − E[K]² is 1/4, beside terms of c²."""
    two = measures.empirical(jnp.asarray([[-1.0], [1.0]]))
    for c in (0.0, 1e9, -1e15):
        kernel = c + jnp.asarray([[0.0, 1.0], [1.0, 0.0]])
        assert float(onset.sample_constant(kernel, jnp.ones(2), two)) == 0.25


def test_what_leading_modes_leave_is_no_difference_from_all() -> None:
    """10⁻⁹ of cos 2θ beside cos θ: its square is below the rounding of ‖g‖²."""
    circle = measures.circle(16)
    system = spectrum.circle(lambda x, y: 0.75 / (1.25 - x @ y.T), circle)
    theta = np.asarray(measures.angles_of(circle.nodes))
    g = jnp.asarray(np.cos(theta) + 1e-9 * np.cos(2 * theta))
    assert theory.leading_modes(system, g, 1e-17) == 3
    assert theory.leading_modes(system, g, 4e-19) == 5
    with refused("epsilon must be at least 5"):
        theory.leading_modes(system.leading(3), g, 4e-19)


def test_the_poles_of_a_product_rule_are_on_the_sphere() -> None:
    """Distance from the axis, √(1 − t²), relative to itself."""
    sphere = measures.sphere(3, 200)
    t, *across = np.asarray(sphere.nodes).T
    mpmath.mp.dps = 40
    exact = np.array([float(mpmath.sqrt(1 - mpmath.mpf(each) ** 2)) for each in t[::201].tolist()])
    np.testing.assert_allclose(np.hypot(*across)[::201], exact, rtol=4e-16)


def test_terms_of_any_size_have_shares() -> None:
    circle = measures.circle(8)
    terms = jnp.asarray([[1.0], [1e-9]]) * circle.nodes.T
    left = -0.25 * terms[0] - terms[1]
    np.testing.assert_allclose(zonal.shares(left, terms, circle), [0.75, 0.0], atol=1e-7)
    with refused("terms must be linearly independent on the 8 nodes"):
        zonal.shares(left, jnp.stack([terms[0], 1e-9 * terms[0]]), circle)
    with refused("terms must be linearly independent on the 8 nodes"):
        zonal.shares(left, 0 * terms, circle)
    with refused("terms must be linearly independent on the 8 nodes"):
        zonal.shares(left, jnp.asarray(points(9, 8)), circle)


def test_learnability_has_no_unit() -> None:
    sigma = np.array([1.0, 0.25, 1e-3])
    expected = learning.learnable_shares(sigma, [1, 4, 9], trace=2.5, n=3)
    for unit in (2.0**-600, 2.0**600):
        got = learning.learnable_shares(unit * sigma, [1, 4, 9], trace=unit * 2.5, n=3)
        np.testing.assert_array_equal(got, expected)
