"""Analytic kernels as compiled programs: one for many sizes where points are few.

To compile a kernel takes some tenths of a second, as long as some ten million of its entries. Few
points are therefore repeated, and their coordinates followed by zeros, up to one of a few sizes.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float, PyTree

from ntklib.networks import _calls

Gram = Callable[[Float[Array, "n d"], Float[Array, "k d"]], Float[Array, "n k"]]

POINTS = (64, 256, 1024, 4096)
"""Numbers that points are brought to, the next larger one. Below 64 calling takes longer than
computing."""

ENTRIES = 2**18
"""Of the largest matrix that is computed in such a size, in some milliseconds."""

DIMENSIONS = 16
"""Dimensions that points of fewer are brought to: up to there distances are sums, a small part of
the kernel."""


def compiled(gram: Gram) -> Gram:
    """Compiles a kernel for every shape that it is called with."""
    between, among = jax.jit(gram), jax.jit(lambda x: gram(x, x))
    # Of one set of points half the matrix may do, which can't be seen inside jit.
    return lambda x1, x2: among(x1) if x1 is x2 else between(x1, x2)


def shared(
    prepared: Callable[[Any], PyTree],
    between: Callable[[PyTree, PyTree], Array],
    among: Callable[[PyTree], Array],
) -> Gram:
    """Compiles a kernel once for many shapes of few points.

    Args:
      prepared: x ↦ the arrays that a kernel is computed of, with a leading axis of points: NumPy's
        of a NumPy array. Zeros may follow on a second axis.
      between: (prepared x, prepared x') ↦ the Gram matrix.
      among: the same of one set of points, symmetric.
    """
    of_prepared, alone = jax.jit(between), jax.jit(lambda x: among(prepared(x)))
    pairs = jax.jit(lambda x1, x2: between(prepared(x1), prepared(x2)))

    def kernel(x1: Float[Array, "n d"], x2: Float[Array, "k d"]) -> Float[Array, "n k"]:
        if not _few(x1, x2):
            return alone(x1) if x1 is x2 else pairs(x1, x2)
        with np.errstate(all="ignore"):  # as in JAX
            first = _padded(prepared(np.asarray(x1)))
            second = first if x1 is x2 else _padded(prepared(np.asarray(x2)))
        # To slice a JAX array, or to make one by `jnp.asarray`, compiles a program for each shape.
        found = np.asarray(of_prepared(first, second))[: len(x1), : len(x2)]
        if x1 is x2:  # where both halves may be rounded differently
            found = np.where(np.tri(len(x1), k=-1, dtype=bool), found.T, found)
        return jax.device_put(found)

    return kernel


def _few(*points: Any) -> bool:
    """Returns whether points are few, and numbers that may pass through the host."""
    if _calls.traced(*points) or any(getattr(x, "committed", False) for x in points):
        return False
    if not all(0 < n <= POINTS[-1] and 0 < d <= DIMENSIONS for n, d in map(np.shape, points)):
        return False
    return math.prod(_next(len(x)) for x in points) <= ENTRIES


def _padded(arrays: PyTree) -> PyTree:
    """Returns arrays of few points with the last point repeated, and zeros after coordinates."""

    def one(v: np.ndarray) -> Array:
        rest = [(0, DIMENSIONS - length) for length in v.shape[1:]]
        wide = np.pad(v, [(0, 0), *rest])
        rows = (0, _next(len(v)) - len(v))
        return jax.device_put(np.pad(wide, [rows, *[(0, 0)] * len(rest)], mode="edge"))

    return jax.tree.map(one, arrays)


def _next(n: int) -> int:
    return next(each for each in POINTS if n <= each)
