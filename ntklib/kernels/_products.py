"""Products with kernels whose Gram matrices are never formed."""

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ntklib import _checks
from ntklib.kernels import _costs, _gram, _routes
from ntklib.networks import _door, _network, _outputs, _parameters
from ntklib.networks._network import Apply, Kernel, Network


def tangent_products(
    network: Network | Apply,
    params: PyTree,
    x: Float[Array, "q d"],
    *,
    memory_budget: int = _gram.DEFAULT_BUDGET,
) -> Callable[[Float[Array, "q *b"]], Float[Array, "q *b"]]:
    r"""The map $v \mapsto K v = J(J^T v)$ of the tangent kernel at θ, without its Gram matrix.

    One product costs about as much as two gradients of the loss on all the points. Several vectors
    are taken one after another; for `spectrum.matrix_free`.

    Args:
      network: a `Network`, or any (θ, x) ↦ f(x; θ), shape (n,) for x of shape (n, d).
      params: θ, p numbers in all.
      x: points, shape (q, d).
      memory_budget: bytes for all that is held besides θ and the points.

    Returns:
      The map, of shapes (q,) or (q, b), compiled once for each.

    Raises:
      ValueError: several outputs, or a budget that is too small.

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib import kernels
      >>> linear = lambda theta, x: x @ theta
      >>> x = jnp.array([[1.0, 0.0], [1.0, 2.0]])
      >>> product = kernels.tangent_products(linear, jnp.zeros(2), x)
      >>> product(jnp.array([1.0, 1.0])).tolist()
      [2.0, 6.0]
    """
    points, _ = _gram.points_of(x, None)
    budget = _checks.whole_number("memory_budget", memory_budget, least=1)
    apply, _ = _network.functions(network)
    _parameters.dtype_of(params, mixed=True)
    _outputs.one_output(network, params, points)
    return _by_chunks(apply, params, points, budget)


def products(
    kernel: Kernel, x: Float[Array, "q d"], *, memory_budget: int = _gram.DEFAULT_BUDGET
) -> Callable[[Float[Array, "q *b"]], Float[Array, "q *b"]]:
    r"""The map $v \mapsto K v$ of a kernel, some rows of its Gram matrix at a time.

    Those rows are computed once for several vectors, shape (q, b).

    Args:
      kernel: K, such as `network.kernel`.
      x: points, shape (q, d).
      memory_budget: bytes for the rows that are held at once. Kernels of deep networks hold a few
        matrices of that size while they compute one.

    Returns:
      The map, of shapes (q,) or (q, b); for `spectrum.matrix_free`.

    Raises:
      ValueError: a budget below one row.

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib import kernels
      >>> linear = lambda x, y: x @ y.T
      >>> product = kernels.products(linear, jnp.array([[1.0, 0.0], [1.0, 2.0]]))
      >>> product(jnp.array([1.0, 1.0])).tolist()
      [2.0, 6.0]
    """
    points, _ = _gram.points_of(x, None)
    budget = _checks.whole_number("memory_budget", memory_budget, least=1)
    row = points.shape[0] * points.dtype.itemsize
    if budget < row:
        raise ValueError(
            f"memory_budget = {budget} bytes is less than a row of the Gram matrix: give at least "
            f"{row}."
        )
    _door.look_at_kernel(kernel, points)
    rows = min(budget // row, points.shape[0])

    def product(v: Float[Array, "q *b"]) -> Float[Array, "q *b"]:
        parts = [points[i : i + rows] for i in range(0, points.shape[0], rows)]
        return jnp.concatenate([_door.gram_of(kernel, part, points) @ v for part in parts])

    return product


def _by_chunks(
    apply: Apply, params: PyTree, x: Float[Array, "q d"], budget: int
) -> Callable[[Float[Array, "q *b"]], Float[Array, "q *b"]]:
    """Returns v ↦ J(Jᵀv) over the points, a chunk of them at a time."""
    working = _routes.FORWARD_AND_BACK * _costs.numbers_per_point(apply, params, x)
    route = _routes.by_products(apply, params, (x,), 1, working, budget)
    if isinstance(route, int):
        raise ValueError(
            f"memory_budget = {budget} bytes is too small for products with this network: give at "
            f"least {route}."
        )
    q, chunk = x.shape[0], route.chunk
    count = math.ceil(q / chunk)
    padding = ((0, count * chunk - q), (0, 0))
    chunks = jnp.pad(x, padding, mode="edge").reshape(count, chunk, x.shape[1])

    def product(v: Float[Array, "q *b"]) -> Float[Array, "q *b"]:
        return _product(params, chunks, jnp.asarray(v, x.dtype), apply=apply)

    return product


@functools.partial(jax.jit, static_argnames="apply")
def _product(
    params: PyTree, chunks: Float[Array, "c n d"], v: Float[Array, "q *b"], *, apply: Apply
) -> Float[Array, "q *b"]:
    if v.ndim > 1:  # one by one, so that the memory doesn't depend on how many there are
        return jax.lax.map(lambda one: _product(params, chunks, one, apply=apply), v.T).T
    shares = jnp.pad(v, (0, chunks.shape[0] * chunks.shape[1] - v.shape[0]))

    def gather(total: PyTree, part: tuple[Array, Array]) -> tuple[PyTree, None]:
        points, share = part
        _, pullback = jax.vjp(lambda theta: apply(theta, points), params)
        return jax.tree.map(jnp.add, total, pullback(share)[0]), None

    zero = jax.tree.map(jnp.zeros_like, params)
    gradient, _ = jax.lax.scan(gather, zero, (chunks, shares.reshape(chunks.shape[:2])))

    def spread(points: Array) -> Array:
        return jax.jvp(lambda theta: apply(theta, points), (params,), (gradient,))[1]

    return jax.lax.map(spread, chunks).reshape(-1)[: v.shape[0]]
