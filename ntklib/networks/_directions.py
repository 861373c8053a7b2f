"""Unit vectors of points, and how far apart they are: 1 − |cos φ|, to rounding where they meet."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

FEW = 16
"""Dimensions up to which distances are sums of squared differences; beyond, matrix products."""

CLOSE = 1 / 32
"""Where m is less, the rounding of a product would be felt, and differences are taken."""

CHUNK = 16
"""Least terms of an inner product that are added one by one; chunks are added in pairs. Of unit
vectors √d terms round as much, whatever the dimension d."""


def polar(x: Float[Array, "n D"], d: Any) -> tuple[Float[Array, "n D"], Float[Array, " n"]]:
    """Returns unit vectors and |x|/√d, without overflow; 0 and 0 for a point at 0."""
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(x), axis=1))
    mantissa, _ = jnp.frexp(largest)
    scale = jnp.where(largest > 0, largest / jnp.where(largest > 0, mantissa, 1), 1)
    scaled = x / scale[:, None]
    squares = scaled * scaled
    while squares.shape[1] > 1:  # in pairs, where one by one many terms lose digits
        half = (squares.shape[1] + 1) // 2
        rest = jnp.pad(squares[:, half:], ((0, 0), (0, 2 * half - squares.shape[1])))
        squares = squares[:, :half] + rest
    some = squares[:, 0] > 0
    square = jnp.where(some, squares[:, 0], 1)
    length = jnp.where(some, scale * jnp.sqrt(square / d), 0)
    return scaled / jnp.sqrt(square)[:, None], length


@jax.custom_jvp
def separation(x: Array, y: Array, same: Array) -> tuple[Array, Array]:
    """Returns 1 − |cos φ| and the sign of cos φ, of unit vectors; `same` tells who is who."""
    one = jnp.ones((), x.dtype)
    if x.shape[1] <= FEW:
        nothing = jnp.zeros(same.shape, x.dtype)
        halves = [jnp.pad(v.T, ((0, v.shape[1] % 2), (0, 0))) for v in (x, y)]
        parts = tuple(v.reshape(2, -1, v.shape[1]) for v in halves)
        (minus, plus), _ = jax.lax.scan(_more_dimensions, (nothing, nothing), parts)
        return jnp.minimum(minus, plus) / 2, jnp.where(minus <= plus, one, -one)
    cosine = _inner(x, y)

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
