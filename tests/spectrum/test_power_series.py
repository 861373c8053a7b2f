r"""Power series of tangent kernels: against published numbers, closed forms and other routes."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array
from refusals import refused
from scipy.special import comb

from ntklib import measures, networks, spectrum
from ntklib.spectrum._power_series import MOST, PowerSeries

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(120)
WEIGHTS = WEIGHTS / math.sqrt(2 * math.pi)

# Table 1 of Murray et al. 2023: what the first T + 1 coefficients carry of all, in %, T = 0, …, 5;
# one hidden layer, γ_w² = σ_w² = 1, γ_b² = 0, σ_b² = 1 − E[ω(z)²].
TABLE: dict[str, tuple[str | Callable[[Array], Array], tuple[float, ...]]] = {
    "relu": ("relu", (43.944, 77.277, 93.192, 93.192, 95.403, 95.403)),
    "tanh": ("tanh", (41.362, 91.468, 91.468, 97.487, 97.487, 99.090)),
    "sigmoid": (jax.nn.sigmoid, (91.557, 99.729, 99.729, 99.977, 99.977, 99.997)),
    "Gaussian": (
        lambda u: jnp.exp(-(u**2) / 2) / math.sqrt(2 * math.pi),
        (95.834, 95.834, 98.729, 98.729, 99.634, 99.634),
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_the_first_coefficients_carry_what_the_paper_prints(name: str) -> None:
    activation, printed = TABLE[name]
    named = activation if isinstance(activation, str) else None
    omega = networks.activations.ACTIVATIONS[named].function if named else activation
    assert callable(omega)
    values = np.asarray(omega(jnp.asarray(NODES)))
    square = 0.5 if named == "relu" else float(WEIGHTS @ values**2)
    series = spectrum.power_series(activation, later=(1.0, 1 - square))
    np.testing.assert_allclose(100 * series.shares()[:6], printed, atol=5.01e-4)


def directions(d: int, n: int = 6) -> Array:
    return measures.spheres.uniform(d, n, jax.random.key(0)).nodes


# Where the constant term of Σ is large, the series needs more terms than there are: ReLU with
# biases.
NETWORKS = [
    ("relu", 1, 0.0, 1e-12),
    ("relu", 3, 0.0, 1e-12),
    ("relu", 1, 1.0, 1e-8),
    ("erf", 2, 0.0, 1e-11),
    ("tanh", 3, 1.0, 1e-13),
    ("gelu", 2, 1.0, 1e-13),
    ("softplus", 1, 1.0, 1e-13),
]


@pytest.mark.parametrize(("activation", "depth", "biases", "error"), NETWORKS)
def test_it_is_the_analytic_kernel_and_has_its_eigenvalues(
    activation: str, depth: int, biases: float, error: float
) -> None:
    d = 10
    network = networks.fully_connected(d, (2,) * depth, activation, biases=biases == 1)
    series = spectrum.power_series(activation, depth, first=(1 / d, biases), later=(1.0, biases))
    points = directions(d)
    gram = network.kernel(points, points)
    apart = ~np.eye(len(points), dtype=bool)
    assert float(gram[0, 0]) == pytest.approx(series.diagonal, rel=1e-13)
    np.testing.assert_allclose(
        np.asarray(series(points, points))[apart], np.asarray(gram)[apart], rtol=error
    )
    known = spectrum.funk_hecke(network.kernel, d, 6)
    np.testing.assert_allclose(
        series.eigenvalues(d, 6), known, atol=10 * error * float(known.max())
    )
    assert float(series.shares()[-1]) <= 1 + 1e-14
    assert bool(jnp.all(series.coefficients >= 0))


def test_the_coefficients_of_erf_are_those_of_arcsin() -> None:
    """And precise relative to themselves, down to where a Hermite coefficient is rounding."""
    weights, biases = 0.5, 0.0
    q = 2 * weights / (1 + 2 * weights)
    series = spectrum.power_series("erf", first=(weights, biases))
    j = np.arange(12)
    binomials = comb(2 * j, j) / 4.0**j
    nngp = 2 / math.pi * binomials / (2 * j + 1) * q ** (2 * j + 1)
    slope = 4 / (math.pi * (1 + 2 * weights)) * binomials * q ** (2 * j)
    np.testing.assert_allclose(series.coefficients[1:24:2], nngp + weights * slope, rtol=1e-11)
    assert float(jnp.max(series.coefficients[::2])) < 1e-30


@pytest.mark.parametrize("d", [2, 3, 10])
def test_a_power_has_the_moments_of_its_integral(d: int) -> None:
    for p in (0, 1, 4, 7):
        series = PowerSeries(jnp.zeros(9).at[p].set(2.0), 2.0)
        np.testing.assert_allclose(
            series.eigenvalues(d, 8), spectrum.funk_hecke(series, d, 8), atol=1e-14
        )


@pytest.mark.parametrize("activation", ["relu", "softplus"])
def test_parities_are_eigenfunctions_on_the_cube(activation: str) -> None:
    d = 7
    series = spectrum.power_series(activation, 2, first=(0.5, 0.2))
    signs = 1 - 2 * (np.arange(2**d)[:, None] >> np.arange(d) & 1)
    gram = np.asarray(series(jnp.asarray(signs / d**0.5), jnp.asarray(signs / d**0.5))) / 2**d
    found = series.cube_eigenvalues(d, d)
    assert found.shape == (d + 1,)
    for k in range(d + 1):
        parity = signs[:, :k].prod(axis=1)
        np.testing.assert_allclose(gram @ parity, float(found[k]) * parity, atol=1e-13)
    by_multiplicity = float(comb(d, np.arange(d + 1)) @ np.asarray(found))
    assert by_multiplicity == pytest.approx(float(series.coefficients.sum()), rel=1e-12)


def test_in_high_dimension_cube_and_sphere_agree() -> None:
    """To k(k − 1)/d, since the leading moments are k!/dᵏ and k!/(d(d + 2)…(d + 2k − 2))."""
    series = spectrum.power_series("tanh", first=(1.0, 1.0), later=(1.0, 1.0))
    d, k = 10_000, np.arange(2, 6)
    ratio = np.asarray(series.cube_eigenvalues(d, 5)) / np.asarray(series.eigenvalues(d, 5))
    np.testing.assert_allclose((ratio[2:] - 1) * d / (k * (k - 1)), 1.0, atol=5e-3)


def test_scaled_inputs_scale_the_powers() -> None:
    """ReLU is homogeneous: without biases, inputs of variance s have s times the kernel."""
    one, four = (spectrum.power_series("relu", 2, first=(s, 0.0), terms=20) for s in (1.0, 4.0))
    np.testing.assert_allclose(four.coefficients, 4 * one.coefficients, rtol=1e-13)
    assert four.diagonal == pytest.approx(4 * one.diagonal)


def test_a_few_terms_are_the_first_of_many() -> None:
    many = spectrum.power_series("softplus", 2, first=(0.1, 1.0), later=(1.0, 1.0))
    for terms in (1, 2, 5):
        few = spectrum.power_series("softplus", 2, terms=terms, first=(0.1, 1.0), later=(1.0, 1.0))
        np.testing.assert_allclose(few.coefficients, many.coefficients[:terms], rtol=1e-13)
        assert few.diagonal == many.diagonal


def test_wrong_arguments_are_refused() -> None:
    assert spectrum.power_series("tanh", terms=MOST).coefficients.shape == (511,)
    with refused("terms must be"):
        spectrum.power_series("tanh", terms=MOST + 1)
    with refused("depth must be"):
        spectrum.power_series("tanh", 0)
    with refused("first must be two variances, of weights and of biases, none negative"):
        spectrum.power_series("tanh", first=(-1.0, 1.0))
    with refused("later must be two variances, of weights and of biases, none negative"):
        spectrum.power_series("tanh", later=(1.0, 0.0, 0.0))
    with refused("first must have a positive variance: the network is constant."):
        spectrum.power_series("tanh", first=(0.0, 0.0))
    with refused("activation must be one of erf, gelu, relu, softplus, tanh"):
        spectrum.power_series("sine")
    with refused("activation must be analytic near the real axis, but 512 terms"):
        spectrum.power_series(jax.nn.relu)
    series = spectrum.power_series("tanh", terms=4)
    with refused("most must be"):
        series.eigenvalues(3, 4)
    with refused("d must be"):
        series.eigenvalues(1, 2)
    for d, most in ((2, 3), (9, 4)):
        with refused("most must be"):
            series.cube_eigenvalues(d, most)
    with refused("d must be"):
        series.cube_eigenvalues(0, 0)
