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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

ORDER = 4
SAFETY, SHRINK, GROW = 0.9, 0.2, 5.0
"""A step's length is changed by SAFETY times the factor for its tolerance, within limits."""
TERMS = 20
"""Of the Taylor series of the φ-functions for |z| < 1, whose rest is below 10⁻¹⁸."""


def phi_functions(z: Float[Array, " n"], most: int) -> list[Float[Array, " n"]]:
    r"""Returns $\varphi_0 = e^z$ and $\varphi_{k+1}(z) = (\varphi_k(z) - 1/k!)/z$ up to `most`."""
    small = jnp.abs(z) < 1
    near, far = jnp.where(small, z, 0.0), jnp.where(small, -1.0, z)
    found, by_recurrence = [], jnp.exp(far)
    for k in range(most + 1):
        series = sum(near**j * (1.0 / math.factorial(j + k)) for j in range(TERMS))
        if k > 0:
            by_recurrence = (by_recurrence - 1.0 / math.factorial(k - 1)) / far
        found.append(jnp.where(small, series, by_recurrence))
    return found


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
    """A vector $v = P + J^TUy$ and $U^TJv$, all that functions of A ask of it."""

    free: Float[Array, " p"]
    span: Float[Array, " n"]
    image: Float[Array, " n"]

    def __add__(self, other: "_Vector") -> "_Vector":
        return jax.tree.map(jnp.add, self, other)

    def __rmul__(self, factor: Any) -> "_Vector":
        return jax.tree.map(lambda leaf: factor * leaf, self)


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
    half, full = (phi_functions(-at.values * each, ORDER) for each in (h / 2, h))

    def lift(y: Float[Array, " n"]) -> Float[Array, " p"]:
        return transpose(at.vectors @ y)[0]

    def descent(moved: _Vector) -> _Vector:
        """F(θ + v) − A v."""
        values, pullback = jax.vjp(residual, theta + moved.free + lift(moved.span))
        force = -pullback(values)[0]
        image = at.vectors.T @ tangent(force) + at.values * moved.image
        return _Vector(force, moved.image, image)

    def applied(weights: Mapping[int, float], phi: list[Array], s: Array, v: _Vector) -> _Vector:
        # φ_k(sA) v = v/k! + JᵀU ((φ_k(−sΛ) − 1/k!)/Λ) UᵀJ v, and that quotient is −s φ_{k+1}.
        start = sum(c / math.factorial(k) for k, c in weights.items())
        lifted = sum(-s * c * phi[k + 1] for k, c in weights.items())
        scaled = sum(c * phi[k] for k, c in weights.items())
        return _Vector(start * v.free, start * v.span + lifted * v.image, scaled * v.image)

    none = jnp.zeros_like(at.values)
    n_0 = descent(_Vector(jnp.zeros_like(theta), none, none))
    a = h / 2 * applied({1: 1.0}, half, h / 2, n_0)
    n_a = descent(a)
    n_b = descent(h / 2 * applied({1: 1.0}, half, h / 2, n_a))
    c = applied({0: 1.0}, half, h / 2, a) + h / 2 * applied(
        {1: 1.0}, half, h / 2, 2.0 * n_b + -1.0 * n_0
    )
    moved = h * (
        applied({1: 1.0, 2: -3.0, 3: 4.0}, full, h, n_0)
        + applied({2: 2.0, 3: -4.0}, full, h, n_a + n_b)
        + applied({2: -1.0, 3: 4.0}, full, h, descent(c))
    )
    return theta + moved.free + lift(moved.span)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _State:
    """Where the integration is.

    Attributes:
      t: time.
      theta: θ_t, shape (p,).
      h: length of the next step, if nothing cuts it short.
      frame: of θ_t.
      steps: made so far, accepted or not.
    """

    t: Float[Array, ""]
    theta: Float[Array, " p"]
    h: Float[Array, ""]
    frame: Frame
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
        last = state.h >= end - state.t
        h = jnp.where(last, end - state.t, state.h)

        def each(before: Array, kind: Array) -> tuple[Array, Array]:
            # A whole step, then two halves, in a loop because a step takes long to compile.
            start = jnp.where(kind == 2, before, state.theta)
            after = step(residual, state.frame, start, jnp.where(kind == 0, h, h / 2))
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
            jnp.where(accepted & last, jnp.maximum(state.h, following), following),
            jax.lax.cond(accepted, lambda: frame(theta, gram(theta)), lambda: state.frame),
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

    first = frame(theta, gram(theta))
    zero = jnp.zeros((), theta.dtype)
    start = _State(zero, theta, 1 / first.values[-1], first, jnp.zeros((), int))
    last, found = jax.lax.scan(until, start, times)
    return found, last.steps, jnp.where(last.t < times[-1], last.t, jnp.inf)
