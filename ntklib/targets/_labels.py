"""Labels of a data set."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _axes, _checks


@dataclass(frozen=True, eq=False)
class Labels:
    r"""$f^*(x_j) = y_j$ on the points of a data set, where ρ is its empirical distribution.

    Attributes:
      points: the x_j, all different, shape (q, d).
      values: the y_j, shape (q,), or (q, o) with o values a point, such as `one_hot` of classes.

    Raises:
      TypeError: points or values are not floating-point numbers.
      ValueError: wrong shapes, NaN or infinite values, or points that are there twice.

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib import targets
      >>> target = targets.Labels(jnp.array([[0.0, 0.0], [1.0, 1.0]]), jnp.array([-1.0, 1.0]))
      >>> target(jnp.array([[1.0, 1.0], [0.0, 0.0], [1.0, 1.0]])).tolist()
      [1.0, -1.0, 1.0]
    """

    points: Any
    values: Any

    def __post_init__(self) -> None:
        points = _checks.real_array("points", self.points, "q d")
        values = _checks.real_array("values", self.values)
        if values.ndim != 2:
            _checks.form("values", values, "q")
        _checks.same_length("values", values.shape[0], "points", points.shape[0])
        twice = points.shape[0] - len(np.unique(np.asarray(points), axis=0))
        if twice:
            raise ValueError(
                f"points must be different, but {twice} of {points.shape[0]} are there before: "
                "drop them, or f* would not be a function."
            )
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "values", values)

    def __call__(self, x: Float[Array, "*b d"]) -> Float[Array, "..."]:
        """Returns the value of the nearest of the points, shape (...) or (..., o), for (..., d)."""
        points = self.points.astype(x.dtype)
        # |x − x_j|² without |x|², which is the same for all j.
        squares = _axes.padded(jnp.sum(points**2, axis=-1), x.ndim)
        return self.values.astype(x.dtype)[jnp.argmin(squares - 2 * x @ points.T, axis=-1)]
