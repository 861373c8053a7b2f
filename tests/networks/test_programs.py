"""Few points share compiled programs, and their kernels are those of points by themselves."""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import points

from ntklib import networks

EVENT = "/jax/core/compile/backend_compile_duration"


def programs(work: Callable[[], object]) -> int:
    """How many programs some work compiles, or takes from the cache on disk."""
    seen: list[str] = []

    def listener(event: str, duration_secs: float, **_: str | int) -> None:
        seen.append(event)

    jax.monitoring.register_event_duration_secs_listener(listener)
    try:
        work()
    finally:
        jax.monitoring.unregister_event_duration_listener(listener)
    return seen.count(EVENT)


def grams(shapes: list[tuple[int, int]], others: int) -> None:
    """Computes kernels of a network that no other test makes."""
    for n, d in shapes:
        kernel = networks.fully_connected(d, (3, 7), "erf", biases=True).kernel
        x, y = (jax.device_put(points(size, d)) for size in (n, others))
        kernel(x, x)
        kernel(x, y)


def test_few_points_share_programs() -> None:
    shapes = list(itertools.product((3, 30, 64), (2, 3, 16)))
    assert programs(lambda: grams(shapes[:1], 16)) == 1
    assert programs(lambda: grams(shapes, 3)) == 0
    assert programs(lambda: grams([(65, 2)], 3)) == 2


def test_a_network_called_by_itself_is_one_program() -> None:
    network = networks.fully_connected(3, (11, 13), "tanh", biases=True)
    theta, x = network.init(jax.random.key(0)), jnp.asarray(points(7))
    assert programs(lambda: network.apply(theta, x)) == 1
    assert programs(lambda: network.apply(theta, x)) == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ["erf", "relu"])
@pytest.mark.parametrize(("n", "k", "d"), [(1, 300, 1), (17, 5, 3), (200, 70, 16), (257, 3, 17)])
def test_shared_programs_give_the_kernel_of_each_shape(
    activation: str, n: int, k: int, d: int, dtype: Any
) -> None:
    x, y = (jnp.asarray(points(size, d, seed), dtype) for seed, size in enumerate((n, k)))
    kernel = networks.fully_connected(d, (3, 3), activation, biases=True).kernel
    for first, second in ((x, y), (x, x)):
        found = kernel(first, second)
        assert (found.shape, found.dtype) == ((len(first), len(second)), dtype)
        traced = jax.jit(lambda x1, x2: kernel(x1, x2))(first, second)
        rounding = 8 * np.finfo(dtype).eps * float(jnp.max(traced))
        np.testing.assert_allclose(found, traced, atol=rounding, rtol=0)
    np.testing.assert_array_equal(kernel(x, x), kernel(x, x).T)


def test_points_stay_on_the_device_they_were_put_on() -> None:
    there = jax.device_put(jnp.asarray(points(5)), jax.devices()[-1])
    found = networks.fully_connected(3, (3,), "relu").kernel(there, there)
    assert found.committed
    assert found.devices() == there.devices()
