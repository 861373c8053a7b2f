r"""Independent repetitions over (θ₀, sample): the theorems hold with high probability over both."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ntklib import _arguments, _checks, _device
from ntklib.dynamics import _decay, _meter
from ntklib.dynamics._flows import Trajectory, gradient_flow
from ntklib.measures import Measure
from ntklib.networks import Network, _door, _outputs, _parameters
from ntklib.networks._network import Kernel, Target

NOISE = 2**31 - 1
"""Folded into a sample's key for the noise. `split(key)[i]` is `fold_in(key, i)`, and measures draw
from splits of the key: no small number will do."""


def network_flows(
    network: Network,
    target: Target,
    measure: Measure,
    times: Float[Array, " s"],
    key: Any,
    *,
    draws: int | None = None,
    n: int | None = None,
    noise: float = 0.0,
    **options: Any,
) -> tuple[Trajectory, PyTree]:
    """Gradient flows from independent initializations on independent samples.

    Args:
      network: finite width m; with several outputs as `gradient_flow` has it.
      target: f*.
      measure: ρ.
      times: where residuals are wanted, shape (s,).
      key: a `jax.random.key`, or b of them, which make a draw independent of the others beside it;
        the same key draws the same initializations whatever n is.
      draws: how many repetitions b; not needed with b keys.
      n: sample size; None for n = ∞.
      noise: deviation of normal noise on the labels of a sample.
      **options: passed to `dynamics.gradient_flow`, such as rtol or progress.

    Returns:
      The trajectories, residuals of shape (b, s, q), and the initial parameters θ₀, each leaf
      with a leading axis b.

    Raises:
      ValueError: draws is missing or not the number of keys, or noise without a sample.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from ntklib import dynamics, measures, networks, targets
      >>> network = networks.antisymmetric(networks.fully_connected(2, (4,), biases=True))
      >>> target, circle = targets.FourierSum((1,), (1.0,)), measures.circle(8)
      >>> times = jnp.linspace(0.1, 1.2, 12)
      >>> flows, params = dynamics.network_flows(
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
    several: tuple[int, ...] = ()
    if _checks.not_negative("noise", noise):
        several = _outputs.outputs_of(network, _parameters.draw(params, 0), measure.nodes)
    flows = gradient_flow(
        network, params, target, measure, times, sample=sample,
        noise=_noise(noise, sample_keys, n, several), draws=True, **options,
    )  # fmt: skip
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
    noise: float = 0.0,
    ridge: float = 0.0,
    progress: bool = True,
) -> Float[Array, "b s q *o"]:
    """Flows of a kernel (m = ∞) from r₀ = −f* on independent samples.

    Args:
      kernel: K, a JAX function. It is compiled once for each object and shape.
      target: f*, with one value a point, or with o > 1, as one a class; each then has the kernel K,
        and they decouple.
      measure: ρ.
      times: where residuals are wanted, shape (s,).
      key: a `jax.random.key`, or b of them, one for each sample.
      draws: how many repetitions b; not needed with b keys.
      n: sample size.
      noise: deviation of normal noise on the labels; residuals are without it.
      ridge: λ ≥ 0 as in `kernel_flow`.
      progress: whether a bar appears when the run is long.

    Returns:
      r_t at the nodes, shape (b, s, q), or (b, s, q, o).

    Raises:
      ValueError: draws is missing or not the number of keys.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from ntklib import dynamics, measures, targets
      >>> target, circle = targets.FourierSum((1,), (1.0,)), measures.circle(8)
      >>> linear, times = lambda x, y: x @ y.T, jnp.linspace(0.1, 1.2, 12)
      >>> flows = dynamics.kernel_flows(
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
    wanted = _door.values_of(target, measure.nodes, outputs=None)
    outputs = wanted.shape[1:]
    labels = _door.values_of(target, samples, alone=False, outputs=outputs)
    ridge, zeta = _checks.not_negative("ridge", ridge), _noise(noise, keys, n, outputs)
    if zeta is not None:
        labels = labels + zeta.astype(labels.dtype)
    batch = (samples, -labels, jnp.arange(keys.shape[0]))
    with _meter.bar("kernel flow", keys.shape[0], shown=progress) as bar:
        flow = jax.block_until_ready(
            _kernel_flows(
                batch, measure.nodes, -wanted, ts, ridge, bar,
                kernel=kernel, side_by_side=_device.side_by_side(), progress=progress,
            )
        )  # fmt: skip
    _decay.sound("kernel(sample, sample)", flow)
    return _checks.real_array("the flow of kernel", flow.elsewhere)


@functools.partial(jax.jit, static_argnames=("kernel", "side_by_side", "progress"))
def _kernel_flows(
    batch: PyTree, nodes: Array, initial: Array, ts: Array, ridge: Any, bar: Array, *,
    kernel: Kernel, side_by_side: bool, progress: bool,
) -> _decay.GramFlow:  # fmt: skip
    """Solves the flow of every draw of the batch (points, r̂₀, index)."""

    def one(draw: tuple[Array, Array, Array]) -> _decay.GramFlow:
        points, residual, index = draw
        flow = _decay.gram_flow(
            _door.gram_of(kernel, points, points),
            _door.gram_of(kernel, nodes, points),
            residual,
            initial,
            ts,
            ridge,
        )
        if progress:
            # Depends on the flow, or it would be sent before the flow is there.
            last = flow.elsewhere[-1].reshape(-1)[0]
            _meter.report(bar, index, jnp.where(jnp.isfinite(last), 1.0, 0.0))
        return flow

    return _device.over_draws(one, batch, side_by_side=side_by_side)


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


def _noise(
    deviation: float, keys: Array, n: int | None, outputs: tuple[int, ...] = ()
) -> Float[Array, "b n *o"] | None:
    """Returns normal noise for the labels of every draw, from keys apart from the samples'."""
    if _checks.not_negative("noise", deviation) == 0:
        return None
    if n is None:
        raise ValueError(f"noise = {deviation:g} is of a sample's labels: give n, too.")
    apart = jax.vmap(lambda key: jax.random.fold_in(key, NOISE))(keys)
    return deviation * jax.vmap(lambda key: jax.random.normal(key, (n, *outputs)))(apart)


def _samples(measure: Measure, keys: Array, n: int) -> Float[Array, "b n d"]:
    drawn = jax.vmap(lambda key: measure.sample(key, n))(keys)
    return _checks.real_array("sample, drawn by measure,", drawn, "b n d")
