"""Unit vectors of points, and how far apart they are: 1 − |cos φ|, to rounding where they meet."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

FEW = 16
"""Dimensions up to which distances are sums of squared differences; beyond, matrix products."""

CLOSE = 1 / 32
"""Where m is less, the rounding of a product would be felt, and differences are taken."""

CHUNK = 16
"""Least terms of an inner product that are added one by one; chunks are added in pairs. Of unit
vectors √d terms round as much, whatever the dimension d."""

AnyArray = Array | np.ndarray


def polar(x: Float[AnyArray, "n d"]) -> tuple[Float[AnyArray, "n d"], Float[AnyArray, " n"]]:
    """Returns unit vectors and |x|/√d, without overflow; 0 and 0 for a point at 0.

    NumPy's of a NumPy array: of few points it is done before a program would be compiled.
    """
    xp: Any = np if isinstance(x, np.ndarray) else jnp
    still = x if xp is np else jax.lax.stop_gradient(x)
    largest = xp.max(xp.abs(still), axis=1)
    mantissa, _ = xp.frexp(largest)
    scale = xp.where(largest > 0, largest / xp.where(largest > 0, mantissa, 1), 1)
    scaled = x / scale[:, None]
    squares = scaled * scaled
    while squares.shape[1] > 1:  # in pairs, where one by one many terms lose digits
        if squares.shape[1] % 2:
            squares = xp.pad(squares, ((0, 0), (0, 1)))
        half = squares.shape[1] // 2
        squares = squares[:, :half] + squares[:, half:]
    some = squares[:, 0] > 0
    square = xp.where(some, squares[:, 0], 1)
    length = xp.where(some, scale * xp.sqrt(square / x.shape[1]), 0)
    return scaled / xp.sqrt(square)[:, None], length


@jax.custom_jvp
def separation(x: Array, y: Array, same: Array) -> tuple[Array, Array]:
    """Returns 1 − |cos φ| and the sign of cos φ, of unit vectors; `same` tells who is who."""
    if x.shape[1] <= FEW:
        nothing = jnp.zeros(same.shape, x.dtype)
        halves = [jnp.pad(v.T, ((0, v.shape[1] % 2), (0, 0))) for v in (x, y)]
        parts = tuple(v.reshape(2, -1, v.shape[1]) for v in halves)
        return _nearer(*jax.lax.scan(_more_dimensions, (nothing, nothing), parts)[0])
    cosine = _inner(x, y)
    one = jnp.ones((), x.dtype)

    def sign() -> Array:
        return jnp.where(cosine < 0, -one, one)

    def apart() -> Array:
        return jnp.where(same, 0, 1 - jnp.abs(cosine))

    def by_differences() -> Array:
        steps = x[:, None, :] - sign()[:, :, None] * y[None]
        return jnp.where(close, jnp.sum(steps * steps, axis=-1) / 2, apart())

    close = (jnp.abs(cosine) > 1 - CLOSE) & ~same
    return jax.lax.cond(jnp.any(close), by_differences, apart), sign()


@separation.defjvp
def _separation_jvp(primals: Any, tangents: Any) -> tuple[Any, Any]:
    (x, y, _), (x_dot, y_dot, _) = primals, tangents
    m, sign = separation(*primals)
    return (m, sign), (-sign * (x_dot @ y.T + x @ y_dot.T), jnp.zeros_like(sign))


def separation_of_few(x: Array, y: Array) -> tuple[Array, Array]:
    """Returns what `separation` does in few dimensions, without derivatives.

    Its program compiles in half the time and runs for twice as long.
    """
    nothing = jnp.zeros((len(x), len(y)), x.dtype)
    return _nearer(*_more_dimensions((nothing, nothing), (x.T, y.T))[0])


def _nearer(minus: Array, plus: Array) -> tuple[Array, Array]:
    """Returns 1 − |cos φ| and the sign of cos φ, of |x − y|² and |x + y|²."""
    one = jnp.ones((), minus.dtype)
    return jnp.minimum(minus, plus) / 2, jnp.where(minus <= plus, one, -one)


def _more_dimensions(squares: tuple[Array, Array], parts: Any) -> tuple[Any, None]:
    minus, plus = squares
    for x, y in zip(*parts, strict=True):
        minus = minus + (x[:, None] - y[None]) ** 2
        plus = plus + (x[:, None] + y[None]) ** 2
    return (minus, plus), None


def _inner(x: Float[Array, "n d"], y: Float[Array, "k d"]) -> Float[Array, "n k"]:
    d = x.shape[1]
    chunk = max(CHUNK, 2 ** (d.bit_length() // 2))
    parts = [
        jnp.matmul(x[:, i : i + chunk], y[:, i : i + chunk].T, precision="highest")
        for i in range(0, d, chunk)
    ]
    while len(parts) > 1:
        pairs = [parts[i : i + 2] for i in range(0, len(parts), 2)]
        parts = [pair[0] + pair[1] if len(pair) == 2 else pair[0] for pair in pairs]
    return parts[0]
