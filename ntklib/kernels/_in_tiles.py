"""A kernel's Gram matrix in tiles of one size, as large as a budget allows."""

import functools
import itertools
import math
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from ntklib.networks import _door
from ntklib.networks._network import Kernel

MOST = 512
"""Points a side of a tile, at most: of images' kernels a tile then takes some seconds."""

POINTS = 2**23
"""Bytes of the points of a tile, at most, as long as that leaves FEW a side."""

FEW = 16

Corner = tuple[int, int]
"""A tile's first row and first column."""


@dataclass(frozen=True)
class Tiles:
    """How a Gram matrix is cut.

    Attributes:
      n: its rows.
      k: its columns.
      rows: of a tile; fewer in the last ones.
      columns: likewise.
      symmetric: whether rows and columns belong to the same points, so that half the tiles do.
      dtype: of its entries.
    """

    n: int
    k: int
    rows: int
    columns: int
    symmetric: bool
    dtype: np.dtype[Any]

    def corners(self) -> list[Corner]:
        """Returns the tiles that are computed."""
        every = itertools.product(range(0, self.n, self.rows), range(0, self.k, self.columns))
        return [(i, j) for i, j in every if i <= j or not self.symmetric]

    def place(self, corner: Corner) -> tuple[slice, slice]:
        """Returns a tile's rows and columns."""
        i, j = corner
        return slice(i, min(i + self.rows, self.n)), slice(j, min(j + self.columns, self.k))

    def mirrored(self, corner: Corner) -> bool:
        """Returns whether a tile's transpose has a place of its own."""
        return self.symmetric and corner[0] != corner[1]

    def size(self, corner: Corner) -> int:
        """Returns how many pairs of points a tile has."""
        rows, columns = self.place(corner)
        return (rows.stop - rows.start) * (columns.stop - columns.start)


def plan(kernel: Kernel, first: Array, second: Array | None, budget: int) -> Tiles:
    """Finds the largest tiles that a budget holds, by what the compiled kernel takes.

    Args:
      kernel: K, a function of JAX.
      first: points.
      second: further ones; None for those of `first`.
      budget: bytes.

    Raises:
      TypeError: the kernel can't be compiled.
      ValueError: not even a pair of points fits.
    """
    n, k = len(first), len(first if second is None else second)
    side = max(POINTS // (2 * first.shape[1] * first.dtype.itemsize), FEW)
    side = min(side, MOST, max(n, k))
    while True:
        rows, columns = (math.ceil(size / math.ceil(size / side)) for size in (n, k))
        need, dtype = _need(kernel, first, rows, columns, second is None, rows < n)
        if need <= budget:
            return Tiles(n, k, rows, columns, second is None, np.dtype(dtype))
        if side == 1:
            raise ValueError(
                f"memory_budget = {budget} bytes is too small for this kernel, of which one pair "
                f"of points takes {need}: give at least {need}."
            )
        side = max(1, min(side // 2, math.isqrt(side**2 * budget // need)))


def entries(
    kernel: Kernel, x: np.ndarray, y: np.ndarray | None, rows: int, columns: int
) -> Float[np.ndarray, "i j"]:
    """Returns a tile, symmetric to the last bit where y is None.

    Args:
      kernel: K.
      x: the points of its rows, on the host: to slice an array of JAX compiles a program.
      y: those of its columns; None for the same.
      rows: to which the points are filled up, so that one program does for all tiles.
      columns: likewise.
    """
    between, among = _compiled(kernel)
    first = _filled(x, rows)
    second = first if y is None else _filled(y, columns)
    either: Kernel = lambda a, b: among(a) if a is b else between(a, b)  # noqa: E731
    tile = np.asarray(_door.gram_of(either, first, second))[: len(x), : len(x if y is None else y)]
    return np.where(np.tri(len(x), k=-1, dtype=bool), tile.T, tile) if y is None else tile


@functools.lru_cache(maxsize=8)
def _compiled(kernel: Kernel) -> tuple[Any, Any]:
    """Returns the kernel of two sets of points and that of one, as programs of JAX."""
    return jax.jit(kernel), jax.jit(lambda x: kernel(x, x))


def _filled(x: np.ndarray, size: int) -> Array:
    return jax.device_put(np.pad(x, ((0, size - len(x)), (0, 0)), mode="edge"))


def _need(
    kernel: Kernel, points: Array, rows: int, columns: int, symmetric: bool, several: bool
) -> tuple[int, Any]:
    """Returns the bytes that a tile takes, with its points, and the type of its entries."""
    between, among = _compiled(kernel)
    x, y = (
        jax.ShapeDtypeStruct((size, *points.shape[1:]), points.dtype) for size in (rows, columns)
    )
    try:
        lowered = [among.lower(x)] * symmetric
        lowered += [between.lower(x, y)] * (several or not symmetric)
    except jax.errors.JAXTypeError as problem:
        raise TypeError(
            "kernel must be a function of JAX, which can be compiled: take jax.numpy for NumPy in "
            "it, and jnp.where for conditions on its values."
        ) from problem
    needs = []
    for each in lowered:
        memory = each.compile().memory_analysis()
        # On the host a tile may exist thrice: as it came, symmetric, and turned over to be written;
        # and its points are there as well as on the device.
        whole = 2 * memory.argument_size_in_bytes + 3 * memory.output_size_in_bytes
        needs.append(whole + memory.temp_size_in_bytes)
    return max(needs), lowered[0].out_info.dtype
