"""Kernels along a flow, against a loop over draws and times and sums written out."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from refusals import refused

from ntklib import dynamics, kernels, measures, networks
from ntklib.targets import FourierSum

CIRCLE = measures.circle(10)
TARGET = FourierSum((1, 2), (1.0, 0.5))
TIMES = jnp.asarray([0.0, 0.5, 2.0])
NETWORK = networks.fully_connected(2, (6,), biases=True)
DRAWS = 2
PARAMS = jax.vmap(NETWORK.init)(jax.random.split(jax.random.key(0), DRAWS))
FLOWS = dynamics.gradient_flow(
    NETWORK, PARAMS, TARGET, CIRCLE, TIMES, draws=True, keep_params=True, progress=False
)
WEIGHTS = np.random.default_rng(0).dirichlet(np.ones(7))
UNEQUAL = dataclasses.replace(measures.circle(7), weights=jnp.asarray(WEIGHTS))


@pytest.mark.parametrize("network", [NETWORK, NETWORK.apply], ids=["layers", "apply"])
def test_it_is_a_loop_of_empirical_kernels(network: Any) -> None:
    along = dynamics.kernels_along(network, FLOWS, UNEQUAL, target=TARGET, leading=3)
    nodes, w = np.asarray(UNEQUAL.nodes), WEIGHTS
    y = np.asarray(TARGET(UNEQUAL.nodes))
    np.testing.assert_array_equal(along.times, TIMES)
    for draw in range(DRAWS):
        grams = [
            np.asarray(
                kernels.empirical(NETWORK, FLOWS.draw(draw).params_at(index), jnp.asarray(nodes))
            )
            for index in range(len(TIMES))
        ]
        for index, gram in enumerate(grams):
            # The operator itself, whose matrix diag(w) isn't symmetric with.
            values = np.sort(np.linalg.eigvals(gram * w).real)[::-1][:3]
            np.testing.assert_allclose(along.eigenvalues[draw, index], values, rtol=1e-9)
            norm = np.sqrt(w @ gram**2 @ w)
            np.testing.assert_allclose(along.norms[draw, index], norm, rtol=1e-12)
            moved = np.sqrt(w @ (gram - grams[0]) ** 2 @ w)
            np.testing.assert_allclose(along.distances[draw, index], moved, rtol=1e-9, atol=0)
            image = gram @ (w * y)
            cosine = (w * y) @ image / (norm * (w @ y**2))
            assert along.alignments is not None
            np.testing.assert_allclose(along.alignments[draw, index], cosine, rtol=1e-11)
    assert np.all(along.distances[:, 1:] > 0)
    assert along.distances[:, 0].tolist() == [0.0] * DRAWS


def test_one_draw_labels_and_budget() -> None:
    single = dynamics.kernels_along(
        NETWORK, FLOWS.draw(1), CIRCLE, target=TARGET(CIRCLE.nodes), memory_budget=10_000
    )
    several = dynamics.kernels_along(NETWORK, FLOWS, CIRCLE, target=TARGET)
    for name in ("eigenvalues", "norms", "distances", "alignments"):
        one, all_draws = getattr(single, name), getattr(several, name)
        assert one.shape == all_draws.shape[1:]
        np.testing.assert_allclose(one, all_draws[1], rtol=1e-9, atol=1e-12)
    assert repr(several) == "KernelsAlong(draws=2, s=3, t 0 to 2, 10 eigenvalues, alignments)"
    without = dynamics.kernels_along(NETWORK, FLOWS.draw(1), CIRCLE, leading=99)
    assert without.alignments is None
    assert without.eigenvalues.shape == (3, 10)  # all there are


def test_what_is_refused() -> None:
    bare = dynamics.Trajectory(FLOWS.times, FLOWS.residuals, None, FLOWS.steps)
    with refused("integrate with keep_params=True"):
        dynamics.kernels_along(NETWORK, bare, CIRCLE)
    with refused("target is 0 at all nodes"):
        dynamics.kernels_along(NETWORK, FLOWS, CIRCLE, target=jnp.zeros(10))
    with refused("target has 4 entries and measure.nodes has 10"):
        dynamics.kernels_along(NETWORK, FLOWS, CIRCLE, target=jnp.ones(4))
    with refused("leading must be at least 1"):
        dynamics.kernels_along(NETWORK, FLOWS, CIRCLE, leading=0)
    with refused("memory_budget"):
        dynamics.kernels_along(NETWORK, FLOWS, CIRCLE, memory_budget=10)
    with refused("network must have one output"):
        dynamics.kernels_along(lambda theta, x: x @ theta[0]["weight"].T, FLOWS, CIRCLE)
