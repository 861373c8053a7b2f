r"""Residual trajectories r_t = f(·; θ_t) − f*: of a finite network and of its two ideal limits.

All three return values at a measure's nodes, one row a time. `gradient_flow` has finite width m
and sample n, `kernel_flow` has m = ∞ and finite n, `ideal_flow` has m = n = ∞.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from ntklib import _checks, _integrator
from ntklib._integrator import Apply
from ntklib.measures import Measure
from ntklib.spectrum import Eigensystem
from ntklib.targets import Target


@dataclass(frozen=True, eq=False)
class Trajectory:
    """What a gradient flow went through; a leading axis b counts draws where there are several.

    Attributes:
      times: t, shape (s,).
      residuals: r_t at the nodes, shape (b, s, q) or (s, q).
      params: θ_t, each leaf with leading axes (b, s) or (s,); None unless asked for.
      steps: integrator steps, accepted and rejected, shape (b,) or ().
    """

    times: Float[Array, " s"]
    residuals: Float[Array, "*b s q"]
    params: PyTree | None
    steps: Int[Array, "*b"]


def gradient_flow(
    apply: Apply,
    params: PyTree,
    target: Target,
    measure: Measure,
    times: Float[Array, " s"],
    *,
    sample: Float[Array, "*b n d"] | None = None,
    draws: bool = False,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    keep_params: bool = False,
    max_steps: int = 100_000,
    progress: bool = True,
) -> Trajectory:
    r"""Integrates the gradient flow $\partial_t\theta = -\partial_\theta\Phi(\theta)$ of a network.

    $\Phi(\theta) = \frac{1}{2n}\sum_i (f(x_i;\theta) - f^*(x_i))^2$ over the sample; without a
    sample n = ∞, which means $\Phi(\theta) = \frac12\|f(\cdot;\theta) - f^*\|^2_{L^2(\rho)}$ by
    the measure's quadrature. An explicit Runge–Kutta method of order 5 (Tsitouras 2011) with
    adaptive steps, which also lands on every time asked for, so that no interpolation error adds
    to the tolerance. The step is limited by stability: expect about T·λ₁/3 steps or more.

    Args:
      apply: (θ, x) ↦ f(x; θ), shape (n,) for x of shape (n, d): any JAX function. It is compiled
        once for each object and shape, so pass the same object for the same network.
      params: θ₀, a pytree of arrays of one floating-point type, which is the precision of the
        integration.
      target: f*, from points (n, d) to values (n,).
      measure: ρ; residuals are returned at its nodes.
      times: at which residuals are wanted, strictly increasing, non-negative, shape (s,).
      sample: the training points, shape (n, d), or (b, n, d) for one sample a draw; None for n = ∞.
      draws: whether params (and sample, where there is one) have a leading axis of b draws. They
        run in one compiled call: on a CPU one after another, on a GPU side by side, each being
        the faster way there.
      rtol: relative tolerance of a step, on every parameter.
      atol: absolute tolerance of a step, on every parameter.
      keep_params: whether to return θ_t as well, which costs s·p numbers a draw.
      max_steps: give up after this many steps.
      progress: whether a bar appears when the run is long.

    Returns:
      The trajectory.

    Raises:
      TypeError: params, times or sample are not floating-point numbers, or params mix types.
      ValueError: wrong shapes, NaN or infinite values, bad times or tolerances, a tolerance below
        the rounding of the parameters' type.
      RuntimeError: max_steps was not enough, or the flow left the finite numbers.
    """
    dtype = _precision(params)
    ts = _checks.increasing_times(times).astype(dtype)
    _tolerances(rtol, atol, dtype)
    count = _draw_count(params) if draws else 1
    nodes = measure.nodes.astype(dtype)
    if sample is None:
        points = nodes
    else:
        points = _checks.real_array("sample", sample, "b n d" if draws else "n d").astype(dtype)
        if draws:
            _checks.same_length("sample", points.shape[0], "params' first axis", count)
        if points.shape[-1] != nodes.shape[-1]:
            raise ValueError(
                f"sample must hold points of dimension {nodes.shape[-1]}, like the measure's "
                f"nodes, got shape {points.shape}."
            )
    own_sample = sample is not None
    weights = (
        jnp.full(points.shape[-2], 1 / points.shape[-2], dtype)
        if own_sample
        else measure.weights.astype(dtype)
    )
    if not (draws and own_sample):
        points = jnp.broadcast_to(points, (count, *points.shape))
    start = params if draws else jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], params)
    _one_number_a_point(apply, start, nodes)

    labels = target(points.reshape(-1, points.shape[-1])).reshape(points.shape[:-1])
    batch = (start, points, labels.astype(dtype), jnp.arange(count))
    with _integrator.progress_bar("gradient flow", count, shown=progress) as bar:
        saved, steps, failed = jax.block_until_ready(
            _integrator.integrate(
                batch, weights, nodes, target(nodes).astype(dtype), ts, rtol, atol, bar,
                apply=apply, keep_params=keep_params, max_steps=max_steps,
                side_by_side=jax.default_backend() != "cpu", progress=progress,
            )
        )  # fmt: skip
    if bool(jnp.any(failed)):
        raise RuntimeError(
            f"the flow stopped before t = {float(ts[-1])} in {int(jnp.sum(failed))} of {count} "
            f"draw(s): raise max_steps (now {max_steps}), shorten times, or loosen rtol and atol; "
            "where values grew beyond all bounds, check apply and the target."
        )
    if not draws:
        saved, steps = jax.tree.map(lambda leaf: leaf[0], (saved, steps))
    return Trajectory(ts, saved["residuals"], saved.get("params"), steps)


def kernel_flow(
    gram: Float[Array, "n n"],
    cross: Float[Array, "q n"],
    sample_residual: Float[Array, " n"],
    initial: Float[Array, " q"],
    times: Float[Array, " s"],
) -> Float[Array, "s q"]:
    r"""The flow of the kernel itself on a finite sample (m = ∞), in closed form.

    $\partial_t r_t(x) = -\frac1n\sum_i K(x, x_i)\,r_t(x_i)$. With
    $K(X, X)/n = U\Lambda U^T$ the residual on the sample is
    $\hat r_t = U e^{-\Lambda t}U^T\hat r_0$, and integrating the equation over time gives
    $r_t(x) = r_0(x) - \frac1n K(x, X)\,U\,\frac{1 - e^{-\Lambda t}}{\Lambda}\,U^T\hat r_0$
    everywhere else.

    Args:
      gram: K(X, X) on the sample, symmetric positive semidefinite, shape (n, n).
      cross: K(nodes, X), shape (q, n).
      sample_residual: r̂₀ at the sample, shape (n,).
      initial: r₀ at the nodes, shape (q,).
      times: non-negative, strictly increasing, shape (s,).

    Returns:
      r_t at the nodes, shape (s, q). With nodes = X it is r̂_t.

    Raises:
      TypeError: the arrays are not floating-point numbers.
      ValueError: gram is not symmetric positive semidefinite, wrong shapes, NaN or infinite
        values, bad times, or x64 is off.
    """
    _checks.require_x64("A difference of trajectories")
    matrix = _checks.symmetric_positive("gram", gram)
    n = matrix.shape[0]
    rows = _checks.real_array("cross", cross, "q n")
    on_sample = _checks.real_array("sample_residual", sample_residual, "n")
    start = _checks.real_array("initial", initial, "q")
    _checks.same_length("cross's second axis", rows.shape[1], "gram", n)
    _checks.same_length("sample_residual", on_sample.shape[0], "gram", n)
    _checks.same_length("initial", start.shape[0], "cross", rows.shape[0])
    ts = _checks.increasing_times(times)
    return closed_form(matrix, rows, on_sample, start, ts)


@jax.jit
def closed_form(
    gram: Float[Array, "n n"],
    cross: Float[Array, "q n"],
    sample_residual: Float[Array, " n"],
    initial: Float[Array, " q"],
    times: Float[Array, " s"],
) -> Float[Array, "s q"]:
    """`kernel_flow` of arrays that are known to be sound; compiled once for each shape."""
    n = gram.shape[0]
    values, vectors = jnp.linalg.eigh(gram / n)
    moved = damping_factor(values, times) * (sample_residual @ vectors)[None, :]
    return initial[None, :] - moved @ vectors.T @ cross.T / n


def ideal_flow(
    eigensystem: Eigensystem, initial: Float[Array, " q"], times: Float[Array, " s"]
) -> Float[Array, "s q"]:
    r"""The ideal dynamics $r_t = e^{-T_K t} r_0$ (m = n = ∞), equation (4) of the source.

    $\langle r_t, \phi_i\rangle_\rho = e^{-\sigma_i t}\langle r_0, \phi_i\rangle_\rho$; what lies
    outside the span of the given eigenfunctions has eigenvalue 0 there and stays as it is.

    Args:
      eigensystem: of T_K.
      initial: r₀ at the nodes, shape (q,).
      times: non-negative, strictly increasing, shape (s,).

    Returns:
      r_t at the nodes, shape (s, q).

    Raises:
      TypeError: the arrays are not floating-point numbers.
      ValueError: wrong shapes, NaN or infinite values, bad times, or x64 is off.
    """
    _checks.require_x64("A difference of trajectories")
    start = _checks.real_array("initial", initial, "q")
    _checks.same_length("initial", start.shape[0], "measure", eigensystem.functions.shape[1])
    ts = _checks.increasing_times(times)
    learned = -jnp.expm1(-ts[:, None] * eigensystem.values[None, :])
    coefficients = eigensystem.coefficients(start)
    return start[None, :] - eigensystem.synthesis(learned * coefficients[None, :])


def damping_factor(values: Float[Array, " k"], times: Float[Array, " s"]) -> Float[Array, "s k"]:
    r"""The damping factor $\int_0^t e^{-\sigma(t-s)}ds = \frac{1 - e^{-\sigma t}}{\sigma}$.

    At most min(t, 1/σ): the larger the eigenvalue, the less a deviation of the kernel matters.

    Args:
      values: σ, shape (k,); 0 and rounding below it are allowed, where the factor is t.
      times: t ≥ 0, shape (s,).

    Returns:
      The factors in units of time, shape (s, k).
    """
    decay = values[None, :] * times[:, None]
    small = jnp.abs(decay) < 1e-12
    ratio = -jnp.expm1(-decay) / jnp.where(small, 1.0, decay)
    return times[:, None] * jnp.where(small, 1.0, ratio)


def _precision(params: PyTree) -> Any:
    leaves = jax.tree.leaves(params)
    if not leaves:
        raise ValueError("params holds no arrays: pass the initial parameters θ₀.")
    for leaf in leaves:
        _checks.real_array("params", leaf)
    kinds = {str(jnp.asarray(leaf).dtype) for leaf in leaves}
    if len(kinds) > 1:
        raise TypeError(f"params must be of one floating-point type, got {sorted(kinds)}.")
    return jnp.asarray(leaves[0]).dtype


def _draw_count(params: PyTree) -> int:
    lengths = {leaf.shape[0] if leaf.ndim else None for leaf in jax.tree.leaves(params)}
    if len(lengths) > 1 or None in lengths:
        raise ValueError(
            "with draws=True every array of params needs the same leading axis, one entry a draw: "
            "make them with jax.vmap(network.init)(keys)."
        )
    return jax.tree.leaves(params)[0].shape[0]


def _tolerances(rtol: float, atol: float, dtype: Any) -> None:
    least = 4 * float(np.finfo(dtype).eps)
    if _checks.positive("rtol", rtol) < least:
        raise ValueError(
            f"rtol = {rtol:g} is below the rounding of {dtype}: use {least:.1g} or more, or "
            "parameters in float64."
        )
    _checks.positive("atol", atol)


def _one_number_a_point(apply: Apply, batched_params: PyTree, nodes: Array) -> None:
    first = jax.tree.map(lambda leaf: leaf[0], batched_params)
    shape = jax.eval_shape(apply, first, nodes).shape
    if shape != (nodes.shape[0],):
        raise ValueError(
            f"apply must return one number a point, shape ({nodes.shape[0]},) for the measure's "
            f"nodes, but returns shape {shape}: check its last layer"
            " and, with several draws, pass draws=True."
        )
