"""Empirical kernels against the Jacobian and neural-tangents."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import points
from grams import everyone, gram_of_jacobian
from refusals import refused

from ntklib import kernels, networks
from ntklib.networks import _neural_tangents


def by_neural_tangents(apply: Any, params: Any, x1: Any, x2: Any) -> np.ndarray:
    """The same by neural-tangents."""
    nt = _neural_tangents.load()
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        gram_of = nt.empirical_ntk_fn(
            lambda theta, x: apply(theta, x).reshape(x.shape[0], -1),
            trace_axes=(),
            implementation=1,
        )
        return np.asarray(jax.jit(gram_of)(x1, x2, params))


@pytest.mark.parametrize("outputs", [None, 2])
@pytest.mark.parametrize("name", everyone(None))
def test_every_method_and_neural_tangents_agree(name: str, outputs: int | None) -> None:
    network, d = everyone(outputs)[name]
    params = network.init(jax.random.key(1))
    x1, x2 = jnp.asarray(points(4, d)), jnp.asarray(points(3, d, seed=1))
    expected = gram_of_jacobian(network.apply, params, x1, x2)
    scale = np.abs(expected).max()
    reference = by_neural_tangents(network.apply, params, x1, x2).reshape(expected.shape)
    np.testing.assert_allclose(reference, expected, atol=1e-10 * scale, rtol=0)
    for method in ("layers", "jacobian", "products"):
        got = kernels.empirical(network, params, x1, x2, method=method)
        np.testing.assert_allclose(got, expected, atol=1e-12 * scale, rtol=0, err_msg=method)


def test_after_training_the_halves_of_an_antisymmetric_network_differ() -> None:
    network = networks.antisymmetric(networks.fully_connected(3, (5,), "tanh", biases=True))
    params = network.init(jax.random.key(0))
    params["minus"] = jax.tree.map(lambda leaf: 1.5 * leaf, params["minus"])
    x = jnp.asarray(points(4))
    expected = gram_of_jacobian(network.apply, params, x, x)
    for method in ("layers", "jacobian"):
        got = kernels.empirical(network, params, x, method=method)
        np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_a_network_is_traced_for_its_first_draw_alone() -> None:
    """Finding out what a kernel costs takes longer than the kernel of a small network."""
    network = networks.fully_connected(3, (5,), "erf", biases=True)
    traced = []

    def apply(theta: Any, x: Any) -> Any:
        traced.append(x.shape)
        return network.apply(theta, x)

    first, second = (network.init(jax.random.key(seed)) for seed in (0, 1))
    x, more = jnp.asarray(points(4)), jnp.asarray(points(5))
    kernels.empirical(apply, first, x)
    seen = len(traced)
    np.testing.assert_allclose(
        kernels.empirical(apply, second, x), kernels.empirical(network, second, x), rtol=1e-12
    )
    assert len(traced) == seen > 0
    kernels.empirical(apply, first, more)  # of another shape
    assert len(traced) > seen


def test_an_apply_alone_is_enough() -> None:
    network = networks.fully_connected(3, (7,), "relu")
    params = network.init(jax.random.key(0))
    x = jnp.asarray(points(5))
    got = kernels.empirical(network.apply, params, x)
    np.testing.assert_allclose(got, kernels.empirical(network, params, x), rtol=1e-12)
    bare = networks.Network("bare", 7, network.init, network.apply, network.kernel)
    np.testing.assert_array_equal(kernels.empirical(bare, params, x), got)


def test_empirical_kernel_in_single_precision() -> None:
    network = networks.fully_connected(3, (6,), dtype=jnp.float32)
    params = network.init(jax.random.key(0))
    x = jnp.asarray(points(4), jnp.float32)
    got = kernels.empirical(network, params, x)
    assert got.dtype == jnp.float32
    wide = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), params)
    expected = kernels.empirical(network.apply, wide, x.astype(jnp.float64))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def test_layers_that_are_not_known_or_not_all_there() -> None:
    network = networks.fully_connected(3, (4,))
    params = network.init(jax.random.key(0))
    x = jnp.asarray(points(3))
    with refused("method 'layers' needs a Network whose layers are known"):
        kernels.empirical(network.apply, params, x, method="layers")
    with refused("method must be one of auto, layers, jacobian, products, got 'fast'."):
        kernels.empirical(network, params, x, method="fast")

    def twice(theta: Any, z: Any, affine: Any) -> Any:
        assert network.forward is not None
        return network.forward(theta, z, affine) + network.forward(theta, z, affine)

    shared = networks.Network("shared", 4, network.init, network.apply, network.kernel, twice)
    with refused(
        "network.forward passes 32 parameters through affine(), and there are 16: pass each layer "
        "through it once, or use method='jacobian'."
    ):
        kernels.empirical(shared, params, x)
