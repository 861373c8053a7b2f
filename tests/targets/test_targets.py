"""Targets take the values of the special functions they are made of, and are orthogonal."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import points
from refusals import refused
from scipy import special

from ntklib import measures, targets


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_fourier_sum_is_its_formula(dtype: Any) -> None:
    theta = np.linspace(-3.0, 9.0, 24).reshape(4, 6)
    x = measures.points_at(jnp.asarray(theta)).astype(dtype)
    got = targets.FourierSum((0, 1, 5), (0.5, 2.0, -1.0), (0.0, 0.3, -2.0))(x)
    expected = 0.5 + 2 * np.cos(theta - 0.3) - np.cos(5 * theta + 2)
    assert got.dtype == dtype
    np.testing.assert_allclose(got, expected, atol=100 * np.finfo(dtype).eps, rtol=0)
    plain = targets.FourierSum([1, 5], [2.0, -1.0])(x)
    np.testing.assert_allclose(
        plain, 2 * np.cos(theta) - np.cos(5 * theta), atol=100 * np.finfo(dtype).eps, rtol=0
    )


@pytest.mark.parametrize("k", [0, 1, 2, 3, 8, 25])
def test_gegenbauer_polynomials_are_those_of_scipy(k: int) -> None:
    t = np.linspace(-1, 1, 41).reshape(1, 41)
    for d in (2, 3, 5, 10):
        got = targets.gegenbauer(k, d, jnp.asarray(t))
        if d == 2:
            expected = special.eval_chebyt(k, t)
        else:
            index = (d - 2) / 2
            expected = special.eval_gegenbauer(k, index, t) / special.eval_gegenbauer(k, index, 1.0)
        np.testing.assert_allclose(got, expected, atol=2e-14, rtol=0)
    np.testing.assert_allclose(
        targets.gegenbauer(k, 3, jnp.asarray(t)), special.eval_legendre(k, t), atol=2e-14, rtol=0
    )


def test_gegenbauer_polynomials_are_smooth_at_0() -> None:
    """Where the recurrence passes from P_k(t) to (−1)ᵏ P_k(−t)."""
    for k in range(6):
        slope = jax.grad(lambda t, k=k: targets.gegenbauer(k, 3, t))(jnp.zeros(()))
        expected = float(special.legendre(k).deriv()(0.0))
        assert float(slope) == pytest.approx(expected, abs=1e-13)


def test_zonal_sum_is_its_formula() -> None:
    directions = points(2, 4) / np.linalg.norm(points(2, 4), axis=1, keepdims=True)
    x = points(5, 4, seed=1)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    target = targets.ZonalSum((1, 3), (2.0, -0.5), directions)
    third = special.eval_gegenbauer(3, 1.0, x @ directions[1]) / special.eval_gegenbauer(
        3, 1.0, 1.0
    )
    expected = 2 * x @ directions[0] - 0.5 * third
    np.testing.assert_allclose(target(jnp.asarray(x)), expected, atol=1e-14, rtol=0)
    assert target(jnp.asarray(x).reshape(1, 5, 4)).shape == (1, 5)


def test_fourier_modes_are_orthogonal() -> None:
    measure = measures.circle(32)
    modes = jnp.stack(
        [
            targets.FourierSum((k,), (1.0,), (phase,))(measure.nodes)
            for k in (1, 2, 7)
            for phase in (0.0, np.pi / 2)
        ]
    )
    gram = measure.inner(modes[:, None, :], modes[None, :, :])
    np.testing.assert_allclose(gram, np.eye(6) / 2, atol=1e-14, rtol=0)


@pytest.mark.parametrize("d", [2, 3, 4])
def test_zonal_harmonics_reproduce(d: int) -> None:
    r"""Different degrees are orthogonal; within one, ⟨P_k(ζ·), P_k(η·)⟩ = P_k(⟨ζ,η⟩)/N(d, k)."""
    measure = measures.sphere(d, 10)
    zeta, eta = points(2, d) / np.linalg.norm(points(2, d), axis=1, keepdims=True)
    for k in range(5):
        dimension = (
            special.comb(k + d - 1, d - 1) - special.comb(k + d - 3, d - 1) if k > 1 else d**k
        )
        for j in range(5):
            a = targets.ZonalSum((k,), (1.0,), zeta[None])(measure.nodes)
            b = targets.ZonalSum((j,), (1.0,), eta[None])(measure.nodes)
            expected = float(targets.gegenbauer(k, d, jnp.asarray(zeta @ eta))) / dimension
            assert float(measure.inner(a, b)) == pytest.approx(expected * (k == j), abs=1e-13)


def test_sinusoids_against_numpy() -> None:
    x = np.linspace(0.0, 1.0, 17)
    expected = 2.0 * np.sin(2 * np.pi * 3 * x + 0.4) - 0.5 * np.sin(2 * np.pi * 7 * x - 1.0)
    got = targets.SinusoidSum((3, 7), (2.0, -0.5), (0.4, -1.0))(jnp.asarray(x)[:, None])
    np.testing.assert_allclose(got, expected, atol=1e-14, rtol=0)
    plain = targets.SinusoidSum((3,), (2.0,))(jnp.asarray(x).reshape(1, 17, 1))
    assert plain.shape == (1, 17)
    np.testing.assert_allclose(plain[0], 2.0 * np.sin(2 * np.pi * 3 * x), atol=1e-14, rtol=0)
    single = targets.SinusoidSum((3,), (2.0,))(jnp.asarray(x, jnp.float32)[:, None])
    assert single.dtype == jnp.float32


@pytest.mark.parametrize("q", [15, 40])
def test_learned_shares_find_each_sinusoid(q: int) -> None:
    """Of a function made of known parts of the sinusoids, and of what isn't in the target."""
    target = targets.SinusoidSum((2, 3, 7), (1.0, -0.3, 0.1), (0.3, 1.0, -2.0))
    x = jnp.arange(q, dtype=float) / q
    parts = np.asarray([0.25, 1.0, -1.5])
    amplitudes = (parts * (1.0, -0.3, 0.1)).tolist()
    mixed = targets.SinusoidSum((2, 3, 7), amplitudes, (0.3, 1.0, -2.0))(x[:, None])
    other = 3.0 + 2.0 * jnp.cos(2 * jnp.pi * 5 * x)
    shares = target.learned_shares(jnp.stack([mixed + other, 0 * mixed]))
    np.testing.assert_allclose(shares, [parts, 0 * parts], atol=1e-12, rtol=0)


@pytest.mark.parametrize("shift", [0.0, np.pi / 3, np.pi / 2, np.pi])
def test_wrong_phase_counts_as_little_as_it_helps(shift: float) -> None:
    target = targets.SinusoidSum((4,), (0.7,), (0.2,))
    x = jnp.arange(32, dtype=float)[:, None] / 32
    moved = targets.SinusoidSum((4,), (0.7,), (0.2 + shift,))(x)
    np.testing.assert_allclose(target.learned_shares(moved), [np.cos(shift)], atol=1e-12)


def test_bad_arguments_are_refused() -> None:
    fourier: Any = targets.FourierSum
    sinusoids: Any = targets.SinusoidSum
    zonal: Any = targets.ZonalSum
    up = np.asarray([[0.0, 0.0, 1.0]])
    with refused("frequencies is empty: give at least one entry, such as (1, 2)."):
        fourier((), ())
    with refused("frequencies[1] must be at least 0, got -2."):
        fourier((1, -2), (1.0, 1.0))
    with refused("frequencies[0] must be a whole number, got 1.5.", TypeError):
        fourier((1.5,), (1.0,))
    with refused("amplitudes has 1 entries and frequencies has 2: they must agree."):
        fourier((1, 2), (1.0,))
    with refused("amplitudes holds 1 NaN or infinite value(s) among 2"):
        fourier((1, 2), (1.0, float("nan")))
    with refused("phases has 1 entries and frequencies has 2: they must agree."):
        fourier((1, 2), (1.0, 1.0), (0.5,))
    with refused(
        "x must lie on the unit sphere, but one has norm 2: divide each point by its norm."
    ):
        fourier((1,), (1.0,))(jnp.asarray([[0.0, 2.0]]))
    with refused("degrees[0] must be at least 0, got -1."):
        zonal((-1,), (1.0,), up)
    with refused("directions has 1 entries and degrees has 2: they must agree."):
        zonal((1, 2), (1.0, 1.0), up)
    with refused("directions must have the axes (terms, d), got shape (3,)."):
        zonal((1,), (1.0,), up[0])
    with refused("directions must lie on the unit sphere, but one has norm 3"):
        zonal((1,), (1.0,), 3 * up)
    with refused("directions must hold real floating-point numbers, got dtype int64.", TypeError):
        zonal((1,), (1.0,), np.asarray([[0, 0, 1]]))
    with refused("x must lie on the unit sphere, but one has norm 0.5"):
        zonal((1,), (1.0,), up)(jnp.asarray([[0.0, 0.5, 0.0]]))
    with refused("degree must be at least 0, got -1."):
        targets.gegenbauer(-1, 3, jnp.zeros(1))
    with refused("d must be at least 2, got 1."):
        targets.gegenbauer(1, 1, jnp.zeros(1))
    with refused("frequencies[0] must be at least 1, got 0."):
        sinusoids((0,), (1.0,))
    with refused("phases has 1 entries and frequencies has 2: they must agree."):
        sinusoids((1, 2), (1.0, 1.0), (0.5,))
    with refused("values has 14 nodes on its last axis, on which frequency 7 looks like 7"):
        sinusoids((2, 7), (1.0, 1.0)).learned_shares(jnp.zeros(14))
    with refused("values has 9 nodes on its last axis, on which frequency 7 looks like 2: take"):
        sinusoids((2, 7), (1.0, 1.0)).learned_shares(jnp.zeros(9))
    with refused("amplitudes holds a 0, which has no share to be learned: leave it out."):
        sinusoids((2, 7), (1.0, 0.0)).learned_shares(jnp.zeros(15))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_labels_are_those_of_the_points(dtype: Any) -> None:
    x, y = points(6, 4), np.arange(6.0)
    target = targets.Labels(jnp.asarray(x), jnp.asarray(y))
    order = np.array([[5, 0, 3], [3, 1, 2]])
    got = target(jnp.asarray(x[order], dtype))
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, y[order])
    jitted = jax.jit(jax.vmap(target))(jnp.asarray(x[order]))
    np.testing.assert_array_equal(jitted, y[order])


def test_labels_of_points_that_are_there_twice() -> None:
    x = jnp.asarray(points(4, 3))
    with refused("points must be different, but 2 of 6 are there before"):
        targets.Labels(jnp.concatenate([x, x[1:3]]), jnp.arange(6.0))
    with refused("values has 3 entries and points has 4"):
        targets.Labels(x, jnp.arange(3.0))
