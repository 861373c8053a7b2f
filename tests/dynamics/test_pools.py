"""A pool's kernel is the mean of its networks' kernels, and padding changes no flow."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from refusals import refused

from ntklib import dynamics, kernels, measures, networks, targets
from ntklib.dynamics import pools
from ntklib.networks import Network

WIDEST, POOLS = 6, 2
CIRCLE = measures.circle(8)
TARGET = targets.FourierSum((0, 1), (0.5, 0.5))
TIMES = jnp.asarray([0.1, 1.0])
KEYS = jax.random.split(jax.random.key(3), POOLS)


def network(m: int) -> Network:
    return networks.antisymmetric(networks.fully_connected(2, (m,), "tanh", biases=True))


@pytest.mark.parametrize("m", [2, 3])
def test_the_kernel_of_a_pool_is_the_mean_over_its_networks(m: int) -> None:
    """In NTK scaling, by the factors 1/√M and 1/√m that the networks have themselves."""
    wide = jax.vmap(network(WIDEST).init)(KEYS)
    narrow = pools.cut(wide, m)
    copies = WIDEST // m
    for pool in range(POOLS):
        theta = jax.tree.map(lambda leaf, pool=pool: leaf[pool], wide)
        parts = [
            kernels.empirical(
                network(m), jax.tree.map(lambda leaf, i=i: leaf[i], narrow), CIRCLE.nodes
            )
            for i in range(pool * copies, (pool + 1) * copies)
        ]
        whole = kernels.empirical(network(WIDEST), theta, CIRCLE.nodes)
        np.testing.assert_allclose(np.mean(parts, axis=0), whole, rtol=1e-12)


def test_flows_are_those_of_each_network_by_itself() -> None:
    """Trained on its own points, on the pool's first ones, or on ρ, with no point repeated."""
    m, size = 3, 12
    on_all = measures.circle(size).nodes

    def found(n: int | None) -> jax.Array:
        return pools.flows(
            network, TARGET, CIRCLE, TIMES, KEYS, m=m, widest=WIDEST, points=on_all, n=n,
            progress=False,
        )  # fmt: skip

    runs = {n: found(n) for n in (size, 4, None)}
    for (pool, key), index in itertools.product(enumerate(KEYS), range(2)):
        neurons, points = jax.random.split(key)
        theta = jax.tree.map(lambda leaf: leaf[None], network(WIDEST).init(neurons))
        own = jax.tree.map(lambda leaf, i=index: leaf[i], pools.cut(theta, m))
        drawn = CIRCLE.sample(points, 2 * size)
        samples = {size: drawn[index * size :][:size], 4: drawn[:4], None: on_all}
        for n, sample in samples.items():
            alone = dynamics.gradient_flow(
                network(m), own, TARGET, CIRCLE, TIMES, sample=sample, progress=False
            )
            np.testing.assert_allclose(runs[n][pool, index], alone.residuals, atol=1e-5)
    assert runs[size].shape == (POOLS, 2, 2, 8)
    for run in runs.values():  # no two networks and no two samples are alike
        assert jnp.abs(run[0] - run[1]).max() > 0.01
        assert jnp.abs(run[:, 0] - run[:, 1]).max() > 0.01


@pytest.mark.parametrize("m", [1, 3, WIDEST])
def test_an_adjustable_network_is_the_narrow_one(m: int) -> None:
    """Its kernel and its flow are those of the first m neurons by themselves, also when cut."""
    plain = networks.fully_connected(2, (WIDEST,), "tanh", biases=True)
    wide = networks.antisymmetric(pools.adjustable(plain))
    assert pools.adjustable(plain) is pools.adjustable(plain)
    params = pools.narrowed(jax.vmap(wide.init)(KEYS), m)
    own = {
        half: [
            {name: leaf[:, :m] if leaf.ndim > 1 else leaf for name, leaf in layer.items()}
            for layer in params[half]["layers"]
        ]
        for half in ("plus", "minus")
    }
    sample = CIRCLE.sample(KEYS[0], 2 * 5).reshape(2, 5, 2)
    found, expected = (
        dynamics.gradient_flow(
            each, theta, TARGET, CIRCLE, TIMES, sample=sample, draws=True, progress=False
        )
        for each, theta in ((wide, params), (network(m), own))
    )
    np.testing.assert_allclose(found.residuals, expected.residuals, atol=1e-5)
    for draw in range(POOLS):
        ours, theirs = (jax.tree.map(lambda leaf, i=draw: leaf[i], each) for each in (params, own))
        np.testing.assert_allclose(
            kernels.empirical(wide, ours, CIRCLE.nodes),
            kernels.empirical(network(m), theirs, CIRCLE.nodes),
            rtol=1e-12,
        )
    cut = pools.cut(params, 3)["plus"]["factors"]
    assert cut.shape == (2 * POOLS, 3)


def test_training_leaves_the_factors_alone() -> None:
    wide = pools.adjustable(networks.fully_connected(2, (WIDEST,), "tanh", biases=True))
    params = pools.narrowed(wide.init(KEYS[0]), 2)
    flow = dynamics.gradient_flow(
        wide, params, TARGET, CIRCLE, TIMES, keep_params=True, progress=False
    )
    after = flow.params_at(-1)
    np.testing.assert_array_equal(after["factors"], params["factors"])
    moved = np.abs(after["layers"][0]["weight"] - params["layers"][0]["weight"]).max(axis=1)
    assert np.all(moved[:2] > 1e-4)
    np.testing.assert_array_equal(moved[2:], 0.0)


def test_what_an_adjustable_network_refuses() -> None:
    form = "network must be networks.fully_connected(d, (M,), …) with one hidden layer and one out"
    for other in (network(4), networks.fully_connected(2, (4, 3)),
                  networks.fully_connected(2, (4,), outputs=2)):  # fmt: skip
        with refused(form):
            pools.adjustable(other)
    with refused("network must be a Network, got a function.", TypeError):
        pools.adjustable(lambda m: network(m))
    wide = pools.adjustable(networks.fully_connected(2, (4,)))
    with refused("m must be between 1 and 4, got 5."):
        pools.narrowed(wide.init(KEYS[0]), 5)
    with refused("params have no factors: draw them with pools.adjustable(network).init."):
        pools.narrowed(network(4).init(KEYS[0]), 2)


def test_what_it_refuses() -> None:
    wide = jax.vmap(network(WIDEST).init)(KEYS)
    with refused("m must divide the 6 neurons of a pool, got 4."):
        pools.cut(wide, 4)
    with refused("m must be at least 1, got 0"):
        pools.cut(wide, 0)
    deep = networks.fully_connected(2, (4, 3), "tanh")
    with refused("second axes have the lengths [3, 4]"):
        pools.cut(jax.vmap(deep.init)(KEYS), 2)
    with refused("n must divide the 12 points of the program, got 5."):
        pools.flows(
            network, TARGET, CIRCLE, TIMES, KEYS, m=3, widest=WIDEST,
            points=measures.circle(12).nodes, n=5,
        )  # fmt: skip


def test_networks_of_other_scalings_are_refused() -> None:
    def standard(m: int) -> networks.Network:
        return networks.fully_connected(2, (m,), parameterization="standard")

    for refuse in (
        lambda: pools.adjustable(standard(4)),
        lambda: pools.flows(
            lambda m: networks.antisymmetric(standard(m)),
            TARGET, CIRCLE, TIMES, KEYS, m=3, widest=WIDEST, points=CIRCLE.nodes,
        ),
    ):  # fmt: skip
        with refused("network must be in NTK scaling"):
            refuse()
