"""Gram matrices from factors of blocks of points, in pieces that keep to a memory budget."""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from tqdm import tqdm

from ntklib import _device
from ntklib.kernels._costs import Pieces, chunks, pairs, ranges
from ntklib.kernels._factors import Factor


class Points:
    """Points and the factors of any range of them."""

    def __init__(
        self,
        x: Array,
        compute: Callable[[Array], list[Factor]],
        plan: Pieces,
        advance: Callable[[], Any],
    ) -> None:
        self.x, self.compute, self.plan, self.advance = x, compute, plan, advance
        self.all = self._made(slice(0, x.shape[0])) if plan.held else None

    @property
    def blocks(self) -> list[slice]:
        """The blocks of rows of the Gram matrix."""
        return list(ranges(0, self.x.shape[0], self.plan.rows))

    def factors(self, block: slice) -> list[Factor]:
        """Returns the factors of a block, columns last."""
        if self.all is None:
            return self._made(block)
        n = self.x.shape[0]

        def part(matrix: Any) -> Any:
            each = matrix.shape[1] // n
            return matrix[:, block.start * each : block.stop * each]

        return [tuple(part(matrix) for matrix in factor) for factor in self.all]

    def _made(self, block: slice) -> list[Factor]:
        made = []
        joined: list[Factor] = []
        for part in ranges(block.start, block.stop, self.plan.chunk):
            points = self.x[part]
            short = min(self.plan.chunk, self.x.shape[0]) - points.shape[0]
            if short:  # filled up, since every shape is compiled for
                points = jnp.concatenate([points, jnp.repeat(points[:1], short, axis=0)])
            factors = [_columns(f, points.shape[0], short) for f in self.compute(points)]
            self.advance()
            if part == block:
                return factors
            if isinstance(factors[0][0], np.ndarray):
                # At once, or freed pieces of many chunks would leave holes in memory.
                joined = joined or _empty(factors, part, block)
                _copy(factors, joined, part, block)
            else:
                made.append(factors)
        return joined or [
            tuple(jnp.concatenate(parts, axis=1) for parts in zip(*chunks, strict=True))
            for chunks in zip(*made, strict=True)
        ]


def _empty(factors: list[Factor], part: slice, block: slice) -> list[Factor]:
    """Returns room for the factors of a block, given those of a part of it."""
    n, length = part.stop - part.start, block.stop - block.start
    return [
        tuple(np.empty((m.shape[0], m.shape[1] // n * length), m.dtype) for m in factor)
        for factor in factors
    ]


def _copy(factors: list[Factor], whole: list[Factor], part: slice, block: slice) -> None:
    """Puts the factors of a part into those of its block."""
    n, start = part.stop - part.start, part.start - block.start
    for sources, targets in zip(factors, whole, strict=True):
        for source, target in zip(sources, targets, strict=True):
            each = source.shape[1] // n
            target[:, start * each : (start + n) * each] = source


def gram(
    first: Points,
    second: Points,
    outputs: int,
    terms: Sequence[tuple[float, float]],
    advance: Callable[[], Any],
) -> np.ndarray:
    """Returns the Gram matrix, shape (n, o, k, o); of one set of points when first is second.

    Args:
      first: the points of its rows.
      second: the points of its columns.
      outputs: o.
      terms: scales of each factor's layer, of the weights and of the biases (0 without).
      advance: called after each block.
    """
    n, k = first.x.shape[0], second.x.shape[0]
    result = np.empty((n, outputs, k, outputs), first.x.dtype)
    for i in first.blocks:
        rows = first.factors(i)
        for j in second.blocks:
            if first is second and j.start > i.start:
                continue
            same = first is second and i == j
            columns = rows if same else second.factors(j)
            block = _product(rows, columns, i, j, outputs, terms)
            result[i, :, j] = block
            if first is second and not same:
                result[j, :, i] = np.transpose(block, (2, 3, 0, 1))
            advance()
    return result


def progress(plan: Pieces, points: Sequence[int]) -> Any:
    """Returns a bar over the chunks and blocks of a Gram matrix."""
    total = pairs(plan, points) + chunks(plan, points)
    return tqdm(total=total, desc="empirical NTK", delay=2)


def _product(
    rows: list[Factor],
    columns: list[Factor],
    i: slice,
    j: slice,
    outputs: int,
    terms: Sequence[tuple[float, float]],
) -> Any:
    n, k = i.stop - i.start, j.stop - j.start
    total = None
    for left, right, term in zip(rows, columns, terms, strict=True):
        part = layer(left, right, *term, (n, outputs, k, outputs))
        if total is None:
            total = part
        else:
            total += part
    return total


def layer(
    left: Factor, right: Factor, scale: float, bias: float, shape: tuple[int, int, int, int]
) -> Any:
    """Returns a layer's part of a block, of this shape (n, o, k, o)."""
    # The same matrix twice: BLAS then computes one half and mirrors it.
    products = [a.T @ b for a, b in zip(left, right, strict=True)]
    if len(products) == 1:
        return products[0].reshape(shape)
    n, outputs, k, _ = shape
    forward, backward = products
    forward *= scale**2
    if bias:
        forward += bias**2
    p = forward.shape[0] // n
    forward = forward.reshape(n, p, 1, k, p, 1)
    backward = backward.reshape(n, p, outputs, k, p, outputs)
    backward *= forward
    return backward.reshape(shape) if p == 1 else backward.sum(axis=(1, 4))


def _columns(factor: Factor, n: int, short: int) -> Factor:
    """Brings a computed factor to columns last, on the host where that is the device."""
    if _device.on_cpu():  # whose own BLAS is the faster one
        factor = tuple(np.asarray(matrix) for matrix in factor)
    if len(factor) == 1:
        factor = (factor[0].T,)
    return tuple(matrix[:, : matrix.shape[1] // n * (n - short)] for matrix in factor)
