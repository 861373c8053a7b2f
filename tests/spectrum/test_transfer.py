"""Eigenfunctions on other points, and the angles between their spans."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import points
from refusals import refused
from systems import exponential, weighted

from ntklib import kernels, measures, spectrum


@pytest.mark.parametrize(("q", "d", "seed"), [(7, 2, 0), (12, 3, 1)])
def test_extension_continues_mercers_sum(q: int, d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.5, 1.5, q)
    nodes = jnp.asarray(points(q, d, seed))
    measure = measures.empirical(nodes, jnp.asarray(weights / weights.sum()))
    system = spectrum.nystrom(kernels.rbf(nodes, nodes, 0.7), measure)
    assert float(system.values[-1] / system.values[0]) > 1e-5
    # At the nodes it changes nothing; elsewhere Σ σ φ(x) φ(x_j) is still K(x, x_j).
    at_nodes = spectrum.extension(system, kernels.rbf(nodes, nodes, 0.7))
    np.testing.assert_allclose(at_nodes, system.functions, atol=1e-10, rtol=0)
    cross = kernels.rbf(jnp.asarray(points(5, d, seed + 2)), nodes, 0.7)
    extended = spectrum.extension(system, cross)
    rebuilt = (extended.T * system.values[None]) @ system.functions
    np.testing.assert_allclose(rebuilt, cross, atol=1e-13, rtol=0)
    few = spectrum.extension(system.leading(3), cross)
    np.testing.assert_allclose(few, extended[:3], atol=1e-14, rtol=0)


def test_extension_of_nodes_on_the_circle_is_the_fourier_mode() -> None:
    coarse, fine = measures.circle(24), measures.circle(60)
    system = spectrum.nystrom(exponential(coarse.nodes, coarse.nodes), coarse, 7)
    cross = exponential(fine.nodes, coarse.nodes)
    moved = spectrum.transfer(system, cross, fine)
    # Equispaced nodes make no error, so there is nothing for Gram–Schmidt to do.
    np.testing.assert_allclose(
        moved.functions, spectrum.extension(system, cross), atol=1e-10, rtol=0
    )
    modes = spectrum.circle(exponential, fine, 7)
    for k in (1, 3, 5, 7):
        assert float(spectrum.principal_angles(modes, moved, k)[-1]) < 1e-10


@pytest.mark.parametrize("seed", [0, 1])
def test_transferred_functions_are_orthonormal_and_keep_their_spans(seed: int) -> None:
    measure = measures.circle(40)
    sample = measure.sample(jax.random.key(seed), 15)
    drawn = measures.empirical(sample)
    system = spectrum.nystrom(exponential(sample, sample), drawn, 5)
    cross = exponential(measure.nodes, sample)
    moved = spectrum.transfer(system, cross, measure)
    assert moved.measure is measure
    np.testing.assert_array_equal(moved.values, system.values)
    gram = (moved.functions * measure.weights[None]) @ moved.functions.T
    np.testing.assert_allclose(gram, np.eye(5), atol=1e-12, rtol=0)
    # Function number k is made of the first k, and turned the right way round.
    made_of = np.asarray(moved.coefficients(spectrum.extension(system, cross)))
    np.testing.assert_allclose(np.triu(made_of, 1), 0, atol=1e-12)
    assert np.all(np.diag(made_of) > 0)
    assert np.max(np.abs(made_of - np.eye(5))) > 1e-2  # there was something to do


def test_extension_refuses_what_it_cannot_extend() -> None:
    measure = measures.circle(12)
    functions = spectrum.circle(exponential, measure, 3).functions
    cross = exponential(measure.nodes[:4], measure.nodes)
    last = spectrum.Eigensystem(jnp.asarray([2.0, 1.0, 2.1e-12]), functions, measure)
    assert spectrum.extension(last, cross).shape == (3, 4)
    first = spectrum.Eigensystem(jnp.asarray([2.0, 1.0, 2e-12]), functions, measure)
    with refused(
        "system must have eigenvalues above 1e-12 of the largest, 2, to be extended, but number 3 "
        "is 2e-12: what is left of its function is rounding. Extend system.leading(2)."
    ):
        spectrum.extension(first, cross)
    with refused("cross's last axis has 11 entries and system.measure has 12: they must agree."):
        spectrum.extension(last, cross[:, :11])
    with refused("cross must have the axes (x, q), got shape (12,)."):
        spectrum.extension(last, cross[0])
    with refused("cross has 4 entries and measure has 12: they must agree."):
        spectrum.transfer(last, cross, measure)
    three = measures.circle(3)
    assert spectrum.transfer(last, cross[:3], three).functions.shape == (3, 3)
    with refused(
        "measure must have at least as many nodes as system has functions, 3, got 2: transfer "
        "system.leading(2) or take more nodes."
    ):
        spectrum.transfer(last, cross[:2], measures.empirical(three.nodes[:2]))


@pytest.mark.parametrize("angles", [(0.0, 1e-9), (1e-12, 0.3), (1.2, np.pi / 2)])
def test_principal_angles_recover_a_prescribed_rotation(angles: tuple[float, float]) -> None:
    system = weighted(np.ones(6), 9)
    a, b, c, d, e, f = system.functions
    first = spectrum.Eigensystem(jnp.ones(3), jnp.stack([a, b, c]), system.measure)
    turned = [np.cos(x) * u + np.sin(x) * v for x, u, v in zip(angles, (b, a), (d, e), strict=True)]
    # The same span in another basis, and a third function that only enters without k.
    mixed = jnp.stack([(turned[0] + turned[1]) / 2**0.5, (turned[0] - turned[1]) / 2**0.5, f])
    other = measures.empirical(system.measure.nodes, system.measure.weights, "equal nodes")
    second = spectrum.Eigensystem(jnp.ones(3), mixed, other)
    got = spectrum.principal_angles(first, second, 2)
    np.testing.assert_allclose(got, sorted(angles), rtol=1e-5, atol=5e-16)
    np.testing.assert_allclose(
        spectrum.principal_angles(first, second),
        [*sorted(angles), np.pi / 2],
        rtol=1e-5,
        atol=1e-15,
    )


def test_principal_angles_need_one_measure_and_enough_functions() -> None:
    first, second = weighted(np.ones(3), 5), weighted(np.ones(3), 5, seed=1)
    assert spectrum.principal_angles(first, first, 3).shape == (3,)
    with refused("k must be between 1 and 3, got 4."):
        spectrum.principal_angles(first, first, 4)
    with refused("first has 3 entries and second has 2: they must agree."):
        spectrum.principal_angles(first, first.leading(2))
    for other in (second, weighted(np.ones(3), 6)):
        with refused(
            "first and second must be on one measure, got 'empirical' with 5 nodes and 'empirical' "
            f"with {other.functions.shape[1]}: compute both on the same nodes."
        ):
            spectrum.principal_angles(first, other)
