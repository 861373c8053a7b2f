r"""An exponential integrator for gradient flows in the kernel regime.

With the weighted residual $r(\theta) = (\sqrt{w_i}(f(x_i;\theta) - y_i))_i$ the flow is
$\dot\theta = F(\theta) = -J(\theta)^T r(\theta)$, J the Jacobian of r. It is stiff along the rows
of J, at the rates of the eigenvalues of the Gram matrix $G = JJ^T$, while what it does beyond that
is slow: J hardly moves. So let $A = -J^TJ$ at the start of a step, of which G's eigenvectors give
every function, solve $\dot\theta = A\theta$ exactly, and treat $F(\theta) - A\theta$ by the fourth
order scheme of Cox and Matthews (2002, "Exponential time differencing for stiff systems"). Its
order doesn't depend on what A is, so that the curvature of f, which A leaves out, costs no order.
Steps are doubled to find their error (Hairer, Nørsett and Wanner 1993, §II.4), which is then
subtracted.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree

ORDER = 4
SAFETY, SHRINK, GROW = 0.9, 0.2, 5.0
"""A step's length is changed by SAFETY times the factor for its tolerance, within limits."""
TERMS = 20
"""Of the Taylor series of the φ-functions for |z| < 1, whose rest is below 10⁻¹⁸."""


def _stages() -> Float[np.ndarray, "5 4 2 3"]:
    """Returns Cox and Matthews's scheme: row i has stage i of those before it, the last the step.

    Its entries are those of φ₁, φ₂, φ₃ at hA/2 and at hA, times h. The third row has no φ₀, by
    φ₀(z)φ₁(z) = 2φ₁(2z) − φ₁(z).
    """
    half, full = 0, 1
    table = np.zeros((5, 4, 2, 3))
    table[1, 0, half, 0] = table[2, 1, half, 0] = 0.5
    table[3, 0, full, 0], table[3, 0, half, 0], table[3, 2, half, 0] = 1.0, -1.0, 1.0
    table[4, :, full] = [[1, -3, 4], [0, 2, -4], [0, 2, -4], [0, -1, 4]]
    return table


STAGES = _stages()


def phi_functions(z: Float[Array, "*b n"], most: int) -> list[Float[Array, "*b n"]]:
    r"""Returns $\varphi_0 = e^z$ and $\varphi_{k+1}(z) = (\varphi_k(z) - 1/k!)/z$ up to `most`."""
    small = jnp.abs(z) < 1
    near, far = jnp.where(small, z, 0.0), jnp.where(small, -1.0, z)
    inverse = [1.0 / math.factorial(k) for k in range(most + TERMS)]
    # The series of the last one gives the others, each with less rounding than the one before.
    series = [jnp.zeros_like(z)]
    for j in reversed(range(TERMS)):
        series[0] = series[0] * near + inverse[j + most]
    by_recurrence = [jnp.exp(far)]
    for k in range(most):
        series.append(series[-1] * near + inverse[most - 1 - k])
        by_recurrence.append((by_recurrence[-1] - inverse[k]) / far)
    pairs = zip(reversed(series), by_recurrence, strict=True)
    return [jnp.where(small, one, other) for one, other in pairs]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Frame:
    """The linear part A = −JᵀJ of a step, by the eigensystem of the Gram matrix.

    Attributes:
      theta: where J is taken, shape (p,).
      values: eigenvalues Λ of JJᵀ, shape (n,).
      vectors: its eigenvectors U, shape (n, n).
    """

    theta: Float[Array, " p"]
    values: Float[Array, " n"]
    vectors: Float[Array, "n n"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Vector:
    """A vector $v = P + J^TUy$ and $U^TJv$, all that functions of A ask of it; or one a stage."""

    free: Float[Array, "*k p"]
    span: Float[Array, "*k n"]
    image: Float[Array, "*k n"]


def frame(theta: Float[Array, " p"], gram: Float[Array, "n n"]) -> Frame:
    """Returns the linear part at θ from the Gram matrix there."""
    values, vectors = jnp.linalg.eigh(gram)
    return Frame(theta, jnp.maximum(values, 0.0), vectors)


def step(
    residual: Callable[[Float[Array, " p"]], Float[Array, " n"]],
    at: Frame,
    theta: Float[Array, " p"],
    h: Float[Array, ""],
) -> Float[Array, " p"]:
    """Makes one step of length h of the flow of ½‖residual(θ)‖² from θ."""
    _, tangent = jax.linearize(residual, at.theta)
    transpose = jax.linear_transpose(tangent, at.theta)
    # φ_k(sA) v = v/k! + JᵀU ((φ_k(−sΛ) − 1/k!)/Λ) UᵀJ v, and that quotient is −s φ_{k+1}.
    parts = h * jnp.asarray([0.5, 1.0], theta.dtype)
    phi = jnp.stack(phi_functions(-parts[:, None] * at.values[None], ORDER))
    weights = h * jnp.asarray(STAGES, theta.dtype)
    starts = jnp.einsum("ijsk,k->ij", weights, jnp.asarray([1.0, 1 / 2, 1 / 6], theta.dtype))
    lifted = -jnp.einsum("ijsk,s,ksn->ijn", weights, parts, phi[2:], precision="highest")
    scaled = jnp.einsum("ijsk,ksn->ijn", weights, phi[1:-1], precision="highest")

    def lift(y: Float[Array, " n"]) -> Float[Array, " p"]:
        return transpose(at.vectors @ y)[0]

    def descent(moved: _Vector) -> _Vector:
        """F(θ + v) − A v."""
        values, pullback = jax.vjp(residual, theta + moved.free + lift(moved.span))
        force = -pullback(values)[0]
        image = at.vectors.T @ tangent(force) + at.values * moved.image
        return _Vector(force, moved.image, image)

    def moved(i: Any, forces: _Vector) -> _Vector:
        start, along = starts[i], forces.image
        return _Vector(
            jnp.dot(start, forces.free, precision="highest"),
            jnp.dot(start, forces.span, precision="highest") + jnp.sum(lifted[i] * along, axis=0),
            jnp.sum(scaled[i] * along, axis=0),
        )

    def stage(i: Array, forces: _Vector) -> _Vector:
        force = descent(moved(i, forces))
        return jax.tree.map(lambda all_of, one: all_of.at[i].set(one), forces, force)

    rows = len(STAGES) - 1
    none = jnp.zeros((rows, len(at.values)), theta.dtype)
    zero = _Vector(jnp.zeros((rows, len(theta)), theta.dtype), none, none)
    # In a loop because the residual and its derivatives take long to compile.
    end = moved(rows, jax.lax.fori_loop(0, rows, stage, zero))
    return theta + end.free + lift(end.span)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _State:
    """Where the integration is.

    Attributes:
      t: time.
      theta: θ_t, shape (p,).
      h: length of the next step, if nothing cuts it short; ∞ before the first.
      frame: of θ_t, unless it is stale.
      stale: whether θ has moved on from its frame.
      steps: made so far, accepted or not.
    """

    t: Float[Array, ""]
    theta: Float[Array, " p"]
    h: Float[Array, ""]
    frame: Frame
    stale: Bool[Array, ""]
    steps: Int[Array, ""]


def flow(
    residual: Callable[[Float[Array, " p"]], Float[Array, " n"]],
    size: Callable[[Float[Array, " p"], Float[Array, " p"]], Float[Array, ""]],
    gram: Callable[[Float[Array, " p"]], Float[Array, "n n"]],
    saved: Callable[[Float[Array, " p"]], PyTree],
    theta: Float[Array, " p"],
    times: Float[Array, " s"],
    *,
    max_steps: int,
    report: Callable[[Float[Array, ""]], None],
) -> tuple[PyTree, Int[Array, ""], Float[Array, ""]]:
    """Solves the flow of ½‖residual(θ)‖², landing on every time.

    Args:
      residual: r, shape (n,).
      size: (θ, error) ↦ the size of a step's error; the step is accepted up to 1.
      gram: θ ↦ J Jᵀ.
      saved: θ ↦ what is kept of it at each time.
      theta: θ₀, shape (p,).
      times: shape (s,).
      max_steps: gives up after these.
      report: is told the time after each step.

    Returns:
      What is kept, each array with a leading axis over the times; the number of steps; the time at
      which it gave up, ∞ if it didn't.
    """

    def attempt(state: _State, end: Float[Array, ""]) -> _State:
        # Here alone, for a Gram matrix takes long to compile.
        at = jax.lax.cond(
            state.stale, lambda: frame(state.theta, gram(state.theta)), lambda: state.frame
        )
        proposed = jnp.where(jnp.isinf(state.h), 1 / at.values[-1], state.h)
        last = proposed >= end - state.t
        h = jnp.where(last, end - state.t, proposed)

        def each(before: Array, kind: Array) -> tuple[Array, Array]:
            # A whole step, then two halves, in a loop because a step takes long to compile.
            start = jnp.where(kind == 2, before, state.theta)
            after = step(residual, at, start, jnp.where(kind == 0, h, h / 2))
            return after, after

        _, (whole, _, halves) = jax.lax.scan(each, state.theta, jnp.arange(3))
        error = (halves - whole) / (2.0**ORDER - 1.0)
        ratio = size(state.theta, error)
        accepted = ratio <= 1  # not so for NaN
        factor = jnp.clip(SAFETY * ratio ** (-1 / (ORDER + 1)), SHRINK, GROW)
        following = h * jnp.where(jnp.isnan(factor), SHRINK, factor)
        theta = jnp.where(accepted, halves + error, state.theta)
        t = jnp.where(accepted, jnp.where(last, end, state.t + h), state.t)
        report(t)
        return _State(
            t,
            theta,
            # A step that was cut short says little about how long the next may be.
            jnp.where(accepted & last, jnp.maximum(proposed, following), following),
            at,
            accepted,
            state.steps + 1,
        )

    def until(state: _State, end: Float[Array, ""]) -> tuple[_State, PyTree]:
        state = jax.lax.while_loop(
            # Not when the step is NaN or shorter than the rounding of t.
            lambda s: (s.t < end) & (s.steps < max_steps) & (s.t + s.h > s.t),
            lambda s: attempt(s, end),
            state,
        )
        return state, saved(state.theta)

    n = jax.eval_shape(residual, theta).shape[0]
    none = Frame(theta, jnp.zeros(n, theta.dtype), jnp.zeros((n, n), theta.dtype))
    zero, first = jnp.zeros((), theta.dtype), jnp.full((), jnp.inf, theta.dtype)
    start = _State(zero, theta, first, none, jnp.asarray(True), jnp.zeros((), int))
    last, found = jax.lax.scan(until, start, times)
    return found, last.steps, jnp.where(last.t < times[-1], last.t, jnp.inf)
