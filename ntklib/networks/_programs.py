"""Analytic kernels as compiled programs: one for many sizes where points are few.

To compile a kernel takes some tenths of a second, as long as some ten million of its entries. Few
points are therefore repeated, and their coordinates followed by zeros, up to one of a few sizes.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from ntklib.networks import _calls

Gram = Callable[[Float[Array, "n d"], Float[Array, "k d"]], Float[Array, "n k"]]

POINTS = (64, 256, 1024, 4096)
"""Numbers that points are brought to, the next larger one. Below 64 calling takes longer than
computing."""

ENTRIES = 2**18
"""Of the largest matrix that is computed in such a size: some milliseconds."""

DIMENSIONS = 16
"""Dimensions that points of fewer are brought to: up to there distances are sums, a small part of
the kernel."""


def compiled(gram: Gram) -> Gram:
    """Compiles a kernel for every shape that it is called with."""
    between, among = jax.jit(gram), jax.jit(lambda x: gram(x, x))
    # Of one set of points half the matrix may do, which can't be seen inside jit.
    return lambda x1, x2: among(x1) if x1 is x2 else between(x1, x2)


def shared(gram: Callable[[Array, Array, Any], Array]) -> Gram:
    """Compiles a kernel once for many shapes of few points.

    Args:
      gram: (x, x', d) ↦ the Gram matrix of points of d dimensions, which zeros may follow.
    """
    between, among = jax.jit(gram), jax.jit(lambda x, d: gram(x, x, d))

    def kernel(x1: Float[Array, "n d"], x2: Float[Array, "k d"]) -> Float[Array, "n k"]:
        d = x1.shape[1]
        if not _few(x1, x2):
            return among(x1, d) if x1 is x2 else between(x1, x2, d)
        found = among(_padded(x1), d) if x1 is x2 else between(_padded(x1), _padded(x2), d)
        # To slice a JAX array, or to make one by `jnp.asarray`, compiles a program for each shape.
        return jax.device_put(np.asarray(found)[: len(x1), : len(x2)])

    return kernel


def _few(*points: Any) -> bool:
    """Returns whether points are few, and numbers that may pass through the host."""
    if _calls.traced(*points) or any(getattr(x, "committed", False) for x in points):
        return False
    if not all(0 < n <= POINTS[-1] and 0 < d <= DIMENSIONS for n, d in map(np.shape, points)):
        return False
    return math.prod(_next(len(x)) for x in points) <= ENTRIES


def _padded(x: Float[Array, "n d"]) -> Float[Array, "N D"]:
    n, d = x.shape
    zeros = np.pad(np.asarray(x), ((0, 0), (0, DIMENSIONS - d)))
    return jax.device_put(np.pad(zeros, ((0, _next(n) - n), (0, 0)), mode="edge"))


def _next(n: int) -> int:
    return next(each for each in POINTS if n <= each)
