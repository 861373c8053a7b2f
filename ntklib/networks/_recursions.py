r"""The layers of the kernels in `_covariances`: what they make of the angle of two points."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ntklib.networks import _angles, _stacks
from ntklib.networks._deviations import Deviations


@runtime_checkable
class Layers(Protocol):
    """The recursion of an activation through the layers."""

    def profile(self, a: Float[Array, " n"]) -> PyTree:
        """Returns what depends on one point, of |x|/√d: arrays of shape (n,).

        Of layers that aren't few they have shape (n, layers).
        """

    def entries(self, m: Array, sign: Array, p: PyTree, q: PyTree) -> Array:
        """Returns the kernel, of 1 − |cos φ|, the sign of cos φ, and two points' profiles."""

    def slopes(
        self, m: Array, sign: Array, p: PyTree, q: PyTree, p_dot: PyTree
    ) -> tuple[Array, Array, Array]:
        """Returns the kernel and its derivatives by cos φ and by one of both a.

        Forward, so that nothing is kept for a way back through the layers.

        Args:
          m: see `entries`, as the next three.
          sign: of cos φ.
          p: profile of one point.
          q: of the other.
          p_dot: derivative of p by a.
        """


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
        return totals[-1], totals[-1], (e[0], f[0], _stacks.by_layer((e[1:], f[1:])))

    def entries(self, m: Array, sign: Array, p: PyTree, q: PyTree) -> Array:
        """See `Layers`."""
        (left, _, row), (_, right, column) = p, q
        return left * right * self._relative(m, sign, row, column)

    def slopes(
        self, m: Array, sign: Array, p: PyTree, q: PyTree, p_dot: PyTree
    ) -> tuple[Array, Array, Array]:
        """See `Layers`. Without biases lengths only scale the kernel."""
        if self.deviations.biases:
            return _slopes(self.entries, m, sign, p, q, p_dot)
        (left, *_), (_, right, _), (left_dot, *_) = p, q, p_dot
        relative, slope = jax.jvp(lambda m: self._relative(m, sign, (), ()), (m,), (-sign,))
        both = left * right
        return both * relative, both * slope, left_dot * right * relative

    def _relative(self, m: Array, sign: Array, row: Any, column: Any) -> Array:
        """Returns the kernel relative to both deviations, of the biases' e and f."""
        shares: Any = [None] * self.depth if self.depth <= _stacks.SHALLOW else None
        if self.deviations.biases:
            m, sign = _with_bias(m, sign, row[:2], column[:2])
            shares = _stacks.both(row[2], column[2])

        def layer(state: tuple[Array, ...], shares: Any, first: Any) -> tuple[Array, Array]:
            m, rest, tangent = state
            _, phi, excess = _angles.angle(m, rest)
            # What ReLU returns is at acute angles.
            obtuse = first & (sign < 0)
            phi, excess = phi * (1 / math.pi), excess * (1 / math.pi)
            slope = jnp.where(obtuse, phi, 1 - phi)
            m = jnp.maximum(jnp.where(obtuse, 1, m) - excess, 0)
            if shares is not None:
                (e, f), (e_, f_) = shares
                m = ((e - e_) ** 2 + (f - f_) ** 2) / 2 + e * e_ * m
                slope = slope * (e * e_)
            return m, 1 - m + slope * tangent

        def step(state: tuple[Array, ...], given: Any) -> tuple[tuple[Array, ...], None]:
            m, tangent = layer(state, *given)
            return (m, _angles.rest(m), tangent), None

        start: tuple[Array, ...] = (m, _angles.rest(m), sign * (1 - m))
        before, last = _stacks.split(_stacks.both(shares, np.arange(self.depth) == 0))
        return layer(_stacks.through(step, start, before), *last)[1]


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
        """Returns e, f and the bias's share of the first layer, and √2/√(1 + 2s) of all others."""
        shares: tuple[Array, ...] = ()
        weight, bias = self.deviations.weight, self.deviations.bias
        deviation = weighted = a if weight == 1 else weight * a
        if bias:
            deviation = jnp.sqrt(weighted * weighted + bias**2)
            shares = weighted / deviation, bias / deviation
        tangent = math.sqrt(2) * deviation  # e/f
        long = tangent > 1
        ratio = jnp.where(long, 1 / jnp.where(long, tangent, 1), tangent)
        larger = 1 / jnp.sqrt(1 + ratio * ratio)
        e, f = jnp.where(long, larger, ratio * larger), jnp.where(long, ratio * larger, larger)

        def layer(state: Any, _: None) -> tuple[Any, Array]:
            rho, m, before = state
            phi = _angles.arcsine(rho, _angles.arc(rho, m))[0]
            new = (2 / math.pi) * phi + (before if self.residual else 0)
            s = self.deviations.weighted(new) + bias**2
            factor = math.sqrt(2) / jnp.sqrt(1 + 2 * s)
            rho = s * factor**2
            return (rho, 1 - rho, new), factor

        if self.depth == 1:
            return e, f, shares, []
        first: Any = e * e, f * f, jnp.zeros_like(a)
        _, factors = jax.lax.scan(layer, first, length=self.depth - 1)
        return e, f, shares, _stacks.by_layer(factors)

    def entries(self, m: Array, sign: Array, p: PyTree, q: PyTree) -> Array:
        """See `Layers`."""
        (e, f, share, row), (e_, f_, share_, column) = p, q
        if self.deviations.biases:
            m, sign = _with_bias(m, sign, share, share_)
        rho = e * e_ * (sign * (1 - m))
        m = (f * f + f_ * f_ + (e - e_) ** 2) / 2 + e * e_ * m

        # Relative to both √(1 + 2s)/√2, like ρ̃ of the covariance, τ is the tangent kernel.
        def layer(state: Any) -> tuple[Array, Array, Any]:
            arc, rho, tau, before = state
            phi, sine = _angles.arcsine(rho, arc)
            c, tangent = (2 / math.pi) * phi, (2 / math.pi) / sine * tau
            if self.residual:
                c, tangent = c + before[0], tangent + before[1]
                before = c, tangent
            s = self.deviations.weighted(c) + self.deviations.bias**2
            return s, self.deviations.weighted(tangent) + s, before

        def step(state: Any, factors: tuple[Array, Array]) -> tuple[Any, None]:
            s, tangent, before = layer(state)
            both = factors[0] * factors[1]
            rho = s * both
            return (_angles.arc(rho, 1 - jnp.abs(rho)), rho, tangent * both, before), None

        before = (jnp.zeros_like(m), jnp.zeros_like(m)) if self.residual else ()
        start = _angles.arc(rho, m), rho, rho, before
        return layer(_stacks.through(step, start, _stacks.both(row, column)))[1]

    def slopes(
        self, m: Array, sign: Array, p: PyTree, q: PyTree, p_dot: PyTree
    ) -> tuple[Array, Array, Array]:
        """See `Layers`."""
        return _slopes(self.entries, m, sign, p, q, p_dot)


def _slopes(
    entries: Callable[..., Array], m: Array, sign: Array, p: PyTree, q: PyTree, p_dot: PyTree
) -> tuple[Array, Array, Array]:
    """Returns what `Layers.slopes` does, in both directions at once, which share the layers."""
    directions = [
        jax.tree.map(
            lambda v, place=place: jnp.zeros((2, *v.shape), v.dtype).at[place].set(v), each
        )
        for place, each in enumerate((-sign, p_dot))
    ]

    def along(*direction: Any) -> tuple[Array, Array]:
        found: tuple[Array, Array] = jax.jvp(lambda m, p: entries(m, sign, p, q), (m, p), direction)
        return found

    gram, (by_cosine, by_a) = jax.vmap(along, out_axes=(None, 0))(*directions)
    return gram, by_cosine, by_a


def _with_bias(m: Array, sign: Array, row: Any, column: Any) -> tuple[Array, Array]:
    """Returns m and the sign of e·e'·cos φ + f·f'."""
    (e, f), (e_, f_) = row, column
    weight = e * e_
    acute = sign * weight * (1 - m) + f * f_ >= 0
    rest = jnp.where(acute == (sign > 0), m, 2 - m)
    differences = (e - e_) ** 2 + jnp.where(acute, f - f_, f + f_) ** 2
    return differences / 2 + weight * rest, jnp.where(acute, 1, -1).astype(m.dtype)
