r"""The law $a/m + (b + c/m)/n$ and its numbers, one draw or neuron at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _axes

Sizes = float | int | Sequence[float] | np.ndarray
Mean = float | np.ndarray


@dataclass(frozen=True)
class StartLaw:
    r"""The mean $a/m + (b + c/m)/n$ of $\hat\epsilon$ over draws as $T \to 0$, in 1/time².

    Attributes:
      a: A·m.
      b: B.
      c: C·m.
      a_error: standard error of a.
      c_error: standard error of c.
    """

    a: float
    b: float
    c: float
    a_error: float
    c_error: float

    def width_part(self, m: Sizes) -> Mean:
        """Returns a/m, what the width leaves at n = ∞."""
        return self.a / np.asarray(m, float)

    def sample_part(self, m: Sizes, n: Sizes) -> Mean:
        """Returns (b + c/m)/n, the mean squared distance from the same network at n = ∞."""
        return (self.b + self.c / np.asarray(m, float)) / np.asarray(n, float)

    def __call__(self, m: Sizes, n: Sizes) -> Mean:
        """Returns the mean at width m and n samples, which may be ∞; arrays broadcast."""
        return self.width_part(m) + self.sample_part(m, n)


def of_means(a: np.ndarray, b: float, c: np.ndarray) -> StartLaw:
    """Returns the law of the means of a and c, with their standard errors."""
    errors = (float(np.std(each, ddof=1)) / each.size**0.5 for each in (a, c))
    return StartLaw(float(a.mean()), b, float(c.mean()), *errors)


@jax.jit
def parts(
    kernel: Float[Array, "*b q q"], initial: Float[Array, " q"], weights: Float[Array, " q"]
) -> tuple[Float[Array, "*b"], Float[Array, "*b"]]:
    """Returns ‖T_K r₀‖² and ∬K²r₀² − ‖T_K r₀‖² of one kernel, or of each of several."""
    image = kernel @ (weights * initial)
    # A variance over s, whose two terms have no digit in common with it if K hardly varies.
    spread = kernel * _axes.padded(initial, kernel.ndim) - image[..., None]
    square = jnp.einsum("...xs,...xs,s->...x", spread, spread, weights)
    return jnp.einsum("...x,...x,x->...", image, image, weights), square @ weights
