"""What `dynamics.gradient_flow` does: checks and integration."""

import functools
from collections.abc import Callable
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, PyTree

from ntklib import _arguments, _checks, _device
from ntklib.dynamics import _exponential, _failure, _meter, _problem, _scales
from ntklib.dynamics._scales import Scales
from ntklib.dynamics._solver import Integrals, Model, Solver
from ntklib.kernels import _routes
from ntklib.measures import Measure
from ntklib.networks import Network, _door, _network, _parameters
from ntklib.networks._network import Apply, Target

JACOBIAN = 2**31
"""Bytes of a Jacobian that the exponential method puts up with."""


@functools.partial(jax.jit, static_argnames=("model", "keep_params", "side_by_side", "progress"))
def integrate(
    batch: PyTree, integrals: Integrals, ts: Array, solver: Solver, bar: Array, *,
    model: Model, keep_params: bool, side_by_side: bool, progress: bool,
) -> tuple[dict[str, PyTree], Array, Array]:  # fmt: skip
    """Solves the flow of every draw of the batch (θ₀, points, labels, index)."""
    weights, node_weights = integrals.weights, integrals.node_weights

    def one(draw: tuple[PyTree, Array, Array, Array]) -> tuple[dict[str, PyTree], Array, Array]:
        theta_0, points, labels, index = draw
        on_points, on_nodes = model.at(theta_0, points), model.at(theta_0, integrals.nodes)

        def saved(theta: PyTree) -> dict[str, PyTree]:
            residuals = {"residuals": on_nodes(theta) - integrals.wanted}
            return residuals | {"params": theta} if keep_params else residuals

        start, unravel = ravel_pytree(theta_0)
        roots, node_roots = jnp.sqrt(weights), jnp.sqrt(node_weights)
        scales = _scales.at_start(on_points, theta_0, roots, labels)
        if solver.method == "explicit":
            return _explicit(
                lambda theta: 0.5 * jnp.sum(weights * (on_points(theta) - labels) ** 2),
                saved,
                theta_0,
                ts,
                scales,
                solver,
                _meter.Meter(bar, index) if progress else None,
            )

        def residual(theta: Array) -> Array:
            return roots * (on_points(unravel(theta)) - labels)

        def gram(theta: Array) -> Array:
            at = theta_0 if model.linearized else unravel(theta)
            kernel = _routes.gram(at, points, apply=model.apply, forward=model.forward)
            return jnp.outer(roots, roots) * kernel

        def changes(theta: Array, error: Array) -> tuple[Array, Array]:
            seen = lambda each: (residual(each), node_roots * on_nodes(unravel(each)))  # noqa: E731
            return jax.jvp(seen, (theta,), (error,))[1]

        allowed = scales.predictions(solver)

        def size(theta: Array, error: Array) -> Array:
            on_sample, elsewhere = map(jnp.linalg.norm, changes(theta, error))
            return jnp.maximum(on_sample, elsewhere) / allowed

        return _exponential.flow(
            residual, size, gram, lambda theta: saved(unravel(theta)), start, ts,
            max_steps=solver.max_steps,
            report=lambda t: _meter.report(bar, index, t / ts[-1]) if progress else None,
        )  # fmt: skip

    return _device.over_draws(one, batch, side_by_side=side_by_side)


def _explicit(
    loss: Callable[[PyTree], Array], saved: Callable[[PyTree], PyTree], theta_0: PyTree, ts: Array,
    scales: Scales, solver: Solver, meter: Any,
) -> tuple[PyTree, Array, Array]:  # fmt: skip
    """Solves the flow of a loss by Tsitouras's Runge–Kutta method, as `_exponential.flow` does."""
    # By itself diffrax starts with a step of 0.01. One that ends a rounding error before the first
    # saved time, say 0.01 as `geomspace` has it, is followed by a step of that rounding error, and
    # from it the steps grow by 10 at most: half of those of a short flow were spent on this.
    first = jnp.min(jnp.where(ts > 0, ts, jnp.inf))
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda t, theta, args: jax.tree.map(jnp.negative, jax.grad(loss)(theta))),
        diffrax.Tsit5(),
        t0=jnp.zeros((), ts.dtype),
        t1=ts[-1],
        dt0=jnp.minimum(0.01 / scales.rate, first / 2).astype(ts.dtype),
        y0=theta_0,
        saveat=diffrax.SaveAt(
            subs=(
                diffrax.SubSaveAt(ts=ts, fn=lambda t, theta, args: saved(theta)),
                diffrax.SubSaveAt(t1=True, fn=lambda t, theta, args: t),
            )
        ),
        stepsize_controller=diffrax.ClipStepSizeController(scales.steps(solver), step_ts=ts),
        max_steps=solver.max_steps,
        throw=False,
        progress_meter=meter or diffrax.NoProgressMeter(),
        # Nothing is differentiated backwards through the flow: a plain loop compiles faster.
        adjoint=diffrax.ForwardMode(),
    )
    found, last = solution.ys
    successful = solution.result == diffrax.RESULTS.successful
    return found, solution.stats["num_steps"], jnp.where(successful, jnp.inf, last[0])


def solve(
    network: Network | Apply, params: PyTree, target: Target | Array, measure: Measure,
    times: Array, solver: Solver, *, sample: Array | None, draws: bool, keep_params: bool,
    progress: bool, linearized: bool,
) -> tuple[Array, Array, PyTree | None, Array]:  # fmt: skip
    """Checks a flow's arguments and integrates it; returns the fields of a `Trajectory`."""
    flags = {"draws": draws, "keep_params": keep_params, "linearized": linearized}
    for name, value in (flags | {"progress": progress}).items():
        _arguments.flag(name, value)
    model = Model(*_network.functions(network), linearized)
    dtype = _parameters.dtype_of(params)
    ts = _checks.increasing_times(times).astype(dtype)
    solver = solver.checked(dtype)
    count = _parameters.draw_count(params) if draws else 1
    wanted = _problem.at_nodes(target, measure, sample, dtype)
    problem = _problem.posed(
        target, measure, sample, dtype, count=count, draws=draws, looked_at=True
    )
    start = params if draws else jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], params)
    _door.one_number_a_point(network, start, problem.nodes, "the measure's nodes")
    n = problem.points.shape[1]
    if solver.method == "exponential" and model.forward is None:
        _jacobian_fits(n, _network.count(start) // count, dtype)
    weights = jnp.full(n, 1 / n, dtype) if problem.weights is None else problem.weights
    integrals = Integrals(weights, problem.nodes, measure.weights.astype(dtype), wanted)
    batch = (start, problem.points, problem.labels, jnp.arange(count))
    title = "linearized flow" if linearized else "gradient flow"
    with _meter.bar(title, count, shown=progress) as bar:
        saved, steps, stopped = jax.block_until_ready(
            integrate(
                batch, integrals, ts, solver, bar, model=model, keep_params=keep_params,
                side_by_side=_device.side_by_side(), progress=progress,
            )
        )  # fmt: skip
    if np.isfinite(stopped).any():
        raise _failure.explained(
            np.asarray(stopped), np.asarray(steps), float(ts[-1]), batch, model.apply, solver
        )
    beyond = int(np.sum(~np.isfinite(np.asarray(saved["residuals"]))))
    if beyond:
        raise RuntimeError(
            f"the residuals at the measure's nodes hold {beyond} NaN or infinite value(s), though "
            "the loss stayed finite: check that network is defined at every node."
        )
    if not draws:
        saved, steps = _parameters.draw((saved, steps), 0)
    return ts, saved["residuals"], saved.get("params"), steps


def _jacobian_fits(n: int, p: int, dtype: Any) -> None:
    size = n * p * dtype.itemsize
    if size > JACOBIAN:
        raise ValueError(
            f"method 'exponential' would hold a Jacobian of {n} × {p} numbers, {size / 2**30:.1f} "
            "GiB, since the layers of this network aren't known: pass a Network, a smaller sample, "
            "or method='explicit'."
        )
