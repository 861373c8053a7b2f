r"""Training in steps, with any optimizer: what `dynamics.gradient_descent` does."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PyTree

from ntklib import _arguments, _checks, _device
from ntklib.dynamics import _meter, _problem, _steps
from ntklib.measures import Measure
from ntklib.networks import Network, _network, _outputs, _parameters
from ntklib.networks._network import Apply, Target

MESSAGES = 100
"""Messages to the progress bar from each draw."""


@dataclass(frozen=True, eq=False)
class Descent:
    """What `dynamics.gradient_descent` returns."""

    steps: Int[np.ndarray, " s"]
    values: Float[Array, "..."]
    loss: Float[Array, "*b s"]
    params: PyTree | None


def gradient_descent(
    network: Network | Apply,
    params: PyTree,
    target: Target | Float[Array, "..."],
    measure: Measure,
    steps: Int[np.ndarray, " s"],
    *,
    optimizer: optax.GradientTransformation | float,
    sample: Float[Array, "*#b n d"] | None = None,
    noise: Float[Array, "..."] | None = None,
    ridge: float = 0.0,
    batch: int | None = None,
    key: Any = None,
    draws: bool = False,
    keep_params: bool = False,
    progress: bool = True,
) -> Descent:
    r"""Trains a network by gradient descent on the mean squared error, with all points or batches.

    The loss is that of `gradient_flow`, $\Phi(\theta) = \frac{1}{2n}\sum_i (f(x_i;\theta) - y_i)^2$
    with $y_i = f^*(x_i)$ or given labels, half of what PyTorch calls MSELoss. With a number η for
    the optimizer a step is $\theta_{k+1} = \theta_k - \eta\,\partial_\theta\Phi(\theta_k)$, Euler's
    method for `gradient_flow` with t = kη; it is stable while η times the largest eigenvalue of
    the normalized Gram matrix $K(x_i, x_j)/n$ of the tangent kernel is below 2. Any other optimizer
    is an `optax.GradientTransformation`, such as `optax.adam(1e-3)` or, with momentum,
    `optax.sgd(0.1, momentum=0.9)`, which a slow mode takes for steps of 0.1/(1 − 0.9).

    With B for the batch each step has the loss on B of the n points, drawn for this step, none
    twice: stochastic gradient descent. Its mean step is that of all points; where g_i is the
    gradient at a point, its covariance is η²(1/B − 1/n) times the sample covariance (divisor
    n − 1) of the g_i.

    Labels may have noise and the loss a ridge $\frac\lambda2\|\theta - \theta_0\|^2$, as in
    `gradient_flow`: a weight decay towards θ₀ and not towards 0, whose gradient
    $\lambda(\theta - \theta_0)$ joins that of Φ before the optimizer has it.

    Args:
      network: the network, or any JAX function (θ, x) ↦ f(x; θ), shape (n,) for x of shape (n, d).
        It is compiled once for each object and shape, so pass the same object for the same network.
      params: θ₀, a pytree of arrays of one floating-point type, which is the precision of the
        training: all else is converted to it.
      target: f*, from points (n, d) to values (n,); or labels y_i, shape (n,), of the sample, or of
        the nodes where there is none; with draws also (b, n), one set a draw. Where the network
        has o > 1 outputs, it has a last axis of them.
      measure: ρ; values are returned at its nodes.
      steps: the numbers of the steps after which values are wanted, strictly increasing whole
        numbers, 0 being the start, shape (s,). Training ends with the last.
      optimizer: η, or an optimizer; what is compiled depends on an optimizer's object but not on
        the value of η.
      sample: the training points x_i, shape (n, d), with draws also (b, n, d); None for n = ∞, the
        loss on the nodes with their weights.
      noise: ζ of the sample's labels, shape (n,), with draws also (b, n).
      ridge: λ ≥ 0; it adds λ to every eigenvalue that limits a stable η.
      batch: the number B of points of a step, at most n; None for all of them.
      key: a `jax.random.key` for the batches; no two draws have the same ones.
      draws: whether params have a leading axis of b draws. They run in one compiled call: on a
        CPU one after another, on a GPU side by side.
      keep_params: whether to return θ_k as well, which costs s·p numbers a draw.
      progress: whether a bar appears when the run is long.

    Returns:
      What it went through, not as residuals, since labels don't tell f* at the nodes: `values`,
      f(·; θ_k) at the nodes, shape (b, s, q) or (s, q), with o outputs a last axis of them;
      `loss`, Φ(θ_k), the sum over outputs, shape (b, s) or (s,);
      `params`, θ_k, each leaf with leading axes (b, s) or (s,), None unless asked for; and `steps`.
      The loss is that on all points, with the labels' noise and without the ridge's part.

    Raises:
      RuntimeError: training left the finite numbers.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib import dynamics, measures
      >>> linear, one_point = lambda theta, x: x @ theta, measures.empirical(jnp.ones((1, 1)))
      >>> run = dynamics.gradient_descent(
      ...     linear, jnp.zeros(1), jnp.ones(1), one_point, np.arange(4), optimizer=0.5
      ... )
      >>> run.values[:, 0].tolist()  # the error is halved by each step, 1 − η
      [0.0, 0.5, 0.75, 0.875]
    """
    for name, value in {"draws": draws, "keep_params": keep_params, "progress": progress}.items():
        _arguments.flag(name, value)
    apply, _ = _network.functions(network)
    dtype = _parameters.dtype_of(params)
    count = _parameters.draw_count(params) if draws else 1
    wanted = _steps.increasing(steps)
    start = params if draws else jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], params)
    outputs = functools.partial(_outputs.one_or_several, network, start)
    problem = _problem.posed(
        target, measure, sample, dtype, outputs=outputs, count=count, draws=draws
    )
    problem = _problem.with_noise(problem, noise, sample, draws=draws)
    make, rate = _steps.rule(optimizer, dtype)
    penalty = _checks.not_negative("ridge", ridge)
    size = _steps.batch_size(batch, problem)
    keys = _steps.keys(key, count, wanted=size is not None)
    drawn = (start, problem.points, problem.labels, keys, jnp.arange(count))
    with _meter.bar("gradient descent", count, shown=progress) as bar:
        saved = jax.block_until_ready(
            _descend(
                drawn,
                problem.weights,
                problem.nodes,
                jnp.asarray(wanted),
                rate,
                jnp.asarray(penalty, dtype) if penalty else None,
                bar,
                apply=apply,
                make=make,
                batch=size,
                keep_params=keep_params,
                side_by_side=_device.side_by_side(),
                progress=progress,
            )
        )
    _require_finite(wanted, np.asarray(saved["values"]), np.asarray(saved["loss"]))
    if not draws:
        saved = _parameters.draw(saved, 0)
    return Descent(wanted, saved["values"], saved["loss"], saved.get("params"))


def _require_finite(steps: np.ndarray, values: np.ndarray, loss: np.ndarray) -> None:
    """Raises a RuntimeError that says from which step on values or the loss weren't finite."""
    broken = ~(np.isfinite(values).reshape(*loss.shape, -1).all(axis=2) & np.isfinite(loss))
    if not broken.any():
        return
    first = int(steps[broken.any(axis=0).argmax()])
    remedy = "lower the learning rate; where that doesn't help, check the network."
    if first == 0:
        remedy = "at θ₀ itself the network is NaN or infinite at the inputs or nodes: check it."
    raise RuntimeError(
        f"gradient descent left the finite numbers in {int(broken.any(axis=1).sum())} of "
        f"{len(broken)} draw(s){'' if first == 0 else f' by step {first}'}: {remedy}"
    )


@functools.partial(
    jax.jit, static_argnames=("apply", "make", "batch", "keep_params", "side_by_side", "progress")
)
def _descend(
    drawn: PyTree,
    weights: Array | None,
    nodes: Array,
    steps: Array,
    rate: Array,
    ridge: Array | None,
    bar: Array,
    *,
    apply: Apply,
    make: Callable[[Array], optax.GradientTransformation],
    batch: int | None,
    keep_params: bool,
    side_by_side: bool,
    progress: bool,
) -> dict[str, PyTree]:
    """Trains every one of the draws (θ₀, points, labels, key, index)."""
    optimizer = make(rate)
    every = jnp.maximum(steps[-1] // MESSAGES, 1)

    def one(draw: tuple[PyTree, Array, Array, Any, Array]) -> dict[str, PyTree]:
        theta_0, points, labels, key, index = draw

        several = labels.ndim > 1

        def loss(theta: PyTree) -> Array:
            return _problem.loss(apply(theta, points) - labels, weights, several=several)

        def on_batch(theta: PyTree, k: Array) -> Array:
            if batch is None:
                return loss(theta)
            among = jax.random.choice(
                jax.random.fold_in(key, k), len(points), (batch,), replace=False
            )
            misfit = apply(theta, points[among]) - labels[among]
            return _problem.loss(misfit, None, several=several)

        def step(k: Array, state: tuple[PyTree, PyTree]) -> tuple[PyTree, PyTree]:
            theta, memory = state
            if progress:
                # The number of the step is no part of the batch, so that the condition stays one.
                jax.lax.cond(
                    k % every == 0,
                    lambda: _meter.report(bar, index, k / steps[-1]),
                    lambda: None,
                )
            slope = jax.grad(on_batch)(theta, k)
            if ridge is not None:
                slope = jax.tree.map(lambda g, v, w: g + ridge * (v - w), slope, theta, theta_0)
            # Optax multiplies whole numbers by fractions, which strict promotion forbids.
            with jax.numpy_dtype_promotion("standard"):
                updates, memory = optimizer.update(slope, memory, theta)
                return optax.apply_updates(theta, updates), memory

        def to_next(
            state: tuple[PyTree, PyTree], ends: tuple[Array, Array]
        ) -> tuple[tuple[PyTree, PyTree], dict[str, PyTree]]:
            state = jax.lax.fori_loop(*ends, step, state)
            theta = state[0]
            saved = {"values": apply(theta, nodes), "loss": loss(theta)}
            return state, saved | ({"params": theta} if keep_params else {})

        starts = jnp.concatenate([jnp.zeros_like(steps[:1]), steps[:-1]])
        return jax.lax.scan(to_next, (theta_0, optimizer.init(theta_0)), (starts, steps))[1]

    return _device.over_draws(one, drawn, side_by_side=side_by_side)
