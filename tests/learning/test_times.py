"""Half times of known curves, and the order of half times against SciPy."""

import jax.numpy as jnp
import numpy as np
import pytest
from refusals import refused
from scipy.stats import kendalltau, somersd

from ntklib import learning


def test_half_times_of_exponentials() -> None:
    times = np.linspace(0.0, 5.0, 501)
    rates = np.asarray([[2.0, 1.0, 0.1], [0.5, 3.0, 1e-3]])
    shares = 1 - np.exp(-rates[:, None] * times[:, None])
    exact = np.log(2) / rates
    found = learning.half_times(times, jnp.asarray(shares))
    assert found.shape == (2, 3)
    np.testing.assert_array_equal(np.isinf(found), exact > 5.0)
    late = found - exact
    assert np.all((late[exact <= 5.0] >= 0) & (late[exact <= 5.0] < 0.01 + 1e-9))


def test_the_first_time_counts_and_one_half_is_enough() -> None:
    shares = np.asarray([[0.0, 0.5, 0.6], [0.5, 0.4, 0.49], [0.2, 0.9, 0.4]])
    np.testing.assert_array_equal(learning.half_times([1, 2, 4], shares), [2, 1, 1])
    np.testing.assert_array_equal(learning.half_times([1, 2, 4], shares - 0.2), [np.inf, 4, np.inf])
    with refused("times has 2 entries and shares' second axis from the end has 3"):
        learning.half_times([1, 2], shares)


def test_order_without_gaps_is_kendalls_tau() -> None:
    halves = np.random.default_rng(0).permuted(np.tile(np.arange(1.0, 9.0), (20, 1)), axis=1)
    expected = [kendalltau(np.arange(8), row).statistic for row in halves]
    np.testing.assert_allclose(learning.order(halves), expected, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(learning.order(np.asarray([[1.0, 2, 3], [3, 2, 1]])), [1, -1])


@pytest.mark.parametrize("known", [2, 4, 7])
def test_order_with_unknown_half_times_is_somers_d(known: int) -> None:
    random = np.random.default_rng(known)
    for _ in range(5):
        halves = np.full(8, np.inf)
        halves[random.permutation(8)[:known]] = random.permutation(known) + 1.0
        expected = somersd(halves, np.arange(8))
        assert learning.order(halves) == pytest.approx(expected.statistic, abs=1e-15)


def test_ties_are_compared_and_unknown_pairs_are_not() -> None:
    assert learning.order(np.asarray([2.0, 2.0, 2.0])) == 0
    assert learning.order(np.asarray([2.0, 2.0, 5.0])) == pytest.approx(2 / 3)
    assert learning.order(np.asarray([3.0, np.inf, np.inf])) == 1
    assert learning.order(np.asarray([np.inf, np.inf, 3.0])) == -1
    assert np.isnan(learning.order(np.full(3, np.inf)))
