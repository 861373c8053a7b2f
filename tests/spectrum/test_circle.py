"""Spectra on the circle against adaptive quadrature and special functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import CLOSED_FORMS, Case, by_name
from refusals import refused
from scipy import integrate, special
from systems import exponential

from ntklib import kernels, measures, spectrum
from ntklib.networks._network import Kernel

HIGHEST = 50
FREQUENCIES = np.arange(HIGHEST + 1)


def by_adaptive_quadrature(case: Case) -> np.ndarray:
    """σ₀, …, σ₅₀ from the case's own kernel."""
    start = np.asarray([[1.0, 0.0]])

    def integrand(theta: float) -> np.ndarray:
        kappa = case.kernel(start, np.asarray([[np.cos(theta), np.sin(theta)]]))[0, 0]
        return kappa * np.cos(FREQUENCIES * theta) / np.pi

    return integrate.quad_vec(integrand, 0, np.pi, epsabs=1e-12, norm="max")[0]


@pytest.mark.parametrize(
    "case",
    [*CLOSED_FORMS, by_name("residual-erf-3-biases")],
    ids=lambda case: case.name,
)
def test_circle_eigenvalues_against_adaptive_quadrature(case: Case) -> None:
    expected = by_adaptive_quadrature(case)
    with jax.disable_jit():  # compiling takes longer
        got = spectrum.fourier_eigenvalues(case.network(2, 4).kernel, HIGHEST)
    relative = 1e-8 if case.name.startswith("relu") else 1e-10
    # Rounding is relative to the largest.
    rounding = 3e-15
    np.testing.assert_allclose(got, expected, rtol=relative, atol=rounding * expected.max())


def test_circle_eigenvalues_of_known_kernels() -> None:
    got = spectrum.fourier_eigenvalues(exponential, HIGHEST)
    np.testing.assert_allclose(got, special.iv(FREQUENCIES, 1.0), atol=3e-15, rtol=0)

    def corner(a: jax.Array, b: jax.Array) -> jax.Array:
        """1 − θ/π, with a corner like ReLU's kernels."""
        return 1 - jnp.arccos(jnp.clip(a @ b.T, -1, 1)) / jnp.pi

    expected = np.zeros(302)
    expected[0], expected[1::2] = 0.5, 2 / (np.pi * np.arange(1, 302, 2)) ** 2
    got = spectrum.fourier_eigenvalues(corner, 301)
    np.testing.assert_allclose(got, expected, rtol=1e-8, atol=5e-15)


@pytest.mark.parametrize("q", [8, 33])
@pytest.mark.parametrize("name", ["erf-1-biases", "relu-2-biases"])
def test_circle_eigensystem_is_mercers(name: str, q: int) -> None:
    measure = measures.circle(q)
    kernel = by_name(name).network(2, 4).kernel
    system = spectrum.circle(kernel, measure)
    k = 2 * ((q - 1) // 2) + 1
    assert system.values.shape == (k,)
    assert system.functions.shape == (k, q)
    gram = (system.functions * measure.weights[None]) @ system.functions.T
    np.testing.assert_allclose(gram, np.eye(k), atol=1e-12, rtol=0)
    assert np.all(np.diff(system.values) <= 0)

    # Each is an eigenfunction of T_K, integrated on nodes far finer than its own.
    fine = measures.circle(512)
    functions = spectrum.circle(kernel, fine, 5).functions * fine.weights[None]
    image = functions @ kernel(fine.nodes, measure.nodes)
    expected = system.values[:5, None] * system.functions[:5]
    # ReLU's corner slows equispaced nodes down.
    np.testing.assert_allclose(image, expected, atol=3e-6 if "relu" in name else 1e-13, rtol=0)


def test_circle_eigensystem_sums_to_the_kernel() -> None:
    measure = measures.circle(64)
    for name in ("erf-1", "erf-1-biases"):
        kernel = by_name(name).network(2, 4).kernel
        system = spectrum.circle(kernel, measure)
        rebuilt = (system.functions.T * system.values[None]) @ system.functions
        gram = np.asarray(kernel(measure.nodes, measure.nodes))
        np.testing.assert_allclose(rebuilt, gram, atol=1e-11 * gram.max(), rtol=0)
        # Its trace is κ(0), and T_K on the nodes is the same operator.
        assert float(jnp.sum(system.values)) == pytest.approx(gram[0, 0], rel=1e-11)
        image = gram @ np.asarray(system.functions * measure.weights[None]).T
        np.testing.assert_allclose(
            image.T, system.values[:, None] * system.functions, atol=1e-12 * gram.max(), rtol=0
        )


def test_circle_multiplicities_and_order() -> None:
    measure = measures.circle(12)
    system = spectrum.circle(exponential, measure)
    theta = measures.equispaced_angles(12)
    for j in range(1, 6):
        assert system.values[2 * j - 1] == system.values[2 * j]
        np.testing.assert_allclose(
            system.functions[2 * j - 1], np.sqrt(2) * np.cos(j * theta), atol=1e-14, rtol=0
        )
        np.testing.assert_allclose(
            system.functions[2 * j], np.sqrt(2) * np.sin(j * theta), atol=1e-14, rtol=0
        )
    np.testing.assert_array_equal(system.functions[0], 1.0)
    # erf without biases is odd: even frequencies, the constant too, have eigenvalue 0.
    odd = spectrum.circle(by_name("erf-1").network(2, 4).kernel, measure)
    assert np.all(odd.values[:6] > 1e-9)
    np.testing.assert_allclose(odd.values[6:], 0, atol=1e-15, rtol=0)
    np.testing.assert_allclose(odd.functions[0], np.sqrt(2) * np.cos(theta), atol=1e-14, rtol=0)


def test_coefficients_and_synthesis() -> None:
    measure = measures.circle(9)
    system = spectrum.circle(exponential, measure)
    for shape in ((9,), (4, 9), (2, 3, 9)):
        g = jnp.asarray(np.random.default_rng(0).standard_normal(shape))
        c = system.coefficients(g)
        assert c.shape == shape
        # With as many functions as nodes they are a basis: Parseval, and back again.
        np.testing.assert_allclose(jnp.sum(c**2, axis=-1), measure.inner(g, g), rtol=1e-13)
        np.testing.assert_allclose(system.synthesis(c), g, atol=1e-13, rtol=0)
    part = system.leading(3)
    np.testing.assert_array_equal(part.values, system.values[:3])
    projected = part.synthesis(part.coefficients(g))
    np.testing.assert_allclose(part.coefficients(projected), c[..., :3], atol=1e-13, rtol=0)
    assert np.all(measure.norm(projected) < measure.norm(g))


@pytest.mark.parametrize("q", [9, 10])
def test_frequency_norms_are_those_of_the_projections(q: int) -> None:
    measure = measures.circle(q)
    theta = np.asarray(measures.equispaced_angles(q))
    g = np.random.default_rng(0).standard_normal((2, 3, q))
    got = spectrum.frequency_norms(jnp.asarray(g), measure, 4)
    assert got.shape == (2, 3, 5)
    np.testing.assert_allclose(got[..., 0], np.abs(g.mean(axis=-1)), rtol=1e-12)
    for j in range(1, 5):
        parts = [np.mean(g * np.sqrt(2) * f(j * theta), axis=-1) for f in (np.cos, np.sin)]
        np.testing.assert_allclose(got[..., j], np.hypot(*parts), rtol=1e-12)
    with refused("most must be between 0 and 4, got 5."):
        spectrum.frequency_norms(jnp.asarray(g), measure, 5)
    with refused("measure must be measures.circle(nodes), got 'empirical'"):
        spectrum.frequency_norms(jnp.asarray(g), measures.empirical(jnp.ones((q, 2))), 4)


def test_bad_input_is_refused() -> None:
    measure = measures.circle(8)
    assert spectrum.circle(exponential, measure, 7).values.shape == (7,)
    with refused("k must be between 1 and 7, got 8."):
        spectrum.circle(exponential, measure, 8)
    with refused("k must be between 1 and 7, got 0."):
        spectrum.circle(exponential, measure, 0)
    with refused("k must be between 1 and 7, got 8."):
        spectrum.circle(exponential, measure).leading(8)
    sphere = measures.sphere(3, 4)
    with refused("measure must be measures.circle(nodes), got 'uniform on the sphere in 3 dim"):
        spectrum.circle(exponential, sphere)
    shifted = measures.empirical(measure.nodes[::-1], name="reversed")
    with refused("got 'reversed' with nodes of shape (8, 2): use nystrom() for other measures."):
        spectrum.circle(exponential, shifted)


def test_kernels_that_are_none_are_refused() -> None:
    measure = measures.circle(8)

    def turned(a: jax.Array, b: jax.Array) -> jax.Array:
        return jnp.exp(a @ jnp.diag(jnp.asarray([1.0, 2.0])) @ b.T)

    def one_sided(a: jax.Array, b: jax.Array) -> jax.Array:
        """Depends on θ − θ', but isn't even."""
        angle = measures.angles_of(a)[:, None] - measures.angles_of(b)[None, :]
        return 2 + jnp.sin(angle)

    for kernel in (turned, one_sided):
        with refused("kernel must depend on the angle between its arguments only, but a rotation"):
            spectrum.circle(kernel, measure)

    def indefinite(size: float) -> Kernel:
        return lambda a, b: 1 - size * (2 * (a @ b.T) ** 2 - 1)

    assert np.all(spectrum.circle(indefinite(1e-9), measure).values >= 0)
    with refused(
        "kernel must be positive semidefinite, but frequency 2 has the eigenvalue -0.25: "
        "it is no kernel."
    ):
        spectrum.circle(indefinite(0.5), measure)


def test_spectra_need_double_precision() -> None:
    measure = measures.circle(4)
    gram = kernels.rbf(measure.nodes, measure.nodes, 1.0)
    with jax.enable_x64(False):
        with refused("A spectrum needs float64, and JAX is in single precision"):
            spectrum.circle(exponential, measure)
        with refused("A spectrum needs float64"):
            spectrum.nystrom(gram, measure)
        with refused("A spectrum needs float64"):
            spectrum.fisher_spectrum(gram, measure)
        with refused("A spectrum needs float64"):
            spectrum.matrix_free(lambda v: gram @ v, measure, 1)
        with refused("A spectrum needs float64"):
            spectrum.funk_hecke(exponential, 3, 1)
        with refused("A spectrum needs float64"):
            spectrum.sphere(exponential, measure)
