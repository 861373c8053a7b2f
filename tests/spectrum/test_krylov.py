"""The Krylov method against prescribed spectra, with the multiplicities that mislead it."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from refusals import refused

from ntklib import measures, spectrum
from ntklib.spectrum import _krylov, _operator

EPS = float(np.finfo(np.float64).eps)

DECAYS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "geometric": lambda j: 0.8**j,
    "fast": lambda j: np.exp(-(j**2) / 4.0),
    "algebraic": lambda j: (1.0 + j) ** -2,
    "finite": lambda j: np.maximum(1 - 0.1 * j, 0) * (j < 3),
    "flat": lambda j: np.ones(j.shape),
    "zero": lambda j: np.zeros(j.shape),
}


def exponential(x1: jax.Array, x2: jax.Array) -> jax.Array:
    return jnp.exp(x1 @ x2.T)


@pytest.mark.parametrize("least", [1, 30])
@pytest.mark.parametrize("decay", DECAYS)
def test_every_copy_of_multiple_eigenvalues_is_found(decay: str, least: int) -> None:
    n = 200
    rotation, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((n, n)))
    for copies in (1, 3, 10):
        values = DECAYS[decay](np.arange(n) // copies)
        for matrix in (np.diag(values), (rotation * values) @ rotation.T):
            for k in (1, 8, 12, 20):
                got, vectors = _krylov.leading(matrix.__matmul__, n, k, "", least=least)
                # The matrix is a product, rounded.
                np.testing.assert_allclose(got, values[:k], atol=n * EPS, rtol=0)
                np.testing.assert_allclose(matrix @ vectors, vectors * got, atol=2e-13, rtol=0)
                np.testing.assert_allclose(vectors.T @ vectors, np.eye(k), atol=1e-13, rtol=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_both_methods_agree(dtype: type) -> None:
    measure = measures.sphere(3, 14)
    gram: np.ndarray = np.asarray(exponential(measure.nodes, measure.nodes)).astype(dtype)
    gram = (gram + gram.T) / 2
    k = 16  # the harmonics up to degree 3: no eigenspace is cut
    full = spectrum.nystrom(gram, measure, k, method="full")
    krylov = spectrum.nystrom(jnp.asarray(gram), measure, k, method="krylov")
    assert full.values.dtype == krylov.functions.dtype == np.float64
    np.testing.assert_allclose(krylov.values, full.values, atol=len(gram) * EPS, rtol=0)
    assert float(jnp.max(spectrum.principal_angles(full, krylov))) < 1e-11
    overlap = (krylov.functions * measure.weights[None]) @ krylov.functions.T
    np.testing.assert_allclose(overlap, np.eye(k), atol=1e-12, rtol=0)
    again = spectrum.nystrom(gram, measure, k, method="krylov")
    np.testing.assert_array_equal(again.functions, krylov.functions)


def test_auto_takes_the_krylov_method_for_few_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    measure = measures.circle(100)
    gram = exponential(measure.nodes, measure.nodes)
    taken = []

    def leading(*args: object, **options: object) -> tuple[np.ndarray, np.ndarray]:
        taken.append(args[2])
        return np.ones(1), np.eye(100, 1)

    monkeypatch.setattr(_krylov, "leading", leading)
    monkeypatch.setattr(_operator, "KRYLOV_NODES", 100)
    for k in (1, 2, None):
        spectrum.nystrom(gram, measure, k)
    monkeypatch.setattr(_operator, "KRYLOV_NODES", 101)
    spectrum.nystrom(gram, measure, 1)
    monkeypatch.setattr(_operator, "KRYLOV_NODES", 100)
    spectrum.nystrom(gram, measure, 1, method="full")
    assert taken == [1]


def test_a_network_without_its_gram_matrix() -> None:
    measure = measures.circle(40)
    theta = jnp.asarray(np.random.default_rng(0).standard_normal(30))

    def network(theta: jax.Array) -> jax.Array:
        return jnp.tanh(measure.nodes @ theta[:20].reshape(2, 10)) @ theta[20:]

    @jax.jit
    def product(v: jax.Array) -> jax.Array:
        (image,) = jax.vjp(network, theta)[1](v)
        return jax.jvp(network, (theta,), (image,))[1]

    products = jax.vmap(product, 1, 1)
    jacobian = jax.jacobian(network)(theta)
    expected = spectrum.nystrom(jacobian @ jacobian.T, measure, 5)
    got = spectrum.matrix_free(products, measure, 5)
    np.testing.assert_allclose(got.values, expected.values, rtol=1e-12)
    # The network is odd: its eigenvalues on the circle are simple.
    assert float(jnp.max(spectrum.principal_angles(got, expected))) < 1e-10
    assert got.measure is measure
    # One more than its rank has the eigenvalue 0, to rounding.
    rank_one = spectrum.matrix_free(lambda v: jnp.broadcast_to(v.sum(axis=0), v.shape), measure, 3)
    np.testing.assert_allclose(rank_one.values, [1, 0, 0], atol=1e-13, rtol=0)
    assert float(jnp.min(rank_one.values)) >= 0


def test_weights_that_differ() -> None:
    random = np.random.default_rng(0)
    points = jnp.asarray(random.standard_normal((50, 2)))
    measure = measures.empirical(points, jnp.asarray(random.dirichlet(np.ones(50))))
    gram = exponential(points, points)
    by_products = spectrum.matrix_free(lambda v: gram @ v, measure, 4)
    full = spectrum.nystrom(gram, measure, 4, method="full")
    np.testing.assert_allclose(by_products.values, full.values, rtol=1e-11)
    # T_K φ = σ φ.
    image = gram @ (measure.weights[:, None] * by_products.functions.T)
    expected = by_products.values[:, None] * by_products.functions
    np.testing.assert_allclose(image.T, expected, atol=1e-10 * float(gram.max()), rtol=0)


def test_products_that_are_none_are_refused() -> None:
    measure = measures.circle(8)
    random = jnp.asarray(np.random.default_rng(0).standard_normal((8, 8)))

    def by(matrix: jax.Array, k: int = 1) -> spectrum.Eigensystem:
        return spectrum.matrix_free(lambda v: matrix @ v, measure, k)

    assert by(jnp.eye(8), 7).values.shape == (7,)
    with refused("k must be between 1 and 7, got 8."):
        by(jnp.eye(8), 8)
    with refused("product must be that of a symmetric matrix in float64, but ⟨u, Kv⟩ and ⟨Ku, v⟩"):
        by(random)
    with refused("product must be that of a symmetric matrix in float64"):
        spectrum.matrix_free(lambda v: v + 1, measure, 1)
    with refused("product(V) must have the shape of V, (8, 2), but has (3, 2): make the product"):
        by(jnp.ones((3, 8)))
    with refused("product(V) must have the axes (q, b), got shape (8,)."):
        spectrum.matrix_free(lambda v: v[:, 0], measure, 1)
    with refused("product(V) holds 16 NaN or infinite value(s) among 16"):
        by(jnp.full((8, 8), jnp.nan))
    with refused("product, weighted by the measure, must be positive semidefinite, but has the"):
        by(-jnp.eye(8))


def test_the_krylov_method_refuses_what_it_sees() -> None:
    measure = measures.circle(8)
    assert spectrum.nystrom(jnp.eye(8), measure, method="krylov").values.shape == (7,)
    with refused("k must be between 1 and 7, got 8."):
        spectrum.nystrom(jnp.eye(8), measure, 8, method="krylov")
    with refused("method must be one of auto, full, krylov, got 'lanczos'."):
        spectrum.nystrom(jnp.eye(8), measure, method="lanczos")  # type: ignore[arg-type]
    with refused("gram must be symmetric, but differs from its transpose by 0.5 of its largest"):
        spectrum.nystrom(jnp.eye(8).at[0, 7].set(0.5), measure, 1, method="krylov")
    with refused("gram, weighted by the measure, must be positive semidefinite, but has the"):
        spectrum.nystrom(-jnp.eye(8), measure, 1, method="krylov")


def test_no_convergence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    measure = measures.circle(200)
    matrix = jnp.diag(1 / jnp.arange(1.0, 201.0))
    assert spectrum.matrix_free(matrix.__matmul__, measure, 3).values.shape == (3,)
    monkeypatch.setattr(_krylov, "MOST_RESTARTS", 0)
    for part in ("The 3 leading eigenpairs didn't converge in ", 'nystrom(..., method="full").'):
        with refused(part, RuntimeError):
            spectrum.matrix_free(matrix.__matmul__, measure, 3)


def test_a_multiple_of_the_identity_leaves_nothing_to_iterate_with() -> None:
    for value in (-1.0, 0.0, 1.0):
        values, vectors = _krylov.leading(partial(np.multiply, value), 8, 2, "")
        np.testing.assert_allclose(values, [value] * 2, atol=8 * EPS, rtol=0)
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(2), atol=1e-14, rtol=0)
