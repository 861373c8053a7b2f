"""The law at all times is the limit of flows with a small change of the operator."""

import itertools
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from refusals import refused

from ntklib import measures, spectrum
from ntklib.theory import onset, response

Q = 4
MEASURE = measures.empirical(jnp.eye(Q), jnp.asarray([0.1, 0.2, 0.3, 0.4]))
INITIAL = jnp.asarray([1.0, -2.0, 0.5, 0.3])
TIMES = jnp.asarray([0.0, 0.4, 3.0])
FEATURES = np.random.default_rng(0).normal(0.5, 1.0, (Q, Q))
GRAM = FEATURES @ FEATURES.T


def system_of(gram: np.ndarray, k: int | None = None) -> spectrum.Eigensystem:
    return spectrum.nystrom(jnp.asarray(gram), MEASURE, k)


def flow(gram: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns e^{−Tt} r₀ at all times, T = K diag(w), by the operator's exponential."""
    start = np.asarray(INITIAL)
    return np.stack([scipy.linalg.expm(-t * gram * weights) @ start for t in np.asarray(TIMES)])


def along(system: spectrum.Eigensystem, g: np.ndarray) -> np.ndarray:
    return (g * np.asarray(MEASURE.weights)) @ np.asarray(system.functions).T


@pytest.mark.parametrize("spread", [1.0, 0.0])
def test_the_deviation_is_the_derivative_of_the_flow(spread: float) -> None:
    """Also where all eigenvalues are one, and the quotients in W are 0/0."""
    weights = np.asarray(MEASURE.weights)
    gram = spread * GRAM + np.diag(1 / weights)
    system, change = system_of(gram), np.random.default_rng(1).normal(size=(2, Q, Q))
    change = change + change.transpose(0, 2, 1)
    ideal = flow(gram, weights)
    step = 1e-5
    both = [
        np.stack([flow(gram + sign * step * each, weights) - ideal for each in change])
        for sign in (1, -1)
    ]
    expected = along(system, both[0] - both[1]) / (2 * step)
    got = response.deviation(system, INITIAL, TIMES, jnp.asarray(gram + step * change)) / step
    np.testing.assert_allclose(got, expected, atol=1e-6)
    assert np.abs(expected).max() > 1e-2


@pytest.mark.parametrize("k", [Q, 2])
def test_the_constants_are_the_mean_over_all_samples(k: int) -> None:
    """Of the response to each sample, which the mean of one point's responses is."""
    weights = np.asarray(MEASURE.weights)
    system = system_of(GRAM, k)
    known = np.asarray(system.functions)
    kernel = known.T * np.asarray(system.values) @ known  # of the modes that are given
    n, mean = 2, np.zeros((3, k))
    for sample in itertools.product(range(Q), repeat=n):
        counts = np.bincount(sample, minlength=Q) / n
        # A kernel whose operator with the weights of ρ is that of the sample.
        trained = jnp.asarray(kernel * counts / weights)[None]
        found = response.deviation(system, INITIAL, TIMES, trained)[0]
        mean += weights[list(sample)].prod() * found**2
    got = response.sample_constants(system, INITIAL, TIMES)
    np.testing.assert_allclose(got / n, mean, rtol=1e-10, atol=1e-14)
    assert np.all(got[0] == 0)


def test_they_go_on_where_the_law_as_t_goes_to_0_ends() -> None:
    system, early = system_of(GRAM), jnp.asarray([1e-7])
    at_start = onset.sample_constant(jnp.asarray(GRAM), INITIAL, MEASURE)
    found = response.sample_constants(system, INITIAL, early).sum() / 1e-14
    np.testing.assert_allclose(found, at_start, rtol=1e-5)


def test_at_late_times_what_is_learned_deviates_no_more() -> None:
    system = system_of(GRAM + np.eye(Q))
    late = jnp.asarray([1.0, 1e3, 1e6])
    assert np.all(response.sample_constants(system, INITIAL, late)[1:] < 1e-12)


def test_wrong_shapes_are_named() -> None:
    system = system_of(GRAM)
    cases: dict[str, Any] = {
        "initial": lambda: response.sample_constants(system, INITIAL[:2], TIMES),
        "grams' last axis": lambda: response.deviation(
            system, INITIAL, TIMES, jnp.ones((1, Q, Q - 1))
        ),
        "grams' second axis": lambda: response.deviation(
            system, INITIAL, TIMES, jnp.ones((1, Q - 1, Q))
        ),
    }
    for name, call in cases.items():
        with refused(f"{name} has "):
            call()
