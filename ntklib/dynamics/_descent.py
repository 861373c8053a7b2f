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
from ntklib.dynamics import _meter
from ntklib.networks import Network, _door, _network, _parameters
from ntklib.networks._network import Apply

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
    inputs: Float[Array, "*b n d"],
    labels: Float[Array, "*b n"],
    *,
    optimizer: optax.GradientTransformation | float,
    steps: Int[np.ndarray, " s"],
    nodes: Float[Array, "q d"] | None = None,
    draws: bool = False,
    keep_params: bool = False,
    progress: bool = True,
) -> Descent:
    r"""Trains a network by gradient descent with full batches on the mean squared error.

    The loss is $\Phi(\theta) = \frac{1}{2n}\sum_i (f(x_i;\theta) - y_i)^2$, half of what PyTorch
    calls MSELoss. With a number η for the optimizer a step is
    $\theta_{k+1} = \theta_k - \eta\,\partial_\theta\Phi(\theta_k)$, Euler's method for
    `gradient_flow` with t = kη; it is stable while η times the largest eigenvalue of the
    normalized Gram matrix $K(x_i, x_j)/n$ of the tangent kernel is below 2. Any other optimizer is
    an `optax.GradientTransformation`, such as `optax.adam(1e-3)`.

    Args:
      network: the network, or any JAX function (θ, x) ↦ f(x; θ), shape (n,) for x of shape (n, d).
        It is compiled once for each object and shape, so pass the same object for the same network.
      params: θ₀, a pytree of arrays of one floating-point type, which is the precision of the
        training: inputs, labels and nodes are converted to it.
      inputs: the training points x_i, shape (n, d); with draws also (b, n, d), one set a draw.
      labels: y_i, shape (n,); with draws also (b, n), one set a draw.
      optimizer: η, or an optimizer; what is compiled depends on an optimizer's object but not on
        the value of η.
      steps: the numbers of the steps after which values are wanted, strictly increasing whole
        numbers, 0 being the start, shape (s,). Training ends with the last.
      nodes: where the values are wanted, shape (q, d); at the inputs if None, which then have to
        be the same for all draws.
      draws: whether params have a leading axis of b draws. They run in one compiled call: on a
        CPU one after another, on a GPU side by side.
      keep_params: whether to return θ_k as well, which costs s·p numbers a draw.
      progress: whether a bar appears when the run is long.

    Returns:
      The values, the loss and, where asked for, the parameters after each of the steps.

    Raises:
      TypeError: params, inputs, labels or nodes are not floating-point numbers, params mix types,
        steps are not whole numbers, or the optimizer is neither a number nor an optimizer.
      ValueError: wrong shapes, NaN or infinite values, bad steps, a rate that is not positive.
      RuntimeError: training left the finite numbers.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib import dynamics
      >>> linear = lambda theta, x: x @ theta
      >>> run = dynamics.gradient_descent(
      ...     linear, jnp.zeros(1), jnp.ones((1, 1)), jnp.ones(1), optimizer=0.5, steps=np.arange(4)
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
    points = _one_set_a_draw("inputs", inputs, "n d", count, draws=draws).astype(dtype)
    values = _one_set_a_draw("labels", labels, "n", count, draws=draws).astype(dtype)
    _checks.same_length("labels", values.shape[-1], "inputs", points.shape[-2])
    where = _nodes(nodes, inputs, points).astype(dtype)
    start = params if draws else jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], params)
    _door.one_number_a_point(network, start, where, "the nodes")
    make, rate = _rule(optimizer, dtype)
    batch = (start, points, values, jnp.arange(count))
    with _meter.bar("gradient descent", count, shown=progress) as bar:
        saved = jax.block_until_ready(
            _descend(
                batch, where, jnp.asarray(wanted), rate, bar, apply=apply, make=make,
                keep_params=keep_params, side_by_side=_device.side_by_side(), progress=progress,
            )
        )  # fmt: skip
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
    batch: PyTree, nodes: Array, steps: Array, rate: Array, bar: Array, *, apply: Apply,
    make: Callable[[Array], optax.GradientTransformation], keep_params: bool, side_by_side: bool,
    progress: bool,
) -> dict[str, PyTree]:  # fmt: skip
    """Trains every draw of the batch (θ₀, points, labels, index)."""
    optimizer = make(rate)
    every = jnp.maximum(steps[-1] // MESSAGES, 1)

    def one(draw: tuple[PyTree, Array, Array, Array]) -> dict[str, PyTree]:
        theta_0, points, labels, index = draw

        def loss(theta: PyTree) -> Array:
            return 0.5 * jnp.mean((apply(theta, points) - labels) ** 2)

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


def _one_set_a_draw(name: str, value: Any, axes: str, count: int, *, draws: bool) -> Array:
    """Returns the values of every draw, with a leading axis of `count`, shared or their own."""
    array = jnp.asarray(value)
    own = draws and array.ndim == len(axes.split()) + 1
    array = _checks.real_array(name, array, f"b {axes}" if own else axes)
    if own:
        _checks.same_length(name, array.shape[0], "params' first axis", count)
        return array
    return jnp.broadcast_to(array, (count, *array.shape))


def _nodes(nodes: Any, inputs: Array, points: Array) -> Array:
    if nodes is None:
        if jnp.asarray(inputs).ndim > 2:
            raise ValueError("nodes must be given when every draw has its own inputs.")
        return points[0]
    array = _checks.real_array("nodes", nodes, "q d")
    _checks.same_length("nodes' second axis", array.shape[1], "inputs' last", points.shape[-1])
    return array
