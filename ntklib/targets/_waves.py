"""Sums of sines and cosines, on an interval and on the circle."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _arguments, _axes, _checks, measures


@dataclass(frozen=True)
class FourierSum:
    r"""$f^*(x) = \sum_j a_j \cos(k_j\,\theta(x) - p_j)$ for points x of the unit circle.

    Attributes:
      frequencies: the k_j, whole and non-negative.
      amplitudes: the a_j, one for each frequency.
      phases: the p_j in radians; all 0 when empty.

    Example:
      >>> import numpy as np
      >>> from ntklib import measures, targets
      >>> target = targets.FourierSum(frequencies=(0, 1), amplitudes=(1.0, 0.5))
      >>> np.asarray(target(measures.circle(4).nodes)).round(6).tolist()  # 1 + cos(θ)/2
      [1.5, 1.0, 0.5, 1.0]
    """

    frequencies: Sequence[int]
    amplitudes: Sequence[float]
    phases: Sequence[float] = ()

    def __post_init__(self) -> None:
        _waves(self, least=0)

    def __call__(self, x: Float[Array, "*b 2"]) -> Float[Array, "*b"]:
        """Returns f*(x), shape (...); x has shape (..., 2)."""
        _checks.on_sphere("x", x)
        return _modes(x, *_coefficients(self, x))


@dataclass(frozen=True)
class SinusoidSum:
    r"""$f^*(x) = \sum_j a_j \sin(2\pi k_j x + p_j)$ for x in [0, 1].

    Attributes:
      frequencies: the k_j in periods over [0, 1], whole and positive.
      amplitudes: the a_j, one for each frequency.
      phases: the p_j in radians; all 0 when empty.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib import targets
      >>> target = targets.SinusoidSum(frequencies=(1, 3), amplitudes=(1.0, 1.0))
      >>> half = 0.5 * np.sin(2 * np.pi * np.arange(16) / 16)
      >>> np.asarray(target.learned_shares(jnp.asarray(half))).round(6).tolist()
      [0.5, 0.0]
    """

    frequencies: Sequence[int]
    amplitudes: Sequence[float]
    phases: Sequence[float] = ()

    def __post_init__(self) -> None:
        _waves(self, least=1)

    def __call__(self, x: Float[Array, "*b 1"]) -> Float[Array, "*b"]:
        """Returns f*(x), shape (...); x has shape (..., 1)."""
        return _sinusoids(x, *_coefficients(self, x))

    def learned_shares(self, values: Float[Array, "*b q"]) -> Float[Array, "*b k"]:
        r"""Returns how much of each sinusoid a function has: 0 for nothing, 1 for all of it.

        With $\hat f(k) = \frac1q\sum_j f(j/q)\,e^{-2\pi i k j/q}$ the share of frequency k is
        $\mathrm{Re}[\hat f(k)\,\overline{\hat f^*(k)}]\,/\,|\hat f^*(k)|^2$, the coefficient of
        f along the target's own sinusoid. The right amplitude with the wrong phase counts as
        little as it helps: a share is 1/2 when half the amplitude is there in the right phase.

        Args:
          values: f(j/q), j = 0, …, q − 1, on the last axis.

        Returns:
          One share a frequency, on the last axis.

        Raises:
          ValueError: q is at most twice the largest frequency, where frequencies can't be told
            apart, or an amplitude is 0.
        """
        q, highest = values.shape[-1], max(self.frequencies)
        if q <= 2 * highest:
            raise ValueError(
                f"values has {q} nodes on its last axis, on which frequency {highest} looks like "
                f"{abs(q - highest)}: take at least {2 * highest + 1}."
            )
        if not all(self.amplitudes):
            raise ValueError(
                "amplitudes holds a 0, which has no share to be learned: leave it out."
            )
        k = jnp.asarray(self.frequencies)
        own = jnp.fft.rfft(self(jnp.arange(q, dtype=values.dtype)[:, None] / q))[k]
        along = jnp.real(jnp.fft.rfft(values)[..., k] * _axes.padded(jnp.conj(own), values.ndim))
        return along / _axes.padded(jnp.abs(own) ** 2, values.ndim)


# One program each, in place of one for each operation in them.
@jax.jit
def _modes(x: Array, k: Array, p: Array, a: Array) -> Array:
    k, p = (_axes.padded(each, x.ndim) for each in (k, p))
    return jnp.cos(k * measures.angles_of(x)[..., None] - p) @ a


@jax.jit
def _sinusoids(x: Array, k: Array, p: Array, a: Array) -> Array:
    k, p = (_axes.padded(each, x.ndim) for each in (k, p))
    return jnp.sin(2 * jnp.pi * k * x + p) @ a


def _waves(target: FourierSum | SinusoidSum, *, least: int) -> None:
    """Checks what a sum of waves is made of; `least` is the lowest frequency."""
    _arguments.whole_numbers("frequencies", target.frequencies, "(1, 2)", least=least)
    for name, values in (("amplitudes", target.amplitudes), ("phases", _phases(target))):
        given = _arguments.real_numbers(name, values, "(1.0, 0.5)")
        _checks.same_length(name, len(given), "frequencies", len(target.frequencies))


def _coefficients(target: FourierSum | SinusoidSum, x: Array) -> list[np.ndarray]:
    """Returns frequencies, phases and amplitudes in the type of the points."""
    found = (target.frequencies, _phases(target), target.amplitudes)
    return [np.asarray(each, x.dtype) for each in found]


def _phases(target: FourierSum | SinusoidSum) -> Any:
    none_given = isinstance(target.phases, Sequence) and not target.phases
    return [0.0] * len(target.frequencies) if none_given else target.phases
