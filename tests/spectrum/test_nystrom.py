"""Nyström's spectra against prescribed ones and those of the circle."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import by_name, points
from refusals import refused
from systems import exponential

from ntklib import measures, spectrum


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("q", [5, 12])
def test_nystrom_recovers_a_prescribed_spectrum(q: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    weights = random.dirichlet(np.full(q, 3.0))
    measure = measures.empirical(jnp.asarray(random.standard_normal((q, 2))), jnp.asarray(weights))
    rotation, _ = np.linalg.qr(random.standard_normal((q, q)))
    functions = rotation.T / np.sqrt(weights)[None]
    values = 2.0 ** -np.arange(q)
    values[-1] = 0
    gram = (functions.T * values) @ functions
    gram = (gram + gram.T) / 2
    for k in (None, 1, q - 1, q):
        system = spectrum.nystrom(jnp.asarray(gram), measure, k)
        kept = q if k is None else k
        np.testing.assert_allclose(system.values, values[:kept], atol=1e-13 * gram.max(), rtol=0)
        assert float(jnp.min(system.values)) >= 0
        overlap = (np.asarray(system.functions) * weights) @ functions.T
        np.testing.assert_allclose(np.abs(overlap), np.eye(kept, q), atol=1e-9, rtol=0)
    assert system.measure is measure


def test_nystrom_on_equispaced_nodes_is_the_circle_spectrum() -> None:
    measure = measures.circle(48)
    for kernel in (exponential, by_name("erf-3-biases").network(2, 4).kernel):
        gram = kernel(measure.nodes, measure.nodes)
        by_nodes = spectrum.nystrom(gram, measure, 15)
        closed = spectrum.circle(kernel, measure, 15)
        np.testing.assert_allclose(
            by_nodes.values, closed.values, atol=1e-11 * float(closed.values[0]), rtol=0
        )


def test_nystrom_on_samples_approaches_the_circle_spectrum() -> None:
    circle = measures.circle(64)
    exact = np.asarray(spectrum.circle(exponential, circle, 5).values)
    sizes, draws = (16, 64, 256), 8
    errors = []
    for n in sizes:
        samples = [circle.sample(jax.random.key(seed), n) for seed in range(draws)]
        found = [
            spectrum.nystrom(exponential(x, x), measures.empirical(x), 5).values for x in samples
        ]
        errors.append(np.sqrt(np.mean((np.asarray(found) - exact) ** 2)))
    slope = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert -0.7 < slope < -0.3, errors


def test_gram_matrices_that_are_none_are_refused() -> None:
    measure = measures.empirical(jnp.asarray(points(3)))
    eye = jnp.eye(3)
    with refused("gram must be symmetric, but differs from its transpose by 0.1 of its largest"):
        spectrum.nystrom(eye.at[0, 1].set(0.1), measure)
    with refused(
        "gram, weighted by the measure, must be positive semidefinite, but has the eigenvalue "
        "-0.333 (largest 0.333): it is no kernel's Gram matrix."
    ):
        spectrum.nystrom(eye.at[0, 0].set(-1.0), measure)
    with refused("gram holds 1 NaN or infinite value(s) among 9"):
        spectrum.nystrom(eye.at[0, 0].set(jnp.nan), measure)
    with refused("gram must be square, got shape (2, 3)."):
        spectrum.nystrom(eye[:2], measure)
    with refused("gram has 4 entries and measure has 3: they must agree."):
        spectrum.nystrom(jnp.eye(4), measure)
    with refused("k must be between 1 and 3, got 4."):
        spectrum.nystrom(eye, measure, 4)
