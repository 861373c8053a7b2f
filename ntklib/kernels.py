r"""Gram matrices: the analytic kernel, the empirical one of a finite network, and comparisons."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree
from tqdm import tqdm

from ntklib import _checks
from ntklib.measures import Measure
from ntklib.networks import Network

DEFAULT_BUDGET = 2**30
"""Bytes that `empirical` may hold in Jacobian blocks."""


def analytic(
    network: Network, x1: Float[Array, "n d"], x2: Float[Array, "k d"] | None = None
) -> Float[Array, "n k"]:
    r"""The analytic kernel $K^\infty(x, x') = E[K_0(x, x')]$, the infinite-width limit of K₀.

    Args:
      network: gives the architecture; its width plays no part.
      x1: points, shape (n, d).
      x2: points, shape (k, d); x1 by default.

    Returns:
      The Gram matrix, shape (n, k). Exact to rounding for erf, GELU and ReLU; to about 10⁻⁸ for
      tanh and softplus, whose expectations are integrated numerically.

    Raises:
      ImportError: neural-tangents is not installed.
      TypeError: x1 or x2 are not floating-point numbers.
      ValueError: wrong shapes, NaN or infinite values.
    """
    first, second = _points(x1, x2)
    return network.kernel(first, second)


def empirical(
    apply: Callable[[PyTree, Array], Array],
    params: PyTree,
    x1: Float[Array, "n d"],
    x2: Float[Array, "k d"] | None = None,
    *,
    memory_budget: int = DEFAULT_BUDGET,
) -> Float[Array, "n k"]:
    r"""The tangent kernel of a finite network at θ.

    $K(x, x') = \langle\nabla_\theta f(x;\theta), \nabla_\theta f(x';\theta)\rangle$.
    Computed from blocks of rows of the Jacobian, of which never more than `memory_budget` bytes
    exist at once; when the whole Jacobian doesn't fit, rows are computed anew for every block.

    Args:
      apply: (θ, x) ↦ f(x; θ), shape (n,) for x of shape (n, d).
      params: θ, any pytree of floating-point arrays; p numbers in all.
      x1: points, shape (n, d).
      x2: points, shape (k, d); x1 by default.
      memory_budget: bytes for Jacobian blocks.

    Returns:
      The Gram matrix, shape (n, k).

    Raises:
      TypeError: x1 or x2 are not floating-point numbers.
      ValueError: wrong shapes, NaN or infinite values, an apply that doesn't return one number a
        point, or a budget below two rows of the Jacobian.
    """
    first, second = _points(x1, x2)
    symmetric = x2 is None
    n, k = first.shape[0], second.shape[0]
    outputs = jax.eval_shape(apply, params, first).shape
    if outputs != (n,):
        raise ValueError(
            f"apply must return one number a point, shape ({n},), but returns shape {outputs}: "
            "select one output coordinate."
        )
    leaves = jax.tree.leaves(params)
    row_bytes = sum(leaf.size * leaf.dtype.itemsize for leaf in leaves)
    # A block is held twice while its leaves are joined, and two blocks meet in a product.
    rows = _checks.whole_number("memory_budget", memory_budget, least=1) // (4 * row_bytes)
    if rows == 0:
        raise ValueError(
            f"memory_budget = {memory_budget} bytes is less than one pair of Jacobian rows needs: "
            f"give at least {4 * row_bytes}, or use fewer parameters."
        )
    blocks_1 = [slice(i, min(i + rows, n)) for i in range(0, n, rows)]
    blocks_2 = [slice(j, min(j + rows, k)) for j in range(0, k, rows)]
    gram = np.empty((n, k), first.dtype)
    with tqdm(total=len(blocks_1) * len(blocks_2), desc="empirical NTK", delay=2) as bar:
        for i, rows_1 in enumerate(blocks_1):
            jacobian_1 = _jacobian(apply, params, first[rows_1])
            for j, rows_2 in enumerate(blocks_2):
                bar.update()
                if symmetric and j > i:
                    continue
                same = symmetric and i == j
                jacobian_2 = jacobian_1 if same else _jacobian(apply, params, second[rows_2])
                gram[rows_1, rows_2] = jacobian_1 @ jacobian_2.T
                if symmetric:
                    gram[rows_2, rows_1] = gram[rows_1, rows_2].T
    return jnp.asarray(gram)


@functools.partial(jax.jit, static_argnames="apply")
def _jacobian(apply: Callable[..., Array], params: PyTree, x: Array) -> Float[Array, "n p"]:
    def row(point: Array) -> Array:
        return ravel_pytree(jax.grad(lambda theta: apply(theta, point[None])[0])(params))[0]

    return jax.vmap(row)(x)


def rbf(
    x1: Float[Array, "n d"], x2: Float[Array, "k d"], lengthscale: float
) -> Float[Array, "n k"]:
    r"""The Gaussian kernel $\exp(-\|x - x'\|^2/(2\ell^2))$.

    Args:
      x1: points, shape (n, d).
      x2: points, shape (k, d).
      lengthscale: ℓ > 0, in the units of x.

    Raises:
      ValueError: ℓ is not positive, wrong shapes, NaN or infinite values.
    """
    first, second = _points(x1, x2)
    scale = _checks.positive("lengthscale", lengthscale)
    norms = jnp.sum(first**2, axis=1)[:, None] + jnp.sum(second**2, axis=1)[None, :]
    squares = jnp.maximum(norms - 2 * first @ second.T, 0)
    return jnp.exp(-squares / (2 * scale**2))


def distance(
    gram_1: Float[Array, "q q"], gram_2: Float[Array, "q q"], measure: Measure
) -> Float[Array, ""]:
    r"""The distance $\|K - L\|_{L^2(\rho\otimes\rho)} = (\sum_{ij} w_i w_j (K-L)_{ij}^2)^{1/2}$.

    Args:
      gram_1: K at the measure's nodes.
      gram_2: L at the measure's nodes.
      measure: ρ.

    Raises:
      ValueError: a matrix doesn't have the shape (q, q), or holds NaN or infinite values.
    """
    q = measure.weights.shape[0]
    for name, gram in (("gram_1", gram_1), ("gram_2", gram_2)):
        if _checks.real_array(name, gram, "q q").shape != (q, q):
            raise ValueError(
                f"{name} must have shape ({q}, {q}), one row a node of the measure, "
                f"got {gram.shape}."
            )
    difference = gram_1 - gram_2
    return jnp.sqrt(measure.weights @ difference**2 @ measure.weights)


def _points(x1: Any, x2: Any) -> tuple[Array, Array]:
    first = _checks.real_array("x1", x1, "n d")
    second = first if x2 is None else _checks.real_array("x2", x2, "k d")
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"x1 and x2 must be points of the same space, got dimensions {first.shape[1]} "
            f"and {second.shape[1]}."
        )
    return first, second
