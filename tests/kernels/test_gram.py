"""Products without the Gram matrix, the Gaussian kernel, distances of kernels, and bad input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import points
from grams import everyone, gram_of_jacobian
from refusals import refused

from ntklib import kernels, measures, networks


@pytest.mark.parametrize("name", ["dense", "image"])
def test_products_without_the_gram_matrix(name: str) -> None:
    network, d = everyone(None)[name]
    params = network.init(jax.random.key(3))
    x = jnp.asarray(points(7, d))
    v = jnp.asarray(np.random.default_rng(0).standard_normal(7))
    both = jnp.stack([v, -2 * v], axis=1)
    expected = gram_of_jacobian(network.apply, params, x, x) @ np.asarray(v)
    analytic = np.asarray(kernels.analytic(network, x)) @ np.asarray(v)
    with pytest.raises(ValueError, match="for products with this network") as refusal:
        kernels.tangent_products(network, params, x, memory_budget=1)
    least = int(str(refusal.value).rsplit(maxsplit=1)[-1].rstrip("."))
    for budget in (least, 2 * least, 2**30):
        product = kernels.tangent_products(network, params, x, memory_budget=budget)
        np.testing.assert_allclose(product(v), expected, rtol=1e-11)
        np.testing.assert_allclose(product(both), expected[:, None] * [1, -2], rtol=1e-11)
    for budget in (7 * 8, 3 * 7 * 8, 2**30):
        product = kernels.products(network.kernel, x, memory_budget=budget)
        np.testing.assert_allclose(product(v), analytic, rtol=1e-12)
        np.testing.assert_allclose(product(both), analytic[:, None] * [1, -2], rtol=1e-12)
    with refused(
        "memory_budget = 55 bytes is less than a row of the Gram matrix: give at least 56."
    ):
        kernels.products(network.kernel, x, memory_budget=55)


def test_products_of_several_outputs_are_refused() -> None:
    network = networks.fully_connected(3, (4,), outputs=2)
    params = network.init(jax.random.key(0))
    with refused(
        "network must have one output, but returns shape (5, 2): select one output coordinate."
    ):
        kernels.tangent_products(network, params, jnp.asarray(points(5)))


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
        several = jnp.stack([jnp.outer(a, a), jnp.outer(a, b)])
        found = kernels.distance(several, several[::-1] * 2, measure)
        from_one = kernels.distance(several, 2 * several[:1], measure)
        for i, (first, second) in enumerate(zip(several, several[::-1], strict=True)):
            alone = kernels.distance(first, 2 * second, measure)
            assert float(found[i]) == pytest.approx(float(alone), rel=1e-14)
            alone = kernels.distance(first, 2 * several[0], measure)
            assert float(from_one[i]) == pytest.approx(float(alone), rel=1e-14)


def test_bad_input_is_refused() -> None:
    network = networks.fully_connected(3, (4,))
    params = network.init(jax.random.key(0))
    x = jnp.asarray(points(3))
    with refused("x1 must have the axes (n, d), got shape (3,)."):
        kernels.analytic(network, x[0])
    with refused("x2 must have the axes (k, d), got shape (3, 3, 1)."):
        kernels.empirical(network, params, x, x[..., None])
    with refused("x1 holds 1 NaN or infinite value(s) among 9"):
        kernels.analytic(network, x.at[0, 1].set(jnp.nan))
    with refused("x2 holds 2 NaN or infinite value(s) among 9"):
        kernels.empirical(network, params, x, x.at[:2, 1].set(jnp.inf))
    with refused("x1 must hold real floating-point numbers, got dtype int64.", TypeError):
        kernels.analytic(network, jnp.ones((2, 3), int))
    with refused("x1 is empty (shape (0, 3)): give at least one entry."):
        kernels.analytic(network, x[:0])
    with refused("x1 and x2 must be points of the same space, got dimensions 3 and 2."):
        kernels.rbf(x, x[:, :2], 1.0)
    with refused("lengthscale must be a positive finite number, got 0.0."):
        kernels.rbf(x, x, 0.0)
    for wrong in (
        lambda theta, z: network.apply(theta, z)[:2],
        lambda theta, z: theta[0]["weight"].sum(),
    ):
        with refused("network must return one number a point, shape (3,), or one for each output"):
            kernels.empirical(wrong, params, x)
    with refused("memory_budget must be at least 1, got 0."):
        kernels.empirical(network, params, x, memory_budget=0)
    measure = measures.circle(3)
    with refused("gram_2 must have shape (3, 3), one row a node of the measure, got (3, 2)."):
        kernels.distance(jnp.eye(3), jnp.eye(3)[:, :2], measure)
    with refused("gram_1 holds 9 NaN or infinite value(s) among 9"):
        kernels.distance(jnp.full((3, 3), jnp.nan), jnp.eye(3), measure)
