"""Projections without nodes against quadrature, adaptive integration and known expansions."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import points
from refusals import refused
from scipy import integrate, special

from ntklib import dynamics, measures, networks, spectrum
from ntklib.learning import zonal

D = 3
RULE = measures.sphere(D, 40)


def directions(count: int, d: int, seed: int = 0) -> np.ndarray:
    found = points(count, d, seed=seed)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


HARMONICS = zonal.Harmonics((0, 1, 2, 3, 4), directions(5, D))


def projections(values: Any) -> np.ndarray:
    """⟨g, φ_j⟩ by the rule."""
    return np.asarray(values) * np.asarray(RULE.weights) @ np.asarray(HARMONICS(RULE.nodes)).T


def test_harmonics_are_normalized_and_orthogonal() -> None:
    phi = HARMONICS(RULE.nodes)
    np.testing.assert_allclose((phi * RULE.weights[None, :]) @ phi.T, np.eye(5), atol=1e-13)
    x = RULE.nodes[:7]
    legendre = [
        np.sqrt(2 * k + 1) * special.eval_legendre(k, x @ z)
        for k, z in enumerate(HARMONICS.directions)
    ]
    np.testing.assert_allclose(HARMONICS(x), legendre, atol=1e-13)
    # Of one degree, they reproduce: ⟨φ_ζ, φ_η⟩ = P_k(⟨ζ, η⟩).
    two = zonal.Harmonics((4, 4), directions(2, D))(RULE.nodes)
    cosine = float(directions(2, D)[0] @ directions(2, D)[1])
    assert float(RULE.inner(two[0], two[1])) == pytest.approx(
        special.eval_legendre(4, cosine), abs=1e-13
    )


def test_a_target_is_the_sum_of_its_harmonics() -> None:
    weights = (1.0, -2.0, 0.0, 3.0, 5.0)
    target = HARMONICS.target(weights)
    np.testing.assert_allclose(projections(target(RULE.nodes)), weights, atol=1e-12)
    with refused("weights has 1 entries and degrees has 5: they must agree."):
        HARMONICS.target((1.0,))
    with refused("directions must lie on the unit sphere"):
        zonal.Harmonics((1,), np.ones((1, 3)))


@pytest.mark.parametrize(("activation", "biases"), [("erf", True), ("gelu", False), ("tanh", True)])
def test_projections_of_smooth_networks_are_those_of_quadrature(
    activation: str, biases: bool
) -> None:
    network = networks.fully_connected(D, (6,), activation, biases=biases)
    params = jax.vmap(network.init)(jax.random.split(jax.random.key(1), 4))
    values = jax.vmap(lambda theta: network.apply(theta, RULE.nodes))(params)
    found = zonal.of_network(params, activation, HARMONICS)
    assert found.shape == (4, 5)
    np.testing.assert_allclose(found, projections(values), atol=1e-8)


@pytest.mark.parametrize("d", [3, 10])
@pytest.mark.parametrize("biases", [False, True])
def test_projections_of_relu_networks_are_those_of_adaptive_integration(
    d: int, *, biases: bool
) -> None:
    network = networks.fully_connected(d, (3,), "relu", biases=biases)
    params = network.init(jax.random.key(2))
    # Directions at right angles to nothing in particular; one degree at a time.
    harmonics = zonal.Harmonics((0, 1, 2, 3, 4), directions(5, d, seed=4))
    w, v = np.asarray(params[0]["weight"]), np.asarray(params[1]["weight"])
    b = np.asarray(params[0].get("bias", np.zeros(3)))
    half = (d - 3) / 2
    expected = np.zeros(5)
    for weight, out, bias in zip(w, v, b, strict=True):
        norm = np.linalg.norm(weight)
        slope = norm / np.sqrt(d)
        kink = np.clip(-bias / slope, -1, 1)
        for j, k in enumerate(harmonics.degrees):

            def integrand(t: float, k: int = k, slope: float = slope, bias: float = bias) -> float:
                zonal_value = special.eval_gegenbauer(k, d / 2 - 1, t) / special.eval_gegenbauer(
                    k, d / 2 - 1, 1.0
                )
                return max(slope * t + bias, 0.0) * zonal_value * (1 - t**2) ** half

            area = integrate.quad(lambda t: (1 - t**2) ** half, -1, 1)[0]
            factor = integrate.quad(integrand, kink, 1, epsabs=1e-13)[0] / area
            at = harmonics(jnp.asarray(weight / norm)[None])[j, 0]
            expected[j] += out * factor * float(at) / np.sqrt(3)
    expected[0] += float(params[1].get("bias", 0.0))
    np.testing.assert_allclose(zonal.of_network(params, "relu", harmonics), expected, atol=1e-10)


def test_no_relu_network_without_biases_has_odd_harmonics_from_degree_3_on() -> None:
    """ω(u) = (u + |u|)/2: a linear function and an even one."""
    network = networks.fully_connected(10, (20,), "relu")
    params = network.init(jax.random.key(0))
    harmonics = zonal.Harmonics((1, 2, 3, 4, 5, 7), directions(6, 10))
    found = np.abs(zonal.of_network(params, "relu", harmonics))
    assert found[[0, 1, 3]].min() > 1e-4
    assert found[[2, 4, 5]].max() < 1e-13


def test_antisymmetric_networks_are_projected_as_a_difference() -> None:
    network = networks.antisymmetric(networks.fully_connected(D, (6,), "erf"))
    params = network.init(jax.random.key(1))
    np.testing.assert_allclose(zonal.of_network(params, "erf", HARMONICS), 0, atol=1e-15)
    # Both halves start from the same layers: change a copy of one.
    params["plus"] = [params["plus"][0], {"weight": params["plus"][1]["weight"] + 1.0}]
    found = zonal.of_network(params, "erf", HARMONICS)
    np.testing.assert_allclose(found, projections(network.apply(params, RULE.nodes)), atol=1e-8)
    assert np.abs(found[1]) > 1e-3
    deep = networks.fully_connected(D, (4, 4), "erf").init(jax.random.key(0))
    with refused("params must be those of networks.fully_connected with one hidden layer"):
        zonal.of_network(deep, "erf", HARMONICS)


def test_the_flow_of_a_kernel_is_projected_without_nodes() -> None:
    kernel = networks.fully_connected(D, (1,), "erf", biases=True).kernel
    sample = RULE.sample(jax.random.key(0), 12)
    labels = HARMONICS.target((0.0, 1.0, 1.0, 0.5, 2.0))(sample)
    gram, times = kernel(sample, sample), jnp.asarray([0.0, 1.0, 30.0, 1e4])
    sigma = spectrum.funk_hecke(kernel, D, 4)
    on_sample, along = zonal.kernel_flow(kernel, sigma, labels, HARMONICS, times, sample=sample)
    everywhere = dynamics.kernel_flow(
        gram, kernel(RULE.nodes, sample), -labels, jnp.zeros(len(RULE.nodes)), times
    )
    np.testing.assert_allclose(along, projections(everywhere), atol=1e-9)
    expected = dynamics.kernel_flow(gram, gram, -labels, -labels, times)
    np.testing.assert_allclose(on_sample, expected, atol=1e-12)
    with refused("eigenvalues must reach degree 4, but end with 3: use spectrum.funk_hecke"):
        zonal.kernel_flow(kernel, sigma[:4], labels, HARMONICS, times, sample=sample)


def test_a_wide_network_and_the_kernel_learn_the_same_harmonics() -> None:
    """K₀ of a wide network, its flow projected by neurons, and by the kernel's eigenvalues."""
    network = networks.antisymmetric(networks.fully_connected(D, (4096,), "relu"))
    params = network.init(jax.random.key(0))
    sample = RULE.sample(jax.random.key(1), 6)
    labels = HARMONICS.target((0.0, 1.0, 1.0, 0.0, 0.0))(sample)
    found = dynamics.gradient_descent(
        network, params, labels, RULE, np.asarray([20]), optimizer=0.1, sample=sample,
        keep_params=True,
    )  # fmt: skip
    _, expected = zonal.kernel_flow(
        network.kernel, spectrum.funk_hecke(network.kernel, D, 4), labels, HARMONICS,
        jnp.asarray([2.0]), sample=sample,
    )  # fmt: skip
    got = zonal.of_network(found.params, "relu", HARMONICS)
    np.testing.assert_allclose(got, expected, atol=0.1 * float(expected.max()))


def test_profiles_have_their_known_expansions() -> None:
    # t⁴ in three dimensions: (1/5)P₀ + (4/7)P₂ + (8/35)P₄.
    found = zonal.of_profile(lambda t: t**4, 3, 6)
    expected = np.array([1 / 5, 0, 4 / 7, 0, 8 / 35, 0, 0]) / np.sqrt(2 * np.arange(7) + 1)
    np.testing.assert_allclose(found, expected, atol=1e-14)
    for d in (2, 5, 10):
        waves = zonal.of_profile(lambda t: jnp.cos(4 * t), d, 20)
        constant = zonal.of_profile(lambda t: jnp.cos(4 * t) ** 2, d, 0)[0]
        assert np.sum(waves**2) == pytest.approx(constant, abs=1e-12)
        assert np.abs(waves[1::2]).max() < 1e-14


def test_shares_are_those_of_the_terms() -> None:
    rng = np.random.default_rng(0)
    measure = measures.empirical(jnp.asarray(directions(50, 4)), name="drawn")
    terms = jnp.asarray(rng.standard_normal((3, 50)))
    wanted = jnp.asarray(rng.uniform(size=(2, 4, 3)))
    rest = rng.standard_normal((2, 4, 50))
    rest -= (rest @ np.linalg.pinv(np.asarray(terms))) @ np.asarray(terms)
    found = zonal.shares((wanted - 1) @ terms + rest, terms, measure)
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    np.testing.assert_allclose(zonal.shares(-terms.sum(axis=0), terms, measure), 0, atol=1e-12)
    with refused("terms must be linearly independent on the 50 nodes of 'drawn'"):
        zonal.shares(terms[0], jnp.stack([terms[0], 2 * terms[0]]), measure)
