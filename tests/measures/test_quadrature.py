"""Quadrature rules are exact up to their degree and no further; samples follow the distribution."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import points
from refusals import refused
from scipy import stats

from ntklib import measures


def exponents(d: int, degree: int) -> Iterator[tuple[int, ...]]:
    """Yields the exponents of all monomials of this degree in d variables."""
    for bars in itertools.combinations(range(degree + d - 1), d - 1):
        ends = (-1, *bars, degree + d - 1)
        yield tuple(b - a - 1 for a, b in itertools.pairwise(ends))


def moment(powers: tuple[int, ...]) -> float:
    """The mean of a monomial over the sphere (Folland 2001)."""
    if any(power % 2 for power in powers):
        return 0.0
    d, degree = len(powers), sum(powers)
    product = math.prod(math.gamma((power + 1) / 2) / math.gamma(0.5) for power in powers)
    return product * math.gamma(d / 2) / math.gamma((d + degree) / 2)


def worst_moment(measure: measures.Measure, degree: int) -> float:
    nodes, weights = np.asarray(measure.nodes), np.asarray(measure.weights)
    return max(
        abs(float(weights @ np.prod(nodes**powers, axis=1)) - moment(powers))
        for powers in exponents(nodes.shape[1], degree)
    )


@pytest.mark.parametrize(
    ("d", "degree"), [(2, 2), (2, 9), (3, 2), (3, 7), (3, 10), (4, 5), (4, 6), (6, 4)]
)
def test_sphere_is_exact_up_to_its_degree(d: int, degree: int) -> None:
    measure = measures.sphere(d, degree)
    for lower in range(degree + 1):
        assert worst_moment(measure, lower) < 1e-14
    assert worst_moment(measure, degree + 1) > 1e-4
    assert float(jnp.min(measure.weights)) > 0
    np.testing.assert_allclose(jnp.sum(measure.nodes**2, axis=1), 1.0, atol=1e-14, rtol=0)
    assert measure.nodes.shape == ((degree + 1) * (degree // 2 + 1) ** (d - 2), d)


@pytest.mark.parametrize("q", [3, 8, 33])
def test_circle_is_exact_below_its_number_of_nodes(q: int) -> None:
    measure = measures.circle(q)
    angles = measures.angles_of(measure.nodes)
    np.testing.assert_allclose(
        angles % (2 * np.pi), 2 * np.pi * np.arange(q) / q, atol=1e-14, rtol=0
    )
    np.testing.assert_array_equal(measures.points_at(measures.equispaced_angles(q)), measure.nodes)
    for k in range(1, q):
        assert abs(float(measure.weights @ jnp.cos(k * angles))) < 1e-14
        assert abs(float(measure.weights @ jnp.sin(k * angles))) < 1e-14
    assert float(measure.weights @ jnp.cos(q * angles)) == pytest.approx(1.0)


def test_angles_and_points_are_inverse() -> None:
    angles = jnp.linspace(-3.1, 3.1, 12).reshape(3, 4)
    np.testing.assert_allclose(
        measures.angles_of(measures.points_at(angles)), angles, atol=1e-15, rtol=0
    )


def test_inner_product_and_norm() -> None:
    weights = np.asarray([0.5, 0.2, 0.3])
    measure = measures.empirical(jnp.asarray(points(3)), jnp.asarray(weights))
    a, b = points(4, 3, seed=1), points(4, 3, seed=2)
    expected = [
        sum(w * x * y for w, x, y in zip(weights, *row, strict=True))
        for row in zip(a, b, strict=True)
    ]
    np.testing.assert_allclose(measure.inner(jnp.asarray(a), jnp.asarray(b)), expected, rtol=1e-14)
    np.testing.assert_allclose(measure.norm(jnp.asarray(a)) ** 2, (a**2) @ weights, rtol=1e-14)
    assert measure.norm(jnp.ones(3)) == pytest.approx(1.0)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("d", [2, 3, 6])
def test_samples_of_the_sphere_are_uniform(d: int, seed: int) -> None:
    n = 20_000
    measure = measures.circle(3) if d == 2 else measures.sphere(d, 2)
    x = np.asarray(measure.sample(jax.random.key(seed), n))
    assert x.shape == (n, d)
    np.testing.assert_allclose(np.sum(x**2, axis=1), 1.0, atol=1e-12, rtol=0)
    # ⟨ζ, x⟩² follows the beta distribution, whatever the direction ζ.
    for direction in (np.eye(d)[0], np.ones(d) / np.sqrt(d)):
        cosine = x @ direction
        law = stats.beta(0.5, (d - 1) / 2)
        assert stats.kstest(cosine**2, law.cdf).pvalue > 1e-3
        assert abs(np.mean(cosine > 0) - 0.5) < 5 * 0.5 / np.sqrt(n)
    again = measure.sample(jax.random.key(seed), n)
    assert np.array_equal(x, again)
    assert not np.array_equal(x[:10], measure.sample(jax.random.key(seed + 1), 10))


def test_samples_of_a_data_set_follow_its_weights() -> None:
    n, weights = 20_000, np.asarray([0.1, 0.2, 0.3, 0.4])
    nodes = points(4)
    measure = measures.empirical(jnp.asarray(nodes), jnp.asarray(weights), "four points")
    drawn = np.asarray(measure.sample(jax.random.key(0), n))
    counts = [np.sum(np.all(drawn == node, axis=1)) for node in nodes]
    assert sum(counts) == n
    assert stats.chisquare(counts, n * weights).pvalue > 1e-3
    assert measure.name == "four points"
    equal = measures.empirical(jnp.asarray(nodes))
    np.testing.assert_array_equal(equal.weights, 0.25)
    firsts = np.asarray(equal.sample(jax.random.key(1), n))[:, 0]
    assert stats.chisquare(np.unique(firsts, return_counts=True)[1]).pvalue > 1e-3


def test_last_rule_that_fits_and_first_that_does_not() -> None:
    assert measures.sphere(3, 445).nodes.shape == (99_458, 3)
    with refused(
        "sphere(d=3, degree=446) needs 100128 nodes, more than 100000: lower degree, or use "
        "empirical() with uniformly drawn points."
    ):
        measures.sphere(3, 446)


def test_bad_arguments_are_refused() -> None:
    circle: Any = measures.circle
    with refused("nodes must be at least 3, got 2."):
        circle(2)
    with refused("nodes must be a whole number, got 8.0.", TypeError):
        circle(8.0)
    with refused("d must be at least 2, got 1."):
        measures.sphere(1, 4)
    with refused("degree must be at least 2, got 1."):
        measures.sphere(3, 1)
    assert circle(3).sample(jax.random.key(0), 1).shape == (1, 2)
    with refused("n must be at least 1, got 0."):
        circle(3).sample(jax.random.key(0), 0)
    x = jnp.asarray(points(3))
    with refused("points must have the axes (q, d), got shape (3,)."):
        measures.empirical(x[0])
    with refused("points holds 1 NaN or infinite value(s) among 9"):
        measures.empirical(x.at[0, 0].set(jnp.nan))
    with refused("points must hold real floating-point numbers, got dtype int64.", TypeError):
        measures.empirical(jnp.ones((2, 2), int))
    with refused("weights has 2 entries and points has 3: they must agree."):
        measures.empirical(x, jnp.full(2, 0.5))
    with refused(
        "weights must be positive and sum to 1, got a sum of 1.5 and a least weight of 0.5: "
        "divide them by their sum and drop points of weight 0."
    ):
        measures.empirical(x, jnp.full(3, 0.5))
    with refused("got a sum of 1 and a least weight of 0:"):
        measures.empirical(x, jnp.asarray([0.0, 0.5, 0.5]))


def test_rules_need_double_precision() -> None:
    with jax.enable_x64(False):
        with refused("A quadrature rule needs float64, and JAX is in single precision"):
            measures.circle(4)
        with refused("A quadrature rule needs float64"):
            measures.sphere(3, 2)
        with refused("A quadrature rule needs float64"):
            measures.empirical(jnp.ones((2, 2)))
