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
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float, PyTree

from ntklib.networks import _directions, _programs, _tiles
from ntklib.networks._recursions import Layers

SIDE = 192
"""Points a side of a tile, of which some arrays fit into a core's cache. Not a power of two, whose
rows a cache has the same few places for: turned, such a tile takes half as long again."""


def gram(layers: Layers) -> _programs.Gram:
    """Returns the kernel of two sets of points; of a set with itself it computes half."""

    def kernel(x1: Float[Array, "n D"], x2: Float[Array, "k D"], d: Any) -> Float[Array, "n k"]:
        if x1 is x2:
            return _among(layers, *_directions.polar(x1, d))
        return _between(layers, *_directions.polar(x1, d), *_directions.polar(x2, d))

    return _programs.shared(kernel)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _among(layers: Layers, unit: Array, a: Array) -> Float[Array, "n n"]:
    return _tiles.among(functools.partial(_pairs, layers), _points(layers, unit, a), SIDE)


@_among.defjvp
def _among_jvp(layers: Layers, primals: Any, tangents: Any) -> tuple[Array, Array]:
    # K is symmetric: its change is the one that the rows' points make, and that one turned.
    points = _points(layers, *primals)
    half = _change(layers, points, tangents, points)
    return _among(layers, *primals), half + half.T


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _between(layers: Layers, unit: Array, a: Array, other: Array, b: Array) -> Float[Array, "n k"]:
    first, second = _points(layers, unit, a), _points(layers, other, b, start=len(a))
    return _tiles.between(functools.partial(_pairs, layers), first, second, SIDE)


@functools.partial(_between.defjvp, symbolic_zeros=True)
def _between_jvp(layers: Layers, primals: Any, tangents: Any) -> tuple[Array, Array]:
    unit, a, other, b = primals
    first, second = _points(layers, unit, a), _points(layers, other, b, start=len(a))
    changes = []  # one at least, or JAX asks for none
    if _moves(tangents[:2]):
        changes.append(_change(layers, first, tangents[:2], second))
    if _moves(tangents[2:]):
        changes.append(_change(layers, second, tangents[2:], first).T)
    return _between(layers, *primals), functools.reduce(jnp.add, changes)


def _moves(tangents: Any) -> bool:
    """Returns whether points move: their directions and lengths do so together."""
    return not all(isinstance(each, SymbolicZero) for each in tangents)


def _change(layers: Layers, moving: PyTree, tangents: Any, others: PyTree) -> Float[Array, "n k"]:
    """Returns how the kernel changes with the rows' points."""
    tile = functools.partial(_half, layers)
    return _tiles.differentiable(tile, (moving, tangents), others, SIDE)


def _points(layers: Layers, unit: Array, a: Array, start: int = 0) -> PyTree:
    """Returns unit vectors, numbers, and the profiles with their slopes."""
    profile = jax.jvp(layers.profile, (a,), (jnp.ones_like(a),))
    return unit, jnp.arange(start, start + len(a)), *profile


def _pairs(layers: Layers, rows: PyTree, columns: PyTree) -> Float[Array, "n k"]:
    """Returns the kernel of a tile."""
    (x, i, p, _), (y, j, q, _) = rows, columns
    m, sign = _directions.separation(x, y, i[:, None] == j[None])
    return layers.entries(m, sign, _down(p), _across(q))


def _half(layers: Layers, rows: PyTree, columns: PyTree) -> Float[Array, "n k"]:
    """Returns how a tile changes with the rows' points alone, whose tangents come along."""
    ((x, i, p, p_dot), (x_dot, a_dot)), (y, j, q, _) = rows, columns
    m, sign = _directions.separation(x, y, i[:, None] == j[None])
    _, by_cosine, by_a = layers.slopes(m, sign, _down(p), _across(q), _down(p_dot))
    return by_cosine * (x_dot @ y.T) + by_a * a_dot[:, None]


def _down(profile: PyTree) -> PyTree:
    return jax.tree.map(lambda v: v.T[..., None], profile)


def _across(profile: PyTree) -> PyTree:
    return jax.tree.map(lambda v: v.T[..., None, :], profile)
