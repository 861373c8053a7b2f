"""What `dynamics.gradient_flow` does: checks and integration."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, PyTree

from ntklib import _arguments, _checks, _device
from ntklib.dynamics import _exponential, _failure, _meter, _problem, _runge_kutta, _scales
from ntklib.dynamics._solver import Integrals, Model, Solver
from ntklib.kernels import _routes
from ntklib.measures import Measure
from ntklib.networks import Network, _network, _outputs, _parameters
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
            slope = jax.grad(lambda at: 0.5 * jnp.sum(weights * (on_points(at) - labels) ** 2))
            ridge = integrals.ridge
            fastest = scales.rate if ridge is None else scales.rate + ridge

            def velocity(theta: Array) -> Array:
                down = -ravel_pytree(slope(unravel(theta)))[0]
                return down if ridge is None else down - ridge * (theta - start)

            # A step that ends a rounding error before the first saved time would be followed by one
            # of that rounding error, from which steps grow by 10 at most.
            first = jnp.min(jnp.where(ts > 0, ts, jnp.inf)) / 2
            rtol, atol = scales.tolerances(solver)
            return _runge_kutta.flow(
                velocity,
                lambda theta, error: error / (atol + rtol * theta),
                lambda theta: saved(unravel(theta)), start, ts,
                jnp.minimum(0.01 / fastest, first).astype(ts.dtype),
                max_steps=solver.max_steps,
                report=lambda steps, t: (
                    _meter.report_now_and_then(bar, index, steps, t / ts[-1]) if progress else None
                ),
            )  # fmt: skip

        def residual(theta: Array) -> Array:
            return roots * (on_points(unravel(theta)) - labels)

        def gram(theta: Array) -> Array:
            at = theta_0 if model.linearized else unravel(theta)
            kernel = _routes.gram(at, points, apply=model.apply, forward=model.forward)
            return jnp.outer(roots, roots) * kernel

        allowed = scales.predictions(solver)
        everywhere = model.at(theta_0, jnp.concatenate([points, integrals.nodes]))

        def size(theta: Array, error: Array) -> Array:
            change = jax.jvp(lambda each: everywhere(unravel(each)), (theta,), (error,))[1]
            n = len(roots)
            on_sample = jnp.linalg.norm(roots * change[:n])
            return jnp.maximum(on_sample, jnp.linalg.norm(node_roots * change[n:])) / allowed

        return _exponential.flow(
            residual, size, gram, lambda theta: saved(unravel(theta)), start, ts,
            max_steps=solver.max_steps,
            report=lambda t: _meter.report(bar, index, t / ts[-1]) if progress else None,
        )  # fmt: skip

    return _device.over_draws(one, batch, side_by_side=side_by_side)


def solve(
    network: Network | Apply, params: PyTree, target: Target | Array, measure: Measure,
    times: Array, solver: Solver, *, sample: Array | None, draws: bool, keep_params: bool,
    progress: bool, linearized: bool, noise: Array | None, ridge: float,
) -> tuple[Array, Array, PyTree | None, Array]:  # fmt: skip
    """Checks a flow's arguments and integrates it; returns the fields of a `Trajectory`."""
    flags = {"draws": draws, "keep_params": keep_params, "linearized": linearized}
    for name, value in (flags | {"progress": progress}).items():
        _arguments.flag(name, value)
    dtype = _parameters.dtype_of(params)
    ts = _checks.increasing_times(times).astype(dtype)
    solver = solver.checked(dtype)
    count = _parameters.draw_count(params) if draws else 1
    start = params if draws else jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], params)
    _problem.known_at_nodes(target, sample)
    problem = _problem.posed(
        target, measure, sample, dtype,
        outputs=functools.partial(_outputs.one_or_several, network, start),
        count=count, draws=draws, looked_at=True,
    )  # fmt: skip
    problem = _problem.with_noise(problem, noise, sample, draws=draws)
    outputs = problem.labels.shape[2:]
    wanted = _problem.at_nodes(target, measure, sample, dtype, outputs)
    apply, forward = _network.functions(network)
    # Gram matrices by layers are those of one output.
    model = Model(apply, None if outputs else forward, linearized)
    n, each = problem.points.shape[1], math.prod(outputs)
    penalty = _checks.not_negative("ridge", ridge)
    if penalty and solver.method == "exponential":
        raise ValueError(
            f"ridge = {penalty:g} needs method='explicit': the exponential method knows the flow "
            "of the residual alone."
        )
    if solver.method == "exponential" and model.forward is None:
        _jacobian_fits(n * each, _network.count(start) // count, dtype)
    # By NumPy, which has nothing to compile for a new shape.
    even = jnp.asarray(np.full(n, 1 / n, dtype))
    weights = even if problem.weights is None else problem.weights
    node_weights = measure.weights.astype(dtype)
    if outputs:  # in one row, which all below sees in place of points
        weights, node_weights = jnp.repeat(weights, each), jnp.repeat(node_weights, each)
    integrals = Integrals(
        weights, problem.nodes, node_weights, wanted.reshape(-1),
        jnp.asarray(penalty, dtype) if penalty else None,
    )  # fmt: skip
    batch = (start, problem.points, problem.labels.reshape(count, -1), np.arange(count))
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
    if outputs:
        shape = (*saved["residuals"].shape[:2], -1, *outputs)
        saved["residuals"] = saved["residuals"].reshape(shape)
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
