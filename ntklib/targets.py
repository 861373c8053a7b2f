r"""Target functions f*: sums of Fourier modes on the circle and of zonal harmonics on spheres."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _checks, _harmonics, measures

Target = Callable[[Float[Array, "n d"]], Float[Array, " n"]]
"""f*: points to values; any JAX function of this form serves."""


@dataclass(frozen=True)
class FourierSum:
    r"""$f^*(x) = \sum_j a_j \cos(k_j\,\theta(x) - p_j)$ for points x of the unit circle.

    Attributes:
      frequencies: the k_j, whole and non-negative.
      amplitudes: the a_j, one for each frequency.
      phases: the p_j in radians; all 0 when empty.

    Raises:
      TypeError: a frequency is not a whole number.
      ValueError: a frequency is negative, or the lengths differ.
    """

    frequencies: Sequence[int]
    amplitudes: Sequence[float]
    phases: Sequence[float] = ()

    def __post_init__(self) -> None:
        _whole_numbers("frequencies", self.frequencies)
        _amplitudes(self.amplitudes, "frequencies", len(self.frequencies))
        if self.phases:
            _checks.same_length("phases", len(self.phases), "frequencies", len(self.frequencies))

    def __call__(self, x: Float[Array, "*b 2"]) -> Float[Array, "*b"]:
        """Returns f*(x), shape (...); x has shape (..., 2)."""
        _checks.on_sphere("x", x)
        theta = measures.angles_of(x)[..., None]
        k = jnp.asarray(self.frequencies, x.dtype).reshape((1,) * (x.ndim - 1) + (-1,))
        p = jnp.asarray(self.phases or [0.0] * len(self.frequencies), x.dtype).reshape(k.shape)
        return jnp.cos(k * theta - p) @ jnp.asarray(self.amplitudes, x.dtype)


@dataclass(frozen=True)
class ZonalSum:
    r"""$f^*(x) = \sum_j a_j P_{k_j}(\langle\zeta_j, x\rangle)$ for points x of S^{d−1}.

    P_k is the Gegenbauer polynomial of degree k in d dimensions with P_k(1) = 1, so each term is a
    spherical harmonic of degree k_j (Müller, Spherical Harmonics, 1966).

    Attributes:
      degrees: the k_j, whole and non-negative.
      amplitudes: the a_j, one for each degree.
      directions: the unit vectors ζ_j, shape (number of degrees, d).

    Raises:
      TypeError: a degree is not a whole number, or directions are not floating-point numbers.
      ValueError: lengths differ, a degree is negative, or a direction is not a unit vector.
    """

    degrees: Sequence[int]
    amplitudes: Sequence[float]
    directions: Any

    def __post_init__(self) -> None:
        _whole_numbers("degrees", self.degrees)
        _amplitudes(self.amplitudes, "degrees", len(self.degrees))
        directions = _checks.real_array("directions", self.directions, "terms d")
        _checks.same_length("directions", directions.shape[0], "degrees", len(self.degrees))
        _checks.on_sphere("directions", directions)

    def __call__(self, x: Float[Array, "*b d"]) -> Float[Array, "*b"]:
        """Returns f*(x), shape (...); x has shape (..., d)."""
        _checks.on_sphere("x", x)
        directions = jnp.asarray(self.directions, x.dtype)
        d = directions.shape[1]
        terms = [
            a * gegenbauer(k, d, x @ zeta)
            for k, a, zeta in zip(self.degrees, self.amplitudes, directions, strict=True)
        ]
        return jnp.sum(jnp.stack(terms), axis=0)


def gegenbauer(degree: int, d: int, t: Float[Array, "*b"]) -> Float[Array, "*b"]:
    r"""The Gegenbauer (ultraspherical) polynomial $P_k$ in d dimensions with $P_k(1) = 1$.

    Chebyshev polynomials for d = 2 and Legendre polynomials for d = 3.

    Args:
      degree: k ≥ 0.
      d: dimension of the ambient space, at least 2.
      t: arguments in [−1, 1], any shape.

    Returns:
      $P_k(t)$, in the shape of t.

    Raises:
      ValueError: degree is negative or d is less than 2.
    """
    degree = _checks.whole_number("degree", degree, least=0)
    d = _checks.whole_number("d", d, least=2)
    return next(itertools.islice(_harmonics.polynomials(d, t), degree, None))


def _whole_numbers(name: str, values: Sequence[Any]) -> None:
    if len(values) == 0:
        raise ValueError(f"{name} is empty: give at least one.")
    for index, value in enumerate(values):
        _checks.whole_number(f"{name}[{index}]", value, least=0)


def _amplitudes(values: Sequence[float], other: str, length: int) -> None:
    _checks.same_length("amplitudes", len(values), other, length)
    _checks.real_array("amplitudes", np.asarray(values, dtype=float))
