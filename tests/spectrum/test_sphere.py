"""Spectra on spheres against 40 digits, and harmonics by the identities they satisfy."""

import itertools
import math

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from refusals import refused
from scipy import special

from ntklib import measures, networks, spectrum, targets
from ntklib.measures import _harmonics
from ntklib.networks._network import Kernel
from ntklib.spectrum import _rotation_invariant

DEGREES = (0, 1, 2, 3, 10, 25, 50)
DIGITS = 40


def exponential(x1: jax.Array, x2: jax.Array) -> jax.Array:
    return jnp.exp(x1 @ x2.T)


def tangent_kernel(activation: str, depth: int, beta: int, d: int, phi: mpmath.mpf) -> mpmath.mpf:
    """κ(cos φ) by the recursion over the layers (see formulas.dense_kernel), of unit vectors."""
    cross, own = mpmath.cos(phi) / d + beta, mpmath.mpf(1) / d + beta
    theta = cross
    for _ in range(depth):
        if activation == "erf":
            value = 2 / mpmath.pi * mpmath.asin(2 * cross / (1 + 2 * own))
            slope = 4 / mpmath.pi / mpmath.sqrt((1 + 2 * own) ** 2 - 4 * cross**2)
            own = 2 / mpmath.pi * mpmath.asin(2 * own / (1 + 2 * own)) + beta
        else:
            angle = mpmath.acos(cross / own)
            rest = (mpmath.pi - angle) / (2 * mpmath.pi)
            value = own * (mpmath.sin(angle) / (2 * mpmath.pi) + rest * mpmath.cos(angle))
            slope = rest
            own = own / 2 + beta
        cross = value + beta
        theta = theta * slope + cross
    return theta


def gauss_legendre() -> list[tuple[mpmath.mpf, mpmath.mpf]]:
    """96 nodes on [0, π] with weights."""
    rule = mpmath.calculus.quadrature.GaussLegendre(mpmath.mp)
    nodes = rule.calc_nodes(6, mpmath.mp.prec)
    return [((1 + x) * mpmath.pi / 2, w) for x, w in nodes]


@pytest.mark.parametrize("d", [2, 3, 10, 100])
def test_eigenvalues_against_forty_digits(d: int) -> None:
    with mpmath.workdps(DIGITS):
        nodes = gauss_legendre()
        angles = [phi for phi, _ in nodes]
        densities = [w * mpmath.sin(phi) ** (d - 2) for phi, w in nodes]
        weights = [w / mpmath.fsum(densities) for w in densities]
        t = [mpmath.cos(phi) for phi in angles]
        basis = [[mpmath.mpf(1)] * len(t), t]
        for k in range(1, max(DEGREES)):
            step = zip(t, basis[k], basis[k - 1], strict=True)
            basis.append([((2 * k + d - 2) * x * p - k * o) / (k + d - 2) for x, p, o in step])
        for activation, depth, biases in itertools.product(("erf", "relu"), (1, 2), (0, 1)):
            kappa = [tangent_kernel(activation, depth, biases, d, phi) for phi in angles]
            expected = np.asarray(
                [
                    float(mpmath.fsum(map(math.prod, zip(weights, kappa, basis[k], strict=True))))
                    for k in DEGREES
                ]
            )
            network = networks.fully_connected(d, (4,) * depth, activation, biases=bool(biases))
            with jax.disable_jit():  # compiling takes longer
                got = spectrum.funk_hecke(network.kernel, d, max(DEGREES))
            # erf without biases is odd, and σ₀ = 0.
            np.testing.assert_allclose(
                got[np.asarray(DEGREES)], expected, atol=2e-15 * expected.max(), rtol=0
            )


def test_polynomials_near_the_ends() -> None:
    theta = np.asarray([1e-9, 1e-4, 0.01, 1.0, 1.57, 1.58, 3.0, 3.14159])
    for k, got in zip(range(301), _harmonics.polynomials(2, np.cos(theta)), strict=False):
        np.testing.assert_allclose(got, np.cos(k * theta), atol=1e-16 * (3 + k**2), rtol=0)
    t = np.linspace(-1, 1, 41)
    for d in (3, 10, 100):
        for k, got in zip(range(51), _harmonics.polynomials(d, t), strict=False):
            scale = special.eval_gegenbauer(k, (d - 2) / 2, 1.0)
            expected = special.eval_gegenbauer(k, (d - 2) / 2, t) / scale
            np.testing.assert_allclose(got, expected, atol=1e-13, rtol=0)


def test_the_circle_is_the_sphere_in_two_dimensions() -> None:
    np.testing.assert_array_equal(
        spectrum.funk_hecke(exponential, 2, 9), spectrum.fourier_eigenvalues(exponential, 9)
    )


@pytest.mark.parametrize("d", [2, 3, 4, 7, 10])
def test_multiplicities(d: int) -> None:
    counts = [spectrum.multiplicity(d, k) for k in range(41)]
    # Polynomials up to degree n on the sphere: the homogeneous ones of degrees n and n − 1.
    for n in (0, 1, 5, 40):
        homogeneous = math.comb(n + d - 1, d - 1) + (math.comb(n + d - 2, d - 1) if n else 0)
        assert sum(counts[: n + 1]) == homogeneous
    # Mercer's theorem at x = x'.
    sigma = np.asarray(spectrum.funk_hecke(exponential, d, 15), dtype=float)
    assert math.fsum(n * s for n, s in zip(counts[:16], sigma, strict=True)) == pytest.approx(
        math.e, rel=1e-12
    )


def test_multiplicities_are_exact_numbers() -> None:
    assert [spectrum.multiplicity(3, k) for k in range(5)] == [1, 3, 5, 7, 9]
    assert [spectrum.multiplicity(2, k) for k in range(4)] == [1, 2, 2, 2]
    # In the other usual form, N(d, k) = (2k + d − 2)/(d − 2)·C(k + d − 3, k); beyond float64.
    assert spectrum.multiplicity(100, 50) * 98 == 198 * math.comb(147, 50)


@pytest.mark.parametrize(("d", "rule"), [(2, 9), (3, 8), (3, 9), (4, 6), (6, 4)])
def test_sphere_eigensystem_is_mercers(d: int, rule: int) -> None:
    measure = measures.sphere(d, rule)
    highest = rule // 2

    def kernel(x1: jax.Array, x2: jax.Array) -> jax.Array:
        """A polynomial, so that all its harmonics are there and T_K is exact on the nodes."""
        return (1 + x1 @ x2.T) ** highest

    system = spectrum.sphere(kernel, measure)
    count = sum(spectrum.multiplicity(d, k) for k in range(highest + 1))
    assert system.values.shape == (count,)
    overlap = (system.functions * measure.weights[None]) @ system.functions.T
    np.testing.assert_allclose(overlap, np.eye(count), atol=2e-13, rtol=0)
    assert np.all(np.diff(system.values) <= 0)
    gram = kernel(measure.nodes, measure.nodes)
    rebuilt = (system.functions.T * system.values[None]) @ system.functions
    np.testing.assert_allclose(rebuilt, gram, atol=1e-12 * 2.0**highest, rtol=0)
    nystrom = spectrum.nystrom(gram, measure, count)
    np.testing.assert_allclose(nystrom.values, system.values, atol=1e-13 * 2**highest, rtol=0)
    # One degree less: the same eigenpairs, fewer of them.
    fewer = spectrum.sphere(kernel, measure, highest - 1)
    k = fewer.values.shape[0]
    assert k == count - spectrum.multiplicity(d, highest)
    np.testing.assert_allclose(fewer.values, system.values[:k], rtol=1e-12)
    assert float(jnp.max(spectrum.principal_angles(fewer, system, k))) < 1e-12


def test_sphere_orders_by_eigenvalue() -> None:
    def kernel(x1: jax.Array, x2: jax.Array) -> jax.Array:
        t = x1 @ x2.T
        return 0.1 + targets.gegenbauer(2, 3, t) + t / 10

    measure = measures.sphere(3, 4)
    system = spectrum.sphere(kernel, measure)
    np.testing.assert_allclose(system.values, [1 / 5] * 5 + [0.1] + [1 / 30] * 3, rtol=1e-13)
    np.testing.assert_allclose(system.functions[5], 1.0, rtol=1e-13)


def test_sphere_refuses_nodes_that_do_not_hold_the_harmonics() -> None:
    measure = measures.sphere(3, 8)
    assert spectrum.sphere(exponential, measure, 4).values.shape == (25,)
    with refused(
        "degree must be at most 4 for 'uniform on the sphere in 3 dimensions', got 5: its 45 nodes "
        "integrate polynomials up to degree 8 only. Use measures.sphere(3, 10) or more."
    ):
        spectrum.sphere(exponential, measure, 5)
    with refused("degree must be at least 0, got -1."):
        spectrum.sphere(exponential, measure, -1)
    drawn = measures.empirical(measure.sample(jax.random.key(0), 100))
    with refused("degree must be at most 0 for 'empirical', got 1: its 100 nodes integrate"):
        spectrum.sphere(exponential, drawn)
    with refused("the dimension of measure.nodes must be at least 2, got 1."):
        spectrum.sphere(exponential, measures.empirical(jnp.ones((2, 1))))
    with refused("measure.nodes must lie on the unit sphere, but one has norm 2"):
        spectrum.sphere(exponential, measures.empirical(2 * measure.nodes))


@pytest.mark.parametrize(("d", "rule"), [(2, 9), (3, 8), (4, 6)])
def test_degree_norms_are_those_of_the_projections(
    monkeypatch: pytest.MonkeyPatch, d: int, rule: int
) -> None:
    measure = measures.sphere(d, rule)
    highest = rule // 2
    system = spectrum.sphere(exponential, measure)  # its eigenvalues fall with the degree
    q = measure.weights.shape[0]
    g = jnp.asarray(np.random.default_rng(0).standard_normal((2, 3, q)))
    squares = np.asarray(system.coefficients(g)) ** 2
    ends = np.cumsum([spectrum.multiplicity(d, k) for k in range(highest + 1)])
    parts = np.split(squares, ends[:-1], axis=-1)
    expected = np.sqrt(np.stack([np.sum(part, axis=-1) for part in parts], axis=-1))
    for block in (_rotation_invariant.BLOCK, 1, 4 * q):  # all rows at once, one by one, four
        monkeypatch.setattr(_rotation_invariant, "BLOCK", block)
        got = spectrum.degree_norms(g, measure, highest)
        assert got.shape == (2, 3, highest + 1)
        np.testing.assert_allclose(got, expected, rtol=1e-11)
    np.testing.assert_allclose(
        spectrum.degree_norms(g[0, 0], measure, 1), got[0, 0, :2], rtol=1e-13
    )
    if d == 2:
        frequencies = spectrum.frequency_norms(g, measure, highest)
        np.testing.assert_allclose(got, frequencies, rtol=1e-11)


def test_degree_norms_of_zonal_harmonics() -> None:
    zeta = jnp.asarray([[0.6, 0.0, 0.8], [0.0, 1.0, 0.0]])
    target = targets.ZonalSum((1, 4), (3.0, -2.0), zeta)
    expected = [0, 3 / math.sqrt(3), 0, 0, 2 / math.sqrt(9), 0]
    measure = measures.sphere(3, 10)
    got = spectrum.degree_norms(target(measure.nodes), measure, 5)
    np.testing.assert_allclose(got, expected, atol=1e-14)
    # Drawn nodes are enough if there are many.
    drawn = measures.empirical(measure.sample(jax.random.key(0), 3000))
    got = spectrum.degree_norms(target(drawn.nodes), drawn, 5)
    np.testing.assert_allclose(got, expected, atol=0.15)


def test_degree_norms_refuse_too_few_nodes() -> None:
    measure = measures.sphere(3, 8)
    g = jnp.ones(45)
    assert spectrum.degree_norms(g, measure, 4).shape == (5,)
    with refused(
        "most must be at most 4 for the 45 nodes of 'uniform on the sphere in 3 dimensions': they "
        "project on degree 5 with an error of 0.26. Use measures.sphere(3, 10) or more than 110 "
        "uniformly drawn nodes."
    ):
        spectrum.degree_norms(g, measure, 5)
    with refused("most must be at least 0, got -1."):
        spectrum.degree_norms(g, measure, -1)
    with refused("g must have one value for each of the measure's 45 nodes on its last"):
        spectrum.degree_norms(g[1:], measure, 2)
    with refused("measure.nodes must lie on the unit sphere"):
        spectrum.degree_norms(g, measures.empirical(2 * measure.nodes), 2)


@pytest.mark.parametrize("d", [3, 100])
def test_kernels_that_are_none_are_refused(d: int) -> None:
    stretch = jnp.ones(d).at[-1].set(2.0)

    def stretched(x1: jax.Array, x2: jax.Array) -> jax.Array:
        return exponential(x1 * stretch[None], x2)

    with refused("kernel must depend on the angle between its arguments only, but a rotation"):
        spectrum.funk_hecke(stretched, d, 2)

    def indefinite(size: float) -> Kernel:
        return lambda a, b: 1 - size * targets.gegenbauer(2, d, a @ b.T)

    share = 1 / spectrum.multiplicity(d, 2)
    rounded = spectrum.funk_hecke(indefinite(1e-9), d, 2)
    np.testing.assert_allclose(rounded, [1, 0, 0], atol=1e-15)
    assert float(jnp.min(rounded)) == 0
    with refused(
        f"kernel must be positive semidefinite, but degree 2 has the eigenvalue {-share / 2:.3g}: "
        "it is no kernel."
    ):
        spectrum.funk_hecke(indefinite(0.5), d, 2)
    with refused("kernel(x, x') holds "):
        spectrum.funk_hecke(lambda a, b: jnp.sqrt(a @ b.T), d, 2)


def test_boundaries_of_the_arguments() -> None:
    assert spectrum.funk_hecke(exponential, 2, 0).shape == (1,)
    with refused("d must be at least 2, got 1."):
        spectrum.funk_hecke(exponential, 1, 0)
    with refused("most must be at least 0, got -1."):
        spectrum.funk_hecke(exponential, 2, -1)
    assert spectrum.multiplicity(2, 0) == 1
    with refused("d must be at least 2, got 1."):
        spectrum.multiplicity(1, 0)
    with refused("degree must be at least 0, got -1."):
        spectrum.multiplicity(2, -1)
