"""Gram matrices in square tiles, which stay in the cache while they are computed."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

LANES = 8
"""Columns of a tile are a multiple of these where possible: a core takes as many at once."""

Tile = Callable[[PyTree, PyTree], Array]
"""(what belongs to some points x, and to some x') ↦ a matrix, a row for each x."""


def between(tile: Tile, first: PyTree, second: PyTree, side: int) -> Array:
    """Returns a tile's matrix for all points x and x'.

    Args:
      tile: computes a tile.
      first: arrays with a leading axis for the n points x.
      second: the same for the k points x'.
      side: most rows of a tile, which has at most side² entries.
    """
    n, k = _length(first), _length(second)
    rows = _size(n, side)
    columns = _size(k, side**2 // rows)
    if (rows, columns) == (n, k):
        return tile(first, second)
    corners = np.asarray(list(itertools.product(_starts(n, rows), _starts(k, columns))))

    def fill(step: Any, filled: Array) -> Array:
        i, j = jnp.asarray(corners)[step]
        return _put(filled, _found(tile, first, second, i, j, rows, columns), i, j)

    like = jax.eval_shape(tile, _cut(first, 0, rows), _cut(second, 0, columns))
    return jax.lax.fori_loop(0, len(corners), fill, jnp.zeros((n, k), like.dtype))


def among(tile: Tile, points: PyTree, side: int) -> Array:
    """Returns a tile's symmetric matrix for all pairs of the same points, from half of the tiles.

    Args:
      tile: computes a tile.
      points: arrays with a leading axis for the n points.
      side: most rows and columns of a tile.
    """
    n = _length(points)
    # Two at least: XLA unrolls a loop of one step, and would round (i, j) and (j, i) differently.
    size = _size(n, side, least=2)
    starts = _starts(n, size)
    corners = np.asarray([(i, j) for i in starts for j in starts if i <= j])
    below = np.tri(size, k=-1, dtype=bool)

    def fill(step: Any, filled: Array) -> Array:
        i, j = jnp.asarray(corners)[step]
        part = _found(tile, points, points, i, j, size, size)
        # On the diagonal what is above it counts. The last tile, with which others may overlap,
        # is one of these. (A choice, unlike `where`, has XLA finish a tile before it turns it.)
        part = jax.lax.cond(i == j, lambda: jnp.where(below, part.T, part), lambda: part)
        return _put(_put(filled, part, i, j), part.T, j, i)

    like = jax.eval_shape(tile, _cut(points, 0, size), _cut(points, 0, size))
    return jax.lax.fori_loop(0, len(corners), fill, jnp.zeros((n, n), like.dtype))


def differentiable(tile: Tile, first: PyTree, second: PyTree, side: int) -> Array:
    """Returns what `between` does, for derivatives: loops over tiles that don't write into one.

    On the way back a tile is computed again, or all that it needed would be kept.
    """
    n, k = _length(first), _length(second)
    again: Any = jax.checkpoint(tile)
    rows, columns = _blocks(first, side), _blocks(second, side)
    found = jax.lax.map(lambda x: jax.lax.map(lambda y: again(x, y), columns), rows)
    whole: Array = jnp.moveaxis(found, 1, 2).reshape(-1, found.shape[1] * found.shape[3])
    return whole[:n, :k]


def _blocks(points: PyTree, side: int) -> PyTree:
    """Returns points in blocks of one size, the last filled up with the last point."""
    n = _length(points)
    size = math.ceil(n / math.ceil(n / side))
    size = math.ceil(size / LANES) * LANES if size < n else n
    count = math.ceil(n / size)
    places = np.minimum(np.arange(count * size), n - 1).reshape(count, size)
    return jax.tree.map(lambda v: v[places], points)


def _length(points: PyTree) -> int:
    return int(jax.tree.leaves(points)[0].shape[0])


def _size(n: int, side: int, least: int = 1) -> int:
    """Returns the rows of a tile: as few tiles as there can be, and these of one size."""
    size = math.ceil(n / max(least, math.ceil(n / side)))
    whole = math.ceil(size / LANES) * LANES
    return whole if whole < n else size


def _starts(n: int, size: int) -> list[int]:
    return [min(start, n - size) for start in range(0, n, size)]


def _cut(points: PyTree, start: Any, size: int) -> PyTree:
    return jax.tree.map(lambda x: jax.lax.dynamic_slice_in_dim(x, start, size), points)


def _found(
    tile: Tile, first: PyTree, second: PyTree, i: Any, j: Any, rows: int, columns: int
) -> Array:
    """Returns a tile. Reverse-mode derivatives compute it again, or they would hold all of them."""
    again: Any = jax.checkpoint(
        lambda first, second, i, j: tile(_cut(first, i, rows), _cut(second, j, columns))
    )
    found: Array = again(first, second, i, j)
    return found


def _put(whole: Array, part: Array, i: Any, j: Any) -> Array:
    return jax.lax.dynamic_update_slice(whole, part, (i, j))
