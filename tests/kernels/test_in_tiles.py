"""Tiles of a Gram matrix: which there are, how large a budget lets them be, and their entries."""

import itertools
import re
import tracemalloc
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import points
from refusals import refused

from ntklib import networks
from ntklib.kernels import _in_tiles


def distances(x: Any, y: Any) -> Any:
    """A kernel whose differences of points are held: a matrix is applied to them."""
    squares = (x[:, None] - y[None]) ** 2 @ jnp.eye(x.shape[1], 2)
    return jnp.exp(-squares[..., 0] - squares[..., 1])


def linear(x: Any, y: Any) -> Any:
    """One that holds nothing besides its result."""
    return x @ y.T


@pytest.mark.parametrize("symmetric", [True, False])
def test_tiles_have_every_pair_once(symmetric: bool) -> None:
    n, k = 23, 23 if symmetric else 9
    tiles = _in_tiles.Tiles(n, k, 6, 6 if symmetric else 4, symmetric, np.dtype(float))
    count = np.zeros((n, k), int)
    for corner in tiles.corners():
        rows, columns = tiles.place(corner)
        count[rows, columns] += 1
        if tiles.mirrored(corner):
            count[columns, rows] += 1
        assert tiles.size(corner) == count[rows, columns].size
    np.testing.assert_array_equal(count, 1)


def test_tiles_are_even_and_of_a_size() -> None:
    x = jnp.asarray(points(1025))
    tiles = _in_tiles.plan(linear, x, None, 2**30)
    assert (tiles.rows, tiles.columns, len(tiles.corners())) == (342, 342, 6)
    tiles = _in_tiles.plan(linear, x, x[:5], 2**30)
    assert (tiles.rows, tiles.columns, len(tiles.corners())) == (342, 5, 3)
    # Images of so many pixels that 512 of them would be too many bytes to be sent.
    images = jnp.zeros((64, 2**15))
    assert _in_tiles.plan(linear, images, None, 2**40).rows == 16


def held(kernel: Any, x: np.ndarray, tiles: _in_tiles.Tiles) -> int:
    """The bytes that a tile takes: the host's by tracing, and what XLA says of the program."""
    first, last = x[: tiles.rows], x[-tiles.columns :]
    shapes = [jax.ShapeDtypeStruct(each.shape, each.dtype) for each in (first, last)]
    memory: Any = jax.jit(kernel).lower(*shapes).compile().memory_analysis()
    on_host = 0
    for second in (last, None):
        _in_tiles.entries(kernel, first, second, tiles.rows, tiles.columns)
        tracemalloc.start()
        try:
            _in_tiles.entries(kernel, first, second, tiles.rows, tiles.columns)
            on_host = max(on_host, tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    sizes = (memory.argument_size_in_bytes, memory.output_size_in_bytes)
    return on_host + sum(sizes) + memory.temp_size_in_bytes


@pytest.mark.parametrize(
    ("kernel", "budgets"), [(distances, (2**24, 2**22, 2**20)), (linear, (2**20, 2**19, 2**17))]
)
def test_tiles_keep_to_the_budget(kernel: Any, budgets: tuple[int, ...]) -> None:
    x = points(300, 40)
    assert _in_tiles.plan(kernel, jnp.asarray(x), None, 2**40).rows == 300
    before = 300
    for budget in budgets:
        tiles = _in_tiles.plan(kernel, jnp.asarray(x), None, budget)
        assert tiles.rows < before
        assert held(kernel, x, tiles) <= budget
        # Not smaller than it has to be: twice the side would be too much.
        before = tiles.rows
        double = _in_tiles.Tiles(300, 300, 2 * before, 2 * before, True, np.dtype(float))
        assert 2 * held(kernel, x, double) > budget


def test_the_least_budget_that_an_error_names_is_enough() -> None:
    x = jnp.asarray(points(5))
    for second in (None, x[:3]):
        with pytest.raises(ValueError, match="of which one pair of points takes") as refusal:
            _in_tiles.plan(distances, x, second, 1)
        least = int(re.findall("at least ([0-9]+)[.]", str(refusal.value))[0])
        assert _in_tiles.plan(distances, x, second, least).rows == 1
        with refused(f"memory_budget = {least - 1} bytes is too small for this kernel, of which"):
            _in_tiles.plan(distances, x, second, least - 1)


def test_a_kernel_that_cannot_be_compiled_is_refused() -> None:
    def of_numpy(x: Any, y: Any) -> Any:
        return np.asarray(x) @ np.asarray(y).T

    def of_values(x: Any, y: Any) -> Any:
        return x @ y.T if x[0, 0] > 0 else 2 * x @ y.T

    for kernel in (of_numpy, of_values):
        with refused("kernel must be a function of JAX, which can be compiled: take", TypeError):
            _in_tiles.plan(kernel, jnp.asarray(points(3)), None, 2**30)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_entries_are_the_kernels(dtype: type) -> None:
    network = networks.fully_connected(3, (1, 1), "relu", dtype=dtype)
    x: np.ndarray = points(21).astype(dtype)
    whole = np.asarray(network.kernel(jnp.asarray(x), jnp.asarray(x)))
    assert whole.dtype == dtype
    tiles = _in_tiles.plan(network.kernel, jnp.asarray(x), None, 2**30)
    assert tiles.dtype == dtype
    eps = float(np.finfo(dtype).eps)
    for i, j in itertools.product((0, 8, 16), repeat=2):
        rows, columns = x[i : i + 8], x[j : j + 8]
        found = _in_tiles.entries(network.kernel, rows, None if i == j else columns, 8, 8)
        assert found.shape == (len(rows), len(columns))
        np.testing.assert_allclose(
            found, whole[i : i + 8, j : j + 8], rtol=0, atol=8 * eps * whole.max()
        )
        if i == j:
            np.testing.assert_array_equal(found, found.T)
