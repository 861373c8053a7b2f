r"""What `deviations.split` returns: both sides of the identity, and the causes of a deviation."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
from jaxtyping import Array, Float


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Parts:
    """Functions on X, one for each cause.

    Attributes:
      sampling: from the sample in place of ρ, shape (..., q).
      initialization: from K₀ in place of K, shape (..., q).
      movement: from K_s in place of K₀, shape (..., q).
    """

    sampling: Float[Array, "*s q"]
    initialization: Float[Array, "*s q"]
    movement: Float[Array, "*s q"]

    @property
    def total(self) -> Float[Array, "*s q"]:
        """Their sum."""
        return self.sampling + self.initialization + self.movement

    def map(self, function: Callable[[Array], Array]) -> "Parts":
        """Returns the parts after a linear map of functions, such as a projection."""
        return Parts(
            function(self.sampling), function(self.initialization), function(self.movement)
        )


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Split:
    r"""Both sides of the identity along one trajectory; functions are given at the nodes.

    A pytree: stack those of several draws by `jax.tree.map`.

    Attributes:
      times: t, the ends of the panels, shape (s,).
      residuals: r_t, shape (s, q).
      deviation: the left side $r_t - e^{-T_K t}r_0$, shape (s, q).
      integral: the right side $\int_0^t e^{-T_K(t-s)}(T_K - T_n^s)r_s\,ds$, shape (s, q).
      parts: the right side again as three integrals, of shape (s, q), whose `total` it is.
      forces: their integrands $(T_K - T_n)r_s$ and so on at the Gauss points, shape (s, g, q).
    """

    times: Float[Array, "*b s"]
    residuals: Float[Array, "*b s q"]
    deviation: Float[Array, "*b s q"]
    integral: Float[Array, "*b s q"]
    parts: Parts
    forces: Parts
