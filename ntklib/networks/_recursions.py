r"""The layers of the kernels in `_covariances`: what they make of the angle of two points."""

import math
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ntklib.networks import _angles
from ntklib.networks._deviations import Deviations


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
      deviations: σ_w and σ_b of every layer.
    """

    depth: int
    deviations: Deviations

    def profile(self, a: Float[Array, " n"]) -> PyTree:
        """Returns two factors whose product scales the kernel, and e, f of every bias."""
        weight, bias = self.deviations.weight, self.deviations.bias
        if not bias:
            # Powers of two in halves: the product of both deviations could overflow.
            halves = self.depth // 2, (self.depth + 1) // 2
            left, right = (a * (0.5**half * weight ** (self.depth + 1)) for half in halves)
            return left, right, ()

        def layer(deviation: Array, _: None) -> tuple[Array, tuple[Array, ...]]:
            weighted = deviation if weight == 1 else weight * deviation
            total = jnp.sqrt(weighted * weighted + bias**2)
            return total * math.sqrt(0.5), (weighted / total, bias / total, total)

        _, (e, f, totals) = jax.lax.scan(layer, a, length=self.depth + 1)
        last, first, e, f = totals[-1], (e[0], f[0]), e[1:].T, f[1:].T
        return last, last, (*first, e, f)

    def entries(self, m: Array, sign: Array, p: PyTree, q: PyTree) -> Array:
        """See `Layers`."""
        (left, _, row), (_, right, column) = p, q
        layers: Any = None
        if self.deviations.biases:
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

    From the second layer on no variance is above σ_w²·depth + σ_b², and unless these deviations
    are large, c itself tells 1 − |ρ̃| well.
    Before, the points may be of any length: like a bias that two points don't share, erf takes
    unit vectors (…, cos φ) to (e cos φ, …) with e² + f² = 1, f² = 1/(1 + 2s).

    Attributes:
      depth: number of hidden layers.
      deviations: σ_w and σ_b of every layer.
      residual: whether a hidden layer, after the first, adds its input to its output.
    """

    depth: int
    deviations: Deviations
    residual: bool = False

    def profile(self, a: Float[Array, " n"]) -> PyTree:
        """Returns e, f and the bias's share of the first layer, and √2/√(1 + 2s) of all."""
        shares: tuple[Array, ...] = ()
        weight, bias = self.deviations.weight, self.deviations.bias
        deviation = weighted = a if weight == 1 else weight * a
        if bias:
            deviation = jnp.sqrt(weighted * weighted + bias**2)
            shares = weighted / deviation, bias / deviation
        f = 1 / jnp.sqrt(1 + 2 * deviation * deviation)
        e = math.sqrt(2) * deviation * f

        def layer(state: Any, _: None) -> tuple[Any, Array]:
            factor, rho, m, before = state
            phi = _angles.arcsine(rho, m)[0]
            new = (2 / math.pi) * phi + (before if self.residual else 0)
            s = self.deviations.weighted(new) + bias**2
            following = math.sqrt(2) / jnp.sqrt(1 + 2 * s)
            rho = s * following**2
            return (following, rho, 1 - rho, new), factor

        zero = jnp.zeros_like(a)
        _, weights = jax.lax.scan(layer, (e, e * e, f * f, zero), length=self.depth)
        following = jnp.concatenate([weights[1:], zero[None]])
        return e, f, shares, weights.T, following.T

    def entries(self, m: Array, sign: Array, p: PyTree, q: PyTree) -> Array:
        """See `Layers`."""
        (e, f, share, *row), (e_, f_, share_, *column) = p, q
        if self.deviations.biases:
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
            s = self.deviations.weighted(c) + self.deviations.bias**2
            rho = s * (following * following_)
            total = self.deviations.weighted(tangent) + s
            return (1 - jnp.abs(rho), rho, c, tangent, total), None

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
