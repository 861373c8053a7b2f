r"""Which error of a step counts as small: the units of a flow, seen at its start.

Parameters are of the order of 1 whatever the target is, and a target of size 10⁻⁸ moves them by
10⁻⁸: no tolerance relative to θ tells whether that movement is right. What has the target's units
is the residual. With $J$ the Jacobian of the predictions on the sample, each times the root of its
weight, independent errors δ of the parameters change them in L² by $\|J\|_F\,\mathrm{rms}(\delta)$.
So θ's own size s is the measure only as long as $\|J\|_F s$, which is the size of the network's
values, is not large beside $\|\hat r_0\|$. $\|J\|_F^2$ is the mean of K₀(x, x), and a rate: not
below λ₁, and of its order where a few eigenvalues carry most of the trace. All of it keeps its
value if network and target are multiplied by c and time by 1/c².
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from ntklib.dynamics._solver import Solver

SMALL = 0.25
"""A residual below this part of the network's size asks for smaller tolerances than θ's size."""
ABSOLUTE = 1e-3
"""Where a parameter is 0: this part of the relative tolerance of one that moves as it may."""
ROUNDING = 16
"""Spacings of floats by which evaluating a network is off, relative to its parameters' effect."""


@dataclass(frozen=True)
class Scales:
    """The scales of a flow.

    Attributes:
      residual: ‖r̂₀‖ in L² of the sample, shape ().
      rate: about ‖J‖²_F, shape ().
      spread: root mean square of θ₀, shape ().
    """

    residual: Float[Array, ""]
    rate: Float[Array, ""]
    spread: Float[Array, ""]

    def predictions(self, solver: Solver) -> Float[Array, ""]:
        """Returns the error of predictions in L² that a step may make.

        Without atol it is relative to the residual, but not below what rounding of θ does.
        """
        rtol = solver.rtol
        if solver.atol is not None:
            return solver.atol + rtol * self.residual
        precision = np.finfo(self.residual.dtype)
        rounding = ROUNDING * precision.eps * jnp.sqrt(self.rate) * self.spread
        # Where nothing is to be learned and θ₀ = 0, no error is made either.
        return jnp.maximum(jnp.maximum(rtol * self.residual, rounding), precision.tiny)

    def tolerances(self, solver: Solver) -> tuple[Any, Any]:
        """Returns the relative and the absolute error that a step may make of every parameter.

        Without atol both shrink with a small residual.
        """
        rtol = solver.rtol
        if solver.atol is not None:
            return rtol, solver.atol
        precision = np.finfo(self.residual.dtype)
        movement = self.residual / (SMALL * jnp.sqrt(self.rate))
        still = self.spread == 0  # such as θ₀ = 0, where only the movement has a size
        size = jnp.where(still, movement, jnp.minimum(movement, self.spread))
        share = jnp.where(still, 1.0, size / jnp.where(still, 1.0, self.spread))
        return (
            jnp.maximum(rtol * share, jnp.minimum(rtol, ROUNDING * precision.eps)),
            jnp.maximum(ABSOLUTE * rtol * size, precision.tiny),
        )


def at_start(
    predictions: Callable[[PyTree], Float[Array, " n"]],
    theta_0: PyTree,
    roots: Float[Array, " n"],
    labels: Float[Array, " n"],
) -> Scales:
    """Returns the scales of a flow at its start, with the roots √w of the points' weights."""
    start, pullback = jax.vjp(predictions, theta_0)
    # E‖Jᵀξ‖² = ‖J‖²_F for independent signs ξ (Hutchinson 1990): one gradient in place of n.
    signs = np.random.default_rng(0).choice([-1.0, 1.0], len(roots))
    (probe,) = pullback(roots * jnp.asarray(signs, roots.dtype))
    square = sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(probe))
    flat, _ = ravel_pytree(theta_0)
    return Scales(
        residual=jnp.linalg.norm(roots * (start - labels)),
        # A network whose gradient vanishes doesn't move at any rate.
        rate=jnp.where(square > 0, square, 1.0),
        spread=jnp.sqrt(jnp.mean(flat**2)),
    )
