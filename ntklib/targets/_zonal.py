"""Sums of zonal harmonics."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from ntklib import _arguments, _checks
from ntklib.measures import _harmonics


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
      ValueError: a direction is not a unit vector.

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib import targets
      >>> target = targets.ZonalSum(
      ...     degrees=(2,), amplitudes=(1.0,), directions=jnp.array([[0.0, 0.0, 1.0]])
      ... )
      >>> target(jnp.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])).tolist()  # P₂(1) and P₂(0)
      [1.0, -0.5]
    """

    degrees: Sequence[int]
    amplitudes: Sequence[float]
    directions: Any

    def __post_init__(self) -> None:
        _arguments.whole_numbers("degrees", self.degrees, "(1, 2)", least=0)
        given = _arguments.real_numbers("amplitudes", self.amplitudes, "(1.0, 0.5)")
        _checks.same_length("amplitudes", len(given), "degrees", len(self.degrees))
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

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib import targets
      >>> float(targets.gegenbauer(2, 3, jnp.array(0.5)))  # Legendre's (3t² − 1)/2
      -0.125
      >>> float(targets.gegenbauer(2, 2, jnp.array(0.5)))  # Chebyshev's 2t² − 1
      -0.5
    """
    degree = _checks.whole_number("degree", degree, least=0)
    d = _checks.whole_number("d", d, least=2)
    return next(itertools.islice(_harmonics.polynomials(d, t), degree, None))
