"""The series of the moments against quadratures in the plane, closed forms and identities."""

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from cases import points
from formulas import MOMENTS
from scipy import special

from ntklib.networks import _hermite, _neural_tangents

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "erf": jax.lax.erf,
    "gelu": lambda u: jax.nn.gelu(u, approximate=False),
    "softplus": jax.nn.softplus,
    "tanh": jnp.tanh,
}
LARGEST = {"erf": 8.0, "gelu": 8.0, "softplus": 8.0, "tanh": 2.0}
"""Variances up to which both the series and the rules of `formulas` are exact to rounding."""

CORRELATIONS = np.asarray([-1.0, -0.999999, -0.9, -0.3, 0.0, 0.2, 0.7, 0.99, 0.9999, 1.0])


def evaluated(function: Any, s: np.ndarray, c: np.ndarray, r: np.ndarray) -> list[np.ndarray]:
    """Both moments at arrays of one shape, in the order of arguments of `formulas.Moments`."""
    arguments = [jnp.asarray(each) for each in (c, s, r)]
    return [np.asarray(jax.vmap(moment)(*arguments)) for moment in _hermite.moments(function)]


def over_pairs(moment: _hermite.Moment) -> Callable[..., jax.Array]:
    """The nested vmaps of `neural_tangents.stax.Elementwise`: (c, s, r) ↦ a Gram matrix."""
    inner = jax.vmap(jnp.vectorize(moment), in_axes=(0, None, 0))
    return jax.vmap(inner, in_axes=(0, 0, None))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_moments_are_those_of_the_plane(activation: str) -> None:
    """By the trapezoidal rule on ℝ² or the arcsine formula, relative to the moment at ρ = 1."""
    variances = np.asarray([0.01, 0.5, 1.0]) * LARGEST[activation]
    grid = np.meshgrid(variances, variances, CORRELATIONS, indexing="ij")
    s, r, rho = (each.ravel() for each in grid)
    c = rho * np.sqrt(s * r)
    got = evaluated(ACTIVATIONS[activation], s, c, r)
    expected = MOMENTS[activation](s, c, r)
    own_s, own_r = MOMENTS[activation](s, s, s), MOMENTS[activation](r, r, r)
    for index in (0, 1):
        error = np.abs(got[index] - expected[index]) / np.sqrt(own_s[index] * own_r[index])
        assert np.max(error) < 1e-13, (index, np.max(error))


def derivative(name: str, u: Any) -> Any:
    return 1 / mpmath.cosh(u) ** 2 if name == "tanh" else 1 / (1 + mpmath.exp(-u))


def original(name: str, u: Any) -> Any:
    return mpmath.tanh(u) if name == "tanh" else mpmath.log1p(mpmath.exp(u))


@pytest.mark.parametrize(
    ("activation", "s", "r"), [("tanh", 2.0, 2.0), ("tanh", 0.3, 2.0), ("softplus", 8.0, 8.0)]
)
@pytest.mark.parametrize("sign", [-1, 1])
def test_perfect_correlation_to_25_digits(activation: str, s: float, r: float, sign: int) -> None:
    """At ρ = ±1, where the series converges most slowly, there is one integral over the line."""
    for got, function in zip(
        _hermite.moments(ACTIVATIONS[activation]), (original, derivative), strict=True
    ):
        with mpmath.workdps(25):

            def integrand(z: Any, function: Any = function) -> Any:
                product = function(activation, mpmath.sqrt(s) * z)
                return mpmath.npdf(z) * product * function(activation, sign * mpmath.sqrt(r) * z)

            expected = float(mpmath.quad(integrand, list(range(-14, 15, 2))))
        value = got(jnp.asarray(sign * (s * r) ** 0.5), jnp.asarray(s), jnp.asarray(r))
        assert float(value) == pytest.approx(expected, rel=2e-14), function.__name__


def test_a_correlation_between_to_20_digits() -> None:
    """The plane at 25 digits, with half the step of `formulas` at that variance."""
    s, r, rho = 2.0, 1.5, 0.8
    with mpmath.workdps(25):
        z = [mpmath.mpf(i) / 10 for i in range(-105, 106)]
        rest = mpmath.sqrt(1 - mpmath.mpf(rho) ** 2)
        density = [mpmath.npdf(each) / 10 for each in z]
        expected = mpmath.mpf(0)
        for first, weight in zip(z, density, strict=True):
            inner = mpmath.fsum(
                w * mpmath.tanh(mpmath.sqrt(r) * (rho * first + rest * second))
                for second, w in zip(z, density, strict=True)
            )
            expected += weight * mpmath.tanh(mpmath.sqrt(s) * first) * inner
    value, _ = _hermite.moments(jnp.tanh)
    got = value(jnp.asarray(rho * (s * r) ** 0.5), jnp.asarray(s), jnp.asarray(r))
    assert float(got) == pytest.approx(float(expected), rel=1e-15)


@pytest.mark.parametrize("frequency", [0.5, 4.0, 15.0])
def test_moments_of_a_cosine_are_exponentials(frequency: float) -> None:
    """E cos(ku)cos(kv) = (e^{−k²(s+r−2c)/2} + e^{−k²(s+r+2c)/2})/2; most of it is near order k²s.

    The derivative is −k sin, for which the second exponential is subtracted and k² a factor.
    """
    s, r = np.full(10, 1.0), np.full(10, 0.8)
    c = CORRELATIONS * np.sqrt(0.8)
    near = np.exp(-(frequency**2) * (s + r - 2 * c) / 2) / 2
    far = np.exp(-(frequency**2) * (s + r + 2 * c) / 2) / 2
    value, slope = evaluated(lambda u: jnp.cos(frequency * u), s, c, r)
    np.testing.assert_allclose(value, near + far, atol=1e-14, rtol=0)
    np.testing.assert_allclose(slope / frequency**2, near - far, atol=1e-14, rtol=0)


def test_coefficients_of_an_exponential() -> None:
    """E[e^{tz} he_k(z)] = e^{t²/2}tᵏ/√k!, k the row of the table: he_k has norm 1."""
    orders = np.arange(_hermite.TERMS)
    for t in (0.5, -0.7):
        log_size = t**2 / 2 + orders * np.log(abs(t)) - special.gammaln(orders + 1) / 2
        expected = np.sign(t) ** orders * np.exp(log_size)
        got = _hermite._coefficients(jnp.exp, jnp.asarray(t))
        np.testing.assert_allclose(got, expected, atol=1e-14, rtol=0)


@pytest.mark.parametrize("activation", ["softplus", "tanh"])
def test_without_variance_there_is_one_value(activation: str) -> None:
    """At s = 0, u = 0: the moments are ω(0)E[ω(v)] and ω'(0)E[ω'(v)], or ω(0)² and ω'(0)²."""
    function = ACTIVATIONS[activation]
    zero, two = jnp.asarray(0.0), jnp.asarray(2.0)
    means = {"softplus": (np.log(2), 0.5), "tanh": (0.0, 1.0)}[activation]
    z = np.arange(-12, 12.01, 0.1)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * 0.1
    u = jnp.asarray(np.sqrt(2) * z)
    functions = (function, jax.vmap(jax.grad(function)))
    for moment, constant, each in zip(_hermite.moments(function), means, functions, strict=True):
        assert float(moment(zero, zero, zero)) == pytest.approx(constant**2, abs=1e-15)
        mean = float(density @ np.asarray(each(u)))
        assert float(moment(zero, zero, two)) == pytest.approx(constant * mean, abs=1e-14)
        assert float(moment(zero, two, zero)) == pytest.approx(constant * mean, abs=1e-14)


def test_rounding_beyond_perfect_correlation_does_no_harm() -> None:
    for moment in _hermite.moments(jnp.tanh):
        one = jnp.asarray(1.0)
        at = float(moment(one, one, one))
        assert float(moment(one * (1 + 1e-9), one, one)) == at
        assert float(moment(-one * (1 + 1e-9), one, one)) == float(moment(-one, one, one))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_derivative_by_the_covariance_is_the_other_moment(activation: str) -> None:
    """∂E[ω(u)ω(v)]/∂c = E[ω'(u)ω'(v)] (Price's theorem): two series that share no coefficient."""
    value, slope = _hermite.moments(ACTIVATIONS[activation])
    s, r = jnp.asarray(1.3), jnp.asarray(0.6)
    for c in (-0.8, 0.0, 0.5):
        by_derivative = jax.grad(value)(jnp.asarray(c), s, r)
        assert float(by_derivative) == pytest.approx(float(slope(jnp.asarray(c), s, r)), rel=1e-12)


def test_single_precision_stays_single() -> None:
    s, r, rho = (each.ravel() for each in np.meshgrid([0.0, 0.3, 2.0], [0.3, 2.0], CORRELATIONS))
    c = rho * np.sqrt(s * r)
    single = [jnp.asarray(each, jnp.float32) for each in (c, s, r)]
    for activation in ("tanh", "softplus"):
        double = evaluated(ACTIVATIONS[activation], s, c, r)
        for moment, expected in zip(_hermite.moments(ACTIVATIONS[activation]), double, strict=True):
            got = jax.jit(jax.vmap(moment))(*single)
            assert got.dtype == jnp.float32
            np.testing.assert_allclose(got, expected, atol=3e-6, rtol=0)
            with jax.enable_x64(False):
                alone = jax.jit(jax.vmap(moment))(*(jnp.asarray(np.asarray(x)) for x in single))
            np.testing.assert_allclose(alone, got, atol=3e-6, rtol=0)


def test_accuracy_of_large_variances_is_as_documented() -> None:
    """At ρ = 1 against the sum of squares on a fine line."""
    z = np.arange(-12, 12, 1 / 256)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) / 256
    bounds = {
        "tanh": {4.0: (2e-15, 3e-13), 5.0: (3e-14, 1e-11), 10.0: (2e-10, 5e-8)},
        "softplus": {16.0: (2e-15, 2e-15), 100.0: (3e-10, 2e-7)},
    }
    for activation, at in bounds.items():
        function = ACTIVATIONS[activation]
        for s, limits in at.items():
            variance = np.asarray([s])
            got = evaluated(function, variance, variance, variance)
            u = jnp.asarray(np.sqrt(s) * z)
            squares = function(u) ** 2, jax.vmap(jax.grad(function))(u) ** 2
            for value, square, limit in zip(got, squares, limits, strict=True):
                exact = density @ np.asarray(square)
                assert abs(value[0] / exact - 1) < limit, (activation, s)


def equations(jaxpr: Any) -> Iterator[Any]:
    """Every equation of a program, those of its subprograms too."""
    for equation in jaxpr.eqns:
        yield equation
        for value in equation.params.values():
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                yield from equations(inner)


def test_coefficients_are_computed_once_a_point() -> None:
    """Under the vmaps of neural-tangents nothing of a pair's has the size of the series."""
    n, k = 5, 7
    shapes = jnp.zeros((n, k)), jnp.ones(n), jnp.ones(k)
    series = {_hermite.TERMS, _hermite._rule()[0].size}
    for moment in _hermite.moments(jnp.tanh):
        program = jax.make_jaxpr(over_pairs(moment))(*shapes).jaxpr
        results = [
            (equation.primitive.name, out.aval.shape)
            for equation in equations(program)
            for out in equation.outvars
        ]
        products = sorted(sorted(shape) for name, shape in results if name == "dot_general")
        assert products == [[n, _hermite.TERMS], [k, _hermite.TERMS]]
        of_pairs = [shape for _, shape in results if {n, k} <= set(shape)]
        assert of_pairs
        assert not any(series & set(shape) for shape in of_pairs)


@pytest.mark.parametrize("layer", ["Erf", "Gelu"])
def test_kernels_are_those_of_the_closed_forms(layer: str) -> None:
    """As a layer of neural-tangents: two hidden layers with biases, on one and on two samples."""
    _neural_tangents.load()
    stax = importlib.import_module("neural_tangents.stax")
    function = ACTIVATIONS[layer.lower()]

    def kernel(activation: Callable[[], Any]) -> Callable[..., Any]:
        def dense() -> Any:
            return stax.Dense(1, W_std=1.0, b_std=1.0, parameterization="ntk")

        return stax.serial(dense(), activation(), dense(), activation(), dense())[2]

    ours = kernel(lambda: stax.Elementwise(function, *_hermite.moments(function)))
    x = jnp.asarray(points(6))
    x = x.at[5].set(0.0)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for other in (None, jnp.asarray(points(4, seed=1))):
            got, expected = (
                each(x, other, ("nngp", "ntk")) for each in (ours, kernel(getattr(stax, layer)))
            )
            np.testing.assert_allclose(got.nngp, expected.nngp, atol=0, rtol=1e-12)
            np.testing.assert_allclose(got.ntk, expected.ntk, atol=0, rtol=1e-12)


def test_a_sample_without_norm() -> None:
    """Through the vmaps and jit: a Gram matrix with a point at the origin, and no NaN."""
    x = jnp.asarray(points(4)).at[2].set(0.0)
    variances = jnp.sum(x**2, axis=1)
    arguments = (x @ x.T, variances, variances)
    for moment, at_zero in zip(_hermite.moments(jax.nn.softplus), (np.log(2), 0.5), strict=True):
        gram = np.asarray(jax.jit(over_pairs(moment))(*arguments))
        np.testing.assert_allclose(gram, gram.T, atol=1e-15, rtol=0)
        assert gram[2, 2] == pytest.approx(at_zero**2, abs=1e-15)
        assert np.linalg.eigvalsh(gram)[0] > 0
