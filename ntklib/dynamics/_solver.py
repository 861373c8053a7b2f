"""What a flow is integrated by, and what of."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, PyTree

from ntklib import _arguments, _checks
from ntklib.networks._network import Apply

METHODS = ("explicit", "exponential")


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=("rtol", "atol"),
    meta_fields=("method", "max_steps"),
)
@dataclass(frozen=True)
class Solver:
    """How a flow is integrated, as `dynamics.gradient_flow` has it.

    Programs are compiled anew for another method or number of steps, not for other tolerances.
    """

    method: str
    rtol: Any
    atol: Any
    max_steps: int

    def checked(self, dtype: Any) -> "Solver":
        """Returns it, or says what is wrong with it for parameters of this type.

        Raises:
          ValueError: a tolerance is too small.
        """
        _arguments.choice("method", self.method, METHODS)
        max_steps = _checks.whole_number("max_steps", self.max_steps, least=1)
        least = 4 * float(np.finfo(dtype).eps)
        if _checks.positive("rtol", self.rtol) < least:
            raise ValueError(
                f"rtol = {self.rtol:g} is below the rounding of {dtype}: use {least:.1g} or more, "
                "or parameters in float64."
            )
        if self.atol is not None:
            _checks.positive("atol", self.atol)
        return Solver(self.method, self.rtol, self.atol, max_steps)


@dataclass(frozen=True)
class Model:
    """The function that is trained.

    Attributes:
      apply: (θ, x) ↦ f(x; θ).
      forward: f by its layers, where they are known.
      linearized: whether f is linearized at θ₀.
    """

    apply: Apply
    forward: Callable[..., Array] | None
    linearized: bool

    def at(self, theta_0: PyTree, x: Float[Array, "n d"]) -> Callable[[PyTree], Array]:
        """Returns θ ↦ f(x; θ), or f(x; θ₀) + ⟨∇f(x; θ₀), θ − θ₀⟩.

        In one row, with the outputs of a point together.
        """

        def row(theta: PyTree) -> Array:
            return self.apply(theta, x).reshape(-1)

        if not self.linearized:
            return row
        # Outside the integrator's loop, so that f and its derivatives at θ₀ are evaluated once.
        start, tangent = jax.linearize(row, theta_0)
        return lambda theta: start + tangent(jax.tree.map(jax.numpy.subtract, theta, theta_0))


class Integrals(NamedTuple):
    """The sums that stand for integrals: of the loss, and over ρ.

    With o outputs there are n·o and q·o numbers in place of n and q, those of a point together.

    Attributes:
      weights: of the training points, shape (n,).
      nodes: of ρ, shape (q, d).
      node_weights: shape (q,).
      wanted: f* at the nodes, shape (q,).
      ridge: λ of the penalty λ/2·‖θ − θ₀‖²; None for none, which costs nothing.
    """

    weights: Float[Array, " no"]
    nodes: Float[Array, "q d"]
    node_weights: Float[Array, " qo"]
    wanted: Float[Array, " qo"]
    ridge: Float[Array, ""] | None = None
