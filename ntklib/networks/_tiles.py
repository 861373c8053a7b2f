"""Gram matrices in square tiles, which stay in the cache while they are computed."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

LANES = 8
"""Columns of a tile are a multiple of these where possible: a core takes as many at once."""

Tile = Callable[[PyTree, PyTree], Sequence[Array]]
"""(what belongs to some points x, and to some x') ↦ matrices, a row for each x."""


def between(tile: Tile, first: PyTree, second: PyTree, side: int) -> tuple[Array, ...]:
    """Returns a tile's matrices for all points x and x'.

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
        return tuple(tile(first, second))
    corners = np.asarray(list(itertools.product(_starts(n, rows), _starts(k, columns))))

    def fill(step: Any, filled: tuple[Array, ...]) -> tuple[Array, ...]:
        i, j = jnp.asarray(corners)[step]
        found = _found(tile, first, second, i, j, rows, columns)
        return tuple(_put(whole, part, i, j) for whole, part in zip(filled, found, strict=True))

    like = jax.eval_shape(tile, _cut(first, 0, rows), _cut(second, 0, columns))
    empty = tuple(jnp.zeros((n, k), each.dtype) for each in like)
    return jax.lax.fori_loop(0, len(corners), fill, empty)


def among(tile: Tile, points: PyTree, side: int, mirrored: Sequence[int]) -> tuple[Array, ...]:
    """Returns a tile's matrices for all pairs of the same points, from half of the tiles.

    Args:
      tile: computes a tile.
      points: arrays with a leading axis for the n points.
      side: most rows and columns of a tile.
      mirrored: for each matrix A that is returned, which of the tile's is Aᵀ. Where that is A
        itself, it is returned exactly symmetric.
    """
    n = _length(points)
    # Two at least: XLA unrolls a loop of one step, and would round (i, j) and (j, i) differently.
    size = _size(n, side, least=2)
    starts = _starts(n, size)
    corners = np.asarray([(i, j) for i in starts for j in starts if i <= j])

    def fill(step: Any, filled: tuple[Array, ...]) -> tuple[Array, ...]:
        i, j = jnp.asarray(corners)[step]
        found = _found(tile, points, points, i, j, size, size)
        # Half of the diagonal, which is added to itself below, and nothing under it.
        places = jnp.arange(size)
        distance = (j + places)[None] - (i + places)[:, None]
        share = jnp.clip(distance + 1, 0, 2).astype(found[0].dtype) / 2
        return tuple(
            _put(whole, share * part, i, j) for whole, part in zip(filled, found, strict=True)
        )

    like = jax.eval_shape(tile, _cut(points, 0, size), _cut(points, 0, size))
    empty = tuple(jnp.zeros((n, n), each.dtype) for each in like)
    halves = jax.lax.fori_loop(0, len(corners), fill, empty)

    # half + other.T as a whole would jump through memory.
    def mirror(step: Any, filled: tuple[Array, ...]) -> tuple[Array, ...]:
        i, j = jnp.asarray(corners)[step]
        shape = (size, size)
        parts = [jax.lax.dynamic_slice(half, (j, i), shape) for half in halves[: len(mirrored)]]
        others = [jax.lax.dynamic_slice(halves[other], (i, j), shape) for other in mirrored]
        return tuple(
            _put(whole, part + other.T, j, i)
            for whole, part, other in zip(filled, parts, others, strict=True)
        )

    return jax.lax.fori_loop(0, len(corners), mirror, halves[: len(mirrored)])


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
) -> Sequence[Array]:
    """Returns a tile. Reverse-mode derivatives compute it again, or they would hold all of them."""
    again: Any = jax.checkpoint(
        lambda first, second, i, j: tile(_cut(first, i, rows), _cut(second, j, columns))
    )
    return tuple(again(first, second, i, j))


def _put(whole: Array, part: Array, i: Any, j: Any) -> Array:
    return jax.lax.dynamic_update_slice(whole, part, (i, j))
