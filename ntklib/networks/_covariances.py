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

`_directions` has the m of two points, `_angles` its functions.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ntklib.networks import _angles, _directions, _programs, _tiles

SIDE = 128
"""Points a side of a tile: some arrays of SIDE² numbers fit into a core's cache."""


@runtime_checkable
class Layers(Protocol):
    """The recursion of an activation through the layers."""

    def profile(self, a: Float[Array, " n"]) -> PyTree:
        """Returns what depends on one point, of |x|/√d: arrays of shape (n,) or (n, depth)."""

    def entries(self, m: Array, sign: Array, p: PyTree, q: PyTree) -> Array:
        """Returns the kernel, of 1 − |cos φ|, the sign of cos φ, and two points' profiles."""


@dataclass(frozen=True)
class Relu:
    r"""ReLU: $\cos\phi' = (\sin\phi + (\pi - \phi)\cos\phi)/\pi$, $\dot\kappa = (\pi - \phi)/\pi$.

    The state of a pair is m, the sign of cos φ, and Θ relative to the deviations of both points.
    A bias takes the unit vectors (cos φ, …) to (e cos φ, …, f) with e² + f² = 1.

    Attributes:
      depth: number of hidden layers.
      biases: whether every layer has a standard normal bias.
    """

    depth: int
    biases: bool

    def profile(self, a: Float[Array, " n"]) -> PyTree:
        """Returns two factors whose product scales the kernel, and e, f of every bias."""
        if not self.biases:
            # Powers of two in halves: the product of both deviations could overflow.
            return a * 0.5 ** (self.depth // 2), a * 0.5 ** ((self.depth + 1) // 2), ()

        def layer(deviation: Array, _: None) -> tuple[Array, tuple[Array, ...]]:
            total = jnp.sqrt(deviation * deviation + 1)
            return total * math.sqrt(0.5), (deviation / total, 1 / total, total)

        _, (e, f, totals) = jax.lax.scan(layer, a, length=self.depth + 1)
        last, first, e, f = totals[-1], (e[0], f[0]), e[1:].T, f[1:].T
        return last, last, (*first, e, f)

    def entries(self, m: Array, sign: Array, p: PyTree, q: PyTree) -> Array:
        """See `Layers`."""
        (left, _, row), (_, right, column) = p, q
        layers: Any = None
        if self.biases:
            m, sign = _with_bias(m, sign, row[:2], column[:2])
            layers = row[2:], column[2:]

        def layer(state: tuple[Array, ...], shares: Any) -> tuple[tuple[Array, ...], None]:
            m, sign, tangent = state
            _, phi, excess = _angles.angle(m)
            acute = sign > 0
            slope = jnp.where(acute, 1 - phi / math.pi, phi / math.pi)
            m = jnp.maximum(jnp.where(acute, m, 1) - excess / math.pi, 0)
            if shares is not None:
                (e, f), (e_, f_) = shares
                m = ((e - e_) ** 2 + (f - f_) ** 2) / 2 + e * e_ * m
                slope = slope * (e * e_)
            return (m, jnp.ones_like(sign), 1 - m + slope * tangent), None

        start: tuple[Array, ...] = (m, sign, sign * (1 - m))
        state, _ = jax.lax.scan(layer, start, layers, length=self.depth)
        return left * right * state[-1]


@dataclass(frozen=True)
class Erf:
    r"""erf: $c' = \frac2\pi\arcsin\tilde\rho$, $\tilde\rho = 2c/\sqrt{(1+2s)(1+2r)}$.

    From the second layer on no variance is above depth + 1, and c itself tells 1 − |ρ̃| well.
    Before, the points may be of any length: like a bias that two points don't share, erf takes
    unit vectors (…, cos φ) to (e cos φ, …) with e² + f² = 1, f² = 1/(1 + 2s).

    Attributes:
      depth: number of hidden layers.
      biases: whether every layer has a standard normal bias.
      residual: whether a hidden layer, after the first, adds its input to its output.
    """

    depth: int
    biases: bool
    residual: bool = False

    def profile(self, a: Float[Array, " n"]) -> PyTree:
        """Returns e, f and the bias's share of the first layer, and √2/√(1 + 2s) of all."""
        shares: tuple[Array, ...] = ()
        deviation = a
        if self.biases:
            deviation = jnp.sqrt(a * a + 1)
            shares = a / deviation, 1 / deviation
        f = 1 / jnp.sqrt(1 + 2 * deviation * deviation)
        e = math.sqrt(2) * deviation * f

        def layer(state: Any, _: None) -> tuple[Any, Array]:
            weight, rho, m, before = state
            phi = _angles.arcsine(rho, m)[0]
            new = (2 / math.pi) * phi + (before if self.residual else 0)
            s = new + float(self.biases)
            next_weight = math.sqrt(2) / jnp.sqrt(1 + 2 * s)
            rho = s * next_weight**2
            return (next_weight, rho, 1 - rho, new), weight

        zero = jnp.zeros_like(a)
        _, weights = jax.lax.scan(layer, (e, e * e, f * f, zero), length=self.depth)
        following = jnp.concatenate([weights[1:], zero[None]])
        return e, f, shares, weights.T, following.T

    def entries(self, m: Array, sign: Array, p: PyTree, q: PyTree) -> Array:
        """See `Layers`."""
        (e, f, share, *row), (e_, f_, share_, *column) = p, q
        if self.biases:
            m, sign = _with_bias(m, sign, share, share_)
        cosine = sign * (1 - m)
        rho = e * e_ * cosine
        m = (f * f + f_ * f_ + (e - e_) ** 2) / 2 + e * e_ * m

        def layer(state: tuple[Array, ...], weights: Any) -> tuple[tuple[Array, ...], None]:
            m, rho, c_before, tangent_before, tangent = state
            (weight, following), (weight_, following_) = weights
            phi, sine = _angles.arcsine(rho, m)
            c = (2 / math.pi) * phi
            tangent = (2 / math.pi) * (weight * weight_) / sine * tangent
            if self.residual:
                c, tangent = c + c_before, tangent + tangent_before
            s = c + float(self.biases)
            rho = s * (following * following_)
            return (1 - jnp.abs(rho), rho, c, tangent, tangent + s), None

        zero = jnp.zeros_like(m)
        start: tuple[Array, ...] = (m, rho, zero, zero, cosine)
        weights: Any = tuple(row), tuple(column)
        state, _ = jax.lax.scan(layer, start, weights)
        return state[-1]


def _with_bias(m: Array, sign: Array, row: Any, column: Any) -> tuple[Array, Array]:
    """Returns m and the sign of e·e'·cos φ + f·f'."""
    (e, f), (e_, f_) = row, column
    weight = e * e_
    acute = sign * weight * (1 - m) + f * f_ >= 0
    rest = jnp.where(acute == (sign > 0), m, 2 - m)
    differences = (e - e_) ** 2 + jnp.where(acute, f - f_, f + f_) ** 2
    return differences / 2 + weight * rest, jnp.where(acute, 1, -1).astype(m.dtype)


def gram(layers: Layers) -> Callable[[Array, Array], Array]:
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
