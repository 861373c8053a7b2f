"""Zonal harmonics, one a degree and direction."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _checks, targets
from ntklib.measures import _harmonics


@dataclass(frozen=True, eq=False)
class Harmonics:
    r"""Zonal harmonics $\phi_j(x) = \sqrt{N(d,k_j)}\,P_{k_j}(\langle\zeta_j, x\rangle)$ on S^{d−1}.

    Attributes:
      degrees: the k_j, whole and non-negative.
      directions: the unit vectors ζ_j, shape (number of degrees, d).

    Raises:
      ValueError: a direction is not a unit vector.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib import measures
      >>> from ntklib.learning import zonal
      >>> poles = jnp.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
      >>> harmonics = zonal.Harmonics(degrees=(1, 2), directions=poles)
      >>> sphere = measures.sphere(3, degree=4)
      >>> phi = np.asarray(harmonics(sphere.nodes))
      >>> (((phi * np.asarray(sphere.weights)) @ phi.T).round(6) + 0.0).tolist()  # no −0
      [[1.0, 0.0], [0.0, 1.0]]
    """

    degrees: Sequence[int]
    directions: Any

    def __post_init__(self) -> None:
        targets.ZonalSum(self.degrees, [1.0] * len(self.degrees), self.directions)

    @property
    def scales(self) -> np.ndarray:
        """The factors √N(d, k_j), shape (k,)."""
        d = jnp.asarray(self.directions).shape[1]
        return np.sqrt([float(_harmonics.multiplicity(d, k)) for k in self.degrees])

    def __call__(self, x: Float[Array, "n d"]) -> Float[Array, "k n"]:
        """Returns φ_j(x), shape (k, n)."""
        directions, scales = (jnp.asarray(each, x.dtype) for each in (self.directions, self.scales))
        return _zonal(directions, scales, x, tuple(int(k) for k in self.degrees))

    def target(self, weights: Sequence[float]) -> targets.ZonalSum:
        r"""Returns $f^* = \sum_j a_j\phi_j$ for the weights a_j."""
        _checks.same_length("weights", len(weights), "degrees", len(self.degrees))
        amplitudes = [float(a * s) for a, s in zip(weights, self.scales, strict=True)]
        return targets.ZonalSum(self.degrees, amplitudes, self.directions)


@functools.partial(jax.jit, static_argnames="degrees")
def _zonal(directions: Array, scales: Array, x: Array, degrees: tuple[int, ...]) -> Array:
    """Returns harmonics at points, shape (k, n), compiled once for each shape."""
    d = directions.shape[1]
    each = zip(degrees, directions, scales, strict=True)
    return jnp.stack([scale * targets.gegenbauer(k, d, x @ zeta) for k, zeta, scale in each])
