"""Drawn distributions on spheres against their densities."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import points
from refusals import refused
from scipy.special import gamma

from ntklib import measures
from ntklib.measures import _harmonics, spheres

KEY = jax.random.key(3)
Q = 40_000


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def within_noise(values: np.ndarray, expected: float) -> None:
    """Asserts that the mean of independent values is what is expected, to 4 standard errors."""
    assert abs(values.mean() - expected) < 4 * values.std() / np.sqrt(values.size)


@pytest.mark.parametrize("d", [2, 5, 10])
def test_uniform(d: int) -> None:
    measure = spheres.uniform(d, Q, KEY)
    for x in (np.asarray(measure.nodes), np.asarray(measure.sample(jax.random.key(4), Q))):
        assert x.shape == (Q, d)
        np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, atol=1e-14)
        along = x @ unit(points(1, d))[0]
        within_noise(along, 0.0)
        within_noise(along**2, 1 / d)
        within_noise(along**4, 3 / (d * (d + 2)))
    np.testing.assert_allclose(measure.weights, 1 / Q, rtol=0, atol=1e-18)


@pytest.mark.parametrize("p", [0.25, 0.9])
def test_each_half_sphere_has_its_share_and_is_uniform(p: float) -> None:
    d = 5
    axis = jnp.asarray(unit(points(1, d))[0])
    measure = spheres.hemispheres(axis, p, 100, KEY)
    x = np.asarray(measure.sample(jax.random.key(1), Q))
    along = x @ np.asarray(axis)
    within_noise((along > 0).astype(float), p)
    # The mean of |⟨ζ, x⟩| is that of the uniform distribution, on either side.
    mean = gamma(d / 2) / (np.sqrt(np.pi) * gamma((d + 1) / 2))
    for side in (along[along > 0], -along[along <= 0]):
        within_noise(side, mean)
    other = np.eye(d)[0] - float(axis[0]) * np.asarray(axis)
    within_noise(x @ other, 0.0)
    assert "0.25" in spheres.hemispheres(axis, 0.25, 1, KEY).name


def test_angular_gaussian_has_tylers_density() -> None:
    d = 3
    root = points(d, d)
    sigma = root @ root.T
    x = np.asarray(spheres.angular_gaussian(jnp.asarray(sigma), Q, KEY).nodes)
    assert x.shape == (Q, d)
    rule = measures.sphere(d, 200)  # the density is smooth but steep
    y, w = np.asarray(rule.nodes), np.asarray(rule.weights)
    form = np.einsum("ia,ab,ib->i", y, np.linalg.inv(sigma), y)
    density = np.linalg.det(sigma) ** -0.5 * form ** (-d / 2)
    assert w @ density == pytest.approx(1, abs=1e-6)
    zeta = unit(points(1, d, seed=2))[0]
    for power in (2, 4):
        within_noise((x @ zeta) ** power, float(w @ (density * (y @ zeta) ** power)))
    few, louder = (
        spheres.angular_gaussian(jnp.asarray(c * sigma), 50, KEY).nodes for c in (1.0, 7.0)
    )
    np.testing.assert_allclose(louder, few, atol=1e-12)


def test_refusals() -> None:
    axis = jnp.asarray([1.0, 0.0])
    with refused("d must be at least 2, got 1."):
        spheres.uniform(1, 10, KEY)
    with refused("nodes must be at least 1, got 0."):
        spheres.uniform(2, 0, KEY)
    with refused("axis must lie on the unit sphere, but one has norm 2: divide each point"):
        spheres.hemispheres(2 * axis, 0.5, 10, KEY)
    with refused("share must lie strictly between 0 and 1, got 1.0."):
        spheres.hemispheres(axis, 1.0, 10, KEY)
    with refused(
        "covariance must be positive definite, got 0 for its least eigenvalue: add a small "
        "multiple of the identity."
    ):
        spheres.angular_gaussian(jnp.diag(jnp.asarray([1.0, 0.0])), 10, KEY)
    with jax.enable_x64(False), refused("A quadrature rule needs float64"):
        spheres.uniform(2, 10, KEY)


@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_fejers_rule_integrates_polynomials_below_its_number_of_nodes(count: int) -> None:
    """The mean of u^k over [−1, 1], to which [0, π] is stretched, is 1/(k + 1) or 0."""
    angles, weights = _harmonics.fejer(count)
    u = 1 - 2 * angles / np.pi
    for k in range(count):
        expected = 0 if k % 2 else 1 / (k + 1)
        assert np.sum(weights * u**k) == pytest.approx(expected, abs=1e-15)
