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
from ntklib.dynamics import _meter, _problem
from ntklib.measures import Measure
from ntklib.networks import Network, _door, _network, _parameters
from ntklib.networks._network import Apply, Target

MESSAGES = 100
"""Messages to the progress bar from each draw."""


@dataclass(frozen=True, eq=False)
class Descent:
    """What `dynamics.gradient_descent` returns."""

    steps: Int[np.ndarray, " s"]
    values: Float[Array, "*b s q"]
    loss: Float[Array, "*b s"]
    params: PyTree | None


def gradient_descent(
    network: Network | Apply,
    params: PyTree,
    target: Target | Float[Array, "*#b n"],
    measure: Measure,
    steps: Int[np.ndarray, " s"],
    *,
    optimizer: optax.GradientTransformation | float,
    sample: Float[Array, "*#b n d"] | None = None,
    draws: bool = False,
    keep_params: bool = False,
    progress: bool = True,
) -> Descent:
    r"""Trains a network by gradient descent with full batches on the mean squared error.

    The loss is that of `gradient_flow`, $\Phi(\theta) = \frac{1}{2n}\sum_i (f(x_i;\theta) - y_i)^2$
    with $y_i = f^*(x_i)$ or given labels, half of what PyTorch calls MSELoss. With a number η for
    the optimizer a step is $\theta_{k+1} = \theta_k - \eta\,\partial_\theta\Phi(\theta_k)$, Euler's
    method for `gradient_flow` with t = kη; it is stable while η times the largest eigenvalue of
    the normalized Gram matrix $K(x_i, x_j)/n$ of the tangent kernel is below 2. Any other optimizer
    is an `optax.GradientTransformation`, such as `optax.adam(1e-3)`.

    Args:
      network: the network, or any JAX function (θ, x) ↦ f(x; θ), shape (n,) for x of shape (n, d).
        It is compiled once for each object and shape, so pass the same object for the same network.
      params: θ₀, a pytree of arrays of one floating-point type, which is the precision of the
        training: all else is converted to it.
      target: f*, from points (n, d) to values (n,); or labels y_i, shape (n,), of the sample, or of
        the nodes where there is none; with draws also (b, n), one set a draw.
      measure: ρ; values are returned at its nodes.
      steps: the numbers of the steps after which values are wanted, strictly increasing whole
        numbers, 0 being the start, shape (s,). Training ends with the last.
      optimizer: η, or an optimizer; what is compiled depends on an optimizer's object but not on
        the value of η.
      sample: the training points x_i, shape (n, d), with draws also (b, n, d); None for n = ∞, the
        loss on the nodes with their weights.
      draws: whether params have a leading axis of b draws. They run in one compiled call: on a
        CPU one after another, on a GPU side by side.
      keep_params: whether to return θ_k as well, which costs s·p numbers a draw.
      progress: whether a bar appears when the run is long.

    Returns:
      What it went through, not as residuals, since labels don't tell f* at the nodes: `values`,
      f(·; θ_k) at the nodes, shape (b, s, q) or (s, q); `loss`, Φ(θ_k), shape (b, s) or (s,);
      `params`, θ_k, each leaf with leading axes (b, s) or (s,), None unless asked for; and `steps`.

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
    wanted = _increasing_steps(steps)
    problem = _problem.posed(target, measure, sample, dtype, count=count, draws=draws)
    start = params if draws else jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], params)
    _door.one_number_a_point(network, start, problem.nodes, "the measure's nodes")
    make, rate = _rule(optimizer, dtype)
    batch = (start, problem.points, problem.labels, jnp.arange(count))
    with _meter.bar("gradient descent", count, shown=progress) as bar:
        saved = jax.block_until_ready(
            _descend(
                batch,
                problem.weights,
                problem.nodes,
                jnp.asarray(wanted),
                rate,
                bar,
                apply=apply,
                make=make,
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
    broken = ~(np.isfinite(values).all(axis=2) & np.isfinite(loss))
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
    jax.jit, static_argnames=("apply", "make", "keep_params", "side_by_side", "progress")
)
def _descend(
    batch: PyTree,
    weights: Array | None,
    nodes: Array,
    steps: Array,
    rate: Array,
    bar: Array,
    *,
    apply: Apply,
    make: Callable[[Array], optax.GradientTransformation],
    keep_params: bool,
    side_by_side: bool,
    progress: bool,
) -> dict[str, PyTree]:
    """Trains every draw of the batch (θ₀, points, labels, index)."""
    optimizer = make(rate)
    every = jnp.maximum(steps[-1] // MESSAGES, 1)

    def one(draw: tuple[PyTree, Array, Array, Array]) -> dict[str, PyTree]:
        theta_0, points, labels, index = draw

        def loss(theta: PyTree) -> Array:
            return 0.5 * _problem.mean((apply(theta, points) - labels) ** 2, weights)

        def step(k: Array, state: tuple[PyTree, PyTree]) -> tuple[PyTree, PyTree]:
            theta, memory = state
            if progress:
                # The number of the step is no part of the batch, so that the condition stays one.
                jax.lax.cond(
                    k % every == 0,
                    lambda: _meter.report(bar, index, k / steps[-1]),
                    lambda: None,
                )
            slope = jax.grad(loss)(theta)
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

    return _device.over_draws(one, batch, side_by_side=side_by_side)


def _rule(
    optimizer: Any, dtype: Any
) -> tuple[Callable[[Array], optax.GradientTransformation], Array]:
    """Returns what makes the optimizer of a learning rate inside compiled code, and that rate."""
    if isinstance(optimizer, optax.GradientTransformation):
        return _Constant(optimizer), jnp.ones((), dtype)
    try:
        rate = _checks.positive("optimizer", optimizer)
    except TypeError:
        raise TypeError(
            "optimizer must be a learning rate or an optax.GradientTransformation such as "
            f"optax.adam(1e-3), got {optimizer!r}."
        ) from None
    return optax.sgd, jnp.asarray(rate, dtype)


@dataclass(frozen=True)
class _Constant:
    """Gives the same optimizer whatever the rate; equal for the same optimizer."""

    optimizer: optax.GradientTransformation

    def __call__(self, rate: Array) -> optax.GradientTransformation:
        return self.optimizer


def _increasing_steps(steps: Any) -> np.ndarray:
    """Returns the numbers of steps as an array, strictly increasing and non-negative."""
    array = np.asarray(steps)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"steps must list at least one number, got shape {array.shape}.")
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"steps must be whole numbers, got dtype {array.dtype}.")
    if array[0] < 0 or np.any(np.diff(array) <= 0):
        raise ValueError(
            "steps must be non-negative and strictly increasing: sort them and drop repetitions "
            f"(np.unique does both), got {array[:8].tolist()}{' …' if array.size > 8 else ''}"
        )
    return array
