"""Routes to the Gram matrix: the cheapest is chosen, and each keeps to its budget."""

import dataclasses
import itertools
import tracemalloc
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import points
from grams import chosen, everyone, gram_of_jacobian, least_budget
from refusals import refused

from ntklib import _device, kernels, networks
from ntklib.kernels import _blocks, _costs, _factors, _routes


@pytest.mark.parametrize("d", [1, 2, 3])
def test_numbers_held_for_a_point_are_counted_in_every_dimension(d: int) -> None:
    """Points turned over, 5 units that later layers keep the shape of, and the value."""
    network = networks.fully_connected(d, (5, 5), biases=True)
    params = network.init(jax.random.key(0))
    held = _costs.numbers_per_point(network.apply, params, jnp.zeros((1, d)))
    assert held == d + 5 + 1


def test_the_cheapest_method_is_chosen() -> None:
    x = jnp.asarray(points(40))
    # n²(features + units) against n²p: layers, as soon as there are a few units.
    assert chosen(networks.fully_connected(3, (9, 9)), x).compute.func is _factors.layer_factors
    # A single unit: its gradient is as short as its inputs.
    narrow = networks.fully_connected(3, (1,))
    assert chosen(narrow, x).compute.func is _factors.jacobian_factors
    image = networks.convolutional((6, 6, 1), (2, 2), biases=True)
    deep = networks.convolutional((2, 1), (30, 40), biases=True)
    for network, d, whole in ((image, 36, (True, True)), (deep, 2, (False, False))):
        route = chosen(network, jnp.asarray(points(40, d)), "layers")
        assert route.compute.keywords["as_gradients"][:2] in (whole, (True, whole[1]))
    # Where only θ's own derivative fits, columns.
    wide = networks.fully_connected(3, (50, 50))
    bare = networks.Network("bare", 50, wide.init, wide.apply, wide.kernel)
    assert isinstance(chosen(bare, x, budget=34 * wide.parameters), _routes.Products)


def held_at_most(route: Any, x: Any) -> int:
    """Bytes that a route held besides its result: the host's, and a compiled chunk's with them."""
    chunk = jax.ShapeDtypeStruct((route.plan.chunk, *x.shape[1:]), x.dtype)
    memory = (
        route.compute.func.lower(*route.compute.args, chunk, **route.compute.keywords)
        .compile()
        .memory_analysis()
    )
    compiled = memory.temp_size_in_bytes + memory.output_size_in_bytes
    tracemalloc.start()
    try:
        points = _blocks.Points(x, route.compute, route.plan, lambda: None)
        making = tracemalloc.get_traced_memory()[1] + compiled
        tracemalloc.reset_peak()
        result = _blocks.gram(points, points, route.outputs, route.terms, lambda: None)
        multiplying = tracemalloc.get_traced_memory()[1] - result.nbytes
    finally:
        tracemalloc.stop()
    return max(making, multiplying + (0 if route.plan.held else compiled))


@pytest.mark.parametrize("method", ["layers", "jacobian"])
@pytest.mark.parametrize("name", ["dense", "image", "channels", "lenet"])
def test_blocks_keep_to_the_budget(name: str, method: str) -> None:
    network, d = everyone(None)[name]
    n = 6 if name == "lenet" else 60
    x = jnp.asarray(points(n, d))
    params = network.init(jax.random.key(0))
    whole = kernels.empirical(network, params, x, method=method)
    least = least_budget(network, method, x)
    plans = []
    for budget in (least, 3 * least, 12 * least, 10**9):
        route = chosen(network, x, method, budget)
        plans.append(route.plan)
        got = route.gram((x,))[:, 0, :, 0]
        np.testing.assert_allclose(got, whole, rtol=1e-11, atol=1e-12 * np.abs(whole).max())
        np.testing.assert_allclose(got, got.T, rtol=1e-12, atol=1e-13 * np.abs(whole).max())
        if budget > 200_000:  # below, the interpreter's own objects count
            assert held_at_most(route, x) <= budget
    assert plans[-1] == _costs.Pieces(n, n, held=True)
    assert plans[0].chunk < n


@pytest.mark.parametrize("outputs", [None, 2])
@pytest.mark.parametrize("name", ["dense", "image", "channels"])
def test_any_pieces_make_the_same_matrix(name: str, outputs: int | None) -> None:
    network, d = everyone(outputs)[name]
    x1, x2 = jnp.asarray(points(9, d)), jnp.asarray(points(5, d, seed=1))
    for method in ("layers", "jacobian"):
        route = chosen(network, x1, method)
        for sets in ((x1,), (x1, x2)):
            whole = route.gram(sets)
            scale = np.abs(whole).max()
            for chunk, rows, held in ((1, 2, False), (4, 4, False), (2, 5, True), (9, 4, True)):
                pieces = dataclasses.replace(route, plan=_costs.Pieces(chunk, rows, held))
                np.testing.assert_allclose(pieces.gram(sets), whole, rtol=0, atol=1e-13 * scale)
                sizes = [len(x) for x in sets]
                expected = _costs.pairs(pieces.plan, sizes) + _costs.chunks(pieces.plan, sizes)
                assert steps(pieces, sets) == expected


def steps(route: Any, sets: Sequence[Any]) -> int:
    """How often a route says that it has come further."""
    count = itertools.count()
    points = [_blocks.Points(x, route.compute, route.plan, count.__next__) for x in sets]
    _blocks.gram(points[0], points[-1], route.outputs, route.terms, count.__next__)
    return next(count)


@pytest.mark.parametrize("method", ["layers", "jacobian", "products", "auto"])
def test_the_least_budget_that_an_error_names_is_enough(method: str) -> None:
    network = networks.fully_connected(3, (6, 6), biases=True)
    params = network.init(jax.random.key(0))
    x1, x2 = jnp.asarray(points(5)), jnp.asarray(points(3, seed=1))
    for sets in ((x1,), (x1, x2)):
        least = least_budget(network, method, *sets)
        got = kernels.empirical(network, params, *sets, method=method, memory_budget=least)
        expected = gram_of_jacobian(network.apply, params, x1, sets[-1])
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-12)
        with refused(
            f"memory_budget = {least - 1} bytes is too small for method {method!r} with this "
            f"network: give at least {least}."
        ):
            kernels.empirical(network, params, *sets, method=method, memory_budget=least - 1)


def test_the_route_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Off the CPU products stay on the device, and convolutions run side by side."""
    network = everyone(2)["image"][0]
    params = network.init(jax.random.key(0))
    x = jnp.asarray(points(5, 24))
    expected = kernels.empirical(network, params, x, method="layers")
    monkeypatch.setattr(_device, "on_cpu", lambda: False)
    jax.clear_caches()
    budget = 2 * least_budget(network, "layers", x)
    for each in (2**30, budget):
        got = kernels.empirical(network, params, x, method="layers", memory_budget=each)
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-12)
