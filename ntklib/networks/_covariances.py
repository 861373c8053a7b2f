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
import math
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
    """Returns the kernel of two sets of points; of many points with themselves it computes half."""

    def between(first: PyTree, second: PyTree) -> Array:
        return _between(layers, *first, *second)

    def among(points: PyTree) -> Array:
        return _among(layers, *points)

    return _programs.shared(_directions.polar, between, among)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _among(layers: Layers, unit: Array, a: Array) -> Float[Array, "n n"]:
    points = _points(unit, layers.profile(a))
    return _tiles.among(functools.partial(_pairs, layers, False), points, SIDE)


@_among.defjvp
def _among_jvp(layers: Layers, primals: Any, tangents: Any) -> tuple[Array, Array]:
    # K is symmetric: its change is the one that the rows' points make, and that one turned.
    half = _change(layers, primals, tangents, primals)
    return _among(layers, *primals), half + half.T


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _between(layers: Layers, unit: Array, a: Array, other: Array, b: Array) -> Float[Array, "n k"]:
    n, dimensions = unit.shape
    few = n * len(b) <= _programs.ENTRIES and dimensions <= _directions.FEW
    profile = layers.profile(jnp.concatenate([a, b]))  # in one, which compiles sooner
    first = _points(unit, jax.tree.map(lambda v: v[:n], profile))
    second = _points(other, jax.tree.map(lambda v: v[n:], profile), start=n)
    side = math.isqrt(_programs.ENTRIES) if few else SIDE
    return _tiles.between(functools.partial(_pairs, layers, few), first, second, side)


@functools.partial(_between.defjvp, symbolic_zeros=True)
def _between_jvp(layers: Layers, primals: Any, tangents: Any) -> tuple[Array, Array]:
    first, second = primals[:2], primals[2:]
    changes = []  # one at least, or JAX asks for none
    if _moves(tangents[:2]):
        changes.append(_change(layers, first, tangents[:2], second))
    if _moves(tangents[2:]):
        changes.append(_change(layers, second, tangents[2:], first).T)
    return _between(layers, *primals), functools.reduce(jnp.add, changes)


def _moves(tangents: Any) -> bool:
    """Returns whether points move: their directions and lengths do so together."""
    return not all(isinstance(each, SymbolicZero) for each in tangents)


def _change(layers: Layers, moving: Any, tangents: Any, others: Any) -> Float[Array, "n k"]:
    """Returns how the kernel changes with the rows' points, which may be the columns' too."""
    (unit, a), (other, b) = moving, others
    profile, slopes = jax.jvp(layers.profile, (a,), (jnp.ones_like(a),))
    rows = _points(unit, profile), slopes, tangents
    columns = _points(other, layers.profile(b), start=0 if others is moving else len(a))
    return _tiles.differentiable(functools.partial(_half, layers), rows, columns, SIDE)


def _points(unit: Array, profile: PyTree, start: int = 0) -> PyTree:
    """Returns what a tile is computed of: unit vectors, the points' numbers, and profiles."""
    return unit, jnp.arange(start, start + len(unit)), profile


def _pairs(layers: Layers, few: bool, rows: PyTree, columns: PyTree) -> Float[Array, "n k"]:
    """Returns the kernel of a tile, of few points by what compiles sooner."""
    (x, i, p), (y, j, q) = rows, columns
    if few:
        m, sign = _directions.separation_of_few(x, y)
    else:
        m, sign = _directions.separation(x, y, i[:, None] == j[None])
    return layers.entries(m, sign, _down(p), _across(q))


def _half(layers: Layers, rows: PyTree, columns: PyTree) -> Float[Array, "n k"]:
    """Returns how a tile changes with the rows' points alone, whose tangents come along."""
    ((x, i, p), p_dot, (x_dot, a_dot)), (y, j, q) = rows, columns
    m, sign = _directions.separation(x, y, i[:, None] == j[None])
    _, by_cosine, by_a = layers.slopes(m, sign, _down(p), _across(q), _down(p_dot))
    return by_cosine * (x_dot @ y.T) + by_a * a_dot[:, None]


def _down(profile: PyTree) -> PyTree:
    return jax.tree.map(lambda v: v.T[..., None], profile)


def _across(profile: PyTree) -> PyTree:
    return jax.tree.map(lambda v: v.T[..., None, :], profile)
