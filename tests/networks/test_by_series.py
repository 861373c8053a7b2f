"""Activations of one's own: their kernels against closed forms, and what is refused."""

import math
import pickle
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import points
from refusals import refused

from ntklib import kernels, networks
from ntklib.networks import _hermite
from ntklib.networks.activations import by_series

LEAK = 0.1


def leaky(u: jax.Array) -> jax.Array:
    return jax.nn.leaky_relu(u, LEAK)


def bent_sine(u: jax.Array) -> jax.Array:
    """Smooth but for a corner, and not homogeneous."""
    return jnp.sin(u) + 0.7 * jnp.abs(u)


Moments = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def of_sine(c: np.ndarray, s: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.exp(-(s + r) / 2) * np.sinh(c), np.exp(-(s + r) / 2) * np.cosh(c)


def of_cube(c: np.ndarray, s: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By Wick's theorem."""
    return 6 * c**3 + 9 * s * r * c, 9 * (s * r + 2 * c**2)


def of_absolute_value(c: np.ndarray, s: np.ndarray, r: np.ndarray) -> tuple[Any, Any]:
    rho = np.clip(c / np.sqrt(s * r), -1, 1)
    value = 2 / math.pi * np.sqrt(s * r) * (np.sqrt(1 - rho**2) + rho * np.arcsin(rho))
    return value, 2 / math.pi * np.arcsin(rho)


def of_leaky(c: np.ndarray, s: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(1 + a)/2 u + (1 − a)/2 |u|, whose parts are uncorrelated."""
    value, slope = of_absolute_value(c, s, r)
    linear, bent = ((1 + LEAK) / 2) ** 2, ((1 - LEAK) / 2) ** 2
    return linear * c + bent * value, linear + bent * slope


def of_bent_sine(c: np.ndarray, s: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An odd part and an even one, uncorrelated."""
    odd, even = of_sine(c, s, r), of_absolute_value(c, s, r)
    return odd[0] + 0.49 * even[0], odd[1] + 0.49 * even[1]


CASES: dict[str, tuple[Callable[[jax.Array], jax.Array], Moments]] = {
    "sine": (jnp.sin, of_sine),
    "cube": (lambda u: u**3, of_cube),
    "absolute value": (jnp.abs, of_absolute_value),
    "leaky ReLU": (leaky, of_leaky),
    "sine with a corner": (bent_sine, of_bent_sine),
}


@pytest.mark.parametrize("name", CASES)
def test_moments_are_those_of_the_closed_form(name: str) -> None:
    function, expected = CASES[name]
    activation = by_series(function)
    corner = activation.layer.keywords["corner"]  # type: ignore[attr-defined]
    rho = np.asarray([-1.0, -0.999, -0.5, 0.0, 0.3, 0.99, 1.0])
    s, r, rho = (each.ravel() for each in np.meshgrid([0.3, 2.0], [0.3, 1.0], rho))
    c = rho * np.sqrt(s * r)
    got = [jax.vmap(moment)(c, s, r) for moment in _hermite.moments(function, corner)]
    known = expected(c, s, r)
    np.testing.assert_allclose(got[0], known[0], atol=2e-14, rtol=2e-13)
    # Near ρ = ±1 the angle is known to √ε.
    inside = np.abs(rho) < 1 if corner else np.full(rho.shape, True)
    np.testing.assert_allclose(got[1][inside], known[1][inside], atol=2e-14, rtol=2e-13)
    np.testing.assert_allclose(got[1], known[1], atol=1e-7)


@pytest.mark.parametrize(("name", "function"), [("tanh", jnp.tanh), ("relu", jax.nn.relu)])
@pytest.mark.parametrize("depth", [1, 3])
def test_an_activation_of_the_library_has_the_same_kernel(
    name: str, function: Callable[[jax.Array], jax.Array], depth: int
) -> None:
    x = jnp.asarray(points(5, 3))
    sizes = (2,) * depth
    own, named = (
        kernels.analytic(networks.fully_connected(3, sizes, each, biases=True), x)
        for each in (by_series(function), name)
    )
    np.testing.assert_allclose(own, named, rtol=1e-7 if name == "relu" else 1e-13)
    apart = ~np.eye(5, dtype=bool)
    np.testing.assert_allclose(np.asarray(own)[apart], np.asarray(named)[apart], rtol=1e-12)


def test_the_kernel_is_that_of_wide_networks() -> None:
    network = networks.fully_connected(2, (20000,), by_series(jax.nn.silu, "silu"))
    x = jnp.asarray(points(4, 2))
    params = network.init(jax.random.key(0))
    error = kernels.empirical(network, params, x) - kernels.analytic(network, x)
    assert float(jnp.max(jnp.abs(error))) < 0.03
    assert network.name == "fully connected 20000, silu"


def test_other_architectures_take_it() -> None:
    sine = by_series(jnp.sin)
    assert sine.odd
    assert sine.smooth
    assert not by_series(leaky).smooth
    assert not by_series(jnp.cos).odd
    assert not by_series(lambda u: u**2, "square", smooth=False).smooth
    x = jnp.asarray(points(3, 16))
    for network in (
        networks.residual(16, 4, 2, sine),
        networks.convolutional((4, 4, 1), (2, 2), sine),
        networks.antisymmetric(networks.fully_connected(16, (4,), sine)),
    ):
        gram = np.asarray(kernels.analytic(network, x))
        assert np.linalg.eigvalsh(gram)[0] > 0
    with refused("activation must be odd (erf or tanh) in a residual network"):
        networks.residual(2, 4, 2, by_series(jnp.cos))


def test_a_network_of_it_can_be_pickled() -> None:
    network = networks.fully_connected(2, (4,), by_series(leaky))
    again = pickle.loads(pickle.dumps(network))  # noqa: S301 our own
    x = jnp.asarray(points(3, 2))
    np.testing.assert_array_equal(kernels.analytic(again, x), kernels.analytic(network, x))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (jax.nn.elu, "of ω 512 terms of the Hermite series leave out"),
        (jnp.sign, "function must be analytic near the real axis, but for a corner at 0: of ω"),
        (lambda u: jax.nn.relu(u - 0.5), "Smooth its other corners and jumps"),
        (
            lambda u: u[:, None],
            "function must return one number for each it is given, shape (417,)",
        ),
        (lambda u: jnp.where(u > 5, jnp.nan, u), "function(u) holds"),
    ],
)
def test_what_has_no_such_series_is_refused(function: Any, message: str) -> None:
    with refused(message):
        by_series(function)


def test_it_must_be_a_function() -> None:
    with refused("function must be a function of numbers, u ↦ ω(u), got 'sin'", TypeError):
        by_series("sin")  # type: ignore[arg-type]
