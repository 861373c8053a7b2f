"""The law at all times is the limit of flows with a small change of the operator."""

import itertools

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


def responses(operator: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Returns the derivative of e^{−Tt} r₀ at all times, if T changes so."""
    return np.stack([
        scipy.linalg.expm_frechet(-t * operator, -t * change, compute_expm=False) @ INITIAL
        for t in np.asarray(TIMES)
    ])  # fmt: skip


@pytest.mark.parametrize(("spread", "k"), [(1.0, Q), (1.0, 2), (0.0, Q)])
def test_the_constants_are_the_mean_over_all_samples(spread: float, k: int) -> None:
    """Also where all eigenvalues are one, and the quotients in W are 0/0."""
    weights = np.asarray(MEASURE.weights)
    system = system_of(spread * GRAM + np.diag(1 / weights), k)
    known = np.asarray(system.functions)
    kernel = known.T * np.asarray(system.values) @ known  # of the modes that are given
    n, mean = 2, np.zeros((3, k))
    for sample in itertools.product(range(Q), repeat=n):
        counts = np.bincount(sample, minlength=Q) / n
        found = responses(kernel * weights, kernel * (counts - weights))
        mean += weights[list(sample)].prod() * ((found * weights) @ known.T) ** 2
    got = response.sample_constants(system, INITIAL, TIMES)
    np.testing.assert_allclose(got / n, mean, rtol=1e-10, atol=1e-14)
    assert np.all(got[0] == 0)
    assert got.max() > 1e-2


def test_they_go_on_where_the_law_as_t_goes_to_0_ends() -> None:
    system, early = system_of(GRAM), jnp.asarray([1e-7])
    at_start = onset.sample_constant(jnp.asarray(GRAM), INITIAL, MEASURE)
    found = response.sample_constants(system, INITIAL, early).sum() / 1e-14
    np.testing.assert_allclose(found, at_start, rtol=1e-5)


def test_at_late_times_what_is_learned_deviates_no_more() -> None:
    system = system_of(GRAM + np.eye(Q))
    late = jnp.asarray([1.0, 1e3, 1e6])
    assert np.all(response.sample_constants(system, INITIAL, late)[1:] < 1e-12)


def test_a_wrong_shape_is_named() -> None:
    with refused("initial has "):
        response.sample_constants(system_of(GRAM), INITIAL[:2], TIMES)
