"""Distributions with a density that is constant on arcs, and norms of functions arc by arc."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from refusals import refused
from scipy import stats

from ntklib import dynamics, learning, measures, spectrum
from ntklib.measures import arcs


def turns(points: jax.Array, q: int) -> np.ndarray:
    """Returns the part of the circle counterclockwise from where arc 0 begins, in [0, 1)."""
    angles = np.asarray(measures.angles_of(points), float)
    return (angles / (2 * np.pi) + 0.5 / q) % 1


@pytest.mark.parametrize("q", [12, 60])
@pytest.mark.parametrize("densities", [(1.0, 2.0, 9.0), (3.0, 1.0), (5.0,)])
def test_weights_are_the_mass_of_the_cells(densities: tuple[float, ...], q: int) -> None:
    measure = arcs.circle(densities, q)
    relative = np.asarray(densities) / np.mean(densities)
    at = (turns(measure.nodes, q) * len(densities)).astype(int)
    np.testing.assert_allclose(measure.weights, relative[at] / q, rtol=1e-14)
    np.testing.assert_allclose(jnp.sum(measure.weights), 1.0, rtol=1e-14)
    np.testing.assert_array_equal(measure.nodes, measures.circle(q).nodes)
    # A node is in the middle of its cell: no arc's border comes closer than half a spacing.
    inside = (turns(measure.nodes, q) * q) % 1
    np.testing.assert_allclose(inside, 0.5, atol=1e-12, rtol=0)


def test_one_arc_is_the_uniform_circle() -> None:
    measure, uniform = arcs.circle((4.0,), 30), measures.circle(30)
    np.testing.assert_allclose(measure.weights, uniform.weights, rtol=1e-15)
    wave = jnp.cos(3 * measures.angles_of(uniform.nodes))
    np.testing.assert_allclose(measure.norm(wave), uniform.norm(wave), rtol=1e-14)


@pytest.mark.parametrize("seed", [0, 1])
def test_samples_follow_the_density(seed: int) -> None:
    densities, n, q = np.asarray([1.0, 6.0, 2.0, 3.0]), 20_000, 8
    measure = arcs.circle(densities, q)
    drawn = measure.sample(jax.random.key(seed), n)
    assert drawn.shape == (n, 2)
    np.testing.assert_allclose(jnp.sum(drawn**2, axis=1), 1.0, atol=1e-12, rtol=0)
    place = turns(drawn, q) * 4
    counts = np.bincount(place.astype(int), minlength=4)
    assert stats.chisquare(counts, n * densities / densities.sum()).pvalue > 1e-3
    for arc in range(4):
        within = place[place.astype(int) == arc] - arc
        assert stats.kstest(within, "uniform").pvalue > 1e-3
    assert not np.array_equal(drawn[:9], measure.sample(jax.random.key(seed + 2), 9))


def test_the_rule_has_the_error_of_a_midpoint_rule() -> None:
    # ∫ sin θ dρ over the arcs of densities 3/2 and 1/2, cut at ∓ half a spacing.
    errors = []
    for q in (16, 32, 64):
        measure = arcs.circle((3.0, 1.0), q)
        exact = np.cos(np.pi / q) * (1.5 - 0.5) / np.pi
        errors.append(abs(float(measure.weights @ measure.nodes[:, 1]) - exact))
    np.testing.assert_allclose(np.diff(np.log2(errors)), -2.0, atol=0.02)


def test_norms_arc_by_arc() -> None:
    q, count = 48, 4
    g = np.random.default_rng(0).standard_normal((2, 3, q))
    found = arcs.norms(jnp.asarray(g), count)
    assert found.shape == (2, 3, count)
    first = np.asarray(turns(measures.circle(q).nodes, q) * count, int)
    for arc in range(count):
        part = g[..., first == arc]
        np.testing.assert_allclose(found[..., arc] ** 2, np.mean(part**2, axis=-1), rtol=1e-13)
    # With equal arcs their mean square is that of the whole circle, whatever the density.
    whole = measures.circle(q).norm(jnp.asarray(g))
    np.testing.assert_allclose(jnp.mean(found**2, axis=-1), whole**2, rtol=1e-13)


def test_a_wave_is_learned_at_the_rate_of_the_local_density() -> None:
    """With K = (1 − |θ|/π)/2 + …, frequency k of density p decays like exp(−pt/(πk)²)."""
    q, k, densities = 300, 30, np.asarray([1.0, 4.0, 2.0])
    measure = arcs.circle(densities, q)
    gap = jnp.arccos(jnp.clip(measure.nodes @ measure.nodes.T, -1, 1))
    system = spectrum.nystrom((1 + jnp.cos(gap)) * (jnp.pi - gap) / (2 * jnp.pi), measure)
    wave = jnp.cos(k * measures.angles_of(measure.nodes))
    times = jnp.geomspace(1.0, 1e5, 600)
    left = arcs.norms(dynamics.ideal_flow(system, -wave, times), 3)
    halves = learning.half_times(times, 1 - left / arcs.norms(wave, 3)[None])
    expected = np.log(2) * (np.pi * k) ** 2 / (densities / densities.mean())
    np.testing.assert_allclose(halves, expected, rtol=0.06)


def test_bad_arguments_are_refused() -> None:
    assert arcs.circle((1.0, 2.0), 4).weights.shape == (4,)
    with refused("nodes must be a multiple of the 2 arcs, got 5: take 6."):
        arcs.circle((1.0, 2.0), 5)
    with refused("nodes must be at least 3, got 2."):
        arcs.circle((1.0, 2.0), 2)
    with refused("densities must be positive, got a least of 0: ρ has to reach every arc."):
        arcs.circle((1.0, 0.0), 4)
    with refused("densities holds 1 NaN or infinite value(s) among 2"):
        arcs.circle((1.0, np.inf), 4)
    with refused("densities must have the axes (arcs), got shape (1, 2)."):
        arcs.circle(np.ones((1, 2)), 4)
    with refused("densities must hold real floating-point numbers, got dtype int64.", TypeError):
        arcs.circle((1, 2), 4)
    with refused("arcs must be at least 1, got 0."):
        arcs.norms(jnp.ones(4), 0)
    with refused("nodes must be a multiple of the 3 arcs, got 4: take 6."):
        arcs.norms(jnp.ones(4), 3)
    with jax.enable_x64(False), refused("A quadrature rule needs float64"):
        arcs.circle((1.0, 2.0), 4)
