r"""Tsitouras's Runge–Kutta method for gradient flows, with steps that land on every saved time.

Of order 5, with an embedded solution of order 4 that tells the error of a step, and a last stage
that is the first of the next step (Tsitouras 2011, "Runge–Kutta pairs of order 5(4) satisfying only
the first column simplifying assumption", Table 1). The length of a step follows its error as in
Hairer, Nørsett and Wanner (1993), §II.4.

It is written out here, on parameters that lie in one vector and with a single copy of the gradient,
because compiling is what a flow costs most: a general solver's program takes twice as long.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

ORDER = 5
SAFETY, SHRINK, GROW = 0.9, 0.2, 10.0
"""A step's length is changed by SAFETY times the factor for its tolerance, within limits."""
NEAR = 100
"""Spacings of floats within which a step that would end before a saved time goes on to it."""
# Row i gives stage i + 1 from those before it; the last row is also the step itself.
STAGES = np.array(
    [
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.161, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [-0.008480655492356989, 0.33548065549235699, 0.0, 0.0, 0.0, 0.0, 0.0],
        [2.8971530571054935, -6.3594484899750751, 4.3622954328695814, 0.0, 0.0, 0.0, 0.0],
        [
            5.3258648284392568, -11.748883564062828, 7.4955393428898362, -0.092495066361755249,
            0.0, 0.0, 0.0,
        ],
        [
            5.8614554429464204, -12.920969317847110, 8.1593678985761583, -0.071584973281400997,
            -0.028269050394068383, 0.0, 0.0,
        ],
        [
            0.096460766818065229, 0.01, 0.47988965041449960, 1.3790085741037419,
            -3.2900695154360809, 2.3247105240997739, 0.0,
        ],
    ]
)  # fmt: skip
ERROR = STAGES[-1] - np.array(
    [
        0.094680755765839458, 0.0091835655403432530, 0.48777052842476158, 1.2342975669304790,
        -2.7077123499835254, 1.8666284181705870, 1 / 66,
    ]
)  # fmt: skip
"""Weights of the stages in a step's error: what the embedded solution is off from the step."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _State:
    """Where the integration is.

    Attributes:
      t: time.
      theta: θ_t, shape (p,).
      force: θ'_t, shape (p,), once a step has been made.
      h: length of the next step, if nothing cuts it short.
      steps: made so far, accepted or not.
    """

    t: Float[Array, ""]
    theta: Float[Array, " p"]
    force: Float[Array, " p"]
    h: Float[Array, ""]
    steps: Int[Array, ""]


def flow(
    descent: Callable[[Float[Array, " p"]], Float[Array, " p"]],
    size: Callable[[Float[Array, " p"], Float[Array, " p"]], Float[Array, " p"]],
    saved: Callable[[Float[Array, " p"]], PyTree],
    theta: Float[Array, " p"],
    times: Float[Array, " s"],
    first: Float[Array, ""],
    *,
    max_steps: int,
    report: Callable[[Int[Array, ""], Float[Array, ""]], None],
) -> tuple[PyTree, Int[Array, ""], Float[Array, ""]]:
    """Solves θ' = descent(θ), landing on every time.

    Args:
      descent: θ ↦ θ'.
      size: (the larger |θ| at a step's ends, its error) ↦ the size of the error by components; a
        step is accepted where their root mean square is below 1.
      saved: θ ↦ what is kept of it at each time.
      theta: θ₀, shape (p,).
      times: shape (s,).
      first: length of the first step.
      max_steps: gives up after these.
      report: is told the number of steps and the time after each step.

    Returns:
      What is kept, each array with a leading axis over the times; the number of steps; the time at
      which it gave up, ∞ if it didn't.
    """
    stages, weights = (jnp.asarray(each, theta.dtype) for each in (STAGES, ERROR))
    spacing = np.finfo(times.dtype).eps

    def combined(by: Array, forces: Array) -> Array:
        return jnp.dot(by, forces, precision=jax.lax.Precision.HIGHEST)

    def attempt(state: _State, end: Float[Array, ""]) -> _State:
        last = state.h >= (end - state.t) - NEAR * spacing * end
        h = jnp.where(last, end - state.t, state.h)

        def stage(i: Array, done: tuple[Array, Array]) -> tuple[Array, Array]:
            forces, _ = done
            at = state.theta + h * combined(stages[i], forces)
            return forces.at[i].set(descent(at)), at

        known = jnp.zeros((len(STAGES), theta.size), theta.dtype).at[0].set(state.force)
        begin = jnp.where(state.steps == 0, 0, 1)
        forces, after = jax.lax.fori_loop(begin, len(STAGES), stage, (known, state.theta))
        error = h * combined(weights, forces)
        ratio = jnp.sqrt(
            jnp.mean(size(jnp.maximum(jnp.abs(state.theta), jnp.abs(after)), error) ** 2)
        )
        accepted = ratio < 1  # not so for NaN
        factor = SAFETY * ratio ** (-1 / ORDER)
        lower, upper = jnp.where(accepted, 1.0, SHRINK), jnp.where(accepted, GROW, SAFETY)
        factor = jnp.where(jnp.isnan(factor), SHRINK, jnp.clip(factor, lower, upper))
        t = jnp.where(accepted, jnp.where(last, end, state.t + h), state.t)
        report(state.steps + 1, t)
        return _State(
            t,
            jnp.where(accepted, after, state.theta),
            jnp.where(accepted, forces[-1], forces[0]),
            (h * factor).astype(times.dtype),
            state.steps + 1,
        )

    def until(state: _State, end: Float[Array, ""]) -> tuple[_State, PyTree]:
        state = jax.lax.while_loop(
            # Not when the step is shorter than the rounding of t.
            lambda s: (s.t < end) & (s.steps < max_steps) & (s.t + s.h > s.t),
            lambda s: attempt(s, end),
            state,
        )
        return state, saved(state.theta)

    zero = jnp.zeros((), times.dtype)
    start = _State(zero, theta, jnp.zeros_like(theta), first, jnp.zeros((), int))
    last, found = jax.lax.scan(until, start, times)
    return found, last.steps, jnp.where(last.t < times[-1], last.t, jnp.inf)
