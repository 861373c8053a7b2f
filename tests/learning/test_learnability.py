"""The conservation law in cases that can be solved, and against a kernel's regression."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from refusals import refused

from ntklib import learning, measures, networks, spectrum, targets


def test_equal_eigenvalues_share_equally() -> None:
    found = learning.learnable_shares(np.array([0.3]), [40], 12.0, 10)
    np.testing.assert_allclose(found, [0.25], rtol=1e-12)


def test_what_is_not_given_is_learned_in_proportion_to_its_trace() -> None:
    """With one eigenvalue and a rest R: 1/(1 + κ) + R/κ = n is a quadratic equation."""
    rest, n = 0.7, 3
    kappa = (-(n - 1 - rest) + np.sqrt((n - 1 - rest) ** 2 + 4 * n * rest)) / (2 * n)
    found = learning.learnable_shares(np.array([1.0, 0.0]), [1, 5], 1 + rest, n)
    np.testing.assert_allclose(found, [1 / (1 + kappa), 0], rtol=1e-12)


@pytest.mark.parametrize("n", [10, 100])
def test_the_shares_sum_to_n(n: int) -> None:
    sigma = 1.0 / np.arange(1, 400) ** 2
    copies = np.arange(1, 400) % 3 + 1
    found = learning.learnable_shares(jnp.asarray(sigma), copies, float(copies @ sigma), n)
    assert copies @ found == pytest.approx(n, rel=1e-12)
    assert np.all(np.diff(found) < 0)


def test_it_predicts_what_a_kernel_learns_of_each_degree() -> None:
    """By the addition theorem the mean over a degree's harmonics is σ_k tr(K⁻¹ P_k(⟨x, x'⟩))."""
    d, n, most = 4, 60, 20
    kernel = networks.fully_connected(d, (1,), "relu", biases=True).kernel
    sigma = spectrum.funk_hecke(kernel, d, most)
    copies = np.array([float(spectrum.multiplicity(d, k)) for k in range(most + 1)])
    found = []
    for key in jax.random.split(jax.random.key(0), 20):
        sample = measures.sphere(d, 2).sample(key, n)
        inverse = np.linalg.inv(np.asarray(kernel(sample, sample)))
        inner = jnp.clip(sample @ sample.T, -1, 1)
        found.append(
            [
                float(sigma[k]) * np.sum(inverse * np.asarray(targets.gegenbauer(k, d, inner)))
                for k in range(most + 1)
            ]
        )
    top = float(kernel(sample[:1], sample[:1])[0, 0])
    predicted = learning.learnable_shares(sigma, copies, top, n)
    np.testing.assert_allclose(np.mean(found, axis=0), predicted, atol=0.03)
    # The law itself, less what degrees beyond these learn.
    np.testing.assert_allclose(np.mean(found, axis=0) @ copies, predicted @ copies, rtol=0.01)
    assert 0.7 * n < predicted @ copies < n


def test_refusals() -> None:
    with refused("multiplicities has 1 entries and eigenvalues has 2: they must agree."):
        learning.learnable_shares(np.array([1.0, 0.5]), [3], 5.0, 2)
    with refused("eigenvalues must not be negative, got -0.5."):
        learning.learnable_shares(np.array([1.0, -0.5]), [3, 3], 5.0, 2)
    with refused("trace must be at least that of the given eigenvalues, 4, got 3."):
        learning.learnable_shares(np.array([1.0]), [4], 3.0, 2)
    with refused("eigenvalues must belong to more than n = 4 eigenfunctions, got 4: all of them"):
        learning.learnable_shares(np.array([1.0]), [4], 4.0, 4)
    np.testing.assert_allclose(learning.learnable_shares(np.array([1.0]), [4], 4.0, 3), 0.75)
