r"""Tangent kernels of convolutional ReLU and erf networks, in tiles of pairs of images.

The readout has a weight for every position, so that of two images only covariances at the same
position count: maps, which a convolution sums over its windows and an activation changes position
by position. In place of a covariance c they hold δ = (s + r)/2 − c with both variances: half the
squared distance, which is summed likewise and is exactly 0 where two images coincide, while c tells
an angle only to √ε there. Where images are opposite, (s + r)/2 + c is 0.
"""

import math
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ntklib.networks import _angles, _programs, _tiles
from ntklib.networks._deviations import Deviations
from ntklib.networks._layers import Window

SIDE = 64
"""Most images a side of a tile."""

ENTRIES = 2**15
"""Of the maps that are worked on at once, 256 kB each, so that they stay in a core's cache."""


@runtime_checkable
class Moments(Protocol):
    """What an activation makes of maps of preactivations."""

    def profile(self, s: Array) -> tuple[PyTree, Array]:
        """Returns what a pair needs of one image's variances s, and those after the activation."""

    def pair(
        self, delta: Array, opposite: Array, p: PyTree, q: PyTree
    ) -> tuple[Array, Array, Array]:
        """Returns c, E[ω'(u)ω'(v)], and δ after the activation.

        Args:
          delta: (s + r)/2 − c.
          opposite: (s + r)/2 + c, or ∞ where that is the larger one for sure.
          p: profile of one image.
          q: of the other.
        """


@dataclass(frozen=True)
class Relu:
    r"""ReLU, see `_covariances.Relu`: $\delta = \sqrt{sr}(1-\cos\phi) + (\sqrt s-\sqrt r)^2/2$."""

    def profile(self, s: Array) -> tuple[PyTree, Array]:
        """Returns √s, with derivative 0 at 0, and s/2."""
        some = s > 0
        return jnp.where(some, jnp.sqrt(jnp.where(some, s, 1)), 0), s / 2

    def pair(
        self, delta: Array, opposite: Array, p: PyTree, q: PyTree
    ) -> tuple[Array, Array, Array]:
        """See `Moments`."""
        lengths, scale = (p - q) ** 2 / 2, p * q
        acute, some = delta <= opposite, scale > 0
        rest = jnp.maximum(jnp.where(acute, delta, opposite) - lengths, 0)
        m = jnp.where(some, rest / jnp.where(some, scale, 1), 0)
        _, phi, excess = _angles.angle(m, _angles.rest(m))
        slope = jnp.where(acute, 1 - phi / math.pi, phi / math.pi) / 2
        after = jnp.maximum(jnp.where(acute, m, 1) - excess / math.pi, 0)
        c = jnp.where(acute, scale - rest, rest - scale)
        return c, slope, (lengths + scale * after) / 2


@dataclass(frozen=True)
class Erf:
    r"""erf, see `_covariances.Erf`: with $A = \sqrt{1+2s}$, $\tilde\rho = (s+r-2\delta)/(AA')$."""

    def profile(self, s: Array) -> tuple[PyTree, Array]:
        """Returns s, A and the variance after the activation, and the latter once more."""
        a = jnp.sqrt(1 + 2 * s)
        rho = 2 * s / (a * a)
        after = (2 / math.pi) * _angles.arcsine(rho, _angles.arc(rho, 1 / (a * a)))[0]
        return (s, a, after), after

    def pair(
        self, delta: Array, opposite: Array, p: PyTree, q: PyTree
    ) -> tuple[Array, Array, Array]:
        """See `Moments`."""
        (s, a, after), (s_, a_, after_) = p, q
        c = (s + s_) / 2 - delta
        scale = 1 / (a * a_)
        rho = 2 * c * scale
        # As long as both preactivations are one, 1 − ρ̃ is at least the scale.
        apart = jnp.maximum(1 + 2 * delta - (a - a_) ** 2 / 2, 1) * scale
        arc = _angles.arc(rho, jnp.where(rho < 0, 1 + rho, apart))
        phi, sine = _angles.arcsine(rho, arc)
        return c, (4 / math.pi) * scale / sine, (after + after_) / 2 - (2 / math.pi) * phi


@dataclass(frozen=True)
class Convolutional:
    """A convolutional network in the limit of infinite width.

    Attributes:
      moments: of its activation.
      depth: number of convolutions.
      deviations: σ_w and σ_b of every layer.
      shape: of an image, (*positions, channels).
      window: of the convolutions.
    """

    moments: Moments
    depth: int
    deviations: Deviations
    shape: tuple[int, ...]
    window: Window

    @property
    def side(self) -> int:
        """Images a side of a tile."""
        return min(SIDE, max(8, ENTRIES // math.prod(self.shape[:-1])))

    def tile(self, x: Float[Array, "n d"], y: Float[Array, "k d"]) -> Float[Array, "n k"]:
        """Returns the kernel of a tile."""
        n, most = len(x), max(1, ENTRIES // (math.prod(self.shape[:-1]) * len(y)))
        # Of one size, or what is left over would be compiled by itself.
        rows = next(count for count in range(min(n, most), 0, -1) if n % count == 0)
        profiles = self._profile(jnp.concatenate([x, y]))
        columns = jax.tree.map(lambda maps: maps[..., None, n:], profiles)

        def some(start: Array) -> Float[Array, "rows k"]:
            those = jax.tree.map(
                lambda maps: jax.lax.dynamic_slice_in_dim(maps, start, rows, -1)[..., None],
                profiles,
            )
            return self._pairs(those, columns)

        again: Any = jax.checkpoint(some)  # see `_tiles`
        found: Array = jax.lax.map(again, jnp.arange(0, n, rows))
        return found.reshape(n, len(y))

    def _profile(self, x: Float[Array, "n d"]) -> Any:
        """Returns images, (*positions, channels, n), the layers' profiles, the last variances."""
        image = jnp.moveaxis(x.reshape(-1, *self.shape), 0, -1)

        def layer(s: Array, _: None) -> tuple[Array, Any]:
            profile, after = self.moments.profile(self._sums(s) + self.deviations.bias**2)
            return after, profile

        s, layers = jax.lax.scan(layer, jnp.mean(image * image, axis=-2), length=self.depth)
        return image, layers, s

    def _pairs(self, rows: Any, columns: Any) -> Float[Array, "n k"]:
        """Returns the kernel of images with others, from what is known of both."""
        (x, layers, s), (y, layers_, s_) = rows, columns

        # A loop, or XLA would compute what a layer makes of a position for each window anew.
        def layer(state: tuple[Array, Array], given: Any) -> tuple[tuple[Array, Array], None]:
            delta, tangent = map(self._sums, state)
            c, slope, delta = self.moments.pair(delta, *given)
            return (delta, slope * (tangent + c)), None

        delta, opposite = (jnp.mean((x + sign * y) ** 2, axis=-3) / 2 for sign in (-1, 1))
        # What ReLU returns is at acute angles; erf has no need of it.
        opposite = (self._sums(opposite) + 2 * self.deviations.bias**2)[None]
        further = jnp.full((self.depth - 1, *delta.shape), jnp.inf, delta.dtype)
        given = (jnp.concatenate([opposite, further]), layers, layers_)
        (delta, tangent), _ = jax.lax.scan(layer, (delta, jnp.zeros_like(delta)), given)
        last = (s + s_) / 2 - delta + tangent
        if self.window.padding == "VALID":
            lost = self.depth * (self.window.size - 1)
            last = last[tuple(slice(length - lost) for length in self.shape[:-1])]
        total = jnp.sum(last, axis=range(last.ndim - 2))
        return self.deviations.weighted(total) + self.deviations.bias**2

    def _sums(self, maps: Float[Array, "..."]) -> Float[Array, "..."]:
        """Returns σ_w² times sums over windows, and 0 where these would reach out of the image."""
        sums = self.deviations.weighted(self.window.sums(maps, len(self.shape) - 1))
        if self.window.padding == "VALID":
            return jnp.pad(sums, [(0, n - m) for n, m in zip(maps.shape, sums.shape, strict=True)])
        return sums


def gram(network: Convolutional) -> _programs.Gram:
    """Returns the kernel of two sets of images; of a set with itself it computes half."""

    def kernel(x1: Float[Array, "n d"], x2: Float[Array, "k d"]) -> Float[Array, "n k"]:
        if x1 is x2:
            return _tiles.among(network.tile, x1, network.side)
        return _tiles.between(network.tile, x1, x2, network.side)

    return _programs.compiled(kernel)
