r"""Independent repetitions over (θ₀, sample): the theorems hold with high probability over both."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree
from tqdm import tqdm

from ntklib import (
    _arguments,
    _checks,
    _decay,
    _device,
    _door,
    _empirical,
    _integrator,
    _network,
    _parameters,
    _progress,
    kernels,
)
from ntklib._network import Apply
from ntklib.dynamics import Trajectory, gradient_flow
from ntklib.measures import Measure
from ntklib.networks import Kernel, Network
from ntklib.targets import Target


def network_flows(
    network: Network,
    target: Target,
    measure: Measure,
    times: Float[Array, " s"],
    key: Any,
    *,
    draws: int | None = None,
    n: int | None = None,
    **options: Any,
) -> tuple[Trajectory, PyTree]:
    """Gradient flows from independent initializations on independent samples.

    Args:
      network: finite width m.
      target: f*.
      measure: ρ.
      times: where residuals are wanted, shape (s,).
      key: a `jax.random.key`, or b of them, which make a draw independent of the others beside it;
        the same key draws the same initializations whatever n is.
      draws: how many repetitions b; not needed with b keys.
      n: sample size; None for n = ∞.
      **options: passed to `dynamics.gradient_flow`, such as rtol or progress.

    Returns:
      The trajectories, residuals of shape (b, s, q), and the initial parameters θ₀, each leaf
      with a leading axis b.

    Raises:
      TypeError: key is none of `jax.random.key`, or draws or n is no whole number.
      ValueError: draws or n is less than 1, draws is missing or not the number of keys; or as
        `dynamics.gradient_flow` does.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from ntklib import ensembles, measures, networks, targets
      >>> network = networks.antisymmetric(networks.fully_connected(2, (4,), biases=True))
      >>> target, circle = targets.FourierSum((1,), (1.0,)), measures.circle(8)
      >>> times = jnp.linspace(0.1, 1.2, 12)
      >>> flows, params = ensembles.network_flows(
      ...     network, target, circle, times, jax.random.key(0), draws=2, n=8, progress=False
      ... )
      >>> flows.residuals.shape  # draws, times, nodes
      (2, 12, 8)
    """
    if getattr(key, "ndim", 0):
        keys = _draw_keys(key, draws)
        init_keys, sample_keys = jax.vmap(jax.random.split, out_axes=1)(keys)
    else:
        halves = jax.random.split(_arguments.key("key", key))
        init_keys, sample_keys = (_draw_keys(each, draws) for each in halves)
    params = _parameters.starts(network, init_keys)
    sample = None if n is None else _samples(measure, sample_keys, n)
    flows = gradient_flow(
        network, params, target, measure, times, sample=sample, draws=True, **options
    )
    return flows, params


def kernel_flows(
    kernel: Kernel,
    target: Target,
    measure: Measure,
    times: Float[Array, " s"],
    key: Any,
    *,
    draws: int | None = None,
    n: int,
    progress: bool = True,
) -> Float[Array, "b s q"]:
    """Flows of a kernel (m = ∞) from r₀ = −f* on independent samples.

    Args:
      kernel: K, a JAX function. It is compiled once for each object and shape.
      target: f*.
      measure: ρ.
      times: where residuals are wanted, shape (s,).
      key: a `jax.random.key`, or b of them, one for each sample.
      draws: how many repetitions b; not needed with b keys.
      n: sample size.
      progress: whether a bar appears when the run is long.

    Returns:
      r_t at the nodes, shape (b, s, q).

    Raises:
      TypeError: key is none of `jax.random.key`, or draws or n is no whole number.
      ValueError: draws or n is less than 1, draws is missing or not the number of keys, bad times,
        a kernel that is not symmetric positive semidefinite on a sample, or x64 is off.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from ntklib import ensembles, measures, targets
      >>> target, circle = targets.FourierSum((1,), (1.0,)), measures.circle(8)
      >>> linear, times = lambda x, y: x @ y.T, jnp.linspace(0.1, 1.2, 12)
      >>> flows = ensembles.kernel_flows(
      ...     linear, target, circle, times, jax.random.key(0), draws=2, n=8
      ... )
      >>> flows.shape
      (2, 12, 8)
    """
    _checks.require_x64("The flow of a kernel")
    keys = _draw_keys(key, draws)
    samples = _samples(measure, keys, n)
    ts = _checks.increasing_times(times)
    _door.look_at_kernel(kernel, measure.nodes)
    wanted = _door.values_of(target, measure.nodes)
    labels = _door.values_of(target, samples, alone=False)
    batch = (samples, -labels, jnp.arange(keys.shape[0]))
    with _progress.bar("kernel flow", keys.shape[0], shown=progress) as bar:
        flow = jax.block_until_ready(
            _kernel_flows(
                batch, measure.nodes, -wanted, ts, bar,
                kernel=kernel, side_by_side=_device.side_by_side(), progress=progress,
            )
        )  # fmt: skip
    _decay.sound("kernel(sample, sample)", flow)
    return _checks.real_array("the flow of kernel", flow.elsewhere)


@functools.partial(jax.jit, static_argnames=("kernel", "side_by_side", "progress"))
def _kernel_flows(
    batch: PyTree, nodes: Array, initial: Array, ts: Array, bar: Array, *,
    kernel: Kernel, side_by_side: bool, progress: bool,
) -> _decay.GramFlow:  # fmt: skip
    """Solves the flow of every draw of the batch (points, r̂₀, index)."""

    def one(draw: tuple[Array, Array, Array]) -> _decay.GramFlow:
        points, residual, index = draw
        flow = _decay.gram_flow(
            _door.gram_of(kernel, points, points), _door.gram_of(kernel, nodes, points),
            residual, initial, ts,
        )  # fmt: skip
        if progress:
            # Depends on the flow, or it would be sent before the flow is there.
            _progress.report(bar, index, jnp.where(jnp.isfinite(flow.elsewhere[-1, 0]), 1.0, 0.0))
        return flow

    return _integrator.over_draws(one, batch, side_by_side=side_by_side)


def kernel_distances(
    network: Network,
    params: PyTree,
    grams: Mapping[str, Float[Array, "q q"]],
    measure: Measure,
) -> dict[str, Float[Array, " b"]]:
    r"""The distances $\|K - K_0\|_{L^2(\rho\otimes\rho)}$ of independent initializations.

    Args:
      network: whose empirical kernel K₀ is taken.
      params: initial parameters, each leaf with a leading axis b.
      grams: kernels K at the nodes, by name.
      measure: ρ.

    Returns:
      For each kernel one distance a draw, shape (b,).

    Raises:
      TypeError: as `kernels.empirical`.
      ValueError: params have no common leading axis; or as `kernels.empirical` and
        `kernels.distance`.

    Example:
      >>> import jax
      >>> from ntklib import ensembles, kernels, measures, networks
      >>> network, circle = networks.fully_connected(2, (4,), biases=True), measures.circle(8)
      >>> params = jax.vmap(network.init)(jax.random.split(jax.random.key(0), 2))
      >>> limit = kernels.analytic(network, circle.nodes)
      >>> found = ensembles.kernel_distances(network, params, {"K∞": limit}, circle)
      >>> found["K∞"].shape, bool(found["K∞"].min() > 0)
      ((2,), True)
    """
    _parameters.dtype_of(params, mixed=True)
    distances: dict[str, list[Array]] = {name: [] for name in grams}
    on_host = jax.device_get(params)  # whose slices cost no compilation
    for draw in range(_parameters.draw_count(params)):
        theta_0 = jax.tree.map(lambda leaf, draw=draw: leaf[draw], on_host)
        at_start = kernels.empirical(network, theta_0, measure.nodes)
        for name, gram in grams.items():
            distances[name].append(kernels.distance(gram, at_start, measure))
    return {name: jnp.stack(found) for name, found in distances.items()}


def initial_kernels(
    network: Network | Apply,
    x: Float[Array, "q d"],
    key: Any,
    *,
    draws: int,
    init: Callable[[Any], PyTree] | None = None,
) -> Float[Array, "b q q"]:
    r"""The tangent kernels K₀ of independent initializations, for many draws at few points.

    Entry [b] is `kernels.empirical(network, init(keys[b]), x)` up to rounding, with the keys of
    `jax.random.split(key, draws)`. What `empirical` plans anew at every call is compiled once here,
    so a draw of a small network takes a millisecond; there is no memory budget, and the factors of
    all points are held at once. θ₀ is drawn, used and dropped, one draw after the other.

    Args:
      network: a `Network`, or any (θ, x) ↦ f(x; θ) that returns shape (q,) for x of shape (q, d).
        Compiled once for each object and shape.
      x: points, shape (q, d).
      key: a `jax.random.key`.
      draws: how many initializations b.
      init: key ↦ θ₀. Needed with an apply function; a `Network` brings its own.

    Returns:
      The Gram matrices, shape (b, q, q).

    Raises:
      TypeError: x is not of floating-point numbers, key is none of `jax.random.key`, or draws is
        no whole number.
      ValueError: key holds several keys, draws is less than 1, init is missing, the network has
        several outputs, or x has a wrong shape, NaN or infinite values.

    Example:
      >>> import jax
      >>> from ntklib import ensembles, measures, networks
      >>> network, circle = networks.fully_connected(2, (4,), biases=True), measures.circle(8)
      >>> ensembles.initial_kernels(network, circle.nodes, jax.random.key(0), draws=2).shape
      (2, 8, 8)
    """
    points = _checks.real_array("x", x, "q d")
    key, count = _arguments.key("key", key), _checks.whole_number("draws", draws, least=1)
    apply, forward = _network.functions(network)
    if isinstance(network, Network):
        init = init or network.init
    if init is None:
        raise ValueError("init must be given with an apply function: a function key ↦ θ₀.")
    keys = jax.random.split(key, count)
    first = init(keys[0])
    _parameters.dtype_of(first, mixed=True)
    if shape := _door.outputs_of(network, first, points):
        raise ValueError(
            f"network must have one output, but returns shape {(points.shape[0], *shape)}: select "
            "one output coordinate."
        )
    shown = tqdm(keys, desc="initial kernels", delay=2)
    # θ₀ isn't drawn in the compiled function: drawing is what takes long to compile, and this way
    # layers of one shape are compiled once for all networks.
    grams = [_empirical.gram(init(each), points, apply=apply, forward=forward) for each in shown]
    return jnp.stack(grams)


def _draw_keys(key: Any, draws: int | None) -> Array:
    """Returns one key a draw: those given, or `draws` of the one that is given."""
    if draws is not None:
        draws = _checks.whole_number("draws", draws, least=1)
    if getattr(key, "ndim", 0) == 0:
        if draws is None:
            raise ValueError("draws is missing: say how many, or give one key for each draw.")
        return jax.random.split(_arguments.key("key", key), draws)
    keys = _arguments.keys("key", key)
    if draws is not None:
        _checks.same_length("key", keys.shape[0], "draws", draws)
    return keys


def _samples(measure: Measure, keys: Array, n: int) -> Float[Array, "b n d"]:
    drawn = jax.vmap(lambda key: measure.sample(key, n))(keys)
    return _checks.real_array("sample, drawn by measure,", drawn, "b n d")
