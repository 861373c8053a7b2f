r"""Tangent kernels of fully connected ReLU and erf networks, exact where points coincide.

A covariance c of unit variances tells an angle only to √ε near c = 1, and the kernel of ReLU
networks is as sharp there as the angle. neural-tangents hands c from layer to layer, so that no
function of it can give back what its rounding took. Here the recursion of Jacot, Gabriel and
Hongler (2018) runs on m = 1 − |cos φ| of the angle φ between two preactivations: m begins as
half the squared distance of two unit vectors, ±, and every layer is a sum of terms that are not
negative, or smooth in m. Such networks are therefore the only ones that neural-tangents doesn't
put together; the tests compare both.

Unit vectors are rounded, so that an angle is known to about ε. The erf kernel of points with
|x| ≫ √d tells angles of √d/|x| apart: of two points as close as that, its relative error is up to
ε·|x|/√d. Numbers below the least normal one are 0, as everywhere in XLA.

`_directions` has the m of two points, `_recursions` the layers, `_angles` functions of m.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ntklib.networks import _directions, _programs, _tiles
from ntklib.networks._recursions import Layers

SIDE = 128
"""Points a side of a tile: some arrays of SIDE² numbers fit into a core's cache."""


def gram(layers: Layers) -> _programs.Gram:
    """Returns the kernel of two sets of points; of a set with itself it computes half."""

    def kernel(x1: Float[Array, "n D"], x2: Float[Array, "k D"], d: Any) -> Float[Array, "n k"]:
        if x1 is x2:
            return _among(layers, *_directions.polar(x1, d))
        return _between(layers, len(x1), *_directions.polar(jnp.concatenate([x1, x2]), d))

    return _programs.shared(kernel)


def _tile(layers: Layers, slopes: bool) -> _tiles.Tile:
    """Returns the kernel of a tile, with its derivatives by cos φ and by both lengths."""

    def tile(rows: PyTree, columns: PyTree) -> tuple[Array, ...]:
        (x, i, p, p_dot), (y, j, q, q_dot) = rows, columns
        m, sign = jax.lax.stop_gradient(_directions.separation(x, y, i[:, None] == j[None]))
        p, p_dot = jax.tree.map(lambda v: v.T[..., None], (p, p_dot))
        q, q_dot = jax.tree.map(lambda v: v.T[..., None, :], (q, q_dot))
        if not slopes:
            return (layers.entries(m, sign, p, q),)
        still = [jax.tree.map(jnp.zeros_like, each) for each in (m, p, q)]
        ways = [
            (jnp.ones_like(m), *still[1:]), (still[0], p_dot, still[2]), (*still[:2], q_dot)
        ]  # fmt: skip
        of = lambda m, p, q: layers.entries(m, sign, p, q)  # noqa: E731
        found = [jax.jvp(of, (m, p, q), way) for way in ways]
        return found[0][0], -sign * found[0][1], found[1][1], found[2][1]

    return tile


def _points(layers: Layers, unit: Array, a: Array) -> PyTree:
    profile = jax.jvp(layers.profile, (a,), (jnp.ones_like(a),))
    return unit, jnp.arange(len(a)), *profile


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _among(layers: Layers, unit: Array, a: Array) -> Float[Array, "n n"]:
    return _tiles.among(_tile(layers, slopes=False), _points(layers, unit, a), SIDE, (0,))[0]


@_among.defjvp
def _among_jvp(layers: Layers, primals: Any, tangents: Any) -> tuple[Array, Array]:
    (unit, a), (unit_dot, a_dot) = primals, tangents
    tile, points = _tile(layers, slopes=True), _points(layers, unit, a)
    gram, by_cosine, by_first, by_second = _tiles.among(tile, points, SIDE, (0, 1, 3, 2))
    turn = unit_dot @ unit.T + unit @ unit_dot.T
    return gram, by_cosine * turn + (by_first * a_dot[:, None] + by_second * a_dot[None])


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _between(layers: Layers, n: int, unit: Array, a: Array) -> Float[Array, "n k"]:
    """Returns the kernel of the first n points and the others, which share what is compiled."""
    first, second = _split(n, _points(layers, unit, a))
    return _tiles.between(_tile(layers, slopes=False), first, second, SIDE)[0]


@_between.defjvp
def _between_jvp(layers: Layers, n: int, primals: Any, tangents: Any) -> tuple[Array, Array]:
    unit, a = primals
    first, second = _split(n, _points(layers, unit, a))
    unit_1, unit_2 = _split(n, unit)
    (unit_1_dot, a_1_dot), (unit_2_dot, a_2_dot) = _split(n, tangents)
    tile = _tile(layers, slopes=True)
    gram, by_cosine, by_first, by_second = _tiles.between(tile, first, second, SIDE)
    turn = unit_1_dot @ unit_2.T + unit_1 @ unit_2_dot.T
    return gram, by_cosine * turn + (by_first * a_1_dot[:, None] + by_second * a_2_dot[None])


def _split(n: int, points: PyTree) -> tuple[Any, Any]:
    return jax.tree.map(lambda v: v[:n], points), jax.tree.map(lambda v: v[n:], points)
