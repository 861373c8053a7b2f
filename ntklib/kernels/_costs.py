"""What the routes to an empirical tangent kernel cost: sizes, operations, bytes, pieces."""

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.extend.core
import jax.numpy as jnp
from jaxtyping import Array, PyTree

REMEMBERED = 64
"""Networks, with the shapes of their parameters and points, whose sizes are kept: finding them
traces the network, which takes longer than the kernel of a small one."""


@dataclass(frozen=True)
class Shape:
    """The sizes of an affine layer, its bias counted as one more feature."""

    features: int
    units: int
    positions: int
    scale: float
    bias: float

    def as_gradients(self, n: int, k: int, outputs: int) -> bool:
        """Returns whether the layer's gradients take fewer operations than its positions do."""
        by_gradients = self.operations(n, k, outputs, as_gradients=True)
        return by_gradients < self.operations(n, k, outputs, as_gradients=False)

    def operations(self, n: int, k: int, outputs: int, *, as_gradients: bool) -> int:
        """Returns the multiplications that the layer's part of the Gram matrix takes."""
        weights = self.features * self.units
        if as_gradients:
            return (n + k) * outputs * self.positions * weights + n * k * outputs**2 * weights
        return n * k * self.positions**2 * (self.features + outputs**2 * self.units)

    def numbers(self, outputs: int, *, as_gradients: bool) -> int:
        """Returns how many numbers its factor holds for a point."""
        if as_gradients:
            return outputs * self.features * self.units
        return self.positions * (self.features + outputs * self.units)


def numbers_per_point(apply: Callable[..., Array], params: PyTree, x: Array) -> int:
    """Returns how many numbers evaluating the network holds for each further point.

    Results of another shape than every operand's are counted: what stays in place or is computed
    entry by entry is fused with what it comes from.
    """
    return _numbers_per_point(apply, *abstract(params), x.shape[1:], x.dtype)


def abstract(tree: PyTree) -> tuple[Any, tuple[jax.ShapeDtypeStruct, ...]]:
    """Returns the structure of a tree, and the shapes and types of its arrays: both hashable."""
    leaves, structure = jax.tree.flatten(tree)
    return structure, tuple(
        jax.ShapeDtypeStruct(jnp.shape(leaf), jnp.result_type(leaf)) for leaf in leaves
    )


@functools.lru_cache(REMEMBERED)
def _numbers_per_point(
    apply: Callable[..., Array],
    structure: Any,
    leaves: tuple[jax.ShapeDtypeStruct, ...],
    point: tuple[int, ...],
    dtype: Any,
) -> int:
    params = jax.tree.unflatten(structure, leaves)

    def made(jaxpr: Any) -> int:
        total = 0
        for eqn in jaxpr.eqns:
            operands = {getattr(var.aval, "shape", ()) for var in eqn.invars}
            total += sum(
                math.prod(var.aval.shape) for var in eqn.outvars if var.aval.shape not in operands
            )
            total += sum(made(each) for each in jax.extend.core.jaxprs_in_params(eqn.params))
        return total

    def evaluated(n: int) -> int:
        points = jax.ShapeDtypeStruct((n, *point), dtype)
        return made(jax.make_jaxpr(apply)(params, points).jaxpr)

    n = 10_007  # which no axis of a layer has by chance
    return (evaluated(2 * n) - evaluated(n)) // n


@dataclass(frozen=True)
class Pieces:
    """How large the pieces are that keep a computation within its budget.

    Attributes:
      chunk: points whose factors are computed at once.
      rows: points of a block of the Gram matrix.
      held: whether the factors of all points are held, not computed anew for each block.
    """

    chunk: int
    rows: int
    held: bool


def plan(
    budget: int, points: Sequence[int], *, working: int, factors: int, products: int
) -> Pieces | int:
    """Finds the largest pieces that a budget holds.

    Args:
      budget: bytes.
      points: n, or n and k for two sets of points.
      working: bytes that computing the factors of a point takes, the factors included.
      factors: bytes that they hold.
      products: bytes that the products of a pair of points take.

    Returns:
      The plan, or the least budget that one exists for.
    """
    most, held = max(points), sum(points) * factors
    # What each way needs at least: all points at once, all factors held (on a GPU chunks are
    # joined, and the factors exist twice for a moment), or quarters for two blocks' factors each,
    # for a chunk and for products.
    at_once = held + max(products, most * (working - factors))
    in_chunks = held + max(products, held + working)
    in_blocks = 4 * max(working, 2 * factors, products)
    rows = min(math.isqrt(max(0, budget - held) // products), most)
    if budget >= at_once:
        return Pieces(most, rows, held=True)
    plans = []
    if budget >= in_chunks:
        plans.append(Pieces(min((budget - 2 * held) // working, most), rows, held=True))
    if budget >= in_blocks:
        quarter = budget // 4
        rows = min(math.isqrt(quarter // products), quarter // (2 * factors), most)
        plans.append(Pieces(min(quarter // working, rows), rows, held=False))
    if not plans:
        return min(at_once, in_chunks, in_blocks)
    return min(plans, key=lambda each: chunks(each, points))


def pairs(plan: Pieces, points: Sequence[int]) -> int:
    """Returns how many blocks of the Gram matrix are computed."""
    blocks = [math.ceil(n / plan.rows) for n in points]
    return blocks[0] * blocks[1] if len(points) == 2 else blocks[0] * (blocks[0] + 1) // 2


def chunks(plan: Pieces, points: Sequence[int]) -> int:
    """Returns how many chunks of points have their factors computed."""
    if plan.held:
        return sum(math.ceil(n / plan.chunk) for n in points)
    # As `gram` goes through the blocks: each row's once, and with it those of its columns.
    sets = [
        [math.ceil((part.stop - part.start) / plan.chunk) for part in ranges(0, n, plan.rows)]
        for n in points
    ]
    if len(points) == 2:
        return sum(sets[0]) + len(sets[0]) * sum(sets[1])
    return sum(itertools.accumulate(sets[0]))


def ranges(start: int, stop: int, length: int) -> Iterator[slice]:
    for begin in range(start, stop, length):
        yield slice(begin, min(begin + length, stop))
